"""What is known of a place that does not answer: a laptop that slept, a VPN that comes back, a share that was connected again.

Retries bridge seconds.  An :class:`Outage` waits for minutes, so that a command overnight survives a failure of the network.  A file that
alone gets no answer, while others do, fails soon, and so does a place that never answered: a wrong address is not an outage.
"""

from __future__ import annotations

import random
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from chorus_gui.core import job
from chorus_gui.core.errors import ChorusError, Silence, SourceUnavailableError, StoreUnavailableError
from chorus_gui.core.job import JobContext, Patience, Progress
from chorus_gui.core.storage.retry import RetryPolicy

T = TypeVar("T")

PATIENCE_S = 900.0
"""How long to wait for a place that stopped answering, in seconds, if the configuration does not say."""
PAUSE_S = 10.0
"""Seconds between two probes."""
ROUND_S = 120.0
"""The longest time that one probe adds to the wait, in seconds, so that the time during which the computer slept does not count."""
REFUSALS = 2
"""Number of probes that one request may miss while the place answers other requests."""
UNANSWERED = (StoreUnavailableError, SourceUnavailableError)
"""The errors that say that there was no answer, or only that the service is busy."""
SHOWN_S = 3.0
"""A wait of so many seconds that the service asked for is shown."""


@dataclass(slots=True)
class _Request:
    """One request on its way.  ``seen``: how many answers the place had given when it was last certain that the place is there."""

    ctx: JobContext
    probe: Callable[[], object]
    seen: int
    attempts: int = 0
    waited: float = 0.0
    refused: int = 0
    silence: Silence = Silence.NONE


class Outage:
    """What all threads and commands know of one place.  ``name`` is how a sentence about it begins.

    ``retry`` says how a single request is repeated, ``patience`` how long to wait, in seconds; None is :data:`PATIENCE_S`.
    ``clock`` gives seconds that never go back.
    """

    def __init__(
        self,
        name: str = "The central store",
        *,
        retry: RetryPolicy | None = None,
        patience: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._retry = retry or RetryPolicy()
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._answers = 0
        self._gone = False
        self._since: datetime | None = None
        self._shown: weakref.WeakSet[Progress] = weakref.WeakSet()

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process it begins with what is known now, and learns the rest by itself."""
        return _known, (self.name, self._retry, self._patience, self._answers > 0)

    @property
    def patience(self) -> float:
        """How long it waits, in seconds."""
        return PATIENCE_S if self._patience is None else self._patience

    @property
    def silent_since(self) -> datetime | None:
        """When the first request was sent that was not answered, if nothing was answered since; otherwise None."""
        return self._since

    def call(self, request: Callable[[], T], probe: Callable[[], object]) -> T:
        """The request's answer, however long it takes, as far as the thread's job is patient.  ``probe`` is any small request.

        Raises the request's last error, with its ``attempts`` and ``silence``; ``Cancelled`` while waiting.
        """
        asked = _Request(job.current(), probe, self._answers)
        while True:
            began = self._clock()
            try:
                answer = self._repeated(request, asked)
            except UNANSWERED as error:
                self._missed(self._clock() - began)
                if not self._wait(asked, began):
                    _explain(error, asked)
                    raise
            except ChorusError as error:  # an answer, too
                error.attempts = asked.attempts
                self.answered()
                raise
            else:
                self.answered()
                return answer

    def answered(self) -> None:
        """The place has answered something."""
        with self._lock:
            self._answers += 1
            self._gone = False
            self._since = None
            shown = [*self._shown] if self._shown else ()
            self._shown.clear()
        for progress in shown:
            progress.waiting("")

    def _repeated(self, request: Callable[[], T], asked: _Request) -> T:
        """Send it again a few times, for some seconds; once only for a job that asks once, and when the place is known to be gone."""
        most = 1 if asked.ctx.patience is Patience.ONCE or self._gone else self._retry.attempts
        attempt = 1
        while True:
            asked.attempts += 1
            try:
                return request()
            except ChorusError as error:
                if not error.retryable or attempt >= most:
                    raise
                asks = getattr(error, "retry_after", None)
            pause = self._retry.wait(attempt, asks)
            if asks and pause >= SHOWN_S:
                until = datetime.now().astimezone() + timedelta(seconds=pause)
                self._show(asked.ctx, f"{self.name} is busy. Trying again at {until:%H:%M:%S}.")
            asked.ctx.sleep(pause)
            attempt += 1

    def _wait(self, asked: _Request, began: float) -> bool:
        """After a request that was not answered: wait until it is worth sending it again.  False: it is not."""
        never = not self._answers
        if asked.ctx.patience is not Patience.WAITS:
            asked.silence = Silence.NEVER if never else Silence.NONE
            return False
        there = self._is_there(asked)
        asked.waited += min(self._clock() - began, ROUND_S)
        if there:
            if asked.refused > REFUSALS or asked.waited >= self.patience:
                return False
            asked.waited += self._pause(asked.ctx)
            return True
        while not (never or self._gone) and asked.waited < self.patience:
            self._show_silence(asked)
            asked.waited += self._pause(asked.ctx)
            began = self._clock()
            there = self._is_there(asked)
            asked.waited += min(self._clock() - began, ROUND_S)
            if there:
                return True
        self._gone = True
        if not never:
            self._show(asked.ctx, f"{self.name} has not answered since {self._since_when():%H:%M}.")
        asked.silence = Silence.NEVER if never else Silence.NONE if asked.refused else Silence.STOPPED
        return False

    def _is_there(self, asked: _Request) -> bool:
        """Others were answered meanwhile, or the probe is."""
        if self._answers == asked.seen:
            try:
                asked.probe()
            except UNANSWERED:
                return False
            except ChorusError:
                pass
            self.answered()
        asked.seen = self._answers
        asked.refused += 1
        return True

    def _missed(self, seconds: float) -> None:
        with self._lock:
            self._since = self._since or datetime.now().astimezone() - timedelta(seconds=max(0.0, seconds))

    def _pause(self, ctx: JobContext) -> float:
        """Wait for the next probe; the seconds that this counts."""
        pause = random.uniform(0.5, 1.0) * PAUSE_S  # noqa: S311 - no secret depends on it
        ctx.sleep(pause)
        return pause

    def _since_when(self) -> datetime:
        return self._since or datetime.now().astimezone()

    def _show_silence(self, asked: _Request) -> None:
        until = datetime.now().astimezone() + timedelta(seconds=max(0.0, self.patience - asked.waited))
        self._show(asked.ctx, f"{self.name} has not answered since {self._since_when():%H:%M}. Trying again until {until:%H:%M}.")

    def _show(self, ctx: JobContext, text: str) -> None:
        with self._lock:
            self._shown.add(ctx.progress)
        ctx.progress.waiting(text)


def _known(name: str, retry: RetryPolicy, patience: float | None, answered: bool) -> Outage:
    outage = Outage(name, retry=retry, patience=patience)
    if answered:
        outage.answered()
    return outage


def _explain(error: ChorusError, asked: _Request) -> None:
    """Say in the error how long it was waited for, and what is known of the place."""
    error.attempts, error.silence = asked.attempts, asked.silence
    if asked.silence is Silence.STOPPED and asked.waited >= ROUND_S:
        error.meaning = f"{error.meaning} The program waited {asked.waited / 60:.0f} minutes for an answer.".strip()
