"""History: the versions in the journal, the receipts, the commands, and the kept copies of the journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar

from PySide6.QtCore import QPoint
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import QPushButton, QTableView, QTabWidget, QToolTip, QWidget

from chorus_gui.app.journal import local_history
from chorus_gui.app.receipt_message import message_of
from chorus_gui.app.unattended.seen import RunFacts, Unattended, unattended
from chorus_gui.app.values import CopyFacts, JournalFacts, ReceiptFacts
from chorus_gui.core.job import Outcome, OutcomeKind
from chorus_gui.ui import intents, words
from chorus_gui.ui.models.rows import RowsModel
from chorus_gui.ui.pages import Page, Services
from chorus_gui.ui.pages.history_charts import ChartsTab
from chorus_gui.ui.pages.history_parts import (
    COMMANDS,
    COPIES,
    RECEIPTS,
    RUNS,
    VersionLine,
    bars,
    run_text,
    schedule_text,
    version_columns,
    version_lines,
)
from chorus_gui.ui.pages.review_questions import read_and_ask_undo
from chorus_gui.ui.saving_intents import SaveReceipt
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.state import SessionState
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import EmptyState, button, column, label, row
from chorus_gui.ui.widgets.charts import BarChart
from chorus_gui.ui.widgets.dialogs import ConfirmDialog, Question
from chorus_gui.ui.widgets.files import ask_save
from chorus_gui.ui.widgets.remembering import remembered_of
from chorus_gui.ui.widgets.scrolling import Stack, scrolled_if_low
from chorus_gui.ui.widgets.tables import set_widths, sortable, table

T = TypeVar("T")
PDF = "PDF files (*.pdf)"
TOPICS = {"versions": 0, "charts": 1, "receipts": 2, "commands": 3, "copies": 4, "unattended": 5}


class HistoryTab(QWidget):
    """A table with its buttons, or why it is empty."""

    def __init__(self, model: RowsModel[Any], view: QTableView, empty: EmptyState, tools: Sequence[QPushButton], *above: QWidget) -> None:
        super().__init__()
        self.model, self.view, self.empty = model, view, empty
        body = QWidget()
        self.buttons = row(*tools, None)
        inside = column(*above, view, self.buttons, space=2 * SPACE)
        inside.setStretch(len(above), 1)
        body.setLayout(inside)
        self._stack = Stack()
        self._stack.addWidget(body)
        self._stack.addWidget(empty)
        self.setLayout(column(scrolled_if_low(column(self._stack, margins=(0, 2 * SPACE, 0, 0))), space=0))

    def show_rows(self, rows: Sequence[Any]) -> None:
        """Show these, or the empty state."""
        self.model.show_rows(rows)
        self._stack.setCurrentIndex(0 if rows else 1)
        if rows and not self.view.selectionModel().hasSelection():
            self.view.selectRow(0)

    def chosen(self) -> Any:
        """The value of the chosen row, or None."""
        rows = self.view.selectionModel().selectedRows()
        return self.model.value(rows[0].row()) if rows else None


class _Columns(NamedTuple):
    """A table's columns; ``stretch`` is the one that takes what is left, ``widths`` are texts that fit in the others, ``gives`` those that give way first."""

    columns: Sequence[Any]
    stretch: int
    widths: dict[int, str]
    gives: tuple[int, ...] = ()


