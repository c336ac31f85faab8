"""What is known of a place that does not answer: a laptop that slept, a VPN that comes back, a share that was connected again.

Retries bridge seconds.  An :class:`Outage` waits for minutes, so that a command overnight survives a failure of the network.  A file that
alone gets no answer, while others do, fails soon, and so does a place that never answered: a wrong address is not an outage.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from chorus_gui.core import job
from chorus_gui.core.errors import ChorusError, Silence, SourceUnavailableError, StoreUnavailableError, Why
from chorus_gui.core.job import Patience, Progress
from chorus_gui.core.storage.retry import RetryPolicy
from chorus_gui.core.storage.silence import NOTHING_KNOWN, SILENT_S, About, Asked, Silences
from chorus_gui.core.waiting import Waiting

T = TypeVar("T")

PATIENCE_S = 900.0
"""How long to wait for a place that stopped answering, in seconds, if the configuration does not say."""
PAUSE_S = 10.0
"""Seconds between two probes."""
ROUND_S = 120.0
"""The longest time that one probe adds to the wait, in seconds, so that the time during which the computer slept does not count."""
NEVER_S = 60.0
"""After this many seconds without any answer, a place that never answered is given up.  A single attempt may take 90 seconds."""
REFUSALS = 2
"""Number of probes that one request may miss while the place answers other requests."""
UNANSWERED = (StoreUnavailableError, SourceUnavailableError)
"""The errors that say that there was no answer, or only that the service is busy."""
STRANGERS = frozenset({Why.STRANGER, Why.CERTIFICATE, Why.PROXY, Why.PROXY_LOGIN})
"""Something that is not the place answered."""


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
        self._silences = Silences(name, clock)
        self._answers = 0
        self._gone = False
        self._since: datetime | None = None
        self._why: Why | None = None

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

    def waiting(self, progress: Progress) -> Waiting | None:
        """What the job with this progress waits for, as :class:`~chorus_gui.core.job.Watched` promises."""
        found = self._silences.waiting(progress, self.patience, never=not self._answers)
        if found is None and self._gone and self._answers and self._since is not None:
            return Waiting(self.name, self._why or Why.NO_ANSWER, self._since, ends=False)
        return found

    def call(self, request: Callable[[], T], probe: Callable[[], object], about: About = NOTHING_KNOWN) -> T:
        """The request's answer, however long it takes, as far as the thread's job is patient.  ``probe`` is any small request.

        Raises the request's last error, with its ``attempts`` and ``silence``; ``Cancelled`` while waiting.
        """
        ctx, now = job.current(), self._clock()
        ctx.progress.watch(self)
        asked = Asked(ctx, probe, about, self._answers, now, began=now, moved=now)
        self._silences.asked.add(asked)
        try:
            return self._call(request, asked)
        finally:
            self._silences.asked.discard(asked)

    def _call(self, request: Callable[[], T], asked: Asked) -> T:
        while True:
            began = self._clock()
            try:
                answer = self._repeated(request, asked)
            except ChorusError as error:
                if not self._is_unanswered(error):  # a refusal is an answer, too
                    error.attempts = asked.attempts
                    if error.why not in STRANGERS:
                        self.answered()
                    raise
                self._missed(asked, error, began)
                if not self._wait(asked, began):
                    _explain(error, asked)
                    raise
            else:
                self._silences.answered(asked)
                self.answered()
                return answer

    def listens(self, probe: Callable[[], object]) -> Asked:
        """Many requests of this thread are on their way from now on, until :meth:`ends`: their silence is shown as that of one."""
        ctx, now = job.current(), self._clock()
        ctx.progress.watch(self)
        asked = Asked(ctx, probe, NOTHING_KNOWN, self._answers, now, began=now, moved=now)
        self._silences.asked.add(asked)
        return asked

    def hears(self, asked: Asked) -> None:
        """Some of them were answered, or another one was sent."""
        self._silences.heard = asked.moved = self._clock()

    def ends(self, asked: Asked) -> None:
        """None of them is on its way any more."""
        self._silences.asked.discard(asked)

    def answered(self) -> None:
        """The place has answered something."""
        self._silences.heard = self._clock()
        with self._lock:
            self._answers += 1
            self._gone = False
            self._since = None
            self._why = None

    def _is_unanswered(self, error: ChorusError) -> bool:
        """Nothing came from the place itself.  What answers in its place is an obstacle that passes if the place answered before."""
        return isinstance(error, UNANSWERED) or (error.why in STRANGERS and self._answers > 0)

    def _repeated(self, request: Callable[[], T], asked: Asked) -> T:
        """Send it again a few times, for some seconds; once only for a job that asks once, and when the place is known to be gone."""
        most = 1 if asked.ctx.patience is Patience.ONCE or self._gone else self._retry.attempts
        attempt = 1
        while True:
            asked.attempts += 1
            try:
                with self._silences.listening(asked):
                    return request()
            except ChorusError as error:
                if self._is_unanswered(error):
                    asked.failed = asked.began if asked.failed is None else asked.failed
                    asked.why = error.why
                if not error.retryable or attempt >= most or self._is_wrong_address(asked):
                    raise
                asks = getattr(error, "retry_after", None)
            if asked.failed is not None and not asked.alone and self._clock() - asked.failed >= SILENT_S:
                asked.alone = self._is_alone(asked)
            pause = self._retry.wait(attempt, asks)
            if asks and pause >= SILENT_S:
                asked.again = self._clock() + pause
            asked.ctx.sleep(pause)
            attempt += 1

    def _wait(self, asked: Asked, began: float) -> bool:
        """After a request that was not answered: wait until it is worth sending it again.  False: it is not."""
        never = not self._answers
        if asked.ctx.patience is not Patience.WAITS:
            asked.silence = Silence.NEVER if never else Silence.NONE
            return False
        there = not self._is_wrong_address(asked) and self._is_there(asked)
        asked.waited += min(self._clock() - began, ROUND_S)
        if there:
            if asked.refused > REFUSALS or asked.waited >= self.patience:
                return False
            asked.waited += self._pause(asked)
            return True
        while not (never or self._gone) and asked.waited < self.patience:
            asked.waited += self._pause(asked)
            began = self._clock()
            there = self._is_there(asked)
            asked.waited += min(self._clock() - began, ROUND_S)
            if there:
                return True
        self._gone = True
        asked.silence = Silence.NEVER if never else Silence.NONE if asked.refused else Silence.STOPPED
        return False

    def _is_wrong_address(self, asked: Asked) -> bool:
        """It never answered, for :data:`NEVER_S`: another attempt could take minutes, and hardly helps."""
        return not self._answers and asked.failed is not None and self._clock() - asked.failed >= NEVER_S

    def _is_there(self, asked: Asked) -> bool:
        """Others were answered meanwhile, or the probe is."""
        if self._answers == asked.seen:
            try:
                with self._silences.listening(asked):
                    asked.probe()
            except ChorusError as error:
                if self._is_unanswered(error) or error.why in STRANGERS:
                    asked.why = self._why = error.why or asked.why
                    return False
            self.answered()
        asked.seen = self._answers
        asked.refused += 1
        asked.alone = True
        return True

    def _is_alone(self, asked: Asked) -> bool:
        """Is it only this request?  Found out early, so that nothing else is said of the place."""
        if self._silences.heard > asked.began:
            return True
        if asked.ctx.patience is not Patience.WAITS or not self._answers:
            return False
        try:
            with self._silences.listening(asked):
                asked.probe()
        except ChorusError as error:
            if self._is_unanswered(error) or error.why in STRANGERS:
                return False
        self.answered()
        return True

    def _missed(self, asked: Asked, error: ChorusError, began: float) -> None:
        seconds = self._clock() - (began if asked.failed is None else asked.failed)
        with self._lock:
            self._why = error.why
            self._since = self._since or (datetime.now().astimezone() - timedelta(seconds=max(0.0, seconds))).replace(microsecond=0)

    def _pause(self, asked: Asked) -> float:
        """Wait for the next probe; the seconds that this counts."""
        pause = random.uniform(0.5, 1.0) * PAUSE_S  # noqa: S311 - no secret depends on it
        asked.began = self._clock()
        asked.ctx.sleep(pause)
        return pause


def _known(name: str, retry: RetryPolicy, patience: float | None, answered: bool) -> Outage:
    outage = Outage(name, retry=retry, patience=patience)
    if answered:
        outage.answered()
    return outage


def _explain(error: ChorusError, asked: Asked) -> None:
    """Say in the error how long it was waited for, and what is known of the place."""
    error.attempts, error.silence = asked.attempts, asked.silence
    if asked.silence is Silence.STOPPED and asked.waited >= ROUND_S:
        error.meaning = f"{error.meaning} The program waited {asked.waited / 60:.0f} minutes for an answer.".strip()
