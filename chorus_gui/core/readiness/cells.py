"""The cells of tables, some thousand lines at a time and column by column: most columns are right, and are seen to be so in one step.

Nothing here keeps or returns a cell: only which column, how often, and in which line first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from operator import gt

from chorus_gui.core.readiness.findings import Finding

Add = Callable[[str, str, int, int], None]
"""(rule, about, index of the first line in the batch, how often)"""
Column = Sequence[str]

NULLS = frozenset(("NULL", "null", "Null", "nan", "NaN", "NAN", "None", "NONE", "NA", "N/A", "n/a", "\\N", "<NA>"))
REDACTED = frozenset(("REDACTED", "[REDACTED]", "redacted", "Redacted", "REMOVED", "DEIDENTIFIED"))
MOST_KEYS = 3_000_000
"""Keys that are remembered to find a second one; a larger table is not checked for it."""
MOST_DATES = 50_000
"""Values that a check remembers as right."""
ALL_OF, SAMPLE = 50, 10
"""Batches of a text column that are searched completely; then one of ten is."""
_ZERO = str.maketrans("123456789", "000000000")
_INTEGER = re.compile(r"\s*-?\d+\s*")
_DECIMAL = re.compile(r"\s*-?\d+\.\d*\s*|\s*-?\d+(?:\.\d+)?[eE][+-]?\d+\s*")
_TIME_SHAPES = re.compile(r"(?:[T ]00(?::?00(?::?00(?:[.,]0+)?)?)?(?:Z|z| ?[+-]00(?::?00)?)?)?")
_IDENTIFIERS = re.compile(
    r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)|(?<!\d)(?:\+?1[-. ])?(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}(?!\d)|[\w.+-]+@[\w-]+\.[A-Za-z]{2,}"
    r"|https?://|www\.\w|\b(?:MRN|SSN)\b\W{0,3}\d|(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])",
    re.IGNORECASE,
)
_WORDS = re.compile(r"\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+\S+")


def first(column: Iterable[str], wrong: Callable[[str], object]) -> tuple[int, int]:
    """Index of the first cell that is wrong, and how many are."""
    at = [number for number, value in enumerate(column) if wrong(value)]
    return (at[0], len(at)) if at else (0, 0)


class Filled:
    """A required column: no cell is empty."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, column: Column, add: Add) -> None:
        """Check a batch."""
        if "" in column or any(map(str.isspace, set(column))):
            add("O6", self._name, *first(column, lambda value: not value or value.isspace()))


class Words:
    """Any column: a word such as NULL does not stand for nothing."""

    def __init__(self, name: str, *, required: bool) -> None:
        self._name = name
        self._required = required

    def __call__(self, column: Column, add: Add) -> None:
        """Check a batch."""
        if not NULLS.isdisjoint(column):
            add("O8", self._name, *first(column, NULLS.__contains__))
            if self._required:
                add("O6", self._name, *first(column, NULLS.__contains__))


class Integers:
    """A column of whole numbers."""

    def __init__(self, name: str, *, required: bool) -> None:
        self._name = name
        self._words = Words(name, required=required)

    def __call__(self, column: Column, add: Add) -> None:
        """Check a batch."""
        joined = "".join(column)
        if joined.isascii() and (joined.isdigit() or not joined):
            return
        self._words(column, add)
        wrong = {value for value in set(column) if value and not value.isspace() and value not in NULLS and not _INTEGER.fullmatch(value)}
        if wrong:
            decimals = all(_DECIMAL.fullmatch(value) for value in wrong)
            add("O7", f"{self._name}{', written with decimals' if decimals else ''}", *first(column, wrong.__contains__))


class Dates:
    """A column of dates, or of dates with times."""

    def __init__(self, name: str, *, times: bool, required: bool) -> None:
        self._name = name
        self._times = times
        self._words = Words(name, required=required)
        self._known: set[str] = {""}
        self._shapes: set[str] = {""}
        self._tails: set[str] = {""}
        self._latest = (datetime.now(UTC).date() + timedelta(days=1)).isoformat()

    def __call__(self, column: Column, add: Add) -> None:
        """Check a batch."""
        days = {value[:10] for value in column} - self._known
        tails = {value[10:] for value in column} - self._tails
        shapes = {tail.translate(_ZERO) for tail in tails} - self._shapes
        if not shapes and len(self._tails) < MOST_DATES:
            self._tails |= tails
        if not days and not shapes:
            return
        self._words(column, add)
        form, impossible, future = set[str](), set[str](), set[str]()
        for day in days:
            verdict = _day(day.strip())
            if verdict == "form" and day not in NULLS:
                form.add(day)
            elif verdict == "impossible":
                impossible.add(day)
            elif not verdict and day > self._latest:
                future.add(day)
            elif len(self._known) < MOST_DATES:
                self._known.add(day)
        odd = {shape for shape in shapes if not (_TIME_SHAPES.fullmatch(shape.rstrip()) if self._times else _midnight(shape))}
        self._shapes |= shapes - odd if len(self._shapes) < MOST_DATES else set()
        for rule, days_of in (("D5", impossible), ("D2", future)):
            if days_of:
                add(rule, self._name, *first(column, lambda value, wrong=days_of: value[:10] in wrong))
        if form or odd:
            add(
                "O12",
                self._name,
                *first(column, lambda value: value[:10] in form or (value[:10] not in NULLS and value[10:].translate(_ZERO) in odd)),
            )


