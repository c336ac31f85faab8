"""Which blobs a person means by a name or a pattern.

Names are keys: nothing in one is dropped, folded or joined before it is compared.  A text that is a blob's name, letter by letter, means
that blob alone.  Otherwise it is a folder, or with ``*``, ``?`` or ``[…]`` a pattern, which is compared part by part.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass

from chorus_gui.core.errors import AccessError, BlobNameError
from chorus_gui.core.job import JobContext
from chorus_gui.core.shown import unquoted
from chorus_gui.core.storage.base import BlobInfo, Store
from chorus_gui.core.storage.names import check_path

_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person named.  ``blob`` is the one blob of exactly this name; None: ``text`` is a folder or a pattern of blobs below."""

    text: str
    blob: BlobInfo | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the name, empty ones too; a "/" at the end of a folder or a pattern is none of them."""
        text = self.text if self.blob is not None else self.text.removesuffix("/")
        return tuple(text.split("/")) if text else ()

    @property
    def wild(self) -> bool:
        """It is a pattern."""
        return self.blob is None and _WILD.search(self.text) is not None

    def blobs(self, store: Store, ctx: JobContext) -> Iterator[BlobInfo]:
        """The blobs at the name or pattern, and everything below.  Raises :class:`StoreError`, ``Cancelled``."""
        if self.blob is not None:
            yield self.blob
            return
        parts = self.parts
        fixed = next((number for number, part in enumerate(parts) if _WILD.search(part)), len(parts))
        folders_only = self.text.endswith("/") or not self.wild
        for number, blob in enumerate(store.list("/".join(parts[:fixed]) + "/" if fixed else "")):
            if number % 1000 == 0:
                ctx.checkpoint()
            names = blob.path.split("/")
            if len(names) >= len(parts) + (folders_only and bool(parts)) and all(
                name == part or fnmatch.fnmatchcase(name, part) for name, part in zip(names, parts, strict=False)
            ):
                yield blob


def choose(store: Store, text: str) -> Choice:
    """What ``text`` names in the store: as it is, or in the quotes in which a list writes names that a terminal cannot show."""
    plain = unquoted(text)
    for name in dict.fromkeys((text, plain)):
        if name and (found := _exactly(store, name)) is not None:
            return Choice(name, found)
    return Choice(plain)


def _exactly(store: Store, name: str) -> BlobInfo | None:
    """The blob of this very name.  One that could be turned into another on its way is looked up where names come back: in a listing."""
    try:
        check_path(name)
        return store.head(name)
    except (BlobNameError, AccessError):  # perhaps listing is allowed, and reading is not
        return next((blob for blob in store.list(name) if blob.path == name), None)
