"""Makes the threads of Qt; only `watching.py` has one of its own.

:class:`Jobs` runs the steps of core, one at a time for each key (the journal they work on); the others wait in a queue that people
see.  :class:`Reader` answers quick questions (a page of rows, a sorted list of ids) on a thread of its own, so that a table
stays alive while a job runs.

A step is a plain function of a :class:`~chorus_gui.core.job.JobContext`; it opens what it needs itself, for a SQLite connection
belongs to the thread that opened it.  Its result returns to the screen's thread as an
:class:`~chorus_gui.core.job.Outcome`.  Progress is pulled ten times a second; nothing is pushed.
"""

from __future__ import annotations

import itertools
import logging
import queue
import time
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QThread, QTimer, Signal
from shiboken6 import isValid

from chorus_gui.app.awake import Awake, awake, system
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind, Patience, run
from chorus_gui.core.limit import Limit
from chorus_gui.ui.models.progress import UploadRun
from chorus_gui.ui.state import BRIEF, JobKind, JobProgress, JobView

Step = Callable[[JobContext], Any]
"""What runs on a thread: it may raise anything, :func:`chorus_gui.core.job.run` turns that into an outcome."""

PROGRESS_MS = 100
_log = logging.getLogger("chorus.ui")


@dataclass(eq=False, slots=True)
class Job:
    """A step that runs, or waits for its turn.  ``then`` is called with its outcome, in the screen's thread."""

    id: int
    kind: JobKind
    title: str
    key: str
    step: Step
    then: Callable[[Job, Outcome[Any]], None]
    ctx: JobContext
    cancellable: bool = True
    file: Path | None = None
    thread: _JobThread | None = None
    began: float = field(default=0.0)
    run: UploadRun | None = None

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self.began if self.began else 0.0

    def view(self) -> JobView:
        """As the screen shows it."""
        return JobView(
            self.id,
            self.kind,
            self.title,
            self.key,
            self.thread is not None,
            self.ctx.paused,
            self.ctx.cancelled,
            self.cancellable,
            self.file,
        )


class _JobThread(QThread):
    """One step on one thread.  The object itself lives in the screen's thread; only :meth:`run` does not."""

    def __init__(self, job: Job, stay_awake: Awake, parent: QObject) -> None:
        super().__init__(parent)
        self.job = job
        self._stay_awake = stay_awake
        self.outcome: Outcome[Any] = Outcome(OutcomeKind.CRASHED, report="The job's thread ended without an outcome.")

    def run(self) -> None:
        with nullcontext() if self.job.kind in BRIEF else awake(self._stay_awake):
            self.outcome = run(self.job.step, self.job.ctx)


