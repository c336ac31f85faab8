"""A session on a made-up world; it is stopped, and its threads have ended, when the test ends."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent
from pytestqt.qtbot import QtBot
from uiworld import a_session, settle
from world import World

from chorus_gui.ui import jobs
from chorus_gui.ui.session import Session


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: Any) -> Generator[None, object, object]:
    """A dialog deletes itself when it closes.  pytest-qt would close it a second time, if Python has not yet forgotten it."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    if hasattr(item, "qt_widgets"):
        item.qt_widgets = [(found, before) for found, before in item.qt_widgets if (widget := found()) is None or shiboken6.isValid(widget)]
    return (yield)


@pytest.fixture(autouse=True)
def lines_of_threads_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coverage asks Python for each new thread, and Python does not start the threads of Qt."""
    trace = threading.gettrace()
    if trace is None:
        return
    for kind in (jobs._JobThread, jobs.Reader):

        def run(self: Any, real: Any = kind.run) -> None:
            sys.settrace(trace)
            real(self)

        monkeypatch.setattr(kind, "run", run)


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
