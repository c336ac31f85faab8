"""Files of the site that another program has open, as Windows alone refuses them: one finding, the rest arrives, the next run takes it up.

Also files that are read-only, as after a copy from a CD: they are read, and their copies can be changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import product
from pathlib import Path

import pytest
from commands import Run
from windowsworld import KINDS
from world import World

pytestmark = pytest.mark.skipif(os.name != "nt", reason="only Windows refuses such files")

PATH = "1/Images/odd.dcm"
UNREADABLE = ("open elsewhere",)
SIZES = {"small": 1000, "large": 3_000_000}
BEFORE = ("new", "recorded", "uploaded", "changed")
WORDS = ("submit --yes", "submit --yes --hash", "file upload", "journal update --hash", "file verify")


def _some() -> Iterator[object]:
    """Every value of each axis in the fast loop; the other combinations are slow."""
    cases = [case for case in product(KINDS, SIZES, BEFORE, WORDS) if case[2] != "new" or not case[3].startswith("file")]
    for number, case in enumerate(cases):
        marks = () if number % 7 == 0 else pytest.mark.slow
        yield pytest.param(*case, id="-".join(case), marks=marks)


def _site(base: Path, run: Run, size: str, before: str) -> World:
    world = World(base)
    world.put("OMOP/person.csv", "id")
    world.put("1/Waveforms/w.dat", "w")
    if before != "new":
        world.put(PATH, b"a" * SIZES[size])
    if before != "new":
        assert run(world, *(("journal", "update") if before == "recorded" else ("submit", "--yes")))[0] == 0
    if before in ("new", "changed"):
        world.put(PATH, b"b" * SIZES[size])
    world.put("2/Images/new.dcm", "new")
    return world


@pytest.mark.parametrize(("kind", "size", "before", "words"), list(_some()))
def test_a_file_that_another_program_has_open(tmp_path: Path, run: Run, kind: str, size: str, before: str, words: str) -> None:
    world = _site(tmp_path / "w", run, size, before)
    holding: AbstractContextManager[None] = KINDS[kind](world.site / PATH)
    with holding:
        said = [run(world, *words.split()) for _ in range(2)]
    for status, text in said:
        assert status in (0, 1), text
        assert "Traceback" not in text
        if kind not in UNREADABLE:
            assert status == 0, text
        elif status == 1:
            assert PATH in text
            assert "another program has it open" in text
            assert "Close that program" in text
    if words.startswith("submit"):
        reads = "--hash" in words or before != "uploaded"
        assert said[1][0] == (1 if reads and kind in UNREADABLE else 0), said[1][1]
        assert world.active()["2/Images/new.dcm"].uploaded
    assert before == "new" or PATH in world.active()  # nothing is deleted on a hunch
    world.check_truth()
    assert run(world, "submit", "--yes")[0] == 0
    assert world.active()[PATH].uploaded
    assert world.active()[PATH].size == SIZES[size]
    world.check_truth()


def test_a_file_that_is_open_for_a_moment_is_no_finding(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a virus scanner has it."""
    from chorus_gui.core.storage import folder_errors

    for size in SIZES:
        world = _site(tmp_path / size, run, size, "new")
        holding: AbstractContextManager[None] = KINDS["open elsewhere"](world.site / PATH)
        waits: list[float] = []

        def wait(seconds: float, holding: AbstractContextManager[None] = holding, waits: list[float] = waits) -> None:
            if not waits:
                holding.__exit__(None, None, None)
            waits.append(seconds)

        with monkeypatch.context() as patch:
            patch.setattr(folder_errors.time, "sleep", wait)
            holding.__enter__()
            status, text = run(world, "submit", "--yes")
        assert waits
        assert status == 0, text
        assert world.active()[PATH].uploaded
