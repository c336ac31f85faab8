"""Threads of this process as an executor: one place, whose threads share everything."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Any, Generic, TypeVar

from chorus_gui.core.engine.work import Ended, Place, Running, Worker
from chorus_gui.core.errors import Cancelled
from chorus_gui.core.job import JobContext

T = TypeVar("T")
R = TypeVar("R")
P = TypeVar("P")

_PART = -1
"""The priority of a part: before every task."""

_LOOK_S = 0.5
"""Seconds between two looks if more threads would do more."""
_BUSY = 0.7
"""Share of what short tasks can use from which more threads only get into each other's way: one processor, because the interpreter runs one at a time."""
_OWN_S = 0.001
"""Seconds of the processor for one task or part from which most of it is hashing and sending.  Threads do that at the same time, on all processors."""
_BETTER = 1.08
"""How much the rate of tasks and parts must grow, as a factor, for another round of more threads."""
_LONG_S = 2.0
"""Seconds of a task or part, on average, from which more tasks at the same time only delay each of them: a large file, a slow line."""
_REST_S = 10.0
"""Seconds until it is tried again."""
_WAKE_S = 0.25
"""Seconds between two checks for a cancellation while there is nothing to do."""


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Threads:
    """An executor with ``threads`` threads of this process.  They are made when there is work for them.

    While they mostly wait (for a distant store, for a slow disk), and as long as more of them do more, there may be up to ``most``.
    """

    threads: int = 1
    most: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "threads", max(1, self.threads))
        object.__setattr__(self, "most", max(self.threads, self.most))

    @property
    def distant(self) -> bool:
        """As :attr:`Executor.distant`."""
        return False

    def window(self, each: int) -> int:
        """As :meth:`Executor.window`."""
        return each * self.threads

    def start(
        self,
        recipe: Callable[[Place[P]], Worker[T, R, P]],
        ctx: JobContext,
        deliver: Callable[[Sequence[R] | Ended], None],
    ) -> Running[T]:
        """As :meth:`Executor.start`; the worker gets what is in the recipe as it is."""
        return ThreadPlace(recipe, ctx, self, deliver)


