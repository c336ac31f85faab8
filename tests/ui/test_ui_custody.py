"""The Journal menu against a cloud journal on a real blob service: check out, check in, unlock, take over, set aside, recover."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from azure_places import key_place, service
from custodyworld import BLOB, LOCK, names, opened_home, person, record, record_uploaded
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot
from uiworld import run_job, settle
from world import World

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.checkout import checkout, lock_and_fetch
from chorus_gui.core.custody.state import State as Custody
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.base import Store
from chorus_gui.core.storage.open import open_store
from chorus_gui.ui import intents
from chorus_gui.ui.dialogs.custody import AdoptDialog
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session
from chorus_gui.ui.settings import Settings
from chorus_gui.ui.widgets.dialogs import ConfirmDialog

pytestmark = pytest.mark.usefixtures("cloud")


@pytest.fixture
def container(azurite: Azurite) -> str:
    name = f"custody-{uuid.uuid4().hex[:12]}"
    service(azurite).create_container(name)
    return name


@pytest.fixture
def cloud(azurite: Azurite, container: str, world: World) -> Iterator[Store]:
    """The container that holds the journal; the world's configuration names it."""
    auth = f'azure_account_name = "{azurite.account}"\nazure_account_key = "{azurite.key}"\nazure_account_url = "{azurite.url}"'
    text = world.file.read_text("utf-8")
    text = text.replace(f'path = "{world.central.as_posix()}"', f'path = "az://{container}/site"\n[central_path.auth]\n{auth}')
    source = f'[journal.source]\npath = "az://{container}/journal.db"\n[journal.source.auth]\n{auth}\n'
    world.file.write_text(text.replace("[journal.local]", f"{source}[journal.local]"), "utf-8")
    with closing(open_store(key_place(azurite, container))) as store:
        yield store


@pytest.fixture
def windows(qtbot: QtBot, tmp_path: Path, world: World) -> Iterator[list[MainWindow]]:
    """Windows on the world, opened with :func:`start`; closed at the end."""
    made: list[MainWindow] = []
    yield made
    for window in made:
        stop(qtbot, window)
        window.deleteLater()
        window.session.deleteLater()


def start(qtbot: QtBot, windows: list[MainWindow], world: World) -> MainWindow:
    session = Session(Settings(world.base / "window.ini"))
    window = MainWindow(session)
    windows.append(window)
    window.show()
    session.open(world.file)
    settle(qtbot, session)
    return window


def stop(qtbot: QtBot, window: MainWindow) -> None:
    if not window.stopped:
        with qtbot.waitSignal(window.closed, timeout=20_000):
            window._stop()


def action(window: MainWindow, text: str) -> QAction:
    return next(found for found in window.findChildren(QAction) if found.text().replace("&", "") == text)


def press(qtbot: QtBot, window: MainWindow, text: str) -> None:
    """Choose an entry of the menu, and wait for its job."""
    entry = action(window, text)
    assert entry.isEnabled(), text
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        entry.trigger()
    settle(qtbot, window.session)


def question(window: MainWindow) -> ConfirmDialog:
    return next(box for box in window.findChildren(ConfirmDialog) if box.isVisible())


def compared(qtbot: QtBot, window: MainWindow, intent: intents.Intent) -> AdoptDialog:
    run_job(qtbot, window.session, intent)
    return next(box for box in window.findChildren(AdoptDialog) if box.isVisible())


def yes(qtbot: QtBot, window: MainWindow, box: AdoptDialog | ConfirmDialog) -> None:
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        box.yes.click()
    settle(qtbot, window.session)


def test_out_and_in(qtbot: QtBot, windows: list[MainWindow], world: World, cloud: Store) -> None:
    window = start(qtbot, windows, world)
    assert window.state.custody.state is Custody.NEW
    assert not action(window, "Check in").isEnabled()
    press(qtbot, window, "Check out")
    assert window.state.custody.state is Custody.MINE
    assert window.top.journal.fact.startswith("Checked out by you since")
    assert cloud.head(LOCK) is not None
    assert not action(window, "Check out").isEnabled()
    record(world.journal, "1001/Images/a.dcm")
    press(qtbot, window, "Check in and keep")
    assert window.state.custody.state is Custody.MINE
    press(qtbot, window, "Check in")
    assert window.state.custody.state is Custody.FREE
    assert cloud.head(LOCK) is None
    assert cloud.head("journal.db") is not None
    assert action(window, "Check out").isEnabled()


