"""A page of ListObjectsV2 in the form that services always use, read with some expressions.

Most of the work of a long listing is its XML: the parser calls Python several times for each field.  A page whose every tag has the form and
the place below needs no parser.  Whatever differs (an entity other than a quotation mark, a comment, an attribute, a space between two tags, the state of
a restored object) is left to the parser in :mod:`~chorus_gui.core.storage.s3.markup`, page by page.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_TEXT = "[^<>&\x00-\x1f\ufffe\uffff]*"
"""Text that XML shows as it is."""
_VALUE = _TEXT.replace("<", '<"')
"""The value of an attribute, or an ETag between its quotation marks."""
_MOST = 16 * 1024 * 1024
"""Bytes of a page; the parser needs no copy of a longer one."""
_LONGEST = 64 * 1024
"""Characters of one object."""
_FIELD = f"<(?!Contents|CommonPrefixes)(?P<name>[A-Za-z]+)(?: ?/>|>{_TEXT}</(?P=name)>)"
_TOP = re.compile(f'<\\?xml version="1\\.0" encoding="[uU][tT][fF]-8"\\?>\n?<ListBucketResult(?: xmlns="{_VALUE}")?>((?:{_FIELD})*)')
_OBJECT = re.compile(
    f"<Contents><Key>({_TEXT})</Key>(?:<Generation>{_TEXT}</Generation>)?(?:<MetaGeneration>{_TEXT}</MetaGeneration>)?"
    f'<LastModified>({_TEXT})</LastModified><ETag>(?:&quot;|")({_VALUE})(?:&quot;|")</ETag>'
    f"(?:<ChecksumAlgorithm>{_TEXT}</ChecksumAlgorithm>)?(?:<ChecksumType>{_TEXT}</ChecksumType>)?"
    f"<Size>({_TEXT})</Size>(?:<StorageClass>({_TEXT})</StorageClass>)?</Contents>"
)
_FOLDER = re.compile(f"<CommonPrefixes><Prefix>({_TEXT})</Prefix></CommonPrefixes>")
_END = re.compile(f"((?:{_FIELD})*)</ListBucketResult>\\s*")
_PART = re.compile("<([A-Za-z]+)(?: ?/>|>([^<]*)<)")


class Plain(NamedTuple):
    """A page: key, time, ETag, size and class of storage of each object as text, the names of folders, and the fields of the page."""

    objects: list[tuple[str, ...]]
    folders: list[str]
    page: dict[str, str]


def plain(body: bytes, most: int) -> Plain | None:
    """The page, or None if the parser has to read it: also if it has more than ``most`` objects and folders."""
    if len(body) > _MOST:
        return None
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    top = _TOP.match(text)
    if top is None:
        return None
    objects: list[tuple[str, ...]] = []
    folders: list[str] = []
    at, match = top.end(), _OBJECT.match
    while (found := match(text, at)) is not None:
        begin, at = at, found.end()
        if at - begin > _LONGEST or len(objects) >= most:
            return None
        objects.append(found.groups(""))
    while (found := _FOLDER.match(text, at)) is not None:
        at = found.end()
        folders.append(found[1])
    last = _END.fullmatch(text, at)
    if last is None or len(objects) + len(folders) > most:
        return None
    return Plain(objects, folders, {**dict(_PART.findall(top[1])), **dict(_PART.findall(last[1]))})
