"""What every store promises (storage/base.py), asked of each."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from givencontent import Given
from memorystore import MemoryStore

from chorus_gui.core.errors import (
    BlobNameError,
    BlobNotFoundError,
    Cancelled,
    ChecksumError,
    ChorusError,
    ConditionError,
    SourceChangedError,
    SourceUnavailableError,
    StoreUnavailableError,
)
from chorus_gui.core.storage.base import IF_ABSENT, Condition, Store
from chorus_gui.core.storage.local import LocalStore

MIB = 1024 * 1024


def md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def content(store: Store, path: str) -> bytes:
    return b"".join(store.read(path))


def together(number: int, work: Callable[[int], None]) -> None:
    gate = threading.Barrier(number)
    errors: list[BaseException] = []

    def run(index: int) -> None:
        gate.wait()
        try:
            work(index)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def keeps_md5(store: Store) -> bool:
    """A folder has no place for it."""
    return not isinstance(store, LocalStore)


def test_a_put_blob_is_there_as_it_was_sent(store: Store):
    info = store.put("20250101000000/OMOP/person.csv", b"person_id\n1\n", md5=md5(b"person_id\n1\n"))
    assert (info.path, info.size) == ("20250101000000/OMOP/person.csv", 12)
    head = store.head(info.path)
    assert head is not None
    assert (head.path, head.size, head.etag) == (info.path, 12, info.etag)
    assert head.modified_us > 1_600_000_000_000_000
    assert head.md5 == (md5(b"person_id\n1\n").hex() if keeps_md5(store) else None)
    assert content(store, info.path) == b"person_id\n1\n"


@pytest.mark.parametrize("data", [b"", b"\0", bytes(range(256)) * 40], ids=["0", "1", "10240"])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_and_size_can_be_put(store: Store, data: bytes, kind: Callable[[bytes], bytes]):
    assert store.put("a", kind(data)).size == len(data)
    assert content(store, "a") == data


def test_nothing_lies_under_an_unknown_name(store: Store):
    store.put("v/a", b"1")
    assert store.head("v/b") is None
    assert store.head("v") is None
    assert store.head("v/a/b") is None
    with pytest.raises(BlobNotFoundError):
        list(store.read("v/b"))
    with pytest.raises(BlobNotFoundError):
        store.delete("v/b")
    with pytest.raises(BlobNotFoundError):
        store.copy("v/b", "v/c")


def test_a_put_whose_bytes_differ_from_their_md5_changes_nothing(store: Store):
    store.put("a", b"old")
    with pytest.raises(ChecksumError) as raised:
        store.put("a", b"new", md5=md5(b"other"))
    assert raised.value.retryable
    assert content(store, "a") == b"old"


def test_each_write_gives_another_etag(store: Store):
    etags = {store.put("a", b"same").etag for _ in range(20)}
    assert len(etags) == 20
    head = store.head("a")
    assert head is not None
    assert head.etag in etags


def test_listed_and_headed_blobs_are_described_alike(store: Store):
    store.put("v/a", b"1")
    put_large(store, "v/b", b"large")
    for listed in store.list():
        head = store.head(listed.path)
        assert head is not None
        assert (listed.size, listed.md5, listed.etag) == (head.size, head.md5, head.etag)
        assert not listed.metadata


def test_folders_are_listed_by_level(store: Store):
    for path in ("v1/Images/a", "v1/Images/b", "v1/journal.db", "v1", "v2/b/c/d", "vé 3/x", "top.db", "top.db.chorus/holds.json"):
        if path != "v1" or "Local" not in type(store).__name__:  # a folder of a disk has no file of the same name
            store.put(path, b"")
    assert sorted(store.list_folders()) == ["top.db.chorus", "v1", "v2", "vé 3"]
    assert list(store.list_folders("v1/")) == ["Images"]
    assert sorted(store.list_folders("v2/b/")) == ["c"]
    assert list(store.list_folders("v1/Images/")) == []
    assert list(store.list_folders("nothing/")) == []


def test_a_level_has_its_folders_and_its_blobs(store: Store):
    for path in ("v1/Images/a", "v1/Images/b", "v1/journal.db", "v2/b/c/d", "vé 3/x", "top.db"):
        store.put(path, path.encode())
    assert level(store, "") == (["v1", "v2", "vé 3"], ["top.db"])
    assert level(store, "v1/") == (["Images"], ["v1/journal.db"])
    assert level(store, "v1/Images/") == ([], ["v1/Images/a", "v1/Images/b"])
    assert level(store, "v2/b/") == (["c"], [])
    assert level(store, "nothing/") == ([], [])
    for part in store.level("v1/"):
        for listed in part.blobs:
            head = store.head(listed.path)
            assert head is not None
            assert (listed.size, listed.md5, listed.etag, listed.modified_us) == (head.size, head.md5, head.etag, head.modified_us)
            assert not listed.metadata


def level(store: Store, prefix: str) -> tuple[list[str], list[str]]:
    """All folders and blobs of a level."""
    parts = list(store.level(prefix))
    return sorted(name for part in parts for name in part.folders), sorted(blob.path for part in parts for blob in part.blobs)


def test_a_level_continues_after_a_marker(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("chorus_gui.core.storage.local_level.PAGE", 2)
    monkeypatch.setattr("chorus_gui.core.storage.azure.lean_wire.PAGE", 2)
    inner = store
    while (further := getattr(inner, "inner", None)) is not None:
        inner = further
    if isinstance(inner, MemoryStore):
        inner.page = 2
    for path in ("v/a", "v/b/x", "v/b/y", "v/c-d/x", "v/e", "v/f/g/h", "v/z"):
        store.put(path, b"")
    parts = list(store.level("v/"))
    assert len(parts) >= 3
    assert level(store, "v/") == (["b", "c-d", "f"], ["v/a", "v/e", "v/z"])
    seen = 0
    for part in parts:
        seen += len(part.folders) + len(part.blobs)
        if part.marker:
            assert sum(len(more.folders) + len(more.blobs) for more in store.level("v/", part.marker)) == 6 - seen


def test_folders_without_blobs_are_not_listed(store: Store):
    assert list(store.list_folders()) == []
    store.put("v/a/b", b"")
    if store.limits.blocks:
        store.stage_block("w/c", "0001", b"x")
    else:
        with pytest.raises(SourceChangedError):
            store.write("w/c", Given(b"x" * 100, fails=SourceChangedError("changed")))
    assert list(store.list_folders()) == ["v"]
    store.delete("v/a/b")
    assert list(store.list_folders()) == []


def test_a_thousand_blobs_in_a_folder_are_one_name(store: Store):
    def send(thread: int) -> None:
        for index in range(thread, 1_000, 8):
            store.put(f"v/Images/{index}", b"")

    together(8, send)
    store.put("w/x", b"")
    assert sorted(store.list_folders()) == ["v", "w"]


def test_if_absent_creates_and_never_replaces(store: Store):
    store.put("a", b"first", condition=IF_ABSENT)
    with pytest.raises(ConditionError):
        store.put("a", b"second", condition=IF_ABSENT)
    assert content(store, "a") == b"first"
    store.put("deep/er/b", b"", condition=IF_ABSENT)
    with pytest.raises(ConditionError):
        store.put("deep/er/b", b"", condition=IF_ABSENT)


def test_if_absent_has_one_winner_among_sixteen(store: Store):
    won: list[int] = []

    def compete(index: int) -> None:
        try:
            store.put("journal.db.locked", str(index).encode(), condition=IF_ABSENT, metadata={"who": str(index)})
        except ConditionError:
            return
        won.append(index)

    together(16, compete)
    assert len(won) == 1
    assert content(store, "journal.db.locked") == str(won[0]).encode()
    head = store.head("journal.db.locked")
    assert head is not None
    assert head.metadata == {"who": str(won[0])}


def test_if_unchanged_replaces_only_what_was_seen(store: Store):
    first = store.put("a", b"1")
    second = store.put("a", b"2", condition=Condition(etag=first.etag))
    with pytest.raises(ConditionError):
        store.put("a", b"3", condition=Condition(etag=first.etag))
    with pytest.raises(ConditionError):
        store.put("nothing", b"3", condition=Condition(etag=first.etag))
    assert content(store, "a") == b"2"
    with pytest.raises(ConditionError):
        store.delete("a", condition=Condition(etag=first.etag))
    store.delete("a", condition=Condition(etag=second.etag))
    assert store.head("a") is None


def test_if_unchanged_has_one_winner_among_eight(store: Store):
    seen = store.put("a", b"seen").etag
    won: list[int] = []

    def compete(index: int) -> None:
        try:
            store.put("a", str(index).encode(), condition=Condition(etag=seen))
        except ConditionError:
            return
        won.append(index)

    together(8, compete)
    assert len(won) == 1
    assert content(store, "a") == str(won[0]).encode()


def test_metadata_belongs_to_one_version_of_a_blob(store: Store):
    store.put("lock", b"", metadata={"who": "me", "host": "ward7"})
    head = store.head("lock")
    assert head is not None
    assert head.metadata == {"who": "me", "host": "ward7"}
    store.put("lock", b"")
    head = store.head("lock")
    assert head is not None
    assert head.metadata == {}
    store.put("lock", b"", metadata={"who": "you"})
    store.delete("lock")
    store.put("lock", b"")
    head = store.head("lock")
    assert head is not None
    assert head.metadata == {}


def put_large(store: Store, path: str, data: bytes) -> None:
    """As the transfer writes a large file."""
    if store.limits.blocks:
        half = max(1, len(data) // 2)
        store.stage_block(path, "1", data[:half])
        store.stage_block(path, "2", data[half:])
        store.commit_blocks(path, ["1", "2"], md5=md5(data))
    else:
        store.write(path, Given(data, chunk=MIB))


def stage(store: Store, path: str, ids: list[str]) -> None:
    for name in ids:
        store.stage_block(path, name, f"<{name}>".encode(), md5=md5(f"<{name}>".encode()))


def test_a_commit_makes_the_blob_of_the_named_blocks_in_the_named_order(blocks: Store):
    stage(blocks, "v/big", ["0003", "0001", "0002"])
    assert blocks.head("v/big") is None
    assert list(blocks.list()) == []
    info = blocks.commit_blocks("v/big", ["0001", "0003", "0002"], metadata={"k": "v"})
    assert content(blocks, "v/big") == b"<0001><0003><0002>"
    assert info.size == 18
    head = blocks.head("v/big")
    assert head is not None
    assert (head.etag, head.metadata) == (info.etag, {"k": "v"})


def test_a_commit_keeps_the_md5_it_is_given_unchecked(blocks: Store):
    stage(blocks, "a", ["1"])
    blocks.commit_blocks("a", ["1"], md5=md5(b"something else"))
    head = blocks.head("a")
    assert head is not None
    assert head.md5 == (md5(b"something else").hex() if keeps_md5(blocks) else None)


def test_a_commit_forgets_the_blocks_it_does_not_name(blocks: Store):
    stage(blocks, "a", ["1", "2", "3"])
    blocks.commit_blocks("a", ["1", "3"])
    assert content(blocks, "a") == b"<1><3>"
    assert blocks.list_staged("a") == []
    with pytest.raises(BlobNotFoundError):
        blocks.commit_blocks("a", ["1", "2"])
    assert content(blocks, "a") == b"<1><3>"


def test_a_commit_of_a_block_that_is_not_staged_changes_nothing(blocks: Store):
    blocks.put("a", b"old")
    stage(blocks, "a", ["1"])
    with pytest.raises(BlobNotFoundError):
        blocks.commit_blocks("a", ["1", "2"])
    assert content(blocks, "a") == b"old"
    assert {block.id for block in blocks.list_staged("a")} == {"1"}


def test_staging_an_id_again_replaces_the_block(blocks: Store):
    stage(blocks, "a", ["1", "2"])
    blocks.stage_block("a", "1", b"new and longer")
    assert {block.id: block.size for block in blocks.list_staged("a")} == {"1": 14, "2": 3}
    blocks.commit_blocks("a", ["1", "2"])
    assert content(blocks, "a") == b"new and longer<2>"


def test_a_commit_may_be_conditional(blocks: Store):
    first = blocks.put("a", b"old")
    stage(blocks, "a", ["1"])
    with pytest.raises(ConditionError):
        blocks.commit_blocks("a", ["1"], condition=IF_ABSENT)
    assert content(blocks, "a") == b"old"
    blocks.commit_blocks("a", ["1"], condition=Condition(etag=first.etag))
    assert content(blocks, "a") == b"<1>"
    stage(blocks, "b", ["1"])
    blocks.commit_blocks("b", ["1"], condition=IF_ABSENT)
    assert content(blocks, "b") == b"<1>"


def test_staged_blocks_of_blobs_do_not_mix_and_show_nowhere(blocks: Store):
    stage(blocks, "a", ["1"])
    stage(blocks, "b", ["2"])
    assert [block.id for block in blocks.list_staged("a")] == ["1"]
    assert [block.id for block in blocks.list_staged("b")] == ["2"]
    assert blocks.list_staged("c") == []
    assert list(blocks.list()) == []


def test_a_put_forgets_what_was_staged(blocks: Store):
    stage(blocks, "a", ["1"])
    blocks.put("a", b"whole")
    assert blocks.list_staged("a") == []


def test_a_block_whose_bytes_differ_from_their_md5_is_refused(blocks: Store):
    with pytest.raises(ChecksumError):
        blocks.stage_block("a", "1", b"new", md5=md5(b"other"))
    assert blocks.list_staged("a") == []


def test_blocks_staged_by_many_threads_are_all_there(blocks: Store):
    size, number = 50_000, 32
    data = [os.urandom(size if index < number - 1 else 17) for index in range(number)]
    names = [f"{index:06d}-{size:024d}-{md5(block).hex()}" for index, block in enumerate(data)]

    def send(thread: int) -> None:
        for index in reversed(range(thread, number, 8)):
            blocks.stage_block("v/large", names[index], data[index], md5=md5(data[index]))

    together(8, send)
    assert sorted(block.id for block in blocks.list_staged("v/large")) == sorted(names)
    whole = b"".join(data)
    assert blocks.commit_blocks("v/large", names, md5=md5(whole)).size == len(whole)
    assert content(blocks, "v/large") == whole


def test_parts_of_a_blob_can_be_read(store: Store):
    info = store.put("a", bytes(range(100)))
    assert b"".join(store.read("a", offset=90)) == bytes(range(90, 100))
    assert b"".join(store.read("a", offset=10, length=5)) == bytes(range(10, 15))
    assert b"".join(store.read("a", offset=95, length=50)) == bytes(range(95, 100))
    assert b"".join(store.read("a", offset=100)) == b""
    assert b"".join(store.read("a", length=0)) == b""
    assert b"".join(store.read("a", etag=info.etag)) == bytes(range(100))
    store.put("a", bytes(range(100)))
    with pytest.raises(ConditionError):
        list(store.read("a", etag=info.etag))


def test_reading_comes_in_chunks_of_at_most_4_mib(store: Store):
    data = os.urandom(9 * MIB + 1)
    put_large(store, "a", data)
    chunks = list(store.read("a"))
    assert max(map(len, chunks)) <= 4 * MIB
    assert b"".join(chunks) == data


def test_a_reader_may_stop_early(store: Store):
    store.put("a", os.urandom(5 * MIB))
    chunks = store.read("a")
    assert next(chunks)
    del chunks
    store.delete("a")
    assert store.head("a") is None


def test_a_prefix_is_text_not_a_folder(store: Store):
    paths = ["v1/OMOP/a", "v1/OMOP/ab/c", "v1/OMOPX/d", "v10/e", "v2/f", "top"]
    for path in paths:
        store.put(path, b"1")

    def listed(prefix: str) -> list[str]:
        return sorted(info.path for info in store.list(prefix))

    assert listed("") == sorted(paths)
    assert listed("v1") == ["v1/OMOP/a", "v1/OMOP/ab/c", "v1/OMOPX/d", "v10/e"]
    assert listed("v1/") == ["v1/OMOP/a", "v1/OMOP/ab/c", "v1/OMOPX/d"]
    assert listed("v1/OMOP") == ["v1/OMOP/a", "v1/OMOP/ab/c", "v1/OMOPX/d"]
    assert listed("v1/OMOP/a") == ["v1/OMOP/a", "v1/OMOP/ab/c"]
    assert listed("v1/OMOP/ab/c") == ["v1/OMOP/ab/c"]
    assert listed("v1/OMOP/ab/c/") == []
    assert listed("v3") == []
    assert listed("../") == []


@pytest.mark.slow
def test_five_thousand_blobs_are_all_listed(store: Store):
    def send(thread: int) -> None:
        for index in range(thread, 5_000, 8):
            store.put(f"v/{index % 50:03d}/Images/{index:05d}.dcm", b"")

    together(8, send)
    assert sorted(info.path for info in store.list("v/")) == sorted(f"v/{i % 50:03d}/Images/{i:05d}.dcm" for i in range(5_000))
    check_markers(store, 5_000)


def check_markers(store: Store, count: int) -> None:
    """From each marker on, another listing gives exactly the rest, even if other blobs come and go meanwhile."""
    pages = list(store.pages("v/"))
    assert sum(len(page.blobs) for page in pages) == count
    seen = 0
    for page in pages:
        seen += len(page.blobs)
        if page.marker:
            rest = [blob.path for further in store.pages("v/", page.marker) for blob in further.blobs]
            assert len(rest) == count - seen
            assert not {blob.path for blob in page.blobs} & set(rest)


def test_a_listing_continues_after_a_marker_whatever_changed_before_it(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("chorus_gui.core.storage.local.PAGE", 2)
    monkeypatch.setattr("chorus_gui.core.storage.azure.lean_wire.PAGE", 2)
    inner = store
    while (further := getattr(inner, "inner", None)) is not None:
        inner = further
    if isinstance(inner, MemoryStore):
        inner.page = 2
    paths = ["v/a", "v/a-b/x", "v/a.b/x", "v/b/c/d", "v/b/e", "v/b0", "v/z"]
    for path in paths:
        store.put(path, b"")
    pages = list(store.pages("v/"))
    assert sorted(blob.path for page in pages for blob in page.blobs) == sorted(paths)
    assert len(pages) >= 4
    check_markers(store, len(paths))
    seen = {blob.path for blob in pages[0].blobs} | {blob.path for blob in pages[1].blobs}
    for path in seen:
        store.delete(path)
    rest = {blob.path for page in store.pages("v/", pages[1].marker) for blob in page.blobs}
    assert rest == set(paths) - seen
    assert {blob.path for page in store.pages("v/b/") for blob in page.blobs} == {"v/b/c/d", "v/b/e"} - seen


NAMES = [
    "plain",
    "with space/and more space",
    "dots.in.name/.hidden/..two/three...",
    "percent%20literal/100%",
    "plus+and&and=and#and~",
    "semi;comma,at@dollar$bang!",
    "quote'apostrophe/(round)[square]{curly}",
    "caret^grave`under_score-dash",
    "äöüß/Łódź/ñ",
    "日本語/ファイル",
    "emoji-😀",
    "e\u0301-decomposed",
    "\u00e9-composed",
    "a" * 200 + "/" + "b" * 200 + "/" + "c" * 200,
]


@pytest.mark.parametrize("path", NAMES, ids=range(len(NAMES)))
def test_names_are_kept_to_the_letter(store: Store, path: str):
    store.put(path, path.encode())
    assert [info.path for info in store.list()] == [path]
    assert [info.path for info in store.list(path[:-1])] == [path]
    head = store.head(path)
    assert head is not None
    assert head.path == path
    put_large(store, path, b"large")
    assert content(store, path) == b"large"
    store.copy(path, "copy of it")
    store.delete(path)
    assert [info.path for info in store.list()] == ["copy of it"]


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot hold these characters")
@pytest.mark.parametrize("path", ['in "quotes"', "a<b>c", "what?", "star*", "pipe|", "co:lon", "back\\slash"])
def test_names_that_only_windows_refuses(store: Store, path: str):
    if "\\" in path and type(store).__name__ == "AzureStore":
        pytest.skip("the service takes a backslash for a slash")
    store.put(path, b"1")
    assert [info.path for info in store.list()] == [path]
    assert content(store, path) == b"1"


@pytest.mark.parametrize("path", ["", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "a/..", "x" * 1025, "../a"])
def test_names_that_no_store_takes(store: Store, path: str):
    larger: list[Callable[[], object]] = [lambda: store.stage_block(path, "1", b"1"), lambda: store.commit_blocks(path, [])]
    if not store.limits.blocks:
        larger = [lambda: store.write(path, Given(b"1"))]
    for call in (lambda: store.put(path, b"1"), *larger):
        with pytest.raises(BlobNameError):
            call()
    assert list(store.list()) == []


def test_a_copy_takes_content_and_metadata_along(store: Store):
    store.put("a", b"content", metadata={"k": "v"})
    info = store.copy("a", "other/b")
    head = store.head("other/b")
    original = store.head("a")
    assert head is not None
    assert original is not None
    assert (head.etag, head.size, head.md5, head.metadata) == (info.etag, 7, original.md5, {"k": "v"})
    assert content(store, "other/b") == b"content"
    with pytest.raises(ConditionError):
        store.copy("a", "other/b", condition=IF_ABSENT)
    store.put("a", b"changed")
    assert content(store, "other/b") == b"content"


def test_deleting_leaves_the_rest(store: Store):
    store.put("v/x/a", b"1")
    store.put("v/x/b", b"2")
    store.delete("v/x/a")
    assert [info.path for info in store.list()] == ["v/x/b"]
    store.delete("v/x/b")
    assert list(store.list()) == []
    store.put("v", b"a name that was part of a path")
    assert content(store, "v") == b"a name that was part of a path"


def test_a_large_blob_of_many_blocks(blocks: Store):
    """300 MB in the cloud's case is a test of its own area; here the shape: blocks in parallel, read back whole."""
    block = os.urandom(MIB)
    names = [f"{index:06d}-{MIB:024d}-{index:032d}" for index in range(24)]

    def send(thread: int) -> None:
        for index in range(thread, 24, 4):
            blocks.stage_block("large", names[index], block, md5=md5(block))

    together(4, send)
    assert blocks.commit_blocks("large", names).size == 24 * MIB
    assert hashlib.md5(b"".join(blocks.read("large"))).digest() == hashlib.md5(block * 24).digest()


