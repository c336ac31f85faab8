"""A new secret in the place of the old one: in the same table and key of the configuration, or in the credential store."""

from __future__ import annotations

import os
from collections.abc import Mapping

from chorus_gui.core.config import keychain, token_store
from chorus_gui.core.config.addresses import connection_parts, split_account_url
from chorus_gui.core.config.credentials import AuthMode, Origin
from chorus_gui.core.config.load import loads
from chorus_gui.core.config.sas import clean_sas
from chorus_gui.core.config.save import ConfigDocument
from chorus_gui.core.config.token_store import PlaceToken, place_tokens
from chorus_gui.core.errors import UsageError

_NAMES = {AuthMode.SAS: "SAS token", AuthMode.KEY: "account key", AuthMode.CONNECTION_STRING: "connection string"}


def replace_secret(document: ConfigDocument, where: str, secret: str, *, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Save ``secret`` as the credential of ``where`` ("central", "journal", a modality), and of every place that had the same one.

    ``secret`` is of the kind that the place has: a SAS token, the account's key, or a connection string.  One from the environment
    goes into the file, which is read first.  Returns the places that have the new one.  Raises :class:`UsageError` for another kind of
    secret, :class:`ConfigError` and :class:`~.keychain.KeychainError` if it cannot be saved; then nothing was changed.
    """
    before = place_tokens(document, environ=environ)
    holder = next((found for found in before if found.where == where), None)
    kind = holder.place.credentials.mode if holder is not None else AuthMode.NONE
    if holder is None or kind not in _NAMES:
        raise UsageError("This place has no credential that can be replaced.", remedy="Open the Configuration page.")
    secret = _checked(secret, kind)
    same = [found for found in before if found.place.credentials == holder.place.credentials]
    if _is_kept(holder):
        token_store.put(document, secret, where, environ=environ)
        return tuple(found.where for found in same if found.entry == holder.entry)
    for found in same:
        _write(document, found, kind, secret)
    loads(document.text, document.path, environ=environ)  # raises if the file is faulty now
    after = {found.where: found.place.credentials for found in place_tokens(document, environ=environ)}
    if any(after[found.where] == holder.place.credentials for found in same):
        raise UsageError(
            f"The new {_NAMES[kind]} would not be used.",
            meaning="It is the same as before, or another setting decides. Nothing was changed.",
            remedy="Enter a new one, or edit the file by hand.",
        )
    document.save()
    return tuple(found.where for found in same)


def _checked(secret: str, kind: AuthMode) -> str:
    text = secret.strip()
    right = {
        AuthMode.SAS: bool(clean_sas(text)),
        AuthMode.KEY: bool(text) and not clean_sas(text),
        AuthMode.CONNECTION_STRING: bool(connection_parts(text)),
    }
    if not right[kind]:
        raise UsageError(f"This is not a valid {_NAMES[kind]}.", meaning="Nothing was changed.", remedy=f"Paste the whole {_NAMES[kind]}.")
    return keychain.checked(text) if kind is AuthMode.SAS else text


def _is_kept(holder: PlaceToken) -> bool:
    return getattr(holder.place.credentials, "origin", None) is Origin.STORE


def _write(document: ConfigDocument, holder: PlaceToken, kind: AuthMode, secret: str) -> None:
    table = holder.table
    if kind is AuthMode.KEY:
        document.set(f"{table}.azure_account_key", secret)
    elif kind is AuthMode.CONNECTION_STRING:
        alias = f"{table}.azure_storage_connection_string"
        document.set(alias if document.get(alias) is not None else f"{table}.azure_connection_string", secret)
    else:
        url = document.get(f"{table}.azure_account_url")
        address, in_url = split_account_url(url) if isinstance(url, str) else ("", "")
        if in_url:
            document.set(f"{table}.azure_account_url", f"{address}?{secret}")
        else:
            document.set(f"{table}.azure_sas_token", secret)
