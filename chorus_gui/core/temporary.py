"""Folders for temporary files: copies of the journal, a review that nobody keeps.

A process that is killed leaves its own.  The next one removes it, because a lock says if anybody still uses it: the system drops the lock of
a process that has ended, however that happened.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.core.computer import temporary_words
from chorus_gui.core.errors import ComputerError
from chorus_gui.core.folders import remove_file, remove_folder

if TYPE_CHECKING:
    from filelock import BaseFileLock

PREFIX = "chorus-upload-run-"
LOCK = "in-use.lock"
_UNLOCKED = "new"
NEW_S = 3600.0
"""Seconds for which nobody takes a folder for a left one: its maker has not locked it yet."""
_MOST_SEEN = 20_000
"""Names in a folder among which left ones are looked for."""


@contextmanager
def own_folder(place: Path | None = None) -> Generator[Path]:
    """A new folder of this user alone, in ``place`` or the folder for temporary files; it is removed when the block ends.

    Raises :class:`ComputerError` if none can be made there, OSError in a ``place``.
    """
    sweep(place)
    try:
        folder, lock = _made(place)
    except OSError as error:
        if place is not None:
            raise
        what, meaning, remedy = temporary_words(error)
        raise ComputerError(what, meaning=meaning, remedy=remedy) from error
    try:
        yield folder
    finally:
        lock.release()
        with suppress(OSError):  # on Windows while somebody has a file of it open: a later run removes it
            remove_folder(folder)


def _made(place: Path | None) -> tuple[Path, BaseFileLock]:
    """A new folder, and the lock on it.  A purge can remove a folder that is not locked yet: then another one is made."""
    import filelock

    left = 3
    while True:
        left -= 1
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        lock = filelock.FileLock(folder / LOCK, timeout=0)
        try:
            (folder / _UNLOCKED).touch()
            lock.acquire()
            (folder / _UNLOCKED).unlink()  # it is still there, so nothing was removed before the lock
            return folder, lock
        except OSError:
            lock.release()
            with suppress(OSError):
                remove_folder(folder)
            if not left:
                raise


def fault(error: Exception, file: Path) -> ComputerError | None:
    """What a person has to know if ``file`` could not be written, and is in such a folder: they did not choose its place.  Otherwise None."""
    root = tempfile.gettempdir()
    if not any(above.name.startswith(PREFIX) and str(above.parent) == root for above in file.parents):
        return None
    what, meaning, remedy = temporary_words(error, root)
    return ComputerError(what, meaning=meaning, remedy=remedy)


def sweep(place: Path | None = None, *, new_s: float = NEW_S) -> None:
    """Remove what killed processes left in ``place``, or in the folder for temporary files.  Raises nothing.

    A folder that is younger than ``new_s`` seconds stays.
    """
    with suppress(OSError):
        root = Path(tempfile.gettempdir()) if place is None else place
        with os.scandir(root) as names:
            found = [name for name in islice(names, _MOST_SEEN) if name.name.startswith(PREFIX)]
        for name in found:
            with suppress(OSError):
                _remove(Path(name.path), name.stat(follow_symlinks=False), root.stat(), new_s)


def _remove(folder: Path, found: os.stat_result, root: os.stat_result, new_s: float) -> None:
    """Remove one, if it is this user's and nobody uses it."""
    import filelock

    if not stat.S_ISDIR(found.st_mode) or (os.name == "posix" and found.st_uid != os.getuid()):
        return
    if root.st_mtime - found.st_mtime < new_s:  # both by the clock of the disk
        return
    try:
        with filelock.FileLock(folder / LOCK, timeout=0):  # until all is removed: the maker of a new folder sees that
            with os.scandir(folder) as names:
                inside = [name for name in names if name.name != LOCK]
            for name in inside:
                (remove_folder if name.is_dir(follow_symlinks=False) else remove_file)(Path(name.path))
            if os.name == "posix":
                remove_folder(folder)
                return
    except filelock.Timeout:
        return
    remove_folder(folder)  # Windows keeps a file that is open
