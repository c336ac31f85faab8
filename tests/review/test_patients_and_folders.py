"""The tree of patients and folders: every level adds up to what is above it, and each node finds exactly what it counts."""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chorus_gui.core.model import ChangeKind, Tally
from chorus_gui.core.review.changes import prepare, select_ids
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.tree import level
from chorus_gui.core.review.values import TREE_KINDS, Branch, Query, TreeLevel, TreeNode

COLUMNS = "id, kind, path, patient_id, old_patient_id, size, old_size, old_id, pair, excluded"
ROWS = [
    (1, "added", "1/Images/study_1/a.dcm", "1", None, 10, None, None, None, 0),
    (2, "added", "1/Images/study_1/b.dcm", "1", None, 10, None, None, None, 1),
    (3, "updated", "1/Images/study_2/x/c.dcm", "1", "1", 20, 15, 7, None, 1),
    (4, "deleted", "1/Waveforms/d.dat", None, "1", None, 5, 8, None, 0),
    (5, "deleted", "2/Images/old/e.dcm", None, "2", None, 30, 9, 6, 0),
    (6, "added", "2/Images/new/e.dcm", "2", None, 30, None, None, 5, 0),
    (7, "added", "2/Images/f.dcm", "2", None, 1, None, None, None, 0),
    (8, "problem", "2/Images/g.dcm", "2", None, None, None, None, None, 0),
    (9, "updated", "OMOP/person.csv", None, None, 100, 90, 11, None, 0),
    (10, "unmatched", "readme.txt", None, None, 1, None, None, None, 0),
    (11, "moved", "3/Images/only/one/h.dcm", "3", "3", 4, 4, 12, None, 1),
    (12, "restored", "3/Images/only/one/i.dcm", "3", "3", 4, 4, 13, None, 1),
]


def make(path: Path, rows: list[tuple[object, ...]]) -> Staging:
    staging = Staging.create(path)
    marks = ", ".join("?" for _ in COLUMNS.split(","))
    staging.db.executemany(f"INSERT INTO change ({COLUMNS}, modality) VALUES ({marks}, 'Images')", rows)
    staging.put("ready", value=True)
    staging.db.execute("COMMIT")
    return staging


def nodes(found: TreeLevel) -> list[TreeNode]:
    return [found.node(number) for number in range(len(found))]


def short(found: TreeLevel) -> list[tuple[str, int, int, int, int, bool]]:
    return [(n.name, n.tally.files, n.tally.bytes, n.holdable, n.held, n.leaf) for n in nodes(found)]


@pytest.mark.parametrize("indexed", [False, True])
def test_patients_and_folders_have_sums(tmp_path: Path, indexed: bool) -> None:
    with make(tmp_path / "review.db", list(ROWS)) as staging:
        if indexed:
            prepare(staging)
        assert short(level(staging, Query(), None)) == [
            ("", 2, 101, 1, 0, False),
            ("1", 4, 45, 2, 2, False),
            ("2", 3, 31, 2, 0, False),
            ("3", 2, 8, 0, 2, False),
        ]
        assert short(level(staging, Query(), Branch("1"))) == [("Images", 3, 40, 1, 2, False), ("Waveforms", 1, 5, 1, 0, True)]
        assert short(level(staging, Query(), Branch("1", "1/Images/"))) == [
            ("study_1", 2, 20, 1, 1, True),
            ("study_2/x", 1, 20, 0, 1, True),
        ], "a folder that only has one folder is shown together with it"
        two = level(staging, Query(), Branch("2"))
        assert short(two) == [("Images", 2, 1, 1, 0, True), ("Images/new", 1, 30, 1, 0, True), ("Images/old", 1, 30, 1, 0, True)]
        assert nodes(two)[0].branch == Branch("2", "2/Images/", direct=True)
        assert short(level(staging, Query(), Branch("3"))) == [("Images/only/one", 2, 8, 0, 2, True)]
        assert short(level(staging, Query(), Branch(None))) == [("", 1, 1, 0, 0, True), ("OMOP", 1, 100, 1, 0, True)]
        assert short(level(staging, Query(), Branch("4"))) == []


