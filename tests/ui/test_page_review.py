"""The Review page: what it shows in each state, and what it asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QComboBox, QDialog, QFileDialog, QLabel, QLineEdit, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot
from uiworld import run_job
from world import World

from chorus_gui.app.values import ReviewFacts
from chorus_gui.core.config.model import UploadMethod
from chorus_gui.core.custody.state import State as Custody
from chorus_gui.core.errors import ReviewError
from chorus_gui.core.folders import user_name
from chorus_gui.core.job import Count, Snapshot
from chorus_gui.core.model import Approval, ChangeKind, Grade, Mode, Tally
from chorus_gui.core.review.values import CloudReading
from chorus_gui.ui import intents
from chorus_gui.ui.dialogs.approve import ApproveDialog
from chorus_gui.ui.in_window import in_window
from chorus_gui.ui.models.columns import DESTINATION, KIND, MODIFIED, PATH, SIZE
from chorus_gui.ui.models.pending import PATH as PENDING_PATH
from chorus_gui.ui.models.pending import VERSION as PENDING_VERSION
from chorus_gui.ui.pages import Services
from chorus_gui.ui.pages.review import ReviewPage, make, notices, why_not_approve
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import JobKind, JobProgress, JobView, SessionState
from chorus_gui.ui.widgets.dialogs import ConfirmDialog, ReasonDialog
from chorus_gui.ui.widgets.fold import Fold

D = TypeVar("D", ConfirmDialog, ReasonDialog)


@pytest.fixture
def page(qtbot: QtBot, opened: Session) -> ReviewPage:
    """The page on a session; what it asks for is kept in ``asked``, not done."""
    made = make(Services(opened.reader, opened.pager, opened.settings))
    assert isinstance(made, ReviewPage)
    qtbot.addWidget(made)
    made.resize(1200, 800)
    made.show()
    opened.changed.connect(made.render)
    made.render(opened.state)
    return made


@pytest.fixture
def asked(page: ReviewPage) -> list[intents.Intent]:
    out: list[intents.Intent] = []
    page.intent.connect(out.append)
    return out


@pytest.fixture
def scanned(qtbot: QtBot, opened: Session, world: World, page: ReviewPage) -> SessionState:
    """Everything submitted once, then one file of every kind of change, and a scan."""
    world.put("1003/Waveforms/old.dat", "old name")
    world.run()
    world.put("1001/Images/new.dcm", "new")
    world.put("OMOP/person.csv", "person_id\n1\n2\n")
    (world.site / "1001/Waveforms/a.dat").unlink()
    (world.site / "1003/Waveforms/old.dat").rename(world.site / "1003/Waveforms/renamed.dat")
    world.put("readme.txt", "of no modality")
    with qtbot.waitSignal(page.area.model.answered):
        run_job(qtbot, opened, intents.Scan())
    settled(qtbot, page, 6)
    return opened.state


def settled(qtbot: QtBot, page: ReviewPage, count: int) -> None:
    """So many changes are shown, and their rows are here."""
    qtbot.waitUntil(lambda: page.area.model.count == count, timeout=5000)
    if not page.area.model.query.by_patient:
        qtbot.waitUntil(lambda: all(page.area.model.change(row) is not None for row in range(count)), timeout=5000)


def paths(page: ReviewPage) -> list[str]:
    return [str(page.area.model.index(row, PATH).data()) for row in range(page.area.model.rowCount())]


def the_question(qtbot: QtBot, page: ReviewPage, kind: type[D]) -> D:
    """The question that is asked when it was counted what it is about."""
    qtbot.waitUntil(lambda: page.findChild(kind) is not None, timeout=20_000)
    dialog = page.findChild(kind)
    assert dialog is not None
    return dialog


def select(page: ReviewPage, path: str) -> None:
    page.area.view.selectRow(paths(page).index(path))


# --- what is shown --------------------------------------------------------------------------------------------------------


def test_before_the_first_scan_it_says_what_to_do(qtbot: QtBot, page: ReviewPage, asked: list[intents.Intent]) -> None:
    assert page.stack.currentIndex() == 0
    assert page.empty.action.text() == "Scan the site"
    assert not page.approve.isVisible()
    qtbot.mouseClick(page.empty.action, Qt.MouseButton.LeftButton)
    assert asked == [intents.Scan()]


def test_without_a_configuration_it_leads_to_one(qtbot: QtBot, page: ReviewPage, asked: list[intents.Intent]) -> None:
    page.render(SessionState())
    assert not page.scan.isVisible()
    qtbot.mouseClick(page.empty.action, Qt.MouseButton.LeftButton)
    assert asked == [intents.ShowPage("configuration")]


def test_mode_and_modalities_are_those_of_every_scan(qtbot: QtBot, page: ReviewPage, asked: list[intents.Intent]) -> None:
    assert page.scan.mode.itemText(0) == "full (configured)"
    page.scan.mode.setCurrentIndex(page.scan.mode.findData(Mode.APPEND))
    page.scan._boxes["Images"].click()
    qtbot.mouseClick(page.scan.go, Qt.MouseButton.LeftButton)
    assert [one for one in asked if isinstance(one, intents.Scan)] == [intents.Scan(Mode.APPEND, ("OMOP", "Waveforms", "Metadata"))]
    for name in ("OMOP", "Waveforms", "Metadata"):
        page.scan._boxes[name].click()
    assert not page.scan.go.isEnabled()


def test_a_running_scan_counts_and_can_be_cancelled(qtbot: QtBot, page: ReviewPage, asked: list[intents.Intent], opened: Session) -> None:
    job = JobView(7, JobKind.SCAN, "Scan", opened.state.key, running=True)
    page.render(replace(opened.state, jobs=(job,)))
    page.progress(JobProgress(job, Snapshot("scan", {"Images": Count(1204, 3_200_000_000), "OMOP": Count(3, 10)})))
    assert page.scan.said.text() == "Reading the site: Images 1,204, OMOP 3 (3.2 GB)"
    assert "Scanning the site" in page.empty.title.text()
    qtbot.mouseClick(page.scan.stop, Qt.MouseButton.LeftButton)
    assert asked == [intents.CancelJob(7)]
    page.render(replace(opened.state, jobs=(replace(job, cancelling=True),)))
    assert page.scan.said.text() == "Stopping…"
    assert not page.scan.stop.isEnabled()
    page.progress(JobProgress(replace(job, key="another journal"), Snapshot("hash")))
    assert page.scan.said.text() == "Stopping…"


def test_a_renamed_file_is_one_change_wherever_changes_are_counted(
    qtbot: QtBot, page: ReviewPage, scanned: SessionState, opened: Session
) -> None:
    review, tree = scanned.review, page.area.tree_model
    assert review is not None
    assert page.area.shown.text() == "5 changes", "it has two of the six lines"
    page.tiles.tiles["renamed"].click()
    settled(qtbot, page, 2)
    assert page.area.shown.text() == "1 change"
    page.tiles.tiles["renamed"].click()
    settled(qtbot, page, 6)
    page.area.folders.click()
    qtbot.waitUntil(lambda: tree.rowCount() > 0, timeout=20_000)
    cells = [[tree.index(row, column).data() for column in (0, 1, 4)] for row in range(tree.rowCount())]
    assert ["Patient 1003", "1", "1 renamed"] in cells, cells
    assert page.area.shown.text() == "5 changes"
    run_job(qtbot, opened, intents.Approve(review.revision, allow_deletions=True))
    assert opened.state.last is not None
    assert review.to_do_total.files == 4
    assert "Recorded 4 changes as version" in opened.state.last.text


def test_tiles_count_and_filter(qtbot: QtBot, page: ReviewPage, scanned: SessionState) -> None:
    tiles = page.tiles.tiles
    counts = {key: tile._number.text() for key, tile in tiles.items()}
    assert counts == {
        "added": "1",
        "updated": "1",
        "moved": "0",
        "renamed": "1",
        "restored": "0",
        "deleted": "1",
        "unmatched": "1",
        "problem": "0",
        "litter": "0",
        "held": "0",
    }
    assert not tiles["moved"].isEnabled()
    tiles["deleted"].click()
    settled(qtbot, page, 1)
    tiles["updated"].click()
    settled(qtbot, page, 2)
    tiles["deleted"].click()
    settled(qtbot, page, 1)
    assert paths(page) == ["OMOP/person.csv"]
    tiles["renamed"].click()
    settled(qtbot, page, 3)
    page.show_topic("unmatched")
    settled(qtbot, page, 1)
    assert paths(page) == ["readme.txt"]
    cells = [page.area.model.index(0, column).data() for column in (SIZE, MODIFIED)]
    assert cells[0] == tiles["unmatched"]._size.text() == "14 B"
    assert str(cells[1]) in tiles["unmatched"].toolTip()
    assert cells[1]


def test_search_modality_and_show_all(qtbot: QtBot, page: ReviewPage, scanned: SessionState) -> None:
    page.area.search.setText("WAVEFORMS")
    settled(qtbot, page, 3)
    page.area.modality.setCurrentIndex(page.area.modality.findText("Images"))
    qtbot.waitUntil(lambda: page.area.stack.currentWidget() is page.area.nothing, timeout=5000)
    qtbot.mouseClick(page.area.nothing.action, Qt.MouseButton.LeftButton)
    settled(qtbot, page, 6)
    assert page.area.search.text() == ""


def test_sorting_by_a_header(qtbot: QtBot, page: ReviewPage, scanned: SessionState) -> None:
    header = page.area.view.horizontalHeader()
    for descending in (False, True):
        with qtbot.waitSignal(page.area.model.answered):
            qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=_middle(page, PATH))
        settled(qtbot, page, 6)
        assert paths(page) == sorted(paths(page), reverse=descending)
    assert header.sortIndicatorOrder() is Qt.SortOrder.DescendingOrder


def _middle(page: ReviewPage, section: int) -> QPoint:
    header = page.area.view.horizontalHeader()
    return QPoint(header.sectionViewportPosition(section) + header.sectionSize(section) // 2, header.height() // 2)


def test_by_patient_with_the_keyboard(qtbot: QtBot, page: ReviewPage, scanned: SessionState) -> None:
    model, view = page.area.model, page.area.view
    with qtbot.waitSignal(model.answered):
        page.area.by_patient.click()
    assert [model.index(row, PATH).data() for row in range(model.rowCount())] == ["No patient", "Patient 1001", "Patient 1003"]
    view.setFocus()
    view.setCurrentIndex(model.index(1, 0))
    assert page.area.details.kind.text() == "Patient 1001"
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert model.rowCount() == 5
    qtbot.keyClick(view, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: page.area.details.kind.text().startswith(("Added", "Deleted")), timeout=5000)
    qtbot.keyClick(view, Qt.Key.Key_Left)
    assert (model.rowCount(), view.currentIndex().row()) == (3, 1)
    qtbot.keyClick(view, Qt.Key.Key_Space)
    assert model.rowCount() == 5
    rect = view.visualRect(model.index(1, KIND))
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=rect.topLeft() + QPoint(12, rect.height() // 2))
    assert model.rowCount() == 3
    page.area.open_all.trigger()
    assert model.rowCount() == 3 + 6
    with qtbot.waitSignal(model.answered):
        page.area.by_patient.click()
    assert model.rowCount() == 6


def test_details_say_all_about_a_change(qtbot: QtBot, page: ReviewPage, scanned: SessionState) -> None:
    select(page, "OMOP/person.csv")
    details = page.area.details
    assert details.kind.text() == "Updated  ·  OMOP"
    qtbot.waitUntil(lambda: "uploaded" in _texts(details), timeout=5000)
    text = _texts(details)
    assert "12 bytes\n→ 14 bytes" in text
    assert "…/OMOP/person.csv" in text
    assert "In the journal" in text
    select(page, "1001/Waveforms/a.dat")
    qtbot.waitUntil(lambda: "In the central store" in _texts(details), timeout=5000)
    assert not details.show_file.isEnabled(), "it is not there any more"
    select(page, "readme.txt")
    qtbot.waitUntil(lambda: "matches no pattern" in _texts(details), timeout=5000)


def _texts(details: QWidget) -> str:
    texts = "\n".join(found.text() for found in details.findChildren(QLabel) if found.isVisibleTo(details))
    return texts.replace("\u200b", "").replace("\u2060", "").replace("\u00a0", " ")


def test_the_table_shows_old_and_new_and_where_it_goes(page: ReviewPage, scanned: SessionState) -> None:
    model = page.area.model
    row = paths(page).index("OMOP/person.csv")
    assert model.index(row, SIZE).data() == "12 B → 14 B"
    assert model.index(row, DESTINATION).data() == "…/OMOP/person.csv"
    assert model.index(paths(page).index("1003/Waveforms/renamed.dat"), KIND).data() == "renamed to"


# --- what can be done -----------------------------------------------------------------------------------------------------


def test_holding_back_wants_a_reason(
    qtbot: QtBot, page: ReviewPage, asked: list[intents.Intent], scanned: SessionState, opened: Session
) -> None:
    assert not page.area.hold_button.isEnabled()
    page.area.view.selectAll()
    assert page.area.shown.text() == "6 of 6 lines selected"
    assert not page.area.release_button.isEnabled(), "nothing is held back"
    qtbot.mouseClick(page.area.hold_button, Qt.MouseButton.LeftButton)
    dialog = the_question(qtbot, page, ReasonDialog)
    assert dialog.windowTitle() == "Hold back 4 changes?", "what is unmatched cannot be held back, and a renamed file is one change"
    assert not dialog.yes.isEnabled()
    dialog.field.setCurrentText("not signed off")
    qtbot.mouseClick(dialog.yes, Qt.MouseButton.LeftButton)
    (hold,) = asked
    assert isinstance(hold, intents.HoldBack)
    assert (len(hold.ids), hold.count, hold.reason) == (6, 4, "not signed off")

    run_job(qtbot, opened, hold)
    qtbot.waitUntil(lambda: page._reasons == ["not signed off"], timeout=5000)
    assert page.tiles.tiles["held"]._number.text() == "4", "what is unmatched cannot be held back, and the renamed file is one change"
    asked.clear()
    page.tiles.tiles["held"].click()
    settled(qtbot, page, 5)
    page.area.view.selectRow(0)
    qtbot.mouseClick(page.area.release_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: asked == [intents.Release(tuple(page.area.selected()), 1)], timeout=5000)


def test_a_line_that_would_release_a_whole_patient_asks(
    qtbot: QtBot, page: ReviewPage, asked: list[intents.Intent], scanned: SessionState, opened: Session, world: World
) -> None:
    """Also if it is another patient's: the file was renamed, and its new patient is not held back as a whole."""
    (world.site / "1003/Waveforms/renamed.dat").rename(world.site / "1001/Waveforms/renamed.dat")
    with qtbot.waitSignal(page.area.model.answered):
        run_job(qtbot, opened, intents.Scan())
    run_job(qtbot, opened, intents.HoldBackPatient("1003", "consent withdrawn"))
    review = opened.state.review
    assert review is not None
    assert review.summary.excluded == 1
    settled(qtbot, page, 6)
    qtbot.waitUntil(lambda: page.area.model.change(paths(page).index("1001/Waveforms/renamed.dat")).excluded, timeout=5000)  # type: ignore[union-attr]
    select(page, "1001/Waveforms/renamed.dat")
    asked.clear()
    qtbot.mouseClick(page.area.release_button, Qt.MouseButton.LeftButton)
    dialog = the_question(qtbot, page, ConfirmDialog)
    assert dialog.windowTitle() == "Release patient 1003?"
    assert "Patient 1003 is held back as a whole" in _texts(dialog)
    assert "not only the selected lines" in _texts(dialog)
    assert asked == []
    ids = tuple(page.area.selected())
    dialog.yes.click()
    assert asked == [intents.Release(ids, 1)]


