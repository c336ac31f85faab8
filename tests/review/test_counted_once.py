"""Each change is counted once, what append mode ignores is said, and lost patients are named."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import Run
from pytestqt.qtbot import QtBot
from world import World

from chorus_gui.app import facts
from chorus_gui.app.receipts import make_receipt, to_text
from chorus_gui.app.site_status import Known, submission_warnings
from chorus_gui.app.values import CustodyFacts, ReviewFacts
from chorus_gui.core.custody.state import State as Custody
from chorus_gui.core.job import JobContext, OutcomeKind
from chorus_gui.core.model import ChangeKind, Grade, Mode
from chorus_gui.core.review.changes import select_ids
from chorus_gui.core.review.holds import Holds
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import ACTIONABLE, Hold, Query, Reviewed
from chorus_gui.core.submission.run_result import RunResult
from chorus_gui.ui.dialogs.approve import facts as told
from chorus_gui.ui.pages.review_parts import Tiles
from chorus_gui.ui.state import SessionState


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Submitted; then a patient is gone (3 files), a folder renamed (2), one file deleted, one added."""
    world = World(tmp_path)
    for number in range(3):
        world.put(f"1001/Images/{number}.dcm", f"lost {number}")
        world.put(f"1003/Images/{number}.dcm", f"kept {number}")
    for number in range(2):
        world.put(f"1002/Waveforms/old/{number}.dat", f"wave {number}")
    world.run()
    for file in (*(world.site / "1001/Images").iterdir(), world.site / "1003/Images/0.dcm"):
        file.unlink()
    (world.site / "1001/Images").rmdir()
    (world.site / "1002/Waveforms/old").rename(world.site / "1002/Waveforms/new")
    world.put("1003/Images/added.dcm", "added, and of another size")
    return world


def reviewed(world: World, mode: Mode) -> ReviewFacts:
    world.review(mode=mode)
    found = facts.review(world.config, 1, JobContext())
    assert found is not None
    return found


def test_each_change_is_counted_once(world: World) -> None:
    review = reviewed(world, Mode.FULL)
    summary = review.summary
    assert {kind: summary.once(kind).files for kind in ACTIONABLE if summary.once(kind).files} == {
        ChangeKind.ADDED: 1,
        ChangeKind.DELETED: 4,
    }
    assert summary.renamed == 2
    with Staging.open(review.path) as staging:
        for kind in ACTIONABLE:
            assert len(select_ids(staging, Query(kinds=(kind,), once=True))) == summary.once(kind).files
        assert len(select_ids(staging, Query(renamed=True))) == 2 * summary.renamed
        both = select_ids(staging, Query(kinds=(ChangeKind.DELETED,), renamed=True, once=True))
        assert len(both) == summary.once(ChangeKind.DELETED).files + 2 * summary.renamed
    assert summary.once(ChangeKind.ADDED).bytes == len("added, and of another size")


def test_the_tiles_count_each_change_once(qtbot: QtBot, world: World) -> None:
    tiles = Tiles()
    qtbot.addWidget(tiles)
    tiles.show_summary(reviewed(world, Mode.FULL).summary)
    counts = {name: tile._number.text() for name, tile in tiles.tiles.items() if tile.isEnabled()}
    assert counts == {"added": "1", "deleted": "4", "renamed": "2"}


def test_a_renamed_file_that_is_held_back_is_one_change_in_every_place(qtbot: QtBot, world: World, run: Run) -> None:
    with Holds(world.journal) as holds:
        holds.add([Hold("", "", "1002", "to be checked", "anna", 5)])
    review, tiles = reviewed(world, Mode.FULL), Tiles()
    qtbot.addWidget(tiles)
    tiles.show_summary(review.summary)
    assert tiles.tiles["held"]._number.text() == "2"
    assert any(text == "2 changes are held back, and will not be submitted." for _, text in told(SessionState(), review))
    known = Known(CustodyFacts(Custody.MINE, "", may_write=True, can_check_in=True), review=review)
    assert "2 changes are held back." in submission_warnings(known)
    assert "2 changes are held back." in run(world, "journal", "update", "--dry-run")[1]
    receipt = make_receipt(world.config, RunResult(), "submission", OutcomeKind.DONE, Reviewed(review.path, review.summary))
    assert sorted(entry.path for entry in receipt.held_back) == [f"1002/Waveforms/new/{number}.dat" for number in range(2)]
    assert "Waveforms, 2 files: to be checked" in to_text(receipt)


def test_approve_names_lost_patients_and_renames(world: World) -> None:
    review = reviewed(world, Mode.FULL)
    assert review.lost_patients == ("1001",)
    said = told(SessionState(), review)
    assert any(grade is Grade.WARNING and "1 patient has no files on the site any longer: 1001." in text for grade, text in said)
    assert any("“1002/Waveforms/old” is now “1002/Waveforms/new”" in text for _, text in said)


def test_append_says_what_it_ignores(world: World) -> None:
    review = reviewed(world, Mode.APPEND)
    assert review.summary.vanished == 6
    assert not review.summary.total(ChangeKind.DELETED).files
    assert review.lost_patients == ()
    assert "6 files of the journal are no longer on the site. Append mode ignores them." in review.summary.notes
    assert not reviewed(world, Mode.FULL).summary.vanished


def test_append_says_nothing_if_nothing_is_missing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.put("OMOP/person.csv", "1")
    world.run()
    review = reviewed(world, Mode.APPEND)
    assert (review.summary.vanished, review.summary.notes) == (0, ())
