"""The modules of the folder installer, which is no package: each test gets them fresh."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

INSTALLER = Path(__file__).resolve().parents[2] / "installer"


@pytest.fixture
def installer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Import a module of the folder."""
    monkeypatch.syspath_prepend(str(INSTALLER))
    yield import_module
    for file in INSTALLER.glob("*.py"):
        sys.modules.pop(file.stem, None)
