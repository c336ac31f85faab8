"""Threads that mostly wait become more; threads that compute do not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
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
    """Threads that do ``rate(threads)`` tasks a second together, and use ``cpu`` processors."""

    rate: Callable[[int], float]
    cpu: float
    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now

    def process_time(self) -> float:
        return self.now * self.cpu

    def allowed(self, seconds: float, growth: Growth) -> int:
        """How many threads there are after so much time."""
        end = self.now + seconds
        while self.now < end:
            self.now += 1.0 / self.rate(growth.allowed)
            growth.note(waiting=5)
        return growth.allowed


MACHINES = {
    "a distant store": (lambda threads: 10.0 * threads, 0.2, 32, 32),
    "threads that compute": (lambda _: 100.0, 0.95, 4, 4),
    "a line that is full": (lambda _: 40.0, 0.1, 4, 9),
    "large files": (lambda threads: 0.3 * threads, 0.2, 4, 4),
    "a line that is full soon": (lambda threads: min(10.0 * threads, 80.0), 0.1, 6, 14),
}


@pytest.mark.parametrize("name", MACHINES)
def test_there_are_as_many_threads_as_do_more(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rate, cpu, least, most = MACHINES[name]
    machine = Machine(rate, cpu)
    monkeypatch.setattr("chorus_gui.core.engine.threads.time", machine)
    assert least <= machine.allowed(9.0, Growth(4, 32)) <= most
