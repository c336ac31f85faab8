"""Nothing that a person is about to select moves because of something that they did not do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from layoutfaults import settled
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QApplication, QComboBox, QFrame, QLabel, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from uiworld import a_window, run_job, settle
from world import World

from chorus_gui.app.custody import State as Custody
from chorus_gui.core.job import Count, OutcomeKind, Snapshot
from chorus_gui.core.model import Grade
from chorus_gui.core.waiting import Waiting, Why
from chorus_gui.ui import intents
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import JobEnd, JobKind, JobProgress, JobView, SessionState
from chorus_gui.ui.widgets.basics import column
from chorus_gui.ui.widgets.steady import Steady

SHORT = JobEnd(1, JobKind.SAVE, "Save", OutcomeKind.FAILED, "The file could not be saved.", "Try again.")
LONG = replace(SHORT, text="The file could not be saved because another program has it open. " * 5)
ENDLESS = replace(SHORT, text=LONG.text * 3)
WAITS = Waiting("The central store", Why.NAME, datetime(2026, 11, 29, 12, 0).astimezone(), datetime(2026, 11, 29, 12, 15).astimezone())
SIZES = ((1093, 534), (1024, 700), (1366, 768), (1700, 900))


@pytest.fixture
def window(qtbot: QtBot, opened: Session) -> Iterator[MainWindow]:
    with a_window(qtbot, opened) as window:
        yield window


def places(window: MainWindow) -> dict[QWidget, QRect]:
    """Where everything is that a person can select: on the page, in the rail and in the top bar."""
    settled(window)
    return {
        one: QRect(one.mapTo(window, QPoint(0, 0)), one.size())
        for part in (window.rail, window.top, window.stack)
        for kind in (QAbstractButton, QComboBox, QLineEdit, QAbstractItemView)
        for one in part.findChildren(kind)
        if one.isVisible() and "qt_" not in one.objectName()
    }


def moved(window: MainWindow, before: dict[QWidget, QRect]) -> list[str]:
    """What is no longer where a person aimed at: in its middle, or for a table at its first line."""
    now = places(window)
    same = lambda one, at: now[one].y() == at.y() if isinstance(one, QAbstractItemView) else now[one].contains(at.center())  # noqa: E731
    return [
        f"{type(one).__name__} “{one.accessibleName()}”: {at} → {now[one]}"
        for one, at in before.items()
        if one in now and not same(one, at)
    ]


def show_job(session: Session, *, queue: int = 0) -> JobView:
    """A job that runs, as the session shows it; what the pages offer meanwhile is theirs."""
    jobs = tuple(JobView(number, JobKind.TEST, "Test connection", "elsewhere", running=not number) for number in range(queue + 1))
    session.update(jobs=jobs)
    return jobs[0]


def move_mouse(window: MainWindow) -> None:
    handle = window.windowHandle()
    at = QPointF(500, 400)
    none, left = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(handle, QMouseEvent(QEvent.Type.MouseMove, at, at, none, none, left))


@pytest.fixture
def moving(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mouse is on its way to something, until the end of the test."""
    for limit in ("STILL_MS", "MOST_MS"):
        monkeypatch.setattr(f"chorus_gui.ui.widgets.steady.{limit}", 60_000)
    move_mouse(window)


@pytest.mark.usefixtures("moving")
@pytest.mark.parametrize("size", SIZES)
def test_nothing_moves_when_a_job_begins_waits_or_ends(qtbot: QtBot, window: MainWindow, size: tuple[int, int]) -> None:
    session = window.session
    window.resize(*size)
    for name, _, _ in window.named_pages():
        window.show_page(name)
        settled(window)
        before = places(window)
        for end in (SHORT, LONG, None):
            session.update(last=end)
            assert not moved(window, before), (name, end)
        job = show_job(session, queue=2)
        assert not moved(window, before), (name, "a job")
        session.progressed.emit(JobProgress(job, Snapshot("verify", {"Images": Count(1, 4, 10, 40)}, waiting=WAITS)))
        assert window.waiting.isVisible()
        assert not moved(window, before), (name, "it waits")
        session.update(last=LONG)
        assert window.notice.isVisible()
        assert window.job.isVisible()
        assert not moved(window, before), (name, "all of them")
        session.update(jobs=(), last=None)
        assert not moved(window, before), (name, "none of them")


def stuck(session: Session) -> SessionState:
    """Somebody else has the journal: facts of the top bar and the card of the Overview page change."""
    words = "Checked out by a.colleague on workstation-17.hospital.example since 27 Nov 2026 15:01"
    custody = replace(session.state.custody, state=Custody.LOCKED, text=words, detail=words, grade=Grade.WARNING)
    review = replace(session.state.review, stale="The site changed since the last scan.") if session.state.review else None
    credential = replace(session.state.credential, text="SAS token expires in 47 hours, on 29 Nov 2026")
    return replace(session.state, custody=custody, credential=credential, review=review)


