"""Numbers, sizes, dates and durations as people read them: one set for the window, the command line and the receipts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chorus_gui.core.model import ChangeKind
from chorus_gui.core.untrusted import instant_us

if TYPE_CHECKING:
    from chorus_gui.core.model import Tally

LOOKS_EMPTY = "A drive that is not connected looks empty, too."
"""Why nobody takes an empty folder for a site without files."""

DASH = "–"
"""Written for a missing value."""

KINDS = {kind: kind.value for kind in ChangeKind} | {ChangeKind.MOVED: "time changed"}
"""What people call a kind of change, in lower case; JSON, CSV and the journal use the kind's value."""

RESULTS = {
    "ok": ("matches", "Matches the journal."),
    "missing": ("missing", "Not in the central store."),
    "size_differs": ("size differs", "The size in the central store differs from the journal."),
    "content_differs": ("content differs", "The content in the central store differs from the journal."),
    "unprovable": ("not comparable", "The content could not be compared."),
    "unchecked": ("not checked", "Could not be checked."),
}
"""The value of a :class:`~chorus_gui.core.transfer.verify.VerifyResult` → (the heading of its column, a sentence)."""


def empty_folder(folder: str) -> str:
    """That a folder of the site is empty, which is suspicious: see :data:`LOOKS_EMPTY`."""
    return f"The folder {folder} is empty."


def number(value: int) -> str:
    """1204 → "1,204"."""
    return f"{value:,}"


def plural(value: int, one: str, many: str = "") -> str:
    """A count with its word: "1 file", "1,204 files"."""
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


def agree(value: int, one: str, many: str) -> str:
    """The word that agrees with a count: ``agree(1, "is", "are")`` → "is"."""
    return one if value == 1 else many


def files(value: int) -> str:
    """A count of files: "1 file", "1,204 files"."""
    return plural(value, "file")


def size(value: int) -> str:
    """Bytes, in powers of 1,000 as stores bill them: "999 B", "14.2 MB"."""
    if value < 1000:
        return f"{value} B"
    for unit, factor in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if value < 999.95 * factor:
            return f"{value / factor:,.1f} {unit}"
    return f"{value / 1e12:,.1f} TB"


def files_and_size(tally: Tally) -> str:
    """ "1,204 files (3.2 GB)"."""
    return f"{files(tally.files)} ({size(tally.bytes)})"


def measured(tally: Tally, unmeasured: int) -> str:
    """As :func:`files_and_size`, of files among which the size of ``unmeasured`` is not known: "3 files (at least 3.2 GB)"."""
    return f"{files(tally.files)} ({'at least ' if unmeasured else ''}{size(tally.bytes)})"


def rate(bytes_per_second: float | None) -> str:
    """ "12.4 MB/s"."""
    return f"{size(int(bytes_per_second))}/s" if bytes_per_second else DASH


def duration(seconds: float | None) -> str:
    """A time span in seconds: "0.4 s", "12 s", "2 min 5 s", "3 h 20 min"; only 0 is "0 s"."""
    if seconds is None:
        return DASH
    seconds = max(seconds, 0.0)
    if 0 < seconds < 0.95:
        return f"{max(seconds, 0.1):.1f} s"
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def moment(us: int) -> str:
    """Microseconds since 1970, UTC → local time with its distance from UTC: "2026-11-22 13:05:09 +0100"; "?" if they are not a valid time."""
    try:
        at = instant_us(us)
        return at.astimezone().strftime("%Y-%m-%d %H:%M:%S %z") if at else "?"
    except (OverflowError, OSError, ValueError):  # the first and last day of the calendar, in some zones
        return "?"


def day(us: int) -> str:
    """Microseconds since 1970, UTC → the local day: "2026-11-22"; "" if they are not a valid time."""
    try:
        at = instant_us(us)
        return at.astimezone().strftime("%Y-%m-%d") if at else ""
    except (OverflowError, OSError, ValueError):
        return ""


def utc(at: datetime) -> str:
    """An aware datetime → "2026-11-22 12:05:09", in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def held_text(reason: str, held_by: str, at_us: int) -> str:
    """Who holds something back, since when and why: "by anna since 2026-11-22 13:05:09 +0100: Consent withdrawn"."""
    who = f"by {held_by}" if held_by else "by an unknown user"
    return f"{who}{f' since {moment(at_us)}' if at_us else ''}: {reason}"
