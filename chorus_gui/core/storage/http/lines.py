"""Many requests on their way at the same time, one on each connection, from one thread.

It is for the usual case alone: each request is sent once, and what is not answered as usual is not explained.  Nothing here blocks longer than it
says, and nothing raises.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from chorus_gui.core.storage.http.channel import (
    HEAD_BYTES,
    IDLE_SECONDS,
    READ_SECONDS,
    Answer,
    Channel,
    NoAnswerError,
    Trouble,
    parsed_head,
)

WIDTH = 64
"""The largest number of connections.  Fewer are opened if fewer are enough."""
_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_LOOK_S = 1.0
"""Seconds between two looks for requests that nobody answers."""


def most_connections() -> int | None:
    """A quarter of the files that this process may have open, for all lines together; None: as many as they want."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return None
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if limit == resource.RLIM_INFINITY else limit // 4


class _Count:
    """Connections of this process that are open, or are being made."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.open = 0

    def take(self, wanted: int) -> int:
        """Count up to ``wanted`` more; how many there may be."""
        most = most_connections()
        with self._lock:
            taken = wanted if most is None else max(0, min(wanted, most - self.open))
            self.open += taken
            return taken

    def add(self, number: int) -> None:
        """Count this many more, or fewer."""
        with self._lock:
            self.open += number


_connections = _Count()


class Heard(NamedTuple):
    """What came of a request: the answer, None if it is not known what became of it."""

    key: int
    answer: Answer | None


class RefusedError(Exception):
    """An answer that says no, of which the rest is not read: its connection is closed, and the others are as good as before."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class _Line:
    """A connection, and the one request on it.  ``rest`` is what the system did not take of it yet."""

    __slots__ = ("began", "buffer", "key", "rest", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.key: int | None = None
        self.began = time.monotonic()
        self.rest: memoryview | None = None
        self.buffer = b""


class Lines:
    """Connections that ``connect`` makes, in threads of its own.  ``complete`` gives the answer once all of it is there.

    It raises :class:`NoAnswerError` for what is not a usual answer: then something is wrong, and no other request begins here.
    """

    def __init__(self, connect: Callable[[], Channel], complete: Callable[[bytes], Answer | None]) -> None:
        self._make = connect
        self._complete = complete
        self._selector = selectors.DefaultSelector()
        self._lines: set[_Line] = set()
        self._idle: list[_Line] = []
        self._done: list[Heard] = []
        self._under_way = 0
        self._connecting = 0
        self._made: deque[Channel | None] = deque()  # by other threads
        self._alive, self._closed = True, False
        self._looked = time.monotonic()
        self._bell, self._ring = socket.socketpair()
        self._bell.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ)

    @property
    def alive(self) -> bool:
        """False: something was wrong.  Nothing more can begin; what is on its way may still be answered."""
        return self._alive

    @property
    def busy(self) -> int:
        """Requests that began and are not answered, and answers that nobody has collected."""
        return self._under_way + len(self._done)

    @property
    def answered(self) -> bool:
        """:meth:`answers` has something at once."""
        return bool(self._done)

    def has_room(self) -> bool:
        """Another request can begin now.  If every connection is busy, it has as many more made as there are."""
        if not self._idle:
            self._turn(0)
        while self._idle and self._alive:
            line = self._idle[-1]
            if time.monotonic() - line.began <= IDLE_SECONDS and _is_quiet(line.sock):
                return True
            self._drop(line)
        if self._alive and not self._connecting:
            wanted = min(max(1, len(self._lines)), WIDTH - len(self._lines))
            taken = _connections.take(wanted)
            if not taken and not self._lines:
                taken = 1  # none would mean to wait for ever
                _connections.add(1)
            for _ in range(taken):
                self._connecting += 1
                try:
                    threading.Thread(target=self._connect, name="connect", daemon=True).start()
                except RuntimeError:  # no more threads
                    self._made.append(None)
        self._adopt()
        return False

    def begin(self, key: int, write: Callable[[], bytes]) -> None:
        """Send the whole request that ``write`` gives.  Only after :meth:`has_room`."""
        line = self._idle.pop()
        now = time.monotonic()
        try:
            message = write()
        except Exception:  # noqa: BLE001 - whoever sends it again meets it again, and says what it is
            self._idle.append(line)
            self._done.append(Heard(key, None))
            return
        line.key, line.began = key, now
        self._under_way += 1
        try:
            sent = line.sock.send(message)
        except _LATER:
            sent = 0
        except OSError:
            self._drop(line)
            return
        if sent < len(message):
            line.rest = memoryview(message)[sent:]
            self._selector.modify(line.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, line)

    def answers(self, seconds: float) -> list[Heard]:
        """The answers that have arrived.  If there are none, wait up to ``seconds`` for one, or for room."""
        if not self._done:
            self._turn(seconds)
        done, self._done = self._done, []
        return done

    def stop(self) -> None:
        """Begin nothing more: an answer was not what it must be."""
        self._alive = False

    def close(self) -> None:
        """Close the connections.  What is on its way may arrive or not."""
        self._alive, self._closed = False, True
        for line in [*self._lines]:
            self._drop(line)
        self._selector.close()
        self._bell.close()
        self._ring.close()
        self._adopt()

    # --- what happens on the connections ------------------------------------------------------------------------------------

    def _turn(self, seconds: float) -> None:
        for key, events in self._selector.select(seconds):
            line: _Line | None = key.data
            if line is None:
                with suppress(OSError):
                    self._bell.recv(4096)
                self._adopt()
                continue
            if events & selectors.EVENT_WRITE:
                self._push(line)
            if events & selectors.EVENT_READ:
                self._collect(line)
        now = time.monotonic()
        if now - self._looked > _LOOK_S:
            self._looked = now
            for line in [line for line in self._lines if line.key is not None and now - line.began > READ_SECONDS]:
                self._drop(line)

    def _push(self, line: _Line) -> None:
        rest = line.rest
        if rest is None:
            return
        try:
            line.rest = rest[line.sock.send(rest) :]
        except _LATER:
            return
        except OSError:
            self._drop(line)
            return
        if not line.rest:
            line.rest = None
            self._selector.modify(line.sock, selectors.EVENT_READ, line)

    def _collect(self, line: _Line) -> None:
        try:
            data = line.sock.recv(HEAD_BYTES)
        except _LATER:
            return
        except (OSError, ValueError):  # ValueError: it was closed a moment ago
            data = b""
        if not data or line.key is None or line.rest is not None:  # it ended, or something came that nobody asked for
            self._drop(line)
            return
        line.buffer = line.buffer + data if line.buffer else data
        try:
            answer = self._complete(line.buffer)
        except NoAnswerError:
            self._drop(line)
            return
        except RefusedError:
            self._drop(line, broken=False)
            return
        if answer is None:
            return
        self._done.append(Heard(line.key, answer))
        self._under_way -= 1
        line.key, line.buffer, line.began = None, b"", time.monotonic()
        if "close" in answer.headers.get("connection", "").lower():
            self._drop(line)
        else:
            self._idle.append(line)

    def _drop(self, line: _Line, *, broken: bool = True) -> None:
        """Close it.  A request that was on it is not answered; if it is ``broken``, no other one begins here: something is wrong."""
        if line not in self._lines:
            return
        self._lines.discard(line)
        if line.key is not None:
            self._done.append(Heard(line.key, None))
            self._under_way -= 1
            self._alive = self._alive and not broken
        elif line in self._idle:
            self._idle.remove(line)
        with suppress(KeyError, ValueError):
            self._selector.unregister(line.sock)
        line.sock.close()
        _connections.add(-1)

    def _connect(self) -> None:
        """In a thread of its own: names, proxies and TLS take their time."""
        made: Channel | None = None
        with suppress(Exception):  # whoever sends next meets it again, and says what it is
            made = self._make()
        self._made.append(made)
        if self._closed:
            self._adopt()
        with suppress(OSError):
            self._ring.send(b"!")

    def _adopt(self) -> None:
        with suppress(IndexError):
            while True:
                channel = self._made.popleft()
                self._connecting -= 1
                if channel is None or self._closed:
                    self._alive = False
                    _connections.add(-1)
                    if channel is not None:
                        channel.close()
                    continue
                sock = channel.detach()
                try:
                    sock.setblocking(False)
                    line = _Line(sock)
                    self._selector.register(sock, selectors.EVENT_READ, line)
                except (OSError, ValueError):
                    self._alive = False
                    _connections.add(-1)
                    sock.close()
                    continue
                self._lines.add(line)
                self._idle.append(line)


def _is_quiet(sock: socket.socket) -> bool:
    """Nothing came since the last answer: neither the connection's end, nor bytes that nobody asked for, which the next request must not take for its answer."""
    try:
        sock.recv(1)
    except _LATER:
        return True
    except (OSError, ValueError):
        return False
    return False


def head_of(data: bytes) -> tuple[Answer, int] | None:
    """Status and headers of an answer, and where its body begins; None while they are not there.  Raises :class:`NoAnswerError`."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if len(data) > HEAD_BYTES or (len(data) > 8 and not data.startswith(b"HTTP/1.")):
            raise NoAnswerError(Trouble.STRANGE)
        return None
    version, answer = parsed_head(data[:end])
    if version == 0:
        raise NoAnswerError(Trouble.STRANGE)
    return answer, end + 4
