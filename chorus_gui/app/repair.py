"""Verify, and upload again what is missing or different."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

from chorus_gui.app.cluster import use_cluster
from chorus_gui.app.holds import holding_back
from chorus_gui.app.options import params_text
from chorus_gui.app.outside import wrong_outside, wrong_sentence
from chorus_gui.app.run import Command, Done, Run, run
from chorus_gui.app.submit import check_built_in, check_version
from chorus_gui.app.this_store import store_name
from chorus_gui.app.values import VerifyFacts
from chorus_gui.app.verdict_book import Book, book_for
from chorus_gui.app.verified import Judged, known_keys, record, refresh, unnamed_wrong, wrong_rows
from chorus_gui.app.verify import Found
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Tally, sums
from chorus_gui.core.submission.work import Selection
from chorus_gui.core.transfer.verify import DIFFERENT, Verdict


@dataclass(frozen=True, slots=True)
class Repaired:
    """How many files were wrong, and what is true now that they were uploaded again as far as possible."""

    wrong: int
    now: VerifyFacts


WITHOUT_SCRIPT = "A script uploads pending files only. To upload again what is missing or different, set upload_method to “builtin”, repair, and set it back."
"""What to do at a site that uploads with generated scripts."""


def repair(
    workspace: Workspace, ctx: JobContext, which: Selection, *, last: bool = False, reread: bool = False, known: bool = False
) -> Done[Repaired]:
    """Upload the files that are missing or different to where their rows say they are.  The rows of the journal stay as they are.

    ``known``: those that earlier verifications found, on any computer; each is compared once more before.  A version that had too many
    to name them all is compared as a whole.  If there are none, or without ``known``, a verification finds them; options as for ``verify``.
    """
    from chorus_gui.core.submission.repair import repair as send_again
    from chorus_gui.core.submission.verification import verify_rows, verify_versions
    from chorus_gui.core.submission.work import choose_modalities

    def step(active: Run) -> Repaired:
        check_built_in(workspace.config, WITHOUT_SCRIPT)
        check_version(active, which.version)
        version = which.version or (active.journal.last_version() if last else None)
        modalities = choose_modalities(workspace.config, which.modalities)
        store = active.store()
        use_cluster(active)
        local, name = workspace.config.journal.local, store_name(workspace.config.central)
        refresh(workspace, ctx)
        many = {check.version: check.reread for _, check in unnamed_wrong(active.journal, workspace.config)} if known else {}
        before = [
            one
            for one in (wrong_rows(active.journal, workspace.config) if known else ())
            if one[0].version not in many and one[0].modality in modalities
        ]
        version = None if before or many else version
        active.log.version = version or ""
        looked_at = tuple(sorted({row.version for row, _, _ in before} | set(many)))
        looked_at = looked_at or ((version,) if version else tuple(active.journal.versions()))
        active.log.modalities, active.log.looked_at = modalities, looked_at
        judged = Judged(reread, True, known_keys(workspace.config), modalities=modalities)
        found, wrong = Found(judged), list[Verdict]()

        def verdicts() -> Iterator[Verdict]:
            """Those of the known files, each compared as it was when it was found; otherwise those of the selection."""
            if not before and not many:
                yield from verify_versions(active.work, store, Selection(version, modalities), reread=reread)
            for crowded, by_reading in sorted(many.items()):
                yield from verify_versions(active.work, store, Selection(crowded, modalities), reread=by_reading)
                judged.whole[crowded] = by_reading
            for by_reading in (False, True):
                rows = sorted((row for row, file, _ in before if file.reread is by_reading), key=attrgetter("version"))
                if rows:
                    totals = sums((row.modality, Tally(1, row.size)) for row in rows)
                    yield from verify_rows(active.work, store, rows, totals, reread=by_reading)

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
            Book(file, journal=local, version=version, modalities=modalities, reread=reread, store=name) as book,
        ):
            active.begin(leave_copies=store)
            sent: set[int] = set()
            try:
                with workspace.person.progress(ctx):
                    found.take(right(verdicts()), book, None)
                    for verdict in send_again(active.work, store, wrong):
                        sent.add(verdict.row.file_id)
                        found.take([verdict], book, None)
            finally:
                found.take([verdict for verdict in wrong if verdict.row.file_id not in sent], book, None)
                active.verification = found.verification(reread=reread)
                if note := record(workspace, ctx, judged):
                    active.warn(note)
            active.log.notes += [wrong_sentence(*one) for one in wrong_outside(active.journal, workspace.config)]
        return Repaired(len(wrong), found.facts(version, modalities, reread=reread))

    params = params_text((("version", which.version), ("modalities", which.modalities), ("reread", reread)))
    return run(workspace, Command("file repair", params, writes=True, sends=True, receipt="repair"), ctx, step)
