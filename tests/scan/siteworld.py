"""What the tests of the walk share: a configuration around folders, and a sink that remembers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chorus_gui.core.config.model import Config, JournalPlaces, Layout, Place, PlaceKind, Site, UploadMethod
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import MODALITIES, Mode, Problem, SourceFile
from chorus_gui.core.pattern import DEFAULTS, Pattern
from chorus_gui.core.scan.scan import ScanSummary, scan
from chorus_gui.core.storage.base import UnwantedFile
from chorus_gui.core.storage.open import Sources, open_source


def folder_place(folder: Path) -> Place:
    return Place(PlaceKind.FOLDER, str(folder), folder)


def make_config(
    root: Path,
    *,
    patterns: dict[str, str] | None = None,
    roots: dict[str, Path] | None = None,
    journal: Path = Path("/elsewhere/journal.db"),
    file: Path = Path("/elsewhere/config.toml"),
    central: Path = Path("/elsewhere/central"),
) -> Config:
    texts = DEFAULTS if patterns is None else patterns
    sites = {
        name: Site(name, folder_place((roots or {}).get(name, root)), Pattern.parse(texts[name])) for name in MODALITIES if name in texts
    }
    return Config(
        file, Layout.NESTED, tuple(sites), Mode.FULL, 1000, 2, UploadMethod.BUILTIN, JournalPlaces(journal), folder_place(central), sites
    )


@dataclass
class Memory:
    """A sink that keeps everything."""

    seen: dict[str, dict[str, SourceFile]] = field(default_factory=dict)
    strays: list[tuple[str, UnwantedFile]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def files(self, files: Sequence[SourceFile]) -> None:
        assert len({file.modality for file in files}) == 1
        for file in files:
            kept = self.seen.setdefault(file.modality, {})
            assert file.path not in kept, f"{file.path} was told twice"
            kept[file.path] = file

    def unmatched(self, root: str, files: Sequence[UnwantedFile]) -> None:
        self.strays += [(root, file) for file in files]

    def problem(self, problem: Problem) -> None:
        self.problems.append(problem)

    def paths(self, modality: str) -> set[str]:
        return set(self.seen.get(modality, {}))

    @property
    def unmatched_paths(self) -> set[str]:
        return {file.name for _, file in self.strays}

    @property
    def problem_paths(self) -> dict[str, Problem]:
        assert len({problem.path for problem in self.problems}) == len(self.problems)
        return {problem.path: problem for problem in self.problems}


def sources_of(config: Config) -> Sources:
    return Sources(config, open_source)


def run_scan(config: Config, modalities: Sequence[str] | None = None, ctx: JobContext | None = None) -> tuple[Memory, ScanSummary]:
    memory = Memory()
    summary = scan(config, tuple(config.sites) if modalities is None else modalities, memory, ctx or JobContext(), sources_of(config))
    assert summary.problems == len(memory.problems)
    assert summary.unmatched == len(memory.strays)
    return memory, summary


def put(root: Path, *paths: str, content: bytes = b"x") -> None:
    for path in paths:
        file = root.joinpath(*path.split("/"))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
