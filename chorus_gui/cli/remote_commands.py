"""``chorus-upload remote …``: the central store without the journal."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.app.status import Status
from chorus_gui.app.words import files, moment, size
from chorus_gui.cli.arguments import UNASKED, add_limit, ask, workspace
from chorus_gui.core.errors import UnansweredError, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.shown import quoted

if TYPE_CHECKING:
    from chorus_gui.app.remote import Moved, Refused
    from chorus_gui.app.run import Done
    from chorus_gui.cli.report import Report

SHOWN = 20
"""Files that are listed without --verbose."""
NAMES = (
    "A name as “remote list” prints it means exactly that file, also with *, ? or [ in it. Only if no file has the name, it is a folder or a "
    "pattern. A “/” at the end means the folder. Write -- before a name that begins with a hyphen."
)


def add(groups: Any) -> None:
    """The group's grammar."""
    group = groups.add_parser(
        "remote", help="list, upload, download and delete files in the central store, without the journal", epilog=NAMES
    )
    commands = group.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)
    listing = commands.add_parser("list", help="list files and folders in the store", epilog=NAMES)
    listing.add_argument("-r", "--recursive", action="store_true", help="list every file, instead of one line per folder")
    listing.add_argument(
        "pattern",
        nargs="?",
        default="",
        metavar="PATTERN",
        help="list what matches this path below the central path; *, ? and […] are wildcards",
    )
    listing.add_argument(
        "--find", metavar="TEXT", default="", help="list only files whose path contains every word of TEXT, in capital or small letters"
    )
    listing.add_argument("--json", action="store_true", help="print JSON, with the address of each file")
    listing.set_defaults(run=run_list)

    for name, words, paths, action in (
        ("upload", "copy files to the store without recording them", "LOCAL… REMOTE", run_upload),
        ("download", "copy files from the store", "REMOTE… LOCAL", run_download),
    ):
        command = commands.add_parser(name, help=words, epilog=NAMES)
        command.add_argument("--overwrite", action="store_true", help="replace existing files")
        command.add_argument("-r", "--recursive", action="store_true", help="include folders")
        add_limit(command)
        command.add_argument("paths", nargs="+", metavar="PATH", help=paths)
        command.add_argument("--json", action="store_true", help="print JSON")
        command.set_defaults(run=action, long=True)

    delete = commands.add_parser("delete", help="delete files from the store; this cannot be undone", epilog=NAMES)
    delete.add_argument("-r", "--recursive", action="store_true", help="delete everything below, too")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    delete.add_argument("patterns", nargs="+", metavar="PATTERN")
    delete.add_argument("--json", action="store_true", help="print JSON")
    delete.set_defaults(run=run_delete)


def run_list(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """List files, and folders in one line each."""
    from chorus_gui.app.browse import address
    from chorus_gui.app.remote import listing

    with workspace(args, report) as opened:
        lines = listing(opened, ctx, args.pattern, recursive=args.recursive or bool(args.find), find=args.find)
        config = opened.config
    report.table(
        ("path", ">files", ">size", "modified", "MD5"),
        [
            (
                quoted(line.path),
                line.files if line.blob is None else None,
                size(line.size),
                moment(line.blob.modified_us) if line.blob else None,
                line.blob.md5 if line.blob else None,
            )
            for line in lines
        ],
    )
    report.say(f"{files(sum(line.files for line in lines))}, {size(sum(line.size for line in lines))}")
    report.json(
        [
            {
                "path": line.path,
                "folder": line.blob is None,
                "files": line.files,
                "size": line.size,
                "md5": line.blob.md5 if line.blob else None,
                "modified_us": line.blob.modified_us if line.blob else None,
                "address": address(config, line.path),
            }
            for line in lines
        ]
    )
    return Status.DONE


def run_upload(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any]:
    """LOCAL… REMOTE."""
    from chorus_gui.app.remote import upload

    *sources, remote = _some(args.paths, "LOCAL… REMOTE")
    with workspace(args, report) as opened:
        done = upload(opened, ctx, [Path(name) for name in sources], remote, recursive=args.recursive, overwrite=args.overwrite)
    return _print_result(report, done)


def run_download(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any]:
    """REMOTE… LOCAL."""
    from chorus_gui.app.remote import download

    *patterns, local = _some(args.paths, "REMOTE… LOCAL")
    with workspace(args, report) as opened:
        done = download(opened, ctx, patterns, Path(local), recursive=args.recursive, overwrite=args.overwrite)
    return _print_result(report, done)


def run_delete(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any]:
    """Shows what it would delete, asks, deletes."""
    from chorus_gui.app.remote import deletion

    with workspace(args, report) as opened, deletion(opened, ctx, args.patterns, recursive=args.recursive) as found:
        blobs = found.blobs
        for blob in blobs if report.verbose else blobs[:SHOWN]:
            report.say(f"  {quoted(blob.path)}  {size(blob.size)}")
        if len(blobs) > SHOWN and not report.verbose:
            report.say(f"  … and {len(blobs) - SHOWN:,} more. --verbose lists all of them.")
        if not args.yes:
            total = f"{files(len(blobs))} ({size(sum(blob.size for blob in blobs))})"
            ask(
                report,
                f"Delete {total} from the central store? This cannot be undone. Type “delete” to confirm.",
                expect=("delete",),
                unanswered=UnansweredError(
                    "Could not ask for confirmation.",
                    meaning=UNASKED,
                    remedy="Check the files with “remote list”, then repeat the command with --yes.",
                ),
            )
        done = found.delete()
    if done.ok:
        count = files(len(done.value))
        report.say(f"Deleted {count}. The journal is unchanged.")
        report.json(done.value)
    return done


def _some(paths: list[str], words: str) -> list[str]:
    if len(paths) < 2:
        raise UsageError("A path is missing.", remedy=f"Write the paths as {words}.")
    return paths


def _print_result(report: Report, done: Done[list[Moved | Refused]]) -> Done[list[Moved | Refused]]:
    if not done.ok:
        return done
    from chorus_gui.app.remote import Moved

    done.value.sort(key=lambda one: one.remote)
    moved = [one for one in done.value if isinstance(one, Moved)]
    for one in moved if report.verbose else moved[:SHOWN]:
        how = "already there" if one.already else "MD5 checked" if one.checked else "no MD5 in the store"
        report.say(f"  {one.local}  {quoted(one.remote)}  {size(one.size)}  {how}")
    report.say(f"{files(len(moved))}, {size(sum(one.size for one in moved))}")
    if already := [one for one in moved if one.already]:
        same = f"{files(len(already))} ({size(sum(one.size for one in already))})"
        report.say(f"Not sent again: {same} that the store has already, with the same size and MD5.")
    report.json([_record(one) for one in done.value])
    return done


def _record(one: Moved | Refused) -> dict[str, Any]:
    from chorus_gui.app.remote import Moved

    copied = isinstance(one, Moved)
    return {
        "local": None if one.local is None else str(one.local),
        "remote": one.remote,
        "size": one.size,
        "md5": one.md5 if copied else None,
        "checked": copied and one.checked,
        "already": copied and one.already,
        "error": None if copied else one.why,
        "remedy": None if copied else one.remedy,
    }
