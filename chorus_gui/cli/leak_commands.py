"""``chorus-upload leak …``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from chorus_gui.app.status import Status
from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.app.leaks import Changed
    from chorus_gui.cli.report import Report


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
    """List what is open, and with ``--all`` what is accepted."""
    from chorus_gui.app.leaks import listed
    from chorus_gui.app.words import moment
    from chorus_gui.cli.arguments import load_config

    ctx.checkpoint()
    found = listed(load_config(args, report))
    if found.open:
        report.table(("rule", "file", "about"), [(leak.rule, f"{leak.modality}: {leak.path}", leak.about or "–") for leak in found.open])
    else:
        report.say("There is no open leak in what was checked.")
    if args.all and found.accepted:
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
                    f"{moment(one.withdrawn_us)} by {one.withdrawn_by}" if one.withdrawn_us else "no",
                )
                for one in found.accepted
            ],
            title="Accepted",
        )
    accepted = found.accepted if args.all else [one for one in found.accepted if not one.withdrawn_us]
    report.json(
        {
            "open": [{"rule": leak.rule, "modality": leak.modality, "path": leak.path, "about": leak.about} for leak in found.open],
            "accepted": [one._asdict() for one in accepted],
        }
    )
    return Status.FAULTY if found.open else Status.DONE


def run_accept(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Accept, for exactly these files."""
    from chorus_gui.app.leaks import accept
    from chorus_gui.cli.arguments import load_config

    ctx.checkpoint()
    return _tell(report, accept(load_config(args, report), args.rule, args.file, args.reason), "accepted")


def run_withdraw(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Withdraw what was accepted."""
    from chorus_gui.app.leaks import withdraw
    from chorus_gui.cli.arguments import load_config

    ctx.checkpoint()
    return _tell(report, withdraw(load_config(args, report), args.rule, args.file), "no longer accepted")


def _tell(report: Report, changed: Changed, word: str) -> Status:
    from chorus_gui.app.words import agree, files

    report.say(f"{files(changed.count)} {word}.")
    if changed.open:
        report.say(f"{files(changed.open)} {agree(changed.open, 'has', 'have')} an open leak.")
    report.json({word.replace(" ", "_"): changed.count, "open": changed.open})
    return Status.DONE
