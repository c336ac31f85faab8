"""The top of the Review page: its title, the last scan, the bar that scans, and Approve.  On a low screen the bar's settings are folded away."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QWidget

from chorus_gui.ui.pages.review_parts import ScanBar
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import ElidedLabel, button, column, label, row

_OPTIONS = "Show or hide the mode and the modalities of every scan"
_DIFFER = "The mode and the modalities are shown as long as they differ from the configuration"


class ReviewHead(QWidget):
    """Where there is space, the bar that scans has a line of its own.  Otherwise its button is next to Approve, once there is a review.

    Settings that differ from the configuration are never folded away: the next scan would be another one than somebody thinks.
    """

    def __init__(self, scan: ScanBar) -> None:
        super().__init__()
        self._scan = scan
        self._low = self._configured = self._reviewed = False
        self.lead = ElidedLabel(role="muted", mode=Qt.TextElideMode.ElideRight)
        self.options = button("Scan optio&ns", _OPTIONS)
        self.options.setCheckable(True)
        self.options.hide()
        self.options.toggled.connect(lambda _: self._arrange())
        self.approve = button("&Approve…", primary=True)
        self.approve.setObjectName("approve")
        self._title = column(label("Review", "title"), self.lead, space=SPACE // 2)
        self._title.setStretch(1, 1)
        self._line = row(self._title, 2 * SPACE, self.options, self.approve)
        self._line.setStretch(0, 1)
        self._whole = column(self._line, scan, space=2 * SPACE)
        self.setLayout(self._whole)

    def show_scan(self, *, configured: bool, reviewed: bool) -> None:
        """If there is a configuration, whose site can be scanned, and the result of a scan, which then matters more than the settings."""
        self._configured, self._reviewed = configured, reviewed
        self._arrange()

    def set_space(self, *, compact: bool, low: bool) -> None:
        """Less between the parts where there is little space; everything in one line where there is very little."""
        self._low = low
        self._title.setDirection(QBoxLayout.Direction.LeftToRight if low else QBoxLayout.Direction.TopToBottom)
        self._title.setSpacing(2 * SPACE if low else SPACE // 2)
        self._whole.setSpacing(SPACE if compact else 2 * SPACE)
        self._arrange()

    def _arrange(self) -> None:
        folds = self._low and self._configured and self._reviewed
        differs, focused = not self._scan.as_configured, self._scan.go.hasFocus()
        if folds and differs:
            self.options.setChecked(True)
        self.options.setEnabled(not differs)
        self.options.setToolTip(plain_text(_DIFFER if differs else _OPTIONS))
        self.options.setVisible(folds)
        self._scan.setVisible(self._configured and not (folds and not self.options.isChecked()))
        self._scan.lend_button(self._line if folds else None)
        if focused:
            self._scan.go.setFocus()  # its place was hidden for a moment
