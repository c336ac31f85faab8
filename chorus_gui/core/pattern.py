"""Path patterns: "{patient_id:w}/Images/{filepath}" as one regular expression.

Variables are ``version``, ``patient_id`` and ``filepath``; ``:d`` takes digits, ``:w`` letters, digits and underscores, without
a type anything but "/".  Case is ignored.  ``{filepath}`` is the last part and takes the rest, slashes included.  In a flat
configuration there are no patterns and a patient's folder may have any name: that is the untyped ``{patient_id}``.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from chorus_gui.core.errors import PatternError

VARIABLES = ("version", "patient_id", "filepath")
_TYPES = {"": r"[^/]+?", "d": r"[0-9]+", "w": r"\w+"}
LONGEST_NAME = 255
"""characters of a file's or folder's name, on every file system"""
_TOKEN = re.compile(r"\{([^{}]*)\}")

DEFAULTS = {
    "OMOP": "OMOP/{filepath}",
    "Images": "{patient_id:w}/Images/{filepath}",
    "Waveforms": "{patient_id:w}/Waveforms/{filepath}",
    "Metadata": "Metadata/{filepath}",
}
"""What a nested configuration means where it names no pattern."""

FLAT_DEFAULTS = {name: text.replace(":w", "") for name, text in DEFAULTS.items()}
"""What a flat configuration, which has no patterns, means."""

OMOP_PER_PATIENT = "{patient_id:w}/OMOP/{filepath}"


class Match(NamedTuple):
    """What a path says.  ``patient_id`` and ``version`` are None where the pattern has no such variable."""

    patient_id: str | None
    version: str | None
    filepath: str


@dataclass(frozen=True)
class Pattern:
    """A parsed pattern.  Make one with :meth:`parse`."""

    text: str
    names: tuple[str, ...]
    types: tuple[str, ...]
    expression: str
    segments: tuple[str, ...]
    """Regular expressions of the path's segments before the one that holds ``{filepath}``: the pattern's fixed part."""
    whole_folders: bool
    """``{filepath}`` begins a segment, so all files of a folder match alike or none does."""

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Parse, or raise :class:`PatternError` with a sentence about the problem and one about how to write it."""
        if not text.strip():
            raise PatternError("The pattern is empty.", remedy="Write one such as “{patient_id:w}/Images/{filepath}”, or remove the key.")
        if "\\" in text:
            raise PatternError(f"The pattern “{text}” has a backslash.", remedy="Write “/” between folders, on Windows too.")
        if text != text.strip() or any(ord(char) < 32 for char in text):
            raise PatternError(
                f"The pattern {text!r} begins or ends with a space, or has a control character.",
                remedy="Remove it, and write the pattern in single quotes.",
            )
        if text.startswith("/") or "//" in text or re.search(r"(^|/)\.\.?(/|$)", text) or re.match(r"[A-Za-z]:", text):
            raise PatternError(
                f"The pattern “{text}” has a drive letter, or a part that is empty, “.” or “..”.",
                remedy="Write the path below the modality's folder, without a “/” at the beginning.",
            )
        pieces = _TOKEN.split(text)
        names: list[str] = []
        types: list[str] = []
        expression = ""
        for index, piece in enumerate(pieces):
            if index % 2 == 0:
                if "{" in piece or "}" in piece:
                    raise PatternError(
                        f"The pattern “{text}” has an unpaired “{{” or “}}”.", remedy="Write variables in braces, for example “{filepath}”."
                    )
                expression += re.escape(piece)
                continue
            name, _, kind = piece.partition(":")
            if name not in VARIABLES:
                near = difflib.get_close_matches(name.lower(), VARIABLES, n=1)
                raise PatternError(
                    f"The pattern “{text}” has an unknown variable “{{{name}}}”.",
                    meaning=f"Did you mean “{{{near[0]}}}”?" if near else "",
                    remedy="Use the variables {version}, {patient_id} and {filepath}.",
                )
            if name in names:
                raise PatternError(f"The pattern “{text}” has “{{{name}}}” twice.", remedy="Use each variable only once.")
            if name == "filepath" and kind:
                raise PatternError(f"The pattern “{text}” has a type for “{{filepath}}”.", remedy="Write “{filepath}” without a type.")
            if kind not in _TYPES:
                raise PatternError(
                    f"The pattern “{text}” has an unknown type “:{kind}”.",
                    remedy="Use “:d” (digits) or “:w” (letters, digits, underscores).",
                )
            names.append(name)
            types.append(kind)
            expression += f"(?P<{name}>" + (r".+" if name == "filepath" else _TYPES[kind]) + ")"
        if "filepath" not in names:
            raise PatternError(
                f"The pattern “{text}” has no “{{filepath}}”.", remedy="Add “{filepath}” at the end: it matches the rest of the path."
            )
        if not text.endswith("}") or names[-1] != "filepath":
            raise PatternError(
                f"The pattern “{text}” has more after “{{filepath}}”.",
                remedy="End the pattern with “{filepath}”: it matches the rest of the path.",
            )
        fixed, _, last = text.rpartition("/")
        segments = tuple(_segment(part) for part in fixed.split("/")) if fixed else ()
        return cls(text, tuple(names), tuple(types), expression, segments, last == "{filepath}")

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.expression, re.IGNORECASE | re.DOTALL)

    @cached_property
    def _leading(self) -> re.Pattern[str]:
        """As many of the fixed part's segments as a folder has, and anything below them: asked for every folder of a walk."""
        expression = ".*"
        for part in reversed(self.segments):
            expression = f"{part}(?:/{expression})?"
        return re.compile(expression, re.IGNORECASE | re.DOTALL)

    @property
    def has_version(self) -> bool:
        """The path names the version."""
        return "version" in self.names

    @property
    def has_patient(self) -> bool:
        """The path names the patient."""
        return "patient_id" in self.names

    def match(self, path: str) -> Match | None:
        """Match a path relative to the modality's root; ``{patient_id:d}`` comes without leading zeros."""
        found = None if self._too_long(path) else self._compiled.fullmatch(path)
        if found is None:
            return None
        groups = found.groupdict()
        patient = groups.get("patient_id")
        if patient is not None and self.types[self.names.index("patient_id")] == "d":
            patient = patient.lstrip("0") or "0"
        return Match(patient, groups.get("version"), groups["filepath"])

    def may_lead_to(self, folder: str) -> bool:
        """Can a file that matches lie in this folder or below it?  ``folder`` is "" for the root."""
        return not folder or (not self._too_long(folder) and self._leading.fullmatch(folder) is not None)

    @cached_property
    def _crowded(self) -> bool:
        """Two variables are in one part of the path."""
        return any(part.count("{") > 1 for part in self.text.split("/"))

    def _too_long(self, path: str) -> bool:
        """Two variables in one part take time that grows with the square of its length; no file system has such a name."""
        if not self._crowded or len(path) <= LONGEST_NAME:
            return False
        parts = path.split("/", len(self.segments) + 1)[: len(self.segments) + 1]
        return any(len(part) > LONGEST_NAME for part in parts)

    def patient_in(self, path: str) -> str | None:
        """The patient to whom this folder, or a folder above it, belongs, also where the path is too short for :meth:`match`; None if the path does not say."""
        for part, text in zip(path.split("/"), self.text.rpartition("/")[0].split("/"), strict=False):
            found = None if self._too_long(part) else re.fullmatch(_segment(text, "patient_id"), part, re.IGNORECASE | re.DOTALL)
            if found is None:
                return None
            if patient := found.groupdict().get("patient_id"):
                digits = self.types[self.names.index("patient_id")] == "d"
                return (patient.lstrip("0") or "0") if digits else patient
        return None

    def in_fixed_part(self, folder: str) -> bool:
        """The folder's own name stands in the pattern's fixed part (where links are followed), not below it."""
        return self.may_lead_to(folder) and (folder.count("/") + 1 if folder else 0) <= len(self.segments)


def _segment(part: str, named: str = "") -> str:
    """The regular expression of one segment; the variable ``named`` becomes a group."""
    out = ""
    for index, piece in enumerate(_TOKEN.split(part)):
        name, _, kind = piece.partition(":")
        expression = re.escape(piece) if index % 2 == 0 else _TYPES[kind]
        out += f"(?P<{name}>{expression})" if index % 2 and name == named else expression
    return out