def test_a_colleague_has_it_and_unlock_says_what_can_go_wrong(qtbot: QtBot, windows: list[MainWindow], world: World, cloud: Store) -> None:
    bob = person(cloud, world.base / "bob", "Bob", "PC-2")
    checkout(bob, JobContext())
    window = start(qtbot, windows, world)
    assert window.top.journal.fact.startswith("Checked out by Bob on PC-2")
    assert not action(window, "Check out").isEnabled()
    action(window, "Unlock…").trigger()
    box = question(window)
    told = " ".join(part.text() for part in box.findChildren(type(window.top.badge)))
    assert "Bob can no longer check in" in told
    assert not box.yes.isEnabled()
    box.field.setText("unlock")
    assert box.yes.isEnabled()
    yes(qtbot, window, box)
    assert cloud.head(LOCK) is None
    assert window.state.custody.state in (Custody.NEW, Custody.FREE)


def test_unlock_is_given_up_with_escape(qtbot: QtBot, windows: list[MainWindow], world: World, cloud: Store) -> None:
    checkout(person(cloud, world.base / "bob", "Bob", "PC-2"), JobContext())
    window = start(qtbot, windows, world)
    action(window, "Unlock…").trigger()
    question(window).reject()
    settle(qtbot, window.session)
    assert cloud.head(LOCK) is not None
    assert window.state.custody.state is Custody.LOCKED


def test_going_on_with_what_the_other_tool_checked_out(qtbot: QtBot, windows: list[MainWindow], world: World, cloud: Store) -> None:
    first = person(cloud, world.base / "first", "Bob", "PC-2")
    checkout(first, JobContext())
    record(first.local, "1001/Images/a.dcm")
    checkin(first, JobContext())
    cloud.copy(BLOB, LOCK)  # as the present tool checks out
    cloud.delete(BLOB)
    other = world.base / "other.db"
    other.write_bytes(b"".join(cloud.read(LOCK)))
    record(other, "1001/Images/b.dcm")

    window = start(qtbot, windows, world)
    assert window.state.custody.state is Custody.FOREIGN
    assert action(window, "Take over a journal…").isEnabled()
    box = compared(qtbot, window, intents.CompareJournals(other))
    told = [part.text() for part in box.findChildren(type(window.top.badge))]
    assert "1 entry is only in your file. Your next check-in adds it to the cloud journal." in told
    assert "Your file has every entry of the cloud journal." in told
    assert cloud.head("journal.db") is None, "nothing was done yet"
    assert box.yes.isEnabled()
    yes(qtbot, window, box)
    assert window.state.custody.state is Custody.MINE
    assert names(world.journal) == {"1001/Images/a.dcm", "1001/Images/b.dcm"}
    press(qtbot, window, "Check in")
    assert window.state.custody.state is Custody.FREE


def test_a_file_that_lacks_what_the_cloud_has_wants_a_typed_yes(
    qtbot: QtBot, windows: list[MainWindow], world: World, cloud: Store
) -> None:
    bob = person(cloud, world.base / "bob", "Bob", "PC-2")
    checkout(bob, JobContext())
    record(bob.local, "1001/Images/a.dcm", "1001/Images/b.dcm")
    checkin(bob, JobContext())
    checkout(bob, JobContext())
    mine = world.base / "mine.db"
    record(mine, "1001/Images/mine.dcm")
    window = start(qtbot, windows, world)
    box = compared(qtbot, window, intents.CompareJournals(mine))
    told = " ".join(part.text() for part in box.findChildren(type(window.top.badge)))
    assert "2 entries are only in the cloud journal" in told
    assert "Bob can then no longer check in" in told
    assert not box.yes.isEnabled()
    box.field.setText("Take over")
    yes(qtbot, window, box)
    assert window.state.custody.state is Custody.MINE
    assert names(world.journal) == {"1001/Images/mine.dcm"}
    assert window.state.last is not None
    assert "kept as" in window.state.last.text


def test_a_file_that_is_no_journal_cannot_be_gone_on_with(qtbot: QtBot, windows: list[MainWindow], world: World, cloud: Store) -> None:
    checkout(person(cloud, world.base / "bob", "Bob", "PC-2"), JobContext())
    window = start(qtbot, windows, world)
    bad = world.base / "bad.db"
    bad.write_bytes(b"no journal" * 100)
    box = compared(qtbot, window, intents.CompareJournals(bad))
    assert not box.yes.isEnabled()
    assert not box.field.isVisible()
    box.reject()


