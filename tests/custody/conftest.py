"""A store in memory, and two people who share the journal in it."""

from pathlib import Path

import pytest
from custodyworld import BLOB, journal_bytes, person
from memorystore import MemoryStore

from chorus_gui.core.custody.cloud_journal import CloudJournal


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def anna(store: MemoryStore, tmp_path: Path) -> CloudJournal:
    return person(store, tmp_path / "anna")


@pytest.fixture
def ben(store: MemoryStore, tmp_path: Path) -> CloudJournal:
    return person(store, tmp_path / "ben", "ben", "PC-2")


@pytest.fixture
def shared(store: MemoryStore) -> MemoryStore:
    """A journal that somebody checked in."""
    store.put(BLOB, journal_bytes("base.dcm"))
    return store
