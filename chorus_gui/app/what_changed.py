"""What changed since the last submission, in words: the same for the window, the command line and the receipts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chorus_gui.app.words import day, files, plural
from chorus_gui.core.receipt import ChangedPart
from chorus_gui.core.review.values import Part, PartCount, WhatChanged

_GROUPS = {
    Part.NEW_PATIENTS: ("patient new", "patients new"),
    Part.GONE_PATIENTS: ("patient gone", "patients gone"),
    Part.RENAMED_FOLDERS: ("folder renamed", "folders renamed"),
}
_FILES = {
    Part.UPDATED: "changed",
    Part.ADDED: "added",
    Part.DELETED: "deleted",
    Part.RENAMED: "renamed",
    Part.RESTORED: "restored",
    Part.MOVED: "with only the time changed",
}
MEANINGS = {
    Part.NEW_PATIENTS: "Patients of whom the journal has no file.",
    Part.GONE_PATIENTS: "Patients of whom the site has no file any longer. Their files are marked as deleted.",
    Part.RENAMED_FOLDERS: "Folders that have another name, with all files in them. These files count as neither added nor deleted.",
    Part.UPDATED: "Files whose content has changed.",
    Part.ADDED: "New files, without those of new patients.",
    Part.DELETED: "Files that are no longer on the site, without those of patients who are gone.",
    Part.RENAMED: "Single files that have another name or place. They count as neither added nor deleted.",
    Part.RESTORED: "Files that were marked as deleted, and are on the site again.",
    Part.MOVED: "Files of which only the time has changed. Nothing is uploaded.",
}
"""A sentence or two about each part."""


def phrase(one: PartCount, since_us: int | None, day_of: Callable[[int], str] = day) -> str:
    """A part in words: “2 patients new (31 files)”, “58 files changed since 2026-11-03”.  ``day_of`` writes the date."""
    if one.part in _GROUPS:
        return f"{plural(one.groups, *_GROUPS[one.part])} ({files(one.tally.files)})"
    text = f"{files(one.tally.files)} {_FILES[one.part]}"
    since = day_of(since_us) if one.part is Part.UPDATED and since_us else ""
    return f"{text} since {since}" if since else text


def sentence(found: WhatChanged, day_of: Callable[[int], str] = day) -> str:
    """All parts in words, separated by commas; "" if nothing changed."""
    return ", ".join(phrase(one, found.since_us, day_of) for one in found.parts)


def renamed_text(found: WhatChanged) -> str:
    """The renamed folders by name, as a sentence; "" if there are none."""
    total = sum(one.groups for one in found.parts if one.part is Part.RENAMED_FOLDERS)
    if not total or not found.folders:
        return ""
    named = "; ".join(f"“{folder.old}” is now “{folder.new}”" for folder in found.folders)
    more = total - len(found.folders)
    rest = f"; and {plural(more, 'other folder')}" if more > 0 else ""
    return f"Renamed folders: {named}{rest}."


def as_json(found: WhatChanged) -> dict[str, Any]:
    """The parts as JSON values."""
    return {
        "since_us": found.since_us,
        "parts": [
            {"part": one.part.value, "groups": one.groups, "files": one.tally.files, "bytes": one.tally.bytes} for one in found.parts
        ],
        "renamed_folders": [folder._asdict() for folder in found.folders],
    }


def for_receipt(found: WhatChanged) -> tuple[ChangedPart, ...]:
    """The parts as a receipt keeps them."""
    return tuple(
        ChangedPart(phrase(one, found.since_us), one.part.value, one.groups, one.tally.files, one.tally.bytes) for one in found.parts
    )
