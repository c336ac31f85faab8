"""Files that the store's service reads from the site's service: nothing of them passes through this computer.

How the MD5 is known then, :mod:`chorus_gui.core.storage.by_service` says.
"""

from __future__ import annotations

import logging
import time

from chorus_gui.core.model import Item, Proof
from chorus_gui.core.storage.base import Source, Store
from chorus_gui.core.storage.by_service import FETCH_BYTES, CannotFetchError, fetching, lends
from chorus_gui.core.transfer.checks import acknowledged, check_unchanged, level_of

MOST_REFUSED = 3
"""After this number of files in a row that the service did not copy, it is no longer asked."""
_BUSY = "ServerBusy"
"""The service's code for “later”: it says nothing about copies."""
_log = logging.getLogger("chorus")


class ByService:
    """Sends files into ``store`` in this way, where it is possible.  Safe for many threads."""

    def __init__(self, store: Store) -> None:
        self._store = fetching(store)
        self._refused = 0

    def send(self, item: Item, source: Source) -> Proof | None:
        """A proof; None if the file has to go another way.  Raises as every other way for a file that is not the approved one."""
        store, to = self._store, self._store.borrower if self._store is not None else None
        if store is None or to is None or self._refused >= MOST_REFUSED or item.size > FETCH_BYTES or item.replaces is not None:
            return None
        lent = lends(source, item.path, to)
        if lent is None:
            return None
        check_unchanged(lent.stat, item)
        md5 = lent.md5.hex()
        if item.md5 not in (None, md5):
            return None  # whose claim is wrong only the bytes can say
        began = time.perf_counter()
        try:
            info = acknowledged(store.fetch(item.store_path, lent), item.size, md5)
        except CannotFetchError as error:
            self._refused += error.code != _BUSY
            _log.info("the central store does not read “%s” from the site (%s): the program does", item.path, error.code or error.what)
            return None
        self._refused = 0
        return Proof(item, md5, info.etag, level_of(info), upload_seconds=time.perf_counter() - began, fetched=True)
