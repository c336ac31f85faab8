"""Scan the site and compare it with the journal: the first half of every submission."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import SourceError, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.known import Known
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import DiffSummary, Mode, Row
from chorus_gui.core.review.changes import summary
from chorus_gui.core.review.diff import diff
from chorus_gui.core.review.holds import Holds
from chorus_gui.core.review.staging import Staging, staging_path
from chorus_gui.core.scan.digest import digest_many
from chorus_gui.core.scan.scan import ScanSummary, scan
from chorus_gui.core.storage.base import Source, Store
from chorus_gui.core.storage.open import open_source
from chorus_gui.core.transfer.verify import VerifyResult, verify


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A finished review: what the scan saw, what the diff found.  The changes wait in the staging database at ``path``."""

    path: Path
    scan: ScanSummary
    summary: DiffSummary


def choose_modalities(config: Config, wanted: Sequence[str] | None) -> tuple[str, ...]:
    """The modalities that are meant, in the configuration's order.  Raises :class:`UsageError` for one that it has not."""
    if not wanted:
        return config.modalities
    by_name = {name.lower(): name for name in config.modalities}
    unknown = [name for name in wanted if name.lower() not in by_name]
    if unknown:
        raise UsageError(
            f"The configuration has no modality {', '.join(unknown)}.",
            remedy=f"It has {', '.join(config.modalities)}; see supported_modalities.",
        )
    chosen = {by_name[name.lower()] for name in wanted}
    return tuple(name for name in config.modalities if name in chosen)


def review_site(
    config: Config,
    journal: Journal,
    ctx: JobContext,
    *,
    modalities: Sequence[str] | None = None,
    mode: Mode | None = None,
    store: Store | None = None,
    path: Path | None = None,
) -> Reviewed:
    """Scan and compare.  ``modalities`` and ``mode`` None: the configuration's.  ``store`` None: nothing can be RESTORED.

    Nothing is written but the staging database, at ``path``; None: where the review of this configuration's journal waits.  Raises what :func:`~chorus_gui.core.scan.scan.scan` and
    :func:`~chorus_gui.core.review.diff.diff` raise.
    """
    chosen = choose_modalities(config, modalities)
    path = path or staging_path(config.journal.local)
    with Known(journal.path, chosen, path.with_suffix(".known")) as known, Staging.create(path) as staging:
        seen = scan(config, chosen, staging, ctx, open_source=open_source)
        sources = {name: open_source(config.sites[name].place) for name in chosen}

        def digest(files: Iterable[tuple[int, str, str, int, int]]) -> Iterator[tuple[int, str | SourceError, float]]:
            return digest_many(((key, sources[m], path, size, mtime) for key, m, path, size, mtime in files), ctx, config.threads)

        def there(rows: Sequence[Row]) -> Collection[int]:
            return present(rows, config, store, ctx) if store is not None else ()

        diff(
            config,
            journal,
            staging,
            ctx,
            modalities=chosen,
            mode=mode or config.mode,
            unread=seen.unread,
            digest=digest,
            present=there,
            known=known,
        )
        with Holds(config.journal.local) as holds:
            holds.apply(staging)
        return Reviewed(staging.path, seen, summary(staging))


def present(rows: Iterable[Row], config: Config, store: Store, ctx: JobContext) -> set[int]:
    """The file ids of rows whose content is proved to lie in the store.  A blob that has no MD5 is read: a later amendment may have
    overwritten it with as many bytes."""
    by_version = sorted(rows, key=lambda row: (row.version, row.modality, row.path))
    verdicts = verify(by_version, config.store_paths, store, ctx, reread=False, threads=config.threads)
    return {verdict.row.file_id for verdict in verdicts if verdict.result is VerifyResult.OK}


def sources_of(config: Config, modalities: Iterable[str]) -> dict[str, Source]:
    """An open source for each modality; modalities of one place share it."""
    by_place: dict[str, Source] = {}
    out: dict[str, Source] = {}
    for name in modalities:
        place = config.sites[name].place
        if place.text not in by_place:
            by_place[place.text] = open_source(place)
        out[name] = by_place[place.text]
    return out
