"""``chorus-upload purge``: remove a departing user's data from this computer."""

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
        "purge",
        help="remove your settings, reviews, receipts, logs and stored tokens from this computer; configurations and journals stay",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Ask, remove, say what was removed."""
    del ctx
    from chorus_gui.app.purge import purge
    from chorus_gui.app.words import files, plural
    from chorus_gui.cli.arguments import UNASKED, ask

    if not args.yes:
        ask(
            report,
            "Remove your settings, reviews, receipts, logs and stored tokens from this computer? This cannot be undone. "
            "Type “purge” to confirm.",
            expect=("purge",),
            unanswered=UnansweredError(
                "Could not ask for confirmation.", meaning=UNASKED, remedy="Copy the receipts that you need, then add --yes."
            ),
        )
    count, tokens = purge()
    for name in _schedules():
        report.warn(f"The schedule “{name}” is still installed. Remove it with “chorus-upload schedule remove --name {name}”.")
    report.say(f"Removed {files(count)} and {plural(tokens, 'stored token')}. Configurations and journals were kept.")
    return 0


def _schedules() -> list[str]:
    """The schedules of this user: a purge does not change what a scheduler has."""
    from chorus_gui.app.schedule.schedulers import here, scheduler
    from chorus_gui.core.errors import UsageError

    system = here()
    try:
        return [one.name for one in scheduler(system).installed()] if system else []
    except UsageError:
        return []
