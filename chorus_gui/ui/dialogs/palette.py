"""Ctrl+K: find a command or a setting by its words, and run it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer
from PySide6.QtGui import QColor, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from chorus_gui.ui import theme, words
from chorus_gui.ui.palette import Found, matching
from chorus_gui.ui.shown import shown_data
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.announcing import announce
from chorus_gui.ui.widgets.basics import column, label
from chorus_gui.ui.widgets.dialogs import Dialog
from chorus_gui.ui.widgets.tables import set_widths, table

TITLES = ("Command", "Where", "Keys")
NOT_NOW = "Not possible now. "
_MOVES = (Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp)
Index = QModelIndex | QPersistentModelIndex


class FoundModel(QAbstractTableModel):
    """The commands that match."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.found: list[Found] = []

    def show_found(self, found: list[Found]) -> None:
        """Show these."""
        self.beginResetModel()
        self.found = found
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """The number of commands."""
        return 0 if parent.isValid() else len(self.found)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """What it does, where it is, its keys."""
        return 0 if parent.isValid() else len(TITLES)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The columns' titles."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return TITLES[section] if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole else None

    @shown_data
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell; a screen reader says the whole line."""
        if not index.isValid():
            return None
        one = self.found[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return (one.title, one.where, one.keys)[index.column()]
            case Qt.ItemDataRole.ToolTipRole:
                return one.tip if one.enabled else NOT_NOW + one.tip
            case Qt.ItemDataRole.AccessibleTextRole if index.column() == 0:
                parts = (one.title, one.where, one.keys, "" if one.enabled else NOT_NOW + one.tip)
                return ", ".join(part for part in parts if part)
            case Qt.ItemDataRole.ForegroundRole if not one.enabled:
                return QColor(theme.current().muted)
            case _:
                return None


class PaletteDialog(Dialog):
    """A field, and the commands that match what is in it.  ↓ and ↑ choose one, Enter runs it."""

    def __init__(self, parent: QWidget | None, found: Sequence[Found]) -> None:
        super().__init__(parent, "Find a command")
        self._all = list(found)
        self.setMinimumSize(560, 320)
        self.resize(720, 440)
        self.field = QLineEdit()
        self.field.setAccessibleName("Find a command or a setting")
        self.field.setPlaceholderText("Write a part of what you want to do: upload, limit, dark…")
        self.field.setToolTip("Parts of the words of a command or a setting; ↓ and ↑ choose one, Enter runs it")
        self.model = FoundModel(self)
        self.view = table(self.model, "Commands and settings", "Enter runs the command, or opens the setting", stretch=0)
        set_widths(self.view, {0: "Generate azcli batch file…", 1: "History › Kept copies of the journal", 2: "Ctrl+Shift+Return"})
        self.said = label("", "muted", wrap=True)
        self.said.setAccessibleName("What the command does")
        whole = column(self.field, self.view, self.said, space=SPACE + 4, margins=(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE))
        whole.setStretch(1, 1)
        self.setLayout(whole)
        self.field.textChanged.connect(self._filter)
        self.field.installEventFilter(self)
        self.view.installEventFilter(self)
        self.view.selectionModel().currentRowChanged.connect(lambda *_: self._say())
        self.view.doubleClicked.connect(lambda _: self.run())
        self._filter("")
        self.field.setFocus()

    def current(self) -> Found | None:
        """The chosen command."""
        row = self.view.currentIndex().row()
        return self.model.found[row] if 0 <= row < len(self.model.found) else None

    def run(self) -> None:
        """Close, then run the chosen command; one that is not possible now stays, and says so."""
        one = self.current()
        if one is None or not one.enabled:
            self._say()
            announce(self.said, self.said.text())
            return
        self.accept()
        QTimer.singleShot(0, one.run)  # when this dialog no longer has the window's attention

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The arrows choose a line while the field has the focus, and letters go to the field while the list has it."""
        if isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.run()
                return True
            if watched is self.field and event.key() in _MOVES:
                self.view.setFocus()
                self._move(event.key())
                return True
            if watched is self.view and self._is_typed(event):
                self.field.setFocus()
                self.field.event(event)
                return True
            if watched is self.view and event.key() == Qt.Key.Key_Up and self.view.currentIndex().row() == 0:
                self.field.setFocus()
                return True
        return super().eventFilter(watched, event)

    def _is_typed(self, event: QKeyEvent) -> bool:
        return event.key() == Qt.Key.Key_Backspace or (bool(event.text()) and event.text().isprintable())

    def _move(self, key: int) -> None:
        rows, row = self.model.rowCount(), self.view.currentIndex().row()
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 10, Qt.Key.Key_PageUp: -10}[Qt.Key(key)]
        if rows:
            self.view.setCurrentIndex(self.model.index(min(max(row + step, 0), rows - 1), 0))

    def _filter(self, text: str) -> None:
        self.model.show_found(matching(self._all, text))
        if self.model.found:
            self.view.setCurrentIndex(self.model.index(0, 0))
        self._say()

    def _say(self) -> None:
        one = self.current()
        if one is None:
            self.said.setText("Nothing matches. Write fewer or other words.")
            return
        self.said.setText(f"{words.number(len(self.model.found))} found. {'' if one.enabled else NOT_NOW}{one.tip}")
