"""The review and the result of a run, in words and tables, for “journal update” and “submit”."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chorus_gui.app.leaks import lines as leak_lines
from chorus_gui.app.readiness_report import severities
from chorus_gui.app.reading import COSTS, PROVIDERS, reading_text
from chorus_gui.app.review import Review, Reviewing
from chorus_gui.app.submit import written
from chorus_gui.app.what_changed import as_json, renamed_text, sentence
from chorus_gui.app.words import KINDS, agree, duration, files, held_text, measured, moment, plural, size
from chorus_gui.cli.arguments import UNASKED, ask
from chorus_gui.core.errors import Declined, UnansweredError
from chorus_gui.core.model import Change, ChangeKind, DiffSummary, Tally
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
        total = sum(review.to_do.values(), Tally()) - review.renamed
        if total.files:
            self._report.say(f"{plural(total.files, 'change')} will be submitted to {self._central} as version {review.version}.")
        along = review.along.total
        if along.files:
            pending = f"{files(along.files)} ({size(along.bytes)}) from earlier {agree(along.files, 'is', 'are')} pending"
            self._report.say(f"{pending}, and will be uploaded, too.")
        unanswered = UnansweredError(
            "Could not ask for approval.",
            meaning=UNASKED,
            remedy="Check the changes with “journal update --dry-run”, then repeat the command with --yes.",
        )
        try:
            ask(self._report, "Approve and upload? Type “yes” to confirm.", unanswered=unanswered)
        except Declined:
            self._report.note("Not approved. Nothing was recorded or uploaded.")
            raise


class Shown(Reviewing):
    """Prints a review, and approves."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def show(self, review: Review) -> None:
        """See :meth:`Reviewing.show`."""
        show(self._report, review)


