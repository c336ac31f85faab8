"""A source that sends requests again and waits for an outage to end, around a source that does neither.

As :mod:`chorus_gui.core.storage.retrying` does it for stores; the job of the calling thread says how patient a request is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from chorus_gui.core import job
from chorus_gui.core.errors import AccessError
from chorus_gui.core.job import Patience
from chorus_gui.core.storage.base import Ask, ChooseFolder, FileReader, Folder, Source, SourceStat, at_once
from chorus_gui.core.storage.by_service import Borrower, Lends, Lent, lends
from chorus_gui.core.storage.listed import HasInventory
from chorus_gui.core.storage.outage import UNANSWERED, Outage
from chorus_gui.core.storage.ranges import ranges_of
from chorus_gui.core.storage.read_lane import ReadLane, read_lane_of
from chorus_gui.core.storage.renewal import Kind, Renewal
from chorus_gui.core.storage.retrying import NOTHING
from chorus_gui.core.storage.silence import NOTHING_KNOWN, About
from chorus_gui.core.storage.whole import Whole, whole_reader

T = TypeVar("T")


class RetryingSource:
    """``source`` as :class:`~chorus_gui.core.storage.base.Source`.  Safe to use from many threads.

    ``outage`` is what is known of the place, ``renewal`` as for :class:`~chorus_gui.core.storage.retrying.RetryingStore`.  A walk asks again for the page or the folder that failed, not for those before it.  A file
    that breaks off while it is read continues where it was, in the same version.
    """

    def __init__(self, source: Source, outage: Outage | None = None, renewal: Renewal | None = None) -> None:
        self.inner = source
        self.renewal = renewal
        self.outage = outage or Outage("The site")
        self._read_whole = whole_reader(source)

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
                return self.ask(lambda: ask(request), "list")

        return self.inner.folders(want, checkpoint, patient)

    def stat(self, path: str) -> SourceStat:
        """As :meth:`Source.stat`."""
        return self.ask(lambda: self.inner.stat(path), "read", About(path))

    def open(self, path: str, offset: int = 0, *, version: str = "") -> FileReader:
        """As :meth:`Source.open`."""
        return self.ask(lambda: RetryingReader(self, path, offset, self.inner.open(path, offset, version=version)), "read", About(path))

    def read_whole(self, path: str, most: int) -> Whole:
        """As :meth:`ReadsWhole.read_whole`."""
        if job.current().patience is Patience.ONCE:  # most calls: nothing is waited for
            return self._read_whole(path, most)
        return self.ask(lambda: self._read_whole(path, most), "read", About(path))

    def read_lane(self) -> ReadLane | None:
        """See :class:`HasReadLane`.  What a lane does not bring, its user reads again in another way, which waits."""
        return read_lane_of(self.inner)

    @property
    def inventory_us(self) -> int:
        """As :attr:`HasInventory.inventory_us`."""
        return self.inner.inventory_us if isinstance(self.inner, HasInventory) else 0

    @property
    def ranged(self) -> bool:
        """As :attr:`ReadsRanges.ranged`."""
        return ranges_of(self.inner) is not None

    def read_range(self, path: str, offset: int, version: str, into: memoryview) -> int:
        """As :meth:`ReadsRanges.read_range`."""
        ranges = ranges_of(self.inner)
        if ranges is None:
            raise NotImplementedError("this source is read from beginning to end")
        return self.ask(lambda: ranges.read_range(path, offset, version, into), "read", About(path))

    def lent(self, path: str, to: Borrower) -> Lent | None:
        """As :meth:`Lends.lent`."""
        return self.ask(lambda: lends(self.inner, path, to), "read", About(path)) if isinstance(self.inner, Lends) else None

    def close(self) -> None:
        """As :meth:`Source.close`."""
        self.inner.close()

    def ask(self, request: Callable[[], T], kind: Kind, about: About = NOTHING_KNOWN) -> T:
        """The answer to a request, waited for."""
        if self.renewal is None:
            return self.outage.call(request, self._probe, about)
        return self.renewal.call(lambda: self.outage.call(request, self._probe, about), kind)

    def _probe(self) -> None:
        self.inner.stat(NOTHING)


class RetryingReader:
    """An open file.  After a read that was not answered, the same version of the file is opened again at the same place."""

    __slots__ = ("_about", "_broken", "_offset", "_path", "_reader", "_source", "_version")

    def __init__(self, source: RetryingSource, path: str, offset: int, reader: FileReader) -> None:
        self._source = source
        self._path = path
        self._about = About(path)
        self._offset = offset
        self._reader = reader
        self._broken = False
        try:
            self._version = reader.stat().version
        except BaseException:
            reader.close()
            raise

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:
        """As :meth:`FileReader.readinto`."""
        count = self._source.ask(lambda: self._once(lambda: self._reader.readinto(buffer)), "read", self._about)
        self._offset += count or 0
        return count

    def stat(self) -> SourceStat:
        """As :meth:`FileReader.stat`."""
        return self._source.ask(lambda: self._once(lambda: self._reader.stat()), "read", self._about)

    def _once(self, step: Callable[[], T]) -> T:
        """One attempt, with a file that is open."""
        if self._broken:
            self._reader.close()
            self._reader = self._source.inner.open(self._path, self._offset, version=self._version)
            self._broken = False
        try:
            return step()
        except (*UNANSWERED, AccessError):
            self._broken = True
            raise

    def close(self) -> None:
        """As :meth:`FileReader.close`."""
        self._reader.close()
