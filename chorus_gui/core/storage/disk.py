"""What a folder store asks of the operating system, and the system's refusals in the words of core."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from types import TracebackType

import filelock

from chorus_gui.core.errors import AccessError, BlobNotFoundError, ConditionError, StoreError, StoreFullError, StoreUnavailableError
from chorus_gui.core.folders import patiently
from chorus_gui.core.private import FILE, FOLDER, shared_bits
from chorus_gui.core.refused import HELD, READ_ONLY, refusal
from chorus_gui.core.storage.base import Buffer
from chorus_gui.core.storage.names import name_error
from chorus_gui.core.storage.sending import before_sending, piece_size

WINDOWS = os.name == "nt"
BINARY: int = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)
COPY_BYTES = 4 * 1024 * 1024
SYNC_BYTES = 16 * 1024 * 1024
"""While a file is written, at most this many of its bytes have not reached the disk."""
_HELD_BYTES = 1024 * 1024
"""Written between two looks if the job is paused."""
LOCK_S = 10.0

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NAME = frozenset({errno.ENAMETOOLONG, errno.EINVAL, errno.ENOTDIR, errno.EISDIR, errno.EILSEQ})
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL})
_WINDOWS_FULL = frozenset({39, 112, 1295})
_WINDOWS_HELD = frozenset({32, 33, 303})  # another program has it open for a moment
_WINDOWS_NAME = frozenset({123, 161, 206})


class Translated:
    """``with Translated(path):`` what the system refuses for this blob is raised as a :class:`StoreError`."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, OSError):
            raise store_error(self._path, error) from error
        if isinstance(error, UnicodeEncodeError):
            raise name_error(self._path, "It has characters that this disk cannot write.") from error


def store_error(path: str, error: OSError) -> StoreError:
    """The system's refusal, for a person."""
    said = (error.strerror or type(error).__name__).rstrip(".")
    code: int | None = getattr(error, "winerror", None)
    if error.errno in _FULL or code in _WINDOWS_FULL:
        return StoreFullError(
            f"The central store has no space for “{path}” ({said}).", remedy="Free space on its disk, or ask for a higher quota."
        )
    file = str(error.filename2 or error.filename or "")
    why, remedy = refusal(error, file, "")
    if code in _WINDOWS_HELD or why == HELD:
        return StoreUnavailableError(
            f"Another program has “{path}” open in the central store ({said}).", remedy="Close that program, and try again."
        )
    if error.errno in _NAME or code in _WINDOWS_NAME:
        return name_error(path, f"The disk reports: {said}.")
    if error.errno in _DENIED and why == READ_ONLY:
        return AccessError(f"“{path}” in the central store's folder is read-only.", remedy=remedy)
    if error.errno in _DENIED:
        return AccessError(
            f"The central store's folder does not allow access to “{path}” ({said}).",
            remedy="Check that you are allowed to write there, and that the disk is not write-protected.",
        )
    return StoreUnavailableError(
        f"The central store's folder did not answer for “{path}” ({said}).",
        remedy="Check that the disk or share is connected, and try again.",
    )


def not_found(path: str) -> BlobNotFoundError:
    """The answer where there is nothing."""
    return BlobNotFoundError(f"“{path}” is not in the central store.", remedy="Verify to see what is there, and upload again.")


def unmet(path: str, *, absent: bool) -> ConditionError:
    """The answer where a condition did not hold."""
    what = "exists already" if absent else "was changed meanwhile"
    return ConditionError(f"“{path}” {what} in the central store.", meaning="Nothing was written.")


class Clock:
    """Times for new blobs, each later than the one before: with the size they are the ETag, so no two writes look alike.

    Steps of a microsecond, which the time stamps of ext4, NTFS and shares hold.  (An inode number is no help: it is used again
    at once, and on exFAT and some shares another after the next mount.)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def tick(self) -> int:
        """Nanoseconds since 1970."""
        with self._lock:
            self._last = max(self._last + 1000, time.time_ns() // 1000 * 1000)
            return self._last


def share(fd: int, root: str) -> None:
    """Let those read and write a new file who may write in the store's folder ``root``, and nobody else."""
    if not WINDOWS and (bits := shared_bits(root)):
        os.fchmod(fd, FILE | bits)


