"""Upload: what is being uploaded, how fast, what failed; and what is pending."""

from __future__ import annotations

import time
from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from chorus_gui.app.site_status import Action
from chorus_gui.core.config.model import UploadMethod
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.model import Failure, Tally
from chorus_gui.core.timetable import FREE
from chorus_gui.ui import hold_intents, intents, words
from chorus_gui.ui.models.progress import UploadRun
from chorus_gui.ui.pages import Page, Services
from chorus_gui.ui.pages.upload_limit import LimitBar
from chorus_gui.ui.pages.upload_parts import FailuresCard, RunView, SummaryCard, summary_intent
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.state import SENDING, JobEnd, JobKind, JobProgress, JobView, SessionState
from chorus_gui.ui.status import status_of
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import EmptyState, button, column, label, row, scrolled, set_icon
from chorus_gui.ui.widgets.dialogs import ConfirmDialog, Question
from chorus_gui.ui.widgets.scrolling import Stack

TABLE_SECONDS = 0.25
FLIGHT_SECONDS = 0.5
CHART_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Idle:
    """What the page says when nothing is uploaded, and what its button asks for; no ``action``: no button."""

    title: str
    text: str
    action: str = ""
    intent: intents.Intent | None = None


def idle(state: SessionState) -> Idle:
    """What is pending, or why nothing is."""
    if state.config is None:
        return Idle(
            "No usable configuration is open",
            "Uploads appear here. Open a configuration, or fix its problems first.",
            "Open Configuration",
            intents.ShowPage("configuration"),
        )
    journal, review = state.journal, state.review
    if journal is None:
        return Idle("Reading the journal…", "Pending files appear here.")
    if journal.error:
        return Idle("The journal cannot be read", journal.error, "Show kept copies", intents.ShowPage("history", "copies"))
    pending = journal.pending
    if pending.files and state.config.upload_method is UploadMethod.AZCLI:
        return Idle(
            f"{words.files_and_size(pending)} to upload with a script",
            "This site uploads with generated scripts (upload_method = “azcli”). Generate the batch file with Tools → Generate azcli batch file, run it, then mark the files as uploaded.",
        )
    if not state.custody.may_write and (pending.files or review):
        if state.custody.can_check_out:
            return Idle("Check out the journal first", state.custody.detail, "Check out the journal", intents.CheckOut())
        return Idle("Nothing can be uploaded now", state.custody.detail, "Show options", intents.ShowPage("overview", "custody"))
    status = status_of(state)
    if status is not None and status.next.action is Action.RESUME:
        return Idle(status.headline, status.text, status.next.label, intents.RetryFailed())
    if pending.files:
        return Idle(
            f"{words.files_and_size(pending)} pending",
            f"{words.agree(pending.files, 'It is', 'They are')} recorded in the journal, but not uploaded yet.",
            f"Upload {words.count_of(pending.files, 'pending file')}",
            intents.UploadPending(),
        )
    rest = review.to_do_total if review and review.approval and not review.stale else None
    if rest and rest.files:
        are = words.agree(rest.files, "is", "are")
        return Idle(
            f"{words.count_of(rest.files, 'approved change')} {are} not submitted yet",
            f"{words.agree(rest.files, 'It', 'They')} failed in the last submission. Fix the cause, then retry, or scan again.",
            f"Retry {words.count_of(rest.files, 'failed file')}",
            intents.RetryFailed(),
        )
    if review and review.to_do_total.files and not review.stale:
        return Idle(
            f"{words.count_of(review.to_do_total.files, 'change')} to approve",
            "The last scan found changes on the site. Nothing is uploaded before you approve it.",
            "Review the changes",
            intents.ShowPage("review"),
        )
    return Idle(
        "No pending files",
        "Approve changes on the Review page. Their upload appears here.",
        "Open Review",
        intents.ShowPage("review"),
    )


