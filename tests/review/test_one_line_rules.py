"""Rules of a review that are one condition in the code: each row says what a person would notice if it were another one."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tomli_w
from world import World

from chorus_gui.core.errors import ReviewError, UsageError
from chorus_gui.core.model import Mode
from chorus_gui.core.pattern import Pattern
from chorus_gui.core.review import hold_list, to_read
from chorus_gui.core.review.hold_list import FORMAT, HoldList, join, parse
from chorus_gui.core.review.holds import Holds
from chorus_gui.core.review.parts import ANY, renamed_files, unsure_patients
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Branch, Hold, TreeLevel, named_patients
from chorus_gui.core.submission import review_site as reviewing
from chorus_gui.core.submission.missing import Missing


def held(number: int, at_us: int = 1) -> Hold:
    return Hold("Images", f"1/Images/{number:03}.dcm", "", "why", "anna", at_us)


# --- files that an old list of a service lacks -------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Missing]:
    """The service is asked about each of these, and has it."""
    found: list[Missing] = []

    def still_there(_: Any, files: Iterable[Missing]) -> Iterator[Missing]:
        for one in files:
            found.append(one)
            yield one

    monkeypatch.setattr(reviewing, "old_lists", lambda _: frozenset({"Images", "Waveforms"}))
    monkeypatch.setattr(reviewing, "still_there", still_there)
    return found


@pytest.mark.parametrize(("mode", "is_asked"), [(Mode.FULL, {"uploaded", "recorded"}), (Mode.APPEND, {"recorded"})])
def test_the_service_is_asked_about_files_that_would_change_the_journal(
    tmp_path: Path, asked: list[Missing], mode: Mode, is_asked: set[str]
) -> None:
    """In append mode, a missing file that was submitted changes nothing, so nobody asks.  One that is pending would be a problem."""
    world = World(tmp_path)
    world.put("1/Images/kept.dcm", "kept")
    world.put("1/Images/uploaded.dcm", "uploaded")
    world.run()
    world.put("1/Images/recorded.dcm", "recorded")
    world.run("record")
    for name in ("uploaded", "recorded"):
        (world.site / f"1/Images/{name}.dcm").unlink()
    assert world.changes(mode=mode) == [], "what the service still has is neither deleted nor a problem"
    assert {Path(one.path).stem for one in asked} == is_asked
    summary = world.review(mode=mode).summary
    assert summary.vanished == (1 if mode is Mode.APPEND else 0)


# --- of which patients there can be files in a folder that could not be read ---------------------------------------------


@pytest.mark.parametrize(
    ("folder", "unsure"),
    [
        ("data/0012/Images", {"12"}),
        ("data/0012/Images/CT1/series", {"12"}),
        ("data/0012", {"12"}),
        ("data", {ANY}),
        ("", {ANY}),
        ("notes/2024", set[str]()),
        ("data/by-date/2024", set[str]()),
    ],
)
def test_of_which_patients_a_folder_can_have_files(tmp_path: Path, folder: str, unsure: set[str]) -> None:
    """Too many would be called unsure, and too few would be called gone."""
    patterns = {"Images": "data/{patient_id:d}/Images/{filepath}", "OMOP": "OMOP/{filepath}"}
    config: Any = SimpleNamespace(sites={name: SimpleNamespace(pattern=Pattern.parse(text)) for name, text in patterns.items()})
    with Staging.create(tmp_path / "review.db") as staging:
        staging.db.execute("CREATE TEMP TABLE unsure (patient TEXT PRIMARY KEY)")
        unsure_patients(config, staging, [("Images", folder), ("OMOP", "")])
        assert {patient for (patient,) in staging.db.execute("SELECT patient FROM unsure")} == unsure


@pytest.mark.parametrize(("limit", "paths"), [(None, ["b", "c"]), (1, ["b"]), (0, []), (5, ["b", "c"])])
def test_how_many_renamed_files_are_named(tmp_path: Path, limit: int | None, paths: list[str]) -> None:
    world = World(tmp_path)
    for name in "bc":
        world.put(f"1/Images/{name}.dcm", f"image {name * 3}" + name * ord(name))
    world.run()
    for name in "bc":
        (world.site / f"1/Images/{name}.dcm").rename(world.site / f"1/Images/new-{name}.dcm")
    with Staging.open(world.review(mode=Mode.FULL).path) as staging:
        assert [*renamed_files(staging, limit)] == [("Images", f"1/Images/{n}.dcm", f"1/Images/new-{n}.dcm") for n in paths]


def test_a_second_spelling_that_a_disk_cannot_keep_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise one file would replace the other in the central store, and both would be in the journal."""
    world = World(tmp_path)
    world.put("1/Images/a.dcm", "one")
    world.put("1/Images/A.dcm", "another")
    if len([*(world.site / "1/Images").iterdir()]) < 2:
        pytest.skip("this disk has one or the other")
    assert sorted(world.kinds().values()) == ["added", "added"]
    monkeypatch.setattr("chorus_gui.core.review.places.folder_ignores_case", lambda _: True)
    assert sorted(world.kinds().values()) == ["added", "problem"]


def test_files_to_read_again_are_remembered_until_they_were_read(tmp_path: Path) -> None:
    """Otherwise a file that changed at the same size and time stays as it is for ever, although a verification found it."""
    journal, one, other = tmp_path / "journal.db", ("Images", "1/Images/a.dcm"), ("OMOP", "OMOP/person.csv")
    assert to_read.remembered(journal) == set()
    to_read.remember(journal, [one, other])
    assert to_read.remembered(journal) == {one, other}
    to_read.forget(journal, [one])
    assert to_read.remembered(journal) == {other}


