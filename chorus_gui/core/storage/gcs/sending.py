"""How google-auth sends: over this program's HTTP client, with its certificates, proxies and times; and only where it may."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from chorus_gui.core.config.hosts import Host, admit_sign_in
from chorus_gui.core.errors import AccessError, ChorusError, StoreUnavailableError, Why
from chorus_gui.core.storage.bucket.answers import because
from chorus_gui.core.storage.bucket.reach import connected
from chorus_gui.core.storage.http.channel import Address, NoAnswerError
from chorus_gui.core.storage.http.headers import retry_after
from chorus_gui.core.storage.http.http1 import Http

ANSWER_BYTES = 1024 * 1024
METADATA_HOSTS = frozenset(("metadata.google.internal", "169.254.169.254"))
"""What gives credentials to whoever runs on a computer in Google Cloud."""

_NO_PATH = re.compile(r"[^!-~]|[#\\]")
_BUSY = frozenset((408, 429, 500, 502, 503, 504))
"""google-auth would wait by itself with these, and ask again: that is for whoever asked this program."""


class Answered(NamedTuple):
    """As google.auth.transport.Response."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class Sender:
    """As google.auth.transport.Request: called for each request.  ``metadata``: the server that a computer in the cloud asks, "" if nobody may.

    ``failure`` is why the last request was not sent or got no answer, with the server's name.
    """

    def __init__(self, certificates: str, metadata: str = "") -> None:
        self._certificates = certificates
        self._metadata = metadata
        self.failure: tuple[NoAnswerError | ChorusError, str] | None = None

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **more: object,
    ) -> Answered:
        """Raises google.auth.exceptions.TransportError."""
        del timeout, more
        from google.auth.exceptions import TransportError

        where, mark, query = url.partition("?")
        host, self.failure = "", None
        try:
            http, path, host = self._way(where)
            try:
                own = {name.lower(): value for name, value in (headers or {}).items()}
                answer = http.exchange(method, f"{path}{mark}{query}", own, body or b"", most=ANSWER_BYTES, repeatable=True)
            finally:
                http.close()
            if answer.status in _BUSY:
                raise busy(retry_after(answer.headers))
        except (NoAnswerError, ChorusError) as error:
            self.failure = error, host
        else:
            return Answered(answer.status, answer.headers, answer.body)
        raise TransportError("no answer")

    def _way(self, where: str) -> tuple[Http, str, str]:
        scheme, _, rest = where.partition("://")
        authority, slash, path = rest.partition("/")
        host = Host.of_url(f"{scheme}://{authority}")  # a path can have "@": the name of a service account
        if host is None or _NO_PATH.search(path):
            raise AccessError(
                "The file with Google credentials names an address that is not valid.",
                meaning="Nothing was sent.",
                remedy="Download the file again, and name it in google_credentials_file.",
            )
        tls = scheme == "https"
        _, colon, port = authority.removeprefix("[").rpartition(":") if not authority.endswith("]") else ("", "", "")
        address = Address(host.name, int(port) if colon and port.isdecimal() else 443 if tls else 80, tls)
        if self._metadata and (host.name in METADATA_HOSTS or authority == self._metadata):
            return Http(address, None, ""), f"{slash}{path}" or "/", host.name
        admit_sign_in(host.name)
        if not tls and not host.is_loopback:
            raise AccessError(
                "The file with Google credentials names a sign-in service without encryption (http://).",
                meaning="Nothing was sent.",
                remedy="Download the file again, and name it in google_credentials_file.",
            )
        return connected(where, address, self._certificates, "Google Cloud Storage"), f"{slash}{path}" or "/", host.name


def busy(seconds: float | None = None) -> StoreUnavailableError:
    """For a sign-in service that asks to come back later, after so many seconds if it says that."""
    wait = f" It asks to wait {seconds:.0f} seconds." if seconds else ""
    error = StoreUnavailableError(
        "Could not sign in to Google.",
        meaning=f"The sign-in service is busy, or has a problem.{wait}",
        remedy="Try again in a few minutes.",
    )
    error.retry_after = seconds
    return because(Why.BUSY, error)
