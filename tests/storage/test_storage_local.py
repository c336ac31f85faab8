"""A folder as store: what only a folder can get wrong."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from givencontent import Given

from chorus_gui.core.errors import AccessError, BlobNameError, ChorusError, ConditionError, StoreFullError, StoreUnavailableError
from chorus_gui.core.storage import disk, local
from chorus_gui.core.storage.base import ALWAYS, IF_ABSENT, Buffer
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
        lambda: store.write("v/b", Given(b"2")),
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
    with pytest.raises(StoreFullError):
        store.write("c", Given(b"new content"))
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
    LocalStore(root).put("a", b"")
    temp = root / STAGING / "put" / "torn"
    temp.write_bytes(b"half")
    fresh = root / STAGING / "put" / "fresh"
    fresh.write_bytes(b"half")
    long_ago = time.time() - 8 * 24 * 3600
    os.utime(temp, (long_ago, long_ago))
    for name in ("old", "young"):  # as versions before this one kept blocks
        folder = root / STAGING / "blocks" / name
        folder.mkdir(parents=True)
        (folder / "index").write_bytes(b'["1", 0, 1]')
        (folder / "data").write_bytes(b"1")
    os.utime(root / STAGING / "blocks" / "old" / "index", (long_ago, long_ago))
    LocalStore(root).put("a", b"")
    assert not temp.exists()
    assert fresh.exists()
    assert [folder.name for folder in (root / STAGING / "blocks").iterdir()] == ["young"]
    os.utime(root / STAGING / "blocks" / "young" / "index", (long_ago, long_ago))
    LocalStore(root).put("a", b"")
    assert not (root / STAGING / "blocks").exists()


def test_a_large_blob_is_written_beside_its_place_and_renamed_once(root: Path, monkeypatch: pytest.MonkeyPatch):
    moves: list[tuple[str, ...]] = []
    real = disk.move_over

    def move(temp: str, target: str) -> None:
        moves.append(Path(target).parts[-2:])
        real(temp, target)

    store = LocalStore(root)
    store.put("v/a", b"")
    monkeypatch.setattr(local, "move_over", move)
    data = os.urandom(300_000)
    seen: list[list[str]] = []

    class Looking(Given):
        def chunks(self) -> Generator[Buffer, None, None]:
            for chunk in super().chunks():
                seen.append(files(root))
                yield chunk

    info = store.write("v/big", Looking(data, chunk=100_000))
    assert seen == [["v/a"]] * 3, "nothing is there before it is whole"
    assert moves == [("v", "big")]
    assert (root / "v/big").read_bytes() == data
    assert info.size == 300_000
    assert info.modified_us >= (time.time() - 60) * 1e6
    assert leftovers(root) == []


def test_a_large_blob_reaches_the_disk_while_it_is_written(root: Path, monkeypatch: pytest.MonkeyPatch):
    """So that the end, which nothing can cancel, does not take minutes."""
    monkeypatch.setattr(disk, "SYNC_BYTES", 1000)
    synced: list[int] = []
    real = os.fsync

    def sync(fd: int) -> None:
        synced.append(os.fstat(fd).st_size)
        real(fd)

    store = LocalStore(root)
    store.put("a", b"")
    monkeypatch.setattr(os, "fsync", sync)
    store.write("b", Given(bytes(3500), chunk=500))
    assert synced[:4] == [1000, 2000, 3000, 3500]


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
