"""The rules of the quick way of small files: which files take it, what counts as their proof, and what goes the other way instead."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from memorystore import MemoryStore
from sending import Site, content, md5_hex, send

from chorus_gui.core.errors import StoreUnavailableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Failure, Item, Level, Proof
from chorus_gui.core.storage.base import BlobInfo
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.storage.lane import LANE_BYTES, Arrival
from chorus_gui.core.storage.read_lane import Arrived
from chorus_gui.core.storage.whole import read_opened
from chorus_gui.core.transfer import quick as quick_module
from chorus_gui.core.transfer.quick import AWAY, LEAST_RATE, LOOKS, Quick
from chorus_gui.core.transfer.reads import REST_S, UNUSED_S, WITHOUT_S


class Line:
    """A lane that writes at once, and answers when somebody asks."""

    def __init__(self, store: LaneStore) -> None:
        self._store = store
        self._arrived: list[Arrival] = []
        self.alive = True
        self.room = 100
        self.closed = False

    @property
    def busy(self) -> int:
        return len(self._arrived)

    @property
    def answered(self) -> bool:
        return bool(self._arrived)

    def has_room(self) -> bool:
        return self.alive and len(self._arrived) < self.room

    def begin(self, key: int, path: str, data: bytes, md5: bytes) -> None:
        self._store.begun.append(path)
        self._arrived.append(Arrival(key, self._store.answer(MemoryStore.put(self._store, path, data, md5=md5))))

    def answers(self, seconds: float) -> list[Arrival]:
        arrived, self._arrived = self._arrived, []
        return arrived

    def close(self) -> None:
        self.closed = True


class LaneStore(MemoryStore):
    """A store with lanes.  ``begun`` are the paths that went into one, ``sent`` those that came as usual."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes: list[Line] = []
        self.begun: list[str] = []
        self.sent: list[str] = []
        self.wrong: dict[str, BlobInfo | None] = {}

    def lane(self) -> Line:
        self.lanes.append(Line(self))
        return self.lanes[-1]

    def answer(self, info: BlobInfo) -> BlobInfo | None:
        return self.wrong.get(info.path, info)

    def put(self, path: str, data: object, **options: object) -> BlobInfo:
        self.sent.append(path)
        return super().put(path, data, **options)  # type: ignore[arg-type]


@pytest.fixture
def store() -> LaneStore:
    return LaneStore()


@pytest.fixture
def ctx() -> JobContext:
    return JobContext()


@pytest.fixture
def quick(store: LaneStore, site: Site, ctx: JobContext) -> Iterator[Quick]:
    quick = Quick({"Images": FolderSource(site.root)}, store, ctx)
    yield quick
    quick.close()


def collected(quick: Quick) -> list[Proof | Item]:
    return list(quick.results(0))


@pytest.mark.parametrize(
    ("size", "replaces", "rate", "takes"),
    [
        pytest.param(LANE_BYTES, None, None, True, id="a small file"),
        pytest.param(0, None, None, True, id="an empty file"),
        pytest.param(LANE_BYTES + 1, None, None, False, id="a byte too large"),
        pytest.param(3, "", None, False, id="only if there is no such blob"),
        pytest.param(3, "etag", None, False, id="only in the place of another one"),
        pytest.param(3, None, LEAST_RATE, True, id="under a limit that is high enough"),
        pytest.param(3, None, LEAST_RATE - 1, False, id="under a lower limit"),
    ],
)
def test_which_files_take_the_quick_way(
    quick: Quick, ctx: JobContext, site: Site, size: int, replaces: str | None, rate: int | None, takes: bool
) -> None:
    item = replace(site.add("a", b"x" * size), replaces=replaces)
    ctx.limit.set(rate)
    assert quick.takes(item) is takes


def test_a_store_without_lanes_has_no_quick_way(site: Site) -> None:
    quick = Quick({"Images": FolderSource(site.root)}, MemoryStore(), JobContext())
    assert not quick.takes(site.add("a", b"x"))
    assert not quick.has_room(site.items[0])
    assert not quick.send(site.items[0])
    assert not quick.alive
    assert collected(quick) == []


