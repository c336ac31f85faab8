"""What every source promises (storage/base.py), asked of each: a folder, objects in memory, a container, a bucket; alone and with retries around them."""

from __future__ import annotations

import os
import tracemalloc
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from azure_places import key_place, service
from gcsserver import GcsServer
from memorysource import MemorySource
from s3server import KEY_ID, SECRET, s3_place

from chorus_gui.core.config.credentials import GoogleKeys, Secret
from chorus_gui.core.config.model import PlaceKind
from chorus_gui.core.errors import (
    Cancelled,
    ChorusError,
    SourceChangedError,
    SourceUnavailableError,
    SourceUnreadableError,
    SourceVanishedError,
)
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Problem
from chorus_gui.core.storage import flat
from chorus_gui.core.storage.azure.source import AzureSource
from chorus_gui.core.storage.base import ChooseFolder, FileEntry, Folder, FolderChoice, Source, UnwantedFile, Voucher
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.storage.gcs.source import GcsSource
from chorus_gui.core.storage.lane import LANE_BYTES
from chorus_gui.core.storage.open import open_source
from chorus_gui.core.storage.outage import Outage
from chorus_gui.core.storage.read_lane import read_lane_of
from chorus_gui.core.storage.retry import RetryPolicy
from chorus_gui.core.storage.retrying_source import RetryingSource
from chorus_gui.core.storage.s3.source import S3Source
from chorus_gui.core.storage.whole import Whole


@dataclass
class Site:
    """A source, and a hand that changes what is there.  ``keys``: names are keys, and folders do not exist."""

    source: Source
    put: Callable[[str, bytes], object]
    delete: Callable[[str], object]
    keys: bool
    marker: Callable[[str, dict[str, str]], object] = lambda key, metadata: None


def _folder(request: pytest.FixtureRequest, folder: Path) -> Site:
    root = folder / "site"
    root.mkdir()
    made: list[int] = []

    def put(path: str, data: bytes) -> None:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        made.append(1)
        os.utime(file, ns=(0, 1_700_000_000_000_000_000 + len(made) * 1_000_000_000))

    return Site(FolderSource(root), put, lambda path: (root / path).unlink(), keys=False)


def _memory(request: pytest.FixtureRequest, folder: Path) -> Site:
    source = MemorySource(page=3)
    return Site(source, source.put, source.delete, keys=True, marker=lambda key, metadata: source.put(key, b""))


def _azure(request: pytest.FixtureRequest, folder: Path) -> Site:
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    monkeypatch.setattr("chorus_gui.core.storage.azure.lean_wire.PAGE", 3)
    azurite = request.getfixturevalue("azurite")
    container, prefix = f"source-{uuid.uuid4().hex}", "site ä"
    client = service(azurite)
    request.addfinalizer(client.close)
    blobs = client.create_container(container)

    def put(path: str, data: bytes, metadata: dict[str, str] | None = None) -> None:
        blobs.upload_blob(f"{prefix}/{path}", data, overwrite=True, metadata=metadata)

    source = open_source(key_place(azurite, container, prefix))
    return Site(source, put, lambda path: blobs.delete_blob(f"{prefix}/{path}"), keys=True, marker=lambda key, meta: put(key, b"", meta))


def _s3(request: pytest.FixtureRequest, folder: Path) -> Site:
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    monkeypatch.setattr("chorus_gui.core.storage.s3.markup.PAGE", 3)
    server = request.getfixturevalue("s3")
    bucket, prefix = server.bucket(), "site ä"

    def put(path: str, data: bytes) -> None:
        server.put(bucket, f"{prefix}/{path}", data)

    def delete(path: str) -> None:
        server.client.delete_object(Bucket=bucket, Key=f"{prefix}/{path}")

    source = open_source(s3_place(server.url, bucket, prefix))
    return Site(source, put, delete, keys=True, marker=lambda key, metadata: put(key, b""))


def _gcs(request: pytest.FixtureRequest, folder: Path) -> Site:
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    monkeypatch.setattr("chorus_gui.core.storage.gcs.markup.PAGE", 3)
    server: GcsServer = request.getfixturevalue("gcs")
    bucket, prefix = server.bucket(), "site ä"

    def put(path: str, data: bytes) -> None:
        server.put(bucket, f"{prefix}/{path}", data)

    source = open_source(server.place(bucket, prefix))
    return Site(source, put, lambda path: server.delete(bucket, f"{prefix}/{path}"), keys=True, marker=lambda key, metadata: put(key, b""))


