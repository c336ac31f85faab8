"""Every order of two users' calls of a store.

Each actor runs in a thread that is let go for one call at a time.  After each call the situation is named by what lies in the store
and what each actor was answered so far; the search goes on only from situations that it has not met, so it walks every order that
makes a difference.  A run is repeated from the start for each new order.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from custodyworld import BLOB, LOCK, names_in
from memorystore import MemoryStore
from old_tools import RefusedError

from chorus_gui.core.errors import ChorusError
from chorus_gui.core.storage.base import ALWAYS, BlobInfo, Condition

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


class _Acting(threading.local):
    """Who makes the call that this thread is in; None: nobody who takes turns."""

    name: str | None = None


class Seat:
    """The store as one actor has it, whichever threads its calls come from."""

    def __init__(self, store: Watched, actor: str) -> None:
        self._store, self._actor = store, actor

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return partial(self._called, found) if callable(found) else found

    def _called(self, method: Callable[..., Any], *args: Any, **options: Any) -> Any:
        acting, before = self._store.acting, self._store.acting.name
        acting.name = self._actor
        try:
            found = method(*args, **options)
            return iter([*found]) if isinstance(found, Iterator) else found
        finally:
            acting.name = before


class Watched(MemoryStore):
    """Counts each actor's calls and answers, and holds ours to what it must never do."""

    def __init__(self, turns: Turns) -> None:
        super().__init__()
        self.turns = turns
        self.acting = _Acting()
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
        actor = self.acting.name
        if actor is None:
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

    def seat(self, actor: str) -> Any:
        """The store as this actor has it."""
        return Seat(self.store, actor)

    def hold(self, actor: str) -> None:
        with self.lock:
            self.holding.add(actor)
            self.both_held |= len(self.holding) > 1

    def drop(self, actor: str) -> None:
        with self.lock:
            self.holding.discard(actor)


Actor = Callable[[World, str], None]


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
