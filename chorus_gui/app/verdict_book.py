"""Every verdict of the last verification, in a database of this user's own: written by the job while the screen reads it.

No Qt.  The job writes in batches; readers open a connection of their own for each question and see whole batches.  Each
verification has a number: a reader that still has ids of an earlier one gets nothing.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from array import array
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from chorus_gui.core.computer import computer_fault
from chorus_gui.core.errors import UsageError
from chorus_gui.core.folders import data_folder, remove_file
from chorus_gui.core.own_database import own_database
from chorus_gui.core.submission.verdict_file import COLUMNS, verdict_values
from chorus_gui.core.transfer.verify import Verdict
from chorus_gui.core.untrusted import DATA_ERRORS

BATCH = 1000
BATCH_SECONDS = 0.5
ORDERS = ("result", "version", "modality", "path", "size", "level", "detail")
"""What verdicts can be sorted by."""
WORST = "worst"
"""An order: what is missing or different first, then what could not be checked, then the rest as it was found."""
_SEVERITY = "CASE result WHEN 'ok' THEN 3 WHEN 'unprovable' THEN 2 WHEN 'unchecked' THEN 1 ELSE 0 END"

_FIELDS = ", ".join(COLUMNS)
_SCHEMA = f"""
DROP TABLE IF EXISTS verdict;
DROP TABLE IF EXISTS count;
DROP TABLE IF EXISTS run;
CREATE TABLE verdict (id INTEGER PRIMARY KEY, {_FIELDS});
CREATE TABLE count (modality TEXT, result TEXT, files INTEGER, bytes INTEGER, PRIMARY KEY (modality, result)) WITHOUT ROWID;
CREATE TABLE run (number INTEGER, journal TEXT, version TEXT, modalities TEXT, reread INTEGER, began_us INTEGER, ended_us INTEGER,
    complete INTEGER, store TEXT);
"""


@dataclass(frozen=True, slots=True)
class Verified:
    """A verification: what was compared, and what was found so far.  ``counts``: result → (files, bytes); times in microseconds UTC.

    ``ended_us`` None: it is running, or the program was ended meanwhile.  ``complete``: it was completed.
    """

    number: int
    journal: str
    version: str | None
    modalities: tuple[str, ...]
    reread: bool
    began_us: int
    ended_us: int | None
    complete: bool
    counts: dict[str, tuple[int, int]]

    @property
    def files(self) -> int:
        """How many were compared."""
        return sum(files for files, _ in self.counts.values())


@dataclass(frozen=True, slots=True)
class VerdictLine:
    """A verdict as the screen shows it; the fields are the columns of the exported file."""

    version: str
    modality: str
    path: str
    result: str
    level: str | None
    size: int
    md5: str | None
    uploaded: str | None
    store_path: str
    detail: str


@dataclass(frozen=True, slots=True)
class VerdictQuery:
    """Which verdicts, and in which order; ``results`` empty: all.  ``order`` "": as they were found; or :data:`WORST`."""

    results: tuple[str, ...] = ()
    search: str = ""
    order: str = ""
    descending: bool = False


def book_file(journal: Path) -> Path:
    """The book of the last verification of a journal, wherever it was started."""
    key = hashlib.sha256(os.path.normcase(os.path.abspath(journal)).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return data_folder() / "verify" / f"last-{key}.db"


@contextmanager
def book_for(journal: Path) -> Generator[Path]:
    """The file that one verification writes to.

    While another program verifies the same journal, that is a file of this verification's own, which is removed afterwards.
    """
    import filelock

    file = book_file(journal)
    lock = filelock.FileLock(file.with_suffix(".lock"), mode=0o600)
    with _translated():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(filelock.Timeout):
            lock.acquire(timeout=0)
    if lock.is_locked:
        try:
            yield file
        finally:
            lock.release()
        return
    own = file.with_name(f"{file.stem}-{os.getpid()}.db")
    try:
        yield own
    finally:
        for suffix in ("", "-wal", "-shm"):
            remove_file(own.with_name(own.name + suffix))


class Book:
    """What a verification writes to; the results of an earlier one are removed."""

    def __init__(self, file: Path, *, journal: Path, version: str | None, modalities: Sequence[str], reread: bool, store: str = "") -> None:
        began = time.time_ns() // 1000
        about = (began, str(journal), version, ",".join(modalities), reread, began, store)
        with _translated():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
            pragmas = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"  # a reader and the writer never wait for each other
            self._db = own_database(file, timeout=30, begin=f"{pragmas} BEGIN; {_SCHEMA} COMMIT;")
            self._db.execute("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, NULL, 0, ?)", about)
        self._waiting: list[tuple[Any, ...]] = []
        self._files: Counter[tuple[str, str]] = Counter()
        self._bytes: Counter[tuple[str, str]] = Counter()
        self._last = time.monotonic()

    def __enter__(self) -> Book:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with _translated(), closing(self._db):
            self._flush()
            self._db.execute("UPDATE run SET ended_us = ?, complete = ?", (time.time_ns() // 1000, kind is None))

    def add(self, verdict: Verdict) -> None:
        """One more."""
        key = (verdict.row.modality, verdict.result.value)
        self._files[key] += 1
        self._bytes[key] += verdict.row.size
        self._waiting.append(verdict_values(verdict))
        if len(self._waiting) >= BATCH or time.monotonic() - self._last > BATCH_SECONDS:
            with _translated():
                self._flush()

    def _flush(self) -> None:
        marks = ", ".join("?" * len(COLUMNS))
        counts = [(*key, files, self._bytes[key]) for key, files in self._files.items()]
        self._db.execute("BEGIN")
        self._db.executemany(f"INSERT INTO verdict ({_FIELDS}) VALUES ({marks})", self._waiting)
        self._db.executemany("INSERT OR REPLACE INTO count VALUES (?, ?, ?, ?)", counts)
        self._db.execute("COMMIT")
        self._waiting.clear()
        self._last = time.monotonic()


@contextmanager
def _translated() -> Generator[None]:
    """A full or failing disk becomes a :class:`ComputerError` that says so."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise computer_fault(error) or UsageError(
            f"Could not save the results on this computer: {error}.", remedy="Check if its disk is full, then verify again."
        ) from error


