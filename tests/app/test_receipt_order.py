"""A clock that was wrong during one run does not change which run was the last, for the status, for markers and for the doctor."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clock import Clock
from faces import fill
from world import World, ran

from chorus_gui.app import charts, facts
from chorus_gui.app.chain import broken_receipts
from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.journal import markers
from chorus_gui.app.last_verification import verification
from chorus_gui.app.receipt_order import AHEAD_US, Ended, newest, places
from chorus_gui.app.shared import shared, shared_folder
from chorus_gui.app.site_list import Listed
from chorus_gui.app.sites import Runs, look_at
from chorus_gui.app.values import ReceiptFacts
from chorus_gui.app.verify import verify
from chorus_gui.core.job import JobContext
from chorus_gui.core.submission.marker import Complete
from chorus_gui.core.submission.work import Selection

NOW = datetime(2026, 6, 20, 12, tzinfo=UTC)
DAY = 86_400_000_000
AHEAD, NOT_YET, BEHIND = datetime(2036, 1, 1, tzinfo=UTC), NOW + timedelta(days=10), datetime(2015, 1, 1, tzinfo=UTC)
Move = Callable[[datetime], None]


# --- the function -------------------------------------------------------------------------------------------------------


def chain(*days: float, names: Sequence[int | None] = ()) -> list[Ended]:
    """Receipts with these times; each names the one with the newest time before it, as the program's do, or the one of ``names``."""
    out: list[Ended] = []
    for number, day in enumerate(days):
        before = max(range(number), key=lambda one: days[one], default=None) if number >= len(names) else names[number]
        out.append(Ended(str(number), "" if before is None else str(before), int(day * DAY)))
    return out


def order(receipts: Sequence[Ended], now: float) -> list[int]:
    at = places(receipts, int(now * DAY))
    return sorted(range(len(receipts)), key=lambda number: at[number])


TIMES: dict[str, tuple[tuple[float, ...], float]] = {
    "right": ((1, 2, 3, 4), 5),
    "in the future": ((1, 2, 900, 4, 5), 6),
    "the first, in the future": ((900, 2, 3), 4),
    "the last, in the future": ((1, 2, 900), 4),
    "two in the future": ((1, 900, 901, 4, 5), 6),
    "was in the future until yesterday": ((1, 9, 3, 4, 5, 10), 11),
    "two were in the future": ((1, 8, 9, 3, 4, 5, 10), 11),
    "long ago": ((100, 101, 1, 103), 104),
    "the last, long ago": ((100, 101, 1), 104),
    "three, long ago": ((100, 101, 1, 2, 3, 107), 108),
    "a little behind": ((1, 5, 3, 6), 7),
    "behind and ahead": ((100, 1, 900, 103, 104), 105),
    "ahead and behind": ((100, 900, 1, 103, 104), 105),
}


@pytest.mark.parametrize("name", TIMES)
def test_the_order_is_the_one_in_which_the_receipts_were_made(name: str) -> None:
    days, now = TIMES[name]
    made = chain(*days)
    assert order(made, now) == list(range(len(days)))
    assert order(made[::-1], now) == [len(days) - 1 - number for number in order(made, now)], "whatever order they are read in"


def test_only_a_wrong_time_is_corrected() -> None:
    assert places(chain(1, 2, 900, 4, 5), 6 * DAY) == [1 * DAY, 2 * DAY, 4 * DAY - 1, 4 * DAY, 5 * DAY]
    assert places(chain(100, 101, 1, 103), 104 * DAY) == [100 * DAY, 101 * DAY, 101 * DAY + 1, 103 * DAY]
    ahead = [Ended("a", "", 5 * DAY + AHEAD_US), Ended("b", "a", 5 * DAY + AHEAD_US)]
    assert places(ahead, 5 * DAY) == [5 * DAY + AHEAD_US] * 2, "two clocks differ by some minutes"


def test_the_newest_of_another_computer_was_there_when_it_was_copied() -> None:
    alone = Ended("a", "", 900 * DAY)
    assert places([alone], 5 * DAY) == [900 * DAY], "nothing is known"
    assert places([alone._replace(known_us=4 * DAY)], 5 * DAY) == [4 * DAY]
    assert places([Ended("p", "", 2 * DAY), alone._replace(previous="p", known_us=DAY)], 5 * DAY) == [2 * DAY, 2 * DAY + 1]
    assert places([Ended("a", "", 3 * DAY, known_us=4 * DAY)], 5 * DAY) == [3 * DAY]


def test_receipts_that_name_each_other_or_none_keep_their_time() -> None:
    odd = [Ended("a", "b", 9), Ended("b", "a", 3), Ended("c", "c", 5), Ended("d", "gone", 7), Ended("d", "gone", 7)]
    assert places(odd, DAY) == [9, 3, 5, 7, 7]
    assert places([], DAY) == []


def test_many_receipts_with_any_clock_have_a_place() -> None:
    chance = random.Random(7)
    for _ in range(200):
        days = [chance.choice((number + 1.0, chance.uniform(-2000, 2000))) for number in range(chance.randrange(1, 30))]
        made = chain(*days)
        at = places(made, 40 * DAY)
        for number, one in enumerate(made):
            if one.previous and at[number] < at[int(one.previous)]:
                pytest.fail(f"{days}: {number} is before the one that it names")


# --- what a person sees -------------------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(NOW)
    clock.install(monkeypatch)
    return clock


@pytest.fixture
def world(tmp_path: Path, clock: Clock) -> World:
    return fill(World(tmp_path))


def submitted(world: World, version: str) -> None:
    world.put("OMOP/person.csv", version)
    world.run(version=version)


