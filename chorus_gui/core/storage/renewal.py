"""A credential that ends while a job runs: its requests wait for another one, and continue with that.

A refusal at the beginning is an error as any other.  Only a credential that was accepted before, for the same kind of request if the
refusal is about that, is worth waiting for: somebody renews it, or the account accepts it again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeVar
from weakref import WeakKeyDictionary

from chorus_gui.core import job
from chorus_gui.core.errors import Cancelled, ChorusError, Silence, Why
from chorus_gui.core.job import JobContext, Patience, Progress
from chorus_gui.core.waiting import Waiting

T = TypeVar("T")
Kind = Literal["read", "list", "write", "delete"]
"""What a request does: a credential can allow one and not the other."""

LOOK_S = 3.0
"""Seconds between two looks for another credential."""
TEST_S = 30.0
"""Seconds between two requests with the same one: it may have been accepted again."""
REFUSALS = frozenset({Why.CREDENTIAL, Why.RIGHTS})


@dataclass(frozen=True, slots=True)
class Renewed:
    """How a credential is renewed.

    ``look`` uses another credential for all requests from now on, if it finds one where the configuration has it, and says if it did,
    every ``look_pause`` seconds; ``test`` is a small request, sent every ``pause`` seconds.  ``where`` is the place's name in the configuration, "" if nobody is asked for its secret; ``remedy`` says what a
    person can do.  ``changeable``: what the credential allows can change while it is used, as a role can and the letters of a token cannot.
    """

    look: Callable[[], bool]
    test: Callable[[], object]
    where: str = "central"
    remedy: str = ""
    look_pause: float = LOOK_S
    pause: float = TEST_S
    changeable: bool = True


@dataclass(slots=True)
class _Refusal:
    """Why and when requests of this ``kind`` were refused; ``began`` by the clock.

    ``turn``: the last in which one was refused; after it nobody knows.  ``final``: it was waited for long enough.
    """

    why: Why
    kind: Kind
    began: float
    since: datetime
    turn: int = 0
    final: bool = False


class Renewal:
    """What all threads and commands know of the credential of one place.  Safe for many threads.

    ``name`` begins a sentence about the place.  ``patience`` is in seconds, as for an outage; ``clock`` gives seconds that never go back.
    """

    def __init__(self, name: str, renewed: Renewed, *, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._renewed = renewed
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._accepted: WeakKeyDictionary[JobContext, frozenset[Kind]] = WeakKeyDictionary()
        """what the credential was accepted for, in each job"""
        self._turn = 0
        """how often waiting requests were told to continue"""
        self._waiters = 0
        self._refusal: _Refusal | None = None
        self._looked = self._tested = float("-inf")

    def waiting(self, progress: Progress) -> Waiting | None:
        """What the job with this progress waits for, as :class:`~chorus_gui.core.job.Watched` promises."""
        del progress
        refusal = self._refusal
        if refusal is None:
            return None
        until = None if refusal.final else refusal.since + timedelta(seconds=self._patience)
        remedy, where = self._renewed.remedy, self._renewed.where
        return Waiting(self._name, refusal.why, refusal.since, until, remedy=remedy, credential=where, ends=not refusal.final)

    def look(self) -> None:
        """Look for another credential at once, whether one was refused or not."""
        if self._renewed.look():
            self._turn += 1

    def try_soon(self) -> None:
        """Look for another credential, and try the same one, at once: a person did something about it."""
        self._looked = self._tested = float("-inf")

    def call(self, request: Callable[[], T], kind: Kind) -> T:
        """The request's answer; after a refusal, with another credential, as far as the thread's job is patient.

        Raises the refusal, with its ``silence`` if it was waited for; ``Cancelled`` while waiting.
        """
        ctx = job.current()
        patient = ctx.patience is Patience.WAITS
        while True:
            if patient and (refusal := self._refusal) is not None and refusal.turn == self._turn and not refusal.final:
                self._wait(ctx, self._turn)  # what is refused now would only be refused again
            turn = self._turn
            try:
                answer = request()
            except ChorusError as error:
                if error.why not in REFUSALS or not patient:
                    raise
                if turn != self._turn:
                    continue  # another credential is used meanwhile
                if not self._is_worth_it(ctx, error.why, kind):
                    raise
                self._begin(error.why, kind)
                if not self._wait(ctx, turn):
                    self._explain(error)
                    raise
            else:
                if self._refusal is not None or kind not in self._accepted.get(ctx.origin, ()):
                    self._accept(ctx, kind)
                return answer

    def accepted(self, ctx: JobContext) -> frozenset[Kind]:
        """What the credential was accepted for in this job."""
        return self._accepted.get(ctx.origin, frozenset[Kind]())

    def accepts(self, kind: Kind) -> None:
        """A request of this kind, which did not wait for anything, was accepted in this thread's job."""
        ctx = job.current()
        if self._refusal is not None or kind not in self._accepted.get(ctx.origin, ()):
            self._accept(ctx, kind)

    def _is_worth_it(self, ctx: JobContext, why: Why, kind: Kind) -> bool:
        accepted = self.accepted(ctx)
        if why is Why.RIGHTS:  # a token that may create a small blob may not write one in blocks, so nothing has changed
            return self._renewed.changeable and kind in accepted
        return bool(accepted)

    def _accept(self, ctx: JobContext, kind: Kind) -> None:
        with self._lock:
            self._accepted[ctx.origin] = frozenset[Kind]((*self._accepted.get(ctx.origin, ()), kind))
            if self._refusal is not None and self._refusal.kind == kind:
                self._refusal = None

    def _begin(self, why: Why, kind: Kind) -> None:
        with self._lock:
            if self._refusal is None:
                self._refusal = _Refusal(why, kind, self._clock(), datetime.now().astimezone().replace(microsecond=0))
                self._tested = self._clock()
            self._refusal.turn = self._turn

    def _wait(self, ctx: JobContext, turn: int) -> bool:
        """Wait until it is worth sending requests again.  False: nothing changed in time."""
        ctx.progress.watch(self)
        with self._lock:
            self._waiters += 1
        try:
            while self._turn == turn:
                refusal = self._refusal
                if refusal is None:
                    return True
                self._take_turn(refusal)
                if self._turn != turn:
                    return True
                if refusal.final or self._clock() - refusal.began >= self._patience:
                    refusal.final = True
                    return False
                ctx.sleep(LOOK_S)
            return True
        except Cancelled:
            with self._lock:
                if self._waiters == 1 and self._refusal is not None and not self._refusal.final:
                    self._refusal = None  # nobody is left to find out how it ends
            raise
        finally:
            with self._lock:
                self._waiters -= 1

    def _take_turn(self, refusal: _Refusal) -> None:
        """One thread looks, for all."""
        if not self._looking.acquire(blocking=False):
            return
        try:
            now = self._clock()
            if refusal.final or now - self._looked >= self._renewed.look_pause:
                self._looked = now
                if self._renewed.look():
                    self._tested = self._clock()
                    self._turn += 1
                    return
            if now - self._tested >= self._renewed.pause and not refusal.final:
                self._tested = now
                self._turn += self._is_accepted_again()
        finally:
            self._looking.release()

    def _is_accepted_again(self) -> bool:
        try:
            self._renewed.test()
        except ChorusError as error:
            return error.why is None  # an answer, about something else
        return True

    def _explain(self, error: ChorusError) -> None:
        error.silence = Silence.STOPPED
        minutes = f"{self._patience / 60:.0f} minutes" if self._patience >= 120 else f"{self._patience:.0f} seconds"
        error.meaning = f"{error.meaning} The program waited {minutes} for another credential.".strip()
        error.remedy = f"{self._renewed.remedy} Then run the same command again. It continues.".strip()
