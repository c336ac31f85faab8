"""What changed, in parts that people talk about: patients that are new, patients that are gone, renamed folders, changed files.

Each change that a submission would record is in exactly one part, and the two halves of a renamed file are one file of one part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chorus_gui.core.config.model import Config
from chorus_gui.core.model import ChangeKind, Tally
from chorus_gui.core.review.counting import SIZE, again
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import ACTIONABLE, PART, PATIENT, Part, PartCount, RenamedFolder, WhatChanged

FOLDERS_NAMED = 5
"""Up to this number, renamed folders are named, those with the most files first."""
_KINDS = ",".join(repr(kind.value) for kind in ACTIONABLE)
_ZEROS = "ltrim({column}, '0')"
"""SQL: a patient's ID as the journal writes it, which takes leading zeros away."""
_IN_JOURNAL = f"SELECT {_ZEROS.format(column='patient_id')} FROM was WHERE patient_id IS NOT NULL UNION SELECT patient FROM elsewhere"
"""SQL: the patients of whom the journal has a current entry."""


ANY = "/"
"""In the place of a patient whose files could not be seen: it can be any patient.  The table “unsure” has them without leading zeros."""


def unsure_patients(config: Config, staging: Staging, unread: Iterable[tuple[str, str]]) -> None:
    """Remember of which patients there can be files in folders (modality, folder) that could not be read, also files that the journal does not have."""
    for modality, folder in unread:
        pattern = config.sites[modality].pattern
        if pattern.has_patient:
            patient = pattern.patient_in(folder)
            if patient is not None or pattern.may_lead_to(folder):
                staging.db.execute("INSERT OR IGNORE INTO unsure VALUES (?)", (patient.lstrip("0") if patient else ANY,))


def lost_patients(staging: Staging) -> tuple[list[str], list[str]]:
    """Patients with deleted files of whom the site has no file any longer, also none of a modality that was not scanned; and those of whom that
    could not be determined, because files of theirs can be where the scan could not read."""
    there = f"SELECT {_ZEROS.format(column='patient_id')} FROM site WHERE patient_id IS NOT NULL UNION SELECT patient FROM elsewhere"
    rows = staging.db.execute(  # SQLite reads the site once, not once for each patient
        f"SELECT DISTINCT {PATIENT} AS p FROM change WHERE kind = 'deleted' AND p IS NOT NULL AND {_ZEROS.format(column='p')} NOT IN ({there}) ORDER BY p"
    )
    found = [str(patient) for (patient,) in rows]
    unsure = {patient for (patient,) in staging.db.execute("SELECT patient FROM unsure")}
    doubtful = [patient for patient in found if ANY in unsure or patient.lstrip("0") in unsure]
    left_out = set(doubtful)
    return [patient for patient in found if patient not in left_out], doubtful


def mark_parts(staging: Staging, lost: list[str]) -> None:
    """Say of each change of a new patient, and of a patient in ``lost``, that it is one.  The renames are marked already.

    New is a patient of whom the journal has no current entry.  Needs the table of the journal's entries.
    """
    db = staging.db
    db.execute("CREATE TEMP TABLE known_patient (patient TEXT PRIMARY KEY) WITHOUT ROWID")
    db.execute("CREATE TEMP TABLE marked (patient TEXT PRIMARY KEY) WITHOUT ROWID")
    try:
        renamed_patients(staging, paired=True)
        db.execute(
            f"INSERT OR IGNORE INTO known_patient {_IN_JOURNAL} UNION SELECT {_ZEROS.format(column=PATIENT)} FROM change "
            f"WHERE (kind = 'restored' OR pair IS NOT NULL) AND {PATIENT} IS NOT NULL"
        )
        db.execute(
            f"INSERT INTO marked SELECT DISTINCT {PATIENT} FROM change WHERE kind = 'added' AND pair IS NULL AND {PATIENT} IS NOT NULL "
            f"AND {_ZEROS.format(column=PATIENT)} NOT IN (SELECT patient FROM known_patient)"
        )
        _mark(staging, ChangeKind.ADDED, Part.NEW_PATIENTS)
        db.execute("DELETE FROM marked")
        db.executemany("INSERT INTO marked VALUES (?)", ((patient,) for patient in lost))
        _mark(staging, ChangeKind.DELETED, Part.GONE_PATIENTS)
    finally:
        db.execute("DROP TABLE marked")
        db.execute("DROP TABLE known_patient")
    since = db.execute("SELECT max(valid_us) FROM was").fetchone()[0]
    (first,) = db.execute("SELECT min(mtime_us) FROM change WHERE kind = 'updated'").fetchone()
    staging.put("since_us", since if since is not None and (first is None or first >= since) else None)


