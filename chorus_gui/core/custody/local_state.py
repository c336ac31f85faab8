"""What this computer remembers of a check-out, so that it is known what happened after a crash at any moment.

It is written before each step that others can see (what is about to happen) and after it (what happened), each time completely or not
at all.  No secret is in it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path

import tomli_w

from chorus_gui.core import private
from chorus_gui.core.errors import CustodyError
from chorus_gui.core.folders import patiently
from chorus_gui.core.refused import refusal
from chorus_gui.core.untrusted import MalformedError, record, toml_tables


class Phase(Enum):
    """FREE: nothing is checked out here.  TAKING and RETURNING: a check-out or check-in began, and its end is not known."""

    FREE = "free"
    TAKING = "taking"
    HELD = "held"
    RETURNING = "returning"


@dataclass(frozen=True, slots=True)
class LocalState:
    """ETags are "" where there was nothing.

    ``base`` is the fingerprint of the entries of ``local`` when it last was equal to the cloud journal ("": unknown); while TAKING,
    ``coming`` is the fingerprint that ``local`` will have, and ``next_base`` what ``base`` becomes then.  ``sent_*`` describe
    the file that is being checked in, with the fingerprint ``sent_rows``; ``keep``: it stays checked out.  ``automatic``: a
    single command checked it out and checks it in again.
    """

    phase: Phase = Phase.FREE
    local: str = ""
    base: str = ""
    token: str = ""
    lock_etag: str = ""
    journal_etag: str = ""
    since: str = ""
    purpose: str = ""
    automatic: bool = False
    coming: str = ""
    next_base: str = ""
    sent_md5: str = ""
    sent_size: int = 0
    sent_rows: str = ""
    keep: bool = False

    def base_of(self, local: Path) -> str:
        """``base``, if it is this file's."""
        return self.base if self.local == str(local) else ""

    def freed(self) -> LocalState:
        """No longer checked out; the local journal and the cloud journal that it last was equal to stay known."""
        return LocalState(local=self.local, base=self.base, journal_etag="" if self.phase is Phase.TAKING else self.journal_etag)

    def held(self) -> LocalState:
        """Checked out, nothing being sent."""
        return replace(self, phase=Phase.HELD, coming="", next_base="", sent_md5="", sent_size=0, sent_rows="", keep=False)


def load(file: Path) -> LocalState:
    """What is remembered; nothing, if there is no file.  Raises :class:`CustodyError` if it cannot be read, or has other content."""
    try:
        table = toml_tables(patiently(lambda: file.read_text("utf-8")))
        if "phase" not in table:
            raise MalformedError("no phase")
        return record(LocalState, table)
    except FileNotFoundError:
        return LocalState()
    except OSError as error:
        why, remedy = refusal(error, file, "Make sure that you are allowed to read it, and try again.", reading=True)
        raise CustodyError(
            f"Could not read this computer's note about the check-out, “{file}”: {why}.",
            meaning="So it is not known if the journal is checked out here.",
            remedy=remedy,
        ) from error
    except ValueError as error:
        raise CustodyError(
            f"Could not read this computer's note about the check-out: “{file}”.",
            meaning="So it is not known if the journal is checked out here.",
            remedy="Move that file away. Then unlock the journal (“journal unlock”), or take it over with your local journal (“journal adopt”).",
        ) from error


def save(file: Path, memory: LocalState) -> None:
    """Remember; on the disk when this returns.  Raises :class:`CustodyError` if that cannot be done."""
    try:
        private.write(file, tomli_w.dumps({**asdict(memory), "phase": memory.phase.value}).encode())
    except OSError as error:
        why, remedy = refusal(error, file, "Free space on that disk, and check that you are allowed to write there.")
        raise CustodyError(
            f"Could not write the note about the check-out, “{file}”: {why}.",
            meaning="The program needs it to recover from an interruption, so nothing was done.",
            remedy=remedy,
        ) from error
