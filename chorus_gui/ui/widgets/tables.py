"""What the tables of the pages have in common, and a progress bar in a cell."""

from __future__ import annotations

from typing import Any, TypeVar

from PySide6.QtCore import QAbstractItemModel, QEvent, QItemSelectionModel, QModelIndex, QObject, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView, QWidget

from chorus_gui.ui import theme
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.widgets.copying import copying

View = TypeVar("View", bound=QTableView)
STRETCH_MINIMUM = 140
"""The least width of a column that stretches, if no sample says more; pixels."""
LEAST_ROWS = 4
"""A table shows at least as many; in a lower window, the page scrolls."""


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
    if stretch >= 0:
        _Stretch(made, stretch)
    copying(made)
    return made


def least_height(view: QTableView) -> int:
    """The least height at which a person can work with the table: its header and a few rows; pixels."""
    return view.horizontalHeader().sizeHint().height() + LEAST_ROWS * view.verticalHeader().defaultSectionSize() + 2 * view.frameWidth() + 2


class _Stretch(QObject):
    """Gives one column the space that the others leave, but never less than ``minimum``: then the table scrolls."""

    def __init__(self, view: QTableView, column: int) -> None:
        super().__init__(view)
        self._view, self.column = view, column
        self.minimum = STRETCH_MINIMUM
        self._fitting = False
        view.viewport().installEventFilter(self)
        view.horizontalHeader().sectionResized.connect(self._resized)
        view.horizontalHeader().sectionCountChanged.connect(lambda *_: self.fit())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The table has another width."""
        if event.type() is QEvent.Type.Resize:
            self.fit()
        return super().eventFilter(watched, event)

    def fit(self) -> None:
        """Give the column its width."""
        header = self._view.horizontalHeader()
        if self._fitting or self.column >= header.count():
            return
        self._fitting = True
        others = header.length() - header.sectionSize(self.column)
        header.resizeSection(self.column, max(self.minimum, self._view.viewport().width() - others))
        self._fitting = False

    def _resized(self, column: int, _before: int, _now: int) -> None:
        if column != self.column:
            self.fit()


def set_widths(view: QTableView, widths: dict[int, str]) -> None:
    """Each column as wide as a sample of its text, and its title, need; the column that stretches is at least as wide."""
    stretch = view.findChild(_Stretch)
    bold = view.font()
    bold.setBold(True)
    metrics = QFontMetrics(bold)
    for column, sample in widths.items():
        title = str(view.model().headerData(column, Qt.Orientation.Horizontal) or "")
        width = max(metrics.horizontalAdvance(sample) + 20, metrics.horizontalAdvance(title) + 28)
        if stretch is not None and column == stretch.column:
            stretch.minimum = width
            stretch.fit()
        else:
            view.setColumnWidth(column, width)


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
