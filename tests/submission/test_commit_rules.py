"""When what is proved goes into the journal: a page at a time, and never later than a second after the first that waits."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from chorus_gui.core.model import Action, Entry
from chorus_gui.core.submission import commit
from chorus_gui.core.submission.commit import EVERY_SECONDS, Batch

PAGE = 4


class Journal:
    """Keeps how many entries came together, and the ids of all."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.ids: list[int | None] = []

    def commit(self, entries: list[Entry]) -> None:
        self.sizes.append(len(entries))
        self.ids += [entry.old_id for entry in entries]


@pytest.mark.parametrize(
    ("steps", "committed"),
    [
        pytest.param([(0, 1), (0.9, 1)], [[], []], id="two files in a second wait"),
        pytest.param([(0, 1), (1, 1)], [[], [2]], id="after a second both are committed"),
        pytest.param([(0, 1), (0.6, 1), (1.1, 0)], [[], [], [2]], id="the first one counts, whatever comes after it"),
        pytest.param([(0, 1), (0.6, 0), (1.1, 0)], [[], [], [1]], id="also if nothing comes"),
        pytest.param([(0, PAGE - 1), (0.1, 1)], [[], [PAGE]], id="a page is committed at once"),
        pytest.param(
            [(0, 1), (1, 0), (1.5, 1), (2.1, 0), (2.5, 0)], [[], [1], [], [], [1]], id="the second begins again with the next one"
        ),
        pytest.param([(5, 0)], [[]], id="nothing is no transaction"),
    ],
)
@pytest.mark.parametrize("together", [False, True], ids=["one by one", "together"])
def test_when_files_are_committed(
    monkeypatch: pytest.MonkeyPatch, steps: list[tuple[float, int]], committed: list[list[int]], together: bool
) -> None:
    """Each step is a moment and how many files come then; 0: nothing comes, and somebody asks if it is time."""
    now = [0.0]
    monkeypatch.setattr(commit, "time", SimpleNamespace(monotonic=lambda: now[0], time=time.time))
    journal, told, number = Journal(), list[int](), 0
    batch = Batch[int](as_journal(journal), PAGE, told.extend)
    found: list[list[int]] = []
    for moment, files in steps:
        now[0], before = 1000 + moment * EVERY_SECONDS, len(journal.sizes)
        some = [(Entry(Action.CLOSE, old_id=one), one) for one in range(number, number + files)]
        number += files
        if not files:
            batch.tick()
        elif together:
            batch.add_all(some)
        else:
            for entry, one in some:
                batch.add(entry, one)
        found.append(journal.sizes[before:])
    assert found == committed
    assert told == journal.ids == [*range(sum(map(sum, committed)))], "after each transaction, what is in the journal is named"
    with batch:
        pass
    assert told == journal.ids == [*range(number)], "what waits at the end is committed then"


@pytest.mark.parametrize("files", [PAGE, PAGE + 1, 2 * PAGE, 2 * PAGE + 3])
def test_files_that_come_together_are_committed_in_pages(monkeypatch: pytest.MonkeyPatch, files: int) -> None:
    monkeypatch.setattr(commit, "time", SimpleNamespace(monotonic=lambda: 1000.0, time=time.time))
    journal, told = Journal(), list[int]()
    with Batch[int](as_journal(journal), PAGE, told.extend) as batch:
        batch.add_all((Entry(Action.CLOSE, old_id=one), one) for one in range(files))
        assert journal.sizes == [PAGE] * (files // PAGE)
    assert journal.sizes == [PAGE] * (files // PAGE) + [files % PAGE] * bool(files % PAGE)
    assert told == journal.ids == [*range(files)]


def test_what_waits_is_committed_if_the_job_fails() -> None:
    """It is true: the store has confirmed these files."""
    journal, told = Journal(), list[int]()
    batch = Batch[int](as_journal(journal), PAGE, told.extend)
    batch.add(Entry(Action.CLOSE, old_id=7), 7)
    with pytest.raises(LookupError), batch:
        raise LookupError
    assert told == journal.ids == [7]


def as_journal(journal: Journal) -> Any:
    return journal
