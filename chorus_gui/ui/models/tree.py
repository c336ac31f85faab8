"""Patients and folders as a tree in one flat list of rows: a level is read when it is opened, and nothing is kept for files.

As in :mod:`.patients`, no tree widget: Qt asks a tree's model for every row that is open, and a site can have 100,000 patients.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QFont

from chorus_gui.app import review
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.core.review.values import TREE_KINDS, Branch, Query, TreeLevel, TreeNode
from chorus_gui.ui import words
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.shown import shown_data

Index = QModelIndex | QPersistentModelIndex
DEPTH_ROLE = Qt.ItemDataRole.UserRole + 2
"""How far a row is indented: 0 for a patient."""
OPEN_ROLE = Qt.ItemDataRole.UserRole + 3
"""True: what is below it is on screen; False: it is not; None: there is nothing below it."""


@dataclass(frozen=True, slots=True)
class TreeColumn:
    """A column: ``text`` is a node's cell, ``order`` what its level is sorted by ("": it cannot be), ``widest`` a text that fits in it."""

    title: str
    text: Callable[[TreeNode], str]
    widest: str
    order: str = ""
    right: bool = False


def title(node: TreeNode) -> str:
    """What a node is called."""
    branch = node.branch
    if not branch.folder and not branch.direct:
        return "No patient" if branch.patient is None else f"Patient {branch.patient}"
    if not node.name:
        return "Files in this folder" if branch.folder else "Files without a folder"
    return f"{node.name} (files in this folder)" if branch.direct else node.name


def state(node: TreeNode) -> Qt.CheckState | None:
    """Checked: all of it is submitted; unchecked: all of it is held back; None: nothing of it can be held back."""
    if not node.held and not node.holdable:
        return None
    if not node.held:
        return Qt.CheckState.Checked
    return Qt.CheckState.PartiallyChecked if node.holdable else Qt.CheckState.Unchecked


def kinds(node: TreeNode) -> str:
    """What changed: “12 added, 3 deleted”."""
    return ", ".join(_count(kind, count) for kind, count in zip(TREE_KINDS, node.kinds, strict=True) if count)


def _count(kind: str, count: int) -> str:
    if kind == "problem":
        return words.count_of(count, "problem")
    return f"{words.number(count)} {'time changed' if kind == 'moved' else kind}"


def held_text(node: TreeNode) -> str:
    """How much of a node is held back."""
    if not node.held:
        return ""
    return "all" if not node.holdable else f"{words.number(node.held)} of {words.number(node.held + node.holdable)}"


def spoken(node: TreeNode, *, opened: bool | None) -> str:
    """A node for a screen reader: a table's cell has no role for what a tree shows."""
    box = {
        None: "",
        Qt.CheckState.Checked: "submitted",
        Qt.CheckState.Unchecked: "held back",
        Qt.CheckState.PartiallyChecked: "partly held back",
    }
    way = "" if opened is None else "open" if opened else "closed"
    return ", ".join(part for part in (title(node), words.count_of(node.tally.files, "change"), box[state(node)], way) if part)


TREE = (
    TreeColumn("Patient or folder", title, "Patient 1000123 Images", "name"),
    TreeColumn("Changes", lambda node: words.number(node.tally.files), "1,000,000", "files", right=True),
    TreeColumn("Size", lambda node: words.size(node.tally.bytes), "512.5 MB", "bytes", right=True),
    TreeColumn("Held back", held_text, "1,000 of 1,000", "held"),
    TreeColumn("What changed", kinds, "100 added, 100 deleted"),
)
NAME = 0


class _Opened:
    """A level on screen, with those below it that are open, by their places.  Folders can be so deep that nothing here calls itself."""

    def __init__(self, level: TreeLevel, depth: int) -> None:
        self.level, self.depth = level, depth
        self.places: list[int] = []
        self.below: list[_Opened] = []

    @property
    def rows(self) -> int:
        count, left = 0, [self]
        while left:
            one = left.pop()
            count += len(one.level)
            left += one.below
        return count

    def at(self, row: int) -> tuple[_Opened, int]:
        """The level and the place in it of a row, counted from the first of this level."""
        around, inside = self, True
        while inside:
            inside = False
            for place, one in zip(around.places, around.below, strict=True):
                if row <= place:
                    break
                count = one.rows
                if row <= place + count:
                    around, row, inside = one, row - place - 1, True
                    break
                row -= count
        return around, row

    def row_of(self, place: int) -> int:
        """The row of one of its own nodes."""
        return place + sum(one.rows for at, one in zip(self.places, self.below, strict=True) if at < place)

    def opened(self, place: int) -> _Opened | None:
        number = bisect_left(self.places, place)
        return self.below[number] if number < len(self.places) and self.places[number] == place else None

    def open(self, place: int, level: TreeLevel) -> _Opened:
        number, made = bisect_left(self.places, place), _Opened(level, self.depth + 1)
        self.places.insert(number, place)
        self.below.insert(number, made)
        return made

    def close(self, place: int) -> None:
        number = bisect_left(self.places, place)
        del self.places[number], self.below[number]

    def branches(self) -> Iterator[Branch]:
        """What is open below it, from the top."""
        left = self.below[::-1]
        while left:
            one = left.pop()
            if one.level.branch is not None:
                yield one.level.branch
            left += one.below[::-1]


