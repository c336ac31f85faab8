"""What lets a request in: a SAS in its address, a signature of the account's key, or a login's token."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Protocol
from urllib.parse import quote

from chorus_gui.core.storage.azure.login import Bearer, token_refused
from chorus_gui.core.storage.base import Buffer

VERSION = "2023-11-03"
"""Of the service's protocol.  What is used here has been there since 2021-12-02; every cloud of Azure knows this one."""
FOR_SOURCE = "x-ms-copy-source-authorization"
"""A login's token for the source of a copy, which is in the same account: the one that the request itself carries."""
LENT_SECONDS = 3600
"""How long a SAS for one blob is valid.  A copy by the service takes minutes."""
_SIGNED = ("content-encoding", "content-language", "", "content-md5", "content-type")
_SIGNED_CONDITIONS = ("if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range")


@dataclass(slots=True)
class Request:
    """One request.  ``path`` is percent-encoded, ``query`` is not; names of ``headers`` are lower case.

    ``most``: the longest body of an answer that reports success.  ``repeatable``: sent twice, it does what it does once, and its answer
    is the same.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: Buffer = b""
    most: int = 64 * 1024
    repeatable: bool = True

    @property
    def target(self) -> str:
        """Path and query as they are sent, without what lets it in."""
        if not self.query:
            return self.path
        pairs = [f"{name}={quote(value, safe='')}" for name, value in self.query]
        return f"{self.path}?{'&'.join(pairs)}"


class KeyIsNoKeyError(ValueError):
    """The account's key is not base64."""


class Authorisation(Protocol):
    """Puts what lets it in onto a request.  Safe for many threads."""

    def sign(self, request: Request) -> str:
        """Adds headers to ``request``; its target, as it is sent.  May take minutes, if a person is asked to sign in.

        Raises :class:`KeyIsNoKeyError`; ``ClientAuthenticationError`` of the SDK if no token can be had.
        """
        ...

    def is_refused(self, status: int, headers: Mapping[str, str]) -> bool:
        """An answer says that what lets the request in is not valid, or no longer."""
        ...

    def again(self, request: Request, headers: Mapping[str, str]) -> bool:
        """After such an answer: is it worth to sign the request again and send it once more?"""
        ...

    def other_tenant(self, headers: Mapping[str, str]) -> str:
        """The tenant that such an answer names instead of the configured one, "" if none."""
        ...


class _Fixed:
    """What stays the same after a refusal."""

    def is_refused(self, status: int, headers: Mapping[str, str]) -> bool:
        """See :meth:`Authorisation.is_refused`."""
        del headers
        return status == 401

    def again(self, request: Request, headers: Mapping[str, str]) -> bool:
        """See :meth:`Authorisation.again`."""
        del request, headers
        return False

    def other_tenant(self, headers: Mapping[str, str]) -> str:
        """See :meth:`Authorisation.other_tenant`."""
        del headers
        return ""


class BySas(_Fixed):
    """A SAS token, sent as it was given."""

    def __init__(self, token: str) -> None:
        self._token = token

    def sign(self, request: Request) -> str:
        """See :meth:`Authorisation.sign`."""
        target = request.target
        return f"{target}{'&' if request.query else '?'}{self._token}"


class ByKey(_Fixed):
    """The account's key: SharedKey, as https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key describes it."""

    def __init__(self, account: str, key: str) -> None:
        self._account = account
        self._text = key
        self._key = b""

    def sign(self, request: Request) -> str:
        """See :meth:`Authorisation.sign`."""
        headers = request.headers
        headers["x-ms-date"] = formatdate(time.time(), usegmt=True)
        get, length = headers.get, len(request.body)
        lines = [request.method, *(get(name, "") if name else str(length or "") for name in _SIGNED), ""]
        lines += [get(name, "") for name in _SIGNED_CONDITIONS]
        lines += [f"{name}:{headers[name]}" for name in sorted(headers) if name.startswith("x-ms-")]
        resource = "".join(f"\n{name}:{value}" for name, value in sorted(request.query))
        text = "\n".join(lines) + f"\n/{self._account}{request.path}{resource}"
        signature = base64.b64encode(hmac.digest(self._bytes(), text.encode(), "sha256")).decode()
        headers["authorization"] = f"SharedKey {self._account}:{signature}"
        return request.target

    def lend(self, container: str, name: str, *, plain: bool = False) -> str:
        """A SAS token that reads this blob alone, for an hour; "" if the key is none.  ``plain``: also without TLS, on this computer.

        As https://learn.microsoft.com/rest/api/storageservices/create-service-sas describes it.
        """
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + LENT_SECONDS))
        protocols = "https,http" if plain else "https"
        resource = f"/blob/{self._account}/{container}/{name}"
        nothing = [""] * 7  # no snapshot, no encryption scope, no headers of the answer
        lines = ["r", "", expires, resource, "", "", protocols, VERSION, "b", *nothing]
        try:
            signature = base64.b64encode(hmac.digest(self._bytes(), "\n".join(lines).encode(), "sha256")).decode()
        except KeyIsNoKeyError:
            return ""
        fields = {"sv": VERSION, "se": expires, "sr": "b", "sp": "r", "spr": protocols, "sig": signature}
        return "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items())

    def _bytes(self) -> bytes:
        if not self._key:
            try:
                self._key = base64.b64decode(self._text, validate=True)
            except (binascii.Error, ValueError):
                raise KeyIsNoKeyError("not base64") from None
        return self._key


class ByLogin:
    """The token of a login; with another one, once, if the service refuses the first."""

    def __init__(self, bearer: Bearer) -> None:
        self._bearer = bearer

    def sign(self, request: Request) -> str:
        """See :meth:`Authorisation.sign`.  A request that :meth:`again` gave another token keeps that."""
        if "authorization" not in request.headers:
            request.headers["authorization"] = f"Bearer {self._bearer.token()}"
        if FOR_SOURCE in request.headers:
            request.headers[FOR_SOURCE] = request.headers["authorization"]
        return request.target

    def is_refused(self, status: int, headers: Mapping[str, str]) -> bool:
        """See :meth:`Authorisation.is_refused`."""
        return token_refused(status, headers.get("x-ms-error-code", ""))

    def again(self, request: Request, headers: Mapping[str, str]) -> bool:
        """See :meth:`Authorisation.again`."""
        del headers
        other = self._bearer.replacement(request.headers["authorization"].removeprefix("Bearer "))
        if other is not None:
            request.headers["authorization"] = f"Bearer {other}"
        return other is not None

    def other_tenant(self, headers: Mapping[str, str]) -> str:
        """See :meth:`Authorisation.other_tenant`."""
        return self._bearer.other_tenant(headers.get("www-authenticate", "")[:MAX_CHALLENGE])


MAX_CHALLENGE = 4096
