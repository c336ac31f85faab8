"""A source that sends requests again and waits for an outage to end, around a source that does neither.

As :mod:`chorus_gui.core.storage.retrying` does it for stores; the job of the calling thread says how patient a request is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from chorus_gui.core import job
from chorus_gui.core.storage.base import Ask, ChooseFolder, FileReader, Folder, Source, SourceStat, at_once
from chorus_gui.core.storage.outage import UNANSWERED, Outage
from chorus_gui.core.storage.retrying import NOTHING

T = TypeVar("T")


class RetryingSource:
    """``source`` as :class:`~chorus_gui.core.storage.base.Source`.  Safe to use from many threads.

    ``outage`` is what is known of the place.  A walk asks again for the page or the folder that failed, not for those before it.  A file
    that breaks off while it is read continues where it was, in the same version.
    """

    def __init__(self, source: Source, outage: Outage | None = None) -> None:
        self.inner = source
        self.outage = outage or Outage("The site")

    def __repr__(self) -> str:
        return f"RetryingSource({self.inner!r})"

    @property
    def url(self) -> str:
        """As :attr:`Source.url`."""
        return self.inner.url

    def folders(self, want: ChooseFolder, checkpoint: Callable[[], None], ask: Ask = at_once) -> Iterator[Folder]:
        """As :meth:`Source.folders`."""
        ctx = job.current()

        def patient(request: Callable[[], T]) -> T:
            with ctx.entered():  # also in the threads of the walk
                return self.ask(lambda: ask(request))

        return self.inner.folders(want, checkpoint, patient)

    def stat(self, path: str) -> SourceStat:
        """As :meth:`Source.stat`."""
        return self.ask(lambda: self.inner.stat(path))

    def open(self, path: str, offset: int = 0, *, version: str = "") -> FileReader:
        """As :meth:`Source.open`."""
        return self.ask(lambda: RetryingReader(self, path, offset, self.inner.open(path, offset, version=version)))

    def close(self) -> None:
        """As :meth:`Source.close`."""
        self.inner.close()

    def ask(self, request: Callable[[], T]) -> T:
        """The answer to a request, waited for."""
        return self.outage.call(request, self._probe)

    def _probe(self) -> None:
        self.inner.stat(NOTHING)


class RetryingReader:
    """An open file.  After a read that was not answered, the same version of the file is opened again at the same place."""

    __slots__ = ("_offset", "_path", "_reader", "_source", "_version")

    def __init__(self, source: RetryingSource, path: str, offset: int, reader: FileReader) -> None:
        self._source = source
        self._path = path
        self._offset = offset
        self._reader = reader
        try:
            self._version = reader.stat().version
        except BaseException:
            reader.close()
            raise

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:
        """As :meth:`FileReader.readinto`."""
        try:
            count = self._reader.readinto(buffer)
        except UNANSWERED:
            count = self._source.ask(lambda: self._again().readinto(buffer))
        self._offset += count or 0
        return count

    def stat(self) -> SourceStat:
        """As :meth:`FileReader.stat`."""
        try:
            return self._reader.stat()
        except UNANSWERED:
            return self._source.ask(lambda: self._again().stat())

    def close(self) -> None:
        """As :meth:`FileReader.close`."""
        self._reader.close()

    def _again(self) -> FileReader:
        self._reader.close()
        self._reader = self._source.inner.open(self._path, self._offset, version=self._version)
        return self._reader
