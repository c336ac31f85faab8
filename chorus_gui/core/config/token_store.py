"""SAS tokens and account keys go from a configuration file into the operating system's credential store.

None leaves the file before it was read back from the store; only tables whose token or key some place uses are touched; and what is saved
is a configuration that means the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
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
    ``written`` the SAS token, or for a place that is read with the account's key that key, which this table has, "" if none; ``twice``: it
    has a second token.
    """

    where: str
    place: Place
    table: str
    written: str
    twice: bool = False

    @property
    def entry(self) -> str:
        """The name under which its token or key is stored."""
        url = self.place.account.url
        return keychain.name_of_account_key(url) if self.is_key else keychain.name_of(url, self.place.container)

    @property
    def is_key(self) -> bool:
        """It is read with the account's key."""
        return self.place.credentials.mode is AuthMode.KEY

    @property
    def token(self) -> Secret | None:
        """The SAS token or the account key that it uses; not one in a connection string."""
        match self.place.credentials:
            case Sas(token=token):
                return token
            case AccountKey(secret=secret):
                return secret
            case _:
                return None

    @property
    def kept(self) -> bool:
        """Its token or key is in the credential store, or should be."""
        credentials = self.place.credentials
        return isinstance(credentials, (Sas, AccountKey, NoCredentials)) and credentials.origin is Origin.STORE

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
                return f"an account key, from {_found_in(credentials.origin)}"
            case ConnectionString():
                return f"a connection string, from {_found_in(credentials.origin)}"
            case _:
                return f"{'an account key' if self.is_key else 'a SAS token'}, but it is missing"


@dataclass(frozen=True, slots=True)
class Kept:
    """What was done: the ``entries`` in the credential store, and sentences about what ``remains`` to be checked."""

    entries: tuple[str, ...]
    remains: tuple[str, ...] = ()


def place_tokens(
    document: ConfigDocument, *, environ: Mapping[str, str] = os.environ, kept: Callable[[str], str] | None = None
) -> list[PlaceToken]:
    """Every place in Azure, the central store first; one whose SAS token or account key is missing, too.

    ``kept`` answers in place of the credential store.  Raises :class:`~chorus_gui.core.errors.ConfigError` for any other fault.
    """
    checked = check(document.text, document.path, environ=environ, kept=kept)
    if any(not fault.key.endswith(("azure_sas_token", "azure_account_key")) for fault in checked.faults):
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
    """A place uses a SAS token or an account key that the file has, so that :func:`move` has something to do.  Raises as :func:`place_tokens`."""
    return any(_uses_file(holder) for holder in place_tokens(document, environ=environ))


def _holder(reading: Reading, kind: str, modality: str, place: Place) -> PlaceToken:
    values = [reading.value(f"{kind}.{name}", modality) for name in CREDENTIALS if f"{kind}.{name}" in KEYS]
    table = next((value.dotted for value in values if value.given), values[0].dotted).rpartition(".")[0]
    content = reading.table(table)
    in_url = split_account_url(str(content.get("azure_account_url") or ""))[1]
    beside = clean_sas(str(content.get("azure_sas_token") or ""))
    where = modality if kind == "site" else kind
    if place.credentials.mode is AuthMode.KEY:
        return PlaceToken(where, place, table, str(content.get("azure_account_key") or "").strip())
    return PlaceToken(where, place, table, in_url or beside, bool(in_url and beside and in_url != beside))


_SIGN_INS = {
    AuthMode.LOGIN: "a sign-in with a Microsoft account",
    AuthMode.CERTIFICATE: "a sign-in with a certificate",
    AuthMode.MANAGED_IDENTITY: "the managed identity of this computer",
    AuthMode.WORKLOAD_IDENTITY: "a sign-in with a token file",
}


def _found_in(origin: Origin) -> str:
    return {Origin.FILE: "the file", Origin.ENVIRONMENT: "the environment", Origin.STORE: keychain.title()}[origin]


