"""The review and the result of a run, in words and tables: what “journal update” and “submit” share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chorus_gui.app.review import Review, Reviewing
from chorus_gui.app.words import duration, files, plural, size
from chorus_gui.cli.arguments import ask
from chorus_gui.core.errors import Cancelled, UnansweredError
from chorus_gui.core.model import Change, ChangeKind, Tally
from chorus_gui.core.review.values import ACTIONABLE, Query

if TYPE_CHECKING:
    from chorus_gui.app.run import Done
    from chorus_gui.cli.report import Report

SHOWN = 20
"""Lines of a kind that are listed without --verbose."""


class Terminal(Reviewing):
    """Prints a review; asks for approval unless ``yes``."""

    def __init__(self, report: Report, *, central: str = "", yes: bool = False) -> None:
        self._report = report
        self._central = central
        self._yes = yes

    def show(self, review: Review) -> None:
        """See :meth:`Reviewing.show`."""
        show(self._report, review)

    def confirm(self, review: Review) -> None:
        """See :meth:`Reviewing.confirm`."""
        if self._yes:
            return
        total = sum(review.to_do.values(), Tally())
        goes = "goes" if total.files == 1 else "go"
        self._report.say(f"{plural(total.files, 'change')} {goes} into version {review.version} of {self._central}.")
        unanswered = UnansweredError(
            "Nobody is there to approve this.", remedy="Look at the review with “journal update --dry-run”, then say --yes."
        )
        try:
            ask(self._report, "Go on? Type yes.", unanswered=unanswered)
        except Cancelled:
            self._report.note("Not approved: nothing was recorded or sent.")
            raise


class DryRun(Reviewing):
    """Prints a review of which nothing is kept, as words and as JSON."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def show(self, review: Review) -> None:
        """See :meth:`Reviewing.show`."""
        show(self._report, review)
        for modality, (deleted, total) in review.many_deletions.items():
            self._report.say(f"{deleted:,} of {total:,} {modality} files are gone: recording that needs --allow-deletions.")
        self._report.json(review_json(review))


def show(report: Report, review: Review) -> None:
    """The counts, and the first lines of each kind that a person should look at."""
    summary = review.summary
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
        report.say(f"{plural(summary.excluded, 'change')} {'is' if summary.excluded == 1 else 'are'} held back.")
    for note in summary.notes:
        report.say(note)
    limit = None if report.verbose else SHOWN
    for kind in kinds:
        if kind is ChangeKind.UNCHANGED or (kind in (ChangeKind.ADDED, ChangeKind.UPDATED) and not report.verbose):
            continue
        report.say(f"\n{kind.value}:")
        for change in review.changes(Query(kinds=(kind,), limit=limit)):
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


def review_json(review: Review) -> dict[str, Any]:
    """The whole review for a program."""
    summary = review.summary
    return {
        "version": review.version,
        "mode": review.mode,
        "counts": {
            m: {k.value: {"files": t.files, "bytes": t.bytes} for k, t in kinds.items()} for m, kinds in summary.by_modality.items()
        },
        "renamed": summary.renamed,
        "excluded": summary.excluded,
        "notes": list(summary.notes),
        "changes": [change_json(change) for change in review.changes(Query())],
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


def tell(report: Report, done: Done[Any]) -> None:
    """What a run that records or sends did: in words, and as JSON.  Nothing for a run that had not begun."""
    if not done.begun:
        return
    made, log = done.made, done.log
    if log.recorded and not done.ok:
        report.note(f"To go on in the same version, add --version {log.version}; without it a new version begins.")
    for kind in ACTIONABLE:
        tally = sum((kinds[kind] for kinds in log.entered.values() if kind in kinds), Tally())
        if tally.files:
            report.say(f"{kind.value}: {files(tally.files)}, {size(tally.bytes)}")
    if log.uploaded:
        took = f" in {duration(made.seconds)}" if made else ""
        report.say(f"uploaded: {files(log.uploaded_total.files)}, {size(log.uploaded_total.bytes)}{took}")
    if done.ok and not log.entered and not log.uploaded and not log.failures:
        if done.unread is None:
            report.say("Nothing to do.")
        elif not done.unread:
            report.say("Nothing to do: the journal says what the site has.")
    if done.unread:
        report.error("Not all of the site could be compared with the journal: see the problems above. Scan again when they are cleared up.")
    groups: dict[tuple[str, str], list[str]] = {}
    for failure in log.failures:
        groups.setdefault((failure.cause.replace(failure.item.path, "…"), failure.remedy), []).append(failure.item.path)
    for (cause, remedy), paths in groups.items():
        report.error(f"{files(len(paths))} failed. {cause} {remedy}".strip())
        for path in paths if report.verbose else paths[:SHOWN]:
            report.say(f"  failed: {path}")
    for note in log.notes:
        report.warn(note)
    if done.receipt:
        report.say(f"Receipt: {done.receipt}")
    from chorus_gui.app.receipts import to_json

    report.json({"receipt": str(done.receipt) if done.receipt else None, **(json.loads(to_json(made)) if made else {})})
