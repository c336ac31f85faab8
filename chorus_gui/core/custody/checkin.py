"""Check-in: writes the journal to the cloud if the lock and the journal there were not changed meanwhile, then removes the lock."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from chorus_gui.core.custody import history_check
from chorus_gui.core.custody import local_state as remembering
from chorus_gui.core.custody.checkout import remedy_of_lock
from chorus_gui.core.custody.cloud_journal import CloudJournal, guard
from chorus_gui.core.custody.history_check import Known
from chorus_gui.core.custody.local_state import LocalState, Phase
from chorus_gui.core.custody.lock import release
from chorus_gui.core.custody.recover import complete_interrupted
from chorus_gui.core.custody.sides import CustodyConflictError, beside, compare, rows_of
from chorus_gui.core.custody.state import CustodyState, State, holds, look
from chorus_gui.core.errors import BlobNotFoundError, ChecksumError, ConditionError, CustodyError, JournalError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal import backups, opening
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.storage.base import BlobInfo
from chorus_gui.core.transfer.one import send_one

TAKE_OVER = (
    "Your local journal is intact. If it is the right one, take the journal over (“journal adopt”). If the cloud journal is the right "
    "one, set the local one aside (“journal set-aside”; it is kept), and check out again."
)


@dataclass(frozen=True, slots=True)
class Returned:
    """A check-in.  ``finished``: an earlier, interrupted one had reached the cloud already.  ``notes`` are sentences."""

    finished: bool = False
    notes: tuple[str, ...] = ()


def checkin(
    home: CloudJournal, ctx: JobContext, *, local_journal: Path | None = None, keep_checked_out: bool = False, wait: float = 0.0
) -> Returned:
    """Write the journal to the cloud: ``local_journal``, or the file that was checked out.  The local file stays.

    With ``keep_checked_out`` the lock stays too: what was done so far is safe in the cloud.

    Raises :class:`CustodyError` when it is not checked out here, :class:`CustodyConflictError` when the lock or the cloud
    journal was changed meanwhile: then nothing is written.  :class:`StoreError`, :class:`JournalError`, ``Cancelled``: it
    stays checked out, unless the next look finds that it was written.
    """
    with guard(home, "journal checkin", wait, ctx):
        before = look(home, ctx)
        seen = complete_interrupted(home, ctx, before)
        if seen.memory.phase is Phase.FREE and before.landed:
            local = Path(before.memory.local)
            if local_journal is None and rows_of(local) == before.memory.sent_rows:
                return Returned(True, ("The interrupted check-in had reached the cloud. The lock is now removed.",))
        if seen.memory.phase is Phase.FREE and before.state is State.CHANGED and local_journal is None:
            return Returned(True, ("The journal is already checked in: the cloud journal is the file that you checked out.",))
        return send_and_unlock(home, seen, ctx, local_journal=local_journal, keep=keep_checked_out)


def send_and_unlock(
    home: CloudJournal, seen: CustodyState, ctx: JobContext, *, local_journal: Path | None = None, keep: bool = False
) -> Returned:
    """Performs the check-in.  The caller holds the guard and has called ``complete_interrupted``; ``seen`` is the current state."""
    memory = seen.memory
    if memory.phase is Phase.FREE:
        raise CustodyError(
            "The journal is not checked out here.",
            meaning=f"{seen.describe()} Nothing was written.",
            remedy=remedy_of_lock(seen, str(local_journal or "F"))
            if seen.lock is not None
            else "Check it out first. If your local file has changes that are not in the cloud, take the journal over with it (“journal adopt”).",
        )
    local = Path(memory.local) if local_journal is None else opening.real(Path(os.path.normpath(local_journal.absolute())))
    if seen.state is not State.MINE:
        raise CustodyConflictError(seen.describe(), compare(home, local, seen, ctx), remedy=TAKE_OVER)
    if str(local) != memory.local:
        _contains(home, local, seen, ctx)
    used = check_local(home, local, ctx)
    ctx.progress.note("checking the journal in")
    copy = beside(local, "checkin")
    try:
        with Journal.open(local, purpose="journal checkin", ctx=ctx) as journal:
            rows = journal.fingerprint()
            journal.snapshot(copy)
        md5, size = _md5(copy), copy.stat().st_size
        memory = replace(memory, phase=Phase.RETURNING, local=str(local), sent_md5=md5, sent_size=size, sent_rows=rows, keep=keep)
        remembering.save(home.memory_file, memory)
        try:
            blob = _write(home, copy, memory, ctx)
        except (ConditionError, BlobNotFoundError):
            remembering.save(home.memory_file, memory.held())
            now = look(home, ctx)
            raise CustodyConflictError(
                now.describe() if now.state is State.CHANGED else "Somebody changed the cloud journal during the check-in.",
                compare(home, local, now, ctx),
                remedy=TAKE_OVER,
            ) from None
    finally:
        copy.unlink(missing_ok=True)
    _keep_copy(local)
    history_check.remember(home.history_file, used)
    if keep:
        remembering.save(home.memory_file, replace(memory, base=rows, journal_etag=blob.etag).held())
        return Returned()
    gone = release(home, memory.lock_etag)
    remembering.save(home.memory_file, replace(memory, base=rows, journal_etag=blob.etag).freed())
    return Returned(notes=() if gone else _about_lock(home, ctx))


def unlock_unchanged(home: CloudJournal) -> None:
    """End a check-out without writing anything.  The caller holds the guard."""
    memory = remembering.load(home.memory_file)
    release(home, memory.lock_etag)
    remembering.save(home.memory_file, memory.freed())


def check_local(home: CloudJournal, local: Path, ctx: JobContext) -> Known:
    """Check that a checked-out file has all the history that is known.  Raises :class:`LessHistoryError`."""
    used = history_check.known(f"The local journal {local}", local)
    history_check.require(used, history_check.Around(local, home.history_file, home.elsewhere), ctx, accept=home.accept_less)
    return used


def _keep_copy(local: Path) -> None:
    """Keep a copy of what was checked in: another tool's check-out removes the local journal.  An error does not stop the check-in."""
    with suppress(JournalError):
        backups.keep(local, rows_only=True)


def _contains(home: CloudJournal, local: Path, seen: CustodyState, ctx: JobContext) -> None:
    """A file other than the one that was checked out must have every entry of the cloud journal."""
    sides = compare(home, local, seen, ctx)
    if sides.only_cloud != 0:
        raise CustodyConflictError(
            f"“{local}” was not made from the cloud journal: it lacks entries of it.",
            sides,
            remedy=f"Check in the file that you checked out, “{seen.memory.local}”. If this one is the right one, take the journal over with it "
            "(“journal adopt --local-journal F”).",
        )


def _write(home: CloudJournal, file: Path, memory: LocalState, ctx: JobContext) -> BlobInfo:
    """Write the journal if the cloud journal still is what was checked out, then compare the result."""
    send_one(home.store, home.blob, file, ctx, replaces=memory.journal_etag or "")
    found = home.store.head(home.blob)
    if found is None or not holds(home, found, memory.sent_md5, memory.sent_size, ctx):
        raise ChecksumError(
            "The journal was written, but the cloud journal is not the one that was sent.",
            meaning="Somebody may have replaced it at the same moment. Your local journal is intact and stays checked out.",
            remedy="Check in again. If the journals differ, both are shown.",
        )
    return found


def _about_lock(home: CloudJournal, ctx: JobContext) -> tuple[str, ...]:
    now = look(home, ctx)
    if now.lock is None:
        return ()
    return (f"Your journal is in the cloud. Somebody removed your lock while it was being written. {now.describe()}",)


def _md5(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
