"""Journals that another tool, a colleague or a damaged disk may leave: each case changes a good one."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

SAMPLES = Path(__file__).parent.parent / "data" / "journals"

Change = Callable[[Path], None]


def sql(*statements: str) -> Change:
    """A case that runs SQL in the file; ``{table}`` and ``{history}`` are the journal's own."""

    def change(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as conn:
            conn.execute("PRAGMA legacy_alter_table = ON")
            names = {name for (name,) in conn.execute("SELECT name FROM sqlite_master")}
            table = "journal_v2" if "journal_v2" in names else "journal"
            history = "command_history_v2" if "command_history_v2" in names else "command_history"
            for statement in statements:
                conn.execute(statement.format(table=table, history=history))

    return change


def flipped(offset: int, value: int = 0xE9) -> Change:
    """A case with another byte at an offset."""

    def change(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[offset % len(data)] = value
        path.write_bytes(data)

    return change


def replaced(old: bytes, new: bytes) -> Change:
    """A case with other bytes of the same length, wherever they are."""

    def change(path: Path) -> None:
        path.write_bytes(path.read_bytes().replace(old, new.ljust(len(old), b" ")))

    return change


def written(data: bytes) -> Change:
    """A case with quite another content."""

    def change(path: Path) -> None:
        path.write_bytes(data)

    return change


def halved(path: Path) -> None:
    """A case that a full disk leaves."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


_V2 = "FILE_ID, PERSON_ID, SRC_PATH_ID, FILENAME, MODALITY_ID, SRC_MODTIME_us, SIZE, MD5, TIME_VALID_us, TIME_INVALID_us, UPLOAD_DT_ID, VERSION_ID"
_HISTORY = "COMMAND_ID, DATETIME, COMMON_PARAMS, COMMAND, PARAMS, SRC_PATHS, DEST_PATH, Duration"
_HUGE = "9223372036854775807"

CASES: dict[str, Change] = {
    "schema text that is not UTF-8": replaced(b"CREATE TABLE", b"CREATE\xe9TABLE"),
    "a table's name that is not UTF-8": replaced(b"sqlite_sequence", b"sqlite_sequenc\xe9"),
    "a column's name that is not UTF-8": replaced(b"COMMON_PARAMS", b"COMMON_PARAM\xe9"),
    "another text encoding": flipped(59, 2),
    "no text encoding": flipped(59, 77),
    "another page size": flipped(16, 0x00),
    "another schema format": flipped(47, 0x7F),
    "a byte of the first page": flipped(101),
    "a cell pointer": flipped(108, 0xFF),
    "zeros": written(bytes(4096)),
    "half a file": halved,
    "text": written(b"not a database"),
    "a size of many digits": sql(f"UPDATE {{table}} SET SIZE = {_HUGE}"),
    "a size as a text": sql("UPDATE {table} SET SIZE = 'big'"),
    "a size as a real number": sql("UPDATE {table} SET SIZE = 1e300"),
    "times as texts": sql("UPDATE {table} SET TIME_VALID_us = 'noon', SRC_MODTIME_us = 'noon'"),
    "times beyond the calendar": sql(f"UPDATE {{table}} SET TIME_VALID_us = {_HUGE}, SRC_MODTIME_us = -{_HUGE}"),
    "closed at a text": sql("UPDATE {table} SET TIME_INVALID_us = 'noon'"),
    "an MD5 as a blob": sql("UPDATE {table} SET MD5 = x'ff00ff'"),
    "a patient as a blob": sql("UPDATE {table} SET PERSON_ID = x'ff00ff'"),
    "the history without a column": sql("ALTER TABLE {history} DROP COLUMN SRC_PATHS"),
    "the history as a view": sql("ALTER TABLE {history} RENAME TO old_history", "CREATE VIEW {history} AS SELECT * FROM old_history"),
    "the history with a generated column": sql(
        "DROP TABLE {history}", "CREATE TABLE {history} (" + _HISTORY.replace("PARAMS,", "PARAMS AS (COMMAND_ID),", 1) + ")"
    ),
    "a command's id that is no number": sql(
        "DROP TABLE {history}",
        "CREATE TABLE {history} (" + _HISTORY + ")",
        "INSERT INTO {history} (COMMAND_ID) VALUES ('one'), (NULL), (x'ff')",
    ),
    "a command's paths in deep lists": sql(
        "INSERT INTO {history} (DATETIME, COMMON_PARAMS, COMMAND, SRC_PATHS) VALUES ('', '', '', '" + "[" * 20_000 + "')"
    ),
    "a history that refuses commands": sql("CREATE TRIGGER no BEFORE INSERT ON {history} BEGIN SELECT RAISE(ABORT, 'no'); END"),
    "a history that undoes everything": sql("CREATE TRIGGER no BEFORE INSERT ON {history} BEGIN SELECT RAISE(ROLLBACK, 'no'); END"),
    "entries that cannot be written": sql("CREATE TRIGGER no BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END"),
    "entries that undo everything": sql("CREATE TRIGGER no BEFORE INSERT ON {table} BEGIN SELECT RAISE(ROLLBACK, 'no'); END"),
    "entries as a view": sql("ALTER TABLE {table} RENAME TO rows_of", "CREATE VIEW {table} AS SELECT * FROM rows_of"),
}

V1_CASES: dict[str, Change] = {
    "a version as a blob": sql("UPDATE journal SET VERSION = x'80ff'"),
    "a path as a blob": sql("UPDATE journal SET FILEPATH = x'80ff'"),
    "an upload time as a blob": sql("UPDATE journal SET UPLOAD_DTSTR = x'80ff'"),
    "an id of nothing": sql(
        "CREATE TABLE other AS SELECT * FROM journal",
        "DROP TABLE journal",
        "ALTER TABLE other RENAME TO journal",
        "UPDATE journal SET FILE_ID = NULL",
    ),
    "a size that a strict table refuses": sql("UPDATE journal SET SIZE = x'80'"),
}

V2_CASES: dict[str, Change] = {
    "a version as a blob": sql("UPDATE versions SET VERSION = x'80ff' WHERE id = 1"),
    "a path as a blob": sql("UPDATE srcpaths SET SRC_PATH = x'80ff' WHERE id = 1"),
    "a name as a blob": sql("UPDATE journal_v2 SET FILENAME = x'80ff'"),
    "an upload time as a blob": sql("UPDATE uploads SET UPLOAD_DT = x'80ff' WHERE id = 1"),
    "a modality as a number": sql("UPDATE modalities SET MODALITY = 7 WHERE id = 1"),
    "an id of nothing": sql(
        "CREATE TABLE other AS SELECT * FROM journal_v2",
        "DROP TABLE journal_v2",
        "ALTER TABLE other RENAME TO journal_v2",
        "UPDATE journal_v2 SET FILE_ID = NULL",
    ),
    "ids that are texts": sql(
        "CREATE TABLE other AS SELECT * FROM journal_v2",
        "DROP TABLE journal_v2",
        f"CREATE TABLE journal_v2 ({_V2})",
        "INSERT INTO journal_v2 SELECT 'x' || FILE_ID, " + _V2.partition(", ")[2] + " FROM other",
    ),
    "an id of nothing in a lookup": sql(
        "CREATE TABLE other AS SELECT * FROM versions",
        "DROP TABLE versions",
        "ALTER TABLE other RENAME TO versions",
        "UPDATE versions SET id = NULL",
    ),
    "a lookup that is a view": sql("ALTER TABLE versions RENAME TO real_versions", "CREATE VIEW versions AS SELECT * FROM real_versions"),
    "a view of itself": sql(
        "DROP TABLE versions", "CREATE VIEW versions AS SELECT * FROM srcs", "CREATE VIEW srcs AS SELECT * FROM versions"
    ),
}


def make(schema: int, change: Change, path: Path) -> Path:
    """A sample of that format, changed."""
    path.write_bytes((SAMPLES / f"journal_v{schema}_after_update_2.db").read_bytes())
    change(path)
    return path


@cache
def content(schema: int, name: str) -> bytes:
    """What the file of a case holds; with "" a good one."""
    with tempfile.TemporaryDirectory() as folder:
        return make(schema, cases(schema).get(name, lambda path: None), Path(folder) / "journal.db").read_bytes()


def cases(schema: int) -> dict[str, Change]:
    """The cases for a format."""
    return CASES | (V1_CASES if schema == 1 else V2_CASES)
