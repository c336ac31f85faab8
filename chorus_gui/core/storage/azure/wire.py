"""The hot path as a seam of its own: the four requests that every file needs.

A wire works on whole blob names (prefix included, already checked) and raises errors of core.  :class:`SdkWire` does it with
azure-storage-blob; a leaner client takes its place by answering to the same protocol, with :func:`~.answers.explain` for its
refusals, and with :class:`~.login.Bearer` for the tokens of a login.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, cast

from chorus_gui.core.errors import BlobNotFoundError, ChecksumError
from chorus_gui.core.storage.azure.answers import Access, Operation
from chorus_gui.core.storage.azure.errors import guarded, strange
from chorus_gui.core.storage.azure.names import bare_etag, from_headers, quoted_etag, to_headers
from chorus_gui.core.storage.base import BlobInfo, Buffer, Condition
from chorus_gui.core.storage.digests import md5_of

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobProperties, ContainerClient, ContentSettings


MD5_BYTES = 16


@dataclass(frozen=True, slots=True)
class Written:
    """What the service says after a write.  ``md5`` is its own MD5 of the body of a put, else None."""

    etag: str
    modified_us: int
    md5: str | None = None


class Wire(Protocol):
    """The requests that every file needs.  Safe to use from many threads; nothing is retried."""

    def put(self, name: str, data: Buffer, *, md5: bytes | None, metadata: Mapping[str, str] | None, condition: Condition) -> Written:
        """One Put Blob.  ``md5`` is checked by the service against the body, and kept as the blob's property."""
        ...

    def stage_block(self, name: str, block_id: str, data: Buffer, *, md5: bytes | None) -> None:
        """One Put Block, its body checked against ``md5``."""
        ...

    def commit_blocks(
        self, name: str, block_ids: Sequence[str], *, md5: bytes | None, metadata: Mapping[str, str] | None, condition: Condition
    ) -> Written:
        """One Put Block List of uncommitted blocks alone.  ``md5`` is kept unchecked."""
        ...

    def head(self, name: str) -> BlobInfo | None:
        """One Get Blob Properties; None if there is no such blob.  ``path`` of the answer is ``name``."""
        ...


class SdkWire:
    """The wire over azure-storage-blob."""

    def __init__(self, client: ContainerClient, access: Access) -> None:
        self._client = client
        self._access = access

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

    def head(self, name: str) -> BlobInfo | None:
        """See :meth:`Wire.head`."""
        try:
            return guarded(self._access, Operation("read", name, "r"), lambda: blob_info(self._blob(name).get_blob_properties(), name))
        except BlobNotFoundError:
            return None


def conditions(condition: Condition) -> dict[str, Any]:
    """A condition as the SDK's keywords."""
    from azure.core import MatchConditions

    if condition.absent:
        return {"match_condition": MatchConditions.IfMissing}
    if condition.etag is not None:
        return {"match_condition": MatchConditions.IfNotModified, "etag": quoted_etag(condition.etag)}
    return {}


def blob_info(found: BlobProperties, path: str) -> BlobInfo:
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
    )


def microseconds(when: datetime | None) -> int:
    """A moment as microseconds since 1970; the service tells whole seconds."""
    return int(when.timestamp()) * 1_000_000 if when else 0


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


def other_bytes(name: str) -> ChecksumError:
    """The error for an answer with the checksum of other bytes than were sent."""
    return ChecksumError(f"The central store confirmed other bytes of “{name}” than were sent.", remedy="Upload the file again.")


def _settings(md5: bytes | None) -> ContentSettings:
    from azure.storage.blob import ContentSettings

    return ContentSettings(content_type="application/octet-stream", content_md5=bytearray(md5) if md5 else None)


def _checked(md5: bytes | None) -> dict[str, str]:
    """The header that makes the service check the body.  (The SDK's own way would hash the same bytes a second time.)"""
    from base64 import b64encode

    return {"Content-MD5": b64encode(md5).decode()} if md5 else {}
