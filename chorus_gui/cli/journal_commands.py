"""``chorus-upload journal …``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from chorus_gui.cli import custody_commands
from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.app.run import Done
    from chorus_gui.app.status import Status
    from chorus_gui.cli.report import Report

Groups = Any  # argparse does not name the class of what add_subparsers returns


def add(groups: Groups) -> None:
    """The group's grammar."""
    group = groups.add_parser("journal", help="scan the site into the journal; list, upgrade, restore and undo")
    commands = group.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)

    update = commands.add_parser("update", help="scan the site and record what changed, without sending it")
    add_review_options(update)
    update.add_argument("--dry-run", action="store_true", help="show what would be recorded, and record nothing")
    update.set_defaults(run=run_update, long=True)

    listing = commands.add_parser("list", help="the versions in the journal, with counts by modality")
    listing.add_argument("--version", metavar="V", help="this version only")
    listing.add_argument("--modalities", metavar="A,B", help="these modalities only")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=run_list)

    check = commands.add_parser("check", help="look for damage and for what other tools left behind")
    check.add_argument("--json", action="store_true", help="print JSON")
    check.set_defaults(run=run_check)

    undo = commands.add_parser("undo", help="take back what was recorded for a version and not uploaded")
    undo.add_argument("--version", metavar="V", required=True, help="the version")
    undo.set_defaults(run=run_undo)

    upgrade = commands.add_parser("upgrade", help="turn a journal of 2024 into the present schema (one-way; the old file is kept)")
    upgrade.set_defaults(run=run_upgrade)

    restore = commands.add_parser("restore", help="list the kept copies of the journal, or go back to one")
    restore.add_argument("copy", nargs="?", metavar="COPY", help="the name of a copy, as listed; without it they are listed")
    restore.add_argument("--json", action="store_true", help="print JSON")
    restore.set_defaults(run=run_restore)

    custody_commands.add(commands)


def add_review_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that scans the site."""
    parser.add_argument(
        "--version", metavar="V", help="the version to record under; one that exists is amended (default: now, YYYYMMDDHHMMSS)"
    )
    parser.add_argument("--amend", action="store_true", help="amend the last version, or the one that --version names")
    parser.add_argument("--modalities", metavar="A,B", help="scan these modalities only")
    parser.add_argument(
        "--mode", choices=("full", "append"), help="for this scan: full, a missing file was deleted; append, it means nothing"
    )
    parser.add_argument("--allow-deletions", action="store_true", help="confirm that a large part of a modality really was deleted")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_update(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any]:
    """Scan, compare, record."""
    from chorus_gui.app.review import look
    from chorus_gui.app.submit import submit
    from chorus_gui.cli.arguments import submit_options, workspace
    from chorus_gui.cli.review_text import DryRun, Terminal, tell

    with workspace(args, report) as opened:
        if args.dry_run:
            return look(opened, ctx, submit_options(args), DryRun(report))
        done = submit(opened, ctx, submit_options(args), Terminal(report, yes=True), record_only=True)
    tell(report, done)
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
        report.say(f"Journal {found.name} (version {found.schema} of the schema)")
        report.table(
            ("version", "modality", ">files", ">size", ">pending", ">replaced or deleted", "last upload (UTC)"),
            [(c.version, c.modality, c.active, size(c.active_bytes), c.pending, c.closed, c.last_upload or "–") for c in found.counts],
        )
        report.json(
            {
                "journal": str(found.path),
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
                    }
                    for c in found.counts
                ],
            }
        )
    return done


def run_check(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any] | Status:
    """Damage is an error (status 1); dirt that other tools leave is listed, with what becomes of it."""
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
        report.say("The journal is whole." if not findings else "The journal is whole; none of this stops a submission.")
    return done


def run_undo(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any]:
    """Take back a recorded version."""
    from chorus_gui.app.journal import undo
    from chorus_gui.cli.arguments import workspace

    with workspace(args, report) as opened:
        done = undo(opened, ctx, args.version)
    if done.ok:
        report.say(f"{done.value:,} recorded files of version {args.version} were taken back. The next scan finds them as new again.")
        if done.receipt:
            report.say(f"Receipt: {done.receipt}")
    return done


def run_upgrade(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any]:
    """Version 1 to version 2."""
    from chorus_gui.app.journal import upgrade
    from chorus_gui.cli.arguments import workspace

    with workspace(args, report) as opened:
        done = upgrade(opened, ctx)
    if done.ok:
        found = done.value
        report.say(f"The journal now has schema 2, with {found.rows:,} rows ({found.active:,} open, {found.pending:,} pending).")
        report.say(f"The file as it was is kept as {found.kept}. The tool of 2024 cannot read the new one.")
        for finding in found.findings:
            report.warn(f"{finding.text} {finding.remedy}".rstrip())
    return done


def run_restore(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any] | Status:
    """List the kept copies, or go back to one."""
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
                report.say("No copies are kept yet; one is made before every change.")
            return Status.DONE
        chosen = find_copy(opened, args.copy)
        done = restore(opened, ctx, chosen.path)
    if done.ok:
        kept = done.outcome.value
        report.say(
            f"The journal is the one of {utc(chosen.at)} (UTC) again."
            + (f" The one that was in its place is kept as {kept.name}." if kept else "")
        )
    return done
