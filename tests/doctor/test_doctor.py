"""The doctor: each check finds what it is for, and a healthy set-up is called so."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from azure_places import azure_place, sas_place, service
from s3server import S3Server, s3_place
from world import World

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.app.doctor import computer, configuration, credentials, journal, leftovers, places, site
from chorus_gui.app.doctor.examine import CHECKS, examine, grouped, healthy, to_text
from chorus_gui.app.doctor.model import Case, Check
from chorus_gui.app.words import plural
from chorus_gui.cli.main import main
from chorus_gui.core.config.credentials import AccountKey, Sas
from chorus_gui.core.config.model import JournalPlaces, Place, PlaceKind, UploadMethod
from chorus_gui.core.errors import Cancelled, JournalBusyError
from chorus_gui.core.folders import data_folder
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Action, Entry, Finding, Grade

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.put("1001/Images/a.dcm", "image")
    world.run()
    return world


def case(world: World) -> Case:
    return Case(world.file, world.config)


def found(check: Check, of: Case) -> list[tuple[str, str]]:
    return [(finding.grade.value, finding.what) for finding in check(of)]


def severities(check: Check, of: Case) -> list[Grade]:
    return [finding.grade for finding in check(of)]


def test_a_healthy_set_up(world: World) -> None:
    findings = examine(world.file, JobContext())
    assert healthy(findings), to_text(findings)
    assert {f.subject for f in findings} >= {"Configuration", "Site", "Journal", "Central store", "This computer"}
    assert set(grouped(findings)) == {Grade.GOOD}


def test_faults_of_the_configuration_are_told_and_the_rest_is_still_looked_at(world: World) -> None:
    world.file.write_text(world.file.read_text("utf-8").replace('journaling_mode = "full"', 'journaling_mode = "ful"'), "utf-8")
    findings = examine(world.file, JobContext())
    assert not healthy(findings)
    (bad,) = [f for f in findings if f.grade is Grade.BAD]
    assert "journaling_mode" in bad.what
    assert "“full”" in bad.what
    assert any(f.subject == "This computer" for f in findings)


def test_a_missing_configuration(tmp_path: Path) -> None:
    (bad,) = configuration.check_file(Case(tmp_path / "nothing.toml", None))
    assert bad.grade is Grade.BAD


def test_a_warning_of_the_configuration(world: World) -> None:
    world.file.write_text(world.file.read_text("utf-8") + "\n[oddity]\nx = 1\n", "utf-8")
    assert severities(configuration.check_file, case(world)) == [Grade.WARNING]


def test_a_site_that_is_empty_or_gone(world: World) -> None:
    of = case(world)
    for path in sorted(world.site.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    assert severities(places.check_sources, of) == [Grade.WARNING]
    world.site.rmdir()
    assert severities(places.check_sources, of) == [Grade.BAD]
    world.site.write_text("a file")
    assert severities(places.check_sources, of) == [Grade.BAD]


def test_files_that_a_cloud_drive_keeps_online(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(site.check_online_only(case(world))) == []
    monkeypatch.setattr(site, "MAY_BE_ONLINE", True)
    monkeypatch.setattr(site, "is_online_only", lambda entry: entry.name.endswith(".dcm"))
    (warning,) = site.check_online_only(case(world))
    assert "stored online only" in warning.what
    monkeypatch.setattr(site, "LOOKED_AT", 1)
    folders = list(site._looked_into(world.site))
    (warning,) = site.check_online_only(case(world))
    assert f"({plural(next(files for files, _ in folders if files), 'file')} checked)" in warning.what, "one folder with files is enough"


@pytest.mark.parametrize(("attributes", "online"), [(0x20, False), (0x1020, True), (0x400020, True), (0x40020, True), (0x200, False)])
def test_a_placeholder_is_told_by_its_attributes(attributes: int, online: bool) -> None:
    class Entry:
        def stat(self, *, follow_symlinks: bool) -> object:
            assert not follow_symlinks, "that would cost a call"
            return SimpleNamespace(st_file_attributes=attributes)

    assert site.is_online_only(Entry()) is online  # type: ignore[arg-type]


def test_a_damaged_journal_points_at_a_kept_copy(world: World) -> None:
    of = case(world)
    assert severities(journal.check_file, of) == [Grade.GOOD]
    data = bytearray(world.journal.read_bytes())
    data[4096:8192] = b"\xff" * 4096
    world.journal.write_bytes(data)
    (bad,) = journal.check_file(of)
    assert bad.grade is Grade.BAD
    assert bad.remedy
    world.journal.unlink()
    assert severities(journal.check_file, of) == []  # it is no new site
    assert severities(journal.check_history, of) == [Grade.BAD]
    assert list(journal.check_rows(of)) == []


def test_a_new_site_has_no_journal_and_needs_none(world: World) -> None:
    of = case(world)
    for folder in (world.central, world.journal.with_name("journal.db.backups")):
        shutil.rmtree(folder, ignore_errors=True)
    world.central.mkdir()
    shutil.rmtree(data_folder() / "custody", ignore_errors=True)
    world.journal.unlink()
    assert severities(journal.check_file, of) == [Grade.GOOD]
    assert severities(journal.check_history, of) == []


def test_odd_rows_and_a_row_of_tomorrow(world: World) -> None:
    odd = Entry(Action.ENTER, "Images", "1001/Images/b.dcm", "1001", size=1, mtime_us=1, md5="0" * 32, version="20260101000000")
    with world.open() as opened:
        opened.commit([odd], at_us=int((time.time() + 86_400) * 1e6))
    with closing(sqlite3.connect(world.journal, isolation_level=None)) as db:
        db.execute("UPDATE journal_v2 SET MD5 = 'an-etag-2' WHERE FILENAME = 'b.dcm'")
    (row,) = [f for f in journal.check_rows(case(world)) if "ETag" in f.what]
    assert row.grade is Grade.WARNING
    assert row.examples == ("Images: 1001/Images/b.dcm",)
    (clock,) = journal.check_clock(case(world))
    assert (clock.grade, clock.subject) == (Grade.WARNING, "Clock")
    assert list(journal.check_clock(replace(case(world), now=datetime.now(UTC) + timedelta(days=2)))) == []


def test_a_central_folder_that_is_gone(world: World) -> None:
    of = case(world)
    assert severities(places.check_central, of) == [Grade.GOOD]
    os.rename(world.central, world.base / "elsewhere")
    (bad,) = places.check_central(of)
    assert (bad.grade, bad.subject) == (Grade.BAD, "Central store")
    assert bad.why == "Nothing can be uploaded or verified."


def test_a_container_is_asked(world: World, azurite: Azurite) -> None:
    service(azurite).create_container("doctor")
    good = replace(world.config, central=sas_place(azurite, "doctor", hours=24 * 60))
    assert set(severities(places.check_central, Case(world.file, good))) == {Grade.GOOD}
    listing = replace(world.config, central=sas_place(azurite, "doctor", permissions="rl", hours=24 * 60))
    assert Grade.BAD in severities(places.check_central, Case(world.file, listing))
    source = replace(world.config.sites["OMOP"], place=sas_place(azurite, "doctor", permissions="rl", hours=24 * 60))
    of = Case(world.file, replace(world.config, sites={"OMOP": source}))
    (empty,) = [one for one in places.check_sources(of) if one.grade is not Grade.GOOD]
    assert "There are no files below" in empty.what
    with service(azurite) as client, client.get_container_client("doctor") as box:
        for number in range(4):
            box.upload_blob(f"OMOP/{number}.csv", b"x").close()
        good_ones = list(places.check_sources(of))
        assert {one.grade for one in good_ones} == {Grade.GOOD}
        assert {"Listing", "Reading"} <= {one.what.partition(" ")[0] for one in good_ones}
        with box.get_blob_client("OMOP/1.csv") as blob:
            blob.set_standard_blob_tier("Archive")
    (archived,) = [one for one in places.check_sources(of) if one.grade is not Grade.GOOD]
    assert archived.what.startswith("1 of 4 files below")
    assert "Change tier" in archived.remedy


def test_a_bucket_is_asked(world: World, s3: S3Server) -> None:
    bucket = s3.bucket()
    for number in range(3):
        s3.put(bucket, f"in/{number}.csv", b"x", StorageClass="DEEP_ARCHIVE" if number else "STANDARD")
    source = replace(world.config.sites["OMOP"], place=s3_place(s3.url, bucket, "in"))
    found = list(places.check_sources(Case(world.file, replace(world.config, sites={"OMOP": source}))))
    good = " ".join(one.what for one in found if one.grade is Grade.GOOD)
    assert "This computer's clock agrees" in good
    assert "Listing" in good
    assert "Reading" in good
    (archived,) = [one for one in found if one.grade is not Grade.GOOD]
    assert archived.what.startswith("2 of 3 files below")
    assert archived.remedy


def test_the_cloud_journals_place_is_named(world: World, azurite: Azurite) -> None:
    with service(azurite) as client:
        client.create_container("doctor-journal").close()
    sas = sas_place(azurite, "doctor-journal", permissions="rl", hours=24 * 60)
    cloud = JournalPlaces(world.journal, replace(sas, prefix="journal.db"))
    subjects = {f.subject for f in places.check_journal(Case(world.file, replace(world.config, journal=cloud)))}
    assert subjects == {"Cloud journal"}


def test_a_journal_on_a_share(world: World) -> None:
    place = Place(PlaceKind.FOLDER, "share/journal.db", world.base / "share" / "journal.db")
    of = Case(world.file, replace(world.config, journal=JournalPlaces(world.journal, place)))
    assert severities(places.check_journal, of) == [Grade.BAD]
    (world.base / "share").mkdir()
    assert severities(places.check_journal, of) == [Grade.GOOD]


def sas(expires: str) -> Place:
    token = Sas(f"sv=2025-01-05&sp=rcwdl&sr=c{expires}&sig=topsecret")
    return azure_place("a", "https://a.blob.core.windows.net", token, "c")


@pytest.mark.parametrize(
    ("expires", "severity"),
    [("&se=2026-05-31", Grade.BAD), ("&se=2026-06-05", Grade.WARNING), ("&se=2027-06-05", Grade.GOOD), ("", Grade.GOOD)],
)
def test_a_token_that_ends(world: World, expires: str, severity: Grade) -> None:
    of = Case(world.file, replace(world.config, central=sas(expires)), now=NOW)
    (finding,) = credentials.check_expiry(of)
    assert finding.grade is severity
    assert "topsecret" not in str(finding)


def with_token(world: World, fields: str) -> Case:
    return Case(world.file, replace(world.config, central=sas(fields)), now=NOW)


def test_rights_beyond_the_need_are_a_warning_with_a_remedy(world: World) -> None:
    assert list(credentials.check_rights(with_token(world, "&sp=rcwl&spr=https&sr=c&se=2026-09-01"))) == []
    (found,) = credentials.check_rights(with_token(world, "&sp=rcwdl&spr=https&sr=c&se=2026-09-01"))
    assert (found.grade, "deleting" in found.why) == (Grade.WARNING, True)
    assert "sp=rcwl”" in found.remedy


def test_a_token_that_the_journal_uses_too_may_delete(world: World) -> None:
    place = sas("&sp=rcwdl&spr=https&sr=c&se=2026-09-01")
    of = Case(world.file, replace(world.config, central=place, journal=JournalPlaces(world.journal, place)), now=NOW)
    assert list(credentials.check_rights(of)) == []


def test_an_account_key_is_more_than_is_needed(world: World) -> None:
    of = Case(world.file, replace(world.config, central=replace(sas(""), credentials=AccountKey("a" * 64))), now=NOW)
    (found,) = credentials.check_rights(of)
    assert (found.grade, "account key" in found.what) == (Grade.WARNING, True)


def test_one_token_is_told_once(world: World) -> None:
    config = replace(world.config, central=sas("&se=2026-06-05"), journal=JournalPlaces(world.journal, sas("&se=2026-06-05")))
    assert len(list(credentials.check_expiry(Case(world.file, config, now=NOW)))) == 1


@pytest.mark.parametrize(("free", "severity"), [(10**8, Grade.BAD), (10**9, Grade.WARNING), (10**11, Grade.GOOD)])
def test_room_on_the_disk(world: World, free: int, severity: Grade) -> None:
    assert [f.grade for f in computer.check_space(case(world), lambda _: free)] == [severity, severity]


def test_a_clock_that_was_never_set(world: World) -> None:
    assert list(computer.check_year(replace(case(world), now=NOW))) == []
    assert severities(computer.check_year, replace(case(world), now=datetime(2001, 1, 1, tzinfo=UTC))) == [Grade.BAD]


@pytest.mark.parametrize(("allowed", "count"), [(lambda: True, 0), (lambda: None, 0), (lambda: False, 1)])
def test_long_paths_matter_to_scripts_alone(world: World, allowed: Callable[[], bool | None], count: int) -> None:
    assert list(computer.check_long_paths(case(world), lambda: False)) == []
    scripted = Case(world.file, replace(world.config, upload_method=UploadMethod.AZCLI))
    assert len(list(computer.check_long_paths(scripted, allowed))) == count


def test_old_reviews_and_copies(world: World) -> None:
    of = case(world)
    assert list(leftovers.check_reviews(of)) == []
    world.review()
    review = next((data_folder() / "staging").glob("review-*.db"))
    beside = world.base / ".journal.db.checkin"
    beside.write_bytes(b"x")
    assert list(leftovers.check_copies(of)) == [], "it may be at work just now"
    os.utime(review, (1, 1))
    os.utime(beside, (1, 1))
    assert found(leftovers.check_reviews, of)[0][1].startswith("1 review")
    (left,) = leftovers.check_copies(of)
    assert left.examples == (".journal.db.checkin",)


def test_without_a_configuration_every_check_is_silent_or_says_something_true(tmp_path: Path) -> None:
    of = Case(tmp_path / "nothing.toml", None)
    subjects = {finding.subject for _, check in CHECKS for finding in check(of)}
    assert subjects <= {"Configuration", "This computer"}


def test_a_check_that_fails_is_a_finding(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(_: Case) -> list[Finding]:
        raise JournalBusyError("Somebody works on it.", remedy="Wait.")

    def broken(_: Case) -> list[Finding]:
        raise OSError("the disk is gone")

    monkeypatch.setattr("chorus_gui.app.doctor.examine.CHECKS", (("Journal", busy), ("Site", broken)))
    findings = examine(world.file, JobContext())
    assert (findings[0].grade, findings[0].subject, findings[0].remedy) == (Grade.BAD, "Journal", "Wait.")
    assert "the disk is gone" in findings[1].what


def test_it_can_be_cancelled(world: World) -> None:
    ctx = JobContext()
    ctx.cancel()
    with pytest.raises(Cancelled):
        examine(world.file, ctx)


def test_the_command(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-c", str(world.file), "doctor"]) == 0
    assert "OK\n" in capsys.readouterr().out
    os.rename(world.central, world.base / "elsewhere")
    assert main(["-c", str(world.file), "doctor", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert {entry["severity"] for entry in told} == {"good", "bad"}


def test_paths_of_patients_can_be_left_out() -> None:
    finding = Finding(Grade.WARNING, "Journal", "1 row is odd.", "why", "remedy", ("1001/a.dcm",))
    assert "1001" in to_text([finding])
    assert "1001" not in to_text([finding], examples=False)
