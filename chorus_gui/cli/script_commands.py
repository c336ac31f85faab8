"""``chorus-upload script …``: for generated scripts while they run, not for people."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.app.status import Status
from chorus_gui.cli.arguments import add_accept_less, load_config, workspace
from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.app.run import Done
    from chorus_gui.cli.report import Report

NOTHING_TO_DO = 10
"""Exit status of ``script ready`` when every file of the page is marked already."""
MOST_HOURS = 720
"""A month: longer than a script runs."""


def add(groups: Any) -> None:
    """The group's grammar; it is left out of the list of commands."""
    group = groups.add_parser("script")
    commands = group.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)

    one = commands.add_parser("checkout", help="check the journal out, or continue the check-out of an interrupted script")
    add_accept_less(one)
    one.set_defaults(run=run_checkout)

    one = commands.add_parser("checkin", help="check the journal in")
    one.set_defaults(run=run_checkin)

    one = commands.add_parser(
        "ready", help=f"check if these are still the recorded files; exit status {NOTHING_TO_DO} if all are already uploaded"
    )
    one.add_argument("--file-list", metavar="F", required=True, help="read the paths of a page from F, as in the journal")
    one.add_argument("--folders", metavar="F", help="read the folders that are uploaded completely from F")
    one.set_defaults(run=run_ready)

    one = commands.add_parser(
        "sas", help="print a SAS token for the central store, or for a modality's source, signed with the configured key"
    )
    one.add_argument("--modality", metavar="M", help="print one for this modality's source")
    one.add_argument("--hours", type=_hours, default=48.0, help="set for how many hours it is valid (default: 48)")
    one.set_defaults(run=run_sas)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= MOST_HOURS:
        raise argparse.ArgumentTypeError(f"“{text}” is not a number of hours up to {MOST_HOURS}.")
    return hours


def run_checkout(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Check the journal out, unless this computer already has it."""
    from chorus_gui.app.custody import continue_or_check_out

    with workspace(args, report) as opened:
        for sentence in continue_or_check_out(opened, ctx):
            report.say(sentence)
    return Status.DONE


def run_checkin(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Check the journal in."""
    from chorus_gui.app.custody import check_in

    with workspace(args, report) as opened:
        for sentence in check_in(opened, ctx):
            report.say(sentence)
    return Status.DONE


def run_ready(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any] | int:
    """0: upload the page; 10: nothing to do; 1: the site differs from what was recorded."""
    from chorus_gui.app.journal import read_list
    from chorus_gui.app.scripts import ready

    folders = read_list(Path(args.folders)) if args.folders else []
    paths = read_list(Path(args.file_list))
    with workspace(args, report) as opened:
        done = ready(opened, ctx, paths, folders)
    if not done.ok:
        return done
    answer = done.value
    if not answer.problems:
        return Status.DONE if answer.pending else NOTHING_TO_DO
    for problem in answer.problems[:20]:
        report.error(problem)
    if len(answer.problems) > 20:
        report.error(f"… and {len(answer.problems) - 20:,} more.")
    report.error("No file of this page was uploaded. Record the changes with “journal update”, then write a new script with “file list”.")
    return Status.FAULTY


def run_sas(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Print the token itself, for a script to catch: the one place where a secret leaves the program."""
    del ctx
    from chorus_gui.app.scripts import sas

    print(sas(load_config(args, report), args.modality, args.hours))
    return Status.DONE
