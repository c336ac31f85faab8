"""Scan the site and compare it with the journal: the first half of every submission."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from chorus_gui.core.journal.known import Known
from chorus_gui.core.model import Mode, Row
from chorus_gui.core.readiness.findings import to_data
from chorus_gui.core.review import reading, to_read
from chorus_gui.core.review.amended import refuse_taken
from chorus_gui.core.review.changes import summary
from chorus_gui.core.review.diff import Comparison, Scanned
from chorus_gui.core.review.holds import Holds
from chorus_gui.core.review.staging import Staging, staging_path
from chorus_gui.core.review.values import Reviewed
from chorus_gui.core.storage.base import Store
from chorus_gui.core.submission.hashing import digested
from chorus_gui.core.submission.held import patients
from chorus_gui.core.submission.missing import Missing, old_lists, still_there
from chorus_gui.core.submission.site_check import SiteCheck
from chorus_gui.core.submission.work import Work, choose_modalities
from chorus_gui.core.transfer.verify import VerifyResult, verify

READINESS = "readiness"
"""The key under which a review keeps what the at-once pass of the readiness check found, as JSON values."""


def review_site(
    work: Work,
    *,
    modalities: Sequence[str] = (),
    mode: Mode | None = None,
    store: Store | None = None,
    path: Path | None = None,
    hash_share: float = 0.0,
) -> Reviewed:
    """Scan and compare.  No ``modalities``: all that are configured.  ``mode`` None: the configuration's.  ``store`` None: nothing can
    be RESTORED.  ``hash_share`` (0 to 1): this share of the files of equal size and time is read and compared with the journal's MD5, and
    so is every file that :mod:`~chorus_gui.core.review.to_read` names.  ``work.deepest`` is the pass of the readiness check that follows the scan.

    Nothing is written but the staging database, at ``path``; None: where the review of this configuration's journal waits.  Raises
    what :func:`~chorus_gui.core.scan.scan.scan` and :class:`~chorus_gui.core.review.diff.Comparison` raise.
    """
    config, ctx = work.config, work.ctx
    chosen = choose_modalities(config, modalities)
    path = path or staging_path(config.journal.local)
    with Known(work.journal.path, chosen, path.with_suffix(".known")) as known, Staging.create(path) as staging:
        seen, ready = SiteCheck(config, work.sources, ctx, work.deepest).run(chosen, staging)
        staging.put(READINESS, to_data(ready))
        reading.keep(staging, seen.clouds)
        staging.put("left_out", [*seen.left_out, list(config.exclude.patterns)])
        comparison = Comparison(config, work.journal, Scanned(staging, known, chosen, mode or config.mode, seen.unread), ctx)
        comparison.begin(patients(config))
        if store is not None:
            closed = comparison.closed()
            there = present(work, store, [row for _, row in closed])
            comparison.restore((change, row) for change, row in closed if row.file_id in there)
            ctx.checkpoint()
        old = old_lists(work)
        comparison.find_deleted(lambda gone: still_there(work, (Missing(*one) for one in gone if one[0] in old)) if old else ())
        named = {key for key in to_read.remembered(config.journal.local) if key[0] in chosen}
        if hash_share or named:
            comparison.also_hash(hash_share, named)
        differing: set[to_read.Key] = set()
        with closing(digested(work, comparison.touched())) as results:
            for change, result, seconds in results:
                comparison.hashed(change, result, seconds)
                if change.old is not None and result != change.old.md5:
                    differing.add((change.modality, change.path))
        to_read.forget(config.journal.local, named - differing)
        comparison.finish()
        refuse_taken(config, work.journal, staging)
        with Holds(config.journal.local) as holds:
            holds.apply(staging)
        return Reviewed(staging.path, summary(staging))


def present(work: Work, store: Store, rows: Iterable[Row]) -> set[int]:
    """The file ids of rows whose content is confirmed to be in the store.  A blob that has no MD5 is read: a later amendment may have
    overwritten it with as many bytes."""
    return {key for key, result in looked_up(work, store, rows).items() if result is VerifyResult.OK}


def looked_up(work: Work, store: Store, rows: Iterable[Row]) -> dict[int, VerifyResult]:
    """What the store holds for each row, by its id: one listing for a version.  A blob without an MD5 property is read."""
    by_version = sorted(rows, key=lambda row: (row.version, row.modality, row.path))
    verdicts = verify(by_version, work.config.store_paths, store, work.ctx, work.executor, reread=False)
    return {verdict.row.file_id: verdict.result for verdict in verdicts}
