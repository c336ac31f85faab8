"""What a running check writes to, before it is in the leak book."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from chorus_gui.core.model import Problem, SourceFile
from chorus_gui.core.own_database import temporary_database
from chorus_gui.core.passes import Pass
from chorus_gui.core.readiness.findings import FileState, Unchecked
from chorus_gui.core.readiness.leak_marks import Mark
from chorus_gui.core.readiness.snapshots import Snapshot, mark
from chorus_gui.core.storage.base import UnwantedFile


def place(modality: str, path: str) -> int:
    """A file as a number, within this process: a set of them is a third of the size.  Two files with one number would only keep a leak."""
    return hash((modality, path))


class Checking:
    """What a running check writes to.  Nothing of it is in the leak book before the check ends."""

    def __init__(self, sent: Mapping[str, Snapshot], counted: Mapping[str, Snapshot], newest: int = 0) -> None:
        self.sent = sent
        """OMOP tables as they were submitted last, by path"""
        self.counted = dict(counted)
        """OMOP tables as they were counted last"""
        self.deepest = Pass.AT_ONCE
        """the pass that finds what is added from now on"""
        self.result: Mapping[str, Any] | None = None
        """set when the check is complete"""
        self.unchecked: Sequence[Unchecked] = ()
        self.folders: set[str] = set()
        """folders of which the one file that was to be read could not be read: nothing is known of their other files"""
        self.modalities: tuple[str, ...] = ()
        self.rules: frozenset[str] = frozenset()
        """the rules that this check looks for"""
        self.newest = newest
        """the newest run that was in the book when this check began"""
        self.series: frozenset[str] = frozenset()
        """folders of series that had a leak when this check began"""
        self.missing: set[int] = set()
        """of the files that had a leak when this check began, those that the scan did not see (:func:`place`)"""
        self.began_us = time.time_ns() // 1000
        self.whole = False
        """every modality of the configuration is checked"""
        self.modality_of: Mapping[str, str] = {}
        """rule → the modality that it is about"""
        self.stuck: dict[str, FileState] = {}
        """images that cannot be read, by path"""
        self.marks: dict[tuple[str, Pass], Mark] = {}
        """the marks that the book knew when this check began"""
        self.places: frozenset[int] = frozenset()
        """files with a leak that were missing in an earlier scan (:func:`place`)"""
        self.states: frozenset[tuple[str, int, int]] = frozenset()
        """modality, size and time of files with a leak that a deeper pass found: a file that was renamed has the same"""
        self._db = temporary_database(any_thread=True)
        self._db.execute(
            "CREATE TABLE found (rule TEXT, modality TEXT, path TEXT, about TEXT, size INTEGER, mtime_us INTEGER, pass INTEGER)"
        )
        self._db.execute("CREATE TABLE unread (path TEXT, size INTEGER, mtime_us INTEGER)")
        self._db.execute("CREATE TABLE candidate (modality TEXT, path TEXT, size INTEGER, mtime_us INTEGER)")
        self._db.execute("BEGIN")

    def add(self, rule: str, about: str, files: Iterable[FileState]) -> None:
        """These files have a leak."""
        lines = ((rule, modality, path, about, size, at, self.deepest.rank) for modality, path, size, at in files)
        self._db.executemany("INSERT INTO found VALUES (?, ?, ?, ?, ?, ?, ?)", lines)

    def count(self, table: FileState, lines: int, patients: int | None) -> None:
        """Keep the numbers of lines and patients of a table; ``patients`` None: not counted."""
        known = self._known(table)
        self.counted[table.path] = known._replace(lines=lines, patients=patients)

    def saw(self, table: FileState, columns: Sequence[str]) -> None:
        """Keep which columns a table has."""
        self.counted[table.path] = self._known(table)._replace(columns=mark(columns))

    def _known(self, table: FileState) -> Snapshot:
        known = self.counted.get(table.path)
        same = known is not None and (known.size, known.mtime_us) == (table.size, table.mtime_us)
        return known if same and known is not None else Snapshot(table.size, table.mtime_us)

    def skip(self, images: Iterable[FileState]) -> None:
        """These images of :attr:`series` were not read: another one of their series was."""
        self._db.executemany("INSERT INTO unread VALUES (?, ?, ?)", ((one.path, one.size, one.mtime_us) for one in images))

    # --- a sink of a scan

    def files(self, files: Sequence[SourceFile]) -> None:
        """These files are on the site."""
        if self.missing:
            self.missing.difference_update(place(file.modality, file.path) for file in files)
        if self.states:
            found = [
                (file.modality, file.path, file.size, file.mtime_us)
                for file in files
                if (file.modality, file.size, file.mtime_us) in self.states or place(file.modality, file.path) in self.places
            ]
            self._db.executemany("INSERT INTO candidate VALUES (?, ?, ?, ?)", found)

    def unmatched(self, root: str, files: Sequence[UnwantedFile]) -> None:
        """Not sent, so it is as if they were not there."""

    def problem(self, problem: Problem) -> None:
        """It is in :attr:`unchecked`, too."""

    def unread(self) -> Iterator[tuple[Any, ...]]:
        """What :meth:`skip` was given: path, size, time."""
        yield from self._db.execute("SELECT path, size, mtime_us FROM unread")

    def candidates(self) -> Iterator[tuple[Any, ...]]:
        """Files that can be one with a leak under another name, or one that is back: modality, path, size, time."""
        yield from self._db.execute("SELECT modality, path, size, mtime_us FROM candidate")

    def found(self) -> Iterator[tuple[Any, ...]]:
        """Everything, in the order of the table ``leak`` without its run."""
        yield from self._db.execute("SELECT modality, path, rule, about, pass, size, mtime_us FROM found")

    def close(self) -> None:
        """Forget it."""
        self._db.close()
