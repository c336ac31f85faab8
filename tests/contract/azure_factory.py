"""Azure, on the tests' Azurite, in the contract suite: once with the whole container, once below a prefix with a SAS."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.core.config.credentials import Account, AccountKey, Credentials, Sas
from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.storage.base import Store

EMULATOR_DIFFERS = {
    "test_a_put_forgets_what_was_staged": "Azurite keeps waiting blocks over a Put Blob; the service discards them (REST: Put Blob)",
}
"""What the service promises and the emulator does not do."""


def _store(request: pytest.FixtureRequest, prefix: str, *, sas: bool) -> Store:
    from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

    from chorus_gui.core.storage.open import open_store

    reason = EMULATOR_DIFFERS.get(getattr(request.node, "originalname", ""))
    if reason:
        request.applymarker(pytest.mark.xfail(reason=reason))
    if not sas and getattr(request.node, "originalname", "") == "test_five_thousand_blobs_are_all_listed":
        pytest.skip("once is enough: below a prefix, with a SAS")
    azurite: Azurite = request.getfixturevalue("azurite")
    container = f"contract-{uuid.uuid4().hex}"
    with BlobServiceClient(azurite.url, credential={"account_name": azurite.account, "account_key": azurite.key}) as service:
        service.create_container(container).close()
    if sas:
        token = generate_container_sas(
            azurite.account,
            container,
            account_key=azurite.key,
            permission=ContainerSasPermissions.from_string("rcwdl"),
            expiry=datetime.now(UTC) + timedelta(hours=1),
        )
        credentials: Credentials = Sas(token)
    else:
        credentials = AccountKey(azurite.key)
    account = Account(azurite.account, azurite.url)
    return open_store(Place(PlaceKind.AZURE, f"az://{container}/{prefix}", None, container, prefix, credentials, account))


FACTORIES: dict[str, Callable[[pytest.FixtureRequest, Path], Store]] = {
    "azure": lambda request, folder: _store(request, "", sas=False),
    "azure-prefix-sas": lambda request, folder: _store(request, "site ä/2025", sas=True),
}
