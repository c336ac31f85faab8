"""Small files of a site in a cloud that are being read: a lane of reads for each modality whose source has one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from chorus_gui.core.model import Item
from chorus_gui.core.storage.base import Source
from chorus_gui.core.storage.read_lane import ReadLane, read_lane_of
from chorus_gui.core.storage.whole import Whole

AHEAD = 64
"""Files that are being read, at most."""
MISSES = 3
"""Files in a row that a lane did not bring, although it works: then the source is read without it for a while."""
WITHOUT_S = 60.0
"""Seconds until such a source gets a lane again: it may have been busy, or a credential may have ended."""
REST_S = 2.0
"""Seconds from a lane that broke to the next."""
UNUSED_S = 10.0
"""Seconds after which a lane that is not asked is closed: its connections are for the others."""
_LOOK_S = 0.005
"""Seconds to wait for one of several lanes."""


class Came(NamedTuple):
    """What a lane brought for the file with this number, which was asked for at ``began``; ``whole`` None: nothing that is usual."""

    number: int
    item: Item
    began: float
    whole: Whole | None


class _Lane:
    """The lane of a modality; ``lane`` None: files are read without one until ``again``, a time of the monotonic clock."""

    __slots__ = ("again", "asked", "lane", "misses", "used")

    def __init__(self, lane: ReadLane | None, again: float = float("inf")) -> None:
        self.lane, self.again = lane, again
        self.asked = self.misses = 0
        self.used = time.monotonic()


class Reads:
    """The lanes of ``sources``, by modality.  Used by one thread, and to be closed."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self._lanes: dict[str, _Lane] = {}
        self._broke: dict[str, float] = {}
        self._files: dict[int, tuple[Item, float]] = {}

    @property
    def items(self) -> list[Item]:
        """The files that are being read."""
        return [item for item, _ in self._files.values()]

    def __bool__(self) -> bool:
        return bool(self._files)

    @property
    def answered(self) -> bool:
        """:meth:`come` has something at once."""
        return any(one.lane.answered for one in self._lanes.values() if one.lane is not None and one.asked)

    def of(self, modality: str) -> ReadLane | None:
        """The lane that reads files of this modality now; None if none does."""
        one = self._lanes.get(modality)
        return None if one is None else one.lane

    def well(self, modality: str) -> bool:
        """Files of this modality can be read now, with a lane or without one.  One that broke is replaced after a rest."""
        now = time.monotonic()
        one = self._lanes.get(modality)
        if one is not None and one.lane is None and now >= one.again:
            del self._lanes[modality]
            one = None
        if one is None:
            if now - self._broke.get(modality, -REST_S) < REST_S:
                return False
            one = self._lanes[modality] = _Lane(read_lane_of(self._sources[modality]))
        if one.lane is None or (one.lane.alive and one.misses < MISSES):
            return True
        if one.asked:
            return False
        unhelpful = one.lane.alive
        one.lane.close()
        if unhelpful:
            self._lanes[modality] = _Lane(None, now + WITHOUT_S)
            return True
        del self._lanes[modality]
        self._broke[modality] = now
        return False

    def has_room(self, modality: str) -> bool:
        """Another file of it can be asked for.  Only if it has a lane."""
        lane = self.of(modality)
        return len(self._files) < AHEAD and lane is not None and lane.has_room()

    def alive(self, modality: str) -> bool:
        """It makes sense to wait for room."""
        lane = self.of(modality)
        return lane is None or lane.alive

    def begin(self, number: int, item: Item, began: float, asks: Callable[[Callable[[str, int], None], str, int], None]) -> None:
        """Ask for a file, with ``asks``.  Only after :meth:`has_room`."""
        one = self._lanes[item.modality]
        lane = one.lane
        assert lane is not None
        self._files[number] = item, began
        one.asked += 1
        one.used = time.monotonic()
        asks(lambda path, most: lane.begin(number, path, most), item.path, item.size + 1)

    def come(self, seconds: float) -> Iterator[Came]:
        """What has come; waits up to ``seconds`` for it.  Lanes that nothing is asked of are not waited for."""
        asked = [one for one in self._lanes.values() if one.asked and one.lane is not None]
        seconds = seconds if len(asked) < 2 else min(seconds, _LOOK_S)
        for one in asked:
            lane = one.lane
            for number, whole in lane.answers(seconds) if lane is not None else ():
                item, began = self._files.pop(number)
                one.asked -= 1
                if whole is not None:
                    one.misses = 0
                elif lane is not None and lane.alive and item.size:  # many services refuse a range of an empty object
                    one.misses += 1
                yield Came(number, item, began, whole)
        if len(self._lanes) > 1:
            self._close_unused()

    def _close_unused(self) -> None:
        now = time.monotonic()
        for modality, one in [*self._lanes.items()]:
            if one.lane is not None and not one.asked and now - one.used > UNUSED_S:
                one.lane.close()
                del self._lanes[modality]

    def close(self) -> None:
        """Close the connections."""
        for one in self._lanes.values():
            if one.lane is not None:
                one.lane.close()
        self._lanes.clear()
