"""History: the versions in the journal, the receipts, the commands, and the kept copies of the journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QStackedWidget, QTableView, QTabWidget, QWidget

from chorus_gui.app.journal import local_history
from chorus_gui.app.values import CopyFacts, JournalFacts, ReceiptFacts
from chorus_gui.core.job import Outcome, OutcomeKind
from chorus_gui.ui import intents, words
from chorus_gui.ui.models.rows import RowsModel
from chorus_gui.ui.pages import Page, Services
from chorus_gui.ui.pages.history_parts import COMMANDS, COPIES, RECEIPTS, VersionLine, bars, version_columns, version_lines
from chorus_gui.ui.state import SessionState
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import EmptyState, button, column, label, row
from chorus_gui.ui.widgets.charts import BarChart
from chorus_gui.ui.widgets.dialogs import ConfirmDialog, Question
from chorus_gui.ui.widgets.tables import set_widths, table

T = TypeVar("T")
TOPICS = {"versions": 0, "receipts": 1, "commands": 2, "copies": 3}


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
        self._stack = QStackedWidget()
        self._stack.addWidget(body)
        self._stack.addWidget(empty)
        self.setLayout(column(self._stack, margins=(0, 2 * SPACE, 0, 0)))

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
    """A table's columns; ``stretch`` is the one that takes what is left, ``widths`` are texts that fit into the others."""

    columns: Sequence[Any]
    stretch: int
    widths: dict[int, str]


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
        self.verify = button("&Verify…", "Compare this version with the store", icon="verify")
        self.upload = button("&Upload what is pending", "Send what of this version is recorded and not uploaded", icon="upload")
        self.undo = button("&Take back…", "Take what was recorded for this version and not uploaded out of the journal", icon="undo")
        self.open = button("&Open receipt", "The page to keep, in your browser", icon="receipt", primary=True)
        self.json = button("Open &JSON", "The same for programs", icon="file")
        self.folder = button("Show in &folder", "Show the file in its folder", icon="folder")
        self.restore = button("&Restore…", "Put this copy in the journal's place; the present journal is kept", icon="undo")
        self.where = button("Show in &folder", "Show the copy in its folder", icon="folder")
        self.chart = BarChart("Files by version")
        self.chart.setFixedHeight(170)
        self.versions = self._tab(
            "Versions",
            _Columns(version_columns(()), 0, {0: "20260101000000"}),
            EmptyState("history", "Nothing was submitted yet", "Each submission is a version. They are listed here."),
            (self.verify, self.upload, self.undo),
            (self.chart,),
        )
        self.receipts = self._tab(
            "Receipts",
            _Columns(
                RECEIPTS, 3, {0: "30/12/2026 23:59", 1: "Verification", 2: "20260101000000", 4: "1,000,000 files (888.8 GB)", 5: "1,000"}
            ),
            EmptyState("receipt", "No receipts yet", "Every submission, upload and verification made on this computer leaves one."),
            (self.open, self.json, self.folder),
        )
        self.commands = self._tab(
            "Commands",
            _Columns(
                COMMANDS,
                2,
                {0: "30/12/2026 23:59", 1: "journal mark-uploaded", 3: "https://account.blob.core.windows.net/container", 4: "88 min 88 s"},
            ),
            EmptyState("log", "No commands yet", "The journal remembers every command that worked on it, whoever gave it."),
        )
        self.copies = self._tab(
            "Kept copies of the journal",
            _Columns(COPIES, 1, {0: "30/12/2026 23:59", 2: "20260101000000", 3: "1,000,000", 4: "1,000,000", 5: "888.8 MB"}),
            EmptyState(
                "save",
                "No kept copies yet",
                "Before each command's first change, a copy of the journal is kept beside it; the last ten stay.",
            ),
            (self.restore, self.where),
        )
        tabs = (
            (self.versions, "V&ersions"),
            (self.receipts, "Recei&pts"),
            (self.commands, "&Commands"),
            (self.copies, "C&opies of the journal"),
        )
        for tab, title in tabs:
            self.tabs.addTab(tab, title)
        self.setLayout(column(label("History", "title"), self.tabs, space=2 * SPACE, margins=(24, 20, 24, 24)))
        self._connect()

    def _tab(
        self, name: str, columns: _Columns, empty: EmptyState, tools: Sequence[QPushButton] = (), above: Sequence[QWidget] = ()
    ) -> HistoryTab:
        model: RowsModel[Any] = RowsModel(columns.columns, self)
        view = table(model, name, stretch=columns.stretch)
        view.setSortingEnabled(True)
        view.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        model.sort(-1)
        set_widths(view, columns.widths)
        made = HistoryTab(model, view, empty, tools, *above)
        view.selectionModel().selectionChanged.connect(lambda *_: self._enable())
        model.modelReset.connect(self._enable)
        return made

    def _connect(self) -> None:
        ask = self._on
        self.verify.clicked.connect(ask(self.versions, lambda line: intents.ShowPage("verify", line.version)))
        self.upload.clicked.connect(ask(self.versions, lambda line: intents.UploadPending(line.version)))
        self.undo.clicked.connect(self._undo)
        self.open.clicked.connect(ask(self.receipts, lambda receipt: intents.OpenPath(receipt.page)))
        self.json.clicked.connect(ask(self.receipts, lambda receipt: intents.OpenPath(receipt.data)))
        self.folder.clicked.connect(ask(self.receipts, lambda receipt: intents.OpenPath(receipt.page, select=True)))
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
        if before is None or journal is not self._journal or state.config is not before.config:
            self._journal = journal
            self._render_journal(state)
        if before is None or state.receipts is not before.receipts:
            self.receipts.show_rows(state.receipts)
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
            rest = {len(names) + 2: "888.8 GB", len(names) + 3: "100,000", len(names) + 4: "100,000", len(names) + 5: "30/12/2026 23:59"}
            set_widths(self.versions.view, samples | rest)
        lines = version_lines(journal)
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
        for part in (self.open, self.json, self.folder):
            part.setEnabled(receipt is not None)
        self.restore.setEnabled(free and copy is not None and copy.readable and state.custody.may_write)
        self.where.setEnabled(copy is not None)

    def show_topic(self, topic: str) -> None:
        """A tab by its name: versions, receipts, commands, copies."""
        if topic in TOPICS:
            self.tabs.setCurrentIndex(TOPICS[topic])

    # --- asking -----------------------------------------------------------------------------------------------------

    def _undo(self) -> None:
        version: VersionLine | None = self.versions.chosen()
        if version is None:
            return
        files = words.files_and_size(version.pending)
        ConfirmDialog(
            self,
            Question(
                f"Take back what is pending in version {version.version}?",
                f"{files} were recorded and not uploaded. They are taken out of the journal; a copy of the journal is kept.",
                "Take back",
                details=("Nothing on the site or in the central store is changed.", "The next scan finds these files again."),
                danger=True,
            ),
            lambda: self.intent.emit(intents.Undo(version.version)),
        ).open()

    def _restore(self) -> None:
        copy: CopyFacts | None = self.copies.chosen()
        if copy is None:
            return
        pending = f", {words.number(copy.pending)} of them pending" if copy.pending else ""
        details = [
            f"The copy of {words.at(copy.at)} holds {words.count_of(copy.active, 'file')}{pending}. Last version: {copy.last_version or '–'}.",
            "What was submitted after that moment is unknown to it: the next scan shows it as added again.",
            "The present journal is kept among the copies, so you can go back.",
        ]
        ConfirmDialog(
            self,
            Question(
                "Put this copy in the journal's place?",
                "The journal says what was submitted. Go back to a copy only if the present journal is damaged or wrong.",
                "Restore",
                details=details,
                typed="restore",
                danger=True,
            ),
            lambda: self.intent.emit(intents.Restore(copy.path)),
        ).open()


def make(services: Services) -> Page:
    """The page."""
    return HistoryPage(services)
