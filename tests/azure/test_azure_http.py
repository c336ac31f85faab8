"""HTTP/1.1 as the lean wire speaks it: connections that are kept, proxies, large bodies, and answers that are none."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from azure_places import azure_place
from azure_server import NOTHING, Server, certificate, reply, tls, wrote

from chorus_gui.core.config.credentials import AccountKey, Sas
from chorus_gui.core.errors import AccessError, StoreError, StoreUnavailableError
from chorus_gui.core.storage.azure.authorise import ByKey, Request
from chorus_gui.core.storage.azure.store import AzureStore
from chorus_gui.core.storage.base import IF_ABSENT, Condition
from chorus_gui.core.storage.http import channel
from chorus_gui.core.storage.http.channel import NoAnswerError, parsed_head
from chorus_gui.core.storage.http.proxies import proxy_for

DATA = b"content"
MD5 = base64.b64encode(hashlib.md5(DATA).digest()).decode()
DONE = f'HTTP/1.1 201 Created\r\nETag: "1"\r\nContent-MD5: {MD5}\r\nx-ms-request-id: r\r\nContent-Length: 0\r\n\r\n'.encode()


class Raw:
    """A server of bytes: ``talk`` has each connection, with its number from 1, after the head of its first request was read."""

    def __init__(self, talk: Callable[[socket.socket, int], None]) -> None:
        self.count = 0
        self.heads: list[bytes] = []
        self._talk = talk
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.count += 1
            with closing(sock), suppress(OSError):
                sock.settimeout(5)
                self.heads.append(self.head(sock))
                self._talk(sock, self.count)

    @staticmethod
    def head(sock: socket.socket) -> bytes:
        """The next bytes up to an empty line, with what came behind it."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = sock.recv(65536)
            if not piece:
                raise OSError
            data += piece
        return data

    def store(self) -> AzureStore:
        return AzureStore(azure_place("acct", self.url, Sas("sig=x")))

    def close(self) -> None:
        with suppress(OSError):  # Windows refuses it, and wakes the thread at the close
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


@contextmanager
def raw(talk: Callable[[socket.socket, int], None]) -> Generator[Raw]:
    server = Raw(talk)
    try:
        yield server
    finally:
        server.close()


def once_then_hang_up(sock: socket.socket, number: int) -> None:
    """Answer one request; read the next, and close the connection without an answer."""
    sock.sendall(DONE)
    Raw.head(sock)


def test_a_connection_is_kept(serve: Callable[..., Server]) -> None:
    ports: set[Any] = set()

    def note(handler: BaseHTTPRequestHandler) -> None:
        ports.add(handler.client_address)
        wrote(handler)

    with closing(serve(note).store()) as store:
        for number in range(5):
            store.put(f"{number}", DATA)
    assert len(ports) == 1


def test_a_kept_connection_that_ended_meanwhile_is_replaced_without_a_word() -> None:
    with raw(once_then_hang_up) as server, closing(server.store()) as store:
        assert [store.put("a", DATA).etag for _ in range(3)] == ["1"] * 3
    assert server.count == 3


@pytest.mark.parametrize("condition", [IF_ABSENT, Condition(etag="0")])
def test_a_write_under_a_condition_is_not_sent_again(condition: Condition) -> None:
    """The first may have been carried out; then the second would say that somebody else wrote."""
    with raw(once_then_hang_up) as server, closing(server.store()) as store:
        store.put("a", DATA)
        with pytest.raises(StoreUnavailableError, match="was lost"):
            store.put("a", DATA, condition=condition)
    assert server.count == 1


def test_many_threads_replace_their_connections_at_once() -> None:
    """A server that closes every connection after one answer, without a word."""
    done = threading.Barrier(8)

    def talk(sock: socket.socket, number: int) -> None:
        threading.Thread(target=answer_and_leave, args=(sock.dup(),), daemon=True).start()

    def answer_and_leave(sock: socket.socket) -> None:
        with closing(sock), suppress(OSError):
            sock.sendall(DONE)

    def put(store: AzureStore) -> str:
        done.wait(60)
        return "".join(store.put("a", DATA).etag for _ in range(20))

    with raw(talk) as server, closing(server.store()) as store, ThreadPoolExecutor(8) as pool:
        assert set(pool.map(put, [store] * 8)) == {"1" * 20}


def test_what_was_answered_in_part_is_not_sent_again() -> None:
    def talk(sock: socket.socket, number: int) -> None:
        sock.sendall(DONE)
        Raw.head(sock)
        sock.sendall(DONE[:40])

    with raw(talk) as server, closing(server.store()) as store:
        store.put("a", DATA)
        with pytest.raises(StoreUnavailableError, match="was lost"):
            store.put("a", DATA)
    assert server.count == 1


