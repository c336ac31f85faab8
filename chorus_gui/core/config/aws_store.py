"""Access keys of a site go from a configuration file into the operating system's credential store, and are replaced there or in the file: those of
AWS, and the HMAC keys of Google.

The file keeps the key's ID, which needs no protection; the secret and the session token are in the store under its name.  As for SAS
tokens, nothing leaves the file before it was read back from the store, and what is saved is a configuration that means the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from chorus_gui.core.config import keychain
from chorus_gui.core.config.credentials import AccessKey, AwsKeys, GoogleKeys, Origin, Secret
from chorus_gui.core.config.keeping import Kept, keep
from chorus_gui.core.config.keys import CREDENTIALS, KEYS
from chorus_gui.core.config.load import check, loads, parse
from chorus_gui.core.config.model import PlaceKind
from chorus_gui.core.config.reading import Findings, Reading, detect_layout
from chorus_gui.core.config.save import ConfigDocument
from chorus_gui.core.errors import ChorusError, UsageError

_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_TEXT = re.compile(r"[!#-&(-~]+")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the file with the credentials of a service.  ``name`` is dotted."""

    name: str
    kind: PlaceKind

    @property
    def parts(self) -> tuple[str, ...]:
        """The keys of an access key's ID and of its secrets."""
        return _PARTS[self.kind]

    def entries(self, key_id: str) -> tuple[str, ...]:
        """Where the secrets are stored."""
        return keychain.names_of_aws_key(key_id) if self.kind is PlaceKind.S3 else (keychain.name_of_hmac_key(key_id),)


_PARTS = {
    PlaceKind.S3: ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
    PlaceKind.GCS: ("google_hmac_access_id", "google_hmac_secret"),
}
_BEGIN = {PlaceKind.S3: "aws_", PlaceKind.GCS: "google_"}


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """A modality in S3, or in Google Cloud Storage (``google``: its credentials).  ``written``: what the table has, None if it lacks the secret."""

    where: str
    keys: AwsKeys
    table: Table
    written: AccessKey | None
    google: GoogleKeys | None = None

    @property
    def entry(self) -> str:
        """The name under which the secret is stored; "" if no access key is entered."""
        return self.table.entries(self.keys.key_id)[0] if self.keys.key_id else ""

    @property
    def may_have_key(self) -> bool:
        """An access key is what it has, or what is usual for its service."""
        return self.google is None or bool(self.google.hmac_id)

    @property
    def origin(self) -> str:
        """Where its credential comes from, in words without the secret."""
        keys = self.keys
        if self.google is not None and not keys.key_id:
            return "the service account of this computer in Google Cloud" if self.google.attached else "a file with Google credentials"
        if not keys.key_id:
            return (
                "the role of this computer in AWS"
                if keys.roles
                else f"the AWS profile “{keys.profile}”"
                if keys.profile
                else "the AWS settings of this computer"
            )
        what = "a temporary access key" if keys.session else "an HMAC key" if self.google else "an access key"
        if not keys.secret:
            return f"{what}, but its secret is missing"
        found = {Origin.FILE: "the file", Origin.ENVIRONMENT: "the environment", Origin.STORE: keychain.title()}
        return f"{what}, from {found[keys.origin]}"


def key_holders(
    document: ConfigDocument, *, environ: Mapping[str, str] = os.environ, kept: Callable[[str], str] | None = None
) -> list[KeyHolder]:
    """Every modality in S3 or Google Cloud Storage; also one whose secret is missing.  ``kept`` answers in place of the credential store.

    Raises :class:`~chorus_gui.core.errors.ConfigError` for a text that is not TOML.
    """
    checked = check(document.text, document.path, environ=environ, kept=kept)
    raw = parse(document.text, document.path)
    reading = Reading(raw, detect_layout(raw), Findings({}))
    found: list[KeyHolder] = []
    for name, site in checked.sites.items():
        kind, given = site.place.kind, site.place.credentials
        if kind in _PARTS and isinstance(given, (AwsKeys, GoogleKeys)):
            google = given if isinstance(given, GoogleKeys) else None
            values = [reading.value(f"site.{key}", name) for key in CREDENTIALS if key.startswith(_BEGIN[kind]) and f"site.{key}" in KEYS]
            table = Table(next((value.dotted for value in values if value.given), values[0].dotted).rpartition(".")[0], kind)
            texts = [str(reading.table(table.name).get(key) or "").strip() for key in table.parts]
            keys = given.s3 if isinstance(given, GoogleKeys) else given
            found.append(KeyHolder(name, keys, table, AccessKey(*texts) if texts[1] else None, google))
    return found


def _is(keys: AwsKeys, entered: AccessKey) -> bool:
    """What is used is what was entered."""
    return (keys.key_id, keys.secret, keys.session) == (entered.key_id, _secret(entered.secret), _secret(entered.session))


def _secret(text: str) -> Secret | None:
    return Secret(text) if text else None


