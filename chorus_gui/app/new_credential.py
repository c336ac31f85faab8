"""What a new credential of “credential set” is for: decided by the places of the configuration and by what was entered, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from chorus_gui.core.config.addresses import connection_parts
from chorus_gui.core.config.credentials import AuthMode
from chorus_gui.core.config.token_store import SecretKind, place_tokens
from chorus_gui.core.errors import UsageError


class NewCredential(Enum):
    """The kinds that the credential store keeps, as words for a sentence: one, and several."""

    TOKEN = ("a SAS token", "SAS tokens")
    ACCOUNT_KEY = ("an account key", "account keys")
    ACCESS_KEY = ("an access key of AWS", "access keys of AWS")
    HMAC_KEY = ("an HMAC key of Google", "HMAC keys of Google")
    CERTIFICATE_PASSWORD = ("the password of a certificate", "passwords of certificates")

    @property
    def one(self) -> str:
        """“a SAS token”"""
        return self.value[0]

    @property
    def several(self) -> str:
        """“SAS tokens”"""
        return self.value[1]


_IN_AZURE = {
    SecretKind.TOKEN: NewCredential.TOKEN,
    SecretKind.KEY: NewCredential.ACCOUNT_KEY,
    SecretKind.PASSWORD: NewCredential.CERTIFICATE_PASSWORD,
}
_ACCOUNT_KEY = 88
"""Characters of an account key of Azure: 64 bytes in base64."""
Uses = Mapping[NewCredential, tuple[str, ...]]
"""Which places use a credential of a kind."""


def uses(file: Path, place: str = "") -> Uses:
    """The kinds of credentials that ``place`` uses, or with "" all places of a configuration.  Raises :class:`ConfigError`.

    Empty if ``place`` is not in a cloud, or signs in another way.
    """
    from chorus_gui.app.credential_store import document_of
    from chorus_gui.core.config.aws_store import key_holders

    document = document_of(file)
    found: dict[NewCredential, list[str]] = {kind: [] for kind in NewCredential}
    for token in place_tokens(document):
        if token.kind is not None and (place or token.may_have_secret):
            found[_IN_AZURE[token.kind]].append(token.where)
    for key in key_holders(document):
        if place or key.may_have_key:
            found[NewCredential.ACCESS_KEY if key.google is None else NewCredential.HMAC_KEY].append(key.where)
    return {kind: tuple(places) for kind, places in found.items() if (place in places if place else places)}


def stored_kind(kind: NewCredential) -> SecretKind | None:
    """The kind that :mod:`~chorus_gui.core.config.token_store` keeps; None for an access key."""
    return next((name for name, new in _IN_AZURE.items() if new is kind), None)


def to_ask_for(using: Uses) -> NewCredential | None:
    """What a person is asked for at a terminal, before anything was entered; None: nothing, so that the next step says what is wrong.

    SAS tokens come first, as long as they have been there.  Raises :class:`UsageError` if it could be one of several other kinds.
    """
    if NewCredential.TOKEN in using or len(using) < 2:
        return next(iter(using), None)
    raise _several(using)


def meant(using: Uses, text: str) -> NewCredential | None:
    """What ``text`` is for, where it was piped: the kind that it is recognized as, or the only kind that is used.

    Raises :class:`UsageError` if that is not clear, or if no place uses such a kind: no secret is stored under the name of another one.
    """
    found = recognized(text)
    if found is None and len(using) > 1:
        raise _several(using)
    if found is None or not using:
        return next(iter(using), None)
    if found in using:
        return found
    raise _other(using, found)


def require(using: Uses, asked: NewCredential, text: str) -> None:
    """Raises :class:`UsageError` if what was typed is recognized as another kind than the one that was asked for."""
    found = recognized(text)
    if found is not None and found is not asked:
        raise _several(using) if found in using else _other(using, found)


def recognized(text: str) -> NewCredential | None:
    """The kind that a text can only be; None for a secret alone, which looks like any other."""
    from chorus_gui.app.credentials import paste, paste_aws

    text = text.lstrip("\ufeff")
    if connection_parts(text).get("accountkey"):
        return NewCredential.ACCOUNT_KEY
    if connection_parts(text).get("sharedaccesssignature"):
        return NewCredential.TOKEN
    mode = paste(text).mode
    if mode is AuthMode.SAS:
        return NewCredential.TOKEN
    if mode is AuthMode.KEY:  # a shorter one can be a secret of any service
        return NewCredential.ACCOUNT_KEY if len(text.strip()) == _ACCOUNT_KEY else None
    return NewCredential.ACCESS_KEY if mode is AuthMode.NONE and paste_aws(text) else None


def _several(using: Uses) -> UsageError:
    kinds = ", ".join(f"{kind.several} ({', '.join(places)})" for kind, places in using.items())
    return UsageError(
        f"The configuration uses several kinds of credentials: {kinds}.",
        meaning="Nothing was changed.",
        remedy="Add --place to choose one.",
    )


def _other(using: Uses, found: NewCredential) -> UsageError:
    kinds = " and ".join(f"{kind.several} ({', '.join(places)})" for kind, places in using.items())
    return UsageError(
        f"This is {found.one}, but the configuration uses {kinds}.",
        meaning="Nothing was changed.",
        remedy="Enter the credential of that place, or use --place with another one.",
    )
