"""Ctrl+K: every command and setting is found by its words, with the keyboard alone; nothing is listed twice, and nothing by hand."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QAccessibleEvent, QAction
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from uiworld import a_session, run_job, settle
from world import World

from chorus_gui.core.config.keys import KEYS, TITLES
from chorus_gui.ui import intents
from chorus_gui.ui.dialogs.palette import NOT_NOW, PaletteDialog
from chorus_gui.ui.main_window import PAGES, MainWindow
from chorus_gui.ui.pages.configuration import ConfigurationPage
from chorus_gui.ui.pages.history import TOPICS, HistoryPage
from chorus_gui.ui.palette import Found, commands, matching


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, world: World) -> Iterator[MainWindow]:
    world.run("submit", version="20260101000000")
    with a_session(qtbot, tmp_path) as session:
        window = MainWindow(session)
        window.show()
        qtbot.waitExposed(window)
        session.open(world.file)
        settle(qtbot, session)
        yield window
        window.stopped = True
        window.close()
        window.deleteLater()


def opened(qtbot: QtBot, window: MainWindow) -> PaletteDialog:
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=5_000)
    qtbot.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    dialog = window.findChildren(PaletteDialog)[-1]
    qtbot.waitExposed(dialog)
    return dialog


def titles(found: list[Found]) -> list[str]:
    return [one.title for one in found]


def test_every_entry_of_the_menus_and_every_page_is_in_it(window: MainWindow) -> None:
    found = {one.title.removesuffix(" (on)") for one in commands(window)}
    entries = {entry.action.text().replace("&", "") for entry in window.menus._entries if entry.action.isVisible()}  # no sleep here
    assert len(entries) > 30
    assert entries - found == {"Find a command…"}
    assert {window.state.site_names[path] for path in window.state.recents} <= found
    assert {entry.title for entry in PAGES} <= found
    by_place = {(one.where, one.title) for one in commands(window)}
    for wanted in (
        ("Review", "Hold back…"),
        ("Review", "Export as CSV…"),
        ("History › Receipts", "Open receipt"),
        ("History › Versions", "Verify version…"),
        ("File › Open recent", "world"),
        ("Upload", "Scan the site"),
    ):
        assert wanted in by_place, sorted(by_place)
    assert len(by_place) == len(commands(window)), "nothing is listed twice"


def test_every_setting_of_the_form_is_in_it_and_opens_its_field(qtbot: QtBot, window: MainWindow) -> None:
    page = window.page("configuration")
    assert isinstance(page, ConfigurationPage)
    settings = [
        one for one in commands(window) if one.where.startswith("Configuration") and one.tip in {key.explanation for key in KEYS.values()}
    ]
    assert {one.title for one in settings} == set(TITLES.values())
    for one in settings:
        window.show_page("overview")
        one.run()
        assert window.stack.currentWidget() is page
        qtbot.waitUntil(lambda: (found := QApplication.focusWidget()) is not None and page.isAncestorOf(found), timeout=5_000)


def test_words_are_found_at_their_beginnings_the_best_first() -> None:
    def one(title: str, tip: str = "", *, enabled: bool = True) -> Found:
        return Found(title, "Upload", "", tip, enabled, lambda: None)

    found = [
        one("Retry failed files", "Upload what failed"),
        one("Upload pending files"),
        one("Scan the site"),
        one("Pause", enabled=False),
    ]
    assert titles(matching(found, "upl")) == ["Upload pending files", "Retry failed files", "Scan the site", "Pause"]
    assert titles(matching(found, "FILES pend")) == ["Upload pending files"]
    assert titles(matching(found, "oad")) == []
    assert titles(matching(found, "")) == ["Retry failed files", "Upload pending files", "Scan the site", "Pause"]


def test_the_keyboard_is_enough(qtbot: QtBot, window: MainWindow) -> None:
    window.show_page("overview")
    dialog = opened(qtbot, window)
    QAbstractItemModelTester(dialog.model)
    qtbot.waitUntil(dialog.field.hasFocus, timeout=5_000)
    qtbot.keyClicks(dialog.field, "dark")
    assert dialog.model.found[0].title == "Dark colours"
    qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.state.preferences.theme == "dark", timeout=5_000)
    dialog = opened(qtbot, window)
    qtbot.waitUntil(dialog.field.hasFocus, timeout=5_000)
    qtbot.keyClicks(dialog.field, "show the")
    qtbot.keyClick(dialog.field, Qt.Key.Key_Down)
    qtbot.waitUntil(dialog.view.hasFocus, timeout=5_000)
    second = dialog.view.currentIndex().row()
    assert second == 1
    qtbot.keyClick(dialog.view, Qt.Key.Key_Up)
    qtbot.keyClick(dialog.view, Qt.Key.Key_Up)
    qtbot.waitUntil(dialog.field.hasFocus, timeout=5_000)
    qtbot.keyClick(dialog.field, Qt.Key.Key_Down)
    qtbot.keyClicks(dialog.view, "x")
    assert dialog.field.text().endswith("x"), "letters go to the field"
    qtbot.keyClick(dialog.field, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not [one for one in window.findChildren(PaletteDialog) if one.isVisible()], timeout=5_000)
    window.do(intents.SetTheme("light"))


def test_what_is_not_possible_now_stays_and_says_so(qtbot: QtBot, window: MainWindow) -> None:
    dialog = opened(qtbot, window)
    qtbot.keyClicks(dialog.field, "cancel the job")
    assert not dialog.model.found[0].enabled
    qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    assert dialog.isVisible()
    assert NOT_NOW in dialog.said.text()
    qtbot.keyClicks(dialog.field, " no such words")
    assert dialog.said.text().startswith("Nothing matches.")
    dialog.reject()


def test_why_an_entry_of_a_menu_is_disabled_is_said_to_the_keyboard(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The arrow keys skip it in the menu: here it is shown, and a screen reader says it with the line, and again at Enter."""
    said: list[QAccessibleEvent] = []
    entry = next(one for one in window.menus._entries if one.action.text().replace("&", "") == "Check in and keep")
    reason = entry.action.toolTip()
    assert not entry.action.isEnabled()
    assert reason.endswith("."), "a sentence"
    dialog = opened(qtbot, window)
    qtbot.keyClicks(dialog.field, "check in and keep")
    assert dialog.said.text().endswith(reason)
    assert dialog.model.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole).endswith(reason)
    monkeypatch.setattr(QAccessible, "updateAccessibility", staticmethod(said.append))
    qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    assert [event.message() for event in said if isinstance(event, QAccessibleAnnouncementEvent)] == [dialog.said.text()]
    dialog.reject()


