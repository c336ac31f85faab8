"""What surrounds the pages: the rail, the top bar, the notice, the bar of the running job."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QButtonGroup, QFrame, QProgressBar, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from chorus_gui.app.values import StoreKind
from chorus_gui.app.verified import REPAIR_LABEL
from chorus_gui.core.config.model import PlaceKind
from chorus_gui.core.job import Count, OutcomeKind, Snapshot
from chorus_gui.core.model import Grade
from chorus_gui.ui import intents, theme, words
from chorus_gui.ui.models.progress import ProgressLine
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.state import JobEnd, JobKind, JobProgress, JobView, SessionState
from chorus_gui.ui.status import spoken, status_of, why_not_repair
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.afterwards import AfterButton
from chorus_gui.ui.widgets.announcing import announce
from chorus_gui.ui.widgets.basics import CHIP_LEAST, Chip, ElidedLabel, Picture, button, label, row, set_icon
from chorus_gui.ui.widgets.flow import FlowLayout
from chorus_gui.ui.widgets.steady import Steady

RAIL_WIDTH = 176
SITE_LEAST = 90
BAR_LEAST, DETAIL_LEAST = 60, 90
"""The least width of a job's bar and title, and of its numbers; pixels."""
LOW_RAIL = 440
"""A rail that is lower has less space around the names of the pages; pixels."""
ANY_HEIGHT = 16_777_215
"""what Qt calls no limit"""


class Rail(QFrame):
    """The pages, one below the other."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("rail")
        self.setFixedWidth(RAIL_WIDTH)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QToolButton] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(SPACE, 2 * SPACE, SPACE, SPACE)
        self._column.setSpacing(2)
        self._column.addStretch(1)

    def add(self, name: str, title: str, icon: str, shortcut: str) -> None:
        """A page."""
        made = QToolButton()
        made.setText(f"  {title}")
        made.setAccessibleName(title)
        made.setToolTip(plain_text(f"{title} ({shortcut})"))
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        made.setIconSize(QSize(20, 20))
        made.setCheckable(True)
        made.setAutoRaise(True)
        made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        set_icon(made, icon)
        made.clicked.connect(lambda: self.chosen.emit(name))
        self._group.addButton(made)
        self._buttons[name] = made
        self._column.insertWidget(self._column.count() - 1, made)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a low window the pages are closer to each other."""
        super().resizeEvent(event)
        low = self.height() < LOW_RAIL
        for made in self._buttons.values():
            if (made.property("low") == "true") is not low:
                made.setProperty("low", "true" if low else "")
                theme.restyle(made)
                made.setIconSize(QSize(18, 18) if low else QSize(20, 20))

    def show_chosen(self, name: str) -> None:
        """This page is in front."""
        if name in self._buttons:
            self._buttons[name].setChecked(True)

    def mark_unsaved(self, name: str, title: str, *, unsaved: bool) -> None:
        """A dot after the page's name while it has unsaved changes."""
        self._buttons[name].setText(f"  {title}  •" if unsaved else f"  {title}")
        self._buttons[name].setAccessibleName(f"{title}, unsaved changes" if unsaved else title)


