"""Scan the site and read the review; hold changes back."""

from __future__ import annotations

from array import array
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from chorus_gui.app import last_scan, leaks
from chorus_gui.app.cluster import use_cluster
from chorus_gui.app.holds import refresh_for
from chorus_gui.app.options import SubmitOptions
from chorus_gui.app.run import Command, Done, Run, run
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.errors import ReviewError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Change, ChangeKind, DiffSummary, Tally
from chorus_gui.core.passes import Pass
from chorus_gui.core.receipt import ApprovingPolicy
from chorus_gui.core.review.values import (
    Branch,
    CloudReading,
    Hold,
    PatientChanges,
    Pending,
    PendingFile,
    PendingQuery,
    Query,
    Reviewed,
    TreeLevel,
    WhatChanged,
)
from chorus_gui.core.temporary import own_folder

if TYPE_CHECKING:
    from chorus_gui.core.journal.store import Journal
    from chorus_gui.core.review.staging import Staging
    from chorus_gui.core.submission.leak_gate import Judged
    from chorus_gui.core.submission.mark import Marked

ASKED = "asked"
"""The key under which a review keeps the options of its scan."""


class Review:
    """A review that a command shows: what was found, change by change.  Only while the command runs."""

    def __init__(self, staging: Staging, journal: Journal, reviewed: Reviewed, version: str, options: SubmitOptions) -> None:
        from chorus_gui.core.review.approval import deletions
        from chorus_gui.core.review.changes import held, renamed_to_do, to_do
        from chorus_gui.core.review.parts import what_changed
        from chorus_gui.core.review.pending import offered, pending
        from chorus_gui.core.review.reading import cloud_reading
        from chorus_gui.core.submission.review_site import READINESS

        self._staging = staging
        self._counts = journal.counts()
        self.version = version
        self.summary: DiffSummary = reviewed.summary
        self.readiness: dict[str, Any] = staging.get(READINESS, {})
        """what the at-once pass of the readiness check found, as JSON values"""
        self.mode: str | None = staging.get("mode")
        self.held: list[Hold] = held(staging)
        """changes and pending files that are held back, with who, when and why"""
        self.many_deletions: dict[str, tuple[int, int]] = deletions(staging, self._counts)
        """modality → (deleted, current entries), where a person must confirm them"""
        self.changed: WhatChanged = what_changed(staging)
        """what the scan found, in parts that people talk about"""
        self.renamed: Tally = sum(renamed_to_do(staging).values(), Tally())
        """the renamed files of which ``to_do`` counts both halves"""
        self.to_do: dict[ChangeKind, Tally] = to_do(staging)
        """what an approval would record"""
        self.pending: Pending = offered(staging).of(options.pending_in(version))
        """what is pending in the chosen modalities and version"""
        self.pending_elsewhere: int = pending(staging).total.files - self.pending.total.files
        """files that are pending in others"""
        self.leaks: Judged | None = None
        """what checks found of patient data in the files that an approval sends"""
        self.leak_kinds: list[tuple[str, str]] = []
        """kinds of leaks (rule and a path) of the site that nobody accepted or held back"""
        self.along: Pending = self.pending if options.pending else Pending()
        """the pending files that an approval uploads, too"""
        self.reading: tuple[CloudReading, ...] = cloud_reading(staging, self.along)
        """what the upload reads from the site's places in a cloud"""

    def changes(self, query: Query) -> Iterator[Change]:
        """The changes of a query, in its order."""
        from chorus_gui.core.review.changes import stream

        return stream(self._staging, query)

    def largest_pending(self, modalities: Sequence[str], limit: int) -> list[PendingFile]:
        """The largest of the pending files in these modalities that an approval uploads, too."""
        from chorus_gui.core.review.pending import by_ids, select_ids

        if not self.along.total.files:
            return []
        found: list[PendingFile] = []
        ids = select_ids(self._staging, PendingQuery(order="size", descending=True))
        versions = set(self.along.by_version)
        for start in range(0, len(ids), 1000):
            page = by_ids(self._staging, ids[start : start + 1000])
            found += [file for file in page if file.modality in modalities and file.version in versions]
            if len(found) >= limit:
                break
        return found[:limit]

    def deleted(self) -> dict[str, tuple[int, int]]:
        """Modality → (entries to be marked as deleted, current entries), without renamed files."""
        from chorus_gui.core.review.approval import all_deletions

        return all_deletions(self._staging, self._counts)

    def renamed_files(self, limit: int | None = None) -> Iterator[tuple[str, str, str]]:
        """The renamed files that are not held back: modality, the old path and the new one."""
        from chorus_gui.core.review.parts import renamed_files

        return renamed_files(self._staging, limit)

    def lost_patients(self) -> list[str]:
        """Patients of whom the site has no file any longer, and whose files an approval would mark as deleted."""
        from chorus_gui.core.review.changes import lost_patients

        return lost_patients(self._staging)

    def unsure_patients(self) -> list[str]:
        """Patients whose files an approval would mark as deleted, and of whom other files can be in folders that could not be read."""
        from chorus_gui.core.review.changes import unsure_patients

        return unsure_patients(self._staging)

    def to_do_by_modality(self) -> dict[str, dict[ChangeKind, Tally]]:
        """What an approval would record, by modality and kind."""
        from chorus_gui.core.review.changes import to_do_by_modality

        return to_do_by_modality(self._staging)


