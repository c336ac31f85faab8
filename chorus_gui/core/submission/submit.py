"""Carry out an approved review: record it, or record and upload it in one go.

Order: what needs no bytes (MOVED, RESTORED, DELETED) goes into the journal first, in one transaction; then each new or
updated file is sent and entered when it is proved (or, recording only, hashed and entered as pending).  At every moment each
row of the journal is true; a kill loses at most the files in flight and the last batch of proofs.

A row that says “uploaded” needs evidence: the proof of this transfer, or a look at the store that found the row's size and MD5.
So MOVED and RESTORED rows are looked up before they are repeated, and a MOVED file whose copy is missing or different is sent again
as UPDATED.  Where the store could not be asked, the row of a MOVED file stays as it is, and the next submission asks again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, replace
from itertools import groupby
from operator import attrgetter

from chorus_gui.core.config.model import PlaceKind
from chorus_gui.core.errors import (
    ChorusError,
    ContentChangedError,
    JournalError,
    ReviewError,
    SourceChangedError,
    SourceError,
    SourceVanishedError,
    StaleReviewError,
    StoreError,
    StoreUnavailableError,
)
from chorus_gui.core.model import Action, Change, ChangeKind, Entry, Item, Proof
from chorus_gui.core.readiness.findings import FileState
from chorus_gui.core.review import pending
from chorus_gui.core.review.amended import SENDING, refuse_taken
from chorus_gui.core.review.approval import check_approval, diff_hash
from chorus_gui.core.review.diff import scanned_as
from chorus_gui.core.review.tails import TAIL
from chorus_gui.core.storage.base import Source, Store
from chorus_gui.core.storage.lane import LANE_BYTES
from chorus_gui.core.storage.names import outside
from chorus_gui.core.submission import leak_gate
from chorus_gui.core.submission.approved import Approved
from chorus_gui.core.submission.commit import Batch, upload_time
from chorus_gui.core.submission.deliver import deliver
from chorus_gui.core.submission.guard import GuardedStore, guarded
from chorus_gui.core.submission.hashing import digested, digested_lists
from chorus_gui.core.submission.meanwhile import hold_back_meanwhile
from chorus_gui.core.submission.review_site import looked_up
from chorus_gui.core.submission.work import Work
from chorus_gui.core.transfer.checks import failure_of
from chorus_gui.core.transfer.copy import copy_proved
from chorus_gui.core.transfer.verify import DIFFERENT, VerifyResult


def record(work: Work, approved: Approved, store: Store | None = None) -> None:
    """Record the approved changes; new content is hashed and pending.  ``store`` is asked for MOVED and RESTORED files, and must be
    there to amend a version that has files in it: such a version is not complete any longer.

    Raises :class:`StaleReviewError`, :class:`JournalError`, ``Cancelled``; what was committed stays.  Files that no longer match the
    review, and files that an amended version has no place for, are in ``work.log.failures``.
    """
    store = None if store is None else guarded(store)
    _begin(work, approved)
    _reopen(work, approved, store)
    try:
        try:
            found = _looked_up(work, approved, store)
        except StoreError as error:  # recording needs no store
            work.log.notes.append(f"The central store could not be asked what it holds. {error.what}")
            found = {}
        again = _without_bytes(work, approved, found)
        _enter_pending(work, approved, _new_content(work, approved, again), again)
    finally:
        remember(work, approved)


def submit(work: Work, approved: Approved, store: Store) -> None:
    """Enter the approved changes; each new or updated file is sent, proved and entered as uploaded.

    Errors as :func:`record`, :class:`LeakError` before anything is done, and :class:`StoreError` for what stops the whole job.
    """
    store = guarded(store)
    _begin(work, approved, sends=True)
    _reopen(work, approved, store)
    try:
        found = _looked_up(work, approved, store)
        leak_gate.refuse(work, _moved_and_missing(work, approved, found))
        again = _without_bytes(work, approved, found)
        # A file that is replaced inside its own version overwrites a blob that an open row vouches for: close that row first.
        replaced = (
            change
            for change in _to_do(work, approved, ChangeKind.UPDATED)
            if change.old and change.old.uploaded and change.old.version == approved.version_of(change)
        )
        _enter_pending(work, approved, replaced, sends=True)
        work.ctx.progress.begin("upload", approved.to_send(again))
        _copy_renamed(work, approved, store)
        _send(work, approved, store, again)
    finally:
        remember(work, approved)


def _begin(work: Work, approved: Approved, *, sends: bool = False) -> None:
    check_approval(approved.staging, work.journal, approved.approval)
    if approved.staging.get("config") != scanned_as(work.config):
        raise StaleReviewError(
            "The configuration was changed after the site was scanned.",
            meaning="Other files than the approved ones could be uploaded, or to another place.",
            remedy="Scan the site again.",
        )
    if work.held:
        hold_back_meanwhile(work, approved.staging, approved.approval)
    if sends:
        leak_gate.refuse(work, leak_gate.of_review(work, approved.staging))
    work.journal.remove_never_uploaded_closed()
    work.log.version = approved.approval.version
    _refuse_taken(work, approved)


def _refuse_taken(work: Work, approved: Approved) -> None:
    """Files that cannot go into an amended version are failures before anything is sent.  The rest is carried out."""
    approval = approved.approval
    refused = refuse_taken(work.config, work.journal, approved.staging, approval.version)
    for change in refused:
        _failed(work, change, ReviewError(change.note))
    if refused:
        approved.staging.put("approval", asdict(replace(approval, diff_hash=diff_hash(approved.staging))))


def _reopen(work: Work, approved: Approved, store: GuardedStore | None) -> None:
    """Versions that have files in the store, and get more: their completion markers are removed before the journal changes."""
    db, version = approved.staging.db, approved.approval.version
    sending = "kind IN ('added', 'updated', 'moved') AND NOT excluded AND NOT done"  # a moved file may have to be uploaded again
    changing = {v for (v,) in db.execute(f"SELECT DISTINCT coalesce(version, ?) FROM change WHERE {sending}", (version,))}
    changing |= {v for (v,) in db.execute("SELECT DISTINCT old_version FROM change WHERE kind = 'restored' AND NOT excluded AND NOT done")}
    there = {count.version for count in work.journal.counts() if count.last_upload}
    for changed in sorted(changing & there):
        if store is None:
            raise StoreUnavailableError(
                f"Version {changed} has files in the central store, which cannot be reached now.",
                meaning="Nothing was recorded: the central team would not see that the version changes.",
                remedy="Try again while the central store can be reached, or record the changes as a new version.",
            )
        store.open(changed)


def _to_do(work: Work, approved: Approved, *kinds: ChangeKind, modality: str = "") -> Iterator[Change]:
    """What is approved, not done yet, and not held back at this moment."""
    for change in approved.changes(*kinds, modality=modality):
        if not work.is_held(change.modality, change.path, change.patient_id or (change.old and change.old.patient_id)):
            yield change


def _done(work: Work, approved: Approved, changes: list[Change]) -> None:
    """These changes are in the journal."""
    work.log.recorded.update({approved.version_of(c) for c in changes if c.kind is ChangeKind.ADDED or c.kind is ChangeKind.UPDATED})
    work.log.enter([(change.modality, change.kind, change.bytes) for change in changes])
    work.log.rename([change for change in changes if change.pair is not None])
    approved.staging.mark_done([change.id for change in changes])


def _failed(work: Work, change: Change, error: ChorusError) -> None:
    """This change cannot be recorded."""
    work.log.fail(failure_of(Item.of_change(change, ""), error))
    work.ctx.progress.add(change.modality, failed=1)


def remember(work: Work, approved: Approved) -> None:
    """Keep the review valid, so that failed changes can be tried again: only this run has changed the journal since.

    If that cannot be saved, the review is out of date; an earlier error is not hidden.
    """
    with suppress(JournalError, sqlite3.Error):
        if work.journal.only_writer() and not work.log.unmarked:
            approved.staging.put("fingerprint", work.journal.fingerprint())


def _looked_up(work: Work, approved: Approved, store: Store | None) -> dict[int, VerifyResult]:
    """What the store has for the uploaded entries of MOVED and RESTORED changes.  Nothing is known without a store."""
    if store is None:
        return {}
    changes = approved.changes(ChangeKind.MOVED, ChangeKind.RESTORED)
    return looked_up(work, store, [change.old for change in changes if change.old and change.old.uploaded])


def _moved_and_missing(work: Work, approved: Approved, found: Mapping[int, VerifyResult]) -> Iterator[FileState]:
    """MOVED files of which the store has no copy, or another one: they are sent again."""
    for change in _to_do(work, approved, ChangeKind.MOVED):
        if change.old is not None and found.get(change.old.file_id) in DIFFERENT:
            yield FileState(change.modality, change.path, change.size or 0, change.mtime_us or 0)


def _without_bytes(work: Work, approved: Approved, found: Mapping[int, VerifyResult]) -> set[int]:
    """MOVED, RESTORED, DELETED and stray rows, in one transaction.  Each is checked once more: the site may have changed.

    ``found`` is what the store has of the rows.  Returns the ids of MOVED changes whose file must be sent again.
    """
    strays = [row for key in approved.staging.get("strays", []) if (row := work.journal.row(key)) and row.active]
    entries = [Entry(Action.CLOSE, old_id=row.file_id, state="OUTDATED") for row in strays]
    done: list[Change] = []
    again: dict[int, Change] = {}
    unasked = 0
    for change in _to_do(work, approved, ChangeKind.MOVED, ChangeKind.RESTORED, ChangeKind.DELETED):
        work.ctx.checkpoint()
        old = change.old
        if old is None:
            continue
        try:
            if change.kind is ChangeKind.DELETED:
                _still_gone(work, change)
                entries.append(Entry(Action.CLOSE, old_id=old.file_id, state="DELETED"))
            else:
                _still_same(work.sources[change.modality], change)
                result = found.get(old.file_id) if old.uploaded else VerifyResult.OK  # a pending row says nothing of the store
                if change.kind is ChangeKind.MOVED and result in DIFFERENT:
                    again[change.id] = change
                    continue
                if change.kind is ChangeKind.MOVED and result is None:
                    unasked += 1
                    continue
                _check_found(result)
                entries.append(
                    Entry(Action.REPEAT, old_id=old.file_id, mtime_us=change.mtime_us or 0, state="MOVED", md5_seconds=change.md5_seconds)
                )
        except (SourceError, StoreUnavailableError) as error:
            _failed(work, change, error)
            continue
        done.append(change)
    if entries:
        work.journal.commit(entries)
        approved.staging.put("strays", [])
        _done(work, approved, done)
    if unasked:
        work.log.notes.append(_not_asked(unasked))
    if again:
        work.log.notes.append(_sent_again(len(again)))
    return _with_places(work, approved, again.values())


def _check_found(result: VerifyResult | None) -> None:
    """Raise unless the store holds what the row says."""
    if result is VerifyResult.OK:
        return
    if result in DIFFERENT:
        raise SourceChangedError(
            "Its copy is no longer in the central store.",
            remedy="Scan again while the central store can be reached. The file is then uploaded again.",
        )
    raise StoreUnavailableError(
        "Its copy in the central store could not be checked.",
        meaning="Its entry in the journal was not changed.",
        remedy="Submit again when the central store can be reached.",
    )


def _not_asked(count: int) -> str:
    files = "1 file has another time and the same content." if count == 1 else f"{count:,} files have another time and the same content."
    return (
        f"{files} Their copies in the central store were not checked, so the journal keeps the old time. "
        "The next submission that reaches the store checks them."
    )


def _sent_again(count: int) -> str:
    if count == 1:
        return "1 file with another time is missing or different in the central store. It is uploaded again, and counts as updated."
    return (
        f"{count:,} files with another time are missing or different in the central store. They are uploaded again, and count as updated."
    )


def _with_places(work: Work, approved: Approved, again: Collection[Change]) -> set[int]:
    """The ids of these MOVED files, which are sent again, but for those whose place another file of this submission, or another open row,
    has: they are failures."""
    wanted: dict[str, list[Change]] = {}
    for change in again:
        wanted.setdefault(work.config.store_path(change.modality, change.path, approved.version_of(change)), []).append(change)
    others: dict[str, str] = {}
    sending = f"SELECT coalesce(version, ?) || '/' || {TAIL}, path FROM change WHERE {SENDING} ORDER BY id"
    for place, path in approved.staging.db.execute(sending, (approved.approval.version,)) if wanted else ():
        if place in wanted:
            others.setdefault(place, path)
    for version in sorted({approved.version_of(change) for change in again}):
        for row in work.journal.rows(version=version, active=True):
            place = work.config.store_paths(row.modality, row.path, version)[0]
            if place in wanted and (row.modality, row.path) not in {(change.modality, change.path) for change in wanted[place]}:
                others.setdefault(place, row.path)
    free: set[int] = set()
    for place, changes in wanted.items():
        for change in changes:
            other = others.get(place) or next((one.path for one in changes if one.id != change.id), "")
            if other:
                _failed(work, change, _same_place(other, change.path, place))
            else:
                free.add(change.id)
    return free


def _same_place(other: str, path: str, place: str) -> ReviewError:
    return ReviewError(
        f"“{other}” and “{path}” would have the same place in the central store, “{place}”.",
        remedy="Rename one of them on the site, and submit again.",
    )


def _new_content(work: Work, approved: Approved, again: Collection[int]) -> Iterator[Change]:
    """ADDED and UPDATED, and the MOVED changes ``again``, which count as UPDATED; one modality after the other."""
    for modality in work.config.in_order(work.config.modalities):
        yield from _to_do(work, approved, ChangeKind.ADDED, ChangeKind.UPDATED, modality=modality)
        for change in _to_do(work, approved, ChangeKind.MOVED, modality=modality) if again else ():
            if change.id in again:
                yield replace(change, kind=ChangeKind.UPDATED)


def _still_gone(work: Work, change: Change) -> None:
    on_windows = os.name == "nt" and work.config.sites[change.modality].place.kind is PlaceKind.FOLDER
    if outside(change.path, windows=on_windows):  # somebody wrote it into the journal; the site cannot have it
        return
    try:
        work.sources[change.modality].stat(change.path)
    except SourceVanishedError:
        return
    raise SourceChangedError("The file is on the site again.", remedy="Scan again. The file is then not marked as deleted.")


def _still_same(source: Source, change: Change) -> None:
    now = source.stat(change.path)
    if (now.size, now.mtime_us) != (change.size, change.mtime_us):
        raise _changed()


def _changed() -> SourceChangedError:
    return SourceChangedError("The file has changed since the scan.", remedy="Scan again. The file is then compared again.")


def _content_changed() -> ContentChangedError:
    return ContentChangedError("The content of the file has changed since the scan.", remedy="Scan again. The file is then read again.")


def _entry(approved: Approved, change: Change, md5: str, md5_seconds: float, proof: Proof | None = None) -> Entry:
    """The new row of an ADDED or UPDATED file: uploaded with a proof, otherwise pending."""
    return Entry(  # by position: names cost as much as the rest, a million times
        Action.ENTER,
        change.modality,
        change.path,
        change.patient_id,
        change.bytes,
        change.mtime_us or 0,
        md5,
        approved.version_of(change),
        upload_time() if proof else None,
        change.old.file_id if change.old else None,
        "UPDATED" if change.old else "ADDED",
        md5_seconds,
        proof.upload_seconds if proof else None,
        proof.verify_seconds if proof else None,
    )


def _enter_pending(work: Work, approved: Approved, changes: Iterable[Change], again: Collection[int] = (), *, sends: bool = False) -> None:
    """Hash and enter as pending.  ``sends``: this submission sends them afterwards."""
    work.ctx.progress.begin("record", approved.to_send(again))

    def done(entered: list[Change]) -> None:
        if sends:
            pending.enter(approved.staging, ((change, approved.version_of(change)) for change in entered))
        _done(work, approved, entered)

    with (
        Batch[Change](work.journal, work.config.page_size, done) as batch,
        closing(digested_lists(work, changes)) as lists,
    ):
        for results in lists:
            entered: list[tuple[Entry, Change]] = []
            for change, result, seconds in results:
                if isinstance(result, SourceError):
                    _failed(work, change, result)
                elif change.md5 is not None and change.md5 != result:
                    _failed(work, change, _content_changed())
                else:
                    entered.append((_entry(approved, change, result, seconds), change))
            for modality, some in groupby((change for _, change in entered), attrgetter("modality")):
                sizes = [change.bytes for change in some]
                work.ctx.progress.add(modality, len(sizes), sum(sizes))
            batch.add_all(entered)


def _copy_renamed(work: Work, approved: Approved, store: Store) -> None:
    """The new half of a rename whose content is the old half's is copied inside the store instead of sent.

    The old blob and its copy both have to show the row's size and MD5.  Whatever prevents it, the file is simply sent.
    """
    pairs = approved.staging.db.execute(
        "SELECT a.id, d.old_md5, d.modality, d.path, d.old_version FROM change a JOIN change d ON d.id = a.pair "
        "WHERE a.kind = 'added' AND NOT a.excluded AND NOT a.done AND d.kind = 'deleted' AND d.old_uploaded IS NOT NULL"
    ).fetchall()
    if not pairs:
        return
    was = {key: (md5, work.config.store_paths(modality, path, version)) for key, md5, modality, path, version in pairs}
    renamed = [change for change in _to_do(work, approved, ChangeKind.ADDED) if change.id in was]

    def done(copied: list[tuple[Change, Proof]]) -> None:
        _done(work, approved, [change for change, _ in copied])
        for change, proof in copied:
            work.log.prove(proof, approved.version_of(change), copied=True)
            work.ctx.progress.add(change.modality, files=1, size=change.bytes)

    with (
        Batch[tuple[Change, Proof]](work.journal, work.config.page_size, done) as batch,
        closing(digested(work, renamed)) as results,
    ):
        for change, result, seconds in results:
            md5, paths = was[change.id]
            if result != md5:
                continue
            target = work.config.store_path(change.modality, change.path, approved.version_of(change))
            proof = copy_proved(store, paths, replace(Item.of_change(change, target), md5=md5), work.ctx)
            if proof is not None:
                batch.add(_entry(approved, change, md5, seconds, proof), (change, proof))


def _send(work: Work, approved: Approved, store: Store, again: Collection[int]) -> None:
    """Upload new files, and record the confirmed ones."""
    executor = work.sending(approved.small_files(LANE_BYTES), store)

    def files() -> Iterator[tuple[Change, Item]]:
        for change in _new_content(work, approved, again):
            yield change, Item.of_change(change, work.config.store_path(change.modality, change.path, approved.version_of(change)))

    def done(sent: list[tuple[Change, Proof]]) -> None:
        work.log.prove_all((proof, approved.version_of(change)) for change, proof in sent)
        with work.log.marking():
            _done(work, approved, [change for change, _ in sent])

    deliver(work, store, files(), lambda change, proof: _entry(approved, change, proof.md5, proof.md5_seconds, proof), done, executor)
