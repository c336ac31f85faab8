"""What the tables of the pages have in common, and a progress bar in a cell."""

from __future__ import annotations

from typing import Any, TypeVar

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView, QWidget

from chorus_gui.ui import theme
from chorus_gui.ui.shown import plain_text

View = TypeVar("View", bound=QTableView)


def table(model: QAbstractItemModel, name: str, tip: str = "", *, stretch: int = -1, select: bool = True) -> QTableView:
    """A table of whole rows with a fixed height.  ``stretch`` is the column that takes the space that is left."""
    return dress(QTableView(), model, name, tip, stretch=stretch, select=select)


def dress(made: View, model: QAbstractItemModel, name: str, tip: str = "", *, stretch: int = -1, select: bool = True) -> View:
    """The same, of a view that is there already."""
    made.setModel(model)
    made.setAccessibleName(name)
    if tip:
        made.setToolTip(plain_text(tip))
        made.setAccessibleDescription(tip)
    made.verticalHeader().hide()
    made.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    made.verticalHeader().setDefaultSectionSize(max(theme.ROW, QFontMetrics(made.font()).height() + 10))
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
    header.setMinimumSectionSize(48)
    if stretch >= 0:
        header.setSectionResizeMode(stretch, QHeaderView.ResizeMode.Stretch)
    return made


def set_widths(view: QTableView, widths: dict[int, str]) -> None:
    """Each column as wide as a sample of its text, and its title, need."""
    bold = view.font()
    bold.setBold(True)
    metrics = QFontMetrics(bold)
    for column, sample in widths.items():
        title = str(view.model().headerData(column, Qt.Orientation.Horizontal) or "")
        view.setColumnWidth(column, max(metrics.horizontalAdvance(sample) + 20, metrics.horizontalAdvance(title) + 28))


def fit_height(view: QTableView, rows: int) -> None:
    """As high as the rows and the header need."""
    height = view.verticalHeader().defaultSectionSize() * rows + view.horizontalHeader().sizeHint().height() + 4
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
        painter.setBrush(QColor(look.border))
        painter.drawRoundedRect(bar, 4, 4)
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
