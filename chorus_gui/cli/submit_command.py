"""``chorus-upload submit``: the whole way through, with a person's approval in the middle."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from chorus_gui.core.job import JobContext

if TYPE_CHECKING:
    from chorus_gui.app.run import Done
    from chorus_gui.cli.report import Report


def add(groups: Any) -> None:
    """The command's grammar."""
    from chorus_gui.cli.journal_commands import add_review_options

    parser = groups.add_parser("submit", help="scan, show what changed, and after your yes record and upload it")
    add_review_options(parser)
    parser.add_argument("--yes", action="store_true", help="approve without being asked")
    parser.set_defaults(run=run, long=True)


def run(args: argparse.Namespace, report: Report, ctx: JobContext) -> Done[None]:
    """Scan, approve, send, commit, leave the journal's copy."""
<<<<<<< HEAD
    from chorus_gui.app.submit import submit
    from chorus_gui.cli.arguments import submit_options, workspace
    from chorus_gui.cli.review_text import Terminal, tell

    with workspace(args, report) as opened:
        reviewing = Terminal(report, central=opened.config.central.text, yes=args.yes)
        done = submit(opened, ctx, submit_options(args), reviewing)
    tell(report, done)
    return done
=======
    from chorus_gui.cli.file_commands import refuse_azcli
    from chorus_gui.cli.review_text import Run, scan_and_show, told
    from chorus_gui.cli.workplace import central_store, open_journal, params_text, working
    from chorus_gui.core.review.staging import Staging
    from chorus_gui.core.submission.submit import Approved, submit
    from chorus_gui.core.submission.upload import copies_left, upload_pending

    params = params_text(args, "version", "amend", "modalities", "mode", "allow_deletions")
    run = Run()
    with open_journal(args, report, ctx, write=True, create=True, params=params, dest=True) as place:
        refuse_azcli(place.config)
        with central_store(place.config) as store:
            reviewed, approval = scan_and_show(args, report, ctx, place, store, approve_it=True, ask=not args.yes)
            if approval is None:
                return 0
            with (
                told(report, ctx, place, "submission", run, reviewed) as log,
                Staging.open(reviewed.path) as staging,
                working(place, ctx, log) as work,
                copies_left(work, store),
            ):
                submit(work, Approved(staging, approval), store)
                upload_pending(work, store)
        return run.status
>>>>>>> 7faf94ac40ec30a7560f5c2e41fe622c0f8a4f46
