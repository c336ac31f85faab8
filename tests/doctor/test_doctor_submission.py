"""What the doctor says about the submission, about what cannot be read, and about a token that ends: each of it once."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from azure_places import sas_place, service
from platforms import same_place
from pytestqt.qtbot import QtBot
from world import World, ran

from chorus_gui.app import configuration, sampling
from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.app.doctor import credentials, places, site, submission
from chorus_gui.app.doctor.examine import examine
from chorus_gui.app.doctor.model import Case
from chorus_gui.app.options import Selection
from chorus_gui.app.verify import verify
from chorus_gui.cli.main import main
from chorus_gui.core.config.model import JournalPlaces
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Finding, Grade
from chorus_gui.ui.assistant.ending import PreviewStep, advice
from chorus_gui.ui.pages import configuration_tester


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    for patient in ("1001", "1002"):
        world.put(f"{patient}/Images/a.dcm", patient)
        world.put(f"{patient}/Waveforms/w.dat", patient)
    world.put("OMOP/person.csv", "1")
    return world


@pytest.fixture
def unread(world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    """Nobody may look into a folder of the site."""
    return lock_a_folder(world, monkeypatch)


def lock_a_folder(world: World, patch: pytest.MonkeyPatch) -> str:
    real, folder = os.scandir, world.site / "1002" / "Images"

    def refuse(path: str = ".") -> object:
        if same_place(path, folder):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path)

    patch.setattr(os, "scandir", refuse)
    return "1002/Images"


def sample(world: World) -> sampling.Sample:
    return sampling.sample(configuration.check(world.file.read_text("utf-8"), world.file, environ={}), JobContext())


def case(world: World) -> Case:
    return Case(world.file, world.config)


def test_a_sample_says_what_it_could_not_read(world: World, unread: str) -> None:
    found = sample(world)
    assert found.unread == [unread]
    said = sampling.sentence(found)
    assert said == f"Checked every file that could be read: 4 files. 1 file or folder could not be read: “{unread}”."
    assert "the whole site" not in said
    text, grade = advice(found)
    assert grade is Grade.WARNING
    assert "could be read" in text or "No file matches" in text


def test_preview_and_tester_show_it_as_a_warning(qtbot: QtBot, world: World, unread: str) -> None:
    found = sample(world)
    for part in (PreviewStep(), configuration_tester.TesterTab()):
        qtbot.addWidget(part)
        part.show()
        part.show_sample(found)
        assert unread in part.status.text()
        assert part.status.property("grade") == "warning"


def test_the_doctor_names_what_it_could_not_read(world: World, unread: str) -> None:
    (finding,) = site.check_folders(case(world))
    assert finding.grade is Grade.WARNING
    assert finding.what == "1 file or folder of the site could not be read."
    assert finding.examples == (unread,)


def test_the_doctor_names_what_the_last_scan_could_not_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        unread = lock_a_folder(world, patch)
        world.review()
    (finding,) = site.check_folders(case(world))
    assert finding.examples == (unread,)


def test_without_a_problem_the_doctor_says_nothing_of_it(world: World) -> None:
    assert list(site.check_folders(case(world))) == []
    assert sampling.sentence(sample(world)) == "Checked the whole site: 5 files."


def test_the_doctor_reports_a_verification_that_failed(world: World) -> None:
    world.run()
    ran(verify(world.workspace(), JobContext(), Selection()))
    (finding,) = submission.check_status(case(world))
    assert finding.grade is Grade.GOOD
    next(world.central.rglob("a.dcm")).unlink()
    verify(world.workspace(), JobContext(), Selection())
    (finding,) = submission.check_status(case(world))
    assert finding.grade is Grade.BAD
    assert "1 file was missing or different" in finding.what
    assert "file repair" in finding.remedy
    assert finding in examine(world.file, JobContext())


def test_a_failed_verification_of_a_journal_that_is_checked_in_is_one_finding(tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    world = World(tmp_path / "world", more=f'[journal.source]\npath = "{(tmp_path / "share" / "journal.db").as_posix()}"')
    world.put("1001/Images/a.dcm", "1001")
    world.run()
    next(world.central.rglob("a.dcm")).unlink()
    verify(world.workspace(), JobContext(), Selection())
    (finding,) = submission.check_status(case(world))
    assert finding.grade is Grade.BAD
    assert "1 file was missing or different" in finding.what
    assert "journal checkout" in finding.remedy


def test_a_submission_with_warnings_is_not_among_what_is_right(world: World) -> None:
    world.run("record")
    for words in (["hold", "add", "--patient", "1002", "--reason", "consent"], ["file", "upload"]):
        assert main(["-c", str(world.file), *words]) == 0
    ran(verify(world.workspace(), JobContext(), Selection()))
    found = list(submission.check_status(case(world)))
    assert found
    assert all(finding.grade is Grade.WARNING for finding in found), found
    assert any("held back" in finding.what for finding in found)


# --- a token that ends ------------------------------------------------------------------------------------------------


def about_the_expiry(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if "expire" in finding.what]


def test_one_expiry_is_one_finding(world: World, azurite: Azurite) -> None:
    service(azurite).create_container("expiry")
    place = sas_place(azurite, "expiry", hours=9 * 24)
    config = replace(world.config, central=place, journal=JournalPlaces(world.journal, replace(place, prefix="journal.db")))
    of = Case(world.file, config)
    found = [*credentials.check_expiry(of), *places.check_central(of), *places.check_journal(of)]
    (finding,) = about_the_expiry(found)
    assert finding.grade is Grade.WARNING
    assert all("Nothing can be" not in one.why for one in found if one.grade is not Grade.BAD)
    assert Grade.BAD not in {one.grade for one in found}
    assert len(about_the_expiry(list(configuration.test_connection(config, None, None, None, JobContext())))) == 1


def test_a_token_that_has_expired_is_one_finding(world: World, azurite: Azurite) -> None:
    service(azurite).create_container("expired")
    place = sas_place(azurite, "expired", hours=24)
    of = Case(world.file, replace(world.config, central=place))
    of = replace(of, now=of.now + timedelta(days=2))
    (finding,) = [*credentials.check_expiry(of), *places.check_central(of)]
    assert finding.grade is Grade.BAD
    assert "Nothing can be read or written" in finding.why
