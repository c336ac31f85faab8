"""A store that is away for a while is waited for; one file that gets no answer is not."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from awayworld import OUTAGE_5, AwayStore, Clock, Trouble
from memorystore import MemoryStore
from sending import Site, send

from chorus_gui.core.errors import Silence, StoreUnavailableError
from chorus_gui.core.model import Level
from chorus_gui.core.storage import outage
from chorus_gui.core.storage.base import BlobInfo
from chorus_gui.core.storage.outage import Outage
from chorus_gui.core.storage.retry import RetryPolicy
from chorus_gui.core.storage.retrying import RetryingStore

ONCE = RetryPolicy(attempts=1)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "PATIENCE_S", 5.0)
    monkeypatch.setattr(outage, "PAUSE_S", 0.05)


class Away:
    """The store answers nothing for so many requests, whatever they are."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int, after: int = 0) -> None:
        self.asked, self.range = 0, range(after, after + count)
        self.lock = threading.Lock()
        for name in ("put", "stage_block", "commit_blocks", "list_staged", "head"):
            real = getattr(MemoryStore, name)

            def answer(memory: MemoryStore, *args: Any, real: Any = real, **options: Any) -> Any:
                with self.lock:
                    self.asked += 1
                    if self.asked in self.range:
                        raise StoreUnavailableError("no answer")
                return real(memory, *args, **options)

            monkeypatch.setattr(MemoryStore, name, answer)


@pytest.mark.parametrize("size", [10, 430])
@pytest.mark.parametrize("threads", [1, 4])
def test_nothing_fails_while_the_network_is_away(
    site: Site, store: MemoryStore, monkeypatch: pytest.MonkeyPatch, size: int, threads: int
) -> None:
    for number in range(20):
        site.add(f"{number}", bytes([number]) * size)
    Away(monkeypatch, 60, after=12)
    run = send(site.items, site.root, store, threads=threads, retry=ONCE)
    assert run.error is None
    assert run.failures == {}
    assert len(run.proofs) == 20


def test_a_file_that_alone_gets_no_answer_is_given_up(site: Site, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        site.add(f"{number}", b"x")
    put, asked = MemoryStore.put, []

    def blocked(self: MemoryStore, path: str, *args: Any, **options: Any) -> BlobInfo:
        if path.endswith("/3"):
            asked.append(path)
            raise StoreUnavailableError("a proxy swallows it")
        return put(self, path, *args, **options)

    monkeypatch.setattr(MemoryStore, "put", blocked)
    for threads in (1, 4):
        asked.clear()
        run = send(site.items, site.root, store, threads=threads, retry=ONCE)
        assert run.error is None
        assert set(run.failures) == {"3"}
        assert 1 < len(asked) <= outage.REFUSALS + 2


@pytest.mark.parametrize("count", [1, 3, 7])
@pytest.mark.parametrize("before", [0, 5])
def test_a_few_files_that_are_not_answered_at_the_end_stop_the_job_too(
    site: Site, store: MemoryStore, monkeypatch: pytest.MonkeyPatch, count: int, before: int
) -> None:
    """Whoever runs it again must know that the network was gone, however few the files were."""
    monkeypatch.setattr(outage, "PATIENCE_S", 0.0)
    for number in range(before + count):
        site.add(f"{number}", b"x")
    Away(monkeypatch, 1000, after=before + 1)
    run = send(site.items, site.root, store, threads=1, retry=ONCE)
    assert isinstance(run.error, StoreUnavailableError)
    assert (len(run.proofs), len(run.failures)) == (before, count)


def test_a_network_that_came_back_stops_nothing(site: Site, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "PATIENCE_S", 0.0)
    for number in range(5):
        site.add(f"{number}", b"x")
    Away(monkeypatch, 3)
    run = send(site.items, site.root, store, threads=1, retry=ONCE)
    assert run.error is None
    assert (len(run.proofs), len(run.failures)) == (4, 1)


# --- a store that waits by itself, as the workspace gives it -----------------------------------------------------------------


@pytest.mark.parametrize("size", [10, 430])
@pytest.mark.parametrize("threads", [1, 4])
def test_a_store_that_waits_is_waited_for_once(
    site: Site, store: MemoryStore, monkeypatch: pytest.MonkeyPatch, size: int, threads: int
) -> None:
    clock = Clock(monkeypatch)
    for number in range(20):
        site.add(f"{number}", bytes([number]) * size)
    known = Outage(clock=clock, patience=900)
    run = send(site.items, site.root, RetryingStore(AwayStore(store, clock, 12, OUTAGE_5), known), threads=threads)
    assert run.error is None
    assert run.failures == {}
    assert len(run.proofs) == 20


def test_a_store_that_waited_in_vain_is_not_waited_for_again(site: Site, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    for number in range(20):
        site.add(f"{number}", b"x")
    away = AwayStore(store, clock, 5, Trouble(minutes=1000))
    run = send(site.items, site.root, RetryingStore(away, Outage(clock=clock, patience=900)), threads=1)
    assert isinstance(run.error, StoreUnavailableError)
    assert run.error.silence is Silence.STOPPED
    assert len(run.proofs) == 5
    assert 900 <= clock.now < 1100


def test_a_failure_says_how_often_the_file_was_sent(site: Site, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    site.add("0", b"x")
    site.add("1", b"x")
    put = MemoryStore.put

    def blocked(self: MemoryStore, path: str, *args: Any, **options: Any) -> BlobInfo:
        if path.endswith("/1"):
            raise StoreUnavailableError("a proxy swallows it")
        return put(self, path, *args, **options)

    monkeypatch.setattr(MemoryStore, "put", blocked)
    run = send(site.items, site.root, RetryingStore(store, Outage(clock=clock, patience=900)), threads=1)
    assert run.error is None
    assert run.failures["1"].attempts == 3 * RetryPolicy().attempts
    assert clock.now < 120


@pytest.mark.parametrize("size", [10, 430])
def test_a_write_whose_answer_was_lost_is_confirmed_by_what_the_store_shows(
    site: Site, store: MemoryStore, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    clock = Clock(monkeypatch)
    site.add("0", b"x" * size)
    store.fail_next("put" if size == 10 else "commit_blocks", StoreUnavailableError("no answer"), done=True)
    run = send(site.items, site.root, RetryingStore(store, Outage(clock=clock, patience=900)), threads=1)
    assert run.failures == {}
    assert run.proofs["0"].level is (Level.TRANSPORT if size == 10 else Level.PROPERTIES), "a small file is simply sent again"
