"""Side files: small files of this program next to a journal, for everybody who works on it.

Those of a cloud journal ``journal.db`` are the blobs ``journal.db.chorus/NAME``; those of a journal that is only on this computer are
files in the folder ``journal.db.chorus`` next to it.  No check-out is needed: every write says what it replaces.  The other tools
never look at them.

A read has three answers that mean different things: the file, "there is none" (None), and an error.  An error says nothing about
what is there: :class:`SideFileUnreachableError` if its place did not answer or refused, :class:`SideFileUnreadableError` if the file
is there but cannot be used.
"""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from chorus_gui.core.config.model import SIDE_END
from chorus_gui.core.custody.cloud_journal import CloudJournal
from chorus_gui.core.errors import (
    BlobNameError,
    BlobNotFoundError,
    ChecksumError,
    ConditionError,
    SideFileConflictError,
    SideFileError,
    SideFileUnreachableError,
    SideFileUnreadableError,
    StoreError,
    UsageError,
)
from chorus_gui.core.job import JobContext
from chorus_gui.core.refused import refusal
from chorus_gui.core.storage.base import IF_ABSENT, Condition, Store
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.storage.retry import jitter
from chorus_gui.core.storage.small import read_small

LARGEST = 4 * 1024 * 1024
"""Largest side file that is read or written, in bytes."""

CONFLICTS = 12
"""How often :meth:`SideFiles.update` merges again before it gives up."""

_NAME = re.compile(r"[A-Za-z0-9_%+-][A-Za-z0-9._%+-]*(/[A-Za-z0-9_%+-][A-Za-z0-9._%+-]*)*")


@dataclass(frozen=True, slots=True)
class SideFile:
    """A side file as it was read or written.  ``etag`` identifies this version of it."""

    name: str
    data: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class SideEntry:
    """A line of :meth:`SideFiles.list`.  ``size`` in bytes; ``modified_us`` in microseconds since 1970, 0 if unknown."""

    name: str
    size: int
    etag: str
    modified_us: int


class Home(Protocol):
    """Where the side files of one journal are kept."""

    @property
    def url(self) -> str:
        """How people name the folder of the side files; never holds a secret."""
        ...

    def open(self, *, create: bool) -> tuple[Store, str] | None:
        """The store, and the prefix of the names in it.  None: nothing was ever written, and ``create`` is False.

        Raises :class:`StoreError`, :class:`UsageError`, OSError.  Every call gives the same store.
        """
        ...

    def written(self) -> None:
        """Called after each write."""
        ...


def side_name(text: str) -> str:
    """``text`` (a version, a user's name) as one part of a side file's name; different texts have different names."""
    name = quote(text, safe="").replace("~", "%7E")
    return f"%2E{name[1:]}" if name.startswith(".") else name


class SideFiles:
    """The side files of one journal.  Safe to use from many threads.

    Names are posix, relative to the folder of the side files ("holds.json", "receipts/20250101000000.json"), of the ASCII letters,
    digits and ``. _ - + %``; use :func:`side_name` for anything else.  ValueError for another name.  Every method can raise
    :class:`SideFileUnreachableError` and ``Cancelled``.
    """

    def __init__(self, home: Home) -> None:
        self._home = home

    @property
    def url(self) -> str:
        """How people name the folder of the side files."""
        return self._home.url

    def read(self, name: str, ctx: JobContext) -> SideFile | None:
        """The file, or None if there is none.

        Raises :class:`SideFileUnreadableError` if it is larger than ``LARGEST`` or damaged.
        """
        with self._translated("read", name):
            opened = self._open(name, create=False)
            if opened is None:
                return None
            store, path = opened
            for _ in range(CONFLICTS):
                ctx.checkpoint()
                try:
                    return _read(store, path, name)
                except ConditionError:  # replaced between the two requests
                    continue
            raise SideFileUnreadableError(
                f"Could not read “{name}” in {self.url}.",
                meaning="Other people are changing it all the time.",
                remedy="Try again in a minute.",
            )

    def write(self, name: str, data: bytes, ctx: JobContext, *, etag: str | None) -> SideFile:
        """Replaces exactly the version ``etag``; None: writes only if there is no such file.

        Raises :class:`SideFileConflictError` if somebody else was faster, :class:`SideFileError` for more than ``LARGEST`` bytes.
        Nothing is changed then.
        """
        if len(data) > LARGEST:
            raise SideFileError(
                f"“{name}” is too large to be shared: {len(data):,} bytes.", meaning=f"The limit is {LARGEST:,} bytes. Nothing was written."
            )
        condition = IF_ABSENT if etag is None else Condition(etag=etag)
        with self._translated("write", name):
            opened = self._open(name, create=True)
            assert opened is not None, "the folder was made"
            store, path = opened
            ctx.checkpoint()
            try:
                info = store.put(path, data, md5=md5_of(data).digest(), condition=condition)
            except ConditionError as error:
                raise SideFileConflictError(
                    f"“{name}” in {self.url} was changed by somebody else at the same time.",
                    meaning="Nothing was written.",
                    remedy="Try again.",
                ) from error
            self._home.written()
        return SideFile(name, data, info.etag)

    def update(self, name: str, merge: Callable[[bytes | None], bytes | None], ctx: JobContext) -> SideFile | None:
        """Writes what ``merge`` makes of the present content; if somebody else writes at the same time, it merges again.

        ``merge`` gets None if there is no such file, and can be called several times.  If it returns None or what it got, nothing
        is written.  Its exceptions are not caught.  The file as it is afterwards, None if there is none.  Raises what
        :meth:`read` and :meth:`write` raise; :class:`SideFileConflictError` only after ``CONFLICTS`` merges.
        """
        attempt = 1
        while True:
            seen = self.read(name, ctx)
            data = merge(seen.data if seen else None)
            if data is None or (seen is not None and data == seen.data):
                return seen
            try:
                return self.write(name, data, ctx, etag=seen.etag if seen else None)
            except SideFileConflictError:
                if attempt >= CONFLICTS:
                    raise
            ctx.sleep(jitter(attempt, 0.3, 5.0))
            attempt += 1

    def list(self, folder: str, ctx: JobContext) -> list[SideEntry]:
        """The files below a folder ("verified"), by name; empty if there is none."""
        with self._translated("list", folder):
            opened = self._open(folder, create=False)
            if opened is None:
                return []
            store, path = opened
            below = len(path) - len(folder)

            found: list[SideEntry] = []
            for blob in store.list(f"{path}/"):
                ctx.checkpoint()
                found.append(SideEntry(blob.path[below:], blob.size, blob.etag, blob.modified_us))
            return sorted(found, key=lambda entry: entry.name)

    def _open(self, name: str, *, create: bool) -> tuple[Store, str] | None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"not the name of a side file: {name!r}")
        opened = self._home.open(create=create)
        return opened and (opened[0], opened[1] + name)

    @contextmanager
    def _translated(self, verb: str, name: str) -> Generator[None]:
        """The store's and the system's errors become a :class:`SideFileError`."""
        what = f"Could not {verb} “{name}” in {self.url}."
        try:
            yield
        except (ChecksumError, BlobNameError) as error:
            raise SideFileUnreadableError(what, meaning=error.summary, remedy=error.remedy) from error
        except (StoreError, UsageError) as error:
            raise SideFileUnreachableError(what, meaning=_reason(error), remedy=error.remedy) from error
        except OSError as error:
            usual = "Check that the disk or share is connected, and that you are allowed to write there."
            why, remedy = refusal(error, error.filename2 or error.filename or "", usual)
            raise SideFileUnreachableError(what, meaning=_sentence(why), remedy=remedy) from error


