"""A transfer gives the same proofs, failures and progress wherever its tasks run, to every store that another process can open."""

from __future__ import annotations

import os
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from processes import Processes
from sending import Site, content, md5_hex, send

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.core.config.credentials import Account, AccountKey
from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.engine.work import Executor
from chorus_gui.core.errors import AccessError, Cancelled, StoreUnavailableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Failure, Level, Proof
from chorus_gui.core.storage.base import Store, StoreLimits
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.transfer.blocks import MIB

BLOCK = 64 * 1024


@pytest.fixture(params=["threads", "processes"])
def executor(request: pytest.FixtureRequest) -> Executor:
    return Threads(4) if request.param == "threads" else Processes(2, 2)


def azure(azurite: Azurite, key: str = "") -> Store:
    from azure.storage.blob import BlobServiceClient

    from chorus_gui.core.storage.open import open_store

    container = f"places-{uuid.uuid4().hex}"
    with BlobServiceClient(azurite.url, credential={"account_name": azurite.account, "account_key": azurite.key}) as service:
        service.create_container(container).close()
    account = Account(azurite.account, azurite.url)
    return open_store(Place(PlaceKind.AZURE, f"az://{container}/p", None, container, "p", AccountKey(key or azurite.key), account))


@pytest.fixture(params=["folder", "azurite"])
def central(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "folder":
        store: Store = folder(tmp_path)
    else:
        store = azure(request.getfixturevalue("azurite"))
    yield store
    store.close()


def folder(tmp_path: Path, limits: StoreLimits | None = None) -> LocalStore:
    store = LocalStore(tmp_path / "central", create=True)
    store.limits = limits or StoreLimits(put_bytes=BLOCK, blocks=0)
    return store


def test_every_file_arrives_and_is_proved(site: Site, central: Store, executor: Executor):
    sizes = [0, 1, 4096, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7, 12 * BLOCK]
    if not isinstance(central, LocalStore):
        sizes.append(2 * central.limits.put_bytes + 5)
    data = {f"{number}/{size}.dcm": os.urandom(size) for number in range(4) for size in sizes}
    for path, value in data.items():
        site.add(path, value)
    run = send(site.items, site.root, central, executor=executor)
    assert (run.error, run.failures) == (None, {})
    assert run.proofs.keys() == data.keys()
    for path, value in data.items():
        proof = run.proofs[path]
        assert content(central, f"v/{path}") == value
        assert (proof.md5, proof.level, proof.sent_bytes, proof.reused_bytes) == (md5_hex(value), Level.TRANSPORT, len(value), 0)
        head = central.head(f"v/{path}")
        assert head is not None
        assert head.etag == proof.etag
    assert run.count == (len(data), sum(map(len, data.values())), 0)
    assert run.ctx.progress.snapshot().active == ()


def test_failures_of_single_files_come_back(site: Site, central: Store, executor: Executor):
    for number in range(30):
        site.add(f"good{number}", os.urandom(100))
    changed, vanished = site.add("changed", b"x" * 50), site.add("vanished", b"x")
    site.add("wrong md5", b"x", "0" * 32)
    large = site.add("large", os.urandom(5 * BLOCK))
    (site.root / "changed").write_bytes(b"y" * 51)
    (site.root / "vanished").unlink()
    odd = site.add("odd", b"x")
    items = [item for item in site.items if item not in (large, odd)]
    items += [replace(large, mtime_us=large.mtime_us + 1), replace(odd, store_path="v//odd")]
    run = send(items, site.root, central, executor=executor)
    assert run.error is None
    assert len(run.proofs) == 30
    assert {path: failure.kind for path, failure in run.failures.items()} == {
        "odd": "BlobNameError",
        "changed": "SourceChangedError",
        "vanished": "SourceVanishedError",
        "wrong md5": "ContentChangedError",
        "large": "SourceChangedError",
    }
    assert run.failures["changed"].cause.startswith("“changed” changed after the review")
    assert run.failures["changed"].item == changed
    assert run.failures["vanished"].item == vanished
    assert run.count == (30, 3000, 5)


def test_a_cancellation_ends_within_a_second_and_loses_no_proof(site: Site, central: Store, executor: Executor):
    for number in range(400):
        site.add(f"{number}", os.urandom(1000))
    site.add("large", os.urandom(40 * BLOCK))
    ctx = JobContext()
    ctx.limit.set(60_000)
    moment: list[float] = []

    def seen(result: Proof | Failure) -> None:
        if not moment:
            moment.append(time.monotonic())
            threading.Timer(0.2, ctx.cancel).start()

    run = send(site.items, site.root, central, ctx=ctx, executor=executor, seen=seen)
    assert isinstance(run.error, Cancelled)
    assert time.monotonic() - moment[0] < 0.2 + 3  # a second, and what a busy computer adds
    assert 0 < len(run.proofs) < 400
    assert {info.path for info in central.list()} == {proof.item.store_path for proof in run.proofs.values()}
    assert run.count[0] == len(run.proofs)


def test_a_large_file_into_a_folder_begins_again_after_an_interruption(site: Site, tmp_path: Path, executor: Executor):
    store = folder(tmp_path)
    data = os.urandom(30 * MIB + 11)
    item = site.add("large", data)
    ctx = JobContext()
    ctx.limit.set(10 * MIB)
    threading.Thread(target=_cancel_at, args=(ctx, 12 * MIB), daemon=True).start()
    run = send([item], site.root, store, ctx=ctx, executor=executor)
    assert isinstance(run.error, Cancelled)
    assert run.count[0] == 0
    assert [file for file in (tmp_path / "central").rglob("*") if file.is_file()] == []
    run = send([item], site.root, store, executor=executor)
    assert run.error is None
    assert (run.proofs["large"].reused_bytes, run.proofs["large"].sent_bytes) == (0, len(data))
    assert content(store, "v/large") == data
    assert run.count == (1, len(data), 0)


def _cancel_at(ctx: JobContext, size: int) -> None:
    while ctx.progress.snapshot().total.bytes < size:
        time.sleep(0.005)
    ctx.cancel()


def test_a_refusal_stops_everything_and_says_so(site: Site, azurite: Azurite, executor: Executor):
    for number in range(300):
        site.add(f"{number}", b"x")
    store = azure(azurite, key="d3Jvbmc=")
    run = send(site.items, site.root, store, executor=executor)
    store.close()
    assert isinstance(run.error, AccessError)
    assert run.error.remedy
    assert run.proofs == {}
    assert len(run.failures) == 0


def test_a_store_that_is_gone_stops_the_job_and_not_only_the_files(site: Site, tmp_path: Path, executor: Executor):
    store = folder(tmp_path)
    for number in range(3):
        site.add(f"{number}", b"x")
    gone = store.__reduce__()
    assert gone[0] is LocalStore
    run = send(site.items[:1], site.root, store, executor=executor)
    assert run.error is None
    shutil.rmtree(tmp_path / "central")
    run = send(site.items, site.root, store, executor=executor)
    assert isinstance(run.error, StoreUnavailableError)
    assert run.proofs == {}


def test_the_limit_is_shared(site: Site, tmp_path: Path, executor: Executor):
    for number in range(40):
        site.add(f"{number}", os.urandom(2000))
    ctx = JobContext()
    ctx.limit.set(40_000)
    began = time.monotonic()
    assert send(site.items, site.root, folder(tmp_path), ctx=ctx, executor=executor).error is None
    assert time.monotonic() - began > 0.8  # 80,000 bytes, of which each bucket holds one second's


@pytest.mark.parametrize("kind", ["folder", "azurite"])
def test_one_large_file_alone(request: pytest.FixtureRequest, site: Site, tmp_path: Path, executor: Executor, kind: str):
    store = folder(tmp_path) if kind == "folder" else azure(request.getfixturevalue("azurite"))
    data = os.urandom(20 * MIB + 3)
    site.add("large", data)
    run = send(site.items, site.root, store, executor=executor)
    assert run.error is None
    assert content(store, "v/large") == data
    store.close()
