"""A large file of a site that is read at several places at the same time, where each read takes a moment to begin."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from chorus_gui.core.storage.base import Source


@runtime_checkable
class ReadsRanges(Protocol):
    """A source that may be read faster in that way: one in a cloud.  On a disk one reader after the other is faster."""

    @property
    def ranged(self) -> bool:
        """It is so."""
        ...

    def read_range(self, path: str, offset: int, version: str, into: memoryview) -> int:
        """One request for the bytes from ``offset`` on, of this version alone: how many came, 0 at the end of the file.  Errors as :meth:`Source.open`."""
        ...


def ranges_of(source: Source) -> ReadsRanges | None:
    """The source, if it is read faster at several places."""
    return source if isinstance(source, ReadsRanges) and source.ranged else None