def test_bytes_that_nobody_asked_for_are_not_the_next_answer() -> None:
    """A server or a proxy that sends two answers must not have the second taken for that of the next request."""
    with raw(lambda sock, number: sock.sendall(DONE.replace(b'"1"', b'"%d"' % number) + DONE)) as server, closing(server.store()) as store:
        assert [store.put("a", DATA).etag for _ in range(3)] == ["1", "2", "3"]


def test_a_refusal_of_a_large_body_is_read_before_it_is_sent() -> None:
    got: list[int] = []

    def talk(sock: socket.socket, number: int) -> None:
        sock.sendall(
            b"HTTP/1.1 403 Forbidden\r\nx-ms-error-code: AuthorizationPermissionMismatch\r\nx-ms-request-id: r\r\nContent-Length: 0\r\n\r\n"
        )
        sock.settimeout(1)
        with suppress(OSError):
            got.append(len(sock.recv(1 << 20)))

    with raw(talk) as server, closing(server.store()) as store, pytest.raises(AccessError, match="does not allow writing"):
        store.put("a", b"x" * (4 << 20))
    assert b"Expect: 100-continue" in server.heads[0]
    assert got in ([], [0])


@pytest.mark.parametrize("word", [b"HTTP/1.1 100 Continue\r\n\r\n", b""])
def test_a_large_body_is_sent_on_a_word_or_after_a_moment(monkeypatch: pytest.MonkeyPatch, word: bytes) -> None:
    monkeypatch.setattr(channel, "WAIT_SECONDS", 0.2)
    size = (4 << 20) + 1
    got: list[int] = []

    def talk(sock: socket.socket, number: int) -> None:
        sock.sendall(word)
        left = size
        while left:
            left -= len(sock.recv(1 << 20))
        got.append(size)
        sock.sendall(DONE)

    with raw(talk) as server, closing(server.store()) as store:
        store.put("a", b"x" * size)
    assert got == [size]


ODD = [
    b"", b"\r\n\r\n", b"SSH-2.0-x\r\n", b"HTTP/2 200\r\n\r\n", b"HTTP/1.1 20 OK\r\n\r\n", b"HTTP/1.1 999 OK\r\n\r\n", b"HTTP/1.1 101 Upgrade\r\n\r\n",
    DONE.replace(b"\r\nETag", b"\r\n ETag"), DONE.replace(b"ETag:", b"ETag :"), DONE.replace(b"ETag: ", b"ETag "), DONE.replace(b'"1"', b'"1"\n'),
    DONE.replace(b'"1"', b'"1\0"'), DONE.replace(b"Content-Length: 0", b"Content-Length: 0\r\nContent-Length: 1"),
    DONE.replace(b"Content-Length: 0", b"Content-Length: +0"), DONE.replace(b"Content-Length: 0", b"Content-Length: 0x0"),
    DONE.replace(b"Content-Length: 0", b"Content-Length: 9999999999999999999"),
    DONE.replace(b"Content-Length: 0", b"Content-Length: 0\r\nTransfer-Encoding: chunked"),
    DONE.replace(b"Content-Length: 0", b"Transfer-Encoding: gzip, chunked"), DONE.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"x\r\n",
    DONE.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"fffffff\r\n", DONE.replace(b"Content-Length: 0", b"X: y\r\n" * 500),
    DONE.replace(b"Content-Length: 0", b"X: " + b"y" * 200_000), b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    DONE.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"1\r\nxy\r\n",
]  # fmt: skip


@pytest.mark.parametrize("answer", ODD, ids=lambda answer: repr(answer[:24]) + str(len(answer)))
def test_an_answer_that_is_no_http_is_an_error(answer: bytes) -> None:
    with raw(lambda sock, number: sock.sendall(answer)) as server, closing(server.store()) as store, pytest.raises(StoreUnavailableError):
        store.put("a", DATA)


@pytest.mark.parametrize("pieces", [1, 7, 4096])
def test_a_body_in_chunks_is_put_together(pieces: int) -> None:
    def talk(sock: socket.socket, number: int) -> None:
        head = b"HTTP/1.1 200 OK\r\nx-ms-request-id: r\r\nContent-Type: application/xml\r\nTransfer-Encoding: chunked\r\n\r\n"
        body = b"".join(
            b"%x;a=b\r\n%b\r\n" % (len(NOTHING[i : i + pieces]), NOTHING[i : i + pieces]) for i in range(0, len(NOTHING), pieces)
        )
        data = head + body + b"0\r\nTrailer: x\r\n\r\n"
        for start in range(0, len(data), 700):
            sock.sendall(data[start : start + 700])

    with raw(talk) as server, closing(server.store()) as store:
        assert list(store.list()) == []


