"""Compare the store with the journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from itertools import chain, groupby, islice
from operator import attrgetter

from chorus_gui.core.errors import BlobNameError, BlobNotFoundError, ConditionError, StoreError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Level, Row
from chorus_gui.core.storage.base import BlobInfo, Store
from chorus_gui.core.storage.digests import is_md5, md5_of
from chorus_gui.core.storage.retry import RetryPolicy
from chorus_gui.core.transfer.effort import Effort
from chorus_gui.core.transfer.pool import Pool

FEW = 16
"""For a version of up to this many rows each blob is requested; for a larger one the version's folder is listed once."""

_EMPTY = md5_of().hexdigest()


class VerifyResult(Enum):
    """What was found for a row."""

    OK = "ok"
    MISSING = "missing"
    SIZE_DIFFERS = "size_differs"
    CONTENT_DIFFERS = "content_differs"
    UNPROVABLE = "unprovable"
    """a blob of the right size, but the journal has no MD5 to compare its content with"""
    ERROR = "error"
    """the blob could not be checked"""


DIFFERENT = frozenset({VerifyResult.MISSING, VerifyResult.SIZE_DIFFERS, VerifyResult.CONTENT_DIFFERS})
"""The store answered, and does not hold what the row says."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``level`` is how an OK was confirmed, otherwise None.  ``store_path`` is the blob, or its first expected place."""

    row: Row
    result: VerifyResult
    level: Level | None
    store_path: str
    detail: str


def verify(
    rows: Iterable[Row],
    store_paths: Callable[[str, str, str], Sequence[str]],
    store: Store,
    ctx: JobContext,
    effort: Effort,
    *,
    reread: bool,
) -> Generator[Verdict, None, None]:
    """A verdict for each row, in no order.  ``rows`` come sorted by version and are pulled in the caller's thread.

    ``store_paths(modality, path, version)`` gives the possible places of a row's blob, best first; if several exist, the one that
    matches counts.  By properties: size and MD5 property, one listing per version; a blob without MD5 property is read.  With
    ``reread`` every blob of the right size is read, whatever its property says (for a blob made from blocks it is only the
    writer's claim).  Reading takes ``effort.threads`` threads, and memory that does not grow.  A row without a valid MD5 (an S3 ETag,
    nothing) is at best UNPROVABLE.

    Raises :class:`Cancelled` and the :class:`StoreError` that stops the job: access refused, or a version that cannot be listed.
    """
    with closing(_Listing(store, ctx, effort.retry)) as listing, _Reading(store, ctx, effort).pool as pool:
        for version, group in groupby(rows, key=attrgetter("version")):
            first = list(islice(group, FEW + 1))
            find = listing.load(f"{version}/") if len(first) > FEW else listing.ask
            for row in chain(first, group):
                ctx.checkpoint()
                paths = store_paths(row.modality, row.path, row.version)
                found = [info for path in paths if (info := find(path)) is not None]
                info = max(found, key=lambda info: (info.size == row.size, info.md5 == row.md5), default=None)
                verdict = _judge(row, info, paths, reread=reread)
                if verdict is not None:
                    _count(ctx, verdict, row.size)
                    yield verdict
                elif info is not None:
                    while not pool.room:
                        yield pool.take()
                    pool.give((row, info))
                yield from pool.ready()
        while pool.busy:
            yield pool.take()


def _judge(row: Row, info: BlobInfo | None, paths: Sequence[str], *, reread: bool) -> Verdict | None:
    """What can be said without reading, or None: the blob has to be read."""
    if info is None:
        return Verdict(row, VerifyResult.MISSING, None, paths[0], f"The file is not in the central store at “{'” or “'.join(paths)}”.")
    if info.size != row.size:
        detail = f"The file in the central store has {info.size:,} bytes, but {row.size:,} in the journal."
        return Verdict(row, VerifyResult.SIZE_DIFFERS, None, info.path, detail)
    if reread:
        return None
    expected = _expected(row)
    if expected is None:
        return _unprovable(
            row, info, "To check that it can be read at all, verify again and read the files (on the command line, add --reread)."
        )
    if info.md5 is None and row.size:
        return None
    if (info.md5 or _EMPTY) == expected:  # a blob of no bytes needs no property
        return Verdict(row, VerifyResult.OK, Level.PROPERTIES, info.path, "")
    detail = (
        f"The MD5 in the central store is {info.md5 or _EMPTY}, but {expected} in the journal. "
        "To compare the content itself, verify again and read the files (on the command line, add --reread)."
    )
    return Verdict(row, VerifyResult.CONTENT_DIFFERS, None, info.path, detail)


def _expected(row: Row) -> str | None:
    """The MD5 that the blob must have, or None if the journal has none."""
    return row.md5 if is_md5(row.md5) else None if row.size else _EMPTY


def _unprovable(row: Row, info: BlobInfo, more: str) -> Verdict:
    has = f"“{row.md5}” in place of an MD5" if row.md5 else "no MD5"
    return Verdict(row, VerifyResult.UNPROVABLE, None, info.path, f"The size matches, but the journal has {has}. {more}")


