"""Many requests at the same time from one thread: an answer is only ever that of its own request."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from chorus_gui.core.storage.http import lines as lines_module
from chorus_gui.core.storage.http.channel import IDLE_SECONDS, Address, Channel
from chorus_gui.core.storage.http.lines import Heard, Lines
from chorus_gui.core.storage.read_lane import complete


class Service:
    """Answers "GET /PATH" with the path.  What a test sends on top goes out with :meth:`say`; :meth:`end` ends all connections."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port: int = self._server.getsockname()[1]
        self.open: list[socket.socket] = []
        self.silent = False
        self._server.settimeout(0.02)
        self._closed = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._closed:
            with suppress(TimeoutError):
                one, _ = self._server.accept()
                self.open.append(one)
                threading.Thread(target=self._answer, args=(one,), daemon=True).start()

    def _answer(self, one: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                if not self.silent:
                    one.sendall(answer(data.split()[1]))
        except OSError:
            return

    def end(self) -> None:
        for one in self.open:
            with suppress(OSError):  # it ended already
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self.open.clear()

    def close(self) -> None:
        self._closed = True
        self._thread.join()
        self._server.close()
        self.end()


def answer(path: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path)


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()


@pytest.fixture
def opened(service: Service) -> Iterator[Callable[[], Lines]]:
    made: list[Lines] = []

    def make() -> Lines:
        made.append(Lines(lambda: Channel(Address("127.0.0.1", service.port, tls=False), None, None), complete))
        return made[-1]

    before = lines_module._connections.open
    yield make
    for lines in made:
        lines.close()
    while lines_module._connections.open > before:  # a thread that still connects
        pass
    assert lines_module._connections.open == before


def room(lines: Lines) -> None:
    while not lines.has_room():
        assert lines.alive
        lines.answers(0.01)


def ask(lines: Lines, key: int, path: str) -> Heard:
    """Ask, and wait for the answer, without a look in between."""
    room(lines)
    lines.begin(key, lambda: f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    while not (found := lines.answers(0.1)):
        pass
    return found[0]


def body(heard: Heard) -> bytes:
    assert heard.answer is not None
    return heard.answer.body


def arrived(lines: Lines) -> None:
    """What the other side sent is here, and nobody looked at it."""
    for line in lines._lines:
        line.sock.setblocking(True)
        line.sock.recv(1, socket.MSG_PEEK)
        line.sock.setblocking(False)


def test_what_comes_after_an_answer_is_not_the_answer_of_the_next_request(service: Service, opened: Callable[[], Lines]) -> None:
    lines = opened()
    assert body(ask(lines, 1, "/a")) == b"/a"
    for one in service.open:
        one.sendall(answer(b"/a"))  # a second time
    arrived(lines)
    assert body(ask(lines, 2, "/b")) == b"/b"
    assert lines.alive, "one odd connection is no reason to stop"


def test_a_connection_that_the_other_side_ended_meanwhile_is_replaced(service: Service, opened: Callable[[], Lines]) -> None:
    lines = opened()
    assert body(ask(lines, 1, "/a")) == b"/a"
    service.end()
    arrived(lines)
    assert body(ask(lines, 2, "/b")) == b"/b"
    assert lines.alive


def test_a_connection_that_was_idle_for_long_is_replaced(
    opened: Callable[[], Lines], service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = opened()
    assert body(ask(lines, 1, "/a")) == b"/a"
    before = {line.sock for line in lines._lines}
    for line in lines._lines:
        line.began -= IDLE_SECONDS + 1
    assert body(ask(lines, 2, "/b")) == b"/b"
    assert not before & {line.sock for line in lines._lines}
    assert lines.alive


@pytest.mark.parametrize("most", [0, 1, 3, 5])
def test_all_lines_together_have_so_many_connections(
    service: Service, opened: Callable[[], Lines], monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Each has one, however few there may be: none would mean to wait for ever."""
    service.silent = True
    before = lines_module._connections.open
    monkeypatch.setattr(lines_module, "most_connections", lambda: most + before)
    one, other = opened(), opened()
    for lines in (one, other):
        for key in range(8):
            while not lines.has_room() and lines._connecting:
                lines.answers(0.01)
            if lines.has_room():
                lines.begin(key, lambda: b"GET /a HTTP/1.1\r\n\r\n")
    assert len(other._lines) == 1
    assert len(one._lines) == max(1, most)


@pytest.mark.skipif(os.name != "posix", reason="counts handles as Linux does")
def test_a_connection_that_changes_hands_needs_no_second_handle(service: Service) -> None:
    channel = Channel(Address("127.0.0.1", service.port, tls=False), None, None)
    before = len(os.listdir("/dev/fd"))
    sock = channel.detach()
    assert len(os.listdir("/dev/fd")) == before
    sock.close()
    del channel
