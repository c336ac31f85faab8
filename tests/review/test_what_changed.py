"""What changed, in parts that people talk about: each change in one part, and a renamed file neither added nor deleted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from world import World

from chorus_gui.app import facts
from chorus_gui.app.options import SubmitOptions
from chorus_gui.app.review import Review, Reviewing
from chorus_gui.app.submit import submit
from chorus_gui.app.unattended.approving import facts_of
from chorus_gui.app.values import ReviewFacts
from chorus_gui.app.what_changed import phrase, renamed_text, sentence
from chorus_gui.core.errors import MassDeletionError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import ChangeKind, Mode
from chorus_gui.core.review.changes import by_ids, select_ids
from chorus_gui.core.review.holds import Holds, hold_back, hold_back_patient
from chorus_gui.core.review.parts import what_changed
from chorus_gui.core.review.renames import renamed_folder
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import ACTIONABLE, Part, Query

SAME = 1_700_000_000.0
LATER = 2_500_000_000
"""One time for many files, as after unpacking an archive: then neither size nor time is unique."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Four patients, of three slices and a waveform each, and two tables; all slices have one size and one time."""
    world = World(tmp_path)
    for patient in ("0011", "12", "13", "14"):
        for number in range(3):
            world.put(f"{patient}/Images/study/{number}.dcm", f"{patient:>4} slice {number}", mtime=SAME)
        world.put(f"{patient}/Waveforms/{patient}.dat", f"wave {patient}")
    world.put("OMOP/person.csv", "person_id\n1\n")
    world.put("OMOP/visit.csv", "visit_id\n1\n")
    world.run()
    return world


def review(world: World, mode: Mode = Mode.FULL, modalities: list[str] | None = None) -> ReviewFacts:
    world.review(mode=mode, modalities=modalities)
    found = facts.review(world.config, 1, JobContext())
    assert found is not None
    return found


def parts(found: ReviewFacts) -> dict[str, tuple[int, int]]:
    """Part → (patients or folders, files)."""
    return {one.part.value: (one.groups, one.tally.files) for one in found.changed.parts}


def gone(world: World, patient: str) -> None:
    shutil.rmtree(world.site / patient)


def new(world: World, patient: str) -> None:
    for number in range(2):
        world.put(f"{patient}/Images/{number}.dcm", f"new {patient} {number}")


def renamed(world: World) -> None:
    (world.site / "12/Images/study").rename(world.site / "12/Images/series")


def renamed_patient(world: World) -> None:
    (world.site / "13").rename(world.site / "31")


def renamed_file(world: World) -> None:
    (world.site / "14/Waveforms/14.dat").rename(world.site / "14/Waveforms/a.dat")


def merged(world: World) -> None:
    """A folder moves into one that the journal has files of: its files have another place, the folder has no other name."""
    for file in (world.site / "12/Images/study").iterdir():
        file.rename(world.site / "14/Images/study" / f"of {file.name}")


def partly(world: World) -> None:
    for number in range(2):
        (world.site / "12/Images/series").mkdir(exist_ok=True)
        (world.site / f"12/Images/study/{number}.dcm").rename(world.site / f"12/Images/series/{number}.dcm")


