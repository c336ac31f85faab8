"""What the journal's blob, its lock and this computer's memory mean together."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

from chorus_gui.core.custody import local_state as remembering
from chorus_gui.core.custody.cloud_journal import CloudJournal
from chorus_gui.core.custody.local_state import LocalState, Phase
from chorus_gui.core.custody.lock import LockNote, read_note
from chorus_gui.core.errors import BlobNotFoundError, ConditionError
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.base import BlobInfo
from chorus_gui.core.storage.digests import md5_of


class State(Enum):
    """Where the cloud journal is.

    NOT_IN_CLOUD: the configuration names none.  NEW: neither journal nor lock.  FREE: a journal, no lock.  MINE: checked out
    here.  LOCKED: checked out with this program by somebody else, or from another computer.  FOREIGN: locked by another tool.
    CHANGED: checked out here, but the lock or the journal is no longer what was seen then.
    """

    NOT_IN_CLOUD = "not in the cloud"
    NEW = "new"
    FREE = "free"
    MINE = "mine"
    LOCKED = "locked"
    FOREIGN = "foreign"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class CustodyState:
    """The state and what it was told from.  ``note`` is the lock's, if it is one of ours.  ``reason``: what CHANGED means here.

    ``landed``: an interrupted check-in did write the journal.
    """

    state: State
    journal: BlobInfo | None = None
    lock: BlobInfo | None = None
    note: LockNote | None = None
    memory: LocalState = field(default_factory=LocalState)
    reason: str = ""
    landed: bool = False

    @property
    def who(self) -> str:
        """Whose lock it is, as far as it says."""
        return self.note.who if self.note else ""

    @property
    def host(self) -> str:
        """From which computer it was taken."""
        return self.note.host if self.note else ""

    @property
    def since(self) -> datetime | None:
        """Since when the journal is locked."""
        if self.note:
            try:
                return datetime.fromisoformat(self.note.since).astimezone(UTC)
            except ValueError:
                pass
        return datetime.fromtimestamp(self.lock.modified_us / 1e6, UTC) if self.lock and self.lock.modified_us else None

    @property
    def local(self) -> Path | None:
        """The file that is checked out here."""
        return Path(self.memory.local) if self.memory.phase is not Phase.FREE else None

    @property
    def own_lock(self) -> bool:
        """The lock that lies there was made by this computer's check-out."""
        return self.memory.phase is not Phase.FREE and self.note is not None and self.note.token == self.memory.token

    @property
    def content(self) -> BlobInfo | None:
        """The blob that holds the journal: its own, else another tool's lock."""
        if self.journal is None and self.lock is not None and self.lock.size and self.note is None:
            return self.lock
        return self.journal

    def describe(self) -> str:
        """A sentence for people."""
        since = f" since {moment(self.since)}" if self.since else ""
        match self.state:
            case State.NOT_IN_CLOUD:
                return "The journal lies on this computer alone."
            case State.NEW:
                return "There is no journal in the cloud yet."
            case State.FREE:
                return "The journal is in the cloud, not checked out."
            case State.MINE:
                return f"The journal is checked out by you on this computer{since}."
            case State.LOCKED:
                return f"The journal is checked out by {self.who or 'somebody'} on {self.host or 'another computer'}{since}."
            case State.FOREIGN:
                inside = "" if self.journal else "; the journal lies in that lock"
                return f"The journal was checked out with another tool{since}{inside}."
            case State.CHANGED:
                return self.reason


def moment(at: datetime | None) -> str:
    """A time for people: in UTC, and saying so."""
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "an unknown time"


def look(home: CloudJournal | None, ctx: JobContext | None = None) -> CustodyState:
    """How it stands now.  Two requests; nothing is changed.  Raises :class:`StoreError`, :class:`CustodyError`."""
    if home is None:
        return CustodyState(State.NOT_IN_CLOUD)
    ctx = ctx or JobContext()
    memory = remembering.load(home.memory_file)
    lock = home.retry.call(lambda: home.store.head(home.lock), ctx)
    note = read_note(home, lock, ctx) if lock else None
    journal = home.retry.call(lambda: home.store.head(home.blob), ctx)
    landed = memory.phase is Phase.RETURNING and holds(home, journal, memory.sent_md5, memory.sent_size, ctx)
    return judge(journal, lock, note, memory, landed=landed)


def judge(
    journal: BlobInfo | None, lock: BlobInfo | None, note: LockNote | None, memory: LocalState, *, landed: bool = False
) -> CustodyState:
    """The state that these make.  ``landed``: the journal's blob is the file that a check-in was sending."""
    here = memory.phase is not Phase.FREE
    # An older tool's unlock copies a lock's metadata to the journal, and its check-out back: the token alone proves nothing.
    ours = here and note is not None and lock is not None and note.token == memory.token and memory.lock_etag in ("", lock.etag)
    same = (journal.etag if journal else "") == memory.journal_etag
    reason = ""
    if ours and (same or landed):
        state = State.MINE
    elif ours:
        state = State.CHANGED
        what = "was changed" if journal and memory.journal_etag else "appeared" if journal else "was removed"
        reason = f"The journal in the cloud {what} by somebody, although you have it checked out."
    elif here and memory.phase is not Phase.TAKING and not landed:
        state = State.CHANGED
        whose = (
            "somebody removed your lock since"
            if lock is None
            else f"the lock is now that of {note.who} on {note.host}"
            if note
            else "another tool has locked it since"
        )
        changed = "" if same else ", and the journal in the cloud is another one"
        reason = f"You had checked the journal out, but {whose}{changed}."
    elif lock is not None:
        state = State.LOCKED if note else State.FOREIGN
    else:
        state = State.FREE if journal else State.NEW
    return CustodyState(state, journal, lock, note, memory, reason, landed)


def holds(home: CloudJournal, blob: BlobInfo | None, md5: str, size: int, ctx: JobContext) -> bool:
    """Whether a blob has exactly this content; read, where the store keeps no MD5."""
    if blob is None or blob.size != size:
        return False
    if blob.md5 is not None:
        return blob.md5 == md5

    def whole() -> str:
        digest = md5_of()
        for chunk in home.store.read(blob.path, etag=blob.etag):
            digest.update(chunk)
        return digest.hexdigest()

    try:
        return home.retry.call(whole, ctx) == md5
    except (ConditionError, BlobNotFoundError):
        return False
