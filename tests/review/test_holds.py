"""This computer's copy of the holds: what is remembered, what is released, and what of a review and of the pending files it covers."""

from __future__ import annotations

import os
import socket
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from chorus_gui.core.errors import ComputerError, ReviewError, UsageError
from chorus_gui.core.folders import user_name
from chorus_gui.core.review import holds as holds_module
from chorus_gui.core.review.changes import holdable
from chorus_gui.core.review.hold_list import HoldList, Release, Target, target_of
from chorus_gui.core.review.holds import Holds, hold_back, hold_back_patient, release, released_patients
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Hold

ONE = Hold("Images", "1/Images/a.dcm", "", "consent withdrawn", "anna", 10)
TWO = Hold("Waveforms", "2/Waveforms/b.dat", "", "blurred", "bernd", 20)
PATIENT = Hold("", "", "0012", "asked us to wait", "clara", 30)

# id: kind, modality, path, patient, patient of the entry, id of the entry, size, other half
CHANGES: dict[int, tuple[Any, ...]] = {
    1: ("added", "Images", "1/Images/a.dcm", "1", None, None, 3, None),
    2: ("updated", "Images", "1/Images/b.dcm", "1", "1", 7, 3, None),
    3: ("deleted", "Images", "2/Images/old.dcm", "2", "2", 8, None, 4),
    4: ("added", "Images", "3/Images/new.dcm", "3", None, None, 3, 3),
    5: ("unmatched", "", "1/notes.txt", None, None, None, 3, None),
    6: ("problem", "Images", "1/Images/bad.dcm", "1", None, None, None, None),
    7: ("problem", "Images", "1/Images/left-out.dcm", None, "1", 9, None, None),
    8: ("problem", "Images", "1/Images/same-place.dcm", "1", "1", 10, 3, None),
    9: ("added", "OMOP", "OMOP/person.csv", None, None, None, 3, None),
    10: ("moved", "Images", "4/Images/a.dcm", "4", "4", 11, 3, None),
    11: ("restored", "Images", "4/Images/b.dcm", "4", "4", 12, 3, None),
}
PENDING = {
    1: ("Images", "1/Images/waits.dcm", "1"),
    2: ("Waveforms", "1/Images/waits.dcm", "2"),
    3: ("Waveforms", "2/Waveforms/b.dat", None),
}


@pytest.fixture
def holds(tmp_path: Path) -> Iterator[Holds]:
    with Holds(tmp_path / "journal.db") as holds:
        yield holds


@pytest.fixture
def staging(tmp_path: Path) -> Iterator[Staging]:
    with Staging.create(tmp_path / "review.db") as staging:
        for key, values in CHANGES.items():
            staging.db.execute(
                "INSERT INTO change (id, kind, modality, path, patient_id, old_patient_id, old_id, size, pair) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (key, *values),
            )
        for key, values in PENDING.items():
            staging.db.execute(
                "INSERT INTO pending (id, own, modality, path, patient_id, version) VALUES (?, 0, ?, ?, ?, 'v1')", (key, *values)
            )
        staging.db.execute("COMMIT")
        yield staging


def marked(staging: Staging) -> dict[int, tuple[str, str, int]]:
    """id of each change that is held back → why, who, when."""
    found = staging.db.execute("SELECT id, reason, held_by, held_us FROM change WHERE excluded").fetchall()
    rest = staging.db.execute("SELECT DISTINCT reason, held_by, held_us FROM change WHERE NOT excluded").fetchall()
    assert rest in ([], [("", "", 0)]), "what is not held back has no reason"
    return {key: tuple(why) for key, *why in found}  # type: ignore[misc]


def waiting(staging: Staging) -> dict[int, tuple[str, str, int]]:
    """id of each pending file that is held back → why, who, when."""
    found = staging.db.execute("SELECT id, reason, held_by, held_us FROM pending WHERE excluded").fetchall()
    return {key: tuple(why) for key, *why in found}  # type: ignore[misc]