def test_what_a_lane_acknowledges_is_proved_and_counted(quick: Quick, ctx: JobContext, store: LaneStore, site: Site) -> None:
    items = [site.add("a", b"abc"), site.add("b", b"")]
    for item in items:
        assert quick.has_room(item)
        assert quick.send(item)
    assert quick.busy
    assert quick.answered
    proofs = collected(quick)
    assert not quick.busy
    for item, proof in zip(items, proofs, strict=True):
        assert isinstance(proof, Proof)
        info = store.head(item.store_path)
        assert info is not None
        assert (proof.item, proof.md5, proof.etag, proof.level, proof.sent_bytes) == (item, info.md5, info.etag, Level.TRANSPORT, item.size)
    total = ctx.progress.snapshot().total
    assert (total.files, total.bytes) == (2, 3)


@pytest.mark.parametrize("answer", ["none", "another MD5", "another size"])
def test_what_a_lane_does_not_confirm_goes_the_other_way_and_is_not_counted(
    quick: Quick, ctx: JobContext, store: LaneStore, site: Site, answer: str
) -> None:
    item = site.add("a", b"abc")
    info = BlobInfo("v/a", 3 + (answer == "another size"), md5_hex(b"other" if answer == "another MD5" else b"abc"), "e")
    store.wrong["v/a"] = None if answer == "none" else info
    assert quick.send(item)
    assert collected(quick) == [item]
    total = ctx.progress.snapshot().total
    assert (total.files, total.bytes, quick.busy) == (0, 0, False)


@pytest.mark.parametrize("change", ["longer", "shorter", "another time", "gone", "content"])
def test_a_file_that_is_not_the_approved_one_is_not_begun(quick: Quick, store: LaneStore, site: Site, change: str) -> None:
    """The other way explains what is wrong with it."""
    item = site.add("a", b"abc", md5_hex(b"abc"))
    file = site.root / "a"
    moment = os.stat(file).st_mtime_ns
    if change == "gone":
        file.unlink()
    else:
        file.write_bytes({"longer": b"abcd", "shorter": b"ab", "another time": b"abc", "content": b"abd"}[change])
        os.utime(file, ns=(moment, moment + (10**9 if change == "another time" else 0)))
    assert not quick.send(item)
    assert store.begun == []
    assert not quick.busy


def test_while_a_file_is_in_doubt_nothing_goes_the_quick_way(quick: Quick, site: Site) -> None:
    one, two = site.add("a", b"abc"), site.add("b", b"abd")
    quick.doubt(one)
    assert not quick.takes(two)
    quick.trust(Proof(two, "m", "e", Level.TRANSPORT))
    assert not quick.takes(two), "it is about the other file"
    quick.trust(Proof(one, "m", "e", Level.TRANSPORT))
    assert quick.takes(two)


@pytest.mark.parametrize(("kind", "takes"), [(StoreUnavailableError.__name__, False), ("SourceChangedError", True)])
def test_a_store_that_does_not_answer_has_to_show_that_it_does(quick: Quick, site: Site, kind: str, takes: bool) -> None:
    one, two = site.add("a", b"abc"), site.add("b", b"abd")
    quick.doubt(one)
    quick.trust(Failure(one, kind, "why", ""))
    assert quick.takes(two) is takes
    quick.trust(Proof(two, "m", "e", Level.TRANSPORT))
    assert quick.takes(two)


