"""How wide the columns of a table are: the one that a person reads first gets what the others leave, and no table has to be moved sideways.

Where there is not enough space, the columns give way in this order:

1. Every column gives away what its title and the lines that were on screen do not need.
2. The columns that matter least (``gives``, the first one first) are shortened if they are long texts, also for the column that stretches; if that is too
   little for the others, they are left out.
3. The other columns of text are shortened, from the right.  A number is never shortened, because a part of it is another number.

A person decides otherwise: a width that was drawn stays, and the menu of the headings shows a column, or hides it.  Only then, and in a
window that is narrower than any screen, the table moves sideways.  The tooltip of a cell has all of its text.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QByteArray, QEvent, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QHeaderView, QMenu, QTableView, QTreeView
from shiboken6 import isValid

from chorus_gui.ui.shown import button_text, plain_text

STRETCH_MINIMUM = 140
"""The least width of the column that stretches, if no sample says more; pixels."""
LEAST_TEXT, LEAST_GIVEN = 72, 120
"""The least width of a text that is shortened, and of one that could be left out instead; pixels."""
FIT_MS = 100
"""How long a table waits for further changes before it fits its columns to them; milliseconds."""
ARROW, MARGINS = 34, 22
"""What a title needs at its sides, with the arrow of the order and without; pixels."""


class ColumnWidths(QObject):
    """The widths of one table or tree.  ``column`` stretches, ``minimum`` is its least width (pixels), ``gives`` see above.

    ``changed``: the person has drawn a width, or has shown or hidden a column.  ``forgotten``: the person has reset the columns.
    """

    changed = Signal()
    forgotten = Signal()

    def __init__(self, view: QTableView | QTreeView, column: int) -> None:
        super().__init__(view)
        self._view, self.column = view, column
        self.minimum = STRETCH_MINIMUM
        self.gives: tuple[int, ...] = ()
        self._wanted: dict[int, int] = {}
        self._drawn: dict[str, int] = {}
        self._chosen: dict[str, bool] = {}
        self._needed: dict[int, int] = {}
        self._absent: set[int] = set()
        self._fitting = self._other_rows = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(FIT_MS)
        self._soon.timeout.connect(self.fit)
        view.viewport().installEventFilter(self)
        header, model = self.header, view.model()
        header.setStretchLastSection(False)
        header.setResizeContentsPrecision(0)  # only the lines on screen
        header.sectionResized.connect(self._resized)
        header.sectionCountChanged.connect(lambda *_: self.fit())
        header.sortIndicatorChanged.connect(lambda *_: self._look_soon())
        model.modelReset.connect(self._reset)
        for changed in (model.rowsInserted, model.dataChanged, view.verticalScrollBar().valueChanged):
            changed.connect(self._look_soon)
        if isinstance(view, QTreeView):
            view.expanded.connect(lambda _: self._look_soon())
        self.menu = QMenu("Co&lumns", view)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self._fill_menu)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._open_menu)

    @property
    def header(self) -> QHeaderView:
        """The headings of the columns."""
        return header_of(self._view)

    # --- what is asked for ------------------------------------------------------------------------------------------

    def want(self, column: int, width: int) -> None:
        """The width of a column where there is enough space; pixels."""
        if column == self.column:
            self.minimum = width
        else:
            self._wanted[column] = width
        self.fit()

    def choose(self, column: int, *, shown: bool) -> None:
        """The person shows or hides a column."""
        self._chosen[self.title(column)] = shown
        self.fit()
        self.changed.emit()

    def offer(self, column: int, *, offered: bool) -> None:
        """The table has this column now, or does not: every line would say the same.  A person can then not show it."""
        (self._absent.discard if offered else self._absent.add)(column)
        self.fit()

    def is_wanted(self, column: int) -> bool:
        """The table has this column, and the person has not hidden it: it is shown where there is enough space."""
        return column not in self._absent and self._chosen.get(self.title(column)) is not False

    def reset(self) -> None:
        """Forget what the person has drawn and chosen."""
        self._drawn.clear()
        self._chosen.clear()
        self.fit()
        self.forgotten.emit()
        self.changed.emit()

    @property
    def state(self) -> dict[str, object]:
        """What the person has drawn and chosen, to be remembered."""
        return {"widths": dict(self._drawn), "shown": dict(self._chosen)}

    def restore(self, found: dict[str, Any]) -> None:
        """What was remembered; what is something else is forgotten."""
        widths, shown = found.get("widths"), found.get("shown")
        if isinstance(widths, dict):
            self._drawn = {str(title): width for title, width in widths.items() if type(width) is int and 0 < width < 10_000}
        if isinstance(shown, dict):
            self._chosen = {str(title): value for title, value in shown.items() if isinstance(value, bool)}
        self.fit()

    def restore_order(self, state: QByteArray, *, keep_widths: bool) -> None:
        """The order of the columns, from ``saveState`` of a header; with ``keep_widths``, also the widths that a person has drawn."""
        header = self.header
        self._fitting = True  # these are no widths that somebody draws now
        restored = header.restoreState(state)
        self._fitting = False
        wanted = {**self._wanted, self.column: self.minimum}
        if restored and keep_widths:
            kept = {n: header.sectionSize(n) for n in wanted if n < header.count() and not header.isSectionHidden(n)}
            self._drawn = {self.title(n): width for n, width in kept.items() if abs(width - wanted[n]) > 2}
        self.fit()

    # --- what the columns get ---------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The table has another width, or is on screen again: while it was hidden, nobody looked how much space it has."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Show):
            self.fit()
        return super().eventFilter(watched, event)

    def fit(self) -> None:
        """Give each column its width."""
        header = self.header
        if self._fitting or self.column >= header.count():
            return
        self._fitting = True
        if self._other_rows:
            self._needed.clear()
            self._other_rows = False
        widths = self._widths(header, self._view.viewport().width())
        for column in range(header.count()):
            width = widths.get(column)
            if header.isSectionHidden(column) is not (width is None):
                header.setSectionHidden(column, width is None)
            if width is not None and header.sectionSize(column) != width:
                header.resizeSection(column, width)
        self._fitting = False

    def _widths(self, header: QHeaderView, space: int) -> dict[int, int]:
        """The widths of the columns that are shown; pixels."""
        widths = self._all_wanted(header)
        drawn = self._drawn.get(self.title(self.column))
        left = space - (drawn or self.minimum)
        if sum(widths.values()) > left and self._view.isVisible():
            widths = self._narrowed(header, widths, left)
        if not drawn and self._view.isVisible():
            self._make_room(widths, space)
        return {self.column: drawn or max(self.minimum, space - sum(widths.values())), **widths}

    def _make_room(self, widths: dict[int, int], space: int) -> None:
        """The column that stretches shows its lines whole before those that matter least do."""
        for n in self.gives:
            lacks = self._need(self.column) - (space - sum(widths.values()))
            if n in widths and lacks > 0 and self.title(n) not in self._drawn and not self._is_number(n):
                widths[n] = max(widths[n] - lacks, min(widths[n], max(self.title_width(n), LEAST_GIVEN)))

    def _all_wanted(self, header: QHeaderView) -> dict[int, int]:
        """What every column wants, except the one that stretches."""
        shown = [n for n in range(header.count()) if n != self.column and self.is_wanted(n)]
        return {
            n: self._drawn.get(self.title(n)) or self._wanted.get(n) or header.sectionSize(n) or header.defaultSectionSize() for n in shown
        }

    def _narrowed(self, header: QHeaderView, wanted: dict[int, int], left: int) -> dict[int, int]:
        """The widths where there are only ``left`` pixels."""
        free = [n for n in wanted if self.title(n) not in self._drawn]
        least = {n: min(width, self._need(n)) if n in free else width for n, width in wanted.items()}
        for n in self.gives:
            if n not in free:
                continue
            self._shorten(least, n, left, LEAST_GIVEN)
            if sum(least.values()) > left and self.title(n) not in self._chosen:
                del least[n]
        for n in sorted(free, key=header.visualIndex, reverse=True):
            if n in least:
                self._shorten(least, n, left, LEAST_TEXT)
        spare = sum(wanted[n] - width for n, width in least.items())
        lacks = min(max(sum(wanted[n] for n in least) - left, 0), spare)
        return {n: wanted[n] - (-(-lacks * (wanted[n] - width) // spare) if spare else 0) for n, width in least.items()}

    def _shorten(self, least: dict[int, int], column: int, left: int, at_least: int) -> None:
        """Make a column of text as narrow as it must be, and can be."""
        over = sum(least.values()) - left
        if over > 0 and not self._is_number(column):
            least[column] = max(least[column] - over, min(least[column], max(self.title_width(column), at_least)))

    def _need(self, column: int) -> int:
        """What the title and the lines that were on screen need; pixels.  It does not shrink while a person scrolls."""
        self._needed[column] = max(self._needed.get(column, 0), self._view.sizeHintForColumn(column) + 2)
        return max(self._needed[column], self.title_width(column), self.header.minimumSectionSize())

    def _is_number(self, column: int) -> bool:
        side = self._view.model().headerData(column, Qt.Orientation.Horizontal, Qt.ItemDataRole.TextAlignmentRole)
        return side is not None and bool(int(side) & Qt.AlignmentFlag.AlignRight.value)

    def title(self, column: int) -> str:
        """The heading of a column."""
        return str(self._view.model().headerData(column, Qt.Orientation.Horizontal) or "")

    def title_width(self, column: int, *, arrow: bool = False) -> int:
        """What the title of a column needs, with the arrow of the order if it has one, or if it is asked for; pixels."""
        header, bold = self.header, self._view.font()
        bold.setBold(True)
        arrow = arrow or (header.isSortIndicatorShown() and header.sortIndicatorSection() == column)
        return QFontMetrics(bold).horizontalAdvance(self.title(column)) + (ARROW if arrow else MARGINS)

    # --- what happens -----------------------------------------------------------------------------------------------

    def _reset(self) -> None:
        """The rows are others, which can need less."""
        self._other_rows = True
        self._look_soon()

    def _look_soon(self) -> None:
        """Other lines are on screen, which can need more."""
        if not isValid(self._view):  # a view that has its own model resets it at its end
            return
        header = self.header
        lacks = sum(self._all_wanted(header).values()) + self.minimum > self._view.viewport().width()
        if lacks and not self._soon.isActive():
            self._soon.start()

    def _resized(self, column: int, _before: int, now: int) -> None:
        if not self._fitting and now > 0:
            self._drawn[self.title(column)] = now
            self.fit()
            self.changed.emit()

    # --- the menu of the headings -----------------------------------------------------------------------------------

    def _fill_menu(self) -> None:
        header = self.header
        self.menu.clear()
        for n in sorted(set(range(header.count())) - self._absent, key=header.visualIndex):
            entry = self.menu.addAction(button_text(self.title(n)))
            entry.setCheckable(True)
            entry.setChecked(not header.isSectionHidden(n))
            entry.setEnabled(n != self.column)
            left_out = header.isSectionHidden(n) and self.title(n) not in self._chosen
            entry.setToolTip(plain_text("Left out because the window is narrow; select it to show it" if left_out else "Show this column"))
            entry.triggered.connect(lambda shown, n=n: self.choose(n, shown=shown))
        self.menu.addSeparator()
        again = self.menu.addAction("&Reset columns")
        again.setToolTip("Show the columns that fit, in the widths that they need, and the first order of columns and lines")
        again.triggered.connect(self.reset)

    def _open_menu(self, place: QPoint) -> None:
        self.menu.popup(self.header.mapToGlobal(place))


def header_of(view: QTableView | QTreeView) -> QHeaderView:
    """The headings of the columns."""
    return view.horizontalHeader() if isinstance(view, QTableView) else view.header()


def widths_of(view: QTableView | QTreeView) -> ColumnWidths:
    """Those of a table or tree that was made with a column that stretches."""
    found = view.findChild(ColumnWidths)
    assert found is not None
    return found
