"""Files of a source as the checks read them: a range, a stream, lines of a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.base import FileReader, Source

BLOCK = 1 << 20
Watch = Callable[[bytes], None] | None
"""Sees the bytes as they are read."""
LONGEST_FIELD = 1 << 24
"""Characters of one field; a longer one means that a quote is not closed."""


def read_range(source: Source, path: str, length: int, offset: int = 0) -> bytes:
    """At most ``length`` bytes from ``offset``.  Raises :class:`SourceError`, and what a store raises."""
    reader = source.open(path, offset)
    try:
        buffer, done = bytearray(length), 0
        view = memoryview(buffer)
        while done < length and (got := reader.readinto(view[done:])):
            done += got
        view.release()
        del buffer[done:]
        return bytes(buffer)
    finally:
        reader.close()


class Stream(io.RawIOBase):
    """A file of a source as a raw stream: for a buffer, a text, a parser.  Stops when the job is cancelled, and waits while it is paused."""

    def __init__(self, reader: FileReader, ctx: JobContext, watch: Watch = None) -> None:
        self._reader = reader
        self._ctx = ctx
        self._watch = watch
        self.done = 0
        """bytes that were read"""

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """As :meth:`FileReader.readinto`.  Raises :class:`Cancelled`."""
        self._ctx.checkpoint()
        got = self._reader.readinto(memoryview(buffer)) or 0
        self.done += got
        if self._watch is not None and got:
            self._watch(bytes(memoryview(buffer)[:got]))
        return got

    def close(self) -> None:
        """Closes the file, once."""
        if not self.closed:
            super().close()
            self._reader.close()


@contextmanager
def opened(source: Source, path: str, ctx: JobContext, watch: Watch = None) -> Generator[io.BufferedReader[Stream]]:
    """A file to read from its beginning.  Raises as :func:`read_range`, and :class:`Cancelled`."""
    stream = Stream(source.open(path), ctx, watch)
    buffered = io.BufferedReader(stream, BLOCK)
    try:
        yield buffered
    finally:
        with suppress(ValueError):
            buffered.close()


@contextmanager
def table_lines(source: Source, path: str, ctx: JobContext, delimiter: str = ",", watch: Watch = None) -> Generator[Any]:
    """The csv reader of a table; bytes that are not UTF-8 become a mark.  Its ``line_num`` counts lines from 1."""
    csv.field_size_limit(LONGEST_FIELD)
    with opened(source, path, ctx, watch) as buffered:
        text = io.TextIOWrapper(buffered, "utf-8-sig", errors="replace", newline="")
        try:
            yield csv.reader(text, delimiter=delimiter)
        finally:
            text.detach()
