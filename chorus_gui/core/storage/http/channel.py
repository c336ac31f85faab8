"""HTTP/1.1 on one connection that stays open: one request and its answer at a time, nothing redirected, nothing logged, nothing unpacked.

An answer is read strictly and within bounds: a server or a proxy on the way must not be able to fill the memory, to keep a thread for
ever, or to have its bytes taken for the answer to the next request.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

from chorus_gui.core.storage.base import Buffer
from chorus_gui.core.storage.http.connecting import CONNECT_SECONDS, Address, NoAnswerError, ProxyLoginError, Trouble, connect, encrypt
from chorus_gui.core.storage.http.proxies import Proxy
from chorus_gui.core.storage.sending import TICK_S, before_sending, piece_size, stop_if_cancelled
from chorus_gui.core.storage.silence import moved

T = TypeVar("T")
SEND_SECONDS = 60.0
"""For the other side to take the next bytes of a request: silence, not the time for the whole body."""
READ_SECONDS = 90.0
"""To wait for an answer, or its next piece.  The service itself gives up after 30 seconds for most requests."""
SLOWNESS = 4.0
"""The wait for an answer is longer by this number times the seconds that its body took to go out."""
ANSWER_SECONDS = 600.0
"""From the first byte of an answer to the last."""
WAIT_SECONDS = 2.0
"""To wait for an answer to a request whose body the server did not take, and for the server's consent to a large body."""
IDLE_SECONDS = 60.0
"""A connection that was idle for longer is not used again: a firewall may have dropped it silently."""
HEAD_BYTES, HEADERS = 128 * 1024, 200
REFUSAL_BYTES = 1024 * 1024
REFUSED = 300
"""From this status on an answer is a refusal."""
JOINED_BYTES = 64 * 1024
"""A body up to this size goes out in one piece with the head; a larger one is not copied."""
ASK_BYTES = 1024 * 1024
"""Before the first body of this size on a connection goes out, the other side is asked if it wants it."""
UNSENT_BYTES = 256 * 1024
"""So much of a body waits in the system, unsent, where the system can limit it: then the time to send it tells the line's speed."""
_UNSENT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", 25 if sys.platform == "linux" else None)
_PIECE = 256 * 1024
_RECORDS = 64 * 1024
_STATUS = re.compile(r"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\r\n]*)?")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NUMBER = re.compile(r"[0-9]{1,15}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?")
_UNREPEATED = frozenset(("content-length", "transfer-encoding"))
_LASTING = frozenset(
    ("connection", "content-length", "date", "keep-alive", "last-modified", "server", "x-ms-request-server-encrypted", "x-ms-version")
)
"""Headers that one answer after another has with the same value."""
_KNOWN_LINES, _LONGEST_KNOWN = 128, 256


@dataclass(slots=True)
class Answer:
    """``headers`` by lower-case name; several of one name are joined with ", ".

    ``taken``: the number of bytes of the body that are in the buffer given for them; ``body`` is empty then.
    """

    status: int
    headers: dict[str, str]
    body: bytes = b""
    taken: int | None = None


class Room(NamedTuple):
    """How many bytes of an answer's body are taken, and where a range of bytes goes that fits in there."""

    most: int
    into: memoryview | None = None