def test_headers_are_joined_and_their_names_have_no_case() -> None:
    version, answer = parsed_head(b"HTTP/1.0 200\r\nX-A:  1 \r\nx-a: 2\r\nEmpty:")
    assert (version, answer.status, answer.headers) == (0, 200, {"x-a": "1, 2", "empty": ""})
    with pytest.raises(NoAnswerError):
        parsed_head(b"HTTP/1.1 200 OK\r\nA: 1\nB: 2")


def test_a_line_that_answers_repeat_is_read_as_the_first_time_and_few_are_kept() -> None:
    for number in range(1000):
        head = f"HTTP/1.1 201 Created\r\nServer:  some \r\nDATE: {number}\r\nx-ms-request-id: {number}".encode()
        expected = {"server": "some", "date": str(number), "x-ms-request-id": str(number)}
        assert parsed_head(head)[1].headers == parsed_head(head)[1].headers == expected
    with pytest.raises(NoAnswerError):
        parsed_head(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 1")
    assert len(vars(channel)["_known"]) <= vars(channel)["_KNOWN_LINES"]


def test_a_value_with_a_line_break_never_becomes_a_header(serve: Callable[..., Server]) -> None:
    server = serve(wrote)
    with closing(server.store()) as store, pytest.raises(StoreError):
        store.put("a", DATA, condition=Condition(etag="1\r\nx-ms-meta-a: b"))
    assert server.seen == []


# --- proxies --------------------------------------------------------------------------------------------------------------


def through(monkeypatch: pytest.MonkeyPatch, proxy: str, *, but: str = "") -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, proxy)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, but)


def test_a_tunnel_through_a_proxy_with_its_credentials(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    server = serve(wrote, tls=tls(file))

    def talk(sock: socket.socket, number: int) -> None:
        sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as other:
            back = threading.Thread(target=pump, args=(other, sock))
            back.start()
            pump(sock, other)
            back.join()

    with raw(talk) as proxy:
        through(monkeypatch, f"http://us%40er:p%3Ass@127.0.0.1:{proxy.port}")
        with closing(server.store()) as store:
            assert store.put("a", DATA).etag == "1"
            assert store.put("b", DATA).etag == "1"
    assert proxy.count == 1
    assert proxy.heads[0].startswith(b"CONNECT 127.0.0.1:")
    login = base64.b64encode(b"us@er:p:ss")
    assert b"Proxy-Authorization: Basic " + login in proxy.heads[0]
    assert all("Proxy-Authorization" not in headers for _, headers in server.seen)
    assert login.decode() not in repr(store)


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", AccessError, "requires a sign-in"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", StoreUnavailableError, "proxy server"),
        (b"", StoreUnavailableError, "proxy server"),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK", StoreUnavailableError, "proxy server"),
    ],
)
def test_a_proxy_that_refuses_is_named(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes, kind: type[StoreError], words: str
) -> None:
    server = serve(wrote, tls=tls(certificate(tmp_path)))
    with raw(lambda sock, number: sock.sendall(answer)) as proxy:
        through(monkeypatch, f"http://u:secret@127.0.0.1:{proxy.port}")
        with closing(server.store()) as store, pytest.raises(kind, match=words) as caught:
            store.put("a", DATA)
        assert "secret" not in str(caught.value)
        assert base64.b64encode(b"u:secret").decode() not in str(caught.value)
    assert server.seen == []


def test_without_encryption_the_proxy_gets_the_whole_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw(lambda sock, number: sock.sendall(DONE)) as proxy:
        through(monkeypatch, f"127.0.0.1:{proxy.port}")
        with closing(AzureStore(azure_place("acct", "http://127.0.0.1:9/acct", AccountKey("a2V5")))) as store:
            store.put("a", DATA)
    assert proxy.heads[0].startswith(b"PUT http://127.0.0.1:9/acct/box/a HTTP/1.1\r\n")


def test_a_proxy_whose_name_or_login_is_not_valid_text_is_one_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("http://u\udce9:p@127.0.0.1:1", "http://\udce9:1", "u\udce9@[::1", "http://[::1]]:99999", "http://a b:1"):
        monkeypatch.setattr("chorus_gui.core.storage.http.proxies.getproxies", lambda text=text: {"https": text, "http": text})
        monkeypatch.setattr("chorus_gui.core.storage.http.proxies.proxy_bypass", lambda host: False)
        place = azure_place("acct", "http://127.0.0.1:9/acct", AccountKey("a2V5"))
        with closing(AzureStore(place)) as store, pytest.raises(StoreError, match="proxy server"):
            store.put("a", DATA)


