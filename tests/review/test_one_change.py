"""A renamed file has two lines in a review, and is one change in every number: compared with plain Python, on made-up reviews."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from chorus_gui.core.model import ChangeKind, Tally
from chorus_gui.core.review.changes import (
    changes_found,
    done,
    holdable,
    patients,
    prepare,
    renamed_to_do,
    select_ids,
    summary,
    to_do,
)
from chorus_gui.core.review.diff import recount
from chorus_gui.core.review.parts import what_changed
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.tree import SORTS, level
from chorus_gui.core.review.values import ACTIONABLE, TREE_KINDS, Branch, Part, Query, TreeNode

ADDED, UPDATED, MOVED, RESTORED, DELETED, PROBLEM, UNMATCHED = (
    ChangeKind.ADDED,
    ChangeKind.UPDATED,
    ChangeKind.MOVED,
    ChangeKind.RESTORED,
    ChangeKind.DELETED,
    ChangeKind.PROBLEM,
    ChangeKind.UNMATCHED,
)
COLUMNS = "id, kind, modality, path, patient_id, old_patient_id, old_id, size, old_size, pair, part, excluded, done"


@dataclass(frozen=True)
class Line:
    """A line of a review, as the test thinks of it."""

    id: int
    kind: ChangeKind
    modality: str
    path: str
    patient: str | None
    size: int
    held: bool
    done: bool
    pair: int | None = None
    part: Part | None = None

    @property
    def can_be_held(self) -> bool:
        return self.kind in ACTIONABLE

    def row(self) -> tuple[object, ...]:
        new, old = self.kind is not DELETED, self.kind not in (ADDED, UNMATCHED, PROBLEM)
        return (
            self.id,
            self.kind.value,
            self.modality,
            self.path,
            self.patient if new else None,
            self.patient if old else None,
            self.id + 1000 if old else None,
            self.size if new else None,
            self.size if old else None,
            self.pair,
            self.part.value if self.part else None,
            self.held,
            self.done,
        )


def counted(lines: Collection[Line]) -> list[Line]:
    """THE rule, in plain Python: the lines that count; of a renamed file of which both lines are there, the new name."""
    there = {line.id for line in lines}
    return [line for line in lines if line.kind is not DELETED or line.pair not in there]


def tally(lines: Collection[Line]) -> Tally:
    found = counted(lines)
    return Tally(len(found), sum(line.size for line in found))


def kinds(lines: Collection[Line]) -> dict[str, int]:
    """What the tree says of them: kind → how many changes."""
    there, out = {line.id for line in lines}, Counter[str]()
    for line in counted(lines):
        half = "renamed to" if line.kind is ADDED else "renamed from"
        out[line.kind.value if line.pair is None else "renamed" if line.pair in there else half] += 1
    return dict(out)


def to_hold(lines: Iterable[Line]) -> int:
    return len(counted([line for line in lines if line.can_be_held and not line.held]))


def held(lines: Iterable[Line]) -> int:
    return len(counted([line for line in lines if line.held]))


folders = st.lists(st.sampled_from("abc"), max_size=3)
places = st.tuples(st.sampled_from((None, "1", "2", "10")), folders)
states = st.tuples(st.booleans(), st.booleans())
singles = st.tuples(
    st.sampled_from((ADDED, UPDATED, MOVED, RESTORED, DELETED, PROBLEM, UNMATCHED)),
    st.sampled_from(("Images", "Waveforms")),
    places,
    states,
)
renames = st.tuples(
    st.sampled_from(("Images", "Waveforms")), places, places, st.booleans(), st.tuples(st.booleans(), st.booleans()), st.booleans()
)


@st.composite
def reviews(draw: st.DrawFn) -> list[Line]:
    """Changes of every kind; files renamed across patients and folders, or inside them; some held back, some recorded."""
    lines: list[Line] = []

    def add(
        kind: ChangeKind, modality: str, place: tuple[str | None, list[str]], size: int, state: tuple[bool, bool], pair: int | None = None
    ) -> None:
        patient, inside = place
        number = len(lines) + 1
        path = "/".join([*([patient] if patient else []), *inside, f"f{number}"])
        is_held = state[0] and kind in ACTIONABLE
        lines.append(Line(number, kind, modality, path, patient, size, is_held, state[1] and kind in ACTIONABLE and not is_held, pair))

    for number, (kind, modality, place, state) in enumerate(draw(st.lists(singles, max_size=8))):
        add(kind, modality, place, number + 1, state)
    for number, (modality, old, new, is_held, recorded, in_folder) in enumerate(draw(st.lists(renames, max_size=8))):
        first = len(lines) + 1
        add(DELETED, modality, old, 100 + number, (is_held, recorded[0]), first + 1)  # a run that was stopped recorded one of the two
        add(ADDED, modality, new, 100 + number, (is_held, recorded[1]), first)
        if in_folder:
            lines[-2:] = [replace(line, part=Part.RENAMED_FOLDERS) for line in lines[-2:]]
    return lines


queries = st.builds(
    Query,
    kinds=st.sampled_from(((), (), (ADDED,), (DELETED,), (ADDED, DELETED, UPDATED))),
    once=st.booleans(),
    renamed=st.booleans(),
    modalities=st.sampled_from(((), ("Images",))),
    search=st.sampled_from(("", "", "a/", "1/", "f1", "c")),
    patient=st.sampled_from((None, None, "1")),
    part=st.sampled_from((None, None, Part.RENAMED_FOLDERS, Part.RENAMED)),
    branch=st.sampled_from((None, None, Branch("1"), Branch("2", "2/a/"))),
    excluded=st.sampled_from((None, True, False)),
    done=st.sampled_from((None, None, True, False)),
)


def make(path: Path, lines: list[Line]) -> Staging:
    staging = Staging.create(path)
    marks = ", ".join("?" for _ in COLUMNS.split(","))
    staging.db.executemany(f"INSERT INTO change ({COLUMNS}) VALUES ({marks})", [line.row() for line in lines])
    recount(staging)
    staging.put("ready", value=True)
    staging.db.execute("COMMIT")
    return staging


def nodes(staging: Staging, query: Query, branch: Branch | None, order: str = "name", *, descending: bool = False) -> list[TreeNode]:
    found = level(staging, query, branch, order, descending=descending)
    return [found.node(number) for number in range(len(found))]


@given(reviews(), queries, st.booleans(), st.randoms(use_true_random=False))
def test_every_number_counts_a_renamed_file_once(lines: list[Line], query: Query, indexed: bool, rng: random.Random) -> None:
    by_id = {line.id: line for line in lines}
    with TemporaryDirectory() as base, make(Path(base) / "review.db", lines) as staging:
        if indexed:
            prepare(staging)

        def found(asked: Query) -> list[Line]:
            return [by_id[number] for number in select_ids(staging, asked)]

        there = found(query)
        # the number below the list
        assert changes_found(staging, query, len(there)) == tally(there).files

        # the headings of patients
        for heading in patients(staging, replace(query, by_patient=True)):
            below = [line for line in there if line.patient == heading.patient]
            assert (heading.lines, heading.tally) == (len(below), tally(below))
            assert (heading.holdable, heading.held) == (to_hold(below), held(below))
        for descending in (False, True):
            by_size = replace(query, by_patient=True, order="size", descending=descending)
            headings = patients(staging, by_size)
            assert [one.tally.bytes for one in headings] == sorted((one.tally.bytes for one in headings), reverse=descending)
            in_order = [by_id[number].patient for number in select_ids(staging, by_size)]
            assert in_order == [one.patient for one in headings for _ in range(one.lines)]

        # the tree, all of it
        left = nodes(staging, query, None)
        while left:
            node = left.pop()
            below = found(replace(query, branch=node.branch)) if query.branch is None else None
            if below is None:  # a branch inside a branch: by hand
                below = [line for line in there if line.patient == node.branch.patient and line.path.startswith(node.branch.folder)]
                below = [line for line in below if not node.branch.direct or "/" not in line.path[len(node.branch.folder) :]]
            assert node.tally == tally(below)
            assert (node.holdable, node.held) == (to_hold(below), held(below))
            assert {kind: count for kind, count in zip(TREE_KINDS, node.kinds, strict=True) if count} == kinds(below)
            assert node.holdable + node.held <= node.tally.files
            left += [] if node.leaf or query.branch is not None else nodes(staging, query, node.branch)
        for order, what in (("files", 0), ("bytes", 1)):
            numbers = [(node.tally.files, node.tally.bytes)[what] for node in nodes(staging, query, None, order)]
            assert numbers == sorted(numbers)
        assert [node.held for node in nodes(staging, query, None, "held", descending=True)] == sorted(
            (node.held for node in nodes(staging, query, None)), reverse=True
        )

        # the tiles, Approve, Overview and the command line
        counts = summary(staging)
        assert Tally(counts.excluded, counts.excluded_bytes) == tally([line for line in lines if line.held])
        assert counts.excluded == changes_found(staging, Query(excluded=True), len(select_ids(staging, Query(excluded=True))))
        assert counts.renamed == kinds([line for line in lines if not line.held]).get("renamed", 0)
        to_record = [line for line in lines if line.can_be_held and not line.held and not line.done]
        assert sum(to_do(staging).values(), Tally()) - sum(renamed_to_do(staging).values(), Tally()) == tally(to_record)
        assert done(staging).files == tally([line for line in lines if line.done]).files

        # what changed, in words
        for recorded in (None, False, True):
            of = [line for line in lines if line.can_be_held and not line.held and recorded in (None, line.done)]
            assert sum((one.tally for one in what_changed(staging, done=recorded).parts), Tally()) == tally(of)

        # the question before a hold of selected lines
        chosen = rng.sample(lines, rng.randint(0, len(lines)))
        assert holdable(staging, [line.id for line in chosen]) == to_hold(chosen)


def test_every_order_of_the_tree_is_compared() -> None:
    assert set(SORTS) == {"name", "files", "bytes", "held"}


def test_halves_of_different_renamed_files_are_two_changes() -> None:
    """A filter, a patient or a folder with the old name of one file and the new name of another one."""
    one = [
        Line(1, DELETED, "Images", "1/Images/a", "1", 5, False, False, 2),
        Line(2, ADDED, "Images", "2/Images/a", "2", 5, False, False, 1),
    ]
    other = [
        Line(3, DELETED, "Images", "2/Images/b", "2", 7, False, False, 4),
        Line(4, ADDED, "Images", "1/Images/b", "1", 7, False, False, 3),
    ]
    with TemporaryDirectory() as base, make(Path(base) / "review.db", [*one, *other]) as staging:
        assert [node.tally for node in nodes(staging, Query(), None)] == [Tally(2, 12), Tally(2, 12)]
        assert changes_found(staging, Query(patient="1"), 2) == changes_found(staging, Query(search="1/"), 2) == 2
        assert changes_found(staging, Query(), 4) == 2
        assert holdable(staging, [1, 4]) == holdable(staging, [1, 2, 3, 4]) == holdable(staging, [1, 2, 3]) == 2
