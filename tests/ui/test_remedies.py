"""A remedy names a button of the window only where the button is there, and can be used for the very file that the remedy is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QItemSelectionModel
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot
from test_in_window import texts
from uiworld import run_job, settle
from world import World

from chorus_gui.app.failed import MARK, RELEASE
from chorus_gui.cli.main import main
from chorus_gui.core.model import ChangeKind, Failure, Item
from chorus_gui.core.review.diff import LEFT_OUT, LOST
from chorus_gui.ui import hold_intents, intents
from chorus_gui.ui.in_window import in_window
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.models.failures import grouped
from chorus_gui.ui.pages.review import ReviewPage
from chorus_gui.ui.pages.upload import UploadPage
from chorus_gui.ui.session import Session
from chorus_gui.ui.settings import Settings
from chorus_gui.ui.state import SessionState
from chorus_gui.ui.widgets.dialogs import ConfirmDialog

PATH = "1001/Images/a.dcm"
OF_FAILED_FILES = {
    "core/storage/names.py": 1,  # an entry that is not a path of the site
    "core/submission/repair.py": 3,  # held back, left out, no longer on the site
    "core/submission/upload.py": 2,  # an entry that matches no pattern any longer, or of a version that is not the name of a folder
}
"""The remedies of failed files: the Upload page lists them, and has the buttons next to them."""
OF_THE_REVIEW = {
    "app/holds.py": 1,  # “Scan again, and …”: the scan shows the files as problems
    "core/review/diff.py": 2,
}
"""Notes and remedies about lines of the review that have “Mark as deleted…”."""
OF_THE_TERMINAL = {"core/scan/scan.py": 1}
"""A site folder is empty: the review has no line for its files."""


def named(*words: str) -> dict[str, int]:
    """How many texts of core and app name this in the window, by file."""
    found: dict[str, int] = {}
    for file, text in texts():
        if "“" in text and " " in text.strip("“”") and file != "app/failed.py" and any(word in in_window(text) for word in words):
            found[file] = found.get(file, 0) + 1
    return found


def test_which_texts_name_buttons_for_a_file() -> None:
    """A new text of this kind belongs to one of these lists, and to a test below."""
    assert named("“Mark as deleted…” on the Upload page", "“Release…” on the Upload page") == OF_FAILED_FILES
    assert named("“Mark as deleted…” on the Review page") == OF_THE_REVIEW
    assert named("file mark_as_deleted", "hold release", "“Release” on") == OF_THE_TERMINAL


@pytest.fixture
def page(qtbot: QtBot) -> UploadPage:
    made = UploadPage()
    qtbot.addWidget(made)
    made.resize(1000, 700)
    made.show()
    return made


def failure(number: int, remedy: str, kind: str = "ReviewError") -> Failure:
    item = Item(number, "Images", f"1001/Images/{number}.dcm", "", 100, 0)
    return Failure(item, kind, f"{item.path} failed.", remedy)


def choose(page: UploadPage, *rows: int) -> None:
    """Select causes of the list."""
    chosen = page.failures.tree.selectionModel()
    chosen.clear()
    for number in rows:
        chosen.select(
            page.failures.model.index(number, 0), QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        )


def may_write(session: Session) -> SessionState:
    return replace(session.state, custody=replace(session.state.custody, may_write=True))


def remedies() -> list[str]:
    return [text for file, text in texts() if file in OF_FAILED_FILES and (MARK in text or RELEASE in text)]


@pytest.mark.parametrize("remedy", remedies())
def test_a_failed_file_has_the_button_that_its_remedy_names(qtbot: QtBot, opened: Session, page: UploadPage, remedy: str) -> None:
    other = failure(2, "Scan again.", "SourceChangedError")
    page.render(replace(may_write(opened), failures=(failure(1, remedy), other)))
    names = {name for name in ("Mark as deleted…", "Release…") if f"“{name}” on the Upload page" in in_window(remedy)}
    assert names
    for made in (page.failures.mark_button, page.failures.release_button):
        assert made.isVisible() is (made.accessibleName() in names)
    for rows, enabled in ((), False), ((page_row(page, "ReviewError"),), True), ((page_row(page, "SourceChangedError"),), False):
        choose(page, *rows)
        for made in (page.failures.mark_button, page.failures.release_button):
            assert made.isEnabled() is (enabled and made.accessibleName() in names), rows
    page.render(replace(may_write(opened), failures=(other,)))
    assert not page.failures.mark_button.isVisible()
    assert not page.failures.release_button.isVisible()


def page_row(page: UploadPage, kind: str) -> int:
    return next(number for number, group in enumerate(page.failures.model.groups) if group.failures[0].kind == kind)


def test_files_of_one_cause_have_one_remedy() -> None:
    """Otherwise the list has a cause for each file."""
    found = remedies()
    assert [text for text in found if re.search(r"\bX\b", text.removeprefix("X, or "))] == [], "a value of one file"
    assert len(grouped([failure(number, remedy) for number in range(20) for remedy in found])) == len(set(found))


# --- in the real window -------------------------------------------------------------------------------------------------


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    made = MainWindow(Session(Settings(tmp_path / "window.ini")))
    made.resize(1280, 800)
    made.show()
    yield made
    with qtbot.waitSignal(made.closed, timeout=20_000):
        made._stop()
    made.deleteLater()
    made.session.deleteLater()


def open_site(qtbot: QtBot, window: MainWindow, world: World) -> None:
    window.session.open(world.file)
    settle(qtbot, window.session)


def upload_page(window: MainWindow) -> UploadPage:
    window.do(intents.ShowPage("upload"))
    page = window.page("upload")
    assert isinstance(page, UploadPage)
    return page


def fail(qtbot: QtBot, window: MainWindow, intent: intents.Intent) -> UploadPage:
    """A job of which one file or more fail; all causes are selected then."""
    run_job(qtbot, window.session, intent)
    assert window.state.failures
    page = upload_page(window)
    choose(page, *range(len(page.failures.model.groups)))
    return page


def change_pattern(world: World, to: str) -> None:
    text = world.file.read_text("utf-8")
    start = text.index("[site_path.default]")
    world.file.write_text(f'{text[:start]}[site_path.Images]\npath = "{world.site.as_posix()}"\npattern = "{to}"\n{text[start:]}', "utf-8")


def test_entries_that_match_no_pattern_are_marked_on_the_upload_page(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    world = World(tmp_path / "site")
    for name in ("a", "b"):
        world.put(f"1001/Images/{name}.dcm", name)
    world.run("record")
    change_pattern(world, "{patient_id:w}/Pictures/{filepath}")
    open_site(qtbot, window, world)
    page = fail(qtbot, window, intents.UploadPending())
    assert [(len(group.failures), group.failures[0].kind) for group in page.failures.model.groups] == [(2, "PatternError")]
    assert page.failures.mark_button.isEnabled()
    assert not page.failures.release_button.isVisible()
    assert press(qtbot, window, page.failures.mark_button) == intents.MarkFailed((("Images", PATH), ("Images", "1001/Images/b.dcm")))
    assert world.active() == {}
    assert window.state.failures == ()


def test_what_is_held_back_is_released_on_the_upload_page(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    """A file that is uploaded and has not changed has no line in the review."""
    world = World(tmp_path / "site")
    for name in ("a", "b"):
        world.put(f"1001/Images/{name}.dcm", name)
    world.run(version="v1")
    for blob in world.central.rglob("*.dcm"):
        blob.unlink()
    hold = ["-c", str(world.file), "hold", "add", "--reason", "wait"]
    assert main([*hold, "--file", PATH]) == main([*hold, "--patient", "1001"]) == 0
    open_site(qtbot, window, world)
    run_job(qtbot, window.session, intents.Verify("v1"))
    page = fail(qtbot, window, intents.Repair())
    assert len(page.failures.model.groups) == 1
    assert page.failures.release_button.isEnabled()
    assert not page.failures.mark_button.isVisible()
    files = (("Images", PATH), ("Images", "1001/Images/b.dcm"))
    assert press(qtbot, window, page.failures.release_button) == hold_intents.ReleaseFailed(files)
    run_job(qtbot, window.session, intents.Repair())
    assert len(list(world.central.rglob("*.dcm"))) == 2


@pytest.mark.parametrize(("mode", "note"), [("append", LOST), ("append", LEFT_OUT), ("full", LEFT_OUT)])
def test_a_line_of_the_review_has_what_its_note_names(qtbot: QtBot, window: MainWindow, tmp_path: Path, mode: str, note: str) -> None:
    world = World(tmp_path / "site", mode=mode)
    world.put(PATH, "a")
    world.put("1001/Images/b.dcm", "b")
    world.run("record")
    if note == LOST:
        (world.site / PATH).unlink()
    else:
        text = world.file.read_text("utf-8")
        world.file.write_text(text.replace("[configuration]", '[configuration]\nexclude = ["a.dcm"]'), "utf-8")
    open_site(qtbot, window, world)
    run_job(qtbot, window.session, intents.Scan())
    window.do(intents.ShowPage("review"))
    page = window.page("review")
    assert isinstance(page, ReviewPage)
    qtbot.waitUntil(lambda: page.area.model.rowCount() == 1, timeout=10_000)
    page.area.view.selectRow(0)
    qtbot.waitUntil(page.area.mark_action.isEnabled, timeout=10_000)
    change = page.area.current()
    assert change is not None
    assert (change.kind, change.note) == (ChangeKind.PROBLEM, note)
    assert "“Mark as deleted…” on the Review page" in in_window(note)


def press(qtbot: QtBot, window: MainWindow, made: QAbstractButton) -> intents.Intent:
    """Select a button, then what its question does; what that asked for, when its job has ended."""
    asked: list[intents.Intent] = []
    page = upload_page(window)
    page.intent.connect(asked.append)
    made.click()
    question = page.findChild(ConfirmDialog)
    assert question is not None
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        question.accept()
    settle(qtbot, window.session)
    assert window.state.last is not None
    return asked[-1]
