"""What travels to a worker, how tasks are put together, and what becomes of a batch: without any process."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import World

from chorus_gui.app.cluster import STORE, name_of
from chorus_gui.cli.main import main
from chorus_gui.core.cluster import batches, host
from chorus_gui.core.cluster.batches import ALONE, BYTES, FILES, Waiting, bytes_of
from chorus_gui.core.cluster.jobs import MOST_LOSSES, ClusterJob, Worker, rates
from chorus_gui.core.cluster.messages import Ended, Report, Sealed, pack, unpack, without_secrets
from chorus_gui.core.config import cluster_address as addresses
from chorus_gui.core.config.cluster_address import cluster_address
from chorus_gui.core.config.credentials import Secret
from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.engine import work
from chorus_gui.core.errors import AccessError, ClusterError, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Failure, Item
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.storage.retrying import RetryingStore
from chorus_gui.core.submission.guard import GuardedStore
from chorus_gui.core.transfer.transfer import Sending


def item(size: int, number: int = 0) -> Item:
    return Item(number, "Images", f"{number}.dcm", f"v/{number}.dcm", size, 1)


# --- what travels -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [Secret("value"), Place(PlaceKind.FOLDER, "site"), {"deep": [Secret("value")]}])
def test_a_secret_cannot_be_packed(secret: object):
    with pytest.raises(pickle.PicklingError, match="never travel"):
        pack("x", secret)


def test_a_store_travels_as_its_name_also_inside_of_others(tmp_path: Path):
    here = RetryingStore(LocalStore(tmp_path))
    guard = GuardedStore(here)
    guard.changed.add("v1")
    sealed = pack("recipe", Sending({}, guard), name_of)
    assert b"LocalStore" not in sealed.data
    asked: list[object] = []
    there = RetryingStore(LocalStore(tmp_path))

    def find(name: object) -> object:
        asked.append(name)
        return there

    found: Sending = unpack(sealed, find)
    assert asked == [(STORE, here.url)]
    assert isinstance(found.store, GuardedStore)
    assert (found.store.inner, found.store.changed) == (there, {"v1"})


def test_a_message_prints_as_its_name():
    assert repr(pack("batch 7", ["1001/Images/a.dcm"])) == "<batch 7>"


def test_errors_and_failures_travel_without_secrets():
    text = "https://a.blob.example/box?sv=1&sig=abcdefghijklmnop%3D"
    error = without_secrets(AccessError(f"refused: {text}", meaning=text, remedy=text))
    failure = without_secrets(Failure(item(1), "StoreError", text, text))
    for shown in (str(error), repr(error.args), failure.cause, failure.remedy):
        assert "abcdefghijklmnop" not in shown


def test_an_unexpected_error_of_a_worker_travels_without_secrets():
    error = host._harmless(RuntimeError("https://a.blob.example/box?sv=1&sig=abcdefghijklmnop%3D"))
    assert b"abcdefghijklmnop" not in pack("batch", Ended((), Report({}), error)).data
    assert "sig=••••" in str(error)


# --- batches ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from([0, 1, 70_000, ALONE - 1, ALONE, BYTES, 3 * BYTES]), min_size=1, max_size=700), st.integers(1, 9))
def test_every_task_is_in_one_batch_and_large_ones_are_alone(sizes: list[int], workers: int):
    waiting = Waiting()
    for number, size in enumerate(sizes):
        waiting.give(item(size, number), 0)
    found: list[int] = []
    while len(waiting):
        tasks = [task for _, task in waiting.cut(workers).tasks]
        found += [task.key for task in tasks]
        assert len(tasks) <= FILES
        assert sum(task.size for task in tasks) <= BYTES or len(tasks) == 1
        assert len(tasks) == 1 or all(task.size < ALONE for task in tasks)
    assert sorted(found) == list(range(len(sizes)))
    assert (waiting.files, waiting.bytes) == (0, 0)


def test_what_is_left_is_divided_among_all_workers():
    waiting = Waiting()
    for number in range(60):
        waiting.give(item(10, number), 0)
    sizes: list[int] = []
    while len(waiting):
        sizes.append(len(waiting.cut(3).tasks))
    assert (sizes[0], sizes[-1], sum(sizes)) == (5, 1, 60)
    assert sizes == sorted(sizes, reverse=True), "smaller ones towards the end"


def test_a_list_of_files_counts_as_many():
    waiting = Waiting()
    for _ in range(20):
        waiting.give([item(5)] * 64, 0)
    assert (waiting.files, waiting.bytes) == (1280, 6400)
    assert len(waiting.cut(1).tasks) == FILES // 64
    assert bytes_of(("no size",)) == 0
    assert batches.files_of(item(1)) == 1


# --- what becomes of a batch ------------------------------------------------------------------------------------------


class Owner:
    """The owner of a pool, and the cluster's thread, in one."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.ended: work.Ended | None = None
        self.ctx = JobContext()
        self.job = ClusterJob("job", Sealed("recipe", b""), self.ctx, self.deliver)
        self.workers = [Worker(f"tcp://{number}", f"w{number}", 2, 1) for number in range(3)]
        self.numbers = 0

    def deliver(self, message: Sequence[Any] | work.Ended) -> None:
        assert self.ended is None, "nothing comes after the end"
        if isinstance(message, work.Ended):
            self.ended = message
        else:
            self.got.append(list(message))

    def send(self, worker: int) -> int:
        cut = self.job.next_cut(1)
        assert cut is not None
        self.numbers += 1
        self.job.sent(self.numbers, cut, self.workers[worker])
        return self.numbers


