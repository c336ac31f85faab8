"""What lets the thread that paints answer while other threads of this process work.

The interpreter runs one thread at a time.  Each call into Qt gives its lock to another thread, and gets it again after
``sys.getswitchinterval()`` if that thread computes: a page makes hundreds of such calls.  A collection of all garbage stops every thread: with
a long list being read, for 0.1 to 0.4 seconds (docs/performance.md).
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

SWITCH_S = 0.0005
LOOK_MS = 60_000
LATEST_S = 600.0
"""While jobs follow one another, all garbage is collected after this time."""
NEVER = 1_000_000_000


class Answering(QObject):
    """From now on threads change quickly, and all garbage is collected only once a minute, while nothing works (``idle``).

    What is there already is never looked at again.  Young garbage is collected as usual.
    """

    def __init__(self, idle: Callable[[], bool], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._idle = idle
        self._collected = time.monotonic()
        sys.setswitchinterval(SWITCH_S)
        gc.freeze()
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, NEVER)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()

    def look(self) -> None:
        """Collect, if nothing works or it was long ago."""
        if self._idle() or time.monotonic() - self._collected > LATEST_S:
            self._collected = time.monotonic()
            gc.collect()
