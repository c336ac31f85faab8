"""The secrets of a configuration in the operating system's credential store instead of in the configuration file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.core.config import keychain
from chorus_gui.core.config.credentials import AuthMode, AwsKeys, Certificate, Credentials, GoogleKeys, MicrosoftLogin, Origin
from chorus_gui.core.config.report_keys import PASSWORD_VARIABLE
from chorus_gui.core.errors import UsageError

if TYPE_CHECKING:
    from chorus_gui.core.config.credentials import AccessKey
    from chorus_gui.core.config.keeping import Kept
    from chorus_gui.core.config.model import Config, MailSettings
    from chorus_gui.core.config.save import ConfigDocument
    from chorus_gui.core.config.token_store import SecretKind

__all__ = [
    "REPORT",
    "Deleted",
    "PlaceCredential",
    "delete_mail_password",
    "delete_tokens",
    "document_of",
    "has_secrets",
    "keep_access_key",
    "keep_mail_password",
    "keep_token",
    "move_tokens",
    "place_credentials",
    "title",
]

title = keychain.title
"""The name of the operating system's credential store."""


@dataclass(frozen=True, slots=True)
class PlaceCredential:
    """Where the credential of a place comes from; no secret.

    ``place``: "central", "journal" or a modality; ``entry`` its name in the credential store; ``expires`` aware, None if not known.
    """

    place: str
    entry: str
    origin: str
    expires: datetime | None = None

    @property
    def expired(self) -> bool:
        """The service no longer accepts it."""
        return self.expires is not None and self.expires <= datetime.now(UTC)


def place_credentials(file: Path) -> list[PlaceCredential]:
    """Every place in a cloud that a configuration names, and the mail server if it needs a password.  Raises :class:`ConfigError`."""
    from chorus_gui.core.config.aws_store import key_holders
    from chorus_gui.core.config.token_store import place_tokens

    found: list[PlaceCredential] = []
    document = document_of(file)
    for holder in place_tokens(document):
        sas = holder.place.credentials.sas
        found.append(PlaceCredential(holder.where, holder.entry, holder.origin, sas.info.expires if sas else None))
    found += [PlaceCredential(one.where, one.entry, one.origin) for one in key_holders(document)]
    mail = _mail_of(document)
    if mail is not None and mail.user:
        found.append(PlaceCredential(REPORT, mail.entry, _mail_origin(mail)))
    return found


def _mail_of(document: ConfigDocument) -> MailSettings | None:
    from chorus_gui.core.config.load import check

    return check(document.text, document.path).report.mail


def _mail_origin(mail: MailSettings) -> str:
    what = "the password at the mail server"
    if mail.password:
        return f"{what}, from {'the file' if mail.origin is Origin.FILE else 'the environment'}"
    try:
        return f"{what}, from {title()}" if keychain.read(mail.entry) else f"{what}, but it is missing"
    except keychain.KeychainError as error:
        return f"{what}, but it is missing: {error.what.rstrip('.')}"


def keep_access_key(file: Path, keys: AccessKey, place: str = "", *, hmac: bool | None = None) -> Kept:
    """Keep a new access key for ``place``.  ``hmac`` as, and raises as, :func:`~chorus_gui.core.config.aws_store.put_keys`."""
    from chorus_gui.core.config.aws_store import put_keys

    return put_keys(document_of(file), keys, place, hmac=hmac)


def move_tokens(file: Path) -> Kept:
    """Move every secret from a configuration file into the credential store.  Raises as :func:`~chorus_gui.core.config.token_store.move`."""
    from chorus_gui.core.config.token_store import move

    return move(document_of(file), _mail_password_out)


def keep_token(file: Path, token: str, place: str = "", *, kind: SecretKind | None = None) -> Kept:
    """Keep a new SAS token, account key or password of a certificate for ``place``, or for all that use one.

    ``kind`` as, and raises as, :func:`~chorus_gui.core.config.token_store.put`.
    """
    from chorus_gui.core.config.token_store import put

    return put(document_of(file), token, place, kind=kind)


_MAIL_KEY = "report.smtp_password"
REPORT = "report"
"""The place whose credential is the password at the mail server."""


