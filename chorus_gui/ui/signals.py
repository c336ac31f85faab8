"""Ctrl+C in a terminal, ``kill``, a terminal that is closed: the program stops its jobs and ends, as when its window is closed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QSocketNotifier

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Signals(QObject):
    """Calls ``leave`` in the screen's thread when the system asks the program to end.  On Windows a log-off is reported in another way.

    Python runs a signal's handler only between two of its own instructions, and an idle event loop has none: the number of the
    signal comes through a pipe that Qt waits for.
    """

    def __init__(self, leave: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._leave = leave
        self._before: dict[int, Any] = {}
        self._pipe: tuple[int, int] | None = None
        if os.name != "posix":
            return
        self._pipe = os.pipe()
        for end in self._pipe:
            os.set_blocking(end, False)
        self._wakeup = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        self._notifier = QSocketNotifier(self._pipe[0], QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._come)
        for number in (getattr(signal, name) for name in _NAMES):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                self._before[number] = signal.signal(number, lambda *_: None)

    def remove(self) -> None:
        """Restore the earlier handlers."""
        if self._pipe is None:
            return
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        self._notifier.setEnabled(False)
        for end in self._pipe:
            os.close(end)
        self._pipe = None

    def _come(self) -> None:
        if self._pipe is not None and any(number in self._before for number in os.read(self._pipe[0], 64)):
            self._leave()
