"""A site's folder, and a store that takes little at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from memorystore import MemoryStore
from sending import SMALL_LIMITS, Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    root = tmp_path / "site"
    root.mkdir()
    return Site(root)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that answers others meanwhile is asked again at once."""
    monkeypatch.setattr("chorus_gui.core.storage.outage.PAUSE_S", 0.01)


@pytest.fixture
def store() -> MemoryStore:
    """Small files up to 100 bytes, blocks of 50."""
    return MemoryStore(limits=SMALL_LIMITS)
