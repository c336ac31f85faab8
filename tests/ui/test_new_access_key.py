"""A temporary AWS access key that expires during an upload: the run waits, the window asks for another one, and the run continues."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from expiring_bucket import FILES, Bucket
from keyringworld import MemoryKeyring, using
from PySide6.QtWidgets import QLabel, QLineEdit
from pytestqt.qtbot import QtBot
from uiworld import settle
from world import World

from chorus_gui.app.credential_store import move_tokens
from chorus_gui.core.config.credentials import AccessKey, AwsKeys, Origin, Secret
from chorus_gui.core.config.load import load
from chorus_gui.core.job import OutcomeKind
from chorus_gui.ui import intents
from chorus_gui.ui.dialogs.renew import AccessKeyEdit, RenewDialog
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session

SECRET, TOKEN = "freshSECRETfreshSECRET", "freshTOKENfreshTOKEN=="
COPIED = f'export AWS_ACCESS_KEY_ID="NEW"\nexport AWS_SECRET_ACCESS_KEY="{SECRET}"\nexport AWS_SESSION_TOKEN="{TOKEN}"\n'
NEW = AccessKey("NEW", SECRET, TOKEN)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chorus_gui.app.workspace.SECONDS_PER_MINUTE", 60.0)
    monkeypatch.setattr("chorus_gui.core.storage.renewal.LOOK_S", 0.2)
    monkeypatch.setattr("chorus_gui.core.storage.renewal.TEST_S", 0.5)


@pytest.fixture
def store() -> Iterator[MemoryKeyring]:
    yield from using(MemoryKeyring())


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    made = Bucket(3)
    yield made
    made.server.close()


@pytest.mark.parametrize("kept", [False, True], ids=["file", "store"])
def test_the_window_asks_for_another_key_and_the_run_continues(
    bucket: Bucket, qtbot: QtBot, session: Session, tmp_path: Path, store: MemoryKeyring, kept: bool
) -> None:
    keys = (
        '[site_path.Images.auth]\naws_access_key_id = "OLD"\naws_secret_access_key = "S"\naws_session_token = "T"\n'
        f'aws_endpoint_url = "{bucket.server.url}"\n'
    )
    world = World(tmp_path / "world", more=f'[site_path.Images]\npath = "s3://box/p"\n{keys}')
    world.put("OMOP/person.csv", "id")
    if kept:
        move_tokens(world.file)
        assert store.kept == {"aws/OLD": "S", "aws/OLD/session": "T"}
    window = MainWindow(session)
    qtbot.addWidget(window)
    session.open(world.file)
    settle(qtbot, session)
    session.do(intents.Scan())
    settle(qtbot, session)
    ended: list[Any] = []
    session.ended.connect(ended.append)
    review = session.state.review
    assert review is not None
    session.do(intents.Approve(review.revision, "v1"))
    qtbot.waitUntil(lambda: bool(window.findChildren(RenewDialog)), timeout=60_000)
    dialog = window.findChildren(RenewDialog)[0]
    edit = dialog.findChild(AccessKeyEdit)
    assert isinstance(edit, AccessKeyEdit)
    assert "New access key for the site (Images)" in dialog.windowTitle()
    assert not dialog.use.isEnabled()
    edit.key_id.insert(COPIED)  # all of it, into the first field
    assert edit.key_id.text() == "NEW"
    assert edit.session.edit.echoMode() is QLineEdit.EchoMode.Password
    assert SECRET not in "".join(label.text() for label in dialog.findChildren(QLabel))
    qtbot.waitUntil(dialog.use.isEnabled)
    dialog.use.click()
    qtbot.waitUntil(lambda: any(end.title.startswith("Submit") for end in ended), timeout=60_000)
    settle(qtbot, session)
    assert [end.outcome for end in ended] == [OutcomeKind.DONE] * len(ended), [end.text for end in ended]
    assert {path for path, row in world.active().items() if row.uploaded} == {"OMOP/person.csv", *FILES}
    found = load(world.file, environ={}).sites["Images"].place.credentials
    assert found == AwsKeys("NEW", Secret(SECRET), Secret(TOKEN))
    assert isinstance(found, AwsKeys)
    assert found.origin is (Origin.STORE if kept else Origin.FILE)
    assert (SECRET in world.file.read_text("utf-8")) is not kept
    assert store.kept == ({"aws/NEW": SECRET, "aws/NEW/session": TOKEN} if kept else {})
    world.check_truth()
    window.close()
    qtbot.waitUntil(lambda: session.jobs.idle)


@pytest.mark.parametrize(
    "text",
    [
        COPIED,
        f"[123_role]\naws_access_key_id=NEW\naws_secret_access_key={SECRET}\naws_session_token={TOKEN}",
        f'{{"Credentials": {{"AccessKeyId": "NEW", "SecretAccessKey": "{SECRET}", "SessionToken": "{TOKEN}", "Expiration": "2026-01-01"}}}}',
        f'$Env:AWS_ACCESS_KEY_ID="NEW"\r\n$Env:AWS_SECRET_ACCESS_KEY="{SECRET}"\r\n$Env:AWS_SESSION_TOKEN="{TOKEN}"',
        f"SET AWS_ACCESS_KEY_ID=NEW SET AWS_SECRET_ACCESS_KEY={SECRET} SET AWS_SESSION_TOKEN={TOKEN}",
    ],
    ids=["shell", "credentials", "json", "PowerShell", "cmd, in one line"],
)
def test_what_aws_shows_can_be_pasted_as_it_is(qtbot: QtBot, text: str) -> None:
    edit = AccessKeyEdit(AwsKeys("OLD", Secret("S"), Secret("T")))
    qtbot.addWidget(edit)
    for field in (edit.key_id, edit.secret.edit, edit.session.edit):
        field.clear()
        field.insert(text)
        assert edit.value() == NEW


def test_a_temporary_key_needs_all_three_parts(qtbot: QtBot) -> None:
    edit = AccessKeyEdit(AwsKeys("OLD", Secret("S"), Secret("T")))
    qtbot.addWidget(edit)
    edit.key_id.insert("NEW")
    edit.secret.edit.insert(SECRET)
    assert edit.value() is None
    edit.session.edit.insert(TOKEN)
    assert edit.value() == NEW
    lasting = AccessKeyEdit(AwsKeys("OLD", Secret("S")))
    qtbot.addWidget(lasting)
    lasting.key_id.insert("NEW")
    lasting.secret.edit.insert(SECRET)
    assert lasting.value() == AccessKey("NEW", SECRET)
    assert SECRET not in repr(intents.RenewCredential("Images", lasting.value()))


def test_an_hmac_key_of_google_has_two_parts(bucket: Bucket, qtbot: QtBot, session: Session, tmp_path: Path, store: MemoryKeyring) -> None:
    """It is asked for in the middle of an upload, as an access key of AWS is."""
    keys = f'google_hmac_access_id = "OLD"\ngoogle_hmac_secret = "S"\ngoogle_endpoint_url = "{bucket.server.url}"\n'
    world = World(tmp_path / "world", more=f'[site_path.Images]\npath = "gs://box/p"\n[site_path.Images.auth]\n{keys}')
    world.put("OMOP/person.csv", "id")
    move_tokens(world.file)
    assert store.kept == {"google/OLD": "S"}
    window = MainWindow(session)
    qtbot.addWidget(window)
    session.open(world.file)
    settle(qtbot, session)
    session.do(intents.Scan())
    settle(qtbot, session)
    review = session.state.review
    assert review is not None
    session.do(intents.Approve(review.revision, "v1"))
    qtbot.waitUntil(lambda: bool(window.findChildren(RenewDialog)), timeout=60_000)
    dialog = window.findChildren(RenewDialog)[0]
    edit = dialog.findChild(AccessKeyEdit)
    assert isinstance(edit, AccessKeyEdit)
    assert "New HMAC key for the site (Images)" in dialog.windowTitle()
    assert edit.session.isHidden() or not edit.session.isVisibleTo(edit)
    assert not any("AWS" in label.text() for label in edit.findChildren(QLabel) if label.isVisibleTo(edit))
    edit.key_id.insert("NEW")
    edit.secret.edit.insert(SECRET)
    qtbot.waitUntil(dialog.use.isEnabled)
    dialog.use.click()
    settle(qtbot, session)
    assert {path for path, row in world.active().items() if row.uploaded} == {"OMOP/person.csv", *FILES}
    assert store.kept == {"google/NEW": SECRET}
    world.check_truth()
    window.close()
    qtbot.waitUntil(lambda: session.jobs.idle)
