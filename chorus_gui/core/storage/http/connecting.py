"""The way to a server: its address, the connection, its encryption, and the reasons why there may be no answer."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from dataclasses import dataclass
from enum import Enum

CONNECT_SECONDS = 20.0
"""To connect."""


class Trouble(Enum):
    """Reasons for a missing answer."""

    CERTIFICATE = "nobody vouches for the server's certificate"
    TLS = "no secure connection could be made"
    PROXY = "the proxy cannot be reached, or refuses"
    NAME = "the server's name is not known here"
    UNREACHABLE = "the connection was refused"
    STALLED = "the other side took no more bytes"
    TIMEOUT = "no answer came in time"
    LOST = "the connection ended before the answer did"
    STRANGE = "the answer is not HTTP, or longer than it can be"


class NoAnswerError(Exception):
    """No answer came.  ``began``: part of one did.  The text is for the log, without addresses and secrets."""

    def __init__(self, trouble: Trouble, text: str = "", *, began: bool = False) -> None:
        super().__init__(f"{trouble.value}{f': {text}' if text else ''}")
        self.trouble = trouble
        self.began = began


@dataclass(frozen=True, slots=True)
class Address:
    """A server."""

    host: str
    port: int
    tls: bool

    @property
    def text(self) -> str:
        """As the header Host has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    @property
    def authority(self) -> str:
        """Host and port, as a proxy is asked for a tunnel."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class ProxyLoginError(NoAnswerError):
    """The proxy requires a sign-in."""

    def __init__(self) -> None:
        super().__init__(Trouble.PROXY, "status 407")


def connect(address: Address, wrong: Trouble | None) -> socket.socket:
    """A connection.  ``wrong`` is the trouble to report, whatever it is.  Raises :class:`NoAnswerError`."""
    try:
        return socket.create_connection((address.host, address.port), CONNECT_SECONDS)
    except TimeoutError as error:
        raise NoAnswerError(wrong or Trouble.TIMEOUT, "connecting") from error
    except (socket.gaierror, UnicodeError) as error:
        raise NoAnswerError(wrong or Trouble.NAME, type(error).__name__) from error
    except OSError as error:
        slow = error.errno == errno.ETIMEDOUT
        raise NoAnswerError(wrong or (Trouble.TIMEOUT if slow else Trouble.UNREACHABLE), os.strerror(error.errno or 0)) from error


def encrypt(sock: socket.socket, context: ssl.SSLContext, host: str) -> socket.socket:
    """The same connection, encrypted, with a server whose certificate is trusted.  Raises :class:`NoAnswerError`."""
    sock.settimeout(CONNECT_SECONDS)
    try:
        return context.wrap_socket(sock, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise NoAnswerError(Trouble.CERTIFICATE, error.verify_message) from error
    except TimeoutError as error:
        raise NoAnswerError(Trouble.TIMEOUT, "the handshake") from error
    except (ssl.SSLError, ConnectionError) as error:
        raise NoAnswerError(Trouble.TLS, type(error).__name__) from error
    except OSError as error:
        raise NoAnswerError(Trouble.UNREACHABLE, type(error).__name__) from error