def keep_mail_password(file: Path, password: str) -> str:
    """Keep the password at the mail server; its entry.  Raises :class:`ConfigError`, :class:`UsageError`, :class:`~.keychain.KeychainError`."""
    mail = _mail(file)
    keychain.write(mail.entry, password)
    return mail.entry


def _mail_password_out(document: ConfigDocument) -> dict[str, str]:
    """Take a password that is used out of the text; what the store must have."""
    mail = _mail_of(document)
    if mail is None or not mail.user or not mail.password or mail.origin is not Origin.FILE:
        return {}
    if os.environ.get(PASSWORD_VARIABLE, "").strip():
        raise UsageError(
            f"The environment variable {PASSWORD_VARIABLE} would be used instead of the credential store.",
            meaning="Nothing was changed.",
            remedy=f"Remove {PASSWORD_VARIABLE}, then try again.",
        )
    password = str(document.get(_MAIL_KEY)).strip()
    document.remove(_MAIL_KEY)
    return {mail.entry: password}


def delete_mail_password(file: Path) -> str:
    """Remove the password at the mail server from the credential store; its entry, "" if there was none.  Raises as the other."""
    mail = _mail(file)
    return mail.entry if keychain.delete(mail.entry) else ""


def _mail(file: Path) -> MailSettings:
    from chorus_gui.core.config.load import load

    mail = load(file).report.mail
    if mail is None or not mail.user:
        raise UsageError(
            "The configuration has no user at a mail server.",
            remedy="Fill in mail_to, smtp_server and smtp_user in [report], then try again.",
        )
    return mail


@dataclass(frozen=True, slots=True)
class Deleted:
    """``entries`` that were removed, and the other ``places`` that used them."""

    entries: tuple[str, ...]
    places: tuple[str, ...]


def delete_tokens(file: Path, place: str = "") -> Deleted:
    """Remove a configuration's secrets, or that of ``place``, from the credential store.  Raises :class:`UsageError`."""
    from chorus_gui.core.config.aws_store import delete_keys, key_holders
    from chorus_gui.core.config.token_store import place_tokens

    document = document_of(file)
    found, in_aws = place_tokens(document), key_holders(document)
    entries = {holder.entry for holder in found if place in ("", holder.where)}
    names = [holder.where for holder in (*found, *in_aws)]
    if place and place not in names:
        raise UsageError(
            f"The configuration has no place “{place}” in a cloud.",
            remedy=f"Its places in a cloud: {', '.join(names) or 'none'}.",
        )
    gone = (*(entry for entry in sorted(entries) if keychain.delete(entry)), *delete_keys(document, place))
    mail = _mail_of(document)
    if not place and mail is not None and mail.user and keychain.delete(mail.entry):
        gone = (*gone, mail.entry)
    return Deleted(gone, tuple(holder.where for holder in (*found, *in_aws) if holder.entry in gone and holder.where != place))


def has_secrets(config: Config | None) -> bool:
    """A place, or the mail server, uses a secret that is in the file."""
    places = [config.central, config.journal.cloud, *(site.place for site in config.sites.values())] if config else []
    for one in (place.credentials for place in places if place):
        given = one.s3 if isinstance(one, GoogleKeys) else one
        if given.mode is not AuthMode.NONE and getattr(given, "origin", None) is Origin.FILE and _has_secret(given):
            return True
    mail = config.report.mail if config else None
    return mail is not None and bool(mail.user) and bool(mail.password) and mail.origin is Origin.FILE


def _has_secret(given: Credentials) -> bool:
    match given:
        case MicrosoftLogin(identity=identity):
            return isinstance(identity, Certificate) and bool(identity.password)
        case AwsKeys(secret=secret):
            return bool(secret)
        case _:
            return given.sas is not None or given.key is not None


def document_of(file: Path) -> ConfigDocument:
    """A configuration file to read and change, with what the credential store says now.  Raises :class:`ConfigError`."""
    from chorus_gui.core.config.save import ConfigDocument

    keychain.forget_answers()
    return ConfigDocument.open(file.absolute())
