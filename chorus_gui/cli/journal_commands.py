"""``chorus-upload journal …``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from chorus_gui.cli import custody_commands
from chorus_gui.cli.arguments import add_accept_less, share
from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.app.journal import Listing
    from chorus_gui.app.run import Done
    from chorus_gui.app.status import Status
    from chorus_gui.cli.report import Report

Groups = Any  # argparse does not name the class of what add_subparsers returns


def add(groups: Groups) -> None:
    """The group's grammar."""
    group = groups.add_parser("journal", help="record the site's changes; list, check, check out, restore or upgrade the journal")
    commands = group.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)

    update = commands.add_parser("update", help="scan the site and record what changed, without uploading it")
    add_review_options(update)
    update.add_argument("--dry-run", action="store_true", help="show what would be recorded, and record nothing")
    update.set_defaults(run=run_update, long=True)

    listing = commands.add_parser("list", help="list the versions in the journal, with counts by modality")
    listing.add_argument("--version", metavar="V", help="list only this version")
    listing.add_argument("--modalities", metavar="A,B", help="list only these modalities")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=run_list)

    check = commands.add_parser("check", help="check for damage, and for what other tools left behind")
    check.add_argument("--json", action="store_true", help="print JSON")
    check.set_defaults(run=run_check)

    undo = commands.add_parser("undo", help="remove what was recorded for a version and not uploaded; deletions stay recorded")
    undo.add_argument("--version", metavar="V", required=True, help="undo this version")
    undo.add_argument("--json", action="store_true", help="print JSON")
    add_accept_less(undo)
    undo.set_defaults(run=run_undo)

    upgrade = commands.add_parser(
        "upgrade", help="upgrade a journal of the 2024 tool to format 2 (there is no way back; the old file is kept)"
    )
    add_accept_less(upgrade)
    upgrade.set_defaults(run=run_upgrade)

    restore = commands.add_parser("restore", help="list the kept copies of the journal, or restore one")
    restore.add_argument("copy", nargs="?", metavar="COPY", help="restore the copy with this name (default: list the copies)")
    restore.add_argument("--json", action="store_true", help="print JSON")
    restore.set_defaults(run=run_restore)

    recover = commands.add_parser("recover", help="use the fullest copy of the journal, if the journal has lost history")
    recover.add_argument("--yes", action="store_true", help="do not ask")
    recover.set_defaults(run=run_recover)

    custody_commands.add(commands)