def of(path: str = "", *, patient: str = "", modality: str = "Images", at: int = 5) -> Hold:
    return Hold(modality if path else "", path, patient, "why", "anna", at)


WHY = ("why", "anna", 5)


@pytest.mark.parametrize(
    ("hold", "changes", "pending"),
    [
        pytest.param(of("1/Images/a.dcm"), {1}, set(), id="a hold of a file covers that file"),
        pytest.param(of("1/Images/a.dcm", modality="Waveforms"), set(), set(), id="a file of another modality is another file"),
        pytest.param(of("1/Images"), set(), set(), id="a folder is no file"),
        pytest.param(of("2/Images/old.dcm"), {3, 4}, set(), id="the old name of a renamed file covers the new one"),
        pytest.param(of("3/Images/new.dcm"), {3, 4}, set(), id="the new name of a renamed file covers the old one"),
        pytest.param(of(patient="2"), {3, 4}, {2}, id="the old name's patient covers the new name"),
        pytest.param(of(patient="1"), {1, 2, 7}, {1}, id="a hold of a patient covers the files of the patient"),
        pytest.param(of(patient="01"), {1, 2, 7}, {1}, id="leading zeros do not make another patient"),
        pytest.param(of(patient="10"), set(), set(), id="other zeros do"),
        pytest.param(of(patient="4"), {10, 11}, set(), id="a file with another time and a restored one are covered"),
        pytest.param(of("1/notes.txt", modality="Images"), set(), set(), id="what no submission carries out is not held back"),
        pytest.param(of("1/Images/bad.dcm"), set(), set(), id="a file that cannot be read is not held back"),
        pytest.param(of("1/Images/same-place.dcm"), set(), set(), id="a file that cannot be sent is not held back"),
        pytest.param(of("1/Images/left-out.dcm"), {7}, set(), id="an entry that a person is asked about can be held back"),
        pytest.param(of("1/Images/waits.dcm"), set(), {1}, id="a hold of a file covers the pending file"),
        pytest.param(of("2/Waveforms/b.dat", modality="Waveforms"), set(), {3}, id="a pending file without a patient can be held back"),
    ],
)
def test_what_a_hold_covers(holds: Holds, staging: Staging, hold: Hold, changes: set[int], pending: set[int]) -> None:
    holds.add([hold])
    assert holds.apply(staging) == len(changes), "it says how many changes are held back"
    assert marked(staging) == dict.fromkeys(changes, WHY)
    assert waiting(staging) == dict.fromkeys(pending, WHY)


def test_an_act_holds_each_file_back_once(holds: Holds) -> None:
    """However often it is named, and whatever spaces the reason has: entries are never removed."""
    twice = Hold("Images", "1/a.dcm", "", "not  signed", "anna", 1)
    assert holds.add([twice, twice]) == 1
    assert holds.add([twice]) == 0


def test_a_patient_with_letters_is_released_under_a_new_name(holds: Holds, staging: Staging) -> None:
    """The review has the earlier ID without its zeros."""
    staging.db.execute("INSERT INTO renamed_patient VALUES ('A1', '1')")
    hold_back_patient(staging, holds, "0A1", "consent withdrawn")
    assert 1 in marked(staging)
    release(staging, holds, [1])
    assert marked(staging) == {}
    assert holds.all() == []


def test_a_release_of_one_patient_releases_no_other(holds: Holds) -> None:
    """An ID with letters keeps its zeros in the journal."""
    holds.add([Hold("", "", patient, "why", "anna", 1) for patient in ("0A1", "A1", "007", "7")])
    assert holds.remove([Target(patient_id="A1")]) == 1
    assert holds.remove([Target(patient_id="07")]) == 2
    assert [hold.patient_id for hold in holds.all()] == ["0A1"]


def test_of_a_hold_of_the_file_and_one_of_its_patient_the_files_own_is_shown(holds: Holds, staging: Staging) -> None:
    holds.add([Hold("Images", "1/Images/a.dcm", "", "blurred", "bernd", 1), Hold("", "", "1", "consent withdrawn", "anna", 2)])
    assert holds.apply(staging) == 3
    assert {key: why for key, (why, *_) in marked(staging).items()} == {1: "blurred", 2: "consent withdrawn", 7: "consent withdrawn"}


