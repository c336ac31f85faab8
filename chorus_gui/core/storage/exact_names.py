"""Disks that ignore case (Windows, most shares), under names that do not."""

from __future__ import annotations

import os
import threading
from itertools import accumulate
from pathlib import Path

from chorus_gui.core.folders import disk_path

_KEPT = 200_000
"""Names remembered at most; then it is asked again."""


class Spelling:
    """Tells names that differ only in case apart, on a disk that does not.  On one that does, nothing is looked at.

    Folders are listed once and remembered; one is listed again when a name lies there that was not in the list.
    """

    def __init__(self, root: str, ignores_case: bool | None = None) -> None:
        """``ignores_case``: None, try it."""
        self._root = root
        self._ignores_case = ignores_case
        self._lock = threading.Lock()
        self._names: dict[str, dict[str, str]] = {}
        self._count = 0

    def other(self, path: str) -> str | None:
        """The path that lies on the disk where ``path`` would go, if its spelling differs; else None."""
        if not self._matters():
            return None
        with self._lock:
            for part in accumulate(path.split("/"), "{}/{}".format):
                folder, _, name = part.rpartition("/")
                there = self._spelt(folder, name)
                if there != name:
                    return f"{folder}/{there}" if folder else there
        return None

    def exact(self, path: str) -> bool:
        """What lies at ``path`` is spelt so."""
        return self.other(path) is None

    def add(self, path: str) -> None:
        """``path`` was written."""
        if self._ignores_case:
            with self._lock:
                for part in accumulate(path.split("/"), "{}/{}".format):
                    folder, _, name = part.rpartition("/")
                    if folder in self._names:
                        self._names[folder].setdefault(name.lower(), name)

    def forget(self, path: str) -> None:
        """``path`` was removed."""
        with self._lock:
            self._names.pop(path.rpartition("/")[0], None)
            self._names.pop(path, None)

    def _spelt(self, folder: str, name: str) -> str:
        """How the name is spelt on the disk; as asked for where there is none."""
        key = name.lower()
        names = self._names.get(folder)
        if names is None or (key not in names and os.path.lexists(disk_path(self._root, f"{folder}/{name}" if folder else name))):
            names = self._listed(folder)
        return names.get(key, name)

    def _listed(self, folder: str) -> dict[str, str]:
        try:
            there = os.listdir(disk_path(self._root, folder))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        self._count += len(there)
        if self._count > _KEPT:
            self._names.clear()
            self._count = len(there)
        names = {name.lower(): name for name in there}
        self._names[folder] = names
        return names

    def _matters(self) -> bool:
        if self._ignores_case is None:
            self._ignores_case = _ignores_case(self._root)
        return bool(self._ignores_case)


def folder_ignores_case(folder: Path) -> bool:
    """The disk of this folder is known to ignore case.  Where nothing is there to try it on, that depends on the system."""
    try:
        found = _ignores_case(disk_path(folder.absolute()))
    except OSError:
        found = None
    return os.name == "nt" if found is None else found


def _ignores_case(root: str) -> bool | None:
    """None where nothing lies that it could be tried on."""
    try:
        names = os.listdir(root)
    except (FileNotFoundError, NotADirectoryError):
        return None
    for name in names:
        swapped = name.swapcase()
        if swapped != name and swapped not in names:
            return os.path.lexists(os.path.join(root, swapped))
    return None
