"""Small puts on many connections, from one thread: :class:`~chorus_gui.core.storage.lane.Lane` over the program's own client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from chorus_gui.core.storage.azure.wire import Written
from chorus_gui.core.storage.base import BlobInfo
from chorus_gui.core.storage.http.channel import REFUSED, Answer, Channel, NoAnswerError, Trouble
from chorus_gui.core.storage.http.lines import Lines, head_of
from chorus_gui.core.storage.lane import Arrival

_END = b"0\r\n\r\n"
"""A body in pieces that has none."""
_NOTHING: Mapping[str, str] = {}


class Puts(Protocol):
    """What the lane needs of a wire."""

    def connect(self) -> Channel:
        """A new connection.  Raises :class:`NoAnswerError`."""
        ...

    def put_message(self, name: str, data: bytes, md5: bytes) -> bytes:
        """The whole request, signed."""
        ...

    def confirmed(self, answer: Answer) -> Written | None:
        """What the service says of a put, None if it is not that it was done."""
        ...


class AzureLane:
    """As :class:`~chorus_gui.core.storage.lane.Lane`.  ``name_of`` gives the whole name of a blob, and raises for one that needs a closer look."""

    def __init__(self, puts: Puts, name_of: Callable[[str], str]) -> None:
        self._puts = puts
        self._name_of = name_of
        self._lines = Lines(puts.connect, _complete)
        self._sent: dict[int, tuple[str, int]] = {}

    @property
    def alive(self) -> bool:
        """See :attr:`Lane.alive`."""
        return self._lines.alive

    @property
    def busy(self) -> int:
        """See :attr:`Lane.busy`."""
        return self._lines.busy

    @property
    def answered(self) -> bool:
        """See :attr:`Lane.answered`."""
        return self._lines.answered

    def has_room(self) -> bool:
        """See :meth:`Lane.has_room`."""
        return self._lines.has_room()

    def begin(self, key: int, path: str, data: bytes, md5: bytes) -> None:
        """See :meth:`Lane.begin`."""
        self._sent[key] = path, len(data)
        self._lines.begin(key, lambda: self._puts.put_message(self._name_of(path), data, md5))

    def answers(self, seconds: float) -> list[Arrival]:
        """See :meth:`Lane.answers`."""
        return [Arrival(key, self._blob(*self._sent.pop(key), answer)) for key, answer in self._lines.answers(seconds)]

    def _blob(self, path: str, size: int, answer: Answer | None) -> BlobInfo | None:
        written = self._puts.confirmed(answer) if answer is not None else None
        if written is None:
            if answer is not None:
                self._lines.stop()
            return None
        return BlobInfo(path, size, written.md5, written.etag, written.modified_us, _NOTHING)

    def close(self) -> None:
        """See :meth:`Lane.close`."""
        self._lines.close()


def _complete(data: bytes) -> Answer | None:
    """The answer, once all of it is there; only one that reports success and has no body.  Raises :class:`NoAnswerError` for any other."""
    found = head_of(data)
    if found is None:
        return None
    answer, begin = found
    body, headers = data[begin:], answer.headers
    if not 200 <= answer.status < REFUSED:
        raise NoAnswerError(Trouble.STRANGE)
    if headers.get("transfer-encoding", "").lower() == "chunked" and "content-length" not in headers:
        if body != _END:
            if _END.startswith(body):
                return None
            raise NoAnswerError(Trouble.STRANGE)
    elif headers.get("content-length") != "0" or body:
        raise NoAnswerError(Trouble.STRANGE)
    return answer
