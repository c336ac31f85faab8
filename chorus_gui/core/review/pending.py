"""Pending files: what a review knows of them, and which of them an approval uploads.

A pending file is known by modality, path, version and size.  The same key finds it again after its row was repeated because its time
changed.  ``own`` marks what a submission itself records as pending on its way: it is uploaded with its change.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Callable, Iterable, Sequence

from chorus_gui.core.journal.known import Known
from chorus_gui.core.model import Change, Row, Tally, sums
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Pending, PendingFile, PendingQuery

_REPLACED = "SELECT old_id FROM change WHERE kind IN ('updated', 'deleted') AND NOT excluded AND old_id IS NOT NULL"
_OFFERED = f"NOT own AND NOT excluded AND NOT done AND file_id NOT IN ({_REPLACED})"


def note(staging: Staging, known: Known, patient_of: Callable[[str, str, object], str | None]) -> None:
    """Take the pending rows of the journal into the review, but for those that a newer active row of the path replaced.

    ``known`` is attached as ``k``.  ``patient_of`` gives the patient of a modality and a path, which the path names, or else the
    journal's own column, the third argument.
    """
    db = staging.db
    db.create_function("patient_of", 3, patient_of)
    columns = "file_id, modality, path, patient_id, size, valid_us, version"
    db.execute(
        "INSERT OR REPLACE INTO pending (own, modality, path, version, size, file_id, patient_id, recorded_us) "
        "SELECT 0, modality, path, version, size, file_id, patient_of(modality, path, patient_id), valid_us FROM "
        f"(SELECT {columns} FROM k.was WHERE uploaded IS NULL UNION ALL SELECT {columns} FROM k.waiting)"
    )
    db.executemany(
        "DELETE FROM pending WHERE path = ?1 AND modality = ?2 AND file_id < "
        "(SELECT max(file_id) FROM k.was WHERE path = ?1 AND modality = ?2)",
        known.twice,
    )


def pending(staging: Staging) -> Pending:
    """What is pending in every modality: not held back, not uploaded yet, and not replaced by a change of this review."""
    rows = staging.db.execute(
        f"SELECT version, modality, count(*), coalesce(sum(size), 0) FROM pending WHERE {_OFFERED} GROUP BY version, modality ORDER BY 1, 2"
    )
    return Pending(tuple((version, modality, Tally(files, size)) for version, modality, files, size in rows))


def offered(staging: Staging) -> Pending:
    """What is pending in the scanned modalities: an approval can include it."""
    return pending(staging).within(staging.get("modalities", []))


def select_ids(staging: Staging, query: PendingQuery) -> array[int]:
    """The ids of the files that are :func:`offered`, as the query filters and sorts them: 8 bytes each."""
    where, values = query.where()
    chosen = f"{_OFFERED} AND modality IN (SELECT value FROM json_each(?)) AND {where}"
    sql = f"SELECT id FROM pending WHERE {chosen} ORDER BY {query.terms()}"
    return array("q", (found for (found,) in staging.db.execute(sql, (json.dumps(staging.get("modalities", [])), *values))))


def by_ids(staging: Staging, ids: Sequence[int]) -> list[PendingFile]:
    """The pending files of these ids, in this order (a page of some hundred).  Ids that are not there are left out."""
    chosen = f"id IN ({','.join(map(str, map(int, ids)))})"
    rows = staging.db.execute(f"SELECT id, modality, path, version, size, recorded_us FROM pending WHERE {chosen}")
    found = {key: PendingFile(modality, path, version, max(size, 0), at) for key, modality, path, version, size, at in rows}
    return [found[key] for key in ids if key in found]


def choose(staging: Staging, *, include: bool, version: str | None = None) -> None:
    """Choose what an approval uploads of what is :func:`offered`: nothing, the files of one version, or (``version`` None) all."""
    staging.db.execute(
        f"UPDATE pending SET chosen = ?1 AND {_OFFERED} AND modality IN (SELECT value FROM json_each(?2)) AND (?3 IS NULL OR version = ?3) "
        "WHERE NOT own",
        (int(include), json.dumps(staging.get("modalities", [])), version),
    )


def digest(staging: Staging) -> str:
    """Names what was chosen: SHA-256, hex; "" for nothing."""
    found = hashlib.sha256()
    rows = staging.db.execute("SELECT modality, path, version, size FROM pending WHERE chosen AND NOT own ORDER BY 1, 2, 3")
    some = False
    while page := rows.fetchmany(1000):
        some = True
        found.update(repr(page).encode("utf-8", "surrogatepass"))
    return found.hexdigest() if some else ""


def to_send(staging: Staging, left_out: Callable[[str], bool]) -> dict[str, Tally]:
    """What was chosen and is not uploaded yet, by modality, but for paths that are ``left_out`` by now."""
    rows = staging.db.execute("SELECT modality, path, CAST(size AS INTEGER) FROM pending WHERE chosen AND NOT done AND NOT excluded")
    return sums((modality, Tally(1, size or 0)) for modality, path, size in rows if not left_out(path))


def is_chosen(staging: Staging, row: Row) -> bool:
    """A pending row is one of those that were chosen."""
    where = "modality = ? AND path = ? AND version = ? AND size = ? AND own IN (0, 1) AND chosen AND NOT done"
    key = (row.modality, row.path, row.version, row.size)
    return staging.db.execute(f"SELECT 1 FROM pending WHERE {where}", key).fetchone() is not None


def enter(staging: Staging, changes: Iterable[tuple[Change, str]]) -> None:
    """These changes (each with its version) were recorded as pending by the submission that uploads them."""
    staging.db.executemany(
        "INSERT OR REPLACE INTO pending (own, modality, path, version, size, file_id, chosen) VALUES (1, ?, ?, ?, ?, 0, 1)",
        ((change.modality, change.path, version, change.bytes) for change, version in changes),
    )


def sent(staging: Staging, rows: Iterable[Row]) -> None:
    """These rows are uploaded."""
    with staging.changing():
        staging.db.executemany(
            "UPDATE pending SET done = 1 WHERE own IN (0, 1) AND modality = ? AND path = ? AND version = ?",
            ((row.modality, row.path, row.version) for row in rows),
        )
