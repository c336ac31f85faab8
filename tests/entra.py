"""A sign-in service on this computer in place of Microsoft Entra, and the metadata service of a computer in Azure."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

TENANT = "6f1c0000-0000-4000-8000-00000000aaaa"
CLIENT = "6f1c0000-0000-4000-8000-00000000cccc"
PASSWORD = "Kennwort-zu-9"
HOURS = 3600


def storage_token(seconds: float, number: int = 0) -> str:
    """A token for Blob storage that nobody signed, as the emulator takes it.  ``number`` tells tokens apart."""
    now = int(time.time())
    claims = {
        "aud": "https://storage.azure.com",
        "iss": f"https://sts.windows.net/{TENANT}/",
        "nbf": now - HOURS,
        "iat": now - HOURS,
        "exp": int(now + seconds),
        "jti": str(number),
    }
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


@dataclass
class Authority:
    """A sign-in service.  ``lives``: for each token in turn (the last for ever) how many seconds it is said to last, and how many it does.

    ``refuses``: a text that every request for a token gets instead ("AADSTS700016: …").  ``asked`` has the form of each such request.
    ``registered``: the public certificate that assertions are checked with; ``federated``: the text that is taken instead of one.
    """

    url: str = ""
    lives: list[tuple[float, float]] = field(default_factory=lambda: [(HOURS, HOURS)])
    refuses: str = ""
    registered: x509.Certificate | None = None
    federated: str = ""
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    given: list[str] = field(default_factory=list[str])
    paths: list[str] = field(default_factory=list[str])
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def host(self) -> str:
        """As azure_authority_host has it."""
        return self.url.removeprefix("https://")

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self.paths.append(path)
        tenant = path.strip("/").partition("/")[0]
        if path.endswith("/openid-configuration"):
            at = f"{self.url}/{tenant}"
            endpoints = {"token_endpoint": f"{at}/oauth2/v2.0/token", "authorization_endpoint": f"{at}/oauth2/v2.0/authorize"}
            return 200, {**endpoints, "device_authorization_endpoint": f"{at}/oauth2/v2.0/devicecode", "issuer": f"{at}/v2.0"}
        with self.lock:
            self.asked.append(form)
            if self.refuses:
                return _refusal(self.refuses)
            if tenant != TENANT:
                return _refusal(f"AADSTS90002: Tenant '{tenant}' not found.\r\nTrace ID: 1")
            if form.get("client_id") != CLIENT:
                return _refusal(f"AADSTS700016: Application with identifier '{form.get('client_id')}' was not found in the directory.")
            if not self._is_signed(form.get("client_assertion", "")):
                return _refusal("AADSTS700027: The certificate with identifier used to sign the client assertion is not registered.")
            return 200, self._token()

    def _token(self) -> dict[str, Any]:
        said, lasts = self.lives[min(len(self.given), len(self.lives) - 1)]
        self.given.append(storage_token(lasts, len(self.given)))
        return {"token_type": "Bearer", "expires_in": int(said), "ext_expires_in": int(said), "access_token": self.given[-1]}

    def _is_signed(self, assertion: str) -> bool:
        if self.federated:
            return assertion == self.federated
        if self.registered is None:
            return False
        try:
            jwt.decode(assertion, self.registered.public_key(), algorithms=["RS256", "PS256"], options={"verify_aud": False})  # type: ignore[arg-type]
        except jwt.InvalidTokenError:
            return False
        return True

    def metadata(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """The answer of a computer's metadata service: a token for whichever identity is asked for."""
        self.paths.append(path)
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        with self.lock:
            self.asked.append(query)
            if headers.get("Metadata") != "true":
                return 400, {"error": "bad_request"}
            if self.refuses:
                return 400, {"error": "invalid_request", "error_description": self.refuses}
            made = self._token()
            return 200, {**made, "expires_in": str(made["expires_in"]), "resource": query.get("resource", "")}


def _refusal(text: str) -> tuple[int, dict[str, Any]]:
    return 401, {"error": "invalid_client", "error_description": text}


class Serving:
    """A server on a free port of this computer, until it is closed."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler, bytes], tuple[int, dict[str, Any]]], tls: ssl.SSLContext | None) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                status, found = answer(self, self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                body = json.dumps(found).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = _answer  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self._http = Quiet(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def serve_authority(authority: Authority, tls: ssl.SSLContext) -> Serving:
    """The sign-in service, from now on."""

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, Any]]:
        return authority.answer(handler.path, {name: values[0] for name, values in parse_qs(body.decode()).items()})

    serving = Serving(answer, tls)
    authority.url = serving.url
    return serving


def serve_metadata(authority: Authority) -> Serving:
    """The metadata service of a computer in Azure, without TLS, as there."""
    serving = Serving(lambda handler, body: authority.metadata(handler.path, dict(handler.headers)), None)
    authority.url = serving.url
    return serving


@dataclass(frozen=True)
class Made:
    """A certificate of an app registration, and its key."""

    certificate: x509.Certificate
    key: Any

    def pem(self, password: str = "") -> bytes:
        lock = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
        return self.key_pem(lock) + self.public()

    def key_pem(self, lock: Any) -> bytes:
        out: bytes = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
        return out

    def public(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def pfx(self, password: str = "") -> bytes:
        lock = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
        return pkcs12.serialize_key_and_certificates(b"site", self.key, self.certificate, None, lock)


def make(*, days: tuple[float, float] = (-1, 90), elliptic: bool = False) -> Made:
    """A certificate that is valid from and until these days from now."""
    key: Any = ec.generate_private_key(ec.SECP256R1()) if elliptic else rsa.generate_private_key(65537, 2048)
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "site")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .sign(key, hashes.SHA256())
    )
    return Made(made, key)


def write(folder: Path, name: str, data: bytes) -> str:
    """A file; its path."""
    file = folder / name
    file.write_bytes(data)
    return str(file)
