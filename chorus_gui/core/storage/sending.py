"""Every byte of a file that is written to a place passes here: it waits for the job's pause and for the bandwidth limit.

Whatever writes (a connection, the SDK, a folder) asks before each piece, so that a pause and a cancellation hold within a second at any size,
and the limit holds for all of them together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from typing import TypeVar

from chorus_gui.core import job
from chorus_gui.core.errors import Cancelled
from chorus_gui.core.storage.silence import moved, our_turn

T = TypeVar("T")

TICK_S = 0.25
"""Seconds between two looks for a cancellation during a wait for the other side."""
_READ_BYTES = 64 * 1024


def before_sending(size: int) -> float:
    """Wait until this thread may send ``size`` bytes; the seconds that this took.  Raises :class:`Cancelled`."""
    ctx = job.working()
    return 0.0 if ctx is None else ctx.throttle(size, our_turn)


def piece_size(most: int) -> int:
    """How many bytes this thread should send at a time: ``most`` if there is no limit."""
    ctx = job.working()
    return most if ctx is None else ctx.limit.piece(most)


def read_size(most: int) -> int:
    """How many bytes this thread should read at a time: ``most`` if there is no limit."""
    ctx = job.working()
    rate = None if ctx is None else ctx.limit.rate
    return most if rate is None else min(most, max(_READ_BYTES, rate // 16))


def stop_if_cancelled() -> None:
    """Raise :class:`Cancelled` if this thread's job is cancelled."""
    ctx = job.working()
    if ctx is not None and ctx.cancelled:
        raise Cancelled


def unless_cancelled(make: Callable[[], T], drop: Callable[[T], None]) -> T:
    """What ``make`` gives, or raises; ``Cancelled`` as soon as the job is: then what it gives later is dropped.

    It runs in a thread of its own, because the system does not interrupt what it does: finding a name, connecting.
    """
    ctx = job.working()
    if ctx is None:
        return make()
    made: Future[T] = Future()

    def work() -> None:
        try:
            found = make()
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            if made.set_running_or_notify_cancel():
                made.set_exception(error)
            return
        if made.set_running_or_notify_cancel():
            made.set_result(found)
        else:
            drop(found)

    try:
        threading.Thread(target=work, name="connect", daemon=True).start()
    except RuntimeError:  # the system allows no more threads
        return make()
    while not wait((made,), TICK_S).done:
        if ctx.cancelled and made.cancel():
            raise Cancelled
    return made.result()


class Sent:
    """Bytes as a file that is read while it is sent, for clients that take no pieces."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[bytes]:
        """Clients recognise a file by it."""
        while piece := self.read(64 * 1024):
            yield piece

    def read(self, most: int = -1) -> bytes:
        """The next bytes, when they may be sent."""
        left = len(self._data) - self._at
        size = min(left, piece_size(left if most < 0 else most))
        if size:
            before_sending(size)
            moved()
        piece = bytes(self._data[self._at : self._at + size])
        self._at += size
        return piece
