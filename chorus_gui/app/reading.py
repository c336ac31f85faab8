"""What a submission reads from the clouds, as a sentence: numbers, and where the prices are."""

from __future__ import annotations

from chorus_gui.app.words import files, plural, size
from chorus_gui.core.review.values import CloudReading

PROVIDERS = {"azure": "Azure", "s3": "Amazon S3", "gcs": "Google Cloud Storage"}
"""A kind of place → whose price list has the prices."""
COSTS = "Your provider's price list says what requests and outgoing traffic cost."


def reading_text(reading: CloudReading) -> str:
    """How much is read from a place in a cloud, and in how many requests."""
    where = f"{PROVIDERS[reading.kind]} ({reading.place})"
    listed = f"The scan took {plural(reading.listing, 'request')} to list it."
    if not reading.files.files:
        return f"Nothing is read from {where}. {listed}"
    return (
        f"The upload reads {files(reading.files.files)} ({size(reading.files.bytes)}) from {where}, in about {plural(reading.requests, 'request')}. "
        f"{listed}"
    )
