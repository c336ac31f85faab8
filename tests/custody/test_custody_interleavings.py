"""Every interleaving of two users, one call of the store after the other.

Each actor runs in a thread that is let go for one call at a time.  After each call the situation is named by what lies in the store
and what each actor was answered so far; the search goes on only from situations that it has not met, so it walks every order that
makes a difference.  A run is repeated from the start for each new order.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from custodyworld import BLOB, LOCK, journal_bytes, names, names_in, person, record
from old_tools import OldTool, RefusedError, Tool2024, ToolPresent

from chorus_gui.core.custody.adopt import adopt, preview
from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.checkout import checkout
from chorus_gui.core.custody.recover import recover
from chorus_gui.core.custody.state import State
from chorus_gui.core.custody.unlock import unlock
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.base import ALWAYS, BlobInfo, Condition
from chorus_gui.core.storage.memory import MemoryStore

LONG = 30.0


class OverError(BaseException):
    """A run is called off."""


class Turns:
    """Lets one actor at a time make one call."""

    def __init__(self) -> None:
        self._here = threading.Condition()
        self._waiting: set[str] = set()
        self._ended: set[str] = set()
        self._go: str | None = None
        self._over = False

    def wait(self, actor: str) -> None:
        """Called by an actor before a call."""
        with self._here:
            self._waiting.add(actor)
            self._here.notify_all()
            assert self._here.wait_for(lambda: self._go == actor or self._over, LONG)
            if self._over:
                raise OverError
            self._go = None
            self._waiting.discard(actor)

    def call_off(self) -> None:
        """What comes from here is known: nobody makes a call any more."""
        with self._here:
            self._over = True
            self._here.notify_all()

    def end(self, actor: str) -> None:
        with self._here:
            self._ended.add(actor)
            self._here.notify_all()

    def settle(self, actors: Sequence[str]) -> list[str]:
        """Until every actor waits or has ended; those that wait."""
        with self._here:
            assert self._here.wait_for(lambda: self._go is None and self._waiting | self._ended >= set(actors), LONG)
            return sorted(self._waiting)

    def let(self, actor: str) -> None:
        with self._here:
            self._go = actor
            self._here.notify_all()


class Watched(MemoryStore):
    """Counts each actor's calls and answers, and holds ours to what it must never do."""

    def __init__(self, turns: Turns) -> None:
        super().__init__()
        self.turns = turns
        self.seen: dict[str, list[str]] = {}
        self.writers: dict[str, str] = {}
        self.log: list[str] = []
        self.broken: list[str] = []

    def content(self, path: str) -> bytes | None:
        blob = self._blobs.get(path)
        return blob.data if blob else None

    def key(self) -> str:
        there = sorted((path, self.writers[blob.info.etag]) for path, blob in self._blobs.items())
        return repr((there, sorted((actor, tuple(seen)) for actor, seen in self.seen.items())))

    def turn(self, call: str, path: str, act: Callable[[], BlobInfo | None]) -> BlobInfo | None:
        actor = threading.current_thread().name
        if actor == "MainThread":
            info = act()
            if info is not None:
                self.writers.setdefault(info.etag, f"start:{path}")
            return info
        self.turns.wait(actor)
        seen = self.seen.setdefault(actor, [])
        before = (self.content(BLOB), self.content(LOCK))
        try:
            info = act()
        except ChorusError as error:
            seen.append(f"{call} {path} {type(error).__name__}")
            raise
        else:
            if info is not None:
                self.writers.setdefault(info.etag, f"{actor}:{len(seen)}")
            seen.append(f"{call} {path} {self.writers[info.etag] if info else None}")
            return info
        finally:
            self.log.append(f"{actor}: {seen[-1]}")
            self._judge(actor, call, path, before)

    def _judge(self, actor: str, call: str, path: str, before: tuple[bytes | None, bytes | None]) -> None:
        after = (self.content(BLOB), self.content(LOCK))
        if after == before or not actor.startswith("ours"):
            return
        had = rows(before[0]) | rows(before[1])
        if lost := had - (rows(after[0]) | rows(after[1])):
            self.broken.append(f"{actor} {call} {path} lost {sorted(lost)}")
        if after[0] is None and before[0] is not None:
            self.broken.append(f"{actor} removed the journal")

    def put(self, path, data, *, md5=None, metadata=None, condition: Condition = ALWAYS):
        return some(self.turn("put", path, lambda: super(Watched, self).put(path, data, md5=md5, metadata=metadata, condition=condition)))

    def head(self, path):
        return self.turn("head", path, lambda: super(Watched, self).head(path))

    def read(self, path, *, offset=0, length=None, etag=None) -> Iterator[bytes]:
        got: list[bytes] = []

        def act() -> BlobInfo | None:
            got.extend(super(Watched, self).read(path, offset=offset, length=length, etag=etag))
            return self._blobs[path].info

        self.turn("read", path, act)
        yield from got

    def copy(self, source, target, *, condition: Condition = ALWAYS):
        return some(self.turn("copy", target, lambda: super(Watched, self).copy(source, target, condition=condition)))

    def delete(self, path, *, condition: Condition = ALWAYS):
        self.turn("delete", path, lambda: super(Watched, self).delete(path, condition=condition))


