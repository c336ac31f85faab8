"""A field for a secret: masked, shown for a moment on request, read as soon as it is pasted."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QTimer, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from chorus_gui.app.credentials import Facts
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, column, label, row, set_grade, set_icon

SHOWN_MS = 20_000
"""A secret that was shown is masked again after this long, and when the window is left."""


class SecretEdit(QWidget):
    """``edited`` carries the text after every change a person makes.  What is known about it is shown below it, never the secret."""

    edited = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.edit = QLineEdit()
        self.edit.setEchoMode(QLineEdit.EchoMode.Password)
        self.edit.setAccessibleName(name)
        self.edit.textEdited.connect(self.edited)
        self.reveal = button("", f"Show the {name} for {SHOWN_MS // 1000} seconds", icon="eye", flat=True)
        self.reveal.setCheckable(True)
        self.reveal.setAccessibleName(f"Show {name}")
        self.reveal.toggled.connect(self._toggle)
        self.headline = label("", wrap=True)
        self.details = label("", "muted", wrap=True)
        line = row(self.edit, self.reveal, space=SPACE // 2)
        line.setStretch(0, 1)
        self.setLayout(column(line, self.headline, self.details, space=2))
        self.setFocusProxy(self.edit)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SHOWN_MS)
        self._timer.timeout.connect(self.mask)
        self.show_facts(None)

    def text(self) -> str:
        """The secret."""
        return self.edit.text()

    def show_text(self, text: str) -> None:
        """Another secret; it is masked."""
        if self.edit.text() != text:
            self.edit.setText(text)

    def show_facts(self, facts: Facts | None) -> None:
        """What is known about it."""
        self.headline.setText(facts.headline if facts else "")
        self.headline.setVisible(facts is not None)
        self.details.setText(" ".join(facts.sentences) if facts else "")
        self.details.setVisible(facts is not None and bool(facts.sentences))
        set_grade(self.headline, facts.grade if facts else None)

    def mask(self) -> None:
        """Show dots again."""
        self.reveal.setChecked(False)

    def _toggle(self, shown: bool) -> None:
        self.edit.setEchoMode(QLineEdit.EchoMode.Normal if shown else QLineEdit.EchoMode.Password)
        set_icon(self.reveal, "eye_off" if shown else "eye")
        self.reveal.setToolTip(plain_text(f"Hide the {self._name}" if shown else f"Show the {self._name} for {SHOWN_MS // 1000} seconds"))
        self._timer.start() if shown else self._timer.stop()

    def hideEvent(self, event: QHideEvent) -> None:
        """It is no longer on screen."""
        super().hideEvent(event)
        self.mask()

    def changeEvent(self, event: QEvent) -> None:
        """The window was left."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.ActivationChange and not self.isActiveWindow():
            self.mask()
