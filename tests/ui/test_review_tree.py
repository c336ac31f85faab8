"""The tree of patients and folders on the Review page: what it shows, by keyboard and mouse, and what its boxes ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot
from uiworld import run_job
from world import World

from chorus_gui.core.errors import ReviewError
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Branch, Query, TreeLevel
from chorus_gui.ui import hold_intents, intents
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.models.tree import NAME, TREE, TreeModel, _Opened
from chorus_gui.ui.pages import Services
from chorus_gui.ui.pages.review import ReviewPage, make
from chorus_gui.ui.session import Session
from chorus_gui.ui.widgets.dialogs import ConfirmDialog, ReasonDialog

CHECKED, PARTLY, UNCHECKED = Qt.CheckState.Checked, Qt.CheckState.PartiallyChecked, Qt.CheckState.Unchecked


@pytest.fixture
def page(qtbot: QtBot, opened: Session, world: World) -> ReviewPage:
    """The page after a scan of a new site, with the tree on screen; it does what it asks for."""
    for name in ("study_1/a", "study_1/b", "study_2/c"):
        world.put(f"1003/Images/{name}.dcm", name)
    world.put("readme.txt", "matches no pattern")
    made = make(Services(opened.reader, opened.pager, opened.settings))
    assert isinstance(made, ReviewPage)
    qtbot.addWidget(made)
    made.resize(1200, 800)
    made.show()
    opened.changed.connect(made.render)
    made.render(opened.state)
    made.intent.connect(opened.do)
    with qtbot.waitSignal(made.area.model.answered):
        run_job(qtbot, opened, intents.Scan())
    with qtbot.waitSignal(made.area.tree_model.answered):
        made.area.folders.click()
    return made


@pytest.fixture
def asked(page: ReviewPage) -> list[intents.Intent]:
    out: list[intents.Intent] = []
    page.intent.connect(out.append)
    return out


def revision(opened: Session) -> int:
    assert opened.state.review is not None
    return opened.state.review.revision


def names(page: ReviewPage) -> list[str]:
    model = page.area.tree_model
    return [str(model.index(row, NAME).data()) for row in range(model.rowCount())]


def cells(page: ReviewPage, name: str) -> list[str]:
    model, row = page.area.tree_model, names(page).index(name)
    return [str(model.index(row, column).data()) for column in range(1, len(TREE))]


def box(page: ReviewPage, name: str) -> Qt.CheckState | None:
    found = page.area.tree_model.index(names(page).index(name), NAME).data(Qt.ItemDataRole.CheckStateRole)
    return None if found is None else Qt.CheckState(found)


def go(page: ReviewPage, name: str) -> None:
    page.area.tree.setCurrentIndex(page.area.tree_model.index(names(page).index(name), NAME))


def key(qtbot: QtBot, page: ReviewPage, *keys: Qt.Key) -> None:
    for one in keys:
        qtbot.keyClick(page.area.tree, one)


def open_node(qtbot: QtBot, page: ReviewPage, name: str) -> None:
    go(page, name)
    with qtbot.waitSignal(page.area.tree_model.opened):
        key(qtbot, page, Qt.Key.Key_Right)


def answer(page: ReviewPage, reason: str) -> str:
    """Give the reason that is asked for; the question."""
    dialog = page.findChild(ReasonDialog)
    assert dialog is not None
    dialog.field.setCurrentText(reason)
    dialog.yes.click()
    return dialog.windowTitle()


def until_shown(qtbot: QtBot, opened: Session, page: ReviewPage, name: str, state: Qt.CheckState) -> None:
    qtbot.waitUntil(lambda: opened.jobs.idle and name in names(page) and box(page, name) is state, timeout=20_000)


def test_patients_open_into_folders_with_sums(qtbot: QtBot, page: ReviewPage) -> None:
    assert names(page) == ["No patient", "Patient 1001", "Patient 1002", "Patient 1003"]
    assert cells(page, "Patient 1003") == ["3", "27 B", "", "3 added"]
    open_node(qtbot, page, "Patient 1003")
    assert names(page)[3:] == ["Patient 1003", "Images/study_1", "Images/study_2"]
    assert cells(page, "Images/study_1") == ["2", "18 B", "", "2 added"]
    open_node(qtbot, page, "No patient")
    assert names(page)[:3] == ["No patient", "Files without a folder", "OMOP"]
    assert box(page, "Files without a folder") is None, "what is unmatched is not submitted, so it has no box"
    key(qtbot, page, Qt.Key.Key_Right)
    assert page.area.tree.currentIndex().row() == 1, "→ goes into what is open"
    key(qtbot, page, Qt.Key.Key_Left)
    assert page.area.tree.currentIndex().row() == 0, "← goes to what is around it"
    key(qtbot, page, Qt.Key.Key_Left)
    assert names(page)[:2] == ["No patient", "Patient 1001"]
    go(page, "Patient 1003")
    assert page.area.details.kind.text() == "Patient 1003"
    assert "3 changes, 27 B: 3 added." in page.area.details.path.text()


def test_the_box_of_a_patient_holds_back_the_whole_patient_and_releases_it(
    qtbot: QtBot, opened: Session, page: ReviewPage, asked: list[intents.Intent]
) -> None:
    go(page, "Patient 1003")
    assert box(page, "Patient 1003") is CHECKED
    key(qtbot, page, Qt.Key.Key_Space)
    assert answer(page, "consent withdrawn") == "Hold back patient 1003?"
    assert asked == [intents.HoldBackPatient("1003", "consent withdrawn")], "the same as the action of the list"
    until_shown(qtbot, opened, page, "Patient 1003", UNCHECKED)
    assert cells(page, "Patient 1003")[2] == "all"
    assert page.area.tree.current() is not None
    key(qtbot, page, Qt.Key.Key_Space)
    until_shown(qtbot, opened, page, "Patient 1003", CHECKED)
    with opened.workspace().holds() as kept:
        assert kept.all() == []


def test_the_box_of_a_folder_holds_back_its_files_and_its_patient_is_partly_held(
    qtbot: QtBot, opened: Session, page: ReviewPage, asked: list[intents.Intent]
) -> None:
    open_node(qtbot, page, "Patient 1003")
    go(page, "Images/study_1")
    key(qtbot, page, Qt.Key.Key_Space)
    assert answer(page, "not signed off") == "Hold back 2 changes in “1003/Images/study_1”?"
    until_shown(qtbot, opened, page, "Images/study_1", UNCHECKED)
    assert (box(page, "Patient 1003"), box(page, "Images/study_2")) == (PARTLY, CHECKED), "what was open stays open"
    assert cells(page, "Patient 1003")[2] == "2 of 3"
    with opened.workspace().holds() as kept:
        assert [(hold.path, hold.reason) for hold in kept.all()] == [
            ("1003/Images/study_1/a.dcm", "not signed off"),
            ("1003/Images/study_1/b.dcm", "not signed off"),
        ]
    go(page, "Images/study_1")
    key(qtbot, page, Qt.Key.Key_Space)
    until_shown(qtbot, opened, page, "Images/study_1", CHECKED)
    assert isinstance(asked[-1], hold_intents.ReleaseFound)


def test_a_partly_held_patient_is_held_back_and_not_released(
    qtbot: QtBot, opened: Session, page: ReviewPage, asked: list[intents.Intent]
) -> None:
    run_job(qtbot, opened, hold_intents.HoldFound(revision(opened), Query(branch=Branch("1003", "1003/Images/study_2/")), 1, "later"))
    until_shown(qtbot, opened, page, "Patient 1003", PARTLY)
    go(page, "Patient 1003")
    key(qtbot, page, Qt.Key.Key_Space)
    assert answer(page, "consent withdrawn") == "Hold back patient 1003?"
    assert isinstance(asked[-1], intents.HoldBackPatient)
    until_shown(qtbot, opened, page, "Patient 1003", UNCHECKED)


def test_a_folder_of_a_patient_who_is_held_back_is_not_released_alone(qtbot: QtBot, opened: Session, page: ReviewPage) -> None:
    run_job(qtbot, opened, intents.HoldBackPatient("1003", "consent withdrawn"))
    until_shown(qtbot, opened, page, "Patient 1003", UNCHECKED)
    open_node(qtbot, page, "Patient 1003")
    go(page, "Images/study_2")
    page.area.release_button.click()
    qtbot.waitUntil(lambda: page.findChild(ConfirmDialog) is not None, timeout=5000)
    dialog = page.findChild(ConfirmDialog)
    assert dialog is not None
    assert dialog.windowTitle() == "Release patient 1003?"
    dialog.yes.click()
    until_shown(qtbot, opened, page, "Patient 1003", CHECKED)


def search(qtbot: QtBot, page: ReviewPage, text: str) -> None:
    with qtbot.waitSignal(page.area.tree_model.answered):
        page.area.search.setText(text)
        page.area._search_now()


def question(qtbot: QtBot, page: ReviewPage) -> ConfirmDialog:
    qtbot.waitUntil(lambda: page.findChild(ConfirmDialog) is not None, timeout=5000)
    dialog = page.findChild(ConfirmDialog)
    assert dialog is not None
    return dialog


def texts(dialog: ConfirmDialog) -> str:
    return " ".join(one.text() for one in dialog.findChildren(QLabel))


@pytest.mark.parametrize("used", ["hold", "release"])
def test_a_box_is_about_the_rows_on_screen_while_others_are_awaited(
    used: str, qtbot: QtBot, opened: Session, page: ReviewPage, asked: list[intents.Intent]
) -> None:
    if used == "release":
        run_job(qtbot, opened, hold_intents.HoldFound(revision(opened), Query(patient="1003"), 3, "later"))
        until_shown(qtbot, opened, page, "Patient 1003", UNCHECKED)
    search(qtbot, page, "study_1/a.dcm")
    open_node(qtbot, page, "Patient 1003")
    node = page.area.tree_model.node(1)
    assert node is not None
    assert node.tally.files == 1
    with qtbot.waitSignal(page.area.tree_model.answered):
        page.area.search.clear()
        page.area._search_now()
        (page.area.hold_node if used == "hold" else page.area.release_node).emit(node)
        if used == "hold":
            assert answer(page, "not signed off").startswith("Hold back 1 change ")
    qtbot.waitUntil(lambda: any(isinstance(one, hold_intents.HoldFound | hold_intents.ReleaseFound) for one in asked), timeout=5000)
    qtbot.waitUntil(lambda: opened.jobs.idle, timeout=20_000)
    with opened.workspace().holds() as kept:
        held = [hold.path for hold in kept.all()]
    assert held == [f"1003/Images/study_{name}.dcm" for name in (("1/a",) if used == "hold" else ("1/b", "2/c"))]


def test_a_filtered_patient_who_is_held_back_as_a_whole_is_not_released_without_a_question(
    qtbot: QtBot, opened: Session, page: ReviewPage, asked: list[intents.Intent]
) -> None:
    run_job(qtbot, opened, intents.HoldBackPatient("1003", "consent withdrawn"))
    until_shown(qtbot, opened, page, "Patient 1003", UNCHECKED)
    search(qtbot, page, "study_1/a.dcm")
    go(page, "Patient 1003")
    key(qtbot, page, Qt.Key.Key_Space)
    dialog = question(qtbot, page)
    assert dialog.windowTitle() == "Release patient 1003?"
    assert "not only what the table shows of patient 1003" in texts(dialog)
    assert asked == []


def test_a_box_that_would_release_another_patient_asks_and_names_that_patient(
    qtbot: QtBot, opened: Session, page: ReviewPage, world: World
) -> None:
    world.run()
    (world.site / "1003/Images/study_1/a.dcm").rename(world.site / "1001/Images/moved.dcm")
    with qtbot.waitSignal(page.area.tree_model.answered):
        run_job(qtbot, opened, intents.Scan())
    run_job(qtbot, opened, intents.HoldBackPatient("1003", "consent withdrawn"))
    until_shown(qtbot, opened, page, "Patient 1001", UNCHECKED)
    go(page, "Patient 1001")
    key(qtbot, page, Qt.Key.Key_Space)
    dialog = question(qtbot, page)
    assert dialog.windowTitle() == "Release patient 1003?"
    assert "Patient 1003 is held back as a whole" in texts(dialog)
    assert "not only what the table shows of patient 1001" in texts(dialog)
    with opened.workspace().holds() as kept:
        assert [hold.patient_id for hold in kept.all()] == ["1003"]


def test_a_box_whose_held_back_list_cannot_be_read_says_so_and_can_be_tried_again(
    qtbot: QtBot, opened: Session, page: ReviewPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_job(qtbot, opened, intents.HoldBackPatient("1003", "consent withdrawn"))
    until_shown(qtbot, opened, page, "Patient 1003", UNCHECKED)

    def damaged(*_: object) -> list[str]:
        raise ReviewError("This computer's list is damaged.", remedy="Move the file away.")

    with monkeypatch.context() as patch:
        patch.setattr("chorus_gui.ui.pages.review.released_patients", damaged)
        go(page, "Patient 1003")
        key(qtbot, page, Qt.Key.Key_Space)
        dialog = question(qtbot, page)
    assert "This computer's list is damaged. Move the file away." in texts(dialog)
    dialog.yes.click()
    until_shown(qtbot, opened, page, "Patient 1003", CHECKED)


def test_with_the_mouse_the_arrow_opens_and_the_box_asks(qtbot: QtBot, page: ReviewPage) -> None:
    tree = page.area.tree

    def at(name: str, x: int) -> QPoint:
        rect = tree.visualRect(page.area.tree_model.index(names(page).index(name), NAME))
        return QPoint(rect.left() + x, rect.center().y())

    with qtbot.waitSignal(page.area.tree_model.opened):
        qtbot.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=at("Patient 1003", 10))
    qtbot.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=at("Images/study_1", 18 + 60))
    assert page.findChild(ReasonDialog) is None, "the name only selects"
    qtbot.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=at("Images/study_1", 18 + 30))
    assert page.findChild(ReasonDialog) is not None
    qtbot.mouseDClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=at("Patient 1003", 120))
    assert "Images/study_1" not in names(page)


def test_the_files_of_a_folder_are_shown_as_a_list(qtbot: QtBot, page: ReviewPage) -> None:
    open_node(qtbot, page, "Patient 1003")
    go(page, "Images/study_1")
    with qtbot.waitSignal(page.area.model.answered):
        key(qtbot, page, Qt.Key.Key_Return)
    assert (page.area.as_tree, page.area.model.count) == (False, 2)
    assert any("1003/Images/study_1" in view.text for view in page._notices())
    with qtbot.waitSignal(page.area.tree_model.answered):
        page.area.folders.click()
    assert "Patient 1001" in names(page), "the tree shows what is around it, too"


def test_the_tree_follows_the_filters(qtbot: QtBot, page: ReviewPage) -> None:
    with qtbot.waitSignal(page.area.tree_model.answered):
        page.tiles.tiles["unmatched"].click()
    assert names(page) == ["No patient"]
    with qtbot.waitSignal(page.area.tree_model.answered):
        page.tiles.tiles["unmatched"].click()
    with qtbot.waitSignal(page.area.tree_model.answered):
        page.area.search.setText("study_2")
        page.area._search_now()
    assert names(page) == ["Patient 1003"]
    with qtbot.waitSignal(page.area.tree_model.answered):
        page.area.search.setText("nothing like that")
        page.area._search_now()
    assert page.area.stack.currentWidget() is page.area.nothing


def test_a_screen_reader_hears_what_a_box_shows(page: ReviewPage) -> None:
    tree = page.area.tree
    told = QAccessible.queryAccessibleInterface(tree)
    assert told is not None
    assert told.text(QAccessible.Text.Name) == "Patients and folders"
    row = names(page).index("Patient 1003")
    said = page.area.tree_model.index(row, NAME).data(Qt.ItemDataRole.AccessibleTextRole)
    assert said == "Patient 1003, 3 changes, submitted, closed"


@pytest.fixture
def model() -> Iterator[TreeModel]:
    reader = Reader("reader")
    model = TreeModel(reader)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    yield model
    reader.stop()
    assert reader.wait(5000)
    del tester


def test_what_is_open_stays_open_in_any_order_and_unseen_it_reads_nothing(qtbot: QtBot, model: TreeModel, tmp_path: Path) -> None:
    path = tmp_path / "review.db"
    with Staging.create(path) as staging:
        staging.db.executemany(
            "INSERT INTO change (kind, modality, path, patient_id, size) VALUES ('added', 'Images', ?, ?, ?)",
            ((f"{p}/{folder}/{deep}/{n}.dcm", str(p), p) for p in (1, 2, 3) for folder in "ab" for deep in "xy" for n in range(p)),
        )
        staging.put("ready", value=True)
        staging.db.execute("COMMIT")
    model.show_review((path, 1))
    model.ask(Query(modalities=("Images",)))
    with qtbot.waitSignal(model.answered):
        model.wake(awake=True)

    def shown() -> list[str]:
        return [str(model.index(row, NAME).data()) for row in range(model.rowCount())]

    for row in (1, 2, 0):  # patient 2, its folder a, patient 1
        with qtbot.waitSignal(model.opened):
            model.open(row)
    assert shown() == ["Patient 1", "a", "b", "Patient 2", "a", "x", "y", "b", "Patient 3"]
    row = model.row_of(Branch("2", "2/a/y/"))
    assert row == 6
    assert (model.around(6), model.around(4), model.around(3)) == (4, 3, None)
    with qtbot.waitSignal(model.answered):
        model.sort_by("files", descending=True)
    assert shown() == ["Patient 3", "Patient 2", "a", "x", "y", "b", "Patient 1", "a", "b"]
    with qtbot.waitSignal(model.answered):
        model.show_review((path, 2))
    assert shown()[1:6] == ["Patient 2", "a", "x", "y", "b"]
    model.close(1)
    assert shown() == ["Patient 3", "Patient 2", "Patient 1", "a", "b"]
    model.wake(awake=False)
    model.ask(replace(Query(), search="2/a"))
    assert model.rowCount() == 5
    with qtbot.waitSignal(model.answered):
        model.wake(awake=True)
    assert shown() == ["Patient 2"]
    model.show_review(None)
    assert model.rowCount() == 0


def test_folders_can_be_open_as_deep_as_a_path_can_be(model: TreeModel) -> None:
    depth = 1100
    numbers = [1] * TreeLevel.WIDTH
    top = TreeLevel(None)
    top.add("1", numbers, leaf=False)
    root = around = _Opened(top, 0)
    for deep in range(depth):
        level = TreeLevel(Branch("1", "d/" * deep))
        level.add("d/" * (deep + 1), numbers, leaf=False)
        around = around.open(0, level)
    model._take(root)
    last = Branch("1", "d/" * depth)
    assert model.rowCount() == depth + 1
    assert model.row_of(last) == depth
    found = model.node(depth)
    assert found is not None
    assert found.branch == last
    assert [one.folder for one in root.branches()] == ["d/" * deep for deep in range(depth)]
