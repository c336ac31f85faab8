"""A file that goes to the store in blocks."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from chorus_gui.core.engine.work import Place
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.model import Item, Proof
from chorus_gui.core.storage.base import SourceStat, replacing
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.storage.ranges import ranges_of
from chorus_gui.core.transfer.blocks import ID_CHARS, block_id, block_size, id_length, names_content, staged_size
from chorus_gui.core.transfer.checks import acknowledged, changed, check_content, check_unchanged, fill, level_of

if TYPE_CHECKING:
    from chorus_gui.core.transfer.sender import Sender


class Block(NamedTuple):
    """A block of a file, and the buffer for its bytes.  ``read``: they are in it, and wait to be sent; otherwise they must be read first."""

    file: int
    number: int
    buffer: int
    read: bool


BUFFER_BYTES = 64 * 1024 * 1024
"""For blocks that are read ahead, or are on their way.  On a distant line many small blocks are, and as many threads as they need."""


class Buffers:
    """Buffers for blocks: one for each thread of the place; for what is read ahead, as many as :data:`BUFFER_BYTES` have room for.

    Borrowed and given back under the place's lock.
    """

    def __init__(self, place: Place[Block]) -> None:
        self._place = place
        self._all: list[bytearray] = []
        self._free: list[int] = []
        self._gone: list[int] = []
        """numbers of buffers that were too small"""

    def borrow(self, size: int, unwanted: Callable[[], bool], *, ahead: bool = False) -> int | None:
        """The number of a buffer of at least ``size`` bytes when one is free, or None once it is ``unwanted``; sends others' blocks
        meanwhile.  ``ahead``: there can be more than threads."""
        got: list[int] = []

        def claim() -> bool:
            if unwanted():
                return True
            found = self._claimed(size, ahead)
            if found is None:
                return False
            got.append(found)
            return True

        self._place.work_until(claim)
        return got[0] if got else None

    def _claimed(self, size: int, ahead: bool) -> int | None:
        fits = next((number for number in self._free if len(self._all[number]) >= size), None)
        if fits is not None:
            self._free.remove(fits)
            return fits
        for number in self._free:  # all of these are too small
            self._all[number] = bytearray()
            self._gone.append(number)
        self._free.clear()
        if len(self._all) - len(self._gone) >= self._place.threads and not (ahead and sum(map(len, self._all)) + size <= BUFFER_BYTES):
            return None
        if not self._gone:
            self._gone.append(len(self._all))
            self._all.append(bytearray())
        number = self._gone.pop()
        self._all[number] = bytearray(size)
        return number

    def view(self, number: int, size: int) -> memoryview:
        """The first ``size`` bytes of a borrowed buffer."""
        return memoryview(self._all[number])[:size]

    def give_back(self, number: int) -> None:
        """Call with the place's lock held (from :meth:`Place.change`)."""
        self._free.append(number)


