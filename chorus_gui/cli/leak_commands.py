"""``chorus-upload leak …``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from chorus_gui.app.status import Status
from chorus_gui.app.words import agree, files, moment
from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.app.leaks import Changed
    from chorus_gui.cli.report import Report
    from chorus_gui.core.readiness.leaks import Accepted, Leak


def add(groups: Any) -> None:
    """The group's grammar."""
    group = groups.add_parser("leak", help="list leaks of patient data that checks found; accept one that is not a leak, with a reason")
    commands = group.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)

    listing = commands.add_parser("list", help="list leaks that nobody has accepted; exit status 1 if there are any")
    listing.add_argument("--all", action="store_true", help="also list what is accepted, and what is no longer accepted")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=run_list)

    accepting = commands.add_parser("accept", help="accept the leaks of a rule, in the files as they are now; the receipt shows the reason")
    _what(accepting)
    accepting.add_argument("--reason", metavar="TEXT", required=True, help="say why these files may be sent; the receipt shows it")
    accepting.set_defaults(run=run_accept)

    withdrawing = commands.add_parser("withdraw", help="no longer accept the leaks of a rule")
    _what(withdrawing)
    withdrawing.set_defaults(run=run_withdraw)


def _what(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rule", metavar="ID", required=True, help="use this rule, for example P1")
    parser.add_argument(
        "--file",
        metavar="P",
        action="append",
        default=[],
        help="only this file: its path as in the list (can be repeated; default: all files)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_list(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """List what is open, and with ``--all`` what is accepted, line by line: there can be a million."""
    from chorus_gui.app.leaks import NOT_SHARED, listing, refresh
    from chorus_gui.cli.arguments import workspace

    with workspace(args, report) as opened:
        trouble = refresh(opened, ctx)
        with listing(opened.config) as found:
            some, unknown = False, found.unknown

            def leaks() -> Iterator[Leak]:
                nonlocal some
                for leak in found.open:
                    ctx.checkpoint()
                    some = True
                    yield leak

            accepted = [one for one in found.accepted if args.all or not one.withdrawn_us]
            if report.as_json:
                said = ({"rule": leak.rule, "modality": leak.modality, "path": leak.path, "about": leak.about} for leak in leaks())
                report.json_of_list("open", said, {"accepted": [one._asdict() for one in accepted], "trouble": trouble or None})
            else:
                for leak in leaks():
                    report.say(f"{leak.rule:4}  {leak.modality}: {leak.path}{f'  ({leak.about})' if leak.about else ''}")
                if not some and not unknown:
                    report.say("No open leaks in what was checked.")
                if args.all and accepted:
                    _accepted(report, accepted)
    if trouble:
        report.warn(f"{trouble} {NOT_SHARED}")
    if unknown:
        report.warn(unknown)
    return Status.FAULTY if some or trouble or unknown else Status.DONE


def _accepted(report: Report, accepted: Sequence[Accepted]) -> None:
    report.table(
        ("rule", "file", "about", "accepted by", "at", "reason", "withdrawn"),
        [
            (
                one.rule,
                f"{one.modality}: {one.path}",
                one.about or "–",
                one.by,
                moment(one.at_us),
                one.reason,
                f"{moment(one.withdrawn_us)} by {one.withdrawn_by or 'this program'}" if one.withdrawn_us else "no",
            )
            for one in accepted
        ],
        title="Accepted",
    )


def run_accept(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Accept, for exactly these files, and share it."""
    from chorus_gui.app.leaks import accept_for_all
    from chorus_gui.cli.arguments import workspace

    with workspace(args, report) as opened:
        return _print_result(report, accept_for_all(opened, ctx, args.rule, args.file, args.reason), "accepted")


def run_withdraw(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Withdraw what was accepted, and share it."""
    from chorus_gui.app.leaks import withdraw_for_all
    from chorus_gui.cli.arguments import workspace

    with workspace(args, report) as opened:
        return _print_result(report, withdraw_for_all(opened, ctx, args.rule, args.file), "no longer accepted")


def _print_result(report: Report, changed: Changed, word: str) -> Status:
    report.say(f"{files(changed.count)} {word}.")
    if changed.open:
        report.say(f"{files(changed.open)} {agree(changed.open, 'has', 'have')} an open leak.")
    if changed.trouble:
        report.error(f"{changed.trouble} Colleagues do not see it yet: it is shared with the next command that reads the list.")
    report.json({word.replace(" ", "_"): changed.count, "open": changed.open, "trouble": changed.trouble or None})
    return Status.STOPPED if changed.trouble else Status.DONE
