"""A session on a made-up world; it is stopped, and its threads have ended, when the test ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from uiworld import settle
from world import World

from chorus_gui.ui.session import Session
from chorus_gui.ui.settings import Settings


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "world")
    world.put("OMOP/person.csv", "person_id\n1\n")
    world.put("1001/Images/a.dcm", "image")
    world.put("1001/Waveforms/a.dat", "wave")
    world.put("1002/Images/b.dcm", "other image")
    return world


@pytest.fixture
def session(qtbot: QtBot, tmp_path: Path) -> Iterator[Session]:
    session = Session(Settings(tmp_path / "window.ini"))
    yield session
    with qtbot.waitSignal(session.stopped, timeout=20_000):
        session.stop()
    session.deleteLater()


@pytest.fixture
def opened(qtbot: QtBot, session: Session, world: World) -> Session:
    """The world is open, and everything about it was read."""
    session.open(world.file)
    settle(qtbot, session)
    return session
