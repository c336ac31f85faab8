"""Upload what is recorded and pending; put a copy of the journal next to the uploaded files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import contextmanager

from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import BlobNameError, ChorusError, PatternError, ReviewError, UsageError
from chorus_gui.core.journal.queries import current_rows, doubled_rows
from chorus_gui.core.model import Action, Entry, Item, Proof, Row, Tally, sums
from chorus_gui.core.pattern import LONGEST_NAME
from chorus_gui.core.review import pending
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.storage.base import Store
from chorus_gui.core.storage.lane import LANE_BYTES
from chorus_gui.core.storage.names import outside
from chorus_gui.core.submission import leak_gate
from chorus_gui.core.submission.commit import upload_time
from chorus_gui.core.submission.deliver import deliver
from chorus_gui.core.submission.guard import guarded
from chorus_gui.core.submission.work import Selection, Work, choose_modalities, pending_rows
from chorus_gui.core.temporary import own_folder
from chorus_gui.core.transfer.checks import failure_of
from chorus_gui.core.transfer.one import send_one


def upload_pending(work: Work, store: Store, which: Selection = Selection(), *, approved: Staging | None = None) -> None:  # noqa: B008 - frozen
    """Upload the selection's pending rows; each is marked when its file is confirmed.  A file that is not the recorded one is not sent.

    ``approved``: of them, only what the approval of this review chose.  What ``work`` says is held back is not sent.

    Raises as :func:`~chorus_gui.core.submission.deliver.deliver`; :class:`UsageError` for a version that the journal does not have;
    :class:`LeakError` before anything is sent.
    """
    journal, version, store = work.journal, which.version, guarded(store)
    chosen = choose_modalities(work.config, which.modalities)
    leak_gate.refuse(work, leak_gate.of_pending(work, which, approved), "These files were not uploaded.")
    journal.remove_never_uploaded_closed()
    if version is not None and version not in journal.versions():
        raise UsageError(f"The journal has no version “{version}”.", remedy="Use “journal list” to list the versions.")
    counts = [count for count in journal.counts() if count.pending and version in (None, count.version)]
    stray = doubled_rows(journal)
    if approved is not None:
        totals = pending.to_send(approved, work.config.exclude.covers)
    elif work.held or work.config.exclude or stray or which.max_files is not None:
        totals = sums((row.modality, Tally(1, row.size)) for row in pending_rows(work.config, journal, which, work.stays, stray))
    else:
        totals = sums((count.modality, Tally(count.pending, count.pending_bytes)) for count in counts if count.modality in chosen)
    if totals:  # otherwise the counters of the upload just before stay visible
        work.ctx.progress.begin("upload", totals)
    for changing in sorted({count.version for count in counts}):
        store.open(changing)
    crowded = crowded_places(work, {count.version for count in counts}, stray)

    def files() -> Iterator[tuple[Row, Item]]:
        for row in pending_rows(work.config, journal, which, work.stays, stray):
            if approved is not None and not pending.is_chosen(approved, row):
                continue
            try:
                path = work.config.store_path(row.modality, row.path, row.version)
            except PatternError as error:
                _refuse(work, Item.of_row(row, ""), no_place(error))
                continue
            if outside(row.version):
                _refuse(work, Item.of_row(row, ""), _no_version(row.version))
                continue
            if hash(path) in crowded:
                _refuse(work, Item.of_row(row, path), two_at_one_place())
                continue
            yield row, Item.of_row(row, path)

    def done(proved: list[tuple[Row, Proof]]) -> None:
        work.log.prove_all((proof, row.version) for row, proof in proved)
        if approved is not None:
            with work.log.marking():
                pending.sent(approved, [row for row, _ in proved])

    deliver(work, store, files(), _entry, done, work.sending(_small_files(totals), store))


def _small_files(totals: Mapping[str, Tally]) -> int:
    """About how many files are small: all of a modality whose average is.  To ask for each would take seconds."""
    return sum(total.files for total in totals.values() if total.bytes <= LANE_BYTES * total.files)


def no_place(error: PatternError) -> PatternError:
    """Why an entry of the journal has no place in the store, with what can be done about such an entry."""
    remedy = f"{error.remedy.removesuffix('.')}, or mark the file as deleted (“file mark_as_deleted”)."
    return PatternError(error.what, meaning=error.meaning, remedy=remedy)


def _no_version(version: str) -> UsageError:
    return UsageError(
        f"The journal has the file in version “{version}”, which cannot be the name of a folder.",
        remedy="Mark the file as deleted (“file mark_as_deleted”), and submit again: it is then uploaded in a new version.",
    )


def _entry(row: Row, proof: Proof) -> Entry:
    """The row is uploaded.  One that another tool recorded without an MD5, or with an ETag in its place, is replaced by a row that has one."""
    now = upload_time()
    if row.md5 == proof.md5:
        return Entry(
            Action.UPLOADED, old_id=row.file_id, uploaded=now, upload_seconds=proof.upload_seconds, verify_seconds=proof.verify_seconds
        )
    return Entry(
        Action.ENTER,
        modality=row.modality,
        path=row.path,
        patient_id=row.patient_id,
        size=row.size,
        mtime_us=row.mtime_us,
        md5=proof.md5,
        version=row.version,
        uploaded=now,
        old_id=row.file_id,
        md5_seconds=proof.md5_seconds,
        upload_seconds=proof.upload_seconds,
        verify_seconds=proof.verify_seconds,
    )


def _refuse(work: Work, item: Item, error: ChorusError) -> None:
    work.log.fail(failure_of(item, error))
    work.ctx.progress.add(item.modality, failed=1)


def two_at_one_place() -> ReviewError:
    """Why a file is not sent whose place another open row has."""
    return ReviewError(
        "Another file of the journal has the same place in the central store, and one would overwrite the other.",
        remedy="Rename all but one on the site, and scan again.",
    )


def crowded_places(work: Work, versions: Collection[str], stray: Collection[int]) -> set[int]:
    """Places (their hashes) that two open rows of these versions have.  This program never records that, other tools do.

    Only a row whose place differs from its own path can meet another one; there are few of those, usually none.
    """
    config = work.config
    one_root = len({site.place.text for site in config.sites.values()}) == 1

    def places() -> Iterator[tuple[int, bool]]:
        for version in versions:
            place_of = places_of(config, version)
            for row in current_rows(work.journal, version):
                if row.file_id not in stray:
                    place = place_of(row.modality, row.path)
                    site = config.sites.get(row.modality)
                    yield hash(place), place == f"{version}/{row.path}" and (one_root or bool(site and site.mapped))

    moved = Counter(place for place, own in places() if not own)
    if moved:
        moved.update([place for place, own in places() if own and place in moved])
    return {place for place, count in moved.items() if count > 1}


def places_of(config: Config, version: str) -> Callable[[str, str], str]:
    """What tells the place of a file (modality, path): the first of :meth:`Config.store_paths`.

    The pattern is asked once for the files of a folder that follow one another, where it takes whole folders.
    """
    last, prefix = ("", ""), ""

    def place(modality: str, path: str) -> str:
        nonlocal last, prefix
        cut = path.rfind("/") + 1
        name, folder = path[cut:], (modality, path[:cut])
        if prefix and folder == last and name and len(path) <= LONGEST_NAME:
            return prefix + name
        found = config.store_paths(modality, path, version)[0]
        site = config.sites.get(modality)
        usual = name and len(path) <= LONGEST_NAME and (site is None or site.pattern.whole_folders)
        last, prefix = folder, found.removesuffix(name) if usual and found.endswith(name) else ""
        return found

    return place


@contextmanager
def copies_left(work: Work, store: Store) -> Generator[None]:
    """The block uploads; then, however it ended, a copy of the journal is put into each folder that received files.

    A copy that cannot be left raises as :func:`leave_copies`; if the upload itself stopped with an error, that error is raised, and the
    copy's is a note in ``work.log``.  The next upload leaves the missing copies.
    """
    try:
        yield
    except Exception:
        try:
            leave_copies(work, store, work.log.versions)
        except ChorusError as error:
            work.log.notes.append(f"Could not upload the copy of the journal. {error.what} The next upload adds it.")
        raise
    leave_copies(work, store, {*work.log.versions, *_without_copy(work, store)})


def _without_copy(work: Work, store: Store) -> Iterator[str]:
    """Versions that received files after the last copy of the journal: an earlier upload was killed, or could not leave it."""
    config = work.config
    last: dict[str, str] = {}
    for count in work.journal.counts():
        if count.version and count.last_upload and count.modality in config.modalities:
            last[count.version] = max(count.last_upload, last.get(count.version, ""))
    for version, moment in last.items():
        try:
            found = store.head(f"{version}/{config.journal.local.name}")
        except BlobNameError:  # a version of another store
            continue
        if found is None or upload_time(found.modified_us / 1e6) < moment:
            yield version


def leave_copies(work: Work, store: Store, versions: Collection[str]) -> None:
    """Put the journal's copy into the folder of each version that received files, under the local journal's file name.

    It cannot be cancelled, because a cancelled upload ends with it.  Raises :class:`StoreError`, :class:`JournalError`.
    """
    store = guarded(store)  # a version whose copy changes is completed again
    if not versions:
        return
    with own_folder() as folder:
        copy = folder / "journal.db"
        work.journal.snapshot(copy)
        with work.ctx.tidying().entered() as ctx:
            for version in sorted(versions):
                ctx.progress.note(f"uploading the journal's copy for version {version}")
                send_one(store, f"{version}/{work.config.journal.local.name}", copy, ctx)
                work.log.copies.add(version)
            ctx.progress.note("")
