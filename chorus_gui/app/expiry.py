"""Will the credential last until the upload ends?  Said before it begins, and while it runs if the measured rate says so."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from chorus_gui.app.folders import data_folder
from chorus_gui.app.renewal import place_title
from chorus_gui.app.words import duration, size
from chorus_gui.core import private
from chorus_gui.core.config.credentials import Credentials
from chorus_gui.core.config.model import Config, PlaceKind
from chorus_gui.core.untrusted import DATA_ERRORS, json_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chorus_gui.app.run import Run
    from chorus_gui.core.job import Progress, Snapshot

MEASURED_S = 30.0
"""Seconds of uploading after which its own rate is believed."""
_LEAST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Ends:
    """The credential of the place ``where`` ends at ``at`` (aware)."""

    where: str
    at: datetime


def first_to_end(config: Config, now_used: Mapping[str, Credentials]) -> Ends | None:
    """Of the SAS tokens that an upload and its check-in need, the one that expires first.  None: no time is known.

    ``now_used`` are those that were renewed since the configuration was read, by place.
    """
    places = {"central": config.central, "journal": config.journal.cloud}
    found: list[Ends] = []
    for where, place in places.items():
        if place is None or place.kind is not PlaceKind.AZURE:
            continue
        sas = now_used.get(where, place.credentials).sas
        if sas is not None and sas.info.expires is not None:
            found.append(Ends(where, sas.info.expires))
    return min(found, key=lambda ends: ends.at, default=None)


def too_soon(ends: Ends | None, bytes_left: int, rate: float | None, now: datetime | None = None) -> str:
    """A warning if the credential expires before ``bytes_left`` are uploaded at ``rate`` bytes a second; "" if it does not, or nobody knows."""
    if ends is None or not rate or not bytes_left:
        return ""
    now = now or datetime.now(UTC)
    seconds = bytes_left / rate
    if ends.at > now + timedelta(seconds=seconds):
        return ""
    return (
        f"The SAS token of {place_title(ends.where)} expires on {ends.at:%Y-%m-%d %H:%M} UTC. The upload needs about {duration(seconds)} "
        f"at {size(round(rate))}/s, so it will not be finished by then. Get a new token from the central team now, or continue: the upload "
        "pauses when the token expires, and continues with a new one."
    )


def expiry_sentence(config: Config, bytes_left: int, now: datetime | None = None) -> str:
    """The same before anything is sent, at the last known rate."""
    return too_soon(first_to_end(config, {}), bytes_left, last_rate(config), now)


@contextmanager
def watched(active: Run) -> Generator[None]:
    """While the block uploads, its progress has the warning as soon as it is known; afterwards its rate is remembered."""
    workspace, progress, log = active.workspace, active.ctx.progress, active.log
    known = last_rate(workspace.config)

    def advice(seen: Snapshot) -> str:
        total = seen.total
        if seen.phase != "upload" or total.total_bytes is None:
            return ""
        measured = total.bytes / seen.elapsed if seen.elapsed >= MEASURED_S and total.bytes else None
        return too_soon(first_to_end(workspace.config, workspace.credentials), total.total_bytes - total.bytes, measured or known)

    before, began = log.transfers.network_bytes, time.monotonic()
    progress.advise(advice)
    try:
        yield
    finally:
        progress.advise(None)
        _remember(workspace.config, log.transfers.network_bytes - before, _uploading(progress, time.monotonic() - began))


def _uploading(progress: Progress, seconds: float) -> float:
    """Without pauses and waits, if the upload was one part."""
    seen = progress.snapshot()
    return min(seconds, seen.elapsed) if seen.phase == "upload" else seconds


def last_rate(config: Config) -> float | None:
    """Bytes a second of the last upload to this central store from this computer; None if none is known."""
    rate = _rates().get(_key(config))
    return float(rate) if isinstance(rate, (int, float)) and not isinstance(rate, bool) and rate > 0 else None


def _remember(config: Config, sent: int, seconds: float) -> None:
    if sent < _LEAST_BYTES or seconds < 1:
        return
    with suppress(OSError):  # only an estimate depends on it
        private.make_folder(_file().parent)
        _file().write_text(json.dumps({**_rates(), _key(config): round(sent / seconds)}), "utf-8")


def _rates() -> dict[str, object]:
    try:
        found = json_value(_file().read_text("utf-8"))
    except (OSError, *DATA_ERRORS):
        return {}
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def _file() -> Path:
    return data_folder() / "rates.json"


def _key(config: Config) -> str:
    place = config.central
    return f"{place.account.name or place.account.url}/{place.container}" if place.kind is PlaceKind.AZURE else place.text
