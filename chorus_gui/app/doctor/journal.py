"""The local journal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from chorus_gui.app.doctor.model import Case
from chorus_gui.app.known import LessHistoryError, lost
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.errors import ChorusError, JournalError, JournalMissingError
from chorus_gui.core.journal import backups
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Finding, Grade
from chorus_gui.core.untrusted import instant_us

SUBJECT = "Journal"
AHEAD = timedelta(minutes=10)


def check_file(case: Case) -> Iterator[Finding]:
    """SQLite finds no damage in it, and its format is known."""
    if case.config is None:
        return
    path = case.config.journal.local
    try:
        Journal.verify_file(path)
    except JournalMissingError:
        if _lost(case) is not None:
            return  # check_history reports it
        yield Finding(Grade.GOOD, SUBJECT, f"There is no journal yet. The first submission creates {path}.")
        return
    except JournalError as error:
        why = "The journal lists what was submitted. Without it, every file counts as added."
        kept = [copy for copy in backups.listing(path) if copy.readable] if isinstance(error, backups.OF_THE_CONTENT) else []
        remedy = f"Restore the kept copy {kept[0].path.name} (Journal → Kept copies)." if kept else error.remedy
        yield Finding(Grade.BAD, SUBJECT, error.what, why, remedy)
        return
    if not path.stat().st_size and _lost(case) is not None:
        return
    with Journal.open(path, readonly=True) as journal:
        schema = journal.schema
    yield Finding(Grade.GOOD, SUBJECT, f"{path} is intact (format {schema}).")


def _lost(case: Case) -> LessHistoryError | None:
    """What :func:`lost` finds; a place that does not answer is the finding of another check."""
    assert case.config is not None
    try:
        return lost(Workspace(case.config, case.login), case.ctx)
    except ChorusError:
        return None


def check_history(case: Case) -> Iterator[Finding]:
    """The journal has all the history that is known on this computer."""
    if case.config is None:
        return
    found = _lost(case)
    if found is not None:
        why = f"{found.known.describe()} Without its history, every file counts as added, and is uploaded again."
        yield Finding(
            Grade.BAD, SUBJECT, f"The journal has less history than another copy of it. {found.used.describe()}", why, found.remedy
        )


def check_rows(case: Case) -> Iterator[Finding]:
    """What is odd in its entries: tolerated, and reported."""
    if case.config is None:
        return
    try:
        with Journal.open(case.config.journal.local, readonly=True) as journal:
            for found in journal.check():
                yield Finding(Grade.WARNING, SUBJECT, found.text, "This does not stop a submission.", found.remedy, found.examples)
    except JournalError:
        return  # check_file has reported it


def check_verification(case: Case) -> Iterator[Finding]:
    """What the last verification found missing or different was repaired."""
    from chorus_gui.app.verified import REPAIR, kept_wrong, refresh
    from chorus_gui.app.workspace import Workspace

    if case.config is None:
        return
    refresh(Workspace(case.config, case.login), case.ctx)
    try:
        with Journal.open(case.config.journal.local, readonly=True) as journal:
            wrong = kept_wrong(journal, case.config, case.config.modalities)
    except JournalError:
        return  # check_file has reported it
    if wrong is not None:
        why = "According to the journal they were uploaded. The central store does not have them, or has other content."
        yield Finding(Grade.WARNING, "Verification", wrong.sentence, why, f"Run “{REPAIR}”.")


def check_clock(case: Case) -> Iterator[Finding]:
    """No entry was recorded later than now."""
    if case.config is None:
        return
    try:
        with Journal.open(case.config.journal.local, readonly=True) as journal:
            latest = journal.select("1 ORDER BY valid_us DESC LIMIT 1", ())
    except JournalError:
        return
    if not latest:
        return
    at = instant_us(latest[0].valid_us)
    if at and at > case.now + AHEAD:
        why = "Either this computer's clock is slow, or the clock of the computer that recorded the entry was fast."
        what = f"The journal has an entry of {at:%Y-%m-%d %H:%M} UTC, but this computer's clock says {case.now:%Y-%m-%d %H:%M} UTC."
        yield Finding(Grade.WARNING, "Clock", what, why, "Set the clock and the time zone of this computer.")
