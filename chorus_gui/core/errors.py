"""Everything that can go wrong.

::

    ChorusError                    what happened · what it means · what to do
    ├── ConfigError                the configuration file cannot be used (all its problems at once)
    │   └── ConfigChangedError     another program changed it while it was being edited here
    ├── PatternError               a path pattern that cannot work
    ├── UsageError                 a request that makes no sense (an unknown version, a bad option)
    │   └── UnansweredError        a question that nobody can answer now
    │       └── NotAllowedError    the submission policy does not approve this review, and nobody was asked
    ├── ReviewError                the review cannot be used
    │   ├── StaleReviewError       the journal or the approval is not the one that was reviewed
    │   ├── MassDeletionError      many deletions that a person has to confirm
    │   └── NotReadyError          the readiness check found what stops this submission
    │       └── LeakError          patient data that must not be sent, and that no person accepted
    ├── JournalError               the journal cannot be used
    │   ├── JournalMissingError    no such file
    │   ├── JournalDamagedError    SQLite cannot read it
    │   ├── JournalForeignError    SQLite can, but it is not a journal of a known format
    │   ├── JournalMixedError      both formats are in one file
    │   ├── JournalBusyError       another process works on it (and who)
    │   └── JournalChangedError    another program changed it at the same time
    ├── ComputerError              a fault of this computer: a full disk, a folder without permission, too many open files
    ├── CustodyError               check-out, check-in or unlock cannot continue
    │   ├── LockedError            a colleague, or another tool, has the journal checked out
    │   └── UnfinishedError        the store stopped answering during a check-in; the next command continues
    ├── ClusterError               the cluster cannot be reached, or lost what it worked on (may be retried)
    ├── SideFileError              a file next to the journal cannot be used
    │   ├── SideFileUnreachableError  its place did not answer, or refused: what is there is unknown
    │   ├── SideFileUnreadableError   it is there, but its content cannot be used
    │   └── SideFileConflictError     somebody else changed it at the same time
    ├── SourceError                one file of the site cannot be sent
    │   ├── SourceVanishedError    it is gone
    │   ├── SourceChangedError     it is not the file that was approved
    │   │   └── ContentChangedError    its size and time are
    │   └── SourceUnreadableError  it cannot be opened or read
    │       └── SourceUnavailableError  the share or service did not answer (may be retried)
    └── StoreError                 the central store refused or failed
        ├── BlobNotFoundError      nothing under that name
        ├── ConditionError         a condition (only if absent, only if unchanged) did not hold
        ├── ChecksumError          the bytes that arrived are not the bytes that were sent (may be retried)
        ├── BlobNameError          a name the store cannot hold
        ├── StoreUnavailableError  busy, timed out, no connection (may be retried)
        ├── AccessError            credentials, permissions, network rules (stops the job)
        │   ├── TokenTimeError     a token that expired, or is not valid yet
        │   ├── UntrustedHostError a server that a person has to confirm first
        │   └── PolicyError        the machine policy does not allow it
        └── StoreFullError         no space, over a quota (stops the job)

    Cancelled                      not an error: the person asked to stop
    └── Declined                   not an error: the person answered no, and nothing was changed

A layer translates the errors of what it uses once, at its edge.  The text of an error is shown to people: it holds no
secret (see :mod:`chorus_gui.core.redact`), and the technical cause travels as ``__cause__`` to the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar


class Cancelled(Exception):  # noqa: N818 - not an error
    """The person asked to stop.  What was recorded stays."""


class Declined(Cancelled):
    """The person answered no to a question.  Nothing was changed."""


class Silence(Enum):
    """What is known of a store or a source that left a request unanswered."""

    NONE = "none"
    """it answers other requests, or nothing is known"""
    STOPPED = "stopped"
    """it answered before, and answers nothing now; whoever asked has waited for it already"""
    NEVER = "never"
    """it has not answered anything yet"""


class Why(Enum):
    """Why a request got no answer, or why nothing can continue until something changes."""

    NAME = "name_not_resolved"
    REFUSED = "connection_refused"
    NO_ANSWER = "no_answer"
    LOST = "connection_lost"
    STALLED = "takes_no_data"
    TLS = "no_secure_connection"
    PROXY = "proxy"
    PROXY_LOGIN = "proxy_login"
    CERTIFICATE = "certificate"
    STRANGER = "sign_in_page"
    """something that is not the service answers, such as a proxy or a sign-in page"""
    BUSY = "busy"
    """the service asks to come back later"""
    IN_USE = "in_use"
    """another program uses it"""
    CREDENTIAL = "credential"
    """the service does not accept the credential, whatever it is used for"""
    RIGHTS = "permission"
    """the credential does not allow this one operation"""


class ChorusError(Exception):
    """Base of every expected failure.

    ``what`` says what happened, ``meaning`` what follows from it, ``remedy`` what the person can do; each a sentence
    without secrets.  ``retryable``: the same call may succeed later; ``fatal``: the whole job must stop,
    because every further file would fail for the same reason; ``needs_decision``: nothing failed, but a person has to decide first.
    """

    retryable: ClassVar[bool] = False
    fatal: ClassVar[bool] = False
    needs_decision: ClassVar[bool] = False

    def __init__(self, what: str, *, meaning: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.meaning = meaning
        self.remedy = remedy
        self.attempts = 1
        """how often the request was sent that failed with this error"""
        self.silence = Silence.NONE
        """if the other side did not answer: what is known of its other answers"""
        self.why: Why | None = None
        """what kept the other side from answering, if it is known"""

    @property
    def summary(self) -> str:
        """What happened and what follows from it, for places that show the remedy separately."""
        return " ".join(part for part in (self.what, self.meaning) if part)

    def __str__(self) -> str:
        return " ".join(part for part in (self.summary, self.remedy) if part)

    def __reduce__(self) -> tuple[Any, ...]:
        """To travel to another process, whatever a subclass asks for when it is made.  The cause stays behind: the log has it."""
        return _made_again, (type(self), self.args, self.__dict__)


def _made_again(kind: type[ChorusError], args: tuple[Any, ...], fields: Mapping[str, Any]) -> ChorusError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(fields)
    return error


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a configuration file.

    ``key`` is dotted ("site_path.Images.pattern"); ``problem`` and ``remedy`` are sentences; ``suggestion`` the nearest
    valid name or value, or "".  ``line`` counts from 1; 0 where unknown.  ``belongs``: the dotted name that a key in a wrong
    place, or with a misspelled name, should have; "" if the name is right, or if there is more than one such place.
    """

    key: str
    problem: str
    remedy: str = ""
    suggestion: str = ""
    line: int = 0
    belongs: str = ""

    def __str__(self) -> str:
        where = f"{self.key} (line {self.line})" if self.line else self.key
        hint = f" Did you mean “{self.suggestion}”?" if self.suggestion else ""
        return f"{where}: {self.problem}{hint}" + (f" {self.remedy}" if self.remedy else "")


