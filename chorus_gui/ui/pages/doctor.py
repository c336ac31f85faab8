"""Doctor: what is wrong, or soon will be, with this setup; the worst first, each with its remedy."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QVBoxLayout, QWidget

from chorus_gui import __version__
from chorus_gui.app.doctor.examine import HEADINGS, grouped, to_text
from chorus_gui.core.model import Finding, Grade
from chorus_gui.core.redact import redact
from chorus_gui.ui import intents, words
from chorus_gui.ui.in_window import in_window
from chorus_gui.ui.pages import Page, Services
from chorus_gui.ui.state import DoctorFacts, JobKind, SessionState
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import Card, EmptyState, Picture, button, column, label, row, scrolled

LEAD = "Checks the configuration, the site's folders, the journal, the central store and this computer. Nothing is changed."


class DoctorPage(Page):
    """One button, and what it found."""

    def __init__(self) -> None:
        super().__init__()
        self._drawn: DoctorFacts | None = None
        self.examine = button("Check a&gain", "Check the whole setup again", icon="doctor", primary=True)
        self.examine.clicked.connect(lambda: self.intent.emit(intents.Examine()))
        self.copy = button("&Copy report", "Copy the results to the clipboard; they can name patients, and hold no secret", icon="copy")
        self.copy.clicked.connect(self._copy)
        self.lead = label(LEAD, "muted", wrap=True)
        head = row(column(label("Doctor", "title"), self.lead, space=SPACE // 2), 2 * SPACE, self.copy, self.examine, space=SPACE)
        head.setStretch(0, 1)
        self.empty = EmptyState("doctor", "", "", "Check setup")
        self.empty.acted.connect(self._act)
        self._groups = QVBoxLayout()
        self._groups.setSpacing(2 * SPACE)
        content = QWidget()
        content.setLayout(column(self._groups, None, margins=(0, 0, SPACE, 0)))
        self.area = scrolled(content, "Results")
        whole = column(head, self.area, self.empty, space=2 * SPACE, margins=(24, 20, 24, 24))
        whole.setStretch(1, 1)
        whole.setStretch(2, 1)
        self.set_content(whole)
        self._has_file = False

    def render(self, state: SessionState) -> None:
        """Draw the state."""
        running = any(job.kind is JobKind.EXAMINE for job in state.jobs)
        facts, self._has_file = state.doctor, state.config_file is not None
        self.examine.setEnabled(self._has_file and not running)
        self.examine.setVisible(facts is not None)
        self.copy.setVisible(facts is not None)
        self.area.setVisible(facts is not None)
        self.empty.setVisible(facts is None)
        if facts is None:
            self._drawn = None
            self.lead.setText(LEAD)
            if not self._has_file:
                self.empty.say(
                    "No configuration is open",
                    "Problems of your setup appear here. Open or set up a configuration first.",
                    "Open Configuration",
                )
            elif running:
                self.empty.say(
                    "Checking the setup…", "This takes a few seconds, or longer if a place does not respond. The results appear here."
                )
            else:
                self.empty.say("No results yet", "Problems of your setup, and how to fix them, appear here.", "Check setup")
            return
        if facts is self._drawn:
            return
        self._drawn = facts
        bad = sum(finding.grade is Grade.BAD for finding in facts.findings)
        message = f"{words.count_of(bad, 'problem')} to fix" if bad else "No problems"
        self.lead.setText(f"{message}. Checked {words.moment(facts.at_us)}.")
        self._show(facts)

    def _show(self, facts: DoctorFacts) -> None:
        while self._groups.count():
            item = self._groups.takeAt(0)
            if item is not None and (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        for severity, group in grouped(facts.findings).items():
            rows = [self._finding(finding) for finding in group]
            self._groups.addWidget(Card(column(label(HEADINGS[severity], "heading"), *rows, space=SPACE + 4)))

    def _finding(self, finding: Finding) -> QWidget:
        grade = finding.grade
        mark = Picture(20, grade.value, grade)
        mark.setAccessibleName(grade.value)
        mark.setAlignment(Qt.AlignmentFlag.AlignTop)
        texts = [
            label(
                f"{finding.subject}: {redact(finding.what)}",
                "strong" if finding.grade in (Grade.BAD, Grade.WARNING) else "",
                wrap=True,
                selectable=True,
            )
        ]
        texts += [label(redact(text), "muted", wrap=True, selectable=True) for text in (finding.why,) if text]
        texts += [label(redact(finding.remedy), wrap=True, selectable=True)] if finding.remedy else []
        texts += [label("\n".join(finding.examples), "muted", wrap=True, selectable=True)] if finding.examples else []
        line = row(mark, column(*texts, space=2), space=SPACE + 4)
        line.setStretch(1, 1)
        made = QWidget()
        made.setLayout(line)
        made.setAccessibleName(f"{grade.value}: {finding.subject}: {in_window(finding.what)}")
        return made

    def _act(self) -> None:
        self.intent.emit(intents.Examine() if self._has_file else intents.ShowPage("configuration"))

    def _copy(self) -> None:
        if self._drawn is not None:
            QGuiApplication.clipboard().setText(f"CHoRUS Upload {__version__}\n\n{redact(to_text(self._drawn.findings))}\n")


def make(services: Services) -> Page:
    """The page."""
    del services
    return DoctorPage()
