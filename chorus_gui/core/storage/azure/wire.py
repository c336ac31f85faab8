"""The hot path as a seam of its own: the requests that every file needs, a listing, and reading.

A wire works on whole blob names (prefix included, already checked) and raises errors of core.  :class:`~.lean_wire.LeanWire` sends them
itself; :class:`~.sdk_wire.SdkWire` does it with azure-storage-blob.  A further client takes their place by answering to the same
protocol: :class:`~.client.Connection` has the address, what to sign with and whom to trust, :func:`~.answers.explain` the sentences for
refusals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chorus_gui.core.errors import ChecksumError
from chorus_gui.core.model import many
from chorus_gui.core.storage.base import BlobInfo, Buffer, Condition, StagedBlock

MD5_BYTES = 16
CHUNK_BYTES = 4 * 1024 * 1024
"""The largest range that is read at once."""
BLOCK_BYTES = 4000 * 1024 * 1024
BLOB_BYTES = 50_000 * BLOCK_BYTES
"""The largest blob that there can be."""
PAGE = 5000
"""Blobs a listing request brings at most."""


@many
class Written:
    """What the service says after a write.  ``md5`` is its own MD5 of the body of a put, else None."""

    etag: str
    modified_us: int
    md5: str | None = None


@dataclass(frozen=True, slots=True)
class Properties:
    """A blob, and the state of the copy that made it: ``copy_id`` is "" if none did."""

    info: BlobInfo
    copy_id: str = ""
    copy_status: str = ""
    copy_reason: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A range of a blob.  ``size`` and ``etag`` are the whole blob's; ``info`` is the blob, None where the answer does not say all of it."""

    data: bytes
    size: int
    etag: str
    info: BlobInfo | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a listing: blobs under their whole names, with metadata; the beginnings of names up to a delimiter; "" or what to ask the next page with."""

    blobs: list[BlobInfo]
    folders: list[str]
    marker: str


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

    def list_staged(self, name: str) -> list[StagedBlock]:
        """One Get Block List; empty if there is no such blob."""
        ...

    def head(self, name: str) -> Properties | None:
        """One Get Blob Properties; None if there is no such blob.  ``info.path`` is ``name``."""
        ...

    def list_page(self, prefix: str, marker: str, *, delimiter: str = "") -> Page:
        """One List Blobs of at most :data:`PAGE` names that begin with ``prefix``; ``marker`` of the page before, "" for the first."""
        ...

    def read(self, name: str, offset: int, length: int, *, etag: str | None) -> Piece | None:
        """One Get Blob of ``length`` bytes, at most :data:`CHUNK_BYTES`, fewer at its end; None where ``offset`` is not before its end.

        A blob without bytes takes a second request.
        """
        ...

    def start_copy(self, source: str, target: str, *, condition: Condition) -> str:
        """One Copy Blob inside the container; the ID of the copy, whose state :meth:`head` of ``target`` has."""
        ...


def other_bytes(name: str) -> ChecksumError:
    """The error for an answer with the checksum of other bytes than were sent."""
    return ChecksumError(f"The central store confirmed other bytes of “{name}” than were sent.", remedy="Upload the file again.")