class Reviewing:
    """How a command shows a review and asks for approval.  This one shows nothing and approves."""

    policy: ApprovingPolicy | None = None
    """what approves in a person's place; the receipt names it"""

    def show(self, review: Review) -> None:
        """Shows what was found."""

    def check(self, review: Review) -> None:
        """Refuses what must not be approved at all, before anything is.  Raises :class:`UnansweredError`; then nothing was changed."""

    def confirm(self, review: Review) -> None:
        """Asks for approval.  Raises ``Declined`` if it is refused, :class:`UnansweredError` if nobody can answer."""


def scan(workspace: Workspace, ctx: JobContext, options: SubmitOptions) -> Done[Reviewed]:
    """Scan the site and compare it with the local journal; the review waits for approval in the window.

    A site that has never submitted is compared with an empty journal.
    """
    from chorus_gui.core.review.changes import prepare
    from chorus_gui.core.submission.review_site import review_site

    def step(active: Run) -> Reviewed:
        store = workspace.store_if_reachable()
        refresh_for(active)
        if options.hashed:
            use_cluster(active)
        reviewed = review_site(active.work, modalities=options.modalities, mode=options.mode, store=store, hash_share=options.hashed)
        with workspace.staged() as staging:
            staging.put(ASKED, options.scanned())
            prepare(staging)
        active.faulty = reviewed.summary.total(ChangeKind.PROBLEM).files > 0
        return reviewed

    def begun(active: Run) -> Reviewed:
        with workspace.person.progress(ctx):
            return step(active)

    return run(workspace, Command("scan", local=True, creates=workspace.config.journal.cloud is None), ctx, begun)


def look(
    workspace: Workspace, ctx: JobContext, options: SubmitOptions, reviewing: Reviewing, name: str = "journal update"
) -> Done[Reviewed]:
    """Scan, show the review, and keep nothing.  ``name`` is the command's."""

    def step(active: Run) -> Reviewed:
        with reviewed_site(active, options, keep=False) as (review, _, reviewed):
            reviewing.show(review)
            active.faulty = reviewed.summary.total(ChangeKind.PROBLEM).files > 0
        return reviewed

    return run(workspace, Command(name, creates=True), ctx, step)


@contextmanager
def reviewed_site(active: Run, options: SubmitOptions, *, keep: bool) -> Generator[tuple[Review, Staging, Reviewed]]:
    """Scan and compare, in a staging database of this command's own: the review in the window is not changed.

    ``keep``: the command writes to the journal, so only one such command runs at a time, and its review stays on the disk until
    the next one.
    """
    from chorus_gui.core.review.amended import refuse_taken
    from chorus_gui.core.review.approval import choose_version
    from chorus_gui.core.review.changes import summary
    from chorus_gui.core.review.staging import Staging
    from chorus_gui.core.submission.review_site import review_site

    workspace = active.workspace
    version = choose_version(active.journal, options.version, amend=options.amend)
    store = workspace.store_if_reachable()
    refresh_for(active)
    if options.hashed:
        use_cluster(active)
    with _own_staging(workspace, keep=keep) as path:
        with workspace.person.progress(active.ctx):
            reviewed = review_site(
                replace(active.work, deepest=Pass.QUICK if options.require_ready else Pass.AT_ONCE),
                modalities=options.modalities,
                mode=options.mode,
                store=store,
                path=path,
                hash_share=options.hashed,
            )
        with Staging.open(reviewed.path) as staging:
            if refuse_taken(workspace.config, active.journal, staging, version):
                reviewed = Reviewed(reviewed.path, summary(staging))
            review = Review(staging, active.journal, reviewed, version, options)
            last_scan.keep(workspace.config, active.journal, review, staging)
            leaks.refresh_for(active)
            review.leaks = leaks.of_review(active, review, staging)
            review.leak_kinds = leaks.open_kinds(workspace, review.readiness)
            yield review, staging, reviewed


