"""Another program holds the journal: a change waits for it, says so, and loses nothing."""

import sqlite3
import threading
import time
from pathlib import Path

import pytest

from chorus_gui.core.errors import JournalBusyError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal import opening, store
from chorus_gui.core.journal.store import Journal


class _Viewer:
    """Another program that reads the journal (a database viewer): it holds SQLite's shared lock until it is closed."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("BEGIN")
        self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def close(self) -> None:
        self._db.close()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.5)
    monkeypatch.setattr(store, "SILENT", 0.1)


def test_a_viewer_that_holds_the_journal_is_waited_for_once_something_was_recorded(tmp_path: Path, short: None, enter) -> None:
    ctx, notes = JobContext(), []
    path = tmp_path / "journal.db"
    with Journal.open(path, create=True, ctx=ctx) as journal:
        journal.commit([enter("a")])
        viewer = _Viewer(path)

        def leave() -> None:
            time.sleep(1.5)  # three times as long as a first change waits
            waiting = ctx.progress.snapshot().waiting
            notes.append(waiting.text if waiting else "")
            viewer.close()

        thread = threading.Thread(target=leave)
        thread.start()
        journal.commit([enter("b")])
        thread.join()
        assert sorted(row.path for row in journal.rows()) == ["a", "b"]
    assert "Another program has used the journal since" in notes[0]
    assert "database viewer" in notes[0]
    assert ctx.progress.snapshot().waiting is None


def test_the_first_change_does_not_wait_long_for_another_program(tmp_path: Path, short: None, enter) -> None:
    path = tmp_path / "journal.db"
    Journal.open(path, create=True).close()
    with Journal.open(path, ctx=JobContext()) as journal:
        viewer = _Viewer(path)
        began = time.monotonic()
        with pytest.raises(JournalBusyError, match="in use by another program"):
            journal.commit([enter("a")])
        assert time.monotonic() - began < 20
        viewer.close()
        journal.commit([enter("a")])


def test_a_cancelled_job_waits_no_longer_than_the_first_change(tmp_path: Path, short: None, enter) -> None:
    ctx = JobContext()
    path = tmp_path / "journal.db"
    with Journal.open(path, create=True, ctx=ctx) as journal:
        journal.commit([enter("a")])
        viewer = _Viewer(path)
        ctx.cancel()
        with pytest.raises(JournalBusyError):
            journal.commit([enter("b")])
        viewer.close()
        assert [row.path for row in journal.rows()] == ["a"]
