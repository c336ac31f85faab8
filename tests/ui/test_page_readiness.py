"""The Readiness page: the findings of the last runs, the passes, accepting, the way to Review, and what it never shows."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QPushButton
from pytestqt.qtbot import QtBot
from readinessworld import Site, image, table
from uiworld import a_session, run_job, settle

from chorus_gui.app import leaks, readiness_facts
from chorus_gui.app.readiness import Reading
from chorus_gui.app.readiness_report import severities
from chorus_gui.core.job import JobContext, OutcomeKind
from chorus_gui.core.passes import Pass
from chorus_gui.core.readiness.layout import SUPERSEDED
from chorus_gui.core.rules import Severity
from chorus_gui.ui import intents, readiness_intents
from chorus_gui.ui.dialogs.approve import ApproveDialog
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.pages.readiness import ReadinessPage
from chorus_gui.ui.pages.readiness_parts import severity_text
from chorus_gui.ui.pages.review import ReviewPage
from chorus_gui.ui.session import Session
from chorus_gui.ui.widgets.dialogs import ReasonDialog

CANARY = "CANARYMRN42"
LEAK = "1001/Images/dicom_unprocessed/7.dcm"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with a leak of each depth, a superseded layout, and a canary in a header, a cell and a description."""
    made = Site(tmp_path)
    made.put(LEAK, "x")
    made.put("1001/Images/20240201/1/1001_1.dcm", image("1001", "1", PatientName=f"{CANARY}^A"))
    made.put("1002/Images/CT/10021/3005/2.dcm", image("1002", "10021", InstanceNumber=2, PatientID=CANARY, PatientName=f"{CANARY}^B"))
    made.put("OMOP/note.csv", table("note", {"note_id": 1, "person_id": 1001, "note_text": CANARY, "visit_occurrence_id": 1}))
    (tmp_path / "store").mkdir()
    return made


@pytest.fixture
def session(qtbot: QtBot, tmp_path: Path, site: Site) -> Iterator[Session]:
    file = tmp_path / "config.toml"
    base = tmp_path.as_posix()
    file.write_text(
        f'[configuration]\nsupported_modalities = "OMOP,Images,Waveforms,Metadata"\n[journal.local]\npath = "{base}/journal.db"\n'
        f'[central_path]\npath = "{base}/store"\n[site_path.default]\npath = "{base}/site"\n',
        "utf-8",
    )
    with a_session(qtbot, tmp_path) as session:
        session.open(file)
        settle(qtbot, session)
        yield session


@pytest.fixture
def window(qtbot: QtBot, session: Session) -> MainWindow:
    window = MainWindow(session)
    qtbot.addWidget(window)
    window.resize(1024, 700)
    window.show()
    return window


@pytest.fixture
def page(window: MainWindow) -> ReadinessPage:
    page = window.page("readiness")
    assert isinstance(page, ReadinessPage)
    window.show_page("readiness")
    return page


def check(qtbot: QtBot, session: Session, deepest: Pass = Pass.QUICK) -> None:
    run_job(qtbot, session, readiness_intents.CheckSite(deepest))


def rules(page: ReadinessPage) -> list[str]:
    return [line.rule for number in range(page.model.rowCount()) if (line := page.model.value(number))]


def choose(page: ReadinessPage, rule: str) -> None:
    page.show_topic(rule)
    assert page._chosen() is not None
    assert page._chosen().rule == rule  # type: ignore[union-attr]


def test_before_the_first_check_it_says_so(page: ReadinessPage) -> None:
    assert page.stack.currentIndex() == 0
    assert page.empty.title.text() == "Not checked yet"
    assert all(made.isEnabled() for made in page.passes.buttons.values())
    assert not page.export.isEnabled()


