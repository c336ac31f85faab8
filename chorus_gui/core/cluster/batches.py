"""How tasks are put together for workers: enough that a message pays, few enough that all workers end at the same time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any, cast

FILES = 256
"""Files of one batch, about."""
BYTES = 1024**3
"""Bytes of one batch of several files, at most."""
ALONE = 64 * 1024**2
"""Bytes of a file that gets a batch of its own: its blocks keep all threads of a worker busy."""
_ROUNDS = 4
"""Batches for each worker that what waits is divided into, if there is less than full ones: they get smaller towards the end, so that all
workers end at the same time."""


def bytes_of(task: Any) -> int:
    """The bytes of the file that a task is about; of a list of files, of all of them."""
    if isinstance(task, list):
        return sum(bytes_of(one) for one in cast("Iterable[Any]", task))
    return int(getattr(task, "size", 0))


def files_of(task: Any) -> int:
    """How many files a task is about."""
    return len(cast("list[Any]", task)) if isinstance(task, list) else 1


@dataclass(slots=True, eq=False)
class Cut:
    """A batch: tasks with their priorities, and what became of it."""

    tasks: list[tuple[int, Any]]
    attempts: set[int] = field(default_factory=set[int])
    """under way now"""
    losses: int = 0
    done: bool = False


class Waiting:
    """Tasks that wait for a worker."""

    def __init__(self) -> None:
        self._queue: list[tuple[int, int, Any, int]] = []
        self._numbers = count()
        self.bytes = 0
        self.files = 0

    def __len__(self) -> int:
        return len(self._queue)

    def give(self, task: Any, priority: int) -> None:
        """Add a task."""
        size = bytes_of(task)
        heappush(self._queue, (priority, next(self._numbers), task, size))
        self.bytes += size
        self.files += files_of(task)

    def clear(self) -> None:
        """Drop all of them."""
        self._queue.clear()
        self.bytes = self.files = 0

    def cut(self, workers: int) -> Cut:
        """Take the next batch out, for one of ``workers``.  Call only if something waits."""
        shares = _ROUNDS * max(1, workers)
        most_files = min(FILES, max(1, -(-self.files // shares)))
        most_bytes = min(BYTES, max(1, -(-self.bytes // shares)))
        tasks: list[tuple[int, Any]] = []
        files = total = 0
        while self._queue and files < most_files:
            priority, _, task, size = self._queue[0]
            if tasks and (total + size > most_bytes or size >= ALONE):
                break
            heappop(self._queue)
            self.bytes -= size
            self.files -= files_of(task)
            tasks.append((priority, task))
            files += files_of(task)
            total += size
            if size >= ALONE:
                break
        return Cut(tasks)
