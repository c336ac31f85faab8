"""A million changes in a table: ids in an array, rows fetched a page at a time.

Which rows, in which order, is a :class:`~chorus_gui.core.review.values.Query` that runs on the reader's thread; a newer query
drops the answer of an older one.  Pages of rows come from the pager's thread: while one is under way its cells are empty for some
20 ms (measured: up to 30 ms a page, more while a job writes, which would be stalls on the screen's thread).
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFont, QPixmap

from chorus_gui.app import review
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.core.model import Change, Tally
from chorus_gui.core.review.values import Query
from chorus_gui.ui import theme, words
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.models.columns import COLUMNS, KIND, PATH
from chorus_gui.ui.models.patients import Groups, merged
from chorus_gui.ui.shown import shown_data
from chorus_gui.ui.widgets import icons

PAGE = 256
KEPT_PAGES = 64

ASKED_OF = 500
"""Of a longer selection, each row is not looked at."""
CHANGE_ROLE = Qt.ItemDataRole.UserRole + 1
"""The :class:`Change` of a row; None while it is being fetched, and for a patient's heading."""

Index = QModelIndex | QPersistentModelIndex


class ChangesModel(QAbstractTableModel):
    """The changes of one review, patient after patient if the query says so.

    ``asked``: a query began; ``answered``: its changes are here, with their number.  ``destination`` says where a change's file goes.
    """

    asked = Signal()
    answered = Signal(int)

    def __init__(self, reader: Reader, pager: Reader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reader, self._pager = reader, pager
        self.destination: Callable[[Change], str] = lambda _: ""
        self._groups: Groups | None = None
        self._review: tuple[Path, int] | None = None
        self._query = Query()
        self._ids: array[int] = array("q")
        self.changes = 0
        """how many changes the lines are: a renamed file has two lines"""
        self._pages: OrderedDict[int, list[Change]] = OrderedDict()
        self._wanted: list[int] = []
        self._fetching: set[int] = set()
        self._generation = 0
        self._font = QFont()
        self._struck = QFont()
        self._struck.setStrikeOut(True)
        self._bold = QFont()
        self._bold.setBold(True)
        self._arrows: dict[tuple[str, bool], QPixmap] = {}
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._fetch)

    # --- what is shown ----------------------------------------------------------------------------------------------

    @property
    def query(self) -> Query:
        """What is shown, or being asked for."""
        return self._query

    def show_review(self, review: tuple[Path, int] | None) -> None:
        """Show the review at this path and revision; None: none.  The same one again asks nothing."""
        if review == self._review:
            return
        same_file = review is not None and self._review is not None and review[0] == self._review[0]
        self._review = review
        if not same_file:
            self._take(_NONE)
        if review is not None:
            self._ask()
        else:
            self.answered.emit(0)

    def ask(self, query: Query) -> None:
        """Show other rows, or the same in another order."""
        if query != self._query:
            self._query = query
            if self._review is not None:
                self._ask()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By a column that can be sorted; others do nothing."""
        if by := COLUMNS[column].order if column >= 0 else "":
            self.ask(replace(self._query, order=by, descending=order is Qt.SortOrder.DescendingOrder))

    @property
    def count(self) -> int:
        """How many lines the query found, headings not counted."""
        return len(self._ids)

    def ids(self, rows: Iterable[tuple[int, int]]) -> array[int]:
        """The ids of the changes in ranges of rows (first, last); a patient's heading means all of the patient's."""
        groups = self._groups
        ranges = [(first, last + 1) for first, last in rows]
        if groups is not None:
            ranges = [found for first, stop in ranges for found in groups.positions(first, stop - 1)]
        out = array("q")
        for first, stop in merged(ranges):
            out += self._ids[first:stop]
        return out

    def headings(self, rows: Iterable[tuple[int, int]]) -> set[str | None]:
        """The patients whose headings are in ranges of rows (first, last)."""
        groups = self._groups
        return set() if groups is None else {patient for first, last in rows for patient in groups.headings(first, last)}

    def patient(self, row: int) -> tuple[str | None, Tally] | None:
        """The patient whose heading a row is (None in it: of no patient), and the sum of what is below it; None for a change."""
        if self._groups is None or not 0 <= row < self._groups.rows:
            return None
        number, position = self._groups.at(row)
        item = self._groups.items[number]
        return (item.patient, item.tally) if position is None else None

    def is_open(self, row: int) -> bool:
        """The changes below this heading are on screen."""
        return self._groups is not None and self._groups.is_open(self._groups.at(row)[0])

    def set_open(self, row: int, *, opened: bool) -> int:
        """Open or close the heading of this row, or of the change in this row; the heading's row."""
        groups = self._groups
        if groups is None:
            return row
        number, _ = groups.at(row)
        top, count = groups.top(number), groups.items[number].lines
        if groups.is_open(number) is not opened:
            if opened:
                self.beginInsertRows(QModelIndex(), top + 1, top + count)
                groups.set_open([number], opened=True)
                self.endInsertRows()
            else:
                self.beginRemoveRows(QModelIndex(), top + 1, top + count)
                groups.set_open([number], opened=False)
                self.endRemoveRows()
            self.dataChanged.emit(self.index(top, 0), self.index(top, len(COLUMNS) - 1))
        return top

    def open_all(self, *, opened: bool) -> None:
        """Open or close every heading."""
        if self._groups is not None:
            self.beginResetModel()
            self._groups.set_open(range(len(self._groups.items)), opened=opened)
            self.endResetModel()

    def change(self, row: int) -> Change | None:
        """The change of a row, if it is here; asks for it if not.  None for a patient's heading."""
        position = row if self._groups is None else self._groups.at(row)[1] if 0 <= row < self._groups.rows else None
        if position is None or not 0 <= position < len(self._ids):
            return None
        number, place = divmod(position, PAGE)
        page = self._pages.get(number)
        if page is None:
            self._want(number)
            return None
        self._pages.move_to_end(number)
        return page[place] if place < len(page) else None

    def is_here(self, row: int) -> bool:
        """The row can be shown; if not, it is asked for."""
        return self.patient(row) is not None or self.change(row) is not None

    def can_hold_and_release(self, rows: Iterable[tuple[int, int]]) -> tuple[bool, bool]:
        """Whether a change in ranges of rows (first, last) can be held back, and whether one is held back.

        Of very many rows, and of a change that is still being fetched, nothing is known: both may be so.
        """
        hold = release = False
        left = ASKED_OF
        for first, last in rows:
            for row in range(first, last + 1):
                left -= 1
                item = None if self._groups is None else self._groups.heading(row)
                change = self.change(row) if item is None and left >= 0 else None
                if left < 0 or (item is None and change is None):
                    return True, True
                hold |= bool(item.holdable) if item else change is not None and change.holdable and not change.excluded
                release |= bool(item.held) if item else change is not None and change.excluded
                if hold and release:
                    return True, True
        return hold, release

    # --- asking -----------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        assert self._review is not None
        self.asked.emit()
        self._reader.ask(self, partial(_select, self._review[0], self._query), self._answer, channel="rows")

    def _answer(self, outcome: Outcome[Any]) -> None:
        if outcome.kind is OutcomeKind.CANCELLED or self._review is None:
            return
        # If it failed, the review no longer exists; the next state says so.
        self._take(outcome.value if outcome.value is not None else _NONE)
        self.answered.emit(self.count)

    def _take(self, found: tuple[array[int], Groups | None, int]) -> None:
        self.beginResetModel()
        before = self._groups
        self._ids, self._groups, self.changes = found
        if before is not None and self._groups is not None:
            self._groups.open_like(before)
        self._forget_pages()
        self.endResetModel()

    def _forget_pages(self) -> None:
        self._generation += 1
        self._pages.clear()
        self._fetching.clear()
        self._wanted.clear()

    def _want(self, number: int) -> None:
        if number not in self._fetching and number not in self._wanted:
            self._wanted.append(number)
            self._soon.start()

    def _fetch(self) -> None:
        """After a paint: what it missed, the latest first, one question at a time, so that dragging the scroll bar fetches where it ends."""
        if self._fetching or not self._wanted or self._review is None:
            return
        number = self._wanted.pop()
        self._wanted = self._wanted[-2:]
        self._fetching.add(number)
        ids = self._ids[number * PAGE : (number + 1) * PAGE].tolist()
        generation = self._generation
        self._pager.ask(
            self, partial(review.rows, self._review[0], ids), lambda outcome: self._fetched(generation, number, outcome), channel="page"
        )

    def _fetched(self, generation: int, number: int, outcome: Outcome[Any]) -> None:
        if generation != self._generation:
            return
        self._fetching.discard(number)
        if outcome.kind is OutcomeKind.DONE:
            self._pages[number] = outcome.value or []
            while len(self._pages) > KEPT_PAGES:
                self._pages.popitem(last=False)
            first, last = number * PAGE, min((number + 1) * PAGE, len(self._ids)) - 1
            if self._groups is not None:
                first, last = self._groups.row_of(first), self._groups.row_of(last)
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(COLUMNS) - 1))
        if self._wanted:
            self._soon.start()

    # --- the model --------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """The number of changes, and of patients' headings."""
        if parent.isValid():
            return 0
        return len(self._ids) if self._groups is None else self._groups.rows

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """The columns of :data:`COLUMNS`."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The columns' names; rows are numbered."""
        if role == Qt.ItemDataRole.TextAlignmentRole and orientation is Qt.Orientation.Horizontal:
            return _alignment(section)
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].title if orientation is Qt.Orientation.Horizontal else section + 1
        return None

    @shown_data
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell; empty while its page is being fetched."""
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(index.column())
        if role not in _ROLES:
            return None
        heading = self.patient(index.row())
        if heading is not None:
            return self._heading(index.row(), index.column(), role, *heading)
        change = self.change(index.row())
        if change is None:
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return COLUMNS[index.column()].text(change, self.destination)
            case Qt.ItemDataRole.ToolTipRole:
                return _tip(change, index.column())
            case Qt.ItemDataRole.ForegroundRole:
                now = theme.current()
                if change.excluded:
                    return QColor(now.muted)
                return QColor(now.kind(change.kind)) if index.column() == KIND else None
            case Qt.ItemDataRole.FontRole:
                return self._struck if change.excluded and index.column() == PATH else self._font
            case _:
                return change if role == CHANGE_ROLE else None

    def _heading(self, row: int, column: int, role: int, patient: str | None, tally: Tally) -> Any:
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return COLUMNS[column].heading(patient, tally)
            case Qt.ItemDataRole.ToolTipRole:
                return f"{words.count_of(tally.files, 'change')}. {'Press ← or select the arrow to hide' if self.is_open(row) else 'Press → or select the arrow to show'} {words.agree(tally.files, 'it', 'them')}."
            case Qt.ItemDataRole.DecorationRole if column == KIND:
                return self._arrow(opened=self.is_open(row))
            case Qt.ItemDataRole.FontRole:
                return self._bold
            case _:
                return None

    def _arrow(self, *, opened: bool) -> QPixmap:
        now = theme.current()
        key = (now.name, opened)
        if key not in self._arrows:
            self._arrows[key] = icons.pixmap("opened" if opened else "closed", 16, now.text, 2.0)
        return self._arrows[key]


_ROLES = frozenset(
    int(role)
    for role in (
        Qt.ItemDataRole.DisplayRole,
        Qt.ItemDataRole.ToolTipRole,
        Qt.ItemDataRole.ForegroundRole,
        Qt.ItemDataRole.FontRole,
        Qt.ItemDataRole.DecorationRole,
        CHANGE_ROLE,
    )
)


def _alignment(column: int) -> int:
    side = Qt.AlignmentFlag.AlignRight if COLUMNS[column].right else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)


def _tip(change: Change, column: int) -> str:
    lines = [change.path]
    old = change.old
    if COLUMNS[column].compared and old is not None:
        lines.append(
            f"In the journal: {words.count_of(old.size, 'byte')}, {words.moment(old.mtime_us, seconds=True)}, version {old.version}"
        )
        if change.size is not None:
            lines.append(f"On the site: {words.count_of(change.size, 'byte')}, {words.moment(change.mtime_us, seconds=True)}")
    if change.note:
        lines.append(change.note)
    if change.excluded:
        lines.append(f"Held back by {change.held_by or 'an unknown user'}: {change.reason}")
    return "\n".join(lines)


_NONE: tuple[array[int], Groups | None, int] = (array("q"), None, 0)


def _select(path: Path, query: Query, ctx: JobContext) -> tuple[array[int], Groups | None, int]:
    found = review.select(path, query, ctx)
    return found.ids, Groups(found.patients) if found.patients is not None else None, found.changes
