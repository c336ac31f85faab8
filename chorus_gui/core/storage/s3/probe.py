"""“Test connection”: what a bucket allows, found out with a few requests.  Nothing is written."""

from __future__ import annotations

from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import AccessError, BlobNotFoundError, ChorusError
from chorus_gui.core.model import Finding, Grade
from chorus_gui.core.storage.base import at_once
from chorus_gui.core.storage.bucket import probing
from chorus_gui.core.storage.listed import OLD_S
from chorus_gui.core.storage.looked import Looked
from chorus_gui.core.storage.s3.answers import ARCHIVE_REMEDY
from chorus_gui.core.storage.s3.source import inventory_of
from chorus_gui.core.storage.s3.wire import Bucket
from chorus_gui.core.storage.source_errors import without_inventory


def probe(place: Place) -> list[Finding]:
    """The findings of :func:`look`."""
    return look(place).findings


def look(place: Place) -> Looked:
    """As :func:`~chorus_gui.core.storage.bucket.probing.look`; also the region, and how many of the page are archived."""
    looked = probing.look(lambda: Bucket(place), place, _words)
    if place.s3.inventory:
        looked.findings.append(_inventory(place))
    return looked


def _inventory(place: Place) -> Finding:
    """If the list can be used that is read in the place of a listing, and how old it is."""
    try:
        found = inventory_of(place).manifest(at_once)
    except (AccessError, BlobNotFoundError) as error:
        refused = without_inventory(place.s3.inventory, error)
        return Finding(Grade.BAD, "", refused.what, refused.meaning, refused.remedy)
    except ChorusError as error:
        return Finding(Grade.BAD, "", error.summary, error.meaning, error.remedy)
    hours = found.age_s / 3600
    age = f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:.0f} days"
    if found.age_s > OLD_S:
        why = "Files that are newer than it are not seen."
        remedy = "In the S3 console, check that the bucket's inventory configuration is enabled, and that its lists arrive. Or remove aws_inventory."
        return Finding(Grade.WARNING, "", f"The newest S3 Inventory of {place.container} is {age} old.", why, remedy)
    return Finding(
        Grade.GOOD, "", f"The S3 Inventory of {place.container} can be used. It is {age} old; newer files come with the next one."
    )


def _words(bucket: probing.Probed) -> probing.Words:
    def region() -> str:
        """Known after the first answer."""
        return f" Its region is {bucket.address.region}." if isinstance(bucket, Bucket) and bucket.own_server else ""

    return probing.Words(region, ARCHIVE_REMEDY)
