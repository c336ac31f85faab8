"""A site whose files lie in a container."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import TypeVar

from chorus_gui.core.config.credentials import Credentials
from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import (
    AccessError,
    BlobNameError,
    BlobNotFoundError,
    ConditionError,
    SourceChangedError,
    SourceVanishedError,
    StoreError,
    StoreUnavailableError,
)
from chorus_gui.core.model import Problem
from chorus_gui.core.storage.accepts import refusal
from chorus_gui.core.storage.azure.login import Login
from chorus_gui.core.storage.azure.store import AzureStore
from chorus_gui.core.storage.azure.wire import CHUNK_BYTES
from chorus_gui.core.storage.base import Ask, BlobInfo, ChooseFolder, Folder, KnownMd5, Page, SourceStat, Voucher, at_once
from chorus_gui.core.storage.by_service import Borrower, Lent
from chorus_gui.core.storage.flat import Key, folders_of
from chorus_gui.core.storage.read_lane import ReadLane
from chorus_gui.core.storage.retrying import Continued
from chorus_gui.core.storage.source_errors import replaced, unlisted, unreadable, vanished
from chorus_gui.core.storage.whole import Whole, read_opened

T = TypeVar("T")
LEAST_BYTES = 64
"""The shortest range: of an empty blob, the emulator answers to shorter ones what no range is."""
ARCHIVE_REMEDY = "Bring it back to the Hot or Cool tier (in the Azure portal: “Change tier”; this takes up to 15 hours), then scan again. Or hold it back."
_ARCHIVED = Problem((), "", "It is in Azure's archive tier, so it cannot be read now.", ARCHIVE_REMEDY, if_read=True)


class AzureSource:
    """A container, or what lies under a prefix in it, as a :class:`~chorus_gui.core.storage.base.Source`.

    ``login`` as for :class:`AzureStore`.  A blob's time is when it was last written, whole seconds.  Besides :class:`SourceError`, a store that is out of reach or
    refuses raises :class:`StoreUnavailableError` or :class:`AccessError`: they concern every file, and may be retried or not.
    """

    def __init__(self, place: Place, *, login: Login | None = None, store: AzureStore | None = None) -> None:
        self.__setstate__((place, store or AzureStore(place, login=login), store is None))

    def __getstate__(self) -> tuple[Place, AzureStore, bool]:
        """For another process; as :meth:`AzureStore.__reduce__`."""
        return self._place, self._store, self._checks

    def __setstate__(self, state: tuple[Place, AzureStore, bool]) -> None:
        self._place, self._store, self._checks = state
        self._refuses: Callable[[str], str] = refusal(self._place) if self._checks else lambda _: ""

    def renew(self, credentials: Credentials) -> None:
        """As :meth:`AzureStore.renew`."""
        self._store.renew(credentials)

    @property
    def url(self) -> str:
        """ "az://container/prefix"."""
        return self._store.url

    def folders(self, want: ChooseFolder, checkpoint: Callable[[], None], ask: Ask = at_once) -> Iterator[Folder]:
        """See :meth:`Source.folders`.  One flat listing, a request for every 5,000 blobs."""
        return folders_of(self._keys(ask), want, checkpoint, self._refuses)

    def stat(self, path: str) -> SourceStat:
        """See :meth:`Source.stat`."""
        return _stat(self._properties(path))

    def _properties(self, path: str) -> BlobInfo:
        found = _as_source(path, lambda: self._store.head(path))
        if found is None:
            raise SourceVanishedError(f"“{path}” is no longer in {self.url}.", remedy="Scan again.")
        return found

    def open(self, path: str, offset: int = 0, *, version: str = "") -> BlobReader:
        """See :meth:`Source.open`.  One request, which also brings the first bytes."""
        try:
            first = _as_source(path, lambda: self._store.read_first(path, offset, CHUNK_BYTES, etag=version or None))
        except SourceChangedError:
            self.stat(path)  # some servers say so of a blob that is gone, too
            raise
        found, data = (_stat(first[0]), first[1]) if first else (self.stat(path), b"")
        if version and found.version != version:
            raise replaced(path)
        at = offset + len(data)
        more = self._store.read(path, offset=at, etag=found.version) if at < found.size else iter(())
        return BlobReader(path, found, chain((data,) if data else (), more))

    def read_whole(self, path: str, most: int) -> Whole:
        """See :meth:`ReadsWhole.read_whole`.  One request, for a file of up to 4 MiB."""
        first = _as_source(path, lambda: self._store.read_first(path, 0, max(LEAST_BYTES, most))) if most <= CHUNK_BYTES else None
        if first is None or len(first[1]) < min(most, first[0].size):  # under a limit, the answer is a part
            return read_opened(self, path, most)
        return _whole(first[0], first[1][:most])

    def read_lane(self) -> ReadLane | None:
        """See :class:`HasReadLane`."""
        return self._store.read_lane(_whole)

    @property
    def ranged(self) -> bool:
        """See :attr:`ReadsRanges.ranged`."""
        return True

    def read_range(self, path: str, offset: int, version: str, into: memoryview) -> int:
        """See :meth:`ReadsRanges.read_range`: at most 4 MiB."""
        data = _as_source(path, lambda: next(self._store.read(path, offset=offset, length=len(into), etag=version), b""))
        into[: len(data)] = data
        return len(data)

    def lent(self, path: str, to: Borrower) -> Lent | None:
        """See :meth:`Lends.lent`: with a SAS, or inside one account; and the MD5 that the blob shows.  One request, for its properties.

        A blob with metadata is not lent: a service can copy them, too, and only content may leave the site.
        """
        way = _as_source(path, lambda: self._store.lent_to(path, to))
        if way is None:
            return None
        found = self._properties(path)
        return Lent(way.address, _stat(found), bytes.fromhex(found.md5), way.signs_in) if found.md5 and not found.metadata else None

    def close(self) -> None:
        """See :meth:`Source.close`."""
        self._store.close()

    def _keys(self, ask: Ask) -> Iterator[Key]:
        pages = Continued(lambda: self._store.pages("", marker))
        marker = ""
        while (page := ask(lambda: self._turned(pages))) is not None:
            for blob in page.blobs:
                yield Key(blob.path, blob.size, blob.modified_us, blob.etag, _claim(blob), _ARCHIVED if blob.archived else None)
            marker = page.marker
            if not marker:
                return

    def _turned(self, pages: Continued[Page]) -> Page | None:
        try:
            return pages.turn()
        except (AccessError, BlobNotFoundError) as error:
            raise unlisted(self.url, error) from error


class BlobReader:
    """An open blob: chunks from the store, handed out as they are asked for."""

    def __init__(self, path: str, stat: SourceStat, chunks: Iterator[bytes]) -> None:
        self._path = path
        self._stat = stat
        self._chunks = chunks
        self._left = memoryview(b"")

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:
        """See :meth:`Reader.readinto`."""
        if not self._left:
            self._left = memoryview(_as_source(self._path, lambda: next(self._chunks, b"")))
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def stat(self) -> SourceStat:
        """See :meth:`Reader.stat`: of the one version that is being read; another one ends the reading with an error."""
        return self._stat

    def close(self) -> None:
        """Forget what was fetched."""
        self._left = memoryview(b"")
        self._chunks = iter(())


def _whole(blob: BlobInfo, data: bytes) -> Whole:
    stat = _stat(blob)
    return Whole(stat, data, stat)


def _stat(blob: BlobInfo) -> SourceStat:
    return SourceStat(blob.size, blob.modified_us, blob.etag, _claim(blob))


def _claim(blob: BlobInfo) -> KnownMd5 | None:
    """The service computes it for a blob that was written at once, and keeps what it is told for any other: it cannot be distinguished."""
    return KnownMd5(blob.md5, Voucher.WRITER) if blob.md5 else None


def _as_source(path: str, action: Callable[[], T]) -> T:
    try:
        return action()
    except BlobNotFoundError as error:
        raise vanished(path) from error
    except ConditionError as error:
        raise replaced(path) from error
    except (StoreUnavailableError, AccessError):
        raise
    except BlobNameError as error:
        raise SourceVanishedError(
            f"“{path}” is not a file of the site: no file can have this name.",
            meaning=error.meaning,
            remedy="Scan again. The review then shows what changed, and what to do.",
        ) from error
    except StoreError as error:
        raise unreadable(path, error) from error
