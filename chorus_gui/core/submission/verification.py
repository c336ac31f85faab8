"""Compare the uploaded files of the journal with the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from chorus_gui.core.model import Tally, sums
from chorus_gui.core.storage.base import Store
from chorus_gui.core.storage.retry import RetryPolicy
from chorus_gui.core.submission.marker import NAME
from chorus_gui.core.submission.work import Selection, Work, choose_modalities
from chorus_gui.core.transfer.effort import Effort
from chorus_gui.core.transfer.verify import Verdict, verify


def verify_versions(work: Work, store: Store, which: Selection, *, reread: bool = False) -> Iterator[Verdict]:
    """A verdict for every open, uploaded row of the selection.  Errors as :func:`~chorus_gui.core.transfer.verify.verify`."""
    modalities = choose_modalities(work.config, which.modalities)
    uploaded = (
        (count.modality, Tally(count.active - count.pending, count.active_bytes - count.pending_bytes))
        for count in work.journal.counts()
        if which.version in (None, count.version) and count.modality in modalities
    )
    work.ctx.progress.begin("verify", sums(uploaded))
    rows = work.journal.rows(modalities=modalities, version=which.version, active=True, uploaded=True, limit=which.max_files)
    return verify(rows, work.config.store_paths, store, work.ctx, Effort(work.config.threads), reread=reread)


SIDE_FILES = (".chorus-upload-",)
"""How the names of files begin that this program leaves in a store for a moment."""


def unexplained(work: Work, store: Store, which: Selection) -> Iterator[str]:
    """The blobs below the selection's versions that no row of the journal explains, whatever their modality.

    The journal's copy and the completion marker are ours.  Raises :class:`StoreError`, ``Cancelled``.
    """
    versions = [version for version in work.journal.versions() if which.version in (None, version)]
    local, cloud = work.config.journal.local.name, work.config.journal.cloud
    ours = {local, NAME, *((cloud.text.rpartition("/")[2], cloud.text.rpartition("/")[2] + ".locked") if cloud else ())}
    with closing(sqlite3.connect("", isolation_level=None)) as db:
        db.execute("CREATE TABLE known (path TEXT PRIMARY KEY) WITHOUT ROWID")
        for version in versions:
            db.execute("BEGIN")
            db.execute("DELETE FROM known")
            db.executemany("INSERT OR IGNORE INTO known VALUES (?)", _places(work, version))
            db.execute("COMMIT")

            def list_it(version: str = version) -> list[str]:
                found: list[str] = []
                for info in store.list(f"{version}/"):
                    work.ctx.checkpoint()
                    name = info.path.rpartition("/")[2]
                    if info.path.removeprefix(f"{version}/") in ours or name.startswith(SIDE_FILES):
                        continue
                    if db.execute("SELECT 1 FROM known WHERE path = ?", (info.path,)).fetchone() is None:
                        found.append(info.path)
                return found

            yield from RetryPolicy().call(list_it, work.ctx)


def _places(work: Work, version: str) -> Iterator[tuple[str]]:
    """Where the files of a version's rows may be, those of closed rows included: their blobs stay."""
    config = work.config
    for row in work.journal.rows(version=version):
        yield (f"{version}/{row.path}",)
        if row.modality in config.sites:
            for place in config.store_paths(row.modality, row.path, version):
                yield (place,)