def test_each_half_of_a_renamed_file_keeps_its_own_reason(holds: Holds, staging: Staging) -> None:
    holds.add([Hold("Images", "2/Images/old.dcm", "", "old", "anna", 1), Hold("Images", "3/Images/new.dcm", "", "new", "anna", 2)])
    assert holds.apply(staging) == 2
    assert {key: why for key, (why, *_) in marked(staging).items()} == {3: "old", 4: "new"}


def test_of_several_holds_of_a_file_the_latest_is_shown(holds: Holds, staging: Staging) -> None:
    path = "1/Images/a.dcm"
    holds.add([Hold("Images", path, "", "later", "bernd", 20)])
    holds.add([Hold("Images", path, "", "earlier", "anna", 10)])
    assert holds.apply(staging) == 1
    assert marked(staging) == {1: ("later", "bernd", 20)}
    assert holds.remove([Target("Images", path)]) == 1, "one release releases all of them"
    assert holds.all() == []


def test_a_review_without_holds_holds_back_nothing(holds: Holds, staging: Staging) -> None:
    assert holds.apply(staging) == 0
    assert marked(staging) == waiting(staging) == {}


def test_what_a_submission_carried_out_counts_as_held_back_only_if_it_is(holds: Holds, staging: Staging) -> None:
    """Applying twice is applying once."""
    holds.add([of(patient="1")])
    assert holds.apply(staging) == holds.apply(staging) == 3


@pytest.mark.parametrize(
    ("held", "ids", "released"),
    [
        pytest.param("1", [1], True, id="one of three files"),
        pytest.param("1", [1, 2, 7], True, id="all that is held back of the patient in the review: pending and later files are, too"),
        pytest.param("01", [1, 2], True, id="another spelling"),
        pytest.param("1", [9, 10], False, id="nothing of the patient"),
        pytest.param("2", [4], True, id="the new name of the patient's file"),
        pytest.param("2", [3], True, id="the old name of the patient's file"),
        pytest.param("9", [10], True, id="one file of the patient under the new ID"),
    ],
)
def test_who_is_released_as_a_whole_with_the_selected_lines_is_known_before(
    holds: Holds, staging: Staging, held: str, ids: list[int], released: bool
) -> None:
    staging.db.execute("INSERT INTO renamed_patient VALUES ('9', '4')")
    holds.add([of(patient=held)])
    holds.apply(staging)
    assert released_patients(staging, holds, ids) == [held] * released
    release(staging, holds, ids)
    assert [hold.patient_id for hold in holds.all()] == [held] * (not released)


@pytest.mark.parametrize("ids", [[1, 2, 3], [1, 2, 4]])
def test_what_is_held_back_already_keeps_its_reason_and_who_gave_it(holds: Holds, staging: Staging, ids: list[int]) -> None:
    """As the question counts it, where some of the selected lines are held back.  Both halves of a renamed file stay together."""
    colleague = [ONE, Hold("Images", "2/Images/old.dcm", "", "blurred", "bernd", 20)]
    holds.add(colleague)
    holds.apply(staging)
    assert holdable(staging, ids) == 1
    before = holds.known().everything
    hold_back(staging, holds, ids, "not signed off")
    assert [hold.path for hold in holds.known().everything.act_since(before).added] == [CHANGES[2][2]]
    assert {key: found[0] for key, found in marked(staging).items()} == {
        1: "consent withdrawn",
        2: "not signed off",
        3: "blurred",
        4: "blurred",
    }
    assert set(colleague) <= set(holds.all())


