"""Jobs and readers: one at a time, cancel, pause, crash, and nothing left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QObject, QThread
from pytestqt.qtbot import QtBot

from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.ui.jobs import Job, Jobs, Reader, Step
from chorus_gui.ui.state import JobKind, JobProgress


class Ends:
    """Collects how jobs ended, and in which thread that was told."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, Outcome[Any]]] = []
        self.threads: set[QThread] = set()

    def __call__(self, job: Job, outcome: Outcome[Any]) -> None:
        self.outcomes.append((job.title, outcome))
        self.threads.add(QThread.currentThread())

    @property
    def kinds(self) -> list[OutcomeKind]:
        return [outcome.kind for _, outcome in self.outcomes]


@pytest.fixture
def jobs(qtbot: QtBot) -> Iterator[Jobs]:
    jobs = Jobs()
    yield jobs
    jobs.cancel_all()
    qtbot.waitUntil(lambda: jobs.idle, timeout=10_000)


@pytest.fixture
def reader(qtbot: QtBot) -> Iterator[Reader]:
    reader = Reader("test")
    yield reader
    reader.stop()
    assert reader.wait(5000)


def forever(ctx: JobContext) -> None:
    ctx.progress.begin("forever")
    while True:
        ctx.progress.add("OMOP", files=1, size=10)
        ctx.sleep(0.005)


def start(jobs: Jobs, ends: Ends, step: Step, title: str = "job", key: str = "journal", **options: Any) -> int:
    return jobs.start(JobKind.SCAN, title, key, step, ends, **options)


def test_the_outcome_comes_back_to_the_screens_thread(qtbot: QtBot, jobs: Jobs) -> None:
    ends, here = Ends(), QThread.currentThread()
    where: list[QThread] = []

    def step(_: JobContext) -> int:
        where.append(QThread.currentThread())
        return 7

    start(jobs, ends, step)
    qtbot.waitUntil(lambda: jobs.idle)
    assert [outcome.value for _, outcome in ends.outcomes] == [7]
    assert ends.threads == {here}
    assert where[0] is not here


def test_one_job_for_each_journal_and_a_visible_queue(qtbot: QtBot, jobs: Jobs) -> None:
    ends, gate, order = Ends(), threading.Event(), list[str]()

    def step(name: str) -> Step:
        def run(ctx: JobContext) -> None:
            order.append(name)
            while not gate.is_set():
                ctx.sleep(0.005)

        return run

    start(jobs, ends, step("first"), "first")
    start(jobs, ends, step("second"), "second")
    start(jobs, ends, step("other"), "other", key="another journal")
    qtbot.waitUntil(lambda: set(order) == {"first", "other"})
    assert [(view.title, view.running) for view in jobs.views()] == [("first", True), ("other", True), ("second", False)]
    gate.set()
    qtbot.waitUntil(lambda: jobs.idle)
    assert order[-1] == "second"
    assert ends.kinds == [OutcomeKind.DONE] * 3


def test_cancel_ends_a_running_job_and_takes_a_waiting_one_out(qtbot: QtBot, jobs: Jobs) -> None:
    ends = Ends()
    running, waiting = start(jobs, ends, forever, "running"), start(jobs, ends, forever, "waiting")
    jobs.cancel(waiting)
    assert [title for title, _ in ends.outcomes] == ["waiting"]
    jobs.cancel(running)
    assert jobs.views()[0].cancelling
    qtbot.waitUntil(lambda: jobs.idle)
    assert ends.kinds == [OutcomeKind.CANCELLED] * 2


def test_what_cannot_be_cancelled_comes_to_its_end(qtbot: QtBot, jobs: Jobs) -> None:
    ends, gate = Ends(), threading.Event()
    number = start(jobs, ends, lambda _: gate.wait(5), cancellable=False)
    jobs.cancel(number)
    assert not jobs.views()[0].cancelling
    gate.set()
    qtbot.waitUntil(lambda: jobs.idle)
    assert ends.kinds == [OutcomeKind.DONE]


