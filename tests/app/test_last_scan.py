"""What a scan of the command line found is not forgotten when the command ends: the status says it until something newer replaces it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from test_site_status import AFTER, BEFORE, GOOD, HERE, SCANNED, SENT, journal, receipt, review
from world import World, ran

from chorus_gui.app import facts
from chorus_gui.app.options import SubmitOptions
from chorus_gui.app.review import scan
from chorus_gui.app.site_status import COMMANDS, Action, Known, SiteStatus, site_status
from chorus_gui.app.values import ReceiptFacts, ReviewFacts, ScanFacts
from chorus_gui.app.verify import verify
from chorus_gui.cli.main import main
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Grade
from chorus_gui.core.submission.work import Selection


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Everything is submitted and verified."""
    world = World(tmp_path)
    world.put("1/Images/a.dcm", "a")
    world.run(version="v1")
    ran(verify(world.workspace(), JobContext(), Selection()))
    assert status(world).grade is Grade.GOOD
    return world


def status(world: World) -> SiteStatus:
    return site_status(facts.known(world.workspace(), JobContext()))


def command(world: World, *words: str) -> int:
    return main(["-c", str(world.file), *words])


@pytest.mark.parametrize("words", [["scan"], ["submit"]], ids=["scan", "a submission that nobody approved"])
def test_changes_that_a_command_found_are_the_next_step_until_they_are_submitted(world: World, words: list[str]) -> None:
    world.put("2/Images/b.dcm", "bb")
    command(world, *words)
    shown = status(world)
    assert (shown.headline, shown.grade) == ("1 change to review", Grade.INFO)
    assert "1 change, 2 B to upload" in shown.text
    assert COMMANDS[shown.next.action] == "submit"
    assert command(world, "submit", "--yes") == 0
    shown = status(world)
    assert "review" not in shown.headline
    assert shown.next.action is Action.VERIFY


@pytest.mark.parametrize("words", [["scan"], ["submit", "--yes"]])
def test_changes_that_are_held_back_are_named(world: World, words: list[str]) -> None:
    world.put("2/Images/b.dcm", "bb")
    assert command(world, "hold", "add", "--patient", "2", "--reason", "consent") == 0
    assert command(world, *words) == 0
    shown = status(world)
    assert shown.grade is Grade.WARNING
    assert "1 change is held back." in shown.warnings


def test_a_change_that_was_released_is_not_held_back_and_not_submitted(world: World) -> None:
    """The status names no count of a list that has changed since, and does not call everything submitted."""
    world.put("2/Images/b.dcm", "bb")
    assert command(world, "hold", "add", "--patient", "2", "--reason", "consent") == 0
    assert command(world, "submit", "--yes") == 0
    assert command(world, "hold", "release", "--patient", "2") == 0
    shown = status(world)
    assert shown.grade is Grade.WARNING
    assert [line for line in shown.warnings if "Scan again to see what can be uploaded." in line]
    assert not [line for line in shown.warnings if "1 change is held back" in line]
    assert command(world, "scan") == 0
    assert status(world).next.action is Action.SUBMIT_FOUND


def test_a_newer_review_of_the_window_replaces_it(world: World) -> None:
    file = world.put("2/Images/b.dcm", "bb")
    assert command(world, "scan") == 0
    file.unlink()
    ran(scan(world.workspace(), JobContext(), SubmitOptions()))
    assert status(world).grade is Grade.GOOD
    world.put("2/Images/c.dcm", "c")
    assert command(world, "scan") == 0
    assert status(world).next.action is Action.SUBMIT_FOUND


def test_the_review_of_the_window_stays_as_it_was(world: World) -> None:
    world.put("2/Images/b.dcm", "bb")
    ran(scan(world.workspace(), JobContext(), SubmitOptions()))
    before = facts.review(world.config, 0, JobContext())
    world.put("2/Images/c.dcm", "c")
    assert command(world, "scan") == 0
    assert facts.review(world.config, 0, JobContext()) == before
    assert status(world).next.action is Action.REVIEW


