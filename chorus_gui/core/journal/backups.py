"""Kept copies of a journal, in a folder next to it: made before a command's first change; the last ten stay.

``journal.db.backups/`` holds ``journal-<UTC>.db`` (the ten; ``journal-<UTC>.db.gz`` of a large journal), ``journal.v1-<UTC>.db`` (what an upgrade replaced) and
``journal-<UTC>.damaged`` (what a restore replaced), ``journal.aside-<UTC>.db`` and ``journal.cloud-<UTC>.db`` (what a person chose not
to go on with); these kinds are never removed.
"""

from __future__ import annotations

import filecmp
import re
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from chorus_gui.core import private
from chorus_gui.core.errors import (
    JournalDamagedError,
    JournalError,
    JournalForeignError,
    JournalMissingError,
    JournalMixedError,
)
from chorus_gui.core.folders import remove_file
from chorus_gui.core.journal import history, opening, packed
from chorus_gui.core.journal.lock import WriterLock
from chorus_gui.core.journal.schema import Schema
from chorus_gui.core.untrusted import DATA_ERRORS, record

KEPT = 10
_STAMP = "%Y%m%d%H%M%S"
_KINDS = re.compile(r".*-(?P<stamp>\d{14})(?:-(?P<n>\d+))?\.(db|db\.gz|damaged)")


OF_THE_CONTENT = (JournalDamagedError, JournalForeignError, JournalMixedError, JournalMissingError)
"""What is known of a file that was read.  Every other error says that it could not be read."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A kept copy: ``at`` its moment (UTC), ``size`` bytes.

    ``readable``: it is a journal that can be opened; if not, ``schema`` and the counts are 0.  ``active`` and ``pending`` count current
    rows, ``rows`` all rows, ``uploaded`` those that were ever uploaded, ``commands`` the lines of its history.  ``versions`` and
    ``sent_versions`` are in the order in which they were begun (compressed copies of earlier programs: by name).
    """

    path: Path
    at: datetime
    size: int
    readable: bool
    schema: int = 0
    active: int = 0
    pending: int = 0
    versions: tuple[str, ...] = ()
    rows: int = 0
    uploaded: int = 0
    commands: int = 0
    sent_versions: tuple[str, ...] = ()
    problem: str = ""


def folder(journal: Path) -> Path:
    """The folder with the copies of this journal."""
    journal = opening.real(journal)
    return journal.with_name(journal.name + ".backups")


@dataclass(frozen=True, slots=True)
class _Packed:
    """What the header of a compressed copy says of its content.  ``commands``, ``rows`` and the others: see :class:`Backup`."""

    fingerprint: str
    sha256: str
    crc: int
    content_size: int
    schema: int
    active: int
    pending: int
    versions: tuple[str, ...]
    rows: int
    uploaded: int
    commands: int
    sent_versions: tuple[str, ...]


def keep(journal: Path, *, rows_only: bool = False) -> Path | None:
    """Copy the journal as it is now; None if the newest copy has the same content.  Older ones than the last ten go.

    ``rows_only``: it need not be kept again if only its command history grew, or ten commands that changed nothing would push out
    the ten copies that matter.  Raises :class:`JournalError` when no copy can be made: then nothing must be changed.
    """
    conn, schema = opening.open_reading(journal)
    with closing(conn):
        if rows_only and _same_rows(schema, journal):
            return None
        large = journal.stat().st_size > packed.LARGE
        target = new_name(journal, "", packed.END if large else "db")
        plain = private.beside(target) if large else target
        try:
            opening.copy_whole(conn, journal, plain)
            with opening.translated(journal):
                earlier = [path for path in _sorted(journal, ordinary=True) if path != target]
                if earlier and _equal(plain, earlier[0]):
                    remove_file(plain)
                    return None
                if large:
                    target = _pack(plain, target)
        finally:
            if large:
                with suppress(OSError):  # another program looks at it; the copy is made
                    plain.unlink(missing_ok=True)
    with opening.translated(journal):
        for old in earlier[KEPT - 1 :]:
            with suppress(PermissionError):  # another program has it open; the next copy tries again
                remove_file(old)
    return target


