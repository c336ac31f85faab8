"""A program that keeps its own files beside itself: only on request, only where the policy and the disk allow it."""

from __future__ import annotations

import errno
import itertools
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from chorus_gui.app import portable
from chorus_gui.app.folders import suggested_configuration
from chorus_gui.app.portable import check_own_home, decide, is_inside
from chorus_gui.app.selftest import attempt, user_folders
from chorus_gui.cli.main import main
from chorus_gui.core import folders, private
from chorus_gui.core.config import policy as policies
from chorus_gui.core.config.policy import NO_POLICY, Policy, Rule
from chorus_gui.core.errors import ComputerError, PolicyError
from chorus_gui.core.folders import PORTABLE, own_home

FORBIDS = Policy("HKLM", {}, frozenset({Rule.NO_PORTABLE_DATA}))
DENIED = OSError(errno.EROFS, "Read-only file system", "x")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a frozen program, in which this process seems to run; no variable, no policy."""
    folder = tmp_path / "CHoRUS Upload"
    folder.mkdir()
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(folder / "chorus-upload.exe"))
    monkeypatch.delenv("CHORUS_UPLOAD_HOME")
    user = tmp_path / "user"
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(user / name))
    monkeypatch.setenv("WIN_PD_OVERRIDE_LOCAL_APPDATA", str(user))  # what platformdirs reads in tests
    monkeypatch.setattr(policies, "POLICY_FILE", tmp_path / "policy.toml")
    monkeypatch.setattr(policies, "sys", SimpleNamespace(platform="linux"))
    return folder


def forbid(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("forbid_portable_data = true\n")


@pytest.mark.parametrize(
    ("variable", "marked", "frozen", "found"),
    [
        ("", False, False, None),
        ("", False, True, None),
        ("", True, False, None),
        ("", True, True, "program/portable-data"),
        ("elsewhere", False, False, "elsewhere"),
        ("elsewhere", False, True, "elsewhere"),
        ("elsewhere", True, False, "elsewhere"),
        ("elsewhere", True, True, "elsewhere"),  # the variable is the more exact request
    ],
)
def test_where_the_own_files_are(tmp_path: Path, variable: str, marked: bool, frozen: bool, found: str | None) -> None:
    program = tmp_path / "program"
    (program / PORTABLE if marked else program).mkdir(parents=True)
    place = own_home(str(tmp_path / variable) if variable else "", program if frozen else None)
    assert place == (tmp_path / found if found else None)


@pytest.mark.parametrize(
    ("home", "frozen", "forbidden", "fault"),
    list(itertools.product(("", "program/portable-data", "program/x", "elsewhere"), (False, True), (False, True), (False, True))),
)
def test_every_case_of_the_decision(tmp_path: Path, home: str, frozen: bool, forbidden: bool, fault: bool) -> None:
    program = tmp_path / "program" if frozen else None
    place = tmp_path / home if home else None
    problem = decide(place, program, FORBIDS if forbidden else NO_POLICY, DENIED if fault else None)
    if not frozen or not home.startswith("program"):
        assert problem is None  # what is outside the program's folder is not its concern
    elif forbidden:  # the policy says more than the disk
        assert isinstance(problem, PolicyError)
        assert problem.policy == "ForbidPortableData"
        assert "HKLM" in problem.meaning
        assert "IT department" in problem.remedy
    elif fault:
        assert isinstance(problem, ComputerError)
        assert str(place) in problem.what
        assert "the disk is read-only" in problem.what
        assert "Copy the program" in problem.remedy
    else:
        assert problem is None
    if problem is not None:  # the remedy is for what asked for this place
        assert ("Rename the folder" in problem.remedy or "rename the folder" in problem.remedy) == (home == "program/portable-data")
        assert ("CHORUS_UPLOAD_HOME" in problem.remedy) == (home == "program/x")


def test_a_place_is_inside_by_its_name_and_by_where_a_link_leads(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.mkdir()
    assert is_inside(program / PORTABLE, program)
    assert is_inside(program / "_internal" / ".." / "x", program)
    assert is_inside(program, program)
    assert not is_inside(tmp_path / "program 2" / PORTABLE, program)
    if sys.platform != "win32":
        (tmp_path / "link").symlink_to(program)
        assert is_inside(tmp_path / "link" / "x", program)
        (tmp_path / "far").mkdir()
        (program / PORTABLE).symlink_to(tmp_path / "far")
        assert is_inside(program / PORTABLE, program)


def test_without_the_folder_it_behaves_like_the_installed_program(
    program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forbid(tmp_path)
    assert main(["demo", str(tmp_path / "demo")]) == 0
    assert list(program.iterdir()) == []
    assert list((tmp_path / "user").rglob("*.html")), "the receipts are with the user"
    assert suggested_configuration() == Path.home() / "CHoRUS" / "config.toml"


def test_with_the_folder_everything_is_beside_the_program(program: Path, tmp_path: Path) -> None:
    (program / PORTABLE).mkdir()
    assert main(["demo", str(tmp_path / "demo")]) == 0
    assert {"data", "log"} <= {path.name for path in (program / PORTABLE).iterdir()} <= {"data", "log", "config"}
    assert list((program / PORTABLE / "data").rglob("*.html"))
    assert not (tmp_path / "user").exists()
    assert folders.settings_folder() == program / PORTABLE / "config"
    assert suggested_configuration() == program / PORTABLE / "CHoRUS" / "config.toml"
    assert not list((program / PORTABLE).glob(".write-test*")), "the trial leaves nothing"


def test_the_policy_forbids_it_before_anything_is_written(program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (program / PORTABLE).mkdir()
    forbid(tmp_path)
    assert main(["status"]) == 2
    said = capsys.readouterr().err
    assert "“ForbidPortableData”" in said
    assert str(tmp_path / "policy.toml") in said
    assert PORTABLE in said
    assert list((program / PORTABLE).iterdir()) == []
    assert not (tmp_path / "user").exists()
    check = attempt("user folders", user_folders)
    assert not check.ok
    assert "ForbidPortableData" in check.told
    (program / PORTABLE).rename(program / "kept")  # what the message says to do
    folders._decided.cache_clear()  # the next start
    assert main(["demo", str(tmp_path / "demo")]) == 0


def test_a_variable_does_not_get_around_the_policy(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid(tmp_path)
    monkeypatch.setenv("CHORUS_UPLOAD_HOME", str(program / "mine"))
    with pytest.raises(PolicyError, match="ForbidPortableData"):
        check_own_home()
    assert list(program.iterdir()) == []
    monkeypatch.setenv("CHORUS_UPLOAD_HOME", str(tmp_path / "mine"))
    check_own_home()


def test_a_policy_that_cannot_be_read_forbids_it(program: Path, tmp_path: Path) -> None:
    (program / PORTABLE).mkdir()
    (tmp_path / "policy.toml").write_text("forbid_portable = true\n")
    with pytest.raises(PolicyError, match="cannot be used"):
        check_own_home()
    assert list((program / PORTABLE).iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_named(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (program / PORTABLE).write_text("")
    assert main(["status"]) == 2
    said = capsys.readouterr().err
    assert str(program / PORTABLE) in said
    assert "a file is in the place of a folder" in said


def test_a_folder_that_cannot_be_written_is_named(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (program / PORTABLE / "data").mkdir(parents=True)  # a copy on a read-only medium has its folders

    def refuse(path: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(private, "create", refuse)
    assert main(["demo", str(tmp_path / "demo")]) == 2
    said = capsys.readouterr().err
    assert f"Could not use the folder “{program / PORTABLE}”" in said
    assert "the disk is read-only" in said
    assert "Copy the program to a folder that you can write to" in said
    assert not (tmp_path / "demo").exists()
    assert not (tmp_path / "user").exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="an administrator may write everywhere")
def test_a_folder_without_permission_is_named(program: Path) -> None:
    (program / PORTABLE).mkdir(mode=0o500)
    with pytest.raises(ComputerError, match="you do not have permission"):
        check_own_home()


def test_nothing_is_read_at_a_start_without_the_folder(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> Policy:
        raise AssertionError("the policy was read")

    monkeypatch.setattr(policies, "read_policy", never)
    check_own_home()
    assert not hasattr(portable, "read_policy")


WINDOW = """
import sys
from pathlib import Path
from types import SimpleNamespace
from chorus_gui.core.config import policy
sys.frozen, sys.executable = True, sys.argv[1]
policy.POLICY_FILE, policy.sys = Path(sys.argv[2]), SimpleNamespace(platform="linux")
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLabel
from chorus_gui.ui import app
from chorus_gui.ui.widgets.dialogs import CannotStartDialog
make = app.make_application
def look():
    (dialog,) = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, CannotStartDialog)]
    print(" ".join(part.text() for part in dialog.findChildren(QLabel)))
    dialog.reject()
