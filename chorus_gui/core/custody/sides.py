"""Two journals side by side: the local one and the one in the cloud, and what each has that the other lacks."""

from __future__ import annotations

import functools
import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from chorus_gui.core.custody.cloud_journal import CloudJournal
from chorus_gui.core.custody.local_state import LocalState
from chorus_gui.core.custody.state import CustodyState, moment
from chorus_gui.core.errors import (
    BlobNotFoundError,
    ConditionError,
    CustodyError,
    JournalDamagedError,
    JournalError,
    JournalMissingError,
    JournalMixedError,
)
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal import backups
from chorus_gui.core.journal.opening import translated
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.storage.one_file import fetch_file
from chorus_gui.core.untrusted import instant_us


@dataclass(frozen=True, slots=True)
class Side:
    """One journal: where it is, and what is in it.  ``schema`` 0: it does not exist, or cannot be read."""

    where: str
    there: bool
    size: int = 0
    changed: datetime | None = None
    schema: int = 0
    active: int = 0
    pending: int = 0
    versions: tuple[str, ...] = ()

    def describe(self) -> str:
        """A sentence for people."""
        if not self.there:
            return f"{self.where}: there is no journal."
        if not self.schema:
            return f"{self.where}: a file of {self.size:,} bytes, changed {moment(self.changed)}, that cannot be read as a journal."
        versions = "no version yet"
        if self.versions:
            versions = f"{len(self.versions):,} version{'s' * (len(self.versions) != 1)}, the last {self.versions[-1]}"
        return (
            f"{self.where}: {self.active:,} file{'s' * (self.active != 1)} ({self.pending:,} not uploaded), {versions}, format {self.schema}, "
            f"changed {moment(self.changed)}."
        )


@dataclass(frozen=True, slots=True)
class Sides:
    """Both, and how many entries each has that the other lacks.  ``seen`` is the state when they were compared.

    The counts are None if one of the two cannot be read.
    """

    local: Side
    cloud: Side
    only_local: int | None
    only_cloud: int | None
    seen: CustodyState

    def describe(self) -> str:
        """Sentences for people."""
        lines = [self.local.describe(), self.cloud.describe()]
        if self.only_local is not None and self.only_cloud is not None:
            entries = "entry is" if self.only_local == 1 else "entries are"
            lines.append(f"{self.only_local:,} {entries} only in the local journal, {self.only_cloud:,} only in the cloud journal.")
        return " ".join(lines)


class CustodyConflictError(CustodyError):
    """The journal in the cloud is not the one that the local one was made from.  ``sides`` shows both; nothing was written.

    The summary is one short sentence, for a window that shows both sides; the whole text describes them.
    """

    needs_decision = True

    def __init__(self, what: str, sides: Sides, *, remedy: str) -> None:
        super().__init__(what, meaning="Nothing was written.", remedy=remedy)
        self.sides = sides

    def __str__(self) -> str:
        return " ".join((self.summary, self.sides.describe(), self.remedy))


def compare(home: CloudJournal, local: Path, seen: CustodyState, ctx: JobContext) -> Sides:
    """Compare both; the cloud journal (the lock's content, if another tool keeps it there) is downloaded for it and removed again."""
    copy = beside(home.local, "compare")
    try:
        there = fetch(home, seen, copy, ctx)
        mine = side("On this computer", local)
        blob = seen.content
        theirs = side("In the cloud", copy, None if blob is None else blob.modified_us) if there else Side("In the cloud", False)
        readable = (mine.schema or not mine.there) and (theirs.schema or not theirs.there)
        return Sides(
            mine,
            theirs,
            missing_rows(local, copy) if readable else None,
            missing_rows(copy, local) if readable else None,
            seen,
        )
    finally:
        copy.unlink(missing_ok=True)


def side(where: str, file: Path, modified_us: int | None = None) -> Side:
    """What a journal file holds; never raises for what is in it."""
    if not file.is_file():
        return Side(where, False)
    found = backups.describe(file)
    at_us = file.stat().st_mtime_ns // 1000 if modified_us is None else modified_us
    at = instant_us(at_us)
    return Side(where, True, found.size, at, found.schema, found.active, found.pending, found.versions)


def fetch(home: CloudJournal, seen: CustodyState, target: Path, ctx: JobContext) -> bool:
    """Download the journal that was seen to ``target``; False if there is none.

    Raises :class:`CustodyError` if it is another one by now.
    """
    if seen.content is None:
        return False
    try:
        fetch_file(home.store, seen.content, target, ctx, shows_progress=True)
    except (ConditionError, BlobNotFoundError) as error:
        raise CustodyError(
            "The cloud journal was changed while it was being downloaded.",
            meaning="Somebody else is working with it. Nothing was changed here.",
            remedy="Try again in a minute.",
        ) from error
    return True


