"""A store around a store: it sends again, waits for an outage, and finds out what a lost answer was."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from awayworld import MINUTE, OUTAGE_5, OUTAGE_20, AwayStore, Clock, Trouble
from memorystore import MemoryStore

from chorus_gui.core.errors import (
    AccessError,
    BlobNotFoundError,
    Cancelled,
    ChecksumError,
    ConditionError,
    Silence,
    StoreError,
    StoreUnavailableError,
)
from chorus_gui.core.job import JobContext, Limit, Patience
from chorus_gui.core.storage import outage as waiting
from chorus_gui.core.storage.base import IF_ABSENT, BlobInfo, Condition
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.storage.outage import Outage
from chorus_gui.core.storage.retry import RetryPolicy
from chorus_gui.core.storage.retrying import NOTHING, RetryingStore

LOST = StoreUnavailableError("no answer")
MIB4 = 4 * 1024 * 1024


@pytest.fixture
def inner() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def store(inner: MemoryStore, clock: Clock) -> RetryingStore:
    return RetryingStore(inner, answering(clock))


def answering(clock: Clock, **options: Any) -> Outage:
    """A place that has answered before."""
    made = Outage(clock=clock, patience=15 * MINUTE, **options)
    made.answered()
    return made


def read(store: RetryingStore, path: str, **options: Any) -> bytes:
    return b"".join(store.read(path, **options))


# --- what was lost -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keeps_md5", [True, False])
def test_a_write_on_a_condition_whose_answer_was_lost_is_found(store: RetryingStore, inner: MemoryStore, keeps_md5: bool) -> None:
    inner.keeps_md5 = keeps_md5
    inner.fail_next("put", LOST, times=2, done=True)
    first = store.put("a", b"1", metadata={"token": "x"}, condition=IF_ABSENT)
    assert first.looked_up
    inner.fail_next("put", LOST, done=True)
    second = store.put("a", b"2", condition=Condition(etag=first.etag))
    assert (second.looked_up, read(store, "a")) == (True, b"2")
    inner.fail_next("commit_blocks", LOST, done=True)
    store.stage_block("b", "0", b"3")
    made = store.commit_blocks("b", ["0"], md5=md5_of(b"3").digest(), condition=IF_ABSENT)
    assert (made.looked_up, made.size) == (True, 1)
    assert not store.put("c", b"").looked_up


@pytest.mark.parametrize("other", [(b"2", {}), (b"1", {"token": "y"}), (b"11", {"token": "x"})])
def test_a_colleague_who_was_faster_is_never_taken_for_oneself(
    store: RetryingStore, inner: MemoryStore, other: tuple[bytes, dict[str, str]]
) -> None:
    inner.put("a", other[0], metadata=other[1])
    inner.fail_next("put", LOST)
    with pytest.raises(ConditionError):
        store.put("a", b"1", metadata={"token": "x"}, condition=IF_ABSENT)
    with pytest.raises(ConditionError):
        store.put("a", b"1", metadata={"token": "x"}, condition=Condition(etag="0x0"))


def test_a_first_refusal_is_an_answer_even_if_the_content_is_the_same(store: RetryingStore, inner: MemoryStore) -> None:
    inner.put("a", b"1")
    with pytest.raises(ConditionError):
        store.put("a", b"1", condition=IF_ABSENT)
    assert inner.calls["put"] == 2


def test_a_commit_without_a_condition_is_found_too_and_proves_no_more_than_its_properties(store: RetryingStore, inner: MemoryStore) -> None:
    store.stage_block("b", "0", b"3")
    inner.fail_next("commit_blocks", LOST, done=True)
    assert store.commit_blocks("b", ["0"], md5=md5_of(b"3").digest()).looked_up
    store.stage_block("b", "0", b"4")
    inner.fail_next("commit_blocks", LOST, done=True)
    with pytest.raises(BlobNotFoundError):  # nothing says what it should hold
        store.commit_blocks("b", ["0"])


@pytest.mark.parametrize("keeps_md5", [True, False])
def test_a_commit_that_the_network_delivered_twice_is_found(store: RetryingStore, inner: MemoryStore, keeps_md5: bool) -> None:
    """The second delivery finds its blocks used up, and only its answer arrives."""
    inner.keeps_md5 = keeps_md5
    store.stage_block("b", "0", b"3")
    inner.commit_blocks("b", ["0"], md5=md5_of(b"3").digest())
    made = store.commit_blocks("b", ["0"], md5=md5_of(b"3").digest())
    assert (made.looked_up, made.size) == (True, 1)


def test_a_commit_whose_blocks_are_gone_is_refused(store: RetryingStore, inner: MemoryStore) -> None:
    inner.put("b", b"somebody else's")
    with pytest.raises(BlobNotFoundError):
        store.commit_blocks("b", ["0"], md5=md5_of(b"3").digest())
    assert inner.calls["commit_blocks"] == 1


@pytest.mark.parametrize("times", [1, 1000])
def test_a_damaged_list_of_blocks_is_sent_again(store: RetryingStore, inner: MemoryStore, times: int) -> None:
    """The store does not find a block whose name was damaged on its way; all blocks are there."""
    for name in "01":
        store.stage_block("b", name, name.encode())
    inner.fail_next("commit_blocks", BlobNotFoundError("no such block"), times)
    if times == 1:
        assert store.commit_blocks("b", ["0", "1"], md5=md5_of(b"01").digest()).size == 2
        assert read(store, "b") == b"01"
        return
    with pytest.raises(ChecksumError, match="was damaged on its way"):
        store.commit_blocks("b", ["0", "1"], md5=md5_of(b"01").digest())
    assert inner.calls["commit_blocks"] == RetryPolicy().attempts


def test_what_was_to_be_deleted_and_is_gone_was_deleted(store: RetryingStore, inner: MemoryStore) -> None:
    inner.put("a", b"1")
    inner.fail_next("delete", LOST, done=True)
    store.delete("a")
    with pytest.raises(BlobNotFoundError):
        store.delete("a")
    etag = inner.put("b", b"1").etag
    inner.fail_next("delete", LOST, done=True)
    store.delete("b", condition=Condition(etag=etag))
    inner.put("c", b"2")
    inner.fail_next("delete", LOST)
    with pytest.raises(ConditionError):
        store.delete("c", condition=Condition(etag=etag))


def test_a_copy_whose_answer_was_lost_is_compared(store: RetryingStore, inner: MemoryStore) -> None:
    inner.put("a", b"1")
    inner.fail_next("copy", LOST, done=True)
    assert store.copy("a", "b", condition=IF_ABSENT).looked_up
    inner.put("c", b"2")
    inner.fail_next("copy", LOST)
    with pytest.raises(ConditionError):
        store.copy("a", "c", condition=IF_ABSENT)


# --- what breaks off in the middle -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", range(12))
def test_a_listing_that_breaks_off_gives_every_blob_once(inner: MemoryStore, clock: Clock, ctx: JobContext, at: int) -> None:
    inner.page = 3
    paths = [f"v/{number:02d}" for number in range(20)]
    for path in paths:
        inner.put(path, b"")
    away = AwayStore(inner, clock, at, OUTAGE_5)
    store = RetryingStore(away, answering(clock))
    found = [blob.path for blob in store.list("v/")]
    assert found == paths
    pages = [request for request in away.requests if request.startswith("pages")]
    assert len(pages) < 30, "only the page that failed is asked for again"
    assert list(store.list_folders()) == ["v"]


def test_a_listing_that_breaks_off_is_right_while_others_write(inner: MemoryStore, clock: Clock, ctx: JobContext) -> None:
    inner.page = 2
    for number in range(8):
        inner.put(f"v/{number}", b"")
    store = RetryingStore(inner, answering(clock))
    found: list[str] = []
    for blob in store.list("v/"):
        found.append(blob.path)
        if blob.path == "v/1":
            inner.delete("v/0")
            inner.put("v/00", b"")
            inner.fail_next("list", LOST)
    assert found == [f"v/{number}" for number in range(8)]


@pytest.mark.parametrize("at", range(1, 5))
@pytest.mark.parametrize(("offset", "length"), [(0, None), (5, None), (3, 9 * 1024 * 1024), (MIB4, 1)])
def test_a_download_that_breaks_off_continues_where_it_was(
    inner: MemoryStore, clock: Clock, ctx: JobContext, at: int, offset: int, length: int | None
) -> None:
    data = bytes(range(256)) * (11 * 4096)
    etag = inner.put("a", data).etag
    away = AwayStore(inner, clock, at, OUTAGE_5)
    store = RetryingStore(away, answering(clock))
    got = list(store.read("a", offset=offset, length=length, etag=etag))
    assert b"".join(got) == data[offset:] if length is None else data[offset : offset + length]
    assert sum(map(len, got)) == len(data[offset:]) if length is None else length


@pytest.mark.parametrize("bound", [True, False])
def test_a_download_never_continues_in_another_version(inner: MemoryStore, clock: Clock, ctx: JobContext, bound: bool) -> None:
    etag = inner.put("a", b"x" * (MIB4 + 1)).etag
    store = RetryingStore(AwayStore(inner, clock, 1 if bound else 2, Trouble(minutes=1)), answering(clock))
    chunks = store.read("a", etag=etag if bound else None)
    assert len(next(chunks)) == MIB4
    inner.put("a", b"y" * (MIB4 + 1))
    with pytest.raises(ConditionError):
        next(chunks)


# --- how long ----------------------------------------------------------------------------------------------------------------


def test_what_a_person_sees_while_it_waits(inner: MemoryStore, clock: Clock, ctx: JobContext, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    real = JobContext.sleep

    def sleep(self: JobContext, seconds: float) -> None:
        found = self.progress.snapshot().waiting
        seen.append(found.text if found else "")
        real(self, seconds)

    monkeypatch.setattr(JobContext, "sleep", sleep)
    ctx.progress.note("downloading the journal")
    RetryingStore(AwayStore(inner, clock, 0, OUTAGE_5), answering(clock)).head("a")
    shown = {text for text in seen if text.startswith("The central store")}
    assert len({text.partition(". ")[0] for text in shown}) == 1, "since when does not move"
    assert all("has not answered since" in text and "Trying again until" in text for text in shown)
    assert ctx.progress.snapshot().note == "downloading the journal"
    seen.clear()
    inner.fail_next("head", StoreUnavailableError("busy", retry_after=45))
    RetryingStore(inner, answering(clock)).head("a")
    assert any(text.startswith("The central store has been busy since ") and "Trying again at " in text for text in seen)


def test_an_outage_that_does_not_end_is_waited_for_once(inner: MemoryStore, clock: Clock, ctx: JobContext) -> None:
    away = AwayStore(inner, clock, 0, Trouble(minutes=100))
    store = RetryingStore(away, answering(clock))
    with pytest.raises(StoreUnavailableError) as raised:
        store.head("a")
    assert 15 * MINUTE <= clock.now < 18 * MINUTE
    assert (raised.value.silence, raised.value.attempts) == (Silence.STOPPED, RetryPolicy().attempts)
    assert "The program waited 15 minutes for an answer." in str(raised.value)
    given_up = ctx.progress.snapshot().waiting
    assert given_up is not None
    assert not given_up.ends
    assert "Trying again" not in given_up.text
    assert "has not answered since" in given_up.text
    before, asked = clock.now, len(away.requests)
    with pytest.raises(StoreUnavailableError) as raised:
        store.head("b")
    assert clock.now - before < 5
    assert len(away.requests) - asked == 2, "the request, and a look if the store answers at all"
    assert raised.value.silence is Silence.STOPPED
    clock.pass_by(100 * MINUTE)
    assert store.head("a") is None
    assert ctx.progress.snapshot().waiting is None


def test_while_it_waits_it_sends_only_small_requests(inner: MemoryStore, clock: Clock, ctx: JobContext) -> None:
    away = AwayStore(inner, clock, 0, OUTAGE_5)
    RetryingStore(away, answering(clock)).put("a", b"x" * 1000)
    sent = [request for request in away.requests if request == "put a"]
    assert len(sent) == RetryPolicy().attempts + 1
    assert away.requests.count(f"head {NOTHING}") > 10


def test_one_file_that_alone_gets_no_answer_is_given_up_soon(inner: MemoryStore, clock: Clock, ctx: JobContext) -> None:
    inner.fail_next("put", LOST, times=99)
    with pytest.raises(StoreUnavailableError) as raised:
        RetryingStore(inner, answering(clock)).put("a", b"x")
    assert clock.now < 2 * MINUTE
    assert raised.value.silence is Silence.NONE
    assert raised.value.attempts == (waiting.REFUSALS + 1) * RetryPolicy().attempts == inner.calls["put"]
    assert "waited" not in str(raised.value)


def test_a_store_that_never_answered_is_given_up_soon(inner: MemoryStore, clock: Clock, ctx: JobContext) -> None:
    store = RetryingStore(AwayStore(inner, clock, 0, OUTAGE_20), Outage(clock=clock))
    with pytest.raises(StoreUnavailableError) as raised:
        store.head("a")
    assert clock.now < MINUTE
    assert raised.value.silence is Silence.NEVER


def test_a_refusal_is_an_answer(inner: MemoryStore, clock: Clock, ctx: JobContext) -> None:
    known = Outage(clock=clock, patience=15 * MINUTE)
    inner.fail_next("head", AccessError("no"))
    with pytest.raises(AccessError) as raised:
        RetryingStore(inner, known).head("a")
    assert (raised.value.attempts, clock.now) == (1, 0.0)
    away = RetryingStore(AwayStore(inner, clock, 0, OUTAGE_5), known)
    assert away.head("a") is None, "it answered before, so it is waited for"


@pytest.mark.parametrize(("patience", "attempts"), [(Patience.ONCE, 1), (Patience.BRIEF, RetryPolicy().attempts)])
def test_a_job_says_how_patient_its_requests_are(inner: MemoryStore, clock: Clock, patience: Patience, attempts: int) -> None:
    away = AwayStore(inner, clock, 0, OUTAGE_5)
    store = RetryingStore(away, answering(clock))
    with JobContext(patience=patience).entered(), pytest.raises(StoreUnavailableError) as raised:
        store.head("a")
    assert len(away.requests) == raised.value.attempts == attempts
    assert clock.now < MINUTE


def test_outside_of_a_job_nobody_waits_for_minutes(inner: MemoryStore, clock: Clock) -> None:
    with pytest.raises(StoreUnavailableError):
        RetryingStore(AwayStore(inner, clock, 0, OUTAGE_5), answering(clock)).head("a")
    assert clock.now < MINUTE


def test_waiting_can_be_cancelled(inner: MemoryStore) -> None:
    known = Outage(patience=900.0)
    known.answered()
    store = RetryingStore(inner, known)
    inner.fail_next("head", LOST, times=10_000)
    ctx = JobContext()
    threading.Timer(0.3, ctx.cancel).start()
    with ctx.entered(), pytest.raises(Cancelled):
        store.head("a")


def test_what_must_be_done_after_a_cancellation_is_done_and_does_not_wait(inner: MemoryStore, clock: Clock) -> None:
    ctx = JobContext()
    ctx.cancel()
    away = AwayStore(inner, clock, 1, OUTAGE_20)
    store = RetryingStore(away, answering(clock))
    with ctx.entered(), ctx.tidying().entered():
        store.put("a", b"1")
        with pytest.raises(StoreUnavailableError):
            store.delete("a")
    assert clock.now < MINUTE


def test_time_asleep_does_not_count(inner: MemoryStore, clock: Clock, ctx: JobContext) -> None:
    inner.put("a", b"")
    real, slept = inner.head, []

    def head(path: str) -> BlobInfo | None:
        if len(slept) < 3:
            slept.append(path)
            clock.pass_by(3600)
            raise LOST
        return real(path)

    inner.head = head  # pyright: ignore[reportAttributeAccessIssue]
    assert RetryingStore(inner, answering(clock)).head("a") is not None


def test_all_threads_and_stores_of_a_place_share_what_is_known(inner: MemoryStore, clock: Clock, ctx: JobContext) -> None:
    known = Outage(clock=clock, patience=15 * MINUTE)
    RetryingStore(inner, known).head("a")
    away = RetryingStore(AwayStore(inner, clock, 0, Trouble(minutes=1000)), known)
    with pytest.raises(StoreUnavailableError):
        away.head("a")
    before = clock.now
    with pytest.raises(StoreUnavailableError):
        RetryingStore(AwayStore(inner, clock, 0, Trouble(minutes=1000)), known).list_staged("b")
    assert clock.now - before < 10


def test_bytes_that_are_sent_again_respect_the_limit(inner: MemoryStore, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    booked: list[int] = []
    monkeypatch.setattr(Limit, "reserve", lambda self, size: booked.append(size) or 0.0)
    inner.fail_next("put", LOST, times=2)
    inner.fail_next("stage_block", ChecksumError("damaged"))
    with JobContext(Limit(1_000_000)).entered():
        store = RetryingStore(inner, answering(clock))
        store.put("a", b"123")
        store.stage_block("b", "0", b"12345")
    assert booked == [3, 3, 3, 5, 5]


REQUESTS: dict[str, Callable[[RetryingStore], object]] = {
    "put": lambda store: store.put("n", b"1"),
    "stage_block": lambda store: store.stage_block("n", "0", b"1"),
    "commit_blocks": lambda store: store.commit_blocks("s", ["0"]),
    "list_staged": lambda store: store.list_staged("s"),
    "head": lambda store: store.head("a"),
    "list": lambda store: list(store.list()),
    "list_folders": lambda store: list(store.list_folders()),
    "level": lambda store: list(store.level()),
    "read": lambda store: list(store.read("a")),
    "copy": lambda store: store.copy("a", "n"),
    "delete": lambda store: store.delete("a"),
}


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("error", [LOST, ChecksumError("damaged"), StoreUnavailableError("busy", retry_after=7)])
def test_every_request_is_sent_again(store: RetryingStore, inner: MemoryStore, name: str, error: StoreError) -> None:
    inner.put("a", b"1")
    inner.stage_block("s", "0", b"1")
    before = inner.calls[name]
    inner.fail_next(name, error, times=4)
    REQUESTS[name](store)
    assert inner.calls[name] - before == 5
    inner.fail_next(name, AccessError("no"))
    with pytest.raises(AccessError):
        REQUESTS[name](store)
