"""The staging database: what a scan found and how it differs from the journal, waiting for a person.

It lies beside the app's other data, readable by this user alone; never in the journal, which travels to the cloud.  It is
rebuilt by every scan, so it is written without a rollback journal while it is filled, and is worthless until ``ready``.
A million changes are a million rows here and none in memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from chorus_gui.core.errors import ReviewError, StaleReviewError
from chorus_gui.core.folders import data_folder, patiently, remove_file
from chorus_gui.core.model import Problem, SourceFile
from chorus_gui.core.own_database import own_database
from chorus_gui.core.refused import make_changeable, refusal
from chorus_gui.core.storage.base import UnwantedFile
from chorus_gui.core.untrusted import DATA_ERRORS

FORMAT = 7
CACHE = 16_384
"""KiB of memory for pages, and for each sort: what does not fit goes to files, so that memory does not grow with the site."""

_IDS = 1_000
"""The number of ids that one call makes into text: a call for a long selection would keep the window waiting."""

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE site (modality TEXT, path TEXT, patient_id TEXT, version TEXT, size INTEGER, mtime_us INTEGER);
CREATE TABLE problem (modalities TEXT, path TEXT, cause TEXT, remedy TEXT, covers INTEGER);
CREATE TABLE unmatched (root TEXT, path TEXT, size INTEGER, mtime_us INTEGER);
CREATE TABLE unreadable (path TEXT, modality TEXT, note TEXT, PRIMARY KEY (path, modality)) WITHOUT ROWID;
CREATE TABLE tally (modality TEXT, kind TEXT, files INTEGER, bytes INTEGER, PRIMARY KEY (modality, kind)) WITHOUT ROWID;
CREATE TABLE change (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, modality TEXT NOT NULL, path TEXT NOT NULL, patient_id TEXT,
    size INTEGER, mtime_us INTEGER, md5 TEXT, md5_seconds REAL, version TEXT, tail TEXT,
    old_id INTEGER, old_patient_id TEXT, old_size INTEGER, old_mtime_us INTEGER, old_md5 TEXT,
    old_valid_us INTEGER, old_invalid_us INTEGER, old_uploaded TEXT, old_version TEXT,
    pair INTEGER, note TEXT NOT NULL DEFAULT '', excluded INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '',
    held_by TEXT NOT NULL DEFAULT '', held_us INTEGER NOT NULL DEFAULT 0,
    part TEXT, folder INTEGER, done INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE renamed_folder (id INTEGER PRIMARY KEY, old TEXT NOT NULL, new TEXT NOT NULL, files INTEGER NOT NULL, UNIQUE (old, new));
CREATE TABLE renamed_patient (old TEXT, new TEXT, PRIMARY KEY (new, old)) WITHOUT ROWID;
CREATE TABLE pending (
    id INTEGER PRIMARY KEY, own INTEGER, modality TEXT, path TEXT, version TEXT, size INTEGER, file_id INTEGER, patient_id TEXT, recorded_us INTEGER,
    excluded INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '', held_by TEXT NOT NULL DEFAULT '', held_us INTEGER NOT NULL DEFAULT 0,
    chosen INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0,
    UNIQUE (own, modality, path, version)
);
"""
_INSERT_FILE = f"INSERT INTO site ({', '.join(SourceFile._fields)}) VALUES ({', '.join('?' for _ in SourceFile._fields)})"


