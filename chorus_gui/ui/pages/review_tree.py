"""The tree of patients and folders on the Review page: sums, and boxes that hold back and release."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from chorus_gui.core.review.values import Branch, TreeNode
from chorus_gui.ui import theme, words
from chorus_gui.ui.models.tree import DEPTH_ROLE, NAME, OPEN_ROLE, TREE, TreeModel, held_text, kinds, state
from chorus_gui.ui.widgets import icons
from chorus_gui.ui.widgets.remembering import remembered_of
from chorus_gui.ui.widgets.tables import dress, set_widths

INDENT, ARROW, BOX = 18, 22, 26
"""Pixels: of a level, of the arrow, and of the box."""


class TreeDelegate(QStyledItemDelegate):
    """Indents a node, and draws the arrow that opens it before the box."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """Ground, arrow, then box and name."""
        cell: Any = QStyleOptionViewItem(option)
        look = theme.current()
        if cell.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(cell.rect, QColor(look.selection))
        start = cell.rect.left() + INDENT * index.data(DEPTH_ROLE)
        opened = index.data(OPEN_ROLE)
        if opened is not None:
            arrow = icons.pixmap("opened" if opened else "closed", 16, look.text, 2.0)
            painter.drawPixmap(QPoint(start + 5, cell.rect.center().y() - 7), arrow)
        cell.rect.setLeft(start + ARROW)
        super().paint(painter, cell, index)


class TreeView(QTableView):
    """Nodes, one at a time.  → and ← open and close, Space uses the box, Enter shows the files.

    ``box``: a person used the box of this :class:`TreeNode`.  ``show_files``: a person wants to see the files below it.  ``chosen``: another
    node is current, or none.
    """

    box = Signal(object)
    show_files = Signal(object)
    chosen = Signal()

    def __init__(self, model: TreeModel) -> None:
        super().__init__()
        self.tree = model
        self._kept: tuple[Branch, int] | None = None
        self._pressed = -1
        dress(self, model, "Patients and folders", stretch=NAME)
        self.setAccessibleDescription(
            "Every patient and folder with changes. Right and Left open and close, Space holds back or releases, Enter shows the files."
        )
        self.setItemDelegateForColumn(NAME, TreeDelegate(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        set_widths(self, {number: column.widest for number, column in enumerate(TREE)})
        header = self.horizontalHeader()
        header.setSortIndicatorShown(True)
        header.setSectionsClickable(True)
        self._show_order()
        header.sectionClicked.connect(self._sort)
        remembered = remembered_of(self)
        remembered.order, remembered.sort_by = (NAME, False), self._sort_by
        model.modelAboutToBeReset.connect(self._keep)
        model.modelReset.connect(self._restore)
        self.selectionModel().currentRowChanged.connect(lambda *_: self.chosen.emit())

    def current(self) -> TreeNode | None:
        """The node that is current."""
        index = self.currentIndex()
        return self.tree.node(index.row()) if index.isValid() else None

    # --- keys and mouse ---------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left, Right, Space and Enter are for the current node."""
        row, node = self.currentIndex().row(), self.current()
        if node is None or event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().keyPressEvent(event)
            return
        match event.key():
            case Qt.Key.Key_Right if self.tree.is_open(row):
                self._go(row + 1)
            case Qt.Key.Key_Right:
                self.tree.open(row)
            case Qt.Key.Key_Left if self.tree.is_open(row):
                self.tree.close(row)
            case Qt.Key.Key_Left:
                self._go(self.tree.around(row))
            case Qt.Key.Key_Space:
                self._use_box(node)
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self.show_files.emit(node)
            case _:
                super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The arrow opens and closes."""
        index = self.indexAt(event.position().toPoint())
        super().mousePressEvent(event)
        part = self._part(index, event)
        self._pressed = index.row() if part == "box" else -1
        if part == "arrow":
            self._toggle(index.row())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """The box is used if the button is pressed and released on it."""
        index, pressed = self.indexAt(event.position().toPoint()), self._pressed
        super().mouseReleaseEvent(event)
        self._pressed = -1
        node = self.tree.node(index.row())
        if pressed >= 0 and pressed == index.row() and node is not None and self._part(index, event) == "box":
            self._use_box(node)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """A node opens or closes; one with nothing below it shows its files."""
        index = self.indexAt(event.position().toPoint())
        node = self.tree.node(index.row()) if index.isValid() else None
        if node is None or self._part(index, event):
            self.mousePressEvent(event)
        elif node.leaf:
            self.show_files.emit(node)
        else:
            self._toggle(index.row())

    def _part(self, index: QModelIndex, event: QMouseEvent) -> str:
        """What of a node's first cell is below the pointer: "arrow", "box" or ""."""
        if not index.isValid() or index.column() != NAME or event.button() is not Qt.MouseButton.LeftButton:
            return ""
        x = event.position().x() - self.visualRect(index).left() - INDENT * index.data(DEPTH_ROLE)
        if 0 <= x < ARROW and index.data(OPEN_ROLE) is not None:
            return "arrow"
        return "box" if ARROW <= x < ARROW + BOX else ""

    def _toggle(self, row: int) -> None:
        if self.tree.is_open(row):
            self.tree.close(row)
        else:
            self.tree.open(row)

    def _use_box(self, node: TreeNode) -> None:
        if state(node) is not None:
            self.box.emit(node)

    def _go(self, row: int | None) -> None:
        if row is not None:
            self.setCurrentIndex(self.tree.index(row, NAME))

    # --- order and place --------------------------------------------------------------------------------------------

    def _sort(self, column: int) -> None:
        if order := TREE[column].order:
            same = order == self.tree.order
            self.tree.sort_by(order, descending=not self.tree.descending if same else order != "name")
        self._show_order()

    def _sort_by(self, column: int, descending: bool) -> None:
        if order := TREE[column].order:
            self.tree.sort_by(order, descending=descending)
        self._show_order()

    def _show_order(self) -> None:
        place = next(number for number, column in enumerate(TREE) if column.order == self.tree.order)
        side = Qt.SortOrder.DescendingOrder if self.tree.descending else Qt.SortOrder.AscendingOrder
        self.horizontalHeader().setSortIndicator(place, side)

    def _keep(self) -> None:
        """Before the rows change: which node is current."""
        if (node := self.current()) is not None:
            self._kept = node.branch, self.verticalScrollBar().value()

    def _restore(self) -> None:
        row = self.tree.row_of(self._kept[0]) if self._kept is not None else None
        if row is not None and self._kept is not None:
            self.setCurrentIndex(self.tree.index(row, NAME))
            self.verticalScrollBar().setValue(self._kept[1])
        self.chosen.emit()


def about(node: TreeNode) -> str:
    """A node in sentences, for the details."""
    said = [f"{words.count_of(node.tally.files, 'change')}, {words.size(node.tally.bytes)}: {kinds(node)}."]
    if node.held:
        said.append("All of it is held back." if not node.holdable else f"{held_text(node)} held back.")
    if state(node) is not None:
        said.append("Press Space to release it." if not node.holdable else "Press Space to hold it back.")
    if not node.leaf:
        said.append("Press → to show the folders below it.")
    said.append("Press Enter to show the files.")
    return " ".join(said)
