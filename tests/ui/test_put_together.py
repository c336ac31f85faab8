"""The window is put together without the style sheet.  With it, Qt looks at each part again for each layout around it: that took twice as long."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import shiboken6
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from chorus_gui.ui import theme
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session


class Looks(QObject):
    """Counts how often a widget had to find its style again."""

    def __init__(self, application: QApplication) -> None:
        super().__init__()
        self._seen: list[int] = []
        application.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.StyleChange and isinstance(watched, QWidget):
            self._seen.append(shiboken6.getCppPointer(watched)[0])
        return False

    def of(self, widgets: Iterable[QWidget]) -> int:
        """Widgets that earlier tests left find their style again, too: only these count."""
        these = {shiboken6.getCppPointer(widget)[0] for widget in widgets}
        return sum(one in these for one in self._seen)


def test_the_window_finds_its_style_once(qtbot: QtBot, qapp: QApplication, session: Session) -> None:
    theme.apply(qapp, theme.wanted(session.settings.theme))
    looks = Looks(qapp)
    window = MainWindow(session)
    qapp.removeEventFilter(looks)
    qtbot.addWidget(window)
    assert qapp.styleSheet() == theme.style_sheet(theme.current(), qapp.font())
    parts = [window, *window.findChildren(QWidget)]
    assert len(parts) <= looks.of(parts) < 2 * len(parts)


def test_a_window_that_cannot_be_made_leaves_the_style_sheet(qapp: QApplication, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    theme.apply(qapp, theme.LIGHT)
    monkeypatch.setattr(MainWindow, "_put_together", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        MainWindow(session)
    assert qapp.styleSheet() == theme.style_sheet(theme.LIGHT, qapp.font())
