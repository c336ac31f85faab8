"""Verify, and upload again what is missing or different."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chorus_gui.app.holds import holding_back
from chorus_gui.app.options import params_text
from chorus_gui.app.run import Command, Done, Run, run
from chorus_gui.app.submit import check_built_in, check_version
from chorus_gui.app.values import VerifyFacts
from chorus_gui.app.verdict_book import Book, book_for
from chorus_gui.app.verify import Found
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.job import JobContext
from chorus_gui.core.submission.work import Selection
from chorus_gui.core.transfer.verify import DIFFERENT, Verdict


@dataclass(frozen=True, slots=True)
class Repaired:
    """How many files were wrong, and what is true now that they were uploaded again as far as possible."""

    wrong: int
    now: VerifyFacts


def repair(workspace: Workspace, ctx: JobContext, which: Selection, *, last: bool = False, reread: bool = False) -> Done[Repaired]:
    """Upload the files that a verification finds missing or different to where their rows say they are; options as for ``verify``.

    The rows of the journal stay as they are.
    """
    from chorus_gui.core.submission.repair import repair as send_again
    from chorus_gui.core.submission.verification import verify_versions
    from chorus_gui.core.submission.work import choose_modalities

    def step(active: Run) -> Repaired:
        check_built_in(workspace.config)
        check_version(active, which.version)
        version = which.version or (active.journal.last_version() if last else None)
        modalities = choose_modalities(workspace.config, which.modalities)
        store = active.store()
        active.log.version = version or ""
        active.log.modalities, active.log.looked_at = modalities, (version,) if version else tuple(active.journal.versions())
        found, wrong = Found(), list[Verdict]()
        local = workspace.config.journal.local

        def right(verdicts: Iterator[Verdict]) -> Iterator[Verdict]:
            """Keeps the wrong ones back until they are sent."""
            for verdict in verdicts:
                if verdict.result in DIFFERENT:
                    wrong.append(verdict)
                else:
                    yield verdict

        with (
            holding_back(active),
            book_for(local) as file,
            Book(file, journal=local, version=version, modalities=modalities, reread=reread) as book,
        ):
            active.begin(leave_copies=store)
            sent: set[int] = set()
            try:
                with workspace.person.progress(ctx):
                    verdicts = verify_versions(active.work, store, Selection(version, modalities), reread=reread)
                    found.take(right(verdicts), book, None)
                    for verdict in send_again(active.work, store, wrong):
                        sent.add(verdict.row.file_id)
                        found.take([verdict], book, None)
            finally:
                found.take([verdict for verdict in wrong if verdict.row.file_id not in sent], book, None)
                active.verification = found.verification(reread=reread)
        return Repaired(len(wrong), found.facts(version, modalities, reread=reread))

    params = params_text((("version", which.version), ("modalities", which.modalities), ("reread", reread)))
    return run(workspace, Command("file repair", params, writes=True, sends=True, receipt="repair"), ctx, step)
