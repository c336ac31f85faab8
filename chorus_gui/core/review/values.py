"""The values of a review: what is asked of it, what it gave.  They need no database, so a screen may know them from its start."""

from __future__ import annotations

import json
from array import array
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from chorus_gui.core.model import ChangeKind, DiffSummary, Tally
from chorus_gui.core.review.counting import SIZE, again

ACTIONABLE = (ChangeKind.ADDED, ChangeKind.UPDATED, ChangeKind.MOVED, ChangeKind.RESTORED, ChangeKind.DELETED)
"""The kinds that a submission carries out."""
CAN_BE_HELD = (
    f"(kind IN ({','.join(repr(kind.value) for kind in ACTIONABLE)}) OR (kind = 'problem' AND old_id IS NOT NULL AND size IS NULL))"
)
"""SQL: a change that a submission carries out, or an entry of the journal that a person is asked about."""

HELD_SUMS = {"holdable": f"{CAN_BE_HELD} AND NOT excluded", "held": "excluded"}
"""SQL: a change that can be held back and is not; one that is held back."""

PATIENT = "coalesce(patient_id, old_patient_id)"
"""SQL: the patient that a change belongs to, or NULL."""
_SAME_PATIENT = f"{PATIENT} IS coalesce(line.patient_id, line.old_patient_id)"
SORTS: dict[str, tuple[str, ...]] = {
    "id": (),
    "kind": ("kind", "modality", "path"),
    "modality": ("modality",),
    "path": ("path",),
    "patient": (PATIENT,),
    "size": (SIZE,),
    "mtime": ("coalesce(mtime_us, old_mtime_us)",),
}
"""What a table can be sorted by: name → SQL expressions.  "id" is the order of the walk; it decides where these are equal."""


LIKE = "path LIKE ? ESCAPE '\\'"
"""SQL: the path contains a text, case ignored; :func:`like` makes its value."""

FOLDERS = 10
"""Up to this number, the paths of a query can be folders."""

LITTER = "kind IN ('added', 'updated') AND note LIKE 'Possibly not data:%'"
"""SQL: a file to upload that a system or a program probably left (:mod:`.litter`)."""


PART = "coalesce(part, CASE WHEN pair IS NOT NULL THEN 'renamed' ELSE kind END)"
"""SQL: the :class:`Part` of a change that a submission would record."""


class Part(Enum):
    """What changed, in the words of people, in the order in which it is shown.  Each change is in one part."""

    NEW_PATIENTS = "new_patients"
    GONE_PATIENTS = "gone_patients"
    RENAMED_FOLDERS = "renamed_folders"
    UPDATED = "updated"
    ADDED = "added"
    DELETED = "deleted"
    RENAMED = "renamed"
    RESTORED = "restored"
    MOVED = "moved"


class PartCount(NamedTuple):
    """How much a part is.  ``groups`` counts its patients or folders, 0 where it has none; a renamed file is one file."""

    part: Part
    groups: int
    tally: Tally


class Branch(NamedTuple):
    """A part of the tree of patients and folders: the changes of a patient (None: of nobody) below ``folder``, which ends with "/" ("": all).

    ``direct``: only those in the folder itself, not in folders below it.
    """

    patient: str | None
    folder: str = ""
    direct: bool = False


class RenamedFolder(NamedTuple):
    """A folder of the site that has another name now, and how many files are below it."""

    old: str
    new: str
    files: int


@dataclass(frozen=True, slots=True)
class WhatChanged:
    """The parts of a review that are not empty.  ``since_us``: when the journal was last added to (microseconds since 1970), None for a
    journal without entries.  ``folders``: some of the renamed folders, the largest first."""

    parts: tuple[PartCount, ...] = ()
    since_us: int | None = None
    folders: tuple[RenamedFolder, ...] = ()


