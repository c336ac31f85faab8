"""What is on screen: one frozen value, made by :mod:`.session` alone, rendered by the pages.

Plain values only: no Qt, no open file, nothing that changes.  Two states are compared with ``==`` and ``is`` to see what
there is to draw anew.  Progress of a running job is not in it; it comes ten times a second as a :class:`JobProgress`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path

from chorus_gui.core.config.model import Config
from chorus_gui.core.custody.state import State as Custody
from chorus_gui.core.doctor.model import Finding
from chorus_gui.core.errors import Fault
from chorus_gui.core.job import OutcomeKind, Snapshot
from chorus_gui.core.journal.queries import ModalityCount
from chorus_gui.core.model import Approval, ChangeKind, DiffSummary, Failure, Tally, VersionCount


class StoreKind(Enum):
    """What the central store is, in words that nobody can mistake.  NONE: there is no configuration."""

    NONE = ""
    TEST = "Test set-up"
    CENTRAL = "Central store"


class Grade(Enum):
    """How a fact or a message is to be taken; each has a colour, an icon and a word."""

    INFO = "info"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


class JobKind(Enum):
    """What a job does.  The value is what people read."""

    CHECK_OUT = "Check out"
    CHECK_IN = "Check in"
    UNLOCK = "Unlock"
    RECOVER = "Recover"
    COMPARE = "Compare the journals"
    ADOPT = "Take over"
    SCAN = "Scan"
    HOLD = "Hold back"
    RECORD = "Record"
    SUBMIT = "Submit"
    UPLOAD = "Upload"
    VERIFY = "Verify"
    UNDO = "Take back"
    RESTORE = "Restore"
    UPGRADE = "Upgrade the journal"
    EXPORT = "Export"
    SCRIPT = "Generate script"
    TEST = "Test connection"
    SAVE = "Save"
    CLEAR = "Clear local data"
    EXAMINE = "Doctor"


SENDING = frozenset({JobKind.SUBMIT, JobKind.UPLOAD})
"""The jobs that the Upload page is about."""

BRIEF = frozenset({JobKind.HOLD, JobKind.SAVE, JobKind.CLEAR})
"""Jobs of a moment: the computer need not be kept awake for them."""


@dataclass(frozen=True, slots=True)
class CredentialFacts:
    """The credential of the central store.  ``text`` is for the chip ("SAS expires in 12 days"), ``detail`` for its tooltip."""

    text: str = ""
    detail: str = ""
    grade: Grade = Grade.INFO
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class CustodyFacts:
    """Where the journal is.  ``text`` is for the chip, ``detail`` says what it means.

    ``state`` None: not looked at yet, or it could not be seen (``grade`` BAD, and ``detail`` says why).  ``can_*`` say which of
    the Journal menu's commands make sense now; ``may_write`` whether a submission may begin.  ``warnings`` are what can go wrong
    if it is unlocked; ``offers`` what a person can decide after an interruption: (choice for :class:`.intents.Recover`, sentence).
    """

    state: Custody | None = None
    text: str = ""
    detail: str = ""
    grade: Grade = Grade.INFO
    who: str = ""
    host: str = ""
    since: datetime | None = None
    can_check_out: bool = False
    can_check_in: bool = False
    can_unlock: bool = False
    can_take_over: bool = False
    may_write: bool = False
    warnings: tuple[str, ...] = ()
    offers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CopyFacts:
    """A kept copy of the journal: its moment (UTC), bytes, and what is in it."""

    path: Path
    at: datetime
    size: int
    readable: bool
    active: int
    pending: int
    last_version: str


@dataclass(frozen=True, slots=True)
class JournalFacts:
    """What the local journal holds.  ``exists`` False: there is none yet.  ``error``: it is there, but cannot be read.

    ``versions`` are all, ascending; ``counts`` by version and modality, ``modalities`` their sums.
    """

    path: Path
    exists: bool = False
    error: str = ""
    schema: int = 0
    versions: tuple[str, ...] = ()
    counts: tuple[VersionCount, ...] = ()
    modalities: tuple[ModalityCount, ...] = ()
    copies: tuple[CopyFacts, ...] = ()

    @property
    def last_version(self) -> str | None:
        """The latest, or None."""
        return self.versions[-1] if self.versions else None

    @property
    def pending(self) -> Tally:
        """What is recorded and not uploaded, over all versions."""
        return sum((Tally(count.pending, count.pending_bytes) for count in self.counts), Tally())

    @property
    def active(self) -> Tally:
        """What the journal says the site holds."""
        return sum((Tally(count.active, count.active_bytes) for count in self.counts), Tally())


@dataclass(frozen=True, slots=True)
class ReviewFacts:
    """The review that waits at ``path`` for a person.

    ``revision`` is another whenever its rows may have changed (a new scan, something held back): then a table asks anew.
    ``to_do`` is what an approval would carry out now (``to_do_by_modality``: the same, by modality); ``many_deletions`` modality →
    (deleted, open rows) where it wants a typed confirmation.  ``stale`` says, as a sentence, why it cannot be approved any more; ""
    if it can.  ``approval``: what was approved of it, perhaps not wholly carried out.
    """

    path: Path
    revision: int
    scanned_us: int
    mode: str
    modalities: tuple[str, ...]
    summary: DiffSummary
    to_do: dict[ChangeKind, Tally]
    to_do_by_modality: dict[str, dict[ChangeKind, Tally]] = field(default_factory=dict[str, dict[ChangeKind, Tally]])
    done: Tally = field(default_factory=Tally)
    many_deletions: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    stale: str = ""
    approval: Approval | None = None

    @property
    def to_send(self) -> Tally:
        """What of ``to_do`` has bytes to send."""
        return self.to_do.get(ChangeKind.ADDED, Tally()) + self.to_do.get(ChangeKind.UPDATED, Tally())

    @property
    def to_do_total(self) -> Tally:
        """All of ``to_do``."""
        return sum(self.to_do.values(), Tally())


@dataclass(frozen=True, slots=True)
class JobView:
    """A job that runs or waits.  ``key`` names what it works on (the journal); one runs for each key, the others wait."""

    id: int
    kind: JobKind
    title: str
    key: str
    running: bool
    paused: bool = False
    cancelling: bool = False
    cancellable: bool = True


@dataclass(frozen=True, slots=True)
class JobProgress:
    """Progress of a running job, ten times a second.  ``limit`` is bytes a second or None."""

    job: JobView
    snapshot: Snapshot
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How the last job ended.  ``text`` says it in a sentence; ``receipt`` is the page that was kept, if one was."""

    id: int
    kind: JobKind
    title: str
    outcome: OutcomeKind
    text: str
    remedy: str = ""
    receipt: Path | None = None
    seconds: float = 0.0

    @property
    def grade(self) -> Grade:
        """How it is to be taken."""
        return {OutcomeKind.DONE: Grade.GOOD, OutcomeKind.CANCELLED: Grade.INFO}.get(self.outcome, Grade.BAD)


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """A kept receipt.  ``page`` is the HTML file, ``data`` the JSON beside it; ``ended_us`` microseconds UTC."""

    page: Path
    data: Path
    kind: str
    versions: tuple[str, ...]
    ended_us: int
    headline: str
    clean: bool
    uploaded: Tally
    failures: int