def test_a_broken_lane_is_replaced_after_a_rest_when_everything_is_settled(
    quick: Quick, store: LaneStore, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(quick_module.time, "monotonic", lambda: clock[0])
    item = site.add("a", b"abc")
    assert quick.send(item)
    store.lanes[0].alive = False
    assert not quick.takes(item)
    assert not store.lanes[0].closed, "its last answers are waited for"
    collected(quick)
    assert not quick.takes(item)
    assert store.lanes[0].closed
    clock[0] += REST_S - 0.1
    assert not quick.takes(item)
    assert len(store.lanes) == 1
    clock[0] += 0.1
    assert quick.takes(item)
    assert len(store.lanes) == 2


@pytest.mark.parametrize("slow", [False, True])
def test_on_a_slow_disk_files_go_to_the_threads_for_a_while(
    quick: Quick, store: LaneStore, site: Site, slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick_module, "SLOW_S", -1.0 if slow else 3600.0)
    item = site.add("a", b"abc")
    for _ in range(LOOKS - 1):
        assert quick.send(item)
    assert quick.takes(item), "a few files say little"
    assert quick.send(item)
    collected(quick)
    taken = [quick.takes(item) for _ in range(AWAY + 1)]
    assert taken == ([False] * AWAY + [True] if slow else [True] * (AWAY + 1))


def test_a_file_without_room_waits(quick: Quick, store: LaneStore, site: Site) -> None:
    item = site.add("a", b"abc")
    store.lanes[0].room = 0
    assert not quick.has_room(item)
    assert quick.alive
    store.lanes[0].room = 1
    assert quick.has_room(item)
    store.lanes[0].alive = False
    assert not quick.alive


def test_under_a_limit_a_file_waits_for_its_turn_once(quick: Quick, ctx: JobContext, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    reserved: list[int] = []
    monkeypatch.setattr(quick_module.time, "monotonic", lambda: clock[0])

    def reserve(size: int) -> float:
        reserved.append(size)
        return 5.0

    monkeypatch.setattr(ctx.limit, "reserve", reserve)
    one, two = site.add("a", b"abc"), site.add("b", b"longer")
    assert not quick.has_room(one)
    assert quick.held
    clock[0] += 4.9
    assert not quick.has_room(one)
    clock[0] += 0.2
    assert quick.has_room(one)
    assert not quick.held
    assert reserved == [3], "the same file is counted once"
    assert not quick.has_room(two)
    ctx.limit.set(10 * LEAST_RATE)
    assert not quick.has_room(two)
    assert reserved == [3, 6, 6], "and again under another limit"


@pytest.mark.parametrize("wrong", [False, True])
def test_whichever_way_a_file_goes_it_arrives_once(store: LaneStore, site: Site, wrong: bool) -> None:
    for number in range(20):
        site.add(f"{number}", b"x" * number)
    site.add("large", b"x" * (LANE_BYTES + 1))
    if wrong:
        store.wrong = {"v/3": None, "v/7": BlobInfo("v/7", 9, None, "e")}
    run = send(site.items, site.root, store)
    assert run.error is None
    assert set(run.proofs) == {item.path for item in site.items}
    assert run.count[:2] == (21, sum(item.size for item in site.items))
    for item in site.items:
        assert content(store, item.store_path) == (site.root / item.path).read_bytes()
    assert "v/large" in store.sent
    assert set(store.wrong) <= set(store.sent)
    assert not set(store.begun) & set(store.sent) - set(store.wrong)


class Reads:
    """A lane of reads that brings a file when a test lets it."""

    def __init__(self, root: Path) -> None:
        self._source = FolderSource(root)
        self.asked: dict[int, tuple[str, int]] = {}
        self.alive, self.closed = True, False
        self.held: set[str] = set()
        self.lost: set[str] = set()
        self.waits: list[float] = []

    @property
    def answered(self) -> bool:
        return any(path not in self.held for path, _ in self.asked.values())

    def has_room(self) -> bool:
        return self.alive

    def begin(self, key: int, path: str, most: int) -> None:
        self.asked[key] = path, most

    def answers(self, seconds: float) -> list[Arrived]:
        self.waits.append(seconds)
        keys = [key for key, (path, _) in self.asked.items() if path not in self.held]
        return [self._arrived(key, *self.asked.pop(key)) for key in reversed(keys)]

    def _arrived(self, key: int, path: str, most: int) -> Arrived:
        return Arrived(key, None if path in self.lost else read_opened(self._source, path, most))

    def close(self) -> None:
        self.alive, self.closed = False, True


class Cloud(FolderSource):
    """A source with a lane of reads."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.lanes: list[Reads] = []
        self.root = root

    def read_lane(self) -> Reads:
        self.lanes.append(Reads(self.root))
        return self.lanes[-1]


@pytest.fixture
def cloud(site: Site) -> Cloud:
    return Cloud(site.root)


@pytest.fixture
def reading(store: LaneStore, cloud: Cloud, ctx: JobContext) -> Iterator[Quick]:
    quick = Quick({"Images": cloud}, store, ctx)
    yield quick
    quick.close()
    assert all(lane.closed for lane in cloud.lanes)


def sent(quick: Quick, *items: Item) -> None:
    for item in items:
        assert quick.takes(item)
        assert quick.has_room(item)
        assert quick.send(item)


def test_files_of_a_cloud_are_read_at_the_same_time_and_proved(reading: Quick, cloud: Cloud, store: LaneStore, site: Site) -> None:
    items = [site.add(name, name.encode()) for name in ("a", "b", "empty/")[:2]]
    sent(reading, *items)
    assert len(cloud.lanes[0].asked) == 2, "both are asked for before one has come"
    assert reading.busy
    proofs = [*collected(reading), *collected(reading)]
    assert {proof.item.path: proof.md5 for proof in proofs if isinstance(proof, Proof)} == {"a": md5_hex(b"a"), "b": md5_hex(b"b")}
    assert not reading.busy
    assert store.sent == []


@pytest.mark.parametrize("how", ["content", "size", "time", "lost", "recorded"])
def test_a_file_of_a_cloud_that_is_not_the_approved_one_goes_another_way(
    reading: Quick, cloud: Cloud, store: LaneStore, site: Site, how: str
) -> None:
    item = site.add("a", b"abc", md5_hex(b"another") if how == "recorded" else None)
    good = site.add("b", b"right")
    file = site.root / "a"
    if how in ("content", "size"):
        file.write_bytes(b"abd" if how == "content" else b"abcd")
        os.utime(file, ns=(0, item.mtime_us * 1000 + (1_000_000_000 if how == "content" else 0)))
    elif how == "time":
        os.utime(file, ns=(0, item.mtime_us * 1000 + 1_000_000_000))
    sent(reading, item, good)
    if how == "lost":
        cloud.lanes[0].lost.add("a")
    found = [*collected(reading), *collected(reading)]
    assert [one for one in found if isinstance(one, Item)] == [item]
    assert [one.item for one in found if isinstance(one, Proof)] == [good]
    assert store.begun == ["v/b"], "nothing of it was sent"


def test_a_lane_of_reads_that_broke_is_replaced_after_a_rest(
    reading: Quick, cloud: Cloud, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(quick_module.time, "monotonic", lambda: now[0])
    first, second = site.add("a", b"a"), site.add("b", b"b")
    sent(reading, first)
    cloud.lanes[0].alive = False
    assert not reading.alive
    cloud.lanes[0].held.add("a")
    assert not reading.takes(second), "it still has a file"
    cloud.lanes[0].held.clear()
    assert [one.item for one in [*collected(reading), *collected(reading)] if isinstance(one, Proof)] == [first]
    assert not reading.takes(second)
    assert cloud.lanes[0].closed
    now[0] += REST_S + 0.1
    sent(reading, second)
    assert len(cloud.lanes) == 2


def test_what_was_read_before_a_pause_is_sent_after_it(reading: Quick, cloud: Cloud, store: LaneStore, site: Site) -> None:
    first, second = site.add("a", b"a"), site.add("b", b"b")
    sent(reading, first)
    assert collected(reading) == []
    sent(reading, second)
    assert [one.item for one in reading.finish_sent(1.0) if isinstance(one, Proof)] == [first]
    assert store.begun == ["v/a"]
    assert sorted(reading.abandoned()) == [second.key], "what is not sent is not lost, if it ends here"
    reading.resume()
    assert [one.item for one in [*collected(reading), *collected(reading)] if isinstance(one, Proof)] == [second]


def test_what_was_read_goes_another_way_if_the_store_breaks(reading: Quick, store: LaneStore, site: Site) -> None:
    item = site.add("a", b"a")
    sent(reading, item)
    for lane in store.lanes:
        lane.alive = False
    assert collected(reading) == [item]
    assert not reading.busy


def test_a_lane_of_reads_that_brings_nothing_is_not_used_for_the_next_files(reading: Quick, cloud: Cloud, site: Site) -> None:
    """A service whose answers do not say all that is needed would be asked twice for every file."""
    lost, good = [site.add(name, b"x") for name in "abc"], site.add("d", b"y")
    sent(reading, *lost)
    cloud.lanes[0].lost |= {"a", "b", "c"}
    assert {one.path for one in collected(reading) if isinstance(one, Item)} == {"a", "b", "c"}
    sent(reading, good)
    assert cloud.lanes[0].closed
    assert len(cloud.lanes) == 1
    assert [one.item for one in collected(reading) if isinstance(one, Proof)] == [good]


class Two:
    """A site with two modalities in clouds."""

    def __init__(self, site: Site, store: LaneStore, ctx: JobContext) -> None:
        self.site = site
        self.one, self.other = Cloud(site.root), Cloud(site.root)
        self.quick = Quick({"Images": self.one, "Waveforms": self.other}, store, ctx)

    def of_other(self, name: str) -> Item:
        return replace(self.site.add(name, name.encode()), modality="Waveforms")

    def finish(self, *items: Item) -> list[Proof | Item]:
        sent(self.quick, *items)
        return [*collected(self.quick), *collected(self.quick)]


@pytest.fixture
def two(site: Site, store: LaneStore, ctx: JobContext) -> Iterator[Two]:
    two = Two(site, store, ctx)
    yield two
    two.quick.close()
    assert all(lane.closed for lane in two.one.lanes + two.other.lanes)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(quick_module.time, "monotonic", lambda: now[0])
    return now


def test_a_lane_that_nothing_is_asked_of_is_not_waited_for(two: Two, site: Site) -> None:
    """Otherwise each modality that is done slows the others."""
    two.finish(site.add("a", b"a"))
    done = len(two.one.lanes[0].waits)
    item = two.of_other("b")
    sent(two.quick, item)
    two.other.lanes[0].held.add("b")
    assert [*two.quick.results(0.2)] == []
    assert max(two.other.lanes[0].waits) == 0.2, "the only lane that can have something gets all the time"
    assert len(two.one.lanes[0].waits) == done


def test_two_lanes_that_are_asked_get_a_moment_each(two: Two, site: Site) -> None:
    sent(two.quick, site.add("a", b"a"), two.of_other("b"))
    for cloud, name in ((two.one, "a"), (two.other, "b")):
        cloud.lanes[0].held.add(name)
    assert [*two.quick.results(0.2)] == []
    assert 0 < max(two.one.lanes[0].waits + two.other.lanes[0].waits) < 0.02


def test_a_lane_that_is_not_used_gives_its_connections_back(two: Two, site: Site, now: list[float]) -> None:
    two.finish(site.add("a", b"a"))
    two.finish(two.of_other("b"))
    assert not two.one.lanes[0].closed
    now[0] += UNUSED_S + 1
    two.finish(two.of_other("c"))
    assert two.one.lanes[0].closed
    assert [lane.closed for lane in two.other.lanes] == [False], "the one in use stays"
    two.finish(site.add("d", b"d"))
    assert len(two.one.lanes) == 2, "and it is opened again"


def test_what_one_source_does_not_bring_says_nothing_of_another(two: Two, site: Site) -> None:
    lost = [site.add(name, b"x") for name in "abc"]
    sent(two.quick, *lost)
    two.one.lanes[0].lost |= {"a", "b", "c"}
    collected(two.quick)
    item = two.of_other("d")
    assert [one.item for one in two.finish(item) if isinstance(one, Proof)] == [item]
    assert [lane.closed for lane in two.other.lanes] == [False]


def test_a_broken_lane_of_one_source_does_not_keep_files_of_another_from_waiting(two: Two, site: Site) -> None:
    two.finish(site.add("a", b"a"))
    two.one.lanes[0].alive = False
    item = two.of_other("b")
    assert two.quick.takes(item)
    assert two.quick.has_room(item)
    assert two.quick.alive


def test_what_a_broken_lane_did_not_bring_is_no_reason_to_do_without_the_next(
    reading: Quick, cloud: Cloud, site: Site, now: list[float]
) -> None:
    lost, later = [site.add(name, b"x") for name in "abcd"], site.add("e", b"y")
    sent(reading, *lost)
    cloud.lanes[0].lost |= set("abcd")
    cloud.lanes[0].alive = False
    collected(reading)
    assert not reading.takes(later)
    now[0] += REST_S + 0.1
    sent(reading, later)
    assert [lane.closed for lane in cloud.lanes] == [True, False]
    assert later.path in {path for path, _ in cloud.lanes[1].asked.values()}


def test_empty_files_say_nothing_of_a_lane(reading: Quick, cloud: Cloud, site: Site) -> None:
    """Services refuse a range of an empty object."""
    sent(reading, *(site.add(name, b"") for name in "abcd"))
    cloud.lanes[0].lost |= set("abcd")
    assert len(collected(reading)) == 4
    sent(reading, site.add("e", b"y"))
    assert [lane.closed for lane in cloud.lanes] == [False]


def test_a_source_whose_lane_brought_nothing_gets_one_again_later(reading: Quick, cloud: Cloud, site: Site, now: list[float]) -> None:
    """The service was busy, or a credential had ended."""
    sent(reading, *(site.add(name, b"x") for name in "abc"))
    cloud.lanes[0].lost |= set("abc")
    collected(reading)
    sent(reading, site.add("d", b"y"))
    now[0] += WITHOUT_S - 1
    sent(reading, site.add("e", b"y"))
    assert [lane.closed for lane in cloud.lanes] == [True], "not for a while"
    now[0] += 2
    sent(reading, site.add("f", b"y"))
    assert [lane.closed for lane in cloud.lanes] == [True, False]
