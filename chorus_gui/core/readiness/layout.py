"""Where files should be: the current layout, and the superseded ones, by name."""

from __future__ import annotations

import re
from functools import lru_cache

KNOWN = ("OMOP", "Metadata", "Images", "Waveforms", "Telemetry", "EEG")
"""Folders of the layout, in their spelling."""
LAYERS = ("Telemetry", "EEG")
IMAGE_KINDS = frozenset(("CR", "DX", "MG", "CT", "MR", "XR", "US"))
"""Folders of images that the de-identification is made for, or that the pages name."""
_BY_LOWER = {name.lower(): name for name in KNOWN}
_NEAR = {"image": "Images", "imaging": "Images", "waveform": "Waveforms", "wave": "Waveforms", "waves": "Waveforms", "meta": "Metadata"}
_DICOM_KINDS = IMAGE_KINDS | {"NM", "PT", "XA", "RF", "OT", "SR", "SC", "DOC", "PX", "IO", "ES", "OP", "RTSTRUCT", "SEG"}
_DATED = re.compile(r"(?:19|20)\d\d[01]\d[0-3]\d")

FIRST_IMAGES = "the layout of the first upload, without a folder for the kind of image"
INITIAL_IMAGES = "the initial layout, without folders"
UNSORTED = "the output of the de-identification program, which is not sorted yet"
SECOND_WAVEFORMS = "the second layout, without Telemetry or EEG"
APRIL_WAVEFORMS = "the layout of April 2025, with a folder “waveforms”"
INITIAL_WAVEFORMS = "the initial layout, without folders"
OF_PATIENTS = "in the folders of patients"
"""OMOP tables"""
ELSEWHERE = "another number of folders"
SUPERSEDED = frozenset((FIRST_IMAGES, INITIAL_IMAGES, UNSORTED, SECOND_WAVEFORMS, APRIL_WAVEFORMS, INITIAL_WAVEFORMS, OF_PATIENTS))
"""Subjects of findings that name a layout which is over; others only say that files are at another place."""


@lru_cache(maxsize=4096)
def spelled(name: str) -> str:
    """The known folder that a name was meant to be, if it is spelled otherwise; "" if it is right, or another name."""
    lower = name.lower()
    if name in KNOWN:
        return ""
    if lower in _BY_LOWER:
        return _BY_LOWER[lower]
    if lower in _NEAR:
        return _NEAR[lower]
    if not name.isalpha():
        return ""
    return next((known for key, known in _BY_LOWER.items() if len(key) > 4 and _distance(lower, key) <= 2), "")


def _distance(one: str, other: str) -> int:
    """Letters to change, add or remove; 3 for more than 2."""
    if abs(len(one) - len(other)) > 2:
        return 3
    before = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        line = [i]
        for j, b in enumerate(other, 1):
            line.append(min(before[j] + 1, line[j - 1] + 1, before[j - 1] + (a != b)))
        before = line
    return min(before[-1], 3)


def is_dated(part: str) -> bool:
    """A folder with a date as its name, as releases had."""
    return _DATED.fullmatch(part) is not None


def images(folders: list[str]) -> tuple[str, str] | None:
    """What is wrong with the folders between “Images” and an image: (rule, layout); None if nothing is."""
    depth = len(folders)
    if depth == 3:
        return None if folders[0].upper() in IMAGE_KINDS else ("I8", "")
    if depth == 2:
        return ("L3", FIRST_IMAGES)
    return ("L3", INITIAL_IMAGES if depth == 0 else ELSEWHERE)


def waveforms(above: str, folders: list[str]) -> tuple[str, str] | None:
    """As :func:`images`; ``above`` is how “Waveforms” is spelled."""
    depth = len(folders)
    if folders and folders[0].lower() in ("telemetry", "eeg"):
        return None if depth == 2 else ("L4", ELSEWHERE)
    if depth == 1:
        return ("L4", APRIL_WAVEFORMS if above == "waveforms" else SECOND_WAVEFORMS)
    return ("L4", INITIAL_WAVEFORMS if depth == 0 else ELSEWHERE)


def is_unsorted(parts: list[str]) -> bool:
    """A path below the site's folder that begins with a kind of image, as the de-identification program writes it."""
    return len(parts) >= 4 and parts[0] in _DICOM_KINDS
