"""The History page: what is listed, what the buttons ask for, what is asked before."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import QPersistentModelIndex, QSizeF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot
from uiworld import run_job, settle
from world import World

from chorus_gui.app.schedule import schedulers
from chorus_gui.app.schedule.plan import DAYS, Schedule, System
from chorus_gui.app.unattended.run_report import Kept, begun
from chorus_gui.app.values import ReceiptFacts
from chorus_gui.cli.main import main
from chorus_gui.core.errors import UsageError
from chorus_gui.core.journal.history import Command
from chorus_gui.core.model import Tally
from chorus_gui.ui import intents, words
from chorus_gui.ui.models.rows import Column, RowsModel
from chorus_gui.ui.pages import Services
from chorus_gui.ui.pages.history import HistoryPage, HistoryTab, make
from chorus_gui.ui.pages.history_parts import command_moment, version_name
from chorus_gui.ui.paper import FOOT, document, foot_line, pdf
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import SessionState
from chorus_gui.ui.widgets.dialogs import ConfirmDialog

CLICK = Qt.MouseButton.LeftButton


@pytest.fixture
def page(qtbot: QtBot, session: Session) -> HistoryPage:
    page = make(Services(session.reader, session.pager, session.settings))
    assert isinstance(page, HistoryPage)
    qtbot.addWidget(page)
    page.resize(1100, 800)
    page.show()
    session.changed.connect(page.render)
    page.intent.connect(session.do)
    page.render(session.state)
    return page


@pytest.fixture
def lived(qtbot: QtBot, world: World, session: Session, page: HistoryPage) -> Session:
    """One version is uploaded, another recorded only."""
    session.open(world.file)
    settle(qtbot, session)
    for version, record_only in (("v1", False), ("v2", True)):
        run_job(qtbot, session, intents.Scan())
        assert session.state.review is not None
        run_job(qtbot, session, intents.Approve(session.state.review.revision, version=version, record_only=record_only))
        world.put("1003/Images/c.dcm", "a third")
    settle(qtbot, session)
    return session


def cells(tab: HistoryTab, row: int) -> list[str]:
    return [str(tab.model.index(row, column).data()) for column in range(tab.model.columnCount())]


def answer(qtbot: QtBot, page: HistoryPage, word: str = "") -> None:
    """Say yes to the question that is open."""
    dialog = page.findChild(ConfirmDialog)
    assert dialog is not None
    if word:
        assert not dialog.yes.isEnabled()
        qtbot.keyClicks(dialog.field, word)
    qtbot.mouseClick(dialog.yes, CLICK)


def test_nothing_has_happened_yet(page: HistoryPage, opened: Session) -> None:
    page.render(opened.state)
    for tab in (page.versions, page.receipts, page.commands, page.copies):
        assert tab.model.rowCount() == 0
        assert tab.empty.title.text()
    page.render(SessionState())


def test_versions_by_modality(page: HistoryPage, lived: Session) -> None:
    model = page.versions.model
    titles = [model.headerData(n, Qt.Orientation.Horizontal) for n in range(model.columnCount())]
    assert titles == ["Version", "OMOP", "Images", "Waveforms", "Files", "Size", "Pending", "Replaced", "Complete", "Last upload"]
    assert cells(page.versions, 0)[:5] == ["v2", "–", "1", "–", "1"]
    assert cells(page.versions, 0)[6] == "1"
    assert cells(page.versions, 1)[:5] == ["v1", "1", "2", "1", "4"]
    assert "v1: 4, v2: 1" in page.chart.accessibleDescription()


def test_what_a_version_can_be_asked(qtbot: QtBot, page: HistoryPage, lived: Session) -> None:
    page.intent.disconnect(lived.do)
    page.versions.view.selectRow(0)
    assert not page.verify.isEnabled(), "nothing of it lies in the store"
    with qtbot.waitSignal(page.intent) as caught:
        qtbot.mouseClick(page.upload, CLICK)
    assert caught.args == [intents.UploadPending("v2")]
    page.versions.view.selectRow(1)
    assert not page.upload.isEnabled()
    assert not page.undo.isEnabled()
    with qtbot.waitSignal(page.intent) as caught:
        qtbot.mouseClick(page.verify, CLICK)
    assert caught.args == [intents.ShowPage("verify", "v1")]


def test_taking_back_asks_first(qtbot: QtBot, page: HistoryPage, lived: Session) -> None:
    page.versions.view.selectRow(0)
    qtbot.mouseClick(page.undo, CLICK)
    qtbot.waitUntil(lambda: page.findChild(ConfirmDialog) is not None, timeout=10_000)
    with qtbot.waitSignal(lived.ended, timeout=20_000):
        answer(qtbot, page)
    settle(qtbot, lived)
    assert [row[0] for row in (cells(page.versions, n) for n in range(page.versions.model.rowCount()))] == ["v1"]


def test_receipts_open(qtbot: QtBot, page: HistoryPage, lived: Session) -> None:
    page.intent.disconnect(lived.do)
    page.show_topic("receipts")
    assert {cells(page.receipts, row)[1] for row in range(2)} == {"Submission", "Recording"}
    page.receipts.view.selectRow(1)
    receipt: ReceiptFacts = page.receipts.chosen()
    for button, intent in (
        (page.open, intents.OpenPath(receipt.page)),
        (page.json, intents.OpenPath(receipt.data)),
        (page.folder, intents.OpenPath(receipt.page, select=True)),
    ):
        with qtbot.waitSignal(page.intent) as caught:
            qtbot.mouseClick(button, CLICK)
        assert caught.args == [intent]
    with qtbot.waitSignal(page.intent) as caught:
        qtbot.keyClick(page.receipts.view, Qt.Key.Key_Return)
    assert caught.args == [intents.OpenPath(receipt.page)]


def test_a_message_is_copied_that_names_no_file(qtbot: QtBot, page: HistoryPage, lived: Session) -> None:
    page.show_topic("receipts")
    rows = [row for row in range(2) if cells(page.receipts, row)[1] == "Submission"]
    page.receipts.view.selectRow(rows[0])
    qtbot.mouseClick(page.message, CLICK)
    qtbot.waitUntil(lambda: page.message.property("said") == "Copied. Paste it into a mail to the central team.", timeout=20_000)
    said = QGuiApplication.clipboard().text()
    assert said.startswith("CHoRUS submission of version v1: Complete\n")
    assert str(lived.state.config.sites["Images"].place.folder) not in said  # type: ignore[union-attr]
    receipt: ReceiptFacts = page.receipts.chosen()
    receipt.data.unlink()
    qtbot.mouseClick(page.message, CLICK)
    qtbot.waitUntil(lambda: "Could not read the receipt" in page.message.property("said"), timeout=20_000)


def test_a_receipt_is_saved_as_a_pdf(
    qtbot: QtBot, page: HistoryPage, lived: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "receipt of v1.pdf"
    monkeypatch.setattr("chorus_gui.ui.pages.history.ask_save", lambda *_: (file, ""))
    page.show_topic("receipts")
    page.receipts.view.selectRow(0)
    qtbot.mouseClick(page.pdf, CLICK)
    settle(qtbot, lived)
    content = file.read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")
    monkeypatch.setattr("chorus_gui.ui.pages.history.ask_save", lambda *_: (None, ""))
    with qtbot.assertNotEmitted(page.intent):
        qtbot.mouseClick(page.pdf, CLICK)


def test_a_long_receipt_has_several_sheets(qtbot: QtBot) -> None:
    page = "<h1>Receipt</h1>" + "".join(f"<p>1001/Images/{'long folder ' * 12}{number}.dcm</p>" for number in range(200))
    made = document(page, QSizeF(673, 1002 - FOOT))
    assert made.pageCount() > 3
    assert made.idealWidth() <= 673  # nothing is cut at the edge of the sheet
    assert pdf(page, "Receipt").count(b"/Type /Page\n") == made.pageCount()


def test_every_sheet_of_a_long_receipt_says_where_it_belongs(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sheets that somebody mixed up can be put together; a receipt of one sheet needs no number.  Nothing is drawn over it."""
    said: list[str] = []
    monkeypatch.setattr("chorus_gui.ui.paper.foot_line", lambda *given: (said.append(foot_line(*given)), said[-1])[1])
    pdf("<p>One line.</p>", "Receipt of v1")
    assert said == []
    pdf("<p>One line.</p>" * 150, "Receipt of v1")
    assert said[0] == f"Receipt of v1 · page 1 of {len(said)}"
    assert said[-1] == f"Receipt of v1 · page {len(said)} of {len(said)}"
    assert len(said) > 2


