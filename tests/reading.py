"""Where the program reads the files of a site: in one piece, or through a reader."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chorus_gui.core.storage.folder import FolderSource


def before_reading(monkeypatch: pytest.MonkeyPatch, look: Callable[[str], object]) -> None:
    """Call ``look`` with the path before a file of a folder is read, in any way.  What it raises is raised there."""
    for name in ("open", "read_whole"):
        real = getattr(FolderSource, name)

        def read(source: FolderSource, path: str, *more: Any, real: Callable[..., Any] = real, **named: Any) -> Any:
            look(path)
            return real(source, path, *more, **named)

        monkeypatch.setattr(FolderSource, name, read)
