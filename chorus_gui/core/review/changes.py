"""Reading the staged changes: sorted, filtered and searched in SQL, a page at a time.

A screen keeps the ids of what it shows in an ``array('q')`` (8 bytes a row) and fetches the rows it paints.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from chorus_gui.core.model import Change, ChangeKind, DiffSummary, Row, Tally
from chorus_gui.core.review.counting import SIZE, again, groups
from chorus_gui.core.review.staging import Staging, json_ids
from chorus_gui.core.review.values import ACTIONABLE, CAN_BE_HELD, HELD_SUMS, LITTER, PATIENT, Hold, PatientChanges, Query, named_patients

_KIND = {kind.value: kind for kind in ChangeKind}
_FIELDS = [field.name for field in fields(Change)]
_KIND_AT, _OLD_AT, _EXCLUDED_AT = (_FIELDS.index(name) for name in ("kind", "old", "excluded"))
_UNKNOWN = {"size": "0", "mtime_us": "0", "valid_us": "0", "version": "''"}
_OLD = [f"coalesce(old_{field.name}, {_UNKNOWN.get(field.name, 'NULL')})" for field in fields(Row)[3:]]
_COLUMNS = ", ".join("old_id" if name == "old" else name for name in _FIELDS)
"""A change's fields, with the id of its row for the row: read by their positions, because they are read a million times."""
_OLD_COLUMNS = f"id, old_id, modality, path, {', '.join(_OLD)}"
"""A change's id, then the fields of its row: most changes of a first submission have none."""
_PIECE = 100_000
_TO_DO = "NOT excluded AND NOT done"


def select_ids(staging: Staging, query: Query) -> array[int]:
    """The ids of the changes, in order: 8 bytes each, about a second for a million.

    SQLite hands them over as one text (an aggregate takes the rows of a sorted subquery in their order): a step of the cursor for
    each would take the interpreter's lock a million times, and cost twice as much.  The text is read in pieces, so that other threads
    get their turn.
    """
    sql, values = query.sql("id")
    (text,) = staging.db.execute(f"SELECT json_group_array(id) FROM ({sql})", values).fetchone()
    out, start, end = array("q"), 1, len(text) - 1
    while start < end:
        stop = text.find(",", start + _PIECE, end)
        stop = end if stop < 0 else stop
        out.extend(json.loads(f"[{text[start:stop]}]"))
        start = stop + 1
    return out


def changes_found(staging: Staging, query: Query, found: int) -> int:
    """How many changes the ``found`` lines are that ``query`` finds."""
    where, values = query.where()
    return found - _again(staging, where, values).files


def holdable(staging: Staging, ids: Sequence[int]) -> int:
    """How many changes of these lines can be held back, and are not."""
    return _of(staging, ids, f"{CAN_BE_HELD} AND NOT excluded")


def releasable(staging: Staging, ids: Sequence[int]) -> int:
    """How many changes of these lines are held back."""
    return _of(staging, ids, "excluded")


def _of(staging: Staging, ids: Sequence[int], which: str) -> int:
    where, chosen = f"id IN (SELECT value FROM json_each(?1)) AND {which}", json_ids(ids)
    (lines,) = staging.db.execute(f"SELECT count(*) FROM change WHERE {where}", (chosen,)).fetchone()
    return lines - _again(staging, where, (chosen,)).files


def _again(staging: Staging, where: str, values: Sequence[Any]) -> Tally:
    """What of the lines that ``where`` finds does not count."""
    twice = values if "?1" in where else (*values, *values)
    sql = f"SELECT count(*), coalesce(sum({SIZE}), 0) FROM change AS line WHERE kind = 'deleted' AND pair IS NOT NULL AND ({where}) AND {again(where)}"
    return Tally(*staging.db.execute(sql, twice).fetchone())


