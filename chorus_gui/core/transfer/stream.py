"""A large file that goes to the store as it is read, where the store takes no blocks."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING

from chorus_gui.core.errors import ChorusError
from chorus_gui.core.model import Item, Proof
from chorus_gui.core.storage.base import Buffer, replacing
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.transfer.checks import acknowledged, changed, check_content, check_unchanged, fill, level_of

if TYPE_CHECKING:
    from chorus_gui.core.transfer.sender import Sender

CHUNK = 1024 * 1024
"""Bytes that are read and written at a time."""


class StreamedFile:
    """A file of the site as :class:`~chorus_gui.core.storage.base.Content`: its MD5 is taken of the bytes that are written.

    It ends with :class:`ChorusError` if it is not the approved file, so that nothing takes its place in the store then.
    """

    def __init__(self, sender: Sender, item: Item, token: int) -> None:
        self._sender = sender
        self._ctx = sender.ctx
        self._item = item
        self._token = token
        self._done = 0
        self._md5 = b""
        self._reading = 0.0

    @property
    def size(self) -> int:
        """As :attr:`Content.size`."""
        return self._item.size

    def md5(self) -> bytes:
        """As :meth:`Content.md5`."""
        return self._md5

    def send(self) -> Proof:
        """Write the file.  Raises :class:`ChorusError`, ``Cancelled``; then its bytes are no longer counted."""
        item, began = self._item, time.perf_counter()
        try:
            info = self._sender.store.write(item.store_path, self, condition=replacing(item.replaces))
            md5 = self._md5.hex()
            acknowledged(info, item.size, md5)
        except ChorusError:
            self._count(-self._done)
            raise
        return Proof(
            item,
            md5,
            info.etag,
            level_of(info),
            sent_bytes=item.size,
            md5_seconds=self._reading,
            upload_seconds=time.perf_counter() - began - self._reading,
        )

    def chunks(self) -> Generator[Buffer, None, None]:
        """As :meth:`Content.chunks`."""
        item, whole, buffer = self._item, md5_of(), memoryview(bytearray(min(CHUNK, self._item.size)))
        self._count(-self._done)
        self._reading = 0.0
        with closing(self._sender.sources[item.modality].open(item.path)) as reader:
            check_unchanged(reader.stat(), item)
            while self._done < item.size:
                view = buffer[: item.size - self._done]
                self._ctx.checkpoint()
                began = time.perf_counter()
                read = fill(reader, view)
                if read != len(view):
                    raise changed(item, f"only {self._done + read:,} bytes could be read")
                whole.update(view)
                self._reading += time.perf_counter() - began
                yield view
                self._count(read)
            if reader.readinto(bytearray(1)):
                raise changed(item, "more bytes could be read")
            now = reader.stat()
            check_unchanged(now, item)
        check_content(item, whole.hexdigest(), now)
        self._md5 = whole.digest()

    def _count(self, size: int) -> None:
        self._done += size
        self._ctx.progress.add(self._item.modality, size=size)
        self._ctx.progress.move(self._token, self._done)
