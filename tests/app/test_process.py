"""A program without a console: detached, as schedulers, agents and services start it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chorus_gui.app import process
from chorus_gui.app.status import Status
from chorus_gui.cli import main as cli

ROOT = Path(__file__).resolve().parents[2]
WITHOUT = """
import sys
sys.stdin = sys.stdout = sys.stderr = None
from chorus_gui.cli.main import entry
sys.argv = ["chorus-upload", *{words!r}]
entry()
"""


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["demo", "{base}/demo"], 0),  # submits twice and verifies, with progress
        (["self-test", "{base}/out"], 0),
        (["-c", "{base}/none.toml", "submit", "--yes"], 2),
        (["-c", "{base}/none.toml", "journal", "list", "--json"], 2),
        (["credential", "set"], 2),
        (["--version"], 0),
        (["no-such-command"], 2),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else str(value),
)
def test_every_command_works_without_standard_streams(words: list[str], status: int, tmp_path: Path) -> None:
    given = [word.format(base=tmp_path.as_posix()) for word in words]
    environment = {**os.environ, "CHORUS_UPLOAD_HOME": str(tmp_path / "home")}
    code = WITHOUT.format(words=given)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, timeout=120, check=False)
    log = tmp_path / "home" / "log" / "chorus-upload.log"
    assert done.returncode == status, log.read_text("utf-8") if log.is_file() else ""


def test_ctrl_c_while_the_program_starts_is_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    """It printed lines of the program."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "prepare", interrupted)
    with pytest.raises(SystemExit) as stop:
        cli.entry()
    assert stop.value.code == Status.INTERRUPTED


def test_an_error_is_printed_once_where_no_log_can_be_written(tmp_path: Path) -> None:
    """Python printed the line for the log, too."""
    (tmp_path / "file").write_bytes(b"")
    environment = {**os.environ, "CHORUS_UPLOAD_HOME": str(tmp_path / "file" / "home")}
    command = [sys.executable, "-m", "chorus_gui.cli", "-c", str(tmp_path / "none.toml"), "scan"]
    done = subprocess.run(command, cwd=ROOT, env=environment, timeout=120, check=False, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == Status.NOT_STARTED
    assert done.stderr.startswith("Error: "), done.stderr
    assert "because of" not in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_streams_that_are_there_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    out = sys.stdout
    monkeypatch.setattr(sys, "stdin", None)
    process.prepare()
    assert sys.stdout is out
    assert sys.stdin is not None
    assert sys.stdin.read() == ""
    assert not sys.stdin.isatty()
    sys.stdin.close()


class Recorded:
    flags = 0

    def __init__(self, *args: Any, **options: Any) -> None:
        self.flags = options["creationflags"]


@pytest.mark.parametrize(("given", "used"), [(0, 0x08000000), (0x200, 0x08000200), (0x08, 0x08), (0x10, 0x10)])
def test_a_child_opens_no_console_window_unless_it_is_meant_to(given: int, used: int) -> None:
    assert process.quiet(Recorded)(["az"], creationflags=given).flags == used


def test_a_child_still_runs_and_is_still_a_class() -> None:
    quiet = process.quiet(subprocess.Popen) if sys.platform == "win32" else subprocess.Popen
    with quiet([sys.executable, "-c", "print('x')"], stdout=subprocess.PIPE) as child:
        assert child.communicate()[0].split() == [b"x"]
    assert isinstance(quiet, type)
    assert issubclass(quiet, subprocess.Popen)


def test_the_null_device_is_no_terminal() -> None:
    """On Windows it says that it is one: a scheduler's command would wait for a person."""
    with open(os.devnull, encoding="utf-8") as nothing:
        assert not process.is_terminal(nothing)
    assert not process.is_terminal(None)