class TreeModel(QAbstractTableModel):
    """The tree of one review, of what a query finds.  It asks nothing until it is :meth:`wake`-d, so that it costs nothing unseen.

    ``asked``: it began to read; ``answered``: the patients are here, with their number.  ``opened``: the row of a node that was opened.
    """

    asked = Signal()
    answered = Signal(int)
    opened = Signal(int)

    def __init__(self, reader: Reader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reader = reader
        self._review: tuple[Path, int] | None = None
        self.query = Query()
        self.shown: tuple[tuple[Path, int] | None, Query] = (None, self.query)
        """the review and the query that the rows are of: while an answer is awaited, not those that were asked last"""
        self.order, self.descending = "name", False
        self._awake = self._stale = False
        self._root = _Opened(TreeLevel(None), 0)
        self._seen: dict[int, tuple[_Opened, int, TreeNode]] = {}
        self._bold = QFont()
        self._bold.setBold(True)

    # --- asking -----------------------------------------------------------------------------------------------------

    def show_review(self, shown: tuple[Path, int] | None) -> None:
        """Show the review at this path and revision; None: none."""
        if shown != self._review:
            if shown is None or self._review is None or shown[0] != self._review[0]:
                self._take(_Opened(TreeLevel(None), 0))
            self._review = shown
            self._ask()

    def ask(self, query: Query) -> None:
        """Show what another query finds.  Its order and its limit do not count."""
        query = replace(query, by_patient=False, order="id", descending=False)
        if query != self.query:
            self.query = query
            self._ask()

    def sort_by(self, order: str, *, descending: bool) -> None:
        """Sort every level: one of :data:`~chorus_gui.core.review.tree.SORTS`."""
        if (order, descending) != (self.order, self.descending):
            self.order, self.descending = order, descending
            self._ask()

    def wake(self, *, awake: bool) -> None:
        """It is on screen, or not."""
        self._awake = awake
        if awake and self._stale:
            self._ask()

    def _ask(self) -> None:
        """Read the patients, and every level that is open."""
        self._stale = not self._awake
        if not self._awake or self._review is None:
            return
        self.asked.emit()
        step = partial(_read, self._review[0], self.query, (None, *self._root.branches()), self.order, self.descending)
        self._reader.ask(self, step, partial(self._answer, (self._review, self.query)), channel="tree")

    def _answer(self, asked: tuple[tuple[Path, int] | None, Query], outcome: Outcome[Any]) -> None:
        if outcome.kind is OutcomeKind.CANCELLED or self._review is None or asked[0] != self._review:
            return
        root: _Opened = outcome.value or _Opened(TreeLevel(None), 0)
        self.shown = asked
        self._take(root)
        self.answered.emit(len(root.level))

    def _take(self, root: _Opened) -> None:
        self.beginResetModel()
        self._root = root
        self._seen.clear()
        self.endResetModel()

    # --- rows -------------------------------------------------------------------------------------------------------

    def node(self, row: int) -> TreeNode | None:
        """The node of a row; None after the last one."""
        return self._at(row)[2] if 0 <= row < self._root.rows else None

    def _at(self, row: int) -> tuple[_Opened, int, TreeNode]:
        if row not in self._seen:
            if len(self._seen) > 1000:
                self._seen.clear()
            around, place = self._root.at(row)
            self._seen[row] = around, place, around.level.node(place)
        return self._seen[row]

    def is_open(self, row: int) -> bool | None:
        """Whether what is below a row is on screen; None: there is nothing below it."""
        around, place, node = self._at(row)
        return None if node.leaf else around.opened(place) is not None

    def row_of(self, branch: Branch) -> int | None:
        """The row of a part of the tree, if it is on screen."""
        found = _find(self._root, branch)
        return None if found is None else self._row(*found)

    def _row(self, around: _Opened, place: int) -> int:
        row = around.row_of(place)
        while around.level.branch is not None and (above := _find(self._root, around.level.branch)) is not None:
            around, place = above
            row += around.row_of(place) + 1
        return row

    def around(self, row: int) -> int | None:
        """The row of the node around a row; None for a patient."""
        branch = self._at(row)[0].level.branch
        return None if branch is None else self.row_of(branch)

    def open(self, row: int) -> None:
        """Read what is below a row, and show it; ``opened`` when it is there."""
        if self.is_open(row) is not False or self._review is None:
            return
        branch = self._at(row)[2].branch
        step = partial(review.tree, self._review[0], self.shown[1], (branch,), self.order, self.descending)
        self._reader.ask(self, step, partial(self._take_level, self.shown, branch), channel=f"open {branch}")

    def _take_level(self, asked: tuple[tuple[Path, int] | None, Query], branch: Branch, outcome: Outcome[Any]) -> None:
        if asked != self.shown:  # the rows are others now: read the level of these
            if (row := self.row_of(branch)) is not None:
                self.open(row)
            return
        found, level = _find(self._root, branch), (outcome.value or {}).get(branch)
        if outcome.kind is not OutcomeKind.DONE or found is None or not level or found[0].opened(found[1]) is not None:
            return
        row = self._row(*found)
        self.beginInsertRows(QModelIndex(), row + 1, row + len(level))
        found[0].open(found[1], level)
        self._seen.clear()
        self.endInsertRows()
        self.dataChanged.emit(self.index(row, NAME), self.index(row, NAME))
        self.opened.emit(row)

    def close(self, row: int) -> None:
        """Hide what is below a row."""
        around, place, _ = self._at(row)
        if (below := around.opened(place)) is not None:
            self.beginRemoveRows(QModelIndex(), row + 1, row + below.rows)
            around.close(place)
            self._seen.clear()
            self.endRemoveRows()
            self.dataChanged.emit(self.index(row, NAME), self.index(row, NAME))

    # --- the model --------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """What is open."""
        return 0 if parent.isValid() else self._root.rows

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """The columns of :data:`TREE`."""
        return 0 if parent.isValid() else len(TREE)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The columns' names; rows are numbered."""
        if role == Qt.ItemDataRole.TextAlignmentRole and orientation is Qt.Orientation.Horizontal:
            return _alignment(section)
        if role == Qt.ItemDataRole.DisplayRole:
            return TREE[section].title if orientation is Qt.Orientation.Horizontal else section + 1
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """A node with something that can be held back has a box."""
        found = super().flags(index)
        if index.isValid() and index.column() == NAME and state(self._at(index.row())[2]) is not None:
            found |= Qt.ItemFlag.ItemIsUserCheckable
        return found

    @shown_data
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell."""
        if not index.isValid() or index.row() >= self._root.rows:
            return None
        around, _, node = self._at(index.row())
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return TREE[index.column()].text(node)
            case Qt.ItemDataRole.TextAlignmentRole:
                return _alignment(index.column())
            case Qt.ItemDataRole.FontRole:
                return self._bold if around.depth == 0 else None
            case Qt.ItemDataRole.ToolTipRole:
                return node.branch.folder.rstrip("/") or title(node) if index.column() == NAME else TREE[index.column()].text(node)
            case Qt.ItemDataRole.CheckStateRole if index.column() == NAME:
                return state(node)
            case Qt.ItemDataRole.AccessibleTextRole if index.column() == NAME:
                return spoken(node, opened=self.is_open(index.row()))
            case _:
                if role == DEPTH_ROLE:
                    return around.depth
                return self.is_open(index.row()) if role == OPEN_ROLE else None


def _read(path: Path, query: Query, branches: Sequence[Branch | None], order: str, descending: bool, ctx: JobContext) -> _Opened:
    """The tree, open where it was: put together on the reader's thread, for a level can be long."""
    levels = review.tree(path, query, branches, order, descending, ctx)
    root = _Opened(levels.pop(None, TreeLevel(None)), 0)
    for branch, level in levels.items():  # each after what it is below
        if branch is not None and len(level) and (found := _find(root, branch)) is not None:
            found[0].open(found[1], level)
    return root


def _find(root: _Opened, branch: Branch) -> tuple[_Opened, int] | None:
    """The level on screen that has a part of the tree, and its place there."""
    if not branch.folder and not branch.direct:
        place = root.level.place(branch)
        return None if place is None else (root, place)
    above = root.level.place(Branch(branch.patient))
    around = None if above is None else root.opened(above)
    while around is not None:
        if (place := around.level.place(branch)) is not None:
            return around, place
        way = (one for one in around.below if one.level.branch is not None and branch.folder.startswith(one.level.branch.folder))
        around = next(way, None)
    return None


def _alignment(column: int) -> int:
    side = Qt.AlignmentFlag.AlignRight if TREE[column].right else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)
