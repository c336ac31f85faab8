"""The SDK's client for one container: how it gets in, its connections, its silence.

One client serves all threads.  It does not retry (whoever calls a store does, with ``storage/retry.py``), follows no redirect, and
takes the proxies of the environment or the system.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chorus_gui.core.config.addresses import account_of_url, account_url_problem
from chorus_gui.core.config.credentials import ConnectionString, MicrosoftLogin
from chorus_gui.core.config.hosts import admit, is_account
from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import AccessError
from chorus_gui.core.redact import RedactingFilter
from chorus_gui.core.storage.azure.answers import Access
from chorus_gui.core.storage.azure.login import Bearer, Login
from chorus_gui.core.storage.azure.trust import trust_store_name

if TYPE_CHECKING:
    from azure.core.pipeline.policies import HTTPPolicy
    from azure.storage.blob import ContainerClient

    from chorus_gui.core.storage.azure.transport import BoundedTransport

CONNECTIONS = 32
"""Kept open to one host: the most threads that a configuration can ask for."""
CONNECT_SECONDS = 20
"""To connect; the HTTP library applies it to each piece that it writes, too (a whole request where there is no TLS)."""
READ_SECONDS = 90
"""To wait for an answer, or its next piece.  The service itself gives up after 30 seconds for most requests."""
CHUNK_BYTES = 4 * 1024 * 1024
MAX_PUT_BYTES = 5000 * 1024 * 1024

_CONTAINER = re.compile(r"\$root|\$web|\$logs|(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*")
_TALKATIVE = (
    "urllib3.connectionpool",
    "urllib3.connection",
    "urllib3.util.retry",
    "azure.core.pipeline.policies.http_logging_policy",
    "azure.core.pipeline.policies.retry",
    "azure.core.pipeline.transport",
    "azure.storage",
    "azure.identity",
    "msal",
)


@dataclass(frozen=True, slots=True)
class Connection:
    """An open way into a container.  ``copy_base`` is the container's URL as a server-side copy must name its source;
    ``copy_sas`` the SAS that goes behind it, "" where none is needed: a secret, for that header alone.
    """

    client: ContainerClient
    access: Access
    copy_base: str
    copy_sas: str

    def __repr__(self) -> str:
        return f"Connection({self.access!r})"


def connect(place: Place, login: Login) -> Connection:
    """Make the client; nothing is sent yet.  ``login`` is asked for tokens where the credentials say so.

    Raises :class:`AccessError` for credentials that cannot work; what :func:`~chorus_gui.core.config.hosts.admit` raises for a server
    that may not get them.
    """
    from azure.storage.blob import ContainerClient

    from chorus_gui.core.storage.azure.genuine_policy import GenuinePolicy

    quiet()
    account, credentials = place.account, place.credentials
    if not place.container:
        raise AccessError(
            f"The path “{place.text}” has no container.", remedy="Write it as “az://container/folder”, or set azure_container."
        )
    if not _CONTAINER.fullmatch(place.container):
        raise AccessError(
            f"“{place.container}” is not a valid container name.",
            meaning="A container name has 3 to 63 lower-case letters, digits and single hyphens.",
            remedy="Correct the path or azure_container in the configuration.",
        )
    url, credential = _way_in(place, login)
    admit(place, url)
    host = urlsplit(url).netloc
    options: dict[str, Any] = {
        "retry_total": 0,
        "permit_redirects": False,
        "transport": _transport(url),
        "max_single_put_size": MAX_PUT_BYTES,
        "max_single_get_size": CHUNK_BYTES,
        "max_chunk_get_size": CHUNK_BYTES,
    }
    steps: list[HTTPPolicy[Any, Any]] = [GenuinePolicy()]
    if isinstance(credential, Login):
        # Not as the SDK's credential: its own step in the pipeline would keep a token that the service refused.
        steps.insert(0, _login_policy(credential, url, credentials.tenant if isinstance(credentials, MicrosoftLogin) else ""))
        credential = None
    options["_additional_pipeline_policies"] = steps
    try:
        client = ContainerClient(url, place.container, credential=credential, **options)
    except ValueError as error:  # the SDK's sentence, which holds no secret
        raise AccessError(f"The account URL and the credentials do not match: {error}", remedy="Check both in the configuration.") from None
    name = account.name or account_of_url(url) or urlsplit(url).path.strip("/") or host
    sas = credentials.sas
    access = Access(name, host, place.container, credentials.mode, sas.info if sas else None)
    return Connection(client, access, _copy_base(url, name, place.container), sas.token.reveal() if sas else "")


def quiet() -> None:
    """Keep the SDK and its HTTP library from logging requests: at DEBUG, urllib3 prints every URL with its SAS."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        if not any(isinstance(known, RedactingFilter) for known in logger.filters):
            logger.addFilter(RedactingFilter())


