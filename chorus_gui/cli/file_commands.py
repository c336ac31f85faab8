"""``chorus-upload file …``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.cli.script_options import add_options
from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.cli.report import Report
    from chorus_gui.core.config.model import Config
    from chorus_gui.core.submission.mark import Marked


def add(groups: Any) -> None:
    """The group's grammar."""
    group = groups.add_parser("file", help="list, upload and verify files; say what became of them")
    commands = group.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)

    listing = commands.add_parser("list", help="the files that wait to be uploaded")
    _filters(listing)
    listing.add_argument("--uploaded", action="store_true", help="list what was uploaded instead")
    listing.add_argument("--changes", action="store_true", help="scan the site and list what changed since the last submission")
    listing.add_argument("--max-num-files", metavar="N", type=_positive, help="at most so many")
    add_options(listing)
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=run_list)

    upload = commands.add_parser("upload", help="upload what waits, and prove it")
    _filters(upload)
    upload.add_argument("--max-num-files", metavar="N", type=_positive, help="at most so many")
    upload.add_argument("--json", action="store_true", help="print JSON")
    upload.set_defaults(run=run_upload, long=True)

    verify = commands.add_parser("verify", help="compare the store with the journal")
    _filters(verify, version="this version (default: the last one)")
    verify.add_argument("--all", action="store_true", help="every version")
    verify.add_argument("--reread", action="store_true", help="download and hash every file instead of asking for its properties")
    verify.add_argument("--output-file", metavar="F", help="write the result here, as CSV or (F ends in .json) JSON")
    verify.add_argument("--json", action="store_true", help="print JSON")
    verify.set_defaults(run=run_verify, long=True)

    for place, words in (("local", "paths as in the journal"), ("central", "paths as in the central store, version folder included")):
        mark = commands.add_parser(f"mark_as_uploaded_{place}", help=f"look files up in the store and mark them as uploaded ({words})")
        mark.add_argument("--upload-datetime", metavar="V", required=True, help="when they were uploaded, YYYYMMDDHHMMSS in UTC, or “now”")
        _paths(mark, words)
        mark.set_defaults(run=run_mark_uploaded)

    deleted = commands.add_parser("mark_as_deleted", help="close files in the journal (nothing is removed from the store)")
    deleted.add_argument("--version", metavar="V", help="of this version only")
    _paths(deleted, "paths as in the journal")
    deleted.set_defaults(run=run_mark_deleted)


def _filters(parser: argparse.ArgumentParser, *, version: str = "this version only") -> None:
    parser.add_argument("--version", metavar="V", help=version)
    parser.add_argument("--modalities", metavar="A,B", help="these modalities only")


def _paths(parser: argparse.ArgumentParser, words: str) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--file", metavar="P", help=f"one file ({words})")
    which.add_argument("--file-list", metavar="F", help="a text file with one path a line")
    parser.add_argument("--local-journal", metavar="F", help="this journal file instead of the configured one, relative to this folder")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def refuse_azcli(config: Config) -> None:
    """A site whose configuration says "azcli" sends with generated scripts, not with us."""
    from chorus_gui.core.config.model import UploadMethod
    from chorus_gui.core.errors import UsageError

    if config.upload_method is UploadMethod.AZCLI:
        raise UsageError(
            "This configuration sends with generated scripts (upload_method = “azcli”).",
            remedy="Record with “journal update” and generate with “file list”, or set upload_method to “builtin”.",
        )


