"""A million changes in a table: ids in an array, rows fetched a page at a time.

Which rows, in which order, is a :class:`~chorus_gui.core.review.changes.Query` that runs on the reader's thread; a newer query
drops the answer of an older one.  Pages of rows come from the pager's thread: while one is under way its cells are empty for some
20 ms (measured: up to 30 ms a page, more while a job writes, which would be stalls on the screen's thread).
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFont

from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.core.model import Change, ChangeKind
from chorus_gui.core.review.changes import Query, by_ids, select_ids
from chorus_gui.core.review.staging import Staging
from chorus_gui.ui import theme, words
from chorus_gui.ui.jobs import Reader

PAGE = 256
KEPT_PAGES = 64

KIND, MODALITY, PATIENT, PATH, SIZE, MODIFIED, HELD = range(7)
HEADERS = ("Change", "Modality", "Patient", "Path", "Size", "Modified", "Held back")
ORDERS = {KIND: "kind", MODALITY: "modality", PATIENT: "patient", PATH: "path", SIZE: "size", MODIFIED: "mtime"}
"""Column → what :class:`Query` sorts by; the others cannot be sorted by."""

CHANGE_ROLE = Qt.ItemDataRole.UserRole + 1
"""The :class:`Change` of a row, or None while it is being fetched."""

Index = QModelIndex | QPersistentModelIndex


class ChangesModel(QAbstractTableModel):
    """The changes of one review.  ``asked``: a query began; ``answered``: its rows are here, so many."""

    asked = Signal()
    answered = Signal(int)

    def __init__(self, reader: Reader, pager: Reader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reader, self._pager = reader, pager
        self._review: tuple[Path, int] | None = None
        self._query = Query()
        self._ids: array[int] = array("q")
        self._pages: OrderedDict[int, list[Change]] = OrderedDict()
        self._wanted: list[int] = []
        self._fetching: set[int] = set()
        self._generation = 0
        self._font = QFont()
        self._struck = QFont()
        self._struck.setStrikeOut(True)
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
            self._take(array("q"))
        if review is not None:
            self._ask()

    def ask(self, query: Query) -> None:
        """Show other rows, or the same in another order."""
        if query != self._query:
            self._query = query
            if self._review is not None:
                self._ask()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By a column of :data:`ORDERS`; others leave it as it is."""
        if column in ORDERS:
            self.ask(replace(self._query, order=ORDERS[column], descending=order is Qt.SortOrder.DescendingOrder))

    def ids(self, rows: list[int]) -> tuple[int, ...]:
        """The ids of some rows."""
        return tuple(self._ids[row] for row in rows if 0 <= row < len(self._ids))

    def all_ids(self) -> tuple[int, ...]:
        """The ids of every row that is shown."""
        return tuple(self._ids)

    def change(self, row: int) -> Change | None:
        """The change of a row, if it is here; asks for it if not."""
        if not 0 <= row < len(self._ids):
            return None
        number, place = divmod(row, PAGE)
        page = self._pages.get(number)
        if page is None:
            self._want(number)
            return None
        self._pages.move_to_end(number)
        return page[place] if place < len(page) else None

    # --- asking -----------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        assert self._review is not None
        self.asked.emit()
        self._reader.ask(self, partial(_select, self._review[0], self._query), self._answer, channel="rows")

    def _answer(self, outcome: Outcome[Any]) -> None:
        if outcome.kind is OutcomeKind.DONE:
            self._take(outcome.value or array("q"))
        elif self._review is not None and outcome.kind is not OutcomeKind.CANCELLED:
            self._take(array("q"))  # the review is not there any more; the next state says so

    def _take(self, ids: array[int]) -> None:
        self.beginResetModel()
        self._ids = ids
        self._forget_pages()
        self.endResetModel()
        self.answered.emit(len(ids))

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
            self, partial(_rows, self._review[0], ids), lambda outcome: self._fetched(generation, number, outcome), channel="page"
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
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(HEADERS) - 1))
        if self._wanted:
            self._soon.start()

    # --- the model --------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """So many changes fit."""
        return 0 if parent.isValid() else len(self._ids)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """The columns of :data:`HEADERS`."""
        return 0 if parent.isValid() else len(HEADERS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The columns' names; rows are numbered."""
        if role == Qt.ItemDataRole.DisplayRole:
            return HEADERS[section] if orientation is Qt.Orientation.Horizontal else section + 1
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell; empty while its page is being fetched."""
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(
                (Qt.AlignmentFlag.AlignRight if index.column() == SIZE else Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter
            )
        if role not in _ROLES:
            return None
        change = self.change(index.row())
        if change is None:
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return _text(change, index.column())
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
                return change


_ROLES = frozenset(
    int(role)
    for role in (
        Qt.ItemDataRole.DisplayRole,
        Qt.ItemDataRole.ToolTipRole,
        Qt.ItemDataRole.ForegroundRole,
        Qt.ItemDataRole.FontRole,
        CHANGE_ROLE,
    )
)


def kind_text(change: Change) -> str:
    """What a change is called on screen: the halves of a rename say so."""
    if change.pair is not None:
        return "renamed from" if change.kind is ChangeKind.DELETED else "renamed to"
    return change.kind.value


def _text(change: Change, column: int) -> str:
    old = change.old
    match column:
        case 0:
            return kind_text(change)
        case 1:
            return change.modality
        case 2:
            return change.patient_id or (old.patient_id if old else None) or ""
        case 3:
            return change.path
        case 4:
            return _pair(old.size if old else None, change.size, words.size)
        case 5:
            return _pair(old.mtime_us if old else None, change.mtime_us, words.moment)
        case _:
            return change.reason if change.excluded else ""


def _pair(old: int | None, new: int | None, write: Any) -> str:
    """The new one; "old → new" where both are there and are written differently."""
    if new is None:
        return write(old) if old is not None else ""
    now = write(new)
    before = write(old) if old is not None else now
    return now if before == now else f"{before} → {now}"


def _tip(change: Change, column: int) -> str:
    lines = [change.path]
    old = change.old
    if column in (SIZE, MODIFIED) and old is not None:
        lines.append(f"in the journal: {old.size:,} bytes, {words.moment(old.mtime_us, seconds=True)}, version {old.version}")
        if change.size is not None:
            lines.append(f"on the site: {change.size:,} bytes, {words.moment(change.mtime_us, seconds=True)}")
    if change.note:
        lines.append(change.note)
    if change.excluded:
        lines.append(f"Held back: {change.reason}")
    return "\n".join(lines)


def _select(path: Path, query: Query, ctx: JobContext) -> array[int]:
    with Staging.open(path) as staging:
        ctx.checkpoint()
        return select_ids(staging, query)


def _rows(path: Path, ids: list[int], ctx: JobContext) -> list[Change]:
    with Staging.open(path) as staging:
        ctx.checkpoint()
        return by_ids(staging, ids)
