"""Worker processes of this computer that read, hash and send small files, so that more than one core does.

They do only the usual case: what one of them does not confirm, and what it had when it ended, goes the way of every other file in this
process, which retries, waits and explains.  So they need no limit and no errors: the owner gives them a file when it is its turn.  During a
pause they keep the files that they have not begun.

They are the same program, started again, with a pipe in each direction.  When this process ends, however it does, they find the end of
their pipe and end, too.  The places that they open travel through the pipe with the credentials that this process uses now, and nowhere else.
"""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from queue import Empty, SimpleQueue
from struct import Struct
from typing import IO, Any, TypeVar

from chorus_gui.core.engine.work import Ended, Executor, Place, Running, Worker
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Item, Level
from chorus_gui.core.storage.base import Source, Store

T = TypeVar("T")
R = TypeVar("R")
P = TypeVar("P")

BATCH = 64
"""Files of one message, at most."""
AHEAD = 4 * BATCH
"""Files that one process has at the same time, at most: enough that it never waits for the next."""
SILENT_S = 120.0
"""Seconds without a word from a process that has files; then it is ended, and others do them.  More than a lane waits for an answer."""
_LEAVE_S = 0.5
"""Seconds that a process has to end by itself."""
_SPARE = 3
"""Processes that are started in the place of those that ended."""
_SIZE = Struct(">I")
_HIDDEN = 0x08000000
"""CREATE_NO_WINDOW of Windows"""

_log = logging.getLogger("chorus")

Task = tuple[int, str, str, str, int, int, str | None]
"""Number, and of an :class:`Item` modality, path, place in the store, size, time and MD5."""
Done = tuple[int, str, str, Level, float, float]
"""Number, and of a :class:`Proof` MD5, ETag, level and seconds.  A file that has to go another way: the number alone, in :class:`Answers`."""


@dataclass(slots=True)
class Answers:
    """What came: files that are confirmed, numbers of files that have to go another way, and if reading them was slow."""

    done: list[Done]
    other_way: list[int]
    slow: bool = False

    def __bool__(self) -> bool:
        return bool(self.done or self.other_way or self.slow)


def task_of(number: int, item: Item) -> Task:
    """What a process needs to know of a file."""
    return number, item.modality, item.path, item.store_path, item.size, item.mtime_us, item.md5


def item_of(task: Task) -> Item:
    """The file; its key is the number."""
    return Item(*task)


def write_message(pipe: IO[bytes], message: bytes) -> None:
    """Write a message that is pickled.  Raises ``OSError``."""
    pipe.write(_SIZE.pack(len(message)) + message)
    pipe.flush()


def read_message(pipe: IO[bytes]) -> Any:
    """The next message.  Raises ``EOFError`` at the end of the pipe."""
    head = pipe.read(_SIZE.size)
    if len(head) < _SIZE.size:
        raise EOFError
    (size,) = _SIZE.unpack(head)
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)  # noqa: S301 - from the same program, through a pipe that nobody else has


def packed(*message: Any) -> bytes:
    """A message, pickled."""
    return pickle.dumps(message, protocol=5)


