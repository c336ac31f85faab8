"""What a review shows while it is made, and what it remembers of its making: a submission compares it with what is there later."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from world import World

from chorus_gui.core.config.load import load
from chorus_gui.core.job import JobContext, Progress
from chorus_gui.core.model import ChangeKind, Mode, Tally
from chorus_gui.core.review import pending
from chorus_gui.core.review.changes import stream, summary
from chorus_gui.core.review.diff import scanned_as
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Query
from chorus_gui.core.submission.review_site import review_site

A, B, C = "1/Images/a.dcm", "1/Images/b.dcm", "2/Waveforms/c.dat"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    for path in (A, B, C):
        world.put(path, path, mtime=1000)
    world.run("record", version="v1")
    return world


class Told(Progress):
    """Keeps what a person would see one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[object] = []

    def begin(self, phase: str, totals: object = None) -> None:
        self.told.append((phase, totals))
        super().begin(phase, totals)  # type: ignore[arg-type]

    def note(self, text: str) -> None:
        self.told.append(text)
        super().note(text)


def test_a_person_sees_that_it_reads_the_journal_compares_and_hashes(world: World) -> None:
    os.utime(world.site / A, (2000, 2000))
    os.utime(world.site / C, (2000, 2000))
    ctx = JobContext()
    ctx.progress = told = Told()
    with world.working(ctx=ctx) as work:
        review_site(work)
    shown = told.told
    compare = shown.index(("compare", None))
    reading, comparing = shown.index("reading the journal"), shown.index("comparing")
    hashing = shown.index(("hash", {"Images": Tally(1, len(A)), "Waveforms": Tally(1, len(C))}))
    assert compare < reading < comparing < hashing
    done = told.snapshot().by_modality
    assert {modality: (count.files, count.bytes) for modality, count in done.items()} == {"Images": (1, len(A)), "Waveforms": (1, len(C))}


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.APPEND])
def test_a_finished_review_says_what_it_was_made_of(mode: Mode, world: World) -> None:
    before = time.time_ns() // 1000
    path = world.review(mode=mode, modalities=["Waveforms", "Images"]).path
    with world.open() as journal, Staging.open(path) as staging:
        assert sorted(staging.get("modalities")) == ["Images", "Waveforms"]
        assert staging.get("mode") == mode.value
        assert staging.get("config") == scanned_as(world.config)
        assert staging.get("journal") == str(journal.path)
        assert staging.get("fingerprint") == journal.fingerprint()
        assert before <= staging.get("scanned_us") <= time.time_ns() // 1000
        tables = {name for (name,) in staging.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert "site" not in tables, "the files that are unchanged are not kept"
        assert not staging.db.in_transaction


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("page_size = 100", "page_size = 50", True),
        ('[journal.local]\npath = "journal.db"', '[journal.local]\npath = "other.db"', True),
        ("/central", "/elsewhere", False),
        ("/site", "/moved", False),
        ('"OMOP,Images,Waveforms"', '"OMOP,Images"', False),
        ("[configuration]", '[configuration]\nexclude = ["*.tmp"]', False),
        ("[site_path.default]", '[site_path.Images]\npattern = "{patient_id:w}/Img/{filepath}"\n[site_path.default]', False),
    ],
)
def test_a_review_depends_on_where_files_are_and_go_and_on_what_they_are(old: str, new: str, same: bool, world: World) -> None:
    for folder in ("elsewhere", "moved"):
        (world.base / folder).mkdir()
    text = world.file.read_text("utf-8")
    assert old in text
    other = world.base / "other.toml"
    other.write_text(text.replace(old, new), "utf-8")
    assert (scanned_as(load(other, environ={})) == scanned_as(world.config)) is same


def test_the_same_words_in_another_folder_are_another_place(world: World) -> None:
    """A relative path is one below the configuration's own folder."""
    text = world.file.read_text("utf-8").replace(world.site.as_posix(), "site").replace(world.central.as_posix(), "central")
    found = []
    for name in ("here", "there"):
        for part in ("site", "central"):
            (world.base / name / part).mkdir(parents=True)
        (world.base / name / "config.toml").write_text(text, "utf-8")
        found.append(scanned_as(load(world.base / name / "config.toml", environ={})))
    one, other = found
    assert one[0] != other[0], "the central store"
    assert all(mine != theirs for mine, theirs in zip(one[1:], other[1:], strict=True)), "the site of each modality"


def test_a_pending_file_that_is_gone_is_not_offered(world: World) -> None:
    """Sending it would fail."""
    (world.site / B).unlink()
    for mode in (Mode.FULL, Mode.APPEND):
        with Staging.open(world.review(mode=mode).path) as staging:
            assert {modality: tally.files for _, modality, tally in pending.offered(staging).parts} == {"Images": 1, "Waveforms": 1}
    world.put(B, B, mtime=1000)
    with Staging.open(world.review().path) as staging:
        assert {modality: tally.files for _, modality, tally in pending.offered(staging).parts} == {"Images": 2, "Waveforms": 1}


