"""A layout that puts widgets side by side, and begins another line where the window is too narrow."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem

from chorus_gui.ui.theme import SPACE


class FlowLayout(QLayout):
    """From left to right, then down.  Each widget has its preferred size; one that is wider than the line has the width of the line."""

    def __init__(self, space: int = SPACE) -> None:
        super().__init__()
        self._items: list[QLayoutItem] = []
        self._space = space
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:
        """See :class:`QLayout`."""
        self._items.append(item)

    def count(self) -> int:
        """See :class:`QLayout`."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:  # type: ignore[override]  # Qt asks beyond the end, and expects None
        """See :class:`QLayout`."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # type: ignore[override]
        """See :class:`QLayout`."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        """It takes no more than it needs."""
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        """A narrow one is higher."""
        return True

    def heightForWidth(self, width: int) -> int:
        """The height of all lines at this width; pixels."""
        return self._arrange(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, rect: QRect) -> None:
        """See :class:`QLayout`."""
        super().setGeometry(rect)
        self._arrange(rect, move=True)

    def sizeHint(self) -> QSize:
        """All in one line."""
        sizes = [item.sizeHint() for item in self._items if not item.isEmpty()]
        width = sum(size.width() for size in sizes) + self._space * max(len(sizes) - 1, 0)
        return QSize(width, max((size.height() for size in sizes), default=0))

    def minimumSize(self) -> QSize:
        """One line high, and narrow: what is too wide is cut at the line's end."""
        return QSize(0, max((item.minimumSize().height() for item in self._items if not item.isEmpty()), default=0))

    def _arrange(self, rect: QRect, *, move: bool) -> int:
        x, y, line = rect.x(), rect.y(), 0
        for item in self._items:
            if item.isEmpty():
                continue
            size = item.sizeHint()
            width = min(size.width(), rect.width())
            if line and x + width > rect.x() + rect.width():
                x, y, line = rect.x(), y + line + self._space, 0
            if move:
                item.setGeometry(QRect(x, y, width, size.height()))
            x += width + self._space
            line = max(line, size.height())
        return y + line - rect.y()
