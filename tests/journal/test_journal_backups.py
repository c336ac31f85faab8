"""Kept copies, restore, upgrade, undo."""

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from chorus_gui.core.errors import (
    Cancelled,
    JournalBusyError,
    JournalDamagedError,
    JournalError,
    JournalMissingError,
    UsageError,
)
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal import backups
from chorus_gui.core.journal.backups import keep, listing, restore
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.journal.upgrade import upgrade
from chorus_gui.core.model import Action, Entry


def test_a_writer_keeps_one_copy_before_its_first_change(sample, enter, dump):
    path = sample(2, "update_2")
    before = dump(path)
    with Journal.open(path) as journal:
        assert listing(path) == []
        journal.begin_command("journal update", "", common="", src_paths={}, dest=None)
        journal.commit([enter("x")])
        journal.commit([enter("y")])
    (kept,) = listing(path)
    assert dump(kept.path) == before
    assert (kept.schema, kept.active, kept.pending, kept.versions, kept.readable) == (
        2,
        15,
        4,
        ("20250101000000", "20250102000000"),
        True,
    )
    assert kept.path.parent.name == "journal.db.backups"
    assert kept.path.name.startswith("journal-2")


def test_the_last_version_of_a_copy_is_the_one_that_was_begun_last(tmp_path, enter):
    """Whatever its name is: "v5" is after every date in the alphabet."""
    path = tmp_path / "journal.db"
    with Journal.open(path, create=True) as journal:
        journal.commit([replace(enter("x"), version="v5")], at_us=1_700_000_000_000_000)
        journal.commit([replace(enter("y"), version="20260101000000")], at_us=1_800_000_000_000_000)
        last = journal.last_version()
    keep(path)
    (kept,) = listing(path)
    assert kept.versions == ("v5", "20260101000000")
    assert kept.versions[-1] == last


def test_equal_content_is_kept_once(sample, enter):
    path = sample(1, "update_2")
    assert keep(path) is not None
    assert keep(path) is None
    with Journal.open(path) as journal:
        journal.commit([enter("x")])
    assert len(listing(path)) == 1
    assert keep(path) is not None
    assert len(listing(path)) == 2


def test_the_last_ten_stay(sample, enter, dump):
    path = sample(2, "upload_1")
    for i in range(13):
        with Journal.open(path) as journal:
            journal.commit([enter(f"f/{i}")])
    kept = listing(path)
    assert len(kept) == 10
    assert [b.active for b in kept] == [15 + 12 - i for i in range(10)]


def test_no_copy_no_change(sample, enter, dump):
    path = sample(2, "upload_1")
    path.with_name("journal.db.backups").write_text("in the way")
    before = dump(path)
    with Journal.open(path) as journal, pytest.raises(JournalError):
        journal.commit([enter("x")])
    assert dump(path) == before


def test_restore(sample, enter, dump):
    path = sample(2, "upload_1")
    before = dump(path)
    with Journal.open(path) as journal:
        journal.commit([enter("x")])
        with pytest.raises(JournalBusyError):
            restore(path, listing(path)[0].path)
    after = dump(path)
    kept = restore(path, listing(path)[0].path)
    assert dump(path) == before
    assert kept is not None
    assert dump(kept) == after
    assert restore(path, kept) is not None
    assert dump(path) == after


def test_restore_over_a_damaged_journal(sample, tmp_path, dump):
    path = sample(1, "upload_1")
    before = dump(path)
    good = keep(path)
    assert good is not None
    path.write_bytes(b"ruined" * 1000)
    path.with_name("journal.db-wal").write_bytes(b"left over")
    kept = restore(path, good)
    assert kept is not None
    assert kept.suffix == ".damaged"
    assert kept.read_bytes() == b"ruined" * 1000
    assert kept.with_name(kept.name + "-wal").read_bytes() == b"left over"
    assert not path.with_name("journal.db-wal").exists()
    assert dump(path) == before
    assert [(b.readable, b.path.suffix) for b in listing(path)].count((False, ".damaged")) == 1


