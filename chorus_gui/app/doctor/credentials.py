"""How long the credentials are valid, reported before they expire."""

from __future__ import annotations

from collections.abc import Iterator

from chorus_gui.app.doctor.model import Case
from chorus_gui.core.config import keychain
from chorus_gui.core.config.credentials import AwsKeys, GoogleKeys, Origin, Secret
from chorus_gui.core.config.sas import NEEDS_JOURNAL, NEEDS_SOURCE, NEEDS_STORE, SOON, SasInfo
from chorus_gui.core.model import Finding, Grade

SUBJECT = "Credentials"


def check_expiry(case: Case) -> Iterator[Finding]:
    """Of each SAS token of the configuration, and of each access key what is known."""
    if case.config is None:
        return
    seen: set[Secret] = set()
    for named in case.config.places():
        given = named.place.credentials
        keys = given.s3 if isinstance(given, GoogleKeys) else given
        if isinstance(keys, AwsKeys) and keys.secret and keys.secret not in seen:
            seen.add(keys.secret)
            what = "HMAC key" if keys is not given else "AWS access key"
            yield _access_key(f"The {what} of the {named.subject[0].lower()}{named.subject[1:]}", keys)
        sas, name = named.place.credentials.sas, f"the {named.subject[0].lower()}{named.subject[1:]}"
        if sas is not None and sas.token not in seen:
            seen.add(sas.token)
            kept = f" (kept in {keychain.title()})" if sas.origin is Origin.STORE else ""
            yield _sas(case, name + kept, sas.info)


def _access_key(name: str, keys: AwsKeys) -> Finding:
    kept = (
        f"is kept in {keychain.title()}"
        if keys.origin is Origin.STORE
        else "comes from the environment"
        if keys.origin is Origin.ENVIRONMENT
        else "is in the file"
    )
    if keys.session is None:
        return Finding(Grade.GOOD, SUBJECT, f"{name} {kept}. It does not expire by itself.")
    return Finding(Grade.GOOD, SUBJECT, f"{name} {kept}. It is temporary, and does not say when it expires.")


def check_rights(case: Case) -> Iterator[Finding]:
    """Of each SAS token and key: what it allows beyond the needs of all places that use it (docs/it-department.md has the table)."""
    needs = {"Central store": NEEDS_STORE, "Cloud journal": NEEDS_JOURNAL, "Site": NEEDS_SOURCE}
    tokens: dict[Secret, tuple[str, str, SasInfo]] = {}
    keys: dict[Secret, str] = {}
    for named in case.config.places() if case.config else ():
        name, credentials = f"the {named.subject[0].lower()}{named.subject[1:]}", named.place.credentials
        if (sas := credentials.sas) is not None:
            first, letters, _ = tokens.get(sas.token, (name, "", sas.info))
            tokens[sas.token] = (first, letters + needs[named.role], sas.info)
        elif (key := credentials.key) is not None:
            keys.setdefault(key.secret, name)
    for name in keys.values():
        yield _beyond(f"The account key of {name}", "It opens the whole storage account, and does not expire.", NEEDS_STORE)
    for name, letters, info in tokens.values():
        if sentences := info.beyond(letters, case.now):
            yield _beyond(f"The SAS token of {name}", " ".join(sentences), "".join(x for x in NEEDS_JOURNAL if x in letters))


def _beyond(subject: str, why: str, letters: str) -> Finding:
    remedy = (
        f"Ask the central team for a SAS token of the container alone, with “sp={letters}”, “spr=https” and an expiry within a year. "
        "docs/it-department.md lists which right is needed for what."
    )
    return Finding(Grade.WARNING, SUBJECT, f"{subject} allows more than is needed.", why, remedy)


def _sas(case: Case, name: str, info: SasInfo) -> Finding:
    if info.expires is None:
        return Finding(
            Grade.GOOD, SUBJECT, f"The SAS token of {name} has no expiry date of its own. Its access policy in the store sets one."
        )
    when = f"{info.expires:%Y-%m-%d %H:%M} UTC"
    remedy = "Ask the central team for a new SAS token, and paste it on the Configuration page."
    if info.expired(case.now):
        return Finding(
            Grade.BAD,
            SUBJECT,
            f"The SAS token of {name} expired on {when}.",
            "The store refuses it. Nothing can be read or written there.",
            remedy,
        )
    if info.expires - case.now < SOON:
        why = "An upload that is still running then stops."
        return Finding(Grade.WARNING, SUBJECT, f"The SAS token of {name} expires on {when}.", why, remedy)
    return Finding(Grade.GOOD, SUBJECT, f"The SAS token of {name} is valid until {when}.")
