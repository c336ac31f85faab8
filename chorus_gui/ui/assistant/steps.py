"""The assistant's steps that ask for something: each shows its question, and says what is wrong with an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QFileDialog, QLineEdit, QRadioButton, QWidget

from chorus_gui.app.answers import Answers, container_of, faults_of, pasted_path, template_account
from chorus_gui.app.credentials import paste
from chorus_gui.core.config.credentials import AuthMode
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Grade
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import FormRow, button, column, label, row, set_grade
from chorus_gui.ui.widgets.fold import Fold
from chorus_gui.ui.widgets.secret import SecretEdit


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with an answer, as a sentence.  ``field`` is the key of :attr:`Step.rows` of the field that it is about."""

    text: str
    field: str = ""


Test = Callable[[JobContext], "str | Wrong"]
"""Run on the reader's thread before the assistant continues: what is wrong, or ""."""


class Step(QWidget):
    """A step.  ``changed``: something in it has changed, so an earlier message about it is out of date."""

    changed = Signal()
    title = ""
    lead = ""
    rows: Mapping[str, FormRow] = {}
    """where what is wrong is shown; "" is the field that a message is about that names none"""

    def reveal(self, field: str) -> None:
        """Bring a field of :attr:`rows` to light."""

    def enter(self, answers: Answers) -> None:
        """The person comes to it."""

    def answer(self, answers: Answers) -> Answers:
        """The answers, with this step's."""
        return answers

    def problem(self, answers: Answers) -> str:
        """What is wrong and can be seen at once, as a sentence; "" if nothing."""
        del answers
        return ""

    def test(self, answers: Answers, file: Path) -> Test | None:
        """What must be checked before the assistant continues."""
        del answers, file
        return None


