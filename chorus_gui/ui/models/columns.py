"""The columns of the review's table, each described once: to add one, add a line here.

``tests/ui/test_ui_changes_model.py`` goes through all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chorus_gui.core.model import Change, ChangeKind, Tally
from chorus_gui.ui import words

Destination = Callable[[Change], str]
"""Where a change's file goes in the central store."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column.  ``text`` is a change's cell; ``heading`` the cell of a patient's heading (patient, what is below it).

    ``order`` is what :class:`Query` sorts by, "" where the column cannot be sorted.  ``widest`` is a text that fits in it;
    ``position`` its place on screen, from the left.  ``compared``: its tooltip shows what the journal and the site have.
    """

    title: str
    text: Callable[[Change, Destination], str]
    position: int
    widest: str
    order: str = ""
    heading: Callable[[str | None, Tally], str] = lambda _patient, _tally: ""
    right: bool = False
    compared: bool = False


def kind_text(change: Change) -> str:
    """What a change is called on screen: the halves of a rename say so."""
    if change.pair is not None:
        return "renamed from" if change.kind is ChangeKind.DELETED else "renamed to"
    return words.KINDS[change.kind]


def _patient(change: Change) -> str:
    return change.patient_id or (change.old.patient_id if change.old else None) or ""


def _pair(old: int | None, new: int | None, write: Callable[[Any], str]) -> str:
    """The new one; "old → new" if both exist and are written differently."""
    if new is None:
        return write(old) if old is not None else ""
    now = write(new)
    before = write(old) if old is not None else now
    return now if before == now else f"{before} → {now}"


COLUMNS = (
    Column("Change", lambda c, _: kind_text(c), 0, "renamed from", order="kind", heading=lambda _, tally: words.number(tally.files)),
    Column("Modality", lambda c, _: c.modality, 4, "Waveforms", order="modality"),
    Column(
        "Path",
        lambda c, _: c.path,
        1,
        "1000123/Images/study_0001/file_001",
        order="path",
        heading=lambda patient, _: "No patient" if patient is None else f"Patient {patient}",
    ),
    Column("Patient", lambda c, _: _patient(c), 5, "1000123456", order="patient", heading=lambda patient, _: patient or ""),
    Column(
        "Size",
        lambda c, _: _pair(c.old.size if c.old else None, c.size, words.size),
        2,
        "512.5 kB → 512.5 kB",
        order="size",
        heading=lambda _, tally: words.size(tally.bytes),
        right=True,
        compared=True,
    ),
    Column(
        "Modified",
        lambda c, _: _pair(c.old.mtime_us if c.old else None, c.mtime_us, words.moment),
        3,
        "12/31/26 23:59 → 12/31/26 23:59",
        order="mtime",
        compared=True,
    ),
    Column("In the central store", lambda c, destination: destination(c), 6, "…/1000123/Images/study_0001/series_001"),
    Column(
        "Note",
        lambda c, _: f"Held back by {c.held_by or '–'}: {c.reason}" if c.excluded else c.note,
        7,
        "Held back by anna: consent withdrawn",
    ),
)

KIND, MODALITY, PATH, PATIENT, SIZE, MODIFIED, DESTINATION, NOTE = range(len(COLUMNS))
"""The columns' numbers in the model."""
