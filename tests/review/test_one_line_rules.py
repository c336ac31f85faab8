"""Rules of a review that are one condition in the code: each row says what a person would notice if it were another one."""

from __future__ import annotations

import json
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
from chorus_gui.core.review import hold_list
from chorus_gui.core.review.hold_list import FORMAT, HoldList, join, parse
from chorus_gui.core.review.holds import Holds
from chorus_gui.core.review.parts import ANY, renamed_files, unsure_patients
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Hold
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
