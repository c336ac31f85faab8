"""One command between a check-out and a check-in; or on the check-out that the user holds already."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from chorus_gui.core.config.model import Config
from chorus_gui.core.custody import local_state as remembering
from chorus_gui.core.custody.checkin import TAKE_OVER, check_local, send_and_unlock, unlock_unchanged
from chorus_gui.core.custody.checkout import lock_and_fetch, lost_history
from chorus_gui.core.custody.cloud_journal import CloudJournal, guard
from chorus_gui.core.custody.local_state import Phase
from chorus_gui.core.custody.recover import complete_interrupted
from chorus_gui.core.custody.sides import CustodyConflictError, cached_copy, compare, rows_of, unsaved
from chorus_gui.core.custody.state import CustodyState, State, look
from chorus_gui.core.errors import ChorusError, CustodyError, JournalError, Silence, UnfinishedError
from chorus_gui.core.job import JobContext

STRICT = frozenset({"file verify"})
"""Reading commands that report on everything that was uploaded."""


@dataclass(slots=True)
class CheckedOut:
    """What a command works on.  ``notes`` are sentences for the person; more come when the session ends."""

    journal: Path
    notes: list[str] = field(default_factory=list[str])


@contextmanager
def session(
    config: Config, home: CloudJournal | None, ctx: JobContext, *, purpose: str, write: bool = True, wait: float = 10.0
) -> Generator[CheckedOut]:
    """The journal for one command ("file upload"), which opens it inside and closes it before the end.

    ``home`` is the cloud journal of ``config`` (:func:`~chorus_gui.core.custody.cloud_journal.cloud_journal`), or None if it has none; its
    store must stay open until the session ends.  ``wait``: the longest time, in seconds, to wait for another session of this user.

    A journal that is only here: just its file.  One in the cloud: while the user holds a check-out, the checked-out file;
    otherwise it is checked out before and checked in after, also when the command failed or was cancelled but changed something.
    A check-out that an interrupted command left is used, and then checked in.  With ``write=False`` nothing is locked:
    the checked-out file, otherwise a fresh copy of the cloud journal.

    Raises ``ValueError`` without ``home`` where ``config`` has a cloud journal: nothing would lock it.  Raises what check-out and
    check-in raise; a failed check-in leaves the journal checked out and says how to continue.
    """
    if home is None:
        if config.journal.cloud is not None:
            raise ValueError("a session of a cloud journal needs its home")
        yield CheckedOut(config.journal.local)
    elif write:
        with guard(home, purpose, wait, ctx), _working(home, purpose, ctx) as work:
            yield work
    else:
        work = _reading(home, ctx, strict=purpose in STRICT)
        try:
            yield work
        except JournalError as error:  # people know the journal by its place in the cloud, not by the copy that is read
            if work.journal not in (home.local, Path(remembering.load(home.memory_file).local)):
                error.what, error.meaning = (text.replace(str(work.journal), home.url) for text in (error.what, error.meaning))
            raise


@contextmanager
def _working(home: CloudJournal, purpose: str, ctx: JobContext) -> Generator[CheckedOut]:
    state = complete_interrupted(home, ctx)
    memory = state.memory
    if state.state is State.CHANGED and unsaved(Path(memory.local), memory, None):
        raise CustodyConflictError(state.describe(), compare(home, Path(memory.local), state, ctx), remedy=TAKE_OVER)
    if state.state is State.MINE:
        check_local(home, Path(memory.local), ctx)
        work = CheckedOut(Path(memory.local))
        if memory.local != str(home.local):
            work.notes.append(f"The journal is checked out as “{memory.local}”. This command uses that file.")
        if memory.automatic:
            work.notes.append(f"“{memory.purpose}” was interrupted. This command uses the journal that it had checked out.")
        else:
            yield work
            return
    else:
        held = lock_and_fetch(home, ctx, automatic=True, purpose=purpose)
        work = CheckedOut(held.local, list(held.notes))
    try:
        yield work
    except BaseException as error:
        _end_failed(home, ctx, error)
        raise
    try:
        with ctx.tidying().entered() as fresh:  # a cancelled command still checks the journal in
            work.notes += send_and_unlock(home, look(home, fresh), fresh).notes
    except ChorusError as error:
        raise _not_back(error, work.journal) from error


def _end_failed(home: CloudJournal, ctx: JobContext, cause: BaseException) -> None:
    """After a failed command: check its changes in; if there are none, only end the check-out."""
    memory = remembering.load(home.memory_file)
    local = Path(memory.local)
    try:
        try:
            changed = rows_of(local) != memory.base
        except JournalError:
            changed = True
        with ctx.tidying().entered() as fresh:
            if changed:
                send_and_unlock(home, look(home, fresh), fresh)
            else:
                unlock_unchanged(home)
    except ChorusError as error:
        sentence = f"{cause.what} " if isinstance(cause, ChorusError) else ""
        raise _not_back(error, local, sentence) from cause


def _not_back(error: ChorusError, local: Path, sentence: str = "") -> CustodyError:
    what = f"{sentence}Could not check the journal in. {error.what}"
    remedy = f"{error.remedy} Then check in again (“journal checkin”); the next command tries it, too.".strip()
    if isinstance(error, CustodyConflictError):
        return CustodyConflictError(what, error.sides, remedy=error.remedy)
    kind = UnfinishedError if error.retryable or error.silence is Silence.STOPPED else CustodyError
    return kind(what, meaning=f"{error.meaning} Everything that was done is recorded in “{local}”.".strip(), remedy=remedy)


def _reading(home: CloudJournal, ctx: JobContext, *, strict: bool) -> CheckedOut:
    """What a command reads.  ``strict``: it reports on everything that was uploaded, so a journal that lost history is refused."""
    state = look(home, ctx)
    work = _to_read(home, state, ctx)
    lost = lost_history(home, state, work.journal, ctx)
    if lost is not None and strict and not home.accept_less:
        raise lost
    if lost is not None:
        work.notes.append(str(lost))
    return work


def _to_read(home: CloudJournal, state: CustodyState, ctx: JobContext) -> CheckedOut:
    local = Path(state.memory.local)
    if state.memory.phase in (Phase.HELD, Phase.RETURNING) and local.exists():
        return CheckedOut(local, [state.reason] if state.state is State.CHANGED else [])
    notes = [state.describe()] if state.lock else []
    if state.content is None:
        return CheckedOut(home.local, notes)
    copy = cached_copy(home, state, ctx)
    with suppress(JournalError):
        if unsaved(home.local, state.memory, copy):
            notes.append(f"Your local journal “{home.local}” has changes that were never checked in. This is the cloud journal.")
    return CheckedOut(copy, notes)
