"""Which stores the contract suite runs on.

A store that needs more than this folder joins by a module ``azure_factory.py`` beside this file, with
``FACTORIES: dict[str, Callable[[pytest.FixtureRequest, Path], Store]]`` (each makes an empty store; the fixture closes it).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from memorystore import MemoryStore

from chorus_gui.core.storage.base import Store, StoreLimits
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.storage.retrying import RetryingStore
from chorus_gui.core.submission.guard import GuardedStore

Factory = Callable[[pytest.FixtureRequest, Path], Store]


def _local(request: pytest.FixtureRequest, folder: Path) -> Store:
    root = folder / "central"
    root.mkdir()
    return LocalStore(root)


STREAMING = StoreLimits(put_bytes=1000, blocks=0)

STREAMS: dict[str, Factory] = {
    "local": _local,
    "memory": lambda request, folder: MemoryStore(limits=STREAMING),
    "retrying": lambda request, folder: RetryingStore(MemoryStore(limits=STREAMING)),
    "guarded": lambda request, folder: GuardedStore(RetryingStore(MemoryStore(limits=STREAMING))),
}
"""Stores that take no blocks, and write a large blob as it is read."""

FACTORIES: dict[str, Factory] = {
    "local": _local,
    "memory": lambda request, folder: MemoryStore(),
    "retrying": lambda request, folder: RetryingStore(MemoryStore()),
    "guarded": lambda request, folder: GuardedStore(RetryingStore(MemoryStore())),
}

_more = Path(__file__).with_name("azure_factory.py")
if _more.exists():
    _spec = importlib.util.spec_from_file_location("azure_factory", _more)
    assert _spec is not None
    assert _spec.loader is not None
    _module = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(_module)
    FACTORIES.update(_module.FACTORIES)


@pytest.fixture(params=sorted(FACTORIES.keys() - {"local"}))
def blocks(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind that takes blocks."""
    made = FACTORIES[request.param](request, tmp_path)
    assert made.limits.blocks
    yield made
    made.close()


@pytest.fixture(params=sorted(STREAMS))
def stream(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind that takes no blocks."""
    made = STREAMS[request.param](request, tmp_path)
    assert not made.limits.blocks
    yield made
    made.close()


@pytest.fixture(params=sorted(FACTORIES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    made = FACTORIES[request.param](request, tmp_path)
    yield made
    made.close()
