"""A large file in a cloud is read at several places at the same time, in one version, and its MD5 is that of its bytes in their order."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from memorysource import MemorySource
from memorystore import MemoryStore
from sending import SMALL_LIMITS, Run, content, md5_hex, send

from chorus_gui.core.errors import Cancelled, SourceUnavailableError, StoreUnavailableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Item
from chorus_gui.core.storage.ranges import ranges_of
from chorus_gui.core.storage.retry import RetryPolicy
from chorus_gui.core.storage.retrying_source import RetryingSource
from chorus_gui.core.transfer.large import BUFFER_BYTES, Buffers

ONCE = RetryPolicy(attempts=1)
BLOCK = SMALL_LIMITS.block_bytes


@dataclass
class Ranged(MemorySource):
    """Objects whose ranges come when ``before`` returns, at most ``most`` bytes at a time."""

    before: Callable[[int], None] = lambda offset: None
    most: int = 1000
    ranged: bool = True
    offsets: list[int] = field(default_factory=list[int])

    def read_range(self, path: str, offset: int, version: str, into: memoryview) -> int:
        """As :meth:`ReadsRanges.read_range`."""
        self.offsets.append(offset)
        self.before(offset)
        data = self.range(path, offset, min(len(into), self.most), version)
        into[: len(data)] = data
        return len(data)


def filled(source: MemorySource, data: bytes, path: str = "a") -> Item:
    source.put(path, data)
    return Item(0, "Images", path, f"v/{path}", len(data), source.stat(path).mtime_us)


def delivered(source: MemorySource, data: bytes, store: MemoryStore) -> Run:
    began = time.perf_counter()
    run = send([filled(source, data)], RetryingSource(source), store)
    took = time.perf_counter() - began
    assert (run.error, run.failures) == (None, {})
    proof = run.proofs["a"]
    assert proof.md5 == md5_hex(data)
    assert 0 < (proof.md5_seconds or 0) <= took
    assert 0 <= (proof.upload_seconds or 0) <= took
    assert content(store, "v/a") == data
    assert run.count == (1, len(data), 0)
    return run


def test_blocks_are_read_at_the_same_time_and_the_first_one_comes_with_the_opening(store: MemoryStore):
    two = threading.Barrier(2)
    source = Ranged(before=lambda offset: None if offset > 2 * BLOCK else (two.wait(60), None)[1])
    delivered(source, os.urandom(5 * BLOCK + 7), store)
    assert sorted(source.offsets) == [number * BLOCK for number in range(1, 6)]
    assert not two.broken


def test_the_md5_is_that_of_the_bytes_in_their_order_whatever_comes_first(store: MemoryStore):
    later = threading.Event()

    def before(offset: int) -> None:
        if offset == BLOCK:
            assert later.wait(60)
        elif offset == 3 * BLOCK:
            later.set()

    delivered(Ranged(before=before), os.urandom(9 * BLOCK), store)


def test_a_range_that_comes_in_pieces_is_complete(store: MemoryStore):
    source = Ranged(most=20)
    delivered(source, os.urandom(3 * BLOCK), store)
    assert sorted(source.offsets) == [BLOCK, BLOCK + 20, BLOCK + 40, 2 * BLOCK, 2 * BLOCK + 20, 2 * BLOCK + 40]


def test_no_request_asks_for_properties_alone(store: MemoryStore):
    source = Ranged()
    delivered(source, os.urandom(3 * BLOCK), store)
    opened = source.requests[1:]  # the first is of the test
    assert opened.count("stat a") == 1, "an object in memory is opened with one"


def test_an_object_that_is_replaced_while_it_is_read_is_reported_and_not_sent(store: MemoryStore):
    source = Ranged()

    def replace(offset: int) -> None:
        if offset == 4 * BLOCK:
            source.put("a", os.urandom(8 * BLOCK))

    source.before = replace
    run = send([filled(source, os.urandom(8 * BLOCK))], RetryingSource(source), store)
    assert (run.error, run.proofs) == (None, {})
    assert run.failures["a"].kind == "SourceChangedError"
    assert store.head("v/a") is None
    assert run.count == (0, 0, 1)


def test_a_range_that_ends_too_early_is_reported(store: MemoryStore):
    source = Ranged()
    data = os.urandom(4 * BLOCK)
    item = filled(source, data)
    short = Ranged(_objects=source._objects, most=0)
    run = send([item], RetryingSource(short), store)
    assert "bytes could be read" in run.failures["a"].cause
    assert store.head("v/a") is None


def test_a_range_that_is_not_answered_is_asked_for_again(store: MemoryStore):
    missed: list[int] = []

    def before(offset: int) -> None:
        if offset == 2 * BLOCK and not missed:
            missed.append(offset)
            raise SourceUnavailableError("Nothing answered.", remedy="Try again.")

    source = Ranged(before=before)
    delivered(source, os.urandom(4 * BLOCK), store)
    assert source.offsets.count(2 * BLOCK) == 2


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_refused_block_ends_the_file_and_every_buffer_is_free_for_the_next(store: MemoryStore, threads: int):
    source = Ranged()
    first, second = filled(source, os.urandom(30 * BLOCK), "a"), filled(source, os.urandom(30 * BLOCK), "b")
    store.fail_next("stage_block", StoreUnavailableError("gone"), 1)
    run = send([first, second], source, store, threads=threads, retry=ONCE)
    assert run.error is None
    assert len(run.failures) == len(run.proofs) == 1


def test_a_cancelled_file_ends_and_counts_nothing(store: MemoryStore):
    ctx = JobContext()
    source = Ranged(before=lambda offset: ctx.cancel() if offset == 3 * BLOCK else None)
    run = send([filled(source, os.urandom(30 * BLOCK))], source, store, ctx=ctx)
    assert isinstance(run.error, Cancelled)
    assert store.head("v/a") is None


def test_a_folder_is_read_from_beginning_to_end():
    assert ranges_of(MemorySource()) is None
    assert ranges_of(RetryingSource(MemorySource())) is None
    assert ranges_of(RetryingSource(Ranged())) is not None


class _Alone:
    """A place whose only thread finds what it waits for, or shows that it does not come."""

    threads = 2

    def __init__(self) -> None:
        self.waits = 0

    def work_until(self, there: Callable[[], bool]) -> None:
        self.waits += not there()


def test_buffers_have_a_bound_in_bytes_and_one_for_each_thread():
    place = _Alone()
    buffers = Buffers(place)  # type: ignore[arg-type]
    size = BUFFER_BYTES // 4
    got = [buffers.borrow(size, lambda: False, ahead=True) for _ in range(4)]
    assert None not in got
    assert (buffers.borrow(size, lambda: False, ahead=True), place.waits) == (None, 1)
    for number in got:
        assert number is not None
        buffers.give_back(number)
    larger = [buffers.borrow(2 * size, lambda: False, ahead=True) for _ in range(2)]
    assert None not in larger, "small ones make room for large ones"
    assert buffers.borrow(size, lambda: False, ahead=True) is None
    for number in larger:
        assert number is not None
        buffers.give_back(number)
    most = [buffers.borrow(BUFFER_BYTES, lambda: False, ahead=True) for _ in range(3)]
    assert most.count(None) == 1, "each thread has one, whatever its size"


def test_what_is_read_from_beginning_to_end_has_a_buffer_for_each_thread():
    place = _Alone()
    buffers = Buffers(place)  # type: ignore[arg-type]
    assert [buffers.borrow(BLOCK, lambda: False) for _ in range(3)] == [0, 1, None]
