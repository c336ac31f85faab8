"""Check-out, check-in, unlock, set aside and take-over, one person after the other."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from custodyworld import BLOB, LOCK, cloud_names, content, ctx, journal_bytes, names, person, record, work
from memorystore import MemoryStore
from old_tools import OldTool, RefusedError, Tool2024, ToolPresent

from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.checkout import checkout
from chorus_gui.core.custody.cloud_journal import CloudJournal, guard
from chorus_gui.core.custody.local_state import Phase, load
from chorus_gui.core.custody.recover import Choice, recover
from chorus_gui.core.custody.sides import CustodyConflictError
from chorus_gui.core.custody.state import State, look
from chorus_gui.core.custody.unlock import unlock
from chorus_gui.core.errors import (
    AccessError,
    Cancelled,
    CustodyError,
    JournalBusyError,
    StoreUnavailableError,
)
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal import backups
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.storage.base import StoreLimits

AWAY = StoreUnavailableError("The line is cut.")


# the plain way


def test_out_and_in_again(shared, anna, ben):
    held = checkout(anna, ctx())
    assert (held.local, held.new, held.notes) == (anna.local, False, ())
    assert names(anna.local) == {"base.dcm"}
    lock = shared.head(LOCK)
    assert lock.size == 0
    assert {"who", "host", "since", "app", "journal_etag", "token"} == set(lock.metadata)
    assert (lock.metadata["who"], lock.metadata["host"], lock.metadata["journal_etag"]) == ("Anna Å.", "PC-1", shared.head(BLOB).etag)
    record(anna.local, "new.dcm")
    checkin(anna, ctx())
    assert cloud_names(shared) == {"base.dcm", "new.dcm"}
    assert shared.head(LOCK) is None
    assert shared.head(BLOB).metadata == {}
    assert look(anna).state is State.FREE
    checkout(ben, ctx())
    assert names(ben.local) == {"base.dcm", "new.dcm"}


def test_the_journal_in_the_cloud_stays_a_classic_sqlite_file(shared, anna):
    work(anna, "new.dcm")
    with closing(sqlite3.connect(anna.local)) as conn:
        conn.execute("PRAGMA journal_mode = WAL")
    checkin(anna, ctx())
    assert content(shared)[:20] == b"SQLite format 3\0" + (4096).to_bytes(2, "big") + b"\x01\x01"


def test_the_first_journal_of_a_site(store, anna, ben):
    assert look(anna).state is State.NEW
    held = checkout(anna, ctx())
    assert held.new
    assert "A new one was started" in held.notes[0]
    with pytest.raises(CustodyError, match=r"locked by Anna Å\. on PC-1"):
        checkout(ben, ctx())
    record(anna.local, "first.dcm")
    checkin(anna, ctx())
    assert cloud_names(store) == {"first.dcm"}


def test_a_local_journal_becomes_the_first_one_in_the_cloud(store, anna):
    record(anna.local, "mine.dcm")
    held = checkout(anna, ctx())
    assert "Your check-in puts" in held.notes[0]
    checkin(anna, ctx())
    assert cloud_names(store) == {"mine.dcm"}


def test_a_zero_byte_journal_in_the_cloud_is_a_new_one(store, anna):
    store.put(BLOB, b"")
    work(anna, "first.dcm")
    checkin(anna, ctx())
    assert cloud_names(store) == {"first.dcm"}


def test_progress_can_be_saved_while_it_stays_checked_out(shared, anna):
    work(anna, "one.dcm")
    checkin(anna, ctx(), keep_checked_out=True)
    assert cloud_names(shared) == {"base.dcm", "one.dcm"}
    assert look(anna).state is State.MINE
    record(anna.local, "two.dcm")
    checkin(anna, ctx())
    assert cloud_names(shared) == {"base.dcm", "one.dcm", "two.dcm"}


def test_a_large_journal_goes_in_blocks(shared, anna, ben):
    shared.limits = StoreLimits(put_bytes=1024 * 1024, block_bytes=1024 * 1024)
    checkout(anna, ctx())
    record(anna.local, *(f"{'long' * 40}{n}.dcm" for n in range(24_000)))
    assert anna.local.stat().st_size > 5 * 1024 * 1024
    checkin(anna, ctx())
    assert shared.calls["stage_block"] > 1
    checkout(ben, ctx())
    assert len(names(ben.local)) == 24_001


# refusals


def test_only_one_has_it(shared, anna, ben):
    checkout(anna, ctx())
    with pytest.raises(CustodyError) as refused:
        checkout(ben, ctx())
    assert "locked by Anna Å. on PC-1 since 20" in refused.value.what
    assert "journal unlock" in refused.value.remedy
    assert look(ben).state is State.LOCKED
    assert not ben.local.exists()
    with pytest.raises(CustodyError, match="You have the journal checked out on this computer"):
        checkout(anna, ctx())
    with pytest.raises(CustodyError, match="is not checked out here"):
        checkin(ben, ctx())


@pytest.mark.parametrize("kind", [Tool2024, ToolPresent])
def test_the_older_tools_respect_our_lock(shared, anna, tmp_path, kind):
    checkout(anna, ctx())
    with pytest.raises(RefusedError):
        kind(shared, tmp_path / "old" / "journal.db").checkout()
    assert names(anna.local) == {"base.dcm"}


@pytest.mark.parametrize("kind", [Tool2024, ToolPresent])
def test_we_respect_theirs(shared, anna, tmp_path, kind):
    kind(shared, tmp_path / "old" / "journal.db").checkout()
    state = look(anna)
    assert (state.state, state.journal, state.content) == (State.FOREIGN, None, shared.head(LOCK))
    assert "with another tool since 20" in state.describe()
    assert "is in that lock" in state.describe()
    with pytest.raises(CustodyError) as refused:
        checkout(anna, ctx())
    assert "take the journal over" in refused.value.remedy
    assert "journal unlock" in refused.value.remedy


@pytest.mark.parametrize("kind", [Tool2024, ToolPresent])
def test_the_tools_change_places(shared, anna, tmp_path, kind):
    tool: OldTool = kind(shared, tmp_path / "old" / "journal.db")
    for turn in range(2):
        tool.command(f"old-{turn}.dcm")
        work(anna, f"ours-{turn}.dcm")
        checkin(anna, ctx())
    assert cloud_names(shared) == {"base.dcm", "old-0.dcm", "ours-0.dcm", "old-1.dcm", "ours-1.dcm"}


def test_changes_that_were_never_checked_in_are_never_overwritten(shared, anna):
    record(anna.local, "mine.dcm")
    before = anna.local.read_bytes()
    with pytest.raises(CustodyConflictError, match="never checked in") as refused:
        checkout(anna, ctx())
    sides = refused.value.sides
    assert (sides.only_local, sides.only_cloud) == (1, 1)
    assert (sides.local.active, sides.cloud.active, sides.local.versions) == (1, 1, ("20250101000000",))
    assert "1 entry is only in the local journal, 1 only in the cloud journal" in str(refused.value)
    assert anna.local.read_bytes() == before
    assert shared.head(LOCK) is None


def test_an_earlier_state_of_the_journal_is_replaced(shared, anna, ben):
    anna.local.write_bytes(content(shared))  # as an older tool leaves it: nothing is remembered of it
    work(ben, "later.dcm")
    checkin(ben, ctx())
    assert checkout(anna, ctx()).notes == ()
    assert names(anna.local) == {"base.dcm", "later.dcm"}


def test_what_an_older_tool_wrote_over_is_kept_here_and_told(shared, anna, tmp_path):
    tool = ToolPresent(shared, tmp_path / "old" / "journal.db")
    tool.local.write_bytes(content(shared))
    work(anna, "ours.dcm")
    checkin(anna, ctx())
    tool.update("theirs.dcm")
    tool.store.put(BLOB, tool.local.read_bytes())  # its check-in looks at nothing
    held = checkout(anna, ctx())
    assert "lacks 1 entry that it had when you last checked in" in held.notes[0]
    kept = [path for path in backups.folder(anna.local).iterdir() if ".aside-" in path.name]
    assert [names(path) for path in kept] == [{"base.dcm", "ours.dcm"}]


def test_a_damaged_journal_in_the_cloud_replaces_nothing(store, anna):
    store.put(BLOB, b"SQLite format 3\0" + b"x" * 5000)
    record(anna.local, "mine.dcm")
    with pytest.raises(CustodyError, match=r"The journal az://box/journal\.db .* cannot be used\. It is damaged") as refused:
        checkout(anna, ctx())
    assert ".cloud" not in str(refused.value)
    assert names(anna.local) == {"mine.dcm"}
    assert store.head(LOCK) is None
    assert [path.name for path in anna.local.parent.glob(".journal.db.c*")] == []


def test_a_damaged_local_journal_is_kept_and_replaced(shared, anna):
    anna.local.write_bytes(b"no journal at all, but mine" * 100)
    checkout(anna, ctx())
    assert names(anna.local) == {"base.dcm"}
    kept = [path for path in backups.folder(anna.local).iterdir() if path.suffix == ".damaged"]
    assert kept[0].read_bytes().startswith(b"no journal")


def test_a_missing_folder_is_told_before_anything_is_locked(shared, tmp_path):
    home = person(shared, tmp_path / "x")
    lost = CloudJournal(shared, BLOB, tmp_path / "gone" / "journal.db", home.url, home.memory_file)
    with pytest.raises(CustodyError, match="does not exist"):
        checkout(lost, ctx())
    assert shared.head(LOCK) is None


def test_cancelling_leaves_nothing_checked_out(shared, anna):
    stopped = JobContext()
    stopped.cancel()
    with pytest.raises(Cancelled):
        checkout(anna, stopped)
    assert shared.head(LOCK) is None
    assert look(anna).state is State.FREE


def test_one_process_at_a_time(shared, anna):
    with guard(anna, "file upload", 0, ctx()), pytest.raises(JournalBusyError, match="Another window or command on this computer") as busy:
        checkout(anna, ctx())
    assert "file upload" in busy.value.holder


def test_a_journal_in_use_is_not_swapped(shared, anna):
    record(anna.local, "base.dcm")
    anna.local.write_bytes(content(shared))
    with Journal.open(anna.local), pytest.raises(JournalBusyError):
        checkout(anna, ctx())
    assert shared.head(LOCK) is None
    assert look(anna).state is State.FREE


# the journal or the lock is not what was seen


def test_a_journal_that_was_changed_under_our_lock_is_not_overwritten(shared, anna, tmp_path):
    tool = ToolPresent(shared, tmp_path / "old" / "journal.db")
    tool.local.write_bytes(content(shared))
    work(anna, "ours.dcm")
    tool.update("theirs.dcm")
    shared.put(BLOB, tool.local.read_bytes())
    assert look(anna).state is State.CHANGED
    with pytest.raises(CustodyConflictError, match="Somebody changed the cloud journal, although you have it checked out") as refused:
        checkin(anna, ctx())
    assert (refused.value.sides.only_local, refused.value.sides.only_cloud) == (1, 1)
    assert "Nothing was written" in str(refused.value)
    assert cloud_names(shared) == {"base.dcm", "theirs.dcm"}
    assert names(anna.local) == {"base.dcm", "ours.dcm"}
    state, offers = recover(anna)
    assert (state.state, [offer.choice for offer in offers]) == (State.CHANGED, [Choice.TAKE_OVER, Choice.SET_ASIDE])


def test_an_older_check_in_over_our_lock_is_noticed(shared, anna, tmp_path):
    tool = Tool2024(shared, tmp_path / "old" / "journal.db")
    tool.local.write_bytes(content(shared))
    work(anna, "ours.dcm")
    tool.update("theirs.dcm")
    tool.checkin()
    with pytest.raises(CustodyConflictError, match="somebody removed your lock, and the cloud journal was changed"):
        checkin(anna, ctx())
    assert cloud_names(shared) == {"base.dcm", "theirs.dcm"}


def test_an_unlock_of_ours_by_an_older_tool_is_noticed(shared, anna, tmp_path):
    work(anna, "ours.dcm")
    tool = ToolPresent(shared, tmp_path / "old" / "journal.db")
    tool.unlock()
    with pytest.raises(CustodyConflictError, match=r"somebody removed your lock\."):
        checkin(anna, ctx())
    tool.checkout()
    with pytest.raises(CustodyConflictError, match="it is now locked by another tool"):
        checkin(anna, ctx())
    assert cloud_names(shared) is None


def test_another_persons_lock_is_noticed(shared, anna, ben):
    work(anna, "ours.dcm")
    unlock(ben, ctx(), force=True)
    checkout(ben, ctx())
    with pytest.raises(CustodyConflictError, match="it is now locked by ben on PC-2"):
        checkin(anna, ctx())


def test_a_lock_whose_metadata_travelled_through_the_journal_is_not_ours(store, anna, tmp_path):
    """An old unlock copies our lock to the journal's name, metadata and all, and an old check-out copies it back."""
    work(anna, "ours.dcm")
    tool = ToolPresent(store, tmp_path / "old" / "journal.db")
    tool.unlock()
    tool.checkout()
    assert store.head(LOCK).metadata["token"] == load(anna.memory_file).token
    assert look(anna).state is State.CHANGED
    with pytest.raises(CustodyConflictError):
        checkin(anna, ctx())


