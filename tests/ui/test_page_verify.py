"""The Verify page: the choice, what is found while it runs, and afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot
from uiworld import run_job, settle
from world import World

from chorus_gui.app import verdict_book as verdicts
from chorus_gui.app.verdict_book import Book, Verified
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.model import Grade, Level, Row
from chorus_gui.core.submission.work import Part
from chorus_gui.core.transfer.verify import Verdict, VerifyResult
from chorus_gui.ui import intents
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.models.verification import PAGE, PATH, RESULT, SIZE, VERSION, VerificationModel
from chorus_gui.ui.pages import Services
from chorus_gui.ui.pages.verify import VerifyPage, make, said
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import SessionState

CLICK = Qt.MouseButton.LeftButton


@pytest.fixture
def page(qtbot: QtBot, session: Session) -> VerifyPage:
    page = make(Services(session.reader, session.pager, session.settings))
    assert isinstance(page, VerifyPage)
    qtbot.addWidget(page)
    page.resize(1200, 800)
    page.show()
    session.changed.connect(page.render)
    session.progressed.connect(page.progress)
    page.intent.connect(session.do)
    page.render(session.state)
    return page


@pytest.fixture
def submitted(qtbot: QtBot, world: World, session: Session, page: VerifyPage) -> Session:
    """Two versions lie in the store, the second with one file."""
    world.run(version="v1")
    world.put("1003/Images/c.dcm", "a third")
    world.run(version="v2")
    session.open(world.file)
    settle(qtbot, session)
    return session


def paths(page: VerifyPage) -> list[str]:
    model = page.model
    return [str(model.index(row, PATH).data()) for row in range(model.rowCount())]


def shows(qtbot: QtBot, page: VerifyPage, *wanted: str) -> None:
    """Until the table shows these, in any order."""
    qtbot.waitUntil(lambda: sorted(paths(page)) == sorted(wanted), timeout=5000)


# --- the choice ---------------------------------------------------------------------------------------------------------


def test_nothing_is_there_to_verify(qtbot: QtBot, page: VerifyPage, opened: Session) -> None:
    page.render(opened.state)
    assert page.stack.currentWidget() is page.empty
    assert page.empty.title.text() == "No uploaded files yet"
    assert not page.choice.begin.isEnabled()
    page.render(SessionState())
    with qtbot.waitSignal(page.intent) as caught:
        qtbot.mouseClick(page.empty.action, CLICK)
    assert caught.args == [intents.ShowPage("configuration")]


def test_the_last_version_is_offered_and_a_topic_chooses(qtbot: QtBot, page: VerifyPage, submitted: Session) -> None:
    assert page.empty.title.text() == "No results yet"
    assert page.choice.version.currentData() == "v2"
    assert page.choice.amount.text().startswith("1 file")
    page.show_topic("v1")
    assert page.choice.version.currentText() == "v1  (4 files)"
    page.show_topic("no such version")
    assert page.choice.version.currentData() == "v1"


def test_the_choice_is_what_is_asked_for(qtbot: QtBot, page: VerifyPage, submitted: Session) -> None:
    page.intent.disconnect(submitted.do)
    asked: list[intents.Intent] = []
    page.intent.connect(asked.append)
    assert not page.choice.part.isEnabled()
    page.choice.version.setCurrentIndex(0)
    page.choice.modalities["OMOP"].click()
    page.choice.again.click()
    with qtbot.waitSignal(page.intent) as caught:
        qtbot.mouseClick(page.choice.begin, CLICK)
    assert caught.args == [intents.Verify(None, ("Images", "Waveforms", "Metadata"), reread=True)]
    page.choice.part.setCurrentIndex(page.choice.part.findText("Random 10% of the files"))
    assert page.choice.amount.text() == "1 of 4 files"
    qtbot.mouseClick(page.choice.begin, CLICK)
    assert asked[-1] == intents.Verify(None, ("Images", "Waveforms", "Metadata"), reread=True, part=Part(share=0.1))
    page.choice.part.setCurrentIndex(page.choice.part.findText("Newest 100 files"))
    assert page.choice.amount.text().startswith("4 files, ")
    qtbot.mouseClick(page.choice.begin, CLICK)
    assert asked[-1] == intents.Verify(None, ("Images", "Waveforms", "Metadata"), reread=True, part=Part(newest=100))
    page.choice.properties.click()
    assert not page.choice.part.isEnabled()
    qtbot.mouseClick(page.choice.begin, CLICK)
    assert asked[-1] == intents.Verify(None, ("Images", "Waveforms", "Metadata")), "the list limits only what is read"
    for box in page.choice.modalities.values():
        box.setChecked(False)
    assert not page.choice.begin.isEnabled()
    assert page.choice.amount.text() == "No uploaded files"


# --- what is found ------------------------------------------------------------------------------------------------------


def test_all_is_in_order(qtbot: QtBot, page: VerifyPage, submitted: Session) -> None:
    page.choice.version.setCurrentIndex(0)
    with qtbot.waitSignal(submitted.ended, timeout=20_000):
        qtbot.mouseClick(page.choice.begin, CLICK)
    settle(qtbot, submitted)
    shows(qtbot, page, "OMOP/person.csv", "1001/Images/a.dcm", "1001/Waveforms/a.dat", "1002/Images/b.dcm", "1003/Images/c.dcm")
    assert page.status.text().startswith("Compared 5 files, by size and MD5. All match the journal.")
    assert page.shown.text() == "", "all of them are shown"
    assert page.tiles["ok"].isEnabled()
    assert not page.tiles["missing"].isEnabled()
    assert not page.cancel.isVisible()
    assert not page.table.isColumnHidden(VERSION)


@pytest.fixture
def damaged(qtbot: QtBot, page: VerifyPage, submitted: Session, world: World) -> Session:
    next(world.central.rglob("a.dcm")).unlink()
    next(world.central.rglob("b.dcm")).write_bytes(b"OTHER IMAGE")
    run_job(qtbot, submitted, intents.Verify("v1"))
    shows(qtbot, page, "OMOP/person.csv", "1001/Images/a.dcm", "1001/Waveforms/a.dat", "1002/Images/b.dcm")
    return submitted


def test_tiles_and_search_filter(qtbot: QtBot, page: VerifyPage, damaged: Session) -> None:
    assert page.status.text().startswith("Compared 4 files, by size and MD5. 2 files differ from the journal.")
    assert page.status.property("grade") == Grade.BAD.value
    page.resize(page.width() + 300, page.height())
    QApplication.processEvents()
    assert page.table.isColumnHidden(VERSION), "each line is of the version that the page names, in a wide window, too"
    qtbot.mouseClick(page.tiles["missing"], CLICK)
    shows(qtbot, page, "1001/Images/a.dcm")
    assert page.shown.text() == "1 of 4 files shown"
    page.table.selectRow(0)
    assert "The file is not in the central store at" in page.detail.text()
    qtbot.mouseClick(page.tiles["content_differs"], CLICK)
    shows(qtbot, page, "1001/Images/a.dcm", "1002/Images/b.dcm")
    qtbot.mouseClick(page.tiles["missing"], CLICK)
    qtbot.mouseClick(page.tiles["content_differs"], CLICK)
    qtbot.keyClicks(page.search, "waveforms")
    shows(qtbot, page, "1001/Waveforms/a.dat")
    page.search.clear()
    page.table.sortByColumn(SIZE, Qt.SortOrder.DescendingOrder)
    qtbot.waitUntil(lambda: paths(page)[0] == "OMOP/person.csv", timeout=5000)


def test_what_is_shown_is_exported(
    qtbot: QtBot, page: VerifyPage, damaged: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(tmp_path / "found"), "JSON (*.json)"))
    qtbot.mouseClick(page.tiles["missing"], CLICK)
    with qtbot.waitSignal(damaged.ended, timeout=20_000):
        qtbot.mouseClick(page.export, CLICK)
    written = (tmp_path / "found.json").read_text("utf-8")
    assert '"path": "1001/Images/a.dcm"' in written
    assert "b.dcm" not in written


def test_what_was_found_is_there_after_a_restart(qtbot: QtBot, damaged: Session, page: VerifyPage, world: World, tmp_path: Path) -> None:
    readers = Reader("reader"), Reader("pager")
    again = make(Services(*readers, damaged.settings))
    assert isinstance(again, VerifyPage)
    qtbot.addWidget(again)
    again.render(damaged.state)
    qtbot.waitUntil(lambda: again.model.rowCount() == 4, timeout=5000)
    assert again.stack.currentWidget() is not again.empty
    other = World(tmp_path / "other")
    damaged.open(other.file)
    settle(qtbot, damaged)
    again.render(damaged.state)
    qtbot.waitUntil(lambda: again.stack.currentWidget() is again.empty, timeout=5000)
    for reader in readers:
        reader.stop()
        assert reader.wait(5000)


def test_another_verification_begins_with_an_empty_table(qtbot: QtBot, page: VerifyPage, damaged: Session) -> None:
    with qtbot.waitSignal(damaged.ended, timeout=20_000):
        damaged.do(intents.Verify("v2"))
        assert page.model.rowCount() == 0
        assert page.cancel.isVisible()
        assert not page.choice.begin.isEnabled()
        assert "is running" in page.choice.begin.toolTip()
    settle(qtbot, damaged)
    shows(qtbot, page, "1003/Images/c.dcm")


def test_a_stopped_one_says_so() -> None:
    found = Verified(1, "j", None, ("OMOP",), False, 0, 1, False, {"ok": (3, 30)})
    assert said(found) == ("Stopped after 3 files.", Grade.WARNING)
    nothing = Verified(1, "j", None, ("OMOP",), False, 0, 1, True, {})
    assert said(nothing)[1] is Grade.INFO


@pytest.mark.parametrize(
    ("counts", "words", "grade"),
    [
        ({"ok": 5, "missing": 1}, "Compared 6 files, by size and MD5. 1 file differs from the journal.", Grade.BAD),
        ({"size_differs": 1}, "Compared 1 file, by size and MD5. 1 file differs from the journal.", Grade.BAD),
        ({"ok": 4, "missing": 1, "content_differs": 1}, "Compared 6 files, by size and MD5. 2 files differ from the journal.", Grade.BAD),
        ({"ok": 1}, "Compared 1 file, by size and MD5. It matches the journal.", Grade.GOOD),
        ({"unchecked": 1}, "1 file could not be checked. Verify again.", Grade.WARNING),
        ({"unprovable": 2}, "2 files could not be compared: their entries in the journal have no MD5.", Grade.WARNING),
    ],
    ids=str,
)
def test_what_was_found_reads_naturally_for_one_file_and_for_many(counts: dict[str, int], words: str, grade: Grade) -> None:
    found = Verified(1, "j", None, ("OMOP",), False, 0, 1, True, {result: (files, 10 * files) for result, files in counts.items()})
    assert said(found) == (words, grade)


def test_a_cancelled_job_leaves_what_it_found(qtbot: QtBot, page: VerifyPage, submitted: Session, world: World) -> None:
    with Book(verdicts.book_file(world.journal), journal=world.journal, version="v1", modalities=("OMOP",), reread=False) as book:
        book.add(verdict(1))
    submitted.do(intents.Verify())
    submitted.do(intents.CancelJob())
    with qtbot.waitSignal(submitted.ended, timeout=20_000):
        pass
    settle(qtbot, submitted)
    last = submitted.state.last
    assert last is not None
    assert last.outcome in (OutcomeKind.CANCELLED, OutcomeKind.DONE)
    assert page.choice.begin.isEnabled()
    assert not page.cancel.isVisible()


# --- the model ----------------------------------------------------------------------------------------------------------


def verdict(number: int) -> Verdict:
    result = VerifyResult.MISSING if number % 10 == 0 else VerifyResult.OK
    row = Row(number, "Images", f"{number:06}.dcm", "1", number, 0, "0" * 32, 0, None, "20260101000000", "v1")
    return Verdict(row, result, Level.PROPERTIES, f"v1/{row.path}", "")


@pytest.fixture
def model(qtbot: QtBot, tmp_path: Path) -> Iterator[VerificationModel]:
    readers = Reader("reader"), Reader("pager")
    model = VerificationModel(*readers)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    yield model
    for reader in readers:
        reader.stop()
        assert reader.wait(5000)
    del tester


def test_rows_are_appended_while_they_are_found(qtbot: QtBot, model: VerificationModel, tmp_path: Path) -> None:
    file = tmp_path / "last.db"
    first = PAGE + 10

    def text(row: int) -> str:
        qtbot.waitUntil(lambda: model.line(row) is not None, timeout=5000)
        return str(model.index(row, PATH).data())

    with Book(file, journal=Path("j"), version=None, modalities=("Images",), reread=False) as book:
        for number in range(first):
            book.add(verdict(number))
        book._flush()
        found = verdicts.last_verification(file)
        assert found is not None
        with qtbot.waitSignal(model.answered, check_params_cb=lambda count: count == first):
            model.show_run(file, found.number)
        assert text(first - 1) == f"{first - 1:06}.dcm"
        for number in range(first, 3 * PAGE):
            book.add(verdict(number))
        book._flush()
        with qtbot.waitSignal(model.rowsInserted):
            model.more()
        assert model.rowCount() == 3 * PAGE
        assert text(first) == f"{first:06}.dcm", "a page that was not full is read again"
    with qtbot.waitSignal(model.answered):
        model.filter(("missing",), "")
    assert text(1) == "000010.dcm"
    assert model.index(1, RESULT).data() == "missing"
    with qtbot.waitSignal(model.answered):
        model.sort(PATH, Qt.SortOrder.DescendingOrder)
    assert text(0) == f"{3 * PAGE // 10 * 10:06}.dcm"
    with qtbot.waitSignal(model.answered):
        model.show_run(file, None)
    assert model.rowCount() == 0
