"""Signing in with Microsoft Entra: an existing ``az login``, else the browser, else a code for another device.

Tokens are kept in memory alone and never logged.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential

REFRESH_SECONDS = 300
"""A token is renewed this long before it ends."""


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What a person has to do to sign in on another device: open ``url``, enter ``code``, before ``expires`` (aware, UTC)."""

    url: str
    code: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class SignIn:
    """How a person may be asked to sign in where no ``az login`` is found.

    ``browser``: a browser window may be opened.  ``device_code`` shows the code, from whatever thread asked first; None: do not.
    The default asks nobody, as a scheduled job wants it.
    """

    browser: bool = False
    device_code: Callable[[DeviceCode], None] | None = None


NOBODY = SignIn()


class Login:
    """A token credential (as the SDK calls what has a ``get_token``) that tries the three ways in turn and keeps to the first
    that works.  Safe for many threads: one asks, the others wait, and share its failure too.
    """

    def __init__(self, sign_in: SignIn, ways: Callable[[SignIn], list[TokenCredential]] | None = None) -> None:
        self._sign_in = sign_in
        self._make_ways = ways or _ways
        self._lock = threading.Lock()
        self._way: TokenCredential | None = None
        self._tokens: dict[tuple[str, ...], AccessToken] = {}
        self._failures = 0
        self._failure: Exception | None = None

    def get_token(
        self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, enable_cae: bool = False, **_options: Any
    ) -> AccessToken:
        """A token for the scopes.  Raises ``ClientAuthenticationError`` if no way leads to one."""
        from azure.core.exceptions import ClientAuthenticationError

        key = (*scopes, tenant_id or "", str(enable_cae))
        failures = self._failures
        with self._lock:
            known = self._tokens.get(key)
            if known is not None and not claims and known.expires_on - REFRESH_SECONDS > time.time():
                return known
            if self._failure is not None and self._failures != failures:
                raise self._failure  # somebody was asked while we waited, and it came to nothing: do not ask again at once
            causes: list[str] = []
            for way in [self._way] if self._way else self._make_ways(self._sign_in):
                try:
                    token = way.get_token(*scopes, claims=claims, tenant_id=tenant_id, enable_cae=enable_cae)
                except ClientAuthenticationError as error:
                    causes.append(str(error.message).strip().partition("\n")[0])
                    continue
                self._way, self._failure = way, None
                self._tokens[key] = token
                return token
            self._way = None
            self._failures += 1
            self._failure = ClientAuthenticationError(" ".join(causes) or "No way to sign in is available.")
            raise self._failure


def _ways(sign_in: SignIn) -> list[TokenCredential]:
    from azure.identity import AzureCliCredential, DeviceCodeCredential, InteractiveBrowserCredential

    any_tenant = ["*"]  # the service names the tenant in its challenge
    ways: list[TokenCredential] = [AzureCliCredential(additionally_allowed_tenants=any_tenant)]
    if sign_in.browser and _has_browser():
        ways.append(InteractiveBrowserCredential(additionally_allowed_tenants=any_tenant))
    if (show := sign_in.device_code) is not None:

        def prompt(url: str, code: str, expires: datetime) -> None:
            show(DeviceCode(url, code, expires))

        ways.append(DeviceCodeCredential(prompt_callback=prompt, additionally_allowed_tenants=any_tenant))
    return ways


def _has_browser() -> bool:
    """A browser with a window: on Linux a text browser counts for nothing."""
    if sys.platform not in ("win32", "darwin") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True
