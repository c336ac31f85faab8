"""The strip at the foot of the window: the running job, what it waits for, how the last job ended.

Its place is always kept, so nothing moves when one of these comes or goes.  What needs more than the strip covers the page's end, until the
page changes or the focus goes there: only then is the page made shorter.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize
from PySide6.QtGui import QMoveEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QWidget

from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import column, label

LINES = 2
"""Lines of a message that fit into the strip"""
_MARGIN, _INSIDE = 3, 14


class Footer(QWidget):
    """Keeps the place of one row, and draws all rows, the last one at the bottom."""

    def __init__(self, *rows: QWidget) -> None:
        super().__init__()
        self._idle = label("No job is running.", "muted")
        self._rows = rows
        self._over = QFrame()
        self._over.setObjectName("jobbar")
        all_rows = column(None, *rows, self._idle, space=SPACE // 2, margins=(SPACE, _MARGIN, SPACE, _MARGIN))
        all_rows.setStretchFactor(self._idle, 100)
        self._over.setLayout(all_rows)
        self._idle.setContentsMargins(SPACE, 0, 0, 0)
        self._extra = 0
        self._strip = 0
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._around: QWidget = self
        self._over.setParent(self)
        for one in rows:
            one.installEventFilter(self)
        self._idle.setVisible(all(one.isHidden() for one in rows))

    def float_over(self, window: QWidget) -> None:
        """Draw the rows over everything else in the window."""
        self._around = window
        self._over.setParent(window)
        self._over.raise_()
        self._over.show()

    @property
    def extra(self) -> int:
        """How much higher than the strip it is now; pixels."""
        return self._extra

    def sizeHint(self) -> QSize:
        """The strip: room for the bar of a job, and for a message of :data:`LINES` lines."""
        if not self._strip:
            text = LINES * self.fontMetrics().lineSpacing() + _INSIDE
            self._strip = max(text, *(one.minimumSizeHint().height() for one in self._rows)) + 2 * _MARGIN
        return QSize(0, self._strip)

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.sizeHint()

    def changeEvent(self, event: QEvent) -> None:
        """Letters of another size need another strip."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._strip = 0
            self.updateGeometry()
            self.arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The rows are as wide as the window."""
        super().resizeEvent(event)
        self.arrange()

    def moveEvent(self, event: QMoveEvent) -> None:
        """The rows stay at the bottom."""
        super().moveEvent(event)
        self.arrange()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A row came, went, or has another text."""
        if event.type() in (QEvent.Type.ShowToParent, QEvent.Type.HideToParent, QEvent.Type.LayoutRequest):
            self.arrange()
        return super().eventFilter(watched, event)

    def arrange(self) -> None:
        """Put the rows where they belong; higher than the strip only if they need it."""
        self._idle.setVisible(all(one.isHidden() for one in self._rows))
        layout, at = self._over.layout(), QRect(self.mapTo(self._around, QPoint(0, 0)), self.size())
        if layout is None or not at.width():
            return
        layout.invalidate()
        wanted = layout.totalHeightForWidth(at.width()) if layout.hasHeightForWidth() else layout.totalMinimumSize().height()
        height = max(wanted, at.height())
        self._over.setGeometry(QRect(at.left(), at.bottom() + 1 - height, at.width(), height))
        self._extra = height - at.height()

    def covers(self, widget: QWidget) -> bool:
        """Some of this widget is behind the rows."""
        return self._extra > 0 and self._over.geometry().intersects(QRect(widget.mapTo(self._around, QPoint(0, 0)), widget.size()))
