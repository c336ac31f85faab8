"""Byte-identical journals are the same journal; and a lock without bytes holds none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from custodyworld import BLOB, LOCK, checked_in, ctx, names, record_uploaded

from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.checkout import checkout
from chorus_gui.core.custody.recover import recover
from chorus_gui.core.custody.state import State, judge, look
from chorus_gui.core.storage.base import BlobInfo


def other_tool_checks_in(store, home, *, lock: bool = False) -> None:
    """It writes the very file that is checked out here, and removes the lock."""
    store.put(BLOB, home.local.read_bytes())
    if not lock:
        store.delete(LOCK)


@pytest.mark.parametrize("lock", [False, True], ids=["lock gone", "lock there"])
@pytest.mark.parametrize("act", ["checkin", "recover"])
def test_the_same_file_is_checked_in_already(lock: bool, act: str, store, anna, tmp_path) -> None:
    checked_in(anna, "one.dcm")
    checkout(anna, ctx())
    record_uploaded(anna.local, "two.dcm")
    other_tool_checks_in(store, anna, lock=lock)
    assert look(anna).state is State.CHANGED
    if act == "recover":
        assert recover(anna)[0].state is (State.MINE if lock else State.FREE)
    done = checkin(anna, ctx()) if act == "checkin" or lock else None
    assert look(anna).state is State.FREE
    if done is not None and not lock:
        assert "already checked in" in done.notes[0]
    checkout(anna, ctx())
    assert names(anna.local) == {"one.dcm", "two.dcm"}


def test_another_file_is_another_journal(store, anna, tmp_path) -> None:
    from chorus_gui.core.custody.sides import CustodyConflictError

    checked_in(anna, "one.dcm")
    checkout(anna, ctx())
    other_tool_checks_in(store, anna)
    record_uploaded(anna.local, "two.dcm")
    with pytest.raises(CustodyConflictError):
        checkin(anna, ctx())


@pytest.mark.parametrize("size", [0, 9])
def test_only_a_lock_with_bytes_holds_the_journal(size: int, anna) -> None:
    lock = BlobInfo(LOCK, 0, None, "l", 1)
    said = judge(None, replace(lock, size=size), None, look(anna).memory).describe()
    assert ("is in that lock" in said) is bool(size)
    assert ("no journal in the cloud" in said) is not bool(size)
