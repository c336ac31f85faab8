"""“Test connection”: what a bucket allows, found out with a few requests.  Nothing is written."""

from __future__ import annotations

from chorus_gui.core.config.model import Place
from chorus_gui.core.model import Finding
from chorus_gui.core.storage.bucket import probing
from chorus_gui.core.storage.looked import Looked
from chorus_gui.core.storage.s3.answers import ARCHIVE_REMEDY
from chorus_gui.core.storage.s3.wire import Bucket


def probe(place: Place) -> list[Finding]:
    """The findings of :func:`look`."""
    return look(place).findings


def look(place: Place) -> Looked:
    """As :func:`~chorus_gui.core.storage.bucket.probing.look`; also the region, and how many of the page are archived."""
    return probing.look(lambda: Bucket(place), place, _words)


def _words(bucket: probing.Probed) -> probing.Words:
    def region() -> str:
        """Known after the first answer."""
        return f" Its region is {bucket.address.region}." if isinstance(bucket, Bucket) and bucket.own_server else ""

    return probing.Words(region, ARCHIVE_REMEDY)
