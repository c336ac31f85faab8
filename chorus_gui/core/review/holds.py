"""Changes that a person holds back, on purpose, with a reason: remembered from one scan to the next, for one journal.

They lie beside the staging database, in a file of their own that outlives it, and travel between colleagues as TOML.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from chorus_gui.core.errors import ReviewError, UsageError
from chorus_gui.core.folders import user_name
from chorus_gui.core.review.staging import Staging, staging_path
from chorus_gui.core.review.values import ACTIONABLE, Hold
from chorus_gui.core.untrusted import record, toml_tables


class Holds:
    """The remembered holds of one journal."""

    def __init__(self, journal: Path) -> None:
        path = staging_path(journal)
        self.path = path.with_name(path.name.replace("review-", "holds-"))
        self.path.touch(mode=0o600)
        self._db = sqlite3.connect(self.path, isolation_level=None, timeout=30)
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS hold (modality TEXT, path TEXT, patient_id TEXT, reason TEXT, held_by TEXT, at_us INTEGER, "
            "PRIMARY KEY (modality, path, patient_id)) WITHOUT ROWID"
        )

    def __enter__(self) -> Holds:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def all(self) -> list[Hold]:
        """Every hold, by patient and path."""
        return [Hold(*row) for row in self._db.execute("SELECT * FROM hold ORDER BY patient_id, modality, path")]

    def reasons(self, limit: int = 20) -> list[str]:
        """Reasons that were given, the latest first."""
        rows = self._db.execute("SELECT reason FROM hold GROUP BY reason ORDER BY max(at_us) DESC LIMIT ?", (limit,))
        return [reason for (reason,) in rows]

    def add(self, holds: Iterable[Hold]) -> None:
        """Remember; a hold of the same thing is replaced."""
        rows = [(h.modality, h.path, h.patient_id, h.reason, h.held_by, h.at_us) for h in holds]
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR REPLACE INTO hold VALUES (?, ?, ?, ?, ?, ?)", rows)
        self._db.execute("COMMIT")

    def remove(self, holds: Iterable[tuple[str, str, str]]) -> None:
        """Forget, by (modality, path, patient id)."""
        self._db.execute("BEGIN")
        self._db.executemany("DELETE FROM hold WHERE modality = ? AND path = ? AND patient_id = ?", list(holds))
        self._db.execute("COMMIT")

    def apply(self, staging: Staging) -> int:
        """Mark the staged changes that are remembered as held back (both halves of a rename); how many."""
        db = staging.db
        holds = self.all()
        db.execute("CREATE TEMP TABLE held (key TEXT, modality TEXT, reason TEXT, PRIMARY KEY (key, modality)) WITHOUT ROWID")
        db.execute("BEGIN")
        for of_patients, key in ((True, "coalesce(patient_id, old_patient_id)"), (False, "path")):
            rows = [(h.patient_id or h.path, h.modality, h.reason) for h in holds if bool(h.patient_id) is of_patients]
            if rows:
                modality = "''" if of_patients else "modality"
                db.executemany("INSERT OR REPLACE INTO held VALUES (?, ?, ?)", rows)
                db.execute(
                    f"UPDATE change SET excluded = 1, reason = (SELECT h.reason FROM held h WHERE (h.key, h.modality) = ({key}, {modality})) "
                    f"WHERE ({key}, {modality}) IN (SELECT h.key, h.modality FROM held h)"
                )
                own_key = "patient_id" if of_patients else "path"
                db.execute(f"UPDATE pending SET excluded = 1 WHERE ({own_key}, {modality}) IN (SELECT h.key, h.modality FROM held h)")
                db.execute("DELETE FROM held")
        _both_halves(staging)
        (count,) = db.execute("SELECT count(*) FROM change WHERE excluded").fetchone()
        db.execute("COMMIT")
        db.execute("DROP TABLE held")
        return int(count)

    def export(self, file: Path) -> None:
        """Write the holds for a colleague."""
        keys = ("modality", "path", "patient_id", "reason", "held_by", "at_us")
        with file.open("wb") as out:
            tomli_w.dump({"hold": [{key: getattr(hold, key) for key in keys} for hold in self.all()]}, out)

    def import_(self, file: Path) -> int:
        """Add a colleague's holds; how many.  Raises :class:`UsageError` if :meth:`export` did not write the file."""
        try:
            holds = record(_Exported, toml_tables(file.read_text("utf-8"))).hold
        except (OSError, ValueError) as error:
            raise UsageError(
                f"“{file}” is not a list of held-back files.", remedy="Choose a file that was exported as a list of held-back files."
            ) from error
        self.add(holds)
        return len(holds)


@dataclass(frozen=True, slots=True)
class _Exported:
    hold: tuple[Hold, ...]


def hold_back(staging: Staging, holds: Holds, ids: Sequence[int], reason: str) -> None:
    """Hold back these changes, and remember it.  Raises :class:`ReviewError` without a reason."""
    if not reason.strip():
        raise ReviewError(
            "The reason is missing.", meaning="Nothing was held back.", remedy="Enter a reason, for colleagues who see it later."
        )
    db = staging.db
    who, now = user_name(), time.time_ns() // 1000
    kinds = ",".join(repr(kind.value) for kind in ACTIONABLE)
    db.execute("BEGIN")
    db.executemany(f"UPDATE change SET excluded = 1, reason = ? WHERE id = ? AND kind IN ({kinds})", ((reason, key) for key in ids))
    _both_halves(staging)
    db.execute("UPDATE pending SET excluded = 1 WHERE (modality, path) IN (SELECT modality, path FROM change WHERE excluded)")
    db.execute("COMMIT")
    rows = db.execute("SELECT modality, path, reason FROM change WHERE excluded AND reason = ?", (reason,)).fetchall()
    holds.add(Hold(modality, path, "", why, who, now) for modality, path, why in rows)


def hold_back_patient(staging: Staging, holds: Holds, patient_id: str, reason: str) -> None:
    """Hold back every present and future change of a patient.  Errors as :func:`hold_back`."""
    if not reason.strip():
        raise ReviewError(
            "The reason is missing.", meaning="The patient was not held back.", remedy="Enter a reason, for colleagues who see it later."
        )
    holds.add([Hold("", "", patient_id, reason, user_name(), time.time_ns() // 1000)])
    holds.apply(staging)


def release(staging: Staging, holds: Holds, ids: Sequence[int]) -> None:
    """Release changes, and forget the hold (the patient's too, if that held them back)."""
    db = staging.db
    chosen = "(SELECT value FROM json_each(?1))"
    rows = db.execute(
        f"SELECT modality, path, coalesce(patient_id, old_patient_id) FROM change WHERE id IN {chosen} "
        f"UNION SELECT modality, path, NULL FROM change WHERE pair IN {chosen}",
        (json.dumps(list(ids)),),
    ).fetchall()
    holds.remove([("", "", patient) for patient in {row[2] for row in rows if row[2]}])
    holds.remove([(modality, path, "") for modality, path, _ in rows])
    db.execute("UPDATE change SET excluded = 0, reason = '' WHERE excluded")
    db.execute("UPDATE pending SET excluded = 0 WHERE excluded")
    holds.apply(staging)


def _both_halves(staging: Staging) -> None:
    staging.db.execute(
        "UPDATE change SET excluded = 1, reason = (SELECT o.reason FROM change o WHERE o.id = change.pair) "
        "WHERE NOT excluded AND pair IN (SELECT id FROM change WHERE excluded AND pair IS NOT NULL)"
    )
