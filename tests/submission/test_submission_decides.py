"""What a submission does with what was approved: what is closed, copied, recorded and committed, and when."""

from __future__ import annotations

import itertools
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from world import World

from chorus_gui.core.errors import AccessError, StoreUnavailableError
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Action, Entry, Row
from chorus_gui.core.review.approval import approve
from chorus_gui.core.review.changes import stream
from chorus_gui.core.review.holds import Holds, hold_back
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Hold, Query
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.submission import submit as submit_module
from chorus_gui.core.submission.approved import Approved
from chorus_gui.core.submission.run_result import RunResult
from chorus_gui.core.submission.submit import record, remember, submit
from chorus_gui.core.transfer.verify import VerifyResult

A, B = "1/Images/a.dcm", "1/Images/b.dcm"


class SpiedStore(LocalStore):
    """Says what the journal has at the moment that a blob is written."""

    def __init__(self, world: World) -> None:
        super().__init__(world.central)
        self.world = world
        self.puts: dict[str, dict[str, Row]] = {}
        self.copies: list[tuple[str, str]] = []

    def _look(self, path: str) -> None:
        with Journal.open(self.world.journal, readonly=True) as journal:
            self.puts[path] = {row.path: row for row in journal.rows(active=True)}

    def put(self, path: str, data: Any, **options: Any) -> Any:
        self._look(path)
        return super().put(path, data, **options)

    def copy(self, source: str, target: str, **options: Any) -> Any:
        self.copies.append((source, target))
        return super().copy(source, target, **options)


def nothing() -> None:
    """Between the review and the submission."""


def carry_out(
    world: World,
    version: str = "v2",
    meanwhile: Callable[[], object] = nothing,
    *,
    store: SpiedStore | None = None,
    recording: bool = False,
) -> RunResult:
    """Scan and approve, then something happens, then the approved changes are carried out."""
    path = world.review().path
    with world.working() as work, Staging.open(path) as staging:
        approved = Approved(staging, approve(staging, work.journal, version))
        meanwhile()
        if recording:
            record(work, approved, store)
        else:
            submit(work, approved, store or SpiedStore(world))
    return work.log


def causes(log: RunResult) -> dict[str, str]:
    return {failure.item.path: failure.cause for failure in log.failures}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.put(A, "one", mtime=100)
    world.put(B, "other", mtime=100)
    world.run(version="v1")
    return world


def test_a_deleted_file_that_is_back_is_not_closed(world: World) -> None:
    (world.site / A).unlink()
    log = carry_out(world, meanwhile=lambda: world.put(A, "one", mtime=100))
    assert world.active()[A].version == "v1"
    assert "on the site again" in causes(log)[A]


def test_a_deleted_file_is_closed(world: World) -> None:
    (world.site / A).unlink()
    assert not carry_out(world).failures
    assert set(world.active()) == {B}


def test_a_file_that_is_replaced_in_its_own_version_is_pending_before_its_blob_is_written(world: World) -> None:
    """Otherwise an entry would vouch for a blob that is being overwritten."""
    world.put(A, "another", mtime=200)
    world.store = store = SpiedStore(world)
    assert not world.run(version="v1").failures
    assert store.puts[f"v1/{A}"][A].uploaded is None
    assert world.active()[A].uploaded
    world.check_truth()


def test_a_file_that_is_replaced_in_another_version_keeps_its_entry_until_the_new_one_is_proved(world: World) -> None:
    world.put(A, "another", mtime=200)
    store = SpiedStore(world)
    assert not carry_out(world, "v2", store=store).failures
    there = store.puts[f"v2/{A}"][A]
    assert (there.version, there.size) == ("v1", 3)
    assert there.uploaded
    world.check_truth()


def test_content_that_changed_after_the_review_read_it_is_not_recorded(world: World) -> None:
    world.put(A, "two", mtime=200)  # of equal size, so the review reads it
    log = carry_out(world, meanwhile=lambda: world.put(A, "six", mtime=200), recording=True)
    assert "content of the file has changed" in causes(log)[A]
    assert world.active()[A].version == "v1"


@pytest.mark.parametrize("recording", [False, True])
def test_content_that_changed_with_its_size_is_not_recorded(world: World, recording: bool) -> None:
    world.put(A, "longer", mtime=200)
    log = carry_out(world, meanwhile=lambda: world.put(A, "longest", mtime=300), recording=recording)
    assert A in causes(log)
    assert world.active()[A].version == "v1"


