"""What the headers of an answer say: times, clocks, waits, ETags; and its text, fit to be shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from chorus_gui.core.untrusted import DATA_ERRORS, MalformedError

MESSAGE_CHARS = 4000
SKEW_SECONDS = 300.0
"""A clock that is off by more is worth a sentence; services refuse at 15 minutes."""
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{0,9})?", re.ASCII)
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def http_date(text: str | None) -> datetime | None:
    """The time of a header or of an explanation, in UTC; None if it is none.  Without a zone it is GMT, as services write it."""
    try:
        when = parsedate_to_datetime(text) if text else None
        return when and (when.replace(tzinfo=UTC) if when.tzinfo is None else when).astimezone(UTC)
    except DATA_ERRORS:
        return None


@lru_cache(maxsize=256)  # while many small files are sent, most answers have the same second
def modified_us(text: str) -> int:
    """A Last-Modified as microseconds since 1970, whole seconds; 0 for "".  Raises :class:`MalformedError` for a time that is none."""
    when = http_date(text)
    if when is None and text:
        raise MalformedError("a time that is none")
    return int(when.timestamp()) * 1_000_000 if when else 0


def clock_skew(date: str | None) -> float | None:
    """This computer's clock minus the service's, in seconds, from an answer's Date header; None if it has none."""
    when = http_date(date)
    return (datetime.now(UTC) - when).total_seconds() if when else None


def clock_sentence(skew: float | None, whose: str = "Azure's") -> str:
    """A sentence about this computer's clock, "" if it is right or unknown.  ``skew``: this clock minus the service's, in seconds."""
    if skew is None or abs(skew) <= SKEW_SECONDS:
        return ""
    amount = f"{abs(skew) / 60:.0f} minutes" if abs(skew) < 7200 else f"{abs(skew) / 3600:.1f} hours"
    return f"This computer's clock is {amount} {'ahead of' if skew > 0 else 'behind'} {whose}."


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks to wait, from headers by lower-case name; None if it does not ask, or not in a way that makes sense.

    Milliseconds are the more exact: a service sends them beside the rounded seconds.  A negative or endless time is not one.
    """
    for name, unit in (("x-ms-retry-after-ms", 0.001), ("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if _SECONDS.fullmatch(text):
            return float(text) * unit
    when = http_date(headers.get("retry-after", "").strip())
    now = http_date(headers.get("date")) or datetime.now(UTC)  # by the service's clock: this computer's may be wrong
    return max(0.0, (when - now).total_seconds()) if when else None


def bare_etag(etag: str | None) -> str:
    """An ETag without its quotes: headers carry them, listings do not."""
    return (etag or "").strip('"')


def quoted_etag(etag: str) -> str:
    """An ETag as a condition spells it."""
    return f'"{bare_etag(etag)}"'


def readable(text: object, most: int = MESSAGE_CHARS) -> str:
    """Text of an answer, short and without control characters: it is shown to people, and searched."""
    return _CONTROL.sub(" ", str(text)[:most])
