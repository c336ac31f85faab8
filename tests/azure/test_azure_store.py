"""What only Azure has, against the emulator: ways in, refusals, secrets, many threads."""

from __future__ import annotations

import hashlib
import logging
import os
import traceback
from base64 import b64encode
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from azure_places import key_place, sas_place, service

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.core.config.credentials import NO_CREDENTIALS, Account, AccountKey, ConnectionString, Credentials, MicrosoftLogin, Sas
from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import AccessError, BlobNameError, BlobNotFoundError, ConditionError, StoreError, StoreUnavailableError
from chorus_gui.core.redact import redact
from chorus_gui.core.storage.azure.store import AzureStore
from chorus_gui.core.storage.azure.wire import Properties
from chorus_gui.core.storage.base import IF_ABSENT, Buffer, Condition
from chorus_gui.core.storage.http.channel import Answer
from chorus_gui.core.storage.http.http1 import Http
from chorus_gui.core.storage.open import open_store

DATA = b"some bytes"
MD5 = hashlib.md5(DATA, usedforsecurity=False).digest()


def opened(place: Place) -> AzureStore:
    store = open_store(place)
    assert isinstance(store, AzureStore)
    return store


def with_credentials(place: Place, credentials: Credentials) -> Place:
    return replace(place, credentials=credentials)


