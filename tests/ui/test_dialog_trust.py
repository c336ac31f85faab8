"""A server that nobody confirmed: the window asks once, and sends nothing before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from azure_server import Server, empty_container
from pytestqt.qtbot import QtBot
from trustworld import configured, named

from chorus_gui.ui import intents
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session
from chorus_gui.ui.settings import Settings
from chorus_gui.ui.widgets.dialogs import ConfirmDialog


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(empty_container)
    yield made
    made.close()


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    session = Session(Settings(tmp_path / "window.ini"))
    window = MainWindow(session)
    window.show()
    yield window
    with qtbot.waitSignal(window.closed, timeout=20_000):
        window._stop()
    window.deleteLater()
    session.deleteLater()


def settle(qtbot: QtBot, session: Session) -> None:
    """Until nothing runs and the journal was looked at: without a confirmation its state stays unknown."""
    qtbot.waitUntil(lambda: session.jobs.idle and not session.state.loading and bool(session.state.custody.text), timeout=20_000)


def asked(window: MainWindow) -> list[ConfirmDialog]:
    return window.findChildren(ConfirmDialog, "trust_dialog")


def test_opening_a_configuration_asks_once(qtbot: QtBot, window: MainWindow, server: Server, tmp_path: Path) -> None:
    file = Path(configured(tmp_path, named(server)))
    window.session.open(file)
    settle(qtbot, window.session)
    (dialog,) = asked(window)
    assert server.seen == []
    assert any("localhost" in text for text in _texts(dialog))
    dialog.yes.click()
    qtbot.waitUntil(lambda: bool(server.seen), timeout=20_000)
    settle(qtbot, window.session)
    window.do(intents.CloseConfig())
    window.session.open(file)
    settle(qtbot, window.session)
    assert asked(window) == []


def test_without_a_confirmation_nothing_is_sent(qtbot: QtBot, window: MainWindow, server: Server, tmp_path: Path) -> None:
    window.session.open(Path(configured(tmp_path, named(server))))
    settle(qtbot, window.session)
    asked(window)[0].reject()
    qtbot.waitUntil(lambda: asked(window) == [], timeout=5_000)
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        window.do(intents.TestConnection())
    assert len(asked(window)) == 1  # again, because the person asked for it
    assert server.seen == []


def _texts(dialog: ConfirmDialog) -> list[str]:
    from PySide6.QtWidgets import QLabel

    return [part.text() for part in dialog.findChildren(QLabel)]