class TopBar(QFrame):
    """Which site, which store, where the site is in its submission, who has the journal, how long the credential is valid.

    If all of it fits, it is one line.  Otherwise the facts have lines of their own: they matter most, so they are shortened last.  Other
    facts change its height only when the mouse rests: the page is below.
    """

    intent = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("topbar")
        self.site = ElidedLabel("", "heading")
        self.badge = label()
        self.badge.setProperty("badge", "test")
        self.container = ElidedLabel("", "muted")
        self.status = Chip("Status")
        self.status.clicked.connect(lambda: self.intent.emit(intents.ShowPage("overview")))
        self.journal = Chip("Journal")
        self.journal.clicked.connect(lambda: self.intent.emit(intents.ShowPage("overview", "custody")))
        self.credential = Chip("Credential")
        self.credential.clicked.connect(lambda: self.intent.emit(intents.ShowPage("configuration", "credentials")))
        self._names = row(self.site, self.badge, self.container, None, space=2 * SPACE)
        for one in (self.site, self.container):
            one.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)  # all of it, where there is space
            one.setMinimumWidth(SITE_LEAST)
        self._facts = QWidget()
        self._flow = FlowLayout(SPACE)
        for chip in (self.status, self.journal, self.credential):
            self._flow.addWidget(chip)
        self._facts.setLayout(self._flow)
        self._steady = Steady(self)
        self._lines = row(self._names, self._facts, space=2 * SPACE, margins=(3 * SPACE, 10, 2 * SPACE, 10))
        self._lines.setStretch(0, 1)
        self.setLayout(self._lines)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In one line, or in several."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        edges = self._lines.contentsMargins()
        needed = edges.left() + self._names.sizeHint().width() + 2 * SPACE + self._flow.sizeHint().width() + edges.right()
        wide = needed <= self.width()
        direction = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        if self._lines.direction() is not direction:
            self._lines.setDirection(direction)
            self._lines.setSpacing(2 * SPACE if wide else SPACE - 2)
            across = QSizePolicy.Policy.Fixed if wide else QSizePolicy.Policy.Preferred
            self._facts.setSizePolicy(across, QSizePolicy.Policy.Preferred)

    def render_state(self, state: SessionState) -> None:
        """Draw the state."""
        if not self._steady.waits and self.isVisible():
            self.setFixedHeight(self.height())
        config = state.config
        self.site.set_full(site_name(state), site_details(state))
        kind = state.store_kind
        self.badge.setVisible(kind is not StoreKind.NONE)
        self.badge.setText("DEMO" if state.demo else words.STORES[kind].upper())
        self.badge.setAccessibleName(
            "This is the demo site" if state.demo else "This is a test setup" if kind is StoreKind.TEST else "This is the central store"
        )
        self.badge.setToolTip(
            plain_text(
                "This is the real central store. What you upload is a submission."
                if kind is StoreKind.CENTRAL
                else "This is for trying things out. Nothing is uploaded to the real central store."
            )
        )
        wanted = "central" if kind is StoreKind.CENTRAL else "test"
        if self.badge.property("badge") != wanted:
            self.badge.setProperty("badge", wanted)
            theme.restyle(self.badge)
        place = config.central if config else None
        account = place.account.name if place and place.kind is PlaceKind.AZURE else ""
        self.container.set_full(
            f"{account} / {place.container}/{place.prefix}".rstrip("/") if account and place else place.text if place else ""
        )
        self.container.setVisible(place is not None)
        status = status_of(state)
        self.status.show_fact(status.headline if status else "", status.grade if status else Grade.INFO, spoken(status) if status else "")
        custody, credential = state.custody, state.credential
        self.journal.show_fact(custody.text if config else "", custody.grade, custody.detail)
        self.credential.show_fact(credential.text if config else "", credential.grade, credential.detail)
        self._facts.setVisible(any(not chip.isHidden() for chip in (self.status, self.journal, self.credential)))
        self._steady.soon(self._fit)

    def _fit(self) -> None:
        """As high as the facts need."""
        self.setMinimumHeight(0)
        self.setMaximumHeight(ANY_HEIGHT)
        self._arrange()


def site_name(state: SessionState) -> str:
    """What the open site is called, as in the list of sites: the folder of its configuration."""
    return state.site_names[state.config_file] if state.config_file else "CHoRUS Upload"


def site_details(state: SessionState) -> str:
    """Where the configuration and the files of the open site are; "" if none is open."""
    said = [f"Configuration: {state.config_file}"] if state.config_file else []
    places = dict.fromkeys(site.place.text for site in state.config.sites.values()) if state.config else ()
    return "\n".join((*said, *([f"Files: {', '.join(places)}"] if places else [])))


