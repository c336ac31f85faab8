"""Compare the uploaded files of the journal with the store."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterable, Iterator
from contextlib import closing

from chorus_gui.core.model import Row, Tally, sums
from chorus_gui.core.own_database import temporary_database
from chorus_gui.core.storage.base import Store
from chorus_gui.core.submission.marker import NAME
from chorus_gui.core.submission.work import WHOLE, Part, Selection, Work, choose_modalities
from chorus_gui.core.transfer.verify import Verdict, verify


def verify_versions(work: Work, store: Store, which: Selection, *, reread: bool = False, part: Part = WHOLE) -> Iterator[Verdict]:
    """A verdict for every open, uploaded row of the selection, or of a ``part`` of it.

    Errors as :func:`~chorus_gui.core.transfer.verify.verify`.
    """
    modalities = choose_modalities(work.config, which.modalities)

    def rows() -> Iterator[Row]:
        return work.journal.rows(modalities=modalities, version=which.version, active=True, uploaded=True, limit=which.max_files)

    if part:
        chosen, totals = _chosen(work, rows(), part)
        return verify_rows(work, store, (row for row in rows() if row.file_id in chosen), totals, reread=reread)
    uploaded = (
        (count.modality, Tally(count.active - count.pending, count.active_bytes - count.pending_bytes))
        for count in work.journal.counts()
        if which.version in (None, count.version) and count.modality in modalities
    )
    return verify_rows(work, store, rows(), sums(uploaded), reread=reread)


def verify_rows(work: Work, store: Store, rows: Iterable[Row], totals: dict[str, Tally], *, reread: bool) -> Iterator[Verdict]:
    """A verdict for each of these rows, sorted by version.  ``totals`` by modality, for the progress."""
    work.ctx.progress.begin("verify", totals)
    return verify(rows, work.config.store_paths, store, work.ctx, work.bulk, reread=reread)


def _chosen(work: Work, rows: Iterable[Row], part: Part) -> tuple[set[int], dict[str, Tally]]:
    """The ids of the rows that ``part`` leaves, and their sums by modality."""
    left: Iterable[Row] = (row for row in rows if part.patients is None or not part.patients.isdisjoint(_patients(work, row)))
    if part.newest is not None:
        left = heapq.nlargest(part.newest, left, key=lambda row: (row.uploaded or "", row.file_id))
    sizes = {row.file_id: (row.modality, row.size) for row in left}
    ids = list(sizes)
    if part.share is not None and ids:
        ids = random.sample(ids, math.ceil(len(ids) * part.share))
    return set(ids), sums((sizes[key][0], Tally(1, sizes[key][1])) for key in ids)


def _patients(work: Work, row: Row) -> set[str]:
    """A patient's ID as the path has it, and as the journal has it: without leading zeros."""
    site = work.config.sites.get(row.modality)
    match = site.pattern.match(row.path) if site else None
    return {name for name in (row.patient_id, match.patient_id if match else None) if name}


SIDE_FILES = (".chorus-upload-",)
"""How the names of files begin that this program leaves in a store for a moment."""


def unexplained(work: Work, store: Store, which: Selection) -> Iterator[str]:
    """The blobs below the selection's versions that no row of the journal explains, whatever their modality.

    The journal's copy and the completion marker are ours.  Raises :class:`StoreError`, ``Cancelled``.
    """
    versions = [version for version in work.journal.versions() if which.version in (None, version)]
    local, cloud = work.config.journal.local.name, work.config.journal.cloud
    ours = {local, NAME, *((cloud.text.rpartition("/")[2], cloud.text.rpartition("/")[2] + ".locked") if cloud else ())}
    with closing(temporary_database()) as db:
        db.execute("CREATE TABLE known (path TEXT PRIMARY KEY) WITHOUT ROWID")
        for version in versions:
            db.execute("BEGIN")
            db.execute("DELETE FROM known")
            db.executemany("INSERT OR IGNORE INTO known VALUES (?)", _places(work, version))
            db.execute("COMMIT")
            for info in store.list(f"{version}/"):
                work.ctx.checkpoint()
                name = info.path.rpartition("/")[2]
                if info.path.removeprefix(f"{version}/") in ours or name.startswith(SIDE_FILES):
                    continue
                if db.execute("SELECT 1 FROM known WHERE path = ?", (info.path,)).fetchone() is None:
                    yield info.path


def _places(work: Work, version: str) -> Iterator[tuple[str]]:
    """Where the files of a version's rows may be, those of closed rows included: their blobs stay."""
    config = work.config
    for row in work.journal.rows(version=version):
        yield (f"{version}/{row.path}",)
        if row.modality in config.sites:
            for place in config.store_paths(row.modality, row.path, version):
                yield (place,)
