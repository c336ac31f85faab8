"""Patterns of what a site leaves out for good: ``[configuration] exclude``.

A pattern without “/” is the name of a file or folder, at any depth: ``.DS_Store``, ``*.tmp``.  With “/” at its end it is the name of folders
alone.  With a “/” elsewhere it is a path below the modality's folder, part by part; ``**`` takes any number of parts.  ``*``, ``?`` and
``[…]`` are wildcards within one name.  Capital and small letters are the same.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from chorus_gui.core.errors import PatternError


@dataclass(frozen=True)
class Exclude:
    """What is left out.  Make one with :meth:`parse`; none at all leaves nothing out, and is false."""

    patterns: tuple[str, ...] = ()

    @classmethod
    def parse(cls, patterns: Iterable[str]) -> Exclude:
        """Raises :class:`PatternError` for a pattern that can match nothing, or that matches everything."""
        kept = tuple(dict.fromkeys(text for pattern in patterns if (text := pattern.strip())))
        for text in kept:
            parts = text.removesuffix("/").split("/")
            if "\\" in text or text.startswith("/") or "" in parts or "." in parts or ".." in parts or any(ord(char) < 32 for char in text):
                raise PatternError(
                    f"The pattern “{text}” can match no file.",
                    remedy="Write a name, for example “*.tmp”, or a path below the modality's folder, with “/” between its parts.",
                )
            if why := _not_meant(text):
                raise PatternError(f"The pattern “{text}” {why[0]}", remedy=why[1])
            if all(part.strip("*") == "" for part in parts):
                raise PatternError(
                    f"The pattern “{text}” would leave out every file.", remedy="Write more of the name, for example “*.tmp”."
                )
        return cls(kept)

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def file(self, path: str) -> bool:
        """The file of this path matches, whatever the folders above it do."""
        return self._files is not None and self._files.fullmatch(path) is not None

    def folder(self, path: str) -> bool:
        """The folder of this path matches, whatever those above it do: nothing in it is looked at."""
        return self._folders is not None and self._folders.fullmatch(path) is not None

    def covers(self, path: str) -> bool:
        """The file, or a folder above it, matches."""
        if not self:
            return False
        parts = path.split("/")
        return self.file(path) or any(self.folder("/".join(parts[:depth])) for depth in range(1, len(parts)))

    @cached_property
    def _files(self) -> re.Pattern[str] | None:
        return _one(text for text in self.patterns if not text.endswith("/"))

    @cached_property
    def _folders(self) -> re.Pattern[str] | None:
        return _one(text.removesuffix("/") for text in self.patterns)


def _not_meant(pattern: str) -> tuple[str, str] | None:
    """What a pattern has that another program understands, and this one takes as a part of a name; the remedy."""
    if re.match("[A-Za-z]:", pattern):
        return "is a whole path, and can match no file.", "Write the path below the modality's folder, such as “*/Images/old/*”."
    if pattern[0] in "!^":
        return (
            f"begins with “{pattern[0]}”, which has no meaning here.",
            f"Remove it. For a name that begins with “{pattern[0]}”, write “?”.",
        )
    if pattern.count("{") != pattern.count("}"):
        return "has a brace without the other one.", "Write each name out, such as “*.tmp, *.bak”. For a brace in a name, write “?”."
    if re.search(r"\s/|/\s|\.\w+\s+\*\.", pattern):
        return "has a space between two patterns.", "Write commas between them. For a space in a name, write “?”."
    return None


def _one(patterns: Iterable[str]) -> re.Pattern[str] | None:
    found = "|".join((r"(?:.*/)?" if "/" not in text else "") + _expression(text) for text in patterns)
    return re.compile(found, re.IGNORECASE | re.DOTALL) if found else None


def _expression(pattern: str) -> str:
    parts = pattern.split("/")
    out = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            out += r"(?:.*)" if last else r"(?:[^/]+/)*"
        else:
            out += _name(part) + ("" if last else "/")
    return out


def _name(part: str) -> str:
    """One name's wildcards as a regular expression; a “[” without “]” is itself."""
    out, at = "", 0
    while at < len(part):
        char = part[at]
        end = _end_of_set(part, at) if char == "[" else -1
        if char in "*?":
            out += "[^/]*" if char == "*" else "[^/]"
        elif end > 0:
            out += "(?!/)" + fnmatch.translate(part[at : end + 1])[len("(?s:") : -len(r")\Z")]
            at = end
        else:
            out += re.escape(char)
        at += 1
    return out


def _end_of_set(part: str, at: int) -> int:
    """Where the set of characters ends that begins at ``at``; -1 if it does not end.  A “]” at its beginning is one of the characters."""
    first = at + 1 + part.startswith("!", at + 1)
    return part.find("]", first + part.startswith("]", first))
