"""The computer is kept awake while a job works, and however the job ends it may sleep again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from chorus_gui.app.awake import awake, system
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.ui.jobs import Job, Jobs
from chorus_gui.ui.state import JobKind


class Inhibitor:
    """What a desktop would do; every wish is remembered with the thread it came from."""

    def __init__(self) -> None:
        self.held = 0
        self.wishes: list[int] = []

    @contextmanager
    def __call__(self) -> Generator[None]:
        self.held += 1
        self.wishes.append(threading.get_ident())
        try:
            yield
        finally:
            assert threading.get_ident() == self.wishes[-1]
            self.held -= 1


def finish(qtbot: QtBot, jobs: Jobs, kind: JobKind, step: Any) -> Outcome[Any]:
    ends: list[Outcome[Any]] = []

    def then(_: Job, outcome: Outcome[Any]) -> None:
        ends.append(outcome)

    jobs.start(kind, "a job", "key", step, then)
    qtbot.waitUntil(lambda: bool(ends), timeout=10_000)
    return ends[0]


@pytest.mark.parametrize("end", [None, ValueError("ours")])
def test_a_job_keeps_the_computer_awake_until_it_ends(qtbot: QtBot, end: Exception | None) -> None:
    inhibitor = Inhibitor()
    jobs = Jobs(stay_awake=inhibitor)
    seen: list[int] = []

    def step(_: JobContext) -> None:
        seen.append(inhibitor.held)
        assert inhibitor.wishes == [threading.get_ident()]
        if end is not None:
            raise end

    outcome = finish(qtbot, jobs, JobKind.UPLOAD, step)
    assert outcome.kind is (OutcomeKind.CRASHED if end else OutcomeKind.DONE)
    assert seen == [1]
    assert inhibitor.held == 0


def test_a_moment_needs_no_wish(qtbot: QtBot) -> None:
    inhibitor = Inhibitor()
    assert finish(qtbot, Jobs(stay_awake=inhibitor), JobKind.HOLD, lambda _: None).kind is OutcomeKind.DONE
    assert inhibitor.wishes == []


def test_a_desktop_that_refuses_stops_nothing(qtbot: QtBot, caplog: pytest.LogCaptureFixture) -> None:
    def refuse() -> AbstractContextManager[Any]:
        raise OSError("no bus")

    with caplog.at_level(logging.INFO, "chorus"):
        assert finish(qtbot, Jobs(stay_awake=refuse), JobKind.SCAN, lambda _: 5).value == 5
    assert "could not keep the computer awake during this job: no bus" in caplog.text


def test_letting_go_may_fail_too(caplog: pytest.LogCaptureFixture) -> None:
    @contextmanager
    def stuck() -> Generator[None]:
        yield
        raise OSError("the bus is gone")

    with caplog.at_level(logging.INFO, "chorus"), awake(stuck):
        pass
    assert "the bus is gone" in caplog.text


def test_what_goes_wrong_inside_is_not_swallowed() -> None:
    with pytest.raises(KeyError), awake(Inhibitor()):
        raise KeyError("ours")


def test_the_real_one_without_a_desktop(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv("WAKEPY_FAKE_SUCCESS")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus")
    done: list[bool] = []
    with caplog.at_level(logging.INFO, "chorus"), awake(system):
        done.append(True)
    assert done == [True]


def test_the_real_one_says_so_when_it_works(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "chorus"), system() as mode:
        assert mode.active
    assert "sleep" not in caplog.text
