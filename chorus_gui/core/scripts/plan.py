"""Which files go together: pages of ``page_size`` files, and in a page the fewest calls of the tool."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from chorus_gui.core.config.model import Config, Place, PlaceKind
from chorus_gui.core.errors import PatternError, UsageError
from chorus_gui.core.model import Row
from chorus_gui.core.scripts import batch, shell
from chorus_gui.core.scripts.options import ScriptOptions, Target, Tool
from chorus_gui.core.scripts.text import blob_problem
from chorus_gui.core.storage.digests import is_md5
from chorus_gui.core.storage.names import outside

SINGLE_PUT = 256 * 1024 * 1024
"""Up to here az sends a file in one request, whose MD5 the service checks (azure-cli, storage/operations/blob.py)."""


_NO_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class File:
    """A pending row and where it goes: ``blob`` is the path below the central store."""

    row: Row
    place: Place
    blob: str

    @property
    def content_md5(self) -> str:
        """The recorded MD5 as the service writes it; "" where there is none, and for a large file.

        That az sends in blocks, and the MD5 given with those is believed unchecked: without one, the blob is read again.
        """
        md5 = self.row.md5
        return base64.b64encode(bytes.fromhex(md5)).decode() if md5 and is_md5(md5) and self.row.size <= SINGLE_PUT else ""


@dataclass(frozen=True, slots=True)
class ScriptGroup:
    """Files that one call sends from ``folder`` (below the place's root, "" for the root) to ``target`` (below the central store).

    ``whole``: they are all that lies in that folder.  A group of one file may be sent by its name.
    """

    place: Place
    folder: str
    target: str
    files: tuple[File, ...]
    whole: bool = False
    single: bool = False

    def names(self) -> list[str]:
        """The files, relative to ``folder``."""
        skip = len(self.folder) + 1 if self.folder else 0
        return [file.row.path[skip:] for file in self.files]


@dataclass(slots=True)
class ScriptPage:
    """What is sent, then marked in one go.  ``first`` and ``last`` count files from 1 over the whole script."""

    number: int
    first: int
    groups: list[ScriptGroup] = field(default_factory=list[ScriptGroup])

    @property
    def files(self) -> list[File]:
        """All of its files."""
        return [file for group in self.groups for file in group.files]

    @property
    def last(self) -> int:
        """The number of its last file."""
        return self.first + sum(len(group.files) for group in self.groups) - 1


@dataclass(frozen=True, slots=True)
class Plan:
    """``left_out``: (path, a sentence why) of files that no script can carry."""

    pages: tuple[ScriptPage, ...]
    left_out: tuple[tuple[str, str], ...]

    @property
    def files(self) -> int:
        """How many are sent."""
        return self.pages[-1].last if self.pages else 0


def root_of(place: Place, target: Target) -> str:
    """A site folder as the target names it: what the configuration says, if that is a path of the other system."""
    if place.folder is None:
        return place.text
    foreign = target is Target.WINDOWS and batch.is_absolute(place.text)
    return place.text if foreign else str(place.folder)


def plan(config: Config, rows: Iterable[Row], options: ScriptOptions) -> Plan:
    """Arrange pending rows.  Raises :class:`UsageError` where the tool cannot read the source."""
    files, left_out = _files(config, rows, options)
    if options.tool is Tool.AZCLI:
        groups = list(_folders(files, config.page_size, options) if not options.one_by_one else map(_single, files))
        return Plan(tuple(_pages(groups, config.page_size)), tuple(left_out))
    size = config.page_size
    chunks = [files[start : start + size] for start in range(0, len(files), size)]
    make = _each if options.one_by_one else _lists
    pages = [ScriptPage(number, 1 + (number - 1) * size, make(chunk)) for number, chunk in enumerate(chunks, 1)]
    return Plan(tuple(pages), tuple(left_out))


def azcopy_problem(folder: str) -> str:
    """Why AzCopy cannot be given this path on its command line, as a sentence; "" if it can.  (Seen with 10.32; in lists it takes any.)"""
    if "*" in folder:
        return f"AzCopy reads the “*” in “{folder}” as a pattern. Choose azcli instead."
    return f"AzCopy reads the “%” in “{folder}” as an escape. Choose azcli instead." if _NO_ESCAPE.search(folder) else ""


def _files(config: Config, rows: Iterable[Row], options: ScriptOptions) -> tuple[list[File], list[tuple[str, str]]]:
    problem, quoting = (batch.problem, batch.CMD) if options.target is Target.WINDOWS else (shell.problem, shell.BASH)
    files: list[File] = []
    left_out: list[tuple[str, str]] = []
    for row in rows:
        site = config.sites.get(row.modality)
        try:
            blob = config.store_path(row.modality, row.path, row.version)
        except PatternError as error:
            left_out.append((row.path, str(error)))
            continue
        if site is None:
            left_out.append((row.path, f"The configuration has no site folder for {row.modality}."))
            continue
        if options.tool is Tool.AZCLI and site.place.kind is not PlaceKind.FOLDER:
            raise UsageError(
                f"azcli cannot read {row.modality} from “{site.place.text}”: it only uploads files of this computer.",
                remedy="Choose AzCopy (--output-type azcopy) instead: it copies from cloud to cloud.",
            )
        file = File(row, site.place, blob)
        windows = options.target is Target.WINDOWS
        why = outside(row.path, windows=windows) or problem(row.path) or blob_problem(blob, config.central.prefix)
        why = why or quoting.problem(blob) or quoting.problem(root_of(site.place, options.target))
        if not why and options.tool is Tool.AZCOPY and site.place.kind is PlaceKind.FOLDER:
            why = azcopy_problem(f"{root_of(site.place, options.target)}/{_split(file)[0]}")
        if why:
            left_out.append((row.path, why))
        else:
            files.append(file)
    return files, left_out


def _single(file: File) -> ScriptGroup:
    folder = file.row.path.rpartition("/")[0]
    return ScriptGroup(file.place, folder, file.blob.rpartition("/")[0], (file,), single=True)


def _each(files: Sequence[File]) -> list[ScriptGroup]:
    """AzCopy, one by one: still from lists, for it takes "*" and "%" in a file's path for patterns and escapes."""
    return [group for file in files for group in _lists([file])]


def _split(file: File) -> tuple[str, str]:
    """The folders (on the site, in the store) below which both paths go on alike."""
    here, there = file.row.path.split("/"), file.blob.split("/")
    common = 0
    while common < min(len(here), len(there)) and here[-1 - common] == there[-1 - common]:
        common += 1
    return "/".join(here[: len(here) - common]), "/".join(there[: len(there) - common])


def _lists(files: Sequence[File]) -> list[ScriptGroup]:
    """AzCopy: one call for all files that keep their relative paths."""
    together: dict[tuple[str, str, str], list[File]] = {}
    for file in files:
        together.setdefault((file.place.text, *_split(file)), []).append(file)
    return [ScriptGroup(members[0].place, folder, target, tuple(members)) for (_, folder, target), members in together.items()]


def _pages(groups: Sequence[ScriptGroup], size: int) -> Iterator[ScriptPage]:
    numbers = count(1)
    page = ScriptPage(next(numbers), 1)
    for group in groups:
        if page.groups and page.last - page.first + 1 + len(group.files) > size:
            yield page
            page = ScriptPage(next(numbers), page.last + 1)
        page.groups.append(group)
    if page.groups:
        yield page


@dataclass(slots=True)
class _Found:
    """A folder: its pending files, those of them in no group yet, and whether they are all that lies in it."""

    files: list[File]
    whole: bool


def _folders(files: Sequence[File], size: int, options: ScriptOptions) -> Iterator[ScriptGroup]:
    """az: one call for each folder whose files are all pending and keep their relative paths; the others one by one."""
    by_root: dict[str, dict[str, File]] = {}
    for file in files:
        by_root.setdefault(root_of(file.place, options.target), {})[file.row.path] = file
    if options.target is not Target.here():
        yield from map(_single, files)
        return
    for root, pending in by_root.items():
        yield from _Tree(root, pending, size).groups()


class _Tree:
    """A site folder with pending files, seen as ``az storage blob upload-batch`` will: links to folders are not followed."""

    def __init__(self, root: str, pending: dict[str, File], size: int) -> None:
        self.root, self.pending, self.size = root, pending, size
        self.children: dict[str, set[str]] = {}
        for path in pending:
            while path:
                path, _, name = path.rpartition("/")
                names = self.children.setdefault(path, set())
                if name in names:
                    break
                names.add(name)

    def groups(self) -> Iterator[ScriptGroup]:
        out: list[ScriptGroup] = []
        top = self._visit("", out)
        out += self._group("", top) if top.whole else map(_single, top.files)
        order = {path: number for number, path in enumerate(self.pending)}
        yield from sorted(out, key=lambda group: order[group.files[0].row.path])

    def _visit(self, folder: str, out: list[ScriptGroup]) -> _Found:
        """What lies in a folder; what cannot become part of a larger group goes to ``out``."""
        mine: list[File] = []
        below: list[tuple[str, _Found]] = []
        whole = True
        inside = folder + "/" if folder else ""
        try:
            with os.scandir(os.path.join(self.root, folder)) as entries:
                seen = {entry.name: entry for entry in entries}
        except OSError:
            seen = {}
        for name in sorted(self.children[folder] | set(seen)):
            path, entry = inside + name, seen.get(name)
            if path in self.children:
                found = self._visit(path, out)
                below.append((path, found))
                whole = whole and found.whole and entry is not None and not entry.is_symlink()
            elif path in self.pending:
                mine.append(self.pending[path])
                whole = whole and entry is not None
            else:
                whole = False
        together = [*mine, *(file for _, found in below for file in found.files)]
        targets = {_target(file, folder) for file in together}
        if whole and len(targets) == 1 and None not in targets and (len(together) <= self.size or not below):
            return _Found(together, whole=True)
        for path, found in below:
            out += self._group(path, found) if found.whole else map(_single, found.files)
        return _Found(mine, whole=False)

    def _group(self, folder: str, found: _Found) -> list[ScriptGroup]:
        first = found.files[0]
        if len(found.files) == 1:
            return [_single(first)]
        return [ScriptGroup(first.place, folder, _target(first, folder) or "", tuple(found.files), whole=True)]


def _target(file: File, folder: str) -> str | None:
    """The store's folder that ``folder`` becomes if the file keeps its path below it; None if it does not."""
    rest = file.row.path[len(folder) + 1 if folder else 0 :]
    return file.blob[: -len(rest) - 1] if file.blob.endswith("/" + rest) else None
