"""Connections to journal files: how they are opened, what is found in them, and SQLite's errors in words for a person.

POSIX file locks have a trap: closing *any* handle of a file drops the locks that SQLite holds on it.  So an open journal is never
opened by other means than SQLite in the same process; copies are made by SQLite's backup API.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Literal, NoReturn
from urllib.parse import quote

from chorus_gui.core import private, temporary
from chorus_gui.core.computer import is_of_temporary_files, temporary_words
from chorus_gui.core.errors import (
    JournalBusyError,
    JournalChangedError,
    JournalDamagedError,
    JournalError,
    JournalForeignError,
    JournalMissingError,
    JournalMixedError,
)
from chorus_gui.core.folders import remove_file
from chorus_gui.core.journal.schema import Schema
from chorus_gui.core.journal.v1 import V1
from chorus_gui.core.journal.v2 import V2
from chorus_gui.core.refused import is_held, refusal
from chorus_gui.core.untrusted import DATA_ERRORS

BUSY_SECONDS = 10.0
RESTORE = "Restore one of the kept copies (“chorus-upload journal restore”), or check the journal out again."
_SIDE_FILES = ("-journal", "-wal", "-shm")


def _uri(path: Path, mode: str) -> str:
    """A SQLite URI.  A Windows share keeps its two slashes behind an empty authority."""
    full = os.path.abspath(path).replace("\\", "/") if os.name == "nt" else os.path.abspath(path)
    return "file://" + ("" if full.startswith("/") else "/") + quote(os.fsencode(full)) + f"?mode={mode}"


_WRITING = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN)
"""What SQLite says of a file that it writes."""


def connect(path: Path, mode: Literal["ro", "rw", "rwc"]) -> sqlite3.Connection:
    """A connection in autocommit mode that any thread may use, one at a time."""
    if mode == "rwc":
        private.make(path)  # SQLite would let others read it
    conn = sqlite3.connect(_uri(path, mode), uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    conn.execute("PRAGMA foreign_keys = OFF")  # see V2
    try:
        if mode != "ro":  # this one reads the file
            conn.execute("PRAGMA synchronous = FULL")
    except BaseException:
        conn.close()
        raise
    return conn


def translate(error: Exception, path: Path, *, reading: bool = False) -> Exception:
    """The error for a person; ``error`` itself if it is this program's own, such as a closed connection.  ``reading``: nothing was written.

    Whoever can write the file decides what is in it, so everything else is blamed on the file: text that is not UTF-8, a number that does
    not fit, a trigger or a view in place of a table.
    """
    if isinstance(error, (sqlite3.ProgrammingError, sqlite3.InterfaceError)):
        return error
    name = f"The journal “{path}”"
    busy = JournalBusyError(
        f"{name} is in use by another program.",
        remedy="Close the other program (another upload tool or a database viewer), and try again.",
    )
    if is_of_temporary_files(error, reading=reading):
        return temporary_fault(error)
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or (code is None and "decode" in str(error)):
        return JournalDamagedError(f"{name} is damaged, or is not a SQLite file.", meaning="It was not changed.", remedy=RESTORE)
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return busy
    if primary == sqlite3.SQLITE_FULL:
        return JournalError(
            f"The disk is full: could not write {name[0].lower()}{name[1:]}.",
            meaning="The last change was undone. Everything that was recorded before it stays.",
            remedy="Free space on that disk, and start again.",
        )
    if code == sqlite3.SQLITE_READONLY_DBMOVED:
        return JournalChangedError(
            f"{name} was deleted, moved or replaced while it was in use.",
            meaning="Nothing more was recorded. What was recorded before is in the old file.",
            remedy="Find out which program did it. Put the old file back, or restore a kept copy (“chorus-upload journal restore” lists them), and start again.",
        )
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN) and is_held(path, writing=True):
        return busy
    if primary == sqlite3.SQLITE_IOERR and is_held(path):
        return busy
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        usual = "Make sure that you are allowed to change the file and its folder, and try again."
        return JournalError(f"{name} is read-only.", remedy=refusal(PermissionError(), path, usual)[1])
    if primary == sqlite3.SQLITE_CANTOPEN:
        return JournalError(
            f"{name} could not be opened.",
            remedy="Check that its folder exists, and that you are allowed to read and write there.",
        )
    if primary == sqlite3.SQLITE_IOERR:
        return JournalError(
            f"{name} could not be read or written.",
            meaning="The disk or the network share failed. The last change was undone.",
            remedy="Check the disk or the connection to the share, and start again.",
        )
    return JournalDamagedError(
        f"{name} contains something that this program cannot read.",
        meaning=f"SQLite reports: {error}. The last change was undone."
        if isinstance(error, sqlite3.Error)
        else "A value in it has the wrong type or is too large. The last change was undone.",
        remedy=RESTORE,
    )


def temporary_fault(error: Exception) -> JournalError:
    """The folder for temporary files is full or fails: the journal is not the reason."""
    what, meaning, remedy = temporary_words(error)
    return JournalError(what, meaning=meaning, remedy=remedy)


def reraise(error: Exception, path: Path, *, reading: bool = False) -> NoReturn:
    """Raise what :func:`translate` says."""
    known = translate(error, path, reading=reading)
    if known is error:
        raise error
    raise known from error


@contextmanager
def translated(path: Path, *, reading: bool = False) -> Generator[None]:
    """What the file causes becomes a :class:`JournalError`; this program's own errors are not changed.  ``reading``: the block writes nothing.

    For blocks that read or write the file and nothing else: Python's errors are taken for the file's (see :func:`translate`).
    """
    try:
        yield
    except (sqlite3.Error, *DATA_ERRORS) as error:
        reraise(error, path, reading=reading)
    except OSError as error:
        usual = "Check that its folder exists, that you are allowed to write there, and that no other program has the file open."
        why, remedy = refusal(error, error.filename2 or error.filename or path, usual)
        raise JournalError(f"The journal “{path}” could not be used: {why}.", remedy=remedy) from error


def schema_of(conn: sqlite3.Connection, path: Path) -> Schema | None:
    """Which journal this is; None for a database without any table (a new journal).

    Raises :class:`JournalMixedError`, :class:`JournalForeignError`, :class:`JournalDamagedError`.
    """
    tables = {str(name).lower() for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return None
    if {V1.table, V2.table} <= tables:
        raise JournalMixedError(
            f"The journal “{path}” has entries in both formats.",
            meaning="The 2024 tool was used on a journal in format 2, and recorded every file a second time. So it is not known which entries "
            "are right.",
            remedy="Use the copy from before that (run “chorus-upload journal recover”). Then use only one tool.",
        )
    for kind in (V2, V1):
        if kind.table not in tables and not tables <= {kind.history_table, "sqlite_sequence"}:
            continue
        schema = kind(conn)
        if kind.table not in tables:  # the other tool stopped after the first of its tables
            return schema
        for table, wanted in kind.required.items():
            columns = {str(row[1]).upper() for row in conn.execute(f"PRAGMA table_info({table})")}
            if missing := wanted - columns:
                raise JournalDamagedError(
                    f"The journal “{path}” lacks {', '.join(sorted(missing))} in its table “{table}”.", remedy=RESTORE
                )
        return schema
    raise JournalForeignError(
        f"“{path}” is a SQLite database, but not a journal.",
        meaning=f"It has the tables {', '.join(sorted(tables)[:5])}.",
        remedy="Check the journal's path in the configuration.",
    )


def of_number(schema: int) -> type[V1] | type[V2]:
    """The schema with this number."""
    return V1 if schema == 1 else V2


def complete(conn: sqlite3.Connection, schema: Schema | None) -> Schema:
    """Make the tables that are missing (format 2 in an empty file), in one transaction."""
    schema = schema or V2(conn)
    present = {str(name) for (name,) in conn.execute("SELECT name FROM sqlite_master")}
    conn.execute("BEGIN IMMEDIATE")
    try:
        for statement in schema.statements:
            if statement.split()[2] not in present:
                conn.execute(statement)
        conn.execute("COMMIT")
    except BaseException:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise
    return schema


def open_reading(path: Path) -> tuple[sqlite3.Connection, Schema]:
    """Open an existing journal for reading.  One without tables yet (for example of zero bytes) reads as an empty journal.

    SQLite first undoes what a crash left half-written, if the file can be written.
    """
    check_present(path)
    with translated(path):
        conn = _connect_recovered(path)
        try:
            schema = schema_of(conn, path)
            if schema and conn.execute("SELECT 1 FROM sqlite_master WHERE lower(name) = ?", (schema.table,)).fetchone():
                return conn, schema
        except BaseException:
            conn.close()
            raise
        conn.close()
        empty = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        return empty, complete(empty, type(schema)(empty) if schema else None)


def _connect_recovered(path: Path) -> sqlite3.Connection:
    """A reading connection.  One that cannot roll back what a crash left gets help from a writing one."""
    conn = connect(path, "ro")
    try:
        conn.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        return conn
    except sqlite3.OperationalError as error:
        conn.close()
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            raise
    except BaseException:
        conn.close()
        raise
    with closing(connect(path, "rw")) as writer:
        writer.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    return connect(path, "ro")


def real(path: Path) -> Path:
    """Where a link to a journal leads: copies, locks and replacements are made there."""
    return path.resolve() if path.is_symlink() else path


def check_present(path: Path) -> None:
    """Raise :class:`JournalMissingError` unless there is a file; :class:`JournalForeignError` for a folder."""
    if path.is_dir():
        raise JournalForeignError(f"“{path}” is a folder, not a journal.", remedy="Check the journal's path in the configuration.")
    if not path.exists():
        raise JournalMissingError(
            f"There is no journal at “{path}”.",
            remedy="Check the journal's path in the configuration. The first submission creates a new journal.",
        )


def quick_check(conn: sqlite3.Connection, path: Path) -> None:
    """Raise :class:`JournalDamagedError` unless SQLite finds the whole file intact."""
    with translated(path):
        answers = [str(row[0]) for row in conn.execute("PRAGMA quick_check(3)")]
    if answers != ["ok"]:
        raise JournalDamagedError(f"The journal “{path}” is damaged: {'; '.join(answers)}.", remedy=RESTORE)


def copy_whole(conn: sqlite3.Connection, source: Path, target: Path) -> None:
    """A consistent, checked copy in the classic file format; ``target`` is replaced in one step or not at all."""
    part = private.beside(target)
    try:
        with translated(source), _copying_to(target):
            private.create(part).close()
            with closing(sqlite3.connect(_uri(part, "rwc"), uri=True, isolation_level=None)) as copy:
                conn.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
                quick_check(copy, source)
            private.take_place(part, target)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def _copying_to(target: Path) -> Generator[None]:
    """What only the copy can have met (reading fills no disk and needs no right to write) names the copy's folder."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        primary = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        if isinstance(error, sqlite3.Error) and primary not in _WRITING:
            raise
        if fault := temporary.fault(error, target):
            raise JournalError(fault.what, meaning=fault.meaning, remedy=fault.remedy) from error
        full = primary == sqlite3.SQLITE_FULL or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
        why = "The disk is full" if full else getattr(error, "strerror", None) or str(error)
        raise JournalError(
            f"Could not copy the journal to the folder {target.parent}: {why}.",
            meaning="The journal itself is intact. Only its copy is missing.",
            remedy=f"{'Free space in that folder' if full else 'Check that you have permission to write in that folder'}, and start again.",
        ) from error


def drop_side_files(path: Path) -> None:
    """Remove what belongs to a file that is about to be replaced: SQLite would apply it to the new one."""
    for suffix in _SIDE_FILES:
        remove_file(path.with_name(path.name + suffix))


def side_files(path: Path) -> list[Path]:
    """The rollback journal or log next to a database, if any."""
    return [side for suffix in _SIDE_FILES if (side := path.with_name(path.name + suffix)).exists()]