@pytest.mark.parametrize("how", ["lines", "heading", "heading of what a filter shows", "all lines below the heading"])
def test_only_the_heading_of_a_patient_releases_the_patient_without_a_question(
    qtbot: QtBot, page: ReviewPage, asked: list[intents.Intent], scanned: SessionState, opened: Session, how: str
) -> None:
    """All lines of a patient are not all that is held back: the hold is also for pending files, and for those of later scans."""
    run_job(qtbot, opened, intents.HoldBackPatient("1003", "consent withdrawn"))
    page.tiles.tiles["held"].click()
    settled(qtbot, page, 2)
    model, view = page.area.model, page.area.view
    if how != "lines":
        with qtbot.waitSignal(model.answered):
            page.area.by_patient.click()
    if how == "heading of what a filter shows":
        page.area.search.setText("renamed")
        settled(qtbot, page, 1)
    if how == "all lines below the heading":
        page.area.open_all.trigger()
        view.setCurrentIndex(model.index(1, 0))
        qtbot.keyClick(view, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    else:
        view.selectAll()
    ids = tuple(page.area.selected())
    assert len(ids) == (1 if how == "heading of what a filter shows" else 2)
    asked.clear()
    qtbot.mouseClick(page.area.release_button, Qt.MouseButton.LeftButton)
    if how == "heading":
        qtbot.waitUntil(lambda: asked == [intents.Release(ids, 1)], timeout=5000)
        assert page.findChild(ConfirmDialog) is None
        return
    dialog = the_question(qtbot, page, ConfirmDialog)
    assert dialog.windowTitle() == "Release patient 1003?"
    assert "also pending and later ones" in _texts(dialog)
    assert dialog.no.isDefault(), "Enter releases nobody"
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert asked == []


@pytest.mark.parametrize("act", ["holdable", "releasing"])
def test_a_selection_that_cannot_be_looked_up_says_so_and_can_be_tried_again(
    qtbot: QtBot, page: ReviewPage, asked: list[intents.Intent], scanned: SessionState, opened: Session, act: str
) -> None:
    run_job(qtbot, opened, intents.HoldBackPatient("1003", "consent withdrawn"))
    page.area.view.selectAll()
    use = page.area.hold_button if act == "holdable" else page.area.release_button

    def damaged(*_: object) -> None:
        raise ReviewError("The review is damaged.", remedy="Scan again.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"chorus_gui.ui.pages.review.{act}", damaged)
        qtbot.mouseClick(use, Qt.MouseButton.LeftButton)
        dialog = the_question(qtbot, page, ConfirmDialog)
    assert dialog.windowTitle() == "Nothing was held back or released"
    assert "The review is damaged. Scan again." in _texts(dialog)
    dialog.yes.click()
    again = ("Hold back ", "Release patient 1003?")
    qtbot.waitUntil(lambda: any(one.windowTitle().startswith(again) for one in page.findChildren(QDialog)), timeout=20_000)


def test_a_patient_is_held_back_from_the_menu(qtbot: QtBot, page: ReviewPage, asked: list[intents.Intent], scanned: SessionState) -> None:
    select(page, "1001/Images/new.dcm")
    assert page.area.patient_action.text() == "Hold back &patient 1001…"
    page.area.patient_action.trigger()
    dialog = page.findChild(ReasonDialog)
    assert dialog is not None
    dialog.field.setCurrentText("consent withdrawn")
    dialog.yes.click()
    assert asked == [intents.HoldBackPatient("1001", "consent withdrawn")]


def test_a_double_click_shows_a_file_in_its_folder(
    qtbot: QtBot, page: ReviewPage, asked: list[intents.Intent], scanned: SessionState, world: World
) -> None:
    view, row = page.area.view, paths(page).index("1001/Images/new.dcm")

    def double_click(row: int) -> None:
        place = view.visualRect(page.area.model.index(row, PATH)).center()
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
        qtbot.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)

    double_click(row)
    assert asked == [intents.OpenPath(world.site / "1001/Images/new.dcm", select=True)]
    asked.clear()
    double_click(next(row for row in range(6) if str(page.area.model.index(row, PATH).data()) == "1001/Waveforms/a.dat"))
    assert asked == [], "a deleted file has no folder to be shown in"
    page.area.by_patient.click()
    qtbot.waitUntil(lambda: page.area.model.patient(0) is not None, timeout=5000)
    opened = page.area.model.is_open(0)
    double_click(0)
    assert page.area.model.is_open(0) is not opened, "a heading opens or closes"
    assert asked == []


def test_paths_files_and_exports(
    page: ReviewPage,
    asked: list[intents.Intent],
    scanned: SessionState,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    page.area.view.selectAll()
    page.area.copy_action.trigger()
    assert QGuiApplication.clipboard().text().splitlines() == paths(page)
    select(page, "1001/Images/new.dcm")
    page.area.open_action.trigger()
    assert asked.pop() == intents.OpenPath(world.site / "1001/Images/new.dcm", select=True)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(tmp_path / "out"), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: (str(tmp_path / "in"), ""))
    page.area.export.emit()
    page.area.export_holds.emit()
    page.area.import_holds.emit()
    assert asked == [
        intents.ExportChanges(tmp_path / "out", page.area.model.query),
        intents.ExportHolds(tmp_path / "out"),
        intents.ImportHolds(tmp_path / "in"),
    ]
    asked.clear()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: ("", ""))
    page.area.export.emit()
    assert asked == []


