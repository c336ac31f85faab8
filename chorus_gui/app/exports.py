"""Files for people: changes, failures, verdicts, held-back changes, file lists."""

from __future__ import annotations

import csv
import io
import os
import socket
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.app.holds import holding_back
from chorus_gui.app.options import SubmitOptions
from chorus_gui.app.requests import FileListRequest
from chorus_gui.app.run import Command, Done, Run, run
from chorus_gui.app.submit import check_version
from chorus_gui.app.this_store import store_name
from chorus_gui.app.verdict_book import book_file, last_verification, values
from chorus_gui.app.workspace import Workspace
from chorus_gui.core import private
from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import ChangeKind, Failure, Row
from chorus_gui.core.refused import refusal
from chorus_gui.core.review.changes import stream
from chorus_gui.core.review.values import Query
from chorus_gui.core.shown import quoted
from chorus_gui.core.submission.verdict_file import safe_cell, verdict_file
from chorus_gui.core.untrusted import instant_us

if TYPE_CHECKING:
    from chorus_gui.core.journal.store import Journal
    from chorus_gui.core.receipt import Receipt
    from chorus_gui.core.review.staging import Staging
    from chorus_gui.core.submission.work import Stays


def check_writable(file: Path) -> None:
    """Raises :class:`UsageError` if a file cannot be written there, or replaced: before anything else is done.  Nothing is left or changed."""
    target = Path(os.path.realpath(file)) if file.is_symlink() else file  # what a link names is written, and the link stays
    try:
        if target.exists():
            with target.open("ab"):
                pass
        if not target.exists() or (target.is_file() and target == file):
            with private.tried(private.beside(target)):
                pass
    except OSError as error:
        why, remedy = refusal(error, file, "Choose another folder, or close the program that has the file open.")
        if not file.parent.is_dir():
            why = "the folder does not exist"
        raise UsageError(f"Could not write {file}: {why}.", remedy=remedy) from error


@contextmanager
def table_file(file: Path, header: Sequence[str]) -> Generator[Callable[[Iterable[Any]], object]]:
    """A CSV file that spreadsheet programs open directly, readable by this user alone, written completely or not at all; yields a function that adds lines."""
    try:
        with private.replacing(file) as out, io.TextIOWrapper(out, "utf-8-sig", "surrogateescape", newline="") as text:
            writer = csv.writer(text)
            writer.writerow(header)
            yield lambda cells: writer.writerow([safe_cell(cell) for cell in cells])
    except OSError as error:
        why, remedy = refusal(error, file, "Choose another folder, or close the program that has it open.")
        raise UsageError(f"Could not write {file}: {why}.", remedy=remedy) from error


def export_verify(config: Config, file: Path, results: Sequence[str] = ()) -> int:
    """Write the verdicts of the last verification of this journal and central store (or those with these results) as CSV, or as JSON if the file's name says so; how many."""
    count, book = 0, book_file(config.journal.local)
    if last_verification(book, store_name(config.central)) is None:
        raise UsageError("Nothing has been verified yet.", remedy="Verify a version first.")
    with verdict_file(file) as table:
        for found in values(book, results):
            table.write(found)
            count += 1
    return count


def export_changes(workspace: Workspace, file: Path, query: Query, ctx: JobContext) -> int:
    """Write the changes of the review as CSV; how many."""
    with workspace.staged() as staging:
        return _write_changes(staging, file, query, ctx)


def scan_and_export(workspace: Workspace, ctx: JobContext, options: SubmitOptions, file: Path, query: Query) -> Done[int]:
    """Scan the site, and write the changes as CSV; how many.  Nothing is recorded, and the review in the window is not changed."""
    from chorus_gui.app.review import reviewed_site

    def step(active: Run) -> int:
        with reviewed_site(active, options, keep=False) as (_, staging, reviewed):
            active.faulty = reviewed.summary.total(ChangeKind.PROBLEM).files > 0
            return _write_changes(staging, file, query, ctx)

    return run(workspace, Command("export changes", creates=True), ctx, step)


def _write_changes(staging: Staging, file: Path, query: Query, ctx: JobContext) -> int:
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
    with table_file(file, header) as add:
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
    with table_file(file, ("modality", "path", "size", "cause", "what to do", "attempts")) as add:
        for failure in failures:
            item = failure.item
            add((item.modality, item.path, item.size, failure.cause, failure.remedy, failure.attempts))
            count += 1
    return count