class UploadPage(Page):
    """The Upload page.  It shows the upload of the open configuration, the running one or the last one."""

    def __init__(self) -> None:
        super().__init__()
        self._key = ""
        self._run: UploadRun | None = None
        self._end: JobEnd | None = None
        self._drawn: SessionState | None = None
        self._failures: tuple[object, ...] = ()
        self._idle = Idle("", "")
        self._last_table = self._last_flight = self._last_chart = 0.0
        self.limit = LimitBar()
        self.pause = button("&Pause", "Pause the upload; files that are being uploaded continue when you resume (Ctrl+P)", icon="pause")
        self.cancel = button("&Cancel", "Stop the upload; files that were already uploaded are kept (Ctrl+.)", icon="cancel")
        self.summary = SummaryCard()
        self.view = RunView()
        self.failures = FailuresCard()
        self.empty = EmptyState("upload", "", "")
        self._over = QWidget()  # takes the space of the parts that are hidden after the end
        self._content = column(self.summary, self.view, self.failures, self._over, space=2 * SPACE)
        self._content.setStretch(2, 1)
        self._content.setStretch(3, 1)
        body = QWidget()
        body.setLayout(self._content)
        self.stack = Stack()
        self._area = scrolled(body, "Upload")
        self.stack.addWidget(self._area)
        self.stack.addWidget(self.empty)
        head = row(label("Upload", "title"), None, self.limit, 2 * SPACE, self.pause, self.cancel)
        self.set_content(column(column(head, self.limit.hint, space=SPACE // 2), self.stack, space=2 * SPACE, margins=(24, 20, 24, 24)))
        self.limit.changed.connect(lambda limit: self.intent.emit(intents.SetLimit(limit)))
        self.pause.clicked.connect(self._pause_or_resume)
        self.cancel.clicked.connect(self._cancel)
        self.empty.acted.connect(self._act)
        self.summary.next.clicked.connect(self._act)
        self.summary.receipt.clicked.connect(self._open_receipt)
        self.summary.verify.clicked.connect(self._verify)
        self.summary.check_in.clicked.connect(lambda: self.intent.emit(intents.CheckIn()))
        self.failures.retry.connect(lambda: self.intent.emit(intents.RetryFailed()))
        self.failures.export.connect(lambda file: self.intent.emit(intents.ExportFailures(file)))
        self.failures.mark.connect(self._mark)
        self.failures.release.connect(self._release)

    # --- rendering --------------------------------------------------------------------------------------------------

    def render(self, state: SessionState) -> None:
        """Draw the state."""
        self._drawn = state
        if state.key != self._key:
            self._key, self._run, self._end = state.key, None, None
        job = _sending(state)
        if job is not None and (self._run is None or self._run.job != job.id):
            self._begin(job)
        if state.last is not None and state.last.kind in SENDING and self._run is not None and state.last.id == self._run.job:
            self._finish(state.last, state)
        if state.failures is not self._failures:
            self._failures = state.failures
            self.failures.show_failures(state.failures)
        self.limit.show_limit(state.preferences.limit, state.config.limit if state.config else FREE)
        self._idle = idle(state)
        self._render_face(state, job)

    def _begin(self, job: JobView) -> None:
        self._run, self._end = UploadRun(job.id), None
        self.view.chart.clear()
        self._last_table = self._last_flight = self._last_chart = 0.0
        self.view.show_run(self._run)
        self.view.show_flight(self._run)

    def _finish(self, end: JobEnd, state: SessionState) -> None:
        if self._end is not end and self._run is not None:
            self._end = end
            failed: dict[str, Tally] = {}
            for failure in state.failures:
                if failure.item.store_path:  # otherwise it failed before the upload, and was not counted
                    before = failed.get(failure.item.modality, Tally())
                    failed[failure.item.modality] = before + Tally(1, failure.item.size)
            self._run.end(failed, complete=end.outcome is OutcomeKind.DONE)
            self.view.show_run(self._run)
            self.view.show_flight(None)

    def _render_face(self, state: SessionState, job: JobView | None) -> None:
        running = job is not None
        self.pause.setVisible(running)
        self.cancel.setVisible(running)
        over = not running and (self._end is not None or bool(state.failures))
        self.failures.setVisible(over and bool(state.failures))
        self.failures.set_ready(ready=not state.busy and state.custody.may_write)
        short = not state.failures or self.failures.fits
        self._over.setVisible(over and short)
        self._content.setStretch(2, 0 if short else 1)
        self._content.setStretch(1, 1 if running else 0)
        if job is not None:
            self.summary.hide()
            self._render_job(job)
        elif over:
            self.view.setVisible(self._end is not None)
            self.view.show_over()
            self._render_summary(state)
        else:
            said = self._idle
            self.empty.say(said.title, said.text, said.action)
            self.empty.action.setEnabled(not state.busy or isinstance(said.intent, intents.ShowPage))
            self.empty.action.setToolTip(
                plain_text(said.action if self.empty.action.isEnabled() else "A job is running. Wait until it has finished.")
            )
        self.stack.setCurrentWidget(self._area if running or over else self.empty)

    def _render_job(self, job: JobView) -> None:
        self.view.show()
        self.view.show_job(job, self._run)
        self.pause.setEnabled(job.running and not job.cancelling)
        text, icon = ("&Resume", "play") if job.paused else ("&Pause", "pause")
        if self.pause.text() != text:
            self.pause.setText(text)
            self.pause.setAccessibleName(text.replace("&", ""))
            set_icon(self.pause, icon)
        self.cancel.setEnabled(job.cancellable and not job.cancelling)

    def _render_summary(self, state: SessionState) -> None:
        pending = self._idle.intent if isinstance(self._idle.intent, intents.UploadPending | intents.RetryFailed) else None
        left = self._idle.action if pending else ""
        self.summary.setVisible(self._end is not None or bool(left))
        if self._end is None:  # something else failed, such as recording
            self.summary.show_left(self._idle.title, self._idle.text)
        else:
            self.summary.show_end(self._end, left=left)
        self.summary.next.setVisible(bool(left))
        self.summary.next.setText(left)
        self.summary.next.setAccessibleName(left)
        self.summary.next.setEnabled(not state.busy)
        self.summary.verify.setVisible(bool(state.journal and state.journal.versions))
        self.summary.check_in.setVisible(state.custody.can_check_in)
        self.summary.check_in.setEnabled(not state.busy)
        status = status_of(state)
        self.summary.show_next(status.next.action if status is not None and not left else Action.NOTHING)

    def progress(self, progress: JobProgress) -> None:
        """Draw how far the upload is."""
        run = self._run
        if run is None or progress.job.id != run.job or progress.job.kind not in SENDING:
            return
        now = time.monotonic()
        if progress.run is not None:
            self._run = run = progress.run
        else:
            run.feed(progress.snapshot, now, paused=progress.job.paused)
        if now - self._last_chart >= CHART_SECONDS:
            self._last_chart = now
            self.view.chart.add(run.total.rate or 0.0)
        if now - self._last_table >= TABLE_SECONDS:
            self._last_table = now
            self.view.show_run(run)
            self.view.show_job(progress.job, run)
        if now - self._last_flight >= FLIGHT_SECONDS:
            self._last_flight = now
            self.view.show_flight(run)

    # --- asking -----------------------------------------------------------------------------------------------------

    def _job(self) -> JobView | None:
        return _sending(self._drawn) if self._drawn else None

    def _pause_or_resume(self) -> None:
        if job := self._job():
            self.intent.emit(intents.ResumeJob(job.id) if job.paused else intents.PauseJob(job.id))

    def _cancel(self) -> None:
        if job := self._job():
            self.intent.emit(intents.CancelJob(job.id))

    def _act(self) -> None:
        if self._idle.intent is not None:
            self.intent.emit(self._idle.intent)

    def _open_receipt(self) -> None:
        if intent := summary_intent(self._end):
            self.intent.emit(intent)

    def _mark(self, failures: tuple[Failure, ...]) -> None:
        ask_mark_failed(self, tuple(dict.fromkeys((failure.item.modality, failure.item.path) for failure in failures)))

    def _release(self, failures: tuple[Failure, ...]) -> None:
        ask_release_failed(self, tuple((failure.item.modality, failure.item.path) for failure in failures))

    def _verify(self) -> None:
        journal = self._drawn.journal if self._drawn else None
        self.intent.emit(intents.ShowPage("verify", journal.last_version or "" if journal else ""))


def ask_mark_failed(page: Page, failed: tuple[tuple[str, str], ...]) -> None:
    """Mark the entries of these failed files (modality, path) as deleted?"""
    files = len(failed)
    ConfirmDialog(
        page,
        Question(
            f"Mark {words.count_of(files, 'file')} as deleted?",
            f"The journal then says that the site no longer submits {words.agree(files, 'this file', 'these files')}.",
            "Mark as deleted",
            details=(
                "Nothing is removed from the site or from the central store.",
                f"If {words.agree(files, 'the file is', 'a file is')} on the site and matches its pattern, the next scan shows it as added.",
            ),
            danger=True,
        ),
        lambda: page.intent.emit(intents.MarkFailed(failed)),
    ).open()


def ask_release_failed(page: Page, files: tuple[tuple[str, str], ...]) -> None:
    """Release these failed files (modality, path)?"""
    ConfirmDialog(
        page,
        Question(
            f"Release {words.count_of(len(files), 'file')}?",
            f"Everybody who works on the journal can then upload {words.agree(len(files), 'it', 'them')}.",
            "Release",
            details=("If a patient is held back as a whole, all files of the patient are released, also pending and later ones.",),
            danger=True,
        ),
        lambda: page.intent.emit(hold_intents.ReleaseFailed(files)),
    ).open()


def _sending(state: SessionState) -> JobView | None:
    """The upload that runs or waits on the open journal."""
    kinds: frozenset[JobKind] = SENDING
    return next((job for job in state.jobs if job.kind in kinds and job.key == state.key), None)


def make(services: Services) -> Page:
    """The page."""
    del services
    return UploadPage()
