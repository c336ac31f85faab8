"""Format 1 → format 2, one way: the 2024 tool cannot use the result."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from chorus_gui.core import private
from chorus_gui.core.errors import JournalDamagedError, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal import backups, findings, history, opening
from chorus_gui.core.journal.findings import JournalFinding
from chorus_gui.core.journal.history import NO_DESTINATION
from chorus_gui.core.journal.lock import WriterLock
from chorus_gui.core.journal.schema import Schema
from chorus_gui.core.journal.v2 import V2
from chorus_gui.core.model import Row

_BATCH = 5000


@dataclass(frozen=True, slots=True)
class UpgradeReport:
    """What an upgrade did: entries (all, current, pending) and commands that were copied, the kept old file, and oddities."""

    rows: int
    active: int
    pending: int
    commands: int
    kept: Path
    findings: tuple[JournalFinding, ...]


def upgrade(path: Path, *, ctx: JobContext) -> UpgradeReport:
    """Convert a journal from format 1 to format 2.  Row ids, closed rows and oddities are kept; the old file stays among the copies.

    The journal is replaced in one step, after the new one was compared with it.  Raises :class:`UsageError` if it has format 2
    already, what :meth:`.store.Journal.open` raises, and :class:`Cancelled`; the journal is then unchanged.
    """
    path = opening.real(path)
    opening.check_present(path)
    lock = WriterLock(path)
    lock.acquire("upgrading the journal", 0.0, ctx)
    part = path.with_name(f".{path.name}.upgrade")
    try:
        conn, old = opening.open_reading(path)
        with closing(conn), opening.translated(path):
            if old.number != 1:
                raise UsageError(f"The journal “{path}” has format 2 already.", remedy="You have nothing to do.")
            opening.quick_check(conn, path)
            odd = [*findings.check(old), *_lost(old)]
            part.unlink(missing_ok=True)
            with closing(opening.connect(part, "rwc")) as target:
                commands = _fill(target, old, ctx)
                rows, active, pending = _compare(old, V2(target), path)
                opening.quick_check(target, part)
            kept = backups.new_name(path, ".v1", "db")
            opening.copy_whole(conn, path, kept)
        with opening.translated(path):
            opening.drop_side_files(path)
            private.take_place(part, path)
        return UpgradeReport(rows, active, pending, commands, kept, tuple(odd))
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        lock.release()


def _fill(target: sqlite3.Connection, old: Schema, ctx: JobContext) -> int:
    """Copy rows and history into a new file; the number of commands."""
    schema = V2(target)
    opening.complete(target, schema)
    target.execute("BEGIN IMMEDIATE")
    sql = f"SELECT r.*, j.PERSON_ID, j.MD5 FROM ({old.rows_sql()}) r JOIN main.journal j ON j.FILE_ID = r.file_id ORDER BY r.file_id"
    cursor = old.conn.execute(sql)
    while batch := cursor.fetchmany(_BATCH):
        ctx.checkpoint()
        for *values, person, md5 in batch:
            schema.take_over(Row(*values), patient_id=person, md5=md5)
    commands = history.read(old)
    for one in commands:
        sources = json.dumps(dict(one.src_paths))
        history.enter(schema, [one.at, one.common, one.command, one.params, sources, one.dest or NO_DESTINATION], one.seconds)
    target.execute("COMMIT")
    return len(commands)


def _compare(old: Schema, new: Schema, path: Path) -> tuple[int, int, int]:
    """All, active and pending rows, which must be equal in both."""
    sql = "SELECT COUNT(*), COALESCE(SUM(invalid_us IS NULL), 0), COALESCE(SUM(invalid_us IS NULL AND uploaded IS NULL), 0) FROM ({})"
    before, after = (tuple(map(int, schema.conn.execute(sql.format(schema.rows_sql())).fetchone())) for schema in (old, new))
    if before != after:
        raise JournalDamagedError(
            f"The upgraded copy of “{path}” has {after} entries (all, current, pending), but the journal has {before}.",
            meaning="The journal was not changed.",
            remedy="Report this problem, with a support bundle.",
        )
    return before[0], before[1], before[2]


def _lost(old: Schema) -> list[JournalFinding]:
    (count,) = old.conn.execute(f"SELECT COUNT(*) FROM {old.table}").fetchone()
    text = "Format 2 has no place for an entry's STATE and durations. They stay in the kept copy of the old file."
    return [JournalFinding("lost", text, int(count))] if count else []
