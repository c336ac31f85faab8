"""What happens when all jobs have ended: nothing, close the program, or put the computer to sleep.

It is a choice for the jobs that run now, and is never remembered: a computer that falls asleep unexpectedly interrupts whatever a person began
later.  Whoever stops a job is at the computer, so a stopped job ends the choice.  The program closes only if every job succeeded: otherwise its
window has to show what went wrong.  The computer sleeps in both cases, because its window still shows the result when it wakes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from chorus_gui.app import sleep
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.core.model import Grade
from chorus_gui.ui.state import AFTERWARDS, Afterwards, JobEnd, SessionState

if TYPE_CHECKING:
    from chorus_gui.ui.session import Session


class AfterJobs(QObject):
    """Watches the jobs of a session.  ``due``: all have ended, and the person chose this."""

    due = Signal(object)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._ends: list[JobEnd] = []
        self._asked = False
        self._site: object = None
        """the configuration file that was open when the person chose"""
        self._way = sleep.Way.NONE
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._maybe)
        session.ended.connect(self._ended)
        session.changed.connect(self._look)

    def choose(self, what: Afterwards) -> None:
        """Do this when all jobs have ended.  The menu can still be open when they have: then nothing is chosen, also not for a later job."""
        self._ends.clear()
        if what is not Afterwards.NOTHING and self._session.jobs.idle:
            what = Afterwards.NOTHING
            self._session.show_message("Nothing was chosen, because all jobs have ended already.")
        self._site = self._open_file()
        self._put(what)

    def _open_file(self) -> object:
        config = self._session.state.config
        return config.file if config else None

    def act_sleep(self) -> None:
        """Put the computer to sleep now; a refusal is shown as an error."""
        state, way = self._session.state, self._way
        journal = state.config.journal.local if state.config else None

        def step(_: JobContext) -> None:
            sleep.refuse_while_busy(journal)
            sleep.fall_asleep(way)

        self._session.show_message("The computer goes to sleep.")
        self._session.checker.ask(self, step, self._slept)

    def _slept(self, outcome: Outcome[Any]) -> None:
        if outcome.error is not None:
            self._session.show_error(outcome.error)

    def _put(self, what: Afterwards) -> None:
        after = self._session.state.after
        if after.chosen is not what:
            self._session.update(after=replace(after, chosen=what))

    def _look(self, state: SessionState) -> None:
        """When the first long job runs, find out if this computer can sleep."""
        if not self._asked and state.has_long_job:
            self._asked = True
            self._session.checker.ask(self, lambda _: sleep.way(), self._found_way)

    def _found_way(self, outcome: Outcome[Any]) -> None:
        if isinstance(outcome.value, sleep.Way):
            self._way = outcome.value
            self._session.update(after=replace(self._session.state.after, can_sleep=self._way is not sleep.Way.NONE))

    def _ended(self, end: JobEnd) -> None:
        if end.id and self._session.state.after.chosen is not Afterwards.NOTHING:
            self._ends.append(end)
            self._soon.start()  # the end of a job can begin another one

    def _maybe(self) -> None:
        what, session = self._session.state.after.chosen, self._session
        if what is Afterwards.NOTHING or not session.jobs.idle:
            return
        ends, self._ends = self._ends, []
        self._put(Afterwards.NOTHING)
        if any(end.outcome is OutcomeKind.CANCELLED for end in ends):
            session.show_message(f"Not done, because a job was stopped: {AFTERWARDS[what].lower()}.")
        elif what is Afterwards.CLOSE and any(end.grade is not Grade.GOOD for end in ends):
            session.show_message("The program stays open, because not everything succeeded.", Grade.WARNING)
        elif what is Afterwards.CLOSE and self._open_file() != self._site:  # the journal of the other one would stay checked out
            session.show_message(
                "The program stays open, because another configuration was opened. Check in the journal of each site.", Grade.WARNING
            )
        else:
            self.due.emit(what)
