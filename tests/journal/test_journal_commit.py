"""What each action does to the rows, in both schemas."""

import sqlite3

import pytest
from journal_samples import MD5

from chorus_gui.core.errors import Cancelled, JournalChangedError
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Action, Entry

OTHER = "f" * 32


@pytest.fixture(params=[1, 2])
def journal(request, new):
    with Journal.open(new(request.param)) as opened:
        yield opened


def truth(journal):
    """Rows in short: path, mtime, valid, invalid, uploaded, version."""
    return [(r.path, r.mtime_us, r.valid_us, r.invalid_us, r.uploaded, r.version) for r in sorted(journal.rows(), key=lambda r: r.file_id)]


def states(journal):
    if journal.schema == 2:
        return None
    return [s for (s,) in journal._conn.execute("SELECT STATE FROM journal ORDER BY FILE_ID")]


def test_enter_pending_and_uploaded(journal, enter):
    journal.commit([enter("p/a"), enter("p/b", uploaded="20250101101010")], at_us=100)
    assert truth(journal) == [("p/a", 11, 100, None, None, "v1"), ("p/b", 11, 100, None, "20250101101010", "v1")]
    row = journal.row(1)
    assert (row.modality, row.patient_id, row.size, row.md5, row.pending, row.active) == ("Images", "7", 5, MD5, True, True)
    assert journal.schema == 2 or states(journal) == ["ADDED", "ADDED"]


def test_the_moment_is_now_by_default(journal, enter):
    import time

    before = time.time_ns() // 1000
    journal.commit([enter("a")])
    assert before <= journal.row(1).valid_us <= time.time_ns() // 1000


def test_enter_replaces_an_uploaded_row(journal, enter):
    journal.commit([enter("a", uploaded="1")], at_us=100)
    journal.commit([enter("a", old_id=1, mtime_us=12, md5=OTHER, version="v2", uploaded="2", state="UPDATED")], at_us=200)
    assert truth(journal) == [("a", 11, 100, 200, "1", "v1"), ("a", 12, 200, None, "2", "v2")]
    assert journal.schema == 2 or states(journal) == ["OUTDATED", "UPDATED"]


def test_a_row_that_was_never_uploaded_is_deleted_not_closed(journal, enter):
    journal.commit([enter("a"), enter("b"), enter("c")], at_us=100)
    journal.commit(
        [enter("a", old_id=1, mtime_us=12), Entry(Action.REPEAT, old_id=2, mtime_us=13), Entry(Action.CLOSE, old_id=3)], at_us=200
    )
    assert truth(journal) == [("a", 12, 200, None, None, "v1"), ("b", 13, 200, None, None, "v1")]


def test_repeat_of_an_active_row_is_moved(journal, enter):
    journal.commit([enter("a", uploaded="1")], at_us=100)
    journal.commit([Entry(Action.REPEAT, old_id=1, mtime_us=99)], at_us=200)
    assert truth(journal) == [("a", 11, 100, 200, "1", "v1"), ("a", 99, 200, None, "1", "v1")]
    old, moved = journal.row(1), journal.row(2)
    assert (moved.modality, moved.patient_id, moved.size, moved.md5) == (old.modality, old.patient_id, old.size, old.md5)
    assert journal.schema == 2 or states(journal) == ["OUTDATED", "MOVED"]


def test_repeat_of_a_closed_row_is_restored(journal, enter):
    journal.commit([enter("a", uploaded="1")], at_us=100)
    journal.commit([Entry(Action.CLOSE, old_id=1)], at_us=200)
    assert journal.schema == 2 or states(journal) == ["DELETED"]
    journal.commit([Entry(Action.REPEAT, old_id=1, mtime_us=11)], at_us=300)
    assert truth(journal) == [("a", 11, 100, 200, "1", "v1"), ("a", 11, 300, None, "1", "v1")]
    assert journal.schema == 2 or states(journal) == ["DELETED", "MOVED"]
    with pytest.raises(JournalChangedError, match="already has a current entry"):
        journal.commit([Entry(Action.REPEAT, old_id=1, mtime_us=11)])


def test_a_closed_row_that_was_never_uploaded_cannot_be_restored(journal, enter):
    journal.commit([enter("a")], at_us=100)
    journal._conn.execute(f"UPDATE {journal._schema.table} SET TIME_INVALID_us = 5")
    with pytest.raises(JournalChangedError, match="never uploaded"):
        journal.commit([Entry(Action.REPEAT, old_id=1, mtime_us=11)])


