"""“Test connection”: what a place in Azure allows, found out with requests."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from chorus_gui.core.config.credentials import Certificate, MicrosoftLogin
from chorus_gui.core.config.model import Place
from chorus_gui.core.config.sas import NEEDS_SOURCE
from chorus_gui.core.errors import ConditionError, StoreError
from chorus_gui.core.model import Finding, Grade
from chorus_gui.core.storage.azure.login import Login
from chorus_gui.core.storage.azure.source import ARCHIVE_REMEDY
from chorus_gui.core.storage.azure.store import AzureStore
from chorus_gui.core.storage.base import IF_ABSENT, Page
from chorus_gui.core.storage.http.headers import clock_sentence
from chorus_gui.core.storage.looked import FirstPage, Looked, page_findings

PROBE_NAME = ".chorus-upload-probe-"
"""How the name of a write test's blob begins; it exists for a moment."""


CERTIFICATE_DAYS = 30
"""A certificate that expires sooner is worth a warning."""


def probe(place: Place, *, needs: str = NEEDS_SOURCE, login: Login | None = None, expiry: bool = True) -> list[Finding]:
    """Test a place in Azure: its SAS or certificate, whether it can be listed, the clock; with "w" in ``needs`` also writing and deleting.

    Without ``expiry``, how long the SAS is valid is left out.  ``login`` is the process's sign-in; None: nobody is asked.  Writing leaves a blob of zero bytes for a moment, under a name
    that nobody uses; a SAS that does not allow deleting could not remove it, so nothing is written then.  Raises nothing: a failure is a finding, and tests that would fail for the same reason are left out.
    """
    return look(place, needs=needs, login=login, expiry=expiry).findings


def look(place: Place, *, needs: str = NEEDS_SOURCE, login: Login | None = None, expiry: bool = True) -> Looked:
    """As :func:`probe`; for a place that is only read, the first page of its listing, too."""
    looked = Looked([*_sas_findings(place, needs, expiry=expiry), *_certificate_findings(place)])
    found = looked.findings
    if found and found[-1].grade is Grade.BAD and not place.credentials.sas:
        return looked
    try:
        store = AzureStore(place, login=login)
    except StoreError as error:
        found.append(_bad(error))
        return looked
    try:
        found += _answers(store)
        if found[-1].grade is Grade.BAD:
            return looked
        if "w" in needs:
            found += _writes(store) if "d" in needs or not _cannot_delete(place) else [_NOT_TESTED]
        else:
            _read(store, looked)
    except StoreError as error:
        found.append(_bad(error))
    finally:
        store.close()
    return looked


def _read(store: AzureStore, looked: Looked) -> None:
    """A page of the listing, and the first byte of a blob."""
    listed = next(store.pages(), Page([], ""))
    files = [blob for blob in listed.blobs if blob.size or not blob.path.endswith("/")]
    looked.page = FirstPage(tuple(blob.path for blob in files), sum(blob.archived for blob in files), bool(listed.marker))
    looked.findings += page_findings(looked.page, store.url, "container", ARCHIVE_REMEDY)
    first = next((blob for blob in files if blob.size and not blob.archived), None)
    if first is not None:
        next(store.read(first.path, length=1, etag=first.etag), b"")
        looked.findings.append(Finding(Grade.GOOD, "", f"Reading from {store.url} works."))


_NOT_TESTED = Finding(
    Grade.GOOD,
    "",
    "Writing was not tested: the SAS token does not allow deleting, so a test file could not be removed. New versions can be submitted; "
    "a version that is complete cannot be changed.",
)


def _cannot_delete(place: Place) -> bool:
    sas = place.credentials.sas
    return sas is not None and bool(sas.info.missing("d"))


def _sas_findings(place: Place, needs: str, *, expiry: bool) -> list[Finding]:
    sas = place.credentials.sas
    if sas is None:
        return []
    info, now = sas.info, datetime.now(UTC)
    scope = info.scope_sentences(needs)
    sentences = info.sentences(now, needs) if expiry else tuple(scope)
    if sentences:
        remedy = "Ask the central team for a new SAS token."
        bad = [info.damage, *(scope if info.missing(needs) else ()), *(sentences[:1] if expiry and info.expired(now) else ())]
        return [Finding(Grade.BAD if text in bad else Grade.WARNING, "", text, remedy=remedy) for text in sentences]
    if not expiry:
        return [Finding(Grade.GOOD, "", "The SAS token allows everything that is needed.")]
    until = f"until {info.expires:%Y-%m-%d}" if info.expires else "for as long as its policy allows"
    return [Finding(Grade.GOOD, "", f"The SAS token allows everything that is needed {until}.")]


def _certificate_findings(place: Place) -> list[Finding]:
    credentials = place.credentials
    if not (isinstance(credentials, MicrosoftLogin) and isinstance(credentials.identity, Certificate)):
        return []
    from chorus_gui.core.storage.azure.identities import NoTokenError, certificate_ends

    try:
        ends = certificate_ends(credentials.identity)
    except NoTokenError as error:
        return [Finding(Grade.BAD, "", error.refusal.what, error.refusal.meaning, error.refusal.remedy)]
    if ends - datetime.now(UTC) < timedelta(days=CERTIFICATE_DAYS):
        remedy = "Make a new certificate in time, and upload its public part to the app registration."
        return [Finding(Grade.WARNING, "", f"The certificate of the sign-in expires on {ends:%Y-%m-%d}.", remedy=remedy)]
    return [Finding(Grade.GOOD, "", f"The certificate of the sign-in is valid until {ends:%Y-%m-%d}.")]


def _answers(store: AzureStore) -> list[Finding]:
    """Can it be listed, and do the clocks agree?  The last finding says if it answers at all."""
    try:
        skew = store.clock_skew()
    except StoreError as error:
        return [_bad(error)]
    found: list[Finding] = []
    if sentence := clock_sentence(skew):
        found.append(Finding(Grade.WARNING, "", sentence, remedy="Set this computer's clock and time zone to the right time."))
    elif skew is not None:
        found.append(Finding(Grade.GOOD, "", "This computer's clock agrees with Azure's."))
    return [*found, Finding(Grade.GOOD, "", f"Listing {store.url} works.")]


def _writes(store: AzureStore) -> list[Finding]:
    name = PROBE_NAME + uuid.uuid4().hex
    try:
        store.put(name, b"", condition=IF_ABSENT)
    except ConditionError:  # a name that nobody ever used cannot exist already: the answer is not from Azure
        return [Finding(Grade.BAD, "", f"The answer from {store.url} did not come from Azure.", remedy="Check the account URL.")]
    except StoreError as error:
        return [_bad(error)]
    try:
        store.delete(name)
    except StoreError as error:
        return [
            Finding(Grade.GOOD, "", f"Writing to {store.url} works."),
            Finding(Grade.BAD, "", f"Could not delete the test file “{name}”. {error.what}", remedy=error.remedy),
        ]
    return [Finding(Grade.GOOD, "", f"Writing to {store.url} and deleting there work.")]


def _bad(error: StoreError) -> Finding:
    return Finding(Grade.BAD, "", error.summary, remedy=error.remedy)
