"""From the credential keys of one place, and the environment, to its :data:`Credentials`: the one place that decides which they are."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from chorus_gui.core.config import keychain
from chorus_gui.core.config.credential_table import inventory_problem
from chorus_gui.core.config.credentials import Account, AwsKeys, GoogleKeys, Origin, Secret
from chorus_gui.core.config.hosts import Host
from chorus_gui.core.config.keys import CREDENTIALS, KEYS, Kind
from chorus_gui.core.config.model import GcsSettings, S3Settings
from chorus_gui.core.config.reading import Reading, Value

_AWS_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_GOOGLE_HMAC = ("google_hmac_access_id", "google_hmac_secret")
_KEY_TEXT = re.compile(r"[!#-&(-~]+")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9.:-]{1,100}")
_REGION = re.compile(r"[a-z0-9-]{2,40}")


@dataclass(frozen=True)
class Given:
    """The credential keys of one place: what the file says (``own``), and what the environment says (``env``)."""

    values: Mapping[str, Value]
    own: Mapping[str, str]
    env: Mapping[str, str]

    @classmethod
    def collect(cls, reading: Reading, place: str, modality: str, environ: Mapping[str, str]) -> Given:
        """Look up every credential key of ``place`` ("journal", "central", "site")."""
        values = {name: reading.value(f"{place}.{name}", modality) for name in CREDENTIALS if f"{place}.{name}" in KEYS}
        texts = (Kind.TEXT, Kind.PATH, Kind.SECRET)
        own = {name: value.text() for name, value in values.items() if KEYS[f"{place}.{name}"].kind in texts}
        env: dict[str, str] = {}
        for name in own:
            spellings = (name, *KEYS[f"{place}.{name}"].aliases)
            env[name] = next((environ[s.upper()].strip() for s in spellings if environ.get(s.upper(), "").strip()), "")
        return cls(values, own, env)

    def either(self, name: str) -> str:
        """What the file says for one key, otherwise what the environment says."""
        return self.own[name] or self.env[name]

    def file(self, name: str, base: Path) -> str:
        """The absolute path in a key, "" if there is none.  The file's is relative to ``base``, the environment's to the current folder."""
        own, named = self.own[name], self.env[name]
        return os.path.normpath(base / own) if own else os.path.abspath(named) if named else ""

    def group(self, names: tuple[str, ...]) -> Mapping[str, str]:
        """The source of a group of keys that belong together: the file if it has one of them, else the environment."""
        return self.own if any(self.own[name] for name in names) else self.env


@dataclass(frozen=True)
class Around:
    """What a file's credentials are completed from: the environment, and the operating system's credential store.

    ``kept`` answers for the credential store: the token of an entry, "" or :class:`~.keychain.KeychainError`.  ``base``: the
    configuration file's folder.
    """

    environ: Mapping[str, str]
    kept: Callable[[str], str]
    base: Path


def aws_credentials(reading: Reading, environ: Mapping[str, str], kept: Callable[[str], str], modality: str) -> AwsKeys:
    """The credentials of an ``s3://`` site.  None at all is fine: those of the AWS tools on this computer are used.

    A profile in the file goes before keys in the environment, as the AWS tools have it.  ``kept`` as for :func:`azure_credentials`: an access
    key ID in the file without its secret has that in the credential store.
    """
    given = Given.collect(reading, "site", modality, environ)
    source = given.group(_AWS_KEYS) if not given.own["aws_profile"] else given.own
    key_id, secret, session = (source[name] for name in _AWS_KEYS)
    origin, why = Origin.FILE if source is given.own else Origin.ENVIRONMENT, ""
    if key_id and not secret and source is given.own:
        (secret, stored), why = _kept_parts(key_id, keychain.names_of_aws_key(key_id), kept)
        session = session or stored
        origin = Origin.STORE
    if bool(key_id) != bool(secret):
        missing = "aws_secret_access_key" if key_id else "aws_access_key_id"
        given.values[missing].fault(
            f"The key is missing: aws_access_key_id and aws_secret_access_key belong together.{why}",
            "Enter both, or use aws_profile."
            + (f" Or store the secret in {keychain.title()} with “chorus-upload credential set”." if key_id else ""),
        )
    for name, text in (("aws_access_key_id", key_id), ("aws_session_token", session)):
        if text and not _KEY_TEXT.fullmatch(text):
            given.values[name].fault("The value has characters that it cannot have.", "Copy it again, without spaces and quotation marks.")
    if session and not key_id:
        given.values["aws_session_token"].fault(
            "A session token is nothing without the access key that it was made for.",
            "Enter aws_access_key_id and aws_secret_access_key, too.",
        )
    if given.own["aws_profile"] and key_id:
        given.values["aws_profile"].warn("The profile has no effect, because there are aws keys.")
    profile = given.own["aws_profile"] or given.env["aws_profile"]
    return AwsKeys(key_id, secret_of(secret), secret_of(session), profile, given.values["aws_use_role"].flag(), origin)


def _kept_parts(key_id: str, entries: tuple[str, ...], kept: Callable[[str], str]) -> tuple[list[str], str]:
    """(what the credential store has under these entries, "" for all where the first is missing; why there is nothing)."""
    nothing = [""] * len(entries)
    if not _KEY_TEXT.fullmatch(key_id):
        return nothing, ""
    try:
        secret = kept(entries[0])
        return ([secret, *map(kept, entries[1:])] if secret else nothing), ""
    except keychain.KeychainError as error:
        return nothing, f" {error.what}"


def s3_settings(reading: Reading, base: Path, environ: Mapping[str, str], modality: str) -> tuple[Account, S3Settings]:
    """The server of an ``s3://`` site, empty for Amazon's own, and how its bucket is reached.  ``base``: the configuration file's folder.

    What the file leaves out is taken from the environment variables of the AWS tools.
    """
    given = Given.collect(reading, "site", modality, environ)
    url, region = given.own["aws_endpoint_url"], given.own["aws_region"]
    if not url and environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        url = environ.get("AWS_ENDPOINT_URL_S3", "").strip() or given.env["aws_endpoint_url"]
    region = region or given.env["aws_region"] or environ.get("AWS_DEFAULT_REGION", "").strip()
    if url and Host.of_url(url) is None:
        given.values["aws_endpoint_url"].fault("The endpoint URL is not a valid URL.", "Write it as “https://server.example.org”.")
        url = ""
    if region and not _REGION.fullmatch(region):
        given.values["aws_region"].fault("The value is not the name of a region.", "Write it as in “eu-west-1”.")
    style = given.values["aws_addressing_style"].choice({name: name for name in ("auto", "path", "virtual")}, "")
    own, named = given.own["aws_ca_bundle"], given.env["aws_ca_bundle"]
    certificates = os.path.normpath(base / own) if own else named
    pays = given.values["aws_requester_pays"].flag()
    if problem := inventory_problem(given.own["aws_inventory"]):
        given.values["aws_inventory"].fault(*problem)
    return Account(url=url.rstrip("/")), S3Settings(region, style, certificates, pays, given.own["aws_inventory"])


def google_credentials(reading: Reading, around: Around, modality: str) -> GoogleKeys:
    """The credentials of a ``gs://`` site.  What the file leaves out comes from the environment.

    An access ID of an HMAC key in the file without its secret has that in the credential store.
    """
    given = Given.collect(reading, "site", modality, around.environ)
    file, attached = given.own["google_credentials_file"], given.values["google_use_attached_account"].flag()
    source = given.own if file or attached else given.group(_GOOGLE_HMAC)
    access_id, secret = (source[name] for name in _GOOGLE_HMAC)
    origin, why = Origin.FILE if source is given.own else Origin.ENVIRONMENT, ""
    if access_id and not secret and source is given.own:
        (secret,), why = _kept_parts(access_id, (keychain.name_of_hmac_key(access_id),), around.kept)
        origin = Origin.STORE
    if bool(access_id) != bool(secret):
        missing = "google_hmac_secret" if access_id else "google_hmac_access_id"
        given.values[missing].fault(
            f"The key is missing: google_hmac_access_id and google_hmac_secret belong together.{why}",
            "Enter both, or use google_credentials_file."
            + (f" Or store the secret in {keychain.title()} with “chorus-upload credential set”." if access_id else ""),
        )
    for name, text in (("google_hmac_access_id", access_id), ("google_hmac_secret", secret)):
        if text and not _KEY_TEXT.fullmatch(text):
            given.values[name].fault("The value has characters that it cannot have.", "Copy it again, without spaces and quotation marks.")
    if access_id and file:
        given.values["google_credentials_file"].warn("The file has no effect, because there is an HMAC key.")
    if attached and (access_id or file):
        given.values["google_use_attached_account"].warn("This has no effect, because there is an HMAC key or a file with credentials.")
    used = bool(file) or not (attached or access_id)
    file = given.file("google_credentials_file", around.base) if used else ""
    return GoogleKeys(file, access_id, secret_of(secret), attached, origin)


def gcs_settings(reading: Reading, base: Path, environ: Mapping[str, str], modality: str) -> tuple[Account, GcsSettings]:
    """The server of a ``gs://`` site, empty for Google's own, and how its bucket is reached.  ``base``: the configuration file's folder.

    STORAGE_EMULATOR_HOST has no effect: a variable that was left over must not make another server give the files.
    """
    given = Given.collect(reading, "site", modality, environ)
    url, project = (given.own[name] or given.env[name] for name in ("google_endpoint_url", "google_user_project"))
    if url and Host.of_url(url) is None:
        given.values["google_endpoint_url"].fault("The endpoint URL is not a valid URL.", "Write it as “https://server.example.org”.")
        url = ""
    if project and not _PROJECT.fullmatch(project):
        given.values["google_user_project"].fault("The value is not the ID of a project.", "Write it as in “my-project-123456”.")
        project = ""
    own, named = given.own["google_ca_bundle"], given.env["google_ca_bundle"]
    return Account(url=url.rstrip("/")), GcsSettings(project, os.path.normpath(base / own) if own else named)


def secret_of(text: str) -> Secret | None:
    """A secret, None for ""."""
    return Secret(text) if text else None
