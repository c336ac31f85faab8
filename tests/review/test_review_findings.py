"""Ways in which a submission could be lost, lied about or overwritten, each found by reading, each tried here."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from world import World

from chorus_gui.cli.main import main
from chorus_gui.core.config.model import Layout
from chorus_gui.core.config.save import template
from chorus_gui.core.errors import AccessError, Cancelled, JournalChangedError, StaleReviewError
from chorus_gui.core.journal.backups import listing
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Mode
from chorus_gui.core.review.approval import approve, check_approval
from chorus_gui.core.review.holds import Holds, hold_back_patient
from chorus_gui.core.review.staging import Staging, staging_path
from chorus_gui.core.submission.review_site import review_site
from chorus_gui.core.submission.submit import Approved, submit

V1, V2 = "20250101000000", "20250102000000"
DIGITS = """
[site_path.Images]
pattern = "{patient_id:d}/Images/{filepath}"
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# --- RESTORED --------------------------------------------------------------------------------------------------------


def test_a_blob_that_was_overwritten_inside_its_version_restores_nothing(world: World) -> None:
    """A folder keeps no MD5: equal size alone does not say that the old content is still there."""
    world.put("OMOP/other.csv", "stays")
    world.put("OMOP/person.csv", "aaa", mtime=1000)
    world.run(version=V1)
    world.put("OMOP/person.csv", "bbb", mtime=2000)
    world.run(version=V1)  # amended: the blob now holds "bbb"
    (world.site / "OMOP/person.csv").unlink()
    world.run(version=V2)
    world.put("OMOP/person.csv", "aaa", mtime=1000)  # back from a backup
    assert world.kinds()["OMOP/person.csv"] == "added"
    world.run(version="20250103000000")
    world.check_truth()


def test_an_older_version_restores_where_the_newest_blob_is_gone(world: World) -> None:
    world.put("OMOP/other.csv", "stays")
    world.put("OMOP/person.csv", "aaa", mtime=1000)
    world.run(version=V1)
    world.put("OMOP/person.csv", "bbb", mtime=2000)
    world.run(version=V2)
    world.put("OMOP/person.csv", "aaa", mtime=1000)
    world.run(version="20250103000000")
    (world.site / "OMOP/person.csv").unlink()
    world.run(version="20250104000000")
    (world.central / "20250103000000/OMOP/person.csv").unlink()
    world.put("OMOP/person.csv", "aaa", mtime=1000)
    assert world.kinds()["OMOP/person.csv"] == "restored"
    world.run(version="20250105000000")
    assert world.active()["OMOP/person.csv"].version == V1
    world.check_truth()


def test_undo_does_not_vouch_for_a_blob_that_an_amendment_may_have_overwritten(world: World) -> None:
    """The upload of an amendment was cut off after the bytes had arrived, before the journal knew."""
    world.put("OMOP/person.csv", "aaa", mtime=1000)
    world.run(version=V1)
    world.put("OMOP/person.csv", "bbb", mtime=2000)
    world.run("record", version=V1)
    (world.central / V1 / "OMOP/person.csv").write_text("bbb")  # arrived; then the power went
    with world.open() as journal:
        journal.undo(V1)
    world.check_truth()
    world.run(version=V2)
    world.check_truth()
    assert world.active()["OMOP/person.csv"].uploaded


# --- one place, two files --------------------------------------------------------------------------------------------


def test_recording_into_an_amended_version_never_takes_a_files_place(tmp_path: Path) -> None:
    world = World(tmp_path, more=DIGITS)
    world.put("0012/Images/a.dcm", "one")
    world.run(version=V1)
    world.put("12/Images/a.dcm", "two")
    world.run("record", version=V1)
    assert set(world.active()) == {"0012/Images/a.dcm"}
    world.upload()
    world.check_truth()


def test_a_pending_file_that_is_gone_belongs_to_the_patient_of_its_path_in_both_modes(tmp_path: Path) -> None:
    """The journal's column takes leading zeros away; holds and filters name the patient as the site does."""
    world = World(tmp_path)
    gone = world.put("0012/Images/a.dcm", "one")
    world.put("0013/Images/a.dcm", "one")
    world.run("record", version=V1)
    gone.unlink()
    for mode in (Mode.FULL, Mode.APPEND):
        assert {change.path: change.patient_id for change in world.changes(mode=mode)}["0012/Images/a.dcm"] == "0012"


