"""What happens when all jobs have ended: only what was chosen, once, after a minute in which it can be cancelled.  No test really sleeps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot
from uiworld import settle

from chorus_gui.app.sleep import Way
from chorus_gui.core.errors import ComputerError
from chorus_gui.core.job import JobContext
from chorus_gui.ui import intents
from chorus_gui.ui.dialogs.afterwards import ASLEEP_S, SECONDS, AfterwardsDialog
from chorus_gui.ui.job_intents import ChooseAfterwards
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import Afterwards, JobKind
from chorus_gui.ui.widgets.dialogs import ConfirmDialog

CLOSE, SLEEP, NOTHING = Afterwards.CLOSE, Afterwards.SLEEP, Afterwards.NOTHING


class Gate:
    """A step that ends when it is told to."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.error: Exception | None = None

    def __call__(self, ctx: JobContext) -> None:
        while not self.open.wait(0.01):
            ctx.checkpoint()
        if self.error is not None:
            raise self.error


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[Way]:
    """How often the computer was put to sleep."""
    done: list[Way] = []
    monkeypatch.setattr("chorus_gui.app.sleep.way", lambda: Way.SYSTEMD)
    monkeypatch.setattr("chorus_gui.app.sleep.fall_asleep", done.append)
    return done


@pytest.fixture
def window(qtbot: QtBot, slept: list[Way], opened: Session) -> Iterator[MainWindow]:
    made = MainWindow(opened)
    qtbot.addWidget(made)
    made.show()
    yield made
    made.stopped = True  # the fixture of the session stops it


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.open.set()


def begin(qtbot: QtBot, window: MainWindow, gate: Gate, what: Afterwards, kind: JobKind = JobKind.VERIFY) -> None:
    window.session.start(kind, "A job", gate)
    qtbot.waitUntil(lambda: window.state.after.can_sleep, timeout=20_000)
    window.do(ChooseAfterwards(what))


def end(qtbot: QtBot, window: MainWindow, gate: Gate) -> None:
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        gate.open.set()
    settle(qtbot, window.session)


def shown(window: MainWindow) -> list[AfterwardsDialog]:
    return [one for one in window.findChildren(AfterwardsDialog) if one.isVisible()]


def counting(qtbot: QtBot, window: MainWindow) -> AfterwardsDialog:
    """The dialog, whose clock is stopped: a test says when a second has passed."""
    qtbot.waitUntil(lambda: len(shown(window)) == 1, timeout=20_000)
    (found,) = shown(window)
    found._timer.stop()
    found._left, found._seen = SECONDS, found._clock()
    return found


def count_down(dialog: AfterwardsDialog, seconds: int = SECONDS) -> None:
    for _ in range(seconds):
        dialog._seen = dialog._clock()
        dialog.tick()


def test_nothing_is_the_default_and_nothing_happens(qtbot: QtBot, window: MainWindow, gate: Gate, slept: list[Way]) -> None:
    begin(qtbot, window, gate, NOTHING)
    assert window.job.after.isVisible()
    assert "do nothing" in window.job.after.accessibleName()
    end(qtbot, window, gate)
    assert not shown(window)
    assert slept == []
    assert not window.job.after.isVisible()


def test_the_computer_sleeps_after_a_minute_and_only_once(qtbot: QtBot, window: MainWindow, gate: Gate, slept: list[Way]) -> None:
    begin(qtbot, window, gate, SLEEP)
    assert "sleep" in window.job.after.accessibleName()
    end(qtbot, window, gate)
    dialog = counting(qtbot, window)
    assert window.state.after.chosen is NOTHING, "it is for these jobs alone"
    assert "60 seconds" in dialog.text.text()
    count_down(dialog, SECONDS - 1)
    assert "1 second." in dialog.text.text()
    assert slept == []
    count_down(dialog, 1)
    qtbot.waitUntil(lambda: slept == [Way.SYSTEMD], timeout=20_000)
    settle(qtbot, window.session)
    assert window.isVisible()
    assert window.state.last is not None, "the result is there when it wakes"
    again = Gate()
    window.session.start(JobKind.VERIFY, "Another job", again)
    end(qtbot, window, again)
    assert not shown(window)


