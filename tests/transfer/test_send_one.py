"""A journal goes to the store as the files of the site do."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from awayworld import OUTAGE_5, AwayStore, Clock
from memorystore import MemoryStore
from sending import content, md5_hex

from chorus_gui.core.errors import AccessError, Cancelled, ConditionError, SourceVanishedError
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.outage import Outage
from chorus_gui.core.storage.retrying import RetryingStore
from chorus_gui.core.transfer.one import send_one
from chorus_gui.core.waiting import Waiting


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    file = tmp_path / "journal.db"
    file.write_bytes(os.urandom(1030))
    return file


@pytest.mark.parametrize("size", [0, 100, 101, 1030])
def test_it_is_proved(store: MemoryStore, journal: Path, size: int):
    data = os.urandom(size)
    journal.write_bytes(data)
    ctx = JobContext()
    proof = send_one(store, "v/journal.db", journal, ctx)
    assert content(store, "v/journal.db") == data
    head = store.head("v/journal.db")
    assert head is not None
    assert (proof.md5, proof.etag, proof.sent_bytes) == (md5_hex(data), head.etag, size)
    assert head.md5 == proof.md5
    assert ctx.progress.snapshot().total.files == 0, "it is none of the files that are counted"


def test_blocks_that_were_staged_before_an_interruption_are_used(store: MemoryStore, journal: Path):
    ctx = JobContext()
    store.latency = 0.005

    def cancel() -> None:
        while len(store.list_staged("journal.db")) < 6:
            time.sleep(0.001)
        ctx.cancel()

    threading.Thread(target=cancel, daemon=True).start()
    with pytest.raises(Cancelled):
        send_one(store, "journal.db", journal, ctx)
    staged = len(store.list_staged("journal.db"))
    assert 6 <= staged < 21
    store.calls.clear()
    proof = send_one(store, "journal.db", journal, JobContext())
    assert store.calls["stage_block"] == 21 - staged
    assert proof.reused_bytes == 50 * staged
    assert content(store, "journal.db") == journal.read_bytes()


@pytest.mark.parametrize("size", [80, 1030])
def test_it_replaces_only_what_it_may(store: MemoryStore, journal: Path, size: int):
    journal.write_bytes(os.urandom(size))
    first = send_one(store, "journal.db", journal, JobContext(), replaces="")
    with pytest.raises(ConditionError):
        send_one(store, "journal.db", journal, JobContext(), replaces="")
    second = send_one(store, "journal.db", journal, JobContext(), replaces=first.etag)
    with pytest.raises(ConditionError):
        send_one(store, "journal.db", journal, JobContext(), replaces=first.etag)
    head = store.head("journal.db")
    assert head is not None
    assert head.etag == second.etag


def test_what_prevents_it_is_raised(store: MemoryStore, journal: Path, tmp_path: Path):
    error = AccessError("no permission")
    store.fail_next("commit_blocks", error)
    with pytest.raises(AccessError) as raised:
        send_one(store, "journal.db", journal, JobContext())
    assert raised.value is error
    with pytest.raises(SourceVanishedError):
        send_one(store, "journal.db", tmp_path / "nothing.db", JobContext())


def test_a_person_sees_what_it_waits_for(store: MemoryStore, journal: Path, monkeypatch: pytest.MonkeyPatch):
    clock, shown = Clock(monkeypatch), set[Waiting | None]()
    ctx, real = JobContext(), JobContext.sleep

    def sleep(self: JobContext, seconds: float) -> None:
        shown.add(ctx.progress.snapshot().waiting)
        real(self, seconds)

    monkeypatch.setattr(JobContext, "sleep", sleep)
    known = Outage(clock=clock, patience=900)
    known.answered()
    send_one(RetryingStore(AwayStore(store, clock, 3, OUTAGE_5), known), "journal.db", journal, ctx)
    assert any(waiting is not None and waiting.ends for waiting in shown)
    assert ctx.progress.snapshot().waiting is None
    assert content(store, "journal.db") == journal.read_bytes()