def test_close_as_outdated(journal, enter):
    journal.commit([enter("a", uploaded="1")], at_us=100)
    journal.commit([Entry(Action.CLOSE, old_id=1, state="OUTDATED")], at_us=200)
    assert truth(journal) == [("a", 11, 100, 200, "1", "v1")]
    assert journal.schema == 2 or states(journal) == ["OUTDATED"]


def test_uploaded(journal, enter):
    journal.commit([enter("a", md5_seconds=0.5)], at_us=100)
    journal.commit([Entry(Action.UPLOADED, old_id=1, uploaded="20250101101010", upload_seconds=1.5, verify_seconds=2.5)])
    assert truth(journal) == [("a", 11, 100, None, "20250101101010", "v1")]
    if journal.schema == 1:
        durations = journal._conn.execute("SELECT MD5_DURATION, UPLOAD_DURATION, VERIFY_DURATION FROM journal").fetchall()
        assert durations == [(0.5, 1.5, 2.5)]


@pytest.mark.parametrize(
    "entry",
    [
        Entry(Action.ENTER, "Images", "a", size=1, mtime_us=1, md5=MD5, version="v"),
        Entry(Action.ENTER, "Images", "a", size=1, mtime_us=1, md5=MD5, version="v", old_id=2),
        Entry(Action.ENTER, "Images", "a", size=1, mtime_us=1, md5=MD5, version="v", old_id=77),
        Entry(Action.ENTER, "Images", "a", size=1, mtime_us=1, md5=MD5, version="v", old_id=3),
        Entry(Action.CLOSE, old_id=2),
        Entry(Action.CLOSE, old_id=77),
        Entry(Action.REPEAT, old_id=77, mtime_us=1),
        Entry(Action.UPLOADED, old_id=1, uploaded="2"),
        Entry(Action.UPLOADED, old_id=2, uploaded="2"),
        Entry(Action.UPLOADED, old_id=77, uploaded="2"),
    ],
)
def test_guards_take_the_whole_batch_back(journal, enter, entry):
    journal.commit([enter("a", uploaded="1"), enter("b", uploaded="1"), enter("c", uploaded="1")], at_us=100)
    journal.commit([Entry(Action.CLOSE, old_id=2)], at_us=200)
    before, print_ = truth(journal), journal.fingerprint()
    with pytest.raises(JournalChangedError) as caught:
        journal.commit([enter("new/one", version="never"), entry, enter("two")], at_us=300)
    assert "Scan again" in caught.value.remedy
    assert truth(journal) == before
    assert journal.fingerprint() == print_
    journal.commit([enter("new/one"), enter("b")], at_us=400)
    assert len(truth(journal)) == 5


def test_one_batch_cannot_enter_a_path_twice(journal, enter):
    with pytest.raises(JournalChangedError):
        journal.commit([enter("a"), enter("a")])
    journal.commit([enter("a"), enter("a", modality="OMOP")])
    assert len(truth(journal)) == 2


def test_a_path_is_free_again_once_its_row_is_closed(journal, enter):
    journal.commit([enter("a", uploaded="1"), enter("b")])
    journal.commit([Entry(Action.CLOSE, old_id=1), enter("a"), Entry(Action.CLOSE, old_id=2), enter("b")])
    assert [r.path for r in journal.rows(active=True)] == ["a", "b"]


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in two"])
@pytest.mark.parametrize("taking", ["renamed", "restored"])
def test_a_path_that_a_former_entry_took_is_not_free(journal, enter, taking, together):
    """The journal remembers current paths from the first new entry on: what is renamed or restored later counts, too."""
    journal.commit([enter("old", uploaded="1"), enter("b", uploaded="1")], at_us=100)
    journal.commit([Entry(Action.CLOSE, old_id=2)], at_us=150)
    takes = enter("b", old_id=1) if taking == "renamed" else Entry(Action.REPEAT, old_id=2, mtime_us=11)
    if not together:
        journal.commit([takes], at_us=200)
    with pytest.raises(JournalChangedError, match="already has a current entry for “b”"):
        journal.commit([takes, enter("b")] if together else [enter("b")], at_us=300)
    assert [row.path for row in journal.rows(active=True)].count("b") == (0 if together else 1)


