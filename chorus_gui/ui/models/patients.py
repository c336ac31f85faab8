"""Patient after patient in one flat list of rows: headings that open and close, a million rows below them.

No tree widget: it keeps something for every row that is open, and asks for each of them when a patient is opened.  Here a heading
costs 17 bytes and an open row nothing.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

from chorus_gui.core.review.values import PatientChanges


class Groups:
    """Headings and which of them are open.

    A *position* counts lines in the order of the query, a *row* what is on screen.  ``items`` are in that order.
    """

    def __init__(self, items: Sequence[PatientChanges]) -> None:
        self.items = items
        self._starts = array("q", accumulate((item.lines for item in items), initial=0))
        self._open = bytearray(len(items))
        self._tops = array("q", range(len(items) + 1))

    @property
    def rows(self) -> int:
        """Headings, and the changes below those that are open."""
        return self._tops[-1]

    def at(self, row: int) -> tuple[int, int | None]:
        """What a row shows: the number of its heading, and the position of its change (None: it is the heading itself)."""
        number = bisect_right(self._tops, row) - 1
        below = row - self._tops[number]
        return number, None if below == 0 else self._starts[number] + below - 1

    def heading(self, row: int) -> PatientChanges | None:
        """What is below a heading; None for the row of a change."""
        number, position = self.at(row)
        return self.items[number] if position is None else None

    def headings(self, first: int, last: int) -> list[str | None]:
        """The patients whose own row is one of ``first`` to ``last``; None in it: of no patient."""
        (number, position), (end, _) = self.at(first), self.at(last)
        return [item.patient for item in self.items[number if position is None else number + 1 : end + 1]]

    def top(self, number: int) -> int:
        """The row of a heading."""
        return self._tops[number]

    def is_open(self, number: int) -> bool:
        """Its changes are on screen."""
        return bool(self._open[number])

    def row_of(self, position: int) -> int:
        """The row of a change; of its heading, where that is closed."""
        number = bisect_right(self._starts, position) - 1
        return self._tops[number] + (position - self._starts[number] + 1 if self._open[number] else 0)

    def set_open(self, numbers: Iterable[int], *, opened: bool) -> None:
        """Open or close headings."""
        for number in numbers:
            self._open[number] = opened
        sizes = (1 + item.lines if opened else 1 for item, opened in zip(self.items, self._open, strict=True))
        self._tops = array("q", accumulate(sizes, initial=0))

    def open_like(self, other: Groups) -> None:
        """Open the patients that are open there."""
        opened = {item.patient for item, is_open in zip(other.items, other._open, strict=True) if is_open}
        if opened:
            self.set_open([n for n, item in enumerate(self.items) if item.patient in opened], opened=True)

    def positions(self, first: int, last: int) -> list[tuple[int, int]]:
        """The changes that rows ``first`` to ``last`` mean, as (from, before).  A heading means all changes below it."""
        found: list[tuple[int, int]] = []
        (number, position), (end, end_position) = self.at(first), self.at(last)
        if position is not None:  # what is left of a heading whose own row is not among them
            stop = self._starts[number + 1] if number < end else (end_position or 0) + 1
            found.append((position, stop))
            number += 1
        if number <= end:
            found.append((self._starts[number], self._starts[end + 1]))
        return found


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges (from, before) in order, those that overlap or touch as one."""
    out: list[tuple[int, int]] = []
    for first, stop in sorted(ranges):
        if out and first <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], stop))
        else:
            out.append((first, stop))
    return out
