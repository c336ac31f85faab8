"""A version that has files already: what cannot lie beside them is found before anything is sent, and the rest arrives."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from commands import Run
from platforms import cases_differ
from world import World

from chorus_gui.app.options import SubmitOptions
from chorus_gui.app.review import scan
from chorus_gui.app.submit import carry_out
from chorus_gui.core.job import JobContext
from chorus_gui.core.review import amended
from chorus_gui.core.review.approval import all_deletions
from chorus_gui.core.review.changes import stream, summary
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Query
from chorus_gui.core.storage.local import LocalStore

DIGITS = '[site_path.Images]\npattern = "{patient_id:d}/Images/{filepath}"\n'
CLASHES = {
    "the place of another file": ("0012/Images/a.dcm", "12/Images/a.dcm", "same place"),
    "below a file": ("12/Images/S", "12/Images/S/a.dcm", "a file with the name of its folder"),
    "far below a file": ("12/Images/S", "12/Images/S/x/y/a.dcm", "a file with the name of its folder"),
    "a file in the place of a folder": ("12/Images/S/x/y/a.dcm", "12/Images/S", "a folder of the same name"),
    "another spelling": ("12/Images/A.dcm", "12/Images/a.DCM", "does not distinguish"),
    "another spelling of the folder": ("12/Images/Study/a.dcm", "12/Images/STUDY/b.dcm", "does not distinguish"),
}
STATES = ("uploaded", "recorded", "deleted since")


@pytest.fixture(params=CLASHES)
def clash(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[World, str, str, str]:
    old, new, why = CLASHES[request.param]
    world = World(tmp_path, more=DIGITS, mode="full")
    if "spelling" in request.param and not cases_differ():
        pytest.skip("the site's disk has one of them")
    if "spelling" in request.param:
        monkeypatch.setattr(amended, "folder_ignores_case", lambda _: True)
    world.put("OMOP/person.csv", "id")
    return world, old, new, why


def begin(world: World, old: str, state: str) -> None:
    """Version v1 has the old file."""
    world.put(old, "old")
    world.run("record" if state == "recorded" else "submit", version="v1")
    assert old in world.active()
    if old.count("/") > 2 or state == "deleted since" or old.endswith("/S"):
        shutil.rmtree(world.site / "12", ignore_errors=True)
    if state == "deleted since":
        shutil.rmtree(world.site / "0012", ignore_errors=True)
        world.run(version="v2", allow_deletions=True)


@pytest.mark.parametrize("state", STATES)
def test_what_has_no_place_in_an_amended_version_is_found_before_anything_is_sent(
    clash: tuple[World, str, str, str], run: Run, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, old, new, why = clash
    begin(world, old, state)
    if state == "deleted since" and why == "same place":
        pytest.skip("the place of a deleted file can be given to another one")
    world.put(new, "new")
    world.put("3/Images/other.dcm", "other")
    sent: list[bytes] = []
    put = LocalStore.put
    monkeypatch.setattr(LocalStore, "put", lambda store, path, data, **k: sent.append(bytes(data)) or put(store, path, data, **k))
    status, text = run(world, "submit", "--yes", "--allow-deletions", "--version", "v1")
    assert status == 1, text
    assert why in text
    assert new in text
    assert "Rename one of them on the site" in text
    assert "3/Images/other.dcm" in world.active(), "the rest is submitted"
    assert new not in world.active()
    assert b"other" in sent
    assert b"new" not in sent
    world.check_truth()
    status, text = run(world, "submit", "--yes", "--allow-deletions", "--version", "v9")
    assert status == 0, f"the remedy works: {text}"
    assert world.active()[new].version == "v9"
    world.check_truth()


def test_the_window_learns_the_version_last_and_finds_it_all_the_same(clash: tuple[World, str, str, str]) -> None:
    world, old, new, why = clash
    begin(world, old, "uploaded")
    world.put(new, "new")
    world.put("3/Images/other.dcm", "other")
    workspace, options = world.workspace(), SubmitOptions(version="v1", allow_deletions=True)
    assert scan(workspace, JobContext(), SubmitOptions()).ok
    done = carry_out(workspace, JobContext(), options, record_only=False)
    assert [failure.item.path for failure in done.log.failures] == [new]
    assert why in done.log.failures[0].cause
    assert "3/Images/other.dcm" in world.active()
    assert world.kinds()[new] == "added", "in another version it can be sent"
    world.check_truth()


def test_a_changed_file_keeps_its_own_place(tmp_path: Path) -> None:
    world = World(tmp_path, more=DIGITS)
    world.put("0012/Images/a.dcm", "one")
    world.run(version="v1")
    world.put("0012/Images/a.dcm", "another")
    log = world.run(version="v1")
    assert not log.failures
    assert world.active()["0012/Images/a.dcm"].size == len("another")
    world.check_truth()


def test_a_renamed_file_that_has_no_place_is_no_half_of_a_rename(tmp_path: Path) -> None:
    world = World(tmp_path, mode="full")
    world.put("1/Images/S", "content", mtime=1000)
    world.run(version="v1")
    (world.site / "1/Images/S").unlink()
    world.put("1/Images/S/a.dcm", "content", mtime=1000)
    log = world.run(version="v1", allow_deletions=True)
    assert os.listdir(world.central / "v1/1/Images") == ["S"]
    assert not log.failures, "the review has it as a problem"
    assert world.active() == {}
    world.run(version="v2")
    assert set(world.active()) == {"1/Images/S/a.dcm"}
    world.check_truth()


def test_the_old_name_of_a_file_that_has_no_place_is_a_deleted_file(tmp_path: Path) -> None:
    """It counts as one for the guard against many deletions, and in the summary."""
    world = World(tmp_path, mode="full")
    world.put("1/Images/S", "content", mtime=1000)
    world.run(version="v1")
    (world.site / "1/Images/S").unlink()
    world.put("1/Images/S/a.dcm", "content", mtime=1000)
    path = world.review().path
    with world.open() as journal, Staging.open(path) as staging:
        assert summary(staging).renamed == 1
        assert amended.refuse_taken(world.config, journal, staging, "v2") == []
        assert summary(staging).renamed == 1, "another version has the place"
        (refused,) = amended.refuse_taken(world.config, journal, staging, "v1")
        assert refused.path == "1/Images/S/a.dcm"
        assert {change.path: (change.kind.value, change.pair) for change in stream(staging, Query())} == {
            "1/Images/S": ("deleted", None),
            "1/Images/S/a.dcm": ("problem", None),
        }
        assert summary(staging).renamed == 0
        assert all_deletions(staging, journal.counts()) == {"Images": (1, 1)}
