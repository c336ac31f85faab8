"""A session on a made-up world; it is stopped, and its threads have ended, when the test ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from uiworld import a_session, settle
from world import World

from chorus_gui.ui.session import Session


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
    with a_session(qtbot, tmp_path) as session:
        yield session


@pytest.fixture
def opened(qtbot: QtBot, session: Session, world: World) -> Session:
    """The world is open, and everything about it was read."""
    session.open(world.file)
    settle(qtbot, session)
    return session
