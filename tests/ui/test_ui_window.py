"""The main window: pages, bars, menus, colours, and how it closes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot
from uiworld import run_job, settle
from world import World

from chorus_gui.core.job import Count, JobContext, OutcomeKind, Snapshot
from chorus_gui.ui import intents, theme
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session
from chorus_gui.ui.settings import Settings
from chorus_gui.ui.state import JobEnd, JobKind, JobProgress
from chorus_gui.ui.widgets.dialogs import ConfirmDialog, Dialog, ReportDialog


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    session = Session(Settings(tmp_path / "window.ini"))
    window = MainWindow(session)
    window.show()
    qtbot.waitExposed(window)
    yield window
    if not window.stopped:
        session.jobs.cancel_all()
        with qtbot.waitSignal(window.closed, timeout=20_000):
            window._stop()
    window.deleteLater()
    session.deleteLater()


def forever(ctx: JobContext) -> None:
    while True:
        ctx.sleep(0.01)


def question(window: MainWindow) -> ConfirmDialog:
    """The one that closing asks."""
    return next(box for box in window.findChildren(ConfirmDialog, "close_question") if box.isVisible())


def test_a_first_start_says_what_to_do(window: MainWindow) -> None:
    texts = [button.text() for button in window.findChildren(QPushButton) if button.isVisible()]
    assert "Set up this site" in texts
    assert "Try the demo site" in texts
    assert not window.top.badge.isVisible()


def test_it_says_what_is_open_and_what_comes_next(qtbot: QtBot, window: MainWindow, world: World) -> None:
    window.do(intents.OpenConfig(world.file))
    settle(qtbot, window.session)
    assert window.top.badge.text() == "TEST SETUP"
    window.do(intents.MarkTest(test=False))
    assert window.top.badge.text() == "CENTRAL STORE"
    assert window.top.journal.fact == "Journal on this computer"
    overview = window.page("overview")
    assert overview is not None
    primary = overview.findChild(QPushButton, "what_next")
    assert primary is not None
    assert primary.text() == "Scan the site"
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        qtbot.mouseClick(primary, Qt.MouseButton.LeftButton)
    settle(qtbot, window.session)
    assert primary.text() == "Review the changes"
    assert window.session.state.review is not None
    run_job(qtbot, window.session, intents.Approve(window.session.state.review.revision))
    assert primary.text().startswith("Verify ")
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        qtbot.mouseClick(primary, Qt.MouseButton.LeftButton)
    settle(qtbot, window.session)
    assert primary.text() == "Scan the site again"


def test_pages_by_keyboard(qtbot: QtBot, window: MainWindow) -> None:
    names = list(window._pages)
    for number, name in enumerate(names, 1):
        qtbot.keyClick(window, str(number), Qt.KeyboardModifier.ControlModifier)
        assert window.stack.currentWidget() is window.page(name)


def test_everything_that_can_be_pressed_has_a_name_and_a_tooltip(qtbot: QtBot, window: MainWindow, world: World) -> None:
    window.do(intents.OpenConfig(world.file))
    settle(qtbot, window.session)
    frame = (window.rail, window.top, window.notice, window.job, window.page("overview"), window.page("log"))
    for part in frame:
        assert part is not None
        for button in part.findChildren(QPushButton):
            assert button.accessibleName() or button.isHidden(), button.text()
            assert button.toolTip() or button.isHidden(), button.text()


def test_the_job_bar_shows_pauses_and_cancels(qtbot: QtBot, window: MainWindow) -> None:
    session = window.session
    session.start(JobKind.SCAN, "Scan", forever, key="journal")
    session.start(JobKind.UPLOAD, "Upload", forever, key="journal")
    assert window.job.isVisible()
    assert "1 waiting" in [button.text() for button in window.job.findChildren(QPushButton)]
    qtbot.mouseClick(window.job.pause, Qt.MouseButton.LeftButton)
    assert window.job.pause.text() == "Resume"
    qtbot.mouseClick(window.job.pause, Qt.MouseButton.LeftButton)
    assert window.job.pause.text() == "Pause"
    with qtbot.waitSignal(session.ended):
        qtbot.mouseClick(window.job.cancel, Qt.MouseButton.LeftButton)
    assert session.state.last is not None
    assert session.state.last.outcome is OutcomeKind.CANCELLED
    qtbot.waitUntil(lambda: [job.title for job in session.state.jobs] == ["Upload"])


def test_title_and_job_bar_say_how_much_of_the_job_is_done(qtbot: QtBot, window: MainWindow) -> None:
    session = window.session
    session.start(JobKind.UPLOAD, "Upload", forever, key="journal")
    job = session.state.running
    assert job is not None

    def show(done: int) -> None:
        session.progressed.emit(JobProgress(job, Snapshot("upload", {"Images": Count(1, done, 0, 4, 400)})))

    show(100)
    assert window.windowTitle().startswith("25 % · ")
    show(102)
    assert window.windowTitle().startswith("25 % · ")
    show(399)
    assert window.windowTitle().startswith("99 % · ")
    assert window.job._detail.full.startswith("99 % · 1 of 4 files")
    session.progressed.emit(JobProgress(job, Snapshot("upload", {"Images": Count(1, 100)})))
    assert "%" not in window.job._detail.full, "how much there is, is not known"
    with qtbot.waitSignal(session.ended):
        session.jobs.cancel_all()
    qtbot.waitUntil(lambda: session.state.running is None)
    assert "%" not in window.windowTitle()


def test_closing_when_nothing_runs(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.closed, timeout=10_000):
        window.close()
    assert not window.isVisible()
    assert window.session.settings.blob("geometry").size() > 0


def test_closing_during_a_job_asks_cancels_and_waits(qtbot: QtBot, window: MainWindow) -> None:
    session = window.session
    session.start(JobKind.UPLOAD, "Upload", forever, key="journal")

    window.close()
    box = question(window)
    assert window.isVisible()
    box.no.click()
    assert not session.jobs.idle

    window.close()
    box = question(window)
    with qtbot.waitSignal(window.closed, timeout=10_000):
        assert box.yes.text().replace("&", "") == "Stop and quit"
        box.yes.click()
    assert session.jobs.idle
    assert session.state.last is not None
    assert session.state.last.outcome is OutcomeKind.CANCELLED


def test_a_fault_of_ours_is_shown_once_and_can_be_copied(qtbot: QtBot, window: MainWindow) -> None:
    def break_(_: JobContext) -> None:
        raise RuntimeError("unexpected")

    session = window.session
    with qtbot.waitSignal(session.crashed):
        session.start(JobKind.SCAN, "Scan", break_, key="journal")
    dialogs = window.findChildren(ReportDialog)
    assert len(dialogs) == 1
    window.show_report("another one")
    assert len(window.findChildren(ReportDialog)) == 1
    next(button for button in dialogs[0].findChildren(QPushButton) if button.text().replace("&", "") == "Copy report").click()
    assert "RuntimeError: unexpected" in QApplication.clipboard().text()
    dialogs[0].close()
    assert window._report is None


def test_colours_follow_the_setting(window: MainWindow) -> None:
    for name in ("dark", "light"):
        window.do(intents.SetTheme(name))
        assert QApplication.instance() is not None
        assert theme.current().name == name
        assert window.session.settings.theme == name


def test_a_notice_is_shown_until_it_is_dismissed(window: MainWindow) -> None:
    end = JobEnd(1, JobKind.UPLOAD, "Upload", OutcomeKind.DONE, "3 files uploaded.", receipt=Path("/nowhere.html"))
    window.session.update(last=end)
    assert window.notice.isVisible()
    window.session.update(last=replace(end, id=2))
    window.do(intents.DismissNotice())
    assert not window.notice.isVisible()


def test_another_start_waits_for_what_a_dialog_asks(qtbot: QtBot, window: MainWindow, world: World) -> None:
    dialog = Dialog(window, "A question")
    dialog.open()
    qtbot.waitUntil(lambda: QApplication.activeModalWidget() is dialog)
    before = window.state.config_file
    window.come_forward(world.file)
    assert dialog.isVisible()
    assert window.state.config_file == before, "the file is not opened behind the question"
    dialog.reject()
    qtbot.waitUntil(lambda: window.state.config_file == world.file)
    settle(qtbot, window.session)


def test_ctrl_q_quits(window: MainWindow) -> None:
    (quit_action,) = [action for action in window.findChildren(QAction) if action.text().replace("&", "") == "Quit"]
    assert quit_action.shortcut().toString() == "Ctrl+Q"


def test_another_start_raises_the_window_and_hands_over_a_file(qtbot: QtBot, window: MainWindow, world: World) -> None:
    window.showMinimized()
    window.come_forward(world.file)
    assert not window.isMinimized()
    assert window.state.config_file == world.file
    settle(qtbot, window.session)
