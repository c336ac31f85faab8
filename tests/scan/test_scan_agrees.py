"""Deciding once a folder gives what matching every file with every pattern would give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from scan.siteworld import Memory, make_config

from chorus_gui.core.job import JobContext
from chorus_gui.core.model import MODALITIES, SourceFile
from chorus_gui.core.scan.scan import scan
from chorus_gui.core.storage.base import Ask, ChooseFolder, FileEntry, Folder, UnwantedFile, at_once
from chorus_gui.core.storage.folder import FolderSource


class Listed(FolderSource):
    """A source that walks a list of paths."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(Path("/listed"))
        self._paths = paths

    def folders(self, want: ChooseFolder, checkpoint: Callable[[], None], ask: Ask = at_once) -> Iterator[Folder]:
        pending = [("", want(""))]
        while pending:
            folder, look = pending.pop()
            prefix = folder + "/" if folder else ""
            inside = [path[len(prefix) :] for path in self._paths if path.startswith(prefix)]
            names = [name for name in inside if "/" not in name]
            sized = [FileEntry(name, len(name), 7) for name in names] if look.files else []
            for below in sorted({name.split("/")[0] for name in inside if "/" in name}):
                wanted = want(prefix + below)
                if wanted.descend:
                    pending.append((prefix + below, wanted))
            yield Folder(folder, sized, [] if look.files else [UnwantedFile(name, len(name), 7) for name in names], [])


names = st.sampled_from(["1", "007", "OMOP", "omop", "Images", "IMAGES", "Waveforms", "bad-id!", "Metadata", "x.dat", "Notes", "20250101"])
trees = st.sets(st.lists(names, min_size=1, max_size=5).map("/".join), min_size=1, max_size=25).map(
    lambda paths: sorted(path for path in paths if not any(other.startswith(path + "/") for other in paths))  # a name is a file or a folder
)
patterns = st.sampled_from(
    [
        "OMOP/{filepath}",
        "{filepath}",
        "{patient_id:w}/Images/{filepath}",
        "{patient_id:d}/Waveforms/{filepath}",
        "{patient_id}/{filepath}",
        "{version:d}/{patient_id}/Images/{filepath}",
        "Notes/x{filepath}",
        "{patient_id:w}/Wave{filepath}",
        "OMOP/{version}_{filepath}",
    ]
)


@given(trees, st.dictionaries(st.sampled_from(MODALITIES), patterns, min_size=1), st.data())
def test_every_file_goes_where_its_own_match_says(paths: list[str], texts: dict[str, str], data: Any) -> None:
    config = make_config(Path("/listed"), patterns=texts)
    asked = data.draw(st.lists(st.sampled_from(list(config.sites)), min_size=1, unique=True))
    memory = Memory()
    scan(config, asked, memory, JobContext(), dict.fromkeys(config.sites, Listed(paths)))
    expected: dict[str, dict[str, SourceFile]] = {}
    strays: set[UnwantedFile] = set()
    for path in paths:
        takers = [(site.modality, match) for site in config.sites.values() if (match := site.pattern.match(path))]
        if not takers:
            strays.add(UnwantedFile(path, len(path.split("/")[-1]), 7))
        elif takers[0][0] in asked:
            modality, match = takers[0]
            expected.setdefault(modality, {})[path] = SourceFile(
                modality, path, match.patient_id, match.version, len(path.split("/")[-1]), 7
            )
    assert memory.seen == expected
    assert {file for _, file in memory.strays} <= strays
    if set(asked) == set(config.sites):
        assert {file for _, file in memory.strays} == strays
