"""Kept copies of a large journal: compressed with gzip, which any system opens, with what is in them in the header's comment (RFC 1952).

So a list of copies reads some hundred bytes of each, and a copy of ten million rows is not unpacked before it is used.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

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


def is_packed(path: Path) -> bool:
    """The name is that of a compressed copy."""
    return path.name.endswith(f".{END}")


def pack(source: Path, target: Path, facts: dict[str, Any]) -> None:
    """Compress a file; ``facts`` are JSON.  ``target`` appears whole or not at all.  Raises OSError."""
    part = private.beside(target)
    crc, packer = 0, zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    try:
        with source.open("rb") as read, private.create(part) as out:
            out.write(_HEAD + json.dumps(facts).encode("ascii") + b"\0")
            size = 0
            while chunk := read.read(_CHUNK):
                crc, size = zlib.crc32(chunk, crc), size + len(chunk)
                out.write(packer.compress(chunk))
            out.write(packer.flush() + struct.pack("<II", crc, size & 0xFFFFFFFF))
        private.take_place(part, target)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def facts_of(path: Path) -> object:
    """What was said of the content.  Raises :class:`JournalDamagedError`, OSError."""
    with path.open("rb") as read:
        if read.read(len(_HEAD)) == _HEAD:
            text, end, _ = read.read(_COMMENT).partition(b"\0")
            with suppress(ValueError):
                if end:
                    return json_value(text.decode("ascii"))
    raise JournalDamagedError(_NO_COPY)


def unpack(path: Path, target: Path) -> None:
    """Write the content to a new file.  Raises :class:`JournalDamagedError` for a damaged copy, OSError; then there is no such file."""
    try:
        with gzip.open(path, "rb") as read, private.create(target) as out:
            shutil.copyfileobj(read, out, _CHUNK)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        target.unlink(missing_ok=True)
        raise JournalDamagedError(_NO_COPY, remedy="Use another one (“chorus-upload journal restore” lists them).") from error
    except BaseException:
        with suppress(OSError):
            target.unlink(missing_ok=True)
        raise


def sha256_of(path: Path) -> str:
    """Of a file's content, in hex.  Raises OSError."""
    with path.open("rb") as read:
        return hashlib.file_digest(read, "sha256").hexdigest()
