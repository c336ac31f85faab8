"""A site's root that is a folder on a disk or on a share."""

from __future__ import annotations

import io
import os
import stat
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from math import floor
from pathlib import Path
from typing import NamedTuple, Never, TypeVar, cast

from chorus_gui.core.engine.pool import Pool
from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.engine.work import Place, Worker
from chorus_gui.core.errors import SourceChangedError, SourceError, SourceUnavailableError, SourceUnreadableError, SourceVanishedError
from chorus_gui.core.folders import disk_path
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Problem
from chorus_gui.core.storage.base import (
    EARLIEST_US,
    LATEST_US,
    Ask,
    ChooseFolder,
    FileEntry,
    FileReader,
    Folder,
    FolderChoice,
    SourceStat,
    UnwantedFile,
    at_once,
)
from chorus_gui.core.storage.folder_errors import (
    entry_problem,
    gone,
    loop,
    no_text,
    odd_time,
    patiently,
    reason,
    silent,
    source_error,
    special,
)
from chorus_gui.core.storage.names import check_below
from chorus_gui.core.storage.whole import Whole

T = TypeVar("T")
Identity = tuple[int, int] | str

_WINDOWS = os.name == "nt"
_READ_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_SEQUENTIAL", 0)

_entry = cast("Callable[[type[FileEntry], tuple[str, int, int, str, None]], FileEntry]", tuple.__new__)  # pyright: ignore[reportUnknownMemberType]
"""Makes a :class:`FileEntry` in half the time that its own constructor takes."""
_MAX_THREADS = 16
"""They wait nearly all the time: a share that answers after 5 ms is walked more than ten times as fast as one folder after the other."""
_SAMPLE = 16
"""Folders between two checks if threads would help: repeated, because a cache may make the first folders look fast."""
_SLOW_S = 0.002
"""Waiting time per folder (not spent computing) above which threads help."""
_BATCH = 1024
"""Entries between two checks if the person asked to stop."""

_NAME_SURROGATE = 0x20000000
"""The bit of a reparse tag that marks an entry as a link to another one (symbolic link, junction, mount point), unlike
placeholders of cloud drives and deduplicated files.  [MS-FSCC] 2.1.2.1."""


class _Visit(NamedTuple):
    """A folder to list.  ``above`` identifies the folders above it once a link was passed on the way; None before."""

    path: str
    look: FolderChoice
    link: bool = False
    above: tuple[Identity, ...] | None = None


class _Listing(NamedTuple):
    """A folder that was listed: ``below`` are (name, is a link) of the folders in it, ``waited`` seconds not spent computing."""

    folder: Folder
    below: list[tuple[str, bool]]
    above: tuple[Identity, ...] | None
    waited: float


def check_folder(root: str) -> None:
    """Raise :class:`SourceError`, with a remedy, if a site folder cannot be listed now."""
    try:
        patiently(lambda: os.scandir(disk_path(root))).close()
    except OSError as error:
        clause, remedy = reason(error)
        kind: type[SourceError] = SourceUnavailableError if silent(error) else SourceUnreadableError
        if gone(error):
            kind = SourceVanishedError
        raise kind(
            f"Could not read the site folder “{root}”: {clause}.",
            meaning="Nothing is known about its files, so none of them is marked as deleted.",
            remedy="Check that the share is connected and that the path in the configuration is right."
            if kind is SourceVanishedError
            else remedy,
        ) from error


