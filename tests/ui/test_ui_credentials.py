"""The window moves credentials out of the configuration file, and says where they are."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from keyringworld import MemoryKeyring, using
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot
from uiworld import settle

from chorus_gui.app import configuration, credential_store
from chorus_gui.app.credential_store import has_secrets
from chorus_gui.app.credentials import certificate_is_locked
from chorus_gui.app.place_kinds import FORMS
from chorus_gui.core.config import keychain
from chorus_gui.core.config.credentials import Origin, Sas
from chorus_gui.core.config.keys import DEFAULT
from chorus_gui.core.config.load import load
from chorus_gui.core.config.model import PlaceKind
from chorus_gui.ui.assistant import Assistant
from chorus_gui.ui.assistant.places import SiteStep
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.pages import Services
from chorus_gui.ui.pages.configuration import ConfigurationPage
from chorus_gui.ui.pages.configuration_fields import Field
from chorus_gui.ui.session import Session
from chorus_gui.ui.widgets.dialogs import ConfirmDialog

TOKEN = "sv=2025-01-05&se=2099-01-01T00%3A00%3A00Z&sr=c&sp=racwdl&sig=one%2Fsecret%3D"


@pytest.fixture
def store() -> Iterator[MemoryKeyring]:
    yield from using(MemoryKeyring())


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "site").mkdir()
    file = tmp_path / "config.toml"
    file.write_text(
        f'[central_path]\npath = "az://site-one/central"\n[central_path.auth]\nazure_account_name = "acct"\nazure_sas_token = "{TOKEN}"\n'
        '[journal.source]\npath = "journal.db"\n[site_path.default]\npath = "site"\n',
        "utf-8",
    )
    return file


def test_tokens_move_out_of_the_file_when_the_person_agrees(qtbot: QtBot, session: Session, config: Path, store: MemoryKeyring) -> None:
    window = MainWindow(session)
    qtbot.addWidget(window)
    window.show()
    session.open(config)
    settle(qtbot, session)
    (entry,) = [entry for entry in window.menus._entries if entry.action.text() == "&Move credentials…"]
    qtbot.waitUntil(entry.action.isEnabled)
    entry.action.trigger()
    (dialog,) = window.findChildren(ConfirmDialog)
    with qtbot.waitSignal(session.ended, timeout=20_000):
        dialog.yes.click()
    settle(qtbot, session)
    assert store.kept == {"acct.blob.core.windows.net/site-one": TOKEN}
    assert b"sig=" not in config.read_bytes()
    assert load(config, environ={}).central.credentials == Sas(TOKEN, Origin.STORE)
    assert keychain.title() in session.state.credential.detail
    qtbot.waitUntil(lambda: not entry.action.isEnabled())  # there is nothing more to move
    window.close()
    qtbot.waitUntil(lambda: session.jobs.idle)


KEY = base64.b64encode(bytes(range(64))).decode()
SECRETS = {
    "azure_sas_token": ("az", f'auth_mode = "sas"\nazure_account_name = "acct"\nazure_sas_token = "{TOKEN}"\n'),
    "azure_account_key": ("az", f'azure_account_name = "acct"\nazure_account_key = "{KEY}"\n'),
    "aws_secret_access_key": ("s3", 'aws_access_key_id = "AKIA"\naws_secret_access_key = "secret"\n'),
    "azure_client_certificate_password": (
        "az",
        (
            'auth_mode = "certificate"\nazure_account_name = "acct"\nazure_tenant_id = "example.org"\n'
            'azure_client_id = "6f1c0000-0000-4000-8000-00000000cccc"\nazure_client_certificate_path = "site.pfx"\n'
            'azure_client_certificate_password = "secret"\n'
        ),
    ),
    "google_hmac_secret": ("gs", 'google_hmac_access_id = "GOOG"\ngoogle_hmac_secret = "secret"\n'),
}


@pytest.mark.parametrize("name", SECRETS)
def test_each_secret_that_can_be_kept_is_offered_and_its_field_says_where_it_is(
    qtbot: QtBot, session: Session, tmp_path: Path, store: MemoryKeyring, name: str
) -> None:
    scheme, auth = SECRETS[name]
    (tmp_path / "site.pfx").write_bytes(b"a certificate that needs a password")
    (tmp_path / "site").mkdir()
    file = tmp_path / "config.toml"
    file.write_text(
        f'[central_path]\npath = "store"\n[journal.source]\npath = "journal.db"\n[site_path.default]\npath = "site"\n'
        f'[site_path.Images]\npath = "{scheme}://box/in"\n[site_path.Images.auth]\n{auth}',
        "utf-8",
    )
    assert has_secrets(load(file, environ={}))
    credential_store.move_tokens(file)
    assert not has_secrets(load(file, environ={}))
    page = ConfigurationPage(Services(session.reader, session.pager, session.settings, None, session.checker))
    qtbot.addWidget(page)
    session.changed.connect(page.render)
    page.resize(1024, 700)
    page.show()
    session.open(file)
    settle(qtbot, session)
    row = page.form.rows[(f"site.{name}", "Images")]
    edit = row.input.editor
    assert isinstance(edit, QLineEdit)
    qtbot.waitUntil(lambda: edit.placeholderText() == f"from {keychain.title()}")
    assert page.form.places["Images"].missing() is None, "Check does not ask for what is in the store"
    session.changed.disconnect(page.render)
    page.hide()


def test_nobody_looks_at_a_certificate_on_the_screens_thread(
    qtbot: QtBot, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its share may be gone.  What is shown of it comes with what is found wrong."""
    (tmp_path / "site.pfx").write_bytes(b"a certificate that needs a password")
    file = tmp_path / "config.toml"
    auth = SECRETS["azure_client_certificate_password"][1].replace('azure_client_certificate_password = "secret"\n', "")
    file.write_text(
        f'[central_path]\npath = "az://box/in"\n[central_path.auth]\n{auth}[journal.source]\npath = "journal.db"\n'
        f'[site_path.default]\npath = "{tmp_path.as_posix()}"\n',
        "utf-8",
    )
    where = set[int]()
    real = configuration.certificate_is_locked
    monkeypatch.setattr(configuration, "certificate_is_locked", lambda *of: (where.add(threading.get_ident()), real(*of))[1])
    page = ConfigurationPage(Services(session.reader, session.pager, session.settings, None, session.checker))
    qtbot.addWidget(page)
    session.changed.connect(page.render)
    page.show()
    session.open(file)
    settle(qtbot, session)
    key = ("central.azure_client_certificate_password", "default")
    page.form.reveal(key)
    qtbot.waitUntil(lambda: page.form.rows[key].has_fallback, timeout=15_000)
    with monkeypatch.context() as screen:
        screen.setattr(Path, "is_file", lambda _: pytest.fail("on the screen's thread"))
        page.form.rows[key].input.edited.emit("another")
        page.form.rows[key].input.edited.emit("")
    assert where
    assert threading.get_ident() not in where
    session.changed.disconnect(page.render)
    page.hide()


