"""How much a transfer or a verification does at the same time, where it does that, and how patient it is."""

from __future__ import annotations

from dataclasses import dataclass

from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.engine.work import Executor
from chorus_gui.core.storage.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class Effort:
    """``executor`` says how many requests may be in flight at the same time; ``retry`` says when one is sent again."""

    executor: Executor
    retry: RetryPolicy = RetryPolicy()  # noqa: RUF009 - frozen

    @classmethod
    def of(cls, threads: int, retry: RetryPolicy = RetryPolicy()) -> Effort:  # noqa: B008 - frozen
        """Threads of this process."""
        return cls(Threads(threads), retry)
