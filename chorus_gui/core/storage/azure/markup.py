"""The XML of the service's answers: lists and refusals.  Everything that is not as the service writes it is a :class:`MalformedError`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import unquote

from chorus_gui.core.storage.azure.names import from_headers
from chorus_gui.core.storage.azure.plain_listing import plain
from chorus_gui.core.storage.azure.wire import BLOB_BYTES, BLOCK_BYTES, MD5_BYTES, PAGE, Page
from chorus_gui.core.storage.base import BlobInfo, StagedBlock
from chorus_gui.core.storage.elements import read_elements
from chorus_gui.core.storage.http.headers import bare_etag, modified_us
from chorus_gui.core.untrusted import MalformedError

_BLOCKS = 100_000
"""As many blocks can wait for one blob."""
_NAME = ""
"""The key of a blob's name among its properties, whose names are never empty."""
_FIELDS = 1000
"""Names in a blob's properties, and in its metadata: the service keeps 8 KB of those."""


def listing(body: bytes) -> Page:
    """A page of List Blobs."""
    if (page := plain(body, PAGE)) is not None:
        return Page([_listed(name, fields, {}) for name, fields in page.blobs], [], page.marker)
    blobs: list[BlobInfo] = []
    folders: list[str] = []
    marker: list[str] = []
    fields: dict[str, str] = {}
    metadata: dict[str, str] = {}

    def end(path: list[str], text: str, attributes: dict[str, str]) -> None:
        match path:
            case ["EnumerationResults", "Blobs", "Blob" | "BlobPrefix", "Name"]:
                fields[_NAME] = unquote(text, errors="strict") if attributes.get("Encoded") == "true" else text
            case ["EnumerationResults", "Blobs", "Blob", "Properties", name]:
                _add(fields, name, text)
            case ["EnumerationResults", "Blobs", "Blob", "Metadata", name]:
                _add(metadata, name, text)
            case ["EnumerationResults", "Blobs", "Blob"]:
                _room(len(blobs) + len(folders), PAGE)
                blobs.append(_listed(fields.get(_NAME, ""), fields, from_headers(metadata)))
                fields.clear()
                metadata.clear()
            case ["EnumerationResults", "Blobs", "BlobPrefix"]:
                if not fields.get(_NAME):
                    raise MalformedError("a folder without a name")
                _room(len(blobs) + len(folders), PAGE)
                folders.append(fields[_NAME])
                fields.clear()
            case ["EnumerationResults", "NextMarker"]:
                marker.append(text)
            case _:
                return

    read_elements(body, "EnumerationResults", end)
    return Page(blobs, folders, marker[-1] if marker else "")


def staged(body: bytes) -> list[StagedBlock]:
    """The blocks that wait, of a Get Block List."""
    found: list[StagedBlock] = []
    fields: dict[str, str] = {}

    def end(path: list[str], text: str, attributes: dict[str, str]) -> None:
        del attributes
        match path:
            case ["BlockList", "UncommittedBlocks", "Block", name]:
                _add(fields, name, text)
            case ["BlockList", "UncommittedBlocks", "Block"]:
                _room(len(found), _BLOCKS)
                size = number(fields.get("Size", ""), BLOCK_BYTES)
                found.append(StagedBlock(_block_id(fields.get("Name", "")), size))
                fields.clear()
            case _:
                return

    read_elements(body, "BlockList", end)
    return found


def refusal(body: bytes) -> dict[str, str]:
    """The fields of an error ("Code", "Message", "AuthenticationErrorDetail"), empty for a page of somebody else."""
    found: dict[str, str] = {}

    def end(path: list[str], text: str, attributes: dict[str, str]) -> None:
        del attributes
        if len(path) == 2:
            _add(found, path[1], found.get(path[1], text))

    try:
        read_elements(body, "Error", end)
    except MalformedError:
        return {}
    return found


def number(text: str, most: int) -> int:
    """A size, 0 to ``most``."""
    if not text.isascii() or not text.isdecimal() or len(text) > 18 or int(text) > most:
        raise MalformedError("a size that is none")
    return int(text)


def md5_hex(text: str) -> str | None:
    """A checksum as it is sent, in base64, as hex; None for ""."""
    if not text:
        return None
    try:
        md5 = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        md5 = b""
    if len(md5) != MD5_BYTES:
        raise MalformedError("a checksum that is none")
    return md5.hex()


def _add(fields: dict[str, str], name: str, text: str) -> None:
    _room(len(fields), _FIELDS)
    fields[name] = text


def _room(count: int, most: int) -> None:
    if count >= most:
        raise MalformedError("more than the service ever sends")


def _listed(name: str, fields: Mapping[str, str], metadata: Mapping[str, str]) -> BlobInfo:
    etag = bare_etag(fields.get("Etag", ""))
    if not name or not etag:
        raise MalformedError("a blob without a name or an ETag")
    size = number(fields.get("Content-Length", ""), BLOB_BYTES)
    written = fields.get("Last-Modified", "")
    archived = fields.get("AccessTier") == "Archive"
    return BlobInfo(name, size, md5_hex(fields.get("Content-MD5", "")), etag, modified_us(written), metadata, archived=archived)


def _block_id(text: str) -> str:
    """As long as the id that another tool gave, which can be any bytes."""
    try:
        block_id = base64.b64decode(text, validate=True).decode("latin-1")
    except (binascii.Error, ValueError):
        block_id = ""
    if not block_id:
        raise MalformedError("a block without a name")
    return block_id