def some(info: BlobInfo | None) -> BlobInfo:
    assert info is not None
    return info


def rows(data: bytes | None) -> frozenset[str]:
    return frozenset() if data is None else names_in(data)


@dataclass
class World:
    """One run: the store, and what the actors noted."""

    store: Watched
    folder: Path
    holding: set[str] = field(default_factory=set)
    both_held: bool = False
    done: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def hold(self, actor: str) -> None:
        with self.lock:
            self.holding.add(actor)
            self.both_held |= len(self.holding) > 1

    def drop(self, actor: str) -> None:
        with self.lock:
            self.holding.discard(actor)


Actor = Callable[[World, str], None]


def ours(world: World, actor: str) -> None:
    """Check out, record a file, check in."""
    home = person(world.store, world.folder / actor, actor, f"PC-{actor}")
    ctx = JobContext()
    checkout(home, ctx)
    world.hold(actor)
    note_recorded(home.local, actor)
    try:
        checkin(home, ctx)
    finally:
        world.drop(actor)
    world.done.append(f"{actor}.dcm")


def note_recorded(local: Path, actor: str) -> None:
    record(local, f"{actor}.dcm")
    local.with_name("recorded").touch()


def ours_unlocks(world: World, actor: str) -> None:
    """Remove whatever lock there is, by force."""
    unlock(person(world.store, world.folder / actor, actor, f"PC-{actor}"), JobContext(), force=True)


def ours_takes_over(world: World, actor: str) -> None:
    """Go on with a file of one's own, having seen that the cloud has nothing more; then check in."""
    home = person(world.store, world.folder / actor, actor, f"PC-{actor}")
    home.local.write_bytes(journal_bytes("base.dcm"))
    note_recorded(home.local, actor)
    ctx = JobContext()
    sides = preview(home, home.local, ctx)
    if sides.only_cloud:
        raise RefusedError
    adopt(home, home.local, ctx, sides)
    checkin(home, ctx)
    world.done.append(f"{actor}.dcm")


def old(kind: type[OldTool]) -> Actor:
    def run(world: World, actor: str) -> None:
        kind(world.store, world.folder / actor / "journal.db").command(f"{actor}.dcm")  # type: ignore[attr-defined]
        world.done.append(f"{actor}.dcm")

    return run


def old_without_looking(kind: type[OldTool]) -> Actor:
    """A stale local journal is worked on and checked in: these commands take any lock for their own."""

    def run(world: World, actor: str) -> None:
        tool = kind(world.store, world.folder / actor / "journal.db")
        tool.local.write_bytes(journal_bytes("base.dcm"))
        tool.update(f"{actor}.dcm")
        tool.checkin()
        world.done.append(f"{actor}.dcm")

    return run


def old_unlocks(kind: type[OldTool]) -> Actor:
    return lambda world, actor: kind(world.store, world.folder / actor / "journal.db").unlock()


