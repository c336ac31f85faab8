"""The rules behind a transfer: is it still the approved file, what the store's answer proves, how a file is cut, when a copy counts."""

from __future__ import annotations

import hashlib
import os
import re
import time
from dataclasses import replace
from typing import Any

import pytest
from memorystore import MemoryStore
from sending import Probe, Site, md5_hex, send

from chorus_gui.core.errors import (
    AccessError,
    BlobNameError,
    ChecksumError,
    ContentChangedError,
    SourceChangedError,
    StoreError,
    StoreUnavailableError,
)
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Item, Level
from chorus_gui.core.storage.base import BlobInfo, Buffer, KnownMd5, SourceStat, StoreLimits, Voucher
from chorus_gui.core.transfer.blocks import BLOCKS, MIB, block_id, block_size, id_length, names_content, staged_size
from chorus_gui.core.transfer.checks import acknowledged, check_content, check_unchanged, fill, level_of
from chorus_gui.core.transfer.copy import copy_proved, hash_of

DATA = b"content"
MD5 = md5_hex(DATA)
OTHER = md5_hex(b"other")
ITEM = Item(1, "Images", "1/Images/a.dcm", "v2/1/Images/a.dcm", len(DATA), 1000, MD5)

# --- is it the file that was approved? ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "mtime_us", "says"),
    [
        (7, 1000, ""),
        (8, 1000, "it has 8 bytes"),
        (6, 1000, "it has 6 bytes"),
        (7, 1001, "was written to"),
        (7, 999, "was written to"),
        (6, 999, "6 bytes"),
    ],
)
def test_a_file_is_the_approved_one_if_size_and_time_are(size: int, mtime_us: int, says: str) -> None:
    if not says:
        check_unchanged(SourceStat(size, mtime_us), ITEM)
        return
    with pytest.raises(SourceChangedError, match=says) as raised:
        check_unchanged(SourceStat(size, mtime_us), ITEM)
    assert "Scan again" in raised.value.remedy


@pytest.mark.parametrize(
    ("recorded", "read", "version", "same"),
    [
        pytest.param(MD5, MD5, "", True, id="the recorded content"),
        pytest.param(MD5, OTHER, "", False, id="other content"),
        pytest.param(None, OTHER, "", True, id="nothing was recorded"),
        pytest.param("0123456789abcdef0123456789abcdef-3", OTHER, "", True, id="what was recorded is no MD5"),
        pytest.param(MD5, OTHER, MD5, True, id="what was recorded is the object's ETag, which is no MD5"),
        pytest.param(MD5, OTHER, OTHER, False, id="the ETag is another one"),
    ],
)
def test_content_is_the_recorded_one_if_its_md5_is(recorded: str | None, read: str, version: str, same: bool) -> None:
    item, now = replace(ITEM, md5=recorded), SourceStat(7, 1000, version)
    if same:
        check_content(item, read, now)
        return
    with pytest.raises(ContentChangedError, match="differs from the journal") as raised:
        check_content(item, read, now)
    assert "submit again" in raised.value.remedy


def test_an_etag_that_is_an_md5_is_compared() -> None:
    """The source says so: then an object with this ETag and other content is a changed file."""
    with pytest.raises(ContentChangedError):
        check_content(ITEM, OTHER, SourceStat(7, 1000, MD5, KnownMd5(MD5, Voucher.SERVICE)))


class Drops:
    """Gives a few bytes at a time, as a slow disk does."""

    def __init__(self, data: bytes, most: int) -> None:
        self.data, self.most, self.asked = data, most, 0

    def readinto(self, view: memoryview) -> int | None:
        self.asked += 1
        size = min(len(view), self.most, len(self.data))
        view[:size] = self.data[:size]
        self.data = self.data[size:]
        return size or None


@pytest.mark.parametrize(("length", "most", "got", "asked"), [(5, 2, 5, 3), (7, 7, 7, 1), (9, 4, 7, 3), (0, 4, 0, 0), (9, 9, 7, 2)])
def test_reading_ends_when_it_is_full_or_the_file_ends(length: int, most: int, got: int, asked: int) -> None:
    buffer, reader = bytearray(length), Drops(DATA, most)
    assert fill(reader, memoryview(buffer)) == got  # type: ignore[arg-type]
    assert bytes(buffer[:got]) == DATA[:got]
    assert reader.asked == asked


