"""What a query of the review finds, and in which order; what is asked of pending files; what a review's counts are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chorus_gui.core.model import Change, ChangeKind, DiffSummary, Row, Tally
from chorus_gui.core.review import pending
from chorus_gui.core.review.changes import (
    by_ids,
    held,
    lost_patients,
    patients,
    prepare,
    select_ids,
    stream,
    summary,
    summed,
    to_do,
    to_do_by_modality,
)
from chorus_gui.core.review.diff import recount
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Hold, PatientChanges, Pending, PendingFile, PendingQuery, Query

ADDED, UPDATED, MOVED, RESTORED, DELETED, PROBLEM = (
    ChangeKind.ADDED,
    ChangeKind.UPDATED,
    ChangeKind.MOVED,
    ChangeKind.RESTORED,
    ChangeKind.DELETED,
    ChangeKind.PROBLEM,
)
COLUMNS = (
    "kind",
    "modality",
    "path",
    "patient_id",
    "old_patient_id",
    "size",
    "old_size",
    "mtime_us",
    "old_mtime_us",
    "pair",
    "note",
    "excluded",
    "done",
)
LITTER = "Possibly not data: a thumbnail."
# fmt: off
CHANGES: dict[int, tuple[Any, ...]] = {
    1: ("added", "Images", "2/Images/b.dcm", "2", None, 30, None, 300, None, None, "", 0, 0),
    2: ("added", "Images", "1/Images/Thumbs.db", "1", None, 5, None, 100, None, None, LITTER, 0, 0),
    3: ("updated", "Waveforms", "1/Waveforms/50%_a.dat", "1", "1", 20, 10, 200, 150, None, "", 1, 0),
    4: ("deleted", "Images", "3/Images/old.dcm", None, "3", None, 70, None, 50, 5, "", 0, 0),
    5: ("added", "Images", "2/Images/new.dcm", "2", None, 70, None, 50, None, 4, "", 0, 0),
    6: ("deleted", "OMOP", "OMOP/person.csv", None, None, None, 40, None, 60, None, "", 0, 1),
    7: ("moved", "Waveforms", "1/Waveforms/A.dat", "1", "1", 10, 10, 400, 60, None, "", 0, 0),
    8: ("problem", "", "3/Images", None, None, None, None, None, None, None, LITTER, 0, 0),
    9: ("restored", "Images", "1/Images/c\\d.dcm", "1", "1", 15, 15, 70, 70, None, "", 0, 1),
    10: ("updated", "Waveforms", "1/Waveforms/50xxa.tmp", "1", "1", 2, 3, 500, 150, None, LITTER, 1, 0),
}
# fmt: on


@pytest.fixture(params=["as scanned", "for a person"])
def staging(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Staging]:
    with Staging.create(tmp_path / "review.db") as staging:
        names = ", ".join(("id", *COLUMNS))
        staging.db.executemany(
            f"INSERT INTO change ({names}) VALUES ({', '.join('?' * (1 + len(COLUMNS)))})", ((key, *row) for key, row in CHANGES.items())
        )
        staging.db.execute("UPDATE change SET old_id = 100 + id WHERE kind NOT IN ('added', 'problem')")
        staging.db.execute("COMMIT")
        if request.param == "for a person":
            prepare(staging)
        yield staging


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param(Query(), {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, id="everything"),
        pytest.param(Query(kinds=(ADDED,)), {1, 2, 5}, id="one kind, halves of renamed files included"),
        pytest.param(Query(kinds=(ADDED, DELETED)), {1, 2, 4, 5, 6}, id="several kinds"),
        pytest.param(Query(kinds=(ADDED, DELETED), once=True), {1, 2, 6}, id="each change once: renamed files are neither new nor deleted"),
        pytest.param(Query(renamed=True), {4, 5}, id="renamed files alone"),
        pytest.param(Query(kinds=(UPDATED,), renamed=True), {3, 4, 5, 10}, id="renamed files beside a kind"),
        pytest.param(Query(kinds=(ADDED,), renamed=True, once=True), {1, 2, 4, 5}, id="renamed files beside a kind, each once"),
        pytest.param(Query(litter=True), {2, 10}, id="what is probably not data, of the files to upload"),
        pytest.param(Query(kinds=(MOVED,), litter=True), {2, 7, 10}, id="beside a kind"),
        pytest.param(Query(kinds=(MOVED,), litter=True, renamed=True), {2, 4, 5, 7, 10}, id="all three"),
        pytest.param(Query(modalities=("Waveforms",)), {3, 7, 10}, id="one modality"),
        pytest.param(Query(modalities=("OMOP", "")), {6, 8}, id="of a modality, and of none"),
        pytest.param(Query(kinds=(ADDED,), modalities=("Waveforms",)), set(), id="every condition counts"),
        pytest.param(Query(search="images/"), {1, 2, 4, 5, 9}, id="a part of the path, case ignored"),
        pytest.param(Query(search="50%_a"), {3}, id="a per cent sign and an underscore are themselves"),
        pytest.param(Query(search="c\\d"), {9}, id="a backslash is itself"),
        pytest.param(Query(search="tmp", renamed=True), set(), id="a search within a kind"),
        pytest.param(Query(patient="3"), {4}, id="a patient whom only the entry names"),
        pytest.param(Query(patient="1"), {2, 3, 7, 9, 10}, id="a patient"),
        pytest.param(Query(patient=""), set(), id="no patient has this ID"),
        pytest.param(Query(excluded=True), {3, 10}, id="held back"),
        pytest.param(Query(excluded=False), {1, 2, 4, 5, 6, 7, 8, 9}, id="not held back"),
        pytest.param(Query(done=True), {6, 9}, id="carried out"),
        pytest.param(Query(done=False), {1, 2, 3, 4, 5, 7, 8, 10}, id="not carried out"),
        pytest.param(Query(excluded=False, done=False, kinds=(UPDATED, DELETED)), {4}, id="left to do"),
    ],
)
@pytest.mark.parametrize("by_patient", [False, True])
def test_what_a_query_finds(staging: Staging, query: Query, found: set[int], by_patient: bool) -> None:
    query = replace(query, by_patient=by_patient)
    ids = list(select_ids(staging, query))
    assert len(ids) == len(found)
    assert set(ids) == found
    assert [change.id for change in stream(staging, query)] == ids


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        ("id", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("kind", [2, 1, 5, 4, 6, 7, 8, 9, 3, 10]),
        ("modality", [8, 1, 2, 4, 5, 9, 6, 3, 7, 10]),
        ("path", [2, 9, 3, 10, 7, 1, 5, 8, 4, 6]),
        ("patient", [6, 8, 2, 3, 7, 9, 10, 1, 5, 4]),
        ("size", [8, 10, 2, 7, 9, 3, 1, 6, 4, 5]),
        ("mtime", [8, 4, 5, 6, 9, 2, 3, 1, 7, 10]),
    ],
)
def test_the_order_of_what_is_found(staging: Staging, order: str, ids: list[int]) -> None:
    """A deleted file has the size and the time of its entry; where two are equal, the first of the walk is first."""
    assert list(select_ids(staging, Query(order=order))) == ids
    assert list(select_ids(staging, Query(order=order, descending=True))) == ids[::-1], "the other way round, equal ones too"
    assert list(select_ids(staging, Query(order=order, limit=3))) == ids[:3]
    assert [change.id for change in stream(staging, Query(order=order, limit=3))] == ids[:3]


@pytest.mark.parametrize(
    ("order", "descending", "whose"),
    [
        ("id", False, [None, "1", "2", "3"]),
        ("path", True, [None, "1", "2", "3"]),
        ("patient", False, [None, "1", "2", "3"]),
        ("patient", True, ["3", "2", "1", None]),
        ("size", False, [None, "1", "3", "2"]),
        ("size", True, ["2", "3", "1", None]),
    ],
)
def test_the_order_of_the_patients(staging: Staging, order: str, descending: bool, whose: list[str | None]) -> None:
    """By size, what all of a patient's files add up to decides."""
    query = Query(order=order, descending=descending, by_patient=True)
    assert [found.patient for found in patients(staging, query)] == whose
    by_id = {change.id: change for change in stream(staging, Query())}

    def patient(key: int) -> str | None:
        change = by_id[key]
        return change.patient_id or (change.old.patient_id if change.old else None)

    order_of_changes = list(dict.fromkeys(patient(key) for key in select_ids(staging, query)))
    assert order_of_changes == whose


