"""``chorus-upload journal checkout | checkin | status | unlock | adopt | set-aside``: the journal in the cloud."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.cli.report import Report
    from chorus_gui.core.custody.home import JournalHome

WAIT = 10.0
"""Seconds that a command waits for another one of this user that works with the same cloud journal."""


def add(commands: Any) -> None:
    """The commands' grammar, in the journal group."""
    out = commands.add_parser("checkout", help="take the cloud journal for yourself, until you check it in")
    out.add_argument("--local-journal", metavar="F", help="the local journal file, relative to this folder")
    out.set_defaults(run=run_checkout)
    back = commands.add_parser("checkin", help="put the journal back into the cloud")
    back.add_argument("--local-journal", metavar="F", help="the local journal file, relative to this folder")
    back.add_argument("--keep", action="store_true", help="keep it checked out afterwards")
    back.set_defaults(run=run_checkin)
    status = commands.add_parser("status", help="who has the cloud journal, and since when")
    status.add_argument("--json", action="store_true", help="print JSON")
    status.set_defaults(run=run_status)
    unlock = commands.add_parser("unlock", help="free a cloud journal that somebody left checked out")
    unlock.add_argument("--yes", "--force", action="store_true", help="do not ask")
    unlock.set_defaults(run=run_unlock)
    adopt = commands.add_parser(
        "adopt", help="you checked it out with the other tool, or the lock was lost: go on with a journal file of yours"
    )
    adopt.add_argument("--local-journal", metavar="F", required=True, help="the journal file to go on with, relative to this folder")
    adopt.add_argument("--yes", action="store_true", help="do not ask")
    adopt.set_defaults(run=run_adopt)
    aside = commands.add_parser("set-aside", help="keep the local journal under another name and end its check-out; the cloud's counts")
    aside.set_defaults(run=run_set_aside)


@contextmanager
def _home(args: argparse.Namespace, report: Report) -> Iterator[JournalHome]:
    from chorus_gui.cli.sign_in import login
    from chorus_gui.cli.workplace import load_config, open_home
    from chorus_gui.core.custody.home import need

    with open_home(load_config(args, report), login()) as home:
        yield need(home)


def run_checkout(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Lock and download."""
    from chorus_gui.core.custody.checkout import checkout

    with _home(args, report) as home:
        held = checkout(home, ctx, wait=WAIT)
        report.say(f"The journal {home.url} is checked out" + (": a new one, begun in " if held.new else " into ") + f"{held.local}.")
        for note in held.notes:
            report.say(note)
    return 0


def run_checkin(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Upload and unlock."""
    from chorus_gui.core.custody.checkin import checkin

    with _home(args, report) as home:
        local = Path(args.local_journal).absolute() if args.local_journal else None
        done = checkin(home, ctx, local_journal=local, keep_checked_out=args.keep, wait=WAIT)
        report.say(f"The journal is checked in: {home.url}." + (" It stays checked out by you." if args.keep else ""))
        for note in done.notes:
            report.say(note)
    return 0


def run_status(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """What lies there, and what can be done."""
    from chorus_gui.core.custody.recover import recover

    with _home(args, report) as home:
        state, offers = recover(home, ctx, wait=WAIT)
        report.say(f"{home.url}: {state.describe()}")
        for offer in offers:
            report.say(f"  {offer.choice.value}: {offer.text}")
        report.json(
            {
                "journal": home.url,
                "state": state.state.value,
                "who": state.who,
                "host": state.host,
                "since": state.since.isoformat() if state.since else None,
                "local": str(state.local) if state.local else None,
                "says": state.describe(),
                "offers": [offer.choice.value for offer in offers],
            }
        )
    return 0


def run_unlock(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Says what can go wrong, asks, unlocks."""
    from chorus_gui.core.custody.state import look
    from chorus_gui.core.custody.unlock import consequences, unlock

    with _home(args, report) as home:
        state = look(home, ctx)
        report.say(state.describe())
        for line in consequences(state):
            report.say(f"  {line}")
        if state.lock is not None and not args.yes:
            _ask(report, "Unlock the journal all the same?")
        done = unlock(home, ctx, force=True, wait=WAIT)
        report.say("The journal is unlocked." + (" It lay in the lock, and was put back under its own name." if done.copied else ""))
    return 0


def run_adopt(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Shows both journals, asks, goes on with the local one."""
    from chorus_gui.core.custody.adopt import adopt, preview

    with _home(args, report) as home:
        file = Path(args.local_journal).absolute()
        sides = preview(home, file, ctx, wait=WAIT)
        report.say(sides.seen.describe())
        report.say(sides.describe())
        if not args.yes:
            _ask(report, f"Go on with {file}?")
        held = adopt(home, file, ctx, sides, wait=WAIT)
        report.say(f"The journal is checked out by you; go on with {held.local}.")
        for note in held.notes:
            report.say(note)
    return 0


def run_set_aside(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """The local journal out of the way, kept."""
    from chorus_gui.core.custody.unlock import set_aside

    with _home(args, report) as home:
        kept = set_aside(home, ctx, wait=WAIT)
        report.say(f"The local journal is kept as {kept}. The next check-out brings the one in the cloud.")
    return 0


def _ask(report: Report, question: str) -> None:
    from chorus_gui.core.errors import Cancelled, UsageError

    if not sys.stdin.isatty():
        raise UsageError("Nobody is there to answer.", remedy="Read the lines above, then say --yes.")
    report.say(f"{question} Type yes.")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Cancelled