@pytest.mark.parametrize(
    ("ids", "covered"), [([1], {1}), ([3], {3, 4}), ([4], {3, 4}), ([1, 9], {1, 9}), ([5, 6, 8], set()), ([7], {7}), ([], set())]
)
def test_a_person_holds_back_what_is_chosen_and_its_other_half(holds: Holds, staging: Staging, ids: list[int], covered: set[int]) -> None:
    before = time.time_ns() // 1000
    hold_back(staging, holds, ids, "  not signed off ")
    found = marked(staging)
    assert set(found) == covered
    for reason, who, when in found.values():
        assert (reason, who) == ("not signed off", user_name())
        assert before <= when <= time.time_ns() // 1000
    assert {hold.path for hold in holds.all()} == {CHANGES[key][2] for key in covered}
    assert {hold.patient_id for hold in holds.all()} <= {""}


@pytest.mark.parametrize("reason", ["", " ", "\t\n"])
def test_a_hold_needs_a_reason(holds: Holds, staging: Staging, reason: str) -> None:
    with pytest.raises(ReviewError, match="reason is missing"):
        hold_back(staging, holds, [1], reason)
    with pytest.raises(ReviewError, match="reason is missing"):
        hold_back_patient(staging, holds, "1", reason)
    assert holds.all() == []
    assert marked(staging) == {}


@pytest.mark.parametrize(
    ("ids", "left", "still"),
    [
        pytest.param([1], {"2/Images/old.dcm", "3/Images/new.dcm"}, {3, 4}, id="a file's release releases its patient, too"),
        pytest.param([2], {"1/Images/a.dcm", "2/Images/old.dcm", "3/Images/new.dcm"}, {1, 3, 4}, id="but not the other files' own holds"),
        pytest.param([3], {"1/Images/a.dcm", "1"}, {1, 2, 7}, id="one half of a renamed file releases the other"),
        pytest.param([4], {"1/Images/a.dcm", "1"}, {1, 2, 7}, id="either half does"),
        pytest.param([9], {"1/Images/a.dcm", "1", "2/Images/old.dcm", "3/Images/new.dcm"}, {1, 2, 3, 4, 7}, id="what is not held back"),
        pytest.param([7], {"1/Images/a.dcm", "2/Images/old.dcm", "3/Images/new.dcm"}, {1, 3, 4}, id="the entry's patient counts"),
    ],
)
def test_what_a_release_releases(holds: Holds, staging: Staging, ids: list[int], left: set[str], still: set[int]) -> None:
    hold_back(staging, holds, [1, 3], "not signed off")
    hold_back_patient(staging, holds, "1", "consent withdrawn")
    assert set(marked(staging)) == {1, 2, 3, 4, 7}
    assert set(waiting(staging)) == {1}
    release(staging, holds, ids)
    assert {hold.path or hold.patient_id for hold in holds.all()} == left
    assert set(marked(staging)) == still
    assert set(waiting(staging)) == ({1} if "1" in left else set())


@pytest.mark.parametrize("patient", ["2", "3"], ids=["the old name", "the new name"])
@pytest.mark.parametrize("half", [3, 4])
def test_a_renamed_file_is_released_through_the_patient_of_either_name(holds: Holds, staging: Staging, patient: str, half: int) -> None:
    """It was held back only through that patient, and its release did nothing."""
    holds.add([Hold("", "", patient, "consent withdrawn", "anna", 1), Hold("", "", "1", "x", "anna", 1)])
    holds.apply(staging)
    assert {3, 4} <= set(marked(staging))
    release(staging, holds, [half])
    assert {hold.patient_id for hold in holds.all()} == {"1"}
    assert not {3, 4} & set(marked(staging))


def test_a_hold_with_the_same_reason_is_not_added_again(holds: Holds) -> None:
    holds.add([ONE])
    holds.add([Hold(ONE.modality, ONE.path, "", ONE.reason, "bernd", 99), TWO])
    assert holds.all() == [ONE, TWO]
    assert len(holds.known().everything.records) == 2


def test_another_reason_is_added(holds: Holds) -> None:
    holds.add([ONE])
    later = Hold(ONE.modality, ONE.path, "", "another reason", "bernd", 99)
    holds.add([later])
    assert holds.all() == [later]
    assert len(holds.known().everything.records) == 2


