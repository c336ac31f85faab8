"""The Upload page: what waits, what runs, what failed; what its buttons ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot
from world import World

from chorus_gui.app.values import CustodyFacts, JournalFacts, ReviewFacts
from chorus_gui.core.config.model import UploadMethod
from chorus_gui.core.custody.state import State as Custody
from chorus_gui.core.job import Active, AtWork, Count, OutcomeKind, Snapshot
from chorus_gui.core.model import Approval, ChangeKind, DiffSummary, Failure, Item, Tally, VersionCount
from chorus_gui.core.timetable import EXAMPLE, at_most, parse_limit
from chorus_gui.ui import intents
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.models.failures import FAILURE_ROLE, FailuresModel
from chorus_gui.ui.models.progress import FRACTION_ROLE, PROGRESS, ActiveModel, Meter, ProgressModel, UploadRun
from chorus_gui.ui.pages import Services, upload
from chorus_gui.ui.pages.upload import UploadPage, idle, make
from chorus_gui.ui.settings import Settings
from chorus_gui.ui.state import JobEnd, JobKind, JobProgress, JobView, Preferences, SessionState

CLICK = Qt.MouseButton.LeftButton


@pytest.fixture
def page(qtbot: QtBot, tmp_path: Path) -> Iterator[UploadPage]:
    readers = Reader("reader"), Reader("pager")
    page = make(Services(*readers, Settings(tmp_path / "window.ini")))
    assert isinstance(page, UploadPage)
    qtbot.addWidget(page)
    page.resize(1100, 800)
    page.show()
    yield page
    for reader in readers:
        reader.stop()
        assert reader.wait(5000)


@pytest.fixture
def state(tmp_path: Path) -> SessionState:
    """Two files are uploaded, three wait."""
    world = World(tmp_path / "world")
    config = world.config
    counts = (VersionCount("v1", "OMOP", 2, 200, 0, 0, 0, None), VersionCount("v2", "Images", 3, 3000, 3, 3000, 0, None))
    journal = JournalFacts(config.journal.local, True, "", 2, ("v1", "v2"), counts)
    custody = CustodyFacts(Custody.MINE, "Checked out by you", may_write=True, can_check_in=True)
    return SessionState(config_file=world.file, config=config, journal=journal, custody=custody)


def job(state: SessionState, **fields: object) -> JobView:
    return replace(JobView(7, JobKind.SUBMIT, "Submit 10 changes", state.key, True), **fields)  # type: ignore[arg-type]


def asked(qtbot: QtBot, page: UploadPage, button: object) -> object:
    with qtbot.waitSignal(page.intent, timeout=2000) as caught:
        qtbot.mouseClick(button, CLICK)
    assert caught.args is not None
    return caught.args[0]


def failure(number: int, kind: str = "SourceVanishedError") -> Failure:
    item = Item(number, "Images", f"1001/Images/{number}.dcm", f"v2/{number}", 100, 0)
    return Failure(item, kind, f"{item.path} is gone.", "Scan again.", 3)


def review(state: SessionState, **fields: object) -> ReviewFacts:
    to_do = {ChangeKind.ADDED: Tally(4, 400)}
    made = ReviewFacts(state.journal.path, 1, 0, "full", ("Images",), DiffSummary(), to_do)  # type: ignore[union-attr]
    return replace(made, **fields)  # type: ignore[arg-type]


# --- when nothing is sent -----------------------------------------------------------------------------------------------


def test_pending_files_are_offered(qtbot: QtBot, page: UploadPage, state: SessionState) -> None:
    page.render(state)
    assert page.stack.currentWidget() is page.empty
    assert "3 files" in page.empty.title.text()
    assert page.empty.action.text() == "Upload 3 pending files"
    assert asked(qtbot, page, page.empty.action) == intents.UploadPending()


@pytest.mark.parametrize(("failed", "label"), [(1, "Retry 1 failed file"), (4, "Retry 4 failed files")])
def test_how_many_failed_files_a_button_retries(state: SessionState, monkeypatch: pytest.MonkeyPatch, failed: int, label: str) -> None:
    monkeypatch.setattr(upload, "status_of", lambda _: None)  # the run ended by itself: there is nothing to resume
    left = review(state, approval=Approval("h", "v3", "me", 0), to_do={ChangeKind.ADDED: Tally(failed, 400)})
    assert idle(replace(state, journal=replace(state.journal, counts=()), review=left)).action == label  # type: ignore[type-var]


def test_what_to_do_next(state: SessionState) -> None:
    def said(**fields: object) -> object:
        return idle(replace(state, **fields)).intent  # type: ignore[arg-type]

    nothing = replace(state.journal, counts=())  # type: ignore[type-var]
    assert idle(SessionState()).intent == intents.ShowPage("configuration")
    assert said(journal=None) is None
    assert said(journal=replace(nothing, error="It is damaged.")) == intents.ShowPage("history", "copies")
    assert said(journal=nothing) == intents.ShowPage("review")
    assert idle(replace(state, journal=nothing)).title == "No pending files"
    assert idle(replace(state, journal=nothing, review=review(state))).title.endswith("to approve")
    assert said(review=review(state, approval=Approval("h", "v3", "me", 0))) == intents.RetryFailed()
    free = CustodyFacts(Custody.FREE, "Not checked out", "Nobody has it.", can_check_out=True)
    assert said(custody=free) == intents.CheckOut()
    assert said(custody=CustodyFacts(Custody.LOCKED, "Checked out by somebody")) == intents.ShowPage("overview", "custody")
    by_script = replace(state.config, upload_method=UploadMethod.AZCLI)  # type: ignore[type-var]
    assert idle(replace(state, config=by_script)).intent is None
    assert "script" in idle(replace(state, config=by_script)).title


def test_nothing_begins_while_another_job_works_on_the_journal(page: UploadPage, state: SessionState) -> None:
    page.render(replace(state, jobs=(job(state, kind=JobKind.SCAN),)))
    assert not page.empty.action.isEnabled()
    assert not page.pause.isVisible()


# --- while it runs ------------------------------------------------------------------------------------------------------


def feed(page: UploadPage, view: JobView, counts: dict[str, Count], *active: Active) -> None:
    page.progress(JobProgress(view, Snapshot("upload", counts, active, 1.0)))


def test_the_workers_of_a_cluster_are_shown_while_they_work(page: UploadPage, state: SessionState) -> None:
    going = job(state)
    page.render(replace(state, jobs=(going,)))
    counts = {"Images": Count(2, 250, 0, 8, 1000)}
    feed(page, going, counts)
    assert not page.view.crew.isVisible()
    workers = (AtWork("w1 (tcp://10.0.0.1:4000)", 2, 1200), AtWork("w2 (tcp://10.0.0.2:4000)", 2, 0, "It does not see the same site."))
    page._last_flight = 0.0
    page.progress(JobProgress(going, Snapshot("upload", counts, (), 1.0, workers=workers)))
    assert page.view.crew.isVisible()
    shown = [[page.view.workers.index(row, column).data() for column in range(4)] for row in range(2)]
    assert shown == [
        ["w1 (tcp://10.0.0.1:4000)", "2", "1,200", "At work"],
        ["w2 (tcp://10.0.0.2:4000)", "2", "0", "Left out. It does not see the same site."],
    ]
    QAbstractItemModelTester(page.view.workers)
    page.render(replace(state, jobs=(), last=JobEnd(7, JobKind.SUBMIT, "Submit", OutcomeKind.DONE, "Done.")))
    assert not page.view.crew.isVisible()


def test_a_running_upload(qtbot: QtBot, page: UploadPage, state: SessionState) -> None:
    going = job(state)
    page.render(replace(state, jobs=(going,)))
    assert page.stack.currentWidget() is not page.empty
    assert page.view.status.text() == "Preparing…"
    counts = {"Images": Count(2, 250, 1, 8, 1000), "OMOP": Count(2, 200, 0, 2, 200)}
    feed(page, going, counts, Active("Images", "1001/Images/big.dcm", 50, 100))
    shown = {name: figure.text for name, figure in page.view.figures.items()}
    assert shown["Files"] == "4 of 10"
    assert shown["Failed"] == "1"
    names = [page.view.modalities.index(row, 0).data() for row in range(page.view.modalities.rowCount())]
    assert names == ["OMOP", "Images", "Total"]
    assert page.view.modalities.index(1, PROGRESS).data(FRACTION_ROLE) == 0.25
    assert page.view.active.index(0, 0).data() == "1001/Images/big.dcm"
    assert asked(qtbot, page, page.pause) == intents.PauseJob(7)
    assert asked(qtbot, page, page.cancel) == intents.CancelJob(7)
    page.render(replace(state, jobs=(job(state, paused=True),)))
    assert "Paused" in page.view.status.text()
    assert asked(qtbot, page, page.pause) == intents.ResumeJob(7)
    page.render(replace(state, jobs=(job(state, cancelling=True),)))
    assert not page.cancel.isEnabled()
    assert not page.pause.isEnabled()


def test_a_running_upload_shows_no_summary_of_another(page: UploadPage, state: SessionState) -> None:
    page.render(replace(state, jobs=(job(state, running=True),)))
    assert not page.summary.isVisible(), "nothing has ended yet"


def test_another_jobs_progress_is_not_for_this_page(page: UploadPage, state: SessionState) -> None:
    page.render(replace(state, jobs=(job(state),)))
    feed(page, job(state, id=8), {"Images": Count(1, 1, 0, 1, 1)})
    assert page.view.figures["Files"].text == "–"


def write(qtbot: QtBot, page: UploadPage, text: str) -> None:
    page.limit.edit.setFocus()
    page.limit.edit.selectAll()
    qtbot.keyClicks(page.limit.edit, text)
    qtbot.keyClick(page.limit.edit, Qt.Key.Key_Return)


def test_the_limit_is_live(qtbot: QtBot, page: UploadPage, state: SessionState) -> None:
    page.render(state)
    assert page.limit.edit.text() == "No limit"
    with qtbot.waitSignal(page.intent) as caught:
        write(qtbot, page, "500k")
    assert caught.args == [intents.SetLimit("500 kB/s")]
    with qtbot.waitSignal(page.intent) as caught:
        page.limit.field.setCurrentIndex(page.limit.field.findText("4 MB/s"))
        page.limit.field.activated.emit(page.limit.field.currentIndex())
    assert caught.args == [intents.SetLimit("4 MB/s")]
    page.render(replace(state, preferences=Preferences(limit=at_most(2_000_000))))
    assert page.limit.edit.text() == "2 MB/s"
    with qtbot.waitSignal(page.intent) as caught:
        write(qtbot, page, "no limit")
    assert caught.args == [intents.SetLimit("off")]


def test_a_wrong_limit_changes_nothing_and_shows_a_right_one(qtbot: QtBot, page: UploadPage, state: SessionState) -> None:
    page.render(replace(state, preferences=Preferences(limit=at_most(2_000_000))))
    asked: list[intents.Intent] = []
    page.intent.connect(asked.append)
    write(qtbot, page, "4 Mb/s")
    assert asked == []
    assert not page.limit.hint.isHidden()
    assert "Write 4 MB/s for bytes" in page.limit.hint.text()
    assert EXAMPLE in page.limit.hint.text()
    page.limit.edit.clearFocus()
    page.limit._timer.timeout.emit()
    assert page.limit.edit.text() == "4 Mb/s"
    assert not page.limit.hint.isHidden(), "as long as the field has it, it says that it is wrong"
    write(qtbot, page, "2 MB/s")
    assert page.limit.hint.isHidden()


def test_a_timetable_says_what_comes_next(page: UploadPage, state: SessionState) -> None:
    page.render(replace(state, preferences=Preferences(limit=parse_limit(EXAMPLE))))
    assert re.fullmatch(r"(4 MB/s|Free) until .*[0-9]{2}:00, then (free|4 MB/s)\.", page.limit.hint.text())
    assert not page.limit.hint.isHidden()


def test_the_limit_of_the_configuration_can_be_chosen(page: UploadPage, state: SessionState) -> None:
    assert state.config is not None
    configured = parse_limit("3 MB/s on weekends, free otherwise")
    page.render(replace(state, config=replace(state.config, limit=configured), preferences=Preferences(limit=configured)))
    assert page.limit.field.itemText(0) == configured.text == page.limit.edit.text()


# --- afterwards ---------------------------------------------------------------------------------------------------------


def end(outcome: OutcomeKind = OutcomeKind.DONE, receipt: Path | None = Path("receipt.html")) -> JobEnd:
    return JobEnd(7, JobKind.SUBMIT, "Submit 10 changes", outcome, "9 files uploaded and proved.", receipt=receipt, seconds=12)


def test_a_finished_upload_leads_on(qtbot: QtBot, page: UploadPage, state: SessionState) -> None:
    done = replace(state.journal, counts=state.journal.counts[:1])  # type: ignore[union-attr, type-var]
    page.render(replace(state, jobs=(job(state),)))
    feed(page, job(state), {"Images": Count(8, 900, 0, 10, 1000)})
    page.render(replace(state, journal=done, last=end()))
    assert page.summary.heading.text() == "The upload is complete"
    assert page.view.modalities.index(0, 2).data() == "10 of 10", "it came to its end: the last look only missed it"
    assert not page.summary.next.isVisible()
    assert not page.failures.isVisible()
    assert asked(qtbot, page, page.summary.receipt) == intents.OpenPath(Path("receipt.html"))
    assert asked(qtbot, page, page.summary.verify) == intents.ShowPage("verify", "v2")
    assert asked(qtbot, page, page.summary.check_in) == intents.CheckIn()
    page.render(replace(state, journal=done, last=None))
    assert page.summary.isVisible(), "the notice above was read; the page keeps what happened"


def test_a_cancelled_upload_offers_the_rest(qtbot: QtBot, page: UploadPage, state: SessionState) -> None:
    page.render(replace(state, jobs=(job(state),)))
    feed(page, job(state), {"Images": Count(4, 400, 0, 10, 1000)})
    page.render(replace(state, last=end(OutcomeKind.CANCELLED, None)))
    assert page.summary.heading.text() == "The upload was stopped"
    assert not page.summary.receipt.isVisible()
    assert page.view.modalities.index(0, 2).data() == "4 of 10"
    assert asked(qtbot, page, page.summary.next) == intents.UploadPending()


def test_another_configuration_has_its_own_uploads(page: UploadPage, state: SessionState, tmp_path: Path) -> None:
    page.render(replace(state, jobs=(job(state),)))
    page.render(replace(state, last=end()))
    other = World(tmp_path / "other").config
    page.render(replace(state, config=other))
    assert page.stack.currentWidget() is page.empty


def test_failures_by_cause(qtbot: QtBot, page: UploadPage, state: SessionState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = (*(failure(n) for n in range(3)), failure(9, "SourceUnreadableError"))
    page.render(replace(state, jobs=(job(state),)))
    feed(page, job(state), {"Images": Count(5, 500, 1, 10, 1000)})
    page.render(replace(state, last=end(), failures=failures))
    assert page.failures.isVisible()
    assert page.failures.heading.text() == "4 files failed"
    model = page.failures.model
    assert [model.index(row, 0).data() for row in range(2)] == ["The file is no longer on the site", "The file could not be read"]
    assert model.index(0, 1).data() == "3 files"
    assert page.view.modalities.index(0, 2).data() == "6 of 10"
    assert page.view.modalities.index(0, 6).data() == "4"
    assert asked(qtbot, page, page.failures.again) == intents.RetryFailed()
    file = tmp_path / "failures.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(file), ""))
    assert asked(qtbot, page, page.failures.save) == intents.ExportFailures(file)


def test_all_of_a_remedy_can_be_read(page: UploadPage, state: SessionState) -> None:
    """Below the table, on lines as long as the page is wide: of the cause first, then of the selected line; and nothing moves then."""
    page.resize(820, 600)
    long = "Ask the central team whether the account is right. " * 5 + "Then scan again."
    page.render(replace(state, last=end(), failures=tuple(replace(failure(n), remedy=long) for n in range(60))))
    tree, details = page.failures.tree, page.failures.details
    assert details.isVisible()
    assert long in details.text()
    QApplication.processEvents()
    assert details.height() >= details.heightForWidth(details.width())
    assert details.wordWrap()
    at = tree.mapTo(page, tree.rect().topLeft())
    tree.expandAll()
    tree.setCurrentIndex(page.failures.model.index(7, 0, page.failures.model.index(0, 0)))
    QApplication.processEvents()
    assert details.text().startswith("1001/Images/7.dcm\n1001/Images/7.dcm is gone.")
    assert long in details.text()
    assert "Tried 3 times." in details.accessibleName()
    assert tree.mapTo(page, tree.rect().topLeft()) == at
    assert tree.horizontalScrollBar().maximum() == 0


@pytest.mark.parametrize(("files", "most"), [(1, 100), (5, 210), (40, 2000)])
def test_a_short_list_of_failed_files_has_no_empty_lines(page: UploadPage, state: SessionState, files: int, most: int) -> None:
    """What is said below it was off the screen.  A long list takes what space there is."""
    page.resize(900, 1400)
    page.render(replace(state, last=end(), failures=tuple(failure(n) for n in range(files))))
    QApplication.processEvents()
    tree = page.failures.tree
    line = tree.sizeHintForRow(0)
    assert tree.viewport().height() <= most
    assert min(files + 1, 6) * line <= tree.viewport().height()
    assert files > 5 or tree.viewport().height() < (files + 2) * line


# --- the models ---------------------------------------------------------------------------------------------------------


def test_the_failures_model(qtbot: QtBot) -> None:
    model = FailuresModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.show_failures([failure(n, kind) for n in range(30) for kind in ("SourceVanishedError", "Unheard of")])
    group = model.index(1, 0)
    assert model.rowCount(group) == 30
    leaf = model.index(4, 2, group)
    assert leaf.data().endswith("is gone.")
    assert leaf.data(FAILURE_ROLE).item.key == 4
    assert "Tried 3 times." in leaf.data(Qt.ItemDataRole.ToolTipRole)
    assert leaf.parent() == group
    model.show_failures([])
    assert model.rowCount() == 0
    del tester


def test_the_progress_models(qtbot: QtBot) -> None:
    progress, active = ProgressModel(), ActiveModel()
    testers = [QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal) for model in (progress, active)]
    run = UploadRun(1)
    run.feed(Snapshot("upload", {"OMOP": Count(0, 0, 0, None, None)}), 0.0)
    progress.show_items(run.lines)
    assert progress.index(0, PROGRESS).data(FRACTION_ROLE) is None
    assert progress.index(0, 2).data() == "0"
    progress.show_items(())
    assert progress.rowCount() == 0
    active.show_active([Active("Images", f"{n}.dcm", n, size) for n, size in enumerate([5, 100, 0, *range(50, 60)])])
    assert active.rowCount() == 8
    assert active.index(0, 0).data() == "1.dcm", "the largest, in the order in which they began"
    del testers


def test_parts_of_a_run_add_up() -> None:
    run = UploadRun(1)
    run.feed(Snapshot("record", note="reading"), 0.0)
    assert (run.phase, run.lines[:-1]) == ("record", ())
    run.feed(Snapshot("upload", {"Images": Count(9, 900, 0, 10, 1000)}), 1.0)
    run.feed(Snapshot("upload", {"Images": Count(9, 880, 0, 10, 1000)}), 2.0)
    assert run.total.count.bytes == 880, "a retry takes bytes back"
    run.feed(Snapshot("upload", {"OMOP": Count(1, 50, 0, 2, 100), "Images": Count(0, 0, 0, 5, 500)}), 3.0)
    assert [(line.name, line.count.files, line.count.total_files) for line in run.lines] == [
        ("OMOP", 1, 2),
        ("Images", 10, 15),
        ("", 11, 17),
    ]
    run.feed(Snapshot("upload", {}), 4.0)
    assert run.total.count.files == 17, "a part without files ends the one before"
    run.end({"Images": Tally(2, 200)}, complete=True)
    assert (run.total.count.files, run.total.count.failed, run.total.count.bytes) == (15, 2, 1400)


def test_no_modality_ends_later_than_all_of_them() -> None:
    """While it waits for its turn, a modality has a rate that says nothing."""
    run = UploadRun(1)
    for second in range(5):
        counts = {"OMOP": Count(1, second, 0, 5, 1_000_000), "Images": Count(second, 100_000 * second, 0, 10, 1_000_000)}
        run.feed(Snapshot("upload", counts), float(second))
    omop, images, total = run.lines
    assert total.left == pytest.approx(16, rel=0.01)
    assert (omop.left, images.left) == (total.left, pytest.approx(6, rel=0.01))


def test_rate_and_time_left() -> None:
    meter = Meter()
    assert meter.rate is None
    for second in range(30):
        meter.add(float(second), 100 * second if second < 15 else 1500 + 10 * (second - 15))
    assert meter.rate == pytest.approx(10, rel=0.2), "the last ten seconds count"
    meter.add(30.0, 0)
    assert meter.rate == 0
    run = UploadRun(1)
    for second in range(5):
        run.feed(Snapshot("upload", {"Images": Count(0, 100 * second, 0, 10, 1000)}), float(second))
    assert run.total.rate == pytest.approx(100)
    assert run.total.left == pytest.approx(6)
    run.feed(Snapshot("upload", {"Images": Count(0, 400, 0, 10, 1000)}), 9.0, paused=True)
    assert run.total.rate is None
