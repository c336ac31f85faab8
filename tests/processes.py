"""An executor whose tasks run in other processes: small, for tests, and proof that tasks, results and workers can travel.

Each process hosts the same threads as the program itself; pickled messages go through its standard input and output.  What the
worker is told about the job (cancelled, paused, limit) and what it tells (progress, results, errors) are such messages.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count as numbers
from pathlib import Path
from typing import IO, Any

from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.engine.work import Ended, Place, Running, Worker
from chorus_gui.core.job import JobContext, Progress
from chorus_gui.core.waiting import Waiting

_LOOK_S = 0.03


@dataclass(frozen=True)
class Processes:
    """``count`` processes, with ``each`` threads."""

    count: int
    each: int

    @property
    def threads(self) -> int:
        return self.count * self.each

    @property
    def distant(self) -> bool:
        return False

    def window(self, each: int) -> int:
        return each * self.threads

    def start(
        self, recipe: Callable[[Place[Any]], Worker[Any, Any, Any]], ctx: JobContext, deliver: Callable[[Sequence[Any] | Ended], None]
    ) -> Running[Any]:
        return _Crew(self, recipe, ctx, deliver)


class _Crew:
    """The owner's side: it forwards what the job says, and what the processes say."""

    def __init__(self, wanted: Processes, recipe: object, ctx: JobContext, deliver: Callable[[Sequence[Any] | Ended], None]) -> None:
        self._ctx = ctx.branch()
        self._deliver = deliver
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._told: tuple[bool, bool, int | None] = (False, False, None)
        first = pickle.dumps((recipe, wanted.each))  # before anything starts: what cannot travel is an error here
        self._children = [_Child(first, self) for _ in range(wanted.count)]
        self._left = len(self._children)
        self._look()
        for child in self._children:
            child.reader.start()
        self._watcher = threading.Thread(target=self._watch, name="pool-watch", daemon=True)
        self._watcher.start()

    def give(self, task: Any, priority: int) -> None:
        with self._lock:
            child = min(self._children, key=lambda child: child.open)
            child.open += 1
        child.tell("give", task, priority)

    def close(self) -> None:
        self._tell("close")

    def stop(self) -> None:
        self._ctx.cancel()
        self._look()

    def join(self) -> None:
        for child in self._children:
            child.reader.join()
            child.process.wait()
        self._watcher.join()

    def heard(self, child: _Child, kind: str, *what: Any) -> None:
        progress = self._ctx.progress
        match kind:
            case "done":
                with self._lock:
                    child.open -= 1
                self._deliver(what[0])
            case "start_file":
                child.tokens[what[0]] = progress.start_file(*what[1:])
            case "move":
                progress.move(child.tokens[what[0]], what[1])
            case "end_file":
                progress.end_file(child.tokens.pop(what[0]))
            case "add" | "note" | "waiting":
                getattr(progress, kind)(*what)
            case _:
                raise AssertionError(kind)

    def left(self, error: BaseException | None) -> None:
        with self._lock:
            self._error = self._error or error
            self._left -= 1
            last = not self._left
        if error is not None:
            self.stop()
        if last:
            self._deliver(Ended(self._error))

    def _watch(self) -> None:
        while self._left:
            self._look()
            threading.Event().wait(_LOOK_S)

    def _look(self) -> None:
        rate = self._ctx.limit.rate
        now = self._ctx.cancelled, self._ctx.paused, rate and max(1, rate // len(self._children))
        if now != self._told:
            self._told = now
            self._tell("job", *now)

    def _tell(self, kind: str, *what: Any) -> None:
        for child in self._children:
            child.tell(kind, *what)


PATHS = "CHORUS_TEST_PATHS"
"""The environment variable with the folders of modules, as in PYTHONPATH"""


class _Child:
    """One process, as its owner knows it."""

    def __init__(self, first: bytes, crew: _Crew) -> None:
        here = Path(__file__).parent
        paths = [os.fspath(here), os.fspath(here.parent), *(path for path in sys.path if path)]
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {PATHS: os.pathsep.join(paths)},
        )
        self.open = 0
        self.tokens: dict[int, int] = {}
        self.reader = threading.Thread(target=self._read, name="pool-reader", daemon=True)
        self._crew = crew
        self._lock = threading.Lock()
        self._in, self._out = self.process.stdin, self.process.stdout
        assert self._in is not None
        self._in.write(first)

    def tell(self, kind: str, *what: Any) -> None:
        assert self._in is not None
        with self._lock:
            try:
                pickle.dump((kind, *what), self._in)
                self._in.flush()
            except (OSError, ValueError):
                pass  # it has ended, which its reader finds out

    def _read(self) -> None:
        assert self._in is not None
        assert self._out is not None
        error: BaseException | None = RuntimeError("a process of the pool ended unexpectedly")
        with self._out, self._in:
            try:
                while (message := pickle.load(self._out))[0] != "ended":
                    self._crew.heard(self, *message)
                error = message[1]
            except (EOFError, OSError):
                pass
            with self._lock, suppress(OSError):  # what was said to a process that had ended is still in the buffer
                self._in.close()
        self._crew.left(error)


