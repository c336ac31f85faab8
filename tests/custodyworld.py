"""People who share a cloud journal, each at a computer of their own: what the tests of custody have in common."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

from chorus_gui.core.config.model import Config
from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.checkout import checkout
from chorus_gui.core.custody.cloud_journal import CloudJournal, cloud_journal, journal_parent
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Action, Entry
from chorus_gui.core.storage.base import Store
from chorus_gui.core.storage.open import open_store
from chorus_gui.core.storage.outage import Outage
from chorus_gui.core.storage.retry import RetryPolicy
from chorus_gui.core.storage.retrying import RetryingStore

BLOB = "journal.db"
LOCK = "journal.db.locked"
SOON = RetryPolicy(attempts=3, base=0.0, cap=0.0)


def person(store: Store, folder: Path, who: str = "Anna Å.", host: str = "PC-1", *, readable: bool = False) -> CloudJournal:
    """Somebody at a computer, whose local journal and memory lie in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    patient = RetryingStore(store, Outage(retry=SOON))
    return CloudJournal(patient, BLOB, folder / "journal.db", "az://box/journal.db", folder / "memory.toml", readable, who, host)


@contextmanager
def opened_home(config: Config) -> Iterator[CloudJournal]:
    """The cloud journal of a configuration, in a store that is opened for it and closed afterwards."""
    assert config.journal.cloud is not None
    with closing(RetryingStore(open_store(journal_parent(config.journal.cloud)[0]))) as store:
        yield cloud_journal(config, store)


def record(journal: Path, *names: str, at_us: int = 1_700_000_000_000_000) -> None:
    """Enter files into a journal, which is made if it is missing."""
    with Journal.open(journal, create=True) as opened:
        opened.commit([entry(name) for name in names], at_us=at_us)


def entry(name: str) -> Entry:
    return Entry(Action.ENTER, "Images", name, "7", size=5, mtime_us=11, md5="0" * 32, version="20250101000000")


def names(journal: Path) -> set[str]:
    """The files in it."""
    with Journal.open(journal, readonly=True) as opened:
        return {row.path for row in opened.rows()}


def journal_bytes(*recorded: str) -> bytes:
    """A journal that holds these files."""
    return _bytes(recorded)


@cache
def _bytes(recorded: tuple[str, ...]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "j.db"
        record(file, *recorded)
        return file.read_bytes()


@cache
def uploaded(*sent: str) -> bytes:
    """A journal that holds these files, all of them uploaded."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "j.db"
        record_uploaded(file, *sent)
        return file.read_bytes()


def record_uploaded(journal: Path, *sent: str) -> None:
    """Enter files that were sent into a journal, which is made if it is missing."""
    with Journal.open(journal, create=True) as opened:
        opened.commit([replace(entry(name), uploaded="20250101000000") for name in sent], at_us=1_700_000_000_000_000)


def checked_in(home: CloudJournal, *sent: str) -> None:
    """Check out, enter files that were sent, check in."""
    checkout(home, ctx())
    record_uploaded(home.local, *sent)
    checkin(home, ctx())


_names_by_content: dict[str, frozenset[str]] = {}


def names_in(data: bytes) -> frozenset[str]:
    """The files in a journal's bytes; zero bytes are a new journal."""
    key = hashlib.md5(data).hexdigest()
    if key not in _names_by_content:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "j.db"
            file.write_bytes(data)
            _names_by_content[key] = frozenset(names(file))
    return _names_by_content[key]


def blob_bytes(store: Store, path: str) -> bytes | None:
    """A blob's content, or None."""
    return b"".join(store.read(path)) if store.head(path) else None


def cloud_names(store: Store) -> frozenset[str] | None:
    """The files in the cloud journal; None if there is none."""
    data = blob_bytes(store, BLOB)
    return None if data is None else names_in(data)


def run_all(steps: Iterable[object]) -> None:
    """An older tool, without anybody in between."""
    for _ in steps:
        pass


def ctx() -> JobContext:
    return JobContext()


def content(store: Store) -> bytes:
    """The cloud journal's bytes."""
    data = blob_bytes(store, BLOB)
    assert data is not None
    return data


def work(home: CloudJournal, *recorded: str) -> None:
    """Check out and record."""
    checkout(home, ctx())
    record(home.local, *recorded)
