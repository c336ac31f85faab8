"""Connections to journal files: how they are opened, what is found in them, what SQLite's errors mean to a person.

POSIX file locks have a trap: closing *any* handle of a file drops the locks that SQLite holds on it.  So an open journal is never
opened by other means than SQLite in the same process; copies are made by SQLite's backup API.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Literal, NoReturn
from urllib.parse import quote

from chorus_gui.core.errors import (
    JournalBusyError,
    JournalDamagedError,
    JournalError,
    JournalForeignError,
    JournalMissingError,
    JournalMixedError,
)
from chorus_gui.core.folders import remove_file, replace_file
from chorus_gui.core.journal.schema import Schema
from chorus_gui.core.journal.v1 import V1
from chorus_gui.core.journal.v2 import V2

BUSY_SECONDS = 10.0
RESTORE = "Restore one of the kept copies (chorus-upload journal restore), or check the journal out again."
_SIDE_FILES = ("-journal", "-wal", "-shm")


def _uri(path: Path, mode: str) -> str:
    """A SQLite URI.  A Windows share keeps its two slashes behind an empty authority."""
    full = os.path.abspath(path).replace("\\", "/") if os.name == "nt" else os.path.abspath(path)
    return "file://" + ("" if full.startswith("/") else "/") + quote(os.fsencode(full)) + f"?mode={mode}"


def connect(path: Path, mode: Literal["ro", "rw", "rwc"]) -> sqlite3.Connection:
    """A connection in autocommit mode that any thread may use, one at a time."""
    conn = sqlite3.connect(_uri(path, mode), uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    conn.execute("PRAGMA foreign_keys = OFF")  # see V2
    try:
        if mode != "ro":  # this one reads the file
            conn.execute("PRAGMA synchronous = FULL")
    except BaseException:
        conn.close()
        raise
    return conn


def translate(error: sqlite3.Error, path: Path) -> Exception:
    """The error for a person; ``error`` itself where it is a fault of ours."""
    name = f"The journal {path}"
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or (code is None and "decode" in str(error)):
        return JournalDamagedError(f"{name} is damaged, or is no SQLite file.", meaning="Nothing was changed in it.", remedy=RESTORE)
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return JournalBusyError(
            f"{name} is being used by another program just now.",
            remedy="Close the other program (another upload tool, a database viewer) and try again.",
        )
    if primary == sqlite3.SQLITE_FULL:
        return JournalError(
            f"The disk is full: {name[0].lower()}{name[1:]} could not be written.",
            meaning="The last change was taken back as a whole; what was recorded before stays.",
            remedy="Make room on that disk and start again.",
        )
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return JournalError(f"{name} is read-only.", remedy="Give your user the right to change the file and its folder, and try again.")
    if primary == sqlite3.SQLITE_CANTOPEN:
        return JournalError(
            f"{name} could not be opened.", remedy="Check that its folder exists and that your user may read and write in it."
        )
    if primary == sqlite3.SQLITE_IOERR:
        return JournalError(
            f"{name} could not be read or written.",
            meaning="The disk or the network share failed; the last change was taken back as a whole.",
            remedy="Check the disk or the connection to the share, and start again.",
        )
    return error


def reraise(error: sqlite3.Error, path: Path) -> NoReturn:
    """Raise what :func:`translate` says."""
    known = translate(error, path)
    if known is error:
        raise error
    raise known from error


@contextmanager
def translated(path: Path) -> Generator[None]:
    """SQLite's and the system's errors leave as :class:`JournalError`; faults of ours leave as they are."""
    try:
        yield
    except sqlite3.Error as error:
        reraise(error, path)
    except OSError as error:
        raise JournalError(
            f"The journal {path} could not be used: {error.strerror or error}.",
            remedy="Check that its folder exists, that your user may write in it and that no other program holds the file.",
        ) from error


def schema_of(conn: sqlite3.Connection, path: Path) -> Schema | None:
    """Which journal this is; None for a database without any table (a new journal).

    Raises :class:`JournalMixedError`, :class:`JournalForeignError`, :class:`JournalDamagedError`.
    """
    tables = {str(name).lower() for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return None
    if {V1.table, V2.table} <= tables:
        raise JournalMixedError(
            f"The journal {path} holds tables of both generations.",
            meaning="The 2024 tool was used on a version 2 journal and entered every file a second time; which table is right cannot be told.",
            remedy="Restore the copy from before that (chorus-upload journal restore), or check the journal out again; then use one tool only.",
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
                raise JournalDamagedError(f"The journal {path} lacks {', '.join(sorted(missing))} in its table “{table}”.", remedy=RESTORE)
        return schema
    raise JournalForeignError(
        f"{path} is a SQLite database, but no journal.",
        meaning=f"It holds the tables {', '.join(sorted(tables)[:5])}.",
        remedy="Check the journal's path in the configuration.",
    )


def complete(conn: sqlite3.Connection, schema: Schema | None) -> Schema:
    """Make the tables that are missing (version 2 in an empty file), in one transaction."""
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
    """Open an existing journal for reading.  One that has no tables yet (zero bytes, say) reads as an empty journal.

    What a crash left half-written is taken back first, by SQLite, if the file may be written.
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
        raise JournalForeignError(f"{path} is a folder, not a journal.", remedy="Check the journal's path in the configuration.")
    if not path.exists():
        raise JournalMissingError(
            f"There is no journal at {path}.",
            remedy="Check the journal's path in the configuration; the first “journal update” makes a new one.",
        )


def quick_check(conn: sqlite3.Connection, path: Path) -> None:
    """Raise :class:`JournalDamagedError` unless SQLite finds the whole file sound."""
    with translated(path):
        answers = [str(row[0]) for row in conn.execute("PRAGMA quick_check(3)")]
    if answers != ["ok"]:
        raise JournalDamagedError(f"The journal {path} is damaged: {'; '.join(answers)}.", remedy=RESTORE)


def copy_whole(conn: sqlite3.Connection, source: Path, target: Path) -> None:
    """A consistent, checked copy in the classic file format; ``target`` is replaced in one step or not at all."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with translated(source):
            part.unlink(missing_ok=True)
            with closing(sqlite3.connect(_uri(part, "rwc"), uri=True, isolation_level=None)) as copy:
                conn.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
                quick_check(copy, source)
            replace_file(part, target)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def drop_side_files(path: Path) -> None:
    """Remove what belongs to a file that is about to be replaced: SQLite would apply it to the new one."""
    for suffix in _SIDE_FILES:
        remove_file(path.with_name(path.name + suffix))


def side_files(path: Path) -> list[Path]:
    """The rollback journal or log that lies beside a database, if any."""
    return [side for suffix in _SIDE_FILES if (side := path.with_name(path.name + suffix)).exists()]
