"""Marks: what is left of leaks that a computer no longer knows.  A mark has a rule, a pass, how many files and when; no path and no value.

Whoever clears the local data, leaves the computer, or works on the same journal elsewhere does not know which files have a leak.  A mark says that
there are some.  While it is open, files that its rule is about are not sent until this computer has run that pass again on the whole site.

For each rule and pass the newest statement of all computers counts.  One with no files answers those before it.  ``leak-marks.json`` next to the journal
has them for everybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, cast

from chorus_gui.core.errors import SideFileUnreadableError
from chorus_gui.core.joined import text
from chorus_gui.core.passes import Pass
from chorus_gui.core.untrusted import json_value

NAME = "leak-marks.json"
"""Name of the side file."""
FORMAT = "chorus-leak-marks"
VERSION = 1
ANY = ""
"""In place of a rule: it is not known which ones had a finding."""
NOT_READ = "not read since a leak was found"
"""The subject of a file that could not be read when a mark was answered."""
_LATEST = 2**53


class Mark(NamedTuple):
    """``files`` had a leak of ``rule`` that ``deepest`` found, at ``at_us`` (microseconds), as the leak book ``book`` knew."""

    rule: str
    deepest: Pass
    files: int
    at_us: int
    book: str

    @property
    def key(self) -> tuple[str, Pass]:
        """What it is a statement about."""
        return self.rule, self.deepest


def newest(marks: Iterable[Mark]) -> dict[tuple[str, Pass], Mark]:
    """The statement that counts for each rule and pass.  The order of ``marks`` makes no difference."""
    out: dict[tuple[str, Pass], Mark] = {}
    for mark in marks:
        known = out.get(mark.key)
        if known is None or (known.at_us, known.files, known.book) < (mark.at_us, mark.files, mark.book):
            out[mark.key] = mark
    return out


def dump(marks: Iterable[Mark]) -> bytes:
    """The side file, a mark per line."""
    lines = [text({**mark._asdict(), "deepest": mark.deepest.value}) for mark in newest(marks).values()]
    head = text({"format": FORMAT, "version": VERSION})
    body = ",\n".join(sorted(lines))
    return f'{head[:-1]}, "marks": [\n{body}\n]}}\n'.encode("ascii")


def parse(data: bytes) -> list[Mark]:
    """Reads a side file.  Raises :class:`SideFileUnreadableError` if it is not a list of this version."""
    try:
        value = json_value(data.decode("utf-8"))
    except ValueError as error:
        raise _unreadable("It is not JSON text.") from error
    fields = cast("dict[str, Any]", value) if isinstance(value, dict) else dict[str, Any]()
    version = fields.get("version")
    if fields.get("format") != FORMAT or not isinstance(fields.get("marks"), list) or type(version) is not int or version < 1:
        raise _unreadable("It is not a list of marks.")
    if version > VERSION:
        raise _unreadable(f"A newer CHoRUS Upload wrote it (version {version} of the list).", "Install the newest CHoRUS Upload.")
    marks = [_read(one) for one in cast("list[Any]", fields["marks"])]
    if None in marks:
        raise _unreadable("A mark cannot be understood.")
    return [mark for mark in marks if mark is not None]


def _read(value: Any) -> Mark | None:
    entry = cast("dict[str, Any]", value) if isinstance(value, dict) else dict[str, Any]()
    rule, deepest, files, at_us, book = (entry.get(name) for name in Mark._fields)
    if not all(isinstance(one, str) and len(one) <= 64 and one.isascii() for one in (rule, deepest, book)):
        return None
    if not all(type(one) is int and 0 <= one < _LATEST for one in (files, at_us)) or deepest not in [one.value for one in Pass]:
        return None
    return Mark(str(rule), Pass(deepest), cast("int", files), cast("int", at_us), str(book))


def _unreadable(why: str, remedy: str = "") -> SideFileUnreadableError:
    return SideFileUnreadableError(
        f"Could not read the shared list of marks of leaks ({NAME}). {why}",
        meaning="Checks of other computers can have found leaks that this computer does not know.",
        remedy=remedy or "Delete it, then run “chorus-upload readiness --pass thorough”.",
    )


def stored(marks: Iterable[Mark]) -> list[tuple[str, int, int, int, str]]:
    """As lines of a table: rule, pass, files, time, book."""
    return [(mark.rule, mark.deepest.rank, mark.files, mark.at_us, mark.book) for mark in marks]


def restored(rows: Iterable[tuple[str, int, int, int, str]]) -> list[Mark]:
    """The marks of such lines."""
    passes = list(Pass)
    return [Mark(rule, passes[rank], files, at, book) for rule, rank, files, at, book in rows if 0 <= rank < len(passes)]
