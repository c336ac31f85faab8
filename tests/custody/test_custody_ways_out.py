"""Ways out: unlock, set aside, take-over; and a journal on a share."""

from __future__ import annotations

from pathlib import Path

import pytest
from custodyworld import BLOB, LOCK, blob_bytes, cloud_names, content, ctx, journal_bytes, names, person, record, work
from memorystore import MemoryStore
from old_tools import OldTool, Tool2024, ToolPresent

from chorus_gui.core.custody.adopt import adopt, preview
from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.checkout import checkout
from chorus_gui.core.custody.cloud_journal import CloudJournal
from chorus_gui.core.custody.sides import CustodyConflictError
from chorus_gui.core.custody.state import State, look
from chorus_gui.core.custody.unlock import set_aside, unlock
from chorus_gui.core.errors import (
    AccessError,
    CustodyError,
    JournalBusyError,
    JournalMissingError,
    StoreUnavailableError,
)
from chorus_gui.core.journal import backups
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.storage.base import Store
from chorus_gui.core.storage.local import LocalStore

AWAY = StoreUnavailableError("The line is cut.")


def test_unlock_wants_to_be_told_twice(shared, anna, ben):
    checkout(anna, ctx())
    with pytest.raises(CustodyError) as refused:
        unlock(ben, ctx())
    assert "Anna Å. can no longer check in" in refused.value.meaning
    assert "--force" in refused.value.remedy
    done = unlock(ben, ctx(), force=True)
    assert (done.copied, shared.head(LOCK)) == (False, None)
    assert "Anna Å. can no longer check in" in done.warnings[0]
    with pytest.raises(CustodyError, match="not locked"):
        unlock(ben, ctx(), force=True)


@pytest.mark.parametrize("kind", [Tool2024, ToolPresent])
def test_unlock_puts_back_a_journal_that_lies_in_the_lock_alone(shared, anna, tmp_path, kind):
    before = blob_bytes(shared, BLOB)
    kind(shared, tmp_path / "old" / "journal.db").checkout()
    with pytest.raises(CustodyError, match="with another tool") as refused:
        unlock(anna, ctx())
    assert "overwrites the cloud journal without checking it" in refused.value.meaning
    assert unlock(anna, ctx(), force=True).copied
    assert (blob_bytes(shared, BLOB), shared.head(LOCK)) == (before, None)


def test_an_empty_lock_is_never_put_back_as_a_journal(store, anna, ben):
    checkout(anna, ctx())
    done = unlock(ben, ctx(), force=True)
    assert not done.copied
    assert "Only the person who checked it out has the journal" in done.warnings[1]
    assert look(ben).state is State.NEW


def test_unlocking_ones_own_keeps_the_local_journal(shared, anna):
    work(anna, "ours.dcm")
    assert "and is not in the cloud" in unlock(anna, ctx()).warnings[0]
    assert names(anna.local) == {"base.dcm", "ours.dcm"}
    with pytest.raises(CustodyConflictError, match="never checked in"):
        checkout(anna, ctx())


def test_unlock_after_somebody_removed_our_lock_clears_the_memory(shared, anna, ben):
    checkout(anna, ctx())
    unlock(ben, ctx(), force=True)
    assert "somebody removed your lock" in unlock(anna, ctx()).warnings[0]
    assert look(anna).state is State.FREE


def test_unlock_leaves_a_lock_that_changes_meanwhile(shared, anna, tmp_path, monkeypatch):
    ToolPresent(shared, tmp_path / "old" / "journal.db").checkout()
    real = MemoryStore.copy

    def copy(self, source, target, **options):
        info = real(self, source, target, **options)
        self.put(LOCK, journal_bytes("other.dcm"))
        return info

    monkeypatch.setattr(MemoryStore, "copy", copy)
    with pytest.raises(CustodyError, match="while it was being put back"):
        unlock(anna, ctx(), force=True)
    assert blob_bytes(shared, LOCK) == journal_bytes("other.dcm")


# set aside, take over


