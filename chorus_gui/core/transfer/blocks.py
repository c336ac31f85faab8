"""How a large file is cut into blocks, and what the blocks are called.

A block's id holds its number, the block size and the MD5 under which the store acknowledged it.  So an interrupted file is resumed
without anything kept on this computer: it is read again, and a block whose id (of the bytes just read) is already staged in the
store is not sent again.  Bytes that changed meanwhile have another id; the commit names exactly the ids of this reading, and
the store forgets the others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from chorus_gui.core.errors import StoreError
from chorus_gui.core.storage.base import StoreLimits

MIB = 1024 * 1024
_OURS = re.compile(r"[0-9]{6}-([0-9]{24})-[0-9a-f]{32}")
BLOCKS = (MIB, 2 * MIB, 4 * MIB, 8 * MIB)
"""Bytes per block.  Few different sizes, so that a file that is continued at another pace has blocks of the same size."""
BLOCK = BLOCKS[-1]
"""Bytes per block on a fast line, if the store and the file's size allow it."""


def block_size(size: int, limits: StoreLimits, wanted: int = BLOCK) -> int:
    """Bytes per block for a file of ``size``: as ``wanted``, or more for a large file, in whole MiB, so that the store's number of blocks
    suffices.

    Raises :class:`StoreError` for a file that the store cannot hold.
    """
    block = min(wanted, limits.block_bytes)
    if size > block * limits.blocks:
        block = min(-(-size // (limits.blocks * MIB)) * MIB, limits.block_bytes)
    if size > block * limits.blocks:
        raise StoreError(
            f"The file has {size:,} bytes, but the central store allows at most {block * limits.blocks:,} in one file.",
            remedy="Split the file on the site, or hold it back and ask the central team.",
        )
    return block


def block_id(number: int, block: int, md5: str) -> str:
    """64 characters for every block of every file: other tools' leftovers, which most often are that long, do not disturb them."""
    return f"{number:06d}-{block:024d}-{md5}"


def staged_size(staged: Mapping[str, int]) -> int:
    """The block size of which most bytes are staged already (id → bytes), so that a file that is continued at another pace uses them; or 0."""
    bytes_of: Counter[int] = Counter()
    for name, size in staged.items():
        if (found := _OURS.fullmatch(name)) is not None and int(found[1]) in BLOCKS:  # anybody may have written the id
            bytes_of[int(found[1])] += size
    return max(bytes_of, key=lambda block: bytes_of[block], default=0)
