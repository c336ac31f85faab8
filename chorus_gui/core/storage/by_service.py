"""A file that the store's service reads from the site's service by itself: its bytes do not pass through this computer.

The journal needs the true MD5 of every file.  What the site's service says is only a claim, kept from whoever wrote the file.  So the
store's service is given the claim to check: it compares it with the bytes that arrive, and refuses others.  A file without a claim, one
whose claim is refused, and one whose answer does not confirm it are read by the program, as every other file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from chorus_gui.core.config.credentials import MicrosoftLogin
from chorus_gui.core.errors import StoreError
from chorus_gui.core.storage.base import BlobInfo, Source, SourceStat, Store

FETCH_BYTES = 256 * 1024 * 1024
"""The largest file: its copy is one request without a sign of life, which nobody can cancel."""


@dataclass(frozen=True, slots=True)
class Lent:
    """Where another service can read one version of a file.

    ``address`` lets whoever has it read the file: a secret.  ``md5`` (16 bytes) is what the site's service says, which must be checked.
    ``signs_in``: the address alone lets nobody in; the service reads with the token that the store's own requests carry.
    """

    address: str = field(repr=False)
    stat: SourceStat
    md5: bytes
    signs_in: bool = False


@dataclass(frozen=True, slots=True)
class Borrower:
    """A store whose service reads from another one.

    ``account``: the address of its account; ``sign_in``: who signs in there, None if nobody does.  A source in the same account can lend
    more to it: nothing leaves the service that has both.
    """

    account: str = ""
    sign_in: MicrosoftLogin | None = None


class CannotFetchError(StoreError):
    """The service did not copy the file, or did not confirm what it copied.  The program can still send it."""


@runtime_checkable
class Lends(Protocol):
    """A source whose files another service may be able to read."""

    def lent(self, path: str, to: Borrower) -> Lent | None:
        """Where; None if that service cannot read this file, or its MD5 is not known.  Errors as :meth:`Source.stat`."""
        ...


@runtime_checkable
class Fetches(Protocol):
    """A store whose service may be able to read from another one."""

    @property
    def borrower(self) -> Borrower | None:
        """Who reads; None if it cannot be tried."""
        ...

    def fetch(self, path: str, lent: Lent) -> BlobInfo:
        """Write a blob whose bytes the service reads from there, and compares with the MD5.

        Raises :class:`CannotFetchError`; other :class:`StoreError` for what :meth:`Store.put` would meet, too.
        """
        ...


def lends(source: Source, path: str, to: Borrower) -> Lent | None:
    """:meth:`Lends.lent` of a source that can do it."""
    return source.lent(path, to) if isinstance(source, Lends) else None


def fetching(store: Store) -> Fetches | None:
    """The store, if its service may be able to read from another one."""
    return store if isinstance(store, Fetches) and store.borrower is not None else None


def borrower(store: Store) -> Borrower | None:
    """:attr:`Fetches.borrower` of a store that can do it."""
    return store.borrower if isinstance(store, Fetches) else None


def fetched(store: Store, path: str, lent: Lent) -> BlobInfo:
    """:meth:`Fetches.fetch` of a store, :class:`CannotFetchError` if it cannot do it."""
    found = fetching(store)
    if found is None:
        raise CannotFetchError("This store does not read from another service.")
    return found.fetch(path, lent)