@pytest.mark.parametrize("cancel", ["button", "Esc", "Enter"])
def test_it_can_be_cancelled(cancel: str, qtbot: QtBot, window: MainWindow, gate: Gate, slept: list[Way]) -> None:
    begin(qtbot, window, gate, SLEEP)
    end(qtbot, window, gate)
    dialog = counting(qtbot, window)
    if cancel == "button":
        qtbot.mouseClick(dialog.cancel, Qt.MouseButton.LeftButton)
    else:
        qtbot.keyClick(dialog, Qt.Key.Key_Escape if cancel == "Esc" else Qt.Key.Key_Return)
    assert not shown(window)
    settle(qtbot, window.session)
    assert slept == []


def test_it_sleeps_after_an_error_too_and_stays_open_when_it_should_close(
    qtbot: QtBot, window: MainWindow, gate: Gate, slept: list[Way]
) -> None:
    gate.error = ComputerError("The disk is full.", remedy="Free space.")
    begin(qtbot, window, gate, SLEEP)
    end(qtbot, window, gate)
    count_down(counting(qtbot, window))
    qtbot.waitUntil(lambda: len(slept) == 1, timeout=20_000)
    assert window.state.last is not None
    assert "disk is full" in window.state.last.text
    failing = Gate()
    failing.error = gate.error
    begin(qtbot, window, failing, CLOSE)
    end(qtbot, window, failing)
    assert not shown(window)
    assert "stays open" in window.state.messages[-1].text
    assert window.isVisible()


def test_a_person_who_stops_a_job_is_there(qtbot: QtBot, window: MainWindow, gate: Gate, slept: list[Way]) -> None:
    begin(qtbot, window, gate, SLEEP)
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        window.do(intents.CancelJob())
    settle(qtbot, window.session)
    assert not shown(window)
    assert window.state.after.chosen is NOTHING
    assert slept == []


def test_it_waits_for_every_job(qtbot: QtBot, window: MainWindow, gate: Gate, slept: list[Way]) -> None:
    begin(qtbot, window, gate, SLEEP)
    second, third = Gate(), Gate()
    window.session.start(JobKind.CHECK_IN, "Check in", second)
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        gate.open.set()
    assert not shown(window)
    assert window.state.after.chosen is SLEEP
    end(qtbot, window, second)
    dialog = counting(qtbot, window)
    window.session.start(JobKind.SCAN, "Scan", third)  # somebody began it meanwhile
    count_down(dialog, 1)
    assert not shown(window)
    assert window.state.after.chosen is SLEEP, "it comes when that job has ended"
    end(qtbot, window, third)
    count_down(counting(qtbot, window))
    qtbot.waitUntil(lambda: len(slept) == 1, timeout=20_000)


def test_the_evening_does_not_come_in_the_morning(qtbot: QtBot, window: MainWindow, gate: Gate, slept: list[Way]) -> None:
    """Somebody closed the lid while it counted: after the night it must not count to its end."""
    begin(qtbot, window, gate, SLEEP)
    end(qtbot, window, gate)
    dialog = counting(qtbot, window)
    dialog._seen = dialog._clock() - ASLEEP_S - 1
    dialog.tick()
    assert not shown(window)
    settle(qtbot, window.session)
    assert slept == []


def test_a_refusal_is_shown(qtbot: QtBot, window: MainWindow, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Way) -> None:
        raise ComputerError("The computer did not go to sleep: inhibited.", remedy="Put it to sleep yourself.")

    monkeypatch.setattr("chorus_gui.app.sleep.fall_asleep", refused)
    begin(qtbot, window, gate, SLEEP)
    end(qtbot, window, gate)
    qtbot.mouseClick(counting(qtbot, window).now, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.state.last is not None and "inhibited" in window.state.last.text, timeout=20_000)


def closes(window: MainWindow) -> list[bool]:
    """When the window begins to close; it does not."""
    found: list[bool] = []
    window._stop = lambda: found.append(True)  # type: ignore[method-assign]
    return found


