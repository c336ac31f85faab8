"""What was begun for one site is not shown for another one, and not done to it: another configuration can be open when it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from uiworld import a_window, block, run_job, settle
from world import World

from chorus_gui.core.errors import Why
from chorus_gui.core.job import JobContext
from chorus_gui.core.waiting import Waiting
from chorus_gui.ui import intents
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.models.tree import TreeModel
from chorus_gui.ui.pages import Page
from chorus_gui.ui.pages.history import HistoryPage
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import JobKind

PAGES = ("overview", "configuration", "readiness", "review", "upload", "verify", "history", "doctor", "log")


@pytest.fixture
def other(tmp_path: Path) -> World:
    return World(tmp_path / "other")


@pytest.fixture
def window(qtbot: QtBot, session: Session) -> Iterator[MainWindow]:
    with a_window(qtbot, session) as window:
        yield window


# --- an answer that comes late ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("another", ["configuration", "journal", "none"])
def test_no_page_gets_an_answer_about_the_site_that_was_open_before(
    another: str, qtbot: QtBot, window: MainWindow, world: World, other: World
) -> None:
    """Such an answer could filter the list of the other site, or ask to undo a version of it."""
    session = window.session
    session.open(world.file)
    settle(qtbot, session)
    told = list[str]()
    readers = {"reader": session.reader, "pager": session.pager, "checker": session.checker}
    held = [block(qtbot, reader) for reader in readers.values()]
    for name in PAGES:
        page = window.page(name)
        assert isinstance(page, Page)
        for which, reader in readers.items():
            reader.ask(page, lambda _: None, lambda _, name=name, which=which: told.append(f"{name}: {which}"), channel="late")
    if another == "configuration":
        session.open(other.file)
    elif another == "none":
        session.do(intents.CloseConfig())
    else:
        world.file.write_text(world.file.read_text("utf-8").replace("journal.db", "another.db"), "utf-8")
        session.do(intents.Refresh())
    for let_go in held:
        let_go()
    assert told == []


def test_a_scan_of_another_site_is_not_started(qtbot: QtBot, window: MainWindow, world: World, other: World) -> None:
    """A scan waits until nobody reads the list of changes: it would then look like one of the site that was opened since."""
    session = window.session
    session.open(world.file)
    settle(qtbot, session)
    let_go = block(qtbot, session.reader)
    session.do(intents.Scan())
    session.open(other.file)
    let_go()
    settle(qtbot, session)
    assert not [message for message in session.state.messages if message.text.startswith("Scan")]


def test_a_hidden_tree_takes_no_answer_about_another_site(qtbot: QtBot, session: Session, tmp_path: Path) -> None:
    model = TreeModel(session.reader)
    model.wake(awake=True)
    answered = list[int]()
    model.answered.connect(answered.append)
    let_go = block(qtbot, session.reader)
    model.show_review((tmp_path / "one.db", 1))
    model.wake(awake=False)
    model.show_review((tmp_path / "other.db", 2))
    let_go()
    assert answered == []


def test_the_unattended_runs_of_another_site_are_not_shown(qtbot: QtBot, window: MainWindow, world: World, other: World) -> None:
    page = window.page("history")
    assert isinstance(page, HistoryPage)
    window.session.open(world.file)
    settle(qtbot, window.session)
    page.scheduled.setText("Every night at 02:00")
    other.file.write_text("[broken", "utf-8")
    window.session.open(other.file)
    settle(qtbot, window.session)
    assert page.scheduled.text() == ""


def test_the_reasons_of_another_site_are_not_suggested(qtbot: QtBot, window: MainWindow, world: World, other: World) -> None:
    page: Any = window.page("review")
    window.session.open(world.file)
    settle(qtbot, window.session)
    run_job(qtbot, window.session, intents.Scan())
    page._reasons = ["consent of Mrs X withdrawn"]
    window.session.open(other.file)
    assert page._reasons == []


# --- a credential for a job of another site -----------------------------------------------------------------------------


@pytest.mark.parametrize("own_key", [False, True], ids=["on the journal", "beside it"])
def test_the_credential_of_another_sites_job_is_not_asked_for(
    own_key: bool, qtbot: QtBot, window: MainWindow, world: World, other: World
) -> None:
    """It would be saved in the configuration that is open."""
    session, go = window.session, threading.Event()
    session.open(world.file)
    settle(qtbot, session)
    waiting = Waiting("The central store", Why.CREDENTIAL, datetime.now(UTC), remedy="Get a new one.", credential="central")

    def step(ctx: JobContext) -> None:
        ctx.progress.begin("upload")
        ctx.progress.waiting(waiting)
        go.wait(20)

    session.start(JobKind.DOWNLOAD if own_key else JobKind.UPLOAD, "Transfer", step, key="download" if own_key else None)
    qtbot.waitUntil(lambda: window._renewing is not None, timeout=10_000)
    assert window.waiting.enter.isVisible()
    session.open(other.file)
    assert window._renewing is None
    qtbot.waitUntil(lambda: not window.waiting.enter.isVisible(), timeout=10_000)
    assert f"Open “{world.file}” to enter a new credential." in window.waiting.text.text()
    assert window._renewing is None
    session.open(world.file)
    qtbot.waitUntil(lambda: window._renewing is not None, timeout=10_000)
    go.set()
    qtbot.waitUntil(lambda: session.jobs.idle, timeout=10_000)
    settle(qtbot, session)
