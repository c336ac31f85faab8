"""Copy the selected lines of a table or tree, or one cell of it: the same keys and menu in every table of the program."""

from __future__ import annotations

import time
from collections.abc import Iterator

from PySide6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, QPoint, Qt, QTimer
from PySide6.QtGui import QAction, QContextMenuEvent, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QTableView, QToolTip, QTreeView

from chorus_gui.app.exports import safe_cell
from chorus_gui.ui import words
from chorus_gui.ui.shown import as_text, plain_text
from chorus_gui.ui.widgets.column_widths import ColumnWidths

COPIED_AT_MOST = 10_000
"""Lines.  More are for an export, which does not keep them in memory."""
SLICE = 0.015
"""Seconds of copying at a time: the window answers in between."""
AGAIN_MS, TRIES = 15, 1_000
"""How often, and how many times, a line is looked at that is still being read."""


class Copier(QObject):
    """What copies the lines of one view: the selected ones, or all of them if none is selected; and the cell that a menu was opened on."""

    def __init__(self, view: QTableView | QTreeView) -> None:
        super().__init__(view)
        self._view = view
        self._rows: Iterator[QModelIndex] = iter(())
        self._row: QModelIndex | None = None
        self._lines: list[str] = []
        self._tries = self._more = 0
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._continue)
        self.plain = self._action("&Copy", "Copy the selected lines, for a spreadsheet or a message", headings=False)
        self.plain.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        self.plain.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        self.headed = self._action("Copy with &headings", "Copy the selected lines below the names of their columns", headings=True)
        self.cell = QAction("Copy c&ell", view)
        self.cell.setToolTip(plain_text("Copy the text of this cell, also what the table has no space for"))
        self.cell.triggered.connect(self.copy_cell)
        self._at = QPersistentModelIndex()
        view.addActions(self.actions)
        view.installEventFilter(self)
        view.viewport().installEventFilter(self)
        if view.contextMenuPolicy() is Qt.ContextMenuPolicy.DefaultContextMenu:
            view.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        for changed in (model := view.model()).modelReset, model.layoutChanged, model.rowsInserted, model.rowsRemoved:
            changed.connect(self._stop)

    @property
    def actions(self) -> list[QAction]:
        """For a menu of the view's own."""
        return [self.plain, self.headed, self.cell]

    @property
    def busy(self) -> bool:
        """It copies, and more lines follow."""
        return self._row is not None

    def _action(self, text: str, tip: str, *, headings: bool) -> QAction:
        made = QAction(text, self._view)
        made.setToolTip(plain_text(tip))
        made.triggered.connect(lambda: self.copy(headings=headings))
        return made

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A menu is about to be opened: on the cell below the pointer, or with a key on the current one."""
        if isinstance(event, QContextMenuEvent) and event.type() is QEvent.Type.ContextMenu:
            view = self._view
            by_key = event.reason() is QContextMenuEvent.Reason.Keyboard
            at = view.currentIndex() if by_key else view.indexAt(view.viewport().mapFromGlobal(event.globalPos()))
            self._at = QPersistentModelIndex(at)
            self.cell.setEnabled(bool(_text(at.data())))
        return super().eventFilter(watched, event)

    def copy_cell(self) -> None:
        """The whole text of the cell that the menu was opened on; as it is, because it is one text and no table."""
        at = self._at if self._at.isValid() else self._view.currentIndex()
        if text := _text(at.data()):
            QGuiApplication.clipboard().setText(text)
            self._say("Copied the cell.")
        else:
            self._say("There is nothing to copy.")

    def copy(self, *, headings: bool) -> None:
        """Copy; lines that are not here yet are read first."""
        self._stop()
        selection = self._view.selectionModel()
        chosen = selection.hasSelection()
        self._more = max(self._count(chosen=chosen) - COPIED_AT_MOST, 0)
        self._rows = self._selected() if chosen else self._all()
        self._lines = ["\t".join(_cell(self._model.headerData(n, Qt.Orientation.Horizontal)) for n in self._columns)] if headings else []
        self._headings = len(self._lines)
        self._tries = 0
        self._row = next(self._rows, None)
        self._continue()

    _headings = 0

    @property
    def _model(self) -> QAbstractItemModel:
        return self._view.model()

    @property
    def _columns(self) -> list[int]:
        """All from the left, but for those that a person hides: the width of the window does not change what is copied."""
        view = self._view
        header = view.horizontalHeader() if isinstance(view, QTableView) else view.header()
        order = [header.logicalIndex(place) for place in range(header.count())]
        widths = view.findChild(ColumnWidths)
        if widths is None:
            return [column for column in order if not view.isColumnHidden(column)]
        return [column for column in order if widths.is_wanted(column)]

    def _count(self, *, chosen: bool) -> int:
        if chosen:
            return sum(part.height() for part in self._view.selectionModel().selection().toList())
        return self._model.rowCount()

    def _selected(self) -> Iterator[QModelIndex]:
        """The first column of each selected line, in the order of the screen."""
        selection = self._view.selectionModel()
        if isinstance(self._view, QTreeView):
            yield from sorted(selection.selectedRows(), key=self._key)
            return
        seen = -1
        for part in sorted(selection.selection().toList(), key=lambda part: part.top()):
            for row in range(max(part.top(), seen + 1), part.bottom() + 1):
                seen = row
                yield self._model.index(row, 0)

    def _key(self, index: QModelIndex) -> tuple[int, ...]:
        return (*self._key(index.parent()), index.row()) if index.isValid() else ()

    def _all(self, parent: QModelIndex | None = None) -> Iterator[QModelIndex]:
        above = parent or QModelIndex()
        for row in range(self._model.rowCount(above)):
            index = self._model.index(row, 0, above)
            yield index
            if isinstance(self._view, QTreeView) and self._view.isExpanded(index):
                yield from self._all(index)

    def _continue(self) -> None:
        until = time.monotonic() + SLICE
        is_here = getattr(self._model, "is_here", None)
        columns = self._columns
        while self._row is not None and len(self._lines) - self._headings < COPIED_AT_MOST:
            if is_here is not None and not is_here(self._row.row()):
                self._tries += 1
                if self._tries > TRIES:
                    self._say("Could not read all lines, so nothing was copied. Try again, or export them.")
                    self._stop()
                    return
                self._soon.start(AGAIN_MS)
                return
            self._lines.append("\t".join(_cell(self._row.siblingAtColumn(column).data()) for column in columns))
            self._row = next(self._rows, None)
            if time.monotonic() > until:
                self._soon.start(0)
                return
        self._finish()

    def _finish(self) -> None:
        count = len(self._lines) - self._headings
        if count:
            QGuiApplication.clipboard().setText("\n".join(self._lines) + "\n")
        said = f"Copied {words.count_of(count, 'line')}." if count else "There is nothing to copy."
        more = (
            f" {words.count_of(self._more, 'line')} more {words.agree(self._more, 'is', 'are')} too many for the clipboard: use Export."
            if self._more
            else ""
        )
        self._stop()
        self._say(said + more)

    def _stop(self) -> None:
        """Also when the table has other lines."""
        self._soon.stop()
        self._rows, self._row, self._lines = iter(()), None, []

    def _say(self, text: str) -> None:
        view = self._view
        view.setProperty("copied", text)
        if view.isVisible():
            QToolTip.showText(view.viewport().mapToGlobal(QPoint(8, 8)), plain_text(text), view)


def copying(view: QTableView | QTreeView) -> Copier:
    """Let a person copy the lines of a table or tree, with Ctrl+C and from its menu."""
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    return Copier(view)


def copier_of(view: QTableView | QTreeView) -> Copier:
    """What copies this view's lines."""
    found = view.findChild(Copier)
    assert found is not None
    return found


def _text(value: object) -> str:
    return as_text(str(value)) if value is not None else ""


def _cell(value: object) -> str:
    """A cell in one line, as it is and not as it is shown; safe for a spreadsheet, as in a CSV export.

    A spreadsheet takes quotes around a pasted cell away, so a cell with quotes gets its own quotes around it.
    """
    line = _text(value).replace("\n", " ").replace("\t", " ").replace("\r", " ")
    safe = f"'{line}" if safe_cell(line.lstrip()) != line.lstrip() else line
    return '"{}"'.format(safe.replace('"', '""')) if '"' in safe else safe
