"""``chorus-upload export …``: what changed, what failed, what the last verification and readiness check found, and a message about a run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.app.exports import LastRun
    from chorus_gui.app.run import Done
    from chorus_gui.cli.report import Report

RESULTS = ("ok", "missing", "size_differs", "content_differs", "unprovable", "unchecked")
"""What a verification finds of a file; a test compares it with :class:`~chorus_gui.core.transfer.verify.VerifyResult`."""
CHARTS = ("files", "bytes", "growth", "growth-bytes", "patients", "speed")
"""What can be drawn; a test compares it with :data:`~chorus_gui.app.charts.TITLES`."""
KINDS = ("added", "updated", "moved", "restored", "deleted", "unmatched", "problem")
"""What a review lists; a test compares it with :class:`~chorus_gui.core.model.ChangeKind`."""


def add(groups: Any) -> None:
    """The group's grammar."""
    group = groups.add_parser(
        "export", help="write what changed, what failed, what the last verification or readiness check found, or a message about a run"
    )
    commands = group.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)

    changes = commands.add_parser("changes", help="scan the site, and write what changed; nothing is recorded")
    changes.add_argument("--output-file", metavar="F", required=True, help="write to F, as CSV")
    changes.add_argument("--modalities", metavar="A,B", help="scan only these modalities")
    changes.add_argument(
        "--mode", choices=("full", "append"), help="choose what a missing file means in this scan: full, it was deleted; append, nothing"
    )
    changes.add_argument(
        "--kind",
        metavar="K",
        action="append",
        default=[],
        choices=KINDS,
        help=f"write only these changes: {', '.join(KINDS)} (can be repeated)",
    )
    changes.add_argument("--json", action="store_true", help="print JSON")
    changes.set_defaults(run=run_changes)

    failed = commands.add_parser(
        "failed", help="write which files failed in the last submission, recording, upload or repair that this computer knows of"
    )
    failed.add_argument("--output-file", metavar="F", required=True, help="write to F, as CSV")
    failed.add_argument("--json", action="store_true", help="print JSON")
    failed.set_defaults(run=run_failed)

    verification = commands.add_parser("verification", help="write the results of the journal's last verification on this computer")
    verification.add_argument("--output-file", metavar="F", required=True, help="write to F, as CSV, or as JSON if F ends in .json")
    verification.add_argument(
        "--result",
        metavar="R",
        action="append",
        default=[],
        choices=RESULTS,
        help=f"write only these results: {', '.join(RESULTS)} (can be repeated)",
    )
    verification.add_argument("--json", action="store_true", help="print JSON")
    verification.set_defaults(run=run_verification)

    chart = commands.add_parser("chart", help="write the values of a chart of the local journal and of the receipts on this computer")
    chart.add_argument("--name", metavar="N", required=True, choices=CHARTS, help=f"write this chart: {', '.join(CHARTS)}")
    chart.add_argument("--output-file", metavar="F", required=True, help="write to F, as CSV")
    chart.add_argument("--json", action="store_true", help="print JSON")
    chart.set_defaults(run=run_chart)

    message = commands.add_parser(
        "message", help="print a short message about the journal's last run that left a receipt, to be sent to the central team"
    )
    message.add_argument("--version", metavar="V", help="choose the last run of this version")
    message.add_argument("--output-file", metavar="F", help="write to F, as text")
    message.add_argument("--json", action="store_true", help="print JSON")
    message.set_defaults(run=run_message)

    readiness = commands.add_parser("readiness", help="write what the last passes of the readiness check found")
    readiness.add_argument("--output-file", metavar="F", required=True, help="write to F, as CSV, or as a page to print if F ends in .html")
    readiness.add_argument("--json", action="store_true", help="print JSON")
    readiness.set_defaults(run=run_readiness)


def run_changes(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any]:
    """Scan, and write the changes."""
    from chorus_gui.app.exports import check_writable, scan_and_export
    from chorus_gui.cli.arguments import submit_options, workspace
    from chorus_gui.core.model import ChangeKind
    from chorus_gui.core.review.values import Query

    file = Path(args.output_file)
    with workspace(args, report) as opened:
        check_writable(file)
        done = scan_and_export(opened, ctx, submit_options(args), file, Query(kinds=tuple(map(ChangeKind, args.kind))))
    if done.ok:
        _print_result(report, file, done.value, "change")
    return done


def run_failed(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Write the failures."""
    from chorus_gui.app.exports import check_writable, export_last_failures
    from chorus_gui.cli.arguments import load_config

    file = Path(args.output_file)
    config = load_config(args, report)
    check_writable(file)
    _print_failures(report, file, export_last_failures(config, file, ctx))
    return 0


def _print_failures(report: Report, file: Path, last: LastRun) -> None:
    from chorus_gui.app.receipts import TITLES
    from chorus_gui.app.words import moment, plural

    made = last.receipt
    where = "this computer" if last.here else made.host
    of = f" of version {', '.join(made.versions)}" if made.versions else ""
    report.say(f"Wrote {plural(last.count, 'failure')} to {file}.")
    report.say(f"{TITLES[made.kind]}{of}, by {made.user} on {where}, ended {moment(made.ended_us)}.")
    run = {"kind": made.kind, "versions": made.versions, "user": made.user, "host": made.host, "ended_us": made.ended_us}
    report.json({"file": str(file), "count": last.count, "run": {**run, "this_computer": last.here}})


def _print_result(report: Report, file: Path, count: int, noun: str) -> None:
    from chorus_gui.app.words import plural

    report.say(f"Wrote {plural(count, noun)} to {file}.")
    report.json({"file": str(file), "count": count})


def run_verification(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Write the verdicts."""
    del ctx
    from chorus_gui.app.exports import check_writable, export_verify
    from chorus_gui.cli.arguments import load_config

    file = Path(args.output_file)
    config = load_config(args, report)
    check_writable(file)
    _print_result(report, file, export_verify(config, file, args.result), "result")
    return 0


def run_chart(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Write the values of a chart."""
    from chorus_gui.app.charts import export
    from chorus_gui.app.exports import check_writable
    from chorus_gui.cli.arguments import load_config

    file = Path(args.output_file)
    config = load_config(args, report)
    check_writable(file)
    _print_result(report, file, export(config, args.name, file, ctx), "line")
    return 0


def run_readiness(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Write the findings."""
    from chorus_gui.app.exports import check_writable
    from chorus_gui.app.readiness_facts import export
    from chorus_gui.cli.arguments import load_config

    file = Path(args.output_file)
    config = load_config(args, report)
    check_writable(file)
    _print_result(report, file, export(config, file, ctx), "rule")
    return 0


def run_message(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Print or write the message about a run."""
    from chorus_gui.app.exports import check_writable, write_whole
    from chorus_gui.app.receipt_message import last_message
    from chorus_gui.cli.arguments import load_config

    file = Path(args.output_file) if args.output_file else None
    config = load_config(args, report)
    if file is not None:
        check_writable(file)
    text, receipt = last_message(config, args.version, ctx)
    if file is None:
        report.say(text.rstrip("\n"))
    else:
        write_whole(file, text.encode())
        report.say(f"Wrote the message to {file}.")
    report.json({"message": text, "file": str(file) if file else None, "receipt": str(receipt.page)})
    return 0
