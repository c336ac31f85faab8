"""From the credential keys of one place, and the environment, to its :data:`Credentials`: the one place that decides which they are."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from chorus_gui.core.config import keychain
from chorus_gui.core.config.addresses import account_of_url, account_url_problem, connection_parts, split_account_url
from chorus_gui.core.config.credential_table import inventory_problem
from chorus_gui.core.config.credentials import (
    Account,
    AccountKey,
    AuthMode,
    AwsKeys,
    Certificate,
    ConnectionString,
    Credentials,
    GoogleKeys,
    Identity,
    ManagedIdentity,
    MicrosoftLogin,
    NoCredentials,
    Origin,
    Sas,
    Secret,
    WorkloadIdentity,
)
from chorus_gui.core.config.hosts import Host, is_account
from chorus_gui.core.config.keys import CREDENTIALS, DEFAULT, KEYS, Kind
from chorus_gui.core.config.model import GcsSettings, Layout, S3Settings
from chorus_gui.core.config.reading import Reading, Value

_AUTH_MODES = {
    "login": AuthMode.LOGIN,
    "certificate": AuthMode.CERTIFICATE,
    "managed_identity": AuthMode.MANAGED_IDENTITY,
    "workload_identity": AuthMode.WORKLOAD_IDENTITY,
    "sas": AuthMode.SAS,
    "sas_token": AuthMode.SAS,
}
_IDENTITY_FILES = {"azure_client_certificate_path": AuthMode.CERTIFICATE, "azure_federated_token_file": AuthMode.WORKLOAD_IDENTITY}
_ADDRESS = ("azure_account_name", "azure_account_url", "azure_connection_string")
_SECRETS = ("azure_sas_token", "azure_account_key", "azure_connection_string")
_AWS_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_GOOGLE_HMAC = ("google_hmac_access_id", "google_hmac_secret")
_KEY_TEXT = re.compile(r"[!#-&(-~]+")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9.:-]{1,100}")
_REGION = re.compile(r"[a-z0-9-]{2,40}")
_TENANT = re.compile(r"[0-9A-Za-z]([0-9A-Za-z.-]{0,251}[0-9A-Za-z])?")
_CLIENT = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_AUTHORITY = re.compile(r"(?:https://)?([0-9A-Za-z.-]+(?::[0-9]{1,5})?)/?")
_ASK = 'Set auth_mode = "login", or enter azure_sas_token, an account key or a connection string.'


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


def azure_credentials(reading: Reading, place: str, container: str, around: Around, modality: str = DEFAULT) -> tuple[Account, Credentials]:
    """The account and the credentials of a place in a container in Azure; what is missing or wrong becomes a fault."""
    given = Given.collect(reading, place, modality, around.environ)
    return _Azure(given, reading.layout, container, around).resolve()


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
    return AwsKeys(key_id, _secret(secret), _secret(session), profile, given.values["aws_use_role"].flag(), origin)


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
    return GoogleKeys(file, access_id, _secret(secret), attached, origin)


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


class _Azure:
    """The steps from the keys to credentials: address, then mode, then a check that the mode has what it needs."""

    def __init__(self, given: Given, layout: Layout, container: str, around: Around) -> None:
        self.given = given
        self.layout = layout
        self.container = container
        self.kept, self.base = around.kept, around.base

    def resolve(self) -> tuple[Account, Credentials]:
        own_url, own_url_sas = split_account_url(self.given.own["azure_account_url"])
        env_url, env_url_sas = split_account_url(self.given.env["azure_account_url"])
        address = self.given.group(_ADDRESS)
        url = own_url if address is self.given.own else env_url
        from_file = bool(own_url_sas or any(self.given.own[name] for name in _SECRETS))
        source = self.given.own if from_file else self._environment()
        url_sas = own_url_sas if from_file else env_url_sas
        origin = Origin.FILE if from_file else Origin.ENVIRONMENT

        connection = self._connection(source["azure_connection_string"])
        sas = Sas(url_sas or self._sas(source["azure_sas_token"]), origin)
        asked = self.given.values["auth_mode"].choice(_AUTH_MODES, AuthMode.NONE)
        mode = self._mode(asked, source, has_sas=bool(sas.token), from_file=from_file)
        if mode.signs_in:
            connection = self._connection(address["azure_connection_string"])
        account = self._account(address["azure_account_name"], url, connection, mode)
        if mode is asked is AuthMode.SAS and not (sas.token or source["azure_sas_token"]):
            sas = Sas(self._kept(account.url), Origin.STORE)
        return account, self._credentials(mode, sas, source["azure_account_key"], connection, origin)

    def _credentials(self, mode: AuthMode, sas: Sas, key: str, connection: Mapping[str, str], origin: Origin) -> Credentials:
        match mode:
            case AuthMode.LOGIN | AuthMode.CERTIFICATE | AuthMode.MANAGED_IDENTITY | AuthMode.WORKLOAD_IDENTITY:
                return SignInKeys(self.given, self.base).resolve(mode)
            case AuthMode.KEY:
                return AccountKey(key, origin)
            case AuthMode.CONNECTION_STRING:
                inner = Sas(connection.get("sharedaccesssignature", ""), origin)
                inner_key = key or connection.get("accountkey", "")
                return ConnectionString(inner if inner.token else AccountKey(inner_key, origin) if inner_key else None, origin)
            case _:
                return sas if sas.token else NoCredentials(mode, Origin.STORE if sas.origin is Origin.STORE else None)

    def _account(self, name: str, url: str, connection: Mapping[str, str], mode: AuthMode) -> Account:
        name, url = self._address(name, url, connection, mode)
        if name and url and not is_account(name):
            self._fault(
                "azure_account_name",
                "The value is not an account name: it must have 3 to 24 lower-case letters and digits.",
                "Write the account's name here, and its address in azure_account_url.",
            )
        if mode is AuthMode.KEY and url and not name:
            self._fault("azure_account_name", "The account key needs the storage account's name.", "Add azure_account_name.")
        return Account(name, url)

    def _environment(self) -> Mapping[str, str]:
        """The environment's credentials, without a connection string that leads to another account than the file names."""
        env, own = self.given.env, self.given.own
        parts = connection_parts(env["azure_connection_string"])
        elsewhere = parts.get("accountname") != own["azure_account_name"] and (own["azure_account_name"] or own["azure_account_url"])
        return {**env, "azure_connection_string": ""} if elsewhere else env

    def _fault(self, name: str, problem: str, remedy: str = "") -> None:
        self.given.values[name].fault(problem, remedy)

    def _sas(self, text: str) -> str:
        if text and not Sas(text).token:
            self._fault("azure_sas_token", "The value is not a SAS token: its field “sig” is missing.", "Paste the whole token.")
        return text

    def _kept(self, url: str) -> str:
        """The token that auth_mode requires and the file does not have: from this computer's credential store."""
        told = ""
        try:
            token = self.kept(keychain.name_of(url, self.container)) if url and self.container else ""
        except keychain.KeychainError as error:
            token, told = "", f" {error.what}"
        if not Sas(token).token:
            self._fault(
                "azure_sas_token",
                f"The SAS token is missing, and auth_mode requires one.{told}",
                f"Paste it here, or set AZURE_SAS_TOKEN, or store it in {keychain.title()} with “chorus-upload credential set”.",
            )
        return token

    def _connection(self, text: str) -> Mapping[str, str]:
        parts = connection_parts(text) if text else {}
        if text and not (parts.get("accountname") or parts.get("blobendpoint")):
            self._fault(
                "azure_connection_string",
                "The value is not a connection string: it has no account name.",
                "Copy it from the storage account's page in the Azure portal. It begins with “DefaultEndpointsProtocol=” or “BlobEndpoint=”.",
            )
            return {}
        return parts

    def _mode(self, asked: AuthMode, source: Mapping[str, str], *, has_sas: bool, from_file: bool) -> AuthMode:
        """The mode that the file sets, or the one that its credentials allow."""
        value = self.given.values["auth_mode"]
        if asked.signs_in:
            if from_file and (has_sas or source["azure_account_key"]):
                value.warn(f'With “{value.text()}” the SAS token or key in the file is not used. To use the token, set auth_mode = "sas".')
            return asked
        if has_sas or source["azure_sas_token"]:
            return AuthMode.SAS
        if source["azure_connection_string"]:
            return AuthMode.CONNECTION_STRING
        if source["azure_account_key"]:
            return AuthMode.KEY
        if asked is AuthMode.SAS:
            return asked
        for name, mode in _IDENTITY_FILES.items():
            if self.given.own[name]:
                return mode
        if self.layout is Layout.NESTED:
            return AuthMode.LOGIN
        if not value.given:
            self._fault("auth_mode", "The credentials for this place in Azure are missing.", _ASK)
        return AuthMode.SAS

    def _address(self, name: str, url: str, connection: Mapping[str, str], mode: AuthMode) -> tuple[str, str]:
        """(account name, URL): the URL as given, or made from the connection string or the name."""
        if mode is AuthMode.CONNECTION_STRING and not connection:
            return name, ""  # a fault already
        if mode is AuthMode.CONNECTION_STRING or not (name or url):
            name = connection.get("accountname", name)
            url = connection.get("blobendpoint", "").partition("?")[0].rstrip("/")
            if not url and name:
                protocol = connection.get("defaultendpointsprotocol", "https")
                url = f"{protocol}://{name}.blob.{connection.get('endpointsuffix', 'core.windows.net')}"
            key = "azure_connection_string"
        else:
            key = "azure_account_url" if url else "azure_account_name"
            if not url and not re.fullmatch(r"[a-z0-9]{3,24}", name):
                self._fault(
                    key,
                    "The value is not an account name: it must have 3 to 24 lower-case letters and digits.",
                    "Write a URL in azure_account_url instead.",
                )
                return name, ""
            url = url or f"https://{name}.blob.core.windows.net"
        if not url:
            self._fault("azure_account_name", "The storage account's name is missing.", "Add azure_account_name, or azure_account_url.")
            return name, url
        if problem := account_url_problem(url):
            self._fault(key, problem, "Write it as “https://NAME.blob.core.windows.net”.")
            return name, ""
        return name or account_of_url(url) or self.given.env["azure_account_name"], url


