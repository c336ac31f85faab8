"""While threads work, nothing of the interpreter keeps the window from answering for long, and a state is drawn once."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from chorus_gui.ui.answering import LATEST_S, NEVER, Answering
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import JobKind, SessionState


class Knot:
    """Garbage that only a collection removes."""

    def __init__(self) -> None:
        self.self = self


@pytest.fixture
def idle() -> Iterator[list[bool]]:
    """What the program says about its jobs; afterwards the interpreter is as it was."""
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    yield [True]
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)
    gc.unfreeze()


def old_knot() -> weakref.ref[Knot]:
    """Garbage that has survived the collections of young objects."""
    knot = Knot()
    gc.collect(1)
    return weakref.ref(knot)


def test_a_thread_that_makes_many_objects_causes_no_collection_of_everything(qtbot: QtBot, idle: list[bool]) -> None:
    made = Answering(lambda: idle[0])
    collected: list[int] = []
    note = lambda phase, info: collected.append(info["generation"]) if phase == "start" else None  # noqa: E731
    gc.callbacks.append(note)
    kept = [[number] for number in range(200_000)]
    gc.callbacks.remove(note)
    assert len(kept) == 200_000
    assert set(collected) == {0, 1}
    assert gc.get_threshold()[2] == NEVER
    assert sys.getswitchinterval() < 0.001
    made.deleteLater()


def test_all_garbage_is_collected_when_nothing_works_or_after_a_long_time(
    qtbot: QtBot, idle: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("chorus_gui.ui.answering.time.monotonic", lambda: now[0])
    made, knot = Answering(lambda: idle[0]), old_knot()
    idle[0] = False
    made.look()
    assert knot() is not None, "a job works"
    idle[0] = True
    made.look()
    assert knot() is None
    idle[0], knot = False, old_knot()
    now[0] += LATEST_S + 1
    made.look()
    assert knot() is None, "jobs worked for a long time"
    made.deleteLater()


def test_answers_that_arrive_together_are_drawn_together(qtbot: QtBot, opened: Session) -> None:
    drawn: list[SessionState] = []
    opened.changed.connect(drawn.append)
    opened._seen(opened._looks, receipts=(), loading=True)
    opened._seen(opened._looks, complete={"v1": None}, loading=False)
    opened._seen(opened._looks - 1, complete={})
    with qtbot.waitSignal(opened.changed):
        pass
    assert [(state.complete, state.loading) for state in drawn] == [({"v1": None}, False)]


def test_the_begin_and_the_end_of_a_job_are_drawn_a_few_times(qtbot: QtBot, opened: Session) -> None:
    drawn: list[SessionState] = []
    opened.changed.connect(drawn.append)
    with qtbot.waitSignal(opened.ended):
        opened.ended.connect(lambda _: drawn.append(opened.state))
        opened.start(JobKind.EXPORT, "A job", lambda _: None, lambda _: "It is done.")
    begun = [state for state in drawn if state.jobs]
    assert len(begun) == 2, "it runs; the log says so"
    assert len(drawn) == 4, "it ended, with a line in the log, before others hear of it"
    assert drawn[2] is drawn[3]
    assert (drawn[2].jobs, drawn[2].messages[-1].text) == ((), "A job: It is done.")
    assert drawn[2].last is None or drawn[2].last.text == "It is done."
