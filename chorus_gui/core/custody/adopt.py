"""Take-over: a person who has compared both journals decides to continue with the local file.

For a check-out made here with the other tool, for a lock that this computer no longer remembers, for a journal that was changed
despite the lock, and for local changes that were never checked in.  First the cloud journal is kept here.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from chorus_gui.core.custody import history_check
from chorus_gui.core.custody import local_state as remembering
from chorus_gui.core.custody.checkout import Held, give_up, new_note
from chorus_gui.core.custody.cloud_journal import CloudJournal, guard
from chorus_gui.core.custody.local_state import LocalState, Phase
from chorus_gui.core.custody.lock import take
from chorus_gui.core.custody.recover import complete_interrupted
from chorus_gui.core.custody.sides import CustodyConflictError, Sides, compare, fetch, missing_rows, rows_of, unsaved
from chorus_gui.core.custody.state import CustodyState, State, look
from chorus_gui.core.custody.unlock import move_aside, put_content_back
from chorus_gui.core.errors import BlobNotFoundError, ConditionError, JournalError
from chorus_gui.core.folders import remove_file
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal import backups
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.storage.base import IF_ABSENT, BlobInfo, Condition

CHANGED = "The cloud journal or its lock was changed since you compared the journals."
AGAIN = "Compare them again before you decide."


def preview(home: CloudJournal, local_file: Path, ctx: JobContext, *, wait: float = 0.0) -> Sides:
    """Both journals, for a person to decide.  Changes nothing, except that an interrupted step is completed."""
    with guard(home, "comparing the journals", wait, ctx):
        return compare(home, local_file, complete_interrupted(home, ctx), ctx)


def adopt(home: CloudJournal, local_file: Path, ctx: JobContext, sides: Sides, *, wait: float = 0.0) -> Held:
    """Continue with ``local_file``: this computer gets the lock, the file becomes the local journal, and the next check-in replaces the
    cloud journal.

    ``sides`` is what the person saw (:func:`preview`): if the lock or the cloud journal was changed meanwhile, nothing is done
    (:class:`CustodyConflictError`).  A journal that is only in the other tool's lock is put back under its own name first.
    A cloud journal with entries that the file lacks is kept among the copies, and so is another local journal with changes that
    were never checked in.
    """
    with guard(home, "taking the journal over", wait, ctx):
        state = complete_interrupted(home, ctx)
        if _etags(state) != _etags(sides.seen):
            raise CustodyConflictError(CHANGED, compare(home, local_file, state, ctx), remedy=AGAIN)
        Journal.verify_file(local_file)
        notes = _keep_cloud(home, state, local_file, ctx)
        journal = put_content_back(home, state) or state.journal
        memory = _take(home, state, journal, rows_of(local_file), ctx)
        try:
            now = look(home, ctx)
            if now.state is not State.MINE:
                raise CustodyConflictError(CHANGED, compare(home, local_file, now, ctx), remedy=AGAIN)
            notes += _place(home, state.memory, local_file)
        except BaseException:
            give_up(home, memory)
            raise
        remembering.save(home.memory_file, replace(memory, base="").held())
        with suppress(JournalError):  # what was remembered before stays
            history_check.remember(home.history_file, history_check.known("", home.local), accepted=home.local)
        return Held(home.local, state.content is None, notes)


def _etags(state: CustodyState) -> tuple[str, str]:
    return (state.lock.etag if state.lock else "", state.journal.etag if state.journal else "")


def _keep_cloud(home: CloudJournal, state: CustodyState, local_file: Path, ctx: JobContext) -> tuple[str, ...]:
    kept = backups.new_name(home.local, ".cloud", "db")
    if not fetch(home, state, kept, ctx):
        return ()
    with suppress(JournalError):  # one that cannot be read is kept as it is
        if missing_rows(kept, local_file) == 0:
            remove_file(kept)
            return ()
    return (f"The previous cloud journal is kept as “{kept}”.",)


def _place(home: CloudJournal, memory: LocalState, local_file: Path) -> tuple[str, ...]:
    """The file becomes the local journal."""
    if home.local.exists() and local_file.exists() and home.local.samefile(local_file):
        return ()
    notes: tuple[str, ...] = ()
    if home.local.exists() and unsaved(home.local, memory, local_file):
        notes = (f"Your other local journal has changes that were never checked in. It is kept as “{move_aside(home.local)}”.",)
    backups.restore(home.local, local_file)
    return notes


def _take(home: CloudJournal, state: CustodyState, journal: BlobInfo | None, coming: str, ctx: JobContext) -> LocalState:
    """Replace the lock, whoever holds it, if it still is the one that was seen."""
    note = new_note(home, journal)
    memory = LocalState(
        Phase.TAKING,
        str(home.local),
        state.memory.base_of(home.local),
        note.token,
        journal_etag=note.journal_etag,
        since=note.since,
        purpose="taking the journal over",
        coming=coming,
    )
    remembering.save(home.memory_file, memory)
    try:
        lock = take(home, note, Condition(etag=state.lock.etag) if state.lock else IF_ABSENT)
    except (ConditionError, BlobNotFoundError):
        remembering.save(home.memory_file, state.memory)
        raise CustodyConflictError(CHANGED, compare(home, home.local, look(home, ctx), ctx), remedy=AGAIN) from None
    except BaseException:
        give_up(home, memory)
        raise
    memory = replace(memory, lock_etag=lock.etag)
    remembering.save(home.memory_file, memory)
    return memory
