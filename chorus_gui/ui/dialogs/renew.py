"""Ask for another credential while a job waits for it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from chorus_gui.app.credentials import NEEDS, paste
from chorus_gui.app.renewal import place_title
from chorus_gui.core.config.credentials import AuthMode
from chorus_gui.core.config.model import Config
from chorus_gui.core.waiting import Waiting
from chorus_gui.ui import intents
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, column, label, row
from chorus_gui.ui.widgets.dialogs import Dialog
from chorus_gui.ui.widgets.secret import SecretEdit

_NAMES = {AuthMode.SAS: "SAS token", AuthMode.KEY: "Account key", AuthMode.CONNECTION_STRING: "Connection string"}


class RenewDialog(Dialog):
    """The job continues with what is entered here.  It closes by itself when nothing waits for it any longer; closing it cancels nothing."""

    def __init__(self, parent: QWidget | None, config: Config, waiting: Waiting, do: Callable[[intents.Intent], None]) -> None:
        self._where = waiting.credential
        self._mode = _mode(config, self._where)
        name = _NAMES.get(self._mode)
        place = place_title(self._where)
        title = f"New {name[0].lower() + name[1:] if name != 'SAS token' else name} for {place}" if name else f"Sign in again for {place}"
        super().__init__(parent, title)
        self.setWindowModality(Qt.WindowModality.NonModal)  # the job can still be cancelled
        self.setMinimumWidth(560)
        self._do = do
        self.text = label("", wrap=True)
        self.secret = SecretEdit(name or "Credential")
        self.secret.edit.setPlaceholderText("Paste it here")
        self.secret.edited.connect(lambda _: self._read())
        self.secret.setVisible(name is not None)
        kept = "It is saved where the old one is. The job continues with it." if name else "Sign in, then select Try again."
        self.use = button(
            "&Save and continue" if name else "&Try again", "Use the new credential. The job continues with it.", primary=True
        )
        self.use.clicked.connect(self._use)
        later = button("Later", "Close this window; the job still waits (Esc)")
        later.clicked.connect(self.reject)
        edge = 3 * SPACE
        parts = (
            label(title, "heading", wrap=True),
            self.text,
            self.secret,
            label(kept, "muted", wrap=True),
            SPACE,
            row(None, later, self.use),
        )
        self.setLayout(column(*parts, margins=(edge, edge, edge, 2 * SPACE), space=SPACE + 4))
        self.use.setDefault(True)
        self.secret.edit.setFocus()
        self.show_waiting(waiting)
        self._read()

    def show_waiting(self, waiting: Waiting | None) -> None:
        """Draw what the job waits for.  If that is nothing, or another credential, the dialog closes."""
        if waiting is None or waiting.credential != self._where:
            self.close()
        else:
            self.text.setText(waiting.text)

    def _read(self) -> None:
        if self._mode not in _NAMES:
            return
        text = self.secret.text()
        found = paste(text, needs=NEEDS.get(self._where, NEEDS["site"])) if text.strip() else None
        self.secret.show_facts(found.facts if found else None)
        self.use.setEnabled(found is not None and found.mode is self._mode and not found.facts.headline.startswith("Expired"))

    def _use(self) -> None:
        secret = paste(self.secret.text()).secret if self._mode in _NAMES else None
        self._do(intents.RenewCredential(self._where, secret))
        self.accept()


def _mode(config: Config, where: str) -> AuthMode:
    sites = {name: site.place for name, site in config.sites.items()}
    place = {"central": config.central, "journal": config.journal.cloud, **sites}.get(where)
    return place.credentials.mode if place is not None else AuthMode.NONE