class Jobs(QObject):
    """Runs jobs, and keeps the computer awake while a longer one runs (``stay_awake`` makes what does that for a block).

    ``changed``: the list of jobs has changed; ``progressed``: a :class:`JobProgress`, for each running job.
    """

    changed = Signal()
    progressed = Signal(object)

    def __init__(self, parent: QObject | None = None, stay_awake: Awake = system) -> None:
        super().__init__(parent)
        self._stay_awake = stay_awake
        self.limit = Limit()
        """The ceiling on bytes a second, of all jobs together"""
        self.file: Path | None = None
        """The configuration that is open"""
        self._numbers = itertools.count(1)
        self._jobs: list[Job] = []
        self._paused: set[int] = set()
        self._timer = QTimer(self)
        self._timer.setInterval(PROGRESS_MS)
        self._timer.timeout.connect(self._pull)

    def start(
        self,
        kind: JobKind,
        title: str,
        key: str,
        step: Step,
        then: Callable[[Job, Outcome[Any]], None],
        *,
        cancellable: bool = True,
    ) -> int:
        """Run a step now, or after the earlier ones with the same key; the job's number."""
        job = Job(next(self._numbers), kind, title, key, step, then, JobContext(self.limit), cancellable, self.file)
        self._jobs.append(job)
        self._start_waiting()
        self.changed.emit()
        return job.id

    def views(self) -> tuple[JobView, ...]:
        """Running jobs first, then the queue in order."""
        return tuple(job.view() for job in sorted(self._jobs, key=lambda job: job.thread is None))

    @property
    def idle(self) -> bool:
        """Nothing runs or waits."""
        return not self._jobs

    def cancel(self, number: int) -> None:
        """Ask a running job to stop; remove a waiting one from the queue, as cancelled."""
        job = self._find(number)
        if job is None or not job.cancellable:
            return
        job.ctx.cancel()
        if job.thread is None:
            self._jobs.remove(job)
            job.then(job, Outcome(OutcomeKind.CANCELLED))
        self.changed.emit()

    def cancel_all(self) -> None:
        """Ask everything to stop; what cannot be cancelled is finished."""
        for job in [*self._jobs]:
            self.cancel(job.id)

    def pause(self, number: int) -> None:
        """Pause a running job."""
        if job := self._find(number):
            job.ctx.pause()
            self.changed.emit()

    def resume(self, number: int) -> None:
        """Resume a paused job."""
        if job := self._find(number):
            job.ctx.resume()
            self.changed.emit()

    def _find(self, number: int) -> Job | None:
        return next((job for job in self._jobs if job.id == number), None)

    def _start_waiting(self) -> None:
        taken = {job.key for job in self._jobs if job.thread is not None}
        for job in self._jobs:
            if job.thread is None and job.key not in taken:
                taken.add(job.key)
                job.thread = _JobThread(job, self._stay_awake, self)
                job.thread.finished.connect(self._ended)
                job.began = time.monotonic()
                job.thread.start()
        if not self._timer.isActive() and taken:
            self._timer.start()

    def _ended(self) -> None:
        """In the screen's thread: one or more threads have ended."""
        for job in [job for job in self._jobs if job.thread is not None and job.thread.isFinished()]:
            thread = job.thread
            assert thread is not None
            thread.wait()
            self._pull_one(job)
            self._jobs.remove(job)
            self._start_waiting()
            if not any(other.thread for other in self._jobs):
                self._timer.stop()
            outcome = thread.outcome
            job.thread = None
            thread.deleteLater()
            job.then(job, outcome)
        self.changed.emit()

    def _pull(self) -> None:
        paused = {job.id for job in self._jobs if job.ctx.paused}
        for job in self._jobs:
            if job.thread is not None:
                self._pull_one(job)
        if paused != self._paused:  # a step can pause itself
            self._paused = paused
            self.changed.emit()

    def _pull_one(self, job: Job) -> None:
        """Every place that shows the job gets the same numbers: they are added up and measured here."""
        view, snapshot = job.view(), job.ctx.progress.snapshot()
        job.run = job.run or UploadRun(job.id)
        job.run.feed(snapshot, time.monotonic(), paused=view.paused)
        self.progressed.emit(JobProgress(view, snapshot, job.run))


@dataclass(frozen=True, slots=True)
class _Question:
    number: int
    step: Step
    ctx: JobContext


class Reader(QThread):
    """Answers quick questions, in order, on one thread.

    On a named channel only the newest question counts: older ones in the queue are dropped, the answer of one that is being worked on
    is not delivered.  So a person can type into a search box as fast as they like.
    """

    crashed = Signal(str)
    _answered = Signal(int, object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._numbers = itertools.count(1)
        self._questions: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._waiting: dict[int, tuple[weakref.ref[QObject], str, Callable[[Outcome[Any]], None], JobContext]] = {}
        self._answered.connect(self._deliver)
        self.start()

    def ask(self, owner: QObject, step: Step, then: Callable[[Outcome[Any]], None], *, channel: str = "") -> None:
        """Run ``step``, then call ``then`` with its outcome in the screen's thread, unless ``owner`` is gone by then.

        Channels belong to their owner.  A dropped question's context is cancelled, so a step that looks at it ends early.
        """
        if channel:
            for number, (other, name, _, ctx) in [*self._waiting.items()]:
                if other() is owner and name == channel:
                    ctx.cancel()
                    del self._waiting[number]
        question = _Question(next(self._numbers), step, JobContext(patience=Patience.BRIEF))
        self._waiting[question.number] = (weakref.ref(owner), channel, then, question.ctx)
        self._questions.put(question)

    def forget(self, owner: QObject) -> None:
        """Drop every question of ``owner``."""
        for number, (other, _, _, ctx) in [*self._waiting.items()]:
            if other() is owner:
                ctx.cancel()
                del self._waiting[number]

    def stop(self) -> None:
        """Drop every question; ``finished`` comes when the thread has ended, after the step it works on."""
        for _, _, _, ctx in self._waiting.values():
            ctx.cancel()
        self._waiting.clear()
        self._questions.put(None)

    def run(self) -> None:
        """On the reader's own thread."""
        while (question := self._questions.get()) is not None:
            dropped = question.ctx.cancelled
            outcome: Outcome[Any] = Outcome(OutcomeKind.CANCELLED) if dropped else run(question.step, question.ctx)
            self._answered.emit(question.number, outcome)

    def _deliver(self, number: int, outcome: Outcome[Any]) -> None:
        waiting = self._waiting.pop(number, None)
        if outcome.kind is OutcomeKind.CRASHED:
            _log.error("unexpected error while reading\n%s", outcome.report)
            self.crashed.emit(outcome.report)
        if waiting is not None:
            owner, then = waiting[0](), waiting[2]
            if owner is not None and isValid(owner):
                then(outcome)
