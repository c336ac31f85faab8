"""How often a request is sent again, and how long to wait before."""

from __future__ import annotations

import random
from dataclasses import dataclass

LONGEST_WAIT = 300.0
"""Longest wait in seconds that a service can ask for with Retry-After."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """A request is sent at most ``attempts`` times.

    Between two of them lies a random time of up to ``base`` · 2ⁿ seconds, at most ``cap`` ("full jitter": many clients that
    were turned away together do not come back together), but never less than the service asked for.
    """

    attempts: int = 5
    base: float = 0.5
    cap: float = 30.0

    def wait(self, attempt: int, retry_after: float | None = None) -> float:
        """Seconds between this attempt (counted from 1) and the next."""
        return max(jitter(attempt, self.base, self.cap), min(retry_after or 0.0, LONGEST_WAIT))


def jitter(attempt: int, base: float, cap: float) -> float:
    """A random time of up to ``base`` · 2ⁿ seconds after this attempt (counted from 1), at most ``cap``."""
    return random.uniform(0.0, min(cap, base * 2.0 ** (attempt - 1)))  # noqa: S311 - no secret depends on it
