"""Places in the tests' blob service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.core.config.credentials import Account, AccountKey, Credentials, Sas
from chorus_gui.core.config.model import Place, PlaceKind


def service(azurite: Azurite) -> Any:
    """The SDK's client for the whole account, for a test's own hands."""
    from azure.storage.blob import BlobServiceClient

    return BlobServiceClient(azurite.url, credential={"account_name": azurite.account, "account_key": azurite.key})


def azure_place(account: str, url: str, credentials: Credentials, container: str = "box", prefix: str = "") -> Place:
    """A container, or a folder in it, in the account at ``url``."""
    text = f"az://{container}/{prefix}".rstrip("/")
    return Place(PlaceKind.AZURE, text, None, container, prefix, credentials, Account(account, url))


def key_place(azurite: Azurite, container: str, prefix: str = "") -> Place:
    return azure_place(azurite.account, azurite.url, AccountKey(azurite.key), container, prefix)


def sas_place(azurite: Azurite, container: str, permissions: str = "racwdl", hours: float = 1.0, start_hours: float = -2.0) -> Place:
    """The container with a SAS of these permissions, from and until so many hours from now."""
    from azure.storage.blob import ContainerSasPermissions, generate_container_sas

    now = datetime.now(UTC)
    token = generate_container_sas(
        azurite.account,
        container,
        account_key=azurite.key,
        permission=ContainerSasPermissions.from_string(permissions),
        start=now + timedelta(hours=start_hours),
        expiry=now + timedelta(hours=hours),
    )
    return azure_place(azurite.account, azurite.url, Sas(token), container)