def keys_out(document: ConfigDocument, *, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Take the secrets of access keys that are used out of the text; what the store must have, none if there is none.

    Raises :class:`UsageError` if they could not be told apart in the store.
    """
    before = key_holders(document, environ=environ)
    moved = [(holder.table, holder.written) for holder in before if holder.written is not None and _is(holder.keys, holder.written)]
    return _out(document, moved, environ)


def put_keys(
    document: ConfigDocument, keys: AccessKey, where: str = "", *, hmac: bool | None = None, environ: Mapping[str, str] = os.environ
) -> Kept:
    """Keep a new access key for ``where`` (a modality), or for all that have the same one, in the credential store.

    ``keys.key_id`` "": that of the file.  ``hmac``: it is an HMAC key of Google, or an access key of AWS; None if that does not matter.
    Raises as :func:`~.keeping.keep`, and :class:`UsageError` for another text than a key, and if several modalities can be meant.
    """
    holders = key_holders(document, environ=environ)
    chosen = [holder for holder in holders if where in ("", holder.where) and hmac in (None, holder.google is not None)]
    if not where:  # one that signs in another way is not meant while others have a key
        chosen = [holder for holder in chosen if holder.keys.key_id] or chosen
    if not chosen:
        raise UsageError(
            f"No modality in Amazon S3 or Google Cloud Storage is called “{where}”.", remedy=f"Use one of these: {_names(holders)}."
        )
    if len({(holder.table, holder.keys.key_id) for holder in chosen}) > 1:
        raise UsageError("The configuration uses several access keys.", remedy=f"Add --place to choose one: {_names(holders)}.")
    first = chosen[0]
    keys = _checked(keys if keys.key_id else replace(keys, key_id=first.keys.key_id), first.table)
    return keep(document, lambda document: _out(document, [(first.table, keys)], environ))


def replace_keys(document: ConfigDocument, where: str, keys: AccessKey, *, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Save a new access key in the place of the old one of ``where``, and of every modality that had the same one; these modalities.

    It goes where the old one is: the credential store, or the file.  Raises as :func:`put_keys`.
    """
    holders = key_holders(document, environ=environ)
    holder = next((found for found in holders if found.where == where), None)
    if holder is None or not holder.keys.key_id:
        raise UsageError("This place has no access key that can be replaced.", remedy="Open the Configuration page.")
    keys = _checked(keys if keys.key_id else replace(keys, key_id=holder.keys.key_id), holder.table)
    same = [found for found in holders if found.keys == holder.keys]
    if holder.keys.origin is Origin.STORE:
        keep(document, lambda document: _out(document, [(found.table, keys) for found in same], environ))
        if holder.keys.key_id not in {found.keys.key_id for found in key_holders(document, environ=environ)}:
            with suppress(ChorusError):
                _forget(holder.table, holder.keys.key_id)
    else:
        for table in dict.fromkeys(found.table for found in same):
            _write(document, table, keys)
        loads(document.text, document.path, environ=environ)  # raises if the file is faulty now
        document.save()
    return tuple(found.where for found in same)


def delete_keys(document: ConfigDocument, where: str = "", *, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Remove the access keys of the configuration, or that of ``where``, from the credential store; the entries that are gone."""
    found = [holder for holder in key_holders(document, environ=environ) if holder.keys.key_id and where in ("", holder.where)]
    entries = dict.fromkeys(entry for holder in found for entry in holder.table.entries(holder.keys.key_id))
    return tuple(entry for entry in entries if keychain.delete(entry))


def _forget(table: Table, key_id: str) -> None:
    for entry in table.entries(key_id):
        keychain.delete(entry)


def _out(document: ConfigDocument, new: Iterable[tuple[Table, AccessKey]], environ: Mapping[str, str]) -> dict[str, str]:
    """Take the secrets out of these tables, which get the access key's ID; what the store must have."""
    tables = dict(new)
    entries: dict[str, str] = {}
    for table, keys in tables.items():
        for entry, secret in zip(table.entries(keys.key_id), (keys.secret, keys.session), strict=False):
            if entries.setdefault(entry, secret) != secret:
                raise UsageError(
                    f"The configuration has two different secrets for the access key “{keys.key_id}”.",
                    meaning="Nothing was changed.",
                    remedy="Remove the wrong one from the file.",
                )
    for table, keys in tables.items():
        _take_out(document, table, keys.key_id)
    after = key_holders(document, environ=environ, kept=lambda name: entries[name] if name in entries else keychain.read(name))
    if not all(_is(holder.keys, tables[holder.table]) for holder in after if holder.table in tables):
        raise _other_meaning(environ)
    return entries


def _take_out(document: ConfigDocument, table: Table, key_id: str) -> None:
    first, *secrets = table.parts
    for name in secrets:
        document.remove(f"{table.name}.{name}")
    if document.get(f"{table.name}.{first}") != key_id:
        document.set(f"{table.name}.{first}", key_id)


def _write(document: ConfigDocument, table: Table, keys: AccessKey) -> None:
    for name, value in zip(table.parts, (keys.key_id, keys.secret, keys.session), strict=False):
        if value:
            document.set(f"{table.name}.{name}", value)
        else:
            document.remove(f"{table.name}.{name}")


def _checked(keys: AccessKey, table: Table) -> AccessKey:
    key_id, secret, session = (text.strip() for text in (keys.key_id, keys.secret, keys.session))
    hmac = table.kind is PlaceKind.GCS
    texts = [(key_id, "access ID" if hmac else "access key ID"), (secret, "secret" if hmac else "secret access key")]
    if session and hmac:
        raise UsageError("An HMAC key of Google has no session token.", meaning="Nothing was changed.", remedy="Leave it out.")
    texts += [(session, "session token")] if session else []
    for text, name in texts:
        if not _TEXT.fullmatch(text):
            raise UsageError(
                f"This is not a valid {name}: it is empty, or has characters that it cannot have.",
                meaning="Nothing was changed.",
                remedy="Copy it again, without spaces and quotation marks.",
            )
    return AccessKey(key_id, secret, session)


def _names(holders: Iterable[KeyHolder]) -> str:
    return ", ".join(holder.where for holder in holders) or "none"


def _other_meaning(environ: Mapping[str, str]) -> UsageError:
    names = [name for name in _VARIABLES if environ.get(name, "").strip()]
    why = f"The environment variable {names[0]} would be used instead." if names else "The configuration would use other credentials."
    return UsageError(
        why, meaning="Nothing was changed.", remedy=f"Remove {names[0]}, then try again." if names else "Edit the file by hand."
    )
