"""Tell a person who is doing something else that a long job has ended: the task bar, and a message where there is a tray."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

from chorus_gui.core.model import Grade
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.state import JobEnd
from chorus_gui.ui.widgets.icons import program_icon

LONG_JOB = 60.0
"""Seconds: nobody waits in front of the window for longer."""
SHOWN_MS = 15_000
_ICONS = {
    Grade.BAD: QSystemTrayIcon.MessageIcon.Critical,
    Grade.WARNING: QSystemTrayIcon.MessageIcon.Warning,
}


class Tray(Protocol):
    """What of a QSystemTrayIcon is used."""

    @property
    def messageClicked(self) -> Any:
        """A signal."""

    def show(self) -> None:
        """Messages need a visible icon."""
        ...

    def hide(self) -> None:
        """It is no longer needed."""
        ...

    def setToolTip(self, tip: str) -> None:
        """What the icon says when the pointer is over it."""
        ...

    def showMessage(self, title: str, msg: str, icon: QSystemTrayIcon.MessageIcon, msecs: int) -> None:
        """Show a message."""
        ...


def system_tray(parent: QObject) -> Tray | None:
    """The desktop's, if it has one that shows messages."""
    if not (QSystemTrayIcon.isSystemTrayAvailable() and QSystemTrayIcon.supportsMessages()):
        return None
    tray: QObject = QSystemTrayIcon(QIcon(program_icon()), parent)
    assert isinstance(tray, QSystemTrayIcon)
    return tray  # type: ignore[return-value]  # Qt overloads showMessage


class Notifier(QObject):
    """Watches the ends of jobs for a window.  ``wanted``: the person selected the message."""

    wanted = Signal()

    def __init__(
        self,
        window: QWidget,
        make_tray: Callable[[QObject], Tray | None] = system_tray,
        alert: Callable[[QWidget], None] = QApplication.alert,
    ) -> None:
        super().__init__(window)
        self._window, self._make_tray, self._alert = window, make_tray, alert
        self._tray: Tray | None = None
        self._status = ""

    def show_status(self, text: str) -> None:
        """Where the open site is, for the icon; "": nothing is open."""
        self._status = text
        if self._tray is not None:
            self._tray.setToolTip(plain_text(f"CHoRUS Upload\n{text}".strip()))

    def ended(self, end: JobEnd) -> None:
        """A job has ended: say so, if it was long and the window is not in front."""
        if end.seconds < LONG_JOB or self._window.isActiveWindow():
            return
        self._alert(self._window)
        if self._tray is None:
            self._tray = self._make_tray(self)
            if self._tray is None:
                return
            self._tray.messageClicked.connect(self._clicked)
            self.show_status(self._status)
        self._tray.show()
        self._tray.showMessage(
            plain_text(end.title or end.kind.value),
            plain_text(end.text),
            _ICONS.get(end.grade, QSystemTrayIcon.MessageIcon.Information),
            SHOWN_MS,
        )

    def seen(self) -> None:
        """The window is in front again: the tray is no longer needed."""
        if self._tray is not None:
            self._tray.hide()

    def _clicked(self) -> None:
        self.seen()
        self.wanted.emit()
