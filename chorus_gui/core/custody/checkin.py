"""Check-in: the journal goes back into the cloud, only if the lock and the journal there are what was seen, and then the lock goes."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from chorus_gui.core.custody import local_state as remembering
from chorus_gui.core.custody.cloud_journal import CloudJournal, guard
from chorus_gui.core.custody.local_state import LocalState, Phase
from chorus_gui.core.custody.lock import release
from chorus_gui.core.custody.recover import complete_interrupted
from chorus_gui.core.custody.sides import CustodyConflictError, beside, compare, rows_of
from chorus_gui.core.custody.state import CustodyState, State, holds, look
from chorus_gui.core.errors import BlobNotFoundError, ChecksumError, ConditionError, CustodyError, StoreError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal import opening
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.storage.base import IF_ABSENT, BlobInfo, Condition
from chorus_gui.core.storage.one_file import send_file

TAKE_OVER = (
    "Your local journal is whole. If it is the right one, go on with it by taking the journal over; if the cloud's is, set yours aside "
    "(it is kept) and check out again."
)


@dataclass(frozen=True, slots=True)
class Returned:
    """A check-in.  ``finished``: it was an interrupted one, which had reached the cloud already.  ``notes`` are sentences."""

    finished: bool = False
    notes: tuple[str, ...] = ()


def checkin(
    home: CloudJournal, ctx: JobContext, *, local_journal: Path | None = None, keep_checked_out: bool = False, wait: float = 0.0
) -> Returned:
    """Put the journal back: ``local_journal``, or the file that was checked out.  The local file stays.

    With ``keep_checked_out`` the lock stays too: what was done so far is safe in the cloud.

    Raises :class:`CustodyError` when it is not checked out here, :class:`CustodyConflictError` when the lock or the journal in
    the cloud are not what was seen: then nothing is written.  :class:`StoreError`, :class:`JournalError`, ``Cancelled``: it
    stays checked out, unless the next look finds that the write did happen.
    """
    with guard(home, "journal checkin", wait, ctx):
        before = look(home, ctx)
        seen = complete_interrupted(home, ctx, before)
        if seen.memory.phase is Phase.FREE and before.landed:
            local = Path(before.memory.local)
            if local_journal is None and rows_of(local) == before.memory.sent_rows:
                return Returned(True, ("The check-in that was interrupted had reached the cloud; the lock is gone now.",))
        return send_and_unlock(home, seen, ctx, local_journal=local_journal, keep=keep_checked_out)


def send_and_unlock(
    home: CloudJournal, seen: CustodyState, ctx: JobContext, *, local_journal: Path | None = None, keep: bool = False
) -> Returned:
    """The check-in itself, for who holds the guard and has settled; ``seen`` is how it stands."""
    memory = seen.memory
    if memory.phase is Phase.FREE:
        raise CustodyError(
            "The journal is not checked out here.",
            meaning=f"{seen.describe()} Nothing was written.",
            remedy="Check it out first; if you have changes to bring in, take the journal over with your local file.",
        )
    local = Path(memory.local) if local_journal is None else opening.real(Path(os.path.normpath(local_journal.absolute())))
    if seen.state is not State.MINE:
        raise CustodyConflictError(seen.describe(), compare(home, local, seen, ctx), remedy=TAKE_OVER)
    if str(local) != memory.local:
        _contains(home, local, seen, ctx)
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
                now.describe() if now.state is State.CHANGED else "The journal in the cloud was changed at this very moment.",
                compare(home, local, now, ctx),
                remedy=TAKE_OVER,
            ) from None
    finally:
        copy.unlink(missing_ok=True)
    if keep:
        remembering.save(home.memory_file, replace(memory, base=rows, journal_etag=blob.etag).held())
        return Returned()
    gone = release(home, memory.lock_etag, ctx)
    remembering.save(home.memory_file, replace(memory, base=rows, journal_etag=blob.etag).freed())
    return Returned(notes=() if gone else _about_lock(home, ctx))


def unlock_unchanged(home: CloudJournal, ctx: JobContext) -> None:
    """End a check-out of which nothing needs to be written, for who holds the guard."""
    memory = remembering.load(home.memory_file)
    release(home, memory.lock_etag, ctx)
    remembering.save(home.memory_file, memory.freed())


def _contains(home: CloudJournal, local: Path, seen: CustodyState, ctx: JobContext) -> None:
    """Another file than the one that was checked out must know every row that the cloud has."""
    sides = compare(home, local, seen, ctx)
    if sides.only_cloud != 0:
        raise CustodyConflictError(
            f"{local} was not made from the journal in the cloud: it lacks rows that stand there.",
            sides,
            remedy=f"Check in the file that you checked out, {seen.memory.local}; or, if this one is right, take the journal over with it.",
        )


def _write(home: CloudJournal, file: Path, memory: LocalState, ctx: JobContext) -> BlobInfo:
    """Write the journal on condition that it is what was checked out, and look at what lies there then.

    After an answer that was lost the store is looked at: the write may have happened.
    """
    condition = Condition(etag=memory.journal_etag) if memory.journal_etag else IF_ABSENT
    attempt = 1
    while True:
        try:
            send_file(home.store, home.blob, file, ctx, condition=condition, retry=home.retry)
        except StoreError as error:
            found = home.retry.call(lambda: home.store.head(home.blob), ctx)
            if found is not None and holds(home, found, memory.sent_md5, memory.sent_size, ctx):
                return found
            if not error.retryable or attempt >= home.retry.attempts:
                raise
            wait = home.retry.wait(attempt, error.retry_after)
        else:
            break
        ctx.sleep(wait)
        attempt += 1
    found = home.retry.call(lambda: home.store.head(home.blob), ctx)
    if found is None or not holds(home, found, memory.sent_md5, memory.sent_size, ctx):
        raise ChecksumError(
            "The journal was written, but what lies in the cloud now is not what was sent.",
            meaning="Somebody may have replaced it in the same moment. Your local journal is whole and stays checked out.",
            remedy="Try the check-in again: it shows both journals if they differ.",
        )
    return found


def _about_lock(home: CloudJournal, ctx: JobContext) -> tuple[str, ...]:
    now = look(home, ctx)
    if now.lock is None:
        return ()
    return (f"Your journal is in the cloud. Somebody removed your lock while it was sent. {now.describe()}",)


def _md5(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
