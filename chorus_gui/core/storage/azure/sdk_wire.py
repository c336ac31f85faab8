"""The wire over azure-storage-blob, for proxies that :mod:`.channel` does not speak to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from chorus_gui.core.errors import BlobNotFoundError, StoreError
from chorus_gui.core.storage.azure.answers import Access, Operation
from chorus_gui.core.storage.azure.errors import guarded, strange
from chorus_gui.core.storage.azure.names import from_headers, to_headers
from chorus_gui.core.storage.azure.wire import BLOB_BYTES, BLOCK_BYTES, MD5_BYTES, PAGE, Page, Piece, Properties, Written, other_bytes
from chorus_gui.core.storage.base import BlobInfo, Buffer, Condition, StagedBlock
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.storage.http.headers import bare_etag, quoted_etag

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobProperties, ContainerClient, ContentSettings, StorageStreamDownloader

    from chorus_gui.core.storage.azure.client import Connection


class SdkWire:
    """The wire over azure-storage-blob."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def _access(self) -> Access:
        return self._connection.access

    @property
    def _client(self) -> ContainerClient:
        return self._connection.client

    def _blob(self, name: str) -> BlobClient:
        return self._client.get_blob_client(name)

    def _written(self, answer: Mapping[str, Any], sums: Sequence[str]) -> Written:
        """What the service says after a write; it always gives the blob's ETag, and one of the checksums ``sums`` of what arrived."""
        if not answer.get("etag") or not any(answer.get(name) for name in sums):
            raise strange(self._access)
        md5 = answer.get("content_md5")
        return Written(bare_etag(answer["etag"]), microseconds(answer.get("last_modified")), bytes(md5).hex() if md5 else None)

    def put(self, name: str, data: Buffer, *, md5: bytes | None, metadata: Mapping[str, str] | None, condition: Condition) -> Written:
        """See :meth:`Wire.put`."""

        def send() -> dict[str, Any]:
            return self._blob(name).upload_blob(
                bytes(data),
                length=len(data),
                overwrite=True,
                metadata=to_headers(metadata or {}),
                content_settings=_settings(md5),
                headers=_checked(md5),
                **conditions(condition),
            )

        return self._written(guarded(self._access, Operation("write", name, "w"), send), ("content_md5",))

    def stage_block(self, name: str, block_id: str, data: Buffer, *, md5: bytes | None) -> None:
        """See :meth:`Wire.stage_block`."""

        def send() -> dict[str, Any]:
            return self._blob(name).stage_block(block_id, bytes(data), length=len(data), headers=_checked(md5))

        arrived = guarded(self._access, Operation("write", name, "w"), send).get("content_md5")
        if md5 and arrived and bytes(arrived) != md5:  # the emulator does not say
            raise other_bytes(name)

    def commit_blocks(
        self, name: str, block_ids: Sequence[str], *, md5: bytes | None, metadata: Mapping[str, str] | None, condition: Condition
    ) -> Written:
        """See :meth:`Wire.commit_blocks`."""
        from azure.storage.blob import BlobBlock

        block_list = _BlockList()

        def send() -> dict[str, Any]:
            return self._blob(name).commit_block_list(
                [BlobBlock(block_id) for block_id in block_ids],
                content_settings=_settings(md5),
                metadata=to_headers(metadata or {}),
                raw_request_hook=block_list.prepare,
                **conditions(condition),
            )

        done = self._written(guarded(self._access, Operation("write", name, "w"), send), ("content_md5", "content_crc64"))
        if done.md5 not in (None, block_list.md5):
            raise other_bytes(name)
        return replace(done, md5=None)

    def head(self, name: str) -> Properties | None:
        """See :meth:`Wire.head`."""
        try:
            return guarded(self._access, Operation("read", name, "r"), lambda: _properties(self._blob(name).get_blob_properties(), name))
        except BlobNotFoundError:
            return None

    def list_staged(self, name: str) -> list[StagedBlock]:
        """See :meth:`Wire.list_staged`."""
        blob = self._blob(name)
        try:
            return guarded(self._access, Operation("read", name, "r"), lambda: _staged(blob))
        except BlobNotFoundError:
            return []

    def list_page(self, prefix: str, marker: str, *, delimiter: str = "") -> Page:
        """See :meth:`Wire.list_page`."""
        # An empty prefix is None: the emulator and some proxies stumble over "prefix=".
        from azure.storage.blob import BlobPrefix

        begins, after = prefix or None, marker or None

        def ask() -> Page:
            if delimiter:
                pages: Any = self._client.walk_blobs(begins, include=["metadata"], delimiter=delimiter, results_per_page=PAGE).by_page(
                    after
                )
            else:
                pages = self._client.list_blobs(begins, include=["metadata"], results_per_page=PAGE).by_page(after)
            found: list[BlobProperties] = list(next(pages, ()))
            if any(not isinstance(cast("object", entry.name), str) or not entry.name for entry in found):
                raise ValueError("an entry without a name")
            folders = [entry.name for entry in found if isinstance(entry, BlobPrefix)]
            blobs = [_blob_info(entry, entry.name) for entry in found if not isinstance(entry, BlobPrefix)]
            return Page(blobs, folders, pages.continuation_token or "")

        return guarded(self._access, Operation("list", prefix, "l"), ask)

    def read(self, name: str, offset: int, length: int, *, etag: str | None) -> Piece | None:
        """See :meth:`Wire.read`."""
        operation, blob = Operation("read", name, "r"), self._blob(name)
        options = conditions(Condition(etag=etag))

        def ask() -> Piece:
            # Without an offset where possible: then the SDK handles the refusal of a range of an empty blob.
            whole = () if not offset else (offset, length)
            try:
                stream = cast("StorageStreamDownloader[bytes]", blob.download_blob(*whole, max_concurrency=1, decompress=False, **options))
            except ValueError as error:  # how the SDK refuses an answer without the headers that Azure sends
                raise strange(self._access) from error
            size, held = _whole_size(stream.properties, ranged=bool(offset)), bare_etag(stream.properties.etag)
            if not 0 <= size <= BLOB_BYTES:
                raise strange(self._access)
            data = next(stream.chunks(), b"")[:length]
            return Piece(data, size, held, replace(_blob_info(stream.properties, name), size=size))

        try:
            return guarded(self._access, operation, ask)
        except StoreError as error:
            if error.code == "InvalidRange":
                return None
            raise

    def start_copy(self, source: str, target: str, *, condition: Condition) -> str:
        """See :meth:`Wire.start_copy`."""
        blob, address, options = self._blob(target), self._connection.copy_source(source), conditions(condition)
        begun = guarded(self._access, Operation("copy", source, "w"), lambda: blob.start_copy_from_url(address, **options))
        copy_id = str(begun.get("copy_id") or "")
        if not copy_id:
            raise strange(self._access)
        return copy_id


