"""The one way of a file into the store: items in, proofs out.

A file is read once.  The MD5 of the whole and of each request's bytes are taken of the same buffer, the store checks every
request against its MD5, and a file that is not (or no longer) the one that was approved is reported and not sent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from typing import TypeVar

from chorus_gui.core.errors import (
    BlobNotFoundError,
    ChecksumError,
    ChorusError,
    SourceChangedError,
    StoreUnavailableError,
)
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Failure, Item, Level, Proof
from chorus_gui.core.storage.base import BlobInfo, FileReader, Source, SourceStat, Store
from chorus_gui.core.storage.digests import is_md5, md5_of
from chorus_gui.core.storage.retry import Tries
from chorus_gui.core.transfer.blocks import block_id, block_size
from chorus_gui.core.transfer.copy import hash_of
from chorus_gui.core.transfer.effort import Effort
from chorus_gui.core.transfer.outage import NOTHING, Outage
from chorus_gui.core.transfer.pool import Pool

T = TypeVar("T")

WINDOW = 16
"""Items being processed for each thread: enough that no thread waits while proofs are committed."""

OUTAGE = 8
"""The job stops when this many files in a row got no answer, although each waited for the store."""


def transfer(
    items: Iterable[Item],
    sources: Mapping[str, Source],
    store: Store,
    ctx: JobContext,
    effort: Effort,
    *,
    idle: Callable[[], None] = lambda: None,
) -> Generator[Proof | Failure, None, None]:
    """Send the items; a proof or a failure for each, in no order.

    ``items`` is pulled in the caller's thread, a bounded number ahead; ``sources`` are by modality.  At most ``effort.threads``
    requests run at the same time, and at most twice as many buffers of one request's size exist.  Progress counts a file's
    bytes when they are acknowledged, and subtracts them if the file fails in the end.  ``idle`` is called a few times a second, in
    the caller's thread, while no result comes: the time to commit those that came.

    Raises, after every proof and failure that was finished before: :class:`Cancelled`; the :class:`StoreError` that every
    further file would meet too (access refused, no room, no answer for :data:`OUTAGE` files in a row, or for the last ones); what
    ``items`` raises.
    Closing the generator calls the threads back and waits for them.  What a large file had staged then is not sent again by
    the next transfer of the same bytes.
    """
    sending = _Sending(sources, store, ctx, effort, idle)
    with sending.pool as pool:
        yield from pool.map(items)
    if sending.unanswered is not None and sending.outage.silent:
        raise sending.unanswered


class _Sending:
    """What the threads of one transfer share."""

    def __init__(self, sources: Mapping[str, Source], store: Store, ctx: JobContext, effort: Effort, idle: Callable[[], None]) -> None:
        threads = effort.threads
        self.pool: Pool[Item, Proof | Failure] = Pool(self._send, ctx, threads, window=WINDOW * threads, idle=idle)
        self.ctx = self.pool.ctx
        self.store = store
        self.sources = sources
        self.outage = Outage(effort.retry, self.ctx, lambda: store.head(NOTHING))
        self.buffers = _Buffers(self.pool, max(1, threads))
        self._own = threading.local()
        self._put_bytes = store.limits.put_bytes
        self._silent = 0
        self.unanswered: StoreUnavailableError | None = None
        """why the last file failed, if nothing was sent after it"""

    def _send(self, item: Item) -> Proof | Failure:
        progress = self.ctx.progress
        token = progress.start_file(item.modality, item.path, item.size)
        tries = Tries()
        try:
            small = item.size <= self._put_bytes
            proof = self._whole(item, tries) if small else _LargeFile(self, item, token, tries).send()
        except ChorusError as error:
            self._stop_if_hopeless(error)
            progress.add(item.modality, failed=1)
            return failure_of(item, error, tries.count)
        finally:
            progress.end_file(token)
        self._silent, self.unanswered = 0, None
        progress.add(item.modality, files=1, size=item.size if small else 0)
        return proof

    def _stop_if_hopeless(self, error: ChorusError) -> None:
        if isinstance(error, StoreUnavailableError):
            self._silent, self.unanswered = self._silent + 1, error
        if error.fatal or self._silent >= OUTAGE:
            raise error

    def _whole(self, item: Item, tries: Tries) -> Proof:
        """A file that fits into one request."""
        began = time.perf_counter()
        buffer = self._buffer(item.size + 1)  # one more: a file that grew shows
        with closing(self.sources[item.modality].open(item.path)) as reader:
            check_unchanged(reader.stat(), item)
            read = fill(reader, memoryview(buffer)[: item.size + 1])
            if read != item.size:
                raise changed(item, f"{read:,} bytes or more were read" if read > item.size else f"only {read:,} bytes could be read")
            check_unchanged(reader.stat(), item)
        data = memoryview(buffer)[: item.size]
        whole = md5_of(data)
        digest, md5 = whole.digest(), whole.hexdigest()
        check_content(item, md5)
        hashed = time.perf_counter()

        def put() -> BlobInfo:
            self.ctx.throttle(item.size)
            return acknowledged(self.store.put(item.store_path, data, md5=digest), item.size, md5)

        info = self.outage.call(put, tries)
        return Proof(
            item,
            md5,
            info.etag,
            Level.TRANSPORT,
            sent_bytes=item.size,
            md5_seconds=hashed - began,
            upload_seconds=time.perf_counter() - hashed,
        )

    def _buffer(self, size: int) -> bytearray:
        """This thread's own, used again for every file."""
        buffer: bytearray | None = getattr(self._own, "buffer", None)
        if buffer is None or len(buffer) < size:
            buffer = self._own.buffer = bytearray(size)
        return buffer


