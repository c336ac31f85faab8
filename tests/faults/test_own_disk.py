"""The disk of the program's own files is full, read-only or failing, at every write: no bug report, no loss, no false row."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from world import World

from chorus_gui.app.options import SubmitOptions
from chorus_gui.app.review import Reviewing
from chorus_gui.app.run import Done
from chorus_gui.app.status import Status
from chorus_gui.app.submit import submit
from chorus_gui.core import private
from chorus_gui.core.computer import FILE_OF_OURS, computer_fault
from chorus_gui.core.errors import ComputerError
from chorus_gui.core.folders import data_folder
from chorus_gui.core.job import JobContext, OutcomeKind, run
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.own_database import OwnDatabase, own_database
from chorus_gui.core.storage.digests import md5_of

SQLITE = {"full": sqlite3.SQLITE_FULL, "failing": sqlite3.SQLITE_IOERR, "read-only": sqlite3.SQLITE_READONLY}
SYSTEM = {"full": errno.ENOSPC, "quota": errno.EDQUOT, "failing": errno.EIO, "read-only": errno.EROFS, "handles": errno.EMFILE}
PATHS = [f"1{number:03d}/Images/IM{number}.dcm" for number in range(6)]


@dataclass
class Disk:
    """Counts the writes of the program's own files; the one with the number ``fails_at``, and each later one, fails."""

    fails_at: int = -1
    once: bool = False
    writes: int = 0

    def next_fails(self) -> bool:
        number, self.writes = self.writes, self.writes + 1
        return self.fails_at == number or (not self.once and 0 <= self.fails_at < number)


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, page_size=2)
    for path in PATHS:
        world.put(path, path)
    return world


