"""Tools → Files in the central store: folders, search, download, address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot
from uiworld import a_session, settle
from world import World

from chorus_gui.core.errors import StoreUnavailableError
from chorus_gui.core.model import Grade
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.ui import intents
from chorus_gui.ui.dialogs.store import StoreDialog
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.models import store as model
from chorus_gui.ui.pages.history import HistoryPage

VERSION = "20260101000000"


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, world: World) -> Iterator[MainWindow]:
    world.run("submit", version=VERSION)
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


def shown(qtbot: QtBot, window: MainWindow, folder: str = "") -> StoreDialog:
    """The dialog, with the folder that it shows first."""
    window.do(intents.ShowPage("store", folder))
    dialog = window.findChildren(StoreDialog)[-1]
    qtbot.waitExposed(dialog)
    ready(qtbot, dialog)
    return dialog


def ready(qtbot: QtBot, dialog: StoreDialog) -> None:
    qtbot.waitUntil(lambda: not dialog.model.busy, timeout=20_000)


def names(dialog: StoreDialog) -> list[str]:
    return [str(dialog.model.index(row, 0).data()) for row in range(dialog.model.rowCount())]


def choose(dialog: StoreDialog, name: str) -> None:
    dialog.view.setCurrentIndex(dialog.model.index(names(dialog).index(name), 0))


def test_the_menu_opens_it_at_the_versions(qtbot: QtBot, window: MainWindow) -> None:
    action = next(one for one in window.findChildren(QAction) if one.text().replace("&", "") == "Files in the central store…")
    action.trigger()
    dialog = window.findChildren(StoreDialog)[-1]
    ready(qtbot, dialog)
    assert VERSION in names(dialog)
    row = names(dialog).index(VERSION)
    assert dialog.model.index(row, model.KIND).data() == "Version"
    assert not dialog.download.isEnabled(), "a folder is not downloaded"
    dialog.reject()


def test_folders_are_opened_and_left_with_the_keyboard(qtbot: QtBot, window: MainWindow) -> None:
    dialog = shown(qtbot, window, VERSION)
    QAbstractItemModelTester(dialog.model)
    assert dialog.model.folder == f"{VERSION}/"
    assert names(dialog)[:2] == ["1001", "1002"]
    choose(dialog, "1001")
    qtbot.keyClick(dialog.view, Qt.Key.Key_Return)
    ready(qtbot, dialog)
    assert names(dialog) == ["Images", "Waveforms"]
    assert dialog.said.text() == "2 folders"
    qtbot.keyClick(dialog.view, Qt.Key.Key_Backspace)
    ready(qtbot, dialog)
    assert dialog.folder.text() == f"{VERSION}/"
    dialog.folder.setText(f"/{VERSION}/1001/Images")
    qtbot.keyClick(dialog.folder, Qt.Key.Key_Return)
    ready(qtbot, dialog)
    assert names(dialog) == ["a.dcm"]
    assert dialog.said.text() == "1 file"
    cells = [dialog.model.index(0, column).data() for column in range(len(model.COLUMNS))]
    assert cells[:3] == ["a.dcm", "File", "5 B"]
    assert cells[3] not in ("", "–")
    dialog.reject()


def test_a_large_folder_comes_in_parts_and_ends_at_a_limit(
    qtbot: QtBot, window: MainWindow, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chorus_gui.core.storage.local_level.PAGE", 40)
    monkeypatch.setattr(model, "MOST_ROWS", 100)
    for number in range(150):
        world.store.put(f"many/{number:03d}", b"")
    dialog = shown(qtbot, window, "many")
    seen = {dialog.model.rowCount()}
    while dialog.model.canFetchMore(dialog.view.rootIndex()):
        dialog.model.fetchMore(dialog.view.rootIndex())
        ready(qtbot, dialog)
        seen.add(dialog.model.rowCount())
    assert max(seen) == 120
    assert len(names(dialog)) == len(set(names(dialog)))
    assert "Search to find others" in dialog.said.text()
    dialog.reject()


def test_a_search_shows_what_it_found_and_the_way_back(qtbot: QtBot, window: MainWindow) -> None:
    dialog = shown(qtbot, window)
    dialog.search.setText("IMAGES dcm")
    qtbot.keyClick(dialog.search, Qt.Key.Key_Return)
    ready(qtbot, dialog)
    assert sorted(names(dialog)) == [f"{VERSION}/1001/Images/a.dcm", f"{VERSION}/1002/Images/b.dcm"]
    assert "2 files found" in dialog.said.text()
    dialog.above.click()
    ready(qtbot, dialog)
    assert VERSION in names(dialog)
    assert dialog.search.text() == ""
    dialog.reject()


def test_a_search_can_be_stopped(qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = shown(qtbot, window)
    real = LocalStore.pages

    def endless(self: LocalStore, prefix: str = "", marker: str = "") -> object:
        while True:  # until the job's checkpoint raises
            yield from real(self, prefix, marker)

    monkeypatch.setattr(LocalStore, "pages", endless)
    dialog.search.setText("person")
    dialog.search_button.click()
    qtbot.waitUntil(lambda: dialog.model.search is not None and len(dialog.model.search.found) > 1, timeout=20_000)
    assert dialog.stop.isEnabled()
    dialog.stop.click()
    assert not dialog.model.busy
    assert dialog.said.text().startswith("Stopped after")
    assert not dialog.stop.isEnabled()
    dialog.reject()


def test_one_file_is_downloaded(qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = shown(qtbot, window, f"{VERSION}/1001/Images")
    choose(dialog, "a.dcm")
    target = tmp_path / "copy.dcm"
    monkeypatch.setattr("chorus_gui.ui.dialogs.store.ask_save", lambda *_: (target, ""))
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        dialog.download.click()
    assert target.read_text() == "image"
    qtbot.waitUntil(lambda: str(target) in dialog.said.text(), timeout=20_000)
    settle(qtbot, window.session)
    target.unlink()
    monkeypatch.setattr("chorus_gui.ui.dialogs.store.ask_save", lambda *_: (None, ""))
    dialog.download.click()
    assert not target.exists()
    dialog.reject()


def test_a_download_that_fails_says_why(
    qtbot: QtBot, window: MainWindow, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = shown(qtbot, window, f"{VERSION}/1001/Images")
    choose(dialog, "a.dcm")
    world.store.delete(f"{VERSION}/1001/Images/a.dcm")
    monkeypatch.setattr("chorus_gui.ui.dialogs.store.ask_save", lambda *_: (tmp_path / "copy.dcm", ""))
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        dialog.download.click()
    qtbot.waitUntil(lambda: "no longer in the central store" in dialog.said.text(), timeout=20_000)
    assert dialog.said.property("grade") == Grade.BAD.value
    dialog.reject()


def test_the_address_is_copied(qtbot: QtBot, window: MainWindow, world: World) -> None:
    dialog = shown(qtbot, window, f"{VERSION}/1001/Images")
    choose(dialog, "a.dcm")
    dialog.copy.click()
    assert Path(QGuiApplication.clipboard().text()) == world.central / VERSION / "1001" / "Images" / "a.dcm"
    dialog.reject()


def test_a_store_that_does_not_answer_is_a_sentence(qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = shown(qtbot, window)

    def gone(*_: object) -> object:
        raise StoreUnavailableError("The central store did not answer.", remedy="Check the network.")

    monkeypatch.setattr(LocalStore, "level", gone)
    dialog.show_folder(VERSION)
    ready(qtbot, dialog)
    assert "Check the network." in dialog.said.text()
    assert dialog.said.property("grade") == Grade.BAD.value
    dialog.reject()


def test_another_configuration_closes_it(qtbot: QtBot, window: MainWindow) -> None:
    dialog = shown(qtbot, window)
    gone: list[int] = []
    dialog.finished.connect(gone.append)
    window.do(intents.CloseConfig())
    assert gone
    window.do(intents.ShowPage("store"))
    assert not [one for one in window.findChildren(StoreDialog) if one.isVisible()]


def test_history_opens_the_folder_of_a_version(qtbot: QtBot, window: MainWindow) -> None:
    page = window.page("history")
    assert isinstance(page, HistoryPage)
    window.show_page("history")
    page.versions.view.selectRow(0)
    page.files.click()
    dialog = window.findChildren(StoreDialog)[-1]
    ready(qtbot, dialog)
    assert dialog.model.folder == f"{VERSION}/"
    dialog.reject()
