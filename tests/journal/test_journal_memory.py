"""Memory does not grow with the journal: what would grow is beside it, in temporary files."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from chorus_gui.core.errors import JournalChangedError
from chorus_gui.core.journal import store
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Action, Entry

FEW, MANY = 6_000, 26_000
GROWTH = 120_000
"""Bytes that the larger journal may take more: 6 for each further row, where a number in a list takes 8 and one in a dict a hundred."""


def peak(do: Callable[[], object]) -> int:
    """The most memory of Python's own that this took, in bytes."""
    gc.collect()
    tracemalloc.start()
    try:
        do()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture(params=[1, 2])
def schema(request: pytest.FixtureRequest) -> int:
    return request.param


def entries(enter: Callable[..., Entry], count: int) -> Iterator[Entry]:
    return (enter(f"{number // 50}/Images/{number}") for number in range(count))


def test_entering_many_new_files(schema, new, enter, tmp_path):
    took = []
    for count in (FEW, FEW, MANY):  # the first fills what Python keeps anyway
        path = new(schema).rename(tmp_path / f"{len(took)}.db")
        with Journal.open(path) as journal:
            took.append(peak(lambda journal=journal, count=count: journal.commit(entries(enter, count))))
    assert took[2] < took[1] + GROWTH


def test_reading_every_row(schema, new, enter, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "SPOOLED", 16_384)
    took = []
    for count in (FEW, FEW, MANY):
        path = new(schema).rename(tmp_path / f"{len(took)}.db")
        with Journal.open(path) as journal:
            journal.commit(entries(enter, count))
            seen = []
            took.append(peak(lambda journal=journal, seen=seen: seen.append(sum(1 for _ in journal.rows()))))
            assert seen == [count]
    assert took[2] < took[1] + GROWTH


def test_the_index_beside_the_journal_counts_every_current_row(schema, new, enter):
    path = new(schema)
    with Journal.open(path) as journal:
        journal.commit([enter("a", uploaded="1"), enter("b", uploaded="1")])
    with Journal.open(path) as journal:  # a second current row of a path, as another tool leaves it
        journal._schema.insert([enter("a", uploaded="2")], 5)
    with Journal.open(path) as journal:
        with pytest.raises(JournalChangedError):
            journal.commit([enter("a")])
        with pytest.raises(JournalChangedError, match="“b”"):
            journal.commit([enter("c"), enter("b")])
        journal.commit([enter("c")])
        journal.commit([Entry(Action.CLOSE, old_id=1)])
        with pytest.raises(JournalChangedError):
            journal.commit([enter("a")])
        journal.commit([Entry(Action.CLOSE, old_id=3), enter("a")])
        assert sorted(row.path for row in journal.rows(active=True)) == ["a", "b", "c"]


def test_nothing_of_the_index_is_in_the_journal(schema, new, enter, dump):
    path = new(schema)
    before = set(dump(path))
    with Journal.open(path) as journal:
        journal.commit([enter("a")])
    assert set(dump(path)) - {"sqlite_sequence"} == before - {"sqlite_sequence"}
