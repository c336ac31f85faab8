"""Send what is recorded and pending; put the journal's copy beside what was sent."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path

from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import PatternError, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Action, Entry, Failure, Item, Proof, Row
from chorus_gui.core.storage.base import Store
from chorus_gui.core.storage.files import send_file
from chorus_gui.core.submission.commit import upload_time
from chorus_gui.core.submission.deliver import deliver
from chorus_gui.core.submission.log import RunLog
from chorus_gui.core.submission.review_site import choose_modalities, sources_of

_MD5 = re.compile(r"[0-9a-f]{32}")


def upload_pending(
    config: Config,
    journal: Journal,
    store: Store,
    ctx: JobContext,
    log: RunLog,
    *,
    version: str | None = None,
    modalities: Sequence[str] | None = None,
    max_files: int | None = None,
) -> None:
    """Send the pending rows; each is marked when its file is proved.  A file that is not the recorded one is not sent.

    ``max_files``: at most so many.  Raises as :func:`~chorus_gui.core.submission.deliver.deliver`; :class:`UsageError` for a
    version that the journal has not.
    """
    chosen = choose_modalities(config, modalities)
    journal.remove_never_uploaded_closed()
    if version is not None and version not in journal.versions():
        raise UsageError(f"The journal has no version {version}.", remedy="List the versions with “journal list”.")
    totals: dict[str, tuple[int | None, int | None]] = {}
    for count in journal.counts():
        if count.modality in chosen and version in (None, count.version) and count.pending:
            files, size = totals.get(count.modality, (0, 0))
            totals[count.modality] = ((files or 0) + count.pending, (size or 0) + count.pending_bytes)
    ctx.progress.begin("upload", totals)
    stray = strays(journal)
    waiting: dict[int, Row] = {}

    def items() -> Iterator[Item]:
        rows = (row for row in journal.rows(modalities=chosen, version=version, pending=True) if row.file_id not in stray)
        for row in islice(rows, max_files):
            try:
                path = config.store_path(row.modality, row.path, row.version)
            except PatternError as error:
                log.failures.append(Failure(_item(row, ""), "PatternError", error.what, error.remedy))
                ctx.progress.add(row.modality, failed=1)
                continue
            waiting[row.file_id] = row
            yield _item(row, path)

    def entry_of(proof: Proof) -> Entry:
        row = waiting[proof.item.key]
        now = upload_time()
        if proof.item.md5 is None:  # recorded by a tool that left no MD5: the row is entered anew, with one
            return Entry(
                Action.ENTER, row.modality, row.path, row.patient_id, row.size, row.mtime_us, proof.md5, row.version, now, row.file_id, "ADDED",
                proof.md5_seconds, proof.upload_seconds, proof.verify_seconds,
            )  # fmt: skip
        return Entry(
            Action.UPLOADED, old_id=row.file_id, uploaded=now, upload_seconds=proof.upload_seconds, verify_seconds=proof.verify_seconds
        )

    def done(proofs: list[Proof]) -> None:
        for proof in proofs:
            log.prove(proof, waiting.pop(proof.item.key).version)

    sources = sources_of(config, chosen)
    deliver(items(), entry_of, done, config=config, journal=journal, sources=sources, store=store, ctx=ctx, log=log)


def _item(row: Row, store_path: str) -> Item:
    md5 = (row.md5 or "").lower()
    return Item(row.file_id, row.modality, row.path, store_path, row.size, row.mtime_us, md5 if _MD5.fullmatch(md5) else None)


def strays(journal: Journal) -> set[int]:
    """Open rows that a newer open row of the same path stands above (other tools leave them): they are not sent."""
    rows = journal.rows_sql()
    doubles = journal.select(
        f"invalid_us IS NULL AND (modality, path) IN (SELECT modality, path FROM ({rows}) WHERE invalid_us IS NULL GROUP BY 1, 2 HAVING count(*) > 1) "
        "ORDER BY modality, path, file_id"
    )
    newest = {(row.modality, row.path): row.file_id for row in doubles}
    return {row.file_id for row in doubles} - set(newest.values())


def leave_copies(config: Config, journal: Journal, store: Store, versions: Collection[str]) -> None:
    """Put the journal's copy into the folder of each version that received files, under the local journal's file name.

    Not to be cancelled: it is what a cancelled upload ends with.  Raises :class:`StoreError`, :class:`JournalError`.
    """
    if not versions:
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "journal.db"
        journal.snapshot(copy)
        for version in sorted(versions):
            send_file(store, f"{version}/{config.journal.local.name}", copy, JobContext())
