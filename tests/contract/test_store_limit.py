"""What every store promises about the job that writes: its limit holds, and its cancellation leaves nothing behind."""

from __future__ import annotations

import os
import threading
import time

import pytest

from chorus_gui.core.errors import Cancelled
from chorus_gui.core.job import JobContext
from chorus_gui.core.limit import Limit
from chorus_gui.core.storage.base import Store

RATE = 500_000
DATA = os.urandom(300_000)


def test_a_put_keeps_the_limit(store: Store) -> None:
    with JobContext(Limit(RATE)).entered():
        store.put("warm", b"1")
        began = time.monotonic()
        for number in range(3):
            store.put(f"a/{number}", DATA)
        assert time.monotonic() - began > 1.3 * len(DATA) / RATE  # the last pieces are booked, and not waited for
    assert b"".join(store.read("a/1")) == DATA


def test_blocks_keep_the_limit(blocks: Store) -> None:
    with JobContext(Limit(RATE)).entered():
        blocks.list_staged("a")
        began = time.monotonic()
        for number in range(3):
            blocks.stage_block("a", f"{number:064d}", DATA)
        assert time.monotonic() - began > 1.3 * len(DATA) / RATE
        blocks.commit_blocks("a", [f"{number:064d}" for number in range(3)])
    assert b"".join(blocks.read("a")) == 3 * DATA


@pytest.mark.parametrize("paused", [False, True], ids=["cancelled", "paused and cancelled"])
def test_a_cancelled_put_leaves_nothing(store: Store, paused: bool) -> None:
    ctx = JobContext(Limit(20_000))
    with ctx.entered():
        store.head("a")
        store.put("first", b"1" * 4000)  # what the bucket has at once
        ctx.limit.reserve(40_000)
        timer = threading.Timer(0.3, ctx.cancel)
        timer.start()
        if paused:
            ctx.pause()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            store.put("a", DATA)
        assert time.monotonic() - began < 4  # it would take fifteen
        timer.join()
    assert store.head("a") is None