def test_what_was_released_can_be_held_back_again_for_the_same_reason(holds: Holds) -> None:
    holds.add([ONE])
    holds.remove([target_of(ONE)])
    again = Hold(ONE.modality, ONE.path, "", ONE.reason, "bernd", 99)
    holds.add([again])
    assert holds.all() == [again]


def test_a_release_says_who_when_and_why_and_counts_what_was_held_back(holds: Holds) -> None:
    holds.add([ONE, TWO, PATIENT])
    before = time.time_ns() // 1000
    assert holds.remove([target_of(ONE), target_of(PATIENT), Target("Images", "nobody holds it back")], reason="given again") == 2
    assert holds.all() == [TWO]
    records = {record.hold: record.releases for record in holds.known().everything.records}
    assert records[TWO] == ()
    for hold in (ONE, PATIENT):
        (found,) = records[hold]
        assert (found.released_by, found.reason) == (user_name(), "given again")
        assert before <= found.at_us <= time.time_ns() // 1000


def test_a_release_of_what_is_not_held_back_changes_nothing(holds: Holds) -> None:
    holds.add([ONE])
    holds.remove([target_of(ONE)])
    before = holds.known().everything.dump()
    assert holds.remove([target_of(ONE), target_of(TWO)]) == 0
    assert holds.known().everything.dump() == before


def test_every_hold_and_release_names_this_computer(holds: Holds) -> None:
    holds.add([ONE])
    holds.remove([target_of(ONE)])
    (entry,) = holds.known().everything.entries.values()
    assert entry["host"] == socket.gethostname()
    assert [note["host"] for note in entry["releases"]] == [socket.gethostname()]


def test_reasons_are_offered_the_latest_first_and_each_once(holds: Holds) -> None:
    holds.add(
        [Hold("Images", f"{at}", "", reason, "anna", at) for at, reason in ((5, "old"), (7, "used twice"), (9, "used twice"), (8, "new"))]
    )
    holds.add([Hold("Images", "none", "", "", "anna", 99)])
    holds.remove([Target("Images", "5")])
    assert holds.reasons() == ["used twice", "new", "old"], "also of what was released"
    assert holds.reasons(1) == ["used twice"]
    holds.add([Hold("Images", f"more {at}", "", f"reason {at}", "anna", 100 + at) for at in range(30)])
    assert holds.reasons() == [f"reason {at}" for at in range(29, 9, -1)], "twenty, if nobody says how many"


def test_another_connection_sees_what_was_added(tmp_path: Path) -> None:
    """The window and the command line work side by side, and a screen keeps its connection."""
    with Holds(tmp_path / "journal.db") as one, Holds(tmp_path / "journal.db") as two, Holds(tmp_path / "other.db") as other:
        one.add([ONE])
        assert two.all() == [ONE]
        two.add([TWO])
        assert one.all() == [ONE, TWO]
        assert other.all() == [], "each journal has its own"


def shared_and_known() -> tuple[HoldList, HoldList]:
    return HoldList().adding([ONE]), HoldList().adding([TWO])


def test_before_the_shared_list_was_ever_read_nothing_of_it_is_known(holds: Holds) -> None:
    known = holds.known()
    assert (known.read_us, known.trouble, known.copied, known.unshared) == (0, "", 0, 0)
    holds.add([ONE, TWO])
    known = holds.known()
    assert (known.read_us, known.trouble, known.copied, known.unshared) == (0, "", 0, 2)


def test_what_the_shared_list_has_is_learned_and_joined(holds: Holds) -> None:
    holds.add([ONE])
    theirs = HoldList().adding([TWO])
    joined = holds.learn(theirs)
    assert joined.active() == holds.all() == [ONE, TWO]
    known = holds.known()
    assert (known.read_us, known.unshared) == (0, 2), "to learn is not yet to share"


