"""Kept copies of a large journal: compressed with gzip, which any system opens, with what is in them in the header's comment (RFC 1952).

So a list of copies reads some hundred bytes of each, and a copy of ten million rows is not unpacked before it is used.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, cast

from chorus_gui.core import private
from chorus_gui.core.errors import JournalDamagedError
from chorus_gui.core.untrusted import json_value

END = "db.gz"
LARGE = 16 * 1024 * 1024
"""A journal of more bytes is kept compressed.  A smaller one stays a plain SQLite file."""
_CHUNK = 1024 * 1024
_HEAD = b"\x1f\x8b\x08\x10" + bytes(4) + b"\x04\xff"
"""gzip, deflate, a comment follows, no time, fastest, unknown system"""
_COMMENT = 1024 * 1024
"""Bytes of a comment at most."""
_NO_COPY = "The kept copy is damaged, or was not written by this program."


class Sums(NamedTuple):
    """What a file's content is known by: SHA-256 in hex, CRC32, bytes."""

    sha256: str
    crc: int
    content_size: int


def is_packed(path: Path) -> bool:
    """The name is that of a compressed copy."""
    return path.name.endswith(f".{END}")


def pack(source: Path, target: Path, facts: dict[str, Any]) -> None:
    """Compress a file; ``facts`` are JSON, with the file's :class:`Sums`.  ``target`` appears whole or not at all.  Raises OSError."""
    part = private.beside(target)
    crc, packer = 0, zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    try:
        with source.open("rb") as read, private.create(part) as out:
            out.write(_HEAD + json.dumps(facts).encode("ascii") + b"\0")
            size = 0
            while chunk := read.read(_CHUNK):
                crc, size = zlib.crc32(chunk, crc), size + len(chunk)
                out.write(packer.compress(chunk))
            out.write(packer.flush() + _end(crc, size))
            out.flush()
            os.fsync(out.fileno())
        private.take_place(part, target)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _end(crc: int, size: int) -> bytes:
    return struct.pack("<II", crc, size & 0xFFFFFFFF)


def facts_of(path: Path) -> object:
    """What was said of the content.  Raises :class:`JournalDamagedError`, also if the end of the file does not belong to it; OSError."""
    with path.open("rb") as read:
        if read.read(len(_HEAD)) == _HEAD:
            text, end, _ = read.read(_COMMENT).partition(b"\0")
            with suppress(ValueError, KeyError, TypeError, struct.error):
                facts: Any = json_value(text.decode("ascii")) if end else None
                read.seek(-8, os.SEEK_END)
                if isinstance(facts, dict):
                    said = cast("dict[str, Any]", facts)
                    if read.read() == _end(said["crc"], said["content_size"]):
                        return said
    raise JournalDamagedError(_NO_COPY)


def unpack(path: Path, target: Path) -> None:
    """Write the content to a new file.  Raises :class:`JournalDamagedError` for a damaged copy, OSError; then there is no such file."""
    try:
        with gzip.open(path, "rb") as read, private.create(target) as out:
            shutil.copyfileobj(read, out, _CHUNK)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        with suppress(OSError):
            target.unlink(missing_ok=True)
        raise JournalDamagedError(_NO_COPY, remedy="Use another one (“chorus-upload journal restore” lists them).") from error
    except BaseException:
        with suppress(OSError):
            target.unlink(missing_ok=True)
        raise


def sums_of(path: Path) -> Sums:
    """Of a file's content.  Raises OSError."""
    sha256, crc, size = hashlib.sha256(), 0, 0
    with path.open("rb") as read:
        while chunk := read.read(_CHUNK):
            sha256.update(chunk)
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
    return Sums(sha256.hexdigest(), crc, size)


def sha256_of(path: Path) -> str:
    """Of a file's content, in hex.  Raises OSError."""
    with path.open("rb") as read:
        return hashlib.file_digest(read, "sha256").hexdigest()
