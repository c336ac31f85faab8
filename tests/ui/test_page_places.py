"""Where the files of the site and of each modality are, on the Configuration page: a folder or a cloud, what each needs, and a check."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLabel, QLineEdit, QWidget
from pytestqt.qtbot import QtBot
from s3server import KEY_ID, SECRET, S3Server
from uiworld import settle
from world import World

from chorus_gui.app.draft import Draft
from chorus_gui.app.place_kinds import AZURE, FORMS, S3
from chorus_gui.core.config.credential_table import CREDENTIAL_TITLES, TABLE
from chorus_gui.core.config.credentials import AwsKeys, Secret
from chorus_gui.core.config.keys import DEFAULT, KEYS, Kind
from chorus_gui.core.config.load import load
from chorus_gui.core.errors import UntrustedHostError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Finding, Grade
from chorus_gui.ui.pages import Services, configuration_fields, configuration_place
from chorus_gui.ui.pages.configuration import ConfigurationPage
from chorus_gui.ui.pages.configuration_fields import KeyRow
from chorus_gui.ui.pages.configuration_findings import FindingCard
from chorus_gui.ui.pages.configuration_place import PlaceSection
from chorus_gui.ui.pages.configuration_words import title as title_of
from chorus_gui.ui.session import Session
from chorus_gui.ui.widgets.dialogs import ConfirmDialog

SAS = "sv=2022-11-02&se=2099-12-04T13:00:00Z&sr=c&sp=rl&sig=TOPSECRET%3D"


class Shown:
    """The page on a session."""

    def __init__(self, qtbot: QtBot, session: Session) -> None:
        self.qtbot, self.session = qtbot, session
        self.page = ConfigurationPage(Services(session.reader, session.pager, session.settings, None, session.checker))
        qtbot.addWidget(self.page)
        self.page.intent.connect(session.do)
        session.changed.connect(self.page.render)
        self.page.resize(1024, 700)
        self.page.render(session.state)
        self.page.show()

    def open(self, file: Path) -> None:
        self.session.open(file)
        self.settle()

    def settle(self) -> None:
        settle(self.qtbot, self.session)
        self.qtbot.waitUntil(lambda: not self.page._timer.isActive(), timeout=20_000)
        settle(self.qtbot, self.session)

    def place(self, modality: str = DEFAULT) -> PlaceSection:
        return self.page.form.places[modality]

    def type(self, name: str, text: str, modality: str = DEFAULT) -> None:
        """As a person does: the whole line, a key at a time."""
        edit = self.page.form.rows[(f"site.{name}", modality)].input.editor
        assert isinstance(edit, QLineEdit)
        edit.selectAll()
        QTest.keyClick(edit, Qt.Key.Key_Delete)
        QTest.keyClicks(edit, text)

    def paste(self, name: str, text: str, modality: str = DEFAULT) -> None:
        edit = self.page.form.rows[(f"site.{name}", modality)].input.editor
        assert isinstance(edit, QLineEdit)
        edit.selectAll()
        edit.insert(text)

    def choose(self, box: QComboBox, text: str) -> None:
        """With the keyboard, as it is without opening the list."""
        box.setFocus()
        at = box.findText(text)
        assert at >= 0, text
        while box.currentIndex() != at:
            QTest.keyClick(box, Qt.Key.Key_Down if box.currentIndex() < at else Qt.Key.Key_Up)

    def visible(self, modality: str = DEFAULT) -> set[str]:
        """The keys whose fields can be seen."""
        rows = self.page.form.rows.items()
        return {
            meaning.removeprefix("site.") for (meaning, name), found in rows if name == modality and found.isVisibleTo(self.place(modality))
        } - {
            "pattern",
            "versioned",
            "omop_per_patient",
            "path",
            "modalities",
            "exclude",
        }

    def checked(self, modality: str = DEFAULT) -> str:
        """Select Check, and what it says."""
        place = self.place(modality)
        place.check.click()
        self.qtbot.waitUntil(lambda: not place.checking and bool(self.said(modality)), timeout=20_000)
        return self.said(modality)

    def said(self, modality: str = DEFAULT) -> str:
        cards = [card for card in self.place(modality).findChildren(FindingCard) if not card.isHidden()]
        return "\n".join(label.text() for card in cards for label in card.findChildren(QLabel))


@pytest.fixture
def shown(qtbot: QtBot, session: Session) -> Iterator[Shown]:
    made = Shown(qtbot, session)
    yield made
    session.changed.disconnect(made.page.render)
    made.page.hide()


def test_a_modality_moves_into_a_bucket_is_checked_and_saved(shown: Shown, world: World, s3: S3Server) -> None:
    bucket = s3.bucket()
    s3.put(bucket, "in/1001/Images/a.dcm", b"x")
    world.file.write_text("# mine\n" + world.file.read_text("utf-8") + "unknown = 1 # why\n", "utf-8")
    before = world.file.read_text("utf-8")
    shown.open(world.file)
    place = shown.place("Images")
    assert place.shared
    assert not place.check.isVisibleTo(shown.page)
    shown.choose(place.kinds, "Amazon S3")
    assert shown.visible("Images") == set(), "the AWS tools of this computer need nothing"
    shown.type("path", f"{bucket}/in", "Images")
    assert place.cloud(S3).ways.currentText() == "AWS settings of this computer"
    shown.choose(place.cloud(S3).ways, "Access key")
    assert shown.visible("Images") == {"aws_access_key_id", "aws_secret_access_key"}
    assert "Until then" in place.cloud(S3).note.text()
    assert "AWS secret access key is empty" not in shown.said("Images")
    assert "AWS access key ID is empty" in shown.checked("Images")
    shown.type("aws_access_key_id", KEY_ID, "Images")
    shown.type("aws_secret_access_key", SECRET, "Images")
    place.cloud(S3).fold.open()
    shown.type("aws_endpoint_url", s3.url, "Images")
    shown.settle()
    assert not place.cloud(S3).note.isVisibleTo(shown.page)
    said = shown.checked("Images")
    assert "1 of 1 file matches the pattern of Images." in said
    assert "1001/Images/a.dcm" in said
    assert SECRET not in "".join(label.text() for label in shown.page.findChildren(QLabel))
    assert SECRET not in shown.page.text.editor.toPlainText()
    assert world.file.read_text("utf-8") == before, "nothing is saved before the person says so"
    shown.page.save.click()
    shown.settle()
    site = load(world.file, environ={}).sites
    assert site["Images"].place.text == f"s3://{bucket}/in"
    assert site["Images"].place.credentials == AwsKeys(KEY_ID, Secret(SECRET))
    assert site["Waveforms"].place.folder == world.site
    assert world.file.read_text("utf-8").startswith("# mine\n")
    assert "unknown = 1 # why" in world.file.read_text("utf-8")


def test_what_another_kind_left_goes_when_the_person_removes_it(shown: Shown, world: World) -> None:
    text = world.file.read_text("utf-8") + (
        f'[site_path.Images]\npath = "az://box/in"\n[site_path.Images.auth]\nauth_mode = "sas"\nazure_account_name = "acct"\nazure_sas_token = "{SAS}"\n'
    )
    world.file.write_text(text, "utf-8")
    shown.open(world.file)
    place = shown.place("Images")
    assert place.kinds.currentText() == "Azure"
    assert place.cloud(AZURE).ways.currentText() == "SAS token"
    assert shown.visible("Images") == {"azure_account_name", "azure_sas_token"}
    shown.choose(place.cloud(AZURE).ways, "Account key")
    assert shown.visible("Images") == {"azure_account_name", "azure_account_key"}
    assert place.unused.isVisibleTo(shown.page)
    assert "SAS token" in place.unused.text()
    assert "can be used instead" in place.unused.text()
    shown.choose(place.kinds, "Folder")
    assert "no effect here" in place.unused.text()
    assert "Storage account" in place.unused.text()
    assert SAS in shown.page._draft.text if shown.page._draft else False
    place.remove.click()
    draft = shown.page._draft
    assert draft is not None
    assert SAS not in draft.text
    assert not place.unused.isVisibleTo(shown.page)
    assert world.file.read_text("utf-8") == text, "Revert still brings all of it back"


def test_own_credentials_in_the_sites_place_are_shown_and_can_be_removed(shown: Shown, world: World) -> None:
    """A modality can have a token of its own for the site's container."""
    auth = 'auth_mode = "sas"\nazure_account_name = "acct"\nazure_sas_token = "{}"\n'
    text = world.file.read_text("utf-8").replace(f'[site_path.default]\npath = "{world.site.as_posix()}"\n', "")
    text += f'[site_path.default]\npath = "az://box/in"\n[site_path.default.auth]\n{auth.format(SAS)}'
    text += f"[site_path.Images.auth]\n{auth.format(SAS.replace('TOPSECRET', 'OWNSECRET'))}"
    world.file.write_text(text, "utf-8")
    shown.open(world.file)
    place = shown.place("Images")
    assert shown.place("Waveforms").shared
    assert not place.shared
    assert shown.visible("Images") == {"azure_account_name", "azure_sas_token"}
    shown.choose(place.kinds, "Same place as the site")
    assert place.shared
    assert "SAS token" in place.unused.text()
    assert "can be used instead" in place.unused.text()
    place.remove.click()
    draft = shown.page._draft
    assert draft is not None
    assert "OWNSECRET" not in draft.text
    assert place.shared
    assert not place.unused.isVisibleTo(shown.page)