class _Buffers:
    """At most ``most`` buffers for blocks, borrowed and given back under the pool's lock."""

    def __init__(self, pool: Pool[Item, Proof | Failure], most: int) -> None:
        self._pool = pool
        self._most = most
        self._out = 0
        self._free: list[bytearray] = []

    def borrow(self, size: int, unwanted: Callable[[], bool]) -> bytearray | None:
        """A buffer of at least ``size`` bytes when one is free, or None once it is ``unwanted``; sends others' blocks meanwhile."""
        got: list[bytearray] = []

        def claim() -> bool:
            if unwanted():
                return True
            if self._out == self._most:
                return False
            self._out += 1
            got.append(self._free.pop() if self._free else bytearray())
            return True

        self._pool.work_until(claim)
        if not got:
            return None
        return got[0] if len(got[0]) >= size else bytearray(size)

    def give_back(self, buffer: bytearray) -> None:
        """Call with the pool's lock held (from :meth:`Pool.change`)."""
        self._out -= 1
        self._free.append(buffer)


class _LargeFile:
    """A file that goes in blocks: one thread reads it from beginning to end, all threads send its blocks."""

    def __init__(self, sending: _Sending, item: Item, token: int, tries: Tries) -> None:
        self._sending = sending
        self._pool = sending.pool
        self._ctx = sending.ctx
        self._store = sending.store
        self._item = item
        self._token = token
        self._tries = tries
        self._block = block_size(item.size, sending.store.limits)
        self._ids = [""] * -(-item.size // self._block)
        self._staged: dict[str, int] = {}
        # below: changed under the pool's lock
        self._pending = 0
        self._done = 0
        self._reused = 0
        self._error: ChorusError | None = None

    def send(self) -> Proof:
        began = time.perf_counter()
        source = self._sending.sources[self._item.modality]
        check_unchanged(source.stat(self._item.path), self._item)
        waiting = self._ask(lambda: self._store.list_staged(self._item.store_path))
        self._staged = {block.id: block.size for block in waiting}
        try:
            md5, digest, reading = self._read(source)
            self._pool.work_until(lambda: self._pending == 0)
            if self._error is not None:
                raise self._error
            check_unchanged(source.stat(self._item.path), self._item)
            check_content(self._item, md5)
            info, level = self._commit(md5, digest)
        except ChorusError as error:
            self._give_up(error)
            raise
        return Proof(
            self._item,
            md5,
            info.etag,
            level,
            sent_bytes=self._item.size - self._reused,
            reused_bytes=self._reused,
            md5_seconds=reading,
            upload_seconds=time.perf_counter() - began - reading,
        )

    def _read(self, source: Source) -> tuple[str, bytes, float]:
        """Read to the end and hand the blocks over; the whole MD5 (hex and bytes) and the seconds that reading and hashing took."""
        item, whole, seconds = self._item, md5_of(), 0.0
        with closing(source.open(item.path)) as reader:
            for number in range(len(self._ids)):
                self._ctx.checkpoint()
                buffer = self._sending.buffers.borrow(self._block, lambda: self._error is not None)
                if buffer is None:
                    break
                self._pool.change(self._count_pending)
                began = time.perf_counter()
                size = min(self._block, item.size - number * self._block)
                view = memoryview(buffer)[:size]
                try:
                    read = fill(reader, view)
                except ChorusError as error:
                    self._settle(buffer, error)
                    raise
                if read != size:
                    error = changed(item, f"only {number * self._block + read:,} bytes could be read")
                    self._settle(buffer, error)
                    raise error
                whole.update(view)
                seconds += time.perf_counter() - began
                self._pool.submit_urgent(self._part(number, buffer, size))
            else:
                if reader.readinto(bytearray(1)):
                    raise changed(item, "more bytes could be read")
        return whole.hexdigest(), whole.digest(), seconds

    def _count_pending(self) -> None:
        self._pending += 1

    def _part(self, number: int, buffer: bytearray, size: int) -> Callable[[], None]:
        def part() -> None:
            error: ChorusError | None = None
            try:
                if self._error is None:
                    self._stage(number, memoryview(buffer)[:size])
            except ChorusError as failed:
                error = failed
            self._settle(buffer, error)

        return part

    def _settle(self, buffer: bytearray, error: ChorusError | None) -> None:
        def change() -> None:
            self._sending.buffers.give_back(buffer)
            self._pending -= 1
            self._error = self._error or error

        self._pool.change(change)

    def _stage(self, number: int, data: memoryview) -> None:
        size = len(data)
        whole = md5_of(data)
        digest = whole.digest()
        name = self._ids[number] = block_id(number, self._block, whole.hexdigest())
        reused = self._staged.get(name) == size
        if reused:
            self._ctx.checkpoint()
        else:

            def stage() -> None:
                self._ctx.throttle(size)
                self._store.stage_block(self._item.store_path, name, data, md5=digest)

            self._ask(stage)
        self._ctx.progress.add(self._item.modality, size=size)

        def change() -> None:
            self._done += size
            self._reused += size if reused else 0
            self._ctx.progress.move(self._token, self._done)

        self._pool.change(change)

    def _commit(self, md5: str, digest: bytes) -> tuple[BlobInfo, Level]:
        path = self._item.store_path

        def commit() -> tuple[BlobInfo, Level]:
            self._ctx.checkpoint()
            try:
                return self._store.commit_blocks(path, self._ids, md5=digest), Level.TRANSPORT
            except BlobNotFoundError as error:
                # The answer to an earlier request may have been lost, or a request delivered twice: the blocks are the blob by now.
                if (landed := self._landed(md5)) is not None:
                    return landed
                if set(self._ids) <= {block.id for block in self._store.list_staged(path)}:
                    raise ChecksumError(
                        f"The list of the parts of “{path}” was damaged on its way to the central store.",
                        meaning="All parts of the file have arrived there.",
                        remedy="Run the same command again. The parts are not sent again.",
                    ) from error
                raise

        return self._ask(commit)

    def _landed(self, md5: str) -> tuple[BlobInfo, Level] | None:
        """The blob, if it has the file's size and content by now, and how well that is known."""
        found = self._store.head(self._item.store_path)
        if found is None or found.size != self._item.size:
            return None
        if found.md5 is not None:
            return (found, Level.PROPERTIES) if found.md5 == md5 else None
        return (found, Level.REREAD) if hash_of(self._store, found, self._ctx) == md5 else None

    def _ask(self, request: Callable[[], T]) -> T:
        return self._sending.outage.call(request, self._tries)

    def _give_up(self, error: ChorusError) -> None:
        """Wait until no thread works on this file any more, and take its bytes back."""

        def mark() -> None:
            self._error = self._error or error

        self._pool.change(mark)
        self._pool.work_until(lambda: self._pending == 0)
        self._ctx.progress.add(self._item.modality, size=-self._done)


def failure_of(item: Item, error: ChorusError, attempts: int = 1) -> Failure:
    """Why the item was not sent."""
    return Failure(item, type(error).__name__, error.summary, error.remedy, attempts)


def fill(reader: FileReader, view: memoryview) -> int:
    """Read until the view is full or the file ends; the bytes read."""
    done = 0
    while done < len(view):
        got = reader.readinto(view[done:])
        if not got:
            break
        done += got
    return done


def changed(item: Item, how: str) -> SourceChangedError:
    """The failure of a file that is no longer the approved one."""
    return SourceChangedError(
        f"“{item.path}” changed after the review: {how}, but {item.size:,} were expected.",
        remedy="Scan again, and approve the changes.",
    )


def check_unchanged(now: SourceStat, item: Item) -> None:
    """Raise :class:`SourceChangedError` if size or time are not the item's."""
    if now.size != item.size:
        raise changed(item, f"it has {now.size:,} bytes")
    if now.mtime_us != item.mtime_us:
        raise SourceChangedError(f"“{item.path}” was written to after the review.", remedy="Scan again, and approve the changes.")


def check_content(item: Item, md5: str) -> None:
    """Raise :class:`SourceChangedError` if the MD5 that was recorded before is another one."""
    if item.md5 is not None and is_md5(item.md5) and item.md5 != md5:
        raise SourceChangedError(
            f"The content of “{item.path}” differs from the journal, although its size and time are the same.",
            meaning="The file was not uploaded.",
            remedy="Check the file and its disk. If the file is right, submit it with “chorus-upload submit --hash”.",
        )


def acknowledged(info: BlobInfo, size: int, md5: str) -> BlobInfo:
    """The store's answer, if it describes the bytes that were sent; otherwise :class:`ChecksumError`."""
    if info.size != size or info.md5 not in (None, md5):
        raise ChecksumError(
            f"The central store confirmed other bytes of “{info.path}” than were sent.",
            meaning="The file counts as not uploaded.",
            remedy="Upload it again.",
        )
    return info
