"""``chorus-upload credential …``: the secrets of a configuration in the operating system's credential store instead of in the configuration file."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC
from typing import TYPE_CHECKING, Any

from chorus_gui.app.process import is_terminal
from chorus_gui.app.status import Status
from chorus_gui.cli.arguments import config_file
from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from pathlib import Path

    from chorus_gui.app.credential_store import Kept, PlaceCredential
    from chorus_gui.app.new_credential import NewCredential, Uses
    from chorus_gui.cli.report import Report
    from chorus_gui.core.config.credentials import AccessKey


_LONGEST = 100_000
"""Characters that are read of standard input."""


def add(groups: Any) -> None:
    """The group's grammar."""
    group = groups.add_parser(
        "credential", help="keep tokens, keys and passwords in this computer's credential store, not in the configuration file"
    )
    commands = group.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)

    one = commands.add_parser("list", help="show where each place's credential comes from, and when it expires")
    one.add_argument("--json", action="store_true", help="print JSON")
    one.set_defaults(run=run_list)

    one = commands.add_parser("move", help="move every token, key and password from the configuration file to the credential store")
    one.set_defaults(run=run_move)

    one = commands.add_parser(
        "set", help="keep a new SAS token, account key, access key or password of a certificate, typed in or read from standard input"
    )
    one.add_argument(
        "--place",
        metavar="P",
        default="",
        help="use only this place: central, journal or a modality (default: all that use a SAS token, or the same access key or account key, as what is entered shows); report: the password at the mail server",
    )
    one.set_defaults(run=run_set)

    one = commands.add_parser("delete", help="remove this configuration's tokens, keys and passwords from the credential store")
    one.add_argument(
        "--place",
        metavar="P",
        default="",
        help="use only this place: central, journal or a modality (default: all); report: the password at the mail server",
    )
    one.set_defaults(run=run_delete)


def run_list(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Every place in a cloud; no secret."""
    del ctx
    from chorus_gui.app.credential_store import place_credentials

    found = place_credentials(config_file(args))
    for one in found:
        entry = f"  [{one.entry}]" if one.entry else ""
        report.say(f"{one.place}: {one.origin}{f', until {_moment(one)}{_over(one)}' if one.expires else ''}{entry}")
    if not found:
        report.say("This configuration has no place in a cloud, and no mail server with a password. Folders need no credential.")
    report.json([{"place": one.place, "entry": one.entry, "credential": one.origin, "expires": _moment(one)} for one in found])
    return Status.DONE


def _moment(one: PlaceCredential) -> str:
    return "" if one.expires is None else one.expires.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _over(one: PlaceCredential) -> str:
    return " (EXPIRED)" if one.expired else ""


def run_move(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Move the tokens from the file to the credential store."""
    del ctx
    from chorus_gui.app.credential_store import move_tokens

    return _print_result(report, move_tokens(config_file(args)))


def run_set(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Keep a new token or access key without showing it."""
    del ctx
    from chorus_gui.app.credential_store import REPORT, keep_mail_password, title
    from chorus_gui.app.new_credential import uses

    file = config_file(args)
    if args.place == REPORT:
        report.say(f"Kept in {title()} for this user: {keep_mail_password(file, _asked('Password at the mail server: '))}.")
        return Status.DONE
    using = uses(file, args.place)
    return _typed(report, file, args.place, using) if is_terminal(sys.stdin) else _piped(report, file, args.place, using)


def _typed(report: Report, file: Path, place: str, using: Uses) -> Status:
    """Ask for the credential that the places use."""
    from chorus_gui.app.new_credential import NewCredential, require, to_ask_for
    from chorus_gui.core.config.credentials import AccessKey

    asked = to_ask_for(using)
    if asked is NewCredential.HMAC_KEY:
        keys = AccessKey(_asked("Access ID (Enter: the one in the file): ").strip(), _asked("Secret: ").strip())
    elif asked is NewCredential.ACCESS_KEY:
        key_id = _asked("Access key ID (Enter: the one in the file): ").strip()
        keys = AccessKey(key_id, _asked("Secret access key: ").strip(), _asked("Session token (Enter: none): ").strip())
    else:
        prompts = {NewCredential.ACCOUNT_KEY: "Account key: ", NewCredential.CERTIFICATE_PASSWORD: "Password of the certificate file: "}
        keys = AccessKey("", _asked(prompts.get(asked, "SAS token: ") if asked is not None else "SAS token: "))
    if asked is not None and asked is not NewCredential.CERTIFICATE_PASSWORD:  # that can look like anything
        require(using, asked, keys.secret)
    return _keep(report, file, place, asked, keys)


def _piped(report: Report, file: Path, place: str, using: Uses) -> Status:
    """Take it from standard input: for an access key what AWS shows to be copied, or the secret alone; otherwise a line."""
    from chorus_gui.app.credentials import paste_aws
    from chorus_gui.app.new_credential import NewCredential, meant
    from chorus_gui.core.config.credentials import AccessKey

    one_line = not {NewCredential.ACCESS_KEY, NewCredential.HMAC_KEY} & using.keys()
    text = _asked() if one_line else sys.stdin.read(_LONGEST) if sys.stdin is not None else ""
    only = next(iter(using), None) if len(using) == 1 else None
    kind = only if only is NewCredential.CERTIFICATE_PASSWORD else meant(using, text)  # a password can look like anything
    if kind is NewCredential.ACCESS_KEY:
        return _keep(report, file, place, kind, paste_aws(text) or AccessKey("", text.strip()))
    if kind is NewCredential.HMAC_KEY:
        return _keep(report, file, place, kind, AccessKey("", text.strip()))
    return _keep(report, file, place, kind, AccessKey("", text.partition("\n")[0]))


def _keep(report: Report, file: Path, place: str, kind: NewCredential | None, keys: AccessKey) -> Status:
    from chorus_gui.app.credential_store import keep_access_key, keep_token
    from chorus_gui.app.new_credential import NewCredential, stored_kind

    if kind in (NewCredential.ACCESS_KEY, NewCredential.HMAC_KEY):
        return _print_result(report, keep_access_key(file, keys, place, hmac=kind is NewCredential.HMAC_KEY))
    return _print_result(report, keep_token(file, keys.secret, place, kind=stored_kind(kind) if kind is not None else None))


def run_delete(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Remove the tokens from the credential store; the file is not changed."""
    del ctx
    from chorus_gui.app.credential_store import REPORT, delete_mail_password, delete_tokens, title

    if args.place == REPORT:
        entry = delete_mail_password(config_file(args))
        report.say(f"Removed from {title()}: {entry}." if entry else f"{title()} has no password at the mail server.")
        return Status.DONE
    done = delete_tokens(config_file(args), args.place)
    if done.entries:
        report.say(f"Removed from {title()}: {', '.join(done.entries)}. Keep a new one with “chorus-upload credential set”.")
        if done.places:
            report.say(f"{'Also used by' if args.place else 'Used by'}: {', '.join(done.places)}.")
    else:
        report.say(f"{title()} has no credential of this configuration.")
    return Status.DONE


def _print_result(report: Report, done: Kept) -> Status:
    from chorus_gui.app.credential_store import title

    report.say(f"Kept in {title()} for this user: {', '.join(done.entries)}.")
    for sentence in done.remains:
        report.warn(sentence)
    return Status.DONE


def _asked(prompt: str = "") -> str:
    """A line of standard input; at a terminal without showing it."""
    if is_terminal(sys.stdin):
        from getpass import getpass

        try:
            return getpass(prompt)
        except EOFError:
            return ""
    return sys.stdin.readline() if sys.stdin is not None else ""