def test_each_kind_and_each_way_shows_its_fields_and_no_other(shown: Shown, world: World) -> None:
    shown.open(world.file)
    place = shown.place()
    for form in FORMS:
        shown.choose(place.kinds, form.title)
        if not form.ways:
            assert shown.visible() == set()
            continue
        for way in form.ways:
            shown.choose(place.cloud(form).ways, way.title)
            assert shown.visible() == {*form.always, *way.keys}, way.title
            assert place.cloud(form)._way_row._explanation.text() == way.about
        place.cloud(form).fold.open()
        assert shown.visible() == {*form.always, *form.ways[-1].keys, *form.further}
        place.cloud(form).fold.head.setChecked(False)


def test_a_path_that_was_typed_comes_back_with_its_kind(shown: Shown, world: World) -> None:
    shown.open(world.file)
    place = shown.place()
    before = shown.page._draft
    assert before is not None
    shown.choose(place.kinds, "Amazon S3")
    shown.type("path", "bucket/x")
    shown.choose(place.kinds, "Folder")
    edit = place.path.input.editor
    assert isinstance(edit, QLineEdit)
    assert Path(edit.text()) == world.site
    assert shown.page._draft == before
    shown.choose(place.kinds, "Amazon S3")
    assert edit.text() == "bucket/x"


