"""Write a version's completion marker, if every approved file of the version is confirmed in the central store.

The approved files of a version are its current entries in the journal, and what the last approval on this computer put into the
version and could not record.  An approval ends when the site is scanned again.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Never

from chorus_gui import __version__
from chorus_gui.core.engine.pool import Pool
from chorus_gui.core.engine.work import Place, Worker
from chorus_gui.core.errors import BlobNameError, ReviewError, StoreError, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Level, Row, Tally, VersionCount
from chorus_gui.core.own_database import temporary_database
from chorus_gui.core.review.staging import Staging, command_staging_path, staging_path
from chorus_gui.core.storage.base import BlobInfo, Store
from chorus_gui.core.storage.digests import is_md5, md5_of
from chorus_gui.core.submission.commit import upload_time
from chorus_gui.core.submission.guard import GuardedStore, read_text
from chorus_gui.core.submission.marker import (
    Complete,
    Completeness,
    JournalCopy,
    Marker,
    Root,
    from_json,
    judge,
    marker_path,
    ours,
    sha256_of,
    to_json,
)
from chorus_gui.core.submission.upload import leave_copies
from chorus_gui.core.submission.work import Work
from chorus_gui.core.transfer.copy import hash_of
from chorus_gui.core.transfer.verify import Verdict, VerifyResult

BATCH = 1000
"""Entries that are compared together."""
MOST_WRONG = 10_000
"""Files that a check names; that there are more of them decides nothing."""
READ_UNASKED = 1_000_000_000
"""Bytes that are read to complete a version that nobody named.  Only files without an MD5 in the store must be read."""

_EMPTY = md5_of().hexdigest()
_WRONG = "A verification found files of it missing or different, and they were not uploaded again."


@dataclass(frozen=True, slots=True)
class Approvals:
    """What the last approval on this computer left, by version: files that are not in the journal yet, and files held back."""

    at_us: int = 0
    left: Mapping[str, int] = field(default_factory=dict[str, int])
    held: Mapping[str, int] = field(default_factory=dict[str, int])


def last_approval(journal: Path) -> Approvals:
    """Read it from the reviews of this local journal, the window's and the command line's; nothing is left if there is none."""
    window = staging_path(journal)
    found = [_approval(path) for path in (window, command_staging_path(window))]
    return max(found, key=lambda approvals: approvals.at_us)


def _approval(path: Path) -> Approvals:
    try:
        with Staging.open(path) as staging:
            approval: dict[str, Any] = staging.get("approval") or {}
            version = approval.get("version")
            if not version:
                return Approvals()
            grouped = "SELECT coalesce(version, ?), count(*) FROM change WHERE {} GROUP BY 1"
            left = staging.db.execute(grouped.format("kind IN ('added', 'updated') AND NOT excluded AND NOT done"), (version,)).fetchall()
            once = "excluded AND NOT (kind = 'deleted' AND pair IS NOT NULL)"  # a renamed file is one file
            held = staging.db.execute(grouped.format(once), (version,)).fetchall()
            return Approvals(int(approval.get("at_us") or 0), dict(left), {version: 0} | dict(held))
    except (ReviewError, sqlite3.Error):
        return Approvals()


@dataclass(frozen=True, slots=True)
class Completed:
    """What became of a version's marker.  ``marker`` None: it was not written, because of ``why``, a sentence.

    ``expected``: the reason is known already, because files are pending, failed, or there are none.  ``sha256`` is the marker's.
    ``written``: by this run.  ``wrong``: the first :data:`MOST_WRONG` files that are missing or different in the central store, of ``wrong_files``.
    """

    version: str
    marker: Marker | None = None
    why: str = ""
    expected: bool = False
    sha256: str = ""
    written: bool = False
    wrong: tuple[Verdict, ...] = ()
    wrong_files: int = 0


def complete_versions(
    work: Work, store: GuardedStore, named: str = "", wrong: Collection[str] = (), only: Collection[str] | None = None
) -> list[Completed]:
    """Write the marker of every version that this run changed, of the last one, and of the one that is ``named``, where it is due.

    ``wrong`` are versions with files that a verification found missing or different, and that nobody repaired: they get no marker,
    because a file's properties can agree where its content does not.  ``only``: no other versions, because the site could not be read
    completely: then its scan does not show what an earlier approval left.

    A marker that still holds is left alone.  Files without an MD5 in the store are read, up to :data:`READ_UNASKED` unless the
    version is named.  Raises :class:`StoreError`, :class:`JournalError`, ``Cancelled``; then no marker was written.
    """
    candidates = {*store.changed, work.journal.last_version() or "", named} - {""}
    counts = work.journal.counts()
    versions = sorted(candidates & {count.version for count in counts} & (candidates if only is None else {*only}))
    approvals = last_approval(work.config.journal.local)
    return [
        Completed(version, why=_WRONG, expected=True)
        if version in wrong
        else _complete(work, store, _of(version, counts), approvals, named=named == version)
        for version in versions
    ]


def _of(version: str, counts: Sequence[VersionCount]) -> list[VersionCount]:
    return [count for count in counts if count.version == version]


def completeness(store: Store, version: str, counts: Sequence[VersionCount]) -> Completeness:
    """What a version's marker says now.  Raises :class:`StoreError`."""
    text = read_text(store, version)
    if text is None or not ours(text):
        return Completeness(version, Complete.NO)
    try:
        marker = from_json(text)
    except UsageError as error:
        return Completeness(version, Complete.OUTDATED, None, error.what)
    found = replace(judge(version, marker, counts), sha256=sha256_of(text))
    if found.complete is Complete.YES:
        copy = store.head(f"{version}/{marker.journal.name}")
        if copy is None or copy.size != marker.journal.bytes or copy.md5 not in (None, marker.journal.md5):
            why = "The copy of the journal in the version's folder was replaced or removed after the version was complete."
            return replace(found, complete=Complete.OUTDATED, why=why)
    return found


