"""The journal's active rows beside a review: copied by another thread, of one moment, and gone afterwards."""

import os
import shutil
import sqlite3
import threading
from contextlib import closing

import pytest

from chorus_gui.core.errors import Cancelled, JournalError, ReviewError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal import opening
from chorus_gui.core.journal.known import Known
from chorus_gui.core.journal.store import Journal


@pytest.mark.parametrize("schema", [1, 2])
def test_the_rows_are_the_journals(sample, tmp_path, schema):
    path = sample(schema, "upload_2")
    with Journal.open(path) as journal, Known(path, ["Images", "OMOP"], tmp_path / "x.known") as known:
        known.wait(JobContext())
        assert known.fingerprint == journal.fingerprint()
        assert known.twice == []
        with closing(sqlite3.connect(known.path)) as db:
            rows = db.execute("SELECT file_id, modality, path, size, mtime_us, md5 FROM was ORDER BY file_id").fetchall()
        expected = sorted(journal.rows(active=True, modalities=["Images", "OMOP"]), key=lambda row: row.file_id)
        assert rows == [(r.file_id, r.modality, r.path, r.size, r.mtime_us, r.md5) for r in expected]
        assert rows
    assert not list(tmp_path.glob("*.known*"))


def test_an_empty_journal(tmp_path):
    with Journal.open(tmp_path / "journal.db", create=True) as journal, Known(journal.path, ["OMOP"], tmp_path / "x.known") as known:
        known.wait(JobContext())
        assert known.fingerprint == journal.fingerprint()


def test_rows_of_one_path_are_told(sample, tmp_path):
    path = sample(2, "upload_1")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "INSERT INTO journal_v2 (PERSON_ID, SRC_PATH_ID, MODALITY_ID, FILENAME, SRC_MODTIME_us, SIZE, MD5, TIME_VALID_us, VERSION_ID) "
            "SELECT PERSON_ID, SRC_PATH_ID, MODALITY_ID, FILENAME, SRC_MODTIME_us, SIZE, MD5, TIME_VALID_us, VERSION_ID FROM journal_v2 LIMIT 1"
        )
    with Known(path, ["OMOP", "Images", "Waveforms"], tmp_path / "x.known") as known:
        known.wait(JobContext())
        assert len(known.twice) == 1


def test_what_goes_wrong_is_told_to_who_waits(sample, tmp_path):
    path = sample(2, "upload_1")
    path.write_bytes(b"junk" * 4000)
    with Known(path, ["OMOP"], tmp_path / "x.known") as known, pytest.raises(JournalError):
        known.wait(JobContext())


def test_leaving_early_waits_for_nobody(sample, tmp_path, monkeypatch):
    path, began = sample(2, "upload_1"), threading.Event()
    real = opening.open_reading

    def slow(journal):
        conn, schema = real(journal)
        conn.create_function("forever", 0, lambda: began.set() or 1)
        rows = schema.rows_sql()
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        monkeypatch.setattr(type(schema), "rows_sql", lambda self, alias="main": f"{endless} SELECT r.* FROM ({rows}) r, n WHERE forever()")
        return conn, schema

    monkeypatch.setattr(opening, "open_reading", slow)
    with Known(path, ["OMOP"], tmp_path / "x.known") as known:
        assert began.wait(10)
        ctx = JobContext()
        ctx.cancel()
        with pytest.raises(Cancelled):
            known.wait(ctx)
    assert not list(tmp_path.glob("*.known*"))


def test_a_leftover_is_no_hindrance(sample, tmp_path):
    path, leftover = sample(2, "upload_1"), tmp_path / "x.known"
    shutil.copy(path, leftover)
    with Known(path, ["OMOP"], leftover) as known:
        known.wait(JobContext())
    assert not leftover.exists()


def test_a_copy_that_cannot_be_written_is_not_the_journals_fault(sample, tmp_path):
    path = sample(2, "upload_1")
    with Known(path, ["OMOP"], tmp_path / "no" / "x.known") as known, pytest.raises(ReviewError, match=r"x\.known"):
        known.wait(JobContext())


def test_a_copy_that_cannot_be_removed_spoils_nothing(sample, tmp_path, monkeypatch):
    with Known(sample(2, "upload_1"), ["OMOP"], tmp_path / "x.known") as known:
        known.wait(JobContext())

        def held(path):
            raise PermissionError(13, "held")

        monkeypatch.setattr("chorus_gui.core.journal.known.remove_file", held)


@pytest.mark.parametrize("own", [True, False])
def test_the_folder_that_is_full_is_named(sample, tmp_path, monkeypatch, own):
    """SQLite says only that a disk is full: that of the copy, or that of what it sorts."""
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()

    def full(*_):
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    def no_space(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Known, "_index", full)
    if own:
        monkeypatch.setattr("chorus_gui.core.journal.known.tempfile.TemporaryFile", no_space)
    with Known(sample(2, "upload_1"), ["OMOP"], tmp_path / "x.known") as known, pytest.raises(ReviewError) as caught:
        known.wait(JobContext())
    if own:
        assert "x.known" in caught.value.what
        assert "Free space on this disk" in caught.value.remedy
    else:
        named = tmp_path / "temporary" if os.name != "nt" else ""
        assert f"Could not write temporary files to the folder “{named}" in caught.value.what
        assert "environment variables" in caught.value.remedy
