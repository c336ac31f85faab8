"""The log of an expected failure: what happened and why, in sentences; where in the program, only if somebody asked for more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chorus_gui.app.logs import log_to_file
from chorus_gui.cli.main import main
from chorus_gui.core.errors import ChorusError, UsageError
from chorus_gui.core.folders import log_folder
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.ui.job_end import job_end
from chorus_gui.ui.jobs import Job
from chorus_gui.ui.state import JobKind

NAME = "chorus-upload.log"
SECRET = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYg=="


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("chorus")
    before, level = list(root.handlers), ours.level
    yield
    ours.setLevel(level)
    for handler in [one for one in root.handlers if one not in before]:
        root.removeHandler(handler)
        handler.close()


def failure() -> ChorusError:
    """An expected failure with two causes; the text of one contains a key and two lines."""
    try:
        try:
            try:
                raise PermissionError(13, "Permission denied")
            except PermissionError as error:
                raise ConnectionError(f"no answer\nAccountKey={SECRET}") from error
        except ConnectionError as error:
            raise UsageError("The journal cannot be read.", remedy="Try again.") from error
    except UsageError as error:
        return error


def in_a_window(verbose: bool, tmp_path: Path) -> None:
    del tmp_path
    log_to_file(NAME, verbose=verbose)
    job = Job(1, JobKind.SCAN, "Scan", "", lambda ctx: None, lambda job, outcome: None, JobContext())
    job_end(job, Outcome(OutcomeKind.FAILED, error=failure()), "", None)


def on_the_command_line(verbose: bool, tmp_path: Path) -> None:
    there = tmp_path / "there.toml"
    there.touch()
    assert main([*(["--verbose"] if verbose else []), "config-help", "--output", str(there)]) == 2


WAYS = {"window": (in_a_window, "ConnectionError"), "command line": (on_the_command_line, "FileExistsError")}


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize(("way", "cause"), WAYS.values(), ids=WAYS)
def test_an_expected_failure_is_logged_with_its_cause_and_a_traceback_only_on_request(
    way: Callable[[bool, Path], None], cause: str, verbose: bool, tmp_path: Path
) -> None:
    way(verbose, tmp_path)
    text = (log_folder() / NAME).read_text("utf-8")
    assert "UsageError" in text
    assert cause in text
    assert ("Traceback" in text) is verbose
    assert SECRET not in text


def test_every_cause_has_one_line(tmp_path: Path) -> None:
    in_a_window(False, tmp_path)
    lines = (log_folder() / NAME).read_text("utf-8").splitlines()
    assert "Scan: The journal cannot be read. Try again." in lines[0]
    assert "PermissionError" in lines[-1]
    assert len(lines) == 3


def test_without_a_file_nothing_is_printed_on_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A purge closes the file, and there can be none: Python then prints what is logged."""
    monkeypatch.setenv("CHORUS_UPLOAD_HOME", str(tmp_path / "file" / "home"))
    (tmp_path / "file").write_bytes(b"")
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    assert log_to_file(NAME) is None
    assert root.hasHandlers()
    monkeypatch.setenv("CHORUS_UPLOAD_HOME", str(tmp_path / "home"))
    opened = log_to_file(NAME)
    assert opened is not None
    root.removeHandler(opened)
    opened.close()
    assert root.hasHandlers()
