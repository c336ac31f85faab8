"""OMOP tables are snapshots: each submission has everybody.  So a table that shrank since the last submission, or has other columns, needs a look."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from chorus_gui.core.readiness.findings import Finding
from chorus_gui.core.readiness.paths import Table

LEAST = 4_096
"""Bytes; the size of a smaller table says little."""
SMALLER, FEWER = 0.8, 0.95
"""Below this share of the last submission's bytes, or of its lines or patients, a table is reported."""


class Snapshot(NamedTuple):
    """A table as it was: its size in bytes and time, its lines and patients (None: not counted), and :func:`mark` of its columns ("": not known)."""

    size: int
    mtime_us: int
    lines: int | None = None
    patients: int | None = None
    columns: str = ""


def mark(columns: Sequence[str]) -> str:
    """Two tables have the same mark if they have the same columns in the same order.  The names themselves are not kept."""
    return hashlib.sha256("\0".join(columns).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def compare_columns(table: Table, columns: Sequence[str], before: Snapshot | None) -> Iterator[Finding]:
    """If the columns are those of the last submission, in their order."""
    if before is not None and before.columns and before.columns != mark(columns):
        yield Finding("O5B", table.path, table.table, 1)


def compare_sizes(tables: Iterable[Table], sent: Mapping[str, Snapshot]) -> Iterator[Finding]:
    """What sizes and times say.  ``sent``: path → the table as it was submitted last."""
    moved, same = 0, list[Table]()
    for table in tables:
        before = sent.get(table.path)
        if before is None:
            continue
        if (table.size, table.mtime_us) == (before.size, before.mtime_us):
            same.append(table)
            continue
        moved += 1
        if before.size >= LEAST and table.size < SMALLER * before.size:
            yield Finding("O3", table.path, f"{table.table}: {_percent(table.size, before.size)} % fewer bytes than in the last submission")
    if moved >= len(same):
        for table in same:
            yield Finding("O3B", table.path, table.table)


def compare_counts(table: Table, now: Snapshot, before: Snapshot) -> Iterator[Finding]:
    """What lines and patients say, where both were counted."""
    for what, count, earlier in (("lines", now.lines, before.lines), ("patients", now.patients, before.patients)):
        if count is not None and earlier and count < FEWER * earlier:
            yield Finding("O3", table.path, f"{table.table}: {_percent(count, earlier)} % fewer {what} than in the last submission")


def _percent(now: int, before: int) -> int:
    return 100 - 100 * now // before
