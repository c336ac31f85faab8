"""The rules behind check-out and check-in: whose lock it is, what is remembered, what one journal has that another lacks."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from custodyworld import BLOB, LOCK, ctx, entry, journal_bytes, person, record, record_uploaded
from memorystore import MemoryStore

from chorus_gui.core.custody import local_state as remembering
from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.checkout import checkout, refuse, remedy_of_lock
from chorus_gui.core.custody.cloud_journal import CloudJournal
from chorus_gui.core.custody.local_state import LocalState, Phase
from chorus_gui.core.custody.lock import LockNote, read_note, release, take
from chorus_gui.core.custody.recover import Choice, offers, was_interrupted
from chorus_gui.core.custody.sides import Side, Sides, beside, cached_copy, compare, is_empty, missing_rows, rows_of, side, unsaved
from chorus_gui.core.custody.state import CustodyState, State, holds, look, moment, moment_of
from chorus_gui.core.custody.unlock import consequences, sent_again
from chorus_gui.core.errors import ConditionError, CustodyError, JournalForeignError, LockedError
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Action, Entry
from chorus_gui.core.shown import argument
from chorus_gui.core.storage.base import BlobInfo, Condition
from chorus_gui.core.storage.digests import md5_of

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

# --- whose lock it is -----------------------------------------------------------------------------------------------------

NOTE = LockNote("anna", "PC-1", "2026-01-02T03:04:05+00:00", "0.1", "j1", "token")
FIELDS = {name: getattr(NOTE, name) for name in LockNote.__slots__}


@pytest.mark.parametrize("readable", [False, True])
@pytest.mark.parametrize(
    ("text", "metadata", "ours"),
    [
        pytest.param(b"", FIELDS, True, id="a note in the metadata"),
        pytest.param(b"", None, False, id="no metadata"),
        pytest.param(b"", {**FIELDS, "token": ""}, False, id="no token"),
        pytest.param(json.dumps(FIELDS).encode(), None, None, id="a note as text"),
        pytest.param(json.dumps({"token": "token"}).encode(), None, None, id="a note that says little"),
        pytest.param(json.dumps({**FIELDS, "token": ""}).encode(), None, False, id="a text without a token"),
        pytest.param(json.dumps([FIELDS]).encode(), None, False, id="another text"),
        pytest.param(b"SQLite format 3\0" * 300, FIELDS, False, id="a journal"),
        pytest.param(b" " * 5000 + json.dumps(FIELDS).encode(), None, False, id="a long text"),
        pytest.param(b"{", None, False, id="a broken text"),
    ],
)
def test_which_lock_has_a_note_of_this_program(
    store: MemoryStore, tmp_path: Path, text: bytes, metadata: dict[str, str] | None, ours: bool | None, readable: bool
) -> None:
    """A text counts only where a lock cannot have metadata: on a share."""
    home = person(store, tmp_path / "anna", readable=readable)
    store.put(LOCK, text, metadata=metadata)
    lock = store.head(LOCK)
    assert lock is not None
    found = read_note(home, lock)
    assert (found is not None) is (readable if ours is None else ours)
    if found is not None:
        assert found.token == "token"
        assert found.who in ("anna", "")


@pytest.mark.parametrize("readable", [False, True])
def test_a_lock_is_taken_once_and_removed_only_by_whom_it_belongs_to(store: MemoryStore, tmp_path: Path, readable: bool) -> None:
    home = person(store, tmp_path / "anna", readable=readable)
    lock = take(home, NOTE)
    found = store.head(LOCK)
    assert found is not None
    assert read_note(home, found) == NOTE
    assert bool(found.size) is readable
    with pytest.raises(ConditionError):
        take(home, replace(NOTE, token="other"))
    again = take(home, replace(NOTE, token="other"), Condition(etag=lock.etag))
    assert not release(home, lock.etag), "it is another one by now"
    assert store.head(LOCK) is not None
    assert release(home, again.etag)
    assert not release(home, again.etag), "it is gone"


OURS = BlobInfo(LOCK, 0, None, "l1", 1_700_000_000_000_000)
JOURNAL = BlobInfo(BLOB, 100, "m", "j1", 1_700_000_000_000_000)
HELD = LocalState(Phase.HELD, "/x/journal.db", "rows", "token", "l1", "j1", NOTE.since)
FOREIGN = replace(OURS, size=9)


@pytest.mark.parametrize(
    ("journal", "lock", "note", "content"),
    [
        (JOURNAL, None, None, JOURNAL),
        (JOURNAL, FOREIGN, None, JOURNAL),
        (None, FOREIGN, None, FOREIGN),
        (None, OURS, None, None),
        (None, FOREIGN, NOTE, None),
        (None, None, None, None),
    ],
)
def test_where_the_journal_is(journal: BlobInfo | None, lock: BlobInfo | None, note: LockNote | None, content: BlobInfo | None) -> None:
    """In another tool's lock, if it is nowhere else; never in one of this program's."""
    assert CustodyState(State.FOREIGN, journal, lock, note).content is content


@pytest.mark.parametrize(
    ("memory", "note", "own"),
    [
        (HELD, NOTE, True),
        (HELD, None, False),
        (HELD, replace(NOTE, token="other"), False),
        (HELD.freed(), NOTE, False),
        (replace(HELD, phase=Phase.TAKING), NOTE, True),
    ],
)
def test_whether_a_lock_is_this_computers(memory: LocalState, note: LockNote | None, own: bool) -> None:
    state = CustodyState(State.LOCKED, JOURNAL, OURS, note, memory)
    assert state.own_lock is own
    assert (state.local is None) is (memory.phase is Phase.FREE)


@pytest.mark.parametrize(
    ("journal", "note", "damaged"),
    [
        (replace(JOURNAL, size=0), replace(NOTE, journal_etag="other"), True),
        (replace(JOURNAL, size=0), NOTE, False),
        (replace(JOURNAL, size=0), replace(NOTE, journal_etag=""), False),
        (replace(JOURNAL, size=0), None, False),
        (JOURNAL, replace(NOTE, journal_etag="other"), False),
        (None, replace(NOTE, journal_etag="other"), False),
    ],
)
def test_a_lock_shows_that_a_journal_without_bytes_had_some(journal: BlobInfo | None, note: LockNote | None, damaged: bool) -> None:
    assert bool(CustodyState(State.LOCKED, journal, OURS, note).damage) is damaged


@pytest.mark.parametrize(
    ("journal", "lock", "memory", "removed"),
    [(None, None, HELD, True), (None, None, LocalState(), False), (JOURNAL, None, HELD, False), (None, OURS, HELD, False)],
)
def test_a_journal_was_removed_if_this_computer_has_used_one(
    journal: BlobInfo | None, lock: BlobInfo | None, memory: LocalState, removed: bool
) -> None:
    assert CustodyState(State.NEW, journal, lock, None, memory).removed is removed


def test_since_when_it_is_locked_is_the_notes_time_else_the_locks() -> None:
    state = CustodyState(State.LOCKED, JOURNAL, OURS, NOTE)
    assert state.since == AT
    assert moment(replace(state, note=replace(NOTE, since="yesterday")).since) == "2023-11-14 22:13 UTC"
    assert moment(replace(state, note=None, lock=replace(OURS, modified_us=0)).since) == "an unknown time"
    assert replace(state, note=None, lock=None).since is None
    assert moment_of(JOURNAL) == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert moment_of(replace(JOURNAL, modified_us=0)) is None
    assert moment_of(None) is None


@pytest.mark.parametrize("state", State)
def test_who_may_check_out(state: State) -> None:
    lock = None if state in (State.FREE, State.NEW, State.NOT_IN_CLOUD) else OURS
    custody = CustodyState(state, JOURNAL, lock, NOTE if state is not State.FOREIGN else None, HELD, "It was changed.")
    if lock is None:
        refuse(custody)
        return
    with pytest.raises(CustodyError) as raised:
        refuse(custody)
    assert isinstance(raised.value, LockedError) is (state is not State.MINE)
    remedies = {
        State.MINE: "Continue working",
        State.CHANGED: "Compare both journals",
        State.LOCKED: "Ask anna to check it in",
        State.FOREIGN: "adopt --local-journal F",
    }
    assert remedies[state] in raised.value.remedy


def test_the_remedy_names_the_file_that_a_person_may_continue_with() -> None:
    foreign = CustodyState(State.FOREIGN, JOURNAL, FOREIGN)
    assert argument("my journal.db") in remedy_of_lock(foreign, "my journal.db")
    assert "Ask that person" in remedy_of_lock(CustodyState(State.LOCKED, JOURNAL, OURS, replace(NOTE, who="")))


@pytest.mark.parametrize(
    ("state", "says"),
    [
        pytest.param(CustodyState(State.FREE, JOURNAL), [], id="no lock"),
        pytest.param(CustodyState(State.MINE, JOURNAL, OURS, NOTE, HELD), ["stays in “/x/journal.db”"], id="one's own"),
        pytest.param(CustodyState(State.LOCKED, JOURNAL, OURS, NOTE), ["anna can no longer check in"], id="a colleague's"),
        pytest.param(CustodyState(State.LOCKED, JOURNAL, OURS, replace(NOTE, who="")), ["Whoever checked it out"], id="somebody's"),
        pytest.param(CustodyState(State.FOREIGN, JOURNAL, OURS), ["overwrites the cloud journal"], id="another tool's"),
        pytest.param(
            CustodyState(State.LOCKED, replace(JOURNAL, etag="j2"), OURS, NOTE),
            ["anna can", "was changed after this check-out"],
            id="changed since",
        ),
        pytest.param(
            CustodyState(State.LOCKED, replace(JOURNAL, etag="j2"), OURS, replace(NOTE, journal_etag="")),
            ["anna can"],
            id="there was none then",
        ),
        pytest.param(
            CustodyState(State.LOCKED, replace(JOURNAL, etag="j2", size=0), OURS, NOTE),
            ["anna can", "The cloud journal is damaged"],
            id="damaged",
        ),
        pytest.param(CustodyState(State.LOCKED, None, OURS, NOTE), ["anna can", "There is no journal in the cloud"], id="gone"),
        pytest.param(CustodyState(State.FOREIGN, None, FOREIGN), ["overwrites"], id="in the lock itself"),
    ],
)
def test_what_can_go_wrong_if_a_lock_is_removed(state: CustodyState, says: list[str]) -> None:
    said = consequences(state)
    assert len(said) == len(says)
    for sentence, words in zip(said, says, strict=True):
        assert words in sentence


@pytest.mark.parametrize(
    ("state", "choices"),
    [
        (State.MINE, [Choice.GO_ON, Choice.CHECK_IN, Choice.SET_ASIDE]),
        (State.CHANGED, [Choice.TAKE_OVER, Choice.SET_ASIDE]),
        (State.FREE, []),
        (State.LOCKED, []),
        (State.FOREIGN, []),
    ],
)
def test_what_a_person_can_decide(state: State, choices: list[Choice]) -> None:
    automatic = CustodyState(state, JOURNAL, OURS, NOTE, replace(HELD, automatic=True, purpose="submit"))
    assert [offer.choice for offer in offers(automatic)] == choices
    if state is State.MINE:
        assert "for “submit”" in offers(automatic)[0].text
        assert "for “" not in offers(replace(automatic, memory=replace(HELD, purpose="journal checkout")))[0].text


@pytest.mark.parametrize(
    ("memory", "interrupted"),
    [
        (LocalState(), False),
        (HELD, False),
        (replace(HELD, automatic=True), True),
        (replace(HELD, phase=Phase.TAKING), True),
        (replace(HELD, phase=Phase.RETURNING), True),
        (replace(LocalState(), automatic=True), False),
    ],
)
def test_what_counts_as_an_interrupted_step(anna: CloudJournal, memory: LocalState, interrupted: bool) -> None:
    remembering.save(anna.memory_file, memory)
    assert was_interrupted(anna) is interrupted


# --- what is remembered ---------------------------------------------------------------------------------------------------

FULL = LocalState(
    Phase.RETURNING, "/x/j.db", "base", "token", "l1", "j1", "since", "submit", True, "coming", "next", "md5", 9, "rows", True
)


def test_after_a_check_in_or_a_given_up_check_out_only_the_last_equal_state_is_known() -> None:
    assert FULL.freed() == LocalState(local="/x/j.db", base="base", journal_etag="j1")
    assert replace(FULL, phase=Phase.TAKING).freed() == LocalState(local="/x/j.db", base="base"), "what it was going to take is not known"


def test_a_check_out_that_is_held_has_nothing_on_its_way() -> None:
    assert FULL.held() == LocalState(Phase.HELD, "/x/j.db", "base", "token", "l1", "j1", "since", "submit", True)


def test_what_was_equal_is_known_of_one_file_alone() -> None:
    here = replace(FULL, local=str(Path("/x/j.db")))  # Windows writes it with backslashes
    assert here.base_of(Path("/x/j.db")) == "base"
    assert here.base_of(Path("/x/other.db")) == ""


@pytest.mark.parametrize("text", ["", "phase = 'nonsense'\n", "local = 'x'\n", "phase = 3\n", "phase = ['held']\n", "\0"])
def test_a_note_about_a_check_out_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path, text: str) -> None:
    """Otherwise a journal that is checked out here would count as free."""
    file = tmp_path / "memory.toml"
    assert remembering.load(file) == LocalState()
    file.write_text(text)
    with pytest.raises(CustodyError) as raised:
        remembering.load(file)
    assert "Move that file away" in raised.value.remedy


# --- two journals ---------------------------------------------------------------------------------------------------------


def change(file: Path, action: Action, path: str, **other: Any) -> None:
    with Journal.open(file) as journal:
        (row,) = [row for row in journal.rows() if row.path == path]
        journal.commit([Entry(action, old_id=row.file_id, **other)])


@pytest.mark.parametrize(
    ("step", "lacks", "lacked"),
    [
        pytest.param(lambda old, new: None, 0, 0, id="the same"),
        pytest.param(lambda old, new: record(new, "c.dcm"), 0, 1, id="a file more"),
        pytest.param(lambda old, new: change(new, Action.UPLOADED, "a.dcm", uploaded="20260101000000"), 0, 1, id="uploaded"),
        pytest.param(lambda old, new: change(new, Action.CLOSE, "sent.dcm"), 0, 1, id="deleted after it was uploaded"),
        pytest.param(lambda old, new: change(new, Action.CLOSE, "a.dcm"), 1, 0, id="closed before it was uploaded: it is removed"),
        pytest.param(lambda old, new: change(old, Action.CLOSE, "a.dcm"), 0, 1, id="only the old one has it closed"),
        pytest.param(lambda old, new: change(old, Action.CLOSE, "sent.dcm"), 1, 0, id="a deletion that the new one lacks"),
        pytest.param(lambda old, new: record(new, "b.dcm", at_us=1), 0, 1, id="an entry of the same file"),
    ],
)
def test_what_one_journal_has_that_another_lacks(tmp_path: Path, step: Any, lacks: int, lacked: int) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    record(old, "a.dcm")
    record_uploaded(old, "sent.dcm")
    new.write_bytes(old.read_bytes())
    step(old, new)
    assert (missing_rows(old, new), missing_rows(new, old)) == (lacks, lacked)


@pytest.mark.parametrize("what", ["missing", "empty"])
def test_a_journal_without_entries_lacks_all_and_nothing_lacks_it(tmp_path: Path, what: str) -> None:
    some, none = tmp_path / "some.db", tmp_path / "none.db"
    record(some, "a.dcm", "b.dcm")
    if what == "empty":
        none.write_bytes(journal_bytes())
    assert is_empty(none)
    assert not is_empty(some)
    assert (missing_rows(none, some), missing_rows(some, none)) == (0, 2)


@pytest.mark.parametrize(
    ("local", "base", "cloud", "unsaved_entries"),
    [
        pytest.param(None, "", None, False, id="no file"),
        pytest.param(("a",), "rows", None, False, id="as it was checked in"),
        pytest.param(("a",), "", None, True, id="unknown, and the cloud journal was not fetched"),
        pytest.param(("a",), "", ("a",), False, id="unknown, and the cloud journal has it all"),
        pytest.param(("a", "b"), "", ("a",), True, id="the cloud journal lacks an entry"),
        pytest.param(("a",), "of another file", None, True, id="what is known is of another file"),
        pytest.param((), "", None, False, id="without entries"),
    ],
)
def test_when_a_local_journal_has_entries_that_were_never_checked_in(
    tmp_path: Path, local: tuple[str, ...] | None, base: str, cloud: tuple[str, ...] | None, unsaved_entries: bool
) -> None:
    file, copy = tmp_path / "journal.db", tmp_path / "cloud.db"
    memory = LocalState(local=str(file))
    if local is not None:
        file.write_bytes(journal_bytes(*local))
        if base:
            memory = replace(memory, base=rows_of(file), local=str(file if base == "rows" else tmp_path / "other.db"))
    if cloud is not None:
        copy.write_bytes(journal_bytes(*cloud))
        if local and set(local) - set(cloud):
            file.write_bytes(copy.read_bytes())
            record(file, *sorted(set(local) - set(cloud)))
    assert unsaved(file, memory, copy if cloud is not None else None) is unsaved_entries


def test_a_damaged_local_journal_has_nothing_to_check_in_but_another_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    data = journal_bytes("a")
    file.write_bytes(data[:3000])
    assert not unsaved(file, LocalState(), None)
    file.unlink()
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("CREATE TABLE something_else (a)")
    with pytest.raises(JournalForeignError):
        unsaved(file, LocalState(), None)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Side("Here", False), "Here: there is no journal."),
        (Side("Here", True, 1200, AT), "Here: a file of 1,200 bytes, changed 2026-01-02 03:04 UTC, that cannot be read as a journal."),
        (Side("Here", True, 9, None, 2), "Here: 0 files (0 not uploaded), no version yet, format 2, changed an unknown time."),
        (
            Side("Here", True, 9, AT, 2, 1, 1, ("v1",)),
            "Here: 1 file (1 not uploaded), 1 version, the last v1, format 2, changed 2026-01-02 03:04 UTC.",
        ),
        (
            Side("Here", True, 9, AT, 1, 1100, 2, ("v1", "v2")),
            "Here: 1,100 files (2 not uploaded), 2 versions, the last v2, format 1, changed 2026-01-02 03:04 UTC.",
        ),
    ],
)
def test_what_people_read_of_one_side(found: Side, said: str) -> None:
    assert found.describe() == said


@pytest.mark.parametrize(
    ("mine", "theirs", "said"),
    [
        (1, 0, "1 entry is only in the local journal, 0 only in the cloud journal."),
        (2, 1100, "2 entries are only in the local journal, 1,100 only in the cloud journal."),
        (None, None, ""),
    ],
)
def test_what_people_read_of_both_sides(mine: int | None, theirs: int | None, said: str) -> None:
    sides = Sides(Side("Here", False), Side("There", False), mine, theirs, CustodyState(State.FREE))
    assert sides.describe() == f"Here: there is no journal. There: there is no journal. {said}".strip()


@pytest.mark.parametrize("local", ["missing", "damaged", "there"])
@pytest.mark.parametrize("cloud", ["missing", "damaged", "there"])
def test_both_sides_are_counted_if_both_can_be_read(store: MemoryStore, anna: CloudJournal, local: str, cloud: str) -> None:
    contents = {"damaged": b"damaged" * 99, "there": journal_bytes("a", "b") if local == cloud else journal_bytes("a")}
    if local != "missing":
        anna.local.write_bytes(contents[local])
    if cloud != "missing":
        store.put(BLOB, contents[cloud])
    sides = compare(anna, anna.local, look(anna), ctx())
    count = {"missing": 0, "there": 2 if local == cloud else 1}
    if "damaged" in (local, cloud):
        assert (sides.only_local, sides.only_cloud) == (None, None)
    else:
        assert (sides.only_local, sides.only_cloud) == ((0, 0) if local == cloud else (count[local], count[cloud]))
    assert (sides.local.there, sides.cloud.there) == (local != "missing", cloud != "missing")
    assert sorted(path.name for path in anna.local.parent.iterdir() if path.name.startswith(".")) == [], "the download is removed"
    if cloud != "missing":
        assert sides.cloud.changed is not None


def test_a_side_has_the_time_of_its_file_or_of_its_blob(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    record(file, "a.dcm")
    here = side("Here", file)
    assert here.changed is not None
    assert abs(here.changed.timestamp() - file.stat().st_mtime) < 1e-3
    assert side("There", file, int(AT.timestamp() * 1e6)).changed == AT
    assert side("There", file, 0).changed == datetime(1970, 1, 1, tzinfo=UTC)


def test_the_copy_to_read_is_fetched_once_for_each_version(store: MemoryStore, anna: CloudJournal) -> None:
    store.put(BLOB, journal_bytes("a"))
    first = cached_copy(anna, look(anna), ctx())
    first.write_bytes(first.read_bytes() + b"mark")
    assert cached_copy(anna, look(anna), ctx()) == first
    assert first.read_bytes().endswith(b"mark"), "it is not fetched again"
    store.put(BLOB, journal_bytes("b"))
    second = cached_copy(anna, look(anna), ctx())
    assert second != first
    assert not first.exists(), "older copies go"
    assert second.read_bytes() == journal_bytes("b")


def test_what_an_interrupted_program_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    local = tmp_path / "journal.db"
    litter = [tmp_path / name for name in (".journal.db.cloud", "..journal.db.cloud.1.part")]
    others_ = [tmp_path / name for name in ("journal.db", ".journal.db.compare", "..journal.db.compare.1.part", ".other.db.cloud")]
    for file in (*litter, *others_):
        file.write_bytes(b"x")
    assert beside(local, "cloud") == litter[0]
    assert [file.exists() for file in (*litter, *others_)] == [False, False, True, True, True, True]


@pytest.mark.parametrize(
    ("size", "digest", "there", "same"),
    [(3, "right", True, True), (4, "right", True, False), (3, "other", True, False), (3, "right", False, False)],
)
@pytest.mark.parametrize("property_kept", [True, False])
def test_a_blob_is_the_file_if_its_size_and_content_are(
    store: MemoryStore, anna: CloudJournal, size: int, digest: str, there: bool, same: bool, property_kept: bool
) -> None:
    """Where the store keeps no MD5, the blob is read."""
    info = store.put(BLOB, b"abc")
    seen = info if property_kept else replace(info, md5=None)
    md5 = md5_of(b"abc").hexdigest() if digest == "right" else "0" * 32
    assert holds(anna, seen if there else None, md5, size, ctx()) is same


def test_a_blob_that_is_replaced_while_it_is_read_is_not_the_file(store: MemoryStore, anna: CloudJournal) -> None:
    info = replace(store.put(BLOB, b"abc"), md5=None)
    store.put(BLOB, b"abd")
    assert not holds(anna, info, md5_of(b"abc").hexdigest(), 3, ctx())
    store.delete(BLOB)
    assert not holds(anna, info, md5_of(b"abc").hexdigest(), 3, ctx())


def test_what_a_submission_would_send_again_after_the_local_journal_is_set_aside(store: MemoryStore, anna: CloudJournal) -> None:
    """Current, uploaded entries that the cloud journal does not have as uploaded, by path, size and time."""
    store.put(BLOB, journal_bytes("base.dcm"))
    checkout(anna, ctx())
    record_uploaded(anna.local, "sent.dcm")
    record(anna.local, "only recorded.dcm")
    assert [row.path for row in sent_again(anna, ctx())] == ["sent.dcm"]
    checkin(anna, ctx())
    assert sent_again(anna, ctx()) == []
    checkout(anna, ctx())
    with Journal.open(anna.local) as journal:
        journal.commit([replace(entry("sent.dcm"), path="other size.dcm", size=6, uploaded="20260101000000")])
    assert [row.path for row in sent_again(anna, ctx())] == ["other size.dcm"]
    record_uploaded(anna.local, "deleted.dcm")
    change(anna.local, Action.CLOSE, "deleted.dcm")
    assert [row.path for row in sent_again(anna, ctx())] == ["other size.dcm"], "what was deleted is not sent"
    store.delete(BLOB)
    assert sorted(row.path for row in sent_again(anna, ctx())) == ["other size.dcm", "sent.dcm"], "without a cloud journal, all of it"
    anna.local.unlink()
    assert sent_again(anna, ctx()) == []
