"""The journal's current entries in their own database, to compare a site with, and its pending ones.

SQLite copies and sorts them without Python's lock: a thread of its own does it while the site is walked.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from chorus_gui.core.computer import is_full, temporary_words
from chorus_gui.core.errors import ReviewError
from chorus_gui.core.folders import remove_file
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal import opening
from chorus_gui.core.journal.schema import COLUMNS
from chorus_gui.core.refused import refusal

_STEPS = 1_000_000
"""SQLite's steps between two checks if the person asked to stop: some milliseconds."""
_TABLE = """
CREATE TABLE k.was (
    file_id INTEGER, modality TEXT, path TEXT, patient_id TEXT, size INTEGER, mtime_us INTEGER, md5 TEXT,
    valid_us INTEGER, invalid_us INTEGER, uploaded TEXT, version TEXT
)
"""


_WAITING = """
CREATE TABLE k.waiting (file_id INTEGER, modality TEXT, path TEXT, patient_id TEXT, size INTEGER, valid_us INTEGER, version TEXT)
"""
_ELSEWHERE = "CREATE TABLE k.elsewhere (patient TEXT PRIMARY KEY) WITHOUT ROWID"


_PROBE = 1024 * 1024
"""Bytes that a disk has room for, or it is full."""


class Known:
    """Copies the active rows of some modalities into table ``was`` of a new file ``path``, which goes when the block is left.

    Table ``waiting`` has the pending rows of all other modalities, but for those that a newer active row of the path replaced, and table
    ``elsewhere`` their patients, without leading zeros.  Begun at once; :meth:`wait` for its end.  The rows and :attr:`fingerprint` are of one moment.
    """

    def __init__(self, journal: Path, modalities: Sequence[str], path: Path) -> None:
        self.path = path
        self.fingerprint = ""
        self.twice: list[tuple[str, str]] = []
        """(path, modality) of which there are several active rows."""
        self._journal = journal
        self._modalities = tuple(modalities)
        self._error: Exception | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="known rows")
        self._thread.start()

    def __enter__(self) -> Known:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopped = True
        self._thread.join()
        with suppress(OSError):  # the next review clears it away
            remove_file(self.path)

    def wait(self, ctx: JobContext) -> None:
        """Until every row is there.  Raises :class:`~chorus_gui.core.errors.JournalError` if the journal cannot be read,
        :class:`~chorus_gui.core.errors.ReviewError` if there is no room for the copy, ``Cancelled``.
        """
        while self._thread.is_alive():
            ctx.checkpoint()
            self._thread.join(0.1)
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            conn, schema = opening.open_reading(self._journal)
            with closing(conn), opening.translated(self._journal):
                conn.set_progress_handler(lambda: self._stopped, _STEPS)
                self._begin(conn)
                columns, marks = ", ".join(COLUMNS), ",".join("?" * len(self._modalities))
                active = f"({schema.rows_sql()}) WHERE invalid_us IS NULL AND modality"
                try:
                    conn.execute(f"INSERT INTO k.was ({columns}) SELECT {columns} FROM {active} IN ({marks})", self._modalities)
                    conn.execute(
                        f"INSERT INTO k.waiting SELECT file_id, modality, path, patient_id, size, valid_us, version FROM (SELECT *, "
                        f"max(file_id) OVER (PARTITION BY modality, path) AS newest FROM {active} NOT IN ({marks})) "
                        "WHERE uploaded IS NULL AND file_id = newest",
                        self._modalities,
                    )
                    conn.execute(
                        f"INSERT OR IGNORE INTO k.elsewhere SELECT ltrim(patient_id, '0') FROM {active} NOT IN ({marks}) AND patient_id IS NOT NULL",
                        self._modalities,
                    )
                    self.fingerprint = schema.fingerprint()
                    conn.execute("COMMIT")
                    self._index(conn)
                except sqlite3.Error as error:
                    if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
                        raise self._no_room(error) from error
                    raise
        except Exception as error:  # noqa: BLE001 - raised in the thread that waits
            self._error = error

    def _index(self, conn: sqlite3.Connection) -> None:
        try:
            conn.execute("CREATE UNIQUE INDEX k.was_path ON was (path, modality)")
        except sqlite3.IntegrityError:  # other tools leave such rows
            conn.execute("CREATE INDEX k.was_path ON was (path, modality)")
            self.twice = conn.execute("SELECT path, modality FROM k.was GROUP BY path, modality HAVING COUNT(*) > 1").fetchall()

    def _begin(self, conn: sqlite3.Connection) -> None:
        try:
            remove_file(self.path)
            conn.execute("ATTACH ? AS k", (str(self.path),))
            for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-8192"):
                conn.execute(f"PRAGMA k.{pragma}")
            conn.execute("BEGIN")
            conn.execute(_TABLE)
            conn.execute(_WAITING)
            conn.execute(_ELSEWHERE)
        except (OSError, sqlite3.Error) as error:
            raise self._no_room(error) from error

    def _no_room(self, error: Exception) -> ReviewError:
        if isinstance(error, sqlite3.Error) and is_full(error) and not _full(self.path):
            what, meaning, remedy = temporary_words(error)  # SQLite does not say which file it could not write, and sorts in that folder
            return ReviewError(what, meaning=meaning, remedy=remedy)
        why, remedy = refusal(error, self.path, "Free space on this disk, or close the other window that shows this review.")
        return ReviewError(
            f"Could not copy the journal's entries to “{self.path}”: {why}.", meaning="The journal was not changed.", remedy=remedy
        )


def _full(file: Path) -> bool:
    """No more bytes fit on the disk of this file, or into what its user may have there.  The file has what it had when SQLite failed."""
    try:
        with tempfile.TemporaryFile(dir=file.parent, buffering=0) as probe:
            wanted = _PROBE
            while wanted > 0:
                wanted -= probe.write(bytes(wanted))
            os.fsync(probe.fileno())
    except OSError:
        return True
    return False
