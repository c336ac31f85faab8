"""Rows on a page that come and go by themselves: they wait for a moment at which nobody is about to select something that they would move."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from PySide6.QtCore import QElapsedTimer, QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

STILL_MS = 1000
"""The mouse rests when nobody has moved it or pressed a button for so long."""
MOST_MS = 3000
"""No row waits longer, unless a button is down."""
_MOUSE = frozenset(
    {
        QEvent.Type.MouseMove,
        QEvent.Type.MouseButtonPress,
        QEvent.Type.MouseButtonRelease,
        QEvent.Type.MouseButtonDblClick,
        QEvent.Type.Wheel,
    }
)


class Steady(QObject):
    """Makes a change of a page's layout at once if the mouse rests, otherwise as soon as it does.  People who use the keyboard wait for nothing."""

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner)
        self._owner = owner
        self._change: Callable[[], None] | None = None
        self._last, self._held = QElapsedTimer(), QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setInterval(STILL_MS // 10)
        self._timer.timeout.connect(self._try)
        self._watched: QObject | None = None

    @property
    def waits(self) -> bool:
        """A change is not made yet."""
        return self._change is not None

    def soon(self, change: Callable[[], None]) -> None:
        """Make this change; one that still waits is forgotten."""
        self._watch()
        if self._change is None:
            self._held.start()
        self._change = change
        self._try()

    def now(self, change: Callable[[], None]) -> None:
        """Make it at once: everything moves anyway, or the person asked for it."""
        self._watch()
        self._change = None
        self._timer.stop()
        change()

    def set_working(self, buttons: Iterable[tuple[object, QWidget]], wanted: Sequence[object], *, busy: bool) -> None:
        """Each button with its row: it works while its row is wanted and no job runs.  That never waits: a row that is shown only because the
        mouse moves must not do what was withdrawn, and a second click must not do it twice.
        """
        self._watch()
        for its_row, one in buttons:
            one.setEnabled(not busy and its_row in wanted)

    def _watch(self) -> None:
        handle = self._owner.window().windowHandle()
        if handle is not None and handle is not self._watched:
            self._watched = handle
            handle.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the mouse over the window."""
        if event.type() in _MOUSE:
            self._last.start()
        return super().eventFilter(watched, event)

    @property
    def _busy(self) -> bool:
        parent = self._owner.parentWidget()
        if parent is None or not parent.isVisible():
            return False
        if QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton:
            return True
        return self._last.isValid() and self._last.elapsed() < STILL_MS and self._held.elapsed() < MOST_MS

    def _try(self) -> None:
        if self._busy:
            self._timer.start()
        elif (change := self._change) is not None:
            self.now(change)
