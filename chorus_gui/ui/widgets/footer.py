"""The strip at the foot of the window: the running job, what it waits for, how the last job ended.

Its place is always kept, so nothing moves when one of these comes or goes.  What needs more than the strip covers the page's end, until the
page changes, the focus goes there, or the mouse rests: only then is the page made shorter.  It never covers more than a third of the window:
what needs more scrolls.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QMoveEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QLayout, QScrollArea, QSizePolicy, QWidget

from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import column, label
from chorus_gui.ui.widgets.chrome import JobBar
from chorus_gui.ui.widgets.steady import Steady

LINES = 2
"""Lines of a message that fit into the strip"""
_MARGIN, _INSIDE, _LINE = 3, 14, 1
PART = 3
"""It is at most this part of the window's height, but for the last row and a message of :data:`LINES` lines."""

_COVERED = "covered by the footer"


def taken_by_footer(page: QWidget) -> int:
    """The pixels by which a message makes a page shorter.  It comes and goes by itself, so no page may arrange its parts by that."""
    above: QWidget | None = page
    while above is not None and above.property(_COVERED) is None:
        above = above.parentWidget()
    return int(above.property(_COVERED)) if above is not None else 0


class Footer(QWidget):
    """Keeps the place of one row, and draws all rows, the last one at the bottom; those above it scroll if they need too much.

    ``outgrown``: it covers more or less of the page than before, and nobody is about to select something.
    """

    outgrown = Signal()

    def __init__(self, notice: QWidget, waiting: QWidget, job: JobBar) -> None:
        super().__init__()
        self._idle = label("No job is running.", "muted")
        self._job, self._rows = job, (rows := (notice, waiting, job))
        self._over = QFrame()
        self._over.setObjectName("jobbar")
        self._texts = QWidget()
        self._texts.setObjectName("page")
        self._texts.setLayout(column(notice, waiting, space=SPACE // 2))
        self._scroll = QScrollArea()
        self._scroll.setAccessibleName("Messages")
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(self._texts)
        all_rows = column(None, self._scroll, job, self._idle, space=SPACE // 2, margins=(SPACE, _MARGIN, SPACE, _MARGIN))
        all_rows.setStretchFactor(self._idle, 100)
        self._over.setLayout(all_rows)
        self._idle.setContentsMargins(SPACE, 0, 0, 0)
        self._extra = 0
        self._strip = 0
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._around: QWidget = self
        self._steady = Steady(self)
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

    def give_room(self, place: QLayout, pages: QWidget) -> None:
        """Leave at the end of ``place`` what the rows need beyond the strip; ``pages`` are in it."""
        pages.setProperty(_COVERED, self._extra)
        place.setContentsMargins(0, 0, 0, self._extra)

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
            self._measure()
            self.arrange()

    def _measure(self) -> None:
        self._job.fit(self.width() - 2 * SPACE)
        self._strip = 0
        self.updateGeometry()

    def showEvent(self, event: QShowEvent) -> None:
        """From now on it has to know if the mouse rests."""
        super().showEvent(event)
        self._steady.soon(self.outgrown.emit)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The rows are as wide as the window."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._measure()
        self.arrange()

    def moveEvent(self, event: QMoveEvent) -> None:
        """The rows stay at the bottom."""
        super().moveEvent(event)
        self.arrange()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A row came, went, or has another text."""
        if event.type() in (QEvent.Type.ShowToParent, QEvent.Type.HideToParent, QEvent.Type.LayoutRequest):
            self.arrange()
            if event.type() is QEvent.Type.ShowToParent and isinstance(watched, QWidget):
                self._scroll.verticalScrollBar().setValue(watched.y())  # what is new is seen first
        return super().eventFilter(watched, event)

    def arrange(self) -> None:
        """Put the rows where they belong; higher than the strip only if they need it."""
        self._idle.setVisible(all(one.isHidden() for one in self._rows))
        layout, at = self._over.layout(), QRect(self.mapTo(self._around, QPoint(0, 0)), self.size())
        if layout is None or not at.width():
            return
        self._limit_texts(at.width())
        layout.invalidate()
        height = max(_height_of(layout, at.width()), at.height())
        self._over.setGeometry(QRect(at.left(), at.bottom() + 1 - height, at.width(), height))
        before, self._extra = self._extra, height - at.height()
        if self._extra != before:
            self._steady.soon(self.outgrown.emit)

    def _limit_texts(self, width: int) -> None:
        """As high as they need, or as there is space for; then the arrow keys scroll them."""
        texts, job = self._texts.layout(), self._job
        self._scroll.setHidden(all(one.isHidden() for one in self._rows[:-1]))
        if texts is None or self._scroll.isHidden():
            return
        texts.invalidate()
        wanted = max(_height_of(texts, width - 2 * SPACE), 0)
        row = job.sizeHint().height() + SPACE // 2 if not job.isHidden() else 0
        least = LINES * self.fontMetrics().lineSpacing() + _INSIDE
        height = min(wanted, max(self._around.height() // PART - row - 2 * _MARGIN - _LINE, least))
        self._scroll.setFixedHeight(height)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.StrongFocus if height < wanted else Qt.FocusPolicy.NoFocus)

    def covers(self, widget: QWidget) -> bool:
        """Some of this widget is behind the rows."""
        return self._extra > 0 and self._over.geometry().intersects(QRect(widget.mapTo(self._around, QPoint(0, 0)), widget.size()))


def _height_of(layout: QLayout, width: int) -> int:
    return layout.totalHeightForWidth(width) if layout.hasHeightForWidth() else layout.totalMinimumSize().height()
