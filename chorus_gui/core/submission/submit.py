"""Carry out an approved review: record it, or record and upload it in one go.

Order: what needs no bytes (MOVED, RESTORED, DELETED) goes into the journal first, in one transaction; then each new or
updated file is sent and entered when it is proved (or, recording only, hashed and entered as pending).  At every moment each
row of the journal is true; a kill loses at most the files in flight and the last batch of proofs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace

from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import (
    JournalError,
    ReviewError,
    SourceChangedError,
    SourceError,
    SourceVanishedError,
    StaleReviewError,
    StoreError,
)
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Action, Approval, Change, ChangeKind, Entry, Failure, Item, Level, Proof, Row
from chorus_gui.core.review.approval import check_approval
from chorus_gui.core.review.changes import Query, stream
from chorus_gui.core.review.diff import TAIL, scanned_as
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.scan.digest import digest_many
from chorus_gui.core.storage.base import Source, Store
from chorus_gui.core.submission.commit import Batch, upload_time
from chorus_gui.core.submission.deliver import deliver
from chorus_gui.core.submission.log import RunLog
from chorus_gui.core.submission.review_site import present, sources_of

_TO_DO = Query(excluded=False, done=False, order="id")
_SENDING = "kind IN ('added', 'updated') AND NOT excluded AND NOT done"


@dataclass(frozen=True, slots=True)
class Submission:
    """What a submission works on."""

    config: Config
    journal: Journal
    staging: Staging
    approval: Approval
    ctx: JobContext
    log: RunLog

    def version_of(self, change: Change) -> str:
        """The version that a change belongs to: the one its path names, else the submission's."""
        return change.version or self.approval.version

    def changes(self, *kinds: ChangeKind) -> Iterator[Change]:
        """What is approved and not done yet."""
        return stream(self.staging, replace(_TO_DO, kinds=kinds))

    def expected(self) -> dict[str, tuple[int | None, int | None]]:
        """Files and bytes to send, by modality."""
        rows = self.staging.db.execute(f"SELECT modality, count(*), sum(size) FROM change WHERE {_SENDING} GROUP BY modality")
        return {modality: (files, size) for modality, files, size in rows}

    def done(self, changes: list[Change]) -> None:
        """These stand in the journal."""
        self.staging.mark_done(change.id for change in changes)
        self.log.recorded.update(self.version_of(c) for c in changes if c.kind in (ChangeKind.ADDED, ChangeKind.UPDATED))
        self.log.enter((change.modality, change.kind, _size(change)) for change in changes)

    def fail(self, change: Change, error: SourceError) -> None:
        """This one cannot be carried out."""
        item = Item(change.id, change.modality, change.path, "", _size(change), change.mtime_us or 0, change.md5)
        self.log.failures.append(Failure(item, type(error).__name__, error.what, error.remedy))
        self.ctx.progress.add(change.modality, failed=1)


def record(work: Submission, store: Store | None = None) -> None:
    """Enter the approved changes; new content is hashed and stands as pending.  ``store`` is asked for RESTORED files.

    Raises :class:`StaleReviewError`, :class:`JournalError`, ``Cancelled``; what was committed stays.  :class:`ReviewError` if two
    files would lie at one place of an amended version: then nothing is entered.  Files that no longer match
    the review are in ``work.log.failures``.
    """
    sources = _begin(work)
    _check_places(work)
    try:
        _without_bytes(work, sources, store)
        _enter_pending(work, sources, work.changes(ChangeKind.ADDED, ChangeKind.UPDATED))
    finally:
        _remember(work)


def submit(work: Submission, store: Store) -> None:
    """Enter the approved changes; each new or updated file is sent, proved and entered as uploaded.

    Errors as :func:`record`, and :class:`StoreError` for what stops the whole job.
    """
    sources = _begin(work)
    _check_places(work)
    try:
        _without_bytes(work, sources, store)
        # A file that is replaced inside its own version overwrites a blob that an open row vouches for: close that row first.
        replaced = (c for c in work.changes(ChangeKind.UPDATED) if c.old and c.old.uploaded and c.old.version == work.version_of(c))
        _enter_pending(work, sources, replaced)
        work.ctx.progress.begin("upload", work.expected())
        _copy_renamed(work, sources, store)
        _send(work, sources, store)
    finally:
        _remember(work)


def _begin(work: Submission) -> Mapping[str, Source]:
    check_approval(work.staging, work.journal, work.approval)
    if work.staging.get("config") != scanned_as(work.config):
        raise StaleReviewError(
            "The configuration is not the one with which the site was scanned.",
            meaning="Other files might be sent, or to another place, than were approved.",
            remedy="Scan the site again.",
        )
    work.journal.remove_never_uploaded_closed()
    work.log.version = work.approval.version
    return sources_of(work.config, work.config.modalities)


