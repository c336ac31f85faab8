"""What the review decides: site × journal × mode → kind, the entry that counts, the pair, what the deletion guard counts.

Each case states a rule in words.  The journal is written with the program's own actions, and as other tools leave it where they do more.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from world import World

from chorus_gui.core.folders import user_name
from chorus_gui.core.model import Action, Change, ChangeKind, Entry, Mode
from chorus_gui.core.review.approval import deletions
from chorus_gui.core.review.changes import stream
from chorus_gui.core.review.hold_list import Target, target_of
from chorus_gui.core.review.holds import Holds, hold_back, hold_back_patient, release, released_patients
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Query

A = "1/Images/a.dcm"
B = "1/Images/b.dcm"
OTHER = "2/Images/a.dcm"
SENT = "20260101000000"


@dataclass(frozen=True)
class Row:
    """An entry of the journal: the content that was submitted under ``path`` with the time ``at`` (seconds)."""

    path: str = A
    content: str = "one"
    at: int = 100
    sent: bool = True
    closed: bool = False
    md5: Callable[[str], str] = str
    """What a tool made of the MD5 in hexadecimal digits"""
    blob: bool = True
    """Its copy is still in the store."""


@dataclass(frozen=True)
class File:
    """A file of the site."""

    path: str = A
    content: str = "one"
    at: int = 100


@dataclass(frozen=True)
class Case:
    """The journal's entries, oldest first, and the site's files → path: (kind, number of the entry that counts)."""

    rows: tuple[Row, ...]
    files: tuple[File, ...]
    found: dict[str, tuple[str, int | None]]
    mode: Mode = Mode.FULL
    pairs: set[frozenset[str]] = field(default_factory=set[frozenset[str]])


def pair(one: str, two: str) -> set[frozenset[str]]:
    return {frozenset((one, two))}


CASES: dict[str, Case] = {
    "a file with its entry's size and time is unchanged": Case((Row(),), (File(),), {}),
    "a file without an entry is added": Case((), (File(),), {A: ("added", None)}),
    "a file of another size is updated, whatever its time": Case((Row(),), (File(content="longer"),), {A: ("updated", 0)}),
    "equal size, other time, equal content: only its time changed": Case((Row(),), (File(at=200),), {A: ("moved", 0)}),
    "equal size, other time, other content: updated": Case((Row(),), (File(content="two", at=200),), {A: ("updated", 0)}),
    "an earlier time is another time": Case((Row(),), (File(at=50),), {A: ("moved", 0)}),
    "an MD5 in capital letters is the same MD5": Case((Row(md5=str.upper),), (File(at=200),), {A: ("moved", 0)}),
    "without an MD5 in the journal nothing proves that only the time changed": Case(
        (Row(md5=lambda _: ""),), (File(at=200),), {A: ("updated", 0)}
    ),
    "an entry without a file is deleted": Case((Row(), Row(B)), (File(B),), {A: ("deleted", 0)}),
    "in append mode an entry without a file is left alone": Case((Row(), Row(B)), (File(B),), {}, Mode.APPEND),
    "in append mode a changed file is still updated": Case((Row(), Row(B)), (File(B, "longer"),), {B: ("updated", 1)}, Mode.APPEND),
    "in append mode a pending entry whose file is gone is a question": Case(
        (Row(sent=False), Row(B)), (File(B),), {A: ("problem", 0)}, Mode.APPEND
    ),
    "of two open entries the newest counts": Case((Row(content="one"), Row(content="three")), (File(content="three"),), {}),
    "of two open entries the newest is the one that a changed file replaces": Case(
        (Row(content="one"), Row(content="three")), (File(content="five5", at=300),), {A: ("updated", 1)}
    ),
    "an older entry that was sent counts before a pending one of the same content": Case(
        (Row(), Row(sent=False)), (File(at=200),), {A: ("moved", 0)}
    ),
    "an older entry that was sent does not count if its content is another one": Case(
        (Row(content="two"), Row(content="one", sent=False)), (File(at=200),), {A: ("moved", 1)}
    ),
    "an older entry that was sent does not count if its time is another one": Case(
        (Row(at=50), Row(at=100, sent=False)), (File(at=200),), {A: ("moved", 1)}
    ),
    "of three entries the sent one of the newest's content counts": Case(
        (Row(content="two"), Row(), Row(sent=False)), (File(at=200),), {A: ("moved", 1)}
    ),
    "a file like a closed entry whose copy is in the store is restored": Case((Row(closed=True),), (File(),), {A: ("restored", 0)}),
    "of several closed entries the newest is restored": Case((Row(closed=True), Row(closed=True)), (File(),), {A: ("restored", 1)}),
    "a closed entry of another time restores nothing": Case((Row(closed=True),), (File(at=200),), {A: ("added", None)}),
    "a closed entry of another size restores nothing": Case((Row(closed=True, content="longer"),), (File(),), {A: ("added", None)}),
    "a closed entry that was never sent restores nothing": Case((Row(closed=True, sent=False),), (File(),), {A: ("added", None)}),
    "a closed entry without its copy restores nothing": Case((Row(closed=True, blob=False),), (File(),), {A: ("added", None)}),
    "a closed entry of another path restores nothing": Case((Row(B, closed=True),), (File(),), {A: ("added", None)}),
    "a deleted and an added file of equal size and time are one renamed file": Case(
        (Row(),), (File(B),), {A: ("deleted", 0), B: ("added", None)}, pairs=pair(A, B)
    ),
    "files of another time are no pair": Case((Row(),), (File(B, at=200),), {A: ("deleted", 0), B: ("added", None)}),
    "files of another size are no pair": Case((Row(),), (File(B, "longer"),), {A: ("deleted", 0), B: ("added", None)}),
    "empty files are no pair, because nothing tells them apart": Case(
        (Row(content=""),), (File(B, ""),), {A: ("deleted", 0), B: ("added", None)}
    ),
    "two that could be the old name are no pair": Case(
        (Row(), Row(OTHER)), (File(B),), {A: ("deleted", 0), OTHER: ("deleted", 1), B: ("added", None)}
    ),
    "two that could be the new name are no pair": Case(
        (Row(),), (File(B), File(OTHER)), {A: ("deleted", 0), B: ("added", None), OTHER: ("added", None)}
    ),
    "files of two modalities are no pair": Case(
        (Row(),), (File("1/Waveforms/a.dat"),), {A: ("deleted", 0), "1/Waveforms/a.dat": ("added", None)}
    ),
}


def written(world: World, rows: tuple[Row, ...]) -> list[int]:
    """Enter the rows, and put their copies into the store; their ids.

    Each is entered under a name of its own, and then renamed in the database: the program never leaves two open entries of one path.
    """
    ids: list[int] = []
    with world.open() as journal:
        for number, row in enumerate(rows):
            folder = row.path.rpartition("/")[0]
            size, digest = len(row.content), hashlib.md5(row.content.encode()).hexdigest()
            own, version = f"{folder}/entry-{number}", f"v{number}"
            journal.commit([Entry(Action.ENTER, "Images", own, row.path[0], size, row.at * 1_000_000, digest, version)])
            (key,) = [found.file_id for found in journal.rows(active=True) if found.path == own]
            ids.append(key)
            if row.sent:
                journal.commit([Entry(Action.UPLOADED, old_id=key, uploaded=SENT)])
                copy = world.central / version / row.path
                copy.parent.mkdir(parents=True, exist_ok=True)
                if row.blob:
                    copy.write_text(row.content)
            if row.closed:
                journal.commit([Entry(Action.CLOSE, old_id=key, state="DELETED")])
    with closing(sqlite3.connect(world.journal)) as db, db:
        for key, row in zip(ids, rows, strict=True):
            digest = row.md5(hashlib.md5(row.content.encode()).hexdigest())
            name = row.path.rpartition("/")[2]
            db.execute("UPDATE journal_v2 SET FILENAME = ?, MD5 = ? WHERE FILE_ID = ?", (name, digest, key))
    return ids


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("rule", CASES)
def test_the_review_decides(world: World, rule: str) -> None:
    case = CASES[rule]
    ids = written(world, case.rows)
    for file in case.files:
        world.put(file.path, file.content, mtime=file.at)
    listed = world.changes(mode=case.mode)
    changes = {change.path: change for change in listed}
    assert len(changes) == len(listed), "no path is listed twice"
    by_id = {change.id: change.path for change in changes.values()}

    def entry(change: Change) -> int | None:
        return ids.index(change.old.file_id) if change.old else None

    assert {path: (change.kind.value, entry(change)) for path, change in changes.items()} == case.found
    pairs = {frozenset((path, by_id[change.pair])) for path, change in changes.items() if change.pair is not None}
    assert pairs == case.pairs


def many(world: World, count: int, *, first: int = 0) -> None:
    for number in range(first, first + count):
        world.put(f"1/Images/{number:04}.dcm", f"{number:04}", mtime=1000 + number)


def guarded(world: World) -> dict[str, tuple[int, int]]:
    """What the guard against mass deletions would ask about."""
    path = world.review().path
    with world.open() as journal, Staging.open(path) as staging:
        return deletions(staging, journal.counts())


@pytest.mark.parametrize(
    ("there", "gone", "asks"),
    [(102, 101, True), (101, 100, False), (505, 101, False), (504, 101, True), (1000, 100, False), (1000, 200, False), (1000, 201, True)],
)
def test_the_guard_asks_about_more_than_100_deletions_that_are_more_than_a_fifth(tmp_path: Path, there: int, gone: int, asks: bool) -> None:
    world = World(tmp_path, page_size=1000)
    many(world, there - 1)
    world.put("2/Images/stays.dcm", "stays")
    world.run("record")
    for number in range(gone):
        (world.site / f"1/Images/{number:04}.dcm").unlink()
    assert guarded(world) == ({"Images": (gone, there)} if asks else {})


def test_the_guard_does_not_count_renamed_files(tmp_path: Path) -> None:
    world = World(tmp_path, page_size=1000)
    many(world, 150)
    world.run("record")
    (world.site / "1/Images").rename(world.site / "1/before")
    (world.site / "1/Images").mkdir()
    (world.site / "1/before").rename(world.site / "1/Images/series")
    assert guarded(world) == {}
    (world.site / "1/Images/series/0000.dcm").unlink()
    assert guarded(world) == {}


def test_the_guard_counts_files_that_became_those_of_another_patient(tmp_path: Path) -> None:
    world = World(tmp_path, page_size=1000)
    many(world, 150)
    world.run("record")
    (world.site / "1").rename(world.site / "0001")
    assert guarded(world) == {}, "the same patient"
    (world.site / "0001").rename(world.site / "2")
    assert guarded(world) == {"Images": (150, 150)}


def test_the_guard_does_not_count_what_is_held_back(tmp_path: Path) -> None:
    world = World(tmp_path, page_size=1000)
    many(world, 150)
    world.put("2/Images/stays.dcm", "stays")
    world.run("record")
    for number in range(101):
        (world.site / f"1/Images/{number:04}.dcm").unlink()
    path = world.review().path
    with world.open() as journal, Staging.open(path) as staging, Holds(world.journal) as holds:
        assert deletions(staging, journal.counts()) == {"Images": (101, 151)}
        (first, *_) = stream(staging, Query(kinds=(ChangeKind.DELETED,)))
        hold_back(staging, holds, [first.id], "why")
        assert deletions(staging, journal.counts()) == {}


@pytest.mark.parametrize("patient", ["1", "2"])
def test_a_patient_who_is_held_back_holds_the_other_half_of_a_rename(world: World, patient: str) -> None:
    """The file went from patient 1 to patient 2: without its other half, one of them would have it twice or not at all."""
    written(world, (Row(),))
    world.put(OTHER, "one", mtime=100)
    path = world.review().path
    with Staging.open(path) as staging, Holds(world.journal) as holds:
        hold_back_patient(staging, holds, patient, "consent withdrawn")
        assert {change.path for change in stream(staging, Query(excluded=True))} == {A, OTHER}


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(("folder", "more"), [("2", True), ("0001", False)], ids=["another ID", "leading zeros"])
def test_a_patient_who_is_held_back_is_also_held_back_under_a_new_name(world: World, folder: str, more: bool, mode: Mode) -> None:
    """The folder of the patient was renamed and has a new file: the file belongs to the patient who is held back."""
    written(world, (Row(), Row(B, "two", at=200)))
    world.put(f"{folder}/Images/a.dcm", "one", mtime=100)
    world.put(f"{folder}/Images/b.dcm", "two", mtime=200)
    world.put(f"{folder}/Images/new.dcm", "three", mtime=300)
    world.put(f"{folder}/Waveforms/new.dat", "four", mtime=300)
    world.put("3/Images/x.dcm", "five", mtime=300)
    path = world.review(mode=mode).path
    with Staging.open(path) as staging, Holds(world.journal) as holds:
        hold_back_patient(staging, holds, "1", "consent withdrawn")
        free = [change.path for change in stream(staging, Query(excluded=False))]
        assert free == ["3/Images/x.dcm"]
        (new,) = [change for change in stream(staging, Query(excluded=True)) if change.path == f"{folder}/Images/new.dcm"]
        assert new.reason == "consent withdrawn"
        assert released_patients(staging, holds, [new.id]) == ["1"], "its release says whom it releases"
        release(staging, holds, [new.id])
        assert not list(stream(staging, Query(excluded=True)))
        hold_back_patient(staging, holds, folder, "consent withdrawn")
        assert {change.path for change in stream(staging, Query(excluded=False))} == {"3/Images/x.dcm"}
        assert {target_of(hold).patient_id for hold in holds.all()} == {folder}
        assert holds.remove([Target(patient_id=folder if more else "1")]) == 1, "whichever way the ID is written"


def test_a_patient_whom_the_journal_has_is_not_held_back_with_a_file_that_came_from_another(world: World) -> None:
    """One image was in the wrong folder: this patient has a name, and files, of their own."""
    written(world, (Row(), Row("2/Images/z.dcm", "two", at=200)))
    world.put(OTHER, "one", mtime=100)
    world.put("2/Images/z.dcm", "two", mtime=200)
    world.put("2/Images/new.dcm", "three", mtime=300)
    path = world.review().path
    with Staging.open(path) as staging, Holds(world.journal) as holds:
        hold_back_patient(staging, holds, "1", "consent withdrawn")
        assert [change.path for change in stream(staging, Query(excluded=False))] == ["2/Images/new.dcm"]


@pytest.mark.parametrize("patient", [False, True])
def test_a_hold_says_who_made_it_when_and_why(world: World, patient: bool) -> None:
    """Colleagues see it; the reason has no spaces around it."""
    world.put(A, "one", mtime=100)
    path = world.review().path
    with Staging.open(path) as staging, Holds(world.journal) as holds:
        (change,) = stream(staging, Query())
        before = time.time_ns() // 1000
        if patient:
            hold_back_patient(staging, holds, "1", "  consent withdrawn ")
        else:
            hold_back(staging, holds, [change.id], "  consent withdrawn ")
        ((reason, by, at),) = staging.db.execute("SELECT reason, held_by, held_us FROM change WHERE excluded").fetchall()
    assert (reason, by) == ("consent withdrawn", user_name())
    assert before <= at <= time.time_ns() // 1000


def test_a_folder_that_cannot_be_read_spares_its_own_files_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """“1” spares neither “10/…” nor “11/…”."""
    written(world, (Row(), Row("10/Images/a.dcm", "ten"), Row("11/Images/a.dcm", "eleven"), Row(OTHER, "two")))
    world.put(OTHER, "two", mtime=100)
    (world.site / "1/Images").mkdir(parents=True)
    real = os.scandir

    def scandir(path: str) -> object:
        if os.fspath(path).endswith(os.path.join("site", "1")):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr("os.scandir", scandir)
    kinds = world.kinds()
    assert kinds == {"1": "problem", "10/Images/a.dcm": "deleted", "11/Images/a.dcm": "deleted"}


@pytest.mark.skipif(os.name == "nt", reason="a link needs a right of its own")
def test_a_file_that_cannot_be_read_is_not_deleted(world: World) -> None:
    """It is a problem itself: its entry stays."""
    written(world, (Row(), Row(B)))
    world.put(B, "one", mtime=100)
    (world.site / A).parent.mkdir(parents=True, exist_ok=True)
    (world.site / A).symlink_to(world.site / "nowhere")
    assert [(change.path, change.kind.value) for change in world.changes()] == [(A, "problem")]


def test_an_entry_whose_file_another_modality_takes_by_now_is_not_deleted(tmp_path: Path) -> None:
    """Two patterns match the file: the first modality takes it, and the entry of the second stays."""
    world = World(tmp_path, more='[site_path.Waveforms]\npattern = "{patient_id:w}/Images/a{filepath}"\n')
    with world.open() as journal:
        for path in (A, B):
            journal.commit([Entry(Action.ENTER, "Waveforms", path, "1", 3, 100_000_000, hashlib.md5(b"one").hexdigest(), "v0")])
    world.put(A, "one", mtime=100)
    found = sorted((change.modality, change.path, change.kind.value) for change in world.changes())
    assert found == [("Images", A, "added"), ("Waveforms", A, "problem"), ("Waveforms", B, "deleted")]
