"""The two protocols through which everything above uses storage, and what they promise.

``transfer/`` and ``custody/`` never see HTTP or a file system: a faster wire, S3 or another retry rule changes nothing above.
Every store raises only :class:`~chorus_gui.core.errors.StoreError` subclasses, with no secret in their text, and passes the suite in
``tests/contract``.  A source raises :class:`~chorus_gui.core.errors.SourceError` subclasses for a file, and a source in the cloud also
:class:`~chorus_gui.core.errors.StoreUnavailableError` and :class:`~chorus_gui.core.errors.AccessError`, which concern every file.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol, TypeVar

from chorus_gui.core.model import Problem, many

T = TypeVar("T")

Buffer = bytes | bytearray | memoryview


@many
class BlobInfo:
    """A blob as the store describes it.

    ``md5`` is the MD5 property as lower-case hex, or None where the store keeps none for this blob: for a blob made from blocks
    it is what the writer claimed, not what the store computed.  ``etag`` changes with every write; compare, never parse.
    ``metadata`` is empty where a listing does not carry it (:meth:`Store.head` always does).  ``looked_up``: it is the result of a write
    whose answer was lost; the blob was asked for afterwards, and shows what was written.  ``archived``: a listing says that it must be
    brought back before it can be read.
    """

    path: str
    size: int
    md5: str | None
    etag: str
    modified_us: int = 0
    metadata: Mapping[str, str] | None = None
    looked_up: bool = False
    archived: bool = False


class Page(NamedTuple):
    """A part of a listing.  ``marker`` is what :meth:`Store.pages` continues with after it; "" after the last page."""

    blobs: list[BlobInfo]
    marker: str


class LevelPage(NamedTuple):
    """A part of what is directly below a prefix: the names of the folders, and the blobs.  ``marker`` is as in :class:`Page`."""

    folders: list[str]
    blobs: list[BlobInfo]
    marker: str


@dataclass(frozen=True, slots=True)
class Condition:
    """When a write may happen.  ``absent``: only if there is nothing.  ``etag``: only if that version is there."""

    absent: bool = False
    etag: str | None = None


ALWAYS = Condition()
IF_ABSENT = Condition(absent=True)


def replacing(etag: str | None) -> Condition:
    """The condition that says what a write replaces: None anything, "" nothing, otherwise only the blob of this ETag."""
    return ALWAYS if etag is None else Condition(etag=etag) if etag else IF_ABSENT


@dataclass(frozen=True, slots=True)
class StagedBlock:
    """A block that is not yet part of a blob.  ``id`` is the text given to :meth:`Store.stage_block`."""

    id: str
    size: int


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How much one request can carry.  ``put_bytes``: a larger file is sent as at most ``blocks`` blocks of ``block_bytes``.

    ``blocks`` 0: the store takes no blocks, and a larger file is sent with :meth:`Store.write`.  All in bytes but ``blocks``.
    """

    put_bytes: int
    block_bytes: int = 0
    blocks: int = 50_000


class Content(Protocol):
    """The bytes of a file on its way to a store, which can be read again if they did not arrive."""

    @property
    def size(self) -> int:
        """How many bytes it has."""
        ...

    def chunks(self) -> Generator[Buffer, None, None]:
        """The bytes from the first to the last.  A chunk is valid until the next one is asked for, and small: a cancellation ends it soon.

        What it raises ends the write, which changes nothing then.
        """
        ...

    def md5(self) -> bytes:
        """The MD5 (16 bytes) of what :meth:`chunks` gave when it came to its end."""
        ...


