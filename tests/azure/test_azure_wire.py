"""What happens on the connection itself, against a server of our own that answers as told: TLS, broken answers, a login's token."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from chorus_gui.core.config.model import AuthMode, Credentials, Place, PlaceKind, Secret
from chorus_gui.core.errors import AccessError, ConditionError, StoreUnavailableError
from chorus_gui.core.storage.azure import login
from chorus_gui.core.storage.azure.store import AzureStore

KEY = Secret("c2VjcmV0" * 11)
Reply = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers every request with the next of ``replies``, the last one for ever, and keeps the requests' headers."""

    def __init__(self, *replies: Reply, tls: ssl.SSLContext | None = None) -> None:
        server = self
        self.seen: list[tuple[str, dict[str, str]]] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.seen.append((f"{self.command} {self.path}", dict(self.headers)))
                replies[min(len(server.seen), len(replies)) - 1](self)

            do_GET = do_PUT = do_HEAD = do_DELETE = answer  # noqa: N815

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
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    def store(self, mode: AuthMode = AuthMode.KEY) -> AzureStore:
        credentials = Credentials(mode, "acct", self.url, account_key=KEY if mode is AuthMode.KEY else None)
        return AzureStore(Place(PlaceKind.AZURE, "az://box", None, "box", "", credentials))

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*replies: Reply, tls: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(*replies, tls=tls))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


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


BUSY: dict[str, Any] = {"x_ms_request_id": "r-1", "x_ms_error_code": "ServerBusy", "Retry_After": "3"}


def test_a_busy_service_is_asked_once_and_its_wish_passed_on(serve: Callable[..., Server]) -> None:
    server = serve(reply(503, **BUSY))
    with pytest.raises(StoreUnavailableError) as caught:
        server.store().put("a", b"x")
    assert (caught.value.retry_after, caught.value.code, caught.value.request_id) == (3.0, "ServerBusy", "r-1")
    assert len(server.seen) == 1


def test_a_redirect_is_not_followed(serve: Callable[..., Server]) -> None:
    server = serve(reply(302, Location="/sign-in"))
    with pytest.raises(AccessError, match="Something else than Azure"):
        server.store().put("a", b"x")
    assert len(server.seen) == 1


def test_a_connection_that_is_cut_may_be_tried_again(serve: Callable[..., Server]) -> None:
    server = serve(hang_up)
    with pytest.raises(StoreUnavailableError, match="broke off"):
        server.store().put("a", b"x")
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [200, 201])
def test_a_sign_in_page_is_not_taken_for_the_store(serve: Callable[..., Server], status: int) -> None:
    store = serve(reply(status, b"<html>Welcome", Content_Type="text/html")).store()
    for call in (
        lambda: store.put("a", b"x"),
        lambda: store.head("a"),
        lambda: store.stage_block("a", "1", b"x") if status == 200 else store.put("a", b""),
        lambda: list(store.list()),
        lambda: list(store.read("a")),
        lambda: store.list_staged("a"),
        lambda: store.delete("a"),
    ):
        with pytest.raises(StoreUnavailableError, match="Something else than Azure"):
            call()


def test_a_download_that_breaks_off_is_no_shorter_file(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    part: dict[str, Any] = {"Content_Range": "bytes 0-99/100", "ETag": '"1"', "x_ms_request_id": "r", "x_ms_blob_type": "BlockBlob"}
    server = serve(reply(206, b"x" * 40, promised=100, **part))
    with pytest.raises(StoreUnavailableError, match="broke off"):
        list(server.store().read("a"))
    changed = serve(reply(412, x_ms_error_code="ConditionNotMet", x_ms_request_id="r"))
    with pytest.raises(ConditionError):
        list(changed.store().read("a", etag="1"))
    assert changed.seen[0][1]["If-Match"] == '"1"'


def test_names_are_escaped_once(serve: Callable[..., Server]) -> None:
    server = serve(reply(201, ETag='"1"', x_ms_request_id="r"))
    server.store().put("a b/100%/#?&+;=~é", b"x")
    assert server.seen[0][0] == "PUT /box/a%20b/100%25/%23%3F%26%2B%3B%3D~%C3%A9"


def test_a_certificate_nobody_knows_is_refused_and_one_that_is_added_believed(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path)
    server = serve(reply(404, x_ms_error_code="BlobNotFound", x_ms_request_id="r"), tls=tls(file))
    with pytest.raises(AccessError, match="is not trusted") as caught:
        server.store().head("a")
    assert "certificate authority" in caught.value.meaning
    assert server.seen == []
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    assert server.store().head("a") is None


def test_a_login_sends_its_token_and_a_missing_role_is_named(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from azure.core.credentials import AccessToken

    class Way:
        def get_token(self, *scopes: str, **options: Any) -> AccessToken:
            assert scopes == ("https://storage.azure.com/.default",)
            return AccessToken("made-up-token", 4102444800)

    file = certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    monkeypatch.setattr(login, "_ways", lambda sign_in: [Way()])
    denied = reply(403, x_ms_error_code="AuthorizationPermissionMismatch", x_ms_request_id="r")
    server = serve(reply(201, ETag='"1"', x_ms_request_id="r"), denied, tls=tls(file))
    store = server.store(AuthMode.LOGIN)
    assert store.put("a", b"x").etag == "1"
    assert server.seen[0][1]["Authorization"] == "Bearer made-up-token"
    with pytest.raises(AccessError, match="Storage Blob Data Contributor"):
        store.put("a", b"x")


def test_a_copy_behind_a_custom_url_names_the_account_itself(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    done = reply(202, x_ms_copy_id="c", x_ms_copy_status="success", ETag='"1"', x_ms_request_id="r")
    look = reply(
        200, x_ms_copy_id="c", x_ms_copy_status="success", ETag='"1"', x_ms_request_id="r", Last_Modified="Wed, 01 Jan 2025 10:00:00 GMT",
        x_ms_blob_type="BlockBlob",
    )  # fmt: skip
    server = serve(done, look, tls=tls(file))
    assert server.store().copy("a b/%", "c").etag == "1"
    assert server.seen[0][1]["x-ms-copy-source"] == "https://acct.blob.core.windows.net/box/a%20b/%25"