@pytest.mark.parametrize(
    ("url", "but", "direct"),
    [
        ("https://acct.blob.core.windows.net", "", False),
        ("https://acct.blob.core.windows.net", "blob.core.windows.net", True),
        ("https://acct.blob.core.windows.net", "other.example, .core.windows.net", True),
        ("https://acct.blob.core.windows.net", "*", True),
        ("https://acct.blob.core.windows.net", "windows.example", False),
        ("https://10.1.2.3", "10.0.0.0/8", True),
        ("https://10.1.2.3", "10.0.0.0/16,x/y", False),
        ("https://[fd00::1]:444/acct", "fd00::/8", True),
        ("https://[fd00::1]:444/acct", "", False),
    ],
)
def test_no_proxy_names_hosts_domains_and_networks(monkeypatch: pytest.MonkeyPatch, url: str, but: str, direct: bool) -> None:
    through(monkeypatch, "http://proxy.example:3128", but=but)
    assert (proxy_for(url) is None) is direct


@pytest.mark.parametrize(
    ("text", "host", "port", "plain"),
    [
        ("http://proxy.example:3128", "proxy.example", 3128, True),
        ("proxy.example:3128/", "proxy.example", 3128, True),
        ("http://proxy.example", "proxy.example", 80, True),
        ("http://[::1]:8080", "::1", 8080, True),
        ("http://[::1]", "::1", 80, True),
        ("https://proxy.example", "proxy.example", 443, False),
        ("socks5://proxy.example:1080", "proxy.example", 1080, False),
    ],
)
def test_the_address_of_a_proxy(monkeypatch: pytest.MonkeyPatch, text: str, host: str, port: int, plain: bool) -> None:
    through(monkeypatch, text)
    proxy = proxy_for("https://acct.blob.core.windows.net")
    assert proxy is not None
    assert (proxy.host, proxy.port, proxy.plain, proxy.login) == (host, port, plain, "")


def test_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    if not socket.has_ipv6:
        pytest.skip("this computer has no IPv6")
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this computer has no IPv6")
    heads: list[bytes] = []

    def serve_one() -> None:
        sock, _ = listener.accept()
        with closing(sock):
            heads.append(Raw.head(sock))
            sock.sendall(DONE)

    thread = threading.Thread(target=serve_one)
    thread.start()
    with (
        closing(listener),
        closing(AzureStore(azure_place("acct", f"http://[::1]:{listener.getsockname()[1]}/acct", Sas("sig=x")))) as store,
    ):
        store.put("a", DATA)
        thread.join()
    assert b"Host: [::1]:" in heads[0]


# --- what is signed, and how many requests a file takes ---------------------------------------------------------------------


def test_a_signature_is_that_of_the_services_description() -> None:
    """The text to sign of the service's own example, for these headers."""
    request = Request(
        "PUT",
        "/acct/box/a%20b",
        (("comp", "block"), ("blockid", "MQ==")),
        {"content-md5": "x", "x-ms-version": "v", "if-match": '"1"'},
        b"12",
    )
    by_key = ByKey("acct", "a2V5")
    assert by_key.sign(request) == "/acct/box/a%20b?comp=block&blockid=MQ%3D%3D"
    date = request.headers["x-ms-date"]
    text = f'PUT\n\n\n2\nx\n\n\n\n"1"\n\n\n\nx-ms-date:{date}\nx-ms-version:v\n/acct/acct/box/a%20b\nblockid:MQ==\ncomp:block'
    import hmac

    signature = base64.b64encode(hmac.digest(b"key", text.encode(), "sha256")).decode()
    assert request.headers["authorization"] == f"SharedKey acct:{signature}"


def test_a_file_of_two_blocks_takes_four_requests(serve: Callable[..., Server]) -> None:
    def send(handler: BaseHTTPRequestHandler) -> None:
        if handler.command == "GET":
            reply(404, x_ms_error_code="BlobNotFound", x_ms_request_id="r")(handler)
        else:
            wrote(handler)

    server = serve(send)
    with closing(server.store()) as store:
        assert store.list_staged("a") == []
        for block_id in ("001", "002"):
            store.stage_block("a", block_id, DATA)
        made = store.commit_blocks("a", ["001", "002"])
    assert made.size == 2 * len(DATA)
    assert [seen.partition(" ")[0] for seen, _ in server.seen] == ["GET", "PUT", "PUT", "PUT"]


def test_the_sdk_is_not_loaded_to_upload() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from chorus_gui.core.config.credentials import *; from chorus_gui.core.config.model import *\n"
        "from chorus_gui.core.storage.open import open_store\n"
        "place = Place(PlaceKind.AZURE, 'az://box', None, 'box', '', Sas('sig=x'), Account('acct', 'http://127.0.0.1:9/acct'))\n"
        "store = open_store(place)\n"
        "try: store.put('a', b'x', metadata=None)\n"
        "except Exception as error: print(type(error).__name__)\n"
        "print([name for name in ('azure.storage.blob', 'azure.core', 'requests', 'urllib3') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["StoreUnavailableError", "[]"]
