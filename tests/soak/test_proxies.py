"""The lines and proxies of the tests leave nothing behind, whenever they end."""

from __future__ import annotations

import gc
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from azure_server import certificate
from faultproxy import Proxy
from uplink import Uplink

ENDS: dict[str, tuple[Callable[[int, Path], Proxy | Uplink], str]] = {
    "proxy down": (lambda upstream, folder: Proxy(upstream), "down"),
    "proxy close": (lambda upstream, folder: Proxy(upstream), "close"),
    "uplink close": (lambda upstream, folder: Uplink(upstream, 1e9, certificate(folder)), "close"),
}


@pytest.mark.parametrize("name", ENDS)
def test_connections_that_arrive_at_the_end_are_closed(name: str, tmp_path: Path) -> None:
    """They are accepted in one step of the loop, and known in the next; in between, the line is told to end."""
    make, end = ENDS[name]
    with socket.create_server(("127.0.0.1", 0)) as upstream, ExitStack() as stack:
        line = make(upstream.getsockname()[1], tmp_path)
        line._loop.call_soon_threadsafe(time.sleep, 0.3)
        for _ in range(5):
            stack.enter_context(socket.create_connection(("127.0.0.1", line.port)))
        getattr(line, end)()
        gc.collect()  # what nobody closed is a warning here, and a warning fails the test
        if end != "close":
            line.close()


def test_an_end_that_the_service_sends_reaches_the_program(tmp_path: Path) -> None:
    """A service ends idle connections after some seconds.  A line that keeps its other half open would swallow the next request."""
    file = certificate(tmp_path)
    trust = ssl.create_default_context(cafile=file)
    with socket.create_server(("127.0.0.1", 0)) as upstream, ExitStack() as stack:
        line = Uplink(upstream.getsockname()[1], 1e9, file, back=True)
        stack.callback(line.close)
        plain = socket.create_connection(("127.0.0.1", line.port), timeout=60)
        client = stack.enter_context(trust.wrap_socket(plain, server_hostname="127.0.0.1"))
        client.sendall(b"ask")
        service, _ = upstream.accept()
        with service:
            assert service.recv(10) == b"ask"
            service.sendall(b"answer")
        got = b""
        while piece := client.recv(100):  # the end; or the time is over, and this raises
            got += piece
        assert got == b"answer"
