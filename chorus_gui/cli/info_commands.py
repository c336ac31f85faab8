"""``chorus-upload history | config-help | usage``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.app.run import Done
    from chorus_gui.app.status import Status
    from chorus_gui.cli.report import Report

USAGE = """\
A submission from beginning to end

  1. chorus-upload config-help --output config.toml     then fill in the site's folder and the central store
  2. chorus-upload scan                                 show what changed since the last submission; nothing is recorded
  3. chorus-upload submit                               show it again, and after your approval record and upload it
  4. chorus-upload file verify                          compare the central store with the journal

The same in two steps, as with the other tools

  chorus-upload journal update                   record what changed
  chorus-upload file upload                      upload what was recorded

If something is unclear or went wrong

  chorus-upload status                           show where the site is in its submission, and what comes next
  chorus-upload doctor                           check the configuration, site, journal, store and this computer
  chorus-upload readiness --pass quick           check the site's files against the rules of the consortium
  chorus-upload journal undo --version V         remove what was recorded and not uploaded
  chorus-upload journal restore                  list the kept copies of the journal, or restore one
  chorus-upload journal check                    check the journal for damage
  chorus-upload history                          show the commands that changed this journal

Add --help to any command to see its options.

Exit status

  0    done
  1    done, but some files failed, differ or have problems
  2    could not start, or the input is not valid
  3    stopped on the way (network, token, disk); the same command continues
  4    needs a decision by a person, or a rule of the policy was not met
  70   a program error
  130  stopped on request; the same command continues
"""


def add(groups: Any) -> None:
    """The commands' grammar."""
    status = groups.add_parser("status", help="show where the site is in its submission, and what comes next")
    status.add_argument("--json", action="store_true", help="print JSON")
    status.set_defaults(run=run_status)
    history = groups.add_parser("history", help="show the commands that changed this journal")
    history.add_argument("--json", action="store_true", help="print JSON")
    history.set_defaults(run=run_history)
    schema = groups.add_parser("json-schema", help="print the JSON schema of what the commands print with --json")
    schema.add_argument("--output", metavar="FILE", help="write it to this new file instead, in UTF-8")
    schema.set_defaults(run=run_json_schema)
    config = groups.add_parser("config-help", help="print a configuration file in which every key is explained")
    config.add_argument("--flat", action="store_true", help="use the layout of the 2024 tool")
    config.add_argument("--output", metavar="FILE", help="write it to this new file instead, in UTF-8")
    config.set_defaults(run=run_config_help)
    groups.add_parser("usage", help="show a submission from beginning to end").set_defaults(run=run_usage)


def run_status(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Show where the site is; status 0 unless it cannot be determined."""
    from chorus_gui.app.facts import known
    from chorus_gui.app.site_status import site_status
    from chorus_gui.app.status import Status
    from chorus_gui.cli.arguments import workspace

    with workspace(args, report) as opened:
        found = site_status(known(opened, ctx))
    report.say(f"{found.headline}. {found.text}")
    for step in found.steps:
        report.say(f"  {step.progress.value:<8} {step.name}: {step.text}")
    for warning in found.warnings:
        report.say(f"Warning: {warning}")
    command = found.command
    if command:
        report.say(f"Next: chorus-upload {command}{f' --version {found.next.version}' if found.next.version else ''}")
    report.json(
        {
            "headline": found.headline,
            "text": found.text,
            "grade": found.grade.value,
            "next": {"step": found.next.name, "command": command, "version": found.next.version},
            "steps": [{"name": step.name, "progress": step.progress.value, "text": step.text} for step in found.steps],
            "warnings": list(found.warnings),
        }
    )
    return Status.DONE


def run_history(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any]:
    """The journal's own command history."""
    from chorus_gui.app.journal import history
    from chorus_gui.app.words import duration
    from chorus_gui.cli.arguments import workspace

    with workspace(args, report) as opened:
        done = history(opened, ctx)
    if done.ok:
        commands = done.value
        report.table(
            ("when", "command", "options", "to", ">duration"),
            [(c.at, c.command, c.params, c.dest or "", duration(c.seconds)) for c in commands],
        )
        if not commands:
            report.say("No commands yet. Each command that changes the journal adds a line.")
        report.json(
            [
                {
                    "when": c.at,
                    "common": c.common,
                    "command": c.command,
                    "options": c.params,
                    "from": c.src_paths,
                    "to": c.dest,
                    "seconds": c.seconds,
                }
                for c in commands
            ]
        )
    return done


def run_config_help(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Print the template, or write it to a file."""
    del ctx
    from chorus_gui.app.configuration import Layout, new_file, template

    text = template(Layout.FLAT if args.flat else Layout.NESTED)
    if args.output:
        report.say(f"Wrote {new_file(Path(args.output), text)}. Fill in the site's folders and the central store.")
    else:
        report.text(text.rstrip("\n"))
    return 0


def run_json_schema(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Print the schema, or write it to a file."""
    del ctx
    from chorus_gui.app.configuration import new_file
    from chorus_gui.app.folders import resource

    text = resource("output.schema.json").read_text("utf-8")
    if args.output:
        report.say(f"Wrote {new_file(Path(args.output), text)}.")
    else:
        report.text(text.rstrip("\n"))
    return 0


def run_usage(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Print the steps of a submission."""
    del args, ctx
    report.say(*USAGE.rstrip("\n").split("\n"))
    return 0
