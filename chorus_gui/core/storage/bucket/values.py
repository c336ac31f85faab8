"""What a service says of the objects in a bucket, and what the package of a service offers to the source."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, Protocol, runtime_checkable

from chorus_gui.core.errors import StoreUnavailableError
from chorus_gui.core.storage.http.channel import Answer, Channel
from chorus_gui.core.untrusted import MalformedError, instant

CHUNK_BYTES = 4 * 1024 * 1024
"""The largest range that is read at once."""
OBJECT_BYTES = 50 * 1024**4
"""The largest object that there can be."""
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")


class Listed(NamedTuple):
    """An object as a listing has it.  ``modified_us`` are whole seconds, in microseconds since 1970.

    ``version`` identifies its content; ``md5`` as in :class:`Properties`; ``archived``: it must be restored before it can be read; ``tier``: the class of storage
    where reading costs extra, "" for any other.
    """

    key: str
    size: int
    modified_us: int
    version: str
    archived: bool = False
    md5: str = ""
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a listing.  ``folders`` are the beginnings of keys up to a delimiter; ``token`` is "" on the last page."""

    objects: list[Listed] = field(default_factory=list[Listed])
    folders: list[str] = field(default_factory=list[str])
    token: str = ""


class Properties(NamedTuple):
    """An object.  ``md5``: the service computed it, as 32 lower-case hex digits; "" where only reading the object can tell.

    ``archived``: it must be restored before it can be read.
    """

    size: int
    modified_us: int
    version: str
    md5: str = ""
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """A range of an object, and the whole object's properties.  ``taken``: the number of its bytes that are in the buffer given for them."""

    data: bytes
    whole: Properties
    taken: int = 0


class Bucket(Protocol):
    """The requests to one bucket.  Safe for many threads.  Each raises :class:`StoreError` for a refusal, and for what cannot be its answer."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def own_server(self) -> bool:
        """The server is the one of the service's maker, which computes the MD5s that it states; another one may repeat a claim."""
        ...

    def list_page(self, prefix: str, token: str = "", *, after: str = "", delimiter: str = "") -> Page:
        """A page of the keys that begin with ``prefix``, in their order; ``token`` of the page before, or ``after`` a key."""
        ...

    def head(self, key: str) -> Properties | None:
        """The properties of an object; None if there is no such object."""
        ...

    def read(self, key: str, offset: int, length: int, *, version: str = "", into: memoryview | None = None) -> Piece | None:
        """``length`` bytes, at most :data:`CHUNK_BYTES`; None where ``offset`` is not before the object's end.

        ``into``: a buffer where the bytes can go, of at least that length.  ``version``: only this version of it, otherwise :class:`ConditionError`.
        """
        ...

    def strange(self) -> StoreUnavailableError:
        """For an answer that the service does not give."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


@runtime_checkable
class Gets(Protocol):
    """What a lane of reads needs of a bucket, in addition."""

    def connect(self) -> Channel:
        """A new connection.  Raises :class:`NoAnswerError`."""
        ...

    def get_message(self, key: str, length: int) -> bytes:
        """The whole request for the first ``length`` bytes of an object, signed."""
        ...

    def got(self, length: int, answer: Answer) -> Piece | None:
        """What its answer has, None if that is not all that :meth:`Bucket.read` would say.  Raises what it likes."""
        ...

    def moved(self, answer: Answer) -> bool:
        """A refusal says that the bucket is elsewhere; from now on it is asked there.  Raises what it likes."""
        ...


def piece(answer: Answer, offset: int, length: int, properties: Callable[[int], Properties]) -> Piece:
    """The range that an answer has.  ``properties`` are those of an object of that size.  Raises :class:`MalformedError` for another range."""
    data = answer.body
    if answer.status != 206 and "content-range" not in answer.headers:  # an object in one piece
        if answer.headers.keys().isdisjoint(("content-length", "transfer-encoding")):
            raise MalformedError("an object without a length: nothing shows if it is complete")
        if offset or len(data) > length:
            raise MalformedError("another range than was asked for")
        return Piece(data, properties(len(data)))
    found = _RANGE.fullmatch(answer.headers.get("content-range", ""))
    first, last, size = map(int, found.groups()) if found else (0, -1, -1)
    came = len(data) if answer.taken is None else answer.taken
    if found is None or first != offset or not 0 < last - first + 1 == came <= length or not last < size <= OBJECT_BYTES:
        raise MalformedError("another range than was asked for")
    if last != min(offset + length, size) - 1:
        raise MalformedError("a shorter range than was asked for")
    return Piece(data, properties(size), answer.taken or 0)


def number(text: str) -> int:
    """A size in bytes.  Raises :class:`MalformedError`."""
    if not text.isascii() or not text.isdecimal() or len(text) > 18 or int(text) > OBJECT_BYTES:
        raise MalformedError("a size that is none")
    return int(text)


@lru_cache(maxsize=256)  # neighbours in a listing often have the same second
def listed_us(text: str) -> int:
    """A time of a listing ("2026-11-26T12:34:56.000Z") as whole seconds, in microseconds since 1970.  Raises :class:`MalformedError`."""
    when = instant(text)
    if when is None:
        raise MalformedError("a time that is none")
    return int(when.timestamp()) * 1_000_000