def test_commands_are_read_from_the_journal(qtbot: QtBot, page: HistoryPage, lived: Session) -> None:
    qtbot.waitUntil(lambda: page.commands.model.rowCount() == 2, timeout=5000)
    assert [cells(page.commands, row)[1] for row in range(2)] == ["journal update", "submit"], "the newest first"


def test_a_copy_is_restored_when_the_word_was_typed(qtbot: QtBot, page: HistoryPage, lived: Session, world: World) -> None:
    page.show_topic("copies")
    oldest = page.copies.model.rowCount() - 1
    page.copies.view.selectRow(oldest)
    qtbot.mouseClick(page.restore, CLICK)
    with qtbot.waitSignal(lived.ended, timeout=20_000):
        answer(qtbot, page, "restore")
    settle(qtbot, lived)
    assert world.rows() == [], "the copy was made before the first submission"
    assert page.versions.model.rowCount() == 0


def test_every_control_says_what_it_is(page: HistoryPage, lived: Session) -> None:
    buttons = [button for button in page.findChildren(QPushButton) if button.isVisibleTo(page) and button.text()]
    assert buttons
    assert all(button.accessibleName() and button.toolTip() for button in buttons)


@pytest.mark.parametrize(
    ("version", "name"), [("20261122130509", "2026-11-22 13:05"), ("2026-spring", "2026-spring"), ("99999999999999", "99999999999999")]
)
def test_versions_for_people(version: str, name: str) -> None:
    assert version_name(version) == name