class Processes:
    """Up to ``most`` processes that ``command`` starts, between :meth:`open` and :meth:`close`.  Used by one thread at a time."""

    def __init__(self, command: Sequence[str], most: int) -> None:
        self._command = command
        self._most = most
        self._numbers = count(1)
        self._spare = _SPARE
        self._inbox: SimpleQueue[tuple[_Process, tuple[Any, ...] | None]] = SimpleQueue()
        self._running: list[_Process] = []
        self._places: Callable[[], bytes] | None = None
        self._batch: list[Task] = []
        self._holds = 0
        self._held = False

    def open(self) -> None:
        """Start them.  They are :attr:`ready` some tenths of a second later."""
        while len(self._running) < self._most and self._start():
            pass

    def close(self) -> None:
        """End them, and wait until they have ended."""
        running, self._running = self._running, []
        self._batch, self._places = [], None
        for process in running:
            process.leave()
        for process in running:
            process.end()

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that run."""
        return tuple(process.pid for process in self._running)

    @property
    def waiting(self) -> int:
        """How many processes have started, and have no files."""
        return sum(process.ready and not process.numbers for process in self._running)

    @property
    def ready(self) -> bool:
        """One of them takes files.  It is known after :meth:`answers`."""
        return self._places is not None and any(process.ready for process in self._running)

    @property
    def answered(self) -> bool:
        """:meth:`answers` has something at once."""
        return not self._inbox.empty()

    @property
    def busy(self) -> bool:
        """They have files."""
        return bool(self._batch) or any(process.numbers for process in self._running)

    @property
    def moving(self) -> bool:
        """They have files, and have not stopped after a :meth:`hold`.  It is known after :meth:`answers`."""
        return any(process.numbers and process.still != self._holds for process in self._running)

    def hold(self) -> None:
        """Begin no more files until :meth:`resume`.  Those on their way are answered."""
        if not self._held:
            self._held = True
            self._holds += 1
            for process in self._running:
                process.say(packed("hold", self._holds))

    def resume(self) -> None:
        """Continue after a :meth:`hold`."""
        if self._held:
            self._held = False
            for process in self._running:
                process.heard = time.monotonic()  # it said nothing because it was held
                process.say(packed("resume"))

    def begin(self, sources: Mapping[str, Source], store: Store) -> None:
        """From now on, files are of these sources, and go into this store.  If those cannot travel, the processes get none."""
        self.resume()
        self._places = lambda: packed("places", sources, store)
        try:
            self._places()
        except Exception:  # noqa: BLE001 - this process sends all of them, as without processes
            _log.exception("the places cannot travel to a worker process")
            self._places = None
        for process in self._running:
            process.knows = False

    def finish(self) -> None:
        """No more files: a process that still has some is ended, so that nothing is sent after this."""
        self._batch.clear()
        self._places = None
        for process in [process for process in self._running if process.numbers]:
            process.end()
            self._running.remove(process)

    def has_room(self) -> bool:
        """Another file may be given."""
        return 0 < len(self._batch) < BATCH or self._free() is not None

    def give(self, task: Task) -> None:
        """Hand over a file, perhaps together with the next ones.  Only after :meth:`has_room`."""
        self._batch.append(task)
        if len(self._batch) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """What was handed over is sent now, if a process has room for it."""
        process = self._free() if self._batch and not self._held else None
        if process is None:
            return
        batch, self._batch = self._batch, []
        if not process.knows:
            self._say_places(process)
        if not process.numbers:
            process.heard = time.monotonic()
        process.numbers.update([task[0] for task in batch])
        process.say(packed("files", batch))

    def answers(self, seconds: float) -> Answers:
        """What has come; if there is nothing, wait up to ``seconds`` for it."""
        if seconds:
            self.flush()
        found, wait = Answers([], []), max(0.0, seconds)
        with suppress(Empty):
            while True:
                process, message = self._inbox.get(timeout=wait) if wait else self._inbox.get_nowait()
                wait = 0.0
                self._hear(process, message, found)
        if not found and not self._held:
            self._end_silent()
        return found

    def _say_places(self, process: _Process) -> None:
        if self._places is not None:
            process.knows = True
            process.say(self._places())

    def _hear(self, process: _Process, message: tuple[Any, ...] | None, found: Answers) -> None:
        if process not in self._running:
            return
        process.heard = time.monotonic()
        match message:
            case ("done", done, other_way, slow, broke):
                process.numbers.difference_update(other_way)
                process.numbers.difference_update([one[0] for one in done])
                process.knows = process.knows and not broke  # it gets the credentials that are used by then
                found.done += done
                found.other_way += other_way
                found.slow = found.slow or slow
            case ("still", int(number)):
                process.still = number
            case ("ready",):
                process.ready = True
            case ("log", int(level), str(text)):
                _log.log(level, "worker process %d: %s", process.number, text)
            case _:
                self._running.remove(process)
                found.other_way += process.numbers
                status = process.end()
                _log.warning("worker process %d ended with status %s; it had %d files", process.number, status, len(process.numbers))
                process.numbers.clear()
                if self._spare:
                    self._spare -= 1
                    self._start()
                if not any(one.ready for one in self._running):  # a new one may never be
                    found.other_way += [task[0] for task in self._batch]
                    self._batch.clear()

    def _free(self) -> _Process | None:
        """The process with the fewest files that has room for a batch."""
        free = [process for process in self._running if process.ready and len(process.numbers) <= AHEAD - BATCH]
        return min(free, key=lambda process: len(process.numbers)) if free else None

    def _end_silent(self) -> None:
        now = time.monotonic()
        for process in self._running:
            if process.numbers and now - process.heard > SILENT_S:
                process.heard = now
                process.kill()  # its end is in the inbox soon

    def _start(self) -> bool:
        try:
            process = _Process(self._command, next(self._numbers), self._inbox)
        except (OSError, RuntimeError) as error:  # RuntimeError: no more threads
            _log.warning("could not start a worker process: %s", error)
            self._spare = 0
            return False
        self._running.append(process)
        return True


class _Process:
    """One process, as its owner knows it.  A thread reads what it says; another one writes, so that a full pipe keeps nobody waiting."""

    def __init__(self, command: Sequence[str], number: int, inbox: SimpleQueue[tuple[_Process, tuple[Any, ...] | None]]) -> None:
        self.number = number
        self.ready = False
        self.knows = False
        """it has the places of this transfer"""
        self.still = 0
        """the number of the last hold for which it has stopped"""
        self.numbers: set[int] = set()
        self.heard = time.monotonic()
        self._inbox = inbox
        self._outbox: SimpleQueue[bytes | None] = SimpleQueue()
        options: dict[str, Any] = {"creationflags": _HIDDEN} if os.name == "nt" else {"start_new_session": True}  # Ctrl-C is for the owner
        self._process = subprocess.Popen(  # noqa: S603 - this program itself
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **options
        )
        self.pid = self._process.pid
        try:
            for name, work in (("worker-reader", self._read), ("worker-writer", self._write)):
                threading.Thread(target=work, name=name, daemon=True).start()
        except RuntimeError:
            self._process.kill()
            self._process.wait()
            raise
        self.say(packed("start", logging.getLogger("chorus").getEffectiveLevel()))

    def say(self, message: bytes) -> None:
        """Send a message, some time."""
        self._outbox.put(message)

    def leave(self) -> None:
        """Ask it to end."""
        self._outbox.put(None)

    def kill(self) -> None:
        """End it at once."""
        with suppress(OSError):
            self._process.kill()

    def end(self) -> int | None:
        """End it: at once if it has files, otherwise after a moment in which it may do so itself.  Its status; None if the system keeps it.

        A process that waits for a dead network drive may be kept: it ends when the system lets it, and is not waited for.
        """
        self._outbox.put(None)
        if self.numbers:
            self.kill()
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(_LEAVE_S)
        self.kill()
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(_LEAVE_S)
        return None

    def _read(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None
        with pipe, suppress(Exception):  # whatever comes that is not a message, it is the end
            while True:
                self._inbox.put((self, read_message(pipe)))
        self._inbox.put((self, None))
        self._outbox.put(None)

    def _write(self) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        with suppress(OSError, ValueError):
            while (message := self._outbox.get()) is not None:
                write_message(pipe, message)
        with suppress(OSError, ValueError):
            pipe.close()


@dataclass(frozen=True, slots=True)
class Assisted:
    """An executor, and processes for the small files of a transfer."""

    inner: Executor
    processes: Processes

    @property
    def threads(self) -> int:
        """As :attr:`Executor.threads`."""
        return self.inner.threads

    @property
    def distant(self) -> bool:
        """As :attr:`Executor.distant`."""
        return self.inner.distant

    def window(self, each: int) -> int:
        """As :meth:`Executor.window`."""
        return self.inner.window(each)

    def start(
        self,
        recipe: Callable[[Place[P]], Worker[T, R, P]],
        ctx: JobContext,
        deliver: Callable[[Sequence[R] | Ended], None],
    ) -> Running[T]:
        """As :meth:`Executor.start`."""
        return self.inner.start(recipe, ctx, deliver)
