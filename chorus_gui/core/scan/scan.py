"""The files on the site: one walk of each root for all modalities in it.

A scan writes nothing: it reports to a :class:`ScanSink`.  The modality of files is decided once per folder, from the patterns; a
file is only read if a pattern matches it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, Protocol, cast

from chorus_gui.core.config.model import LOCK_END, SIDE_END, Config, JournalPlaces, Place, PlaceKind, Site
from chorus_gui.core.errors import ChorusError, SourceUnreadableError, SourceVanishedError, UsageError
from chorus_gui.core.exclude import Exclude
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Problem, SourceFile, Tally
from chorus_gui.core.storage.base import Folder, FolderChoice, Source, UnwantedFile
from chorus_gui.core.storage.listed import Asked, HasInventory, Listed

_BATCH = 4096
_SIZE = itemgetter(1)
_new = cast("Callable[[type[SourceFile], tuple[str, str, str | None, str | None, int, int]], SourceFile]", tuple.__new__)  # pyright: ignore[reportUnknownMemberType]
"""Makes a :class:`SourceFile` in half the time that its own constructor takes."""


class ScanSink(Protocol):
    """Receives what a scan finds, in the thread that scans, in batches, in no promised order."""

    def files(self, files: Sequence[SourceFile]) -> None:
        """Files of one modality; every file once in a scan."""
        ...

    def unmatched(self, root: str, files: Sequence[UnwantedFile]) -> None:
        """Files that belong to no configured modality; ``name`` is the posix path relative to ``root``, the source's url."""
        ...

    def problem(self, problem: Problem) -> None:
        """Something that could not be done; ``problem.modalities`` are those of this scan that it may concern."""
        ...


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """What a scan found.  ``by_modality`` has every modality that was asked for.

    ``left_out`` are the files and the folders that ``exclude`` of the configuration matched; what is in the folders is not known.
    ``unread`` are (modality, path) of which nothing is known, the path and everything below it; "" is the whole root.  ``clouds`` are
    the places in a cloud, with the requests that listing them took.
    """

    by_modality: dict[str, Tally]
    unmatched: int
    problems: int
    unread: tuple[tuple[str, str], ...]
    seconds: float
    left_out: tuple[int, int] = (0, 0)
    clouds: tuple[Listed, ...] = ()


def scan(
    config: Config,
    modalities: Sequence[str],
    sink: ScanSink,
    ctx: JobContext,
    sources: Mapping[str, Source],
    *,
    ignore: Collection[Path] = (),
) -> ScanSummary:
    """Walk the roots of ``modalities`` and report what is there to ``sink``.  ``sources`` by modality, one for each configured modality.

    A root that is missing, unreadable or without a single file is a problem that covers all of it; the others are still
    scanned.  Folders that belong only to modalities that were not asked for are not listed.  The journals and the files next to
    them under their names, the configuration, the central store, the 2024 tool's ``journal.db_<UTC>`` folders and ``ignore`` (files
    or folders) are never unmatched.  The folders of the journals' side files are not listed at all, whatever the patterns say.

    Raises :class:`UsageError` for a modality that is not configured; what ``sources`` raises if no place can be opened, or
    a person has to decide first (one of several that cannot be opened is a problem that covers all of it);
    :class:`Cancelled` when ``ctx`` says so.
    """
    unknown = [name for name in modalities if name not in config.sites]
    if unknown:
        raise UsageError(
            f"The configuration has no modality “{unknown[0]}”.",
            remedy=f"Use {', '.join(config.sites)}, or add it to supported_modalities in the configuration.",
        )
    began = time.perf_counter()
    ctx.progress.begin("scan", dict.fromkeys(modalities))
    report = _Report(sink, ctx, {name: Tally() for name in modalities})
    roots: dict[str, list[Site]] = {}
    for site in config.sites.values():
        roots.setdefault(_root_key(site.place), []).append(site)
    kept_apart = [*ignore, *(place.folder for place in (config.central, *(site.place for site in config.sites.values())) if place.folder)]
    walks = [
        _Walk(
            tuple(sites),
            frozenset(modalities),
            _Quiet(root, _own_files(config), kept_apart, config.journal, sites[0].place),
            report,
            config.exclude,
        )
        for root, sites in roots.items()
        if any(site.modality in modalities for site in sites)
    ]
    opened = _opened(walks, sources)  # before the first walk: a request that makes no sense starts nothing
    for walk, source in zip(walks, opened, strict=True):
        if isinstance(source, ChorusError):
            walk.give_up(source)
        else:
            walk.run(source, ctx)
    seconds = time.perf_counter() - began
    left_out = (sum(walk.left_out for walk in walks), sum(walk.pruned for walk in walks))
    clouds = tuple(walk.listed() for walk in walks if walk.sites[0].place.kind is not PlaceKind.FOLDER)
    return ScanSummary(report.tallies, report.unmatched_count, report.problems, tuple(report.unread), seconds, left_out, clouds)