@pytest.fixture
def owner() -> Owner:
    owner = Owner()
    for number in range(3):
        owner.job.give(item(ALONE, number), 0)
    owner.job.close()
    return owner


def counted(owner: Owner) -> tuple[int, int]:
    total = owner.ctx.progress.snapshot().total
    return total.files, total.bytes


HALF = Report({"Images": (0, 50, 0)}, [("Images", "0.dcm", 50, 100)])
WHOLE = Report({"Images": (1, 100, 0)})


def test_a_lost_batch_is_sent_again_and_its_progress_is_taken_back(owner: Owner):
    number = owner.send(0)
    owner.job.report(number, HALF)
    assert counted(owner) == (0, 50)
    owner.job.lost(number, owner.workers[0])
    assert counted(owner) == (0, 0)
    assert owner.ctx.progress.snapshot().active == ()
    again = owner.send(1)
    owner.job.came(number, Ended(["late"], WHOLE))
    owner.job.came(again, Ended(["proof"], WHOLE))
    assert (owner.got, counted(owner)) == ([["proof"]], (1, 100))


def test_of_two_attempts_the_first_end_counts_once(owner: Owner):
    first = owner.send(0)
    owner.job.report(first, HALF)
    owner.job.elsewhere(owner.workers[0])
    owner.job.elsewhere(owner.workers[0])
    second = owner.send(1)
    owner.job.report(second, HALF)
    owner.job.came(second, Ended(["second"], WHOLE))
    owner.job.came(first, Ended(["first"], WHOLE))
    owner.job.report(first, HALF)
    assert (owner.got, counted(owner)) == ([["second"]], (1, 100))
    assert owner.workers[0].attempts == owner.workers[1].attempts == set()
    for _ in range(2):
        owner.job.came(owner.send(2), Ended(["other"], WHOLE))
    assert owner.job.is_over()
    assert owner.ended == work.Ended(None)
    assert counted(owner) == (3, 300)


def test_a_batch_that_no_worker_survives_stops_the_job(owner: Owner):
    for number in range(MOST_LOSSES):
        assert owner.ended is None
        owner.job.lost(owner.send(number), owner.workers[number])
    assert owner.job.is_over()
    assert owner.ended is not None
    assert isinstance(owner.ended.error, ClusterError)
    assert owner.ended.error.retryable
    assert owner.got == []


