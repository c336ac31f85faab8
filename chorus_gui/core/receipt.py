"""What a run did, as a value and as JSON for programs.  :mod:`chorus_gui.app.receipts` makes the page of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, cast

from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.model import ChangeKind, Failure, Level, Tally, Transfers
from chorus_gui.core.untrusted import MalformedError, json_value, record

SCHEMA = "chorus-upload-receipt/1"


class ApprovingPolicy(NamedTuple):
    """The submission policy that approved in a person's place: its name, and the SHA-256 of its file in hex digits."""

    name: str
    sha256: str


class FileList(NamedTuple):
    """The list of the uploaded files, next to the receipt: how many it has, and the SHA-256 of its file in hex digits."""

    files: int
    sha256: str


class HeldBack(NamedTuple):
    """A change that a person left out of the submission, and why.  A renamed file is one, under its new name."""

    modality: str
    path: str
    reason: str


class Checked(NamedTuple):
    """A pass of the readiness check that came before: which one, by which version of the rules, when, and how many kinds of findings it had.

    ``off`` are the rules that the site switched off: id → reason.
    """

    deepest: str
    rules: str
    at_us: int
    modalities: tuple[str, ...] = ()
    leaks: int = 0
    rejected: int = 0
    questionable: int = 0
    notes: int = 0
    unchecked: int = 0
    off: Mapping[str, str] = {}


class AcceptedLeak(NamedTuple):
    """A finding of patient data in a file of this run, and why a person accepted it."""

    rule: str
    modality: str
    path: str
    reason: str
    by: str
    at_us: int


class ChangedPart(NamedTuple):
    """A part of what this run recorded, as people talk about it: ``text`` is “2 patients new (31 files)”, ``part`` its name in JSON.

    ``groups`` counts patients or folders, 0 where the part has none.
    """

    text: str
    part: str
    groups: int
    files: int
    bytes: int


class VerifyFault(NamedTuple):
    """A file that verification found wrong."""

    modality: str
    path: str
    cause: str


