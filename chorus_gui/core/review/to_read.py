"""Files that the next scan reads although their size and time are the journal's: something found that their content is not.

The list is next to the staging database, and belongs to this computer.  If it is lost, the next upload finds the same files again; so
nothing that is wrong with it is an error.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from chorus_gui.core.computer import is_damaged
from chorus_gui.core.folders import remove_file
from chorus_gui.core.own_database import own_database
from chorus_gui.core.review.staging import staging_path

_log = logging.getLogger(__name__)
_TABLE = "CREATE TABLE IF NOT EXISTS file (modality TEXT, path TEXT, PRIMARY KEY (modality, path)) WITHOUT ROWID"
Key = tuple[str, str]
"""modality, path"""


def remember(journal: Path, files: Collection[Key]) -> None:
    """The next scan for this journal reads these files."""
    if files:
        _change(journal, "INSERT OR IGNORE INTO file VALUES (?, ?)", files)


def forget(journal: Path, files: Collection[Key]) -> None:
    """These files have been read."""
    if files:
        _change(journal, "DELETE FROM file WHERE modality = ? AND path = ?", files)


def remembered(journal: Path) -> set[Key]:
    """The files to read."""
    found: set[Key] = set()
    if _file(journal).exists():
        with _harmless(journal), closing(_open(journal)) as db:
            found.update((str(modality), str(path)) for modality, path in db.execute("SELECT modality, path FROM file"))
    return found


def _file(journal: Path) -> Path:
    path = staging_path(journal)
    return path.with_name(path.name.replace("review-", "read-"))


def _open(journal: Path) -> sqlite3.Connection:
    file = _file(journal)
    file.touch(mode=0o600)
    return own_database(file, timeout=30, begin=_TABLE)


def _change(journal: Path, sql: str, files: Collection[Key]) -> None:
    with _harmless(journal), closing(_open(journal)) as db:
        db.execute("BEGIN")
        db.executemany(sql, files)
        db.execute("COMMIT")


@contextmanager
def _harmless(journal: Path) -> Generator[None]:
    """A damaged list is begun again the next time; what else cannot be read or written is left."""
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeEncodeError) as error:
        _log.warning("the list of files to read could not be used: %s", error)
        if is_damaged(error):
            with suppress(OSError):
                remove_file(_file(journal))
