"""What the tables of the pages have in common, and a progress bar in a cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from PySide6.QtCore import QAbstractItemModel, QItemSelectionModel, QModelIndex, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QAction, QColor, QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QTreeView,
    QWidget,
)

from chorus_gui.ui import theme
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.widgets.column_widths import ColumnWidths, widths_of
from chorus_gui.ui.widgets.copying import copier_of, copying
from chorus_gui.ui.widgets.remembering import Remembered, remembered_of

View = TypeVar("View", bound=QTableView)
Tree = TypeVar("Tree", bound=QTreeView)
LEAST_ROWS = 4
"""A table shows at least as many; in a lower window, the page scrolls."""


def table(model: QAbstractItemModel, name: str, tip: str = "", *, stretch: int, select: bool = True) -> QTableView:
    """A table of whole rows with a fixed height.  ``stretch`` is the column that takes the space that is left."""
    return dress(QTableView(), model, name, tip, stretch=stretch, select=select)


def dress(made: View, model: QAbstractItemModel, name: str, tip: str = "", *, stretch: int, select: bool = True) -> View:
    """The same, of a view that is there already."""
    made.setModel(model)
    made.setAccessibleName(name)
    if tip:
        made.setToolTip(plain_text(tip))
        made.setAccessibleDescription(tip)
    made.verticalHeader().hide()
    made.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    made.verticalHeader().setDefaultSectionSize(max(theme.ROW, QFontMetrics(made.font()).height() + 10))
    made.setMinimumHeight(least_height(made))
    made.setShowGrid(False)
    made.setWordWrap(False)
    made.setTabKeyNavigation(False)
    made.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    made.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    mode = QAbstractItemView.SelectionMode
    made.setSelectionMode(mode.SingleSelection if select else mode.NoSelection)
    made.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    header = made.horizontalHeader()
    header.setHighlightSections(False)
    header.setSelectionModel(QItemSelectionModel(model, header))  # of the table's own, it asks about each selected row when it is painted
    header.setMinimumSectionSize(48)
    dress_columns(made, name, stretch=stretch)
    return made


def dress_columns(made: QTableView | QTreeView, name: str, *, stretch: int) -> None:
    """What every table and tree of the program has: its lines can be copied, and its columns chosen; what was chosen is remembered."""
    copying(made)
    columns = ColumnWidths(made, stretch)
    Remembered(made, name, columns)
    made.addAction(columns.menu.menuAction())


def tree(made: Tree, name: str, tip: str = "", *, stretch: int) -> Tree:
    """The same for a tree that has its model and its headings."""
    made.setAccessibleName(name)
    if tip:
        made.setToolTip(plain_text(tip))
    made.setUniformRowHeights(True)
    made.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    made.header().setMinimumSectionSize(48)
    dress_columns(made, name, stretch=stretch)
    return made


def sortable(view: QTableView, column: int = -1) -> None:
    """A heading sorts; at first, the lines have the order of this column, or that in which they are given."""
    remembered_of(view).order = (column, False)
    view.setSortingEnabled(True)
    view.horizontalHeader().setSortIndicator(column, Qt.SortOrder.AscendingOrder)
    view.model().sort(column)


def least_height(view: QTableView) -> int:
    """The least height at which a person can work with the table: its header and a few rows; pixels."""
    return view.horizontalHeader().sizeHint().height() + LEAST_ROWS * view.verticalHeader().defaultSectionSize() + 2 * view.frameWidth() + 2


def own_actions(view: QTableView | QTreeView) -> list[QAction]:
    """What every table offers, for a menu of the view's own: copy its lines, choose its columns."""
    return [*copier_of(view).actions, widths_of(view).menu.menuAction()]


def set_widths(view: QTableView | QTreeView, widths: dict[int, str], *, gives: Sequence[int] = ()) -> None:
    """Each column as wide as a sample of its text, and its title, need; the column that stretches is at least as wide.

    ``gives``: the columns that give way first where there is not enough space, see :mod:`chorus_gui.ui.widgets.column_widths`.
    """
    columns = widths_of(view)
    columns.gives = tuple(gives)
    bold = view.font()
    bold.setBold(True)
    metrics = QFontMetrics(bold)
    for column, sample in widths.items():
        columns.want(column, max(metrics.horizontalAdvance(sample) + 20, columns.title_width(column, arrow=True)))


def fit_height(view: QTableView, rows: int) -> None:
    """As high as the rows and the header need."""
    height = view.verticalHeader().defaultSectionSize() * rows + view.horizontalHeader().sizeHint().height() + 4
    if view.horizontalHeader().length() > view.viewport().width() and view.isVisible():
        height += view.horizontalScrollBar().sizeHint().height()
    if view.height() != height or view.minimumHeight() != height:
        view.setFixedHeight(height)


class BarDelegate(QStyledItemDelegate):
    """Draws the fraction that a model gives for ``role`` as a bar, with the cell's text at its right."""

    def __init__(self, role: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._role = role

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """Ground, bar, text."""
        cell: Any = option  # the stubs lack the fields of a style option
        self.initStyleOption(option, index)
        text, cell.text = cell.text, ""
        cell.widget.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, cell.widget)
        fraction = index.data(self._role)
        if fraction is None:
            return
        look = theme.current()
        metrics = QFontMetrics(cell.font)
        room = metrics.horizontalAdvance("100 %") + 8
        box = QRectF(cell.rect).adjusted(8, 0, -8 - room, 0)
        bar = QRectF(box.left(), box.center().y() - 4, box.width(), 8)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if look.outlined:  # its borders are as bright as a full bar
            painter.setPen(QColor(look.border))
        painter.setBrush(QColor(look.raised if look.outlined else look.border))
        painter.drawRoundedRect(bar, 4, 4)
        painter.setPen(Qt.PenStyle.NoPen)
        if fraction > 0:
            painter.setBrush(QColor(look.good if fraction >= 1 else look.accent))
            painter.drawRoundedRect(QRectF(bar.left(), bar.top(), max(bar.width() * fraction, 8), 8), 4, 4)
        painter.setPen(QColor(look.text))
        painter.setFont(cell.font)
        painter.drawText(
            QRectF(bar.right() + 4, cell.rect.top(), room, cell.rect.height()),
            int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter),
            text,
        )
        painter.restore()
