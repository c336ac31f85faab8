"""The ceiling on bytes a second that everything of one program shares, and that may change at any time: a person or the clock does it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from chorus_gui.core.timetable import FREE, Timetable, at_most

_DEPTH_S = 0.3
"""Seconds' worth of bytes that may go at once after a silence: what a busy computer missed meanwhile is made up for."""
_LOOK_S = 1.0
"""Seconds between two looks at the timetable."""
_SHARE = 50
"""Pieces in a second."""
LEAST_PIECE, LARGEST_PIECE = 1024, 256 * 1024


class Limit:
    """A token bucket.  Nothing is limited until the configuration or a person sets a limit; a person's choice is used first.

    ``bytes_per_second`` None, or not above 0: no limit, as in :meth:`set`.  ``now`` is the time of day, ``clock`` gives seconds that never go back.
    """

    def __init__(
        self,
        bytes_per_second: int | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now, self._clock = now, clock
        self._lock = threading.Lock()
        self._configured = FREE
        self._chosen = None if bytes_per_second is None else _chosen(bytes_per_second)
        self._rate = bytes_per_second if bytes_per_second and bytes_per_second > 0 else None
        self._ready = 0.0  # the moment at which the bucket is empty of debts
        self._words, self._worded = "", float("-inf")
        self._look = float("inf")
        """when the timetable has to be looked at again"""

    @property
    def timetable(self) -> Timetable:
        """What applies: a person's choice, otherwise the configuration's."""
        return self._chosen or self._configured

    @property
    def configured(self) -> Timetable:
        """What the configuration says."""
        return self._configured

    @property
    def chosen(self) -> bool:
        """A person said what applies."""
        return self._chosen is not None

    @property
    def rate(self) -> int | None:
        """Bytes a second now, or None."""
        if self._clock() >= self._look:
            with self._lock:
                self._refresh()
        return self._rate

    @property
    def words(self) -> str:
        """What applies now and what comes next, for a person: “4 MB/s until 18:00, then free”; "" for no limit."""
        now = self._clock()
        if now >= self._worded:
            self._worded = now + _LOOK_S
            self._words = self.timetable.now_and_next(self._now())
        return self._words

    def set(self, limit: int | Timetable | None) -> None:
        """A person's choice: a timetable, bytes per second, or None for no limit.  It applies at once."""
        self._change(chosen=_chosen(limit))

    def configure(self, configured: Timetable, *, reset: bool = False) -> None:
        """What applies unless a person chose something.  ``reset``: also if somebody did."""
        self._change(chosen=None if reset else self._chosen, configured=configured)

    def _change(self, *, chosen: Timetable | None, configured: Timetable | None = None) -> None:
        with self._lock:
            self._chosen, self._configured = chosen, configured or self._configured
            self._refresh()

    def _refresh(self) -> None:
        """Look at the timetable; what waits under another rate starts again.  With the lock held."""
        now, table = self._clock(), self.timetable
        self._worded = now
        self._look = now + _LOOK_S if table.changes else float("inf")
        rate = table.rate(self._now().astimezone())
        if rate != self._rate:
            self._rate, self._ready = rate, now

    def piece(self, most: int) -> int:
        """How many bytes to send at a time, at most ``most``: few enough that the line is used evenly."""
        rate = self.rate
        return most if rate is None else min(most, LARGEST_PIECE, max(LEAST_PIECE, rate // _SHARE))

    def reserve(self, size: int) -> float:
        """Book ``size`` bytes; the seconds to wait before they are sent."""
        if self.rate is None:
            return 0.0
        with self._lock:
            if self._rate is None:
                return 0.0
            now = self._clock()
            start = max(self._ready, now - _DEPTH_S)
            self._ready = start + size / self._rate
            return max(0.0, start - now)


def _chosen(limit: int | Timetable | None) -> Timetable:
    """A person's choice as a timetable.  A limit of 0 would never send anything, so it means none."""
    return limit if isinstance(limit, Timetable) else at_most(limit) if limit and limit > 0 else FREE
