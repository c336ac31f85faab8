"""A store that sends requests again and waits for an outage to end, around a store that does neither.

Nothing above mentions retries: a step takes the store that it is given, and a request either has its answer or raises an error that is
worth stopping for.  The job of the calling thread (:func:`chorus_gui.core.job.current`) says how patient a request is, cancels its
waiting, and shows what it waits for.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, Generic, TypeVar

from chorus_gui.core import job
from chorus_gui.core.errors import BlobNotFoundError, ChecksumError, ConditionError
from chorus_gui.core.storage.base import ALWAYS, BlobInfo, Buffer, Condition, Content, LevelPage, Page, StagedBlock, Store, StoreLimits
from chorus_gui.core.storage.by_service import Borrower, Lent, borrower, fetched
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.storage.lane import Arrival, Lane, lane_of
from chorus_gui.core.storage.outage import UNANSWERED, Outage
from chorus_gui.core.storage.renewal import Kind, Renewal
from chorus_gui.core.storage.silence import NOTHING_KNOWN, About, Asked, our_turn

T = TypeVar("T")
Part = TypeVar("Part", Page, LevelPage)

CHUNK = 1024 * 1024
"""Bytes of a content that are usual at a time."""
NOTHING = "no-such-file"
"""A name to ask for, to find out if the store answers at all."""


class Continued(Generic[T]):
    """An iterator that begins again after an error; ``begin`` says where."""

    def __init__(self, begin: Callable[[], Iterator[T]]) -> None:
        self._begin = begin
        self._iterator: Iterator[T] | None = None

    def turn(self) -> T | None:
        """What comes next; None at the end."""
        try:
            if self._iterator is None:
                self._iterator = self._begin()
            return next(self._iterator, None)
        except BaseException:
            self._iterator = None  # it has ended with its error
            raise


class _NotReadError(Exception):
    """What is to be written could not be read: not the store's error, so it is not repeated."""

    def __init__(self, why: BaseException) -> None:
        super().__init__()
        self.why = why


