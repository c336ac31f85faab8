"""The pending files of a review in a table: any number of them, fetched a page at a time, read-only."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QModelIndex, QObject, Qt

from chorus_gui.app.review import pending_files, select_pending
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.core.review.values import PendingFile, PendingQuery
from chorus_gui.ui import words
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.models.paged import Index, PagedModel
from chorus_gui.ui.shown import shown_data

PATH, MODALITY, VERSION, SIZE, WHY = range(5)
HEADERS = ("Path", "Modality", "Version", "Size", "Why it is pending")
ORDERS = ("path", "modality", "version", "size", "recorded")
"""Column → what :class:`PendingQuery` sorts by."""


def why(file: PendingFile) -> str:
    """Why a file is pending."""
    return f"Recorded {words.moment(file.recorded_us)}, not uploaded yet"


class PendingModel(PagedModel[PendingFile]):
    """The pending files that the tile counts.  Nothing is read before the list is shown."""

    def __init__(self, reader: Reader, pager: Reader, parent: QObject | None = None) -> None:
        super().__init__(pager, "pending", parent)
        self._reader = reader
        self._review: tuple[Path, int] | None = None
        self._query = PendingQuery()

    @property
    def count(self) -> int:
        """How many files the query found."""
        return len(self._ids)

    def show_review(self, review: tuple[Path, int] | None) -> None:
        """Show the pending files of the review at this path and revision; None: none.  The same one again asks nothing."""
        if review == self._review:
            return
        self._review = review
        if review is None:
            self._take(array("q"))
        else:
            self._ask()

    def search(self, text: str) -> None:
        """Show only files whose path contains this text."""
        self._want(replace(self._query, search=text))

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By a column; -1: by path."""
        self._want(replace(self._query, order=ORDERS[max(column, 0)], descending=order is Qt.SortOrder.DescendingOrder))

    def _want(self, query: PendingQuery) -> None:
        if query != self._query:
            self._query = query
            self._ask()

    def _ask(self) -> None:
        if self._review is not None:
            self._reader.ask(self, partial(select_pending, self._review[0], self._query), self._answer, channel="pending")

    def _answer(self, outcome: Outcome[Any]) -> None:
        if outcome.kind is not OutcomeKind.CANCELLED and self._review is not None:
            # If it failed, the review no longer exists; the next state says so.
            self._take(outcome.value if outcome.value is not None else array("q"))

    def _reading(self, ids: list[int]) -> Callable[[JobContext], list[PendingFile]] | None:
        return None if self._review is None else partial(pending_files, self._review[0], ids)

    # --- the model --------------------------------------------------------------------------------------------------

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """The columns of :data:`HEADERS`."""
        return 0 if parent.isValid() else len(HEADERS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The columns' names."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return HEADERS[section]
        return _alignment(section) if role == Qt.ItemDataRole.TextAlignmentRole else None

    @shown_data
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell; empty while its page is being fetched."""
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(index.column())
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole) or (file := self.line(index.row())) is None:
            return None
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{file.path}\n{why(file)}"
        return (file.path, file.modality, file.version, words.size(file.size), why(file))[index.column()]


def _alignment(column: int) -> int:
    return int((Qt.AlignmentFlag.AlignRight if column == SIZE else Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter)
