"""How a large file is cut into blocks, and what the blocks are called.

A block's id holds its number, the block size and the MD5 under which the store acknowledged it.  So an interrupted file is resumed
without anything kept on this computer: it is read again, and a block whose id (of the bytes just read) is already staged in the
store is not sent again.  Bytes that changed meanwhile have another id; the commit names exactly the ids of this reading, and
the store forgets the others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from chorus_gui.core.errors import BlobNameError, StoreError
from chorus_gui.core.storage.base import StoreLimits

MIB = 1024 * 1024
_OURS = re.compile(r"[0-9]{6}-([0-9]{24})-[0-9a-f]{32}")
ID_CHARS = 64
_WITH_MD5 = 6 + 1 + 32
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
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


def block_id(number: int, block: int, md5: str, length: int = ID_CHARS) -> str:
    """64 characters for every block of every file: other tools' leftovers, which most often are that long, do not disturb them.

    Another ``length`` is for a file of which another tool left blocks: Azure takes only blocks with ids as long as those, for a week.
    Nothing has to be removed for it: the commit names these blocks, and the store forgets the others.
    """
    if length == ID_CHARS:
        return f"{number:06d}-{block:024d}-{md5}"
    if names_content(length):
        return f"{number:06d}-{md5}".ljust(length, "-")
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits


def names_content(length: int) -> bool:
    """An id of ``length`` characters has the MD5 of its block, so a staged block with this id is not sent again."""
    return length >= _WITH_MD5


def id_length(staged: Iterable[str], blocks: int) -> int:
    """How many characters the ids of a file with ``blocks`` blocks must have, if blocks with the ids ``staged`` are in the store.

    Raises :class:`BlobNameError` if there are not enough ids of that length.
    """
    length = next((len(name) for name in staged), ID_CHARS)
    if not names_content(length) and blocks > len(_DIGITS) ** length:
        raise BlobNameError(
            f"Another program left an unfinished upload of this file, with block IDs of only {length} {'character' if length == 1 else 'characters'}.",
            remedy="Azure removes it after seven days. To upload the file now, ask the central team to delete the unfinished one.",
        )
    return length


def staged_size(staged: Mapping[str, int]) -> int:
    """The block size of which most bytes are staged already (id → bytes), so that a file that is continued at another pace uses them; or 0."""
    bytes_of: Counter[int] = Counter()
    for name, size in staged.items():
        if (found := _OURS.fullmatch(name)) is not None and int(found[1]) in BLOCKS:  # anybody may have written the id
            bytes_of[int(found[1])] += size
    return max(bytes_of, key=lambda block: bytes_of[block], default=0)
