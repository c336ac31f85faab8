"""Everything that the program does with a journal file, as functions of its path."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from chorus_gui.core.custody.sides import missing_rows, side
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal import backups
from chorus_gui.core.journal.known import Known
from chorus_gui.core.journal.queries import active_by_paths, by_modality, file_history
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.journal.upgrade import upgrade
from chorus_gui.core.model import Action, Entry

MD5 = "0123456789abcdef0123456789abcdef"


def read(path: Path) -> None:
    """Every question that the faces ask."""
    with Journal.open(path, readonly=True) as journal:
        rows = list(journal.rows())
        for row in rows:
            texts = (row.modality, row.path, row.version, row.patient_id or "", row.md5 or "", row.uploaded or "")
            assert all(isinstance(text, str) for text in texts), row
            numbers = (row.file_id, row.size, row.mtime_us, row.valid_us, row.invalid_us or 0)
            assert all(type(number) is int for number in numbers), row
        journal.versions()
        journal.last_version()
        journal.fingerprint()
        active_by_paths(journal, [row.path for row in rows] + ["caf\udce9"])
        file_history(journal, rows[0].path if rows else "x")


def count(path: Path) -> None:
    """What Overview and ``journal list`` show."""
    with Journal.open(path, readonly=True) as journal:
        journal.counts()
        by_modality(journal)


def check(path: Path) -> None:
    """What the doctor asks."""
    with Journal.open(path, readonly=True) as journal:
        journal.check()


def history(path: Path) -> None:
    """What ``journal history`` shows."""
    with Journal.open(path, readonly=True) as journal:
        for command in journal.history():
            assert isinstance(command.id, int)


def verify(path: Path) -> None:
    """Before a check-out."""
    Journal.verify_file(path)


def keep(path: Path) -> None:
    """A kept copy, and what is in it."""
    backups.keep(path)
    backups.listing(path)
    backups.describe(path)


def compare(path: Path) -> None:
    """Before a take-over."""
    side("here", path)
    missing_rows(path, path)


def known(path: Path) -> None:
    """What a review compares the site with."""
    with Known(path, ("OMOP", "Images", "Waveforms", "Metadata"), path.with_name("known.db")) as copied:
        copied.wait(JobContext())


def restore(path: Path) -> None:
    """A kept copy in the place of the journal."""
    backups.restore(path.with_name("restored.db"), path)


def convert(path: Path) -> None:
    """Format 1 to format 2."""
    upgrade(path, ctx=JobContext())


def command(path: Path) -> None:
    """A command with its line in the history."""
    with Journal.open(path) as journal:
        number = journal.begin_command("journal update", "--version v9", common="", src_paths={"OMOP": "site"}, dest=None)
        journal.end_command(number, 1.0)


def enter(path: Path) -> None:
    """A new file, one that replaces another, one that is deleted, one that is uploaded."""
    with Journal.open(path) as journal:
        rows = list(journal.rows(active=True))
        fields = {"modality": "OMOP", "patient_id": "7", "size": 5, "mtime_us": 11, "md5": MD5, "version": "v9"}
        journal.commit([Entry(Action.ENTER, path=f"OMOP/{time.time_ns()}.csv", **fields)])  # type: ignore[arg-type]
        for row, action in zip(rows, (Action.ENTER, Action.REPEAT, Action.CLOSE), strict=False):
            journal.commit([Entry(action, row.modality, row.path, md5=MD5, old_id=row.file_id, version="v9", mtime_us=12)])
        for row in list(journal.rows(pending=True))[:2]:
            journal.commit([Entry(Action.UPLOADED, old_id=row.file_id, uploaded="20260101000000")])


def undo(path: Path) -> None:
    """Take back the last version."""
    with Journal.open(path) as journal:
        journal.remove_never_uploaded_closed()
        journal.undo(journal.last_version() or "")


READERS: tuple[Callable[[Path], None], ...] = (
    read,
    count,
    check,
    history,
    verify,
    keep,
    compare,
    known,
    restore,
    convert,
    command,
    enter,
    undo,
)