def test_what_there_is_of_each_patient(staging: Staging) -> None:
    """A problem of the site cannot be held back; what is held back cannot be held back again."""
    assert patients(staging, Query(order="patient")) == [
        PatientChanges(None, 2, Tally(2, 40), 1, 0),
        PatientChanges("1", 5, Tally(5, 52), 3, 2),
        PatientChanges("2", 2, Tally(2, 100), 2, 0),
        PatientChanges("3", 1, Tally(1, 70), 1, 0),
    ]
    assert patients(staging, Query(excluded=True)) == [PatientChanges("1", 2, Tally(2, 22), 0, 2)]


def test_changes_come_in_the_order_in_which_their_ids_are_named(staging: Staging) -> None:
    assert [change.id for change in by_ids(staging, [7, 99, 1, 4])] == [7, 1, 4]
    assert by_ids(staging, []) == []


def test_more_changes_than_a_page_are_all_read(tmp_path: Path) -> None:
    with Staging.create(tmp_path / "many.db") as staging:
        staging.db.executemany(
            "INSERT INTO change (kind, modality, path, size) VALUES ('added', 'Images', ?, ?)", ((f"{n:05}", n) for n in range(2049))
        )
        staging.db.execute("COMMIT")
        for query in (Query(order="id"), Query(order="size"), Query(order="id", descending=True)):
            found = [change.size for change in stream(staging, query)]
            assert found == (list(range(2048, -1, -1)) if query.descending else list(range(2049)))
        assert [change.size for change in stream(staging, Query(order="id", limit=2))] == [0, 1]
        assert [change.size for change in stream(staging, Query(order="id", search="0204"))] == [204, *range(2040, 2049)]


