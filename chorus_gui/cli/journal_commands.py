"""``chorus-upload journal …``."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chorus_gui.cli import custody_commands
from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
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


def run_update(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Scan, compare, record."""
    from chorus_gui.cli.review_text import Run, scan_and_show, told
    from chorus_gui.cli.workplace import open_journal, optional_store, params_text, working
    from chorus_gui.core.review.staging import Staging
    from chorus_gui.core.submission.submit import Approved, record

    params = params_text(args, "version", "amend", "modalities", "mode", "allow_deletions")
    with (
        open_journal(args, report, ctx, write=not args.dry_run, create=True, params=params) as place,
        optional_store(place.config) as store,
    ):
        reviewed, approval = scan_and_show(args, report, ctx, place, store, approve_it=not args.dry_run)
        if approval is None:
            return 0
        run = Run()
        with (
            told(report, ctx, place, "record", run, reviewed) as log,
            Staging.open(reviewed.path) as staging,
            working(place, ctx, log) as work,
        ):
            record(work, Approved(staging, approval), store)
        return run.status


def run_list(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Counts by version and modality."""
    from chorus_gui.cli.workplace import modality_list, open_journal
    from chorus_gui.core.errors import UsageError
    from chorus_gui.core.receipt import size
    from chorus_gui.core.submission.review_site import choose_modalities

    with open_journal(args, report, ctx, write=False) as place:
        wanted = choose_modalities(place.config, modality_list(args)) if args.modalities else None
        counts = [c for c in place.journal.counts() if args.version in (None, c.version) and (wanted is None or c.modality in wanted)]
        if args.version and args.version not in place.journal.versions():
            raise UsageError(f"The journal has no version {args.version}.", remedy="Leave --version out to see them all.")
        cloud = place.config.journal.cloud
        copied = cloud is not None and not place.config.journal.local.exists()
        report.say(f"Journal {cloud.text if cloud and copied else place.journal.path} (version {place.journal.schema} of the schema)")
        report.table(
            ("version", "modality", ">files", ">size", ">pending", ">replaced or deleted", "last upload (UTC)"),
            [(c.version, c.modality, c.active, size(c.active_bytes), c.pending, c.closed, c.last_upload or "–") for c in counts],
        )
        report.json(
            {
                "journal": str(place.journal.path),
                "schema": place.journal.schema,
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
                    for c in counts
                ],
            }
        )
    return 0


def run_check(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Damage is an error; dirt that other tools leave is told, with what becomes of it."""
    from chorus_gui.cli.workplace import open_journal
    from chorus_gui.core.journal.store import Journal

    with open_journal(args, report, ctx, write=False) as place:
        Journal.verify_file(place.journal.path)
        findings = place.journal.check()
        report.json(
            [{"kind": f.kind, "text": f.text, "count": f.count, "examples": list(f.examples), "remedy": f.remedy} for f in findings]
        )
        for finding in findings:
            report.say(
                f"{finding.text} {finding.remedy}".rstrip() + (f" For example: {', '.join(finding.examples)}." if finding.examples else "")
            )
        report.say("The journal is whole." if not findings else "The journal is whole; none of this stops a submission.")
    return 0


def run_undo(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Take back a recorded version."""
    from chorus_gui.cli.workplace import open_journal, params_text

    with open_journal(args, report, ctx, write=True, params=params_text(args, "version")) as place:
        count = place.journal.undo(args.version)
        report.say(f"{count:,} recorded files of version {args.version} were taken back. The next scan finds them as new again.")
    return 0


def run_upgrade(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Version 1 to version 2."""
    from chorus_gui.cli.workplace import journal_file
    from chorus_gui.core.journal.upgrade import upgrade

    with journal_file(args, report, ctx) as local:
        done = upgrade(local, ctx=ctx)
    report.say(f"The journal now has schema 2, with {done.rows:,} rows ({done.active:,} open, {done.pending:,} pending).")
    report.say(f"The file as it was is kept as {done.kept}. The tool of 2024 cannot read the new one.")
    for finding in done.findings:
        report.warn(f"{finding.text} {finding.remedy}".rstrip())
    return 0


def run_restore(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """List the kept copies, or go back to one."""
    from chorus_gui.cli.workplace import journal_file, load_config
    from chorus_gui.core.errors import UsageError
    from chorus_gui.core.journal.backups import listing, restore
    from chorus_gui.core.receipt import size

    local = load_config(args, report).journal.local
    copies = listing(local)
    if args.copy is None:
        report.table(
            ("copy", "made (UTC)", ">size", ">files", ">pending", "last version"),
            [(c.path.name, _moment(c.at), size(c.size), c.active, c.pending, c.versions[-1] if c.versions else "–") for c in copies],
        )
        report.json(
            [{"copy": c.path.name, "made": _moment(c.at), "bytes": c.size, "files": c.active, "pending": c.pending} for c in copies]
        )
        if not copies:
            report.say("No copies are kept yet; one is made before every change.")
        return 0
    chosen = next((c for c in copies if args.copy in (c.path.name, str(c.path))), None)
    if chosen is None:
        raise UsageError(f"There is no copy {args.copy}.", remedy="“chorus-upload journal restore” lists them.")
    with journal_file(args, report, ctx) as file:
        kept = restore(file, chosen.path)
    report.say(
        f"The journal is the one of {_moment(chosen.at)} (UTC) again."
        + (f" The one that was in its place is kept as {kept.name}." if kept else "")
    )
    return 0


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
