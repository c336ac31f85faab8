"""What a check remembers on this computer: the files of the scan at hand, and the verdicts on files of earlier checks.

A verdict holds for a path with this size and time, under these rules.  It keeps rules, subjects, lines and counts, and digests of UIDs under a
key that never leaves the file; no value of a tag or a cell.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from chorus_gui.core import private
from chorus_gui.core.folders import data_folder, remove_file
from chorus_gui.core.model import Problem, SourceFile
from chorus_gui.core.own_database import own_database
from chorus_gui.core.readiness.findings import FileState, Finding
from chorus_gui.core.storage.base import UnwantedFile
from chorus_gui.core.untrusted import DATA_ERRORS, json_value

FORMAT = 1
CHECKS = 2
"""Version of the checks: a program that checks in another way reads all files again.  Raise it if a check finds something else by the same rules."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS verdict (modality TEXT, path TEXT, size INTEGER, mtime_us INTEGER, stamp TEXT, said TEXT, PRIMARY KEY (modality, path)) WITHOUT ROWID;
DROP TABLE IF EXISTS file;
CREATE TABLE file (modality TEXT, folder TEXT, name TEXT, patient TEXT, size INTEGER, mtime_us INTEGER);
"""


class Verdict(NamedTuple):
    """What is known of one file.  ``facts`` are few short texts for comparisons with other files."""

    findings: tuple[Finding, ...]
    facts: tuple[str, ...] = ()
    unchecked: str = ""


class Seen(NamedTuple):
    """A file of the scan at hand."""

    modality: str
    path: str
    patient: str | None
    size: int
    mtime_us: int

    @property
    def state(self) -> FileState:
        """The file, without its patient."""
        return FileState(self.modality, self.path, self.size, self.mtime_us)


def memory_path(journal: Path) -> Path:
    """Where the verdicts on the site of this journal are kept."""
    key = hashlib.sha256(os.path.normcase(os.path.abspath(journal)).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return data_folder("readiness") / f"verdicts-{key}.db"


class Memory:
    """A database of this user alone; a context manager.  It is also a sink of a scan, and keeps the files that deeper passes read."""

    def __init__(self, path: Path, stamp: str) -> None:
        self.stamp = f"{CHECKS}|{stamp}"
        self._db = _open(path)
        row = self._db.execute("SELECT value FROM meta WHERE key = 'key'").fetchone()
        self.key: bytes = row[0] if row else secrets.token_bytes(32)
        if not row:
            self._db.execute("INSERT INTO meta VALUES ('key', ?)", (self.key,))
        self._db.execute("BEGIN")

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.execute("DELETE FROM file")
        self._db.execute("COMMIT")
        self._db.close()

    # --- a sink of a scan -------------------------------------------------------------------------------------------

    def files(self, files: Sequence[SourceFile]) -> None:
        """Keep images and recordings; tables and metadata are few, and kept elsewhere."""
        if files and files[0].modality in ("Images", "Waveforms"):
            self._db.executemany(
                "INSERT INTO file VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (modality, *_split(path), patient, size, mtime_us)
                    for modality, path, patient, _, size, mtime_us in files
                    if modality == "Waveforms" or path[-4:].lower() == ".dcm"
                ],
            )

    def unmatched(self, root: str, files: Sequence[UnwantedFile]) -> None:
        """Not read."""

    def problem(self, problem: Problem) -> None:
        """Not needed."""

    # --- what to read -----------------------------------------------------------------------------------------------

    def images(self, *, one_a_series: bool) -> Iterator[Seen]:
        """Every image, or the first of each folder, folder by folder."""
        every = "SELECT folder, name, patient, size, mtime_us FROM file WHERE modality = 'Images' AND size > 0 ORDER BY folder"
        first = "SELECT folder, min(name), patient, size, mtime_us FROM file WHERE modality = 'Images' AND size > 0 GROUP BY folder"
        cursor = self._db.cursor().execute(first if one_a_series else every)
        for folder, name, patient, size, mtime_us in cursor:
            yield Seen("Images", f"{folder}/{name}" if folder else name, patient, size, mtime_us)

    def sessions(self) -> Iterator[tuple[str, list[Seen]]]:
        """The files of recordings, folder by folder."""
        here: list[Seen] = []
        last: str | None = None
        cursor = self._db.cursor().execute(
            "SELECT folder, name, patient, size, mtime_us FROM file WHERE modality = 'Waveforms' ORDER BY folder"
        )
        for folder, name, patient, size, mtime_us in cursor:
            if folder != last:
                if here:
                    yield last or "", here
                last, here = folder, []
            here.append(Seen("Waveforms", f"{folder}/{name}" if folder else name, patient, size, mtime_us))
        if here:
            yield last or "", here

    def series(self, folders: Iterable[str]) -> Iterator[Seen]:
        """Every image in these folders, folder by folder."""
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (folder TEXT PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("DELETE FROM wanted")
        self._db.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", ((folder,) for folder in folders))
        cursor = self._db.cursor().execute(
            "SELECT folder, name, patient, size, mtime_us FROM file JOIN wanted USING (folder) WHERE modality = 'Images' ORDER BY folder"
        )
        for folder, name, patient, size, mtime_us in cursor:
            yield Seen("Images", f"{folder}/{name}" if folder else name, patient, size, mtime_us)

    # --- verdicts ---------------------------------------------------------------------------------------------------

    def remembered(self, file: Seen, stamp: str) -> Verdict | None:
        """The verdict on a file, if it still holds."""
        row = self._db.execute(
            "SELECT said FROM verdict WHERE modality = ? AND path = ? AND size = ? AND mtime_us = ? AND stamp = ?",
            (file.modality, file.path, file.size, file.mtime_us, f"{self.stamp}|{stamp}"),
        ).fetchone()
        if row is None:
            return None
        try:
            findings, facts, unchecked = cast("tuple[list[list[Any]], list[str], str]", json_value(row[0]))
            return Verdict(tuple(Finding(*one) for one in findings), tuple(facts), str(unchecked))
        except DATA_ERRORS:
            return None

    def remember(self, file: Seen, stamp: str, verdict: Verdict) -> None:
        """Keep a verdict for the next check."""
        said = json.dumps([[list(one) for one in verdict.findings], list(verdict.facts), verdict.unchecked])
        self._db.execute(
            "INSERT OR REPLACE INTO verdict VALUES (?, ?, ?, ?, ?, ?)",
            (file.modality, file.path, file.size, file.mtime_us, f"{self.stamp}|{stamp}", said),
        )

    def save(self) -> None:
        """What was remembered so far survives an interruption."""
        self._db.execute("COMMIT")
        self._db.execute("BEGIN")


def _split(path: str) -> tuple[str, str]:
    folder, _, name = path.rpartition("/")
    return folder, name


def _open(path: Path) -> Any:
    """The database; a damaged one, or one of another format, begins again: everything in it can be found out again."""
    private.make(path)
    begin = f"PRAGMA synchronous = OFF; PRAGMA user_version = {FORMAT}; {_SCHEMA}"
    try:
        db = own_database(path, timeout=10, begin=begin)
        db.execute("SELECT count(*) FROM verdict WHERE modality = ''").fetchone()
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        remove_file(path)
        private.make(path)
        db = own_database(path, timeout=10, begin=begin)
    return db
