"""What is known of a request that has no answer yet: since when it is silent, and what a person should know of it.

A request that is on its way cannot report anything itself.  So it leaves the moments at which something moved, and whoever draws the
screen asks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from chorus_gui.core.errors import Silence, Why
from chorus_gui.core.job import JobContext
from chorus_gui.core.waiting import Waiting

SILENT_S = 3.0
"""A silence of this many seconds is shown."""
ALONE_S = 10.0
"""So is one of a single request, while others are answered, after this many."""
SLOWEST = 125_000.0
"""Bytes a second of the slowest line that is useful, as long as nothing is known of the line."""
SMALL_BYTES, _LARGE_BYTES = 64 * 1024, 1024 * 1024
_AT_ONCE = frozenset({Why.STRANGER, Why.CERTIFICATE, Why.PROXY_LOGIN})
"""A person can do something about these."""


@dataclass(frozen=True, slots=True)
class About:
    """What a request is about: the ``file``, and how many bytes it sends."""

    file: str = ""
    size: int = 0


NOTHING_KNOWN = About()


@dataclass(slots=True, eq=False)
class Asked:
    """One request, with all its attempts.  Times are seconds of the place's clock.

    ``seen``: how many answers the place had given when it was last certain that the place is there.  ``born`` and ``wall``: the first attempt, by the
    clock and by the time of day (UTC); ``began``: the present attempt; ``moved``: the last byte of it, either way; ``failed``: the first attempt that got no answer, None if none failed yet;
    ``again``: when the next attempt begins, if the service asked to wait; ``alone``: the place answered others meanwhile;
    ``ours``: the place waits for this program, not the program for the place.
    """

    ctx: JobContext
    probe: Callable[[], object]
    about: About
    seen: int
    born: float
    wall: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = 0.0
    moved: float = 0.0
    failed: float | None = None
    again: float = 0.0
    attempts: int = 0
    waited: float = 0.0
    refused: int = 0
    alone: bool = False
    ours: bool = False
    silence: Silence = Silence.NONE
    why: Why | None = None


@dataclass(slots=True)
class Silences:
    """All requests to one place that are on their way.  ``name`` begins a sentence; ``patience`` is in seconds."""

    name: str
    clock: Callable[[], float]
    asked: set[Asked] = field(default_factory=set[Asked])
    heard: float = float("-inf")
    """when anything came from the place, or went there"""
    per_byte: float = 1.0 / SLOWEST
    """seconds that the line takes for a byte"""

    @contextmanager
    def listening(self, asked: Asked) -> Generator[None]:
        """While the block runs, this thread's :func:`moved` is about this attempt."""
        asked.began = asked.moved = self.clock()
        before = getattr(_here, "beat", None), getattr(_here, "turn", None)

        def beat() -> None:
            self.heard = asked.moved = self.clock()

        def turn(ours: bool) -> None:
            asked.ours = ours
            self.heard = asked.began = asked.moved = self.clock()

        _here.beat, _here.turn = beat, turn
        try:
            yield
        finally:
            _here.beat, _here.turn = before
            asked.ours = False

    def answered(self, asked: Asked) -> None:
        """Learn how fast the line is, which all requests share: a slow answer counts at once, fast ones little by little."""
        if asked.about.size >= _LARGE_BYTES and asked.failed is None:
            measured = (self.clock() - asked.began) / max(_under_way(tuple(self.asked)), asked.about.size)
            self.per_byte = max(measured, self.per_byte / 2)

    def waiting(self, ctx_progress: object, patience: float, *, never: bool) -> Waiting | None:
        """What a job waits for; the whole place before a single file.  ``never``: the place has not answered anything yet."""
        now = self.clock()
        asked = tuple(self.asked)
        mine = [one for one in asked if one.ctx.progress is ctx_progress]
        found = [waiting for one in mine if (waiting := self._of(one, now, asked, 0.0 if never else patience)) is not None]
        return min(found, key=lambda waiting: (bool(waiting.file), waiting.since), default=None)

    def _of(self, one: Asked, now: float, others: tuple[Asked, ...], patience: float) -> Waiting | None:
        if one.ours or one.ctx.paused:
            return None
        if one.again > now:
            return Waiting(self.name, Why.BUSY, _since(one), again=_in(one.again - now))
        start, why = _start(one), one.why or Why.NO_ANSWER
        silent = now - start
        if why in _AT_ONCE:
            pass
        elif silent < SILENT_S + self._allowed(one, others):
            return None
        quiet = now - max(self.heard, start)
        alone = one.alone or (quiet < SILENT_S and why not in _AT_ONCE)
        if alone and not one.alone and silent < ALONE_S:
            return None
        if alone:
            return Waiting(self.name, why, _since(one), file=one.about.file) if one.about.file else None
        first = min(_since(other) for other in others)
        left = patience - one.waited - (now - one.began)
        return Waiting(self.name, why, first, _in(max(0.0, left)) if patience else None)

    def _allowed(self, one: Asked, others: tuple[Asked, ...]) -> float:
        """Seconds that an answer may take longer, because bytes are on their way before it: much of them waits in buffers that nobody sees."""
        under_way = _under_way(others)
        if under_way <= SMALL_BYTES:
            return 0.0
        sending = one.moved - one.began if one.failed is None and one.about.size > SMALL_BYTES else 0.0
        return max(4.0 * sending, 2.0 * under_way * self.per_byte)


def _under_way(asked: Iterable[Asked]) -> int:
    """Bytes of the requests that are on their way, without those that got no answer."""
    return sum(one.about.size for one in asked if one.failed is None)


def moved() -> None:
    """A byte of this thread's request was sent or received."""
    if (beat := getattr(_here, "beat", None)) is not None:
        beat()


@contextmanager
def our_turn() -> Generator[None]:
    """In the block this thread's request waits for this program, which makes what it sends; after it the request begins again."""
    turn = getattr(_here, "turn", None)
    if turn is None:
        yield
        return
    turn(True)
    try:
        yield
    finally:
        turn(False)


_here = threading.local()


def _start(one: Asked) -> float:
    return one.moved if one.failed is None else one.failed


def _since(one: Asked) -> datetime:
    """The time of day when it became silent, to the second."""
    return (one.wall + timedelta(seconds=_start(one) - one.born)).replace(microsecond=0)


def _in(seconds: float) -> datetime:
    return (datetime.now().astimezone() + timedelta(seconds=seconds)).replace(microsecond=0)
