"""Verification, and the files that people take away: no Qt.  These run on a job's thread."""

from __future__ import annotations

import csv
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import Cancelled, ChorusError, UsageError
from chorus_gui.core.job import JobContext, OutcomeKind
from chorus_gui.core.model import Failure, Level, Tally
from chorus_gui.core.places import replace_file
from chorus_gui.core.review.changes import stream
from chorus_gui.core.review.values import Query
from chorus_gui.core.submission.verdict_file import safe_cell, verdict_file
from chorus_gui.ui.intents import ExportFileList
from chorus_gui.ui.looking import receipts_folder
from chorus_gui.ui.state import VerifyFacts, VerifyLine
from chorus_gui.ui.verdicts import Book, book_file, look, values
from chorus_gui.ui.work import Run, Site, staged

BAD_SHOWN = 20_000
"""So many differing files are named in the receipt; the book has them all."""


@contextmanager
def _table(file: Path, header: Sequence[str]) -> Iterator[Callable[[Iterable[Any]], object]]:
    """A CSV file that spreadsheet programs open as it is, of this user alone, whole or not at all; the answer adds a row."""
    part = file.with_name(file.name + ".part")
    try:
        with _private(part) as out:
            writer = csv.writer(out)
            writer.writerow(header)
            yield lambda cells: writer.writerow([safe_cell(cell) for cell in cells])
        replace_file(part, file)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written: {error.strerror or error}.", remedy="Choose another folder, or close the program that has it open."
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _private(file: Path) -> TextIO:
    file.unlink(missing_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(handle, "w", encoding="utf-8-sig", errors="surrogateescape", newline="")


def verify(site: Site, run: Run, ctx: JobContext, *, version: str | None, modalities: Sequence[str], reread: bool) -> VerifyFacts:
    """Compare the store with the journal.  Every verdict goes into the book, and what was found to a receipt."""
    from chorus_gui.core.receipt import Fault, Verification, save
    from chorus_gui.core.submission.receipts import make_receipt
    from chorus_gui.core.submission.verification import verify_versions
    from chorus_gui.core.submission.work import Selection
    from chorus_gui.core.transfer.verify import VerifyResult

    counts: Counter[tuple[str, str]] = Counter()
    bad: list[VerifyLine] = []
    total = bad_total = size = 0
    outcome = OutcomeKind.CRASHED
    wanted = tuple(modalities) or site.config.modalities
    run.log.version = version or ""
    try:
        with (
            site.reading() as journal,
            site.store() as store,
            site.working(journal, ctx, run.log) as work,
            Book(book_file(), journal=site.config.journal.local, version=version, modalities=wanted, reread=reread) as book,
        ):
            for verdict in verify_versions(work, store, Selection(version, wanted), reread=reread):
                book.add(verdict)
                row, result = verdict.row, verdict.result
                counts[row.modality, result.value] += 1
                total, size = total + 1, size + row.size
                if result is not VerifyResult.OK:
                    bad_total += 1
                    if len(bad) < BAD_SHOWN:
                        bad.append(VerifyLine(row.modality, row.path, row.version, verdict.store_path, result.value, verdict.detail))
        outcome = OutcomeKind.DONE
    except Cancelled:
        outcome = OutcomeKind.CANCELLED
        raise
    except ChorusError:
        outcome = OutcomeKind.FAILED
        raise
    finally:
        if total or outcome is OutcomeKind.DONE:
            made = make_receipt(site.config, run.log, "verify", outcome)
            faults = tuple(Fault(line.modality, line.path, f"{line.result.replace('_', ' ')}. {line.detail}".strip()) for line in bad)
            checked = Verification(Level.REREAD if reread else Level.PROPERTIES, Tally(total, size), faults)
            run.receipt = save(replace(made, verification=checked), receipts_folder())
    return VerifyFacts(version, wanted, reread, time.time_ns() // 1000, True, dict(counts), tuple(bad), bad_total)


def export_verify(file: Path, results: Sequence[str] = ()) -> int:
    """Write the last verification's verdicts (or those with these results) as CSV, or as JSON if the file's name says so; how many."""
    count = 0
    if look(book_file()) is None:
        raise UsageError("Nothing was verified yet.", remedy="Verify a version first.")
    with verdict_file(file) as table:
        for found in values(book_file(), results):
            table.write(found)
            count += 1
    return count


def export_changes(config: Config, file: Path, query: Query, ctx: JobContext) -> int:
    """Write the changes of the review as CSV; how many."""
    count = 0
    header = (
        "kind",
        "modality",
        "patient",
        "path",
        "size",
        "modified (UTC)",
        "size before",
        "modified before (UTC)",
        "version before",
        "held back",
        "note",
    )
    with staged(config) as staging, _table(file, header) as add:
        for change in stream(staging, query):
            ctx.checkpoint()
            old = change.old
            add(
                (
                    change.kind.value,
                    change.modality,
                    change.patient_id or (old.patient_id if old else None) or "",
                    change.path,
                    change.size,
                    _moment(change.mtime_us),
                    old.size if old else None,
                    _moment(old.mtime_us if old else None),
                    old.version if old else None,
                    change.reason if change.excluded else "",
                    change.note,
                )
            )
            count += 1
    return count


def export_failures(file: Path, failures: Iterable[Failure]) -> int:
    """Write failures as CSV; how many."""
    count = 0
    with _table(file, ("modality", "path", "size", "cause", "what to do", "attempts")) as add:
        for failure in failures:
            item = failure.item
            add((item.modality, item.path, item.size, failure.cause, failure.remedy, failure.attempts))
            count += 1
    return count


def export_holds(config: Config, file: Path) -> int:
    """Write what is held back, for a colleague; how many."""
    from chorus_gui.core.review.holds import Holds

    with Holds(config.journal.local) as holds:
        try:
            holds.export(file)
        except OSError as error:
            raise UsageError(f"{file} cannot be written: {error.strerror or error}.", remedy="Choose another folder.") from error
        return len(holds.all())


def listed(site: Site, wanted: ExportFileList, ctx: JobContext) -> Iterator[str]:
    """The paths that wait to be uploaded, or were uploaded."""
    pending, sent = (None, True) if wanted.uploaded else (True, None)
    with site.reading() as journal:
        modalities = wanted.modalities or site.config.modalities
        rows = journal.rows(modalities=modalities, version=wanted.version, active=True, pending=pending, uploaded=sent)
        for row in islice(rows, wanted.max_files):
            ctx.checkpoint()
            yield row.path


def export_file_list(site: Site, wanted: ExportFileList, ctx: JobContext) -> int:
    """Write them, one a line; how many."""
    count = 0
    try:
        with wanted.file.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as out:
            for path in listed(site, wanted, ctx):
                out.write(path + "\n")
                count += 1
    except OSError as error:
        raise UsageError(f"{wanted.file} cannot be written: {error.strerror or error}.", remedy="Choose another folder.") from error
    return count


def _moment(us: int | None) -> str:
    return "" if us is None else f"{datetime.fromtimestamp(us / 1e6, UTC):%Y-%m-%d %H:%M:%S}"