def test_a_check_in_that_finds_another_journal_while_it_writes(shared, anna, monkeypatch):
    work(anna, "ours.dcm")
    real = MemoryStore.put

    def put(self, path, data, **options):
        monkeypatch.setattr(MemoryStore, "put", real)
        real(self, BLOB, journal_bytes("theirs.dcm"))
        return real(self, path, data, **options)

    monkeypatch.setattr(MemoryStore, "put", put)
    with pytest.raises(CustodyConflictError, match="although you have it checked out"):
        checkin(anna, ctx())
    assert cloud_names(shared) == {"theirs.dcm"}
    assert load(anna.memory_file).phase is Phase.HELD


def test_a_clean_check_out_that_was_overrun_begins_anew(shared, anna):
    checkout(anna, ctx())
    shared.put(BLOB, journal_bytes("base.dcm", "more.dcm"))
    assert look(anna).state is State.CHANGED
    checkout(anna, ctx())
    assert names(anna.local) == {"base.dcm", "more.dcm"}
    assert look(anna).state is State.MINE


# answers that are lost, services that are away


def test_a_lost_answer_to_the_lock(shared, anna):
    shared.fail_next("put", AWAY, done=True)
    checkout(anna, ctx())
    assert look(anna).state is State.MINE
    checkin(anna, ctx())
    assert shared.head(LOCK) is None


