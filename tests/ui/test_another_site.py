"""What was begun for one site is not shown for another one, and not done to it: another configuration can be open when it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from uiworld import a_window, run_job, settle
from world import World

from chorus_gui.app import configuration
from chorus_gui.core.errors import ConfigError, Why
from chorus_gui.core.job import JobContext
from chorus_gui.core.waiting import Waiting
from chorus_gui.ui import intents
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.models.tree import TreeModel
from chorus_gui.ui.pages import Page
from chorus_gui.ui.pages.configuration import ConfigurationPage
from chorus_gui.ui.pages.history import HistoryPage
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import JobKind

REFUSED = ConfigError("The disk is full.", remedy="Delete some files.")
PAGES = ("overview", "configuration", "readiness", "review", "upload", "verify", "history", "doctor", "log")


@pytest.fixture
def other(tmp_path: Path) -> World:
    return World(tmp_path / "other")


@pytest.fixture
def window(qtbot: QtBot, session: Session) -> Iterator[MainWindow]:
    with a_window(qtbot, session) as window:
        yield window


class Slow:
    """The first save waits, and then raises ``error`` or saves; the later ones save at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go, self.error = threading.Event(), REFUSED
        self.fails, self._first, self._real = True, True, configuration.save
        monkeypatch.setattr(configuration, "save", self._save)

    def _save(self, *args: Any, **options: Any) -> Any:
        first, self._first = self._first, False
        if first:
            assert self.go.wait(20)
            if self.fails:
                raise self.error
        return self._real(*args, **options)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    made = Slow(monkeypatch)
    yield made
    made.go.set()


def shown(window: MainWindow) -> ConfigurationPage:
    window.show_page("configuration")
    page = window.page("configuration")
    assert isinstance(page, ConfigurationPage)
    return page


def read(qtbot: QtBot, window: MainWindow, file: Path) -> ConfigurationPage:
    """Open a file, until the page shows it."""
    page = shown(window)
    window.session.open(file)
    qtbot.waitUntil(lambda: page._draft is not None and page._draft.file == file and page._checked is not None, timeout=10_000)
    return page


def edit(page: ConfigurationPage, more: str = "page_size = 77\n") -> str:
    """Something to save; the text with it."""
    assert page._draft is not None
    draft = page._draft.with_text(page._draft.text + more)
    page._apply(draft, at_once=True)
    return draft.text


def end(qtbot: QtBot, window: MainWindow, slow: Slow) -> None:
    slow.go.set()
    qtbot.waitUntil(lambda: window.session.jobs.idle, timeout=10_000)
    settle(qtbot, window.session)


# --- a save that ends late ----------------------------------------------------------------------------------------------


def test_a_save_that_fails_late_says_nothing_on_another_site(
    qtbot: QtBot, window: MainWindow, world: World, other: World, slow: Slow
) -> None:
    page = read(qtbot, window, world.file)
    mine = edit(page)
    page.save.click()
    read(qtbot, window, other.file)
    end(qtbot, window, slow)
    assert page._draft is not None
    assert page._draft.text == other.file.read_text("utf-8")
    assert not page.conflict.isVisible()
    assert not page._draft.modified
    read(qtbot, window, world.file)
    assert page._draft.text == mine, "and nothing that was typed is lost"
    assert page._draft.modified
    assert page.save.isEnabled()


def test_a_text_that_could_not_be_saved_as_another_file_comes_back_with_its_site(
    qtbot: QtBot, window: MainWindow, world: World, other: World, slow: Slow
) -> None:
    page = read(qtbot, window, world.file)
    mine = edit(page)
    page.save_to(world.base / "second.toml")
    read(qtbot, window, other.file)
    end(qtbot, window, slow)
    assert page._draft is not None
    assert page._draft.text == other.file.read_text("utf-8"), "the text of one site is never put into the form of another"
    assert not page.conflict.isVisible()
    read(qtbot, window, world.file)
    assert page._draft.text == mine
    assert page._draft.modified


def test_another_site_can_be_saved_meanwhile(qtbot: QtBot, window: MainWindow, world: World, other: World, slow: Slow) -> None:
    page = read(qtbot, window, world.file)
    edit(page)
    page.save.click()
    read(qtbot, window, other.file)
    theirs = edit(page, "page_size = 88\n")
    assert page.save.isEnabled()
    page.save.click()
    end(qtbot, window, slow)
    assert other.file.read_text("utf-8") == theirs
    assert not page.conflict.isVisible(), "the save that failed is the one of the other site"
    assert not page.modified


def test_who_comes_back_before_it_fails_is_told_there(qtbot: QtBot, window: MainWindow, world: World, other: World, slow: Slow) -> None:
    page = read(qtbot, window, world.file)
    mine = edit(page)
    page.save.click()
    assert not page.save.isEnabled()
    read(qtbot, window, other.file)
    read(qtbot, window, world.file)
    assert not page.save.isEnabled(), "it is still being saved"
    end(qtbot, window, slow)
    assert page.conflict.isVisible()
    assert "The disk is full." in page.conflict.text.text()
    assert page._draft is not None
    assert page._draft.text == mine
    assert page.save.isEnabled()


@pytest.mark.parametrize("back", [False, True])
def test_what_was_saved_late_is_not_called_a_change_of_others(
    back: bool, qtbot: QtBot, window: MainWindow, world: World, other: World, slow: Slow
) -> None:
    """Both if the person comes back before it is saved, and after that; with what was typed since."""
    slow.fails = False
    page = read(qtbot, window, world.file)
    saved = edit(page)
    page.save.click()
    mine = edit(page, "# more\n")
    read(qtbot, window, other.file)
    if back:
        read(qtbot, window, world.file)
    end(qtbot, window, slow)
    read(qtbot, window, world.file)
    settle(qtbot, window.session)
    assert world.file.read_text("utf-8") == saved
    assert not page.conflict.isVisible()
    assert page._draft is not None
    assert (page._draft.text, page._draft.based_on) == (mine, saved)


def test_a_late_save_does_not_leave_the_site_that_was_opened_since(
    qtbot: QtBot, window: MainWindow, world: World, other: World, slow: Slow
) -> None:
    """Both configurations cannot be used yet, so their jobs have the same key."""
    slow.fails = False
    for one in (world, other):
        one.file.write_text(one.file.read_text("utf-8") + "[broken\n", "utf-8")
    page = read(qtbot, window, world.file)
    edit(page)
    page._write(page._draft, overwrite=False)  # type: ignore[arg-type]
    read(qtbot, window, other.file)
    end(qtbot, window, slow)
    assert window.state.config_file == other.file


def test_an_error_of_something_else_does_not_end_a_save(qtbot: QtBot, window: MainWindow, world: World, slow: Slow) -> None:
    page = read(qtbot, window, world.file)
    edit(page)
    page.save.click()
    window.session.show_error(ConfigError("Something else went wrong."))
    assert not page.conflict.isVisible()
    assert not page.save.isEnabled()


# --- an answer that comes late ------------------------------------------------------------------------------------------


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
