"""Verify: does the central store match the journal?"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QLineEdit, QProgressBar, QWidget

from chorus_gui.app import verdict_book as verdicts
from chorus_gui.app.this_store import store_name
from chorus_gui.app.verdict_book import Verified
from chorus_gui.app.verify import COMPARED, not_checked
from chorus_gui.core.config.model import Config
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.core.model import Grade, Tally
from chorus_gui.ui import intents, theme, words
from chorus_gui.ui.models.verification import DETAIL, LINE_ROLE, MODALITY, PATH, RESULT, RESULTS, SIZE, VERSION, VerificationModel
from chorus_gui.ui.pages import Page, Services
from chorus_gui.ui.pages.verify_choice import ChoiceCard
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.state import JobKind, JobProgress, JobView, SessionState
from chorus_gui.ui.status import why_not_repair
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import Card, EmptyState, Tile, button, column, label, row, set_grade
from chorus_gui.ui.widgets.column_widths import widths_of
from chorus_gui.ui.widgets.files import ask_save
from chorus_gui.ui.widgets.remembering import remembered_of
from chorus_gui.ui.widgets.scrolling import Stack
from chorus_gui.ui.widgets.tables import set_widths, table

LIVE_SECONDS = 0.5
"""How often the book is read while a verification writes it."""
SEARCH_MS = 250
FILES = "Comma-separated values (*.csv);;JSON (*.json)"

_TIPS = {
    "ok": "The file in the store matches the journal",
    "missing": "The file is not in the store",
    "size_differs": "The file in the store has another size",
    "content_differs": "The file in the store has other content",
    "unprovable": "The size matches, but the journal has no MD5 to compare the content",
    "unchecked": "The file could not be checked; verify again",
}


def said(found: Verified) -> tuple[str, Grade]:
    """What a verification that has ended found, in a sentence."""
    unknown, incomparable = (found.counts.get(result, (0, 0))[0] for result in ("unchecked", "unprovable"))
    unchecked = unknown + incomparable
    wrong = found.files - unchecked - found.counts.get("ok", (0, 0))[0]
    if not found.complete:
        return f"Stopped after {words.count_of(found.files, 'file')}.", Grade.WARNING
    if not found.files:
        return "The journal has no uploaded files in this selection.", Grade.INFO
    compared = found.files - unchecked
    said = [f"Compared {words.count_of(compared, 'file')}, {COMPARED[found.reread]}."] if compared else []
    if wrong:
        said.append(f"{words.count_of(wrong, 'file')} {words.agree(wrong, 'differs', 'differ')} from the journal.")
    elif compared:
        said.append(f"{words.agree(compared, 'It matches', 'All match')} the journal.")
    said += not_checked(unknown, incomparable)
    return " ".join(said), Grade.BAD if wrong else Grade.WARNING if unchecked else Grade.GOOD


class VerifyPage(Page):
    """The Verify page.  Results are read from the book, so they are kept when the program is closed."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._reader = services.reader
        self._state: SessionState | None = None
        self._seen: object = None
        self._found: Verified | None = None
        self._job = 0
        self._last_look = 0.0
        self.choice = ChoiceCard()
        self.cancel = button("&Cancel", "Stop the verification; the results so far are kept (Ctrl+.)", icon="cancel")
        self.repair = button("Upload &again", "Upload again what is missing or different in the store", icon="upload", primary=True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName("Progress of the verification")
        self.status = label("", wrap=True, selectable=True)
        self._result = Card(column(row(self.status, self.repair, self.cancel, space=2 * SPACE), self.bar, space=SPACE))
        self._result.layout().itemAt(0).layout().setStretch(0, 1)  # type: ignore[union-attr]
        self.tiles = {result: Tile(text.capitalize(), _TIPS[result]) for result, (text, _) in RESULTS.items()}
        for tile in self.tiles.values():
            tile.toggled.connect(self._filter)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search in paths")
        self.search.setAccessibleName("Search in paths")
        self.search.setToolTip("Show only files whose path contains this text (Ctrl+F)")
        self.search.setClearButtonEnabled(True)
        self.search.setMaximumWidth(320)
        self.shown = label("", "muted")
        self.export = button("&Export…", "Save the files in the table as CSV or JSON", icon="save")
        self.model = VerificationModel(services.reader, services.pager, self)
        self.table = table(self.model, "Results, file by file", stretch=PATH)
        self.detail = label("", "muted", wrap=True, selectable=True)
        self.detail.setAccessibleName("Result for the selected file")
        self.empty = EmptyState("verify", "", "")
        self.stack = Stack()
        self._put_together()

    def _put_together(self) -> None:
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        widths = {RESULT: "content differs", PATH: "1000123/Images/study_0001/file_001", DETAIL: "The blob has 132,178 bytes, the", SIZE: "888.8 MB", MODALITY: "Waveforms", VERSION: "20260101000000"}  # fmt: skip
        set_widths(self.table, widths, gives=(MODALITY, VERSION))
        self._sortable(on=True)
        tiles = row(*self.tiles.values(), space=SPACE)
        tools = row(self.search, self.shown, None, self.export)
        body = QWidget()
        whole = column(self._result, tiles, tools, self.table, self.detail, space=2 * SPACE)
        whole.setStretch(3, 1)
        body.setLayout(whole)
        self.stack.addWidget(body)
        self.stack.addWidget(self.empty)
        self.set_content(column(label("Verify", "title"), self.choice, self.stack, space=2 * SPACE, margins=(24, 20, 24, 24)))
        self.layout().setStretch(2, 1)  # type: ignore[union-attr]
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(SEARCH_MS)
        self._typed.timeout.connect(self._filter)
        self.search.textChanged.connect(lambda _: self._typed.start())
        self.search.returnPressed.connect(self._filter)
        self._action("Search", QKeySequence.StandardKey.Find, lambda: self.search.setFocus(), self)
        self._action("Copy path", "Ctrl+Shift+C", self._copy, self.table)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.choice.asked.connect(self.intent)
        self.cancel.clicked.connect(lambda: self.intent.emit(intents.CancelJob(self._job)))
        self.repair.clicked.connect(lambda: self.intent.emit(intents.Repair()))
        self.export.clicked.connect(self._export)
        self.empty.acted.connect(self._act)
        self.model.answered.connect(lambda _: self._answered())
        self.model.dataChanged.connect(lambda *_: self._show_chosen())
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._show_chosen())

    def _action(self, text: str, keys: QKeySequence.StandardKey | str, act: Any, owner: QWidget) -> None:
        action = QAction(text, owner)
        action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(lambda _=False: act())
        owner.addAction(action)

    # --- rendering --------------------------------------------------------------------------------------------------

    def render(self, state: SessionState) -> None:
        """Draw the state."""
        self._state = state
        self.choice.render_state(state)
        job = _verifying(state)
        number = job.id if job else 0
        if number != self._job:
            self._job = number
            self._begin() if job else self._sortable(on=True)
        ended = state.last.id if state.last is not None and state.last.kind in (JobKind.VERIFY, JobKind.REPAIR, JobKind.CLEAR) else None
        seen = (state.key, state.verify, ended)
        if seen != self._seen:
            self._seen = seen
            self._look()
        self._render_face(state, job)

    def _begin(self) -> None:
        """Another verification: the earlier results are dropped."""
        self._found = None
        self.model.show_run(Path(), None)
        self._sortable(on=False)
        self.bar.setRange(0, 0)

    def _sortable(self, *, on: bool) -> None:
        """What differs is on top, or what the person chose.  While rows are appended, they stay in the order in which they are found."""
        self.table.setSortingEnabled(False)
        self.model.live = not on
        self.table.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.model.sort(-1)
        if on:
            self.table.setSortingEnabled(True)
            remembered_of(self.table).sort_again()

    def _render_face(self, state: SessionState, job: JobView | None) -> None:
        found = self._found
        if job is None and found is None:
            self._render_empty(state)
            return
        self.stack.setCurrentIndex(0)
        self.cancel.setVisible(job is not None)
        self.bar.setVisible(job is not None)
        self._result.set_now(now=job is not None)
        if job is not None:
            self.cancel.setEnabled(job.cancellable and not job.cancelling)
            self.status.setText(self._running_text(job))
            set_grade(self.status, None)
        elif found is not None:
            text, grade = said(found)
            of = f"version {found.version}" if found.version else "all versions"
            when = words.moment(found.ended_us or found.began_us)
            self.status.setText(f"{text}\n{', '.join(found.modalities)}, {of}, {when}.")
            set_grade(self.status, grade if grade is not Grade.INFO else None)
        self._render_repair(state, job)
        self._render_tiles(found)
        self._show_count()
        self.export.setEnabled(job is None and found is not None and found.files > 0)

    def _render_repair(self, state: SessionState, job: JobView | None) -> None:
        wrong = state.wrong
        self.repair.setVisible(job is None and wrong is not None)
        if wrong is None:
            return
        self.repair.setText(f"Upload {words.count_of(wrong.files, 'file')} &again")
        why = why_not_repair(state)
        self.repair.setEnabled(not why)
        self.repair.setToolTip(plain_text(why or f"{wrong.text} The files are uploaded again to the same place."))

    def _running_text(self, job: JobView) -> str:
        if not job.running:
            return "Waiting for another job on this journal."
        if job.cancelling:
            return "Stopping…"
        doing = "Uploading again what differs…" if job.kind is JobKind.REPAIR else "Comparing the store with the journal…"
        return f"{'Paused. ' if job.paused else ''}{doing}"

    def _render_tiles(self, found: Verified | None) -> None:
        look = theme.current()
        for result, tile in self.tiles.items():
            files, size = found.counts.get(result, (0, 0)) if found else (0, 0)
            tile.set_colour(look.grade(RESULTS[result][1]))
            tile.show_count(Tally(files, size))

    def _render_empty(self, state: SessionState) -> None:
        self.stack.setCurrentWidget(self.empty)
        if state.config is None:
            self.empty.say(
                "No usable configuration is open",
                "Results appear here. Open a configuration, or fix its problems first.",
                "Open Configuration",
            )
        elif not _has_uploads(state):
            self.empty.say(
                "No uploaded files yet",
                "After an upload, this page compares the central store with the journal.",
                "Open Upload",
            )
        else:
            self.empty.say(
                "No results yet",
                "Choose above what to compare, then select Verify. The results appear here. Nothing in the store is changed.",
            )

    def progress(self, progress: JobProgress) -> None:
        """How far it is and, now and then, the results so far."""
        if progress.job.id != self._job:
            return
        total = progress.snapshot.total
        known = bool(total.total_files)
        self.bar.setRange(0, 1000 if known else 0)
        if known and total.total_files:
            self.bar.setValue(round(1000 * min(total.files / total.total_files, 1.0)))
            speed = total.bytes / progress.snapshot.elapsed if self.choice.reread and progress.snapshot.elapsed > 1 else None
            at = f", {words.rate(speed)}" if speed else ""
            done = f"{words.number(total.files)} of {words.count_of(total.total_files, 'file')} compared{at}."
            self.status.setText(f"{self._running_text(progress.job)} {done}")
        now = time.monotonic()
        if now - self._last_look >= LIVE_SECONDS:
            self._last_look = now
            self._look()

    def show_topic(self, topic: str) -> None:
        """A version: choose it."""
        self.choice.choose(topic)

    # --- reading ----------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        if self._state is not None and self._state.config is not None:
            self._reader.ask(self, partial(_look, self._state.config), self._looked, channel="book")

    def _looked(self, outcome: Outcome[Any]) -> None:
        state = self._state
        if outcome.kind is not OutcomeKind.DONE or state is None:
            return
        found: Verified | None = outcome.value
        if found is not None and (found.journal != state.key or not state.key):
            found = None
        if self._job and (found is None or found.ended_us is not None):
            return  # the book still has the earlier one, or this one has ended and the next state says so
        self._found = found
        widths_of(self.table).offer(VERSION, offered=found is None or found.version is None)
        self.model.show_run(verdicts.book_file(Path(state.key)), found.number if found else None)
        if found is not None:
            self.model.more()
        self._render_face(state, _verifying(state))

    def _answered(self) -> None:
        self._show_count()
        self._show_chosen()

    def _show_count(self) -> None:
        """How many rows the filters leave.  The book is read before the rows are, so there can be more rows for a moment."""
        count, total = self.model.rowCount(), self._found.files if self._found else 0
        self.shown.setText(f"{words.number(count)} of {words.count_of(total, 'file')} shown" if count < total else "")

    def _show_chosen(self) -> None:
        line = self.table.selectionModel().currentIndex().data(LINE_ROLE)
        message = f"{line.path}: {line.detail}" if line and line.detail else ""
        where = f" In the store: {line.store_path}" if line and message and line.store_path not in message else ""
        self.detail.setText(message + where)
        self.detail.setVisible(bool(message))

    # --- asking -----------------------------------------------------------------------------------------------------

    def _wanted(self) -> tuple[str, ...]:
        return tuple(result for result, tile in self.tiles.items() if tile.isChecked())

    def _filter(self) -> None:
        self._typed.stop()
        self.model.filter(self._wanted(), self.search.text().strip())

    def _export(self) -> None:
        path, kind = ask_save(self, "Export the verification", "verification.csv", FILES)
        if path:
            if not path.suffix:
                path = path.with_suffix(".json" if "json" in kind else ".csv")
            self.intent.emit(intents.ExportVerify(path, self._wanted()))

    def _copy(self) -> None:
        index = self.table.selectionModel().currentIndex()
        line = index.data(LINE_ROLE)
        if line is not None and self.table.selectionModel().isSelected(index):
            QGuiApplication.clipboard().setText(line.path)

    def _act(self) -> None:
        name = "configuration" if self._state is None or self._state.config is None else "upload"
        self.intent.emit(intents.ShowPage(name))


def _look(config: Config, ctx: JobContext) -> Verified | None:
    ctx.checkpoint()
    return verdicts.last_verification(verdicts.book_file(config.journal.local), store_name(config.central))


def _has_uploads(state: SessionState) -> bool:
    return state.journal is not None and any(count.active > count.pending for count in state.journal.counts)


def _verifying(state: SessionState) -> JobView | None:
    return next((job for job in state.jobs if job.kind in (JobKind.VERIFY, JobKind.REPAIR) and job.key == state.key), None)


def make(services: Services) -> Page:
    """The page."""
    return VerifyPage(services)
