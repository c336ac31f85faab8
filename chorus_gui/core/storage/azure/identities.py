"""Signing in without a person: a certificate, the identity of this computer in Azure, or the token of another service.

Import it only where a token is asked for: it imports the SDK.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, ClientAuthenticationError

from chorus_gui.core.config.credentials import Certificate, ManagedIdentity, MicrosoftLogin, WorkloadIdentity
from chorus_gui.core.config.hosts import ENTRA_HOSTS
from chorus_gui.core.redact import redact
from chorus_gui.core.refused import refusal
from chorus_gui.core.storage.azure.certificates import CertificateError, open_certificate
from chorus_gui.core.storage.azure.errors import fault, is_no_network
from chorus_gui.core.storage.azure.login import Refusal, sign_in_service
from chorus_gui.core.storage.http.headers import readable

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_CODE = re.compile(r"AADSTS([0-9]{4,9})")
TRIES = 2


class NoTokenError(ClientAuthenticationError):
    """No token can be had."""

    def __init__(self, refused: Refusal) -> None:
        super().__init__(refused.what)
        self.refusal = refused


class IdentityWay:
    """One way to sign in, as :class:`~.login.Login` takes them.  Files are read again after each failure: people replace them."""

    def __init__(self, credentials: MicrosoftLogin) -> None:
        self._credentials = credentials
        self._made: TokenCredential | None = None

    def get_token(
        self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, enable_cae: bool = False, **_options: Any
    ) -> AccessToken:
        """A token for the scopes.  The tenant is the configuration's.  Raises :class:`NoTokenError`."""
        del tenant_id
        try:
            if self._made is None:
                self._made = _credential(self._credentials)
            return self._made.get_token(*scopes, claims=claims, enable_cae=enable_cae)
        except CertificateError as error:
            refused, cause = error.refusal, fault(error)
        except (AzureError, OSError, ValueError, TypeError, KeyError) as error:
            refused, cause = _refused(error, self._credentials), fault(error)
        self._made = None
        raise NoTokenError(refused) from cause


def certificate_ends(identity: Certificate) -> datetime:
    """Until when the certificate is valid, in UTC.  Raises :class:`NoTokenError` for a file that cannot sign in."""
    try:
        return open_certificate(identity, identity.password.reveal() if identity.password else None).ends
    except CertificateError as error:
        refused = error.refusal
    raise NoTokenError(refused)


def _credential(credentials: MicrosoftLogin) -> TokenCredential:
    from azure.identity import CertificateCredential, ManagedIdentityCredential, WorkloadIdentityCredential

    identity, at = credentials.identity, sign_in_service(credentials.authority or ENTRA_HOSTS[0])
    match identity:
        case Certificate():
            password = identity.password.reveal() if identity.password else None
            opened = open_certificate(identity, password)
            made = CertificateCredential(
                credentials.tenant, identity.client_id, certificate_data=opened.data, password=opened.password, **at
            )
            # Without this, an environment variable (AZURE_REGIONAL_AUTHORITY_NAME) makes it ask the metadata service for a region.
            vars(made)["_regional_authority"] = False
            return made
        case WorkloadIdentity():
            return WorkloadIdentityCredential(
                tenant_id=credentials.tenant, client_id=identity.client_id, token_file_path=identity.file, authority=at["authority"]
            )
        case ManagedIdentity():
            # Its requests must not go to a proxy.  Tokens of another service are another method, which the configuration chooses.
            return ManagedIdentityCredential(
                client_id=identity.client_id or None,
                _exclude_workload_identity_credential=True,
                use_env_settings=False,
                retry_total=TRIES,
                retry_status=TRIES,
            )
        case None:
            raise TypeError("a person signs in another way")


