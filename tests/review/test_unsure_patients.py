"""A patient with missing files is not called gone while a folder that can have files of the patient could not be read."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
from world import World

from chorus_gui.app import facts
from chorus_gui.app.options import SubmitOptions
from chorus_gui.app.review import Review, Reviewing, look
from chorus_gui.app.unattended.approving import examples, facts_of
from chorus_gui.app.unattended.policy import Policy, decide
from chorus_gui.app.values import ReviewFacts
from chorus_gui.core.folders import disk_path
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Grade
from chorus_gui.core.review.holds import hold_back_patient
from chorus_gui.ui.dialogs.approve import facts as told
from chorus_gui.ui.state import SessionState


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Three submitted patients with images and waveforms, the first with zeros in front."""
    world = World(tmp_path)
    for patient in ("0011", "12", "13"):
        world.put(f"{patient}/Images/{patient}.dcm", f"image {patient}")
        world.put(f"{patient}/Waveforms/{patient}.dat", f"wave {patient}")
    world.put("OMOP/person.csv", "person_id\n1\n")
    world.run()
    return world


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders in this list cannot be read."""
    closed: list[Path] = []
    scandir = os.scandir

    def refusing(where: str | int) -> object:
        if isinstance(where, str) and where in map(disk_path, closed):
            raise PermissionError(errno.EACCES, "denied", where)
        return scandir(where)

    monkeypatch.setattr(os, "scandir", refusing)
    return closed


def review(world: World) -> ReviewFacts:
    world.review()
    found = facts.review(world.config, 1, JobContext())
    assert found is not None
    return found


def said(found: ReviewFacts) -> list[str]:
    return [note for note in found.summary.notes if "Could not determine" in note]


def parts(found: ReviewFacts) -> dict[str, tuple[int, int]]:
    return {one.part.value: (one.groups, one.tally.files) for one in found.changed.parts}


@pytest.mark.parametrize("patient", ["0011", "12"])
def test_files_that_the_journal_has_in_the_folder(world: World, unreadable: list[Path], patient: str) -> None:
    shutil.rmtree(world.site / patient / "Waveforms")
    unreadable.append(world.site / patient / "Images")
    found = review(world)
    assert found.lost_patients == ()
    assert parts(found) == {"deleted": (0, 1)}, "the missing file is named, the patient is not called gone"
    expected = (
        f"Could not determine if the site has files of 1 patient, because folders could not be read: {patient}. Other files of this patient are "
        "missing. Make the folders readable, then scan again."
    )
    assert said(found) == [expected]


def test_files_that_the_journal_does_not_have(world: World, unreadable: list[Path]) -> None:
    for modality in ("Images", "Waveforms"):
        (world.site / "12" / modality / f"12.{'dcm' if modality == 'Images' else 'dat'}").unlink()
    world.put("12/Images/new/perhaps.dcm", "never submitted")
    unreadable.append(world.site / "12/Images/new")
    found = review(world)
    assert found.lost_patients == ()
    assert len(said(found)) == 1


def test_another_patients_folder_says_nothing_about_a_patient_who_is_gone(world: World, unreadable: list[Path]) -> None:
    shutil.rmtree(world.site / "12")
    unreadable.append(world.site / "13/Images")
    (world.site / "lost+found").mkdir()
    unreadable.append(world.site / "lost+found")
    found = review(world)
    assert found.lost_patients == ("12",)
    assert parts(found) == {"gone_patients": (1, 2)}
    assert said(found) == []


def test_a_folder_above_the_patients_can_have_files_of_anybody(tmp_path: Path, unreadable: list[Path]) -> None:
    world = World(tmp_path, more='[site_path.Images]\npattern = "scans/{version}/{patient_id:w}/Images/{filepath}"\n')
    world.put("scans/v1/12/Images/a.dcm", "image")
    world.put("scans/v1/13/Images/a.dcm", "image 13")
    world.put("scans/v2/13/Images/b.dcm", "image 13 b")
    world.run()
    shutil.rmtree(world.site / "scans/v1/12")
    unreadable.append(world.site / "scans/v2")
    found = review(world)
    assert found.lost_patients == ()
    assert len(said(found)) == 1


def test_a_policy_counts_and_approve_names_those_of_whom_it_is_unsure(tmp_path: Path, unreadable: list[Path]) -> None:
    world = World(tmp_path, more='[site_path.Images]\npattern = "scans/{version}/{patient_id:w}/Images/{filepath}"\n')
    for patient in ("13", "14", "15", "16"):
        world.put(f"scans/v1/{patient}/Images/a.dcm", f"image {patient}")
    world.put("scans/v2/13/Images/b.dcm", "image 13 b")
    world.run()
    for patient in ("14", "15", "16"):
        shutil.rmtree(world.site / "scans/v1" / patient)
    unreadable.append(world.site / "scans/v2")
    found = review(world)
    assert (found.lost_patients, found.unsure_patients) == ((), ("14", "15", "16"))
    assert any(grade is Grade.WARNING and "14, 15, 16" in text for grade, text in told(SessionState(), found))

    judged: list[tuple[str, tuple[str, ...]]] = []

    class Judging(Reviewing):
        def show(self, review: Review) -> None:
            broken = decide(facts_of(review), Policy("p", problems=1))
            judged.extend((one.text, examples(review, one)) for one in broken if one.rule == "patients_gone")

    assert look(world.workspace(), JobContext(), SubmitOptions(), Judging()).outcome.report == ""
    ((text, named),) = judged
    assert text.startswith("The review has 3 patients with no file left on the site, of which 3 are unsure")
    assert named == tuple(f"Images: scans/v1/{patient}/Images/a.dcm" for patient in (14, 15, 16))
    with world.workspace().holds() as kept, world.workspace().staged() as staging:
        hold_back_patient(staging, kept, "14", "not sure")
    held = facts.review(world.config, 2, JobContext())
    assert held is not None
    assert held.unsure_patients == ("15", "16"), "what is held back is not marked as deleted"
