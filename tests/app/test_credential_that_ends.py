"""A SAS token ends in the middle of a command on a real blob service: another one is found where the old one was, by both faces."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure_places import service
from faces import CommandLine, fill
from pytestqt.qtbot import QtBot
from uiworld import settle
from world import World

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.app.status import Status
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.storage.azure.authorise import BySas, Request
from chorus_gui.ui import intents
from chorus_gui.ui.dialogs.renew import RenewDialog
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session

FILES = 24


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the program waits, not as the other tests do."""
    monkeypatch.setattr("chorus_gui.app.workspace.SECONDS_PER_MINUTE", 60.0)


class Cloud:
    """A site whose central store is a container in Azurite, with a token that ends after some files."""

    def __init__(self, base: Path, azurite: Azurite, monkeypatch: pytest.MonkeyPatch, *, journal: bool = True) -> None:
        self.azurite = azurite
        self.world = fill(World(base))
        for number in range(FILES):
            self.world.put(f"1005/Images/{number:02}.dcm", f"image {number}")
        self.container = f"ends-{os.urandom(6).hex()}"
        with service(azurite) as client:
            client.create_container(self.container)
        self.used: list[str] = []
        """the signatures of the requests, in their order"""
        self.configure(self.token(hours=1.0), journal=journal)
        real = BySas.sign

        def sign(by: BySas, request: Request) -> str:
            target = real(by, request)
            self.used.append(parse_qs(urlsplit(target).query).get("sig", [""])[0])
            return target

        monkeypatch.setattr(BySas, "sign", sign)

    def token(self, *, hours: float = 0.0, seconds: float = 0.0) -> str:
        from azure.storage.blob import ContainerSasPermissions, generate_container_sas

        now = datetime.now(UTC)
        return generate_container_sas(
            self.azurite.account,
            self.container,
            account_key=self.azurite.key,
            permission=ContainerSasPermissions.from_string("racwdl"),
            start=now - timedelta(hours=2),
            expiry=now + timedelta(hours=hours, seconds=seconds),
        )

    def configure(self, token: str, *, journal: bool) -> None:
        auth = (
            f'azure_account_name = "{self.azurite.account}"\nazure_account_url = "{self.azurite.url}"\n'
            f'auth_mode = "sas"\nazure_sas_token = "{token}" # from the central team\n'
        )
        text = self.world.file.read_text("utf-8").partition("[central_path]")[0]
        text += f'[central_path]\npath = "az://{self.container}/"\n[central_path.auth]\n{auth}'
        text += f'[site_path.default]\npath = "{self.world.site.as_posix()}"\n'
        text += f'[journal.source]\npath = "az://{self.container}/journal.db"\n[journal.source.auth]\n{auth}' if journal else ""
        self.world.file.write_text(text, "utf-8")

    def swap(self, token: str) -> None:
        """Another token in the file, as a person saves it."""
        lines = self.world.file.read_text("utf-8").splitlines(keepends=True)
        new = [f'azure_sas_token = "{token}"\n' if line.startswith("azure_sas_token") else line for line in lines]
        self.world.file.write_text("".join(new), "utf-8")


