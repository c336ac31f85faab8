"""The one way of a file into the store: items in, proofs out.

A file is read once.  The MD5 of the whole and of each request's bytes are taken of the same buffer, the store checks every
request against its MD5, and a file that is not (or no longer) the one that was approved is reported and not sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from chorus_gui.core.engine.pool import Pool
from chorus_gui.core.engine.work import Executor, Place
from chorus_gui.core.errors import Cancelled
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Failure, Item, Proof
from chorus_gui.core.storage.base import Source, Store
from chorus_gui.core.transfer.large import Block
from chorus_gui.core.transfer.processes import Assisted
from chorus_gui.core.transfer.quick import Quick
from chorus_gui.core.transfer.sender import Sender

WINDOW = 16
"""Items being processed for each thread: enough that no thread waits while proofs are committed."""

LAST_ANSWERS_S = 0.7
"""Seconds for small files that are on their way when the job is paused or cancelled: their proofs still count."""
_WAKE_S, _LOOK_S = 0.25, 0.01


def transfer(
    items: Iterable[Item],
    sources: Mapping[str, Source],
    store: Store,
    ctx: JobContext,
    executor: Executor,
    *,
    idle: Callable[[], None] = lambda: None,
) -> Generator[Proof | Failure, None, None]:
    """Send the items; a proof or a failure for each, in no order.

    ``items`` is pulled in the caller's thread, a bounded number ahead; ``sources`` are by modality.  Small
    files are sent in the caller's thread, or by the processes of an ``executor`` that is :class:`Assisted`, where the store has a lane; all others by the threads of ``executor``, each a request at a time, and at
    most twice as many buffers of one request's size exist.  Progress counts a file's bytes when they are acknowledged, and subtracts them if the file fails in the end.  ``idle`` is called a few times a second, in
    the caller's thread, while no result comes: the time to commit those that came.

    Raises, after every proof and failure that was finished before: :class:`Cancelled`; the :class:`StoreError` that every
    further file would meet too (access refused, no room, no answer for :data:`~chorus_gui.core.transfer.sender.UNANSWERED` files in a
    row, or for the last ones); what ``items`` raises.
    Closing the generator calls the threads back and waits for them.  What a large file had staged then is not sent again by
    the next transfer of the same bytes.
    """
    processes = executor.processes if isinstance(executor, Assisted) else None
    with (
        Pool(executor, Sending(sources, store), ctx, window=executor.window(WINDOW), idle=idle) as pool,
        closing(Quick(sources, store, ctx, possible=not executor.distant, processes=processes)) as quick,
    ):
        yield from _Both(pool, quick, ctx, idle).map(items)


@dataclass(frozen=True, slots=True)
class Sending:
    """The recipe of a transfer: what sends files where they are sent."""

    sources: Mapping[str, Source]
    store: Store

    def __call__(self, place: Place[Block]) -> Sender:
        """The worker of a place."""
        return Sender(self.sources, self.store, place)

    def many(self, tasks: Iterable[Item], ctx: JobContext, executor: Executor) -> Iterator[Proof | Failure]:
        """Many files at once, for an executor that hands them on in batches: small ones can go the quick way there."""
        return transfer(tasks, self.sources, self.store, ctx, executor)


class _Both:
    """Items go to the quick way or to the pool; results come from both."""

    def __init__(self, pool: Pool[Item, Proof | Failure], quick: Quick, ctx: JobContext, idle: Callable[[], None]) -> None:
        self._pool = pool
        self._quick = quick
        self._ctx = ctx
        self._idle = idle
        self._ticked = 0.0

    def map(self, items: Iterable[Item]) -> Iterator[Proof | Failure]:
        """Every item's result.  If pulling raises, or the job is cancelled, finished results come first, then that error."""
        pool, quick, pull = self._pool, self._quick, iter(items)
        try:
            while True:
                if quick.answered or pool.busy:
                    yield from self._there()
                if self._ctx.disturbed:
                    yield from self._check()
                item = next(pull, None)
                if item is None:
                    break
                if quick.takes(item):
                    while not (room := quick.has_room(item)) and quick.alive:
                        yield from self._wait() if quick.busy and not quick.held else self._turn()
                    if room and quick.send(item):
                        continue
                    quick.doubt(item)
                while not pool.room:
                    yield from self._wait()
                pool.give(item)
            while quick.busy or pool.busy:
                yield from self._wait()
        except GeneratorExit:
            raise
        except Exception as error:
            yield from [result for result in quick.finish_sent(LAST_ANSWERS_S) if isinstance(result, Proof)]
            if not isinstance(error, Cancelled):
                pool.stop(error)
            while pool.busy:
                yield from self._pool_ones(pool.take())
            raise

    def _there(self) -> Iterator[Proof | Failure]:
        """What came by now."""
        if self._quick.answered:
            yield from self._quick_ones(self._quick.results(0))
        if self._pool.busy:
            yield from self._pool_ones(self._pool.ready())

    def _wait(self) -> Iterator[Proof | Failure]:
        """What comes next; or nothing, after a moment."""
        if self._quick.busy:
            began = time.monotonic()
            yield from self._quick_ones(self._quick.results(_WAKE_S if not self._pool.busy else _LOOK_S))
            if time.monotonic() - began >= _LOOK_S:
                yield from self._check()
                self._idle()
            elif self._ctx.disturbed:  # answers come one after the other
                yield from self._check()
            if self._pool.busy:
                yield from self._pool_ones(self._pool.ready())
        elif self._pool.busy:
            yield from self._pool_ones(self._pool.take())
        else:
            yield from self._quick_ones(self._quick.results(_LOOK_S))  # it gets its first connections
            yield from self._check()

    def _turn(self) -> Iterator[Proof | Failure]:
        """What comes while the next small file waits: for its turn under the limit, or for a connection.  Large files are not waited for."""
        began = time.monotonic()
        yield from self._quick_ones(self._quick.results(_LOOK_S))
        if self._pool.busy:
            yield from self._pool_ones(self._pool.ready())
        if began - self._ticked > _WAKE_S:
            self._ticked = began
            self._idle()
        yield from self._check()

    def _check(self) -> Iterator[Proof | Failure]:
        """Wait while the job is paused.  Raises ``Cancelled``."""
        if self._ctx.paused:
            yield from self._hold()
        self._ctx.checkpoint()
        self._quick.resume()

    def _hold(self) -> Iterator[Proof | Failure]:
        """Before a pause: what is on its way arrives, and is committed."""
        yield from self._quick_ones(self._quick.finish_sent(LAST_ANSWERS_S))
        self._idle()

    def _quick_ones(self, results: Iterable[Proof | Item]) -> Iterator[Proof | Failure]:
        for result in results:
            if isinstance(result, Proof):
                yield result
            else:
                self._quick.doubt(result)
                self._pool.give(result)

    def _pool_ones(self, results: Iterable[Proof | Failure]) -> Iterator[Proof | Failure]:
        for result in results:
            self._quick.trust(result)
            yield result
