"""A container in Azure as a :class:`~chorus_gui.core.storage.base.Store`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import BlobNotFoundError, ChorusError, ConditionError, StoreError, StoreUnavailableError
from chorus_gui.core.redact import redact
from chorus_gui.core.storage.azure.answers import Operation
from chorus_gui.core.storage.azure.client import CHUNK_BYTES, connect
from chorus_gui.core.storage.azure.errors import clock_skew, guarded, strange
from chorus_gui.core.storage.azure.login import NOBODY, Login
from chorus_gui.core.storage.azure.names import check, doubtful, dropped_dot, is_folder, url_path
from chorus_gui.core.storage.azure.pages import Pages
from chorus_gui.core.storage.azure.wire import SdkWire, Wire, blob_info, conditions
from chorus_gui.core.storage.base import ALWAYS, BlobInfo, Buffer, Condition, Page, StagedBlock, StoreLimits
from chorus_gui.core.storage.names import check_block_id

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobProperties, StorageStreamDownloader

PUT_BYTES = CHUNK_BYTES
"""Above it a file goes as blocks: on a slow link one request should not last minutes, and an interrupted upload should not start again."""
BLOCK_BYTES = 4000 * 1024 * 1024
PAGE = 5000
"""Blobs a listing request brings at most."""
BLOB_BYTES = 50_000 * BLOCK_BYTES
"""The largest blob that there can be."""
COPY_SECONDS = 6 * 3600.0
COPY_WAITS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between looks at a copy, the last one for ever after; inside an account most are done at the first."""


