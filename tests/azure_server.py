"""A server on this computer that answers as it is told, in place of Azure: what the tests of the connection have in common."""

from __future__ import annotations

import hashlib
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from azure_places import azure_place

from chorus_gui.core.config.credentials import AccountKey, Credentials
from chorus_gui.core.config.model import Place
from chorus_gui.core.storage.azure.store import AzureStore

KEY = AccountKey("c2VjcmV0" * 11)
Reply = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers every request with the next of ``replies``, the last one for ever, and keeps the requests' headers and bodies.

    ``poll``: after how many seconds it notices that it is closed.
    """

    def __init__(self, *replies: Reply, tls: ssl.SSLContext | None = None, poll: float = 0.02) -> None:
        server = self
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.bodies: list[bytes] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.seen.append((f"{self.command} {self.path}", dict(self.headers)))
                server.bodies.append(body)
                self.body = body
                replies[min(len(server.seen), len(replies)) - 1](self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self._http = Quiet(("127.0.0.1", 0), Handler)
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(poll,))
        self._thread.start()

    def place(self, credentials: Credentials = KEY) -> Place:
        """A container at this server."""
        return azure_place("acct", self.url, credentials)

    def store(self) -> AzureStore:
        """That container, opened with the account's key."""
        return AzureStore(self.place())

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def reply(status: int, body: bytes = b"", *, promised: int | None = None, **headers: str) -> Reply:
    """``promised``: the Content-Length, where it is to be a lie."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body) if promised is None else promised))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)
        if promised is not None:
            handler.close_connection = True

    return send


def wrote(handler: Any) -> None:
    """What Azure says after a write: always the blob's ETag and the MD5 of what arrived."""
    arrived = b64encode(hashlib.md5(handler.body).digest()).decode()
    reply(201, ETag='"1"', Content_MD5=arrived, x_ms_request_id="r")(handler)


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def certificate(folder: Path) -> Path:
    """One that nobody issued, for 127.0.0.1."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name, now = ec.generate_private_key(ec.SECP256R1()), x509.Name([]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


def tls(file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


NOTHING = b'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="box"><Blobs/><NextMarker/></EnumerationResults>'


def empty_container(handler: BaseHTTPRequestHandler) -> None:
    """A container that takes everything and holds nothing."""
    if handler.command == "GET" and "comp=list" in handler.path:
        reply(200, NOTHING, Content_Type="application/xml", x_ms_request_id="r")(handler)
    elif handler.command in ("GET", "HEAD"):
        reply(404, x_ms_error_code="BlobNotFound", x_ms_request_id="r")(handler)
    else:
        wrote(handler) if handler.command == "PUT" else reply(202, x_ms_request_id="r")(handler)
