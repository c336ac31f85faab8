"""Review on a small screen: some lines of the list are in sight before anything is scrolled, and nothing that must be seen is folded away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from layoutfaults import settled
from PySide6.QtWidgets import QAbstractItemView, QCheckBox
from pytestqt.qtbot import QtBot
from uiwalk import SCREENS
from uiworld import a_session, a_window, demo_site, run_job, settle

from chorus_gui.app.demo import change_site
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.model import Mode
from chorus_gui.core.review.changes import select_ids
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Query
from chorus_gui.ui import intents
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.pages.review import ReviewPage
from chorus_gui.ui.state import JobEnd, JobKind

FOUR = 4


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    with a_session(qtbot, tmp_path) as session, a_window(qtbot, session) as window:
        yield window


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The demo site's configuration."""
    return demo_site(tmp_path)


def rows_in_sight(view: QAbstractItemView, row: int = 0) -> int:
    """How many rows somebody sees before anything is scrolled: the page, too, shows only a part of a view."""
    return view.viewport().visibleRegion().boundingRect().height() // view.visualRect(view.model().index(row, 0)).height()


@pytest.mark.parametrize("screen", SCREENS)
def test_on_a_small_screen_some_rows_are_in_sight_before_anything_is_scrolled(
    screen: str, qtbot: QtBot, window: MainWindow, file: Path, tmp_path: Path
) -> None:
    """With something to undo; as a list, as a tree, and of pending files.  What a submission needs can still be seen."""
    least = 1 if "200 %" in screen else FOUR
    session, page = window.session, window.page("review")
    assert isinstance(page, ReviewPage)
    window.do(intents.OpenConfig(file))
    settle(qtbot, session)
    run_job(qtbot, session, intents.Scan())
    assert session.state.review is not None
    run_job(qtbot, session, intents.Approve(session.state.review.revision))
    change_site(tmp_path / "riverside" / "site")
    run_job(qtbot, session, intents.Scan())
    with Staging.open(session.state.review.path) as staging:
        ids = select_ids(staging, Query(search=".dat"))
    run_job(qtbot, session, intents.HoldBack((ids[0],), "The recording is still being checked", 1))
    session.update(last=None)
    window.resize(SCREENS[screen])
    window.show_page("review")
    qtbot.waitUntil(lambda: page.area.model.rowCount() > FOUR, timeout=10_000)
    settled(window)
    assert rows_in_sight(page.area.view) >= least
    seen = [one for one in (page.approve, page.scan.go, page.area.undo.button, page.area.hold_button) if one.visibleRegion().isEmpty()]
    assert seen == []
    for key, tile in page.tiles.tiles.items():
        assert tile.isVisible() or not tile.isEnabled(), f"{key}: what counts something is shown"
    page.area.folders.click()
    qtbot.waitUntil(lambda: page.area.tree_model.rowCount() > 1, timeout=20_000)
    settled(window)
    assert rows_in_sight(page.area.tree) >= least
    page.area.folders.click()


def test_what_is_folded_on_a_small_screen_is_a_click_away(qtbot: QtBot, window: MainWindow, file: Path, tmp_path: Path) -> None:
    """Mode and modalities of every scan: they are in sight where there is space, before the first scan, and if they differ from the configuration."""
    session, page = window.session, window.page("review")
    assert isinstance(page, ReviewPage)
    window.do(intents.OpenConfig(file))
    settle(qtbot, session)
    window.resize(SCREENS["1366×768 at 125 %"])
    window.show_page("review")
    settled(window)
    assert page.scan.mode.isVisible(), "before the first scan"
    assert page.scan.go.isVisible()
    run_job(qtbot, session, intents.Scan())
    settled(window)
    options = page.head.options
    assert not page.scan.mode.isVisible()
    assert page.scan.go.isVisible()
    assert options.isVisible()
    assert not options.isChecked()
    options.click()
    settled(window)
    assert page.scan.mode.isVisible()
    options.click()
    assert not page.scan.mode.isVisible()
    session.do(intents.ChooseScan(Mode.APPEND, ()))
    settled(window)
    assert page.scan.mode.isVisible(), "the next scan is another one than usual"
    session.do(intents.ChooseScan(None, ()))
    settled(window)
    assert page.scan.mode.isVisible(), "nothing disappears while somebody uses it"
    window.resize(1280, 900)
    settled(window)
    assert page.scan.mode.isVisible()
    assert not options.isVisible()
    window.resize(SCREENS["1366×768 at 125 %"])
    settled(window)
    before = {key for key, tile in page.tiles.tiles.items() if tile.isVisible()}
    run_job(qtbot, session, intents.HoldBackPatient("1001", "consent withdrawn"))
    settled(window)
    assert {key for key, tile in page.tiles.tiles.items() if tile.isVisible()} == before, "a hold moves nothing"
    assert "held" in before


def test_no_modality_is_never_folded_away(qtbot: QtBot, window: MainWindow, file: Path) -> None:
    """Otherwise the button that scans is disabled, and what to do about it is hidden."""
    session, page = window.session, window.page("review")
    assert isinstance(page, ReviewPage)
    window.do(intents.OpenConfig(file))
    settle(qtbot, session)
    run_job(qtbot, session, intents.Scan())
    window.show_page("review")
    settled(window)
    for box in page.scan.findChildren(QCheckBox):
        box.setChecked(False)
    assert not page.scan.as_configured
    window.resize(SCREENS["1366×768 at 125 %"])
    settled(window)
    assert page.scan.mode.isVisible()
    assert not page.head.options.isEnabled()
    assert "differ from the configuration" in page.head.options.toolTip()


def test_the_button_that_scans_keeps_the_focus_when_it_gets_another_place(qtbot: QtBot, window: MainWindow, file: Path) -> None:
    session, page = window.session, window.page("review")
    assert isinstance(page, ReviewPage)
    window.do(intents.OpenConfig(file))
    settle(qtbot, session)
    run_job(qtbot, session, intents.Scan())
    window.resize(1366, 900)
    window.show_page("review")
    window.activateWindow()
    qtbot.waitActive(window)
    for size in ((1093, 534), (1366, 900)):
        page.scan.go.setFocus()
        window.resize(*size)
        settled(window)
        assert page.scan.go.hasFocus()


def test_a_message_at_the_foot_folds_nothing(qtbot: QtBot, window: MainWindow, file: Path) -> None:
    """In a window that is just high enough without it."""
    session, page = window.session, window.page("review")
    assert isinstance(page, ReviewPage)
    window.do(intents.OpenConfig(file))
    settle(qtbot, session)
    run_job(qtbot, session, intents.Scan())
    session.update(last=None)
    window.show_page("review")
    height = 700
    while not page.head.options.isVisible():
        height -= 5
        window.resize(1097, height)
        settled(window)
    window.resize(1097, height + 5)
    settled(window)
    assert not page.head.options.isVisible()
    text = "The file could not be saved because another program has it open. " * 5
    before = page.height()
    session.update(last=JobEnd(1, JobKind.SAVE, "Save", OutcomeKind.FAILED, text, "Try again."))
    qtbot.waitUntil(lambda: window.footer.extra > 0, timeout=10_000)
    window.footer.outgrown.emit()  # the mouse rests
    settled(window)
    assert page.height() < before
    assert not page.head.options.isVisible()
    assert page.scan.mode.isVisible()
