"""What the window decides for itself: that it asks before it deletes, which answer is the safe one, and whose answers it takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from uiworld import a_session, a_window, run_job, settle
from world import World

from chorus_gui.core.custody.state import State as Custody
from chorus_gui.core.errors import JournalError
from chorus_gui.core.job import JobContext, OutcomeKind
from chorus_gui.ui import intents
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import JobKind
from chorus_gui.ui.widgets.dialogs import ConfirmDialog


def scanned(qtbot: QtBot, session: Session) -> int:
    """Scan; the revision of the review."""
    run_job(qtbot, session, intents.Scan())
    assert session.state.review is not None
    return session.state.review.revision


def test_many_deletions_need_the_person_s_own_confirmation(qtbot: QtBot, session: Session, tmp_path: Path) -> None:
    """The dialog asks for a number; without it the program refuses, whatever reached it."""
    world = World(tmp_path / "many", page_size=1000)
    for number in range(150):
        world.put(f"1/Images/{number}.dcm", str(number))
    world.run("record")
    for number in range(120):
        (world.site / f"1/Images/{number}.dcm").unlink()
    session.open(world.file)
    settle(qtbot, session)
    revision = scanned(qtbot, session)
    run_job(qtbot, session, intents.Approve(revision, record_only=True, pending=False))
    assert session.state.last is not None
    assert session.state.last.outcome is OutcomeKind.FAILED
    assert "120 of 150" in session.state.last.text
    assert len(world.active()) == 150
    run_job(qtbot, session, intents.Approve(scanned(qtbot, session), record_only=True, pending=False, allow_deletions=True))
    assert session.state.last.outcome is OutcomeKind.DONE
    assert len(world.active()) == 30


def test_the_window_does_not_send_for_a_site_that_uploads_with_scripts(qtbot: QtBot, session: Session, tmp_path: Path) -> None:
    world = World(tmp_path / "scripts")
    world.put("1/Images/a.dcm", "a")
    text = world.file.read_text("utf-8")
    world.file.write_text(text.replace("[central_path]\n", '[central_path]\nupload_method = "azcli"\n'), "utf-8")
    session.open(world.file)
    settle(qtbot, session)
    run_job(qtbot, session, intents.Approve(scanned(qtbot, session)))
    assert session.state.last is not None
    assert session.state.last.outcome is OutcomeKind.FAILED
    assert "generated scripts" in session.state.last.text
    assert list(world.central.rglob("*.dcm")) == []
    assert world.rows() == []


def test_an_answer_about_a_configuration_that_is_closed_is_dropped(qtbot: QtBot, opened: Session, world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other")
    opened.look()
    before = opened._looks
    opened.open(other.file)
    opened._seen(before, receipts=("an answer of the other site",))
    opened._take_found()
    assert "an answer of the other site" not in opened.state.receipts
    settle(qtbot, opened)
    assert opened.state.config_file == other.file


def test_a_failure_about_a_configuration_that_is_closed_is_not_told(qtbot: QtBot, opened: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(qtbot, opened)
    closed = Event()

    def damaged(*_: object) -> None:
        closed.wait(20)
        raise JournalError("The journal of the closed site is damaged.")

    monkeypatch.setattr("chorus_gui.ui.session.facts.journal", damaged)
    opened.look()
    opened.do(intents.CloseConfig())
    closed.set()
    read: list[None] = []
    opened.when_read(lambda: read.append(None))
    qtbot.waitUntil(lambda: bool(read), timeout=20_000)
    assert not any("closed site" in message.text for message in opened.state.messages)


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    with a_session(qtbot, tmp_path) as session, a_window(qtbot, session) as window:
        yield window


def forever(ctx: JobContext) -> None:
    while True:
        ctx.sleep(0.02)


def asked(window: MainWindow, name: str) -> ConfirmDialog:
    return next(box for box in window.findChildren(ConfirmDialog, name) if box.isVisible())


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Escape])
def test_enter_and_escape_keep_the_window_open_while_a_job_runs(qtbot: QtBot, window: MainWindow, key: Qt.Key) -> None:
    window.session.start(JobKind.UPLOAD, "Upload", forever, key="journal")
    window.close()
    box = asked(window, "close_question")
    QTest.keyClick(box, key)
    qtbot.waitUntil(lambda: not box.isVisible(), timeout=5000)
    (job,) = window.session.jobs.views()
    assert not job.cancelling
    assert window.isVisible()


@pytest.mark.parametrize(("key", "leaves"), [(Qt.Key.Key_Return, "Check in and leave"), (Qt.Key.Key_Escape, "")])
def test_enter_checks_in_before_leaving_and_escape_stays(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch, key: Qt.Key, leaves: str
) -> None:
    done: list[object] = []
    monkeypatch.setattr(window, "do", done.append)
    session = window.session
    session.state = replace(session.state, custody=replace(session.state.custody, state=Custody.MINE, can_check_in=True))
    session.changed.emit(session.state)
    window.close()
    box = asked(window, "check_in_question")
    assert box.yes.text().replace("&", "") == "Check in and leave"
    assert box.yes.isDefault()
    QTest.keyClick(box, key)
    qtbot.waitUntil(lambda: not box.isVisible(), timeout=5000)
    assert [type(intent).__name__ for intent in done] == (["CheckIn"] if leaves else [])
    assert window.isVisible()
