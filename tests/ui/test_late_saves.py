"""A save that ends late: another configuration can be open then, and what was typed since is neither lost nor written over a change of others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from uiworld import a_window, block, settle
from world import World

from chorus_gui.app import configuration
from chorus_gui.core.errors import ConfigError
from chorus_gui.ui import intents
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.pages.configuration import ConfigurationPage
from chorus_gui.ui.session import Session
from chorus_gui.ui.widgets.dialogs import ConfirmDialog

REFUSED = ConfigError("The disk is full.", remedy="Delete some files.")


@pytest.fixture
def other(tmp_path: Path) -> World:
    return World(tmp_path / "other")


@pytest.fixture
def window(qtbot: QtBot, session: Session) -> Iterator[MainWindow]:
    with a_window(qtbot, session) as window:
        yield window


class Slow:
    """The first save waits, and then raises ``error`` or saves; the later ones save at once.  ``after``: it saves, and then waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go, self.error = threading.Event(), REFUSED
        self.fails, self.after, self._first, self._real = True, False, True, configuration.save
        monkeypatch.setattr(configuration, "save", self._save)

    def _save(self, *args: Any, **options: Any) -> Any:
        first, self._first = self._first, False
        if first and self.after:
            saved = self._real(*args, **options)
            assert self.go.wait(20)
            return saved
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


@pytest.mark.parametrize("another", [True, False])
@pytest.mark.parametrize("more", [True, False])
def test_what_was_saved_late_is_not_called_unsaved(
    another: bool, more: bool, qtbot: QtBot, window: MainWindow, world: World, other: World, slow: Slow
) -> None:
    """Otherwise the window asks before it closes, although nothing would be lost; with another site open, and with none."""
    slow.fails = False
    page = read(qtbot, window, world.file)
    edit(page)
    page.save.click()
    if more:
        edit(page, "# more\n")
    if another:
        read(qtbot, window, other.file)
    else:
        window.session.do(intents.CloseConfig())
    end(qtbot, window, slow)
    assert window._unsaved == ({"Configuration"} if more else set())
    if more:
        read(qtbot, window, world.file)
        page.reload()
        qtbot.waitUntil(lambda: not window._unsaved, timeout=10_000)


@pytest.mark.parametrize("stays", [True, False])
def test_a_change_of_others_is_not_overwritten_after_a_late_save(
    stays: bool, qtbot: QtBot, window: MainWindow, world: World, other: World, slow: Slow
) -> None:
    """What was typed since is based on what was saved, not on what another program made of it before it is read again."""
    slow.fails = False
    page = read(qtbot, window, world.file)
    saved = edit(page)
    page.save.click()
    mine = edit(page, "# more\n")
    if not stays:
        read(qtbot, window, other.file)
    let_go = block(qtbot, window.session.reader)
    slow.go.set()
    qtbot.waitUntil(lambda: window.session.jobs.idle, timeout=10_000)
    theirs = saved + "# theirs\n"
    world.file.write_text(theirs, "utf-8")
    let_go()
    read(qtbot, window, world.file)
    settle(qtbot, window.session)
    assert page._draft is not None
    assert page._draft.text == mine
    assert page.conflict.isVisible()
    page.save.click()
    settle(qtbot, window.session)
    assert world.file.read_text("utf-8") == theirs
    assert page.conflict.isVisible()


def answer(page: ConfigurationPage) -> None:
    next(dialog for dialog in page.findChildren(ConfirmDialog) if dialog.isVisible()).yes.click()


def test_an_answer_about_another_file_saves_it_and_does_not_open_it(qtbot: QtBot, window: MainWindow, world: World, other: World) -> None:
    page = read(qtbot, window, world.file)
    mine = edit(page, "[broken\n")
    qtbot.waitUntil(lambda: page._checked is not None and bool(page._checked.faults), timeout=10_000)
    page.save.click()
    read(qtbot, window, other.file)
    page.conflict.say("Another program changed “config.toml”.", overwrite=True)
    answer(page)
    settle(qtbot, window.session)
    assert world.file.read_text("utf-8") == mine, "it was answered with “Save anyway”"
    assert window.state.config_file == other.file
    assert page.conflict.isVisible(), "what is said about the other site stays"
    assert window._unsaved == set()


def test_an_answer_about_another_file_discards_only_its_changes(qtbot: QtBot, window: MainWindow, world: World, other: World) -> None:
    page = read(qtbot, window, world.file)
    edit(page)
    page.revert.click()
    read(qtbot, window, other.file)
    theirs = edit(page)
    answer(page)
    settle(qtbot, window.session)
    assert page._draft is not None
    assert page._draft.text == theirs
    assert page.modified
    read(qtbot, window, world.file)
    assert not page.modified


def test_a_site_with_another_journal_can_be_saved_again(qtbot: QtBot, window: MainWindow, world: World, slow: Slow) -> None:
    """It is read again after it is written and before that is known, so it looks like another site when the save ends."""
    slow.after = True
    page = read(qtbot, window, world.file)
    assert page._draft is not None
    saved = page._draft.text.replace("journal.db", "another.db")
    assert saved != page._draft.text
    page._apply(page._draft.with_text(saved), at_once=True)
    page.save.click()
    qtbot.waitUntil(lambda: world.file.read_text("utf-8") == saved, timeout=10_000)
    window.session.do(intents.Refresh())
    qtbot.waitUntil(lambda: not page.modified, timeout=10_000)
    end(qtbot, window, slow)
    assert page.save_as.isEnabled()
    edit(page, "# more\n")
    assert page.save.isEnabled()
    assert page.revert.isEnabled()


def test_nothing_can_be_typed_while_it_is_saved_as_another_file(qtbot: QtBot, window: MainWindow, world: World, slow: Slow) -> None:
    """The page has the text as it was before: what is typed would be lost, or shown in the other file's form."""
    page = read(qtbot, window, world.file)
    mine = edit(page)
    page.save_to(world.base / "second.toml")
    assert not page._contents.isEnabled()
    assert not page.panel.isEnabled(), "its buttons correct the text"
    end(qtbot, window, slow)
    assert page._contents.isEnabled()
    assert page.panel.isEnabled()
    assert page._draft is not None
    assert page._draft.text == mine
    page.save.click()
    assert page._contents.isEnabled(), "a person can continue while it is saved"
    settle(qtbot, window.session)
