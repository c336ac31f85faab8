"""The foot of the window: it covers no page of the rail and little of a page, nothing of it is cut off, and a screen reader says what is new."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from layoutfaults import settled
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QAccessibleEvent, QFont, QMouseEvent
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from uiworld import a_window

from chorus_gui.core.job import Count, OutcomeKind, Snapshot
from chorus_gui.core.waiting import Waiting, Why
from chorus_gui.ui import theme
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import JobEnd, JobKind, JobProgress, JobView
from chorus_gui.ui.widgets.footer import LINES, PART
from chorus_gui.ui.widgets.waiting import WaitBar

SHORT = JobEnd(1, JobKind.SAVE, "Save", OutcomeKind.FAILED, "The file could not be saved.", "Try again.")
LONG = replace(SHORT, text="The file could not be saved because another program has it open. " * 15)
SINCE = datetime(2026, 11, 29, 12, 0).astimezone()
WAITS = Waiting("The central store", Why.NAME, SINCE, SINCE + timedelta(minutes=15))
SIZES = ((900, 440), (1024, 600), (1366, 800))
SCALES = (1, 2)
"""of the letters: Windows and macOS can make text twice as large"""
Says = list[QAccessibleEvent]


@pytest.fixture
def letters(qapp: QApplication) -> Iterator[Callable[[int], None]]:
    """Makes all letters larger; afterwards they are as before."""
    before = QFont(qapp.font())

    def enlarge(scale: int) -> None:
        font = QFont(before)
        font.setPointSizeF(before.pointSizeF() * scale)
        qapp.setFont(font)
        theme.apply(qapp, theme.LIGHT)

    yield enlarge
    qapp.setFont(before)
    theme.apply(qapp, theme.LIGHT)


@pytest.fixture
def window(qtbot: QtBot, letters: object, opened: Session) -> Iterator[MainWindow]:
    with a_window(qtbot, opened) as window:
        yield window


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Says:
    """What the program wants a screen reader to know."""
    events: Says = []
    monkeypatch.setattr(QAccessible, "updateAccessibility", staticmethod(events.append))
    return events


def show(window: MainWindow, *, job: str = "", waits: bool = False, end: JobEnd | None = None) -> None:
    """A job that runs and waits, and how another one ended."""
    jobs = tuple(
        JobView(number, JobKind.UPLOAD, job, "elsewhere", running=not number, cancellable=True) for number in range(3 if job else 0)
    )
    window.session.update(jobs=jobs, last=end)
    if jobs:
        counts = {"Images": Count(1204, 4_000_000, 0, 5000, 40_000_000)}
        window.session.progressed.emit(JobProgress(jobs[0], Snapshot("upload", counts, waiting=WAITS if waits else None)))
    settled(window)


def place(window: MainWindow, one: QWidget) -> QRect:
    return QRect(one.mapTo(window, QPoint(0, 0)), one.size())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", SCALES)
def test_it_covers_no_page_of_the_rail_and_at_most_a_third(
    window: MainWindow, letters: Callable[[int], None], size: tuple[int, int], scale: int
) -> None:
    letters(scale)
    window.resize(*size)
    show(window, job="Upload", waits=True, end=LONG)
    over = window.footer._over.geometry()
    assert window.notice.isVisible()
    assert window.waiting.isVisible()
    assert window.rect().contains(over)
    assert not [name for name, one in window.rail._buttons.items() if over.intersects(place(window, one))]
    least = window.job.height() + (LINES + 1) * window.fontMetrics().lineSpacing()
    assert over.height() <= max(window.height() // PART, least)
    assert over.contains(place(window, window.job)), "the running job is always there"


def test_the_arrow_keys_scroll_a_message_that_is_too_long(qtbot: QtBot, window: MainWindow) -> None:
    window.resize(900, 440)
    scroll = window.footer._scroll
    show(window, end=SHORT)
    assert scroll.focusPolicy() is Qt.FocusPolicy.NoFocus, "nothing to scroll"
    show(window, job="Upload", waits=True, end=LONG)
    assert scroll.focusPolicy() is Qt.FocusPolicy.StrongFocus
    assert scroll.accessibleName()
    assert scroll.verticalScrollBar().maximum() > 0
    scroll.setFocus(Qt.FocusReason.TabFocusReason)
    for _ in range(50):
        qtbot.keyClick(scroll, Qt.Key.Key_Down)
    settled(window)
    assert window.footer._over.geometry().contains(place(window, window.waiting))
    show(window, job="Upload", waits=True, end=replace(LONG, id=2))
    show(window, job="Upload", waits=True)
    show(window, job="Upload", waits=True, end=LONG)
    assert scroll.verticalScrollBar().value() == window.notice.y(), "what is new is seen first"


@pytest.mark.parametrize("scale", SCALES)
def test_no_button_of_the_job_is_cut_off(window: MainWindow, letters: Callable[[int], None], scale: int) -> None:
    letters(scale)
    window.resize(900, 440)
    title = "Upload pending files of version 20261129120000 of the site Riverside Children's Hospital, part 2"
    for name in (title, "Scan"):
        show(window, job=name, waits=True, end=LONG)
        shown = [one for one in window.job.findChildren(QPushButton) if one.isVisible()]
        assert {"Pause", "Cancel", "Then: nothing"} <= {one.text() for one in shown}
        for one in shown:
            assert one.width() >= one.sizeHint().width(), one.text()
            assert window.footer._over.geometry().contains(place(window, one)), one.text()
        assert window.job._title.toolTip() == window.job._title.accessibleName() == name
        assert window.job._title.text(), name


def move_mouse(window: MainWindow) -> None:
    handle, at = window.windowHandle(), QPointF(500, 400)
    none, left = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(handle, QMouseEvent(QEvent.Type.MouseMove, at, at, none, none, left))


def test_the_end_of_the_page_is_shown_when_the_mouse_rests(qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the focus is already there, and for people who use only the mouse; and nothing stays empty afterwards."""
    window.resize(1366, 800)
    window.show_page("review")
    show(window)
    whole = window.stack.height()
    monkeypatch.setattr("chorus_gui.ui.widgets.steady.STILL_MS", 60_000)
    monkeypatch.setattr("chorus_gui.ui.widgets.steady.MOST_MS", 60_000)
    move_mouse(window)
    show(window, job="Upload", waits=True, end=SHORT)
    assert window.footer.extra > 0
    assert window.stack.height() == whole, "not while somebody may be about to select something"
    monkeypatch.setattr("chorus_gui.ui.widgets.steady.STILL_MS", 0)
    qtbot.waitUntil(lambda: window.stack.height() == whole - window.footer.extra, timeout=5_000)
    page = window.stack.currentWidget()
    assert page is not None
    assert not window.footer.covers(page)
    show(window)
    assert window.footer.extra == 0
    qtbot.waitUntil(lambda: window.stack.height() == whole, timeout=5_000)