def test_a_lost_answer_to_the_check_in(shared, anna):
    work(anna, "ours.dcm")
    shared.fail_next("put", AWAY, done=True)
    checkin(anna, ctx())
    assert cloud_names(shared) == {"base.dcm", "ours.dcm"}
    assert shared.head(LOCK) is None


def test_a_lost_answer_to_the_delete(shared, anna):
    work(anna, "ours.dcm")
    shared.fail_next("delete", AWAY, done=True)
    assert checkin(anna, ctx()).notes == ()
    assert look(anna).state is State.FREE


def test_a_service_that_is_away_leaves_it_checked_out(shared, anna):
    work(anna, "ours.dcm")
    shared.fail_next("put", AWAY, times=3)
    with pytest.raises(StoreUnavailableError):
        checkin(anna, ctx())
    assert cloud_names(shared) == {"base.dcm"}
    assert look(anna).state is State.MINE
    checkin(anna, ctx())
    assert cloud_names(shared) == {"base.dcm", "ours.dcm"}


def test_a_lock_that_could_not_be_taken_leaves_nothing(shared, anna):
    shared.fail_next("put", AccessError("No permission to write."))
    with pytest.raises(AccessError):
        checkout(anna, ctx())
    assert (look(anna).state, load(anna.memory_file).phase) == (State.FREE, Phase.FREE)


