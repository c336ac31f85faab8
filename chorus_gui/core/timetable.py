"""How fast files may be sent, and when: ``"4 MB/s on workdays 8-18, free otherwise"``.

A timetable is a list of rules; the first one that applies to the time of day on this computer decides.  The command line, the
configuration and the window read the same text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from chorus_gui.core.errors import UsageError

EXAMPLE = "4 MB/s on workdays 8-18, free otherwise"
LEAST = 10_000
"""Bytes a second.  With less, the central store would give up waiting for the parts of a large file."""
_DAY = 24 * 60
_EVERY_DAY = frozenset(range(7))
_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SETS = {
    "workdays": frozenset(range(5)),
    "weekdays": frozenset(range(5)),
    "weekends": frozenset((5, 6)),
    "daily": _EVERY_DAY,
}
_FREE = ("free", "off", "unlimited", "none", "no limit")
_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1024, "mi": 1024**2, "gi": 1024**3}
_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(?![0-9])\s*([A-Za-z]*(?:/[A-Za-z]+)?)")
_UNIT = re.compile(r"(?i:(k|m|g)(i?))?(B|(?i:bytes?)|(?i:bits?))?(?i:/s|/sec|/second|ps)?")
_HOURS = re.compile(r"([0-9]{1,2})(?::([0-9]{2}))?-([0-9]{1,2})(?::([0-9]{2}))?")


@dataclass(frozen=True, slots=True)
class Rule:
    """``rate`` in bytes a second, None for no limit, on these ``days`` (0 is Monday) from minute ``start`` of the day to minute ``end``.

    If the end is not after the start, it is on the next day.
    """

    rate: int | None
    days: frozenset[int] = _EVERY_DAY
    start: int = 0
    end: int = _DAY

    def covers(self, day: int, minute: int) -> bool:
        """It applies at this minute of this day of the week."""
        if self.start < self.end:
            return day in self.days and self.start <= minute < self.end
        return (day in self.days and minute >= self.start) or ((day - 1) % 7 in self.days and minute < self.end)


@dataclass(frozen=True, slots=True)
class Timetable:
    """``rules``: the first that covers a moment applies; where none does, there is no limit.  ``text`` is how a person wrote it."""

    rules: tuple[Rule, ...]
    text: str

    def rate(self, now: datetime) -> int | None:
        """Bytes a second at a local time; None: no limit."""
        minute = now.hour * 60 + now.minute
        return next((rule.rate for rule in self.rules if rule.covers(now.weekday(), minute)), None)

    @property
    def changes(self) -> bool:
        """The time makes a difference."""
        return any((rule.days, rule.start, rule.end) != (_EVERY_DAY, 0, _DAY) for rule in self.rules)

    def next_change(self, now: datetime, zone: tzinfo | None = None) -> tuple[datetime, int | None] | None:
        """When another rate applies after ``now``, and which; None if that never happens.

        ``zone`` None is the zone of this computer.  A clock that is put forward or back is taken into account.
        """
        if not self.changes:
            return None
        here = now.astimezone(zone)
        before = self.rate(here)
        # By the seconds since 1970: times of one zone are compared without its clock changes.
        moments = {moment.timestamp(): moment for moment in self._edges(here, zone)}
        for seconds in sorted(seconds for seconds in moments if seconds > here.timestamp()):
            if (after := self.rate(moments[seconds])) != before:
                return moments[seconds], after
        return None

    def _edges(self, here: datetime, zone: tzinfo | None) -> Iterator[datetime]:
        """Moments in the next eight days at which a rule may begin or end; on a day on which the clock is changed, every quarter of an hour."""
        minutes = {minute % _DAY for rule in self.rules for minute in (rule.start, rule.end)} | {0}
        for days in range(9):
            day = here.date() + timedelta(days=days)
            walls = [datetime.combine(day, time(minute // 60, minute % 60)) for minute in minutes]
            yield from (_local(wall, zone) for wall in walls)
            begin, end = (_local(datetime.combine(day + timedelta(days=n), time()), zone) for n in (0, 1))
            if begin.utcoffset() != end.utcoffset():
                start, quarters = begin.astimezone(UTC), int(end.timestamp() - begin.timestamp()) // 900
                yield from ((start + timedelta(minutes=15 * number)).astimezone(zone) for number in range(quarters))

    def now_and_next(self, now: datetime, zone: tzinfo | None = None) -> str:
        """What applies, and until when: “4 MB/s until 18:00, then free”; “” for no limit at all."""
        here = now.astimezone(zone)
        rate, change = self.rate(here), self.next_change(here, zone)
        if change is None:
            return "" if rate is None else rate_text(rate)
        moment, after = change
        until = f"{moment:%H:%M}" if moment.date() == here.date() else f"{moment:%a} {moment.day} {moment:%b %H:%M}"
        return f"{rate_text(rate)} until {until}, then {rate_text(after)}"


def _local(wall: datetime, zone: tzinfo | None) -> datetime:
    """What a clock on the wall shows, as a moment."""
    return (wall.replace(tzinfo=zone) if zone else wall).astimezone(zone)


def at_most(rate: int | None) -> Timetable:
    """The same at all times.  ``rate`` in bytes a second, None for no limit."""
    return Timetable((Rule(rate),), rate_text(rate))


FREE = Timetable((Rule(None),), "off")


def rate_text(rate: int | None) -> str:
    """Bytes a second for a person: “4 MB/s”, “500 kB/s”, “free”."""
    if rate is None:
        return "free"
    for unit, size in (("GB/s", 1000**3), ("MB/s", 1000**2), ("kB/s", 1000)):
        if rate >= size:
            return f"{round(rate / size, 3):g} {unit}"
    return f"{rate} B/s"


def parse_limit(text: str) -> Timetable:
    """Read a limit or a timetable.  Raises :class:`UsageError`, which shows a right one."""
    words = " ".join(text.split())
    if not words:
        raise _wrong("The limit is empty.")
    parts = [part.strip() for part in words.split(",")]
    rules: list[Rule] = []
    for number, part in enumerate(parts):
        if not part:
            raise _wrong(f"There is nothing between two commas in “{words}”.")
        rule, always = _rule(part, words)
        if always and number < len(parts) - 1:
            raise _wrong(f"“{part}” applies at all times, so “{', '.join(parts[number + 1 :])}” never does.", "Write it at the end.")
        if rule in rules:
            raise _wrong(f"“{part}” is there twice.")
        rules.append(rule)
    if len(rules) == 1 and not Timetable((rules[0],), "").changes:
        return FREE if rules[0].rate is None else at_most(rules[0].rate)
    return Timetable(tuple(rules), words)


def parse_hours(text: str) -> tuple[Rule, ...]:
    """Read when something applies: "workdays 8-18, weekends".  The rules have no rate.  Raises :class:`UsageError`."""
    parts = [" ".join(part.split()) for part in text.split(",")]
    if not all(parts):
        raise _wrong("There are no days and no hours.", "Write for example “workdays 8-18”.")
    return tuple(Rule(None, *_when(part)) for part in parts)


def _rule(part: str, words: str) -> tuple[Rule, bool]:
    """One rule, and whether it applies at all times."""
    lower = part.lower()
    free = next((word for word in _FREE if lower == word or lower.startswith(word + " ")), None)
    if free is not None:
        rate, rest = None, part[len(free) :].strip()
    else:
        found = _RATE.match(part)
        if found is None:
            raise _wrong(f"“{part}” does not begin with a speed.", "Begin each part with a speed such as 4 MB/s, or with “free”.")
        rate, rest = _bytes(found[1], found[2], words), part[found.end() :].strip()
    if rest.lower() in ("", "otherwise"):
        return Rule(rate), True
    days, start, end = _when(rest)
    return Rule(rate, days, start, end), False


def _bytes(number: str, unit: str, words: str) -> int:
    found = _UNIT.fullmatch(unit)
    if not unit and not float(number):
        raise _too_slow(number)
    if not unit:
        raise _wrong(f"The speed “{number}” has no unit.", f"Write for example {number} MB/s or {number} Mbit/s.")
    if found is None and re.fullmatch(r"(?i:[kmg]i?)?b(?:/s|ps)?", unit):
        if unit.lower().endswith("bps"):
            found = _UNIT.fullmatch(f"{unit[:-3]}bit/s")
        else:
            large = unit[0].upper() if unit[0].lower() in "mg" else "k"
            raise _wrong(
                f"“{number} {unit}” can mean bytes or bits.", f"Write {number} {large}B/s for bytes, or {number} {large}bit/s for bits."
            )
    if found is None:
        raise _wrong(f"“{unit}” in “{words}” is not a unit of speed.", "Use kB/s, MB/s or GB/s, or Mbit/s for bits.")
    size = float(number) * _UNITS[((found[1] or "") + (found[2] or "")).lower()]
    rate = round(size / 8 if (found[3] or "").lower().startswith("bit") else size)
    if rate < LEAST:
        raise _too_slow(f"{number} {unit}")
    return rate


def _too_slow(speed: str) -> UsageError:
    return _wrong(f"“{speed}” is too slow.", f"The least is {rate_text(LEAST)}. To send nothing for a while, pause the upload.")


def _when(text: str) -> tuple[frozenset[int], int, int]:
    """Days of the week, and the first and the last minute of the day."""
    words = re.sub(r"\s*[-–]\s*", "-", text.lower()).replace("every day", "daily").replace("+", " and ").split()
    words = words[1:] if words[0] == "on" else words
    days: set[int] = set()
    hours: tuple[int, int] | None = None
    for word in words:
        if found := _HOURS.fullmatch(word):
            if hours is not None:
                raise _wrong(f"“{text}” has two times of day.", "Write one part for each, separated by a comma.")
            hours = _minute(found[1], found[2], text), _minute(found[3], found[4], text)
        elif (some := _days(word)) is not None and hours is None:
            days |= some
        elif word not in ("and", "from"):
            raise _wrong(
                f"“{word}” in “{text}” is neither a day nor a time of day.",
                "Write days as workdays, weekends or Mon-Fri, and hours as 8-18 or 8:30-17:30.",
            )
    if not days and hours is None:
        raise _wrong(f"“{text}” has neither days nor hours.")
    if hours is not None and hours[0] % _DAY == hours[1] % _DAY and hours != (0, _DAY):
        raise _wrong(f"“{text}” begins and ends at the same time.", "For the whole day, leave out the hours.")
    start, end = hours or (0, _DAY)
    return frozenset(days) or _EVERY_DAY, start % _DAY, end


def _minute(hour: str, minute: str | None, text: str) -> int:
    found = int(hour) * 60 + int(minute or 0)
    if found > _DAY or int(minute or 0) > 59:
        raise _wrong(f"“{text}” has a time of day that does not exist.", "Hours are 0 to 24, as in 8-18 or 8:30-17:30.")
    return found


def _days(word: str) -> frozenset[int] | None:
    if word in _SETS:
        return _SETS[word]
    first, dash, last = word.partition("-")
    numbers = [_day(first), _day(last) if dash else _day(first)]
    if None in numbers:
        return None
    begin, end = (number for number in numbers if number is not None)
    return frozenset((begin + step) % 7 for step in range((end - begin) % 7 + 1))


def _day(word: str) -> int | None:
    word = word.removesuffix("s") if word.endswith("days") else word
    return next((number for number, name in enumerate(_NAMES) if word in (name, name[:3])), None)


def _wrong(what: str, how: str = "") -> UsageError:
    return UsageError(what, remedy=f"{how} Example: “{EXAMPLE}”.".strip())
