"""Signing in with Microsoft Entra: an existing ``az login``, else the browser, else a code for another device; or without a person.

Tokens are kept in memory alone and never logged.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from chorus_gui.core.config.credentials import MicrosoftLogin
from chorus_gui.core.config.hosts import ENTRA_HOSTS

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, TokenCredential
    from azure.core.exceptions import ClientAuthenticationError

REFRESH_SECONDS = 300
"""A token is renewed this long before it ends."""
RENEW_PAUSE_SECONDS = 60.0
"""After a token that the service refused was replaced in vain, nobody is asked for another one for this long."""
STORAGE_SCOPE = "https://storage.azure.com/.default"
"""What tokens are asked for, whatever a server's refusal says."""


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What a person has to do to sign in on another device: open ``url``, enter ``code``, before ``expires`` (aware, UTC)."""

    url: str
    code: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class SignIn:
    """How a person may be asked to sign in where no ``az login`` is found.

    ``browser``: a browser window may be opened.  ``device_code`` shows the code, on the thread that asks; None: no code is used.
    The default asks nobody, as a scheduled job needs it.
    """

    browser: bool = False
    device_code: Callable[[DeviceCode], None] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no token, in sentences without secrets.  ``unreachable``: nobody answered, so trying again can help."""

    what: str
    meaning: str = ""
    remedy: str = ""
    unreachable: bool = False


NOBODY = SignIn()
"""Nobody is asked: only an ``az login`` counts."""


_Key = tuple[tuple[str, ...], str | None, bool]
"""Scopes, tenant, and whether the token may be revoked at once (CAE)."""
_TENANT = re.compile(r"""authorization_uri\s*=\s*"?https://[^/\s",]+/([0-9A-Za-z][0-9A-Za-z.-]{1,252})(?=[/\s",]|$)""", re.IGNORECASE)