def test_restore_where_nothing_is_left(sample, dump):
    path = sample(1, "upload_1")
    before = dump(path)
    good = keep(path)
    assert good is not None
    path.unlink()
    assert restore(path, good) is None
    assert dump(path) == before


def test_restore_refuses_what_is_no_sound_journal(sample, tmp_path, dump):
    path = sample(2, "upload_1")
    before = path.read_bytes()
    bad = tmp_path / "bad.db"
    bad.write_bytes(b"x" * 5000)
    with pytest.raises(JournalDamagedError):
        restore(path, bad)
    with pytest.raises(JournalMissingError):
        restore(path, tmp_path / "none.db")
    content = bytearray(before)
    page = next(i for i in range(0, len(content), 4096) if b"person.csv" in content[i : i + 4096])
    content[page : page + 200] = b"\xff" * 200
    bad.write_bytes(content)
    with pytest.raises(JournalDamagedError):
        restore(path, bad)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir() if "inuse" not in p.name) == ["bad.db", "journal.db"]


def test_listing_shows_what_cannot_be_read(sample, tmp_path):
    path = sample(2, "upload_1")
    good = keep(path)
    assert good is not None
    shutil.copy(good, backups.folder(path) / "journal-20200101000000.db")
    (backups.folder(path) / "journal-20210101000000.db").write_bytes(b"x" * 4000)
    (backups.folder(path) / "notes.txt").write_text("mine")
    assert [(b.readable, b.at.year) for b in listing(path)][1:] == [(False, 2021), (True, 2020)]


def test_a_name_with_digits_that_are_no_moment_stops_nothing(sample):
    """Somebody can rename a copy: the list of all copies, and a journal that is set aside, ended with an error of the program."""
    path = sample(2, "upload_1")
    good = keep(path)
    assert good is not None
    odd = backups.folder(path) / "journal-99999999999999.db"
    shutil.copy(good, odd)
    assert [copy.readable for copy in listing(path) if copy.path == odd] == [True]
    newest = backups.newest(path)
    assert newest is not None
    assert newest.strftime("%Y%m%d%H%M%S") in good.name


@pytest.mark.parametrize("step", ["update_1", "upload_1", "update_2", "upload_2"])
def test_upgrade_of_the_samples(sample, dump, step):
    path = sample(1, step)
    old = dump(path)
    with Journal.open(path, readonly=True) as journal:
        rows, commands, counts = list(journal.rows()), journal.history(), journal.counts()
    report = upgrade(path, ctx=JobContext())
    with Journal.open(path) as journal:
        assert journal.schema == 2
        assert (list(journal.rows()), journal.history(), journal.counts()) == (rows, commands, counts)
        assert journal.check() == []
    assert (report.rows, report.commands) == (len(rows), len(commands))
    assert (report.active, report.pending) == (sum(r.active for r in rows), sum(r.pending for r in rows))
    assert [f.kind for f in report.findings] == ["lost"]
    assert dump(report.kept) == old
    assert report.kept.name.startswith("journal.v1-")
    new = dump(path)
    assert [r[1] for r in new["journal_v2"]] == [r[1] for r in old["journal"]]
    assert {type(r[7]) for r in new["command_history_v2"]} == {float}
    assert {r[6] for r in new["command_history_v2"]} <= {"None", "az://up24/"}
    with pytest.raises(UsageError, match="already"):
        upgrade(path, ctx=JobContext())


def test_an_upgraded_journal_equals_a_new_one(sample, tmp_path):
    path = sample(1, "upload_2")
    upgrade(path, ctx=JobContext())
    with Journal.open(tmp_path / "new.db", create=True):
        pass
    sql = "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master"
    with closing(sqlite3.connect(path)) as one, closing(sqlite3.connect(tmp_path / "new.db")) as other:
        assert one.execute(sql).fetchall() == other.execute(sql).fetchall()
    assert path.read_bytes()[18:20] == b"\x01\x01"


def test_the_upgraded_file_is_never_removed(sample, enter):
    path = sample(1, "upload_1")
    kept = upgrade(path, ctx=JobContext()).kept
    for i in range(12):
        with Journal.open(path) as journal:
            journal.commit([enter(f"f/{i}")])
    assert kept in [b.path for b in listing(path)]
    assert len(listing(path)) == 11
    restore(path, kept)
    with Journal.open(path) as journal:
        assert journal.schema == 1


