"""How many entries each version has, in one pass over the journal and without an index, which the other tools do not make.

Nothing is kept between two counts, so no count is older than the journal.  The entries of a version follow one another almost
everywhere, and SQLite sums a block of equal ones five times as fast as it groups them.  So a block is summed as if all its entries were
like its first one, and only those that are not are grouped.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from chorus_gui.core.journal.schema import Schema
from chorus_gui.core.model import VersionCount

BLOCK = 4096
"""numbers of entries in the first block"""
LARGEST = 4 * BLOCK
SKIPPED = 16
"""blocks at most that are only grouped after some that were mixed"""

_Kind = tuple[object, object, object]
"""version, modality and upload, as the table has them"""


class _Sum(NamedTuple):
    """Of equal entries: all, those that are closed, the bytes of the others."""

    entries: int
    closed: int
    size: int


def counts(schema: Schema) -> tuple[VersionCount, ...]:
    """What each version of each modality holds, by version and modality, of one moment.  Errors as SQLite."""
    with _one_moment(schema.conn):
        return _Counter(schema).count()


def begun(schema: Schema) -> dict[str, int]:
    """When the first entry of each version was made, in microseconds, of one moment.  Errors as SQLite."""
    with _one_moment(schema.conn):
        return _Beginnings(schema).find()


def first_entries(schema: Schema) -> dict[str, int]:
    """The number of the first entry of each version, of one moment: numbers ascend, also when the computer's clock is wrong.  Errors as SQLite."""
    with _one_moment(schema.conn):
        found = _Beginnings(schema)
        found.find()
        return found.first


@contextmanager
def _one_moment(conn: sqlite3.Connection) -> Generator[None]:
    """Everything in the block reads the same state of the file."""
    if conn.in_transaction:
        yield
        return
    conn.execute("BEGIN")
    try:
        yield
    finally:
        with suppress(sqlite3.Error):  # it only read
            conn.execute("ROLLBACK")


class _Counter:
    def __init__(self, schema: Schema) -> None:
        self._conn, self._schema = schema.conn, schema
        table = schema.table
        like = f"{schema.version_column} IS ?3 AND {schema.modality_column} IS ?4 AND {schema.upload_column} IS ?5 AND SIZE >= 0"
        within = "FILE_ID BETWEEN ?1 AND ?2"
        self._first = (
            f"SELECT FILE_ID, {schema.version_column}, {schema.modality_column}, {schema.upload_column} FROM {table} "
            "WHERE FILE_ID >= ? ORDER BY FILE_ID LIMIT 1"
        )
        self._equal = (
            "SELECT COUNT(*), COUNT(TIME_INVALID_us), COALESCE(SUM(CASE WHEN TIME_INVALID_us IS NULL THEN SIZE END), 0) "
            f"FROM {table} WHERE {within} AND {like}"
        )
        self._all = f"SELECT COUNT(*) FROM {table} WHERE {within}"
        self._grouped = schema.counts_sql(within)
        self._others = schema.counts_sql(f"{within} AND ({like}) IS NOT TRUE")
        self._found: dict[tuple[str, str], VersionCount] = {}
        self._names: dict[_Kind, VersionCount] = {}

    def count(self) -> tuple[VersionCount, ...]:
        size, skip, mixed = BLOCK, 0, 0
        start = -(2**63)
        while first := self._conn.execute(self._first, (start,)).fetchone():
            number, *found = first
            kind: _Kind = (found[0], found[1], found[2])
            block = number, min(number + size - 1, 2**63 - 1)
            if skip:
                skip -= 1
                entries = self._group(block)
            elif (entries := self._sum(block, kind)) is None:
                if size > BLOCK:  # another version begins in it
                    size = BLOCK
                    continue
                mixed = min(SKIPPED, mixed * 2 or 1)
                skip = mixed
                entries = self._group(block)
            else:
                mixed = 0
            if block[1] == 2**63 - 1:
                break
            start = block[1] + 1
            if entries < size // 2 or size < LARGEST:  # the numbers have gaps, or there are many entries
                size *= 2
            elif entries > LARGEST:
                size = LARGEST
        return tuple(self._found[key] for key in sorted(self._found))

    def _sum(self, block: tuple[int, int], kind: _Kind) -> int | None:
        """Count a block of which most entries are of this kind; how many entries it has, None if it must be grouped."""
        alike = _Sum(*self._conn.execute(self._equal, (*block, *kind)).fetchone())
        if type(alike.size) is not int:  # a size that is text or a fraction
            return None
        entries = alike.entries
        if entries <= block[1] - block[0]:
            (entries,) = self._conn.execute(self._all, block).fetchone()
        if alike.entries * 2 < entries:
            return None
        if alike.entries < entries:
            self._add(self._conn.execute(self._others, (*block, *kind)))
        if alike.entries:
            named = self._names.get(kind) or self._name(block[0], kind)
            active, pending = alike.entries - alike.closed, kind[2] is None
            count = named.version, named.modality, active, alike.size, active if pending else 0, alike.size if pending else 0, alike.closed
            self._add([(*count, named.last_upload)])
        return entries

    def _name(self, number: int, kind: _Kind) -> VersionCount:
        if len(self._names) > SKIPPED:
            self._names.clear()
        self._names[kind] = found = VersionCount(*self._conn.execute(self._grouped, (number, number)).fetchone())
        return found

    def _group(self, block: tuple[int, int]) -> int:
        return self._add(self._conn.execute(self._grouped, block))

    def _add(self, counts: Any) -> int:
        """Add lines of :meth:`Schema.counts_sql`; how many entries they count."""
        entries = 0
        for line in counts:
            more = VersionCount(*line)
            entries += more.active + more.closed
            old = self._found.get((more.version, more.modality))
            self._found[more.version, more.modality] = more if old is None else _together(old, more)
        return entries


