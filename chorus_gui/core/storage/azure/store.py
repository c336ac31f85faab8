"""A container in Azure as a :class:`~chorus_gui.core.storage.base.Store`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chorus_gui.core.config.credentials import Credentials
from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import BlobNotFoundError, ChorusError, ConditionError, StoreError, StoreUnavailableError
from chorus_gui.core.redact import redact
from chorus_gui.core.storage.azure.answers import Access, Operation
from chorus_gui.core.storage.azure.client import Way, connect
from chorus_gui.core.storage.azure.errors import guarded, strange
from chorus_gui.core.storage.azure.lane import AzureLane
from chorus_gui.core.storage.azure.lean_wire import LeanWire
from chorus_gui.core.storage.azure.login import NOBODY, Login
from chorus_gui.core.storage.azure.names import check, doubtful, dropped_dot, is_folder
from chorus_gui.core.storage.azure.pages import turned
from chorus_gui.core.storage.azure.sdk_wire import conditions
from chorus_gui.core.storage.azure.wire import BLOCK_BYTES, CHUNK_BYTES, Piece, Wire
from chorus_gui.core.storage.base import ALWAYS, BlobInfo, Buffer, Condition, Content, LevelPage, Page, StagedBlock, StoreLimits
from chorus_gui.core.storage.by_service import Borrower, CannotFetchError, Lent
from chorus_gui.core.storage.http.channel import Answer
from chorus_gui.core.storage.http.headers import clock_skew
from chorus_gui.core.storage.lane import Lane
from chorus_gui.core.storage.names import check_block_id
from chorus_gui.core.storage.read_lane import HttpReadLane, ReadLane
from chorus_gui.core.storage.sending import read_size
from chorus_gui.core.storage.whole import Whole

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

PUT_BYTES = CHUNK_BYTES
"""Above it a file goes as blocks: on a slow link one request should not last minutes, and an interrupted upload should not start again."""
COPY_SECONDS = 6 * 3600.0
KNOWN_FILES = 256
"""Files in parts whose block sizes are remembered; at most 50,000 numbers each."""
COPY_WAITS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between looks at a copy, the last one for ever after; inside an account most are done at the first."""


def _first(path: str, piece: Piece | None) -> tuple[BlobInfo, bytes] | None:
    if piece is None or piece.info is None or not piece.info.modified_us or is_folder(piece.info.metadata):
        return None
    return replace(piece.info, path=path), piece.data


def _opened(place: Place, login: Login) -> AzureStore:
    return AzureStore(place, login=login)