def patients(staging: Staging, query: Query) -> list[PatientChanges]:
    """How much ``query`` finds of each patient, in the order in which ``by_patient`` brings them."""
    table, values = groups(PATIENT, (), *query.where(), {"bytes": SIZE, **HELD_SUMS}, {})
    order = ", ".join(query.patient_terms("bytes", "grp"))
    rows = staging.db.execute(f"SELECT grp, lines, again, bytes, holdable, held FROM {table} ORDER BY {order}", values)
    return [
        PatientChanges(patient, lines, Tally(lines - twice, size), holdable, held) for patient, lines, twice, size, holdable, held in rows
    ]


def by_ids(staging: Staging, ids: Sequence[int]) -> list[Change]:
    """The changes of these ids, in this order (a page of some hundred); ids that are not there are left out."""
    found = {change.id: change for change in _changes(staging, f"id IN ({','.join(map(str, map(int, ids)))})", ())}
    return [found[key] for key in ids if key in found]


def stream(staging: Staging, query: Query) -> Iterator[Change]:
    """The changes in order, read in pages, so that the caller may write to the staging database in between."""
    if query.order == "id" and not query.descending and query.limit is None:
        where, values = query.where()
        last = -1
        while page := _changes(staging, f"id > ? AND {where} ORDER BY id LIMIT 1024", (last, *values)):
            yield from page
            last = page[-1].id
        return
    ids = select_ids(staging, query)
    for start in range(0, len(ids), 1024):
        yield from by_ids(staging, ids[start : start + 1024])


