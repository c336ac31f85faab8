"""The review's own file: when it can be used, what it keeps, and that only this user reads it."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from chorus_gui.core.errors import ReviewError, StaleReviewError
from chorus_gui.core.model import Problem, SourceFile
from chorus_gui.core.review.staging import FORMAT, Staging, command_staging_path, staging_path
from chorus_gui.core.storage.base import UnwantedFile


def finished(path: Path) -> None:
    with Staging.create(path) as staging:
        staging.put("ready", value=True)
        staging.db.execute("COMMIT")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        pytest.param("", "", id="a finished review can be opened"),
        pytest.param("missing", "There is no review yet", id="no review"),
        pytest.param("DELETE FROM meta WHERE key = 'ready'", "was not finished", id="a scan that did not end"),
        pytest.param("UPDATE meta SET value = 'false' WHERE key = 'ready'", "was not finished", id="a scan that is not ready"),
        pytest.param(f"UPDATE meta SET value = '{FORMAT - 1}' WHERE key = 'format'", "was not finished", id="an older program's review"),
        pytest.param(f"UPDATE meta SET value = '{FORMAT + 1}' WHERE key = 'format'", "was not finished", id="a newer program's review"),
        pytest.param("UPDATE meta SET value = '{' WHERE key = 'format'", "could not be read", id="a damaged value"),
        pytest.param("DROP TABLE meta", "could not be read", id="another database"),
        pytest.param("text", "could not be read", id="another file"),
    ],
)
def test_which_review_can_be_used(tmp_path: Path, damage: str, says: str) -> None:
    path = tmp_path / "review.db"
    finished(path)
    if damage == "missing":
        path.unlink()
    elif damage == "text":
        path.write_text("no database" * 200)
    elif damage:
        with closing(sqlite3.connect(path)) as db, db:
            db.execute(damage)
    if not says:
        with Staging.open(path) as staging:
            assert staging.get("ready")
        return
    with pytest.raises(StaleReviewError, match=says) as raised:
        Staging.open(path)
    assert "Scan the site" in raised.value.remedy
    finished(path)  # the remedy
    Staging.open(path).close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such mode")
def test_only_this_user_reads_a_review_whatever_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "review.db"
    for _ in range(2):
        finished(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o644)


def test_a_scan_begins_with_an_empty_review(tmp_path: Path) -> None:
    """Also after a crash of the scan before, which leaves a file of changes that SQLite would roll back."""
    path = tmp_path / "review.db"
    with Staging.create(path) as staging:
        staging.db.execute("INSERT INTO change (kind, modality, path) VALUES ('added', 'Images', 'a')")
        staging.put("ready", value=True)
        staging.db.execute("COMMIT")
    leftover = path.with_name("review.db-journal")
    leftover.write_bytes(b"left by a crash")
    with Staging.create(path) as staging:
        assert staging.get("ready") is None
        assert staging.db.execute("SELECT count(*) FROM change").fetchone() == (0,)
    assert not leftover.exists()


def test_a_review_that_cannot_be_written_says_where_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ReviewError, match="Could not save the review") as raised:
        Staging.create(tmp_path / "missing" / "review.db")
    assert "missing" in raised.value.what
    assert raised.value.remedy


def test_each_journal_has_a_review_of_its_own_and_the_command_line_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one = staging_path(tmp_path / "journal.db")
    assert one == staging_path(Path("journal.db")) == staging_path(tmp_path / "x" / ".." / "journal.db")
    assert one != staging_path(tmp_path / "other.db")
    assert command_staging_path(one) not in (one, command_staging_path(staging_path(tmp_path / "other.db")))
    assert command_staging_path(one).parent == one.parent


def test_a_review_keeps_json_values_under_their_names(tmp_path: Path) -> None:
    with Staging.create(tmp_path / "review.db") as staging:
        for value in (0, False, "", [], {"a": [None]}, "ü", None):
            staging.put("key", value)
            assert staging.get("key", "default") == value
        assert staging.get("other", "default") == "default"
        assert staging.get("other") is None


@pytest.mark.parametrize("ends", [True, False])
def test_a_change_of_the_review_is_kept_whole_or_not_at_all(tmp_path: Path, ends: bool) -> None:
    path = tmp_path / "review.db"
    finished(path)
    with Staging.open(path) as staging:
        try:
            with staging.changing():
                staging.put("a", 1)
                staging.put("b", 1)
                if not ends:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            assert not ends
        assert not staging.db.in_transaction
    with Staging.open(path) as staging:
        assert (staging.get("a"), staging.get("b")) == ((1, 1) if ends else (None, None))


def test_a_change_that_its_error_ended_already_shows_that_error(tmp_path: Path) -> None:
    path = tmp_path / "review.db"
    finished(path)

    def fail(staging: Staging) -> None:
        with staging.changing():
            staging.db.execute("ROLLBACK")
            raise ZeroDivisionError

    with Staging.open(path) as staging, pytest.raises(ZeroDivisionError):
        fail(staging)


def test_which_changes_were_carried_out_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "review.db"
    finished(path)
    with Staging.open(path) as staging:
        staging.db.executemany("INSERT INTO change (kind, modality, path) VALUES ('added', 'Images', ?)", [("a",), ("b",), ("c",)])
        staging.mark_done(iter([1, 3, 99]))
        assert staging.db.execute("SELECT id FROM change WHERE done ORDER BY id").fetchall() == [(1,), (3,)]
        staging.mark_done([])
        assert staging.db.execute("SELECT count(*) FROM change WHERE done").fetchone() == (2,)


def test_what_a_scan_found_is_kept_column_by_column(tmp_path: Path) -> None:
    with Staging.create(tmp_path / "review.db") as staging:
        staging.files([SourceFile("Images", "1/Images/a.dcm", "1", "v1", 3, 4)])
        staging.unmatched("root", [UnwantedFile("notes.txt", 5, 6), UnwantedFile("no size", None, None)])
        assert staging.db.execute("SELECT modality, path, patient_id, version, size, mtime_us FROM site").fetchall() == [
            ("Images", "1/Images/a.dcm", "1", "v1", 3, 4)
        ]
        assert staging.db.execute("SELECT * FROM unmatched").fetchall() == [("root", "notes.txt", 5, 6), ("root", "no size", None, None)]


@pytest.mark.parametrize("if_read", [False, True])
def test_a_problem_is_of_a_file_that_was_not_seen_or_of_one_that_cannot_be_read_now(tmp_path: Path, if_read: bool) -> None:
    """The second matters only if the file has to be read."""
    with Staging.create(tmp_path / "review.db") as staging:
        problem = Problem(("Images", "Waveforms"), "1/a", "It is in an archive.", "Restore it.", covers=True, if_read=if_read)
        staging.problem(problem)
        staging.problem(problem)
        seen = staging.db.execute("SELECT * FROM problem").fetchall()
        later = staging.db.execute("SELECT path, modality, note FROM unreadable ORDER BY modality").fetchall()
    if if_read:
        assert seen == []
        assert later == [("1/a", name, "It is in an archive. Restore it.") for name in ("Images", "Waveforms")]
    else:
        assert seen == [('["Images", "Waveforms"]', "1/a", "It is in an archive.", "Restore it.", 1)] * 2
        assert later == []


def test_sorts_and_pages_of_a_review_do_not_stay_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "review.db"
    finished(path)
    for opened in (Staging.create(tmp_path / "new.db"), Staging.open(path)):
        with opened as staging:
            (cache,) = staging.db.execute("PRAGMA cache_size").fetchone()
            assert -16_384 <= cache < 0, "in KiB"
            assert staging.db.execute("PRAGMA temp_store").fetchone() == (0,), "in files"