def completeness_of_all(store: Store, counts: Sequence[VersionCount], ctx: JobContext, most: int | None = None) -> dict[str, Completeness]:
    """What the marker of each version says now, of the ``most`` newest; a store that does not answer is not asked again."""
    found: dict[str, Completeness] = {}
    for version in sorted({count.version for count in counts if count.version}, reverse=True)[:most]:
        ctx.checkpoint()
        try:
            found[version] = completeness(store, version, counts)
        except BlobNameError:
            continue
        except StoreError:
            break
    return found


def _are(files: int, what: str, approved: str = "") -> str:
    return f"1 {approved}file is {what}." if files == 1 else f"{files:,} {approved}files are {what}."


def _complete(work: Work, store: GuardedStore, counts: Sequence[VersionCount], approvals: Approvals, *, named: bool) -> Completed:
    version = counts[0].version
    pending = sum(count.pending for count in counts)
    left = approvals.left.get(version, 0)
    if not sum(count.active for count in counts) or pending or left:
        why = _are(pending, "pending") if pending else _are(left, "not uploaded", "approved ") if left else "It has no files."
        return Completed(version, why=why, expected=True)
    if version not in store.changed:
        now = completeness(store, version, counts)
        if now.complete is Complete.YES:
            return Completed(version, now.marker, sha256=now.sha256)
    text = read_text(store, version)
    if text is not None and not ours(text):
        return Completed(version, why=f"A file of the site has the place of its completion marker, “{marker_path(version)}”.")
    work.ctx.progress.note(f"Checking if version {version} is complete")
    with closing(_Folder(store.inner, version, work.ctx)) as folder, closing(Root()) as root:
        check = _Check(work, store, folder, root)
        why = check.run(version, READ_UNASKED if not named else None)
        if why:
            return Completed(version, why=why, wrong=tuple(check.wrong), wrong_files=check.wrong_files)
        copy = _journal_copy(work, store, version)
        last = max((count.last_upload or "" for count in counts), default="")
        marker = Marker(
            version=version,
            completed=max(upload_time(), last),  # a colleague's clock may be ahead
            modalities=check.modalities,
            root=root.hexdigest(),
            journal=copy,
            verified=check.levels,
            held_back=approvals.held.get(version),
            other_files=folder.others({f"{version}/{copy.name}", marker_path(version)}),
            app_version=__version__,
        )
    text = to_json(marker)
    data = text.encode()
    store.inner.put(marker_path(version), data, md5=md5_of(data).digest())
    return Completed(version, marker, sha256=sha256_of(text), written=True)


