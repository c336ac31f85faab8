"""``chorus-upload clear-data``: remove what names patients from this computer."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from chorus_gui.core.errors import UnansweredError
from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.cli.report import Report


def add(groups: Any) -> None:
    """The command's grammar."""
    parser = groups.add_parser(
        "clear-data",
        help="remove reviews, logs and receipts, which name patients, from this computer; settings, credentials, configurations and journals stay",
    )
    parser.add_argument(
        "--reviews", action="store_true", help="remove only reviews, held-back lists, and results of verifications and checks"
    )
    parser.add_argument("--logs", action="store_true", help="remove only log files (with --reviews: both)")
    parser.add_argument("--receipts", action="store_true", help="remove only receipts (with --reviews or --logs: these, too)")
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Ask, remove, say what was removed."""
    del ctx
    from chorus_gui.app.folders import FORGOTTEN, clear_local_data
    from chorus_gui.app.words import files
    from chorus_gui.cli.arguments import UNASKED, ask

    named = {"reviews": args.reviews, "logs": args.logs, "receipts": args.receipts}
    chosen = {name: wanted or not any(named.values()) for name, wanted in named.items()}
    if not args.yes:
        what = ", ".join(name for name, wanted in chosen.items() if wanted)
        lost = f" Holds that are not shared yet are lost. {FORGOTTEN}" if chosen["reviews"] else ""
        ask(
            report,
            f"Remove this from this computer: {what}?{lost} This cannot be undone. Type “clear” to confirm.",
            expect=("clear",),
            unanswered=UnansweredError(
                "Could not ask for confirmation.", meaning=UNASKED, remedy="Copy the receipts that you need, then add --yes."
            ),
        )
    count = clear_local_data(staging=chosen["reviews"], logs=chosen["logs"], receipts=chosen["receipts"])
    report.say(f"Removed {files(count)}. Journals, their kept copies and configurations were kept.")
    if chosen["reviews"]:
        report.note(FORGOTTEN)
    return 0