def _remember(work: Submission) -> None:
    """What failed may be tried again on the same review: it now stands against the journal that we, and nobody else, have just written.

    Where that cannot be noted, the review is out of date, and no error on the way here is hidden.
    """
    with suppress(JournalError, sqlite3.Error):
        if work.journal.only_writer():
            work.staging.put("fingerprint", work.journal.fingerprint())


def _check_places(work: Submission) -> None:
    """An amended version holds files already: none of its open rows may lose its place to another file."""
    config, db = work.config, work.staging.db
    versions = {work.approval.version, *(v for (v,) in db.execute("SELECT DISTINCT version FROM change WHERE version IS NOT NULL"))}
    amended = versions & set(work.journal.versions())
    if amended:
        db.execute(f"CREATE INDEX IF NOT EXISTS change_tail ON change ({TAIL}, version)")
    for version in amended:
        for row in work.journal.rows(version=version, active=True):
            path = config.store_paths(row.modality, row.path, version)[0]
            other = db.execute(
                f"SELECT path FROM change WHERE {TAIL} = ? AND coalesce(version, ?) = ? AND (modality, path) != (?, ?) AND {_SENDING}",
                (path[len(version) + 1 :], work.approval.version, version, row.modality, row.path),
            ).fetchone()
            if other:
                raise ReviewError(
                    f"“{other[0]}” and “{row.path}” would lie at one place in the central store ({path}).",
                    remedy="Rename one of them on the site, hold the new one back, or submit it as a version of its own.",
                )


def _without_bytes(work: Submission, sources: Mapping[str, Source], store: Store | None) -> None:
    """MOVED, RESTORED, DELETED and stray rows, in one transaction.  Each is looked at once more: the site may have gone on."""
    strays = [row for key in work.staging.get("strays", []) if (row := work.journal.row(key)) and row.active]
    entries = [Entry(Action.CLOSE, old_id=row.file_id, state="OUTDATED") for row in strays]
    done: list[Change] = []
    restored: list[Row] = [change.old for change in work.changes(ChangeKind.RESTORED) if change.old]
    there = present(restored, work.config, store, work.ctx) if store is not None and restored else set[int]()
    for change in work.changes(ChangeKind.MOVED, ChangeKind.RESTORED, ChangeKind.DELETED):
        work.ctx.checkpoint()
        old = change.old
        if old is None:
            continue
        try:
            if change.kind is ChangeKind.DELETED:
                _still_gone(sources[change.modality], change)
                entries.append(Entry(Action.CLOSE, old_id=old.file_id, state="DELETED"))
            else:
                _still_same(sources[change.modality], change)
                if change.kind is ChangeKind.RESTORED and old.file_id not in there:
                    raise SourceChangedError(
                        "Its copy is no longer in the central store.",
                        remedy="Scan again with the store in reach; the file is then sent anew.",
                    )
                entries.append(
                    Entry(Action.REPEAT, old_id=old.file_id, mtime_us=change.mtime_us or 0, state="MOVED", md5_seconds=change.md5_seconds)
                )
        except SourceError as error:
            work.fail(change, error)
            continue
        done.append(change)
    if entries:
        work.journal.commit(entries)
        work.staging.put("strays", [])
        work.done(done)


def _still_gone(source: Source, change: Change) -> None:
    try:
        source.stat(change.path)
    except SourceVanishedError:
        return
    raise SourceChangedError("The file is there again.", remedy="Scan again; it is not taken for deleted.")


def _still_same(source: Source, change: Change) -> None:
    now = source.stat(change.path)
    if (now.size, now.mtime_us) != (change.size, change.mtime_us):
        raise _changed()


def _changed() -> SourceChangedError:
    return SourceChangedError("The file has changed since the scan.", remedy="Scan again; the file is then compared anew.")


def _size(change: Change) -> int:
    if change.size is not None:
        return change.size
    return change.old.size if change.old else 0


def _entry(work: Submission, change: Change, md5: str, md5_seconds: float, proof: Proof | None = None) -> Entry:
    """The new row of an ADDED or UPDATED file: uploaded with a proof, pending without."""
    return Entry(
        Action.ENTER,
        modality=change.modality,
        path=change.path,
        patient_id=change.patient_id,
        size=_size(change),
        mtime_us=change.mtime_us or 0,
        md5=md5,
        version=work.version_of(change),
        uploaded=upload_time() if proof else None,
        old_id=change.old.file_id if change.old else None,
        state="UPDATED" if change.old else "ADDED",
        md5_seconds=md5_seconds,
        upload_seconds=proof.upload_seconds if proof else None,
        verify_seconds=proof.verify_seconds if proof else None,
    )


