"""A site's folder and a transfer over it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import floor
from pathlib import Path

from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.engine.work import Executor
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Failure, Item, Proof
from chorus_gui.core.storage.base import FileReader, Source, SourceStat, Store, StoreLimits
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.storage.outage import Outage
from chorus_gui.core.storage.retry import RetryPolicy
from chorus_gui.core.storage.retrying import RetryingStore
from chorus_gui.core.transfer.transfer import transfer

QUICK = RetryPolicy(base=0.0005)
SMALL_LIMITS = StoreLimits(put_bytes=100, block_bytes=50)


def md5_hex(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@dataclass
class Site:
    """A folder with files, and items that describe them."""

    root: Path
    items: list[Item] = field(default_factory=list[Item])

    def add(self, path: str, data: bytes, md5: str | None = None) -> Item:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        found = os.stat(file)
        item = Item(len(self.items), "Images", path, f"v/{path}", len(data), floor(found.st_mtime * 1e6), md5)
        self.items.append(item)
        return item


class Probe:
    """A source that tells or changes something at a chosen read of a chosen file."""

    def __init__(self, root: Path, hooks: Mapping[tuple[str, int], Callable[[], object]]) -> None:
        self._inner = FolderSource(root)
        self._hooks = hooks
        self.bytes_read = 0
        self.url = self._inner.url
        self.folders = self._inner.folders
        self.close = self._inner.close

    def stat(self, path: str) -> SourceStat:
        return self._inner.stat(path)

    def open(self, path: str, offset: int = 0, *, version: str = "") -> FileReader:
        return _ProbeReader(self, path, self._inner.open(path, offset, version=version))


class _ProbeReader:
    def __init__(self, probe: Probe, path: str, inner: FileReader) -> None:
        self._probe, self._path, self._inner, self._reads = probe, path, inner, 0

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:
        hook = self._probe._hooks.get((self._path, self._reads))
        self._reads += 1
        if hook:
            hook()
        got = self._inner.readinto(buffer)
        self._probe.bytes_read += got or 0
        return got

    def stat(self) -> SourceStat:
        return self._inner.stat()

    def close(self) -> None:
        self._inner.close()


@dataclass
class Run:
    """What a transfer gave."""

    proofs: dict[str, Proof] = field(default_factory=dict[str, Proof])
    failures: dict[str, Failure] = field(default_factory=dict[str, Failure])
    error: BaseException | None = None
    ctx: JobContext = field(default_factory=JobContext)

    @property
    def count(self) -> tuple[int, int, int]:
        """(files, bytes, failed) as the progress has them."""
        total = self.ctx.progress.snapshot().total
        return total.files, total.bytes, total.failed


def send(
    items: Iterable[Item],
    source: Source | Path,
    store: Store,
    *,
    ctx: JobContext | None = None,
    threads: int = 4,
    retry: RetryPolicy = QUICK,
    executor: Executor | None = None,
    seen: Callable[[Proof | Failure], None] = lambda result: None,
) -> Run:
    """Transfer to the end, as the workspace does it: the store sends requests again.  What the transfer raises is kept."""
    run = Run(ctx=ctx or JobContext())
    patient = store if isinstance(store, RetryingStore) else RetryingStore(store, Outage(retry=retry))
    opened = FolderSource(source) if isinstance(source, Path) else source
    try:
        for result in transfer(items, {"Images": opened}, patient, run.ctx, executor or Threads(threads)):
            if isinstance(result, Proof):
                run.proofs[result.item.path] = result
            else:
                run.failures[result.item.path] = result
            seen(result)
    except BaseException as error:
        run.error = error
    return run


def content(store: Store, path: str) -> bytes:
    return b"".join(store.read(path))
