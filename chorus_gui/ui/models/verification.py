"""The results of a verification in a table: any number of them, appended while they are found, fetched a page at a time."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QModelIndex, QObject, Qt
from PySide6.QtGui import QColor

from chorus_gui.app.verdict_book import WORST, VerdictLine, VerdictQuery, lines, select
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.core.model import Grade
from chorus_gui.ui import theme, words
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.models.paged import PAGE, Index, PagedModel
from chorus_gui.ui.shown import shown_data

RESULT, PATH, DETAIL, SIZE, MODALITY, VERSION = range(6)
HEADERS = ("Result", "Path", "Details", "Size", "Modality", "Version")
ORDERS = ("result", "path", "detail", "size", "modality", "version")
"""Column → what :class:`VerdictQuery` sorts by."""

RESULTS = {
    "ok": ("matches", Grade.GOOD),
    "missing": ("missing", Grade.BAD),
    "size_differs": ("size differs", Grade.BAD),
    "content_differs": ("content differs", Grade.BAD),
    "unprovable": ("not comparable", Grade.WARNING),
    "unchecked": ("not checked", Grade.WARNING),
}
"""The value of a verdict's result → what people read, and how good or bad that is."""

PROOFS = {"properties": "size and MD5 match", "reread": "content matches", None: ""}
"""How a file that matches was compared."""
LINE_ROLE = Qt.ItemDataRole.UserRole + 1
"""The :class:`VerdictLine` of a row, or None while it is being fetched."""


class VerificationModel(PagedModel[VerdictLine]):
    """The verdicts of one verification."""

    def __init__(self, reader: Reader, pager: Reader, parent: QObject | None = None) -> None:
        super().__init__(pager, "verdicts", parent)
        self._reader = reader
        self._file = Path()
        self._number: int | None = None
        self.live = True
        self._wanted = VerdictQuery()
        self._asking = False

    # --- what is shown ----------------------------------------------------------------------------------------------

    def show_run(self, file: Path, number: int | None) -> None:
        """Show this verification of a verdict book; None: none.  The same one again asks nothing."""
        if (file, number) != (self._file, self._number):
            self._file, self._number = file, number
            self._take(array("q"))
            self._ask()

    def filter(self, results: tuple[str, ...], search: str) -> None:
        """Show those with these results (none: all) whose path contains ``search``."""
        self._want(replace(self._wanted, results=results, search=search))

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By a column; -1: what differs first, or while a verification runs (``live``), as they are found."""
        name = ORDERS[column] if 0 <= column < len(ORDERS) else "" if self.live else WORST
        self._want(replace(self._wanted, order=name, descending=bool(name) and order is Qt.SortOrder.DescendingOrder))

    def more(self) -> None:
        """Append what was found since; while the rows are sorted, all of them are fetched again."""
        if self._asking or self._number is None:
            return
        if self._wanted.order or not self._ids:
            self._ask()
            return
        self._asking = True
        step = partial(_select, self._file, self._number, self._wanted, self._ids[-1])
        self._reader.ask(self, step, self._append, channel="verdicts")

    # --- asking -----------------------------------------------------------------------------------------------------

    def _want(self, wanted: VerdictQuery) -> None:
        if wanted != self._wanted:
            self._wanted = wanted
            self._ask()

    def _ask(self) -> None:
        if self._number is not None:
            self._asking = True
            self._reader.ask(self, partial(_select, self._file, self._number, self._wanted, 0), self._answer, channel="verdicts")

    def _answer(self, outcome: Outcome[Any]) -> None:
        self._asking = False
        self._take(outcome.value if outcome.value is not None else array("q"))

    def _append(self, outcome: Outcome[Any]) -> None:
        self._asking = False
        if outcome.kind is not OutcomeKind.DONE or not outcome.value:
            return
        first = len(self._ids)
        self._pages.pop(first // PAGE, None)  # it was not full
        self.beginInsertRows(QModelIndex(), first, first + len(outcome.value) - 1)
        self._ids.extend(outcome.value)
        self.endInsertRows()
        self.answered.emit(len(self._ids))

    def _reading(self, ids: list[int]) -> Callable[[JobContext], list[VerdictLine]] | None:
        return None if self._number is None else partial(_lines, self._file, self._number, ids)

    # --- the model --------------------------------------------------------------------------------------------------

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """The columns of :data:`HEADERS`."""
        return 0 if parent.isValid() else len(HEADERS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The columns' names."""
        if role == Qt.ItemDataRole.DisplayRole and orientation is Qt.Orientation.Horizontal:
            return HEADERS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return None

    @shown_data
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell; empty while its page is being fetched."""
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(index.column())
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.ForegroundRole, LINE_ROLE):
            return None
        line = self.line(index.row())
        if line is None:
            return None
        text, grade = RESULTS[line.result]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                message = line.detail or PROOFS.get(line.level, line.level)
                return (text, line.path, message, words.size(line.size), line.modality, line.version)[index.column()]
            case Qt.ItemDataRole.ToolTipRole:
                return "\n".join(part for part in (line.path, f"In the store: {line.store_path}", line.detail) if part)
            case Qt.ItemDataRole.ForegroundRole:
                return QColor(theme.current().grade(grade)) if index.column() == RESULT else None
            case _:
                return line


def _alignment(column: int) -> int:
    return int((Qt.AlignmentFlag.AlignRight if column == SIZE else Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter)


def _select(file: Path, number: int, wanted: VerdictQuery, after: int, ctx: JobContext) -> array[int]:
    ctx.checkpoint()
    return select(file, number, wanted, after)


def _lines(file: Path, number: int, ids: list[int], ctx: JobContext) -> list[VerdictLine]:
    ctx.checkpoint()
    return lines(file, number, ids)
