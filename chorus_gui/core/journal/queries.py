"""Questions that the command line and the window ask of a journal."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Row


@dataclass(frozen=True, slots=True)
class ModalityCount:
    """A modality over all versions: rows and bytes that are active, rows and bytes that wait for their upload, the latest upload time."""

    modality: str
    active: int
    active_bytes: int
    pending: int
    pending_bytes: int
    last_upload: str | None


def by_modality(journal: Journal) -> list[ModalityCount]:
    """The sums a modality, by its name; a modality without rows is not listed."""
    sums: dict[str, ModalityCount] = {}
    for count in journal.counts():
        old = sums.get(count.modality, ModalityCount(count.modality, 0, 0, 0, 0, None))
        sums[count.modality] = ModalityCount(
            count.modality,
            old.active + count.active,
            old.active_bytes + count.active_bytes,
            old.pending + count.pending,
            old.pending_bytes + count.pending_bytes,
            max(filter(None, (old.last_upload, count.last_upload)), default=None),
        )
    return [sums[name] for name in sorted(sums)]


def current_rows(journal: Journal, version: str) -> Iterator[Row]:
    """The current rows of a version by their ids, a page at a time, as they are when their page is read: no sort, unlike :meth:`Journal.rows`."""
    last = -(2**63)
    while page := journal.select("version = ? AND invalid_us IS NULL AND file_id > ? ORDER BY file_id LIMIT 2000", (version, last)):
        yield from page
        last = page[-1].file_id


def file_history(journal: Journal, path: str, modality: str | None = None) -> list[Row]:
    """Every row that the file ever had, the oldest first."""
    return journal.select("path = ?1 AND (?2 IS NULL OR modality = ?2) ORDER BY valid_us, file_id", (path, modality))


def uploaded_files(journal: Journal, paths: Iterable[str], patients: Iterable[str]) -> list[Row]:
    """The current, uploaded entries of these paths, and of these patients; ids are compared without leading zeros, as a journal keeps them."""
    return journal.select(
        "invalid_us IS NULL AND uploaded IS NOT NULL AND (path IN (SELECT value FROM json_each(?1)) "
        "OR ltrim(patient_id, '0') IN (SELECT ltrim(value, '0') FROM json_each(?2))) ORDER BY path, modality",
        (json.dumps(list(paths)), json.dumps(list(patients))),
    )


def unknown_patients(journal: Journal, patients: Sequence[str]) -> list[str]:
    """The patients of whom the journal has no file, and never had: by the ID without leading zeros, or by the name of a folder.

    However many they are, the journal's IDs are read once, and its paths only for patients who are not among these.
    """
    with journal.reading() as schema:
        rows = schema.rows_sql()
        ids = {
            patient for (patient,) in schema.conn.execute(f"SELECT ltrim(patient_id, '0') FROM (SELECT DISTINCT patient_id FROM ({rows}))")
        }
        left = [patient for patient in patients if patient.lstrip("0") not in ids]
        missing = {patient for patient in left if patient}
        named: set[str] = set()
        paths = schema.conn.execute(f"SELECT path FROM ({rows})") if missing else ()
        for (path,) in paths:
            if found := missing.intersection(path.split("/")[:-1]):
                named |= found
                missing -= found
                if not missing:
                    break
    return [patient for patient in left if patient not in named]


def active_by_paths(journal: Journal, paths: Iterable[str], modalities: Collection[str] | None = None) -> list[Row]:
    """The active rows of these paths, by modality and path; paths that have none are simply not in it.

    Any number of paths, any characters in them: they are bound as one value, never put into the SQL.
    """
    return journal.select(
        "invalid_us IS NULL AND path IN (SELECT value FROM json_each(?1)) "
        "AND (?2 IS NULL OR modality IN (SELECT value FROM json_each(?2))) ORDER BY modality, path, file_id",
        (json.dumps(list(paths)), None if modalities is None else json.dumps(sorted(modalities))),
    )


def closed_with(journal: Journal, version: str) -> int:
    """How many files the commands that recorded the pending entries of this version closed without another entry: deleted ones, and the earlier names of renamed ones.

    :meth:`Journal.undo` leaves them closed.  A command begins with its line in the history (to the second), and ends here with its last pending entry.
    """
    starts = [began for command in journal.history() if (began := _moment_us(command.at)) is not None]
    with journal.reading() as schema:
        found = schema.conn.execute(
            f"SELECT DISTINCT valid_us FROM ({schema.rows_sql()}) WHERE version = ? AND invalid_us IS NULL AND uploaded IS NULL ORDER BY valid_us",
            (version,),
        )
        spans: dict[int, int] = {}
        for (moment,) in found:
            spans[max((start for start in starts if start <= moment), default=moment)] = moment
    closed: set[tuple[str, str]] = set()
    for span in spans.items():
        closed.update((row.modality, row.path) for row in journal.select("invalid_us BETWEEN ? AND ? AND uploaded IS NOT NULL", span))
    return len(closed - {(row.modality, row.path) for row in active_by_paths(journal, {path for _, path in closed})})


def _moment_us(at: str) -> int | None:
    """When a command began; None if its line does not say it as the programs write it."""
    try:
        return int(datetime.strptime(at, "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC).timestamp()) * 1_000_000
    except ValueError:
        return None


def doubled_rows(journal: Journal) -> set[int]:
    """Current entries of a path that has a newer current entry (other tools leave them): they are not uploaded."""
    rows = journal.rows_sql()
    found = journal.select(
        f"invalid_us IS NULL AND (modality, path) IN (SELECT modality, path FROM ({rows}) WHERE invalid_us IS NULL GROUP BY 1, 2 HAVING count(*) > 1) "
        "ORDER BY modality, path, file_id"
    )
    newest = {(row.modality, row.path): row.file_id for row in found}
    return {row.file_id for row in found} - set(newest.values())