class AzureStore:
    """A container, or what lies under a prefix in it.  Promises as :class:`~chorus_gui.core.storage.base.Store`.

    ``login`` is the process's sign-in; None: nobody is asked.  Raises :class:`~chorus_gui.core.errors.AccessError` at once for
    credentials that cannot work; only the first request shows whether they do.
    """

    def __init__(self, place: Place, *, login: Login | None = None, wire: Wire | None = None) -> None:
        self._place = place
        self._login = login or Login(NOBODY)
        self._connection = connect(place, self._login)
        self._wire: Wire = wire or self._connection.wire()
        self._sizes = _Sizes()
        self._prefix = f"{place.prefix}/" if place.prefix else ""
        self._url = f"az://{place.container}" + (f"/{place.prefix}" if place.prefix else "")

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the same container, with the place's credentials, or with the tokens that the login has by now.

        So a pickle holds secrets: send it through a pipe to a process of the same person, and never write it down.
        """
        return _opened, (self._place, self._login)

    def __repr__(self) -> str:
        return f"AzureStore({self._url!r} at {self._access.host!r})"

    @property
    def _access(self) -> Access:
        return self._connection.access

    def renew(self, credentials: Credentials) -> None:
        """Use these for every request from now on.  Raises as :class:`AzureStore`."""
        self._connection.renew(credentials)
        self._place = replace(self._place, credentials=credentials)

    @property
    def url(self) -> str:
        """ "az://container/prefix"."""
        return self._url

    @property
    def limits(self) -> StoreLimits:
        """See :class:`StoreLimits`; blobs up to 50,000 blocks of 4000 MiB."""
        return StoreLimits(put_bytes=PUT_BYTES, block_bytes=BLOCK_BYTES)

    def put(
        self, path: str, data: Buffer, *, md5: bytes | None = None, metadata: Mapping[str, str] | None = None, condition: Condition = ALWAYS
    ) -> BlobInfo:
        """See :meth:`Store.put`: one Put Blob request."""
        done = self._wire.put(self._name(path), data, md5=md5, metadata=metadata, condition=condition)
        self._sizes.forget(path)
        self._check_kept(path)
        return BlobInfo(path, len(data), done.md5, done.etag, done.modified_us, metadata or {})

    def lane(self) -> Lane | None:
        """See :class:`HasLane`: none where the SDK sends the requests."""
        return AzureLane(self._wire, self._plain_name) if isinstance(self._wire, LeanWire) else None

    @property
    def borrower(self) -> Borrower | None:
        """See :attr:`Fetches.borrower`: none through a custom address, which would get a SAS of the site's account."""
        return self._connection.borrower if isinstance(self._wire, LeanWire) and self._connection.is_azures else None

    def fetch(self, path: str, lent: Lent) -> BlobInfo:
        """See :meth:`Fetches.fetch`: one Put Blob From URL request."""
        if not isinstance(self._wire, LeanWire):
            raise CannotFetchError("The SDK sends the requests.", remedy="")
        done = self._wire.fetch(self._name(path), lent)
        self._sizes.forget(path)
        self._check_kept(path)
        return BlobInfo(path, lent.stat.size, done.md5, done.etag, done.modified_us, {})

    def lent_to(self, path: str, to: Borrower) -> Way | None:
        """How that service can read a blob; None if it cannot."""
        return self._connection.lent_to(self._name(path), to)

    def _plain_name(self, path: str) -> str:
        """The whole name of a blob that needs no look after it was written.  Raises :class:`BlobNameError`."""
        if doubtful(path):
            raise dropped_dot(path)
        self._sizes.forget(path)
        return self._name(path)

    def stage_block(self, path: str, block_id: str, data: Buffer, *, md5: bytes | None = None) -> None:
        """See :meth:`Store.stage_block`: one Put Block request."""
        check_block_id(block_id, None)
        self._wire.stage_block(self._name(path), block_id, data, md5=md5)
        self._sizes.add(path, block_id, len(data))

    def commit_blocks(
        self,
        path: str,
        block_ids: Sequence[str],
        *,
        md5: bytes | None = None,
        metadata: Mapping[str, str] | None = None,
        condition: Condition = ALWAYS,
    ) -> BlobInfo:
        """See :meth:`Store.commit_blocks`.

        The service does not say how large the blob has become.  If this store neither sent nor listed all of the blocks, it lists them
        first; a missing one is then found before anything is changed.
        """
        sizes = self._sizes.of(path)
        if any(block_id not in sizes for block_id in block_ids):
            sizes = {block.id: block.size for block in self.list_staged(path)}
        if missing := [block_id for block_id in block_ids if block_id not in sizes]:
            raise BlobNotFoundError(
                f"{len(missing)} of {len(block_ids)} parts of “{path}” are no longer in the central store.",
                meaning="Either the file was finished meanwhile, or they are older than seven days.",
                remedy="Upload the file again.",
                code="InvalidBlockList",
            )
        try:
            done = self._wire.commit_blocks(self._name(path), block_ids, md5=md5, metadata=metadata, condition=condition)
        finally:
            self._sizes.forget(path)
        self._check_kept(path)
        size = sum(sizes[block_id] for block_id in block_ids)
        return BlobInfo(path, size, md5.hex() if md5 else None, done.etag, done.modified_us, metadata or {})

    def write(self, path: str, content: Content, *, metadata: Mapping[str, str] | None = None, condition: Condition = ALWAYS) -> BlobInfo:
        """See :meth:`Store.write`: a container takes blocks."""
        raise NotImplementedError("a container takes blocks")

    def list_staged(self, path: str) -> list[StagedBlock]:
        """See :meth:`Store.list_staged`."""
        found = self._wire.list_staged(self._name(path))
        self._sizes.replace(path, {block.id: block.size for block in found})
        return found

    def head(self, path: str) -> BlobInfo | None:
        """See :meth:`Store.head`.  A folder that is kept as a blob of its own is none, as in a listing."""
        found = self._wire.head(self._name(path))
        return None if found is None or is_folder(found.info.metadata) else replace(found.info, path=path)

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """See :meth:`Store.list`: a request for every 5,000 blobs.  Metadata comes along; a folder that an account with a
        hierarchical namespace keeps as a blob of its own is left out.
        """
        for page in self.pages(prefix):
            yield from page.blobs

    def pages(self, prefix: str = "", marker: str = "") -> Iterator[Page]:
        """See :meth:`Store.pages`."""
        above, cut = self._prefix + prefix, len(self._prefix)
        for page in turned(lambda after: self._wire.list_page(above, after), above, self._strange, marker):
            blobs = [blob for blob in page.blobs if len(blob.path) > cut and not is_folder(blob.metadata)]
            yield Page([replace(blob, path=blob.path[cut:]) for blob in blobs] if cut else blobs, page.marker)

    def list_folders(self, prefix: str = "") -> Iterator[str]:
        """See :meth:`Store.list_folders`: the service lists one level, because a delimiter is given."""
        for page in self.level(prefix):
            yield from page.folders

    def level(self, prefix: str = "", marker: str = "") -> Iterator[LevelPage]:
        """See :meth:`Store.level`: a request for every 5,000 names of the level."""
        above, cut = self._prefix + prefix, len(self._prefix)
        for page in turned(lambda after: self._wire.list_page(above, after, delimiter="/"), above, self._strange, marker):
            names = [found[len(above) :] for found in page.folders]
            blobs = [replace(blob, path=blob.path[cut:]) for blob in page.blobs if len(blob.path) > cut and not is_folder(blob.metadata)]
            yield LevelPage([name[:-1] for name in names if name.endswith("/") and name != "/"], blobs, page.marker)

    def read(self, path: str, *, offset: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        """See :meth:`Store.read`: a request for each chunk, all of one version of the blob (its ETag is held to)."""
        name, end = self._name(path, listed=etag is not None), None if length is None else offset + length
        while end is None or offset < end:
            wanted = read_size(CHUNK_BYTES if end is None else min(CHUNK_BYTES, end - offset))
            piece = self._wire.read(name, offset, wanted, etag=etag)
            if piece is None:
                return
            if piece.data:
                yield piece.data
            offset += len(piece.data)
            if offset >= piece.size:
                return
            if not piece.data:
                raise self._strange()
            etag = piece.etag

    def read_first(self, path: str, offset: int, length: int, *, etag: str | None = None) -> tuple[BlobInfo, bytes] | None:
        """The blob, and at most :data:`CHUNK_BYTES` of it from an offset on, in one request; two for an empty one.  Errors as :meth:`read`.

        None where there is nothing at the offset, where the answer does not say what :meth:`head` does, and of a folder.
        """
        name = self._name(path, listed=etag is not None)
        return _first(path, self._wire.read(name, offset, read_size(min(CHUNK_BYTES, length)), etag=etag))

    def read_lane(self, whole: Callable[[BlobInfo, bytes], Whole]) -> ReadLane | None:
        """See :class:`HasReadLane`: none where the SDK sends the requests.  ``whole`` makes a file of what :meth:`read_first` gives."""
        wire = self._wire
        if not isinstance(wire, LeanWire):
            return None

        def read(path: str, most: int, answer: Answer) -> Whole | None:
            first = _first(path, wire.got(self._name(path), most, answer))
            return whole(*first) if first else None

        return HttpReadLane(wire.connect, lambda path, most: wire.get_message(self._name(path), most), read)

    def copy(self, source: str, target: str, *, condition: Condition = ALWAYS) -> BlobInfo:
        """See :meth:`Store.copy`: the service copies, and is asked for the status until the copy is done.

        On failure, and when this is interrupted, the copy is aborted and the empty blob that it leaves is removed.
        """
        name = self._name(target)
        copy_id = self._wire.start_copy(self._name(source), name, condition=condition)
        try:
            looks, until = 0, time.monotonic() + COPY_SECONDS
            while True:
                found = self._wire.head(name)
                if found is None or found.copy_id != copy_id:
                    raise StoreError(f"Somebody replaced “{target}” while “{source}” was being copied to it.", remedy="Try again.")
                if found.copy_status == "success":
                    return replace(found.info, path=target)
                if found.copy_status != "pending":
                    raise StoreError(
                        f"Could not copy “{source}” in the central store.",
                        meaning=redact(found.copy_reason[:200]),
                        remedy="Try again.",
                    )
                if time.monotonic() > until:
                    raise StoreUnavailableError(
                        f"Azure did not finish copying “{source}” in {COPY_SECONDS / 3600:.0f} hours.", remedy="Try again later."
                    )
                time.sleep(COPY_WAITS[min(looks, len(COPY_WAITS) - 1)])
                looks += 1
        except BaseException:
            self._undo_copy(target, copy_id)
            raise

    def delete(self, path: str, *, condition: Condition = ALWAYS) -> None:
        """See :meth:`Store.delete`."""
        blob = self._blob(path, listed=condition.etag is not None)
        if condition.absent and self.head(path) is not None:  # the service has no such condition for a delete
            raise ConditionError(f"“{path}” exists in the central store.")
        guarded(self._access, Operation("delete", path, "d"), lambda: blob.delete_blob(**conditions(condition)))
        self._sizes.forget(path)

    def clock_skew(self) -> float | None:
        """This computer's clock minus the service's, in seconds; None if it does not say.  Lists one blob to find out."""
        dates: list[str] = []

        def note_date(response: Any) -> None:
            dates.append(str(response.http_response.headers.get("Date") or ""))

        pages = self._connection.client.list_blobs(self._prefix or None, results_per_page=1, raw_response_hook=note_date).by_page()
        guarded(self._access, Operation("list", "", "l"), lambda: next(pages, None))
        return clock_skew(dates[-1]) if dates else None

    def close(self) -> None:
        """See :meth:`Store.close`."""
        self._connection.close()

    def _name(self, path: str, *, listed: bool = False) -> str:
        """``listed``: the request holds to the ETag that a listing gave with this name, so it cannot reach another blob."""
        if not listed:
            check(path, self._prefix)
        return self._prefix + path

    def _blob(self, path: str, *, listed: bool = False) -> BlobClient:
        return self._connection.client.get_blob_client(self._name(path, listed=listed))

    def _check_kept(self, path: str) -> None:
        """A name that the service may have shortened is looked up where names come back: in a listing."""
        if doubtful(path) and not any(found.path == path for found in self.list(path)):
            raise dropped_dot(path)

    def _strange(self) -> StoreError:
        return strange(self._access)

    def _undo_copy(self, target: str, copy_id: str) -> None:
        """Leave no half copy.  The error that led here is the one to report, so nothing is raised."""
        operation = Operation("write", target, "w")
        blob = self._blob(target)
        for step in (lambda: blob.abort_copy(copy_id), lambda: self._delete_unfinished(target, copy_id)):
            try:
                guarded(self._access, operation, step)
            except ChorusError:
                continue

    def _delete_unfinished(self, target: str, copy_id: str) -> None:
        found = self._blob(target).get_blob_properties()
        if found.copy.id == copy_id and found.copy.status != "success" and found.size == 0:
            self._blob(target).delete_blob(**conditions(Condition(etag=found.etag)))


class _Sizes:
    """The sizes of blocks that wait, as far as they were sent or listed here, of the last :data:`KNOWN_FILES` files."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[str, dict[str, int]] = {}

    def add(self, path: str, block_id: str, size: int) -> None:
        """This block was staged."""
        with self._lock:
            self._files[path] = known = self._files.pop(path, {})
            known[block_id] = size
            self._trim()

    def replace(self, path: str, sizes: dict[str, int]) -> None:
        """These are all blocks that wait now."""
        with self._lock:
            self._files.pop(path, None)
            if sizes:
                self._files[path] = sizes
                self._trim()

    def of(self, path: str) -> dict[str, int]:
        """Block ID → bytes."""
        with self._lock:
            return dict(self._files.get(path, {}))

    def forget(self, path: str) -> None:
        """The blocks do not wait any longer, or that is not known."""
        if self._files:
            with self._lock:
                self._files.pop(path, None)

    def _trim(self) -> None:
        while len(self._files) > KNOWN_FILES:
            del self._files[next(iter(self._files))]
