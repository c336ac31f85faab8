"""What the tables of the pages have in common, and a progress bar in a cell."""

from __future__ import annotations

from typing import Any, TypeVar

from PySide6.QtCore import QAbstractItemModel, QEvent, QItemSelectionModel, QModelIndex, QObject, QPersistentModelIndex, QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QFontMetrics, QPainter
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView, QWidget

from chorus_gui.ui import theme
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.widgets.copying import copying

View = TypeVar("View", bound=QTableView)
STRETCH_MINIMUM = 140
"""The least width of a column that stretches, if no sample says more; pixels."""
FIT_MS = 100
"""How long a table waits for further changes before it fits its columns to them; milliseconds."""
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
    """Gives one column the space that the others leave.  Where there is not enough, every column gives away what its title and the lines on
    screen do not need; only if that is too little, the table scrolls sideways.

    ``minimum``: the least width of the column that stretches; pixels.
    """

    def __init__(self, view: QTableView, column: int) -> None:
        super().__init__(view)
        self._view, self.column = view, column
        self.minimum = STRETCH_MINIMUM
        self._wanted: dict[int, int] = {}
        self._fitting = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(FIT_MS)
        self._soon.timeout.connect(self.fit)
        view.viewport().installEventFilter(self)
        header, model = view.horizontalHeader(), view.model()
        header.setResizeContentsPrecision(0)  # only the lines on screen
        header.sectionResized.connect(self._resized)
        header.sectionCountChanged.connect(lambda *_: self.fit())
        for changed in (model.modelReset, model.rowsInserted, model.dataChanged, view.verticalScrollBar().valueChanged):
            changed.connect(self._look_soon)

    def want(self, column: int, width: int) -> None:
        """The width of a column where there is enough space; pixels."""
        self._view.setColumnWidth(column, width)
        self._wanted[column] = width
        self.fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The table has another width."""
        if event.type() is QEvent.Type.Resize:
            self.fit()
        return super().eventFilter(watched, event)

    def fit(self) -> None:
        """Give each column its width."""
        header = self._view.horizontalHeader()
        if self._fitting or self.column >= header.count():
            return
        self._fitting = True
        space = self._view.viewport().width()
        widths = self._widths(header, space)
        for column, width in widths.items():
            if header.sectionSize(column) != width:
                header.resizeSection(column, width)
        others = header.length() - header.sectionSize(self.column)
        header.resizeSection(self.column, max(self.minimum, space - others))
        self._fitting = False

    def _lacks(self, header: QHeaderView, space: int) -> int:
        """How many pixels are missing where each column has the width that it wants."""
        others = sum(
            self._wanted.get(n, header.sectionSize(n)) for n in range(header.count()) if n != self.column and not header.isSectionHidden(n)
        )
        return max(others + self.minimum - space, 0)

    def _widths(self, header: QHeaderView, space: int) -> dict[int, int]:
        """The widths of the columns that give something away, if they must."""
        shown = {n: width for n, width in self._wanted.items() if n < header.count() and not header.isSectionHidden(n)}
        if not (lacks := self._lacks(header, space)) or not self._view.isVisible():
            return shown
        least = {n: min(width, max(_title_width(self._view, n), self._view.sizeHintForColumn(n) + 2)) for n, width in shown.items()}
        spare = sum(shown.values()) - sum(least.values())
        lacks = min(lacks, spare)
        return {n: width - (-(-lacks * (width - least[n]) // spare) if spare else 0) for n, width in shown.items()}

    def _look_soon(self) -> None:
        """Other lines are on screen, which can need more."""
        if self._lacks(self._view.horizontalHeader(), self._view.viewport().width()) and not self._soon.isActive():
            self._soon.start()

    def _resized(self, column: int, _before: int, _now: int) -> None:
        if column != self.column and not self._fitting:
            self._wanted.pop(column, None)  # a person has drawn it: it keeps this width
            self.fit()


def _title_width(view: QTableView, column: int) -> int:
    """What the title of a column needs, with the arrow of its order; pixels."""
    bold = view.font()
    bold.setBold(True)
    return QFontMetrics(bold).horizontalAdvance(str(view.model().headerData(column, Qt.Orientation.Horizontal) or "")) + 28


def set_widths(view: QTableView, widths: dict[int, str]) -> None:
    """Each column as wide as a sample of its text, and its title, need; the column that stretches is at least as wide."""
    stretch = view.findChild(_Stretch)
    bold = view.font()
    bold.setBold(True)
    metrics = QFontMetrics(bold)
    for column, sample in widths.items():
        width = max(metrics.horizontalAdvance(sample) + 20, _title_width(view, column))
        if stretch is None:
            view.setColumnWidth(column, width)
        elif column == stretch.column:
            stretch.minimum = width
            stretch.fit()
        else:
            stretch.want(column, width)


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
