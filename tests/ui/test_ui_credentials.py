"""The window moves SAS tokens out of the configuration file, and says where they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from keyringworld import MemoryKeyring, using
from pytestqt.qtbot import QtBot
from uiworld import settle

from chorus_gui.core.config import keychain
from chorus_gui.core.config.credentials import Origin, Sas
from chorus_gui.core.config.load import load
from chorus_gui.ui.main_window import MainWindow
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