def test_the_kinds_are_counted_and_a_renamed_file_once(tmp_path: Path) -> None:
    with make(tmp_path / "review.db", list(ROWS)) as staging:
        two = nodes(level(staging, Query(), None))[2]
        assert {kind: n for kind, n in zip(TREE_KINDS, two.kinds, strict=True) if n} == {
            "added": 1,
            "renamed": 1,
            "problem": 1,
        }
        old, new = (nodes(level(staging, Query(search=name), None))[0] for name in ("old", "new"))
        assert old.kinds[TREE_KINDS.index("renamed from")] == new.kinds[TREE_KINDS.index("renamed to")] == 1
        assert two.tally == Tally(3, 31), "the file is counted once, and its size"
        assert [node.tally.files for node in nodes(level(staging, Query(), None, "files"))] == [2, 2, 3, 4], "sorted by what is shown"
        assert all(sum(node.kinds) == node.tally.files for node in nodes(level(staging, Query(), None)))


def test_a_level_has_only_what_the_query_finds_in_its_order(tmp_path: Path) -> None:
    with make(tmp_path / "review.db", list(ROWS)) as staging:
        added = Query(kinds=(ChangeKind.ADDED,), once=True, excluded=False)
        assert [(n.name, n.tally) for n in nodes(level(staging, added, None))] == [("1", Tally(1, 10)), ("2", Tally(1, 1))]
        names = {
            (order, down): [n.name for n in nodes(level(staging, Query(), None, order, descending=down))]
            for order in ("name", "files", "bytes", "held")
            for down in (False, True)
        }
    assert names[("name", True)] == ["3", "2", "1", ""]
    assert names[("files", True)] == ["1", "2", "", "3"]
    assert names[("bytes", False)] == ["3", "2", "1", ""]
    assert names[("held", True)] == ["1", "3", "", "2"]


def test_a_level_finds_its_nodes_again() -> None:
    found = TreeLevel(Branch("1"))
    numbers = (1,) * TreeLevel.WIDTH
    found.add("1/a/", numbers, leaf=True, direct=True)
    found.add("1/a/", numbers, leaf=False)
    found.add("1/b/", numbers, leaf=False)
    assert [found.place(Branch("1", "1/a/", direct)) for direct in (True, False)] == [0, 1]
    assert (found.place(Branch("1", "1/b/")), found.place(Branch("1", "1/b/", True)), found.place(Branch("1", "1/c/"))) == (2, None, None)
    patients = TreeLevel(None)
    patients.add(None, numbers, leaf=False)
    patients.add("1", numbers, leaf=False)
    assert (patients.place(Branch(None)), patients.place(Branch("1")), patients.place(Branch("2"))) == (0, 1, None)


folders = st.lists(st.sampled_from(("a", "b", "ab", "ä b", "%", "_", "0")), max_size=4)


@given(st.lists(st.tuples(st.sampled_from((None, "1", "2")), folders), min_size=1, max_size=25), st.randoms(use_true_random=False))
def test_every_node_finds_what_it_counts_and_the_levels_add_up(places: list[tuple[str | None, list[str]]], rng: random.Random) -> None:
    rows = [
        (
            number,
            rng.choice(("added", "updated", "unmatched")),
            "/".join([*folder, f"f{number}"]),
            patient,
            None,
            number,
            None,
            None,
            None,
            held,
        )
        for number, (patient, folder) in enumerate(places, 1)
        for held in (rng.randint(0, 1),)
    ]
    with TemporaryDirectory() as base, make(Path(base) / "review.db", list(rows)) as staging:
        top = nodes(level(staging, Query(), None))
        assert sum(node.tally.files for node in top) == len(rows)
        seen: set[Branch] = set()
        while top:
            node = top.pop()
            assert node.branch not in seen
            seen.add(node.branch)
            found = set(select_ids(staging, Query(branch=node.branch)))
            assert len(found) == node.tally.files
            assert node.held == sum(row[-1] for row in rows if row[0] in found)
            below = nodes(level(staging, Query(), node.branch)) if not node.leaf else []
            top += below
            if not node.leaf:
                assert sum(one.tally.files for one in below) == node.tally.files
                assert len({one.branch for one in below}) == len(below)
                parts = [set(select_ids(staging, Query(branch=one.branch))) for one in below]
                assert set().union(*parts) == found
                assert len(below) > 1 or below[0].leaf, "never a single way down"