def test_somebody_acts_while_a_person_decides(qtbot: QtBot, windows: list[MainWindow], world: World, cloud: Store) -> None:
    bob = person(cloud, world.base / "bob", "Bob", "PC-2")
    checkout(bob, JobContext())
    mine = world.base / "mine.db"
    record(mine, "1001/Images/mine.dcm")
    window = start(qtbot, windows, world)
    box = compared(qtbot, window, intents.CompareJournals(mine))
    record(bob.local, "1001/Images/b.dcm")
    checkin(bob, JobContext())
    if box.field.isVisible():
        box.field.setText("take over")
    yes(qtbot, window, box)
    assert window.state.last is not None
    assert "was changed since you compared the journals" in window.state.last.text
    assert window.state.custody.state is Custody.FREE
    assert cloud.head(LOCK) is None


def offered(window: MainWindow) -> dict[str, QPushButton]:
    """The choices of the card on Overview."""
    overview = window.page("overview")
    assert overview is not None
    choices = {"Keep checked out", "Check in", "Set aside…"}
    return {b.text(): b for b in overview.findChildren(QPushButton) if b.isVisible() and b.text() in choices}


def test_the_next_start_asks_nothing_about_a_check_out_of_the_person(qtbot: QtBot, windows: list[MainWindow], world: World) -> None:
    window = start(qtbot, windows, world)
    press(qtbot, window, "Check out")
    stop(qtbot, window)
    again = start(qtbot, windows, world)
    assert again.state.custody.state is Custody.MINE
    assert offered(again) == {}


def test_the_next_start_asks_what_to_do_after_an_interrupted_command(
    qtbot: QtBot, windows: list[MainWindow], world: World, cloud: Store
) -> None:
    with opened_home(world.config) as home:
        lock_and_fetch(home, JobContext(), automatic=True, purpose="file upload")
    record(world.journal, "1001/Images/a.dcm")

    again = start(qtbot, windows, world)
    assert set(offered(again)) == {"Keep checked out", "Check in", "Set aside…"}
    with qtbot.waitSignal(again.session.ended, timeout=20_000):
        offered(again)["Keep checked out"].click()
    settle(qtbot, again.session)
    assert again.state.custody.state is Custody.MINE
    assert again.state.custody.offers == ()
    assert cloud.head("journal.db") is None
    press(qtbot, again, "Check in")
    assert cloud.head("journal.db") is not None


def test_an_offer_to_check_in(qtbot: QtBot, windows: list[MainWindow], world: World, cloud: Store) -> None:
    window = start(qtbot, windows, world)
    press(qtbot, window, "Check out")
    record(world.journal, "1001/Images/a.dcm")
    stop(qtbot, window)
    again = start(qtbot, windows, world)
    run_job(qtbot, again.session, intents.Recover("check in"))
    assert again.state.custody.state is Custody.FREE
    assert cloud.head("journal.db") is not None


def test_setting_aside_asks_and_keeps_the_file(qtbot: QtBot, windows: list[MainWindow], world: World, cloud: Store) -> None:
    window = start(qtbot, windows, world)
    press(qtbot, window, "Check out")
    record(world.journal, "1001/Images/a.dcm")
    window.do(intents.Refresh())
    settle(qtbot, window.session)
    action(window, "Set the local journal aside…").trigger()
    qtbot.waitUntil(lambda: bool(window.findChildren(ConfirmDialog)), timeout=20_000)
    box = question(window)
    assert any("The cloud journal is unlocked" in part.text() for part in box.findChildren(type(window.top.badge)))
    yes(qtbot, window, box)
    assert not world.journal.exists()
    assert cloud.head(LOCK) is None
    assert window.state.last is not None
    kept = Path(window.state.last.text.removeprefix("The local journal is kept as ").partition(". ")[0])
    assert names(kept) == {"1001/Images/a.dcm"}


def test_setting_aside_names_before_what_is_uploaded_again(qtbot: QtBot, windows: list[MainWindow], world: World, cloud: Store) -> None:
    from PySide6.QtWidgets import QLabel

    window = start(qtbot, windows, world)
    press(qtbot, window, "Check out")
    record_uploaded(world.journal, "1001/Images/a.dcm")
    run_job(qtbot, window.session, intents.AskSetAside())
    told = " ".join(part.text() for part in question(window).findChildren(QLabel))
    assert "1 file is uploaded in the local journal only" in told
    assert "1001/Images/a.dcm" in told
    assert world.journal.exists()


