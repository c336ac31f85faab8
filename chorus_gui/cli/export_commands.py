"""``chorus-upload export …``: what the last verification and the last readiness check found, as a file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.cli.report import Report

RESULTS = ("ok", "missing", "size_differs", "content_differs", "unprovable", "unchecked")
"""What a verification finds of a file; a test compares it with :class:`~chorus_gui.core.transfer.verify.VerifyResult`."""


def add(groups: Any) -> None:
    """The group's grammar."""
    group = groups.add_parser(
        "export", help="write what the last verification or readiness check found to a file; nothing is checked again"
    )
    commands = group.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)

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
    verification.set_defaults(run=run_verification)

    readiness = commands.add_parser("readiness", help="write what the last passes of the readiness check found")
    readiness.add_argument("--output-file", metavar="F", required=True, help="write to F, as CSV, or as a page to print if F ends in .html")
    readiness.set_defaults(run=run_readiness)


def run_verification(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Write the verdicts."""
    del ctx
    from chorus_gui.app.exports import check_writable, export_verify
    from chorus_gui.app.words import plural
    from chorus_gui.cli.arguments import load_config

    file = Path(args.output_file)
    config = load_config(args, report)
    check_writable(file)
    report.say(f"Wrote {plural(export_verify(config.journal.local, file, args.result), 'result')} to {file}.")
    return 0


def run_readiness(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Write the findings."""
    from chorus_gui.app.exports import check_writable
    from chorus_gui.app.readiness_facts import export
    from chorus_gui.app.words import plural
    from chorus_gui.cli.arguments import load_config

    file = Path(args.output_file)
    config = load_config(args, report)
    check_writable(file)
    report.say(f"Wrote {plural(export(config, file, ctx), 'rule')} to {file}.")
    return 0
