"""What an entry does to the rows, and the checks that keep every row true.  Runs inside the transaction of :mod:`.store`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from chorus_gui.core.errors import JournalChangedError, UsageError
from chorus_gui.core.journal.current import Current
from chorus_gui.core.journal.schema import Schema
from chorus_gui.core.model import Action, Entry, Row

_AGAIN = "None of these changes was recorded. Scan again to compare them with the journal as it is now."


class Writer:
    """Writes entries.  One that failed inside a transaction that was rolled back is thrown away."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._rows = schema.rows_sql()
        self._made: Current | None = None

    def close(self) -> None:
        """Remove what it remembers."""
        if self._made is not None:
            self._made.close()
            self._made = None

    @property
    def _current(self) -> Current:
        """Made when a new entry has to be compared with all the others: many commands need none."""
        if self._made is None:
            self._made = Current(self._schema)
        return self._made

    def write(self, entries: Iterable[Entry], at_us: int) -> None:
        """Entries in their order, as :class:`Action` says; a row that would be closed before it was ever uploaded is deleted instead.

        Raises :class:`JournalChangedError` if the journal is not what an entry requires.
        """
        for new, some in groupby(entries, key=_is_new):
            if new:  # nearly all there are: SQLite takes them together
                self._enter_new(list(some), at_us)
            else:
                for entry in some:
                    self._write(entry, at_us)

    def _enter_new(self, entries: Sequence[Entry], at_us: int) -> None:
        if not self._current.add_new(entries):
            rows = self._schema.conn.execute(f"SELECT modality, path FROM ({self._rows}) WHERE invalid_us IS NULL")
            names = {(entry.modality, entry.path) for entry in entries}
            taken = {row for row in rows if row in names}
            seen: set[tuple[str, str]] = set()
            for entry in entries:
                if (entry.modality, entry.path) in taken | seen:
                    raise _taken(entry.modality, entry.path)
                seen.add((entry.modality, entry.path))
        self._schema.insert(entries, at_us)

    def _write(self, entry: Entry, at_us: int) -> None:
        match entry.action:
            case Action.ENTER:
                self._replace(entry, at_us)
            case Action.REPEAT:
                self._repeat(entry, at_us)
            case Action.CLOSE:
                self._retire(self._active_row(entry), at_us, "OUTDATED" if entry.state == "OUTDATED" else "DELETED")
            case Action.UPLOADED:
                self._uploaded(entry)

    def _replace(self, entry: Entry, at_us: int) -> None:
        self._retire(self._active_row(entry), at_us, "OUTDATED")
        self._require_free(entry.modality, entry.path)
        self._schema.insert((entry,), at_us)
        self._count(entry.modality, entry.path, 1)

    def _repeat(self, entry: Entry, at_us: int) -> None:
        old = self._row(entry)
        if not old.active:
            if old.uploaded is None:
                raise JournalChangedError(f"{_name(old)} was never uploaded, so it cannot be restored.", remedy=_AGAIN)
            self._require_free(old.modality, old.path)
        self._schema.repeat(old.file_id, entry.mtime_us, at_us, entry.md5_seconds)
        self._count(old.modality, old.path, 1)
        if old.active:
            self._retire(old, at_us, "OUTDATED")

    def _uploaded(self, entry: Entry) -> None:
        assert entry.uploaded is not None
        row = self._row(entry)
        if not row.pending:
            raise JournalChangedError(f"{_name(row)} is no longer pending.", remedy=_AGAIN)
        self._schema.mark_uploaded(row.file_id, entry.uploaded, entry.upload_seconds, entry.verify_seconds)

    def _retire(self, row: Row, at_us: int, state: str) -> None:
        if row.uploaded is None:
            self._schema.delete(row.file_id)
        else:
            self._schema.close_row(row.file_id, at_us, state)
        self._count(row.modality, row.path, -1)

    def _row(self, entry: Entry) -> Row:
        found = self._schema.conn.execute(f"SELECT * FROM ({self._rows}) WHERE file_id = ?", (entry.old_id,)).fetchone()
        if found is None:
            raise JournalChangedError(
                f"The journal no longer has the entry {entry.old_id}{f' (“{entry.path}”)' if entry.path else ''}.", remedy=_AGAIN
            )
        return Row(*found)

    def _active_row(self, entry: Entry) -> Row:
        row = self._row(entry)
        if not row.active:
            raise JournalChangedError(f"{_name(row)} is no longer current.", remedy=_AGAIN)
        return row

    def _require_free(self, modality: str, path: str) -> None:
        if self._current.has(modality, path):
            raise _taken(modality, path)

    def _count(self, modality: str, path: str, by: int) -> None:
        if self._made is not None:
            (self._made.add if by > 0 else self._made.remove)(modality, path)


