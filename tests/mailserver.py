"""A mail server on this computer, with and without encryption and sign-in."""

from __future__ import annotations

import os
import socket
import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from azure_server import certificate, tls

PASSWORD = "hunter2-Very%Secret"
USER = "chorus"

try:
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult
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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        mails.port = free.getsockname()[1]
    warnings.filterwarnings("ignore", "Requiring AUTH")  # what “none” is tried with
    options: dict[str, Any] = {"auth_require_tls": security != "none"}
    if sign_in:
        options |= {"auth_required": True, "authenticator": mails.sign_in}
    if security == "starttls":
        options |= {"tls_context": tls(pem), "require_starttls": True}
    elif security == "tls":
        options |= {"ssl_context": tls(pem), "auth_require_tls": False}
    controller = Controller(mails, hostname="127.0.0.1", port=mails.port, **options)
    controller.start()
    try:
        yield mails
    finally:
        controller.stop()
