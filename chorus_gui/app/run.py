"""One command on the journal, from check-out to check-in: every command that opens the journal runs here.

::

    check out, or continue a check-out → open the journal → history line → the command's step
                                                           → the journal's copies → receipt → check in

What follows the step happens in every case, also after an error or a cancellation.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.status import Status, status_of
from chorus_gui.app.words import agree, files
from chorus_gui.app.worker_processes import assisting
from chorus_gui.app.workspace import Workspace
from chorus_gui.core import job
from chorus_gui.core.custody.history_check import ACCEPT
from chorus_gui.core.errors import Cancelled, ChorusError, Declined, JournalError, NotReadyError, StoreError, UnansweredError
from chorus_gui.core.folders import remove_file
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.core.model import ChangeKind
from chorus_gui.core.review import to_read
from chorus_gui.core.submission.run_result import RunResult
from chorus_gui.core.temporary import own_folder

if TYPE_CHECKING:
    from chorus_gui.core.engine.work import Executor
    from chorus_gui.core.journal.store import Journal
    from chorus_gui.core.receipt import Receipt, Verification
    from chorus_gui.core.review.values import Reviewed
    from chorus_gui.core.storage.base import Store
    from chorus_gui.core.submission.guard import GuardedStore
    from chorus_gui.core.submission.held import HeldNow
    from chorus_gui.core.submission.history import Entered
    from chorus_gui.core.submission.work import Work
    from chorus_gui.core.transfer.processes import Processes

T = TypeVar("T")

WAIT_FOR_JOURNAL = 10.0
"""How long a command waits for another program that works on the same journal (seconds)."""

_log = logging.getLogger("chorus")


@dataclass(frozen=True, slots=True)
class Command:
    """How a command works on the journal.

    ``name`` ("journal update") and ``params`` ("--mode append") are written to the journal's history, which has no line for a
    command that does not write.  ``creates``: a journal that does not exist yet is created (a command that does not write gets an
    empty temporary one).  ``sends``: it writes to the central store.  ``receipt`` is the kind of receipt that it leaves, "" for
    none.  ``local``: it reads the local journal file, wherever the journal is checked out.  ``accepts``: it replaces the journal with
    a copy that the person chose, so that copy may have less history.
    """

    name: str
    params: str = ""
    writes: bool = False
    creates: bool = False
    sends: bool = False
    receipt: str = ""
    local: bool = False
    accepts: bool = False


@dataclass(slots=True)
class Run:
    """A running command: what its step works on, and what it has done so far."""

    workspace: Workspace
    journal: Journal
    ctx: JobContext
    log: RunResult
    notes: list[str]
    """sentences for the person"""
    reviewed: Reviewed | None = None
    verification: Verification | None = None
    began: bool = False
    faulty: bool = False
    """a problem was found that neither the log, nor the review, nor the verification has"""
    ends: ExitStack = field(default_factory=ExitStack)
    """what happens after the step, before the receipt"""
    line: Entered | None = None
    """its line in the journal's history"""
    held: HeldNow | None = None
    """what must not be uploaded now"""
    cluster: Executor | None = None
    """the workers of a cluster, if they do the work"""
    processes: Processes | None = None
    """worker processes of this computer, if there are any"""
    named: str = ""
    """the version that the person named, to be completed whatever that takes"""
    _guard: GuardedStore | None = None

    @property
    def unread(self) -> int | None:
        """How many files and folders the scan could not read; None if the run has no review."""
        return self.reviewed.summary.total(ChangeKind.PROBLEM).files if self.reviewed else None

    @property
    def found_faulty(self) -> bool:
        """Some files failed, differ, or could not be read."""
        differing = self.verification.differing if self.verification else 0
        return bool(self.faulty or self.log.failures or self.log.wrong_files or self.unread or differing)

    @property
    def unchecked(self) -> bool:
        """A verification could not check some files."""
        return self.verification is not None and self.verification.unchecked_files > 0

    @property
    def work(self) -> Work:
        """What the steps of a submission work on."""
        from chorus_gui.core.submission.work import Work

        workspace = self.workspace
        assists = partial(assisting, self) if self.cluster is None else None
        log, held = self.log, self.held
        return Work(workspace.config, self.journal, self.ctx, workspace.sources(), log, held, cluster=self.cluster, assisting=assists)

    def add_note(self, text: str) -> None:
        """Show a sentence, and keep it for the end."""
        self.notes.append(text)
        self.workspace.person.say(text)

    def warn(self, text: str) -> None:
        """Show a warning, and keep it for the end."""
        self.notes.append(text)
        self.workspace.person.warn(text)

    def store(self) -> GuardedStore:
        """The central store, for a step that writes into it: a version's completion marker is removed before its files change.

        Raises as :meth:`Workspace.store`.
        """
        from chorus_gui.core.submission.guard import guarded

        if self._guard is None:
            self._guard = guarded(self.workspace.store())
            self.ends.callback(self._guard.proofs.close)
        return self._guard

    def store_if_reachable(self) -> GuardedStore | None:
        """As :meth:`Workspace.store_if_reachable`, and guarded."""
        return None if self.workspace.store_if_reachable() is None else self.store()

    def begin(self, *, leave_copies: Store | None = None, complete: Store | None = None) -> None:
        """From here on the run leaves a receipt, however it ends.

        In ``leave_copies``, the run's :meth:`store`, it leaves copies of the journal too, however it ends; there, or in
        ``complete``, it writes the completion markers of versions that are complete, if nothing stops it.
        """
        from chorus_gui.core.submission.guard import guarded

        self.began = True
        if self.line is not None:
            self.line.begin()
        store = leave_copies or complete
        if store is not None:
            self.ends.enter_context(self._completed(guarded(store)))
        if leave_copies is not None:
            from chorus_gui.core.submission.upload import copies_left

            self.ends.enter_context(copies_left(self.work, guarded(leave_copies)))

    @contextmanager
    def _completed(self, store: GuardedStore) -> Generator[None]:
        """After the block, if nothing stopped it, write the markers; a marker that cannot be written is only a warning."""
        from chorus_gui.app.verified import record_found, refresh, to_repair, unnamed_wrong, wrong_rows
        from chorus_gui.core.submission.completion import complete_versions

        yield
        refresh(self.workspace, self.ctx)
        config = self.workspace.config
        wrong = {check.version for _, _, check in wrong_rows(self.journal, config)}
        wrong |= {check.version for _, check in unnamed_wrong(self.journal, config)}
        only = {*self.log.versions, *self.log.recorded, *store.removed, self.named} if self.unread else None
        try:
            completed = complete_versions(self.work, store, self.named, wrong, only)
        except StoreError as error:
            self.warn(f"Could not check if the version is complete. {error.what} The next upload does it.")
            return
        if found := [verdict for one in completed for verdict in one.wrong]:
            self.log.wrong_files = count = sum(one.wrong_files for one in completed)
            were = agree(count, "was", "were")
            self.log.notes.append(f"{files(count)} {were} missing or different in the central store. {to_repair(count)}")
            note = record_found(self.workspace, self.ctx, found)
            if note:
                self.warn(note)
        for one in completed:
            if one.written:
                self.log.complete.append(one.version)
                self.log.markers[one.version] = one.sha256
            elif not one.marker and not one.expected:
                self.warn(f"Version {one.version} is not marked as complete. {one.why}")


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """How a run ended.  ``outcome`` has its value, its error, or the report of a crash; the other fields are valid in every case.

    ``notes`` are sentences for the person, in their order; ``receipt`` is the page that was saved, ``made`` what it says.
    ``begun``: something was, or may have been, changed or checked.  ``faulty``: some files failed, differ, or could not be read;
    ``unread``: how many could not be read (None: there was no review); ``unchecked``: some could not be checked.
    """

    outcome: Outcome[T]
    log: RunResult
    notes: tuple[str, ...] = ()
    receipt: Path | None = None
    made: Receipt | None = None
    begun: bool = False
    faulty: bool = False
    unread: int | None = None
    unchecked: bool = False

    @property
    def ok(self) -> bool:
        """The run was completed."""
        return self.outcome.kind is OutcomeKind.DONE

    @property
    def value(self) -> T:
        """What the step returned.  Only for a run that is :attr:`ok`."""
        assert self.outcome.value is not None
        return self.outcome.value

    @property
    def status(self) -> Status:
        """The exit status."""
        return status_of(self.outcome, begun=self.begun, faulty=self.faulty, unchecked=self.unchecked)