def _midnight(shape: str) -> bool:
    """A time after a date that has none in it, as some exports write."""
    return _TIME_SHAPES.fullmatch(shape.rstrip()) is not None


def _day(text: str) -> str:
    """ "" for a date, "form" for another form, "impossible" for one that is not in the calendar."""
    if not text:
        return ""
    if len(text) != 10 or text[4] != "-" or text[7] != "-" or not (text[:4] + text[5:7] + text[8:]).isdigit() or not text.isascii():
        return "form"
    try:
        date(int(text[:4]), int(text[5:7]), int(text[8:]))
    except ValueError:
        return "impossible"
    return ""


class Unique:
    """The key of a table."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._seen: set[str] | None = set()

    def __call__(self, column: Column, add: Add) -> None:
        """Check a batch."""
        if self._seen is None:
            return
        before = len(self._seen)
        new = set(column)
        if len(new) < len(column) or not new.isdisjoint(self._seen):
            here: set[str] = set()
            twice = [n for n, value in enumerate(column) if value and (value in self._seen or value in here or here.add(value))]
            if twice:
                add("O13", self._name, twice[0], len(twice))
        self._seen |= new
        if before > MOST_KEYS:
            self._seen = None


class Known:
    """A column whose cells must be in another table."""

    def __init__(self, name: str, rule: str, ids: set[str]) -> None:
        self._name = name
        self._rule = rule
        self._ids = ids

    def __call__(self, column: Column, add: Add) -> None:
        """Check a batch."""
        unknown = set(column) - self._ids
        unknown.discard("")
        unknown -= NULLS
        if unknown:
            add(self._rule, self._name, *first(column, unknown.__contains__))


class Silent:
    """A column in which notes would be: empty, or a fixed word."""

    def __init__(self, name: str, rule: str) -> None:
        self._name = name
        self._rule = rule

    def __call__(self, column: Column, add: Add) -> None:
        """Check a batch."""
        words = {value for value in set(column) if value.strip() and value not in NULLS and value.strip() not in REDACTED}
        if words:
            add(self._rule, self._name, *first(column, words.__contains__))


class Codes:
    """A column of codes and titles that should not be running text."""

    def __init__(self, name: str, longest: int) -> None:
        self._name = name
        self._longest = longest

    def __call__(self, column: Column, add: Add) -> None:
        """Check a batch."""
        if max(map(len, column), default=0) > 40:
            at, count = first(column, lambda value: len(value) > self._longest or _WORDS.search(value))
            if count:
                add("N8", self._name, at, count)


class Identifiers:
    """A text column, searched for forms of telephone numbers, addresses and record numbers: all of the beginning, then a sample."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._batches = 0
        self._fine: set[str] = set()

    def __call__(self, column: Column, add: Add) -> None:
        """Check a batch."""
        self._batches += 1
        if self._batches > ALL_OF and self._batches % SAMPLE:
            return
        new = set(column) - self._fine
        if not new:
            return
        if _IDENTIFIERS.search("\n".join(new)):
            at, count = first(column, _IDENTIFIERS.search)
            if count:
                add("P7", self._name, at, count)
        elif len(self._fine) < MOST_DATES:
            self._fine |= new


class Never:
    """A column that should be empty."""

    def __init__(self, name: str, rule: str) -> None:
        self._name = name
        self._rule = rule

    def __call__(self, column: Column, add: Add) -> None:
        """Check a batch."""
        if any(column):
            at, count = first(column, lambda value: value.strip() and value not in NULLS)
            if count:
                add(self._rule, self._name, at, count)


def ends_before_it_begins(starts: Column, ends: Column) -> tuple[int, int]:
    """Lines whose second date is before the first one: index of the first, and how many.  Dates alone are compared."""
    if "" not in ends and not any(map(gt, starts, ends)):
        return 0, 0
    at = [
        n
        for n, (start, end) in enumerate(zip(starts, ends, strict=True))
        if start and end and len(end) >= 10 and start[:10] > end[:10] and end[0].isdigit()
    ]
    return (at[0], len(at)) if at else (0, 0)


def finding(path: str, rule: str, about: str, line: int, times: int) -> Finding:
    """A finding of a table."""
    return Finding(rule, path, about, line, times)