# --- approving ------------------------------------------------------------------------------------------------------------


def approving(page: ReviewPage) -> ApproveDialog:
    page.approve.click()
    dialog = page.findChild(ApproveDialog)
    assert dialog is not None
    return dialog


def test_approving_shows_what_would_be_done(
    qtbot: QtBot, page: ReviewPage, asked: list[intents.Intent], scanned: SessionState, opened: Session
) -> None:
    page.render(replace(scanned, preferences=replace(scanned.preferences, rate=1.0)))
    dialog = approving(page)
    text = _texts(dialog)
    assert "Approve 4 changes?" in text
    assert "Deleted (marked in the journal)" in text
    assert "1 · 14 B" in text
    assert "1 file (14 B) matches no pattern, and will not be uploaded. The newest was modified on " in text
    assert "The upload will take about 25 s" in text
    assert str(opened.state.config.central.text if opened.state.config else "") in text
    qtbot.mouseClick(dialog.yes, Qt.MouseButton.LeftButton)
    assert scanned.review is not None
    assert asked == [intents.Approve(scanned.review.revision), intents.ShowPage("upload")]


@pytest.mark.parametrize("field", ["lost_patients", "unsure_patients"])
@pytest.mark.parametrize("count", [1, 5, 6, 300])
def test_every_patient_whose_files_are_marked_as_deleted_can_be_read_before_the_approval(
    page: ReviewPage, scanned: SessionState, field: str, count: int
) -> None:
    """A sentence names five of them; all of them are in a list that is shown when it is asked for."""
    assert scanned.review is not None
    patients = tuple(f"{number:04}" for number in range(count))
    page.render(replace(scanned, review=replace(scanned.review, **{field: patients})))
    dialog = approving(page)
    folds = dialog.findChildren(Fold)
    for fold in folds:
        fold.open()
    listed = [text.toPlainText().splitlines() for text in dialog.findChildren(QPlainTextEdit)]
    assert listed == ([list(patients)] if count > 5 else [])
    assert all(patient in _texts(dialog) for patient in patients[:5])


