"""What the window writes: the words of :mod:`chorus_gui.app.words`, and dates in the user's locale."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QDateTime, QLocale

from chorus_gui.app.values import StoreKind
from chorus_gui.app.words import DASH, KINDS, agree, duration, files_and_size, measured, number, plural, rate, size

__all__ = [
    "KINDS",
    "STORES",
    "agree",
    "at",
    "count_of",
    "day",
    "duration",
    "files_and_size",
    "measured",
    "moment",
    "newest",
    "number",
    "rate",
    "size",
    "stamp",
]

count_of = plural

STORES = {StoreKind.NONE: "", StoreKind.TEST: "Test setup", StoreKind.CENTRAL: "Central store"}
"""What a kind of store is called; badges write it in capitals."""


def moment(us: int | None, *, seconds: bool = False) -> str:
    """Microseconds since 1970, UTC → date and time, local."""
    if us is None:
        return DASH
    at = QDateTime.fromMSecsSinceEpoch(us // 1000)
    locale = QLocale()
    time_format = "HH:mm:ss" if seconds else "HH:mm"
    return f"{locale.toString(at.date(), QLocale.FormatType.ShortFormat)} {locale.toString(at.time(), time_format)}"


def day(us: int) -> str:
    """Microseconds since 1970, UTC → the local day: "3 Nov 2026"."""
    return QLocale().toString(QDateTime.fromMSecsSinceEpoch(us // 1000).date(), "d MMM yyyy")


def newest(us: int | None) -> str:
    """When the newest of several files was modified, as a sentence; "" if no time is known."""
    return "" if us is None else f"The newest was modified on {moment(us)}."


def at(when: datetime | None) -> str:
    """An aware datetime → date and time, local."""
    return moment(None if when is None else int(when.timestamp() * 1e6))


def stamp(text: str | None) -> str:
    """The journal's upload time (YYYYMMDDHHMMSS, UTC) → date and time, local; any other text unchanged."""
    from datetime import UTC

    if not text:
        return DASH
    try:
        return at(datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC))
    except ValueError:
        return text