@dataclass
class Search:
    """All orders of the calls of two actors.  ``check`` looks at each end."""

    folder: Path
    actors: dict[str, Actor]
    start: dict[str, bytes]
    check: Callable[[World], None]
    one_holder: bool = False
    runs: int = 0
    ends: int = 0
    states: set[str] = field(default_factory=set)

    def explore(self) -> Search:
        todo: list[tuple[str, ...]] = [()]
        while todo:
            todo += self._run(todo.pop())
        return self

    def _run(self, begin: tuple[str, ...]) -> list[tuple[str, ...]]:
        """One run: as ``begin`` says, then always the first who waits; the orders that branch off at new situations."""
        self.runs += 1
        folder = self.folder / str(self.runs)
        turns = Turns()
        store = Watched(turns)
        for path, data in self.start.items():
            store.put(path, data)
        world = World(store, folder)
        failures: list[BaseException] = []
        threads = [threading.Thread(target=self._act, args=(world, name, failures), name=name) for name in self.actors]
        for thread in threads:
            thread.start()
        order: list[str] = []
        branches: list[tuple[str, ...]] = []
        while waiting := turns.settle(list(self.actors)):
            self._reachable(world)
            choice = waiting[0]
            if len(order) < len(begin):
                choice = begin[len(order)]
            elif (key := store.key()) in self.states:
                turns.call_off()
                break
            else:
                self.states.add(key)
                branches += [(*order, other) for other in waiting[1:]]
            order.append(choice)
            turns.let(choice)
        for thread in threads:
            thread.join(LONG)
        told = "\n".join(store.log)
        assert not failures, f"{failures}\n{told}"
        assert not store.broken, f"{store.broken}\n{told}"
        assert not (self.one_holder and world.both_held), f"two hold it\n{told}"
        if not waiting:
            self._ended(world, told)
        shutil.rmtree(folder, ignore_errors=True)
        return branches

    def _ended(self, world: World, told: str) -> None:
        self.ends += 1
        self._reachable(world)
        try:
            self.check(world)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{told}") from error

    def _act(self, world: World, name: str, failures: list[BaseException]) -> None:
        try:
            self.actors[name](world, name)
        except (ChorusError, RefusedError, OverError):
            pass
        except BaseException as error:
            failures.append(error)
        finally:
            world.store.turns.end(name)

    def _reachable(self, world: World) -> None:
        """The journal is there, or the lock holds it, at every moment."""
        if self.start:
            assert world.store.content(BLOB) is not None or world.store.content(LOCK), "unreachable:\n" + "\n".join(world.store.log)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where the system has such a place: thousands of journals are written and thrown away."""
    if not Path("/dev/shm").is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="chorus-tests-") as name:
        yield Path(name)


BASE = {BLOB: journal_bytes("base.dcm")}


def cloud(world: World) -> frozenset[str]:
    return rows(world.store.content(BLOB)) | rows(world.store.content(LOCK))


def everywhere(world: World) -> frozenset[str]:
    """What the cloud, the local journals and their kept copies hold."""
    found = cloud(world)
    for file in world.folder.rglob("*.db"):
        found |= rows(file.read_bytes())
    return found


def nothing_lost(world: World) -> None:
    """Where only ours work: all that was checked in is in the cloud."""
    assert set(world.done) | {"base.dcm"} <= cloud(world)
    assert world.store.content(LOCK) is None


def ours_loses_nothing(world: World) -> None:
    """Beside an older tool, which may overwrite anything: what ours checked in is in the cloud, or an older tool wrote over it
    (``Watched`` holds ours to never doing so), and then it is still in the local journal.
    """
    for name in world.done:
        actor = name.removesuffix(".dcm")
        if actor.startswith("ours") and name not in cloud(world):
            assert any(line.startswith("old") and ("put " + BLOB in line or "copy " + BLOB in line) for line in world.store.log)
            assert name in names(world.folder / actor / "journal.db")
    recorded = {name for name in everywhere(world) if name.startswith("ours")}
    tried = {f"{folder.name}.dcm" for folder in world.folder.glob("ours*") if (folder / "recorded").exists()}
    assert tried <= recorded, "a row that ours recorded is nowhere"
    assert "base.dcm" in everywhere(world)


def looks_true(world: World) -> None:
    """What ours believes at the end can be resolved: every home settles, and says what is left to do."""
    for folder in world.folder.glob("ours*"):
        home = person(world.store, folder, folder.name, f"PC-{folder.name}")
        state, offers = recover(home)
        assert (state.state in (State.MINE, State.CHANGED)) == bool(offers)
        if state.state is State.MINE:
            checkin(home, JobContext())
            assert names(home.local) <= cloud(world)


def with_old_tool(world: World) -> None:
    ours_loses_nothing(world)
    looks_true(world)


def explore(
    folder: Path,
    first: Actor,
    second: Actor,
    start: dict[str, bytes],
    check: Callable[[World], None],
    name: str,
    *,
    one_holder: bool = False,
) -> None:
    search = Search(folder, {"ours-a": first, name: second}, start, check, one_holder).explore()
    assert search.ends > 0
    assert search.runs > 5
    assert len(search.states) > search.runs


def test_two_of_ours(folder):
    explore(folder, ours, ours, BASE, nothing_lost, "ours-b", one_holder=True)


def test_two_of_ours_and_a_new_journal(folder):
    def check(world: World) -> None:
        assert set(world.done) <= cloud(world)
        assert world.done

    explore(folder, ours, ours, {}, check, "ours-b", one_holder=True)


def test_ours_and_an_unlock_of_ours(folder):
    def check(world: World) -> None:
        assert set(world.done) | {"base.dcm"} <= cloud(world)
        looks_true(world)

    explore(folder, ours, ours_unlocks, BASE, check, "ours-b")


@pytest.mark.parametrize("kind", [Tool2024, ToolPresent])
@pytest.mark.parametrize("what", [old, old_without_looking, old_unlocks])
def test_ours_beside_an_older_tool(folder, kind, what):
    explore(folder, ours, what(kind), BASE, with_old_tool, "old-b")


@pytest.mark.parametrize("kind", [Tool2024, ToolPresent])
@pytest.mark.parametrize("what", [old, old_unlocks])
def test_ours_with_a_new_journal_beside_an_older_tool(folder, kind, what):
    def check(world: World) -> None:
        looks_true(world)
        if "ours-a.dcm" in world.done and "ours-a.dcm" not in cloud(world):
            assert "ours-a.dcm" in names(world.folder / "ours-a" / "journal.db")

    explore(folder, ours, what(kind), {}, check, "old-b")


FOREIGN = {LOCK: journal_bytes("base.dcm")}


@pytest.mark.parametrize("kind", [Tool2024, ToolPresent])
@pytest.mark.parametrize("what", [old_without_looking, old_unlocks, old])
def test_a_take_over_beside_the_older_tool_that_holds_the_lock(folder, kind, what):
    explore(folder, ours_takes_over, what(kind), FOREIGN, with_old_tool, "old-b")


@pytest.mark.parametrize("kind", [Tool2024, ToolPresent])
@pytest.mark.parametrize("what", [old_without_looking, old_unlocks, old])
def test_an_unlock_beside_the_older_tool_that_holds_the_lock(folder, kind, what):
    explore(folder, ours_unlocks, what(kind), FOREIGN, with_old_tool, "old-b")


@pytest.mark.slow
def test_two_of_ours_take_over_a_foreign_lock(folder):
    def check(world: World) -> None:
        assert set(world.done) | {"base.dcm"} <= cloud(world)
        looks_true(world)

    explore(folder, ours_takes_over, ours_takes_over, FOREIGN, check, "ours-b")


@pytest.mark.slow
def test_a_take_over_of_a_free_journal_beside_a_check_out(folder):
    """A local file with changes that were never checked in, and a colleague who works as one should."""

    def check(world: World) -> None:
        assert set(world.done) | {"base.dcm"} <= cloud(world)
        looks_true(world)

    explore(folder, ours_takes_over, ours, BASE, check, "ours-b")


def test_a_take_over_beside_an_unlock(folder):
    def check(world: World) -> None:
        assert set(world.done) | {"base.dcm"} <= cloud(world)
        looks_true(world)

    explore(folder, ours_takes_over, ours_unlocks, FOREIGN, check, "ours-b")
