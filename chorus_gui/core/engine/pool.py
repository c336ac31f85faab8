"""The owner's side of work that others do: tasks in, results out, a bounded number at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Generic, TypeVar

from chorus_gui.core.engine.work import Ended, Executor, Place, Worker
from chorus_gui.core.errors import Cancelled
from chorus_gui.core.job import JobContext

T = TypeVar("T")
R = TypeVar("R")
P = TypeVar("P")

_WAKE_S = 0.25
"""Seconds between two calls of ``idle`` (and, on Windows, two checks for Ctrl-C) while no result comes."""


class Pool(Generic[T, R]):
    """Tasks for the worker of ``recipe``, which ``executor`` runs; a context manager.

    Tasks are given and results taken in one thread, the owner's, so the owner may pull tasks from a database cursor.  Results come
    in no order, those of one task together.  When a task raises, or the job is cancelled, the others stop at their next checkpoint, and
    :meth:`take` raises that error, or :class:`Cancelled`, after every result that was finished before.

    The end of the block waits for the workers: they finish, or stop if an error or unfinished tasks are left.
    """

    def __init__(
        self,
        executor: Executor,
        recipe: Callable[[Place[P]], Worker[T, R, P]],
        ctx: JobContext,
        *,
        window: int,
        idle: Callable[[], None] = lambda: None,
        wait: bool = True,
    ) -> None:
        """``window`` tasks at most are given and not yet taken.

        ``idle`` is called a few times a second in the owner's thread while no result comes, and may raise.  ``wait`` False: the end of
        the block does not wait for workers that it stops, because they only read.
        """
        self._idle = idle
        self._wait = wait
        self._window = window
        self._open = 0
        self._ended = False
        self._error: BaseException | None = None
        self._messages: SimpleQueue[Sequence[R] | Ended] = SimpleQueue()
        self._running = executor.start(recipe, ctx, self._messages.put)

    def __enter__(self) -> Pool[T, R]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        finished = error is None and not self._open and not self._ended
        try:
            if finished:
                self._running.close()
                self._next()  # nothing but the end is left to come
        except BaseException:
            finished = False
            raise
        finally:
            if not finished:
                self._running.stop()
            if finished or self._wait:
                self._running.join()

    @property
    def busy(self) -> bool:
        """Tasks were given whose results were not taken yet."""
        return self._open > 0

    @property
    def room(self) -> bool:
        """Another task may be given."""
        return self._open < self._window

    def give(self, task: T, *, priority: int = 0) -> None:
        """Hand over a task.  Tasks with a smaller ``priority`` (at least 0) begin before others."""
        self._open += 1
        self._running.give(task, priority)

    def take(self) -> Sequence[R]:
        """The results of the next task that is done, when it is done.  Ask only while :attr:`busy`."""
        results = self._next()
        self._open -= 1
        return results

    def ready(self) -> Iterator[R]:
        """The results that are there by now."""
        while self._open and not self._messages.empty():
            yield from self.take()

    def stop(self, error: BaseException) -> None:
        """Stop all workers at their next checkpoint; :meth:`take` raises the error in the end."""
        self._error = self._error or error
        self._running.stop()

    def map(self, tasks: Iterable[T]) -> Iterator[R]:
        """Every task's results; tasks are pulled when there is room.  If pulling raises, finished results come first, then that error."""
        pull, done = iter(tasks), self._messages.empty
        while True:
            while self._open >= self._window or (self._open and not done()):
                yield from self.take()
            try:
                task = next(pull)
            except StopIteration:
                break
            except Exception as error:
                self.stop(error)
                while self._open:
                    yield from self.take()
                raise
            self.give(task)
        while self._open:
            yield from self.take()

    def _next(self) -> Sequence[R]:
        """The next message.  The last one raises what stopped the work; at the end of a block that is nothing."""
        while True:
            try:
                message = self._messages.get(timeout=_WAKE_S)
            except Empty:
                self._idle()
                continue
            if not isinstance(message, Ended):
                return message
            unfinished, self._open, self._ended = self._open, 0, True
            if error := self._error or message.error:
                raise error
            if unfinished:
                raise Cancelled
            return ()