@contextmanager
def _reading(file: Path) -> Generator[sqlite3.Connection | None]:
    """None: there is nothing to read."""
    if not file.exists():
        yield None
        return
    try:
        with closing(sqlite3.connect(file.absolute().as_uri() + "?mode=ro", uri=True, timeout=5)) as db:
            yield db
    except (sqlite3.DatabaseError, *DATA_ERRORS) as error:
        raise UsageError(
            "The results of the last verification cannot be read.",
            meaning="Their file on this computer is damaged.",
            remedy="Verify again.",
        ) from error


def last_verification(file: Path, store: str = "") -> Verified | None:
    """The last verification; None if there is none that can be read, or if it was about another central store than ``store``."""
    try:
        with _reading(file) as db:
            if db is None:
                return None
            db.execute("BEGIN")
            found = db.execute("SELECT * FROM run").fetchone()
            counts = db.execute("SELECT result, sum(files), sum(bytes) FROM count GROUP BY result").fetchall()
    except UsageError:
        return None
    if found is None:
        return None
    number, journal, version, modalities, reread, began, ended, complete, *of_store = found  # older versions kept no store
    if store and any(of_store) and of_store != [store]:
        return None
    sums = {result: (files, size) for result, files, size in counts}
    return Verified(number, journal, version, tuple(modalities.split(",")), bool(reread), began, ended, bool(complete), sums)


def select(file: Path, number: int, wanted: VerdictQuery, after: int = 0) -> array[int]:
    """The ids of the verdicts that are wanted, of verification ``number``; those above ``after`` alone."""
    parts, values = ["id > ?", "EXISTS (SELECT 1 FROM run WHERE number = ?)"], [after, number, *wanted.results]
    if wanted.results:
        parts.append(f"result IN ({', '.join('?' * len(wanted.results))})")
    if wanted.search:
        parts.append("instr(lower(path), ?)")
        values.append(wanted.search.lower())
    order = wanted.order if wanted.order in ORDERS else "id"
    if wanted.order == WORST:
        order = _SEVERITY
    sort = f"{order} {'DESC' if wanted.descending else 'ASC'}{', path, id' if order != 'id' else ''}"
    with _reading(file) as db:
        ids = () if db is None else db.execute(f"SELECT id FROM verdict WHERE {' AND '.join(parts)} ORDER BY {sort}", values)
        return array("q", (number for (number,) in ids))


def lines(file: Path, number: int, ids: Sequence[int]) -> list[VerdictLine]:
    """The verdicts of these ids, in their order; none if another verification wrote meanwhile."""
    with _reading(file) as db:
        if db is None:
            return []
        db.execute("BEGIN")
        if db.execute("SELECT 1 FROM run WHERE number = ?", (number,)).fetchone() is None:
            return []
        marks = ", ".join("?" * len(ids))
        found = {key: VerdictLine(*rest) for key, *rest in db.execute(f"SELECT id, {_FIELDS} FROM verdict WHERE id IN ({marks})", ids)}
        return [found[key] for key in ids if key in found]


def values(file: Path, results: Iterable[str] = ()) -> Generator[tuple[Any, ...]]:
    """Every verdict (or those with these results), in the order of the exported file's columns."""
    chosen = tuple(results)
    where = f"WHERE result IN ({', '.join('?' * len(chosen))})" if chosen else ""
    with _reading(file) as db:
        if db is not None:
            yield from db.execute(f"SELECT {_FIELDS} FROM verdict {where} ORDER BY id", chosen)
