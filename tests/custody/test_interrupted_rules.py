"""What a check-out leaves for the next command if it is killed, or if somebody else is faster."""

from __future__ import annotations

from pathlib import Path

import pytest
from custodyworld import BLOB, LOCK, ctx, journal_bytes, names, record
from memorystore import MemoryStore

from chorus_gui.core.custody import checkout as checkout_module
from chorus_gui.core.custody import local_state as remembering
from chorus_gui.core.custody.checkout import checkout
from chorus_gui.core.custody.cloud_journal import CloudJournal
from chorus_gui.core.custody.local_state import LocalState, Phase
from chorus_gui.core.custody.lock import LockNote, take
from chorus_gui.core.custody.recover import recover, was_interrupted
from chorus_gui.core.custody.sides import rows_of
from chorus_gui.core.custody.state import State, look
from chorus_gui.core.errors import CustodyError, LockedError
from chorus_gui.core.storage.base import BlobInfo


@pytest.mark.parametrize("before", ["nothing", "an earlier journal"])
def test_a_check_out_that_is_killed_after_it_replaced_the_journal_is_held(
    shared: MemoryStore, anna: CloudJournal, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The note that it wrote before says which journal was to come."""
    if before != "nothing":
        anna.local.write_bytes(journal_bytes())
    at_the_kill: list[bytes] = []
    real = checkout_module.backups.restore

    def restore(local: Path, copy: Path, *, rows_only: bool) -> object:
        done = real(local, copy, rows_only=rows_only)
        at_the_kill.append(anna.memory_file.read_bytes())
        return done

    monkeypatch.setattr(checkout_module.backups, "restore", restore)
    checkout(anna, ctx())
    held = remembering.load(anna.memory_file)
    anna.memory_file.write_bytes(at_the_kill[0])
    assert remembering.load(anna.memory_file).phase is Phase.TAKING
    state, offers = recover(anna, ctx())
    assert state.state is State.MINE
    assert offers
    assert remembering.load(anna.memory_file) == held
    assert held.base == rows_of(anna.local), "nothing of it counts as never checked in"


def test_a_first_check_out_that_is_killed_after_it_began_a_journal_is_held(
    store: MemoryStore, anna: CloudJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(anna.local, "recorded here.dcm")
    at_the_kill: list[bytes] = []
    real = checkout_module.remembering.save

    def save(file: Path, memory: LocalState) -> None:
        if memory.phase is Phase.HELD:
            at_the_kill.append(file.read_bytes())
        real(file, memory)

    monkeypatch.setattr(checkout_module.remembering, "save", save)
    checkout(anna, ctx())
    anna.memory_file.write_bytes(at_the_kill[0])
    assert recover(anna, ctx())[0].state is State.MINE
    assert names(anna.local) == {"recorded here.dcm"}


def test_a_check_out_that_somebody_else_was_faster_with_leaves_nothing_to_recover(
    shared: MemoryStore, anna: CloudJournal, ben: CloudJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def second(home: CloudJournal, note: LockNote) -> BlobInfo:
        take(ben, LockNote("ben", "PC-2", "2026-01-02T03:04:05+00:00", "1", "", "other"))
        return take(home, note)

    record(anna.local, "base.dcm")
    before = look(anna).memory
    monkeypatch.setattr(checkout_module, "take", second)
    with pytest.raises(LockedError, match="locked by ben"):
        checkout(anna, ctx())
    assert not was_interrupted(anna)
    after = remembering.load(anna.memory_file)
    assert (after.phase, after.base, after.token) == (Phase.FREE, before.base, "")
    assert shared.head(LOCK) is not None, "the other one's lock stays"


def test_a_check_out_of_a_journal_that_changed_under_its_lock_begins_again(
    shared: MemoryStore, anna: CloudJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives its lock back, and takes the journal that is there now."""
    changed: list[bool] = []

    def second(home: CloudJournal, note: LockNote) -> BlobInfo:
        if not changed:
            changed.append(True)
            shared.put(BLOB, journal_bytes("base.dcm", "more.dcm"))
        return take(home, note)

    monkeypatch.setattr(checkout_module, "take", second)
    checkout(anna, ctx())
    assert names(anna.local) == {"base.dcm", "more.dcm"}
    assert look(anna).state is State.MINE
    assert remembering.load(anna.memory_file).base == rows_of(anna.local)


def test_a_check_out_of_a_journal_that_keeps_changing_leaves_nothing_to_recover(
    shared: MemoryStore, anna: CloudJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = iter(range(100))

    def second(home: CloudJournal, note: LockNote) -> BlobInfo:
        shared.put(BLOB, journal_bytes("base.dcm", f"{next(number)}.dcm"))
        return take(home, note)

    monkeypatch.setattr(checkout_module, "take", second)
    with pytest.raises(CustodyError, match="changing the cloud journal"):
        checkout(anna, ctx())
    assert not was_interrupted(anna)
    assert remembering.load(anna.memory_file).phase is Phase.FREE
    assert shared.head(LOCK) is None