def move(document: ConfigDocument, *, environ: Mapping[str, str] = os.environ) -> Kept:
    """Keep the SAS tokens and account keys that the file has for its places in the credential store, and save the file without them.

    The file then has ``auth_mode = "sas"`` or ``"key"`` in their place.  Its previous state is not kept, and a ``.bak`` with one of them
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
            f"“{document.path.name}” has no SAS token and no account key to move.",
            remedy="Store a new one with “chorus-upload credential set”, or sign in with a Microsoft account.",
        )
    return _carry_out(document, before, entries, {holder.table: holder for holder in before if _uses_file(holder)}, environ)


def put(document: ConfigDocument, token: str, where: str = "", *, key: bool | None = None, environ: Mapping[str, str] = os.environ) -> Kept:
    """Keep a new token or key for ``where`` ("central", "journal", a modality), or as :func:`chosen_places` says.

    Raises as :func:`move`, and :class:`UsageError` if it could be for several containers, or accounts.
    """
    before = place_tokens(document, environ=environ)
    using = [holder for holder in before if holder.place.credentials.mode in (AuthMode.SAS, AuthMode.KEY)]
    chosen = chosen_places(before, where, key=key)
    if not chosen:
        raise UsageError(
            f"The configuration uses no SAS token and no account key{f' for “{where}”' if where else ''}.",
            remedy=f"Use --place with one of these: {', '.join(holder.where for holder in using)}."
            if using
            else 'Set auth_mode = "sas" in the configuration first.',
        )
    new = keychain.checked_key(token) if chosen[0].is_key else keychain.checked(token)
    asked = sorted({holder.entry for holder in chosen})
    if len(asked) > 1:
        raise UsageError(
            f"The configuration uses {'account keys' if chosen[0].is_key else 'SAS tokens'} for {len(asked)} "
            f"{'accounts' if chosen[0].is_key else 'containers'}: {', '.join(asked)}.",
            remedy="Add --place to choose one.",
        )
    tables = {holder.table: holder for holder in chosen}
    others: dict[str, str] = {}
    for holder in before:  # what shares a table with them has its token taken out too, and must not lose it
        if holder.table in tables and holder.entry not in asked and _uses_file(holder):
            _enter(others, holder)
    _keep_apart(before, others)
    entries = {**others, **dict.fromkeys(asked, new)}
    return _carry_out(document, before, entries, tables, environ)


def chosen_places(found: Iterable[PlaceToken], where: str = "", *, key: bool | None = None) -> list[PlaceToken]:
    """The places that a new token or key is for: ``where``; with "" all that use a SAS token, or if none does, all that use an account key.

    ``key``: it is an account key, or it is a SAS token; None if that does not matter.
    """
    found = list(found)
    for mode in (AuthMode.SAS, AuthMode.KEY) if key is None else (AuthMode.KEY if key else AuthMode.SAS,):
        chosen = [holder for holder in found if holder.place.credentials.mode is mode and where in ("", holder.where)]
        if chosen:
            return chosen
    return []


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
        f"There are two different {'account keys' if holder.is_key else 'SAS tokens'} for “{holder.entry}”, but the credential store keeps only one.",
        meaning="Nothing was changed.",
        remedy=f"Store the one {'that stays valid' if holder.is_key else 'with more permissions'} with “chorus-upload credential set”, or remove the other from the configuration file.",
    )


def _carry_out(
    document: ConfigDocument,
    before: list[PlaceToken],
    entries: Mapping[str, str],
    tables: Mapping[str, PlaceToken],
    environ: Mapping[str, str],
) -> Kept:
    """Check that the meaning stays the same, then write the store, then the file."""
    text, earlier = document.text, {entry: keychain.read(entry) for entry in entries}
    try:
        for table, holder in tables.items():
            _take_out(document, table, key=holder.is_key)
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
    return Kept(tuple(entries), tuple(_remains(document, [secret for entry, secret in entries.items() if keychain.is_account_key(entry)])))


def _other_meaning(holder: PlaceToken, environ: Mapping[str, str]) -> UsageError:
    names = [name for name in _VARIABLES if environ.get(name, "").strip()]
    if names:
        why, remedy = f"The environment variable {names[0]} is used instead of the credential store.", f"Remove {names[0]}, then try again."
    else:
        why, remedy = f"Without it the configuration would use another credential for “{holder.where}”.", "Edit the file by hand."
    return UsageError(why, meaning="Nothing was changed.", remedy=remedy)


def _take_out(document: ConfigDocument, table: str, *, key: bool) -> None:
    mode = "key" if key else "sas"
    if key:
        document.remove(f"{table}.azure_account_key")
    else:
        _take_token_out(document, table)
    if document.get(f"{table}.auth_mode") != mode:
        document.set(f"{table}.auth_mode", mode)


def _take_token_out(document: ConfigDocument, table: str) -> None:
    url = document.get(f"{table}.azure_account_url")
    if isinstance(url, str) and split_account_url(url)[1]:
        document.set(f"{table}.azure_account_url", split_account_url(url)[0])
    document.remove(f"{table}.azure_sas_token")


def _remains(document: ConfigDocument, keys: Collection[str]) -> list[str]:
    """Where a token or one of the account keys still is: a part of the file that no place uses, and a previous state that cannot be deleted."""
    out: list[str] = []
    if any(key in document.text for key in keys):
        out.append(f"“{document.path.name}” still has the account key in a comment, a connection string, or a table that no place uses.")
    if "sig=" in document.text:
        out.append(f"“{document.path.name}” still has a SAS token in a comment, a connection string, or a table that no place uses.")
    previous = document.backup
    try:
        if previous.exists() and any(secret in previous.read_bytes() for secret in (b"sig=", *(key.encode() for key in keys))):
            remove_file(previous)
    except OSError as error:
        out.append(
            f"“{previous}” still has a SAS token or an account key, and could not be deleted ({error.strerror or error}). Delete it by hand."
        )
    return out