@dataclass(slots=True)
class _Kept:
    """What a run leaves, collected while it runs."""

    notes: list[str] = field(default_factory=list[str])
    log: RunResult = field(default_factory=RunResult)
    receipt: Path | None = None
    made: Receipt | None = None
    begun: bool = False
    faulty: bool = False
    unread: int | None = None
    declined: bool = False
    """the person answered the command's question with no"""
    unchecked: bool = False


def run(workspace: Workspace, command: Command, ctx: JobContext, step: Callable[[Run], T]) -> Done[T]:
    """Run a command's step on the journal.  Raises no expected error: errors are in the outcome."""
    kept = _Kept()

    def note(text: str) -> None:
        kept.notes.append(text)
        workspace.person.say(text)

    def all_of_it(ctx: JobContext) -> T:
        with workspace, _journal(workspace, command, ctx, note) as (journal, line):
            active = Run(workspace, journal, ctx, kept.log, kept.notes, line=line)
            with _receipt(command, active, kept):
                return step(active)

    def asked(ctx: JobContext) -> T:
        try:
            return all_of_it(ctx)
        except Declined:
            kept.declined = True
            raise

    outcome = job.run(asked, ctx)
    return _done(Outcome(OutcomeKind.DONE) if kept.declined else outcome, kept)


