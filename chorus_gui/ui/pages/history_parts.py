"""What the History page's tables show: versions, receipts, commands, kept copies of the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from chorus_gui.app.journal import Complete, Completeness, HistoryCommand
from chorus_gui.app.receipts import TITLES
from chorus_gui.app.unattended.run_report import Result
from chorus_gui.app.unattended.seen import RunFacts, Unattended
from chorus_gui.app.values import CopyFacts, JournalFacts, ReceiptFacts
from chorus_gui.core.model import Grade, Tally
from chorus_gui.ui import words
from chorus_gui.ui.models.rows import Column
from chorus_gui.ui.widgets.charts import Bar

CHART_VERSIONS = 24


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version over all modalities: ``files`` by modality (current entries), their sum, what is pending, what was replaced or deleted later."""

    version: str
    files: dict[str, int]
    active: Tally
    pending: Tally
    closed: int
    last_upload: str | None
    complete: Completeness | None = None


def version_lines(journal: JournalFacts | None, complete: Mapping[str, Completeness] = MappingProxyType({})) -> list[VersionLine]:
    """The newest first.  ``complete``: what the marker of each version says, as far as that is known."""
    out: list[VersionLine] = []
    for version in reversed(journal.versions if journal else ()):
        counts = journal.by_version.get(version, ()) if journal else ()
        out.append(
            VersionLine(
                version,
                {count.modality: count.active for count in counts},
                sum((Tally(c.active, c.active_bytes) for c in counts), Tally()),
                sum((Tally(c.pending, c.pending_bytes) for c in counts), Tally()),
                sum(c.closed for c in counts),
                max((c.last_upload for c in counts if c.last_upload), default=None),
                complete.get(version),
            )
        )
    return out


def version_name(version: str) -> str:
    """A version for people: the date and time in its name, or the name itself."""
    try:
        at = datetime.strptime(version, "%Y%m%d%H%M%S")  # noqa: DTZ007 - a stamp is local time
    except ValueError:
        return version
    return f"{at:%Y-%m-%d %H:%M}" if len(version) == 14 else version


def _number(value: int) -> str:
    return words.number(value) if value else "–"


def _by(name: str) -> Column[VersionLine]:
    return Column(name, lambda line: _number(line.files.get(name, 0)), lambda line: line.files.get(name, 0), right=True)


COMPLETE = {Complete.YES: "Yes", Complete.NO: "No", Complete.OUTDATED: "Outdated"}


def _complete(line: VersionLine) -> str:
    return COMPLETE[line.complete.complete] if line.complete else "–"


def _complete_tip(line: VersionLine) -> str:
    if line.complete is None:
        return "Not known: the central store was not asked, or did not answer"
    match line.complete.complete:
        case Complete.YES:
            return "Every approved file is confirmed, and the central team can see it"
        case Complete.OUTDATED:
            return f"{line.complete.why} Upload the pending files, or verify the version."
        case Complete.NO:
            return "The version has no completion marker in the central store. Upload its pending files, or repair it."


def _complete_grade(line: VersionLine) -> Grade | None:
    known = line.complete
    return None if known is None else {Complete.YES: Grade.GOOD, Complete.OUTDATED: Grade.WARNING}.get(known.complete)


def version_columns(modalities: Sequence[str]) -> list[Column[VersionLine]]:
    """A column for each modality, between what a version is and what happened to it."""
    return [
        Column("Version", lambda line: line.version, tip=lambda line: version_name(line.version)),
        *(_by(name) for name in modalities),
        Column("Files", lambda line: _number(line.active.files), lambda line: line.active.files, right=True),
        Column("Size", lambda line: words.size(line.active.bytes), lambda line: line.active.bytes, right=True),
        Column(
            "Pending",
            lambda line: _number(line.pending.files),
            lambda line: line.pending.files,
            right=True,
            tip=lambda line: "Recorded, not uploaded yet" if line.pending.files else "All files were uploaded",
            grade=lambda line: Grade.WARNING if line.pending.files else None,
        ),
        Column(
            "Replaced",
            lambda line: _number(line.closed),
            lambda line: line.closed,
            right=True,
            tip=lambda _: "Files of this version that a later version replaced or deleted",
        ),
        Column("Complete", _complete, tip=_complete_tip, grade=_complete_grade),
        Column("Last upload", lambda line: words.stamp(line.last_upload), lambda line: line.last_upload or ""),
    ]


def bar_names(versions: Sequence[str]) -> list[str]:
    """A name for each bar, all different: the day; with several on one day, the day and the time; otherwise the versions."""
    shown = [version_name(version) for version in versions]
    for names in ([name[:10] for name in shown], [name[5:] if len(name) == 16 else name for name in shown]):
        if len(set(names)) == len(names):
            return names
    return list(versions)


def bars(lines: Sequence[VersionLine], modalities: Sequence[str]) -> list[Bar]:
    """For the charts of History and Overview: the oldest first; the files of a version are its current entries, as in every list."""
    shown = list(reversed(lines[:CHART_VERSIONS]))
    names = bar_names([line.version for line in shown])
    return [Bar(name, tuple(line.files.get(modality, 0) for modality in modalities)) for name, line in zip(names, shown, strict=True)]


