"""MD5, the checksum that journals, stores and requests share."""

from __future__ import annotations

import hashlib
import re
from typing import Protocol

from chorus_gui.core.errors import ChecksumError
from chorus_gui.core.storage.base import Buffer

_IS_MD5 = re.compile(r"[0-9a-f]{32}")


class Digest(Protocol):
    """A hash being made."""

    def update(self, data: Buffer, /) -> None:
        """Add bytes."""
        ...

    def digest(self) -> bytes:
        """The 16 bytes."""
        ...

    def hexdigest(self) -> str:
        """The 32 lower-case digits."""
        ...


def md5_of(data: Buffer = b"") -> Digest:
    """An MD5 to check bytes with, also where the system forbids it for security."""
    return hashlib.md5(data, usedforsecurity=False)


def is_md5(text: str | None) -> bool:
    """Is it one?  Journals of other tools hold an S3 ETag, or nothing, in its place."""
    return text is not None and _IS_MD5.fullmatch(text) is not None


def check_bytes(path: str, data: Buffer, md5: bytes | None) -> None:
    """Raise :class:`ChecksumError` if the bytes that arrived for a blob do not have this MD5 (16 bytes; None: not checked)."""
    if md5 is not None and md5_of(data).digest() != md5:
        raise ChecksumError(
            f"The bytes of “{path}” that arrived differ from the bytes that were sent.",
            meaning="Nothing was written.",
            remedy="Upload the file again.",
        )
