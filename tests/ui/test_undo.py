"""Undo on the Review page: what it says, what it does, and when it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot
from uiworld import run_job, settle
from world import World

from chorus_gui.app import holds
from chorus_gui.core.review.hold_list import Target
from chorus_gui.core.review.values import Query
from chorus_gui.ui import hold_intents, intents
from chorus_gui.ui.hold_actions import NOTHING, UNDONE_AT_MOST
from chorus_gui.ui.pages import Services
from chorus_gui.ui.pages.review import ReviewPage, make
from chorus_gui.ui.session import Session


@pytest.fixture
def page(qtbot: QtBot, opened: Session) -> ReviewPage:
    """The page after a scan; it does what it asks for."""
    made = make(Services(opened.reader, opened.pager, opened.settings))
    assert isinstance(made, ReviewPage)
    qtbot.addWidget(made)
    made.resize(1200, 800)
    with qtbot.waitExposed(made):
        made.show()
    made.activateWindow()
    opened.changed.connect(made.render)
    made.render(opened.state)
    made.intent.connect(opened.do)
    with qtbot.waitSignal(made.area.model.answered):
        run_job(qtbot, opened, intents.Scan())
    return made


def held(opened: Session) -> dict[str, str]:
    """Patient or path → reason."""
    with opened.workspace().holds() as kept:
        return {hold.patient_id or hold.path: hold.reason for hold in kept.all()}


def revision(opened: Session) -> int:
    assert opened.state.review is not None
    return opened.state.review.revision


def said(page: ReviewPage) -> str:
    return page.area.undo.said.full if page.area.undo.isVisible() else ""


def undo_button(page: ReviewPage) -> QPushButton | None:
    return page.area.undo.button if page.area.undo.button.isVisible() else None


def undo(qtbot: QtBot, opened: Session, page: ReviewPage) -> None:
    button = undo_button(page)
    assert button is not None
    with qtbot.waitSignal(opened.ended, timeout=20_000):
        button.click()
    settle(qtbot, opened)


def test_holds_and_releases_are_undone_the_last_first(qtbot: QtBot, opened: Session, page: ReviewPage) -> None:
    assert undo_button(page) is None
    run_job(qtbot, opened, intents.HoldBackPatient("1001", "consent withdrawn"))
    run_job(qtbot, opened, hold_intents.HoldFound(revision(opened), Query(search="1002"), 1, "later"))
    run_job(qtbot, opened, hold_intents.ReleaseFound(revision(opened), Query(patient="1001"), 2))
    assert held(opened) == {"1002/Images/b.dcm": "later"}
    whole = "Released 2 changes. Patient 1001 was released as a whole."
    assert said(page) == whole
    button = undo_button(page)
    assert button is not None
    assert button.toolTip() == f"Undo what was done last: {whole} (Ctrl+Z)"
    titles: list[str] = []
    opened.ended.connect(lambda end: titles.append(end.title))
    undo(qtbot, opened, page)
    assert held(opened) == {"1001": "consent withdrawn", "1002/Images/b.dcm": "later"}
    assert titles == [f"Undo: {whole.rstrip('.')}"], "the log writes “: started.” after it"
    assert said(page) == f"Undone: {whole} Before that: Held back 1 change.", "it says what the next one would undo"
    undo(qtbot, opened, page)
    assert held(opened) == {"1001": "consent withdrawn"}
    undo(qtbot, opened, page)
    assert held(opened) == {}
    assert undo_button(page) is None
    assert said(page) == "Undone: Held back patient 1001."


def test_with_the_keyboard_and_whatever_is_filtered(qtbot: QtBot, opened: Session, page: ReviewPage) -> None:
    run_job(qtbot, opened, intents.HoldBackPatient("1001", "consent withdrawn"))
    page.tiles.tiles["held"].click()
    page.area.view.setFocus()
    with qtbot.waitSignal(opened.ended, timeout=20_000):
        qtbot.keyClick(page.area.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    settle(qtbot, opened)
    assert held(opened) == {}
    qtbot.keyClick(page.area.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert said(page) == NOTHING, "it says that nothing is left"


@pytest.mark.parametrize("end", ["scan", "approve", "other configuration"])
def test_it_ends_with_a_scan_a_submission_and_another_configuration(
    end: str, qtbot: QtBot, opened: Session, page: ReviewPage, tmp_path: Path
) -> None:
    run_job(qtbot, opened, intents.HoldBackPatient("1001", "consent withdrawn"))
    assert opened.state.undo.steps
    review = opened.state.review
    assert review is not None
    match end:
        case "scan":
            run_job(qtbot, opened, intents.Scan())
        case "approve":
            run_job(qtbot, opened, intents.Approve(review.revision, record_only=True))
        case _:
            other = World(tmp_path / "other")
            opened.do(intents.OpenConfig(other.file))
            settle(qtbot, opened)
    assert opened.state.undo.steps == ()
    assert undo_button(page) is None
    opened.do(hold_intents.UndoHold())
    assert opened.state.undo.said == NOTHING
    assert opened.jobs.idle


def test_it_ends_with_another_journal_in_the_same_configuration(qtbot: QtBot, opened: Session, page: ReviewPage, world: World) -> None:
    run_job(qtbot, opened, intents.HoldBackPatient("1001", "consent withdrawn"))
    text = world.file.read_text("utf-8")
    run_job(qtbot, opened, intents.SaveConfig(world.file, f"{text}# a note\n", text))
    assert opened.state.undo.steps, "it is still the same journal"
    text = f"{text}# a note\n"
    run_job(qtbot, opened, intents.SaveConfig(world.file, text.replace(world.journal.name, "another.db"), text))
    assert opened.state.config is not None
    assert opened.state.config.journal.local.name == "another.db"
    assert opened.state.undo.steps == ()


def test_a_question_about_an_earlier_review_changes_nothing(qtbot: QtBot, opened: Session, page: ReviewPage) -> None:
    shown = revision(opened)
    run_job(qtbot, opened, intents.Scan())
    for late in (hold_intents.HoldFound(shown, Query(), 1, "later"), hold_intents.ReleaseFound(shown, Query(), 1)):
        run_job(qtbot, opened, late)
        assert opened.state.last is not None
        assert opened.state.last.text.startswith("The review has changed since it was shown.")
    assert held(opened) == {}


def test_a_colleague_who_was_faster_is_said(qtbot: QtBot, opened: Session, page: ReviewPage) -> None:
    run_job(qtbot, opened, intents.HoldBackPatient("1001", "consent withdrawn"))
    with opened.workspace().holds() as kept:
        kept.remove([Target(patient_id="1001")])
    undo(qtbot, opened, page)
    assert said(page).startswith("Nothing was left to undo")
    assert opened.state.undo.steps == ()


def test_only_the_last_acts_are_kept(qtbot: QtBot, opened: Session, page: ReviewPage) -> None:
    for number in range(UNDONE_AT_MOST + 1):
        run_job(qtbot, opened, intents.HoldBackPatient(str(2000 + number), "many"))
    steps = opened.state.undo.steps
    assert (len(steps), steps[-1].text) == (UNDONE_AT_MOST, f"Held back patient {2000 + UNDONE_AT_MOST}.")


@pytest.mark.parametrize("hold", [True, False])
def test_of_an_act_the_window_keeps_a_few_texts_and_no_hold(
    qtbot: QtBot, opened: Session, page: ReviewPage, monkeypatch: pytest.MonkeyPatch, hold: bool
) -> None:
    monkeypatch.setattr(holds, "_HOLDS", 2)
    ids = tuple(page.area.model.ids([(0, page.area.model.rowCount() - 1)]))
    run_job(qtbot, opened, intents.HoldBack(ids, "Consent “withdrawn”", len(ids)))
    count, before = len(held(opened)), held(opened)
    if not hold:
        run_job(qtbot, opened, intents.Release(ids, len(ids)))
    act = opened.state.undo.steps[-1].act
    assert count > 2
    assert len(act) == (count + 1) // 2
    assert {type(text) for text in act} == {str}
    undo(qtbot, opened, page)
    assert held(opened) == ({} if hold else before)


def test_while_a_job_works_the_selected_lines_are_not_looked_at(page: ReviewPage, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []

    def look(rows: object) -> tuple[bool, bool]:
        looked.append(rows)
        return True, True

    monkeypatch.setattr(page.area.model, "can_hold_and_release", look)
    page.area.set_review(busy=True, held=True)
    page.area.view.selectAll()
    assert not looked
    assert not page.area.hold_button.isEnabled()
    page.area.set_review(busy=False, held=True)
    assert looked
    assert page.area.hold_button.isEnabled()


def test_a_release_of_what_is_not_held_back_says_so(qtbot: QtBot, opened: Session, page: ReviewPage) -> None:
    """Of a long selection it is not known before."""
    run_job(qtbot, opened, hold_intents.ReleaseFound(revision(opened), Query(), 3))
    assert "Nothing changed in the held-back list" in opened.state.messages[-1].text
    assert opened.state.undo.steps == ()


def test_a_release_that_releases_a_whole_patient_says_so(qtbot: QtBot, opened: Session, page: ReviewPage) -> None:
    """Next to Undo, which takes it back; the log says nothing twice."""
    run_job(qtbot, opened, intents.HoldBackPatient("1001", "consent withdrawn"))
    run_job(qtbot, opened, hold_intents.ReleaseFound(revision(opened), Query(patient="1001", limit=1), 1))
    assert opened.state.undo.steps[-1].text == "Released 1 change. Patient 1001 was released as a whole."
    undo(qtbot, opened, page)
    log = opened.state.messages[-1].text
    assert log.startswith("Undo: Released 1 change. Patient 1001 was released as a whole: ")
    assert "Undone" not in log
