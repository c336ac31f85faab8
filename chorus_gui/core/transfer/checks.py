"""Is it the file that was approved, and did the store acknowledge exactly its bytes?"""

from __future__ import annotations

from chorus_gui.core.errors import ChecksumError, ChorusError, ContentChangedError, SourceChangedError
from chorus_gui.core.model import Failure, Item, Level
from chorus_gui.core.storage.base import BlobInfo, FileReader, SourceStat
from chorus_gui.core.storage.digests import is_md5

READ_AGAIN = "submit again (“chorus-upload submit”): the scan reads this file, and shows it as updated"
"""What makes a file right whose content alone changed."""


def failure_of(item: Item, error: ChorusError) -> Failure:
    """Why the item was not sent."""
    return Failure(item, type(error).__name__, error.summary, error.remedy, error.attempts)


def fill(reader: FileReader, view: memoryview) -> int:
    """Read until the view is full or the file ends; the bytes read."""
    done = 0
    while done < len(view):
        got = reader.readinto(view[done:])
        if not got:
            break
        done += got
    return done


def changed(item: Item, how: str) -> SourceChangedError:
    """The failure of a file that is no longer the approved one."""
    return SourceChangedError(
        f"“{item.path}” changed after the review: {how}, but {item.size:,} were expected.",
        remedy="Scan again, and approve the changes.",
    )


def check_unchanged(now: SourceStat, item: Item) -> None:
    """Raise :class:`SourceChangedError` if size or time are not the item's."""
    if now.size != item.size:
        raise changed(item, f"it has {now.size:,} bytes")
    if now.mtime_us != item.mtime_us:
        raise SourceChangedError(f"“{item.path}” was written to after the review.", remedy="Scan again, and approve the changes.")


def check_content(item: Item, md5: str, now: SourceStat) -> None:
    """Raise :class:`ContentChangedError` if the MD5 that was recorded before is another one.  ``now``: the file that was read.

    Other tools recorded the ETag of an object, which can look like an MD5 and be none (an encrypted object has such a one).
    """
    etag = item.md5 == now.version and now.md5 is None
    if item.md5 is not None and is_md5(item.md5) and item.md5 != md5 and not etag:
        raise ContentChangedError(
            f"The content of “{item.path}” differs from the journal, although its size and time are the same.",
            meaning="The file was not uploaded.",
            remedy=f"Check the file and its disk. If the file is right, {READ_AGAIN}.",
        )


def acknowledged(info: BlobInfo, size: int, md5: str) -> BlobInfo:
    """The store's answer, if it describes the bytes that were sent; otherwise :class:`ChecksumError`."""
    if info.size != size or info.md5 not in (None, md5):
        raise ChecksumError(
            f"The central store confirmed other bytes of “{info.path}” than were sent.",
            meaning="The file counts as not uploaded.",
            remedy="Upload it again.",
        )
    return info


def level_of(info: BlobInfo) -> Level:
    """How a write is confirmed: if its answer was lost, only by what the blob shows afterwards."""
    if not info.looked_up:
        return Level.TRANSPORT
    return Level.PROPERTIES if info.md5 is not None else Level.REREAD
