"""The XML of S3's answers: lists and refusals.  Everything that is not as the service writes it is a :class:`MalformedError`."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

from chorus_gui.core.storage.bucket.values import Listed, Page, listed_us, number
from chorus_gui.core.storage.elements import read_elements
from chorus_gui.core.storage.http.headers import bare_etag
from chorus_gui.core.storage.s3.plain_listing import plain
from chorus_gui.core.untrusted import MalformedError

PAGE = 1000
"""Keys that a request lists: the service gives no more."""
MOST_ENTRIES = 10_000
"""Some servers give more than they were asked for."""
ARCHIVED = frozenset(("GLACIER", "DEEP_ARCHIVE"))
"""Classes of storage from which nothing can be read until it was restored.  GLACIER_IR is read at once."""
_FIELDS = 100
_ROOT = "ListBucketResult"
_ENCODED = re.compile("[+%]")


def listing(body: bytes) -> Page:
    """A page of ListObjectsV2."""
    quick = plain(body, MOST_ENTRIES)
    if quick is not None:
        return _page([_usual(*fields) for fields in quick.objects], quick.folders, quick.page)
    objects: list[Listed] = []
    folders: list[str] = []
    fields: dict[str, str] = {}
    page: dict[str, str] = {}

    def end(path: list[str], text: str, attributes: dict[str, str]) -> None:
        del attributes
        match path:
            case [_, "Contents", name] | [_, "Contents", "RestoreStatus", name]:
                if len(fields) >= _FIELDS:
                    raise MalformedError("more than the service ever sends")
                fields[name] = text
            case [_, "Contents"]:
                _check_count(len(objects) + len(folders))
                objects.append(_listed(fields))
                fields.clear()
            case [_, "CommonPrefixes", "Prefix"]:
                _check_count(len(objects) + len(folders))
                folders.append(text)
            case [_, "IsTruncated" | "NextContinuationToken" | "EncodingType" as name]:
                page[name] = text
            case _:
                return

    read_elements(body, _ROOT, end)
    return _page(objects, folders, page)


def _page(objects: list[Listed], folders: list[str], page: dict[str, str]) -> Page:
    if page.get("EncodingType") == "url":  # some servers ignore the request for it, and it can come after the keys
        objects = [one._replace(key=_decoded(one.key)) if _ENCODED.search(one.key) else one for one in objects]
        folders = [_decoded(folder) for folder in folders]
    token, truncated = page.get("NextContinuationToken", ""), page.get("IsTruncated", "")
    if truncated not in ("true", "false") or (truncated == "true") != bool(token):
        raise MalformedError("a page that does not say what follows")
    return Page(objects, folders, token)


def refusal(body: bytes) -> dict[str, str]:
    """The fields of an error ("Code", "Message", "Region", "RequestId"), empty for a page of somebody else."""
    found: dict[str, str] = {}

    def end(path: list[str], text: str, attributes: dict[str, str]) -> None:
        del attributes
        if len(path) == 2 and len(found) < _FIELDS:
            found.setdefault(path[1], text)

    try:
        read_elements(body, "Error", end)
    except MalformedError:
        return {}
    return found


def _check_count(count: int) -> None:
    if count >= MOST_ENTRIES:
        raise MalformedError("more than the service ever sends")


def _listed(fields: dict[str, str]) -> Listed:
    one = _usual(*(fields.get(name, "") for name in ("Key", "LastModified", "ETag", "Size", "StorageClass")))
    if one.archived and fields.get("RestoreExpiryDate") and fields.get("IsRestoreInProgress") != "true":
        return one._replace(archived=False)
    return one


def _usual(key: str, modified: str, etag: str, size: str, tier: str) -> Listed:
    etag = bare_etag(etag)
    if not key or not etag:
        raise MalformedError("an object without a key or an ETag")
    return Listed(key, number(size), listed_us(modified), etag, tier in ARCHIVED)


def _decoded(text: str) -> str:
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise MalformedError("a key that is not text") from None
