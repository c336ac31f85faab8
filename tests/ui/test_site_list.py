"""The list of sites in the window: what it shows, opens and removes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from faces import fill
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from uiworld import a_session, run_job, settle
from world import World

from chorus_gui.app import sites as looking
from chorus_gui.app.site_list import Listed
from chorus_gui.app.sites import Presence, SiteFacts
from chorus_gui.ui import intents
from chorus_gui.ui.dialogs.sites import SitesDialog
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.pages.overview import OverviewPage
from chorus_gui.ui.session import Session
from chorus_gui.ui.settings import Settings
from chorus_gui.ui.site_intents import ListSites
from chorus_gui.ui.state import RECENTS, JobKind, JobView
from chorus_gui.ui.widgets.sites import SiteList, where_journal


@pytest.fixture
def south(tmp_path: Path) -> World:
    return fill(World(tmp_path / "south"))


@pytest.fixture
def window(qtbot: QtBot, session: Session, world: World, south: World) -> Iterator[MainWindow]:
    """Two sites were open, and one that is gone; the last one is open now."""
    gone = world.base.parent / "gone" / "config.toml"
    session.update(sites=session.settings.keep_sites((Listed(gone, 5),)))
    for one in (south, world):
        session.open(one.file)
        settle(qtbot, session)
    made = MainWindow(session)
    qtbot.addWidget(made)
    made.show()
    yield made
    made.stopped = True  # the fixture of the session stops it


def looked(qtbot: QtBot, shown: SiteList) -> list[SiteFacts]:
    """The sites when everything about them is known."""
    qtbot.waitUntil(lambda: bool(shown.shown()) and all(one.presence is not Presence.CHECKING for one in shown.shown()), timeout=20_000)
    return shown.shown()


def dialog_of(qtbot: QtBot, window: MainWindow) -> SitesDialog:
    window.asking.show_sites()
    found = window.findChildren(SitesDialog)[-1]
    looked(qtbot, found.list)
    return found


def choose(shown: SiteList, file: Path) -> None:
    row = next(n for n, one in enumerate(shown.shown()) if one.file == file)
    shown.view.setCurrentIndex(shown.model.index(row, 0))


def line(shown: SiteList, file: Path) -> list[str]:
    row = next(n for n, one in enumerate(shown.shown()) if one.file == file)
    return [shown.model.data(shown.model.index(row, column)) for column in range(shown.model.columnCount())]


def test_it_shows_each_site_and_its_last_run(qtbot: QtBot, window: MainWindow, world: World, south: World) -> None:
    run_job(qtbot, window.session, intents.Scan())
    shown = dialog_of(qtbot, window).list
    assert [one.file for one in shown.shown()] == [world.file, south.file, world.base.parent / "gone" / "config.toml"]
    assert line(shown, world.file)[:2] == ["world (open)", "Scan"]
    assert line(shown, world.file)[3:] == ["4 changes to review", "On this computer"]
    assert line(shown, south.file) == ["south", "–", "–", "No runs yet", "On this computer"]
    assert line(shown, world.base.parent / "gone" / "config.toml") == ["gone", "–", "–", "Configuration not found", "–"]
    choose(shown, south.file)
    assert str(south.file) in shown.about.text()


def test_enter_and_a_double_click_open_a_site_once(qtbot: QtBot, window: MainWindow, world: World, south: World) -> None:
    dialog = dialog_of(qtbot, window)
    asked: list[object] = []
    dialog.intent.connect(asked.append)
    choose(dialog.list, south.file)
    qtbot.keyClick(dialog.list.view, Qt.Key.Key_Return)
    assert asked == [intents.OpenConfig(south.file)]
    assert window.state.config_file == south.file
    settle(qtbot, window.session)
    dialog = dialog_of(qtbot, window)
    choose(dialog.list, world.file)
    dialog.list.view.doubleClicked.emit(dialog.list.view.currentIndex())
    assert window.state.config_file == world.file
    settle(qtbot, window.session)


def test_what_is_open_or_not_there_cannot_be_opened(qtbot: QtBot, window: MainWindow, world: World) -> None:
    dialog = dialog_of(qtbot, window)
    asked: list[object] = []
    dialog.intent.connect(asked.append)
    for file, why in ((world.file, "open"), (world.base.parent / "gone" / "config.toml", "not found")):
        choose(dialog.list, file)
        assert not dialog.list.open.isEnabled()
        assert why in dialog.list.open.toolTip()
        qtbot.keyClick(dialog.list.view, Qt.Key.Key_Return)
    assert asked == []
    choose(dialog.list, world.file)
    assert not dialog.list.remove.isEnabled(), "the open site stays in the list"


def test_an_entry_is_removed_and_returns_and_no_file_changes(qtbot: QtBot, window: MainWindow, world: World, south: World) -> None:
    dialog, before = dialog_of(qtbot, window), window.state.sites
    shown = dialog.list
    choose(shown, south.file)
    qtbot.keyClick(shown.view, Qt.Key.Key_Delete)
    assert south.file not in [one.file for one in shown.shown()]
    assert "“south”" in shown.said.text()
    assert south.file.is_file()
    assert Settings(window.session.settings.file).sites == window.state.sites, "it is kept at once"
    choose(shown, world.base.parent / "gone" / "config.toml")
    qtbot.mouseClick(shown.remove, Qt.MouseButton.LeftButton)
    assert [one.file for one in shown.shown()] == [world.file]
    qtbot.keyClick(shown.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.mouseClick(shown.undo, Qt.MouseButton.LeftButton)
    assert window.state.sites == before
    assert Settings(window.session.settings.file).sites == before
    assert shown.undo.isHidden()


def test_a_running_job_is_the_last_run_of_the_open_site(qtbot: QtBot, window: MainWindow, world: World, south: World) -> None:
    dialog = dialog_of(qtbot, window)
    state = window.state
    dialog.render(replace(state, jobs=(JobView(1, JobKind.UPLOAD, "Upload 4 files", state.key, running=True),)))
    assert line(dialog.list, world.file)[1:4:2] == ["Upload 4 files", "Running"]
    assert line(dialog.list, south.file)[1] == "–"
    dialog.render(state)
    assert line(dialog.list, world.file)[3] == "No runs yet"


def test_the_window_lives_while_a_drive_does_not_answer(
    qtbot: QtBot, window: MainWindow, world: World, south: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the list nor its end waits for it."""
    answer, real = threading.Event(), looking.look_at

    def silent(one: Listed, runs: looking.Runs) -> SiteFacts:
        if one.file == south.file:
            answer.wait()
        return real(one, runs)

    monkeypatch.setattr(looking, "look_at", silent)
    window.asking.show_sites()
    shown = window.findChildren(SitesDialog)[-1].list
    qtbot.waitUntil(
        lambda: [one.presence for one in shown.shown()] == [Presence.FOUND, Presence.CHECKING, Presence.MISSING], timeout=20_000
    )
    choose(shown, south.file)
    assert not shown.open.isEnabled(), "to open it would stop the window"
    assert shown._look is not None
    shown._look._until = 0.0
    qtbot.waitUntil(lambda: shown.shown()[1].presence is Presence.SILENT, timeout=20_000)
    assert not shown.open.isEnabled()
    window.findChildren(SitesDialog)[-1].accept()
    settle(qtbot, window.session)
    answer.set()


