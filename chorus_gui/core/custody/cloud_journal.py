"""Where a cloud journal is: its store, its blob, its lock, the local file, and what this computer remembers of it."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from chorus_gui.core import folders
from chorus_gui.core.config.model import LOCK_END, Config, Place, PlaceKind
from chorus_gui.core.custody.history_check import Elsewhere
from chorus_gui.core.errors import CustodyError, JournalBusyError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal import opening
from chorus_gui.core.journal.lock import WriterLock, myself
from chorus_gui.core.storage.base import Store


@dataclass(frozen=True, slots=True)
class CloudJournal:
    """A journal in the cloud, or on a share.  ``url`` is how people name it.

    ``memory_file`` is what this computer remembers of it; ``readable_lock``: the lock is a small text that colleagues can read,
    because a share has no metadata; otherwise it is empty, which suits the older tools best.  ``accept_less``: a person accepted a
    journal with less history; ``elsewhere`` finds copies of the journal in other places; a new journal begins in ``schema``.
    """

    store: Store
    blob: str
    local: Path
    url: str
    memory_file: Path
    readable_lock: bool = False
    who: str = ""
    host: str = ""
    accept_less: bool = False
    elsewhere: Elsewhere | None = None
    schema: int = 2

    @property
    def lock(self) -> str:
        """The lock's blob: the older tools look for this very name."""
        return self.blob + LOCK_END

    @property
    def history_file(self) -> Path:
        """What this computer remembers of the journal's content."""
        return self.memory_file.with_suffix(".history.json")

    @property
    def copy_file(self) -> Path:
        """A copy that is only read."""
        return self.memory_file.with_suffix(".copy.db")


def journal_parent(place: Place) -> tuple[Place, str]:
    """The folder or prefix that holds the cloud journal ``place``, as a place to open, and the journal's name in it."""
    if place.folder is not None:
        return replace(place, folder=place.folder.parent, text=place.folder.parent.as_posix()), place.folder.name
    prefix, _, name = place.prefix.rpartition("/")
    return replace(place, prefix=prefix, text=f"az://{place.container}/{prefix}"), name


def cloud_journal(config: Config, store: Store) -> CloudJournal:
    """The cloud journal of ``config``.

    ``store`` is the open store of the place that :func:`journal_parent` gives for ``config.journal.cloud``.  The caller opens
    it and closes it.  Raises :class:`CustodyError` if the configuration has no cloud journal.
    """
    place = config.journal.cloud
    if place is None:
        raise _no_cloud_journal()
    me = myself("")
    return CloudJournal(
        store,
        journal_parent(place)[1],
        opening.real(config.journal.local.absolute()),
        place.text,
        memory_file(place),
        place.kind is PlaceKind.FOLDER,
        me.user,
        me.host,
        schema=config.new_schema,
    )


def memory_folder() -> Path:
    """The folder for what this computer remembers: one file per cloud journal, only for this user."""
    return folders.data_folder("custody")


def memory_file(place: Place) -> Path:
    """What this computer remembers of the cloud journal at this place."""
    return memory_folder() / f"{_key(place)}.toml"


@contextmanager
def guard(home: CloudJournal, purpose: str, wait: float, ctx: JobContext) -> Generator[None]:
    """Only one process of this user works on the check-out at a time.

    A second one waits up to ``wait`` seconds, then gets :class:`JournalBusyError` that names the first.
    """
    lock = WriterLock(home.memory_file)
    try:
        lock.acquire(purpose, wait, ctx)
    except JournalBusyError as error:
        raise JournalBusyError(
            f"Another window or command on this computer is using the journal “{home.url}”: {error.holder}.",
            holder=error.holder,
            meaning="Only one at a time can check it out, change it and check it in.",
            remedy="Wait until it is finished, or close the other program, and try again.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def need(home: CloudJournal | None) -> CloudJournal:
    """Raise :class:`CustodyError` where there is no cloud journal."""
    if home is None:
        raise _no_cloud_journal()
    return home


def _no_cloud_journal() -> CustodyError:
    return CustodyError(
        "The journal is only on this computer, so it is not checked out or in.",
        remedy="To share it, enter its path in the cloud as the journal's path in the configuration, for example az://container/journal.db.",
    )


def _key(place: Place) -> str:
    account = place.account.url or place.account.name
    where = place.folder.as_posix() if place.folder is not None else f"{account.rstrip('/').lower()}/{place.container}/{place.prefix}"
    return hashlib.sha256(where.encode("utf-8", "surrogatepass")).hexdigest()[:16]