def _receipt_text(receipt: ReceiptFacts) -> str:
    return words.files_and_size(receipt.uploaded) if receipt.uploaded.files else "–"


def _receipt_versions(receipt: ReceiptFacts) -> str:
    return ", ".join(receipt.versions) if len(receipt.versions) < 3 else words.count_of(len(receipt.versions), "version")


RECEIPTS: list[Column[ReceiptFacts]] = [
    Column("When", lambda r: words.moment(r.ended_us), lambda r: r.at_us),
    Column("Run", lambda r: TITLES.get(r.kind, r.kind)),
    Column("Version", _receipt_versions, tip=lambda r: "\n".join(r.versions)),
    Column("Result", lambda r: r.headline, grade=lambda r: Grade.GOOD if r.clean else Grade.WARNING),
    Column("Uploaded", _receipt_text, lambda r: r.uploaded.bytes, right=True),
    Column(
        "Failed",
        lambda r: _number(r.failures - r.differing),
        lambda r: r.failures - r.differing,
        right=True,
        grade=lambda r: Grade.BAD if r.failures > r.differing else None,
    ),
    Column(
        "Different",
        lambda r: _number(r.differing),
        lambda r: r.differing,
        right=True,
        tip=lambda _: "Files that a verification found missing or different",
        grade=lambda r: Grade.BAD if r.differing else None,
    ),
    Column("By", lambda r: r.by),
]


RESULT_GRADES = {Result.DONE: Grade.GOOD, Result.STOPPED: Grade.WARNING, Result.FAILED: Grade.BAD}
RUNS: list[Column[RunFacts]] = [
    Column("Started", lambda r: words.moment(r.started_us), lambda r: r.started_us),
    Column("Result", lambda r: r.headline, grade=lambda r: RESULT_GRADES.get(r.result), tip=lambda r: run_text(r)),
    Column("Uploaded", lambda r: words.files_and_size(r.uploaded) if r.uploaded.files else "–", lambda r: r.uploaded.bytes, right=True),
    Column("Failed", lambda r: _number(r.failed), lambda r: r.failed, right=True, grade=lambda r: Grade.BAD if r.failed else None),
    Column("Policy", lambda r: r.policy),
    Column("Exit status", lambda r: "–" if r.status is None else str(r.status), lambda r: -1 if r.status is None else r.status, right=True),
]


def run_text(run: RunFacts) -> str:
    """How a run ended and why, all of it: the list has space for the beginning."""
    return "\n".join(part for part in (run.headline, run.why) if part)


def schedule_text(found: Unattended, now: datetime) -> str:
    """What is scheduled, in a sentence or two."""
    if found.trouble:
        return f"The schedules are not known. {found.trouble}"
    if not found.schedules:
        return "Nothing is scheduled. In a terminal, “chorus-upload schedule install --policy FILE” schedules unattended submissions."
    lines = [f"“{one.name}” starts {one.when}. Next start: {words.at(one.next_run(now))}." for one in found.schedules]
    return " ".join([*lines, "Unattended runs wait while somebody works in this window."])


def command_moment(command: HistoryCommand) -> str:
    """When it began, local; as the journal spells it if that is not a time."""
    try:
        at = datetime.strptime(command.at.removesuffix(" UTC"), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return command.at
    return words.at(at)


def _command_tip(command: HistoryCommand) -> str:
    lines = [f"{command.command} {command.params}".strip(), command.common]
    lines += [f"{name}: {path}" for name, path in command.src_paths.items()]
    if command.dest:
        lines.append(f"to {command.dest}")
    return "\n".join(line for line in lines if line)


COMMANDS: list[Column[HistoryCommand]] = [
    Column("When", command_moment, lambda c: c.at, tip=_command_tip),
    Column("Command", lambda c: c.command, tip=_command_tip),
    Column("Parameters", lambda c: c.params, tip=_command_tip),
    Column("Destination", lambda c: c.dest or "–", tip=_command_tip),
    Column(
        "Duration",
        lambda c: words.duration(c.seconds),
        lambda c: c.seconds if c.seconds is not None else -1.0,
        right=True,
        tip=_command_tip,
    ),
]


def _unreadable(copy: CopyFacts) -> Grade | None:
    return None if copy.readable else Grade.BAD


COPIES: list[Column[CopyFacts]] = [
    Column("Kept on", lambda c: words.at(c.at), lambda c: c.at, tip=lambda c: str(c.path)),
    Column("File", lambda c: c.path.name, tip=lambda c: str(c.path)),
    Column("Last version", lambda c: (c.last_version or "–") if c.readable else "cannot be read", grade=_unreadable),
    Column("Files", lambda c: _number(c.active) if c.readable else "–", lambda c: c.active, right=True),
    Column("Pending", lambda c: _number(c.pending) if c.readable else "–", lambda c: c.pending, right=True),
    Column("Size on disk", lambda c: words.size(c.size), lambda c: c.size, right=True),
]