def _opened(walks: Sequence[_Walk], sources: Mapping[str, Source]) -> list[Source | ChorusError]:
    """The source of each walk, or why it cannot be opened.  Raises that if a person has to decide, or if no other can be opened either."""
    found: list[Source | ChorusError] = []
    for walk in walks:
        try:
            found.append(sources[walk.sites[0].modality])
        except ChorusError as error:
            if error.needs_decision:
                raise
            found.append(error)
    errors = [one for one in found if isinstance(one, ChorusError)]
    if errors and len(errors) == len(found):
        raise errors[0]
    return found


@dataclass
class _Report:
    """Gathers what the walks find, and hands it on in batches."""

    sink: ScanSink
    ctx: JobContext
    tallies: dict[str, Tally]
    unmatched_count: int = 0
    problems: int = 0
    unread: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    _files: dict[str, list[SourceFile]] = field(default_factory=dict[str, list[SourceFile]])
    _strays: list[UnwantedFile] = field(default_factory=list[UnwantedFile])

    def files(self, modality: str, files: list[SourceFile], size: int) -> None:
        self.ctx.progress.add(modality, len(files), size)
        self.tallies[modality] += Tally(len(files), size)
        waiting = self._files.setdefault(modality, [])
        waiting += files
        if len(waiting) >= _BATCH:
            self.sink.files(self._files.pop(modality))

    def unmatched(self, root: str, files: list[UnwantedFile]) -> None:
        self.unmatched_count += len(files)
        self._strays += files
        if len(self._strays) >= _BATCH:
            self._hand_on_strays(root)

    def problem(self, problem: Problem) -> None:
        self.problems += not problem.if_read
        if problem.covers:
            self.unread += [(modality, problem.path) for modality in problem.modalities]
        self.sink.problem(problem)

    def flush(self, root: str) -> None:
        """At the end of a root."""
        for files in self._files.values():
            self.sink.files(files)
        self._files.clear()
        if self._strays:
            self._hand_on_strays(root)

    def _hand_on_strays(self, root: str) -> None:
        self.sink.unmatched(root, self._strays)
        self._strays = []


class _Owner(NamedTuple):
    """Whose all files of a folder are, and what the folder's path says."""

    modality: str
    patient_id: str | None
    version: str | None


class _Decision(NamedTuple):
    """What is known of a folder from its path alone.

    Either ``owner`` has all files in it; or ``by_file`` are the sites whose patterns have to be tried on each; or the files are
    nobody's.  ``losers`` are (modality, folder) whose patterns take the files below that folder too.
    """

    look: FolderChoice
    owner: _Owner | None = None
    by_file: tuple[Site, ...] = ()
    losers: tuple[tuple[str, str], ...] = ()


_PRUNED = _Decision(FolderChoice(descend=False, files=False))
_ELSEWHERE = _Decision(FolderChoice(descend=False, files=False))
"""Pruned, too, but it shows that the root is not empty: it belongs to modalities that were not asked for."""
_STRAY = _Decision(FolderChoice(descend=True, files=False, measure=True))


class _Quiet:
    """Paths in one root that are never reported as unmatched: exact paths, whole folders, and name prefixes."""

    def __init__(self, root: str, own: Iterable[Path], others: Iterable[Path], journal: JournalPlaces, place: Place) -> None:
        journals = [_fold(path) for path in journal.inside(place)]
        begins = [inside for path in own if (inside := _inside(root, path)) is not None]
        exact = [inside for path in others if (inside := _inside(root, path)) is not None]
        self._begins = (*begins, *(path + "/" for path in exact))
        self._exact = frozenset((*exact, *journals, *(path + LOCK_END for path in journals)))
        self._sides = frozenset(path + SIDE_END for path in journals)
        names = "|".join(re.escape(name) for name in {"journal.db", journal.local.name})
        self._litter = re.compile(rf"(?:{names})_\d{{14}}", re.IGNORECASE)

    def holds(self, path: str) -> bool:
        folded = _fold(path)
        return folded.startswith(self._begins) or folded in self._exact

    def is_side(self, folder: str) -> bool:
        """The folder of a journal's side files."""
        return bool(self._sides) and _fold(folder) in self._sides

    def is_litter(self, folder: str) -> bool:
        return self._litter.fullmatch(folder) is not None


