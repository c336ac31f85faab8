"""“Test connection”: what a place in Azure lets us do, found out by asking it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from chorus_gui.core.config.model import AuthMode, Place
from chorus_gui.core.config.secrets import NEEDS_JOURNAL, NEEDS_SOURCE, SasInfo
from chorus_gui.core.errors import ConditionError, StoreError
from chorus_gui.core.storage.azure.answers import clock_sentence
from chorus_gui.core.storage.azure.login import NOBODY, SignIn
from chorus_gui.core.storage.azure.store import AzureStore
from chorus_gui.core.storage.base import IF_ABSENT

PROBE_NAME = ".chorus-upload-probe-"
"""What the blob that a write test leaves for a moment begins with."""


class Grade(Enum):
    """How a finding is to be taken."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the test found: a sentence, and what to do about it where it is not good."""

    grade: Grade
    what: str
    remedy: str = ""


def probe(place: Place, *, write: bool = False, sign_in: SignIn = NOBODY) -> list[Finding]:
    """Test a place in Azure: its SAS, whether it can be listed, the clock; with ``write`` also writing and deleting.

    Writing leaves a blob of zero bytes for a moment, under a name that nobody uses.  Raises nothing: what fails is a finding,
    and what would fail alike after it is left out.
    """
    found = _sas_findings(place, NEEDS_JOURNAL if write else NEEDS_SOURCE)
    try:
        store = AzureStore(place, sign_in=sign_in)
    except StoreError as error:
        return [*found, _bad(error)]
    try:
        found += _answers(store)
        if write and found[-1].grade is not Grade.BAD:
            found += _writes(store)
    finally:
        store.close()
    return found


def _sas_findings(place: Place, needs: str) -> list[Finding]:
    token = place.credentials.sas_token
    if not token or place.credentials.auth_mode not in (AuthMode.SAS, AuthMode.CONNECTION_STRING):
        return []
    info, now = SasInfo.parse(token.reveal()), datetime.now(UTC)
    grade = Grade.BAD if info.expired(now) or info.missing(needs) else Grade.WARNING
    sentences = info.sentences(now, needs)
    if sentences:
        return [Finding(grade, sentence, "Ask the central team for a new SAS token.") for sentence in sentences]
    until = f"until {info.expires:%Y-%m-%d}" if info.expires else "as long as its policy allows"
    return [Finding(Grade.GOOD, f"The SAS token allows what is needed, {until}.")]


def _answers(store: AzureStore) -> list[Finding]:
    """Can it be listed, and do the clocks agree?  The last finding tells whether it answers at all."""
    try:
        skew = store.clock_skew()
    except StoreError as error:
        return [_bad(error)]
    found: list[Finding] = []
    if sentence := clock_sentence(skew):
        found.append(Finding(Grade.WARNING, sentence, "Set this computer's clock and time zone right."))
    elif skew is not None:
        found.append(Finding(Grade.GOOD, "This computer's clock agrees with the service's."))
    return [*found, Finding(Grade.GOOD, f"{store.url} answers and can be listed.")]


def _writes(store: AzureStore) -> list[Finding]:
    name = PROBE_NAME + uuid.uuid4().hex
    try:
        store.put(name, b"", condition=IF_ABSENT)
    except ConditionError:  # a name that nobody ever used cannot be taken: an answer of something else than Azure
        return [Finding(Grade.BAD, f"{store.url} gives impossible answers.", "Check the account URL.")]
    except StoreError as error:
        return [_bad(error)]
    try:
        store.delete(name)
    except StoreError as error:
        return [
            Finding(Grade.GOOD, f"{store.url} can be written."),
            Finding(Grade.BAD, f"The test blob “{name}” could not be deleted again. {error.what}", error.remedy),
        ]
    return [Finding(Grade.GOOD, f"{store.url} can be written, and a blob in it deleted.")]


def _bad(error: StoreError) -> Finding:
    return Finding(Grade.BAD, error.summary, error.remedy)
