"""The blob service that other tests lean on is there, takes our account only, and keeps to loopback."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient

from chorus_gui.app.demo.azurite import SCRIPT, Azurite


def test_a_blob_goes_there_and_back(azurite: Azurite) -> None:
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        container = service.create_container("house")
        container.upload_blob("a/b é.bin", b"content")
        assert container.download_blob("a/b é.bin").readall() == b"content"


def test_another_key_is_refused(azurite: Azurite) -> None:
    with (
        BlobServiceClient(azurite.url, credential={"account_name": azurite.account, "account_key": "d3Jvbmc="}) as service,
        pytest.raises(HttpResponseError) as refused,
    ):
        service.create_container("wrong")
    assert refused.value.status_code == 403


@pytest.mark.skipif(not SCRIPT.is_file(), reason="Azurite is not set up: python3 dev.py setup")
def test_it_does_not_outlive_a_killed_test_run(tmp_path: Path) -> None:
    code = (
        f"import sys, time; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        "from pathlib import Path; from chorus_gui.app.demo.azurite import running\n"
        f"with running(Path({str(tmp_path)!r})) as service:\n    print(service.url, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        port = urlsplit(holder.stdout.readline()).port
        assert port
        with socket.create_connection(("127.0.0.1", port), 5):
            pass
        holder.kill()
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except ConnectionError:
            return
        time.sleep(0.1)
    pytest.fail("Azurite still answers ten seconds after its owner was killed.")