class FolderEdit(QWidget):
    """A line for a folder, and a file dialog."""

    changed = Signal()

    def __init__(self, title: str) -> None:
        super().__init__()
        self.edit = QLineEdit()
        self.edit.textChanged.connect(lambda _: self.changed.emit())
        self._title = title
        self.browse = button("Browse…", title, icon="folder")
        self.browse.clicked.connect(self._choose)
        line = row(self.edit, self.browse, space=SPACE // 2)
        line.setStretch(0, 1)
        self.setLayout(line)
        self.setFocusProxy(self.edit)

    def text(self) -> str:
        """The folder."""
        return pasted_path(self.edit.text())

    def _choose(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self, self._title, self.text() or str(Path.home())):
            self.edit.setText(chosen)


def named(form_row: FormRow, edit: QWidget, name: str) -> FormRow:
    """A row whose field is made of parts: the part that is typed into has the name too."""
    edit.setAccessibleName(name)
    edit.setToolTip(plain_text(form_row.field.toolTip()))
    return form_row


def folder_problem(folder: Path, *, write: bool = False) -> str:
    """Why a folder cannot be used, as a sentence; "" if it can."""
    import tempfile

    try:
        if not folder.is_dir():
            return f"The folder “{folder}” does not exist. Check the spelling, and that the drive or share is connected."
        next(iter(folder.iterdir()), None)
        if write:
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        what, right = ("write to", "write to it") if write else ("read", "read it")
        return f"Could not {what} “{folder}”: {error.strerror or error}. Ask the person who manages it for permission to {right}."
    return ""


class StoreStep(Step):
    """Where the files go."""

    title = "Central store"
    lead = "Where the files are uploaded to. The central team tells you the name of the container. A folder is for trying things out, or for a disk that you send."

    def __init__(self) -> None:
        super().__init__()
        self.azure = QRadioButton("A &container in Azure")
        self.local = QRadioButton("A &folder on this computer, or on a share")
        self._kinds = QButtonGroup(self)
        for choice in (self.azure, self.local):
            self._kinds.addButton(choice)
            choice.setToolTip(plain_text(choice.text().replace("&", "")))
        self.azure.setChecked(True)
        self.container = QLineEdit()
        self.container.setPlaceholderText("for example site-one, or az://site-one/folder")
        account, url = template_account()
        self.account, self.url = QLineEdit(account), QLineEdit(url)
        self.folder = FolderEdit("Choose the folder to copy to")
        self._in_azure, self._in_folder = QWidget(), QWidget()
        self.fold = Fold("Another storage account", self._accounts)
        container = FormRow("Container", self.container, "Enter its name, or paste its address.")
        self._in_azure.setLayout(
            column(
                container,
                self.fold,
                space=2 * SPACE,
                margins=(3 * SPACE, 0, 0, 0),
            )
        )
        about = FormRow("Folder", self.folder, "It must be outside the site's folder. The journal stays on this computer.")
        self._in_folder.setLayout(column(named(about, self.folder.edit, "Folder"), margins=(3 * SPACE, 0, 0, 0)))
        self._account_row = FormRow("Storage account", self.account, "Its name has 3 to 24 lower-case letters and digits.")
        self._url_row = FormRow("Account address", self.url, "If empty, https://NAME.blob.core.windows.net is used.")
        self._container_row, self._folder_row = container, about
        self.setLayout(column(self.azure, self._in_azure, self.local, self._in_folder, None, space=2 * SPACE))
        self._kinds.buttonClicked.connect(lambda _: self._choose())
        for edit in (self.container, self.account, self.url):
            edit.textChanged.connect(lambda _: self.changed.emit())
        self.folder.changed.connect(self.changed)
        self._choose()

    def answer(self, answers: Answers) -> Answers:
        """The place."""
        return replace(
            answers,
            azure=self.azure.isChecked(),
            folder=self.folder.text(),
            container=container_of(self.container.text()),
            account=self.account.text().strip(),
            account_url=self.url.text().strip(),
        )

    def problem(self, answers: Answers) -> str:
        """It is missing."""
        if answers.azure and not answers.container.name and self.container.text().strip():
            return "This address does not name a container. Open the container in the Azure portal, select Properties, and copy its URL. Or enter its name."
        if answers.azure and not answers.container.name:
            return "Enter the name of the container. If you do not know it, ask the central team."
        if not answers.azure and not answers.folder:
            return "Choose the folder to copy the files to."
        if not answers.azure and not Path(answers.folder).is_absolute():
            return "Enter the full path. It starts with a drive or with “/”."
        return ""

    def test(self, answers: Answers, file: Path) -> Test:
        """The name and the account's address are valid; a folder can be written."""

        def step(_: JobContext) -> Wrong:
            if not answers.azure and (wrong := folder_problem(Path(answers.folder), write=True)):
                return Wrong(wrong)
            for key in ("azure_account_name", "azure_account_url"):
                if wrong := faults_of(answers, file, key)[1]:
                    return Wrong(wrong, key)
            return Wrong(faults_of(answers, file, "central_path.path", "azure_container")[1])

        return step

    def reveal(self, field: str) -> None:
        """The account's fields are folded away."""
        if field:
            self.fold.open()

    def _accounts(self) -> QWidget:
        made = QWidget()
        made.setLayout(column(self._account_row, self._url_row, space=2 * SPACE))
        return made

    def _choose(self) -> None:
        here = self._container_row if self.azure.isChecked() else self._folder_row
        self.rows = {"": here, "azure_account_name": self._account_row, "azure_account_url": self._url_row}
        self._in_azure.setVisible(self.azure.isChecked())
        self._in_folder.setVisible(self.local.isChecked())
        self.changed.emit()


class CredentialStep(Step):
    """The credential."""

    title = "Credential"
    lead = "Your access to the container. It is kept in the configuration file, which only you can read."

    def __init__(self) -> None:
        super().__init__()
        self.given = QRadioButton("Use a SAS &token")
        self.login = QRadioButton("Sign in with &Microsoft")
        self.given.setToolTip("Use a token, an address with a token, a connection string, or an account key")
        self.login.setToolTip("Sign in with your browser when the store is first needed")
        kinds = QButtonGroup(self)
        kinds.addButton(self.given)
        kinds.addButton(self.login)
        self.given.setChecked(True)
        self.secret = SecretEdit("SAS token")
        self.secret.edit.setPlaceholderText("Paste it here")
        self.note = label("", wrap=True)
        self._in_given = QWidget()
        form_row = FormRow(
            "SAS token",
            self.secret,
            "Paste all of it, as you received it. An address that ends with the token works, too.",
        )
        self.rows = {"": form_row}
        self._in_given.setLayout(column(named(form_row, self.secret.edit, "SAS token"), self.note, margins=(3 * SPACE, 0, 0, 0)))
        self._about = label(
            "Your hospital's Microsoft account is used. The browser opens once, to test the connection.", "muted", wrap=True
        )
        self._about.setContentsMargins(3 * SPACE, 0, 0, 0)
        self.setLayout(column(self.given, self._in_given, self.login, self._about, None, space=2 * SPACE))
        kinds.buttonClicked.connect(lambda _: self._choose())
        self.secret.edited.connect(lambda _: self._read())
        self._container = ""
        self._choose()

    def enter(self, answers: Answers) -> None:
        """A token that was pasted with the container's address is here already."""
        self._container = answers.container.name
        if answers.container.token and not self.secret.text():
            self.secret.show_text(answers.container.token)
        self._read()

    def answer(self, answers: Answers) -> Answers:
        """What was pasted; None for a sign-in."""
        return replace(answers, pasted=paste(self.secret.text()) if self.given.isChecked() else None)

    def problem(self, answers: Answers) -> str:
        """It is missing, or not a credential."""
        if answers.pasted is None:
            return ""
        if not self.secret.text().strip():
            return "Paste the token. If you do not have one, ask the central team for it, or sign in with Microsoft."
        if answers.pasted.mode is AuthMode.NONE:
            return answers.pasted.facts.headline
        if answers.pasted.facts.headline.startswith("Expired"):
            return "This token has expired. Ask the central team for a new one."
        return ""

    def test(self, answers: Answers, file: Path) -> Test:
        """With it, the whole configuration has no problem."""
        return lambda _: faults_of(answers, file)[1]

    def _choose(self) -> None:
        self._in_given.setVisible(self.given.isChecked())
        self._about.setVisible(self.login.isChecked())
        self.changed.emit()

    def _read(self) -> None:
        text = self.secret.text()
        found = paste(text) if text.strip() else None
        self.secret.show_facts(found.facts if found else None)
        other = found is not None and found.container and self._container and found.container != self._container
        account = f"The storage account in it is used: {found.account or found.url}." if found and (found.url or found.account) else ""
        self.note.setText(f"This token is for the container “{found.container}”, not “{self._container}”." if other and found else account)
        self.note.setVisible(bool(self.note.text()))
        set_grade(self.note, Grade.WARNING if other else Grade.INFO)
        self.changed.emit()
