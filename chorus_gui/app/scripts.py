"""Scripts that upload pending files with az or AzCopy, and what a running script asks this program."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chorus_gui.app.exports import listed
from chorus_gui.app.holds import holding_back, known_to_stay
from chorus_gui.app.requests import FileListRequest, ScriptRequest
from chorus_gui.app.run import Command, Done, Run, run
from chorus_gui.app.submit import check_version
from chorus_gui.app.words import files
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.config.model import Config, Place
from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Row
from chorus_gui.core.scripts.options import ScriptOptions, SecretMode, Target, Tool

if TYPE_CHECKING:
    from chorus_gui.core.journal.store import Journal
    from chorus_gui.core.scripts.generate import Script
    from chorus_gui.core.scripts.ready import Ready
    from chorus_gui.core.submission.work import Stays

__all__ = ["Preview", "SecretMode", "Target", "Written", "preview", "preview_list", "ready", "sas", "sentences", "write"]

NOTHING_PENDING = "No files are pending, so there is nothing to write a script for."
LEFT_OUT_SHOWN = 3
LINES_SHOWN = 2_000
"""The lines of a preview; a script for a million files has many more."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be written: ``text`` is its beginning, with dots for secrets, ``more`` how many lines follow.

    ``left_out``: (path, why) of files that it does not upload.  ``secret_inside``: a secret would be written into it.
    """

    text: str
    more: int
    files: int
    left_out: tuple[tuple[str, str], ...] = ()
    secret_inside: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """A script that was written.  ``files`` are uploaded; ``left_out``: (path, why) of those that are not; neither: nothing was pending.

    ``lists`` names the folder that it needs next to it; ``foreign``: it is for another system; ``closed``: only this user can read it.
    """

    files: int
    lists: str
    left_out: tuple[tuple[str, str], ...] = ()
    secret_inside: bool = False
    foreign: bool = False
    closed: bool = True


def write(workspace: Workspace, ctx: JobContext, wanted: ScriptRequest, *, local: bool = False) -> Done[Written]:
    """Write a script that uploads pending files, and its lists next to it.  ``local``: of the local journal, wherever the journal is checked out.

    The outcome's error is a :class:`UsageError` if the tool cannot upload it, or the script cannot be written.
    """
    from chorus_gui.core.scripts.generate import LISTS, save
    from chorus_gui.core.submission.leak_gate import of_pending, refuse
    from chorus_gui.core.submission.work import Selection

    def step(active: Run) -> Written:
        check_version(active, wanted.version)
        lists = f"{wanted.file.stem}{LISTS}"
        with holding_back(active, sends=False):
            refuse(
                active.work,
                of_pending(active.work, Selection(wanted.version, wanted.modalities, wanted.max_files)),
                "No script was written.",
            )
            script = _make(workspace.config, active.journal, wanted, ctx, active.work.stays)
        if script is None:
            return Written(0, lists)
        closed = save(script, wanted.file)
        active.faulty = bool(script.left_out)
        foreign = bool(wanted.target) and Target(wanted.target) is not Target.here()
        return Written(script.files, lists, script.left_out, script.secret_inside, foreign, closed)

    return run(workspace, Command("file list", local=local), ctx, step)


def sentences(made: Written, wanted: ScriptRequest) -> str:
    """What a person should know about a script, in sentences."""
    lines = [f"{wanted.file.name} uploads {files(made.files)}. Keep the folder {made.lists} next to it."]
    lines.append("If somebody holds one of them back before it runs, it stops before that page: then write a new script.")
    if made.secret_inside:
        lines.append("It contains your credential: anyone who can read the file can use it. Delete the script after the upload.")
    if not made.closed:
        lines.append(f"Other users of {wanted.file.parent} may be able to read it and the lists: that folder does not support permissions.")
    if made.left_out:
        lines.append(f"{files(len(made.left_out))} {'is' if len(made.left_out) == 1 else 'are'} not in it:")
        lines += [f"{path}: {why}" for path, why in made.left_out[:LEFT_OUT_SHOWN]]
    return " ".join(lines)


def preview(config: Config, wanted: ScriptRequest, ctx: JobContext) -> Preview:
    """What :func:`write` would write for the local journal.  Raises :class:`UsageError` also if nothing is pending."""
    with _local_journal(config) as journal:
        script = _make(_masked(config), journal, wanted, ctx, known_to_stay(config))
    if script is None:
        raise UsageError(NOTHING_PENDING, remedy="Record changes first: scan, review and approve.")
    shown = script.text.replace("\r\n", "\n").splitlines()
    return Preview("\n".join(shown[:LINES_SHOWN]), max(len(shown) - LINES_SHOWN, 0), script.files, script.left_out, script.secret_inside)


def preview_list(config: Config, wanted: FileListRequest, ctx: JobContext) -> Preview:
    """What :func:`~chorus_gui.app.exports.write_file_list` would write.  Raises :class:`JournalError`."""
    shown: list[str] = []
    count = 0
    with _local_journal(config) as journal:
        for row in listed(journal, config, wanted, ctx, known_to_stay(config)):
            count += 1
            if count <= LINES_SHOWN:
                shown.append(row.path)
    return Preview("\n".join(shown), count - len(shown), count)


def _local_journal(config: Config) -> Journal:
    from chorus_gui.core.journal.store import Journal

    return Journal.open(config.journal.local, readonly=True)


def _make(config: Config, journal: Journal, wanted: ScriptRequest, ctx: JobContext, stays: Stays) -> Script | None:
    from chorus_gui.core.scripts.generate import make_script
    from chorus_gui.core.scripts.program import console_program
    from chorus_gui.core.submission.work import Selection, pending_rows

    target = Target(wanted.target) if wanted.target else Target.here()
    rows = list(pending_rows(config, journal, Selection(wanted.version, wanted.modalities, wanted.max_files), stays))
    if not rows:
        return None
    options = ScriptOptions(
        Tool(wanted.tool),
        target,
        console_program(target),
        wanted.file.stem,
        SecretMode(wanted.secret),
        wanted.one_by_one,
        wanted.verify_tls,
    )
    return make_script(config, _until_cancelled(rows, ctx.checkpoint), options)


def _until_cancelled(items: list[Row], checkpoint: Callable[[], None]) -> Iterator[Row]:
    for item in items:
        checkpoint()
        yield item


def _masked(config: Config) -> Config:
    """The same, with dots in place of every secret: the preview shows what is written into a script."""

    def masked(place: Place) -> Place:
        return replace(place, credentials=place.credentials.masked())

    sites = {name: replace(site, place=masked(site.place)) for name, site in config.sites.items()}
    return replace(config, central=masked(config.central), sites=sites)


# --- what a running script asks ------------------------------------------------------------------------------------------


def ready(workspace: Workspace, ctx: JobContext, paths: Sequence[str], folders: Sequence[str]) -> Done[Ready]:
    """Are these still the recorded files?"""
    from chorus_gui.core.scripts.ready import ready as look

    def step(active: Run) -> Ready:
        with holding_back(active, sends=False):
            return look(active.work, paths, folders)

    return run(workspace, Command("script ready"), ctx, step)


def sas(config: Config, modality: str | None, hours: float) -> str:
    """A SAS token for the central store, or for a modality's source, signed with the configured key: a secret.

    Raises :class:`UsageError`.
    """
    from chorus_gui.core.scripts.access import sas_of

    if modality and modality not in config.sites:
        raise UsageError(f"The configuration has no modality {modality}.", remedy=f"Use one of: {', '.join(config.modalities)}.")
    return sas_of(config.sites[modality].place if modality else config.central, hours)
