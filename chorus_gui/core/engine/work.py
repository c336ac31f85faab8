"""What runs tasks, and what a task can use where it runs.

::

    Pool          the owner's side: gives tasks, takes results                   (pool.py)
      │ Executor.start(recipe, …)
    Running       what an executor started: one place, or several
      │
    Place         the threads of one process                                     (threads.py)
      │ recipe(place)
    Worker        does the tasks of a place

Tasks, results and errors are values that can be pickled.  A recipe makes a worker from a place; it can be pickled if the worker's place
is another process, so sources and stores in it must say how to open them there.  Whatever cannot travel (locks, buffers, open files)
is made by the worker and stays in its place.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from chorus_gui.core.job import JobContext

T = TypeVar("T")
R = TypeVar("R")
P = TypeVar("P")
T_contra = TypeVar("T_contra", contravariant=True)
P_contra = TypeVar("P_contra", contravariant=True)


class Place(Protocol[P_contra]):
    """Where tasks run: some threads that share memory.  This is all that a worker knows of the executor.

    A worker may divide a task into parts, which are values too and never leave the place.
    """

    @property
    def ctx(self) -> JobContext:
        """Progress, limit and pause of the job.  It is cancelled with the job, and when the pool is stopped."""
        ...

    @property
    def threads(self) -> int:
        """Number of tasks and parts that run here at the same time."""
        ...

    def share(self, part: P_contra) -> None:
        """Hand over a part of the task at hand.  The next free thread does it, before any other task."""
        ...

    def change(self, change: Callable[[], None]) -> None:
        """Make a change that a thread in :meth:`work_until` waits for."""
        ...

    def work_until(self, there: Callable[[], bool]) -> None:
        """Do shared parts until ``there`` is true; it is checked after each :meth:`change`.  Raises :class:`Cancelled`."""
        ...


class Worker(ABC, Generic[T, R, P]):
    """Does the tasks of one place.  Its methods are called by all threads of the place."""

    @abstractmethod
    def run(self, task: T) -> Iterable[R]:
        """Do a task; its results, of which those that came before an error count.

        What it raises stops the job: an error that concerns this task alone is a result.
        """

    def help(self, part: P) -> None:
        """Do a part of a task that another thread works on.  What it raises stops the job."""
        raise NotImplementedError

    def finish(self) -> None:
        """The last thing that happens in a place, unless the pool is stopped before.  What it raises, the owner of the pool gets."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The last message of an executor: all its threads have left.  ``error`` is the first that stopped them, None if there is none."""

    error: BaseException | None = None


class Running(Protocol[T_contra]):
    """What an executor started."""

    def give(self, task: T_contra, priority: int) -> None:
        """Hand over a task.  Tasks with a smaller ``priority`` (at least 0) begin before others."""
        ...

    def close(self) -> None:
        """No more tasks are given: when all are done, the workers finish."""
        ...

    def stop(self) -> None:
        """Stop the workers at their next checkpoint; tasks that did not begin are dropped."""
        ...

    def join(self) -> None:
        """Wait until everything that was started has ended."""
        ...


class Executor(Protocol):
    """Where and how tasks run."""

    @property
    def threads(self) -> int:
        """Number of tasks that run at the same time, in all places together.  At least 1."""
        ...

    @property
    def distant(self) -> bool:
        """Tasks run on other computers: what a step would do itself, in the thread that asks, is given to them, too."""
        ...

    def window(self, each: int) -> int:
        """Number of tasks to give at most and not take, for a step that has ``each`` for every thread."""
        ...

    def start(
        self,
        recipe: Callable[[Place[P]], Worker[T, R, P]],
        ctx: JobContext,
        deliver: Callable[[Sequence[R] | Ended], None],
    ) -> Running[T]:
        """Start to work for the job ``ctx``.

        ``deliver`` gets the results of each task when it is done, from any thread, and returns at once.  If a task raises, or the job
        is cancelled, the others stop at their next checkpoint.  The last message is :class:`Ended`, after all results.
        """
        ...
