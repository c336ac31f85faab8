"""Files on this computer say when they change: their folders, too, because editors replace a file by another one.

What asks the system for this runs on a thread of its own.  A share that does not answer holds up only that thread.
"""

from __future__ import annotations

from pathlib import Path

import shiboken6
from PySide6.QtCore import QElapsedTimer, QFileSystemWatcher, QObject, QThread, QTimer, Signal

from chorus_gui.app.folders import is_there

QUIET_MS = 300
"""Changes that follow each other faster are one change."""
MOST_MS = 2000
"""A file that changes all the time is reported so often."""


class _Inside(QObject):
    """Lives in the thread of :class:`Watch`."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._watcher: QFileSystemWatcher | None = None
        self._files: tuple[Path, ...] = ()

    def watch(self, files: tuple[Path, ...]) -> None:
        """Watch these files, and no longer those before."""
        self.end()
        self._files = files
        self._watcher = watcher = QFileSystemWatcher()
        watcher.fileChanged.connect(self._changed)
        watcher.directoryChanged.connect(self._changed)
        self._add()
        self.changed.emit()  # what changed until now, nobody noticed

    def _add(self) -> None:
        """Also what was replaced or did not exist: the system forgets a file that is gone."""
        if self._watcher is None:
            return
        before = {*self._watcher.files(), *self._watcher.directories()}
        wanted = dict.fromkeys(str(one) for file in self._files for one in (file, file.parent))
        if new := [path for path in wanted if path not in before and is_there(path)]:
            self._watcher.addPaths(new)

    def _changed(self, _: str) -> None:
        self.changed.emit()
        self._add()

    def end(self) -> None:
        """Watch nothing."""
        if self._watcher is not None:
            shiboken6.delete(self._watcher)
            self._watcher = None


class Watch(QThread):
    """``changed``: at least one of the files may have changed, or a file next to it.  Many changes in a moment are one."""

    changed = Signal()
    _wanted = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("watch")
        self._files: tuple[Path, ...] = ()
        self._inside = _Inside()
        self._inside.moveToThread(self)
        self._wanted.connect(self._inside.watch)
        self._inside.changed.connect(self._noticed)
        self._since = QElapsedTimer()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._report)
        self.start()

    def watch(self, files: tuple[Path, ...]) -> None:
        """Watch these; what cannot be watched, as on some network drives, is noticed when the window comes to the front."""
        if files != self._files:
            self._files = files
            self._wanted.emit(files)

    def stop(self) -> None:
        """``finished`` comes when the thread has ended."""
        self._soon.stop()
        self.quit()

    def run(self) -> None:
        """On the thread."""
        self.exec()
        self._inside.end()

    def _noticed(self) -> None:
        if not self._soon.isActive():
            self._since.start()
        if self._since.elapsed() < MOST_MS - QUIET_MS:
            self._soon.start(QUIET_MS)

    def _report(self) -> None:
        self.changed.emit()
