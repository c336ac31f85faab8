"""How many requests it takes to list a place in a cloud."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from chorus_gui.core.config.model import Place

T = TypeVar("T")


class Listed(NamedTuple):
    """A place in a cloud that a scan listed, and those of its modalities that were asked for."""

    place: Place
    modalities: tuple[str, ...]
    requests: int


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