@contextmanager
def _own_staging(workspace: Workspace, *, keep: bool) -> Generator[Path]:
    from chorus_gui.core.review.staging import command_staging_path, staging_path

    window = staging_path(workspace.config.journal.local)
    if keep:
        yield command_staging_path(window)
        return
    with own_folder(window.parent) as folder:
        yield folder / window.name


def mark_gone(workspace: Workspace, ctx: JobContext, ids: Sequence[int]) -> Done[Marked]:
    """Mark as deleted what these changes say is in the journal and not on the site.  Raises :class:`ReviewError`."""
    from chorus_gui.app.journal import mark_deleted
    from chorus_gui.app.options import Selection
    from chorus_gui.core.review.changes import by_ids

    with workspace.staged() as staging:
        changes = (change for start in range(0, len(ids), 1000) for change in by_ids(staging, ids[start : start + 1000]))
        gone = [(change.modality, change.path) for change in changes if change.gone]
    if not gone:
        raise ReviewError(
            "None of these files can be marked as deleted.", meaning="The site has them, or the journal does not.", remedy="Scan again."
        )
    return mark_deleted(workspace, ctx, gone, Selection(), params="")


# --- held-back changes ---------------------------------------------------------------------------------------------------


def hold_back(workspace: Workspace, ids: Sequence[int], reason: str) -> None:
    """Hold changes of the review back from submissions."""
    from chorus_gui.core.review import holds

    with workspace.staged() as staging, workspace.holds() as kept:
        holds.hold_back(staging, kept, ids, reason)


def hold_back_patient(workspace: Workspace, patient_id: str, reason: str) -> None:
    """Hold all changes of a patient back from submissions."""
    from chorus_gui.core.review import holds

    with workspace.staged() as staging, workspace.holds() as kept:
        holds.hold_back_patient(staging, kept, patient_id, reason)


def hold_back_found(workspace: Workspace, query: Query, reason: str) -> None:
    """Hold every change that the query finds back from submissions."""
    from chorus_gui.core.review import holds
    from chorus_gui.core.review.changes import select_ids

    with workspace.staged() as staging, workspace.holds() as kept:
        holds.hold_back(staging, kept, select_ids(staging, query), reason)


def release_found(workspace: Workspace, query: Query) -> None:
    """Release every change that the query finds."""
    from chorus_gui.core.review import holds
    from chorus_gui.core.review.changes import select_ids

    with workspace.staged() as staging, workspace.holds() as kept:
        holds.release(staging, kept, select_ids(staging, query))


def release(workspace: Workspace, ids: Sequence[int]) -> None:
    """Release changes that were held back."""
    from chorus_gui.core.review import holds

    with workspace.staged() as staging, workspace.holds() as kept:
        holds.release(staging, kept, ids)


def import_holds(workspace: Workspace, file: Path) -> int:
    """Import the held-back list of a colleague; the number of entries."""
    with workspace.holds() as kept:
        count = kept.import_(file)
        with workspace.staged() as staging:
            kept.apply(staging)
        return count


def reasons(journal: Path, ctx: JobContext) -> list[str]:
    """The reasons that were given for holding changes of this journal back."""
    from chorus_gui.core.review.holds import Holds

    ctx.checkpoint()
    with Holds(journal) as kept:
        return kept.reasons()


def released_patients(journal: Path, path: Path, query: Query, ctx: JobContext) -> list[str]:
    """The patients who are held back as a whole, and whom :func:`release_found` would release in the review at ``path``.  Raises :class:`ReviewError`."""
    from chorus_gui.core.review import holds
    from chorus_gui.core.review.changes import select_ids
    from chorus_gui.core.review.staging import Staging

    with Staging.open(path) as staging, holds.Holds(journal) as kept:
        ctx.checkpoint()
        return holds.released_patients(staging, kept, select_ids(staging, query))


