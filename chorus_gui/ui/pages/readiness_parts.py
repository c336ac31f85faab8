"""Parts of the Readiness page: the passes with their progress, and what is known of one rule."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from chorus_gui.app.readiness_facts import ReadinessFacts, RuleLine
from chorus_gui.app.readiness_report import PASSES
from chorus_gui.core.model import Grade
from chorus_gui.core.passes import Pass
from chorus_gui.core.rules import Severity
from chorus_gui.ui import words
from chorus_gui.ui.models.rows import Column
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.state import JobProgress, JobView
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import Card, button, column, label, row, scrolled, set_grade, set_icon
from chorus_gui.ui.widgets.chrome import measured, progress_text, share_of

GRADES = {Severity.LEAK: Grade.BAD, Severity.REJECTED: Grade.BAD, Severity.QUESTIONABLE: Grade.WARNING, Severity.NOTE: Grade.INFO}
SEVERITIES = {
    Severity.LEAK: "Leak",
    Severity.REJECTED: "Rejected",
    Severity.QUESTIONABLE: "Questionable",
    Severity.NOTE: "Note",
}
MODALITY_WORDS = {"all": "all"}
TIPS = {
    Pass.AT_ONCE: "Check names, sizes and the first line of each table; it takes seconds, and every scan does it, too",
    Pass.QUICK: "Also read one image of each series, each header of a recording, and the beginning and end of each table",
    Pass.THOROUGH: "Read the header of every image and every line of every table; it takes as long as reading the tables",
}
TITLES = {Pass.AT_ONCE: "At &once", Pass.QUICK: "&Quick pass", Pass.THOROUGH: "Thorou&gh pass"}


def severity_text(line: RuleLine) -> str:
    """The severity, and that none of the leaks stops a submission: they are accepted or held back."""
    if line.severity is Severity.LEAK and line.accepted and not line.open:
        return "Leak, accepted"
    if line.open and line.held == line.open:
        return "Leak, held back"
    return SEVERITIES[line.severity]


COLUMNS: tuple[Column[RuleLine], ...] = (
    Column("Severity", severity_text, lambda line: line.severity.rank, grade=lambda line: GRADES[line.severity]),
    Column("Rule", lambda line: line.rule),
    Column("What must be", lambda line: line.must, tip=lambda line: f"{line.must}\n{line.tell}"),
    Column("Modality", lambda line: line.modality),
    Column("Files", lambda line: words.number(line.files), lambda line: line.files, right=True),
    Column("Found by", lambda line: PASSES[line.deepest], lambda line: line.deepest.rank, tip=lambda line: words.moment(line.at_us)),
)


class PassesCard(Card):
    """The passes as buttons; while one runs: how far it is, pause and cancel."""

    chosen = Signal(object)
    """a :class:`Pass`"""
    paused = Signal(bool)
    """True: pause, False: continue"""
    cancelled = Signal()

    def __init__(self) -> None:
        self.buttons = {one: button(TITLES[one], TIPS[one], icon="play") for one in Pass}
        self.said = label("", "muted", wrap=True)
        self.said.setAccessibleName("What was checked")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 0)
        self.bar.setAccessibleName("Progress of the check")
        self.pause = button("Pause", "Pause the check (Ctrl+P)", icon="pause")
        self.cancel = button("Cancel", "Stop the check; what was read is remembered (Ctrl+.)", icon="cancel")
        self._choices = QWidget()
        self._choices.setLayout(row(*self.buttons.values(), None, space=SPACE))
        self._working = QWidget()
        line = row(self.bar, self.pause, self.cancel, space=SPACE)
        line.setStretch(0, 1)
        self._working.setLayout(line)
        super().__init__(column(self._choices, self._working, self.said, space=SPACE, margins=(2 * SPACE, SPACE + 4, 2 * SPACE, SPACE + 4)))
        for one, made in self.buttons.items():
            made.clicked.connect(lambda _=False, one=one: self.chosen.emit(one))
        self.pause.clicked.connect(lambda: self.paused.emit(self._running))
        self.cancel.clicked.connect(self.cancelled)
        self._running = True
        self._working.hide()

    def show_job(self, job: JobView | None, facts: ReadinessFacts | None, why_not: str) -> None:
        """Whether a pass runs; otherwise what the last ones were.  ``why_not``: why none can begin, as a sentence."""
        self._choices.setVisible(job is None)
        self._working.setVisible(job is not None)
        for one, made in self.buttons.items():
            made.setEnabled(not why_not)
            made.setToolTip(plain_text(why_not or TIPS[one]))
        if job is None:
            self.bar.setRange(0, 0)
            said = [one.said(words.moment(one.at_us)) for one in facts.passes] if facts else ["Nothing was checked yet."]
            self.said.setText("\n".join(said))
        else:
            self._show_paused(job)

    def _show_paused(self, job: JobView) -> None:
        self._running = not job.paused
        text = "Continue" if job.paused else "Pause"
        if self.pause.text() != text:
            self.pause.setText(text)
            self.pause.setAccessibleName(text)
            set_icon(self.pause, "play" if job.paused else "pause")
        for made in (self.pause, self.cancel):
            made.setEnabled(job.running and not job.cancelling)

    def show_progress(self, progress: JobProgress) -> None:
        """How far it is, and what it is going to read."""
        line = measured(progress)
        share = share_of(line.count)
        self.bar.setRange(0, 0 if share is None and not progress.job.paused else 1000)
        if share is not None:
            self.bar.setValue(int(share * 1000))
        self._show_paused(progress.job)
        text = progress_text(progress.snapshot, line)
        note = progress.snapshot.note
        if progress.job.paused and note:
            text = f"{note} Select Continue to begin, or Cancel."
        elif progress.job.cancelling:
            text = "Stopping…"
        elif note:
            text = f"{note} {text}"
        self.said.setText(text or "Reading the site…")


class RulePane(QWidget):
    """What is known of one rule, and what can be done about it."""

    show_files = Signal(str)
    accept = Signal(object)
    withdraw = Signal(object)
    look = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._line: RuleLine | None = None
        self.title = label("", "heading", wrap=True, selectable=True)
        self.state = label("", "strong", wrap=True)
        self.texts = {name: label("", wrap=True, selectable=True) for name in ("Why it matters", "What to do", "Where", "Found", "Said in")}
        self._parts = QVBoxLayout()
        self._parts.setSpacing(SPACE)
        self._titles = {}
        for name, made in self.texts.items():
            made.setAccessibleName(name)
            self._titles[name] = label(name, "muted")
            self._titles[name].setMinimumWidth(110)
            self._titles[name].setAlignment(Qt.AlignmentFlag.AlignTop)
            line = row(self._titles[name], made, space=2 * SPACE)
            line.setStretch(1, 1)
            self._parts.addLayout(line)
        self.files = button("Show file&s in Review", "Show the files of this rule in Review, where you can hold them back", icon="review")
        self.accept_button = button("&Accept…", "Accept this finding, with a reason that the receipt shows", icon="check")
        self.withdraw_button = button("&Withdraw", "No longer accept this finding", icon="undo")
        self.look_button = button("&Look at images…", "Look at a sample of the images, for text in the picture", icon="image")
        self.files.clicked.connect(lambda: self._line and self.show_files.emit(self._line.rule))
        self.accept_button.clicked.connect(lambda: self._line and self.accept.emit(self._line))
        self.withdraw_button.clicked.connect(lambda: self._line and self.withdraw.emit(self._line))
        self.look_button.clicked.connect(self.look)
        content = QWidget()
        content.setLayout(column(self.title, self.state, self._parts, None, space=SPACE, margins=(0, SPACE, SPACE, 0)))
        self.area = scrolled(content, "The selected rule")
        whole = column(self.area, row(self.files, self.accept_button, self.withdraw_button, self.look_button, None), space=SPACE)
        whole.setStretch(0, 1)
        self.setLayout(whole)
        self.show_line(None, busy=False)

    def show_line(self, line: RuleLine | None, *, busy: bool) -> None:
        """Show a rule; None: nothing is selected."""
        moved = line is None or self._line is None or line.rule != self._line.rule
        self._line = line
        for made in (self.state, *self.texts.values(), *self._titles.values()):
            made.setVisible(line is not None)
        self.title.setText(f"{line.rule}: {line.must}" if line else "Select a rule to see what to do.")
        leak = line is not None and line.severity is Severity.LEAK
        self.files.setEnabled(line is not None and bool(line.examples))
        self.accept_button.setVisible(leak)
        self.withdraw_button.setVisible(leak)
        self.look_button.setVisible(line is not None and line.rule == "I10")
        self.accept_button.setEnabled(leak and not busy and line is not None and line.open > 0)
        self.withdraw_button.setEnabled(leak and not busy and line is not None and line.accepted > 0)
        if line is None:
            return
        set_grade(self.state, GRADES[line.severity])
        self.state.setText(_state(line))
        self.texts["Why it matters"].setText(line.why)
        self.texts["What to do"].setText(line.tell)
        self.texts["Where"].setText("\n".join(line.examples) or "The whole site")
        self.texts["Found"].setText("\n".join(_subjects(line)))
        self.texts["Said in"].setText("\n".join(line.said_in))
        if moved:
            self.area.verticalScrollBar().setValue(0)


def _state(line: RuleLine) -> str:
    text = f"{SEVERITIES[line.severity]}, {line.certainty}"
    if line.severity is Severity.LEAK:
        stops = line.open - line.held
        parts = [f"{words.count_of(stops, 'file')} open"] if stops else []
        parts += [f"{words.count_of(line.held, 'file')} held back"] if line.held else []
        parts += [f"{words.count_of(line.accepted, 'file')} accepted"] if line.accepted else []
        text = ": ".join([text, ", ".join(parts)]) if parts else f"{text}: in files that are not sent"
    return text


def _subjects(line: RuleLine, most: int = 8) -> list[str]:
    said = []
    for one in line.subjects[:most]:
        found = words.count_of(one.count, "finding")
        found = found if one.count == one.files else f"{found} in {words.count_of(one.files, 'file')}"
        said.append(f"{found}: {one.about}" if one.about else found)
    if len(line.subjects) > most:
        said.append(f"and {words.number(len(line.subjects) - most)} more")
    return said
