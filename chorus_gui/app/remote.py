"""The central store without the journal: list, upload, download, delete."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from chorus_gui.app import leaks
from chorus_gui.app.outputs import check_output
from chorus_gui.app.run import Done
from chorus_gui.app.words import agree, files
from chorus_gui.app.workspace import Workspace
from chorus_gui.core import job, remote
from chorus_gui.core.config.model import LOCK_END, SIDE_END, Config
from chorus_gui.core.config.policy import Rule, read_policy
from chorus_gui.core.errors import JournalError, UsageError
from chorus_gui.core.job import JobContext, OutcomeKind
from chorus_gui.core.model import Level
from chorus_gui.core.readiness.findings import FileState
from chorus_gui.core.remote import Listed, Moved, Refused
from chorus_gui.core.submission import leak_gate
from chorus_gui.core.submission.guard import GuardedStore, refuse_marker_name
from chorus_gui.core.submission.run_result import RunResult
from chorus_gui.core.submission.work import executor_of

if TYPE_CHECKING:
    from chorus_gui.core.storage.base import BlobInfo

T = TypeVar("T")
_NAMED = 20
"""The number of refused files that are named with a reason."""

__all__ = ["Deletion", "Listed", "Moved", "Refused", "deletion", "download", "journal_names", "listing", "upload"]


def listing(workspace: Workspace, ctx: JobContext, pattern: str, *, recursive: bool, find: str = "") -> list[Listed]:
    """Files; without ``recursive``, one line for each folder.  ``find``: only files whose path has each of these words."""
    with workspace:
        return remote.listing(workspace.store(), pattern, ctx, recursive=recursive, find=find)


def upload(
    workspace: Workspace, ctx: JobContext, sources: Sequence[Path], target: str, *, recursive: bool, overwrite: bool
) -> Done[list[Moved | Refused]]:
    """Copy files to the store without recording them.  Refuses :class:`UsageError` for the journal's own name."""
    names = journal_names(workspace.config)

    def check(path: str) -> None:
        if any(f"{path}/".startswith(name) for name in names if name.endswith("/")):
            raise UsageError(
                f"“{path}” is where this program keeps what colleagues share about the journal. This command cannot change it.",
                remedy="Choose another folder in the central store.",
            )
        if path in names:
            raise UsageError(
                f"“{path}” is the cloud journal. This command cannot replace it.",
                remedy="Check the journal in with “chorus-upload journal checkin --local-journal F”, which makes sure that nothing is lost.",
            )

    def step(ctx: JobContext) -> Iterator[Moved | Refused]:
        pairs = remote.to_upload(sources, target, recursive=recursive)
        for _, path in pairs:
            check(path)
            refuse_marker_name(path)
        leaks.refresh(workspace, ctx)
        leak_gate.judge(workspace.config, _of_the_site(workspace.config, [file for file, _ in pairs])).refuse("Nothing was uploaded.")
        store = GuardedStore(workspace.store(), by_hand=True)
        unmarked.append(store.removed)
        for one in remote.upload(store, pairs, ctx, executor_of(workspace.config), overwrite=overwrite):
            if isinstance(one, Moved):
                sent[one.remote] = one.md5
            yield one

    sent: dict[str, str | None] = {}
    unmarked: list[set[str]] = []
    done = _one_by_one(workspace, ctx, step)
    _keep_changed(workspace, sent)
    _name_incomplete(workspace, set[str]().union(*unmarked))
    return done


