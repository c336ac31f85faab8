"""Does the store hold what the journal says?"""

from __future__ import annotations

import os
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from memorystore import MemoryStore
from sending import QUICK, md5_hex

from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.errors import (
    AccessError,
    BlobNotFoundError,
    Cancelled,
    ChecksumError,
    ConditionError,
    StoreError,
    StoreUnavailableError,
)
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Level, Row
from chorus_gui.core.storage import outage
from chorus_gui.core.storage.base import Store
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.storage.outage import Outage
from chorus_gui.core.storage.retrying import RetryingStore
from chorus_gui.core.transfer.verify import FEW, Verdict, VerifyResult, verify

V = "20250101000000"


def row(path: str, data: bytes = b"content", *, md5: str | None = "right", size: int | None = None, version: str = V) -> Row:
    value = md5_hex(data) if md5 == "right" else md5
    return Row(1, "Images", path, None, len(data) if size is None else size, 1, value, 1, None, "20250101000000", version)


def paths(modality: str, path: str, version: str) -> tuple[str, ...]:
    return (f"{version}/{modality}/{path}", f"{version}/{path}")


def run(rows: list[Row], store: Store, *, reread: bool = False, ctx: JobContext | None = None) -> dict[str, Verdict]:
    patient = RetryingStore(store, Outage(retry=QUICK))
    return {v.row.path: v for v in verify(rows, paths, patient, ctx or JobContext(), Threads(3), reread=reread)}


def many(rows: list[Row]) -> list[Row]:
    """With so many others that the version is listed."""
    return rows + [row(f"other{number}") for number in range(FEW + 1)]


@pytest.fixture(params=["few", "many"])
def store(request: pytest.FixtureRequest) -> MemoryStore:
    made = MemoryStore()
    made.url = request.param
    return made


def check(case: Row, store: MemoryStore, *, reread: bool = False) -> Verdict:
    return run(many([case]) if store.url == "many" else [case], store, reread=reread)["a"]


@pytest.mark.parametrize("place", [f"{V}/Images/a", f"{V}/a"], ids=["mapped", "unchanged"])
@pytest.mark.parametrize(("reread", "level"), [(False, Level.PROPERTIES), (True, Level.REREAD)])
def test_a_blob_that_agrees(store: MemoryStore, place: str, reread: bool, level: Level):
    store.put(place, b"content")
    verdict = check(row("a"), store, reread=reread)
    assert (verdict.result, verdict.level, verdict.store_path) == (VerifyResult.OK, level, place)
    assert store.calls["read"] == int(reread)


@pytest.mark.parametrize("reread", [False, True])
def test_what_is_not_there_or_not_the_same(store: MemoryStore, reread: bool):
    verdict = check(row("a"), store, reread=reread)
    assert (verdict.result, verdict.level, verdict.store_path) == (VerifyResult.MISSING, None, f"{V}/Images/a")
    assert f"{V}/a" in verdict.detail
    store.put(f"{V}/Images/a", b"contents")
    assert check(row("a"), store, reread=reread).result is VerifyResult.SIZE_DIFFERS
    assert store.calls["read"] == 0
    store.put(f"{V}/Images/a", b"CONTENT")
    verdict = check(row("a"), store, reread=reread)
    assert verdict.result is VerifyResult.CONTENT_DIFFERS
    assert md5_hex(b"CONTENT") in verdict.detail


def test_the_place_that_agrees_counts(store: MemoryStore):
    store.put(f"{V}/Images/a", b"CONTENT")
    store.put(f"{V}/a", b"content")
    verdict = check(row("a"), store)
    assert (verdict.result, verdict.store_path) == (VerifyResult.OK, f"{V}/a")


def test_a_claimed_md5_is_believed_as_a_property_and_found_out_by_reading(store: MemoryStore):
    store.stage_block(f"{V}/Images/a", "1", b"CONTENT")
    store.commit_blocks(f"{V}/Images/a", ["1"], md5=bytes.fromhex(md5_hex(b"content")))
    assert check(row("a"), store).level is Level.PROPERTIES
    assert check(row("a"), store, reread=True).result is VerifyResult.CONTENT_DIFFERS
    store.stage_block(f"{V}/Images/a", "1", b"content")
    store.commit_blocks(f"{V}/Images/a", ["1"], md5=bytes.fromhex(md5_hex(b"wrong")))
    assert check(row("a"), store).result is VerifyResult.CONTENT_DIFFERS
    assert check(row("a"), store, reread=True).result is VerifyResult.OK