@pytest.mark.parametrize("size", SIZES)
def test_what_a_page_says_by_itself_waits_for_the_mouse(
    qtbot: QtBot, window: MainWindow, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that the mouse could be on its way to moves; when it rests, or after some seconds, everything is shown."""
    session = window.session
    run_job(qtbot, session, intents.Scan())
    session.update(last=None)
    monkeypatch.setattr("chorus_gui.ui.widgets.steady.STILL_MS", 300)
    window.resize(*size)
    for name in ("review", "log", "readiness"):
        window.show_page(name)
        settled(window)
        first = session.state
        before = {one: at for one, at in places(window).items() if one.parent() is not window.top._facts}
        move_mouse(window)
        later = stuck(session)
        session.update(custody=later.custody, credential=later.credential, review=later.review)
        assert not moved(window, before), name
        qtbot.waitUntil(lambda: not window.top._steady.waits, timeout=5_000)
        settled(window)
        assert "a.colleague" in window.top.journal.text()
        if name == "review":
            frames = window.stack.currentWidget().findChildren(QFrame)  # the page has a timer of its own
            qtbot.waitUntil(lambda: any("changed since" in one.accessibleName() for one in frames if one.isVisible()), timeout=5_000)  # noqa: B023
        session.update(custody=first.custody, credential=first.credential, review=first.review)
        qtbot.waitUntil(lambda: not window.top._steady.waits, timeout=5_000)


def test_a_row_waits_for_a_mouse_that_never_rests_only_some_seconds(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chorus_gui.ui.widgets.steady.MOST_MS", 300)
    window, line = QWidget(), QLabel("A warning")
    qtbot.addWidget(window)
    window.setLayout(column(line, QPushButton("Approve")))
    window.show()
    qtbot.waitExposed(window)
    steady, done = Steady(line), list[int]()
    steady.soon(lambda: done.append(1))
    assert done == [1], "the mouse rests"
    steady._last.start()
    steady.soon(lambda: done.append(2))
    steady.soon(lambda: done.append(3))
    assert done == [1]

    def still_moving() -> bool:
        steady._last.start()
        return done == [1, 3]

    qtbot.waitUntil(still_moving, timeout=3_000)
    steady._last.start()
    steady.soon(lambda: done.append(4))
    steady.now(lambda: done.append(5))
    assert done == [1, 3, 5]
    assert not steady.waits
    window.hide()
    steady.soon(lambda: done.append(6))
    assert done[-1] == 6, "nobody sees it"


def test_a_message_is_seen_at_once_and_covers_nothing_of_its_own(qtbot: QtBot, window: MainWindow) -> None:
    """All of it can be read, whatever runs, and no row covers another one."""
    session = window.session
    window.resize(1024, 700)
    job = show_job(session)
    session.progressed.emit(JobProgress(job, Snapshot("verify", {}, waiting=WAITS)))
    session.update(last=LONG)
    assert window.notice.isVisible(), "no error is delayed"
    settled(window)
    rows = [QRect(one.mapTo(window, QPoint(0, 0)), one.size()) for one in (window.notice, window.waiting, window.job)]
    for number, one in enumerate(rows):
        assert window.rect().contains(one)
        assert not any(one.intersects(other) for other in rows[number + 1 :])
    text = window.notice._text
    assert text.height() >= text.heightForWidth(text.width())


@pytest.mark.usefixtures("moving")
def test_what_is_covered_can_be_reached(qtbot: QtBot, window: MainWindow) -> None:
    """The page is made shorter when it is shown again, or when the focus goes behind the message."""
    window.resize(1024, 700)
    window.show_page("log")
    settled(window)
    whole = window.stack.height()
    window.session.update(last=ENDLESS)
    settled(window)
    assert window.footer.extra > 0
    assert window.stack.height() == whole
    window.show_page("doctor")
    settled(window)
    assert window.stack.height() == whole - window.footer.extra
    window.session.update(last=None)
    settled(window)
    assert window.stack.height() < whole, "not while somebody may be about to select something"
    window.show_page("log")
    settled(window)
    assert window.stack.height() == whole
    window.activateWindow()
    qtbot.waitActive(window)
    window.session.update(last=ENDLESS)
    settled(window)
    page = window.stack.currentWidget()
    assert page is not None
    window.rail._buttons["log"].setFocus()
    covered = next(
        one
        for one in page.findChildren(QWidget)
        if window.footer.covers(one) and one.isVisible() and one.focusPolicy() and not one.focusProxy()
    )
    covered.setFocus(Qt.FocusReason.TabFocusReason)
    settled(window)
    assert window.stack.height() == whole - window.footer.extra


def test_without_a_job_and_a_message_the_strip_says_so(window: MainWindow, world: World, tmp_path: Path, qtbot: QtBot) -> None:
    window.session.update(last=None)
    settle(qtbot, window.session)
    assert window.footer._idle.isVisible()
    window.session.update(last=SHORT)
    assert not window.footer._idle.isVisible()
    assert window.footer.extra == 0, "a short message needs no more than the strip"