def test_the_program_closes_by_the_rules_of_the_window(qtbot: QtBot, window: MainWindow, gate: Gate) -> None:
    closed = closes(window)
    begin(qtbot, window, gate, CLOSE)
    end(qtbot, window, gate)
    dialog = counting(qtbot, window)
    window._unsaved.add("Configuration")
    count_down(dialog)
    (box,) = (one for one in window.findChildren(ConfirmDialog) if one.isVisible())
    assert box.objectName() == "close_question", "it asks, and the window stays"
    assert any("not saved" in text.text() for text in box.findChildren(QLabel))
    assert closed == []
    box.reject()
    window._unsaved.clear()
    window.close_afterwards()
    assert closed == [True]


@pytest.mark.parametrize("works", [True, False])
def test_the_journal_is_checked_in_before_the_program_closes(
    works: bool, qtbot: QtBot, window: MainWindow, gate: Gate, monkeypatch: Any
) -> None:
    closed, asked = closes(window), list[intents.Intent]()
    begin(qtbot, window, gate, CLOSE)
    end(qtbot, window, gate)
    counting(qtbot, window).reject()
    window.session.update(custody=replace(window.state.custody, can_check_in=True))
    window.asking._show_afterwards(CLOSE)
    dialog = counting(qtbot, window)
    real: Callable[[intents.Intent], None] = window.do
    monkeypatch.setattr(window, "do", asked.append)
    count_down(dialog)
    assert asked == [intents.CheckIn()]
    assert closed == []
    monkeypatch.setattr(window, "do", real)
    check_in = Gate()
    check_in.error = None if works else ComputerError("No network.")
    window.session.start(JobKind.CHECK_IN, "Check in", check_in)
    end(qtbot, window, check_in)
    assert closed == ([True] if works else []), "if it cannot be checked in, the window stays and says why"


def test_a_computer_that_cannot_sleep_does_not_offer_it(
    qtbot: QtBot, window: MainWindow, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(qtbot, window, gate, NOTHING)
    both = (window.job.after.choices, window.menus._after)
    assert all(made[SLEEP].isVisible() for made in both)
    window.session.update(after=replace(window.state.after, can_sleep=False))
    assert not any(made[SLEEP].isVisible() for made in both)
    window.menus._after[CLOSE].trigger()
    assert window.state.after.chosen is CLOSE
    assert all(made[CLOSE].isChecked() for made in both)
    window.do(ChooseAfterwards(NOTHING))
    end(qtbot, window, gate)
    assert not window.menus._after[CLOSE].isEnabled(), "without a job there is nothing to wait for"


def test_whoever_closes_the_program_ends_the_choice(qtbot: QtBot, opened: Session, gate: Gate) -> None:
    """A job that cannot be cancelled ends while the program closes."""
    due: list[object] = []
    opened.after.due.connect(due.append)
    opened.start(JobKind.UPLOAD, "A job", gate, cancellable=False)
    opened.do(ChooseAfterwards(SLEEP))
    opened.stop()
    with qtbot.waitSignal(opened.stopped, timeout=20_000):
        gate.open.set()
    qtbot.wait(0)
    assert due == []


def test_another_site_does_not_change_the_choice(qtbot: QtBot, window: MainWindow, gate: Gate) -> None:
    begin(qtbot, window, gate, SLEEP)
    window.do(intents.CloseConfig())
    assert window.state.after.chosen is SLEEP
    window.do(intents.CancelJob())
    qtbot.waitUntil(lambda: window.state.after.chosen is NOTHING, timeout=20_000)


def test_what_is_chosen_too_late_counts_for_no_later_job(qtbot: QtBot, window: MainWindow, gate: Gate, slept: list[Way]) -> None:
    """The menu can still be open when the job has ended."""
    begin(qtbot, window, gate, NOTHING)
    end(qtbot, window, gate)
    window.do(ChooseAfterwards(SLEEP))
    assert window.state.after.chosen is NOTHING
    later = Gate()
    later.open.set()
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        window.session.start(JobKind.VERIFY, "A later job", later)
    settle(qtbot, window.session)
    assert not shown(window)
    assert slept == []


def test_the_program_stays_open_if_another_site_was_opened(qtbot: QtBot, window: MainWindow, gate: Gate) -> None:
    """The journal of the first one would stay checked out, and nobody would be asked."""
    closed = closes(window)
    begin(qtbot, window, gate, CLOSE)
    window.do(intents.CloseConfig())
    end(qtbot, window, gate)
    assert window.state.after.chosen is NOTHING
    assert not shown(window)
    assert closed == []