class NoticeBar(QFrame):
    """How the last job ended, until it is read."""

    intent = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._icon = Picture(20)
        self._text = label("", wrap=True, selectable=True)
        self._open = button("Open receipt", "Open the receipt of this run in your browser", flat=True)
        self._open.clicked.connect(self._open_receipt)
        self.repair = button(REPAIR_LABEL, "Upload again what is missing or different in the store", icon="upload")
        self.repair.clicked.connect(lambda: self.intent.emit(intents.Repair()))
        self._close = button("", "Close this message", icon="close", flat=True)
        self._close.clicked.connect(lambda: self.intent.emit(intents.DismissNotice()))
        line = row(self._icon, self._text, self.repair, self._open, self._close, margins=(12, 6, 6, 6))
        line.setStretch(1, 1)
        self.setLayout(line)
        self._end: JobEnd | None = None
        self.hide()

    def render_state(self, state: SessionState) -> None:
        """Show how the last job ended; after a verification that found differences, with the button that helps."""
        self.show_end(state.last)
        offered = state.last is not None and state.last.kind is JobKind.VERIFY and state.last.faulty and state.wrong is not None
        self.repair.setVisible(offered)
        if offered and state.wrong is not None:
            why = why_not_repair(state)
            self.repair.setEnabled(not why)
            self.repair.setToolTip(plain_text(why or f"{state.wrong.text} The files are uploaded again to the same place."))

    def show_end(self, end: JobEnd | None) -> None:
        """Show it; None: nothing."""
        if end is self._end:
            return
        self._end = end
        self.setVisible(end is not None)
        if end is None:
            return
        grade = end.grade
        self.setProperty("notice", grade.value)
        theme.restyle(self)
        theme.restyle(self._text)
        self._icon.show_grade(grade)
        message = " ".join(part for part in (end.text, end.remedy) if part)
        self._text.setText(f"{end.title}: {message}" if end.title and end.outcome is not OutcomeKind.DONE else message)
        self._text.setAccessibleName(self._text.text())
        announce(self._text, self._text.text(), urgent=grade is Grade.BAD)
        self._open.setVisible(end.receipt is not None)

    def _open_receipt(self) -> None:
        if self._end is not None and self._end.receipt is not None:
            self.intent.emit(intents.OpenPath(self._end.receipt))


