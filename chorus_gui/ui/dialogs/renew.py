"""Ask for another credential while a job waits for it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from chorus_gui.app.credentials import NEEDS, paste, paste_aws
from chorus_gui.app.renewal import place_title
from chorus_gui.core.config.credentials import AccessKey, AuthMode, AwsKeys, Credentials, GoogleKeys
from chorus_gui.core.config.model import Config
from chorus_gui.core.waiting import Waiting
from chorus_gui.ui import intents
from chorus_gui.ui.in_window import in_window
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import FormRow, button, column, label, row
from chorus_gui.ui.widgets.dialogs import Dialog
from chorus_gui.ui.widgets.points import named
from chorus_gui.ui.widgets.secret import SecretEdit

_NAMES = {AuthMode.SAS: "SAS token", AuthMode.KEY: "Account key", AuthMode.CONNECTION_STRING: "Connection string"}


class RenewDialog(Dialog):
    """The job continues with what is entered here.  It closes by itself when nothing waits for it any longer; closing it cancels nothing."""

    def __init__(self, parent: QWidget | None, config: Config, waiting: Waiting, do: Callable[[intents.Intent], None]) -> None:
        self._where = waiting.credential
        credentials = _credentials(config, self._where)
        self._mode = credentials.mode if credentials is not None else AuthMode.NONE
        hmac = isinstance(credentials, GoogleKeys)
        given = credentials.s3 if isinstance(credentials, GoogleKeys) else credentials
        self._keys = AccessKeyEdit(given, hmac=hmac) if isinstance(given, AwsKeys) and given.key_id else None
        name = ("HMAC key" if hmac else "Access key") if self._keys else _NAMES.get(self._mode) if not isinstance(given, AwsKeys) else None
        self._name = name
        place = place_title(self._where)
        title = (
            f"New {name if name in ('SAS token', 'HMAC key') else name[0].lower() + name[1:]} for {place}"
            if name
            else f"Sign in again for {place}"
        )
        super().__init__(parent, title)
        self.setWindowModality(Qt.WindowModality.NonModal)  # the job can still be cancelled
        self.setMinimumWidth(560)
        self._do = do
        self.text = label("", wrap=True)
        self.secret = SecretEdit(name or "Credential")
        self.secret.edit.setPlaceholderText("Paste it here")
        self.secret.edited.connect(lambda _: self._read())
        if name is None or self._keys is not None:
            self.secret.hide()
        if self._keys is not None:
            self._keys.edited.connect(self._read)
        kept = "It is saved where the old one is. The job continues with it." if name else "Sign in, then select Try again."
        self.use = button(
            "&Save and continue" if name else "&Try again", "Use the new credential. The job continues with it.", primary=True
        )
        self.use.clicked.connect(self._use)
        later = button("Later", "Close this window; the job still waits (Esc)")
        later.clicked.connect(self.reject)
        parts = (
            label(title, "heading", wrap=True),
            self.text,
            *([named(f"{name}:", self.secret.edit)] if name and self._keys is None else []),
            self.secret,
            *([self._keys] if self._keys else []),
            label(kept, "muted", wrap=True),
            None,
        )
        self.compose(column(*parts, space=SPACE + 4), row(None, later, self.use))
        self.use.setDefault(True)
        (self._keys or self.secret.edit).setFocus()
        self.show_waiting(waiting)
        self._read()

    def show_waiting(self, waiting: Waiting | None) -> None:
        """Draw what the job waits for.  If that is nothing, or another credential, the dialog closes."""
        if waiting is None or waiting.credential != self._where:
            self.close()
        else:
            self.text.setText(in_window(waiting.text, "below"))

    def _read(self) -> None:
        if self._keys is not None:
            self.use.setEnabled(self._keys.value() is not None)
        if self._keys is not None or self._name is None:
            return
        text = self.secret.text()
        found = paste(text, needs=NEEDS.get(self._where, NEEDS["site"])) if text.strip() else None
        self.secret.show_facts(found.facts if found else None)
        self.use.setEnabled(found is not None and found.mode is self._mode and not found.facts.headline.startswith("Expired"))

    def _use(self) -> None:
        secret = self._keys.value() if self._keys else paste(self.secret.text()).secret if self._name else None
        self._do(intents.RenewCredential(self._where, secret))
        self.accept()


class AccessKeyEdit(QWidget):
    """The two or three parts of an AWS access key, or (``hmac``) the two of an HMAC key of Google.  What AWS shows to be copied can be pasted as a whole into any of them.

    ``edited`` comes after every change.  ``before`` is the old one: if that is temporary, the new one needs a session token, too.
    """

    edited = Signal()

    def __init__(self, before: AwsKeys, *, hmac: bool = False) -> None:
        super().__init__()
        self._hmac = hmac
        self.temporary = before.session is not None
        self.key_id = QLineEdit()
        names = ("HMAC access ID", "HMAC secret") if hmac else ("AWS access key ID", "AWS secret access key")
        self.secret, self.session = SecretEdit(names[1]), SecretEdit("AWS session token")
        self.key_id.setPlaceholderText("Paste it here" if hmac else "Paste it here, or everything that AWS shows")
        self._rows = (
            FormRow(names[0], self.key_id, "" if hmac else "You can paste everything that AWS shows here at once."),
            FormRow(names[1], self.secret),
            FormRow(
                "AWS session token",
                self.session,
                "The new access key is temporary, too." if self.temporary else "Only for a temporary access key.",
            ),
        )
        if hmac:
            self._rows[2].hide()
        self.setLayout(column(*self._rows, space=SPACE))
        self.setFocusProxy(self.key_id)
        self.key_id.textEdited.connect(self._changed)
        self.secret.edited.connect(self._changed)
        self.session.edited.connect(self._changed)

    def value(self) -> AccessKey | None:
        """The access key; None while a part is missing."""
        key_id, secret, session = (text.strip() for text in (self.key_id.text(), self.secret.text(), self.session.text()))
        if not key_id or not secret or (self.temporary and not session):
            return None
        return AccessKey(key_id, secret, session)

    def _changed(self, text: str) -> None:
        found = None if self._hmac else paste_aws(text)
        if found is not None:
            self.key_id.setText(found.key_id)
            self.secret.show_text(found.secret)
            self.session.show_text(found.session)
        self.edited.emit()


def _credentials(config: Config, where: str) -> Credentials | None:
    sites = {name: site.place for name, site in config.sites.items()}
    place = {"central": config.central, "journal": config.journal.cloud, **sites}.get(where)
    return place.credentials if place is not None else None
