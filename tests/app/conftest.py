"""A small site, a session of the window, and both faces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from faces import CommandLine, Face, Window, fill
from pytestqt.qtbot import QtBot
from uiworld import a_session
from world import World

from chorus_gui.ui.session import Session


@pytest.fixture
def world(tmp_path: Path) -> World:
    return fill(World(tmp_path / "world"))


@pytest.fixture
def session(qtbot: QtBot, tmp_path: Path) -> Iterator[Session]:
    with a_session(qtbot, tmp_path) as session:
        yield session


@pytest.fixture
def cli(world: World, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(world, capsys)


@pytest.fixture
def window(world: World, qtbot: QtBot, session: Session) -> Window:
    return Window(world, qtbot, session)


@pytest.fixture(params=["cli", "window"])
def face(request: pytest.FixtureRequest) -> Face:
    """The command line, then the window."""
    return request.getfixturevalue(request.param)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that failed is repeated at once."""
    monkeypatch.setattr("chorus_gui.core.storage.retry.RetryPolicy.wait", lambda policy, attempt, retry_after: 0.0)
