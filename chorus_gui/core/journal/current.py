"""Which paths have a current row: an index beside the journal, whose own tables stay what the other tools expect.

It is in a temporary database that SQLite keeps in a file as soon as it is large, so memory does not grow with the journal.
"""

from __future__ import annotations

from collections.abc import Sequence

from chorus_gui.core.journal.schema import Schema
from chorus_gui.core.model import Entry
from chorus_gui.core.own_database import temporary_database

CACHE = 8192
"""KiB of memory for its pages."""


class Current:
    """Counts the current rows of each modality and path, as they are when it is made, and as its caller says afterwards."""

    def __init__(self, schema: Schema) -> None:
        self._db = temporary_database(any_thread=True)
        self._db.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-{CACHE};")
        self._db.execute("BEGIN")  # never ended: nothing of it is kept
        self._db.execute(
            "CREATE TABLE current (path TEXT, modality TEXT, rows INTEGER NOT NULL DEFAULT 1, PRIMARY KEY (path, modality)) WITHOUT ROWID"
        )
        self._db.executemany(
            "INSERT INTO current (path, modality) VALUES (?, ?) ON CONFLICT DO UPDATE SET rows = rows + 1",
            schema.conn.execute(f"SELECT path, modality FROM ({schema.rows_sql()}) WHERE invalid_us IS NULL"),
        )

    def close(self) -> None:
        """Remove it."""
        self._db.close()

    def has(self, modality: str, path: str) -> bool:
        """The path has a current row."""
        return self._db.execute("SELECT 1 FROM current WHERE path = ? AND modality = ?", (path, modality)).fetchone() is not None

    def add_new(self, entries: Sequence[Entry]) -> bool:
        """A row more for each of these entries; False, and it is of no more use, if one of their paths had a current row before."""
        made = self._db.executemany(
            "INSERT OR IGNORE INTO current (path, modality) VALUES (?, ?)", [(entry.path, entry.modality) for entry in entries]
        )
        return made.rowcount == len(entries)

    def add(self, modality: str, path: str) -> None:
        """A row more."""
        self._db.execute("INSERT INTO current (path, modality) VALUES (?, ?) ON CONFLICT DO UPDATE SET rows = rows + 1", (path, modality))

    def remove(self, modality: str, path: str) -> None:
        """A row less."""
        self._db.execute("UPDATE current SET rows = rows - 1 WHERE path = ? AND modality = ?", (path, modality))
        self._db.execute("DELETE FROM current WHERE path = ? AND modality = ? AND rows <= 0", (path, modality))
