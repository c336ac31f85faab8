"""A long list of holds is read and sorted in parts, so that another thread can work in between: with the same result as in one piece."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chorus_gui.core.custody import beside
from chorus_gui.core.errors import ReviewError, SideFileUnreadableError
from chorus_gui.core.review import hold_list
from chorus_gui.core.review.hold_list import HoldList, parse, target_of
from chorus_gui.core.review.holds import Holds
from chorus_gui.core.review.staging import json_ids
from chorus_gui.core.review.values import Hold
from chorus_gui.core.untrusted import json_value

PATHS = ("10/Images/a", "10!x/Images/a", "100/Images/a", "1000001/Images/study/b", "1000001/Images/study/a", "")


def hold(number: int) -> Hold:
    path = PATHS[number % len(PATHS)]
    return Hold("Images" if path else "", path and f"{path}{number}", "" if path else str(number % 40), "to be checked", "anna", number)


def many(count: int) -> HoldList:
    return HoldList.of({f"{number * 7919 % 65_537:016x}": hold(number) for number in range(count)})


def test_no_call_of_the_parser_has_more_than_some_lines() -> None:
    lines: list[int] = []

    def noted(text: str) -> Any:
        lines.append(text.count("\n") + 1)
        return json_value(text)

    data = many(2_600).dump()
    with patch.object(hold_list, "json_value", noted):
        assert parse(data).dump() == data
    assert len(lines) == 7, "the head, and six parts"
    assert max(lines) <= 500


def test_the_order_is_that_of_one_sort() -> None:
    made = many(400)
    keys = [json.dumps(entry, sort_keys=True) for key in sorted(made.entries) if (entry := made.entries[key])]
    assert [line.removesuffix(",") for line in made.dump().decode().splitlines()[1:-1]] == keys
    wanted = sorted(made.records, key=lambda r: (r.hold.patient_id, r.hold.modality, r.hold.path, r.hold.at_us, r.id))
    assert made.records == wanted
    assert len(made.records) == 400


def read(data: str) -> bytes | str:
    try:
        return parse(data.encode()).dump()
    except SideFileUnreadableError as error:
        return str(error)


def one_by_one(of: Callable[[str], object]) -> Any:
    return patch.object(hold_list, "_value", of)


HEAD = '{"format": "chorus-holds", "version": 1, "holds": [\n'
ENTRY = '{"id": "a", "patient_id": "7", "reason": "x", "by": "anna", "at_us": 1, "releases": []}'


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 5),
    st.integers(0, 2_000),
    st.sampled_from(["", ",", "[", "]", "{", "}", "\n", '"', "],[", '"holds": [', ",\n"]),
    st.booleans(),
)
@example(0, 2_000, "", False)
def test_what_somebody_edited_means_the_same_as_in_one_piece(count: int, place: int, text: str, instead: bool) -> None:
    data = many(count).dump().decode()
    place = place % (len(data) + 1)
    edited = data[:place] + text + data[place + (1 if instead else 0) :]
    with patch.object(hold_list, "_LINES", 2):
        in_parts = read(edited)
    with one_by_one(json_value):
        assert read(edited) == in_parts


@pytest.mark.parametrize(
    "data",
    [
        HEAD + f"{ENTRY},\n{ENTRY}\n]}}\n",
        HEAD + f"{ENTRY},\n,\n{ENTRY}\n]}}\n",
        HEAD + f"{ENTRY},\n{ENTRY},\n\n]}}\n",
        HEAD + f'{ENTRY}], "holds": [\n{ENTRY}\n]}}\n',
        HEAD + f"{ENTRY}], [{ENTRY}\n]}}\n",
        HEAD + f"[{ENTRY},\n{ENTRY},\n{ENTRY}]\n]}}\n",
        '{"format": "chorus-holds", "version": 1, "holds": [], "x\\"holds": [\n' + f"{ENTRY}\n]}}\n",
        HEAD + "\n]}\n",
        HEAD + ",\n]}\n",
        HEAD + f"{ENTRY},\n,\n]}}\n",
    ],
)
def test_lines_that_end_elsewhere_mean_the_same_as_in_one_piece(data: str) -> None:
    for lines in (1, 2, 500):
        with patch.object(hold_list, "_LINES", lines):
            in_parts = read(data)
        with one_by_one(json_value):
            assert read(data) == in_parts


@pytest.mark.parametrize("count", [0, 1, 999, 1_000, 1_001, 2_500])
def test_a_long_selection_becomes_text_in_parts(count: int) -> None:
    with patch("chorus_gui.core.review.holds.json.dumps", wraps=json.dumps) as dumps:
        assert json.loads(json_ids(range(count))) == [*range(count)]
    assert all(len(call.args[0]) <= 1_000 for call in dumps.call_args_list)


def test_a_list_that_could_not_be_shared_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would stay on this computer for ever; whole patients take less."""
    assert hold_list.LARGEST == beside.LARGEST, "the limit of every file next to a journal"
    monkeypatch.setattr(hold_list, "MANY", 20)
    many = [Hold("Images", f"1/Images/{number}.dcm", "", "why", "anna", 1) for number in range(100)]
    with Holds(tmp_path / "journal.db") as holds:
        assert holds.add(many[:10]) == 10
        monkeypatch.setattr(hold_list, "LARGEST", 26_000)
        with pytest.raises(ReviewError, match="too long to be shared") as refused:
            holds.add(many)
        assert "whole patients" in refused.value.remedy
        assert len(holds.all()) == 10, "nothing was held back"
        assert holds.add(many[:50]) == 40
        assert holds.remove(map(target_of, holds.all())) == 50
        assert len(holds.known().everything.dump()) <= hold_list.LARGEST, "released, it can be shared, too"


def test_a_patient_can_be_held_back_however_long_the_list_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was held back earlier stays in the list: it must not stop the hold of a patient who withdrew."""
    with Holds(tmp_path / "journal.db") as holds:
        holds.add(Hold("Images", f"1/Images/{number}.dcm", "", "why", "anna", 1) for number in range(50))
        monkeypatch.setattr(hold_list, "LARGEST", 100)
        assert holds.add([Hold("", "", "1", "why", "anna", 1)]) == 1


def test_a_list_is_read_once_whoever_asks(tmp_path: Path) -> None:
    """Every page and command asks: reading a long list takes seconds."""
    with Holds(tmp_path / "journal.db") as one, Holds(tmp_path / "journal.db") as other:
        one.add([Hold("Images", "1/Images/a.dcm", "", "why", "anna", 1)])
        with Holds(tmp_path / "journal.db") as third:
            assert other.known().everything is third.known().everything
