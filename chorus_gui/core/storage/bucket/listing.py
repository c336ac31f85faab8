"""The objects below a prefix, in the order of their keys, listed in several parts at the same time.

A request lists 1,000 keys and takes a tenth of a second, so a million keys take minutes one after the other.  After the first page the
rest is cut where folders begin, and threads list the parts.  The pages are handed on in order, and only some are kept.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from chorus_gui.core.errors import SourceUnreadableError
from chorus_gui.core.storage.base import Ask
from chorus_gui.core.storage.bucket.values import Bucket, Listed, Page

THREADS = 8
PAGES_A_PART = 8
"""Pages in a part, as far as the first page shows."""
AHEAD = 4
"""Pages of a part that wait to be handed on; there are as many parts as threads."""
FEW = 4
"""With fewer folders than these, the cuts are made one level deeper."""
EMPTY_PAGES = 1000
"""In a row."""
_LEVELS = 3


def pages(bucket: Bucket, prefix: str, ask: Ask) -> Iterator[list[Listed]]:
    """The objects whose keys begin with ``prefix``, a page at a time.  Each request goes through ``ask``, in any thread.

    Raises what ``ask`` raises; :class:`SourceUnreadableError` for a server whose listing has no order.
    """
    last = ""
    for objects in _pages(bucket, prefix, ask):
        for one in objects:
            if one.key <= last:
                raise SourceUnreadableError(
                    f"The listing of the bucket “{bucket.name}” is not in the order of the keys.",
                    meaning="So CHoRUS Upload cannot know if it is complete. No file is marked as deleted for this reason.",
                    remedy="Copy the files to a bucket of Amazon S3 or Google Cloud Storage, or to a folder, or ask the makers of the server.",
                )
            last = one.key
        yield objects


def _pages(bucket: Bucket, prefix: str, ask: Ask) -> Iterator[list[Listed]]:
    turning = _turned(_Listing(bucket, prefix, ask))
    first = next(turning)
    yield first.objects
    if first.token and first.objects:
        parts = _Parts(bucket, prefix, ask, first.objects)
        try:
            yield from parts.pages()
        finally:
            parts.stop()
        return
    for page in turning:  # nothing shows where to cut
        yield page.objects


class _Listing(NamedTuple):
    """What is listed: the keys after ``after`` that begin with ``prefix``, up to ``delimiter``."""

    bucket: Bucket
    prefix: str
    ask: Ask
    after: str = ""
    delimiter: str = ""

    def page(self, token: str) -> Page:
        """The page of a token, "" for the first."""
        return self.ask(lambda: self.bucket.list_page(self.prefix, token, after=self.after, delimiter=self.delimiter))


def _turned(listing: _Listing) -> Iterator[Page]:
    """Page after page.  Raises :class:`StoreUnavailableError` for a listing that never ends."""
    token, empty = "", 0
    while True:
        page = listing.page(token)
        yield page
        if not page.token:
            return
        empty = 0 if page.objects or page.folders else empty + 1
        if page.token == token or empty > EMPTY_PAGES:
            raise listing.bucket.strange()
        token = page.token


class _Part:
    """The keys after ``begin`` up to and including ``end``; "" has no end.  What is below: changed under the lock of the parts."""

    def __init__(self, begin: str, end: str) -> None:
        self.begin, self.end = begin, end
        self.ready: deque[list[Listed]] = deque()
        self.ended = False
        self.error: BaseException | None = None


class _Parts:
    """The keys after the first page."""

    def __init__(self, bucket: Bucket, prefix: str, ask: Ask, first: list[Listed]) -> None:
        self._bucket, self._prefix, self._ask = bucket, prefix, ask
        self._first = first
        self._changed = threading.Condition()
        self._cutting = threading.Lock()
        self._cuts = self._all_cuts()
        self._begin: str | None = first[-1].key
        self._parts: deque[_Part] = deque()
        self._stopped = self._all = False

    def pages(self) -> Iterator[list[Listed]]:
        """All pages, in order."""
        for _ in range(THREADS):
            threading.Thread(target=self._work, name="list", daemon=True).start()
        while (part := self._next()) is not None:
            while (objects := self._page(part)) is not None:
                yield objects

    def stop(self) -> None:
        """The threads send no further request."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    # --- the thread that hands on ----------------------------------------------------------------------------------------

    def _next(self) -> _Part | None:
        with self._changed:
            self._changed.wait_for(lambda: self._parts or self._all)
            self._changed.notify_all()
            return self._parts.popleft() if self._parts else None

    def _page(self, part: _Part) -> list[Listed] | None:
        with self._changed:
            self._changed.wait_for(lambda: part.ready or part.ended)
            if not part.ready:
                if part.error is not None:
                    raise part.error
                return None
            self._changed.notify_all()
            return part.ready.popleft()

    # --- the threads that list -------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (part := self._cut_off()) is not None:
            error: BaseException | None = None
            try:
                self._list(part)
            except BaseException as raised:  # noqa: BLE001 - whoever hands on raises it, in its turn
                error = raised
            with self._changed:
                part.ended, part.error = True, error
                self._stopped |= error is not None
                self._changed.notify_all()

    def _cut_off(self) -> _Part | None:
        """The next part, in the order of keys; None if there is none."""
        with self._cutting:
            with self._changed:
                self._changed.wait_for(lambda: len(self._parts) < THREADS or self._stopped)
            if self._stopped or self._begin is None:
                return None
            begin, end, error = self._begin, "", None
            try:
                end = next(self._cuts, "")
            except BaseException as raised:  # noqa: BLE001 - as above
                error = raised
            part = _Part(begin, end)
            part.ended, part.error = error is not None, error
            self._begin = end or None
            with self._changed:
                self._parts.append(part)
                self._all = self._begin is None
                self._changed.notify_all()
            return part if error is None else None

    def _list(self, part: _Part) -> None:
        for page in _turned(_Listing(self._bucket, self._prefix, self._ask, part.begin)):
            objects, last = page.objects, False
            if part.end and objects and objects[-1].key > part.end:
                objects, last = [one for one in objects if one.key <= part.end], True
            with self._changed:
                self._changed.wait_for(lambda: len(part.ready) < AHEAD or self._stopped)
                if self._stopped:
                    return
                part.ready.append(objects)
                self._changed.notify_all()
            if last:
                return

    # --- where to cut ----------------------------------------------------------------------------------------------------

    def _all_cuts(self) -> Iterator[str]:
        """Keys at which the listing is cut, in order: names of folders without the "/" at their ends, as no folder is then in two parts."""
        return self._cuts_below(self._prefix, 1)

    def _cuts_below(self, folder: str, level: int) -> Iterator[str]:
        last, known = self._first[-1].key, 0
        step = self._step(level)
        for page in _turned(_Listing(self._bucket, folder, self._ask, last if last.startswith(folder) else "", "/")):
            known += len(page.folders)
            if not page.token and known < FEW and level < _LEVELS:
                for below in page.folders:
                    yield from (cut for cut in self._cuts_below(below, level + 1))
                return
            for name in islice(page.folders, step - 1, None, step):
                if name[:-1] > last:
                    last = name[:-1]
                    yield last
            if len(page.folders) < len(page.objects):  # files without folders: looking for folders costs what listing costs
                return

    def _step(self, level: int) -> int:
        """Folders in a part, as the first page has them at this level."""
        depth = self._prefix.count("/") + level
        seen = len({"/".join(one.key.split("/", depth)[:depth]) for one in self._first})
        return max(1, seen * PAGES_A_PART)