def test_erasing_an_address_keeps_its_kind(shown: Shown, world: World) -> None:
    shown.open(world.file)
    for modality in (DEFAULT, "Images"):
        place = shown.place(modality)
        for title in ("Azure", "Amazon S3", "Folder"):
            shown.choose(place.kinds, title)
            shown.type("path", "abc/def", modality)
            shown.type("path", "", modality)
            assert place.kinds.currentText() == title
            assert not place.shared
    shown.settle()
    assert "empty" in shown.place("Images").path.fault
    shown.choose(shown.place("Images").kinds, "Same place as the site")
    assert shown.place("Images").shared


def test_a_copied_address_fills_in_what_it_says(shown: Shown, world: World) -> None:
    shown.open(world.file)
    place = shown.place("Images")
    shown.choose(place.kinds, "Amazon S3")
    shown.paste("path", "https://bucket.s3.eu-west-1.amazonaws.com/in/side", "Images")
    edit = place.path.input.editor
    assert isinstance(edit, QLineEdit)
    assert edit.text() == "bucket/in/side"
    draft = shown.page._draft
    assert isinstance(draft, Draft)
    assert draft.own(("site.aws_region", "Images")) == "eu-west-1"
    shown.choose(place.kinds, "Azure")
    shown.paste("path", f"https://acct.blob.core.windows.net/box/in?{SAS}", "Images")
    assert edit.text() == "box/in"
    assert place.cloud(AZURE).ways.currentText() == "SAS token"
    assert "TOPSECRET" not in "".join(label.text() for label in shown.page.findChildren(QLabel))
    shown.paste("path", "s3://other/x", "Images")
    assert place.kinds.currentText() == "Amazon S3"
    assert edit.text() == "other/x"