@pytest.mark.parametrize("change", ["moved", "restored"])
def test_a_file_that_changed_again_keeps_its_entry(world: World, change: str) -> None:
    if change == "moved":
        os.utime(world.site / A, (200, 200))
    else:
        with world.open() as journal:
            journal.commit([Entry(Action.CLOSE, old_id=world.active()[A].file_id, state="DELETED")])
    log = carry_out(world, meanwhile=lambda: world.put(A, "ten", mtime=300))
    assert "changed since the scan" in causes(log)[A]
    rows = [row for row in world.rows() if row.path == A]
    assert [(row.version, row.mtime_us) for row in rows] == [("v1", 100_000_000)]
    assert bool(rows[0].invalid_us) is (change == "restored")


def test_a_file_with_another_time_is_recorded_without_sending_it(world: World) -> None:
    os.utime(world.site / A, (200, 200))
    store = SpiedStore(world)
    log = carry_out(world, store=store)
    row = world.active()[A]
    assert (row.mtime_us, row.version, log.sent.files) == (200_000_000, "v1", 0)
    assert row.uploaded
    assert f"v2/{A}" not in store.puts


def test_a_file_with_another_time_whose_copy_is_gone_is_sent_as_updated(world: World) -> None:
    os.utime(world.site / A, (200, 200))
    log = carry_out(world, meanwhile=lambda: (world.central / "v1" / A).unlink())
    assert {kind.value: tally.files for kind, tally in log.entered["Images"].items()} == {"updated": 1}
    assert world.active()[A].version == "v2"
    world.check_truth()


def test_without_a_store_the_entry_of_a_file_with_another_time_stays(world: World) -> None:
    os.utime(world.site / A, (200, 200))
    log = carry_out(world, recording=True)
    assert world.active()[A].mtime_us == 100_000_000
    assert any("keeps the old time" in note for note in log.notes)


def test_a_restored_file_whose_copy_went_meanwhile_is_not_recorded(world: World) -> None:
    with world.open() as journal:
        journal.commit([Entry(Action.CLOSE, old_id=world.active()[A].file_id, state="DELETED")])
    log = carry_out(world, meanwhile=lambda: (world.central / "v1" / A).unlink())
    assert "no longer in the central store" in causes(log)[A]
    assert set(world.active()) == {B}


