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
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Query
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.models.changes import PAGE, ChangesModel
from chorus_gui.ui.models.columns import KIND, PATH
from chorus_gui.ui.models.patients import Groups, merged


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.data())
def test_rows_and_positions_agree(sizes: list[int], data: st.DataObject) -> None:
    groups = Groups([(str(n), Tally(size, size)) for n, size in enumerate(sizes)])
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
