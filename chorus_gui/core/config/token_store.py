"""The secrets of places in Azure go from a configuration file into the operating system's credential store: SAS tokens, account keys, and passwords of
certificates.

None leaves the file before it was read back from the store; only tables whose secret some place uses are touched; and what is saved
is a configuration that means the same.  Of a connection string, the account stays in the file, and its token or key is stored.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from chorus_gui.core.config import keychain
from chorus_gui.core.config.addresses import connection_parts, split_account_url
from chorus_gui.core.config.aws_store import keys_out
from chorus_gui.core.config.credentials import (
    AccountKey,
    AuthMode,
    Certificate,
    ConnectionString,
    Credentials,
    MicrosoftLogin,
    NoCredentials,
    Origin,
    Sas,
    Secret,
)
from chorus_gui.core.config.keeping import Kept, Step, keep
from chorus_gui.core.config.keys import CREDENTIALS, DEFAULT, KEYS
from chorus_gui.core.config.load import check, loads, parse
from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.config.reading import Findings, Reading, detect_layout
from chorus_gui.core.config.sas import clean_sas
from chorus_gui.core.config.save import ConfigDocument
from chorus_gui.core.errors import UsageError

_VARIABLES = (
    "AZURE_SAS_TOKEN",
    "AZURE_ACCOUNT_KEY",
    "AZURE_CONNECTION_STRING",
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
)
_CONNECTION = ("azure_connection_string", "azure_storage_connection_string")
_PASSWORD = "azure_client_certificate_password"  # noqa: S105 - the name of a key


_MISSING = ("azure_sas_token", "azure_account_key", "aws_secret_access_key", "google_hmac_secret")
"""The keys of secrets that the credential store lacks: a new one is to be stored, so their faults do not count."""


class SecretKind(Enum):
    """What the credential store keeps for a place in Azure, as words for a sentence: one, and several."""

    TOKEN = ("SAS token", "SAS tokens")
    KEY = ("account key", "account keys")
    PASSWORD = ("password of a certificate", "passwords of certificates")

    @property
    def several(self) -> str:
        """“SAS tokens”"""
        return self.value[1]

    @classmethod
    def of(cls, credentials: Credentials) -> SecretKind | None:
        """Which secret these credentials have, or would have; None for a sign-in that needs none."""
        match credentials:
            case MicrosoftLogin(identity=identity):
                return cls.PASSWORD if isinstance(identity, Certificate) else None
            case NoCredentials(mode=mode):
                return cls.KEY if mode is AuthMode.KEY else cls.TOKEN if mode is AuthMode.SAS else None
            case _:
                return cls.TOKEN if credentials.sas is not None else cls.KEY if credentials.key is not None else None


@dataclass(frozen=True, slots=True)
class PlaceToken:
    """A place in Azure that a configuration names.

    ``where`` is for a person ("central", "journal", "Images"); ``table`` the file's table with its credentials, dotted;
    ``written`` the secret of this place's kind that this table has, "" if none; ``twice``: it has a second token.
    """

    where: str
    place: Place
    table: str
    written: str
    twice: bool = False

    @property
    def entry(self) -> str:
        """The name under which its secret is stored; for a sign-in without one, that of a token for the container."""
        url = self.place.account.url
        if (certificate := self.certificate) is not None:
            return keychain.name_of_certificate_password(certificate.client_id)
        return keychain.name_of_account_key(url) if self.kind is SecretKind.KEY else keychain.name_of(url, self.place.container)

    @property
    def kind(self) -> SecretKind | None:
        """Which secret it has, or would have."""
        return SecretKind.of(self.place.credentials)

    @property
    def certificate(self) -> Certificate | None:
        """What signs in, if that is a certificate."""
        found = self.place.credentials
        return found.identity if isinstance(found, MicrosoftLogin) and isinstance(found.identity, Certificate) else None

    @property
    def may_have_secret(self) -> bool:
        """It has one, or is of no use without one."""
        return self.certificate.is_locked if self.certificate is not None else self.kind is not None

    @property
    def token(self) -> Secret | None:
        """The SAS token, account key or password that it uses, also one in a connection string."""
        given = self.place.credentials
        if (certificate := self.certificate) is not None:
            return certificate.password
        return given.sas.token if given.sas is not None else given.key.secret if given.key is not None else None

    @property
    def kept(self) -> bool:
        """Its secret is in the credential store, or should be."""
        return self.kind is not None and getattr(self.place.credentials, "origin", None) is Origin.STORE

    @property
    def origin(self) -> str:
        """Where its credential comes from, in words without the secret."""
        credentials = self.place.credentials
        match credentials:
            case MicrosoftLogin(identity=Certificate(password=Secret())):
                return f"{_SIGN_INS[credentials.mode]}; its password is from {_found_in(credentials.origin)}"
            case MicrosoftLogin(identity=Certificate(file=file)) if credentials.origin is Origin.STORE and Path(file).is_file():
                return f"{_SIGN_INS[credentials.mode]}, but its password is missing"
            case MicrosoftLogin():
                return _SIGN_INS[credentials.mode]
            case Sas():
                return f"a SAS token, from {_found_in(credentials.origin)}"
            case AccountKey():
                return f"an account key, from {_found_in(credentials.origin)}"
            case ConnectionString():
                return f"a connection string, from {_found_in(credentials.origin)}"
            case _:
                return f"{'an account key' if self.kind is SecretKind.KEY else 'a SAS token'}, but it is missing"


def place_tokens(
    document: ConfigDocument, *, environ: Mapping[str, str] = os.environ, kept: Callable[[str], str] | None = None
) -> list[PlaceToken]:
    """Every place in Azure, the central store first; one whose SAS token or account key is missing, too.

    ``kept`` answers in place of the credential store.  Raises :class:`~chorus_gui.core.errors.ConfigError` for any other fault.
    """
    checked = check(document.text, document.path, environ=environ, kept=kept)
    if any(not fault.key.endswith(_MISSING) for fault in checked.faults):
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


def _holder(reading: Reading, kind: str, modality: str, place: Place) -> PlaceToken:
    values = [reading.value(f"{kind}.{name}", modality) for name in CREDENTIALS if f"{kind}.{name}" in KEYS]
    tables = dict.fromkeys(value.dotted.rpartition(".")[0] for value in values if value.given) or {
        values[0].dotted.rpartition(".")[0]: None
    }
    where = modality if kind == "site" else kind
    holders = [_in_table(where, place, table, reading.table(table)) for table in tables]
    return next((holder for holder in holders if _uses_file(holder)), holders[0])


def _in_table(where: str, place: Place, table: str, content: Mapping[str, object]) -> PlaceToken:
    """With the secret that this table has for the place."""

    def text(name: str) -> str:
        return str(content.get(name) or "").strip()

    connection = connection_parts(text(_CONNECTION[0]) or text(_CONNECTION[1]))
    match SecretKind.of(place.credentials):
        case SecretKind.PASSWORD:
            return PlaceToken(where, place, table, text(_PASSWORD))
        case SecretKind.KEY:
            beside = text("azure_account_key")
            inside = connection.get("accountkey", "") if isinstance(place.credentials, ConnectionString) else ""
            return PlaceToken(where, place, table, beside or inside)
        case _ if isinstance(place.credentials, ConnectionString):
            return PlaceToken(where, place, table, clean_sas(connection.get("sharedaccesssignature", "")))
        case _:
            in_url, beside = split_account_url(text("azure_account_url"))[1], clean_sas(text("azure_sas_token"))
            return PlaceToken(where, place, table, in_url or beside, bool(in_url and beside and in_url != beside))


_SIGN_INS = {
    AuthMode.LOGIN: "a sign-in with a Microsoft account",
    AuthMode.CERTIFICATE: "a sign-in with a certificate",
    AuthMode.MANAGED_IDENTITY: "the managed identity of this computer",
    AuthMode.WORKLOAD_IDENTITY: "a sign-in with a token file",
}


def _found_in(origin: Origin) -> str:
    return {Origin.FILE: "the file", Origin.ENVIRONMENT: "the environment", Origin.STORE: keychain.title()}[origin]


def move(document: ConfigDocument, *others: Step, environ: Mapping[str, str] = os.environ) -> Kept:
    """Keep the secrets that the file has for its places, and those of ``others``, in the credential store, and save the file without them.

    The file then has ``auth_mode = "sas"`` or ``"key"`` in the place of a token or key.  Raises as :func:`~.keeping.keep`, :class:`UsageError`
    if there is none to move, or one would be lost, and :class:`ConfigError` if the file is faulty.
    """
    done = keep(document, lambda document: keys_out(document, environ=environ), lambda document: _tokens_out(document, environ), *others)
    if not done.entries:
        raise UsageError(
            f"“{document.path.name}” has no credential to move.",
            remedy="Store a new one with “chorus-upload credential set”, or sign in with a Microsoft account.",
        )
    return done


def _tokens_out(document: ConfigDocument, environ: Mapping[str, str]) -> dict[str, str]:
    before = place_tokens(document, environ=environ)
    entries: dict[str, str] = {}
    for holder in before:
        if _uses_file(holder):
            _enter(entries, holder)
    _keep_apart(before, entries)
    return _out(document, before, entries, {holder.table: holder for holder in before if _uses_file(holder)}, environ)


def put(
    document: ConfigDocument, token: str, where: str = "", *, kind: SecretKind | None = None, environ: Mapping[str, str] = os.environ
) -> Kept:
    """Keep a new secret for ``where`` ("central", "journal", a modality), or as :func:`chosen_places` says.

    Raises as :func:`move`, and :class:`UsageError` if it could be for several containers, or accounts.
    """
    before = place_tokens(document, environ=environ)
    using = [holder for holder in before if holder.may_have_secret]
    chosen = chosen_places(before, where, kind=kind)
    if not chosen:
        raise UsageError(
            f"The configuration uses no SAS token, no account key and no password{f' for “{where}”' if where else ''}.",
            remedy=f"Use --place with one of these: {', '.join(holder.where for holder in using)}."
            if using
            else 'Set auth_mode = "sas" in the configuration first.',
        )
    new = _entered(chosen[0], token)
    asked = sorted({holder.entry for holder in chosen})
    if len(asked) > 1:
        raise UsageError(
            f"The configuration uses {len(asked)} different {_kind(chosen[0]).several}: {', '.join(asked)}.",
            remedy="Add --place to choose one.",
        )
    tables = {holder.table: holder for holder in chosen}
    others: dict[str, str] = {}
    for holder in before:  # what shares a table with them has its token taken out too, and must not lose it
        if holder.table in tables and holder.entry not in asked and _uses_file(holder):
            _enter(others, holder)
    _keep_apart(before, others)
    entries = {**others, **dict.fromkeys(asked, new)}
    return keep(document, lambda document: _out(document, before, entries, tables, environ))


def _entered(holder: PlaceToken, text: str) -> str:
    """The secret in what was typed or piped; a connection string has the token or key of its account in it."""
    kind, account = _kind(holder), holder.place.account
    if kind is SecretKind.PASSWORD:
        if holder.certificate is not None and not holder.certificate.is_locked:
            raise UsageError(f"The certificate file “{holder.certificate.file}” needs no password.", meaning="Nothing was changed.")
        return keychain.checked_password(text)
    parts = connection_parts(text.lstrip("\ufeff"))
    if inside := parts.get("accountkey" if kind is SecretKind.KEY else "sharedaccesssignature"):
        if parts.get("accountname", account.name) != account.name:
            raise UsageError(
                f"The connection string is for the account “{parts['accountname']}”, but “{holder.where}” is in “{account.name}”.",
                meaning="Nothing was changed.",
                remedy="Copy the one of that account, or use --place with another place.",
            )
        text = inside
    return keychain.checked_key(text) if kind is SecretKind.KEY else keychain.checked(text)


def chosen_places(found: Iterable[PlaceToken], where: str = "", *, kind: SecretKind | None = None) -> list[PlaceToken]:
    """The places that a new secret is for: ``where``; with "" all that use a SAS token, or if none does, all that use an account key, and so on.

    ``kind``: what it is, None if that does not matter.
    """
    found = list(found)
    for one in SecretKind if kind is None else (kind,):
        chosen = [holder for holder in found if holder.kind is one and (where == holder.where or (not where and holder.may_have_secret))]
        if chosen:
            return chosen
    return []


def _kind(holder: PlaceToken) -> SecretKind:
    assert holder.kind is not None
    return holder.kind


def _uses_file(holder: PlaceToken) -> bool:
    return holder.may_have_secret and bool(holder.written) and holder.token == Secret(holder.written)


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
        f"There are two different {_kind(holder).several} for “{holder.entry}”, but the credential store keeps only one.",
        meaning="Nothing was changed.",
        remedy=f"Store the one {'with more permissions' if holder.kind is SecretKind.TOKEN else 'that stays valid'} with “chorus-upload credential set”, or remove the other from the configuration file.",
    )


def _out(
    document: ConfigDocument,
    before: list[PlaceToken],
    entries: dict[str, str],
    tables: Mapping[str, PlaceToken],
    environ: Mapping[str, str],
) -> dict[str, str]:
    """Take the secrets of these tables out of the text, and check that the meaning stays the same; ``entries``."""
    for table, holder in tables.items():
        _take_out(document, table, holder)
    after = place_tokens(document, environ=environ, kept=lambda name: entries.get(name) or keychain.read(name))
    for old, new in zip(before, after, strict=True):
        renewed = old.entry in entries and (old.table in tables or old.kept)
        token = Secret(entries[old.entry]) if renewed else old.token
        same = new.kind is old.kind and (new.kind is not None or new.place.credentials.mode is old.place.credentials.mode)
        if not same or new.token != token or new.place.account != old.place.account:
            raise _other_meaning(old, environ)
    return entries


def _other_meaning(holder: PlaceToken, environ: Mapping[str, str]) -> UsageError:
    names = [name for name in _VARIABLES if environ.get(name, "").strip()]
    if names:
        why, remedy = f"The environment variable {names[0]} is used instead of the credential store.", f"Remove {names[0]}, then try again."
    else:
        why, remedy = f"Without it the configuration would use another credential for “{holder.where}”.", "Edit the file by hand."
    return UsageError(why, meaning="Nothing was changed.", remedy=remedy)


def _take_out(document: ConfigDocument, table: str, holder: PlaceToken) -> None:
    if holder.kind is SecretKind.PASSWORD:
        document.remove(f"{table}.{_PASSWORD}")
        return
    mode, account = "key" if holder.kind is SecretKind.KEY else "sas", holder.place.account
    if isinstance(holder.place.credentials, ConnectionString):  # it also said which account it is
        for name in _CONNECTION:
            _lose_nothing(holder, name, str(document.get(f"{table}.{name}") or ""))
            document.remove(f"{table}.{name}")
        usual = account.url == f"https://{account.name}.blob.core.windows.net"
        for name, value in (("azure_account_name", account.name), ("azure_account_url", "" if usual else account.url)):
            if value:
                document.set(f"{table}.{name}", value)
            else:
                document.remove(f"{table}.{name}")
    if holder.kind is SecretKind.KEY:
        document.remove(f"{table}.azure_account_key")
    else:
        _take_token_out(document, table)
    if document.get(f"{table}.auth_mode") != mode:
        document.set(f"{table}.auth_mode", mode)


def _lose_nothing(holder: PlaceToken, name: str, connection: str) -> None:
    """Raise if a connection string that leaves the file has another secret than the one of this place."""
    parts = connection_parts(connection)
    found = {parts.get("accountkey", ""), *(clean_sas(value) for value in parts.values() if "sig=" in value)}
    if found - {"", holder.written}:
        raise UsageError(
            f"The key {name} of “{holder.where}” has a credential that is not used, and it would be lost: the credential store "
            f"keeps only the {_kind(holder).value[0]} that is used.",
            meaning="Nothing was changed.",
            remedy="Remove the other credential from the configuration file, then try again.",
        )


def _take_token_out(document: ConfigDocument, table: str) -> None:
    url = document.get(f"{table}.azure_account_url")
    if isinstance(url, str) and split_account_url(url)[1]:
        document.set(f"{table}.azure_account_url", split_account_url(url)[0])
    document.remove(f"{table}.azure_sas_token")