class Channel:
    """One connection to a server, through a proxy or directly; ``context`` makes it a secure one.  ``keep``: it can be used again; ``used``: it was."""

    __slots__ = ("_asked", "_buffer", "_firm", "_held", "_last", "_poll", "_seconds", "_sock", "_until", "keep", "used")

    def __init__(self, address: Address, proxy: Proxy | None, context: ssl.SSLContext | None) -> None:
        self.keep, self.used = True, False
        self._asked = self._firm = False
        self._buffer = b""
        self._last = self._until = self._held = 0.0
        self._seconds = CONNECT_SECONDS
        self._sock = connect(address if proxy is None else Address(proxy.host, proxy.port, tls=False), Trouble.PROXY if proxy else None)
        try:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if _UNSENT is not None:
                with suppress(OSError):  # a kernel without it
                    self._sock.setsockopt(socket.IPPROTO_TCP, _UNSENT, UNSENT_BYTES)
            elif sys.platform == "win32":  # it would take megabytes, and a pause would not stop them
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNSENT_BYTES)
            if proxy is not None and address.tls:
                self._tunnel(address, proxy)
            if context is not None:
                self._sock = encrypt(self._sock, context, address.host)
        except BaseException:
            self._sock.close()
            raise
        self._sock.settimeout(TICK_S)
        self._poll: select.poll | None = None
        if hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(self._sock, select.POLLIN)

    def close(self) -> None:
        """Close it."""
        self.keep = False
        self._sock.close()

    def detach(self) -> socket.socket:
        """The connection itself, for somebody else to use and close."""
        sock, self.keep = self._sock, False
        del self._sock
        return sock

    def __del__(self) -> None:
        if hasattr(self, "_sock"):  # it has none if nobody answered
            self._sock.close()

    def is_usable(self) -> bool:
        """Nothing came since the last answer: neither its end, nor bytes that nobody asked for."""
        if time.monotonic() - self._last > IDLE_SECONDS:
            return False
        try:
            waiting = self._poll.poll(0) if self._poll is not None else select.select([self._sock], [], [], 0)[0]
        except (OSError, ValueError):
            return False
        return not waiting and not (isinstance(self._sock, ssl.SSLSocket) and self._sock.pending())

    def exchange(self, method: str, head: bytes, body: Buffer, most: int, *, firm: bool = False, into: memoryview | None = None) -> Answer:
        """One request and its answer.  ``into``: where a range of bytes goes that has room there.  Raises :class:`NoAnswerError`; ``Cancelled``, but of one that is ``firm`` only until it was sent."""
        began = time.monotonic()
        self._firm, self._held = firm, 0.0
        early = self._send(head, body)
        # On a slow line much of the body still waits in buffers on the way, and takes as long again.
        answer = early or self._head(READ_SECONDS + SLOWNESS * (time.monotonic() - began - self._held))
        most = most if answer.status < REFUSED else REFUSAL_BYTES
        bodiless = method == "HEAD" or answer.status in (204, 304)
        if not bodiless and not (into is not None and answer.status == 206 and self._take(answer, into)):
            answer.body = self._body(answer, most)
        if self._buffer:
            self.keep = False  # more than one answer to one request
        self.used, self._last = True, time.monotonic()
        return answer

    # --- sending ---------------------------------------------------------------------------------------------------------

    def _send(self, head: bytes, body: Buffer) -> Answer | None:
        """None, or the head of an answer that came before the body was sent, which ends the connection."""
        size = len(body)
        try:
            if size <= JOINED_BYTES and piece_size(size) == size:
                if size:
                    self._hold(size)
                self._put(memoryview(b"".join((head, b"\r\n", body)) if size else head + b"\r\n"))
                return None
            if size >= ASK_BYTES and not self._asked:
                self._asked = True
                if (early := self._ask(head)) is not None:
                    return early
            else:
                self._put(memoryview(head + b"\r\n"))
            view, sent = memoryview(body).cast("B"), 0
            while sent < size:
                piece = view[sent : sent + piece_size(_PIECE)]
                self._hold(len(piece))
                sent += self._put(piece)
        except TimeoutError as error:
            raise NoAnswerError(Trouble.STALLED, "sending") from error
        except OSError as error:
            return self._answer_to_half(error)
        return None

    def _hold(self, size: int) -> None:
        """Wait until so much of the body may be sent, and until a pause ends.  After a long one nobody knows what became of the connection."""
        waited = before_sending(size)
        self._held += waited
        self._until += waited if self._until else 0.0
        if waited > IDLE_SECONDS:
            raise NoAnswerError(Trouble.LOST, "after a pause")

    def _put(self, data: memoryview) -> int:
        """Send all of it.  The time counts from the last byte that the other side took."""
        sent, size, until = 0, len(data), 0.0
        # TLS counts one deadline for all that it is given; a socket takes what it has room for.
        most = _RECORDS if isinstance(self._sock, ssl.SSLSocket) else size
        while sent < size:
            if sent:
                self._hold(0)
            try:
                sent += self._sock.send(data[sent : sent + most])
            except TimeoutError:
                now = time.monotonic()
                until = until or now - TICK_S + SEND_SECONDS
                if now >= until:
                    raise
                stop_if_cancelled()
            else:
                until = 0.0
                moved()
        return size

    def _ask(self, head: bytes) -> Answer | None:
        """Send the head, and wait a moment for the word to go on; who does not know this way to ask just waits for the body."""
        self._put(memoryview(head + b"Expect: 100-continue\r\n\r\n"))
        try:
            answer = self._head(WAIT_SECONDS, interim=True)
        except NoAnswerError as error:
            if error.trouble is Trouble.TIMEOUT and not error.began and not self._buffer:
                return None
            raise
        if answer.status == 100:
            return None
        self.keep = False
        return answer

    def _answer_to_half(self, error: OSError) -> Answer:
        """The other side closed the connection while it was sent to.  A refusal may be there all the same: why it did."""
        self.keep = False
        try:
            answer = self._head(WAIT_SECONDS)
        except NoAnswerError as none:
            raise NoAnswerError(Trouble.LOST, type(error).__name__, began=none.began) from error
        if answer.status < REFUSED:
            raise NoAnswerError(Trouble.LOST, type(error).__name__, began=True) from error
        return answer

    # --- receiving -------------------------------------------------------------------------------------------------------

    def _receive(self, most: int = _PIECE) -> bytes:
        """The next bytes, b"" at the end."""
        return self._received(lambda: self._sock.recv(most))

    def _received(self, receive: Callable[[], T]) -> T:
        """What the system gives next."""
        until = 0.0
        while True:
            try:
                piece = receive()
                break
            except TimeoutError as error:
                now = time.monotonic()
                until = until or now - (self._sock.gettimeout() or 0.0) + self._seconds
                if now >= until:
                    raise NoAnswerError(Trouble.TIMEOUT, began=bool(self._until)) from error
                if not self._firm:
                    stop_if_cancelled()
            except OSError as error:
                raise NoAnswerError(Trouble.LOST, type(error).__name__, began=bool(self._until)) from error
        moved()
        return piece

    def _more(self) -> None:
        """Bytes to the buffer."""
        piece = self._receive()
        if not piece:
            raise NoAnswerError(Trouble.LOST, "the end", began=bool(self._until))
        if not self._until:
            self._until = time.monotonic() + ANSWER_SECONDS
        elif time.monotonic() > self._until:
            raise NoAnswerError(Trouble.TIMEOUT, "the answer did not end", began=True)
        self._buffer = self._buffer + piece if self._buffer else piece

    def _head(self, seconds: float, *, interim: bool = False) -> Answer:
        """Status and headers.  Those that only say that an answer will come are passed over, except with ``interim``."""
        self._seconds = seconds
        self._until = 0.0
        for _ in range(10):
            end = self._buffer.find(b"\r\n\r\n")
            while end < 0:
                if len(self._buffer) > HEAD_BYTES or (len(self._buffer) > 8 and not self._buffer.startswith(b"HTTP/1.")):
                    raise NoAnswerError(Trouble.STRANGE, "no HTTP answer", began=True)
                self._more()
                end = self._buffer.find(b"\r\n\r\n")
            if end > HEAD_BYTES:
                raise NoAnswerError(Trouble.STRANGE, "no HTTP answer", began=True)
            version, answer = parsed_head(self._buffer[:end])
            self._buffer = self._buffer[end + 4 :]
            if answer.status >= 200 or (interim and answer.status == 100):
                kept = answer.headers.get("connection", "").lower()
                if version == 0 or "close" in kept:
                    self.keep = False
                return answer
            if answer.status == 101:
                break
            self._seconds = READ_SECONDS
        raise NoAnswerError(Trouble.STRANGE, "a status that nobody asked for", began=True)

    def _body(self, answer: Answer, most: int) -> bytes:
        coding, length = answer.headers.get("transfer-encoding"), answer.headers.get("content-length")
        self._seconds = READ_SECONDS
        if coding is not None:
            if coding.lower() != "chunked" or length is not None:
                raise NoAnswerError(Trouble.STRANGE, "a body with two lengths", began=True)
            return self._chunks(most)
        if length is None:
            self.keep = False
            return self._to_the_end(most)
        if not _NUMBER.fullmatch(length):
            raise NoAnswerError(Trouble.STRANGE, "a length that is none", began=True)
        if int(length) > most:
            raise NoAnswerError(Trouble.STRANGE, f"a body of more than {most} bytes", began=True)
        return self._exactly(int(length))

    def _take(self, answer: Answer, into: memoryview) -> bool:
        """Receive a body of a known length straight into the buffer; False for any other body."""
        length = answer.headers.get("content-length", "")
        if (
            "transfer-encoding" in answer.headers
            or not _NUMBER.fullmatch(length)
            or len(self._buffer) > (size := int(length))
            or size > len(into)
        ):
            return False
        done = len(self._buffer)
        into[:done], self._buffer = self._buffer, b""
        self._seconds = READ_SECONDS
        while done < size:
            self._hold(0)
            got = self._received(partial(self._sock.recv_into, into[done : min(size, done + _PIECE)]))
            if not got:
                raise NoAnswerError(Trouble.LOST, "the body is incomplete", began=True)
            self._in_time()
            done += got
        answer.taken = size
        return True

    def _exactly(self, size: int) -> bytes:
        if len(self._buffer) >= size:
            data, self._buffer = self._buffer[:size], self._buffer[size:]
            return data
        pieces, left = [self._buffer], size - len(self._buffer)
        self._buffer = b""
        while left:
            self._hold(0)
            piece = self._receive(min(left, _PIECE))
            if not piece:
                raise NoAnswerError(Trouble.LOST, "the body is incomplete", began=True)
            self._in_time()
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def _chunks(self, most: int) -> bytes:
        pieces: list[bytes] = []
        left = most
        while True:
            found = _CHUNK.fullmatch(self._line())
            size = int(found[1], 16) if found else left + 1
            if size > left:
                raise NoAnswerError(Trouble.STRANGE, f"a body of more than {most} bytes", began=True)
            if not size:
                break
            pieces.append(self._exactly(size))
            left -= size
            if self._line():
                raise NoAnswerError(Trouble.STRANGE, "a piece that does not end", began=True)
        for _ in range(HEADERS):
            if not self._line():
                return b"".join(pieces)
        raise NoAnswerError(Trouble.STRANGE, "an end without end", began=True)

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > HEAD_BYTES:
                raise NoAnswerError(Trouble.STRANGE, "a line without end", began=True)
            self._more()
        line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        return line

    def _to_the_end(self, most: int) -> bytes:
        pieces, size = [self._buffer], len(self._buffer)
        self._buffer = b""
        while size <= most:
            piece = self._receive()
            if not piece:
                return b"".join(pieces)
            self._in_time()
            pieces.append(piece)
            size += len(piece)
        raise NoAnswerError(Trouble.STRANGE, f"a body of more than {most} bytes", began=True)

    def _in_time(self) -> None:
        if time.monotonic() > self._until:
            raise NoAnswerError(Trouble.TIMEOUT, "the answer did not end", began=True)

    def _tunnel(self, address: Address, proxy: Proxy) -> None:
        """Have the proxy connect to the server."""
        login = f"Proxy-Authorization: {proxy.login}\r\n" if proxy.login else ""
        head = f"CONNECT {address.authority} HTTP/1.1\r\nHost: {address.authority}\r\n{login}\r\n"
        try:
            self._sock.settimeout(CONNECT_SECONDS)
            self._sock.sendall(head.encode("latin-1"))
            answer = self._head(CONNECT_SECONDS)
        except (OSError, NoAnswerError) as error:
            raise NoAnswerError(Trouble.PROXY, type(error).__name__) from error
        if answer.status == 407:
            raise ProxyLoginError
        if not 200 <= answer.status < REFUSED or self._buffer:
            raise NoAnswerError(Trouble.PROXY, f"status {answer.status}")
        self.keep = True


