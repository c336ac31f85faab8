"""A store that removes a version's completion marker before anything in the version's folder changes.

Every command that writes into the central store does it through this, so no command can forget it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from chorus_gui.core.config.sas import NEEDS_JOURNAL
from chorus_gui.core.errors import AccessError, BlobNameError, BlobNotFoundError, Cancelled, ChorusError, ConditionError, UsageError
from chorus_gui.core.model import Level, Proof
from chorus_gui.core.own_database import temporary_database
from chorus_gui.core.storage.base import ALWAYS, BlobInfo, Buffer, Condition, Content, LevelPage, Page, StagedBlock, Store, StoreLimits
from chorus_gui.core.storage.by_service import Borrower, Lent, borrower, fetched
from chorus_gui.core.storage.lane import Arrival, Lane, lane_of
from chorus_gui.core.storage.small import read_small
from chorus_gui.core.submission.marker import LARGEST, NAME, marker_path, ours

TOGETHER = 500
"""Proofs that are kept in memory before they go into their database."""


class GuardedStore:
    """``store`` as :class:`~chorus_gui.core.storage.base.Store`.  Safe to use from many threads.

    Before the first write or deletion below a folder, the folder's marker is removed; if that fails, the error is raised, and
    nothing in the folder changes.  A site's own file of that name is not a marker and stays.  ``removed`` are the versions whose
    marker was removed, ``changed`` those that something was written into or deleted from.
    """

    def __init__(self, store: Store, *, by_hand: bool = False) -> None:
        """``by_hand``: a person names the paths, and may not write a marker (:class:`UsageError`)."""
        self.inner = store.inner if isinstance(store, GuardedStore) else store
        self._by_hand = by_hand
        self.removed: set[str] = set()
        self.changed: set[str] = set()
        self.proofs = Proofs()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process guards the same store; what it writes, the owner of this one learns from proofs (:meth:`learn`)."""
        return _guarding, (self.inner, self._by_hand, frozenset(self.changed))

    def learn(self, proofs: Sequence[Proof]) -> None:
        """Files were sent, perhaps in another process."""
        self.changed.update({proof.item.store_path.partition("/")[0] for proof in proofs})
        self.proofs.keep_all((proof.item.store_path, proof.etag, proof.md5) for proof in proofs if proof.level is Level.TRANSPORT)

    @property
    def url(self) -> str:
        """As :attr:`Store.url`."""
        return self.inner.url

    @property
    def limits(self) -> StoreLimits:
        """As :attr:`Store.limits`."""
        return self.inner.limits

    def open(self, version: str) -> None:
        """Remove the version's marker, if there is one: its files are about to change.  Raises :class:`StoreError`."""
        with self._lock:
            if version in self.changed:
                return
            if remove_marker(self.inner, version):
                self.removed.add(version)
            self.changed.add(version)

    def put(
        self, path: str, data: Buffer, *, md5: bytes | None = None, metadata: Mapping[str, str] | None = None, condition: Condition = ALWAYS
    ) -> BlobInfo:
        """As :meth:`Store.put`."""
        self._write(path)
        info = self.inner.put(path, data, md5=md5, metadata=metadata, condition=condition)
        self.proofs.keep(info, md5)
        return info

    def lane(self) -> Lane | None:
        """See :class:`HasLane`."""
        inner = lane_of(self.inner)
        return None if inner is None else _GuardedLane(inner, self)

    @property
    def borrower(self) -> Borrower | None:
        """See :attr:`Fetches.borrower`."""
        return borrower(self.inner)

    def fetch(self, path: str, lent: Lent) -> BlobInfo:
        """As :meth:`Fetches.fetch`."""
        self._write(path)
        info = fetched(self.inner, path, lent)
        self.proofs.keep(info, lent.md5)
        return info

    def check_write(self, path: str) -> None:
        """Before a blob is written: raises :class:`StoreError` if the marker of its version cannot be removed."""
        self._write(path)

    def write(self, path: str, content: Content, *, metadata: Mapping[str, str] | None = None, condition: Condition = ALWAYS) -> BlobInfo:
        """As :meth:`Store.write`."""
        self._write(path)
        info = self.inner.write(path, content, metadata=metadata, condition=condition)
        self.proofs.keep(info, content.md5())
        return info

    def stage_block(self, path: str, block_id: str, data: Buffer, *, md5: bytes | None = None) -> None:
        """As :meth:`Store.stage_block`; no blob changes by it."""
        self.inner.stage_block(path, block_id, data, md5=md5)

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
        self._write(path)
        info = self.inner.commit_blocks(path, block_ids, md5=md5, metadata=metadata, condition=condition)
        self.proofs.keep(info, md5)
        return info

    def list_staged(self, path: str) -> list[StagedBlock]:
        """As :meth:`Store.list_staged`."""
        return self.inner.list_staged(path)

    def head(self, path: str) -> BlobInfo | None:
        """As :meth:`Store.head`."""
        return self.inner.head(path)

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """As :meth:`Store.list`."""
        return self.inner.list(prefix)

    def pages(self, prefix: str = "", marker: str = "") -> Iterator[Page]:
        """As :meth:`Store.pages`."""
        return self.inner.pages(prefix, marker)

    def list_folders(self, prefix: str = "") -> Iterator[str]:
        """As :meth:`Store.list_folders`."""
        return self.inner.list_folders(prefix)

    def level(self, prefix: str = "", marker: str = "") -> Iterator[LevelPage]:
        """As :meth:`Store.level`."""
        return self.inner.level(prefix, marker)

    def read(self, path: str, *, offset: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        """As :meth:`Store.read`."""
        return self.inner.read(path, offset=offset, length=length, etag=etag)

    def copy(self, source: str, target: str, *, condition: Condition = ALWAYS) -> BlobInfo:
        """As :meth:`Store.copy`."""
        self._open(target)
        return self.inner.copy(source, target, condition=condition)

    def delete(self, path: str, *, condition: Condition = ALWAYS) -> None:
        """As :meth:`Store.delete`.  A marker that was removed before its folder changed is not asked for again."""
        self._open(path)
        try:
            self.inner.delete(path, condition=condition)
        except BlobNotFoundError:
            version, _, name = path.partition("/")
            if name != NAME or version not in self.removed:
                raise

    def close(self) -> None:
        """As :meth:`Store.close`."""
        self.proofs.close()
        self.inner.close()

    def _open(self, path: str) -> None:
        version, folder, _ = path.partition("/")
        if folder and version not in self.changed:
            self.open(version)

    def _write(self, path: str) -> None:
        if self._by_hand:
            refuse_marker_name(path)
        self._open(path)


def _guarding(store: Store, by_hand: bool, changed: frozenset[str]) -> GuardedStore:
    guard = GuardedStore(store, by_hand=by_hand)
    guard.changed.update(changed)
    return guard


class _GuardedLane:
    """``inner``, for a store that is guarded.  What it wrote, the owner learns from the proofs (:meth:`GuardedStore.learn`)."""

    def __init__(self, inner: Lane, store: GuardedStore) -> None:
        self._inner = inner
        self._store = store
        self._refused: list[Arrival] = []
        self.has_room = inner.has_room
        self.close = inner.close

    @property
    def alive(self) -> bool:
        return self._inner.alive

    @property
    def busy(self) -> int:
        return self._inner.busy + len(self._refused)

    @property
    def answered(self) -> bool:
        return bool(self._refused) or self._inner.answered

    def begin(self, key: int, path: str, data: bytes, md5: bytes) -> None:
        try:
            self._store.check_write(path)
        except (ChorusError, Cancelled):
            self._refused.append(Arrival(key, None))
            return
        self._inner.begin(key, path, data, md5)

    def answers(self, seconds: float) -> list[Arrival]:
        refused, self._refused = self._refused, []
        return refused + self._inner.answers(0 if refused else seconds)


def guarded(store: Store) -> GuardedStore:
    """The store itself if it is guarded, otherwise a guard around it."""
    return store if isinstance(store, GuardedStore) else GuardedStore(store)


class Proofs:
    """What this run wrote under a checksum: path, ETag and MD5.  A million of them need no memory.  Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._new: list[tuple[str, str, str]] = []
        self._db = temporary_database(any_thread=True)
        self._db.execute("CREATE TABLE proof (path TEXT PRIMARY KEY, etag TEXT, md5 TEXT) WITHOUT ROWID")
        self._db.execute("BEGIN")

    def keep(self, info: BlobInfo, md5: bytes | None) -> None:
        """The store acknowledged this blob; ``md5``: under this checksum.  A blob that was only looked up is not proved by it."""
        if md5 is not None and not info.looked_up:
            self.keep_all([(info.path, info.etag, md5.hex())])

    def keep_all(self, written: Iterable[tuple[str, str, str]]) -> None:
        """The store acknowledged these blobs: path, ETag and MD5 (hex) of each."""
        with self._lock:
            self._new.extend(written)
            if len(self._new) >= TOGETHER:
                self._enter()

    def _enter(self) -> None:
        """Put what was kept into the database; with the lock held.  Each entry alone makes all threads wait for the database in turn."""
        new, self._new = self._new, []
        self._db.executemany("INSERT OR REPLACE INTO proof VALUES (?, ?, ?)", new)

    def of(self, blobs: Iterable[BlobInfo]) -> dict[str, str]:
        """Path → MD5 of the content with which this run wrote this very blob, of those that it wrote."""
        etags = {blob.path: blob.etag for blob in blobs}
        with self._lock:
            self._enter()
            found = self._db.execute(
                "SELECT path, etag, md5 FROM proof WHERE path IN (SELECT value FROM json_each(?))", (json.dumps([*etags]),)
            )
            return {path: md5 for path, etag, md5 in found if etags[path] == etag}

    def md5_of(self, info: BlobInfo) -> str | None:
        """The MD5 of the content with which this run wrote this very blob; None if it did not."""
        with self._lock:
            self._enter()
            found = self._db.execute("SELECT md5 FROM proof WHERE path = ? AND etag = ?", (info.path, info.etag)).fetchone()
        return None if found is None else str(found[0])

    def close(self) -> None:
        """Forget all of it."""
        self._db.close()


def read_text(store: Store, version: str) -> str | None:
    """The text of the blob that has the marker's name; None if there is none, "" if it cannot be a marker.  Raises :class:`StoreError`."""
    for again in (True, True, False):
        try:
            info = store.head(marker_path(version))
        except BlobNameError:
            return None  # no version has such a name
        if info is None:
            return None
        if info.size > LARGEST:
            return ""
        try:
            return read_small(store, info).decode("utf-8", "replace")
        except (BlobNotFoundError, ConditionError):  # removed or replaced meanwhile
            if not again:
                raise
    return None


def remove_marker(store: Store, version: str) -> bool:
    """Remove a version's marker; True if there was one.  Raises :class:`StoreError`."""
    text = read_text(store, version)
    if text is None or not ours(text):
        return False
    try:
        store.delete(marker_path(version))
    except BlobNotFoundError:
        pass  # somebody else removed it
    except AccessError as error:
        if error.code != "AuthorizationPermissionMismatch":
            raise
        raise AccessError(
            error.what,
            meaning=f"Version {version} is complete. Its completion marker must be removed before its files change, and that needs the "
            "permission “delete”. Nothing in the version was changed.",
            remedy=f"Submit to a new version, or ask the central team for a token that also allows deleting (sp={NEEDS_JOURNAL}).",
            code=error.code,
            request_id=error.request_id,
        ) from error
    return True


def refuse_marker_name(path: str) -> None:
    """Raise :class:`UsageError` for a path that only the program may write."""
    version, _, name = path.strip("/").partition("/")
    if name == NAME and version:
        raise UsageError(
            f"“{path}” is the place of a completion marker. Only the program writes it, when every file of the version is confirmed.",
            remedy="Choose another name.",
        )