def _refused(error: Exception, credentials: MicrosoftLogin) -> Refusal:
    """Why an identity gets no token."""
    identity, text = credentials.identity, str(getattr(error, "message", None) or error)
    if isinstance(error, OSError) and isinstance(identity, WorkloadIdentity) and not isinstance(error, AzureError):
        return _no_token_file(error, identity.file)
    if isinstance(identity, ManagedIdentity):
        return _no_managed_identity(error, identity, text)
    host = credentials.authority or ENTRA_HOSTS[0]
    found = _CODE.search(text)
    if found is None and is_no_network(error):
        return Refusal(
            f"Could not renew the sign-in to Azure: {host} does not answer.", "", "Check the network, and try again.", unreachable=True
        )
    client = getattr(identity, "client_id", "")
    known = _known(found[1] if found else "", credentials.tenant, client, host)
    said = _said(text)
    if known is not None:
        return Refusal(known[0], said, known[1])
    return Refusal(
        f"{host} does not accept the sign-in of the app registration “{client}”.",
        said,
        "Check azure_tenant_id and azure_client_id in the configuration. If they are right, show this message to whoever manages the app registration.",
    )


def _known(code: str, tenant: str, client: str, host: str) -> tuple[str, str] | None:
    """What happened and what to do, for the refusals that have a remedy of their own."""
    registration = f"the app registration “{client}”"
    match code:
        case "90002" | "900023" | "900021" | "90013":
            return (
                f"There is no tenant “{tenant}” at {host}.",
                "Correct azure_tenant_id. For another cloud of Azure, set azure_authority_host.",
            )
        case "700016":
            return (
                f"The tenant “{tenant}” has no app registration with the client ID “{client}”.",
                "Correct azure_client_id or azure_tenant_id: both are on the app registration's page in the Microsoft Entra admin center.",
            )
        case "700027" | "7000273":
            return (
                f"Entra does not know the certificate as one of {registration}.",
                "Upload its public part to the app registration (Certificates & secrets), or correct azure_client_certificate_path.",
            )
        case "700024" | "500133":
            return (
                "Entra refused the sign-in because of its time.",
                "Set this computer's clock and time zone to the right time, then try again.",
            )
        case "7000112" | "7000113" | "50105":
            return f"In the tenant “{tenant}”, {registration} is disabled or not assigned.", "Ask whoever manages it to enable it."
        case "70021" | "700211" | "700212" | "700213" | "50013" | "700238":
            return (
                f"Entra does not accept the token file for {registration}.",
                "Ask whoever manages the app registration to compare its federated credential (issuer, subject, audience) with the token.",
            )
        case "53003" | "530034" | "530035" | "53000":
            return "An access policy of the tenant blocks this sign-in.", "Show this message to your IT department."
        case _:
            return None


def _no_token_file(error: OSError, file: str) -> Refusal:
    if isinstance(error, FileNotFoundError):
        return Refusal(
            f"There is no token file “{file}”.",
            "Nothing was sent.",
            "Correct azure_federated_token_file in the configuration, or start the service that writes the file.",
        )
    why, remedy = refusal(error, file, "Check that it is a file, and that you are allowed to read it.", reading=True)
    return Refusal(f"Could not read the token file “{file}”: {why}.", "Nothing was sent.", remedy)


def _no_managed_identity(error: Exception, identity: ManagedIdentity, text: str) -> Refusal:
    if is_no_network(error) or ("no response from the IMDS endpoint" in text and "Token request error" not in text):
        return Refusal(
            "This computer's metadata service does not answer, so there is no managed identity.",
            "Only computers in Azure have one.",
            'On another computer, use another sign-in, such as auth_mode = "certificate". In Azure, try again in a few minutes.',
        )
    which = f"the identity “{identity.client_id}”" if identity.client_id else "a managed identity of its own"
    return Refusal(
        f"Azure gives this computer no token for {which}.",
        _said(text),
        "In the Azure portal, open the computer's page, then Identity, and assign it. Then check azure_client_id: it must be empty for the "
        "computer's own identity.",
    )


def _said(text: str) -> str:
    """The first line of what the service said, without secrets, as a sentence."""
    line = readable(redact(text).strip().partition("\n")[0].removeprefix("Authentication failed: ").strip(), 500).strip()
    return line if not line or line.endswith(".") else f"{line}."
