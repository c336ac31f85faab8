"""The sentence above the tiles of the Review page, and the same words in the approval: each part shows its changes alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from uiworld import run_job
from world import World

from chorus_gui.core.review.values import Part
from chorus_gui.ui import intents
from chorus_gui.ui.dialogs.approve import ApproveDialog
from chorus_gui.ui.pages import Services
from chorus_gui.ui.pages.review import ReviewPage, make
from chorus_gui.ui.session import Session
from chorus_gui.ui.widgets.flow import FlowLayout


@pytest.fixture
def page(qtbot: QtBot, opened: Session, world: World) -> ReviewPage:
    """A month later: a patient is gone (two files), a patient is new, a folder has another name, a table changed."""
    for patient in ("2001", "2002"):
        for number in range(2):
            world.put(f"{patient}/Images/study/{number}.dcm", f"{patient} {number}")
    world.run()
    shutil.rmtree(world.site / "2001")
    (world.site / "2002/Images/study").rename(world.site / "2002/Images/series")
    world.put("2003/Images/a.dcm", "a new patient")
    world.put("OMOP/person.csv", "person_id\n1\n2\n3\n", mtime=2_500_000_000)
    made = make(Services(opened.reader, opened.pager, opened.settings))
    assert isinstance(made, ReviewPage)
    qtbot.addWidget(made)
    made.resize(1200, 800)
    made.show()
    opened.changed.connect(made.render)
    made.render(opened.state)
    with qtbot.waitSignal(made.area.model.answered):
        run_job(qtbot, opened, intents.Scan())
    return made


def shown(page: ReviewPage) -> set[str]:
    model = page.area.model
    return {change.path for row in range(model.count) if (change := model.change(row)) is not None}


def press(qtbot: QtBot, page: ReviewPage, part: Part, paths: set[str]) -> None:
    qtbot.mouseClick(page.changed.buttons[part], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shown(page) == paths and page.area.model.count == len(paths), timeout=5000)


GONE = {"2001/Images/study/0.dcm", "2001/Images/study/1.dcm"}
NEW = {"2003/Images/a.dcm"}
RENAMED = {f"2002/Images/{name}/{number}.dcm" for name in ("study", "series") for number in range(2)}


def test_each_part_of_the_sentence_shows_its_changes(qtbot: QtBot, page: ReviewPage) -> None:
    said = {part: shown.text().split(" since ")[0] for part, shown in page.changed.buttons.items()}
    assert said == {
        Part.NEW_PATIENTS: "1 patient new (1 file)",
        Part.GONE_PATIENTS: "1 patient gone (2 files)",
        Part.RENAMED_FOLDERS: "1 folder renamed (2 files)",
        Part.UPDATED: "1 file changed",
    }
    everything = page.area.model.count
    press(qtbot, page, Part.GONE_PATIENTS, GONE)
    press(qtbot, page, Part.NEW_PATIENTS, NEW)
    assert [part for part, one in page.changed.buttons.items() if one.isChecked()] == [Part.NEW_PATIENTS]
    press(qtbot, page, Part.RENAMED_FOLDERS, RENAMED)
    page.tiles.tiles["deleted"].click()
    qtbot.waitUntil(lambda: shown(page) == GONE and page.area.model.count == 2, timeout=5000)
    assert page.changed.part is None, "a tile and a part do not filter together"
    press(qtbot, page, Part.UPDATED, {"OMOP/person.csv"})
    assert not page.tiles.any_pressed
    qtbot.mouseClick(page.changed.buttons[Part.UPDATED], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.area.model.count == everything, timeout=5000)


def test_when_the_last_change_of_a_part_is_held_back_the_others_are_shown(qtbot: QtBot, page: ReviewPage, opened: Session) -> None:
    press(qtbot, page, Part.NEW_PATIENTS, NEW)
    ids = tuple(page.area.model.ids([(0, 0)]))
    run_job(qtbot, opened, intents.HoldBack(ids, "later", len(ids)))
    qtbot.waitUntil(lambda: Part.NEW_PATIENTS not in page.changed.buttons and page.area.model.count > 1, timeout=5000)
    assert page.changed.part is None


def test_the_approval_says_the_same_and_counts_a_renamed_file_once(qtbot: QtBot, page: ReviewPage, opened: Session) -> None:
    review = opened.state.review
    assert review is not None
    dialog = ApproveDialog(page, opened.state, review, lambda _: None)
    qtbot.addWidget(dialog)
    texts = [found.text() for found in dialog.findChildren(QLabel)]
    assert any(
        text.startswith("1 patient new (1 file), 1 patient gone (2 files), 1 folder renamed (2 files), 1 file changed since ")
        for text in texts
    )
    assert any("Renamed folders: “2002/Images/study” is now “2002/Images/series”." in text for text in texts)
    assert any("1 patient has no files on the site any longer: 2001." in text for text in texts)
    assert "Approve 6 changes?" in texts
    assert {"Renamed", "Added"} <= set(texts)


def test_the_buttons_begin_another_line_in_a_narrow_window(qtbot: QtBot) -> None:
    holder = QWidget()
    qtbot.addWidget(holder)
    flow = FlowLayout()
    holder.setLayout(flow)
    buttons = [QPushButton(f"1,204 patients of number {number}") for number in range(4)]
    for one in buttons:
        flow.addWidget(one)
    for width in (2000, 500, 120):
        holder.resize(width, flow.heightForWidth(width))
        flow.setGeometry(QRect(0, 0, width, flow.heightForWidth(width)))
        places = [one.geometry() for one in buttons]
        assert all(place.left() >= 0 and place.right() < width for place in places), width
        assert all(place.bottom() < flow.heightForWidth(width) for place in places), width
        assert not any(a.intersects(b) for n, a in enumerate(places) for b in places[:n]), width
    assert len({one.y() for one in buttons}) == 4


def test_the_receipt_says_what_was_recorded(tmp_path: Path) -> None:
    from chorus_gui.app.options import SubmitOptions
    from chorus_gui.app.receipts import from_json, to_html, to_text
    from chorus_gui.app.review import Reviewing
    from chorus_gui.app.submit import submit
    from chorus_gui.core.job import JobContext

    world = World(tmp_path)
    world.put("1/Images/old/a.dcm", "a slice")
    world.put("1/Images/stays.dcm", "stays")
    world.run()
    (world.site / "1/Images/old").rename(world.site / "1/Images/new")
    world.put("2/Images/b.dcm", "new")
    done = submit(world.workspace(), JobContext(), SubmitOptions(), Reviewing())
    assert done.receipt is not None
    made = from_json(done.receipt.with_suffix(".json").read_text("utf-8"))
    assert [one.text for one in made.changed] == ["1 patient new (1 file)", "1 folder renamed (1 file)"]
    assert [(one.part, one.groups, one.files) for one in made.changed] == [("new_patients", 1, 1), ("renamed_folders", 1, 1)]
    for page in (to_text(made), to_html(made)):
        assert "1 patient new (1 file), 1 folder renamed" in " ".join(page.split())