def test_an_empty_window_shows_the_list(qtbot: QtBot, window: MainWindow, world: World, south: World) -> None:
    window.do(intents.CloseConfig())
    page = window.page("overview")
    assert isinstance(page, OverviewPage)
    assert page.sites.isVisible()
    looked(qtbot, page.sites)
    choose(page.sites, south.file)
    qtbot.keyClick(page.sites.view, Qt.Key.Key_Return)
    assert window.state.config_file == south.file
    assert not page.sites.isVisible()
    settle(qtbot, window.session)


def test_a_first_window_has_no_list(qtbot: QtBot, session: Session) -> None:
    made = MainWindow(session)
    qtbot.addWidget(made)
    made.show()
    page = made.page("overview")
    assert isinstance(page, OverviewPage)
    assert not page._sites_card.isVisible()
    made.stopped = True


def test_the_list_of_an_earlier_version_is_used(qtbot: QtBot, tmp_path: Path) -> None:
    files = [tmp_path / f"{n}" / "config.toml" for n in range(RECENTS)]
    settings = Settings(tmp_path / "window.ini")
    settings.put("recents", "\n".join(map(str, files)))
    settings.sync()
    with a_session(qtbot, tmp_path) as session:
        assert list(session.state.recents) == files
        new = fill(World(tmp_path / "new"))
        session.open(new.file)
        settle(qtbot, session)
        assert list(session.state.recents) == [new.file, *files[:-1]], "the menu has the last eight"
        assert [one.file for one in session.state.sites] == [new.file, *files]
    assert [one.file for one in Settings(tmp_path / "window.ini").sites] == [new.file, *files]


def test_a_site_has_one_short_name_everywhere(qtbot: QtBot, tmp_path: Path) -> None:
    """Top bar, title, tray, list and menu.  Sites whose folders have the same name also show the folder above."""
    worlds = [fill(World(tmp_path / part)) for part in ("2025/north", "2026/north", "south")]
    with a_session(qtbot, tmp_path) as session:
        window = MainWindow(session)
        qtbot.addWidget(window)
        window.show()
        assert window.top.site.full == "CHoRUS Upload"
        for one in worlds:
            session.open(one.file)
            settle(qtbot, session)
        listed = dialog_of(qtbot, window).list
        for one, name in zip(worlds, ("2025 / north", "2026 / north", "south"), strict=True):
            session.open(one.file)
            settle(qtbot, session)
            assert window.top.site.full == window.top.site.accessibleName() == name
            assert str(one.file) in window.top.site.toolTip()
            assert str(one.site) in window.top.site.toolTip()
            assert str(one.file) in window.top.site.accessibleDescription()
            assert window.windowTitle().startswith(f"{name}: ")
            assert window.notifier._status.startswith(f"{name}: ")
            assert window.menus._recents.actions()[0].text() == name
            assert str(listed.model.data(listed.model.index(0, 0))) == f"{name} (open)"
        session.do(ListSites(()))
        assert window.top.site.full == "south", "an open site has a name, also if the list has none"
        window.stopped = True


def test_a_date_is_as_the_reader_writes_it() -> None:
    from datetime import UTC, datetime

    site = SiteFacts(Listed(Path("x.toml")), keeping=looking.Keeping.HERE, since=datetime(2026, 11, 3, 12, tzinfo=UTC))
    assert where_journal(site) == "Checked out here since 3 Nov 2026"
