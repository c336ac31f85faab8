"""Files of this computer that a person named."""

from __future__ import annotations

from pathlib import Path

from chorus_gui.core.storage.base import FileReader, SourceStat
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.storage.whole import Whole


class LocalFiles(FolderSource):
    """Files of this computer, each by its own path instead of one below a root.  Nothing is walked."""

    def __init__(self) -> None:
        super().__init__(Path())

    def stat(self, path: str) -> SourceStat:
        """As :meth:`Source.stat`."""
        file = Path(path)
        return FolderSource(file.parent).stat(file.name)

    def open(self, path: str, offset: int = 0, *, version: str = "") -> FileReader:
        """As :meth:`Source.open`."""
        file = Path(path)
        return FolderSource(file.parent).open(file.name, offset, version=version)

    def read_whole(self, path: str, most: int) -> Whole:
        """As :meth:`ReadsWhole.read_whole`."""
        file = Path(path)
        return FolderSource(file.parent).read_whole(file.name, most)
