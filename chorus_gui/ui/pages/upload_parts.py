"""The parts of the Upload page: what runs, how it ended, what failed."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QProgressBar, QSizePolicy, QTreeView, QWidget

from chorus_gui.app.failed import to_mark, to_release
from chorus_gui.app.site_status import Action
from chorus_gui.core.model import Failure, Grade
from chorus_gui.ui import intents, theme, words
from chorus_gui.ui.models.failures import FILE, SIZE, WHY, FailuresModel
from chorus_gui.ui.models.progress import FAILED, FRACTION_ROLE, MODALITY, PROGRESS, WORKER_COLUMNS, ActiveModel, ProgressModel, UploadRun
from chorus_gui.ui.models.rows import RowsModel
from chorus_gui.ui.shown import plain_text, without_letter
from chorus_gui.ui.state import JobEnd, JobView
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import Card, ElidedLabel, button, column, label, row, set_grade, set_icon
from chorus_gui.ui.widgets.charts import LineChart
from chorus_gui.ui.widgets.files import ask_save
from chorus_gui.ui.widgets.tables import BarDelegate, fit_height, set_widths, table, tree

CSV = "Comma-separated values (*.csv)"
CHART_POINTS = 240
"""One a second: at most the last four minutes."""
DETAIL_LINES = 3
"""Lines that are kept below the failed files, so that nothing moves when another line is selected"""
FAILED_ROWS = 6
"""Lines of failed files that are seen without scrolling on the smallest screen, if there are so many"""
ANY_HEIGHT = 16_777_215

CREW_ROWS = 6
"""Workers that are seen at the same time."""


class Figure(QWidget):
    """A number under its name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._value = label("–", "number")
        self.setLayout(column(label(name, "muted"), self._value, space=0))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_text(self, text: str, grade: Grade | None = None) -> None:
        """Show it."""
        self._value.setText(text)
        set_grade(self._value, grade)
        self.setAccessibleName(f"{self._name}: {text}")

    @property
    def text(self) -> str:
        """What it shows."""
        return self._value.text()


