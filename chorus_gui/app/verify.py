"""Compare the store with the journal, and keep the results: every verdict in the verdict book, the summary in a receipt."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.app.cluster import use_cluster
from chorus_gui.app.run import Command, Done, Run, run
from chorus_gui.app.submit import check_version
from chorus_gui.app.this_store import store_name
from chorus_gui.app.values import VerifyFacts, VerifyLine
from chorus_gui.app.verdict_book import Book, book_for
from chorus_gui.app.verified import Judged, known_keys, record, refresh, to_repair
from chorus_gui.app.words import RESULTS, agree, files
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.errors import StoreError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Level, Tally
from chorus_gui.core.submission.verdict_file import VerdictFile, verdict_file, verdict_values
from chorus_gui.core.submission.work import WHOLE, Part, Selection
from chorus_gui.core.transfer.verify import UNKNOWN, Verdict, VerifyResult

if TYPE_CHECKING:
    from chorus_gui.core.receipt import Verification, VerifyFault
    from chorus_gui.core.storage.base import Store


@dataclass(frozen=True, slots=True)
class Comparison:
    """How files are compared: ``reread``: by downloading and hashing them; ``part`` limits which."""

    reread: bool = False
    part: Part = WHOLE


BAD_SHOWN = 20_000
"""Files that differ and are named in the receipt and on screen; the verdict book has all of them."""


def verify(
    workspace: Workspace,
    ctx: JobContext,
    which: Selection,
    how: Comparison | None = None,
    *,
    last: bool = False,
    output: Path | None = None,
) -> Done[VerifyFacts]:
    """Compare the uploaded files in the store with the journal, by size and MD5 property unless ``how`` says more.

    ``last``: the last version, if ``which`` names none.  ``output``: the verdicts are written there too, as CSV or (by its name) JSON.
    What was found is shared with everybody who works on the journal.
    """
    how = how or Comparison()
    reread = how.reread
    from chorus_gui.core.submission.verification import verify_versions
    from chorus_gui.core.submission.work import choose_modalities

    def step(active: Run) -> VerifyFacts:
        check_version(active, which.version)
        version = which.version or (active.journal.last_version() if last else None)
        modalities = choose_modalities(workspace.config, which.modalities)
        store = workspace.store()
        if reread:
            use_cluster(active)
        active.log.version = version or ""
        active.log.modalities, active.log.looked_at = modalities, (version,) if version else tuple(active.journal.versions())
        local, name = workspace.config.journal.local, store_name(workspace.config.central)
        refresh(workspace, ctx)
        partial = bool(how.part) or set(modalities) != set(workspace.config.modalities)
        counted = [count for count in active.journal.counts() if count.active > count.pending and version in (None, count.version)]
        outside = tuple(sorted({count.modality for count in counted} - set(workspace.config.modalities)))
        judged = Judged(reread, partial, known_keys(workspace.config), modalities=modalities)
        found = Found(judged)
        with (
            book_for(local) as file,
            Book(file, journal=local, version=version, modalities=modalities, reread=reread, store=name) as book,
            verdict_file(output) if output else nullcontext() as writer,
        ):
            active.begin()
            try:
                with workspace.person.progress(ctx):
                    verdicts = verify_versions(active.work, store, Selection(version, modalities), reread=reread, part=how.part)
                    judged.partial = True  # until it has come to the end
                    found.take(verdicts, book, writer)
                    judged.partial = partial
            finally:
                active.verification = found.verification(reread=reread)
                found.withdraw_markers(active, store)
                if note := record(workspace, ctx, judged):
                    active.warn(note)
            if not how.part:
                found.look_for_extra(active, store, Selection(version))
            active.verification = found.verification(reread=reread)
        return replace(found.facts(version, modalities, reread=reread), outside=outside)

    return run(workspace, Command("file verify", receipt="verify"), ctx, step)


class Found:
    """What a verification has found so far."""

    def __init__(self, judged: Judged) -> None:
        self._judged = judged
        self.counts: Counter[tuple[str, str]] = Counter()
        self._bad: list[VerifyLine] = []
        self._bad_total = 0
        self._unchecked: list[VerifyLine] = []
        self._unchecked_total = 0
        self._extra: list[str] = []
        self._extra_total = 0
        self._checked = Tally()
        self._wrong: set[str] = set()

    def take(self, verdicts: Iterable[Verdict], book: Book, writer: VerdictFile | None) -> None:
        """Count the verdicts and keep them."""
        for verdict in verdicts:
            book.add(verdict)
            self._judged.take(verdict)
            if writer is not None:
                writer.write(verdict_values(verdict))
            row, result = verdict.row, verdict.result
            self.counts[row.modality, result.value] += 1
            line = VerifyLine(row.modality, row.path, row.version, verdict.store_path, result.value, verdict.detail)
            if result in UNKNOWN:
                self._unchecked_total += 1
                self._unchecked += [line] if len(self._unchecked) < BAD_SHOWN else []
                continue
            self._checked += Tally(1, row.size)
            if result is not VerifyResult.OK:
                self._bad_total += 1
                self._wrong.add(row.version)
                self._bad += [line] if len(self._bad) < BAD_SHOWN else []

    def look_for_extra(self, active: Run, store: Store, which: Selection) -> None:
        """Blobs that no row explains.  They are reported, and make no file wrong: a store that cannot be listed is a note."""
        from chorus_gui.core.submission.verification import unexplained

        try:
            for path in unexplained(active.work, store, which):
                self._extra_total += 1
                self._extra += [path] if len(self._extra) < BAD_SHOWN else []
        except StoreError as error:
            active.log.notes.append(f"Could not search the central store for files that are not in the journal. {error.what}")

    def withdraw_markers(self, active: Run, store: Store) -> None:
        """A version with missing or different files is not complete: its completion marker is removed."""
        from chorus_gui.core.submission.guard import remove_marker

        for version in sorted(self._wrong):
            try:
                if remove_marker(store, version):
                    text = f"Version {version} is no longer marked as complete."
                    active.log.notes.append(text)  # for the receipt
                    active.warn(text)
            except StoreError as error:
                active.warn(f"Could not remove the completion marker of version {version}. {error.what}")

    def facts(self, version: str | None, modalities: tuple[str, ...], *, reread: bool) -> VerifyFacts:
        """For the face."""
        return VerifyFacts(
            version,
            modalities,
            reread,
            time.time_ns() // 1000,
            True,
            dict(self.counts),
            tuple(self._bad),
            self._bad_total,
            tuple(self._unchecked),
            self._unchecked_total,
            tuple(self._extra),
            self._extra_total,
            self._judged.partial,
        )

    def verification(self, *, reread: bool) -> Verification:
        """For the receipt."""
        from chorus_gui.core.receipt import Verification

        return Verification(
            Level.REREAD if reread else Level.PROPERTIES,
            self._checked,
            _faults(self._bad),
            self._bad_total,
            _faults(self._unchecked),
            self._unchecked_total,
            tuple(self._extra),
            self._extra_total,
            self._judged.partial,
        )


def _faults(lines: Iterable[VerifyLine]) -> tuple[VerifyFault, ...]:
    from chorus_gui.core.receipt import VerifyFault

    return tuple(VerifyFault(line.modality, line.path, f"{RESULTS[line.result][1]} {line.detail}".strip()) for line in lines)


def missed(found: VerifyFacts) -> str:
    """What could not be checked; "" if nothing."""
    return " ".join(not_checked(found.unchecked_total - found.not_comparable, found.not_comparable))


def not_checked(unknown: int, incomparable: int) -> list[str]:
    """Sentences about ``unknown`` files that could not be read, and ``incomparable`` ones that have no MD5 in the journal."""
    said = [f"{files(unknown)} could not be checked. Verify again."] if unknown else []
    if incomparable:
        has = agree(incomparable, "its entry", "their entries")
        said.append(f"{files(incomparable)} could not be compared: {has} in the journal {agree(incomparable, 'has', 'have')} no MD5.")
    return said


COMPARED = {False: "by size and MD5", True: "by their content"}
"""How files were compared, for each value of ``reread``."""


def sentences(found: VerifyFacts, *, repairing: bool = False, window: bool = False) -> list[str]:
    """What was compared, how, and with what result.  The next steps are those of the command line, or of the ``window``.

    ``repairing``: they were uploaded again if possible.
    """
    if not found.counts:
        return [f"Nothing to {'repair' if repairing else 'verify'}: no files in this selection have been uploaded."]
    compared = found.total - found.unchecked_total
    said = [f"Compared {files(compared)} with the journal, {COMPARED[found.reread]}."]
    if found.partial and not repairing:
        said.append("Other files of the journal were not compared.")
    if found.outside and not repairing:
        these = agree(len(found.outside), "this modality", "these modalities")
        said.append(f"Files of {', '.join(found.outside)} were not compared, because the configuration does not include {these}.")
    if found.bad_total:
        said.append(f"{files(found.bad_total)} {agree(found.bad_total, 'differs', 'differ')} from the journal.")
        if not repairing:
            said.append(to_repair(found.bad_total, window=window))
    if found.unchecked_total:
        said.append(missed(found))
    if not found.bad_total and not found.unchecked_total:
        said.append(agree(compared, "It matches.", "All match."))
        if not (found.reread or repairing or window):  # the window has that choice next to the result
            said.append("To compare their content too, add --reread.")
    if found.extra_total:
        said.append(f"{files(found.extra_total)} in the central store {agree(found.extra_total, 'is', 'are')} not in the journal.")
    return said
