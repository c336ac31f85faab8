"""What a killed process leaves in the folder for temporary files, and in the program's own, is removed by the next one; nothing else is."""

from __future__ import annotations

import errno
import math
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import filelock
import pytest
from memorystore import MemoryStore

import chorus_gui
from chorus_gui.app.folders import FOLDERS, remove_leftovers
from chorus_gui.cli.main import main
from chorus_gui.core import folders, private, temporary
from chorus_gui.core.errors import ComputerError, JournalError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.storage.one_file import fetch_file
from chorus_gui.core.temporary import own_folder

KILLED = """
import os, sys
from pathlib import Path
from chorus_gui.core.temporary import own_folder
with own_folder(Path(sys.argv[1]) if sys.argv[1:] else None) as folder:
    (folder / "journal.db").write_bytes(b"names of patients")
    print(folder, flush=True)
    {end}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    place = tmp_path / "temporary"
    place.mkdir()
    for name in ("SQLITE_TMPDIR", "TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return place


def killed(*where: str) -> Path:
    """A folder whose process was killed."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED.format(end="os._exit(9)"), *where], capture_output=True, text=True, env={**os.environ}, check=False
    )
    assert done.returncode == 9, done.stderr
    return Path(done.stdout.strip())


def age(path: Path, seconds: float) -> None:
    then = path.parent.stat().st_mtime - seconds
    os.utime(path, (then, then))


@pytest.mark.parametrize("in_place", [False, True])
def test_the_next_process_removes_what_a_killed_one_left(place: Path, tmp_path: Path, *, in_place: bool) -> None:
    where = tmp_path / "staging" if in_place else None
    if where is not None:
        where.mkdir()
    old, new = (killed(*([str(where)] if where else [])) for _ in range(2))
    mine, other = old.with_name("run-mine"), old.with_name(temporary.PREFIX + "file")
    mine.mkdir()
    other.write_bytes(b"a file of somebody")
    for path in (old, mine, other):
        age(path, temporary.NEW_S + 60)
    with own_folder(where) as folder:
        assert not old.exists()
        assert new.exists(), "it is new: its maker has perhaps not locked it yet"
        assert mine.exists()
        assert other.exists()
        assert folder.is_dir()
    assert not folder.exists()


def test_a_folder_in_use_stays(place: Path) -> None:
    """However long nobody has written in it."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED.format(end="sys.stdin.read()")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        used = Path(process.stdout.readline().strip())
        age(used, 1e7)
        temporary.sweep()
        assert (used / "journal.db").is_file()
        process.stdin.close()
    assert process.returncode == 0
    assert not used.exists()


def test_a_purge_removes_the_newest_too(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The user leaves now, and nobody starts the program for them in an hour.  A copy that another process uses stays."""
    left = killed()
    with own_folder() as used:
        assert main(["purge", "--yes"]) == 0
        assert not left.exists()
        assert used.is_dir()
    capsys.readouterr()


def test_a_start_sweeps_the_folders_of_the_program(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Old parts only, and whatever happens to the clock of the computer."""
    left: list[Path] = []
    kept: list[Path] = []
    for folder in (folders.data_folder(), folders.settings_folder(), *(folders.data_folder(name) for name in FOLDERS)):
        old, new = private.beside(folder / "a.json"), private.beside(folder / "b.json")
        for part in (old, new):
            part.write_bytes(b"half")
        age(old, private.LEFT_S + 60)
        own = folder / "a person's own.part"
        own.write_bytes(b"x")
        age(own, private.LEFT_S + 60)
        left.append(old)
        kept += [new, own]
    temporary_one, look = killed(), killed(str(folders.data_folder("staging")))
    for path in (temporary_one, look):
        age(path, temporary.NEW_S + 60)
    assert main(["usage"]) == 0
    capsys.readouterr()
    assert [path for path in (*left, temporary_one, look) if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []


def test_a_start_makes_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "home_of_this_run", lambda: tmp_path / "home")
    remove_leftovers()
    assert sorted(path.name for path in (tmp_path / "home" / "data").iterdir()) == []


def full(patch: pytest.MonkeyPatch) -> None:
    def create(path: Path) -> object:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    patch.setattr(private, "create", create)


def check(error: ComputerError | JournalError, place: Path) -> None:
    assert error.what == f"Could not write temporary files to the folder “{place}”: its disk is full."
    assert "Free space on that disk, or set the environment variables" in error.remedy


def test_a_download_names_the_full_folder(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a folder that the person chose as before."""
    store = MemoryStore()
    blob = store.put("a", b"x", md5=md5_of(b"x").digest())
    with own_folder() as folder, monkeypatch.context() as patch:
        full(patch)
        with pytest.raises(ComputerError) as caught:
            fetch_file(store, blob, folder / "journal.db", JobContext())
    check(caught.value, place)


def test_a_copy_of_the_journal_names_the_full_folder(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal.open(tmp_path / "journal.db", create=True) as journal, own_folder() as folder, monkeypatch.context() as patch:
        full(patch)
        with pytest.raises(JournalError) as caught:
            journal.snapshot(folder / "journal.db")
        with pytest.raises(JournalError, match="Could not copy the journal to the folder"):
            journal.snapshot(tmp_path / "copy.db")
    check(caught.value, place)


def test_a_folder_that_cannot_be_made_names_the_folder_for_temporary_files(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def mkdtemp(**_: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "x")

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    with pytest.raises(ComputerError) as caught, own_folder():
        pass
    check(caught.value, place)


def test_every_folder_for_temporary_files_is_made_in_one_place() -> None:
    """All but those of tests and demos on this computer, which hold nothing of a site."""
    root = Path(chorus_gui.__file__).parent
    makers = {
        str(file.relative_to(root)).replace("\\", "/") for file in root.rglob("*.py") if "TemporaryDirectory(" in file.read_text("utf-8")
    }
    assert makers == {"cli/demo_command.py"}


@pytest.mark.parametrize("taken_after", ["mkdtemp", "touch"])
def test_a_folder_that_a_purge_removes_before_it_is_locked_is_made_again(
    place: Path, monkeypatch: pytest.MonkeyPatch, taken_after: str
) -> None:
    removed: list[Path] = []

    def then_purged(folder: Path) -> None:
        if not removed:
            removed.append(folder)
            temporary.sweep(new_s=-math.inf)
            assert not folder.exists()

    if taken_after == "mkdtemp":
        mkdtemp = tempfile.mkdtemp

        def made(**where: Any) -> str:
            folder = mkdtemp(**where)
            then_purged(Path(folder))
            return folder

        monkeypatch.setattr(tempfile, "mkdtemp", made)
    else:
        touch = Path.touch

        def touched(file: Path) -> None:
            touch(file)
            then_purged(file.parent)

        monkeypatch.setattr(Path, "touch", touched)
    with own_folder() as folder:
        assert removed
        assert folder not in removed
        assert os.listdir(folder) == [temporary.LOCK]
        if os.name == "posix":
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert os.listdir(place) == []


def test_nobody_can_take_a_folder_while_it_is_removed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = killed()
    (left / "inside").mkdir()
    tried: list[bool] = []
    remove = temporary.remove_folder

    def removing(folder: Path) -> None:
        if folder.name == "inside":
            with pytest.raises(filelock.Timeout), filelock.FileLock(left / temporary.LOCK, timeout=0):
                pass
            tried.append(True)
        remove(folder)

    monkeypatch.setattr(temporary, "remove_folder", removing)
    temporary.sweep(new_s=-math.inf)
    assert tried
    assert not left.exists()