def _together(one: VersionCount, other: VersionCount) -> VersionCount:
    return VersionCount(
        one.version,
        one.modality,
        one.active + other.active,
        one.active_bytes + other.active_bytes,
        one.pending + other.pending,
        one.pending_bytes + other.pending_bytes,
        one.closed + other.closed,
        max(filter(None, (one.last_upload, other.last_upload)), default=None),
    )


class _Beginnings:
    """Finds the earliest entry of each version, in blocks as :class:`_Counter`: nothing is sorted, and no name is looked up twice."""

    def __init__(self, schema: Schema) -> None:
        self._conn, self._rows = schema.conn, schema.rows_sql()
        table, version = schema.table, schema.version_column
        self._first = f"SELECT FILE_ID, {version} FROM {table} WHERE FILE_ID >= ? ORDER BY FILE_ID LIMIT 1"
        earliest = "MIN(COALESCE(CAST(TIME_VALID_us AS INTEGER), 0))"
        within = f"FROM {table} WHERE FILE_ID BETWEEN ?1 AND ?2"
        self._alike = f"SELECT COUNT(*), {earliest} {within} AND {version} IS ?3"
        self._all = f"SELECT COUNT(*) {within}"
        self._others = f"SELECT {version}, {earliest}, MIN(FILE_ID) {within} AND {version} IS NOT ?3 GROUP BY {version}"
        self._found: dict[object, tuple[int, int]] = {}
        """a version as the table has it → its earliest moment, and the number of one of its entries"""
        self._lowest: dict[object, int] = {}
        self.first: dict[str, int] = {}
        """a version → the lowest number of its entries, after :meth:`find`"""

    def find(self) -> dict[str, int]:
        start, size = -(2**63), LARGEST
        while first := self._conn.execute(self._first, (start,)).fetchone():
            number, version = first
            end = min(number + size - 1, 2**63 - 1)
            entries, earliest = self._conn.execute(self._alike, (number, end, version)).fetchone()
            self._note(version, earliest, number)
            total = entries
            if entries <= end - number:
                (total,) = self._conn.execute(self._all, (number, end)).fetchone()
            if entries < total:
                for other in self._conn.execute(self._others, (number, end, version)):
                    self._note(*other)
            if end == 2**63 - 1:
                break
            start = end + 1
            size = LARGEST if total > LARGEST else size * 2 if total < size // 2 else size  # the numbers can have gaps
        named: dict[str, int] = {}
        for version, (earliest, number) in self._found.items():
            (name,) = self._conn.execute(f"SELECT version FROM ({self._rows}) WHERE file_id = ?", (number,)).fetchone()
            named[name] = min(earliest, named.get(name, earliest))
            self.first[name] = min(self._lowest[version], self.first.get(name, self._lowest[version]))
        named.pop("", None)
        self.first.pop("", None)
        return named

    def _note(self, version: object, earliest: int, number: int) -> None:
        self._lowest.setdefault(version, number)  # blocks come in the order of the numbers
        known = self._found.get(version)
        if known is None or earliest < known[0]:
            self._found[version] = earliest, number
