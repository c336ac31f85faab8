"""What this computer remembers of a check-out, at each moment at which it could be switched off, and what it says afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from custodyworld import BLOB, LOCK, checked_in, ctx, journal_bytes, names, record, record_uploaded, uploaded
from memorystore import MemoryStore

from chorus_gui.core.custody import adopt as adopt_module
from chorus_gui.core.custody import checkout as checkout_module
from chorus_gui.core.custody import history_check
from chorus_gui.core.custody import local_state as remembering
from chorus_gui.core.custody.adopt import adopt, preview
from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.checkout import checkout, lost_history, new_note
from chorus_gui.core.custody.cloud_journal import CloudJournal
from chorus_gui.core.custody.history_check import Known, LessHistoryError
from chorus_gui.core.custody.local_state import Phase
from chorus_gui.core.custody.lock import LockNote
from chorus_gui.core.custody.recover import recover
from chorus_gui.core.custody.sides import CustodyConflictError, rows_of, unsaved
from chorus_gui.core.custody.state import State, look
from chorus_gui.core.errors import AccessError, ConditionError, CustodyError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.backups import listing
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.storage.base import BlobInfo, Condition


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A local journal with an entry that the cloud lacks, at another place of this computer."""
    file = tmp_path / "theirs" / "journal.db"
    file.parent.mkdir()
    record(file, "base.dcm", "theirs.dcm")
    return file


