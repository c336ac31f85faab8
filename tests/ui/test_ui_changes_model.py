"""The table of changes: every row, in every order, fetched off the screen's thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot
from world import World

from chorus_gui.core.folders import remove_file
from chorus_gui.core.model import Change, ChangeKind, Row, Tally
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Query
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.models.changes import PAGE, ChangesModel
from chorus_gui.ui.models.columns import COLUMNS, KIND, PATH, SIZE

COUNT = 5 * PAGE + 7


@pytest.fixture
def review(tmp_path: Path) -> Path:
    """A review of many added files, made as a diff makes them."""
    world = World(tmp_path / "world")
    world.put("OMOP/person.csv", "person_id\n1\n")
    path = world.review().path
    with Staging.open(path) as staging:
        staging.db.executemany(
            "INSERT INTO change (kind, modality, path, patient_id, size, mtime_us) VALUES ('added', 'Images', ?, ?, ?, 1700000000000000)",
            ((f"{n // 100}/Images/{n:05}.dcm", str(n // 100), n) for n in range(COUNT - 1)),
        )
    return path


@pytest.fixture
def model(qtbot: QtBot, review: Path) -> Iterator[ChangesModel]:
    readers = Reader("reader"), Reader("pager")
    model = ChangesModel(*readers)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    with qtbot.waitSignal(model.answered):
        model.show_review((review, 1))
    yield model
    for reader in readers:
        reader.stop()
        assert reader.wait(5000)
    del tester


def text(qtbot: QtBot, model: ChangesModel, row: int, column: int) -> str:
    qtbot.waitUntil(lambda: model.change(row) is not None, timeout=5000)
    return str(model.index(row, column).data())


def test_rows_and_columns(qtbot: QtBot, model: ChangesModel) -> None:
    assert (model.rowCount(), model.columnCount()) == (COUNT, len(COLUMNS))
    assert text(qtbot, model, 0, PATH) == "0/Images/00000.dcm"
    assert text(qtbot, model, COUNT - 1, PATH) == "OMOP/person.csv"
    assert text(qtbot, model, COUNT - 1, KIND) == "added"


def test_a_cell_that_is_not_here_yet_is_empty_and_comes(qtbot: QtBot, model: ChangesModel) -> None:
    row = 4 * PAGE + 3
    index = model.index(row, PATH)
    assert index.data() is None
    qtbot.waitUntil(lambda: index.data() is not None, timeout=5000)
    assert index.data() == sorted(f"{n // 100}/Images/{n:05}.dcm" for n in range(COUNT - 1))[row]


def test_sorting_filtering_searching(qtbot: QtBot, model: ChangesModel) -> None:
    with qtbot.waitSignal(model.answered):
        model.sort(SIZE, Qt.SortOrder.DescendingOrder)
    assert text(qtbot, model, 0, PATH).endswith(f"{COUNT - 2:05}.dcm")
    with qtbot.waitSignal(model.answered):
        model.ask(Query(search="0001", order="path"))
    expected = sorted(path for n in range(COUNT - 1) if "0001" in (path := f"{n // 100}/Images/{n:05}.dcm"))
    assert [text(qtbot, model, row, PATH) for row in range(model.rowCount())] == expected
    with qtbot.waitSignal(model.answered):
        model.ask(Query(kinds=(ChangeKind.DELETED,)))
    assert model.rowCount() == 0


def test_only_the_newest_question_is_answered(qtbot: QtBot, model: ChangesModel) -> None:
    answers: list[int] = []
    model.answered.connect(answers.append)
    for n in range(20):
        model.ask(Query(search=f"{n:05}.dcm"))
    qtbot.waitUntil(lambda: bool(answers), timeout=5000)
    qtbot.wait(50)
    assert answers[-1] == 1
    assert len(answers) < 20
    assert text(qtbot, model, 0, PATH).endswith("00019.dcm")


def test_a_review_that_is_gone_empties_the_table(qtbot: QtBot, model: ChangesModel, review: Path) -> None:
    text(qtbot, model, 0, PATH)
    remove_file(review)
    qtbot.waitUntil(lambda: not review.exists(), timeout=5000)
    with qtbot.waitSignal(model.answered):
        model.show_review((review, 2))
    assert model.rowCount() == 0
    with qtbot.waitSignal(model.answered):
        model.show_review(None)


def test_every_column_says_something_of_every_change() -> None:
    """One table describes the columns: nothing beside it has to be kept in step."""
    old = Row(1, "Images", "1/a.dcm", "1", 2, 3, "0" * 32, 4, None, "20260101000000", "v1")
    change = Change(1, ChangeKind.UPDATED, "Images", "1/a.dcm", "1", 5, 6, None, None, old, note="noted")
    for column in COLUMNS:
        assert column.title
        assert column.text(change, lambda _: "v2/1/a.dcm"), column.title
        assert column.widest
        assert isinstance(column.heading("1", Tally(1, 2)), str)
    assert sorted(column.position for column in COLUMNS) == list(range(len(COLUMNS)))
    for column in COLUMNS:
        if column.order:
            Query(order=column.order).sql("id")
