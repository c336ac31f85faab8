"""A new container for each test that needs one, and servers that answer as they are told."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from azure_places import key_place, service
from azure_server import Reply, Server, certificate, tls

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.core.config.model import Place


@pytest.fixture
def container(azurite: Azurite) -> str:
    name = f"test-{uuid.uuid4().hex}"
    with service(azurite) as client:
        client.create_container(name).close()
    return name


@pytest.fixture
def place(azurite: Azurite, container: str) -> Place:
    """A prefix in a new container, with the account's key."""
    return key_place(azurite, container, "site one")


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*replies: Reply, tls: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(*replies, tls=tls))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def serve_login(serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Server]:
    """The same with TLS, which a login needs, and a certificate that is believed."""
    file = certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))

    def start(*replies: Reply) -> Server:
        return serve(*replies, tls=tls(file))

    return start