class _Walk:
    """One root: the sites in it, in the configuration's order, which decides about a file that matches two patterns."""

    def __init__(self, sites: tuple[Site, ...], asked: frozenset[str], quiet: _Quiet, report: _Report, exclude: Exclude) -> None:
        self.sites = sites
        self._exclude = exclude
        self.left_out = self.pruned = 0
        self._asked = asked
        self._quiet = quiet
        self._report = report
        self._claims = tuple((site, len(site.pattern.segments), site.modality in asked) for site in sites)
        self._reach = max(length for _, length, _ in self._claims) + 1
        self._decide = lru_cache(maxsize=4096)(self._decision_of)
        self._waiting: dict[str, _Decision] = {}
        self._lost: set[tuple[str, str]] = set()
        self._seen = 0
        self.asked = Asked()
        self._made_us = 0

    def give_up(self, error: ChorusError) -> None:
        """The root cannot be opened: nothing is known of what is in it."""
        mine = tuple(site.modality for site in self.sites if site.modality in self._asked)
        self._report.problem(Problem(mine, "", error.summary, error.remedy, covers=True))

    def listed(self) -> Listed:
        """What listing the root took."""
        mine = tuple(site.modality for site in self.sites if site.modality in self._asked)
        return Listed(self.sites[0].place, mine, self.asked.count, self._made_us)

    def run(self, source: Source, ctx: JobContext) -> None:
        """Walk the whole root."""
        mine = tuple(site.modality for site in self.sites if site.modality in self._asked)
        try:
            for folder in source.folders(self._want, ctx.checkpoint, self.asked):
                ctx.checkpoint()
                self._take(source.url, folder)
            self._made_us = source.inventory_us if isinstance(source, HasInventory) else 0
        except (SourceVanishedError, SourceUnreadableError) as error:
            self._report.problem(Problem(mine, "", error.what, error.remedy, covers=True))
        else:
            if not self._seen:
                self._report.problem(
                    Problem(
                        mine,
                        "",
                        f"The site folder “{source.url}” has no files.",
                        "Check that the share is connected and that the path in the configuration is right. If everything was removed "
                        "on purpose, write their paths to a file, and mark them as deleted with “chorus-upload file mark_as_deleted --file-list FILE”.",
                        covers=True,
                    )
                )
        self._report.flush(source.url)

    def _want(self, folder: str) -> FolderChoice:
        if self._exclude.folder(folder):
            self.pruned += 1
            self._seen += 1
            return _PRUNED.look
        parts = folder.split("/", self._reach)
        decision = self._decide(folder if len(parts) <= self._reach else "/".join(parts[: self._reach]))
        if self._quiet.is_side(folder) or (decision is _STRAY and self._quiet.holds(folder)):
            decision = _PRUNED
        elif decision is _ELSEWHERE:
            self._seen += 1
        if decision.look.descend:
            self._waiting[folder] = decision
        return decision.look

    def _decision_of(self, folder: str) -> _Decision:
        """Below the deepest pattern's fixed part a folder is as the one above it, so ``folder`` is at most one level deeper."""
        depth = folder.count("/") + 1 if folder else 0
        if depth == 1 and self._quiet.is_litter(folder):
            return _PRUNED
        leading = files = follow = anyone = False
        holding: list[Site] = []
        for site, length, asked in self._claims:
            if site.pattern.may_lead_to(folder):
                anyone = True
                leading |= asked
                follow |= asked and depth <= length
                if depth >= length:
                    holding.append(site)
                    files |= asked
        if not leading:
            return _ELSEWHERE if anyone else _STRAY
        look = FolderChoice(True, files, follow, measure=not files)
        if not holding:
            return _Decision(look)
        if not all(site.pattern.whole_folders for site in holding):
            return _Decision(look, by_file=tuple(holding))
        first, *rest = holding
        parts = folder.split("/")
        losers = tuple(
            (site.modality, "/".join(parts[: max(len(first.pattern.segments), len(site.pattern.segments))]))
            for site in rest
            if site.modality in self._asked
        )
        match = first.pattern.match(folder + "/x" if folder else "x")
        assert match is not None, f"{first.pattern.text} holds no file in {folder}"
        return _Decision(look, _Owner(first.modality, match.patient_id, match.version), losers=losers)

    def _take(self, root: str, folder: Folder) -> None:
        """Hand on what one folder holds."""
        decision = self._waiting.pop(folder.path) if folder.complete else self._waiting[folder.path]
        prefix = folder.path + "/" if folder.path else ""
        if self._exclude:
            self._leave_out(folder, prefix)
        for problem in folder.problems:
            self._report.problem(replace(problem, modalities=self._concerned(problem)))
        files = folder.files
        strays: list[UnwantedFile] = []
        if decision.owner is not None:
            modality, patient_id, version = decision.owner
            if files and modality in self._asked:
                found = [
                    _new(SourceFile, (modality, prefix + name, patient_id, version, size, mtime_us)) for name, size, mtime_us, _, _ in files
                ]
                self._report.files(modality, found, sum(map(_SIZE, files)))
            if files and decision.losers:
                self._report_losers(modality, decision.losers)
        elif decision.by_file:
            strays += self._take_by_file(decision.by_file, prefix, folder)
        else:
            strays += [UnwantedFile(prefix + file.name, file.size, file.mtime_us) for file in files]
            strays += [file._replace(name=prefix + file.name) for file in folder.unwanted]
        self._seen += len(files) + len(folder.unwanted) - len(strays)
        if unmatched := [file for file in strays if not self._quiet.holds(file.name)]:
            self._seen += len(unmatched)
            self._report.unmatched(root, unmatched)

    def _leave_out(self, folder: Folder, prefix: str) -> None:
        """Take what the configuration excludes out of a folder."""
        leave = self._exclude.file
        kept = [file for file in folder.files if not leave(prefix + file[0])]
        unwanted = [file for file in folder.unwanted if not leave(prefix + file.name)]
        count = len(folder.files) - len(kept) + len(folder.unwanted) - len(unwanted)
        folder.files, folder.unwanted = kept, unwanted
        folder.problems = [problem for problem in folder.problems if not self._exclude.covers(problem.path)]
        self.left_out += count
        self._seen += count

    def _take_by_file(self, sites: tuple[Site, ...], prefix: str, folder: Folder) -> list[UnwantedFile]:
        """Give each file to the first site whose pattern takes it; those that none takes, by their paths."""
        strays: list[UnwantedFile] = []
        given: dict[str, list[SourceFile]] = {}
        for name, size, mtime_us in (*(file[:3] for file in folder.files), *folder.unwanted):
            path = prefix + name
            takers = [(site.modality, match) for site in sites if (match := site.pattern.match(path))]
            if not takers:
                strays.append(UnwantedFile(path, size, mtime_us))
                continue
            (modality, match), *rest = takers
            if modality in self._asked and size is not None and mtime_us is not None:
                given.setdefault(modality, []).append(SourceFile(modality, path, match.patient_id, match.version, size, mtime_us))
            losers = tuple(other for other, _ in rest if other in self._asked)
            if losers:
                self._report.problem(_two_takers(modality, losers, path))
        for modality, files in given.items():
            self._report.files(modality, files, sum(file.size for file in files))
        return strays

    def _report_losers(self, owner: str, losers: tuple[tuple[str, str], ...]) -> None:
        """Once for the topmost folder whose files match two patterns, not for every file."""
        for modality, folder in losers:
            if (modality, folder) not in self._lost:
                self._lost.add((modality, folder))
                self._report.problem(_two_takers(owner, (modality,), folder, covers=True))

    def _concerned(self, problem: Problem) -> tuple[str, ...]:
        """The modalities of this scan to which the path, or something below it, may belong."""
        path = problem.path
        return tuple(
            site.modality
            for site in self.sites
            if site.modality in self._asked and (site.pattern.may_lead_to(path) if problem.covers else site.pattern.match(path))
        )


