"""Undo of a hold and of a release: the held-back list is as before, and what others did meanwhile stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chorus_gui.core.review.hold_list import HoldList, Release, Target, target_of
from chorus_gui.core.review.holds import Holds
from chorus_gui.core.review.values import NO_ACT, Hold, HoldsAct

FILE = Target("Images", "1/Images/a.dcm")
OTHER = Target("Images", "1/Images/b.dcm")
PATIENT = Target(patient_id="1")


def hold(target: Target, reason: str, at_us: int = 5, by: str = "anna") -> Hold:
    return Hold(*target, reason, by, at_us)


@pytest.fixture
def holds(tmp_path: Path) -> Iterator[Holds]:
    with Holds(tmp_path / "journal.db") as found:
        yield found


def act(holds: Holds, step: Callable[[], object]) -> HoldsAct:
    before = holds.known().everything
    step()
    return holds.known().everything.act_since(before)


def in_force(holds: Holds) -> set[Hold]:
    return set(holds.all())


def test_a_hold_is_undone(holds: Holds) -> None:
    done = act(holds, lambda: holds.add([hold(FILE, "consent"), hold(PATIENT, "consent")]))
    assert (len(done.added), done.released) == (2, ())
    assert holds.undo(done) == 2
    assert in_force(holds) == set()
    assert holds.undo(done) == 0, "there is nothing left to undo"
    assert [release.reason for record in holds.known().everything.records for release in record.releases] == ["undone", "undone"]


def test_a_second_hold_of_the_same_file_is_undone_and_the_first_stays(holds: Holds) -> None:
    holds.add([hold(FILE, "first", 1)])
    done = act(holds, lambda: holds.add([hold(FILE, "second", 2)]))
    assert in_force(holds) == {hold(FILE, "second", 2)}
    assert holds.undo(done) == 1
    assert in_force(holds) == {hold(FILE, "first", 1)}


def test_a_release_is_undone_with_the_reason_the_name_and_the_time(holds: Holds) -> None:
    holds.add([hold(FILE, "consent", 1), hold(FILE, "consent withdrawn", 2), hold(PATIENT, "study ended", 3, "bernd")])
    before = in_force(holds)
    done = act(holds, lambda: holds.remove([FILE, PATIENT]))
    assert (done.added, set(done.released)) == ((), before), "of two holds of one file, the one that was in force"
    assert in_force(holds) == set()
    assert holds.undo(done) == 2
    assert in_force(holds) == before
    assert holds.undo(done) == 0, "it is held back again already"


def test_what_a_colleague_did_meanwhile_stays(holds: Holds) -> None:
    done = act(holds, lambda: holds.add([hold(FILE, "consent"), hold(OTHER, "consent")]))
    holds.learn(holds.known().everything.releasing([FILE], Release("bernd", 9)))
    holds.learn(HoldList.of({"c": hold(OTHER, "not signed off", 9, "carla")}))
    assert holds.undo(done) == 1
    assert in_force(holds) == {hold(OTHER, "not signed off", 9, "carla")}, "a colleague's own hold is not released"

    gone = act(holds, lambda: holds.remove([OTHER]))
    holds.learn(HoldList.of({"d": hold(OTHER, "again", 10, "carla")}))
    assert holds.undo(gone) == 0
    assert [one.reason for one in holds.all()] == ["again"], "a colleague holds it back already"


def test_what_changes_nothing_is_no_act(holds: Holds) -> None:
    holds.add([hold(FILE, "consent")])
    assert act(holds, lambda: holds.add([hold(FILE, "consent")])) == NO_ACT
    assert act(holds, lambda: holds.remove([OTHER])) == NO_ACT
    assert target_of(holds.all()[0]) == FILE
