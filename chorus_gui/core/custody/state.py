"""What the journal's blob, its lock and this computer's memory mean together."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path

from chorus_gui.core.custody import local_state as remembering
from chorus_gui.core.custody.cloud_journal import CloudJournal
from chorus_gui.core.custody.local_state import LocalState, Phase
from chorus_gui.core.custody.lock import LockNote, read_note
from chorus_gui.core.errors import BlobNotFoundError, ConditionError
from chorus_gui.core.job import JobContext, current
from chorus_gui.core.shown import one_line
from chorus_gui.core.storage.base import BlobInfo
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.untrusted import instant, instant_us


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
    """The state and what it was determined from.  ``note`` is the lock's, if this program made it.  ``reason``: what CHANGED means here.

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
        """Who holds the lock, "" if it does not say."""
        return one_line(self.note.who) if self.note else ""

    @property
    def host(self) -> str:
        """The computer that set the lock."""
        return one_line(self.note.host) if self.note else ""

    @property
    def since(self) -> datetime | None:
        """Since when the journal is locked."""
        noted = instant(self.note.since) if self.note else None
        return noted or (instant_us(self.lock.modified_us) if self.lock and self.lock.modified_us else None)

    @property
    def local(self) -> Path | None:
        """The file that is checked out here."""
        return Path(self.memory.local) if self.memory.phase is not Phase.FREE else None

    @property
    def own_lock(self) -> bool:
        """The lock was made by this computer's check-out."""
        return self.memory.phase is not Phase.FREE and self.note is not None and self.note.token == self.memory.token

    @property
    def content(self) -> BlobInfo | None:
        """The blob that holds the journal: its own, otherwise another tool's lock."""
        if self.journal is None and self.lock is not None and self.lock.size and self.note is None:
            return self.lock
        return self.journal

    @property
    def removed(self) -> bool:
        """There is no cloud journal now, but this computer has used one."""
        return self.journal is None and self.lock is None and bool(self.memory.journal_etag)

    @property
    def damage(self) -> str:
        """The journal has zero bytes, and the lock shows that there was another one: a sentence; otherwise ""."""
        journal, note = self.journal, self.note
        if journal is None or journal.size or note is None or note.journal_etag in ("", journal.etag):
            return ""
        return "The cloud journal is damaged: it has zero bytes, and the lock shows that there was a journal."

    def describe(self) -> str:
        """A sentence for people."""
        since = f" since {moment(self.since)}" if self.since else ""
        match self.state:
            case State.NOT_IN_CLOUD:
                return "The journal is only on this computer."
            case State.NEW if self.removed:
                return "The cloud journal was removed. This computer has used it before."
            case State.NEW:
                return "There is no journal in the cloud yet."
            case State.FREE if self.journal is not None and not self.journal.size:
                return "The cloud journal is empty (zero bytes). It is not checked out."
            case State.FREE:
                return "The journal is in the cloud and not checked out."
            case State.MINE:
                return f"You have the journal checked out on this computer{since}."
            case State.LOCKED:
                return f"The journal is locked by {self.who or 'somebody'} on {self.host or 'another computer'}{since}."
            case State.FOREIGN:
                empty = "" if self.journal else " There is no journal in the cloud."
                inside = " The journal itself is in that lock." if not self.journal and self.lock and self.lock.size else empty
                return f"The journal is checked out with another tool{since}.{inside} That tool does not know what is held back."
            case State.CHANGED:
                return self.reason


def moment_of(blob: BlobInfo | None) -> datetime | None:
    """When a blob was written."""
    return instant_us(blob.modified_us) if blob is not None and blob.modified_us else None


def moment(at: datetime | None) -> str:
    """A time for people: in UTC, and saying so."""
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "an unknown time"


def look(home: CloudJournal | None, ctx: JobContext | None = None) -> CustodyState:
    """The current state.  Two requests; nothing is changed.  Raises :class:`StoreError`, :class:`CustodyError`."""
    if home is None:
        return CustodyState(State.NOT_IN_CLOUD)
    ctx = ctx or current()
    memory = remembering.load(home.memory_file)
    lock = home.store.head(home.lock)
    note = read_note(home, lock) if lock else None
    journal = home.store.head(home.blob)
    landed = memory.phase is Phase.RETURNING and holds(home, journal, memory.sent_md5, memory.sent_size, ctx)
    return judge(journal, lock, note, memory, landed=landed)


def judge(
    journal: BlobInfo | None, lock: BlobInfo | None, note: LockNote | None, memory: LocalState, *, landed: bool = False
) -> CustodyState:
    """The state that follows from these.  ``landed``: the journal's blob is the file that a check-in was sending."""
    here = memory.phase is not Phase.FREE
    # An older tool's unlock copies a lock's metadata to the journal, and its check-out back: the token alone is not enough.
    ours = here and note is not None and lock is not None and note.token == memory.token and memory.lock_etag in ("", lock.etag)
    same = (journal.etag if journal else "") == memory.journal_etag
    reason = ""
    if ours and (same or landed):
        state = State.MINE
    elif ours:
        state = State.CHANGED
        what = "changed" if journal and memory.journal_etag else "created" if journal else "removed"
        reason = f"Somebody {what} the cloud journal, although you have it checked out."
    elif here and memory.phase is not Phase.TAKING and not landed:
        state = State.CHANGED
        whose = (
            "somebody removed your lock"
            if lock is None
            else f"it is now locked by {one_line(note.who)} on {one_line(note.host)}"
            if note
            else "it is now locked by another tool"
        )
        changed = "" if same else ", and the cloud journal was changed"
        reason = f"You had checked the journal out, but {whose}{changed}."
    elif lock is not None:
        state = State.LOCKED if note else State.FOREIGN
    else:
        state = State.FREE if journal else State.NEW
    return CustodyState(state, journal, lock, note, memory, reason, landed)


def holds(home: CloudJournal, blob: BlobInfo | None, md5: str, size: int, ctx: JobContext) -> bool:
    """True if a blob has exactly this content; it is read if the store keeps no MD5."""
    if blob is None or blob.size != size:
        return False
    if blob.md5 is not None:
        return blob.md5 == md5

    digest = md5_of()
    try:
        for chunk in home.store.read(blob.path, etag=blob.etag):
            ctx.checkpoint()
            digest.update(chunk)
    except (ConditionError, BlobNotFoundError):
        return False
    return digest.hexdigest() == md5
