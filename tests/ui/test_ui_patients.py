"""Patient after patient: which row shows what, whatever is open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QModelIndex
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from chorus_gui.core.model import ChangeKind, Tally
from chorus_gui.core.review.changes import by_ids, patients, select_ids
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import PatientChanges, Query
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.models.changes import PAGE, ChangesModel
from chorus_gui.ui.models.columns import KIND, PATH
from chorus_gui.ui.models.patients import Groups, merged


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.data())
def test_rows_and_positions_agree(sizes: list[int], data: st.DataObject) -> None:
    groups = Groups([PatientChanges(str(n), size, Tally(size, size)) for n, size in enumerate(sizes)])
    opened = data.draw(st.sets(st.integers(0, len(sizes) - 1)))
    groups.set_open(opened, opened=True)
    expected: list[tuple[int, int | None]] = []
    position = 0
    for number, size in enumerate(sizes):
        expected.append((number, None))
        if number in opened:
            expected += [(number, position + below) for below in range(size)]
        position += size
    assert [groups.at(row) for row in range(groups.rows)] == expected
    for place in range(position):
        shown = groups.at(groups.row_of(place))
        assert shown[1] in (place, None)
    first = data.draw(st.integers(0, groups.rows - 1))
    last = data.draw(st.integers(first, groups.rows - 1))
    wanted: set[int] = set()
    starts = [sum(sizes[:n]) for n in range(len(sizes))]
    for number, place in expected[first : last + 1]:
        wanted |= set(range(starts[number], starts[number] + sizes[number])) if place is None else {place}
    found = [place for start, stop in merged(groups.positions(first, last)) for place in range(start, stop)]
    assert found == sorted(wanted)


@pytest.fixture
def review(tmp_path: Path) -> Path:
    """Three patients with many files each, one of them deleted, and a table of nobody."""
    path = tmp_path / "review.db"
    with Staging.create(path) as staging:
        staging.db.executemany(
            "INSERT INTO change (kind, modality, path, patient_id, size) VALUES ('added', 'Images', ?, ?, 10)",
            ((f"{p}/Images/{n:04}.dcm", str(p)) for p in (1, 2, 3) for n in range(PAGE)),
        )
        staging.db.execute(
            "INSERT INTO change (kind, modality, path, old_patient_id, old_id, old_size) VALUES ('deleted','Images','3/x','3',1,5)"
        )
        staging.db.execute("INSERT INTO change (kind, modality, path, size) VALUES ('added', 'OMOP', 'OMOP/person.csv', 1)")
        staging.put("ready", value=True)
        staging.db.execute("COMMIT")
    return path


@pytest.fixture
def model() -> Iterator[ChangesModel]:
    readers = Reader("reader"), Reader("pager")
    model = ChangesModel(*readers)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    yield model
    for reader in readers:
        reader.stop()
        assert reader.wait(5000)
    del tester


def test_patients_open_and_close_and_stand_for_their_changes(qtbot: QtBot, review: Path, model: ChangesModel) -> None:
    model.ask(Query(by_patient=True, order="id"))
    with qtbot.waitSignal(model.answered):
        model.show_review((review, 1))
    assert model.rowCount() == 4
    assert model.count == 3 * PAGE + 2
    assert [model.index(row, PATH).data() for row in range(4)] == ["No patient", "Patient 1", "Patient 2", "Patient 3"]
    assert model.patient(3) == ("3", Tally(PAGE + 1, 10 * PAGE + 5))

    assert model.set_open(2, opened=True) == 2
    assert model.rowCount() == 4 + PAGE
    assert model.is_open(2)
    assert model.patient(3) is None
    qtbot.waitUntil(lambda: model.index(3, PATH).data() == "2/Images/0000.dcm", timeout=5000)
    qtbot.waitUntil(lambda: model.index(2 + PAGE, KIND).data() == "added", timeout=5000)
    assert len(model.ids([(2, 2)])) == PAGE, "a heading stands for all of its patient"
    assert len(model.ids([(3, 5), (2, 4)])) == PAGE, "and nothing is counted twice"
    assert len(model.ids([(3, 5)])) == 3
    assert len(model.ids([(0, model.rowCount() - 1)])) == model.count

    with qtbot.waitSignal(model.answered):
        model.show_review((review, 2))
    assert model.is_open(2), "what was open stays open when the review has changed"
    assert model.set_open(10, opened=False) == 2, "a change's heading is closed from any of its rows"
    assert model.rowCount() == 4
    model.open_all(opened=True)
    assert model.rowCount() == 4 + model.count
    model.open_all(opened=False)
    assert model.rowCount() == 4

    with qtbot.waitSignal(model.answered):
        model.ask(Query(by_patient=True, kinds=(ChangeKind.DELETED,)))
    assert model.rowCount() == 1
    with qtbot.waitSignal(model.answered):
        model.ask(Query())
    assert model.patient(0) is None
    assert model.rowCount() == model.count
    assert model.rowCount(QModelIndex(model.index(0, 0))) == 0


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """What can be held back, what cannot, and what is held back, of patients of different sizes; a problem in a patient's folder."""
    path = tmp_path / "mixed.db"
    rows = [
        ("added", "1/Images/a", "1", 5, 0),
        ("added", "1/Images/b", "1", 5, 0),
        ("added", "2/Images/a", "2", 700, 1),
        ("problem", "3/Images", "3", None, 0),
        ("added", "4/Images/a", "4", 30, 0),
        ("problem", "4/Images/b", "4", None, 0),
        ("unmatched", "x.txt", None, None, 0),
    ]
    with Staging.create(path) as staging:
        staging.db.executemany(
            "INSERT INTO change (kind, modality, path, patient_id, size, excluded) VALUES (?, 'Images', ?, ?, ?, ?)",
            ((kind, where, patient, size, held) for kind, where, patient, size, held in rows),
        )
        staging.put("ready", value=True)
        staging.db.execute("COMMIT")
    return path


