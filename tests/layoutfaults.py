"""What is wrong with how a window is laid out: controls without a name, text that is cut off, widgets that overlap.

:func:`layout_faults` looks at everything that is visible below a widget, at its present size.  Each fault is a sentence that starts with its
kind: "unnamed", "cut off", "overlap", "squeezed", "scrolls" or "too large", and names the widget and what is around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import QAccessible, QFontMetrics
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QListView,
    QMainWindow,
    QMenuBar,
    QScrollArea,
    QScrollBar,
    QSplitterHandle,
    QStyle,
    QStyleOptionComboBox,
    QTabBar,
    QTabWidget,
    QTextEdit,
    QWidget,
)

from chorus_gui.ui.widgets.basics import Chip, ElidedLabel, EmptyState, Tile

WITH_OWN_PARTS = (QAbstractSpinBox, QComboBox, QTabBar, QMenuBar, QHeaderView, QAbstractScrollArea, QDialogButtonBox, QTabWidget, Tile)
"""Qt lays out what is inside of these; a tile is looked at as a whole."""
LEAST_LETTERS = 6
"""a text that is shortened on purpose shows at least this many letters"""
LEAST_ROWS = 4
"""a table shows at least this many rows, if it has them"""
LEAST_HEIGHT = 96
"""a page that scrolls shows at least this much; pixels"""
HEADING = 20
"""pixels: what the title of a column needs at its sides, by the style sheet"""
SLACK = 2
"""pixels: hinting of letters differs with their place"""


def settled(root: QWidget) -> None:
    """Let the layouts do what was asked of them, until nothing moves any more."""
    before: list[QRect] | None = None
    still = 0
    for _ in range(30):
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
        now = [one.geometry() for one in root.findChildren(QWidget) if one.isVisible()]
        still = still + 1 if now == before else 0
        if still == 3:  # a layout can begin again in the next turn: tiles take another line when they have their width
            return
        before = now


def layout_faults(root: QWidget, size: QSize | None = None) -> list[str]:
    """Every fault below ``root``.  ``size``: at most this large; a window or dialog that cannot be so small is a fault, too."""
    found: list[str] = []
    if size is not None and (root.width() > size.width() or root.height() > size.height()):
        found.append(f"too large: {named(root)} has {root.width()}×{root.height()}, and the screen {size.width()}×{size.height()}")
    shown = [one for one in root.findChildren(QWidget) if one.window() is root and one.isVisible()]
    for one in shown:
        found += _unnamed(one)
        if _of_qt(one):
            continue
        found += [*_outside(one), *_cut(one), *_squeezed(one)]
    found += _overlaps(shown)
    return list(dict.fromkeys(found))


def named(one: QWidget) -> str:
    """Enough to find it in the program."""
    text = one.text() if isinstance(one, (QLabel, QAbstractButton, QLineEdit)) else one.windowTitle() if one.isWindow() else ""
    own = text or one.accessibleName() or one.objectName()
    around: list[str] = []
    part = one.parentWidget()
    while part is not None and len(around) < 3:
        if type(part).__name__ not in ("QWidget", "QStackedWidget", "Stack") or part.accessibleName():
            around.append(f"{type(part).__name__}{f' “{part.accessibleName()[:30]}”' if part.accessibleName() else ''}")
        part = part.parentWidget()
    return f"{type(one).__name__}{f' “{own[:60]}”' if own else ''}{' in ' if around else ''}{' in '.join(around)}"


def _of_qt(one: QWidget) -> bool:
    """A part of a control or of a view, which Qt lays out."""
    if one.objectName().startswith("qt_") and not isinstance(one, (QAbstractButton, QTabBar)):
        return True
    parent = one.parentWidget()
    if isinstance(parent, QAbstractScrollArea) or isinstance(one, (QScrollBar, QSplitterHandle)):
        return True
    while parent is not None:
        if isinstance(parent, WITH_OWN_PARTS) and not isinstance(parent, (QTabWidget, QScrollArea)):
            return True
        if isinstance(parent, (QScrollArea, QTabWidget)):
            return False
        parent = parent.parentWidget()
    return False


# --- names --------------------------------------------------------------------------------------------------------------


def _unnamed(one: QWidget) -> Iterator[str]:
    """What Tab reaches, and what can be selected with the mouse, has a name and a role for a screen reader."""
    reached = bool(one.focusPolicy() & Qt.FocusPolicy.TabFocus) and one.focusProxy() is None
    if not (reached or isinstance(one, QAbstractButton)) or one.objectName().startswith(("qt_", "Scroll")):
        return
    if isinstance(one.parentWidget(), (QTabBar, QHeaderView, QAbstractScrollArea)) or type(one).__name__ == "QTableCornerButton":
        return
    told = QAccessible.queryAccessibleInterface(one)
    if told is None or not told.text(QAccessible.Text.Name).strip():
        yield f"unnamed: {named(one)}"
    elif told.role() is QAccessible.Role.NoRole or (told.role() is QAccessible.Role.Client and not isinstance(one, QScrollArea)):
        yield f"unnamed: no role: {named(one)}"


# --- text that is cut off -------------------------------------------------------------------------------------------------


def _outside(one: QWidget) -> Iterator[str]:
    """Partly outside of its parent, which cuts it off."""
    parent = one.parentWidget()
    if parent is None or one.isWindow():
        return
    if isinstance(parent.parentWidget(), QScrollArea) and parent.objectName() == "qt_scrollarea_viewport":
        return
    if not parent.rect().adjusted(-SLACK, -SLACK, SLACK, SLACK).contains(one.geometry()):
        over = one.geometry()
        yield f"cut off: {named(one)} reaches to {over.right() + 1},{over.bottom() + 1} of {parent.width()},{parent.height()}"


def _cut(one: QWidget) -> Iterator[str]:
    """Its text needs more space than it has."""
    needs, has = QSize(), one.size()
    if isinstance(one, QLabel):
        if not one.text() or not one.pixmap().isNull():
            return
        if isinstance(one, ElidedLabel):
            if one.full and len(one.text()) < min(LEAST_LETTERS, len(one.full)):
                yield f"cut off: {named(one)} shows only “{one.text()}” of “{one.full}”"
            needs = QSize(0, one.fontMetrics().height())
        elif one.wordWrap():
            metrics = QFontMetrics(one.font())
            longest = max((metrics.horizontalAdvance(word) for word in _pieces(one.text())), default=0)
            margins = one.width() - one.contentsRect().width() + 2 * one.margin()
            needs = QSize(longest + margins, one.heightForWidth(one.width()))
        else:
            needs = one.sizeHint()
    elif isinstance(one, Chip):
        around = one.parentWidget()
        if one.text() != one.fact and (around is None or one.sizeHint().width() <= around.contentsRect().width()):
            yield f"cut off: {named(one)} of “{one.fact}”, and a line of its own would show all of it"
        needs = QSize(0, one.fontMetrics().height())
    elif isinstance(one, Tile):
        needs = one.minimumSizeHint()
    elif isinstance(one, QAbstractButton):
        needs = one.sizeHint()
    elif isinstance(one, QComboBox):
        option = QStyleOptionComboBox()
        one.initStyleOption(option)
        field = one.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, one)
        text = one.placeholderText() if one.currentIndex() < 0 and not one.isEditable() else one.currentText()
        needs = QSize(one.width() - field.width() + one.fontMetrics().horizontalAdvance(text), one.minimumSizeHint().height())
        if one.isEditable():
            needs.setWidth(0)
    elif isinstance(one, QLineEdit):
        hint = one.placeholderText() if not one.text() else ""
        space = one.sizeHint().width() - 17 * one.fontMetrics().horizontalAdvance("x")
        needs = QSize(one.fontMetrics().horizontalAdvance(hint) + max(space, 0) if hint else 0, one.minimumSizeHint().height())
    elif isinstance(one, QHeaderView):
        return
    elif isinstance(one, QTabBar):
        needs = QSize(sum(one.tabRect(number).width() for number in range(one.count())), 0)
    if needs.width() > has.width() + SLACK or needs.height() > has.height() + SLACK:
        yield f"cut off: {named(one)} needs {needs.width()}×{needs.height()}, and has {has.width()}×{has.height()}"
    if isinstance(one, QAbstractItemView):
        yield from _headings(one)


def _pieces(text: str) -> list[str]:
    """What Qt does not break between lines."""
    out: list[str] = []
    for word in text.split():
        piece = ""
        for letter in word:
            piece += letter
            if letter in "/-\\|&?=":
                out.append(piece)
                piece = ""
        out.append(piece)
    return out


def _headings(one: QAbstractItemView) -> Iterator[str]:
    """The titles of the columns."""
    header = one.findChild(QHeaderView) if not hasattr(one, "horizontalHeader") else one.horizontalHeader()  # type: ignore[attr-defined]
    model = one.model()
    if not isinstance(header, QHeaderView) or not header.isVisible() or model is None:
        return
    bold = header.font()
    bold.setBold(True)
    for column in range(header.count()):
        title = str(model.headerData(column, Qt.Orientation.Horizontal) or "")
        if (
            title
            and not header.isSectionHidden(column)
            and header.sectionSize(column) < QFontMetrics(bold).horizontalAdvance(title) + HEADING
        ):
            yield f"cut off: the heading “{title}” in {named(one)} has {header.sectionSize(column)} pixels"


def _squeezed(one: QWidget) -> Iterator[str]:
    """There is so little space that nobody can work in it; or a page has to be moved sideways."""
    if isinstance(one, QAbstractItemView):
        model, rows = one.model(), 0
        if model is not None and not (isinstance(one, QListView) and one.viewMode() is QListView.ViewMode.IconMode):
            rows = min(model.rowCount(), LEAST_ROWS)
        height = one.sizeHintForRow(0) if rows else 0
        if rows and one.viewport().height() < rows * max(height, 16) - SLACK:
            yield f"squeezed: {named(one)} shows {one.viewport().height()} pixels of {model.rowCount()} rows"
        yield from _sideways(one)
    elif isinstance(one, QScrollArea):
        if one.horizontalScrollBar().maximum() > 0:
            yield f"cut off: {named(one)} moves sideways by {one.horizontalScrollBar().maximum()} pixels"
        moves = one.verticalScrollBar().maximum()
        if moves > 0 and one.viewport().height() < LEAST_HEIGHT:
            yield f"squeezed: {named(one)} shows {one.viewport().height()} pixels"
        if moves > SLACK and (empty := _not_needed(one)) > SLACK:
            yield f"scrolls: {named(one)} moves by {moves} pixels, and {empty} of what it shows are empty"
    elif isinstance(one, QTextEdit) and one.height() < 40:
        yield f"squeezed: {named(one)} is {one.height()} pixels high"


def _sideways(one: QAbstractItemView) -> Iterator[str]:
    """A table, tree or list with rows has to be moved sideways: whoever reads a line loses its beginning.

    There is no exception.  What may move is text whose lines are not broken (the log, a script, the configuration as TOML): that is
    a QPlainTextEdit.  A table whose columns a person has made wider moves too, and no test does that.
    """
    moves, model = one.horizontalScrollBar().maximum(), one.model()
    if moves > 0 and model is not None and model.rowCount():
        yield f"cut off: {named(one)} moves sideways by {moves} pixels"


def _not_needed(area: QScrollArea) -> int:
    """How much higher than its words a message is that has a page for itself; pixels."""
    empty = [one for one in area.findChildren(EmptyState) if one.isVisible()]
    return max((one.height() - max(one.heightForWidth(one.width()), one.minimumSizeHint().height()) for one in empty), default=0)


# --- one over the other -------------------------------------------------------------------------------------------------


def _overlaps(shown: list[QWidget]) -> Iterator[str]:
    """Two parts of one widget cover each other."""
    parts: dict[QWidget, list[QWidget]] = {}
    for one in shown:
        parent = one.parentWidget()
        if parent is None or _of_qt(one) or one.testAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents):
            continue
        if isinstance(parent, (*WITH_OWN_PARTS, QMainWindow)):
            continue
        parts.setdefault(parent, []).append(one)
    for group in parts.values():
        for one, other in combinations(group, 2):
            both: QRect = one.geometry().intersected(other.geometry())
            if both.width() > SLACK and both.height() > SLACK:
                yield f"overlap: {named(one)} and {named(other)} share {both.width()}×{both.height()} pixels"
