"""The rule: if the folder for temporary files is full, that folder is named, with a remedy, and never the journal or another file."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import chorus_gui
from chorus_gui.core import computer, own_database
from chorus_gui.core.errors import ChorusError, ComputerError, JournalError
from chorus_gui.core.job import JobContext, run
from chorus_gui.core.journal import current, store
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Action, Entry
from chorus_gui.core.own_database import OwnDatabase, temporary_database
from chorus_gui.core.submission.guard import Proofs
from chorus_gui.core.submission.marker import Root

MANY = 3000
MD5 = "0123456789abcdef" * 2


def entries(count: int) -> list[Entry]:
    return [Entry(Action.ENTER, "Images", f"{number:06}/Images/a.dcm", "1", 5, 11, MD5, "v1", "20250101000000") for number in range(count)]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    with Journal.open(path, create=True) as made:
        made.commit(entries(MANY))
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where temporary files are."""
    place = tmp_path / "temporary"
    place.mkdir()
    for name in ("SQLITE_TMPDIR", "TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return str(place)


def check(error: ChorusError | None, folder: str) -> None:
    assert error is not None
    assert error.what.startswith(f"Could not write temporary files to the folder “{folder}”")
    assert "The journal is intact" in error.meaning
    assert "Free space on that disk" in error.remedy
    assert ("TEMP and TMP" if os.name == "nt" else "SQLITE_TMPDIR and TMPDIR") in error.remedy
    assert "Restore" not in error.remedy


def small(pages: int) -> Callable[..., OwnDatabase]:
    """Temporary databases for which there is little space."""

    def make(*, any_thread: bool = False) -> OwnDatabase:
        db = temporary_database(any_thread=any_thread)
        db.execute(f"PRAGMA max_page_count = {pages}")
        return db

    return make


def test_the_index_beside_the_journal(journal: Path, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current, "temporary_database", small(5))
    before = journal.read_bytes()
    with Journal.open(journal) as opened, pytest.raises(JournalError) as caught:
        opened.commit([*entries(MANY + 1)][-1:])
    check(caught.value, folder)
    assert journal.read_bytes() == before


def test_the_numbers_of_the_entries_that_are_read(journal: Path, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(tempfile.SpooledTemporaryFile[bytes]):
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store, "SpooledTemporaryFile", Full)
    with Journal.open(journal, readonly=True) as opened, pytest.raises(JournalError) as caught:
        list(opened.rows())
    check(caught.value, folder)
    assert "its disk is full" in caught.value.what


@pytest.mark.skipif(os.name != "posix", reason="no other system limits the size of a file for one process")
def test_what_sqlite_sorts(journal: Path, folder: str) -> None:
    """A process whose files cannot grow reads the journal in an order for which there is no index."""
    code = f"""
import resource
from pathlib import Path
from chorus_gui.core.errors import JournalError
from chorus_gui.core.journal.store import Journal
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
with Journal.open(Path({str(journal)!r}), readonly=True) as journal:
    journal._conn.execute("PRAGMA cache_size = 1")
    try:
        journal.select("1 ORDER BY " + " || ".join(["md5"] * 40) + " || path")
    except JournalError as error:
        print(error.what, error.meaning, error.remedy, sep="|")
    else:
        print("no error")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    what, meaning, remedy = done.stdout.strip().split("|")
    check(JournalError(what, meaning=meaning, remedy=remedy), folder)


@pytest.mark.parametrize("make", [Proofs, Root], ids=["what this run wrote", "the lines of a marker"])
def test_other_temporary_databases(folder: str, monkeypatch: pytest.MonkeyPatch, make: Callable[[], Any]) -> None:
    monkeypatch.setattr(sys.modules[make.__module__], "temporary_database", small(4))

    def fill(_: JobContext) -> None:
        made = make()
        for number in range(MANY):
            if isinstance(made, Proofs):
                made.keep_all([(f"{number:0200}", "etag", MD5)])
            else:
                made.add(f"{number:0200}", 5, MD5)

    outcome = run(fill, JobContext())
    assert isinstance(outcome.error, ComputerError), outcome
    check(outcome.error, folder)


def test_a_full_disk_of_a_review_names_both_disks_where_sqlite_does_not_say_which(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    setattr(error, computer.FILE_OF_OURS, str(tmp_path / "review.db"))
    monkeypatch.setattr(computer, "_on_other_disk", lambda *_: True)
    fault = computer.computer_fault(error)
    assert fault is not None
    assert str(tmp_path) in fault.remedy
    assert folder in fault.remedy
    monkeypatch.setattr(computer, "_on_other_disk", lambda *_: False)
    fault = computer.computer_fault(error)
    assert fault is not None
    assert folder not in fault.remedy


def test_every_temporary_database_is_made_in_one_place() -> None:
    root = Path(chorus_gui.__file__).parent
    own = Path(own_database.__file__)
    named = re.compile(r"sqlite3\.connect\(\s*(\"\"|'')")
    assert [str(file.relative_to(root)) for file in root.rglob("*.py") if named.search(file.read_text("utf-8"))] == [
        str(own.relative_to(root))
    ]