def test_the_ids_of_many_changes_are_all_there(tmp_path: Path) -> None:
    """They come as one text, which is read in pieces."""
    with Staging.create(tmp_path / "many.db") as staging:
        staging.db.executemany(
            "INSERT INTO change (kind, modality, path) VALUES ('added', 'Images', ?)", ((str(n),) for n in range(45_000))
        )
        assert list(select_ids(staging, Query(order="id"))) == list(range(1, 45_001))


def test_what_an_approval_would_record_now(staging: Staging) -> None:
    """Neither what is held back, nor what was carried out, nor what nobody can carry out."""
    assert to_do_by_modality(staging) == {
        "Images": {ADDED: Tally(3, 105), DELETED: Tally(1, 70)},
        "Waveforms": {MOVED: Tally(1, 10)},
    }
    assert to_do(staging) == {ADDED: Tally(3, 105), DELETED: Tally(1, 70), MOVED: Tally(1, 10)}
    assert summed({"Images": {ADDED: Tally(1, 2)}, "OMOP": {ADDED: Tally(3, 4), MOVED: Tally(5, 6)}}) == {
        ADDED: Tally(4, 6),
        MOVED: Tally(5, 6),
    }


def test_what_is_held_back_is_listed_with_its_reason(staging: Staging) -> None:
    """Pending files too, but for what this submission recorded itself and what was sent; each once."""
    why = "excluded, reason, held_by, held_us"
    staging.db.execute("UPDATE change SET reason = 'later', held_by = 'anna', held_us = id WHERE excluded")
    staging.db.executemany(
        f"INSERT INTO pending (own, modality, path, version, done, {why}) VALUES (?, ?, ?, ?, ?, ?, 'why', 'bernd', 7)",
        [
            (0, "OMOP", "0 first", "v1", 0, 1),
            (0, "Images", "0 first", "v1", 0, 1),
            (0, "Images", "0 first", "v2", 0, 1),
            (0, "Images", "not held back", "v1", 0, 0),
            (1, "Images", "own", "v1", 0, 1),
            (0, "Images", "sent", "v1", 1, 1),
        ],
    )
    listed = [
        Hold("Images", "0 first", "", "why", "bernd", 7),
        Hold("OMOP", "0 first", "", "why", "bernd", 7),
        Hold("Waveforms", "1/Waveforms/50%_a.dat", "", "later", "anna", 3),
        Hold("Waveforms", "1/Waveforms/50xxa.tmp", "", "later", "anna", 10),
    ]
    assert held(staging) == listed
    assert held(staging, 3) == listed[:3]
    assert held(staging, 0) == []


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ("", ["3", "7"]),
        ("UPDATE change SET excluded = 1 WHERE path LIKE '7/%'", ["3"]),
        ("UPDATE change SET done = 1 WHERE path LIKE '7/%'", ["3"]),
        ("UPDATE change SET pair = 1 WHERE path LIKE '7/%'", ["3"]),
    ],
)
def test_a_patient_is_lost_if_an_approval_marks_the_last_files_as_deleted(staging: Staging, change: str, lost: list[str]) -> None:
    """Not if they are held back, renamed, or were marked already; 5 still has files."""
    staging.put("lost_patients", ["7", "3", "9"])
    staging.db.execute("UPDATE change SET pair = NULL WHERE id = 4")
    staging.db.executemany(
        "INSERT INTO change (kind, modality, path, patient_id) VALUES ('deleted', 'Images', ?, ?)", [("7/a", "7"), ("5/a", "5")]
    )
    if change:
        staging.db.execute(change)
    assert lost_patients(staging) == lost