class Login:
    """One sign-in for the whole process: a token credential (as the SDK calls what has a ``get_token``).

    Make one where the program starts, and hand it to every store, source and probe that is opened: they share its tokens, so a
    person is asked at most once for each tenant.  The ways to sign in are tried in turn; for each tenant the one that worked is
    kept, and is the first to be tried for other tenants.  Safe for many threads: one asks, the others wait and share its failure.

    ``ways`` makes the ways, the one to try first in front.  ``known`` are tokens that are used as long as they last.
    """

    def __init__(
        self,
        sign_in: SignIn,
        ways: Callable[[SignIn], list[TokenCredential]] | None = None,
        *,
        known: Mapping[_Key, AccessToken] | None = None,
    ) -> None:
        self._sign_in = sign_in
        self._make_ways = ways or _ways
        self._asking = threading.Lock()
        self._making = threading.Lock()
        self._made: list[TokenCredential] | None = None
        self._worked: dict[str | None, int] = {}
        self._tokens: dict[_Key, AccessToken] = dict(known or {})
        self._failures: dict[_Key, tuple[int, str | Refusal]] = {}
        self._others: dict[MicrosoftLogin, Login] = {}
        self._in_vain: dict[_Key, tuple[str, float]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process nobody can be asked: it has the tokens that are known now, and after them what ``az login`` gives there."""
        with self._making:
            others = {credentials: dict(login._tokens) for credentials, login in self._others.items()}
        return _elsewhere, (dict(self._tokens), others)

    @property
    def sign_in(self) -> SignIn:
        """How a person may be asked."""
        return self._sign_in

    def by(self, credentials: MicrosoftLogin) -> Login:
        """The sign-in that these credentials ask for: this one for a person, otherwise one that all places with the same ones share."""
        if credentials.identity is None and not credentials.authority:
            return self
        with self._making:  # not the lock of asking: a person may take minutes
            found = self._others.get(credentials)
            if found is None:
                ways = partial(_ways, authority=credentials.authority) if credentials.identity is None else _Unattended(credentials)
                found = self._others[credentials] = Login(self._sign_in, ways)
            return found

    def remember(self, known: Mapping[_Key, AccessToken]) -> None:
        """Use these tokens, too, as long as they last."""
        with self._asking:
            self._tokens |= known

    def get_token(
        self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, enable_cae: bool = False, **_options: Any
    ) -> AccessToken:
        """A token for the scopes.  It is kept until :data:`REFRESH_SECONDS` before it ends; with ``claims`` a new one is asked for.

        Raises ``ClientAuthenticationError`` if no way leads to one.
        """
        key = (scopes, tenant_id, enable_cae)
        if not claims and (known := self._known(key)) is not None:
            return known  # without the lock: a person may take minutes to sign in to another tenant
        count, _ = self._failures.get(key, (0, ""))
        with self._asking:
            if not claims and (known := self._known(key)) is not None:
                return known
            failures, message = self._failures.get(key, (0, ""))
            if failures != count:  # somebody was asked while we waited, and it failed: do not ask again at once
                raise _refusal(message)
            return self._ask(key, claims)

    def renew(self, refused: str, *scopes: str, tenant_id: str | None = None) -> AccessToken | None:
        """A token in place of ``refused``, which the service does not accept for these scopes and this tenant.

        A token of another tenant stays where it is: it may be right for another host.  Else it is forgotten, here and in the ways
        (new ones are made, because each keeps tokens of its own).  Then a new token is asked for, once; threads that were refused
        the same token get the same new one.

        None if asking is in vain: ``refused`` is itself such a new token, or could not be replaced, less than
        :data:`RENEW_PAUSE_SECONDS` ago.  Raises ``ClientAuthenticationError`` if no way leads to a token.
        """
        key = (scopes, tenant_id, False)
        with self._asking:
            known = self._known(key)
            if known is not None and known.token != refused:
                return known
            token, since = self._in_vain.get(key, ("", 0.0))
            if token == refused and time.monotonic() - since < RENEW_PAUSE_SECONDS:
                return None
            self._in_vain[key] = (refused, time.monotonic())
            kept = self._tokens.get(key)
            fresh = self._ask(key, None) if kept is None or kept.token != refused else None
            if fresh is None or fresh.token == refused:  # the same one: a way kept it
                self._tokens = {other: token for other, token in self._tokens.items() if token.token != refused}
                self._made = None
                fresh = self._ask(key, None)
            self._in_vain[key] = (fresh.token, time.monotonic())
            return fresh

    def _known(self, key: _Key) -> AccessToken | None:
        known = self._tokens.get(key)
        return known if known is not None and known.expires_on - REFRESH_SECONDS > time.time() else None

    def _ask(self, key: _Key, claims: str | None) -> AccessToken:
        """Try the ways.  The caller holds the lock."""
        from azure.core.exceptions import ClientAuthenticationError

        scopes, tenant, enable_cae = key
        if self._made is None:
            self._made = self._make_ways(self._sign_in)
        causes: list[str | Refusal] = []
        for number in self._order(tenant, len(self._made)):
            try:
                token = self._made[number].get_token(*scopes, claims=claims, tenant_id=tenant, enable_cae=enable_cae)
            except ClientAuthenticationError as error:
                refusal = getattr(error, "refusal", None)
                causes.append(refusal if isinstance(refusal, Refusal) else str(error.message).strip().partition("\n")[0])
                continue
            self._worked[tenant] = number
            self._tokens[key] = token
            return token
        self._worked.pop(tenant, None)
        count, _ = self._failures.get(key, (0, ""))
        texts = [cause for cause in causes if isinstance(cause, str)]
        message = causes[0] if causes and not texts else " ".join(texts) or "This computer offers no way to sign in."
        self._failures[key] = (count + 1, message)
        raise _refusal(message)

    def _order(self, tenant: str | None, count: int) -> list[int]:
        """The numbers of the ways: the one that worked for ``tenant``, those that worked for other tenants, the rest."""
        worked = [self._worked[tenant]] if tenant in self._worked else []
        worked += sorted(self._worked.values())
        return [number for number in dict.fromkeys([*worked, *range(count)]) if number < count]


def _elsewhere(tokens: dict[_Key, AccessToken], others: dict[MicrosoftLogin, dict[_Key, AccessToken]]) -> Login:
    login = Login(NOBODY, known=tokens)
    for credentials, known in others.items():
        login.by(credentials).remember(known)
    return login


class _Unattended:
    """Makes the one way of an identity that needs no person."""

    def __init__(self, credentials: MicrosoftLogin) -> None:
        self._credentials = credentials

    def __call__(self, sign_in: SignIn) -> list[TokenCredential]:
        from chorus_gui.core.storage.azure.identities import IdentityWay

        del sign_in
        return [IdentityWay(self._credentials)]


class Bearer:
    """The tokens of a login for one place: what each request to it carries.  Safe for many threads.

    ``tenant`` is the configuration's, "" for the one of the person's own account.  Scope and tenant never come from an answer: a server
    must not choose what it gets a token for.  Any client can use it: send :meth:`token`; after a 401 send the request once more with
    :meth:`replacement`, and no third time.  Both raise ``ClientAuthenticationError`` if no token can be had.
    """

    def __init__(self, login: Login, tenant: str = "") -> None:
        self._login = login
        self._tenant = tenant or None

    def token(self) -> str:
        """The token to send."""
        return self._login.get_token(STORAGE_SCOPE, tenant_id=self._tenant).token

    def replacement(self, refused: str) -> str | None:
        """Another token than ``refused``; None if there is none, and the refusal is the answer to show."""
        fresh = self._login.renew(refused, STORAGE_SCOPE, tenant_id=self._tenant)
        return fresh.token if fresh is not None else None

    def other_tenant(self, challenge: str) -> str:
        """The tenant that a refusal names, if it is not the configured one, for a sentence; "" otherwise.

        ``challenge`` is the answer's WWW-Authenticate header.
        """
        named = _TENANT.search(challenge)
        return named[1] if named and named[1].lower() != (self._tenant or "").lower() else ""


def token_refused(status: int, code: str) -> bool:
    """An answer to a login's request says that its token is not valid, or no longer.  ``code``: of the header x-ms-error-code.

    That is 401, or 403 from older versions of the service and from the emulator.  A login without the role that it needs has another code.
    """
    return status == 401 or (status == 403 and code == "AuthenticationFailed")


def _refusal(message: str | Refusal) -> ClientAuthenticationError:
    """A new one for each thread: an exception collects the traceback of whoever raises it."""
    from azure.core.exceptions import ClientAuthenticationError

    if isinstance(message, Refusal):
        from chorus_gui.core.storage.azure.identities import NoTokenError

        return NoTokenError(message)
    return ClientAuthenticationError(message)


def _ways(sign_in: SignIn, *, authority: str = "") -> list[TokenCredential]:
    from azure.identity import AzureCliCredential, DeviceCodeCredential, InteractiveBrowserCredential

    at = sign_in_service(authority) if authority else dict[str, Any]()
    any_tenant = ["*"]  # the configuration names the tenant; a login serves several configurations
    ways: list[TokenCredential] = [AzureCliCredential(additionally_allowed_tenants=any_tenant)]
    if sign_in.browser and _has_browser():
        ways.append(InteractiveBrowserCredential(additionally_allowed_tenants=any_tenant, **at))
    if (show := sign_in.device_code) is not None:

        def prompt(url: str, code: str, expires: datetime) -> None:
            show(DeviceCode(url, code, expires))

        ways.append(DeviceCodeCredential(prompt_callback=prompt, additionally_allowed_tenants=any_tenant, **at))
    return ways


def sign_in_service(authority: str) -> dict[str, Any]:
    """Options of the SDK's credentials for a sign-in service.  Only one that is not Microsoft's own cannot be looked up at Microsoft's."""
    return {"authority": authority, "disable_instance_discovery": authority.partition(":")[0] not in ENTRA_HOSTS}


def _has_browser() -> bool:
    """A browser with a window: on Linux a text browser counts for nothing."""
    if sys.platform not in ("win32", "darwin") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True
