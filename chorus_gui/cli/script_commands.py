"""``chorus-upload script …``: what a generated script asks for while it runs.  Not meant to be typed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.cli.report import Report

NOTHING_TO_DO = 10
"""Exit status of ``script ready`` when every file of the page is marked already."""


def add(groups: Any) -> None:
    """The group's grammar; it is left out of the list of commands."""
    group = groups.add_parser("script")
    commands = group.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)

    one = commands.add_parser("checkout", help="check the journal out, or go on with the check-out that an interrupted script left")
    one.set_defaults(run=run_checkout)

    one = commands.add_parser("checkin", help="check the journal in")
    one.set_defaults(run=run_checkin)

    one = commands.add_parser("ready", help=f"are these still the recorded files?  Status {NOTHING_TO_DO}: all are uploaded already")
    one.add_argument("--file-list", metavar="F", required=True, help="the files of a page, as the journal names them")
    one.add_argument("--folders", metavar="F", help="the folders that are sent whole")
    one.set_defaults(run=run_ready)

    one = commands.add_parser("sas", help="print a SAS for the central store, or for a modality's source, signed with the configured key")
    one.add_argument("--modality", metavar="M", help="for this modality's source")
    one.add_argument("--hours", type=float, default=48.0, help="how long it is valid")
    one.set_defaults(run=run_sas)


def run_checkout(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Take the journal, unless it is ours already."""
    from chorus_gui.cli.workplace import load_config
    from chorus_gui.core.custody.checkin import checkin
    from chorus_gui.core.custody.checkout import checkout
    from chorus_gui.core.custody.home import need, open_home
    from chorus_gui.core.custody.state import State, look
    from chorus_gui.core.errors import CustodyError

    with open_home(load_config(args, report)) as found:
        home = need(found)
        state = look(home, ctx)
        if state.state is State.MINE and state.memory.automatic:
            checkin(home, ctx)  # of a command that was interrupted
        elif state.state is State.MINE:
            if state.memory.local != str(home.local):
                raise CustodyError(
                    f"The journal is checked out into {state.memory.local}, not into {home.local}.", remedy="Check it in first."
                )
            report.say(f"{state.describe()} This script goes on with it.")
            return 0
        held = checkout(home, ctx)
        report.say(f"The journal is checked out into {held.local}.")
        for note in held.notes:
            report.say(note)
    return 0


def run_checkin(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Give the journal back."""
    from chorus_gui.cli.workplace import load_config
    from chorus_gui.core.custody.checkin import checkin
    from chorus_gui.core.custody.home import need, open_home

    with open_home(load_config(args, report)) as home:
        returned = checkin(need(home), ctx)
    report.say("The journal is checked in.")
    for note in returned.notes:
        report.say(note)
    return 0


def run_ready(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """0: send the page; 10: nothing to do; 1: the site is not as recorded."""
    from chorus_gui.cli.workplace import open_journal, working
    from chorus_gui.core.scripts.ready import ready
    from chorus_gui.core.submission.mark import read_list

    folders = read_list(Path(args.folders)) if args.folders else []
    with open_journal(args, report, ctx, write=False) as place, working(place, ctx) as work:
        answer = ready(work, read_list(Path(args.file_list)), folders)
    if not answer.problems:
        return 0 if answer.pending else NOTHING_TO_DO
    for problem in answer.problems[:20]:
        report.error(problem)
    if len(answer.problems) > 20:
        report.error(f"… and {len(answer.problems) - 20:,} more.")
    report.error("Nothing of this page was sent. Record the changes (“journal update”), and make a new script (“file list”).")
    return 1


def run_sas(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Print the token itself, for a script to catch: the one place where a secret leaves the program."""
    del ctx
    from chorus_gui.cli.workplace import load_config
    from chorus_gui.core.errors import UsageError
    from chorus_gui.core.scripts.access import sas_of

    config = load_config(args, report)
    if args.modality and args.modality not in config.sites:
        raise UsageError(f"The configuration has no modality {args.modality}.", remedy=f"It has {', '.join(config.modalities)}.")
    print(sas_of(config.sites[args.modality].place if args.modality else config.central, args.hours))
    return 0
