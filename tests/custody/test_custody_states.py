"""What journal, lock and memory mean together; what is remembered; what an interruption leaves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from custodyworld import BLOB, LOCK, cloud_names, ctx, journal_bytes, names, person, record
from hypothesis import given
from hypothesis import strategies as st

from chorus_gui.core.config.credentials import Account, Sas
from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.custody import local_state as remembering
from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.checkout import checkout
from chorus_gui.core.custody.cloud_journal import _key, journal_parent, need
from chorus_gui.core.custody.local_state import LocalState, Phase
from chorus_gui.core.custody.lock import LockNote
from chorus_gui.core.custody.recover import Choice, recover
from chorus_gui.core.custody.sides import missing_rows, rows_of
from chorus_gui.core.custody.state import State, judge, look
from chorus_gui.core.errors import CustodyError
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Action, Entry
from chorus_gui.core.storage.base import BlobInfo

JOURNAL = BlobInfo(BLOB, 100, "m", "j1", 1_700_000_000_000_000)
OURS = BlobInfo(LOCK, 0, "m", "l1", 1_700_000_000_000_000)
NOTE = LockNote("anna", "PC-1", "2026-01-02T03:04:05+00:00", "0.1", "j1", "tok")
HELD = LocalState(Phase.HELD, "/x/journal.db", "f", "tok", "l1", "j1", NOTE.since)


@pytest.mark.parametrize(
    ("journal", "lock", "note", "memory", "landed", "state", "said"),
    [
        (None, None, None, LocalState(), False, State.NEW, "no journal in the cloud yet"),
        (None, None, None, HELD.freed(), False, State.NEW, "The cloud journal was removed"),
        (JOURNAL, None, None, LocalState(), False, State.FREE, "not checked out"),
        (JOURNAL, OURS, NOTE, HELD, False, State.MINE, "You have the journal checked out on this computer since 2026-01-02 03:04 UTC"),
        (JOURNAL, OURS, NOTE, LocalState(), False, State.LOCKED, "by anna on PC-1 since 2026-01-02 03:04 UTC"),
        (
            JOURNAL,
            OURS,
            replace(NOTE, who="", host="", since="?"),
            LocalState(),
            False,
            State.LOCKED,
            "somebody on another computer since 2023-11-14",
        ),
        (JOURNAL, OURS, None, LocalState(), False, State.FOREIGN, "with another tool since 2023-11-14 22:13 UTC."),
        (None, replace(OURS, size=9), None, LocalState(), False, State.FOREIGN, "is in that lock"),
        (replace(JOURNAL, etag="j2"), OURS, NOTE, HELD, False, State.CHANGED, "Somebody changed the cloud journal, although"),
        (None, OURS, NOTE, HELD, False, State.CHANGED, "Somebody removed the cloud journal, although"),
        (JOURNAL, OURS, NOTE, replace(HELD, journal_etag=""), False, State.CHANGED, "Somebody created the cloud journal, although"),
        (JOURNAL, None, None, HELD, False, State.CHANGED, "somebody removed your lock."),
        (JOURNAL, replace(OURS, etag="l2"), None, HELD, False, State.CHANGED, "it is now locked by another tool."),
        (
            None,
            OURS,
            replace(NOTE, token="t2", who="ben"),
            HELD,
            False,
            State.CHANGED,
            "it is now locked by ben on PC-1, and the cloud journal was changed",
        ),
        (JOURNAL, replace(OURS, etag="l2"), NOTE, HELD, False, State.CHANGED, "it is now locked by anna"),
        (JOURNAL, OURS, NOTE, replace(HELD, phase=Phase.TAKING, lock_etag=""), False, State.MINE, "You have the journal checked out"),
        (JOURNAL, None, None, replace(HELD, phase=Phase.TAKING, lock_etag=""), False, State.FREE, "not checked out"),
        (
            replace(JOURNAL, etag="j2"),
            OURS,
            NOTE,
            replace(HELD, phase=Phase.RETURNING),
            True,
            State.MINE,
            "You have the journal checked out",
        ),
        (replace(JOURNAL, etag="j2"), None, None, replace(HELD, phase=Phase.RETURNING), True, State.FREE, "not checked out"),
        (replace(JOURNAL, etag="j2"), OURS, NOTE, replace(HELD, phase=Phase.RETURNING), False, State.CHANGED, "Somebody changed"),
    ],
)
def test_every_state(journal, lock, note, memory, landed, state, said):
    found = judge(journal, lock, note, memory, landed=landed)
    assert found.state is state
    assert said in found.describe()


def test_a_journal_that_is_not_in_the_cloud():
    assert look(None).state is State.NOT_IN_CLOUD
    assert "only on this computer" in look(None).describe()
    with pytest.raises(CustodyError, match="not checked out or in"):
        need(None)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(local=texts, base=texts, purpose=texts, size=st.integers(0, 2**60), phase=st.sampled_from(Phase))
def test_memory_comes_back_as_it_was(tmp_path_factory, local, base, purpose, size, phase):
    file = tmp_path_factory.getbasetemp() / "memory.toml"
    memory = LocalState(phase, local, base, purpose=purpose, sent_size=size, keep=True)
    remembering.save(file, memory)
    assert remembering.load(file) == memory


def test_a_memory_that_cannot_be_read_or_written(tmp_path):
    file = tmp_path / "memory.toml"
    file.write_text("phase = 'nonsense'")
    with pytest.raises(CustodyError, match="Could not read"):
        remembering.load(file)
    with pytest.raises(CustodyError, match="Could not write the note"):
        remembering.save(tmp_path / "gone" / "memory.toml", LocalState())


def test_where_a_journal_lives(tmp_path):
    way_in = Sas("sv=1&sig=verysecret"), Account("acc", "https://acc.blob.core.windows.net/")
    place = Place(PlaceKind.AZURE, "az://box/a/b/journal.db", None, "box", "a/b/journal.db", *way_in)
    parent, name = journal_parent(place)
    assert (parent.prefix, parent.text, name) == ("a/b", "az://box/a/b", "journal.db")
    other = replace(place, credentials=Sas("sv=2&sig=another"), account=Account("acc", "https://ACC.blob.core.windows.net"))
    assert _key(place) == _key(other)
    assert _key(place) != _key(replace(place, container="box2"))
    folder, name = journal_parent(Place(PlaceKind.FOLDER, "x", tmp_path / "share" / "j.db"))
    assert (folder.folder, name) == (tmp_path / "share", "j.db")


# rows that one journal has and another lacks


def test_an_earlier_state_lacks_nothing_and_a_later_one_does(tmp_path):
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    record(old, "a.dcm", "b.dcm")
    new.write_bytes(old.read_bytes())
    record(new, "c.dcm")
    assert (missing_rows(old, new), missing_rows(new, old)) == (0, 1)
    with Journal.open(new) as journal:
        row = next(journal.rows(pending=True))
        journal.commit([Entry(Action.UPLOADED, old_id=row.file_id, uploaded="20260101000000")])
    assert (missing_rows(old, new), missing_rows(new, old)) == (0, 2)
    with Journal.open(new) as journal:
        journal.commit([Entry(Action.CLOSE, old_id=row.file_id)])
    assert (missing_rows(old, new), missing_rows(new, old)) == (0, 2)
    assert missing_rows(tmp_path / "none.db", new) == 0
    assert missing_rows(new, tmp_path / "none.db") == 3


def test_two_that_grew_apart_lack_each_other_s(tmp_path):
    one, two = tmp_path / "one.db", tmp_path / "two.db"
    record(one, "a.dcm")
    record(two, "b.dcm")
    assert (missing_rows(one, two), missing_rows(two, one)) == (1, 1)


# what an interruption leaves: memory, lock and files as a kill would leave them


def test_a_check_out_that_had_only_locked_is_given_back(store, anna):
    store.put(BLOB, journal_bytes("base.dcm"))
    record(anna.local, "base.dcm")
    checkout(anna, ctx())
    held = remembering.load(anna.memory_file)
    remembering.save(anna.memory_file, replace(held, phase=Phase.TAKING, lock_etag="", coming="other", next_base="other"))
    state, offers = recover(anna)
    assert (state.state, offers, store.head(LOCK)) == (State.FREE, [], None)


def test_a_check_out_that_had_swapped_is_held(store, anna):
    store.put(BLOB, journal_bytes("base.dcm"))
    checkout(anna, ctx())
    held = remembering.load(anna.memory_file)
    rows = rows_of(anna.local)
    remembering.save(anna.memory_file, replace(held, phase=Phase.TAKING, lock_etag="", base="", coming=rows, next_base=rows))
    state, offers = recover(anna)
    assert state.state is State.MINE
    assert [offer.choice for offer in offers] == [Choice.GO_ON, Choice.CHECK_IN, Choice.SET_ASIDE]
    assert "still have the journal checked out. Continue" in offers[0].text
    assert remembering.load(anna.memory_file) == held


def test_a_check_out_that_had_not_locked_is_forgotten(store, anna):
    store.put(BLOB, journal_bytes("base.dcm"))
    remembering.save(anna.memory_file, LocalState(Phase.TAKING, str(anna.local), "base", "tok", journal_etag="x"))
    assert recover(anna) == (look(anna), [])
    assert remembering.load(anna.memory_file) == LocalState(local=str(anna.local), base="base")


def returning(home, **changes) -> None:
    """As a kill in the middle of a check-in leaves the memory."""
    memory = remembering.load(home.memory_file)
    remembering.save(home.memory_file, replace(memory, phase=Phase.RETURNING, **changes))


def test_a_check_in_that_had_not_written_is_held(store, anna):
    store.put(BLOB, journal_bytes("base.dcm"))
    checkout(anna, ctx())
    record(anna.local, "new.dcm")
    returning(anna, sent_md5="0" * 32, sent_size=5)
    assert recover(anna)[0].state is State.MINE
    checkin(anna, ctx())
    assert cloud_names(store) == {"base.dcm", "new.dcm"}


@pytest.mark.parametrize("keep", [False, True])
def test_a_check_in_that_had_written_is_ended(store, anna, keep):
    store.put(BLOB, journal_bytes("base.dcm"))
    checkout(anna, ctx())
    record(anna.local, "new.dcm")
    written = store.put(BLOB, journal_bytes("base.dcm", "new.dcm"))
    returning(anna, sent_md5=written.md5, sent_size=written.size, sent_rows=rows_of(anna.local), keep=keep)
    state, offers = recover(anna)
    assert (state.state, bool(offers)) == ((State.MINE, True) if keep else (State.FREE, False))
    assert (store.head(LOCK) is None) == (not keep)
    if not keep:
        checkout(anna, ctx())  # nothing of the local journal is taken for never checked in


def test_a_check_in_that_was_overrun_shows_it(store, anna):
    store.put(BLOB, journal_bytes("base.dcm"))
    checkout(anna, ctx())
    record(anna.local, "new.dcm")
    store.put(BLOB, journal_bytes("theirs.dcm"))
    returning(anna, sent_md5="0" * 32, sent_size=5)
    state, offers = recover(anna)
    assert (state.state, len(offers)) == (State.CHANGED, 2)
    assert names(anna.local) == {"base.dcm", "new.dcm"}


def test_litter_of_an_interrupted_download_goes(store, anna):
    store.put(BLOB, journal_bytes("base.dcm"))
    litter = [anna.local.with_name(".journal.db.cloud"), anna.local.with_name("..journal.db.cloud.123.part")]
    for file in litter:
        file.write_bytes(b"half")
    checkout(anna, ctx())
    assert [file for file in litter if file.exists()] == []


def test_two_people_remember_apart(store, tmp_path: Path):
    store.put(BLOB, journal_bytes("base.dcm"))
    one, two = person(store, tmp_path / "1"), person(store, tmp_path / "2")
    checkout(one, ctx())
    assert (look(one).state, look(two).state) == (State.MINE, State.LOCKED)
