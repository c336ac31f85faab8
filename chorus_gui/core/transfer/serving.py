"""What a worker process does: small files in, proofs out.  The other side of :mod:`~chorus_gui.core.transfer.processes`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterable
from queue import Empty, SimpleQueue
from typing import IO, Any

from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Item, Proof
from chorus_gui.core.redact import redact
from chorus_gui.core.transfer.processes import Done, item_of, packed, read_message, write_message
from chorus_gui.core.transfer.quick import Quick

_TOGETHER = 32
"""Files that are reported in one message, about."""
_REPORT_S = 1.0
"""Seconds after which fewer are reported, too: on a slow line the owner must hear that this process works."""
_LOOK_S = 0.005
"""Seconds between two looks for more files while answers are waited for."""


def serve_pipes() -> None:
    """Serve the standard input and output of this process until they end.  Does not return."""
    requests = os.fdopen(os.dup(0), "rb")
    out = os.fdopen(os.dup(1), "wb")
    if sys.platform == "win32":
        import msvcrt

        for pipe in (requests, out):
            msvcrt.setmode(pipe.fileno(), os.O_BINARY)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1):  # whatever reads or prints must not disturb the messages
        os.dup2(nowhere, handle)
    for name in ("SIGINT", "SIGBREAK", "SIGHUP"):  # they are for the owner, which says what to do
        if hasattr(signal, name):
            signal.signal(signal.Signals[name], signal.SIG_IGN)
    serve(requests, out)
    os._exit(0)


def serve(requests: IO[bytes], out: IO[bytes]) -> None:
    """Send the files that the owner hands over, and report the result of each, until an error."""
    serving = Serving(requests, out)
    try:
        serving.run()
    except BaseException:  # noqa: BLE001 - there is nobody else to hear it
        serving.log(logging.ERROR, "".join(traceback.format_exception(*sys.exc_info())))


class Serving:
    """One process.  A thread of its own reads what the owner says; where that ends, the process ends at once."""

    def __init__(self, requests: IO[bytes], out: IO[bytes]) -> None:
        self._requests = requests
        self._out = out
        self._lock = threading.Lock()
        self._inbox: SimpleQueue[tuple[Any, ...]] = SimpleQueue()
        self._hold = 0
        """the number of the hold that counts now; 0: none"""
        self._resumed = threading.Event()
        self._waiting: deque[Item] = deque()
        self._quick: Quick | None = None
        self._store: Any = None
        self._done: list[Done] = []
        self._other_way: list[int] = []
        self._slow = self._broke = False
        self._reported = time.monotonic()

    def run(self) -> None:
        """Serve until an error."""
        threading.Thread(target=self._listen, name="owner", daemon=True).start()
        self._hear(self._inbox.get())
        self._say("ready")
        while True:
            self._take_in()
            self._send()

    def log(self, level: int, text: str) -> None:
        """A line for the log of the owner."""
        self._say("log", level, redact(text))

    def _take_in(self) -> None:
        """Hear what the owner has said; wait for it if there is nothing else to do."""
        quick = self._quick
        if not self._waiting and quick is not None and quick.busy:
            self._collect(quick, _LOOK_S)
        if not self._waiting and (quick is None or not quick.busy):
            self._report()
            self._hear(self._inbox.get())
        try:
            while True:
                self._hear(self._inbox.get_nowait())
        except Empty:
            return

    def _hear(self, message: tuple[Any, ...]) -> None:
        match message:
            case ("files", tasks):
                self._waiting.extend(map(item_of, tasks))
            case ("places", sources, store):
                self._leave()
                self._store = store
                self._quick = Quick(sources, store, JobContext())
            case ("start", level):
                logger = logging.getLogger("chorus")
                logger.setLevel(level)
                logging.getLogger().addHandler(_ToOwner(self))
            case _:
                raise ValueError(f"an unknown message: {message[0]}")

    def _leave(self) -> None:
        """Close what was opened.  Files on their way are not confirmed."""
        quick, self._quick = self._quick, None
        if quick is not None:
            self._note(quick.results(0))
            self._other_way += quick.abandoned()
            quick.close()
            self._store.close()

    def _send(self) -> None:
        """Send what waits."""
        while self._waiting:
            if self._hold:
                self._rest()
            item, quick = self._waiting.popleft(), self._quick
            if quick is None or not quick.takes(item):
                self._other_way.append(item.key)
            else:
                while not (room := quick.has_room(item)) and quick.alive:
                    self._collect(quick, _LOOK_S)
                if not room or not quick.send(item):
                    self._other_way.append(item.key)
            if quick is not None:
                self._slow = quick.was_slow() or self._slow
                self._broke = self._broke or not quick.alive
                if quick.answered:
                    self._collect(quick, 0)
            self._report_some()

    def _rest(self) -> None:
        """Report what was on its way, and wait until the owner resumes."""
        said = 0
        while hold := self._hold:
            if self._quick is not None and self._quick.busy:
                self._collect(self._quick, _LOOK_S)
            elif said != hold:
                self._report()
                self._say("still", hold)
                said = hold
            else:
                self._resumed.wait()

    def _collect(self, quick: Quick, seconds: float) -> None:
        self._note(quick.results(seconds))
        self._broke = self._broke or not quick.alive
        self._report_some()

    def _note(self, results: Iterable[Proof | Item]) -> None:
        for result in results:
            if isinstance(result, Proof):
                self._done.append((result.item.key, result.md5, result.etag, result.level, result.md5_seconds, result.upload_seconds))
            else:
                self._other_way.append(result.key)

    def _report_some(self) -> None:
        """Report, if there is enough or it is time."""
        if len(self._done) + len(self._other_way) >= _TOGETHER or time.monotonic() - self._reported >= _REPORT_S:
            self._report()

    def _report(self) -> None:
        self._reported = time.monotonic()
        if self._done or self._other_way:
            self._say("done", self._done, self._other_way, self._slow, self._broke)
            self._done, self._other_way, self._slow, self._broke = [], [], False, False

    def _say(self, *message: Any) -> None:
        with self._lock:
            try:
                write_message(self._out, packed(*message))
            except OSError:
                os._exit(1)  # nobody hears it

    def _listen(self) -> None:
        try:
            while True:
                match read_message(self._requests):
                    case ("hold", int(number)):  # at once, before the files that wait
                        self._resumed.clear()
                        self._hold = number
                    case ("resume",):
                        self._hold = 0
                        self._resumed.set()
                    case message:
                        self._inbox.put(message)
        except BaseException as error:  # noqa: BLE001 - the owner has ended, or what it says cannot be read
            if not isinstance(error, EOFError):
                self.log(logging.ERROR, "".join(traceback.format_exception(error)))
        finally:
            os._exit(0)


class _ToOwner(logging.Handler):
    """The log of this process is that of its owner."""

    def __init__(self, serving: Serving) -> None:
        super().__init__(logging.WARNING)
        self._serving = serving

    def emit(self, record: logging.LogRecord) -> None:
        """Send a line."""
        self._serving.log(record.levelno, self.format(record))
