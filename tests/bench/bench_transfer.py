"""What sending a small file costs apart from the wire: ``python3 dev.py bench transfer``.

Many small files are read, hashed and handed to a store that forgets them at once.  The same loop in one thread, without anything
of the program, is the measure; wall time and the time that the processor worked, each the best of some rounds.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from math import floor
from pathlib import Path
from typing import Any

from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Item, Proof, Tally
from chorus_gui.core.storage.base import ALWAYS, BlobInfo, Buffer, Condition, StoreLimits
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.transfer.transfer import transfer


class Nowhere:
    """A store that acknowledges everything and keeps nothing."""

    url = "nowhere://"
    limits = StoreLimits(put_bytes=8 << 20, block_bytes=8 << 20)

    def put(
        self, path: str, data: Buffer, *, md5: bytes | None = None, metadata: Mapping[str, str] | None = None, condition: Condition = ALWAYS
    ) -> BlobInfo:
        """As :meth:`Store.put`."""
        return BlobInfo(path, len(data), md5.hex() if md5 else None, "0x1")


def site(root: Path, files: int, size: int) -> list[Item]:
    """A made-up site, 100 files in a folder."""
    items: list[Item] = []
    for number in range(files):
        path = f"{number // 100:05d}/{number:07d}.dcm"
        file = root / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(os.urandom(size))
        found = file.stat()
        items.append(Item(number, "Images", path, f"v/{path}", size, floor(found.st_mtime * 1e6)))
    return items


def bare(root: Path, items: list[Item]) -> None:
    """Open, read and hash each file."""
    for item in items:
        with open(root / item.path, "rb", buffering=0) as file:
            hashlib.md5(file.read(), usedforsecurity=False).hexdigest()


def sent(root: Path, items: list[Item], threads: int) -> None:
    """Through the transfer."""
    store: Any = Nowhere()
    ctx = JobContext()
    ctx.progress.begin("upload", {"Images": Tally(len(items), 0)})

    def pulled() -> Iterator[Item]:
        yield from items

    done = sum(isinstance(result, Proof) for result in transfer(pulled(), {"Images": FolderSource(root)}, store, ctx, Threads(threads)))
    assert done == len(items)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    runs = {"bare loop": lambda: bare(root, items)} | {
        f"transfer, {threads} thread{'s' * (threads != 1)}": lambda threads=threads: sent(root, items, threads) for threads in (1, 2, 8, 16)
    }
    best: dict[str, tuple[float, float]] = dict.fromkeys(runs, (1e9, 1e9))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        items = site(root, options.files, options.size)
        for _ in range(options.rounds):
            for name, run in runs.items():
                wall, busy = time.perf_counter(), time.process_time()
                run()
                wall, busy = time.perf_counter() - wall, time.process_time() - busy
                best[name] = min(best[name][0], wall), min(best[name][1], busy)
    print(f"{options.files:,} files of {options.size:,} bytes; best of {options.rounds}; milliseconds per file")
    print(f"{'':24}{'wall':>8}{'CPU':>8}")
    for name, (wall, busy) in best.items():
        print(f"{name:24}{1000 * wall / options.files:8.4f}{1000 * busy / options.files:8.4f}")


if __name__ == "__main__":
    main()
