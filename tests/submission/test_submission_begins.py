"""Before a submission changes anything: what was approved must still be what is there.  Afterwards: what the run says that it did."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from world import World

from chorus_gui.core.errors import Cancelled, LeakError, StaleReviewError
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Action, Approval, ChangeKind, Entry
from chorus_gui.core.review.approval import approve
from chorus_gui.core.review.changes import stream
from chorus_gui.core.review.holds import Holds, hold_back
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Hold, Query
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.submission.approved import Approved
from chorus_gui.core.submission.held import HeldNow
from chorus_gui.core.submission.submit import record, submit
from chorus_gui.core.submission.work import Work

A, B, C = "1/Images/a.dcm", "1/Images/b.dcm", "1/Images/c.dcm"
RECORDING = pytest.mark.parametrize("recording", [False, True], ids=["submit", "record"])


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.put(A, "one", mtime=100)
    world.put(B, "other", mtime=100)
    world.run(version="v1")
    return world


@contextmanager
def approved(world: World, version: str = "v2") -> Iterator[tuple[Work, Approved]]:
    """A scan that is approved, and not carried out yet."""
    path = world.review().path
    with world.working() as work, Staging.open(path) as staging:
        yield work, Approved(staging, approve(staging, work.journal, version))


def carry_out(work: Work, what: Approved, world: World, *, recording: bool) -> None:
    (record if recording else submit)(work, what, LocalStore(world.central))


def hold(world: World, staging: Staging, *paths: str) -> None:
    with Holds(world.journal) as holds:
        hold_back(staging, holds, [change.id for change in stream(staging, Query()) if change.path in paths], "not signed off")


def review_changed(world: World, what: Approved) -> None:
    hold(world, what.staging, C)


def journal_changed(world: World, what: Approved) -> None:
    with closing(sqlite3.connect(world.journal)) as db, db:
        db.execute("UPDATE journal_v2 SET TIME_INVALID_us = 5 WHERE FILENAME = 'b.dcm'")


def configuration_changed(world: World, what: Approved) -> None:
    what.staging.put("config", "another")


@RECORDING
@pytest.mark.parametrize("changed", [review_changed, journal_changed, configuration_changed])
def test_nothing_is_done_if_something_changed_since_the_approval(
    world: World, changed: Callable[[World, Approved], None], recording: bool
) -> None:
    world.put(C, "new", mtime=100)
    (world.site / A).unlink()
    with approved(world) as (work, what):
        changed(world, what)
        before = {row.file_id for row in world.rows(active=True)}
        with pytest.raises(StaleReviewError):
            carry_out(work, what, world, recording=recording)
    assert {row.file_id for row in world.rows(active=True)} == before
    assert not (world.central / "v2").exists()


@RECORDING
def test_what_is_held_back_by_now_counts_as_held_back_in_the_review(world: World, recording: bool) -> None:
    """So the rest can be resumed with the same approval, and a list of the review shows it."""
    world.put(C, "new", mtime=100)
    world.put("2/Images/d.dcm", "new too", mtime=100)
    path = world.review().path
    with world.working() as work, Staging.open(path) as staging:
        what = Approved(staging, approve(staging, work.journal, "v2"))
        hold = Hold("Images", C, "", "consent withdrawn", "mara", 1)
        with Holds(world.journal) as holds:
            holds.add([hold])
        work = replace(work, held=HeldNow(work.config, [hold], lambda: [hold]))
        carry_out(work, what, world, recording=recording)
        excluded = {change.path for change in stream(staging, Query()) if change.excluded}
    assert excluded == {C}
    assert {path for _, path in work.log.held} == {C}
    assert set(world.active()) == {A, B, "2/Images/d.dcm"}


@RECORDING
def test_a_run_says_what_it_recorded(world: World, recording: bool) -> None:
    """The versions with new entries (a file that only has another time, or is deleted, makes none), and the changes by kind."""
    world.put(C, "new", mtime=100)
    world.put(B, "changed", mtime=200)
    os.utime(world.site / A, (300, 300))
    with approved(world) as (work, what):
        carry_out(work, what, world, recording=recording)
    assert work.log.recorded == {"v2"}
    assert {kind: (tally.files, tally.bytes) for kind, tally in work.log.entered["Images"].items()} == {
        ChangeKind.ADDED: (1, 3),
        ChangeKind.UPDATED: (1, 7),
        ChangeKind.MOVED: (1, 3),
    }


@RECORDING
@pytest.mark.parametrize("kind", ["deleted", "another time"])
def test_a_run_without_new_entries_recorded_no_version(world: World, kind: str, recording: bool) -> None:
    if kind == "deleted":
        (world.site / A).unlink()
    else:
        os.utime(world.site / A, (300, 300))
    with approved(world) as (work, what):
        carry_out(work, what, world, recording=recording)
    assert work.log.recorded == set()
    assert work.log.entered["Images"]


@RECORDING
@pytest.mark.parametrize("what_changes", ["new", "changed"])
def test_a_run_with_only_one_kind_of_new_entries_recorded_their_version(world: World, what_changes: str, recording: bool) -> None:
    world.put(C if what_changes == "new" else A, "content", mtime=400)
    with approved(world) as (work, what):
        carry_out(work, what, world, recording=recording)
    assert work.log.recorded == {"v2"}


def test_each_file_that_cannot_be_recorded_is_counted_once(world: World) -> None:
    world.put(A, "changed", mtime=200)
    world.put(B, "changed too", mtime=200)
    with approved(world) as (work, what):
        (world.site / A).unlink()
        (world.site / B).unlink()
        carry_out(work, what, world, recording=True)
        assert work.ctx.progress.snapshot().total.failed == 2
    assert {failure.item.path for failure in work.log.failures} == {A, B}


@RECORDING
def test_what_failed_can_be_tried_again_with_the_same_review(world: World, recording: bool) -> None:
    (world.site / A).unlink()
    world.put(C, "new", mtime=100)
    with approved(world) as (work, what):
        world.put(A, "one", mtime=100)
        carry_out(work, what, world, recording=recording)
        assert [failure.item.path for failure in work.log.failures] == [A]
        (world.site / A).unlink()
        carry_out(work, what, world, recording=recording)
    assert set(world.active()) == {B, C}


@RECORDING
def test_a_refused_file_does_not_prevent_a_second_try(world: World, recording: bool) -> None:
    """What an amended version has no place for leaves the approval; the rest of it stays valid."""
    world.put("2/Images/S", "file", mtime=100)
    world.run(version="v1")
    (world.site / "2/Images/S").unlink()
    world.put("2/Images/S/inside.dcm", "other content", mtime=100)
    (world.site / A).unlink()
    with approved(world, "v1") as (work, what):
        world.put(A, "one", mtime=100)
        carry_out(work, what, world, recording=recording)
        assert {failure.item.path for failure in work.log.failures} == {A, "2/Images/S/inside.dcm"}
        (world.site / A).unlink()
        carry_out(work, Approved(what.staging, Approval(**what.staging.get("approval"))), world, recording=recording)
    assert A not in world.active()


@RECORDING
def test_a_cancellation_before_the_entries_without_bytes_changes_nothing(world: World, recording: bool) -> None:
    (world.site / A).unlink()
    with approved(world) as (work, what):
        work.ctx.cancel()
        with pytest.raises(Cancelled):
            carry_out(work, what, world, recording=recording)
    assert set(world.active()) == {A, B}


def test_an_entry_that_a_closed_one_shadows_is_closed_as_outdated(tmp_path: Path) -> None:
    """Two open entries of one path: the later one counts, and the other is history, not deleted by the site."""
    world = World(tmp_path)
    Journal.begin(world.journal, schema=1)
    world.put(A, "one", mtime=100)
    world.run(version="v1")
    with closing(sqlite3.connect(world.journal)) as db, db:
        names = [name for _, name, *_ in db.execute("PRAGMA table_info(journal)") if name != "FILE_ID"]
        listed = ", ".join(names)
        db.execute(f"INSERT INTO journal ({listed}) SELECT {listed} FROM journal")
    world.put(B, "new", mtime=100)
    world.run(version="v2")
    with closing(sqlite3.connect(world.journal)) as db:
        found = db.execute("SELECT STATE, TIME_INVALID_us IS NULL FROM journal WHERE FILEPATH = ? ORDER BY FILE_ID", (A,)).fetchall()
    assert found == [("OUTDATED", 0), ("ADDED", 1)]
    assert set(world.active()) == {A, B}


def test_a_leak_stops_what_sends_before_anything_is_recorded_and_not_what_only_records(world: World) -> None:
    world.put("OMOP/location.csv", "location_id,address_1\n1,x\n", mtime=100)
    world.put(C, "new", mtime=100)
    with approved(world) as (work, what):
        with pytest.raises(LeakError):
            carry_out(work, what, world, recording=False)
        assert set(world.active()) == {A, B}
        carry_out(work, what, world, recording=True)
    assert set(world.active()) == {A, B, C, "OMOP/location.csv"}


def test_a_file_with_a_leak_that_has_to_be_sent_again_stops_the_submission(world: World) -> None:
    """It only has another time, and its copy is gone: nobody expected that it is sent."""
    world.put("OMOP/location.csv", "location_id,address_1\n1,x\n", mtime=100)
    world.run("record", version="v1")
    for row in world.rows(active=True):
        if row.uploaded is None:
            with world.open() as journal:
                journal.commit([Entry(Action.UPLOADED, old_id=row.file_id, uploaded="2026-01-01T00:00:00Z", md5=row.md5)])
    os.utime(world.site / "OMOP/location.csv", (300, 300))
    (world.site / A).unlink()
    with approved(world) as (work, what):
        assert {change.kind for change in stream(what.staging, Query())} == {ChangeKind.MOVED, ChangeKind.DELETED}
        with pytest.raises(LeakError):
            carry_out(work, what, world, recording=False)
    assert A in world.active()


def test_the_progress_of_an_upload_counts_what_is_copied_inside_the_store(world: World) -> None:
    os.rename(world.site / A, world.site / C)
    world.put("1/Images/d.dcm", "12345", mtime=100)
    with approved(world) as (work, what):
        carry_out(work, what, world, recording=False)
        count = work.ctx.progress.snapshot().by_modality["Images"]
    assert (work.log.copied.files, work.log.sent.files) == (1, 1)
    assert (count.files, count.bytes) == (2, 3 + 5)