def test_two_pending_rows_of_one_place_are_not_sent_over_each_other(tmp_path: Path) -> None:
    """As another tool records them: it looks at no places."""
    world = World(tmp_path, more=DIGITS)
    world.put("0012/Images/a.dcm", "one")
    world.run("record", version=V1)
    other = world.put("12/Images/a.dcm", "two")
    with world.open() as journal:
        row = next(iter(journal.rows()))
    with closing(sqlite3.connect(world.journal)) as db, db:
        db.execute("INSERT INTO srcpaths (SRC_PATH) VALUES ('12/Images')")
        db.execute(
            "INSERT INTO journal_v2 (PERSON_ID, SRC_PATH_ID, FILENAME, MODALITY_ID, SRC_MODTIME_us, SIZE, MD5, TIME_VALID_us, VERSION_ID) "
            "SELECT 12, (SELECT id FROM srcpaths WHERE SRC_PATH = '12/Images'), FILENAME, MODALITY_ID, ?, 3, ?, TIME_VALID_us, VERSION_ID "
            "FROM journal_v2 WHERE FILE_ID = ?",
            (int(other.stat().st_mtime * 1e6), hashlib.md5(b"two").hexdigest(), row.file_id),
        )
    log = world.upload()
    assert {failure.item.path for failure in log.failures} == {"0012/Images/a.dcm", "12/Images/a.dcm"}
    world.check_truth()


# --- what was approved is what runs ------------------------------------------------------------------------------------


def test_a_review_of_another_configuration_is_not_carried_out(world: World) -> None:
    world.put("OMOP/person.csv", "aaa")
    shutil.copytree(world.site, world.base / "elsewhere")
    reviewed = world.review()
    world.file.write_text(world.file.read_text().replace(world.site.as_posix(), (world.base / "elsewhere").as_posix()))
    with world.working() as work, Staging.open(reviewed.path) as staging:
        approved = Approved(staging, approve(staging, work.journal, V1))
        with pytest.raises(StaleReviewError, match="configuration"):
            submit(work, approved, world.store)
    assert not world.rows()


def test_a_journal_that_another_program_changed_stays_stale(world: World) -> None:
    """What failed because of the other program must not count as reviewed against what that program wrote."""
    world.put("OMOP/first.csv", "first")
    world.run(version=V1)
    world.put("OMOP/person.csv", "aaa")
    world.store = _Meddling(world)  # type: ignore[assignment]
    with world.working() as work:
        reviewed = review_site(work, store=world.store)
        with Staging.open(reviewed.path) as staging:
            approval = approve(staging, work.journal, V2)
            with pytest.raises(JournalChangedError):
                submit(work, Approved(staging, approval), world.store)
    with world.open() as journal, Staging.open(reviewed.path) as staging, pytest.raises(StaleReviewError):
        check_approval(staging, journal, approval)


class _Wrapped:
    """The store of a world, a little changed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._store = world.store

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


class _Meddling(_Wrapped):
    """While a file is sent, another program closes a row."""

    def put(self, path: str, data: object, **options: object) -> object:
        with closing(sqlite3.connect(self._world.journal)) as db, db:
            db.execute("UPDATE journal_v2 SET TIME_INVALID_us = 5")
        return self._store.put(path, data, **options)  # type: ignore[arg-type]


def test_a_look_leaves_the_review_that_waits_alone(world: World) -> None:
    """The window shows a review; somebody types “file list --changes” or “--dry-run” for the same journal."""
    world.put("OMOP/person.csv", "aaa")
    reviewed = world.review()
    before = reviewed.path.read_bytes()
    for words in (["journal", "update", "--dry-run", "--mode", "append"], ["file", "list", "--changes"]):
        assert main(["-c", str(world.file), *words]) == 0
        assert reviewed.path.read_bytes() == before
    assert len(list(staging_path(world.journal).parent.glob("review-*"))) == 1


# --- patients ----------------------------------------------------------------------------------------------------------


def test_a_held_back_patient_with_leading_zeros_is_not_closed(world: World) -> None:
    """The journal's column makes 12 of “0012”."""
    world.put("OMOP/person.csv", "stays")
    world.put("0012/Images/a.dcm", "one")
    world.put("0012/Images/b.dcm", "two")
    world.run(version=V1)
    reviewed = world.review()
    with Staging.open(reviewed.path) as staging, Holds(world.journal) as holds:
        hold_back_patient(staging, holds, "0012", "no consent")
    (world.site / "0012/Images/a.dcm").unlink()
    (change,) = world.changes()
    assert (change.kind.value, change.excluded) == ("deleted", True)


# --- deletions ---------------------------------------------------------------------------------------------------------


