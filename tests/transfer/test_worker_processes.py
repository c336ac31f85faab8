"""Small files that worker processes send: the same results as without, whatever happens to them."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from processworld import SECRET, Helped, helped, runs, until
from sending import Run, Site, send

from chorus_gui.app import worker_processes
from chorus_gui.app.process import WORKER_PROCESS
from chorus_gui.app.worker_processes import command
from chorus_gui.core.errors import Cancelled
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Item
from chorus_gui.core.storage.base import Source
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.storage.lane import LANE_BYTES
from chorus_gui.core.transfer import processes as processes_module
from chorus_gui.core.transfer import transfer as transfer_module
from chorus_gui.core.transfer.processes import Processes, packed, read_message, task_of, write_message
from chorus_gui.core.transfer.quick import LEAST_RATE, LENT_BYTES, Quick

posix = pytest.mark.skipif(os.name == "nt", reason="signals")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Helped]:
    with helped(tmp_path) as world:
        yield world


def filled(site: Site, files: int = 700) -> list[Item]:
    """A site of small files, and a large one."""
    for number in range(files):
        site.add(f"{number % 7}/{number}.dcm", bytes([number % 251]) * (number % 900))
    site.add("large.dcm", b"x" * (LANE_BYTES + 1))
    return site.items


def sources_of(site: Site) -> dict[str, Source]:
    return {"Images": FolderSource(site.root)}


class Sending:
    """A transfer in a thread of its own."""

    def __init__(self, world: Helped, site: Site, ctx: JobContext) -> None:
        self.results: list[str] = []
        self.found: list[Run] = []
        self._thread = threading.Thread(target=self._run, args=(world, site, ctx))
        self._thread.start()

    def _run(self, world: Helped, site: Site, ctx: JobContext) -> None:
        seen = self.results.append
        self.found.append(
            send(site.items, site.root, world.store, ctx=ctx, executor=world.executor, seen=lambda result: seen(result.item.path))
        )

    def ended(self) -> Run:
        self._thread.join()
        return self.found[0]


def sent_by_all(world: Helped, site: Site) -> Run:
    """Send all files, some of them by each process."""
    (world.gate / "hold").touch()
    sending = Sending(world, site, JobContext())
    until(lambda: world.helpers() == set(world.processes.pids))
    (world.gate / "hold").unlink()
    return sending.ended()


def all_arrived(run: Run, world: Helped, site: Site) -> bool:
    """Each file has one proof, is counted once, and is in the store."""
    assert run.error is None
    assert run.failures == {}
    assert set(run.proofs) == {item.path for item in site.items}
    assert run.count == (len(site.items), sum(item.size for item in site.items), 0)
    assert run.ctx.progress.snapshot().active == ()
    return world.has_all(site.items, site.root)


def test_processes_send_the_small_files_and_the_proofs_are_the_same(world: Helped, site: Site):
    items = filled(site)
    run = sent_by_all(world, site)
    assert all_arrived(run, world, site)
    assert world.helpers() == set(world.processes.pids), "both, and not this process"
    assert set(world.sent().values()) == {1}
    alone = send(items, site.root, world.store, executor=world.executor.inner)
    for path, proof in run.proofs.items():
        other = alone.proofs[path]
        assert (proof.item, proof.md5, proof.level, proof.sent_bytes) == (other.item, other.md5, other.level, other.sent_bytes)
        assert proof.md5_seconds > 0
        assert proof.upload_seconds > 0


def test_a_second_transfer_uses_the_same_processes(world: Helped, site: Site):
    pids = set(world.processes.pids)
    filled(site, 200)
    for _ in range(2):
        assert all_arrived(send(site.items, site.root, world.store, executor=world.executor), world, site)
    assert set(world.processes.pids) == pids


@posix
def test_what_a_killed_process_had_is_sent_by_others_and_another_one_is_started(
    world: Helped, site: Site, caplog: pytest.LogCaptureFixture
):
    filled(site)
    before = set(world.processes.pids)
    (world.gate / "die").touch()
    assert all_arrived(send(site.items, site.root, world.store, executor=world.executor), world, site)
    assert len(before - set(world.processes.pids)) == 1
    assert len(world.processes.pids) == 2
    assert "ended with status -9" in caplog.text


def test_if_no_process_survives_this_one_does_the_work(world: Helped, site: Site):
    filled(site, 200)
    (world.gate / "bye").touch()
    while world.processes.pids:
        assert all_arrived(send(site.items, site.root, world.store, executor=world.executor), world, site)
        until(lambda: not world.processes.answers(0.01) and world.processes.waiting == len(world.processes.pids))
    assert all_arrived(send(site.items, site.root, world.store, executor=world.executor), world, site)
    assert world.helpers() == set()


@pytest.mark.parametrize("program", ["no-such-program", sys.executable])
def test_processes_that_cannot_start_change_nothing(program: str, tmp_path: Path, site: Site):
    processes = Processes([program, "-c", "import sys; print('not a message'); sys.exit(1)"], 2)
    processes.open()
    world = Helped(tmp_path, processes)
    try:
        assert all_arrived(send(filled(site, 300), site.root, world.store, executor=world.executor), world, site)
    finally:
        processes.close()


def test_what_is_not_confirmed_goes_the_other_way_and_its_process_gets_the_places_again(world: Helped, site: Site):
    """The credentials may be others by then."""
    filled(site)
    (world.gate / "break").touch()
    assert all_arrived(sent_by_all(world, site), world, site)
    assert [process.knows for process in world.processes._running] == [False, False]
    (world.gate / "break").unlink()
    for file in world.gate.glob("*.begun"):
        file.unlink()
    assert all_arrived(sent_by_all(world, site), world, site)
    assert [process.knows for process in world.processes._running] == [True, True]


def test_places_that_cannot_travel_change_nothing(world: Helped, site: Site):
    world.store.lock = threading.Lock()
    assert all_arrived(send(filled(site, 100), site.root, world.store, executor=world.executor), world, site)
    assert world.helpers() == set()


@posix
def test_files_wait_for_no_process_that_is_never_ready(tmp_path: Path, site: Site):
    """The only one ends before it gets what was handed over, and the next one hangs while it starts."""
    with helped(tmp_path, 1) as world:
        processes = world.processes
        processes.begin({}, world.store)
        for number, item in enumerate(filled(site, 2)):
            processes.give(task_of(number, item))
        processes._command = [sys.executable, "-c", "import sys; sys.stdin.buffer.read()"]
        os.kill(processes.pids[0], signal.SIGKILL)
        found: list[int] = []
        until(lambda: found.extend(processes.answers(0).other_way) or len(found) == 3)
        assert found == [0, 1, 2]
        assert not processes.busy


def test_a_file_that_changed_fails_with_its_reason(world: Helped, site: Site):
    filled(site, 200)
    (site.root / "3/10.dcm").write_bytes(b"others")
    run = send(site.items, site.root, world.store, executor=world.executor)
    assert run.error is None
    assert [(path, one.kind) for path, one in run.failures.items()] == [("3/10.dcm", "SourceChangedError")]
    assert len(run.proofs) == len(site.items) - 1
    assert run.count[2] == 1


def test_a_cancellation_ends_the_processes_that_have_files(world: Helped, site: Site):
    filled(site)
    (world.gate / "hold").touch()
    ctx, pids = JobContext(), world.processes.pids
    sending = Sending(world, site, ctx)
    until(lambda: world.helpers() == set(pids))
    ctx.cancel()
    run = sending.ended()
    assert isinstance(run.error, Cancelled)
    assert run.failures == {}
    assert not any(map(runs, pids)), "so nothing is sent after this"
    assert set(run.proofs) <= {"large.dcm"}


def test_what_was_confirmed_before_a_cancellation_counts(world: Helped, site: Site):
    filled(site)
    (world.gate / "hold").touch()
    ctx = JobContext()
    sending = Sending(world, site, ctx)
    until(lambda: world.helpers() == set(world.processes.pids))
    ctx.pause()  # nothing more is given
    (world.gate / "hold").unlink()
    until(lambda: len({*sending.results} - {"large.dcm"}) > 0 or world.processes.answered)
    ctx.cancel()
    run = sending.ended()
    assert isinstance(run.error, Cancelled)
    assert {*run.proofs} - {"large.dcm"}
    assert run.count[0] == len(run.proofs)


class Holding(JobContext):
    """Says when the step is held."""

    def __init__(self) -> None:
        super().__init__()
        self.holds = threading.Event()

    def checkpoint(self) -> None:
        if self.paused:
            self.holds.set()
        super().checkpoint()


def test_a_pause_holds_them_after_what_is_on_its_way(world: Helped, site: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(transfer_module, "LAST_ANSWERS_S", 600.0)  # so only the processes end the wait
    filled(site, 2000)
    (world.gate / "hold").touch()
    ctx = Holding()
    sending = Sending(world, site, ctx)
    until(lambda: world.helpers() == set(world.processes.pids) and not world.processes.has_room())
    ctx.pause()
    until(lambda: world.processes._held)
    (world.gate / "hold").unlink()
    ctx.holds.wait()
    still = not world.processes.moving
    left = [len(process.numbers) for process in world.processes._running]
    begun, proved = {*world.sent()}, {f"v/{path}" for path in sending.results} - {"v/large.dcm"}
    ctx.resume()
    assert still
    assert all(left), "each has files that it did not begin"
    assert begun - {"v/large.dcm"} == proved, "what was on its way has its proof"
    assert all_arrived(sending.ended(), world, site)
    assert set(world.sent().values()) == {1}


def test_a_process_that_is_held_begins_nothing_until_it_may(tmp_path: Path, site: Site):
    """However often it is held."""
    world = Helped(tmp_path, Processes(command(), 0))
    with subprocess.Popen(command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        say, hears = process.stdin, process.stdout
        assert say is not None
        assert hears is not None

        def said(*message: object) -> None:
            write_message(say, packed(*message))

        def heard(word: str) -> tuple[Any, ...]:
            while (message := read_message(hears))[0] != word:
                pass
            return message

        said("start", logging.WARNING)
        said("places", sources_of(site), world.store)
        for number, item in enumerate(filled(site, 2)[:2], 1):
            said("hold", number)
            said("files", [task_of(number, item)])
            assert heard("still") == ("still", number)
            assert sum(world.sent().values()) == number - 1
            said("resume")
            assert [one[0] for one in heard("done")[1]] == [number]
        say.close()
        assert process.wait() == 0


def test_a_pause_is_not_silence(world: Helped, site: Site, monkeypatch: pytest.MonkeyPatch):
    """A process that is held says nothing, and is not ended for it."""
    filled(site, 300)
    pids = world.processes.pids
    (world.gate / "hold").touch()
    ctx = Holding()
    sending = Sending(world, site, ctx)
    until(lambda: world.helpers() == set(pids))
    ctx.pause()
    until(lambda: world.processes._held)
    monkeypatch.setattr(processes_module, "SILENT_S", 0.5)
    for process in world.processes._running:
        process.heard -= 3600
    ctx.holds.wait()
    (world.gate / "hold").unlink()
    monkeypatch.setattr(processes_module, "SILENT_S", 600.0)
    ctx.resume()
    assert all_arrived(sending.ended(), world, site)
    assert world.processes.pids == pids


def test_under_a_limit_they_have_no_more_than_it_allows_in_a_second(world: Helped, site: Site, monkeypatch: pytest.MonkeyPatch):
    """So that a lower limit, or a pause of the limit, is not followed by megabytes that left before."""
    for number in range(300):
        site.add(f"{number}.dcm", b"x" * LANE_BYTES)
    (world.gate / "hold").touch()
    ctx, items = JobContext(), iter(site.items)
    ctx.limit.set(LEAST_RATE)
    monkeypatch.setattr(ctx.limit, "reserve", lambda size: 0.0)
    with closing(Quick(sources_of(site), world.store, ctx, processes=world.processes)) as quick:
        until(lambda: not [*quick.results(0.01)] and quick.takes(site.items[0]) and world.processes.ready)
        given = [0]
        for most in (LEAST_RATE, LENT_BYTES):
            ctx.limit.set(None if most == LENT_BYTES else most)
            while quick.has_room(item := next(items)):
                assert quick.send(item)
                given[0] += item.size
            assert given[0] <= most < given[0] + 2 * LANE_BYTES


def test_the_limit_is_asked_once_for_each_file_in_this_process(world: Helped, site: Site, monkeypatch: pytest.MonkeyPatch):
    filled(site, 300)
    ctx, asked = JobContext(), list[int]()
    ctx.limit.set(4 * LEAST_RATE)

    def reserve(size: int) -> float:
        asked.append(size)
        return 0.0

    monkeypatch.setattr(ctx.limit, "reserve", reserve)
    run = send(site.items[:300], site.root, world.store, ctx=ctx, executor=world.executor)
    assert run.error is None
    assert sorted(asked) == sorted(item.size for item in site.items[:300])
    assert world.helpers()


@posix
def test_a_process_that_is_stopped_delays_no_cancellation(world: Helped, site: Site):
    """Also if its pipe is full."""
    for number in range(2000):
        site.add(f"{'long-' * 40}/{number}.dcm", b"x")
    pids = world.processes.pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    ctx = JobContext()
    sending = Sending(world, site, ctx)
    until(lambda: not world.processes.has_room())
    ctx.cancel()
    assert isinstance(sending.ended().error, Cancelled)
    assert not any(map(runs, pids))


@posix
def test_the_files_of_a_silent_process_are_sent_by_others(world: Helped, site: Site, monkeypatch: pytest.MonkeyPatch):
    filled(site, 300)
    monkeypatch.setattr(processes_module, "SILENT_S", 0.0)
    stopped = world.processes.pids
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    assert all_arrived(send(site.items, site.root, world.store, executor=world.executor), world, site)
    assert not any(map(runs, stopped))


def test_no_secret_of_a_process_is_in_the_log(world: Helped, site: Site, caplog: pytest.LogCaptureFixture):
    (world.gate / "talk").touch()
    with caplog.at_level(logging.INFO):
        assert all_arrived(send(filled(site, 100), site.root, world.store, executor=world.executor), world, site)
    assert "worker process" in caplog.text
    assert "sig=••••" in caplog.text
    assert SECRET.partition("sig=")[2] not in caplog.text


@posix
def test_ctrl_c_in_the_terminal_is_not_for_them(world: Helped):
    assert all(os.getpgid(pid) == pid for pid in world.processes.pids)


OWNER = """
import sys
from pathlib import Path
from processworld import Helped
from sending import Site, send
from chorus_gui.app.worker_processes import command
from chorus_gui.core.transfer.processes import Processes
if __name__ == "__main__":
    base = Path(sys.argv[1])
    processes = Processes(command(), 2)
    processes.open()
    while processes.answers(0.01) or processes.waiting < 2:
        pass
    world, site = Helped(base, processes), Site(base / "site")
    (world.gate / "hold").touch()
    for number in range(400):
        site.add(f"{number}.dcm", b"x")
    print(*processes.pids, flush=True)
    send(site.items, site.root, world.store, executor=world.executor)
