"""``chorus-upload credential …``: SAS tokens in the operating system's credential store instead of in the configuration file."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.cli.report import Report
    from chorus_gui.core.config.keeping import Kept
    from chorus_gui.core.config.save import ConfigDocument


def add(groups: Any) -> None:
    """The group's grammar."""
    group = groups.add_parser("credential", help="keep SAS tokens in this computer's credential store, not in the file")
    commands = group.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)

    one = commands.add_parser("list", help="where each place's credential comes from, and when it expires")
    one.add_argument("--json", action="store_true", help="print JSON")
    one.set_defaults(run=run_list)

    one = commands.add_parser("move", help="take the SAS tokens out of the configuration file into the credential store")
    one.set_defaults(run=run_move)

    one = commands.add_parser("set", help="keep a new SAS token; it is asked for, or read from standard input")
    one.add_argument("--place", metavar="P", default="", help="central, journal or a modality (default: all that use a SAS token)")
    one.set_defaults(run=run_set)

    one = commands.add_parser("delete", help="remove this configuration's SAS tokens from the credential store")
    one.add_argument("--place", metavar="P", default="", help="central, journal or a modality (default: all)")
    one.set_defaults(run=run_delete)


def run_list(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Every place in Azure; no secret."""
    del ctx
    from chorus_gui.core.config.keeping import holders
    from chorus_gui.core.config.secrets import SasInfo

    found: list[dict[str, str]] = []
    for holder in holders(_document(args)):
        token = holder.place.credentials.sas_token
        expires = SasInfo.parse(token.reveal()).expires if token else None
        ends = "" if expires is None else expires.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
        over = " (EXPIRED)" if expires is not None and expires <= datetime.now(UTC) else ""
        found.append({"place": holder.where, "entry": holder.entry, "credential": holder.origin, "expires": ends})
        report.say(f"{holder.where}: {holder.origin}{f', until {ends}{over}' if ends else ''}  [{holder.entry}]")
    if not found:
        report.say("No place of this configuration is in Azure; folders need no credential.")
    report.json(found)
    return 0


def run_move(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """From the file into the store."""
    del ctx
    from chorus_gui.core.config.keeping import move

    _tell(report, move(_document(args)))
    return 0


def run_set(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """A new token, unseen."""
    del ctx
    from chorus_gui.core.config.keeping import put

    document = _document(args)
    _tell(report, put(document, _asked(), args.place))
    return 0


def run_delete(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Out of the store; the file is left alone, and asks for a token from now on."""
    del ctx
    from chorus_gui.core.config import keychain
    from chorus_gui.core.config.keeping import holders
    from chorus_gui.core.errors import UsageError

    found = holders(_document(args))
    entries = {holder.entry for holder in found if args.place in ("", holder.where)}
    if args.place and not entries:
        raise UsageError(f"There is no place {args.place} in Azure.", remedy=f"There are: {', '.join(h.where for h in found) or 'none'}.")
    gone = [entry for entry in sorted(entries) if keychain.delete(entry)]
    if gone:
        report.say(f"Removed from {keychain.title()}: {', '.join(gone)}. “chorus-upload credential set” keeps a new token.")
        if users := [holder.where for holder in found if holder.entry in gone and holder.where != args.place]:
            report.say(f"That was the token of {', '.join(users)}{' too' if args.place else ''}.")
    else:
        report.say(f"Nothing of this configuration was in {keychain.title()}.")
    return 0


def _document(args: argparse.Namespace) -> ConfigDocument:
    from chorus_gui.cli.main import config_file
    from chorus_gui.core.config import keychain
    from chorus_gui.core.config.save import ConfigDocument

    keychain.forget_answers()
    return ConfigDocument.open(config_file(args).absolute())


def _tell(report: Report, done: Kept) -> None:
    from chorus_gui.core.config import keychain

    report.say(f"Kept in {keychain.title()}, for this user: {', '.join(done.entries)}.")
    for sentence in done.remains:
        report.warn(sentence)


def _asked() -> str:
    """A line of standard input; at a terminal without showing it."""
    if sys.stdin is not None and sys.stdin.isatty():
        from getpass import getpass

        try:
            return getpass("SAS token: ")
        except EOFError:
            return ""
    return sys.stdin.readline() if sys.stdin is not None else ""
