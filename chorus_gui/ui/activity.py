"""Notes that a person works in the window, so that unattended runs of the same configuration wait."""

from __future__ import annotations

import time
from pathlib import Path

from PySide6.QtCore import QEvent, QObject

from chorus_gui.app.unattended import working

EVERY_S = 30.0
"""So often it is noted."""
_INPUT = (QEvent.Type.KeyPress, QEvent.Type.MouseButtonPress, QEvent.Type.Wheel)


class Activity(QObject):
    """Sees the keys and clicks of the application while a configuration is open."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._config: Path | None = None
        self._since = 0
        self._noted = 0.0

    def follow(self, config: Path | None) -> None:
        """This configuration is open now; None: none is."""
        if config != self._config:
            self._config, self._since, self._noted = config, time.time_ns() // 1000, 0.0
            if config is None:
                working.end()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See :meth:`QObject.eventFilter`."""
        if self._config is not None and event.type() in _INPUT and event.spontaneous():
            self.note()
        return super().eventFilter(watched, event)

    def note(self) -> None:
        """Somebody did something; written at most every :data:`EVERY_S` seconds."""
        now = time.monotonic()
        if self._config is not None and (not self._noted or now - self._noted >= EVERY_S):
            self._noted = now
            working.note(self._config, self._since)