def test_set_aside_keeps_the_file_and_ends_the_check_out(shared, anna):
    work(anna, "ours.dcm")
    kept = set_aside(anna, ctx())
    assert kept.parent == backups.folder(anna.local)
    assert names(kept) == {"base.dcm", "ours.dcm"}
    assert not anna.local.exists()
    assert (look(anna).state, shared.head(LOCK)) == (State.FREE, None)
    checkout(anna, ctx())
    assert names(anna.local) == {"base.dcm"}
    for turn in range(12):
        record(anna.local, f"{turn}.dcm")
    assert kept.exists()
    unlock(anna, ctx())
    anna.local.unlink()
    with pytest.raises(JournalMissingError):
        set_aside(anna, ctx())


@pytest.mark.parametrize("kind", [Tool2024, ToolPresent])
def test_going_on_with_what_the_other_tool_checked_out_here(shared, anna, tmp_path, kind):
    tool: OldTool = kind(shared, tmp_path / "old" / "journal.db")
    tool.checkout()
    tool.update("theirs.dcm")
    sides = preview(anna, tool.local, ctx())
    assert (sides.only_local, sides.only_cloud, sides.seen.state) == (1, 0, State.FOREIGN)
    held = adopt(anna, tool.local, ctx(), sides)
    assert held.notes == ()
    assert names(anna.local) == {"base.dcm", "theirs.dcm"}
    assert cloud_names(shared) == {"base.dcm"}
    assert (shared.head(LOCK).size, look(anna).state) == (0, State.MINE)
    checkin(anna, ctx())
    assert cloud_names(shared) == {"base.dcm", "theirs.dcm"}


def test_a_take_over_keeps_what_would_be_lost(shared, anna, ben, tmp_path):
    work(ben, "bens.dcm")
    checkin(ben, ctx())
    record(anna.local, "other.dcm")
    mine = tmp_path / "mine.db"
    record(mine, "mine.dcm")
    sides = preview(anna, mine, ctx())
    assert sides.only_cloud == 2
    held = adopt(anna, mine, ctx(), sides)
    cloud, aside = (next(path for path in backups.folder(anna.local).iterdir() if mark in path.name) for mark in (".cloud-", ".aside-"))
    assert (names(cloud), names(aside)) == ({"base.dcm", "bens.dcm"}, {"other.dcm"})
    assert str(cloud) in held.notes[0]
    assert str(aside) in held.notes[1]
    checkin(anna, ctx())
    assert cloud_names(shared) == {"mine.dcm"}


def test_a_take_over_of_our_own_lock_from_a_lost_memory(shared, anna):
    work(anna, "ours.dcm")
    anna.memory_file.unlink()
    assert look(anna).state is State.LOCKED
    adopt(anna, anna.local, ctx(), preview(anna, anna.local, ctx()))
    checkin(anna, ctx())
    assert cloud_names(shared) == {"base.dcm", "ours.dcm"}


def test_a_take_over_of_what_changed_since_it_was_looked_at(shared, anna, ben):
    record(anna.local, "mine.dcm")
    sides = preview(anna, anna.local, ctx())
    checkout(ben, ctx())
    with pytest.raises(CustodyConflictError, match="changed since you compared the journals"):
        adopt(anna, anna.local, ctx(), sides)
    assert look(ben).state is State.MINE


def test_checking_in_another_file_than_the_one_checked_out(shared, anna, tmp_path):
    work(anna, "ours.dcm")
    stale = tmp_path / "stale.db"
    record(stale, "stale.dcm")
    with pytest.raises(CustodyConflictError, match="was not made from the cloud journal"):
        checkin(anna, ctx(), local_journal=stale)
    grown = tmp_path / "grown.db"
    grown.write_bytes(content(shared))
    record(grown, "grown.dcm")
    checkin(anna, ctx(), local_journal=grown)
    assert cloud_names(shared) == {"base.dcm", "grown.dcm"}


# a journal on a share


@pytest.fixture
def share(tmp_path: Path) -> Store:
    (tmp_path / "share").mkdir()
    return LocalStore(tmp_path / "share")