def test_a_lost_check_out_offers_both_ways_and_shows_both_sides(
    qtbot: QtBot, windows: list[MainWindow], world: World, cloud: Store
) -> None:
    window = start(qtbot, windows, world)
    press(qtbot, window, "Check out")
    record(world.journal, "1001/Images/a.dcm")
    cloud.delete(LOCK)
    bob = person(cloud, world.base / "bob", "Bob", "PC-2")
    checkout(bob, JobContext())
    record(bob.local, "1001/Images/b.dcm")
    checkin(bob, JobContext())

    press(qtbot, window, "Check in")
    assert window.state.last is not None
    assert "Nothing was written" in window.state.last.text
    assert window.state.custody.state is Custody.CHANGED
    assert {choice for choice, _ in window.state.custody.offers} == {"take over", "set aside"}
    box = compared(qtbot, window, intents.Recover("take over"))
    box.field.setText("take over")
    yes(qtbot, window, box)
    assert window.state.custody.state is Custody.MINE
    press(qtbot, window, "Check in")
    assert window.state.custody.state is Custody.FREE


@pytest.mark.parametrize("recover", [True, False])
def test_less_history_offers_two_ways_out(recover: bool, qtbot: QtBot) -> None:
    from PySide6.QtWidgets import QLabel

    from chorus_gui.app.known import Known, LessHistoryError
    from chorus_gui.ui.dialogs.custody import LessHistoryDialog

    full = Known("The kept copy journal-20250101000000.db", 5, 5, ("v1",), file=Path("journal-20250101000000.db"))
    asked: list[intents.Intent] = []
    dialog = LessHistoryDialog(None, LessHistoryError(Known("The journal", blank=True), full), intents.CheckOut(), asked.append)
    qtbot.addWidget(dialog)
    assert any("5 uploaded" in text.text() for text in dialog.findChildren(QLabel))
    (dialog.recover if recover else dialog.accept_less).click()
    assert asked == [intents.RecoverJournal(full) if recover else intents.AcceptLessHistory(intents.CheckOut())]


# --- leaving ------------------------------------------------------------------------------------------------------------


def leaving(window: MainWindow, answer: str) -> None:
    """Close the window, and answer its question."""
    window.close()
    box = next(box for box in window.findChildren(ConfirmDialog, "check_in_question") if box.isVisible())
    assert box.windowTitle() == "Check in before you leave?"
    buttons = {button.text().replace("&", ""): button for button in box.findChildren(QPushButton)}
    assert set(buttons) == {"Check in and leave", "Leave", "Cancel"}
    buttons[answer].click()


def test_leaving_with_the_journal_checked_out_asks(qtbot: QtBot, windows: list[MainWindow], world: World, cloud: Store) -> None:
    window = start(qtbot, windows, world)
    press(qtbot, window, "Check out")
    leaving(window, "Cancel")
    assert window.isVisible()
    with qtbot.waitSignal(window.closed, timeout=20_000):
        leaving(window, "Check in and leave")
    assert cloud.head(LOCK) is None
    assert cloud.head(BLOB) is not None


def test_leaving_without_a_check_in_keeps_the_check_out(qtbot: QtBot, windows: list[MainWindow], world: World, cloud: Store) -> None:
    window = start(qtbot, windows, world)
    press(qtbot, window, "Check out")
    with qtbot.waitSignal(window.closed, timeout=20_000):
        leaving(window, "Leave")
    assert cloud.head(LOCK) is not None


def test_leaving_without_a_check_out_asks_nothing(qtbot: QtBot, windows: list[MainWindow], world: World) -> None:
    window = start(qtbot, windows, world)
    with qtbot.waitSignal(window.closed, timeout=20_000):
        window.close()


def test_a_check_in_that_fails_keeps_the_window(qtbot: QtBot, windows: list[MainWindow], world: World, cloud: Store) -> None:
    window = start(qtbot, windows, world)
    press(qtbot, window, "Check out")
    record(world.journal, "1001/Images/a.dcm")
    cloud.delete(LOCK)
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        leaving(window, "Check in and leave")
    settle(qtbot, window.session)
    assert window.isVisible()
    assert not window._stopping
    assert window.notice.isVisible()


def test_a_conflict_is_one_sentence_and_the_comparison(qtbot: QtBot, windows: list[MainWindow], world: World, cloud: Store) -> None:
    window = start(qtbot, windows, world)
    press(qtbot, window, "Check out")
    record(world.journal, "1001/Images/a.dcm")
    cloud.delete(LOCK)
    window.do(intents.CheckIn())
    qtbot.waitUntil(lambda: any(box.isVisible() for box in window.findChildren(AdoptDialog)), timeout=20_000)
    settle(qtbot, window.session)
    assert window.state.last is not None
    said = f"{window.state.last.text} {window.state.last.remedy}"
    assert said.count(". ") <= 2
    assert len(said) < 160
    assert "format" not in said
