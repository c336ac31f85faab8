"""Less history never replaces more history without an explicit yes."""

from __future__ import annotations

from pathlib import Path

import pytest
from custodyworld import BLOB, LOCK, checked_in, ctx, journal_bytes, names, record, uploaded
from memorystore import MemoryStore

from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.checkout import checkout
from chorus_gui.core.custody.history_check import Known, LessHistoryError, less
from chorus_gui.core.custody.state import State, look
from chorus_gui.core.journal import backups
from chorus_gui.core.journal.store import Journal

BLANK = Known("new", blank=True)


@pytest.mark.parametrize(
    ("used", "others", "found"),
    [
        (BLANK, [], None),
        (BLANK, [Known("a", blank=True)], None),
        (BLANK, [Known("a", files=1)], "a"),
        (BLANK, [Known("a", evidence=True)], "a"),
        (Known("x", uploaded=5), [Known("a", uploaded=5), Known("b", uploaded=4)], None),
        (Known("x", uploaded=5), [Known("a", uploaded=6), Known("b", uploaded=9), Known("c", evidence=True)], "b"),
        (Known("x", uploaded=5), [Known("a", uploaded=5, files=99)], None),  # rows that were never uploaded may be taken back
        (Known("x"), [Known("a", files=7)], None),
    ],
)
def test_the_rule(used: Known, others: list[Known], found: str | None) -> None:
    decided = less(used, others)
    assert (decided.where if decided else None) == found


CLOUD: dict[str, bytes | None] = {
    "zero bytes": b"",
    "gone": None,
    "older": uploaded("one.dcm"),
    "new": journal_bytes(),
}
"""What lies in the cloud afterwards, instead of a journal with three uploaded files."""

LOCAL = ("there", "gone", "zero bytes", "kept copies alone")


def spoil(store: MemoryStore, anna, cloud: str, local: str) -> None:
    checked_in(anna, "one.dcm", "two.dcm", "three.dcm")
    found = CLOUD[cloud]
    if found is None:
        store.delete(BLOB)
    else:
        store.put(BLOB, found)
    if local == "gone":
        anna.local.unlink()
    elif local == "zero bytes":
        anna.local.write_bytes(b"")
    elif local == "kept copies alone":
        anna.local.unlink()
        anna.memory_file.unlink()
        anna.history_file.unlink(missing_ok=True)


@pytest.mark.parametrize("local", LOCAL)
@pytest.mark.parametrize("cloud", CLOUD)
def test_less_history_is_not_checked_out(cloud: str, local: str, store, anna) -> None:
    spoil(store, anna, cloud, local)
    if cloud == "gone" and local == "there":  # the local journal has it all: it becomes the one in the cloud
        assert "Your check-in puts" in checkout(anna, ctx()).notes[0]
        return
    before = anna.local.read_bytes() if anna.local.exists() else None
    with pytest.raises(LessHistoryError) as refused:
        checkout(anna, ctx())
    assert refused.value.needs_decision
    assert refused.value.known.uploaded == 3
    for word in ("3 uploaded", "journal recover", "--accept-less-history", "Nothing was written"):
        assert word in str(refused.value)
    assert store.head(LOCK) is None
    assert (anna.local.read_bytes() if anna.local.exists() else None) == before
    assert store.head(BLOB) is None or b"".join(store.read(BLOB)) == CLOUD[cloud]


@pytest.mark.parametrize("cloud", [name for name in CLOUD if name != "gone"])
def test_a_yes_is_remembered(cloud: str, store, anna) -> None:
    from dataclasses import replace

    spoil(store, anna, cloud, "there")
    held = checkout(replace(anna, accept_less=True), ctx())
    assert any("is kept as" in note for note in held.notes) or any("journal.aside" in p.name for p in backups.folder(anna.local).iterdir())
    record(anna.local, "more.dcm")
    checkin(anna, ctx())
    checkout(anna, ctx())
    checkin(anna, ctx())
    assert any(names(path) == {"one.dcm", "two.dcm", "three.dcm"} for path in backups.folder(anna.local).glob("*.db"))


def test_a_copy_of_what_was_checked_in_is_kept(store, anna) -> None:
    checked_in(anna, "one.dcm", "two.dcm")
    anna.local.unlink()
    assert any(names(path) == {"one.dcm", "two.dcm"} for path in backups.folder(anna.local).glob("*.db"))


def test_a_check_out_whose_file_is_gone_does_not_check_in_a_new_one(store, anna) -> None:
    checked_in(anna, "one.dcm", "two.dcm")
    checkout(anna, ctx())
    anna.local.unlink()
    record(anna.local, "new.dcm")
    with pytest.raises(LessHistoryError):
        checkin(anna, ctx())
    assert look(anna).state is State.MINE


def test_what_was_taken_back_is_no_lost_history(store, anna) -> None:
    checkout(anna, ctx())
    record(anna.local, "one.dcm")
    with Journal.open(anna.local) as journal:
        journal.begin_command("journal update", "", common="", src_paths={}, dest=None)
    checkin(anna, ctx())
    checkout(anna, ctx())
    with Journal.open(anna.local) as journal:
        journal.undo("20250101000000")
    checkin(anna, ctx())
    checkout(anna, ctx())
    assert names(anna.local) == set()


def test_a_lock_s_note_shows_that_there_was_a_journal(store, anna, ben, tmp_path: Path) -> None:
    from chorus_gui.core.custody.unlock import consequences

    checked_in(anna, "one.dcm")
    checkout(anna, ctx())
    store.put(BLOB, b"")
    assert any("was a journal" in line for line in consequences(look(ben)))
    assert "is damaged" in look(ben).damage