def texts(said: Says) -> list[str]:
    """What is said; nothing may make a sound only."""
    assert not [event for event in said if event.type() is QAccessible.Event.Alert]
    return [event.message() for event in said if isinstance(event, QAccessibleAnnouncementEvent)]


def test_a_message_is_said_once(window: MainWindow, said: Says) -> None:
    window.session.update(last=SHORT)
    assert texts(said) == ["Save: The file could not be saved. Try again."]
    window.session.update(last=SHORT)
    assert len(texts(said)) == 1
    window.session.update(last=None)
    assert len(texts(said)) == 1


def test_what_a_job_waits_for_is_said_when_it_changes_but_not_with_each_time(qtbot: QtBot, said: Says) -> None:
    bar = WaitBar()
    qtbot.addWidget(bar)
    bar.show_waiting(WAITS)
    assert len(texts(said)) == 1
    for second in range(5):
        bar.show_waiting(replace(WAITS, until=SINCE + timedelta(seconds=second), again=SINCE if second % 2 else None))
    assert len(texts(said)) == 1
    bar.show_waiting(replace(WAITS, why=Why.REFUSED))
    bar.show_waiting(replace(WAITS, why=Why.REFUSED, ends=False))
    assert [text.split(". ")[1] for text in texts(said)[1:]] == ["The connection is refused", "The connection is refused"]
    bar.show_waiting(None)
    for days in (3, 2):
        bar.show_waiting(None, f"The token expires in {days} hours.")
    assert texts(said)[3:] == ["The token expires in 3 hours."]
