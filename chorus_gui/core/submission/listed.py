"""Files that a person names, one or in a list: as the journal has them, or as Explorer, a shell or another program writes the path."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import UsageError
from chorus_gui.core.model import Row
from chorus_gui.core.refused import refusal
from chorus_gui.core.shown import unquoted
from chorus_gui.core.text_files import NotTextError, text_of

_CONTROL = re.compile(r"[\b\f\n\r\t]")
_ABSOLUTE = re.compile(r"/|[A-Za-z]:[\\/]|\\\\|[a-z0-9]+://")

Find = Callable[[Iterable[str]], Sequence[Row]]
"""The current rows of exactly these paths."""


def read_list(file: Path | None, *, null: bool = False, each: str = "path") -> list[str]:
    """The paths of a file list (or ``each``: what else has a line of its own), of standard input if ``file`` is None.

    One per line in UTF-8 (or UTF-16 with a byte order mark), empty lines ignored, in quotes as :func:`chorus_gui.core.shown.quoted` or
    Explorer writes them; ``null``: each with a zero byte after it, and byte for byte as the system has it.  Raises :class:`UsageError`
    if it cannot be read.
    """
    what = "file list" if each == "path" else f"list of {each}s"
    name = "from standard input" if file is None else f"“{file}”"
    try:
        data = sys.stdin.buffer.read() if file is None else file.read_bytes()
    except OSError as error:
        why, remedy = refusal(error, file or "", f"Use a text file with one {each} per line.", reading=True)
        raise UsageError(f"Could not read the {what} {name}: {why}.", remedy=remedy) from error
    if null:
        return [os.fsdecode(name) for name in data.split(b"\0") if name]
    try:
        text = text_of(data)
    except NotTextError as error:
        raise UsageError(
            f"Could not read the {what} {name}: {error} (line {error.line}).",
            remedy=f"Save it again with the encoding “UTF-8”.{' For a list with a zero byte after each path, add -0.' if each == 'path' else ''}",
        ) from error
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    return [unquoted(line) for line in lines if line.strip()]


def find_rows(find: Find, config: Config, texts: Iterable[str]) -> tuple[list[Row], dict[str, str]]:
    """The current rows of files that a person named, and why each other one was not found, as a sentence.

    A text that is a path of the journal letter by letter means that file, and nothing else.  Only then may it be the same path with
    backslashes, in quotes, below “./”, or from the root of the disk through the site's folder.
    """
    wanted = list(dict.fromkeys(texts))
    rows = list(find(wanted))
    have = {row.path for row in rows}
    roots = list(dict.fromkeys(str(site.place.folder or site.place.text) for site in config.sites.values()))
    others = {text: [path for path in dict.fromkeys(_others(text, roots)) if path != text] for text in wanted if text not in have}
    found: dict[str, list[Row]] = {}
    for row in find(path for paths in others.values() for path in paths):
        found.setdefault(row.path, []).append(row)  # one for each modality that has the path
    missing: dict[str, str] = {}
    for text, paths in others.items():
        path = next((path for path in paths if path in found), None)
        if path is None:
            missing[text] = _why(text, paths, roots)
        elif path not in have:
            have.add(path)
            rows += found[path]
    return rows, missing


def _others(text: str, roots: Collection[str]) -> Iterator[str]:
    """How the same file may be written in the journal, the likeliest first."""
    yield from _elsewhere(text, roots)
    bare = text.strip()
    if _CONTROL.search(bare):  # a path that Explorer copied, such as "C:\new\table", reads as a quoted name with a line break
        bare = json.dumps(bare, ensure_ascii=False)[1:-1]
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'":
        bare = bare[1:-1]
    for turned in dict.fromkeys((bare, bare.replace("\\", "/"))):
        yield turned
        yield from _elsewhere(turned, roots)


def _elsewhere(path: str, roots: Collection[str]) -> Iterator[str]:
    """The path below each of the site's folders that it begins with, and without “./”."""
    for root in roots:
        if (below := _below(path, root)) is not None:
            yield below
    while path.startswith("./"):
        path = path[2:].lstrip("/")
        yield path


def _below(path: str, root: str) -> str | None:
    """The part of an absolute path behind the site's folder; None if it is elsewhere."""
    plain, folder = path, root
    if _is_windows(root):
        plain, folder = (text.replace("\\", "/").removeprefix("//?/") for text in (path, root))
    folder = folder.rstrip("/") + "/"
    same = plain[: len(folder)]
    if same == folder or (_is_windows(root) and same.lower() == folder.lower()):
        return plain[len(folder) :].lstrip("/")
    return None


def _is_windows(root: str) -> bool:
    return bool(re.match(r"[A-Za-z]:|\\\\", root))


def _why(text: str, paths: Sequence[str], roots: Collection[str]) -> str:
    """Why a text is not a current file of the journal."""
    if "\0" in text:
        return "The text has zero bytes: save the list in UTF-8, or with a byte order mark."
    if _ABSOLUTE.match(text.strip("\"' ")):
        below = [path for path in paths if not _ABSOLUTE.match(path)]
        if below:
            return f"In the journal, its path would be “{below[0]}”."
        return f"It is not below the site's folder{'' if len(roots) == 1 else 's'} {', '.join(f'“{root}”' for root in roots)}."
    return ""
