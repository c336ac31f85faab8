"""``chorus-upload file …``."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.cli.arguments import add_accept_less, add_cluster, add_limit, add_order, share
from chorus_gui.cli.script_options import add_options
from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.app.journal import Marked
    from chorus_gui.app.options import Part
    from chorus_gui.app.run import Done
    from chorus_gui.app.values import VerifyFacts
    from chorus_gui.app.workspace import Workspace
    from chorus_gui.cli.report import Report
    from chorus_gui.core.model import Row

SHOWN = 20
"""Files that differ and are listed without --verbose."""


def add(groups: Any) -> None:
    """The group's grammar."""
    group = groups.add_parser("file", help="list, upload, verify and mark files")
    commands = group.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)

    listing = commands.add_parser("list", help="list the pending files")
    _filters(listing)
    listing.add_argument("--uploaded", action="store_true", help="list the uploaded files instead")
    listing.add_argument("--changes", action="store_true", help="scan the site and list what changed since the last submission")
    listing.add_argument("--max-num-files", metavar="N", type=_positive, help="use at most N files")
    listing.add_argument("--absolute", action="store_true", help="list the whole path of each file on the site, as the other tools do")
    add_options(listing)
    listing.add_argument("-0", "--null", action="store_true", help="end each path with a zero byte, for “mark_as_…  -0” and other programs")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=run_list)

    upload = commands.add_parser("upload", help="upload the pending files without asking; the store confirms each of them")
    _filters(upload)
    add_accept_less(upload)
    upload.add_argument("--max-num-files", metavar="N", type=_positive, help="upload at most N files")
    add_limit(upload)
    add_order(upload)
    add_cluster(upload)
    upload.add_argument("--json", action="store_true", help="print JSON")
    upload.set_defaults(run=run_upload, long=True)

    verify = commands.add_parser("verify", help="compare the central store with the journal")
    _filters(verify, version="verify this version (default: the last one)")
    add_accept_less(verify)
    verify.add_argument("--all", action="store_true", help="verify every version")
    verify.add_argument("--reread", action="store_true", help="download and hash every file, instead of comparing size and MD5")
    verify.add_argument("--newest", metavar="N", type=_positive, help="verify only the N files that were uploaded last")
    verify.add_argument("--sample", metavar="P", type=share, help="verify only this share of the files, chosen at random, such as 1%%")
    verify.add_argument("--patients", metavar="F", help="verify only the files of the patients that are listed in F, one ID per line")
    verify.add_argument("--output-file", metavar="F", help="write the results to F, as CSV, or as JSON if F ends in .json")
    add_limit(verify)
    add_cluster(verify)
    verify.add_argument("--json", action="store_true", help="print JSON")
    verify.set_defaults(run=run_verify, long=True)

    repair = commands.add_parser("repair", help="upload again what is missing or different in the store, as the verifications found it")
    _filters(repair, version="verify this version first, and repair what that finds")
    add_accept_less(repair)
    repair.add_argument("--all", action="store_true", help="verify every version first")
    repair.add_argument("--reread", action="store_true", help="download and hash every file of the last version first")
    add_limit(repair)
    add_order(repair)
    add_cluster(repair)
    repair.add_argument("--json", action="store_true", help="print JSON")
    repair.set_defaults(run=run_repair, long=True)

    for place, words in (("local", "paths as in the journal"), ("central", "paths as in the central store, version folder included")):
        mark = commands.add_parser(f"mark_as_uploaded_{place}", help=f"find files in the store and mark them as uploaded ({words})")
        mark.add_argument(
            "--upload-datetime", metavar="V", required=True, help="set when they were uploaded: YYYYMMDDHHMMSS in UTC, or “now”"
        )
        add_accept_less(mark)
        _paths(mark, words)
        mark.set_defaults(run=run_mark_uploaded)

    deleted = commands.add_parser("mark_as_deleted", help="mark files as deleted in the journal; nothing is removed from the store")
    _filters(deleted, version="mark only files of this version")
    add_accept_less(deleted)
    _paths(deleted, "paths as in the journal")
    deleted.set_defaults(run=run_mark_deleted)


def _filters(parser: argparse.ArgumentParser, *, version: str = "use only this version") -> None:
    parser.add_argument("--version", metavar="V", help=version)
    parser.add_argument("--modalities", metavar="A,B", help="use only these modalities")


