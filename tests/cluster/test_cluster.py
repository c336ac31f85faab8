"""The same steps with the workers of a real cluster: one scheduler, three processes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from azure_server import certificate
from clusterworld import CANARY, GATE, DaskProcesses, dask_processes, open_gated
from dask.config import refresh
from world import World, ran

from chorus_gui.app import cluster as app_cluster
from chorus_gui.app.options import SubmitOptions
from chorus_gui.app.review import Reviewing, look
from chorus_gui.app.run import Done
from chorus_gui.app.status import Status
from chorus_gui.app.submit import submit
from chorus_gui.app.verify import Comparison, verify
from chorus_gui.app.workspace import Person, Workspace
from chorus_gui.cli.main import main
from chorus_gui.core.cluster import head
from chorus_gui.core.job import JobContext, OutcomeKind
from chorus_gui.core.model import ChangeKind
from chorus_gui.core.submission.work import Selection

pytestmark = pytest.mark.skipif(os.name == "nt", reason="processes are stopped and continued with signals")

SECRET = "cAnArYsEcReTvAlUe0123456789abcdefghijklmnop"


class Cluster:
    """The processes of the module, and the gate in front of their store."""

    def __init__(self, processes: DaskProcesses, gate: Path) -> None:
        self.processes, self.gate = processes, gate

    def hold(self, *names: str) -> None:
        for name in names:
            (self.gate / f"{name}.hold").touch()

    def reset(self) -> None:
        for file in self.gate.iterdir():
            file.unlink(missing_ok=True)

    def until(self, there: Callable[[], bool]) -> None:
        while not there():
            time.sleep(0.02)

    def at_work(self, *names: str) -> bool:
        return all((self.gate / f"{name}.began").exists() for name in names)

    def heard(self, state: str, rate: int) -> bool:
        """Every worker knows that the job runs, or is paused, and its share of the limit."""
        return all((self.gate / f"w{number}.heard-{state}-{rate}").exists() for number in range(3))


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    gate = folder / "gate"
    gate.mkdir()
    with dask_processes(folder / "dask", 3, environ={GATE: str(gate), CANARY: SECRET}) as running:
        yield Cluster(running, gate)


@pytest.fixture
def cluster(processes: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr(app_cluster, "open_places", open_gated)
    monkeypatch.setattr(head, "Patience", partial(head.Patience, silent=2.0))
    processes.reset()
    yield processes
    processes.reset()
    processes.processes.heal("w0", "w1", "w2")


class Listening(Person):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def site(base: Path, address: str = "", files: int = 120) -> World:
    """A world of small files and a large one; with an address, on that cluster."""
    world = World(base, page_size=50)
    if address:
        world.file.write_text(world.file.read_text("utf-8").replace("num_threads", f'cluster = "{address}"\nnum_threads'), "utf-8")
    for number in range(files):
        world.put(f"{number % 9}/Images/series/{number}.dcm", bytes([number % 251]) * (400 + number))
    world.put("3/Images/large.dcm", b"large" * 1_900_000)
    world.put("OMOP/person.csv", "person_id\n3\n")
    return world


def submitted(world: World, ctx: JobContext | None = None, person: Person | None = None) -> Done[None]:
    return submit(Workspace(world.config, person=person), ctx or JobContext(), SubmitOptions(version="v1"), Reviewing())


def rows(world: World) -> list[tuple[Any, ...]]:
    """Every row, without moments and durations."""
    with world.open() as journal:
        return sorted(
            (r.modality, r.path, r.patient_id, r.size, r.mtime_us, r.md5, r.version, r.uploaded is not None) for r in journal.rows()
        )


def blobs(world: World) -> dict[str, bytes]:
    """What the store has of the site's files."""
    found = {path.relative_to(world.central).as_posix(): path for path in world.central.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name.endswith((".dcm", ".csv"))}


def test_with_one_worker_killed_and_one_paused_the_result_is_that_of_threads(cluster: Cluster, tmp_path: Path):
    alone, together = site(tmp_path / "a"), site(tmp_path / "b", cluster.processes.address)
    assert ran(submitted(alone)).log.failures == []
    cluster.hold("w0", "w1")
    found: list[Done[None]] = []
    ctx, person = JobContext(), Listening()
    running = threading.Thread(target=lambda: found.append(submitted(together, ctx, person)))
    running.start()
    cluster.until(lambda: cluster.at_work("w0", "w1"))
    cluster.processes.signal("w0", signal.SIGKILL)
    cluster.processes.signal("w1", signal.SIGSTOP)
    running.join()
    done = ran(found[0])
    assert done.status is Status.DONE
    assert done.log.failures == []
    assert done.log.complete == ["v1"]
    assert rows(together) == rows(alone)
    assert blobs(together) == blobs(alone)
    assert any("3 workers" in text for text in person.said)
    seen = ctx.progress.snapshot()
    assert (seen.total.files, seen.total.bytes) == (done.log.sent.files, done.log.sent.bytes), "what a lost worker had done counts once"
    assert seen.active == ()
    assert {one.name.split(" ")[0] for one in seen.workers} >= {"w1", "w2"}, "the window shows them"
    assert sum(one.files for one in seen.workers) >= done.log.sent.files
    cluster.reset()
    cluster.processes.heal("w0", "w1", "w2")
    assert blobs(together) == blobs(alone), "what the paused worker still did is the same again"


