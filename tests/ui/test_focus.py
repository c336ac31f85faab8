"""Where the keyboard is after an action: never in a table of another page, which does nothing on Enter and says nothing of the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QApplication, QLineEdit, QPushButton, QTabBar, QWidget
from pytestqt.qtbot import QtBot
from uiworld import run_job, settle
from world import World

from chorus_gui.app.site_status import Action, Progress, Step
from chorus_gui.ui import intents
from chorus_gui.ui.assistant import Assistant
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.pages import Page
from chorus_gui.ui.pages.overview import OverviewPage, intent_of
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import JobKind, JobView


@pytest.fixture
def window(qtbot: QtBot, session: Session, world: World) -> Iterator[MainWindow]:
    made = MainWindow(session)
    qtbot.addWidget(made)
    made.show()
    session.open(world.file)
    settle(qtbot, session)
    run_job(qtbot, session, intents.Scan())
    made.activateWindow()
    qtbot.waitActive(made)
    yield made
    made.stopped = True  # the fixture of the session stops it


def page_of(window: MainWindow) -> Page:
    page = window.stack.currentWidget()
    assert isinstance(page, Page)
    return page


def main_actions(page: QWidget) -> list[QPushButton]:
    """The primary buttons that can be used."""
    buttons = page.findChildren(QPushButton)
    return [one for one in buttons if one.property("primary") and one.isVisible() and one.isEnabled()]


def assert_sensible(window: MainWindow) -> None:
    page, focus = page_of(window), window.focusWidget()
    assert focus is not None
    assert focus is page or page.isAncestorOf(focus), "it is on the page"
    assert focus.isVisible()
    assert focus.isEnabled()
    assert focus.accessibleName() or isinstance(focus, QTabBar), "each of its tabs has a name"
    assert not isinstance(focus, QAbstractItemView)
    if found := main_actions(page):
        assert focus in found


@pytest.mark.parametrize("opened_first", [True, False])
def test_the_program_starts_at_the_main_action(qtbot: QtBot, session: Session, world: World, opened_first: bool) -> None:
    """Not at the rail: without a configuration to set one up, otherwise at what comes next, as soon as that is known."""
    made = MainWindow(session)
    qtbot.addWidget(made)
    made.show()
    if opened_first:
        session.open(world.file)
    made.activateWindow()
    qtbot.waitActive(made)
    overview = made.page("overview")
    assert isinstance(overview, OverviewPage)
    if not opened_first:
        assert made.focusWidget() is overview._empty.action
        session.open(world.file)
    settle(qtbot, session)
    assert overview.primary.isEnabled()
    assert made.focusWidget() is overview.primary
    made.stopped = True


PAGES_OF_ACTIONS = [one for one in Action if isinstance(intent_of(Step("Name", Progress.NOW, "Text.", "Label", one)), intents.ShowPage)]


@pytest.mark.parametrize("action", PAGES_OF_ACTIONS)
def test_an_action_that_shows_a_page_leads_to_its_main_action(qtbot: QtBot, window: MainWindow, action: Action) -> None:
    overview = window.page("overview")
    assert isinstance(overview, OverviewPage)
    wanted = intent_of(Step("Name", Progress.NOW, "Text.", "Label", action))
    assert isinstance(wanted, intents.ShowPage)
    overview.primary.setFocus()
    overview._intent = wanted
    qtbot.keyClick(overview.primary, Qt.Key.Key_Return)
    settle(qtbot, window.session)
    assert page_of(window) is window.page(wanted.name)
    if not wanted.topic:
        assert_sensible(window)
    assert not isinstance(window.focusWidget(), QAbstractItemView)


@pytest.mark.parametrize("kind", [JobKind.SCAN, JobKind.UPLOAD, JobKind.VERIFY, JobKind.CHECK_IN, JobKind.CHECK_OUT])
def test_an_action_that_starts_a_job_waits_for_the_next_one(window: MainWindow, kind: JobKind) -> None:
    """Its button is disabled while the job runs.  Then the page has the focus, and afterwards the action that comes next."""
    session, overview = window.session, window.page("overview")
    assert isinstance(overview, OverviewPage)
    session.update(review=None)  # the next step is a scan, which cannot begin while a job runs
    overview.primary.setFocus()
    session.update(jobs=(JobView(1, kind, "Job", session.state.key, True),))
    assert not isinstance(window.focusWidget(), QAbstractItemView)
    assert window.focusWidget() is (overview.primary if overview.primary.isEnabled() else overview)
    session.update(jobs=())
    assert window.focusWidget() is overview.primary


def test_the_keyboard_alone_leads_from_scan_to_approval(qtbot: QtBot, session: Session, world: World) -> None:
    window = MainWindow(session)
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    qtbot.waitActive(window)
    session.open(world.file)
    settle(qtbot, session)
    overview = window.page("overview")
    assert isinstance(overview, OverviewPage)
    window.show_page("overview")
    assert overview.primary.text() == "Scan the site"
    assert window.focusWidget() is overview.primary
    with qtbot.waitSignal(session.ended, timeout=20_000):
        qtbot.keyClick(overview.primary, Qt.Key.Key_Space)
    settle(qtbot, session)
    assert overview.primary.text() == "Review the changes"
    assert window.focusWidget() is overview.primary
    qtbot.keyClick(overview.primary, Qt.Key.Key_Return)
    assert page_of(window) is window.page("review")
    focus = window.focusWidget()
    assert isinstance(focus, QPushButton)
    assert focus.accessibleName().startswith("Approve")
    window.stopped = True


def test_a_key_that_is_held_down_starts_one_action(qtbot: QtBot, window: MainWindow) -> None:
    """The next main action gets the focus at once; a key that repeats itself is not a decision."""
    clicks: list[int] = []
    page = page_of(window)
    main_actions(page)[0].setFocus()
    for action in main_actions(page):
        action.disconnect(action)
        action.clicked.connect(lambda: clicks.append(1))
    for repeated in (False, True, True):
        key = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier, "", repeated)
        QApplication.sendEvent(page, key)
    assert len(clicks) == 1


def test_every_page_begins_at_its_main_action(window: MainWindow) -> None:
    for name, _, _ in window.named_pages():
        window.show_page(name)
        assert_sensible(window)


def test_a_dialog_that_a_page_opens_keeps_its_own_focus(window: MainWindow) -> None:
    window.do(intents.ShowPage("configuration", "assistant"))
    assistant = window.findChild(Assistant)
    assert assistant is not None
    assert isinstance(assistant.focusWidget(), QLineEdit)
    window.session.update()
    assert isinstance(assistant.focusWidget(), QLineEdit)
    assistant.close()