def test_a_check_never_blocks_the_window_and_can_be_cancelled(shown: Shown, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, seen = threading.Event(), list[str]()

    def hangs(draft: Draft, modality: str, ctx: JobContext, login: object) -> tuple[Finding, ...]:
        del draft, login
        seen.append(threading.current_thread().name)
        asked.set()
        while not ctx.cancelled:
            ctx.sleep(0.01)
        ctx.checkpoint()
        return ()

    monkeypatch.setattr(configuration_place, "check_place", hangs)
    shown.open(world.file)
    place = shown.place()
    place.check.click()
    assert place.checking
    assert not place.check.isEnabled()
    asked.wait()
    assert threading.current_thread().name not in seen
    shown.page.tabs.setCurrentIndex(1)
    shown.page.tabs.setCurrentIndex(0)
    place.cancel.setFocus()
    QTest.keyClick(place.cancel, Qt.Key.Key_Space)
    assert not place.checking
    assert place.status.text() == "The check was cancelled."
    assert place.check.isEnabled()
    monkeypatch.setattr(configuration_place, "check_place", lambda *_: (Finding(Grade.GOOD, "", "It works."),))
    assert "It works." in shown.checked()
    shown.type("path", str(world.base / "other"))
    shown.settle()
    assert shown.said() == "", "what was found is about another place"


def test_a_server_that_is_not_known_is_asked_about(shown: Shown, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def stops(*_: object) -> tuple[Finding, ...]:
        raise UntrustedHostError("“s3.example.org” is not a known server.", "s3.example.org")

    monkeypatch.setattr(configuration_place, "check_place", stops)
    shown.open(world.file)
    assert "not a known server" in shown.checked()
    (dialog,) = [found for found in shown.page.findChildren(ConfirmDialog) if found.objectName() == "trust_dialog"]
    assert dialog.isVisible()
    dialog.reject()


def stops_of(root: QWidget) -> list[QWidget]:
    """What Tab reaches in ``root``, in its order."""
    first = root if root.focusPolicy() & Qt.FocusPolicy.TabFocus else root.nextInFocusChain()
    found, at = list[QWidget](), first
    while at is not None:
        if (
            root.isAncestorOf(at)
            and at.isVisibleTo(root)
            and at.isEnabled()
            and at.focusPolicy() & Qt.FocusPolicy.TabFocus
            and not at.focusProxy()
        ):
            found.append(at)
        at = at.nextInFocusChain()
        if at is first:
            break
    return found


def test_tab_goes_from_top_to_bottom_and_each_control_has_a_name(shown: Shown, world: World) -> None:
    shown.open(world.file)
    for modality in (DEFAULT, "Images"):
        place = shown.place(modality)
        for form in FORMS:
            shown.choose(place.kinds, form.title)
            if form.ways:
                shown.choose(place.cloud(form).ways, form.ways[2].title)
                place.cloud(form).fold.open()
            QApplication.processEvents()
            stops = stops_of(place)
            tops = [stop.mapTo(place, stop.rect().topLeft()) for stop in stops]
            rows = [(point.y() + stop.height() // 2) // 24 for stop, point in zip(stops, tops, strict=True)]
            assert rows == sorted(rows), [stop.accessibleName() for stop in stops]
            assert place.kinds in stops
            assert place.check in stops
            for stop in stops:
                assert stop.accessibleName(), stop
                assert stop.toolTip() or stop.accessibleDescription(), stop.accessibleName()
            if modality != DEFAULT:
                names = [stop.accessibleName() for stop in stops if isinstance(stop, (QComboBox, QLineEdit))]
                assert all(name.startswith("Images: ") for name in names), names
    for control in shown.place("Images").findChildren(QAbstractButton):
        assert control.accessibleName() or control.text(), control


def test_the_page_fits_a_small_screen(shown: Shown, world: World) -> None:
    shown.open(world.file)
    for form in FORMS[1:]:
        shown.choose(shown.place().kinds, form.title)
        shown.choose(shown.place().cloud(form).ways, form.ways[2].title)
        QApplication.processEvents()
        area = shown.page.form.tabs[0].area
        assert not area.horizontalScrollBar().isVisible() or area.horizontalScrollBar().maximum() == 0
        assert shown.page.minimumSizeHint().width() <= 1024


def test_a_fault_of_a_choice_is_shown_at_the_list(shown: Shown, world: World) -> None:
    text = (
        world.file.read_text("utf-8")
        + '[site_path.Images]\npath = "az://box/in"\n[site_path.Images.auth]\nauth_mode = "logn"\nazure_account_name = "acct"\n'
    )
    world.file.write_text(text, "utf-8")
    shown.open(world.file)
    row = shown.place("Images").cloud(AZURE)._way_row
    assert "“logn” is not a valid value." in row.fault
    assert shown.place("Images").cloud(AZURE).ways.property("fault") == "true"
    shown.page.show_topic("site_path.Images.auth.auth_mode")
    shown.qtbot.waitUntil(lambda: shown.place("Images").cloud(AZURE).ways.hasFocus(), timeout=20_000)


CREDENTIAL_KINDS = {name: kind for name, kind, *_ in TABLE}
FILES = [name for name, title in CREDENTIAL_TITLES.items() if title.lower().endswith(" file") and CREDENTIAL_KINDS[name] is not Kind.SECRET]


@pytest.mark.parametrize("name", [*FILES, "azure_client_certificate_path"])
def test_each_file_of_a_sign_in_can_be_chosen_in_a_dialog(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Nobody has to type the path of a key file."""
    chosen = tmp_path / "chosen"
    monkeypatch.setattr(configuration_fields, "ask_open", lambda *_: chosen)
    row = KeyRow((f"site.{name}", DEFAULT), lambda: tmp_path)
    qtbot.addWidget(row)
    browse = [found for found in row.findChildren(QAbstractButton) if "Browse" in found.text()]
    assert browse, f"{title_of(f'site.{name}')} has no Browse"
    browse[0].click()
    assert isinstance(row.input.editor, QLineEdit)
    assert row.input.editor.text() == chosen.as_posix()


@pytest.mark.parametrize("meaning", [meaning for meaning, key in KEYS.items() if key.kind is Kind.CHOICE and meaning.startswith("site.")])
def test_only_the_sign_in_method_speaks_of_credentials(qtbot: QtBot, tmp_path: Path, meaning: str) -> None:
    row = KeyRow((meaning, DEFAULT), lambda: tmp_path)
    qtbot.addWidget(row)
    box = row.findChildren(QComboBox)[0]
    assert ("credential" in box.itemText(0)) is meaning.endswith("auth_mode")
    assert box.itemText(0).startswith("Default")
    offered = {box.itemData(at) for at in range(box.count())}
    assert set(KEYS[meaning].choices) - offered <= {"sas_token"}, "each choice has words"
