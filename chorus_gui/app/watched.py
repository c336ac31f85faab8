"""The files of a site that a colleague, an editor or a command may change while the window is open, and if they did."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from chorus_gui.core.config.model import Config

Stamp = tuple[int, int] | None
"""What differs after a change: time of change (ns) and size; None: the file does not exist."""
_HEAD_BYTES = 100
_COUNTER = slice(24, 28)
"""SQLite counts here how often a database was changed"""


@dataclass(frozen=True, slots=True)
class Seen:
    """The configuration file ``file`` and what is read with it, as they were."""

    file: Path
    configuration: Stamp
    others: tuple[tuple[Path, Stamp], ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.file, *(file for file, _ in self.others))


def see(file: Path, config: Config | None) -> Seen:
    """How the files are now.  Not for the screen's thread: a share that is gone answers after a minute."""
    return Seen(file, stamp(file), tuple((one, _counted(one) if one.suffix == ".db" else stamp(one)) for one in _others(config)))


def _others(config: Config | None) -> tuple[Path, ...]:
    if config is None:
        return ()
    from chorus_gui.core.custody.beside import SIDE_END
    from chorus_gui.core.readiness.leaks import book_path
    from chorus_gui.core.review import hold_list
    from chorus_gui.core.review.staging import staging_path

    journal = config.journal.local
    review = staging_path(journal)
    holds = review.with_name(review.name.replace("review-", "holds-"))
    found = review.with_name(review.name.replace("review-", "found-")).with_suffix(".json")
    return journal, journal.with_name(journal.name + SIDE_END) / hold_list.NAME, holds, found, book_path(journal)


def stamp(file: Path) -> Stamp:
    """Of a file, now."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _counted(file: Path) -> Stamp:
    """Of a database: reading some of them sets their time."""
    try:
        head = _read_head(file) if os.name == "nt" else _HEADS.read(file)
        return int.from_bytes(head[_COUNTER], "big"), file.stat().st_size
    except OSError:
        return None


def _read_head(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(_HEAD_BYTES)


class _Heads:
    """The beginnings of databases, each read through a handle that stays open.

    Outside Windows, closing any handle of a file drops all locks of this process on it, also those of SQLite: another process would
    take a job's unfinished work for that of a killed program, and undo it.
    """

    def __init__(self) -> None:
        self._open: dict[Path, int] = {}
        self._left: list[int] = []
        self._lock = threading.Lock()

    def read(self, file: Path) -> bytes:
        """Raises ``OSError``."""
        with self._lock:
            there = file.stat()
            handle = self._open.get(file)
            if handle is None or not os.path.samestat(os.fstat(handle), there):
                if handle is not None:
                    self._left.append(self._open.pop(file))
                handle = self._open[file] = os.open(file, os.O_RDONLY)
            for old in [one for one in self._left if not os.fstat(one).st_nlink]:  # nobody can open that file any more
                self._left.remove(old)
                os.close(old)
            return os.pread(handle, _HEAD_BYTES, 0)


_HEADS = _Heads()