@pytest.mark.parametrize(
    ("facts", "notes"),
    [
        ({}, []),
        ({"left_out": [2, 0, ["*.tmp"]]}, ["Left out by “exclude” in the configuration (*.tmp): 2 files."]),
        ({"left_out": [1, 1, ["*.tmp", "old"]]}, ["Left out by “exclude” in the configuration (*.tmp, old): 1 file and 1 folder."]),
        ({"left_out": [0, 2, ["old"]]}, ["Left out by “exclude” in the configuration (old): 0 files and 2 folders."]),
        ({"left_out": [0, 0, []]}, []),
        ({"vanished": 1}, ["1 file of the journal is no longer on the site. Append mode ignores it."]),
        ({"vanished": 1200}, ["1,200 files of the journal are no longer on the site. Append mode ignores them."]),
        ({"spared": 1}, ["1 file of the journal is in folders that could not be read, and not marked as deleted."]),
        ({"spared": 2}, ["2 files of the journal are in folders that could not be read, and not marked as deleted."]),
        (
            {"outgrown": 1},
            [
                "1 file of the journal is on the site, but no longer matches any pattern. It is not marked as deleted. Correct the pattern, or mark it as deleted."
            ],
        ),
        (
            {"outgrown": 2},
            [
                "2 files of the journal are on the site, but no longer match any pattern. They are not marked as deleted. Correct the pattern, or mark them as deleted."
            ],
        ),
        ({"strays": [4]}, ["1 file has two entries in the journal. The next submission removes the older one."]),
        ({"strays": [4, 5]}, ["2 files have two entries in the journal. The next submission removes the older ones."]),
    ],
)
def test_what_a_review_left_aside_is_said(tmp_path: Path, facts: dict[str, Any], notes: list[str]) -> None:
    with Staging.create(tmp_path / "review.db") as staging:
        for key, value in facts.items():
            staging.put(key, value)
        found = summary(staging)
    assert len(found.notes) == len(notes)
    for said, note in zip(found.notes, notes, strict=True):
        assert said.startswith(note)
    assert found.left_out == (notes[0] if "left_out" in facts and notes else "")
    assert found.vanished == facts.get("vanished", 0)


def test_a_summary_counts_what_is_not_held_back(staging: Staging) -> None:
    recount(staging)
    staging.db.execute("INSERT INTO tally VALUES ('Images', 'unchanged', 4, 400)")
    staging.put("outside", [123, 2])
    found = summary(staging)
    assert found.by_modality == {
        "": {PROBLEM: Tally(1, 0)},
        "Images": {ADDED: Tally(3, 105), DELETED: Tally(1, 70), RESTORED: Tally(1, 15), ChangeKind.UNCHANGED: Tally(4, 400)},
        "OMOP": {DELETED: Tally(1, 40)},
        "Waveforms": {MOVED: Tally(1, 10), UPDATED: Tally(0, 0)},
    }
    assert (found.renamed, found.halves) == (1, {"Images": {ADDED: Tally(1, 70), DELETED: Tally(1, 70)}})
    assert (found.excluded, found.excluded_bytes) == (2, 22)
    assert found.litter == Tally(1, 5), "what is held back is not counted"
    assert (found.newest_unmatched_us, found.unmatched_unmeasured) == (123, 2)
    assert [note[:10] for note in found.notes] == ["1 file to "]
    assert (found.once(ADDED), found.once(DELETED)) == (Tally(2, 35), Tally(1, 40))


def test_a_review_of_nothing_counts_nothing(tmp_path: Path) -> None:
    with Staging.create(tmp_path / "review.db") as staging:
        assert summary(staging) == DiffSummary()


# --- pending files ---------------------------------------------------------------------------------------------------------

