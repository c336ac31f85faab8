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


@pytest.fixture
def store() -> MemoryStore:
    """Small files up to 100 bytes, blocks of 50."""
    return MemoryStore(limits=SMALL_LIMITS)
