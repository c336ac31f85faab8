"""What is dropped on the window: a configuration, a folder with one, a folder without one, and what cannot be opened."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from pytestqt.qtbot import QtBot
from uiworld import settle
from world import World

from chorus_gui.core.errors import UsageError
from chorus_gui.core.model import Grade
from chorus_gui.ui.assistant import Assistant
from chorus_gui.ui.dropped import look_at
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session


@pytest.fixture
def window(qtbot: QtBot, session: Session) -> MainWindow:
    made = MainWindow(session)
    qtbot.addWidget(made)
    made.show()
    return made


def data(*paths: Path | str) -> QMimeData:
    made = QMimeData()
    made.setUrls([QUrl.fromLocalFile(str(path)) if isinstance(path, Path) else QUrl(path) for path in paths])
    return made


def drop(qtbot: QtBot, window: MainWindow, *paths: Path | str) -> bool:
    """Whether the window takes it; if it does, it is dropped, and what follows has ended."""
    mime = data(*paths)
    place, buttons, keys = QPointF(50, 50), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(place.toPoint(), Qt.DropAction.CopyAction, mime, buttons, keys)
    enter.ignore()
    window.dragEnterEvent(enter)
    if not enter.isAccepted():
        return False
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        window.dropEvent(QDropEvent(place, Qt.DropAction.CopyAction, mime, buttons, keys))
    settle(qtbot, window.session)
    return True


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_configuration_and_the_folder_that_has_it_open_the_site(qtbot: QtBot, window: MainWindow, world: World, what: str) -> None:
    assert drop(qtbot, window, world.file if what == "file" else world.base)
    assert window.state.config_file == world.file
    assert window.state.config is not None
    assert window.findChild(Assistant) is None


def test_a_folder_without_a_configuration_is_suggested_as_a_new_site(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    folder = tmp_path / "patients of 2026"
    folder.mkdir()
    assert drop(qtbot, window, folder)
    assistant = window.findChild(Assistant)
    assert assistant is not None
    assert assistant.site.folder.edit.text() == str(folder)
    assert assistant.site.answer(assistant._answers).site == str(folder)
    assert window.state.config_file is None
    assert window.state.last is not None
    assert "can be a new site" in window.state.last.text
    assistant.reject()


def test_files_and_several_folders_get_a_sentence(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    image = tmp_path / "a" / "image.dcm"
    image.write_bytes(b"x")
    for paths, what in (
        ((image,), "“image.dcm” is not a configuration."),
        ((tmp_path / "a", tmp_path / "b"), "2 files and folders were dropped at once."),
        ((tmp_path / "gone",), "“gone” is not a configuration."),
    ):
        assert drop(qtbot, window, *paths)
        last = window.state.last
        assert last is not None
        assert last.grade is Grade.BAD
        assert what in last.text
        assert "Drop one folder" in last.remedy
    assert window.state.config_file is None
    assert window.findChild(Assistant) is None


def test_what_is_not_on_this_computer_is_not_taken(qtbot: QtBot, window: MainWindow) -> None:
    assert not drop(qtbot, window, "https://example.org/config.toml")
    assert not drop(qtbot, window)
    assert not drop(qtbot, window, "file:"), "it would be the current folder"
    assert not drop(qtbot, window, "file://")


def test_what_the_system_cannot_look_at_gets_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(path: Path) -> bool:
        raise OSError(errno.EINVAL, "Invalid argument")

    with monkeypatch.context() as patch:
        patch.setattr("chorus_gui.ui.dropped.Path.is_dir", refusing)
        with pytest.raises(UsageError, match=r"Could not read “odd”: Invalid argument\."):
            look_at((tmp_path / "odd",))
