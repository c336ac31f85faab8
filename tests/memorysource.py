"""A source in memory that keeps every promise of the protocol: objects under keys, as a bucket has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from chorus_gui.core.errors import SourceChangedError, SourceUnreadableError, SourceVanishedError
from chorus_gui.core.storage.base import Ask, ChooseFolder, Folder, KnownMd5, SourceStat, Voucher, at_once
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.storage.flat import Key, folders_of


@dataclass
class _Object:
    data: bytes
    mtime_us: int
    version: str


@dataclass
class MemorySource:
    """Objects by key.  ``page`` is how many one request lists; ``fail`` may raise for a request ("list 3", "stat a", "read a")."""

    url: str = "memory://site"
    page: int = 1000
    fail: Callable[[str], None] = lambda request: None
    requests: list[str] = field(default_factory=list[str])
    refused: set[str] = field(default_factory=set[str])
    closed: int = 0
    _objects: dict[str, _Object] = field(default_factory=dict[str, _Object])
    _writes: int = 0

    def put(self, key: str, data: bytes) -> None:
        """Write an object."""
        self._writes += 1
        self._objects[key] = _Object(data, 1_700_000_000_000_000 + self._writes * 1_000_000, f"v{self._writes}")

    def delete(self, key: str) -> None:
        """Remove it."""
        del self._objects[key]

    def folders(self, want: ChooseFolder, checkpoint: Callable[[], None], ask: Ask = at_once) -> Iterator[Folder]:
        """As :meth:`Source.folders`."""
        return folders_of(self._keys(ask), want, checkpoint)

    def stat(self, path: str) -> SourceStat:
        """As :meth:`Source.stat`."""
        self._request(f"stat {path}")
        return _stat(self._get(path))

    def open(self, path: str, offset: int = 0, *, version: str = "") -> MemoryReader:
        """As :meth:`Source.open`."""
        found = self.stat(path)
        if version and found.version != version:
            raise SourceChangedError(f"“{path}” was replaced.")
        return MemoryReader(self, path, offset, found)

    def close(self) -> None:
        """As :meth:`Source.close`."""
        self.closed += 1

    def range(self, path: str, offset: int, length: int, version: str) -> bytes:
        """A request for a part of an object."""
        self._request(f"read {path}")
        found = self._get(path)
        if found.version != version:
            raise SourceChangedError(f"“{path}” was replaced.")
        return found.data[offset : offset + length]

    def _keys(self, ask: Ask) -> Iterator[Key]:
        after, more = "", True

        def request() -> list[Key]:
            return self._listed(after)

        while more:
            page = ask(request)
            yield from page[: self.page]
            more = len(page) > self.page
            after = page[self.page - 1].name if more else ""

    def _listed(self, after: str) -> list[Key]:
        self._request(f"list {after}")
        names = sorted(name for name in self._objects if name > after)[: self.page + 1]
        return [Key(name, *_stat(self._objects[name])) for name in names]

    def _get(self, path: str) -> _Object:
        if path in self.refused:
            raise SourceUnreadableError(f"Could not read “{path}”: access is denied.")
        if path not in self._objects:
            raise SourceVanishedError(f"“{path}” is no longer on the site.")
        return self._objects[path]

    def _request(self, request: str) -> None:
        self.requests.append(request)
        self.fail(request)


class MemoryReader:
    """An open object: one version of it."""

    def __init__(self, source: MemorySource, path: str, offset: int, stat: SourceStat) -> None:
        self._source, self._path, self._offset, self._stat = source, path, offset, stat

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:
        """As :meth:`FileReader.readinto`."""
        data = self._source.range(self._path, self._offset, min(len(buffer), 1000), self._stat.version)
        buffer[: len(data)] = data
        self._offset += len(data)
        return len(data)

    def stat(self) -> SourceStat:
        """As :meth:`FileReader.stat`."""
        return self._stat

    def close(self) -> None:
        """As :meth:`FileReader.close`."""


def _stat(found: _Object) -> SourceStat:
    return SourceStat(len(found.data), found.mtime_us, found.version, KnownMd5(md5_of(found.data).hexdigest(), Voucher.SERVICE))