class HistoryPage(Page):
    """The History page."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._reader = services.reader
        self._state: SessionState | None = None
        self._journal: JournalFacts | None = None
        self._modalities: tuple[str, ...] | None = None
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName("History")
        self.tabs.setDocumentMode(True)
        self.verify = button("Verif&y version…", "Compare this version with the central store", icon="verify")
        self.upload = button("Up&load pending files", "Upload the pending files of this version", icon="upload")
        self.undo = button("U&ndo version…", "Remove the pending files of this version from the journal", icon="undo")
        self.files = button("Sho&w files", "Look at the files of this version in the central store", icon="folder")
        self.open = button("&Open receipt", "Open the receipt in your browser", icon="receipt", primary=True)
        self.json = button("Open J&SON", "Open the receipt as JSON, for programs", icon="file")
        self.message = button(
            "Copy &message", "Copy a short message about this run, to be sent to the central team; it names no file", icon="copy"
        )
        self.pdf = button("Save as PDF…", "Save the receipt as a PDF file, to be printed or kept", icon="save")
        self.folder = button("Show in fol&der", "Show the receipt in its folder", icon="folder")
        self.open_run = button("O&pen report", "Open the report of this run in your browser", icon="receipt", primary=True)
        self.json_run = button("Open J&SON", "Open the report as JSON, for programs", icon="file")
        self.folder_run = button("Show in fol&der", "Show the report in its folder", icon="folder")
        self.restore = button("&Restore copy…", "Use this copy as the journal again; the current journal is kept", icon="undo")
        self.where = button("Show in fol&der", "Show the copy in its folder", icon="folder")
        self.chart = BarChart("Files by version")
        self.chart.setFixedHeight(170)
        self.versions = self._tab(
            "Versions",
            _Columns(version_columns(()), 0, {0: "20260101000000"}),
            EmptyState("history", "No versions yet", "Every submission adds a version. Scan the site to start one."),
            (self.verify, self.upload, self.undo, self.files),
            (self.chart,),
        )
        self.receipts = self._tab(
            "Receipts",
            _Columns(
                RECEIPTS,
                3,
                {
                    0: "30/12/2026 23:59",
                    1: "Verification",
                    2: "20260101000000",
                    4: "100,000 files (888.8 GB)",
                    5: "1,000",
                    6: "1,000",
                    7: "coordinator on workstation",
                },
                gives=(7,),
            ),
            EmptyState("receipt", "No receipts yet", "Every submission, upload and verification adds one, on every computer."),
            (self.open, self.message, self.pdf, self.json, self.folder),
        )
        self.commands = self._tab(
            "Commands",
            _Columns(
                COMMANDS,
                2,
                {0: "30/12/2026 23:59", 1: "journal mark-uploaded", 3: "https://account.blob.core.windows.net/container", 4: "88 min 88 s"},
                gives=(3,),
            ),
            EmptyState("log", "No commands yet", "Every command that changes the journal is listed here, from all colleagues."),
        )
        self.copies = self._tab(
            "Kept copies of the journal",
            _Columns(
                COPIES,
                1,
                {0: "30/12/2026 23:59", 1: "journal-20260101000000.db", 2: "20260101000000", 3: "1,000,000", 4: "1,000,000", 5: "888.8 MB"},
            ),
            EmptyState(
                "save",
                "No kept copies yet",
                "Before a command changes the journal, a copy is kept in the same folder. The last ten are listed here.",
            ),
            (self.restore, self.where),
        )
        self.scheduled, self.reason = label("", "muted", wrap=True), label("", wrap=True, selectable=True)
        self.reason.hide()
        self.runs = self._tab(
            "Unattended runs",
            _Columns(
                RUNS,
                1,
                {
                    0: "30/12/2026 23:59",
                    1: "Stopped by the policy: 1 rule is not met",
                    2: "100,000 files (888.8 GB)",
                    3: "1,000",
                    4: "Nightly submissions",
                    5: "Exit status",
                },
                gives=(4, 2),
            ),
            EmptyState("history", "No unattended runs yet", "Every run of “chorus-upload submit --policy” leaves a report here."),
            (self.open_run, self.json_run, self.folder_run),
        )
        self.charts = ChartsTab(services.checker or services.reader)
        automatic = QWidget()
        inside = column(self.scheduled, self.runs, self.reason, space=SPACE, margins=(0, 2 * SPACE, 0, 0))
        automatic.setLayout(column(scrolled_if_low(inside), space=0))
        tabs = (
            (self.versions, "V&ersions"),
            (self.charts, "Charts"),
            (self.receipts, "Rece&ipts"),
            (self.commands, "&Commands"),
            (self.copies, "&Kept copies"),
            (automatic, "Un&attended runs"),
        )
        for tab, title in tabs:
            self.tabs.addTab(tab, title)
        self.set_content(column(label("History", "title"), self.tabs, space=2 * SPACE, margins=(24, 20, 24, 24)))
        self._connect()

    def _tab(
        self, name: str, columns: _Columns, empty: EmptyState, tools: Sequence[QPushButton] = (), above: Sequence[QWidget] = ()
    ) -> HistoryTab:
        model: RowsModel[Any] = RowsModel(columns.columns, self)
        view = table(model, name, stretch=columns.stretch)
        sortable(view)
        set_widths(view, columns.widths, gives=columns.gives)
        made = HistoryTab(model, view, empty, tools, *above)
        view.selectionModel().selectionChanged.connect(lambda *_: self._enable())
        model.modelReset.connect(self._enable)
        return made

    def _connect(self) -> None:
        ask = self._on
        self.tabs.currentChanged.connect(self._chosen)
        self.charts.intent.connect(self.intent)
        self.verify.clicked.connect(ask(self.versions, lambda line: intents.ShowPage("verify", line.version)))
        self.upload.clicked.connect(ask(self.versions, lambda line: intents.UploadPending(line.version)))
        self.files.clicked.connect(ask(self.versions, lambda line: intents.ShowPage("store", line.version)))
        self.undo.clicked.connect(self._undo)
        self.open.clicked.connect(ask(self.receipts, lambda receipt: intents.OpenPath(receipt.page)))
        self.json.clicked.connect(ask(self.receipts, lambda receipt: intents.OpenPath(receipt.data)))
        self.folder.clicked.connect(ask(self.receipts, lambda receipt: intents.OpenPath(receipt.page, select=True)))
        self.message.clicked.connect(self._ask_message)
        self.pdf.clicked.connect(self._save_receipt)
        self.open_run.clicked.connect(ask(self.runs, lambda run: intents.OpenPath(run.page)))
        self.json_run.clicked.connect(ask(self.runs, lambda run: intents.OpenPath(run.data)))
        self.folder_run.clicked.connect(ask(self.runs, lambda run: intents.OpenPath(run.page, select=True)))
        self.runs.view.activated.connect(lambda _: self.open_run.click())
        self.receipts.view.activated.connect(lambda _: self.open.click())
        self.restore.clicked.connect(self._restore)
        self.where.clicked.connect(ask(self.copies, lambda copy: intents.OpenPath(copy.path, select=True)))

    def _on(self, tab: HistoryTab, make_intent: Callable[[Any], intents.Intent]) -> Callable[[], None]:
        def act() -> None:
            value = tab.chosen()
            if value is not None:
                self.intent.emit(make_intent(value))

        return act

    # --- rendering --------------------------------------------------------------------------------------------------

    def render(self, state: SessionState) -> None:
        """Draw the state."""
        before, self._state = self._state, state
        journal = state.journal
        if before is None or journal is not self._journal or state.config is not before.config or state.complete is not before.complete:
            self._journal = journal
            self._render_journal(state)
        if before is None or state.receipts is not before.receipts:
            self.receipts.show_rows(state.receipts)
        if before is not None and state.config_file != before.config_file:
            self.scheduled.setText("")  # those of another site
            self.runs.show_rows(())
        if before is None or state.receipts is not before.receipts or state.config is not before.config:
            self._ask_unattended()
        self.charts.render(state)
        self._enable()

    def _render_journal(self, state: SessionState) -> None:
        journal = state.journal
        there = {count.modality for count in journal.counts} if journal else set[str]()
        configured = state.config.modalities if state.config else ()
        names = tuple(name for name in configured if name in there) + tuple(sorted(there - set(configured)))
        if names != self._modalities:
            self._modalities = names
            self.versions.model.show_columns(version_columns(names))
            samples = {number + 1: "100,000" for number in range(len(names) + 1)}
            rest = {
                len(names) + 2: "888.8 GB",
                len(names) + 3: "100,000",
                len(names) + 4: "100,000",
                len(names) + 5: "Outdated",
                len(names) + 6: "30/12/2026 23:59",
            }
            remembered_of(self.versions.view).sort_again()
            set_widths(self.versions.view, samples | rest, gives=(len(names) + 4, *range(len(names), 0, -1)))
        lines = version_lines(journal, state.complete)
        self.versions.show_rows(lines)
        self.chart.show_bars(names, bars(lines, names))
        self.copies.show_rows(journal.copies if journal else ())
        if journal is not None and journal.exists and not journal.error:
            self._reader.ask(self, partial(local_history, journal.path), self._show_commands, channel="commands")
        else:
            self.commands.show_rows(())

    def _show_commands(self, outcome: Outcome[Any]) -> None:
        if outcome.kind is OutcomeKind.DONE:
            self.commands.show_rows(outcome.value or ())

    def _ask_unattended(self) -> None:
        config = self._state.config if self._state is not None else None
        if config is not None:
            self._reader.ask(self, partial(unattended, config.file), self._show_unattended, channel="unattended")

    def _chosen(self, place: int) -> None:
        """A tab was chosen: a run may have ended since the last look."""
        if place == TOPICS["unattended"]:
            self._ask_unattended()

    def showEvent(self, event: QShowEvent) -> None:
        """A run may have ended since the page was shown."""
        super().showEvent(event)
        self._ask_unattended()

    def _show_unattended(self, outcome: Outcome[Any]) -> None:
        if outcome.kind is OutcomeKind.DONE and outcome.value is not None:
            found: Unattended = outcome.value
            self.scheduled.setText(schedule_text(found, datetime.now().astimezone()))
            self.runs.show_rows(found.runs)

    def _enable(self) -> None:
        state = self._state
        if state is None:
            return
        free = not state.busy and state.config is not None
        version: VersionLine | None = self.versions.chosen()
        receipt: ReceiptFacts | None = self.receipts.chosen()
        copy: CopyFacts | None = self.copies.chosen()
        pending = version is not None and version.pending.files > 0
        self.verify.setEnabled(version is not None and version.active.files > version.pending.files)
        self.upload.setEnabled(free and pending and state.custody.may_write)
        self.undo.setEnabled(free and pending and state.custody.may_write)
        self.files.setEnabled(version is not None)
        for part in (self.open, self.message, self.pdf, self.json, self.folder):
            part.setEnabled(receipt is not None)
        for part in (self.open_run, self.json_run, self.folder_run):
            part.setEnabled(self.runs.chosen() is not None)
        run: RunFacts | None = self.runs.chosen()
        self.reason.setText(run_text(run) if run else "")
        self.reason.setVisible(run is not None)
        self.restore.setEnabled(free and copy is not None and copy.readable and state.custody.may_write)
        self.where.setEnabled(copy is not None)

    def show_topic(self, topic: str) -> None:
        """A tab by its name: versions, charts, receipts, commands, copies, unattended."""
        if topic in TOPICS:
            self.tabs.setCurrentIndex(TOPICS[topic])

    # --- asking -----------------------------------------------------------------------------------------------------

    def _ask_message(self) -> None:
        receipt: ReceiptFacts | None = self.receipts.chosen()
        if receipt is not None:
            self._reader.ask(self, lambda _: message_of(receipt.data), self._copy_message, channel="message")

    def _copy_message(self, outcome: Outcome[Any]) -> None:
        if outcome.kind is OutcomeKind.DONE and outcome.value is not None:
            QGuiApplication.clipboard().setText(outcome.value)
            self._say("Copied. Paste it into a mail to the central team.")
        elif outcome.error is not None:
            self._say(f"{outcome.error.summary} {outcome.error.remedy}".strip())

    def _say(self, text: str) -> None:
        self.message.setProperty("said", text)
        if self.message.isVisible():
            QToolTip.showText(self.message.mapToGlobal(QPoint(0, self.message.height())), plain_text(text), self.message)

    def _save_receipt(self) -> None:
        receipt: ReceiptFacts | None = self.receipts.chosen()
        if receipt is None:
            return
        file, _ = ask_save(self, "Save the receipt", f"{receipt.data.stem}.pdf", PDF)
        if file is not None:
            self.intent.emit(SaveReceipt(receipt.data, file))

    def _undo(self) -> None:
        version: VersionLine | None = self.versions.chosen()
        if version is None or self._journal is None:
            return
        read_and_ask_undo(self, self._reader, self._journal.path, version.version, version.pending.files)

    def _restore(self) -> None:
        copy: CopyFacts | None = self.copies.chosen()
        if copy is None:
            return
        pending = f", {words.number(copy.pending)} of them pending" if copy.pending else ""
        details = [
            f"The copy of {words.at(copy.at)} has {words.count_of(copy.active, 'file')}{pending}. Last version: {copy.last_version or '–'}.",
            "Files that were submitted after that time are missing in it. The next scan shows them as added.",
            "The current journal is kept as a copy, so you can restore it later.",
        ]
        ConfirmDialog(
            self,
            Question(
                "Restore this copy of the journal?",
                "The journal is the list of what was submitted. Restore a copy only if the current journal is damaged or wrong.",
                "Restore copy",
                details=details,
                typed="restore",
                danger=True,
            ),
            lambda: self.intent.emit(intents.Restore(copy.path)),
        ).open()


def make(services: Services) -> Page:
    """The page."""
    return HistoryPage(services)
