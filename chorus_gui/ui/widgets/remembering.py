"""What a person chose in a table comes back with the next window: widths and places of columns, hidden columns, the order of the lines.

Every table and tree remembers it under its own name, and columns by their titles.  A window has one :class:`Memory`; the tables of
its pages and dialogs find it when they are shown for the first time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QTableView, QTreeView, QWidget

from chorus_gui.core.untrusted import DATA_ERRORS, json_value
from chorus_gui.ui.settings import Settings
from chorus_gui.ui.widgets.column_widths import ColumnWidths

DESCENDING, ASCENDING = Qt.SortOrder.DescendingOrder, Qt.SortOrder.AscendingOrder


class Memory(QObject):
    """Where the tables of a window remember."""

    def __init__(self, window: QWidget, settings: Settings) -> None:
        super().__init__(window)
        self.settings = settings


class Remembered(QObject):
    """What one table or tree remembers.

    ``order`` are a column and whether the lines descend, as long as the person has chosen nothing; column -1: the order that they are
    given in.  ``sort_by`` sorts; a table that Qt does not sort has a function of its own.
    """

    def __init__(self, view: QTableView | QTreeView, name: str, columns: ColumnWidths) -> None:
        super().__init__(view)
        self._view, self._columns, self._header = view, columns, columns.header
        self._key = f"tables/{name}"
        self._settings: Settings | None = None
        self._chosen: tuple[str, bool] | None = None
        self._places: list[str] = []
        self._first: list[int] = []
        self._moving = False
        self.order: tuple[int, bool] = (-1, False)
        self.sort_by: Callable[[int, bool], None] = self._sort
        columns.changed.connect(self._keep)
        columns.forgotten.connect(self._forget)
        self._header.sectionMoved.connect(lambda *_: self._moved())
        self._header.sectionClicked.connect(self._clicked, Qt.ConnectionType.QueuedConnection)  # when the lines are sorted
        view.installEventFilter(self)

    def restore(self, settings: Settings) -> bool:
        """Give the table what is remembered of it, and remember there from now on; whether there was something."""
        self._settings = settings
        try:
            found: Any = json_value(settings.text(self._key))
        except DATA_ERRORS:
            found = None
        if not isinstance(found, dict):
            return False
        self._columns.restore(found)
        places, order = found.get("places"), found.get("order")
        if isinstance(places, list):
            self.place([title for title in places if isinstance(title, str)])
        if isinstance(order, list) and len(order) == 2 and isinstance(order[0], str) and isinstance(order[1], bool):
            self._chosen = (order[0], order[1])
            self.sort_again()
        return True

    def choose(self, column: int, *, descending: bool) -> None:
        """The person has chosen this order."""
        self._chosen = (self._columns.title(column), descending)
        self.sort_again()
        self._keep()

    def place(self, titles: Sequence[str]) -> None:
        """Put the columns in this order, from the left; others keep theirs."""
        numbers = {self._columns.title(n): n for n in range(self._header.count())}
        self._first = self._first or self._visible()
        self._places = [title for title in titles if title in numbers]
        self._arrange([numbers[title] for title in self._places])

    def place_first(self, columns: Sequence[int]) -> None:
        """Put the columns in this order, as long as the person has chosen no other."""
        self._first = list(columns)
        self._arrange(columns)

    def sort_again(self) -> None:
        """Sort as the person has chosen, or as the table is sorted at first: its columns are others, or it can be sorted again."""
        titles = [self._columns.title(n) for n in range(self._header.count())]
        if self._chosen is not None and self._chosen[0] in titles:
            self.sort_by(titles.index(self._chosen[0]), self._chosen[1])
        else:
            self.sort_by(*self.order)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """It is shown for the first time."""
        if event.type() is QEvent.Type.Show and self._settings is None:
            owner: QObject | None = self._view.parent()
            while owner is not None and self._settings is None:
                memory = owner.findChild(Memory, options=Qt.FindChildOption.FindDirectChildrenOnly)
                if memory is not None:
                    self.restore(memory.settings)
                owner = owner.parent()
        return super().eventFilter(watched, event)

    # --- what happens -----------------------------------------------------------------------------------------------

    def _sort(self, column: int, descending: bool) -> None:
        view, side = self._view, DESCENDING if descending else ASCENDING
        if view.isSortingEnabled():
            same = (self._header.sortIndicatorSection(), self._header.sortIndicatorOrder()) == (column, side)
            view.sortByColumn(column, side)
            if same:
                view.model().sort(column, side)

    def _clicked(self, _: int) -> None:
        """A heading was selected, and the lines are sorted."""
        column = self._header.sortIndicatorSection()
        if self._header.isSortIndicatorShown() and column >= 0:
            self._chosen = (self._columns.title(column), self._header.sortIndicatorOrder() is DESCENDING)
            self._keep()

    def _moved(self) -> None:
        if not self._moving:
            self._first = self._first or list(range(self._header.count()))
            self._places = [self._columns.title(n) for n in self._visible()]
            self._keep()

    def _forget(self) -> None:
        self._chosen, self._places = None, []
        self._arrange(self._first)
        self.sort_again()

    def _arrange(self, columns: Sequence[int]) -> None:
        self._moving = True
        for place, column in enumerate(columns):
            self._header.moveSection(self._header.visualIndex(column), place)
        self._moving = False

    def _visible(self) -> list[int]:
        return [self._header.logicalIndex(place) for place in range(self._header.count())]

    def _keep(self) -> None:
        if self._settings is not None:
            chosen: dict[str, object] = {"places": self._places, "order": list(self._chosen) if self._chosen else None}
            self._settings.put(self._key, json.dumps({**self._columns.state, **{name: value for name, value in chosen.items() if value}}))


def remembered_of(view: QTableView | QTreeView) -> Remembered:
    """What a table or tree of the program remembers."""
    found = view.findChild(Remembered)
    assert found is not None
    return found
