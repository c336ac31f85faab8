"""A file with another time whose copy is missing is sent again, as updated: but never to a place that another file has."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from world import World

from chorus_gui.core.journal.store import Journal
from chorus_gui.core.review.changes import stream
from chorus_gui.core.review.holds import Holds, hold_back
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Query
from chorus_gui.core.submission.run_result import RunResult

DIGITS = '[site_path.Images]\npattern = "{patient_id:d}/Images/{filepath}"\n'
MOVED, OTHER = "0012/Images/a.dcm", "12/Images/a.dcm"
"""Two files of the site that have the same place in a version: “12/Images/a.dcm”"""
REFUSED = "would have the same place in the central store"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """The file ``MOVED`` was sent in v1."""
    world = World(tmp_path, more=DIGITS)
    world.put("3/Images/stays.dcm", "stays")
    world.put(MOVED, "one", mtime=100)
    world.run(version="v1")
    return world


def lose(world: World, path: str, version: str) -> None:
    """The file gets another time, and its copy disappears."""
    os.utime(world.site / path, (500, 500))
    (world.central / world.config.store_path("Images", path, version)).unlink()


def other_is_sent(world: World) -> None:
    world.put(OTHER, "two", mtime=200)
    assert not world.run(version="v2").failures


def other_is_recorded(world: World) -> None:
    world.put(OTHER, "two", mtime=200)
    assert not world.run("record", version="v2").failures


def other_is_new(world: World) -> None:
    world.put(OTHER, "two", mtime=200)


def other_was_deleted(world: World) -> None:
    other_is_sent(world)
    (world.site / OTHER).unlink()
    world.run(version="v3", allow_deletions=True)


def other_is_in_another_version(world: World) -> None:
    world.put(OTHER, "two", mtime=200)
    assert not world.run(version="v4").failures


def nobody(_: World) -> None:
    """No other file."""


def causes(log: RunResult) -> dict[str, str]:
    return {failure.item.path: failure.cause for failure in log.failures}


@pytest.mark.parametrize(
    ("others", "version", "refused"),
    [
        pytest.param(other_is_sent, "v2", {MOVED}, id="an entry of the version has the place"),
        pytest.param(other_is_recorded, "v2", {MOVED}, id="a pending entry has the place, too"),
        pytest.param(other_is_new, "v2", {MOVED}, id="a new file of the submission has the place"),
        pytest.param(other_was_deleted, "v2", set(), id="a file that was deleted gives its place back"),
        pytest.param(other_is_in_another_version, "v2", set(), id="each version has its own places"),
        pytest.param(other_is_sent, "v5", set(), id="a new version has all places"),
        pytest.param(nobody, "v1", set(), id="its own entry does not take its place"),
    ],
)
def test_a_file_that_is_sent_again_takes_nobodys_place(
    world: World, others: Callable[[World], None], version: str, refused: set[str]
) -> None:
    others(world)
    lose(world, MOVED, "v1")
    log = world.run(version=version)
    assert set(causes(log)) == refused
    entry = world.active()[MOVED]
    if not refused:
        assert (entry.version, entry.mtime_us) == (version, 500_000_000)
        assert entry.uploaded
        world.check_truth()
        return
    assert REFUSED in causes(log)[MOVED]
    assert f"“{OTHER}” and “{MOVED}”" in causes(log)[MOVED]
    assert (entry.version, entry.mtime_us) == ("v1", 100_000_000), "its entry is as it was"
    assert world.active()[OTHER].version == "v2"
    world.upload()
    assert (world.central / "v2" / OTHER).read_text() == "two", "the other file is not overwritten"
    os.rename(world.site / MOVED, world.site / "0012/Images/b.dcm")  # the remedy
    assert not world.run(version=version, allow_deletions=True).failures
    world.check_truth()


def test_the_place_of_an_entry_is_its_place_in_the_store_not_its_path(tmp_path: Path) -> None:
    """As the table above, with the names changed over: the other file's path is not its place."""
    world = World(tmp_path, more=DIGITS)
    world.put(OTHER, "one", mtime=100)
    world.run(version="v1")
    world.put(MOVED, "two", mtime=200)
    assert not world.run(version="v2").failures
    lose(world, OTHER, "v1")
    log = world.run(version="v2")
    assert REFUSED in causes(log)[OTHER]
    assert (world.central / "v2" / OTHER).read_text() == "two"


def test_of_two_files_that_are_sent_again_to_one_place_none_is(world: World) -> None:
    other_is_sent(world)
    lose(world, MOVED, "v1")
    lose(world, OTHER, "v2")
    log = world.run(version="v3")
    assert set(causes(log)) == {MOVED, OTHER}
    assert all(REFUSED in cause for cause in causes(log).values())
    assert {path: world.active()[path].version for path in (MOVED, OTHER)} == {MOVED: "v1", OTHER: "v2"}


def test_what_is_held_back_takes_no_place(world: World) -> None:
    """It is not sent, so the place is free."""
    other_is_new(world)
    path = world.review().path
    with Staging.open(path) as staging, Holds(world.journal) as holds:
        hold_back(staging, holds, [change.id for change in stream(staging, Query(search=OTHER)) if change.path == OTHER], "not signed off")
    lose(world, MOVED, "v1")
    log = world.run(version="v2")
    assert causes(log) == {}
    assert world.active()[MOVED].version == "v2"
    assert OTHER not in world.active()
    world.check_truth()


def test_a_refused_file_does_not_keep_the_others_from_being_sent_again(world: World) -> None:
    other_is_sent(world)
    lose(world, MOVED, "v1")
    lose(world, "3/Images/stays.dcm", "v1")
    log = world.run(version="v2")
    assert set(causes(log)) == {MOVED}
    assert world.active()["3/Images/stays.dcm"].version == "v2"
    assert (log.sent.files, log.entered["Images"].popitem()[1].files) == (1, 1)


def test_the_entries_are_read_as_often_however_many_files_are_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version whose folder was emptied has a million of them."""
    reads: list[int] = []
    rows = Journal.rows
    for count in (1, 20):
        world = World(tmp_path / str(count), more=DIGITS)
        for number in range(count):
            world.put(f"12/Images/{number}.dcm", f"{number}", mtime=100)
        world.run(version="v1")
        for number in range(count):
            lose(world, f"12/Images/{number}.dcm", "v1")
        calls: list[object] = []
        with monkeypatch.context() as patch:
            patch.setattr(Journal, "rows", lambda self, calls=calls, **which: calls.append(which) or rows(self, **which))
            log = world.run(version="v1")
        assert log.sent.files == count
        reads.append(len(calls))
    assert reads[0] == reads[1]
