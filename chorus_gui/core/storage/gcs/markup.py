"""The JSON of Google's answers: lists, properties and refusals.  Everything that is not as the service writes it is a :class:`MalformedError`."""

from __future__ import annotations

import base64
import re
from typing import NamedTuple, cast

from chorus_gui.core.storage.bucket.values import Listed, Page, Properties, listed_us, number
from chorus_gui.core.untrusted import MalformedError, json_value

PAGE = 1000
"""Keys that a request lists: the service gives no more."""
MOST_ENTRIES = 10_000
"""Some servers give more than they were asked for."""
TIERS = frozenset(("NEARLINE", "COLDLINE", "ARCHIVE"))
"""Classes of storage that are read at once, but at a price for each byte."""
OBJECT_FIELDS = "name,size,timeCreated,generation,md5Hash,storageClass"
"""What is asked for of each object.  ``timeCreated`` is when these bytes were written, as LastModified of S3; ``updated`` changes with every property."""
_PLAIN_BYTES = 1000
_GENERATION = re.compile(r"[0-9]{1,19}")
_LOCATION = re.compile(r"[A-Za-z0-9-]{2,40}")
_MD5 = re.compile(r"[A-Za-z0-9+/]{22}==")


class Refused(NamedTuple):
    """An error as the service words it: "notFound" and a text."""

    reason: str
    message: str


def listing(body: bytes) -> Page:
    """A page of objects.list."""
    page = _table(json_value(body), "storage#objects")
    items, folders, token = page.get("items", []), page.get("prefixes", []), page.get("nextPageToken", "")
    if not isinstance(items, list) or not isinstance(folders, list) or not isinstance(token, str):
        raise MalformedError("a page that is none")
    entries, names = cast("list[object]", items), cast("list[object]", folders)
    if len(entries) + len(names) > MOST_ENTRIES:
        raise MalformedError("more than the service ever sends")
    return Page([_listed(_fields(entry)) for entry in entries], [_name(name) for name in names], token)


def properties(body: bytes) -> Properties:
    """The answer to objects.get."""
    found = _listed(_table(json_value(body), "storage#object"))
    return Properties(found.size, found.modified_us, found.version, found.md5)


def location(body: bytes) -> str:
    """Where a bucket is, from the answer to getStorageLayout: "EUROPE-WEST1", "EU"."""
    found = _table(json_value(body), "storage#storageLayout").get("location")
    if not isinstance(found, str) or not _LOCATION.fullmatch(found):
        raise MalformedError("a place that is none")
    return found


def refusal(body: bytes) -> Refused | None:
    """The error that an answer has; None for a page of somebody else."""
    try:
        error = _fields(_fields(json_value(body)).get("error"))
        details = error.get("errors")
        first = _fields(cast("list[object]", details)[0]) if isinstance(details, list) and details else {}
    except MalformedError:
        return None
    if type(error.get("code")) is not int:
        return None
    return Refused(_text(first.get("reason")) or _text(error.get("status")), _text(error.get("message")) or _text(first.get("message")))


def plain(body: bytes) -> str:
    """What the answer to a download says, which is plain text; "" for a page."""
    text = " ".join(body[:_PLAIN_BYTES].decode("utf-8", "replace").split())
    return "" if "<" in text else text


def hash_md5(text: str) -> str:
    """The MD5 of a header "crc32c=…, md5=…" as hex digits; "" if it has none, as for an object that was composed."""
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        if name == "md5":
            return md5_hex(value)
    return ""


def md5_hex(text: str) -> str:
    """An MD5 in base64 as 32 lower-case hex digits; "" for ""."""
    if text and not _MD5.fullmatch(text):
        raise MalformedError("an MD5 that is none")
    return base64.b64decode(text).hex() if text else ""


def generation(text: str) -> str:
    """What identifies one content of an object."""
    if not _GENERATION.fullmatch(text):
        raise MalformedError("an object without a generation")
    return text


def _listed(entry: dict[str, object]) -> Listed:
    tier = _text(entry.get("storageClass"))
    return Listed(
        _name(entry.get("name")),
        number(_text(entry.get("size"))),
        listed_us(_text(entry.get("timeCreated"))),
        generation(_text(entry.get("generation"))),
        md5=md5_hex(_text(entry.get("md5Hash"))),
        tier=tier if tier in TIERS else "",
    )


def _name(value: object) -> str:
    name = _text(value)
    if not name or not _is_text(name):
        raise MalformedError("an object without a name")
    return name


def _is_text(name: str) -> bool:
    """JSON can write half a character, which no name has."""
    return name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _fields(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise MalformedError("something else in place of an object")
    return cast("dict[str, object]", value)


def _table(value: object, kind: str) -> dict[str, object]:
    table = _fields(value)
    if table.get("kind") != kind:
        raise MalformedError("an answer of another kind")
    return table
