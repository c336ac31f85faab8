"""A small file of a site in one go: as few calls to the system as there can be."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

from chorus_gui.core.storage.base import Source, SourceStat


class Whole(NamedTuple):
    """The bytes of a file, and what it was before and after they were read."""

    before: SourceStat
    data: bytes
    after: SourceStat


@runtime_checkable
class ReadsWhole(Protocol):
    """A source that has a quick way of its own."""

    def read_whole(self, path: str, most: int) -> Whole:
        """A file, of which at most ``most`` bytes are read.  Errors as :meth:`Source.open`."""
        ...


def whole_reader(source: Source) -> Callable[[str, int], Whole]:
    """What reads a file of this source: :meth:`ReadsWhole.read_whole`, its own or one that opens the file."""
    if isinstance(source, ReadsWhole):
        return source.read_whole
    return partial(read_opened, source)


def read_opened(source: Source, path: str, most: int) -> Whole:
    """As :meth:`ReadsWhole.read_whole`, from an open file."""
    with closing(source.open(path)) as reader:
        before = reader.stat()
        buffer, done = bytearray(most), 0
        while done < most and (got := reader.readinto(memoryview(buffer)[done:])):
            done += got
        return Whole(before, bytes(memoryview(buffer)[:done]), reader.stat())
