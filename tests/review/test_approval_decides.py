"""What an approval says, which version it is for, and what makes it invalid."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

import pytest
from world import World

from chorus_gui.core.errors import ReviewError, StaleReviewError, UsageError
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Approval
from chorus_gui.core.review import approval as approving
from chorus_gui.core.review import pending
from chorus_gui.core.review.approval import (
    all_deletions,
    approve,
    check_approval,
    choose_version,
    deletions,
    diff_hash,
    is_version,
    new_version,
)
from chorus_gui.core.review.staging import Staging

A, B = "1/Images/a.dcm", "1/Images/b.dcm"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Version v1 with a pending file, and a new one on the site."""
    world = World(tmp_path)
    world.put(A, "one")
    world.run("record", version="v1")
    world.put(B, "another")
    return world


@contextmanager
def reviewed(world: World) -> Iterator[tuple[Staging, Journal]]:
    path = world.review().path
    with world.open() as journal, Staging.open(path) as staging:
        yield staging, journal


@pytest.mark.parametrize("name", ["1", "v1", "20261231235959", "a.b_c-d", "A" * 64])
def test_these_can_be_the_name_of_a_version(name: str) -> None:
    assert is_version(name)


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "-x", "_x", "a/b", "a\\b", "a..b", "a b", "ä", "A" * 65, "v1\n"])
def test_these_cannot(name: str, world: World) -> None:
    assert not is_version(name)
    with world.open() as journal, pytest.raises(UsageError, match="not a valid version name") as refused:
        choose_version(journal, name, amend=False)
    assert "20261231235959" in refused.value.remedy


@pytest.mark.parametrize(
    ("named", "amend", "chosen"),
    [("v1", False, "v1"), ("v1", True, "v1"), ("v2", False, "v2"), (None, True, "v1"), ("v2", True, "!has no version “v2” to amend")],
)
def test_which_version_is_meant(named: str | None, amend: bool, chosen: str, world: World) -> None:
    with world.open() as journal:
        if chosen.startswith("!"):
            with pytest.raises(UsageError, match=chosen[1:]):
                choose_version(journal, named, amend=amend)
        else:
            assert choose_version(journal, named, amend=amend) == chosen


def test_an_empty_journal_has_nothing_to_amend(tmp_path: Path) -> None:
    with World(tmp_path).open() as journal, pytest.raises(UsageError, match="no version to amend"):
        choose_version(journal, None, amend=True)


def test_a_version_that_nobody_names_is_the_local_time(world: World) -> None:
    assert new_version(datetime(2026, 1, 2, 3, 4, 5)) == "20260102030405"  # noqa: DTZ001 - the local time
    assert re.fullmatch(r"\d{14}", new_version())
    with world.open() as journal:
        before = datetime.now().strftime("%Y%m%d%H%M%S")  # noqa: DTZ005
        assert before <= choose_version(journal, None, amend=False) <= datetime.now().strftime("%Y%m%d%H%M%S")  # noqa: DTZ005


def test_a_second_submission_within_a_second_gets_a_version_of_its_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    times, waits = iter(["v1", "v1", "v3"]), list[float]()
    monkeypatch.setattr(approving, "new_version", lambda: next(times))
    monkeypatch.setattr(approving.time, "sleep", waits.append)
    with world.open() as journal:
        assert choose_version(journal, None, amend=False) == "v3"
    assert waits == [0.2, 0.2], "a fifth of a second, again and again"


@pytest.mark.parametrize(("allow", "record_only"), [(False, False), (True, False), (False, True), (True, True)])
def test_an_approval_says_who_approved_what_and_when_and_is_kept(allow: bool, record_only: bool, world: World) -> None:
    with reviewed(world) as (staging, journal):
        pending.choose(staging, include=True)
        chosen = pending.digest(staging)
        assert chosen
        before = time.time_ns() // 1000
        found = approve(staging, journal, "v2", allow_deletions=allow, record_only=record_only)
        assert before <= found.at_us <= time.time_ns() // 1000
        who, at, computer = found.approved_by.partition("@")
        assert (bool(who), at, bool(computer)) == (True, "@", True)
        told = (found.version, found.diff_hash, found.allow_deletions, found.record_only)
        assert told == ("v2", diff_hash(staging), allow, record_only)
        assert found.pending == ("" if record_only else chosen), "what is only recorded uploads nothing that is pending"
        assert staging.get("approval") == asdict(found)
        check_approval(staging, journal, found)