# --- what an answer proves ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "md5", "right"), [(7, MD5, True), (7, None, True), (7, OTHER, False), (7, "", False), (8, MD5, False), (6, None, False)]
)
def test_an_answer_confirms_the_bytes_that_were_sent_and_no_others(size: int, md5: str | None, right: bool) -> None:
    info = BlobInfo("v2/a", size, md5, "e")
    if right:
        assert acknowledged(info, 7, MD5) is info
        return
    with pytest.raises(ChecksumError, match="confirmed other bytes"):
        acknowledged(info, 7, MD5)


@pytest.mark.parametrize(
    ("looked_up", "md5", "level"),
    [(False, MD5, Level.TRANSPORT), (False, None, Level.TRANSPORT), (True, MD5, Level.PROPERTIES), (True, None, Level.REREAD)],
)
def test_how_a_write_is_confirmed(looked_up: bool, md5: str | None, level: Level) -> None:
    assert level_of(BlobInfo("v2/a", 7, md5, "e", looked_up=looked_up)) is level


WAYS = pytest.mark.parametrize(
    "limits",
    [
        StoreLimits(put_bytes=5000, block_bytes=5000),
        StoreLimits(put_bytes=100, block_bytes=50),
        StoreLimits(put_bytes=100, block_bytes=50, blocks=0),
    ],
    ids=["in one request", "in blocks", "as it is read"],
)


@WAYS
def test_each_request_with_content_has_the_md5_that_the_store_is_to_check(site: Site, limits: StoreLimits) -> None:
    class Strict(MemoryStore):
        def put(self, path: str, data: Buffer, *, md5: bytes | None = None, **options: Any) -> BlobInfo:
            assert md5 == hashlib.md5(data, usedforsecurity=False).digest()
            return super().put(path, data, md5=md5, **options)

        def stage_block(self, path: str, block_id: str, data: Buffer, *, md5: bytes | None = None) -> None:
            assert md5 == hashlib.md5(data, usedforsecurity=False).digest()
            super().stage_block(path, block_id, data, md5=md5)

    site.add("a", os.urandom(1030))
    run = send(site.items, site.root, Strict(limits=limits))
    assert (run.error, run.failures) == (None, {})
    assert run.proofs["a"].md5 == md5_hex((site.root / "a").read_bytes())


@WAYS
def test_a_file_that_was_changed_before_is_not_read(site: Site, limits: StoreLimits) -> None:
    """It can be large."""
    site.add("a", os.urandom(1030))
    os.utime(site.root / "a", ns=(10**18, 10**18))
    source = Probe(site.root, {})
    run = send(site.items, source, MemoryStore(limits=limits))
    assert run.failures["a"].kind == "SourceChangedError"
    assert source.bytes_read == 0


@pytest.mark.parametrize(("size", "says"), [(1000, "only [0-9,]+ bytes could be read"), (1031, "more (bytes could be|were) read")])
@WAYS
def test_a_file_with_another_size_while_it_is_read_says_which(site: Site, limits: StoreLimits, size: int, says: str) -> None:
    site.add("a", os.urandom(1030))
    source = Probe(site.root, {("a", 0): lambda: os.truncate(site.root / "a", size)})
    run = send(site.items, source, MemoryStore(limits=limits))
    assert re.search(says, run.failures["a"].cause)


@WAYS
def test_the_seconds_of_a_proof_are_parts_of_the_time_that_the_file_took(site: Site, limits: StoreLimits) -> None:
    site.add("a", os.urandom(1030))
    began = time.perf_counter()
    proof = send(site.items, site.root, MemoryStore(limits=limits)).proofs["a"]
    took = time.perf_counter() - began
    assert proof.md5_seconds is not None
    assert proof.upload_seconds is not None
    assert proof.md5_seconds >= 0
    assert proof.upload_seconds >= 0
    assert proof.md5_seconds + proof.upload_seconds <= took
    assert (proof.sent_bytes, proof.reused_bytes) == (1030, 0)


# --- a copy inside the store ----------------------------------------------------------------------------------------------