def _hmac(request: pytest.FixtureRequest, folder: Path) -> Site:
    """A bucket of Google with an HMAC key: its interface of S3, of which the test server for S3 is the nearest."""
    site = _s3(request, folder)
    assert isinstance(site.source, S3Source)
    place = site.source.__getstate__()
    keys = GoogleKeys(hmac_id=KEY_ID, hmac_secret=Secret(SECRET))
    site.source.close()
    return replace(site, source=open_source(replace(place, kind=PlaceKind.GCS, credentials=keys)))


def _retrying(make: Callable[[pytest.FixtureRequest, Path], Site]) -> Callable[[pytest.FixtureRequest, Path], Site]:
    def wrapped(request: pytest.FixtureRequest, folder: Path) -> Site:
        site = make(request, folder)
        return replace(site, source=RetryingSource(site.source))

    return wrapped


_KINDS = {"folder": _folder, "memory": _memory, "azure": _azure, "s3": _s3, "gcs": _gcs, "gcs with an HMAC key": _hmac}
KINDS = _KINDS | {f"retrying {name}": _retrying(make) for name, make in _KINDS.items()}


def test_every_kind_of_place_is_in_this_suite() -> None:
    missing = {kind.value for kind in PlaceKind} - _KINDS.keys()
    assert not missing, "add a function that makes an empty source of this kind, and name it in _KINDS"


@pytest.fixture(params=sorted(KINDS))
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """An empty source of each kind."""
    made = KINDS[request.param](request, tmp_path)
    yield made
    made.source.close()


def is_azure(site: Site) -> bool:
    return isinstance(getattr(site.source, "inner", site.source), AzureSource)


def everything(_: str) -> FolderChoice:
    return FolderChoice(descend=True, files=True)


def nothing() -> None:
    pass


@dataclass
class Walked:
    """What a walk gave, the parts of a folder joined."""

    files: dict[str, FileEntry]
    unwanted: dict[str, UnwantedFile]
    folders: list[str]
    problems: dict[str, Problem]


def walk(source: Source, want: ChooseFolder = everything, checkpoint: Callable[[], None] = nothing) -> Walked:
    out = Walked({}, {}, [], {})
    unfinished: set[str] = set()
    for folder in source.folders(want, checkpoint):
        prefix = folder.path + "/" if folder.path else ""
        assert folder.path not in out.folders, f"“{folder.path}” came again after its last part"
        if folder.complete:
            out.folders.append(folder.path)
            unfinished.discard(folder.path)
        else:
            unfinished.add(folder.path)
        for file in folder.files:
            assert prefix + file.name not in out.files
            out.files[prefix + file.name] = file
        out.unwanted |= {prefix + file.name: file for file in folder.unwanted}
        out.problems |= {problem.path: problem for problem in folder.problems}
    assert not unfinished
    return out


def read(source: Source, path: str, offset: int = 0, *, version: str = "", size: int = 4096) -> bytes:
    reader = source.open(path, offset, version=version)
    try:
        out, buffer = bytearray(), bytearray(size)
        while count := reader.readinto(buffer):
            out += buffer[:count]
        return bytes(out)
    finally:
        reader.close()


# --- walk ----------------------------------------------------------------------------------------------------------------

TREE = {
    "top.csv": b"1",
    "1/Images/a": b"22",
    "1/Images/b/c": b"",
    "1/Images/z": b"4444",
    "1/Images-2/x": b"5",
    "1/Images.txt": b"666",
    "ä/ü ö/%41+&#.dcm": b"7",
    "2/x": b"8",
    "20/x": b"9",
}


def test_a_walk_gives_every_file_once_with_its_size_and_time(site: Site) -> None:
    for path, data in TREE.items():
        site.put(path, data)
    found = walk(site.source)
    assert {path: file.size for path, file in found.files.items()} == {path: len(data) for path, data in TREE.items()}
    assert set(found.folders) == {"", "1", "1/Images", "1/Images/b", "1/Images-2", "ä", "ä/ü ö", "2", "20"}
    assert (found.problems, found.unwanted) == ({}, {})
    for path, file in found.files.items():
        stat = site.source.stat(path)
        assert (stat.size, stat.mtime_us) == (file.size, file.mtime_us)
        assert stat.mtime_us > 1_600_000_000_000_000
        assert file.version in ("", stat.version)


