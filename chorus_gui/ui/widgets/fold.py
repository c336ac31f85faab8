"""A part of a form that is opened when it is needed."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, column, row, set_icon
from chorus_gui.ui.widgets.tab_order import tab_in_order


class Fold(QWidget):
    """A part of the form that is opened when it is needed; its content is made then."""

    def __init__(self, name: str, make: Callable[[], QWidget]) -> None:
        super().__init__()
        self._name = name
        self._make = make
        self.content: QWidget | None = None
        self.head = button(name, f"Show or hide “{name}”", icon="plus", flat=True)
        self.head.setCheckable(True)
        self.head.toggled.connect(self._toggle)
        self._column = column(row(self.head, None), space=SPACE)
        self.setLayout(self._column)

    def show_count(self, count: int) -> None:
        """How many of its keys the text has."""
        self.head.setText(f"{self._name}  ({count} set)" if count else self._name)
        self.head.setAccessibleName(self.head.text())

    def open(self) -> None:
        """Show what is in it."""
        self.head.setChecked(True)

    def _toggle(self, shown: bool) -> None:
        if self.content is None and shown:
            self.content = self._make()
            self._column.addWidget(self.content)
            tab_in_order(self.head, self.content)
        if self.content is not None:
            self.content.setVisible(shown)
        set_icon(self.head, "minus" if shown else "plus")
