"""What verifications of a version found: a side file next to the journal, for everybody who works on it.

``verified/<version>.json``, described in docs/formats.md.  It has the last verification of the version, and every file that was found
missing or different and was neither repaired nor found right since.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from chorus_gui.core.untrusted import MalformedError, json_value, record, strictly

FOLDER = "verified"
FORMAT = 1
LARGEST = 3_000_000
"""Largest file, in bytes; ``wrong_files`` counts all files, also those that do not fit."""

Key = tuple[str, str]
"""modality and path of a file"""


@dataclass(frozen=True, slots=True)
class WrongFile:
    """A file that is missing or different in the store.  ``size`` (bytes) and ``md5`` are the journal's; ``reread``: the blob was read."""

    modality: str
    path: str
    result: str
    size: int
    md5: str
    reread: bool

    @property
    def key(self) -> Key:
        """What names it in its version."""
        return self.modality, self.path


@dataclass(frozen=True, slots=True)
class VersionCheck:
    """The last verification of a version, and the files that are still wrong.

    ``ended_us``: microseconds since 1970, UTC.  ``partial``: it was about a part of the version's files only.  ``files`` and ``bytes``
    were compared, ``unchecked`` files could not be.
    """

    version: str
    ended_us: int
    user: str
    host: str
    program: str
    reread: bool
    partial: bool
    files: int
    bytes: int
    unchecked: int
    wrong_files: int = 0
    wrong: tuple[WrongFile, ...] = ()
    store: str = ""
    """the central store that was compared; "" in a file of an older version of the program"""


def to_json(check: VersionCheck) -> bytes:
    """As the side file has it: at most ``LARGEST`` bytes, so that it names fewer files if there are very many."""
    named = check.wrong
    while True:
        value = {"format": FORMAT, **asdict(replace(check, wrong=named))}
        data = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode("utf-8", "replace")
        if len(data) <= LARGEST or not named:
            return data
        named = named[: len(named) // 2]


def from_json(data: bytes) -> VersionCheck:
    """Raises :class:`MalformedError` for anything but such a file; fields of a newer program are ignored."""
    with strictly():
        value = cast("dict[str, Any]", json_value(data))
        if value["format"] != FORMAT:
            raise MalformedError("another format")
        check = record(VersionCheck, value)
        return replace(check, wrong_files=max(check.wrong_files, len(check.wrong)))


def merged(old: VersionCheck | None, new: VersionCheck, right: Collection[Key]) -> VersionCheck:
    """What is known after ``new``; ``right`` are the files that it found right, or that were uploaded again.

    A comparison by size and MD5 property does not clear what somebody found by reading the file: the property can be wrong.
    """
    if old is None:
        return new
    now = {file.key for file in new.wrong}
    kept = [
        file
        for file in old.wrong
        if file.key not in now and file.key not in right and (new.partial or (file.reread and not new.reread) or new.unchecked)
    ]
    wrong = (*new.wrong, *kept)
    count = len(wrong) + max(new.wrong_files - len(new.wrong), 0)
    if new.partial or new.unchecked or (old.reread and not new.reread):  # then no file that was not named is known to be right
        right_now = len(old.wrong) - len(kept) - sum(file.key in now for file in old.wrong)
        count = max(count, old.wrong_files - right_now)
    base = replace(old, ended_us=new.ended_us if new.wrong else old.ended_us) if new.partial else new
    return replace(base, wrong=wrong, wrong_files=count)


def without(check: VersionCheck, right: Collection[Key]) -> VersionCheck:
    """These files are right now."""
    wrong = tuple(file for file in check.wrong if file.key not in right)
    return replace(check, wrong=wrong, wrong_files=check.wrong_files - (len(check.wrong) - len(wrong)))