def run_on_file(workspace: Workspace, command: Command, ctx: JobContext, step: Callable[[Path], T]) -> Done[T]:
    """As :func:`run`, for a step that replaces the journal's file as a whole: it is checked out but not opened."""
    kept = _Kept()

    def note(text: str) -> None:
        kept.notes.append(text)
        workspace.person.say(text)

    def all_of_it(ctx: JobContext) -> T:
        with workspace, checked_out(workspace, command, ctx, note) as local:
            kept.begun = True
            return step(local)

    return _done(job.run(all_of_it, ctx), kept)


def _done(outcome: Outcome[T], kept: _Kept) -> Done[T]:
    return Done(outcome, kept.log, tuple(kept.notes), kept.receipt, kept.made, kept.begun, kept.faulty, kept.unread, kept.unchecked)


@contextmanager
def _journal(
    workspace: Workspace, command: Command, ctx: JobContext, note: Callable[[str], None]
) -> Generator[tuple[Journal, Entered | None]]:
    """The journal for one command: checked out, opened, with the command in its history; then closed and checked in."""
    from chorus_gui.core.journal.store import Journal
    from chorus_gui.core.submission.history import HistoryLine, in_history

    with ExitStack() as stack:
        local = stack.enter_context(checked_out(workspace, command, ctx, note))
        if command.creates and not command.writes and not local.exists():
            local = stack.enter_context(own_folder()) / local.name
            Journal.begin(local, schema=workspace.config.new_schema)
        if not local.exists():
            stack.enter_context(_taken_back(local))
            if command.creates and command.writes and local.parent.is_dir():
                Journal.begin(local, schema=workspace.config.new_schema)
        journal = stack.enter_context(
            Journal.open(
                local,
                create=command.creates and command.writes,
                readonly=not command.writes,
                wait=WAIT_FOR_JOURNAL,
                purpose=command.name,
                ctx=ctx,
            )
        )
        if command.writes:
            params = f"{command.params} {ACCEPT}".strip() if workspace.accept_less else command.params
            line = HistoryLine(command.name, params, workspace.common, command.sends)
            yield journal, stack.enter_context(in_history(journal, workspace.config, line))
        else:
            yield journal, None