class RunView(QWidget):
    """What is being uploaded, or was: the total, each modality, the rate over time, the files that are being uploaded."""

    def __init__(self) -> None:
        super().__init__()
        self.title = ElidedLabel(role="heading", mode=Qt.TextElideMode.ElideRight)
        self.status = label("", "muted", wrap=True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName("Progress of the upload")
        names = ("Files", "Size", "Speed", "Time left", "Failed")
        self.figures = {name: Figure(name) for name in names}
        figures = row(*self.figures.values(), space=2 * SPACE)
        for place, share in enumerate((3, 4, 2, 2, 1)):
            figures.setStretch(place, share)
        self.card = Card(column(self.title, self.status, self.bar, SPACE // 2, figures, space=SPACE))
        self.modalities = ProgressModel(self)
        self.table = table(self.modalities, "Progress by modality", stretch=PROGRESS, select=False)
        self.table.setItemDelegateForColumn(PROGRESS, BarDelegate(FRACTION_ROLE, self.table))
        set_widths(
            self.table,
            {MODALITY: "Waveforms", PROGRESS: "long bar 100 %", 2: "100,000 of 100,000", 3: "888.8 MB of 888.8 MB", 4: "888.8 MB/s", 5: "88 min 88 s", FAILED: "1,000"},
        )  # fmt: skip
        self.chart = LineChart("Speed over the last minutes", words.rate, CHART_POINTS)
        self.active = ActiveModel(self)
        self.flight = table(self.active, "Files being uploaded", stretch=0, select=False)
        self.flight.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.flight.setItemDelegateForColumn(1, BarDelegate(FRACTION_ROLE, self.flight))
        set_widths(self.flight, {1: "progress 100 %", 2: "888.8 MB"})
        self._chart_card = Card(column(label("Speed", "heading"), self.chart, space=SPACE))
        self._flight_card = Card(column(label("Files being uploaded", "heading"), self.flight, space=SPACE))
        self.workers = RowsModel(WORKER_COLUMNS, self)
        self.crew = table(self.workers, "Workers of the cluster", stretch=3, select=False)
        set_widths(self.crew, {0: "worker-12 (tcp://10.20.30.40:45678)", 1: "Threads", 2: "100,000"})
        self._crew_card = Card(column(label("Workers of the cluster", "heading"), self.crew, space=SPACE))
        self._crew_card.hide()
        live = row(self._chart_card, self._flight_card, space=2 * SPACE)
        live.setStretch(0, 2)
        live.setStretch(1, 3)
        self.setLayout(column(self.card, self.table, self._crew_card, live, space=2 * SPACE))
        self.layout().setStretch(3, 1)  # type: ignore[union-attr]

    def show_job(self, job: JobView, run: UploadRun | None) -> None:
        """What the job does, in words."""
        self.title.set_full(job.title)
        self.status.setText(status_text(job, run))
        self.card.set_now(now=True)
        self.card.show()
        self._chart_card.show()
        self._flight_card.show()

    def show_over(self) -> None:
        """It has ended: the summary says how; only the table by modality stays."""
        self.card.hide()
        self._crew_card.hide()
        self._chart_card.hide()
        self._flight_card.hide()

    def show_run(self, run: UploadRun | None) -> None:
        """The figures and the table."""
        total = run.total if run else None
        count = total.count if total else None
        fraction = total.fraction if total else None
        self.bar.setRange(0, 1000 if fraction is not None else 0)
        self.bar.setValue(round(fraction * 1000) if fraction is not None else -1)
        known = count is not None and bool(run and run.lines[:-1])
        self.figures["Files"].show_text(_of(count.files, count.total_files, words.number) if known and count else "–")
        self.figures["Size"].show_text(_of(count.bytes, count.total_bytes, words.size) if known and count else "–")
        self.figures["Speed"].show_text(words.rate(total.rate if total else None))
        self.figures["Time left"].show_text(words.duration(total.left if total else None))
        failed = count.failed if count else 0
        self.figures["Failed"].show_text(words.number(failed), Grade.BAD if failed else None)
        self.modalities.show_items(run.lines if run and known else ())
        self.table.setVisible(known)
        fit_height(self.table, self.modalities.rowCount())

    def show_flight(self, run: UploadRun | None) -> None:
        """The files that are being uploaded."""
        self.active.show_active(run.active if run else ())
        workers = run.workers if run else ()
        self.workers.show_rows(workers)
        self._crew_card.setVisible(bool(workers))
        fit_height(self.crew, min(len(workers), CREW_ROWS))


def _of(done: int, total: int | None, write: object) -> str:
    from chorus_gui.ui.models.progress import of

    return of(write(done), total, write)  # type: ignore[operator]


def status_text(job: JobView, run: UploadRun | None) -> str:
    """What a job is doing just now."""
    if not job.running:
        return "Waiting for another job on this journal."
    if job.cancelling:
        return "Stopping. Files that were already uploaded are kept."
    if job.paused:
        return "Paused. Nothing is uploaded until you resume."
    if run is not None and run.waiting is not None:
        return "Waiting. The upload continues by itself." if run.waiting.ends else "Stopping. Files that were already uploaded are kept."
    if run is None or not run.phase:
        return f"Preparing: {run.note}." if run and run.note else "Preparing…"
    if run.note:
        return f"{run.note[:1].upper()}{run.note[1:]}."
    if run.phase == "upload":
        return "Each file is uploaded, and recorded in the journal when the store confirms it."
    return {"record": "Recording changes in the journal…", "hash": "Comparing contents…"}.get(run.phase, f"{run.phase}…".capitalize())


class SummaryCard(Card):
    """How the last upload ended, and what to do next: that button is blue."""

    def __init__(self) -> None:
        self.heading = label("", "heading")
        self.text = label("", wrap=True, selectable=True)
        self.next = button("", primary=True)
        self.receipt = button(
            "&Open receipt", "Open the receipt in your browser: what was uploaded, what confirms it, what failed", icon="receipt"
        )
        self.verify = button("Verif&y…", "Compare the central store with the journal", icon="verify")
        self.check_in = button("Check &in", "Upload the journal and unlock it for your colleagues", icon="lock")
        super().__init__(
            column(self.heading, self.text, row(self.next, self.receipt, self.verify, self.check_in, None, space=SPACE), space=SPACE + 2)
        )

    def show_next(self, action: Action) -> None:
        """Draw attention to the button of the next step, if it is one of these."""
        for made, icon, means in ((self.verify, "verify", Action.VERIFY), (self.check_in, "lock", Action.CHECK_IN)):
            value = "true" if action is means else ""
            if (made.property("primary") or "") != value:
                made.setProperty("primary", value)
                theme.restyle(made)
                set_icon(made, icon)

    def show_left(self, heading: str, text: str) -> None:
        """What is still to be uploaded, if no upload has ended."""
        self.heading.setText(heading)
        set_grade(self.heading, Grade.WARNING)
        self.text.setText(text)
        self.receipt.hide()

    def show_end(self, end: JobEnd, *, left: str) -> None:
        """``left``: the button for what is still to be uploaded; "" if nothing is."""
        grade = Grade.WARNING if end.grade is Grade.GOOD and left else end.grade
        titles = {
            Grade.GOOD: "The upload is complete",
            Grade.INFO: "The upload was stopped",
            Grade.WARNING: "The upload is not complete",
        }
        self.heading.setText(titles.get(grade, "The upload failed"))
        set_grade(self.heading, grade if grade is not Grade.INFO else None)
        took = f"It took {words.duration(end.seconds)}." if end.seconds >= 1 else ""
        self.text.setText(" ".join(part for part in (end.text, end.remedy, took) if part))
        self.receipt.setVisible(end.receipt is not None)


class FailuresCard(Card):
    """What failed, by cause, with the remedy.  ``mark``, ``release``: the selected failures whose remedy says that this can help."""

    retry = Signal()
    export = Signal(Path)
    mark = Signal(tuple)
    release = Signal(tuple)

    def __init__(self) -> None:
        self.model = FailuresModel()
        self.tree = QTreeView()
        self.tree.setModel(self.model)
        self.tree.setWordWrap(False)
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        tree(self.tree, "Failed files by cause", stretch=FILE)
        set_widths(self.tree, {FILE: "1000123/Images/study_0001/file_001", SIZE: "1,000 files", WHY: "Another program has the file open."})
        self.heading = label("", "heading")
        self.again = button("R&etry these files", "Upload only what failed again", icon="refresh")
        self.save = button("Export C&SV…", "Save the list of failed files, with causes and remedies", icon="save")
        self.mark_button = button("&Mark as deleted…", icon="check")
        self.release_button = button("&Release…", icon="undo")
        head = row(self.heading, None, self.save, self.again)
        self.remedy = label("", "muted", wrap=True)
        below = row(self.remedy, self.mark_button, self.release_button)
        below.setStretch(0, 1)
        self.details = label("", wrap=True, selectable=True)
        self.details.setMinimumHeight(DETAIL_LINES * self.details.fontMetrics().lineSpacing())
        self.details.setAlignment(Qt.AlignmentFlag.AlignTop)
        super().__init__(column(head, below, self.tree, self.details, space=SPACE))
        self.model.setParent(self)
        self._ready = True
        self.fits = False
        """the list is as high as its lines, and needs no more space"""
        self._offers = (
            (self.mark_button, to_mark, self.mark, "Mark the selected files as deleted in the journal"),
            (self.release_button, to_release, self.release, "No longer hold back the selected files"),
        )
        for made, which, signal, _ in self._offers:
            made.clicked.connect(lambda _=False, which=which, signal=signal: signal.emit(tuple(which(self.selected()))))
        self.tree.selectionModel().selectionChanged.connect(lambda *_: self._enable())
        self.tree.selectionModel().currentChanged.connect(lambda *_: self._show_details())
        self.again.clicked.connect(self.retry)
        self.save.clicked.connect(self._export)

    def show_failures(self, failures: tuple[Failure, ...]) -> None:
        """Show them; "" of a remedy is left out."""
        self.model.show_failures(failures)
        groups = self.model.groups
        self.heading.setText(f"{words.count_of(len(failures), 'file')} failed")
        files = words.agree(len(failures), "file", "files")
        opened = len(groups) == 1 and len(failures) <= 50
        message = {1: "" if opened else f"Open the cause to see the {files}."}.get(
            len(groups), f"{len(groups)} causes. Open one to see its files."
        )
        self.remedy.setText(message)
        self.remedy.setVisible(bool(message))
        self.again.setText(words.agree(len(failures), "R&etry this file", "R&etry these files"))
        self.again.setAccessibleName(without_letter(self.again.text()))
        for made, which, _, _ in self._offers:
            made.setVisible(bool(which(failures)))
        if opened:
            self.tree.expandAll()
        self._fit(len(groups) + (len(failures) if opened else 0), opened=opened)
        self._enable()
        self._show_details()

    def _fit(self, lines: int, *, opened: bool) -> None:
        """A short list has no empty lines: what is said below it would be off the screen."""
        self.fits = opened and lines <= FAILED_ROWS
        around = self.tree.header().sizeHint().height() + 2 * self.tree.frameWidth() + 2
        height = around + self.tree.sizeHintForRow(0) * (lines if self.fits else FAILED_ROWS)
        self.tree.setMinimumHeight(height)
        self.tree.setMaximumHeight(height if self.fits else ANY_HEIGHT)

    def _show_details(self) -> None:
        """All that is known of the current line, or of the first cause: the columns have space for its beginning only."""
        at = self.tree.currentIndex()
        text = self.model.details(at if at.isValid() else self.model.index(0, 0))
        self.details.setText(text)
        self.details.setAccessibleName(self.details.text())

    def set_ready(self, *, ready: bool) -> None:
        """Files can be uploaded, marked and released now."""
        self._ready = ready
        self.again.setEnabled(ready)
        self._enable()

    def selected(self) -> list[Failure]:
        """The failures in the selected lines; a cause has all of its files."""
        found: dict[tuple[int, int], Failure] = {}
        for index in self.tree.selectionModel().selectedRows():
            number = index.parent().row() if index.parent().isValid() else index.row()
            all_of_it = self.model.groups[number].failures
            files = (index.row(),) if index.parent().isValid() else range(len(all_of_it))
            found.update({(number, file): all_of_it[file] for file in files})
        return list(found.values())

    def _enable(self) -> None:
        chosen = self.selected()
        for made, which, _, tip in self._offers:
            files = len(which(chosen))
            made.setEnabled(self._ready and files > 0)
            made.setToolTip(plain_text(tip if files else f"{tip}: select a cause or files first, whose remedy says so"))

    def _export(self) -> None:
        file, _ = ask_save(self, "Export failed files", "failures.csv", CSV)
        if file:
            self.export.emit(file)


def summary_intent(end: JobEnd | None) -> intents.Intent | None:
    """What Open receipt asks for."""
    return intents.OpenPath(end.receipt) if end and end.receipt else None
