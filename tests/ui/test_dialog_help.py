"""The Help menu: the guide, the shortcuts, about."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QAction, QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from chorus_gui import __version__
from chorus_gui.core.folders import guide
from chorus_gui.ui.dialogs.help import LICENCES, TELEMETRY, AboutDialog, GuideDialog, ShortcutsDialog
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session
from chorus_gui.ui.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    session = Session(Settings(tmp_path / "window.ini"))
    window = MainWindow(session)
    window.show()
    yield window
    with qtbot.waitSignal(window.closed, timeout=20_000):
        window._stop()
    window.deleteLater()
    session.deleteLater()


def chosen(window: MainWindow, text: str) -> None:
    next(found for found in window.findChildren(QAction) if found.text().replace("&", "") == text).trigger()


def test_the_guide_is_there_in_a_checkout_and_in_the_wheel() -> None:
    assert guide().read_text("utf-8").startswith("# ")
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"]["docs/user-guide.md"] == "chorus_gui/_resources/docs/user-guide.md"
    assert "user-guide.md" in (ROOT / "build_exe.spec").read_text("utf-8")


def test_the_guide_can_be_searched(qtbot: QtBot, window: MainWindow) -> None:
    chosen(window, "User guide")
    dialog = window.findChildren(GuideDialog)[0]
    qtbot.keyClicks(dialog.search, "journal")
    first = dialog.text.textCursor().selectionStart()
    assert dialog.text.textCursor().selectedText().lower() == "journal"
    dialog.search.returnPressed.emit()
    assert dialog.text.textCursor().selectionStart() > first
    dialog.search.clear()
    qtbot.keyClicks(dialog.search, "xylophone!")
    assert dialog.found.text() == "Not found"
    assert "![" not in dialog.text.toPlainText()
    dialog.reject()


def test_links_of_the_guide(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    file = tmp_path / "guide.md"
    file.write_text("# One\n\n![a picture](a.png)\n\ntext", "utf-8")
    dialog = GuideDialog(None, file)
    qtbot.addWidget(dialog)
    for url in ("https://example.org/", "file:///etc/passwd", "other.md", "#one"):
        dialog.text.anchorClicked.emit(QUrl(url))
    assert opened == ["https://example.org/"]
    assert "picture" not in dialog.text.toPlainText()


def test_the_shortcuts_are_those_of_the_menus(window: MainWindow) -> None:
    chosen(window, "Keyboard shortcuts")
    dialog = window.findChildren(ShortcutsDialog)[0]
    rows = [dialog.table.topLevelItem(number) for number in range(dialog.table.topLevelItemCount())]
    told = {row.text(0): row.text(1) for row in rows if row is not None}
    assert told["Scan the site"] == "Ctrl+R"
    assert told["Overview"] == "Ctrl+1"
    with_keys = [action for action in window.findChildren(QAction) if action.parent() is window and not action.shortcut().isEmpty()]
    assert len(with_keys) == len(rows) - 3
    keys = [action.shortcut().toString() for action in with_keys]
    assert len(set(keys)) == len(keys), "two entries with one shortcut"
    dialog.reject()


def test_about_tells_version_licences_and_that_nothing_is_sent(qtbot: QtBot, window: MainWindow) -> None:
    chosen(window, "About CHoRUS Upload")
    dialog = window.findChildren(AboutDialog)[0]
    texts = " ".join(part.text() for part in dialog.findChildren(type(window.top.badge)))
    assert __version__ in texts
    assert TELEMETRY in texts
    next(b for b in dialog.findChildren(QPushButton) if b.text() == "&Copy details").click()
    assert __version__ in QGuiApplication.clipboard().text()
    dialog.reject()


def test_every_dependency_has_its_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {re.split(r"[<>=]", text)[0].strip() for text in project["dependencies"]} == set(LICENCES)
    architecture = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    assert all(name in architecture and licence in architecture for name, licence in LICENCES.items())
