"""``chorus-upload remote …``: the central store by hand."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chorus_gui.cli.report import Report
    from chorus_gui.core.config.model import Config
    from chorus_gui.core.remote import Moved


def add(groups: Any) -> None:
    """The group's grammar."""
    group = groups.add_parser("remote", help="list, upload, download and delete in the central store (the journal is not asked)")
    commands = group.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)
    listing = commands.add_parser("list", help="what lies in the store")
    listing.add_argument("-r", "--recursive", action="store_true", help="every file, not folders in one line")
    listing.add_argument(
        "pattern", nargs="?", default="", metavar="PATTERN", help="a path below the central path; * ? and […] stand for parts of a name"
    )
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=run_list)

    for name, words, paths, action in (
        ("upload", "put files into the store, unrecorded", "LOCAL… REMOTE", run_upload),
        ("download", "fetch files from the store", "REMOTE… LOCAL", run_download),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument("--overwrite", action="store_true", help="replace what is there")
        command.add_argument("-r", "--recursive", action="store_true", help="folders too")
        command.add_argument("paths", nargs="+", metavar="PATH", help=paths)
        command.add_argument("--json", action="store_true", help="print JSON")
        command.set_defaults(run=action, long=True)

    delete = commands.add_parser("delete", help="remove files from the store for good")
    delete.add_argument("-r", "--recursive", action="store_true", help="all that lies below, too")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    delete.add_argument("patterns", nargs="+", metavar="PATTERN")
    delete.add_argument("--json", action="store_true", help="print JSON")
    delete.set_defaults(run=run_delete)


def run_list(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Files, and folders in one line each."""
    from chorus_gui.cli.workplace import central_store, load_config
    from chorus_gui.core.receipt import files, size
    from chorus_gui.core.remote import listing

    with central_store(load_config(args, report)) as store:
        lines = listing(store, args.pattern, ctx, recursive=args.recursive)
    report.table(
        ("path", ">files", ">size", "MD5"),
        [(line.path, line.files if line.blob is None else None, size(line.size), line.blob.md5 if line.blob else None) for line in lines],
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
            }
            for line in lines
        ]
    )
    return 0


def run_upload(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """LOCAL… REMOTE."""
    from chorus_gui.cli.workplace import central_store, load_config
    from chorus_gui.core.remote import upload

    *sources, remote = _some(args.paths, "LOCAL… REMOTE")
    config = load_config(args, report)
    _not_the_journal(config, remote)
    with central_store(config) as store:
        options = {"recursive": args.recursive, "overwrite": args.overwrite}
        return _tell(report, ctx, upload(store, [Path(name) for name in sources], remote, ctx, **options))


def run_download(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """REMOTE… LOCAL."""
    from chorus_gui.cli.workplace import central_store, load_config
    from chorus_gui.core.remote import download

    *patterns, local = _some(args.paths, "REMOTE… LOCAL")
    with central_store(load_config(args, report)) as store:
        return _tell(report, ctx, download(store, patterns, Path(local), ctx, recursive=args.recursive, overwrite=args.overwrite))


def run_delete(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Shows what it would remove, asks, removes."""
    from chorus_gui.cli.workplace import central_store, load_config
    from chorus_gui.core.errors import Cancelled, UsageError
    from chorus_gui.core.receipt import files, size
    from chorus_gui.core.remote import delete, matching

    config = load_config(args, report)
    with central_store(config) as store:
        blobs = matching(store, args.patterns, ctx, recursive=args.recursive, keep=_journal_names(config))
        for blob in blobs if report.verbose else blobs[:20]:
            report.say(f"  {blob.path}  {size(blob.size)}")
        if len(blobs) > 20 and not report.verbose:
            report.say(f"  … and {len(blobs) - 20:,} more")
        if not args.yes:
            if not sys.stdin.isatty():
                raise UsageError("Nobody is there to confirm the deletion.", remedy="Look at what “remote list” shows, then say --yes.")
            report.say(f"These {files(len(blobs))} ({size(sum(blob.size for blob in blobs))}) are removed for good. Type delete to go on.")
            if sys.stdin.readline().strip().lower() != "delete":
                raise Cancelled
        done = list(delete(store, blobs, ctx))
        report.say(f"{files(len(done))} were removed. The journal does not know: “file verify” will miss what it says was uploaded.")
        report.json(done)
    return 0


def _some(paths: list[str], words: str) -> list[str]:
    from chorus_gui.core.errors import UsageError

    if len(paths) < 2:
        raise UsageError("A path is missing.", remedy=f"Give {words}.")
    return paths


def _journal_names(config: Config) -> tuple[str, ...]:
    """The cloud journal and its lock, as paths of the central store, if they lie in it."""
    cloud, central = config.journal.cloud, config.central
    if cloud is None or (cloud.kind, cloud.container) != (central.kind, central.container):
        return ()
    if cloud.folder is not None and central.folder is not None:
        if not cloud.folder.is_relative_to(central.folder):
            return ()
        name = cloud.folder.relative_to(central.folder).as_posix()
    else:
        prefix = f"{central.prefix}/" if central.prefix else ""
        if not cloud.prefix.startswith(prefix):
            return ()
        name = cloud.prefix.removeprefix(prefix)
    return (name, f"{name}.locked")


def _not_the_journal(config: Config, remote: str) -> None:
    from chorus_gui.core.errors import UsageError

    if remote.strip("/") in _journal_names(config):
        raise UsageError("That is the cloud journal.", remedy="Use “journal checkin --local-journal F”, which checks that nothing is lost.")


def _tell(report: Report, ctx: JobContext, moved: Iterator[Moved]) -> int:
    from chorus_gui.core.receipt import files, size

    done: list[Moved] = []
    with report.progress(ctx):
        done.extend(moved)
    for one in done if report.verbose else done[:20]:
        report.say(f"  {one.local}  {one.remote}  {size(one.size)}  {'MD5 checked' if one.checked else 'no MD5 in the store'}")
    report.say(f"{files(len(done))}, {size(sum(one.size for one in done))}")
    report.json([{"local": str(one.local), "remote": one.remote, "size": one.size, "md5": one.md5, "checked": one.checked} for one in done])
    return 0
