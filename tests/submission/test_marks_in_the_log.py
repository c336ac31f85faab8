"""What a person says about files is in the run's log, so that a receipt can be made of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from memorystore import MemoryStore
from world import World

from chorus_gui.core.model import ChangeKind, Level, Tally, Transfers
from chorus_gui.core.storage.base import Store
from chorus_gui.core.submission.mark import mark_as_deleted, mark_as_uploaded


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, page_size=1)
    made.put("1/Images/a.dcm", "12345")
    made.put("1/Images/b.dcm", "1234567")
    made.put("OMOP/person.csv", "123")
    return made


def test_deleted_files(world: World) -> None:
    world.run(version="v1")
    with world.working() as work:
        marked = mark_as_deleted(work, ["1/Images/a.dcm", "OMOP/person.csv", "no/such/file"])
    assert sorted(marked.marked) == ["1/Images/a.dcm", "OMOP/person.csv"]
    assert work.log.entered == {"Images": {ChangeKind.DELETED: Tally(1, 5)}, "OMOP": {ChangeKind.DELETED: Tally(1, 3)}}
    assert (work.log.uploaded, work.log.versions) == ({}, set())


def in_memory(world: World) -> Store:
    """It keeps an MD5; a folder has none, so that its files are read."""
    store = MemoryStore()
    for path in ("1/Images/a.dcm", "1/Images/b.dcm"):
        store.put(f"v1/{path}", (world.site / path).read_bytes())
    return store


def in_a_folder(world: World) -> Store:
    for path in ("1/Images/a.dcm", "1/Images/b.dcm"):
        world.store.put(f"v1/{path}", (world.site / path).read_bytes())
    return world.store


@pytest.mark.parametrize(("filled", "level"), [(in_memory, Level.PROPERTIES), (in_a_folder, Level.REREAD)])
def test_uploaded_files(world: World, filled: object, level: Level) -> None:
    world.run("record", version="v1")
    store = filled(world)  # type: ignore[operator]
    with world.working() as work:
        marked = mark_as_uploaded(
            work, store, ["1/Images/a.dcm", "1/Images/b.dcm", "OMOP/person.csv"], upload_time="20260101000000", central=False
        )
    assert sorted(marked.marked) == ["1/Images/a.dcm", "1/Images/b.dcm"]
    assert [verdict.row.path for verdict in marked.refused] == ["OMOP/person.csv"]
    assert work.log.uploaded == {"Images": Tally(2, 12)}
    assert work.log.versions == {"v1"}
    assert work.log.proofs == {level: 2}
    assert work.log.transfers == Transfers(found=Tally(2, 12)), "another tool sent them"
