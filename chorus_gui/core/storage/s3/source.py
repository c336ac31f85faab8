"""A site whose files are in a bucket of S3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from chorus_gui.core.config.credentials import AwsKeys, Credentials
from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import AccessError, BlobNotFoundError
from chorus_gui.core.model import Problem
from chorus_gui.core.storage.base import Ask
from chorus_gui.core.storage.bucket.source import BucketSource
from chorus_gui.core.storage.bucket.values import Listed
from chorus_gui.core.storage.s3.answers import ARCHIVE_MEANING, ARCHIVE_REMEDY
from chorus_gui.core.storage.s3.inventory import Inventory
from chorus_gui.core.storage.s3.wire import Bucket
from chorus_gui.core.storage.source_errors import without_inventory

MOST_ASKED = 1000
"""Archived objects of a walk that are asked for one by one if they are restored: only Amazon's listing says it."""
_ARCHIVED = Problem((), "", f"It is archived, so it cannot be read now. {ARCHIVE_MEANING}", ARCHIVE_REMEDY, if_read=True)


def inventory_of(place: Place, opened: Callable[[Bucket], None] = lambda _: None) -> Inventory:
    """The inventory that is read in the place of a listing; its lists can be in another bucket, with the same credentials.

    ``opened`` gets that bucket when it is opened.
    """

    def open_bucket(name: str) -> Bucket:
        bucket = Bucket(replace(place, container=name, prefix=""))
        opened(bucket)
        return bucket

    return Inventory(place.s3.inventory, place.container, open_bucket)


class S3Source(BucketSource):
    """A bucket in S3 as a source.  An object's time is when it was last written; its version is its ETag.  Raises as
    :class:`~chorus_gui.core.storage.s3.wire.Bucket`.
    """

    def _open_bucket(self, place: Place) -> Bucket:
        self._bucket = Bucket(place)
        return self._bucket

    def __setstate__(self, place: Place) -> None:
        self._made_us = 0
        self._lists: Bucket | None = None
        super().__setstate__(place)

    @property
    def inventory_us(self) -> int:
        """See :attr:`HasInventory.inventory_us`."""
        return self._made_us

    def _pages(self, ask: Ask) -> Iterator[list[Listed]]:
        if not self._place.s3.inventory:
            return super()._pages(ask)
        return self._listed_before(ask)

    def _listed_before(self, ask: Ask) -> Iterator[list[Listed]]:
        """The objects of the inventory."""
        try:
            yield from inventory_of(self._place, self._note_lists).pages(self._prefix, ask, self._note_made)
        except (AccessError, BlobNotFoundError) as error:
            raise without_inventory(self._place.s3.inventory, error) from error

    def _note_made(self, made_us: int) -> None:
        self._made_us = made_us

    def _note_lists(self, bucket: Bucket) -> None:
        self._lists = bucket

    @property
    def bucket(self) -> Bucket:
        """The bucket that it is in."""
        return self._bucket

    def renew(self, credentials: Credentials) -> None:
        """Use other credentials for every request from now on.  Raises :class:`AccessError` for some that cannot work."""
        if isinstance(credentials, AwsKeys):
            for bucket in (self._bucket, self._lists):
                if bucket is not None:
                    bucket.renew(credentials)
            self._place = replace(self._place, credentials=credentials)

    def _unreadable(self, ask: Ask) -> Callable[[Listed], Problem | None]:
        asked = 0

        def archived(one: Listed) -> Problem | None:
            nonlocal asked
            if not one.archived:
                return None
            if not self._bucket.own_server and asked < MOST_ASKED:
                asked += 1
                found = ask(partial(self._bucket.head, one.key))
                return _ARCHIVED if found is None or found.archived else None
            return _ARCHIVED

        return archived
