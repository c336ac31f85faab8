"""Many small files on their way at the same time, from one thread: what is not confirmed goes the ordinary way, and nothing else counts."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure_server import KEY, Server, certificate, hang_up, reply, tls, wrote

from chorus_gui.core.config.model import Place
from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.errors import Cancelled
from chorus_gui.core.job import JobContext, Limit
from chorus_gui.core.model import Failure, Item, Proof
from chorus_gui.core.storage.azure.store import AzureStore
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.storage.http.lines import WIDTH, most_connections
from chorus_gui.core.storage.lane import LANE_BYTES, lane_of
from chorus_gui.core.storage.outage import Outage
from chorus_gui.core.storage.renewal import Renewal, Renewed
from chorus_gui.core.storage.retry import RetryPolicy
from chorus_gui.core.storage.retrying import RetryingStore
from chorus_gui.core.submission.guard import GuardedStore
from chorus_gui.core.transfer.transfer import transfer

QUICK = RetryPolicy(base=0.0005)


def md5_of(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def site(root: Path, count: int, size: int = 300) -> list[Item]:
    items: list[Item] = []
    for number in range(count):
        file = root / f"{number:04}.dcm"
        file.write_bytes(f"{number:04}".encode() * (size // 4))
        found = file.stat()
        items.append(Item(number, "Images", file.name, f"v/{file.name}", found.st_size, int(found.st_mtime * 1e6)))
    return items


def run(store: Any, root: Path, items: list[Item], ctx: JobContext | None = None) -> list[Proof | Failure]:
    patient = RetryingStore(store, Outage(retry=QUICK))
    return list(transfer(items, {"Images": FolderSource(root)}, patient, ctx or JobContext(), Threads(4)))


def arrived(server: Server) -> dict[str, bytes]:
    """What the server was sent last for each path."""
    return {seen[0].split(" ")[1].split("?")[0]: body for seen, body in zip(server.seen, server.bodies, strict=True)}


def another_md5(handler: Any) -> None:
    reply(201, ETag='"1"', Content_MD5=b64encode(bytes(16)).decode(), x_ms_request_id="r")(handler)


def no_request_id(handler: Any) -> None:
    reply(201, ETag='"1"', Content_MD5=b64encode(hashlib.md5(handler.body).digest()).decode())(handler)


def half(handler: Any) -> None:
    handler.wfile.write(b"HTTP/1.1 201 Created\r\nETag: 1\r\n")
    handler.close_connection = True


def not_http(handler: Any) -> None:
    handler.wfile.write(b"220 ready for mail\r\n\r\n")
    handler.close_connection = True


def two_answers(handler: Any) -> None:
    wrote(handler)
    wrote(handler)


def endless_head(handler: Any) -> None:
    handler.wfile.write(b"HTTP/1.1 201 Created\r\n" + b"x: y\r\n" * 50_000 + b"\r\n")
    handler.close_connection = True


WRONG: dict[str, Callable[[Any], None]] = {
    "another MD5": another_md5,
    "no request id": no_request_id,
    "no checksum": reply(201, ETag='"1"', x_ms_request_id="r"),
    "no ETag": reply(201, Content_MD5=b64encode(bytes(16)).decode(), x_ms_request_id="r"),
    "a page": reply(200, b"<html>Please sign in</html>", x_ms_request_id="r"),
    "busy": reply(503, b"", x_ms_error_code="ServerBusy", x_ms_request_id="r"),
    "a redirect": reply(302, b"", Location="http://127.0.0.1/"),
    "hung up": hang_up,
    "half an answer": half,
    "not HTTP": not_http,
    "two answers": two_answers,
    "a head without end": endless_head,
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_not_confirmed_goes_the_ordinary_way(tmp_path: Path, serve: Callable[..., Server], wrong: Callable[[Any], None]) -> None:
    server = serve(wrote, wrote, wrong, wrote)
    items = site(tmp_path, 30)
    with_store = server.store()
    results = run(with_store, tmp_path, items)
    with_store.close()
    assert sorted(result.item.key for result in results) == list(range(30))
    assert all(isinstance(result, Proof) for result in results)
    bodies = arrived(server)
    for result in results:
        assert isinstance(result, Proof)
        assert md5_of(bodies[f"/box/{result.item.store_path}"]) == result.md5 == md5_of((tmp_path / result.item.path).read_bytes())


def test_a_refusal_for_good_stops_the_job_as_it_always_does(tmp_path: Path, serve: Callable[..., Server]) -> None:
    from chorus_gui.core.errors import AccessError

    server = serve(wrote, wrote, reply(403, b"", x_ms_error_code="AuthenticationFailed", x_ms_request_id="r"))
    store = server.store()
    with pytest.raises(AccessError):
        run(store, tmp_path, site(tmp_path, 20))
    store.close()


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_many_are_on_their_way_at_the_same_time(
    tmp_path: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, secure: bool
) -> None:
    together, most, lock = 0, 0, threading.Lock()

    def slow(handler: Any) -> None:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        time.sleep(0.1)
        with lock:
            together -= 1
        wrote(handler)

    file = certificate(tmp_path)
    if secure:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    server = serve(slow, tls=tls(file) if secure else None)
    root = tmp_path / "site"
    root.mkdir()
    store = server.store()
    results = run(store, root, site(root, 400))
    store.close()
    assert all(isinstance(result, Proof) for result in results)
    assert WIDTH // 4 <= most <= WIDTH + 4  # more than the pool has threads, of which none is needed


def test_a_file_that_changed_is_reported_and_not_sent(tmp_path: Path, serve: Callable[..., Server]) -> None:
    server, items = serve(wrote), site(tmp_path, 5)
    (tmp_path / "0003.dcm").write_bytes(b"longer than it was" * 40)
    store = server.store()
    results = run(store, tmp_path, items)
    store.close()
    assert [result.kind for result in results if isinstance(result, Failure)] == ["SourceChangedError"]
    assert not any("0003" in seen for seen, _ in server.seen)


def test_a_silent_server_does_not_hold_up_a_cancellation(tmp_path: Path, serve: Callable[..., Server]) -> None:
    silent, end = threading.Event(), threading.Event()

    def answer(handler: Any) -> None:
        if len(server.seen) > 10:
            silent.set()
            end.wait(20)
        wrote(handler)

    server = serve(answer)
    store, ctx, items, results = server.store(), JobContext(), site(tmp_path, 200), list[Proof | Failure]()
    cancelled = 0.0

    def cancel() -> None:
        nonlocal cancelled
        silent.wait(20)
        time.sleep(0.3)
        cancelled = time.monotonic()
        ctx.cancel()

    watcher = threading.Thread(target=cancel)
    watcher.start()
    with pytest.raises(Cancelled):
        results.extend(transfer(items, {"Images": FolderSource(tmp_path)}, RetryingStore(store, Outage()), ctx, Threads(4)))
    took = time.monotonic() - cancelled
    end.set()
    watcher.join()
    store.close()
    assert took < 1.2
    assert 1 <= len(results) <= 10
    assert all(isinstance(result, Proof) for result in results)


def test_a_pause_lets_what_is_on_its_way_arrive_and_be_committed(tmp_path: Path, serve: Callable[..., Server]) -> None:
    server, ctx, items = serve(wrote), JobContext(), site(tmp_path, 300)
    idle, proofs = list[int](), list[Proof | Failure]()
    store = server.store()
    later = threading.Timer(1.0, ctx.resume)
    for result in transfer(
        items,
        {"Images": FolderSource(tmp_path)},
        RetryingStore(store, Outage()),
        ctx,
        Threads(4),
        idle=lambda: idle.append(len(proofs)) if ctx.paused else None,
    ):
        proofs.append(result)
        if len(proofs) == 50:
            ctx.pause()
            later.start()
    store.close()
    assert len(proofs) == 300
    assert idle  # before the pause began
    assert idle[0] <= 50 + WIDTH


def test_with_a_limit_every_file_waits_for_its_turn(tmp_path: Path, serve: Callable[..., Server]) -> None:
    server, items = serve(wrote), site(tmp_path, 30, size=40_000)
    store, began = server.store(), time.monotonic()
    results = run(store, tmp_path, items, JobContext(Limit(1_000_000)))
    store.close()
    assert len(results) == 30
    assert time.monotonic() - began > 0.15  # 1.2 MB, of which one second's worth may go at once


def test_only_a_small_file_takes_the_lane(tmp_path: Path, serve: Callable[..., Server]) -> None:
    server = serve(wrote)
    items = [*site(tmp_path, 3), *(Item(9, "Images", "big", "v/big", LANE_BYTES + 1, 0),)]
    (tmp_path / "big").write_bytes(bytes(LANE_BYTES + 1))
    found = (tmp_path / "big").stat()
    items[-1] = Item(9, "Images", "big", "v/big", found.st_size, int(found.st_mtime * 1e6))
    store = server.store()
    results = run(store, tmp_path, items)
    store.close()
    assert len([result for result in results if isinstance(result, Proof)]) == 4
    assert len(arrived(server)["/box/v/big"]) == LANE_BYTES + 1


def test_a_name_that_needs_a_closer_look_is_not_sent_by_a_lane(serve: Callable[..., Server]) -> None:
    store = serve(wrote).store()
    lane = lane_of(store)
    assert lane is not None
    while not lane.has_room():
        lane.answers(0.1)
    for key, path in enumerate(("v/ends in a dot.", "v/back\\slash", "")):
        assert lane.has_room()
        lane.begin(key, path, b"x", hashlib.md5(b"x").digest())
        assert [arrival.blob for arrival in lane.answers(5)] == [None]
    assert lane.alive
    lane.close()
    store.close()


def test_the_marker_of_a_version_is_removed_before_a_lane_writes(serve: Callable[..., Server]) -> None:
    def answer(handler: Any) -> None:
        if handler.command == "PUT":
            wrote(handler)
        else:
            reply(404, b"", x_ms_error_code="BlobNotFound", x_ms_request_id="r")(handler)

    server = serve(answer)
    store = GuardedStore(server.store())
    lane = lane_of(store)
    assert lane is not None
    while not lane.has_room():
        lane.answers(0.1)
    lane.begin(1, "v7/a", b"x", hashlib.md5(b"x").digest())
    (arrival,) = lane.answers(5)
    lane.close()
    assert [seen.split("?")[0] for seen, _ in server.seen] == ["HEAD /box/v7/submission.json", "PUT /box/v7/a"]
    assert store.changed == {"v7"}
    assert arrival.blob is not None
    store.close()


def test_the_service_keeps_what_a_lane_sent(tmp_path: Path, place: Place) -> None:
    root = tmp_path / "site"
    root.mkdir()
    items = site(root, 120)
    with_store = AzureStore(place)
    results = run(with_store, root, items)
    assert all(isinstance(result, Proof) for result in results)
    kept = {blob.path: (blob.size, blob.md5) for blob in with_store.list("v/")}
    with_store.close()
    assert kept == {item.store_path: (item.size, md5_of((root / item.path).read_bytes())) for item in items}


def test_lanes_end_with_their_connections(serve: Callable[..., Server]) -> None:
    store = AzureStore(serve(wrote).place(KEY))
    lane = lane_of(store)
    assert lane is not None
    lane.has_room()
    lane.close()  # while the first connection is made
    assert not lane.alive
    store.close()


def test_a_silence_is_shown(tmp_path: Path, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chorus_gui.core.storage.silence.SILENT_S", 0.3)
    end = threading.Event()

    def answer(handler: Any) -> None:
        if len(server.seen) > 5:
            end.wait(20)
        wrote(handler)

    server = serve(wrote, wrote, answer)
    store, ctx, shown = server.store(), JobContext(), list[str]()

    def look() -> None:
        until = time.monotonic() + 15
        while not shown and time.monotonic() < until:
            time.sleep(0.05)
            if (waiting := ctx.progress.snapshot().waiting) is not None:
                shown.append(waiting.place)
        end.set()

    watcher = threading.Thread(target=look)
    watcher.start()
    with ctx.entered():
        results = run(store, tmp_path, site(tmp_path, 40), ctx)
    watcher.join()
    store.close()
    assert shown == ["The central store"]
    assert len(results) == 40
    assert ctx.progress.snapshot().waiting is None


def test_a_credential_that_a_lane_used_is_known_to_be_accepted(serve: Callable[..., Server]) -> None:
    def renewed() -> bool:
        raise AssertionError("nobody asked for another one")

    renewal = Renewal("The central store", Renewed(renewed, lambda: None), patience=1.0)
    store, ctx = RetryingStore(serve(wrote).store(), Outage(retry=QUICK), renewal), JobContext()
    lane = lane_of(store)
    assert lane is not None
    with ctx.entered():
        while not lane.has_room():
            lane.answers(0.1)
        lane.begin(1, "v/a", b"x", hashlib.md5(b"x").digest())
        assert lane.answers(5)[0].blob is not None
    assert renewal.accepted(ctx) == {"write"}
    lane.close()
    store.close()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such limit")
@pytest.mark.parametrize(("limit", "most"), [(16, 4), (3, 0), (128, 32), (1024, 256), (-1, None)])
def test_few_file_handles_mean_few_connections(monkeypatch: pytest.MonkeyPatch, limit: int, most: int | None) -> None:
    """The files that are sent, the journal and the review need some, too."""
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda which: (limit, limit))
    assert most_connections() == most
