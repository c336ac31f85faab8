"""Every kind of change, and what is never taken for one."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import fields

import pytest
from reading import before_reading
from world import World

from chorus_gui.core.errors import MassDeletionError, StaleReviewError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Action, ChangeKind, Entry, Mode, Tally
from chorus_gui.core.review.approval import approve, check_approval, diff_hash
from chorus_gui.core.review.changes import by_ids, select_ids, stream, summary
from chorus_gui.core.review.holds import Holds, hold_back, hold_back_patient, release
from chorus_gui.core.review.staging import Staging, staging_path
from chorus_gui.core.review.values import Query
from chorus_gui.core.submission.review_site import review_site


@pytest.fixture
def world(tmp_path) -> World:
    out = World(tmp_path)
    for patient in range(3):
        for name in "abc":
            out.put(f"{patient}/Waveforms/{name}.dat", f"{patient}{name}")
    out.put("OMOP/person.csv", "id\n1\n")
    out.put("notes.txt", "?")
    assert not out.run().failures
    return out


def test_unchanged_site_has_no_changes_and_hashes_nothing(world, monkeypatch) -> None:
    tables = re.compile(r"OMOP/\w+\.csv")  # their first lines are read for the readiness check
    before_reading(monkeypatch, lambda path: tables.fullmatch(path) or pytest.fail("a file was read"))
    reviewed = world.review()
    assert reviewed.summary.total(ChangeKind.UNCHANGED).files == 10
    with Staging.open(reviewed.path) as staging:
        assert [(c.kind, c.path) for c in stream(staging, Query())] == [(ChangeKind.UNMATCHED, "notes.txt")]


def test_what_is_unmatched_is_measured(world) -> None:
    world.put("old.bin", "x" * 1000, mtime=1000)
    newest = world.put("Notes/new.bin", "x" * 500)
    with Staging.open(world.review().path) as staging:
        found = {change.path: change for change in stream(staging, Query(kinds=(ChangeKind.UNMATCHED,)))}
        told = summary(staging)
    assert {path: change.size for path, change in found.items()} == {"notes.txt": 1, "old.bin": 1000, "Notes/new.bin": 500}
    assert found["old.bin"].mtime_us == 1_000_000_000
    assert told.total(ChangeKind.UNMATCHED) == Tally(3, 1501)
    assert told.newest_unmatched_us == found["Notes/new.bin"].mtime_us == int(newest.stat().st_mtime * 1e6)
    assert told.unmatched_unmeasured == 0


def test_every_kind(world) -> None:
    world.put("1/Waveforms/new.dat", "new")
    world.put("0/Waveforms/a.dat", "longer than before")
    file = world.put("0/Waveforms/b.dat", "0b")
    os.utime(file, (5, 5))
    world.put("0/Waveforms/c.dat", "XX", mtime=77)
    (world.site / "2/Waveforms/a.dat").unlink()
    os.rename(world.site / "2/Waveforms/b.dat", world.site / "2/Waveforms/renamed.dat")
    changes = {c.path: c for c in world.changes()}
    assert {path: c.kind.value for path, c in changes.items()} == {
        "1/Waveforms/new.dat": "added",
        "0/Waveforms/a.dat": "updated",
        "0/Waveforms/b.dat": "moved",
        "0/Waveforms/c.dat": "updated",
        "2/Waveforms/a.dat": "deleted",
        "2/Waveforms/b.dat": "deleted",
        "2/Waveforms/renamed.dat": "added",
        "notes.txt": "unmatched",
    }
    renamed = changes["2/Waveforms/renamed.dat"]
    assert renamed.pair == changes["2/Waveforms/b.dat"].id
    assert changes["2/Waveforms/b.dat"].pair == renamed.id
    assert changes["1/Waveforms/new.dat"].pair is None
    assert changes["0/Waveforms/c.dat"].md5 is not None, "hashed, because only its time had changed"
    assert changes["0/Waveforms/a.dat"].old.size == 2


def test_same_time_other_size_is_updated_with_a_note(world) -> None:
    file = world.site / "0/Waveforms/a.dat"
    stat = file.stat()
    file.write_bytes(b"other size")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (change,) = (c for c in world.changes() if c.path == "0/Waveforms/a.dat")
    assert change.kind is ChangeKind.UPDATED
    assert "not its time" in change.note


def test_append_mode_means_nothing_by_a_missing_file(world) -> None:
    (world.site / "2/Waveforms/a.dat").unlink()
    assert "2/Waveforms/a.dat" not in world.kinds(mode=Mode.APPEND)
    assert world.kinds(mode=Mode.FULL)["2/Waveforms/a.dat"] == "deleted"


def test_a_missing_or_empty_root_deletes_nothing(world) -> None:
    shutil.move(world.site, world.base / "unplugged")
    changes = world.changes()
    assert {c.kind for c in changes} == {ChangeKind.PROBLEM}
    world.site.mkdir()
    assert {c.kind for c in world.changes()} == {ChangeKind.PROBLEM}
    log = world.run()
    assert not log.entered
    assert len(world.active()) == 10


def test_nothing_below_a_folder_that_cannot_be_read_is_deleted(world, monkeypatch) -> None:
    real = os.scandir

    def scandir(path):
        if os.fspath(path).endswith(os.path.join("1", "Waveforms")):
            raise PermissionError(13, "Permission denied")
        return real(path)

    (world.site / "0/Waveforms/a.dat").unlink()
    monkeypatch.setattr("os.scandir", scandir)
    kinds = world.kinds()
    assert kinds["0/Waveforms/a.dat"] == "deleted"
    assert not [path for path, kind in kinds.items() if kind == "deleted" and path.startswith("1/")]
    assert "problem" in kinds.values()


def test_many_deletions_want_a_confirmation(tmp_path) -> None:
    world = World(tmp_path)
    for number in range(300):
        world.put(f"1/Images/{number}.dcm", str(number))
    world.run()
    for number in range(150):
        (world.site / f"1/Images/{number}.dcm").unlink()
    with pytest.raises(MassDeletionError) as caught:
        world.run()
    assert caught.value.counts == {"Images": (150, 300)}
    assert len(world.active()) == 300
    assert world.run(allow_deletions=True).entered["Images"][ChangeKind.DELETED].files == 150
    for number in range(150, 240):  # 90 are not "many", whatever their share
        (world.site / f"1/Images/{number}.dcm").unlink()
    assert world.run().entered["Images"][ChangeKind.DELETED].files == 90


def test_restored_heals_what_another_tool_closed(world) -> None:
    with world.open() as journal:
        journal.commit(Entry(Action.CLOSE, old_id=row.file_id, state="DELETED") for row in list(journal.rows(active=True)))
    assert set(world.kinds().values()) == {"restored", "unmatched"}
    log = world.run()
    assert log.sent.bytes == 0
    assert not log.failures
    assert len(world.active()) == 10
    world.check_truth()


def test_what_is_not_in_the_store_is_not_restored_but_sent(world) -> None:
    rows = world.active()
    with world.open() as journal:
        journal.commit(Entry(Action.CLOSE, old_id=row.file_id, state="DELETED") for row in rows.values())
    row = rows["0/Waveforms/a.dat"]
    (world.central / world.config.store_path(row.modality, row.path, row.version)).unlink()
    kinds = world.kinds()
    assert kinds["0/Waveforms/a.dat"] == "added"
    assert kinds["0/Waveforms/b.dat"] == "restored"
    world.run()
    world.check_truth()


def test_two_open_rows_of_one_path_are_tolerated_and_healed(world) -> None:
    row = world.active()["0/Waveforms/a.dat"]
    import sqlite3

    db = sqlite3.connect(world.journal)
    db.execute(
        "INSERT INTO journal_v2 (PERSON_ID, SRC_PATH_ID, FILENAME, MODALITY_ID, SRC_MODTIME_us, SIZE, MD5, TIME_VALID_us, UPLOAD_DT_ID, VERSION_ID) "
        "SELECT PERSON_ID, SRC_PATH_ID, FILENAME, MODALITY_ID, SRC_MODTIME_us, SIZE, MD5, TIME_VALID_us, NULL, VERSION_ID FROM journal_v2 WHERE FILE_ID = ?",
        (row.file_id,),
    )
    db.commit()
    db.close()
    assert "0/Waveforms/a.dat" not in world.kinds()
    world.run()
    assert world.active()["0/Waveforms/a.dat"].uploaded == row.uploaded


def test_two_files_for_one_place_in_the_store_are_a_problem(tmp_path) -> None:
    world = World(tmp_path, more='[site_path.Images]\npattern = "{patient_id:d}/Images/{filepath}"\n')
    world.put("0012/Images/x.dcm", "a")
    world.put("12/Images/x.dcm", "b")
    world.put("12/Images/y.dcm", "c")
    changes = {c.path: c for c in world.changes()}
    assert changes["0012/Images/x.dcm"].kind is ChangeKind.PROBLEM
    assert changes["12/Images/x.dcm"].kind is ChangeKind.PROBLEM
    assert changes["12/Images/y.dcm"].kind is ChangeKind.ADDED
    assert "12/Images/x.dcm" in changes["0012/Images/x.dcm"].note


def test_a_place_that_an_open_row_holds_is_not_given_away(tmp_path) -> None:
    world = World(tmp_path, more='[site_path.Images]\npattern = "{patient_id:d}/Images/{filepath}"\n')
    world.put("0012/Images/x.dcm", "a")
    world.run(version="v1")
    world.put("12/Images/x.dcm", "b")
    world.run(version="v1")
    assert set(world.active()) == {"0012/Images/x.dcm"}
    world.check_truth()
    world.run(version="v2")
    world.check_truth()


def test_held_back_changes_stay_behind_and_are_remembered(world) -> None:
    world.put("1/Waveforms/new.dat", "new")
    world.put("1/Waveforms/wait.dat", "wait")
    os.rename(world.site / "2/Waveforms/b.dat", world.site / "2/Waveforms/renamed.dat")
    path = world.review().path
    with Staging.open(path) as staging, Holds(world.journal) as holds:
        before = diff_hash(staging)
        ids = {c.path: c.id for c in stream(staging, Query())}
        hold_back(staging, holds, [ids["1/Waveforms/wait.dat"], ids["2/Waveforms/renamed.dat"]], "not signed off")
        assert diff_hash(staging) != before
        held = {c.path: c.reason for c in stream(staging, Query(excluded=True))}
        assert held == dict.fromkeys(("1/Waveforms/wait.dat", "2/Waveforms/renamed.dat", "2/Waveforms/b.dat"), "not signed off")
    log = world.run()
    assert sum(t.files for kinds in log.entered.values() for t in kinds.values()) == 1
    assert "1/Waveforms/wait.dat" not in world.active()
    with Holds(world.journal) as holds:
        holds.export(world.base / "holds.toml")
    reviewed = world.review()
    assert reviewed.summary.excluded == 2, "a renamed file is one change"
    with Staging.open(path) as staging, Holds(world.journal) as holds:
        release(staging, holds, [c.id for c in stream(staging, Query(excluded=True))])
        assert summary(staging).excluded == 0
        assert holds.all() == []
        assert holds.import_(world.base / "holds.toml") == 3
        assert holds.apply(staging) == 3
        hold_back_patient(staging, holds, "1", "consent withdrawn")
        assert all(c.excluded for c in stream(staging, Query(patient="1")))


def test_approval_names_the_diff_and_the_journal(world) -> None:
    world.put("1/Waveforms/new.dat", "new")
    reviewed = world.review()
    with world.open() as journal, Staging.open(reviewed.path) as staging:
        approval = approve(staging, journal, "v9")
        check_approval(staging, journal, approval)
        staging.db.execute("UPDATE change SET size = size + 1 WHERE kind = 'added'")
        with pytest.raises(StaleReviewError):
            check_approval(staging, journal, approval)
        staging.db.execute("UPDATE change SET size = size - 1 WHERE kind = 'added'")
        check_approval(staging, journal, approval)
        journal.commit([Entry(Action.CLOSE, old_id=next(journal.rows(active=True)).file_id)])
        with pytest.raises(StaleReviewError):
            check_approval(staging, journal, approval)


def test_a_cancelled_scan_leaves_no_review(world) -> None:
    from chorus_gui.core.errors import Cancelled

    ctx = JobContext()
    ctx.cancel()
    with world.working(ctx=ctx) as work, pytest.raises(Cancelled):
        review_site(work, store=world.store)
    with pytest.raises(StaleReviewError):
        Staging.open(staging_path(world.journal))


def test_pages_sorts_and_searches(world) -> None:
    for number in range(50):
        world.put(f"7/Waveforms/%_{number:02d}.dat", "x" * number)
    reviewed = world.review()
    with Staging.open(reviewed.path) as staging:
        found = select_ids(staging, Query(search="%_", order="size", descending=True))
        assert len(found) == 50
        page = by_ids(staging, found[:3])
        assert [c.size for c in page] == [49, 48, 47]
        assert len(select_ids(staging, Query(kinds=(ChangeKind.ADDED,), modalities=("Waveforms",), patient="7"))) == 50
        assert len(select_ids(staging, Query(search="%_0"))) == 10
        for order in ("kind", "modality", "path", "patient", "size", "mtime"):
            assert len(select_ids(staging, Query(order=order))) == 51


def test_every_field_of_a_change_is_read_from_the_column_of_its_name(tmp_path) -> None:
    with Staging.create(tmp_path / "review.db") as staging:
        columns = [name for _, name, *_ in staging.db.execute("PRAGMA table_info(change)")]
        kept = {name: f"<{name}>" for name in columns} | {"id": 1, "kind": "moved", "old_id": 2, "excluded": 1, "done": 0}
        staging.db.execute(f"INSERT INTO change VALUES ({', '.join('?' * len(kept))})", tuple(kept.values()))
        (change,) = stream(staging, Query(order="id"))
    assert change.kind is ChangeKind.MOVED
    assert change.excluded is True
    assert change.old is not None
    for made, prefix, other in ((change, "", {"kind", "old", "excluded"}), (change.old, "old_", {"file_id", "modality", "path"})):
        names = [field.name for field in fields(made) if field.name not in other]
        assert {name: getattr(made, name) for name in names} == {name: kept[prefix + name] for name in names}
    assert (change.old.file_id, change.old.modality, change.old.path) == (2, change.modality, change.path)


def test_a_change_without_a_row_of_the_journal_has_none(tmp_path) -> None:
    with Staging.create(tmp_path / "review.db") as staging:
        staging.db.execute("INSERT INTO change (id, kind, modality, path) VALUES (1, 'unmatched', '', 'notes.txt')")
        (change,) = stream(staging, Query(order="id"))
    assert (change.old, change.excluded, change.pair, change.note) == (None, False, None, "")


def test_modalities_can_be_chosen_for_one_scan(world) -> None:
    world.put("OMOP/new.csv", "n")
    world.put("1/Waveforms/new.dat", "n")
    assert {c.path for c in world.changes(modalities=["OMOP"])} == {"OMOP/new.csv", "notes.txt"}
    shutil.rmtree(world.site / "1/Waveforms")
    assert "deleted" not in {c.kind.value for c in world.changes(modalities=["OMOP"])}
