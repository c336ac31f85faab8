"""What both generations of the journal have in common, and what a generation must say for itself.

The two schemas stand in :mod:`.v1` and :mod:`.v2`; nothing outside those files names a column of theirs.
"""

from __future__ import annotations

import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, ClassVar

from chorus_gui.core.model import Entry

COLUMNS = ("file_id", "modality", "path", "patient_id", "size", "mtime_us", "md5", "valid_us", "invalid_us", "uploaded", "version")
"""What ``rows_sql`` selects: the fields of :class:`chorus_gui.core.model.Row`, in its order, so that ``Row(*row)`` reads one."""


class EntryStatement:
    """An SQL statement that takes the fields of an entry as ``:path``, and ``more`` values as ``:name``, which must all occur in it.

    They are bound by their place, which is worked out here: SQLite takes twice as long to bind them by name.
    """

    def __init__(self, sql: str, *more: str) -> None:
        named: list[str] = re.findall(r":(\w+)", sql)
        read = [field.name for field in fields(Entry) if field.name in named and field.name not in more]
        places = {name: place for place, name in enumerate((*read, *more), 1)}
        self._sql = re.sub(r":(\w+)", lambda found: f"?{places[found[1]]}", sql)
        self._read: Callable[[Entry], tuple[Any, ...]] = attrgetter(*read)

    def bound(self, entry: Entry, *more: object) -> tuple[Any, ...]:
        """The values of an entry for :meth:`execute`; ``more`` in the order of the names."""
        return self._read(entry) + more

    def execute(self, conn: sqlite3.Connection, values: Iterable[tuple[Any, ...]]) -> None:
        """Run it for the values of many entries."""
        conn.executemany(self._sql, values)


class Schema(ABC):
    """One generation's tables, on one connection.  The caller opens and ends the transactions and translates errors."""

    number: ClassVar[int]
    table: ClassVar[str]
    history_table: ClassVar[str]
    upload_column: ClassVar[str]
    """NULL in it: not uploaded"""
    version_column: ClassVar[str]
    modality_column: ClassVar[str]
    statements: ClassVar[tuple[str, ...]]
    """what makes an empty journal: the very text, in the very order, that the other tools leave in ``sqlite_master``"""
    required: ClassVar[dict[str, frozenset[str]]]
    """the tables without which nothing can be read, with their columns in upper case"""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self.conn = conn

    @abstractmethod
    def rows_sql(self, alias: str = "main") -> str:
        """A SELECT of :data:`COLUMNS` over the database ``alias``.

        Nulls that a journal should not have come out as "" (modality, path, version), 0 (times) or -1 (a size that nobody
        knows, so that no file is ever taken for unchanged by it).  An MD5 comes in lower case, however it is kept.
        """

    def counts_sql(self, where: str) -> str:
        """A SELECT of the fields of :class:`chorus_gui.core.model.VersionCount`, a line for each version and modality, in this order.

        ``where`` is a condition over the columns of :attr:`table`.
        """
        active, pending = "invalid_us IS NULL", "invalid_us IS NULL AND uploaded IS NULL"
        return (
            f"SELECT version, modality, SUM({active}), SUM(CASE WHEN {active} THEN MAX(size, 0) ELSE 0 END), SUM({pending}), "
            f"SUM(CASE WHEN {pending} THEN MAX(size, 0) ELSE 0 END), SUM(invalid_us IS NOT NULL), MAX(uploaded) "
            f"FROM ({self.rows_sql()} WHERE {where}) GROUP BY version, modality ORDER BY version, modality"
        )

    @abstractmethod
    def insert(self, entries: Sequence[Entry], at_us: int) -> None:
        """A new active row for each."""

    @abstractmethod
    def repeat(self, file_id: int, mtime_us: int, at_us: int, md5_seconds: float | None) -> None:
        """A new active row that has everything of row ``file_id`` but the mtime."""

    @abstractmethod
    def close_row(self, file_id: int, at_us: int, state: str) -> None:
        """The row is active no longer; ``state`` is the word that version 1 keeps with it."""

    @abstractmethod
    def reopen(self, file_ids: Iterable[int]) -> None:
        """Closed rows are active again."""

    @abstractmethod
    def mark_uploaded(self, file_id: int, uploaded: str, upload_seconds: float | None, verify_seconds: float | None) -> None:
        """The row has this upload time."""

    @abstractmethod
    def forget(self) -> None:
        """A transaction was rolled back: ids that were learnt in it are void."""

    def delete(self, file_id: int) -> None:
        """The row is gone, as if it had never been entered."""
        self.conn.execute(f"DELETE FROM {self.table} WHERE FILE_ID = ?", (file_id,))

    def delete_never_uploaded_closed(self) -> int:
        """Take out the rows that were closed before they were ever uploaded; how many."""
        where = f"TIME_INVALID_us IS NOT NULL AND {self.upload_column} IS NULL"
        return self.conn.execute(f"DELETE FROM {self.table} WHERE {where}").rowcount

    def fingerprint(self) -> str:
        """Text that differs whenever rows were entered, closed, reopened, marked or taken out: one pass, no sort."""
        sums = ["COUNT(*)", "COALESCE(MAX(FILE_ID), 0)", "COALESCE(SUM(FILE_ID), 0)"]
        for column in ("TIME_VALID_us", "TIME_INVALID_us", "SRC_MODTIME_us", "SIZE", self.upload_column):
            # both halves of the number, weighed by the row, so that neither a swap nor a sum past 63 bits goes wrong
            value = f"CAST({column} AS INTEGER)"
            sums += [
                f"COUNT({column})",
                f"COALESCE(SUM(CASE WHEN {column} IS NULL THEN FILE_ID END), 0)",
                f"COALESCE(SUM({value} % 1000003 * (1 + FILE_ID % 1009)), 0)",
                f"COALESCE(SUM({value} / 1000003 % 1000003 * (1 + FILE_ID % 1009)), 0)",
            ]
        row = self.conn.execute(f"SELECT {', '.join(sums)} FROM {self.table}").fetchone()
        return f"{self.number}:" + ":".join(str(value) for value in row)
