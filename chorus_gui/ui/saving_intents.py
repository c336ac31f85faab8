"""What is asked for to keep on this computer something that the window shows.  See :mod:`.intents`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chorus_gui.ui.intents import Intent


@dataclass(frozen=True, slots=True)
class DownloadFile(Intent):
    """Copy the file at this path of the central store to ``file``, which is replaced: the person was asked."""

    path: str
    file: Path
