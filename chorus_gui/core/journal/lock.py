"""One writer per journal: a lock of the operating system, and next to it a note that says who holds it.

The lock ends with its process, so a note that a crash left behind never locks anybody out.
"""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import filelock

from chorus_gui.core import private
from chorus_gui.core.errors import JournalBusyError, JournalError
from chorus_gui.core.folders import user_name
from chorus_gui.core.job import JobContext
from chorus_gui.core.redact import redact
from chorus_gui.core.untrusted import json_value, record

PROGRAM = "CHoRUS Upload"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who works on a journal.  ``since`` is ISO 8601, UTC."""

    user: str
    host: str
    pid: int
    program: str
    purpose: str
    since: str

    def __str__(self) -> str:
        doing = f": {self.purpose}" if self.purpose else ""
        return f"{self.user} on {self.host} ({self.program}, process {self.pid}, since {self.since}{doing})"


class WriterLock:
    """Held from :meth:`acquire` to :meth:`release`, by one writer per journal, across processes and inside one."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._file = journal.with_name(f".{journal.name}.inuse")
        self._note = journal.with_name(f".{journal.name}.inuse.json")
        self._lock = filelock.FileLock(self._file, timeout=0, thread_local=False)

    def acquire(self, purpose: str, wait: float, ctx: JobContext | None) -> None:
        """Take the lock, waiting up to ``wait`` seconds.

        Raises :class:`JournalBusyError` naming the holder, :class:`JournalError` where no lock file can be made, and
        :class:`chorus_gui.core.errors.Cancelled` when ``ctx`` says so.
        """
        until = time.monotonic() + wait
        while not self._try():
            left = until - time.monotonic()
            if left <= 0:
                holder = self.holder()
                who = str(holder) if holder else "another process"
                raise JournalBusyError(
                    f"The journal “{self._journal}” is in use by {who}.",
                    holder=who,
                    meaning="Two programs must not write to one journal at the same time.",
                    remedy="Wait until it is finished, or close the other program, and try again.",
                )
            if ctx is None:
                time.sleep(min(left, 0.1))
            else:
                ctx.sleep(min(left, 0.1))
        note = asdict(myself(purpose))
        with suppress(OSError):  # only the lock counts; the note names its holder
            private.write(self._note, json.dumps(note).encode())

    def release(self) -> None:
        """Release the lock; without effect when it is not held."""
        if self._lock.is_locked:
            with suppress(OSError):
                self._note.unlink(missing_ok=True)
            self._lock.release()

    def holder(self) -> Holder | None:
        """Who the note names, or None if there is no (readable) note."""
        try:
            return record(Holder, json_value(self._note.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return None

    def _try(self) -> bool:
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            return False
        except (OSError, NotImplementedError) as error:
            raise JournalError(
                f"Could not lock the journal “{self._journal}”: {getattr(error, 'strerror', None) or error}.",
                meaning=f"A small file next to it, “{self._file.name}”, prevents two programs from writing at the same time.",
                remedy="Make sure that you are allowed to write in that folder, or move the journal to a local disk.",
            ) from error
        return True


def myself(purpose: str) -> Holder:
    """This process, as other processes see it."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return Holder(user_name(), socket.gethostname(), os.getpid(), PROGRAM, redact(purpose), since)
