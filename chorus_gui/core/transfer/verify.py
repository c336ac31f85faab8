"""Compare the store with the journal."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import chain, groupby, islice
from operator import attrgetter
from typing import NamedTuple, Never, TypeVar

from chorus_gui.core.engine.pool import Pool
from chorus_gui.core.engine.work import Executor, Place, Worker
from chorus_gui.core.errors import BlobNameError, BlobNotFoundError, ConditionError, Silence, StoreError, StoreUnavailableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Level, Row
from chorus_gui.core.own_database import temporary_database
from chorus_gui.core.storage.base import BlobInfo, Store
from chorus_gui.core.storage.digests import is_md5, md5_of

T = TypeVar("T")

FEW = 16
"""For a version of up to this many rows each blob is requested; for a larger one the version's folder is listed once."""

SILENT = 8
"""After so many blobs in a row that got no answer, the rest is not asked for until all the others are done."""

_EMPTY = md5_of().hexdigest()


class VerifyResult(Enum):
    """What was found for a row."""

    OK = "ok"
    MISSING = "missing"
    SIZE_DIFFERS = "size_differs"
    CONTENT_DIFFERS = "content_differs"
    UNPROVABLE = "unprovable"
    """a blob of the right size, but the journal has no MD5 to compare its content with"""
    UNCHECKED = "unchecked"
    """the blob could not be checked: nothing is known of it"""


DIFFERENT = frozenset({VerifyResult.MISSING, VerifyResult.SIZE_DIFFERS, VerifyResult.CONTENT_DIFFERS})
"""The store answered, and does not hold what the row says."""

UNKNOWN = frozenset({VerifyResult.UNPROVABLE, VerifyResult.UNCHECKED})
"""Whether the store holds what the row says could not be found out."""


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
    executor: Executor,
    *,
    reread: bool,
) -> Generator[Verdict, None, None]:
    """A verdict for each row, in no order.  ``rows`` come sorted by version and are pulled in the caller's thread.

    ``store_paths(modality, path, version)`` gives the possible places of a row's blob, best first; if several exist, the one that
    matches counts.  By properties: size and MD5 property, one listing per version; a blob without MD5 property is read.  With
    ``reread`` every blob of the right size is read, whatever its property says (for a blob made from blocks it is only the
    writer's claim).  Reading takes the threads of ``executor``, and memory that does not grow.  A row without a valid MD5 (an S3 ETag,
    nothing) is at best UNPROVABLE.

    What could not be checked is tried again when all the others are done, and is UNCHECKED only if that fails, too.  A blob whose content differs is read once more before it counts as different.

    Raises :class:`Cancelled` and the :class:`StoreError` that stops the job: access refused, or a version that cannot be listed.
    """
    later: list[Row] = []

    def final(verdicts: Iterable[tuple[Verdict, int]], *, last: bool = False) -> Iterator[Verdict]:
        for verdict, counted in verdicts:
            if verdict.result is VerifyResult.UNCHECKED and not last:
                later.append(verdict.row)
            else:
                failed = verdict.result not in (VerifyResult.OK, VerifyResult.UNPROVABLE)
                ctx.progress.add(verdict.row.modality, files=1, size=verdict.row.size - counted, failed=int(failed))
                yield verdict

    reading, window = partial(_Reader, store, reread), executor.window(4)
    with closing(_Listing(store, ctx)) as listing, Pool(executor, reading, ctx, window=window) as pool:
        for version, group in groupby(rows, key=attrgetter("version")):
            first = list(islice(group, FEW + 1))
            find = listing.load(f"{version}/") if len(first) > FEW else listing.ask
            for row in chain(first, group):
                ctx.checkpoint()
                paths = store_paths(row.modality, row.path, row.version)
                found = _find(row, paths, find, reread=reread)
                if isinstance(found, Verdict):
                    yield from final([(found, 0)])
                else:
                    while not pool.room:
                        yield from final(pool.take())
                    pool.give(_Look(row, paths, found))
                yield from final(pool.ready())
        while pool.busy:
            yield from final(pool.take())
        again = (_Look(row, store_paths(row.modality, row.path, row.version)) for row in later)
        yield from final(pool.map(again), last=True)


def _find(row: Row, paths: Sequence[str], find: Callable[[str], BlobInfo | None], *, reread: bool) -> Verdict | BlobInfo:
    """What can be said of a row without reading, or the blob that has to be read."""
    try:
        there = [info for path in paths if (info := find(path)) is not None]
    except StoreError as error:
        if error.fatal:
            raise
        return _refused(row, paths[0], error)
    info = max(there, key=lambda info: (info.size == row.size, info.md5 == row.md5), default=None)
    return _judge(row, info, paths, reread=reread) or info or _unchecked(row, paths[0], "")


def _unchecked(row: Row, path: str, why: str) -> Verdict:
    return Verdict(row, VerifyResult.UNCHECKED, None, path, why)


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


class _Look(NamedTuple):
    """A blob to read, or with ``blob`` None a row to look for again at its possible places."""

    row: Row
    paths: Sequence[str]
    blob: BlobInfo | None = None

    @property
    def size(self) -> int:
        """The bytes to read."""
        return self.row.size