class JobBar(QFrame):
    """The running job: what, how far, how fast; pause and cancel; which jobs wait."""

    intent = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._job: JobView | None = None
        self._title = ElidedLabel("", "strong", Qt.TextElideMode.ElideRight)
        self._title.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)  # all of it, where there is space
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setMinimumWidth(BAR_LEAST)
        self._detail = ElidedLabel("", "muted", Qt.TextElideMode.ElideRight)
        self._title.setMinimumWidth(BAR_LEAST)
        self._detail.setMinimumWidth(DETAIL_LEAST)
        self._queue = Chip("Queue")
        self._queue.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.after = AfterButton(self)
        self.after.intent.connect(self.intent)
        self.pause = button("Pause", "Pause the job (Ctrl+P)", icon="pause")
        self.pause.clicked.connect(self._pause)
        self.cancel = button("Cancel", "Stop the job; what was finished is kept (Ctrl+.)", icon="cancel")
        self.cancel.clicked.connect(lambda: self.intent.emit(intents.CancelJob()))
        what = row(self._title, self._bar, self._detail)
        what.setStretch(1, 1)
        what.setStretch(2, 3)
        self._lines = row(what, row(None, self._queue, self.after, self.pause, self.cancel), margins=(2 * SPACE, 6, 2 * SPACE, 6))
        self._lines.setStretch(0, 1)
        self.setLayout(self._lines)
        self.hide()

    def fit(self, width: int) -> None:
        """Be in one line, or in two where large letters need it; by what it can have, not by what it has now, so that no job moves anything."""
        controls = CHIP_LEAST + sum(one.sizeHint().width() for one in (self.after, self.pause, self.cancel))
        needed = 2 * BAR_LEAST + DETAIL_LEAST + controls + 10 * SPACE
        direction = QBoxLayout.Direction.LeftToRight if needed <= width else QBoxLayout.Direction.TopToBottom
        self._lines.setDirection(direction)
        self._title.setMaximumWidth(max(width // 3, BAR_LEAST))

    def render_state(self, state: SessionState) -> None:
        """Draw which job runs and which wait."""
        job, before = state.running, self._job
        self._job = job
        self.setVisible(bool(state.jobs))
        self.after.render_state(state)
        waiting = state.queue
        names = "\n".join(view.title for view in waiting)
        self._queue.show_fact(f"{len(waiting)} waiting" if waiting else "", Grade.INFO, names)
        if job is None:
            return
        if before is None or before.id != job.id:
            self._bar.setRange(0, 0)
            self._detail.set_full("")
        status = " (stopping…)" if job.cancelling else " (paused)" if job.paused else ""
        self._title.set_full(job.title + status)
        if self.pause.property("paused") != job.paused:
            self.pause.setProperty("paused", job.paused)
            self.pause.setText("Resume" if job.paused else "Pause")
            self.pause.setAccessibleName(self.pause.text())
            set_icon(self.pause, "play" if job.paused else "pause")
        self.pause.setEnabled(job.cancellable and not job.cancelling)
        self.cancel.setEnabled(job.cancellable and not job.cancelling)

    def show_progress(self, progress: JobProgress) -> None:
        """Draw how far it is."""
        if self._job is None or progress.job.id != self._job.id:
            return
        snapshot = progress.snapshot
        line = measured(progress)
        share, percent = share_of(line.count), percent_of(line.count)
        if share is None:
            self._bar.setRange(0, 0)
        else:
            self._bar.setRange(0, 1000)
            self._bar.setValue(int(share * 1000))
        told = progress_text(snapshot, line)
        self._detail.set_full(told if percent is None else f"{percent} % · {told}")
        self._bar.setAccessibleName(f"{progress.job.title}: {self._detail.full}")

    def _pause(self) -> None:
        self.intent.emit(intents.ResumeJob() if self._job and self._job.paused else intents.PauseJob())


def measured(progress: JobProgress) -> ProgressLine:
    """The counts and the rate that every place shows: of all parts of an upload, otherwise of the phase; no rate during a pause."""
    snapshot, run = progress.snapshot, progress.run
    if run is not None and snapshot.phase == "upload" and run.lines[:-1]:
        return run.total
    return average(snapshot, paused=progress.job.paused)


def average(snapshot: Snapshot, *, paused: bool = False) -> ProgressLine:
    """The counts of a phase, and its average rate."""
    total = snapshot.total
    if paused or snapshot.waiting is not None or not total.bytes or snapshot.elapsed <= 2:
        return ProgressLine("", total)
    rate = total.bytes / snapshot.elapsed
    left = (total.total_bytes - total.bytes) / rate if total.total_bytes and total.bytes < total.total_bytes and rate > 0 else None
    return ProgressLine("", total, rate, left)


def share_of(total: Count) -> float | None:
    """How much is done, from 0 to 1: by bytes where they are known, else by files; None if neither is."""
    if total.total_bytes:
        return min(max(total.bytes / total.total_bytes, 0.0), 1.0)
    if total.total_files:
        return min((total.files + total.failed) / total.total_files, 1.0)
    return None


def percent_of(total: Count) -> int | None:
    """The same in whole percent, rounded down: 100 is everything."""
    share = share_of(total)
    return None if share is None else int(share * 100)


def progress_text(snapshot: Snapshot, line: ProgressLine | None = None) -> str:
    """ "1,204 of 5,000 files · 3 min 2 s left · 1.2 of 3.2 GB · 12 MB/s".  A narrow window cuts the end off: what matters most comes first."""
    line = line or average(snapshot)
    total = line.count
    parts: list[str] = []
    if total.total_files is not None:
        parts.append(f"{words.number(total.files)} of {words.count_of(total.total_files, 'file')}")
    elif total.files:
        parts.append(words.count_of(total.files, "file"))
    if total.failed:
        parts.append(f"{words.number(total.failed)} failed")
    if line.rate and snapshot.waiting is None and line.left:
        parts.append(f"{words.duration(line.left)} left")
    if total.total_bytes:
        parts.append(f"{words.size(total.bytes)} of {words.size(total.total_bytes)}")
    elif total.bytes:
        parts.append(words.size(total.bytes))
    if line.rate and snapshot.waiting is None:
        parts.append(words.rate(line.rate))
    if snapshot.waiting is not None:
        parts.insert(0, "Waiting")
    elif snapshot.note:
        parts.insert(0, snapshot.note)
    return " · ".join(parts) or snapshot.phase