def _journal_copy(work: Work, store: GuardedStore, version: str) -> JournalCopy:
    """The copy of the journal that this run left in the version's folder; a new one if it has not left any."""
    name = work.config.journal.local.name
    path = f"{version}/{name}"
    for _ in range(2):
        info = store.head(path)
        md5 = store.proofs.md5_of(info) if info else None
        if info and md5:
            return JournalCopy(name, info.size, md5, work.journal.schema)
        leave_copies(work, store, [version])
    raise StoreError(f"“{path}” was replaced while it was being checked.", remedy="Make sure that nobody else writes there.")


class _Check:
    """Compares the current entries of a version with its folder, and adds them up."""

    def __init__(self, work: Work, store: GuardedStore, folder: _Folder, root: Root) -> None:
        self._sums: dict[str, list[int]] = {}
        self.levels: Counter[Level] = Counter()
        self._work = work
        self._store = store
        self._folder = folder
        self._root = root
        self.wrong: list[Verdict] = []
        self.wrong_files = 0
        self._unread: list[_Unread] = []

    @property
    def modalities(self) -> dict[str, Tally]:
        """What is confirmed."""
        return {modality: Tally(files, size) for modality, (files, size) in self._sums.items()}

    def run(self, version: str, read_limit: int | None) -> str:
        """A sentence that says why the version is not complete; "" if it is.  ``read_limit``: None, or the bytes that may be read."""
        faults: Counter[str] = Counter()
        rows = self._work.journal.rows(version=version, active=True)
        while batch := list(islice(rows, BATCH)):
            self._work.ctx.checkpoint()
            faults.update(self._look_at(batch, version))
        if not faults and read_limit is not None and sum(info.size for _, info, _ in self._unread) > read_limit:
            files = len(self._unread)
            return (
                f"{files:,} of its files have no MD5 in the central store, so they must be read. "
                f"To do that, run “chorus-upload file upload --version {version}”."
            )
        if not faults:
            faults.update(self._read_all())
        if not faults:
            return ""
        count = faults.total()
        return f"{count:,} of its files {'is' if count == 1 else 'are'} not confirmed: {', '.join(sorted(faults))}. Verify the version."

    def _look_at(self, rows: Sequence[Row], version: str) -> Iterator[str]:
        """What is wrong with these rows."""
        places = [self._work.config.store_paths(row.modality, row.path, row.version) for row in rows]
        found = self._folder.find({path for paths in places for path in paths})
        proved = self._store.proofs.of(found.values())
        there: list[_Unread] = []
        for row, paths in zip(rows, places, strict=True):
            infos = [info for path in paths if (info := found.get(path)) is not None]
            info = infos[0] if len(infos) == 1 else max(infos, key=lambda info: (info.size == row.size, info.md5 == row.md5), default=None)
            md5 = row.md5 if is_md5(row.md5) else None if row.size else _EMPTY
            if info is None:
                yield self._found(VerifyResult.MISSING, row, paths[0], "missing in the central store")
            elif info.size != row.size:
                yield self._found(VerifyResult.SIZE_DIFFERS, row, info.path, "another size in the central store")
            elif md5 is None:
                yield "no MD5 in the journal"
            else:
                there.append(_Unread(row, info, md5))
        below = len(version) + 1
        free = self._root.add_all([(info.path[below:], row.size, md5) for row, info, md5 in there])
        by_level: dict[Level, list[Row]] = {Level.TRANSPORT: [], Level.PROPERTIES: []}
        sent, listed = by_level[Level.TRANSPORT], by_level[Level.PROPERTIES]
        for one, alone in zip(there, free, strict=True):
            row, info, md5 = one
            if not alone:
                yield "the same place as another file"
            elif proved.get(info.path) == md5:
                sent.append(row)
            elif info.md5 == md5 or (info.md5 is None and not row.size):
                listed.append(row)
            elif info.md5 is None:
                self._unread.append(one)
            else:
                yield self._found(VerifyResult.CONTENT_DIFFERS, row, info.path, "another MD5 in the central store")
        for level, counted in by_level.items():
            self._count(counted, level)

    def _read_all(self) -> Iterator[str]:
        """Read what has no MD5 in the store; what is wrong with a file, once for each that is."""
        executor = self._work.executor
        reading = partial(_Rereader, self._store.inner)
        with Pool(executor, reading, self._work.ctx, window=4 * executor.threads) as pool:
            for row, right in pool.map(self._unread):
                if right:
                    self._count([row], Level.REREAD)
                else:
                    yield self._found(VerifyResult.CONTENT_DIFFERS, row, "", "another content in the central store")

    def _found(self, result: VerifyResult, row: Row, path: str, what: str) -> str:
        """Keep what was found about a file; ``what``."""
        self.wrong_files += 1
        if len(self.wrong) < MOST_WRONG:
            self.wrong.append(Verdict(row, result, None, path, what))
        return what

    def _count(self, rows: Sequence[Row], level: Level) -> None:
        if rows:
            self.levels[level] += len(rows)
        for row in rows:
            sums = self._sums.setdefault(row.modality, [0, 0])
            sums[0] += 1
            sums[1] += row.size


