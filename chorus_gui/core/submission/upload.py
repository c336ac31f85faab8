"""Send what is recorded and pending; put the journal's copy beside what was sent."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import BlobNameError, ChorusError, PatternError, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Action, Entry, Failure, Item, Proof, Row
from chorus_gui.core.storage.base import Store
from chorus_gui.core.storage.files import send_file
from chorus_gui.core.storage.retry import RetryPolicy
from chorus_gui.core.submission.commit import upload_time
from chorus_gui.core.submission.deliver import deliver
from chorus_gui.core.submission.log import RunLog
from chorus_gui.core.submission.review_site import choose_modalities, sources_of

_MD5 = re.compile(r"[0-9a-f]{32}")
_CROWDED = "Another file of the journal has the same place in the central store: one would overwrite the other."


def upload_pending(
    config: Config,
    journal: Journal,
    store: Store,
    ctx: JobContext,
    log: RunLog,
    *,
    version: str | None = None,
    modalities: Sequence[str] | None = None,
    max_files: int | None = None,
) -> None:
    """Send the pending rows; each is marked when its file is proved.  A file that is not the recorded one is not sent.

    ``max_files``: at most so many.  Raises as :func:`~chorus_gui.core.submission.deliver.deliver`; :class:`UsageError` for a
    version that the journal has not.
    """
    chosen = choose_modalities(config, modalities)
    journal.remove_never_uploaded_closed()
    if version is not None and version not in journal.versions():
        raise UsageError(f"The journal has no version {version}.", remedy="List the versions with “journal list”.")
    totals: dict[str, tuple[int | None, int | None]] = {}
    for count in journal.counts():
        if count.modality in chosen and version in (None, count.version) and count.pending:
            files, size = totals.get(count.modality, (0, 0))
            totals[count.modality] = ((files or 0) + count.pending, (size or 0) + count.pending_bytes)
    if totals:  # else the counters of what was sent just before stay to be seen
        ctx.progress.begin("upload", totals)
    stray = strays(journal)
    crowded = _crowded(config, journal, {c.version for c in journal.counts() if c.pending and version in (None, c.version)}, stray)
    waiting: dict[int, Row] = {}

    def items() -> Iterator[Item]:
        rows = (row for row in journal.rows(modalities=chosen, version=version, pending=True) if row.file_id not in stray)
        for row in islice(rows, max_files):
            try:
                path = config.store_path(row.modality, row.path, row.version)
            except PatternError as error:
                log.failures.append(Failure(_item(row, ""), "PatternError", error.what, error.remedy))
                ctx.progress.add(row.modality, failed=1)
                continue
            if hash(path) in crowded:
                log.failures.append(Failure(_item(row, path), "ReviewError", _CROWDED, "Rename all but one on the site, and scan again."))
                ctx.progress.add(row.modality, failed=1)
                continue
            waiting[row.file_id] = row
            yield _item(row, path)

    def entry_of(proof: Proof) -> Entry:
        row = waiting[proof.item.key]
        now = upload_time()
        if proof.item.md5 is None:  # recorded by a tool that left no MD5: the row is entered anew, with one
            return Entry(
                Action.ENTER, row.modality, row.path, row.patient_id, row.size, row.mtime_us, proof.md5, row.version, now, row.file_id, "ADDED",
                proof.md5_seconds, proof.upload_seconds, proof.verify_seconds,
            )  # fmt: skip
        return Entry(
            Action.UPLOADED, old_id=row.file_id, uploaded=now, upload_seconds=proof.upload_seconds, verify_seconds=proof.verify_seconds
        )

    def done(proofs: list[Proof]) -> None:
        for proof in proofs:
            log.prove(proof, waiting.pop(proof.item.key).version)

    sources = sources_of(config, chosen)
    deliver(items(), entry_of, done, config=config, journal=journal, sources=sources, store=store, ctx=ctx, log=log)


def _crowded(config: Config, journal: Journal, versions: Collection[str], stray: Collection[int]) -> set[int]:
    """Places (their hashes) that two open rows of these versions have.  Our own recording refuses that, other tools' does not.

    Only a row that the pattern sends elsewhere than to its own path can meet another one; there are few of those, most often none.
    """
    one_root = len({site.place.text for site in config.sites.values()}) == 1

    def places() -> Iterator[tuple[int, bool]]:
        for version in versions:
            for row in journal.rows(version=version, active=True):
                if row.file_id not in stray:
                    place = config.store_paths(row.modality, row.path, version)[0]
                    site = config.sites.get(row.modality)
                    yield hash(place), place == f"{version}/{row.path}" and (one_root or bool(site and site.mapped))

    moved = Counter(place for place, own in places() if not own)
    if moved:
        moved.update([place for place, own in places() if own and place in moved])
    return {place for place, count in moved.items() if count > 1}


def _item(row: Row, store_path: str) -> Item:
    md5 = (row.md5 or "").lower()
    return Item(row.file_id, row.modality, row.path, store_path, row.size, row.mtime_us, md5 if _MD5.fullmatch(md5) else None)


def strays(journal: Journal) -> set[int]:
    """Open rows that a newer open row of the same path stands above (other tools leave them): they are not sent."""
    rows = journal.rows_sql()
    doubles = journal.select(
        f"invalid_us IS NULL AND (modality, path) IN (SELECT modality, path FROM ({rows}) WHERE invalid_us IS NULL GROUP BY 1, 2 HAVING count(*) > 1) "
        "ORDER BY modality, path, file_id"
    )
    newest = {(row.modality, row.path): row.file_id for row in doubles}
    return {row.file_id for row in doubles} - set(newest.values())


@contextmanager
def copies_left(config: Config, journal: Journal, store: Store, log: RunLog) -> Generator[None]:
    """What runs inside uploads; then, however it ended, the journal's copy goes to where files were received.

    A copy that cannot be left raises as :func:`leave_copies`; where the upload itself stopped with an error, that error goes on, and the
    copy's is a note in ``log``.  The next upload leaves what is missing.
    """
    try:
        yield
    except Exception:
        try:
            leave_copies(config, journal, store, log.versions)
        except ChorusError as error:
            log.notes.append(f"The journal's copy could not be put beside the files: {error.what} The next upload puts it there.")
        raise
    leave_copies(config, journal, store, {*log.versions, *_without_copy(config, journal, store)})


def _without_copy(config: Config, journal: Journal, store: Store) -> Iterator[str]:
    """Versions that received files after the last copy of the journal: an earlier upload was killed, or could not leave it."""
    last: dict[str, str] = {}
    for count in journal.counts():
        if count.version and count.last_upload and count.modality in config.modalities:
            last[count.version] = max(count.last_upload, last.get(count.version, ""))
    for version, moment in last.items():
        try:
            found = RetryPolicy().call(lambda version=version: store.head(f"{version}/{config.journal.local.name}"), JobContext())
        except BlobNameError:  # a version of another store
            continue
        if found is None or upload_time(found.modified_us / 1e6) < moment:
            yield version


def leave_copies(config: Config, journal: Journal, store: Store, versions: Collection[str]) -> None:
    """Put the journal's copy into the folder of each version that received files, under the local journal's file name.

    Not to be cancelled: it is what a cancelled upload ends with.  Raises :class:`StoreError`, :class:`JournalError`.
    """
    if not versions:
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "journal.db"
        journal.snapshot(copy)
        for version in sorted(versions):
            send_file(store, f"{version}/{config.journal.local.name}", copy, JobContext())