def test_a_button_of_a_page_is_run_on_its_tab(qtbot: QtBot, window: MainWindow) -> None:
    page = window.page("history")
    assert isinstance(page, HistoryPage)
    asked: list[object] = []
    page.intent.connect(asked.append)
    (one,) = [one for one in commands(window) if (one.where, one.title) == ("History › Receipts", "Show in folder")]
    page.intent.disconnect(window.session.do)
    one.run()
    assert window.stack.currentWidget() is page
    assert page.tabs.currentIndex() == TOPICS["receipts"]
    assert isinstance(asked[-1], intents.OpenPath)


def test_a_screen_reader_says_the_whole_line(qtbot: QtBot, window: MainWindow) -> None:
    dialog = opened(qtbot, window)
    qtbot.keyClicks(dialog.field, "scan the")
    index = dialog.model.index(0, 0)
    assert index.data(Qt.ItemDataRole.AccessibleTextRole).startswith("Scan the site, Upload, Ctrl+R")
    named = QAccessible.queryAccessibleInterface(dialog.field)
    assert named is not None
    assert named.text(QAccessible.Text.Name) == "Find a command or a setting"
    dialog.reject()


def test_new_commands_are_in_it_by_themselves(qtbot: QtBot, window: MainWindow, world: World) -> None:
    window.menus.view.addAction(QAction("Anything else…", window))
    assert "Anything else…" in titles(commands(window))
    gc.collect()
    (world.base / "other.toml").write_text(world.file.read_text("utf-8"), "utf-8")
    window.do(intents.OpenConfig(world.base / "other.toml"))
    assert "world / other.toml" in titles(commands(window)), "the menus are alive after they were listed"
    window.do(intents.OpenConfig(world.file))
    settle(qtbot, window.session)
    run_job(qtbot, window.session, intents.Scan())
    assert next(one for one in commands(window) if one.title == "Review changes").enabled