@pytest.mark.slow
def test_300_mb(blocks: Store):
    block = os.urandom(8 * MIB)
    names = [f"{index:06d}-{8 * MIB:024d}-{index:032d}" for index in range(38)]
    whole = hashlib.md5()
    for name in names:
        blocks.stage_block("huge", name, block, md5=md5(block))
        whole.update(block)
    assert blocks.commit_blocks("huge", names, md5=whole.digest()).size == 38 * 8 * MIB
    back = hashlib.md5()
    for chunk in blocks.read("huge"):
        back.update(chunk)
    assert back.digest() == whole.digest()


def test_url_and_limits_say_what_people_and_transfer_need(store: Store):
    assert store.url
    assert "sig=" not in store.url
    assert store.limits.put_bytes >= MIB
    if store.limits.blocks:
        assert store.limits.block_bytes >= MIB
        assert store.limits.blocks >= 1_000


# --- what is written as it is read --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 1000, 100_000])
def test_a_content_arrives_whole_under_its_conditions(stream: Store, size: int):
    data = os.urandom(size)
    first = stream.write("v/large", Given(data), metadata={"k": "v"}, condition=IF_ABSENT)
    assert content(stream, "v/large") == data
    head = stream.head("v/large")
    assert head is not None
    assert (head.etag, head.size, head.metadata) == (first.etag, size, {"k": "v"})
    assert head.md5 in (None, md5(data).hex())
    for condition in (IF_ABSENT, Condition(etag="0x0")):
        with pytest.raises(ConditionError):
            stream.write("v/large", Given(b"other"), condition=condition)
    assert content(stream, "v/large") == data
    second = stream.write("v/large", Given(data), condition=Condition(etag=first.etag))
    assert second.etag != first.etag