@pytest.fixture
def cloud(tmp_path: Path, azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    return Cloud(tmp_path / "cloud", azurite, monkeypatch)


def ends_after(monkeypatch: pytest.MonkeyPatch, ends: float, method: str, calls: int, then: Callable[[], None]) -> None:
    """The request number ``calls`` begins when the token has ended; then somebody does something about it."""
    real, lock, count = BySas.sign, threading.Lock(), [0]

    def sign(by: BySas, request: Request) -> str:
        with lock:
            count[0] += request.method == method and "/Images/" in request.path
            if count[0] == calls:
                count[0] += 1
                time.sleep(max(0.0, ends - time.time()) + 1.1)  # a token counts whole seconds
                threading.Timer(1.0, then).start()
        return real(by, request)

    monkeypatch.setattr(BySas, "sign", sign)


def signature(token: str) -> str:
    return parse_qs(token)["sig"][0]


@pytest.mark.parametrize(("words", "method", "calls"), [("submit --yes --version v1", "PUT", 9), ("file verify --all --reread", "GET", 9)])
def test_the_command_line_finds_another_token_in_the_file(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: str, method: str, calls: int
) -> None:
    cli = CommandLine(cloud.world, capsys)
    if words.startswith("file verify"):
        assert cli.run("submit --yes --version v1").status == Status.DONE
    short, fresh = cloud.token(seconds=5), cloud.token(hours=1.0)
    cloud.swap(short)
    ends_after(monkeypatch, time.time() + 5, method, calls, lambda: cloud.swap(fresh))
    cloud.used.clear()
    ended = cli.run(words)
    assert ended.status == Status.DONE, ended.said
    assert "has refused the credential since" in ended.said
    assert "Trying again until" in ended.said
    assert set(cloud.used) == {signature(short), signature(fresh)}
    assert signature(short) not in cloud.used[cloud.used.index(signature(fresh)) + 12 :], "of no thread, of no step"
    assert cli.run("file verify --all").status == Status.DONE
    assert short not in ended.said + ended.out


def test_without_another_token_it_stops_with_status_3_and_the_next_command_continues(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cli = CommandLine(cloud.world, capsys)
    short = cloud.token(seconds=5)
    cloud.swap(short)
    monkeypatch.setattr("chorus_gui.app.workspace.SECONDS_PER_MINUTE", 0.2)  # three seconds for fifteen minutes
    with monkeypatch.context() as patch:
        ends_after(patch, time.time() + 5, "PUT", 9, lambda: None)
        ended = cli.run("submit --yes --version v1")
    assert ended.status == Status.STOPPED, ended.said
    assert "for another credential" in ended.said
    assert "config.toml" in ended.said
    cloud.swap(cloud.token(hours=1.0))
    assert cli.run("submit --yes --version v1").status == Status.DONE
    assert cli.run("file verify --all").status == Status.DONE


def test_a_token_that_has_ended_before_the_command_is_an_error_at_once(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    cli = CommandLine(cloud.world, capsys)
    cloud.swap(cloud.token(seconds=-60))
    began = time.monotonic()
    ended = cli.run("submit --yes --version v1")
    assert ended.status == Status.NOT_STARTED, ended.said
    assert time.monotonic() - began < 20
    assert "expired" in ended.said


def test_the_window_asks_for_another_token_and_continues(
    cloud: Cloud, qtbot: QtBot, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = MainWindow(session)
    qtbot.addWidget(window)
    session.open(cloud.world.file)
    settle(qtbot, session)
    for intent in (intents.CheckOut(), intents.Scan()):
        session.do(intent)
        settle(qtbot, session)
    short, fresh = cloud.token(seconds=6), cloud.token(hours=1.0)
    cloud.swap(short)
    session.open(cloud.world.file)
    settle(qtbot, session)
    ends_after(monkeypatch, time.time() + 6, "PUT", 9, lambda: None)
    ended: list[Any] = []
    session.ended.connect(ended.append)
    review = session.state.review
    assert review is not None
    session.do(intents.Approve(review.revision, "v1"))
    qtbot.waitUntil(lambda: bool(window.findChildren(RenewDialog)), timeout=30_000)
    dialog = window.findChildren(RenewDialog)[0]
    assert window.waiting.shown is not None
    assert "has refused the credential since" in dialog.text.text()
    assert not dialog.use.isEnabled()
    dialog.secret.edit.setText("not a token")
    dialog.secret.edited.emit("not a token")
    assert not dialog.use.isEnabled()
    dialog.secret.edit.setText(f"?{fresh}")
    dialog.secret.edited.emit(f"?{fresh}")
    assert dialog.use.isEnabled()
    dialog.use.click()
    qtbot.waitUntil(lambda: any(end.title.startswith("Submit") for end in ended), timeout=60_000)
    settle(qtbot, session)
    assert [end.outcome for end in ended] == [OutcomeKind.DONE] * len(ended), [end.text for end in ended]
    assert window.waiting.shown is None
    text = cloud.world.file.read_text("utf-8")
    assert text.count(fresh) == 2, "the journal had the same token"
    assert short not in text
    assert signature(fresh) == cloud.used[-1]
    window.close()