def conditions(condition: Condition) -> dict[str, Any]:
    """A condition as the SDK's keywords."""
    from azure.core import MatchConditions

    if condition.absent:
        return {"match_condition": MatchConditions.IfMissing}
    if condition.etag is not None:
        return {"match_condition": MatchConditions.IfNotModified, "etag": quoted_etag(condition.etag)}
    return {}


def _blob_info(found: BlobProperties, path: str) -> BlobInfo:
    """The SDK's description of a blob as ours.  Raises ValueError for one that no service gives."""
    md5 = found.content_settings.content_md5
    size = cast("object", found.size)
    if not isinstance(size, int) or size < 0 or not found.etag or (md5 and len(md5) != MD5_BYTES):
        raise ValueError("a blob without a size or an ETag, or with a checksum that is none")
    return BlobInfo(
        path=path,
        size=found.size,
        md5=bytes(md5).hex() if md5 else None,
        etag=bare_etag(found.etag),
        modified_us=microseconds(found.last_modified),
        metadata=from_headers(found.metadata or {}),
        archived=str(found.blob_tier) == "Archive",
    )


def microseconds(when: datetime | None) -> int:
    """A moment as microseconds since 1970; the service tells whole seconds."""
    return int(when.timestamp()) * 1_000_000 if when else 0


def _whole_size(found: BlobProperties, *, ranged: bool) -> int:
    """The size of the blob.  Of a range, the SDK gives the size of the range as that of the blob.  Raises ValueError if the answer does not say it."""
    if not ranged:
        return int(found.size or 0)
    total = str(cast("object", found.content_range) or "").rpartition("/")[2]
    if not (total.isascii() and total.isdecimal()):
        raise ValueError("a range without the size of the blob")
    return int(total)


def _properties(found: BlobProperties, name: str) -> Properties:
    copy: Any = found.copy
    reason = str(copy.status_description or "")
    return Properties(_blob_info(found, name), str(copy.id or ""), str(copy.status or ""), reason)


def _staged(blob: BlobClient) -> list[StagedBlock]:
    """The blocks that wait.  Raises ValueError for one that no service has."""
    _, waiting = blob.get_block_list(block_list_type="uncommitted")
    found = [StagedBlock(block.id, block.size) for block in waiting]
    for block in found:
        name, size = cast("object", block.id), cast("object", block.size)
        if not isinstance(name, str) or not name or not isinstance(size, int) or not 0 <= size <= BLOCK_BYTES:
            raise ValueError("a block without a name or a size")
    return found


class _BlockList:
    """The body of one Put Block List, as it is sent.  ``md5`` is its MD5."""

    def __init__(self) -> None:
        self.md5 = ""

    def prepare(self, request: Any) -> None:
        """Ask for waiting blocks, and have the list checked on arrival, before the request is signed.

        The SDK (12.31) writes "Latest" whatever state a block is given; that would quietly take a block of the blob that lay there
        before, if one with the same id no longer waits.
        """
        http = request.http_request
        body = http.data if isinstance(http.data, bytes) else str(http.data).encode()
        body = body.replace(b"<Latest>", b"<Uncommitted>").replace(b"</Latest>", b"</Uncommitted>")
        whole = md5_of(body)
        self.md5 = whole.hexdigest()
        http.data = body
        http.headers["Content-Length"] = str(len(body))
        http.headers.update(_checked(whole.digest()))


def _settings(md5: bytes | None) -> ContentSettings:
    from azure.storage.blob import ContentSettings

    return ContentSettings(content_type="application/octet-stream", content_md5=bytearray(md5) if md5 else None)


def _checked(md5: bytes | None) -> dict[str, str]:
    """The header that makes the service check the body.  (The SDK's own way would hash the same bytes a second time.)"""
    from base64 import b64encode

    return {"Content-MD5": b64encode(md5).decode()} if md5 else {}