def receipts(world: World) -> tuple[ReceiptFacts, ...]:
    return facts.receipts(world.config, JobContext())


WRONG = pytest.mark.parametrize("wrong", [AHEAD, NOT_YET, BEHIND], ids=["ahead", "ten days ahead", "behind"])


@WRONG
def test_the_last_run_is_the_last_that_was_made(world: World, clock: Clock, wrong: datetime) -> None:
    submitted(world, "v1")
    clock.set(wrong)
    submitted(world, "v2")
    clock.set(NOW + timedelta(days=1))
    submitted(world, "v3")
    found = receipts(world)
    assert [one.versions for one in found] == [("v3",), ("v2",), ("v1",)]
    assert abs(found[1].ended_us - int(wrong.timestamp() * 1e6)) < DAY, "it says its own time"
    assert found[2].at_us < found[1].at_us < found[0].at_us
    last = look_at(Listed(world.file), Runs()).last
    assert last is not None
    assert last.at_us == found[0].ended_us
    speeds = [line.name for line in charts.charts(world.config, found, JobContext())["speed"].lines]
    assert speeds == [version for version in ("v1", "v2", "v3") if version in speeds]


def test_after_a_run_with_a_clock_that_was_behind_it_is_the_last(world: World, clock: Clock) -> None:
    submitted(world, "v1")
    clock.set(BEHIND)
    submitted(world, "v2")
    clock.set(NOW + timedelta(days=1))
    assert [one.versions for one in receipts(world)] == [("v2",), ("v1",)]
    last = look_at(Listed(world.file), Runs()).last
    assert last is not None
    assert last.at_us == receipts(world)[0].ended_us


@WRONG
def test_a_verification_with_a_wrong_clock_does_not_count_for_a_later_upload(world: World, clock: Clock, wrong: datetime) -> None:
    submitted(world, "v1")
    clock.set(wrong)
    ran(verify(world.workspace(), JobContext(), Selection()))
    clock.set(NOW + timedelta(days=1))
    assert verification(receipts(world), "v1") is not None
    world.put("1/Images/new.dcm", "new")
    world.run(version="v1")
    assert verification(receipts(world), "v1") is None


@WRONG
def test_the_doctor_finds_no_gap(world: World, clock: Clock, wrong: datetime) -> None:
    submitted(world, "v1")
    for number in (2, 3):
        clock.set(wrong + timedelta(hours=number))
        submitted(world, f"v{number}")
    for number in (4, 5):
        clock.set(NOW + timedelta(days=number))
        submitted(world, f"v{number}")
    assert broken_receipts(world.config, JobContext()) == []
    files = {one.versions: one.data for one in receipts(world)}
    files[("v1",)].unlink()  # old ones may be removed
    assert broken_receipts(world.config, JobContext()) == []
    for later in range(5, 40, 5):
        clock.set(NOW + timedelta(days=later))
        assert broken_receipts(world.config, JobContext()) == [], "nor later"


@WRONG
def test_a_marker_of_a_later_run_is_not_called_changed(world: World, clock: Clock, wrong: datetime) -> None:
    submitted(world, "v1")
    for at in (wrong, NOW + timedelta(days=1)):
        clock.set(at)
        world.put("1/Images/new.dcm", str(at))
        world.run(version="v1")
        for later in (at, NOW + timedelta(days=2)):
            clock.set(later)
            assert markers(world.workspace(), world.journal, JobContext())["v1"].complete is Complete.YES
    marker = world.central / "v1/submission.json"
    data = json.loads(marker.read_text("utf-8")) | {"held_back": 5}
    marker.write_text(json.dumps(data), "utf-8")
    changed = markers(world.workspace(), world.journal, JobContext())["v1"].complete
    assert changed is (Complete.OUTDATED if wrong is BEHIND else Complete.YES), "one with a later time can be of another computer"


def test_a_colleague_with_a_clock_that_is_ahead_does_not_hide_later_runs(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    clock.set(AHEAD)
    submitted(world, "v1")
    clock.set(NOW)
    monkeypatch.setenv("CHORUS_UPLOAD_HOME", str(tmp_path_factory.mktemp("another-computer")))
    shared(world.workspace(), JobContext())
    (copy,) = shared_folder(world.config).glob("*.json")
    os.utime(copy, (NOW.timestamp(), NOW.timestamp()))
    clock.set(NOW + timedelta(days=1))
    submitted(world, "v2")
    assert [one.versions for one in receipts(world)] == [("v2",), ("v1",)]


def test_of_thousands_those_with_the_newest_names_are_read_and_old_names_only_if_they_follow_one(world: World) -> None:
    submitted(world, "v1")
    (first,) = receipts_folder().glob("*.json")
    text = json.loads(first.read_text("utf-8"))
    first.unlink()
    sha256 = {}
    for number in range(2, 12):
        content = json.dumps(text | {"previous": sha256.get(number - 1, "")}).encode()
        (receipts_folder() / f"2026{number:02}.json").write_bytes(content)
        sha256[number] = hashlib.sha256(content).hexdigest()
    for number, previous in ((0, sha256[11]), (1, sha256[3])):  # two runs with a clock of 2015
        (receipts_folder() / f"2015{number:02}.json").write_text(json.dumps(text | {"previous": previous}), "utf-8")
    assert [one.file.stem for one in newest(receipts_folder(), most=3)] == ["202611", "202610", "202609", "201500"]
    assert len(list(newest(receipts_folder()))) == 12


def test_a_run_of_the_future_hides_no_later_scan() -> None:
    """The clock was right again before anything else was done."""
    ended = [Ended("a", "", 1000), Ended("b", "a", 10**18), Ended("c", "b", 2 * 10**18)]
    assert places(ended, 5000) == [1000, 1001, 1002]