class DryRun(Reviewing):
    """Prints a review, as text or as JSON, and keeps nothing of it."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def show(self, review: Review) -> None:
        """See :meth:`Reviewing.show`."""
        show(self._report, review)
        for modality, (deleted, total) in review.many_deletions.items():
            self._report.say(f"{deleted:,} of {total:,} {modality} files were deleted. To record that, add --allow-deletions.")
        self._report.json(review_json(review))


def show(report: Report, review: Review) -> None:
    """The counts, and the first lines of each kind that a person should look at."""
    summary = review.summary
    kinds = [kind for kind in ChangeKind if summary.once(kind).files]
    renamed = [summary.renamed] if summary.renamed else []

    def line(name: str, modality: str | None, *more: int) -> list[Any]:
        return [name, *(summary.once(kind, modality).files for kind in kinds), *more]

    rows = [line(name, name, *(summary.renamed_in(name) for _ in renamed)) for name in summary.by_modality if name]
    heads = ("", *(f">{KINDS[kind]}" for kind in kinds), *(">renamed" for _ in renamed))
    report.table(heads, [*rows, line("total", None, *renamed)])
    if changed := sentence(review.changed):
        report.say(f"{changed}.")
    if folders := renamed_text(review.changed):
        report.say(folders)
    if lost := review.lost_patients():
        more = f" and {plural(len(lost) - SHOWN, 'other patient')}" if len(lost) > SHOWN and not report.verbose else ""
        report.say(f"Patients with no files on the site any longer: {', '.join(lost if report.verbose else lost[:SHOWN])}{more}.")
    if summary.excluded:
        report.say(f"{plural(summary.excluded, 'change')} {agree(summary.excluded, 'is', 'are')} held back.")
    for note in summary.notes:
        report.say(note)
    if text := readiness_line(review.readiness):
        report.say(text)
    show_leaks(report, review)
    show_litter(report, review)
    show_pending(report, review)
    show_held(report, review)
    for reading in review.reading:
        report.say("", reading_text(reading), COSTS)
    limit = None if report.verbose else SHOWN
    for kind in kinds:
        if kind is ChangeKind.UNCHANGED or (kind in (ChangeKind.ADDED, ChangeKind.UPDATED) and not report.verbose):
            continue
        report.say("", f"{KINDS[kind]}:{unmatched_text(summary) if kind is ChangeKind.UNMATCHED else ''}")
        for change in review.changes(Query(kinds=(kind,), once=True, limit=limit)):
            report.say(f"  {change_text(change)}")
        _and_more(report, summary.once(kind).files)
    if renamed:
        report.say("", "renamed:", *(f"  {modality}: {old} → {new}" for modality, old, new in review.renamed_files(limit)))
        _and_more(report, summary.renamed)
    report.say()


def _and_more(report: Report, count: int) -> None:
    if count > SHOWN and not report.verbose:
        report.say(f"  … and {count - SHOWN:,} more (-v lists them all)")


def unmatched_text(summary: DiffSummary) -> str:
    """How much of the site matches no pattern, and from when the newest file is."""
    newest = summary.newest_unmatched_us
    text = measured(summary.total(ChangeKind.UNMATCHED), summary.unmatched_unmeasured)
    return f" {text}{f', the newest modified {moment(newest)}' if newest is not None else ''}"


def readiness_line(found: Mapping[str, Any]) -> str:
    """What the readiness check found beside the scan, in a sentence; "" if it is nothing but notes."""
    text = severities(Counter(one["severity"] for one in found.get("findings", ()) if one["severity"] != "note"))
    return f"Readiness: {text}. To see what and where, run “chorus-upload readiness”." if text else ""


def show_leaks(report: Report, review: Review) -> None:
    """Files to be sent with a leak of patient data, and what a person accepted."""
    found = review.leaks
    if found is None:
        return
    if found.files:
        report.say("", f"leaks of patient data that stop the submission ({files(found.files)}):", *leak_lines(found))
        report.say("  Correct the files, or hold them back. If a finding is wrong, use “chorus-upload leak accept”.", "")
    if found.forgotten:
        report.say(f"This submission stops. {found.unknown}", "")
    if found.accepted:
        report.say(f"{plural(len(found.accepted), 'leak')} of patient data {agree(len(found.accepted), 'is', 'are')} accepted.")


def show_litter(report: Report, review: Review) -> None:
    """Files to upload that are possibly not data."""
    count = review.summary.litter.files
    if count:
        report.say("", "possibly not data:")
        for change in review.changes(Query(litter=True, excluded=False, limit=None if report.verbose else SHOWN)):
            report.say(f"  {change_text(change)}")
        if count > SHOWN and not report.verbose:
            report.say(f"  … and {count - SHOWN:,} more (-v lists them all)")
        report.say()


def show_pending(report: Report, review: Review) -> None:
    """What is pending: how much, in which versions and modalities."""
    total = review.pending.total
    if total.files:
        report.say(f"Pending: {files(total.files)}, {size(total.bytes)}, recorded earlier and not uploaded.")
        for version, parts in review.pending.by_version.items():
            named = ", ".join(f"{modality} {files(tally.files)}, {size(tally.bytes)}" for modality, tally in parts.items())
            report.say(f"  version {version}: {named}")
    if review.pending_elsewhere:
        where = (
            f"{files(review.pending_elsewhere)} of other versions or modalities {agree(review.pending_elsewhere, 'is', 'are')} also pending"
        )
        report.say(f"{where}, and not part of this submission.")


def show_held(report: Report, review: Review) -> None:
    """What is held back, by whom, since when, and why."""
    if not review.held:
        return
    report.say("", "held back:")
    shown = review.held if report.verbose else review.held[:SHOWN]
    for hold in shown:
        report.say(f"  {hold.modality}: {hold.path}  [{held_text(hold.reason, hold.held_by, hold.at_us)}]")
    if len(review.held) > len(shown):
        report.say(f"  … and {len(review.held) - len(shown):,} more (-v lists them all)")


def change_text(change: Change) -> str:
    """One change in a line."""
    if not change.path:  # a whole site folder
        return change.note
    note = f"  ({change.note})" if change.note else ""
    held = f"  [held back {held_text(change.reason, change.held_by, change.held_us)}]" if change.excluded else ""
    modality = f"{change.modality}: " if change.modality else ""
    if change.kind is ChangeKind.UNMATCHED:
        known = [size(change.size)] if change.size is not None else []
        known += [f"modified {moment(change.mtime_us)}"] if change.mtime_us is not None else []
        note = f"  ({', '.join(known)})" if known else ""
    return f"{modality}{change.path}{note}{held}"


def review_json(review: Review) -> dict[str, Any]:
    """The whole review as JSON values."""
    summary = review.summary
    return {
        "version": review.version,
        "mode": review.mode,
        "counts": {
            m: {k.value: {"files": t.files, "bytes": t.bytes} for k, t in kinds.items()} for m, kinds in summary.by_modality.items()
        },
        "pending": {
            "files": review.pending.total.files,
            "bytes": review.pending.total.bytes,
            "by_version": {
                version: {modality: {"files": tally.files, "bytes": tally.bytes} for modality, tally in parts.items()}
                for version, parts in review.pending.by_version.items()
            },
        },
        "renamed": summary.renamed,
        "what_changed": as_json(review.changed),
        "excluded": summary.excluded,
        "possibly_not_data": summary.litter.files,
        "held_back": [
            {"modality": hold.modality, "path": hold.path, "reason": hold.reason, "by": hold.held_by, "at_us": hold.at_us}
            for hold in review.held
        ],
        "reading": [
            {
                "place": one.place,
                "provider": PROVIDERS[one.kind],
                "modalities": list(one.modalities),
                "files": one.files.files,
                "bytes": one.files.bytes,
                "requests": one.requests,
                "listing_requests": one.listing,
                "inventory_us": one.inventory_us,
            }
            for one in review.reading
        ],
        "readiness": review.readiness,
        "leaks": {
            "files": review.leaks.files if review.leaks else 0,
            "accepted": len(review.leaks.accepted) if review.leaks else 0,
            "rules": {found.rule.id: found.files for found in review.leaks.rules} if review.leaks else {},
            "unknown": review.leaks.unknown if review.leaks else "",
        },
        "notes": list(summary.notes),
        "changes": [change_json(change) for change in review.changes(Query())],
    }


def change_json(change: Change) -> dict[str, Any]:
    """One change as JSON values."""
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
        "held_by": change.held_by if change.excluded else None,
        "held_us": change.held_us if change.excluded else None,
    }


def _without_path(cause: str, path: str) -> str:
    """A cause that is said of several files."""
    name = f"“{path}”"
    return ("The file" + cause[len(name) :] if cause.startswith(name) else cause).replace(name, "the file")


def print_result(report: Report, done: Done[Any], *, nothing: str = "Nothing to do.") -> None:
    """The result of a run that records or uploads, as text or as JSON.  Nothing for a run that had not begun."""
    if not done.begun:
        return
    made, log = done.made, done.log
    if log.recorded and not done.ok:
        report.note(f"To continue in the same version, add --version {log.version}. Without it, a new version is created.")
    renamed = sum(log.renamed.values(), Tally())
    for kind in ACTIONABLE:
        tally = sum((kinds[kind] for kinds in log.entered.values() if kind in kinds), Tally())
        if kind in (ChangeKind.ADDED, ChangeKind.DELETED):
            tally -= renamed
        if tally.files:
            report.say(f"{KINDS[kind]}: {files(tally.files)}, {size(tally.bytes)}")
    if renamed.files:
        report.say(f"renamed: {files(renamed.files)}, {size(renamed.bytes)}")
    if log.uploaded:
        took = f" in {duration(log.seconds)}"
        report.say(f"uploaded: {files(log.transfers.uploaded.files)}, {size(log.transfers.uploaded.bytes)}{took}")
    wrote = written(log)
    for line in wrote:
        report.say(line)
    if done.ok and not (log.entered or log.uploaded or log.failures or log.notes or wrote):
        if done.unread is None:
            report.say(nothing) if nothing else None
        elif not done.unread:
            report.say("Nothing to do. The journal is up to date.")
    if done.unread:
        report.error(f"{plural(done.unread, 'problem')} on the site. Do what is listed above under “problem”, then scan again.")
    groups: dict[tuple[str, str], list[str]] = {}
    for failure in log.failures:
        groups.setdefault((_without_path(failure.cause, failure.item.path), failure.remedy), []).append(failure.item.path)
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