def _paths(parser: argparse.ArgumentParser, words: str) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--file", metavar="P", help=f"mark one file ({words})")
    which.add_argument("--file-list", metavar="F", help="mark the files that “file list” wrote to F (“-”: standard input)")
    parser.add_argument("-0", "--null", action="store_true", help="each path in the list ends with a zero byte")
    parser.add_argument(
        "--local-journal", metavar="F", help="use this journal file instead of the configured one, relative to the current folder"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _positive(text: str) -> int:
    number = int(text) if re.fullmatch("[0-9]{1,15}", text) else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"“{text}” is not a whole number from 1.")
    return number


def run_list(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any]:
    """List pending files, uploaded ones, or the changes that a scan finds; or write a script that uploads the pending ones."""
    from chorus_gui.app.review import look
    from chorus_gui.cli.arguments import submit_options, workspace
    from chorus_gui.cli.review_text import DryRun
    from chorus_gui.cli.script_options import output_type, write_script

    with workspace(args, report) as opened:
        if args.changes:
            return look(opened, ctx, submit_options(args), DryRun(report))
        kind = output_type(args, opened.config)
        if kind != "list":
            return write_script(args, report, ctx, opened, kind)
        return _list(args, report, ctx, opened)


def _list(args: argparse.Namespace, report: Report, ctx: JobContext, opened: Workspace) -> Done[int]:
    from chorus_gui.app.exports import file_list, store_path, whole_path, write_file_list
    from chorus_gui.app.requests import FileListRequest
    from chorus_gui.app.words import files
    from chorus_gui.cli.arguments import modalities

    wanted = FileListRequest(
        Path(args.output_file or ""), args.version, modalities(args), args.uploaded, args.max_num_files, args.null, args.absolute
    )
    if args.output_file:
        done = write_file_list(opened, ctx, wanted)
        if done.ok:
            report.say(f"Listed {files(done.value)} in {args.output_file}.")
            chosen = {name.casefold() for name in wanted.modalities or opened.config.modalities}  # as a person may write them
            folders = {site.place.text for name, site in opened.config.sites.items() if name.casefold() in chosen}
            if len(folders) > 1 and not args.absolute:
                report.say(
                    f"These files are in up to {len(folders)} site folders, and a path does not say in which. To list whole paths, add --absolute. "
                    "Without --output-file, --json also lists where each file belongs in the central store."
                )
            report.json({"output_file": args.output_file, "files": done.value})
        return done
    listed: list[dict[str, Any]] = []

    def take(row: Row) -> None:
        report.name(whole_path(opened.config, row) if args.absolute else row.path, "\0" if args.null else "\n")
        if args.json:
            names = ("version", "modality", "path", "size", "md5", "uploaded")
            whole = {"source": whole_path(opened.config, row), "store_path": store_path(opened.config, row)}
            listed.append({name: getattr(row, name) for name in names} | whole)

    done = file_list(opened, ctx, wanted, take)
    if done.ok:
        if not done.value and not args.null:
            which = " in this selection" if args.version or args.modalities else ""
            report.say(f"No files{which} have been uploaded yet." if args.uploaded else f"No files{which} are pending.")
        report.json(listed)
    return done