def test_a_blob_without_md5_property_is_read(store: MemoryStore):
    for data, result in ((b"content", VerifyResult.OK), (b"CONTENT", VerifyResult.CONTENT_DIFFERS)):
        store.stage_block(f"{V}/Images/a", "1", data)
        store.commit_blocks(f"{V}/Images/a", ["1"])
        verdict = check(row("a"), store)
        assert verdict.result is result
        assert verdict.level is (Level.REREAD if result is VerifyResult.OK else None)


@pytest.mark.parametrize("md5", [None, "", "0123456789abcdef0123456789abcdef-3"])
@pytest.mark.parametrize("reread", [False, True])
def test_a_row_without_an_md5_proves_nothing_but_its_size(store: MemoryStore, md5: str | None, reread: bool):
    store.put(f"{V}/Images/a", b"content")
    verdict = check(row("a", md5=md5), store, reread=reread)
    assert (verdict.result, verdict.level) == (VerifyResult.UNPROVABLE, None)
    assert (md5_hex(b"content") in verdict.detail) == reread
    assert check(row("a", b"longer than that", md5=md5), store, reread=reread).result is VerifyResult.SIZE_DIFFERS
    store.put(f"{V}/Images/a", b"")
    assert check(row("a", b"", md5=md5), store, reread=reread).result is VerifyResult.OK


def test_one_listing_a_version_not_a_request_a_file():
    store = MemoryStore()
    rows: list[Row] = []
    for version in ("20250101000000", "20250102000000", "20250103000000"):
        for number in range(300):
            store.put(f"{version}/Images/{number}", b"content")
            rows.append(row(str(number), version=version))
    store.calls.clear()
    ctx = JobContext()
    verdicts = list(verify(rows, paths, store, ctx, Threads(3), reread=False))
    assert {v.result for v in verdicts} == {VerifyResult.OK}
    assert len(verdicts) == 900
    assert store.calls == {"list": 3}
    total = ctx.progress.snapshot().total
    assert (total.files, total.bytes, total.failed) == (900, 900 * 7, 0)


@pytest.mark.parametrize("reread", [False, True])
def test_a_folder_store_keeps_no_md5_so_its_blobs_are_read(tmp_path: Path, reread: bool):
    store = LocalStore(tmp_path / "central", create=True)
    rows = [row(f"{number}", os.urandom(number)) for number in range(30)]
    for case in rows:
        store.put(f"{V}/Images/{case.path}", b"x" * case.size)
    store.put(f"{V}/Images/good", b"content")
    verdicts = run([*rows, row("good")], store, reread=reread)
    assert verdicts["good"].level is Level.REREAD
    assert {verdicts[str(n)].result for n in range(1, 30)} <= {VerifyResult.CONTENT_DIFFERS, VerifyResult.OK}
    assert [verdicts[str(n)].result for n in range(10, 30)] == [VerifyResult.CONTENT_DIFFERS] * 20
    assert verdicts["0"].level is (Level.REREAD if reread else Level.PROPERTIES)


def test_retries_and_the_progress_of_bytes():
    store = MemoryStore()
    data = os.urandom(9_000_000)
    store.put(f"{V}/Images/a", data)

    class Torn(MemoryStore):
        reads = 0

        def read(self, path: str, *, offset: int = 0, **conditions: object) -> Iterator[bytes]:
            self.reads += 1
            if offset < 5_000_000:
                yield data[offset:5_000_000]
                offset = 5_000_000
            if self.reads < 3:
                raise StoreUnavailableError("reset")
            yield data[offset:]

    torn = Torn()
    torn._blobs = store._blobs
    torn.fail_next("head", StoreUnavailableError("busy"), 2)
    ctx = JobContext()
    assert run([row("a", data)], torn, reread=True, ctx=ctx)["a"].result is VerifyResult.OK
    total = ctx.progress.snapshot().total
    assert (torn.reads, total.files, total.bytes, total.failed) == (3, 1, 9_000_000, 0)
    torn.reads = -100
    ctx = JobContext()
    verdict = run([row("a", data)], torn, reread=True, ctx=ctx)["a"]
    assert (verdict.result, "reset" in verdict.detail) == (VerifyResult.UNCHECKED, True)
    total = ctx.progress.snapshot().total
    assert (total.files, total.bytes, total.failed) == (1, 9_000_000, 1)


