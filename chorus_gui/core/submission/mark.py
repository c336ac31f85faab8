"""Mark files of the journal as deleted, or as uploaded with another tool (after a check in the store)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chorus_gui.core.errors import UsageError
from chorus_gui.core.journal.queries import active_by_paths
from chorus_gui.core.model import Action, ChangeKind, Entry, Level, Row, Tally, sums
from chorus_gui.core.storage.base import Store
from chorus_gui.core.submission.commit import Batch
from chorus_gui.core.submission.guard import guarded
from chorus_gui.core.submission.listed import find_rows
from chorus_gui.core.submission.work import Work
from chorus_gui.core.transfer.verify import Verdict, VerifyResult, verify

_UPLOAD_TIME = re.compile(r"[0-9]{14}")


@dataclass(slots=True)
class Marked:
    """The result for a list of paths.  ``unknown`` have no current entry, each with
    a sentence that says why ("" if there is nothing to add); ``unclear`` have one, but perhaps another than the person means, each
    with a sentence; ``refused`` are missing or different in the store."""

    marked: list[str] = field(default_factory=list[str])
    already: list[str] = field(default_factory=list[str])
    unknown: dict[str, str] = field(default_factory=dict[str, str])
    unclear: dict[str, str] = field(default_factory=dict[str, str])
    refused: list[Verdict] = field(default_factory=list[Verdict])


def mark_as_deleted(
    work: Work,
    paths: Iterable[str],
    *,
    version: str | None = None,
    modalities: Collection[str] = (),
    keys: Collection[tuple[str, str]] = (),
) -> Marked:
    """Close the open rows of these paths (of that version and these modalities only, if given).  Nothing is removed from the store.

    ``keys``: of these (modality, path) only.  A path that two modalities have in different site folders names two files: without
    ``modalities`` or ``keys`` it is refused.  ``work.log`` gets what was closed.
    """
    out = Marked()
    found = _open_rows(work, paths, out, None if version is None else {version})
    if keys:
        found = [row for row in found if (row.modality, row.path) in keys]
    elif modalities:
        other = {row.path: f"It is a file of {row.modality}." for row in found if row.modality not in modalities}
        found = [row for row in found if row.modality in modalities]
        out.unclear |= {path: why for path, why in other.items() if path not in {row.path for row in found}}
    else:
        found = _of_one_folder(work, found, out)

    def done(rows: list[Row]) -> None:
        out.marked += [row.path for row in rows]
        work.log.enter((row.modality, ChangeKind.DELETED, row.size) for row in rows)

    with Batch[Row](work.journal, work.config.page_size, done) as batch:
        for row in found:
            work.ctx.checkpoint()
            batch.add(Entry(Action.CLOSE, old_id=row.file_id, state="DELETED"), row)
    return out


def _of_one_folder(work: Work, rows: Sequence[Row], out: Marked) -> list[Row]:
    """The rows but those of a path that names files in several site folders."""
    places = {modality: site.place.text for modality, site in work.config.sites.items()}
    named: dict[str, dict[str, str]] = {}
    for row in rows:
        named.setdefault(row.path, {})[row.modality] = places.get(row.modality, row.modality)
    several = {path: sorted(found) for path, found in named.items() if len(set(found.values())) > 1}
    out.unclear |= {
        path: f"{' and '.join(found)} have this path in different folders: add --modalities." for path, found in several.items()
    }
    return [row for row in rows if row.path not in several]


def _is_moment(digits: str) -> bool:
    try:
        datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return False
    return True


def check_upload_time(text: str) -> None:
    """Raise :class:`UsageError` for a text that is not an upload time: 14 digits that are a moment."""
    if not (_UPLOAD_TIME.fullmatch(text) and _is_moment(text)):
        raise UsageError(f"“{text}” is not a valid upload time.", remedy="Write it in UTC as YYYYMMDDHHMMSS, for example 20261231235959.")


def mark_as_uploaded(work: Work, store: Store, paths: Sequence[str], *, upload_time: str, central: bool) -> Marked:
    """Mark the pending rows of these paths as uploaded at ``upload_time``, if the store confirms it.

    ``central``: the paths are the store's ("20250101000000/1000001/Images/x.dcm"), otherwise the journal's.  A blob is confirmed by size
    and MD5 property, or by reading it if it has no MD5.  ``work.log`` gets what was marked.  Raises :class:`UsageError` for an
    invalid time.
    """
    check_upload_time(upload_time)
    out, store, config = Marked(), guarded(store), work.config
    found = _central_rows(work, paths, out) if central else _open_rows(work, paths, out, None)
    pending = [row for row in found if row.pending]
    out.already = [row.path for row in found if not row.pending]
    pending.sort(key=lambda row: (row.version, row.modality, row.path))
    for version in sorted({row.version for row in pending}):  # another tool recorded more for a version that was complete
        store.open(version)
    work.ctx.progress.begin("verify", sums((row.modality, Tally(1, row.size)) for row in pending))

    def done(verdicts: list[Verdict]) -> None:
        out.marked += [verdict.row.path for verdict in verdicts]
        for verdict in verdicts:
            work.log.found(verdict.row, verdict.level or Level.PROPERTIES)

    with Batch[Verdict](work.journal, config.page_size, done) as batch:
        for verdict in verify(pending, config.store_paths, store, work.ctx, work.executor, reread=False):
            if verdict.result is VerifyResult.OK:
                batch.add(Entry(Action.UPLOADED, old_id=verdict.row.file_id, uploaded=upload_time), verdict)
            else:
                out.refused.append(verdict)
                if verdict.result is VerifyResult.CONTENT_DIFFERS:  # perhaps the file changed before the other tool read it
                    work.log.to_read.add((verdict.row.modality, verdict.row.path))
    return out


def _open_rows(work: Work, paths: Iterable[str], out: Marked, versions: Collection[str] | None) -> list[Row]:
    rows, out.unknown = find_rows(lambda wanted: active_by_paths(work.journal, wanted), work.config, paths)
    if versions is None:
        return rows
    other = f"It is current in another version than {', '.join(sorted(versions))}."
    out.unclear |= {row.path: other for row in rows if row.version not in versions}
    return [row for row in rows if row.version in versions]


def _central_rows(work: Work, paths: Iterable[str], out: Marked) -> list[Row]:
    """The current entries whose files have these paths in the store."""
    config = work.config
    prefix = config.central.text.rstrip("/") + "/"
    wanted = dict.fromkeys(path.removeprefix(prefix).strip("/") for path in paths)
    rows: list[Row] = []
    for version in dict.fromkeys(path.partition("/")[0] for path in wanted):
        for row in work.journal.rows(version=version, active=True):
            for place in config.store_paths(row.modality, row.path, row.version):
                if place in wanted:
                    rows.append(row)
                    del wanted[place]
                    break
    out.unknown = dict.fromkeys(wanted, "")
    return rows
