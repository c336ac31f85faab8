"""How many requests it takes to list a place in a cloud."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

from chorus_gui.core.config.model import Place

T = TypeVar("T")


class Listed(NamedTuple):
    """A place in a cloud that a scan listed, and those of its modalities that were asked for.

    ``inventory_us``: when the list was made that was read in the place of a listing, in microseconds since 1970; 0: there is none.
    """

    place: Place
    modalities: tuple[str, ...]
    requests: int
    inventory_us: int = 0


OLD_S = 8 * 86400.0
"""A weekly inventory is older only if something is wrong."""


@runtime_checkable
class HasInventory(Protocol):
    """A source whose listing can be a list that its service made earlier."""

    @property
    def inventory_us(self) -> int:
        """When the list of the last walk was made, in microseconds since 1970; 0: it was no such list."""
        ...


class Asked:
    """Sends the requests of a walk, and counts them.  Called in any thread."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def __call__(self, request: Callable[[], T], /) -> T:
        """See :class:`~chorus_gui.core.storage.base.Ask`."""
        with self._lock:
            self.count += 1
        return request()
