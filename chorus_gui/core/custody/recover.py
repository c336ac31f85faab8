"""After an interruption: what really happened, and what a person can do now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from chorus_gui.core.custody import local_state as remembering
from chorus_gui.core.custody.cloud_journal import CloudJournal, guard
from chorus_gui.core.custody.local_state import Phase
from chorus_gui.core.custody.lock import release
from chorus_gui.core.custody.sides import rows_of
from chorus_gui.core.custody.state import CustodyState, State, look
from chorus_gui.core.errors import JournalError
from chorus_gui.core.job import JobContext


class Choice(Enum):
    """GO_ON: work on, it is still checked out.  CHECK_IN: give it back now.  TAKE_OVER: the local journal is the right one.
    SET_ASIDE: the cloud's is; the local one is kept under another name.
    """

    GO_ON = "go on"
    CHECK_IN = "check in"
    TAKE_OVER = "take over"
    SET_ASIDE = "set aside"


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that can be done now, and what it means: a sentence."""

    choice: Choice
    text: str


def recover(home: CloudJournal, ctx: JobContext | None = None, *, wait: float = 0.0) -> tuple[CustodyState, list[Offer]]:
    """At the next start: end what was interrupted and can be ended, and say what is left to decide; nothing to offer is good news.

    Raises :class:`StoreError`, :class:`CustodyError`, :class:`JournalBusyError` (then another process of yours is at work).
    """
    ctx = ctx or JobContext()
    with guard(home, "looking after an interrupted check-out", wait, ctx):
        state = complete_interrupted(home, ctx)
    return state, offers(state)


def offers(state: CustodyState) -> list[Offer]:
    """What a person can decide about a check-out of this computer; nothing, where there is none."""
    local = state.memory.local
    doing = f" for “{state.memory.purpose}”" if state.memory.purpose else ""
    if state.state is State.MINE:
        return [
            Offer(Choice.GO_ON, f"You had checked the journal out{doing}. Go on with {local}."),
            Offer(Choice.CHECK_IN, f"Check in {local}, with everything that was recorded in it."),
            Offer(Choice.SET_ASIDE, f"Give the check-out back without checking in; {local} is kept under another name."),
        ]
    if state.state is State.CHANGED:
        return [
            Offer(Choice.TAKE_OVER, f"{state.reason} Go on with your {local}; a copy of the cloud's is kept."),
            Offer(Choice.SET_ASIDE, f"{state.reason} Go on with the journal in the cloud; {local} is kept under another name."),
        ]
    return []


def complete_interrupted(home: CloudJournal, ctx: JobContext, now: CustodyState | None = None) -> CustodyState:
    """End what an interruption left half done, for who holds the guard; how it stands then.

    A check-out that had not swapped the files is given back; one that had is held.  A check-in that wrote the journal gives
    the lock back; one that did not leaves the journal checked out.  ``now``: what was seen just before.
    """
    now = now or look(home, ctx)
    memory = now.memory
    if memory.phase is Phase.TAKING:
        if now.state is State.MINE and _swapped(Path(memory.local), memory.coming):
            assert now.lock is not None
            memory = replace(memory, base=memory.next_base, lock_etag=now.lock.etag).held()
        else:
            if now.lock is not None and now.own_lock:
                release(home, now.lock.etag, ctx)
            memory = memory.freed()
    elif memory.phase is Phase.RETURNING:
        if not now.landed:
            memory = memory.held()
        else:
            memory = replace(memory, base=memory.sent_rows, journal_etag=now.journal.etag if now.journal else "")
            if memory.keep and now.state is State.MINE:
                memory = memory.held()
            else:
                release(home, memory.lock_etag, ctx)
                memory = memory.freed()
    else:
        return now
    remembering.save(home.memory_file, memory)
    return look(home, ctx)


def _swapped(local: Path, coming: str) -> bool:
    try:
        return rows_of(local) == coming
    except JournalError:
        return False
