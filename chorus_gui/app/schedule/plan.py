"""What a schedule says, as a value: which policy, for which configuration, on which days at which time."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

from chorus_gui.core.config.keys import nearest
from chorus_gui.core.errors import UsageError
from chorus_gui.core.untrusted import MalformedError, json_value, record

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
GROUPS = {"daily": DAYS, "workdays": DAYS[:5], "weekends": DAYS[5:]}
MAKER = "CHoRUS Upload"
SCHEMA = "chorus-upload-schedule/1"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_TIME = re.compile(r"([01]?\d|2[0-3])[:.]([0-5]\d)", re.ASCII)


class System(Enum):
    """A scheduler."""

    WINDOWS = "windows"
    SYSTEMD = "systemd"
    LAUNCHD = "launchd"


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule.  ``program`` are the words that start ``chorus-upload``; both files are whole paths; ``time`` is "HH:MM", local.

    ``signed_in``: it runs only while the user is signed in (Windows alone; the others decide that elsewhere).  ``home`` is the value of
    CHORUS_UPLOAD_HOME, "" if it is not set.
    """

    name: str
    program: tuple[str, ...]
    config: str
    policy: str
    time: str
    days: tuple[str, ...] = DAYS
    signed_in: bool = False
    home: str = ""

    @property
    def command(self) -> tuple[str, ...]:
        """The words that the scheduler starts."""
        return (*self.program, "-c", self.config, "submit", "--policy", self.policy)

    @property
    def hour(self) -> int:
        """0 to 23."""
        return int(self.time.partition(":")[0])

    @property
    def minute(self) -> int:
        """0 to 59."""
        return int(self.time.partition(":")[2])

    @property
    def when(self) -> str:
        """For people: "every day at 22:30"."""
        group = next((name for name, days in GROUPS.items() if days == self.days), "")
        said = {"daily": "every day", "workdays": "Monday to Friday", "weekends": "Saturday and Sunday"}
        return f"{said.get(group) or ', '.join(day.capitalize() for day in self.days)} at {self.time}"

    def next_run(self, now: datetime) -> datetime:
        """The next start after ``now``, which is a local time."""
        for ahead in range(8):
            at = (now + timedelta(days=ahead)).replace(hour=self.hour, minute=self.minute, second=0, microsecond=0)
            if at > now and DAYS[at.weekday()] in self.days:
                return at
        raise AssertionError("a schedule has a day")

    def to_json(self) -> str:
        """On one line, for the scheduler's own files: they are the only place where a schedule is kept."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, separators=(",", ":"))


def from_json(text: str) -> Schedule | None:
    """What :meth:`Schedule.to_json` wrote; None for anything else."""
    try:
        data = json_value(text)
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:  # pyright: ignore[reportUnknownMemberType]
            return None
        found = record(Schedule, data)  # pyright: ignore[reportUnknownArgumentType]
        return found if found.days and set(found.days) <= set(DAYS) and _TIME.fullmatch(found.time) else None
    except MalformedError:
        return None


def read_name(text: str) -> str:
    """A name that every scheduler takes.  Raises :class:`UsageError`."""
    if not _NAME.fullmatch(text):
        raise UsageError(
            f"“{text}” is not a valid name for a schedule.", remedy="Use up to 40 small letters, digits and hyphens, for example “nightly”."
        )
    return text


def read_time(text: str) -> str:
    """ "22:30", "7:05" → "07:05".  Raises :class:`UsageError`."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"“{text}” is not a time of day.", remedy="Write it as HH:MM, for example 22:30.")
    return f"{int(found[1]):02d}:{found[2]}"


def read_days(text: str) -> tuple[str, ...]:
    """ "daily", "workdays", "weekends", or days with commas ("mon,thu"), in the order of the week.  Raises :class:`UsageError`."""
    found: set[str] = set()
    for part in (part.strip().lower() for part in text.split(",")):
        days = GROUPS.get(part) or ((part[:3],) if part[:3] in DAYS and part in (part[:3], *_LONG) else ())
        if not days:
            hint = nearest(part, (*GROUPS, *DAYS, *_LONG))
            meant = f"Did you mean “{hint}”? " if hint else ""
            raise UsageError(f"“{part}” is not a day.", remedy=f"{meant}Use daily, workdays, weekends, or days such as mon,wed,fri.")
        found.update(days)
    return tuple(day for day in DAYS if day in found)


_LONG = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def whole_path(text: str) -> str:
    """A file as a scheduler must name it.  Raises :class:`UsageError` for a path that no scheduler's file can hold."""
    path = str(Path(text).absolute())
    if any(ord(char) < 32 or ord(char) == 127 for char in path) or not _encodable(path):
        raise UsageError(
            "The path has a line break, a control character or bytes that are not text.",
            remedy="Rename the folder or the file, then try again.",
        )
    return path


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