DIRT = (
    "INSERT INTO journal (FILEPATH, MODALITY, SIZE, MD5, TIME_VALID_us, VERSION, STATE) VALUES ('d/twice', 'Images', 1, NULL, 5, 'v', 'ADDED')",
    "INSERT INTO journal (FILEPATH, MODALITY, SIZE, MD5, TIME_VALID_us, VERSION) VALUES ('d/twice', 'Images', 1, 'e4d9-12', 6, 'v')",
    "INSERT INTO journal (FILEPATH, MODALITY, SIZE, MD5, TIME_VALID_us, VERSION) VALUES ('d/gone', 'Images', -1, '', 5, 'v')",
    "UPDATE journal SET TIME_INVALID_us = 6, STATE = 'DELTED', UPLOAD_DTSTR = '1' WHERE FILEPATH = 'd/gone'",
    "INSERT INTO journal (FILEPATH, MODALITY, MD5, TIME_VALID_us, TIME_INVALID_us, VERSION) VALUES ('d/lost', 'Videos', 'x', 5, 6, 'v')",
    "INSERT INTO journal (PERSON_ID) VALUES ('p')",
)


def test_dirt_is_reported_and_survives_an_upgrade(sample):
    path = sample(1, "upload_1")
    with closing(sqlite3.connect(path)) as conn, conn:
        for statement in DIRT:
            conn.execute(statement)

    def look():
        with Journal.open(path) as journal:
            found = {f.kind: (f.count, f.examples) for f in journal.check()}
            journal.counts()
            return found, list(journal.rows())

    found, rows = look()
    assert found == {
        "duplicate": (1, ("Images: d/twice",)),
        "no-md5": (3, (": ", "Images: d/gone", "Images: d/twice")),
        "not-md5": (2, ("Images: d/twice", "Videos: d/lost")),
        "size": (3, (": ", "Images: d/gone", "Videos: d/lost")),
        "never-uploaded": (1, ("Videos: d/lost",)),
        "modality": (2, (": ", "Videos: d/lost")),
        "path": (1, (": ",)),
        "version": (1, (": ",)),
    }
    report = upgrade(path, ctx=JobContext())
    assert {f.kind for f in report.findings} == {*found, "lost"}
    assert look() == (found, rows)
    with Journal.open(path) as journal:
        assert journal.remove_never_uploaded_closed() == 1
        assert journal.remove_never_uploaded_closed() == 0
        assert "never-uploaded" not in {f.kind for f in journal.check()}
        newest = max(r.file_id for r in journal.rows() if r.path == "d/twice")
        journal.commit([Entry(Action.CLOSE, old_id=newest)])
        assert "duplicate" not in {f.kind for f in journal.check()}


def test_rows_whose_lookups_are_missing_are_read_and_continued(sample):
    path = sample(2, "upload_1")
    with closing(sqlite3.connect(path)) as conn, conn:
        for table in ("srcpaths", "modalities", "versions", "uploads"):
            conn.execute(f"DELETE FROM {table} WHERE id = 1")
    with Journal.open(path) as journal:
        assert {"path", "modality", "version"} <= {f.kind for f in journal.check()}
        (row,) = journal.select("file_id = 1")
        assert (row.pending, row.modality, row.version) == (False, "", "")
        journal.commit([Entry(Action.REPEAT, old_id=1, mtime_us=5)])
        assert journal.select("file_id = 1 AND invalid_us IS NULL") == []


def test_a_cancelled_upgrade_leaves_everything(sample):
    path = sample(1, "upload_1")
    before = path.read_bytes()
    ctx = JobContext()
    ctx.cancel()
    with pytest.raises(Cancelled):
        upgrade(path, ctx=ctx)
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir() if p.is_file()) == ([] if os.name == "nt" else [".journal.db.inuse"]) + [
        "journal.db"
    ]
    upgrade(path, ctx=JobContext())


def test_upgrade_waits_for_nobody(sample):
    path = sample(1, "upload_1")
    with Journal.open(path), pytest.raises(JournalBusyError):
        upgrade(path, ctx=JobContext())


