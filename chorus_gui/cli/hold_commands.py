"""``chorus-upload hold …``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from chorus_gui.app.status import Status
from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.app.holds import About, Changed, HoldsState
    from chorus_gui.cli.report import Report
    from chorus_gui.core.review.hold_list import Record


def add(groups: Any) -> None:
    """The group's grammar."""
    group = groups.add_parser("hold", help="hold files back from every submission, for everybody who works on the journal")
    commands = group.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)

    adding = commands.add_parser("add", help="hold back files or patients; everybody who can open the journal's folder can read the reason")
    _what(adding)
    adding.add_argument("--reason", metavar="TEXT", required=True, help="say why, for colleagues who see it later")
    adding.set_defaults(run=run_add)

    listing = commands.add_parser("list", help="list what is held back: by whom, since when, and why")
    listing.add_argument("--all", action="store_true", help="list released holds, too")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=run_list)

    releasing = commands.add_parser("release", help="no longer hold back files or patients")
    _what(releasing)
    releasing.add_argument("--reason", metavar="TEXT", default="", help="say why, for colleagues who see it later")
    releasing.set_defaults(run=run_release)

    exporting = commands.add_parser("export", help="write the list of what is held back to a file, for a colleague")
    exporting.add_argument("--output-file", metavar="F", required=True, help="write to F")
    exporting.set_defaults(run=run_export)

    importing = commands.add_parser("import", help="hold back what is in a colleague's list, too")
    importing.add_argument("list", metavar="F", help="the file that “hold export” or the window wrote")
    importing.add_argument("--json", action="store_true", help="print JSON")
    importing.set_defaults(run=run_import)


def _what(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--file", metavar="P", action="append", default=[], help="use this file: its path as in the journal (can be repeated)"
    )
    parser.add_argument("--patient", metavar="ID", action="append", default=[], help="use all files of this patient (can be repeated)")
    parser.add_argument("--modality", metavar="M", default="", help="set the modality of the files, if the patterns do not decide it")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _about(args: argparse.Namespace) -> About:
    from chorus_gui.app.holds import About

    return About(tuple(args.file), tuple(args.patient), args.modality)


def run_add(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Hold back, and share it."""
    from chorus_gui.app.holds import add
    from chorus_gui.cli.arguments import workspace

    with workspace(args, report) as opened:
        return _print_result(report, add(opened, ctx, _about(args), args.reason), "held back")


def run_release(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Release, and share it."""
    from chorus_gui.app.holds import release
    from chorus_gui.cli.arguments import workspace

    with workspace(args, report) as opened:
        return _print_result(report, release(opened, ctx, _about(args), args.reason), "released")


def run_export(args: argparse.Namespace, report: Report, ctx: JobContext) -> int:
    """Write the list."""
    from pathlib import Path

    from chorus_gui.app.exports import export_holds
    from chorus_gui.app.words import plural
    from chorus_gui.cli.arguments import workspace

    del ctx
    with workspace(args, report) as opened:
        report.say(f"Wrote {plural(export_holds(opened, Path(args.output_file)), 'hold')} to {args.output_file}.")
    return 0


def run_import(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """Add the holds of a list, and share them."""
    from pathlib import Path

    from chorus_gui.app.holds import import_list
    from chorus_gui.cli.arguments import workspace

    with workspace(args, report) as opened:
        return _print_result(report, import_list(opened, ctx, Path(args.list)), "held back")


def run_list(args: argparse.Namespace, report: Report, ctx: JobContext) -> Status:
    """List the holds."""
    from chorus_gui.app.holds import records
    from chorus_gui.cli.arguments import workspace

    with workspace(args, report) as opened:
        found, refreshed = records(opened, ctx)
    shown = [record for record in found if args.all or not record.releases]
    state = refreshed.state
    if shown:
        report.table(
            ("what", "held back by", "since", "reason", *(["released"] if args.all else [])),
            [
                (
                    _what_of(record),
                    record.hold.held_by or "–",
                    _since(record.hold.at_us),
                    record.hold.reason,
                    *([_released(record)] if args.all else []),
                )
                for record in shown
            ],
        )
    else:
        report.say("Nothing is held back.")
    for note in refreshed.notes:
        report.note(note)
    if state.warning:
        report.warn(state.warning)
    report.json({**_state_json(state), "holds": [_json(record) for record in shown]})
    return _status(state)


def _print_result(report: Report, changed: Changed, word: str) -> Status:
    from chorus_gui.app.words import plural

    state = changed.state
    shared = "" if state.unshared else " Everybody who works on the journal sees it."
    if changed.count:
        report.say(f"{plural(changed.count, 'hold')} {'added' if word == 'held back' else 'released'}.{shared}")
    else:
        report.say("All of this is held back already, for the same reason.")
    for note in changed.notes:
        report.note(note)
    if state.unshared:
        report.error(state.warning)
    elif state.warning:
        report.warn(state.warning)
    report.json({**_state_json(state), word.replace(" ", "_"): changed.count, "notes": list(changed.notes)})
    return _status(state)


def _status(state: HoldsState) -> Status:
    """A change that is not shared yet is not finished: the same command, or any later one, continues."""
    return Status.STOPPED if state.unshared else Status.FAULTY if state.trouble or state.unreadable else Status.DONE


def _state_json(state: HoldsState) -> dict[str, Any]:
    return {
        "in_force": len(state.holds),
        "shared": not state.unshared and not state.trouble,
        "unshared": state.unshared,
        "trouble": state.trouble or None,
        "list": state.where,
    }


def _json(record: Record) -> dict[str, Any]:
    hold = record.hold
    return {
        "id": record.id,
        "modality": hold.modality or None,
        "path": hold.path or None,
        "patient_id": hold.patient_id or None,
        "reason": hold.reason,
        "by": hold.held_by,
        "at_us": hold.at_us,
        "releases": [{"by": release.released_by, "at_us": release.at_us, "reason": release.reason} for release in record.releases],
    }


def _what_of(record: Record) -> str:
    hold = record.hold
    return f"patient {hold.patient_id}" if hold.patient_id else f"{hold.modality}: {hold.path}"


def _since(at_us: int) -> str:
    from chorus_gui.app.words import moment

    return moment(at_us) if at_us else "–"


def _released(record: Record) -> str:
    if not record.releases:
        return "no"
    first = record.releases[0]
    return f"{_since(first.at_us)} by {first.released_by or '–'}" + (f": {first.reason}" if first.reason else "")
