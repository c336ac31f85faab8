"""The assistant's steps that ask for something: each shows its question, and says what is wrong with an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QFileDialog, QLineEdit, QRadioButton, QWidget

from chorus_gui.app.answers import Answers, container_of, faults_of, template_account
from chorus_gui.app.credentials import paste
from chorus_gui.core.config.model import AuthMode
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Grade
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import FormRow, button, column, label, row, set_grade
from chorus_gui.ui.widgets.fold import Fold
from chorus_gui.ui.widgets.secret import SecretEdit

Test = Callable[[JobContext], str]
"""Run on the reader's thread before the assistant goes on: a sentence that says what is wrong, or ""."""


class Step(QWidget):
    """A step.  ``changed``: something in it was changed, so what was said about it counts no more."""

    changed = Signal()
    title = ""
    lead = ""

    def enter(self, answers: Answers) -> None:
        """The person comes to it."""

    def answer(self, answers: Answers) -> Answers:
        """The answers, with this step's."""
        return answers

    def problem(self, answers: Answers) -> str:
        """What can be seen to be wrong at once, as a sentence; "" if nothing."""
        del answers
        return ""

    def test(self, answers: Answers, file: Path) -> Test | None:
        """What has to be looked up before the assistant goes on."""
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
        self.browse = button("&Browse…", title, icon="folder")
        self.browse.clicked.connect(self._choose)
        line = row(self.edit, self.browse, space=SPACE // 2)
        line.setStretch(0, 1)
        self.setLayout(line)
        self.setFocusProxy(self.edit)

    def text(self) -> str:
        """The folder."""
        return self.edit.text().strip()

    def _choose(self) -> None:
        if chosen := QFileDialog.getExistingDirectory(self, self._title, self.text() or str(Path.home())):
            self.edit.setText(chosen)


def named(form_row: FormRow, edit: QWidget, name: str) -> FormRow:
    """A row whose field is made of parts: the part that is typed into has the name too."""
    edit.setAccessibleName(name)
    edit.setToolTip(form_row.field.toolTip())
    return form_row


class SiteStep(Step):
    """Where the site's files lie."""

    title = "Site folder"
    lead = (
        "The folder on this computer, or on a share, that holds the patients' folders and the OMOP tables. Nothing in it is ever changed."
    )

    def __init__(self) -> None:
        super().__init__()
        self.folder = FolderEdit("Choose the site's folder")
        self.folder.changed.connect(self.changed)
        self.folder.edit.setPlaceholderText("for example D:/chorus/site or //server/share/chorus")
        about = FormRow("Site folder", self.folder, "It usually has folders such as OMOP, Metadata, and one for each patient.")
        self.setLayout(column(named(about, self.folder.edit, "Site folder"), None))

    def answer(self, answers: Answers) -> Answers:
        """The folder."""
        return replace(answers, site=self.folder.text())

    def problem(self, answers: Answers) -> str:
        """It is missing, or in a cloud."""
        if not answers.site:
            return "Choose the folder that holds the site's files."
        if "://" in answers.site:
            return "A site whose files lie in a cloud is set up on the Configuration page. Here, choose a folder."
        if not Path(answers.site).is_absolute():
            return "Write the whole path, with the drive or from the first “/”."
        return ""

    def test(self, answers: Answers, file: Path) -> Test:
        """It can be listed."""
        del file
        return lambda _: folder_problem(Path(answers.site))


def folder_problem(folder: Path, *, write: bool = False) -> str:
    """Why a folder cannot be used, as a sentence; "" if it can."""
    import tempfile

    try:
        if not folder.is_dir():
            return f"There is no folder “{folder}”. Check the spelling, and that the drive or share is connected."
        next(iter(folder.iterdir()), None)
        if write:
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        what = "written into" if write else "read"
        return f"“{folder}” cannot be {what}: {error.strerror or error}. Ask whoever manages it for the right to do so."
    return ""


class StoreStep(Step):
    """Where the files go."""

    title = "Central store"
    lead = "Where the files are sent. The central team told you the container's name; a folder is for trying things out, or for a disk that is sent."

    def __init__(self) -> None:
        super().__init__()
        self.azure = QRadioButton("A &container in Azure")
        self.local = QRadioButton("A &folder on this computer, or on a share")
        self._kinds = QButtonGroup(self)
        for choice in (self.azure, self.local):
            self._kinds.addButton(choice)
            choice.setToolTip(choice.text().replace("&", ""))
        self.azure.setChecked(True)
        self.container = QLineEdit()
        self.container.setPlaceholderText("for example site-one, or az://site-one/folder")
        account, url = template_account()
        self.account, self.url = QLineEdit(account), QLineEdit(url)
        self.folder = FolderEdit("Choose the store's folder")
        self._in_azure, self._in_folder = QWidget(), QWidget()
        self.fold = Fold("Another storage account", self._accounts)
        self._in_azure.setLayout(
            column(
                FormRow("Container", self.container, "Its name; its address from the Azure portal can be pasted too."),
                self.fold,
                space=2 * SPACE,
                margins=(3 * SPACE, 0, 0, 0),
            )
        )
        about = FormRow("Folder", self.folder, "It must not lie inside the site's folder. The journal then stays on this computer.")
        self._in_folder.setLayout(column(named(about, self.folder.edit, "Store folder"), margins=(3 * SPACE, 0, 0, 0)))
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
        if answers.azure and not answers.container.name:
            return "Write the container's name. If nobody told you, ask the central team."
        if not answers.azure and not answers.folder:
            return "Choose the folder that the files are to be copied to."
        if not answers.azure and not Path(answers.folder).is_absolute():
            return "Write the whole path, with the drive or from the first “/”."
        return ""

    def test(self, answers: Answers, file: Path) -> Test:
        """The name is one, the account's address too; a folder can be written."""

        def step(_: JobContext) -> str:
            if not answers.azure and (wrong := folder_problem(Path(answers.folder), write=True)):
                return wrong
            return faults_of(answers, file, "central_path.path", "azure_account_name", "azure_account_url", "azure_container")[1]

        return step

    def _accounts(self) -> QWidget:
        made = QWidget()
        made.setLayout(
            column(
                FormRow("Storage account", self.account, "Its name: 3 to 24 lower-case letters and digits."),
                FormRow("Account address", self.url, "Empty, if it is https://NAME.blob.core.windows.net."),
                space=2 * SPACE,
            )
        )
        return made

    def _choose(self) -> None:
        self._in_azure.setVisible(self.azure.isChecked())
        self._in_folder.setVisible(self.local.isChecked())
        self.changed.emit()


class CredentialStep(Step):
    """What lets us in."""

    title = "Credential"
    lead = "What lets this program into the container. It is kept in the configuration file, which only you can read, and never shown."

    def __init__(self) -> None:
        super().__init__()
        self.given = QRadioButton("I was given a SAS &token")
        self.login = QRadioButton("Sign in with &Microsoft")
        self.given.setToolTip("A token, a whole address with a token, a connection string, or an account key")
        self.login.setToolTip("The browser opens when the store is first asked")
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
            "The whole of it, as it stands in the message that you got. An address that ends in the token will do.",
        )
        self._in_given.setLayout(column(named(form_row, self.secret.edit, "SAS token"), self.note, margins=(3 * SPACE, 0, 0, 0)))
        self._about = label(
            "Your hospital's Microsoft account is used. The browser opens once, for the test of the connection.", "muted", wrap=True
        )
        self._about.setContentsMargins(3 * SPACE, 0, 0, 0)
        self.setLayout(column(self.given, self._in_given, self.login, self._about, None, space=2 * SPACE))
        kinds.buttonClicked.connect(lambda _: self._choose())
        self.secret.edited.connect(lambda _: self._read())
        self._container = ""
        self._choose()

    def enter(self, answers: Answers) -> None:
        """A token that came with the container's address stands here already."""
        self._container = answers.container.name
        if answers.container.token and not self.secret.text():
            self.secret.show_text(answers.container.token)
        self._read()

    def answer(self, answers: Answers) -> Answers:
        """What was pasted; None for a login."""
        return replace(answers, pasted=paste(self.secret.text()) if self.given.isChecked() else None)

    def problem(self, answers: Answers) -> str:
        """It is missing, or no credential."""
        if answers.pasted is None:
            return ""
        if not self.secret.text().strip():
            return "Paste the token. If you have none, ask the central team for it, or sign in with Microsoft."
        if answers.pasted.mode is AuthMode.NONE:
            return answers.pasted.facts.headline
        if answers.pasted.facts.headline.startswith("Expired"):
            return "This token has expired. Ask the central team for a new one."
        return ""

    def test(self, answers: Answers, file: Path) -> Test:
        """With it, the whole configuration is without a fault."""
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
        account = f"The account {found.account or found.url} in what you pasted is used." if found and (found.url or found.account) else ""
        self.note.setText(
            f"What you pasted is for the container “{found.container}”, not “{self._container}”." if other and found else account
        )
        self.note.setVisible(bool(self.note.text()))
        set_grade(self.note, Grade.WARNING if other else Grade.INFO)
        self.changed.emit()
