"""How much a transfer or a verification does at the same time, and how patient it is."""

from __future__ import annotations

from dataclasses import dataclass

from chorus_gui.core.storage.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class Effort:
    """``threads`` requests may be in flight at the same time; ``retry`` says when one is sent again."""

    threads: int
    retry: RetryPolicy = RetryPolicy()  # noqa: RUF009 - frozen
