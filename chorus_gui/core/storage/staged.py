"""Blocks that are staged in a folder store and not yet part of a blob.

All blocks of one blob lie in one file, each where it will lie in the end if that place is free, so that the commit of a whole
file is a rename and copies nothing.  An index of lines ``[id, offset, size]``, written after the block's bytes are on the disk,
says what is there: a line torn by a crash is a block that was not staged.  One process at a time stages blocks of a blob.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import threading
import time
from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence

from filelock import FileLock, Timeout

from chorus_gui.core.errors import StoreUnavailableError
from chorus_gui.core.private import FILE
from chorus_gui.core.storage.base import Buffer, StagedBlock
from chorus_gui.core.storage.disk import BINARY, COPY_BYTES, make_folder_in, not_found, share, write_all
from chorus_gui.core.storage.names import check_block_id
from chorus_gui.core.untrusted import MalformedError, json_value

WEEK = 7 * 24 * 3600
_OPEN = 64
"""Number of blobs whose locks are held at the same time."""
_FARTHEST = 1 << 50
_PLACE = re.compile(r"(\d{1,20})-(\d{1,24})-")


def key_of(path: str) -> str:
    """A file name for what belongs to a blob."""
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:40]


class Partial:
    """The staged blocks of one blob, locked for this process.  Safe to use from many threads."""

    def __init__(self, folder: str, path: str, root: str) -> None:
        self._root = root
        make_folder_in(root, folder)  # not what is above it: if that is gone, the disk is
        self._lock = threading.Lock()
        self._file_lock = FileLock(os.path.join(folder, "lock"), timeout=0, thread_local=False)
        try:
            self._file_lock.acquire()
        except Timeout as error:
            raise StoreUnavailableError(
                f"Another program is uploading “{path}” to the same central store.", remedy="Wait until it is finished, and try again."
            ) from error
        self.folder = folder
        self.data = os.path.join(folder, "data")
        self.blocks = read_index(folder)
        self.writers = 0
        self._sizes: dict[int, int] = {}
        self._starts: list[int] = []
        for offset, size in self.blocks.values():
            self._occupy(offset, size)
        self._index = os.open(os.path.join(folder, "index"), os.O_CREAT | os.O_WRONLY | os.O_APPEND | BINARY, FILE)
        share(self._index, root)
        write_all(self._index, b"\n")  # ends a line that a crash tore

    def stage(self, block_id: str, data: Buffer) -> None:
        """Write a block; it is on the disk when this returns.  Raises OSError."""
        size = len(data)
        with self._lock:
            check_block_id(block_id, len(next(iter(self.blocks))) if self.blocks else None)
            offset = self._reserve(block_id, size)
        try:
            fd = os.open(self.data, os.O_CREAT | os.O_WRONLY | BINARY, FILE)
            try:
                share(fd, self._root)
                os.lseek(fd, offset, os.SEEK_SET)
                write_all(fd, data)
                os.fsync(fd)
            finally:
                os.close(fd)
        except BaseException:
            with self._lock:
                self._starts.remove(offset)
                del self._sizes[offset]
            raise
        with self._lock:
            write_all(self._index, json.dumps([block_id, offset, size]).encode() + b"\n")
            self.blocks[block_id] = (offset, size)

    def release(self) -> None:
        """Release the lock for other processes."""
        os.close(self._index)
        self._file_lock.release()

    def _reserve(self, block_id: str, size: int) -> int:
        hint = _PLACE.match(block_id)
        offset = int(hint.group(1)) * int(hint.group(2)) if hint else self._end()
        if offset > _FARTHEST or not self._is_free(offset, size):
            offset = self._end()
        self._occupy(offset, size)
        return offset

    def _end(self) -> int:
        return self._starts[-1] + self._sizes[self._starts[-1]] if self._starts else 0

    def _is_free(self, offset: int, size: int) -> bool:
        after = bisect_right(self._starts, offset)
        if after and self._starts[after - 1] + self._sizes[self._starts[after - 1]] > offset:
            return False
        return after == len(self._starts) or offset + size <= self._starts[after]

    def _occupy(self, offset: int, size: int) -> None:
        if offset not in self._sizes:
            insort(self._starts, offset)
        self._sizes[offset] = size


class Partials:
    """The staged blocks of all blobs of a folder store."""

    def __init__(self, folder: str, root: str) -> None:
        """``folder`` exists before the first block is staged; ``root`` is the store's."""
        self._folder = folder
        self._root = root
        self._lock = threading.Lock()
        self._open: dict[str, Partial] = {}

    def stage(self, path: str, block_id: str, data: Buffer) -> None:
        """As :meth:`Store.stage_block`, but for the check of the MD5.  Raises OSError too."""
        with self._lock:
            partial = self._open.pop(path, None) or Partial(self._folder_of(path), path, self._root)
            self._open[path] = partial  # last: the longest unused is first
            partial.writers += 1
            idle = [name for name, other in self._open.items() if not other.writers][: max(0, len(self._open) - _OPEN)]
            for name in idle:
                self._open.pop(name).release()
        try:
            partial.stage(block_id, data)
        finally:
            with self._lock:
                partial.writers -= 1

    def blocks(self, path: str) -> dict[str, tuple[int, int]]:
        """What is staged: id → (offset, size)."""
        with self._lock:
            partial = self._open.get(path)
            return dict(partial.blocks) if partial else read_index(self._folder_of(path))

    def arrange(self, path: str, block_ids: Sequence[str]) -> str | Iterator[bytes]:
        """The blob of these blocks: a file that already is exactly it, or its bytes to copy.

        Raises :class:`BlobNotFoundError` if a block is not staged.
        """
        blocks = self.blocks(path)
        if any(name not in blocks for name in block_ids):
            error = not_found(path)
            error.meaning = "Parts of it that were uploaded are missing."
            raise error
        data = os.path.join(self._folder_of(path), "data")
        places = [blocks[name] for name in block_ids]
        total = 0
        for offset, size in places:
            if offset != total:
                return _copied(data, places)
            total += size
        if not places or os.path.getsize(data) != total:
            return _copied(data, places)
        return data

    def discard(self, path: str) -> None:
        """Forget what is staged for a blob."""
        folder = self._folder_of(path)
        with self._lock:
            partial = self._open.pop(path, None)
            if partial:
                partial.release()
        if partial or os.path.isdir(folder):  # noqa: PTH112 - a Path would take the prefix of long paths apart
            shutil.rmtree(folder, ignore_errors=True)

    def clear_old(self) -> None:
        """Remove what was begun more than a week ago, as the cloud does."""
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return
        for name in names:
            folder = os.path.join(self._folder, name)
            try:
                old = os.stat(os.path.join(folder, "index")).st_mtime < time.time() - WEEK  # noqa: PTH116 - as above
            except OSError:
                continue
            if old:
                shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Release what is staged for other processes."""
        with self._lock:
            for partial in self._open.values():
                partial.release()
            self._open.clear()

    def _folder_of(self, path: str) -> str:
        return os.path.join(self._folder, key_of(path))


def staged_blocks(blocks: dict[str, tuple[int, int]]) -> list[StagedBlock]:
    """For :meth:`Store.list_staged`."""
    return [StagedBlock(name, size) for name, (_, size) in blocks.items()]


def read_index(folder: str) -> dict[str, tuple[int, int]]:
    """id → (offset, size) of the blocks that are complete in the data file."""
    try:
        with open(os.path.join(folder, "index"), "rb") as file:
            lines = file.read().splitlines()
        there = os.path.getsize(os.path.join(folder, "data"))
    except FileNotFoundError:
        return {}
    blocks: dict[str, tuple[int, int]] = {}
    for line in lines:
        try:
            entry = json_value(line)
        except MalformedError:
            continue
        match entry:
            case [str(name), int(offset), int(size)] if offset >= 0 and size >= 0 and offset + size <= there:
                blocks[name] = (offset, size)
            case _:
                continue
    return blocks


def _copied(data: str, places: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    if not places:
        return
    with open(data, "rb") as file:
        for offset, size in places:
            file.seek(offset)
            left = size
            while left and (chunk := file.read(min(left, COPY_BYTES))):
                left -= len(chunk)
                yield chunk