def test_hashing_and_rereading_find_what_threads_find(cluster: Cluster, tmp_path: Path):
    world = site(tmp_path, cluster.processes.address)
    ran(submitted(world))
    changed = world.site / "4/Images/series/4.dcm"
    stat = changed.stat()
    changed.write_bytes(b"x" * stat.st_size)
    os.utime(changed, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (world.central / "v1/5/Images/series/5.dcm").write_bytes(b"y" * 405)
    person = Listening()
    seen = ran(look(Workspace(world.config, person=person), JobContext(), SubmitOptions(hashed=1.0), Reviewing()))
    assert seen.value.summary.total(ChangeKind.UPDATED).files == 1
    verified = ran(verify(Workspace(world.config, person=person), JobContext(), Selection(), Comparison(reread=True)))
    assert [line.path for line in verified.value.bad] == ["5/Images/series/5.dcm"]
    assert len([text for text in person.said if "workers of the cluster" in text]) == 2


def test_a_cancellation_reaches_the_workers_and_the_next_run_continues(cluster: Cluster, tmp_path: Path):
    world = site(tmp_path, cluster.processes.address)
    cluster.hold("w0", "w1", "w2")
    ctx, found = JobContext(), list[Done[None]]()
    running = threading.Thread(target=lambda: found.append(submitted(world, ctx)))
    running.start()
    cluster.until(lambda: cluster.at_work("w0", "w1", "w2"))
    ctx.cancel()
    running.join()
    assert found[0].outcome.kind is OutcomeKind.CANCELLED
    assert found[0].log.failures == []
    cluster.reset()
    assert ran(submitted(world)).log.failures == []
    assert all(row[-1] for row in rows(world))


def test_the_limit_is_divided_and_a_pause_holds_the_workers(cluster: Cluster, tmp_path: Path):
    world = site(tmp_path, cluster.processes.address)
    cluster.hold("w0", "w1", "w2")
    ctx, found = JobContext(), list[Done[None]]()
    ctx.limit.set(30_000_000)
    running = threading.Thread(target=lambda: found.append(submitted(world, ctx)))
    running.start()
    cluster.until(lambda: cluster.heard("runs", 10_000_000))
    ctx.pause()
    cluster.until(lambda: cluster.heard("paused", 10_000_000))
    ctx.limit.set(60_000_000)
    cluster.until(lambda: cluster.heard("paused", 20_000_000))
    cluster.reset()
    ctx.resume()
    running.join()
    assert ran(found[0]).log.failures == []


def test_no_secret_is_in_a_log_or_an_error(cluster: Cluster, tmp_path: Path):
    world = site(tmp_path, cluster.processes.address, files=10)
    world.put("1/Images/a-refused.dcm", b"r")
    done = submitted(world)
    assert [failure.item.path for failure in done.log.failures] == ["1/Images/a-refused.dcm"]
    assert "sig=••••" in done.log.failures[0].cause
    world.put("1/Images/a-bug.dcm", b"b")
    crashed = submitted(world)
    assert crashed.outcome.kind is OutcomeKind.CRASHED
    assert "on the worker" in crashed.outcome.report
    from distributed import Client

    with Client(cluster.processes.address, set_as_default=False) as client:
        kept = repr((client.get_worker_logs(), client.get_scheduler_logs(), client.get_events()))
    for text in (done.log.failures[0].cause, crashed.outcome.report, cluster.processes.logs(), kept):
        assert SECRET not in text


def test_a_worker_that_sees_another_site_is_named_and_left_out(cluster: Cluster, tmp_path: Path):
    world, other = site(tmp_path / "a", cluster.processes.address), World(tmp_path / "b")
    for path in world.site.rglob("*"):
        if path.is_file():
            other.put(path.relative_to(world.site).as_posix(), b"z" * path.stat().st_size, mtime=path.stat().st_mtime)
    elsewhere = World(tmp_path / "c")
    elsewhere.file.write_text(elsewhere.file.read_text("utf-8").replace(elsewhere.site.as_posix(), world.site.as_posix()), "utf-8")
    cluster.processes.start_worker("stranger", environ={app_cluster.CONFIG_VARIABLE: str(other.file)})
    cluster.processes.start_worker("elsewhere", environ={app_cluster.CONFIG_VARIABLE: str(elsewhere.file)})
    cluster.processes.start_worker("lost", environ={app_cluster.CONFIG_VARIABLE: str(tmp_path / "none.toml")})
    cluster.processes.wait_for_workers(6)
    try:
        done = ran(submitted(world))
    finally:
        for name in ("stranger", "elsewhere", "lost"):
            cluster.processes.signal(name, signal.SIGKILL)
            cluster.processes.processes[name].wait()
    assert done.log.failures == []
    left_out = {text.split("left out: ")[1].split(" (")[0]: text for text in done.notes if "left out" in text}
    assert set(left_out) == {"stranger", "elsewhere", "lost"}
    assert "has another content" in left_out["stranger"]
    assert "another central store" in left_out["elsewhere"]
    assert "no configuration file" in left_out["lost"]
    assert not any(cluster.at_work(name) for name in left_out)


def test_workers_of_another_version_are_not_used(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(app_cluster, "__version__", "0.0.1")
    world = site(tmp_path, cluster.processes.address, files=3)
    done = submitted(world)
    assert done.status is Status.NOT_STARTED
    assert done.outcome.error is not None
    assert str(done.outcome.error).count("0.0.1 is needed") == 3
    assert blobs(world) == {}


def test_a_lost_scheduler_means_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(app_cluster, "open_places", open_gated)
    gate = tmp_path / "gate"
    gate.mkdir()
    with dask_processes(tmp_path / "dask", 1, environ={GATE: str(gate)}) as running:
        cluster, world = Cluster(running, gate), site(tmp_path / "w", running.address)
        cluster.hold("w0")
        found: list[Done[None]] = []
        thread = threading.Thread(target=lambda: found.append(submitted(world)))
        thread.start()
        cluster.until(lambda: cluster.at_work("w0"))
        running.signal("scheduler", signal.SIGKILL)
        thread.join()
        assert found[0].status is Status.STOPPED
        assert "scheduler" in str(found[0].outcome.error)
        assert found[0].log.failures == []
        address = running.address
    monkeypatch.setattr(head, "Patience", partial(head.Patience, connect=2.0))
    assert main(["-c", str(world.file), "submit", "--yes", "--cluster", address]) == Status.STOPPED
    assert main(["-c", str(world.file), "submit", "--yes", "--cluster", "off"]) == Status.DONE
    assert all(row[-1] for row in rows(world))


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="only this Python can be locked up")
def test_the_profiler_of_a_worker_is_stopped_before_it_gets_work(cluster: Cluster, tmp_path: Path):
    """It and a thread that starts could wait for each other for ever."""
    from distributed import Client

    assert submitted(site(tmp_path, cluster.processes.address, files=4)).ok
    with Client(cluster.processes.address, set_as_default=False) as client:
        found: Any = client.run(lambda dask_worker: {name: call.is_running() for name, call in dask_worker.periodic_callbacks.items()})
    assert len(found) == 3
    for calls in found.values():
        assert {name for name, runs in calls.items() if not runs} >= {"profile", "profile-cycle"}
        assert calls["heartbeat"]


@pytest.fixture
def encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Dask's settings for certificates, as docs/cluster.md has them; call it to take them away again."""
    pem = str(certificate(tmp_path))
    parts = {f"{who}__{what}": pem for who in ("SCHEDULER", "WORKER", "CLIENT") for what in ("CERT", "KEY")}
    for name, value in {"REQUIRE_ENCRYPTION": "true", **{f"TLS__{part}": pem for part in ("CA_FILE", *parts)}}.items():
        monkeypatch.setenv(f"DASK_DISTRIBUTED__COMM__{name}", value)
    refresh()

    def without() -> None:
        for name in [name for name in os.environ if name.startswith("DASK_DISTRIBUTED__COMM__")]:
            monkeypatch.delenv(name)
        refresh()

    yield without
    without()


def test_a_cluster_that_encrypts_works_and_needs_the_certificates(encrypted: Callable[[], None], tmp_path: Path):
    with dask_processes(tmp_path / "dask", 1, protocol="tls") as processes:
        assert processes.address.startswith("tls://127.0.0.1:")
        world = site(tmp_path / "a", processes.address, files=12)
        done = ran(submitted(world))
        assert (done.status, done.log.failures, done.log.complete) == (Status.DONE, [], ["v1"])
        encrypted()
        refused = submitted(site(tmp_path / "b", processes.address, files=3))
        assert refused.status is Status.NOT_STARTED
        assert "docs/cluster.md says which certificates are needed" in str(getattr(refused.outcome.error, "remedy", ""))