class AzureStore:
    """A container, or what lies under a prefix in it.  Promises as :class:`~chorus_gui.core.storage.base.Store`.

    ``login`` is the process's sign-in; None: nobody is asked.  Raises :class:`~chorus_gui.core.errors.AccessError` at once for
    credentials that cannot work; only the first request shows whether they do.
    """

    def __init__(self, place: Place, *, login: Login | None = None, wire: Wire | None = None) -> None:
        self._place = place
        self._signed_in = login is not None
        self._connection = connect(place, login or Login(NOBODY))
        self._client = self._connection.client
        self._access = self._connection.access
        self._wire: Wire = wire or SdkWire(self._client, self._access)
        self._prefix = f"{place.prefix}/" if place.prefix else ""
        self._url = f"az://{place.container}" + (f"/{place.prefix}" if place.prefix else "")

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the same container, with the place's credentials.  Raises TypeError if a person signed in for this one."""
        if self._signed_in:
            raise TypeError("a store with a sign-in stays in its process")
        return type(self), (self._place,)

    def __repr__(self) -> str:
        return f"AzureStore({self._url!r} at {self._access.host!r})"

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
        self._check_kept(path)
        return BlobInfo(path, len(data), done.md5, done.etag, done.modified_us, metadata or {})

    def stage_block(self, path: str, block_id: str, data: Buffer, *, md5: bytes | None = None) -> None:
        """See :meth:`Store.stage_block`: one Put Block request."""
        check_block_id(block_id, None)
        self._wire.stage_block(self._name(path), block_id, data, md5=md5)

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

        Lists the staged blocks first: they give the blob's size, and a missing one is found before anything is changed.
        """
        sizes = {block.id: block.size for block in self.list_staged(path)} if block_ids else {}
        if missing := [block_id for block_id in block_ids if block_id not in sizes]:
            raise BlobNotFoundError(
                f"{len(missing)} of {len(block_ids)} parts of “{path}” are no longer in the central store.",
                meaning="Either the file was finished meanwhile, or they are older than seven days.",
                remedy="Upload the file again.",
                code="InvalidBlockList",
            )
        done = self._wire.commit_blocks(self._name(path), block_ids, md5=md5, metadata=metadata, condition=condition)
        self._check_kept(path)
        size = sum(sizes[block_id] for block_id in block_ids)
        return BlobInfo(path, size, md5.hex() if md5 else None, done.etag, done.modified_us, metadata or {})

    def list_staged(self, path: str) -> list[StagedBlock]:
        """See :meth:`Store.list_staged`."""
        blob = self._blob(path)
        try:
            return guarded(self._access, Operation("read", path, "r"), lambda: _staged(blob))
        except BlobNotFoundError:
            return []

    def head(self, path: str) -> BlobInfo | None:
        """See :meth:`Store.head`.  A folder that is kept as a blob of its own is none, as in a listing."""
        name = self._name(path)
        found = self._wire.head(name)
        if found is not None and is_folder(found.metadata):
            return None
        return found and BlobInfo(path, found.size, found.md5, found.etag, found.modified_us, found.metadata)

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """See :meth:`Store.list`: a request for every 5,000 blobs.  Metadata comes along; a folder that an account with a
        hierarchical namespace keeps as a blob of its own is left out.
        """
        for page in self.pages(prefix):
            yield from page.blobs

    def pages(self, prefix: str = "", marker: str = "") -> Iterator[Page]:
        """See :meth:`Store.pages`."""
        operation = Operation("list", prefix, "l")
        # An empty prefix is None: the emulator and some proxies stumble over "prefix=".
        above = self._prefix + prefix
        pages = Pages(
            self._client.list_blobs(above or None, include=["metadata"], results_per_page=PAGE).by_page(continuation_token=marker or None),
            above,
        )
        cut = len(self._prefix)

        def turn() -> list[BlobInfo] | None:
            page: list[BlobProperties] | None = pages.turn()
            return page if page is None else [blob_info(found, found.name[cut:]) for found in page if _is_file(found, cut)]

        while (page := guarded(self._access, operation, turn)) is not None:
            yield Page(page, pages.marker)

    def list_folders(self, prefix: str = "") -> Iterator[str]:
        """See :meth:`Store.list_folders`: the service lists one level, because a delimiter is given."""
        operation = Operation("list", prefix, "l")
        above = self._prefix + prefix
        pages = Pages(self._client.walk_blobs(above or None, delimiter="/", results_per_page=PAGE).by_page(), above)
        while (page := guarded(self._access, operation, pages.turn)) is not None:
            for found in page:
                name = found.name[len(above) :]
                if name.endswith("/") and name != "/":
                    yield name[:-1]

    def read(self, path: str, *, offset: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        """See :meth:`Store.read`: a request for each chunk, all of one version of the blob (its ETag is held to)."""
        if length == 0:
            return
        operation = Operation("read", path, "r")
        blob = self._blob(path, listed=etag is not None)
        options = conditions(Condition(etag=etag))

        def begin() -> Iterator[bytes]:
            # Without an offset where possible: then the SDK handles the refusal of a range of an empty blob.
            start = offset or (None if length is None else 0)
            try:
                stream = cast(
                    "StorageStreamDownloader[bytes]", blob.download_blob(start, length, max_concurrency=1, decompress=False, **options)
                )
            except ValueError as error:  # how the SDK refuses an answer without the headers that Azure sends
                raise strange(self._access) from error
            if not 0 <= int(stream.size or 0) <= BLOB_BYTES:
                raise strange(self._access)
            return stream.chunks()

        try:
            chunks = guarded(self._access, operation, begin)
        except StoreError as error:
            if error.code == "InvalidRange":  # the offset is at the blob's end, or beyond it
                return
            raise
        left = length if length is not None else BLOB_BYTES
        while chunk := guarded(self._access, operation, lambda: next(chunks, b"")):
            left -= len(chunk)
            if left < 0:
                raise strange(self._access)
            yield chunk

    def copy(self, source: str, target: str, *, condition: Condition = ALWAYS) -> BlobInfo:
        """See :meth:`Store.copy`: the service copies, and is asked for the status until the copy is done.

        On failure, and when this is interrupted, the copy is aborted and the empty blob that it leaves is removed.
        """
        address = f"{self._connection.copy_base}/{url_path(self._name(source))}"
        if self._connection.copy_sas:
            address += f"?{self._connection.copy_sas}"
        operation = Operation("copy", source, "w")
        blob = self._blob(target)
        begun = guarded(self._access, operation, lambda: blob.start_copy_from_url(address, **conditions(condition)))
        copy_id = str(begun.get("copy_id") or "")
        if not copy_id:
            raise strange(self._access)
        try:
            looks, until = 0, time.monotonic() + COPY_SECONDS
            while True:
                found = guarded(self._access, operation, lambda: blob.get_blob_properties())
                if found.copy.id != copy_id:
                    raise StoreError(f"Somebody replaced “{target}” while “{source}” was being copied to it.", remedy="Try again.")
                if found.copy.status == "success" and found.etag:
                    return blob_info(found, target)
                if found.copy.status != "pending":
                    raise StoreError(
                        f"Could not copy “{source}” in the central store.",
                        meaning=redact(str(found.copy.status_description or "")[:200]),
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

    def clock_skew(self) -> float | None:
        """This computer's clock minus the service's, in seconds; None if it does not say.  Lists one blob to find out."""
        dates: list[str] = []

        def note_date(response: Any) -> None:
            dates.append(str(response.http_response.headers.get("Date") or ""))

        pages = self._client.list_blobs(self._prefix or None, results_per_page=1, raw_response_hook=note_date).by_page()
        guarded(self._access, Operation("list", "", "l"), lambda: next(pages, None))
        return clock_skew(dates[-1]) if dates else None

    def close(self) -> None:
        """See :meth:`Store.close`."""
        self._client.close()

    def _name(self, path: str) -> str:
        check(path, self._prefix)
        return self._prefix + path

    def _blob(self, path: str, *, listed: bool = False) -> BlobClient:
        """``listed``: the request holds to the ETag that a listing gave with this name, so it cannot reach another blob."""
        return self._client.get_blob_client(self._prefix + path if listed else self._name(path))

    def _check_kept(self, path: str) -> None:
        """A name that the service may have shortened is looked up where names come back: in a listing."""
        if doubtful(path) and not any(found.path == path for found in self.list(path)):
            raise dropped_dot(path)

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


def _staged(blob: BlobClient) -> list[StagedBlock]:
    """The blocks that wait.  Raises ValueError for one that no service has."""
    _, waiting = blob.get_block_list(block_list_type="uncommitted")
    found = [StagedBlock(block.id, block.size) for block in waiting]
    for block in found:
        name, size = cast("object", block.id), cast("object", block.size)
        if not isinstance(name, str) or not name or not isinstance(size, int) or not 0 <= size <= BLOCK_BYTES:
            raise ValueError("a block without a name or a size")
    return found


def _is_file(found: BlobProperties, cut: int) -> bool:
    """A blob below the prefix, which has ``cut`` characters; not a folder of a hierarchical account."""
    return len(found.name) > cut and not is_folder(found.metadata)
