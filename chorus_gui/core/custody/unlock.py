"""Unlock: remove the lock of somebody who left the journal checked out.  Set aside: end this computer's check-out, and keep the file."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from chorus_gui.core.custody import history_check
from chorus_gui.core.custody import local_state as remembering
from chorus_gui.core.custody.cloud_journal import CloudJournal, guard
from chorus_gui.core.custody.local_state import Phase
from chorus_gui.core.custody.lock import release
from chorus_gui.core.custody.recover import complete_interrupted
from chorus_gui.core.custody.sides import beside, fetch
from chorus_gui.core.custody.state import CustodyState, State, look
from chorus_gui.core.errors import ConditionError, CustodyError, JournalDamagedError, JournalMissingError, JournalMixedError
from chorus_gui.core.folders import replace_file
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal import backups, opening
from chorus_gui.core.journal.lock import WriterLock
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Row
from chorus_gui.core.storage.base import IF_ABSENT, BlobInfo


@dataclass(frozen=True, slots=True)
class Unlocked:
    """``copied``: the journal was only in the lock, and was put back under its own name.  ``warnings`` are sentences."""

    copied: bool
    warnings: tuple[str, ...]


def consequences(state: CustodyState) -> tuple[str, ...]:
    """What can go wrong if this lock is removed: sentences."""
    if state.lock is None:
        return ()
    if state.own_lock:
        out = [f"Everything that you recorded stays in “{state.memory.local}”, and is not in the cloud."]
    elif state.note:
        who = state.who or "Whoever checked it out"
        out = [f"{who} can no longer check in, and must take the journal over or set the local one aside."]
    else:
        overwrites = "that tool's next check-in overwrites the cloud journal without checking it. What was checked in meanwhile is lost."
        out = [f"If somebody is working with the other tool, {overwrites}"]
    note = state.note
    if note and state.content and state.content.size and note.journal_etag not in ("", state.content.etag):
        out.append(
            "The cloud journal was changed after this check-out. Another tool may have overwritten it. Check it first (“journal status”)."
        )
    if state.damage:
        out.append(f"{state.damage} Only the person who checked it out has the journal.")
    if state.content is None:
        out.append("There is no journal in the cloud. Only the person who checked it out has the journal.")
    return tuple(out)


def unlock(home: CloudJournal, ctx: JobContext, *, force: bool = False, wait: float = 0.0) -> Unlocked:
    """Remove the lock; a journal that is only in it is put back under its own name first.

    ``force`` is needed for any lock but this computer's own.  Raises :class:`CustodyError`: without it, with what can go wrong;
    if there is no lock; if the lock changes meanwhile (then it stays).
    """
    with guard(home, "journal unlock", wait, ctx):
        state = complete_interrupted(home, ctx)
        if state.lock is None:
            if state.state is State.CHANGED:  # somebody removed this computer's lock: only the memory is cleared
                remembering.save(home.memory_file, state.memory.freed())
                return Unlocked(False, (state.reason,))
            raise CustodyError("The journal is not locked.", meaning=state.describe())
        warnings = consequences(state)
        if not state.own_lock and not force:
            raise CustodyError(
                state.describe(),
                meaning=" ".join(warnings),
                remedy="Ask first. If you are sure that nobody is working on it, confirm (on the command line, add --force).",
            )
        copied = put_content_back(home, state) is not None
        if not release(home, state.lock.etag) and (now := look(home, ctx)).lock is not None:
            raise CustodyError(
                "Somebody changed the lock at the same moment. It was not removed.",
                meaning=now.describe(),
                remedy="Somebody is working with the journal. Try again in a minute.",
            )
        if state.memory.phase is not Phase.FREE:
            remembering.save(home.memory_file, state.memory.freed())
        return Unlocked(copied, warnings)


def put_content_back(home: CloudJournal, state: CustodyState) -> BlobInfo | None:
    """If the journal is only in the lock, copy it to its own name, inside the store; returns the copy, None if not needed.

    An empty lock holds no journal: it is never put back as one.  Raises :class:`CustodyError` if the copy differs from the
    lock, or another journal appeared meanwhile; the lock is then untouched.
    """
    source = state.content
    if source is None or source.path == home.blob:
        return None
    with suppress(ConditionError):  # somebody was faster: the next request shows
        home.store.copy(home.lock, home.blob, condition=IF_ABSENT)
    found = home.store.head(home.blob)
    now = home.store.head(home.lock)
    if found is None or now is None or now.etag != source.etag or (found.size, found.md5) != (source.size, source.md5):
        raise CustodyError(
            "Somebody changed the cloud journal while it was being put back under its own name.",
            meaning="The lock was not changed.",
            remedy="Somebody is working with the journal. Try again in a minute.",
        )
    return found


def sent_again(home: CloudJournal, ctx: JobContext) -> list[Row]:
    """Files that are uploaded in the local journal and not in the cloud journal: a submission would upload them again."""
    state = look(home, ctx)
    local = state.local or home.local
    copy = beside(home.local, "aside")
    try:
        there = fetch(home, state, copy, ctx)
        with Journal.open(local, readonly=True) as journal:
            mine = list(journal.rows(active=True, uploaded=True))
        if not there:
            return mine
        with Journal.open(copy, readonly=True) as journal:
            known = {(row.modality, row.path, row.size, row.mtime_us) for row in journal.rows(uploaded=True)}
        return [row for row in mine if (row.modality, row.path, row.size, row.mtime_us) not in known]
    except JournalMissingError:
        return []
    except (JournalDamagedError, JournalMixedError):  # what cannot be read cannot be counted
        return []
    finally:
        copy.unlink(missing_ok=True)


def set_aside(home: CloudJournal, ctx: JobContext, *, wait: float = 0.0) -> Path:
    """Move the local journal among the kept copies, for good, and end its check-out if there is one; returns its new path.

    The next check-out downloads the cloud journal.  Raises :class:`JournalMissingError` if there is no local journal,
    :class:`JournalBusyError` while somebody writes in it.
    """
    with guard(home, "setting the local journal aside", wait, ctx):
        state = complete_interrupted(home, ctx)
        local = state.local or home.local
        opening.check_present(local)
        lock = WriterLock(local)
        lock.acquire("setting the journal aside", 0.0, ctx)
        try:
            if state.memory.phase is not Phase.FREE:
                release(home, state.memory.lock_etag)
                remembering.save(home.memory_file, state.memory.freed())
            kept = move_aside(local)
            history_check.remember(home.history_file, history_check.Known(""), accepted=home.local)  # the cloud's counts from here on
            return kept
        finally:
            lock.release()


def move_aside(local: Path) -> Path:
    """Rename a journal, with SQLite's files next to it, into the folder of its copies."""
    target = backups.new_name(local, ".aside", "db")
    with opening.translated(local):
        for side in opening.side_files(local):
            replace_file(side, target.with_name(target.name + side.name.removeprefix(local.name)))
        replace_file(local, target)
    return target
