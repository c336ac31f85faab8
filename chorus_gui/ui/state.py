"""What is on screen: one frozen value, made by :mod:`.session` alone, rendered by the pages.

Plain values only: no Qt, no open file, nothing that changes.  Two states are compared with ``==`` and ``is`` to see what
has to be drawn again.  Progress of a running job is not in it; it comes ten times a second as a :class:`JobProgress`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.app import site_list
from chorus_gui.app.journal import Completeness
from chorus_gui.app.options import Selection
from chorus_gui.app.site_list import Listed
from chorus_gui.app.values import CredentialFacts, CustodyFacts, JournalFacts, ReceiptFacts, ReviewFacts, StoreKind, VerifyFacts, WrongFacts
from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import Fault
from chorus_gui.core.job import OutcomeKind, Snapshot
from chorus_gui.core.model import Failure, Finding, Grade, Mode
from chorus_gui.core.timetable import FREE, Timetable

if TYPE_CHECKING:
    from chorus_gui.app.readiness_facts import ReadinessFacts
    from chorus_gui.ui.models.progress import UploadRun


class JobKind(Enum):
    """What a job does.  The value is what people read."""

    CHECK_OUT = "Check out"
    CHECK_IN = "Check in"
    UNLOCK = "Unlock"
    RECOVER = "Continue with the journal"
    COMPARE = "Compare the journals"
    ADOPT = "Take over"
    SCAN = "Scan"
    HOLD = "Hold back"
    RECORD = "Record"
    SUBMIT = "Submit"
    UPLOAD = "Upload"
    READINESS = "Readiness"
    ACCEPT = "Accept"
    VERIFY = "Verify"
    REPAIR = "Repair"
    MARK = "Mark as deleted"
    UNDO = "Undo"
    RESTORE = "Restore"
    UPGRADE = "Upgrade the journal"
    EXPORT = "Export"
    DOWNLOAD = "Download"
    SCRIPT = "Generate script"
    TEST = "Test connection"
    SAVE = "Save"
    OPEN = "Open"
    CLEAR = "Clear local data"
    EXAMINE = "Doctor"


SENDING = frozenset({JobKind.SUBMIT, JobKind.UPLOAD})
"""The jobs that the Upload page is about."""

RECENTS = 8
"""Configurations in the menu “Open recent”; the list of sites has more."""

BRIEF = frozenset({JobKind.HOLD, JobKind.ACCEPT, JobKind.SAVE, JobKind.OPEN, JobKind.CLEAR})
"""Short jobs: the computer is not kept awake for them."""


LONG = frozenset(
    {JobKind.SCAN, JobKind.RECORD, JobKind.SUBMIT, JobKind.UPLOAD, JobKind.READINESS, JobKind.VERIFY, JobKind.REPAIR, JobKind.DOWNLOAD}
)
"""Jobs that a person does not wait for: what happens when they have ended can be chosen."""


class Afterwards(Enum):
    """What happens when all jobs have ended."""

    NOTHING = "nothing"
    CLOSE = "close"
    SLEEP = "sleep"


AFTERWARDS = {
    Afterwards.NOTHING: "Do nothing",
    Afterwards.CLOSE: "Close the program",
    Afterwards.SLEEP: "Put the computer to sleep",
}
"""What people choose."""


@dataclass(frozen=True, slots=True)
class AfterFacts:
    """What is ``chosen`` for the jobs that run now, and if this computer can sleep."""

    chosen: Afterwards = Afterwards.NOTHING
    can_sleep: bool = False


@dataclass(frozen=True, slots=True)
class JobView:
    """A job that runs or waits.  ``key`` names what it works on (the journal); one runs for each key, the others wait.

    ``file``: the configuration that was open when it was asked for.
    """

    id: int
    kind: JobKind
    title: str
    key: str
    running: bool
    paused: bool = False
    cancelling: bool = False
    cancellable: bool = True
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class JobProgress:
    """Progress of a running job, ten times a second.

    ``run`` adds up the job's parts and measures its rate, once for every place that shows them.  None: nothing was measured.
    """

    job: JobView
    snapshot: Snapshot
    run: UploadRun | None = None


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How the last job ended.  ``text`` says it in a sentence; ``receipt`` is the page that was saved, if one was.

    ``faulty``: it finished, but some files failed, differ or could not be read.  ``changed_elsewhere``: nothing was saved, because
    another program changed the file.
    """

    id: int
    kind: JobKind
    title: str
    outcome: OutcomeKind
    text: str
    remedy: str = ""
    receipt: Path | None = None
    seconds: float = 0.0
    faulty: bool = False
    changed_elsewhere: bool = False

    @property
    def grade(self) -> Grade:
        """How it is to be taken: good only if the job finished and found nothing wrong."""
        if self.outcome is OutcomeKind.DONE:
            return Grade.WARNING if self.faulty else Grade.GOOD
        return Grade.INFO if self.outcome is OutcomeKind.CANCELLED else Grade.BAD


@dataclass(frozen=True, slots=True)
class DoctorFacts:
    """What the doctor found; ``at_us`` when, microseconds UTC."""

    findings: tuple[Finding, ...]
    at_us: int