@pytest.mark.parametrize(
    ("choose", "expected"),
    [
        (lambda d: d.name.insert("spring"), ("spring", False)),
        (lambda d: d.amend.click(), (None, True)),
        (lambda d: d.new.click(), (None, False)),
    ],
)
def test_a_version_is_new_named_or_amended(
    page: ReviewPage,
    asked: list[intents.Intent],
    scanned: SessionState,
    choose: Callable[[ApproveDialog], None],
    expected: tuple[str | None, bool],
) -> None:
    dialog = approving(page)
    dialog.name.textEdited.connect(lambda _: None)
    choose(dialog)
    if dialog.name.text():
        dialog.named.setChecked(True)
    dialog.record.click()
    approve = asked[0]
    assert isinstance(approve, intents.Approve)
    assert scanned.journal is not None
    last = scanned.journal.last_version
    assert (approve.version, approve.amend, approve.record_only) == ((last if expected[1] else expected[0]), expected[1], True)


def test_a_bad_name_is_refused_and_an_old_one_said(page: ReviewPage, scanned: SessionState) -> None:
    dialog = approving(page)
    dialog.named.setChecked(True)
    assert not dialog.yes.isEnabled()
    dialog.name.setText("../up")
    assert not dialog.yes.isEnabled()
    assert "Begin with a letter or a digit" in dialog._remark.text()
    assert scanned.journal is not None
    dialog.name.setText(scanned.journal.last_version or "")
    assert dialog.yes.isEnabled()
    assert "exists" in dialog._remark.text()


