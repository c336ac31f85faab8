"""Databases of the program's own: reviews, held-back changes, results of verifications.  The journal has its own ways to be opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from chorus_gui.core.computer import FILE_OF_OURS, TEMPORARY
from chorus_gui.core.refused import make_changeable


class OwnDatabase(sqlite3.Connection):
    """A connection to a database of the program's own; its errors name the file (see :func:`~.computer.computer_fault`).

    Made by :func:`own_database`.
    """

    file = ""

    def execute(self, *given: Any) -> sqlite3.Cursor:
        """See :meth:`sqlite3.Connection.execute`."""
        try:
            return super().execute(*given)
        except sqlite3.Error as error:
            raise self._named(error) from error.__cause__

    def executemany(self, *given: Any) -> sqlite3.Cursor:
        """See :meth:`sqlite3.Connection.executemany`."""
        try:
            return super().executemany(*given)
        except sqlite3.Error as error:
            raise self._named(error) from error.__cause__

    def executescript(self, *given: Any) -> sqlite3.Cursor:
        """See :meth:`sqlite3.Connection.executescript`."""
        try:
            return super().executescript(*given)
        except sqlite3.Error as error:
            raise self._named(error) from error.__cause__

    def _named(self, error: sqlite3.Error) -> sqlite3.Error:
        setattr(error, FILE_OF_OURS, self.file)
        return error


def own_database(file: Path, *, timeout: float, begin: str = "") -> OwnDatabase:
    """A database of the program's own, in autocommit mode; waits up to ``timeout`` seconds for another connection.

    ``begin`` is run first.  Errors as SQLite; then the file is not open: Windows neither removes nor replaces one that is.
    """
    make_changeable(file)
    try:
        db = sqlite3.connect(file, isolation_level=None, timeout=timeout, factory=OwnDatabase)
    except sqlite3.Error as error:
        setattr(error, FILE_OF_OURS, str(file))
        raise
    db.file = str(file)
    try:
        if begin:
            db.executescript(begin)
    except sqlite3.Error:
        db.close()
        raise
    return db


def temporary_database(*, any_thread: bool = False) -> OwnDatabase:
    """A new database that nobody else sees, in autocommit mode: SQLite keeps it in memory, or in the folder for temporary files once it is large.

    ``any_thread``: several threads may use it, one at a time.  It is removed when it is closed.
    """
    db = sqlite3.connect("", isolation_level=None, check_same_thread=not any_thread, factory=OwnDatabase)
    db.file = TEMPORARY
    return db