def like(text: str) -> str:
    """The value of :data:`LIKE` for this text."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


@dataclass(frozen=True, slots=True)
class Query:
    """Which changes, in which order.  Empty collections do not filter; ``search`` is a part of the path, case ignored.

    ``paths``: only these files, and files below them if they are few folders.  ``litter`` adds what is probably not data.  ``renamed`` adds the halves of renames to ``kinds``, or shows them alone; with ``once`` they are not among ADDED and DELETED.  ``part``: only this part.  ``by_patient``: patient after patient
    (:meth:`patient_terms`), the changes of each in this order.  ``branch``: only this part of the tree.
    """

    kinds: tuple[ChangeKind, ...] = ()
    modalities: tuple[str, ...] = ()
    search: str = ""
    patient: str | None = None
    renamed: bool = False
    litter: bool = False
    paths: tuple[str, ...] = ()
    once: bool = False
    part: Part | None = None
    branch: Branch | None = None
    excluded: bool | None = None
    done: bool | None = None
    order: str = "kind"
    descending: bool = False
    by_patient: bool = False
    limit: int | None = None

    @property
    def shows_all_held(self) -> bool:
        """It finds everything that is held back."""
        all_of_them = Query(
            once=self.once, order=self.order, descending=self.descending, by_patient=self.by_patient, excluded=self.excluded
        )
        return self == all_of_them and self.excluded is not False

    def where(self) -> tuple[str, list[Any]]:
        """The condition and its values."""
        parts: list[str] = []
        values: list[Any] = []

        def add(part: str, *bound: Any) -> None:
            parts.append(part)
            values.extend(bound)

        # "+" keeps SQLite from an index: where the order is another one, looking up row after row costs more than reading them all.
        kind = "kind" if self.order == "kind" and not self.by_patient else "+kind"
        shown = [f"({kind} IN ({','.join('?' * len(self.kinds))}){' AND pair IS NULL' if self.once else ''})"] if self.kinds else []
        if self.renamed:
            shown.append("pair IS NOT NULL")
        if self.litter:
            shown.append(LITTER)
        if shown:
            add(f"({' OR '.join(shown)})", *(one.value for one in self.kinds))
        if self.part is not None:
            add(f"({PART} = ? AND +kind IN ({','.join(repr(one.value) for one in ACTIONABLE)}))", self.part.value)
        if self.modalities:
            add(f"modality IN ({','.join('?' * len(self.modalities))})", *self.modalities)
        if self.search:
            add(LIKE, like(self.search))
        if self.paths:
            folders = " OR ".join("substr(path, 1, length(?)) = ?" for _ in self.paths[:FOLDERS]) if len(self.paths) <= FOLDERS else "0"
            bound = [part for path in self.paths for part in (f"{path}/", f"{path}/")] if len(self.paths) <= FOLDERS else []
            add(f"(path IN (SELECT value FROM json_each(?)) OR {folders})", json.dumps(self.paths), *bound)
        if self.patient is not None:
            add(f"{PATIENT} = ?", self.patient)
        if self.branch is not None:
            patient, folder, direct = self.branch
            add(f"{PATIENT} IS ?", patient)
            if folder:
                add("substr(path, 1, length(?)) = ?", folder, folder)
            if direct:
                add("instr(substr(path, length(?) + 1), '/') = 0", folder)
        if self.excluded is not None:
            add("excluded" if self.excluded else "NOT excluded")
        if self.done is not None:
            add("done = ?", int(self.done))
        return " AND ".join(parts) or "1", values

    def sql(self, columns: str) -> tuple[str, list[Any]]:
        """The whole statement and its values."""
        where, values = self.where()
        few = (
            self.excluded or self.patient is not None or self.branch is not None or (self.renamed and not self.kinds)
        )  # found first, then sorted
        terms = [f"{'+' if few else ''}{term}{' DESC' if self.descending else ''}" for term in (*SORTS[self.order], "id")]
        limit = f" LIMIT {int(self.limit)}" if self.limit is not None else ""
        if self.by_patient:
            size = f"CASE WHEN {again(where, _SAME_PATIENT)} THEN 0 ELSE {SIZE} END"
            whose = self.patient_terms(f"coalesce(sum({size}) OVER (PARTITION BY {PATIENT}), 0)", PATIENT)
            terms, values = [*whose, *terms], values * 2 if self.order == "size" else values
        return f"SELECT {columns} FROM change AS line WHERE {where} ORDER BY {', '.join(terms)}{limit}", values

    def patient_terms(self, size: str, patient: str) -> list[str]:
        """SQL: the order of the patients.  By size it is the sum of their files (``size``, SQL); otherwise the ID (``patient``, SQL), and what
        belongs to no patient comes first."""
        down = " DESC" if self.descending else ""
        return [f"{size}{down}", patient] if self.order == "size" else [f"{patient}{down if self.order == 'patient' else ''}"]


class PatientChanges(NamedTuple):
    """What a query finds of one patient (None: of nobody), in so many ``lines``; the rest counts changes, as :mod:`.counting` says.

    ``holdable``: how many can be held back and are not; ``held``: how many are.
    """

    patient: str | None
    lines: int
    tally: Tally
    holdable: int = 0
    held: int = 0


TREE_KINDS = ("added", "updated", "deleted", "renamed", "renamed to", "renamed from", "moved", "restored", "problem", "unmatched")
"""What :attr:`TreeNode.kinds` counts, in its order: the kinds, renamed files, and those of which only the new or the old name is there."""


class TreeNode(NamedTuple):
    """A patient or a folder, and the sum of what a query finds below it: changes, as :mod:`.counting` says.  ``leaf``: it has no folders below it.

    ``name`` is the folder's path below the node around it.  ``holdable``: how many of the changes can be held back and are not; ``held``: how many are.
    """

    branch: Branch
    name: str
    leaf: bool
    tally: Tally
    holdable: int
    held: int
    kinds: tuple[int, ...]


class TreeLevel:
    """What is directly below a patient or folder (``branch`` None: the patients), in its order: about 170 bytes a node, made into a
    :class:`TreeNode` when it is shown."""

    WIDTH = 4 + len(TREE_KINDS)

    def __init__(self, branch: Branch | None) -> None:
        self.branch = branch
        self._keys: list[str | None] = []
        self._flags = bytearray()
        self._numbers = array("q")

    def add(self, key: str | None, numbers: Iterable[int], *, leaf: bool, direct: bool = False) -> None:
        """A node: its patient or folder, and changes, bytes, ``holdable``, ``held`` and the kinds."""
        self._keys.append(key)
        self._flags.append(leaf | direct << 1)
        self._numbers.extend(numbers)

    def __len__(self) -> int:
        return len(self._keys)

    def node(self, number: int) -> TreeNode:
        """A node by its place."""
        files, size, holdable, held, *kinds = self._numbers[number * self.WIDTH : (number + 1) * self.WIDTH]
        key, flags = self._keys[number], self._flags[number]
        around = self.branch
        if around is None:
            branch, name = Branch(key), key or ""
        else:
            branch = Branch(around.patient, key or "", bool(flags & 2))
            name = _below(around, branch.folder)
        return TreeNode(branch, name, bool(flags & 1), Tally(files, size), holdable, held, tuple(kinds))

    def place(self, branch: Branch) -> int | None:
        """Where the node of this part is; None: it is not among them."""
        key, direct = (branch.patient, False) if self.branch is None else (branch.folder, branch.direct)
        start = 0
        try:
            while bool(self._flags[start := self._keys.index(key, start)] & 2) is not direct:
                start += 1
        except ValueError:
            return None
        return start


def _below(around: Branch, folder: str) -> str:
    """A folder's path below what is around it, without the patient's own folder, which the node around it names."""
    start = around.folder or (f"{around.patient}/" if around.patient and folder.startswith(f"{around.patient}/") else "")
    return folder[len(start) :].rstrip("/")


class CloudReading(NamedTuple):
    """What an approval would read from a place in a cloud.  ``kind`` as :class:`~chorus_gui.core.config.model.PlaceKind` has it.

    ``requests`` is what reading takes if nothing is repeated; ``listing`` what the scan took.  ``inventory_us`` as
    :attr:`~chorus_gui.core.storage.listed.Listed.inventory_us`.
    """

    kind: str
    place: str
    modalities: tuple[str, ...]
    files: Tally
    requests: int
    listing: int
    inventory_us: int = 0


@dataclass(frozen=True, slots=True)
class Hold:
    """One thing held back: a file (``path``), or everything of a patient (``patient_id``).  The other one is ""."""

    modality: str
    path: str
    patient_id: str
    reason: str
    held_by: str
    at_us: int


class HoldsAct(NamedTuple):
    """What one act changed in the held-back list: the holds that it ``added``, and those that it ``released``."""

    added: tuple[Hold, ...] = ()
    released: tuple[Hold, ...] = ()


NO_ACT = HoldsAct()
"""Nothing was changed."""
PENDING_SORTS = {"path": "path", "modality": "modality", "version": "version", "size": "size", "recorded": "recorded_us"}
"""What a table of pending files can be sorted by: name → column."""


@dataclass(frozen=True, slots=True)
class PendingQuery:
    """Which pending files, in which order.  ``search`` is a part of the path, case ignored; where ``order`` is equal, the path decides."""

    search: str = ""
    order: str = "path"
    descending: bool = False

    def where(self) -> tuple[str, list[Any]]:
        """The condition and its values."""
        return (LIKE, [like(self.search)]) if self.search else ("1", [])

    def terms(self) -> str:
        """SQL: the order."""
        return ", ".join(
            f"{term}{' DESC' if self.descending else ''}" for term in (PENDING_SORTS[self.order], "path", "modality", "version")
        )


@dataclass(frozen=True, slots=True)
class PendingFile:
    """A file that was recorded earlier (``recorded_us``: microseconds since 1970) and is not uploaded.  ``size`` is in bytes."""

    modality: str
    path: str
    version: str
    size: int
    recorded_us: int


@dataclass(frozen=True, slots=True)
class Pending:
    """Files that were recorded earlier and are not uploaded: how many, by version and modality."""

    parts: tuple[tuple[str, str, Tally], ...] = ()

    @property
    def total(self) -> Tally:
        """All of them."""
        return sum((tally for _, _, tally in self.parts), Tally())

    @property
    def by_version(self) -> dict[str, dict[str, Tally]]:
        """By version, then by modality."""
        out: dict[str, dict[str, Tally]] = {}
        for version, modality, tally in self.parts:
            out.setdefault(version, {})[modality] = tally
        return out

    def of(self, version: str | None) -> Pending:
        """Those of this version; None: all."""
        return Pending(tuple(part for part in self.parts if version in (None, part[0])))

    def within(self, modalities: Collection[str]) -> Pending:
        """Those of these modalities."""
        return Pending(tuple(part for part in self.parts if part[1] in modalities))


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A finished review: what the comparison found.  The changes wait in the staging database at ``path``."""

    path: Path
    summary: DiffSummary


MOST_NAMED = 5
"""Patients that a sentence names."""


def named_patients(patients: Sequence[str]) -> str:
    """Patients for a sentence, “12, 14, 15, 16, 20 and 3 more”: up to :data:`MOST_NAMED` are named."""
    more = len(patients) - MOST_NAMED
    return ", ".join(patients[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
