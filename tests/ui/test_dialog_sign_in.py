"""The device code on screen: copied, opened, counted down, gone when the job has ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot
from uiworld import settle
from world import World

from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.azure.login import DeviceCode, Login, SignIn
from chorus_gui.ui.dialogs.sign_in import SignInDialog
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session
from chorus_gui.ui.settings import Settings
from chorus_gui.ui.state import JobKind

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CODE = DeviceCode("https://login.example/device", "ABCD1234", NOW + timedelta(minutes=15))


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, world: World) -> Iterator[MainWindow]:
    session = Session(Settings(tmp_path / "window.ini"))
    window = MainWindow(session)
    window.show()
    session.open(world.file)
    settle(qtbot, session)
    yield window
    with qtbot.waitSignal(window.closed, timeout=20_000):
        window._stop()
    window.deleteLater()
    session.deleteLater()


def test_the_code_can_be_copied_and_the_page_opened(qtbot: QtBot) -> None:
    pages: list[str] = []
    dialog = SignInDialog(None, CODE, Clock(), pages.append)
    qtbot.addWidget(dialog)
    dialog.show()
    assert dialog.code.text() == "ABCD1234"
    assert dialog.link.text() == CODE.url
    dialog.copy.click()
    assert QGuiApplication.clipboard().text() == "ABCD1234"
    dialog.open_page.click()
    assert pages == [CODE.url]


def test_it_says_how_long_the_code_lasts_and_when_it_does_not_any_more(qtbot: QtBot) -> None:
    clock = Clock()
    dialog = SignInDialog(None, CODE, clock)
    qtbot.addWidget(dialog)
    assert dialog.left.text() == "The code is valid for 15:00 minutes."
    clock.at = NOW + timedelta(minutes=14, seconds=5)
    dialog.tick()
    assert dialog.left.text() == "The code is valid for 0:55 minutes."
    assert dialog.left.property("grade") == "warning"
    clock.at = CODE.expires
    dialog.tick()
    assert dialog.expired
    assert "expired" in dialog.left.text()
    assert not dialog.copy.isEnabled()
    assert not dialog.open_page.isEnabled()


class Token:
    """A token, as the SDK has them."""

    token, expires_on = "t", 2_000_000_000


class FakeWay:
    """Shows a code, then lets in when the person has signed in."""

    def __init__(self, sign_in: SignIn, release: list[bool]) -> None:
        self.sign_in, self.release = sign_in, release

    def get_token(self, *scopes: str, **_: object) -> Token:
        assert self.sign_in.device_code is not None
        self.sign_in.device_code(CODE)
        return Token()


def test_a_job_that_has_to_sign_in_shows_it_and_takes_it_away(qtbot: QtBot, window: MainWindow) -> None:
    session, release = window.session, list[bool]()
    sign_in = session.login.sign_in
    assert session.login is session.login  # one for the program: what is opened later asks nobody again
    login = Login(sign_in, lambda sign_in: [FakeWay(sign_in, release)])  # type: ignore[list-item]

    def step(ctx: JobContext) -> str:
        token = login.get_token("scope").token
        while not release:
            ctx.sleep(0.01)
        return token

    session.start(JobKind.UPLOAD, "Upload", step)
    qtbot.waitUntil(lambda: bool(window.findChildren(SignInDialog)), timeout=10_000)
    dialog = window.findChildren(SignInDialog)[0]
    assert dialog.isVisible()
    assert dialog.code.text() == "ABCD1234"
    with qtbot.waitSignal(session.ended, timeout=10_000):
        release.append(True)
    qtbot.waitUntil(lambda: not window.findChildren(SignInDialog), timeout=10_000)


def test_closing_it_cancels_nothing(qtbot: QtBot, window: MainWindow) -> None:
    session, release = window.session, list[bool]()

    def step(ctx: JobContext) -> None:
        session.sign_in_wanted.emit(CODE)
        while not release:
            ctx.sleep(0.01)

    session.start(JobKind.UPLOAD, "Upload", step)
    qtbot.waitUntil(lambda: bool(window.findChildren(SignInDialog)), timeout=10_000)
    window.findChildren(SignInDialog)[0].reject()
    assert window.state.running is not None
    with qtbot.waitSignal(session.ended, timeout=10_000):
        release.append(True)
