"""The journal: the SQLite record of what was submitted, in either schema.

Every change is one transaction, guarded three times: a lock keeps a second writer of ours out, SQLite's own data version tells when
another program wrote, and the rows that an entry speaks of must still be what it takes them for.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from array import array
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Any

from chorus_gui.core.errors import JournalBusyError, JournalChangedError, JournalDamagedError, JournalError, Why
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal import backups, counting, findings, history, opening
from chorus_gui.core.journal import writer as writing
from chorus_gui.core.journal.findings import JournalFinding
from chorus_gui.core.journal.history import Command
from chorus_gui.core.journal.lock import WriterLock
from chorus_gui.core.journal.schema import Schema
from chorus_gui.core.model import Entry, Row, VersionCount
from chorus_gui.core.untrusted import DATA_ERRORS, MalformedError
from chorus_gui.core.waiting import Waiting

PAGE = 2000
"""rows fetched at a time while iterating"""
SPOOLED = 1024 * 1024
"""bytes of row ids, 8 for each, that are kept in memory while iterating"""
PATIENCE = 900.0
"""seconds that a transaction waits for another program, once something was recorded"""
SILENT = 2.0
"""seconds of waiting before a sentence says so"""
_log = logging.getLogger(__name__)


class Journal:
    """An open journal.  Use it in a ``with`` statement, or close it.

    Any thread may call it; calls take turns.  Every method may raise the :class:`JournalError` that fits.
    """

    def __init__(
        self, path: Path, conn: sqlite3.Connection, schema: Schema, lock: WriterLock | None, notes: Sequence[JournalFinding] = ()
    ) -> None:
        """Not called from outside: see :meth:`open`."""
        self.path = path
        self.schema = schema.number
        self.readonly = lock is None
        self.notes = tuple(notes)
        """what was found, and set right, while opening"""
        self._conn = conn
        self._schema = schema
        self._lock = lock
        self._turn = threading.RLock()
        self._writer = writing.Writer(schema)
        self._kept = self._recorded = False
        self._counted: tuple[tuple[int, int], tuple[VersionCount, ...]] | None = None
        self._begun: tuple[tuple[int, int], dict[str, int]] | None = None
        self._ctx: JobContext | None = None
        self._version = self._data_version()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        create: bool = False,
        readonly: bool = False,
        wait: float = 0.0,
        purpose: str = "",
        ctx: JobContext | None = None,
    ) -> Journal:
        """Open the journal at ``path``; with ``create`` a missing one is made (format 2), as is one of zero bytes.

        A writer holds the journal until it is closed: a second one waits up to ``wait`` seconds and then gets
        :class:`JournalBusyError`, which names the first and its ``purpose``.  Readers take no lock.

        Raises :class:`JournalMissingError`, :class:`JournalDamagedError`, :class:`JournalForeignError`,
        :class:`JournalMixedError`, :class:`JournalBusyError`; :class:`Cancelled` while waiting.
        """
        path = opening.real(path)
        if readonly:
            conn, schema = opening.open_reading(path)
            try:
                with opening.translated(path):
                    return cls(path, conn, schema, None, _wal_note(conn, turned=False))
            except BaseException:
                conn.close()
                raise
        if not create:
            opening.check_present(path)
        elif not path.parent.is_dir():
            raise JournalError(
                f"The folder “{path.parent}” for the journal does not exist.",
                remedy="Create the folder, or correct the local journal's path in the configuration.",
            )
        lock = WriterLock(path)
        lock.acquire(purpose, wait, ctx)
        try:
            with opening.translated(path):
                conn = opening.connect(path, "rwc" if create else "rw")
                try:
                    schema = opening.schema_of(conn, path)
                    fresh = schema is None
                    notes = _wal_note(conn, turned=True)
                    conn.execute("PRAGMA journal_mode = DELETE")
                    schema = opening.complete(conn, schema)
                    journal = cls(path, conn, schema, lock, notes)
                    journal._ctx = ctx
                    journal._kept = fresh  # nothing in it that a copy could save
                except BaseException:
                    conn.close()
                    raise
        except BaseException:
            lock.release()
            raise
        return journal

    @staticmethod
    def begin(path: Path, *, schema: int) -> None:
        """Create an empty journal in this format, if there is none or one of zero bytes.  Errors as :meth:`open`."""
        if not path.exists() or not path.stat().st_size:
            with opening.translated(path), closing(opening.connect(path, "rwc")) as conn:
                opening.complete(conn, opening.of_number(schema)(conn))

    @staticmethod
    def verify_file(path: Path) -> None:
        """Let SQLite check the whole file; raises :class:`JournalDamagedError` and what :meth:`open` raises."""
        conn, _ = opening.open_reading(opening.real(path))
        with closing(conn):
            opening.quick_check(conn, path)

    def close(self) -> None:
        """Let go of the file and the lock; closing twice is allowed."""
        with self._turn:
            self._writer.close()
            self._conn.close()
            if self._lock:
                self._lock.release()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # reading

    def rows_sql(self, alias: str = "main") -> str:
        """A SELECT of :data:`.schema.COLUMNS` over this journal, or over a copy of it that is attached as ``alias``."""
        return self._schema.rows_sql(alias)

    def rows(
        self,
        *,
        modalities: Collection[str] | None = None,
        version: str | None = None,
        active: bool | None = None,
        pending: bool | None = None,
        uploaded: bool | None = None,
        limit: int | None = None,
    ) -> Iterator[Row]:
        """The rows that fit, by version, modality and path.

        The row ids are taken at the first step (many of them into a temporary file), the rows a page at a time, so no lock is
        held between them and the caller may commit; a row that fits no longer when its turn comes is left out.
        """
        where, values = _filter(modalities, version, active, pending, uploaded)
        sql = f"SELECT file_id FROM ({self._schema.rows_sql()}) WHERE {where} ORDER BY version, modality, path, file_id LIMIT ?"
        with SpooledTemporaryFile(SPOOLED) as kept:
            with self._using() as conn:
                ids = conn.execute(sql, [*values, -1 if limit is None else limit])
                while some := ids.fetchmany(PAGE):
                    page = array("q", (int(found) for (found,) in some))
                    try:
                        kept.write(page.tobytes())
                    except OSError as error:
                        raise opening.temporary_fault(error) from error
            kept.seek(0)
            while read := kept.read(PAGE * 8):
                page = array("q", read).tolist()
                fitting = self.select(f"file_id IN (SELECT value FROM json_each(?)) AND {where}", (json.dumps(page), *values))
                found = {row.file_id: row for row in fitting}
                yield from (found[file_id] for file_id in page if file_id in found)

    def row(self, file_id: int) -> Row | None:
        """One row, or None."""
        return next(iter(self.select("file_id = ?", (file_id,))), None)

    def select(self, condition: str, values: Sequence[object] = ()) -> list[Row]:
        """The rows for which a SQL condition over :data:`.schema.COLUMNS` holds (an ORDER BY may follow), all at once.

        For :mod:`.queries`; ``condition`` is never made of what a person typed, ``values`` are bound.
        """
        with self._using() as conn:
            return [_row(row) for row in conn.execute(f"SELECT * FROM ({self._schema.rows_sql()}) WHERE {condition}", values)]

    @contextmanager
    def reading(self) -> Generator[Schema]:
        """The tables, for :mod:`.over_time`.  In the block, nobody else uses this connection."""
        with self._using():
            yield self._schema

    def counts(self) -> list[VersionCount]:
        """What each version of each modality holds, by version and modality."""
        with self._using() as conn:
            state = (self._data_version(), conn.total_changes)  # of this connection: equal only if nobody wrote since
            if self._counted is None or self._counted[0] != state:
                self._counted = state, counting.counts(self._schema)
            return list(self._counted[1])

    def versions(self) -> list[str]:
        """The versions that have rows, ascending."""
        return sorted({count.version for count in self.counts()} - {""})

    def last_version(self) -> str | None:
        """The version that was begun last, whatever its name; None in an empty journal.

        By the number of its first row, not by moments: clocks can be wrong, and a touched file's new row repeats an old version.
        """
        with self._using() as conn:
            state = (self._data_version(), conn.total_changes)  # as for the counts
            if self._begun is None or self._begun[0] != state:
                self._begun = state, counting.first_entries(self._schema)
            begun = self._begun[1]
        return max(begun, key=lambda version: begun[version], default=None)

    def fingerprint(self) -> str:
        """Text that changes when, and only when, rows changed; the command history does not count."""
        with self._using():
            return self._schema.fingerprint()

    def history(self) -> list[Command]:
        """The commands that worked on this journal, the oldest first, without secrets."""
        with self._using():
            return history.read(self._schema)

    def check(self) -> list[JournalFinding]:
        """All oddities: those that were found while opening, then those in the rows."""
        with self._using():
            return [*self.notes, *findings.check(self._schema)]

    def snapshot(self, target: Path) -> None:
        """A consistent, checked copy of the whole journal, in the classic file format; ``target`` appears whole or not at all."""
        with self._using() as conn:
            opening.copy_whole(conn, self.path, target)

    # writing

    def commit(self, entries: Iterable[Entry], *, at_us: int | None = None) -> None:
        """Write the entries in one transaction, all or nothing, at the moment ``at_us`` (now).  What each does: :class:`Action`.

        A row that would be closed before it was ever uploaded is deleted instead: such rows crash both older tools.

        Raises :class:`JournalChangedError` when another program wrote since this journal was opened, or a row is not what
        an entry takes it for.
        """
        pending = iter(entries)
        some = list(islice(pending, PAGE))
        if not some:
            return
        moment = time.time_ns() // 1000 if at_us is None else at_us
        with self._changing():
            while some:
                for entry in some:
                    writing.require_sense(entry)
                try:  # around this alone: what the caller's iterator raises is the caller's
                    self._writer.write(some, moment)
                except (sqlite3.Error, *DATA_ERRORS) as error:
                    opening.reraise(error, self.path)
                some = list(islice(pending, PAGE))
        self._recorded = True

    def keep_copy(self) -> None:
        """Keep a copy of the journal as it is, as before the first change.  Raises :class:`JournalDamagedError` for one that is not whole."""
        with self._turn:
            if not self._kept:
                backups.keep(self.path, rows_only=True)
                self._kept = True

    def begin_command(self, command: str, params: str, *, common: str, src_paths: Mapping[str, str], dest: str | None) -> int:
        """Enter a command ("journal update") in the history; the id is for :meth:`end_command`.  Secrets are masked.

        0 if the history's table cannot take it: that stops no command, because the entries do not depend on it.
        """
        with self._changing():
            return (
                self._of_history(lambda: history.begin(self._schema, command, params, common=common, src_paths=src_paths, dest=dest)) or 0
            )

    def end_command(self, command_id: int, seconds: float) -> None:
        """Record how long the command took, in seconds.  Does nothing for the id 0."""
        if command_id:
            with self._changing():
                self._of_history(lambda: history.end(self._schema, command_id, seconds))

    def _of_history(self, write: Callable[[], int | None]) -> int | None:
        try:
            with opening.translated(self.path):
                return write()
        except JournalDamagedError as error:
            if not self._conn.in_transaction:  # a trigger of somebody else's has undone it
                self._conn.execute("BEGIN IMMEDIATE")
            _log.warning("the command is not in the journal's history: %s", error, exc_info=True)
            return None

    def undo(self, version: str) -> int:
        """Remove what was recorded for ``version`` and not uploaded; how many rows were removed.

        The row that each of them had replaced (same path, closed at that very moment) is active again.  Rows that were
        closed as deleted stay closed; so do uploaded rows of this very version, for an interrupted upload of the amendment may
        have overwritten their blobs: the next scan restores them, or finds the files as new.  Raises :class:`UsageError` where nothing is pending.
        """
        with self._changing(), opening.translated(self.path):
            removed = writing.undo(self._schema, version)
            self._new_writer()
            return removed

    def remove_never_uploaded_closed(self) -> int:
        """Remove rows that were closed before they were ever uploaded; how many.  They crash both older tools."""
        with self._changing(), opening.translated(self.path):
            return self._schema.delete_never_uploaded_closed()

    def only_writer(self) -> bool:
        """Nobody else has written into the file since it was opened."""
        with self._using():
            return self._data_version() == self._version

    def _data_version(self) -> int:
        return int(self._conn.execute("PRAGMA data_version").fetchone()[0])

    @contextmanager
    def _using(self) -> Generator[sqlite3.Connection]:
        with self._turn, opening.translated(self.path, reading=True):
            yield self._conn

    @contextmanager
    def _changing(self) -> Generator[None]:
        """A guarded transaction; the first of a writer keeps a copy of the journal as it was."""
        if self.readonly:
            raise JournalError(f"The journal “{self.path}” is open for reading only.")
        with self._turn:
            self.keep_copy()
            try:
                self._when_free("BEGIN IMMEDIATE")
                with opening.translated(self.path):
                    if self._data_version() != self._version:
                        raise JournalChangedError(
                            f"Another program changed the journal “{self.path}” at the same time.",
                            meaning="No more changes were recorded. Those that were recorded before stay.",
                            remedy="Close the other program, and scan again to compare with the journal as it is now.",
                        )
                yield
                self._when_free("COMMIT")
            except BaseException:
                if self._conn.in_transaction:
                    self._conn.execute("ROLLBACK")
                self._counted = self._begun = None
                self._schema.forget()
                self._new_writer()
                raise

    def _new_writer(self) -> None:
        self._writer.close()
        self._writer = writing.Writer(self._schema)

    def _when_free(self, statement: str) -> None:
        """Run a statement that needs the file for itself.

        Once something was recorded, it waits up to :data:`PATIENCE` seconds for another program, such as a database viewer: what arrived
        in the central store is recorded, and not sent again.  Before that, and after a cancellation, it waits ten seconds.
        """
        ctx, began, shown = self._ctx, time.monotonic(), False
        asked: float | None = None
        with self._patient(0.25):
            while True:
                try:
                    with opening.translated(self.path):
                        self._conn.execute(statement)
                        break
                except JournalBusyError:
                    now = time.monotonic()
                    if ctx is not None and ctx.cancelled and asked is None:
                        asked = now
                    since = began if asked is None else asked
                    if now - since >= (PATIENCE if self._recorded and asked is None else opening.BUSY_SECONDS):
                        raise
                    if ctx is not None and not shown and now - began > SILENT:
                        shown = True
                        at = datetime.now().astimezone().replace(microsecond=0)
                        remedy = "Close it (a database viewer, for example)."
                        until = at + timedelta(seconds=PATIENCE - SILENT) if self._recorded else None
                        ctx.progress.waiting(Waiting("The journal", Why.IN_USE, at, until, remedy=remedy))
        if shown and ctx is not None:
            ctx.progress.waiting(None)

    @contextmanager
    def _patient(self, seconds: float) -> Generator[None]:
        """During the block, SQLite waits at most ``seconds`` for another program."""
        self._conn.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")
        try:
            yield
        finally:
            self._conn.execute(f"PRAGMA busy_timeout = {round(opening.BUSY_SECONDS * 1000)}")


def _row(values: tuple[Any, ...]) -> Row:
    """The other columns are cast by ``rows_sql``; a cast id could not be looked up by its index."""
    if type(values[0]) is not int:
        raise MalformedError("the id of an entry")
    return Row(*values)


def _filter(
    modalities: Collection[str] | None, version: str | None, active: bool | None, pending: bool | None, uploaded: bool | None
) -> tuple[str, list[object]]:
    parts, values = ["1"], list[object]()
    if modalities is not None:
        parts.append("modality IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(sorted(modalities)))
    if version is not None:
        parts.append("version = ?")
        values.append(version)
    for wanted, condition in (
        (active, "invalid_us IS NULL"),
        (pending, "(invalid_us IS NULL AND uploaded IS NULL)"),
        (uploaded, "uploaded IS NOT NULL"),
    ):
        if wanted is not None:
            parts.append(condition if wanted else f"NOT {condition}")
    return " AND ".join(parts), values


def _wal_note(conn: sqlite3.Connection, *, turned: bool) -> list[JournalFinding]:
    if conn.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        return []
    text = "The journal was in SQLite's write-ahead mode. That mode does not work on network drives and keeps changes outside the file."
    done = "It was set back to the normal mode." if turned else "The next command that writes sets it back to the normal mode."
    return [JournalFinding("wal", f"{text} {done}", 1)]
