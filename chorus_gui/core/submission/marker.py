"""The completion marker of a version: what ``VERSION/submission.json`` says to the central team, as a value and as JSON.

:mod:`.guard` removes it before files of its version change, :mod:`.completion` writes it.  docs/formats.md is its reference.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any, NamedTuple, cast

from chorus_gui.core.errors import UsageError
from chorus_gui.core.model import MODALITIES, Level, Tally, VersionCount
from chorus_gui.core.own_database import temporary_database
from chorus_gui.core.untrusted import MalformedError, json_value, record, strictly

NAME = "submission.json"
SCHEMA = "chorus-upload-submission/1"
LARGEST = 64 * 1024
"""A marker is smaller than this many bytes; a larger blob of that name is a file of the site."""


def marker_path(version: str) -> str:
    """Where the marker of a version is in the central store."""
    return f"{version}/{NAME}"


class JournalCopy(NamedTuple):
    """The copy of the journal in the version's folder: its file name, bytes, MD5, and the journal's format (1 or 2)."""

    name: str
    bytes: int
    md5: str
    format: int


@dataclass(frozen=True, slots=True)
class Marker:
    """Every approved file of ``version`` was confirmed in the central store at ``completed`` (``YYYYMMDDHHMMSS`` in UTC).

    ``modalities`` count the files, ``verified`` how each of them was confirmed: both add up to all files.  ``root`` is
    :class:`Root`'s hash.  ``held_back``: files that the review of this version held back, None if not known.  ``other_files``:
    files in the folder that the marker does not cover, because a later change replaced or deleted them, or no journal has them.
    """

    version: str
    completed: str
    modalities: Mapping[str, Tally]
    root: str
    journal: JournalCopy
    verified: Mapping[Level, int]
    held_back: int | None
    other_files: int
    app_version: str

    @property
    def completed_us(self) -> int:
        """``completed`` in microseconds since 1970, UTC."""
        at = datetime.strptime(self.completed, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        return int(at.timestamp()) * 1_000_000

    @property
    def total(self) -> Tally:
        """Files and bytes of all modalities."""
        return sum(self.modalities.values(), Tally())


class Root:
    """SHA-256 over one line for each file, sorted by the bytes of the path.

    A line is the path below the version's folder in UTF-8, a zero byte, the size in decimal digits, a zero byte, the MD5 in 32
    lower-case hex digits, and a line feed.  Takes the files in any order; a million of them need no memory.
    """

    def __init__(self) -> None:
        self._db = temporary_database()
        self._db.execute("CREATE TABLE line (path BLOB PRIMARY KEY, rest BLOB) WITHOUT ROWID")
        self._db.execute("BEGIN")

    def add(self, path: str, size: int, md5: str) -> bool:
        """Add a file; False if this path was added before."""
        return self.add_all([(path, size, md5)])[0]

    def add_all(self, files: Iterable[tuple[str, int, str]]) -> list[bool]:
        """As :meth:`add`, for each of many files (path, size, MD5)."""
        insert = "INSERT OR IGNORE INTO line VALUES (?, ?)"
        lines = [(path.encode("utf-8", "surrogateescape"), f"{size}\0{md5}\n".encode()) for path, size, md5 in files]
        self._db.execute("SAVEPOINT together")
        together = self._db.executemany(insert, lines).rowcount == len(lines)
        if not together:
            self._db.execute("ROLLBACK TO together")
        self._db.execute("RELEASE together")
        return [together or self._db.execute(insert, line).rowcount == 1 for line in lines]

    def hexdigest(self) -> str:
        """The 64 lower-case digits."""
        whole = hashlib.sha256()
        for path, rest in self._db.execute("SELECT path, rest FROM line ORDER BY path"):
            whole.update(path + b"\0" + rest)
        return whole.hexdigest()

    def close(self) -> None:
        """Forget the files."""
        self._db.close()


def sha256_of(text: str) -> str:
    """The SHA-256 of a marker's text, in hex digits: what its receipt names."""
    return hashlib.sha256(text.encode()).hexdigest()