def _is_new(entry: Entry) -> bool:
    return entry.action is Action.ENTER and entry.old_id is None


def _taken(modality: str, path: str) -> JournalChangedError:
    return JournalChangedError(f"The journal already has a current entry for “{path}” ({modality}).", remedy=_AGAIN)


def require_sense(entry: Entry) -> None:
    """Raise :class:`ValueError` for an entry that lacks what its action reads: a fault of the caller, whatever is in the journal."""
    if entry.action is Action.ENTER and entry.md5 is None:
        raise ValueError(f"an entry without an MD5: {entry.path}")
    if entry.action is Action.UPLOADED and entry.uploaded is None:
        raise ValueError(f"marked as uploaded without a time: entry {entry.old_id}")
    if entry.action is not Action.ENTER and entry.old_id is None:
        raise ValueError(f"{entry.action} needs the entry that it is about")


def _name(row: Row) -> str:
    return f"The journal's entry {row.file_id} (“{row.path}”, {row.modality})"


def undo(schema: Schema, version: str) -> int:
    """Remove what was recorded for ``version`` and not uploaded; see :meth:`.store.Journal.undo`."""
    rows = schema.rows_sql()
    removed = 0
    while True:
        # Other tools leave rows that were closed before their upload: reopening one can show the version pending again.
        pending = schema.conn.execute(
            f"SELECT file_id, modality, path, valid_us FROM ({rows}) WHERE version = ? AND invalid_us IS NULL AND uploaded IS NULL",
            (version,),
        ).fetchall()
        if not pending:
            break
        schema.conn.execute(
            "CREATE TEMP TABLE IF NOT EXISTS undone (modality, path, at_us, PRIMARY KEY (modality, path, at_us)) WITHOUT ROWID"
        )
        schema.conn.execute("DELETE FROM undone")
        schema.conn.executemany("INSERT OR IGNORE INTO undone VALUES (?, ?, ?)", (row[1:] for row in pending))
        for row in pending:
            schema.delete(int(row[0]))
        removed += len(pending)
        still = {
            (modality, path)
            for modality, path in schema.conn.execute(
                f"SELECT r.modality, r.path FROM ({rows}) r JOIN (SELECT DISTINCT modality, path FROM undone) u "
                "ON u.modality = r.modality AND u.path = r.path WHERE r.invalid_us IS NULL"
            )
        }
        replaced = schema.conn.execute(
            f"SELECT r.modality, r.path, MAX(r.file_id) FROM ({rows}) r JOIN undone u "
            "ON u.modality = r.modality AND u.path = r.path AND u.at_us = r.invalid_us "
            "WHERE NOT (r.version = ? AND r.uploaded IS NOT NULL) GROUP BY r.modality, r.path",
            (version,),
        ).fetchall()
        schema.reopen([int(file_id) for modality, path, file_id in replaced if (modality, path) not in still])
    if not removed:
        raise UsageError(
            f"Version “{version}” has no pending files.",
            meaning="Only changes that are recorded and not uploaded yet can be undone.",
            remedy="Use “chorus-upload journal list” to list the versions and their pending files.",
        )
    return removed
