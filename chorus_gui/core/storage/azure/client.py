"""The way into one container: address, authorisation, trust; and the SDK's client for what the wire does not do.

Both serve all threads, do not retry (whoever calls a store does, with ``storage/retry.py``), follow no redirect, and take the proxies
of the environment or the system.
"""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import certifi

from chorus_gui.core.config.addresses import account_of_url, account_url_problem, address_parts
from chorus_gui.core.config.credentials import ConnectionString, Credentials, MicrosoftLogin
from chorus_gui.core.config.hosts import Host, admit, is_account
from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import AccessError
from chorus_gui.core.redact import RedactingFilter
from chorus_gui.core.storage.azure.answers import Access
from chorus_gui.core.storage.azure.authorise import Authorisation, ByKey, ByLogin, BySas
from chorus_gui.core.storage.azure.lean_wire import LeanWire
from chorus_gui.core.storage.azure.login import Bearer, Login
from chorus_gui.core.storage.azure.names import url_path
from chorus_gui.core.storage.azure.sdk_wire import SdkWire
from chorus_gui.core.storage.azure.wire import CHUNK_BYTES, Wire
from chorus_gui.core.storage.by_service import Borrower
from chorus_gui.core.storage.http.channel import CONNECT_SECONDS, READ_SECONDS, Address
from chorus_gui.core.storage.http.http1 import Http
from chorus_gui.core.storage.http.proxies import proxy_for
from chorus_gui.core.storage.http.trust import environment_certificates

if TYPE_CHECKING:
    from azure.core.pipeline.policies import HTTPPolicy
    from azure.storage.blob import ContainerClient

    from chorus_gui.core.storage.azure.transport import BoundedTransport

CONNECTIONS = 32
"""Kept open to one host: the most threads that a configuration can ask for."""
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
class Way:
    """How another service reads a blob.  ``address``: a secret; ``signs_in`` as :class:`~chorus_gui.core.storage.by_service.Lent` has it."""

    address: str = field(repr=False)
    signs_in: bool = False


class Connection:
    """The way into a container: its address, what lets us in, whom to trust, and how to get there.  Nothing is sent before a request.

    ``url`` is the account's, without "/" at its end; ``path`` the container's, as a request spells it.  ``authorisation`` signs a request;
    both it and ``access`` are other ones after :meth:`renew`.
    ``proxy`` is None where the server is reached directly.  ``certificates`` is a file with authorities that are trusted in addition to the system's:
    the environment's, or Mozilla's.  :attr:`client` is the SDK's for the same container, for what no wire does.
    """

    def __init__(self, place: Place, url: str, login: Login, authorisation: Authorisation) -> None:
        account, self._place = place.account, place
        (authority, path, _), host = address_parts(url), Host.of_url(url)
        self.url = url
        self.path = f"{f'/{path}'.rstrip('/')}/{place.container}"
        port = authority.rpartition(":")[2]
        self.tls = url.startswith("https://")
        self.host, self.port = host.name if host else "", int(port) if port.isdecimal() else 443 if self.tls else 80
        self._name = account.name or account_of_url(url) or path.strip("/") or authority
        self._authority = authority
        self.access = self._described(place)
        self._login = login
        self.authorisation = authorisation
        self.certificates = environment_certificates() or certifi.where()
        self.proxy = proxy_for(url)
        self._copy_base = _copy_base(url, self._name, place.container)
        self._account = self._copy_base.rpartition("/")[0]
        self._lock = threading.Lock()
        self._client: ContainerClient | None = None
        self._outdated: list[ContainerClient] = []
        """others may be in the middle of a request with one"""
        self._http: Http | None = None

    def __repr__(self) -> str:
        return f"Connection({self.access!r})"

    def _described(self, place: Place) -> Access:
        sas = place.credentials.sas
        return Access(self._name, self._authority, place.container, place.credentials.mode, sas.info if sas else None, place.needs)

    def renew(self, credentials: Credentials) -> None:
        """Send every request from now on with these, whichever thread sends it.  Raises :class:`AccessError` for credentials that cannot work."""
        place = replace(self._place, credentials=credentials)
        authorisation = _authorisation(place, self.url, self._login)
        admit(place, self.url)
        with self._lock:
            self._place, self.access, self.authorisation = place, self._described(place), authorisation
            if self._client is not None:
                self._outdated.append(self._client)
                self._client = None

    def wire(self) -> Wire:
        """What sends the hot requests."""
        if self.proxy is not None and not self.proxy.plain:
            return SdkWire(self)
        self._http = Http(Address(self.host, self.port, self.tls), self.proxy, self.certificates)
        return LeanWire(self, self._http)

    @property
    def client(self) -> ContainerClient:
        """The SDK's client, made when it is first asked for.  Raises :class:`AccessError` for an address that it does not take."""
        with self._lock:
            if self._client is None:
                self._client = _client(self._place, self.url, self._login)
            return self._client

    def copy_source(self, name: str) -> str:
        """The address of a blob as a server-side copy must name it, with the SAS: a secret, for that header alone."""
        sas = self._place.credentials.sas
        return f"{self._copy_base}/{url_path(name)}" + (f"?{sas.token.reveal()}" if sas else "")

    @property
    def borrower(self) -> Borrower:
        """Who reads if this container's service is asked to read a blob elsewhere."""
        given = self._place.credentials
        return Borrower(self._account, given if isinstance(given, MicrosoftLogin) else None)

    def lent_to(self, name: str, to: Borrower) -> Way | None:
        """How another service can read a blob; None if it cannot.

        A SAS is handed on as it is.  Inside one account, a key makes a SAS for this blob alone, and who signs in to both needs none: the
        service takes the token that the request to it has.  Neither a key nor a token ever goes to another account.
        """
        if self._place.credentials.sas is not None:
            return Way(self.copy_source(name))
        if to.account.lower() != self._account.lower():
            return None
        if isinstance(self.authorisation, ByKey):
            token = self.authorisation.lend(self._place.container, name, plain=not self.tls)
            return Way(f"{self.copy_source(name)}?{token}") if token else None
        return Way(self.copy_source(name), signs_in=True) if self._place.credentials == to.sign_in else None

    @property
    def is_azures(self) -> bool:
        """The server is Azure's own (or this computer): it may get the SAS of another account, to read there.  A custom address may not."""
        host = Host.of_url(self.url)
        return host is not None and bool(host.account or host.is_loopback)

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            for client in (*self._outdated, self._client):
                if client is not None:
                    client.close()
        if self._http is not None:
            self._http.close()


