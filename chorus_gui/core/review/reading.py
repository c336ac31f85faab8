"""What an upload reads from the site's places in a cloud: numbers that a person sees before the approval.

Requests and traffic cost money there.  The prices are the provider's; only numbers are given here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from chorus_gui.core.model import Tally
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import CloudReading, Pending
from chorus_gui.core.storage.listed import Listed

CLOUDS = "clouds"
"""The key under which a review keeps which places a scan listed."""
PIECE_BYTES = 4 * 1024 * 1024
"""What one request reads at most."""
_SUMS = "count(*), coalesce(sum(size), 0), coalesce(sum(max(1, (size + ?1 - 1) / ?1)), 0)"


def keep(staging: Staging, listed: Iterable[Listed]) -> None:
    """Remember what a scan listed."""
    staging.put(CLOUDS, [[one.place.kind.value, one.place.text, list(one.modalities), one.requests, one.inventory_us] for one in listed])


def cloud_reading(staging: Staging, along: Pending) -> tuple[CloudReading, ...]:
    """For each place in a cloud what an approval would read there now, with the pending files of ``along``."""
    found: list[tuple[str, str, list[str], int, int]] = staging.get(CLOUDS, [])
    return tuple(_reading(staging, along, place) for place in found)


def _reading(staging: Staging, along: Pending, listed: tuple[str, str, list[str], int, int]) -> CloudReading:
    kind, place, modalities, listing, inventory_us = listed
    names = json.dumps(modalities)
    bound = (PIECE_BYTES, names)
    chosen = "modality IN (SELECT value FROM json_each(?2)) AND NOT excluded AND NOT done"
    files, size, pieces = staging.db.execute(
        f"SELECT {_SUMS} FROM change WHERE kind IN ('added', 'updated') AND {chosen}", bound
    ).fetchone()
    pending = [0, 0, 0]
    if along.total.files:
        versions = json.dumps(list(along.by_version))
        sql = f"SELECT {_SUMS} FROM pending WHERE {chosen} AND NOT own AND version IN (SELECT value FROM json_each(?3))"
        pending = staging.db.execute(sql, (*bound, versions)).fetchone()
    total = Tally(files + pending[0], size + pending[1])
    requests = pieces + pending[2]
    return CloudReading(kind, place, tuple(modalities), total, requests, listing, inventory_us)
