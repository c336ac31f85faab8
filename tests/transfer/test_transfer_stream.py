"""A large file goes as it is read to a store that takes no blocks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from awayworld import OUTAGE_5, AwayStore, Clock
from memorystore import MemoryStore
from sending import Probe, Site, content, md5_hex, send

from chorus_gui.core.errors import Cancelled, SourceUnavailableError, StoreUnavailableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Level
from chorus_gui.core.storage.base import StoreLimits
from chorus_gui.core.storage.outage import Outage
from chorus_gui.core.storage.retrying import RetryingStore
from chorus_gui.core.transfer import stream


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "CHUNK", 100)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(limits=StoreLimits(put_bytes=100, blocks=0))


@pytest.mark.parametrize("threads", [1, 4])
def test_it_is_proved_by_the_md5_of_the_bytes_that_were_written(site: Site, store: MemoryStore, threads: int):
    data = {str(size): os.urandom(size) for size in (100, 101, 199, 200, 201, 5000)}
    for path, value in data.items():
        site.add(path, value)
    source = Probe(site.root, {})
    run = send(site.items, source, store, threads=threads)
    assert (run.error, run.failures) == (None, {})
    for path, value in data.items():
        proof = run.proofs[path]
        assert content(store, f"v/{path}") == value
        assert (proof.md5, proof.level, proof.sent_bytes) == (md5_hex(value), Level.TRANSPORT, len(value))
    assert (store.calls["put"], store.calls["write"]) == (1, len(data) - 1)
    assert source.bytes_read == sum(map(len, data.values())), "each file is read once"
    assert run.count == (len(data), sum(map(len, data.values())), 0)
    assert run.ctx.progress.snapshot().active == ()


CHANGES: dict[str, Callable[[Path], object]] = {
    "touched": lambda file: os.utime(file, (1, 1)),
    "longer": lambda file: file.write_bytes(b"x" * 2000),
    "shorter": lambda file: os.truncate(file, 450),
}


@pytest.mark.parametrize("at", [0, 3, 10])
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_read_does_not_arrive(site: Site, store: MemoryStore, change: str, at: int):
    site.add("a", b"y" * 1000)
    site.add("good", os.urandom(1000))
    store.put("v/a", b"before")
    run = send(site.items, Probe(site.root, {("a", at): lambda: CHANGES[change](site.root / "a")}), store)
    assert run.failures["a"].kind == "SourceChangedError"
    assert set(run.proofs) == {"good"}
    assert content(store, "v/a") == b"before"
    assert run.count == (1, 1000, 1)


def test_a_file_with_another_md5_than_was_approved_does_not_arrive(site: Site, store: MemoryStore):
    site.add("a", b"y" * 1000, md5_hex(b"other"))
    assert send(site.items, site.root, store).failures["a"].kind == "ContentChangedError"
    assert list(store.list()) == []


@pytest.mark.parametrize("at", range(4))
def test_an_outage_is_waited_for(site: Site, store: MemoryStore, monkeypatch: pytest.MonkeyPatch, at: int):
    clock = Clock(monkeypatch)
    for number in range(4):
        site.add(f"{number}", bytes([number]) * 1000)
    known = Outage(clock=clock, patience=900)
    known.answered()
    run = send(site.items, site.root, RetryingStore(AwayStore(store, clock, at, OUTAGE_5), known), threads=1)
    assert (run.error, run.failures) == (None, {})
    assert len(run.proofs) == 4
    assert run.count == (4, 4000, 0)


def test_a_store_that_breaks_off_in_the_middle_gets_the_file_from_the_beginning(site: Site, store: MemoryStore):
    class Torn(MemoryStore):
        left = 2

        def write(self, path, content, **options):
            if self.left:
                self.left -= 1
                chunks = content.chunks()
                next(chunks)
                next(chunks)
                chunks.close()
                raise StoreUnavailableError("the share is gone")
            return super().write(path, content, **options)

    data = os.urandom(1000)
    site.add("a", data)
    torn = Torn(limits=store.limits)
    run = send(site.items, site.root, torn)
    assert run.failures == {}
    assert content(torn, "v/a") == data
    assert run.count == (1, 1000, 0)


def test_a_lost_answer_is_found_by_what_the_store_shows(site: Site, store: MemoryStore):
    site.add("a", os.urandom(1000))
    store.fail_next("write", StoreUnavailableError("no answer"), done=True)
    run = send([replace(site.items[0], replaces="")], site.root, store)
    assert run.proofs["a"].level is Level.PROPERTIES
    assert run.count == (1, 1000, 0)


def test_a_share_of_the_site_that_is_away_is_not_the_stores_outage(site: Site, store: MemoryStore):
    site.add("a", os.urandom(1000))
    site.add("good", os.urandom(1000))

    def away() -> None:
        raise SourceUnavailableError("the site's share does not answer")

    run = send(site.items, Probe(site.root, {("a", 4): away}), store, threads=1)
    assert (run.failures["a"].kind, run.failures["a"].attempts) == ("SourceUnavailableError", 1)
    assert (store.calls["write"], store.calls["head"]) == (2, 0), "nobody asked if the store is there"


def test_a_slow_site_is_not_shown_as_a_silent_store(site: Site, store: MemoryStore, monkeypatch: pytest.MonkeyPatch):
    clock = Clock(monkeypatch)
    known = Outage(clock=clock, patience=900)
    known.answered()
    shown: list[object] = []
    ctx = JobContext()

    def slow() -> None:
        clock.pass_by(20)
        shown.append(ctx.progress.snapshot().waiting)

    site.add("a", os.urandom(1000))
    hooks: dict[tuple[str, int], Callable[[], None]] = {("a", number): slow for number in range(1, 10)}
    run = send(site.items, Probe(site.root, hooks), RetryingStore(store, known), ctx=ctx, threads=1)
    assert run.error is None
    assert shown == [None] * 9


def test_a_silent_store_is_shown_while_a_large_file_is_written(site: Site, store: MemoryStore, monkeypatch: pytest.MonkeyPatch):
    clock = Clock(monkeypatch)
    known = Outage(clock=clock, patience=900)
    known.answered()
    shown: list[object] = []
    ctx = JobContext()

    class Slow(MemoryStore):
        def write(self, path, content, **options):
            for number, _ in enumerate(content.chunks()):
                if number == 3:
                    clock.pass_by(60)  # the share hangs
                    shown.append(ctx.progress.snapshot().waiting)
            return super().write(path, content, **options)

    site.add("a", os.urandom(1000))
    slow = Slow(limits=store.limits)
    assert send(site.items, site.root, RetryingStore(slow, known), ctx=ctx, threads=1).error is None
    assert len(shown) == 1
    assert shown[0] is not None
    assert ctx.progress.snapshot().waiting is None


def test_a_cancellation_ends_it_within_a_second(site: Site, store: MemoryStore):
    site.add("a", os.urandom(100_000))
    ctx = JobContext()
    ctx.limit.set(1000)
    threading.Timer(0.2, ctx.cancel).start()
    began = time.monotonic()
    run = send(site.items, site.root, store, ctx=ctx)
    assert isinstance(run.error, Cancelled)
    assert time.monotonic() - began < 0.2 + 3  # a second, and what a busy computer adds
    assert list(store.list()) == []
