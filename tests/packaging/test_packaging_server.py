"""The command line without the window: the same source and dependencies, except Qt; every command works; and where the recipes write."""

from __future__ import annotations

import email
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("PySide6", "shiboken6"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
import argparse, contextlib, io
import chorus_gui
assert chorus_gui.__file__.startswith(sys.argv[1]), chorus_gui.__file__
from chorus_gui.cli.main import build_parser
from chorus_gui.cli.main import main
def commands(parser, before=()):
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    yield before
    for group in groups:
        for name, sub in group.choices.items():
            yield from commands(sub, (*before, name))
def run(*words):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = main(list(words))
        except SystemExit as stopped:
            status = stopped.code
    return status or 0, said.getvalue()
count = 0
for words in commands(build_parser()):
    status, said = run(*words, "--help")
    assert status == 0 and "usage" in said.lower(), (words, status, said)
    count += 1
assert count > 50, count
for words in (("demo", "demo"), ("-c", "demo/config.toml", "doctor"), ("-c", "demo/config.toml", "status"), ("-c", "demo/config.toml", "file", "verify", "--all")):
    status, said = run(*words)
    assert status == 0, (words, status, said)
sys.argv = ["chorus-gui"]
from chorus_gui.__main__ import entry
said = io.StringIO()
with contextlib.redirect_stderr(said):
    try:
        entry()
    except SystemExit as stopped:
        assert stopped.code == 2, stopped.code
assert "Use “chorus-upload”" in said.getvalue(), said.getvalue()
print(count, "commands")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The distribution for servers, built from this checkout."""
    folder = tmp_path_factory.mktemp("server")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--no-index", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT / "installer" / "server")], check=True, timeout=200)
    (made,) = folder.glob("*.whl")
    return made


def test_it_needs_what_the_program_needs_except_qt(wheel: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    with zipfile.ZipFile(wheel) as packed:
        (name,) = [each for each in packed.namelist() if each.endswith("/METADATA")]
        meta = email.message_from_bytes(packed.read(name))
    needs = {re.split(r"[<>=;~ ]", each)[0].lower() for each in meta.get_all("Requires-Dist", []) if "extra ==" not in each}
    assert needs == {re.split(r"[<>=;~ ]", each)[0].lower() for each in project["dependencies"]} - {"pyside6-essentials"}
    assert meta.get_all("Provides-Extra") == list(project["optional-dependencies"])


def test_every_command_works_without_qt(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    work = tmp_path / "work"
    work.mkdir()
    environment = {"PYTHONPATH": str(site), "CHORUS_UPLOAD_HOME": str(tmp_path / "home"), "PYTHONUTF8": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(site)], cwd=work, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_recipes_run_as_nobody_in_particular_and_write_to_one_folder() -> None:
    text = (ROOT / "installer" / "server" / "Containerfile").read_text("utf-8")
    assert re.search(r"^USER [1-9]\d+:[1-9]\d+$", text, re.MULTILINE)
    for name in ("CHORUS_UPLOAD_HOME", "HOME", "TMPDIR"):
        assert re.search(rf"^ENV .*\b{name}=/data\b", text, re.MULTILINE), name
    for name in ("Containerfile", "chorus-upload.def"):
        recipe = (ROOT / "installer" / "server" / name).read_text("utf-8")
        assert "--constraint /src/constraints.txt" in recipe
        assert "/src/installer/server" in recipe
