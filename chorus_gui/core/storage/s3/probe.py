"""“Test connection”: what a bucket allows, found out with a few requests.  Nothing is written."""

from __future__ import annotations

from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import StoreError
from chorus_gui.core.model import Finding, Grade
from chorus_gui.core.storage.http.headers import clock_sentence
from chorus_gui.core.storage.s3.answers import ARCHIVE_REMEDY
from chorus_gui.core.storage.s3.markup import Listed
from chorus_gui.core.storage.s3.wire import Bucket


def probe(place: Place) -> list[Finding]:
    """Test a bucket: the credentials, the clock, a page of the listing, the first byte of an object, and how many of the page are archived.

    Raises nothing that is expected: a failure is a finding, and tests that would fail for the same reason are left out.
    """
    try:
        bucket = Bucket(place)
    except StoreError as error:
        return [_bad(error)]
    try:
        return _tested(bucket, place)
    except StoreError as error:
        return [_bad(error)]
    finally:
        bucket.close()


def _tested(bucket: Bucket, place: Place) -> list[Finding]:
    found: list[Finding] = []
    service = bucket.access.service
    if clock := clock_sentence(bucket.clock_skew(), f"the one of {service}"):
        found.append(Finding(Grade.WARNING, "", clock, remedy="Set this computer's clock and time zone to the right time."))
    try:
        page = bucket.list_page(f"{place.prefix}/" if place.prefix else "")
    except StoreError as error:
        return [*found, _bad(error)]
    region = "" if bucket.address.endpoint else f" Its region is {bucket.address.region}."
    found.append(Finding(Grade.GOOD, "", f"Listing {place.text} works.{region}"))
    files = [one for one in page.objects if one.size]
    if not files:
        why = "If the prefix in the path is misspelled, it looks empty, too: capital and small letters differ."
        found.append(
            Finding(Grade.WARNING, "", f"There are no files below {place.text}.", why, "Check the bucket and the prefix in the path.")
        )
    archived = sum(one.archived for one in files)
    if archived:
        what = f"{archived:,} of the first {len(files):,} files of {place.text} {'is' if archived == 1 else 'are'} archived."
        why = "An archived file cannot be read, so it cannot be uploaded. Files that were uploaded before are not read again."
        found.append(Finding(Grade.WARNING, "", what, why, ARCHIVE_REMEDY))
    if (first := next((one for one in files if not one.archived), None)) is not None:
        found.append(_read(bucket, place, first))
    return found


def _read(bucket: Bucket, place: Place, first: Listed) -> Finding:
    try:
        bucket.read(first.key, 0, 1, etag=first.etag)
    except StoreError as error:
        return _bad(error)
    return Finding(Grade.GOOD, "", f"Reading from {place.text} works.")


def _bad(error: StoreError) -> Finding:
    return Finding(Grade.BAD, "", error.summary, remedy=error.remedy)
