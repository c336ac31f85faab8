"""The assistant's frame: the steps at the left, one of them in the middle, back and next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QWidget

from chorus_gui.app import sampling
from chorus_gui.app.answers import Answers, compose
from chorus_gui.app.configuration import Checked, check
from chorus_gui.app.folders import is_there
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.core.model import Grade
from chorus_gui.ui import intents, theme
from chorus_gui.ui.assistant.ending import PreviewStep, SaveStep, TestStep
from chorus_gui.ui.assistant.places import SiteStep
from chorus_gui.ui.assistant.steps import CredentialStep, Step, StoreStep, Wrong
from chorus_gui.ui.dialogs.trust import ask_trust
from chorus_gui.ui.pages import Services
from chorus_gui.ui.state import JobKind, SessionState
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import Picture, button, column, label, row, set_grade
from chorus_gui.ui.widgets.dialogs import ConfirmDialog, Dialog, Question
from chorus_gui.ui.widgets.scrolling import Stack, scrolled_if_low


class StepMark(QWidget):
    """A step's name at the left: done, now, or later."""

    def __init__(self, number: int, name: str) -> None:
        super().__init__()
        self._number, self._name = number, name
        self._picture = Picture(16)
        self._picture.setFixedWidth(20)
        self._label = label(name)
        line = row(self._picture, self._label, None, margins=(SPACE, 6, SPACE, 6))
        self.setLayout(line)

    def show_mark(self, now: int, *, skipped: bool) -> None:
        """``now``: the number of the step that is shown."""
        done = self._number < now and not skipped
        here = ("good", "good") if done else ("arrow", "accent") if self._number == now else ("minus", "muted")
        self._picture.show_icon(*here)
        self._label.setProperty("role", "strong" if self._number == now else "muted")
        theme.restyle(self._label)
        state = "not needed" if skipped else "done" if done else "now" if self._number == now else "later"
        self.setAccessibleName(f"Step {self._number + 1}, {self._name}: {state}")