class FolderSource:
    """A folder as :class:`~chorus_gui.core.storage.base.Source`.

    Names are given in exactly the characters that lie on the disk.  Links to files are followed; links to folders (junctions
    and mount points on Windows too) where ``want`` says so, unless they lead to a folder above themselves.  A link that is not
    followed or leads nowhere is a problem that stands for everything below it.

    ``threads``: the number of folders that are listed at the same time; None measures while walking, and takes up to sixteen where reading
    a folder waits for a disk or a network, because on a fast disk threads cost more than they bring.
    """

    def __init__(self, root: Path, *, threads: int | None = None) -> None:
        self._root = os.fspath(root)
        self._threads = threads

    @property
    def url(self) -> str:
        """The folder."""
        return self._root

    def folders(self, want: ChooseFolder, checkpoint: Callable[[], None], ask: Ask = at_once) -> Iterator[Folder]:
        """As :meth:`Source.folders`.  ``want`` and ``checkpoint`` are called in the consuming thread alone.

        What ``checkpoint`` raises ends the walk at once; threads that are listing then end by themselves.
        """
        look = want("")
        if not look.descend:
            return
        ask(partial(check_folder, self._root))
        pending = [_Visit("", look)]
        in_pool = self._threads is not None and self._threads > 1
        waits: list[float] = []
        while pending and not in_pool:
            visit = pending.pop()
            checkpoint()
            listing = _listed(self._root, visit, checkpoint, ask)
            pending += _wanted(listing, want)
            yield listing.folder
            if self._threads is None:
                waits.append(listing.waited)
                if len(waits) == _SAMPLE:
                    in_pool = sorted(waits)[_SAMPLE // 2] > _SLOW_S
                    waits.clear()
        if pending:
            yield from self._walk_in_pool(pending, want, checkpoint, ask)

    def stat(self, path: str) -> SourceStat:
        """As :meth:`Source.stat`."""
        check_below(path)
        try:
            found = os.stat(disk_path(self._root, path))  # noqa: PTH116 - called for every file
        except OSError as error:
            raise source_error(path, error) from error
        return _file_stat(path, found)

    def open(self, path: str, offset: int = 0, *, version: str = "") -> FileReader:
        """As :meth:`Source.open`: unbuffered, so that every read is one call to the system."""
        check_below(path)
        try:
            file = io.FileIO(patiently(lambda: os.open(disk_path(self._root, path), _READ_FLAGS)))
            if offset:
                file.seek(offset)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):  # a folder: each system refuses it in its own words
                self.stat(path)
            raise source_error(path, error) from error
        reader = _FolderReader(file, path)
        if version:
            try:
                if reader.stat().version != version:
                    raise SourceChangedError(
                        f"“{path}” changed while it was being read.", remedy="Scan again. The review then shows what changed."
                    )
            except BaseException:
                reader.close()
                raise
        return reader

    def read_whole(self, path: str, most: int) -> Whole:
        """As :meth:`ReadsWhole.read_whole`."""
        check_below(path)
        try:
            number = patiently(lambda: os.open(disk_path(self._root, path), _READ_FLAGS))
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self.stat(path)
            raise source_error(path, error) from error
        try:
            opened = os.fstat(number)
            before = _file_stat(path, opened)
            data = os.read(number, most)
            now = os.fstat(number)
            if len(data) != now.st_size:  # a share gave a part of it, or it grew
                while len(data) < most and (more := os.read(number, most - len(data))):
                    data += more
                now = os.fstat(number)
            return Whole(before, data, before if _same(opened, now) else _file_stat(path, now))
        except OSError as error:
            raise source_error(path, error) from error
        finally:
            os.close(number)

    def close(self) -> None:
        """See :meth:`Source.close`.  A folder has no connections: nothing happens."""

    def _walk_in_pool(self, pending: list[_Visit], want: ChooseFolder, checkpoint: Callable[[], None], ask: Ask) -> Iterator[Folder]:
        executor = Threads(self._threads or _MAX_THREADS)
        window = 2 * executor.threads
        with Pool(executor, partial(_Lister, self._root, ask), JobContext(), window=window, idle=checkpoint, wait=False) as pool:
            while pending or pool.busy:
                while pending and pool.room:
                    pool.give(pending.pop())
                for listing in pool.take():
                    checkpoint()
                    pending += _wanted(listing, want)
                    yield listing.folder


class _Lister(Worker[_Visit, _Listing, Never]):
    """Lists folders in the threads of a pool."""

    def __init__(self, root: str, ask: Ask, place: Place[Never]) -> None:
        self._root = root
        self._ask = ask
        self._checkpoint = place.ctx.checkpoint

    def run(self, task: _Visit) -> tuple[_Listing]:
        return (_listed(self._root, task, self._checkpoint, self._ask),)


def _listed(root: str, visit: _Visit, halt: Callable[[], None], ask: Ask) -> _Listing:
    """List one folder; if its share does not answer, also after all the waiting of ``ask``, what is unreadable is a problem."""
    try:
        return ask(lambda: _list(root, visit, halt, whole=True))
    except SourceUnavailableError:
        return _list(root, visit, halt, whole=False)


def _list(root: str, visit: _Visit, halt: Callable[[], None], *, whole: bool) -> _Listing:
    """List one folder; ``halt`` is called now and then and may raise.

    ``whole``: raises :class:`SourceUnavailableError` for a share that does not answer.
    """
    began, busy = time.perf_counter(), time.thread_time()
    path, sized = visit.path, visit.look.files
    prefix = path + "/" if path else ""
    files: list[FileEntry] = []
    unwanted: list[UnwantedFile] = []
    problems: list[Problem] = []
    below: list[tuple[str, bool]] = []
    folder = Folder(path, files, unwanted, problems)
    above = visit.above
    try:
        if visit.link or above is not None:
            above = _identities_above(root, path) if above is None else above
            own = _identity(disk_path(root, path))
            if own in above:
                problems.append(loop(path))
                return _Listing(folder, below, above, 0.0)
            above = (*above, own)
        with patiently(lambda: os.scandir(disk_path(root, path))) as entries:
            while batch := list(islice(entries, _BATCH)):
                halt()
                for entry in batch:
                    name = entry.name
                    if not name.isascii() and not _is_text(name):
                        problems.append(no_text(prefix + name))
                        continue
                    try:
                        if entry.is_file(follow_symlinks=False):
                            if sized:
                                found = entry.stat(follow_symlinks=False)
                                mtime_us = floor(found.st_mtime * 1e6)
                                if EARLIEST_US <= mtime_us <= LATEST_US:
                                    files.append(_entry(FileEntry, (name, found.st_size, mtime_us, "", None)))
                                else:
                                    problems.append(odd_time(prefix + name))
                            elif visit.look.measure:
                                unwanted.append(_glance(entry, whole=whole))
                            else:
                                unwanted.append(UnwantedFile(name, None, None))
                        elif entry.is_dir(follow_symlinks=False):
                            below.append((name, _WINDOWS and _is_junction(entry)))
                        else:
                            found = entry.stat()  # of what a link leads to
                            if stat.S_ISDIR(found.st_mode):
                                below.append((name, True))
                            elif not stat.S_ISREG(found.st_mode):
                                problems.append(special(prefix + name))
                            elif sized and not EARLIEST_US <= floor(found.st_mtime * 1e6) <= LATEST_US:
                                problems.append(odd_time(prefix + name))
                            elif sized:
                                files.append(_entry(FileEntry, (name, found.st_size, floor(found.st_mtime * 1e6), "", None)))
                            else:
                                unwanted.append(UnwantedFile(name, found.st_size, _time(found)))
                    except OSError as error:
                        if whole and silent(error):
                            raise
                        problems.append(entry_problem(prefix + name, entry, error))
    except OSError as error:
        if whole and silent(error):
            raise source_error(path, error) from error
        clause, remedy = reason(error)
        problems.append(Problem((), path, f"Could not read the folder: {clause}.", remedy, covers=True))
    waited = (time.perf_counter() - began) - (time.thread_time() - busy)
    return _Listing(folder, below, above, waited)


