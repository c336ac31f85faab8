"""Facts about a setup, as values: what the window shows and what commands report.  Nothing here changes or opens anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cached_property
from pathlib import Path

from chorus_gui.core.custody.history_check import LessHistoryError
from chorus_gui.core.custody.state import State as Custody
from chorus_gui.core.journal.queries import ModalityCount
from chorus_gui.core.model import Approval, ChangeKind, DiffSummary, Grade, Tally, VersionCount
from chorus_gui.core.review.values import CloudReading, Pending, WhatChanged


class StoreKind(Enum):
    """What the central store is, in unmistakable words.  NONE: there is no configuration."""

    NONE = ""
    TEST = "Test setup"
    CENTRAL = "Central store"


@dataclass(frozen=True, slots=True)
class CredentialFacts:
    """The credential of the central store.  ``text`` is for the chip ("SAS token expires in 12 days"), ``detail`` for its tooltip."""

    text: str = ""
    detail: str = ""
    grade: Grade = Grade.INFO
    expires: datetime | None = None
    expired: bool = False


@dataclass(frozen=True, slots=True)
class CustodyFacts:
    """Where the journal is.  ``text`` is for the chip, ``detail`` says what it means.

    ``state`` None: not read yet, or it could not be read (``grade`` BAD, and ``detail`` says why).  ``can_*`` say which of
    the Journal menu's commands make sense now; ``may_write`` whether a submission may begin.  ``warnings`` are what can go wrong
    if it is unlocked; ``offers`` what a person can decide after an interruption: (choice for :class:`.intents.Recover`, sentence).
    ``less``: the journal has less history than another copy of it.  ``newer``: nobody has the cloud journal checked out, and it is not
    the one that this computer last saw, so what is known here of the journal can be out of date.
    """

    state: Custody | None = None
    text: str = ""
    detail: str = ""
    grade: Grade = Grade.INFO
    who: str = ""
    host: str = ""
    since: datetime | None = None
    can_check_out: bool = False
    can_check_in: bool = False
    can_unlock: bool = False
    can_take_over: bool = False
    may_write: bool = False
    warnings: tuple[str, ...] = ()
    offers: tuple[tuple[str, str], ...] = ()
    less: LessHistoryError | None = None
    newer: bool = False


@dataclass(frozen=True, slots=True)
class CopyFacts:
    """A kept copy of the journal: its date and time (UTC), bytes, and what is in it."""

    path: Path
    at: datetime
    size: int
    readable: bool
    active: int
    pending: int
    last_version: str


@dataclass(frozen=True, slots=True)
class ScanFacts:
    """What the last scan of the command line found, in microseconds UTC and files: no review of it is kept for the window.

    ``changes`` are what an approval would record, ``held`` those that are held back.  ``whole``: it was of every modality of the
    configuration.  ``current``: the journal is as it was then; ``holds_current``: what is held back is, too.
    """

    at_us: int
    changes: int = 0
    send_bytes: int = 0
    held: int = 0
    problems: int = 0
    whole: bool = True
    current: bool = True
    holds_current: bool = True


@dataclass(frozen=True)
class JournalFacts:
    """What the local journal holds.  ``exists`` False: there is none yet.  ``error``: it is there, but cannot be read.

    ``versions`` are all, ascending, and the one that was begun last at the end; ``counts`` by version and modality, ``modalities``
    their sums.  ``interrupted``: the last command that uploads never ended.  ``stays``: what is recorded, but held back or left out by
    the configuration, so that no upload sends it.  ``outside``: the modalities with uploaded files that the configuration does not
    include; ``pending_outside``: what is recorded and not uploaded of such a modality; ``wrong_outside``: how many of its uploaded files
    are known to be missing or different in the store.  ``scanned``: what the last scan of the command line found.  Sums are made once: everything on screen asks for them, for each new state.
    """

    path: Path
    exists: bool = False
    error: str = ""
    schema: int = 0
    versions: tuple[str, ...] = ()
    counts: tuple[VersionCount, ...] = ()
    modalities: tuple[ModalityCount, ...] = ()
    copies: tuple[CopyFacts, ...] = ()
    interrupted: bool = False
    stays: Tally = field(default_factory=Tally)
    outside: tuple[str, ...] = ()
    pending_outside: tuple[tuple[str, Tally], ...] = ()
    wrong_outside: tuple[tuple[str, int], ...] = ()
    scanned: ScanFacts | None = None

    @property
    def last_version(self) -> str | None:
        """The version that was begun last, whatever its name, or None."""
        return self.versions[-1] if self.versions else None

    @cached_property
    def last_sent(self) -> str | None:
        """The last version of which something was uploaded, or None: a version can be recorded while all of its files are held back."""
        return next((version for version in reversed(self.versions) if self._was_sent(version)), None)

    def _was_sent(self, version: str) -> bool:
        counts = self.by_version.get(version, ())
        return not counts or any(count.last_upload or count.active > count.pending for count in counts)

    @cached_property
    def pending(self) -> Tally:
        """What is recorded and not uploaded, in all versions, and an upload would send."""
        recorded = sum((Tally(count.pending, count.pending_bytes) for count in self.counts), Tally())
        return recorded - self.stays - sum((tally for _, tally in self.pending_outside), Tally())

    @cached_property
    def by_version(self) -> Mapping[str, Sequence[VersionCount]]:
        """``counts`` of each version that has some."""
        found: dict[str, list[VersionCount]] = {}
        for count in self.counts:
            found.setdefault(count.version, []).append(count)
        return found

    @cached_property
    def sent_versions(self) -> Mapping[str, Sequence[str]]:
        """The versions with uploaded files of each modality of the configuration."""
        found: dict[str, list[str]] = {}
        for version, counts in self.by_version.items():
            for count in counts:
                if count.active > count.pending and count.modality not in self.outside:
                    found.setdefault(count.modality, []).append(version)
        return found

    @cached_property
    def pending_versions(self) -> frozenset[str]:
        """The versions with files that are not uploaded."""
        return frozenset(count.version for count in self.counts if count.pending)

    @cached_property
    def active(self) -> Tally:
        """What the site has, by the journal."""
        return sum((Tally(count.active, count.active_bytes) for count in self.counts), Tally())


@dataclass(frozen=True, slots=True)
class ReviewFacts:
    """The review at ``path``, which waits for approval.

    ``revision`` changes whenever its changes may be others (a new scan, something held back): then a table reads them again.
    ``to_do`` is what an approval would record now (``to_do_by_modality``: the same, by modality); ``many_deletions`` modality →
    (deleted, current entries) where a typed confirmation is needed.  ``stale`` says, as a sentence, why it can no longer be
    approved; "" if it can.  ``approval``: what was approved of it, perhaps not completely recorded.  ``pending``: what is pending in
    these modalities.  ``out_of_reach``: a sentence for each folder of the site of which nothing could be read.  ``holds_warning``:
    holds that are not shared yet, or a shared list that could not be read, in sentences; "" if all is shared.  ``lost_patients``:
    of whom no file is left, if it is approved; ``unsure_patients``: of whom files can be left in folders that could not be read.  ``to_do`` has the two halves of a renamed file; ``renamed_to_do`` counts these files by modality.
    ``changed``: what the scan found, in parts that people talk about; ``changed_to_do``: the same, of what an approval would record.  ``reading``: what the upload reads from the site's places in a cloud, ``pending`` included.
    ``leaks`` and ``pending_leaks``: how many new or updated files, and how many pending ones,
    have a leak of patient data that nobody accepted (``leak_rules`` names the rules; ``forgotten_leaks`` says that other leaks were found, and this computer does not know where); ``accepted_leaks``: how many have one that is accepted.
    """

    path: Path
    revision: int
    scanned_us: int
    mode: str
    modalities: tuple[str, ...]
    summary: DiffSummary
    to_do: dict[ChangeKind, Tally]
    to_do_by_modality: dict[str, dict[ChangeKind, Tally]] = field(default_factory=dict[str, dict[ChangeKind, Tally]])
    done: Tally = field(default_factory=Tally)
    many_deletions: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    stale: str = ""
    approval: Approval | None = None
    pending: Pending = field(default_factory=Pending)
    out_of_reach: tuple[str, ...] = ()
    holds_warning: str = ""
    lost_patients: tuple[str, ...] = ()
    unsure_patients: tuple[str, ...] = ()
    renamed_to_do: dict[str, Tally] = field(default_factory=dict[str, Tally])
    changed: WhatChanged = field(default_factory=WhatChanged)
    changed_to_do: WhatChanged = field(default_factory=WhatChanged)
    reading: tuple[CloudReading, ...] = ()
    leaks: int = 0
    pending_leaks: int = 0
    accepted_leaks: int = 0
    leak_rules: tuple[str, ...] = ()
    forgotten_leaks: str = ""

    @property
    def to_send(self) -> Tally:
        """What of ``to_do`` has bytes to send."""
        return self.to_do.get(ChangeKind.ADDED, Tally()) + self.to_do.get(ChangeKind.UPDATED, Tally())

    @property
    def to_do_total(self) -> Tally:
        """All of ``to_do``; a renamed file is one change."""
        return sum(self.to_do.values(), Tally()) - sum(self.renamed_to_do.values(), Tally())


@dataclass(frozen=True, slots=True)
class WrongFacts:
    """Files that are missing or different in the store: how many, in which versions; ``text`` says when and by whom they were found."""

    files: int
    versions: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """A kept receipt.  ``page`` is the HTML file, ``data`` the JSON next to it; ``ended_us`` microseconds UTC, by its computer's clock.

    ``failures`` are files that failed or differ, ``differing`` those of them that a verification found.  ``by``: “mara on icu-gateway”.
    """

    page: Path
    data: Path
    kind: str
    versions: tuple[str, ...]
    ended_us: int
    headline: str
    clean: bool
    uploaded: Tally
    failures: int
    differing: int = 0
    by: str = ""
    partial: bool = False
    """a verification of a part of the version's files"""
    unchecked: int = 0
    """files that a verification could not check"""
    problems: int = 0
    """files and folders of the site that could not be read"""
    sent_bytes: int = 0
    """what went over the network"""
    seconds: float = 0.0
    """how long the run took"""
    complete: tuple[str, ...] = ()
    """the versions that became complete"""
    modalities: tuple[str, ...] = ()
    """that were chosen; nothing: not known"""
    placed_us: int | None = None
    """its place in time, if that clock can have been wrong (:mod:`~chorus_gui.app.receipt_order`)"""

    @property
    def at_us(self) -> int:
        """When it ended, to compare it with other times and to sort by; ``ended_us`` is what it says itself."""
        return self.ended_us if self.placed_us is None else self.placed_us


