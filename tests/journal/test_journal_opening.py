"""Opening: new journals, odd files, damage, other programs."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from journal_samples import SAMPLES
from platforms import needs_links

from chorus_gui.core.errors import (
    JournalBusyError,
    JournalChangedError,
    JournalDamagedError,
    JournalError,
    JournalForeignError,
    JournalMissingError,
    JournalMixedError,
)
from chorus_gui.core.journal import opening
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Row

STEPS = ("update_1", "upload_1", "update_2", "upload_2")


def master(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as conn:
        return conn.execute("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master").fetchall()


def test_a_new_journal_has_exactly_the_tables_of_the_samples(tmp_path):
    path = tmp_path / "journal.db"
    with Journal.open(path, create=True) as journal:
        assert journal.schema == 2
    assert master(path) == master(SAMPLES / "journal_v2_after_update_1.db")
    assert path.read_bytes()[18:20] == b"\x01\x01"
    assert not (tmp_path / "journal.db.backups").exists()


def test_version_1_tables_are_the_samples_too(new):
    assert master(new(1)) == master(SAMPLES / "journal_v1_after_update_1.db")


@pytest.mark.parametrize("schema", [1, 2])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("readonly", [True, False])
def test_every_sample_opens_and_stays_as_it_is(sample, dump, schema, step, readonly):
    path = sample(schema, step)
    before = path.read_bytes()
    with Journal.open(path, readonly=readonly) as journal:
        assert journal.schema == schema
        assert journal.check() == []
        rows = list(journal.rows())
        assert len(rows) == (15 if step.endswith("1") else 20)
        assert [(r.version, r.modality, r.path) for r in rows] == sorted((r.version, r.modality, r.path) for r in rows)
    assert path.read_bytes() == before


def test_both_schemas_read_alike(sample):
    def read(schema):
        with Journal.open(sample(schema, "upload_2"), readonly=True) as journal:
            return {
                (r.path, r.modality, r.patient_id, r.size, r.mtime_us, r.md5, r.version, r.active, r.uploaded is None)
                for r in journal.rows(modalities=["OMOP", "Images", "Waveforms"])
                if "bad-id" not in r.path  # only the flat layout takes it
            }

    assert read(1) == read(2)
    assert len(read(1)) == 19


def test_a_row_in_full(sample):
    with Journal.open(sample(2, "upload_2"), readonly=True) as journal:
        assert journal.row(10) == Row(
            10,
            "Waveforms",
            "1000003/Waveforms/to_be_changed.dat",
            "1000003",
            79,
            1700000780123457,
            "4898d3f448681f27475142e73ac7bb91",
            1795348539116562,
            1795348543636921,
            "20261122115541",
            "20250101000000",
        )
        assert journal.row(999) is None


def test_the_root_folder_is_a_dot(tmp_path, enter, dump):
    path = tmp_path / "journal.db"
    with Journal.open(path, create=True) as journal:
        journal.commit([enter("top.csv"), enter("a/b.csv")])
        assert [r.path for r in journal.rows()] == ["a/b.csv", "top.csv"]
    assert dump(path)["srcpaths"] == [(1, "."), (2, "a")]


def test_missing(tmp_path):
    for readonly in (True, False):
        with pytest.raises(JournalMissingError):
            Journal.open(tmp_path / "no.db", readonly=readonly)
    with pytest.raises(JournalError, match="does not exist"):
        Journal.open(tmp_path / "no" / "journal.db", create=True)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_journal(tmp_path):
    with pytest.raises(JournalForeignError, match="folder"):
        Journal.open(tmp_path)


def test_zero_bytes_are_a_new_journal(tmp_path):
    path = tmp_path / "journal.db"
    path.touch()
    with Journal.open(path, readonly=True) as journal:
        assert (journal.schema, list(journal.rows()), journal.counts(), journal.last_version()) == (2, [], [], None)
    assert path.stat().st_size == 0
    with Journal.open(path) as journal:
        assert journal.schema == 2
    assert master(path) == master(SAMPLES / "journal_v2_after_update_1.db")


@pytest.mark.parametrize(("statement", "schema"), [(0, 1), (0, 2)])
def test_a_journal_whose_making_was_cut_short_is_completed(tmp_path, statement, schema):
    from chorus_gui.core.journal.v1 import V1
    from chorus_gui.core.journal.v2 import V2

    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as conn:
        conn.execute((V1 if schema == 1 else V2).statements[statement])
    with Journal.open(path, readonly=True) as journal:
        assert (journal.schema, journal.counts(), journal.history()) == (schema, [], [])
    with Journal.open(path) as journal:
        assert journal.schema == schema
    assert master(path) == master(SAMPLES / f"journal_v{schema}_after_update_1.db")


def test_a_database_without_tables_is_a_new_journal(tmp_path):
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("VACUUM")
        conn.execute("CREATE TABLE x (y)")
        conn.execute("DROP TABLE x")
    assert path.stat().st_size > 0
    with Journal.open(path, readonly=True) as journal:
        assert list(journal.rows()) == []
    with Journal.open(path) as journal:
        assert journal.schema == 2


def test_foreign(tmp_path):
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute("CREATE TABLE songs (name)")
    for readonly in (True, False):
        with pytest.raises(JournalForeignError, match="songs"):
            Journal.open(path, readonly=readonly)
    assert path.read_bytes()[18:20] == b"\x02\x02", "another program's database was changed"


def test_both_generations_in_one_file(sample):
    path = sample(2, "upload_2")
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("CREATE TABLE journal (FILE_ID INTEGER)")
    with pytest.raises(JournalMixedError, match="both formats"):
        Journal.open(path)


def test_no_sqlite_file(tmp_path):
    path = tmp_path / "journal.db"
    path.write_bytes(b"PK\x03\x04" + bytes(5000))
    for readonly in (True, False):
        with pytest.raises(JournalDamagedError, match="journal restore"):
            Journal.open(path, readonly=readonly)


def test_a_truncated_file(sample):
    path = sample(2, "upload_2")
    os.truncate(path, 20000)
    with pytest.raises(JournalDamagedError):
        Journal.open(path)


def test_damage_inside_is_found_by_verify_file(sample):
    path = sample(2, "upload_2")
    Journal.verify_file(path)
    content = bytearray(path.read_bytes())
    page = next(i for i in range(0, len(content), 4096) if b"person.csv" in content[i : i + 4096])
    content[page : page + 200] = b"\xff" * 200
    path.write_bytes(content)
    with pytest.raises(JournalDamagedError):
        Journal.verify_file(path)


def test_missing_columns_and_tables(tmp_path):
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("CREATE TABLE journal (FILE_ID INTEGER PRIMARY KEY, FILEPATH TEXT)")
    with pytest.raises(JournalDamagedError, match=r"lacks .*MD5"):
        Journal.open(path)


def test_write_ahead_mode_is_turned_back_and_told(sample, enter):
    path = sample(2, "upload_1")
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("PRAGMA journal_mode = WAL")
    with Journal.open(path, readonly=True) as journal:
        assert [f.kind for f in journal.check()] == ["wal"]
        assert len(list(journal.rows())) == 15
    with Journal.open(path) as journal:
        assert [f.kind for f in journal.check()] == ["wal"]
        journal.commit([enter("x")])
    assert path.read_bytes()[18:20] == b"\x01\x01"
    with Journal.open(path) as journal:
        assert journal.check() == []


def test_another_program_that_wrote_is_noticed(sample, enter):
    path = sample(2, "upload_1")
    with Journal.open(path) as journal:
        journal.commit([enter("one")])
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("UPDATE journal_v2 SET TIME_INVALID_us = 1 WHERE FILE_ID = 1")
        for _ in range(2):
            with pytest.raises(JournalChangedError, match="Another program"):
                journal.commit([enter("two")])
        assert not [r for r in journal.rows() if r.path == "two"]
    with Journal.open(path) as journal:
        journal.commit([enter("two")])


def test_another_program_between_the_open_and_the_first_commit(sample, enter):
    path = sample(1, "upload_1")
    with Journal.open(path) as journal:
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("UPDATE journal SET TIME_INVALID_us = 1 WHERE FILE_ID = 1")
        with pytest.raises(JournalChangedError):
            journal.commit([enter("x")])


@pytest.mark.parametrize("lock", ["EXCLUSIVE", "SHARED"])
def test_a_file_that_another_program_holds(sample, enter, monkeypatch, lock):
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.05)
    path = sample(2, "upload_1")
    with Journal.open(path) as journal, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE" if lock == "EXCLUSIVE" else "BEGIN")
        other.execute("SELECT COUNT(*) FROM journal_v2").fetchone()
        with pytest.raises(JournalBusyError, match="another program"):
            journal.commit([enter("x")])
        other.execute("ROLLBACK")
        journal.commit([enter("x")])
        assert len([r for r in journal.rows() if r.path == "x"]) == 1


def test_a_full_disk_takes_the_whole_batch_back(sample, enter):
    with Journal.open(sample(2, "upload_1")) as journal:
        pages = journal._conn.execute("PRAGMA page_count").fetchone()[0]
        journal._conn.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(JournalError, match="disk is full"):
            journal.commit([enter(f"p/{i}") for i in range(2000)])
        assert len(list(journal.rows())) == 15
        journal._conn.execute("PRAGMA max_page_count = 1000000")
        journal.commit([enter(f"p/{i}") for i in range(2000)])
        assert len(list(journal.rows())) == 2015


def test_a_read_only_file(sample, enter):
    with Journal.open(sample(2, "upload_1")) as journal:
        journal._conn.execute("PRAGMA query_only = 1")
        with pytest.raises(JournalError, match="read-only"):
            journal.commit([enter("x")])


def test_faults_of_the_disk_are_sentences(tmp_path):
    for code, word in ((sqlite3.SQLITE_IOERR, "share"), (sqlite3.SQLITE_CANTOPEN, "folder"), (sqlite3.SQLITE_PERM, "allowed")):
        error = sqlite3.OperationalError("x")
        error.sqlite_errorcode = code
        assert word in str(opening.translate(error, tmp_path))
    bug = sqlite3.ProgrammingError("x")
    assert opening.translate(bug, tmp_path) is bug


def test_a_reader_refuses_to_write(sample, enter):
    with Journal.open(sample(2, "upload_1"), readonly=True) as journal, pytest.raises(JournalError, match="reading only"):
        journal.commit([enter("x")])


@needs_links
def test_a_link_is_followed(sample, tmp_path, enter):
    path = sample(2, "upload_1")
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "journal.db"
    link.symlink_to(path)
    with Journal.open(link), pytest.raises(JournalBusyError):
        Journal.open(path)
    assert [p.name for p in link.parent.iterdir()] == ["journal.db"]


def test_odd_characters_in_the_journals_own_path(tmp_path, enter):
    folder = tmp_path / ("it's 100% #1 né" if os.name == "nt" else "it's 100% #1? né")
    folder.mkdir()
    path = folder / "journal a&b.db"
    with Journal.open(path, create=True) as journal:
        journal.commit([enter("x")])
    with Journal.open(path, readonly=True) as journal:
        assert len(list(journal.rows())) == 1


def test_snapshot_is_whole_and_classic(sample, tmp_path, enter, dump):
    path = sample(1, "upload_2")
    target = tmp_path / "copy.db"
    target.write_text("old")
    with Journal.open(path) as journal:
        journal.commit([enter("x")])
        journal.snapshot(target)
        assert dump(target) == dump(path)
    assert target.read_bytes()[18:20] == b"\x01\x01"
    assert not list(tmp_path.glob(".copy*"))
    with Journal.open(path, readonly=True) as journal, pytest.raises(JournalError):
        journal.snapshot(tmp_path / "no" / "copy.db")


def test_rows_sql_over_an_attached_copy(sample, tmp_path):
    for schema in (1, 2):
        with Journal.open(sample(schema, "upload_2"), readonly=True) as journal, closing(sqlite3.connect(":memory:")) as conn:
            journal.snapshot(tmp_path / "copy.db")
            conn.execute("ATTACH ? AS journal", (str(tmp_path / "copy.db"),))
            rows = [
                Row(*r) for r in conn.execute(f"SELECT * FROM ({journal.rows_sql('journal')}) ORDER BY version, modality, path, file_id")
            ]
            assert rows == list(journal.rows())