class Unread(NamedTuple):
    """A file or folder that the scan could not read, relative to the site's folder, and why."""

    modality: str
    path: str
    cause: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked, how well, and what was wrong."""

    level: Level
    checked: Tally
    faults: tuple[VerifyFault, ...] = ()
    differing_files: int = 0
    """how many differ, where ``faults`` names only the first of them"""
    unchecked: tuple[VerifyFault, ...] = ()
    """the first that could not be checked, and why"""
    unchecked_files: int = 0
    extra: tuple[str, ...] = ()
    """the first blobs that no row of the journal explains"""
    extra_files: int = 0
    partial: bool = False
    """it was about a part of the version's files only, or it was stopped"""

    @property
    def differing(self) -> int:
        """How many files are not as the journal says."""
        return max(self.differing_files, len(self.faults))


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one run did.

    ``kind`` is submission, record, upload, verify, repair, mark or undo.  ``by_modality`` counts the changes that are in the journal,
    ``uploaded`` the files that lie in the store since: their sum is what was sent, fetched, copied and found there
    (:class:`~chorus_gui.core.model.Transfers`).  ``sent_bytes`` went over the network, ``reused_bytes`` had been sent before.
    ``renamed`` counts pairs that ``by_modality`` counts as one added and one deleted file.  ``versions`` are those that the run
    changed or checked, ``modalities`` those that were chosen, ``complete`` the versions that became complete.  ``started_us`` and
    ``ended_us`` are microseconds since 1970, UTC; ``duration_s`` is measured, not their difference.  ``problems`` counts what the
    scan could not read (``unread`` names it), ``unmatched`` the files that belong to no modality; both None where nothing was
    scanned.  ``previous`` is the SHA-256 of the JSON of the receipt before, on the same computer; ``markers`` has the SHA-256 of the completion marker
    of each version in ``complete``.  ``notes`` are sentences.  ``policy`` approved the submission in a person's place, None: a person did.
    ``checked`` are the passes of the readiness check that are known of the site, ``accepted`` what a person accepted of their findings.
    ``wrong_files`` were found missing or different in the central store, without a verification.  ``changed`` says in words what the run
    recorded, empty where that is not known.  ``file_list``: the file next to the receipt that says which way each file of ``uploaded`` went;
    None if there are none, and for a receipt of an older version of the program.  ``store``
    is the central store with its account, or its folder as the computer reaches it; "" in a receipt of an older version.  No field holds a secret.
    """

    kind: str
    site: str
    central_url: str
    journal: str
    versions: tuple[str, ...]
    started_us: int
    ended_us: int
    user: str
    host: str
    app_version: str
    by_modality: Mapping[str, Mapping[ChangeKind, Tally]] = field(default_factory=dict[str, Mapping[ChangeKind, Tally]])
    uploaded: Mapping[str, Tally] = field(default_factory=dict[str, Tally])
    sent_files: int = 0
    sent_bytes: int = 0
    reused_bytes: int = 0
    proofs: Mapping[Level, int] = field(default_factory=dict[Level, int])
    failures: tuple[Failure, ...] = ()
    held_back: tuple[HeldBack, ...] = ()
    problems: int | None = None
    unmatched: int | None = None
    diff_hash: str = ""
    verification: Verification | None = None
    notes: tuple[str, ...] = ()
    outcome: OutcomeKind = OutcomeKind.DONE
    modalities: tuple[str, ...] = ()
    copied_files: int = 0
    copied_bytes: int = 0
    found_files: int = 0
    found_bytes: int = 0
    renamed: Mapping[str, Tally] = field(default_factory=dict[str, Tally])
    unread: tuple[Unread, ...] = ()
    complete: tuple[str, ...] = ()
    duration_s: float | None = None
    previous: str = ""
    markers: Mapping[str, str] = field(default_factory=dict[str, str])
    policy: ApprovingPolicy | None = None
    fetched_files: int = 0
    fetched_bytes: int = 0
    checked: tuple[Checked, ...] = ()
    accepted: tuple[AcceptedLeak, ...] = ()
    changed: tuple[ChangedPart, ...] = ()
    wrong_files: int = 0
    file_list: FileList | None = None
    store: str = ""

    @property
    def seconds(self) -> float:
        """How long the run took."""
        return self.duration_s if self.duration_s is not None else max(0.0, (self.ended_us - self.started_us) / 1e6)

    @property
    def transfers(self) -> Transfers:
        """What the run moved."""
        return Transfers(
            Tally(self.sent_files, self.sent_bytes + self.reused_bytes),
            Tally(self.copied_files, self.copied_bytes),
            Tally(self.found_files, self.found_bytes),
            Tally(len(self.failures), sum(failure.item.size for failure in self.failures)),
            self.reused_bytes,
            Tally(self.fetched_files, self.fetched_bytes),
        )

    @property
    def clean(self) -> bool:
        """It finished, nothing failed, and everything that was verified matches; nor was another file found missing or different."""
        return (
            self.outcome is OutcomeKind.DONE
            and not self.failures
            and not self.wrong_files
            and not (self.verification and (self.verification.differing or self.verification.unchecked_files))
        )


def to_json(receipt: Receipt) -> str:
    """The receipt for programs; the first key, ``schema``, changes when a key's meaning does."""
    out: dict[str, Any] = {"schema": SCHEMA, **asdict(receipt)}
    out["outcome"] = receipt.outcome.value
    out["by_modality"] = {m: {k.value: asdict(t) for k, t in kinds.items()} for m, kinds in receipt.by_modality.items()}
    out["proofs"] = {level.value: count for level, count in receipt.proofs.items()}
    out["held_back"] = [entry._asdict() for entry in receipt.held_back]
    out["unread"] = [entry._asdict() for entry in receipt.unread]
    out["checked"] = [entry._asdict() for entry in receipt.checked]
    out["changed"] = [entry._asdict() for entry in receipt.changed]
    out["accepted"] = [entry._asdict() for entry in receipt.accepted]
    out["policy"] = receipt.policy and receipt.policy._asdict()
    out["file_list"] = receipt.file_list and receipt.file_list._asdict()
    failed = receipt.transfers.failed
    out["failed_files"], out["failed_bytes"] = failed.files, failed.bytes
    if receipt.verification:
        check = receipt.verification
        out["verification"] |= {
            "level": check.level.value,
            "faults": [fault._asdict() for fault in check.faults],
            "unchecked": [fault._asdict() for fault in check.unchecked],
        }
    return json.dumps(out, indent=2, ensure_ascii=False) + "\n"


def from_json(text: str) -> Receipt:
    """Read what :func:`to_json` wrote.  Raises :class:`UsageError` for anything else."""
    try:
        data = json_value(text)
        if not isinstance(data, dict) or cast("dict[str, object]", data).get("schema") != SCHEMA:
            raise MalformedError("another format")
        return record(Receipt, cast("object", data))
    except MalformedError as error:
        raise UsageError(
            "This file is not a receipt of CHoRUS Upload, or it was made by a newer version.",
            remedy="Choose another file, or update CHoRUS Upload.",
        ) from error
