"""“Test connection”: what a bucket allows, found out with a few requests.  Nothing is written."""

from __future__ import annotations

from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import StoreError
from chorus_gui.core.model import Finding, Grade
from chorus_gui.core.storage.http.headers import clock_sentence
from chorus_gui.core.storage.looked import FirstPage, Looked, page_findings
from chorus_gui.core.storage.s3.answers import ARCHIVE_REMEDY
from chorus_gui.core.storage.s3.markup import Listed
from chorus_gui.core.storage.s3.wire import Bucket


def probe(place: Place) -> list[Finding]:
    """The findings of :func:`look`."""
    return look(place).findings


def look(place: Place) -> Looked:
    """Test a bucket: the credentials, the clock, a page of the listing, the first byte of an object, and how many of the page are archived.

    Raises nothing that is expected: a failure is a finding, and tests that would fail for the same reason are left out.
    """
    looked = Looked()
    try:
        bucket = Bucket(place)
    except StoreError as error:
        looked.findings.append(_bad(error))
        return looked
    try:
        _test(bucket, place, looked)
    except StoreError as error:
        looked.findings.append(_bad(error))
    finally:
        bucket.close()
    return looked


def _test(bucket: Bucket, place: Place, looked: Looked) -> None:
    found, service = looked.findings, bucket.access.service
    skew = bucket.clock_skew()
    if clock := clock_sentence(skew, f"the one of {service}"):
        found.append(Finding(Grade.WARNING, "", clock, remedy="Set this computer's clock and time zone to the right time."))
    elif skew is not None:
        found.append(Finding(Grade.GOOD, "", f"This computer's clock agrees with the one of {service}."))
    prefix = f"{place.prefix}/" if place.prefix else ""
    listed = bucket.list_page(prefix)
    region = "" if bucket.address.endpoint else f" Its region is {bucket.address.region}."
    found.append(Finding(Grade.GOOD, "", f"Listing {place.text} works.{region}"))
    files = [one for one in listed.objects if one.size or not one.key.endswith("/")]
    archived = sum(one.archived for one in files)
    looked.page = FirstPage(tuple(one.key[len(prefix) :] for one in files), archived, bool(listed.token))
    found += page_findings(looked.page, place.text, "bucket", ARCHIVE_REMEDY)
    if (first := next((one for one in files if one.size and not one.archived), None)) is not None:
        found.append(_read(bucket, place, first))


def _read(bucket: Bucket, place: Place, first: Listed) -> Finding:
    try:
        bucket.read(first.key, 0, 1, etag=first.etag)
    except StoreError as error:
        return _bad(error)
    return Finding(Grade.GOOD, "", f"Reading from {place.text} works.")


def _bad(error: StoreError) -> Finding:
    return Finding(Grade.BAD, "", error.summary, remedy=error.remedy)
