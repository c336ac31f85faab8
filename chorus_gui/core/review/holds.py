"""Changes that a person holds back, on purpose, with a reason: this computer's copy of the list that colleagues share.

The copy is next to the staging database, in a file of its own that outlives it.  It has everything that was ever read from the shared
list (:mod:`~.hold_list`) or added here.  Nothing that happens to the shared list releases what is in it.
"""

from __future__ import annotations

import hashlib
import json
import socket
import sqlite3
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import tomli_w

from chorus_gui.core import private
from chorus_gui.core.computer import computer_fault, is_damaged
from chorus_gui.core.errors import ReviewError, SideFileUnreadableError, UsageError
from chorus_gui.core.folders import user_name
from chorus_gui.core.model import MODALITIES
from chorus_gui.core.own_database import own_database
from chorus_gui.core.refused import refusal
from chorus_gui.core.review import hold_list
from chorus_gui.core.review.hold_list import HoldList, Release, Target, join, one_line, same_patient, target_of
from chorus_gui.core.review.staging import Staging, json_ids, staging_path
from chorus_gui.core.review.values import CAN_BE_HELD, PATIENT, Hold, HoldsAct
from chorus_gui.core.text_files import text_of
from chorus_gui.core.untrusted import record, toml_tables

_CHOSEN = "(SELECT value FROM json_each(?1))"

_TABLES = """
CREATE TABLE IF NOT EXISTS hold (modality TEXT, path TEXT, patient_id TEXT, reason TEXT, held_by TEXT, at_us INTEGER,
    PRIMARY KEY (modality, path, patient_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS list (id INTEGER PRIMARY KEY CHECK (id = 1), known BLOB, shared BLOB, read_us INTEGER, trouble TEXT, copied INTEGER);
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What this computer knows.  ``everything`` it ever read or added; ``shared`` is the shared list when it was last read.

    ``read_us``: when that was, 0 for never.  ``trouble``: why it could not be read or written the last time, "" if it could.
    ``copied``: how many holds of an earlier version of the program are to be shared for the first time.
    """

    everything: HoldList = field(default_factory=HoldList)
    shared: HoldList = field(default_factory=HoldList)
    read_us: int = 0
    trouble: str = ""
    copied: int = 0

    @property
    def unshared(self) -> int:
        """How many holds and releases are not in the shared list."""
        theirs = self.shared.entries
        joined = join(self.shared, self.everything).entries
        return sum(key not in theirs or theirs[key] != entry for key, entry in joined.items())


