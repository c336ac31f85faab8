"""Many small writes on their way at the same time, from one thread.

A thread for each request costs more than a small file itself: the interpreter runs one thread at a time, and hands over at every call to the
system.  A lane begins a write and returns at once; the answers are collected later.  It is for the usual case alone: it sends each
write once, without a condition, and explains nothing.  What it does not confirm is sent again with :meth:`Store.put`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

from chorus_gui.core.storage.base import BlobInfo, Store

LANE_BYTES = 64 * 1024
"""The largest write.  A larger one is worth a thread."""


class Arrival(NamedTuple):
    """What became of a write: the blob if the store acknowledged it; None: it may be there or not."""

    key: int
    blob: BlobInfo | None


class Lane(Protocol):
    """Writes of one thread.  Nothing here blocks longer than it says, and nothing raises."""

    @property
    def alive(self) -> bool:
        """False: something was wrong with a connection.  Nothing more can begin; what is on its way may still be answered."""
        ...

    @property
    def busy(self) -> int:
        """Writes that began and are not answered, and answers that nobody has collected."""
        ...

    @property
    def answered(self) -> bool:
        """:meth:`answers` has something at once."""
        ...

    def has_room(self) -> bool:
        """Another write can begin now.  If not, :meth:`answers` waits for what is missing."""
        ...

    def begin(self, key: int, path: str, data: bytes, md5: bytes) -> None:
        """Send ``data``, at most :data:`LANE_BYTES`, to be checked against ``md5`` (16 bytes).  Only after :meth:`has_room`."""
        ...

    def answers(self, seconds: float) -> list[Arrival]:
        """The answers that have arrived.  If there are none, wait up to ``seconds`` for one, or for room."""
        ...

    def close(self) -> None:
        """Close the connections.  What is on its way may arrive or not."""
        ...


@runtime_checkable
class HasLane(Protocol):
    """A store that may have lanes."""

    def lane(self) -> Lane | None:
        """A new lane; None if there can be none."""
        ...


def lane_of(store: Store) -> Lane | None:
    """A new lane into ``store``; None if it has none."""
    return store.lane() if isinstance(store, HasLane) else None