def _equal(copy: Path, other: Path) -> bool:
    """SQLite copies equal content to equal bytes.  A copy that another program has open counts as another one."""
    if packed.is_packed(other):
        with suppress(JournalError, OSError):
            return _facts(other).sha256 == packed.sha256_of(copy)
        return False
    try:
        return filecmp.cmp(copy, other, shallow=False)
    except PermissionError:
        return False


def _same_rows(schema: Schema, journal: Path) -> bool:
    with opening.translated(journal):
        newest = next(iter(_sorted(journal, ordinary=True)), None)
    if newest is None:
        return False
    try:
        if packed.is_packed(newest):
            return _facts(newest).fingerprint == schema.fingerprint()
        conn, kept = opening.open_reading(newest)
        with closing(conn), opening.translated(newest):
            return kept.fingerprint() == schema.fingerprint()
    except (JournalError, OSError):  # a copy that cannot be read is none
        return False


def _pack(plain: Path, target: Path) -> Path:
    """Compress a copy; the file that it is then.  All that its header says is read from the copy: the journal can have changed since.

    A copy of which nothing can be said stays as it is.
    """
    try:
        conn, kept = opening.open_reading(plain)
        with closing(conn), opening.translated(plain):
            fingerprint = kept.fingerprint()
        found = describe(plain, insist=True)
    except JournalError:
        found, fingerprint = None, ""
    if found is None or not found.readable:
        target = target.with_name(target.name.removesuffix(".gz"))
        private.take_place(plain, target)
        return target
    facts = {name: value for name, value in asdict(found).items() if name in _Packed.__dataclass_fields__}
    packed.pack(plain, target, {**facts, "fingerprint": fingerprint, **packed.sums_of(plain)._asdict()})
    return target


def _facts(copy: Path) -> _Packed:
    """What a compressed copy says of itself.  Raises :class:`JournalDamagedError`, OSError."""
    try:
        return record(_Packed, packed.facts_of(copy))
    except DATA_ERRORS as error:
        raise JournalDamagedError(f"The kept copy “{copy}” is damaged, or was not written by this program.") from error


@contextmanager
def as_journal(copy: Path, near: Path) -> Generator[Path]:
    """A file that SQLite can open: the copy itself, or its content for the time of the block, in the folder of ``near``.

    Raises :class:`JournalDamagedError` for a compressed copy that is damaged, :class:`JournalError` if there is no room.
    """
    if not packed.is_packed(copy):
        yield copy
        return
    plain = private.beside(near)
    try:
        with opening.translated(near):
            said = _facts(copy)
            packed.unpack(copy, plain)
            if packed.sha256_of(plain) != said.sha256:
                raise JournalDamagedError(f"The kept copy “{copy}” is damaged.", remedy="Use another one.")
        yield plain
    finally:
        with suppress(OSError):
            plain.unlink(missing_ok=True)


def listing(journal: Path) -> list[Backup]:
    """The kept copies, the newest first; unreadable ones too."""
    with opening.translated(journal):
        return [describe(path) for path in _sorted(journal)]


def describe(path: Path, *, insist: bool = False) -> Backup:
    """What a kept copy holds.  Never raises for what is in it.

    ``insist``: raises :class:`JournalError` if this user, another program or a disk keeps it from being read, because nothing is known of its
    content then.
    """
    found = _KINDS.fullmatch(path.name)
    stat = path.stat()
    at = (found and _moment(found["stamp"])) or datetime.fromtimestamp(stat.st_mtime, UTC)
    try:
        if packed.is_packed(path):
            with opening.translated(path):
                said = asdict(_facts(path))
            for name in ("fingerprint", *packed.Sums._fields):
                del said[name]
            return Backup(path, at, stat.st_size, True, **said)
        conn, schema = opening.open_reading(path)
        with closing(conn), opening.translated(path):
            rows = schema.rows_sql()
            active, pending, count, uploaded = conn.execute(
                "SELECT COALESCE(SUM(invalid_us IS NULL), 0), COALESCE(SUM(invalid_us IS NULL AND uploaded IS NULL), 0), COUNT(*), "
                f"COUNT(uploaded) FROM ({rows})"
            ).fetchone()
            versions = conn.execute(
                f"SELECT version, COUNT(uploaded) FROM ({rows}) WHERE version <> '' GROUP BY version ORDER BY MIN(valid_us), version"
            ).fetchall()
            names, commands = tuple(str(v) for (v, _) in versions), len(history.read(schema))
            sent = tuple(str(v) for (v, times) in versions if times)
            counts = int(active), int(pending), names, int(count), int(uploaded), commands, sent
            return Backup(path, at, stat.st_size, True, schema.number, *counts)
    except JournalError as error:
        if insist and not isinstance(error, OF_THE_CONTENT):
            raise
        return Backup(path, at, stat.st_size, False, problem=error.what)