def test_many_deletions_want_their_number(qtbot: QtBot, page: ReviewPage, asked: list[intents.Intent], scanned: SessionState) -> None:
    assert scanned.review is not None
    page.render(replace(scanned, review=replace(scanned.review, many_deletions={"Images": (1204, 3000), "OMOP": (1, 2)})))
    dialog = approving(page)
    assert "1,204 of 3,000 Images files" in _texts(dialog)
    assert not dialog.yes.isEnabled()
    qtbot.keyClicks(dialog.field, "1204")
    assert not dialog.yes.isEnabled()
    dialog.field.setText("1,205")
    dialog.yes.click()
    approve = asked[0]
    assert isinstance(approve, intents.Approve)
    assert approve.allow_deletions


@pytest.mark.parametrize("warned", [False, True])
@pytest.mark.parametrize("deletions", [{}, {"Images": (120, 150)}])
def test_enter_in_a_field_approves_only_what_nothing_warns_of_and_never_cancels(
    qtbot: QtBot,
    page: ReviewPage,
    asked: list[intents.Intent],
    scanned: SessionState,
    monkeypatch: pytest.MonkeyPatch,
    warned: bool,
    deletions: dict[str, tuple[int, int]],
) -> None:
    assert scanned.review is not None
    warnings = [(Grade.WARNING, "A credential ends soon.")] if warned else []
    monkeypatch.setattr("chorus_gui.ui.dialogs.approve.facts", lambda *_: warnings)
    page.render(replace(scanned, review=replace(scanned.review, many_deletions=deletions)))
    dialog = approving(page)
    dialog.name.setFocus()
    qtbot.keyClicks(dialog.name, "2026 spring")
    qtbot.keyClick(dialog.name, Qt.Key.Key_Return)
    assert (dialog.isVisible(), dialog.name.text(), asked) == (True, "2026 spring", []), "not a name"
    dialog.name.clear()
    qtbot.keyClicks(dialog.name, "2026-spring")
    if deletions:
        qtbot.keyClick(dialog.name, Qt.Key.Key_Return)
        assert (dialog.isVisible(), asked) == (True, []), "the number is missing"
        dialog.field.setFocus()
        qtbot.keyClicks(dialog.field, "120")
    qtbot.keyClick(dialog.field if deletions else dialog.name, Qt.Key.Key_Return)
    assert dialog.isVisible() is warned
    assert [type(one) for one in asked] == ([] if warned else [intents.Approve, intents.ShowPage])


def test_approving_shows_what_a_cloud_is_asked_for(page: ReviewPage, scanned: SessionState) -> None:
    assert scanned.review is not None
    reading = (
        CloudReading("s3", "s3://hospital-images/chorus", ("Images",), Tally(1204, 3_200_000_000), 2310, 14),
        CloudReading("azure", "az://waves/chorus", ("Waveforms",), Tally(), 0, 3),
    )
    page.render(replace(scanned, review=replace(scanned.review, reading=reading)))
    dialog = approving(page)
    text = _texts(dialog)
    assert "The upload reads 1,204 files (3.2 GB) from Amazon S3 (s3://hospital-images/chorus), in about 2,310 requests." in text
    assert "The scan took 14 requests to list it." in text
    assert "price list" in text
    assert "az://waves" not in text, "nothing is read there"


def test_escape_approves_nothing(qtbot: QtBot, page: ReviewPage, asked: list[intents.Intent], scanned: SessionState) -> None:
    qtbot.keyClick(approving(page), Qt.Key.Key_Escape)
    assert asked == []