def test_a_check_in_whose_end_was_lost_is_finished_later(shared, anna):
    work(anna, "ours.dcm")
    shared.fail_next("delete", AccessError("No permission to delete."))
    with pytest.raises(AccessError):
        checkin(anna, ctx())
    assert look(anna).landed
    done = checkin(anna, ctx())
    assert (done.finished, "had reached the cloud" in done.notes[0]) == (True, True)
    assert (look(anna).state, shared.head(LOCK)) == (State.FREE, None)
    checkout(anna, ctx())


def test_a_lock_that_needs_a_second_try(shared, anna):
    shared.fail_next("put", AWAY)
    checkout(anna, ctx())
    assert shared.calls["put"] == 3  # the fixture's, the one that failed, the lock


def changing(monkeypatch, times: int) -> None:
    """Somebody replaces the journal each time a lock was taken."""
    real, left = MemoryStore.put, [times]

    def put(self, path, data, **options):
        info = real(self, path, data, **options)
        if path == LOCK and left[0]:
            left[0] -= 1
            real(self, BLOB, journal_bytes("base.dcm", f"{left[0]}.dcm"))
        return info

    monkeypatch.setattr(MemoryStore, "put", put)


def test_a_journal_that_changed_between_looking_and_locking_is_fetched_again(shared, anna, monkeypatch):
    changing(monkeypatch, 1)
    checkout(anna, ctx())
    assert names(anna.local) == {"base.dcm", "0.dcm"}


def test_a_journal_that_keeps_changing_is_not_checked_out(shared, anna, monkeypatch):
    changing(monkeypatch, 9)
    with pytest.raises(CustodyError, match="Somebody is changing the cloud journal just now"):
        checkout(anna, ctx())
    assert (look(anna).state, anna.local.exists()) == (State.FREE, False)