def run_list(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Pending files, uploaded ones, or the changes of a fresh scan."""
    from itertools import islice

    from chorus_gui.cli.review_text import scan_and_show
    from chorus_gui.cli.script_options import output_type, write_script
    from chorus_gui.cli.workplace import modality_list, open_journal, optional_store
    from chorus_gui.core.errors import UsageError
    from chorus_gui.core.receipt import files
    from chorus_gui.core.scripts.generate import pending_rows
    from chorus_gui.core.submission.review_site import choose_modalities

    if args.changes:
        with open_journal(args, report, ctx, write=False, create=True) as place, optional_store(place.config) as store:
            args.amend, args.mode, args.allow_deletions = False, None, False
            scan_and_show(args, report, ctx, place, store, approve_it=False)
        return 0
    with open_journal(args, report, ctx, write=False) as place:
        if args.version and args.version not in place.journal.versions():
            raise UsageError(f"The journal has no version {args.version}.", remedy="List the versions with “journal list”.")
        kind = output_type(args, place.config)
        if kind != "list":
            waiting = pending_rows(
                place.config, place.journal, version=args.version, modalities=modality_list(args), max_files=args.max_num_files
            )
            return write_script(args, report, place.config, waiting, kind)
        rows = islice(
            place.journal.rows(
                modalities=choose_modalities(place.config, modality_list(args)),
                version=args.version,
                active=True,
                pending=None if args.uploaded else True,
                uploaded=True if args.uploaded else None,
            ),
            args.max_num_files,
        )
        if args.output_file:
            count = 0
            try:
                with Path(args.output_file).open("w", encoding="utf-8", newline="\n", errors="surrogateescape") as out:
                    for row in rows:
                        out.write(row.path + "\n")
                        count += 1
            except OSError as error:
                raise UsageError(
                    f"{args.output_file} cannot be written: {error.strerror or error}.", remedy="Choose another folder."
                ) from error
            report.say(f"{files(count)} are listed in {args.output_file}.")
            report.json({"output_file": args.output_file, "files": count})
            return 0
        if args.json:
            report.json(
                [
                    {"version": r.version, "modality": r.modality, "path": r.path, "size": r.size, "md5": r.md5, "uploaded": r.uploaded}
                    for r in rows
                ]
            )
            return 0
        count = 0
        for row in rows:
            report.say(row.path)
            count += 1
        if not count:
            which = " of these" if args.version or args.modalities else ""
            report.say(f"No file{which} was uploaded yet." if args.uploaded else f"No file{which} waits to be uploaded.")
    return 0


def run_upload(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Send what is pending."""
    from chorus_gui.cli.review_text import Run, told
    from chorus_gui.cli.workplace import central_store, modality_list, open_journal, params_text, working
    from chorus_gui.core.submission.upload import copies_left, upload_pending
    from chorus_gui.core.submission.work import Selection

    params = params_text(args, "version", "modalities", "max_num_files")
    run = Run()
    run.log.version = args.version or ""
    with open_journal(args, report, ctx, write=True, params=params, dest=True) as place:
        refuse_azcli(place.config)
        with central_store(place.config) as store:
            which = Selection(args.version, tuple(modality_list(args) or ()), args.max_num_files)
            with told(report, ctx, place, "upload", run) as log, working(place, ctx, log) as work, copies_left(work, store):
                upload_pending(work, store, which)
        return run.status


def run_verify(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Compare the store with the journal; 1 if anything differs."""
    from collections import Counter
    from contextlib import ExitStack

    from chorus_gui.cli.workplace import central_store, modality_list, open_journal, working
    from chorus_gui.core.errors import UsageError
    from chorus_gui.core.receipt import files
    from chorus_gui.core.submission.verdict_file import verdict_file, verdict_json, verdict_values
    from chorus_gui.core.submission.verification import verify_versions
    from chorus_gui.core.submission.work import Selection, choose_modalities
    from chorus_gui.core.transfer.verify import VerifyResult

    with ExitStack() as stack:
        place = stack.enter_context(open_journal(args, report, ctx, write=False))
        if args.version and args.version not in place.journal.versions():
            raise UsageError(f"The journal has no version {args.version}.", remedy="List the versions with “journal list”.")
        version = None if args.all else args.version or place.journal.last_version()
        modalities = choose_modalities(place.config, modality_list(args))
        store = stack.enter_context(central_store(place.config))
        writer = stack.enter_context(verdict_file(Path(args.output_file))) if args.output_file else None
        counts: Counter[tuple[str, str]] = Counter()
        bad: list[Any] = []
        work = stack.enter_context(working(place, ctx))
        stack.enter_context(report.progress(ctx))
        for verdict in verify_versions(work, store, Selection(version, modalities), reread=args.reread):
            counts[verdict.row.modality, verdict.result.value] += 1
            if writer is not None:
                writer.write(verdict_values(verdict))
            if verdict.result is not VerifyResult.OK:
                bad.append(verdict)
        stack.close()
    names = sorted({result for _, result in counts})
    report.say(f"Version {version or 'all'}: {files(sum(counts.values()))} compared with the store.")
    report.table(
        ("modality", *(f">{name}" for name in names)),
        [[m, *(counts[m, name] for name in names)] for m in modalities if any(counts[m, n] for n in names)],
    )
    for verdict in bad if report.verbose else bad[:20]:
        report.say(f"  {verdict.result.value}: {verdict.store_path}  {verdict.detail}")
    if bad:
        report.say(f"{files(len(bad))} are not as the journal says.")
    else:
        report.say("Every file is in the store as the journal says." if counts else "Nothing of it was uploaded, so nothing was proved.")
    report.json(
        {
            "version": version,
            "counts": {m: {name: counts[m, name] for name in names if counts[m, name]} for m in modalities},
            "differing": [verdict_json(verdict) for verdict in bad],
        }
    )
    return 1 if bad else 0


def _listed(args: argparse.Namespace) -> list[str]:
    from chorus_gui.core.submission.mark import read_list

    return [args.file] if args.file else read_list(Path(args.file_list))


def run_mark_uploaded(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Look up in the store, mark what is proved."""
    from chorus_gui.cli.workplace import central_store, open_journal, params_text, working
    from chorus_gui.core.submission.commit import upload_time
    from chorus_gui.core.submission.mark import mark_as_uploaded

    paths = _listed(args)
    moment = upload_time() if args.upload_datetime == "now" else args.upload_datetime
    params = params_text(args, "upload_datetime", "file", "file_list")
    with open_journal(args, report, ctx, write=True, params=params, dest=True) as place, central_store(place.config) as store:
        with report.progress(ctx), working(place, ctx) as work:
            marked = mark_as_uploaded(work, store, paths, upload_time=moment, central=args.subcommand.endswith("central"))
        return _tell_marked(report, marked, "marked as uploaded")


def run_mark_deleted(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Close rows."""
    from chorus_gui.cli.workplace import open_journal, params_text, working
    from chorus_gui.core.submission.mark import mark_as_deleted

    paths = _listed(args)
    with open_journal(args, report, ctx, write=True, params=params_text(args, "version", "file", "file_list")) as place:
        with working(place, ctx) as work:
            marked = mark_as_deleted(work, paths, version=args.version)
        return _tell_marked(report, marked, "marked as deleted")


def _tell_marked(report: Report, marked: Marked, words: str) -> int:
    from chorus_gui.core.receipt import files

    report.say(f"{files(len(marked.marked))} {words}.")
    if marked.already:
        report.say(f"{files(len(marked.already))} were already marked as uploaded.")
    for path in marked.unknown:
        report.error(f"{path} is not among the journal's current files.")
    for verdict in marked.refused:
        report.error(f"{verdict.row.path}: {verdict.result.value}. {verdict.detail}")
    report.json(
        {
            "marked": marked.marked,
            "already": marked.already,
            "unknown": marked.unknown,
            "refused": [{"path": v.row.path, "result": v.result.value, "detail": v.detail} for v in marked.refused],
        }
    )
    return 1 if marked.unknown or marked.refused else 0
