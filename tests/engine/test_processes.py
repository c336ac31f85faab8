"""The rules of the pool hold where tasks run in other processes."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from processes import Processes

from chorus_gui.core import errors
from chorus_gui.core.engine.pool import Pool
from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.engine.work import Executor, Place, Worker
from chorus_gui.core.errors import AccessError, BlobNotFoundError, Cancelled, ChorusError, StoreError
from chorus_gui.core.job import JobContext

EVERYWHERE: list[Executor] = [Threads(3), Processes(2, 2)]
everywhere = pytest.mark.parametrize("executor", EVERYWHERE, ids=["threads", "processes"])


class Counting(Worker[tuple[int, int], tuple[int, int, int], int]):
    """A task is (number, how many results); ``odd`` says what happens to the task of a number."""

    def __init__(self, odd: dict[int, str], place: Place[int]) -> None:
        self._odd, self._place = odd, place
        self._shared = 0

    def run(self, task: tuple[int, int]) -> Iterator[tuple[int, int, int]]:
        number, size = task
        ctx = self._place.ctx
        token = ctx.progress.start_file("Images", str(number), size)
        for index in range(size):
            self._place.share(number)
            yield number, index, os.getpid()
            ctx.progress.move(token, index)
        match self._odd.get(number):
            case "fatal":
                raise AccessError("no permission", remedy="Ask.", code="AuthorizationFailure", request_id="7")
            case "bug":
                raise ZeroDivisionError("a bug")
            case "waits":
                ctx.sleep(60)
            case "limited":
                for _ in range(60):
                    ctx.throttle(1000)
            case "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            case _:
                pass
        ctx.progress.add("Images", files=1, size=size)
        ctx.progress.end_file(token)

    def help(self, part: int) -> None:
        self._place.ctx.progress.add("OMOP", files=1)

    def finish(self) -> None:
        if self._odd.get(-1) == "unanswered":
            raise StoreError("no answer in the end")


def run(
    executor: Executor, tasks: Any, odd: dict[int, str] | None = None, ctx: JobContext | None = None
) -> tuple[Counter[Any], JobContext]:
    got: Counter[Any] = Counter()
    ctx = ctx or JobContext()
    try:
        with Pool(executor, partial(Counting, odd or {}), ctx, window=6) as pool:
            for number, index, _ in pool.map(tasks):
                got[number, index] += 1
    except BaseException as error:
        got["error"] = error  # type: ignore[assignment]
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("pool")] == []
    return got, ctx


@everywhere
def test_every_result_comes_once_and_the_progress_is_whole(executor: Executor):
    tasks = [(number, number % 4) for number in range(60)]
    got, ctx = run(executor, tasks)
    assert got == Counter((number, index) for number, size in tasks for index in range(size))
    seen = ctx.progress.snapshot()
    assert (seen.by_modality["Images"].files, seen.by_modality["Images"].bytes) == (60, sum(size for _, size in tasks))
    assert seen.by_modality["OMOP"].files == sum(size for _, size in tasks), "every part was done"
    assert seen.active == ()


def test_the_processes_are_others_and_all_of_them_work():
    with Pool(Processes(2, 1), partial(Counting, {}), JobContext(), window=4) as pool:
        pids = {pid for _, _, pid in pool.map((number, 1) for number in range(40))}
    assert len(pids) == 2
    assert os.getpid() not in pids


@everywhere
@pytest.mark.parametrize(("odd", "kind"), [("fatal", AccessError), ("bug", ZeroDivisionError)])
def test_an_error_stops_the_others_and_comes_after_what_was_finished(executor: Executor, odd: str, kind: type[Exception]):
    pulled: list[int] = []

    def tasks() -> Iterator[tuple[int, int]]:
        for number in range(10_000):
            pulled.append(number)
            yield number, 2

    got, _ = run(executor, tasks(), {20: odd})
    error = got.pop("error")
    assert isinstance(error, kind)
    if isinstance(error, AccessError):
        assert (error.what, error.remedy, error.code, error.request_id, error.fatal) == (
            "no permission",
            "Ask.",
            "AuthorizationFailure",
            "7",
            True,
        )
    assert {(20, 0), (20, 1)} <= set(got), "results before the error count"
    assert max(got.values()) == 1
    assert len(pulled) < 10_000


@everywhere
def test_what_the_end_finds_is_raised_after_every_result(executor: Executor):
    got, _ = run(executor, [(number, 1) for number in range(9)], {-1: "unanswered"})
    assert isinstance(got.pop("error"), StoreError)
    assert len(got) == 9


@everywhere
@pytest.mark.parametrize("odd", ["waits", "limited"])
def test_a_cancellation_arrives_within_a_second(executor: Executor, odd: str):
    ctx = JobContext()
    ctx.limit.set(2000)
    began: list[float] = []

    def cancel_when_all_are_at_work() -> None:
        while len(ctx.progress.snapshot().active) < executor.threads:
            time.sleep(0.01)
        time.sleep(0.1)
        began.append(time.monotonic())
        ctx.cancel()

    threading.Thread(target=cancel_when_all_are_at_work, daemon=True).start()
    got, _ = run(executor, [(number, 1) for number in range(20)], dict.fromkeys(range(20), odd), ctx)
    assert isinstance(got["error"], Cancelled)
    assert time.monotonic() - began[0] < 4  # a second, and what a busy computer adds


@everywhere
def test_a_pause_holds_tasks_wherever_they_run(executor: Executor):
    ctx = JobContext()
    with Pool(executor, partial(Counting, {}), ctx, window=6) as pool:
        assert len(list(pool.map([(1, 1), (2, 1)]))) == 2
        ctx.pause()
        time.sleep(0.15)
        pool.give((3, 1))
        time.sleep(0.3)
        assert list(pool.ready()) == []
        ctx.resume()
        assert len(pool.take()) == 1


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_process_that_dies_is_an_error_and_no_endless_wait():
    got, _ = run(Processes(2, 1), [(number, 1) for number in range(50)], {10: "dies"})
    assert isinstance(got["error"], RuntimeError)


def kinds(kind: type[ChorusError]) -> Iterator[type[ChorusError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from kinds(below)


@pytest.mark.parametrize("kind", list(dict.fromkeys(kinds(ChorusError))))
def test_every_error_travels(kind: type[ChorusError]):
    """Whatever it takes to make one: what it says and what it decides arrives."""
    error = kind.__new__(kind)
    Exception.__init__(error, "what")
    error.__dict__.update(what="what", meaning="meaning", remedy="remedy", host="h", policy="p", code="c", counts={"OMOP": (1, 2)})
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is kind
    assert arrived.args == ("what",)
    assert arrived.__dict__ == error.__dict__


def test_an_error_that_was_made_as_usual_travels():
    error = errors.UntrustedHostError("Not known.", "blob.example", meaning="m", remedy="r")
    arrived = pickle.loads(pickle.dumps(error))
    assert (str(arrived), arrived.host) == (str(error), "blob.example")
    missing = pickle.loads(pickle.dumps(BlobNotFoundError("gone", retry_after=3.0)))
    assert missing.retry_after == 3.0


def test_what_cannot_travel_is_an_error_before_anything_starts(tmp_path: Path):
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        Pool(Processes(1, 1), partial(Counting, {1: threading.Lock()}), JobContext(), window=2)  # type: ignore[dict-item]
