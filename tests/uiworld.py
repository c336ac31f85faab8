"""Helpers of the window's tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pytestqt.qtbot import QtBot

from chorus_gui.app.demo import make_site, write_config
from chorus_gui.core.job import JobContext
from chorus_gui.ui.intents import Intent
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session
from chorus_gui.ui.settings import Settings


@contextmanager
def a_session(qtbot: QtBot, folder: Path) -> Iterator[Session]:
    """A session with settings in ``folder``; afterwards it is stopped, and its threads have ended."""
    session = Session(Settings(folder / "window.ini"))
    yield session
    with qtbot.waitSignal(session.stopped, timeout=20_000):
        session.stop()
    session.deleteLater()


@contextmanager
def a_window(qtbot: QtBot, session: Session) -> Iterator[MainWindow]:
    """The window of a session, on screen; afterwards its jobs are cancelled, and it is closed.  The session is left to whoever made it."""
    window = MainWindow(session)
    window.show()
    qtbot.waitExposed(window)
    yield window
    session.jobs.cancel_all()
    window.stopped = True
    window.close()
    window.deleteLater()


def demo_site(folder: Path, patients: int = 8) -> Path:
    """The demo's configuration in ``folder``, with its site in riverside/site and a folder as central store."""
    make_site(folder / "riverside" / "site", patients=patients)
    return write_config(folder / "riverside", folder / "central-store", folder / "riverside" / "site")


def settle(qtbot: QtBot, session: Session) -> None:
    """Until no job runs and nothing is being read."""

    def quiet() -> bool:
        state = session.state
        return session.jobs.idle and not state.loading and (state.config is None or state.custody.state is not None)

    for _ in range(2):  # an answer may ask again
        qtbot.waitUntil(quiet, timeout=20_000)
        done: list[None] = []
        for reader in session._readers:  # the look at the cloud among them: custody is part of the state
            reader.ask(session, lambda _: None, lambda _: done.append(None))  # noqa: B023 - called before the loop continues
        qtbot.waitUntil(lambda: len(done) == len(session._readers), timeout=20_000)  # noqa: B023


def run_job(qtbot: QtBot, session: Session, intent: Intent) -> None:
    """Carry out an intent to the end of its job."""
    with qtbot.waitSignal(session.ended, timeout=20_000):
        session.do(intent)
    settle(qtbot, session)


def block(qtbot: QtBot, reader: Reader) -> Callable[[], None]:
    """Keep a reader busy; what lets it continue, and waits until it has answered everything."""
    go, begun = threading.Event(), threading.Event()

    def step(_: JobContext) -> None:
        begun.set()
        go.wait(20)

    reader.ask(reader, step, lambda _: None)
    qtbot.waitUntil(begun.is_set, timeout=10_000)

    def let_go() -> None:
        done: list[None] = []
        reader.ask(reader, lambda _: None, lambda _: done.append(None))
        go.set()
        qtbot.waitUntil(lambda: bool(done), timeout=10_000)

    return let_go
