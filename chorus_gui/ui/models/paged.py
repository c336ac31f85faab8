"""A table whose rows come a page at a time: ids in an array, rows fetched when they are painted."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, QTimer, Signal

from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.ui.jobs import Reader

PAGE = 256
KEPT_PAGES = 64

T = TypeVar("T")
Index = QModelIndex | QPersistentModelIndex


class PagedModel(QAbstractTableModel, Generic[T]):
    """The base: it keeps the ids and the pages.  ``answered``: rows were added or removed; their number.

    A subclass says how a page is read (``_reading``), and takes the ids of its query with ``_take``.
    """

    answered = Signal(int)

    def __init__(self, pager: Reader, channel: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pager, self._channel = pager, channel
        self._ids: array[int] = array("q")
        self._pages: OrderedDict[int, list[T]] = OrderedDict()
        self._missed: list[int] = []
        self._fetching = False
        self._generation = 0
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._fetch)

    def line(self, row: int) -> T | None:
        """The value of a row, if it is here; asks for it if not."""
        if not 0 <= row < len(self._ids):
            return None
        number, place = divmod(row, PAGE)
        page = self._pages.get(number)
        if page is None or place >= len(page):
            if number not in self._missed:
                self._missed.append(number)
                self._soon.start()
            return None
        self._pages.move_to_end(number)
        return page[place]

    def is_here(self, row: int) -> bool:
        """The row can be shown; if not, it is asked for."""
        return self.line(row) is not None

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """The number of rows."""
        return 0 if parent.isValid() else len(self._ids)

    def _reading(self, ids: list[int]) -> Callable[[JobContext], list[T]] | None:
        """The step that reads these rows; None: there is nothing to read."""
        raise NotImplementedError

    def _take(self, ids: array[int]) -> None:
        self.beginResetModel()
        self._ids = ids
        self._generation += 1
        self._pages.clear()
        self._missed.clear()
        self._fetching = False
        self.endResetModel()
        self.answered.emit(len(ids))

    def _fetch(self) -> None:
        """After a paint: what it missed, the latest first, one page at a time, so that dragging the scroll bar fetches where it ends."""
        if self._fetching or not self._missed:
            return
        page = self._missed.pop()
        self._missed = self._missed[-2:]
        step = self._reading(self._ids[page * PAGE : (page + 1) * PAGE].tolist())
        if step is None:
            return
        self._fetching = True
        generation = self._generation
        self._pager.ask(self, step, lambda outcome: self._fetched(generation, page, outcome), channel=self._channel)

    def _fetched(self, generation: int, page: int, outcome: Outcome[Any]) -> None:
        if generation != self._generation:
            return
        self._fetching = False
        if outcome.kind is OutcomeKind.DONE and outcome.value:
            self._pages[page] = outcome.value
            while len(self._pages) > KEPT_PAGES:
                self._pages.popitem(last=False)
            first = page * PAGE
            self.dataChanged.emit(self.index(first, 0), self.index(first + len(outcome.value) - 1, self.columnCount() - 1))
        if self._missed:
            self._soon.start()
