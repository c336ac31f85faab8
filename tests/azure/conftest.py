"""A new container for each test that wants one."""

from __future__ import annotations

import uuid

import pytest
from azure_places import key_place, service

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