"""


@posix
def test_a_killed_owner_leaves_no_process(tmp_path: Path):
    paths = os.pathsep.join(path for path in sys.path if path)
    environ = {**os.environ, "PYTHONPATH": paths}
    with subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environ) as owner:
        assert owner.stdout is not None
        pids = [int(word) for word in owner.stdout.readline().split()]
        assert len(pids) == 2
        until(lambda: len(list((tmp_path / "gate").glob("*.begun"))) == 2)
        owner.kill()
    until(lambda: not any(map(runs, pids)))


def test_the_console_program_is_a_worker_process_if_it_is_started_as_one(tmp_path: Path, site: Site):
    """As the program that an installer brings starts it."""
    paths = os.pathsep.join(path for path in sys.path if path)
    start = f"import sys; sys.path[:] = {paths.split(os.pathsep)!r}; from chorus_gui.cli.main import entry; entry()"
    processes = Processes([sys.executable, "-c", start, WORKER_PROCESS], 1)
    processes.open()
    try:
        until(lambda: not processes.answers(0.01) and processes.waiting == 1)
        world = Helped(tmp_path, processes)
        assert all_arrived(send(filled(site, 100), site.root, world.store, executor=world.executor), world, site)
        assert world.helpers() == set(processes.pids)
    finally:
        processes.close()


def test_the_installed_program_starts_the_console_program_beside_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "ChorusUpload.exe"))
    assert worker_processes.command() == (str(tmp_path / "chorus-upload.exe"), WORKER_PROCESS)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "ChorusUpload"))
    assert worker_processes.command() == (str(tmp_path / "chorus-upload"), WORKER_PROCESS)