class Assistant(Dialog):
    """Makes a configuration.  ``intent`` as a page's; :meth:`render` gets every state, as a page does."""

    intent = Signal(object)

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent, "Set up a site")
        self._services = services
        self._state = SessionState()
        self._answers = Answers()
        self._asked_at: int | None = None
        self._saving_after: int | None = None
        self._busy = False
        self.connection, self.preview, self.ending = TestStep(), PreviewStep(), SaveStep()
        self.site, self.store, self.credential = SiteStep(services, lambda: self.ending.file), StoreStep(), CredentialStep()
        self.steps: tuple[Step, ...] = (self.site, self.store, self.credential, self.connection, self.preview, self.ending)
        self.marks = [StepMark(number, step.title) for number, step in enumerate(self.steps)]
        self.heading = label("", "title")
        self.lead = label("", "muted", wrap=True)
        self.error = label("", wrap=True, selectable=True)
        set_grade(self.error, Grade.BAD)
        self.stack = Stack()
        self.back = button("&Back", "Show the previous step; what you entered is kept")
        self.next = button("&Next", "Show the next step (Enter)", primary=True)
        self.cancel = button("Cancel", "Close the assistant without saving (Esc)")
        self._put_together()
        self._go_to(0)

    def _put_together(self) -> None:
        for step in self.steps:
            self.stack.addWidget(step)
            step.changed.connect(lambda: self._say(""))
        self.site.untrusted.connect(lambda host: ask_trust(self, (host,), self.intent.emit))
        self.connection.test_wanted.connect(self._test)
        self.preview.look_wanted.connect(self._look)
        self.back.clicked.connect(self._back)
        self.next.clicked.connect(self._next)
        self.cancel.clicked.connect(self.reject)
        self.next.setDefault(True)
        for other in (self.back, self.cancel):
            other.setAutoDefault(False)
        rail = QFrame()
        rail.setObjectName("rail")
        rail.setFixedWidth(190)
        rail.setLayout(column(*self.marks, None, space=2, margins=(SPACE, 3 * SPACE, SPACE, SPACE)))
        buttons = row(self.cancel, None, self.back, self.next)
        middle = column(
            self.heading,
            self.lead,
            SPACE,
            scrolled_if_low(column(self.stack, space=0)),
            self.error,
            buttons,
            margins=(3 * SPACE, 3 * SPACE, 3 * SPACE, 2 * SPACE),
        )
        middle.setStretch(3, 1)
        whole = row(rail, middle, space=0)
        whole.setStretch(1, 1)
        self.setLayout(whole)
        self.setMinimumSize(760, 400)
        self.resize(860, 620)

    # --- rendering --------------------------------------------------------------------------------------------------

    def render(self, state: SessionState) -> None:
        """Draw the state: how the test and the saving go."""
        self._state = state
        last = state.last
        if self._asked_at is not None:
            testing = any(job.kind is JobKind.TEST for job in state.jobs)
            ended = last is not None and last.id > self._asked_at and last.kind is JobKind.TEST
            if not testing and ended and last is not None:
                self._asked_at = None
                failed = last.outcome is not OutcomeKind.DONE
                self.connection.show_tests(state.test, f"{last.text} {last.remedy}".strip() if failed else "", testing=False)
                self._draw()
        if self._saving_after is not None and last is not None and last.id > self._saving_after and last.kind is JobKind.SAVE:
            self._saving_after = None
            self._set_busy(busy=False)
            if last.outcome is OutcomeKind.DONE:
                self.accept()
                self.intent.emit(intents.ShowPage("overview"))  # it says what comes next
            else:
                self._say(f"{last.text} {last.remedy}".strip())

    # --- from step to step ------------------------------------------------------------------------------------------

    @property
    def step(self) -> Step:
        """The one that is shown."""
        return self.steps[self.stack.currentIndex()]

    def _skipped(self, step: Step) -> bool:
        return step is self.credential and not self._answers.azure

    def _go_to(self, number: int) -> None:
        step = self.steps[number]
        self.stack.setCurrentWidget(step)
        self.heading.setText(step.title)
        self.lead.setText(step.lead)
        self._say("")
        step.enter(self._answers)
        self._draw()
        (step.focusProxy() or self._first_field(step) or self.next).setFocus()

    @staticmethod
    def _first_field(step: Step) -> QWidget | None:
        from PySide6.QtWidgets import QLineEdit

        return next((edit for edit in step.findChildren(QLineEdit) if edit.isVisibleTo(step)), None)

    def _draw(self) -> None:
        now = self.stack.currentIndex()
        for number, mark in enumerate(self.marks):
            mark.show_mark(now, skipped=self._skipped(self.steps[number]))
        last = self.step is self.ending
        testing = self.step is self.connection and self._asked_at is not None
        text = "&Save and open" if last else "&Next anyway" if self.step is self.connection and self.connection.bad else "&Next"
        self.next.setText(text)
        self.next.setAccessibleName(text.replace("&", ""))
        self.next.setEnabled(not self._busy and not testing)
        self.back.setEnabled(now > 0 and not self._busy)
        self.stack.setEnabled(not self._busy)

    @property
    def said(self) -> str:
        """What is wrong with the answers of this step; "" if nothing is known to be."""
        return next((one.fault for one in self.step.rows.values() if one.fault), "") or self.error.text()

    def _say(self, text: str, field: str = "") -> None:
        """Say it at its field, which gets the focus; where the step has no such field, below the step."""
        self.step.reveal(field if text else "")
        here = self.step.rows.get(field)
        if here is not None and not here.isVisibleTo(self.step):
            here = None
        for one in self.step.rows.values():
            one.show_fault(text if one is here else "")
        below = "" if here is not None else text
        self.error.setText(below)
        self.error.setVisible(bool(below))
        if text and here is not None:
            (here.field.focusProxy() or here.field).setFocus()

    def _set_busy(self, *, busy: bool) -> None:
        self._busy = busy
        self._draw()

    def _back(self) -> None:
        self._answers = self.step.answer(self._answers)
        self._asked_at = None
        number = self.stack.currentIndex() - 1
        self._go_to(number - 1 if self._skipped(self.steps[number]) else number)

    def _next(self) -> None:
        if self._busy or not self.next.isEnabled():
            return
        step = self.step
        self._answers = answers = step.answer(self._answers)
        if wrong := step.problem(answers):
            self._say(wrong)
            return
        test = step.test(answers, self.ending.file)
        if test is None:
            self._on()
            return
        self._set_busy(busy=True)
        self._services.reader.ask(self, test, lambda outcome: self._tested(outcome), channel="step")

    def _tested(self, outcome: Outcome[Any]) -> None:
        self._set_busy(busy=False)
        if outcome.kind is not OutcomeKind.DONE:
            self._say(str(outcome.error) if outcome.error else "This could not be checked. Select Next to try again.")
        elif isinstance(outcome.value, Wrong) and outcome.value.text:
            self._say(outcome.value.text, outcome.value.field)
        elif isinstance(outcome.value, str) and outcome.value:
            self._say(outcome.value)
        else:
            self._on()

    def _on(self) -> None:
        if self.step is self.ending:
            self._ask_to_save()
            return
        number = self.stack.currentIndex() + 1
        self._go_to(number + 1 if self._skipped(self.steps[number]) else number)

    # --- what the steps need ----------------------------------------------------------------------------------------

    def _test(self) -> None:
        self._asked_at = self._state.newest_job
        self.connection.show_tests((), "", testing=True)
        self._draw()
        file = self.ending.file
        self._compose(lambda text: self.intent.emit(intents.TestConnection(text, file)))

    def _compose(self, then: Callable[[str], None]) -> None:
        """The configuration's text, made on the reader's thread."""
        answers, file = self._answers, self.ending.file

        def made(outcome: Outcome[Any]) -> None:
            if isinstance(outcome.value, str):
                then(outcome.value)

        self._services.reader.ask(self, lambda _: compose(answers, file), made, channel="compose")

    def _look(self) -> None:
        answers, file, login = self._answers, self.ending.file, self._services.login

        def look(ctx: JobContext) -> sampling.Sample:
            checked: Checked = check(compose(answers, file), file)
            return sampling.sample(checked, ctx, login=login)

        def seen(outcome: Outcome[Any]) -> None:
            if isinstance(outcome.value, sampling.Sample) and self.step is self.preview:
                self.preview.show_sample(outcome.value)

        self._services.reader.ask(self, look, seen, channel="sample")

    def _ask_to_save(self) -> None:
        file = self.ending.file
        self._set_busy(busy=True)

        def known(outcome: Outcome[Any]) -> None:
            self._set_busy(busy=False)
            if outcome.value:
                ConfirmDialog(
                    self,
                    Question(
                        "Replace the existing configuration?",
                        f"“{file}” already exists. It is kept in the same folder as “{file.name}.bak”.",
                        "Replace configuration",
                        danger=True,
                    ),
                    self._save,
                ).open()
            else:
                self._save()

        self._services.reader.ask(self, lambda _: is_there(file), known, channel="step")

    def _save(self) -> None:
        file = self.ending.file
        self._saving_after = self._state.newest_job
        self._set_busy(busy=True)
        self._compose(lambda text: self.intent.emit(intents.SaveConfig(file, text, None, overwrite=True)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter shows the next step, unless the focus is on another button."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._next()
            return
        super().keyPressEvent(event)

    def reject(self) -> None:
        """What was typed is only discarded after a question."""
        if self.stack.currentIndex() == 0 or self._saving_after is not None:
            if self._saving_after is None:
                super().reject()
            return
        ConfirmDialog(
            self,
            Question("Close the assistant?", "Nothing is saved yet. What you entered is lost.", "Close without saving", danger=True),
            lambda: self.done(0),
        ).open()
