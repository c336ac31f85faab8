"""A list of a bucket's objects that Amazon wrote (S3 Inventory), in the place of a listing: a few requests for millions of objects.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html has the form of the files.  A list is some hours to some
days old, and its rows have no order.  So they are sorted, on the disk, and nothing that depends on a single row is believed: an object is read only as its
size, time and version are, and one that is not in the list counts as missing only when the service says that it is (``submission/missing.py``).
"""

from __future__ import annotations

import csv
import re
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, cast
from urllib.parse import unquote_plus

from chorus_gui.core.errors import BlobNotFoundError, ConditionError, SourceUnreadableError
from chorus_gui.core.own_database import temporary_database
from chorus_gui.core.shown import one_line
from chorus_gui.core.storage.base import Ask
from chorus_gui.core.storage.bucket.values import CHUNK_BYTES, Bucket, Listed, listed_us, number
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.storage.s3.markup import ARCHIVED
from chorus_gui.core.untrusted import MalformedError, instant_us, json_value, strictly

MANIFEST = "manifest.json"
MANIFEST_BYTES = 64 * 1024 * 1024
LINE_BYTES = 64 * 1024
"""The longest row: a key has at most 1,024 bytes, each of three characters."""
CACHE_KIB = 32 * 1024
"""Memory for sorting; the rest is in a file that the system removes."""
PAGE = 5000
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}Z/")
_NEEDED = ("Key", "Size", "LastModifiedDate", "ETag")
_ETAG = re.compile(r"[\x21\x23-\x7e]{1,200}")
_PIECE = 256 * 1024
_UNTIL = "The next list comes within 48 hours. Until then, remove aws_inventory from the configuration: the bucket is then listed."


