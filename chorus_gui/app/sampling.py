"""How the patterns match the files that are really on the site, sampled for a few seconds: no Qt, nothing is changed.

A sample is not a scan: it stops after a number of files or seconds, and opens only some of very many sibling folders, so that it
sees different patients.  Counts are of what it saw.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from chorus_gui.app.words import plural
from chorus_gui.core.config.load import Checked
from chorus_gui.core.config.model import Place, Site, store_path
from chorus_gui.core.errors import ChorusError, PatternError
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.base import FolderChoice, Source

if TYPE_CHECKING:
    from chorus_gui.core.storage.azure.login import Login

FILES = 50_000
SECONDS = 4.0
SIBLINGS = 300
"""Of more sibling folders than this, only the first ones are opened, and those that a pattern without a patient needs."""
EXAMPLES = 40
VERSION = "VERSION"
"""Placeholder for the submission's folder in a path of the central store."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The size of a sample: files, seconds, and sibling folders."""

    files: int = FILES
    seconds: float = SECONDS
    siblings: int = SIBLINGS


class Example(NamedTuple):
    """The result for a path: ``modality`` "" if no pattern matches it; ``others`` are modalities whose pattern matches it too.

    ``left_out``: the configuration leaves it out, whatever it matches; the other fields are empty.
    """

    path: str
    modality: str = ""
    patient_id: str | None = None
    store_path: str = ""
    others: tuple[str, ...] = ()
    left_out: bool = False


@dataclass(slots=True)
class Sample:
    """What was seen.  ``complete``: every file of every folder that could be read was.  ``problems`` are sentences about a site's folder
    that could not be read, ``unread`` the files and folders below it.  ``left_out`` files and folders are in none of the other counts;
    what is in the folders is not known.
    """

    files: int = 0
    left_out: int = 0
    complete: bool = True
    matched: dict[str, int] = field(default_factory=dict[str, int])
    unmatched: int = 0
    patients: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    examples: dict[str, list[Example]] = field(default_factory=dict[str, list[Example]])
    """modality, or "" for the unmatched → the first of each of many folders"""
    problems: list[str] = field(default_factory=list[str])
    unread: list[str] = field(default_factory=list[str])


def explain(checked: Checked, path: str, modalities: tuple[str, ...] = ()) -> Example:
    """The result for a path below the site's folder; ``modalities``: those whose folder it is in, none for all."""
    path = path.strip().replace("\\", "/").removeprefix("./").lstrip("/")
    if checked.exclude.covers(path):
        return Example(path, left_out=True)
    takers = [
        (name, match)
        for name, site in checked.sites.items()
        if name in (modalities or checked.sites) and (match := site.pattern.match(path))
    ]
    if not takers:
        return Example(path)
    (modality, match), *rest = takers
    try:
        lies = store_path(checked.layout, checked.sites, modality, path, VERSION)
    except PatternError as error:
        lies = error.what
    return Example(path, modality, match.patient_id, lies, tuple(name for name, _ in rest))


def _open(place: Place, login: Login | None = None) -> Source:
    from chorus_gui.core.storage.open import open_source

    return open_source(place, login=login)


def sample(
    checked: Checked,
    ctx: JobContext,
    *,
    extent: Extent | None = None,
    login: Login | None = None,
    open_source: Callable[[Place], Source] | None = None,
) -> Sample:
    """Sample the site's folders.  ``open_source`` opens a place instead of ``login``.  Raises :class:`Cancelled` when ``ctx`` is cancelled, and no expected error."""
    extent = extent or Extent()
    found = Sample(matched=dict.fromkeys(checked.sites, 0))
    roots: dict[str, list[Site]] = {}
    for site in checked.sites.values():
        roots.setdefault(str(site.place.folder or site.place.text), []).append(site)
    for sites in roots.values():
        walk = _Walk(
            checked, tuple(sites), found, extent.files // len(roots), time.monotonic() + extent.seconds / len(roots), extent.siblings
        )
        try:
            with closing((open_source or partial(_open, login=login))(sites[0].place)) as source:
                walk.run(source, ctx)
        except ChorusError as error:
            found.problems.append(" ".join(part for part in (error.what, error.remedy) if part))
            found.complete = False
    for examples in found.examples.values():
        examples.sort()
    return found