def test_results_before_an_error_count_and_the_error_stops_the_job(owner: Owner):
    owner.job.came(owner.send(0), Ended(["proof"], WHOLE, AccessError("no permission")))
    assert owner.job.is_over()
    assert owner.got == [["proof"]]
    assert owner.ended is not None
    assert isinstance(owner.ended.error, AccessError)


def test_a_worker_that_stopped_by_itself_has_lost_its_batch(owner: Owner):
    owner.job.came(owner.send(0), Ended(["part"], HALF, stopped=True))
    assert (owner.got, counted(owner)) == ([], (0, 0))
    owner.send(1)


def test_a_cancelled_job_keeps_what_was_done(owner: Owner):
    number = owner.send(0)
    owner.ctx.cancel()
    assert not owner.job.is_over(), "what was sent still counts"
    owner.job.came(number, Ended(["part"], HALF, stopped=True))
    assert owner.job.is_over()
    assert (owner.got, owner.ended) == ([["part"]], work.Ended(None))


def test_a_job_that_is_paused_sends_nothing(owner: Owner):
    owner.ctx.pause()
    assert owner.job.next_cut(1) is None
    assert rates({"job": owner.job}, 2)["job"].paused
    owner.ctx.resume()
    owner.ctx.limit.set(10)
    assert rates({"job": owner.job}, 3)["job"].rate == 3
    assert owner.job.next_cut(1) is not None


# --- the address, and the extra ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "address"), [("", ""), ("off", ""), (" OFF ", ""), ("tls://a-b.example:8786/", "tls://a-b.example:8786")])
def test_addresses(text: str, address: str):
    assert cluster_address(text) == address


@pytest.mark.parametrize("text", ["scheduler:8786", "http://a:1", "tcp://a", "tcp://a:0", "tcp://a:65536", "tcp://a b:1", "tls://u:p@a:1"])
def test_what_is_no_address(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(UsageError, match="is not the address of a cluster"):
        cluster_address(text)
    world = World(tmp_path)
    assert main(["-c", str(world.file), "submit", "--yes", "--cluster", text]) == 2
    assert "tls://scheduler:8786" in capsys.readouterr().err
    world.file.write_text(world.file.read_text("utf-8").replace("num_threads", f'cluster = "{text}"\nnum_threads'), "utf-8")
    assert main(["-c", str(world.file), "submit", "--yes"]) == 2


COMMANDS = [["submit", "--yes"], ["scan", "--hash"], ["file", "upload"], ["file", "repair"], ["file", "verify", "--reread"]]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_without_the_extra_the_command_to_install_it_is_named(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    world = World(tmp_path)
    world.put("1/Images/a.dcm", b"a")
    assert main(["-c", str(world.file), "submit", "--yes"]) == 0
    monkeypatch.setattr(addresses, "find_spec", lambda _: None)
    assert main(["-c", str(world.file), *words, "--cluster", "tcp://127.0.0.1:9"]) == 2
    assert 'pip install "chorus-upload[cluster]"' in capsys.readouterr().err
    world.file.write_text(world.file.read_text("utf-8").replace("num_threads", 'cluster = "tcp://127.0.0.1:9"\nnum_threads'), "utf-8")
    assert main(["-c", str(world.file), *words]) == 2
    assert main(["-c", str(world.file), *words, "--cluster", "off"]) == 0


@pytest.mark.parametrize("words", [["scan"], ["file", "verify"]], ids=" ".join)
def test_a_cluster_that_gets_nothing_to_do_is_refused(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    world = World(tmp_path)
    assert main(["-c", str(world.file), *words, "--cluster", "tcp://127.0.0.1:9"]) == 2
    assert "--cluster divides the work" in capsys.readouterr().err