class Holds:
    """The holds of one journal, as far as this computer knows them.  Safe to use from many threads and processes, each with its own."""

    def __init__(self, journal: Path) -> None:
        path = staging_path(journal)
        self.path = path.with_name(path.name.replace("review-", "holds-"))
        self.path.touch(mode=0o600)
        self._parsed: dict[int, tuple[bytes, HoldList]] = {}
        self._db = own_database(self.path, timeout=30)
        try:
            self._db.executescript(_TABLES)
            self._take_over()
        except (sqlite3.DatabaseError, SideFileUnreadableError) as error:
            self._db.close()
            if (fault := computer_fault(error)) is not None and not is_damaged(error):
                raise fault from error
            raise ReviewError(
                f"This computer's list of held-back files, “{self.path}”, is damaged.",
                meaning="So it is not known what is held back, and nothing was uploaded.",
                remedy="Move the file away. The list is then read again from the shared list next to the journal.",
            ) from error

    def __enter__(self) -> Holds:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def known(self) -> Known:
        """What this computer knows."""
        row = self._db.execute("SELECT known, shared, read_us, trouble, copied FROM list").fetchone()
        return Known() if row is None else Known(self._parse(0, row[0]), self._parse(1, row[1]), row[2], row[3], row[4])

    def all(self) -> list[Hold]:
        """Every hold in force, by patient and path."""
        return self.known().everything.active()

    def reasons(self, limit: int = 20) -> list[str]:
        """Reasons that were given, the latest first."""
        latest = {record.hold.reason: record.hold.at_us for record in self.known().everything.records if record.hold.reason}
        return sorted(latest, key=lambda reason: -latest[reason])[:limit]

    def add(self, holds: Iterable[Hold]) -> int:
        """Remember; how many.  What is held back already with the same reason is not added again.

        Raises :class:`ReviewError` for more holds than a list that can be shared has space for.
        """
        with self._changing() as known:
            there = {(target_of(hold), hold.reason) for hold in known.everything.active()}
            found = {(target_of(hold), one_line(hold.reason)): hold for hold in holds}
            new = [hold for key, hold in found.items() if key not in there]
            if new:
                made = known.everything.adding(new, host=socket.gethostname())
                if len(new) > hold_list.MANY and made.needs > hold_list.LARGEST * 3 // 4:
                    raise ReviewError(
                        f"The held-back list would be too long to be shared: {len(made.entries):,} entries, released ones included.",
                        meaning="Nothing was held back.",
                        remedy="Hold back whole patients instead: use “hold add --patient ID”.",
                    )
                self._save(known, made)
            return len(new)

    def remove(self, targets: Iterable[Target], *, reason: str = "") -> int:
        """Release what is known to be held back of these; how many targets that were."""
        wanted = set(map(_alike, targets))
        with self._changing() as known:
            found = {target for hold in known.everything.active() if _alike(target := target_of(hold)) in wanted}
            if found:
                release = Release(user_name(), time.time_ns() // 1000, reason)
                self._save(known, known.everything.releasing(found, release, host=socket.gethostname()))
            return len(found)

    def undo(self, act: HoldsAct) -> int:
        """Release what an act added, and hold back again what it released, as it was; how many holds that changes.

        What somebody else released or held back since is left.
        """
        with self._changing() as known:
            everything, host = known.everything, socket.gethostname()
            there = {target_of(hold) for hold in everything.active()}
            again = [hold for hold in act.released if target_of(hold) not in there]
            mine = set(act.added) & {record.hold for record in everything.records if not record.releases}
            made = everything.releasing_holds(mine, Release(user_name(), time.time_ns() // 1000, "undone"), host=host).adding(
                again, host=host
            )
            if mine or again:
                self._save(known, made)
            return len(mine) + len(again)

    def learn(self, shared: HoldList) -> HoldList:
        """Remember what the shared list has; the two joined, which is what the shared list should have."""
        with self._changing() as known:
            joined = join(known.everything, shared)
            self._save(known, joined)
            return joined

    def is_shared(self, shared: HoldList) -> None:
        """The shared list was read and, if needed, written: this is its content now."""
        self._note(shared, "", copied=0)

    def is_not_shared(self, shared: HoldList | None, trouble: str) -> None:
        """The shared list could not be written, or (``shared`` None) not even read, for this reason."""
        self._note(shared, trouble)

    def _note(self, shared: HoldList | None, trouble: str, copied: int | None = None) -> None:
        with self._changing() as known:
            self._save(known, known.everything if shared is None else join(known.everything, shared))
            self._db.execute("UPDATE list SET trouble = ?, copied = coalesce(?, copied)", (trouble, copied))
            if shared is not None:
                self._db.execute("UPDATE list SET shared = ?, read_us = ?", (shared.dump(), time.time_ns() // 1000))

    def _parse(self, which: int, data: bytes) -> HoldList:
        """The list in a column, which is seldom another one than the last time."""
        if which not in self._parsed or self._parsed[which][0] != data:
            self._parsed[which] = (data, hold_list.parse(data))
        return self._parsed[which][1]

    @contextmanager
    def _changing(self) -> Generator[Known]:
        """Nobody else changes the copy during the block."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self.known()
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _save(self, known: Known, everything: HoldList) -> None:
        data = everything.dump()
        self._parsed[0] = (data, everything)
        self._db.execute(
            "INSERT INTO list VALUES (1, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET known = excluded.known",
            (data, known.shared.dump(), known.read_us, known.trouble, known.copied),
        )

    def _take_over(self) -> None:
        """What a version of the program before the shared list remembered.  The same holds have the same ids whoever takes them over."""
        if self._db.execute("SELECT 1 FROM hold LIMIT 1").fetchone() is None:
            return
        with self._changing() as known:
            old = [Hold(*row) for row in self._db.execute("SELECT * FROM hold")]
            made = {hashlib.sha256(repr(hold).encode("utf-8", "surrogatepass")).hexdigest()[:16]: hold for hold in old}
            self._save(known, join(known.everything, HoldList.of(made)))
            self._db.execute("UPDATE list SET copied = copied + ?", (len(old),))
            self._db.execute("DELETE FROM hold")

    def apply(self, staging: Staging) -> int:
        """Mark the staged changes and pending files that are held back (both halves of a rename); how many lines of the review."""
        db = staging.db
        holds = self.all()
        db.execute(
            "CREATE TEMP TABLE held (key TEXT, modality TEXT, reason TEXT, held_by TEXT, held_us INTEGER, PRIMARY KEY (key, modality)) WITHOUT ROWID"
        )
        db.execute("BEGIN")
        for of_patients, key in ((True, f"ltrim({PATIENT}, '0')"), (False, "path")):
            of_kind = [hold for hold in holds if bool(hold.patient_id) is of_patients]
            rows = [(same_patient(h.patient_id) if of_patients else h.path, h.modality, h.reason, h.held_by, h.at_us) for h in of_kind]
            if rows:
                modality = "''" if of_patients else "modality"
                db.executemany("INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, ?)", rows)
                if of_patients:
                    db.execute(
                        "INSERT OR IGNORE INTO held SELECT r.new, '', h.reason, h.held_by, h.held_us "
                        "FROM renamed_patient r JOIN held h ON h.key = r.old ORDER BY h.held_us DESC"
                    )
                db.execute(
                    "UPDATE change SET (excluded, reason, held_by, held_us) = "
                    f"(SELECT 1, h.reason, h.held_by, h.held_us FROM held h WHERE (h.key, h.modality) = ({key}, {modality})) "
                    f"WHERE ({key}, {modality}) IN (SELECT h.key, h.modality FROM held h) AND {CAN_BE_HELD}"
                )
                of_pending = "ltrim(patient_id, '0')" if of_patients else "path"
                db.execute(
                    "UPDATE pending SET (excluded, reason, held_by, held_us) = "
                    f"(SELECT 1, h.reason, h.held_by, h.held_us FROM held h WHERE (h.key, h.modality) = ({of_pending}, {modality})) "
                    f"WHERE ({of_pending}, {modality}) IN (SELECT h.key, h.modality FROM held h)"
                )
                db.execute("DELETE FROM held")
        _both_halves(staging)
        (count,) = db.execute("SELECT count(*) FROM change WHERE excluded").fetchone()
        db.execute("COMMIT")
        db.execute("DROP TABLE held")
        return int(count)

    def export(self, file: Path) -> None:
        """Write the holds for a colleague, completely or not at all.  Raises OSError."""
        keys = ("modality", "path", "patient_id", "reason", "held_by", "at_us")
        with private.replacing(file) as out:
            tomli_w.dump({"hold": [{key: getattr(hold, key) for key in keys} for hold in self.all()]}, out)

    def import_(self, file: Path) -> int:
        """Add a colleague's holds; how many are new.  Raises :class:`UsageError` if :meth:`export` did not write the file, or it cannot be read."""
        try:
            data = file.read_bytes()
        except OSError as error:
            why, remedy = refusal(error, file, "Check the name, and that you are allowed to read the file.")
            raise UsageError(f"Could not read “{file}”: {why}.", remedy=remedy) from error
        try:
            holds = record(_Exported, toml_tables(text_of(data))).hold
            if not all(map(_says_what_is_held, holds)):
                raise ValueError("a hold of nothing, or without a reason")
        except ValueError as error:
            raise UsageError(
                f"“{file}” is not a list of held-back files.", remedy="Choose a file that was exported as a list of held-back files."
            ) from error
        return self.add(holds)


@dataclass(frozen=True, slots=True)
class _Exported:
    hold: tuple[Hold, ...]


def _says_what_is_held(hold: Hold) -> bool:
    """One file of a modality, or one patient; with a reason, and a moment of this age."""
    one = hold.modality in MODALITIES if hold.path and not hold.patient_id else hold.patient_id != "" and not hold.path
    return one and hold.reason.strip() != "" and 0 <= hold.at_us < 1 << 53


def hold_back(staging: Staging, holds: Holds, ids: Sequence[int], reason: str) -> None:
    """Hold back those of these changes that are not yet (both halves of a rename), and remember it.  Raises :class:`ReviewError` without a reason."""
    check_reason(reason)
    who, now = user_name(), time.time_ns() // 1000
    rows = staging.db.execute(
        f"SELECT DISTINCT modality, path FROM change WHERE (id IN {_CHOSEN} OR pair IN {_CHOSEN}) AND {CAN_BE_HELD} AND NOT excluded",
        (json_ids(ids),),
    ).fetchall()
    holds.add(Hold(modality, path, "", reason.strip(), who, now) for modality, path in rows)
    holds.apply(staging)


def hold_back_patient(staging: Staging, holds: Holds, patient_id: str, reason: str) -> None:
    """Hold back every present and future change of a patient.  Errors as :func:`hold_back`."""
    check_reason(reason)
    holds.add([Hold("", "", patient_id, reason.strip(), user_name(), time.time_ns() // 1000)])
    holds.apply(staging)


def check_reason(reason: str) -> None:
    """Raise :class:`ReviewError` if there is none."""
    if not reason.strip():
        raise ReviewError(
            "The reason is missing.", meaning="Nothing was held back.", remedy="Enter a reason, for colleagues who see it later."
        )


def release(staging: Staging, holds: Holds, ids: Sequence[int]) -> None:
    """Release changes, and what holds them back: the hold of the patient, too, and of the patient whose files were renamed."""
    holds.remove(_released(staging, holds, ids))
    show(staging, holds)


def released_patients(staging: Staging, holds: Holds, ids: Sequence[int]) -> list[str]:
    """The patients who are held back as a whole, and whom :func:`release` of these changes would release."""
    released = set(map(_alike, _released(staging, holds, ids)))
    return sorted(hold.patient_id for hold in holds.all() if hold.patient_id and _alike(target_of(hold)) in released)


def _released(staging: Staging, holds: Holds, ids: Sequence[int]) -> set[Target]:
    rows = staging.db.execute(
        f"SELECT modality, path, {PATIENT} FROM change WHERE id IN {_CHOSEN} UNION SELECT modality, path, {PATIENT} FROM change WHERE pair IN {_CHOSEN}",
        (json_ids(ids),),
    ).fetchall()
    patients = {patient for _, _, patient in rows if patient}
    before = renamed_from(staging, patients)
    patients.update(hold.patient_id for hold in holds.all() if hold.patient_id and same_patient(hold.patient_id) in before)
    return {Target(patient_id=patient) for patient in patients} | {Target(modality, path) for modality, path, _ in rows}


def renamed_from(staging: Staging, patients: Iterable[str]) -> set[str]:
    """The earlier IDs, without leading zeros, of patients who are new to the journal (:func:`~.parts.renamed_patients`)."""
    found = staging.db.execute(
        "SELECT old FROM renamed_patient WHERE new IN (SELECT ltrim(value, '0') FROM json_each(?))", (json.dumps(sorted(patients)),)
    )
    return {old for (old,) in found}


def _alike(target: Target) -> Target:
    """Equal for all spellings of one patient.  “0A1” and “A1” are perhaps two: a hold covers both, a release does not."""
    patient = target.patient_id
    return target._replace(patient_id=same_patient(patient)) if patient.isdecimal() and patient.isascii() else target


def show(staging: Staging, holds: Holds) -> None:
    """Mark in the review what is held back now, and nothing else."""
    staging.db.execute("UPDATE change SET excluded = 0, reason = '', held_by = '', held_us = 0 WHERE excluded")
    staging.db.execute("UPDATE pending SET excluded = 0, reason = '', held_by = '', held_us = 0 WHERE excluded")
    holds.apply(staging)


def _both_halves(staging: Staging) -> None:
    staging.db.execute(
        "UPDATE change SET (excluded, reason, held_by, held_us) = "
        "(SELECT 1, o.reason, o.held_by, o.held_us FROM change o WHERE o.id = change.pair) "
        "WHERE NOT excluded AND pair IN (SELECT id FROM change WHERE excluded AND pair IS NOT NULL)"
    )