class ConfigError(ChorusError):
    """A configuration that cannot be used.  ``faults`` holds all of them, in the order of the file."""

    def __init__(self, what: str, faults: Sequence[Fault] = (), *, meaning: str = "", remedy: str = "") -> None:
        super().__init__(what, meaning=meaning, remedy=remedy)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(f"  - {fault}" for fault in self.faults)])


class ConfigChangedError(ConfigError):
    """Another program changed the configuration file while it was being edited here; nothing was saved."""


class PatternError(ChorusError):
    """A path pattern that cannot work."""


class UsageError(ChorusError):
    """A request that is not possible: an unknown version or modality, options that exclude each other."""


class UnansweredError(UsageError):
    """A question has to be answered first, and nobody can answer it now."""

    needs_decision = True


class NotAllowedError(UnansweredError):
    """A submission policy does not approve a review.  ``rules`` has a sentence about each rule that is broken."""

    def __init__(self, what: str, rules: Sequence[str] = (), *, meaning: str = "", remedy: str = "") -> None:
        super().__init__(what, meaning=meaning, remedy=remedy)
        self.rules = tuple(rules)

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(f"  - {rule}" for rule in self.rules)])


class ReviewError(ChorusError):
    """The review cannot be used."""


class StaleReviewError(ReviewError):
    """The journal or the site changed after the approval."""


class MassDeletionError(ReviewError):
    """Many files would be marked as deleted, and a person has to confirm it.  ``counts``: modality → (deleted, active)."""

    needs_decision = True

    def __init__(self, what: str, counts: dict[str, tuple[int, int]], *, meaning: str = "", remedy: str = "") -> None:
        super().__init__(what, meaning=meaning, remedy=remedy)
        self.counts = counts


class NotReadyError(ReviewError):
    """The readiness check found what stops a submission.  ``rules`` has a text about each rule: what it says, how many files, some of them."""

    needs_decision = True

    def __init__(self, what: str, rules: Sequence[str] = (), *, meaning: str = "", remedy: str = "") -> None:
        super().__init__(what, meaning=meaning, remedy=remedy)
        self.rules = tuple(rules)

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(f"  - {rule}" for rule in self.rules)])


