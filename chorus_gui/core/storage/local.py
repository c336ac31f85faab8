"""A folder as central store: for the demo, for staging disks, for a share that somebody else forwards."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

from chorus_gui.core.errors import AccessError, StoreUnavailableError
from chorus_gui.core.folders import disk_path, patiently
from chorus_gui.core.private import make_folder
from chorus_gui.core.storage.base import ALWAYS, BlobInfo, Buffer, Condition, Content, LevelPage, Page, StagedBlock, StoreLimits
from chorus_gui.core.storage.digests import check_bytes
from chorus_gui.core.storage.disk import (
    BINARY,
    COPY_BYTES,
    WINDOWS,
    Clock,
    Translated,
    alone,
    make_folders,
    move_new,
    move_over,
    not_found,
    remove,
    store_error,
    sync_folder,
    unmet,
    write_new,
)
from chorus_gui.core.storage.exact_names import Spelling
from chorus_gui.core.storage.local_level import level_pages
from chorus_gui.core.storage.names import check_path, name_error
from chorus_gui.core.storage.sending import read_size
from chorus_gui.core.untrusted import MalformedError, json_value, record

STAGING = ".chorus-staging"
"""The folder in the root that holds what is not a blob (yet)."""

_LITTER_AGE = 24 * 3600
_WEEK = 7 * 24 * 3600
_FOLDER_TRIES = 5
_NO_BLOCKS = "a folder takes no blocks"
PAGE = 1000
"""Blobs of a page of a listing."""
_MIB = 1024 * 1024


class LocalStore:
    """A folder as :class:`~chorus_gui.core.storage.base.Store`: each blob is a file at exactly its path.

    A blob is written beside its place, forced to the disk and renamed, so it is there whole or not at all; a large one as it is read, with
    :meth:`write`.  ETags are made of
    time and size.  "Only if absent" is atomic between machines; "only if unchanged" is so between all who write through this class,
    as far as the disk or share has locks.  No MD5 is kept.  Metadata is kept beside the blobs, in ``.chorus-staging``.

    Unlike a container, a folder cannot hold both “a” and “a/b”, nor, on a disk that ignores case, “a” and “A”: the second gets
    a :class:`BlobNameError`.  Links to folders inside the root are not listed.
    """

    def __init__(self, root: Path, *, url: str = "", create: bool = False) -> None:
        """``create``: make the root if it is missing; otherwise it must exist, so that an unplugged disk never becomes a folder.

        Raises :class:`StoreUnavailableError` for a missing root, :class:`AccessError` for one that is not a folder.
        """
        self.url = url or root.as_posix()
        self.limits = StoreLimits(put_bytes=8 * _MIB, blocks=0)
        self._root = disk_path(root.absolute())
        self._staging = os.path.join(self._root, STAGING)
        self._temps = os.path.join(self._staging, "put")
        self._metas = os.path.join(self._staging, "meta")
        self._lock = threading.Lock()
        self._clock = Clock()
        self._ready = False
        self._spelling = Spelling(self._root)
        with Translated(root.as_posix()):
            if create:
                make_folder(Path(self._root))
        self._check_root()

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the same folder."""
        return type(self), (Path(self._root),), {"url": self.url, "limits": self.limits}

    def put(
        self, path: str, data: Buffer, *, md5: bytes | None = None, metadata: Mapping[str, str] | None = None, condition: Condition = ALWAYS
    ) -> BlobInfo:
        """As :meth:`Store.put`."""
        self._check(path)
        check_bytes(path, data, md5)
        with Translated(path):
            return self._write(path, (data,), metadata, condition)

    def write(self, path: str, content: Content, *, metadata: Mapping[str, str] | None = None, condition: Condition = ALWAYS) -> BlobInfo:
        """As :meth:`Store.write`."""
        self._check(path)
        with Translated(path), closing(content.chunks()) as chunks:
            return self._write(path, chunks, metadata, condition)

    def stage_block(self, path: str, block_id: str, data: Buffer, *, md5: bytes | None = None) -> None:
        """As :meth:`Store.stage_block`: a folder takes no blocks."""
        raise NotImplementedError(_NO_BLOCKS)

    def commit_blocks(
        self,
        path: str,
        block_ids: Sequence[str],
        *,
        md5: bytes | None = None,
        metadata: Mapping[str, str] | None = None,
        condition: Condition = ALWAYS,
    ) -> BlobInfo:
        """As :meth:`stage_block`."""
        raise NotImplementedError(_NO_BLOCKS)

    def list_staged(self, path: str) -> list[StagedBlock]:
        """As :meth:`stage_block`."""
        raise NotImplementedError(_NO_BLOCKS)

    def head(self, path: str) -> BlobInfo | None:
        """As :meth:`Store.head`."""
        self._check(path)
        with Translated(path):
            found = self._find(path)
            return None if found is None else _info(path, found, self._metadata(path, _etag(found)))

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """As :meth:`Store.list`."""
        yield from self._list_after(prefix, "")

    def pages(self, prefix: str = "", marker: str = "") -> Iterator[Page]:
        """As :meth:`Store.pages`.  The marker is the path of a page's last blob; the order is that of paths."""
        blobs = self._list_after(prefix, marker)
        while page := [*islice(blobs, PAGE)]:
            yield Page(page, page[-1].path)

    def _list_after(self, prefix: str, after: str) -> Iterator[BlobInfo]:
        folder, _, start = prefix.rpartition("/")
        if "\0" in prefix or (WINDOWS and "\\" in prefix) or any(part in ("", ".", "..") for part in folder.split("/") if prefix != start):
            return  # no blob has such a name
        with Translated(prefix):
            there = not folder or (self._is_folder(folder) and self._spelling.exact(folder))
        if there:
            yield from self._list(folder, start, after)

    def list_folders(self, prefix: str = "") -> Iterator[str]:
        """As :meth:`Store.list_folders`.  A folder without files is none."""
        for page in self.level(prefix):
            yield from page.folders

    def level(self, prefix: str = "", marker: str = "") -> Iterator[LevelPage]:
        """As :meth:`Store.level`, in the order of names.  The marker is the last name of a part."""
        if (not prefix or prefix.endswith("/")) and next(self.list(prefix), None) is not None:
            yield from level_pages(self._disk(prefix.rstrip("/")), prefix, marker, self._list, _info, hidden=STAGING)

    def read(self, path: str, *, offset: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        """As :meth:`Store.read`."""
        self._check(path)
        with Translated(path):
            if self._find(path) is None:
                raise not_found(path)
            try:
                fd = patiently(lambda: os.open(self._disk(path), os.O_RDONLY | BINARY))
            except FileNotFoundError:
                raise not_found(path) from None
        try:
            with Translated(path):
                if etag is not None and _etag(os.fstat(fd)) != etag:
                    raise unmet(path, absent=False)
                os.lseek(fd, offset, os.SEEK_SET)
            left = length
            while left is None or left > 0:
                with Translated(path):
                    chunk = os.read(fd, read_size(COPY_BYTES if left is None else min(COPY_BYTES, left)))
                if not chunk:
                    break
                left = None if left is None else left - len(chunk)
                yield chunk
        finally:
            os.close(fd)

    def copy(self, source: str, target: str, *, condition: Condition = ALWAYS) -> BlobInfo:
        """As :meth:`Store.copy`."""
        self._check(source)
        self._check(target)
        info = self.head(source)
        if info is None:
            raise not_found(source)
        with Translated(target):
            return self._write(target, self.read(source, etag=info.etag), info.metadata, condition)

    def delete(self, path: str, *, condition: Condition = ALWAYS) -> None:
        """As :meth:`Store.delete`.  Folders that become empty go too: a container has none."""
        self._check(path)
        with Translated(path):
            with self._lock, self._alone(condition):
                found = self._find(path)
                if found is None:
                    raise not_found(path)
                if condition.absent or (condition.etag is not None and condition.etag != _etag(found)):
                    raise unmet(path, absent=condition.absent)
                try:
                    patiently(lambda: os.unlink(self._disk(path)))  # noqa: PTH108
                except FileNotFoundError:
                    raise not_found(path) from None
                self._spelling.forget(path)
            self._drop_metadata(path, "")
            self._prune(path.rpartition("/")[0])

    def close(self) -> None:
        """As :meth:`Store.close`."""

    def _check(self, path: str) -> None:
        check_path(path, windows=WINDOWS)
        if path.partition("/")[0].lower() == STAGING:
            raise name_error(path, f"CHoRUS Upload keeps unfinished uploads in “{STAGING}”.")

    def _check_root(self) -> None:
        """If the root itself is missing, a missing name means nothing."""
        try:
            found = os.stat(self._root)  # noqa: PTH116
        except FileNotFoundError as error:
            raise self._gone() from error
        except OSError as error:
            raise store_error(self.url, error) from error
        if not S_ISDIR(found.st_mode):
            raise AccessError(
                f"The central store “{self.url}” is a file, not a folder.", remedy="Correct the central store's path in the configuration."
            )
        if self._ready and not os.path.isdir(self._staging):  # noqa: PTH112 - an empty mount point, where the disk was
            raise self._gone()

    def _gone(self) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"The central store's folder “{self.url}” does not exist.",
            meaning="Nothing was written in its place.",
            remedy="Connect the disk or share, or correct the central store's path in the configuration.",
        )

    def _prepare(self) -> None:
        """Before the first write: makes the staging folders, and removes old leftovers from them."""
        if self._ready:
            return
        self._check_root()
        make_folders(self._root, self._temps)
        self._ready = True
        for name in os.listdir(self._temps):
            file = os.path.join(self._temps, name)
            with suppress(FileNotFoundError):  # another thread's, and done by now
                if os.stat(file).st_mtime < time.time() - _LITTER_AGE:  # noqa: PTH116 - as above
                    remove(file)
        self._clear_blocks()

    def _clear_blocks(self) -> None:
        """Earlier versions kept the blocks of unfinished files; what was begun more than a week ago is removed, as the cloud does."""
        blocks = os.path.join(self._staging, "blocks")
        try:
            names = os.listdir(blocks)
        except FileNotFoundError:
            return
        for name in names:
            folder = os.path.join(blocks, name)
            with suppress(OSError):
                if os.stat(os.path.join(folder, "index")).st_mtime < time.time() - _WEEK:  # noqa: PTH116 - as above
                    shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            os.rmdir(blocks)  # noqa: PTH106 - fails unless it is empty

    def _disk(self, path: str) -> str:
        return disk_path(self._root, path)

    def _is_folder(self, path: str) -> bool:
        if os.path.isdir(self._disk(path)):  # noqa: PTH112 - a Path would take the prefix of long paths apart
            return True
        self._check_root()
        return False

    def _find(self, path: str) -> os.stat_result | None:
        """The file that is the blob of exactly this name."""
        try:
            found = os.stat(self._disk(path))  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError):
            self._check_root()
            return None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return None
            raise
        return found if S_ISREG(found.st_mode) and self._spelling.exact(path) else None

    def _write(self, path: str, parts: Iterable[Buffer], metadata: Mapping[str, str] | None, condition: Condition) -> BlobInfo:
        self._prepare()
        temp = os.path.join(self._temps, secrets.token_hex(12))
        try:
            found = write_new(temp, parts, self._clock.tick, self._root)
        except FileNotFoundError as error:
            raise self._gone() from error
        try:
            return self._publish(temp, found, path, metadata, condition)
        except BaseException:
            remove(temp)
            raise

    def _publish(self, temp: str, found: os.stat_result, path: str, metadata: Mapping[str, str] | None, condition: Condition) -> BlobInfo:
        """Move a finished file to its place."""
        info = _info(path, found, dict(metadata or {}))
        target = self._disk(path)
        for attempt in range(_FOLDER_TRIES):
            try:
                with self._lock, self._alone(condition):
                    self._claim(path, condition)
                    self._keep_metadata(info)
                    self._move(temp, target, path, condition)
                break
            except FileNotFoundError:  # no such folder yet, or somebody deleted the last blob in it just now
                if attempt == _FOLDER_TRIES - 1 or not os.path.exists(temp):  # noqa: PTH110 - as above
                    raise
                make_folders(self._root, os.path.dirname(target))
        self._drop_metadata(path, info.etag)
        sync_folder(os.path.dirname(target))
        return info

    def _alone(self, condition: Condition) -> AbstractContextManager[None]:
        """Where a version is compared and then replaced, no other program does the same in between."""
        return nullcontext() if condition.etag is None else alone(os.path.join(self._staging, "unchanged.lock"), self.url)

    def _claim(self, path: str, condition: Condition) -> None:
        if (other := self._spelling.other(path)) is not None:
            raise name_error(path, f"“{other}” exists already, and this disk does not distinguish capital and small letters.")
        if condition.etag is not None:
            now = self._find(path)
            if now is None or _etag(now) != condition.etag:
                raise unmet(path, absent=False)

    def _move(self, temp: str, target: str, path: str, condition: Condition) -> None:
        try:
            if condition.absent:
                move_new(temp, target)
            else:
                move_over(temp, target)
        except OSError as error:
            if os.path.isdir(target):  # noqa: PTH112 - as above
                raise name_error(path, "There is a folder of that name.") from error
            if isinstance(error, FileExistsError):
                raise unmet(path, absent=True) from None
            raise
        self._spelling.add(path)

    def _list(self, folder: str, start: str, after: str) -> Iterator[BlobInfo]:
        """The blobs in and below a folder whose first name below it begins with ``start``, and that come after the path ``after``."""
        above = folder + "/" if folder else ""
        with Translated(folder):
            try:
                with os.scandir(self._disk(folder)) as listed:
                    entries = sorted(
                        (
                            (above + entry.name + "/" if entry.is_dir(follow_symlinks=False) else above + entry.name, entry)
                            for entry in listed
                        ),
                        key=itemgetter(0),
                    )
            except (FileNotFoundError, NotADirectoryError):
                self._check_root()
                return
        for path, entry in entries:
            if not entry.name.startswith(start) or (not folder and entry.name == STAGING):
                continue
            if path.endswith("/"):
                if path > after or after.startswith(path):
                    yield from self._list(path[:-1], "", after)
            elif path > after:
                with Translated(folder):
                    try:
                        found = entry.stat() if entry.is_file() else None
                    except FileNotFoundError:
                        continue
                if found is not None:
                    yield _info(path, found, None)

    def _prune(self, folder: str) -> None:
        while folder:
            try:
                os.rmdir(self._disk(folder))  # noqa: PTH106 - fails unless it is empty
            except OSError:
                return
            self._spelling.forget(folder)
            folder = folder.rpartition("/")[0]

    def _keep_metadata(self, info: BlobInfo) -> None:
        """Named after exactly this version of the blob: if a crash leaves only one of the two, it is ignored."""
        if info.metadata:
            make_folders(self._root, self._metas)
            name = os.path.join(self._metas, f"{key_of(info.path)}.{info.etag}")
            if not os.path.exists(name):  # noqa: PTH110 - as above
                write_new(name, (json.dumps({"path": info.path, "metadata": dict(info.metadata)}).encode(),), self._clock.tick, self._root)

    def _metadata(self, path: str, etag: str) -> dict[str, str]:
        try:
            with open(os.path.join(self._metas, f"{key_of(path)}.{etag}"), "rb") as file:
                return record(_Note, json_value(file.read())).metadata
        except FileNotFoundError:
            return {}
        except MalformedError as error:
            raise StoreUnavailableError(
                f"The notes about “{path}” in the central store are damaged.",
                remedy=f"Ask the central team to check the folder {STAGING}/meta there.",
            ) from error

    def _drop_metadata(self, path: str, etag: str) -> None:
        """Those of versions of a blob that no longer exist."""
        try:
            names = os.listdir(self._metas)
        except FileNotFoundError:
            return
        key = key_of(path) + "."
        for name in names:
            if name.startswith(key) and name != key + etag:
                remove(os.path.join(self._metas, name))


def key_of(path: str) -> str:
    """A file name for what belongs to a blob."""
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:40]


@dataclass(frozen=True, slots=True)
class _Note:
    metadata: dict[str, str]


def _etag(found: os.stat_result) -> str:
    return f"{found.st_mtime_ns:x}-{found.st_size:x}"


def _info(path: str, found: os.stat_result, metadata: Mapping[str, str] | None) -> BlobInfo:
    return BlobInfo(path, found.st_size, None, _etag(found), found.st_mtime_ns // 1000, metadata)
