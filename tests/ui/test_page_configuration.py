"""The Configuration page on a real session: what it shows, what it asks for, and that no secret is to be seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLabel, QLineEdit, QTabBar
from pytestqt.qtbot import QtBot
from uiworld import settle
from world import World

from chorus_gui.app.draft import modalities_of
from chorus_gui.app.place_kinds import FORMS
from chorus_gui.app.sampling import Example
from chorus_gui.core.config.keys import DEFAULT, KEYS
from chorus_gui.core.config.load import load
from chorus_gui.core.config.save import new_document
from chorus_gui.core.errors import Fault
from chorus_gui.core.model import Finding, Grade
from chorus_gui.ui import intents
from chorus_gui.ui.models.examples import ExampleModel
from chorus_gui.ui.pages import Services
from chorus_gui.ui.pages.configuration import ConfigurationPage
from chorus_gui.ui.pages.configuration_findings import FindingCard
from chorus_gui.ui.pages.configuration_text import TextTab
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import SessionState
from chorus_gui.ui.widgets.dialogs import ConfirmDialog
from chorus_gui.ui.widgets.secret import SecretEdit

SAS = "sv=2022-11-02&se=2026-12-04T13:00:00Z&sr=c&sp=rl&sig=TOPSECRET%3D"


class Shown:
    """A page on a session, and what it asked for."""

    def __init__(self, qtbot: QtBot, session: Session) -> None:
        self.qtbot, self.session = qtbot, session
        self.asked: list[intents.Intent] = []
        self.page = ConfigurationPage(Services(session.reader, session.pager, session.settings))
        qtbot.addWidget(self.page)
        self.page.intent.connect(self.asked.append)
        self.page.intent.connect(session.do)
        session.changed.connect(self.page.render)
        self.page.resize(1200, 800)
        self.page.render(session.state)
        self.page.show()

    def settle(self) -> None:
        """Until what was typed is checked, and the folder was looked at."""
        page = self.page
        settle(self.qtbot, self.session)
        self.qtbot.waitUntil(lambda: not page._timer.isActive(), timeout=5000)
        settle(self.qtbot, self.session)

    def open(self, file: Path) -> None:
        self.session.open(file)
        self.settle()

    def type(self, meaning: str, text: str, modality: str = DEFAULT) -> None:
        """As a person does: the whole line anew."""
        edit = self.page.form.rows[(meaning, modality)].input.editor
        assert isinstance(edit, QLineEdit)
        edit.selectAll()
        QTest.keyClick(edit, Qt.Key.Key_Delete)
        QTest.keyClicks(edit, text)

    def fault(self, meaning: str, modality: str = DEFAULT) -> str:
        return self.page.form.rows[(meaning, modality)].fault

    def findings(self) -> list[str]:
        return [finding.accessibleName() for finding in self.page.panel.findChildren(FindingCard) if not finding.isHidden()]

    def confirm(self) -> None:
        """Say yes to the question that is asked."""
        dialog = next(dialog for dialog in self.page.findChildren(ConfirmDialog) if dialog.isVisible())
        dialog.yes.click()


@pytest.fixture
def shown(qtbot: QtBot, session: Session) -> Iterator[Shown]:
    made = Shown(qtbot, session)
    yield made
    session.changed.disconnect(made.page.render)
    made.page.hide()


def test_a_test_of_another_file_is_not_shown(shown: Shown, tmp_path: Path) -> None:
    """The assistant tests a file that is not saved yet, while another one is open behind it."""
    found = (Finding(Grade.BAD, "Central store", "It does not answer."),)
    state = shown.session.state
    for about, texts in ((tmp_path / "other.toml", False), (state.config_file, True)):
        shown.page.render(replace(state, test=found, tested=about))
        assert any("It does not answer." in label.text() for label in shown.page.panel.findChildren(QLabel)) is texts


def test_without_a_configuration_it_offers_the_assistant(shown: Shown) -> None:
    page = shown.page
    assert page.empty.isVisible()
    assert not page.body.isVisible()
    page.empty.action.click()
    assert page._assistant is not None
    page.show_topic("assistant")
    page._assistant.reject()
    assert page._assistant is None
    shown.settle()


def test_what_is_typed_is_saved_with_the_comments(shown: Shown, world: World) -> None:
    world.file.write_text("# mine\n" + world.file.read_text("utf-8") + "unknown = 1\n", "utf-8")
    before = world.file.read_text("utf-8")
    shown.open(world.file)
    page, marks = shown.page, list[bool]()
    page.unsaved.connect(marks.append)
    assert not page.modified
    assert not page.save.isEnabled()
    shown.type("page_size", "250")
    assert page.modified
    assert marks == [True]
    assert page.mark.isVisible()
    shown.settle()
    page.save.click()
    shown.settle()
    assert load(world.file, environ={}).page_size == 250
    assert world.file.read_text("utf-8").startswith("# mine\n")
    assert "unknown = 1" in world.file.read_text("utf-8")
    assert world.file.with_name("config.toml.bak").read_text("utf-8") == before
    assert not page.modified
    assert marks == [True, False]
    assert shown.asked == [intents.SaveConfig(world.file, world.file.read_text("utf-8"), before)]


def test_faults_stand_at_their_fields_all_at_once(shown: Shown, world: World) -> None:
    shown.open(world.file)
    page = shown.page
    shown.type("page_size", "many")
    shown.type("site.pattern", "{patient}/x", "Images")
    shown.type("central.path", "https://acc.blob.core.windows.net/box")
    shown.settle()
    assert "whole number" in shown.fault("page_size")
    assert "unknown variable" in shown.fault("site.pattern", "Images")
    assert "https://" in shown.fault("central.path")
    assert len(shown.findings()) >= 3
    assert "problems to fix" in page.panel.heading.text()
    assert [page.tabs.tabText(at)[-3:] for at in (0, 1, 3)] == ["(1)", "(1)", "(1)"]
    assert not page.test.isEnabled()
    row = page.form.rows[("central.path", DEFAULT)]
    page.tabs.setCurrentIndex(1)
    assert row.fix.isVisible()
    row.fix.click()
    shown.settle()
    editor = row.input.editor
    assert isinstance(editor, QLineEdit)
    assert editor.text() == "az://box"
    page.save.click()
    shown.confirm()  # two faults are left
    shown.settle()
    assert shown.session.state.config is None
    assert shown.session.state.faults


def test_a_finding_leads_to_its_field_or_its_line(shown: Shown, world: World) -> None:
    shown.open(world.file)
    page = shown.page
    shown.type("page_size", "0")
    shown.settle()
    page.tabs.setCurrentIndex(0)
    finding = next(f for f in page.panel.findChildren(FindingCard) if "Entries per transaction" in f.accessibleName())
    show = next(button for button in finding.findChildren(QAbstractButton) if button.text() == "Show")
    show.click()
    assert page.tabs.currentIndex() == 3
    page.tabs.setCurrentWidget(page.text)
    show.click()
    assert page.tabs.currentWidget() is page.text
    assert page.text.editor.textCursor().block().text() == "page_size = 0"
    page.panel.shown.emit(Fault("nobody.knows", "?", line=1))
    assert page.text.editor.textCursor().blockNumber() == 0


def test_choices_flags_and_modalities_write_what_the_file_wants(shown: Shown, world: World) -> None:
    shown.open(world.file)
    page = shown.page
    box = page.form.rows[("mode", DEFAULT)].input.editor
    assert isinstance(box, QComboBox)
    assert box.currentData() == "full"
    box.setCurrentIndex(box.findData("append"))
    box.activated.emit(box.currentIndex())
    page.form.rows[("site.omop_per_patient", "OMOP")].input.editor.click()  # type: ignore[attr-defined]
    modalities = page.form.rows[("modalities", DEFAULT)].input
    modalities.boxes["Waveforms"].click()  # type: ignore[attr-defined]
    shown.settle()
    draft, checked = page._draft, page._checked
    assert draft is not None
    assert checked is not None
    assert checked.config is not None
    assert checked.config.mode.value == "append"
    assert checked.modalities == ("OMOP", "Images", "Metadata")
    assert checked.sites["OMOP"].omop_per_patient
    assert not page.form.cards["Waveforms"].isVisible()
    page.tabs.setCurrentIndex(0)
    assert page.form.cards["Images"].isVisible()


def test_the_tester_follows_the_pattern_on_the_real_folder(shown: Shown, world: World) -> None:
    shown.open(world.file)
    page = shown.page
    assert page.form.matches["Images"].text().startswith("2 files of 2 patients match.")
    assert "→  VERSION/1001/Images/a.dcm" in page.form.matches["Images"].text()
    shown.type("site.pattern", "{patient_id:d}/Nothing/{filepath}", "Images")
    shown.settle()
    assert page.form.matches["Images"].text() == "No file matches this pattern."
    page.tabs.setCurrentWidget(page.tester)
    shown.settle()
    tester = page.tester
    assert tester.tiles["Images"].accessibleName().startswith("Images: 0")
    tester.tiles[""].click()
    assert tester.model.rowCount() == 2
    QTest.keyClicks(tester.path, "0012/Nothing/x.dcm")
    assert tester.answer.text() == "Images, patient 12. It is uploaded to VERSION/12/Images/x.dcm."
    tester.path.setText("1001/Images/a.dcm")
    assert "This path matches no pattern" in tester.answer.text()
    world.put("1003/Nothing/late.dcm", "late")
    tester.look.click()
    shown.settle()
    assert tester.tiles["Images"].accessibleName().startswith("Images: 1")
    shown.type("site.pattern", "{bad}", "Images")
    shown.settle()
    assert tester.answer.text().startswith("This path matches no pattern")


def test_no_secret_is_to_be_seen(shown: Shown, qtbot: QtBot, tmp_path: Path) -> None:
    file = tmp_path / "secret.toml"
    document = new_document(file)
    for key, value in (
        ("central_path.path", "az://box/"),
        ("journal.source.path", "az://box/journal.db"),
        ("site_path.default.path", (tmp_path / "world").as_posix()),
        ("central_path.auth.auth_mode", "sas"),
        ("central_path.auth.azure_sas_token", SAS),
        ("journal.source.auth.azure_account_url", f"https://acc.blob.core.windows.net?{SAS}"),
        ("journal.source.auth.azure_account_key", "TOPSECRET"),
    ):
        document.set(key, value)
    document.save()
    page = shown.page
    page.render(SessionState(config_file=file, config_revision=1))  # not opened: that would look at the store
    qtbot.waitUntil(lambda: page._checked is not None, timeout=5000)
    for fold, _ in page.form.folds:
        fold.open()
    shown.settle()
    for at in range(page.tabs.count()):
        page.tabs.setCurrentIndex(at)
        told = [label.text() for label in page.findChildren(QLabel)] + [edit.displayText() for edit in page.findChildren(QLineEdit)]
        assert not any("TOPSECRET" in text for text in told), page.tabs.tabText(at)
        assert "TOPSECRET" not in page.text.editor.toPlainText()
    page.tabs.setCurrentIndex(1)
    secret = page.form.rows[("central.azure_sas_token", DEFAULT)].findChild(SecretEdit)
    assert isinstance(secret, SecretEdit)
    assert "allows read, list" in secret.headline.text()
    assert "creating or writing" in secret.details.text()
    secret.reveal.click()
    assert "TOPSECRET" in secret.edit.displayText()
    secret._timer.setInterval(1)
    secret._timer.start()
    qtbot.waitUntil(lambda: "TOPSECRET" not in secret.edit.displayText(), timeout=2000)
    assert "az://box" not in secret.headline.text()


def test_the_text_is_edited_with_its_secrets_hidden(shown: Shown, world: World) -> None:
    text = world.file.read_text("utf-8") + f'[central_path.auth]\nazure_sas_token = "{SAS}"\n'
    world.file.write_text(text, "utf-8")
    shown.open(world.file)
    page = shown.page
    page.tabs.setCurrentWidget(page.text)
    editor = page.text.editor
    cursor = editor.textCursor()
    cursor.movePosition(cursor.MoveOperation.End)
    editor.setTextCursor(cursor)
    QTest.keyClicks(editor, "# more")
    assert page._draft is not None
    assert page._draft.text == text + "# more"
    page.text.reveal.click()
    assert SAS in editor.toPlainText()
    page.text.reveal.click()
    assert SAS not in editor.toPlainText()
    mime = QMimeData()
    mime.setText('\n[journal.source.auth]\nazure_account_key = "PASTED"\n')
    editor.insertFromMimeData(mime)
    assert "PASTED" not in editor.toPlainText()
    assert "PASTED" in page._draft.text
    QTest.keyClicks(editor, "[broken")
    shown.settle()
    assert page._draft.reading is None
    assert not page.form.tabs[0].area.widget().isEnabled()
    assert "not valid TOML" in " ".join(shown.findings())


def test_a_file_that_another_program_changed_is_not_lost(shown: Shown, world: World) -> None:
    shown.open(world.file)
    page = shown.page
    shown.type("page_size", "77")
    theirs = world.file.read_text("utf-8") + "# theirs\n"
    world.file.write_text(theirs, "utf-8")
    shown.settle()
    page.save.click()
    shown.settle()
    assert page.conflict.isVisible()
    assert world.file.read_text("utf-8") == theirs
    assert page.modified
    page.conflict.over.click()
    shown.settle()
    assert load(world.file, environ={}).page_size == 77
    assert world.file.with_name("config.toml.bak").read_text("utf-8") == theirs
    assert not page.conflict.isVisible()


def test_a_draft_waits_until_one_comes_back(shown: Shown, world: World, tmp_path: Path) -> None:
    shown.open(world.file)
    page = shown.page
    shown.type("page_size", "77")
    shown.session.do(intents.Refresh())
    shown.settle()
    assert page.modified, "looking again is no reason to forget what was typed"
    other = World(tmp_path / "other")
    shown.open(other.file)
    assert not page.modified
    assert page.file.full == str(other.file)
    shown.open(world.file)
    assert page.modified
    page.revert.click()
    shown.confirm()
    shown.settle()
    assert not page.modified
    shown.session.do(intents.CloseConfig())
    assert page.empty.isVisible()


def test_save_as_leaves_the_open_file_as_it_was(shown: Shown, world: World) -> None:
    shown.open(world.file)
    before = world.file.read_text("utf-8")
    shown.type("page_size", "77")
    shown.page.save_to(world.base / "second")
    shown.settle()
    assert world.file.read_text("utf-8") == before
    assert shown.session.state.config_file == world.base / "second.toml"
    assert load(world.base / "second.toml", environ={}).page_size == 77
    assert not shown.page.modified


def test_the_connection_is_tested_as_it_stands_here(shown: Shown, world: World) -> None:
    shown.open(world.file)
    page = shown.page
    shown.type("site.path", (world.base / "gone").as_posix())
    shown.settle()
    page.test.click()
    assert not page.test.isEnabled()
    shown.settle()
    asked = shown.asked[-1]
    assert isinstance(asked, intents.TestConnection)
    assert asked.text is not None
    assert "gone" in asked.text
    assert any("gone" in told and told.startswith("bad") for told in shown.findings())
    assert page.test.isEnabled()


def test_the_journal_takes_the_stores_credentials(shown: Shown, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    document = new_document(file)
    document.set("central_path.auth.auth_mode", "sas")
    document.set("central_path.auth.azure_sas_token", SAS)
    document.save()
    shown.open(file)
    shown.page.form.copy_wanted.emit()
    draft = shown.page._draft
    assert draft is not None
    assert draft.own(("journal.azure_sas_token", DEFAULT)) == SAS
    assert draft.own(("journal.auth_mode", DEFAULT)) == "sas"


def test_a_fallback_of_the_environment_is_named(shown: Shown, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_SAS_TOKEN", SAS)
    shown.open(world.file)
    edit = shown.page.form.rows[("central.azure_sas_token", DEFAULT)].input.editor
    assert isinstance(edit, QLineEdit)
    assert edit.placeholderText() == "from AZURE_SAS_TOKEN"


def test_every_key_has_its_row_and_its_words(shown: Shown, world: World) -> None:
    shown.open(world.file)
    form = shown.page.form
    for fold, _ in form.folds:
        fold.open()
    for place in form.places.values():
        for of_kind in FORMS[1:]:
            place.cloud(of_kind).fold.open()
    chosen = {f"site.{name}" for of_kind in FORMS for way in of_kind.ways for name in way.writes}
    for meaning, key in KEYS.items():
        if meaning in chosen:
            continue  # the list of ways of signing in writes it
        wanted = {DEFAULT, "OMOP"} if meaning == "site.omop_per_patient" else set(modalities_of(meaning))
        assert {modality for name, modality in form.rows if name == meaning} == wanted, meaning
        editor = form.rows[(meaning, DEFAULT)].input.editor
        assert editor.accessibleName()
        assert key.explanation in editor.toolTip()
    for control in shown.page.findChildren(QAbstractButton):
        inner = type(control) is QAbstractButton or isinstance(
            control.parent(), (QTabBar, QLineEdit)
        )  # Qt's own, which cannot be reached by keys
        assert inner or control.accessibleName() or control.text() or control.toolTip(), control


def test_the_topics_that_others_send_lead_to_their_fields(shown: Shown, world: World) -> None:
    shown.open(world.file)
    page = shown.page
    page.show_topic("credentials")
    assert page.tabs.currentIndex() == 1
    page.show_topic("site_path.Images.pattern")
    assert page.tabs.currentIndex() == 0
    page.show_topic("test")
    page.show_topic("no.such.key")
    assert page.tabs.currentIndex() == 0


def test_a_file_that_cannot_be_read_is_told(shown: Shown, tmp_path: Path) -> None:
    file = tmp_path / "latin.toml"
    file.write_bytes(b"# \xe9\n")
    shown.open(file)
    assert shown.page.empty.isVisible()
    assert "cannot be read" in shown.page.empty.title.text()


def test_the_model_of_examples(qtbot: QtBot) -> None:
    model = ExampleModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.show_rows([Example("a/b.dcm", "Images", "a", "V/a/Images/b.dcm", ("OMOP",)), Example("c")])
    assert [model.index(0, at).data() for at in range(4)] == ["a/b.dcm", "Images (also OMOP)", "a", "V/a/Images/b.dcm"]
    assert "matches no pattern" in model.index(1, 3).data()
    assert model.headerData(0, Qt.Orientation.Horizontal) == "On the site"
    model.show_rows([])
    assert model.rowCount() == 0
    del tester


def test_the_text_tab_hides_again_by_itself(qtbot: QtBot) -> None:
    tab = TextTab()
    qtbot.addWidget(tab)
    tab.show_text('azure_sas_token = "TOP"\n')
    tab.show()
    tab.editor.show_faults({1: "wrong", 9: "no such line"})
    tab.reveal.click()
    assert "TOP" in tab.editor.toPlainText()
    QApplication.processEvents()
    tab.grab()
    tab._timer.setInterval(1)
    tab._timer.start()
    qtbot.waitUntil(lambda: "TOP" not in tab.editor.toPlainText(), timeout=2000)
    tab.editor.go_to(1)


def test_what_is_left_out_is_edited_as_a_text_and_read_from_a_list(shown: Shown, world: World) -> None:
    text = world.file.read_text("utf-8").replace("[configuration]", '[configuration]\nexclude = [".DS_Store", "*.tmp"]')
    world.file.write_text(text, "utf-8")
    shown.open(world.file)
    row = shown.page.form.rows[("exclude", DEFAULT)]
    edit = row.input.editor
    assert isinstance(edit, QLineEdit)
    assert edit.text() == ".DS_Store, *.tmp"
    shown.page.tabs.setCurrentIndex(0)
    assert edit.isVisible()  # the one row for this key
    edit.setText(".DS_Store, @eaDir/")
    edit.textEdited.emit(edit.text())
    shown.settle()
    checked = shown.page._checked
    assert checked is not None
    assert checked.config is not None
    assert checked.config.exclude.patterns == (".DS_Store", "@eaDir/")
    edit.setText("*")
    edit.textEdited.emit(edit.text())
    shown.settle()
    assert shown.page._checked is not None
    assert [fault.key for fault in shown.page._checked.faults] == ["configuration.exclude"]