def test_a_file_that_fits_its_pattern_no_more_is_not_deleted(world: World) -> None:
    world.put("OMOP/person.csv", "stays")
    world.put("p1/Images/a.dcm", "one")
    world.put("12/Images/a.dcm", "two")
    world.run(version=V1)
    world.file.write_text(world.file.read_text() + DIGITS)
    assert world.kinds() == {"p1/Images/a.dcm": "unmatched"}
    log = world.run(version=V2)
    assert not log.failures
    assert "p1/Images/a.dcm" in world.active()


# --- what hides what ---------------------------------------------------------------------------------------------------


class _NoCopies(_Wrapped):
    """The journal's copy cannot be written."""

    def put(self, path: str, data: object, **options: object) -> object:
        if path.endswith("journal.db"):
            raise AccessError("No copies here.")
        return self._store.put(path, data, **options)  # type: ignore[arg-type]


def test_a_journal_copy_that_fails_does_not_hide_why_the_upload_stopped(world: World) -> None:
    from chorus_gui.core.submission.upload import copies_left

    world.put("OMOP/person.csv", "aaa")
    world.run("record", version=V1)
    log = world.upload()
    world.store = _NoCopies(world)  # type: ignore[assignment]
    with world.working(log=log) as work:
        with pytest.raises(Cancelled), copies_left(work, world.store):
            raise Cancelled
        assert "No copies here" in " ".join(log.notes)
        with pytest.raises(AccessError, match="No copies"), copies_left(work, world.store):
            pass


def test_a_copy_that_could_not_be_left_is_left_by_the_next_upload(world: World) -> None:
    world.put("OMOP/person.csv", "aaa")
    world.run("record", version=V1)
    world.upload()
    (world.central / V1 / "journal.db").unlink()  # as if it was killed before the copy
    assert not (world.central / V1 / "journal.db").exists()
    assert main(["-c", str(world.file), "file", "upload"]) == 0
    Journal.verify_file(world.central / V1 / "journal.db")


