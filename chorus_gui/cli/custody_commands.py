"""``chorus-upload journal checkout | checkin | status | unlock | adopt | set-aside``: the journal in the cloud."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.app.status import Status
from chorus_gui.cli.arguments import UNASKED, add_accept_less, ask, workspace
from chorus_gui.core.errors import UnansweredError
from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.cli.report import Report


COMMANDS = {"check in": "journal checkin: ", "take over": "journal adopt --local-journal F: ", "set aside": "journal set-aside: "}
"""The value of a :class:`~chorus_gui.core.custody.recover.Choice` → the command that does it; the others need no command."""


def add(commands: Any) -> None:
    """The commands' grammar, in the journal group."""
    out = commands.add_parser("checkout", help="get the cloud journal for yourself, until you check it in")
    out.add_argument("--local-journal", metavar="F", help="use this local journal file, relative to the current folder")
    add_accept_less(out)
    out.set_defaults(run=run_checkout)
    back = commands.add_parser("checkin", help="return the journal to the central store")
    back.add_argument("--local-journal", metavar="F", help="use this local journal file, relative to the current folder")
    add_accept_less(back)
    back.add_argument("--keep", action="store_true", help="keep it checked out afterwards")
    back.set_defaults(run=run_checkin)
    status = commands.add_parser("status", help="show who has the cloud journal, and since when")
    status.add_argument("--json", action="store_true", help="print JSON")
    status.set_defaults(run=run_status)
    unlock = commands.add_parser("unlock", help="remove the lock from a cloud journal that somebody left checked out")
    unlock.add_argument("--yes", "--force", action="store_true", help="do not ask")
    unlock.set_defaults(run=run_unlock)
    adopt = commands.add_parser("adopt", help="take over a journal that was checked out with another tool, or whose lock was lost")
    adopt.add_argument(
        "--local-journal",
        metavar="F",
        help="continue with this file, relative to the current folder, instead of the configured local journal",
    )
    adopt.add_argument("--yes", action="store_true", help="do not ask")
    adopt.set_defaults(run=run_adopt)
    aside = commands.add_parser("set-aside", help="keep the local journal under another name, end its check-out, and use the cloud journal")
    aside.add_argument("--yes", action="store_true", help="do not ask, even if files are uploaded again")
    aside.set_defaults(run=run_set_aside)


def run_checkout(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Lock and download the cloud journal."""
    from chorus_gui.app.custody import check_out

    with workspace(args, report) as opened:
        return _said(report, check_out(opened, ctx))


def run_checkin(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Upload the journal and remove the lock."""
    from chorus_gui.app.custody import check_in

    with workspace(args, report) as opened:
        local = Path(args.local_journal).absolute() if args.local_journal else None
        return _said(report, check_in(opened, ctx, local_journal=local, keep=args.keep))


def run_status(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Who has the journal, and what can be done."""
    from chorus_gui.app.custody import status
    from chorus_gui.app.known import lost

    with workspace(args, report) as opened:
        url, state, offers = status(opened, ctx)
        missing = lost(opened, ctx)
    report.say(f"{url}: {state.describe()}")
    for text in (state.damage, str(missing) if missing else ""):
        if text:
            report.say(f"  {text}")
    for offer in offers:
        report.say(f"  {COMMANDS.get(offer.choice.value, '')}{offer.text}")
    report.json(
        {
            "journal": url,
            "state": state.state.value,
            "who": state.who,
            "host": state.host,
            "since": state.since.isoformat() if state.since else None,
            "local": str(state.local) if state.local else None,
            "says": state.describe(),
            "offers": [offer.choice.value for offer in offers],
            "less_history": str(missing) if missing else None,
        }
    )
    return Status.DONE


def run_unlock(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Says what can go wrong, asks, unlocks."""
    from chorus_gui.app.custody import lock_state, unlock

    with workspace(args, report) as opened:
        state, warnings = lock_state(opened, ctx)
        report.say(state.describe())
        for line in warnings:
            report.say(f"  {line}")
        if state.lock is not None and not args.yes:
            confirm(report, "Unlock the journal anyway?")
        return _said(report, unlock(opened, ctx))


def run_adopt(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Shows both journals, asks, and continues with the local one."""
    from chorus_gui.app.custody import adopt, compare

    with workspace(args, report) as opened:
        file = Path(args.local_journal).absolute() if args.local_journal else opened.config.journal.local
        sides = compare(opened, ctx, file)
        report.say(sides.seen.describe())
        report.say(sides.describe())
        if not args.yes:
            confirm(report, f"Take over {file}?")
        return _said(report, adopt(opened, ctx, file, sides))


def run_set_aside(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Keep the local journal under another name."""
    from chorus_gui.app.custody import sent_again, set_aside

    with workspace(args, report) as opened:
        again = sent_again(opened, ctx)
        for line in again:
            report.say(line)
        if again and not args.yes:
            confirm(report, "Set the local journal aside?")
        return _said(report, set_aside(opened, ctx))


def _said(report: Report, sentences: Iterable[str]) -> Status:
    for sentence in sentences:
        report.say(sentence)
    return Status.DONE


def confirm(report: Report, question: str) -> None:
    """Ask for a yes.  Raises :class:`UnansweredError` if nobody can answer."""
    ask(
        report,
        f"{question} Type “yes” to confirm.",
        unanswered=UnansweredError(
            "Could not ask for confirmation.", meaning=UNASKED, remedy="Read the lines above, then repeat the command with --yes."
        ),
    )