def restore(journal: Path, backup: Path, *, rows_only: bool = False) -> Path | None:
    """Replace the journal with a kept copy (or any intact journal file), in one step.

    The present file is kept first: as a copy, or, where SQLite cannot read it, byte for byte as ``….damaged``; the answer is
    that copy, None where there was no file or the newest copy equals it (``rows_only``: see :func:`keep`).  Raises :class:`JournalDamagedError` and its kin if
    ``backup`` is not an intact journal, :class:`JournalBusyError` while somebody writes; the journal is then unchanged.
    """
    journal = opening.real(journal)
    with as_journal(backup, journal) as plain:
        return _restore(journal, plain, rows_only)


def _restore(journal: Path, backup: Path, rows_only: bool) -> Path | None:
    lock = WriterLock(journal)
    conn, _ = opening.open_reading(backup)
    with closing(conn):
        opening.quick_check(conn, backup)
        lock.acquire("restoring a kept copy", 0.0, None)
        try:
            part = journal.with_name(f".{journal.name}.restored")
            opening.copy_whole(conn, backup, part)
            try:
                kept = _keep_present(journal, rows_only)
                with opening.translated(journal):
                    opening.drop_side_files(journal)
                    private.take_place(part, journal)
            finally:
                part.unlink(missing_ok=True)
            return kept
        finally:
            lock.release()


def _keep_present(journal: Path, rows_only: bool) -> Path | None:
    try:
        present, _ = opening.open_reading(journal)
        with closing(present):
            opening.quick_check(present, journal)
        return keep(journal, rows_only=rows_only)
    except JournalMissingError:
        return None
    except (JournalDamagedError, JournalForeignError, JournalMixedError):
        with opening.translated(journal):
            target = new_name(journal, "", "damaged")
            private.copy(journal, target)
            for side in opening.side_files(journal):
                private.copy(side, target.with_name(target.name + side.name.removeprefix(journal.name)))
            return target


def new_name(journal: Path, mark: str, end: str) -> Path:
    """A name in the (made) folder that is not taken: ``<stem><mark>-<UTC>[-n].<end>``."""
    with opening.translated(journal):
        place = folder(journal)
        private.make_folder(place)
        stamp = datetime.now(UTC).strftime(_STAMP)
        taken = [n for found, n, _ in _found(place) if found == stamp]  # never a number again, though its file may be gone
        return place / f"{journal.stem}{mark}-{stamp}{f'-{max(taken) + 1}' if taken else ''}.{end}"


def _sorted(journal: Path, *, ordinary: bool = False) -> list[Path]:
    """The copies, the newest first; the ordinary ones are those that :func:`keep` made."""
    copies = sorted(_found(folder(journal)), reverse=True)
    plain = f"{journal.stem}-"
    return [
        path for _, _, path in copies if not ordinary or (path.name.startswith(plain) and path.name.endswith((".db", f".{packed.END}")))
    ]


def newest(journal: Path) -> datetime | None:
    """When the newest kept copy was made, as its name says; None if there is none."""
    with opening.translated(journal):
        return max((moment for stamp, _, _ in _found(folder(journal)) if (moment := _moment(stamp)) is not None), default=None)


def _moment(stamp: str) -> datetime | None:
    """None for 14 digits that are no moment: somebody renamed the file."""
    try:
        return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _found(place: Path) -> list[tuple[str, int, Path]]:
    """Stamp, number and path of each copy."""
    names = ((path, _KINDS.fullmatch(path.name)) for path in (place.iterdir() if place.is_dir() else ()))
    return [(name["stamp"], int(name["n"] or 1), path) for path, name in names if name]