def test_a_line_for_each_rule_the_worst_first(qtbot: QtBot, session: Session, page: ReadinessPage) -> None:
    check(qtbot, session)
    found = rules(page)
    assert {"P1", "I3", "I15", "N1", "L3"} <= set(found)
    assert len(found) == len(set(found))
    severities = [page.model.value(number).severity.rank for number in range(len(found))]  # type: ignore[union-attr]
    assert severities == sorted(severities)
    choose(page, "P1")
    texts = {name: made.text() for name, made in page.rule.texts.items()}
    assert texts["Where"] == LEAK
    assert all(texts.values())
    assert "Chorus_SOP" in texts["Said in"]
    assert "1 file open" in page.rule.state.text()


def test_filters_by_severity_and_modality(qtbot: QtBot, session: Session, page: ReadinessPage) -> None:
    check(qtbot, session)
    page.severity.setCurrentIndex(page.severity.findData(Severity.LEAK))
    assert set(rules(page)) == {"P1", "I3", "I15", "N1"}
    page.modality.setCurrentIndex(page.modality.findData("OMOP"))
    assert set(rules(page)) == {"P1", "N1"}  # P1 is about all modalities
    page.show_topic("leaks")
    assert page.severity.currentData() is Severity.LEAK


def test_a_superseded_layout_is_named(qtbot: QtBot, session: Session, page: ReadinessPage) -> None:
    assert page.layouts.isHidden()
    check(qtbot, session, Pass.AT_ONCE)
    assert not page.layouts.isHidden()
    line = next(line for line in session.state.readiness.lines if line.rule == "L3")  # type: ignore[union-attr]
    about = {subject.about: subject.about in page.layouts.text() for subject in line.subjects if subject.about}
    assert about == {text: text in SUPERSEDED for text in about}, "only what is a layout is named as one"
    assert any(about.values())
    assert "Sort the files again" in page.layouts.text()


def test_a_scan_runs_the_first_pass_and_the_page_shows_it(qtbot: QtBot, session: Session, page: ReadinessPage) -> None:
    run_job(qtbot, session, intents.Scan())
    assert "P1" in rules(page)
    assert "Pass “at once”" in page.passes.said.text()


def test_accept_and_withdraw(qtbot: QtBot, session: Session, page: ReadinessPage) -> None:
    check(qtbot, session, Pass.AT_ONCE)
    choose(page, "P1")
    page.rule.accept_button.click()
    dialog = page.findChild(ReasonDialog)
    assert dialog is not None
    assert not dialog.yes.isEnabled()
    dialog.field.setCurrentText("An empty phantom")
    with qtbot.waitSignal(session.ended, timeout=20_000):
        dialog.yes.click()
    settle(qtbot, session)
    choose(page, "P1")
    assert "1 file accepted" in page.rule.state.text()
    assert not page.rule.accept_button.isEnabled()
    assert page.rule.withdraw_button.isEnabled()
    run_job(qtbot, session, readiness_intents.WithdrawLeaks("P1"))
    choose(page, "P1")
    assert page.rule.accept_button.isEnabled()


def test_an_acceptance_is_undone_and_no_other_one(qtbot: QtBot, session: Session, page: ReadinessPage, site: Site) -> None:
    """Ctrl+Z on the page: what was accepted before stays accepted, and what was withdrawn since is said."""
    check(qtbot, session, Pass.AT_ONCE)
    run_job(qtbot, session, readiness_intents.AcceptLeaks("P1", "a phantom"))
    site.put(LEAK.replace("7.dcm", "8.dcm"), "y")
    check(qtbot, session, Pass.AT_ONCE)
    run_job(qtbot, session, readiness_intents.AcceptLeaks("P1", "another phantom"))
    assert [step.text for step in session.state.undo.steps] == ["Accepted rule P1 for 1 file."] * 2
    undo_with_a_key(qtbot, session, page)
    choose(page, "P1")
    assert "1 file accepted" in page.rule.state.text(), "the first one is still accepted"
    assert session.state.undo.said == "Undone: Accepted rule P1 for 1 file."
    leaks.withdraw_for_all(session.workspace(), JobContext(), "P1")  # as a colleague does
    undo_with_a_key(qtbot, session, page)
    assert "withdrawn since" in session.state.undo.said
    assert not session.state.undo.steps