@pytest.mark.parametrize("answers", [False, True], ids=["no answer", "an answer that does not say"])
def test_a_restored_file_whose_copy_was_not_checked_says_so(world: World, answers: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may say that the copy is gone: nobody saw that."""
    row = world.active()[A]
    with world.open() as journal:
        journal.commit([Entry(Action.CLOSE, old_id=row.file_id, state="DELETED")])

    def looked_up(*_: object) -> dict[int, VerifyResult]:
        if not answers:
            raise StoreUnavailableError("There was no answer.")
        return {row.file_id: VerifyResult.UNCHECKED}

    monkeypatch.setattr(submit_module, "looked_up", looked_up)
    log = carry_out(world, recording=True, store=SpiedStore(world))
    assert "could not be checked" in causes(log)[A]
    assert set(world.active()) == {B}


def test_what_needs_no_bytes_is_in_the_journal_before_the_first_file_is_sent(world: World) -> None:
    (world.site / A).unlink()
    os.utime(world.site / B, (200, 200))
    world.put("1/Images/c.dcm", "new", mtime=100)
    store = SpiedStore(world)
    carry_out(world, store=store)
    before = store.puts["v2/1/Images/c.dcm"]
    assert set(before) == {B}
    assert before[B].mtime_us == 200_000_000


def test_a_renamed_file_is_copied_in_the_store(world: World) -> None:
    new = "2/Images/a.dcm"
    (world.site / new).parent.mkdir(parents=True)
    os.rename(world.site / A, world.site / new)
    store = SpiedStore(world)
    log = carry_out(world, store=store)
    assert store.copies == [(f"v1/{A}", f"v2/{new}")]
    assert (log.sent.files, log.copied.files) == (0, 1)
    world.check_truth()


def test_a_renamed_file_of_other_content_is_sent(world: World) -> None:
    """Size and time are those of the old name, the content is not."""
    new = "2/Images/a.dcm"
    (world.site / A).unlink()
    world.put(new, "six", mtime=100)
    store = SpiedStore(world)
    log = carry_out(world, store=store)
    assert store.copies == []
    assert (log.sent.files, log.copied.files) == (1, 0)
    world.check_truth()


def test_a_file_that_is_held_back_after_the_approval_stays_behind(world: World) -> None:
    world.put(A, "another", mtime=200)
    path = world.review().path
    with Staging.open(path) as staging, Holds(world.journal) as holds:
        (change,) = [change for change in stream(staging, Query()) if change.path == A]
        hold_back(staging, holds, [change.id], "not signed off")
    store = SpiedStore(world)
    log = carry_out(world, store=store)
    assert not store.puts
    assert not log.failures
    assert world.active()[A].version == "v1"


def test_an_error_that_stops_the_upload_leaves_what_was_confirmed(world: World) -> None:
    """Proofs that wait for their transaction are true: they are committed on the way out."""
    names = [f"1/Images/{number}.dcm" for number in range(6)]
    for name in names:
        world.put(name, name, mtime=100)

    written = threading.Semaphore(0)

    class Ending(SpiedStore):
        admitted = itertools.count()

        def put(self, path: str, data: Any, **options: Any) -> Any:
            if path.endswith(".db"):
                return super().put(path, data, **options)
            if next(self.admitted) < 3:
                result = super().put(path, data, **options)
                written.release()
                return result
            assert written.acquire(timeout=60)  # the token ends after a file was written
            written.release()
            raise AccessError("The token has ended.", remedy="Get another one.")

    with pytest.raises(AccessError):
        carry_out(world, store=Ending(world))
    sent = {path for path in names if (world.central / "v2" / path).exists()}
    assert sent
    assert {path for path in names if path in world.active()} == sent
    world.check_truth()


class MarkedStore(SpiedStore):
    """Says what the journal had when the marker of a version was removed."""

    def delete(self, path: str, **options: Any) -> Any:
        if path.endswith("/submission.json"):
            self._look(path)
        return super().delete(path, **options)


@pytest.mark.parametrize("recording", [False, True])
@pytest.mark.parametrize("change", ["moved", "restored"])
def test_a_version_whose_entries_change_loses_its_marker_before_the_journal_changes(world: World, change: str, recording: bool) -> None:
    """Otherwise the central team would take a version for complete while it changes."""
    assert (world.central / "v1" / "submission.json").exists()
    version = "v2"
    if change == "moved":
        version = "v1"  # a file with another time may have to be sent into the version that is amended
        os.utime(world.site / A, (200, 200))
    else:
        with world.open() as journal:
            journal.commit([Entry(Action.CLOSE, old_id=world.active()[A].file_id, state="DELETED")])
    store = MarkedStore(world)
    carry_out(world, version, store=store, recording=recording)
    before = store.puts["v1/submission.json"]
    assert set(before) == ({A, B} if change == "moved" else {B})
    assert before[B].mtime_us == 100_000_000
    if change == "moved":
        assert (before[A].mtime_us, world.active()[A].mtime_us) == (100_000_000, 200_000_000)


def test_a_submission_that_changes_nothing_of_a_version_leaves_its_marker(world: World) -> None:
    world.put("1/Images/c.dcm", "new", mtime=100)
    store = MarkedStore(world)
    carry_out(world, store=store)
    assert "v1/submission.json" not in store.puts
    assert (world.central / "v1" / "submission.json").exists()


def test_entries_that_were_closed_before_they_were_sent_are_removed(world: World) -> None:
    """Other tools leave them, and crash over them."""
    world.put("1/Images/c.dcm", "new", mtime=100)
    world.run("record", version="v2")
    with closing(sqlite3.connect(world.journal)) as db, db:
        db.execute("UPDATE journal_v2 SET TIME_INVALID_us = 5 WHERE FILENAME = 'c.dcm'")
    (world.site / "1/Images/c.dcm").unlink()
    assert len(world.rows()) == 3
    os.utime(world.site / A, (200, 200))
    carry_out(world, "v3")
    assert {row.path for row in world.rows()} == {A, B}


@pytest.mark.parametrize("meanwhile", ["nobody", "another program", "it was not saved"])
def test_the_review_stays_valid_only_if_nobody_else_changed_the_journal(
    world: World, meanwhile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed can be tried again without another scan; but never against entries that nobody compared."""
    os.utime(world.site / A, (200, 200))
    path = world.review().path
    with world.working() as work, Staging.open(path) as staging:
        approved = Approved(staging, approve(staging, work.journal, "v2"))
        submit(work, approved, SpiedStore(world))
        if meanwhile == "another program":
            with closing(sqlite3.connect(world.journal)) as db, db:
                db.execute("UPDATE journal_v2 SET TIME_INVALID_us = 5 WHERE FILENAME = 'b.dcm'")
        elif meanwhile == "it was not saved":
            work.log.unmarked = True
        staging.put("fingerprint", "before")
        remember(work, approved)
        assert (staging.get("fingerprint") == work.journal.fingerprint()) is (meanwhile == "nobody")


@pytest.mark.parametrize(("count", "said"), [(1, "1 file has another time"), (2, "2 files have another time")])
def test_how_many_files_could_not_be_asked_about_is_said(world: World, count: int, said: str) -> None:
    for path in (A, B)[:count]:
        os.utime(world.site / path, (200, 200))
    assert [note for note in carry_out(world, recording=True).notes if note.startswith(said)]


@pytest.mark.parametrize(("count", "said"), [(1, "1 file with another time is missing"), (2, "2 files with another time are missing")])
def test_how_many_files_are_sent_again_is_said(world: World, count: int, said: str) -> None:
    for path in (A, B)[:count]:
        os.utime(world.site / path, (200, 200))
        (world.central / "v1" / path).unlink()
    log = carry_out(world)
    assert [note for note in log.notes if note.startswith(said)]
    assert log.sent.files == count
    world.check_truth()


def test_how_long_hashing_sending_and_checking_took_is_recorded(tmp_path: Path) -> None:
    """The tool of 2024 shows it; the other format has no place for it."""
    world = World(tmp_path)
    Journal.begin(world.journal, schema=1)
    world.put(A, "one", mtime=100)
    world.run(version="v1")
    world.put(B, "new", mtime=100)
    os.utime(world.site / A, (200, 200))
    carry_out(world)
    world.put("1/Images/c.dcm", "recorded", mtime=100)
    carry_out(world, "v3", recording=True)
    with closing(sqlite3.connect(world.journal)) as db:
        found = db.execute(
            "SELECT FILEPATH, MD5_DURATION, UPLOAD_DURATION, VERIFY_DURATION, STATE FROM journal WHERE TIME_INVALID_us IS NULL"
        ).fetchall()
    taken = {path: ([seconds is not None for seconds in durations], state) for path, *durations, state in found}
    assert taken == {
        A: ([True, False, False], "MOVED"),
        B: ([True, True, True], "ADDED"),
        "1/Images/c.dcm": ([True, False, False], "ADDED"),
    }


def test_a_renamed_file_of_other_content_does_not_keep_the_next_from_being_copied(world: World) -> None:
    (world.site / A).unlink()
    world.put("2/Images/a.dcm", "six", mtime=100)
    (world.site / B).unlink()
    world.put("2/Images/b.dcm", "other", mtime=100)
    store = SpiedStore(world)
    log = carry_out(world, store=store)
    assert store.copies == [(f"v1/{B}", "v2/2/Images/b.dcm")]
    assert (log.sent.files, log.copied.files) == (1, 1)
    world.check_truth()


def test_the_progress_of_recording_counts_files_and_bytes(world: World) -> None:
    world.put("1/Images/c.dcm", "12345", mtime=100)
    world.put("1/Images/d.dcm", "123", mtime=100)
    path = world.review().path
    with world.working() as work, Staging.open(path) as staging:
        record(work, Approved(staging, approve(staging, work.journal, "v2")))
        count = work.ctx.progress.snapshot().by_modality["Images"]
    assert (count.files, count.bytes, count.total_files, count.total_bytes) == (2, 8, 2, 8)


class Asked:
    """The holds of this moment: says who is asked about, and holds back one patient."""

    def __init__(self, patient: str) -> None:
        self.patient = patient
        self.asked: dict[str, object] = {}

    def __bool__(self) -> bool:
        return False  # nothing was held back when the submission began

    def of(self, modality: str, path: str, patient_id: object) -> Hold | None:
        self.asked[path] = patient_id
        return Hold(modality, path, "", "consent withdrawn", "mara", 1) if patient_id == self.patient else None


def test_a_patient_who_is_held_back_during_the_submission_stays_behind_whatever_the_change_is(world: World) -> None:
    """A new file has its patient from its path, a deleted one from its path or its entry."""
    (world.site / A).unlink()
    world.put("1/Images/c.dcm", "new", mtime=100)
    world.put("2/Images/d.dcm", "other patient", mtime=100)
    path = world.review().path
    with world.working() as work, Staging.open(path) as staging:
        held = Asked("1")
        submit(replace(work, held=held), Approved(staging, approve(staging, work.journal, "v2")), SpiedStore(world))  # type: ignore[arg-type]
    assert held.asked == {A: "1", "1/Images/c.dcm": "1", "2/Images/d.dcm": "2"}
    assert set(world.active()) == {A, B, "2/Images/d.dcm"}
    assert {path for _, path in work.log.held} == {A, "1/Images/c.dcm"}
