"""All jobs have ended, and a person chose what happens then: a minute to cancel it."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QProgressBar, QWidget

from chorus_gui.app.words import plural
from chorus_gui.ui.state import Afterwards
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, column, label, row
from chorus_gui.ui.widgets.dialogs import Dialog

SECONDS = 60
ASLEEP_S = 30.0
"""If this many seconds pass between two ticks, the computer slept meanwhile. What a person chose in the evening must not take effect in the morning."""

TITLES = {Afterwards.CLOSE: "Close the program?", Afterwards.SLEEP: "Put the computer to sleep?"}
_SOON = {Afterwards.CLOSE: "The program closes in {}.", Afterwards.SLEEP: "The computer goes to sleep in {}."}
_NOW = {Afterwards.CLOSE: "Close now", Afterwards.SLEEP: "Sleep now"}


class AfterwardsDialog(Dialog):
    """Counts down, then calls ``act``.  ``why``: sentences about what else happens.  ``later``: a job began meanwhile, so this is not the time.

    ``clock`` is this computer's, in seconds.
    """

    def __init__(
        self,
        parent: QWidget | None,
        what: Afterwards,
        why: str,
        act: Callable[[], None],
        later: Callable[[], bool],
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(parent, TITLES[what])
        self._what, self._act, self._later, self._clock = what, act, later, clock
        self._left, self._seen = SECONDS, clock()
        self.text = label("", "heading", wrap=True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, SECONDS)
        self.bar.setAccessibleName("Time to cancel")
        self.cancel = button("Cancel", "Do nothing, and keep the program open (Esc)", primary=True)
        self.cancel.setDefault(True)
        self.now = button(_NOW[what], "Do not wait until the time is over")
        self.now.setAutoDefault(False)
        self.cancel.clicked.connect(self.reject)
        self.now.clicked.connect(self._do)
        said = label(f"All jobs have ended. {why}".strip(), wrap=True)
        self.compose(column(self.text, said, self.bar, space=2 * SPACE), row(None, self.now, self.cancel))
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.CoarseTimer)
        self._timer.setInterval(1000)
        self._timer.timeout.connect(self.tick)
        self._say()
        self.cancel.setFocus()
        self._timer.start()

    def tick(self) -> None:
        """A second has passed."""
        now, before = self._clock(), self._seen
        self._seen = now
        if self._later() or abs(now - before) > ASLEEP_S:
            self.reject()
            return
        self._left -= 1
        self._say()
        if self._left <= 0:
            self._do()

    def done(self, result: int) -> None:
        """However it closes, it no longer counts."""
        self._timer.stop()
        super().done(result)

    def _do(self) -> None:
        self.accept()
        self._act()

    def _say(self) -> None:
        seconds = max(self._left, 0)
        self.text.setText(_SOON[self._what].format(plural(seconds, "second")))
        self.bar.setValue(seconds)