class _Reader(Worker[_Look, tuple[Verdict, int], Never]):
    """Reads blobs and hashes them.  A result is a verdict on a blob, and how many bytes of it the progress has counted."""

    def __init__(self, store: Store, reread: bool, place: Place[Never]) -> None:
        self._ctx = place.ctx
        self._store = store
        self._reread = reread
        self._again = False
        self._silent = 0
        self._unanswered: StoreUnavailableError | None = None

    def run(self, task: _Look) -> tuple[tuple[Verdict, int]]:
        if task.blob is None and not self._again:  # asked for, even if the store was silent at the end of the first round
            self._again, self._silent = True, 0
        return (self._read(task),)

    def _ask(self, request: Callable[[], T]) -> T:
        """The answer; once the store left many requests in a row unanswered, nothing more is asked."""
        if self._silent >= SILENT and self._unanswered is not None:
            raise self._unanswered
        try:
            answer = request()
        except StoreUnavailableError as error:
            self._silent, self._unanswered = self._silent + 1, error
            raise
        self._silent = 0
        return answer

    def _read(self, task: _Look) -> tuple[Verdict, int]:
        row, paths, info = task
        token = self._ctx.progress.start_file(row.modality, row.path, row.size)
        try:
            if info is None:  # the second try: look again at what is there now
                found = _find(row, paths, lambda path: self._ask(lambda: _head(self._store, path)), reread=self._reread)
                if isinstance(found, Verdict):
                    return found, 0
                info = found
            return self._compared(row, info, token)
        except StoreError as error:
            if error.fatal:
                raise
            return _refused(row, info.path if info else paths[0], error), 0
        finally:
            self._ctx.progress.end_file(token)

    def _compared(self, row: Row, info: BlobInfo, token: int) -> tuple[Verdict, int]:
        """Read; a blob whose content differs is read once more: the download may be at fault."""
        size, md5 = self._ask(lambda: self._hash(row, info, token))
        verdict = _compare(row, info, size, md5)
        if verdict.result in (VerifyResult.CONTENT_DIFFERS, VerifyResult.UNCHECKED):
            self._ctx.progress.add(row.modality, size=-size)
            size, again = self._ask(lambda: self._hash(row, info, token))
            verdict = _compare(row, info, size, again)
            if verdict.result is VerifyResult.CONTENT_DIFFERS and again != md5:
                verdict = _unchecked(
                    row, info.path, "Two downloads of the file gave different bytes. Check the network, then verify again."
                )
        if verdict.result is VerifyResult.UNCHECKED:
            self._ctx.progress.add(row.modality, size=-size)
            size = 0
        return verdict, size

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
        return _unchecked(row, info.path, f"Only {size:,} of {row.size:,} bytes could be read.")
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


def _refused(row: Row, path: str, error: StoreError) -> Verdict:
    match error:
        case BlobNotFoundError():
            return Verdict(
                row, VerifyResult.MISSING, None, path, "The file was removed from the central store while it was being verified."
            )
        case ConditionError():
            return _unchecked(row, path, "The file in the central store was replaced while it was being verified. Verify again.")
        case _:
            return _unchecked(row, path, f"{error.summary} {error.remedy}".strip())


def _head(store: Store, path: str) -> BlobInfo | None:
    """Ask the store for one blob; a name that it cannot hold is not there."""
    try:
        return store.head(path)
    except BlobNameError:
        return None


def _raise(error: StoreError, path: str) -> BlobInfo | None:
    del path
    raise error


class _NeverAnsweredError(StoreUnavailableError):
    """The store cannot be reached: no blob can be checked."""

    fatal = True

    def __init__(self, error: StoreError) -> None:
        super().__init__(error.what, meaning=error.meaning, remedy=error.remedy, code=error.code, request_id=error.request_id)


class _Listing:
    """The blobs of one version, in a temporary database that the system keeps in memory or on disk as it likes."""

    def __init__(self, store: Store, ctx: JobContext) -> None:
        self._store = store
        self._ctx = ctx
        self._db = temporary_database()
        self._db.execute("CREATE TABLE blob (path TEXT PRIMARY KEY, size INTEGER, md5 TEXT, etag TEXT) WITHOUT ROWID")

    def load(self, prefix: str) -> Callable[[str], BlobInfo | None]:
        """List every blob whose path begins with ``prefix``; the answer finds one of them, or raises what prevented the listing.

        Raises :class:`StoreError` unless the store answered before and is silent now.
        """
        try:
            self._load(prefix)
        except StoreUnavailableError as error:
            if error.silence is Silence.NEVER:
                raise
            return partial(_raise, error)
        return self._get

    def ask(self, path: str) -> BlobInfo | None:
        """Ask the store for one blob.  Raises :class:`StoreError`; as a fatal one if the store never answered."""
        try:
            return _head(self._store, path)
        except StoreUnavailableError as error:
            if error.silence is Silence.NEVER:
                raise _NeverAnsweredError(error) from error
            raise

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
