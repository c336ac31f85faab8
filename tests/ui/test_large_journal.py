"""What a journal with many versions costs the thread that paints: its counts are added up once for each journal, not for each version or state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from world import World

from chorus_gui.app.values import CustodyFacts, JournalFacts
from chorus_gui.core.model import Tally, VersionCount
from chorus_gui.ui.pages.history_parts import version_lines
from chorus_gui.ui.state import SessionState
from chorus_gui.ui.status import status_of

VERSIONS = tuple(str(20200101000000 + number) for number in range(300))


class Looked(tuple[VersionCount, ...]):
    """Counts, and how many times one of them was looked at."""

    looks: list[VersionCount]

    def __iter__(self) -> Iterator[VersionCount]:
        for one in super().__iter__():
            self.looks.append(one)
            yield one


@pytest.fixture
def counts() -> Looked:
    made = Looked(VersionCount(version, name, 10, 100, 1, 10, 2, version) for version in VERSIONS for name in ("Images", "OMOP"))
    made.looks = []
    return made


def test_the_lines_of_the_versions_look_once_at_each_count(counts: Looked) -> None:
    lines = version_lines(JournalFacts(Path("journal.db"), True, versions=(*VERSIONS, "empty"), counts=counts))
    assert len(counts.looks) == len(counts)
    assert [line.version for line in lines] == ["empty", *reversed(VERSIONS)]
    assert (lines[1].files, lines[1].active, lines[1].pending) == ({"Images": 10, "OMOP": 10}, Tally(20, 200), Tally(2, 20))
    assert (lines[1].closed, lines[1].last_upload) == (4, VERSIONS[-1])
    assert (lines[0].files, lines[0].active, lines[0].last_upload) == ({}, Tally(), None)


def test_the_sums_of_a_journal_are_added_up_once_for_all_that_shows_them(counts: Looked, tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    journal = JournalFacts(world.journal, True, "", 2, VERSIONS, counts, stays=Tally(1, 10))
    states = [SessionState(world.file, world.config, custody=CustodyFacts(), journal=journal, loading=bool(n % 2)) for n in range(10)]
    for state in states:
        status_of(state)
        assert journal.pending == Tally(599, 5990)
        assert journal.active == Tally(6000, 60000)
    assert len(counts.looks) <= 4 * len(counts)  # the sum of each, one look for each version, and one for what was stopped
    assert replace(journal, counts=()).active == Tally()