@contextmanager
def _taken_back(local: Path) -> Generator[None]:
    """A journal that was begun for a command does not stay if the person says no to it, or cannot be asked, or has to decide first."""
    from chorus_gui.core.journal.store import Journal

    try:
        yield
    except (Declined, UnansweredError):
        remove_file(local)
        raise
    except NotReadyError:
        with Journal.open(local, readonly=True) as journal:
            empty = not journal.counts()
        if empty:
            remove_file(local)
        raise


@contextmanager
def checked_out(workspace: Workspace, command: Command, ctx: JobContext, note: Callable[[str], None]) -> Generator[Path]:
    """The journal's file, checked out for one command if it is kept in the cloud; the sentences of custody are noted."""
    from chorus_gui.app.known import remember_local, require_local
    from chorus_gui.core.custody.session import STRICT, session
    from chorus_gui.core.journal.store import Journal

    local = workspace.config.journal.local
    if command.local and command.creates:  # the window looks at a site that never submitted
        require_local(workspace, ctx)
        if not local.exists():
            Journal.begin(local, schema=workspace.config.new_schema)
    if command.local or not workspace.custody:
        yield local
        return
    home = workspace.home()
    if home is not None:
        home = replace(home, accept_less=home.accept_less or command.accepts)
    elif not command.accepts and (command.writes or command.creates or command.name in STRICT):
        require_local(workspace, ctx)
    said = 0
    held = None
    try:
        with session(workspace.config, home, ctx, purpose=command.name, write=command.writes, wait=WAIT_FOR_JOURNAL) as held:
            for text in held.notes:
                note(text)
            said = len(held.notes)
            yield held.journal
    finally:
        for text in held.notes[said:] if held else ():
            note(text)
        if home is None and command.writes:
            with suppress(JournalError):  # the command has ended as it ended; the next one remembers
                remember_local(workspace)


@contextmanager
def _receipt(command: Command, active: Run, kept: _Kept) -> Generator[None]:
    """Run the block; then, however it ended, leave the copies of the journal, and save the receipt if the run had begun."""
    kind = OutcomeKind.CRASHED
    try:
        with active.ends:
            yield
        kind = OutcomeKind.DONE
    except Cancelled:
        kind = OutcomeKind.CANCELLED
        raise
    except ChorusError:
        kind = OutcomeKind.FAILED
        raise
    finally:
        kept.begun, kept.faulty, kept.unread = active.began, active.found_faulty, active.unread
        kept.unchecked = active.unchecked
        to_read.remember(active.workspace.config.journal.local, active.log.to_read)
        if command.receipt and active.began:
            _save(command, active, kept, kind)


def _save(command: Command, active: Run, kept: _Kept, kind: OutcomeKind) -> None:
    """The work is done and recorded in the journal, so a receipt that cannot be saved is only a warning."""
    from chorus_gui.app import receipts, shared

    folder = receipts_folder()
    try:
        kept.made = receipts.make_receipt(active.workspace.config, active.log, command.receipt, kind, active.reviewed, active.verification)
        kept.made = replace(kept.made, previous=receipts.last_hash(folder, kept.made.journal))
        kept.made, kept.receipt = receipts.save_all(kept.made, folder, active.log.ways.csv_gz())
    except Exception as error:  # noqa: BLE001 - no error may undo what the run did
        _log.exception("the receipt could not be saved")
        why = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        active.warn(f"Could not save the receipt in {folder}: {why}. The journal is complete.")
        return
    try:
        shared.share(active.workspace, kept.receipt.with_suffix(".json"), kept.made.host)
    except (ChorusError, OSError) as error:
        _log.warning("the receipt could not be shared: %s", error)
        active.warn("The receipt is only on this computer: it could not be saved next to the journal.")
