"""When a blob was written, as the service says it."""

from __future__ import annotations

from functools import lru_cache

from chorus_gui.core.storage.azure.answers import http_date
from chorus_gui.core.untrusted import MalformedError


@lru_cache(maxsize=256)  # while many small files are sent, most answers have the same second
def modified_us(text: str) -> int:
    """A Last-Modified as microseconds since 1970, whole seconds; 0 for "".  Raises :class:`MalformedError` for a time that is none."""
    when = http_date(text)
    if when is None and text:
        raise MalformedError("a time that is none")
    return int(when.timestamp()) * 1_000_000 if when else 0