class LargeFile:
    """A file that goes in blocks, which all threads send.

    One thread reads it from beginning to end; where it is read faster at several places (:mod:`~chorus_gui.core.storage.ranges`), all
    threads read blocks, too.  The MD5 of the whole is taken of the blocks in their order, by any thread, while others send the same bytes.
    """

    def __init__(self, sender: Sender, item: Item, number: int, token: int) -> None:
        self._sender = sender
        self._number = number
        self._place = sender.place
        self._ctx = sender.ctx
        self._store = sender.store
        self._source = sender.sources[item.modality]
        self._ranges = ranges_of(self._source)
        self._item = item
        self._token = token
        self._version = ""
        self._block = 0
        self._ids: list[str] = []
        self._id_length = ID_CHARS
        self._staged: dict[str, int] = {}
        self._whole = md5_of()
        # below: changed under the pool's lock
        self._uses: dict[int, int] = {}  # of a buffer: it is to be hashed, and to be sent
        self._unhashed: dict[int, int] = {}  # blocks that were read → their buffers
        self._hashed = 0
        self._hashing = False
        self._seconds = 0.0
        self._done = 0
        self._reused = 0
        self._error: ChorusError | None = None

    def send(self) -> Proof:
        """Read the file and have its blocks sent.  Raises :class:`ChorusError` if that failed, when no thread works on it any more."""
        began = time.perf_counter()
        try:
            now = self._read()
            self._place.work_until(lambda: not self._uses)
            if self._error is not None:
                raise self._error
            if self._ranges is None:  # a range is of one version, which was the current one when the last was read
                now = self._source.stat(self._item.path)
                check_unchanged(now, self._item)
            md5 = self._whole.hexdigest()
            check_content(self._item, md5, now)
            self._ctx.checkpoint()
            condition = replacing(self._item.replaces)
            done = self._store.commit_blocks(self._item.store_path, self._ids, md5=self._whole.digest(), condition=condition)
            info = acknowledged(done, self._item.size, md5)
        except ChorusError as error:
            self._give_up(error)
            raise
        return Proof(
            self._item,
            md5,
            info.etag,
            level_of(info),
            sent_bytes=self._item.size - self._reused,
            reused_bytes=self._reused,
            md5_seconds=self._seconds,
            upload_seconds=max(0.0, time.perf_counter() - began - self._seconds),
        )

    def _read(self) -> SourceStat:
        """Have every block read, and handed over; what is being read."""
        item = self._item
        with closing(self._source.open(item.path)) as reader:
            now = reader.stat()
            check_unchanged(now, item)
            self._version = now.version
            self._plan()
            for number in range(len(self._ids)):
                self._ctx.checkpoint()
                buffer = self._sender.buffers.borrow(self._block, lambda: self._error is not None, ahead=self._ranges is not None)
                if buffer is None:
                    break
                self._place.change(partial(self._use, buffer))
                block = Block(self._number, number, buffer, read=False)
                if self._ranges is None or not number:  # opening it brought its first bytes
                    began = time.perf_counter()
                    self._arrive(block, lambda view: fill(reader, view))
                    self._place.change(partial(self._count_seconds, time.perf_counter() - began))
                else:
                    self._place.share(block)
            else:
                if self._ranges is None and self._error is None and reader.readinto(bytearray(1)):
                    raise changed(item, "more bytes could be read")
        return now

    def _plan(self) -> None:
        """Look what an interrupted upload left, and choose the blocks."""
        waiting = self._store.list_staged(self._item.store_path)
        self._staged = {block.id: block.size for block in waiting}
        wanted = staged_size(self._staged) or self._sender.pace.block_size()
        self._block = block_size(self._item.size, self._store.limits, wanted)
        self._ids = [""] * -(-self._item.size // self._block)
        self._id_length = id_length(self._staged, len(self._ids))

    def help(self, block: Block) -> None:
        """Read a block, or send it, in any thread."""
        if block.read:
            self._send_block(block)
        else:
            self._arrive(block, lambda view: self._read_range(block.number * self._block, view))

    def _read_range(self, offset: int, view: memoryview) -> int:
        """Fill the view with the bytes from ``offset`` on; how many there are."""
        done = 0
        while self._ranges is not None and done < len(view):
            self._ctx.checkpoint()
            got = self._ranges.read_range(self._item.path, offset + done, self._version, view[done:])
            if not got:
                break
            done += got
        return done

    def _arrive(self, block: Block, read: Callable[[memoryview], int]) -> None:
        """Read a block; then it can be sent and hashed at the same time."""
        view = self._view(block)
        error: ChorusError | None = None
        try:
            got = read(view) if self._error is None else 0
            if got != len(view):
                error = changed(self._item, f"only {block.number * self._block + got:,} bytes could be read")
        except ChorusError as failed:
            error = failed
        sent = False

        def change() -> None:
            nonlocal sent
            self._error = self._error or error
            if self._error is None:
                self._unhashed[block.number] = block.buffer
                sent = True
            else:
                self._release(block.buffer, 2)
                self._drop()

        self._place.change(change)
        if sent:
            self._place.share(block._replace(read=True))
            self._hash()

    def _hash(self) -> None:
        """Take the MD5 of the blocks that were read, in their order, unless another thread does it."""
        found: list[int] = []

        def take() -> None:
            if not self._hashing and (buffer := self._unhashed.pop(self._hashed, None)) is not None:
                self._hashing = True
                found.append(buffer)

        def put_back() -> None:
            self._hashing = False
            self._hashed += 1
            self._seconds += time.perf_counter() - began if self._ranges is not None else 0.0
            self._release(buffer)
            take()

        self._place.change(take)
        while found:
            buffer, began = found.pop(), time.perf_counter()
            self._whole.update(self._sender.buffers.view(buffer, self._size_of(self._hashed)))
            self._place.change(put_back)

    def _view(self, block: Block) -> memoryview:
        return self._sender.buffers.view(block.buffer, self._size_of(block.number))

    def _size_of(self, number: int) -> int:
        return min(self._block, self._item.size - number * self._block)

    def _send_block(self, block: Block) -> None:
        error: ChorusError | None = None
        try:
            if self._error is None:
                self._stage(block.number, self._view(block))
        except ChorusError as failed:
            error = failed

        def change() -> None:
            self._release(block.buffer)
            if error is not None:
                self._error = self._error or error
                self._drop()

        self._place.change(change)

    # --- with the place's lock held ----------------------------------------------------------------------------------------

    def _use(self, buffer: int) -> None:
        self._uses[buffer] = 2

    def _count_seconds(self, seconds: float) -> None:
        self._seconds += seconds

    def _release(self, buffer: int, uses: int = 1) -> None:
        self._uses[buffer] -= uses
        if not self._uses[buffer]:
            del self._uses[buffer]
            self._sender.buffers.give_back(buffer)

    def _drop(self) -> None:
        """After an error nobody hashes what was read."""
        for buffer in self._unhashed.values():
            self._release(buffer)
        self._unhashed.clear()

    # --- the blocks of this file --------------------------------------------------------------------------------------------

    def _stage(self, number: int, data: memoryview) -> None:
        size = len(data)
        whole = md5_of(data)
        digest = whole.digest()
        name = self._ids[number] = block_id(number, self._block, whole.hexdigest(), self._id_length)
        reused = names_content(self._id_length) and self._staged.get(name) == size
        if reused:
            self._ctx.checkpoint()
        else:
            with self._sender.pace.sending(size):
                self._store.stage_block(self._item.store_path, name, data, md5=digest)
        self._ctx.progress.add(self._item.modality, size=size)

        def change() -> None:
            self._done += size
            self._reused += size if reused else 0
            self._ctx.progress.move(self._token, self._done)

        self._place.change(change)

    def _give_up(self, error: ChorusError) -> None:
        """Wait until no thread works on this file any more, and take its bytes back."""

        def mark() -> None:
            self._error = self._error or error
            self._drop()

        self._place.change(mark)
        self._place.work_until(lambda: not self._uses)
        self._ctx.progress.add(self._item.modality, size=-self._done)