CASES: dict[str, tuple[list[Callable[[World], object]], dict[str, tuple[int, int]]]] = {
    "nothing": ([], {}),
    "two new patients": ([lambda w: new(w, "21"), lambda w: new(w, "22")], {"new_patients": (2, 4)}),
    "a new file of a known patient": ([lambda w: w.put("12/Images/x.dcm", "another")], {"added": (0, 1)}),
    "a patient whose ID begins with zeros is known": ([lambda w: w.put("0011/Images/x.dcm", "another")], {"added": (0, 1)}),
    "a patient who is gone": ([lambda w: gone(w, "0011")], {"gone_patients": (1, 4)}),
    "a part of a patient is gone": ([lambda w: shutil.rmtree(w.site / "12/Images")], {"deleted": (0, 3)}),
    "a renamed folder": ([renamed], {"renamed_folders": (1, 3)}),
    "a renamed patient is neither new nor gone": ([renamed_patient], {"renamed_folders": (1, 4)}),
    "two renamed folders of equal names, sizes and times": ([renamed, renamed_patient], {"renamed_folders": (2, 7)}),
    "a renamed file": ([renamed_file], {"renamed": (0, 1)}),
    "a part of a folder has another place": ([partly], {"renamed": (0, 2)}),
    "a folder that moved into another one": ([lambda w: (w.site / "12/Waveforms/12.dat").rename(w.site / "13/Waveforms/12.dat")], {"renamed": (0, 1)}),
    "another content": ([lambda w: w.put("OMOP/person.csv", "person_id\n1\n2\n")], {"updated": (0, 1)}),
    "another time": ([lambda w: os.utime(w.site / "OMOP/person.csv", (SAME, SAME))], {"moved": (0, 1)}),
    "everything at once": (
        [lambda w: new(w, "21"), lambda w: gone(w, "0011"), renamed, renamed_file, lambda w: w.put("OMOP/visit.csv", "v", mtime=LATER), lambda w: w.put("OMOP/death.csv", "d")],
        {"new_patients": (1, 2), "gone_patients": (1, 4), "renamed_folders": (1, 3), "updated": (0, 1), "added": (0, 1), "renamed": (0, 1)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_change_is_in_one_part(world: World, case: str) -> None:
    steps, expected = CASES[case]
    for step in steps:
        step(world)
    found = review(world)
    assert parts(found) == expected
    counted = sum(found.summary.once(kind).files for kind in ACTIONABLE) + found.summary.renamed
    assert sum(one.tally.files for one in found.changed.parts) == counted == found.to_do_total.files
    with Staging.open(found.path) as staging:
        seen: list[int] = []
        for part in Part:
            ids = select_ids(staging, Query(part=part, excluded=False))
            halves = sum(change.pair is not None and change.kind is ChangeKind.DELETED for change in by_ids(staging, ids))
            assert len(ids) - halves == expected.get(part.value, (0, 0))[1], part
            seen += ids
        assert len(seen) == len(set(seen)) == len(select_ids(staging, Query(kinds=ACTIONABLE)))


def test_the_words(world: World) -> None:
    for step in CASES["everything at once"][0]:
        step(world)
    found = review(world).changed
    assert sentence(found, lambda _: "3 Nov") == (
        "1 patient new (2 files), 1 patient gone (4 files), 1 folder renamed (3 files), 1 file changed since 3 Nov, 1 file added, 1 file renamed"
    )
    assert renamed_text(found) == "Renamed folders: “12/Images/study” is now “12/Images/series”."
    assert phrase(found.parts[0], None) == "1 patient new (2 files)"


def test_files_that_are_older_than_the_last_record_have_no_date(world: World) -> None:
    """For example of an update that was held back when others were recorded."""
    world.put("OMOP/visit.csv", "v", mtime=SAME)
    assert sentence(review(world).changed, lambda _: "3 Nov") == "1 file changed"


def test_another_patients_files_that_look_alike_do_not_hide_a_deletion(tmp_path: Path) -> None:
    """One file that is unique by chance makes all of a patient's files look renamed.  The guard asks all the same."""
    world = World(tmp_path)
    for number in range(150):
        world.put(f"12/Images/study/{number}.dcm", "same size", mtime=SAME)
    world.put("12/Images/study/scout.dcm", "unique size, by chance", mtime=SAME)
    world.put("1/Images/stays.dcm", "stays")
    world.run()
    shutil.rmtree(world.site / "12")
    for number in range(150):
        world.put(f"99/Images/ct/{number}.dcm", "SAME SIZE", mtime=SAME)
    world.put("99/Images/ct/scout.dcm", "UNIQUE SIZE, BY CHANCE", mtime=SAME)
    assert review(world).many_deletions == {"Images": (151, 152)}


def test_a_renamed_folder_is_not_a_deletion_for_the_guard_and_for_a_policy(tmp_path: Path) -> None:
    """More than 100 files and more than a fifth: as deletions, a person would have to type a confirmation."""
    world = World(tmp_path)
    for number in range(150):
        world.put(f"1/Images/old/{number}.dcm", f"{number:03}", mtime=SAME)
    world.put("1/Images/stays.dcm", "stays")
    world.run()
    (world.site / "1/Images/old").rename(world.site / "1/Images/new")
    found = review(world)
    assert parts(found) == {"renamed_folders": (1, 150)}
    assert not found.many_deletions

    class Judging(Reviewing):
        def show(self, review: Review) -> None:
            judged = facts_of(review)
            assert judged.modalities["Images"].deleted == 0
            assert judged.patients_gone == 0
            assert judged.modalities["Images"].upload.files == 150, "a file whose content differs is uploaded"

    done = submit(world.workspace(), JobContext(), SubmitOptions(), Judging())
    assert done.ok
    assert done.log.renamed["Images"].files == 150
    (world.site / "1/Images/new").rename(tmp_path / "elsewhere")
    with pytest.raises(MassDeletionError):
        world.run()


def test_what_is_held_back_is_in_no_part(world: World) -> None:
    gone(world, "0011")
    new(world, "21")
    renamed(world)
    found = review(world)
    with Staging.open(found.path) as staging, Holds(world.journal) as holds:
        hold_back_patient(staging, holds, "21", "later")
        one = select_ids(staging, Query(part=Part.RENAMED_FOLDERS))[:1]
        hold_back(staging, holds, one, "later")
        left = {count.part: (count.groups, count.tally.files) for count in what_changed(staging).parts}
    assert left == {Part.GONE_PATIENTS: (1, 4), Part.RENAMED_FOLDERS: (1, 2)}


def test_a_patient_of_whom_a_modality_was_not_scanned_is_neither_new_nor_gone(world: World) -> None:
    shutil.rmtree(world.site / "12/Images")
    world.put("14/Images/x.dcm", "another")
    shutil.rmtree(world.site / "0011/Images")
    found = review(world, modalities=["Images"])
    assert parts(found) == {"added": (0, 1), "deleted": (0, 6)}
    assert found.lost_patients == ()


def test_append_has_no_part_for_what_is_gone(world: World) -> None:
    gone(world, "12")
    new(world, "21")
    assert parts(review(world, Mode.APPEND)) == {"new_patients": (1, 2)}


def test_after_the_first_submission_everybody_is_new(tmp_path: Path) -> None:
    world = World(tmp_path)
    new(world, "21")
    found = review(world)
    assert parts(found) == {"new_patients": (1, 2)}
    assert found.changed.since_us is None


@pytest.mark.parametrize(
    ("old", "new", "folders"),
    [
        ("1/Images/a.dcm", "2/Images/a.dcm", ("1", "2")),
        ("1/Images/s/a.dcm", "1/Images/t/a.dcm", ("1/Images/s", "1/Images/t")),
        ("1/Images/a.dcm", "1/Images/b.dcm", None),
        ("1/Images/a.dcm", "1/Images/s/a.dcm", ("1/Images", "1/Images/s")),
        ("a.dcm", "1/a.dcm", None),
        ("1/a/b/x", "2/c/b/x", ("1/a", "2/c")),
    ],
)
def test_the_folders_of_a_pair(old: str, new: str, folders: tuple[str, str] | None) -> None:
    assert renamed_folder(old, new) == folders