def test_a_withdrawal_is_undone_and_then_what_was_accepted(qtbot: QtBot, session: Session, page: ReadinessPage) -> None:
    check(qtbot, session, Pass.AT_ONCE)
    run_job(qtbot, session, readiness_intents.AcceptLeaks("P1", "a phantom"))
    run_job(qtbot, session, readiness_intents.WithdrawLeaks("P1"))
    withdrawn = "Withdrew the acceptance of rule P1 for 1 file."
    assert page.undo.said.full == withdrawn
    undo_with_a_key(qtbot, session, page)
    assert page.undo.said.full == f"Undone: {withdrawn} Before that: Accepted rule P1 for 1 file."
    assert [one.reason for one in session.state.readiness.accepted] == ["a phantom"]  # type: ignore[union-attr]
    undo_with_a_key(qtbot, session, page)
    assert page.undo.said.full == "Undone: Accepted rule P1 for 1 file."
    assert not session.state.readiness.accepted  # type: ignore[union-attr]
    run_job(qtbot, session, readiness_intents.AcceptLeaks("P1", "a phantom"))
    run_job(qtbot, session, readiness_intents.WithdrawLeaks("P1"))
    leaks.accept_for_all(session.workspace(), JobContext(), "P1", [], "another phantom")
    undo_with_a_key(qtbot, session, page)
    assert page.undo.said.full.startswith(f"Nothing was left to undo: it was accepted again since. It was: {withdrawn}")