@dataclass(frozen=True, slots=True)
class VerifyLine:
    """A file that differs from the journal: ``result`` is the value of a :class:`~chorus_gui.core.transfer.verify.VerifyResult`."""

    modality: str
    path: str
    version: str
    store_path: str
    result: str
    detail: str


@dataclass(frozen=True, slots=True)
class VerifyFacts:
    """The last verification: ``counts`` (modality, result) → files; ``bad`` the first of what differs (``bad_total`` of them).

    ``unchecked`` are the first files that could not be checked: the store could not be asked, or the journal has no MD5 to compare
    with.  ``extra`` are the first blobs that no row explains.
    """

    version: str | None
    modalities: tuple[str, ...]
    reread: bool
    ended_us: int
    complete: bool
    counts: dict[tuple[str, str], int]
    bad: tuple[VerifyLine, ...] = ()
    bad_total: int = 0
    unchecked: tuple[VerifyLine, ...] = ()
    unchecked_total: int = 0
    extra: tuple[str, ...] = ()
    extra_total: int = 0
    partial: bool = False
    """it was about a part of the version's files only"""
    outside: tuple[str, ...] = ()
    """modalities with uploaded files that the configuration does not include: they were not compared"""

    @property
    def total(self) -> int:
        """How many files the verification was about."""
        return sum(self.counts.values())

    @property
    def not_comparable(self) -> int:
        """How many of the unchecked files have no MD5 in the journal."""
        return sum(count for (_, result), count in self.counts.items() if result == "unprovable")