class _Unread(NamedTuple):
    """A blob that has no MD5 in the store, and the one that it should have."""

    row: Row
    blob: BlobInfo
    md5: str


class _Rereader(Worker[_Unread, tuple[Row, bool], Never]):
    """Reads blobs; a result is whether it has the right content."""

    def __init__(self, store: Store, place: Place[Never]) -> None:
        self._store = store
        self._ctx = place.ctx

    def run(self, task: _Unread) -> tuple[tuple[Row, bool]]:
        return ((task.row, hash_of(self._store, task.blob, self._ctx) == task.md5),)


class _Folder:
    """The blobs of a version's folder, as one listing has them, in a temporary database."""

    def __init__(self, store: Store, version: str, ctx: JobContext) -> None:
        self._store = store
        self._ctx = ctx
        self._db = temporary_database()
        self._db.execute("CREATE TABLE blob (path TEXT PRIMARY KEY, size INTEGER, md5 TEXT, etag TEXT, used INTEGER) WITHOUT ROWID")
        self._db.execute("BEGIN")
        self._load(f"{version}/")

    def find(self, paths: Iterable[str]) -> dict[str, BlobInfo]:
        """The blobs of these paths, by path."""
        among, wanted = "path IN (SELECT value FROM json_each(?))", (json.dumps([*paths]),)
        self._db.execute(f"UPDATE blob SET used = 1 WHERE {among}", wanted)
        rows = self._db.execute(f"SELECT path, size, md5, etag FROM blob WHERE {among}", wanted)
        return {row[0]: BlobInfo(*row) for row in rows}

    def others(self, known: Collection[str]) -> int:
        """How many blobs nobody asked for, apart from the ``known`` ones."""
        (count,) = self._db.execute("SELECT count(*) FROM blob WHERE NOT used").fetchone()
        return int(count) - sum(
            self._db.execute("SELECT 1 FROM blob WHERE NOT used AND path = ?", (path,)).fetchone() is not None for path in known
        )

    def close(self) -> None:
        """Forget the listing."""
        self._db.close()

    def _load(self, prefix: str) -> None:
        self._db.executemany("INSERT OR REPLACE INTO blob VALUES (?, ?, ?, ?, 0)", self._listed(prefix))

    def _listed(self, prefix: str) -> Iterator[tuple[str, int, str | None, str]]:
        for number, info in enumerate(self._store.list(prefix)):
            if number % BATCH == 0:
                self._ctx.checkpoint()
            yield info.path, info.size, info.md5, info.etag