def test_undo_takes_the_second_update_back(sample):
    # Undone, the journal after update 2 is the one after upload 1, but for what was closed as deleted and what was only touched.
    for schema in (1, 2):
        with Journal.open(sample(schema, "upload_1"), readonly=True) as journal:
            earlier = {(r.path, r.mtime_us, r.uploaded) for r in journal.rows(active=True)}
        with Journal.open(sample(schema, "update_2")) as journal:
            assert journal.undo("20250102000000") == 4
            now = {(r.path, r.mtime_us, r.uploaded) for r in journal.rows(active=True)}
            assert not list(journal.rows(pending=True))
            assert {path for path, *_ in now ^ earlier} == {
                "1000003/Waveforms/to_be_touched.dat",
                "1000003/Waveforms/to_be_deleted.dat",
                "1000003/Images/to_be_renamed.dcm",
            }
            if schema == 1:
                words = dict(journal._conn.execute("SELECT FILEPATH, STATE FROM journal WHERE TIME_INVALID_us IS NULL"))
                assert words["OMOP/person.csv"] == "ADDED"
                assert words["1000003/Waveforms/to_be_touched.dat"] == "MOVED"
            with pytest.raises(UsageError, match="has no pending files"):
                journal.undo("20250102000000")
            with pytest.raises(UsageError):
                journal.undo("no such version")


@pytest.mark.parametrize("schema", [1, 2])
def test_undo_after_our_own_commits(new, enter, schema):
    with Journal.open(new(schema)) as journal:
        journal.commit([enter("a", uploaded="1"), enter("b", uploaded="1"), enter("it's", uploaded="1")], at_us=100)
        before = journal.fingerprint()
        rows = list(journal.rows())
        journal.commit([enter(p, old_id=i, version="v2", state="UPDATED") for i, p in ((1, "a"), (3, "it's"))], at_us=200)
        journal.commit([enter("new", version="v2"), enter("sent", version="v2", uploaded="2")], at_us=300)
        assert journal.undo("v2") == 3
        assert [r for r in journal.rows() if r.path != "sent"] == rows
        journal.commit([Entry(Action.CLOSE, old_id=max(r.file_id for r in journal.rows()))])
        assert journal.fingerprint() != before
        journal.commit([enter("new", version="v2")])
        with pytest.raises(Exception, match="already has a current entry"):
            journal.commit([enter("a", version="v2")])


@pytest.mark.parametrize("schema", [1, 2])
def test_undo_concerns_its_own_version_only(new, enter, schema):
    """What an earlier undo put back, and a person then deleted, stays deleted."""
    with Journal.open(new(schema)) as journal:
        journal.commit([enter("a", uploaded="1")], at_us=100)
        journal.commit([enter("a", old_id=1, version="v2")], at_us=200)
        assert journal.undo("v2") == 1
        journal.commit([Entry(Action.CLOSE, old_id=1)], at_us=200)
        journal.commit([enter("b", version="v3")], at_us=300)
        assert journal.undo("v3") == 1
        assert list(journal.rows(active=True)) == []


def test_undo_of_what_the_other_tool_amended(sample):
    """It leaves the first of two recordings closed without an upload: both are taken back, the uploaded row is active again."""
    path = sample(1, "upload_1")
    columns = "PERSON_ID, FILEPATH, MODALITY, SRC_MODTIME_us, SIZE, MD5"
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("UPDATE journal SET TIME_INVALID_us = 10, STATE = 'OUTDATED' WHERE FILE_ID = 1")
        for valid, invalid, state in ((10, 20, "OUTDATED"), (20, None, "UPDATED")):
            conn.execute(
                f"INSERT INTO journal ({columns}, TIME_VALID_us, TIME_INVALID_us, VERSION, STATE) "
                f"SELECT {columns}, ?, ?, 'v2', ? FROM journal WHERE FILE_ID = 1",
                (valid, invalid, state),
            )
    with Journal.open(path) as journal:
        assert journal.undo("v2") == 2
        assert len(list(journal.rows(active=True))) == 15
        assert journal.check() == []
