"""Somebody with a keyboard and no mouse: every key goes to the window that has the focus, as the system sends it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QKeyCombination, QObject
from PySide6.QtGui import QAccessible, QGuiApplication, QKeySequence, QWindow
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

MOST_TABS = 120
"""so many times Tab is pressed, and then there is no way to a control"""


class MouseWatch(QObject):
    """Counts what a mouse would do."""

    def __init__(self) -> None:
        super().__init__()
        self.used = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See :class:`QObject`."""
        if event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick, QEvent.Type.Wheel):
            self.used += 1
        return super().eventFilter(watched, event)


class Keyboard:
    """Presses keys, and knows only what a screen reader says."""

    def __init__(self, qtbot: QtBot, window: QWidget) -> None:
        self.qtbot, self.window = qtbot, window
        self._activate()

    def _activate(self) -> None:
        """What a window manager does when a dialog is closed: the window behind it gets the focus."""

        def active() -> bool:
            front = QApplication.activeModalWidget() or self.window
            if not front.isActiveWindow():
                front.activateWindow()
            return QGuiApplication.focusWindow() is not None

        self.qtbot.waitUntil(active, timeout=10_000)

    def _target(self) -> QWindow:
        focus = QGuiApplication.focusWindow()
        if focus is None or not focus.isVisible():
            self._activate()
            focus = QGuiApplication.focusWindow()
        assert focus is not None
        return focus

    @property
    def here(self) -> str:
        """What a screen reader says where the focus is."""
        focus = QApplication.focusWidget()
        told = QAccessible.queryAccessibleInterface(focus) if focus is not None else None
        return told.text(QAccessible.Text.Name) if told is not None else ""

    def press(self, keys: str) -> None:
        """A key with its modifiers: “Ctrl+R”."""
        pressed: QKeyCombination = QKeySequence(keys)[0]  # type: ignore[index]  # the stubs do not know it
        QTest.keyClick(self._target(), pressed.key(), pressed.keyboardModifiers())

    def type(self, text: str) -> None:
        """Letter by letter."""
        for letter in text:
            QTest.keyClick(self._target(), letter)  # type: ignore[call-overload]  # the stubs know only numbers

    def tab_to(self, name: str) -> None:
        """Press Tab until the focus is on the control of this name."""
        seen = [self.here]
        while self.here != name:
            assert len(seen) < MOST_TABS, f"Tab does not reach “{name}”, only {sorted(set(seen))}"
            self.press("Tab")
            seen.append(self.here)

    def wait(self, ready: Callable[[], bool]) -> None:
        """Until something is so."""
        self.qtbot.waitUntil(ready, timeout=60_000)