def parsed_head(data: bytes) -> tuple[int, Answer]:
    """(0 or 1 for HTTP/1.0 or 1.1, status and headers) of the lines before the empty one.  Raises :class:`NoAnswerError`."""
    text = data.decode("latin-1")
    first, *lines = text.split("\r\n")
    status = _STATUS.fullmatch(first)
    count = len(lines)
    if status is None or count > HEADERS or text.count("\n") != count or text.count("\r") != count or "\0" in text:
        raise NoAnswerError(Trouble.STRANGE, "no HTTP answer", began=True)
    headers: dict[str, str] = {}
    for line in lines:
        name, value = _known.get(line) or _header(line)
        if name in headers:
            if name in _UNREPEATED and headers[name] != value:
                raise NoAnswerError(Trouble.STRANGE, "a body with two lengths", began=True)
            value = value if name in _UNREPEATED else f"{headers[name]}, {value}"
        headers[name] = value
    return int(status[1]), Answer(int(status[2]), headers)


_known: dict[str, tuple[str, str]] = {}
"""Lines of earlier answers: most lines of an answer to a small file are those of the answer before."""


def _header(line: str) -> tuple[str, str]:
    """Name, in lower case, and value.  Raises :class:`NoAnswerError`."""
    name, colon, value = line.partition(":")
    if not colon or _NAME.fullmatch(name) is None:
        raise NoAnswerError(Trouble.STRANGE, "a header that is none", began=True)
    name, value = name.lower(), value.strip(" \t")
    if name in _LASTING and len(line) < _LONGEST_KNOWN:
        if len(_known) >= _KNOWN_LINES:
            _known.clear()
        _known[line] = name, value
    return name, value
