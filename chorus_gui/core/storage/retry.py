"""When a request is tried again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from chorus_gui.core.errors import Silence, StoreError
from chorus_gui.core.job import JobContext

R = TypeVar("R")

LONGEST_WAIT = 300.0
"""Longest wait in seconds that a service can ask for with Retry-After."""


@dataclass(slots=True)
class Tries:
    """Largest number of attempts that any one request of a file needed."""

    count: int = 1


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """A request is sent at most ``attempts`` times.

    Between two of them lies a random time of up to ``base`` · 2ⁿ seconds, at most ``cap`` ("full jitter": many clients that
    were turned away together do not come back together), but never less than the service asked for.
    """

    attempts: int = 5
    base: float = 0.5
    cap: float = 30.0

    def call(self, request: Callable[[], R], ctx: JobContext, tries: Tries | None = None) -> R:
        """The request's answer.  Raises its last :class:`StoreError`, and :class:`Cancelled` while waiting."""
        attempt = 1
        while True:
            try:
                return request()
            except StoreError as error:
                if not error.retryable or attempt >= self.attempts or error.attempts > 1 or error.silence is not Silence.NONE:
                    raise
                wait = self.wait(attempt, error.retry_after)
            ctx.sleep(wait)
            attempt += 1
            if tries is not None:
                tries.count = max(tries.count, attempt)

    def wait(self, attempt: int, retry_after: float | None = None) -> float:
        """Seconds between this attempt (counted from 1) and the next."""
        return max(jitter(attempt, self.base, self.cap), min(retry_after or 0.0, LONGEST_WAIT))


def jitter(attempt: int, base: float, cap: float) -> float:
    """A random time of up to ``base`` · 2ⁿ seconds after this attempt (counted from 1), at most ``cap``."""
    return random.uniform(0.0, min(cap, base * 2.0 ** (attempt - 1)))  # noqa: S311 - no secret depends on it
