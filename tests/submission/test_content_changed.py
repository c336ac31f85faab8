"""A recorded file whose content changed at equal size and time fails once: the next scan reads it, and the rest is ordinary."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import Run
from world import World

from chorus_gui.core.review import to_read
from chorus_gui.core.review.staging import staging_path
from chorus_gui.core.transfer import sender

PATH = "1/Images/changed.dcm"
WHEN = 1_700_000_000
MIB = 1024 * 1024


def recorded(tmp_path: Path, run: Run, size: int = 5, mode: str = "append") -> World:
    """A pending file whose content is another one by now, and one that is as it was."""
    world = World(tmp_path, mode=mode)
    world.put(PATH, b"a" * size, mtime=WHEN)
    world.put("OMOP/person.csv", "id")
    assert run(world, "journal", "update", "--version", "v1")[0] == 0
    world.put(PATH, b"b" * size, mtime=WHEN)
    return world


def read_by_scan(world: World) -> set[tuple[str, str]]:
    return to_read.remembered(world.config.journal.local)


FAILS: dict[str, tuple[str, ...]] = {
    "a submission": ("submit", "--yes"),
    "an upload": ("file", "upload"),
    "an upload of a part": ("file", "upload", "--modalities", "Images"),
}


@pytest.mark.parametrize("mode", ["full", "append"])
@pytest.mark.parametrize("size", [5, 9 * MIB])
@pytest.mark.parametrize("fails", FAILS)
def test_the_next_submission_sends_it(tmp_path: Path, run: Run, fails: str, size: int, mode: str) -> None:
    world = recorded(tmp_path, run, size, mode)
    status, text = run(world, *FAILS[fails])
    assert status == 1
    assert "submit again (“chorus-upload submit”)" in text
    status, text = run(world, "-v", "scan")
    assert status == 0
    assert "Its content changed, but neither its size nor its time." in text
    status, text = run(world, "submit", "--yes")
    assert status == 0, text
    row = world.active()[PATH]
    assert row.uploaded
    assert (world.central / row.version / PATH).read_bytes() == b"b" * size
    assert "Nothing to do" in run(world, "submit", "--yes")[1]
    assert not read_by_scan(world), "it is read once, not in every scan from now on"
    world.check_truth()


def test_a_file_that_is_right_again_is_sent_as_it_was_recorded(tmp_path: Path, run: Run) -> None:
    world = recorded(tmp_path, run)
    assert run(world, "file", "upload")[0] == 1
    world.put(PATH, b"aaaaa", mtime=WHEN)  # a disk that was unsound, a copy from the scanner
    assert run(world, "submit", "--yes")[0] == 0
    assert world.active()[PATH].version == "v1"
    assert not read_by_scan(world)
    world.check_truth()


def test_other_modalities_wait_for_their_own_scan(tmp_path: Path, run: Run) -> None:
    world = recorded(tmp_path, run)
    assert run(world, "file", "upload")[0] == 1
    assert run(world, "submit", "--yes", "--modalities", "OMOP")[0] == 0
    assert read_by_scan(world) == {("Images", PATH)}
    assert run(world, "submit", "--yes", "--modalities", "Images")[0] == 0
    assert world.active()[PATH].uploaded


def test_a_change_during_the_submission_is_seen_by_the_next_one(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    world = recorded(tmp_path, run)
    assert run(world, "file", "upload")[0] == 1
    check = sender.check_unchanged

    def changes(now: object, item: object) -> None:
        check(now, item)  # type: ignore[arg-type]
        if getattr(item, "path", "") == PATH:
            world.put(PATH, b"ccccc", mtime=WHEN)

    with monkeypatch.context() as patch:
        patch.setattr(sender, "check_unchanged", changes)
        run(world, "submit", "--yes")
    for _ in range(2):
        status, text = run(world, "submit", "--yes")
    assert status == 0, text
    assert (world.central / world.active()[PATH].version / PATH).read_bytes() in (b"bbbbb", b"ccccc")
    world.check_truth()


def test_a_repair_says_the_same_and_the_next_submission_sends_it(tmp_path: Path, run: Run) -> None:
    world = World(tmp_path)
    world.put(PATH, b"aaaaa", mtime=WHEN)
    assert run(world, "submit", "--yes", "--version", "v1")[0] == 0
    (world.central / "v1" / PATH).unlink()
    world.put(PATH, b"bbbbb", mtime=WHEN)
    status, text = run(world, "file", "repair", "--all")
    assert status == 1
    assert "submit again (“chorus-upload submit”" in text
    assert run(world, "submit", "--yes")[0] == 0
    row = world.active()[PATH]
    assert (world.central / row.version / PATH).read_bytes() == b"bbbbb"
    world.check_truth()


def test_another_tool_uploaded_it_after_it_changed(tmp_path: Path, run: Run) -> None:
    world = recorded(tmp_path, run)
    (world.central / "v1/1/Images").mkdir(parents=True)
    (world.central / "v1" / PATH).write_bytes(b"bbbbb")  # as az does, from the site
    status, _ = run(world, "file", "mark_as_uploaded_local", "--upload-datetime", "now", "--file", PATH)
    assert status == 1
    assert run(world, "submit", "--yes")[0] == 0
    assert world.active()[PATH].uploaded
    world.check_truth()


@pytest.mark.parametrize("damage", ["garbage", "a folder", "gone"])
def test_a_list_that_cannot_be_used_changes_nothing(tmp_path: Path, run: Run, damage: str) -> None:
    world = recorded(tmp_path, run)
    assert run(world, "file", "upload")[0] == 1
    review = staging_path(world.config.journal.local)
    file = review.with_name(review.name.replace("review-", "read-"))
    assert file.stat().st_size
    file.unlink()
    if damage == "garbage":
        file.write_bytes(b"x" * 5000)
    elif damage == "a folder":
        file.mkdir()
    ended = [run(world, "submit", "--yes")[0] for _ in range(4)]
    assert ended == ([1, 1, 1, 1] if damage == "a folder" else [1, 0, 0, 0]), ended
    assert run(world, "submit", "--yes", "--hash")[0] == 0
    world.check_truth()


def test_a_name_that_is_not_unicode_does_no_harm(tmp_path: Path) -> None:
    to_read.remember(tmp_path / "journal.db", [("Images", "1/Images/\udcff")])
    assert to_read.remembered(tmp_path / "journal.db") == set()