def test_a_site_that_sends_with_scripts(page: ReviewPage, asked: list[intents.Intent], scanned: SessionState) -> None:
    assert scanned.config is not None
    assert scanned.review is not None
    state = replace(scanned, config=replace(scanned.config, upload_method=UploadMethod.AZCLI))
    page.render(state)
    assert page.approve.text() == "&Generate batch file…"
    approving(page).yes.click()
    assert asked == [intents.ShowScript(approve=intents.Approve(scanned.review.revision, record_only=True))]
    asked.clear()
    assert state.journal is not None
    waiting = replace(state.journal, counts=tuple(replace(c, pending=3) for c in state.journal.counts[:1]))
    page.render(replace(state, journal=waiting, review=replace(scanned.review, to_do={}, to_do_by_modality={}, renamed_to_do={})))
    page.approve.click()
    assert asked == [intents.ShowScript()]


# --- what stands in the way -----------------------------------------------------------------------------------------------


def test_a_stale_review_is_explained(qtbot: QtBot, page: ReviewPage, asked: list[intents.Intent], scanned: SessionState) -> None:
    assert scanned.review is not None
    page.render(replace(scanned, review=replace(scanned.review, stale="The journal has changed.")))
    assert not page.approve.isEnabled()
    assert "Scan again" in page.approve.toolTip()
    (notice,) = notices(page._state)
    assert (notice.grade, notice.action) == (Grade.WARNING, "Scan again")
    assert page.scan.go.property("primary") == "true"
    page._notice(notice)
    assert asked == [intents.Scan()]


def test_without_the_journal_nothing_is_approved(page: ReviewPage, scanned: SessionState) -> None:
    free = replace(scanned.custody, state=Custody.FREE, may_write=False, can_check_out=True, detail="The journal lies in the cloud.")
    state = replace(scanned, custody=free)
    assert why_not_approve(state) == "The journal lies in the cloud."
    assert [(view.action, view.intent) for view in notices(state)] == [("Check out the journal", intents.CheckOut())]
    page.render(state)
    assert not page.scan.go.isEnabled()
    locked = replace(free, can_check_out=False)
    assert notices(replace(scanned, custody=locked))[0].intent == intents.ShowPage("overview", "custody")


def test_what_was_carried_out_is_said(page: ReviewPage, scanned: SessionState) -> None:
    assert scanned.review is not None
    approval = Approval("", "v7", "me@here", 0)
    part: ReviewFacts = replace(
        scanned.review, approval=approval, done=Tally(2, 2), renamed_to_do={}, to_do={ChangeKind.ADDED: Tally(3, 3)}
    )
    assert "2 changes recorded as version v7; 3 left." in notices(replace(scanned, review=part))[0].text
    whole = replace(part, to_do={})
    (notice,) = notices(replace(scanned, review=whole))
    assert notice.grade is Grade.GOOD
    page.render(replace(scanned, review=whole))
    assert not page.approve.isEnabled()
    assert page.approve.toolTip() == "There is nothing to approve."


def test_a_recorded_version_is_taken_back(
    qtbot: QtBot, page: ReviewPage, asked: list[intents.Intent], scanned: SessionState, opened: Session
) -> None:
    assert scanned.review is not None
    run_job(qtbot, opened, intents.Approve(scanned.review.revision, version="spring", record_only=True))
    notice = notices(opened.state)[-1]
    assert "Version spring is recorded, but 3 files of it are not uploaded yet." in notice.text
    page._notice(notice)
    qtbot.waitUntil(lambda: page.findChild(ConfirmDialog) is not None, timeout=10_000)
    dialog = page.findChild(ConfirmDialog)
    assert dialog is not None
    dialog.yes.click()
    assert asked == [intents.Undo("spring")]


def test_a_job_holds_the_buttons(page: ReviewPage, scanned: SessionState) -> None:
    page.area.view.selectAll()
    job = JobView(1, JobKind.VERIFY, "Verify", scanned.key, running=True)
    page.render(replace(scanned, jobs=(job,)))
    assert not page.approve.isEnabled()
    assert not page.scan.go.isEnabled()
    assert not page.area.hold_button.isEnabled()
    page.render(scanned)
    assert page.approve.isEnabled()
    assert page.area.hold_button.isEnabled()


def test_a_review_of_nothing(qtbot: QtBot, opened: Session, world: World, page: ReviewPage) -> None:
    world.run()
    run_job(qtbot, opened, intents.Scan())
    assert page.stack.currentIndex() == 0
    assert page.empty.title.text() == "Nothing has changed"
    assert page.empty.text.text() == "4 files on the site match the journal."


def test_after_holding_back_the_table_stays_where_it_is(qtbot: QtBot, opened: Session, page: ReviewPage, scanned: SessionState) -> None:
    select(page, "1003/Waveforms/renamed.dat")
    row = page.area.view.currentIndex().row()
    with qtbot.waitSignal(page.area.model.answered):
        run_job(qtbot, opened, intents.HoldBack(tuple(page.area.selected()), "later", 1))
    settled(qtbot, page, 6)
    assert page.area.view.currentIndex().row() == row
    assert page.area.model.index(row, 7).data() == f"Held back by {user_name()}: later"


def test_every_control_has_a_name_and_a_tip(page: ReviewPage, scanned: SessionState) -> None:
    controls = [found for kind in (QAbstractButton, QComboBox, QLineEdit) for found in page.findChildren(kind)]
    ours = [found for found in controls if found.focusPolicy() & Qt.FocusPolicy.TabFocus]
    assert len(ours) > 15
    for control in ours:
        assert control.accessibleName(), control
        assert control.toolTip(), control.accessibleName()


