"""A store on this computer that counts what arrives, and when, on a line of a given speed: for what is on its way at some moment."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
import time
from base64 import b64encode
from contextlib import suppress

from azure_places import azure_place
from azure_server import KEY

from chorus_gui.core.storage.azure.store import AzureStore

_PIECE = 16 * 1024


class Sink:
    """Takes every write.  ``speed``: bytes a second of the line, shared by all connections, None for a fast one.

    ``silent``: nothing is answered any more.  ``arrived`` has (moment, bytes of a body) in order.
    """

    def __init__(self, speed: float | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.speed = speed
        self.silent = False
        self.arrived: list[tuple[float, int]] = []
        self.blobs: dict[str, int] = {}
        self._lock = threading.Lock()
        self._free = 0.0
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._listener = socket.socket()
        if speed is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(128)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    @property
    def total(self) -> int:
        """Bytes of bodies that arrived."""
        return sum(size for _, size in self.arrived)

    def between(self, start: float, end: float) -> int:
        """Bytes of bodies that arrived from one moment of the monotonic clock to another."""
        return sum(size for moment, size in self.arrived if start <= moment < end)

    def store(self) -> AzureStore:
        """A container here."""
        return AzureStore(azure_place("acct", self.url, KEY))

    def close(self) -> None:
        """End it; what is on its way is lost."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            left = [*self._open]
        for one in left:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                taken, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(taken,), daemon=True).start()

    def _serve(self, taken: socket.socket) -> None:
        with self._lock:
            self._open.add(taken)
        with suppress(OSError, ValueError), taken, self._tls.wrap_socket(taken, server_side=True) if self._tls else taken as sock:
            data = b""
            while True:
                while (end := data.find(b"\r\n\r\n")) < 0:
                    if not (more := sock.recv(_PIECE)):
                        return
                    data += more
                first, *lines = data[:end].decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                length = int(headers.get("content-length", "0"))
                if "expect" in headers:
                    sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                whole, data = self._body(sock, data[end + 4 :], length)
                while self.silent:
                    time.sleep(0.02)
                sock.sendall(self._answer(first, whole, length))
        with self._lock:
            self._open.discard(taken)

    def _body(self, sock: socket.socket, data: bytes, length: int) -> tuple[bytes, bytes]:
        whole, left = hashlib.md5(usedforsecurity=False), length
        while left:
            if not data:
                data = sock.recv(min(_PIECE, left))
                if not data:
                    raise OSError
            piece, data = data[:left], data[left:]
            left -= len(piece)
            self._pace(len(piece))
            whole.update(piece)
        return whole.digest(), data

    def _pace(self, size: int) -> None:
        now = time.monotonic()
        with self._lock:
            self.arrived.append((now, size))
            if self.speed is None:
                return
            self._free = max(self._free, now) + size / self.speed
            wait = self._free - now
        time.sleep(wait)

    def _answer(self, first: str, md5: bytes, length: int) -> bytes:
        method, target, _ = first.split(" ")
        always = 'x-ms-request-id: r\r\nETag: "1"\r\nLast-Modified: Fri, 27 Nov 2026 12:00:00 GMT\r\n'
        if method == "GET":
            code = "x-ms-error-code: BlobNotFound\r\nContent-Length: 0\r\n\r\n"
            return f"HTTP/1.1 404 Not Found\r\n{always}{code}".encode()
        if "comp=" not in target:
            self.blobs[target] = length
        return f"HTTP/1.1 201 Created\r\n{always}Content-MD5: {b64encode(md5).decode()}\r\nContent-Length: 0\r\n\r\n".encode()