def sqlite_disk(patch: pytest.MonkeyPatch, disk: Disk, code: int) -> None:
    """Every statement that writes into a database of the program's own."""

    def failing(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(db: OwnDatabase, statement: str, *given: Any) -> Any:
            if statement.lstrip().split(" ", 1)[0].upper() in ("INSERT", "UPDATE", "DELETE", "CREATE", "COMMIT") and disk.next_fails():
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = code  # type: ignore[misc]
                setattr(error, FILE_OF_OURS, db.file)
                raise error
            return real(db, statement, *given)

        return call

    for name in ("execute", "executemany", "executescript"):
        patch.setattr(OwnDatabase, name, failing(getattr(OwnDatabase, name)))


def system_disk(patch: pytest.MonkeyPatch, disk: Disk, number: int) -> None:
    """Every file of the program's own that is not a database, and every receipt."""
    real, real_open = private.create, os.open

    def create(path: Path) -> Any:
        if disk.next_fails():
            raise OSError(number, os.strerror(number), str(path))
        return real(path)

    def opened(path: Any, flags: int, *given: Any, **options: Any) -> int:
        name = os.fspath(path) if isinstance(path, (str, os.PathLike)) else ""
        if flags & os.O_CREAT and isinstance(name, str) and "receipts" in name and disk.next_fails():
            raise OSError(number, os.strerror(number), name)
        return real_open(path, flags, *given, **options)

    patch.setattr(private, "create", create)
    patch.setattr(os, "open", opened)


def submitted(world: World) -> Done[Any]:
    return submit(world.workspace(), JobContext(), SubmitOptions(version="v1"), Reviewing())


def check(world: World, done: Done[Any]) -> None:
    """Whatever happened: no bug report, no false row, a sentence with a remedy."""
    assert done.outcome.kind in (OutcomeKind.DONE, OutcomeKind.FAILED), done.outcome.report
    assert done.status in (Status.DONE, Status.NOT_STARTED, Status.STOPPED), done.status
    if error := done.outcome.error:
        assert error.remedy, error
        assert not isinstance(error, ComputerError) or "“" in error.what or "memory" in error.what, f"names nothing: {error}"
    if not world.journal.exists():
        return
    with Journal.open(world.journal, readonly=True) as journal:
        for row in journal.rows(uploaded=True):
            data = (world.central / "v1" / row.path).read_bytes()
            assert (row.size, row.md5) == (len(data), md5_of(data).hexdigest()), row


def all_arrives(world: World) -> None:
    """The same command again, on a disk with room, finishes the work; nothing that was recorded is sent again."""
    before: set[str] = set()
    if world.journal.exists():
        with Journal.open(world.journal, readonly=True) as journal:
            before = {row.path for row in journal.rows(uploaded=True)}
    done = submitted(world)
    assert done.status == Status.DONE, done.outcome
    assert done.log.sent.files == len(PATHS) - len(before)
    with Journal.open(world.journal, readonly=True) as journal:
        assert sorted(row.path for row in journal.rows(active=True) if row.uploaded) == sorted(PATHS)


def points(count: int) -> Iterator[int]:
    """The first writes, the last ones, and some between."""
    yield from sorted({*range(min(count, 4)), *range(4, count, max(1, count // 8)), *range(max(0, count - 3), count)})


@pytest.mark.parametrize(
    ("fault", "once"),
    [("full", False), *(pytest.param(fault, once, marks=pytest.mark.slow) for fault in SQLITE for once in (False, True))],
)
def test_a_fault_of_the_disk_of_the_reviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, once: bool) -> None:
    counted = Disk()
    with monkeypatch.context() as patch:
        sqlite_disk(patch, counted, SQLITE[fault])
        submitted(_world(tmp_path / "counted"))
    assert counted.writes > 10
    for number in points(counted.writes):
        world = _world(tmp_path / str(number))
        with monkeypatch.context() as patch:
            sqlite_disk(patch, Disk(number, once), SQLITE[fault])
            done = submitted(world)
        check(world, done)
        all_arrives(world)


@pytest.mark.parametrize("fault", ["full", *(pytest.param(fault, marks=pytest.mark.slow) for fault in SYSTEM)])
def test_a_fault_of_the_disk_of_other_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    counted = Disk()
    with monkeypatch.context() as patch:
        system_disk(patch, counted, SYSTEM[fault])
        submitted(_world(tmp_path / "counted"))
    assert counted.writes > 2
    for number in points(counted.writes):
        world = _world(tmp_path / str(number))
        with monkeypatch.context() as patch:
            system_disk(patch, Disk(number), SYSTEM[fault])
            done = submitted(world)
        check(world, done)
        all_arrives(world)


def test_a_full_disk_during_the_upload_does_not_stop_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from chorus_gui.core.review.staging import Staging

    def mark_done(staging: Staging, ids: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL  # type: ignore[misc]
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Staging, "mark_done", mark_done)
        done = submitted(world)
    assert done.status == Status.DONE
    assert any("the disk is full" in note and "The journal is complete." in note for note in done.log.notes), done.log.notes
    with Journal.open(world.journal, readonly=True) as journal:
        assert len(list(journal.rows(uploaded=True))) == len(PATHS)


def test_a_review_that_is_not_up_to_date_cannot_be_approved_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from chorus_gui.core.errors import StaleReviewError
    from chorus_gui.core.review.approval import approve
    from chorus_gui.core.review.staging import Staging, command_staging_path, staging_path

    test_a_full_disk_during_the_upload_does_not_stop_it(world, monkeypatch)
    kept = [path for path in (staging_path(world.journal), command_staging_path(staging_path(world.journal))) if path.exists()]
    assert kept
    for path in kept:
        with Staging.open(path) as staging, world.open() as journal, pytest.raises(StaleReviewError):
            approve(staging, journal, "v2")


def _world(base: Path) -> World:
    world = World(base, page_size=2)
    for path in PATHS:
        world.put(path, path)
    return world


def test_sqlite_itself_says_that_the_disk_is_full_and_the_sentence_names_the_file(tmp_path: Path) -> None:
    with closing(own_database(tmp_path / "review.db", timeout=1)) as db:
        db.execute("PRAGMA max_page_count = 4")
        db.execute("CREATE TABLE t (x)")
        with pytest.raises(sqlite3.Error) as caught:
            db.executemany("INSERT INTO t VALUES (?)", [("x" * 900,)] * 50)
    fault = computer_fault(caught.value)
    assert fault is not None
    assert str(tmp_path / "review.db") in fault.what
    assert "the disk is full" in fault.what
    assert str(tmp_path) in fault.remedy


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EMFILE, errno.EIO, errno.ENOMEM, errno.ENOTDIR]
)
def test_a_fault_of_the_computer_is_no_bug(number: int) -> None:
    def step(ctx: JobContext) -> None:
        raise OSError(number, os.strerror(number), "/data/list.csv")

    outcome = run(step, JobContext())
    assert outcome.kind is OutcomeKind.FAILED
    assert isinstance(outcome.error, ComputerError)
    assert outcome.error.remedy
    assert isinstance(outcome.error.__cause__, OSError)


@pytest.mark.parametrize("error", [OSError(errno.ENOENT, "gone", "/x"), OSError(errno.EACCES, "denied"), KeyError("x"), RuntimeError("x")])
def test_anything_else_stays_a_bug(error: Exception) -> None:
    def step(ctx: JobContext) -> None:
        raise error

    assert run(step, JobContext()).kind is OutcomeKind.CRASHED


def test_a_thread_that_cannot_be_started_is_no_bug() -> None:
    def step(ctx: JobContext) -> None:
        raise RuntimeError("can't start new thread")

    outcome = run(step, JobContext())
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.error is not None
    assert "thread" in outcome.error.what


@pytest.mark.parametrize("place", ["a file", "below a file", "read-only"])
def test_a_data_folder_that_cannot_be_used_is_named(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str) -> None:
    home = tmp_path / "home"
    if place == "read-only":
        real = Path.mkdir

        def mkdir(path: Path, *given: Any, **options: Any) -> None:
            if home in (path, *path.parents):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
            real(path, *given, **options)

        monkeypatch.setattr(Path, "mkdir", mkdir)
    else:
        home.write_text("")
    monkeypatch.setenv("CHORUS_UPLOAD_HOME", str(home if place == "a file" else home / "below"))
    done = submitted(world)
    assert done.status == Status.NOT_STARTED
    assert str(home) in str(done.outcome.error)
    assert "CHORUS_UPLOAD_HOME" in str(done.outcome.error)
    monkeypatch.undo()
    monkeypatch.setenv("CHORUS_UPLOAD_HOME", str(tmp_path / "other"))  # the remedy works
    assert submitted(world).status == Status.DONE


def test_a_user_without_a_home_folder_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHORUS_UPLOAD_HOME", raising=False)
    for name in ("HOME", "USERPROFILE", "LOCALAPPDATA", "XDG_DATA_HOME", "HOMEPATH", "HOMEDRIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as for a user whom the system does not know
    if os.name == "nt":
        pytest.skip("Windows asks the registry for the folder")
    with pytest.raises(ComputerError, match="CHORUS_UPLOAD_HOME"):
        data_folder()
    assert list(tmp_path.iterdir()) == [], "a folder named ~ was made"


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(sqlite3.SQLITE_FULL, "Free space"), (sqlite3.SQLITE_READONLY, "allowed to change"), (sqlite3.SQLITE_CANTOPEN, "allowed to change")],
)
def test_space_does_not_make_a_file_writable(code: int, remedy: str, tmp_path: Path) -> None:
    error = sqlite3.OperationalError("attempt to write a readonly database")
    error.sqlite_errorcode = code
    setattr(error, FILE_OF_OURS, str(tmp_path / "holds.db"))
    fault = computer_fault(error)
    assert isinstance(fault, ComputerError)
    assert remedy in fault.remedy
    assert ("Free space" in fault.remedy) == (code == sqlite3.SQLITE_FULL)
