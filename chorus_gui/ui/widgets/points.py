"""Parts of a dialog's text: the points of a list, and the name above a field."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from chorus_gui.core.model import Grade
from chorus_gui.ui.shown import unbroken
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import label, row, set_grade


def point(text: str, grade: Grade | None = None, *, selectable: bool = False) -> QHBoxLayout:
    """A point of a list: its second line begins below the first word, not below the dot."""
    dot, said = label("•"), label(text, wrap=True, selectable=selectable)
    QLabel.setText(said, unbroken(said.text()))
    for part in (dot, said):
        set_grade(part, grade)
    made = row(dot, said, space=SPACE)
    made.setAlignment(dot, Qt.AlignmentFlag.AlignTop)
    made.setStretch(1, 1)
    return made


def named(text: str, field: QWidget) -> QLabel:
    """The name of a field, which leads to it: Alt and its letter."""
    made = label(text, "muted")
    made.setBuddy(field)
    return made
