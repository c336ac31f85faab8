"""No credential is in a cell, a tooltip, a copied text, an accessible name, a title or a menu: on no page and in no dialog."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import tomli_w
from everydialog import EveryDialog
from PySide6.QtCore import QAbstractItemModel, QAbstractListModel, QModelIndex, Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QAbstractItemView, QApplication, QComboBox, QLabel, QPushButton, QTableView, QTabWidget, QTreeView, QWidget
from pytestqt.qtbot import QtBot
from uiworld import a_session, a_window, demo_site, run_job, settle

from chorus_gui.ui import intents
from chorus_gui.ui.main_window import PAGES, MainWindow
from chorus_gui.ui.pages.configuration import ConfigurationPage
from chorus_gui.ui.session import Session
from chorus_gui.ui.widgets.copying import copier_of
from chorus_gui.ui.widgets.fold import Fold

MARK = "TOPSECRET"
SAS = f"sv=2022-11-02&se=2099-12-04T13:00:00Z&sr=c&sp=racwdl&sig={MARK}AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D"
KEY = f"{MARK}" + "A" * 77 + "=="
ROLES = (
    Qt.ItemDataRole.DisplayRole,
    Qt.ItemDataRole.ToolTipRole,
    Qt.ItemDataRole.StatusTipRole,
    Qt.ItemDataRole.WhatsThisRole,
    Qt.ItemDataRole.AccessibleTextRole,
    Qt.ItemDataRole.AccessibleDescriptionRole,
)
CONNECTION = f"DefaultEndpointsProtocol=https;AccountName=riverside;AccountKey={KEY};EndpointSuffix=core.windows.net"
CERTIFICATE = {"auth_mode": "certificate", "azure_account_name": "riverside", "azure_tenant_id": "t", "azure_client_id": "c"}
WAYS: tuple[tuple[str, dict[str, str]], ...] = (
    ("az://riverside/chorus", {"azure_account_name": "riverside", "azure_sas_token": SAS}),
    ("az://riverside/chorus", {"azure_account_name": "riverside", "azure_account_key": KEY}),
    ("az://riverside/chorus", {"azure_connection_string": CONNECTION}),
    ("az://riverside/chorus", {**CERTIFICATE, "azure_client_certificate_password": f"{MARK}certificate"}),
    (
        "s3://riverside/chorus",
        {"aws_access_key_id": "AKIAEX", "aws_secret_access_key": f"{MARK}aws", "aws_session_token": f"{MARK}session"},
    ),
    ("gs://riverside/chorus", {"google_hmac_access_id": "GOOGEX", "google_hmac_secret": f"{MARK}hmac"}),
)
"""Of every kind of place, with every secret key"""


def full_of_secrets(file: Path) -> str:
    """The configuration with a place of the site for each way to sign in, a cloud journal and a mail server."""
    found = tomllib.loads(file.read_text("utf-8"))
    found["central_path"] = {"path": WAYS[0][0], "auth": WAYS[0][1]}
    places = dict(zip(("OMOP", "Images", "Waveforms", "Metadata"), (WAYS[4], WAYS[5], WAYS[1], WAYS[2]), strict=True))
    for modality, (path, auth) in places.items():
        found["site_path"][modality] = {"path": path, "auth": auth}
    found["journal"]["source"] = {"path": "az://journals/journal.db", "auth": WAYS[2][1]}
    found["report"] = {"smtp_host": "localhost", "smtp_user": "riverside", "smtp_password": f"{MARK}mail"}
    return tomli_w.dumps(found)


def cells(model: QAbstractItemModel, parent: QModelIndex | None = None, depth: int = 3) -> Iterator[str]:
    """What a table or tree says, in every role that a person or a screen reader gets."""
    parent = parent or QModelIndex()
    for row in range(min(model.rowCount(parent), 300)):
        for column in range(1 if isinstance(model, QAbstractListModel) else model.columnCount(parent)):
            index = model.index(row, column, parent)
            for role in ROLES:
                yield str(index.data(role) or "")
            if depth and column == 0:
                yield from cells(model, index, depth - 1)


def said(root: QWidget) -> Iterator[tuple[str, str]]:
    """(where, text) of everything below a widget, but for what is typed into a field that hides it."""
    for one in (root, *root.findChildren(QWidget)):
        where = f"{type(one).__name__} {one.objectName()}"
        texts = (one.toolTip(), one.statusTip(), one.whatsThis(), one.accessibleName(), one.accessibleDescription(), one.windowTitle())
        yield from (("words of " + where, text) for text in texts)
        if isinstance(one, QLabel | QPushButton):
            yield where, one.text()
        if isinstance(one, QComboBox):
            yield from ((where, one.itemText(number)) for number in range(one.count()))
        if isinstance(one, QAbstractItemView) and one.model() is not None:
            yield from ((where, text) for text in cells(one.model()))
        if isinstance(one, QTableView | QTreeView) and one.model() is not None:
            one.selectAll()
            copier_of(one).copy(headings=True)
            yield "copied from " + where, QGuiApplication.clipboard().text()
    for action in root.findChildren(QAction):
        yield "action", f"{action.text()} {action.toolTip()} {action.statusTip()}"


def shown_secrets(root: QWidget) -> list[tuple[str, str]]:
    QApplication.processEvents()
    return [(where, text) for where, text in said(root) if MARK in text]


def shown_on_pages(window: MainWindow) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for entry in PAGES:
        window.show_page(entry.name)
        page = window.page(entry.name)
        assert page is not None
        for fold in page.findChildren(Fold):
            fold.open()
        for tabs in page.findChildren(QTabWidget):
            for number in range(tabs.count()):
                tabs.setCurrentIndex(number)
                found[f"{entry.name} {tabs.tabText(number)}"] = shown_secrets(window)
        found[entry.name] = shown_secrets(window)
    return {place: texts for place, texts in found.items() if texts}


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    with a_session(qtbot, tmp_path) as session, a_window(qtbot, session) as window:
        yield window


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return demo_site(tmp_path, 4)


def test_it_finds_a_secret(qtbot: QtBot) -> None:
    window, name, tip = QWidget(), QPushButton("Copy", None), QLabel("x")
    qtbot.addWidget(window)
    for one in (name, tip):
        one.setParent(window)
    assert not shown_secrets(window)
    name.setAccessibleName(SAS)
    tip.setToolTip(KEY)
    assert len(shown_secrets(window)) == 2


def calm(qtbot: QtBot, session: Session) -> None:
    """Until everything is read; a store that cannot be reached is an answer, too."""
    qtbot.waitUntil(lambda: session.jobs.idle and not session.state.loading, timeout=60_000)
    qtbot.waitUntil(lambda: session.state.config is None or bool(session.state.custody.text), timeout=60_000)


def test_no_page_shows_a_credential(qtbot: QtBot, window: MainWindow, file: Path) -> None:
    """Of all clouds, also when a job fails, when the configuration is edited, and when a key is in a wrong place or misspelled."""
    text = full_of_secrets(file)
    session = window.session
    for number, content in enumerate((text, text.replace("azure_sas_token", "azure_sas_tokn"), text.replace("[report]", "[rapport]"))):
        site = file.with_name(f"config{number}.toml")
        site.write_text(content, "utf-8")
        window.do(intents.OpenConfig(site))
        calm(qtbot, session)
        for box in [one for one in QApplication.topLevelWidgets() if one is not window and one.isVisible()]:
            assert not shown_secrets(box)
            box.close()
        assert not shown_on_pages(window), number
        assert number or session.state.config is not None, session.state.faults
        page = window.page("configuration")
        assert isinstance(page, ConfigurationPage)
        page.text.edited.emit(content.replace('"full"', '"ful"'))
        page._check()
        calm(qtbot, session)
        assert not shown_on_pages(window), number
        page.reload()
        calm(qtbot, session)
        if not number:
            for intent in (intents.TestConnection(), intents.Examine()):
                with qtbot.waitSignal(session.ended, timeout=60_000):
                    session.do(intent)
                calm(qtbot, session)
    assert not shown_on_pages(window)
    session.show_message(f"Could not open https://riverside.blob.core.windows.net/box?{SAS}")
    assert not shown_on_pages(window)


def test_no_dialog_shows_a_credential(qtbot: QtBot, window: MainWindow, file: Path) -> None:
    found = tomllib.loads(file.read_text("utf-8"))
    found["central_path"]["auth"] = {"azure_account_name": "riverside", "azure_sas_token": SAS}
    found["site_path"]["Images"]["auth"] = WAYS[4][1]
    file.write_text(tomli_w.dumps(found), "utf-8")
    window.do(intents.OpenConfig(file))
    settle(qtbot, window.session)
    assert window.state.config is not None, window.state.config_error
    every = EveryDialog(window, file.parent / "site", partial(run_job, qtbot, window.session), partial(qtbot.waitUntil, timeout=20_000))
    for name, dialog in every.all():
        dialog.show()
        assert not shown_secrets(dialog), name
        dialog.done(0)
