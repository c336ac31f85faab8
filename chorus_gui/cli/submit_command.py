"""``chorus-upload submit``: a whole submission, with a person's approval in the middle."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.app.run import Done
    from chorus_gui.cli.report import Report


def add(groups: Any) -> None:
    """The command's grammar."""
    from chorus_gui.cli.arguments import add_accept_less, add_cluster, add_limit, add_order
    from chorus_gui.cli.journal_commands import add_hash_options, add_review_options

    parser = groups.add_parser("submit", help="scan, show what changed, and after your approval record and upload it")
    add_review_options(parser)
    approval = parser.add_mutually_exclusive_group()
    approval.add_argument("--yes", action="store_true", help="approve without being asked")
    approval.add_argument("--policy", metavar="FILE", help="approve exactly what this policy allows, or stop; for runs that nobody watches")
    pending = parser.add_mutually_exclusive_group()
    pending.add_argument(
        "--pending",
        action="store_true",
        default=True,
        help="also upload pending files of the chosen modalities and version (the default; the review shows them)",
    )
    pending.add_argument("--without-pending", dest="pending", action="store_false", help="leave pending files for later")
    parser.add_argument(
        "--require",
        choices=("ready",),
        help="run the quick pass of the readiness check after the scan, and stop if it finds anything that the central team cannot use",
    )
    add_limit(parser)
    add_order(parser)
    add_cluster(parser)
    parser.set_defaults(run=run, long=True)

    scan = groups.add_parser("scan", help="scan the site and show what changed; nothing is recorded or uploaded")
    scan.add_argument("--modalities", metavar="A,B", help="scan only these modalities")
    scan.add_argument(
        "--mode", choices=("full", "append"), help="choose what a missing file means in this scan: full, it was deleted; append, nothing"
    )
    add_hash_options(scan)
    add_cluster(scan)
    add_accept_less(scan)
    scan.add_argument("--json", action="store_true", help="print JSON")
    scan.set_defaults(run=run_scan, long=True)


def run_scan(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any]:
    """Scan and show."""
    from chorus_gui.app.review import look
    from chorus_gui.cli.arguments import submit_options, workspace
    from chorus_gui.cli.review_text import DryRun

    options = submit_options(args)
    with workspace(args, report) as opened:
        done = look(opened, ctx, options, DryRun(report), "scan")
    if done.ok and options.hashed:
        report.say("To submit files whose content changed, run “chorus-upload submit --hash”.")
    return done


def run(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[None]:
    """Scan, show, ask, record and upload."""
    if args.policy is not None:
        return run_policy(args, report, ctx)
    from chorus_gui.app.submit import submit
    from chorus_gui.cli.arguments import submit_options, workspace
    from chorus_gui.cli.review_text import Terminal, print_result

    with workspace(args, report) as opened:
        reviewing = Terminal(report, central=opened.config.central.text, yes=args.yes)
        done = submit(opened, ctx, submit_options(args), reviewing)
    print_result(report, done)
    return done


def run_policy(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any]:
    """Submit what a policy approves, and leave a report."""
    from chorus_gui.app.receipts import headline
    from chorus_gui.app.unattended.approving import ByPolicy
    from chorus_gui.app.unattended.policy_file import read_policy_file
    from chorus_gui.app.unattended.run_report import values
    from chorus_gui.app.unattended.running import reported, submit_by_policy
    from chorus_gui.cli.arguments import submit_options, workspace
    from chorus_gui.cli.review_text import Shown, print_result

    def on_result(name: str, done: Done[Any]) -> None:
        if name == "submit":
            print_result(report, done)
        else:
            report.say(f"{name}: {headline(done.made) if done.made else done.outcome.kind.value}")

    policy_file = Path(args.policy)
    with reported(Path(args.config or "config.toml"), policy_file) as running:
        for earlier in running.unfinished:
            report.warn(f"An earlier run did not end. Its report: {earlier.file.with_suffix('.html')}")
        with workspace(args, report) as opened:
            running.config = opened.config
            policy = read_policy_file(policy_file)
            running.on_result = None if report.as_json else on_result
            done = submit_by_policy(opened, ctx, policy, submit_options(args), ByPolicy(policy, Shown(report)), running)
    for warning in running.report.warnings:
        report.warn(warning)
    report.say(f"Report: {running.kept.file.with_suffix('.html')}")
    report.json(values(running.report))
    return done