def add_review_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that scans the site."""
    parser.add_argument(
        "--version", metavar="V", help="record under this version; an existing one is amended (default: now, YYYYMMDDHHMMSS)"
    )
    parser.add_argument("--amend", action="store_true", help="amend the last version, or the one that --version names")
    parser.add_argument("--modalities", metavar="A,B", help="scan only these modalities")
    parser.add_argument(
        "--mode", choices=("full", "append"), help="choose what a missing file means in this scan: full, it was deleted; append, nothing"
    )
    add_hash_options(parser)
    add_accept_less(parser)
    parser.add_argument("--allow-deletions", action="store_true", help="confirm that a large part of a modality was really deleted")
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_hash_options(parser: argparse.ArgumentParser) -> None:
    """The options that compare the content of files whose size and time are those of the journal."""
    parser.add_argument(
        "--hash", action="store_true", help="read every file, and find those that changed although their size and time are the same"
    )
    parser.add_argument("--sample", metavar="P", type=share, help="with --hash: read only this share of the files, such as 1%%")


def run_update(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any]:
    """Scan, compare, record."""
    from chorus_gui.app.review import look
    from chorus_gui.app.submit import submit
    from chorus_gui.cli.arguments import submit_options, workspace
    from chorus_gui.cli.review_text import DryRun, Terminal, print_result

    with workspace(args, report) as opened:
        if args.dry_run:
            return look(opened, ctx, submit_options(args), DryRun(report))
        done = submit(opened, ctx, submit_options(args), Terminal(report, yes=True), record_only=True)
    print_result(report, done)
    return done


def run_list(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any]:
    """Counts by version and modality."""
    from chorus_gui.app.journal import versions
    from chorus_gui.app.words import size
    from chorus_gui.cli.arguments import selection, workspace

    with workspace(args, report) as opened:
        done = versions(opened, ctx, selection(args))
    if done.ok:
        found = done.value
        report.say(f"Journal {found.name} (format {found.schema})")
        report.table(
            ("version", "modality", ">files", ">size", ">pending", ">replaced or deleted", "last upload (UTC)", "complete"),
            [
                (
                    c.version,
                    c.modality,
                    c.active,
                    size(c.active_bytes),
                    c.pending,
                    c.closed,
                    c.last_upload or "–",
                    _complete(found, c.version),
                )
                for c in found.counts
            ],
        )
        if not found.counts:
            report.say(
                "No version has such files." if args.version or args.modalities else "No versions yet. The first submission adds one."
            )
        for outdated in (one for one in found.complete.values() if one.why):
            report.warn(f"The completion marker of version {outdated.version} is outdated. {outdated.why}")
        report.json(
            {
                "journal": found.name,
                "schema": found.schema,
                "versions": [
                    {
                        "version": c.version,
                        "modality": c.modality,
                        "files": c.active,
                        "bytes": c.active_bytes,
                        "pending": c.pending,
                        "pending_bytes": c.pending_bytes,
                        "closed": c.closed,
                        "last_upload": c.last_upload,
                        "complete": found.complete[c.version].complete.value if c.version in found.complete else None,
                    }
                    for c in found.counts
                ],
            }
        )
    return done


def _complete(found: Listing, version: str) -> str:
    return found.complete[version].complete.value if version in found.complete else "–"


def run_check(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any] | Status:
    """Damage is an error (status 1); what other tools left behind is listed, with what to do."""
    from chorus_gui.app.journal import check
    from chorus_gui.app.status import Status
    from chorus_gui.cli.arguments import workspace
    from chorus_gui.core.errors import JournalDamagedError, JournalMixedError

    with workspace(args, report) as opened:
        done = check(opened, ctx)
    if isinstance(done.outcome.error, (JournalDamagedError, JournalMixedError)):
        report.error(done.outcome.error)
        return Status.FAULTY
    if done.ok:
        findings = done.value
        report.json(
            [{"kind": f.kind, "text": f.text, "count": f.count, "examples": list(f.examples), "remedy": f.remedy} for f in findings]
        )
        for finding in findings:
            examples = f" For example: {', '.join(finding.examples)}." if finding.examples else ""
            report.say(f"{finding.text} {finding.remedy}".rstrip() + examples)
        report.say("The journal is intact." if not findings else "The journal is intact. None of this stops a submission.")
    return done


def run_undo(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any]:
    """Remove what was recorded for a version and not uploaded."""
    from chorus_gui.app.journal import undo
    from chorus_gui.cli.arguments import workspace

    with workspace(args, report) as opened:
        done = undo(opened, ctx, args.version)
    if done.ok:
        found = done.value
        report.say(found.text)
        report.json({"version": found.version, "removed": found.removed, "deletions_kept": found.closed})
        if done.receipt:
            report.say(f"Receipt: {done.receipt}")
    return done


def run_upgrade(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any]:
    """From format 1 to format 2."""
    from chorus_gui.app.journal import upgrade
    from chorus_gui.app.words import plural
    from chorus_gui.cli.arguments import workspace

    with workspace(args, report) as opened:
        done = upgrade(opened, ctx)
    if done.ok:
        found = done.value
        report.say(
            f"The journal now has format 2, with {plural(found.rows, 'entry', 'entries')} ({found.active:,} current, {found.pending:,} pending)."
        )
        report.say(f"The old file is kept as {found.kept}. The 2024 tool cannot read the new one.")
        for finding in found.findings:
            report.warn(f"{finding.text} {finding.remedy}".rstrip())
    return done


def run_restore(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any] | Status:
    """List the kept copies, or restore one."""
    from chorus_gui.app.journal import copies, find_copy, restore
    from chorus_gui.app.status import Status
    from chorus_gui.app.words import size, utc
    from chorus_gui.cli.arguments import workspace

    with workspace(args, report) as opened:
        if args.copy is None:
            found = copies(opened)
            report.table(
                ("copy", "made (UTC)", ">size", ">files", ">pending", "last version"),
                [(c.path.name, utc(c.at), size(c.size), c.active, c.pending, c.versions[-1] if c.versions else "–") for c in found],
            )
            report.json([{"copy": c.path.name, "made": utc(c.at), "bytes": c.size, "files": c.active, "pending": c.pending} for c in found])
            if not found:
                report.say("No kept copies yet. One is made before every change.")
            return Status.DONE
        chosen = find_copy(opened, args.copy)
        done = restore(opened, ctx, chosen.path)
    if done.ok:
        kept = done.outcome.value
        report.say(
            f"Restored the journal of {utc(chosen.at)} (UTC)." + (f" The journal that it replaced is kept as {kept.name}." if kept else "")
        )
    return done


def run_recover(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Show both journals, ask, and use the other one."""
    from chorus_gui.app.known import lost, recover
    from chorus_gui.app.status import Status
    from chorus_gui.cli.arguments import workspace

    with workspace(args, report) as opened:
        found = lost(opened, ctx)
        if found is None:
            report.say("The journal has all the history that is known on this computer. Nothing was changed.")
            return Status.DONE
        report.say(f"In use: {found.used.describe()}")
        report.say(f"{'Other' if found.lost else 'Fuller'} copy: {found.known.describe()}")
        if found.lost:
            report.warn(f"{found.lost} The journal in use is kept under another name.")
        if not args.yes:
            custody_commands.confirm(report, f"Use the {'other' if found.lost else 'fuller'} copy as the journal?")
        for sentence in recover(opened, ctx, found.known):
            report.say(sentence)
    return Status.DONE