class Copying(MemoryStore):
    """Changes the copy that it makes."""

    def __init__(self, after: bytes | None = None, *, md5: str | None = "its own") -> None:
        super().__init__()
        self.after, self.shown = after, md5

    def copy(self, source: str, target: str, **options: Any) -> BlobInfo:
        info = super().copy(source, target, **options)
        if self.after is not None:
            info = super().put(target, self.after)
        return info if self.shown == "its own" else replace(info, md5=self.shown)


def without_md5(store: MemoryStore, path: str, data: bytes) -> None:
    store.stage_block(path, "1", data)
    store.commit_blocks(path, ["1"])


@pytest.mark.parametrize(
    ("blobs", "copying", "level"),
    [
        pytest.param({"v1/a": DATA}, {}, Level.PROPERTIES, id="the same size and MD5"),
        pytest.param({}, {}, None, id="no such blob"),
        pytest.param({"v1/a": b"other77"}, {}, None, id="another MD5"),
        pytest.param({"v1/a": b"longer content"}, {}, None, id="another size"),
        pytest.param({"v1/a": b"other77", "v1/b": DATA}, {}, Level.PROPERTIES, id="another place has it"),
        pytest.param({"v1/a": DATA}, {"after": b"other77"}, None, id="the copy has other content"),
        pytest.param({"v1/a": DATA}, {"after": b"longer content"}, None, id="the copy has another size"),
        pytest.param({"v1/a": DATA}, {"md5": None}, Level.REREAD, id="the copy has no MD5, so it is read"),
        pytest.param({"v1/a": DATA}, {"after": b"other77", "md5": None}, None, id="it is read, and has other content"),
        pytest.param({"v1/a": DATA}, {"after": b"longer content", "md5": MD5}, None, id="its size is another one, whatever its MD5 says"),
    ],
)
def test_when_a_copy_counts_as_an_upload(blobs: dict[str, bytes], copying: dict[str, Any], level: Level | None) -> None:
    store = Copying(**copying)
    for path, data in blobs.items():
        store.put(path, data)
    proof = copy_proved(store, ["v1/a", "v1/b"], ITEM, JobContext())
    found = store.head(ITEM.store_path)
    if level is None:
        assert proof is None
        assert found is None, "what does not hold the content is removed"
        return
    assert proof is not None
    assert found is not None
    assert (proof.level, proof.md5, proof.etag, proof.item) == (level, MD5, found.etag, ITEM)
    assert set(blobs) <= {info.path for info in store.list("v1/")}, "the old blob stays"


def test_a_blob_without_md5_is_copied_and_the_copy_is_read() -> None:
    for data, level in ((DATA, Level.REREAD), (b"other77", None)):
        store = Copying()
        without_md5(store, "v1/a", data)
        proof = copy_proved(store, ["v1/a"], ITEM, JobContext())
        assert (proof.level if proof else None) is level
        assert (store.head(ITEM.store_path) is None) is (level is None)


def test_an_empty_proof_is_none() -> None:
    """Without a recorded MD5 nothing can be compared."""
    store = Copying()
    store.put("v1/a", DATA)
    assert copy_proved(store, ["v1/a"], replace(ITEM, md5=None), JobContext()) is None


@pytest.mark.parametrize("call", ["head", "copy"])
@pytest.mark.parametrize(
    "error", [StoreUnavailableError("It does not answer."), StoreError("It refuses."), AccessError("The token has ended.", remedy="")]
)
def test_what_prevents_a_copy_is_no_failure_unless_it_stops_everything(call: str, error: StoreError) -> None:
    store = Copying()
    store.put("v1/a", DATA)
    store.fail_next(call, error)
    if error.fatal:
        with pytest.raises(type(error)):
            copy_proved(store, ["v1/a"], ITEM, JobContext())
    else:
        assert copy_proved(store, ["v1/a"], ITEM, JobContext()) is None


def test_a_copy_that_cannot_be_removed_is_no_proof_either() -> None:
    store = Copying(b"other77")
    store.put("v1/a", DATA)
    store.fail_next("delete", StoreError("It refuses."))
    assert copy_proved(store, ["v1/a"], ITEM, JobContext()) is None


def test_what_another_program_put_in_the_place_of_a_bad_copy_stays() -> None:
    class Replaced(Copying):
        def copy(self, source: str, target: str, **options: Any) -> BlobInfo:
            info = super().copy(source, target, **options)
            self.put(target, b"theirs")
            return info

    store = Replaced(b"other77")
    store.put("v1/a", DATA)
    assert copy_proved(store, ["v1/a"], ITEM, JobContext()) is None
    assert b"".join(store.read(ITEM.store_path)) == b"theirs"


