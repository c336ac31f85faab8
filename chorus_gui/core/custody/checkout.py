"""Check-out: downloads the journal next to the local one, checks it, sets the lock, and only then replaces the local one."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from chorus_gui import __version__
from chorus_gui.core.custody import history_check
from chorus_gui.core.custody import local_state as remembering
from chorus_gui.core.custody.cloud_journal import CloudJournal, guard
from chorus_gui.core.custody.history_check import Around, Known, LessHistoryError
from chorus_gui.core.custody.local_state import LocalState, Phase
from chorus_gui.core.custody.lock import LockNote, release, take
from chorus_gui.core.custody.recover import complete_interrupted
from chorus_gui.core.custody.sides import (
    CustodyConflictError,
    beside,
    cached_copy,
    compare,
    fetch,
    is_empty,
    missing_rows,
    rows_of,
    unsaved,
)
from chorus_gui.core.custody.state import CustodyState, State, look, moment_of
from chorus_gui.core.errors import (
    ConditionError,
    CustodyError,
    JournalDamagedError,
    JournalError,
    JournalForeignError,
    JournalMixedError,
    LockedError,
    StoreError,
)
from chorus_gui.core.job import JobContext, current
from chorus_gui.core.journal import backups
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.shown import argument
from chorus_gui.core.storage.base import BlobInfo

LARGE = 32 * 1024 * 1024
"""A cloud journal up to this size, in bytes, is downloaded to show its history on a page."""
ROUNDS = 3
"""How often a check-out starts again because the journal was changed between reading and locking."""


@dataclass(frozen=True, slots=True)
class Held:
    """A check-out: the file to work on.  ``new``: there was no journal in the cloud.  ``notes`` are sentences."""

    local: Path
    new: bool
    notes: tuple[str, ...] = ()


def checkout(home: CloudJournal, ctx: JobContext, *, wait: float = 0.0) -> Held:
    """Get the cloud journal for yourself, until :func:`~.checkin.checkin`.

    Raises :class:`CustodyError` when it is checked out already, or when the local journal has changes that were never checked in
    (they are never overwritten); :class:`StoreError`, :class:`JournalError`, ``Cancelled``: then nothing is checked out.
    """
    with guard(home, "journal checkout", wait, ctx):
        return lock_and_fetch(home, ctx)


def lock_and_fetch(home: CloudJournal, ctx: JobContext, *, automatic: bool = False, purpose: str = "journal checkout") -> Held:
    """Performs the check-out.  The caller holds the guard.  ``automatic``: for a single command."""
    before = complete_interrupted(home, ctx)
    removed = before.journal is None and bool(before.memory.journal_etag)
    if not home.local.parent.is_dir():
        raise CustodyError(
            f"The folder “{home.local.parent}” for the local journal does not exist.",
            remedy="Create the folder, or correct the local journal's path in the configuration.",
        )
    if before.state is State.CHANGED and before.own_lock and not unsaved(Path(before.memory.local), before.memory, None):
        release(home, before.memory.lock_etag)  # no local change would be lost: start again
        remembering.save(home.memory_file, before.memory.freed())
        before = look(home, ctx)
    ctx.progress.note("downloading the journal")
    copy = beside(home.local, "cloud")
    try:
        for _ in range(ROUNDS):
            refuse(before)
            there = fetch(home, before, copy, ctx)
            _check(home, before, copy if there else None, ctx)
            _history(home, before, copy if there else None, ctx)
            overwritten = _overwritten(home, before, copy) if there else 0
            ctx.checkpoint()
            if _lock(home, before, copy if there else None, automatic, purpose, ctx):
                notes = _swap(home, copy if there else None, overwritten, removed=removed)
                return Held(home.local, not there, notes)
            before = look(home, ctx)
    finally:
        copy.unlink(missing_ok=True)
    raise CustodyError(
        "Somebody is changing the cloud journal just now.",
        meaning="It was not checked out.",
        remedy="Another tool seems to change it without checking it out. Ask your colleagues, and try again.",
    )


def refuse(state: CustodyState) -> None:
    """Raise :class:`CustodyError` unless the journal can be checked out; it says who has it, and what can be done."""
    if state.state is State.MINE:
        raise CustodyError(
            state.describe(),
            meaning=f"You work on “{state.memory.local}”.",
            remedy="Continue working, and check it in when you are finished (“journal checkin”).",
        )
    if state.lock is not None:
        raise LockedError(
            state.describe(), meaning="Two people must not change the journal at the same time.", remedy=remedy_of_lock(state)
        )


def remedy_of_lock(state: CustodyState, file: str = "F") -> str:
    """What can be done about a lock that is not this computer's.  ``file``: the local journal that a person may continue with."""
    if state.state is State.CHANGED:
        return "Compare both journals. Then take the journal over (“journal adopt”), or set the local one aside (“journal set-aside”)."
    if state.state is State.LOCKED:
        return (
            f"Ask {state.who or 'that person'} to check it in. If that is no longer possible, unlock it (“journal unlock”). "
            "If it was you, on another computer, check it in there."
        )
    return (
        f"If you checked it out here with the other tool, take the journal over with that tool's local file (“journal adopt --local-journal {argument(file)}”). "
        "If it was a colleague, wait until it is checked in. If it was forgotten, unlock it (“journal unlock”)."
    )


