"""The view of the review's changes: whole rows, and the headings of patients that open and close."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QAction, QColor, QKeyEvent, QKeySequence, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractItemView, QSplitter, QTableView, QWidget

from chorus_gui.core.untrusted import DATA_ERRORS, json_value
from chorus_gui.ui import theme
from chorus_gui.ui.models.changes import ChangesModel
from chorus_gui.ui.models.columns import COLUMNS, DESTINATION, KIND, MODALITY, NOTE, PATH, PATIENT
from chorus_gui.ui.settings import Settings
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.widgets.column_widths import widths_of
from chorus_gui.ui.widgets.remembering import remembered_of
from chorus_gui.ui.widgets.tables import dress, set_widths


class ChangesView(QTableView):
    """Whole rows, many at once; → and ← open and close a patient, as its arrow does.  ``opened``: a change was double-clicked."""

    opened = Signal()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Headings have their own background; the style sheet gives cells none."""
        model = self.model()
        if isinstance(model, ChangesModel) and model.query.by_patient:
            painter, ground, width = QPainter(self.viewport()), QColor(theme.current().raised), self.viewport().width()
            first, last = self.rowAt(0), self.rowAt(self.viewport().height() - 1)
            for number in range(max(first, 0), (last if last >= 0 else model.rowCount() - 1) + 1):
                if model.patient(number) is not None:
                    painter.fillRect(0, self.rowViewportPosition(number), width, self.rowHeight(number) - 1, ground)
            painter.end()
        super().paintEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left, right, Enter and space are for headings."""
        model, current = self.model(), self.currentIndex()
        if isinstance(model, ChangesModel) and current.isValid() and model.query.by_patient:
            heading = model.patient(current.row()) is not None
            opened = model.is_open(current.row())
            if event.key() == Qt.Key.Key_Left and opened:
                self.setCurrentIndex(model.index(model.set_open(current.row(), opened=False), current.column()))
                return
            if heading and event.key() in (Qt.Key.Key_Right, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
                model.set_open(current.row(), opened=event.key() == Qt.Key.Key_Right or not opened)
                return
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """On the arrow of a heading."""
        index = self.indexAt(event.position().toPoint())
        super().mousePressEvent(event)
        if (
            index.column() == KIND
            and event.button() is Qt.MouseButton.LeftButton
            and event.position().x() < self.visualRect(index).left() + 26
        ):
            self._toggle(index)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Anywhere on a heading, it opens or closes; a change, it is shown in its folder."""
        index, model = self.indexAt(event.position().toPoint()), self.model()
        if isinstance(model, ChangesModel) and index.isValid() and model.change(index.row()) is not None:
            self.opened.emit()
        elif event.position().x() >= self.visualRect(index).left() + 26 or index.column() != KIND:
            self._toggle(index)
        else:
            self.mousePressEvent(event)

    def _toggle(self, index: QModelIndex) -> None:
        model = self.model()
        if isinstance(model, ChangesModel) and index.isValid() and model.patient(index.row()) is not None:
            model.set_open(index.row(), opened=not model.is_open(index.row()))


def table_of(model: ChangesModel) -> ChangesView:
    """The view, dressed like the other tables of the program."""
    made = dress(ChangesView(), model, "Changes", stretch=PATH)
    made.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    made.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    made.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
    made.horizontalHeader().setSectionsMovable(True)
    made.setAccessibleDescription("Every change that the scan found. The context menu holds back, releases, copies and shows files.")
    return made


def selected_rows(view: QTableView) -> list[tuple[int, int]]:
    """The selected rows, as ranges (first, last)."""
    return [(found.top(), found.bottom()) for found in view.selectionModel().selection().toList()]


def action_of(
    owner: QWidget, text: str, act: Callable[[], object], tip: str, keys: str | QKeySequence.StandardKey | None = None
) -> QAction:
    """An action whose keys count while the focus is on a widget that has it."""
    made = QAction(text, owner)
    made.setToolTip(plain_text(tip))
    if keys is not None:
        made.setShortcut(QKeySequence(keys))
        made.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
    made.triggered.connect(lambda _=False: act())
    return made


def remember(view: QTableView, splitter: QSplitter, settings: Settings, sort_by: Callable[[int, bool], None]) -> None:
    """Give the columns and the details the widths and places that they had, and the lines their order, and remember new ones."""
    header = view.horizontalHeader()
    set_widths(view, {number: column.widest for number, column in enumerate(COLUMNS)}, gives=(DESTINATION, PATIENT, MODALITY, NOTE))
    header.setSortIndicatorShown(True)
    header.setSectionsClickable(True)
    remembered = remembered_of(view)
    remembered.place_first(sorted(range(len(COLUMNS)), key=lambda number: COLUMNS[number].position))
    remembered.order, remembered.sort_by = (KIND, False), sort_by
    remembered.sort_again()
    if not remembered.restore(settings):
        _as_earlier(view, settings)
    splitter.restoreState(settings.blob("review/splitter"))
    splitter.splitterMoved.connect(lambda *_: settings.put("review/splitter", splitter.saveState()))


def _as_earlier(view: QTableView, settings: Settings) -> None:
    """An earlier version kept the same in three places."""
    columns, before, known, order = (
        widths_of(view),
        settings.blob("review/header"),
        settings.text("review/columns"),
        settings.text("review/order"),
    )
    if not before.isEmpty():
        columns.restore_order(before, keep_widths=not known)  # still earlier ones kept the widths there, too
    try:
        found = json_value(known)
    except DATA_ERRORS:
        found = None
    if isinstance(found, dict):
        columns.restore(found)
    place = next((number for number, column in enumerate(COLUMNS) if column.order and column.order == order.removeprefix("-")), None)
    if place is not None:
        remembered_of(view).choose(place, descending=order.startswith("-"))
