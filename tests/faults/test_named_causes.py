"""The rule: an error names the thing that failed, and a step that helps."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest
from memorystore import MemoryStore
from world import World

from chorus_gui.core.errors import BlobNotFoundError, ChecksumError, JournalChangedError, JournalError
from chorus_gui.core.journal import opening
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Action, Entry, Level
from chorus_gui.core.storage.base import BlobInfo, StoreLimits


def _sqlite(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("it failed")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (_sqlite(sqlite3.SQLITE_FULL), "The disk is full"),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full"),
        (OSError(errno.EACCES, "Permission denied"), "Permission denied"),
        (_sqlite(sqlite3.SQLITE_CANTOPEN), "it failed"),
    ],
    ids=str,
)
def test_a_copy_that_cannot_be_made_names_its_folder_not_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    world = World(tmp_path)
    world.put("1/Images/a.dcm", "a")
    world.run()
    folder = tmp_path / "elsewhere"
    folder.mkdir()

    def fails(*_: object) -> None:
        raise error

    with Journal.open(world.journal) as journal:
        monkeypatch.setattr(opening.private, "take_place", fails)
        with pytest.raises(JournalError) as caught:
            journal.snapshot(folder / "copy.db")
    assert str(folder) in caught.value.what
    assert words in caught.value.what
    assert "intact" in caught.value.meaning
    assert caught.value.remedy


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let an open file be moved")
@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_journal_that_was_taken_away_is_not_called_read_only(tmp_path: Path, how: str) -> None:
    world = World(tmp_path)
    world.put("1/Images/a.dcm", "a")
    world.run()
    with Journal.open(world.journal) as journal:
        (row,) = journal.rows(active=True)
        journal.remove_never_uploaded_closed()  # the first change keeps a copy of the file
        world.journal.rename(tmp_path / "away.db")
        if how == "replaced":
            world.journal.write_bytes((tmp_path / "away.db").read_bytes())
        with pytest.raises(JournalChangedError, match="deleted, moved or replaced"):
            journal.commit([Entry(Action.CLOSE, old_id=row.file_id)])


class Committing(MemoryStore):
    """A store whose first commits go wrong."""

    def __init__(self, how: str, times: int) -> None:
        super().__init__(limits=StoreLimits(put_bytes=100, block_bytes=50))
        self.how, self.times = how, times

    def commit_blocks(self, path: str, block_ids: object, **options: object) -> BlobInfo:  # type: ignore[override]
        if self.times:
            self.times -= 1
            if self.how == "delivered twice":
                super().commit_blocks(path, block_ids, **options)  # type: ignore[arg-type]
            raise BlobNotFoundError("A part no longer waits.")
        return super().commit_blocks(path, block_ids, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("how", "level"), [("damaged list", Level.TRANSPORT), ("delivered twice", Level.PROPERTIES)])
def test_a_commit_that_went_wrong_once_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, level: Level) -> None:
    monkeypatch.setattr("chorus_gui.core.storage.retry.RetryPolicy.wait", lambda *_: 0.0)
    world = World(tmp_path)
    store = world.store = Committing(how, 1)
    world.put("1/Images/a.dcm", os.urandom(400))
    log = world.run(version="v1")
    assert not log.failures
    assert log.proofs == {level: 1}
    assert store.calls["stage_block"] == 8 + 1, "no part is sent twice; one is the journal's copy"


def test_a_list_that_is_damaged_for_good_does_not_blame_the_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chorus_gui.core.storage.retry.RetryPolicy.wait", lambda *_: 0.0)
    world = World(tmp_path)
    world.store = Committing("damaged list", 1000)
    world.put("1/Images/a.dcm", os.urandom(400))
    (failure,) = world.run(version="v1").failures
    assert failure.kind == ChecksumError.__name__
    assert "The list of the parts" in failure.cause
    assert "All parts of the file have arrived" in failure.cause
