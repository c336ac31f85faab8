"""The blob endpoint of the benchmarks: it takes everything at memory speed, so that the client is measured and not the server.

``blobsink.rs`` is built with rustc where there is one.  Without it a small server in Python answers puts, in a process of its own.
TLS comes from haproxy where there is one.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

HERE = Path(__file__).resolve()
START_SECONDS = 20.0
HAPROXY = """\
global
    maxconn 4000
    nbthread 2
defaults
    mode tcp
    timeout connect 10s
    timeout client 10m
    timeout server 10m
listen tls
    bind 127.0.0.1:{own} ssl crt {file}
    server sink 127.0.0.1:{port}
"""
"""A terminator for TLS that costs little; without it a slow one in Python takes its place."""


@contextmanager
def sink(folder: Path, delay: int = 0, buckets: tuple[Path, Path] | None = None) -> Generator[int]:
    """A running endpoint on this computer: its port.  Its program is built in ``folder``.  ``delay`` ms are added to each request.

    ``buckets``: the files that say which buckets of S3 it has, see ``bucketsink.rs``; only with rustc.
    """
    compiler, program = shutil.which("rustc"), folder / "blobsink"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    if compiler and not program.exists():
        subprocess.run([compiler, "--edition", "2021", "-O", "-o", program, HERE.with_name("blobsink.rs")], check=True, capture_output=True)
    command = [str(program)] if compiler else [sys.executable, str(HERE), "plain"]
    command += [str(port), str(delay), *map(str, buckets or ())]
    with _running(command, port):
        yield port


@contextmanager
def terminator(folder: Path, port: int) -> Generator[tuple[int, Path]]:
    """TLS in front of the endpoint: its port, and the file with its certificate."""
    from azure_server import certificate

    with socket.create_server(("127.0.0.1", 0)) as free:
        own: int = free.getsockname()[1]
    file = certificate(folder)
    fast = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if fast:
        settings = folder / "haproxy.cfg"
        settings.write_text(HAPROXY.format(own=own, port=port, file=file), "ascii")
        command = [fast, "-db", "-q", "-f", str(settings)]
    else:
        command = [sys.executable, str(HERE), "tls", str(own), str(port), str(file)]
    with _running(command, own):
        yield own, file


@contextmanager
def _running(command: list[str], port: int) -> Generator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + START_SECONDS
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if time.monotonic() > until or process.poll() is not None:
                sys.exit("The benchmark's server did not start.")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


class _Put(StreamRequestHandler):
    """Puts alone, without a look at anything but length and checksum."""

    delay = 0.0
    """Seconds that are added to each."""

    def handle(self) -> None:
        number = 0
        while self.rfile.readline(65536):
            headers: dict[bytes, bytes] = {}
            while (line := self.rfile.readline(65536)) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                headers[name.lower()] = value.strip()
            if b"expect" in headers:
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.rfile.read(int(headers.get(b"content-length", b"0")))
            number += 1
            time.sleep(self.delay)
            self.wfile.write(
                b'HTTP/1.1 201 Created\r\nContent-Length: 0\r\nETag: "0x%X"\r\nx-ms-request-id: %08x\r\nContent-MD5: %b\r\n'
                b"Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n\r\n"
                % (number, number, headers.get(b"content-md5", b""))
            )


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 18):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def _terminate(own: int, port: int, file: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    def serve(raw: socket.socket) -> None:
        with (
            suppress(OSError),
            context.wrap_socket(raw, server_side=True) as client,
            socket.create_connection(("127.0.0.1", port)) as server,
        ):
            for sock in (raw, server):
                with suppress(OSError):
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join()

    with socket.create_server(("127.0.0.1", own)) as listener:
        while True:
            raw, _ = listener.accept()
            Thread(target=serve, args=(raw,), daemon=True).start()


def _main(kind: str, own: str, *rest: str) -> None:
    if kind == "tls":
        _terminate(int(own), int(rest[0]), rest[1])
    _Put.delay = int(rest[0]) / 1000
    ThreadingTCPServer.allow_reuse_address = ThreadingTCPServer.daemon_threads = True
    with ThreadingTCPServer(("127.0.0.1", int(own)), _Put) as server:
        server.serve_forever()


if __name__ == "__main__":
    _main(*sys.argv[1:])