def with_certificate(step: SiteStep, modality: str) -> tuple[Field, Callable[[], str]]:
    """Sign in with a certificate: the field of its path, and what the empty field of its password says."""
    step.show()
    step.fold.open()
    place, form = step.places[modality], next(form for form in FORMS if form.kind is PlaceKind.AZURE)
    for box, text in ((place.kinds, form.title), (place.cloud(form).ways, "Certificate (app registration)")):
        box.setCurrentIndex(box.findText(text))
        box.activated.emit(box.currentIndex())

    def hint() -> str:
        edit = step._key_rows[("site.azure_client_certificate_password", modality)].input.editor
        assert isinstance(edit, QLineEdit)
        return edit.placeholderText()

    step._key_rows[("site.azure_client_id", modality)].input.edited.emit("6f1c0000-0000-4000-8000-00000000cccc")
    return step._key_rows[("site.azure_client_certificate_path", modality)].input, hint


@pytest.mark.parametrize("modality", [DEFAULT, "Images"])
def test_the_assistant_says_where_the_password_of_a_certificate_comes_from(
    modality: str, qtbot: QtBot, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the Configuration page: only if the file needs one, and nobody looks at it on the screen's thread."""
    (tmp_path / "site.pfx").write_bytes(b"a certificate that needs a password")
    (tmp_path / "site.pem").write_text("-----BEGIN CERTIFICATE-----")
    where, real = set[int](), configuration.certificate_is_locked
    monkeypatch.setattr(configuration, "certificate_is_locked", lambda *of: (where.add(threading.get_ident()), real(*of))[1])
    step = SiteStep(Services(session.reader, session.pager, session.settings, None, session.checker))
    qtbot.addWidget(step)
    path, hint = with_certificate(step, modality)
    kept = f"from {credential_store.title()}"
    path.edited.emit((tmp_path / "site.pfx").as_posix())
    qtbot.waitUntil(lambda: hint() == kept, timeout=10_000)
    path.edited.emit((tmp_path / "site.pem").as_posix())
    qtbot.waitUntil(lambda: hint() != kept, timeout=10_000)
    assert where
    assert threading.get_ident() not in where


@pytest.mark.parametrize("path", ["full", "relative", "moved"])
@pytest.mark.parametrize("way", ["Next", "Back"])
def test_the_assistant_looks_again_at_a_certificate(
    path: str, way: str, qtbot: QtBot, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be put there later.  A relative path is about the folder of the file that will be saved, and the person can choose another one."""
    monkeypatch.chdir(tmp_path)  # the certificate there is another one
    (tmp_path / "site.pfx").write_bytes(b"a certificate that needs a password")
    dialog, folder = Assistant(Services(session.reader, session.pager, session.settings, None, session.checker)), tmp_path / "site"
    qtbot.addWidget(dialog)
    (folder / "other").mkdir(parents=True)
    dialog.ending.edit.setText(str(folder / "config.toml"))
    dialog.show()
    field, hint = with_certificate(dialog.site, DEFAULT)
    dialog.site._key_rows[("site.path", DEFAULT)].input.edited.emit("az://box/site")
    seen, real = list[object](), dialog.site._show_locked
    monkeypatch.setattr(dialog.site, "_show_locked", lambda outcome: (real(outcome), seen.append(outcome)))
    kept = f"from {credential_store.title()}"
    field.edited.emit((folder / "site.pfx").as_posix() if path == "full" else "site.pfx")
    qtbot.waitUntil(lambda: bool(seen), timeout=10_000)
    assert hint() != kept
    where = folder / "other" if path == "moved" else folder
    dialog.ending.edit.setText(str(where / "config.toml"))
    (where / "site.pfx").write_bytes(b"a certificate that needs a password")
    if way == "Next":
        dialog.next.click()
    else:
        dialog._go_to(1)
        dialog.back.click()
    qtbot.waitUntil(lambda: hint() == kept, timeout=10_000)


@pytest.mark.parametrize("path", ["x" * 300, "a\0b", "missing.pem"])
def test_a_certificate_that_nobody_can_look_at_is_not_locked(tmp_path: Path, path: str) -> None:
    assert not certificate_is_locked(tmp_path / "config.toml", path)
