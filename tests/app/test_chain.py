"""A receipt or a completion marker that somebody changed later is seen."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from faces import CommandLine, fill
from world import World

from chorus_gui.app.chain import broken_receipts
from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.journal import markers
from chorus_gui.app.shared import shared
from chorus_gui.core.job import JobContext
from chorus_gui.core.submission.marker import Complete


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = fill(World(tmp_path))
    for number in (1, 2, 3):
        world.put("OMOP/person.csv", str(number))
        world.run(version=f"v{number}")
    return world


def receipts() -> list[Path]:
    return sorted(receipts_folder().glob("*.json"), key=lambda file: json.loads(file.read_text("utf-8"))["ended_us"])


def state(world: World, version: str) -> Complete:
    return markers(world.workspace(), world.journal, JobContext())[version].complete


def replace_in(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert text.count(old) >= 1
    file.write_text(text.replace(old, new), "utf-8")


def test_a_receipt_names_the_marker_that_its_run_wrote(world: World) -> None:
    first, *_ = receipts()
    marker = (world.central / "v1/submission.json").read_bytes()
    assert json.loads(first.read_text("utf-8"))["markers"] == {"v1": hashlib.sha256(marker).hexdigest()}


def test_an_untouched_chain_is_no_finding(world: World) -> None:
    assert broken_receipts(world.config, JobContext()) == []
    assert {state(world, f"v{n}") for n in (1, 2, 3)} == {Complete.YES}


CHANGES: dict[str, Callable[[list[Path]], None]] = {
    "another number": lambda files: replace_in(files[0], '"outcome"', '"outcome" '),
    "another name of a person": lambda files: replace_in(files[1], '"user": "', '"user": "x'),
    "removed": lambda files: files[1].unlink(),
    "one for another": lambda files: shutil.copyfile(files[2], files[1]) and None,
}


@pytest.mark.parametrize("how", CHANGES)
def test_a_receipt_that_was_changed_or_removed_is_seen(world: World, capsys: pytest.CaptureFixture[str], how: str) -> None:
    CHANGES[how](receipts())
    assert len(broken_receipts(world.config, JobContext())) >= 1
    said = CommandLine(world, capsys).run("doctor").out
    assert re.search(r"Receipts: (1 receipt does|2 receipts do) not follow", said)
    shared(world.workspace(), JobContext())
    assert len(broken_receipts(world.config, JobContext())) >= 1, "a copy from next to the journal does not hide it"


def test_old_receipts_may_be_removed(world: World) -> None:
    for file in receipts()[:2]:
        file.unlink()
    assert broken_receipts(world.config, JobContext()) == []


def test_another_computer_sees_the_chain_of_each(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path_factory) -> None:
    monkeypatch.setenv("CHORUS_UPLOAD_HOME", str(tmp_path_factory.mktemp("another-computer")))
    shared(world.workspace(), JobContext())
    assert broken_receipts(world.config, JobContext()) == []
    folder = world.journal.with_name("journal.db.chorus") / "receipts"
    sorted(folder.glob("*.json"))[1].unlink()
    monkeypatch.setenv("CHORUS_UPLOAD_HOME", str(tmp_path_factory.mktemp("a-third-computer")))
    shared(world.workspace(), JobContext())
    assert len(broken_receipts(world.config, JobContext())) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [('"held_back": 0', '"held_back": 5'), ('"other_files": ', '"other_files": 1'), ('"root_sha256": "', '"root_sha256": "0000'[:-1])],
)
def test_a_marker_that_was_changed_after_its_receipt_does_not_count(
    world: World, capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    marker = world.central / "v2/submission.json"
    text = marker.read_text("utf-8")
    replace_in(marker, old, new)
    assert marker.read_text("utf-8") != text
    assert state(world, "v2") is Complete.OUTDATED
    assert (state(world, "v1"), state(world, "v3")) == (Complete.YES, Complete.YES)
    said = CommandLine(world, capsys).run("journal list").said
    assert "was changed after the program wrote it" in said


def test_a_marker_of_a_later_run_elsewhere_is_not_called_changed(world: World) -> None:
    """Its receipt is on another computer, and could not be copied yet."""
    marker = world.central / "v3/submission.json"
    data = json.loads(marker.read_text("utf-8"))
    data["completed"] = "2099-01-01T00:00:00Z"
    marker.write_text(json.dumps(data), "utf-8")
    assert state(world, "v3") is Complete.YES


def test_a_marker_is_not_judged_without_its_receipt(world: World) -> None:
    shutil.rmtree(receipts_folder())
    replace_in(world.central / "v2/submission.json", '"held_back": 0', '"held_back": 5')
    assert state(world, "v2") is Complete.YES


def test_the_newest_receipt_of_a_version_counts(world: World) -> None:
    """A version that is amended gets another marker, perhaps within the same second."""
    for number in range(3):
        world.put(f"1/Images/{number}.dcm", str(number))
        world.run(version="v3")
        assert state(world, "v3") is Complete.YES
    assert state(world, "v1") is Complete.YES
    replace_in(world.central / "v3/submission.json", '"other_files": ', '"other_files": 1')
    assert state(world, "v3") is Complete.OUTDATED


def test_no_more_receipts_are_read_than_are_needed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sites keep them for years."""
    newest = receipts()[-1]
    for number in range(20):
        shutil.copyfile(receipts()[0], newest.with_name(f"2001010{number % 9}T0000{number:02}Z_submission_v0.json"))
    read: list[Path] = []
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda file: (read.append(file), real(file))[1])
    assert state(world, "v3") is Complete.YES
    assert len([file for file in read if file.name.startswith("2001")]) <= 1, "the one that shows that the others are older"
