"""A site whose files are in a bucket of Google Cloud Storage."""

from __future__ import annotations

from dataclasses import replace

from chorus_gui.core.config.credentials import Credentials, GoogleKeys
from chorus_gui.core.config.model import Place
from chorus_gui.core.storage.bucket.source import BucketSource
from chorus_gui.core.storage.gcs.wire import Bucket


class GcsSource(BucketSource):
    """A bucket of Google as a source.  An object's time is when its content was written (timeCreated); its version is its generation.

    Raises as :class:`~chorus_gui.core.storage.gcs.wire.Bucket`.
    """

    def _open_bucket(self, place: Place) -> Bucket:
        self._bucket = Bucket(place)
        return self._bucket

    @property
    def bucket(self) -> Bucket:
        """The bucket that it is in."""
        return self._bucket

    def renew(self, credentials: Credentials) -> None:
        """Use other credentials for every request from now on."""
        if isinstance(credentials, GoogleKeys):
            self._bucket.renew(credentials)
            self._place = replace(self._place, credentials=credentials)