def test_the_shared_list_as_it_was_read_or_written_is_remembered(holds: Holds) -> None:
    holds.add([ONE])
    holds.is_not_shared(None, "The network is down.")
    known = holds.known()
    assert (known.read_us, known.trouble, known.unshared) == (0, "The network is down.", 1)
    before = time.time_ns() // 1000
    holds.is_not_shared(HoldList().adding([TWO]), "The list cannot be written.")
    known = holds.known()
    assert before <= known.read_us <= time.time_ns() // 1000
    assert (known.trouble, known.unshared) == ("The list cannot be written.", 1)
    assert holds.all() == [ONE, TWO], "what a colleague holds back counts even if this computer could not write"
    holds.is_shared(known.everything)
    known = holds.known()
    assert (known.trouble, known.unshared, known.shared.active()) == ("", 0, [ONE, TWO])


def test_a_list_that_could_not_be_read_again_is_the_one_of_the_last_time(holds: Holds) -> None:
    holds.is_shared(HoldList().adding([ONE]))
    read = holds.known().read_us
    holds.is_not_shared(None, "The network is down.")
    known = holds.known()
    assert (known.read_us, known.shared.active(), known.trouble) == (read, [ONE], "The network is down.")


@pytest.mark.parametrize("what", ["a hold", "a release", "a hold that only the shared list has", "a release that only the shared list has"])
def test_how_much_is_not_shared_yet(holds: Holds, what: str) -> None:
    """A colleague's later changes of the shared list are not this computer's to share."""
    common = HoldList().adding([ONE])
    changed = common.releasing([target_of(ONE)], Release("bernd", 9)) if "release" in what else common.adding([TWO])
    mine, theirs = (common, changed) if "only the shared" in what else (changed, common)
    holds.learn(mine)
    holds.is_not_shared(theirs, "")
    assert holds.known().unshared == (0 if "only the shared" in what else 1)


