"""SAS tokens go from a configuration file into the operating system's credential store.

None leaves the file before it was read back from the store, and what is saved is a configuration that means the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from chorus_gui.core.config import keychain
from chorus_gui.core.config.keys import DEFAULT, dotted_keys
from chorus_gui.core.config.load import loads
from chorus_gui.core.config.model import AuthMode, Config, Place, PlaceKind, Secret
from chorus_gui.core.config.save import ConfigDocument
from chorus_gui.core.config.secrets import clean_sas, split_account_url
from chorus_gui.core.errors import ChorusError, UsageError
from chorus_gui.core.model import MODALITIES


@dataclass(frozen=True, slots=True)
class Holder:
    """A place in Azure that a configuration names: ``where`` for a person ("central", "journal", "Images"), ``entry`` in the store."""

    where: str
    place: Place

    @property
    def entry(self) -> str:
        """Under which name its token is kept."""
        return keychain.name_of(self.place.credentials.account_url, self.place.container)


def holders(config: Config) -> Iterator[Holder]:
    """Every place in Azure, the central store first."""
    places = {"central": config.central, "journal": config.journal.cloud, **{name: site.place for name, site in config.sites.items()}}
    for where, place in places.items():
        if place is not None and place.kind is PlaceKind.AZURE:
            yield Holder(where, place)


def origin(place: Place) -> str:
    """Where the credential of a place in Azure comes from, in words without the secret."""
    credentials = place.credentials
    words = {
        AuthMode.LOGIN: "a Microsoft Entra login",
        AuthMode.SAS: "a SAS token",
        AuthMode.KEY: "the account's key",
        AuthMode.CONNECTION_STRING: "a connection string",
    }
    what = words.get(credentials.auth_mode, "none")
    if credentials.auth_mode is AuthMode.LOGIN:
        return what
    return f"{what}, from {keychain.title()}" if credentials.kept else f"{what}, from the file or the environment"


def move(document: ConfigDocument, *, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Keep the file's SAS tokens in the credential store, and save the file without them; the entries that were made.

    The file then says ``auth_mode = "sas"`` in their place.  Its previous state is not kept beside it, and a ``.bak`` that holds
    one of the tokens is removed.  Raises :class:`UsageError` if the file holds none, :class:`ConfigError` if it is faulty, and
    :class:`~chorus_gui.core.config.keychain.KeychainError` if they cannot be kept; the file is then as it was.
    """
    tokens = _tokens(document)
    config = loads(document.text, document.path, environ=environ)
    if not tokens:
        raise UsageError(
            f"“{document.path.name}” holds no SAS token.", remedy="Give a new one with “chorus-upload credential set”, or use a login."
        )
    before = list(holders(config))
    entries: dict[str, str] = {}
    for holder in before:
        token = holder.place.credentials.sas_token
        if token is None or token.reveal() not in tokens.values() or holder.place.credentials.auth_mode is not AuthMode.SAS:
            continue
        if entries.setdefault(holder.entry, token.reveal()) != token.reveal():
            raise UsageError(f"The file has two different SAS tokens for “{holder.entry}”.", remedy="Leave the one with more rights.")
    for entry, token in entries.items():
        keychain.write(entry, token)
    text = document.text
    try:
        _take_out(document)
        after = list(holders(loads(document.text, document.path, environ=environ)))
        if _meant(after) != [
            (where, entry, Secret(entries[entry]) if entry in entries else token) for where, entry, token in _meant(before)
        ]:
            raise UsageError(
                "Without its SAS tokens the file would not mean the same.", meaning="It is as it was.", remedy="Edit it by hand."
            )
        document.save(keep_previous=False)
    except ChorusError:
        document.text = text
        raise
    _forget_previous(document)
    return tuple(entries)


def put(document: ConfigDocument, token: str, where: str = "", *, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Keep a new token for ``where`` ("central", "journal", a modality), or for all places that use a SAS token; the entries.

    Raises as :func:`move`, and :class:`UsageError` if it is no token, or fits several containers of which none is named.
    """
    if not clean_sas(token):
        raise UsageError("This is not a SAS token: it has no signature (“sig=…”).", remedy="Paste the whole token.")
    text = document.text
    try:
        for dotted in _slots(document, where):
            _clean_url(document, _beside(dotted, "azure_account_url"))
            document.set(dotted, clean_sas(token))
        config = loads(document.text, document.path, environ=environ)
        wanted = {h.entry for h in holders(config) if h.place.credentials.sas_token is not None}
        asked = {h.entry for h in holders(config) if h.where == where} if where else wanted
        if len(asked) > 1:
            raise UsageError(
                f"The file uses SAS tokens for {len(asked)} containers: {', '.join(sorted(asked))}.", remedy="Say which with --place."
            )
        return move(document, environ=environ)
    except ChorusError:
        document.text = text
        raise


def _meant(found: list[Holder]) -> list[tuple[str, str, Secret | None]]:
    return [(holder.where, holder.entry, holder.place.credentials.sas_token) for holder in found]


def _tokens(document: ConfigDocument) -> dict[str, str]:
    """Dotted key → SAS token, wherever the file has one."""
    out: dict[str, str] = {}
    for dotted, key in dotted_keys(document.layout).items():
        value, name = document.get(dotted), key.meaning.rpartition(".")[2]
        if isinstance(value, str) and name in ("azure_sas_token", "azure_account_url"):
            out[dotted] = clean_sas(value) if name == "azure_sas_token" else split_account_url(value)[1]
    return {dotted: token for dotted, token in out.items() if token}


def _slots(document: ConfigDocument, where: str) -> list[str]:
    """The keys that a new token belongs to: in tables that have one now, or that say ``auth_mode = "sas"``."""
    out: list[str] = []
    for place, name in (("central", "central"), ("journal", "journal"), *(("site", modality) for modality in (DEFAULT, *MODALITIES))):
        dotted = document.key_of(f"{place}.azure_sas_token", name if place == "site" else DEFAULT)
        url = split_account_url(str(document.get(_beside(dotted, "azure_account_url")) or ""))[1]
        used = document.get(dotted) is not None or url or document.get(_beside(dotted, "auth_mode")) in ("sas", "sas_token")
        if used and where in ("", name):
            out.append(dotted)
    if not out:
        raise UsageError(
            f"The file uses no SAS token{f' for {where}' if where else ''}.",
            remedy='Set auth_mode = "sas" in the table of its credentials, or give a place that has it with --place.',
        )
    return out


def _take_out(document: ConfigDocument) -> None:
    for dotted in _tokens(document):
        _clean_url(document, _beside(dotted, "azure_account_url"))
        document.remove(_beside(dotted, "azure_sas_token"))
        document.set(_beside(dotted, "auth_mode"), "sas")


def _beside(dotted: str, name: str) -> str:
    """Another key of the same table."""
    return f"{dotted.rpartition('.')[0]}.{name}"


def _clean_url(document: ConfigDocument, dotted: str) -> None:
    """Take a SAS token out of an account's URL."""
    value = document.get(dotted)
    if isinstance(value, str) and split_account_url(value)[1]:
        document.set(dotted, split_account_url(value)[0])


def _forget_previous(document: ConfigDocument) -> None:
    """Remove the file's previous state if it holds a SAS token."""
    previous = document.backup
    with suppress(OSError):
        if b"sig=" in previous.read_bytes():
            previous.unlink()
