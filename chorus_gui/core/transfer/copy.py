"""A copy inside the store as the evidence for an upload: the blob that is copied, and its copy, have to show the file's content."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from chorus_gui.core.errors import StoreError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Item, Level, Proof
from chorus_gui.core.storage.base import BlobInfo, Condition, Store
from chorus_gui.core.storage.digests import md5_of


def copy_proved(store: Store, paths: Iterable[str], item: Item, ctx: JobContext) -> Proof | None:
    """Copy one of these blobs to the item's place, if it holds the item's content (size and ``item.md5``); None if nothing was proved.

    A store that keeps an MD5 property shows it for the blob and for the copy.  Where there is none, the copy is read and hashed.
    A copy that turns out to hold something else is removed.  Raises only a fatal :class:`StoreError`, and ``Cancelled``.
    """
    try:
        for path in paths:
            found = store.head(path)
            if found is None or found.size != item.size or found.md5 not in (None, item.md5):
                continue
            copied = store.copy(path, item.store_path)
            if copied.size == item.size:
                if copied.md5 is not None and copied.md5 == item.md5:
                    return Proof(item, copied.md5, copied.etag, Level.PROPERTIES)
                if copied.md5 is None and hash_of(store, copied, ctx) == item.md5:
                    return Proof(item, item.md5 or "", copied.etag, Level.REREAD)
            with suppress(StoreError):
                store.delete(item.store_path, condition=Condition(etag=copied.etag))
    except StoreError as error:
        if error.fatal:
            raise
    return None


def hash_of(store: Store, info: BlobInfo, ctx: JobContext) -> str:
    """The MD5 of exactly this version of a blob, which is read for it.  Raises :class:`StoreError`, ``Cancelled``."""
    whole = md5_of()
    for chunk in store.read(info.path, etag=info.etag):
        ctx.checkpoint()
        ctx.throttle(len(chunk))
        whole.update(chunk)
    return whole.hexdigest()
