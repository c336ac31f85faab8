"""From the Azure keys of one place, and the environment, to its account and credentials: the one place that decides which they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from chorus_gui.core.config import keychain
from chorus_gui.core.config.addresses import account_of_url, account_url_problem, connection_parts, split_account_url
from chorus_gui.core.config.credential_keys import Around, Given, secret_of
from chorus_gui.core.config.credentials import (
    Account,
    AccountKey,
    AuthMode,
    Certificate,
    ConnectionString,
    Credentials,
    Identity,
    ManagedIdentity,
    MicrosoftLogin,
    NoCredentials,
    Origin,
    Sas,
    WorkloadIdentity,
)
from chorus_gui.core.config.hosts import Host, is_account
from chorus_gui.core.config.keys import DEFAULT
from chorus_gui.core.config.model import Layout
from chorus_gui.core.config.reading import Reading

_AUTH_MODES = {
    "login": AuthMode.LOGIN,
    "certificate": AuthMode.CERTIFICATE,
    "managed_identity": AuthMode.MANAGED_IDENTITY,
    "workload_identity": AuthMode.WORKLOAD_IDENTITY,
    "sas": AuthMode.SAS,
    "sas_token": AuthMode.SAS,
    "key": AuthMode.KEY,
}
_IDENTITY_FILES = {"azure_client_certificate_path": AuthMode.CERTIFICATE, "azure_federated_token_file": AuthMode.WORKLOAD_IDENTITY}
_ADDRESS = ("azure_account_name", "azure_account_url", "azure_connection_string")
_SECRETS = ("azure_sas_token", "azure_account_key", "azure_connection_string")
_TENANT = re.compile(r"[0-9A-Za-z]([0-9A-Za-z.-]{0,251}[0-9A-Za-z])?")
_CLIENT = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_AUTHORITY = re.compile(r"(?:https://)?([0-9A-Za-z.-]+(?::[0-9]{1,5})?)/?")
_ASK = 'Set auth_mode = "login", or enter azure_sas_token, an account key or a connection string.'


def azure_credentials(reading: Reading, place: str, container: str, around: Around, modality: str = DEFAULT) -> tuple[Account, Credentials]:
    """The account and the credentials of a place in a container in Azure; what is missing or wrong becomes a fault."""
    given = Given.collect(reading, place, modality, around.environ)
    return _Azure(given, reading.layout, container, around).resolve()


class _Azure:
    """The steps from the keys to credentials: address, then mode, then a check that the mode has what it needs."""

    def __init__(self, given: Given, layout: Layout, container: str, around: Around) -> None:
        self.given = given
        self.layout = layout
        self.container = container
        self.around = around

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
        if mode.signs_in or asked is AuthMode.KEY:
            connection = self._connection(address["azure_connection_string"])
        account = self._account(address["azure_account_name"], url, connection, mode)
        key = AccountKey(source["azure_account_key"], origin)
        if mode is asked is AuthMode.SAS and not (sas.token or source["azure_sas_token"]):
            sas = Sas(self._kept_token(account.url), Origin.STORE)
        if mode is asked is AuthMode.KEY and not key.secret:
            key = AccountKey(self._kept_key(account.url), Origin.STORE)
        return account, self._credentials(mode, sas, key, connection, origin)

    def _credentials(self, mode: AuthMode, sas: Sas, key: AccountKey, connection: Mapping[str, str], origin: Origin) -> Credentials:
        match mode:
            case AuthMode.LOGIN | AuthMode.CERTIFICATE | AuthMode.MANAGED_IDENTITY | AuthMode.WORKLOAD_IDENTITY:
                return SignInKeys(self.given, self.around).resolve(mode)
            case AuthMode.KEY:
                return key if key.secret else NoCredentials(mode, key.origin)
            case AuthMode.CONNECTION_STRING:
                inner = Sas(connection.get("sharedaccesssignature", ""), origin)
                inner_key = key if key.secret else AccountKey(connection.get("accountkey", ""), origin)
                return ConnectionString(inner if inner.token else inner_key if inner_key.secret else None, origin)
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

    def _kept_token(self, url: str) -> str:
        """The token that auth_mode requires and the file does not have: from this computer's credential store."""
        token, why = self._kept(keychain.name_of(url, self.container) if url and self.container else "")
        if not Sas(token).token:
            self._missing("azure_sas_token", f"The SAS token is missing, and auth_mode requires one.{why}")
        return token

    def _kept_key(self, url: str) -> str:
        """The account key in the same way; it opens all containers of the account."""
        key, why = self._kept(keychain.name_of_account_key(url) if url else "")
        if not key:
            self._missing("azure_account_key", f"The account key is missing, and auth_mode requires one.{why}")
        return key

    def _kept(self, entry: str) -> tuple[str, str]:
        """(what the credential store has, why it has nothing)."""
        try:
            return (self.around.kept(entry) if entry else ""), ""
        except keychain.KeychainError as error:
            return "", f" {error.what}"

    def _missing(self, name: str, problem: str) -> None:
        self._fault(
            name,
            problem,
            f"Paste it here, or set {name.upper()}, or store it in {keychain.title()} with “chorus-upload credential set --place PLACE” "
            "(central, journal or the modality).",
        )

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
        if asked is AuthMode.KEY:
            if from_file and (has_sas or source["azure_connection_string"]):
                value.warn("With “key” the SAS token or connection string in the file is not used. To use it, remove auth_mode.")
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

    def __init__(self, given: Given, around: Around) -> None:
        self.given = given
        self.around = around

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
        file = self._file("azure_client_certificate_path", "the certificate and its private key")
        return self._opened(Certificate(client, file))

    def _opened(self, found: Certificate) -> Certificate:
        """With its password: of the file or the environment; otherwise, if there must be one, from this computer's credential store."""
        name = "azure_client_certificate_password"
        if password := self.given.either(name):
            return replace(found, password=secret_of(password), origin=Origin.FILE if self.given.own[name] else Origin.ENVIRONMENT)
        if not (found.file and found.client_id and found.is_locked):
            return found
        kept, why = "", ""
        try:
            kept = self.around.kept(keychain.name_of_certificate_password(found.client_id))
        except keychain.KeychainError as error:
            why = f" {error.what}"
        if not kept and Path(found.file).is_file():
            self.given.values["azure_client_certificate_path"].warn(f"The file needs a password, and it is not known.{why}")
        return replace(found, password=secret_of(kept), origin=Origin.STORE)

    def _file(self, name: str, has: str) -> str:
        file = self.given.file(name, self.around.base)
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
