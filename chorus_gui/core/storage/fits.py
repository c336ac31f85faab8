"""What a folder of this computer can hold of the names in a store."""

from __future__ import annotations

import os
import secrets
import unicodedata
from contextlib import suppress
from pathlib import Path

from chorus_gui.core import private
from chorus_gui.core.folders import disk_path
from chorus_gui.core.storage.names import WINDOWS_NAME_CHARS, outside, reserved

_WINDOWS = os.name == "nt"
_NAME_BYTES = 255
"""Of one name, on the file systems of Linux and macOS."""


class Folder:
    """A folder that receives files, which need not exist yet.  It is tried out once, with an empty file, if names can be equal in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._fold: tuple[bool, bool] | None = None

    def refuses(self, path: str) -> str:
        """Why no file can have this path (posix) below the folder, as a sentence; "" if one can."""
        if why := outside(path) or (reserved(path) if _WINDOWS else ""):
            return why.replace("the site's folder", "the folder")
        for part in path.split("/"):
            try:
                length = len(part.encode("utf-16-le", "surrogatepass")) // 2 if _WINDOWS else len(os.fsencode(part))
            except UnicodeEncodeError:
                return "The name is not valid text on this computer."
            if length > (limit := WINDOWS_NAME_CHARS if _WINDOWS else _NAME_BYTES):
                return f"A name in it is too long: {length:,} {'characters' if _WINDOWS else 'bytes'}; the limit is {limit}."
        full = os.path.abspath(os.path.join(self.root, path))
        if not _WINDOWS and len(os.fsencode(full)) >= (longest := os.pathconf("/", "PC_PATH_MAX")):
            return f"The whole path is too long; the limit is {longest:,} bytes."
        return ""

    def key(self, path: str) -> str:
        """Equal for two paths that would be the same file here: where the folder ignores capital letters, or accents are written in two ways."""
        ignores_case, ignores_form = self._folding()
        if ignores_form:
            path = unicodedata.normalize("NFD", path)
        return path.casefold() if ignores_case else path

    def occupied(self, path: str) -> str:
        """Why a file that is there already keeps this path (posix) from being written, as a sentence; "" if nothing does."""
        target = Path(disk_path(self.root, path))
        if target.is_dir():
            return f"“{self.root / path}” is a folder."
        parts = path.split("/")[:-1]
        for count in range(len(parts) + 1):
            above = Path(disk_path(self.root, "/".join(parts[:count])))
            if above.exists() and not above.is_dir():
                return f"“{above}” is a file, not a folder."
        return ""

    def _folding(self) -> tuple[bool, bool]:
        if self._fold is None:
            self._fold = _try_out(self.root)
        return self._fold


def _try_out(root: Path) -> tuple[bool, bool]:
    """(ignores capital letters, ignores how accents are written), in the folder, or in the one above it that exists."""
    there = Path(os.path.abspath(root))
    while not there.is_dir() and there.parent != there:
        there = there.parent
    probe = Path(disk_path(there, f".chorus-\xe9-{secrets.token_hex(8)}a"))
    found: tuple[bool, bool] | None = None
    with suppress(OSError, UnicodeError), private.tried(probe):
        others = probe.name.swapcase(), unicodedata.normalize("NFD", probe.name)
        found = os.path.lexists(probe.with_name(others[0])), os.path.lexists(probe.with_name(others[1]))
    return found or (os.name == "nt", False)