def holdable(path: Path, ids: Sequence[int], ctx: JobContext) -> int:
    """How many changes :func:`hold_back` of these lines would hold back that are not yet, in the review at ``path``.  Raises :class:`ReviewError`."""
    from chorus_gui.core.review import changes
    from chorus_gui.core.review.staging import Staging

    with Staging.open(path) as staging:
        ctx.checkpoint()
        return changes.holdable(staging, ids)


class Releasing(NamedTuple):
    """What :func:`release` of some lines releases: how many ``changes`` of these, and which ``patients`` who are held back as a whole."""

    changes: int
    patients: list[str]


def releasing(journal: Path, path: Path, ids: Sequence[int], ctx: JobContext) -> Releasing:
    """What :func:`release` of these lines releases in the review at ``path``.  Raises :class:`ReviewError`."""
    from chorus_gui.core.review import changes, holds
    from chorus_gui.core.review.staging import Staging

    with Staging.open(path) as staging, holds.Holds(journal) as kept:
        ctx.checkpoint()
        return Releasing(changes.releasable(staging, ids), holds.released_patients(staging, kept, ids))


# --- the changes of the review ---------------------------------------------------------------------------------------------


def is_version(name: str) -> bool:
    """The name can be a version: a folder in the store."""
    from chorus_gui.core.review.approval import is_version as fits

    return fits(name)


class Selected(NamedTuple):
    """The ids of a query's changes in its order, and for a query by patient the patients in the same order with their sums.

    ``changes``: how many these are, where the two halves of a renamed file count once.
    """

    ids: array[int]
    patients: list[PatientChanges] | None
    changes: int


def select(path: Path, query: Query, ctx: JobContext) -> Selected:
    """Which changes of the review at ``path`` a query finds.  Raises :class:`ReviewError`."""
    from chorus_gui.core.review.changes import changes_found, patients, select_ids
    from chorus_gui.core.review.staging import Staging

    with Staging.open(path) as staging:
        ctx.checkpoint()
        staging.db.execute("BEGIN")  # both answers from the same state
        ids = select_ids(staging, query)
        ctx.checkpoint()
        return Selected(ids, patients(staging, query) if query.by_patient else None, changes_found(staging, query, len(ids)))


def tree(
    path: Path, query: Query, branches: Sequence[Branch | None], order: str, descending: bool, ctx: JobContext
) -> dict[Branch | None, TreeLevel]:
    """What is directly below each of these parts of the tree (None: the patients) of the review at ``path``.  Raises :class:`ReviewError`."""
    from chorus_gui.core.review.staging import Staging
    from chorus_gui.core.review.tree import level

    found: dict[Branch | None, TreeLevel] = {}
    with Staging.open(path) as staging:
        staging.db.execute("BEGIN")  # all answers from the same state
        for branch in branches:
            ctx.checkpoint()
            found[branch] = level(staging, query, branch, order, descending=descending)
    return found


def rows(path: Path, ids: Sequence[int], ctx: JobContext) -> list[Change]:
    """Changes of the review at ``path`` by their ids, in that order.  Raises :class:`ReviewError`."""
    from chorus_gui.core.review.changes import by_ids
    from chorus_gui.core.review.staging import Staging

    with Staging.open(path) as staging:
        ctx.checkpoint()
        return by_ids(staging, ids)


def select_pending(path: Path, query: PendingQuery, ctx: JobContext) -> array[int]:
    """Which pending files of the review at ``path`` a query finds.  Raises :class:`ReviewError`."""
    from chorus_gui.core.review.pending import select_ids
    from chorus_gui.core.review.staging import Staging

    with Staging.open(path) as staging:
        ctx.checkpoint()
        return select_ids(staging, query)


def pending_files(path: Path, ids: Sequence[int], ctx: JobContext) -> list[PendingFile]:
    """Pending files of the review at ``path`` by their ids, in that order.  Raises :class:`ReviewError`."""
    from chorus_gui.core.review.pending import by_ids
    from chorus_gui.core.review.staging import Staging

    with Staging.open(path) as staging:
        ctx.checkpoint()
        return by_ids(staging, ids)