# fmt: off
WAITING: dict[int, tuple[Any, ...]] = {
    # own, modality, path, version, size, file_id, recorded_us, excluded, done
    1: (0, "Images", "b", "v2", 30, 11, 300, 0, 0),
    2: (0, "Images", "a_", "v1", 20, 12, 400, 0, 0),
    3: (0, "OMOP", "ab", "v1", 10, 13, 100, 0, 0),
    4: (0, "Images", "ab", "v1", 10, 14, 200, 0, 0),
    5: (0, "Waveforms", "c", "v1", 5, 15, 500, 0, 0),
    6: (0, "Images", "held back", "v1", 1, 16, 1, 1, 0),
    7: (0, "Images", "sent", "v1", 1, 17, 1, 0, 1),
    8: (1, "Images", "own", "v1", 1, 0, 1, 0, 0),
    9: (0, "Images", "replaced", "v1", 1, 19, 1, 0, 0),
    10: (0, "Images", "deleted", "v1", 1, 20, 1, 0, 0),
    11: (0, "Images", "held, so not replaced", "v1", 1, 21, 1, 0, 0),
    12: (0, "Images", "another time", "v3", 0, 22, 1, 0, 0),
}
# fmt: on
OFFERED = {1, 2, 3, 4, 11, 12}


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[Staging]:
    """Images and OMOP were scanned."""
    with Staging.create(tmp_path / "review.db") as staging:
        names = "id, own, modality, path, version, size, file_id, recorded_us, excluded, done"
        staging.db.executemany(
            f"INSERT INTO pending ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", ((k, *row) for k, row in WAITING.items())
        )
        staging.db.executemany(
            "INSERT INTO change (kind, modality, path, old_id, excluded) VALUES (?, 'Images', ?, ?, ?)",
            [
                ("updated", "replaced", 19, 0),
                ("deleted", "deleted", 20, 0),
                ("deleted", "held, so not replaced", 21, 1),
                ("moved", "another time", 22, 0),
                ("added", "new", None, 0),
            ],
        )
        staging.db.execute("COMMIT")
        staging.put("modalities", ["Images", "OMOP"])
        yield staging


def chosen(staging: Staging) -> set[int]:
    return {key for (key,) in staging.db.execute("SELECT id FROM pending WHERE chosen")}


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        (PendingQuery(), [2, 4, 3, 12, 1, 11]),
        (PendingQuery(descending=True), [11, 1, 12, 3, 4, 2]),
        (PendingQuery(order="size"), [12, 11, 4, 3, 2, 1]),
        (PendingQuery(order="size", descending=True), [1, 2, 3, 4, 11, 12]),
        (PendingQuery(order="version"), [2, 4, 3, 11, 1, 12]),
        (PendingQuery(order="modality"), [2, 4, 12, 1, 11, 3]),
        (PendingQuery(order="recorded"), [12, 11, 3, 4, 1, 2]),
        (PendingQuery(search="A"), [2, 4, 3, 12, 11]),
        (PendingQuery(search="a_"), [2]),
        (PendingQuery(search="nowhere"), []),
    ],
)
def test_which_pending_files_are_offered_and_in_which_order(waiting: Staging, query: PendingQuery, ids: list[int]) -> None:
    """Not what is held back, was sent, is replaced or deleted by this review, or belongs to a modality that was not scanned."""
    assert list(pending.select_ids(waiting, query)) == ids


def test_how_many_pending_files_are_offered(waiting: Staging) -> None:
    images = {"v1": Tally(3, 31), "v2": Tally(1, 30), "v3": Tally(1, 0)}
    assert pending.offered(waiting).by_version == {
        "v1": {"Images": images["v1"], "OMOP": Tally(1, 10)},
        "v2": {"Images": images["v2"]},
        "v3": {"Images": images["v3"]},
    }
    assert pending.pending(waiting).by_version["v1"] == {"Images": images["v1"], "OMOP": Tally(1, 10), "Waveforms": Tally(1, 5)}


@pytest.mark.parametrize(
    ("include", "version", "found"), [(True, None, OFFERED), (True, "v1", {2, 3, 4, 11}), (True, "v9", set()), (False, None, set())]
)
def test_what_an_approval_uploads_of_the_pending_files(waiting: Staging, include: bool, version: str | None, found: set[int]) -> None:
    pending.choose(waiting, include=True, version="v2")  # an earlier choice is forgotten
    pending.choose(waiting, include=include, version=version)
    assert chosen(waiting) == found
    assert (pending.digest(waiting) == "") is (not found)