@dataclass(frozen=True, slots=True)
class LastRun:
    """The run that failures are of: ``count`` of them.  ``here``: it was on this computer."""

    count: int
    receipt: Receipt
    here: bool


def export_last_failures(config: Config, file: Path, ctx: JobContext) -> LastRun:
    """Write the failures of the last submission, recording, upload or repair that left a receipt; of which run they are.

    Several computers can work on one journal, so it may be another computer's.  Raises :class:`UsageError`.
    """
    from chorus_gui.app.facts import receipts
    from chorus_gui.app.receipts import from_json

    last = next((found for found in receipts(config, ctx) if found.kind in ("submission", "record", "upload", "repair")), None)
    if last is None:
        raise UsageError(
            "No submission or upload of this journal to this central store has left a receipt on this computer.",
            remedy="Run “chorus-upload submit” first.",
        )
    receipt = from_json(last.data.read_text("utf-8"))
    return LastRun(export_failures(file, receipt.failures), receipt, receipt.host == socket.gethostname())


def write_whole(file: Path, content: bytes) -> None:
    """Write a picture, a page or a text, completely or not at all.  Raises :class:`UsageError`."""
    try:
        with private.replacing(file) as out:
            out.write(content)
    except OSError as error:
        why, remedy = refusal(error, file, "Choose another folder, or close the program that has it open.")
        raise UsageError(f"Could not write {file}: {why}.", remedy=remedy) from error


def export_holds(workspace: Workspace, file: Path) -> int:
    """Write the held-back changes, for a colleague; how many."""
    with workspace.holds() as holds:
        try:
            holds.export(file)
        except OSError as error:
            why, remedy = refusal(error, file, "Choose another folder.")
            raise UsageError(f"Could not write {file}: {why}.", remedy=remedy) from error
        return len(holds.all())


def listed(journal: Journal, config: Config, wanted: FileListRequest, ctx: JobContext, stays: Stays) -> Iterator[Row]:
    """The pending entries that an upload sends now, or the uploaded ones.  Raises :class:`UsageError` for an unknown modality."""
    from chorus_gui.core.submission.work import Selection, choose_modalities, pending_rows

    if wanted.uploaded:
        modalities = choose_modalities(config, wanted.modalities)
        rows = islice(journal.rows(modalities=modalities, version=wanted.version, active=True, uploaded=True), wanted.max_files)
    else:
        rows = pending_rows(config, journal, Selection(wanted.version, wanted.modalities, wanted.max_files), stays)
    for row in rows:
        ctx.checkpoint()
        yield row


def whole_path(config: Config, row: Row) -> str:
    """Where the file of an entry is on the site: with its folder, or with the address of its place."""
    return config.sites[row.modality].place.full(row.path)


def store_path(config: Config, row: Row) -> str:
    """Where the file of an entry is, or will be, in the central store, version folder included."""
    return config.store_paths(row.modality, row.path, row.version)[0]


def file_list(
    workspace: Workspace, ctx: JobContext, wanted: FileListRequest, take: Callable[[Row], None], *, local: bool = False
) -> Done[int]:
    """Give every entry of a file list to ``take``; how many.  ``local``: of the local journal, wherever the journal is checked out."""

    def step(active: Run) -> int:
        check_version(active, wanted.version)
        count = 0
        with holding_back(active, sends=False):
            for row in listed(active.journal, workspace.config, wanted, ctx, active.work.stays):
                take(row)
                count += 1
        return count

    return run(workspace, Command("file list", local=local), ctx, step)


def write_file_list(workspace: Workspace, ctx: JobContext, wanted: FileListRequest, *, local: bool = False) -> Done[int]:
    """Write the paths of a file list, as :func:`chorus_gui.core.submission.listed.read_list` reads them; how many."""

    def step(active: Run) -> int:
        check_version(active, wanted.version)
        count = 0
        try:
            with holding_back(active, sends=False), private.replacing(wanted.file) as out:
                for row in listed(active.journal, workspace.config, wanted, ctx, active.work.stays):
                    path = whole_path(workspace.config, row) if wanted.absolute else row.path
                    out.write(os.fsencode(path) + b"\0" if wanted.null else f"{quoted(path)}\n".encode())
                    count += 1
        except OSError as error:
            why, remedy = refusal(error, wanted.file, "Choose another folder.")
            raise UsageError(f"Could not write {wanted.file}: {why}.", remedy=remedy) from error
        return count

    return run(workspace, Command("file list", local=local), ctx, step)


def _moment(us: int | None) -> str:
    at = instant_us(us)
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"
