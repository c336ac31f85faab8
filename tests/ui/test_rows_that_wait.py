"""A row that still waits for the mouse to rest does nothing that is no longer offered: not on another site, not twice, not during a job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from world import World

from chorus_gui.app.readiness_facts import ReadinessFacts
from chorus_gui.app.values import CustodyFacts, JournalFacts
from chorus_gui.core.custody.state import State as Custody
from chorus_gui.core.model import Grade
from chorus_gui.ui import intents
from chorus_gui.ui.pages import Page, Services
from chorus_gui.ui.pages.overview import OverviewPage
from chorus_gui.ui.pages.readiness import ReadinessPage
from chorus_gui.ui.pages.review import ReviewPage
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import JobKind, JobView, SessionState
from chorus_gui.ui.widgets.steady import Steady

LOST = CustodyFacts(
    Custody.CHANGED,
    "Your check-out was lost",
    "",
    Grade.WARNING,
    offers=(("go on", "Continue with yours."), ("set aside", "Continue with theirs.")),
)
LOCKED = CustodyFacts(Custody.FOREIGN, "Checked out elsewhere", "You have it checked out on another computer.", Grade.WARNING)
FREE = CustodyFacts(Custody.FREE, "Checked in", "Nobody has the journal.", Grade.INFO, can_check_out=True)
PAGES = {"overview": (OverviewPage, LOST, "Keep checked out"), "review": (ReviewPage, FREE, "Check out the journal")}


@pytest.fixture(autouse=True)
def the_mouse_moves(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """All the time, while the list is not empty."""
    moving = list[bool]()
    monkeypatch.setattr(Steady, "_busy", property(lambda _: bool(moving)))
    return moving


@pytest.fixture
def site(world: World) -> SessionState:
    return SessionState(config_file=world.file, config=world.config, custody=FREE, journal=JournalFacts(world.journal))


@pytest.fixture
def another(tmp_path: Path) -> SessionState:
    """Another site, of which nothing is known yet."""
    other = World(tmp_path / "another")
    return SessionState(config_file=other.file, config=other.config)


@pytest.fixture
def shown(qtbot: QtBot, session: Session) -> Callable[[type[Page]], Page]:
    def show(kind: type[Page]) -> Page:
        made = kind(Services(session.reader, session.pager, session.settings))  # type: ignore[call-arg]
        qtbot.addWidget(made)
        made.resize(1100, 760)
        with qtbot.waitExposed(made):
            made.show()
        return made

    return show


def offered(page: QWidget, text: str) -> QPushButton | None:
    QApplication.processEvents()  # new widgets are shown by an event
    return next((one for one in page.findChildren(QPushButton) if one.text() == text and one.isVisible()), None)


def busy(state: SessionState) -> SessionState:
    return replace(state, jobs=(JobView(1, JobKind.CHECK_OUT, "Check out", state.key, running=True),))


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("faulty", [False, True])
def test_of_another_site_nothing_is_offered(
    name: str, faulty: bool, shown: Callable[[type[Page]], Page], site: SessionState, another: SessionState, the_mouse_moves: list[bool]
) -> None:
    kind, custody, text = PAGES[name]
    page = shown(kind)
    page.render(replace(site, custody=custody))
    assert offered(page, text) is not None
    the_mouse_moves.append(True)
    page.render(replace(another, config=None, config_error="It has a problem.") if faulty else another)
    assert offered(page, text) is None


def test_of_another_site_no_warning_is_shown(
    shown: Callable[[type[Page]], Page], site: SessionState, another: SessionState, the_mouse_moves: list[bool]
) -> None:
    page = shown(ReadinessPage)
    assert isinstance(page, ReadinessPage)
    page.render(replace(site, readiness=ReadinessFacts(unknown="The list of leaks is missing.")))
    assert page.layouts.text()
    the_mouse_moves.append(True)
    page.render(another)
    assert not page.layouts.text()
    assert page.layouts.isHidden()


@pytest.mark.parametrize("name", PAGES)
def test_a_double_click_starts_one_job(
    name: str, shown: Callable[[type[Page]], Page], site: SessionState, the_mouse_moves: list[bool]
) -> None:
    """The first click begins a job; it is not the time for a second one, although the mouse moves."""
    kind, custody, text = PAGES[name]
    state, page, asked = replace(site, custody=custody), shown(kind), list[intents.Intent]()
    page.render(state)
    page.intent.connect(asked.append)
    page.intent.connect(lambda _: page.render(busy(state)))
    the_mouse_moves.append(True)
    button = offered(page, text)
    assert button is not None
    for _ in range(2):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert len(asked) == 1
    assert not button.isEnabled()
    page.render(state)
    assert offered(page, text) is button, "no row came or went, so none is made again"
    assert button.isEnabled()


@pytest.mark.parametrize("name", PAGES)
def test_what_is_no_longer_offered_is_not_done(
    name: str, shown: Callable[[type[Page]], Page], site: SessionState, the_mouse_moves: list[bool]
) -> None:
    """Its row goes when the mouse rests; until then it is shown, because nothing moves."""
    kind, custody, text = PAGES[name]
    page = shown(kind)
    page.render(replace(site, custody=custody))
    the_mouse_moves.append(True)
    page.render(replace(site, custody=LOCKED))
    button = offered(page, text)
    assert button is not None
    assert not button.isEnabled()
    page.render(replace(site, custody=custody))
    assert button.isEnabled()


def test_what_is_offered_again_is_new(shown: Callable[[type[Page]], Page], site: SessionState) -> None:
    page = shown(OverviewPage)
    page.render(replace(site, custody=LOST))
    page.render(replace(site, custody=LOCKED))
    again = offered(page, "Check again")
    assert again is not None
    assert again.isEnabled()
    assert [one.text() for one in page.findChildren(QLabel) if "Continue with" in one.text() and one.isVisible()] == []
