"""SAS tokens go from a configuration file into the operating system's credential store.

None leaves the file before it was read back from the store; only tables whose token some place uses are touched; and what is saved is
a configuration that means the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from chorus_gui.core.config import keychain
from chorus_gui.core.config.addresses import split_account_url
from chorus_gui.core.config.credentials import AccountKey, AuthMode, ConnectionString, MicrosoftLogin, NoCredentials, Origin, Sas, Secret
from chorus_gui.core.config.keys import CREDENTIALS, DEFAULT, KEYS
from chorus_gui.core.config.load import check, loads, parse
from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.config.reading import Findings, Reading, detect_layout
from chorus_gui.core.config.sas import clean_sas
from chorus_gui.core.config.save import ConfigDocument
from chorus_gui.core.errors import ChorusError, UsageError
from chorus_gui.core.folders import remove_file

_VARIABLES = ("AZURE_SAS_TOKEN", "AZURE_ACCOUNT_KEY", "AZURE_CONNECTION_STRING", "AZURE_STORAGE_CONNECTION_STRING")


@dataclass(frozen=True, slots=True)
class PlaceToken:
    """A place in Azure that a configuration names.

    ``where`` is for a person ("central", "journal", "Images"); ``table`` the file's table with its credentials, dotted;
    ``written`` the SAS token that this table has, "" if none; ``twice``: it has a second one.
    """

    where: str
    place: Place
    table: str
    written: str
    twice: bool = False

    @property
    def entry(self) -> str:
        """The name under which its token is stored."""
        return keychain.name_of(self.place.account.url, self.place.container)

    @property
    def token(self) -> Secret | None:
        """The SAS token that it uses; not one in a connection string."""
        credentials = self.place.credentials
        return credentials.token if isinstance(credentials, Sas) else None

    @property
    def kept(self) -> bool:
        """Its token is in the credential store, or should be."""
        credentials = self.place.credentials
        return isinstance(credentials, (Sas, NoCredentials)) and credentials.origin is Origin.STORE

    @property
    def origin(self) -> str:
        """Where its credential comes from, in words without the secret."""
        credentials = self.place.credentials
        match credentials:
            case MicrosoftLogin():
                return _SIGN_INS[credentials.mode]
            case Sas():
                return f"a SAS token, from {_found_in(credentials.origin)}"
            case AccountKey():
                return f"the account's key, from {_found_in(credentials.origin)}"
            case ConnectionString():
                return f"a connection string, from {_found_in(credentials.origin)}"
            case _:
                return "a SAS token, but it is missing"


@dataclass(frozen=True, slots=True)
class Kept:
    """What was done: the ``entries`` in the credential store, and sentences about what ``remains`` to be checked."""

    entries: tuple[str, ...]
    remains: tuple[str, ...] = ()


def place_tokens(
    document: ConfigDocument, *, environ: Mapping[str, str] = os.environ, kept: Callable[[str], str] | None = None
) -> list[PlaceToken]:
    """Every place in Azure, the central store first; one whose SAS token is missing too.

    ``kept`` answers in place of the credential store.  Raises :class:`~chorus_gui.core.errors.ConfigError` for any other fault.
    """
    checked = check(document.text, document.path, environ=environ, kept=kept)
    if any(not fault.key.endswith("azure_sas_token") for fault in checked.faults):
        loads(document.text, document.path, environ=environ, kept=kept)
    raw = parse(document.text, document.path)
    reading = Reading(raw, detect_layout(raw), Findings({}))
    places = {("central", DEFAULT): checked.central, ("journal", DEFAULT): checked.cloud}
    places |= {("site", name): site.place for name, site in checked.sites.items()}
    return [
        _holder(reading, kind, modality, place)
        for (kind, modality), place in places.items()
        if place is not None and place.kind is PlaceKind.AZURE
    ]


def has_tokens(document: ConfigDocument, *, environ: Mapping[str, str] = os.environ) -> bool:
    """A place uses a SAS token that the file has, so that :func:`move` has something to do.  Raises as :func:`place_tokens`."""
    return any(_uses_file(holder) for holder in place_tokens(document, environ=environ))


def _holder(reading: Reading, kind: str, modality: str, place: Place) -> PlaceToken:
    values = [reading.value(f"{kind}.{name}", modality) for name in CREDENTIALS if f"{kind}.{name}" in KEYS]
    table = next((value.dotted for value in values if value.given), values[0].dotted).rpartition(".")[0]
    content = reading.table(table)
    in_url = split_account_url(str(content.get("azure_account_url") or ""))[1]
    beside = clean_sas(str(content.get("azure_sas_token") or ""))
    twice = bool(in_url and beside and in_url != beside)
    return PlaceToken(modality if kind == "site" else kind, place, table, in_url or beside, twice)


_SIGN_INS = {
    AuthMode.LOGIN: "a sign-in with a Microsoft account",
    AuthMode.CERTIFICATE: "a sign-in with a certificate",
    AuthMode.MANAGED_IDENTITY: "the managed identity of this computer",
    AuthMode.WORKLOAD_IDENTITY: "a sign-in with a token file",
}


def _found_in(origin: Origin) -> str:
    return {Origin.FILE: "the file", Origin.ENVIRONMENT: "the environment", Origin.STORE: keychain.title()}[origin]


def move(document: ConfigDocument, *, environ: Mapping[str, str] = os.environ) -> Kept:
    """Keep the SAS tokens that the file has for its places in the credential store, and save the file without them.

    The file then has ``auth_mode = "sas"`` in their place.  Its previous state is not kept, and a ``.bak`` with a token
    in it is removed.  Raises :class:`UsageError` if there is none to move, :class:`ConfigError` if the file is faulty, and
    :class:`~chorus_gui.core.config.keychain.KeychainError` if they cannot be stored; file and store are then unchanged.
    """
    before = place_tokens(document, environ=environ)
    entries: dict[str, str] = {}
    for holder in before:
        if _uses_file(holder):
            _enter(entries, holder)
    _keep_apart(before, entries)
    if not entries:
        raise UsageError(
            f"“{document.path.name}” has no SAS token to move.",
            remedy="Store a new one with “chorus-upload credential set”, or sign in with a Microsoft account.",
        )
    return _carry_out(document, before, entries, {holder.table for holder in before if _uses_file(holder)}, environ)


def put(document: ConfigDocument, token: str, where: str = "", *, environ: Mapping[str, str] = os.environ) -> Kept:
    """Keep a new token for ``where`` ("central", "journal", a modality), or for all places that use a SAS token.

    Raises as :func:`move`, and :class:`UsageError` if it is not a token, or could be for several containers.
    """
    new = keychain.checked(token)
    before = place_tokens(document, environ=environ)
    using = [holder for holder in before if holder.place.credentials.mode is AuthMode.SAS]
    chosen = [holder for holder in using if where in ("", holder.where)]
    if not chosen:
        raise UsageError(
            f"The configuration uses no SAS token{f' for “{where}”' if where else ''}.",
            remedy=f"Use --place with one of these: {', '.join(holder.where for holder in using)}."
            if using
            else 'Set auth_mode = "sas" in the configuration first.',
        )
    asked = sorted({holder.entry for holder in chosen})
    if len(asked) > 1:
        raise UsageError(
            f"The configuration uses SAS tokens for {len(asked)} containers: {', '.join(asked)}.", remedy="Add --place to choose one."
        )
    tables = {holder.table for holder in chosen}
    others: dict[str, str] = {}
    for holder in before:  # what shares a table with them has its token taken out too, and must not lose it
        if holder.table in tables and holder.entry not in asked and _uses_file(holder):
            _enter(others, holder)
    _keep_apart(before, others)
    entries = {**others, **dict.fromkeys(asked, new)}
    return _carry_out(document, before, entries, tables, environ)


def _uses_file(holder: PlaceToken) -> bool:
    return holder.token == Secret(holder.written)


def _enter(entries: dict[str, str], holder: PlaceToken) -> None:
    if entries.setdefault(holder.entry, holder.written) != holder.written or holder.twice:
        raise _two_tokens(holder)


def _keep_apart(found: list[PlaceToken], entries: Mapping[str, str]) -> None:
    """Raise if the store already has another token under the same name: one of them would be lost."""
    for holder in found:
        if holder.kept and holder.entry in entries and holder.token not in (None, Secret(entries[holder.entry])):
            raise _two_tokens(holder)


def _two_tokens(holder: PlaceToken) -> UsageError:
    return UsageError(
        f"There are two different SAS tokens for “{holder.entry}”, but the credential store keeps only one.",
        meaning="Nothing was changed.",
        remedy="Store the one with more permissions with “chorus-upload credential set”, or remove the other from the configuration file.",
    )


def _carry_out(
    document: ConfigDocument, before: list[PlaceToken], entries: Mapping[str, str], tables: Collection[str], environ: Mapping[str, str]
) -> Kept:
    """Check that the meaning stays the same, then write the store, then the file."""
    text, earlier = document.text, {entry: keychain.read(entry) for entry in entries}
    try:
        for table in tables:
            _take_out(document, table)
        after = place_tokens(document, environ=environ, kept=lambda name: entries.get(name) or keychain.read(name))
        for old, new in zip(before, after, strict=True):
            renewed = old.entry in entries and (old.table in tables or old.kept)
            token = Secret(entries[old.entry]) if renewed else old.token
            if (new.place.credentials.mode, new.token) != (old.place.credentials.mode, token):
                raise _other_meaning(old, environ)
        for entry, token in entries.items():
            keychain.write(entry, token)
        if document.text != text:
            document.save(keep_previous=False)
    except BaseException:
        document.text = text
        for entry, token in earlier.items():
            with suppress(ChorusError):
                if keychain.read(entry) != token:
                    keychain.write(entry, token) if token else keychain.delete(entry)
        raise
    return Kept(tuple(entries), tuple(_remains(document)))


def _other_meaning(holder: PlaceToken, environ: Mapping[str, str]) -> UsageError:
    names = [name for name in _VARIABLES if environ.get(name, "").strip()]
    if names:
        why, remedy = f"The environment variable {names[0]} is used instead of the credential store.", f"Remove {names[0]}, then try again."
    else:
        why, remedy = f"Without the token the configuration would use another credential for “{holder.where}”.", "Edit the file by hand."
    return UsageError(why, meaning="Nothing was changed.", remedy=remedy)


def _take_out(document: ConfigDocument, table: str) -> None:
    url = document.get(f"{table}.azure_account_url")
    if isinstance(url, str) and split_account_url(url)[1]:
        document.set(f"{table}.azure_account_url", split_account_url(url)[0])
    document.remove(f"{table}.azure_sas_token")
    if document.get(f"{table}.auth_mode") != "sas":
        document.set(f"{table}.auth_mode", "sas")


def _remains(document: ConfigDocument) -> list[str]:
    """Where a token still is: a part of the file that no place uses, and a previous state that cannot be deleted."""
    out: list[str] = []
    if "sig=" in document.text:
        out.append(f"“{document.path.name}” still has a SAS token in a comment, a connection string, or a table that no place uses.")
    previous = document.backup
    try:
        if previous.exists() and b"sig=" in previous.read_bytes():
            remove_file(previous)
    except OSError as error:
        out.append(f"“{previous}” still has a SAS token, and could not be deleted ({error.strerror or error}). Delete it by hand.")
    return out