def test_a_pending_file_of_a_modality_that_was_not_scanned_waits(world: World) -> None:
    (world.site / B).unlink()
    (world.site / C).unlink()
    with Staging.open(world.review(modalities=["Images"]).path) as staging:
        assert {modality: tally.files for _, modality, tally in pending.pending(staging).parts} == {"Images": 1, "Waveforms": 1}


def test_a_name_that_the_central_store_cannot_hold_is_found_before_anything_is_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that every store takes are not looked at one by one: see ``test_together.py``."""
    asked: list[str] = []

    def refuse(path: str) -> str:
        asked.append(path)
        return "It says no." if "odd" in path else ""

    monkeypatch.setattr("chorus_gui.core.review.tails.refusal", lambda place: refuse)
    world.put("1/Images/odd é.dcm", "new")
    world.put("1/Images/even é.dcm", "new")
    found = {change.path: (change.kind, change.note) for change in world.changes()}
    assert found == {
        "1/Images/even é.dcm": (ChangeKind.ADDED, ""),
        "1/Images/odd é.dcm": (
            ChangeKind.PROBLEM,
            (
                "The central store cannot hold a file of this name. It says no. Rename it on the site and scan again, or leave it out with "
                "[configuration] exclude."
            ),
        ),
    }
    assert sorted(asked) == ["YYYYMMDDHHMMSS/1/Images/even é.dcm", "YYYYMMDDHHMMSS/1/Images/odd é.dcm"], "below the folder of a version"


def test_of_many_files_for_one_place_five_are_named(tmp_path: Path) -> None:
    world = World(tmp_path, more='[site_path.Images]\npattern = "{patient_id:d}/Images/{filepath}"\n')
    paths = [f"{'0' * zeros}7/Images/a.dcm" for zeros in range(7)]
    for number, path in enumerate(paths):
        world.put(path, str(number))
    notes = {change.path: change.note for change in world.changes() if change.kind is ChangeKind.PROBLEM}
    assert sorted(notes) == sorted(paths)
    assert all(f": {', '.join(sorted(paths)[:5])}. Rename all but one" in note for note in notes.values())


def test_the_counts_are_of_every_kind_with_the_bytes_that_a_person_cares_about(world: World) -> None:
    """New content counts with its own size, a deleted file with the size that it had; a problem has none."""
    (world.site / A).unlink()
    world.put(B, "longer than before", mtime=2000)
    world.put("3/Images/new.dcm", "new", mtime=1000)
    (world.site / "readme.txt").write_text("12345")
    with Staging.open(world.review().path) as staging:
        found = summary(staging)
        counts = {kind.value: tally for kind in ChangeKind if (tally := found.total(kind)).files}
    assert counts == {
        "added": Tally(1, 3),
        "updated": Tally(1, len("longer than before")),
        "deleted": Tally(1, len(A)),
        "unchanged": Tally(1, len(C)),
        "unmatched": Tally(1, 5),
    }


def test_a_file_without_an_md5_in_the_journal_says_so(world: World) -> None:
    with closing(sqlite3.connect(world.journal)) as db, db:
        db.execute("UPDATE journal_v2 SET MD5 = '' WHERE FILENAME = 'a.dcm'")
    os.utime(world.site / A, (2000, 2000))
    os.utime(world.site / C, (2000, 2000))
    notes = {change.path: (change.kind, change.note) for change in world.changes()}
    assert notes == {
        A: (ChangeKind.UPDATED, "The journal has no MD5, so the content could not be compared."),
        C: (ChangeKind.MOVED, ""),
    }


def test_a_file_that_changed_at_equal_size_and_time_says_so(world: World) -> None:
    world.put(A, A[::-1], mtime=1000)
    world.put(B, B[::-1], mtime=2000)
    with world.working() as work, Staging.open(review_site(work, hash_share=1.0).path) as staging:
        notes = {change.path: (change.kind, change.note) for change in stream(staging, Query())}
        assert summary(staging).total(ChangeKind.UNCHANGED) == Tally(1, len(C)), "what changed no longer counts as unchanged"
    assert notes == {
        A: (ChangeKind.UPDATED, "Its content changed, but neither its size nor its time."),
        B: (ChangeKind.UPDATED, ""),
    }


def test_the_places_of_many_files_are_found_a_page_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chorus_gui.core.review.tails.PAGE", 2)
    for name in ("a", "b", "c", "d", "e"):
        world.put(f"9/images/{name}.dcm", name)
    world.put("9/Images/c.dcm", "the same place")
    with Staging.open(world.review().path) as staging:
        rows = staging.db.execute("SELECT path, kind, tail FROM change WHERE path LIKE '9/%'").fetchall()
    found = {path: (kind, tail) for path, kind, tail in rows}
    names = {f"9/images/{name}.dcm": ("added", f"9/Images/{name}.dcm") for name in ("a", "b", "d", "e")}
    same = {"9/images/c.dcm": ("problem", "9/Images/c.dcm"), "9/Images/c.dcm": ("problem", None)}
    assert found == names | same
