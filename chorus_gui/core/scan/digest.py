"""The MD5 of files on the site, of one or of many."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Never, Protocol, TypeVar

from chorus_gui.core.engine.pool import Pool
from chorus_gui.core.engine.work import Executor, Place, Worker
from chorus_gui.core.errors import SourceChangedError, SourceError
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.base import Source
from chorus_gui.core.storage.whole import Whole, whole_reader

BLOCK = 1 << 20
"""Bytes of a buffer that hashes at a disk's speed; also the bytes between two checks if the person asked to stop."""

_SMALL = 1 << 18
_CHUNK = 64
"""Small files that are handed out together: one at a time, handing out would cost as much as hashing 4 KiB."""
_SLOW_S = 0.0005
"""Waiting for one small file (time that went by and was not spent computing) from which threads pay."""
_CHUNKS_TO_POOL = 32
"""After a chunk that was slow; then it is measured again."""


class SeenFile(Protocol):
    """A file of the site as it was seen: a :class:`SourceFile`, an :class:`Item`."""

    @property
    def modality(self) -> str:
        """The modality whose source has it."""
        ...

    @property
    def path(self) -> str:
        """Where it is in that source."""
        ...

    @property
    def size(self) -> int:
        """Its bytes."""
        ...

    @property
    def mtime_us(self) -> int:
        """Its time, as :class:`SourceStat` has it."""
        ...


F = TypeVar("F", bound=SeenFile)
Result = tuple[F, str | SourceError, float]


def digest_many(files: Iterable[F], sources: Mapping[str, Source], ctx: JobContext, executor: Executor) -> Generator[Result[F], None, None]:
    """Every file with its MD5, or why there is none, and the seconds that it took, in no promised order.  ``sources`` by modality.

    Big files go to ``executor``, because hashing them does not hold up the interpreter.  Small ones are hashed in the consuming
    thread, and by the others only while reading them means waiting: else threads make 4 KiB files slower, not faster.
    ``files`` is taken from in the consuming thread, some chunks ahead.  Closing the iterator stops the others at their next
    block.  Raises :class:`Cancelled`.
    """
    with closing(digest_lists(files, sources, ctx, executor)) as lists:
        for results in lists:
            yield from results


def digest_lists(
    files: Iterable[F], sources: Mapping[str, Source], ctx: JobContext, executor: Executor
) -> Generator[Sequence[Result[F]], None, None]:
    """As :func:`digest_many`, as many results at a time as come together: what is done once for each list costs little for each file."""
    buffer = bytearray(BLOCK)
    chunk: list[F] = []
    to_pool, distant = 0, executor.distant
    hashing = partial(_Hasher[F], sources)
    # It only reads, so nobody waits for a thread that a dead network drive holds up.
    with Pool(executor, hashing, ctx, window=executor.window(2), idle=ctx.checkpoint, wait=False) as pool:
        for file in files:
            if file.size > _SMALL:
                work = [file]
            else:
                chunk.append(file)
                if len(chunk) < _CHUNK:
                    continue
                work, chunk = chunk, []
                if not to_pool and not distant:
                    began, busy = time.perf_counter(), time.thread_time()
                    results = _digest_all(work, sources, ctx.checkpoint, buffer)
                    waited = (time.perf_counter() - began) - (time.thread_time() - busy)
                    to_pool = _CHUNKS_TO_POOL if waited > _SLOW_S * _CHUNK else 0
                    yield results
                    continue
                to_pool = max(0, to_pool - 1)
            while not pool.room:
                yield pool.take()
            pool.give(work)
            if ready := list(pool.ready()):
                yield ready
        if chunk and distant:
            while not pool.room:
                yield pool.take()
            pool.give(chunk)
        elif chunk:
            yield _digest_all(chunk, sources, ctx.checkpoint, buffer)
        while pool.busy:
            yield pool.take()


class _Hasher(Worker[list[F], Result[F], Never]):
    """Hashes lists of files; each thread has a buffer of its own."""

    def __init__(self, sources: Mapping[str, Source], place: Place[Never]) -> None:
        self._sources = sources
        self._checkpoint = place.ctx.checkpoint
        self._own = threading.local()

    def run(self, task: list[F]) -> list[Result[F]]:
        buffer: bytearray | None = getattr(self._own, "buffer", None)
        if buffer is None:
            buffer = self._own.buffer = bytearray(BLOCK)
        return _digest_all(task, self._sources, self._checkpoint, buffer)


def _digest_all(files: list[F], sources: Mapping[str, Source], halt: Callable[[], None], buffer: bytearray) -> list[Result[F]]:
    results: list[Result[F]] = []
    readers: dict[str, Callable[[str, int], Whole]] = {}
    for file in files:
        began = time.perf_counter()
        try:
            if file.size > _SMALL:
                md5, seconds = digest(sources[file.modality], file, halt, buffer)
            else:
                read = readers.get(file.modality) or readers.setdefault(file.modality, whole_reader(sources[file.modality]))
                md5, seconds = _digest_small(read, file, halt)
        except SourceError as error:
            results.append((file, error, time.perf_counter() - began))
        else:
            results.append((file, md5, seconds))
    return results


def digest(source: Source, file: SeenFile, halt: Callable[[], None], buffer: bytearray) -> tuple[str, float]:
    """MD5 as 32 lower-case hex digits, and the seconds it took.  ``buffer`` is overwritten; one per thread is enough.

    ``halt`` is called at least once for each buffer and may raise.  Raises :class:`SourceChangedError` if the file is not of this
    size and time before and after, or gave another number of bytes; any other :class:`SourceError` as the source does.
    """
    halt()
    began = time.perf_counter()
    path, size = file.path, file.size
    seen = (size, file.mtime_us)
    md5 = hashlib.md5(usedforsecurity=False)
    view, read = memoryview(buffer), 0
    reader = source.open(path)
    try:
        if reader.stat()[:2] != seen:
            raise _changed(path, "after the scan")
        while read < size and (count := reader.readinto(buffer)):
            md5.update(view[:count])
            read += count
            if read < size:
                halt()
        if read != size or reader.stat()[:2] != seen:
            raise _changed(path, "while it was being read")
    finally:
        reader.close()
    return md5.hexdigest(), time.perf_counter() - began


def _digest_small(read: Callable[[str, int], Whole], file: SeenFile, halt: Callable[[], None]) -> tuple[str, float]:
    """As :func:`digest`, of a file that is read in one go: opening a reader for 4 KiB costs as much as hashing them."""
    halt()
    began = time.perf_counter()
    seen = (file.size, file.mtime_us)
    before, data, after = read(file.path, file.size)
    if before[:2] != seen:
        raise _changed(file.path, "after the scan")
    if len(data) != file.size or after[:2] != seen:
        raise _changed(file.path, "while it was being read")
    return hashlib.md5(data, usedforsecurity=False).hexdigest(), time.perf_counter() - began


def _changed(path: str, when: str) -> SourceChangedError:
    return SourceChangedError(f"“{path}” changed {when}.", remedy="Scan again when no program writes to it.")
