"""Lists of files, a path a line."""

from __future__ import annotations

from collections.abc import Iterable


def file_list(paths: Iterable[str]) -> str:
    """The text of a list.  No path has a line break (the caller has left such files out)."""
    return "".join(path + "\n" for path in paths)