@pytest.mark.parametrize(("mode", "said"), [(Mode.FULL, True), (Mode.APPEND, False)])
def test_what_could_not_be_read_is_not_called_deleted_where_nothing_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Mode, said: bool
) -> None:
    """Append mode marks nothing as deleted: a note that it did not do so for some files would say that it does for others."""
    world = World(tmp_path)
    for patient in "12":
        world.put(f"{patient}/Images/a.dcm", f"image {patient}")
    world.run()
    scandir = os.scandir

    def refusing(where: Any) -> Any:
        if isinstance(where, str) and where.replace(os.sep, "/").endswith("2/Images"):
            raise PermissionError(errno.EACCES, "denied", where)
        return scandir(where)

    monkeypatch.setattr(os, "scandir", refusing)
    notes = world.review(mode=mode).summary.notes
    assert any("in folders that could not be read, and not marked as deleted" in note for note in notes) is said


# --- what is shown -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "words"), [(1, ("1 file to upload is", "Check it.")), (2, ("2 files to upload are", "Check them."))])
def test_files_that_are_possibly_not_data_in_words(tmp_path: Path, count: int, words: tuple[str, str]) -> None:
    world = World(tmp_path)
    for patient in range(count):
        world.put(f"{patient + 1}/Images/Thumbs.db", f"thumbs {patient}")
    (note,) = [note for note in world.review().summary.notes if "possibly not data" in note]
    assert all(word in note for word in words)


@pytest.mark.parametrize(("count", "end"), [(1, "0"), (5, "4"), (6, "4 and 1 more"), (1_205, "4 and 1,200 more")])
def test_how_many_patients_a_sentence_names(count: int, end: str) -> None:
    said = named_patients([str(number) for number in range(count)])
    assert said == ", ".join([*map(str, range(min(count, 5) - 1)), end])


def test_a_folder_and_the_files_in_it_alone_are_two_lines_of_the_tree() -> None:
    """Both have the folder's name: the box of one must not hold back the other."""
    branch = Branch("1", "")
    lines = TreeLevel(branch)
    for name, leaf, direct in [("a/", True, True), ("a/", False, False), ("b/", True, False), ("b/", False, True), ("c/", True, False)]:
        lines.add(name, [0] * TreeLevel.WIDTH, leaf=leaf, direct=direct)
    assert [lines.place(lines.node(number).branch) for number in range(len(lines))] == [0, 1, 2, 3, 4]
    assert lines.place(Branch("1", "c/", True)) is None
    assert lines.place(Branch("1", "d/")) is None


# --- the held-back list --------------------------------------------------------------------------------------------------


def written(*entries: Any) -> HoldList:
    return parse(json.dumps({"format": FORMAT, "version": 1, "holds": entries}).encode())


ENTRY = {"id": "a", "modality": "Images", "path": "1/Images/a.dcm", "patient_id": "", "reason": "why", "by": "anna", "at_us": 1}
GIVEN = {"by": "bernd", "at_us": 2, "reason": ""}


@pytest.mark.parametrize(
    ("releases", "in_force", "means"),
    [
        ({}, True, []),
        ({"releases": []}, True, []),
        ({"releases": [GIVEN]}, False, [GIVEN]),
        ({"releases": [GIVEN, GIVEN]}, False, [GIVEN]),
    ],
    ids=["none written", "none", "one", "the same twice"],
)
def test_how_releases_can_be_written(releases: dict[str, Any], in_force: bool, means: list[Any]) -> None:
    """Another program can leave an empty list out, or write a release twice: lists that say the same are the same."""
    found = written(ENTRY | releases)
    assert bool([*found.active()]) is in_force
    alike = written(ENTRY | {"releases": means})
    assert found.dump() == alike.dump() == join(found, alike).dump()


def test_what_is_no_hold_and_what_somebody_added_to_a_hold_are_no_act() -> None:
    """Undo must not release what a colleague did, nor fail over what a newer program wrote."""
    before = written(ENTRY | {"releases": []})
    after = join(before, written(ENTRY | {"releases": [], "ticket": 4711}, {"id": "b", "unknown": True}))
    assert after.entries != before.entries
    act = after.act_since(before)
    assert (act.added, act.released) == ((), ())


@pytest.mark.parametrize(("at_us", "works"), [(-1, False), (0, True), (2**53 - 1, True), (2**53, False)])
def test_which_moments_an_imported_hold_can_have(tmp_path: Path, at_us: int, works: bool) -> None:
    """A list that is shared is JSON: it has no whole numbers beyond these that every program reads alike."""
    file = tmp_path / "holds.toml"
    one = {"modality": "Images", "path": "1/Images/a.dcm", "patient_id": "", "reason": "why", "held_by": "anna", "at_us": at_us}
    file.write_text(tomli_w.dumps({"hold": [one]}), "utf-8")
    with Holds(tmp_path / "journal.db") as holds:
        if works:
            assert holds.import_(file) == 1
            assert [hold.at_us for hold in holds.all()] == [at_us]
        else:
            with pytest.raises(UsageError):
                holds.import_(file)


def test_a_quarter_of_the_list_stays_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many holds at once must leave space, so that a patient can always be held back."""
    many = [held(number) for number in range(hold_list.MANY + 1)]
    with Holds(tmp_path / "measured.db") as holds:
        holds.add(many)
        needs = holds.known().everything.needs
    for place, (largest, works) in enumerate([(needs * 4 // 3 + 40, True), (needs * 4 // 3 - 40, False)]):
        monkeypatch.setattr(hold_list, "LARGEST", largest)
        with Holds(tmp_path / f"journal{place}.db") as holds:
            if works:
                assert holds.add(many) == len(many)
                continue
            with pytest.raises(ReviewError, match="too long to be shared"):
                holds.add(many)
            assert holds.add(many[: hold_list.MANY]) == hold_list.MANY, "as many as that need no free space"
