"""The values that travel between the steps: frozen, small, no behaviour but derivation.

Paths are posix, relative to the modality's root, in exactly the characters that the site has.  Times end in ``_us``
(microseconds since 1970, UTC) or are text in the journal's own form: a *version* is ``YYYYMMDDHHMMSS`` in local time unless
somebody named it, an *upload time* ``YYYYMMDDHHMMSS`` in UTC.  Sizes are bytes.  An MD5 is 32 lower-case hex digits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, TypeVar, dataclass_transform

T = TypeVar("T")

MODALITIES: tuple[str, ...] = ("OMOP", "Images", "Waveforms", "Metadata")
"""Every modality, in the spelling that the central store uses and in the order in which people are shown them."""


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def many(cls: type[T]) -> type[T]:
    """A frozen dataclass with slots, for a value of which there are millions: it costs a sixth to make.

    Nothing may set a field of it.  The type checker sees to that, as ``frozen=True`` would; only the check of each field while it is made,
    which takes most of the time, is left out.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)


class Mode(Enum):
    """How the journal reads a missing file: FULL, it was deleted; APPEND, nothing is meant by it."""

    FULL = "full"
    APPEND = "append"


class ChangeKind(Enum):
    """What a change is.  The value is the word that people, exports and the staging database use."""

    ADDED = "added"
    UPDATED = "updated"
    MOVED = "moved"
    RESTORED = "restored"
    DELETED = "deleted"
    UNCHANGED = "unchanged"
    UNMATCHED = "unmatched"
    PROBLEM = "problem"


class Level(Enum):
    """How well it is proved that the store holds a file."""

    TRANSPORT = "transport"
    """every byte was acknowledged under a checksum while it was sent"""
    PROPERTIES = "properties"
    """size and MD5 property agree"""
    REREAD = "reread"
    """the blob was downloaded and hashed"""


class SourceFile(NamedTuple):
    """A file of the site as the walk saw it.  ``version`` is the one that its path names, or None.

    A tuple, because a walk makes a million of them and hands each to the staging database as it is.
    """

    modality: str
    path: str
    patient_id: str | None
    version: str | None
    size: int
    mtime_us: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that the scan could not do.

    ``path`` is relative to the root it was met in; ``covers`` tells that it stands for everything below it (a folder that
    could not be read), so nothing below it may be taken for deleted.  ``modalities`` are the ones that lie in that root.  ``if_read``: the file is
    listed as any other, and only its bytes cannot be had now, so it is a problem only if they are needed.
    """

    modalities: tuple[str, ...]
    path: str
    cause: str
    remedy: str = ""
    covers: bool = False
    if_read: bool = False


@many
class Row:
    """One row of the journal, whichever its schema.

    ``invalid_us`` None: the row is active.  ``uploaded`` None: not uploaded.  ``md5`` None where the journal has none, and in
    journals of other tools not always an MD5 (an S3 ETag occurs).
    """

    file_id: int
    modality: str
    path: str
    patient_id: str | None
    size: int
    mtime_us: int
    md5: str | None
    valid_us: int
    invalid_us: int | None
    uploaded: str | None
    version: str

    @property
    def by_name(self) -> dict[str, object]:
        """The fields by name, for an SQL statement that binds them as ``:path``."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @property
    def active(self) -> bool:
        """The row says what the site holds now."""
        return self.invalid_us is None

    @property
    def pending(self) -> bool:
        """Recorded, not uploaded."""
        return self.invalid_us is None and self.uploaded is None


class Action(Enum):
    """What an :class:`Entry` does to the journal."""

    ENTER = "enter"
    """a new row; with ``old_id`` the row that it replaces is closed"""
    REPEAT = "repeat"
    """a new row that repeats row ``old_id`` (version, upload time, MD5) with this ``mtime_us``; if that row is active it is closed"""
    CLOSE = "close"
    """row ``old_id`` is closed as deleted"""
    UPLOADED = "uploaded"
    """row ``old_id``, active and pending, is marked as uploaded at ``uploaded``"""


