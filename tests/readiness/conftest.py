"""A small site that follows the current layout, and how tests look at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from readinessworld import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site without a finding."""
    return Site(tmp_path)


@pytest.fixture
def made(tmp_path: Path) -> Callable[[str], Site]:
    """Another site by name."""
    return lambda name: Site(tmp_path / name)