def test_a_take_over_that_is_killed_after_it_got_the_lock_is_held(
    shared: MemoryStore, anna: CloudJournal, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The note was written before the lock, so the next command knows whose lock it is, since when, and what for."""
    at_the_kill: list[bytes] = []
    notes: list[LockNote] = []
    real = adopt_module.take

    def take(home: CloudJournal, note: LockNote, condition: Condition) -> BlobInfo:
        taken = real(home, note, condition)
        at_the_kill.append(home.memory_file.read_bytes())
        notes.append(note)
        return taken

    monkeypatch.setattr(adopt_module, "take", take)
    adopt(anna, theirs, ctx(), preview(anna, theirs, ctx()))
    anna.memory_file.write_bytes(at_the_kill[0])
    noted = remembering.load(anna.memory_file)
    assert (noted.phase, noted.token, noted.since) == (Phase.TAKING, notes[0].token, notes[0].since)
    assert noted.purpose == "taking the journal over"
    assert recover(anna, ctx())[0].state is State.MINE
    assert remembering.load(anna.memory_file).since == notes[0].since


def test_a_take_over_that_came_too_late_leaves_the_earlier_note(
    shared: MemoryStore, anna: CloudJournal, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout(anna, ctx())
    checkin(anna, ctx())
    before = remembering.load(anna.memory_file)
    sides = preview(anna, theirs, ctx())

    def too_late(home: CloudJournal, note: LockNote, condition: Condition) -> BlobInfo:
        raise ConditionError("Somebody has it.")

    monkeypatch.setattr(adopt_module, "take", too_late)
    with pytest.raises(CustodyConflictError):
        adopt(anna, theirs, ctx(), sides)
    assert remembering.load(anna.memory_file) == before


def test_after_a_take_over_everything_waits_for_the_check_in(shared: MemoryStore, anna: CloudJournal) -> None:
    """Also if the file is the one that was checked in last: the cloud has another one now."""
    checkout(anna, ctx())
    checkin(anna, ctx())
    assert not unsaved(anna.local, remembering.load(anna.memory_file), None)
    shared.put(BLOB, journal_bytes("other.dcm"))
    adopt(anna, anna.local, ctx(), preview(anna, anna.local, ctx()))
    memory = remembering.load(anna.memory_file)
    assert memory.phase is Phase.HELD
    assert unsaved(anna.local, memory, None)


def interrupted(shared: MemoryStore, anna: CloudJournal) -> None:
    """A check-in that reached the cloud, and could not remove the lock."""
    checkout(anna, ctx())
    record(anna.local, "ours.dcm")
    shared.fail_next("delete", AccessError("No permission to delete."))
    with pytest.raises(AccessError):
        checkin(anna, ctx())
    assert look(anna).landed


def test_what_was_recorded_after_an_interrupted_check_in_is_not_called_checked_in(shared: MemoryStore, anna: CloudJournal) -> None:
    interrupted(shared, anna)
    record(anna.local, "later.dcm")
    with pytest.raises(CustodyError, match="not checked out here"):
        checkin(anna, ctx())
    assert names(anna.local) == {"base.dcm", "ours.dcm", "later.dcm"}
    assert unsaved(anna.local, remembering.load(anna.memory_file), None)


def test_a_file_that_somebody_names_is_not_called_checked_in(shared: MemoryStore, anna: CloudJournal, theirs: Path) -> None:
    """Although the interrupted check-in of another file reached the cloud."""
    interrupted(shared, anna)
    with pytest.raises(CustodyError, match="not checked out here"):
        checkin(anna, ctx(), local_journal=theirs)


@pytest.mark.parametrize(("locked", "remedy"), [(False, "Check it out first"), (True, "Ask ben to check it in")])
def test_a_check_in_without_a_check_out_says_what_to_do_now(
    shared: MemoryStore, anna: CloudJournal, ben: CloudJournal, locked: bool, remedy: str
) -> None:
    record(anna.local, "base.dcm")
    if locked:
        checkout(ben, ctx())
    with pytest.raises(CustodyError) as caught:
        checkin(anna, ctx())
    assert remedy in caught.value.remedy


def test_a_check_in_that_keeps_the_journal_says_that_it_is_done(shared: MemoryStore, anna: CloudJournal) -> None:
    checkout(anna, ctx())
    done = checkin(anna, ctx(), keep_checked_out=True)
    assert (done.finished, done.notes) == (False, ())
    assert remembering.load(anna.memory_file).journal_etag == shared.head(BLOB).etag  # pyright: ignore[reportOptionalMemberAccess]


def test_a_first_journal_that_was_removed_later_is_called_removed(store: MemoryStore, anna: CloudJournal) -> None:
    record(anna.local, "ours.dcm")
    assert checkout(anna, ctx()).notes[0].startswith("There was no journal in the cloud yet.")
    checkin(anna, ctx())
    store.delete(BLOB)
    notes = checkout(anna, ctx()).notes
    assert notes[0].startswith("The cloud journal was removed.")


def test_a_check_out_that_starts_again_and_fails_forgets_the_lock_that_it_removed(shared: MemoryStore, anna: CloudJournal) -> None:
    checkout(anna, ctx())
    shared.put(BLOB, b"SQLite format 3\0" + b"x" * 5000)  # no local change would be lost, and the new one cannot be used
    with pytest.raises(LessHistoryError):
        checkout(anna, ctx())
    assert shared.head(LOCK) is None
    memory = remembering.load(anna.memory_file)
    assert (memory.phase, memory.lock_etag) == (Phase.FREE, "")
    assert memory.base == rows_of(anna.local)


def test_a_lock_names_the_journal_that_it_is_for(shared: MemoryStore, anna: CloudJournal) -> None:
    there = shared.head(BLOB)
    assert there is not None
    assert new_note(anna, there).journal_etag == there.etag
    assert new_note(anna, None).journal_etag == ""
    assert new_note(anna, there).token != new_note(anna, there).token


def test_a_check_out_that_is_killed_after_it_got_the_lock_is_held(
    shared: MemoryStore, anna: CloudJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Since when, too: colleagues read it, and so does the person who starts the program again."""
    at_the_kill: list[bytes] = []
    notes: list[LockNote] = []
    real = checkout_module.take

    def take(home: CloudJournal, note: LockNote) -> BlobInfo:
        taken = real(home, note)
        at_the_kill.append(home.memory_file.read_bytes())
        notes.append(note)
        return taken

    monkeypatch.setattr(checkout_module, "take", take)
    checkout(anna, ctx())
    anna.memory_file.write_bytes(at_the_kill[0])
    noted = remembering.load(anna.memory_file)
    assert (noted.phase, noted.token, noted.since) == (Phase.TAKING, notes[0].token, notes[0].since)
    recover(anna, ctx())
    assert remembering.load(anna.memory_file).since == notes[0].since


def test_a_check_out_remembers_which_history_it_used(shared: MemoryStore, anna: CloudJournal) -> None:
    """So it is noticed if the journal of the next check-out, or the local one, has less."""
    shared.put(BLOB, uploaded("one.dcm", "two.dcm"))
    checkout(anna, ctx())
    memory = history_check.remembered(anna.history_file)
    assert memory is not None
    assert (memory.uploaded, memory.versions) == (2, ("20250101000000",))


class Copies:
    """The copies that the central store keeps; counts how often they are asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, used: Known, ctx: JobContext) -> list[Known]:
        self.asked += 1
        return []


@pytest.mark.parametrize(("locked", "asked"), [(False, 1), (True, 0)])
def test_a_journal_that_a_colleague_works_on_is_not_compared_with_newer_copies(
    shared: MemoryStore, anna: CloudJournal, ben: CloudJournal, locked: bool, asked: int
) -> None:
    """Copies that the colleague's uploads leave in the central store are newer than the cloud journal until the check-in."""
    checked_in(anna, "one.dcm")
    checked_in(ben, "two.dcm")
    if locked:
        checkout(ben, ctx())
    copies = Copies()
    home = replace(anna, elsewhere=copies)
    assert lost_history(home, look(home), None, ctx()) is None
    assert copies.asked == asked


def test_a_check_in_keeps_a_copy_only_of_new_entries(shared: MemoryStore, anna: CloudJournal) -> None:
    """Ten check-ins of commands that changed nothing would push out the ten copies that matter."""
    checkout(anna, ctx())
    record_uploaded(anna.local, "one.dcm")
    checkin(anna, ctx())
    kept = listing(anna.local)
    for _ in range(3):
        checkout(anna, ctx())
        with Journal.open(anna.local) as journal:
            journal.begin_command("journal check", "", common="", src_paths={}, dest=None)
        checkin(anna, ctx())
    assert listing(anna.local) == kept
