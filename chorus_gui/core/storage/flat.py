"""From a flat listing of keys, as object stores give it, to the folders of a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from chorus_gui.core.model import Problem
from chorus_gui.core.storage.base import ChooseFolder, FileEntry, Folder, FolderChoice, KnownMd5, UnwantedFile
from chorus_gui.core.storage.names import outside

PART = 5000
"""Files of a folder that are handed on together."""
_EMPTY_FOLDERS = ("/", "_$folder$")
"""How the name of an empty object ends that another program keeps in the place of a folder."""


class Key(NamedTuple):
    """An object as a listing has it.  ``name`` is its key, relative to the source's root; the rest as in :class:`FileEntry`.

    ``unreadable``: why its bytes cannot be had now, without ``path``.
    """

    name: str
    size: int
    mtime_us: int
    version: str
    md5: KnownMd5 | None = None
    unreadable: Problem | None = None


class _Open(NamedTuple):
    """A folder that the listing is in.  ``look`` is what is wanted of it."""

    folder: Folder
    look: FolderChoice


def folders_of(
    keys: Iterator[Key],
    want: ChooseFolder,
    checkpoint: Callable[[], None],
    refuses: Callable[[str], str] = lambda _: "",
    rename: str = "Rename the blob in the site's container, for example with Azure Storage Explorer, and scan again.",
) -> Iterator[Folder]:
    """The folders of a listing in which everything below a folder stands together, as it does in the order of keys.

    A folder is complete when the listing leaves it; only those on the way to it are kept open, and what is in them is handed on when it
    is :data:`PART` files.  An empty object that stands for a folder ("a/", "a_$folder$") is not a file.  A key that cannot be a path,
    because a part of it is empty, “.” or “..”, is a problem; so is one for which ``refuses`` gives a reason, a sentence.
    ``rename`` is the remedy for both.
    """
    look = want("")
    way = [_Open(Folder("", [], [], []), look)]
    skipped: str | None = None
    for key in keys if look.descend else ():
        checkpoint()
        name = key.name
        if skipped is not None and name.startswith(skipped):
            continue
        if not key.size and name.endswith(_EMPTY_FOLDERS):
            continue
        if why := outside(name, windows=False) or refuses(name):
            way[0].folder.problems.append(_no_file(name, why, rename))
            yield from _full(way, 0)
            continue
        parent, _, last = name.rpartition("/")
        while not _inside(parent, way[-1].folder.path):
            yield way.pop().folder
        skipped = _open_down_to(parent, way, want)
        if skipped is not None:
            continue
        folder, look = way[-1]
        if look.files:
            folder.files.append(FileEntry(last, key.size, key.mtime_us, key.version, key.md5))
            if key.unreadable is not None:
                folder.problems.append(replace(key.unreadable, path=name))
        else:
            folder.unwanted.append(UnwantedFile(last, key.size, key.mtime_us))
        yield from _full(way, -1)
    while way:
        yield way.pop().folder


def _full(way: list[_Open], number: int) -> Iterator[Folder]:
    """Hand on what is in one of the open folders, if it is much."""
    folder, look = way[number]
    if len(folder.files) + len(folder.unwanted) + len(folder.problems) >= PART:
        folder.complete = False
        way[number] = _Open(Folder(folder.path, [], [], []), look)
        yield folder


def _no_file(path: str, why: str, rename: str) -> Problem:
    why = why.replace(", so it would not be below the site's folder", "")
    return Problem(
        (),
        path,
        f"This name cannot be the path of a file. {why}",
        rename,
        covers=True,
    )


def _inside(folder: str, other: str) -> bool:
    return not other or folder == other or folder.startswith(other + "/")


def _open_down_to(folder: str, way: list[_Open], want: ChooseFolder) -> str | None:
    """Open the folders between the innermost open folder and ``folder``; the prefix to skip if one of them is not wanted."""
    known = way[-1].folder.path
    rest = folder[len(known) :].lstrip("/") if known else folder
    for part in rest.split("/") if rest else ():
        known = f"{known}/{part}" if known else part
        look = want(known)
        if not look.descend:
            return known + "/"
        way.append(_Open(Folder(known, [], [], []), look))
    return None