def connect(place: Place, login: Login) -> Connection:
    """The way into a place; nothing is sent yet.  ``login`` is asked for tokens where the credentials say so.

    Raises :class:`AccessError` for credentials that cannot work; what :func:`~chorus_gui.core.config.hosts.admit` raises for a server
    that may not get them.
    """
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
    url = _account_url(place)
    authorisation = _authorisation(place, url, login)
    admit(place, url)
    return Connection(place, url, login, authorisation)


def _account_url(place: Place) -> str:
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
    return url.rstrip("/")


def _authorisation(place: Place, url: str, login: Login) -> Authorisation:
    credentials = place.credentials
    if isinstance(credentials, MicrosoftLogin):
        if not url.startswith("https://"):
            raise AccessError(
                "The account URL and the credentials do not match: a sign-in needs https.",
                remedy="Write the account URL with “https://”, or use a SAS token or a key.",
            )
        return ByLogin(Bearer(login.by(credentials), credentials.tenant))
    if sas := credentials.sas:
        return BySas(sas.token.reveal())
    if key := credentials.key:
        return ByKey(_name_for_key(place, url), key.secret.reveal())
    raise AccessError("There are no credentials for the central store.", remedy='Set auth_mode = "login", or enter a SAS token or a key.')


def _name_for_key(place: Place, url: str) -> str:
    name = place.account.name or account_of_url(url) or address_parts(url)[1].strip("/")
    if not name:
        raise AccessError("The account key needs the storage account's name.", remedy="Set azure_account_name.")
    return name


def _client(place: Place, url: str, login: Login) -> ContainerClient:
    from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
    from azure.storage.blob import ContainerClient

    from chorus_gui.core.storage.azure.genuine_policy import GenuinePolicy
    from chorus_gui.core.storage.azure.login_policy import LoginPolicy

    quiet()
    credentials, credential = place.credentials, None
    steps: list[HTTPPolicy[Any, Any]] = [GenuinePolicy()]
    if isinstance(credentials, MicrosoftLogin):
        # Not as the SDK's credential: its own step in the pipeline would keep a token that the service refused.
        steps.insert(0, LoginPolicy(Bearer(login.by(credentials), credentials.tenant)))
    elif sas := credentials.sas:
        credential = AzureSasCredential(sas.token.reveal())
    elif key := credentials.key:
        credential = AzureNamedKeyCredential(_name_for_key(place, url), key.secret.reveal())
    options: dict[str, Any] = {
        "retry_total": 0,
        "permit_redirects": False,
        "transport": _transport(url),
        "max_single_put_size": MAX_PUT_BYTES,
        "max_single_get_size": CHUNK_BYTES,
        "max_chunk_get_size": CHUNK_BYTES,
        "_additional_pipeline_policies": steps,
    }
    try:
        return ContainerClient(url, place.container, credential=credential, **options)
    except ValueError as error:  # the SDK's sentence, which holds no secret
        raise AccessError(f"The account URL and the credentials do not match: {error}", remedy="Check both in the configuration.") from None


def quiet() -> None:
    """Keep the SDK and its HTTP library from logging requests: at DEBUG, urllib3 prints every URL with its SAS."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        if not any(isinstance(known, RedactingFilter) for known in logger.filters):
            logger.addFilter(RedactingFilter())


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
        connection_verify=environment_certificates() or True,
        connection_data_block_size=CHUNK_BYTES // 4,
    )
    return BoundedTransport(inner, CHUNK_BYTES)


def _copy_base(url: str, account: str, container: str) -> str:
    """Behind a custom URL the service still knows itself, as the source of a copy, by the account's own name.

    The service sends the SAS there: a text that is not an account name must not become part of an address.
    """
    own_name = account_of_url(url) or url.startswith("http://") or not is_account(account)
    return f"{url}/{container}" if own_name else f"https://{account}.blob.core.windows.net/{container}"
