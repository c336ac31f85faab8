"""A site whose files are in a bucket, of whichever service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import (
    AccessError,
    BlobNotFoundError,
    ConditionError,
    SourceVanishedError,
    StoreError,
    StoreUnavailableError,
    Why,
)
from chorus_gui.core.model import Problem
from chorus_gui.core.storage.base import Ask, ChooseFolder, Folder, KnownMd5, SourceStat, Voucher, at_once
from chorus_gui.core.storage.bucket.listing import pages
from chorus_gui.core.storage.bucket.values import CHUNK_BYTES, Bucket, Gets, Listed, Properties
from chorus_gui.core.storage.flat import Key, folders_of
from chorus_gui.core.storage.http.channel import Answer
from chorus_gui.core.storage.names import check_below
from chorus_gui.core.storage.read_lane import HttpReadLane, ReadLane
from chorus_gui.core.storage.source_errors import replaced, unlisted, unreadable, vanished
from chorus_gui.core.storage.whole import Whole

T = TypeVar("T")
RENAME = "Rename the object in the bucket, for example in the provider's console, and scan again."
REFUSALS = 25
"""If this number of objects is refused before any could be read, the whole bucket is refused."""


class BucketSource:
    """A bucket, or what is under a prefix in it, as a :class:`~chorus_gui.core.storage.base.Source`.

    An object's time is in whole seconds; its version is what the service calls it by.  In addition to :class:`SourceError`, a service
    that is out of reach or refuses everything raises :class:`StoreUnavailableError` or :class:`AccessError`.
    """

    def __init__(self, place: Place) -> None:
        self.__setstate__(place)

    def __getstate__(self) -> Place:
        """For another process: it opens the same place, with the same credentials."""
        return self._place

    def __setstate__(self, place: Place) -> None:
        self._place = place
        self._prefix = f"{place.prefix}/" if place.prefix else ""
        self._opened = self._open_bucket(place)
        self._refused = 0
        """objects in a row that may not be read, as long as none could be"""
        self._trusted = False

    def _open_bucket(self, place: Place) -> Bucket:
        """The way to the bucket of a service."""
        raise NotImplementedError

    def _unreadable(self, ask: Ask) -> Callable[[Listed], Problem | None]:
        """For one walk: why the bytes of a listed object cannot be had now, without ``path``."""
        del ask
        return lambda _: None

    @property
    def url(self) -> str:
        """ "s3://bucket/prefix", "gs://bucket/prefix"."""
        return self._place.text

    def folders(self, want: ChooseFolder, checkpoint: Callable[[], None], ask: Ask = at_once) -> Iterator[Folder]:
        """See :meth:`Source.folders`.  One flat listing, a request for every 1,000 objects, in several threads."""
        return folders_of(self._keys(ask), want, checkpoint, rename=RENAME)

    def stat(self, path: str) -> SourceStat:
        """See :meth:`Source.stat`."""
        key = self._key(path)
        found = self._asked(path, lambda: self._opened.head(key))
        if found is None:
            raise vanished(path)
        return self._stat(found)

    def open(self, path: str, offset: int = 0, *, version: str = "") -> BucketReader:
        """See :meth:`Source.open`.  One request, which also brings the first bytes."""
        key = self._key(path)
        piece = self._asked(path, lambda: self._opened.read(key, offset, CHUNK_BYTES, version=version))
        if piece is not None:
            return BucketReader(self, path, (offset, self._stat(piece.whole)), piece.data)
        stat = self.stat(path)  # empty, or nothing is at the offset
        if version and stat.version != version:
            raise replaced(path)
        return BucketReader(self, path, (max(offset, stat.size), stat), b"")

    def read_whole(self, path: str, most: int) -> Whole:
        """See :meth:`ReadsWhole.read_whole`.  One request, for a file of up to 4 MiB."""
        key = self._key(path)
        piece = self._asked(path, lambda: self._opened.read(key, 0, max(1, min(most, CHUNK_BYTES))))  # a range has a byte at least
        if piece is None:
            stat = self.stat(path)
            return Whole(stat, b"", stat)
        stat = self._stat(piece.whole)
        return Whole(stat, piece.data[:most], stat)

    def read_lane(self) -> ReadLane | None:
        """See :class:`HasReadLane`."""
        opened = self._opened
        if not isinstance(opened, Gets):
            return None

        def read(_: str, most: int, answer: Answer) -> Whole | None:
            piece = opened.got(most, answer)
            stat = self._stat(piece.whole) if piece else None
            return Whole(stat, piece.data, stat) if piece and stat else None

        return HttpReadLane(opened.connect, lambda path, most: opened.get_message(self._key(path), most), read, opened.moved)

    def read(self, path: str, offset: int, version: str) -> bytes:
        """The bytes of one version from an offset on, at most 4 MiB; b"" at its end.  Errors as :meth:`open`."""
        key = self._key(path)
        piece = self._asked(path, lambda: self._opened.read(key, offset, CHUNK_BYTES, version=version))
        return piece.data if piece else b""

    @property
    def ranged(self) -> bool:
        """See :attr:`ReadsRanges.ranged`."""
        return True

    def read_range(self, path: str, offset: int, version: str, into: memoryview) -> int:
        """See :meth:`ReadsRanges.read_range`: at most 4 MiB."""
        key = self._key(path)
        into = into[:CHUNK_BYTES]
        piece = self._asked(path, lambda: self._opened.read(key, offset, len(into), version=version, into=into))
        if piece is None or piece.taken:
            return piece.taken if piece else 0
        into[: len(piece.data)] = piece.data
        return len(piece.data)

    def close(self) -> None:
        """See :meth:`Source.close`."""
        self._opened.close()

    def _key(self, path: str) -> str:
        """Raises :class:`SourceError` for a path that no object can have: a journal can name anything."""
        check_below(path, windows=False)  # a key is not a name on this computer's disk
        try:
            path.encode()
        except UnicodeEncodeError:
            shown = path.encode("utf-8", "replace").decode()
            raise SourceVanishedError(
                f"“{shown[:200]}” is not a file of the site: its name is not valid text.",
                remedy="Scan again. The review then shows what changed, and what to do.",
            ) from None
        return self._prefix + path

    def _keys(self, ask: Ask) -> Iterator[Key]:
        begin, why = len(self._prefix), self._unreadable(ask)
        try:
            for objects in self._pages(ask):
                for one in objects:
                    yield Key(one.key[begin:], one.size, one.modified_us, one.version, self._known(one.md5), why(one))
        except (AccessError, BlobNotFoundError) as error:
            raise unlisted(self.url, error) from error

    def _pages(self, ask: Ask) -> Iterator[list[Listed]]:
        """The objects below the prefix, in the order of their keys."""
        return pages(self._opened, self._prefix, ask)

    def _stat(self, found: Properties) -> SourceStat:
        return SourceStat(found.size, found.modified_us, found.version, self._known(found.md5))

    def _known(self, md5: str) -> KnownMd5 | None:
        return KnownMd5(md5, Voucher.SERVICE if self._opened.own_server else Voucher.WRITER) if md5 else None

    def _asked(self, path: str, action: Callable[[], T]) -> T:
        """The answer, or the error of one file where only that file is concerned."""
        try:
            answer = action()
        except BlobNotFoundError as error:
            raise vanished(path) from error
        except ConditionError as error:
            raise replaced(path) from error
        except AccessError as error:
            self._refused += 1
            if error.why is not Why.RIGHTS or (self._refused > REFUSALS and not self._trusted):
                raise
            raise unreadable(path, error) from error
        except StoreUnavailableError:
            raise
        except StoreError as error:
            raise unreadable(path, error) from error
        self._trusted = True
        return answer


class BucketReader:
    """An open object: one version of it, in pieces of up to 4 MiB."""

    def __init__(self, source: BucketSource, path: str, at: tuple[int, SourceStat], data: bytes) -> None:
        self._source, self._path = source, path
        self._next, self._stat = at[0] + len(data), at[1]
        self._left = memoryview(data)

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:
        """See :meth:`FileReader.readinto`."""
        if not self._left and self._next < self._stat.size:
            data = self._source.read(self._path, self._next, self._stat.version)
            self._left, self._next = memoryview(data), self._next + len(data)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def stat(self) -> SourceStat:
        """See :meth:`FileReader.stat`: of the one version that is being read; another one ends the reading with an error."""
        return self._stat

    def close(self) -> None:
        """Forget what was fetched."""
        self._left, self._next = memoryview(b""), self._stat.size