def _count(ctx: JobContext, verdict: Verdict, size: int) -> None:
    failed = verdict.result not in (VerifyResult.OK, VerifyResult.UNPROVABLE)
    ctx.progress.add(verdict.row.modality, files=1, size=size, failed=int(failed))


class _Reading:
    """Reads blobs and hashes them."""

    def __init__(self, store: Store, ctx: JobContext, effort: Effort) -> None:
        self.pool: Pool[tuple[Row, BlobInfo], Verdict] = Pool(self._read, ctx, effort.threads, window=4 * effort.threads)
        self._ctx = self.pool.ctx
        self._store = store
        self._retry = effort.retry

    def _read(self, task: tuple[Row, BlobInfo]) -> Verdict:
        row, info = task
        progress = self._ctx.progress
        token = progress.start_file(row.modality, row.path, row.size)
        try:
            size, md5 = self._retry.call(lambda: self._hash(row, info, token), self._ctx)
        except StoreError as error:
            if error.fatal:
                raise
            size, verdict = 0, _refused(row, info, error)
        else:
            verdict = _compare(row, info, size, md5)
        finally:
            progress.end_file(token)
        _count(self._ctx, verdict, row.size - size)
        return verdict

    def _hash(self, row: Row, info: BlobInfo, token: int) -> tuple[int, str]:
        """Bytes and MD5 of what is read; a failed attempt subtracts its bytes from the progress."""
        whole = md5_of()
        size = 0
        try:
            with closing(_chunks(self._store, info)) as chunks:
                for chunk in chunks:
                    self._ctx.throttle(len(chunk))
                    whole.update(chunk)
                    size += len(chunk)
                    self._ctx.progress.add(row.modality, size=len(chunk))
                    self._ctx.progress.move(token, size)
        except StoreError:
            self._ctx.progress.add(row.modality, size=-size)
            raise
        return size, whole.hexdigest()


def _chunks(store: Store, info: BlobInfo) -> Generator[bytes, None, None]:
    """Closing it closes the store's iterator, if it can be closed."""
    yield from store.read(info.path, etag=info.etag)


def _compare(row: Row, info: BlobInfo, size: int, md5: str) -> Verdict:
    expected = _expected(row)
    if size != row.size:
        return Verdict(row, VerifyResult.ERROR, None, info.path, f"Only {size:,} of {row.size:,} bytes could be read.")
    if expected is None:
        return _unprovable(row, info, f"All of it was read; its MD5 is {md5}.")
    if md5 == expected:
        return Verdict(row, VerifyResult.OK, Level.REREAD, info.path, "")
    return Verdict(
        row,
        VerifyResult.CONTENT_DIFFERS,
        None,
        info.path,
        f"The MD5 of the content in the central store is {md5}, but {expected} in the journal.",
    )


def _refused(row: Row, info: BlobInfo, error: StoreError) -> Verdict:
    match error:
        case BlobNotFoundError():
            return Verdict(
                row, VerifyResult.MISSING, None, info.path, "The file was removed from the central store while it was being verified."
            )
        case ConditionError():
            return Verdict(
                row,
                VerifyResult.ERROR,
                None,
                info.path,
                "The file in the central store was replaced while it was being verified. Verify again.",
            )
        case _:
            return Verdict(row, VerifyResult.ERROR, None, info.path, str(error))


class _Listing:
    """The blobs of one version, in a temporary database that the system keeps in memory or on disk as it likes."""

    def __init__(self, store: Store, ctx: JobContext, retry: RetryPolicy) -> None:
        self._store = store
        self._ctx = ctx
        self._retry = retry
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("CREATE TABLE blob (path TEXT PRIMARY KEY, size INTEGER, md5 TEXT, etag TEXT) WITHOUT ROWID")

    def load(self, prefix: str) -> Callable[[str], BlobInfo | None]:
        """List every blob whose path begins with ``prefix``; the answer finds one of them."""
        self._retry.call(lambda: self._load(prefix), self._ctx)
        return self._get

    def ask(self, path: str) -> BlobInfo | None:
        """Ask the store for one blob; a name that it cannot hold is not there."""
        try:
            return self._retry.call(lambda: self._store.head(path), self._ctx)
        except BlobNameError:
            return None

    def close(self) -> None:
        """Drop it."""
        self._db.close()

    def _load(self, prefix: str) -> None:
        self._db.execute("BEGIN")
        self._db.execute("DELETE FROM blob")
        try:
            self._db.executemany("INSERT OR REPLACE INTO blob VALUES (?, ?, ?, ?)", self._listed(prefix))
        finally:
            self._db.execute("COMMIT")  # an incomplete listing is replaced by the next attempt, and never used

    def _listed(self, prefix: str) -> Iterator[tuple[str, int, str | None, str]]:
        for number, info in enumerate(self._store.list(prefix)):
            if number % 1000 == 0:
                self._ctx.checkpoint()
            yield info.path, info.size, info.md5, info.etag

    def _get(self, path: str) -> BlobInfo | None:
        found = self._db.execute("SELECT size, md5, etag FROM blob WHERE path = ?", (path,)).fetchone()
        return None if found is None else BlobInfo(path, *found)