def _of_the_site(config: Config, files: Sequence[Path]) -> Iterator[FileState]:
    """Those of these files that are the site's, as they are now."""
    named = [(site.modality, site.place.folder) for site in config.sites.values() if site.place.folder is not None]
    folders = [(modality, Path(made(folder))) for modality, folder in named for made in (os.path.realpath, os.path.abspath)]
    for file in files:
        found = file.stat()
        places = [Path(made(file)) for made in (os.path.realpath, os.path.abspath)]  # a link in the site can lead to another disk
        there = dict.fromkeys(
            (modality, here.relative_to(folder)) for modality, folder in folders for here in places if here.is_relative_to(folder)
        )
        for modality, path in there:
            yield FileState(modality, path.as_posix(), found.st_size, found.st_mtime_ns // 1000)


def download(
    workspace: Workspace, ctx: JobContext, patterns: Sequence[str], target: Path, *, recursive: bool, overwrite: bool
) -> Done[list[Moved | Refused]]:
    """Copy files from the store.  What this computer cannot hold is named before anything is fetched."""

    def step(ctx: JobContext) -> Iterator[Moved | Refused]:
        store = workspace.store()
        plan = remote.plan_download(store, patterns, target, ctx, recursive=recursive, overwrite=overwrite)
        for _, file in plan.files if overwrite else ():
            check_output(workspace.config, file, of_site=True)
        yield from plan.refused
        yield from remote.download(store, plan, ctx)

    return _one_by_one(workspace, ctx, step)


def _one_by_one(workspace: Workspace, ctx: JobContext, step: Callable[[JobContext], Iterator[T]]) -> Done[list[T]]:
    """Run a step, file by file.  One that stops on the way has begun, and says how far it came.  A refused file is named at once."""
    made: list[T] = []
    refused = 0

    def all_of_them(ctx: JobContext) -> list[T]:
        nonlocal refused
        with workspace, workspace.person.progress(ctx):
            for one in step(ctx):
                if isinstance(one, Refused):
                    refused += 1
                    _name(workspace, one, refused)
                made.append(one)
        return made

    outcome = job.run(all_of_them, ctx)
    done = len(made) - refused
    if refused > _NAMED:
        workspace.person.warn(f"{files(refused - _NAMED)} more cannot be copied. --json lists all of them.")
    if done and outcome.kind is not OutcomeKind.DONE:
        workspace.person.say(f"Stopped after {files(done)}.")
    return Done(outcome, RunResult(), begun=bool(done), faulty=bool(refused))


def _name(workspace: Workspace, one: Refused, number: int) -> None:
    """The first ones with their reason; the remedy once."""
    if number <= _NAMED:
        workspace.person.warn(f"“{one.remote}” was left out. {one.why}" + (f" {one.remedy}" if number == 1 else ""))


class Deletion:
    """Blobs to be deleted."""

    def __init__(self, workspace: Workspace, ctx: JobContext, blobs: list[BlobInfo]) -> None:
        self.blobs = blobs
        self._workspace = workspace
        self._ctx = ctx

    def delete(self) -> Done[list[str]]:
        """Delete them permanently; their paths.  Files of the journal among them are known to be missing from then on."""
        gone: set[str] = set()

        def step(ctx: JobContext) -> Iterator[str]:
            store = GuardedStore(self._workspace.store(), by_hand=True)
            unmarked.append(store.removed)
            for path in remote.delete(store, self.blobs, ctx):
                gone.add(path)
                yield path

        unmarked: list[set[str]] = []
        done = _one_by_one(self._workspace, self._ctx, step)
        _keep_changed(self._workspace, dict.fromkeys(gone))
        _name_incomplete(self._workspace, set[str]().union(*unmarked), gone)
        return done


def _keep_changed(workspace: Workspace, now: Mapping[str, str | None]) -> None:
    """Keep which uploaded files of the local journal are missing or different in the store now, as a verification would, and say so.

    Of a file that was wrong, and whose content was uploaded now, nothing is wrong any longer.
    ``now``: the changed paths, and the MD5 of what is there now, None for a deleted one.
    """
    from chorus_gui.app.verified import known_keys, record_found
    from chorus_gui.core.journal.store import Journal
    from chorus_gui.core.transfer.verify import Verdict, VerifyResult

    config, found, right = workspace.config, list[Verdict](), list[Verdict]()
    if not now:
        return
    wrong = known_keys(config)
    try:
        with Journal.open(config.journal.local, readonly=True) as journal:
            folders, versions = {path.partition("/")[0] for path in now}, set(journal.versions())
            for version in sorted(versions & folders if folders <= versions else versions):  # a mapped path need not begin with it
                for row in journal.rows(version=version, active=True, uploaded=True):
                    places = config.store_paths(row.modality, row.path, row.version)
                    place = next((place for place in places if place in now), None)
                    if place is not None and row.md5 and now[place] == row.md5 and (row.modality, row.path) in wrong.get(version, {}):
                        right.append(Verdict(row, VerifyResult.OK, Level.TRANSPORT, place, "uploaded by hand"))
                    if place is None or now[place] == (row.md5 or "") or _elsewhere(workspace, places, now):
                        continue
                    result = VerifyResult.CONTENT_DIFFERS if now[place] else VerifyResult.MISSING
                    found.append(Verdict(row, result, None, place, "changed by hand"))
    except JournalError:
        return  # without a journal, nothing is known to have been submitted
    if (found or right) and (note := record_found(workspace, JobContext(), (*found, *right))):
        workspace.person.warn(note)
    if not found:
        return
    state = "different" if any(now.values()) else "missing"
    workspace.person.warn(
        f"The journal lists {files(len(found))} of them as uploaded, {agree(len(found), 'which is', 'which are')} {state} in the central store now. "
        "To upload again what the site has, run “chorus-upload file repair”."
    )


def _elsewhere(workspace: Workspace, places: Sequence[str], now: Mapping[str, str | None]) -> bool:
    """The store still has a blob at another place where a verification looks for the same file."""
    return any(place not in now and workspace.store().head(place) is not None for place in places)


def _name_incomplete(workspace: Workspace, unmarked: Collection[str], gone: Collection[str] = ()) -> None:
    """Say which versions of the local journal lost their completion marker or their copy of the journal, and what writes it again."""
    from chorus_gui.core.journal.store import Journal

    try:
        with Journal.open(workspace.config.journal.local, readonly=True) as journal:
            versions = journal.versions()
    except JournalError:
        return  # without a journal, nothing can write them again here
    name = workspace.config.journal.local.name
    for version in versions:
        lost = ["The copy of the journal in its folder is gone."] if f"{version}/{name}" in gone else []
        if version in unmarked:
            workspace.person.warn(
                f"Version {version} is no longer marked as complete. {''.join(f'{text} ' for text in lost)}"
                f"If its files are all in the central store, “chorus-upload file upload --version {version}” marks it again."
            )
        elif lost:
            workspace.person.warn(
                f"The copy of the journal in the folder of version {version} is gone. To write it again, run “chorus-upload file upload --version {version}”."
            )


@contextmanager
def deletion(workspace: Workspace, ctx: JobContext, patterns: Sequence[str], *, recursive: bool) -> Generator[Deletion]:
    """The blobs that the patterns match, to be shown before they are deleted.  The cloud journal is matched only by its exact name.

    Raises :class:`PolicyError` if the machine policy does not allow it.
    """
    read_policy().require(Rule.NO_REMOTE_DELETE)
    with workspace:
        store = workspace.store()
        yield Deletion(workspace, ctx, remote.matching(store, patterns, ctx, recursive=recursive, keep=journal_names(workspace.config)))


def journal_names(config: Config) -> tuple[str, ...]:
    """The cloud journal, its lock and the folder of its side files (with “/” at its end), as paths of the central store, if they are in it."""
    cloud = config.journal.cloud
    name = None if cloud is None else cloud.inside(config.central)
    return () if name is None else (name, name + LOCK_END, f"{name}{SIDE_END}/")