def test_only_what_is_wanted_is_listed(site: Site) -> None:
    for path, data in TREE.items():
        site.put(path, data)
    asked: list[str] = []

    def want(folder: str) -> FolderChoice:
        asked.append(folder)
        return FolderChoice(descend=folder != "1/Images", files=folder.startswith("2"), measure=True)

    found = walk(site.source, want)
    assert sorted(asked) == ["", "1", "1/Images", "1/Images-2", "2", "20", "ä", "ä/ü ö"]
    assert sorted(found.files) == ["2/x", "20/x"]
    assert sorted(found.unwanted) == ["1/Images-2/x", "1/Images.txt", "top.csv", "ä/ü ö/%41+&#.dcm"]
    for path, file in found.unwanted.items():
        stat = site.source.stat(path)
        assert (file.size, file.mtime_us) == (stat.size, stat.mtime_us), "what lies outside is measured, too"


def test_an_empty_source_has_no_files(site: Site) -> None:
    assert walk(site.source).files == {}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 7, 20])
def test_pages_are_joined(site: Site, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flat, "PART", 4)
    paths = [f"{number % 2}/Images/{number:03d}" for number in range(count)]
    for path in paths:
        site.put(path, b"x")
    assert sorted(walk(site.source).files) == sorted(paths)


def test_names_that_no_path_can_have_are_problems_and_the_rest_comes(site: Site) -> None:
    if not site.keys:
        pytest.skip("a folder cannot hold such names")
    odd = ["1/Images//b.dcm", "/1/Images/c.dcm", "x//"]
    if not is_azure(site):  # its SDK takes such parts of an address away
        odd += ["1/../d", "1/./e", ".."]
    for key in (*odd, "1/Images/a", "2/z"):
        site.put(key, b"x")
    found = walk(site.source)
    assert sorted(found.files) == ["1/Images/a", "2/z"]
    assert set(found.problems) <= set(odd)
    assert {"1/Images//b.dcm", "/1/Images/c.dcm"} <= set(found.problems)
    for problem in found.problems.values():
        assert problem.remedy.startswith("Rename")
        assert problem.covers, "an entry of the journal with this name is not taken for deleted"
    with pytest.raises((SourceUnreadableError, SourceVanishedError)):
        site.source.stat("1/Images//nothing")


def test_what_stands_for_a_folder_is_not_a_file(site: Site) -> None:
    if not site.keys:
        pytest.skip("a folder has folders")
    for key in ("1/", "1/Images/", "3/Empty/", "4_$folder$"):
        site.marker(key, {})
    for number, (name, value) in enumerate((("hdi_isfolder", "true"), ("Hdi_isfolder", "True"), ("HDI_ISFOLDER", "TRUE"))):
        if is_azure(site):
            site.marker(f"1/Images/Study{number}", {name: value})
    site.put("1/Images/Study0/x", b"x")
    site.put("4/y", b"y")
    found = walk(site.source)
    assert sorted(found.files) == ["1/Images/Study0/x", "4/y"]
    assert found.problems == {}


def test_a_walk_can_be_cancelled_in_the_middle_and_then_asks_for_nothing_more(site: Site) -> None:
    for number in range(20):
        site.put(f"{number:02d}/x", b"x")
    ctx = JobContext()
    seen: list[Folder] = []

    def look() -> None:
        for folder in site.source.folders(everything, ctx.checkpoint):
            seen.append(folder)
            if len(seen) == 2:
                ctx.cancel()

    with pytest.raises(Cancelled):
        look()
    assert len(seen) < 10
    assert len(walk(site.source).files) == 20, "the source can be used afterwards"


def test_a_million_files_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def keys(count: int) -> Iterator[flat.Key]:
        for number in range(count):
            yield flat.Key(f"1/Images/{number:09d}", 1, 1, "v")

    def peak(count: int) -> int:
        tracemalloc.start()
        assert sum(len(folder.files) for folder in flat.folders_of(keys(count), everything, nothing)) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    monkeypatch.setattr(flat, "PART", 500)
    assert peak(100_000) < 2 * peak(2_000)


# --- stat, ranges, versions ------------------------------------------------------------------------------------------------


def test_a_file_is_read_from_any_offset(site: Site) -> None:
    data = bytes(range(256)) * 40
    site.put("a.bin", data)
    for offset in (0, 1, 5000, len(data) - 1, len(data), len(data) + 5):
        assert read(site.source, "a.bin", offset) == data[offset:]
    site.put("empty", b"")
    assert read(site.source, "empty") == b""


