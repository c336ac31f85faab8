"""Lanes of reads, as a transfer uses them."""

from __future__ import annotations

from chorus_gui.core.storage.read_lane import ReadLane
from chorus_gui.core.storage.whole import Whole


def brought(lane: ReadLane, paths: list[str], most: int) -> dict[str, Whole | None]:
    """What comes of these; those that the lane has no place for any longer are left out."""
    found: dict[str, Whole | None] = {}
    asked = 0
    while (asked < len(paths) and lane.alive) or len(found) < asked:
        while asked < len(paths) and lane.has_room():
            lane.begin(asked, paths[asked], most)
            asked += 1
        found.update({paths[number]: whole for number, whole in lane.answers(0.01)})
    return found
