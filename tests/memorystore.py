"""A store in memory that keeps every promise of the protocol, and fails when a test says so."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from chorus_gui.core.errors import BlobNotFoundError, ChecksumError, ConditionError
from chorus_gui.core.storage.base import ALWAYS, BlobInfo, Buffer, Condition, Content, LevelPage, Page, StagedBlock, StoreLimits
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.storage.names import check_block_id, check_path
from chorus_gui.core.storage.sending import before_sending

_MIB = 1024 * 1024
_CHUNK = 4 * _MIB


@dataclass(frozen=True, slots=True)
class _Blob:
    info: BlobInfo
    data: bytes


@dataclass(slots=True)
class _Fault:
    error: Exception
    done: bool


@dataclass(slots=True)
class _Faults:
    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: dict[str, deque[_Fault]] = field(default_factory=dict[str, deque[_Fault]])


def _sent(chunk: Buffer) -> bytes:
    before_sending(len(chunk))
    return bytes(chunk)


class MemoryStore:
    """Blobs in a dict, as :class:`~chorus_gui.core.storage.base.Store`; every put and block is checked against its MD5.

    As in the cloud, the MD5 property of a put is computed, that of a commit is what the writer claimed.  ``calls`` counts calls
    by name; ``latency`` is the seconds that each takes; :meth:`fail_next` makes one fail.
    """

    def __init__(self, *, url: str = "memory://store", limits: StoreLimits | None = None, latency: float = 0.0) -> None:
        self.url = url
        self.limits = limits or StoreLimits(put_bytes=8 * _MIB, block_bytes=4000 * _MIB)
        self.latency = latency
        self.page = 5000
        self.keeps_md5 = True
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._blobs: dict[str, _Blob] = {}
        self._staged: dict[str, dict[str, bytes]] = {}
        self._writes = 0
        self._faults = _Faults()

    def fail_next(self, call: str, error: Exception, times: int = 1, *, done: bool = False) -> None:
        """The next ``times`` calls of that name raise the error; with ``done`` after they did their work (the answer was lost)."""
        with self._faults.lock:
            self._faults.waiting.setdefault(call, deque()).extend(_Fault(error, done) for _ in range(times))

    def put(
        self, path: str, data: Buffer, *, md5: bytes | None = None, metadata: Mapping[str, str] | None = None, condition: Condition = ALWAYS
    ) -> BlobInfo:
        """As :meth:`Store.put`."""
        before_sending(len(data))
        fault = self._enter("put", path)
        computed = _checked(path, data, md5)
        with self._lock:
            info = self._write(path, bytes(data), computed, metadata, condition)
        _leave(fault)
        return info

    def write(self, path: str, content: Content, *, metadata: Mapping[str, str] | None = None, condition: Condition = ALWAYS) -> BlobInfo:
        """As :meth:`Store.write`; only with limits that allow no blocks."""
        if self.limits.blocks:
            raise NotImplementedError("this store takes blocks")
        fault = self._enter("write", path)
        data = b"".join(_sent(chunk) for chunk in content.chunks())
        with self._lock:
            info = self._write(path, data, md5_of(data).hexdigest(), metadata, condition)
        _leave(fault)
        return info

    def stage_block(self, path: str, block_id: str, data: Buffer, *, md5: bytes | None = None) -> None:
        """As :meth:`Store.stage_block`."""
        self._check_blocks()
        before_sending(len(data))
        fault = self._enter("stage_block", path)
        _checked(path, data, md5)
        with self._lock:
            staged = self._staged.get(path, {})
            check_block_id(block_id, len(next(iter(staged))) if staged else None)
            self._staged.setdefault(path, staged)[block_id] = bytes(data)
        _leave(fault)

    def commit_blocks(
        self,
        path: str,
        block_ids: Sequence[str],
        *,
        md5: bytes | None = None,
        metadata: Mapping[str, str] | None = None,
        condition: Condition = ALWAYS,
    ) -> BlobInfo:
        """As :meth:`Store.commit_blocks`."""
        self._check_blocks()
        fault = self._enter("commit_blocks", path)
        with self._lock:
            staged = self._staged.get(path, {})
            if any(name not in staged for name in block_ids):
                raise BlobNotFoundError(f"Blocks of “{path}” that were sent are gone.", remedy="Upload the file again.")
            data = b"".join(staged[name] for name in block_ids)
            info = self._write(path, data, md5.hex() if md5 else None, metadata, condition)
        _leave(fault)
        return info

    def list_staged(self, path: str) -> list[StagedBlock]:
        """As :meth:`Store.list_staged`."""
        self._check_blocks()
        fault = self._enter("list_staged", path)
        with self._lock:
            found = [StagedBlock(name, len(data)) for name, data in self._staged.get(path, {}).items()]
        _leave(fault)
        return found

    def head(self, path: str) -> BlobInfo | None:
        """As :meth:`Store.head`."""
        fault = self._enter("head", path)
        with self._lock:
            blob = self._blobs.get(path)
        _leave(fault)
        return blob.info if blob else None

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """As :meth:`Store.list`."""
        _leave(self._enter("list", None))
        with self._lock:
            found = [blob.info for path, blob in self._blobs.items() if path.startswith(prefix)]
        for info in found:
            yield replace(info, metadata=None)

    def pages(self, prefix: str = "", marker: str = "") -> Iterator[Page]:
        """As :meth:`Store.pages`; :attr:`page` blobs at a time, in the order of names."""
        while True:
            _leave(self._enter("list", None))
            with self._lock:
                found = sorted(path for path in self._blobs if path.startswith(prefix) and path > marker)
                here = [replace(self._blobs[path].info, metadata=None) for path in found[: self.page]]
            marker = here[-1].path if len(found) > self.page else ""
            yield Page(here, marker)
            if not marker:
                return

    def list_folders(self, prefix: str = "") -> Iterator[str]:
        """As :meth:`Store.list_folders`."""
        _leave(self._enter("list_folders", None))
        with self._lock:
            below = {path.removeprefix(prefix) for path in self._blobs if path.startswith(prefix)}
        yield from sorted({path.partition("/")[0] for path in below if "/" in path} - {""})

    def level(self, prefix: str = "", marker: str = "") -> Iterator[LevelPage]:
        """As :meth:`Store.level`; :attr:`page` names at a time, in their order."""
        while True:
            _leave(self._enter("level", None))
            with self._lock:
                here = {path.removeprefix(prefix): blob.info for path, blob in self._blobs.items() if path.startswith(prefix)}
            names = sorted({name.partition("/")[0] + "/" * ("/" in name) for name in here} - {"/"})
            names = [name for name in names if name > marker]
            part = names[: self.page]
            marker = part[-1] if len(names) > self.page else ""
            blobs = [replace(here[name], metadata=None) for name in part if not name.endswith("/")]
            yield LevelPage([name[:-1] for name in part if name.endswith("/")], blobs, marker)
            if not marker:
                return

    def read(self, path: str, *, offset: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        """As :meth:`Store.read`."""
        fault = self._enter("read", path)
        with self._lock:
            blob = self._get(path)
            if etag is not None and etag != blob.info.etag:
                raise _unmet(path)
        _leave(fault)
        end = len(blob.data) if length is None else min(len(blob.data), offset + length)
        for start in range(offset, end, _CHUNK):
            yield blob.data[start : min(start + _CHUNK, end)]

    def copy(self, source: str, target: str, *, condition: Condition = ALWAYS) -> BlobInfo:
        """As :meth:`Store.copy`."""
        check_path(source)
        fault = self._enter("copy", target)
        with self._lock:
            blob = self._get(source)
            info = self._write(target, blob.data, blob.info.md5, blob.info.metadata, condition)
        _leave(fault)
        return info

    def delete(self, path: str, *, condition: Condition = ALWAYS) -> None:
        """As :meth:`Store.delete`."""
        fault = self._enter("delete", path)
        with self._lock:
            self._get(path)
            self._require(path, condition)
            del self._blobs[path]
            self._staged.pop(path, None)
        _leave(fault)

    def close(self) -> None:
        """As :meth:`Store.close`."""

    def _check_blocks(self) -> None:
        if not self.limits.blocks:
            raise NotImplementedError("this store takes no blocks")

    def _enter(self, call: str, path: str | None) -> _Fault | None:
        """What every call begins with; a fault that is to strike when the work is done."""
        with self._faults.lock:
            self.calls[call] += 1
            waiting = self._faults.waiting.get(call)
            fault = waiting.popleft() if waiting else None
        if self.latency:
            time.sleep(self.latency)
        if fault is not None and not fault.done:
            raise fault.error
        if path is not None:
            check_path(path)
        return fault

    def _get(self, path: str) -> _Blob:
        blob = self._blobs.get(path)
        if blob is None:
            raise BlobNotFoundError(f"“{path}” is not in the store.")
        return blob

    def _require(self, path: str, condition: Condition) -> None:
        blob = self._blobs.get(path)
        if (condition.absent and blob) or (condition.etag is not None and (blob is None or blob.info.etag != condition.etag)):
            raise _unmet(path)

    def _write(self, path: str, data: bytes, md5: str | None, metadata: Mapping[str, str] | None, condition: Condition) -> BlobInfo:
        self._require(path, condition)
        self._writes += 1
        info = BlobInfo(
            path, len(data), md5 if self.keeps_md5 else None, f"0x{self._writes:08X}", time.time_ns() // 1000, dict(metadata or {})
        )
        self._blobs[path] = _Blob(info, data)
        self._staged.pop(path, None)
        return info


def _leave(fault: _Fault | None) -> None:
    if fault is not None:
        raise fault.error


def _checked(path: str, data: Buffer, md5: bytes | None) -> str:
    computed = md5_of(data)
    if md5 is not None and computed.digest() != md5:
        raise ChecksumError(f"The bytes of “{path}” that arrived differ from the bytes that were sent.", meaning="Nothing was written.")
    return computed.hexdigest()


def _unmet(path: str) -> ConditionError:
    return ConditionError(f"“{path}” in the store is not what the condition wants.", meaning="Nothing was written.")