def test_a_version_is_one_content_of_one_file(site: Site) -> None:
    site.put("a", b"one")
    first = site.source.stat("a")
    assert first.version
    assert site.source.stat("a").version == first.version
    assert read(site.source, "a", 1, version=first.version) == b"ne"
    site.put("a", b"two")
    second = site.source.stat("a")
    assert second.version != first.version
    with pytest.raises(SourceChangedError):
        read(site.source, "a", version=first.version)
    assert read(site.source, "a", version=second.version) == b"two"
    reader = site.source.open("a")
    assert reader.stat().version == second.version
    reader.close()


def test_what_is_read_is_never_two_versions(site: Site) -> None:
    site.put("a", b"x" * 9_000_000)
    reader = site.source.open("a")
    before = reader.stat()
    buffer = bytearray(1000)
    assert reader.readinto(buffer)
    site.put("a", b"y" * 9_000_000)
    got = bytearray()
    try:
        while count := reader.readinto(buffer):
            got += buffer[:count]
        after = reader.stat()
    except SourceChangedError:
        pass
    else:
        assert b"y" not in got or after.version != before.version, "whoever compares the versions notices"
    finally:
        reader.close()


def test_a_known_md5_is_true_or_only_claimed(site: Site) -> None:
    site.put("a", b"content")
    entry, stat = walk(site.source).files["a"], site.source.stat("a")
    for known in (entry.md5, stat.md5):
        if known is not None and known.voucher is Voucher.SERVICE:
            assert known.hex == md5_of(b"content").hexdigest()
        if known is not None:
            assert len(known.hex) == 32
    inner = getattr(site.source, "inner", site.source)
    expected = {
        "FolderSource": None,
        "MemorySource": Voucher.SERVICE,
        "AzureSource": Voucher.WRITER,
        "S3Source": Voucher.WRITER,
        "GcsSource": Voucher.WRITER,
    }[type(inner).__name__]
    assert (stat.md5.voucher if stat.md5 else None) is expected


def test_what_vanished_is_said(site: Site) -> None:
    site.put("a", b"x")
    site.put("b", b"x")
    version = site.source.stat("a").version
    site.delete("a")
    for call in (
        lambda: site.source.stat("a"),
        lambda: read(site.source, "a"),
        lambda: read(site.source, "a", version=version),
        lambda: site.source.stat("nothing/here"),
    ):
        with pytest.raises(SourceVanishedError) as raised:
            call()
        assert not raised.value.retryable
    assert read(site.source, "b") == b"x"


def test_a_lane_brings_what_reading_brings_and_nothing_of_a_file_that_cannot_be_read(site: Site) -> None:
    """Many at the same time, in any order; each file in one version, whose size, time and MD5 are those that are asked for elsewhere."""
    lane = read_lane_of(site.source)
    if lane is None:
        pytest.skip("it is read as quickly without")
    files = {f"1/Images/ä {number}.dcm": os.urandom(number * 997) for number in range(1, 30)} | {"most": os.urandom(LANE_BYTES)}
    for path, data in files.items():
        site.put(path, data)
    site.put("grown", os.urandom(3 * LANE_BYTES))
    wanted = [*files, "grown", "gone", "a/../b", "bad \udc80"]
    asked = dict(enumerate(wanted))
    waiting, found = deque(asked), dict[str, Whole | None]()
    while len(found) < len(wanted):
        while waiting and lane.has_room():
            number = waiting.popleft()
            lane.begin(number, asked[number], len(files.get(asked[number], b"12")) + 1)
        for number, whole in lane.answers(0.01):
            found[asked[number]] = whole
    assert lane.alive, "a refusal is an answer"
    lane.close()
    silent = isinstance(getattr(site.source, "inner", site.source), GcsSource)  # the test server does not say “metageneration”
    for path, data in files.items():
        stat = site.source.stat(path)
        assert found[path] == (None if silent else Whole(stat, data, stat))
    if not silent:
        grown = found["grown"]
        assert grown is not None
        assert (grown.before.size, len(grown.data)) == (3 * LANE_BYTES, 3)
    assert [found[path] for path in wanted[-3:]] == [None] * 3


def test_a_name_can_be_a_file_and_a_folder_in_a_bucket(site: Site) -> None:
    if not site.keys:
        pytest.skip("a disk has one or the other")
    site.put("a", b"1")
    site.put("a/b", b"2")
    site.put("a-b", b"3")
    assert sorted(walk(site.source).files) == ["a", "a-b", "a/b"]
    assert (read(site.source, "a"), read(site.source, "a/b")) == (b"1", b"2")


