"""The steps that the older tools take with a cloud journal, one call of the store after the other.

Each method is a sequence of calls of the store; between any two of them somebody else may act.  They look only where the text
says so, and never use a condition.
"""

from __future__ import annotations

from pathlib import Path

from custodyworld import BLOB, LOCK, record

from chorus_gui.core.errors import BlobNotFoundError
from chorus_gui.core.storage.base import Store


class RefusedError(Exception):
    """The tool says that the journal is locked, or missing, and ends."""


class OldTool:
    """What both generations do alike.  ``local`` is the local journal."""

    def __init__(self, store: Store, local: Path) -> None:
        self.store = store
        self.local = local
        local.parent.mkdir(parents=True, exist_ok=True)

    def checkout(self) -> None:
        """Each generation in its own way."""
        raise NotImplementedError

    def command(self, *names: str) -> None:
        """A command between a check-out and a check-in: 2024 does so by itself, the present one's user by hand."""
        self.checkout()
        self.update(*names)
        self.checkin()

    def checkin(self) -> None:
        """Write the journal, delete the lock; nothing is looked at."""
        self.store.put(BLOB, self.local.read_bytes())
        self._delete_lock()

    def update(self, *names: str) -> None:
        """Work on the local journal: no call of the store."""
        record(self.local, *names)

    def unlock(self) -> None:
        """Both exist: the lock is deleted; only the lock: it is copied back."""
        if not self.store.head(LOCK):
            raise RefusedError
        if not self.store.head(BLOB):
            self.store.copy(LOCK, BLOB)
        self._delete_lock()

    def _delete_lock(self) -> None:
        try:
            self.store.delete(LOCK)
        except BlobNotFoundError:
            raise RefusedError from None

    def _take(self) -> None:
        """Exists, then copy, then delete: two users can both get through."""
        if self.store.head(LOCK):
            raise RefusedError
        try:
            self.store.copy(BLOB, LOCK)
            self.store.delete(BLOB)
        except BlobNotFoundError:
            raise RefusedError from None

    def _download(self) -> None:
        try:
            self.local.write_bytes(b"".join(self.store.read(LOCK)))
        except BlobNotFoundError:
            raise RefusedError from None


class Tool2024(OldTool):
    """Renames the journal to the lock's name; every command checks out before and in after."""

    def checkout(self) -> None:
        """The local journal is deleted before the cloud's is there."""
        self._take()
        self.local.unlink(missing_ok=True)
        self._download()


class ToolPresent(OldTool):
    """Copies the journal to the lock's name and deletes it; the user checks out and in by hand."""

    def checkout(self) -> None:
        """As 2024's, but what it downloads replaces the local journal."""
        self._take()
        self._download()