def test_a_low_and_narrow_window_still_shows_rows(qtbot: QtBot, page: ReviewPage, scanned: SessionState) -> None:
    page.resize(720, 470)
    qtbot.waitUntil(lambda: not page.area.details.isVisible(), timeout=2000)
    assert page.area.view.viewport().height() > 60
    assert not page.tiles.tiles["added"]._size.isVisible()
    page.resize(1200, 800)
    qtbot.waitUntil(lambda: page.area.details.isVisible(), timeout=2000)


# --- what is pending ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def pending(qtbot: QtBot, opened: Session, world: World, page: ReviewPage) -> SessionState:
    """Files are pending in two versions; another one is new."""
    world.run("record", version="v1")
    world.put("1001/Images/second.dcm", "second")
    world.run("record", version="v2")
    world.put("1001/Images/new.dcm", "new")
    run_job(qtbot, opened, intents.Scan())
    return opened.state


def test_what_is_pending_has_a_tile(page: ReviewPage, pending: SessionState) -> None:
    assert pending.review is not None
    assert pending.journal is not None
    assert pending.review.pending.total == pending.journal.pending
    tile = page.tiles.pending
    assert tile.accessibleName().startswith(f"Pending: {pending.journal.pending.files} ")
    assert "Version v2: Images 1 file" in tile.toolTip()
    assert tile.isEnabled()


def pending_rows(page: ReviewPage) -> list[list[str]]:
    model = page.pending.model
    return [[str(model.index(row, column).data()) for column in range(model.columnCount())] for row in range(model.rowCount())]


def pending_settled(qtbot: QtBot, page: ReviewPage, count: int) -> None:
    model = page.pending.model
    qtbot.waitUntil(lambda: model.count == count and all(model.line(row) is not None for row in range(count)), timeout=5000)


def test_the_pending_tile_shows_exactly_what_it_counts(qtbot: QtBot, page: ReviewPage, pending: SessionState) -> None:
    assert pending.review is not None
    total = pending.review.pending.total
    page.tiles.tiles["added"].click()
    page.tiles.pending.click()
    assert page.lists.currentWidget() is page.pending
    assert not page.tiles.tiles["added"].isChecked()
    pending_settled(qtbot, page, total.files)
    model = page.pending.model
    assert sum(file.size for row in range(model.count) if (file := model.line(row)) is not None) == total.bytes
    found = {row[PENDING_PATH]: row for row in pending_rows(page)}
    _, modality, version, size, why = found["1001/Images/second.dcm"]
    assert (modality, version, size) == ("Images", "v2", "6 B")
    assert why.startswith("Recorded ")
    assert why.endswith(", not uploaded yet")
    assert "1001/Images/new.dcm" not in found, "it is a change, not pending"
    assert list(found) == sorted(found)

    page.tiles.tiles["added"].click()
    assert page.lists.currentWidget() is page.area
    assert not page.tiles.pending.isChecked()
    settled(qtbot, page, 1)
    assert paths(page) == ["1001/Images/new.dcm"]


def test_the_pending_list_is_sorted_searched_and_copied(qtbot: QtBot, page: ReviewPage, pending: SessionState) -> None:
    assert pending.review is not None
    files = pending.review.pending.total.files
    page.show_topic("pending")
    pending_settled(qtbot, page, files)
    page.pending.view.sortByColumn(PENDING_VERSION, Qt.SortOrder.DescendingOrder)
    qtbot.waitUntil(lambda: pending_rows(page)[0][PENDING_PATH] == "1001/Images/second.dcm", timeout=5000)
    page.pending.search.setText("SECOND")
    pending_settled(qtbot, page, 1)
    page.pending.view.selectAll()
    page.pending.copy()
    assert QGuiApplication.clipboard().text() == "1001/Images/second.dcm"
    page.pending.search.setText("100%")
    qtbot.waitUntil(lambda: page.pending.stack.currentWidget() is page.pending.nothing, timeout=5000)
    qtbot.mouseClick(page.pending.nothing.action, Qt.MouseButton.LeftButton)
    pending_settled(qtbot, page, files)
    qtbot.mouseClick(page.pending.changes, Qt.MouseButton.LeftButton)
    assert page.lists.currentWidget() is page.area
    assert not page.tiles.pending.isChecked()


def test_the_pending_list_follows_the_review(qtbot: QtBot, opened: Session, page: ReviewPage, pending: SessionState) -> None:
    page.show_topic("pending")
    pending_settled(qtbot, page, pending.review.pending.total.files if pending.review else 0)
    run_job(qtbot, opened, intents.HoldBackPatient("1001", "consent withdrawn"))
    assert opened.state.review is not None
    left = opened.state.review.pending.total.files
    pending_settled(qtbot, page, left)
    assert not any(row[PENDING_PATH].startswith("1001/") for row in pending_rows(page)), "what is held back is not offered"
    run_job(qtbot, opened, intents.UploadPending())
    run_job(qtbot, opened, intents.Scan())
    qtbot.waitUntil(lambda: not page.tiles.pending.isChecked(), timeout=5000)
    assert page.lists.currentWidget() is page.area


def test_where_files_are_only_pending_they_are_listed(qtbot: QtBot, opened: Session, world: World, page: ReviewPage) -> None:
    world.run("record", version="v1")
    run_job(qtbot, opened, intents.Scan())
    assert page.lists.currentWidget() is page.pending
    assert page.tiles.pending.isChecked()
    assert not page.pending.changes.isVisible(), "there are none"
    assert opened.state.review is not None
    pending_settled(qtbot, page, opened.state.review.pending.total.files)


