"""Proofs become rows: batched, so that the disk is not waited for at every file, and soon, so that a kill loses little."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Generic, TypeVar

from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Entry

EVERY_SECONDS = 1.0
T = TypeVar("T")


def upload_time(moment: float | None = None) -> str:
    """The journal's form of an upload time: UTC, ``YYYYMMDDHHMMSS``."""
    return _spelled(int(time.time() if moment is None else moment))


@lru_cache(maxsize=64)  # many files are confirmed in the same second
def _spelled(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y%m%d%H%M%S")


class Batch(Generic[T]):
    """Entries that wait for one transaction: ``page_size`` of them or one second, whichever comes first.

    ``done`` is told what stands in the journal, after each transaction.  Use as a context manager: what waits is committed at
    the end, an error or a cancellation included, for it is true.
    """

    def __init__(self, journal: Journal, page_size: int, done: Callable[[list[T]], None]) -> None:
        self._journal = journal
        self._page_size = page_size
        self._done = done
        self._entries: list[Entry] = []
        self._what: list[T] = []
        self._since = 0.0

    def __enter__(self) -> Batch[T]:
        return self

    def __exit__(self, *exc: object) -> None:
        self.flush()

    def add(self, entry: Entry, what: T) -> None:
        """Take one in, and commit if it is time."""
        if not self._entries:
            self._since = time.monotonic()
        self._entries.append(entry)
        self._what.append(what)
        if len(self._entries) >= self._page_size:
            self.flush()
        else:
            self.tick()

    def add_all(self, some: Iterable[tuple[Entry, T]]) -> None:
        """As :meth:`add` for each of them; the clock is read once for those of a page."""
        entries, what, most = self._entries, self._what, self._page_size
        if not entries:
            self._since = time.monotonic()
        for entry, one in some:
            entries.append(entry)
            what.append(one)
            if len(entries) >= most:
                self.flush()
                entries, what, self._since = self._entries, self._what, time.monotonic()
        self.tick()

    def tick(self) -> None:
        """Commit if the oldest has waited a second."""
        if self._entries and time.monotonic() - self._since >= EVERY_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Commit what waits."""
        if not self._entries:
            return
        entries, what, self._entries, self._what = self._entries, self._what, [], []
        self._journal.commit(entries)
        self._done(what)
