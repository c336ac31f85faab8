"""An HTTP/1.1 client for one server: connections that stay open, one for each request at a time."""

from __future__ import annotations

import ssl
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress

from chorus_gui.core.storage.base import Buffer
from chorus_gui.core.storage.http.channel import Address, Answer, Channel, NoAnswerError, Room, Trouble
from chorus_gui.core.storage.http.proxies import Proxy
from chorus_gui.core.storage.sending import unless_cancelled

IDLE_CONNECTIONS = 64
_SPELLED = {
    name.lower(): name
    for name in ("Authorization", "Content-MD5", "Content-Type", "If-Match", "If-None-Match", "User-Agent", "Accept-Encoding")
}
"""As everybody writes them: some that are on the way know no other spelling."""
_READS = frozenset(("GET", "HEAD"))
_CONDITIONS = frozenset(("if-match", "if-none-match"))
"""What a write with a condition did must be known, even if the job was cancelled meanwhile: it is a lock, or a journal."""


class Http:
    """Requests to one server.  Safe for many threads: each request has a connection of its own while it lasts.

    ``certificates``: a file with authorities that are trusted in addition to the system's, "" for none.
    """

    def __init__(self, address: Address, proxy: Proxy | None, certificates: str) -> None:
        self._address = address
        self._proxy = proxy
        self._certificates = certificates
        self._idle: deque[Channel] = deque()
        self._lock = threading.Lock()
        self._trust: ssl.SSLContext | None = None
        self._prefix = f"http://{address.text}" if proxy is not None and not address.tls else ""
        self._always = f"Host: {address.text}\r\n"
        if self._prefix and proxy is not None and proxy.login:
            self._always += f"Proxy-Authorization: {proxy.login}\r\n"
        self._breaks = self._always.count("\n")

    def exchange(self, method: str, target: str, headers: Mapping[str, str], body: Buffer, *, most: int | Room, repeatable: bool) -> Answer:
        """Send a request, and read its answer, whose body has at most ``most`` bytes if it reports success.

        A kept connection that the other side closed meanwhile is replaced, without a word, if nothing of an answer came and the request is
        ``repeatable``.  Raises :class:`NoAnswerError`.
        """
        head = self.head(method, target, headers, len(body))
        room = most if isinstance(most, Room) else Room(most)
        again, firm = repeatable, method not in _READS and not _CONDITIONS.isdisjoint(headers)
        while True:
            channel = self._take()
            try:
                answer = channel.exchange(method, head, body, room.most, firm=firm, into=room.into)
            except NoAnswerError as error:
                channel.close()
                if again and channel.used and error.trouble is Trouble.LOST and not error.began:
                    again = False
                    self.close()  # the others of that age
                    continue
                raise
            except BaseException:
                channel.close()
                raise
            self._give_back(channel)
            return answer

    def head(self, method: str, target: str, headers: Mapping[str, str], length: int) -> bytes:
        """The lines before the empty one.  A header of somebody's text must not become two: raises :class:`NoAnswerError`."""
        lines = [f"{method} {self._prefix}{target} HTTP/1.1\r\n{self._always}"]
        lines += [f"{_SPELLED.get(name, name)}: {value}\r\n" for name, value in headers.items()]
        if length or method == "PUT":
            lines.append(f"Content-Length: {length}\r\n")
        head = "".join(lines)
        if head.count("\n") != len(lines) + self._breaks or not head.isascii():
            raise NoAnswerError(Trouble.STRANGE, "a value that no header can have")
        return head.encode()

    def close(self) -> None:
        """Close what is not in use."""
        with suppress(IndexError):  # empty: other threads take from it, too
            while True:
                self._idle.pop().close()

    def _take(self) -> Channel:
        with suppress(IndexError):
            while True:
                channel = self._idle.pop()
                if channel.is_usable():
                    return channel
                channel.close()
        return self.connect()

    def connect(self) -> Channel:
        """A new connection.  Raises :class:`NoAnswerError`, ``Cancelled``."""
        return unless_cancelled(lambda: Channel(self._address, self._proxy, self._context() if self._address.tls else None), Channel.close)

    def _give_back(self, channel: Channel) -> None:
        if channel.keep and len(self._idle) < IDLE_CONNECTIONS:
            self._idle.append(channel)
        else:
            channel.close()

    def _context(self) -> ssl.SSLContext:
        """The system's authorities (of the entry point's trust store), and the file's."""
        with self._lock:
            if self._trust is None:
                try:
                    self._trust = ssl.create_default_context(cafile=self._certificates or None)
                except (OSError, ssl.SSLError) as error:
                    raise NoAnswerError(Trouble.CERTIFICATE, type(error).__name__) from None
            return self._trust
