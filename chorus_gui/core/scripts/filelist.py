"""Lists of files, a path a line."""

from __future__ import annotations

from collections.abc import Iterable

from chorus_gui.core.shown import quoted


def file_list(paths: Iterable[str]) -> str:
    """The text of a list for this program, which :func:`chorus_gui.core.submission.listed.read_list` reads."""
    return "".join(quoted(path) + "\n" for path in paths)


def tool_list(paths: Iterable[str]) -> str:
    """The text of a list for Microsoft's tools, which know no quotes.  No path has a line break (the caller has left such files out)."""
    return "".join(path + "\n" for path in paths)
