"""What sends files in one place: the worker of a transfer."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import closing, nullcontext
from itertools import count

from chorus_gui.core.engine.work import Place, Worker
from chorus_gui.core.errors import ChorusError, Silence, StoreUnavailableError
from chorus_gui.core.model import Failure, Item, Proof
from chorus_gui.core.storage.base import Source, Store, replacing
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.transfer.blocks import BLOCK
from chorus_gui.core.transfer.by_service import ByService
from chorus_gui.core.transfer.checks import acknowledged, changed, check_content, check_unchanged, failure_of, fill, level_of
from chorus_gui.core.transfer.large import Block, Buffers, LargeFile
from chorus_gui.core.transfer.pace import Pace
from chorus_gui.core.transfer.stream import StreamedFile

UNANSWERED = 8
"""The job stops when this many files in a row got no answer."""

PACED = 64 * 1024
"""Smaller files are so little on the line that their number needs no limit but the number of threads."""

_UNPACED = nullcontext()


class Sender(Worker[Item, Proof | Failure, Block]):
    """Sends files to ``store``: a small one in one request, a large one in blocks that all threads of the place send, or as it is
    read where the store takes no blocks.

    ``sources`` are by modality.  Only files that fail alone are failures; the rest is raised, see
    :func:`~chorus_gui.core.transfer.transfer.transfer`.
    """

    def __init__(self, sources: Mapping[str, Source], store: Store, place: Place[Block]) -> None:
        self.place = place
        self.ctx = place.ctx
        self.store = store
        self.sources = sources
        self.service = ByService(store)
        self.buffers = Buffers(place)
        self._put_bytes, self._blocks = store.limits.put_bytes, store.limits.blocks
        self.pace = Pace(self.ctx, 2 * place.threads * max(BLOCK, self._put_bytes))
        self._own = threading.local()
        self._files: dict[int, LargeFile] = {}
        self._numbers = count()
        self._silent = 0
        self._unanswered: StoreUnavailableError | None = None
        """why the last file failed, if nothing was sent after it"""

    def run(self, task: Item) -> tuple[Proof | Failure]:
        """Send a file."""
        try:
            proof = self.send(task)
        except ChorusError as error:
            self._stop_if_hopeless(error)
            self.ctx.progress.add(task.modality, failed=1)
            return (failure_of(task, error),)
        self._silent, self._unanswered = 0, None
        return (proof,)

    def send(self, item: Item) -> Proof:
        """Send a file.  Raises the :class:`ChorusError` that prevented it."""
        progress = self.ctx.progress
        token = progress.start_file(item.modality, item.path, item.size)
        small = item.size <= self._put_bytes
        try:
            proof = self.service.send(item, self.sources[item.modality]) or (
                self._send_small(item)
                if small
                else self._send_large(item, token)
                if self._blocks
                else StreamedFile(self, item, token).send()
            )
        finally:
            progress.end_file(token)
        progress.add(item.modality, files=1, size=item.size if small or proof.fetched else 0)
        return proof

    def help(self, part: Block) -> None:
        """Read or send a block of a large file."""
        file = self._files.get(part.file)
        if file is not None:  # else its thread has left, because the job is stopped
            file.help(part)

    def finish(self) -> None:
        """Raise :class:`StoreUnavailableError` if the store was silent when the last file failed."""
        if self._unanswered is not None and self._unanswered.silence is not Silence.NONE:
            raise self._unanswered

    def _stop_if_hopeless(self, error: ChorusError) -> None:
        if isinstance(error, StoreUnavailableError):
            self._silent, self._unanswered = self._silent + 1, error
        if error.fatal or self._silent >= UNANSWERED:
            raise error

    def _send_large(self, item: Item, token: int) -> Proof:
        number = next(self._numbers)
        self._files[number] = file = LargeFile(self, item, number, token)
        try:
            return file.send()
        finally:
            del self._files[number]

    def _send_small(self, item: Item) -> Proof:
        """A file that fits into one request."""
        began = time.perf_counter()
        buffer = self._buffer(item.size + 1)  # one more: a file that grew shows
        with closing(self.sources[item.modality].open(item.path)) as reader:
            check_unchanged(reader.stat(), item)
            read = fill(reader, memoryview(buffer)[: item.size + 1])
            if read != item.size:
                raise changed(item, f"{read:,} bytes or more were read" if read > item.size else f"only {read:,} bytes could be read")
            now = reader.stat()
            check_unchanged(now, item)
        data = memoryview(buffer)[: item.size]
        whole = md5_of(data)
        digest, md5 = whole.digest(), whole.hexdigest()
        check_content(item, md5, now)
        hashed, condition = time.perf_counter(), replacing(item.replaces)
        with self.pace.sending(item.size) if item.size >= PACED else _UNPACED:
            info = acknowledged(self.store.put(item.store_path, data, md5=digest, condition=condition), item.size, md5)
        return Proof(
            item,
            md5,
            info.etag,
            level_of(info),
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
