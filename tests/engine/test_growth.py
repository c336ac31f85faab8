"""Threads that mostly wait become more; threads that compute do not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Never

import pytest

from chorus_gui.core.engine.pool import Pool
from chorus_gui.core.engine.threads import Growth, Threads
from chorus_gui.core.engine.work import Place, Worker
from chorus_gui.core.job import JobContext


class Waiting(Worker[float, str, Never]):
    """Waits for each task, as for a distant store."""

    def __init__(self, place: Place[Never]) -> None:
        del place

    def run(self, task: float) -> tuple[str]:
        time.sleep(task)
        return (threading.current_thread().name,)


def names(worker: type[Waiting], task: float, count: int, executor: Threads) -> set[str]:
    with Pool(executor, worker, JobContext(), window=16 * executor.threads) as pool:
        return set(pool.map([task] * count))


def test_threads_that_wait_become_more() -> None:
    began = time.monotonic()
    found = names(Waiting, 0.05, 400, Threads(2, 16))
    assert 8 <= len(found) <= 16
    assert time.monotonic() - began < 0.05 * 400 / 2 * 0.7


def test_without_more_there_are_never_more() -> None:
    assert len(names(Waiting, 0.05, 60, Threads(3))) == 3


@dataclass
class Machine:
    """Threads that do ``rate(threads)`` tasks a second together, and use ``cpu`` processors for them, or ``each`` seconds of one for a task."""

    rate: Callable[[int], float]
    cpu: float = 0.0
    each: float = 0.0
    now: float = 1000.0
    used: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def process_time(self) -> float:
        return self.now * self.cpu + self.used

    def allowed(self, seconds: float, growth: Growth) -> int:
        """How many threads there are after so much time."""
        end = self.now + seconds
        while self.now < end:
            self.now += 1.0 / self.rate(growth.allowed)
            self.used += self.each
            growth.note(waiting=5)
        return growth.allowed


MACHINES = {
    "a distant store": (Machine(lambda threads: 10.0 * threads, cpu=0.2), 32, 32),
    "threads that compute": (Machine(lambda _: 1000.0, cpu=0.95), 4, 4),
    "a line that is full": (Machine(lambda _: 40.0, cpu=0.1), 4, 9),
    "large files": (Machine(lambda threads: 0.3 * threads, cpu=0.2), 4, 4),
    "a line that is full soon": (Machine(lambda threads: min(10.0 * threads, 80.0), cpu=0.1), 6, 14),
    "files of a megabyte, 20 ms away": (Machine(lambda threads: min(40.0 * threads, 460.0), each=0.003), 12, 20),
    "files of a megabyte, 20 ms away, while all processors are busy": (
        Machine(lambda threads: min(40.0 * threads, 150.0), each=0.0095),
        4,
        4,
    ),
    "small files, 20 ms away": (Machine(lambda threads: 48.0 * 4 * threads, each=0.0009), 4, 6),
}


@pytest.mark.parametrize("name", MACHINES)
def test_there_are_as_many_threads_as_do_more(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine, least, most = MACHINES[name]
    machine = replace(machine)
    monkeypatch.setattr("chorus_gui.core.engine.threads.time", machine)
    assert least <= machine.allowed(9.0, Growth(4, 32, 2)) <= most
