"""A selection of very many rows costs no more than one of a few."""

from __future__ import annotations

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex
from pytestqt.qtbot import QtBot

from chorus_gui.ui.widgets.tables import table

ROWS = 20_000


class Counting(QAbstractTableModel):
    """Many rows; counts how often a view asks how many."""

    asked = 0

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        self.asked += 1
        return ROWS

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 3

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = 0) -> object:
        return None


def test_the_header_does_not_ask_about_each_selected_row(qtbot: QtBot) -> None:
    model = Counting()
    view = table(model, "Many", stretch=0)
    view.setSelectionMode(view.SelectionMode.ExtendedSelection)
    view.horizontalHeader().setSectionsClickable(True)
    qtbot.addWidget(view)
    view.resize(600, 400)
    view.show()
    qtbot.waitExposed(view)
    model.asked = 0
    view.selectAll()
    view.grab()
    assert model.asked < ROWS