@pytest.mark.parametrize("order", ["id", "kind", "size", "patient", "path", "mtime", "modality"])
@pytest.mark.parametrize("descending", [True, False])
def test_headings_and_changes_have_one_order(mixed: Path, order: str, descending: bool) -> None:
    query = Query(by_patient=True, order=order, descending=descending)
    with Staging.open(mixed) as staging:
        headings = patients(staging, query)
        changes = by_ids(staging, select_ids(staging, query))
    below = [item.patient for item in headings for _ in range(item.lines)]
    assert below == [change.patient_id for change in changes]
    if order == "size":
        assert [item.tally.bytes for item in headings] == sorted((item.tally.bytes for item in headings), reverse=descending)
    elif order == "patient":
        assert [item.patient for item in headings][:: -1 if descending else 1] == [None, "1", "2", "3", "4"]


def test_hold_and_release_are_offered_for_what_they_can_do(qtbot: QtBot, mixed: Path, model: ChangesModel) -> None:
    model.ask(Query(by_patient=True, order="patient"))
    with qtbot.waitSignal(model.answered):
        model.show_review((mixed, 1))

    def offered(first: int, last: int) -> tuple[bool, bool]:
        return model.can_hold_and_release([(first, last)])

    assert [offered(row, row) for row in range(5)] == [(False, False), (True, False), (False, True), (False, False), (True, False)]
    assert offered(1, 2) == (True, True)
    assert offered(0, 0) == (False, False)
    with qtbot.waitSignal(model.answered):
        model.ask(Query(order="path"))
    qtbot.waitUntil(lambda: model.change(6) is not None, timeout=5000)
    rows = {model.index(row, PATH).data(): offered(row, row) for row in range(7)}
    assert rows == {
        "1/Images/a": (True, False),
        "1/Images/b": (True, False),
        "2/Images/a": (False, True),
        "3/Images": (False, False),
        "4/Images/a": (True, False),
        "4/Images/b": (False, False),
        "x.txt": (False, False),
    }
    assert offered(3, 3) == offered(5, 6) == (False, False)
    assert offered(0, 6) == (True, True)
