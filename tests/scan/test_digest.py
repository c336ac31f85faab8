"""Hashing: right, of the very file that was seen, stoppable, and by threads only where they pay."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scan.siteworld import put
from sitetree import snapshot, write_snapshot

from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.errors import Cancelled, SourceChangedError, SourceVanishedError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import SourceFile
from chorus_gui.core.scan import digest as hashing
from chorus_gui.core.scan.digest import BLOCK, digest, digest_many
from chorus_gui.core.storage.base import FileReader, Source, SourceStat
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.storage.whole import Whole


class Interfering(FolderSource):
    """A source on which something happens with every read; it knows which threads read."""

    def __init__(self, root: Path, on_read: Callable[[], object]) -> None:
        super().__init__(root)
        self._on_read = on_read
        self.threads: set[str] = set()

    def open(self, path: str, offset: int = 0, *, version: str = "") -> FileReader:
        reader, source = super().open(path, offset, version=version), self

        class Wrapped:
            def readinto(self, buffer: bytearray | memoryview, /) -> int | None:
                source.threads.add(threading.current_thread().name)
                source._on_read()
                return reader.readinto(buffer)

            def stat(self) -> SourceStat:
                return reader.stat()

            def close(self) -> None:
                reader.close()

        return Wrapped()

    def read_whole(self, path: str, most: int) -> Whole:
        self.threads.add(threading.current_thread().name)
        self._on_read()
        return super().read_whole(path, most)


def look(source: Source, path: str, modality: str = "OMOP") -> SourceFile:
    seen = source.stat(path)
    return SourceFile(modality, path, None, None, seen.size, seen.mtime_us)


def md5_of(source: Source, file: SourceFile) -> str:
    return digest(source, file, JobContext().checkpoint, bytearray(BLOCK))[0]


def no_thread_is_left() -> bool:
    until = time.monotonic() + 20
    while any(thread.name.startswith("pool") for thread in threading.enumerate()):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize("size", [0, 1, 4096, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_the_md5_of_every_size(tmp_path: Path, size: int) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    put(tmp_path, "a", content=content[:size])
    source = FolderSource(tmp_path)
    md5, seconds = digest(source, look(source, "a"), JobContext().checkpoint, bytearray(BLOCK))
    assert md5 == hashlib.md5(content[:size]).hexdigest()
    assert 0 <= seconds < 60


@pytest.mark.parametrize("wrong", [{"size": 6}, {"size": 4}, {"mtime_us": 1}])
def test_a_file_that_is_not_the_one_that_was_seen(tmp_path: Path, wrong: dict[str, int]) -> None:
    put(tmp_path, "a", content=b"12345")
    reads: list[int] = []
    source = Interfering(tmp_path, lambda: reads.append(1))
    with pytest.raises(SourceChangedError, match="after the scan"):
        md5_of(source, look(source, "a")._replace(**wrong))
    assert not reads, "a changed file is not worth reading"


@pytest.mark.parametrize("now", [b"1", b"1" * 5, b"1" * 3_000_000])
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, now: bytes) -> None:
    put(tmp_path, "a", content=b"0" * 5)
    source = Interfering(tmp_path, lambda: put(tmp_path, "a", content=now))
    seen = look(source, "a")
    time.sleep(0.02)  # for a clock that ticks slowly
    with pytest.raises(SourceChangedError, match="while it was being read"):
        md5_of(source, seen)


def test_a_file_that_vanished(tmp_path: Path) -> None:
    with pytest.raises(SourceVanishedError):
        md5_of(FolderSource(tmp_path), SourceFile("OMOP", "a", None, None, 1, 1))


def test_a_big_file_is_left_in_the_middle(tmp_path: Path) -> None:
    put(tmp_path, "a", content=bytes(5 * BLOCK))
    ctx, reads = JobContext(), list[int]()

    def cancel_at_two() -> None:
        reads.append(1)
        if len(reads) == 2:
            ctx.cancel()

    source = Interfering(tmp_path, cancel_at_two)
    with pytest.raises(Cancelled):
        digest(source, look(source, "a"), ctx.checkpoint, bytearray(BLOCK))
    assert len(reads) == 2


@pytest.mark.parametrize("threads", [1, 3])
def test_many_files_of_all_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr(hashing, "_SMALL", 3000)
    write_snapshot(tmp_path, 1)
    put(tmp_path, *(f"many/{n}" for n in range(200)), content=b"many")
    source = FolderSource(tmp_path)
    paths = [*snapshot(1), *(f"many/{n}" for n in range(200))]
    files = [look(source, path) for path in paths]
    missing, changed = SourceFile("OMOP", "missing", None, None, 5, 5), SourceFile("OMOP", "README.txt", None, None, 5000, 5)
    results = {
        file: result for file, result, _ in digest_many(iter([*files, missing, changed]), {"OMOP": source}, JobContext(), Threads(threads))
    }
    assert len(results) == len(files) + 2
    assert isinstance(results.pop(missing), SourceVanishedError)
    assert isinstance(results.pop(changed), SourceChangedError)
    assert results == {file: hashlib.md5((tmp_path / file.path).read_bytes()).hexdigest() for file in files}
    assert no_thread_is_left()
    assert not list(digest_many(list[SourceFile](), {"OMOP": source}, JobContext(), Threads(threads)))


def test_small_files_go_to_the_threads_only_while_reading_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_CHUNK", 4)
    monkeypatch.setattr(hashing, "_CHUNKS_TO_POOL", 5)
    put(tmp_path, *(str(n) for n in range(100)))
    here = threading.current_thread().name
    for pause, alone in ((0.0, True), (0.005, False)):
        monkeypatch.setattr(hashing, "_SLOW_S", 0.002 if pause else 60)
        source = Interfering(tmp_path, lambda pause=pause: time.sleep(pause) if pause else None)
        assert len(list(digest_many([look(source, str(n)) for n in range(100)], {"OMOP": source}, JobContext(), Threads(4)))) == 100
        assert here in source.threads
        assert (source.threads == {here}) is alone


def test_a_big_file_does_not_hold_up_the_small_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_CHUNK", 1)
    put(tmp_path, "big", content=bytes(hashing._SMALL + 1))
    put(tmp_path, "small")
    small_done = threading.Event()
    slow, quick = Interfering(tmp_path, lambda: small_done.wait(10)), FolderSource(tmp_path)
    paths: list[str] = []
    files = [look(slow, "big", "Images"), look(quick, "small", "OMOP")]
    for file, result, _ in digest_many(files, {"Images": slow, "OMOP": quick}, JobContext(), Threads(2)):
        assert isinstance(result, str)
        paths.append(file.path)
        small_done.set()
    assert paths == ["small", "big"]


def test_items_are_taken_a_little_ahead_only(tmp_path: Path) -> None:
    put(tmp_path, "a")
    source = FolderSource(tmp_path)
    taken = 0

    def files() -> Iterator[SourceFile]:
        nonlocal taken
        one = look(source, "a")
        while True:
            taken += 1
            yield one

    results = digest_many(files(), {"OMOP": source}, JobContext(), Threads(2))
    next(results)
    assert taken <= hashing._CHUNK * 6
    results.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert no_thread_is_left()


@pytest.mark.parametrize("size", [4096, hashing._SMALL + 1])
def test_a_cancellation_stops_all_threads(tmp_path: Path, size: int) -> None:
    put(tmp_path, "a", content=bytes(size))
    ctx = JobContext()
    source = FolderSource(tmp_path)
    one = look(source, "a")
    done = 0
    with pytest.raises(Cancelled):  # noqa: PT012 - the loop is what is cancelled
        for _ in digest_many((one for _ in range(10_000)), {"OMOP": source}, ctx, Threads(3)):
            done += 1
            if done == 100:
                ctx.cancel()
    assert 100 <= done < 300
    assert no_thread_is_left()


def test_closing_while_a_thread_reads_stops_it(tmp_path: Path) -> None:
    put(tmp_path, "a")
    os.truncate(tmp_path / "a", 100 * BLOCK)
    put(tmp_path, "b", content=bytes(hashing._SMALL + 1))
    reads: list[int] = []
    slow = Interfering(tmp_path, lambda: (reads.append(1), time.sleep(0.02)))
    quick = FolderSource(tmp_path)
    files = [look(slow, "a", "Images"), look(quick, "b", "OMOP")]
    results = digest_many(files, {"Images": slow, "OMOP": quick}, JobContext(), Threads(2))
    assert next(results)[0].path == "b"
    before = len(reads)
    results.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert no_thread_is_left()
    assert len(reads) - before <= 10