@pytest.mark.parametrize("along", [True, False])
def test_what_is_pending_is_confirmed_or_left(along: bool, page: ReviewPage, asked: list[intents.Intent], pending: SessionState) -> None:
    dialog = approving(page)
    assert pending.review is not None
    assert f"Also upload {pending.review.pending.total.files} files" in dialog.pending.text()
    assert dialog.pending.isChecked()
    dialog.pending.setChecked(along)
    dialog.yes.click()
    assert asked[0] == intents.Approve(pending.review.revision, pending=along)


def test_a_named_version_takes_only_what_is_pending_in_it(page: ReviewPage, pending: SessionState) -> None:
    dialog = approving(page)
    dialog.named.setChecked(True)
    dialog.name.setText("v2")
    assert "Also upload 1 file" in dialog.pending.text()
    dialog.name.setText("v9")
    assert not dialog.pending.isEnabled()
    dialog.amend.click()
    dialog.which.setCurrentText("v2")
    assert "Also upload 1 file" in dialog.pending.text()


def test_where_files_are_only_pending_they_can_be_approved(
    qtbot: QtBot, opened: Session, world: World, page: ReviewPage, asked: list[intents.Intent]
) -> None:
    world.run("record", version="v1")
    run_job(qtbot, opened, intents.Scan())
    assert page.approve.isEnabled()
    assert page.stack.currentIndex() == 1
    dialog = approving(page)
    assert "pending files?" in _texts(dialog)
    assert not dialog.record.isEnabled()
    dialog.pending.setChecked(False)
    assert not dialog.yes.isEnabled()
    dialog.pending.setChecked(True)
    dialog.yes.click()
    assert opened.state.review is not None
    assert asked == [intents.Approve(opened.state.review.revision), intents.ShowPage("upload")]


def test_a_tile_counts_and_shows_nothing_that_is_held_back(qtbot: QtBot, opened: Session, page: ReviewPage, scanned: SessionState) -> None:
    assert scanned.review is not None
    select(page, "1003/Waveforms/renamed.dat")
    change = page.area.current()
    assert change is not None
    run_job(qtbot, opened, intents.HoldBack((change.id,), "later", 1))
    review = opened.state.review
    assert review is not None
    now, summary = review.summary.total(ChangeKind.ADDED), review.summary
    assert now.files == scanned.review.summary.total(ChangeKind.ADDED).files - 1
    assert summary.excluded == 1, "both halves of a renamed file are held back, and are one change"
    assert summary.renamed == scanned.review.summary.renamed - 1
    assert review.to_do[ChangeKind.ADDED] == now
    page.tiles.press_only(["added"])
    assert page.area.model.query.excluded is False
    page.tiles.press_only(["held"])
    assert page.area.model.query.excluded is True
    page.tiles.press_only([])
    assert page.area.model.query.excluded is None


def test_the_dialog_says_who_can_read_the_reason(qtbot: QtBot, page: ReviewPage, scanned: SessionState) -> None:
    page.area.view.selectRow(0)
    page.area.hold.emit()
    dialog = the_question(qtbot, page, ReasonDialog)
    assert "everybody who works on this journal file can read it" in _texts(dialog)
    dialog.reject()


def test_holds_that_are_not_shared_are_said(scanned: SessionState) -> None:
    assert scanned.review is not None
    told = replace(scanned.review, holds_warning="Not shared yet: 1 change of the held-back list is only on this computer.")
    assert any("Not shared yet" in view.text for view in notices(replace(scanned, review=told)))


# --- entries that a person decides about, and what is possibly not data ----------------------------------------------------


def test_an_entry_without_its_file_can_be_marked_as_deleted(
    qtbot: QtBot, page: ReviewPage, opened: Session, world: World, asked: list[intents.Intent]
) -> None:
    world.put("1001/Images/gone.dcm", "gone")
    world.run("record")
    (world.site / "1001/Images/gone.dcm").unlink()
    world.put("1001/Images/new.dcm", "new")
    run_job(qtbot, opened, intents.Scan(Mode.APPEND))
    settled(qtbot, page, 2)
    select(page, "1001/Images/new.dcm")
    assert not page.area.mark_action.isEnabled()
    assert not page.area.details.mark.isVisible()
    select(page, "1001/Images/gone.dcm")
    assert page.area.mark_action.isEnabled()
    assert page.area.hold_button.isEnabled()
    change = page.area.current()
    assert change is not None
    assert "“Mark as deleted…” on the Review page" in in_window(change.note)  # the button has the name that the note says
    assert page.area.details.mark.text().replace("&", "") == "Mark as deleted…"
    qtbot.mouseClick(page.area.details.mark, Qt.MouseButton.LeftButton)
    dialog = page.findChild(ConfirmDialog)
    assert dialog is not None
    dialog.accept()
    (wanted,) = [one for one in asked if isinstance(one, intents.MarkDeleted)]
    run_job(qtbot, opened, wanted)
    assert "1001/Images/gone.dcm" not in world.active()
    assert opened.state.review is not None
    assert opened.state.review.stale
    run_job(qtbot, opened, intents.Scan(Mode.APPEND))
    settled(qtbot, page, 1)


def test_litter_has_a_tile_that_filters(qtbot: QtBot, page: ReviewPage, opened: Session, world: World) -> None:
    world.put("1001/Images/.DS_Store", "x")
    world.put("1001/Images/new.dcm", "new")
    run_job(qtbot, opened, intents.Scan())
    qtbot.waitUntil(lambda: page.area.model.count > 1, timeout=5000)
    tile = page.tiles.tiles["litter"]
    assert tile._number.text() == "1"
    tile.click()
    settled(qtbot, page, 1)
    assert paths(page) == ["1001/Images/.DS_Store"]
    select(page, "1001/Images/.DS_Store")
    change = page.area.current()
    assert change is not None
    assert change.note == "Possibly not data: from macOS."