def _enter_pending(work: Submission, sources: Mapping[str, Source], changes: Iterator[Change]) -> None:
    """Hash and enter as pending."""
    waiting: dict[int, Change] = {}
    work.ctx.progress.begin("record", work.expected())

    def files() -> Iterator[tuple[int, Source, str, int, int]]:
        for change in changes:
            waiting[change.id] = change
            yield change.id, sources[change.modality], change.path, _size(change), change.mtime_us or 0

    with (
        Batch[Change](work.journal, work.config.page_size, work.done) as batch,
        closing(digest_many(files(), work.ctx, work.config.threads)) as results,
    ):
        for key, result, seconds in results:
            change = waiting.pop(key)
            if isinstance(result, SourceError):
                work.fail(change, result)
            elif change.md5 not in (None, result):
                work.fail(change, _changed())
            else:
                work.ctx.progress.add(change.modality, files=1, size=_size(change))
                batch.add(_entry(work, change, result, seconds), change)


def _copy_renamed(work: Submission, sources: Mapping[str, Source], store: Store) -> None:
    """The new half of a rename whose content is the old half's is copied inside the store instead of sent.

    The old blob was proved when its row was marked as uploaded.  Whatever stands in the way, the file is simply sent.
    """
    pairs = work.staging.db.execute(
        "SELECT a.id, d.old_md5, d.modality, d.path, d.old_version FROM change a JOIN change d ON d.id = a.pair "
        "WHERE a.kind = 'added' AND NOT a.excluded AND NOT a.done AND d.kind = 'deleted' AND d.old_uploaded IS NOT NULL"
    ).fetchall()
    was = {key: (md5, work.config.store_paths(modality, path, version)) for key, md5, modality, path, version in pairs}
    changes = {change.id: change for change in work.changes(ChangeKind.ADDED) if change.id in was} if was else {}
    files = ((key, sources[c.modality], c.path, _size(c), c.mtime_us or 0) for key, c in changes.items())
    proofs: dict[int, Proof] = {}

    def done(copied: list[Change]) -> None:
        work.done(copied)
        for change in copied:
            work.log.prove(proofs.pop(change.id), work.version_of(change))
            work.ctx.progress.add(change.modality, files=1, size=_size(change))

    with (
        Batch[Change](work.journal, work.config.page_size, done) as batch,
        closing(digest_many(files, work.ctx, work.config.threads)) as results,
    ):
        for key, result, seconds in results:
            change, (md5, paths) = changes[key], was[key]
            if result != md5:
                continue
            proof = _copy(work, store, change, paths, md5)
            if proof is not None:
                proofs[key] = proof
                batch.add(_entry(work, change, md5, seconds, proof), change)


def _copy(work: Submission, store: Store, change: Change, paths: tuple[str, ...], md5: str) -> Proof | None:
    target = work.config.store_path(change.modality, change.path, work.version_of(change))
    size = _size(change)
    try:
        for path in paths:
            found = store.head(path)
            if found is not None and found.size == size and found.md5 in (None, md5):
                copied = store.copy(path, target)
                if copied.size == size and copied.md5 in (None, md5):
                    return Proof(
                        Item(change.id, change.modality, change.path, target, size, change.mtime_us or 0, md5),
                        md5,
                        copied.etag,
                        Level.PROPERTIES,
                    )
    except StoreError as error:
        if error.fatal:
            raise
    return None


def _send(work: Submission, sources: Mapping[str, Source], store: Store) -> None:
    """Send what is new, enter what is proved."""
    waiting: dict[int, Change] = {}

    def items() -> Iterator[Item]:
        for change in work.changes(ChangeKind.ADDED, ChangeKind.UPDATED):
            waiting[change.id] = change
            path = work.config.store_path(change.modality, change.path, work.version_of(change))
            yield Item(change.id, change.modality, change.path, path, _size(change), change.mtime_us or 0, change.md5)

    def entry_of(proof: Proof) -> Entry:
        return _entry(work, waiting[proof.item.key], proof.md5, proof.md5_seconds, proof)

    def done(proofs: list[Proof]) -> None:
        changes = [waiting.pop(proof.item.key) for proof in proofs]
        work.done(changes)
        for change, proof in zip(changes, proofs, strict=True):
            work.log.prove(proof, work.version_of(change))

    deliver(items(), entry_of, done, config=work.config, journal=work.journal, sources=sources, store=store, ctx=work.ctx, log=work.log)