class Store(Protocol):
    """A place for blobs: a container in the cloud, or a folder that behaves like one.  Safe to use from many threads.

    Paths are posix, relative to the store's prefix; names are case-sensitive keys, folders do not exist.  A store sends each request
    once.  :class:`~chorus_gui.core.storage.retrying.RetryingStore`, a store around a store, sends it again and waits, so that callers
    never think of it.  What a store writes passes :func:`~chorus_gui.core.storage.sending.before_sending`, piece by piece.
    """

    @property
    def url(self) -> str:
        """How people and journals name this store ("az://container/prefix"); never holds a secret."""
        ...

    @property
    def limits(self) -> StoreLimits:
        """How much one request can carry."""
        ...

    def put(
        self, path: str, data: Buffer, *, md5: bytes | None = None, metadata: Mapping[str, str] | None = None, condition: Condition = ALWAYS
    ) -> BlobInfo:
        """Write a whole blob at once; it is there afterwards, or nothing is changed.

        ``md5`` (16 bytes) is checked by the store against what arrived: :class:`ChecksumError` if it differs.  Raises
        :class:`ConditionError`, :class:`BlobNameError`, :class:`AccessError`, :class:`StoreFullError`,
        :class:`StoreUnavailableError`.
        """
        ...

    def write(self, path: str, content: Content, *, metadata: Mapping[str, str] | None = None, condition: Condition = ALWAYS) -> BlobInfo:
        """Write a whole blob of any size as it is read; it is there afterwards, or nothing is changed.

        Only for a store whose :attr:`limits` allow no blocks; the next three are for the others (``NotImplementedError``).  Errors as :meth:`put`, and
        what ``content`` raises.
        """
        ...

    def stage_block(self, path: str, block_id: str, data: Buffer, *, md5: bytes | None = None) -> None:
        """Send one block of a blob to come.  Staging an id again replaces it.  Errors as :meth:`put`.

        ``block_id`` is at most 64 ASCII characters, and all ids of one blob have the same length; ``data`` is not empty.
        A staged block waits for about seven days; :meth:`put` and :meth:`delete` forget those of their path.
        """
        ...

    def commit_blocks(
        self,
        path: str,
        block_ids: Sequence[str],
        *,
        md5: bytes | None = None,
        metadata: Mapping[str, str] | None = None,
        condition: Condition = ALWAYS,
    ) -> BlobInfo:
        """Make the blob of exactly these staged blocks, in this order, and forget the other staged ones.

        ``md5`` becomes the MD5 property unchecked.  Raises :class:`BlobNotFoundError` if a block is not staged, else as :meth:`put`.
        """
        ...

    def list_staged(self, path: str) -> list[StagedBlock]:
        """The staged blocks, in no order; empty if there are none."""
        ...

    def head(self, path: str) -> BlobInfo | None:
        """The blob's properties and metadata, or None."""
        ...

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """Every blob whose path begins with the text ``prefix``, in no promised order, fetched page by page."""
        ...

    def pages(self, prefix: str = "", marker: str = "") -> Iterator[Page]:
        """As :meth:`list`, in the pages in which the store gives them.

        ``marker``: continue after the page that had it, also in another listing of the same ``prefix``.  A blob that is there
        all the time comes exactly once then, whatever else changes meanwhile.
        """
        ...

    def list_folders(self, prefix: str = "") -> Iterator[str]:
        """The names of the folders directly below ``prefix``, which is "" or ends in "/": once each, in no promised order.

        A folder is the part of a path before a further "/".  The blobs in the folders are not read: the cost is a request for every
        few thousand names at this level.
        """
        ...

    def level(self, prefix: str = "", marker: str = "") -> Iterator[LevelPage]:
        """What is directly below ``prefix``, which is "" or ends in "/", in the parts in which the store gives it: folders as
        :meth:`list_folders`, blobs as :meth:`list`.

        ``marker``: continue after the part that had it.  A part can be empty.
        """
        ...

    def read(self, path: str, *, offset: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        """The blob's bytes in chunks of at most 4 MiB; nothing from its end on.

        Raises :class:`BlobNotFoundError`; with ``etag``, :class:`ConditionError` if the blob is not that one.  Both may come
        with the first chunk.
        """
        ...

    def copy(self, source: str, target: str, *, condition: Condition = ALWAYS) -> BlobInfo:
        """Copy a blob inside the store; done when this returns.  MD5 property and metadata are copied, too."""
        ...

    def delete(self, path: str, *, condition: Condition = ALWAYS) -> None:
        """Remove a blob.  Raises :class:`BlobNotFoundError` if there is none."""
        ...

    def close(self) -> None:
        """Close connections.  The store must not be used afterwards."""
        ...


EARLIEST_US, LATEST_US = -(2**63), 2**63 - 1
"""The times that a journal can hold: those of an SQLite integer."""


class Voucher(Enum):
    """Who says what the MD5 of a file is."""

    SERVICE = "service"
    """the service computed it from the bytes that it keeps"""
    WRITER = "writer"
    """whoever wrote the file said so: it can be wrong, and must be compared with the bytes before it counts"""


class KnownMd5(NamedTuple):
    """An MD5 that is known without reading the file, as 32 lower-case hex digits, and who vouches for it."""

    hex: str
    voucher: Voucher


class SourceStat(NamedTuple):
    """Size in bytes; mtime as the journal keeps it, ``floor(st_mtime * 1e6)`` of the float.

    ``version`` identifies this content of the file (an ETag; for a disk its size, time and number); compare it, and give it to
    :meth:`Source.open`, never parse it.  ``md5`` is None where only reading the file can tell.
    """

    size: int
    mtime_us: int
    version: str = ""
    md5: KnownMd5 | None = None


class FileEntry(NamedTuple):
    """A file as a folder lists it.  ``name`` is the last part of its path; the rest as in :class:`SourceStat`.

    ``version`` is "" where the listing does not know it.
    """

    name: str
    size: int
    mtime_us: int
    version: str = ""
    md5: KnownMd5 | None = None


class UnwantedFile(NamedTuple):
    """A file in a folder whose files no pattern wants: it is only counted.  None is what the place does not tell, or what no journal can hold."""

    name: str
    size: int | None
    mtime_us: int | None


@dataclass(slots=True)
class Folder:
    """What one folder of a source holds.  ``path`` is "" for the root.

    ``unwanted`` are its files where only a glance at them was wanted.  ``problems`` are entries that could not be looked at, and the folder itself if it could not be read (what
    was read of it before stands beside); whose they are is not known here: their ``modalities`` are empty.  A folder of very many
    files comes in parts: all but the last are not ``complete``.
    """

    path: str
    files: list[FileEntry]
    unwanted: list[UnwantedFile]
    problems: list[Problem]
    complete: bool = True


class FileReader(Protocol):
    """An open file of a source, at some offset."""

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:
        """Fill the buffer as far as one read goes; 0 at the end.  Raises :class:`SourceError`."""
        ...

    def stat(self) -> SourceStat:
        """Size, time and version now of what is being read; cheaper than :meth:`Source.stat`, and never of another file of that name."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class FolderChoice(NamedTuple):
    """What is wanted of a folder.

    ``descend``: list it, and ask about the folders in it.  ``files``: its files are wanted, so one that cannot be looked
    at is a problem; else they are ``unwanted``.  ``measure``: those with size and time, which on a disk takes as long as for others.  ``follow``: list it
    even if it is a link.
    """

    descend: bool
    files: bool
    follow: bool = False
    measure: bool = False


class ChooseFolder(Protocol):
    """Asked once for every folder before it is listed, in the thread that consumes the walk."""

    def __call__(self, folder: str, /) -> FolderChoice:
        """``folder`` is the posix path relative to the root, "" for the root itself."""
        ...


class Ask(Protocol):
    """Sends a request of a walk and gives its answer: at once, or after trying again and waiting.  Called in any thread."""

    def __call__(self, request: Callable[[], T], /) -> T:
        """Raises what ``request`` raises in the end."""
        ...


def at_once(request: Callable[[], T], /) -> T:
    """An :class:`Ask` that sends the request once."""
    return request()


class Source(Protocol):
    """A site's root: a folder, or what is under a prefix in a bucket or container.  Safe to use from many threads.

    Paths are posix, relative to the root, in exactly the site's characters.  Every source passes the suite in ``tests/contract``.  An error
    that is ``retryable`` (:class:`SourceUnavailableError`, :class:`StoreUnavailableError`) means that nothing answered; a source
    sends each request once, and :class:`~chorus_gui.core.storage.retrying_source.RetryingSource` sends it again and waits.
    """

    @property
    def url(self) -> str:
        """How people name it; never holds a secret."""
        ...

    def folders(self, want: ChooseFolder, checkpoint: Callable[[], None], ask: Ask = at_once) -> Iterator[Folder]:
        """Walk the whole source once, in no promised order, calling ``checkpoint`` often.  Every request goes through ``ask``.

        The memory that it takes does not grow with the number of files.  An unreadable folder, a vanished file, and a file whose name
        no path can have becomes a :class:`~chorus_gui.core.model.Problem` and never stops the walk.  What only stands for a
        folder is not a file.  Raises :class:`SourceVanishedError` or :class:`SourceUnreadableError` only for the root itself; a
        listing in the cloud also :class:`StoreUnavailableError`.
        """
        ...

    def stat(self, path: str) -> SourceStat:
        """Size, time and version of a file.  Raises :class:`SourceVanishedError`, :class:`SourceUnreadableError`."""
        ...

    def open(self, path: str, offset: int = 0, *, version: str = "") -> FileReader:
        """Open a file for reading from ``offset``, which may be its end or beyond it.  Errors as :meth:`stat`.

        ``version``: only this version of it; otherwise :class:`SourceChangedError`, here or when it is read.  In the cloud, what is
        read is one version in any case.
        """
        ...

    def close(self) -> None:
        """Closes connections.  The source must not be used afterwards."""
        ...