class SignInKeys:
    """From the keys of a sign-in with Microsoft Entra to its :class:`MicrosoftLogin`."""

    def __init__(self, given: Given, base: Path) -> None:
        self.given = given
        self.base = base

    def resolve(self, mode: AuthMode) -> MicrosoftLogin:
        """What signs in; what is missing or wrong becomes a fault."""
        for name, of in _IDENTITY_FILES.items():
            if self.given.own[name] and of is not mode:
                self.given.values[name].warn(f'The file has no effect. To sign in with it, set auth_mode = "{of.value}".')
        return MicrosoftLogin(self._tenant(mode), self._identity(mode), self._authority())

    def _identity(self, mode: AuthMode) -> Identity | None:
        if mode is AuthMode.LOGIN:
            return None
        client = self.given.either("azure_client_id")
        if client and not _CLIENT.fullmatch(client):
            self._fault("azure_client_id", "The value is not a client ID: it has 8-4-4-4-12 hexadecimal digits.", "Copy it again.")
        elif not client and mode is not AuthMode.MANAGED_IDENTITY:
            self._fault(
                "azure_client_id",
                "The client ID of the app registration is missing.",
                "Copy “Application (client) ID” from the app registration's page in the Microsoft Entra admin center.",
            )
        if mode is AuthMode.MANAGED_IDENTITY:
            return ManagedIdentity(client)
        if mode is AuthMode.WORKLOAD_IDENTITY:
            return WorkloadIdentity(client, self._file("azure_federated_token_file", "the token of the other service"))
        password = self.given.either("azure_client_certificate_password")
        return Certificate(client, self._file("azure_client_certificate_path", "the certificate and its private key"), _secret(password))

    def _file(self, name: str, has: str) -> str:
        file = self.given.file(name, self.base)
        if not file:
            self._fault(name, f"The file with {has} is missing.", f"Write its path here, or set {name.upper()}.")
        return file

    def _tenant(self, mode: AuthMode) -> str:
        """The tenant to sign in to: what the file says, otherwise what the environment says."""
        tenant = self.given.either("azure_tenant_id")
        if tenant and not _TENANT.fullmatch(tenant):
            self._fault("azure_tenant_id", "The value is not a tenant.", "Write its ID (8-4-4-4-12 hexadecimal digits) or its domain name.")
            return ""
        if not tenant and mode in (AuthMode.CERTIFICATE, AuthMode.WORKLOAD_IDENTITY):
            self._fault(
                "azure_tenant_id",
                "The tenant of the app registration is missing.",
                "Copy “Directory (tenant) ID” from the app registration's page in the Microsoft Entra admin center.",
            )
        return tenant

    def _authority(self) -> str:
        text = self.given.either("azure_authority_host")
        found = _AUTHORITY.fullmatch(text)
        if text and (found is None or Host.of_url(f"https://{found[1]}") is None):
            self._fault(
                "azure_authority_host", "The value is not the name of a server.", "Write it as in “login.partner.microsoftonline.cn”."
            )
            return ""
        return found[1].lower() if found else ""

    def _fault(self, name: str, problem: str, remedy: str) -> None:
        self.given.values[name].fault(problem, remedy)


def _secret(text: str) -> Secret | None:
    return Secret(text) if text else None