@pytest.mark.parametrize("again", ["moved", "replaced"])
def test_a_path_is_free_however_often_its_entry_was_made_again(journal, enter, again):
    journal.commit([enter("a", uploaded="1")], at_us=100)
    for old_id in (1, 2):
        made = Entry(Action.REPEAT, old_id=old_id, mtime_us=old_id) if again == "moved" else enter("a", old_id=old_id, uploaded="1")
        journal.commit([made], at_us=100 + old_id)
    journal.commit([Entry(Action.CLOSE, old_id=3)], at_us=200)
    journal.commit([enter("a")], at_us=300)
    assert [row.file_id for row in journal.rows(active=True)] == [4]


def test_an_error_names_the_entry_and_its_path(journal, enter):
    journal.commit([enter("x/a.dcm", uploaded="1")], at_us=100)
    with pytest.raises(JournalChangedError, match=r"^The journal no longer has the entry 77\. None"):
        journal.commit([Entry(Action.CLOSE, old_id=77)])
    with pytest.raises(JournalChangedError, match=r"^The journal no longer has the entry 77 \(“x/b\.dcm”\)\. None"):
        journal.commit([enter("x/b.dcm", old_id=77)])
    with pytest.raises(JournalChangedError, match=r"^The journal's entry 1 \(“x/a\.dcm”, Images\) is no longer pending\. None"):
        journal.commit([Entry(Action.UPLOADED, old_id=1, uploaded="2")])


def test_two_active_rows_of_other_tools_count_as_two(journal, enter):
    journal.commit([enter("a", uploaded="1")])
    columns = "FILEPATH, MODALITY" if journal.schema == 1 else "SRC_PATH_ID, FILENAME, MODALITY_ID"
    rest = "UPLOAD_DTSTR, VERSION" if journal.schema == 1 else "UPLOAD_DT_ID, VERSION_ID"
    fields = f"{columns}, SRC_MODTIME_us, SIZE, MD5, TIME_VALID_us, {rest}"
    table = journal._schema.table
    journal._conn.execute(f"INSERT INTO {table} ({fields}) SELECT {fields} FROM {table}")
    journal.close()
    with Journal.open(journal.path) as reopened:
        reopened.commit([enter("other"), Entry(Action.CLOSE, old_id=1)])
        with pytest.raises(JournalChangedError, match="already has a current entry"):
            reopened.commit([enter("a")])
        reopened.commit([Entry(Action.CLOSE, old_id=2)])
        reopened.commit([enter("a")])
        assert [r.path for r in reopened.rows(active=True)] == ["a", "other"]


def test_an_error_of_the_caller_takes_the_batch_back(journal, enter):
    def entries():
        yield enter("a")
        raise error

    error: Exception
    for error in (Cancelled(), OSError("the site's disk"), sqlite3.DatabaseError("the caller's own database")):
        with pytest.raises(type(error)) as caught:
            journal.commit(entries())
        assert caught.value is error
    assert truth(journal) == []
    journal.commit([enter("a")])


@pytest.mark.parametrize(
    "entry", [Entry(Action.ENTER, "Images", "a"), Entry(Action.CLOSE), Entry(Action.UPLOADED, old_id=1)], ids=["md5", "row", "time"]
)
def test_a_senseless_entry_is_a_fault_of_ours(journal, enter, entry):
    journal.commit([enter("x")])
    with pytest.raises(ValueError, match=r"without|needs"):
        journal.commit([entry])


def test_nothing_is_nothing(journal):
    before = journal.path.read_bytes()
    journal.commit([])
    assert journal.path.read_bytes() == before


@pytest.mark.parametrize(("patient", "stored"), [("0012", 12), ("1000003", 1000003), ("bad-id!", "bad-id!"), ("a_1", "a_1"), (None, None)])
def test_patient_ids_as_the_other_tools_store_them(journal, enter, patient, stored):
    journal.commit([enter("a", patient_id=patient)])
    assert journal._conn.execute(f"SELECT PERSON_ID FROM {journal._schema.table}").fetchone() == (stored,)
    assert journal.row(1).patient_id == (None if stored is None else str(stored))


