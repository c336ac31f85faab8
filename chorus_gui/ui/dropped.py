"""What is dropped on the window: which configuration it opens, or for which folder the assistant starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PySide6.QtCore import QMimeData

from chorus_gui.core.errors import UsageError

CONFIGURATION = "config.toml"
WHAT = "Drop one folder: a site's folder, or the folder with its config.toml. Or drop the configuration file itself."


class Dropped(NamedTuple):
    """``configuration`` to open; None: ``folder`` has none, and can be a new site."""

    folder: Path
    configuration: Path | None


def dropped_paths(data: QMimeData) -> tuple[Path, ...]:
    """The files and folders that are dragged; empty if there are none of this computer."""
    urls = data.urls() if data.hasUrls() else []
    return tuple(Path(url.toLocalFile()) for url in urls) if all(url.isLocalFile() and url.toLocalFile() for url in urls) else ()


def look_at(paths: Sequence[Path]) -> Dropped:
    """What was dropped.  Reads the folder, so not for the thread of the screen.  Raises :class:`UsageError`, with what can be dropped."""
    if len(paths) != 1:
        raise UsageError(f"{len(paths):,} files and folders were dropped at once.", meaning="Nothing was opened.", remedy=WHAT)
    path = paths[0]
    try:
        found = _found(path)
    except OSError as error:
        raise UsageError(f"Could not read “{path.name}”: {error.strerror or error}.", meaning="Nothing was opened.", remedy=WHAT) from error
    if found is not None:
        return found
    remedy = f"{WHAT} To submit a file, put it into the site's folder, then scan."
    raise UsageError(f"“{path.name}” is not a configuration.", meaning="Nothing was opened.", remedy=remedy)


def _found(path: Path) -> Dropped | None:
    if path.suffix.lower() == ".toml" and not path.is_dir():
        return Dropped(path.parent, path)
    if path.is_dir():
        found = path / CONFIGURATION
        return Dropped(path, found if found.is_file() else None)
    return None