def test_a_receipt_that_cannot_be_kept_does_not_hide_what_was_done(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("chorus_gui.app.receipts.save", full)
    world.put("OMOP/person.csv", "aaa")
    assert main(["-c", str(world.file), "submit", "--yes", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["receipt"] is None
    assert "No space left" in err
    world.check_truth()


# --- words -------------------------------------------------------------------------------------------------------------


def test_json_stays_json_when_it_names_what_looks_like_a_secret(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.put("OMOP/sas_token=abc", "aaa")
    world.put("OMOP/b,account_key: 'x" if os.name == "posix" else "OMOP/b,account_key= 'x", "aaa")
    assert main(["-c", str(world.file), "journal", "update", "--dry-run", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["changes"]) == 2


def test_upload_does_not_call_everything_up_to_date_while_files_wait(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.put("OMOP/person.csv", "aaa")
    world.put("p1/Images/a.dcm", "one")
    world.run("record", version=V1)
    assert main(["-c", str(world.file), "file", "upload", "--modalities", "Waveforms"]) == 0
    assert "up to date" not in capsys.readouterr().out


def test_commands_that_change_nothing_do_not_push_the_kept_copies_out(world: World) -> None:
    world.put("OMOP/person.csv", "aaa")
    assert main(["-c", str(world.file), "submit", "--yes", "--version", V1]) == 0
    (world.site / "OMOP/person.csv").unlink()
    world.put("OMOP/other.csv", "bbb")
    assert main(["-c", str(world.file), "submit", "--yes", "--version", V2]) == 0
    before = {copy.path.name for copy in listing(world.journal)}
    for _ in range(12):
        assert main(["-c", str(world.file), "file", "upload", "--version", "typo"]) == 2
    assert before <= {copy.path.name for copy in listing(world.journal)}
    assert any(copy.versions == (V1,) for copy in listing(world.journal))


def test_a_receipt_names_the_versions_that_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World(tmp_path, more='[site_path.Images]\npattern = "{version}/{patient_id:w}/Images/{filepath}"\n')
    world.put("2024a/p1/Images/a.dcm", "one")
    assert main(["-c", str(world.file), "journal", "update", "--version", V1, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["versions"] == ["2024a"]
    assert main(["-c", str(world.file), "submit", "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["versions"] == ["2024a"]  # uploaded now
    assert (world.central / "2024a/p1/Images/a.dcm").read_text() == "one"
    assert [file.name for file in world.central.glob("*/journal.db")] == ["journal.db"]
    world.check_truth()
    assert main(["-c", str(world.file), "submit", "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["versions"] == []


def test_a_site_that_is_not_there_is_no_success(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.put("OMOP/person.csv", "aaa")
    assert main(["-c", str(world.file), "submit", "--yes"]) == 0
    world.site.rename(world.base / "unmounted")
    capsys.readouterr()
    for words in (["submit", "--yes"], ["journal", "update"]):
        assert main(["-c", str(world.file), *words]) == 1
        out, err = capsys.readouterr()
        assert "Nothing to do" not in out
        assert "1 problem on the site" in err
    assert "OMOP/person.csv" in world.active()


def test_a_list_that_cannot_be_written_is_no_fault_of_the_program(world: World) -> None:
    world.put("OMOP/person.csv", "aaa")
    world.run("record")
    assert main(["-c", str(world.file), "file", "list", "--output-file", str(world.base / "nowhere" / "list.txt")]) == 2


def test_a_dry_run_says_that_deletions_want_to_be_confirmed(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.put("OMOP/stays.csv", "a")
    for number in range(101):
        world.put(f"OMOP/{number}.csv", "b")
    world.run(version=V1)
    for number in range(101):
        (world.site / f"OMOP/{number}.csv").unlink()
    assert main(["-c", str(world.file), "journal", "update", "--dry-run"]) == 0
    assert "101 of 102 OMOP files were deleted. To record that, add --allow-deletions." in capsys.readouterr().out
    assert main(["-c", str(world.file), "journal", "update"]) == 4, "a person has to decide"


def test_the_older_of_two_pending_rows_is_neither_sent_nor_kept(world: World) -> None:
    """The tool of 2024 leaves two open rows for a path."""
    world.put("OMOP/person.csv", "aaa")
    world.run("record", version=V1)
    with closing(sqlite3.connect(world.journal)) as db, db:
        columns = "PERSON_ID, SRC_PATH_ID, FILENAME, MODALITY_ID, SRC_MODTIME_us, SIZE, MD5, TIME_VALID_us, VERSION_ID"
        db.execute(f"INSERT INTO journal_v2 ({columns}) SELECT {columns} FROM journal_v2")
    log = world.upload()
    assert (log.sent + log.copied).files == 1
    assert [row.pending for row in sorted(world.rows(), key=lambda row: row.file_id)] == [True, False]
    world.run(version=V2)
    assert world.active()["OMOP/person.csv"].version == V1
    assert not [row for row in world.rows() if row.uploaded is None]
    world.check_truth()


def test_a_pending_file_that_changed_is_reported_and_recorded_anew(world: World) -> None:
    world.put("OMOP/person.csv", "aaa", mtime=1000)
    world.run("record", version=V1)
    world.put("OMOP/person.csv", "bbb", mtime=2000)
    log = world.upload()
    assert [failure.kind for failure in log.failures] == ["SourceChangedError"]
    assert not list(world.central.rglob("person.csv"))
    world.run(version=V2)
    assert [(row.version, row.pending) for row in world.rows()] == [(V2, False)]
    world.check_truth()


@pytest.mark.parametrize(("words", "layout"), [(["config-help"], Layout.NESTED), (["config-help", "--flat"], Layout.FLAT)])
def test_the_template_is_printed_letter_by_letter(words: list[str], layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    """It is full of names of credentials, and what takes secrets out of texts took the explanations."""
    assert main(words) == 0
    assert capsys.readouterr().out == template(layout)


def test_an_interrupted_submission_says_how_to_go_on_in_its_version(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise Cancelled

    world.put("OMOP/person.csv", "aaa")
    with monkeypatch.context() as patched:
        patched.setattr("chorus_gui.core.submission.upload.upload_pending", stop)
        assert main(["-c", str(world.file), "submit", "--yes", "--version", V1]) == 130
    assert f"--version {V1}" in capsys.readouterr().err
    assert (world.central / V1 / "journal.db").exists()
    world.check_truth()


def test_verify_claims_nothing_about_what_was_not_uploaded(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.put("OMOP/person.csv", "aaa")
    world.run("record", version=V1)
    assert main(["-c", str(world.file), "file", "verify"]) == 0
    assert "Nothing to verify: no files in this selection have been uploaded." in capsys.readouterr().out


def test_check_looks_at_the_journal_in_the_cloud_where_it_is_not_checked_out(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    share = world.base / "share"
    share.mkdir()
    world.file.write_text(
        world.file.read_text().replace("[journal.local]", f'[journal.source]\npath = "{share.as_posix()}/j.db"\n[journal.local]')
    )
    world.put("OMOP/person.csv", "aaa")
    assert main(["-c", str(world.file), "submit", "--yes"]) == 0
    world.journal.unlink()
    assert main(["-c", str(world.file), "journal", "check"]) == 0
    assert main(["-c", str(world.file), "journal", "list"]) == 0
    assert "share/j.db" in capsys.readouterr().out
