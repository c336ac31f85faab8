"""A person who works in the window comes first: unattended runs of the same configuration wait."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from chorus_gui.core import private
from chorus_gui.core.errors import ComputerError, JournalBusyError
from chorus_gui.core.folders import data_folder
from chorus_gui.core.job import JobContext
from chorus_gui.core.untrusted import instant_us, json_value, record

IDLE_S = 600.0
"""Seconds without a key or a click after which nobody works."""
LONGEST_S = 4 * 3600.0
"""Seconds that an unattended run waits at most."""
LOOK_S = 5.0
NAME = "working.json"


@dataclass(frozen=True, slots=True)
class Work:
    """Somebody works on a configuration.  Times are microseconds since 1970, UTC."""

    config: str
    since_us: int
    last_us: int


def note(config: Path, since_us: int) -> None:
    """Somebody works on this configuration now.  A disk that does not take it is not an error."""
    work = {"config": str(config), "since_us": since_us, "last_us": time.time_ns() // 1000}
    with suppress(OSError, ComputerError):
        private.write(data_folder("instance") / NAME, json.dumps(work).encode())


def end() -> None:
    """Nobody works any longer."""
    with suppress(OSError, ComputerError):
        (data_folder("instance") / NAME).unlink(missing_ok=True)


def working(config: Path) -> Work | None:
    """Who works on this configuration now; None: nobody, or not for :data:`IDLE_S`."""
    try:
        work = record(Work, json_value((data_folder("instance") / NAME).read_text("utf-8")))
    except (OSError, ValueError, ComputerError):
        return None
    idle = time.time() - work.last_us / 1e6
    return work if Path(work.config) == config and -60 <= idle < IDLE_S else None


def wait(config: Path, ctx: JobContext) -> bool:
    """Wait until nobody works on this configuration; True if somebody did.

    Raises :class:`JournalBusyError` after :data:`LONGEST_S`, :class:`~chorus_gui.core.errors.Cancelled` when ``ctx`` says so.
    """
    until, waited = time.monotonic() + LONGEST_S, False
    while (work := working(config)) is not None:
        if time.monotonic() >= until:
            raise JournalBusyError(
                f"Somebody has worked in the window of CHoRUS Upload since {_moment(work.since_us)}.",
                meaning="An unattended run waits until nobody has used the window for 10 minutes. Nothing was recorded or uploaded.",
                remedy="Run it again, or close the window.",
            )
        waited = True
        ctx.sleep(LOOK_S)
    return waited


def _moment(us: int) -> str:
    at: datetime | None = instant_us(us)
    return f"{at.astimezone():%Y-%m-%d %H:%M}" if at else "an unknown time"