def test_a_choice_has_a_name_of_its_own(waiting: Staging) -> None:
    names = [""]
    for version in ("v1", "v2", "v3"):
        pending.choose(waiting, include=True, version=version)
        names.append(pending.digest(waiting))
    pending.choose(waiting, include=True)
    names.append(pending.digest(waiting))
    assert len(set(names)) == 5
    before = pending.digest(waiting)
    pending.enter(waiting, [(change("recorded by this submission", 3), "v4")])
    assert pending.digest(waiting) == before, "what a submission records itself is not part of the choice"
    waiting.db.execute("UPDATE pending SET size = 31 WHERE id = 1")
    assert pending.digest(waiting) != before, "another size is another file"


def test_what_was_chosen_and_is_left_to_send(waiting: Staging) -> None:
    pending.choose(waiting, include=True)
    assert pending.to_send(waiting, lambda path: False) == {"Images": Tally(5, 61), "OMOP": Tally(1, 10)}
    assert pending.to_send(waiting, lambda path: path in ("b", "another time")) == {"Images": Tally(3, 31), "OMOP": Tally(1, 10)}
    waiting.db.execute("UPDATE pending SET done = 1 WHERE id = 1")
    waiting.db.execute("UPDATE pending SET excluded = 1 WHERE id = 2")
    waiting.db.execute("UPDATE pending SET size = NULL WHERE id = 3")
    assert pending.to_send(waiting, lambda path: False) == {"Images": Tally(3, 11), "OMOP": Tally(1, 0)}


def row(key: int, **other: Any) -> Row:
    """The journal's entry of a pending file, with other values."""
    _, modality, path, version, size, file_id, *_ = WAITING[key]
    return replace(Row(file_id, modality, path, None, size, 0, None, 0, None, None, version), **other)


def change(path: str, size: int) -> Change:
    return Change(99, UPDATED, "Images", path, None, size, 0, None, None, None)


@pytest.mark.parametrize(
    ("other", "is_one"),
    [
        ({}, True),
        ({"file_id": 99}, True),
        ({"size": 31}, False),
        ({"path": "c"}, False),
        ({"modality": "OMOP"}, False),
        ({"version": "v1"}, False),
    ],
)
def test_a_pending_entry_is_the_chosen_one_if_its_place_and_size_are(waiting: Staging, other: dict[str, Any], is_one: bool) -> None:
    """An entry that was repeated because its time changed has another id."""
    assert not pending.is_chosen(waiting, row(1))
    pending.choose(waiting, include=True)
    assert pending.is_chosen(waiting, row(1, **other)) is is_one
    pending.sent(waiting, [row(1)])
    assert not pending.is_chosen(waiting, row(1))
    assert pending.is_chosen(waiting, row(2)), "the others wait"


def test_what_a_submission_records_on_its_way_is_chosen(waiting: Staging) -> None:
    pending.enter(waiting, [(change("b", 30), "v9")])
    assert pending.is_chosen(waiting, row(1, version="v9"))
    assert not pending.is_chosen(waiting, row(1))
    pending.sent(waiting, [row(1, version="v9")])
    assert not pending.is_chosen(waiting, row(1, version="v9"))


def test_pending_files_come_in_the_order_in_which_they_are_named(waiting: Staging) -> None:
    """A size below zero, which only another tool can have written, is shown as none."""
    waiting.db.execute("UPDATE pending SET size = -1 WHERE id = 12")
    assert pending.by_ids(waiting, [12, 77, 1]) == [
        PendingFile("Images", "another time", "v3", 0, 1),
        PendingFile("Images", "b", "v2", 30, 300),
    ]


PARTS = Pending((("v1", "Images", Tally(1, 10)), ("v1", "OMOP", Tally(2, 20)), ("v2", "Images", Tally(4, 40))))


def test_the_sums_of_pending_files() -> None:
    assert PARTS.total == Tally(7, 70)
    assert Pending().total == Tally()
    assert PARTS.by_version == {"v1": {"Images": Tally(1, 10), "OMOP": Tally(2, 20)}, "v2": {"Images": Tally(4, 40)}}
    assert PARTS.of("v1").total == Tally(3, 30)
    assert PARTS.of("v3").total == Tally()
    assert PARTS.of(None) == PARTS
    assert PARTS.within(["Images"]).total == Tally(5, 50)
    assert PARTS.within([]).total == Tally()
