"""A page of List Blobs in the form that the service always uses, read with two expressions.

Most of the work of a long listing is its XML: the parser calls Python several times for each property.  A page whose every tag has the form
below needs no parser.  Whatever differs (an entity, a comment, an attribute, metadata, a folder, a space between two tags) is left
to the parser in :mod:`~chorus_gui.core.storage.azure.markup`, page by page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TEXT = "[^<>&\x00-\x1f\ufffe\uffff]*"
"""Text that XML shows as it is."""
_VALUE = _TEXT.replace("<", '<"')
"""The value of an attribute."""
_LONGEST = 8192
"""Characters of a blob's properties; more go to the parser, which counts them."""
_MOST = 16 * 1024 * 1024
"""Bytes of a page; the parser needs no copy of a longer one."""
_TOP = re.compile(
    f'\ufeff?<\\?xml version="1\\.0" encoding="[uU][tT][fF]-8"\\?>'
    f'<EnumerationResults(?: ServiceEndpoint="{_VALUE}")?(?: ContainerName="{_VALUE}")?>'
    f"(?:<(Prefix|Marker|MaxResults)(?: ?/>|>{_TEXT}</\\1>))*<Blobs>"
)
_BLOB = re.compile(
    f"<Blob><Name>({_TEXT})</Name><Properties>((?:<([A-Za-z][A-Za-z0-9-]*)(?: ?/>|>{_TEXT}</\\3>))*)</Properties>(?:<(?:Metadata|OrMetadata) ?/>)*</Blob>"
)
_END = re.compile(f"</Blobs>(?:<NextMarker ?/>|<NextMarker>({_TEXT})</NextMarker>)</EnumerationResults>\\s*")
_PROPERTY = re.compile("<(Etag|Content-Length|Last-Modified|Content-MD5)(?: ?/>|>([^<]*)<)")
_AND_TIER = re.compile("<(Etag|Content-Length|Last-Modified|Content-MD5|AccessTier)(?: ?/>|>([^<]*)<)")
_ARCHIVED = "<AccessTier>Archive<"
"""Only a page with such a blob has its tiers read."""


class Plain(NamedTuple):
    """A page: a name and its properties for each blob, and where the next page begins ("" after the last one)."""

    blobs: list[tuple[str, dict[str, str]]]
    marker: str


def plain(body: bytes, most: int) -> Plain | None:
    """The page, or None if the parser has to read it: also if it has more than ``most`` blobs."""
    if len(body) > _MOST:
        return None
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    top = _TOP.match(text)
    if top is None:
        return None
    blobs: list[tuple[str, dict[str, str]]] = []
    at, properties_of = top.end(), (_AND_TIER if _ARCHIVED in text else _PROPERTY).findall
    for name, properties, end in _blobs(text, at):
        if len(properties) > _LONGEST or len(blobs) >= most:
            return None
        blobs.append((name, dict(properties_of(properties))))
        at = end
    last = _END.fullmatch(text, at)
    return None if last is None else Plain(blobs, last[1] or "")


def _blobs(text: str, at: int) -> Iterator[tuple[str, str, int]]:
    """Name, properties and end of each blob that follows the one before at once."""
    match = _BLOB.match
    while (found := match(text, at)) is not None:
        at = found.end()
        yield found[1], found[2], at
