"""A person's approval of a review: its hash, its version, and the checks before anything is recorded."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import asdict
from datetime import datetime

from chorus_gui.core.errors import MassDeletionError, ReviewError, StaleReviewError, UsageError
from chorus_gui.core.folders import user_at_host
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Approval, VersionCount
from chorus_gui.core.review import pending
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import ACTIONABLE

MANY_DELETIONS = 100
"""Up to this number of deletions in a modality, no confirmation is needed, whatever their share."""
DELETED_SHARE = 0.2
"""The share of a modality's current entries above which more than ``MANY_DELETIONS`` need a confirmation (compat: 20 %)."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KINDS = ",".join(repr(kind.value) for kind in ACTIONABLE)


def new_version(now: datetime | None = None) -> str:
    """The version that a submission gets when nobody names one: the local date and time, ``YYYYMMDDHHMMSS``."""
    return (now or datetime.now().astimezone()).strftime("%Y%m%d%H%M%S")


def is_version(name: str) -> bool:
    """The name can be a version: a folder in the store."""
    return _NAME.fullmatch(name) is not None and ".." not in name


def choose_version(journal: Journal, version: str | None, *, amend: bool) -> str:
    """The version that is meant: the named one; with ``amend`` the last one; otherwise a new one.

    A named version that exists is amended.  Raises :class:`UsageError` for a name that cannot be a folder in the store, and for
    ``amend`` where there is nothing to amend.
    """
    if version is not None:
        if not is_version(version):
            raise UsageError(
                f"“{version}” is not a valid version name.",
                remedy="Use letters, digits, “.”, “-” and “_”, as in 20261231235959. It is the name of a folder in the central store.",
            )
        if amend and version not in journal.versions():
            raise UsageError(
                f"The journal has no version “{version}” to amend.",
                remedy="Use “journal list” to list the versions, or omit --amend to start this version.",
            )
        return version
    if amend:
        last = journal.last_version()
        if last is None:
            raise UsageError(
                "There is no version to amend, because the journal is empty.", remedy="Omit --amend to start the first version."
            )
        return last
    fresh = new_version()
    existing = set(journal.versions())
    while fresh in existing:  # two submissions within a second
        time.sleep(0.2)
        fresh = new_version()
    return fresh


def diff_hash(staging: Staging) -> str:
    """Identifies the diff: every actionable change with what it was made from, held-back ones marked.  SHA-256, hex."""
    digest = hashlib.sha256()
    last = 0
    while True:  # SQLite writes the text of a page: row by row in Python takes three times as long
        last, text = staging.db.execute(
            "SELECT max(id), group_concat(line, char(10)) FROM (SELECT id, "
            "json_array(kind, modality, path, size, mtime_us, md5, version, tail, old_id, excluded) AS line FROM change "
            f"WHERE id > ? AND +kind IN ({_KINDS}) ORDER BY id LIMIT 1000)",
            (last,),
        ).fetchone()
        if last is None:
            return digest.hexdigest()
        digest.update(f"{text}\n".encode("utf-8", "surrogatepass"))


def deletions(staging: Staging, counts: list[VersionCount]) -> dict[str, tuple[int, int]]:
    """Modality → (entries to be marked as deleted, current entries), if there are so many that a person must confirm it."""
    found = all_deletions(staging, counts)
    return {m: (deleted, total) for m, (deleted, total) in found.items() if deleted > MANY_DELETIONS and deleted > DELETED_SHARE * total}


def all_deletions(staging: Staging, counts: list[VersionCount]) -> dict[str, tuple[int, int]]:
    """Modality → (entries to be marked as deleted, current entries), without the halves of renames; for each modality that has either.

    A file that became one of another patient counts: by chance, two patients can have files that look alike.
    """
    active: dict[str, int] = {}
    for count in counts:
        active[count.modality] = active.get(count.modality, 0) + count.active
    rows = staging.db.execute(
        "SELECT modality, count(*) FROM change c WHERE kind = 'deleted' AND NOT excluded AND (pair IS NULL OR ltrim(coalesce(patient_id, "
        "old_patient_id, ''), '0') <> (SELECT ltrim(coalesce(a.patient_id, ''), '0') FROM change a WHERE a.id = c.pair)) GROUP BY modality"
    )
    deleted = {str(modality): int(count) for modality, count in rows}
    return {modality: (deleted.get(modality, 0), active.get(modality, 0)) for modality in {**active, **deleted}}


def approve(staging: Staging, journal: Journal, version: str, *, allow_deletions: bool = False, record_only: bool = False) -> Approval:
    """Approve what is staged for ``version``, with the pending files that :func:`~chorus_gui.core.review.pending.choose` chose.  What was approved is what runs.

    Raises :class:`MassDeletionError` unless ``allow_deletions``; :class:`StaleReviewError` if the journal is not the one that was
    compared.
    """
    check_fresh(staging, journal)
    many = deletions(staging, journal.counts())
    if many and not allow_deletions:
        many_files = " and ".join(f"{deleted:,} of {total:,} {modality} files" for modality, (deleted, total) in many.items())
        raise MassDeletionError(
            f"This would mark {many_files} as deleted.",
            many,
            meaning="Usually this means that a folder is missing, not that files were deleted.",
            remedy="If the files really were deleted, confirm (on the command line, add --allow-deletions). Otherwise check the site's folder, "
            "and scan again.",
        )
    if record_only:
        pending.choose(staging, include=False)
    who, now = user_at_host(), time.time_ns() // 1000
    approval = Approval(diff_hash(staging), version, who, now, allow_deletions, record_only, pending.digest(staging))
    staging.put("approval", asdict(approval))
    return approval


def check_approval(staging: Staging, journal: Journal, approval: Approval) -> None:
    """Raise :class:`StaleReviewError` unless this diff, against this journal, is what was approved."""
    check_fresh(staging, journal)
    if (diff_hash(staging), pending.digest(staging)) != (approval.diff_hash, approval.pending):
        raise StaleReviewError("The review was changed after it was approved.", remedy="Check the review, and approve it again.")


def check_fresh(staging: Staging, journal: Journal) -> None:
    """Raise :class:`StaleReviewError` if the journal has changed since the scan, or is another one."""
    if staging.get("journal") != str(journal.path):
        raise ReviewError("This review was made for another journal.", remedy="Scan the site again.")
    if staging.get("fingerprint") != journal.fingerprint():
        raise StaleReviewError(
            "The journal has changed since the site was scanned.",
            meaning="The review no longer shows what would happen.",
            remedy="Scan the site again.",
        )