def staging_path(journal: Path) -> Path:
    """Where the review of this journal is kept.  One for each journal, whichever configuration names it."""
    key = hashlib.sha256(os.path.normcase(os.path.abspath(journal)).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return data_folder("staging") / f"review-{key}.db"


def command_staging_path(window: Path) -> Path:
    """Where the review of the last command of the command line is kept; ``window``: :func:`staging_path`."""
    return window.with_name(window.name.replace("review-", "command-"))


def json_ids(ids: Sequence[int]) -> str:
    """The ids of changes as JSON, for ``json_each``."""
    return f"[{','.join(json.dumps([*ids[start : start + _IDS]])[1:-1] for start in range(0, len(ids), _IDS))}]"


def _begin(path: Path) -> None:
    """An empty file of this user alone in the place of an earlier one.  Raises OSError."""
    make_changeable(path)
    path.unlink(missing_ok=True)
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError as error:  # on Windows a removed file stays until the last reader has closed it
        raise PermissionError(error.errno, "another program has it open", str(path)) from error


class Staging:
    """One review's database.  It is the sink of a scan, then what :mod:`~.diff` fills and :mod:`~.changes` reads.

    A connection belongs to the thread that opened it; another thread opens the same path.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.db = connection

    @classmethod
    def create(cls, path: Path) -> Staging:
        """An empty one in the place of an earlier one.  Raises :class:`ReviewError` if the folder cannot be written."""
        try:
            remove_file(path.with_name(path.name + "-journal"))
            patiently(lambda: _begin(path))
            pragmas = f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-{CACHE};"
            db = own_database(path, timeout=5, begin=f"{pragmas} {_SCHEMA} BEGIN;")
        except (OSError, sqlite3.Error) as error:
            file = (isinstance(error, OSError) and error.filename) or path
            why, remedy = refusal(error, file, "Free space on this disk, or close the other window that shows this review.")
            raise ReviewError(f"Could not save the review as “{file}”: {why}.", remedy=remedy) from error
        staging = cls(path, db)
        staging.put("format", FORMAT)
        return staging

    @classmethod
    def open(cls, path: Path, *, wait: float = 30) -> Staging:
        """The review that is kept there; waits up to ``wait`` seconds for whoever writes it.  Raises :class:`StaleReviewError` if there is none that was finished."""
        if not path.exists():
            raise StaleReviewError("There is no review yet.", remedy="Scan the site.")
        db = own_database(path, timeout=wait)
        staging = cls(path, db)
        try:
            # A crash of this program leaves it intact; after a power cut it is made again.
            db.executescript(f"PRAGMA cache_size=-{CACHE}; PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=OFF;")
            if staging.get("format") == FORMAT and staging.get("ready"):
                return staging
        except (sqlite3.Error, *DATA_ERRORS) as error:
            db.close()
            raise StaleReviewError("The kept review could not be read.", remedy="Scan the site again.") from error
        db.close()
        raise StaleReviewError("The last scan was not finished.", remedy="Scan the site again.")

    def __enter__(self) -> Staging:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    # --- facts about the review -----------------------------------------------------------------------------------

    @contextmanager
    def changing(self) -> Generator[None]:
        """A transaction; what fails is undone."""
        self.db.execute("BEGIN")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
            raise

    def put(self, key: str, value: Any) -> None:
        """Remember a JSON value under a key."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def get(self, key: str, default: Any = None) -> Any:
        """The JSON value that was remembered."""
        row = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return default if row is None else json.loads(row[0])

    # --- the sink of a scan ---------------------------------------------------------------------------------------

    def files(self, files: Sequence[SourceFile]) -> None:
        """Files of one modality."""
        self.db.executemany(_INSERT_FILE, map(tuple, files))  # sqlite3 binds a plain tuple faster than one with names

    def unmatched(self, root: str, files: Sequence[UnwantedFile]) -> None:
        """Files under ``root`` that belong to no modality."""
        self.db.executemany("INSERT INTO unmatched VALUES (?, ?, ?, ?)", ((root, *file) for file in files))

    def problem(self, problem: Problem) -> None:
        """Something the scan could not do."""
        if problem.if_read:
            note = f"{problem.cause} {problem.remedy}".strip()
            self.db.executemany(
                "INSERT OR IGNORE INTO unreadable VALUES (?, ?, ?)", ((problem.path, name, note) for name in problem.modalities)
            )
            return
        self.db.execute(
            "INSERT INTO problem VALUES (?, ?, ?, ?, ?)",
            (json.dumps(problem.modalities), problem.path, problem.cause, problem.remedy, problem.covers),
        )

    # --- the result of a change -----------------------------------------------------------------------------------

    def mark_done(self, ids: Iterable[int]) -> None:
        """Remember that these changes are recorded in the journal."""
        found = sorted(ids)
        with self.changing():
            if found and found == list(range(found[0], found[0] + len(found))):  # as nearly always: SQLite finds each next to the last
                self.db.execute("UPDATE change SET done = 1 WHERE id BETWEEN ? AND ?", (found[0], found[-1]))
            else:
                self.db.execute("UPDATE change SET done = 1 WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(found),))