@pytest.mark.parametrize("path", ["O'Brien's/Images/it's.dcm", 'a"b/c;--.dcm', "é-ü-日本/%41 &.dcm", "x/ leading", "a\nb", "%_*?[x]/y"])
def test_any_characters(journal, enter, path):
    journal.commit([enter(path, uploaded="1")])
    with pytest.raises(JournalChangedError):
        journal.commit([enter(path)])
    journal.commit([Entry(Action.REPEAT, old_id=1, mtime_us=3)])
    journal.commit([Entry(Action.CLOSE, old_id=2)])
    assert [r.path for r in journal.rows()] == [path, path]


def test_twenty_thousand_rows_in_batches_while_iterating(journal, enter):
    journal.commit(enter(f"{i % 50}/Images/{i}.dcm", size=i) for i in range(20_000))
    batch, seen = [], 0
    for row in journal.rows(pending=True):
        seen += 1
        batch.append(Entry(Action.UPLOADED, old_id=row.file_id, uploaded="20250101101010"))
        if len(batch) == 1000:
            journal.commit(batch)
            batch = []
    assert seen == 20_000
    (count,) = journal.counts()
    assert (count.active, count.pending, count.active_bytes, count.closed) == (20_000, 0, sum(range(20_000)), 0)
    assert count.last_upload == "20250101101010"


def test_rows_that_fit_no_longer_are_left_out(journal, enter):
    journal.commit(enter(f"{i:05}") for i in range(5000))
    rows = journal.rows(pending=True)
    next(rows)
    journal.commit([Entry(Action.UPLOADED, old_id=4000, uploaded="1"), Entry(Action.CLOSE, old_id=4500)])
    assert len(list(rows)) == 5000 - 1 - 2


def test_filters(journal, enter):
    journal.commit([enter("a", uploaded="1"), enter("b", version="v2"), enter("c", modality="OMOP"), enter("d", uploaded="1")])
    journal.commit([Entry(Action.CLOSE, old_id=4)])

    def names(**filters):
        return "".join(r.path for r in journal.rows(**filters))

    assert names() == "adcb"
    assert names(modalities=["Images"]) == "adb"
    assert names(modalities=[]) == ""
    assert names(version="v2") == "b"
    assert (names(active=True), names(active=False)) == ("acb", "d")
    assert (names(pending=True), names(pending=False)) == ("cb", "ad")
    assert (names(uploaded=True), names(uploaded=False)) == ("ad", "cb")
    assert names(limit=2) == "ad"
    assert names(active=True, uploaded=True, version="v1", modalities={"Images", "OMOP"}) == "a"
    assert (journal.versions(), journal.last_version()) == (["v1", "v2"], "v2")


def test_the_fingerprint_tells_rows_and_nothing_else(journal, enter):
    prints = [journal.fingerprint()]

    def changed():
        prints.append(journal.fingerprint())
        return len(set(prints)) == len(prints)

    journal.commit([enter("a"), enter("b")])
    assert changed()
    journal.commit([Entry(Action.UPLOADED, old_id=1, uploaded="20250101101010")])
    assert changed()
    journal.commit([Entry(Action.CLOSE, old_id=2)])
    assert changed()
    journal.commit([Entry(Action.CLOSE, old_id=1)])
    assert changed()
    journal.commit([Entry(Action.REPEAT, old_id=1, mtime_us=4)])
    assert changed()
    journal.end_command(journal.begin_command("journal update", "", common="", src_paths={}, dest=None), 1.0)
    assert journal.fingerprint() == prints[-1]


def test_any_thread_may_use_it(journal, enter):
    import threading

    journal.commit(enter(str(i)) for i in range(3000))
    errors = []

    def upload(first):
        try:
            for i in range(first, 3001, 4):
                journal.commit([Entry(Action.UPLOADED, old_id=i, uploaded="1")])
        except Exception as error:
            errors.append(error)

    journal._conn.execute("PRAGMA synchronous = OFF")  # the disk is not what is tested
    threads = [threading.Thread(target=upload, args=(i,)) for i in range(2901, 2905)]
    for thread in threads:
        thread.start()
    read = [len(list(journal.rows())) for _ in range(5)]
    for thread in threads:
        thread.join()
    assert (errors, set(read)) == ([], {3000})
    assert len(list(journal.rows(uploaded=True))) == 100