class Part(NamedTuple):
    """A file with rows.  ``md5`` is that of the file as it is kept, 32 lower-case hex digits."""

    key: str
    md5: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a list has.  ``bucket`` is the bucket that is listed; ``made_us`` when, in microseconds since 1970; ``columns`` by their numbers."""

    bucket: str
    made_us: int
    columns: dict[str, int]
    parts: tuple[Part, ...]

    @property
    def age_s(self) -> float:
        """How old the list is now, in seconds."""
        return max(0.0, time.time() - self.made_us / 1e6)


def _manifest_of(body: bytes) -> tuple[str, str, list[str], int, tuple[Part, ...]]:
    """(bucket, format, names of the columns, when it was made in microseconds, files) of a manifest.  Raises :class:`MalformedError`."""
    value = json_value(body)
    with strictly():
        if not isinstance(value, dict):
            raise MalformedError("no table")
        whole = cast("dict[str, Any]", value)
        texts = [whole[name] for name in ("sourceBucket", "fileFormat", "fileSchema")]
        parts = tuple(Part(one["key"], one["MD5checksum"].lower()) for one in whole["files"])
        if not all(isinstance(text, str) for text in (*texts, *(part.key for part in parts))):
            raise MalformedError("a text that is none")
        made = int(whole["creationTimestamp"]) * 1000
        if made <= 0 or instant_us(made) is None:
            raise MalformedError("a time that is none")
        return texts[0], texts[1], [name.strip() for name in texts[2].split(",")], made, parts


class Inventory:
    """The inventory at ``address`` (as :func:`~chorus_gui.core.config.credential_table.inventory_problem` permits), for the objects of ``bucket`` (its name).  ``open_bucket`` opens the bucket with the lists.

    Raises :class:`SourceUnreadableError` for a list that cannot be used; what ``ask`` raises.
    """

    def __init__(self, address: str, bucket: str, open_bucket: Callable[[str], Bucket]) -> None:
        self._address, self._bucket, self._open = address, bucket, open_bucket

    def manifest(self, ask: Ask) -> Manifest:
        """The manifest of the list that is used: three requests at most."""
        with closing(self._lists()) as lists:
            return self._manifest(lists, ask)

    def pages(self, prefix: str, ask: Ask, made: Callable[[int], None]) -> Iterator[list[Listed]]:
        """The current objects whose keys begin with ``prefix``, in the order of their keys.  ``made`` gets the time of the list, in microseconds."""
        try:
            with closing(temporary_database()) as db:
                for pragma in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{CACHE_KIB}"):
                    db.execute(f"PRAGMA {pragma}")
                db.execute(
                    "CREATE TABLE object (key TEXT PRIMARY KEY, size INTEGER, modified_us INTEGER, etag TEXT, archived) WITHOUT ROWID"
                )
                db.execute("BEGIN")
                with closing(self._lists()) as lists:
                    manifest = self._manifest(lists, ask)
                    made(manifest.made_us)
                    for part in manifest.parts:
                        self._take(db, lists, ask, (manifest, part, prefix))
                rows = db.execute("SELECT key, size, modified_us, etag, archived FROM object ORDER BY key")
                while found := rows.fetchmany(PAGE):
                    yield [Listed(key, size, modified, etag, bool(archived)) for key, size, modified, etag, archived in found]
        except sqlite3.Error as error:
            raise SourceUnreadableError(
                f"Could not sort the S3 Inventory {self._address}: {error}.",
                meaning="Nothing was scanned here, and no file is marked as deleted for this reason.",
                remedy="Free space on the disk of this computer's temporary folder, and scan again.",
            ) from error

    def _lists(self) -> Bucket:
        return self._open(self._address.split("/", 3)[2])

    def _manifest(self, lists: Bucket, ask: Ask) -> Manifest:
        key = self._address.split("/", 3)[3]
        if key.endswith("/"):
            key = self._newest(lists, key, ask)
        body = b"".join(self._pieces(lists, key, ask, MANIFEST_BYTES))
        try:
            bucket, form, names, made_us, parts = _manifest_of(body)
        except MalformedError as error:
            raise self._unusable("Its manifest is not one of S3 Inventory") from error
        if form != "CSV":
            raise self._unusable(
                f"Its files have the format {form}" if form in ("ORC", "Parquet") else "Its format is not known",
                f"CHoRUS Upload reads CSV. In the S3 console, open the bucket's inventory configuration, and set the output format to CSV. {_UNTIL}",
            )
        columns = {name: place for place, name in enumerate(names)}
        missing = [name for name in _NEEDED if name not in columns]
        if "VersionId" in columns and "IsLatest" not in columns:
            missing.append("IsLatest")
        if missing:
            raise self._unusable(
                f"Its lines lack {', '.join(missing)}",
                f"In the S3 console, open the bucket's inventory configuration, and select the fields Size, Last modified and ETag. {_UNTIL}",
            )
        if bucket != self._bucket:
            raise self._unusable(
                f"It lists the bucket “{bucket[:63]}”, and the files are in “{self._bucket}”",
                "Set aws_inventory to the inventory of that bucket.",
            )
        return Manifest(bucket, made_us, columns, parts)

    def _newest(self, lists: Bucket, folder: str, ask: Ask) -> str:
        """The manifest of the newest list in the folder of an inventory.  A list is complete when its manifest is there."""
        token, days = "", list[str]()
        while True:
            page = ask(partial(lists.list_page, folder, token, delimiter="/"))
            days += [name for name in page.folders if _DAY.fullmatch(name.removeprefix(folder))]
            token = page.token
            if not token:
                break
        for day in sorted(days, reverse=True)[:3]:
            if ask(partial(lists.head, f"{day}{MANIFEST}")) is not None:
                return f"{day}{MANIFEST}"
        raise self._unusable(
            "It has no list",
            "Set aws_inventory to the folder of the inventory, which has folders such as “2026-11-27T01-00Z”, or to one manifest.json in it. The first "
            "list comes within 48 hours.",
        )

    def _take(self, db: sqlite3.Connection, lists: Bucket, ask: Ask, what: tuple[Manifest, Part, str]) -> None:
        """The rows of a file; none of them counts if its MD5 is another one."""
        manifest, part, prefix = what
        whole = md5_of()
        try:
            rows = csv.reader(_lines(self._pieces(lists, part.key, ask), whole.update), strict=True)
            db.executemany(
                "INSERT INTO object VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET size = excluded.size, modified_us = excluded.modified_us, "
                "etag = excluded.etag, archived = excluded.archived WHERE excluded.modified_us >= modified_us",
                (one[:5] for row in rows if (one := _object(row, manifest)) is not None and one.key.startswith(prefix)),
            )
        except (MalformedError, csv.Error, zlib.error) as error:
            raise self._unusable(f"Its file “{part.key[-100:]}” is damaged, or is not one of S3 Inventory") from error
        if whole.hexdigest() != part.md5:
            raise self._unusable(f"Its file “{part.key[-100:]}” is not the one that its manifest names: the MD5 is another one")

    def _pieces(self, lists: Bucket, key: str, ask: Ask, most: int = 0) -> Iterator[bytes]:
        """The bytes of one version of an object."""
        at, size, version = 0, 1, ""
        while at < size:
            try:
                piece = ask(partial(lists.read, key, at, CHUNK_BYTES, version=version))
            except BlobNotFoundError as error:
                raise self._unusable(
                    f"Its file “{key[-100:]}” is not there",
                    "Check aws_inventory. Lists are often removed after some days by a rule of the bucket.",
                ) from error
            except ConditionError as error:
                raise self._unusable(f"Its file “{key[-100:]}” was replaced while it was read") from error
            if piece is None:
                return
            at, size, version = at + len(piece.data), piece.whole.size, piece.whole.version
            if most and size > most:
                raise self._unusable("Its manifest is too large")
            yield piece.data

    def _unusable(self, why: str, remedy: str = "") -> SourceUnreadableError:
        return SourceUnreadableError(
            f"The S3 Inventory {self._address} cannot be used. {one_line(why)}.",  # why can have names that others wrote
            meaning="Nothing was scanned here, and no file is marked as deleted for this reason.",
            remedy=remedy or "Scan again. If it happens again, remove aws_inventory from the configuration: the bucket is then listed.",
        )


def _lines(pieces: Iterator[bytes], seen: Callable[[bytes], None]) -> Iterator[str]:
    """The lines of a compressed file.  ``seen`` gets every piece as it is kept."""
    unpacked, rest = zlib.decompressobj(31), b""
    for piece in pieces:
        seen(piece)
        while piece:
            rest += unpacked.decompress(piece, _PIECE)
            *lines, rest = rest.split(b"\n")
            if len(rest) > LINE_BYTES:
                raise MalformedError("a line without end")
            for line in lines:
                yield _text(line)
            piece = unpacked.unconsumed_tail
            if unpacked.eof and (piece := unpacked.unused_data):  # a file can be several that were joined
                unpacked = zlib.decompressobj(31)
    if not unpacked.eof:
        raise MalformedError("a file that ends in the middle")
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    with strictly():
        return line.decode()


def _object(row: list[str], manifest: Manifest) -> Listed | None:
    """The object of a line; None for an older version, for one that was deleted, and for a line without anything.  Raises :class:`MalformedError`."""
    if not row:
        return None
    columns = manifest.columns
    with strictly():
        if len(row) != len(columns) or ("Bucket" in columns and row[columns["Bucket"]] != manifest.bucket):
            raise MalformedError("a line of another list")
        if _flag(row, columns, "IsLatest", "true") == "false" or _flag(row, columns, "IsDeleteMarker", "false") == "true":
            return None
        key = unquote_plus(row[columns["Key"]], errors="strict")
        etag = row[columns["ETag"]].strip('"')
        if not key or not _ETAG.fullmatch(etag):
            raise MalformedError("an object without a key or an ETag")
        tier = row[columns["StorageClass"]] if "StorageClass" in columns else ""
        return Listed(key, number(row[columns["Size"]]), listed_us(row[columns["LastModifiedDate"]]), etag, tier in ARCHIVED)


def _flag(row: list[str], columns: dict[str, int], name: str, usual: str) -> str:
    value = (row[columns[name]] if name in columns else usual).lower()
    if value not in ("true", "false"):
        raise MalformedError("a flag that is none")
    return value
