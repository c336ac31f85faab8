"""Files and folders that only their owner reads: journals, copies, lists, downloads, staging, configurations.

They name patients, or hold a secret.  On Linux and macOS a new file has the mode 0600 and a new folder 0700.  On Windows they inherit the
rights of their folder; those of a user's profile let nobody else in.  Nothing is written through a link that somebody else made: a new
file must not exist under its name, not even as a link.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from chorus_gui.core.folders import replace_file
from chorus_gui.core.refused import make_changeable

FILE, FOLDER = 0o600, 0o700
_POSIX = os.name == "posix"
_PART = re.compile(r"\..{1,40}\.\d+-[0-9a-f]{16}\.part", re.DOTALL)
"""What :func:`beside` makes."""
LEFT_S = 7 * 86400.0
"""Seconds without a write after which nobody writes a part any longer."""
_MOST_SEEN = 20_000
"""Names in a folder among which such parts are looked for."""
_FLAGS: int = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0) | getattr(os, "O_CLOEXEC", 0)


def private_process() -> None:
    """From now on, whatever this process creates is its owner's alone.  Each face calls it when it starts."""
    if _POSIX:
        os.umask(0o077)


@contextmanager
def _naming(path: Path, part: Path | None = None) -> Generator[None]:
    """An error of a write does not name its file: the system no longer knows it.  Nobody knows the name of a ``part``, so it is not named either."""
    try:
        yield
    except OSError as error:
        if error.filename is None or (part is not None and str(error.filename) == str(part)):
            error.filename, error.filename2 = str(path), None
        raise


def create(path: Path) -> BinaryIO:
    """A new file to write.  Raises :class:`FileExistsError` if anything has this name, OSError."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, FILE), "wb")


def make(path: Path) -> None:
    """An empty file for a library that opens it by its name; one that exists is left as it is.  Raises OSError."""
    with suppress(FileExistsError):
        create(path).close()


def make_folder(path: Path) -> None:
    """A folder, and those above it that are missing; one that exists is left as it is.  Raises OSError."""
    if not path.is_dir():
        if not path.parent.is_dir():
            make_folder(path.parent)
        path.mkdir(mode=FOLDER, exist_ok=True)


def beside(target: Path) -> Path:
    """A name next to ``target`` that nobody can know before; never longer than a name may be where that of ``target`` is not."""
    return target.with_name(f".{target.name[:40]}.{os.getpid()}-{secrets.token_hex(8)}.part")


def remove_left(part: Path) -> None:
    """Remove the parts that killed programs left in the folder of ``part``, which was written just now.  Raises nothing.

    One is removed if nobody has written it for a week, by the clock of the disk that has both.  No process is asked if it lives: a number
    can be that of another program by now, or of another computer on the same share.
    """
    with suppress(OSError):
        latest = part.stat().st_mtime - LEFT_S
        with os.scandir(part.parent) as names:
            left = [name for name in islice(names, _MOST_SEEN) if _PART.fullmatch(name.name)]
        for name in left:
            with suppress(OSError):  # on Windows also while somebody has it open
                found = name.stat(follow_symlinks=False)
                if stat.S_ISREG(found.st_mode) and found.st_mtime < latest:
                    Path(name.path).unlink()


@contextmanager
def tried(path: Path) -> Generator[None]:
    """An empty file of this name while the block runs, which shows what its folder allows.

    Raises OSError if it cannot be made, or not be removed after the block; :class:`FileExistsError` if anything has this name.
    """
    create(path).close()
    try:
        yield
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    path.unlink()


def sweep(folder: Path) -> None:
    """As :func:`remove_left`, for a folder of the program's own in which perhaps nothing is written for long.  Raises nothing."""
    with suppress(OSError):
        with os.scandir(folder) as names:
            if not any(_PART.fullmatch(name.name) for name in islice(names, _MOST_SEEN)):
                return
        probe = beside(folder / "sweep")
        with tried(probe):  # the clock that counts is that of the disk
            remove_left(probe)


def take_place(part: Path, target: Path) -> None:
    """Give a finished file its name.  What it replaces was perhaps shared with colleagues on purpose: its mode stays.  Raises OSError."""
    remove_left(part)
    if _POSIX:
        with suppress(FileNotFoundError):
            before = target.lstat()
            if stat.S_ISREG(before.st_mode):
                part.chmod(stat.S_IMODE(before.st_mode))
    replace_file(part, target)


def write(path: Path, data: bytes) -> None:
    """Replace a file of the program's own, whole or not at all; on the disk when this returns.  Raises OSError."""
    part = beside(path)
    make_changeable(path)
    try:
        with _naming(path, part):
            with create(part) as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            remove_left(part)
            replace_file(part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def copy(source: Path, target: Path) -> None:
    """A new file with the content and time of another.  Raises OSError."""
    with _naming(target), source.open("rb") as read, create(target) as out:
        shutil.copyfileobj(read, out)
    times = source.stat()
    os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))


@contextmanager
def replacing(path: Path) -> Generator[BinaryIO]:
    """A result that a person named: it takes the place of what is there when the block ends, complete, and this user's alone.

    What is there and is not a file, for example a pipe or a terminal, is written to as it comes.  Through a link as :func:`named`.
    Raises OSError, which names ``path``.
    """
    if _POSIX and (path.is_symlink() or (path.exists() and not path.is_file())):
        with named(path) as out:
            yield out
        return
    part = beside(path)
    try:
        with _naming(path, part):
            with create(part) as out:
                yield out
            remove_left(part)
            replace_file(part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def named(path: Path) -> Generator[BinaryIO]:
    """The file that a person named for a result, emptied or new.  Through a link only if it is the person's own or the system's.

    Raises OSError.
    """
    if _POSIX:
        with suppress(FileNotFoundError):
            found = path.lstat()
            if stat.S_ISLNK(found.st_mode) and found.st_uid not in (os.getuid(), 0):
                raise OSError(errno.EPERM, "this is a link that another user made")
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | (_FLAGS & ~getattr(os, "O_NOFOLLOW", 0)), FILE)
    with _naming(path), os.fdopen(handle, "wb") as out:
        yield out


def too_open(path: Path) -> bool:
    """Other users of this computer may read it.  Never true on Windows, where the folder's rights decide."""
    try:
        return _POSIX and bool(path.stat().st_mode & 0o077)
    except OSError:
        return False


def shared_bits(folder: str) -> int:
    """What a file in a shared folder may allow to others: reading and writing to those who may write in the folder, and nothing else."""
    if not _POSIX:
        return 0
    mode = os.stat(folder).st_mode  # noqa: PTH116 - as the stores do
    return (0o060 if mode & 0o020 else 0) | (0o006 if mode & 0o002 else 0)