def make_application(arguments):
    made = make(arguments)
    QTimer.singleShot(300, look)
    return made
app.make_application = make_application
sys.exit(app.main([]))
"""


def window(program: Path, policy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the application's event loop ends."""
    env = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    del env["CHORUS_UPLOAD_HOME"]
    words = [sys.executable, "-c", WINDOW, str(program / "ChorusUpload.exe"), str(policy), *arguments]
    return subprocess.run(words, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_the_window_says_it_too(tmp_path: Path) -> None:
    (tmp_path / PORTABLE).write_text("")
    done = window(tmp_path, tmp_path / "none.toml")
    assert done.returncode == 2, done.stderr
    assert str(tmp_path / PORTABLE) in done.stdout
    assert "Copy the program" in done.stdout


def test_the_window_writes_nothing_where_the_policy_forbids_it(tmp_path: Path) -> None:
    """Not even the pictures of its theme, which it keeps with its other files."""
    (tmp_path / PORTABLE).mkdir()
    forbid(tmp_path)
    done = window(tmp_path, tmp_path / "policy.toml")
    assert done.returncode == 2, done.stderr
    assert "ForbidPortableData" in done.stdout
    assert list((tmp_path / PORTABLE).iterdir()) == []


def test_a_folder_that_somebody_makes_while_the_program_runs_counts_from_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise one run would have its files at two places, and a policy that forbids the folder would be checked too early."""
    program = tmp_path / "program"
    program.mkdir()
    monkeypatch.delenv("CHORUS_UPLOAD_HOME", raising=False)
    monkeypatch.setattr(folders, "program_folder", lambda: program)
    assert folders.home_of_this_run() is None
    (program / folders.PORTABLE).mkdir()
    assert folders.home_of_this_run() is None
    folders._decided.cache_clear()  # the next start
    assert folders.home_of_this_run() == program / folders.PORTABLE
    folders._decided.cache_clear()