@dataclass(frozen=True, slots=True)
class VerifyLine:
    """A file that is not as the journal says: ``result`` is the value of a :class:`~chorus_gui.core.transfer.verify.VerifyResult`."""

    modality: str
    path: str
    version: str
    store_path: str
    result: str
    detail: str


@dataclass(frozen=True, slots=True)
class VerifyFacts:
    """The last verification: ``counts`` (modality, result) → files; ``bad`` the first of what differs (``bad_total`` of them)."""

    version: str | None
    modalities: tuple[str, ...]
    reread: bool
    ended_us: int
    complete: bool
    counts: dict[tuple[str, str], int]
    bad: tuple[VerifyLine, ...] = ()
    bad_total: int = 0


@dataclass(frozen=True, slots=True)
class TestFinding:
    """One thing that Test connection found.  ``place`` says what was tested ("Central store")."""

    place: str
    grade: Grade
    what: str
    remedy: str = ""


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
    limit: int | None = None
    rate: float | None = None
    log_folder: Path | None = None
    receipts_folder: Path | None = None


@dataclass(frozen=True, slots=True)
class SessionState:
    """All of it.

    ``config_file`` None: the first start, nothing is open.  ``config`` None with a file: it has ``faults`` or ``config_error``.
    ``loading``: facts of the journal, custody and review are being read; until then they are those of before, or None.
    ``jobs``: running ones first, then the queue in order.  ``failures`` are those of the last submission or upload.
    """

    config_file: Path | None = None
    config: Config | None = None
    config_error: str = ""
    faults: tuple[Fault, ...] = ()
    config_revision: int = 0
    demo: bool = False
    recents: tuple[Path, ...] = ()
    store_kind: StoreKind = StoreKind.NONE
    loading: bool = False
    credential: CredentialFacts = CredentialFacts()
    custody: CustodyFacts = CustodyFacts()
    journal: JournalFacts | None = None
    review: ReviewFacts | None = None
    jobs: tuple[JobView, ...] = ()
    last: JobEnd | None = None
    failures: tuple[Failure, ...] = ()
    verify: VerifyFacts | None = None
    test: tuple[TestFinding, ...] = ()
    doctor: DoctorFacts | None = None
    receipts: tuple[ReceiptFacts, ...] = ()
    messages: tuple[Message, ...] = ()
    preferences: Preferences = Preferences()

    @property
    def running(self) -> JobView | None:
        """The job that works on the open configuration's journal now, or the first that runs."""
        here = self.key
        going = [job for job in self.jobs if job.running]
        return next((job for job in going if job.key == here), going[0] if going else None)

    @property
    def queue(self) -> tuple[JobView, ...]:
        """The jobs that wait."""
        return tuple(job for job in self.jobs if not job.running)

    @property
    def key(self) -> str:
        """What jobs on the open journal are known by."""
        return str(self.config.journal.local) if self.config else ""

    @property
    def busy(self) -> bool:
        """A job works, or waits to work, on the open journal: nothing that changes it can begin at once."""
        return any(job.key == self.key for job in self.jobs)

    def busy_with(self, *kinds: JobKind) -> bool:
        """A job of one of these kinds runs or waits on the open journal."""
        return any(job.key == self.key and job.kind in kinds for job in self.jobs)