def test_a_hash_is_of_exactly_the_blob_that_was_seen() -> None:
    store = MemoryStore()
    info = store.put("v1/a", DATA)
    assert hash_of(store, info, JobContext()) == MD5
    store.put("v1/a", b"other77")
    with pytest.raises(StoreError):
        hash_of(store, info, JobContext())


# --- how a file is cut ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "wanted", "block"),
    [
        (1, 8 * MIB, 8 * MIB),
        (100 * MIB, MIB, MIB),
        (1000 * MIB, MIB, MIB),
        (1000 * MIB + 1, MIB, 2 * MIB),
        (8000 * MIB + 1, 8 * MIB, 9 * MIB),
        (20_000 * MIB, 8 * MIB, 20 * MIB),
    ],
)
def test_blocks_are_as_large_as_the_number_of_blocks_needs(size: int, wanted: int, block: int) -> None:
    limits = StoreLimits(put_bytes=8 * MIB, block_bytes=20 * MIB, blocks=1000)
    assert block_size(size, limits, wanted) == block
    assert block_size(20_000 * MIB, limits) == 20 * MIB
    with pytest.raises(StoreError, match="20,971,520,000"):
        block_size(20_000 * MIB + 1, limits, wanted)


@pytest.mark.parametrize(
    ("staged", "size"),
    [
        pytest.param({}, 0, id="nothing"),
        pytest.param({block_id(0, MIB, MD5): MIB}, MIB, id="a block"),
        pytest.param({block_id(0, MIB, MD5): MIB, block_id(0, 4 * MIB, MD5): 4 * MIB}, 4 * MIB, id="most bytes count, not most blocks"),
        pytest.param(
            {block_id(number, MIB, MD5): MIB for number in range(5)} | {block_id(0, 4 * MIB, MD5): 4 * MIB},
            MIB,
            id="bytes of one size are added up",
        ),
        pytest.param({block_id(0, 3 * MIB, MD5): 3 * MIB}, 0, id="a size that this program never uses"),
        pytest.param({"x" * 64: MIB}, 0, id="another tool's id"),
        pytest.param({block_id(0, MIB, MD5) + "x": MIB}, 0, id="more after an id"),
        pytest.param({block_id(0, MIB, MD5, 50): MIB}, 0, id="an id of another length does not say it"),
    ],
)
def test_a_file_continues_with_the_size_of_its_staged_blocks(staged: dict[str, int], size: int) -> None:
    assert staged_size(staged) == size


def test_a_blocks_id_says_number_size_and_content_and_two_blocks_never_share_one() -> None:
    assert block_id(7, MIB, MD5) == f"000007-000000000000000001048576-{MD5}"
    assert block_id(7, MIB, MD5, 40) == f"000007-{MD5}-"
    assert block_id(7, MIB, MD5, 39) == f"000007-{MD5}"
    assert block_id(0, MIB, MD5, 3) == "000"
    assert block_id(64, MIB, MD5, 3) == "010"
    assert [names_content(length) for length in (38, 39, 64)] == [False, True, True]
    for length in (64, 50, 39, 5, 2):
        names = {block_id(number, block, md5, length) for number in (0, 1, 63, 64) for block in BLOCKS for md5 in (MD5, OTHER)}
        assert len(names) == {64: 32, 50: 8, 39: 8}.get(length, 4)


@pytest.mark.parametrize(
    ("staged", "blocks", "length"),
    [
        ([], 10, 64),
        (["x" * 64], 10, 64),
        (["abc", "abd"], 10, 3),
        (["a"], 64, 1),
        (["a"], 65, None),
        (["ab"], 4096, 2),
        (["ab"], 4097, None),
        (["x" * 39], 10**6, 39),
    ],
)
def test_ids_are_as_long_as_those_that_are_staged_if_there_are_enough(staged: list[str], blocks: int, length: int | None) -> None:
    if length is not None:
        assert id_length(staged, blocks) == length
        return
    with pytest.raises(BlobNameError, match=f"only {len(staged[0])} character") as raised:
        id_length(staged, blocks)
    assert ("characters" in raised.value.what) is (len(staged[0]) > 1)
    assert "seven days" in raised.value.remedy
