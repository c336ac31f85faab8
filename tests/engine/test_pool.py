"""The rules of the one pool, with threads of this process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chorus_gui.core.engine.pool import Pool
from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.engine.work import Place, Worker
from chorus_gui.core.errors import Cancelled
from chorus_gui.core.job import JobContext, current


class Doing(Worker[Any, Any, Any]):
    """Calls a function for each task, and another one for each part."""

    def __init__(self, work: Callable[[Place[Any], Any], Any], help_with: Callable[[Any], None] | None, place: Place[Any]) -> None:
        self._work, self._help, self.place = work, help_with, place

    def run(self, task: Any) -> Sequence[Any]:
        return (self._work(self.place, task),)

    def help(self, part: Any) -> None:
        assert self._help is not None
        self._help(part)


def pool_of(
    work: Callable[[Place[Any], Any], Any], ctx: JobContext | None = None, threads: int = 1, *, window: int = 8, **options: Any
) -> Pool[Any, Any]:
    help_with = options.pop("help_with", None)
    return Pool(Threads(threads), partial(Doing, work, help_with), ctx or JobContext(), window=window, **options)


def alive() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("pool")]


def test_no_more_threads_are_made_than_there_is_work():
    with pool_of(lambda place, task: task, threads=8) as pool:
        for task in (1, 2):
            pool.give(task)
            assert list(pool.take()) == [task]
        assert len(alive()) == 1
    assert alive() == []


def test_the_window_bounds_what_is_given_and_not_taken():
    """However slow the owner is, and however quick the workers."""
    pulled, taken, most = 0, 0, 0

    def tasks() -> Iterator[int]:
        nonlocal pulled, most
        for task in range(500):
            pulled += 1
            most = max(most, pulled - taken)
            yield task

    with pool_of(lambda place, task: task, threads=3, window=7) as pool:
        for _ in pool.map(tasks()):
            taken += 1
            if taken % 50 == 0:
                time.sleep(0.01)
    assert taken == 500
    assert most <= 7 + 1, "one more is pulled to be given next"


def test_no_more_tasks_run_at_the_same_time_than_there_are_threads():
    gate, running, most = threading.Lock(), 0, 0

    def work(place: Place[Any], task: int) -> int:
        nonlocal running, most
        with gate:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with gate:
            running -= 1
        return task

    with pool_of(work, threads=4, window=50) as pool:
        assert sorted(pool.map(range(60))) == list(range(60))
    assert most == 4


def test_urgent_parts_come_before_other_tasks_and_one_thread_suffices():
    order: list[str] = []
    left = [3]

    def part(place: Place[Any]) -> None:
        order.append("part")
        place.change(lambda: left.__setitem__(0, left[0] - 1))

    def work(place: Place[Any], task: str) -> str:
        if task == "large":
            for _ in range(3):
                place.share(place)
            place.work_until(lambda: left[0] == 0)
        order.append(task)
        return task

    with pool_of(work, help_with=part) as pool:
        assert list(pool.map(["large", "small"])) == ["large", "small"]
    assert order == ["part", "part", "part", "large", "small"]


def test_one_task_keeps_all_threads_busy_with_its_parts():
    """A single large file is sent by as many threads as there may be."""
    together, left = threading.Barrier(4, timeout=5), [4]

    def part(place: Place[Any]) -> None:
        together.wait()
        place.change(lambda: left.__setitem__(0, left[0] - 1))

    def work(place: Place[Any], task: str) -> str:
        for _ in range(4):
            place.share(place)
        place.work_until(lambda: left[0] == 0)
        return task

    with pool_of(work, threads=4, help_with=part) as pool:
        assert list(pool.map(["large"])) == ["large"]


def test_tasks_of_a_smaller_priority_begin_first_and_equals_in_order():
    began: list[int] = []
    go = threading.Event()

    def work(place: Place[Any], task: int) -> int:
        go.wait()
        began.append(task)
        return task

    with pool_of(work, window=20) as pool:
        pool.give(0)  # the thread waits with this one, so the others wait in the queue
        time.sleep(0.05)
        for task, priority in ((1, 5), (2, 1), (3, 5), (4, 0), (5, 1)):
            pool.give(task, priority=priority)
        go.set()
        while pool.busy:
            pool.take()
    assert began == [0, 4, 2, 5, 1, 3]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40),
    st.integers(1, 5),
    st.integers(1, 9),
    st.one_of(st.none(), st.integers(0, 39)),
)
def test_every_result_comes_once_whatever_the_order_and_up_to_an_error(
    tasks: list[tuple[int, int]], threads: int, window: int, fails: int | None
) -> None:
    """Batches of any size; results before an error are all delivered, and each at most once."""
    finished: Counter[tuple[int, int]] = Counter()

    class Batches(Worker[tuple[int, int], tuple[int, int], Any]):
        def __init__(self, place: Place[Any]) -> None:
            del place

        def run(self, task: tuple[int, int]) -> Iterator[tuple[int, int]]:
            number, size = task
            for index in range(size):
                finished[number, index] += 1
                yield number, index
            if number == fails:
                raise ZeroDivisionError

    got: Counter[tuple[int, int]] = Counter()
    given = [(number, size) for number, (size, _) in enumerate(tasks)]
    raised = False
    try:
        with Pool(Threads(threads), Batches, JobContext(), window=window) as pool:
            got.update(pool.map(given))
    except ZeroDivisionError:
        raised = True
    assert raised is (fails is not None and fails < len(given))
    if not raised:
        assert got == Counter((number, index) for number, size in given for index in range(size))
    assert not got - finished, "each comes once"
    assert alive() == []


def test_an_error_comes_after_the_results_that_were_finished():
    def work(place: Place[Any], task: int) -> int:
        if task == 5:
            raise ZeroDivisionError
        return task

    results: list[int] = []
    with pytest.raises(ZeroDivisionError), pool_of(work, window=3) as pool:
        results.extend(pool.map(range(100)))
    assert results == [0, 1, 2, 3, 4]


def test_the_results_of_a_batch_before_its_error_are_delivered():
    class Batch(Worker[int, int, Any]):
        def __init__(self, place: Place[Any]) -> None:
            del place

        def run(self, task: int) -> Iterator[int]:
            yield task
            yield task + 1
            raise ZeroDivisionError

    results: list[int] = []
    with pytest.raises(ZeroDivisionError), Pool(Threads(2), Batch, JobContext(), window=2) as pool:
        results.extend(pool.map([10]))
    assert results == [10, 11]


def test_tasks_that_cannot_be_pulled_end_the_work_after_their_results():
    def tasks() -> Iterator[int]:
        yield from range(10)
        raise OSError("the database is gone")

    results: list[int] = []
    with pytest.raises(OSError, match="database"), pool_of(lambda place, task: task, threads=2) as pool:
        results.extend(pool.map(tasks()))
    assert set(results) <= set(range(10))
    assert alive() == []


def test_one_that_waits_for_others_wakes_up_when_they_are_called_back():
    waiting = threading.Event()

    def work(place: Place[Any], task: int) -> int:
        if task == 0:
            waiting.set()
            place.work_until(lambda: False)
        waiting.wait()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), pool_of(work, threads=2, window=3) as pool:
        list(pool.map([0, 1]))


def test_a_part_that_raises_stops_the_work():
    def part(number: int) -> None:
        raise ZeroDivisionError

    def work(place: Place[Any], task: int) -> int:
        place.share(1)
        place.work_until(lambda: False)
        return task

    with pytest.raises(ZeroDivisionError), pool_of(work, threads=3, help_with=part) as pool:
        list(pool.map([0]))
    assert alive() == []


def test_leaving_early_ends_the_work():
    ctx = JobContext()

    def work(place: Place[Any], task: int) -> int:
        while True:
            place.ctx.checkpoint()
            time.sleep(0.001)

    with pool_of(work, ctx, threads=3) as pool:
        pool.give(1)
        pool.give(2)
    assert alive() == []
    assert not ctx.cancelled


@pytest.mark.parametrize("busy", [False, True])
def test_a_cancelled_job_is_noticed_within_a_second_though_all_are_busy_or_idle(busy: bool):
    ctx = JobContext()

    def work(place: Place[Any], task: int) -> int:
        while busy:
            place.ctx.checkpoint()
            time.sleep(0.001)
        return task

    def tasks() -> Iterator[int]:
        yield 1
        if not busy:
            ctx.cancel()
        yield 2

    if busy:
        threading.Timer(0.1, ctx.cancel).start()
    began = time.monotonic()
    with pytest.raises(Cancelled), pool_of(work, ctx, threads=3) as pool:
        list(pool.map(tasks()))
    assert time.monotonic() - began < 4  # it would never end
    assert alive() == []


def test_a_job_that_was_cancelled_before_does_nothing():
    ctx = JobContext()
    ctx.cancel()
    done: list[int] = []
    with pytest.raises(Cancelled), pool_of(lambda place, task: done.append(task), ctx, threads=2, window=3) as pool:
        list(pool.map([1, 2, 3, 4, 5]))
    assert done == []


def test_a_task_waits_while_the_job_is_paused():
    ctx = JobContext()
    ctx.pause()
    with pool_of(lambda place, task: task, ctx, threads=2) as pool:
        pool.give(1)
        time.sleep(0.1)
        assert list(pool.ready()) == []
        ctx.resume()
        assert list(pool.take()) == [1]


@pytest.mark.parametrize("tasks", [0, 5])
def test_the_worker_finishes_once_after_its_last_task_and_may_raise(tasks: int):
    order: list[object] = []

    class Finishing(Worker[int, int, Any]):
        def __init__(self, place: Place[Any]) -> None:
            del place

        def run(self, task: int) -> tuple[int]:
            order.append(task)
            return (task,)

        def finish(self) -> None:
            order.append("finish")
            raise LookupError

    got: list[int] = []
    with pytest.raises(LookupError), Pool(Threads(3), Finishing, JobContext(), window=3) as pool:
        got.extend(pool.map(range(tasks)))
    assert sorted(got) == list(range(tasks))
    assert order[-1] == "finish"
    assert order.count("finish") == 1
    order.clear()
    with pytest.raises(ZeroDivisionError), Pool(Threads(3), Finishing, JobContext(), window=3):
        raise ZeroDivisionError
    assert order == [], "a pool that is stopped does not finish"


def test_an_interruption_of_the_owner_ends_the_threads():
    """Ctrl-C arrives in the main thread, wherever that is."""

    def idle() -> None:
        raise KeyboardInterrupt

    def work(place: Place[Any], task: int) -> int:
        place.ctx.sleep(60)
        return task

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), pool_of(work, threads=2, idle=idle) as pool:
        list(pool.map([1, 2, 3]))
    assert time.monotonic() - began < 10
    assert alive() == []


def test_who_only_reads_does_not_hold_up_the_end():
    stuck = threading.Event()

    def work(place: Place[Any], task: int) -> int:
        stuck.wait(20)  # a network drive that is gone
        return task

    began = time.monotonic()
    with suppress(OSError), pool_of(work, threads=2, wait=False) as pool:
        pool.give(1)
        raise OSError("enough")
    assert time.monotonic() - began < 5
    stuck.set()


def test_a_worker_that_cannot_be_made_is_an_error_at_once():
    def recipe(place: Place[Any]) -> Worker[Any, Any, Any]:
        raise LookupError("no such store")

    with pytest.raises(LookupError):
        Pool(Threads(2), recipe, JobContext(), window=2)


def test_a_system_without_more_threads_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch):
    real, count = threading.Thread.start, [0]

    def start(self: threading.Thread) -> None:
        count[0] += 1
        if count[0] > 1:
            raise RuntimeError("can't start new thread")
        real(self)

    monkeypatch.setattr(threading.Thread, "start", start)
    with pool_of(lambda place, task: task, threads=4) as pool:
        assert sorted(pool.map(range(20))) == list(range(20))


CHILD = """
import sys, threading, time
from chorus_gui.core.engine.pool import Pool
from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.engine.work import Worker
from chorus_gui.core.job import JobContext, current

