"""Text for bash."""

from __future__ import annotations

import shlex


def value(text: str) -> str:
    """``text`` as one word."""
    return shlex.quote(text)


def problem(path: str) -> str:
    """Why a file cannot be named in a script, as a sentence; "" if it can.  ``path`` is the journal's."""
    if "\n" in path or "\r" in path:
        return "Its name has a line break, and a list of files cannot hold that."
    if "\\" in path:
        return "Its name has a backslash, and both tools turn that into a folder."
    if not path.isprintable() and any(0xD800 <= ord(char) < 0xE000 for char in path):
        return "Its name is not valid Unicode."
    return ""


def disk_path(folder: str, path: str = "") -> str:
    """A file below ``folder``."""
    return f"{folder.rstrip('/')}/{path}" if path else folder