def _changes(staging: Staging, where: str, values: Iterable[Any]) -> list[Change]:
    """A page of changes.  Their rows are read separately, if they have any."""
    db, bound = staging.db, tuple(values)
    rows = db.execute(f"SELECT {_COLUMNS} FROM change WHERE {where}", bound).fetchall()
    with_old = [row[0] for row in rows if row[_OLD_AT] is not None]
    old: dict[int, Row] = {}
    if with_old:
        found = db.execute(f"SELECT {_OLD_COLUMNS} FROM change WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(with_old),))
        old = {row[0]: Row(*row[1:]) for row in found}
    changes: list[Change] = []
    for row in rows:
        values = [*row]
        values[_KIND_AT] = _KIND[values[_KIND_AT]]
        values[_EXCLUDED_AT] = bool(values[_EXCLUDED_AT])
        values[_OLD_AT] = old.get(values[0])
        changes.append(Change(*values))
    return changes


def prepare(staging: Staging) -> None:
    """Index what a table sorts and filters by: needed for a person, not for a program that reads everything once."""
    staging.db.execute("CREATE INDEX IF NOT EXISTS change_kind ON change (kind, modality, path)")
    staging.db.execute(f"CREATE INDEX IF NOT EXISTS change_patient ON change ({PATIENT})")
    staging.db.execute("CREATE INDEX IF NOT EXISTS change_held ON change (kind) WHERE excluded")
    staging.db.execute("CREATE INDEX IF NOT EXISTS change_renamed ON change (kind) WHERE pair IS NOT NULL")


def summary(staging: Staging) -> DiffSummary:
    """What the review found, by modality and kind (modality "" for what belongs to none), without what is held back."""
    by_modality: dict[str, dict[ChangeKind, Tally]] = {}
    for modality, kind, files, size in staging.db.execute("SELECT modality, kind, files, bytes FROM tally ORDER BY modality, kind"):
        by_modality.setdefault(modality, {})[ChangeKind(kind)] = Tally(files, size)
    excluded = Tally() - _again(staging, "excluded", ())
    for modality, kind, files, size in staging.db.execute(
        f"SELECT modality, kind, count(*), coalesce(sum({SIZE}), 0) FROM change WHERE excluded GROUP BY modality, kind"
    ):
        kinds, held = by_modality.setdefault(modality, {}), Tally(files, size)
        kinds[ChangeKind(kind)] = kinds.get(ChangeKind(kind), Tally()) - held
        excluded += held
    halves: dict[str, dict[ChangeKind, Tally]] = {}
    for modality, kind, files, size in staging.db.execute(
        f"SELECT modality, kind, count(*), coalesce(sum({SIZE}), 0) FROM change WHERE pair IS NOT NULL AND NOT excluded GROUP BY modality, kind"
    ):
        halves.setdefault(modality, {})[ChangeKind(kind)] = Tally(files, size)
    notes: list[str] = []
    litter = Tally(
        *staging.db.execute(f"SELECT count(*), coalesce(sum(size), 0) FROM change WHERE {LITTER} AND NOT excluded AND NOT done").fetchone()
    )
    if litter.files:
        notes.append(
            f"{_files(litter.files)} to upload {'is' if litter.files == 1 else 'are'} possibly not data, but left by a system or a program. Check "
            f"{'it' if litter.files == 1 else 'them'}. To leave such files out for good, use “exclude” in the configuration (“Leave out” on the Configuration page)."
        )
    said = ""
    kept: tuple[int, int, list[str]] | None = staging.get("left_out")
    left_out, pruned, patterns = kept or (0, 0, list[str]())
    if patterns:
        folders = f" and {pruned:,} folder{'s' * (pruned != 1)}" if pruned else ""
        said = f"Left out by “exclude” in the configuration ({', '.join(patterns)}): {_files(left_out)}{folders}."
        notes.append(said)
    if vanished := staging.get("vanished", 0):
        notes.append(
            f"{_files(vanished)} of the journal {'is' if vanished == 1 else 'are'} no longer on the site. Append mode ignores {'it' if vanished == 1 else 'them'}."
        )
    if spared := staging.get("spared", 0):
        notes.append(
            f"{_files(spared)} of the journal {'is' if spared == 1 else 'are'} in folders that could not be read, and not marked as deleted."
        )
    if unsure := staging.get("unsure_patients", []):
        notes.append(_unsure(unsure))
    if late := staging.get("listed_late", 0):
        notes.append(
            f"{_files(late)} of the journal {'is' if late == 1 else 'are'} missing in the S3 Inventory, and {'is' if late == 1 else 'are'} still in the bucket, "
            f"or the service does not say. {'It is' if late == 1 else 'They are'} not marked as deleted."
        )
    if outgrown := staging.get("outgrown", 0):
        notes.append(
            f"{_files(outgrown)} of the journal {'is' if outgrown == 1 else 'are'} on the site, but no longer {'matches' if outgrown == 1 else 'match'} "
            f"any pattern. {'It is' if outgrown == 1 else 'They are'} not marked as deleted. "
            f"Correct the pattern, or mark {'it' if outgrown == 1 else 'them'} as deleted."
        )
    if strays := staging.get("strays", []):
        notes.append(
            f"{_files(len(strays))} {'has' if len(strays) == 1 else 'have'} two entries in the journal. The next submission removes the older {'one' if len(strays) == 1 else 'ones'}."
        )
    renamed = sum(tally.files for kinds in halves.values() for tally in kinds.values()) // 2
    outside: tuple[int | None, int] = staging.get("outside", (None, 0))
    return DiffSummary(by_modality, renamed, excluded.files, tuple(notes), excluded.bytes, vanished, halves, litter, said, *outside)


def _unsure(patients: Sequence[str]) -> str:
    count = len(patients)
    return (
        f"Could not determine if the site has files of {count:,} patient{'s' * (count != 1)}, because folders could not be read: {named_patients(patients)}. Other files of "
        f"{'this patient' if count == 1 else 'these patients'} are missing. Make the folders readable, then scan again."
    )


def _files(count: int) -> str:
    return f"{count:,} file{'s' * (count != 1)}"


def held(staging: Staging, limit: int | None = None) -> list[Hold]:
    """The changes and the pending files that are held back, each with who, when and why, by path."""
    rows = staging.db.execute(
        "SELECT modality, path, reason, held_by, held_us FROM change WHERE excluded UNION "
        "SELECT modality, path, reason, held_by, held_us FROM pending WHERE excluded AND NOT done AND NOT own "
        "ORDER BY 2, 1 LIMIT ?",
        (-1 if limit is None else limit,),
    )
    return [Hold(modality, path, "", *why) for modality, path, *why in rows]


def held_lines(staging: Staging) -> Iterator[tuple[str, str, str, bool]]:
    """Each line that is held back, by path: modality, path, reason, and if it is the old name of a file whose new name is one of them."""
    for modality, path, reason, old in staging.db.execute(
        f"SELECT modality, path, reason, {again('excluded')} FROM change AS line WHERE excluded ORDER BY path, modality, id"
    ):
        yield modality, path, reason, bool(old)


def has_changes_of(staging: Staging, patient: str) -> bool:
    """The review has a change of this patient, whichever way the ID is written."""
    return bool(
        staging.db.execute(f"SELECT EXISTS (SELECT 1 FROM change WHERE ltrim({PATIENT}, '0') = ltrim(?, '0'))", (patient,)).fetchone()[0]
    )


def lost_patients(staging: Staging) -> list[str]:
    """Patients of whom the site has no file any longer, and whose files an approval would mark as deleted now."""
    return _deleted_now(staging, staging.get("lost_patients", []))


def unsure_patients(staging: Staging) -> list[str]:
    """Patients whose files an approval would mark as deleted now, and of whom the scan could not determine if the site has other files."""
    return _deleted_now(staging, staging.get("unsure_patients", []))


def _deleted_now(staging: Staging, patients: Sequence[str]) -> list[str]:
    deleted = staging.db.execute(
        f"SELECT DISTINCT {PATIENT} FROM change WHERE kind = 'deleted' AND pair IS NULL AND NOT excluded AND NOT done"
    ).fetchall()
    return sorted({str(patient) for (patient,) in deleted} & set(patients))


def to_do(staging: Staging) -> dict[ChangeKind, Tally]:
    """What an approval would record now: actionable, not held back, not done yet."""
    return summed(to_do_by_modality(staging))


def summed(by_modality: Mapping[str, Mapping[ChangeKind, Tally]]) -> dict[ChangeKind, Tally]:
    """Counts by modality and kind → by kind."""
    out: dict[ChangeKind, Tally] = {}
    for kinds in by_modality.values():
        for kind, tally in kinds.items():
            out[kind] = out.get(kind, Tally()) + tally
    return out


def to_do_by_modality(staging: Staging) -> dict[str, dict[ChangeKind, Tally]]:
    """The same, by modality."""
    rows = staging.db.execute(
        f"SELECT modality, kind, count(*), coalesce(sum({SIZE}), 0) FROM change WHERE {_TO_DO} "
        f"AND +kind IN ({','.join(repr(kind.value) for kind in ACTIONABLE)}) GROUP BY +modality, +kind"
    )
    out: dict[str, dict[ChangeKind, Tally]] = {}
    for modality, kind, files, size in rows:
        out.setdefault(modality, {})[ChangeKind(kind)] = Tally(files, size)
    return out


def renamed_to_do(staging: Staging) -> dict[str, Tally]:
    """The renamed files of which both halves are in :func:`to_do`, by modality; each counts once."""
    rows = staging.db.execute(
        f"SELECT modality, count(*), sum({SIZE}) FROM change AS line WHERE kind = 'deleted' AND pair IS NOT NULL AND {_TO_DO} AND {again(_TO_DO)} "
        "GROUP BY +modality"
    )
    return {modality: Tally(files, size) for modality, files, size in rows}


def done(staging: Staging) -> Tally:
    """What is recorded already; a renamed file counts once."""
    return Tally(
        *staging.db.execute(f"SELECT count(*), coalesce(sum(size), 0) FROM change AS line WHERE done AND NOT {again('done')}").fetchone()
    )


def recorded(staging: Staging) -> dict[ChangeKind, Tally]:
    """What is recorded already, by kind; the two halves of a renamed file are two changes."""
    rows = staging.db.execute(f"SELECT +kind, count(*), coalesce(sum({SIZE}), 0) FROM change WHERE done GROUP BY 1")
    return {ChangeKind(kind): Tally(files, size) for kind, files, size in rows}