def write_new(path: str, parts: Iterable[Buffer], tick: Callable[[], int], root: str) -> os.stat_result:
    """Write a file that must not exist; its bytes are on the disk when this returns.  Removed again if anything fails.

    ``tick`` gives its time, in nanoseconds, at the end.
    """
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | BINARY, FILE)
    try:
        try:
            share(fd, root)
            waiting = 0
            for part in parts:
                _write_held(fd, part)
                waiting += len(part)
                if waiting >= SYNC_BYTES:  # now and then, so that the end does not take minutes
                    os.fsync(fd)
                    waiting = 0
            os.fsync(fd)
        finally:
            os.close(fd)
        return stamp(path, tick())
    except BaseException:
        remove(path)
        raise


def _write_held(fd: int, data: Buffer) -> None:
    """Write all of it, as fast as the limit allows.  Raises ``Cancelled``."""
    view = memoryview(data)
    while len(view):
        piece = view[: piece_size(_HELD_BYTES)]
        before_sending(len(piece))
        write_all(fd, piece)
        view = view[len(piece) :]


def stamp(path: str, mtime_ns: int) -> os.stat_result:
    """Give a file its time."""
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return os.stat(path)  # noqa: PTH116 - a Path would take the prefix of long paths apart


def write_all(fd: int, data: Buffer) -> None:
    """Write all of it where the file stands."""
    view = memoryview(data)
    while len(view):
        view = view[os.write(fd, view) :]


def remove(path: str) -> None:
    """Remove a file that may be gone or held: litter is cleared later."""
    try:
        os.unlink(path)  # noqa: PTH108
    except OSError:
        return


def move_over(temp: str, target: str) -> None:
    """Give a finished file its name, in the place of what bore it; on Windows :func:`patiently`, because readers hold it for a moment."""

    def once() -> None:
        try:
            os.replace(temp, target)  # noqa: PTH105
        except PermissionError:
            if os.path.isdir(target):  # noqa: PTH112 - what Windows says of a folder, too
                raise IsADirectoryError(errno.EISDIR, "There is a folder of that name", target) from None
            raise

    patiently(once)


def move_new(temp: str, target: str) -> None:
    """Move to a name that must be free; :class:`FileExistsError` if it is not.  Atomic.

    On a disk without hard links (exFAT, some shares) an empty file takes the name first, so for an instant a reader may see
    it empty.
    """
    if WINDOWS:
        patiently(lambda: os.rename(temp, target))  # noqa: PTH104 - refuses an existing target, on Windows
        return
    try:
        os.link(temp, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            os.replace(temp, target)  # noqa: PTH105
        except BaseException:
            remove(target)
            raise
    else:
        os.unlink(temp)  # noqa: PTH108


@contextmanager
def alone(file: str, where: str) -> Generator[None]:
    """Holds the operating system's lock on ``file``, so that programs that do the same wait for each other.

    Where the disk or share has no locks, or the file is a colleague's, the block runs without.  Raises
    :class:`StoreUnavailableError` if another program has held the lock for ``LOCK_S`` seconds.
    """
    lock = filelock.FileLock(file, timeout=LOCK_S, thread_local=False, mode=0o666)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise StoreUnavailableError(
            f"Another program has been writing to “{where}” for {LOCK_S:.0f} seconds.", meaning="Nothing was written.", remedy="Try again."
        ) from error
    except (OSError, NotImplementedError):
        yield
        return
    try:
        yield
    finally:
        lock.release()


def sync_folder(folder: str) -> None:
    """Make names in a folder last (a Windows folder does so by itself, and cannot be opened for it)."""
    if WINDOWS:
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # some shares cannot
            raise
    finally:
        os.close(fd)


def make_folder_in(root: str, folder: str) -> None:
    """Make a folder below ``root``, not what is above it: FileNotFoundError if that is gone, as when a disk was unplugged."""
    try:
        os.mkdir(folder, FOLDER)  # noqa: PTH102
    except FileExistsError:
        if not os.path.isdir(folder):  # noqa: PTH112
            raise NotADirectoryError(errno.ENOTDIR, "there is a file where a folder is needed") from None
        return
    if not WINDOWS and (bits := shared_bits(root)):
        os.chmod(folder, FOLDER | bits | (bits & 0o022) >> 1)  # noqa: PTH101
    sync_folder(os.path.dirname(folder))


def make_folders(root: str, folder: str) -> None:
    """Make a folder below ``root`` and what is missing on the way; never ``root`` itself."""
    try:
        make_folder_in(root, folder)
    except FileNotFoundError:
        above = os.path.dirname(folder)
        if len(above) <= len(root):
            raise
        make_folders(root, above)
        make_folders(root, folder)