def cached_copy(home: CloudJournal, seen: CustodyState, ctx: JobContext) -> Path:
    """A copy of the cloud journal that was seen, only to be read; it is downloaded once for each version.  Errors as :func:`fetch`."""
    etag = hashlib.sha256(seen.content.etag.encode() if seen.content else b"").hexdigest()[:16]
    copy = home.copy_file.with_name(f"{home.copy_file.stem}.{etag}.db")
    if not copy.exists():
        for old in copy.parent.glob(f"{home.copy_file.stem}.*.db"):
            old.unlink(missing_ok=True)
        fetch(home, seen, copy, ctx)
    return copy


def beside(local: Path, purpose: str) -> Path:
    """A hidden name next to the local journal, on its disk.  What an interrupted program left under it is removed."""
    target = local.with_name(f".{local.name}.{purpose}")
    for litter in (target, *local.parent.glob(f".{target.name}.*.part")):
        litter.unlink(missing_ok=True)
    return target


def rows_of(journal: Path) -> str:
    """The fingerprint of its entries.  Raises :class:`JournalError`."""
    with Journal.open(journal, readonly=True) as opened:
        return opened.fingerprint()


@functools.lru_cache(maxsize=8)
def _rows_of(journal: Path, *_as_it_is: int) -> str:
    """:func:`rows_of`, read once for a file of this number, size and time: a million entries take a second."""
    return rows_of(journal)


def is_replaced(local: Path, base: str) -> bool:
    """The local journal does not have the entries that it had when it last was equal to the cloud journal: somebody put another file there.

    False if it cannot be read: what is wrong with it is said of the journal itself.
    """
    try:
        there = local.stat()
        return bool(base) and _rows_of(local, there.st_ino, there.st_size, there.st_mtime_ns) != base
    except (OSError, JournalError):
        return False


def is_empty(journal: Path) -> bool:
    """No file, or a journal without entries.  Raises :class:`JournalError`."""
    try:
        with Journal.open(journal, readonly=True) as opened:
            return next(opened.rows(limit=1), None) is None
    except JournalMissingError:
        return True


def unsaved(local: Path, memory: LocalState, cloud: Path | None) -> bool:
    """True if ``local`` has entries that were never checked in, according to memory and ``cloud`` (a copy of the cloud journal).

    False if it cannot be read: then nothing can be checked in, and the file is kept when it is replaced.  Raises
    :class:`JournalForeignError` for a file that is not a journal.
    """
    try:
        if is_empty(local) or rows_of(local) == memory.base_of(local):
            return False
    except (JournalDamagedError, JournalMixedError):
        return False
    return cloud is None or missing_rows(local, cloud) > 0


def missing_rows(old: Path, new: Path) -> int:
    """How many entries of ``old`` are not in ``new``, or are uploaded or closed only in ``old``.

    0: ``old`` is ``new`` at an earlier time, or the same.  An entry that was closed before it was uploaded does not count: it has no
    use.  Raises :class:`JournalError`.
    """
    if is_empty(old):
        return 0
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as conn, translated(old):
        before = _attach(conn, old, "before")
        after = _attach(conn, new, "after") if not is_empty(new) else f"{before} WHERE 0"
        same = "file_id, modality, path, size, mtime_us, md5, valid_us, version"
        parts = [f"SELECT file_id FROM (SELECT {same} FROM told EXCEPT SELECT {same} FROM ({after}))"]
        for column in ("uploaded", "invalid_us"):
            pair = f"SELECT file_id, {column} FROM"
            parts.append(f"SELECT file_id FROM ({pair} told WHERE {column} IS NOT NULL EXCEPT {pair} ({after}))")
        counted = (
            f"WITH told AS MATERIALIZED (SELECT * FROM ({before}) WHERE invalid_us IS NULL OR uploaded IS NOT NULL) "
            f"SELECT COUNT(*) FROM ({' UNION '.join(parts)})"
        )
        return int(conn.execute(counted).fetchone()[0])


def _attach(conn: sqlite3.Connection, file: Path, alias: str) -> str:
    with Journal.open(file, readonly=True) as journal:
        sql = journal.rows_sql(alias)
    conn.execute(f"ATTACH ? AS {alias}", (str(file),))
    return sql