@dataclass(frozen=True, slots=True)
class Message:
    """A line of the Log page: ``at`` local time, aware."""

    at: datetime
    grade: Grade
    text: str


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the person set in the window itself, and the pages show.  ``rate`` is the last measured bytes a second of an upload."""

    theme: str = "system"
    limit: Timetable = FREE
    rate: float | None = None
    log_folder: Path | None = None
    receipts_folder: Path | None = None


@dataclass(frozen=True, slots=True)
class ScanChoice:
    """How the person wants the site scanned.  ``mode`` None and ``modalities`` empty: as the configuration says."""

    mode: Mode | None = None
    modalities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UndoStep:
    """An act that can be undone: what was done, as a sentence, and what it changed (:class:`chorus_gui.app.holds.Brief`).

    ``accepted``, ``withdrawn``: it was not a hold, but a leak that was accepted, or no longer is: the rule, and when (microseconds UTC).
    """

    text: str
    act: tuple[str, ...] = ()
    accepted: tuple[str, int] | None = None
    withdrawn: tuple[str, int] | None = None

    @property
    def of_leaks(self) -> bool:
        """It was done on the Readiness page."""
        return self.accepted is not None or self.withdrawn is not None


@dataclass(frozen=True, slots=True)
class UndoList:
    """What can be undone, the latest last; ``said``: what the last undo did, or why there was nothing to undo."""

    steps: tuple[UndoStep, ...] = ()
    said: str = ""
    said_of_leaks: bool = False

    @property
    def of_leaks(self) -> UndoList:
        """What the Readiness page can undo: the acts of that page, whatever was held back or released since."""
        return UndoList(tuple(step for step in self.steps if step.of_leaks), self.said if self.said_of_leaks else "")


@dataclass(frozen=True, slots=True)
class SessionState:
    """All of it.

    ``config_file`` None: the first start, nothing is open.  ``config`` None with a file: it has ``faults`` or ``config_error``.
    ``loading``: facts of the journal, custody and review are being read; until then they are the earlier ones, or None.
    ``jobs``: running ones first, then the queue in order.  ``failures`` are those of the last submission or upload; ``upload`` is what
    that upload was asked to send, None if it was a submission.
    """

    config_file: Path | None = None
    config: Config | None = None
    config_error: str = ""
    faults: tuple[Fault, ...] = ()
    config_revision: int = 0
    demo: bool = False
    sites: tuple[Listed, ...] = ()
    store_kind: StoreKind = StoreKind.NONE
    loading: bool = False
    credential: CredentialFacts = field(default_factory=CredentialFacts)
    custody: CustodyFacts = field(default_factory=CustodyFacts)
    journal: JournalFacts | None = None
    review: ReviewFacts | None = None
    readiness: ReadinessFacts | None = None
    jobs: tuple[JobView, ...] = ()
    after: AfterFacts = AfterFacts()
    last: JobEnd | None = None
    failures: tuple[Failure, ...] = ()
    upload: Selection | None = None
    verify: VerifyFacts | None = None
    test: tuple[Finding, ...] = ()
    tested: Path | None = None
    """the file, saved or not, that ``test`` is about"""
    doctor: DoctorFacts | None = None
    receipts: tuple[ReceiptFacts, ...] = ()
    complete: Mapping[str, Completeness] = field(default_factory=dict[str, Completeness])
    wrong: WrongFacts | None = None
    """what verifications found missing or different, and nobody repaired"""
    away: tuple[str, ...] = ()
    """a sentence for each folder of the site that cannot be read now"""
    messages: tuple[Message, ...] = ()
    scan: ScanChoice = ScanChoice()
    undo: UndoList = UndoList()
    """acts on the review; a scan, a submission and another configuration end it"""
    preferences: Preferences = Preferences()

    @property
    def recents(self) -> tuple[Path, ...]:
        """The configurations that were open last, the latest first."""
        return tuple(one.file for one in self.sites[:RECENTS])

    @property
    def site_names(self) -> dict[Path, str]:
        """What the window calls each configuration: the open one, and those in the list of sites."""
        files = (one.file for one in self.sites)
        return site_list.names(list(dict.fromkeys(files if self.config_file is None else (self.config_file, *files))))

    @property
    def running(self) -> JobView | None:
        """The job that works on the open configuration's journal now, or the first that runs."""
        here = self.key
        going = [job for job in self.jobs if job.running]
        return next((job for job in going if job.key == here), going[0] if going else None)

    @property
    def newest_job(self) -> int:
        """The highest number of a job so far, of those that are known here."""
        return max((*(job.id for job in self.jobs), self.last.id if self.last else 0))

    @property
    def queue(self) -> tuple[JobView, ...]:
        """The waiting jobs."""
        return tuple(job for job in self.jobs if not job.running)

    @property
    def has_long_job(self) -> bool:
        """A job runs or waits that a person does not wait for."""
        return any(job.kind in LONG for job in self.jobs)

    @property
    def key(self) -> str:
        """The key of jobs on the open journal."""
        return str(self.config.journal.local) if self.config else ""

    @property
    def site(self) -> tuple[Path | None, str]:
        """Which site is open: its configuration and its journal.  What a page asked for another one must not be shown or done."""
        return self.config_file, self.key

    @property
    def busy(self) -> bool:
        """A job works, or waits to work, on the open journal: nothing that changes it can begin at once."""
        return any(job.key == self.key for job in self.jobs)

    def busy_with(self, *kinds: JobKind) -> bool:
        """A job of one of these kinds runs or waits on the open journal."""
        return any(job.key == self.key and job.kind in kinds for job in self.jobs)