def _glance(entry: os.DirEntry[str], *, whole: bool) -> UnwantedFile:
    """A file that no pattern wants: how much lies outside is worth a look, but nothing that goes wrong with it is a problem.

    Windows lists size and time with the name; elsewhere it is one call to the system, for these files alone.
    """
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError as error:
        if whole and silent(error):
            raise
        return UnwantedFile(entry.name, None, None)
    return UnwantedFile(entry.name, found.st_size, _time(found))


def _time(found: os.stat_result) -> int | None:
    """In microseconds; None for one that no journal can hold."""
    mtime_us = floor(found.st_mtime * 1e6)
    return mtime_us if EARLIEST_US <= mtime_us <= LATEST_US else None


def _identities_above(root: str, path: str) -> tuple[Identity, ...]:
    """Of the root and every folder on the way to ``path``, which is not the root."""
    parts = path.split("/")
    return tuple(_identity(disk_path(root, "/".join(parts[:depth]))) for depth in range(len(parts)))


class _FolderReader:
    """An open file; its errors are translated."""

    __slots__ = ("_file", "_path")

    def __init__(self, file: io.FileIO, path: str) -> None:
        self._file = file
        self._path = path

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:
        try:
            return self._file.readinto(buffer)
        except OSError as error:
            raise source_error(self._path, error) from error

    def stat(self) -> SourceStat:
        try:
            found = os.fstat(self._file.fileno())
        except OSError as error:
            raise source_error(self._path, error) from error
        return _file_stat(self._path, found)

    def close(self) -> None:
        self._file.close()


def _file_stat(path: str, found: os.stat_result) -> SourceStat:
    if found.st_nlink == 0:
        raise SourceVanishedError(
            f"“{path}” was deleted while it was being read.", remedy="Scan again. The review then shows what changed."
        )
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "something else"
        raise SourceVanishedError(
            f"“{path}” is no longer a file, but {what}.", remedy="Scan again. The review then shows what changed, and what to do."
        )
    number = "" if _WINDOWS else f"-{found.st_ino:x}"  # Windows can give a path and an open file different ones
    return SourceStat(found.st_size, floor(found.st_mtime * 1e6), f"{found.st_size:x}-{found.st_mtime_ns:x}{number}")


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    """An open file has not changed in between, as far as its facts show."""
    return (one.st_size, one.st_mtime_ns, one.st_nlink) == (other.st_size, other.st_mtime_ns, other.st_nlink)


def _wanted(listing: _Listing, want: ChooseFolder) -> list[_Visit]:
    """The folders in a listed one that are to be visited; a link that is not followed becomes a problem of the listed one."""
    folder = listing.folder
    prefix = folder.path + "/" if folder.path else ""
    visits: list[_Visit] = []
    for name, link in listing.below:
        path = prefix + name
        look = want(path)
        if not look.descend:
            continue
        if link and not look.follow:
            folder.problems.append(
                Problem(
                    (),
                    path,
                    "The folder is a link, and links are not followed here.",
                    "Replace it with the files themselves, or link the patient's or the modality's folder instead.",
                    covers=True,
                )
            )
            continue
        visits.append(_Visit(path, look, link, listing.above))
    return visits


def _identity(path: str) -> Identity:
    """What identifies a folder, whatever path leads to it.  Raises OSError."""
    if _WINDOWS:  # a share's server may answer 0 for every file's number
        return os.path.normcase(os.path.realpath(path))
    found = os.stat(path)  # noqa: PTH116 - a Path would take the prefix of long paths apart
    return found.st_dev, found.st_ino


def _is_junction(entry: os.DirEntry[str]) -> bool:
    tag: int = getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0)
    return bool(tag & _NAME_SURROGATE)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
