"""Items in, proofs out."""

from __future__ import annotations

import os
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from memorystore import MemoryStore
from sending import Probe, Site, content, md5_hex, send

from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.errors import (
    AccessError,
    BlobNameError,
    Cancelled,
    ChecksumError,
    ConditionError,
    SourceUnreadableError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Failure, Item, Level, Proof
from chorus_gui.core.storage.base import BlobInfo, StoreLimits
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.storage.retry import RetryPolicy
from chorus_gui.core.transfer.blocks import MIB, block_id, block_size, id_length
from chorus_gui.core.transfer.sender import UNANSWERED
from chorus_gui.core.transfer.transfer import transfer

SIZES = [0, 1, 50, 99, 100, 101, 149, 150, 151, 1234]


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_every_file_lies_in_the_store_and_is_proved(site: Site, store: MemoryStore, threads: int):
    data = {f"{number}/{size}.dcm": os.urandom(size) for number in range(5) for size in SIZES}
    for path, value in data.items():
        site.add(path, value)
    run = send(site.items, site.root, store, threads=threads)
    assert run.error is None
    assert run.failures == {}
    assert run.proofs.keys() == data.keys()
    for path, value in data.items():
        proof = run.proofs[path]
        assert content(store, f"v/{path}") == value
        assert (proof.md5, proof.level, proof.sent_bytes, proof.reused_bytes) == (md5_hex(value), Level.TRANSPORT, len(value), 0)
        head = store.head(f"v/{path}")
        assert head is not None
        assert (head.etag, head.md5) == (proof.etag, proof.md5)
    assert run.count == (len(data), sum(map(len, data.values())), 0)
    assert run.ctx.progress.snapshot().active == ()


def test_into_a_folder(site: Site, tmp_path: Path):
    store = LocalStore(tmp_path / "central", create=True)
    small = site.add("a/small.dcm", os.urandom(4096))
    large = site.add("a/large.dcm", os.urandom(17 * MIB + 5))
    run = send(site.items, site.root, store, threads=4)
    assert run.error is None
    assert run.failures == {}
    for item in (small, large):
        assert (tmp_path / "central" / item.store_path).read_bytes() == (site.root / item.path).read_bytes()
    assert [p.name for p in (tmp_path / "central" / ".chorus-staging").rglob("*") if p.is_file()] == []


def test_nothing_to_send_gives_nothing(store: MemoryStore, tmp_path: Path):
    assert send([], tmp_path, store).proofs == {}


def test_items_are_pulled_in_the_callers_thread_and_not_far_ahead(site: Site, store: MemoryStore):
    pulled: list[int] = []
    item = site.add("a", b"1")

    def items() -> Iterator[Item]:
        for number in range(5_000):
            pulled.append(threading.get_ident())
            yield Item(number, "Images", "a", f"v/{number}", item.size, item.mtime_us)

    results = transfer(items(), {"Images": FolderSource(site.root)}, store, JobContext(), Threads(2))
    next(results)
    assert len(pulled) <= 40
    results.close()
    assert set(pulled) == {threading.get_ident()}


def test_an_md5_that_was_recorded_before_must_be_met(site: Site, store: MemoryStore):
    site.add("right", b"content", md5_hex(b"content"))
    site.add("wrong", b"content", md5_hex(b"other"))
    site.add("right-large", b"content" * 100, md5_hex(b"content" * 100))
    site.add("wrong-large", b"content" * 100, md5_hex(b"other"))
    site.add("etag", b"content", "0123456789abcdef0123456789abcdef-2")
    run = send(site.items, site.root, store)
    assert set(run.proofs) == {"right", "right-large", "etag"}
    assert {path: failure.kind for path, failure in run.failures.items()} == {
        "wrong": "ContentChangedError",
        "wrong-large": "ContentChangedError",
    }
    assert sorted(info.path for info in store.list()) == ["v/etag", "v/right", "v/right-large"]
    assert run.count == (3, 7 + 700 + 7, 2)


CHANGES: dict[str, Callable[[Path], Any]] = {
    "grown": lambda file: file.write_bytes(file.read_bytes() + b"x"),
    "shrunk": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "touched": lambda file: os.utime(file, (1, 1)),
    "vanished": lambda file: file.unlink(),
}


@pytest.mark.parametrize("size", [80, 400], ids=["small", "large"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changed_since_it_was_approved_is_reported_not_sent(site: Site, store: MemoryStore, size: int, change: str):
    site.add("a", os.urandom(size))
    site.add("good", os.urandom(size))
    CHANGES[change](site.root / "a")
    run = send(site.items, site.root, store)
    assert set(run.proofs) == {"good"}
    assert run.failures["a"].kind == ("SourceVanishedError" if change == "vanished" else "SourceChangedError")
    assert run.failures["a"].remedy
    assert [info.path for info in store.list()] == ["v/good"]
    assert run.count == (1, size, 1)


@pytest.mark.parametrize(("size", "at"), [(80, 0), (80, 1), (400, 0), (400, 3), (400, 8)])
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_read_is_reported_not_sent(site: Site, store: MemoryStore, size: int, at: int, change: str):
    if change == "vanished" and os.name == "nt":
        pytest.skip("Windows keeps a file that is open from being deleted")
    site.add("a", os.urandom(size))
    source = Probe(site.root, {("a", at): lambda: CHANGES[change](site.root / "a")})
    run = send(site.items, source, store)
    assert set(run.failures) == {"a"}
    assert run.failures["a"].kind == ("SourceVanishedError" if change == "vanished" else "SourceChangedError")
    assert list(store.list()) == []
    assert run.count == (0, 0, 1)


def test_content_that_changes_behind_an_equal_size_and_time_is_found_by_its_md5(site: Site, store: MemoryStore):
    item = site.add("a", b"old content" * 20, md5_hex(b"old content" * 20))
    found = os.stat(site.root / "a")
    (site.root / "a").write_bytes(b"new content" * 20)
    os.utime(site.root / "a", ns=(found.st_atime_ns, found.st_mtime_ns))
    run = send([item], site.root, store)
    assert run.failures["a"].kind == "ContentChangedError"
    assert list(store.list()) == []


@pytest.mark.parametrize("error", [StoreUnavailableError("busy"), ChecksumError("torn")])
@pytest.mark.parametrize("lost_answer", [False, True])
def test_retries_are_counted_and_bytes_counted_once(site: Site, store: MemoryStore, error: StoreError, lost_answer: bool):
    for number in range(10):
        site.add(f"small{number}", os.urandom(100))
        site.add(f"large{number}", os.urandom(430))
    for call, times in (("put", 4), ("stage_block", 6), ("commit_blocks", 2), ("list_staged", 2)):
        store.fail_next(call, error, times, done=lost_answer)
    run = send(site.items, site.root, store, retry=RetryPolicy(attempts=20, base=0.0005))
    assert run.error is None
    assert run.failures == {}
    assert run.count == (20, 10 * 530, 0)
    for item in site.items:
        assert content(store, item.store_path) == (site.root / item.path).read_bytes()
    # what was refused was sent again; what was done though the answer was lost, too (a commit cannot be, and is looked up)
    assert store.calls["put"] == 10 + 4
    assert store.calls["stage_block"] == 90 + 6
    if lost_answer:  # the second fault may strike the first one's repetition, which finds no blocks and looks
        assert 1 <= store.calls["head"] <= 2
        assert store.calls["commit_blocks"] == 10 + store.calls["head"]
    else:
        assert store.calls["head"] == 0
        assert store.calls["commit_blocks"] == 10 + 2


@pytest.mark.parametrize("call", ["put", "stage_block", "commit_blocks", "list_staged"])
def test_after_the_last_attempt_a_file_fails_and_gives_its_bytes_back(site: Site, store: MemoryStore, call: str):
    item = site.add("a", os.urandom(100 if call == "put" else 430))
    store.fail_next(call, StoreUnavailableError("The store is busy.", remedy="Wait."), 1000)
    run = send([item], site.root, store, threads=1)
    failure = run.failures["a"]
    assert (failure.kind, failure.cause, failure.remedy, failure.attempts) == (
        "StoreUnavailableError",
        "The store is busy.",
        "Wait.",
        RetryPolicy().attempts,
    )
    assert run.count == (0, 0, 1)
    assert list(store.list()) == []


def test_a_commit_that_lost_its_blocks_is_no_proof(site: Site, store: MemoryStore):
    """Somebody else's blob of the same size lies there: its MD5 tells that ours did not arrive."""
    item = site.add("a", os.urandom(200))
    store.put("v/a", os.urandom(200))
    store.fail_next("commit_blocks", StoreUnavailableError("busy"), 1)

    class Forgetful(MemoryStore):
        def commit_blocks(self, path, block_ids, **conditions):
            store._staged.pop(path, None)
            return store.commit_blocks(path, block_ids, **conditions)

    forgetful = Forgetful(limits=store.limits)
    forgetful._blobs, forgetful._staged = store._blobs, store._staged
    run = send([item], site.root, forgetful)
    assert run.failures["a"].kind == "BlobNotFoundError"


@pytest.mark.parametrize("error", [BlobNameError("no such name"), ConditionError("no"), StoreError("odd")])
def test_a_refusal_of_one_file_leaves_the_others(site: Site, store: MemoryStore, error: StoreError):
    for number in range(20):
        site.add(f"{number}", b"x" * 10)
    store.fail_next("put", error)
    run = send(site.items, site.root, store)
    assert run.error is None
    assert len(run.proofs) == 19
    assert [failure.kind for failure in run.failures.values()] == [type(error).__name__]


@pytest.mark.parametrize("call", ["put", "stage_block", "commit_blocks"])
@pytest.mark.parametrize("error", [AccessError("no permission"), StoreFullError("no room")])
def test_a_refusal_of_everything_stops_the_job_and_loses_no_proof(site: Site, store: MemoryStore, call: str, error: StoreError):
    for number in range(400):
        site.add(f"{number}", os.urandom(10 if call == "put" else 120))
    done = threading.Event()

    def seen(result: Proof | Failure) -> None:
        if not done.is_set():
            done.set()
            store.fail_next(call, error, 1000)

    run = send(site.items, site.root, store, seen=seen)
    assert run.error is error
    assert run.failures == {}
    assert 0 < len(run.proofs) < 400
    assert {info.path for info in store.list()} == {proof.item.store_path for proof in run.proofs.values()}
    assert run.count[0] == len(run.proofs)
    assert_no_threads_left()


def assert_no_threads_left() -> None:
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("pool")] == []


def test_a_store_that_does_not_answer_any_more_stops_the_job(site: Site, store: MemoryStore):
    for number in range(100):
        site.add(f"{number}", b"x")
    error = StoreUnavailableError("gone")
    store.fail_next("put", error, 100_000)
    run = send(site.items, site.root, store, threads=2, retry=RetryPolicy(attempts=2, base=0.0001))
    assert run.error is error
    assert run.proofs == {}
    assert UNANSWERED - 1 <= len(run.failures) <= UNANSWERED + 1
    assert_no_threads_left()


def test_now_and_then_an_unanswered_file_does_not(site: Site, store: MemoryStore, monkeypatch: pytest.MonkeyPatch):
    for number in range(40):
        site.add(f"{number}", b"x")
    put = MemoryStore.put

    def busy_for_odd_ones(self: MemoryStore, path: str, *args: Any, **options: Any) -> BlobInfo:
        if int(path.rpartition("/")[2]) % 2:
            raise StoreUnavailableError("busy")
        return put(self, path, *args, **options)

    monkeypatch.setattr(MemoryStore, "put", busy_for_odd_ones)
    run = send(site.items, site.root, store, threads=1, retry=RetryPolicy(attempts=1))
    assert run.error is None
    assert (len(run.proofs), len(run.failures)) == (20, 20)


def test_a_bug_is_raised_and_loses_no_proof(site: Site, store: MemoryStore):
    for number in range(50):
        site.add(f"{number}", b"x")
    store.fail_next("put", ZeroDivisionError(), 1)
    run = send(site.items, site.root, store, threads=1)
    assert isinstance(run.error, ZeroDivisionError)
    assert len(run.proofs) == len(list(store.list()))
    assert_no_threads_left()


def test_items_that_cannot_be_pulled_any_more_lose_no_proof(site: Site, store: MemoryStore):
    for number in range(30):
        site.add(f"{number}", b"x")

    def items() -> Iterator[Item]:
        yield from site.items
        raise OSError("the database is gone")

    run = send(items(), site.root, store)
    assert isinstance(run.error, OSError)
    assert {info.path for info in store.list()} == {proof.item.store_path for proof in run.proofs.values()}
    assert_no_threads_left()


@pytest.mark.parametrize("size", [10, 430])
def test_cancel_stops_promptly_and_loses_no_proof(site: Site, store: MemoryStore, size: int):
    for number in range(300):
        site.add(f"{number}", os.urandom(size))
    store.latency = 0.002
    ctx = JobContext()

    def seen(result: Proof | Failure) -> None:
        if len(list(store.list())) > 5:
            ctx.cancel()

    run = send(site.items, site.root, store, ctx=ctx, seen=seen)
    assert isinstance(run.error, Cancelled)
    assert 5 < len(run.proofs) < 60
    assert {info.path for info in store.list()} == {proof.item.store_path for proof in run.proofs.values()}
    assert_no_threads_left()


def test_cancel_ends_a_retry_wait_and_a_limit_wait(site: Site, store: MemoryStore):
    site.add("busy", b"x" * 10)
    site.add("slow", b"x" * 100)
    store.fail_next("put", StoreUnavailableError("busy", retry_after=60), 2)
    ctx = JobContext()
    ctx.limit.set(1)
    threading.Timer(0.2, ctx.cancel).start()
    began = time.monotonic()
    run = send(site.items, site.root, store, ctx=ctx)
    assert isinstance(run.error, Cancelled)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("paused", [False, True])
def test_closing_the_generator_ends_the_threads(site: Site, store: MemoryStore, paused: bool):
    for number in range(200):
        site.add(f"{number}", os.urandom(300))
    ctx = JobContext()
    results = transfer(site.items, {"Images": FolderSource(site.root)}, store, ctx, Threads(4))
    next(results)
    if paused:
        ctx.pause()
        time.sleep(0.05)
    results.close()
    assert_no_threads_left()
    assert not ctx.cancelled


def test_a_pause_holds_everything_and_nothing_is_lost(site: Site, store: MemoryStore):
    for number in range(100):
        site.add(f"{number}", os.urandom(300))
    ctx = JobContext()
    held: list[int] = []

    def look() -> None:
        time.sleep(0.1)  # requests that were under way end
        before = store.calls.total()
        time.sleep(0.2)
        held.append(store.calls.total() - before)
        ctx.resume()

    def seen(result: Proof | Failure) -> None:
        if not ctx.paused and not held:
            ctx.pause()
            threading.Thread(target=look).start()

    run = send(site.items, site.root, store, ctx=ctx, seen=seen)
    assert run.error is None
    assert held == [0]
    assert run.count == (100, 30_000, 0)


def test_the_limit_is_kept(site: Site, store: MemoryStore):
    for number in range(20):
        site.add(f"{number}", os.urandom(100))
    site.add("large", os.urandom(1000))
    ctx = JobContext()
    ctx.limit.set(2000)
    began = time.monotonic()
    assert send(site.items, site.root, store, ctx=ctx).error is None
    assert 0.4 < time.monotonic() - began < 4  # 3,000 bytes, the first second's for nothing


class Counting(MemoryStore):
    """Counts the requests that are in flight at the same time."""

    def __init__(self, limits: StoreLimits) -> None:
        super().__init__(limits=limits)
        self.gate = threading.Lock()
        self.flying = self.most = 0
        self.keep = True

    def stage_block(self, path, block_id, data, *, md5=None):
        with self.gate:
            self.flying += 1
            self.most = max(self.most, self.flying)
        time.sleep(0.002)
        super().stage_block(path, block_id, data if self.keep else b"-", md5=md5 if self.keep else None)
        with self.gate:
            self.flying -= 1


def test_a_large_files_blocks_go_in_parallel_but_never_more_than_threads(site: Site):
    store = Counting(StoreLimits(put_bytes=100, block_bytes=50))
    for number in range(6):
        site.add(f"{number}", os.urandom(3000))
    run = send(site.items, site.root, store, threads=5)
    assert run.error is None
    assert 3 <= store.most <= 5
    one = Counting(StoreLimits(put_bytes=100, block_bytes=50))
    assert send(site.items[:1], site.root, one, threads=5).error is None
    assert one.most <= 5
    assert content(one, "v/0") == (site.root / "0").read_bytes()


def test_memory_is_bounded_by_the_threads_not_by_the_files(site: Site):
    block, threads = MIB, 3
    store = Counting(StoreLimits(put_bytes=block, block_bytes=block))
    store.keep = False
    for number in range(4):
        site.add(f"large{number}", os.urandom(24 * block))
        site.add(f"small{number}", os.urandom(block))
    tracemalloc.start()
    try:
        send(site.items, site.root, store, threads=threads)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # small files are kept by the store: 4 MiB; one more for what the store copies while it does
    assert peak < (2 * threads + 4 + 1 + 1) * block


def test_blocks_grow_with_the_file():
    limits = StoreLimits(put_bytes=8 * MIB, block_bytes=4000 * MIB, blocks=50_000)
    assert block_size(9 * MIB, limits) == 8 * MIB
    assert block_size(50_000 * 8 * MIB, limits) == 8 * MIB
    assert block_size(50_000 * 8 * MIB + 1, limits) == 9 * MIB
    huge = 50_000 * 4000 * MIB
    assert block_size(huge, limits) == 4000 * MIB
    with pytest.raises(StoreError, match="at most"):
        block_size(huge + 1, limits)
    assert block_size(101, StoreLimits(put_bytes=100, block_bytes=50)) == 50


def test_a_file_too_large_for_the_store_fails_alone(site: Site):
    store = MemoryStore(limits=StoreLimits(put_bytes=10, block_bytes=10, blocks=3))
    site.add("fits", b"x" * 30)
    site.add("too large", b"x" * 31)
    run = send(site.items, site.root, store)
    assert set(run.proofs) == {"fits"}
    assert set(run.failures) == {"too large"}


@pytest.mark.parametrize("length", range(1, 65))
def test_ids_can_be_as_long_as_those_that_another_tool_left(length: int):
    count = min(50_000, 64**length)
    assert id_length(["x" * length], count) == length
    ids = {block_id(number, 8 * MIB, f"{number:032x}", length) for number in range(count)}
    assert len(ids) == count
    assert {len(name) for name in ids} == {length}
    assert all(name.isascii() and name.isprintable() for name in ids)
    if count < 50_000:
        with pytest.raises(BlobNameError):
            id_length(["x" * length], count + 1)


def test_ids_have_one_length():
    assert {len(block_id(n, size, "0" * 32)) for n in (0, 49_999) for size in (1, 4000 * MIB)} == {64}


def test_idle_is_called_while_a_file_is_under_way(site: Site, store: MemoryStore):
    site.add("a", b"x")
    store.latency = 0.8
    calls: list[int] = []
    assert list(
        transfer(
            site.items,
            {"Images": FolderSource(site.root)},
            store,
            JobContext(),
            Threads(1),
            idle=lambda: calls.append(threading.get_ident()),
        )
    )
    assert calls
    assert set(calls) == {threading.get_ident()}


@pytest.mark.parametrize(("size", "at"), [(80, 0), (400, 0), (400, 4)])
def test_a_disk_that_fails_while_a_file_is_read_fails_that_file(site: Site, store: MemoryStore, size: int, at: int):
    site.add("a", os.urandom(size))
    site.add("good", os.urandom(size))

    def fail() -> None:
        raise SourceUnreadableError("The disk failed.", remedy="Have it checked.")

    run = send(site.items, Probe(site.root, {("a", at): fail}), store)
    assert set(run.proofs) == {"good"}
    assert (run.failures["a"].kind, run.failures["a"].remedy) == ("SourceUnreadableError", "Have it checked.")
    assert run.count == (1, size, 1)


@pytest.mark.parametrize("landed", [True, False])
def test_a_large_file_whose_answer_was_lost_is_read_where_the_store_keeps_no_md5(site: Site, tmp_path: Path, landed: bool):
    item = site.add("a", os.urandom(250))

    class Losing(LocalStore):
        lost = False

        def write(self, path, content, **conditions):
            info = super().write(path, content, **conditions)
            if not self.lost:
                self.lost = True
                if not landed:
                    (tmp_path / "central" / path).write_bytes(os.urandom(250))
                raise StoreUnavailableError("no answer")
            return info

    store = Losing(tmp_path / "central", create=True)
    store.limits = StoreLimits(put_bytes=100, blocks=0)
    run = send([replace(item, replaces="")], site.root, store)
    assert set(run.proofs if landed else run.failures) == {"a"}
    if landed:
        assert run.proofs["a"].level is Level.REREAD
        head = store.head("v/a")
        assert head is not None
        assert run.proofs["a"].etag == head.etag
