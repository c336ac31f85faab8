"""Many small files of a site in a cloud on their way here at the same time, from one thread.

As :mod:`~chorus_gui.core.storage.lane` does it for writes: it is for the usual case alone, asks once for each file, and explains nothing.  What it
does not bring is read again with :meth:`Source.open`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, Protocol, runtime_checkable

from chorus_gui.core.storage.base import Source
from chorus_gui.core.storage.http.channel import REFUSED, Answer, Channel
from chorus_gui.core.storage.http.lines import Lines, RefusedError, head_of
from chorus_gui.core.storage.lane import LANE_BYTES
from chorus_gui.core.storage.whole import Whole


class Arrived(NamedTuple):
    """A file in one version, as :meth:`ReadsWhole.read_whole` gives it; None: it could not be had in this way."""

    key: int
    whole: Whole | None


class ReadLane(Protocol):
    """Reads of one thread.  Nothing here blocks longer than it says, and nothing raises."""

    @property
    def alive(self) -> bool:
        """See :attr:`Lane.alive`."""
        ...

    @property
    def answered(self) -> bool:
        """See :attr:`Lane.answered`."""
        ...

    def has_room(self) -> bool:
        """See :meth:`Lane.has_room`."""
        ...

    def begin(self, key: int, path: str, most: int) -> None:
        """Ask for a file, of which at most ``most`` bytes are read, at most one more than :data:`LANE_BYTES`.  Only after :meth:`has_room`."""
        ...

    def answers(self, seconds: float) -> list[Arrived]:
        """See :meth:`Lane.answers`."""
        ...

    def close(self) -> None:
        """See :meth:`Lane.close`."""
        ...


@runtime_checkable
class HasReadLane(Protocol):
    """A source that may have such lanes."""

    def read_lane(self) -> ReadLane | None:
        """A new lane; None if there can be none."""
        ...


def read_lane_of(source: Source) -> ReadLane | None:
    """A new lane out of ``source``; None if it has none."""
    return source.read_lane() if isinstance(source, HasReadLane) else None


class HttpReadLane:
    """As :class:`ReadLane`.  ``message`` makes the whole request from a path and the most bytes of it to read.  ``read`` makes a file from the
    path, that number and the answer, None if the answer is not usual.  ``moved`` says of a refusal that the files are elsewhere: then no other
    request begins here, and the next lane asks there.  All three may raise any exception.
    """

    def __init__(
        self,
        connect: Callable[[], Channel],
        message: Callable[[str, int], bytes],
        read: Callable[[str, int, Answer], Whole | None],
        moved: Callable[[Answer], bool] = lambda _: False,
    ) -> None:
        self._lines = Lines(connect, self._complete)
        self._message, self._read, self._moved = message, read, moved
        self._asked: dict[int, tuple[str, int]] = {}

    @property
    def alive(self) -> bool:
        """See :attr:`ReadLane.alive`."""
        return self._lines.alive

    @property
    def answered(self) -> bool:
        """See :attr:`ReadLane.answered`."""
        return self._lines.answered

    def has_room(self) -> bool:
        """See :meth:`ReadLane.has_room`."""
        return self._lines.has_room()

    def begin(self, key: int, path: str, most: int) -> None:
        """See :meth:`ReadLane.begin`."""
        self._asked[key] = path, most
        self._lines.begin(key, lambda: self._message(path, most))

    def answers(self, seconds: float) -> list[Arrived]:
        """See :meth:`ReadLane.answers`."""
        return [Arrived(key, self._whole(*self._asked.pop(key), answer)) for key, answer in self._lines.answers(seconds)]

    def _complete(self, data: bytes) -> Answer | None:
        try:
            return complete(data)
        except RefusedError as refused:
            with suppress(Exception):
                if self._moved(refused.answer):
                    self._lines.stop()
            raise

    def _whole(self, path: str, most: int, answer: Answer | None) -> Whole | None:
        try:
            return None if answer is None else self._read(path, most, answer)
        except Exception:  # noqa: BLE001 - whoever reads it again meets it again, and says what it is
            return None

    def close(self) -> None:
        """See :meth:`ReadLane.close`."""
        self._lines.close()


def complete(data: bytes) -> Answer | None:
    """The answer with the bytes of a small file, once all of it is there.  Raises :class:`RefusedError` for any other, :class:`NoAnswerError`."""
    found = head_of(data)
    if found is None:
        return None
    answer, begin = found
    length = answer.headers.get("content-length", "")
    if not 200 <= answer.status < REFUSED or "transfer-encoding" in answer.headers or not (length.isascii() and length.isdecimal()):
        answer.body = data[begin:]
        raise RefusedError(answer)
    if len(length) > 9 or int(length) > LANE_BYTES + 1 or len(data) - begin > int(length):
        raise RefusedError(answer)
    if len(data) - begin < int(length):
        return None
    answer.body = data[begin:]
    return answer