def to_json(marker: Marker) -> str:
    """The text of the blob."""
    total = marker.total
    names = [m for m in MODALITIES if m in marker.modalities] + sorted(set(marker.modalities) - set(MODALITIES))
    out: dict[str, Any] = {
        "schema": SCHEMA,
        "version": marker.version,
        "completed": _iso(marker.completed),
        "files": total.files,
        "bytes": total.bytes,
        "modalities": {m: {"files": marker.modalities[m].files, "bytes": marker.modalities[m].bytes} for m in names},
        "root_sha256": marker.root,
        "journal": marker.journal._asdict(),
        "verified": {level.value: marker.verified.get(level, 0) for level in Level if level.value in _LEVELS},
        "held_back": marker.held_back,
        "other_files": marker.other_files,
        "program": f"CHoRUS Upload {marker.app_version}",
    }
    return json.dumps(out, indent=2, ensure_ascii=False) + "\n"


_LEVELS = ("transport", "properties", "reread")


def from_json(text: str) -> Marker:
    """Read what :func:`to_json` wrote.  Raises :class:`UsageError` for anything else, whatever its types."""
    try:
        with strictly():
            data = cast("dict[str, Any]", json_value(text))
            if data["schema"] != SCHEMA:
                raise MalformedError("another format")
            flat = {**data, "root": data["root_sha256"], "completed": _compact(data["completed"]), "app_version": data["program"]}
            marker = record(Marker, flat)
            counts = [*marker.verified.values(), marker.held_back or 0, marker.other_files, marker.total.files, marker.total.bytes]
            if min(counts) < 0 or "/" in marker.journal.name:
                raise MalformedError("a value that no marker has")
            return replace(marker, app_version=marker.app_version.removeprefix("CHoRUS Upload "))
    except MalformedError as error:
        raise UsageError(
            "This file is not a completion marker of CHoRUS Upload, or a newer version of the program wrote it.",
            remedy="Update CHoRUS Upload.",
        ) from error


def ours(text: str) -> bool:
    """The text was written as a marker, by this or a later version of the program."""
    try:
        with strictly():
            return str(cast("dict[str, object]", json_value(text))["schema"]).startswith("chorus-upload-submission/")
    except MalformedError:
        return False


def _iso(moment: str) -> str:
    return f"{moment[:4]}-{moment[4:6]}-{moment[6:8]}T{moment[8:10]}:{moment[10:12]}:{moment[12:14]}Z"


def _compact(moment: str) -> str:
    return datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).strftime("%Y%m%d%H%M%S").zfill(14)


class Complete(Enum):
    """What is known of a version's marker."""

    YES = "yes"
    """the marker is there, and the journal has nothing later"""
    NO = "no"
    """there is no marker"""
    OUTDATED = "outdated"
    """there is a marker, and another tool has changed the version since"""


@dataclass(frozen=True, slots=True)
class Completeness:
    """A version's marker, and whether it still holds.  ``why``: a sentence for an outdated one."""

    version: str
    complete: Complete
    marker: Marker | None = None
    why: str = ""
    sha256: str = ""
    """of the marker's text as the store has it, in hex digits; "" without a marker"""


def judge(version: str, marker: Marker | None, counts: Sequence[VersionCount]) -> Completeness:
    """A version's marker against what the journal counts for it now; ``counts`` may be of other versions, too.

    Files that a later version replaced or deleted do not make a marker outdated: their blobs are still there.
    """
    if marker is None:
        return Completeness(version, Complete.NO)
    mine = [count for count in counts if count.version == version]
    why = ""
    if sum(count.pending for count in mine):
        why = "Files were recorded for this version after it was complete, and are not uploaded yet."
    elif max((count.last_upload or "" for count in mine), default="") > marker.completed:
        why = "Files were uploaded into this version after it was complete, by another tool."
    elif sum(count.active for count in mine) > marker.total.files:
        why = "The journal has more files in this version than its completion marker."
    return Completeness(version, Complete.OUTDATED if why else Complete.YES, marker, why)