class LeakError(NotReadyError):
    """Files to be sent have patient data that must not be sent, and no person has accepted it."""


class JournalError(ChorusError):
    """The journal cannot be used."""


class JournalMissingError(JournalError):
    """There is no such file."""


class JournalDamagedError(JournalError):
    """SQLite cannot read the file, or its check found damage."""


class JournalForeignError(JournalError):
    """A SQLite file, but not a journal of a known format."""


class JournalMixedError(JournalError):
    """Tables of both formats are in one file; which one is right is unknown."""


class JournalBusyError(JournalError):
    """Another process holds the journal.  ``holder`` says who, as far as it is known."""

    retryable = True

    def __init__(self, what: str, holder: str = "", *, meaning: str = "", remedy: str = "") -> None:
        super().__init__(what, meaning=meaning, remedy=remedy)
        self.holder = holder


class JournalChangedError(JournalError):
    """Another program changed the journal during a step."""


class ComputerError(ChorusError):
    """A fault of this computer, not of the program: its disks, its memory, its limits."""


class CustodyError(ChorusError):
    """Check-out, check-in or unlock cannot continue."""


class LockedError(CustodyError):
    """Somebody else has the journal checked out."""


class UnfinishedError(CustodyError):
    """The store stopped answering, or accepting the credential, before the journal was checked in.  The next command continues."""

    retryable = True


class ClusterError(ChorusError):
    """The scheduler or the workers of a cluster are not there, or not any more.  Nothing is wrong with any file."""

    retryable = True


class SideFileError(ChorusError):
    """A file of this program next to the journal cannot be used."""


class SideFileUnreachableError(SideFileError):
    """The place of the side files did not answer, or refused: nothing is known about what is there."""

    retryable = True


class SideFileUnreadableError(SideFileError):
    """The side file is there, but its content cannot be used."""


class SideFileConflictError(SideFileError):
    """The side file is not the version that was to be replaced.  Nothing was written."""


class SourceError(ChorusError):
    """One file of the site cannot be sent."""


class SourceVanishedError(SourceError):
    """The file is gone."""


class SourceChangedError(SourceError):
    """The file is not the one that was recorded or approved: size, time or content differ."""


class ContentChangedError(SourceChangedError):
    """Its size and time are those that were recorded, and its content is not.  The next scan reads it."""


class SourceUnreadableError(SourceError):
    """The file cannot be opened or read."""


class SourceUnavailableError(SourceUnreadableError):
    """The share or service that has the file did not answer: the same file may be readable later."""

    retryable = True


class StoreError(ChorusError):
    """The central store refused or failed.  ``code`` and ``request_id`` are the service's, "" where it gave none."""

    def __init__(
        self, what: str, *, meaning: str = "", remedy: str = "", code: str = "", request_id: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(what, meaning=meaning, remedy=remedy)
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after  # seconds, as the service asked for


class BlobNotFoundError(StoreError):
    """There is nothing under that name."""


class ConditionError(StoreError):
    """A condition did not hold: the blob exists already, or is not the version that was seen.  An answer, not a failure."""


class ChecksumError(StoreError):
    """The bytes that arrived are not the bytes that were sent."""

    retryable = True


class BlobNameError(StoreError):
    """The store cannot hold a blob of that name."""


class StoreUnavailableError(StoreError):
    """Busy, timed out or out of reach."""

    retryable = True


class AccessError(StoreError):
    """Credentials, permissions or network rules: every further request would be refused, too."""

    fatal = True


class TokenTimeError(AccessError):
    """A SAS token that expired, or is not valid yet."""


class UntrustedHostError(AccessError):
    """A server that is not known.  ``host`` is its name; a person has to confirm it once."""

    needs_decision = True

    def __init__(self, what: str, host: str, *, meaning: str = "", remedy: str = "") -> None:
        super().__init__(what, meaning=meaning, remedy=remedy)
        self.host = host


class PolicyError(AccessError):
    """The machine policy does not allow it.  ``policy`` is the policy's name, "" if the policy itself cannot be used."""

    def __init__(self, what: str, policy: str, *, meaning: str = "", remedy: str = "") -> None:
        super().__init__(what, meaning=meaning, remedy=remedy)
        self.policy = policy


class StoreFullError(StoreError):
    """No space left, or over a quota."""

    fatal = True