def test_the_holds_of_an_earlier_version_are_taken_over_once(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    with Holds(journal) as holds:
        holds.add([ONE])
        file = holds.path
    with closing(sqlite3.connect(file)) as db, db:
        db.executemany(
            "INSERT INTO hold VALUES (?, ?, ?, ?, ?, ?)", [tuple(getattr(hold, name) for name in Hold.__slots__) for hold in (TWO, PATIENT)]
        )
    with Holds(journal) as holds:
        assert holds.all() == [ONE, TWO, PATIENT]
        assert holds.known().copied == 2
    with Holds(journal) as holds:
        assert holds.known().copied == 2, "the number is kept until they are shared"
        holds.remove([target_of(TWO)])
    with Holds(journal) as holds:
        assert holds.all() == [ONE, PATIENT], "what was released does not come back"
        holds.is_not_shared(None, "offline")
        assert holds.known().copied == 2
        holds.is_shared(holds.known().everything)
        assert holds.known().copied == 0


def test_two_computers_that_take_over_the_same_holds_have_them_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lists: list[HoldList] = []
    for name in ("anna", "bernd"):
        monkeypatch.setenv("CHORUS_UPLOAD_HOME", str(tmp_path / name))
        with Holds(tmp_path / "journal.db") as holds:
            file = holds.path
        with closing(sqlite3.connect(file)) as db, db:
            db.execute("INSERT INTO hold VALUES (?, ?, ?, ?, ?, ?)", tuple(getattr(ONE, field) for field in Hold.__slots__))
        with Holds(tmp_path / "journal.db") as holds:
            lists.append(holds.known().everything)
    assert lists[0].dump() == lists[1].dump()


@pytest.mark.parametrize("damage", ["another file", "a damaged list", "a damaged page"])
def test_a_damaged_copy_stops_everything_and_says_what_to_do(tmp_path: Path, damage: str) -> None:
    journal = tmp_path / "journal.db"
    with Holds(journal) as holds:
        file = holds.path
        if damage == "a damaged list":
            holds.add([ONE])
    if damage == "a damaged list":
        with closing(sqlite3.connect(file)) as db, db:
            db.execute("UPDATE list SET known = ?", (b"{}",))
            db.execute("INSERT INTO hold VALUES ('Images', 'x', '', 'y', 'anna', 1)")
    elif damage == "another file":
        file.write_bytes(b"this is not a database" * 100)
    else:
        data = file.read_bytes()
        file.write_bytes(data[:16] + b"\xff" * (len(data) - 16))
    with pytest.raises(ReviewError, match="damaged") as raised:
        Holds(journal)
    assert str(file) in raised.value.what
    assert "nothing was uploaded" in raised.value.meaning
    file.unlink()  # the remedy
    with Holds(journal) as holds:
        assert holds.all() == []


def test_a_full_disk_is_not_a_damaged_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = holds_module.own_database

    def full(*given: Any, **options: Any) -> Any:
        db = real(*given, **options)

        class Full:
            close = staticmethod(db.close)

            def executescript(self, _: str) -> None:
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_FULL, "SQLITE_FULL"
                raise db._named(error)

        return Full()

    monkeypatch.setattr(holds_module, "own_database", full)
    with pytest.raises(ComputerError) as raised:
        Holds(tmp_path / "journal.db")
    assert "damaged" not in str(raised.value)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such mode")
def test_only_this_user_reads_the_copy_and_an_exported_list(holds: Holds, tmp_path: Path) -> None:
    holds.add([ONE])
    holds.export(tmp_path / "holds.toml")
    for file in (holds.path, tmp_path / "holds.toml"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_exported_list_brings_a_colleague_the_same_holds(holds: Holds, tmp_path: Path) -> None:
    given = [Hold("Images", '1/Images/ä "b"\\ .dcm', "", "“why”, they ask", "anna", 10), TWO, PATIENT]
    holds.add([*given, ONE])
    holds.remove([target_of(ONE)])
    holds.export(tmp_path / "holds.toml")
    with Holds(tmp_path / "colleague.db") as other:
        assert other.import_(tmp_path / "holds.toml") == 3
        assert other.all() == given
        assert other.import_(tmp_path / "holds.toml") == 0, "they are known already"
        assert len(other.known().everything.records) == 3, "but does not add them again"


@pytest.mark.parametrize("text", ["", "[configuration]\n", "hold = 3\n", '[[hold]]\npath = "x"\n', "\0", None])
def test_what_is_no_exported_list_is_refused_and_adds_nothing(holds: Holds, tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "list.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UsageError, match="Could not read" if text is None else "not a list of held-back files"):
        holds.import_(file)
    assert holds.all() == []


def test_a_change_that_fails_leaves_the_list_as_it_was(holds: Holds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holds.add([ONE])

    def fail(self: HoldList) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(HoldList, "dump", fail)
        with pytest.raises(KeyboardInterrupt):
            holds.add([TWO])
    assert holds.all() == [ONE]
    with Holds(tmp_path / "journal.db") as other:  # and nobody waits for it
        other.add([PATIENT])
    assert holds.all() == [ONE, PATIENT]


@pytest.mark.parametrize(
    "change",
    [{"path": ""}, {"patient_id": "1"}, {"reason": " "}, {"modality": "Nope"}, {"at_us": 9 * 10**18}, {"at_us": -1}],
    ids=["nothing", "a file and a patient", "no reason", "no modality", "no moment", "before all"],
)
def test_a_list_with_a_hold_of_nothing_is_refused_whole(tmp_path: Path, change: dict[str, Any]) -> None:
    """“1 hold added” would be false: nothing would be held back."""
    hold = {"modality": "Images", "path": "1/Images/a.dcm", "patient_id": "", "reason": "consent", "held_by": "x", "at_us": 1}
    file = tmp_path / "holds.toml"
    with Holds(tmp_path / "journal.db") as holds:
        for found, works in ((hold, True), (hold | change, False)):
            file.write_text(tomli_w.dumps({"hold": [hold | {"path": "1/Images/b.dcm"}, found]}), "utf-8")
            if works:
                assert holds.import_(file) == 2
                continue
            before = holds.all()
            with pytest.raises(UsageError):
                holds.import_(file)
            assert holds.all() == before
