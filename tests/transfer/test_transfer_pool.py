"""Threads that work through what they are given."""

from __future__ import annotations

import threading
import time

import pytest

from chorus_gui.core.errors import Cancelled
from chorus_gui.core.job import JobContext
from chorus_gui.core.transfer.pool import Pool


def test_no_more_threads_are_made_than_there_is_work():
    with Pool(lambda task: task, JobContext(), 8, window=8) as pool:
        pool.give(1)
        assert pool.take() == 1
        pool.give(2)
        assert pool.take() == 2
        assert len(pool._threads) == 1


def test_the_window_bounds_what_is_under_way():
    started: list[int] = []

    def work(task: int) -> int:
        started.append(task)
        return task

    with Pool(work, JobContext(), 2, window=3) as pool:
        for task in range(3):
            assert pool.room
            pool.give(task)
        assert not pool.room
        assert {pool.take() for _ in range(3)} == {0, 1, 2}
        assert pool.room
        assert not pool.busy


def test_urgent_parts_come_before_other_tasks_and_one_thread_suffices():
    order: list[str] = []

    def work(task: str) -> str:
        if task == "large":
            left = [3]

            def part() -> None:
                order.append("part")

                def change() -> None:
                    left[0] -= 1

                pool.change(change)

            for _ in range(3):
                pool.submit_urgent(part)
            pool.work_until(lambda: left[0] == 0)
        order.append(task)
        return task

    with Pool(work, JobContext(), 1, window=9) as pool:
        assert list(pool.map(["large", "small"])) == ["large", "small"]
    assert order == ["part", "part", "part", "large", "small"]


def test_an_error_comes_after_the_results_that_were_finished():
    def work(task: int) -> int:
        if task == 5:
            raise ZeroDivisionError
        return task

    results: list[int] = []
    with Pool(work, JobContext(), 1, window=3) as pool, pytest.raises(ZeroDivisionError):
        results.extend(pool.map(range(100)))
    assert results == [0, 1, 2, 3, 4]


def test_one_that_waits_for_others_wakes_up_when_they_are_called_back():
    waiting = threading.Event()

    def work(task: int) -> int:
        if task == 0:
            waiting.set()
            pool.work_until(lambda: False)
        waiting.wait()
        raise ZeroDivisionError

    with Pool(work, JobContext(), 2, window=3) as pool, pytest.raises(ZeroDivisionError):
        list(pool.map([0, 1]))


def test_leaving_early_ends_the_work():
    ctx = JobContext()

    def work(task: int) -> int:
        while True:
            pool.ctx.checkpoint()
            time.sleep(0.001)

    with Pool(work, ctx, 3, window=3) as pool:
        pool.give(1)
        pool.give(2)
    assert not any(thread.is_alive() for thread in pool._threads)
    assert not ctx.cancelled


def test_a_cancelled_job_is_noticed_though_all_are_busy_or_idle():
    ctx = JobContext()
    ctx.cancel()
    with Pool(lambda task: task, ctx, 2, window=3) as pool, pytest.raises(Cancelled):
        list(pool.map([1, 2, 3, 4, 5]))