class Stuck(Worker):
    def __init__(self, place): pass
    def run(self, task):
        if sys.argv[1] == "stuck": threading.Event().wait()  # a system call that never returns
        time.sleep(0.01)
        return (task,)

pool = Pool(Threads(3), Stuck, JobContext(), window=3, wait=False)
pool.give(1)
print("given", flush=True)
if sys.argv[1] == "interrupted":
    with pool:
        try:
            for _ in pool.map(iter(int, 1)): pass
        except KeyboardInterrupt:
            print("interrupted", flush=True)
            raise SystemExit(3)
"""


@pytest.mark.parametrize("how", ["stuck", "idle"])
def test_the_interpreter_ends_though_a_pool_was_left(how: str):
    child = subprocess.run([sys.executable, "-c", CHILD, how], capture_output=True, text=True, timeout=20, cwd=Path(__file__).parents[2])
    assert (child.returncode, child.stdout, child.stderr) == (0, "given\n", "")


@pytest.mark.skipif(os.name == "nt", reason="SIGINT to one process")
def test_ctrl_c_ends_a_program_that_is_at_work():
    child = subprocess.Popen([sys.executable, "-c", CHILD, "interrupted"], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    assert child.stdout is not None
    assert child.stdout.readline() == "given\n"
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    rest, _ = child.communicate(timeout=10)
    assert (rest, child.returncode) == ("interrupted\n", 3)


def test_a_thread_works_for_the_job_of_its_pool():
    """So a store around a store knows whose waiting it is."""
    ctx = JobContext()
    with pool_of(lambda place, task: current() is place.ctx, ctx, threads=2) as pool:
        assert list(pool.map([1, 2, 3])) == [True, True, True]