def run_upload(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[None]:
    """Upload the pending files."""
    from chorus_gui.app.submit import upload
    from chorus_gui.cli.arguments import selection, workspace
    from chorus_gui.cli.review_text import print_result

    with workspace(args, report) as opened:
        done = upload(opened, ctx, selection(args))
    print_result(report, done)
    return done


def run_verify(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any]:
    """Compare the store with the journal; 1 if anything differs, otherwise 3 if something could not be checked."""
    from chorus_gui.app.verify import Comparison, verify
    from chorus_gui.app.words import RESULTS, files
    from chorus_gui.cli.arguments import selection, workspace

    with workspace(args, report) as opened:
        output = Path(args.output_file) if args.output_file else None
        done = verify(opened, ctx, selection(args), Comparison(args.reread, _part(args)), last=not args.all, output=output)
    if not done.ok:
        return done
    found = done.value
    counts = Counter(found.counts)
    names = sorted({result for _, result in counts})
    report.say(
        f"{f'Version {found.version}' if found.version else 'All versions'}: compared {files(counts.total())} with the central store."
    )
    report.table(
        ("modality", *(f">{RESULTS[name][0]}" for name in names)),
        [[m, *(counts[m, name] for name in names)] for m in found.modalities if any(counts[m, n] for n in names)],
    )
    for line in (*found.bad, *found.unchecked) if report.verbose else (*found.bad[:SHOWN], *found.unchecked[:SHOWN]):
        report.say(f"  {RESULTS[line.result][0]}: {line.store_path}  {line.detail}")
    for path in found.extra if report.verbose else found.extra[:SHOWN]:
        report.say(f"  not in the journal: {path}")
    _say(report, found)
    if done.receipt:
        report.say(f"Receipt: {done.receipt}")
    report.json(
        {
            "version": found.version,
            "counts": {m: {name: counts[m, name] for name in names if counts[m, name]} for m in found.modalities},
            "compared": "content" if found.reread else "properties",
            "differing": [asdict(line) for line in found.bad],
            "differing_files": found.bad_total,
            "unchecked": [asdict(line) for line in found.unchecked],
            "unchecked_files": found.unchecked_total,
            "extra": list(found.extra),
            "extra_files": found.extra_total,
            "receipt": str(done.receipt) if done.receipt else None,
        }
    )
    return done


def run_repair(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any]:
    """Upload again what is missing or different; 1 if a file could not be uploaded, otherwise 3 if something could not be checked."""
    from chorus_gui.app.repair import repair
    from chorus_gui.app.words import agree, files
    from chorus_gui.cli.arguments import selection, workspace
    from chorus_gui.cli.review_text import print_result

    with workspace(args, report) as opened:
        known = not (args.all or args.version or args.modalities or args.reread)
        done = repair(opened, ctx, selection(args), last=not args.all, reread=args.reread, known=known)
    if done.ok:
        wrong = done.value.wrong
        if wrong:
            report.say(f"{files(wrong)} {agree(wrong, 'was', 'were')} missing or different in the central store.")
        _say(report, done.value.now, repairing=True)
    print_result(report, done, nothing="")
    return done


def _part(args: argparse.Namespace) -> Part:
    """The part of the files that a verification is limited to."""
    from chorus_gui.app.journal import read_list
    from chorus_gui.app.options import Part

    patients = frozenset(line.strip() for line in read_list(Path(args.patients), each="patient")) if args.patients else None
    return Part(args.newest, args.sample, patients)


def _say(report: Report, found: VerifyFacts, *, repairing: bool = False) -> None:
    """The result in sentences; what could not be checked is an error that the same command may clear up."""
    from chorus_gui.app.verify import missed, sentences

    for sentence in sentences(found, repairing=repairing):
        report.error(sentence) if sentence == missed(found) else report.say(sentence)


def _listed(args: argparse.Namespace) -> list[str]:
    from chorus_gui.app.journal import read_list

    if args.file:
        return [args.file]
    return read_list(None if args.file_list == "-" else Path(args.file_list), null=args.null)


def run_mark_uploaded(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any]:
    """Find files in the store, and mark those that match."""
    from chorus_gui.app.journal import MarkRequest, mark_uploaded
    from chorus_gui.cli.arguments import params_text, workspace

    request = MarkRequest(_listed(args), args.upload_datetime, args.subcommand.endswith("central"))
    with workspace(args, report) as opened:
        done = mark_uploaded(opened, ctx, request, params=params_text(args, "upload_datetime", "file", "file_list"))
    _print_marked(report, done, "uploaded")
    return done


def run_mark_deleted(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[Any]:
    """Mark files as deleted."""
    from chorus_gui.app.journal import mark_deleted
    from chorus_gui.cli.arguments import params_text, selection, workspace

    paths = _listed(args)
    with workspace(args, report) as opened:
        params = params_text(args, "version", "modalities", "file", "file_list")
        done = mark_deleted(opened, ctx, paths, selection(args), params=params)
    _print_marked(report, done, "deleted")
    return done


def _print_marked(report: Report, done: Done[Marked], words: str) -> None:
    from chorus_gui.app.words import RESULTS, agree, files

    if not done.ok:
        return
    marked = done.value
    report.say(f"Marked {files(len(marked.marked))} as {words}.")
    if marked.already:
        report.say(f"{files(len(marked.already))} {agree(len(marked.already), 'was', 'were')} already marked as uploaded.")
    for path, why in marked.unknown.items():
        report.error(f"The journal has no current entry for “{path}”.{f' {why}' if why else ''}")
    for path, why in marked.unclear.items():
        report.error(f"“{path}” was not marked. {why}")
    for verdict in marked.refused:
        report.error(f"{verdict.row.path}: {RESULTS[verdict.result.value][1]} {verdict.detail}")
    if done.receipt:
        report.say(f"Receipt: {done.receipt}")
    report.json(
        {
            "marked": marked.marked,
            "already": marked.already,
            "unknown": [*marked.unknown, *marked.unclear],
            "refused": [{"path": v.row.path, "result": v.result.value, "detail": v.detail} for v in marked.refused],
        }
    )