@many
class Entry:
    """One thing to write into the journal.  Which fields an action reads is said at :class:`Action`.

    ``state`` is the word that version 1 keeps with a row (ADDED, UPDATED, MOVED).  The seconds are how long hashing, sending
    and checking took; version 1 keeps them.
    """

    action: Action
    modality: str = ""
    path: str = ""
    patient_id: str | None = None
    size: int = 0
    mtime_us: int = 0
    md5: str | None = None
    version: str = ""
    uploaded: str | None = None
    old_id: int | None = None
    state: str = "ADDED"
    md5_seconds: float | None = None
    upload_seconds: float | None = None
    verify_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class VersionCount:
    """What one version of one modality holds in the journal.  Counts of rows, sums of bytes.

    ``active`` and ``pending`` rows are open; ``pending`` is the part of ``active`` that was not uploaded; ``closed`` rows were
    replaced or deleted since.  ``last_upload`` is the latest upload time among all of them, or None.
    """

    version: str
    modality: str
    active: int
    active_bytes: int
    pending: int
    pending_bytes: int
    closed: int
    last_upload: str | None


@many
class Change:
    """One line of the review: what the site has (``size``, ``mtime_us``) against what the journal has (``old``).

    ``pair`` is the id of the other half where a DELETED and an ADDED are shown as one RENAMED.  ``version`` is the version that
    the file's path names, None where the submission's applies.  ``excluded`` changes are held back, for ``reason``,
    by the user ``held_by`` since ``held_us`` (microseconds since 1970, 0 if unknown).
    ``md5`` is there, and took ``md5_seconds``, where the review had to hash.
    """

    id: int
    kind: ChangeKind
    modality: str
    path: str
    patient_id: str | None
    size: int | None
    mtime_us: int | None
    md5: str | None
    version: str | None
    old: Row | None
    pair: int | None = None
    note: str = ""
    excluded: bool = False
    reason: str = ""
    md5_seconds: float | None = None
    held_by: str = ""
    held_us: int = 0

    @property
    def gone(self) -> bool:
        """A problem with an entry of the journal whose file the scan did not take: a person may mark it as deleted."""
        return self.kind is ChangeKind.PROBLEM and self.old is not None and self.size is None

    @property
    def holdable(self) -> bool:
        """It can be held back: a submission carries it out, or asks a person about its entry."""
        return self.gone or self.kind not in (ChangeKind.PROBLEM, ChangeKind.UNMATCHED, ChangeKind.UNCHANGED)

    @property
    def bytes(self) -> int:
        """The size of the file: what the site has, else what the journal has, else 0."""
        if self.size is not None:
            return self.size
        return self.old.size if self.old else 0


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's word that exactly this diff may be carried out.

    ``diff_hash`` names the diff, the held-back changes included; ``version`` the submission; ``approved_by`` user@host;
    ``at_us`` the moment.  ``record_only``: nothing is uploaded.  ``pending`` names the pending files that
    are uploaded with it; "" for none.
    """

    diff_hash: str
    version: str
    approved_by: str
    at_us: int
    allow_deletions: bool = False
    record_only: bool = False
    pending: str = ""


@many
class Item:
    """A file to send.  ``key`` is the id of the change or the journal row that it comes from.

    ``store_path`` is "" where the file is not sent: it is only hashed, or it failed before its place was known.  ``md5`` is what the
    review or the journal has: None where it was not hashed yet, and no MD5 where the journal has something else.
    ``replaces``: what may be at that place in the store, None anything, "" nothing, otherwise only the blob of this ETag.
    """

    key: int
    modality: str
    path: str
    store_path: str
    size: int
    mtime_us: int
    md5: str | None = None
    replaces: str | None = None

    @classmethod
    def of_change(cls, change: Change, store_path: str) -> Item:
        """The file that a change is about, as the site has it."""
        return cls(change.id, change.modality, change.path, store_path, change.bytes, change.mtime_us or 0, change.md5)

    @classmethod
    def of_row(cls, row: Row, store_path: str) -> Item:
        """The file that a row of the journal is about, as it was recorded."""
        return cls(row.file_id, row.modality, row.path, store_path, row.size, row.mtime_us, row.md5)


@many
class Proof:
    """A file in the store: what was read, what the store answered, how it was confirmed.

    ``md5`` is of the bytes that were read, once, while they were sent.  ``reused_bytes`` were staged before and only checked.
    ``fetched``: the store's service read the bytes from the site's service, and compared them with the MD5.
    """

    item: Item
    md5: str
    etag: str
    level: Level
    sent_bytes: int = 0
    reused_bytes: int = 0
    md5_seconds: float = 0.0
    upload_seconds: float = 0.0
    verify_seconds: float = 0.0
    fetched: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that was not sent.  ``kind`` groups failures of one cause (the error's class name)."""

    item: Item
    kind: str
    cause: str
    remedy: str
    attempts: int = 1


