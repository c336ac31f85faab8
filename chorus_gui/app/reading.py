"""What a submission reads from the clouds, as a sentence: numbers, and where the prices are."""

from __future__ import annotations

import time

from chorus_gui.app.words import duration, files, moment, plural, size
from chorus_gui.core.review.values import CloudReading
from chorus_gui.core.storage.listed import OLD_S

PROVIDERS = {"azure": "Azure", "s3": "Amazon S3", "gcs": "Google Cloud Storage"}
"""A kind of place → whose price list has the prices."""
COSTS = "Your provider's price list says what requests and outgoing traffic cost."


def inventory_text(made_us: int) -> str:
    """What a list that a service made earlier cannot know."""
    age = duration(max(0.0, time.time() - made_us / 1e6))
    late = time.time() - made_us / 1e6 > OLD_S
    check = " Lists usually come every day or week: check that the bucket's inventory configuration is enabled." if late else ""
    return (
        f"The files are those of the S3 Inventory of {moment(made_us)} ({age} old). Newer files come with the next one. "
        f"A missing file counts as deleted only after S3 has confirmed it.{check}"
    )


def reading_text(reading: CloudReading) -> str:
    """How much is read from a place in a cloud, and in how many requests."""
    where = f"{PROVIDERS[reading.kind]} ({reading.place})"
    listed = f"The scan took {plural(reading.listing, 'request')} to list it."
    if reading.inventory_us:
        listed = f"{listed} {inventory_text(reading.inventory_us)}"
    if not reading.files.files:
        return f"Nothing is read from {where}. {listed}"
    return (
        f"The upload reads {files(reading.files.files)} ({size(reading.files.bytes)}) from {where}, in about {plural(reading.requests, 'request')}. "
        f"{listed}"
    )