def test_what_is_undone_for_some_files_says_for_how_many(
    qtbot: QtBot, session: Session, page: ReadinessPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A colleague decided about the others since."""
    check(qtbot, session, Pass.AT_ONCE)
    run_job(qtbot, session, readiness_intents.AcceptLeaks("P1", "a phantom"))
    run_job(qtbot, session, readiness_intents.WithdrawLeaks("P1"))
    monkeypatch.setattr(leaks, "undo_withdraw", lambda *_: leaks.Changed(2, 0))
    undo_with_a_key(qtbot, session, page)
    assert session.state.undo.said == "Undone for 2 files: Withdrew the acceptance of rule P1 for 1 file."


def test_here_the_last_act_of_this_page_is_undone_whatever_was_held_back_since(
    qtbot: QtBot, session: Session, window: MainWindow, page: ReadinessPage
) -> None:
    run_job(qtbot, session, intents.Scan())
    run_job(qtbot, session, readiness_intents.AcceptLeaks("P1", "a phantom"))
    run_job(qtbot, session, intents.HoldBackPatient("1002", "consent withdrawn"))
    assert page.undo.said.full == "Accepted rule P1 for 1 file."
    undo_with_a_key(qtbot, session, page)
    assert not session.state.readiness.accepted  # type: ignore[union-attr]
    with session.workspace().holds() as kept:
        assert [hold.patient_id for hold in kept.all()] == ["1002"]
    assert [step.text for step in session.state.undo.steps] == ["Held back patient 1002."]
    assert page.undo.said.full == "Undone: Accepted rule P1 for 1 file."


@pytest.mark.parametrize("held", [True, False])
def test_ctrl_z_without_an_act_of_this_page_says_what_it_undoes_and_where(
    held: bool, qtbot: QtBot, session: Session, window: MainWindow, page: ReadinessPage
) -> None:
    run_job(qtbot, session, intents.Scan())
    if held:
        run_job(qtbot, session, intents.HoldBackPatient("1002", "consent withdrawn"))
    said = "Nothing to undo here"
    page.window().activateWindow()
    qtbot.waitActive(page.window())
    qtbot.keyClick(page, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert session.jobs.idle
    assert page.undo.isVisible()
    assert not page.undo.button.isVisible()
    more = (
        ". On the Review page, Ctrl+Z undoes: Held back patient 1002."
        if held
        else ": nothing was accepted or withdrawn since the last scan."
    )
    assert page.undo.said.full == said + more
    session.update(loading=False)
    assert page.undo.said.full.startswith(said), "until something is done"
    review = window.page("review")
    assert isinstance(review, ReviewPage)
    assert review.area.undo.said.full == ("Held back patient 1002." if held else "")
    run_job(qtbot, session, readiness_intents.AcceptLeaks("P1", "a phantom"))
    assert page.undo.said.full == "Accepted rule P1 for 1 file."


def test_what_was_held_back_is_not_undone_here_and_what_is_undone_is_said(qtbot: QtBot, session: Session, page: ReadinessPage) -> None:
    """Nobody sees on this page what was held back: Ctrl+Z releases nothing.  The line next to the filters moves nothing."""
    run_job(qtbot, session, intents.Scan())
    choose(page, "P1")
    places = lambda: [(one.y(), one.height()) for one in (page.severity, page.splitter)]  # noqa: E731
    QApplication.processEvents()
    before, asked = places(), list[intents.Intent]()
    page.intent.connect(asked.append)
    run_job(qtbot, session, intents.HoldBackPatient("1002", "consent withdrawn"))
    page.window().activateWindow()
    qtbot.waitActive(page.window())
    qtbot.keyClick(page, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert asked == []
    assert not page.undo.button.isVisible()
    with session.workspace().holds() as kept:
        assert [hold.patient_id for hold in kept.all()] == ["1002"]
    run_job(qtbot, session, readiness_intents.AcceptLeaks("P1", "a phantom"))
    QApplication.processEvents()
    assert page.undo.said.full == "Accepted rule P1 for 1 file."
    assert page.undo.button.isVisible()
    assert places() == before
    with qtbot.waitSignal(session.ended, timeout=20_000):
        page.undo.button.click()
    settle(qtbot, session)
    assert page.undo.said.full == "Undone: Accepted rule P1 for 1 file."
    assert not page.undo.button.isVisible(), "what was before is a hold"
    QApplication.processEvents()
    assert places() == before


def undo_with_a_key(qtbot: QtBot, session: Session, page: ReadinessPage) -> None:
    page.window().activateWindow()
    qtbot.waitActive(page.window())
    with qtbot.waitSignal(session.ended, timeout=20_000):
        qtbot.keyClick(page, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    settle(qtbot, session)


def test_from_a_finding_to_its_files_in_review_and_back_to_all(
    qtbot: QtBot, session: Session, window: MainWindow, page: ReadinessPage
) -> None:
    run_job(qtbot, session, intents.Scan())
    choose(page, "P1")
    assert "1 file open" in page.rule.state.text()
    review = window.page("review")
    assert isinstance(review, ReviewPage)
    page.rule.files.click()
    qtbot.waitUntil(lambda: review.area.model.rowCount() == 1, timeout=20_000)
    assert window.stack.currentWidget() is review
    review.area.view.selectRow(0)
    qtbot.waitUntil(lambda: len(review.area.selected()) == 1, timeout=20_000)
    ids = tuple(review.area.selected())
    run_job(qtbot, session, intents.HoldBack(ids, "not de-identified", 1))
    facts = session.state.review
    assert facts is not None
    assert facts.leaks == 0
    settle(qtbot, session)
    choose(page, "P1")
    assert page.rule.state.text().endswith(": 1 file held back")
    assert severity_text(page._chosen() or pytest.fail("no rule")) == "Leak, held back"
    run_job(qtbot, session, intents.Release(ids, 1))
    settle(qtbot, session)
    choose(page, "P1")
    assert page.rule.state.text().endswith(": 1 file open")
    review._show_all()
    qtbot.waitUntil(lambda: review.area.model.rowCount() > 1, timeout=20_000)


def test_approval_is_not_possible_while_a_leak_is_open(qtbot: QtBot, session: Session, window: MainWindow, page: ReadinessPage) -> None:
    run_job(qtbot, session, intents.Scan())
    review = window.page("review")
    assert isinstance(review, ReviewPage)
    window.show_page("review")
    review._approve()
    dialog = review.findChild(ApproveDialog)
    assert dialog is not None
    assert not dialog.yes.isEnabled()
    assert dialog.record.isEnabled()
    assert "1 file to upload has a leak of patient data" in dialog.leaks.text()
    assert dialog._leak_notice.isVisibleTo(dialog)
    assert "leak of patient data" in dialog.yes.toolTip()
    dialog.open_leaks.click()
    assert window.stack.currentWidget() is page
    assert page.severity.currentData() is Severity.LEAK
    config = session.state.config
    assert config is not None
    leaks.accept(config, "P1", [], "a phantom")
    session.look()
    settle(qtbot, session)
    review._approve()
    dialog = review.findChildren(ApproveDialog)[-1]
    assert dialog.yes.isEnabled()
    assert dialog._leak_notice.isHidden()
    assert any("was accepted" in made.text() for made in dialog.findChildren(QLabel))
    assert any("readiness check found" in made.text() for made in dialog.findChildren(QLabel))


def test_approval_is_not_possible_while_leaks_are_open_that_are_not_known_here(qtbot: QtBot, session: Session, page: ReadinessPage) -> None:
    run_job(qtbot, session, intents.Scan())
    review = session.state.review
    assert review is not None
    says = "Checks found leaks of patient data, and this computer does not know in which files."
    unknown = replace(review, leaks=0, pending_leaks=0, leak_rules=(), forgotten_leaks=says)
    dialog = ApproveDialog(page, session.state, unknown, lambda _: None)
    qtbot.addWidget(dialog)
    assert not dialog.yes.isEnabled()
    assert dialog.record.isEnabled()
    assert dialog._leak_notice.isVisibleTo(dialog)
    assert dialog.leaks.text() == dialog.yes.toolTip() == says
    assert not any("rules )" in made.text() for made in dialog.findChildren(QLabel))


def test_a_long_pass_says_what_it_reads_and_waits(
    qtbot: QtBot, session: Session, page: ReadinessPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chorus_gui.ui.readiness_actions.CONFIRM_SECONDS", -1.0)
    ends: list[Any] = []
    session.ended.connect(ends.append)
    page.passes.buttons[Pass.THOROUGH].click()
    qtbot.waitUntil(lambda: "Select Continue to begin" in page.passes.said.text(), timeout=20_000)
    assert "To read: " in page.passes.said.text()
    qtbot.waitUntil(lambda: any(job.paused for job in session.state.jobs), timeout=20_000)
    assert page.passes.pause.text() == "Continue"
    assert ends == []
    page.passes.pause.click()
    qtbot.waitUntil(lambda: bool(ends), timeout=20_000)
    assert ends[0].outcome is OutcomeKind.DONE
    settle(qtbot, session)
    assert "Pass “thorough”" in page.passes.said.text()
    page.passes.buttons[Pass.THOROUGH].click()
    qtbot.waitUntil(lambda: "Select Continue to begin" in page.passes.said.text() or len(ends) > 1, timeout=20_000)
    page.passes.cancel.click()
    qtbot.waitUntil(lambda: len(ends) > 1, timeout=20_000)
    settle(qtbot, session)


def test_a_site_in_a_cloud_always_asks(qtbot: QtBot, session: Session, page: ReadinessPage, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Reading("To read: 1 kB. Its provider may charge for it.", 0.1, in_cloud=True)
    monkeypatch.setattr("chorus_gui.app.readiness.reading_of", lambda *_: told)
    page.passes.buttons[Pass.QUICK].click()
    qtbot.waitUntil(lambda: "may charge" in page.passes.said.text() and "Select Continue" in page.passes.said.text(), timeout=20_000)
    with qtbot.waitSignal(session.ended, timeout=20_000):
        page.passes.cancel.click()
    settle(qtbot, session)


@pytest.mark.parametrize("name", ["found.csv", "found.html"])
def test_export(name: str, qtbot: QtBot, session: Session, page: ReadinessPage, tmp_path: Path) -> None:
    check(qtbot, session)
    file = tmp_path / name
    run_job(qtbot, session, readiness_intents.ExportReadiness(file))
    text = file.read_text("utf-8-sig")
    assert CANARY not in text
    assert LEAK in text
    if name.endswith(".csv"):
        lines = list(csv.DictReader(text.splitlines()))
        assert {line["rule"] for line in lines} == {line.rule for line in session.state.readiness.lines}  # type: ignore[union-attr]
    else:
        assert "://" not in text
        assert "Superseded layouts" in text


def test_no_value_of_a_file_is_on_the_page_or_in_what_is_kept(
    qtbot: QtBot, session: Session, window: MainWindow, page: ReadinessPage, tmp_path: Path
) -> None:
    check(qtbot, session, Pass.THOROUGH)
    for number in range(page.model.rowCount()):
        page.table.selectRow(number)
        seen = [made.text() for made in window.findChildren(QLabel)] + [made.toolTip() for made in window.findChildren(QPushButton)]
        assert CANARY not in "\n".join(seen)
    for file in (*tmp_path.rglob("*.db"), *tmp_path.rglob("*.ini"), *tmp_path.rglob("*.log")):
        if file.is_relative_to(tmp_path / "site"):
            continue
        assert CANARY.encode() not in file.read_bytes(), file
    assert CANARY not in "\n".join(message.text for message in session.state.messages)


def test_everything_has_a_name_and_the_keyboard_reaches_it(qtbot: QtBot, session: Session, page: ReadinessPage) -> None:
    check(qtbot, session, Pass.AT_ONCE)
    for made in (*page.findChildren(QPushButton), *page.findChildren(QComboBox)):
        if made.isVisibleTo(page):
            assert made.accessibleName(), made
            assert made.toolTip(), made
    letters = [
        text[text.index("&") + 1].lower()
        for made in page.findChildren(QPushButton)
        if "&" in (text := made.text()) and made.isVisibleTo(page)
    ]
    assert len(letters) == len(set(letters)), letters
    page.table.setFocus()
    assert QApplication.focusWidget() is page.table or not page.isActiveWindow()


def test_facts_come_from_the_newest_run_that_could_find_them(site: Site, tmp_path: Path) -> None:
    ctx = JobContext()
    config = site.config()
    site.check(Pass.QUICK)
    before = readiness_facts.readiness(config, ctx)
    assert before is not None
    assert {"I3", "P1"} <= {line.rule for line in before.lines}
    (site.root / LEAK).unlink()
    site.check(Pass.AT_ONCE)
    after = readiness_facts.readiness(config, ctx)
    assert after is not None
    found = {line.rule: line.deepest for line in after.lines}
    assert "P1" not in found
    assert found["I3"] is Pass.QUICK
    site.check(Pass.AT_ONCE, modalities=["OMOP"])
    partial = readiness_facts.readiness(config, ctx)
    assert partial is not None
    assert "L3" in {line.rule for line in partial.lines}


def test_the_severities_are_a_list_of_a_sentence_and_one_file_is_one_file(qtbot: QtBot, session: Session, page: ReadinessPage) -> None:
    assert severities({"leak": 1}) == "1 leak of patient data"
    assert severities({"leak": 2, "note": 1}) == "2 leaks of patient data and 1 note"
    assert (
        severities({"rejected": 1, "questionable": 2, "note": 3})
        == "1 finding that makes files unusable, 2 questionable findings and 3 notes"
    )
    assert severities({}) == ""
    check(qtbot, session)
    choose(page, "P1")
    page.rule.accept_button.click()
    (asked,) = [one for one in page.findChildren(ReasonDialog) if one.isVisible()]
    said = " ".join(one.text() for one in asked.findChildren(QLabel))
    assert "for 1 file?" in said
    assert "If this file may be sent" in said
    asked.reject()