def test_the_moment_of_a_command_of_another_tool() -> None:
    def command(at: str) -> Command:
        return Command(1, at, "", "update", "", {}, None, None)

    assert command_moment(command("yesterday")) == "yesterday"
    assert command_moment(command("2026-01-01 10:00:00 UTC")) == words.at(datetime(2026, 1, 1, 10, tzinfo=UTC))


def test_the_rows_model(qtbot: QtBot) -> None:
    model = RowsModel[Tally](
        [Column("Files", lambda t: str(t.files), lambda t: t.files, right=True), Column("Bytes", lambda t: f"{t.bytes} B")]
    )
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.show_rows([Tally(2, 20), Tally(10, 5), Tally(1, 7)])
    kept = model.index(1, 0)
    persistent = QPersistentModelIndex(kept)
    model.sort(0, Qt.SortOrder.DescendingOrder)
    assert [model.index(row, 0).data() for row in range(3)] == ["10", "2", "1"]
    assert persistent.row() == 0, "a selection stays with its value"
    model.sort(-1)
    assert persistent.row() == 1
    model.show_columns([Column("Only", lambda t: str(t))])
    assert model.columnCount() == 1
    assert model.value(7) is None
    del tester


def test_unattended_runs_and_schedules(
    qtbot: QtBot, page: HistoryPage, session: Session, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = world.base / "p.toml"
    for text in ("", "nonsense = 1"):
        policy.write_text(text, "utf-8")
        main(["-c", str(world.file), "submit", "--policy", str(policy)])
    mine = Schedule("nightly", ("chorus-upload",), str(world.file), str(policy), "22:30", DAYS[:5])
    monkeypatch.setattr(schedulers, "here", lambda: System.SYSTEMD)
    monkeypatch.setattr(schedulers.Systemd, "installed", lambda _: [mine, replace(mine, name="other", config="/other.toml")])
    session.open(world.file)
    settle(qtbot, session)
    qtbot.waitUntil(lambda: page.runs.model.rowCount() == 2)
    assert [cells(page.runs, row)[1] for row in range(2)] == ["Could not start", "Done: 4 files (32 B) uploaded"]
    assert page.scheduled.text().startswith("“nightly” starts Monday to Friday at 22:30. Next start: ")
    assert "other" not in page.scheduled.text()
    page.show_topic("unattended")
    page.intent.disconnect(session.do)
    page.runs.view.selectRow(0)
    assert page.reason.isVisible()
    assert page.reason.text().startswith("Could not start\n")
    assert "nonsense" in page.reason.text(), "the reason, not only that there is one"
    assert page.runs.model.index(0, 1).data(Qt.ItemDataRole.ToolTipRole) == page.reason.text()
    page.runs.view.selectRow(1)
    assert page.reason.text() == "Done: 4 files (32 B) uploaded"
    with qtbot.waitSignal(page.intent) as caught:
        qtbot.mouseClick(page.open_run, CLICK)
    [intent] = caught.args or [None]
    assert isinstance(intent, intents.OpenPath)
    assert "Done: 4 files" in intent.path.read_text("utf-8")


def test_a_scheduler_that_cannot_be_asked_is_named(
    qtbot: QtBot, page: HistoryPage, session: Session, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise UsageError("Could not run “systemctl”: permission denied.")

    monkeypatch.setattr(schedulers, "here", lambda: System.SYSTEMD)
    monkeypatch.setattr(schedulers.Systemd, "installed", refuse)
    session.open(world.file)
    settle(qtbot, session)
    qtbot.waitUntil(lambda: "Could not run" in page.scheduled.text())


def test_the_tab_is_read_again_when_it_is_chosen(qtbot: QtBot, world: World, lived: Session, page: HistoryPage) -> None:
    page.show_topic("copies")
    settle(qtbot, lived)
    assert page.runs.model.rowCount() == 0
    Kept.begin(begun(world.file, world.base / "p.toml")).close()
    page.show_topic("unattended")
    qtbot.waitUntil(lambda: page.runs.model.rowCount() == 1)


def test_on_each_tab_every_letter_reaches_one_thing(page: HistoryPage) -> None:
    titles = [page.tabs.tabText(place) for place in range(page.tabs.count())]
    for place in range(page.tabs.count()):
        texts = [*titles, *(button.text() for button in page.tabs.widget(place).findChildren(QPushButton))]
        letters = [found.lower() for text in texts for found in re.findall(r"&(\w)", text)]
        assert sorted(letters) == sorted(set(letters)), texts
