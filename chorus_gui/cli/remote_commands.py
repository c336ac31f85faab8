"""``chorus-upload remote …``: what belongs to a store in the cloud."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.cli.report import Report


def add(groups: Any) -> None:
    """The group's grammar."""
    group = groups.add_parser("remote", help="list, upload, download and delete in the central store")
    commands = group.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)
    listing = commands.add_parser("list", help="what lies in the store")
    listing.add_argument("-r", "--recursive", action="store_true", help="folders too")
    listing.add_argument("pattern", nargs="?", metavar="PATTERN")
    upload = commands.add_parser("upload", help="put files into the store")
    upload.add_argument("--overwrite", action="store_true")
    upload.add_argument("-r", "--recursive", action="store_true")
    upload.add_argument("paths", nargs="+", metavar="PATH", help="LOCAL… REMOTE")
    download = commands.add_parser("download", help="fetch files from the store")
    download.add_argument("--overwrite", action="store_true")
    download.add_argument("-r", "--recursive", action="store_true")
    download.add_argument("paths", nargs="+", metavar="PATH", help="REMOTE… LOCAL")
    delete = commands.add_parser("delete", help="remove from the store")
    delete.add_argument("-r", "--recursive", action="store_true")
    delete.add_argument("pattern", nargs="+", metavar="PATTERN")
    for command in (listing, upload, download, delete):
        command.set_defaults(run=run)


def run(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Not without a store in the cloud."""
    del ctx
    from chorus_gui.cli.workplace import load_config
    from chorus_gui.core.errors import UsageError

    config = load_config(args, report)
    raise UsageError(
        f"“remote {args.subcommand}” comes with a cloud store.",
        meaning=f"The central store of this configuration is {config.central.text}.",
    )
