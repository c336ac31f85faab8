"""Pause, resume, cancel and the bandwidth limit, while files of any size are on their way: each holds within a second."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from azure_server import Server, certificate, tls
from counting_server import Sink
from sending import Site

from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.errors import Cancelled, ChorusError
from chorus_gui.core.job import JobContext
from chorus_gui.core.limit import Limit
from chorus_gui.core.model import Failure, Proof
from chorus_gui.core.storage.azure.client import Connection
from chorus_gui.core.storage.azure.sdk_wire import SdkWire
from chorus_gui.core.storage.base import Store
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.storage.http import channel
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.storage.outage import Outage
from chorus_gui.core.storage.retrying import RetryingStore
from chorus_gui.core.transfer.transfer import transfer

SMALL = [4096] * 6000
LARGE = [24_000_000]
MIXED = [4096] * 500 + [100_000] * 20 + [20_000_000]


class Running:
    """A transfer in a thread of its own, as a job has it."""

    def __init__(self, site: Site, store: Store, ctx: JobContext) -> None:
        self.ctx, self.ended = ctx, 0.0
        self.error: Exception | None = None
        self.proofs: list[Proof | Failure] = []
        self._site, self._store = site, RetryingStore(store, Outage(patience=900.0))
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            with self.ctx.entered():
                results = transfer(self._site.items, {"Images": FolderSource(self._site.root)}, self._store, self.ctx, Threads(8, 32))
                self.proofs.extend(results)
        except (Cancelled, ChorusError) as error:
            self.error = error
        self.ended = time.monotonic()


@contextmanager
def running(site: Site, store: Store, sizes: list[int], ctx: JobContext) -> Iterator[Running]:
    for number, size in enumerate(sizes):
        site.add(f"{number}", os.urandom(size))
    one = Running(site, store, ctx)
    try:
        yield one
    finally:
        ctx.cancel()
        one.thread.join(20)
        assert not one.thread.is_alive()


def wait_until(there: Callable[[], bool], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < until
        time.sleep(0.01)


def wait_until_still(count: Callable[[], int], seconds: float) -> int:
    """Wait until the count has been the same for a while; what it is then."""
    last, since, until = count(), time.monotonic(), time.monotonic() + seconds
    while time.monotonic() - since < 0.6:
        assert time.monotonic() < until
        time.sleep(0.01)
        if (now := count()) != last:
            last, since = now, time.monotonic()
    return last


def never_silent_twice(ctx: JobContext, looks: Iterable[float]) -> None:
    """A look after a moment in which this whole computer stood still finds a silence, but the next one does not."""
    before = False
    for seconds in looks:
        now = ctx.progress.snapshot().waiting is not None
        assert not (before and now)
        before = now
        time.sleep(seconds)


KINDS: dict[str, tuple[list[int], float | None, int | None, bool]] = {
    "small files": (SMALL, None, None, False),
    "small files, slow line": ([60_000] * 300, 400_000.0, None, False),
    "large file, slow line": (LARGE, 400_000.0, None, False),
    "large file, slow line, TLS": (LARGE, 400_000.0, None, True),
    "large file, very slow line": (LARGE, 60_000.0, None, False),
    "small files, limit": (SMALL, None, 2_000_000, False),
    "large file, limit": (LARGE, None, 1_000_000, False),
    "large file, low limit": (LARGE, None, 20_000, False),
    "mixed, limit": (MIXED, None, 1_000_000, False),
}
SOON = 3.0
"""Seconds: one is promised, and this computer may be busy.  What does not hold takes many times as long."""
BUFFERS = 2_500_000
"""Bytes at most that the system has taken of all connections, and still sends."""


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*replies: Any) -> Server:
        servers.append(Server(*replies))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def line(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[list[int], Sink, JobContext]]:
    """What is sent, where to, and the job."""
    sizes, speed, rate, secure = KINDS[request.param]
    file = certificate(tmp_path) if secure else None
    if file:
        request.getfixturevalue("monkeypatch").setenv("REQUESTS_CA_BUNDLE", str(file))
    sink = Sink(speed, tls(file) if file else None)
    yield sizes, sink, JobContext(Limit(rate))
    sink.close()


@pytest.mark.parametrize("line", KINDS, indirect=True)
def test_a_pause_and_a_cancellation_hold_within_a_second(site: Site, line: tuple[list[int], Sink, JobContext]) -> None:
    sizes, sink, ctx = line
    store = sink.store()
    with running(site, store, sizes, ctx) as one:
        wait_until(lambda: sink.total > 100_000)
        ctx.pause()
        paused = time.monotonic()
        if sink.speed is None:
            done = wait_until_still(lambda: len(sink.arrived), SOON + 1.0)
            assert sink.total < sum(sizes) / 2
        else:
            time.sleep(1.0)
            done = wait_until_still(lambda: len(sink.arrived), 60)  # what the system had taken
            assert sink.between(paused + 1.0, paused + 100) < BUFFERS
        assert ctx.progress.snapshot().waiting is None, "a pause is not a silent store"
        ctx.resume()
        resumed = time.monotonic()
        wait_until(lambda: len(sink.arrived) > done)
        assert time.monotonic() - resumed < SOON
        time.sleep(0.3)
        cancelled = time.monotonic()
        ctx.cancel()
        one.thread.join(10)
        assert one.ended - cancelled < SOON
        assert one.error is not None
    store.close()


@pytest.mark.parametrize("sizes", [SMALL, LARGE], ids=["small files", "large file"])
def test_a_cancellation_ends_the_wait_for_an_answer(site: Site, sizes: list[int]) -> None:
    sink = Sink()
    store = sink.store()
    ctx = JobContext()
    with running(site, store, sizes, ctx) as one:
        wait_until(lambda: sink.total > 100_000)
        sink.silent = True
        time.sleep(0.7)
        cancelled = time.monotonic()
        ctx.cancel()
        one.thread.join(10)
        assert one.ended - cancelled < SOON
    sink.silent = False
    store.close()
    sink.close()


def test_a_cancellation_ends_the_wait_for_a_store_that_is_not_there(site: Site) -> None:
    sink = Sink()
    store = sink.store()
    with running(site, store, LARGE, JobContext(Limit(1_000_000))) as one:
        wait_until(lambda: sink.total > 2_000_000)
        sink.close()
        time.sleep(2)
        assert one.thread.is_alive(), one.error
        cancelled = time.monotonic()
        one.ctx.cancel()
        one.thread.join(10)
        assert one.ended - cancelled < SOON
    store.close()


@pytest.mark.parametrize("sizes", [[4096] * 900, [5_000_000], [4096] * 100 + [60_000] * 20 + [3_000_000]], ids=["small", "large", "mixed"])
def test_the_limit_is_kept_and_no_store_is_called_silent(site: Site, sizes: list[int]) -> None:
    rate, total = 1_200_000, sum(sizes)
    sink = Sink()
    store = sink.store()
    ctx = JobContext(Limit(rate))
    with running(site, store, sizes, ctx) as one:
        never_silent_twice(ctx, iter(lambda: 0.05 if one.thread.is_alive() else 0.0, 0.0))
        took = one.ended - sink.arrived[0][0]
        assert len(one.proofs) == len(sizes)
    store.close()
    assert took > 0.85 * total / rate
    assert took < 2 * total / rate + 3  # other programs run, too
    start = sink.arrived[0][0]
    assert all(sink.between(start + n / 2, start + n / 2 + 1) < 2 * rate for n in range(int(2 * took)))
    sink.close()


def test_a_low_limit_of_a_block_is_no_silence(site: Site) -> None:
    sink = Sink()
    store = sink.store()
    ctx = JobContext(Limit(30_000))
    with running(site, store, LARGE, ctx):
        never_silent_twice(ctx, [0.1] * 50)
    store.close()
    sink.close()


def test_the_limit_changes_at_once_for_everything_that_is_on_its_way(site: Site) -> None:
    sink = Sink()
    store = sink.store()
    ctx = JobContext(Limit(300_000))
    sizes = [*MIXED, 40_000_000]
    with running(site, store, sizes, ctx) as one:
        wait_until(lambda: sink.total > 100_000)
        begin = time.monotonic()
        time.sleep(1.5)
        assert sink.between(begin, begin + 1.5) < 2 * 450_000
        ctx.limit.set(3_000_000)
        changed, before = time.monotonic(), sink.total
        wait_until(lambda: sink.total > before + 3_000_000, 6.0)  # it would take ten seconds
        assert time.monotonic() - changed > 0.6
        ctx.limit.set(None)
        freed = time.monotonic()
        one.thread.join(20)
        assert len(one.proofs) == len(sizes)
        assert one.ended - freed < 10  # it would take nineteen
    store.close()
    sink.close()


@pytest.mark.parametrize("rate", [None, 2_000_000, 1_100_000])
def test_what_arrives_at_the_beginning_of_a_pause_is_recorded_at_once(site: Site, rate: int | None) -> None:
    """A pause can be a night, and the computer is switched off in it."""
    sink = Sink()
    store = sink.store()
    ctx = JobContext(Limit(rate))
    with running(site, store, [40_000] * 600, ctx) as one:
        wait_until(lambda: len(one.proofs) > 20)
        sink.silent = True
        time.sleep(0.3)
        ctx.pause()
        time.sleep(0.4)
        sink.silent = False
        arrived = wait_until_still(lambda: len(sink.blobs), 10)
        wait_until(lambda: len(one.proofs) == arrived, SOON)
        ctx.resume()
        wait_until(lambda: len(sink.blobs) > arrived, SOON)
    store.close()
    sink.close()


@pytest.mark.parametrize("action", ["pause", "cancel"])
def test_a_folder_too(site: Site, tmp_path: Path, action: str) -> None:
    root = tmp_path / "central"
    root.mkdir()
    ctx = JobContext(Limit(2_000_000))
    with running(site, LocalStore(root), [40_000_000, *[7_000_000] * 3], ctx) as one:

        def size() -> int:
            return sum(file.stat().st_size for file in (root / ".chorus-staging" / "put").glob("*")) if root.exists() else 0

        wait_until(lambda: size() > 500_000)
        if action == "pause":
            ctx.pause()
            before = wait_until_still(size, SOON + 1.0)
            ctx.resume()
            wait_until(lambda: size() > before, SOON)
        cancelled = time.monotonic()
        ctx.cancel()
        one.thread.join(10)
        assert one.ended - cancelled < SOON
    assert not [*(root / ".chorus-staging" / "put").glob("*")]


@pytest.mark.parametrize("action", ["cancel", "pause"])
def test_reading_stops_too(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    """A verification that reads the files again, on a slow line."""
    size, sent = 4_000_000, [0]
    taken: list[float] = []
    monkeypatch.setattr(channel, "moved", lambda: taken.append(time.monotonic()))

    def trickle(handler: Any) -> None:
        handler.send_response(206)
        for name, value in {
            "ETag": '"1"',
            "x-ms-request-id": "r",
            "Content-Length": size,
            "Content-Range": f"bytes 0-{size - 1}/{size}",
        }.items():
            handler.send_header(name, str(value))
        handler.end_headers()
        while sent[0] < size:
            handler.wfile.write(bytes(5_000))
            sent[0] += 5_000
            time.sleep(0.02)

    store = serve(trickle).store()
    ctx = JobContext()
    ended: list[float] = []

    def read() -> None:
        with ctx.entered(), pytest.raises(Cancelled):
            for _ in store.read("a", etag="1"):
                pass
        ended.append(time.monotonic())

    thread = threading.Thread(target=read)
    thread.start()
    wait_until(lambda: sent[0] > 100_000)
    if action == "pause":
        ctx.pause()
        before = wait_until_still(lambda: len(taken), SOON + 1.0)
        ctx.resume()
        wait_until(lambda: len(taken) > before, SOON)
    cancelled = time.monotonic()
    ctx.cancel()
    thread.join(10)
    assert ended[0] - cancelled < SOON
    store.close()


def test_the_sdk_sends_in_pieces_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy that only the SDK can speak to."""
    monkeypatch.setattr(Connection, "wire", lambda self: SdkWire(self))
    sink = Sink()
    store = sink.store()
    ctx = JobContext(Limit(500_000))
    with ctx.entered():
        began = time.monotonic()
        store.put("a", bytes(600_000))
        assert time.monotonic() - began > 0.7
        ctx.limit.set(100_000)
        threading.Timer(0.5, ctx.cancel).start()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            store.stage_block("b", "0" * 64, bytes(4_000_000))
        assert time.monotonic() - began < 0.5 + SOON
    assert sink.total < 900_000
    store.close()
    sink.close()


def test_small_files_have_their_turn_beside_a_large_one(site: Site) -> None:
    """Under a limit, a large file is always waiting to be sent."""
    sink = Sink()
    store = sink.store()
    with running(site, store, [30_000_000] + [4096] * 50, JobContext(Limit(1_500_000))) as one:
        wait_until(lambda: len(sink.blobs) >= 20, 18.0)
        assert "/box/v/0" not in sink.blobs
        one.ctx.cancel()
    store.close()
    sink.close()