class Grade(Enum):
    """How a fact, a finding or a message is to be taken; each has a colour, an icon and a word."""

    BAD = "bad"
    WARNING = "warning"
    INFO = "info"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a check of the set-up found: ``what``, ``why`` it matters, and the ``remedy``, as sentences.

    BAD: a submission cannot be made, or cannot be trusted.  WARNING: it can, but a person should look.  ``subject`` is a heading
    ("Journal").  ``examples`` are paths of the site: they may name patients.
    """

    grade: Grade
    subject: str
    what: str
    why: str = ""
    remedy: str = ""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """Files and bytes."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.files + other.files, self.bytes + other.bytes)

    def __sub__(self, other: Tally) -> Tally:
        return Tally(self.files - other.files, self.bytes - other.bytes)


@dataclass(frozen=True, slots=True)
class Transfers:
    """What a run moved: the one definition for receipts, window, JSON and charts.  Bytes are sizes of files.

    ``sent``: read from the site and uploaded by this run.  ``fetched``: read from the site's service by the store's service, so the bytes did
    not pass through this computer.  ``copied``: not sent, but copied inside the central store, because the
    same content was there under another name.  ``found``: neither, but found in the central store and confirmed there.  ``failed``:
    to be uploaded or recorded by this run, which did not succeed.  ``reused_bytes``: a part of the sent bytes that an interrupted
    upload had sent before.
    """

    sent: Tally = Tally()
    copied: Tally = Tally()
    found: Tally = Tally()
    failed: Tally = Tally()
    reused_bytes: int = 0
    fetched: Tally = Tally()

    @property
    def uploaded(self) -> Tally:
        """What is confirmed in the central store by this run: sent, fetched, copied and found."""
        return self.sent + self.fetched + self.copied + self.found

    @property
    def network_bytes(self) -> int:
        """Bytes that this run sent over the network for these files, attempts that failed not counted."""
        return self.sent.bytes - self.reused_bytes


def sums(parts: Iterable[tuple[str, Tally]]) -> dict[str, Tally]:
    """Parts (modality, how much) added up, by modality in the order in which they come first."""
    out: dict[str, Tally] = {}
    for modality, part in parts:
        out[modality] = out[modality] + part if modality in out else part
    return out


@dataclass(frozen=True, slots=True)
class DiffSummary:
    """What a review found: ``by_modality[modality][kind]``.  ``renamed`` counts pairs (their halves are counted too: ``halves[modality][kind]``).

    What is held back is in neither of them: ``excluded`` counts those changes, a renamed file once, and ``excluded_bytes`` adds up their sizes.
    ``left_out`` says what the configuration excludes, "" if nothing.  ``litter`` are files to upload that a system or a program probably left, and that are not held back.
    ``vanished`` counts entries of the journal that are no longer on the site, and that append mode ignores.
    ``newest_unmatched_us`` is the latest time (microseconds since 1970) of the files that match no pattern, None if no time is known;
    ``unmatched_unmeasured`` counts those whose size is not known, so that it is missing in the sum.
    """

    by_modality: dict[str, dict[ChangeKind, Tally]] = field(default_factory=dict[str, dict[ChangeKind, Tally]])
    renamed: int = 0
    excluded: int = 0
    notes: tuple[str, ...] = ()
    excluded_bytes: int = 0
    vanished: int = 0
    halves: dict[str, dict[ChangeKind, Tally]] = field(default_factory=dict[str, dict[ChangeKind, Tally]])
    litter: Tally = Tally()
    left_out: str = ""
    newest_unmatched_us: int | None = None
    unmatched_unmeasured: int = 0

    def once(self, kind: ChangeKind, modality: str | None = None) -> Tally:
        """In this modality (None: over all), without the halves of renames: each change counts once, as renamed or as its kind."""
        names = self.by_modality if modality is None else (modality,)
        return sum(
            (self.by_modality.get(name, {}).get(kind, Tally()) - self.halves.get(name, {}).get(kind, Tally()) for name in names), Tally()
        )

    def renamed_in(self, modality: str) -> int:
        """The renamed files of this modality."""
        return self.halves.get(modality, {}).get(ChangeKind.ADDED, Tally()).files

    def total(self, kind: ChangeKind) -> Tally:
        """Over all modalities."""
        out = Tally()
        for kinds in self.by_modality.values():
            out = out + kinds.get(kind, Tally())
        return out
