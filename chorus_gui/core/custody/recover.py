"""After an interruption: what really happened, and what a person can do now."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from chorus_gui.core.custody import local_state as remembering
from chorus_gui.core.custody.cloud_journal import CloudJournal, guard
from chorus_gui.core.custody.local_state import Phase
from chorus_gui.core.custody.lock import release
from chorus_gui.core.custody.sides import rows_of
from chorus_gui.core.custody.state import CustodyState, State, holds, look
from chorus_gui.core.errors import JournalError
from chorus_gui.core.job import JobContext, current
from chorus_gui.core.journal import opening


class Choice(Enum):
    """GO_ON: continue, it is still checked out.  CHECK_IN: check it in now.  TAKE_OVER: the local journal is the right one.
    SET_ASIDE: the cloud journal is; the local one is kept under another name.
    """

    GO_ON = "go on"
    CHECK_IN = "check in"
    TAKE_OVER = "take over"
    SET_ASIDE = "set aside"


@dataclass(frozen=True, slots=True)
class Offer:
    """A choice, and what it means as a sentence."""

    choice: Choice
    text: str


def recover(home: CloudJournal, ctx: JobContext | None = None, *, wait: float = 0.0) -> tuple[CustodyState, list[Offer]]:
    """At the next start: complete an interrupted step if possible, and return the choices that are left; none: nothing to decide.

    Raises :class:`StoreError`, :class:`CustodyError`, :class:`JournalBusyError` (then another process of this user is working).
    """
    ctx = ctx or current()
    with guard(home, "completing an interrupted check-out", wait, ctx):
        state = complete_interrupted(home, ctx)
    return state, offers(state)


def was_interrupted(home: CloudJournal) -> bool:
    """A step on the cloud journal, or a command that had checked it out, has not come to its end on this computer."""
    memory = remembering.load(home.memory_file)
    return memory.phase in (Phase.TAKING, Phase.RETURNING) or (memory.phase is Phase.HELD and memory.automatic)


def offers(state: CustodyState) -> list[Offer]:
    """What a person can decide about a check-out of this computer; empty if there is none."""
    local = state.memory.local
    doing = f" for “{state.memory.purpose}”" if state.memory.automatic else ""
    if state.state is State.MINE:
        return [
            Offer(Choice.GO_ON, f"You still have the journal checked out{doing}. Continue with “{local}”."),
            Offer(Choice.CHECK_IN, f"Check in “{local}” with everything that is recorded in it."),
            Offer(Choice.SET_ASIDE, f"End the check-out without checking in. “{local}” is kept under another name."),
        ]
    if state.state is State.CHANGED:
        return [
            Offer(Choice.TAKE_OVER, f"{state.reason} Continue with your “{local}”. A copy of the cloud journal is kept."),
            Offer(Choice.SET_ASIDE, f"{state.reason} Continue with the cloud journal. “{local}” is kept under another name."),
        ]
    return []


def complete_interrupted(home: CloudJournal, ctx: JobContext, now: CustodyState | None = None) -> CustodyState:
    """Complete or undo an interrupted step; returns the state after it.  The caller holds the guard.

    A check-out that had not replaced the local file is undone; one that had is kept.  A check-in that wrote the journal removes
    the lock; one that did not leaves the journal checked out.  ``now``: what was seen just before.
    """
    now = now or look(home, ctx)
    memory = now.memory
    if memory.phase is Phase.TAKING:
        if now.state is State.MINE and _swapped(Path(memory.local), memory.coming):
            assert now.lock is not None
            memory = replace(memory, base=memory.next_base, lock_etag=now.lock.etag).held()
        else:
            if now.lock is not None and now.own_lock:
                release(home, now.lock.etag)
            memory = memory.freed()
    elif memory.phase is Phase.RETURNING:
        if not now.landed:
            memory = memory.held()
        else:
            memory = replace(memory, base=memory.sent_rows, journal_etag=now.journal.etag if now.journal else "")
            if memory.keep and now.state is State.MINE:
                memory = memory.held()
            else:
                release(home, memory.lock_etag)
                memory = memory.freed()
    elif now.state is State.CHANGED and same_journal(home, now, ctx):
        assert now.journal is not None
        memory = replace(memory, base=rows_of(Path(memory.local)), journal_etag=now.journal.etag)
        memory = memory.held() if now.own_lock else memory.freed()
    else:
        return now
    remembering.save(home.memory_file, memory)
    return look(home, ctx)


def same_journal(home: CloudJournal, now: CustodyState, ctx: JobContext) -> bool:
    """The cloud journal is, byte for byte, the file that was checked out here: another tool checked it in."""
    local = Path(now.memory.local)
    try:
        if now.journal is None or now.journal.etag == now.memory.journal_etag or not local.is_file() or opening.side_files(local):
            return False
        with local.open("rb") as stream:
            md5 = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        return holds(home, now.journal, md5, local.stat().st_size, ctx)
    except OSError:
        return False


def _swapped(local: Path, coming: str) -> bool:
    try:
        return rows_of(local) == coming
    except JournalError:
        return False