def test_an_approval_permits_neither_mass_deletions_nor_only_recording_by_itself(world: World) -> None:
    with reviewed(world) as (staging, journal):
        found = approve(staging, journal, "v2")
        assert (found.allow_deletions, found.record_only) == (False, False)


def test_the_deletions_of_every_modality_are_counted_from_none(world: World) -> None:
    with reviewed(world) as (staging, journal):
        current = Counter(row.modality for row in journal.rows(active=True))
        assert current
        assert all_deletions(staging, journal.counts()) == {modality: (0, total) for modality, total in current.items()}


COLUMNS = {
    "modality": "OMOP",
    "path": "1/Images/c.dcm",
    "size": 9,
    "mtime_us": 9,
    "md5": "0" * 32,
    "version": "v9",
    "tail": "9/x",
    "old_id": 9,
}


@pytest.mark.parametrize("column", [*COLUMNS, "kind", "excluded"])
def test_whatever_changes_in_the_review_is_not_what_was_approved(column: str, world: World) -> None:
    with reviewed(world) as (staging, journal):
        found = approve(staging, journal, "v2")
        value = {**COLUMNS, "kind": "updated", "excluded": 1}[column]
        staging.db.execute(f"UPDATE change SET {column} = ? WHERE path = ?", (value, B))
        with pytest.raises(StaleReviewError, match="changed after it was approved"):
            check_approval(staging, journal, found)


def test_a_choice_of_other_pending_files_is_not_what_was_approved(world: World) -> None:
    with reviewed(world) as (staging, journal):
        found = approve(staging, journal, "v2", record_only=True)
        pending.choose(staging, include=True)
        with pytest.raises(StaleReviewError, match="changed after it was approved"):
            check_approval(staging, journal, found)


def test_what_is_only_shown_is_not_part_of_an_approval(world: World) -> None:
    (world.site / "readme.txt").write_text("matches no pattern")
    with reviewed(world) as (staging, journal):
        found = approve(staging, journal, "v2")
        staging.db.execute("UPDATE change SET size = 5, path = 'other.txt' WHERE kind = 'unmatched'")
        staging.db.execute("UPDATE change SET note = 'seen'")
        check_approval(staging, journal, found)


@pytest.mark.parametrize("check", ["approve", "check_approval"])
def test_a_review_is_for_one_state_of_one_journal(check: str, world: World, tmp_path: Path) -> None:
    def checked(staging: Staging, journal: Journal) -> object:
        return approve(staging, journal, "v2") if check == "approve" else check_approval(staging, journal, found)

    with reviewed(world) as (staging, journal):
        found = approve(staging, journal, "v2")
        with Journal.open(tmp_path / "other.db", create=True) as other, pytest.raises(ReviewError, match="another journal"):
            checked(staging, other)
        staging.put("fingerprint", "another")
        with pytest.raises(StaleReviewError, match="journal has changed since"):
            checked(staging, journal)


def test_another_approval_of_the_same_review_is_another_one(world: World) -> None:
    with reviewed(world) as (staging, journal):
        found = approve(staging, journal, "v2")
        with pytest.raises(StaleReviewError):
            check_approval(staging, journal, replace(found, diff_hash="0" * 64))
        with pytest.raises(StaleReviewError):
            check_approval(staging, journal, replace(found, pending="0" * 64))
        assert isinstance(found, Approval)


def test_the_guard_adds_the_entries_of_all_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The share is of the modality, however many submissions it came in."""
    monkeypatch.setattr(approving, "MANY_DELETIONS", 1)
    world = World(tmp_path)
    for number in range(20):
        world.put(f"1/Images/{number:02}.dcm", str(number), mtime=1000 + number)
        if number % 10 == 9:
            world.run("record", version=f"v{number}")
    for number in (0, 1, 2, 3):
        (world.site / f"1/Images/{number:02}.dcm").unlink()
    with reviewed(world) as (staging, journal):
        assert deletions(staging, journal.counts()) == {}
    (world.site / "1/Images/04.dcm").unlink()
    with reviewed(world) as (staging, journal):
        assert deletions(staging, journal.counts()) == {"Images": (5, 20)}
