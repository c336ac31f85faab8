"""Compare the store with the journal, and keep the results: every verdict in the verdict book, the summary in a receipt."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.app.run import Command, Done, Run, run
from chorus_gui.app.submit import check_version
from chorus_gui.app.values import VerifyFacts, VerifyLine
from chorus_gui.app.verdict_book import Book, book_for
from chorus_gui.app.words import RESULTS
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Level, Tally
from chorus_gui.core.submission.verdict_file import VerdictFile, verdict_file, verdict_values
from chorus_gui.core.submission.work import Selection
from chorus_gui.core.transfer.verify import Verdict, VerifyResult

if TYPE_CHECKING:
    from chorus_gui.core.receipt import Verification

BAD_SHOWN = 20_000
"""Files that differ and are named in the receipt and on screen; the verdict book has all of them."""


def verify(
    workspace: Workspace, ctx: JobContext, which: Selection, *, last: bool = False, reread: bool = False, output: Path | None = None
) -> Done[VerifyFacts]:
    """Compare the uploaded files in the store with the journal: by size and MD5 property, or with ``reread`` by downloading and hashing them.

    ``last``: the last version, if ``which`` names none.  ``output``: the verdicts are written there too, as CSV or (by its name) JSON.
    """
    from chorus_gui.core.submission.verification import verify_versions
    from chorus_gui.core.submission.work import choose_modalities

    def step(active: Run) -> VerifyFacts:
        check_version(active, which.version)
        version = which.version or (active.journal.last_version() if last else None)
        modalities = choose_modalities(workspace.config, which.modalities)
        store = workspace.store()
        active.log.version = version or ""
        found = _Found()
        local = workspace.config.journal.local
        with (
            book_for(local) as file,
            Book(file, journal=local, version=version, modalities=modalities, reread=reread) as book,
            verdict_file(output) if output else nullcontext() as writer,
        ):
            active.begin()
            try:
                with workspace.person.progress(ctx):
                    verdicts = verify_versions(active.work, store, Selection(version, modalities), reread=reread)
                    found.take(verdicts, book, writer)
            finally:
                active.verification = found.verification(reread=reread)
        return VerifyFacts(version, modalities, reread, time.time_ns() // 1000, True, dict(found.counts), tuple(found.bad), found.bad_total)

    return run(workspace, Command("file verify", receipt="verify"), ctx, step)


class _Found:
    """What a verification has found so far."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.bad: list[VerifyLine] = []
        self.bad_total = 0
        self._checked = Tally()

    def take(self, verdicts: Iterable[Verdict], book: Book, writer: VerdictFile | None) -> None:
        for verdict in verdicts:
            book.add(verdict)
            if writer is not None:
                writer.write(verdict_values(verdict))
            row, result = verdict.row, verdict.result
            self.counts[row.modality, result.value] += 1
            self._checked += Tally(1, row.size)
            if result is not VerifyResult.OK:
                self.bad_total += 1
                if len(self.bad) < BAD_SHOWN:
                    self.bad.append(VerifyLine(row.modality, row.path, row.version, verdict.store_path, result.value, verdict.detail))

    def verification(self, *, reread: bool) -> Verification:
        """For the receipt."""
        from chorus_gui.core.receipt import Verification, VerifyFault

        faults = tuple(VerifyFault(line.modality, line.path, f"{RESULTS[line.result][1]} {line.detail}".strip()) for line in self.bad)
        return Verification(Level.REREAD if reread else Level.PROPERTIES, self._checked, faults)
