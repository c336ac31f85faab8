"""The journal in the cloud: check out, check in, unlock, take over, recover.  Each returns sentences for the person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.app.words import files
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.custody.recover import Choice
from chorus_gui.core.custody.sides import CustodyConflictError, Side, Sides
from chorus_gui.core.custody.state import State
from chorus_gui.core.errors import CustodyError, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.shown import argument

if TYPE_CHECKING:
    from chorus_gui.core.custody.checkout import Held
    from chorus_gui.core.custody.cloud_journal import CloudJournal
    from chorus_gui.core.custody.recover import Offer
    from chorus_gui.core.custody.state import CustodyState

SHOWN = 20
"""How many files are named."""
WAIT = 10.0
"""How long a command waits for another one of this user that works with the same cloud journal (seconds)."""

__all__ = [
    "Choice",
    "CustodyConflictError",
    "Side",
    "Sides",
    "State",
    "adopt",
    "check_in",
    "check_out",
    "compare",
    "continue_or_check_out",
    "recover",
    "set_aside",
    "unlock",
]


def check_out(workspace: Workspace, ctx: JobContext) -> tuple[str, ...]:
    """Lock the cloud journal for this person and download it."""
    from chorus_gui.core.custody.checkout import checkout

    with workspace:
        home = workspace.cloud_journal()
        return _taken(home, checkout(home, ctx, wait=WAIT))


def _taken(home: CloudJournal, held: Held) -> tuple[str, ...]:
    return (*held.notes, f"The journal {home.url} is checked out to {held.local}.")


def check_in(workspace: Workspace, ctx: JobContext, *, local_journal: Path | None = None, keep: bool = False) -> tuple[str, ...]:
    """Upload the journal and remove the lock; with ``keep`` it stays checked out."""
    from chorus_gui.core.custody.checkin import checkin

    with workspace:
        home = workspace.cloud_journal()
        done = checkin(home, ctx, local_journal=local_journal, keep_checked_out=keep, wait=WAIT)
        return (
            f"The journal is checked in: {home.url}." + (" You still have it checked out." if keep else " Colleagues can submit."),
            *done.notes,
        )


def continue_or_check_out(workspace: Workspace, ctx: JobContext) -> tuple[str, ...]:
    """As :func:`check_out`; a check-out that a script left is continued; one that an interrupted command left is checked in first."""
    from chorus_gui.core.custody.checkin import checkin
    from chorus_gui.core.custody.checkout import checkout
    from chorus_gui.core.custody.state import look

    with workspace:
        home = workspace.cloud_journal()
        state = look(home, ctx)
        if state.state is State.MINE and state.memory.automatic:
            checkin(home, ctx)
        elif state.state is State.MINE:
            if state.memory.local != str(home.local):
                raise CustodyError(
                    f"The journal is checked out to {state.memory.local}, not to {home.local}.",
                    remedy=f"Check it in first: “chorus-upload journal checkin --local-journal {argument(state.memory.local)}”.",
                )
            return (f"{state.describe()} This script continues with it.",)
        return _taken(home, checkout(home, ctx))


def status(workspace: Workspace, ctx: JobContext) -> tuple[str, CustodyState, Sequence[Offer]]:
    """(the journal's URL, who has it, what the person can decide); an interrupted check-out or check-in is completed first."""
    from chorus_gui.core.custody.recover import recover

    with workspace:
        home = workspace.cloud_journal()
        return (home.url, *recover(home, ctx, wait=WAIT))


def lock_state(workspace: Workspace, ctx: JobContext) -> tuple[CustodyState, tuple[str, ...]]:
    """Who has the journal, and what can go wrong if it is unlocked."""
    from chorus_gui.core.custody.state import look
    from chorus_gui.core.custody.unlock import consequences

    with workspace:
        state = look(workspace.cloud_journal(), ctx)
        return state, tuple(consequences(state))


def unlock(workspace: Workspace, ctx: JobContext) -> tuple[str, ...]:
    """Remove the lock.  The person has read what can go wrong."""
    from chorus_gui.core.custody.unlock import unlock as free

    with workspace:
        done = free(workspace.cloud_journal(), ctx, force=True, wait=WAIT)
        copied = ("Only the lock held the journal. It is stored under its own name again.",) if done.copied else ()
        return ("The journal is unlocked.", *copied)


def compare(workspace: Workspace, ctx: JobContext, file: Path) -> Sides:
    """``file``, compared with the cloud journal."""
    from chorus_gui.core.custody.adopt import preview

    with workspace:
        return preview(workspace.cloud_journal(), file, ctx, wait=WAIT)


def adopt(workspace: Workspace, ctx: JobContext, file: Path, sides: Sides) -> tuple[str, ...]:
    """Continue with ``file``.  The person has seen both sides."""
    from chorus_gui.core.custody.adopt import adopt as take

    with workspace:
        held = take(workspace.cloud_journal(), file, ctx, sides, wait=WAIT)
        return (f"You now have the journal checked out: {held.local}.", *held.notes)


def sent_again(workspace: Workspace, ctx: JobContext) -> tuple[str, ...]:
    """Which files are uploaded again if the local journal is set aside: sentences, or none."""
    from chorus_gui.core.custody.unlock import sent_again as find

    with workspace:
        rows = find(workspace.cloud_journal(), ctx)
    if not rows:
        return ()
    are, them = ("is", "it") if len(rows) == 1 else ("are", "them")
    text = f"{files(len(rows))} {are} uploaded in the local journal only. The cloud journal does not have {them}."
    examples = tuple(f"  {row.version}: {row.path}" for row in rows[:SHOWN])
    rest = (f"  … and {len(rows) - SHOWN:,} more",) if len(rows) > SHOWN else ()
    return (f"{text} The next submission uploads {them} again, in another version.", *examples, *rest)


def set_aside(workspace: Workspace, ctx: JobContext) -> tuple[str, ...]:
    """Keep the local journal under another name and end its check-out."""
    from chorus_gui.core.custody.unlock import set_aside as keep_aside

    with workspace:
        kept = keep_aside(workspace.cloud_journal(), ctx, wait=WAIT)
        return (f"The local journal is kept as {kept}. The next check-out downloads the cloud journal.",)


def recover(workspace: Workspace, ctx: JobContext, choice: Choice) -> tuple[str, ...]:
    """Do what a person chose after an interruption; a take-over is :func:`adopt`."""
    match choice:
        case Choice.GO_ON:
            return ("You still have the journal checked out.",)
        case Choice.CHECK_IN:
            return check_in(workspace, ctx)
        case Choice.TAKE_OVER:
            raise UsageError(
                "The journals must be compared before one is taken over.",
                remedy="Compare and take over with “chorus-upload journal adopt --local-journal F”.",
            )
        case Choice.SET_ASIDE:
            return set_aside(workspace, ctx)