@pytest.mark.parametrize(
    ("error", "result"), [(BlobNotFoundError("gone"), VerifyResult.MISSING), (ConditionError("changed"), VerifyResult.UNCHECKED)]
)
def test_a_blob_that_changes_while_it_is_verified(error: Exception, result: VerifyResult):
    store = MemoryStore()
    store.put(f"{V}/Images/a", b"content")
    store.fail_next("read", error, 10)
    assert run([row("a")], store, reread=True)["a"].result is result


@pytest.mark.parametrize("call", ["head", "list", "read"])
def test_refused_access_stops(call: str):
    store = MemoryStore()
    for number in range(40):
        store.put(f"{V}/Images/{number}", b"content")
    rows = [row(str(number)) for number in range(5 if call == "head" else 40)]
    error = AccessError("no permission to read")
    store.fail_next(call, error, 100)
    with pytest.raises(AccessError):
        run(rows, store, reread=True)
    assert [t for t in threading.enumerate() if t.name.startswith("pool")] == []


def test_cancel_and_close():
    store = MemoryStore()
    for number in range(100):
        store.put(f"{V}/Images/{number}", b"content")
    rows = [row(str(number)) for number in range(100)]
    ctx = JobContext()
    verdicts = verify(rows, paths, store, ctx, Threads(3), reread=True)
    next(verdicts)
    ctx.cancel()
    with pytest.raises(Cancelled):
        list(verdicts)
    verdicts = verify(rows, paths, store, JobContext(), Threads(3), reread=True)
    next(verdicts)
    verdicts.close()
    assert [t for t in threading.enumerate() if t.name.startswith("pool")] == []


def test_reading_again_takes_constant_memory(tmp_path: Path):
    store = LocalStore(tmp_path / "central", create=True)
    rows: list[Row] = []
    for number in range(6):
        data = os.urandom(20_000_000)
        store.put(f"{V}/Images/{number}", data)
        rows.append(row(str(number), data))
        del data
    tracemalloc.start()
    try:
        assert {v.result for v in run(rows, store, reread=True).values()} == {VerifyResult.OK}
        assert tracemalloc.get_traced_memory()[1] < 3 * 2 * 4.2e6 + 2e6
    finally:
        tracemalloc.stop()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "PATIENCE_S", 5.0)
    monkeypatch.setattr(outage, "PAUSE_S", 0.02)


class Away(MemoryStore):
    """No answer to the requests of these numbers (of these calls), whichever blob they are for."""

    def __init__(self, silent: range, calls: tuple[str, ...] = ("head", "list", "read")) -> None:
        super().__init__()
        self.silent, self.only, self.asked = silent, calls, 0

    def _enter(self, call: str, path: str | None) -> object:
        if call in self.only:
            self.asked += 1
            if self.asked in self.silent:
                raise StoreUnavailableError("no answer", remedy="Check the network.")
        return super()._enter(call, path)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("reread", [False, True])
@pytest.mark.parametrize("files", [5, 60])
@pytest.mark.parametrize("after", [2, 3, 30])
def test_a_store_that_is_away_for_a_while_is_waited_for(files: int, after: int, reread: bool):
    store = Away(range(0))
    for number in range(files):
        store.put(f"{V}/Images/{number}", b"content")
    store.silent = range(after, after + 40)
    verdicts = run([row(str(number)) for number in range(files)], store, reread=reread)
    assert {verdict.result for verdict in verdicts.values()} == {VerifyResult.OK}
    assert len(verdicts) == files


@pytest.mark.parametrize("reread", [False, True])
@pytest.mark.parametrize("files", [5, 60])
def test_what_could_not_be_looked_at_is_tried_again_at_the_end(files: int, reread: bool):
    """Without patience: each request fails at once, and the store is back when all the others are done."""
    store = Away(range(0))
    for number in range(files):
        store.stage_block(f"{V}/Images/{number}", "1", b"content")
        store.commit_blocks(f"{V}/Images/{number}", ["1"])  # no MD5 property: it is read at either level
    store.silent = range(3, 12)
    verdicts = run([row(str(number)) for number in range(files)], store, reread=reread)
    assert {verdict.result for verdict in verdicts.values()} == {VerifyResult.OK}
    assert len(verdicts) == files


