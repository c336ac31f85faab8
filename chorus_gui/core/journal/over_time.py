"""How a journal grew: what it had as current with each version, and of how many patients each version has files.

The entries are read a block at a time and without an index, which the other tools do not make.  Between two blocks others can write, and
no more than one block is in memory: SQLite counts the patients in a temporary file.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from chorus_gui.core.journal import counting
from chorus_gui.core.journal.schema import Schema
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Tally

BLOCK = 50_000
"""entries that are read at a time"""


class VersionPoint(NamedTuple):
    """A version: when its first entry was recorded (microseconds since 1970, UTC), and how many patients it has current files of.

    ``current`` is what the journal had as current after the last entry before the next version; with the last version, what it has now.
    """

    version: str
    at_us: int
    patients: int
    current: Tally


def over_time(journal: Journal, checkpoint: Callable[[], None]) -> list[VersionPoint]:
    """A point for each version, in the order in which they began.  ``checkpoint`` is called before each block; it may raise.

    Errors as :class:`~chorus_gui.core.journal.store.Journal`.
    """
    checkpoint()
    with journal.reading() as schema:
        begun = counting.begun(schema)
        schema.conn.execute(
            "CREATE TEMP TABLE IF NOT EXISTS patient_of_version (version, patient, PRIMARY KEY (version, patient)) WITHOUT ROWID"
        )
        schema.conn.execute("DELETE FROM temp.patient_of_version")
    order = sorted(begun, key=lambda version: (begun[version], version))
    ends = _Ends([begun[version] for version in order[1:]])
    for first, last in _blocks(journal):
        checkpoint()
        with journal.reading() as schema:
            ends.add(schema, first, last)
    growth = _Growth(list(accumulate(ends.found, max)))  # versions that began together end together
    for first, last in _blocks(journal):
        checkpoint()
        with journal.reading() as schema:
            growth.add(schema, first, last)
            schema.conn.execute(_PATIENTS.format(rows=_rows(schema)), (first, last))
    checkpoint()
    with journal.reading() as schema:
        found = schema.conn.execute("SELECT version, COUNT(*) FROM temp.patient_of_version GROUP BY version").fetchall()
    patients = dict[str, int](found)
    return [VersionPoint(name, begun[name], patients.get(name, 0), tally) for name, tally in zip(order, growth.sums(), strict=False)]


_PATIENTS = (
    "INSERT OR IGNORE INTO temp.patient_of_version SELECT DISTINCT version, patient_id FROM {rows} "
    "AND invalid_us IS NULL AND patient_id <> ''"
)


def _rows(schema: Schema) -> str:
    return f"({schema.rows_sql()}) WHERE file_id BETWEEN ? AND ?"


def _blocks(journal: Journal) -> Iterator[tuple[int, int]]:
    """The first and the last number of the entries of each block."""
    start: int | None = -(2**63)
    while start is not None:
        with journal.reading() as schema:
            sql = f"SELECT FILE_ID FROM {schema.table} WHERE FILE_ID >= ? ORDER BY FILE_ID LIMIT 1 OFFSET ?"
            found = schema.conn.execute(sql, (start, BLOCK)).fetchone()
        following: int | None = found[0] if found else None
        yield start, (2**63 - 1 if following is None else following - 1)
        start = following


class _Ends:
    """The moment after the last entry before each of these ``beginnings``.  What is deleted for a version is closed before its first entry."""

    def __init__(self, beginnings: Sequence[int]) -> None:
        self._beginnings = beginnings
        self.found = [0] * len(beginnings)

    def add(self, schema: Schema, first: int, last: int) -> None:
        """Look at a block."""
        if not self._beginnings:
            return
        rows, numbers = _rows(schema), (first, last)
        lowest, highest = schema.conn.execute(f"SELECT MIN(valid_us), MAX(valid_us) FROM {rows}", numbers).fetchone()
        if lowest is None:
            return
        if self._place(lowest) == self._place(highest):
            self._note(highest)
        else:
            for (valid,) in schema.conn.execute(f"SELECT DISTINCT valid_us FROM {rows}", numbers):
                self._note(valid)

    def _place(self, valid: int) -> int:
        return bisect_right(self._beginnings, valid)

    def _note(self, valid: int) -> None:
        place = self._place(valid)
        if place < len(self.found):
            self.found[place] = max(self.found[place], valid + 1)


class _Growth:
    """Adds up what was current at each of these ``ends``, which are in order, and is now."""

    def __init__(self, ends: Sequence[int]) -> None:
        self._ends = ends
        self._files, self._bytes = [0] * (len(ends) + 1), [0] * (len(ends) + 1)

    def add(self, schema: Schema, first: int, last: int) -> None:
        """Add the entries of a block.  They are grouped only if they were not all recorded before the same end, or one is closed."""
        rows, numbers = _rows(schema), (first, last)
        sums = "COUNT(*), COALESCE(SUM(MAX(size, 0)), 0)"
        lowest, highest, closed, files, size = schema.conn.execute(
            f"SELECT MIN(valid_us), MAX(valid_us), COUNT(invalid_us), {sums} FROM {rows}", numbers
        ).fetchone()
        if lowest is None:
            return
        if not closed and self._place(lowest) == self._place(highest):
            self._change(self._place(lowest), files, size)
            return
        for valid, invalid, files, size in schema.conn.execute(f"SELECT valid_us, invalid_us, {sums} FROM {rows} GROUP BY 1, 2", numbers):
            began = self._place(valid)
            self._change(began, files, size)
            if invalid is not None:
                self._change(max(began, self._place(invalid)), -files, -size)

    def _place(self, moment: int) -> int:
        return bisect_right(self._ends, moment)

    def _change(self, place: int, files: int, size: int) -> None:
        self._files[place] += files
        self._bytes[place] += size

    def sums(self) -> list[Tally]:
        """What was current at each end, and is now."""
        return [Tally(files, size) for files, size in zip(accumulate(self._files), accumulate(self._bytes), strict=True)]