@pytest.mark.parametrize(
    "error",
    [
        SourceChangedError("changed"),
        SourceUnavailableError("no answer"),
        StoreUnavailableError("the site does not answer"),
        Cancelled(),
        OSError("disk"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_content_that_breaks_off_changes_nothing_and_is_not_asked_again(stream: Store, tmp_path: Path, error: Exception):
    """An error of what is read is not the store's: the store does not wait for it."""
    before = stream.put("v/a", b"before").etag
    given = Given(b"x" * 1000, fails=error)
    with pytest.raises((ChorusError, Cancelled, OSError)) as raised:
        stream.write("v/a", given)
    if not isinstance(error, OSError):
        assert raised.value is error
    assert (given.asked, given.closed) == (1, 1)
    head = stream.head("v/a")
    assert head is not None
    assert head.etag == before
    assert [file for file in tmp_path.rglob("put/*") if file.is_file()] == [], "nothing is left beside it"


def test_a_store_takes_a_large_blob_in_one_way(stream: Store):
    with pytest.raises(NotImplementedError):
        stream.stage_block("a", "1", b"1")
    with pytest.raises(NotImplementedError):
        stream.commit_blocks("a", ["1"])
    with pytest.raises(NotImplementedError):
        stream.list_staged("a")


def test_a_store_of_blocks_takes_no_stream(blocks: Store):
    with pytest.raises(NotImplementedError):
        blocks.write("a", Given(b"1"))
    assert blocks.head("a") is None
