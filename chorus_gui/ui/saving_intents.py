"""What is asked for to keep on this computer something that the window shows.  See :mod:`.intents`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chorus_gui.app.charts import Chart
from chorus_gui.ui.intents import Intent


@dataclass(frozen=True, slots=True)
class DownloadFile(Intent):
    """Copy the file at this path of the central store to ``file``, which is replaced: the person was asked."""

    path: str
    file: Path


@dataclass(frozen=True, slots=True)
class ExportChart(Intent):
    """Write the values of a chart as CSV."""

    chart: Chart
    file: Path


@dataclass(frozen=True, slots=True)
class SavePicture(Intent):
    """Write a picture, which the page has painted, as a PNG file."""

    picture: bytes
    file: Path


@dataclass(frozen=True, slots=True)
class SaveReceipt(Intent):
    """Write a saved receipt as a PDF file.  ``data``: its JSON."""

    data: Path
    file: Path
