"""``chorus-upload report …``: what unattended runs left, and a test of the messages about them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from chorus_gui.app.status import Status
from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.cli.report import Report

SHOWN = 30
"""Runs that are listed."""


def add(groups: Any) -> None:
    """The group's grammar."""
    group = groups.add_parser("report", help="list the reports of unattended runs; test the hook and the mail")
    commands = group.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)

    one = commands.add_parser("list", help="list the last unattended runs, the newest first")
    one.add_argument("--json", action="store_true", help="print JSON")
    one.set_defaults(run=run_list)

    one = commands.add_parser("test", help="start the hook and send the mail of [report] now, with a report that says that it is a test")
    one.set_defaults(run=run_test)


def run_list(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """The runs of this configuration."""
    del ctx
    from chorus_gui.app.unattended.run_report import saved, values
    from chorus_gui.app.words import moment
    from chorus_gui.cli.arguments import load_config

    file = str(load_config(args, report).file)
    found = [(page, run) for page, run in saved() if run.config == file][:SHOWN]
    if found:
        rows = [
            (moment(run.started_us), "" if run.status is None else run.status, run.headline, page.with_suffix(".html").name)
            for page, run in found
        ]
        report.table(("started", ">status", "result", "report"), rows)
        report.say(f"The reports are in {found[0][0].parent}.")
    else:
        report.say("No unattended run of this configuration has left a report. “chorus-upload submit --policy FILE” leaves one.")
    report.json([{**values(run), "page": str(page.with_suffix(".html"))} for page, run in found])
    return Status.DONE


def run_test(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Tell everybody that this is a test."""
    del ctx
    from chorus_gui.app.configuration import use_system_certificates
    from chorus_gui.app.unattended.testing import notify_of_test
    from chorus_gui.cli.arguments import load_config

    config = load_config(args, report)
    if getattr(args, "own_process", False):
        use_system_certificates(config)
    done, warnings = notify_of_test(config)
    for sentence in done:
        report.say(sentence)
    for warning in warnings:
        report.error(warning)
    return Status.FAULTY if warnings else Status.DONE
