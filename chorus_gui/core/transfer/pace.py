"""How much is on its way at the same time: a slow line that many requests share makes each of them slow, and then all of them fail.

As in TCP, the amount grows while requests are answered soon, and shrinks when they take long.  It starts small, so that nothing times out on
the slowest line that is useful, and reaches the full number of requests within a second on a fast one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

from chorus_gui.core.job import JobContext
from chorus_gui.core.transfer.blocks import BLOCKS, MIB

START = 8 * MIB
"""Bytes on their way at the beginning: two blocks, so that the line is never idle.  On 1 Mbit/s they take 67 seconds."""
LEAST = MIB
SOON_S, LONG_S = 8.0, 30.0
"""A request that is answered within the first lets the amount grow; one that takes longer than the second lets it shrink."""
FIRST_BLOCK = 4 * MIB
"""As long as nothing is known of the line."""
_CHECK_S = 0.25


class Pace:
    """The bytes that the threads of one place may have on their way.  ``most``: enough for all of them."""

    def __init__(self, ctx: JobContext, most: int) -> None:
        self._ctx = ctx
        self._most = max(most, START)
        self._budget = float(min(START, self._most))
        self._under_way = 0
        self._turn = threading.Condition()
        self._shrunk = 0.0
        self._rate = 0.0

    @property
    def budget(self) -> int:
        """Bytes that may be on their way now."""
        return int(self._budget)

    @contextmanager
    def sending(self, size: int) -> Generator[None]:
        """Wait for the turn of a request with so many bytes; measure how long the block takes.  Raises ``Cancelled`` while waiting."""
        while not self._may_begin(size):
            self._ctx.checkpoint()  # without the lock: requests that end meanwhile need it
        began, held = time.monotonic(), self._ctx.held_seconds
        answered = False
        try:
            yield
            answered = True
        finally:
            with self._turn:
                self._under_way -= size
                self._adjust(size, time.monotonic() - began - (self._ctx.held_seconds - held), answered=answered)
                self._turn.notify_all()

    def _may_begin(self, size: int) -> bool:
        """Take a place for so many bytes, or wait a moment for one."""
        limit = self._ctx.limit.rate
        with self._turn:
            budget = self._budget if limit is None else min(self._budget, max(LEAST, 2 * SOON_S * limit))
            if self._under_way and self._under_way + size > budget:
                self._turn.wait(_CHECK_S)
                return False
            self._under_way += size
            return True

    def block_size(self) -> int:
        """Bytes of a block that arrive within a few seconds at the rate of the last requests."""
        limit = self._ctx.limit.rate
        with self._turn:
            rate = self._rate if limit is None else min(self._rate or limit, limit)
        if not rate:
            return FIRST_BLOCK
        wanted = rate * SOON_S if self._rate else min(rate * SOON_S, FIRST_BLOCK)
        return max((size for size in BLOCKS if size <= wanted), default=BLOCKS[0])

    def _adjust(self, size: int, seconds: float, *, answered: bool) -> None:
        """Learn from one request; with the lock held."""
        now = time.monotonic()
        if answered and size >= LEAST:
            rate = (self._under_way + size) / max(seconds, 0.001)  # what shared the line with it, too
            self._rate = rate if not self._rate else 0.7 * self._rate + 0.3 * rate
        if answered and seconds < SOON_S:
            self._budget = min(self._most, self._budget + size)
        elif seconds > LONG_S and now - self._shrunk > seconds:  # requests that began together are one sign, not many
            self._budget = max(LEAST, self._budget * 0.6)
            self._shrunk = now