def _way_in(place: Place, login: Login) -> tuple[str, Any]:
    """(account URL, what the SDK takes as credential, or ``login``)."""
    from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential

    account, credentials = place.account, place.credentials
    if isinstance(credentials, ConnectionString) and credentials.holds is None:
        raise AccessError(
            "The connection string is not valid.", remedy="Copy it again from the storage account's page in the Azure portal."
        )
    url = account.url or (f"https://{account.name}.blob.core.windows.net" if account.name else "")
    if not url:
        raise AccessError("The storage account's name is missing.", remedy="Set azure_account_name or azure_account_url.")
    if problem := account_url_problem(url):
        raise AccessError(problem, remedy="Write it as “https://NAME.blob.core.windows.net”.")
    if isinstance(credentials, MicrosoftLogin):
        return url, login
    if sas := credentials.sas:
        return url, AzureSasCredential(sas.token.reveal())
    if key := credentials.key:
        name = account.name or account_of_url(url) or urlsplit(url).path.strip("/")
        if not name:
            raise AccessError("The account key needs the storage account's name.", remedy="Set azure_account_name.")
        return url, AzureNamedKeyCredential(name, key.secret.reveal())
    raise AccessError("There are no credentials for the central store.", remedy='Set auth_mode = "login", or enter a SAS token or a key.')


def _login_policy(login: Login, url: str, tenant: str) -> HTTPPolicy[Any, Any]:
    from chorus_gui.core.storage.azure.login_policy import LoginPolicy

    if urlsplit(url).scheme != "https":
        raise AccessError(
            "The account URL and the credentials do not match: a sign-in needs https.",
            remedy="Write the account URL with “https://”, or use a SAS token or a key.",
        )
    return LoginPolicy(Bearer(login, tenant))


def _transport(url: str) -> BoundedTransport:
    """Connections for :data:`CONNECTIONS` threads.  Proxies and extra certificates are looked up once, not for each request."""
    import requests
    from azure.core.pipeline.transport._requests_basic import RequestsTransport  # its public name is made at run time
    from requests.adapters import HTTPAdapter
    from requests.utils import get_environ_proxies

    from chorus_gui.core.storage.azure.transport import BoundedTransport

    session = requests.Session()
    session.trust_env = False
    session.headers["Accept-Encoding"] = "identity"  # the service packs nothing
    session.proxies.update(get_environ_proxies(url))
    adapter = HTTPAdapter(pool_connections=2, pool_maxsize=CONNECTIONS, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    inner = RequestsTransport(
        session=session,
        connection_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        connection_verify=_bundle() or True,
        connection_data_block_size=CHUNK_BYTES // 4,
    )
    return BoundedTransport(inner, CHUNK_BYTES)


def _bundle() -> str:
    """The certificates that the environment names, "" if it names none.  Raises :class:`AccessError` for a file that cannot be read."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        file = os.environ.get(name, "")
        if file and not os.access(file, os.R_OK):
            raise AccessError(
                f"The environment variable {name} names the file “{file}”, which does not exist or cannot be read.",
                meaning="It should have the certificates that this computer trusts. Nothing was sent.",
                remedy=f"Correct {name}, or remove it to use {trust_store_name()}.",
            )
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or ""  # the system's library reads the third itself


def _copy_base(url: str, account: str, container: str) -> str:
    """Behind a custom URL the service still knows itself, as the source of a copy, by the account's own name.

    The service sends the SAS there: a text that is not an account name must not become part of an address.
    """
    parts = urlsplit(url)
    own_name = account_of_url(url) or parts.scheme == "http" or not is_account(account)
    return f"{url}/{container}" if own_name else f"https://{account}.blob.core.windows.net/{container}"
