"""The review and the result of a run, in words and tables: what “journal update” and “submit” share."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chorus_gui.cli.report import Report
from chorus_gui.cli.workplace import Workplace, modality_list, working
from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import Cancelled, ChorusError, UnansweredError
from chorus_gui.core.job import JobContext, OutcomeKind
from chorus_gui.core.model import Approval, Change, ChangeKind, DiffSummary, Mode, Tally
from chorus_gui.core.places import data_folder
from chorus_gui.core.receipt import Receipt, duration, files, save, size, to_json
from chorus_gui.core.review.approval import approve, choose_version, deletions
from chorus_gui.core.review.changes import stream, to_do
from chorus_gui.core.review.staging import Staging, staging_path
from chorus_gui.core.review.values import ACTIONABLE, Query, Reviewed
from chorus_gui.core.storage.base import Store
from chorus_gui.core.submission.log import RunLog
from chorus_gui.core.submission.receipts import make_receipt
from chorus_gui.core.submission.review_site import review_site

SHOWN = 20
"""Lines of a kind that are listed without --verbose."""


def scan_and_show(
    args: argparse.Namespace,
    report: Report,
    ctx: JobContext,
    place: Workplace,
    store: Store | None,
    *,
    approve_it: bool,
    ask: bool = False,
) -> tuple[Reviewed, Approval | None]:
    """Scan and show the changes; approve them if told so (after asking, with ``ask``).  No approval: nothing is to be done."""
    version = choose_version(place.journal, args.version, amend=args.amend)
    mode = Mode(args.mode) if args.mode else None
    with _own_staging(place.config, keep=approve_it) as path:
        with report.progress(ctx), working(place, ctx) as work:
            reviewed = review_site(work, modalities=modality_list(args) or (), mode=mode, store=store, path=path)
        return reviewed, _shown(args, report, place, reviewed, version, approve_it=approve_it, ask=ask)


@contextmanager
def _own_staging(config: Config, *, keep: bool) -> Iterator[Path]:
    """A place for this command's review: the one that waits in the window, or that another command carries out, stays as it is.

    Who approves has the journal to write (``keep``), so there is one such command at a time; a mere look leaves nothing behind.
    """
    window = staging_path(config.journal.local)
    if keep:
        yield window.with_name(window.name.replace("review-", "command-"))
        return
    with TemporaryDirectory(prefix="look-", dir=window.parent) as folder:
        yield Path(folder) / window.name


def _shown(
    args: argparse.Namespace, report: Report, place: Workplace, reviewed: Reviewed, version: str, *, approve_it: bool, ask: bool
) -> Approval | None:
    with Staging.open(reviewed.path) as staging:
        show(report, staging, reviewed.summary)
        if not approve_it:
            for modality, (deleted, total) in deletions(staging, place.journal.counts()).items():
                report.say(f"{deleted:,} of {total:,} {modality} files are gone: recording that wants --allow-deletions.")
            report.json(review_json(staging, reviewed.summary, version))
            return None
        approval = approve(staging, place.journal, version, allow_deletions=args.allow_deletions)
        waiting = to_do(staging)
        if ask and waiting:
            total = sum(waiting.values(), Tally())
            words = "1 change goes" if total.files == 1 else f"{total.files:,} changes go"
            report.say(f"{words} into version {version} of {place.config.central.text}.")
            confirm(report)
        return approval


def confirm(report: Report) -> None:
    """Ask on the terminal.  Raises :class:`UnansweredError` where nobody can answer, ``Cancelled`` for a no."""
    if report.as_json or not sys.stdin.isatty():
        raise UnansweredError(
            "Nobody is there to approve this.", remedy="Look at the review with “journal update --dry-run”, then say --yes."
        )
    report.say("Go on? Type yes.")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        report.note("Not approved: nothing was recorded or sent.")
        raise Cancelled


def show(report: Report, staging: Staging, summary: DiffSummary) -> None:
    """The counts, and the first lines of each kind that a person should look at."""
    kinds = [kind for kind in ChangeKind if summary.total(kind).files]
    rows: list[list[Any]] = []
    for modality, found in summary.by_modality.items():
        if modality:
            rows.append([modality, *(found[kind].files if kind in found else 0 for kind in kinds)])
    total = ["total", *(summary.total(kind).files for kind in kinds)]
    report.table(("", *(f">{kind.value}" for kind in kinds)), [*rows, total])
    if summary.renamed:
        report.say(f"{summary.renamed:,} of the added and deleted files are renamed ones.")
    if summary.excluded:
        report.say(f"{summary.excluded:,} changes are held back.")
    for note in summary.notes:
        report.say(note)
    limit = None if report.verbose else SHOWN
    for kind in kinds:
        if kind is ChangeKind.UNCHANGED or (kind in (ChangeKind.ADDED, ChangeKind.UPDATED) and not report.verbose):
            continue
        report.say(f"\n{kind.value}:")
        for change in stream(staging, Query(kinds=(kind,), limit=limit)):
            report.say(f"  {change_text(change)}")
        rest = summary.total(kind).files - SHOWN
        if limit is not None and rest > 0:
            report.say(f"  … and {rest:,} more (-v shows them all)")
    report.say()


def change_text(change: Change) -> str:
    """One change in a line."""
    if not change.path:  # a whole site folder
        return change.note
    note = f"  ({change.note})" if change.note else ""
    held = f"  [held back: {change.reason}]" if change.excluded else ""
    modality = f"{change.modality}: " if change.modality else ""
    return f"{modality}{change.path}{note}{held}"


def review_json(staging: Staging, summary: DiffSummary, version: str) -> dict[str, Any]:
    """The whole review for a program."""
    return {
        "version": version,
        "mode": staging.get("mode"),
        "counts": {
            m: {k.value: {"files": t.files, "bytes": t.bytes} for k, t in kinds.items()} for m, kinds in summary.by_modality.items()
        },
        "renamed": summary.renamed,
        "excluded": summary.excluded,
        "notes": list(summary.notes),
        "changes": [change_json(change) for change in stream(staging, Query())],
    }


def change_json(change: Change) -> dict[str, Any]:
    """One change for a program."""
    old = change.old
    return {
        "kind": change.kind.value,
        "modality": change.modality,
        "path": change.path,
        "patient_id": change.patient_id,
        "size": change.size,
        "mtime_us": change.mtime_us,
        "old": {"size": old.size, "mtime_us": old.mtime_us, "md5": old.md5, "version": old.version, "uploaded": old.uploaded}
        if old
        else None,
        "renamed": change.pair is not None,
        "note": change.note,
        "held_back": change.reason if change.excluded else None,
    }


class Run:
    """One run of a command: what it did, and its exit status."""

    def __init__(self) -> None:
        self.log = RunLog()
        self.status = 0


@contextmanager
def told(report: Report, ctx: JobContext, place: Workplace, kind: str, run: Run, reviewed: Reviewed | None = None) -> Iterator[RunLog]:
    """Show the progress of the block; then, however it ended, keep a receipt and say what was done.

    An error after something was done is said here, and the status is 1; before that it goes on to the caller.  Files that the scan
    could not read, or a site folder that was not there, are failures too: a scheduler must not take that for success.
    """
    log, outcome = run.log, OutcomeKind.CRASHED
    try:
        with report.progress(ctx):
            yield log
        outcome = OutcomeKind.DONE
    except Cancelled:
        outcome = OutcomeKind.CANCELLED
        raise
    except ChorusError as error:
        outcome = OutcomeKind.FAILED
        if not (log.entered or log.uploaded):
            raise
        report.error(error)
    finally:
        unread = reviewed is not None and reviewed.summary.total(ChangeKind.PROBLEM).files > 0
        run.status = 1 if log.failures or unread or outcome is not OutcomeKind.DONE else 0
        if log.entered or log.uploaded or log.failures or outcome is OutcomeKind.DONE:
            if reviewed is not None and log.recorded and outcome is not OutcomeKind.DONE:
                report.note(f"To go on in the same version, add --version {log.version}; without it a new version begins.")
            _tell(report, make_receipt(place.config, log, kind, outcome, reviewed), reviewed.summary.notes if reviewed else ())


def _tell(report: Report, made: Receipt, shown: Sequence[str]) -> None:
    """What a run did: in words, as a kept receipt, as JSON.  ``shown`` are notes that were said before."""
    try:
        saved = str(save(made, data_folder() / "receipts"))
    except OSError as error:  # what was done is done, and stands in the journal
        report.warn(f"The receipt could not be kept in {data_folder() / 'receipts'}: {error.strerror or error}.")
        saved = None
    for kind in ACTIONABLE:
        tally = sum((kinds[kind] for kinds in made.by_modality.values() if kind in kinds), Tally())
        if tally.files:
            report.say(f"{kind.value}: {files(tally.files)}, {size(tally.bytes)}")
    if made.uploaded:
        total = sum(made.uploaded.values(), Tally())
        report.say(f"uploaded: {files(total.files)}, {size(total.bytes)} in {duration(made.seconds)}")
    if not made.by_modality and not made.uploaded and not made.failures:
        if made.kind == "upload":
            report.say("Nothing to do.")
        elif not made.problems:
            report.say("Nothing to do: the journal says what the site has.")
    if made.problems:
        report.error("Not all of the site could be compared with the journal: see the problems above. Scan again when they are cleared up.")
    groups: dict[tuple[str, str], list[str]] = {}
    for failure in made.failures:
        groups.setdefault((failure.cause.replace(failure.item.path, "…"), failure.remedy), []).append(failure.item.path)
    for (cause, remedy), paths in groups.items():
        report.error(f"{files(len(paths))} failed. {cause} {remedy}".strip())
        for path in paths if report.verbose else paths[:SHOWN]:
            report.say(f"  failed: {path}")
    for note in made.notes:
        if note not in shown:
            report.warn(note)
    if saved:
        report.say(f"Receipt: {saved}")
    report.json({"receipt": saved, **json.loads(to_json(made))})
