"""A folder as store: what only a folder can get wrong."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chorus_gui.core.errors import AccessError, BlobNameError, ChorusError, ConditionError, StoreFullError, StoreUnavailableError
from chorus_gui.core.storage import disk, staged
from chorus_gui.core.storage.base import ALWAYS, IF_ABSENT
from chorus_gui.core.storage.disk import store_error
from chorus_gui.core.storage.exact_names import Spelling
from chorus_gui.core.storage.local import STAGING, LocalStore
from chorus_gui.core.storage.names import check_path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "central"
    folder.mkdir()
    return folder


def files(root: Path) -> list[str]:
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file() and STAGING not in p.parts)


def leftovers(root: Path) -> list[str]:
    return sorted(p.relative_to(root / STAGING).as_posix() for p in (root / STAGING).rglob("*") if p.is_file())


def names(number: int, size: int) -> list[str]:
    return [f"{index:06d}-{size:024d}-{'0' * 32}" for index in range(number)]


def test_a_blob_is_a_file_at_exactly_its_path(root: Path):
    store = LocalStore(root)
    store.put("20250101000000/1000001/Images/a b.dcm", b"1")
    assert files(root) == ["20250101000000/1000001/Images/a b.dcm"]
    assert leftovers(root) == []


def test_a_missing_root_is_never_made(root: Path):
    root.rmdir()
    with pytest.raises(StoreUnavailableError) as raised:
        LocalStore(root)
    assert "Connect the disk" in raised.value.remedy
    assert not root.exists()
    LocalStore(root, create=True)
    assert root.is_dir()


def test_a_root_that_is_a_file_is_refused(tmp_path: Path):
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(AccessError):
        LocalStore(tmp_path / "f")


@pytest.mark.parametrize("mount_point_stays", [False, True])
def test_a_disk_that_is_unplugged_does_not_become_a_folder(root: Path, mount_point_stays: bool):
    store = LocalStore(root)
    store.put("v/a", b"1")
    root.rename(root.with_name("elsewhere"))
    if mount_point_stays:
        root.mkdir()
    for call in (
        lambda: store.put("v/b", b"2"),
        lambda: store.stage_block("v/b", "1", b"2"),
        lambda: store.head("v/a"),
        lambda: list(store.read("v/a")),
        lambda: store.delete("v/a"),
        lambda: list(store.list("v/")),
    ):
        with pytest.raises(StoreUnavailableError):
            call()
    assert root.exists() == mount_point_stays
    assert not mount_point_stays or list(root.iterdir()) == []


def test_a_folder_is_no_blob_and_a_blob_no_folder(root: Path):
    store = LocalStore(root)
    store.put("v/a", b"1")
    for path in ("v", "v/a/b"):
        for condition in (ALWAYS, IF_ABSENT):
            with pytest.raises(BlobNameError):
                store.put(path, b"2", condition=condition)
    assert files(root) == ["v/a"]
    assert leftovers(root) == []


def test_the_staging_folder_is_out_of_reach(root: Path):
    store = LocalStore(root)
    store.put("a", b"1")
    for path in (f"{STAGING}/x", STAGING, STAGING.upper() + "/x"):
        with pytest.raises(BlobNameError):
            store.put(path, b"1")
    assert [info.path for info in store.list("")] == ["a"]
    assert [info.path for info in store.list(".ch")] == []


@pytest.mark.parametrize("path", ["a:b", "a\\b", "a?b", 'a"b', "tab\there", "less<", "pipe|", "star*"])
def test_names_that_windows_cannot_hold(path: str):
    check_path("v/" + path)
    with pytest.raises(BlobNameError, match="Windows"):
        check_path("v/" + path, windows=True)


def test_a_part_that_windows_cannot_hold():
    check_path("/".join(["x" * 255] * 4), windows=True)
    check_path("é" * 255, windows=True)
    for name in ("x" * 256, "😀" * 128):
        check_path("v/" + name)
        with pytest.raises(BlobNameError, match="the limit on Windows is 255"):
            check_path(f"v/{name}/x", windows=True)


def test_a_name_too_long_for_the_disk(root: Path):
    store = LocalStore(root)
    with pytest.raises(BlobNameError):
        store.put("v/" + "x" * 300, b"1")
    if os.name != "nt":  # what Windows cannot hold is refused there before the disk is asked
        assert store.head("v/" + "x" * 300) is None


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StoreFullError),
        (errno.EDQUOT, StoreFullError),
        (errno.EACCES, AccessError),
        (errno.EROFS, AccessError),
        (errno.ENAMETOOLONG, BlobNameError),
        (errno.EINVAL, BlobNameError),
        (errno.ENOTDIR, BlobNameError),
        (errno.ESTALE, StoreUnavailableError),
        (errno.EIO, StoreUnavailableError),
        (errno.ETIMEDOUT, StoreUnavailableError),
        (errno.ENETUNREACH, StoreUnavailableError),
        (errno.EBUSY, StoreUnavailableError),
    ],
)
def test_the_systems_refusals_in_words_of_ours(number: int, kind: type[ChorusError]):
    error = store_error("v/a", OSError(number, os.strerror(number)))
    assert type(error) is kind
    assert error.remedy
    assert "v/a" in str(error)


def test_a_full_disk_leaves_nothing_behind(root: Path, monkeypatch: pytest.MonkeyPatch):
    store = LocalStore(root)
    store.put("a", b"old")

    def full(fd: int, data: bytes) -> None:
        os.write(fd, bytes(data)[:2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(disk, "write_all", full)
    with pytest.raises(StoreFullError):
        store.put("a", b"new content")
    with pytest.raises(StoreFullError):
        store.put("b", b"new content")
    monkeypatch.undo()
    assert files(root) == ["a"]
    assert (root / "a").read_bytes() == b"old"
    assert leftovers(root) == []


def test_if_absent_on_a_disk_without_links(root: Path, monkeypatch: pytest.MonkeyPatch):
    def no_links(source: str, target: str) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    store = LocalStore(root)
    store.put("v/lock", b"1", condition=IF_ABSENT, metadata={"who": "me"})
    with pytest.raises(ConditionError):
        store.put("v/lock", b"2", condition=IF_ABSENT)
    assert (root / "v/lock").read_bytes() == b"1"
    assert leftovers(root) == [name for name in leftovers(root) if name.startswith("meta/")]


def test_what_a_crash_left_is_cleared_by_the_next_writer(root: Path):
    store = LocalStore(root)
    store.stage_block("young", "1", b"1")
    store.stage_block("old", "1", b"1")
    store.close()
    temp = root / STAGING / "put" / "torn"
    temp.write_bytes(b"half")
    fresh = root / STAGING / "put" / "fresh"
    fresh.write_bytes(b"half")
    long_ago = time.time() - 8 * 24 * 3600
    os.utime(temp, (long_ago, long_ago))
    for index in (root / STAGING / "blocks").glob("*/index"):
        if b'"1"' in index.read_bytes() and len(store.list_staged("old")) == 1:
            os.utime(index, (long_ago, long_ago))
            break
    store = LocalStore(root)
    store.put("a", b"")
    assert not temp.exists()
    assert fresh.exists()
    assert len(store.list_staged("young")) + len(store.list_staged("old")) == 1


def test_blocks_in_order_are_renamed_not_copied(root: Path):
    store = LocalStore(root)
    ids = names(4, 1000)
    for index in (3, 1, 0, 2):  # the last is shorter and comes first
        store.stage_block("v/big", ids[index], bytes([index]) * (1000 if index < 3 else 10))
    (data,) = (root / STAGING / "blocks").glob("*/data")
    inode = data.stat().st_ino
    store.commit_blocks("v/big", ids)
    assert (root / "v/big").stat().st_ino == inode
    assert (root / "v/big").read_bytes() == b"\0" * 1000 + b"\1" * 1000 + b"\2" * 1000 + b"\3" * 10
    assert leftovers(root) == []


def test_blocks_out_of_place_are_copied_right(root: Path):
    store = LocalStore(root)
    ids = names(3, 1000)
    store.stage_block("big", ids[2], b"c" * 1500)
    store.stage_block("big", ids[1], b"b" * 1500)  # would reach into the third
    store.stage_block("big", ids[0], b"a" * 900)
    store.commit_blocks("big", ids)
    assert (root / "big").read_bytes() == b"a" * 900 + b"b" * 1500 + b"c" * 1500
    assert leftovers(root) == []


def test_a_leftover_beyond_the_end_does_not_end_up_in_the_blob(root: Path):
    store = LocalStore(root)
    ids = names(3, 10)
    for name in ids:
        store.stage_block("big", name, b"0123456789")
    store.commit_blocks("big", ids[:2])
    assert (root / "big").read_bytes() == b"0123456789" * 2


def test_staged_blocks_survive_the_process_and_a_torn_index(root: Path):
    ids = names(4, 100_000)
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom chorus_gui.core.storage.local import LocalStore\n"
        "store = LocalStore(Path(sys.argv[1]))\n"
        "for index, name in enumerate(sys.argv[2:]):\n    store.stage_block('v/big', name, bytes([index]) * 100_000)\n"
        "os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(root), *ids[:3]], check=False).returncode == 9
    (index,) = (root / STAGING / "blocks").glob("*/index")
    with index.open("ab") as file:
        file.write(b'["000003-0000')
    store = LocalStore(root)
    assert sorted(block.id for block in store.list_staged("v/big")) == ids[:3]
    store.stage_block("v/big", ids[3], b"\3" * 100_000)
    assert len(store.list_staged("v/big")) == 4
    store.close()
    store = LocalStore(root)
    (data,) = (root / STAGING / "blocks").glob("*/data")
    inode = data.stat().st_ino
    store.commit_blocks("v/big", ids)
    assert hashlib.md5((root / "v/big").read_bytes()).digest() == hashlib.md5(b"".join(bytes([i]) * 100_000 for i in range(4))).digest()
    assert (root / "v/big").stat().st_ino == inode


def test_a_block_whose_bytes_are_not_there_counts_as_not_staged(root: Path):
    store = LocalStore(root)
    ids = names(2, 1000)
    for name in ids:
        store.stage_block("big", name, b"x" * 1000)
    store.close()
    (data,) = (root / STAGING / "blocks").glob("*/data")
    os.truncate(data, 1500)
    assert [block.id for block in LocalStore(root).list_staged("big")] == ids[:1]


def test_two_processes_do_not_write_into_one_unfinished_blob(root: Path):
    first, second = LocalStore(root), LocalStore(root)
    first.stage_block("big", "1", b"1")
    with pytest.raises(StoreUnavailableError, match="Another program"):
        second.stage_block("big", "2", b"2")
    assert [block.id for block in second.list_staged("big")] == ["1"]
    first.close()
    second.stage_block("big", "2", b"2")
    second.commit_blocks("big", ["1", "2"])
    assert (root / "big").read_bytes() == b"12"
    second.close()


def test_many_unfinished_blobs_do_not_keep_files_open(root: Path):
    store = LocalStore(root)
    for index in range(200):
        store.stage_block(f"v/{index}", "1", b"1")
    if sys.platform == "linux":
        assert len(os.listdir("/proc/self/fd")) < 180
    for index in range(200):
        store.commit_blocks(f"v/{index}", ["1"])
    assert len(files(root)) == 200
    assert leftovers(root) == []


def test_names_that_differ_in_case_only_are_told_apart_from_the_disk(root: Path):
    """As on a disk that ignores case, where this name would overwrite the other one."""
    store = LocalStore(root)
    store._spelling = Spelling(str(root), ignores_case=True)
    store.put("v/Images/a.dcm", b"old")
    store.put("v/Images/b.dcm", b"old")
    for path in ("v/images/a.dcm", "v/Images/A.dcm", "V/Images/c.dcm"):
        with pytest.raises(BlobNameError, match="capital and small letters"):
            store.put(path, b"new")
    store.put("v/Images/a.dcm", b"new")
    store.delete("v/Images/a.dcm")
    store.put("v/Images/A.dcm", b"again")
    assert files(root) == ["v/Images/A.dcm", "v/Images/b.dcm"]
    assert list(store.list("v/images")) == []
    assert len(list(store.list("v/Images"))) == 2


def test_a_disk_that_ignores_case_is_noticed(root: Path):
    store = LocalStore(root)
    store.put("v/a.dcm", b"1")
    ignores = (root / "V").exists()
    assert store._spelling._matters() == ignores
    assert (store.head("v/A.dcm") is not None) is False


@pytest.mark.skipif(os.name == "nt", reason="needs a folder that refuses")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_refuses_stops_the_job(root: Path):
    root.chmod(0o500)
    try:
        with pytest.raises(AccessError) as raised:
            LocalStore(root).put("a", b"1")
        assert raised.value.fatal
    finally:
        root.chmod(0o700)


def test_an_unreadable_metadata_file_is_said(root: Path):
    store = LocalStore(root)
    store.put("lock", b"", metadata={"a": "b"})
    (meta,) = (root / STAGING / "meta").iterdir()
    meta.write_bytes(b"{")
    with pytest.raises(StoreUnavailableError, match="damaged"):
        store.head("lock")


def test_root_in_another_spelling_gives_a_url(root: Path):
    assert LocalStore(root).url == root.as_posix()
    assert LocalStore(root, url="az-staging").url == "az-staging"


def test_a_block_that_found_no_room_is_not_staged_and_can_be_sent_again(root: Path, monkeypatch: pytest.MonkeyPatch):
    store = LocalStore(root)
    ids = names(2, 4)
    store.stage_block("big", ids[0], b"0123")

    def full(fd: int, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(staged, "write_all", full)
    with pytest.raises(StoreFullError):
        store.stage_block("big", ids[1], b"4567")
    monkeypatch.undo()
    assert [block.id for block in store.list_staged("big")] == ids[:1]
    store.stage_block("big", ids[1], b"4567")
    store.commit_blocks("big", ids)
    assert (root / "big").read_bytes() == b"01234567"


def test_ids_of_another_length_are_refused(root: Path):
    store = LocalStore(root)
    store.stage_block("big", "1", b"1")
    with pytest.raises(BlobNameError, match="Another program left an unfinished upload"):
        store.stage_block("big", "22", b"2")
    for block_id in ("", "x" * 65, "ä"):
        with pytest.raises(BlobNameError):
            store.stage_block("big", block_id, b"2")


def test_the_first_write_of_another_thread_is_no_litter_that_vanishes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LocalStore(root).put("a", b"1")
    temps = root / STAGING / "put"
    (temps / "done by now").write_bytes(b"2")
    listdir = os.listdir

    def list_and_lose(folder: str) -> list[str]:
        names = listdir(folder)
        if "done by now" in names:
            (temps / "done by now").unlink()
        return names

    monkeypatch.setattr(os, "listdir", list_and_lose)
    store = LocalStore(root)
    store.put("b", b"3")
    assert sorted(info.path for info in store.list("")) == ["a", "b"]
