"""Files among data that are probably none: what systems and programs leave, by the table ``resources/litter.toml``."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, cast

from chorus_gui.core.exclude import Exclude
from chorus_gui.core.folders import resource
from chorus_gui.core.untrusted import toml_tables

DIGITS = str.maketrans("123456789", "000000000")
"""Makes one shape of names that differ in digits only."""
MARK = "Possibly not data"
"""How the note of such a change begins."""


@cache
def _table() -> tuple[tuple[str, Exclude], ...]:
    groups = cast("list[dict[str, Any]]", toml_tables(resource("litter.toml").read_text("utf-8"))["litter"])
    return tuple((str(group["from"]), Exclude.parse(group["names"])) for group in groups)


@cache
def _names() -> Exclude:
    return Exclude.parse(name for _, group in _table() for name in group.patterns)


@lru_cache(maxsize=4096)
def _folder(path: str) -> str:
    """Who makes folders like this one, or like one above it; the files of a folder follow one another, so it is asked for once."""
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        above = "/".join(parts[:depth])
        if _names().folder(above):
            return next((who for who, group in _table() if group.folder(above)), "")
    return ""


@lru_cache(maxsize=4096)
def _name(shape: str) -> str | None:
    """Who makes files of this name; None: nobody in the table."""
    return next((who for who, group in _table() if group.file(shape)), "") if _names().file(shape) else None


def maker(path: str) -> str:
    """Who makes files of this path, as in “macOS”; "" if it looks like data.

    Names that differ in digits only are looked at once: no pattern of the table has a digit.
    """
    folder, _, name = path.rpartition("/")
    who = _name(name.translate(DIGITS))
    return _folder(folder) if who is None else who


def note(path: str) -> str:
    """What a review says of a file of this path; "" if it looks like data."""
    return f"{MARK}: from {who}." if (who := maker(path)) else ""
