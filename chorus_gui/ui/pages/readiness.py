"""Readiness: does the site look like what the consortium asks for, before anything is sent?"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QComboBox, QSplitter, QWidget

from chorus_gui.app.readiness_facts import ReadinessFacts, RuleLine
from chorus_gui.app.readiness_report import CAUTION
from chorus_gui.core.model import Grade
from chorus_gui.core.passes import Pass
from chorus_gui.core.rules import EVERYTHING, Severity
from chorus_gui.ui import hold_intents, intents, readiness_intents, words
from chorus_gui.ui.models.rows import RowsModel
from chorus_gui.ui.pages import Page, Services
from chorus_gui.ui.pages.readiness_parts import COLUMNS, SEVERITIES, PassesCard, RulePane
from chorus_gui.ui.pages.review_parts import UndoLine
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.state import JobKind, JobProgress, JobView, SessionState, UndoList
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import Card, EmptyState, button, column, label, row, set_grade
from chorus_gui.ui.widgets.dialogs import ConfirmDialog, Question, ReasonDialog
from chorus_gui.ui.widgets.files import ask_save
from chorus_gui.ui.widgets.scrolling import Stack
from chorus_gui.ui.widgets.steady import Steady
from chorus_gui.ui.widgets.tables import set_widths, sortable, table

KINDS = "Comma-separated values (*.csv);;Page to print (*.html)"
IMAGES_TIP = "Look at a sample of the images that would be sent, for text in the picture"
LEAD = "Checks the site against the rules of the consortium. Nothing on the site is changed."


class ReadinessPage(Page):
    """The page.  What it shows comes from the state."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._state = SessionState()
        self._drawn: object = None
        self._nothing = False  # Ctrl+Z found nothing to undo, and nothing was done since
        self._modalities: tuple[str, ...] = ()
        self.lead = label(LEAD, "muted", wrap=True)
        self.export = button("&Export…", "Save the findings as CSV, or as a page to print", icon="save")
        self.look = button("&Images…", IMAGES_TIP, icon="image")
        self.passes = PassesCard()
        self.layouts = label("", wrap=True, selectable=True)
        self.layouts.setAccessibleName("Superseded layouts")
        set_grade(self.layouts, Grade.WARNING)
        self._steady = Steady(self.layouts)
        self.severity, self.modality = QComboBox(), QComboBox()
        self.severity.setAccessibleName("Severity")
        self.severity.setToolTip("Show only the findings of one severity")
        self.severity.addItem("All severities", None)
        for severity, text in SEVERITIES.items():
            self.severity.addItem(text, severity)
        self.modality.setAccessibleName("Modality")
        self.modality.setToolTip("Show only the findings of one modality")
        self.shown = label("", "muted")
        self.undo = UndoLine()
        self.model: RowsModel[RuleLine] = RowsModel(COLUMNS, self)
        self.table = table(self.model, "Findings, rule by rule", stretch=2)
        sortable(self.table)
        self.rule = RulePane()
        self.caution = label(CAUTION, "muted", wrap=True)
        self.empty = EmptyState("ready", "", "")
        self.stack = Stack()
        self._put_together()
        self._connect()

    def _put_together(self) -> None:
        set_widths(
            self.table,
            {
                0: "Leak, held back",
                1: "O4B",
                2: "snippet and lexical_variant are empty in every entry",
                3: "Waveforms",
                4: "100,000",
                5: "thorough",
            },
            gives=(5,),
        )
        head = row(column(label("Readiness", "title"), self.lead, space=SPACE // 2), 2 * SPACE, self.look, self.export)
        head.setStretch(0, 1)
        tools = row(self.severity, self.modality, self.shown, SPACE, self.undo, None)
        tools.setStretch(4, 20)
        for one in (self.undo, self.undo.button):  # nothing moves when they come
            policy = one.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            one.setSizePolicy(policy)
        pane = Card(column(self.rule, margins=(2 * SPACE, SPACE, 2 * SPACE, SPACE + 4)))
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.addWidget(self.table)
        self.splitter.addWidget(pane)
        self.splitter.setStretchFactor(0, 3)
        self.splitter.setStretchFactor(1, 2)
        self.splitter.setChildrenCollapsible(False)
        self.table.setMinimumHeight(120)
        pane.setMinimumHeight(170)
        body = QWidget()
        inside = column(self.layouts, tools, self.splitter, self.caution, space=SPACE)
        inside.setStretch(2, 1)
        body.setLayout(inside)
        self.stack.addWidget(self.empty)
        self.stack.addWidget(body)
        whole = column(head, self.passes, self.stack, space=2 * SPACE, margins=(24, 20, 24, 16))
        whole.setStretch(2, 1)
        self.set_content(whole)

    def _connect(self) -> None:
        self.passes.chosen.connect(lambda one: self.intent.emit(readiness_intents.CheckSite(one)))
        self.passes.paused.connect(self._pause)
        self.passes.cancelled.connect(lambda: self.intent.emit(intents.CancelJob(self._job_id())))
        self.severity.currentIndexChanged.connect(lambda _: self._filter())
        self.modality.currentIndexChanged.connect(lambda _: self._filter())
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._show_rule())
        self.model.modelReset.connect(self._show_rule)
        self.model.layoutChanged.connect(self._show_rule)
        self.rule.show_files.connect(lambda rule: self.intent.emit(intents.ShowPage("review", f"rule:{rule}")))
        self.rule.accept.connect(self._accept)
        self.rule.withdraw.connect(self._withdraw)
        self.look.clicked.connect(self._look_at_images)
        self.rule.look.connect(self._look_at_images)
        self.export.clicked.connect(self._export)
        self.empty.acted.connect(self._act)
        self.undo.undo.connect(self._undo)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Undo), self, self._undo)

    # --- rendering --------------------------------------------------------------------------------------------------

    def render(self, state: SessionState) -> None:
        """Draw the state."""
        before, self._state = self._state, state
        facts = state.readiness
        if state.config_file != before.config_file:
            self._steady.now(partial(self._show_layouts, ""))  # those of another site
        job = self._job()
        self.passes.setVisible(state.config is not None)
        self.passes.show_job(job, facts, why_not_check(state))
        self.export.setEnabled(facts is not None)
        self.look.setEnabled(state.config is not None and "Images" in state.config.modalities and state.review is not None)
        self.look.setToolTip(
            plain_text(IMAGES_TIP if self.look.isEnabled() else "Scan the site first: the sample is of the images that would be sent")
        )
        self.rule.look_button.setEnabled(self.look.isEnabled())
        if state.config is not None and state.config.modalities != self._modalities:
            self._show_modalities(state.config.modalities)
        if (facts, state.config is None, job is None) != self._drawn:
            self._drawn = (facts, state.config is None, job is None)
            self._show(state, facts, checking=job is not None)
        self._show_rule()
        self._show_undo(before.undo)

    def _show_layouts(self, text: str) -> None:
        self.layouts.setVisible(bool(text))
        self.layouts.setText(text)

    def _show(self, state: SessionState, facts: ReadinessFacts | None, *, checking: bool) -> None:
        self.lead.setText(f"{facts.summary} Rules of {facts.rules}." if facts and facts.passes else LEAD)
        layouts = facts.layouts if facts else ()
        sentences = [facts.unknown] if facts and facts.unknown else []
        sentences += [f"Superseded layout: {'; '.join(layouts)}. Sort the files again, and submit all of them."] if layouts else []
        self._steady.soon(partial(self._show_layouts, " ".join(sentences)))
        self._filter()
        self.stack.setCurrentIndex(1 if facts is not None and facts.lines else 0)
        if state.config is None:
            self.empty.say("No configuration is open", "Findings appear here. Open or set up a configuration first.", "Open Configuration")
        elif facts is not None and facts.unknown:
            self.empty.say("Leaks were found before", facts.unknown)
        elif facts is not None:
            self.empty.say("No findings", CAUTION)
        elif checking:
            self.empty.say("Checking the site…", "The findings appear here. You can use the other pages meanwhile.")
        else:
            text = "A pass names superseded layouts, missing tables, files that must stay at the hospital, and much more. Every scan runs the first one."
            self.empty.say("Not checked yet", text, "Check the site")

    def _show_modalities(self, modalities: tuple[str, ...]) -> None:
        self._modalities = modalities
        with QSignalBlocker(self.modality):
            self.modality.clear()
            self.modality.addItem("All modalities", None)
            for name in modalities:
                self.modality.addItem(name, name)

    def _filter(self) -> None:
        facts = self._state.readiness
        severity, modality = self.severity.currentData(), self.modality.currentData()
        lines = [
            line
            for line in (facts.lines if facts else ())
            if severity in (None, line.severity) and (modality is None or line.modality in (modality, EVERYTHING))
        ]
        before = self._chosen()
        self.model.show_rows(lines)
        total = len(facts.lines) if facts else 0
        self.shown.setText(f"{words.number(len(lines))} of {words.count_of(total, 'rule')}")
        self._select(before.rule if before else "")

    def _select(self, rule: str) -> None:
        rows = [number for number in range(self.model.rowCount()) if (line := self.model.value(number)) and line.rule == rule]
        if self.model.rowCount():
            self.table.selectRow(rows[0] if rows else 0)
        self._show_rule()

    def _show_rule(self) -> None:
        self.rule.show_line(self._chosen(), busy=self._state.busy)

    def progress(self, progress: JobProgress) -> None:
        """Of a running pass."""
        if progress.job.kind is JobKind.READINESS and progress.job.key == self._state.key:
            self.passes.show_progress(progress)

    def show_topic(self, topic: str) -> None:
        """ "leaks", or a rule's id."""
        if topic == "leaks":
            self.severity.setCurrentIndex(self.severity.findData(Severity.LEAK))
            return
        self.severity.setCurrentIndex(0)
        self.modality.setCurrentIndex(0)
        self._select(topic)

    # --- what a person does -----------------------------------------------------------------------------------------

    def _job(self) -> JobView | None:
        return next((job for job in self._state.jobs if job.kind is JobKind.READINESS and job.key == self._state.key), None)

    def _job_id(self) -> int | None:
        job = self._job()
        return job.id if job is not None else None

    def _chosen(self) -> RuleLine | None:
        rows = self.table.selectionModel().selectedRows()
        return self.model.value(rows[0].row()) if rows else None

    def _pause(self, pause: bool) -> None:
        self.intent.emit(intents.PauseJob(self._job_id()) if pause else intents.ResumeJob(self._job_id()))

    def _act(self) -> None:
        self.intent.emit(readiness_intents.CheckSite(Pass.AT_ONCE) if self._state.config is not None else intents.ShowPage("configuration"))

    def _accept(self, line: RuleLine) -> None:
        given = dict.fromkeys(one.reason for one in self._state.readiness.accepted) if self._state.readiness else {}
        ReasonDialog(
            self,
            f"Accept rule {line.rule} for {words.count_of(line.open, 'file')}?",
            f"{line.must} If {words.agree(line.open, 'this file', 'these files')} may be sent, say why. The receipt shows your name and the reason. "
            f"Everybody who works on the journal sees both. If {words.agree(line.open, 'the', 'a')} file changes, or another column, tag or file has a "
            "leak, the submission stops again.",
            "Accept",
            lambda reason: self.intent.emit(readiness_intents.AcceptLeaks(line.rule, reason)),
            list(given),
        ).open()

    def _withdraw(self, line: RuleLine) -> None:
        question = Question(
            f"Withdraw what was accepted: rule {line.rule}, {words.count_of(line.accepted, 'file')}?",
            f"The next submission stops at {words.agree(line.accepted, 'this file', 'these files')} again.",
            "Withdraw",
        )
        ConfirmDialog(self, question, lambda: self.intent.emit(readiness_intents.WithdrawLeaks(line.rule))).open()

    def _show_undo(self, before: UndoList) -> None:
        undo, busy = self._state.undo, self._state.busy
        if undo != before:
            self._nothing = False
        self.undo.show_undo(UndoList((), nothing_to_undo(undo)) if self._nothing else undo.of_leaks, busy=busy)

    def _undo(self) -> None:
        if self._state.config is None or self._state.busy:
            return
        if self._state.undo.of_leaks.steps:
            self.intent.emit(hold_intents.UndoHold(leaks=True))
        else:
            self._nothing = True
            self._show_undo(self._state.undo)

    def _look_at_images(self) -> None:
        from chorus_gui.ui.dialogs.contact_sheet import ContactSheetDialog

        if self._state.config is not None and self._state.review is not None:
            services = self._services
            ContactSheetDialog(self, services.reader, self._state.config, services.login, self._show_image).open()

    def _show_image(self, path: str) -> None:
        self.intent.emit(intents.ShowPage("review", f"path:{path}"))

    def _export(self) -> None:
        file, kind = ask_save(self, "Export the findings", "readiness.csv", KINDS)
        if file:
            if not file.suffix:
                file = file.with_suffix(".html" if "html" in kind else ".csv")
            self.intent.emit(readiness_intents.ExportReadiness(file))


def nothing_to_undo(undo: UndoList) -> str:
    """Why Ctrl+Z undoes nothing on this page, and what it undoes on Review."""
    if undo.steps:
        return f"Nothing to undo here. On the Review page, Ctrl+Z undoes: {undo.steps[-1].text}"
    return "Nothing to undo here: nothing was accepted or withdrawn since the last scan."


def why_not_check(state: SessionState) -> str:
    """Why no pass can begin now; "" if one can."""
    if state.config is None:
        return "No usable configuration is open."
    return "A job is running. You can check the site when it has finished." if state.busy else ""


def make(services: Services) -> Page:
    """The page."""
    return ReadinessPage(services)
