"""Compare the uploaded files of the journal with the store."""

from __future__ import annotations

from collections.abc import Iterator

from chorus_gui.core.model import Tally, sums
from chorus_gui.core.storage.base import Store
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
