"""Bytes in memory as what a store writes."""

from __future__ import annotations

from collections.abc import Generator

from chorus_gui.core.storage.base import Buffer
from chorus_gui.core.storage.digests import md5_of


class Given:
    """``data`` in chunks of ``chunk`` bytes, all of them in the same buffer.  ``fails``: raised once after the first chunk.

    ``asked`` counts how often it was read from its beginning, ``closed`` how often that ended.
    """

    def __init__(self, data: bytes, *, chunk: int = 64, fails: BaseException | None = None) -> None:
        self.data = data
        self.fails = fails
        self.asked = self.closed = 0
        self._buffer = bytearray(chunk)
        self._md5 = b""

    @property
    def size(self) -> int:
        return len(self.data)

    def chunks(self) -> Generator[Buffer, None, None]:
        self.asked += 1
        step = len(self._buffer)
        try:
            for start in range(0, len(self.data), step):
                part = self.data[start : start + step]
                self._buffer[: len(part)] = part
                yield memoryview(self._buffer)[: len(part)]
                if self.fails is not None:
                    fails, self.fails = self.fails, None
                    raise fails
            self._md5 = md5_of(self.data).digest()
        finally:
            self.closed += 1

    def md5(self) -> bytes:
        return self._md5
