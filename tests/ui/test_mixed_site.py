"""A site whose modalities come from a folder, from S3, from Azure and from Google Cloud: set up in the assistant, submitted from the window, changed, and submitted again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure_places import sas_place, service
from gcsserver import GcsServer
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit
from pytestqt.qtbot import QtBot
from s3server import KEY_ID, SECRET, S3Server
from uiworld import run_job, settle

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.app.place_kinds import AZURE, GCS, S3
from chorus_gui.core.config.load import load
from chorus_gui.core.config.model import PlaceKind
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.journal.store import Journal
from chorus_gui.ui import intents
from chorus_gui.ui.assistant import Assistant
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session


@pytest.fixture
def waves(azurite: Azurite) -> Iterator[Any]:
    """The SDK's client for a new container, for the test's own hands."""
    with service(azurite) as client, client.create_container(f"waves-{uuid.uuid4().hex[:8]}") as made:
        yield made


class Setup:
    """A person in the assistant."""

    def __init__(self, qtbot: QtBot, assistant: Assistant) -> None:
        self.qtbot, self.assistant, self.step = qtbot, assistant, assistant.site

    def choose(self, box: QComboBox, text: str) -> None:
        box.setFocus()
        at = box.findText(text)
        while box.currentIndex() != at:
            QTest.keyClick(box, Qt.Key.Key_Down if box.currentIndex() < at else Qt.Key.Key_Up)

    def fill(self, name: str, modality: str, text: str) -> None:
        edit = self.step._key_rows[(f"site.{name}", modality)].input.editor
        assert isinstance(edit, QLineEdit)
        edit.selectAll()
        edit.insert(text)

    def check(self, modality: str) -> str:
        place = self.step.places[modality]
        place.check.click()
        self.qtbot.waitUntil(lambda: not place.checking, timeout=20_000)
        return "\n".join(label.text() for label in place._checks.findChildren(QLabel))

    def next(self, to: object) -> None:
        self.qtbot.keyClick(self.assistant, Qt.Key.Key_Return)
        self.qtbot.waitUntil(lambda: self.assistant.step is to or bool(self.assistant.said), timeout=20_000)
        assert self.assistant.step is to, self.assistant.said


def test_a_site_in_four_places(
    qtbot: QtBot, session: Session, s3: S3Server, azurite: Azurite, waves: Any, gcs: GcsServer, tmp_path: Path
) -> None:
    site, store, file, bucket = tmp_path / "site", tmp_path / "store", tmp_path / "own" / "config.toml", s3.bucket()
    store.mkdir()
    (site / "OMOP").mkdir(parents=True)
    (site / "OMOP" / "person.csv").write_text("person_id\n1\n")
    s3.put(bucket, "scans/1001/Images/a.dcm", b"image")
    container = waves.container_name
    waves.upload_blob("1001/Waveforms/a.dat", b"wave")
    in_google = gcs.bucket()
    gcs.put(in_google, "about/Metadata/site.txt", b"about")
    token = sas_place(azurite, container, "rl").credentials.sas
    assert token is not None

    window = MainWindow(session)
    qtbot.addWidget(window)
    window.show()
    session.do(intents.ShowPage("configuration", "assistant"))
    qtbot.waitUntil(lambda: bool(window.findChildren(Assistant)))
    assistant = window.findChildren(Assistant)[0]
    person = Setup(qtbot, assistant)
    assistant.site.folder.edit.setText(str(site))
    assistant.site.fold.open()
    images, waveforms = assistant.site.places["Images"], assistant.site.places["Waveforms"]
    person.choose(images.kinds, "Amazon S3")
    person.fill("path", "Images", f"{bucket}/scans")
    person.choose(images.cloud(S3).ways, "Access key")
    person.fill("aws_access_key_id", "Images", KEY_ID)
    person.fill("aws_secret_access_key", "Images", SECRET)
    images.cloud(S3).fold.open()
    person.fill("aws_endpoint_url", "Images", s3.url)
    assert "1 of 1 file matches the pattern of Images." in person.check("Images")
    person.choose(waveforms.kinds, "Azure")
    person.fill("path", "Waveforms", container)
    person.fill("azure_account_name", "Waveforms", azurite.account)
    person.choose(waveforms.cloud(AZURE).ways, "SAS token")
    person.fill("azure_sas_token", "Waveforms", token.token.reveal())
    waveforms.cloud(AZURE).fold.open()
    person.fill("azure_account_url", "Waveforms", azurite.url)
    assert "1 of 1 file matches the pattern of Waveforms." in person.check("Waveforms")
    metadata = assistant.site.places["Metadata"]
    person.choose(metadata.kinds, "Google Cloud")
    person.fill("path", "Metadata", f"{in_google}/about")
    person.choose(metadata.cloud(GCS).ways, "Credentials file")
    person.fill("google_credentials_file", "Metadata", Path(gcs.keys.file).as_posix())
    metadata.cloud(GCS).fold.open()
    person.fill("google_endpoint_url", "Metadata", gcs.url)
    assert "1 of 1 file matches the pattern of Metadata." in person.check("Metadata")
    assert SECRET not in "".join(label.text() for label in assistant.findChildren(QLabel))

    person.next(assistant.store)
    assistant.store.local.setFocus()
    QTest.keyClick(assistant.store.local, Qt.Key.Key_Space)
    assistant.store.folder.edit.setText(str(store))
    person.next(assistant.connection)
    qtbot.waitUntil(assistant.next.isEnabled, timeout=20_000)
    assert not assistant.connection.bad
    person.next(assistant.preview)
    qtbot.waitUntil(lambda: assistant.preview.model.rowCount() == 4, timeout=20_000)
    person.next(assistant.ending)
    assert f"Images:  s3://{bucket}/scans" in assistant.ending.summary.text()
    assistant.ending.edit.setText(str(file))
    qtbot.keyClick(assistant, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.state.config is not None, timeout=20_000)
    settle(qtbot, session)
    config = load(file, environ={})
    assert [config.sites[name].place.kind for name in ("OMOP", "Images", "Waveforms", "Metadata")] == [
        PlaceKind.FOLDER,
        PlaceKind.S3,
        PlaceKind.AZURE,
        PlaceKind.GCS,
    ]
    assert "# " in file.read_text("utf-8"), "the template's explanations are there"

    submitted(qtbot, session, "v1")
    assert blobs(store, "v1") == {
        "OMOP/person.csv": b"person_id\n1\n",
        "1001/Images/a.dcm": b"image",
        "1001/Waveforms/a.dat": b"wave",
        "Metadata/site.txt": b"about",
    }

    gcs.put(in_google, "about/Metadata/site.txt", b"more about")
    s3.put(bucket, "scans/1001/Images/a.dcm", b"another image")
    s3.put(bucket, "scans/1002/Images/b.dcm", b"new")
    waves.upload_blob("1002/Waveforms/b.dat", b"new wave")
    submitted(qtbot, session, "v2")
    assert blobs(store, "v2") == {
        "1001/Images/a.dcm": b"another image",
        "1002/Images/b.dcm": b"new",
        "1002/Waveforms/b.dat": b"new wave",
        "Metadata/site.txt": b"more about",
    }
    with Journal.open(config.journal.local, readonly=True) as journal:
        rows = {row.path: (row.version, bool(row.uploaded)) for row in journal.rows(active=True)}
    assert rows == {
        "OMOP/person.csv": ("v1", True),
        "1001/Images/a.dcm": ("v2", True),
        "1002/Images/b.dcm": ("v2", True),
        "1001/Waveforms/a.dat": ("v1", True),
        "1002/Waveforms/b.dat": ("v2", True),
        "Metadata/site.txt": ("v2", True),
    }
    run_job(qtbot, session, intents.Verify(reread=True))
    assert session.state.last is not None
    assert session.state.last.outcome is OutcomeKind.DONE, session.state.last.text
    assert SECRET not in "".join(message.text for message in session.state.messages)
    window.close()
    qtbot.waitUntil(lambda: session.jobs.idle)


def submitted(qtbot: QtBot, session: Session, version: str) -> None:
    run_job(qtbot, session, intents.Scan())
    review = session.state.review
    assert review is not None
    run_job(qtbot, session, intents.Approve(review.revision, version))
    last = session.state.last
    assert last is not None
    assert last.outcome is OutcomeKind.DONE, last.text


def blobs(store: Path, version: str) -> dict[str, bytes]:
    """What a version has, without the journal's copy and the marker."""
    found = {path.relative_to(store / version).as_posix(): path.read_bytes() for path in (store / version).rglob("*") if path.is_file()}
    return {path: data for path, data in found.items() if "/" in path}
