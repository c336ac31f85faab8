"""A mail server on this computer, with and without encryption and sign-in."""

from __future__ import annotations

import os
import ssl
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from azure_server import certificate, tls
from s3server import kept_port

PASSWORD = "hunter2-Very%Secret"
USER = "chorus"

try:
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import SMTP, AuthResult
except ImportError:  # a developer who did not install it again
    if os.environ.get("CI"):
        raise
    pytest.skip("aiosmtpd is not installed here", allow_module_level=True)


class Mails:
    """What the server got; ``refuse`` is its answer to a mail, if it takes none."""

    def __init__(self) -> None:
        self.got: list[EmailMessage] = []
        self.receivers: list[list[str]] = []
        self.passwords: list[str] = []
        self.refuse = ""
        self.port = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuse:
            return self.refuse
        self.got.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        self.receivers.append(envelope.rcpt_tos)
        return "250 OK"

    def sign_in(self, server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> Any:
        self.passwords.append(given.password.decode())
        return AuthResult(success=(given.login, given.password) == (USER.encode(), PASSWORD.encode()), handled=False)


class Watched(Controller):
    """Knows its connections, and ends when it has closed them: one that is left open is a warning in some later test."""

    def __init__(self, *given: Any, **options: Any) -> None:
        self.connections: list[SMTP] = []
        super().__init__(*given, **options)

    def factory(self) -> SMTP:
        self.connections.append(super().factory())
        return self.connections[-1]

    def finish(self) -> None:
        until = time.monotonic() + 20
        while any(one.transport is not None for one in self.connections) and time.monotonic() < until:
            time.sleep(0.01)
        self.stop()


@contextmanager
def mail_server(folder: Path, patch: pytest.MonkeyPatch, security: str, *, sign_in: bool = True, trusted: bool = True) -> Iterator[Mails]:
    """A server that runs in the block.  ``trusted``: this computer trusts its certificate."""
    mails = Mails()
    pem = certificate(folder)
    if trusted:
        real = ssl.create_default_context
        patch.setattr(
            "chorus_gui.app.unattended.mail.ssl.create_default_context",
            lambda *given, **options: real(*given, **{"cafile": str(pem), **options}),
        )
    warnings.filterwarnings("ignore", "Requiring AUTH")  # what “none” is tried with
    options: dict[str, Any] = {"auth_require_tls": security != "none"}
    if sign_in:
        options |= {"auth_required": True, "authenticator": mails.sign_in}
    if security == "starttls":
        options |= {"tls_context": tls(pem), "require_starttls": True}
    elif security == "tls":
        options |= {"ssl_context": tls(pem), "auth_require_tls": False}
    with kept_port() as mails.port:
        controller = Watched(mails, hostname="127.0.0.1", port=mails.port, ready_timeout=60.0, **options)
        controller.start()
    try:
        yield mails
    finally:
        controller.finish()
