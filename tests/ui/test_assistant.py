"""The first-start assistant: from an empty program to an open configuration, by keyboard, with nothing written before the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot
from uiworld import settle
from world import World

from chorus_gui.app import sampling
from chorus_gui.app.answers import Answers, Container, compose, container_of, faults_of, template_account
from chorus_gui.app.credentials import paste
from chorus_gui.app.place_kinds import FORMS, S3, PlaceForm
from chorus_gui.core.config.credentials import AuthMode
from chorus_gui.core.config.keys import DEFAULT
from chorus_gui.core.config.load import load, loads
from chorus_gui.core.config.model import PlaceKind
from chorus_gui.core.model import Grade, Mode
from chorus_gui.ui import intents
from chorus_gui.ui.assistant import Assistant
from chorus_gui.ui.assistant.ending import advice
from chorus_gui.ui.pages import Services
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import SessionState
from chorus_gui.ui.widgets.dialogs import ConfirmDialog

SAS = "sv=2022-11-02&se=2099-12-04T13:00:00Z&sr=c&sp=racwdl&sig=TOPSECRETAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D"


class Shown:
    """An assistant on a session, and what it asked for."""

    def __init__(self, qtbot: QtBot, session: Session) -> None:
        self.qtbot, self.session = qtbot, session
        self.asked: list[intents.Intent] = []
        self.dialog = Assistant(Services(session.reader, session.pager, session.settings))
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
        qtbot.addWidget(self.dialog)
        self.dialog.intent.connect(self.asked.append)
        self.dialog.show()

    def connect(self) -> None:
        """What it asks for is done."""
        self.dialog.intent.connect(self.session.do)
        self.session.changed.connect(self.dialog.render)
        self.dialog.render(self.session.state)

    def next(self) -> None:
        """Press Enter where the focus is, and wait for what follows."""
        QTest.keyClick(self.dialog.focusWidget() or self.dialog, Qt.Key.Key_Return)
        self.settle()

    def settle(self) -> None:
        self.qtbot.waitUntil(lambda: not self.dialog._busy, timeout=20_000)
        settle(self.qtbot, self.session)
        settle(self.qtbot, self.session)

    def at(self, title: str) -> bool:
        return self.dialog.heading.text() == title

    def to_the_store(self, world: World) -> None:
        self.dialog.site.folder.edit.setText(str(world.site))
        self.next()
        assert self.at("Central store"), self.dialog.said


@pytest.fixture
def shown(qtbot: QtBot, session: Session) -> Iterator[Shown]:
    made = Shown(qtbot, session)
    yield made
    made.dialog.hide()


def test_from_nothing_to_an_open_configuration_by_keyboard(shown: Shown, world: World, tmp_path: Path) -> None:
    shown.connect()
    dialog, target = shown.dialog, tmp_path / "new" / "site"
    assert isinstance(dialog.focusWidget(), QLineEdit)
    assert not dialog.back.isEnabled()
    QTest.keyClicks(dialog.focusWidget(), str(world.site))
    shown.next()
    dialog.store.local.setFocus()
    QTest.keyClick(dialog.store.local, Qt.Key.Key_Space)
    QTest.keyClicks(dialog.store.folder.edit, str(world.central))
    shown.next()
    assert shown.at("Test"), "a folder needs no credential"
    assert "can be read and written" in " ".join(label.text() for label in dialog.connection.findChildren(QLabel))
    assert not dialog.connection.bad
    shown.next()
    assert shown.at("Preview")
    assert dialog.preview.tiles["Images"].accessibleName().startswith("Images: 2")
    assert dialog.preview.model.rowCount() > 2
    dialog.preview.tiles["OMOP"].click()
    assert dialog.preview.model.rowCount() == 1
    shown.next()
    assert shown.at("Save")
    dialog.ending.edit.setText(str(target))
    assert str(world.central) in dialog.ending.summary.text()
    assert not target.parent.exists(), "nothing is written before the end"
    shown.next()
    file = target.with_suffix(".toml")
    assert not dialog.isVisible()
    assert shown.session.state.config_file == file
    assert shown.asked[-1] == intents.ShowPage("overview"), "which says what comes next"
    config = load(file, environ={})
    assert config.central.folder == world.central
    assert config.journal.cloud is None
    assert "# page_size" in file.read_text("utf-8"), "the template's explanations come along"
    assert [type(intent).__name__ for intent in shown.asked] == ["TestConnection", "SaveConfig", "ShowPage"]


def test_what_a_way_of_signing_in_needs_is_asked_for_before_the_next_step(shown: Shown) -> None:
    site = shown.dialog.site
    place = site.places[DEFAULT]
    for box, text in ((place.kinds, "Amazon S3"), (place.cloud(S3).ways, "Access key")):
        box.setCurrentIndex(box.findText(text))
        box.activated.emit(box.currentIndex())
    site.folder.edit.setText("bucket/in")
    shown.next()
    assert shown.at("Site files")
    assert "This field is empty" in site._key_rows[("site.aws_access_key_id", DEFAULT)].fault
    for name in ("aws_access_key_id", "aws_secret_access_key"):
        edit = site._key_rows[(f"site.{name}", DEFAULT)].input.editor
        assert isinstance(edit, QLineEdit)
        edit.insert("AKIA")
    box = place.cloud(S3).ways
    box.setCurrentIndex(box.findText("Profile of the AWS tools"))
    box.activated.emit(box.currentIndex())
    answers = site.answer(Answers())
    assert answers.places == ((("site.path", DEFAULT), "s3://bucket/in"),), "nothing of the other way is left"
    site.fold.open()
    images = site.places["Images"]
    for box, text in (
        (images.kinds, "Amazon S3"),
        (images.cloud(S3).ways, "Role of this computer in AWS"),
        (images.kinds, "Same place as the site"),
    ):
        box.setCurrentIndex(box.findText(text))
        box.activated.emit(box.currentIndex())
    assert site.answer(Answers()).places == answers.places, "nothing of a modality's former place is left"
    assert not place._unused.isVisibleTo(site)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Choose the folder"),
        ("relative/path", "full path"),
        ("az://box/", "storage account's name is missing"),
        ("s3://", "Enter the bucket and folder"),
        (str(Path("/no/such/folder").absolute()), "does not exist"),
    ],
)
def test_a_wrong_site_folder_is_told(shown: Shown, text: str, told: str) -> None:
    shown.dialog.site.folder.edit.setText(text)
    shown.next()
    assert shown.at("Site files")
    assert told in shown.dialog.said
    shown.dialog.site.folder.edit.setText("x")
    assert not shown.dialog.said, "what was said is about the answer before"


def test_a_wrong_store_is_told(shown: Shown, world: World) -> None:
    shown.to_the_store(world)
    dialog = shown.dialog
    shown.next()
    assert "name of the container" in dialog.said
    dialog.store.container.setText("Site_One")
    shown.next()
    assert "lower-case letters" in dialog.said
    dialog.store.container.setText("site-one")
    dialog.store.fold.open()
    dialog.store.url.setText("")
    dialog.store.account.setText("Not An Account")
    shown.next()
    assert "account name" in dialog.said
    dialog.store.local.click()
    shown.next()
    assert "Choose the folder" in dialog.said
    dialog.store.folder.edit.setText(str(world.site / "store"))
    shown.next()
    assert "does not exist" in dialog.said
    (world.site / "store").mkdir()
    shown.next()
    assert "outside" in dialog.said


def test_a_token_is_read_at_once_and_never_shown(shown: Shown, world: World) -> None:
    shown.to_the_store(world)
    dialog = shown.dialog
    dialog.store.container.setText("site-one")
    shown.next()
    assert shown.at("Credential")
    shown.next()
    assert "Paste the token" in dialog.said
    secret = dialog.credential.secret
    for text, told, shown_fact in (
        ("hello", "neither a SAS token", "neither"),
        (SAS.replace("2099", "2020"), "has expired", "Expired on 2020-12-04"),
    ):
        secret.edit.selectAll()
        QTest.keyClick(secret.edit, Qt.Key.Key_Delete)
        QTest.keyClicks(secret.edit, text)
        assert shown_fact in secret.headline.text()
        shown.next()
        assert told in dialog.said
    secret.edit.clear()
    QTest.keyClicks(secret.edit, f"https://other.blob.core.windows.net/site-two?{SAS}")
    assert "allows read, create, write, delete, list" in secret.headline.text()
    assert "site-two" in dialog.credential.note.text()
    shown.next()
    assert shown.at("Test")
    asked = shown.asked[-1]
    assert isinstance(asked, intents.TestConnection)
    assert asked.text is not None
    assert asked.file is not None
    config = loads(asked.text, asked.file, environ={})
    assert config.central.credentials.mode is AuthMode.SAS
    assert config.central.account.url == "https://other.blob.core.windows.net"
    assert config.journal.cloud is not None
    assert config.journal.cloud.credentials == config.central.credentials
    texts = [label.text() for label in dialog.findChildren(QLabel)] + [edit.displayText() for edit in dialog.findChildren(QLineEdit)]
    assert not any("TOPSECRET" in text for text in texts)
    assert not dialog.next.isEnabled(), "the test is not over"
    dialog.back.click()
    assert shown.at("Credential")
    assert secret.text().endswith(SAS), "nothing is lost on the way back"
    dialog.credential.login.click()
    dialog.next.click()
    shown.settle()
    asked = shown.asked[-1]
    assert isinstance(asked, intents.TestConnection)
    assert asked.text is not None
    assert "TOPSECRET" not in asked.text


def test_a_failed_test_may_be_passed_by(shown: Shown, world: World) -> None:
    shown.connect()
    shown.to_the_store(world)
    dialog = shown.dialog
    store = world.base / "store"
    store.mkdir()
    dialog.store.local.click()
    dialog.store.folder.edit.setText(str(store))
    dialog.connection.test_wanted.disconnect()
    shown.next()
    store.rmdir()
    dialog._test()
    qtbot_wait(shown)
    assert dialog.connection.bad
    assert dialog.next.text().replace("&", "") == "Next anyway"
    store.mkdir()
    dialog.connection.test_wanted.connect(dialog._test)
    dialog.connection.again.click()
    qtbot_wait(shown)
    assert not dialog.connection.bad
    shown.next()
    assert shown.at("Preview")


def qtbot_wait(shown: Shown) -> None:
    shown.qtbot.waitUntil(lambda: shown.dialog._asked_at is None, timeout=20_000)
    shown.settle()


def test_where_it_cannot_be_saved_is_told(shown: Shown, world: World, tmp_path: Path) -> None:
    shown.connect()
    shown.to_the_store(world)
    dialog = shown.dialog
    dialog.store.local.click()
    dialog.store.folder.edit.setText(str(world.central))
    for _ in range(3):
        shown.next()
    assert shown.at("Save")
    (tmp_path / "file").write_text("", "utf-8")
    for text, told in (
        ("", "Choose where"),
        ("config.toml", "full path"),
        (str(world.site / "config.toml"), "outside the site"),
        (str(tmp_path / "file" / "config.toml"), "file"),
    ):
        dialog.ending.edit.setText(text)
        shown.next()
        assert told in dialog.said, text
        assert shown.at("Save")
    before = world.file.read_text("utf-8")
    dialog.ending.edit.setText(str(world.file))
    dialog.next.click()
    shown.settle()
    question = next(child for child in dialog.findChildren(ConfirmDialog) if child.isVisible())
    assert world.file.read_text("utf-8") == before
    question.yes.click()
    shown.qtbot.waitUntil(lambda: not dialog.isVisible(), timeout=20_000)
    shown.settle()
    assert world.file.read_text("utf-8") != before
    assert world.file.with_name("config.toml.bak").read_text("utf-8") == before


def test_leaving_asks_once_something_was_entered(shown: Shown, world: World) -> None:
    shown.to_the_store(world)
    dialog = shown.dialog
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    question = next(child for child in dialog.findChildren(ConfirmDialog) if child.isVisible())
    assert dialog.isVisible()
    question.yes.click()
    assert not dialog.isVisible()
    assert shown.asked == []


def test_a_container_is_understood_however_it_is_written() -> None:
    assert container_of(" site-one ") == Container("site-one")
    assert container_of("az://site-one/in/here/") == Container("site-one", "in/here")
    url = container_of(f"https://acc.blob.core.windows.net/site-one/in?{SAS}")
    assert url == Container("site-one", "in", "https://acc.blob.core.windows.net", SAS)


ACCOUNT = "%2Fsubscriptions%2F1a%2FresourceGroups%2Frg%2Fproviders%2FMicrosoft.Storage%2FstorageAccounts%2Facc12"
BLADE = f"https://portal.azure.com/#view/Microsoft_Azure_Storage/ContainerMenuBlade/~/overview/storageAccountId/{ACCOUNT}/path"


@pytest.mark.parametrize(("text", "name", "account"), [
    (f"{BLADE}/site-one/etag/%220x8D%22/defaultEncryptionScope/x", "site-one", "acc12"),
    (f"{BLADE}/site-one", "site-one", "acc12"),
    (f'"{BLADE}/site-one"', "site-one", "acc12"),
    (f"{BLADE.replace('%2F', '/')}/site-one", "site-one", "acc12"),
    ("https://portal.azure.com/#home", "", ""),
    ("https://portal.azure.com/#@hospital.org/resource/subscriptions/1/storageAccounts/acc12/overview", "", ""),
    ('"site-one"', "site-one", ""),
    ("https://portal.azure.com.example.org/site-one", "site-one", "portal.azure.com.example.org"),
])  # fmt: skip
def test_the_address_of_a_page_of_the_portal_names_its_container(text: str, name: str, account: str) -> None:
    found = container_of(text)
    assert found.name == name
    assert account in found.url


@pytest.mark.parametrize("quotes", ['"{}"', "'{}'", ' "{}" ', "{}", " {} "])
def test_a_path_is_pasted_with_or_without_quotes(shown: Shown, world: World, quotes: str) -> None:
    shown.dialog.site.folder.edit.setText(quotes.format(world.site))
    shown.next()
    assert shown.at("Central store"), shown.dialog.said
    shown.dialog.ending.edit.setText(quotes.format(world.base / "made.toml"))
    assert shown.dialog.ending.file == world.base / "made.toml"


def test_what_is_wrong_is_at_its_field_which_has_the_focus(shown: Shown, world: World) -> None:
    dialog = shown.dialog
    for text in ("", "relative", str(world.base / "missing")):  # at once, and looked up
        dialog.site.folder.edit.setText(text)
        shown.next()
        assert dialog.site.rows[""].fault == dialog.said != ""
        assert not dialog.error.isVisible()
        assert dialog.site.folder.edit.hasFocus()
    shown.to_the_store(world)
    dialog.store.container.setText("site-one")
    dialog.store.account.setText("Not An Account")
    shown.next()
    assert dialog.store.rows["azure_account_name"].fault == dialog.said != ""
    assert dialog.store.account.isVisible()
    assert dialog.store.account.hasFocus()
    dialog.store.account.setText("acc12")
    assert dialog.said == ""
    dialog.store.container.setText("https://portal.azure.com/#home")
    shown.next()
    assert "does not name a container" in dialog.store.rows[""].fault
    assert dialog.store.container.hasFocus()


def test_each_kind_of_credential_makes_a_whole_configuration(tmp_path: Path) -> None:
    account, url = template_account()
    assert account
    assert url
    base = Answers(site=str(tmp_path / "site"), container=Container("box"), account=account, account_url=url)
    for text, mode in (
        (None, AuthMode.LOGIN),
        (SAS, AuthMode.SAS),
        ("A" * 86 + "==", AuthMode.KEY),
        ("DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5", AuthMode.CONNECTION_STRING),
    ):
        answers = Answers(base.site, True, "", base.container, account, url, paste(text) if text else None)
        checked, told = faults_of(answers, tmp_path / "config.toml")
        assert told == ""
        assert checked.config is not None
        assert checked.config.central.credentials.mode is mode
        assert checked.config.central.kind is PlaceKind.AZURE
        assert checked.config.warnings == ()
        assert compose(answers, tmp_path / "config.toml").count("#") > 90


def test_the_preview_says_what_to_make_of_it() -> None:
    found = sampling.Sample(matched={"OMOP": 0, "Images": 0})
    assert advice(found)[1] is Grade.WARNING
    found.files, found.unmatched = 3, 3
    assert "No file matches a pattern" in advice(found)[0]
    found.matched["Images"] = 1
    assert "No file matches OMOP" in advice(found)[0]
    found.matched["OMOP"] = 1
    assert advice(found)[1] is Grade.INFO
    found.unmatched = 0
    assert advice(found)[1] is Grade.GOOD


def test_rendering_a_state_of_no_concern_changes_nothing(shown: Shown) -> None:
    shown.dialog.render(SessionState())
    assert shown.at("Site files")


def test_it_recommends_full_mode_and_says_what_each_would_do(qtbot: QtBot, session: Session) -> None:
    step = Shown(qtbot, session).dialog.site
    assert step.answer(Answers()).mode is Mode.FULL
    assert "recommended" in step.full.text()
    assert "recommended" not in step.append.text()
    shown = [found.text() for found in step.findChildren(QLabel)]
    for choice in (step.full, step.append):
        assert choice.accessibleDescription() in shown, "what it would do is on screen, not only in a tooltip"


@pytest.mark.parametrize("mode", Mode)
def test_it_asks_what_a_missing_file_means(qtbot: QtBot, session: Session, tmp_path: Path, mode: Mode) -> None:
    dialog = Shown(qtbot, session).dialog
    step = dialog.site
    step.folder.edit.setText((tmp_path / "site").as_posix())
    (step.full if mode is Mode.FULL else step.append).setChecked(True)
    answers = step.answer(Answers(azure=False, folder=(tmp_path / "central").as_posix()))
    assert loads(compose(answers, tmp_path / "config.toml"), tmp_path / "config.toml").mode is mode
    dialog.ending.enter(answers)
    assert f"{mode.value} mode" in dialog.ending.summary.text()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.title)
def test_tab_reaches_everything_of_the_first_step_and_the_buttons_below_it(shown: Shown, form: PlaceForm) -> None:
    dialog = shown.dialog
    place = dialog.site.places[DEFAULT]
    place.kinds.setCurrentIndex(place.kinds.findText(form.title))
    place.kinds.activated.emit(place.kinds.currentIndex())
    QApplication.processEvents()
    dialog.activateWindow()
    place.kinds.setFocus()
    reached = []
    for _ in range(60):
        at = dialog.focusWidget()
        reached.append(at)
        QTest.keyClick(at, Qt.Key.Key_Tab)
        if dialog.focusWidget() in reached:
            break
    assert dialog.focusWidget() is place.kinds, [one.accessibleName() for one in reached]
    kinds = (QLineEdit, QPushButton)
    seen = [one for kind in kinds for one in dialog.findChildren(kind) if one.isVisibleTo(dialog) and one.isEnabled()]
    missed = [one.accessibleName() for one in seen if one not in reached]
    assert dialog.next in seen
    assert not missed
