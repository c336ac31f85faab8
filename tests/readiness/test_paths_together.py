"""Paths that are looked at together have the findings that they have one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chorus_gui.core.config.model import Place, PlaceKind, Site
from chorus_gui.core.model import SourceFile
from chorus_gui.core.pattern import DEFAULTS, Pattern
from chorus_gui.core.readiness.findings import Found
from chorus_gui.core.readiness.paths import Paths
from chorus_gui.core.rules import Pass, built_in

SITES = {name: Site(name, Place(PlaceKind.FOLDER, "s", Path("s")), Pattern.parse(text)) for name, text in DEFAULTS.items()}
KINDS = st.sampled_from(["CT", "CT", "MR", "ct", "NM", "dicom_unprocessed", "1"])
PATIENTS = st.sampled_from(["1001", "1002", "77", "12a", "é1"])
UIDS = st.sampled_from(["1.2.3", "1.2.33", "9", "JANE DOE", "a,b", "quarantines", ".DS_Store"])
NAMES = st.sampled_from(["1.dcm", "2.dcm", "12.dcm", "A.dcm", "a.dcm", "x.txt", "Thumbs.db", "1,2.dcm", "image_map.dcm", "DOE^JANE.dcm"])


def images() -> st.SearchStrategy[list[SourceFile]]:
    one = st.builds(
        lambda patient, kind, study, series, name, size: SourceFile(
            "Images", f"{patient}/Images/{kind}/{study}/{series}/{name}", patient, None, size, 1
        ),
        PATIENTS, KINDS, UIDS, UIDS, NAMES, st.sampled_from([1, 1, 1, 0]),
    )  # fmt: skip
    return st.lists(one, max_size=25, unique_by=lambda file: file.path).map(lambda found: sorted(found, key=lambda file: file.path))


def said(batches: list[list[SourceFile]]) -> tuple[object, ...]:
    paths = Paths(Found(built_in(), Pass.AT_ONCE), SITES)
    for batch in batches:
        paths.files(batch)
    groups = sorted((group.rule.id, group.about, group.files, group.count) for group in paths.found.groups())
    return groups, paths.patients, paths.files_seen, paths.has


def folders(files: list[SourceFile]) -> Iterator[list[SourceFile]]:
    """One batch for each folder: names in it are compared with each other."""
    by_folder: dict[str, list[SourceFile]] = {}
    for file in files:
        by_folder.setdefault(file.path.rpartition("/")[0], []).append(file)
    yield from by_folder.values()


@given(images())
def test_together_as_in_a_new_check_each(files: list[SourceFile]) -> None:
    """A check that has seen much finds what checks find that have seen nothing yet: what it knows of shapes hides no file."""
    apart: dict[tuple[str, str], tuple[int, int]] = {}
    people: set[str] = set()
    for folder in folders(files):
        paths = Paths(Found(built_in(), Pass.AT_ONCE), SITES)
        paths.files(folder)
        people |= paths.patients["Images"]
        for group in paths.found.groups():
            before = apart.get((group.rule.id, group.about), (0, 0))
            apart[group.rule.id, group.about] = (before[0] + group.files, before[1] + group.count)
    expected = sorted((rule, about, *count) for (rule, about), count in apart.items())
    for batches in ([files] if files else [], list(folders(files)), [*folders(files), files]):
        found, patients, *_ = said(batches)
        if len(batches) and batches[-1] is files and len(batches) > 1:
            expected = [(rule, about, 2 * count, 2 * times) for rule, about, count, times in expected]
        assert found == expected
        assert isinstance(patients, dict)
        assert patients["Images"] == people


@pytest.mark.parametrize(("name", "size", "rule"), [("2.dcm", 0, "L6"), ("7.dcm", 1, None), ("A.DCM", 1, "L9")])
def test_a_shape_without_flaws_hides_nothing(name: str, size: int, rule: str | None) -> None:
    folder = "1001/Images/CT/5/6"
    known = [SourceFile("Images", f"{folder}/{stem}", "1001", None, 1, 1) for stem in ("1.dcm", "a.dcm", "B.DCM")]
    again = [SourceFile("Images", f"{folder}/a.dcm", "1001", None, 1, 1), SourceFile("Images", f"{folder}/{name}", "1001", None, size, 1)]
    paths = Paths(Found(built_in(), Pass.AT_ONCE), SITES)
    paths.files(known)
    assert not paths.found.groups()
    paths.files(again)
    assert [group.rule.id for group in paths.found.groups()] == ([rule] if rule else [])
