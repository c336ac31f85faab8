"""The list of holds that colleagues share: how two of them are joined, and what a bad one can never do."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chorus_gui.core.errors import SideFileUnreadableError
from chorus_gui.core.review.hold_list import FORMAT, HoldList, Release, Target, join, parse, target_of
from chorus_gui.core.review.values import Hold

FILE = Hold("Images", "1/Images/a b.dcm", "", "Consent withdrawn", "anna", 1_700_000_000_000_000)
PATIENT = Hold("", "", "0012", "Consent withdrawn", "anna", 1_700_000_000_000_000)
LATER = Release("bernd", 1_800_000_000_000_000, "The consent was given again")

TARGETS = st.sampled_from([Target("Images", "1/Images/a"), Target("OMOP", "OMOP/p.csv"), Target("", "", "7")])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda leaf: st.lists(leaf, max_size=3) | st.dictionaries(st.text(max_size=4), leaf, max_size=3),
    max_leaves=6,
)


@st.composite
def lists(draw: st.DrawFn) -> HoldList:
    """A list as some computer could have it: the same few ids and targets, so that lists meet; unknown and wrong fields too."""
    entries: list[Any] = []
    for _ in range(draw(st.integers(0, 4))):
        target = draw(TARGETS)
        entry: dict[str, Any] = {
            "id": draw(st.sampled_from("abc")),
            **target._asdict(),
            "reason": draw(st.sampled_from(["x", "y"])),
            "by": "anna",
            "at_us": draw(st.integers(0, 3)),
        }
        entry["releases"] = draw(
            st.lists(st.fixed_dictionaries({"by": st.sampled_from(["anna", "bernd"]), "at_us": st.integers(0, 2)}), max_size=2) | JSON
        )
        entry.update(draw(st.dictionaries(st.sampled_from(["host", "ticket"]), JSON, max_size=1)))
        entries.append(draw(st.sampled_from([entry, entry, entry, draw(JSON)])))
    more = draw(st.dictionaries(st.sampled_from(["note", "colour"]), JSON, max_size=1))
    return parse(json.dumps({"format": FORMAT, "version": 1, "holds": entries, **more}).encode())


@settings(max_examples=150, deadline=None)
@given(lists(), lists(), lists())
def test_joining_does_not_depend_on_order_grouping_or_repetition(a: HoldList, b: HoldList, c: HoldList):
    assert join(a, b).dump() == join(b, a).dump()
    assert join(join(a, b), c).dump() == join(a, join(b, c)).dump()
    assert join(a, a).dump() == a.dump()
    assert parse(join(a, b).dump()).dump() == join(a, b).dump()


@settings(max_examples=150, deadline=None)
@given(lists(), lists())
def test_joining_never_releases_what_no_list_released_and_never_brings_back_what_one_released(a: HoldList, b: HoldList):
    joined = {(record.id, target_of(record.hold)): record for record in join(a, b).records}
    for one in (a, b):
        for record in one.records:
            assert set(record.releases) <= set(joined[record.id, target_of(record.hold)].releases)
    released = {(r.id, target_of(r.hold)) for one in (a, b) for r in one.records if r.releases}
    assert {key for key, record in joined.items() if record.releases} == released


def test_everybody_agrees_whoever_meets_whom_first():
    anna = HoldList().adding([FILE])
    bernd = anna.releasing([target_of(FILE)], LATER)
    clara = join(anna, HoldList().adding([PATIENT]))
    ends = {join(join(one, two), three).dump() for one, two, three in permutations((anna, bernd, clara))}
    assert len(ends) == 1
    assert parse(ends.pop()).active() == [PATIENT]


def test_an_old_copy_neither_brings_back_nor_releases():
    old = HoldList().adding([FILE])
    now = old.releasing([target_of(FILE)], LATER).adding([PATIENT])
    assert join(old, now).active() == join(now, old).active() == [PATIENT]
    assert join(HoldList(), now).active() == [PATIENT]


def test_a_hold_that_a_colleague_adds_during_a_release_stays():
    both = HoldList().adding([FILE])
    released = both.releasing([target_of(FILE)], LATER)
    again = replace(FILE, held_by="clara", reason="Ask me first", at_us=5)
    assert join(released, both.adding([again])).active() == [again]


def test_who_when_and_why_are_kept_of_releases_too():
    done = parse(HoldList().adding([FILE], host="PC-1").releasing([target_of(FILE)], LATER, host="PC-2").dump())
    assert done.active() == []
    (record,) = done.records
    assert record.hold == FILE
    assert record.releases == (LATER,)
    entry = json.loads(done.dump())["holds"][0]
    assert entry["host"] == "PC-1"
    assert entry["releases"][0]["host"] == "PC-2"


def test_paths_keep_the_characters_of_the_site():
    for path in ("1/Images/ä é 日本.dcm", "a\u0301", "\u00e1", "A.dcm", "a.dcm", 'x"\\y', "tab\tname", " space "):
        (hold,) = parse(HoldList().adding([replace(FILE, path=path)]).dump()).active()
        assert hold.path == path


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 100,
        b"\xff\xfe",
        b"not json",
        b"null",
        b"[]",
        b"3",
        b'"text"',
        b"{}",
        b'{"holds": []}',
        b'{"format": "chorus-receipt", "version": 1, "holds": []}',
        b'{"format": "chorus-holds", "version": true, "holds": []}',
        b'{"format": "chorus-holds", "version": 0, "holds": []}',
        b'{"format": "chorus-holds", "version": 1}',
        b'{"format": "chorus-holds", "version": 1, "holds": {}}',
        b'{"format": "chorus-holds", "version": 1, "holds": [NaN]}',
        b'{"format": "chorus-holds", "version": 1, "holds": [1e999]}',
        b'{"format": "chorus-holds", "version": 1, "holds": [' + b"9" * 5000 + b"]}",
        b"[" * 100_000,
        b'{"format": "chorus-holds", "version": 1, "holds": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b"SQLite format 3\0",
    ],
)
def test_what_is_no_list_is_unreadable_and_never_an_empty_list(data: bytes):
    with pytest.raises(SideFileUnreadableError, match="shared list"):
        parse(data)


def test_a_newer_version_is_unreadable_and_says_so():
    with pytest.raises(SideFileUnreadableError, match="newer CHoRUS Upload") as raised:
        parse(b'{"format": "chorus-holds", "version": 2, "holds": []}')
    assert "Install" in raised.value.remedy


GOOD = {"id": "a", "modality": "Images", "path": "1/Images/a", "patient_id": "", "reason": "r", "by": "anna", "at_us": 5, "releases": []}


@pytest.mark.parametrize(
    "bad",
    [
        {"releases": None},
        {"releases": True},
        {"releases": "released"},
        {"releases": [{}]},
        {"releases": [1, None, [], "x"]},
        {"releases": [{"by": 1, "at_us": 1}]},
        {"releases": [{"by": "x", "at_us": "now"}]},
        {"releases": {"by": "x", "at_us": 1}},
        {"released": True},
        {"at_us": "yesterday"},
        {"at_us": -1},
        {"at_us": 2**62},
        {"reason": None},
        {"reason": ["x"]},
        {"by": {"a": 1}},
    ],
)
def test_a_value_of_the_wrong_kind_never_releases(bad: dict[str, Any]):
    made = parse(json.dumps({"format": FORMAT, "version": 1, "holds": [{**GOOD, **bad}]}).encode())
    (hold,) = made.active()
    assert target_of(hold) == Target("Images", "1/Images/a")
    assert 0 <= hold.at_us < 2**53


@pytest.mark.parametrize(
    "entry",
    [
        None,
        1,
        "x",
        [],
        {},
        {**GOOD, "path": 1},
        {**GOOD, "path": ""},
        {**GOOD, "modality": ""},
        {**GOOD, "patient_id": "7"},
        {**GOOD, "id": 3},
        {**GOOD, "path": "\ud800"},
        {**GOOD, "path": None},
    ],
)
def test_an_entry_that_is_not_understood_is_counted_and_kept(entry: Any):
    made = parse(json.dumps({"format": FORMAT, "version": 1, "holds": [entry, GOOD]}).encode())
    assert [hold.path for hold in made.active()] == ["1/Images/a"]
    assert made.unreadable == 1
    again = parse(made.adding([PATIENT]).dump())
    assert again.unreadable == 1
    assert len(again.active()) == 2


def test_unknown_fields_are_kept():
    text = {
        "format": FORMAT,
        "version": 1,
        "holds": [{**GOOD, "ticket": 4711, "releases": [{"by": "x", "at_us": 1, "mood": "good"}]}],
        "owner": {"a": [1.5]},
    }
    out = json.loads(parse(json.dumps(text).encode()).adding([PATIENT]).dump())
    assert out["owner"] == {"a": [1.5]}
    (entry,) = (entry for entry in out["holds"] if entry["id"] == "a")
    assert entry == text["holds"][0]


def test_what_is_shown_has_no_control_characters():
    (hold,) = parse(
        json.dumps({"format": FORMAT, "version": 1, "holds": [{**GOOD, "reason": "a\x1b[31m\nb\u202e", "by": "\0\r"}]}).encode()
    ).active()
    assert (hold.reason, hold.held_by) == ("a [31m b", "")
