"""What a submission did so far: filled while it runs, so that a cancelled or failed one leaves a true receipt too."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from chorus_gui.core.model import ChangeKind, Failure, Level, Proof, Row, Tally


@dataclass(slots=True)
class RunResult:
    """Counters of one run.  ``entered[modality][kind]`` are changes that are recorded in the journal; times in microseconds UTC."""

    version: str = ""
    started_us: int = field(default_factory=lambda: time.time_ns() // 1000)
    entered: dict[str, dict[ChangeKind, Tally]] = field(default_factory=dict[str, dict[ChangeKind, Tally]])
    uploaded: dict[str, Tally] = field(default_factory=dict[str, Tally])
    versions: set[str] = field(default_factory=set[str])
    """that received files"""
    recorded: set[str] = field(default_factory=set[str])
    """that new rows were entered for, uploaded or not"""
    proofs: Counter[Level] = field(default_factory=Counter[Level])
    sent_bytes: int = 0
    reused_bytes: int = 0
    failures: list[Failure] = field(default_factory=list[Failure])
    complete: list[str] = field(default_factory=list[str])
    """versions that became complete: their completion markers were written"""
    notes: list[str] = field(default_factory=list[str])

    def enter(self, changes: Iterable[tuple[str, ChangeKind, int]]) -> None:
        """Changes (modality, kind, bytes) were committed to the journal."""
        sums: dict[tuple[str, ChangeKind], list[int]] = {}
        for modality, kind, size in changes:
            count = sums.setdefault((modality, kind), [0, 0])
            count[0] += 1
            count[1] += size
        for (modality, kind), (files, size) in sums.items():
            kinds = self.entered.setdefault(modality, {})
            kinds[kind] = kinds.get(kind, Tally()) + Tally(files, size)

    def prove(self, proof: Proof, version: str) -> None:
        """A file was sent, and the journal says so."""
        self._uploaded(proof.item.modality, proof.item.size, version, proof.level)
        self.sent_bytes += proof.sent_bytes
        self.reused_bytes += proof.reused_bytes

    def found(self, row: Row, level: Level) -> None:
        """The file of a row was found in the store, sent by another tool, and the journal says so now."""
        self._uploaded(row.modality, row.size, row.version, level)

    def _uploaded(self, modality: str, size: int, version: str, level: Level) -> None:
        self.uploaded[modality] = self.uploaded.get(modality, Tally()) + Tally(1, size)
        self.versions.add(version)
        self.proofs[level] += 1

    @property
    def uploaded_total(self) -> Tally:
        """Files and bytes that were uploaded."""
        return sum(self.uploaded.values(), Tally())
