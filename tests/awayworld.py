"""A store that is away for a while, and a clock that the waiting moves: nobody really waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chorus_gui.core.errors import StoreUnavailableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.base import Store

MINUTE = 60.0
UNANSWERED_S = 1.0
"""How long a request takes that gets no answer, in seconds."""


class Clock:
    """Seconds that pass when somebody waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self._lock = threading.Lock()

        def sleep(ctx: JobContext, seconds: float) -> None:
            self.pass_by(seconds)
            ctx.checkpoint()

        monkeypatch.setattr(JobContext, "sleep", sleep)

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens from one request on.  ``minutes``: nothing is answered for so long; ``busy``: so many requests are told to come again
    after ``retry_after`` seconds; ``lost``: the request is done, and its answer is lost.
    """

    minutes: float = 0.0
    busy: int = 0
    retry_after: float = 0.0
    lost: bool = False


OUTAGE_5 = Trouble(minutes=5)
OUTAGE_20 = Trouble(minutes=20)
OUTAGE_20_LOST = Trouble(minutes=20, lost=True)
BUSY = Trouble(busy=2, retry_after=45)
LOST = Trouble(lost=True)


_AnyStore: Any = object
"""What :class:`AwayStore` is for the type checker: it passes every call on by its name."""


class AwayStore(_AnyStore):
    """``store``, whose request number ``at`` (counted from 0) meets the trouble; ``requests`` are the calls so far, with their paths."""

    def __init__(self, store: Store, clock: Clock, at: int | None = None, trouble: Trouble = LOST) -> None:
        self._store = store
        self._clock = clock
        self._at = at
        self._trouble = trouble
        self._until = 0.0
        self._busy = 0
        self._lock = threading.Lock()
        self.requests: list[str] = []
        self.url, self.limits = store.url, store.limits

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._store, name)
        if name == "close":
            return real
        if name in ("list", "pages", "list_folders", "level", "read"):
            return lambda *args, **options: self._iterated(name, real, args, options)
        return lambda *args, **options: self._request(name, args, lambda: real(*args, **options))

    def _iterated(self, name: str, real: Callable[..., Iterator[Any]], args: tuple[Any, ...], options: dict[str, Any]) -> Iterator[Any]:
        answers = real(*args, **options)
        while True:
            answer = self._request(name, args, lambda: next(answers, None))
            if answer is None:
                return
            yield answer

    def _request(self, name: str, args: tuple[Any, ...], send: Callable[[], Any]) -> Any:
        with self._lock:
            number = len(self.requests)
            self.requests.append(f"{name} {args[0] if args else ''}")
            if number == self._at:
                self._busy = self._trouble.busy
                self._until = self._clock.now + self._trouble.minutes * MINUTE
            lost = number == self._at and self._trouble.lost
            busy = self._busy > 0
            self._busy -= busy
            away = self._clock.now < self._until
        if lost:
            send()
        if busy:
            raise StoreUnavailableError("The central store is busy.", retry_after=self._trouble.retry_after)
        if lost or away:
            self._clock.pass_by(UNANSWERED_S)
            raise StoreUnavailableError("The central store did not answer.", remedy="Check the network.")
        return send()