class _Walk:
    def __init__(self, checked: Checked, sites: tuple[Site, ...], found: Sample, files: int, until: float, siblings: int) -> None:
        self._checked = checked
        self._sites = sites
        self._names = tuple(site.modality for site in sites)
        self._found = found
        self._left = files
        self._until = until
        self._siblings = siblings
        self._exclude = checked.exclude
        self._seen: dict[str, int] = {}

    def run(self, source: Source, ctx: JobContext) -> None:
        for folder in source.folders(self._want, ctx.checkpoint):
            ctx.checkpoint()
            prefix = folder.path + "/" if folder.path else ""
            self._found.unread += [one.path for one in folder.problems if not (one.if_read or self._exclude.covers(one.path))]
            there = [*(file.name for file in folder.files), *(file.name for file in folder.unwanted)]
            names = [name for name in there if not self._exclude.file(prefix + name)]
            self._found.left_out += len(there) - len(names)
            self._take(prefix, sorted(names)[: self._left])
            if len(names) > self._left or time.monotonic() > self._until:
                self._found.complete = False
                return
            self._left -= len(names)

    def _want(self, folder: str) -> FolderChoice:
        if self._exclude.folder(folder):
            self._found.left_out += 1
            return FolderChoice(descend=False, files=False)
        parent = folder.rpartition("/")[0]
        seen = self._seen[parent] = self._seen.get(parent, 0) + 1
        wanted = [site for site in self._sites if site.pattern.may_lead_to(folder)]
        shared = any(not site.pattern.has_patient for site in wanted)
        descend = not folder or seen <= self._siblings or shared
        self._found.complete &= descend
        return FolderChoice(descend, files=False, follow=any(site.pattern.in_fixed_part(folder) for site in wanted))

    def _take(self, prefix: str, names: list[str]) -> None:
        found, shown = self._found, set[str]()
        for name in names:
            example = explain(self._checked, prefix + name, self._names)
            found.files += 1
            if example.modality:
                found.matched[example.modality] += 1
            else:
                found.unmatched += 1
            if example.patient_id is not None:
                found.patients.setdefault(example.modality, set()).add(example.patient_id)
            if example.modality not in shown or not example.modality:
                shown.add(example.modality)
                examples = found.examples.setdefault(example.modality, [])
                if len(examples) < EXAMPLES:
                    examples.append(example)


def sentence(found: Sample) -> str:
    """How much was sampled, and how much could not be read."""
    if not found.files and found.left_out:
        read = "“exclude” in the configuration leaves out every file."
    elif not found.files:
        read = "There are no files in the site's folder." if not found.problems and not found.unread else ""
    elif found.complete:
        read = f"Checked {'every file that could be read' if found.unread else 'the whole site'}: {plural(found.files, 'file')}."
    else:
        read = f"Checked a sample of {plural(found.files, 'file')}. A scan checks all of them."
    return " ".join(part for part in (read, left_out(found), unreadable(found)) if part)


def left_out(found: Sample) -> str:
    """How many files and folders of the sample the configuration leaves out; "" if none."""
    if not found.left_out:
        return ""
    what = plural(found.left_out, "file or folder", "files or folders")
    return f"“exclude” leaves out {what}."


def unreadable(found: Sample) -> str:
    """How many files or folders could not be read, and one of them; "" if none."""
    if not found.unread:
        return ""
    count = len(found.unread)
    what = plural(count, "file or folder", "files or folders")
    return f"{what} could not be read{', such as' if count > 1 else ':'} “{found.unread[0]}”."