def test_a_put_is_one_request_that_carries_its_checksum_twice(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content-MD5 is checked against the body, x-ms-blob-content-md5 is kept."""
    sent: list[tuple[str, str, dict[str, str]]] = []
    exchange = Http.exchange

    def note(self: Http, method: str, target: str, headers: Mapping[str, str], body: Buffer, **options: Any) -> Answer:
        sent.append((method, target, dict(headers)))
        return exchange(self, method, target, headers, body, **options)

    monkeypatch.setattr(Http, "exchange", note)
    store = opened(place)
    store.put("a/b.bin", b"x" * (6 << 20))
    store.put("a/b.txt", DATA, md5=MD5)
    store.close()
    assert [method for method, _, _ in sent] == ["PUT", "PUT"]
    assert all("comp=" not in url for _, url, _ in sent)
    headers = sent[1][2]
    assert headers["content-md5"] == headers["x-ms-blob-content-md5"] == b64encode(MD5).decode()


@pytest.mark.parametrize("way", ["key", "sas", "connection string with key", "connection string with SAS"])
def test_every_way_in(azurite: Azurite, container: str, way: str) -> None:
    sas = sas_place(azurite, container).credentials.sas
    assert sas
    credentials: Credentials = {
        "key": AccountKey(f" {azurite.key}\n"),
        "sas": Sas("?" + sas.token.reveal()),
        "connection string with key": ConnectionString(AccountKey(azurite.key)),
        "connection string with SAS": ConnectionString(sas),
    }[way]
    store = opened(with_credentials(key_place(azurite, container, "deep/er"), credentials))
    assert store.url == f"az://{container}/deep/er"
    written = store.put("a b/c%23.txt", DATA, md5=MD5)
    assert store.head("a b/c%23.txt") == replace(written, metadata={})
    copied = store.copy("a b/c%23.txt", "copy of/ä+#?;=&.txt")
    assert copied.md5 == MD5.hex()
    assert sorted(blob.path for blob in store.list()) == ["a b/c%23.txt", "copy of/ä+#?;=&.txt"]
    assert b"".join(store.read("copy of/ä+#?;=&.txt")) == DATA
    store.delete("a b/c%23.txt")
    store.close()


REFUSED = [
    ("an expired SAS", "expired on"),
    ("a SAS of tomorrow", "not valid before"),
    ("a SAS with a typing error", "credentials do not allow"),
    ("a SAS without write", "“write”"),
    ("a wrong key", "credentials do not allow"),
    ("a key that is no key", "account key"),
    ("no container", "no container"),
    ("a bad container name", "is not a valid container name"),
    ("no encryption", "not encrypted"),
    ("no credentials", "no credentials"),
    ("a login over http", "https"),
]


def refused_place(kind: str, azurite: Azurite, container: str) -> Place:
    place = key_place(azurite, container)
    sas = sas_place(azurite, container).credentials.sas
    assert sas
    return {
        "an expired SAS": lambda: sas_place(azurite, container, hours=-1.0),
        "a SAS of tomorrow": lambda: sas_place(azurite, container, hours=30.0, start_hours=24.0),
        "a SAS with a typing error": lambda: with_credentials(place, Sas(sas.token.reveal().replace("sp=racwdl", "sp=rcwdl"))),
        "a SAS without write": lambda: sas_place(azurite, container, "rl"),
        "a wrong key": lambda: with_credentials(place, AccountKey("c2VjcmV0" * 8)),
        "a key that is no key": lambda: with_credentials(place, AccountKey("n0tAk")),
        "no container": lambda: replace(place, container="nowhere", text="az://nowhere"),
        "a bad container name": lambda: replace(place, container="No_Where"),
        "no encryption": lambda: replace(place, account=Account(azurite.account, "http://blob.example.org")),
        "no credentials": lambda: with_credentials(place, NO_CREDENTIALS),
        "a login over http": lambda: with_credentials(place, MicrosoftLogin()),
    }[kind]()


@pytest.mark.parametrize(("kind", "words"), REFUSED)
def test_what_is_refused_is_explained_and_keeps_its_secret(
    azurite: Azurite, container: str, kind: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    place = refused_place(kind, azurite, container)
    with pytest.raises(AccessError) as caught:
        opened(place).put("a.txt", DATA, md5=MD5)
    error = caught.value
    assert words in str(error)
    assert error.remedy
    shown = "".join(traceback.format_exception(error)) + caplog.text
    assert redact(shown) == shown
    credentials = place.credentials
    for secret in (credentials.sas and credentials.sas.token, credentials.key and credentials.key.secret):
        assert not secret or secret.reveal() not in shown + repr(place)


def test_nothing_secret_is_logged_or_shown_when_all_goes_well(azurite: Azurite, container: str, caplog: pytest.LogCaptureFixture) -> None:
    """Not even by a logger that somebody turned up again: urllib3 at DEBUG prints the whole SAS."""
    place = sas_place(azurite, container)
    sas = place.credentials.sas
    assert sas
    signature = sas.token.reveal().rpartition("sig=")[2]
    store = opened(place)
    store.clock_skew()  # the SDK's client is there, and silenced
    for name in ("", "urllib3", "urllib3.connectionpool", "azure", "azure.core.pipeline.policies.http_logging_policy"):
        caplog.set_level(logging.DEBUG, logger=name)
    store.put("a.txt", DATA)
    store.copy("a.txt", "b.txt")
    assert b"".join(store.read("b.txt")) == DATA
    store.delete("a.txt")  # by the SDK, which logs its requests
    assert "DELETE" in caplog.text
    assert signature not in caplog.text
    for thing in (store, store._connection, store._wire, place):
        assert signature not in f"{thing!r} {thing!s}"
    store.close()


def test_out_of_reach_may_be_tried_again(place: Place) -> None:
    gone = replace(place, account=replace(place.account, url="http://127.0.0.1:9/someone"))
    with pytest.raises(StoreUnavailableError, match="Could not reach"):
        opened(gone).head("a.txt")


def test_the_proxy_of_the_environment_is_used(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StoreUnavailableError, match="proxy server"):
        opened(place).head("a.txt")


def test_sixteen_threads_and_one_winner(place: Place) -> None:
    store = opened(place)

    def create(number: int) -> str:
        try:
            return store.put("lock", b"%d" % number, condition=IF_ABSENT).etag
        except ConditionError:
            return ""

    with ThreadPoolExecutor(16) as pool:
        etags = [etag for etag in pool.map(create, range(32)) if etag]
        assert len(etags) == 1

        def replace_it(number: int) -> bool:
            try:
                store.put("lock", b"%d" % number, condition=Condition(etag=etags[0]))
            except ConditionError:
                return False
            return True

        assert sum(pool.map(replace_it, range(32))) == 1
        list(pool.map(lambda number: store.put(f"many/{number:03d}", DATA, md5=MD5), range(200)))
    assert [blob.path for blob in store.list("many/")] == [f"many/{number:03d}" for number in range(200)]
    store.close()


def test_a_commit_takes_waiting_blocks_alone(place: Place) -> None:
    """A block that the old blob is made of is no block that was sent now."""
    store = opened(place)
    store.stage_block("a.bin", "001", b"old")
    store.commit_blocks("a.bin", ["001"])
    store.stage_block("a.bin", "002", b"new")
    with pytest.raises(BlobNotFoundError):
        store.commit_blocks("a.bin", ["001", "002"])
    with pytest.raises(BlobNotFoundError):
        store._wire.commit_blocks(store._name("a.bin"), ["001", "002"], md5=None, metadata=None, condition=Condition())
    assert b"".join(store.read("a.bin")) == b"old"
    store.close()


def test_ids_of_another_length_are_explained(place: Place) -> None:
    store = opened(place)
    store.stage_block("a.bin", "001", b"x")
    with pytest.raises(BlobNameError, match="another length"):
        store.stage_block("a.bin", "0001", b"x")
    store.close()


def test_a_read_holds_to_one_version(place: Place) -> None:
    store = opened(place)
    store.put("a.bin", b"1" * (9 << 20))
    chunks = store.read("a.bin")
    assert len(next(chunks)) == 4 << 20
    store.put("a.bin", b"2" * (9 << 20))
    with pytest.raises(ConditionError):
        list(chunks)
    store.close()


def test_a_failed_copy_leaves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(place)
    with pytest.raises(BlobNotFoundError):
        store.copy("nothing", "target")
    store.put("source", DATA)

    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    import azure.storage.blob as sdk

    head, properties = store._wire.head, sdk.BlobClient.get_blob_properties
    looked: list[int] = []

    def pending(name: str) -> Properties | None:
        looked.append(1)
        found = head(name)
        return found and replace(found, copy_status="pending")

    def unfinished(self: sdk.BlobClient) -> sdk.BlobProperties:
        found = properties(self)
        found.copy.status, found.size = "pending", 0
        looked.append(1)
        return found

    monkeypatch.setattr(store._wire, "head", pending)
    monkeypatch.setattr(sdk.BlobClient, "get_blob_properties", unfinished)
    monkeypatch.setattr("time.sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.copy("source", "target")
    monkeypatch.undo()
    assert len(looked) == 2
    assert store.head("target") is None
    store.close()


@pytest.mark.parametrize("name", ["a\\b", "a\x01", "a\x7f", "a\udcff", "./a", "a/../b", "", "a//b", "x" * 1016])
def test_a_name_that_cannot_be_held_is_refused_before_anything_is_sent(place: Place, name: str) -> None:
    store = opened(place)
    for call in (
        lambda: store.put(name, b""),
        lambda: store.stage_block(name, "1", b"x"),
        lambda: store.head(name),
        lambda: store.delete(name),
        lambda: list(store.read(name)),
        lambda: store.copy("a", name),
    ):
        with pytest.raises(BlobNameError):
            call()
    store.close()


def test_a_dot_at_the_end_is_looked_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some front ends drop it; then the name is not what was asked for, and that is said."""
    store = opened(place)
    assert store.put("a.", DATA).path == "a."
    assert b"".join(store.read("a.")) == DATA
    monkeypatch.setattr(store, "list", lambda prefix="": iter(()))
    with pytest.raises(BlobNameError, match="dropped that dot"):
        store.put("b.", DATA)
    store.close()


def test_folders_of_a_hierarchical_account_are_not_blobs(place: Place) -> None:
    store = opened(place)
    store.put("folder", b"", metadata={"hdi_isfolder": "true"})
    store.put("folder/a", b"")
    assert [blob.path for blob in store.list()] == ["folder/a"]
    store.close()


def test_a_place_that_cannot_be_opened_says_so(place: Place) -> None:
    from chorus_gui.core.config.model import PlaceKind
    from chorus_gui.core.errors import UsageError

    with pytest.raises(UsageError, match="Amazon S3"):
        open_store(replace(place, kind=PlaceKind.S3))
    with pytest.raises(UsageError, match="Google Cloud Storage"):
        open_store(replace(place, kind=PlaceKind.GCS))
    with pytest.raises(StoreError, match="has no container"):
        open_store(replace(place, container=""))


def test_a_folder_is_opened_as_one(tmp_path: Path) -> None:
    from chorus_gui.core.config.model import PlaceKind
    from chorus_gui.core.storage.open import open_source

    folder = tmp_path / "central"
    place = Place(PlaceKind.FOLDER, str(folder), folder)
    with pytest.raises(StoreError):
        open_store(place)
    store = open_store(place, create_folder=True)
    store.put("v/a", DATA)
    store.close()
    with closing(open_source(place)) as source:
        assert source.stat("v/a").size == len(DATA)


@pytest.mark.parametrize(
    ("account", "credentials", "words"),
    [
        (Account("acct"), ConnectionString(None), "is not valid"),
        (Account(), Sas("sig=x"), "name is missing"),
        (Account("", "https://blob.example.org"), AccountKey("a2V5"), "account's name"),
        (Account("a", "http://blob.example.org/a"), ConnectionString(AccountKey("a2V5")), "not encrypted"),
    ],
)
def test_credentials_that_cannot_work_are_refused_before_anything_is_sent(
    place: Place, account: Account, credentials: Credentials, words: str
) -> None:
    with pytest.raises(AccessError, match=words) as caught:
        open_store(replace(place, account=account, credentials=credentials))
    assert caught.value.remedy
    assert "a2V5" not in str(caught.value)


@pytest.mark.parametrize(("status", "words"), [("failed", "Could not copy"), ("other", "Somebody replaced")])
def test_a_copy_that_the_service_gives_up_is_an_error(place: Place, monkeypatch: pytest.MonkeyPatch, status: str, words: str) -> None:
    """It fails, or somebody else writes the target meanwhile; what others wrote is left alone."""
    store = opened(place)
    store.put("source", DATA)
    head = store._wire.head

    def look(name: str) -> Properties | None:
        found = head(name)
        assert found
        if status == "failed":
            return replace(found, copy_status="failed", copy_reason="500 InternalServerError")
        return replace(found, copy_id="another")

    monkeypatch.setattr(store._wire, "head", look)
    with pytest.raises(StoreError, match=words):
        store.copy("source", "target")
    monkeypatch.undo()
    assert b"".join(store.read("target")) == DATA
    store.close()


@pytest.mark.parametrize("key", ["hdi_isfolder", "Hdi_isfolder", "HDI_ISFOLDER"])
@pytest.mark.parametrize("value", ["true", "True", " TRUE"])
def test_a_folder_that_is_kept_as_a_blob_is_no_file(azurite: Azurite, container: str, place: Place, key: str, value: str) -> None:
    with service(azurite) as client:
        client.get_container_client(container).upload_blob("site one/1/Images", b"", metadata={key: value})
        client.get_container_client(container).upload_blob("site one/1/Images/a.dcm", b"a", metadata={key: "false"})
    with closing(opened(place)) as store:
        assert [blob.path for blob in store.list()] == ["1/Images/a.dcm"]
        assert store.head("1/Images") is None
        assert store.head("1/Images/a.dcm") is not None


@pytest.mark.parametrize("left", ["AAAA", "0" * 48, "x"])
def test_a_large_file_is_sent_beside_leftovers_of_another_tool(place: Place, tmp_path: Path, left: str) -> None:
    """Azure takes only blocks with ids as long as those that are staged: they are given up by the commit, and nothing is removed before."""
    from chorus_gui.core.job import JobContext
    from chorus_gui.core.transfer.one import send_one

    file = tmp_path / "large.bin"
    file.write_bytes(os.urandom(9 << 20))
    store = opened(place)
    store.put("v/large.bin", b"what is there stays until the new file is complete")
    store.stage_block("v/large.bin", left, b"left over")
    send_one(store, "v/large.bin", file, JobContext(), replaces=None)
    assert b"".join(store.read("v/large.bin")) == file.read_bytes()
    assert store.list_staged("v/large.bin") == []
    store.close()
