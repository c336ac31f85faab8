"""A clock that waiting moves, and the job of this thread."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from awayworld import Clock

from chorus_gui.core.job import JobContext


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def ctx() -> Iterator[JobContext]:
    with JobContext().entered() as job:
        yield job
