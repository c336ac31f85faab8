"""A file that goes to the store in blocks."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from chorus_gui.core.engine.work import Place
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.model import Item, Proof
from chorus_gui.core.storage.base import Source, replacing
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.transfer.blocks import ID_CHARS, block_id, block_size, id_length, names_content, staged_size
from chorus_gui.core.transfer.checks import acknowledged, changed, check_content, check_unchanged, fill, level_of

if TYPE_CHECKING:
    from chorus_gui.core.transfer.sender import Sender


class Block(NamedTuple):
    """A block that was read and waits to be sent: its file, its number in the file, and the buffer that has its bytes."""

    file: int
    number: int
    buffer: int


class Buffers:
    """As many buffers for blocks as the place has threads, borrowed and given back under the place's lock."""

    def __init__(self, place: Place[Block]) -> None:
        self._place = place
        self._all = [bytearray() for _ in range(place.threads)]
        self._free = list(range(place.threads))

    def borrow(self, size: int, unwanted: Callable[[], bool]) -> int | None:
        """The number of a buffer of at least ``size`` bytes when one is free, or None once it is ``unwanted``; sends others' blocks
        meanwhile."""
        got: list[int] = []

        def claim() -> bool:
            if unwanted():
                return True
            if not self._free:
                return False
            got.append(self._free.pop())
            return True

        self._place.work_until(claim)
        if not got:
            return None
        if len(self._all[got[0]]) < size:
            self._all[got[0]] = bytearray(size)
        return got[0]

    def view(self, number: int, size: int) -> memoryview:
        """The first ``size`` bytes of a borrowed buffer."""
        return memoryview(self._all[number])[:size]

    def give_back(self, number: int) -> None:
        """Call with the place's lock held (from :meth:`Place.change`)."""
        self._free.append(number)


class LargeFile:
    """A file that goes in blocks: one thread reads it from beginning to end, all threads send its blocks."""

    def __init__(self, sender: Sender, item: Item, number: int, token: int) -> None:
        self._sender = sender
        self._number = number
        self._place = sender.place
        self._ctx = sender.ctx
        self._store = sender.store
        self._item = item
        self._token = token
        self._block = 0
        self._ids: list[str] = []
        self._id_length = ID_CHARS
        self._staged: dict[str, int] = {}
        # below: changed under the pool's lock
        self._pending = 0
        self._done = 0
        self._reused = 0
        self._error: ChorusError | None = None

    def send(self) -> Proof:
        """Read the file and have its blocks sent.  Raises :class:`ChorusError` if that failed, when no thread works on it any more."""
        began = time.perf_counter()
        source = self._sender.sources[self._item.modality]
        check_unchanged(source.stat(self._item.path), self._item)
        waiting = self._store.list_staged(self._item.store_path)
        self._staged = {block.id: block.size for block in waiting}
        wanted = staged_size(self._staged) or self._sender.pace.block_size()
        self._block = block_size(self._item.size, self._store.limits, wanted)
        self._ids = [""] * -(-self._item.size // self._block)
        self._id_length = id_length(self._staged, len(self._ids))
        try:
            md5, digest, reading = self._read(source)
            self._place.work_until(lambda: self._pending == 0)
            if self._error is not None:
                raise self._error
            now = source.stat(self._item.path)
            check_unchanged(now, self._item)
            check_content(self._item, md5, now)
            self._ctx.checkpoint()
            condition = replacing(self._item.replaces)
            done = self._store.commit_blocks(self._item.store_path, self._ids, md5=digest, condition=condition)
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
            md5_seconds=reading,
            upload_seconds=time.perf_counter() - began - reading,
        )

    def _read(self, source: Source) -> tuple[str, bytes, float]:
        """Read to the end and hand the blocks over; the whole MD5 (hex and bytes) and the seconds that reading and hashing took."""
        item, whole, seconds = self._item, md5_of(), 0.0
        with closing(source.open(item.path)) as reader:
            for number in range(len(self._ids)):
                self._ctx.checkpoint()
                buffer = self._sender.buffers.borrow(self._block, lambda: self._error is not None)
                if buffer is None:
                    break
                self._place.change(self._count_pending)
                began = time.perf_counter()
                size = self._size_of(number)
                view = self._sender.buffers.view(buffer, size)
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
                self._place.share(Block(self._number, number, buffer))
            else:
                if reader.readinto(bytearray(1)):
                    raise changed(item, "more bytes could be read")
        return whole.hexdigest(), whole.digest(), seconds

    def _size_of(self, number: int) -> int:
        return min(self._block, self._item.size - number * self._block)

    def _count_pending(self) -> None:
        self._pending += 1

    def send_block(self, block: Block) -> None:
        """Send a block, in any thread."""
        error: ChorusError | None = None
        try:
            if self._error is None:
                self._stage(block.number, self._sender.buffers.view(block.buffer, self._size_of(block.number)))
        except ChorusError as failed:
            error = failed
        self._settle(block.buffer, error)

    def _settle(self, buffer: int, error: ChorusError | None) -> None:
        def change() -> None:
            self._sender.buffers.give_back(buffer)
            self._pending -= 1
            self._error = self._error or error

        self._place.change(change)

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

        self._place.change(mark)
        self._place.work_until(lambda: self._pending == 0)
        self._ctx.progress.add(self._item.modality, size=-self._done)
