"""What changed, in words, above the tiles of the Review page: each part of the sentence shows its changes alone."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QPushButton, QWidget

from chorus_gui.app.what_changed import MEANINGS, phrase
from chorus_gui.core.review.values import Part, WhatChanged
from chorus_gui.ui import words
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, label
from chorus_gui.ui.widgets.flow import FlowLayout


class ChangedBar(QWidget):
    """The parts as buttons, of which one at most is pressed.  ``changed`` when a person pressed or released one."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._flow = FlowLayout(SPACE // 2)
        self.setLayout(self._flow)
        self._shown: WhatChanged | None = None
        self._said = label("What changed:", "muted")
        self._flow.addWidget(self._said)
        self.buttons: dict[Part, QPushButton] = {}

    @property
    def part(self) -> Part | None:
        """The part that is pressed."""
        return next((part for part, shown in self.buttons.items() if shown.isChecked()), None)

    def show_changed(self, found: WhatChanged | None) -> None:
        """Show these parts.  The one that is pressed stays so, if it is still there."""
        if found == self._shown:
            return
        self._shown = found
        pressed = self.part
        for shown in self.buttons.values():
            self._flow.removeWidget(shown)
            shown.hide()
            shown.deleteLater()
        self.buttons = {}
        for one in found.parts if found else ():
            made = button(phrase(one, found and found.since_us, words.day), f"{MEANINGS[one.part]} Select to show only these.")
            made.setProperty("part", "true")
            made.setCheckable(True)
            made.setChecked(one.part is pressed)
            made.toggled.connect(lambda on, part=one.part: self._toggled(part, on=on))
            self.buttons[one.part] = made
            self._flow.addWidget(made)
        self._said.setMinimumHeight(max((shown.sizeHint().height() for shown in self.buttons.values()), default=0))
        self.setVisible(bool(self.buttons))

    def press(self, part: Part | None) -> None:
        """Press this one, or none, without a signal."""
        for one, shown in self.buttons.items():
            with QSignalBlocker(shown):
                shown.setChecked(one is part)

    def _toggled(self, part: Part, *, on: bool) -> None:
        if on:
            self.press(part)
        self.changed.emit()
