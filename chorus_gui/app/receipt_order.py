"""The kept receipts in the order in which they were made, also if the clock of a computer was wrong.

A receipt has the time that its computer had.  It also names the receipt before it on the same computer, so a time that does not fit
the order is noticed.  Every order of receipts, and every comparison of one with another time, uses ``at_us`` of this module.
"""

from __future__ import annotations

import hashlib
import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from chorus_gui.core.errors import ChorusError
from chorus_gui.core.job import JobContext
from chorus_gui.core.receipt import Receipt, from_json

NEWEST, OLDEST = 500, 50
"""How many receipts of a folder are read: those with the newest names, and some with the oldest, because a clock can have been behind."""
AHEAD_US = 5 * 60 * 1_000_000
"""How far another clock may be ahead of this one"""


class Ended(NamedTuple):
    """A receipt: its SHA-256, the one that it names as the one before, and the time that it has.

    ``known_us``: when it was there at the latest, by the clock of this computer; 0 is not known.
    """

    sha256: str
    previous: str
    ended_us: int
    known_us: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """A receipt that is kept: its file, the SHA-256 of its content in hex digits, what it says, and its place in time (:func:`places`)."""

    file: Path
    sha256: str
    says: Receipt
    at_us: int


def newest(folder: Path, ctx: JobContext | None = None, most: int = NEWEST) -> Iterator[Kept]:
    """The ``most`` receipts of a folder with the newest names, the newest first; then those with an old name that were made after one of these.

    It does not read those between: without the receipts that followed, an old one would show an outdated state.
    """
    files = sorted(folder.glob("*.json"), key=lambda file: file.name, reverse=True)
    there = set[str]()
    for one in read(files[:most], ctx):
        there.add(one.sha256)
        yield one
    for one in read(files[most:][-OLDEST:], ctx):
        if one.says.previous in there:
            yield one


def read(files: Iterable[Path], ctx: JobContext | None = None) -> Iterator[Kept]:
    """These files one by one, each with the time that it has itself.  What is not a receipt is left out."""
    for file in files:
        if ctx is not None:
            ctx.checkpoint()
        with suppress(OSError, UnicodeDecodeError, ChorusError):
            data = file.read_bytes()
            says = from_json(data.decode("utf-8"))
            yield Kept(file, hashlib.sha256(data).hexdigest(), says, says.ended_us)


def in_order(kept: Iterable[Kept], copies: Path | None = None) -> list[Kept]:
    """The newest first.  ``copies``: the folder of those that this computer copied, so that it knows since when they are there."""
    found = list(kept)
    at = places(
        [Ended(one.sha256, one.says.previous, one.says.ended_us, _copied(one.file, copies)) for one in found], time.time_ns() // 1000
    )
    return sorted((replace(one, at_us=us) for one, us in zip(found, at, strict=True)), key=lambda one: one.at_us, reverse=True)


def _copied(file: Path, copies: Path | None) -> int:
    with suppress(OSError):
        return file.stat().st_mtime_ns // 1000 if file.parent == copies else 0
    return 0


def places(receipts: Sequence[Ended], now_us: int) -> list[int]:
    """The place in time of each receipt, in microseconds since 1970.

    That is the time that it has, if it fits the order in which a computer made its receipts.  One that is too late (always: one in
    the future) is just before the next that fits, or just after the one before if none follows: then no scan is hidden that was made since.
    One that is too early is just after the one before.  As few as possible are moved.
    """
    at = [one.ended_us for one in receipts]
    latest = now_us + AHEAD_US
    for line in _lines(receipts):
        _place(line, receipts, at, latest)
    return at


def _lines(receipts: Sequence[Ended]) -> Iterator[list[int]]:
    """The numbers of receipts that follow one another.  Several can name the same one, because a wrong clock hides those after it."""
    there = {one.sha256: number for number, one in enumerate(receipts)}
    after: dict[int, list[int]] = {}
    first: list[int] = []
    for number, one in enumerate(receipts):
        before = there.get(one.previous) if one.previous else None
        (first if before is None else after.setdefault(before, [])).append(number)
    for number in first:
        line, todo = list[int](), [number]
        while todo:
            line.append(todo.pop())
            todo += sorted(after.get(line[-1], ()), key=lambda one: receipts[one].ended_us, reverse=True)
        yield line


def _place(line: Sequence[int], receipts: Sequence[Ended], at: list[int], latest: int) -> None:
    fits = _ascending([number for number in line if receipts[number].ended_us <= latest], at)
    ends: dict[int, int] = {}
    end: int | None = None
    for number in reversed(line):
        end = at[number] if number in fits else end - 1 if end is not None else None
        if end is not None:
            ends[number] = end
    before: int | None = None
    for number in line:
        one = receipts[number]
        if number not in fits:
            if number in ends and one.ended_us > ends[number]:
                at[number] = ends[number]
            elif one.ended_us > latest and one.known_us:
                at[number] = min(one.ended_us, max(one.known_us, (before or 0) + 1))
            elif before is not None:
                at[number] = before + 1 if one.ended_us > latest else max(one.ended_us, before + 1)
        before = at[number]


def _ascending(numbers: Sequence[int], at: Sequence[int]) -> set[int]:
    """As many of them as possible whose times ascend; of several such choices, the one with the earlier receipts."""
    tails: list[int] = []
    length: list[int] = []
    for number in reversed(numbers):
        place = bisect_right(tails, -at[number])
        tails[place : place + 1] = [-at[number]]
        length.append(place + 1)
    out, wanted, last = set[int](), len(tails), None
    for number, longest in zip(numbers, reversed(length), strict=True):
        if longest == wanted and (last is None or at[number] >= last):
            out.add(number)
            wanted, last = wanted - 1, at[number]
    return out
