"""The pages of a listing, as far as they can be a listing of Azure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

EMPTY_PAGES = 1000
"""In a row.  The service sends some where it deleted much."""
MOST_PAGES = 1_000_000


class Pages:
    """Turns pages of the SDK.  ``prefix``: what every name must begin with."""

    def __init__(self, pages: Iterator[Any], prefix: str) -> None:
        self._pages: Any = pages
        self._prefix = prefix
        self._marker: object = None
        self._count = self._empty = 0

    @property
    def marker(self) -> str:
        """What a listing continues with after the page that was turned last; "" after the last one."""
        return str(self._marker or "")

    def turn(self) -> list[Any] | None:
        """The next page; None at the end.

        Raises ValueError for a listing that never ends, and for an entry without a name, or under another one than was asked for.
        """
        page = next(self._pages, None)
        if page is None:
            return None
        found = list(page)
        for entry in found:
            if not isinstance(entry.name, str) or not entry.name.startswith(self._prefix) or not entry.name:
                raise ValueError("an entry of another listing")
        marker = getattr(self._pages, "continuation_token", None)
        self._count += 1
        self._empty = 0 if found else self._empty + 1
        if (marker and marker == self._marker) or self._count > MOST_PAGES or self._empty > EMPTY_PAGES:
            raise ValueError("a listing without end")
        self._marker = marker
        return found