def test_progress_is_pulled_and_pause_holds_it(qtbot: QtBot, jobs: Jobs) -> None:
    seen: list[JobProgress] = []
    jobs.progressed.connect(seen.append)
    number = start(jobs, Ends(), forever)
    qtbot.waitUntil(lambda: len(seen) >= 3)
    assert seen[-1].snapshot.total.files > seen[0].snapshot.total.files
    assert seen[-1].snapshot.phase == "forever"
    jobs.pause(number)
    assert jobs.views()[0].paused
    held = len(seen)
    qtbot.waitUntil(lambda: len(seen) >= held + 3 and len({one.snapshot.total.files for one in seen[-3:]}) == 1)
    held = len(seen) - 1
    jobs.resume(number)
    qtbot.waitUntil(lambda: seen[-1].snapshot.total.files > seen[held].snapshot.total.files)
    jobs.limit.set(1_000_000)
    qtbot.waitUntil(lambda: seen[-1].snapshot.limit == "1 MB/s")


def test_errors_and_faults_are_outcomes(qtbot: QtBot, jobs: Jobs) -> None:
    ends = Ends()

    def refuse(_: JobContext) -> None:
        raise UsageError("No.", remedy="Yes.")

    def break_(_: JobContext) -> None:
        raise RuntimeError("sas_token = 'verysecret'")

    start(jobs, ends, refuse)
    start(jobs, ends, break_)
    qtbot.waitUntil(lambda: jobs.idle)
    assert ends.kinds == [OutcomeKind.FAILED, OutcomeKind.CRASHED]
    report = ends.outcomes[1][1].report
    assert "RuntimeError" in report
    assert "verysecret" not in report.splitlines()[-1]


def test_threads_are_gone_afterwards(qtbot: QtBot, jobs: Jobs) -> None:
    ends = Ends()
    for number in range(30):
        start(jobs, ends, lambda _: None, key=f"journal {number % 3}")
    qtbot.waitUntil(lambda: jobs.idle)
    assert len(ends.outcomes) == 30
    qtbot.waitUntil(lambda: not jobs.findChildren(QThread))


def test_a_reader_answers_in_order_on_its_own_thread(qtbot: QtBot, reader: Reader) -> None:
    owner, got = QObject(), list[Any]()
    for number in range(5):
        reader.ask(owner, lambda _, number=number: number, lambda outcome: got.append(outcome.value))
    qtbot.waitUntil(lambda: len(got) == 5)
    assert got == list(range(5))


def test_a_reader_drops_what_is_stale_and_what_nobody_waits_for(qtbot: QtBot, reader: Reader) -> None:
    gate, got = threading.Event(), list[object]()
    owner, gone = QObject(), QObject()

    def keep(outcome: Outcome[Any]) -> None:
        got.append(outcome.value)

    reader.ask(owner, lambda _: gate.wait(5) and "old", keep, channel="rows")
    reader.ask(gone, lambda _: "for nobody", keep)
    reader.ask(owner, lambda _: "forgotten", keep, channel="other")
    reader.forget(owner)
    reader.ask(owner, lambda _: "stale", keep, channel="rows")
    reader.ask(owner, lambda _: "new", keep, channel="rows")
    del gone
    gate.set()
    qtbot.waitUntil(lambda: bool(got))
    reader.ask(owner, lambda _: "last", keep)
    qtbot.waitUntil(lambda: "last" in got)
    assert got == ["new", "last"]


def test_a_readers_fault_is_told(qtbot: QtBot, reader: Reader) -> None:
    owner, got = QObject(), list[OutcomeKind]()
    with qtbot.waitSignal(reader.crashed) as told:
        reader.ask(owner, lambda _: 1 / 0, lambda outcome: got.append(outcome.kind))
    assert "ZeroDivisionError" in str(told.args)
    qtbot.waitUntil(lambda: got == [OutcomeKind.CRASHED])
