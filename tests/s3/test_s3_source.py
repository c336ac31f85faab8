"""A site in a bucket, on a server that behaves as S3 does: odd keys, large objects, archives, versions, and a listing in parts."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from s3server import S3Server, s3_place

from chorus_gui.core.errors import Cancelled, SourceChangedError, SourceUnreadableError, SourceVanishedError, StoreUnavailableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.base import Folder, FolderChoice, at_once
from chorus_gui.core.storage.bucket import listing
from chorus_gui.core.storage.bucket.listing import pages
from chorus_gui.core.storage.bucket.values import Listed, Page
from chorus_gui.core.storage.open import open_source
from chorus_gui.core.storage.s3.probe import probe
from chorus_gui.core.storage.s3.source import S3Source


def everything(_: str) -> FolderChoice:
    return FolderChoice(descend=True, files=True)


def walked(source: S3Source) -> tuple[dict[str, int], dict[str, str]]:
    """Path → size of each file; path → cause of each problem."""
    files: dict[str, int] = {}
    problems: dict[str, str] = {}
    for folder in source.folders(everything, lambda: None):
        prefix = f"{folder.path}/" if folder.path else ""
        files |= {prefix + file.name: file.size for file in folder.files}
        problems |= {problem.path: problem.cause for problem in folder.problems}
    return files, problems


def opened(server: S3Server, bucket: str, prefix: str = "") -> S3Source:
    source = open_source(s3_place(server.url, bucket, prefix))
    assert isinstance(source, S3Source)
    return source


def content(source: S3Source, path: str) -> bytes:
    reader = source.open(path)
    out, buffer = bytearray(), bytearray(1 << 20)
    while count := reader.readinto(buffer):
        out += buffer[:count]
    reader.close()
    return bytes(out)


ODD = [
    "1/Images/series 1/b+c&d=e%41.dcm",
    "1/Images/ä ö/ü~!'()*.dcm",
    "1/Images/tab\there",
    "1/Images/ctl\x01\x1f",
    "1/Images/back\\slash?#",
    "1/Images/ trailing ",
    "1/Images/.hidden/..x/x..",
]
NO_PATHS = ["1/Images//b", "/1/Images/c", "1/../d", "1/./e", ".."]


def test_every_key_is_listed_and_read_as_it_is(s3: S3Server) -> None:
    bucket = s3.bucket()
    for key in (*ODD, *NO_PATHS):
        s3.put(bucket, f"the site/{key}", key.encode())
    s3.put(bucket, "the site/1/Images/", b"")
    s3.put(bucket, "the sitelike/x", b"not below it")
    with closing(opened(s3, bucket, "the site")) as source:
        files, problems = walked(source)
        assert sorted(files) == sorted(ODD)
        assert sorted(problems) == sorted(NO_PATHS)
        for key in ODD:
            assert content(source, key) == key.encode()
            assert source.stat(key).size == len(key.encode())
        for key in NO_PATHS:
            with pytest.raises((SourceUnreadableError, SourceVanishedError)):
                source.open(key)


@pytest.mark.parametrize("path", ["\udc80", "a/\udcff.dcm", "x" * 2000, "", "/", "a\0b"])
def test_what_no_object_can_be_called_is_no_file(s3: S3Server, path: str) -> None:
    with closing(opened(s3, s3.bucket(), "p")) as source:
        for ask in (lambda: source.stat(path), lambda: source.open(path), lambda: source.read_whole(path, 10)):
            with pytest.raises((SourceVanishedError, SourceUnreadableError)):
                ask()


def test_what_the_journal_keeps_of_an_object(s3: S3Server) -> None:
    bucket, large = s3.bucket(), random.Random(1).randbytes(5 * 1024 * 1024 + 7)
    s3.put(bucket, "p/single", b"content")
    s3.put_parts(bucket, "p/parts", large[: 5 * 1024 * 1024], large[5 * 1024 * 1024 :])
    with closing(opened(s3, bucket, "p")) as source:
        single, parts = source.stat("single"), source.stat("parts")
        listed = {file.name: file for folder in source.folders(everything, lambda: None) for file in folder.files}
        written = s3.client.head_object(Bucket=bucket, Key="p/single")["LastModified"]
        assert single.mtime_us == listed["single"].mtime_us == int(written.timestamp()) * 1_000_000
        assert single.md5 is not None
        assert single.md5.hex == hashlib.md5(b"content").hexdigest()
        assert parts.version.endswith("-2")
        assert (parts.md5, listed["parts"].md5, listed["single"].md5) == (None, None, None)
        assert content(source, "parts") == large
        whole = source.read_whole("single", 100)
        assert (whole.data, whole.before, whole.after) == (b"content", single, single)
        assert source.read_whole("single", 3).data == b"con"
        assert source.read_whole("single", 0).data == b""
        s3.put(bucket, "p/empty", b"")
        for most in (0, 1, 100):
            assert source.read_whole("empty", most).data == b""


def test_an_archived_object_is_listed_and_said_and_a_restored_one_is_read(s3: S3Server) -> None:
    bucket = s3.bucket()
    for name, kind in (("a", "STANDARD"), ("b", "GLACIER"), ("c", "DEEP_ARCHIVE"), ("d", "GLACIER_IR")):
        s3.put(bucket, f"p/{name}", b"x", StorageClass=kind)
    with closing(opened(s3, bucket, "p")) as source:
        files, problems = walked(source)
        assert sorted(files) == ["a", "b", "c", "d"]
        assert sorted(problems) == ["b", "c"]
        for name in "bc":
            with pytest.raises(SourceUnreadableError, match="archived") as caught:
                source.open(name)
            assert "Restore it" in caught.value.remedy
        s3.client.restore_object(Bucket=bucket, Key="p/b", RestoreRequest={"Days": 2})
        assert content(source, "b") == b"x"
        found = {one.what.partition(" of ")[0]: one.grade.name for one in probe(s3_place(s3.url, bucket, "p"))}
        assert any(what.startswith(("1", "2")) and grade == "WARNING" for what, grade in found.items())


def test_an_object_of_a_versioned_bucket_is_its_newest_version(s3: S3Server) -> None:
    bucket = s3.bucket()
    s3.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for data in (b"old", b"new"):
        s3.put(bucket, "a", data)
    s3.put(bucket, "gone", b"x")
    s3.client.delete_object(Bucket=bucket, Key="gone")
    with closing(opened(s3, bucket)) as source:
        assert walked(source)[0] == {"a": 3}
        assert content(source, "a") == b"new"
        with pytest.raises(SourceVanishedError):
            source.open("gone")


def test_an_object_that_is_replaced_while_it_is_read_is_never_two(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chorus_gui.core.storage.bucket.source.CHUNK_BYTES", 4)
    bucket = s3.bucket()
    s3.put(bucket, "a", b"onetwo")
    with closing(opened(s3, bucket)) as source:
        reader = source.open("a")
        buffer = bytearray(4)
        assert reader.readinto(buffer) == 4
        s3.put(bucket, "a", b"ONETWO")
        with pytest.raises(SourceChangedError):
            reader.readinto(buffer)


# --- a listing in parts --------------------------------------------------------------------------------------------------


class Keys:
    """A bucket of which only the listing counts: as the service lists, ``page`` entries at a time."""

    def __init__(self, keys: list[str], page: int) -> None:
        self.keys, self.page = sorted(keys), page
        self.requests = 0
        self.name = "box"

    def list_page(self, prefix: str, token: str = "", *, after: str = "", delimiter: str = "", most: int = 0) -> Page:
        self.requests += 1
        begin, objects, folders = token or after, [], []
        for key in self.keys:
            if not key.startswith(prefix) or (begin and key <= begin):
                continue
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            folder = key[: cut + 1] if cut >= 0 else ""
            if folder and (folder in folders or (token and token.startswith(folder))):
                continue
            if len(objects) + len(folders) == self.page:
                return Page(objects, folders, self._last(objects, folders))
            if folder:
                folders.append(folder)
            else:
                objects.append(Listed(key, 1, 0, "e"))
        return Page(objects, folders, "")

    @staticmethod
    def _last(objects: list[Listed], folders: list[str]) -> str:
        last = max([one.key for one in objects] + folders)
        return f"{last}\U0010ffff" if last in folders else last


PART = st.text("ab.-~0", min_size=1, max_size=3)


@settings(deadline=None)
@given(st.sets(st.lists(PART, min_size=1, max_size=4).map("/".join), max_size=60), st.integers(1, 7), st.integers(1, 3))
def test_every_key_comes_once_and_in_order_however_the_listing_is_cut(keys: set[str], page: int, part: int) -> None:
    bucket = Keys([f"site/{key}" for key in keys] + ["rest", "site0"], page)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "PAGES_A_PART", part)
        patch.setattr(listing, "AHEAD", 1)
        got = [one.key for objects in pages(bucket, "site/", at_once) for one in objects]  # type: ignore[arg-type]
    assert got == sorted(f"site/{key}" for key in keys)


def many(patients: int, files: int) -> list[str]:
    return [f"site/{patient:05d}/Images/{file:05d}" for patient in range(patients) for file in range(files)]


@pytest.mark.parametrize(("patients", "files"), [(1000, 1), (100, 30), (5, 1000), (2, 2000), (1, 4000), (3000, 2)])
def test_cutting_costs_few_requests(patients: int, files: int) -> None:
    bucket = Keys(many(patients, files), 100)
    assert sum(map(len, pages(bucket, "site/", at_once))) == patients * files  # type: ignore[arg-type]
    assert bucket.requests <= 1.6 * -(-patients * files // 100) + 10


def test_parts_are_listed_at_the_same_time() -> None:
    waiting = threading.Barrier(4, timeout=20)

    class Slow(Keys):
        def list_page(self, prefix: str, token: str = "", *, after: str = "", delimiter: str = "", most: int = 0) -> Page:
            if not delimiter and not token and after and threading.current_thread().name == "list" and not waiting.broken and met[0] < 4:
                met[0] += 1
                waiting.wait()
            return super().list_page(prefix, token, after=after, delimiter=delimiter, most=most)

    met = [0]
    bucket = Slow(many(400, 10), 20)
    assert sum(map(len, pages(bucket, "site/", at_once))) == 4000  # type: ignore[arg-type]
    assert met == [4]


def test_an_error_of_any_part_ends_the_walk_with_that_error() -> None:
    class Failing(Keys):
        def list_page(self, prefix: str, token: str = "", *, after: str = "", delimiter: str = "", most: int = 0) -> Page:
            if self.requests > 30:
                raise StoreUnavailableError("silent")
            return super().list_page(prefix, token, after=after, delimiter=delimiter, most=most)

    bucket = Failing(many(400, 10), 20)
    with pytest.raises(StoreUnavailableError, match="silent"):
        list(pages(bucket, "site/", at_once))  # type: ignore[arg-type]


@pytest.mark.parametrize(("patients", "files"), [(2000, 5), (40, 500)])
def test_only_some_pages_are_fetched_before_they_are_needed(patients: int, files: int) -> None:
    bucket = Keys(many(patients, files), 10)
    found = pages(bucket, "site/", at_once)  # type: ignore[arg-type]
    for _ in range(3):
        next(found)
    before, until = -1, time.monotonic() + 20
    while before != bucket.requests or (bucket.requests <= listing.THREADS and time.monotonic() < until):
        before = bucket.requests
        time.sleep(0.3)
    most = (listing.THREADS + 1) * (listing.AHEAD + 2) + patients // 10 + 3
    assert listing.THREADS < bucket.requests <= most
    found.close()  # type: ignore[attr-defined]
    for thread in threading.enumerate():
        if thread.name == "list":
            thread.join(20)
    assert bucket.requests <= most + listing.THREADS


def test_a_walk_can_be_cancelled(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chorus_gui.core.storage.s3.markup.PAGE", 3)
    bucket = s3.bucket()
    for number in range(30):
        s3.put(bucket, f"{number:02d}/x", b"x")
    ctx = JobContext()

    def first(folders: Iterator[Folder], then: Callable[[], None]) -> None:
        for _ in folders:
            then()

    with closing(opened(s3, bucket)) as source:
        with pytest.raises(Cancelled):
            first(source.folders(everything, ctx.checkpoint), ctx.cancel)
        assert len(walked(source)[0]) == 30
