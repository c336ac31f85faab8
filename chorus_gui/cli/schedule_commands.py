"""``chorus-upload schedule …``: start unattended runs by the scheduler of this system."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.app.status import Status
from chorus_gui.core.errors import UnansweredError
from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.app.schedule.plan import Schedule
    from chorus_gui.app.schedule.schedulers import Plan
    from chorus_gui.cli.report import Report

NAME = "nightly"


def add(groups: Any) -> None:
    """The group's grammar."""
    group = groups.add_parser("schedule", help="start unattended submissions by the Task Scheduler, a systemd timer or a launchd job")
    commands = group.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)

    one = commands.add_parser("install", help="show what is installed for a schedule, ask, and install it")
    one.add_argument("--policy", metavar="FILE", required=True, help="submit what this policy allows")
    one.add_argument("--time", metavar="HH:MM", default="22:30", help="start at this local time (default: 22:30)")
    one.add_argument(
        "--days", metavar="D", default="daily", help="start on these days: daily, workdays, weekends, or mon,wed,fri (default: daily)"
    )
    one.add_argument("--name", metavar="N", default=NAME, help=f"name the schedule; an existing one is replaced (default: {NAME})")
    one.add_argument(
        "--only-when-signed-in", action="store_true", help="on Windows: run only while you are signed in, so no password is needed"
    )
    one.add_argument("--print", dest="only_print", action="store_true", help="only print what would be installed")
    one.add_argument(
        "--system", choices=("windows", "systemd", "launchd"), help="with --print: print it for this scheduler (default: of this system)"
    )
    one.add_argument("--yes", action="store_true", help="do not ask")
    one.set_defaults(run=run_install)

    one = commands.add_parser("show", help="show the schedules of this user, and when they start next")
    one.add_argument("--json", action="store_true", help="print JSON")
    one.set_defaults(run=run_show)

    one = commands.add_parser("remove", help="remove a schedule that “schedule install” made")
    one.add_argument("--name", metavar="N", default=NAME, help=f"remove this one (default: {NAME})")
    one.add_argument("--yes", action="store_true", help="do not ask")
    one.set_defaults(run=run_remove)


def run_install(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Show, ask, install."""
    del ctx
    from chorus_gui.app.schedule.plan import System
    from chorus_gui.app.schedule.schedulers import here, scheduler
    from chorus_gui.cli.arguments import UNASKED, ask
    from chorus_gui.core.errors import UsageError

    if args.system and not args.only_print:
        raise UsageError(
            "--system is for --print: only the scheduler of this system can be used.", remedy="Add --print, or leave out --system."
        )
    schedule = _schedule(args, report)
    to = scheduler(System(args.system) if args.system else here())
    plan = to.plan(schedule)
    _show(report, plan)
    if args.only_print:
        return Status.DONE
    if not args.yes:
        unanswered = UnansweredError("Could not ask.", meaning=UNASKED, remedy="Repeat the command with --yes.")
        ask(report, f"Install the schedule “{schedule.name}” ({schedule.when})? Type “yes” to confirm.", unanswered=unanswered)
    to.install(schedule)
    report.say(f"The schedule “{schedule.name}” is installed: {schedule.when}. Next start: {_next(schedule)}.")
    report.say("To try it now, run “chorus-upload submit --policy FILE”. To remove it, run “chorus-upload schedule remove”.")
    return Status.DONE


def _schedule(args: argparse.Namespace, report: Report) -> Schedule:
    """The schedule that is wanted.  Its configuration and policy are read first: a night must not find out that they are faulty."""
    from chorus_gui.app.schedule.plan import Schedule, read_days, read_name, read_time, whole_path
    from chorus_gui.app.schedule.schedulers import own_program
    from chorus_gui.app.unattended.notifying import check_messages
    from chorus_gui.app.unattended.policy_file import read_policy_file
    from chorus_gui.cli.arguments import load_config

    name, time, days = read_name(args.name), read_time(args.time), read_days(args.days)
    config = load_config(args, report)
    read_policy_file(Path(args.policy))
    check_messages(config)
    return Schedule(
        name,
        own_program(),
        whole_path(str(config.file)),
        whole_path(args.policy),
        time,
        days,
        args.only_when_signed_in,
        whole_path(home) if (home := os.environ.get("CHORUS_UPLOAD_HOME", "")) else "",
    )


def _show(report: Report, plan: Plan) -> None:
    for file, content in plan.files.items():
        report.say(f"{file}:")
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")
        report.say(*(f"    {line.expandtabs(2)}" for line in text.splitlines()), "")
    report.say("Then these programs are run:", *(f"    {_line(words)}" for words in plan.programs), "")
    for note in plan.notes:
        report.say(note)


def _line(words: tuple[str, ...]) -> str:
    """A program with its arguments, as a person would type it there."""
    return subprocess.list2cmdline(words) if words[0] == "schtasks" else shlex.join(words)


def _next(schedule: Schedule) -> str:
    return f"{schedule.next_run(datetime.now().astimezone()):%Y-%m-%d %H:%M}"


def run_show(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """All schedules of this user."""
    del ctx, args
    from dataclasses import asdict

    from chorus_gui.app.schedule.schedulers import here, scheduler

    system = here()
    found = scheduler(system).installed() if system else []
    if found:
        report.table(
            ("name", "when", "next start", "configuration", "policy"), [(s.name, s.when, _next(s), s.config, s.policy) for s in found]
        )
    else:
        report.say("There is no schedule. “chorus-upload schedule install --policy FILE” makes one.")
    report.json([{**asdict(one), "command": [*one.command], "next": _next(one)} for one in found])
    return Status.DONE


def run_remove(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Show, ask, remove."""
    del ctx
    from chorus_gui.app.schedule.plan import read_name
    from chorus_gui.app.schedule.schedulers import here, scheduler
    from chorus_gui.cli.arguments import UNASKED, ask

    to = scheduler(here())
    found = to.find(read_name(args.name))
    plan = to.removal(found.name)
    report.say("These programs are run:", *(f"    {_line(words)}" for words in plan.programs))
    if plan.files:
        report.say("Then these files are removed:", *(f"    {file}" for file in plan.files))
    if not args.yes:
        unanswered = UnansweredError("Could not ask.", meaning=UNASKED, remedy="Repeat the command with --yes.")
        ask(report, f"Remove the schedule “{found.name}” ({found.when})? Type “yes” to confirm.", unanswered=unanswered)
    to.remove(found.name)
    report.say(f"The schedule “{found.name}” is removed.")
    return Status.DONE
