"""Compare what the journal says was uploaded with what lies in the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chorus_gui.core.config.model import Config
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.storage.base import Store
from chorus_gui.core.transfer.verify import Verdict, verify


def verify_versions(
    config: Config,
    journal: Journal,
    store: Store,
    ctx: JobContext,
    *,
    version: str | None = None,
    modalities: Sequence[str] | None = None,
    reread: bool = False,
) -> Iterator[Verdict]:
    """A verdict for every open, uploaded row of ``version`` (None: of all).  Errors as :func:`~...transfer.verify.verify`."""
    totals: dict[str, tuple[int | None, int | None]] = {}
    for count in journal.counts():
        if version in (None, count.version) and (modalities is None or count.modality in modalities):
            files, size = totals.get(count.modality, (0, 0))
            totals[count.modality] = (
                (files or 0) + count.active - count.pending,
                (size or 0) + count.active_bytes - count.pending_bytes,
            )
    ctx.progress.begin("verify", totals)
    rows = journal.rows(modalities=modalities, version=version, active=True, uploaded=True)
    return verify(rows, config.store_paths, store, ctx, reread=reread, threads=config.threads)
