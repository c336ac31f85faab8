"""Which paths a blob can have."""

from __future__ import annotations

import os
import re

from chorus_gui.core.errors import BlobNameError, SourceUnreadableError

PATH_CHARS = 1024
BLOCK_ID_CHARS = 64
WINDOWS_NAME_CHARS = 255
"""UTF-16 units of one part of a path, however long the whole may be."""

_OUTSIDE = re.compile(r"(?:^|/)\.{0,2}(?:/|$)|\0")
_DEVICE = re.compile(r"(?i)con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]")
_NOT_BELOW_ON_WINDOWS = re.compile(r"[\\:]")
_NOT_ON_WINDOWS = re.compile(r'[<>:"|?*\\\x00-\x1f]')

_PLAIN = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]*/)*[A-Za-z0-9_-][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
_PLAIN_CHARS = 240


def is_plain(path: str, more: int = 0) -> bool:
    """Every store takes this name, also with ``more`` characters before it: a million are looked at in a second.  False: look closely."""
    return len(path) + more < _PLAIN_CHARS and _PLAIN.fullmatch(path) is not None


def check_path(path: str, *, windows: bool = False) -> None:
    """Raise :class:`BlobNameError` for a path that no store takes, or, with ``windows``, that a Windows disk cannot hold."""
    parts = path.split("/")
    if not path:
        problem = "The name is empty."
    elif len(path) > PATH_CHARS:
        problem = f"It has {len(path):,} characters; the limit is {PATH_CHARS:,}."
    elif "" in parts or "." in parts or ".." in parts:
        problem = "A part of it is empty, “.” or “..”."
    elif "\0" in path:
        problem = "It has a NUL character."
    elif windows and (found := _NOT_ON_WINDOWS.search(path)):
        problem = f"Windows does not allow the character {found.group()!r} in a name."
    elif windows and (longest := max(len(part.encode("utf-16-le", "surrogatepass")) // 2 for part in parts)) > WINDOWS_NAME_CHARS:
        problem = f"A name in it has {longest:,} characters; the limit on Windows is {WINDOWS_NAME_CHARS}."
    else:
        return
    raise name_error(path, problem)


def outside(path: str, *, windows: bool = os.name == "nt") -> str:
    """Why ``path`` (posix) does not name a file below a folder, as a sentence; "" if it does.

    A journal can name anything.  With ``windows`` a part must not name a drive, a stream or a device path either.
    """
    if _OUTSIDE.search(path):
        return "A part of its path is empty, “.” or “..”, so it would not be below the site's folder."
    if windows and (found := _NOT_BELOW_ON_WINDOWS.search(path)):
        return f"Its path has the character {found.group()!r}, so on Windows it would not be below the site's folder."
    return ""


def reserved(path: str) -> str:
    """Why Windows would keep a file under another name than ``path`` (posix), or give it to a device, as a sentence; "" if it would not."""
    for part in path.split("/"):
        if part.endswith((".", " ")):
            return "Windows drops the dot or space at the end of a name."
        if _DEVICE.fullmatch(part.partition(".")[0].rstrip()):
            return f"“{part}” is the name of a device on Windows."
        if found := _NOT_ON_WINDOWS.search(part):
            return f"Windows does not allow the character {found.group()!r} in a name."
    return ""


def check_below(path: str, *, windows: bool = os.name == "nt") -> None:
    """Raise :class:`SourceUnreadableError` for a path that does not name a file below its folder; ``windows``: on a disk of Windows."""
    if why := outside(path, windows=windows):
        raise SourceUnreadableError(
            f"“{path[:200]}” is not a path of this site.",
            meaning=f"{why} Nothing was read.",
            remedy="Somebody wrote this entry into the journal. Mark it as deleted (“file mark_as_deleted”), and inform the central team.",
        )


def name_error(path: str, problem: str) -> BlobNameError:
    """``problem`` is a sentence."""
    return BlobNameError(
        f"The central store cannot hold “{path[:200]}”.",
        meaning=problem,
        remedy="Rename the file on the site and scan again, or hold it back.",
    )


def check_block_id(block_id: str, others: int | None) -> None:
    """``others`` is the length that the ids staged for the same blob have, None if there are none."""
    if not block_id or len(block_id) > BLOCK_ID_CHARS or not block_id.isascii():
        raise BlobNameError(f"“{block_id}” is not a valid block ID.", meaning=f"It must have 1 to {BLOCK_ID_CHARS} ASCII characters.")
    if others is not None and len(block_id) != others:
        raise BlobNameError(
            f"Another program left an unfinished upload of this file: its block IDs have {others} characters, not {len(block_id)}.",
            remedy="Azure removes it after seven days. To upload the file now, ask the central team to delete the unfinished one.",
        )