def new_note(home: CloudJournal, journal: BlobInfo | None) -> LockNote:
    """A lock's text for a check-out that begins now."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return LockNote(home.who, home.host, now, __version__, journal.etag if journal else "", secrets.token_hex(16))


def _check(home: CloudJournal, before: CustodyState, copy: Path | None, ctx: JobContext) -> None:
    """Check that the download is an intact journal, and that it may replace the local one."""
    if copy is None:
        return
    try:
        Journal.verify_file(copy)
    except (JournalDamagedError, JournalForeignError, JournalMixedError) as error:
        _history(home, before, copy, ctx)
        raise CustodyError(
            f"The cloud journal “{home.url}” is not intact. {error.what.replace(str(copy), home.url)}",
            meaning="It was not checked out, and your local journal was not changed.",
            remedy="If your local journal is intact, take the journal over with it (“journal adopt”). Otherwise ask your colleagues for a copy.",
        ) from error
    if unsaved(home.local, before.memory, copy):
        raise CustodyConflictError(
            f"Your local journal “{home.local}” has changes that were never checked in.",
            compare(home, home.local, before, ctx),
            remedy="Take the journal over with your local journal (“journal adopt”). Or set it aside (“journal set-aside”; it is kept), and check "
            "out again.",
        )


def _history(home: CloudJournal, before: CustodyState, copy: Path | None, ctx: JobContext) -> None:
    """Check that the cloud journal, or the local one that replaces it, has all the history that is known."""
    used, around = _compared(home, before, copy)
    history_check.require(used, around, ctx, accept=home.accept_less)


def _compared(home: CloudJournal, seen: CustodyState, copy: Path | None) -> tuple[Known, Around]:
    """The journal that would be used (``copy`` of the cloud journal; None: the local one), and what it is compared with."""
    mine = history_check.known(f"The local journal {home.local}", home.local)
    used, traces = mine, tuple[Known, ...]()
    if copy is not None:
        used, traces = history_check.known(f"The journal {home.url}", copy, moment_of(seen.content)), (mine,)
    elif mine.blank and seen.state is not State.MINE:  # otherwise the local file is what is missing
        used, traces = Known(f"The journal {home.url}", blank=True, missing=True), ()
    if seen.damage:
        traces = (*traces, Known(f"The lock of {seen.who} on {seen.host}", evidence=True))
    unseen = copy is not None and (seen.content is None or seen.content.etag != seen.memory.journal_etag)
    away = seen.lock is not None and not seen.own_lock
    return used, Around(home.local, home.history_file, home.elsewhere, traces, unseen, away)


def lost_history(home: CloudJournal, seen: CustodyState, file: Path | None, ctx: JobContext) -> LessHistoryError | None:
    """What a person must decide about the journal, if it has less history than another one that is known.

    ``file`` is what a command would read: a copy of the cloud journal, or the local journal; None: a copy is made, if it is needed.
    """
    copy = file if file is not None and file != home.local else None
    if file is None and seen.content is not None and seen.state is not State.MINE:
        copy = cached_copy(home, seen, ctx)
    used, around = _compared(home, seen, copy)
    found = history_check.fuller(used, around, ctx)
    return LessHistoryError(used, found) if found is not None else None


def shows_less(home: CloudJournal, seen: CustodyState, ctx: JobContext) -> LessHistoryError | None:
    """As :func:`lost_history`, but without a request to the central store, and without a large download that has no cause."""
    memory = history_check.remembered(home.history_file)
    large = seen.content is not None and seen.state is not State.MINE and seen.content.size > LARGE
    if large and seen.content is not None:
        shrunk = memory is not None and seen.content.size < memory.size
        if seen.content.etag == seen.memory.journal_etag or not shrunk:
            return None
    found = lost_history(replace(home, elsewhere=None), seen, None, ctx)
    # After a lost check-out each journal can have what the other one lacks: a person compares them, and chooses.
    return None if found is not None and found.lost and seen.state is State.CHANGED else found


def _overwritten(home: CloudJournal, before: CustodyState, copy: Path) -> int:
    """How many entries of the cloud journal disappeared since the local journal was last equal to it.

    Somebody undid them on purpose; or an older tool overwrote them with a stale journal, which it does without checking.
    """
    in_step = before.journal is not None and before.journal.etag == before.memory.journal_etag and before.memory.base_of(home.local)
    if in_step:
        return 0
    with suppress(JournalDamagedError, JournalMixedError):
        return missing_rows(home.local, copy)
    return 0


def _lock(home: CloudJournal, before: CustodyState, copy: Path | None, automatic: bool, purpose: str, ctx: JobContext) -> bool:
    """Take the lock; True if the journal is still the one that was downloaded, otherwise the lock is removed."""
    note = new_note(home, before.journal)
    coming = rows_of(copy) if copy else "" if is_empty(home.local) else rows_of(home.local)
    memory = LocalState(
        Phase.TAKING,
        str(home.local),
        before.memory.base_of(home.local),
        note.token,
        journal_etag=note.journal_etag,
        since=note.since,
        purpose=purpose,
        automatic=automatic,
        coming=coming,
        next_base=coming if copy else "",
    )
    remembering.save(home.memory_file, memory)
    try:
        lock = take(home, note)
    except ConditionError:
        remembering.save(home.memory_file, memory.freed())
        return False
    except BaseException:
        give_up(home, memory)
        raise
    remembering.save(home.memory_file, replace(memory, lock_etag=lock.etag))
    now = look(home, ctx)
    if now.state is State.MINE:
        return True
    release(home, lock.etag)
    remembering.save(home.memory_file, memory.freed())
    return False


def _swap(home: CloudJournal, copy: Path | None, overwritten: int, *, removed: bool) -> tuple[str, ...]:
    """Replace the local journal with the download, and keep the old one; if that fails, nothing is changed.  Notes for people.

    ``removed``: there is no cloud journal now, but this computer has used one.
    """
    memory = remembering.load(home.memory_file)
    notes: tuple[str, ...] = ()
    why = "The cloud journal was removed." if removed else "There was no journal in the cloud yet."
    try:
        if copy is not None:
            if overwritten:
                kept = backups.new_name(home.local, ".aside", "db")
                with Journal.open(home.local, readonly=True) as journal:
                    journal.snapshot(kept)
                entries = "entry" if overwritten == 1 else "entries"
                lacks = f"The cloud journal lacks {overwritten:,} {entries} that it had when you last checked in."
                why = "Somebody removed them with undo, or another tool overwrote it with an older journal."
                notes = (f"{lacks} {why} Your local journal is kept as “{kept}”.",)
            backups.restore(home.local, copy, rows_only=True)
        elif is_empty(home.local):
            Journal.begin(home.local, schema=home.schema)
            Journal.open(home.local, create=True).close()
            memory = replace(memory, next_base=rows_of(home.local))
            notes = (f"{why} A new one was started.",)
        else:
            notes = (f"{why} Your check-in puts “{home.local}” there.",)
    except BaseException:
        give_up(home, memory)
        raise
    remembering.save(home.memory_file, replace(memory, base=memory.next_base).held())
    with suppress(JournalError):  # what was remembered before stays
        history_check.remember(home.history_file, history_check.known("", home.local))
    return notes


def give_up(home: CloudJournal, memory: LocalState) -> None:
    """After a failure: remove the lock if the store can be reached; otherwise :func:`complete_interrupted` does it later."""
    ctx = current().tidying()  # also when the person asked to stop
    with ctx.entered(), suppress(StoreError):  # the first error is the one to report
        now = look(home, ctx)
        if now.lock is not None and now.own_lock:
            release(home, now.lock.etag)
        remembering.save(home.memory_file, memory.freed())
