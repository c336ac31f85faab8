"""What scrolls only where the window is too low for it: whole pages, and the middle of dialogs."""

from __future__ import annotations

from PySide6.QtCore import QMargins, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QApplication, QFrame, QLayout, QScrollArea, QVBoxLayout, QWidget

from chorus_gui.ui.theme import SPACE

LOW = 600
"""An area that is lower has narrow margins; pixels."""
SMALL_MARGIN = SPACE + SPACE // 2


class _Body(QWidget):
    """Its height is at least what its layout cannot do without, at its width."""

    def heightForWidth(self, width: int) -> int:
        """See :class:`QWidget`; pixels."""
        layout = self.layout()
        return layout.totalMinimumHeightForWidth(width) if layout is not None else super().heightForWidth(width)


class LowArea(QScrollArea):
    """Shows all of its content if there is space for what the content cannot do without, and scrolls otherwise."""

    def __init__(self, layout: QLayout) -> None:
        super().__init__()
        self._margins = layout.contentsMargins()
        body = _Body()
        body.setObjectName("page")
        body.setLayout(layout)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Tab leads to what is in it, and brings that into view
        self.setWidget(body)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """On a low screen, the margins above and below the content give way first."""
        super().resizeEvent(event)
        layout, least = self.widget().layout(), SMALL_MARGIN
        m = self._margins
        wanted = QMargins(m.left(), min(m.top(), least), m.right(), min(m.bottom(), least)) if self.height() < LOW else m
        if layout is not None and layout.contentsMargins() != wanted:
            layout.setContentsMargins(wanted)

    def missing(self) -> int:
        """How much higher it would have to be to show everything at its preferred size; pixels."""
        layout, space = self.widget().layout(), self.viewport().size()
        if layout is None:
            return 0
        wanted = layout.totalHeightForWidth(space.width()) if layout.hasHeightForWidth() else layout.totalSizeHint().height()
        return max(wanted - space.height(), 0)

    def empty(self) -> int:
        """How much lower it could be, because its content ends with empty space; pixels."""
        layout, space = self.widget().layout(), self.viewport().size()
        last = layout.itemAt(layout.count() - 1) if layout is not None and layout.count() else None
        if layout is None or last is None or last.spacerItem() is None:
            return 0
        wanted = layout.totalHeightForWidth(space.width()) if layout.hasHeightForWidth() else layout.totalSizeHint().height()
        return max(space.height() - wanted, 0)

    def sizeHint(self) -> QSize:
        """What the content would like."""
        return self.widget().sizeHint()

    def minimumSizeHint(self) -> QSize:
        """The width of the content and of the scroll bar; it can be low."""
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(self.widget().minimumSizeHint().width() + bar, super().minimumSizeHint().height())


class Stack(QWidget):
    """Shows one of several widgets, and needs the space of that one only: a page must not scroll because of something that is hidden.

    A QStackedWidget is as high as the highest of its widgets.
    """

    def __init__(self) -> None:
        super().__init__()
        self._all: list[QWidget] = []
        self._now = -1
        self._place = QVBoxLayout(self)
        self._place.setContentsMargins(0, 0, 0, 0)

    def addWidget(self, widget: QWidget) -> None:
        """One more; the first one is shown."""
        self._all.append(widget)
        self._now = max(self._now, 0)
        if len(self._all) > 1:
            widget.hide()
        self._place.addWidget(widget)

    def count(self) -> int:
        """How many there are."""
        return len(self._all)

    def currentIndex(self) -> int:
        """Which one is shown, from 0; -1 if there is none."""
        return self._now

    def currentWidget(self) -> QWidget | None:
        """The one that is shown."""
        return self._all[self._now] if self._all else None

    def setCurrentIndex(self, number: int) -> None:
        """Show another one.  If the focus was in the one before, it is in this one afterwards."""
        before, focus = self.currentWidget(), QApplication.focusWidget()
        if before is None or number == self._now:
            return
        self._now, after = number, self._all[number]
        before.hide()
        after.show()
        if focus is not None and before.isAncestorOf(focus):
            usable = (one for one in after.findChildren(QWidget) if one.isEnabled() and one.isVisibleTo(after))
            fields = (one for one in usable if one.focusPolicy() & Qt.FocusPolicy.TabFocus)
            (after.focusWidget() or next(fields, after)).setFocus()

    def setCurrentWidget(self, widget: QWidget) -> None:
        """The same."""
        self.setCurrentIndex(self._all.index(widget))


def scrolled_if_low(layout: QLayout) -> QScrollArea:
    """An area that scrolls only if it is too low for what is in the layout."""
    return LowArea(layout)
