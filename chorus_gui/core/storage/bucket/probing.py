"""“Test connection” for a bucket of whichever service: a few requests, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import StoreError
from chorus_gui.core.model import Finding, Grade
from chorus_gui.core.storage.bucket.answers import Access
from chorus_gui.core.storage.bucket.values import Bucket, Listed
from chorus_gui.core.storage.http.headers import clock_sentence
from chorus_gui.core.storage.looked import FirstPage, Looked, page_findings


class Probed(Bucket, Protocol):
    """A bucket that tells how it is reached, and what its service's clock says."""

    @property
    def access(self) -> Access:
        """How it is reached, for sentences."""
        ...

    def clock_skew(self) -> float | None:
        """This computer's clock minus the service's, in seconds, whatever it answers; None if it does not say."""
        ...


class Words(NamedTuple):
    """What differs between services.  ``listed`` is said after a successful listing; ``more`` finds what is special in its files."""

    listed: Callable[[], str] = str
    archive_remedy: str = ""
    more: Callable[[Sequence[Listed]], Sequence[Finding]] = lambda _: ()


def look(make: Callable[[], Probed], place: Place, words: Callable[[Probed], Words]) -> Looked:
    """Test a bucket: the credentials, the clock, a page of the listing, the first byte of an object.

    Raises nothing that is expected: a failure is a finding, and tests that would fail for the same reason are left out.
    """
    looked = Looked()
    try:
        bucket = make()
    except StoreError as error:
        looked.findings.append(_bad(error))
        return looked
    try:
        _test(bucket, place, looked, words(bucket))
    except StoreError as error:
        looked.findings.append(_bad(error))
    finally:
        bucket.close()
    return looked


def _test(bucket: Probed, place: Place, looked: Looked, words: Words) -> None:
    found, service = looked.findings, bucket.access.service
    skew = bucket.clock_skew()
    if clock := clock_sentence(skew, f"the one of {service}"):
        found.append(Finding(Grade.WARNING, "", clock, remedy="Set this computer's clock and time zone to the right time."))
    elif skew is not None:
        found.append(Finding(Grade.GOOD, "", f"This computer's clock agrees with the one of {service}."))
    prefix = f"{place.prefix}/" if place.prefix else ""
    listed = bucket.list_page(prefix)
    found.append(Finding(Grade.GOOD, "", f"Listing {place.text} works.{words.listed()}"))
    files = [one for one in listed.objects if one.size or not one.key.endswith("/")]
    archived = sum(one.archived for one in files)
    looked.page = FirstPage(tuple(one.key[len(prefix) :] for one in files), archived, bool(listed.token))
    found += page_findings(looked.page, place.text, "bucket", words.archive_remedy)
    found += words.more(files)
    readable = [one for one in files if one.size and not one.archived]
    if (first := next((one for one in readable if not one.tier), next(iter(readable), None))) is not None:
        found.append(_read(bucket, place, first))


def _read(bucket: Bucket, place: Place, first: Listed) -> Finding:
    try:
        bucket.read(first.key, 0, 1, version=first.version)
    except StoreError as error:
        return _bad(error)
    return Finding(Grade.GOOD, "", f"Reading from {place.text} works.")


def _bad(error: StoreError) -> Finding:
    return Finding(Grade.BAD, "", error.summary, remedy=error.remedy)