# --- refused, silent, closed -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user whom a disk can refuse")
def test_a_refused_file_stops_nothing_on_a_disk(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "a").chmod(0)
    source = RetryingSource(FolderSource(tmp_path))
    assert set(walk(source).files) == {"a"}
    with pytest.raises(SourceUnreadableError):
        source.open("a")


def test_a_refused_file_stops_nothing(tmp_path: Path) -> None:
    source = MemorySource(refused={"a"})
    for name in ("a", "b"):
        source.put(name, b"x")
    assert set(walk(source).files) == {"a", "b"}
    with pytest.raises(SourceUnreadableError) as raised:
        RetryingSource(source).open("a")
    assert not raised.value.retryable
    assert read(source, "b") == b"x"


def silent(times: int, begins: str) -> Callable[[str], None]:
    """The next requests that begin so get no answer."""
    left = [times]

    def fail(request: str) -> None:
        if request.startswith(begins) and left[0]:
            left[0] -= 1
            raise SourceUnavailableError("The service did not answer.")

    return fail


QUICK = RetryPolicy(base=0.0)


def test_a_walk_asks_again_for_the_page_that_failed_and_no_other() -> None:
    source = MemorySource(page=2)
    for number in range(9):
        source.put(f"{number}", b"x")
    source.fail = silent(3, "list 3")
    with pytest.raises(SourceUnavailableError):
        walk(source)
    source.fail, source.requests = silent(3, "list 3"), []
    assert len(walk(RetryingSource(source, Outage(retry=QUICK))).files) == 9
    assert source.requests == ["list ", "list 1", *["list 3"] * 4, "list 5", "list 7"]


def test_reading_continues_where_it_was_and_never_in_another_version() -> None:
    source = MemorySource()
    data = bytes(range(250)) * 20
    source.put("a", data)
    retrying = RetryingSource(source, Outage(retry=QUICK))
    source.fail = silent(4, "read a")
    assert read(retrying, "a") == data
    reader = retrying.open("a")
    assert reader.readinto(bytearray(100)) == 100
    source.put("a", data)
    source.fail = silent(2, "read a")
    with pytest.raises(SourceChangedError):
        reader.readinto(bytearray(100))
    source.fail = silent(2, "stat a")
    assert retrying.stat("a").size == len(data)
    source.fail = silent(99, "stat a")
    with pytest.raises(SourceUnavailableError) as raised:
        retrying.open("a")
    assert raised.value.attempts == QUICK.attempts


def test_a_share_that_does_not_answer_for_a_moment_is_listed_and_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    for name in ("1/a", "2/b", "3/c"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(name.encode())
    left = {"scandir": 3, "open": 3, "stat": 3}

    def failing(name: str, real: Any) -> Any:
        def call(path: Any, *args: Any, **options: Any) -> Any:
            parts = Path(str(path)).parts
            if (parts[-1:] == ("2",) or parts[-2:] == ("2", "b")) and left[name]:
                left[name] -= 1
                raise OSError(errno.EHOSTDOWN, "Host is down")
            return real(path, *args, **options)

        return call

    for name in left:
        monkeypatch.setattr(os, name, failing(name, getattr(os, name)))
    plain = walk(FolderSource(tmp_path))
    assert set(plain.problems) == {"2"}, "without retries it is a problem, as before"
    left.update(scandir=3)
    source = RetryingSource(FolderSource(tmp_path), Outage(retry=QUICK))
    for threads in (None, 4):
        left.update(scandir=3, open=3, stat=3)
        found = walk(RetryingSource(FolderSource(tmp_path, threads=threads), Outage(retry=QUICK)))
        assert sorted(found.files) == ["1/a", "2/b", "3/c"]
        assert found.problems == {}
    assert source.stat("2/b").size == 3
    assert read(source, "2/b") == b"2/b"


def test_every_error_says_whether_it_may_be_tried_again() -> None:
    assert SourceUnavailableError("x").retryable
    for kind in (SourceVanishedError, SourceChangedError, SourceUnreadableError):
        assert not kind("x").retryable
    assert issubclass(SourceUnavailableError, ChorusError)


def test_closing_reaches_the_source() -> None:
    source = MemorySource()
    RetryingSource(source).close()
    assert source.closed == 1
