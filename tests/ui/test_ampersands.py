"""An “&” in a name from outside is shown on buttons and in menus; it is not taken for the mark of a letter."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot
from uiworld import a_session

from chorus_gui.app.draft import Draft
from chorus_gui.core.errors import Fault
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.pages.configuration_findings import FindingsPanel
from chorus_gui.ui.palette import commands
from chorus_gui.ui.settings import Settings
from chorus_gui.ui.widgets.basics import button


def test_the_recent_files_of_the_menu_and_the_list_of_commands(qtbot: QtBot, tmp_path: Path) -> None:
    settings = Settings(tmp_path / "window.ini")
    settings.put("recents", str(tmp_path / "R&D" / "a&b.toml"))
    settings.sync()
    with a_session(qtbot, tmp_path) as session:
        window = MainWindow(session)
        window.menus.render(session.state)
        assert [action.text() for action in window.menus._recents.actions()] == ["R&&D / a&&b.toml"]
        assert "R&D / a&b.toml" in {one.title for one in commands(window)}
        window.stopped = True
        window.close()
        window.deleteLater()


def test_a_suggested_value(qtbot: QtBot, tmp_path: Path) -> None:
    panel = FindingsPanel()
    qtbot.addWidget(panel)
    fault = Fault("central_path.path", "It is wrong.", "Correct it.", "D:/R&D")
    panel.show_findings(Draft(tmp_path / "config.toml", 'central_path.path = "x"\n'), [fault], [])
    use = panel.findChildren(QPushButton)[0]
    assert use.text() == "Use “D:/R&&D”"
    assert use.accessibleName() == "Use “D:/R&D”"


def test_a_button_says_what_it_shows() -> None:
    made = button("Save &R&&D")
    assert (made.accessibleName(), made.toolTip()) == ("Save R&D", "Save R&D")
