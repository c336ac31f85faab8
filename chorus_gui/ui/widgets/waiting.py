"""What the running job waits for: at the foot of the window, from the third silent second on."""

from __future__ import annotations

import re

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame

from chorus_gui.core.model import Grade
from chorus_gui.core.waiting import Waiting
from chorus_gui.ui import theme
from chorus_gui.ui.in_window import in_window
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.announcing import announce
from chorus_gui.ui.widgets.basics import Picture, button, label, row


class WaitBar(QFrame):
    """Says what a job waits for, why, since when and until when.  ``renew``: the person wants to enter another credential for it."""

    renew = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("notice", Grade.WARNING.value)
        self.shown: Waiting | None = None
        self._warning = ""
        self._said: tuple[object, ...] = ()
        icon = Picture(20)
        icon.show_grade(Grade.WARNING)
        self.text = label("", wrap=True)
        self.enter = button("&Enter new credential…", "Enter another credential. The job continues with it.", primary=True)
        self.enter.clicked.connect(lambda: self.renew.emit(self.shown))
        line = row(icon, self.text, self.enter, space=2 * SPACE, margins=(12, 6, 6, 6))
        line.setStretch(1, 1)
        self.setLayout(line)
        self.hide()

    @property
    def empty(self) -> bool:
        """It says nothing."""
        return self.shown is None and not self._warning

    def show_waiting(self, waiting: Waiting | None, warning: str = "") -> None:
        """Draw it, or what the person should know before the job ends; None and "": nothing."""
        if (waiting, warning) == (self.shown, self._warning):
            return
        self.shown, self._warning = waiting, warning
        self.setVisible(waiting is not None or bool(warning))
        self.text.setText(in_window(waiting.text if waiting is not None else warning, "with “Enter new credential…”"))
        self.text.setAccessibleName(self.text.text())
        self.enter.setVisible(waiting is not None and waiting.ends and bool(waiting.credential))
        theme.restyle(self)
        said, self._said = self._said, _kind(waiting, warning)
        if self._said != said:
            announce(self.text, self.text.text())


def _kind(waiting: Waiting | None, warning: str) -> tuple[object, ...]:
    """What a screen reader has said: the same with another time, count or file is not said again."""
    if waiting is None:
        return (re.sub(r"\d+", "", warning),)
    return waiting.place, waiting.why, bool(waiting.file), waiting.remedy, waiting.credential, waiting.ends
