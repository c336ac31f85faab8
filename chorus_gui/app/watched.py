"""The files of a site that a colleague, an editor or a command may change while the window is open, and if they did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chorus_gui.core.config.model import Config

Stamp = tuple[int, int] | None
"""What differs after a change: time of change (ns) and size; None: there is no such file."""
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
        with file.open("rb") as opened:
            head = opened.read(100)
        return int.from_bytes(head[_COUNTER], "big"), file.stat().st_size
    except OSError:
        return None
