"""File → Sites on this computer: the sites that were open here, with their last runs."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from chorus_gui.ui.intents import Intent, OpenConfig
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.state import SessionState
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, column, label
from chorus_gui.ui.widgets.dialogs import Dialog
from chorus_gui.ui.widgets.sites import TITLE, SiteList

LEAD = "What this computer knows about each site that was opened in this program. The cloud is not checked."


class SitesDialog(Dialog):
    """``intent``: what the person asks for.  :meth:`render` is called by the window."""

    intent = Signal(object)

    def __init__(self, parent: QWidget | None, reader: Reader, state: SessionState) -> None:
        super().__init__(parent, TITLE)
        self.setMinimumSize(640, 380)
        self.resize(1000, 520)
        self.close_button = button("Close", "Close this window (Esc)")
        self.close_button.setAutoDefault(False)
        self.list = SiteList(reader, self.close_button)
        whole = column(label(LEAD, "muted", wrap=True), self.list, space=2 * SPACE, margins=(3 * SPACE, 2 * SPACE, 3 * SPACE, 2 * SPACE))
        whole.setStretch(1, 1)
        self.setLayout(whole)
        self.list.intent.connect(self._do)
        self.close_button.clicked.connect(self.accept)
        self.render(state)
        self.list.view.setFocus()

    def render(self, state: SessionState) -> None:
        """Draw the state."""
        self.list.render(state)

    def _do(self, intent: Intent) -> None:
        if isinstance(intent, OpenConfig):
            self.accept()
        self.intent.emit(intent)
