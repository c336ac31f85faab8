"""A table of some hundred values, sortable: a column is a title and a function of the value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor

from chorus_gui.core.model import Grade
from chorus_gui.ui import theme
from chorus_gui.ui.shown import shown_data

T = TypeVar("T")
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """``text`` is what is shown, ``key`` what it is sorted by (default: the text), ``tip`` the tooltip, ``grade`` the colour."""

    title: str
    text: Callable[[T], str]
    key: Callable[[T], Any] | None = None
    right: bool = False
    tip: Callable[[T], str] | None = None
    grade: Callable[[T], Grade | None] | None = None


class RowsModel(QAbstractTableModel, Generic[T]):
    """Values as rows."""

    def __init__(self, columns: Sequence[Column[T]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._columns = tuple(columns)
        self._rows: list[T] = []
        self._given: tuple[T, ...] = ()
        self._sorted: tuple[int, bool] | None = None

    def show_rows(self, rows: Sequence[T]) -> None:
        """Show these, in the order that was chosen; the same ones again leave the selection alone."""
        given = tuple(rows)
        if given == self._given:
            return
        self.beginResetModel()
        self._given = given
        self._arrange()
        self.endResetModel()

    def show_columns(self, columns: Sequence[Column[T]]) -> None:
        """Other columns."""
        if [c.title for c in columns] == [c.title for c in self._columns]:
            return
        self.beginResetModel()
        self._columns = tuple(columns)
        self._sorted = None
        self._arrange()
        self.endResetModel()

    def value(self, row: int) -> T | None:
        """The value of a row."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By a column; -1: in the given order."""
        self.layoutAboutToBeChanged.emit()
        before = self._rows
        self._sorted = (column, order is Qt.SortOrder.DescendingOrder) if 0 <= column < len(self._columns) else None
        self._arrange()
        place = {id(value): row for row, value in enumerate(self._rows)}
        for index in self.persistentIndexList():
            self.changePersistentIndex(index, self.index(place[id(before[index.row()])], index.column()))
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        self._rows = list(self._given)
        if self._sorted is not None:
            number, descending = self._sorted
            column = self._columns[number]
            self._rows.sort(key=column.key or column.text, reverse=descending)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """The number of values."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """The number of columns."""
        return 0 if parent.isValid() else len(self._columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The columns' titles."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._columns[section].title
        return self._alignment(section) if role == Qt.ItemDataRole.TextAlignmentRole else None

    @shown_data
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell."""
        if not index.isValid():
            return None
        column, value = self._columns[index.column()], self._rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.text(value)
            case Qt.ItemDataRole.ToolTipRole:
                return column.tip(value) if column.tip else column.text(value)
            case Qt.ItemDataRole.TextAlignmentRole:
                return self._alignment(index.column())
            case Qt.ItemDataRole.ForegroundRole if column.grade is not None:
                grade = column.grade(value)
                return QColor(theme.current().grade(grade)) if grade else None
        return None

    def _alignment(self, column: int) -> int:
        side = Qt.AlignmentFlag.AlignRight if self._columns[column].right else Qt.AlignmentFlag.AlignLeft
        return int(side | Qt.AlignmentFlag.AlignVCenter)
