"""A store that does not answer for a while: a laptop that slept, a VPN that comes back, a share that was mounted again.

Retries bridge seconds.  This module waits for longer ones, so that an upload overnight survives a short failure of
the network; a file that alone gets no answer, while others do, fails soon, and so does a store that never answered.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from chorus_gui.core.errors import Silence, StoreError, StoreUnavailableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.retry import RetryPolicy, Tries

T = TypeVar("T")

PATIENCE_S = 900.0
"""How long to wait for a store that stopped answering, in seconds."""
PAUSE_S = 10.0
"""Seconds between two probes of the store."""
ROUND_S = 120.0
"""The longest time that one probe adds to the wait, in seconds, so that the time during which the computer slept does not count."""
NOTHING = "no-such-file"
"""A name to ask for, to find out if the store answers at all."""
REFUSALS = 2
"""Number of probes that one request may miss while the store answers other requests."""


class Outage:
    """What the threads of one place know of the store's silence.  ``look`` is any small request; it raises :class:`StoreError`.

    ``answered``: the store answered somebody else before, so it is not a wrong address.
    """

    def __init__(self, retry: RetryPolicy, ctx: JobContext, look: Callable[[], object], *, answered: bool = False) -> None:
        self._retry = retry
        self._ctx = ctx
        self._look = look
        self._answers = int(answered)
        self._gone = False
        self.silent = False
        """nothing at all was answered while the last request waited, nor since"""
        self._since: datetime | None = None

    @property
    def answered(self) -> bool:
        """The store answered at least once."""
        return self._answers > 0

    def call(self, request: Callable[[], T], tries: Tries) -> T:
        """The request's answer, however long it takes.  Raises its last :class:`StoreError`, and ``Cancelled`` while waiting."""
        waited, refused, answers = 0.0, 0, self._answers
        while True:
            began = time.monotonic()
            try:
                answer = self._retry.call(request, self._ctx, tries)
            except StoreUnavailableError as error:
                if error.attempts > 1 or error.silence is not Silence.NONE:  # the store itself has waited (RetryingStore)
                    tries.count = max(tries.count, error.attempts)
                    self._answers += error.silence is not Silence.NEVER
                    self.silent = error.silence is not Silence.NONE
                    raise
                refused += self._answers != answers or self._is_there()
                waited += min(time.monotonic() - began, ROUND_S)
                never = not self._answers and not refused  # a wrong address is not an outage
                if never or self._gone or refused > REFUSALS or waited >= PATIENCE_S:
                    self._gone = self._gone or refused <= REFUSALS
                    self.silent = not refused
                    raise
                answers = self._answers
                waited += self._wait()
            else:
                self._answered()
                return answer

    def _wait(self) -> float:
        """A pause that is shown as the progress; its seconds."""
        self._since = self._since or datetime.now().astimezone()
        self._ctx.progress.note(
            f"The central store has not answered since {self._since:%H:%M}. Trying again for up to {PATIENCE_S / 60:.0f} minutes."
        )
        pause = random.uniform(0.5, 1.0) * PAUSE_S  # noqa: S311 - no secret depends on it
        self._ctx.sleep(pause)
        return pause

    def _answered(self) -> None:
        self._answers += 1
        self._gone = self.silent = False
        if self._since is not None:
            self._since = None
            self._ctx.progress.note("")

    def _is_there(self) -> bool:
        try:
            self._look()
        except StoreUnavailableError:
            return False
        except StoreError:
            return True
        return True
