"""The pages of a listing, as far as they can be a listing of Azure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from chorus_gui.core.errors import StoreError
from chorus_gui.core.storage.azure.wire import Page

EMPTY_PAGES = 1000
"""In a row.  The service sends some where it deleted much."""
MOST_PAGES = 1_000_000


def turned(ask: Callable[[str], Page], prefix: str, strange: Callable[[], StoreError], marker: str = "") -> Iterator[Page]:
    """Every page from ``marker`` on.  ``ask`` gets one, of the marker of the page before; ``prefix``: what every name must begin with.

    Raises what ``strange`` makes for a listing that never ends, and for an entry under another name than was asked for.
    """
    empty = 0
    for _ in range(MOST_PAGES):
        page = ask(marker)
        if not all(name.startswith(prefix) for name in page.folders) or not all(blob.path.startswith(prefix) for blob in page.blobs):
            raise strange()
        yield page
        empty = 0 if page.blobs or page.folders else empty + 1
        if not page.marker:
            return
        if page.marker == marker or empty > EMPTY_PAGES:
            raise strange()
        marker = page.marker
    raise strange()
