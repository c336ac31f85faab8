"""What scrolls only where the window is too low for it: whole pages, and the middle of dialogs."""

from __future__ import annotations

from PySide6.QtCore import QMargins, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QLayout, QScrollArea, QWidget

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

    def sizeHint(self) -> QSize:
        """What the content would like."""
        return self.widget().sizeHint()

    def minimumSizeHint(self) -> QSize:
        """The width of the content and of the scroll bar; it can be low."""
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(self.widget().minimumSizeHint().width() + bar, super().minimumSizeHint().height())


def scrolled_if_low(layout: QLayout) -> QScrollArea:
    """An area that scrolls only if it is too low for what is in the layout."""
    return LowArea(layout)
