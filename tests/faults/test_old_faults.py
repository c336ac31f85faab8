"""The faults of the tools before, one by one: each was seen in a run of theirs, none may be ours."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace

import pytest
from platforms import needs_links
from reading import before_reading
from world import World

from chorus_gui.cli.main import main
from chorus_gui.core.model import ChangeKind, Mode


def many(world: World, count: int, folder: str = "1/Waveforms") -> None:
    (world.site / folder).mkdir(parents=True)
    for number in range(count):
        path = world.site / folder / f"{number:05d}.dat"
        path.write_bytes(b"%05d" % number)


@pytest.mark.parametrize("count", [2_000 if os.name == "nt" else 20_000])  # Wine makes a file in 10 ms
def test_a_second_update_in_full_mode_finds_all_unchanged_at_a_small_page_size(tmp_path, monkeypatch, count) -> None:
    world = World(tmp_path, mode="full", page_size=100)
    many(world, count)
    assert world.run("record").entered["Waveforms"][ChangeKind.ADDED].files == count
    before_reading(monkeypatch, lambda _: pytest.fail("a file was read"))
    reviewed = world.review()
    assert reviewed.summary.total(ChangeKind.UNCHANGED).files == count
    assert [kind for kinds in reviewed.summary.by_modality.values() for kind in kinds] == [ChangeKind.UNCHANGED]
    assert len(world.active()) == count


def test_a_second_update_in_append_mode_leaves_one_open_row_a_path(tmp_path) -> None:
    world = World(tmp_path, mode="append")
    many(world, 1500)
    world.run("record")
    world.put("1/Waveforms/00001.dat", "changed")
    world.run("record")
    assert len(world.active()) == 1500  # fails on two open rows of one path


@pytest.mark.parametrize("schema", [1, 2])
def test_mark_as_deleted_works_in_both_schemas(tmp_path, schema) -> None:
    world = World(tmp_path)
    if schema == 1:
        samples = os.path.join(os.path.dirname(__file__), "..", "data", "journals", "journal_v1_after_upload_1.db")
        with sqlite3.connect(samples) as sample, sqlite3.connect(world.journal) as empty:
            for (sql,) in sample.execute("SELECT sql FROM sqlite_master WHERE name IN ('journal', 'command_history')"):
                empty.execute(sql)
        sample.close()
        empty.close()
    for name in ("a", "b", "c"):
        world.put(f"1/Waveforms/{name}.dat", name)
    world.run()
    listed = tmp_path / "list.txt"
    listed.write_bytes(b"1/Waveforms/a.dat\r\n1/Waveforms/nowhere.dat\n")
    assert main(["-c", str(world.file), "file", "mark_as_deleted", "--file-list", str(listed)]) == 1
    assert set(world.active()) == {"1/Waveforms/b.dat", "1/Waveforms/c.dat"}
    assert main(["-c", str(world.file), "file", "mark_as_deleted", "--file", "1/Waveforms/b.dat"]) == 0
    assert set(world.active()) == {"1/Waveforms/c.dat"}
    assert (world.central / next(iter(world.rows())).version / "1/Waveforms/a.dat").is_file(), "nothing is removed from the store"


def test_an_apostrophe_in_a_name_is_a_character_like_any_other(tmp_path) -> None:
    world = World(tmp_path)
    path = "1/Waveforms/O'Brien's \"best\"; DROP TABLE x--/it's.dat".replace('"', "'" if os.name == "nt" else '"')
    world.put(path, "x")
    world.run()
    world.put(path, "changed")
    world.run()
    world.check_truth()
    assert main(["-c", str(world.file), "file", "mark_as_deleted", "--file", path]) == 0
    assert not world.active()


def test_a_row_that_was_never_uploaded_leaves_no_closed_row(tmp_path) -> None:
    world = World(tmp_path)
    file = world.put("1/Waveforms/a.dat", "a")
    world.put("1/Waveforms/b.dat", "b")
    world.run("record")
    world.put("1/Waveforms/a.dat", "second")
    world.run("record")
    assert len(world.rows()) == 2
    file.unlink()
    world.run("record")
    assert [row.path for row in world.rows()] == ["1/Waveforms/b.dat"]


def test_closed_rows_that_others_left_unuploaded_are_cleaned_up(tmp_path) -> None:
    world = World(tmp_path)
    world.put("1/Waveforms/a.dat", "a")
    world.put("1/Waveforms/b.dat", "b")
    world.run("record")
    with sqlite3.connect(world.journal) as db:
        db.execute("UPDATE journal_v2 SET TIME_INVALID_us = 5 WHERE FILENAME = 'a.dat'")
    db.close()
    world.upload()
    assert [(row.path, row.active, row.uploaded is not None) for row in world.rows()] == [("1/Waveforms/b.dat", True, True)]


@needs_links
def test_linked_files_and_linked_patient_folders_are_recorded(tmp_path) -> None:
    world = World(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "Waveforms").mkdir(parents=True)
    (elsewhere / "Waveforms" / "linked.dat").write_bytes(b"behind a linked folder")
    (tmp_path / "single.dat").write_bytes(b"behind a linked file")
    world.put("1/Waveforms/plain.dat", "p")
    os.symlink(elsewhere, world.site / "2", target_is_directory=True)
    os.symlink(tmp_path / "single.dat", world.site / "1/Waveforms/single.dat")
    world.run()
    assert set(world.active()) == {"1/Waveforms/plain.dat", "1/Waveforms/single.dat", "2/Waveforms/linked.dat"}
    world.check_truth()


@needs_links
def test_a_link_that_is_not_followed_is_never_a_deletion(tmp_path) -> None:
    world = World(tmp_path)
    world.put("1/Waveforms/deep/a.dat", "a")
    world.put("1/Waveforms/b.dat", "b")
    world.run()
    os.rename(world.site / "1/Waveforms/deep", tmp_path / "moved-away")
    os.symlink(tmp_path / "moved-away", world.site / "1/Waveforms/deep", target_is_directory=True)
    kinds = world.kinds(mode=Mode.FULL)
    assert "deleted" not in kinds.values()
    assert kinds["1/Waveforms/deep"] == "problem"
    world.run()
    assert set(world.active()) == {"1/Waveforms/deep/a.dat", "1/Waveforms/b.dat"}


def test_a_file_that_changed_shrank_or_vanished_since_the_approval_is_reported_not_sent(tmp_path) -> None:
    from chorus_gui.core.review.approval import approve
    from chorus_gui.core.review.staging import Staging
    from chorus_gui.core.submission.submit import Approved, submit

    world = World(tmp_path)
    for name in ("same", "grown", "shrunk", "gone", "touched"):
        world.put(f"1/Images/{name}.dcm", f"{name} content")
    reviewed = world.review()
    with world.working() as work, Staging.open(reviewed.path) as staging:
        approved = Approved(staging, approve(staging, work.journal, "v1"))
        world.put("1/Images/grown.dcm", "grown content and more")
        world.put("1/Images/shrunk.dcm", "s")
        world.put("1/Images/touched.dcm", "touched content", mtime=12345)
        (world.site / "1/Images/gone.dcm").unlink()
        submit(work, approved, world.store)
        assert {(failure.item.path.split("/")[-1], failure.kind) for failure in work.log.failures} == {
            ("grown.dcm", "SourceChangedError"),
            ("shrunk.dcm", "SourceChangedError"),
            ("touched.dcm", "SourceChangedError"),
            ("gone.dcm", "SourceVanishedError"),
        }
    assert set(world.active()) == {"1/Images/same.dcm"}
    assert sorted(p.name for p in (world.central / "v1/1/Images").iterdir()) == ["same.dcm"]


def test_what_failed_is_tried_again_on_the_same_approval(tmp_path) -> None:
    from chorus_gui.core.review.approval import approve
    from chorus_gui.core.review.staging import Staging
    from chorus_gui.core.submission.run_result import RunResult
    from chorus_gui.core.submission.submit import Approved, submit

    world = World(tmp_path)
    world.put("1/Images/a.dcm", "a")
    file = world.put("1/Images/b.dcm", "b")
    reviewed = world.review()
    with world.working() as work, Staging.open(reviewed.path) as staging:
        approved = Approved(staging, approve(staging, work.journal, "v1"))
        os.rename(file, world.base / "away")
        submit(work, approved, world.store)
        assert (len(work.log.failures), (work.log.sent + work.log.copied).files) == (1, 1)
        os.rename(world.base / "away", file)
        again = RunResult()
        submit(replace(work, log=again), approved, world.store)
        assert (len(again.failures), (again.sent + again.copied).files) == (0, 1)
    assert set(world.active()) == {"1/Images/a.dcm", "1/Images/b.dcm"}


def test_a_renamed_file_is_copied_inside_the_store_not_sent(tmp_path) -> None:
    world = World(tmp_path)
    world.put("1/Images/old.dcm", b"x" * 5000)
    world.put("1/Images/other.dcm", b"y")
    world.run()
    os.rename(world.site / "1/Images/old.dcm", world.site / "1/Images/new.dcm")
    log = world.run()
    assert log.sent.bytes == 0
    assert (log.sent + log.copied).files == 1
    assert set(world.active()) == {"1/Images/new.dcm", "1/Images/other.dcm"}
    world.check_truth()


def test_amending_a_version_never_leaves_a_row_that_lies(tmp_path) -> None:
    world = World(tmp_path)
    world.put("1/Images/a.dcm", "first")
    world.run(version="v1")
    world.put("1/Images/a.dcm", "second")
    log = world.run(version="v1")
    assert not log.failures
    row = world.active()["1/Images/a.dcm"]
    assert row.uploaded
    assert row.version == "v1"
    world.check_truth()
