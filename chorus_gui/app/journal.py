"""Commands on the journal itself: list, check, undo, mark files, upgrade, restore a kept copy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from chorus_gui.app.options import params_text
from chorus_gui.app.run import Command, Done, Run, run, run_on_file
from chorus_gui.app.submit import check_version
from chorus_gui.app.words import agree, plural
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import JobContext, Patience
from chorus_gui.core.journal.history import Command as HistoryCommand
from chorus_gui.core.model import Row, VersionCount
from chorus_gui.core.submission.listed import read_list
from chorus_gui.core.submission.marker import Complete, Completeness

if TYPE_CHECKING:
    from chorus_gui.core.journal.backups import Backup
    from chorus_gui.core.journal.findings import JournalFinding
    from chorus_gui.core.journal.upgrade import UpgradeReport
    from chorus_gui.core.submission.mark import Marked
    from chorus_gui.core.submission.work import Selection

T = TypeVar("T")

MARKERS_SHOWN = 40
"""The window reads the completion markers of this many versions, the newest ones, each time that it looks at the store."""

__all__ = [
    "Complete",
    "Completeness",
    "HistoryCommand",
    "Listing",
    "check",
    "copies",
    "history",
    "mark_deleted",
    "mark_uploaded",
    "markers",
    "read_list",
    "restore",
    "undo",
    "upgrade",
    "versions",
]


@dataclass(frozen=True, slots=True)
class Listing:
    """The versions of a journal.  ``name`` is shown to people: its place in the cloud if the cloud journal was read.

    ``complete`` has what each version's completion marker says; a version whose marker could not be read is not in it.
    """

    name: str
    path: Path
    schema: int
    counts: tuple[VersionCount, ...]
    complete: Mapping[str, Completeness] = field(default_factory=dict[str, Completeness])


def look(workspace: Workspace, ctx: JobContext, name: str, step: Callable[[Run], T]) -> Done[T]:
    """Run a command that only reads the journal."""
    return run(workspace, Command(name), ctx, step)


def versions(workspace: Workspace, ctx: JobContext, which: Selection) -> Done[Listing]:
    """Counts by version and modality."""
    from chorus_gui.core.custody.cloud_journal import memory_folder
    from chorus_gui.core.submission.work import choose_modalities

    def step(active: Run) -> Listing:
        journal, config = active.journal, workspace.config
        check_version(active, which.version)
        wanted = choose_modalities(config, which.modalities) if which.modalities else None
        counts = tuple(c for c in journal.counts() if which.version in (None, c.version) and (wanted is None or c.modality in wanted))
        cloud = config.journal.cloud
        copied = journal.path != config.journal.local and journal.path.parent == memory_folder()
        complete = _markers(workspace, ctx, [c for c in journal.counts() if which.version in (None, c.version)])
        return Listing(cloud.text if cloud and copied else str(journal.path), journal.path, journal.schema, counts, complete)

    return look(workspace, ctx, "journal list", step)


def markers(workspace: Workspace, journal: Path, ctx: JobContext) -> dict[str, Completeness]:
    """What the completion markers of the newest versions of this local journal say; those that cannot be read are not in it."""
    from chorus_gui.core.journal.store import Journal

    with workspace, Journal.open(journal, readonly=True) as opened:
        return _markers(workspace, ctx, opened.counts(), MARKERS_SHOWN)


def _markers(workspace: Workspace, ctx: JobContext, counts: Sequence[VersionCount], most: int | None = None) -> dict[str, Completeness]:
    from chorus_gui.app.chain import checked_markers
    from chorus_gui.core.submission.completion import completeness_of_all

    store = workspace.store_if_reachable() if counts else None
    if store is None:
        return {}
    with ctx.branch(patience=Patience.ONCE).entered() as quick:  # a page that is read while the store is away shows the rest at once
        return checked_markers(workspace.config, completeness_of_all(store, counts, quick, most), quick)


def check(workspace: Workspace, ctx: JobContext) -> Done[list[JournalFinding]]:
    """Check for damage (:class:`JournalError`) and for what other tools left behind.

    A note names what verifications found missing or different in the store: the journal is intact then, but not true.
    """
    from chorus_gui.app.outside import wrong_outside, wrong_sentence
    from chorus_gui.app.verified import kept_wrong, refresh
    from chorus_gui.core.journal.store import Journal

    def step(active: Run) -> list[JournalFinding]:
        Journal.verify_file(active.journal.path)
        refresh(workspace, active.ctx)
        wrong = kept_wrong(active.journal, workspace.config, workspace.config.modalities)
        if wrong is not None:
            active.warn(wrong.sentence)
        for found in wrong_outside(active.journal, workspace.config):
            active.warn(wrong_sentence(*found))
        return active.journal.check()

    return look(workspace, ctx, "journal check", step)


def history(workspace: Workspace, ctx: JobContext) -> Done[list[HistoryCommand]]:
    """The commands that worked on the journal, the first one first."""
    return look(workspace, ctx, "history", lambda active: active.journal.history())


def file_rows(journal: Path, path: str, modality: str, ctx: JobContext) -> list[Row]:
    """The entries of a file in a local journal, the latest first."""
    from chorus_gui.core.journal.queries import file_history
    from chorus_gui.core.journal.store import Journal

    with Journal.open(journal, readonly=True) as opened:
        ctx.checkpoint()
        return file_history(opened, path, modality or None)[::-1]


def local_history(journal: Path, ctx: JobContext) -> list[HistoryCommand]:
    """The commands that worked on a local journal, the latest first."""
    from chorus_gui.core.journal.store import Journal

    ctx.checkpoint()
    with Journal.open(journal, readonly=True) as opened:
        return opened.history()[::-1]


@dataclass(frozen=True, slots=True)
class Undone:
    """How many pending files of a version were ``removed`` from the journal, and how many files that were ``closed`` with them (deleted, renamed) stay so."""

    version: str
    removed: int
    closed: int

    @property
    def text(self) -> str:
        """What was done, and what stays."""
        count = self.removed
        done = f"Removed {plural(count, 'pending file')} of version {self.version} from the journal. The next scan finds {agree(count, 'it', 'them')} again."
        return " ".join(part for part in (done, staying(self.closed)) if part)


def staying(closed: int) -> str:
    """What undoing a version does not change, for ``closed`` files that were recorded as deleted with it; "" if there are none."""
    if not closed:
        return ""
    are, they = agree(closed, "is", "are"), agree(closed, "this file", "these files")
    return (
        f"{plural(closed, 'deletion')} {agree(closed, 'stays', 'stay')} recorded (a renamed file counts under its earlier name). "
        f"If {they} {are} back on the site, the next scan shows {agree(closed, 'it', 'them')} as restored or added."
    )


def closed_with(journal: Path, version: str, ctx: JobContext) -> int:
    """How many deletions :func:`undo` of a version would leave recorded, in a local journal."""
    from chorus_gui.core.journal import queries
    from chorus_gui.core.journal.store import Journal

    ctx.checkpoint()
    with Journal.open(journal, readonly=True) as opened:
        return queries.closed_with(opened, version)


def undo(workspace: Workspace, ctx: JobContext, version: str) -> Done[Undone]:
    """Remove what was recorded for a version and not uploaded.  Deletions that were recorded with it stay."""
    from chorus_gui.core.journal import queries

    def step(active: Run) -> Undone:
        closed = 0
        if any(count.pending for count in active.journal.counts() if count.version == version):  # otherwise it raises
            closed = queries.closed_with(active.journal, version)
            active.begin()
        done = Undone(version, active.journal.undo(version), closed)
        active.log.version = version
        active.log.notes.append(f"Removed {plural(done.removed, 'pending file')} of version {version} from the journal.")
        if closed:
            active.log.notes.append(staying(closed))
        return done

    return run(workspace, Command("journal undo", params_text([("version", version)]), writes=True, receipt="undo"), ctx, step)


def mark_deleted(
    workspace: Workspace, ctx: JobContext, files: Sequence[str | tuple[str, str]], which: Selection, *, params: str
) -> Done[Marked]:
    """Mark files as deleted in the journal; nothing is removed from the store.  ``params``: the options, for the history.

    ``files``: paths of the journal; or (modality, path), which is one file also if another modality has the same path.
    """
    from chorus_gui.core.submission.mark import mark_as_deleted

    paths = [file if isinstance(file, str) else file[1] for file in files]
    keys = {file for file in files if not isinstance(file, str)}

    def step(active: Run) -> Marked:
        active.begin()
        marked = mark_as_deleted(active.work, paths, version=which.version, modalities=which.modalities, keys=keys)
        active.faulty = bool(marked.unknown or marked.unclear)
        return marked

    return run(workspace, Command("file mark_as_deleted", params, writes=True, receipt="mark"), ctx, step)


@dataclass(frozen=True, slots=True)
class MarkRequest:
    """Files to find in the store.  ``at``: the upload time, ``YYYYMMDDHHMMSS`` in UTC, or "now".

    ``central``: the paths are the store's, version folder included; otherwise the journal's.
    """

    paths: Sequence[str]
    at: str
    central: bool


def mark_uploaded(workspace: Workspace, ctx: JobContext, request: MarkRequest, *, params: str) -> Done[Marked]:
    """Mark files as uploaded if they match in the store.  ``params``: the options, for the history."""
    from chorus_gui.core.submission.commit import upload_time
    from chorus_gui.core.submission.mark import check_upload_time, mark_as_uploaded

    def step(active: Run) -> Marked:
        moment = upload_time() if request.at == "now" else request.at
        check_upload_time(moment)
        store = active.store()
        active.begin(complete=store)
        with workspace.person.progress(ctx):
            marked = mark_as_uploaded(active.work, store, request.paths, upload_time=moment, central=request.central)
        active.faulty = bool(marked.unknown or marked.refused)
        return marked

    name = f"file mark_as_uploaded_{'central' if request.central else 'local'}"
    return run(workspace, Command(name, params, writes=True, sends=True, receipt="mark"), ctx, step)


def copies(workspace: Workspace) -> list[Backup]:
    """The kept copies of the local journal, the newest first.  Raises :class:`JournalError`."""
    from chorus_gui.core.journal.backups import listing

    return listing(workspace.config.journal.local)


def upgrade(workspace: Workspace, ctx: JobContext) -> Done[UpgradeReport]:
    """Upgrade a journal of the 2024 tool to format 2; the old file is kept."""
    from chorus_gui.core.journal.upgrade import upgrade as upgrade_file

    return run_on_file(workspace, Command("journal upgrade", writes=True), ctx, lambda local: upgrade_file(local, ctx=ctx))


def find_copy(workspace: Workspace, name: str) -> Backup:
    """The kept copy of that name or path.  Raises :class:`UsageError`."""
    chosen = next((copy for copy in copies(workspace) if name in (copy.path.name, str(copy.path))), None)
    if chosen is None:
        raise UsageError(f"There is no kept copy “{name}”.", remedy="List the kept copies with “chorus-upload journal restore”.")
    return chosen


def restore(workspace: Workspace, ctx: JobContext, copy: Path) -> Done[Path | None]:
    """Restore a kept copy; the name under which the replaced journal is kept, None if there was none."""
    from chorus_gui.app.known import remember_local
    from chorus_gui.core.journal.backups import restore as restore_file

    def step(local: Path) -> Path | None:
        kept = restore_file(local, copy)
        remember_local(workspace, accepted=True)
        return kept

    return run_on_file(workspace, Command("journal restore", writes=True, accepts=True), ctx, step)