def beside(open_journal: Callable[[], CloudJournal], url: str) -> SideFiles:
    """The side files of a cloud journal.  ``open_journal`` is called when they are first needed; ``url`` is the journal's."""
    return SideFiles(_InCloud(open_journal, url + SIDE_END))


def beside_local(journal: Path) -> SideFiles:
    """The side files of a journal that is only on this computer."""
    return SideFiles(_OnDisk(journal))


class _InCloud:
    def __init__(self, open_journal: Callable[[], CloudJournal], url: str) -> None:
        self.url = url
        self._open_journal = open_journal

    def open(self, *, create: bool) -> tuple[Store, str]:
        del create
        home = self._open_journal()
        return home.store, f"{home.blob}{SIDE_END}/"

    def written(self) -> None:
        """Nothing is left to do."""


class _OnDisk:
    """A folder that only those can open who can write to the journal: its files name patients, and give reasons."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._folder = journal.with_name(journal.name + SIDE_END)
        self._store: LocalStore | None = None
        self._lock = threading.Lock()
        self.url = str(self._folder)

    def open(self, *, create: bool) -> tuple[Store, str] | None:
        with self._lock:
            if self._store is None or not self._folder.exists():
                if not self._folder.exists():
                    if not self._folder.parent.is_dir():
                        raise FileNotFoundError(2, f"The folder “{self._folder.parent}” does not exist")
                    if not create:
                        return None
                    self._folder.mkdir(mode=0o700, exist_ok=True)
                self._store = LocalStore(self._folder)
            return self._store, ""

    def written(self) -> None:
        self._open_to_group()

    def _open_to_group(self) -> None:
        """Where colleagues share the journal's file, they share these, too."""
        if os.name != "posix":
            return
        try:
            shared = bool(stat.S_IMODE(self._journal.stat().st_mode) & stat.S_IWGRP)
        except OSError:
            return
        if shared:
            for folder in (self._folder, *(path for path in self._folder.rglob("*") if path.is_dir())):
                with suppress(OSError):  # a colleague's, who opened it
                    folder.chmod(0o2770)


def _read(store: Store, path: str, name: str) -> SideFile | None:
    info = store.head(path)
    if info is None:
        return None
    if info.size > LARGEST:
        raise SideFileUnreadableError(
            f"“{name}” is too large to be a file of this program: {info.size:,} bytes.",
            meaning=f"The limit is {LARGEST:,} bytes. It was not read.",
            remedy="Ask the central team who wrote it, or move it away.",
        )
    try:
        return SideFile(name, read_small(store, info), info.etag)
    except BlobNotFoundError:
        return None


def _sentence(clause: str) -> str:
    return f"{clause[:1].upper()}{clause[1:]}."


def _reason(error: StoreError | UsageError) -> str:
    """Why, as a sentence; a disk's refusal without the words about the central store."""
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.strerror:
        return _sentence(refusal(cause, cause.filename2 or cause.filename or "", "")[0])
    return error.summary
