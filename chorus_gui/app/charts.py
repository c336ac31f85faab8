"""What can be drawn of a journal and its receipts: as values, and as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from chorus_gui.app.exports import table_file
from chorus_gui.app.values import ReceiptFacts
from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import JournalMissingError, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import VersionCount
from chorus_gui.core.untrusted import instant_us

if TYPE_CHECKING:
    from chorus_gui.core.journal.over_time import VersionPoint

TITLES = {
    "files": "Files by version",
    "bytes": "Size by version",
    "growth": "Growth in files",
    "growth-bytes": "Growth in size",
    "patients": "Patients by version",
    "speed": "Speed of past uploads",
}
"""Name → title of each chart.  The names are those of ``export chart --name``."""


class Line(NamedTuple):
    """A place on the axis, and a value for each series.  ``at_us`` is its time in microseconds since 1970, UTC; 0 where none is known."""

    name: str
    at_us: int
    values: tuple[int, ...]


class Chart(NamedTuple):
    """A chart: its name, its series, its lines from the oldest to the newest, and what a value is: files, bytes, patients, or bytes per second."""

    name: str
    series: tuple[str, ...]
    lines: tuple[Line, ...]
    unit: str


def charts(config: Config, receipts: Sequence[ReceiptFacts], ctx: JobContext) -> dict[str, Chart]:
    """Every chart of the local journal and these receipts, in the order of :data:`TITLES`.  Without a journal, those of the journal have no lines.

    Raises :class:`JournalError`, ``Cancelled``.
    """
    from chorus_gui.core.journal.over_time import over_time
    from chorus_gui.core.journal.store import Journal

    counts, points = list[VersionCount](), list["VersionPoint"]()
    try:
        with Journal.open(config.journal.local, readonly=True) as opened:
            counts, points = opened.counts(), over_time(opened, ctx.checkpoint)
    except JournalMissingError:
        pass
    found = {count.modality for count in counts if count.version}
    names = [*(name for name in config.modalities if name in found), *sorted(found - set(config.modalities))]

    def by_version(name: str, values: dict[tuple[str, str], int]) -> Chart:
        lines = (Line(p.version, p.at_us, tuple(values.get((p.version, modality), 0) for modality in names)) for p in points)
        return Chart(name, tuple(names), tuple(lines), name)

    def of_points(name: str, series: str, values: Iterable[int]) -> Chart:
        lines = (Line(point.version, point.at_us, (value,)) for point, value in zip(points, values, strict=True))
        return Chart(name, (series,), tuple(lines), series.lower())

    made = (
        by_version("files", {(count.version, count.modality): count.active for count in counts}),
        by_version("bytes", {(count.version, count.modality): count.active_bytes for count in counts}),
        of_points("growth", "Files", (point.current.files for point in points)),
        of_points("growth-bytes", "Bytes", (point.current.bytes for point in points)),
        of_points("patients", "Patients", (point.patients for point in points)),
        Chart("speed", ("Bytes per second",), tuple(_speeds(receipts)), "bytes per second"),
    )
    return {chart.name: chart for chart in made}


def _speeds(receipts: Sequence[ReceiptFacts]) -> Iterable[Line]:
    """Each run that sent something, the oldest first: what went over the network, by the seconds of the whole run."""
    for receipt in sorted(receipts, key=lambda receipt: receipt.at_us):
        if receipt.sent_bytes > 0 and receipt.seconds > 0:
            yield Line(", ".join(receipt.versions), receipt.ended_us, (round(receipt.sent_bytes / receipt.seconds),))


def write(chart: Chart, file: Path, ctx: JobContext) -> int:
    """Write a chart as CSV: a line for each version or run; how many.  Raises :class:`UsageError`, ``Cancelled``."""
    with table_file(file, ("version", "time (UTC)", *(series.lower() for series in chart.series))) as add:
        for line in chart.lines:
            ctx.checkpoint()
            add((line.name, _moment(line.at_us), *line.values))
    return len(chart.lines)


def export(config: Config, name: str, file: Path, ctx: JobContext) -> int:
    """Write the chart of this name as CSV; how many lines.  Raises :class:`UsageError`, :class:`JournalError`, ``Cancelled``."""
    from chorus_gui.app import facts

    if name not in TITLES:
        raise UsageError(f"“{name}” is not a chart.", remedy=f"Use one of {', '.join(TITLES)}.")
    return write(charts(config, facts.receipts(config, ctx), ctx)[name], file, ctx)


def _moment(us: int) -> str:
    at = instant_us(us) if us else None
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"