class _Relay(Progress):
    """The progress of a job whose counters are in another process."""

    def __init__(self, say: Callable[..., None]) -> None:
        super().__init__()
        self._say = say
        self._tokens = numbers()

    def note(self, text: str) -> None:
        self._say("note", text)

    def waiting(self, waiting: Waiting | None) -> None:
        self._say("waiting", waiting)

    def add(self, modality: str, files: int = 0, size: int = 0, failed: int = 0) -> None:
        self._say("add", modality, files, size, failed)

    def start_file(self, modality: str, path: str, size: int) -> int:
        token = next(self._tokens)
        self._say("start_file", token, modality, path, size)
        return token

    def move(self, token: int, done: int) -> None:
        self._say("move", token, done)

    def end_file(self, token: int) -> None:
        self._say("end_file", token)


def serve(told: IO[bytes], out: IO[bytes]) -> None:
    """The other side of :class:`_Child`: a place for tasks until the pool is closed or stopped."""
    lock = threading.Lock()
    ended = threading.Event()

    def say(*message: Any) -> None:
        with lock:
            if not out.closed:
                pickle.dump(message, out)
                out.flush()

    def deliver(message: Sequence[Any] | Ended) -> None:
        if isinstance(message, Ended):
            say("ended", message.error)
            ended.set()
        else:
            say("done", list(message))

    def listen() -> None:
        while not ended.is_set():
            try:
                kind, *what = pickle.load(told)
            except EOFError:  # the owner is gone
                running.stop()
                return
            match kind:
                case "give":
                    running.give(*what)
                case "close":
                    running.close()
                case "job":
                    cancelled, paused, rate = what
                    ctx.limit.set(rate)
                    (ctx.pause if paused else ctx.resume)()
                    if cancelled:
                        running.stop()
                        running.close()
                case _:
                    raise AssertionError(kind)

    ctx = JobContext()
    ctx.progress = _Relay(say)
    try:
        recipe, threads = pickle.load(told)  # a store may find that it cannot be opened
        running = Threads(threads).start(recipe, ctx, deliver)
    except Exception as error:
        say("ended", error)
        return
    threading.Thread(target=listen, daemon=True).start()
    ended.wait()
    running.join()


if __name__ == "__main__":
    sys.path[:] = os.environ[PATHS].split(os.pathsep)  # the Windows Python of the tests ignores PYTHONPATH
    from processes import serve as serve_as_module  # not as __main__: what is pickled has to be found by its name

    pipe, sys.stdout = sys.stdout.buffer, sys.stderr  # a print must not end up between the messages
    serve_as_module(sys.stdin.buffer, pipe)
    os._exit(0)  # the listener may still wait for its owner
