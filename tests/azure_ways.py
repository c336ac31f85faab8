"""Ways to sign in that ask no real person."""

from __future__ import annotations

import threading
import time

from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from chorus_gui.core.storage.azure.login import NOBODY, Login

SCOPE = "https://storage.azure.com/.default"


class Way:
    """A way to sign in that takes ``wait`` seconds and gives ``tokens``, one after the other, the last one for ever.

    "" is a failure.  ``tenants``: the tenants that it leads to; None: all.  ``asked`` has the scopes and the tenant of each call.
    """

    def __init__(self, *tokens: str, seconds: float = 3600, wait: float = 0.0, tenants: tuple[str | None, ...] | None = None) -> None:
        self.tokens = tokens
        self.seconds = seconds
        self.wait = wait
        self.tenants = tenants
        self.asked: list[tuple[tuple[str, ...], str | None]] = []
        self._lock = threading.Lock()

    def get_token(self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, enable_cae: bool = False) -> AccessToken:
        with self._lock:
            self.asked.append((scopes, tenant_id))
            token = self.tokens[min(len(self.asked), len(self.tokens)) - 1]
        time.sleep(self.wait)
        if not token or (self.tenants is not None and tenant_id not in self.tenants):
            raise ClientAuthenticationError("Not this way.\nMore.")
        return AccessToken(token, int(time.time() + self.seconds))


def login_by(*ways: Way) -> Login:
    """A login that knows these ways alone."""
    return Login(NOBODY, lambda sign_in: list(ways))  # type: ignore[arg-type]