class _Given:
    """A content.  Its own errors are distinguished from the store's.  ``whole``: all of it was read."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self.whole = False

    @property
    def size(self) -> int:
        return self._content.size

    def md5(self) -> bytes:
        return self._content.md5()

    def chunks(self) -> Generator[Buffer, None, None]:
        self.whole = False
        with closing(self._content.chunks()) as chunks:
            while (chunk := self._next(chunks)) is not None:
                yield chunk
        self.whole = True

    def _next(self, chunks: Iterator[Buffer]) -> Buffer | None:
        try:
            with our_turn():
                return next(chunks, None)
        except BaseException as error:  # noqa: BLE001 - raised again by whoever asked for the write
            raise _NotReadError(error) from None


class RetryingStore:
    """``store`` as :class:`~chorus_gui.core.storage.base.Store`.  Safe to use from many threads.

    ``outage`` is what is known of the place; stores in one place share it.  ``renewal``, if there is one, waits for another credential
    when the place does not accept this one any more.  A listing or a download that fails in the middle
    continues where it was, a download only in the same version of the blob.

    A write whose answer was lost may have happened.  If it is refused when it is sent again, because its condition does not hold any
    more, the blob is looked at: if it shows what was to be written, that is the answer (:attr:`BlobInfo.looked_up`).  The same applies
    to blocks that are no longer staged.  If all of them are, their list was damaged on its way, and is sent again.
    """

    def __init__(self, store: Store, outage: Outage | None = None, renewal: Renewal | None = None) -> None:
        self.inner = store
        self.outage = outage or Outage()
        self.renewal = renewal

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process nobody asks for another credential."""
        return type(self), (self.inner, self.outage)

    def __repr__(self) -> str:
        return f"RetryingStore({self.inner!r})"

    @property
    def url(self) -> str:
        """As :attr:`Store.url`."""
        return self.inner.url

    @property
    def limits(self) -> StoreLimits:
        """As :attr:`Store.limits`."""
        return self.inner.limits

    def put(
        self, path: str, data: Buffer, *, md5: bytes | None = None, metadata: Mapping[str, str] | None = None, condition: Condition = ALWAYS
    ) -> BlobInfo:
        """As :meth:`Store.put`."""
        return self._write(
            lambda: self.inner.put(path, data, md5=md5, metadata=metadata, condition=condition),
            lambda: self._shows(path, len(data), md5 or md5_of(data).digest(), metadata),
            About(path, len(data)),
        )

    def lane(self) -> Lane | None:
        """See :class:`HasLane`.  What a lane does not confirm, its user sends again with :meth:`put`, which waits."""
        inner = lane_of(self.inner)
        return None if inner is None else _NotedLane(inner, self, self._probe)

    @property
    def borrower(self) -> Borrower | None:
        """As :attr:`Fetches.borrower`."""
        return borrower(self.inner)

    def fetch(self, path: str, lent: Lent) -> BlobInfo:
        """As :meth:`Fetches.fetch`."""
        size, md5 = lent.stat.size, lent.md5
        return self._write(lambda: fetched(self.inner, path, lent), lambda: self._shows(path, size, md5, None), About(path))

    def write(self, path: str, content: Content, *, metadata: Mapping[str, str] | None = None, condition: Condition = ALWAYS) -> BlobInfo:
        """As :meth:`Store.write`.  If the store does not answer, the content is read again from its beginning."""
        given = _Given(content)
        unsure = False

        def once() -> BlobInfo:
            nonlocal unsure
            try:
                return self.inner.write(path, given, metadata=metadata, condition=condition)
            except UNANSWERED:
                unsure = unsure or given.whole
                raise
            except ConditionError:
                if unsure and (found := self._shows(path, content.size, content.md5(), metadata)) is not None:
                    return found
                raise

        try:
            return self._ask(once, "write", About(path, content.size and CHUNK))
        except _NotReadError as error:
            raise error.why from error.why.__cause__

    def stage_block(self, path: str, block_id: str, data: Buffer, *, md5: bytes | None = None) -> None:
        """As :meth:`Store.stage_block`."""
        self._write(lambda: self.inner.stage_block(path, block_id, data, md5=md5), lambda: None, About(path, len(data)))

    def commit_blocks(
        self,
        path: str,
        block_ids: Sequence[str],
        *,
        md5: bytes | None = None,
        metadata: Mapping[str, str] | None = None,
        condition: Condition = ALWAYS,
    ) -> BlobInfo:
        """As :meth:`Store.commit_blocks`."""

        def commit() -> BlobInfo:
            try:
                return self.inner.commit_blocks(path, block_ids, md5=md5, metadata=metadata, condition=condition)
            except BlobNotFoundError as error:
                # A request that the network delivered twice is refused the second time: the blocks are the blob by now.
                if (landed := self._shows(path, None, md5, metadata)) is not None:
                    return landed
                if set(block_ids) <= {block.id for block in self.inner.list_staged(path)}:
                    raise ChecksumError(
                        f"The list of the parts of “{path}” was damaged on its way to the central store.",
                        meaning="All parts of the file have arrived there.",
                        remedy="Run the same command again. The parts are not sent again.",
                    ) from error
                raise

        return self._write(commit, lambda: self._shows(path, None, md5, metadata), About(path))

    def list_staged(self, path: str) -> list[StagedBlock]:
        """As :meth:`Store.list_staged`."""
        return self._ask(lambda: self.inner.list_staged(path), "read", About(path))

    def head(self, path: str) -> BlobInfo | None:
        """As :meth:`Store.head`."""
        return self._ask(lambda: self.inner.head(path), "read", About(path))

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """As :meth:`Store.list`."""
        for page in self.pages(prefix):
            yield from page.blobs

    def pages(self, prefix: str = "", marker: str = "") -> Iterator[Page]:
        """As :meth:`Store.pages`.  A page that fails is asked for again; those before it are not."""
        return self._parts(lambda after: self.inner.pages(prefix, after), marker)

    def list_folders(self, prefix: str = "") -> Iterator[str]:
        """As :meth:`Store.list_folders`.  The names of the level are kept until all of them are there."""
        yield from self._ask(lambda: [*self.inner.list_folders(prefix)], "list")

    def level(self, prefix: str = "", marker: str = "") -> Iterator[LevelPage]:
        """As :meth:`Store.level`.  A part that fails is asked for again; those before it are not."""
        return self._parts(lambda after: self.inner.level(prefix, after), marker)

    def _parts(self, begin: Callable[[str], Iterator[Part]], marker: str) -> Iterator[Part]:
        parts = Continued(lambda: begin(marker))
        while (part := self._ask(parts.turn, "list")) is not None:
            marker = part.marker
            yield part
            if not marker:
                return

    def read(self, path: str, *, offset: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        """As :meth:`Store.read`.  What was received is not asked for again.

        Without an ``etag`` the blob's present version is read, which costs a request.
        """
        if etag is None:
            found = self.head(path)
            if found is None:
                raise BlobNotFoundError(f"“{path}” is not in the central store.")
            etag = found.etag
        chunks = Continued(lambda: self.inner.read(path, offset=offset, length=length, etag=etag))
        while length is None or length > 0:
            chunk = self._ask(chunks.turn, "read", About(path))
            if chunk is None:
                return
            offset += len(chunk)
            length = None if length is None else length - len(chunk)
            yield chunk

    def copy(self, source: str, target: str, *, condition: Condition = ALWAYS) -> BlobInfo:
        """As :meth:`Store.copy`."""
        return self._write(
            lambda: self.inner.copy(source, target, condition=condition), lambda: self._copied(source, target), About(target)
        )

    def delete(self, path: str, *, condition: Condition = ALWAYS) -> None:
        """As :meth:`Store.delete`.  If the answer was lost, a blob that is gone counts as removed by this."""
        unsure = False

        def once() -> None:
            nonlocal unsure
            try:
                self.inner.delete(path, condition=condition)
            except UNANSWERED:
                unsure = True
                raise
            except BlobNotFoundError:
                if not unsure:
                    raise

        self._ask(once, "delete", About(path))

    def close(self) -> None:
        """As :meth:`Store.close`."""
        self.inner.close()

    def _ask(self, request: Callable[[], T], kind: Kind, about: About = NOTHING_KNOWN) -> T:
        if self.renewal is None:
            return self.outage.call(request, self._probe, about)
        return self.renewal.call(lambda: self.outage.call(request, self._probe, about), kind)

    def _probe(self) -> None:
        self.inner.head(NOTHING)

    def _write(self, send: Callable[[], T], shows: Callable[[], T | None], about: About) -> T:
        """A write; ``shows`` looks for its result, and gives None if it is not there."""
        unsure = False

        def once() -> T:
            nonlocal unsure
            try:
                return send()
            except (*UNANSWERED, ChecksumError):
                unsure = True
                raise
            except (ConditionError, BlobNotFoundError):
                if unsure and (found := shows()) is not None:
                    return found
                raise

        return self._ask(once, "write", about)

    def _shows(self, path: str, size: int | None, md5: bytes | None, metadata: Mapping[str, str] | None) -> BlobInfo | None:
        """The blob, if it has this content and metadata."""
        found = self.inner.head(path)
        if found is None or md5 is None or size not in (None, found.size) or dict(found.metadata or {}) != dict(metadata or {}):
            return None
        try:
            seen = found.md5 or self._hash(found)
        except (ConditionError, BlobNotFoundError):  # replaced meanwhile
            return None
        return replace(found, looked_up=True) if seen == md5.hex() else None

    def _copied(self, source: str, target: str) -> BlobInfo | None:
        original, found = self.inner.head(source), self.inner.head(target)
        if original is None or found is None or original.md5 is None:
            return None
        same = (original.size, original.md5) == (found.size, found.md5)
        return replace(found, looked_up=True) if same else None

    def _hash(self, blob: BlobInfo) -> str:
        whole = md5_of()
        for chunk in self.inner.read(blob.path, etag=blob.etag):
            job.current().checkpoint()
            whole.update(chunk)
        return whole.hexdigest()


class _NotedLane:
    """``inner``, whose answers show that the place is there, and whose silence is shown."""

    def __init__(self, inner: Lane, store: RetryingStore, probe: Callable[[], object]) -> None:
        self._inner = inner
        self._outage = store.outage
        self._renewal = store.renewal
        self._probe = probe
        self._asked: Asked | None = None
        self.has_room = inner.has_room

    @property
    def alive(self) -> bool:
        return self._inner.alive

    @property
    def busy(self) -> int:
        return self._inner.busy

    @property
    def answered(self) -> bool:
        return self._inner.answered

    def begin(self, key: int, path: str, data: bytes, md5: bytes) -> None:
        if self._asked is None:
            self._asked = self._outage.listens(self._probe)
        self._inner.begin(key, path, data, md5)

    def answers(self, seconds: float) -> list[Arrival]:
        found = self._inner.answers(seconds)
        if found and self._asked is not None:
            self._outage.hears(self._asked)
        if any(arrival.blob is not None for arrival in found):
            self._outage.answered()
            if self._renewal is not None:
                self._renewal.accepts("write")
        if self._asked is not None and not self._inner.busy:
            self._end()
        return found

    def close(self) -> None:
        self._end()
        self._inner.close()

    def _end(self) -> None:
        if self._asked is not None:
            self._outage.ends(self._asked)
            self._asked = None
