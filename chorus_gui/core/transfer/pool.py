"""Threads that work through what they are given, a bounded window of it at a time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Generic, TypeVar

from chorus_gui.core.errors import Cancelled
from chorus_gui.core.job import JobContext

T = TypeVar("T")
R = TypeVar("R")

_WAKE = 0.25
"""Seconds between two checks for a cancellation (and, on Windows, for Ctrl-C) while there is nothing to do."""


class Pool(Generic[T, R]):
    """``threads`` threads that call ``work(task)``; a context manager, whose end joins them.

    Tasks are given and results taken in one thread, the owner's, so the owner may pull tasks from a database cursor.  ``work``
    gets its tasks after a checkpoint; what it returns is a result, in no order.  When it raises, or the job is cancelled, the
    others are stopped at their next checkpoint, and :meth:`take` raises that error, or :class:`Cancelled`, after every
    result that was finished before.  A task may have urgent parts (:meth:`submit_urgent`), done before any other task.
    """

    def __init__(
        self, work: Callable[[T], R], ctx: JobContext, threads: int, *, window: int, idle: Callable[[], None] = lambda: None
    ) -> None:
        self.ctx = ctx.branch()
        """The context that ``work`` uses: it is cancelled with the job, and when the pool is stopped."""
        self._work = work
        self._idle = idle
        self._window = window
        self._threads: list[threading.Thread] = []
        self._wanted = max(1, threads)
        self._tasks: deque[T] = deque()
        self._urgent: deque[Callable[[], None]] = deque()
        self._turn = threading.Condition()
        self._results: SimpleQueue[R | None] = SimpleQueue()  # None: a thread has left
        self._open = 0
        self._left = 0
        self._over = False
        self._error: BaseException | None = None

    def __enter__(self) -> Pool[T, R]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._open:
            self.ctx.cancel()
        with self._turn:
            self._over = True
            self._turn.notify_all()
        for thread in self._threads:
            thread.join()

    @property
    def busy(self) -> bool:
        """Results are still to come."""
        return self._open > 0

    @property
    def room(self) -> bool:
        """Another task may be given."""
        return self._open < self._window

    def give(self, task: T) -> None:
        """Hand over a task."""
        self._open += 1
        with self._turn:
            self._tasks.append(task)
            self._turn.notify()
        if len(self._threads) < self._wanted and self._open > len(self._threads):
            self._start()

    def take(self) -> R:
        """The next result, when it is there.  Ask only while :attr:`busy`."""
        while True:
            try:
                result = self._results.get(timeout=_WAKE)
            except Empty:
                self._idle()
                continue
            if result is not None:
                self._open -= 1
                return result
            self._left += 1
            if self._left == len(self._threads):  # each thread's results came before its leaving
                self._open = 0
                raise self._error or Cancelled

    def ready(self) -> Iterator[R]:
        """The results that are there by now."""
        while self._open and not self._results.empty():
            yield self.take()

    def stop_all(self, error: BaseException) -> None:
        """Stop all threads at their next checkpoint; :meth:`take` raises the first such error in the end."""
        with self._turn:
            self._error = self._error or error
            self._turn.notify_all()
        self.ctx.cancel()

    def submit_urgent(self, part: Callable[[], None]) -> None:
        """Hand over a part of a task, from the thread that works on the task: whoever is free does it next.  It must not raise."""
        with self._turn:
            self._urgent.append(part)
            self._turn.notify_all()

    def change(self, change: Callable[[], None]) -> None:
        """Make a change that a thread in :meth:`work_until` waits for."""
        with self._turn:
            change()
            self._turn.notify_all()

    def work_until(self, there: Callable[[], bool]) -> None:
        """Do urgent parts until ``there`` is true; it is checked after each :meth:`change`.  Raises :class:`Cancelled`."""
        while True:
            with self._turn:
                while True:
                    if there():
                        return
                    if self.ctx.cancelled:
                        raise Cancelled
                    if self._urgent:
                        part = self._urgent.popleft()
                        break
                    self._turn.wait(_WAKE)
            part()

    def map(self, tasks: Iterable[T]) -> Iterator[R]:
        """Every task's result; tasks are pulled when a place is free.  If pulling raises, finished results come first, then that error."""
        pull = iter(tasks)
        while True:
            while not self.room:
                yield self.take()
            try:
                task = next(pull)
            except StopIteration:
                break
            except Exception as error:
                self.stop_all(error)
                while self.busy:
                    yield self.take()
                raise
            self.give(task)
            yield from self.ready()
        while self.busy:
            yield self.take()

    def _start(self) -> None:
        """Threads are made when there is work for them: most calls verify or send a handful of files."""
        thread = threading.Thread(target=self._run, name=f"pool-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self) -> None:
        try:
            while self._step():
                pass
        except Cancelled:
            self.ctx.cancel()
        except BaseException as error:  # noqa: BLE001 - raised where the results are taken
            self.stop_all(error)
        finally:
            self._results.put(None)

    def _step(self) -> bool:
        """Do one task or part; False when there will be none."""
        with self._turn:
            while not self._urgent and not self._tasks:
                if self._over:
                    return False
                if self.ctx.cancelled:
                    raise Cancelled
                self._turn.wait(_WAKE)
            part = self._urgent.popleft() if self._urgent else None
            task = self._tasks.popleft() if part is None else None
        if part is not None:
            part()
        elif task is not None:
            self.ctx.checkpoint()
            self._results.put(self._work(task))
        return True
