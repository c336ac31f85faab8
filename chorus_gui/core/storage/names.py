"""Which paths a blob can have."""

from __future__ import annotations

import re

from chorus_gui.core.errors import BlobNameError

PATH_CHARS = 1024
BLOCK_ID_CHARS = 64
WINDOWS_NAME_CHARS = 255
"""UTF-16 units of one part of a path, however long the whole may be."""

_NOT_ON_WINDOWS = re.compile(r'[<>:"|?*\\\x00-\x1f]')


def check_path(path: str, *, windows: bool = False) -> None:
    """Raise :class:`BlobNameError` for a path that no store takes, or, with ``windows``, that a Windows disk cannot hold."""
    parts = path.split("/")
    if not path:
        problem = "The name is empty."
    elif len(path) > PATH_CHARS:
        problem = f"It has {len(path):,} characters; {PATH_CHARS:,} are allowed."
    elif "" in parts or "." in parts or ".." in parts:
        problem = "It has an empty, “.” or “..” part."
    elif "\0" in path:
        problem = "It has a NUL character."
    elif windows and (found := _NOT_ON_WINDOWS.search(path)):
        problem = f"Windows cannot hold the character {found.group()!r} in a name."
    elif windows and (longest := max(len(part.encode("utf-16-le", "surrogatepass")) // 2 for part in parts)) > WINDOWS_NAME_CHARS:
        problem = f"A name in it has {longest:,} characters; Windows can hold {WINDOWS_NAME_CHARS}."
    else:
        return
    raise name_error(path, problem)


def name_error(path: str, problem: str) -> BlobNameError:
    """``problem`` is a sentence."""
    return BlobNameError(
        f"The central store cannot hold “{path[:200]}”.",
        meaning=problem,
        remedy="Rename the file at the site and scan again, or hold it back.",
    )


def check_block_id(block_id: str, others: int | None) -> None:
    """``others`` is the length that the ids staged for the same blob have, None if there are none."""
    if not block_id or len(block_id) > BLOCK_ID_CHARS or not block_id.isascii():
        raise BlobNameError(f"“{block_id}” cannot be a block's id.", meaning=f"It must be 1 to {BLOCK_ID_CHARS} ASCII characters.")
    if others is not None and len(block_id) != others:
        raise BlobNameError(
            f"Blocks of another program wait under this name: their ids have {others} characters, not {len(block_id)}.",
            remedy="They vanish after a week; to go on now, delete the unfinished file in the central store.",
        )