def test_a_journal_on_a_share(share, tmp_path):
    anna = person(share, tmp_path / "anna", readable=True)
    ben = person(LocalStore(tmp_path / "share"), tmp_path / "ben", "ben", "PC-2", readable=True)
    share.put(BLOB, journal_bytes("base.dcm"))
    work(anna, "ours.dcm")
    text = (tmp_path / "share" / LOCK).read_text("utf-8")
    assert '"who": "Anna Å."' in text
    with pytest.raises(CustodyError, match=r"locked by Anna Å\. on PC-1"):
        checkout(ben, ctx())
    checkin(anna, ctx())
    assert names(tmp_path / "share" / BLOB) == {"base.dcm", "ours.dcm"}
    assert not (tmp_path / "share" / LOCK).exists()
    checkout(ben, ctx())
    assert unlock(anna, ctx(), force=True).copied is False
    assert not checkin_is_possible(ben)


def checkin_is_possible(home: CloudJournal) -> bool:
    try:
        checkin(home, ctx())
        return True
    except CustodyConflictError:
        return False


def test_a_file_that_somebody_made_beside_a_share_s_journal_is_a_foreign_lock(share, tmp_path):
    anna = person(share, tmp_path / "anna", readable=True)
    share.put(BLOB, journal_bytes("base.dcm"))
    for text in (b"", b"[1]", b"{", b'{"who": "x"}'):
        share.put(LOCK, text)
        assert look(anna).state is State.FOREIGN


# a take-over that cannot be


@pytest.fixture
def theirs(shared, tmp_path) -> OldTool:
    """Checked out with the other tool, and changed there."""
    tool = ToolPresent(shared, tmp_path / "old" / "journal.db")
    tool.checkout()
    tool.update("theirs.dcm")
    return tool


def test_a_take_over_of_a_lock_that_changes_at_the_last_moment(shared, anna, theirs, monkeypatch):
    sides = preview(anna, theirs.local, ctx())
    real = MemoryStore.put

    def put(self, path, data, **options):
        monkeypatch.setattr(MemoryStore, "put", real)
        self.delete(LOCK)
        return real(self, path, data, **options)

    monkeypatch.setattr(MemoryStore, "put", put)
    with pytest.raises(CustodyConflictError, match="changed since you compared the journals"):
        adopt(anna, theirs.local, ctx(), sides)
    assert (look(anna).state, cloud_names(shared), anna.local.exists()) == (State.FREE, {"base.dcm"}, False)


def test_a_take_over_of_a_journal_that_changes_at_the_last_moment(shared, anna, theirs, monkeypatch):
    sides = preview(anna, theirs.local, ctx())
    real = MemoryStore.put

    def put(self, path, data, **options):
        monkeypatch.setattr(MemoryStore, "put", real)
        real(self, BLOB, journal_bytes("base.dcm", "more.dcm"))
        return real(self, path, data, **options)

    monkeypatch.setattr(MemoryStore, "put", put)
    with pytest.raises(CustodyConflictError, match="changed since you compared the journals"):
        adopt(anna, theirs.local, ctx(), sides)
    assert (look(anna).state, cloud_names(shared), anna.local.exists()) == (State.FREE, {"base.dcm", "more.dcm"}, False)


def test_a_take_over_that_is_not_permitted_changes_nothing(shared, anna, theirs):
    sides = preview(anna, theirs.local, ctx())
    shared.fail_next("put", AccessError("No permission to write."))
    with pytest.raises(AccessError):
        adopt(anna, theirs.local, ctx(), sides)
    assert look(anna).state is State.FOREIGN
    assert cloud_names(shared) == {"base.dcm"}


def test_a_take_over_while_the_local_journal_is_in_use(shared, anna, theirs):
    record(anna.local, "base.dcm")
    sides = preview(anna, theirs.local, ctx())
    with Journal.open(anna.local), pytest.raises(JournalBusyError):
        adopt(anna, theirs.local, ctx(), sides)
    assert look(anna).state is State.FREE
    assert cloud_names(shared) == {"base.dcm"}


def test_a_cloud_journal_that_cannot_be_read_is_kept_at_a_take_over(store, anna):
    store.put(BLOB, b"SQLite format 3\0" + b"x" * 5000)
    record(anna.local, "mine.dcm")
    sides = preview(anna, anna.local, ctx())
    assert sides.only_cloud is None
    assert "cannot be read as a journal" in sides.describe()
    held = adopt(anna, anna.local, ctx(), sides)
    assert ".cloud-" in held.notes[0]
    checkin(anna, ctx())
    assert cloud_names(store) == {"mine.dcm"}