class ThreadPlace(Generic[T, R, P]):
    """The threads and the tasks that wait for them.  A :class:`Place` for the worker, :class:`Running` for the pool."""

    def __init__(
        self,
        recipe: Callable[[Place[P]], Worker[T, R, P]],
        ctx: JobContext,
        executor: Threads,
        deliver: Callable[[Sequence[R] | Ended], None],
    ) -> None:
        self.ctx = ctx.branch()
        self.threads = executor.threads
        self._growth = Growth(executor.threads, executor.most, processors())
        self._deliver = deliver
        self._made: list[threading.Thread] = []
        self._turn = threading.Condition()
        # below: changed under the lock
        self._queue: list[tuple[int, int, Any]] = []  # priority, number in the order of arrival, task (T) or part (P)
        self._numbers = count()
        self._idle = 0  # threads that have nothing to do, or were just started
        self._helping = 0  # threads that wait in work_until
        self._left = 0
        self._closed = False
        self._ended = False
        self._error: BaseException | None = None
        self._worker = recipe(self)

    def give(self, task: T | P, priority: int) -> None:
        """As :meth:`Running.give`."""
        with self._turn:
            heappush(self._queue, (priority, next(self._numbers), task))
            if self._helping:
                self._turn.notify_all()  # one that waits for something else must not get the only call
            elif self._idle:
                self._turn.notify()
            if len(self._queue) > self._idle and len(self._made) < self._growth.allowed and not self._ended:
                self._start()

    def share(self, part: P) -> None:
        """As :meth:`Place.share`."""
        self.give(part, _PART)

    def change(self, change: Callable[[], None]) -> None:
        """As :meth:`Place.change`."""
        with self._turn:
            change()
            self._turn.notify_all()

    def work_until(self, there: Callable[[], bool]) -> None:
        """As :meth:`Place.work_until`."""
        while True:
            with self._turn:
                while True:
                    if there():
                        return
                    if self.ctx.cancelled:
                        raise Cancelled
                    if self._queue and self._queue[0][0] == _PART:
                        part: P = heappop(self._queue)[2]
                        break
                    self._helping += 1
                    try:
                        self._turn.wait(_WAKE_S)
                    finally:
                        self._helping -= 1
            self._worker.help(part)
            with self._turn:
                self._growth.note(waiting=len(self._queue))

    def close(self) -> None:
        """As :meth:`Running.close`."""
        with self._turn:
            self._closed = True
            self._turn.notify_all()
            if not self._made:
                self._start()  # the worker finishes in a thread like any other

    def stop(self) -> None:
        """As :meth:`Running.stop`."""
        self.ctx.cancel()
        with self._turn:
            self._turn.notify_all()

    def join(self) -> None:
        """As :meth:`Running.join`."""
        for thread in self._made:
            thread.join()

    def _start(self) -> None:
        """Call with the lock held, so that nobody leaves as the last one meanwhile."""
        # A daemon, so that a thread which waits for a dead network drive does not keep the program from ending.
        thread = threading.Thread(target=self._work, name=f"pool-{len(self._made)}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system allows no more threads
            if not self._made:
                raise
        else:
            self._made.append(thread)
            self._idle += 1

    def _work(self) -> None:
        with self.ctx.entered():
            self._do_tasks()

    def _do_tasks(self) -> None:
        done: list[R] | None = None  # the results so far of a task that may raise
        error: BaseException | None = None
        try:
            with self._turn:
                self._idle -= 1
            found = self._next(None, worked=False)
            while found is not None:
                priority, _, work = found
                if priority == _PART:
                    self._worker.help(work)
                    results = None
                else:
                    self.ctx.checkpoint()
                    results = self._worker.run(work)
                    if not isinstance(results, (tuple, list)):
                        done = []
                        for result in results:
                            done.append(result)
                        results, done = done, None
                found = self._next(results)
        except Cancelled:
            self.ctx.cancel()
        except BaseException as raised:  # noqa: BLE001 - raised where the results are taken
            error = raised
            self.ctx.cancel()
        self._leave(done, error)

    def _next(self, done: Sequence[R] | None, *, worked: bool = True) -> tuple[int, int, Any] | None:
        """Deliver the results of the task that is ``done``; then the next task or part, None if there will be none.  Not ``worked``: it is the first.

        Raises :class:`Cancelled`.
        """
        with self._turn:
            if done is not None:
                self._deliver(done)
            if worked:
                self._growth.note(waiting=len(self._queue))
            if not self._queue:
                self._idle += 1
                try:
                    while not self._queue:
                        if self._closed and self._idle + self._left == len(self._made):
                            return None
                        if self.ctx.cancelled:
                            raise Cancelled
                        self._turn.wait(_WAKE_S)
                finally:
                    self._idle -= 1
            return heappop(self._queue)

    def _leave(self, done: list[R] | None, error: BaseException | None) -> None:
        with self._turn:
            if done:
                self._deliver(done)
            self._error = self._error or error
            self._left += 1
            last = self._left == len(self._made)
            self._ended = self._ended or last
            self._turn.notify_all()
        if not last:
            return
        if self._error is None and self._closed and not self.ctx.cancelled:
            try:
                self._worker.finish()
            except BaseException as raised:  # noqa: BLE001 - as above
                self._error = raised
        self._deliver(Ended(self._error))


class Growth:
    """How many threads there may be, on so many ``processors``.  With the place's lock held."""

    def __init__(self, threads: int, most: int, processors: int) -> None:
        self.allowed = threads
        self._most = most
        self._processors = processors
        self._done = 0
        self._rate = 0.0
        self._looked, self._cpu = time.monotonic(), time.process_time()
        self._until = 0.0

    def note(self, *, waiting: int) -> None:
        """A task or a part is done; ``waiting`` is the number of those that wait."""
        if self.allowed >= self._most:
            return
        self._done += 1
        now = time.monotonic()
        seconds = now - self._looked
        if seconds < _LOOK_S:
            return
        cpu = time.process_time()
        used = cpu - self._cpu
        rate, busy = self._done / seconds, used / seconds / (self._processors if used >= _OWN_S * self._done else 1)
        better = rate > self._rate * _BETTER
        short = self.allowed * seconds < _LONG_S * self._done
        if waiting and short and busy < _BUSY and (better or now >= self._until):
            self.allowed = min(self._most, self.allowed + max(2, self.allowed // 2))
            self._until = now + _REST_S
        self._rate = rate if better else max(rate, 0.9 * self._rate)
        self._looked, self._cpu, self._done = now, cpu, 0