@pytest.mark.parametrize("reread", [False, True])
@pytest.mark.parametrize("files", [5, 60])
def test_a_store_that_stays_away_leaves_rows_unchecked_and_none_different(files: int, reread: bool):
    store = Away(range(0))
    for number in range(files):
        store.stage_block(f"{V}/Images/{number}", "1", b"content")
        store.commit_blocks(f"{V}/Images/{number}", ["1"])
    store.silent = range(3, 1_000_000)
    ctx = JobContext()
    verdicts = run([row(str(number)) for number in range(files)], store, reread=reread, ctx=ctx)
    assert {verdict.result for verdict in verdicts.values()} <= {VerifyResult.OK, VerifyResult.UNCHECKED}
    unchecked = [verdict for verdict in verdicts.values() if verdict.result is VerifyResult.UNCHECKED]
    assert len(verdicts) == files
    assert unchecked
    assert all("no answer" in verdict.detail for verdict in unchecked)
    assert store.asked < 400, "a store that is gone is not asked for every blob"
    total = ctx.progress.snapshot().total
    assert (total.files, total.bytes) == (files, files * 7)


@pytest.mark.parametrize("call", ["head", "read"])
@pytest.mark.parametrize("error", [StoreError("odd"), StoreUnavailableError("503"), ConditionError("changed"), ChecksumError("torn")])
def test_one_blob_that_cannot_be_looked_at_is_unchecked(call: str, error: StoreError):
    class Odd(MemoryStore):
        def _enter(self, name: str, path: str | None) -> object:
            if name == call and path is not None and path.endswith("/2"):
                raise error
            return super()._enter(name, path)

    store = Odd()
    for number in range(5):
        store.put(f"{V}/Images/{number}", b"content")
    verdicts = run([row(str(number)) for number in range(5)], store, reread=True)
    assert {path: verdict.result for path, verdict in verdicts.items()} == {
        str(number): VerifyResult.UNCHECKED if number == 2 else VerifyResult.OK for number in range(5)
    }


@pytest.mark.parametrize(
    ("downloads", "result"),
    [
        ([b"cOntent", b"content"], VerifyResult.OK),
        ([b"cont", b"content"], VerifyResult.OK),
        ([b"cOntent", b"cOntent"], VerifyResult.CONTENT_DIFFERS),
        ([b"cOntent", b"coNtent", b"conTent", b"contEnt"], VerifyResult.UNCHECKED),
        ([b"cOntent", b"coNtent", b"content"], VerifyResult.OK),
        ([b"cont"] * 4, VerifyResult.UNCHECKED),
    ],
)
def test_a_bad_download_is_read_once_more(downloads: list[bytes], result: VerifyResult):
    class Flipped(MemoryStore):
        def read(self, path: str, **conditions: object) -> Iterator[bytes]:
            yield downloads.pop(0)

    store = Flipped()
    store.put(f"{V}/Images/a", b"content")
    ctx = JobContext()
    assert run([row("a")], store, reread=True, ctx=ctx)["a"].result is result
    assert not downloads
    assert ctx.progress.snapshot().total.bytes == 7


@pytest.mark.parametrize("new", [b"CONTENT", b"content"], ids=["other content", "the same content"])
def test_a_blob_that_is_replaced_while_it_is_read_could_not_be_checked(store: MemoryStore, new: bytes, monkeypatch: pytest.MonkeyPatch):
    """What was read is not what was listed, so the two say nothing about one blob."""
    store.put(f"{V}/Images/a", b"content")
    real = store.read

    def read(path: str, **options: object) -> Iterator[bytes]:
        if path == f"{V}/Images/a":
            store.put(path, new)
        return real(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "read", read)
    rows = many([row("a")]) if store.url == "many" else [row("a")]
    (verdict,) = [found for found in verify(rows, paths, store, JobContext(), Threads(3), reread=True) if found.row.path == "a"]
    assert verdict.result is VerifyResult.UNCHECKED
    assert "replaced while it was being verified" in verdict.detail


def test_a_blob_that_could_not_be_read_is_named_where_it_is(store: MemoryStore):
    store.put(f"{V}/a", b"content")
    store.fail_next("read", StoreError("odd"), 10)
    verdict = check(row("a"), store, reread=True)
    assert (verdict.result, verdict.store_path) == (VerifyResult.UNCHECKED, f"{V}/a")
