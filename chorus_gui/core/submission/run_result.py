"""What a submission did so far: filled while it runs, so that a cancelled or failed one leaves a true receipt too."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from chorus_gui.core.computer import computer_fault
from chorus_gui.core.errors import ContentChangedError
from chorus_gui.core.model import Change, ChangeKind, Failure, Level, Proof, Row, Tally, Transfers
from chorus_gui.core.receipt import AcceptedLeak, ApprovingPolicy, Checked
from chorus_gui.core.review.values import Hold
from chorus_gui.core.submission.file_ways import FileWays, Way

NOTHING = Tally()
_OF = itemgetter(0, 1)


@dataclass(slots=True)
class RunResult:
    """Counters of one run.  ``entered[modality][kind]`` are changes that are recorded in the journal; times in microseconds UTC."""

    version: str = ""
    started_us: int = field(default_factory=lambda: time.time_ns() // 1000)
    began: float = field(default_factory=time.monotonic)
    """the same moment on a clock that nobody can change"""
    modalities: tuple[str, ...] = ()
    """that were chosen"""
    looked_at: tuple[str, ...] = ()
    """versions that were compared with the store"""
    entered: dict[str, dict[ChangeKind, Tally]] = field(default_factory=dict[str, dict[ChangeKind, Tally]])
    uploaded: dict[str, Tally] = field(default_factory=dict[str, Tally])
    versions: set[str] = field(default_factory=set[str])
    """that received files"""
    recorded: set[str] = field(default_factory=set[str])
    """that new rows were entered for, uploaded or not"""
    proofs: Counter[Level] = field(default_factory=Counter[Level])
    ways: FileWays = field(default_factory=FileWays, repr=False, compare=False)
    """which way each of the uploaded files went"""
    sent: Tally = NOTHING
    fetched: Tally = NOTHING
    """read by the store's service from the site's service"""
    copied: Tally = NOTHING
    there: Tally = NOTHING
    """found in the store, sent by another tool"""
    reused_bytes: int = 0
    renamed: dict[str, Tally] = field(default_factory=dict[str, Tally])
    """of ``entered``, the pairs of an added and a deleted file that are one renamed file"""
    _old_names: dict[int, str] = field(default_factory=dict[int, str])
    failures: list[Failure] = field(default_factory=list[Failure])
    complete: list[str] = field(default_factory=list[str])
    """versions that became complete: their completion markers were written"""
    markers: dict[str, str] = field(default_factory=dict[str, str])
    """the SHA-256 of those markers, in hex digits"""
    wrong_files: int = 0
    """found missing or different in the central store, while it was checked if a version is complete"""
    copies: set[str] = field(default_factory=set[str])
    """versions in whose folders a copy of the journal was left"""
    notes: list[str] = field(default_factory=list[str])
    policy: ApprovingPolicy | None = None
    """that approved in a person's place"""
    unmarked: bool = False
    """changes are in the journal that the review could not mark as done: nobody may approve the review again"""
    held: dict[tuple[str, str], Hold] = field(default_factory=dict[tuple[str, str], Hold])
    """(modality, path) of files that were approved or pending, but held back before they were sent"""
    to_read: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """(modality, path) of files whose content is perhaps not what the journal has, at its size and time: the next scan reads them"""
    left_out: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """(modality, path) of pending files that the configuration leaves out by now"""

    checked: tuple[Checked, ...] = ()
    """passes of the readiness check that came before files were sent"""
    accepted: dict[AcceptedLeak, None] = field(default_factory=dict[AcceptedLeak, None])
    """what a person accepted of the files to be sent"""

    @contextmanager
    def marking(self) -> Generator[None]:
        """Mark in the review what the journal has.  A full disk of this computer does not stop the upload: the next scan knows more."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            fault = computer_fault(error)
            if fault is None:
                raise
            if not self.unmarked:
                self.unmarked = True
                self.notes.append(f"{fault.what} The journal is complete. {fault.remedy}")

    def fail(self, failure: Failure) -> None:
        """A file was not uploaded, or not recorded."""
        self.failures.append(failure)
        if failure.kind == ContentChangedError.__name__:
            self.to_read.add((failure.item.modality, failure.item.path))

    def enter(self, changes: Iterable[tuple[str, ChangeKind, int]]) -> None:
        """Changes (modality, kind, bytes) were committed to the journal."""
        for (modality, kind), run in groupby(changes, _OF):  # neighbours are alike
            sizes = [change[2] for change in run]
            kinds = self.entered.setdefault(modality, {})
            kinds[kind] = kinds.get(kind, Tally()) + Tally(len(sizes), sum(sizes))

    def rename(self, changes: Iterable[Change]) -> None:
        """Changes were committed to the journal: an added one whose other half was deleted by this run is a renamed file."""
        for change in changes:
            if change.pair is None:
                continue
            if change.kind is ChangeKind.DELETED:
                self._old_names[change.id] = change.modality
            elif change.kind is ChangeKind.ADDED and self._old_names.pop(change.pair, "") == change.modality:
                self.renamed[change.modality] = self.renamed.get(change.modality, Tally()) + Tally(1, change.bytes)

    def prove(self, proof: Proof, version: str, *, copied: bool = False) -> None:
        """A file was sent, or ``copied`` inside the store, and the journal says so."""
        item = proof.item
        self._uploaded(item.modality, item.size, version, proof.level)
        self.ways.add(item.modality, version, [(item.path, item.size)], Way.COPIED if copied else Way.of(fetched=proof.fetched))
        if copied:
            self.copied += Tally(1, proof.item.size)
        elif proof.fetched:
            self.fetched += Tally(1, proof.item.size)
        else:
            self.sent += Tally(1, proof.item.size)
            self.reused_bytes += proof.reused_bytes

    def prove_all(self, sent: Iterable[tuple[Proof, str]]) -> None:
        """As :meth:`prove`, for many files, each with its version: what is the same is added up first."""
        sums: dict[tuple[str, str, Level, bool], list[int]] = {}
        listed: dict[tuple[str, str, bool], list[tuple[str, int]]] = {}
        for proof, version in sent:
            count = sums.setdefault((proof.item.modality, version, proof.level, proof.fetched), [0, 0, 0])
            listed.setdefault((proof.item.modality, version, proof.fetched), []).append((proof.item.path, proof.item.size))
            count[0] += 1
            count[1] += proof.item.size
            count[2] += proof.reused_bytes
        for (modality, version, fetched), items in listed.items():
            self.ways.add(modality, version, items, Way.of(fetched=fetched))
        for (modality, version, level, fetched), (files, size, reused) in sums.items():
            self.uploaded[modality] = self.uploaded.get(modality, Tally()) + Tally(files, size)
            self.versions.add(version)
            self.proofs[level] += files
            if fetched:
                self.fetched += Tally(files, size)
            else:
                self.sent += Tally(files, size)
            self.reused_bytes += reused

    def found(self, row: Row, level: Level) -> None:
        """The file of a row was found in the store, sent by another tool, and the journal says so now."""
        self._uploaded(row.modality, row.size, row.version, level)
        self.ways.add(row.modality, row.version, [(row.path, row.size)], Way.FOUND)
        self.there += Tally(1, row.size)

    def _uploaded(self, modality: str, size: int, version: str, level: Level) -> None:
        self.uploaded[modality] = self.uploaded.get(modality, Tally()) + Tally(1, size)
        self.versions.add(version)
        self.proofs[level] += 1

    @property
    def transfers(self) -> Transfers:
        """What the run moved so far."""
        failed = Tally(len(self.failures), sum(failure.item.size for failure in self.failures))
        return Transfers(self.sent, self.copied, self.there, failed, self.reused_bytes, self.fetched)

    @property
    def seconds(self) -> float:
        """How long the run has taken so far, whatever happened to the computer's clock."""
        return max(0.0, time.monotonic() - self.began)
