"""The house rules that a program can hold: layers, no Qt below the window, nothing heavy at the start, one version."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import chorus_gui

ROOT = Path(__file__).resolve().parents[2]


def python(code: str, *args: str) -> str:
    """Run code in a new interpreter, warnings as errors; what it printed."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code, *args], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def modules(package: str) -> list[str]:
    """The names of all modules of ``chorus_gui.<package>``, by their files."""
    paths = sorted((ROOT / "chorus_gui" / package).rglob("*.py"))
    return [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]


def test_the_layers_hold() -> None:
    pytest.importorskip("importlinter")  # the source is the same everywhere; it is looked at where it is written
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        env={**os.environ, "PYTHONUTF8": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_but_the_window_lives_without_qt() -> None:
    names = [name for package in ("core", "app", "cli") for name in modules(package)]
    assert len(names) > 30
    python(
        "import importlib, sys\n"
        "for name in ('PySide6', 'shiboken6'): sys.modules[name] = None\n"
        "for name in sys.argv[1:]: importlib.import_module(name)",
        *names,
    )


def test_no_module_does_work_when_it_is_imported(tmp_path: Path) -> None:
    names = [name for package in ("core", "app", "cli") for name in modules(package)]
    code = (
        "import importlib, sys\n"
        "seen = []\n"
        "WATCHED = ('socket.__new__', 'subprocess.Popen', 'sqlite3.connect', 'os.mkdir', 'os.remove', 'os.rename')\n"
        "sys.addaudithook(lambda event, args: seen.append(event) if event in WATCHED else None)\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print(seen)"
    )
    assert python(code, *names).strip() == "[]"


def test_the_command_line_starts_light() -> None:
    """Imports are most of a frozen program's start: the cloud's and the terminal's libraries wait until they are wanted."""
    code = (
        "import contextlib, io, json, sys\n"
        "from chorus_gui.cli.main import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()): main(['--version'])\n"
        "print(json.dumps(list(sys.modules)))"
    )
    loaded = json.loads(python(code))
    assert "chorus_gui.cli.arguments" in loaded  # the grammar of all commands was made
    heavy = {"azure", "rich", "PySide6", "msal", "requests", "cryptography", "jinja2", "tomlkit", "pydicom"}
    assert not {name.partition(".")[0] for name in loaded} & heavy
    ours = tuple(f"chorus_gui.core.{part}" for part in ("config", "journal", "storage", "rules"))
    assert not [name for name in loaded if name.startswith(ours)]


def test_the_values_of_a_review_need_no_database() -> None:
    loaded = json.loads(python("import json, sys, chorus_gui.core.review.values; print(json.dumps(list(sys.modules)))"))
    assert not {"sqlite3", "chorus_gui.core.journal", "chorus_gui.core.review.staging"} & set(loaded)


def test_the_version_stands_in_one_place() -> None:
    assert importlib.metadata.version("chorus-upload") == chorus_gui.__version__
    others = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "chorus_gui").rglob("*.py")
        if path != ROOT / "chorus_gui" / "__init__.py" and f'"{chorus_gui.__version__}"' in path.read_text("utf-8")
    ]
    assert others == []


@pytest.mark.parametrize("name", ["chorus-upload"])
def test_the_installed_command_answers(name: str) -> None:
    entries = {entry.name: entry for entry in importlib.metadata.entry_points(group="console_scripts")}
    assert callable(entries[name].load())
