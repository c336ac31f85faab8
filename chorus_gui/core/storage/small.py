"""A small blob as a whole: a lock's note, a marker, a side file."""

from __future__ import annotations

from chorus_gui.core.errors import ChecksumError
from chorus_gui.core.storage.base import BlobInfo, Store
from chorus_gui.core.storage.digests import md5_of


def read_small(store: Store, blob: BlobInfo) -> bytes:
    """The content of exactly this version of a blob.  A download that is damaged is read once more.

    Raises :class:`~chorus_gui.core.errors.BlobNotFoundError` and :class:`~chorus_gui.core.errors.ConditionError` if the blob was removed
    or replaced meanwhile, :class:`ChecksumError` if both downloads are damaged.
    """
    for _ in range(2):
        data = b"".join(store.read(blob.path, length=blob.size + 1, etag=blob.etag))
        if len(data) == blob.size and blob.md5 in (None, md5_of(data).hexdigest()):
            return data
    raise ChecksumError(
        f"The bytes of “{blob.path}” that arrived differ from what the store has.",
        meaning="The download, or the file in the store, is damaged.",
        remedy="Try again.",
    )