def _two_takers(owner: str, losers: tuple[str, ...], path: str, *, covers: bool = False) -> Problem:
    what = f"The files in “{path or '.'}” match" if covers else "The file matches"
    return Problem(
        losers,
        path,
        f"{what} the patterns of {owner} and {' and '.join(losers)}, and {'are' if covers else 'is'} submitted as {owner}.",
        "Change one of the patterns, so that each file belongs to one modality.",
        covers,
    )


def _own_files(config: Config) -> list[Path]:
    """Paths of the tools, not of the site; also everything that begins with one of them: copies, locks, backups."""
    journal = config.journal.local
    return [journal, journal.with_name("." + journal.name), config.file]


def _root_key(place: Place) -> str:
    """Equal for equal roots, however they are written."""
    if place.folder is None:
        return f"{place.kind.value}:{place.text.rstrip('/')}"
    return os.path.normcase(os.path.abspath(place.folder))


def _inside(root: str, path: Path) -> str | None:
    """``path`` relative to ``root``, posix and folded as :func:`_fold` does; None if it does not lie below it."""
    base = os.path.join(root, "")
    full = os.path.normcase(os.path.abspath(path))
    return _fold(full[len(base) :]) if full.startswith(base) and full != base else None


def _fold(path: str) -> str:
    """Posix, and in one case where the system does not tell cases apart."""
    return os.path.normcase(path).replace("\\", "/") if os.name == "nt" else path