def test_a_scan_before_the_first_submission(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.put("1/Images/a.dcm", "a")
    command(world, "scan")
    assert status(world).next.action is Action.SUBMIT_FOUND


def test_a_scan_that_found_nothing_is_enough(world: World) -> None:
    """The site was scanned, so nobody is asked to scan it again."""
    known = Known(HERE, replace(journal(), scanned=ScanFacts(AFTER + 1)), None, (GOOD, receipt("record", "two", at=SCANNED)))
    assert site_status(replace(known, journal=journal())).next.action is Action.SCAN
    assert site_status(known).next.action is not Action.SCAN or site_status(known).grade is Grade.GOOD
    for other in ({"whole": False}, {"current": False}, {"problems": 1}):
        changed = replace(known, journal=replace(journal(), scanned=replace(ScanFacts(AFTER + 1), **other)))
        assert site_status(changed).grade is not Grade.GOOD, other


FOUND = ScanFacts(AFTER + 1, changes=3, send_bytes=30)


@pytest.mark.parametrize("found", [FOUND, replace(FOUND, changes=0, held=2), replace(FOUND, changes=0, problems=1)])
@pytest.mark.parametrize("seen", [None, review(), review(stale="changed")])
def test_what_a_scan_found_is_never_green(found: ScanFacts, seen: ReviewFacts | None) -> None:
    known = Known(HERE, journal(), seen, (GOOD, SENT))
    assert site_status(known).grade is Grade.GOOD
    assert site_status(replace(known, journal=replace(journal(), scanned=found))).grade is not Grade.GOOD


@pytest.mark.parametrize(
    ("found", "receipts"),
    [
        pytest.param(replace(FOUND, current=False), (GOOD, SENT), id="the journal has changed since"),
        pytest.param(replace(FOUND, at_us=BEFORE), (GOOD, SENT), id="a submission came after it"),
    ],
)
def test_what_no_longer_holds_is_not_said(found: ScanFacts, receipts: tuple[ReceiptFacts, ...]) -> None:
    known = Known(HERE, replace(journal(), scanned=found), None, receipts)
    assert site_status(known).grade is Grade.GOOD


def test_files_that_failed_come_before_the_changes_that_they_were() -> None:
    failed = receipt("submission", "two", clean=False, failures=3, at=AFTER + 2)
    known = Known(HERE, replace(journal(), scanned=FOUND), None, (failed, GOOD, SENT))
    assert site_status(known).headline == "3 files failed"


@pytest.mark.parametrize("after", [[], ["journal", "undo", "--version", "v2"]], ids=["next", "after another command"])
def test_an_upload_that_was_cut_off_is_named_until_a_scan_finds_nothing(world: World, after: list[str]) -> None:
    """A killed submission leaves its line in the history without an end, and entries of a part of its files."""
    world.put("2/Images/b.dcm", "b")
    assert command(world, "submit", "--yes", "--version", "v2") == 0
    more = world.put("2/Images/c.dcm", "c")
    with Journal.open(world.journal) as opened:
        opened.begin_command("submit", "--version v2", common="", src_paths={}, dest=None)
    assert not after or command(world, *after)
    shown = status(world)
    assert (shown.next.action, shown.headline) == (Action.SCAN, "The upload is not complete")
    assert "interrupted" in shown.steps[2].text
    assert command(world, "scan") == 0
    shown = status(world)
    assert shown.next.action is Action.SUBMIT_FOUND
    assert "interrupted" in shown.steps[2].text
    more.unlink()
    assert command(world, "scan") == 0
    shown = status(world)
    assert shown.next.action is Action.VERIFY, shown
    assert shown.steps[2].text == "Version v2 is in the central store."


def test_a_site_with_scripts_gets_only_commands_that_it_can_use(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.put("2/Images/b.dcm", "bb")
    world.file.write_text(world.file.read_text("utf-8").replace("[central_path]", '[central_path]\nupload_method = "azcli"'), "utf-8")
    assert command(world, "scan") == 0
    capsys.readouterr()
    assert command(world, "status") == 0
    assert "Next: chorus-upload journal update" in capsys.readouterr().out
    assert command(world, "journal", "update") == 0
    (world.central / "v1/1/Images/a.dcm").unlink()
    assert command(world, "file", "repair") == 2
    said = capsys.readouterr().err
    assert "Set upload_method to “builtin”" in said
    assert "journal update" not in said, "it would not repair the file"