def renamed_patients(staging: Staging, *, paired: bool) -> None:
    """Remember which patients, of whom the journal has no current entry, have files that were another patient's.  Without leading zeros.

    ``paired``: the renames are known.  Otherwise a new file and a missing file with the same name, size and time count as one file, if only
    one patient has such a file on each side.  Needs the table of the journal's entries.
    """
    patient = f"ltrim({PATIENT}, '0')"
    name = "substr(path, length(rtrim(path, replace(path, '/', ''))) + 1)"

    def side(kind: str, size: str, mtime: str, also: str, where: str) -> str:
        equal = f"SELECT modality, {size} AS size, {mtime} AS time, {name} AS name, min({patient}) AS {also} FROM change"
        return f"{equal} WHERE kind = '{kind}' AND {where} GROUP BY 1, 2, 3, 4 HAVING count(DISTINCT {patient}) = 1"

    like_new = "(modality, old_size, old_mtime_us) IN (SELECT modality, size, mtime_us FROM change WHERE kind = 'added')"  # nearly none is
    deleted = side("deleted", "old_size", "old_mtime_us", "old", f"{PATIENT} IS NOT NULL AND {like_new}")
    added = side("added", "size", "mtime_us", "new", f"{PATIENT} IS NOT NULL")
    pairs = f"({deleted}) JOIN ({added}) USING (modality, size, time, name)"
    if paired:
        found = f"SELECT pair, {patient} AS old FROM change WHERE kind = 'deleted' AND pair IS NOT NULL"
        pairs = f"({found}) d JOIN (SELECT id, {patient} AS new FROM change) a ON a.id = d.pair"
    staging.db.execute(
        f"INSERT OR IGNORE INTO renamed_patient (old, new) SELECT old, new FROM {pairs} "
        f"WHERE old IS NOT NULL AND new <> old AND new NOT IN ({_IN_JOURNAL})"
    )


def _mark(staging: Staging, kind: ChangeKind, part: Part) -> None:
    staging.db.execute(
        f"UPDATE change SET part = ? WHERE kind = ? AND pair IS NULL AND {PATIENT} IN (SELECT patient FROM marked)",
        (part.value, kind.value),
    )


def what_changed(staging: Staging, *, done: bool | None = None) -> WhatChanged:
    """The parts of the review, in the order in which they are shown, without what is held back.

    ``done``: only what is recorded already, or only what is not.
    """
    only = "" if done is None else f" AND done = {int(done)}"
    counted = f"+kind IN ({_KINDS}) AND NOT excluded{only}"
    rows = staging.db.execute(
        f"SELECT {PART} AS p, count(*), coalesce(sum({SIZE}), 0), "
        f"count(DISTINCT CASE part WHEN 'renamed_folders' THEN folder WHEN 'new_patients' THEN {PATIENT} WHEN 'gone_patients' THEN {PATIENT} END) "
        f"FROM change AS line WHERE {counted} AND NOT {again(counted)} GROUP BY p"
    )
    found = {Part(part): PartCount(Part(part), groups, Tally(files, size)) for part, files, size, groups in rows}
    folders = staging.db.execute(
        "SELECT old, new, files FROM renamed_folder WHERE EXISTS (SELECT 1 FROM change WHERE folder = renamed_folder.id AND NOT excluded"
        f"{only}) ORDER BY files DESC, old LIMIT {FOLDERS_NAMED}"
    )
    return WhatChanged(
        tuple(found[part] for part in Part if part in found),
        staging.get("since_us"),
        tuple(RenamedFolder(old, new, files) for old, new, files in folders),
    )


def renamed_files(staging: Staging, limit: int | None = None) -> Iterator[tuple[str, str, str]]:
    """The renamed files that are not held back, by their old path: modality, the old path and the new one."""
    yield from staging.db.execute(
        "SELECT d.modality, d.path, a.path FROM change d JOIN change a ON a.id = d.pair WHERE d.kind = 'deleted' AND NOT d.excluded "
        "ORDER BY d.path, d.modality LIMIT ?",
        (-1 if limit is None else limit,),
    )
