"""What the window says about the site, at every place where it says it, after things that go wrong."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QSystemTrayIcon
from pytestqt.qtbot import QtBot
from uiworld import run_job, settle
from world import World

from chorus_gui.app.site_status import Action, site_status
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import ChangeKind, Grade, Mode
from chorus_gui.ui import intents
from chorus_gui.ui.in_window import in_window
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.notify import Notifier
from chorus_gui.ui.pages.overview import OverviewPage
from chorus_gui.ui.pages.review import ReviewPage
from chorus_gui.ui.session import Session
from chorus_gui.ui.settings import Settings
from chorus_gui.ui.state import JobEnd, ScanChoice
from chorus_gui.ui.status import status_of


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, world: World) -> Iterator[MainWindow]:
    made = MainWindow(Session(Settings(tmp_path / "window.ini")))
    made.show()
    made.session.open(world.file)
    settle(qtbot, made.session)
    yield made
    with qtbot.waitSignal(made.closed, timeout=20_000):
        made._stop()
    made.deleteLater()
    made.session.deleteLater()


def overview(window: MainWindow) -> OverviewPage:
    page = window.page("overview")
    assert isinstance(page, OverviewPage)
    return page


def ended(window: MainWindow) -> JobEnd:
    assert window.state.last is not None
    return window.state.last


def scan(qtbot: QtBot, window: MainWindow) -> None:
    run_job(qtbot, window.session, intents.Scan())


def approve(qtbot: QtBot, window: MainWindow, *, record_only: bool = False) -> None:
    review = window.state.review
    assert review is not None
    run_job(qtbot, window.session, intents.Approve(review.revision, record_only=record_only))


def assert_said_everywhere(window: MainWindow) -> None:
    """Overview, its steps, the title, the chip and the tray's icon say one thing."""
    status = status_of(window.state)
    assert status is not None
    page = overview(window)
    assert page.title.text() == status.headline
    assert page.lead.text() == in_window(" ".join((status.text, *status.warnings)))
    assert window.windowTitle().endswith(f"{status.headline} – CHoRUS Upload")
    assert window.top.status.accessibleName() == f"Status: {status.headline}"
    assert window.top.status.property("chip") == status.grade.value
    assert status.headline.rstrip("…") in window.notifier._status
    for card, step in zip(page.cards, status.steps, strict=True):
        assert card.accessibleName().endswith(in_window(step.text))


# --- bad news is never green --------------------------------------------------------------------------------------------


def test_a_scan_with_a_problem(qtbot: QtBot, window: MainWindow, world: World) -> None:
    world.put("1001/Images/1002/Images/a.dcm")
    locked = world.site / "1002" / "Images"
    shutil.rmtree(locked)
    locked.symlink_to(world.base / "nowhere")
    scan(qtbot, window)
    review = window.state.review
    assert review is not None
    if not review.summary.total(ChangeKind.PROBLEM).files:
        pytest.skip("this system follows the link")
    assert ended(window).grade is Grade.WARNING
    assert window.notice.property("notice") == "warning"
    assert_said_everywhere(window)


@pytest.mark.parametrize("submitted", [False, True])
@pytest.mark.parametrize("how", ["renamed", "emptied"])
def test_the_drive_is_gone(qtbot: QtBot, window: MainWindow, world: World, how: str, submitted: bool) -> None:
    if submitted:
        scan(qtbot, window)
        approve(qtbot, window)
        run_job(qtbot, window.session, intents.Verify())
        assert status_of(window.state).grade is Grade.GOOD  # type: ignore[union-attr]
    world.site.rename(world.base / "elsewhere")
    if how == "emptied":
        world.site.mkdir()
    scan(qtbot, window)
    status = status_of(window.state)
    assert status is not None
    assert (status.grade, status.headline) == (Grade.BAD, "Could not read the site's files")
    assert str(world.site) in status.text
    assert status.next.action is Action.SCAN
    assert window.notice.property("notice") != "good"
    assert_said_everywhere(window)


def test_a_verification_that_failed(qtbot: QtBot, window: MainWindow, world: World) -> None:
    scan(qtbot, window)
    approve(qtbot, window)
    run_job(qtbot, window.session, intents.Verify())
    next(world.central.rglob("a.dcm")).unlink()
    run_job(qtbot, window.session, intents.Verify())
    assert ended(window).grade is Grade.WARNING
    status = status_of(window.state)
    assert status is not None
    assert (status.grade, status.headline) == (Grade.BAD, "The central store differs from the journal")
    assert "1 file was missing or different" in status.text
    assert status.next.action is Action.REPAIR
    assert_said_everywhere(window)


def test_a_version_that_lost_its_marker_is_marked_again_with_the_button(qtbot: QtBot, window: MainWindow, world: World) -> None:
    scan(qtbot, window)
    approve(qtbot, window)
    run_job(qtbot, window.session, intents.Verify())
    status = status_of(window.state)
    assert status is not None
    assert status.grade is Grade.GOOD, status
    marker = next(world.central.glob("*/submission.json"))
    marker.unlink()
    window.session.look()
    settle(qtbot, window.session)
    status = status_of(window.state)
    assert status is not None
    assert (status.grade, status.next.action) == (Grade.BAD, Action.MARK_COMPLETE)
    assert_said_everywhere(window)
    button = overview(window).primary
    assert (button.text(), button.isEnabled()) == (f"Mark {marker.parent.name} as complete", True)
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        button.click()
    settle(qtbot, window.session)
    assert marker.exists()
    assert "Wrote its completion marker" in ended(window).text
    status = status_of(window.state)
    assert status is not None
    assert status.next.action is not Action.MARK_COMPLETE


def test_a_failure_while_sending(qtbot: QtBot, window: MainWindow, world: World) -> None:
    scan(qtbot, window)
    (world.site / "1001/Images/a.dcm").unlink()
    approve(qtbot, window)
    assert ended(window).grade is Grade.WARNING
    status = status_of(window.state)
    assert status is not None
    assert (status.grade, status.headline) == (Grade.BAD, "1 file failed")
    assert_said_everywhere(window)


# --- nothing is forgotten -----------------------------------------------------------------------------------------------


def test_one_bad_file_does_not_hide_the_others(qtbot: QtBot, window: MainWindow, world: World) -> None:
    scan(qtbot, window)
    (world.site / "1001/Images/a.dcm").unlink()
    approve(qtbot, window, record_only=True)
    assert overview(window).primary.text() == "Upload 3 pending files"
    window.show_page("upload")
    page = window.page("upload")
    assert page is not None
    buttons = {button.text() for button in page.findChildren(type(overview(window).primary)) if button.isVisible()}
    assert any(("3 " in text and "pending" in text) or text.startswith("Resume") for text in buttons), buttons
    run_job(qtbot, window.session, intents.UploadPending())
    assert {file.name for file in world.central.rglob("*.d??")} == {"a.dat", "b.dcm"}


def test_after_a_stop_it_offers_to_resume_and_that_does(qtbot: QtBot, window: MainWindow, world: World) -> None:
    for number in range(40):
        world.put(f"1001/Images/{number}.dcm", "x" * 50_000 + str(number))
    scan(qtbot, window)
    window.do(intents.SetLimit("400 kB/s"))
    review = window.state.review
    assert review is not None
    window.do(intents.Approve(review.revision))
    qtbot.waitUntil(lambda: len(list(world.central.rglob("*.dcm"))) > 3, timeout=20_000)
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        window.do(intents.CancelJob())
    settle(qtbot, window.session)
    window.do(intents.SetLimit("off"))
    page = overview(window)
    left = page.primary.text()
    assert left.startswith("Resume: ")
    assert left.endswith(" left")
    assert_said_everywhere(window)
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        page.primary.click()
    settle(qtbot, window.session)
    assert len(list(world.central.rglob("*.dcm"))) == 42
    assert page.primary.text().startswith("Verify ")


def test_after_a_crash_it_offers_to_resume(qtbot: QtBot, window: MainWindow, world: World) -> None:
    world.run("record")
    with Journal.open(world.journal) as journal:  # a process that was killed while it uploaded
        journal.begin_command("file upload", "", common="", src_paths={}, dest=None)
    window.do(intents.Refresh())
    settle(qtbot, window.session)
    assert overview(window).primary.text().startswith("Resume: 4 files, ")
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        overview(window).primary.click()
    settle(qtbot, window.session)
    assert overview(window).primary.text().startswith("Verify ")


# --- another site, another job ------------------------------------------------------------------------------------------


def test_another_site_starts_without_messages_and_filters(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    scan(qtbot, window)
    page = window.page("review")
    assert page is not None
    page.show_topic("deleted")
    assert window.state.last is not None
    other = World(tmp_path / "other")
    other.put("1/Images/a.dcm", "a")
    window.do(intents.OpenConfig(other.file))
    settle(qtbot, window.session)
    assert window.state.last is None
    assert not window.notice.isVisible()
    assert not any(tile.isChecked() for tile in page.tiles.tiles.values())  # type: ignore[attr-defined]


def test_the_banner_of_a_job_goes_when_the_next_begins(qtbot: QtBot, window: MainWindow) -> None:
    scan(qtbot, window)
    assert window.notice.isVisible()
    window.do(intents.Verify())
    assert window.state.last is None or window.state.last.title != "Scan"
    settle(qtbot, window.session)


# --- faces --------------------------------------------------------------------------------------------------------------


def test_the_tray_has_the_grade_of_the_end_and_the_status(qtbot: QtBot, window: MainWindow, world: World) -> None:
    from test_ui_notify import Tray

    tray = Tray()
    notifier = Notifier(window, lambda _: tray, lambda _: None)
    notifier.show_status("site: Could not read the site's files. Check the drive.")
    world.site.rename(world.base / "elsewhere")
    scan(qtbot, window)
    end = ended(window)
    window.hide()
    notifier.ended(JobEnd(end.id, end.kind, end.title, end.outcome, end.text, seconds=100.0, faulty=end.faulty))
    ((_, _, icon),) = tray.shown
    assert icon is QSystemTrayIcon.MessageIcon.Warning
    assert "Could not read the site's files" in tray.tip


def test_the_command_line_says_the_same(qtbot: QtBot, window: MainWindow, world: World) -> None:
    from chorus_gui.app.facts import known
    from chorus_gui.core.job import JobContext

    for step in ("nothing", "scan", "gone"):
        if step == "gone":
            world.site.rename(world.base / "elsewhere")
        if step != "nothing":
            scan(qtbot, window)
        assert site_status(known(world.workspace(), JobContext())) == status_of(window.state)


# --- one mode -----------------------------------------------------------------------------------------------------------


def test_the_menu_and_the_shortcut_scan_as_the_page_says(qtbot: QtBot, window: MainWindow, world: World, tmp_path: Path) -> None:
    page = window.page("review")
    assert isinstance(page, ReviewPage)
    entry = next(action for action in window.findChildren(QAction) if action.text() == "&Scan the site")
    assert entry.shortcut().toString() == "Ctrl+R"
    for mode in (Mode.APPEND, Mode.FULL, None):
        page.scan.mode.setCurrentIndex(page.scan.mode.findData(mode))
        for start in (entry.trigger, page.scan.go.click, overview(window).primary.click):
            if start == overview(window).primary.click and overview(window).primary.text() != "Scan the site":
                continue
            with qtbot.waitSignal(window.session.ended, timeout=20_000):
                start()
            settle(qtbot, window.session)
            assert window.state.review is not None
            assert window.state.review.mode == (mode or world.config.mode).value
    page.scan._boxes["OMOP"].setChecked(False)
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        entry.trigger()
    settle(qtbot, window.session)
    assert "OMOP" not in window.state.review.modalities
    other = World(tmp_path / "other")
    window.do(intents.OpenConfig(other.file))
    settle(qtbot, window.session)
    assert window.state.scan == ScanChoice()
    assert page.scan.chosen == ()
    assert page.scan.mode.currentIndex() == 0


# --- what others change -------------------------------------------------------------------------------------------------


def activate(qtbot: QtBot, window: MainWindow) -> None:
    """The window comes to the front."""
    window.session.outside.look()
    settle(qtbot, window.session)


def test_a_configuration_that_another_program_changed_is_read_again(qtbot: QtBot, window: MainWindow, world: World) -> None:
    activate(qtbot, window)
    assert window.state.last is None
    world.file.write_text(world.file.read_text("utf-8").replace("num_threads = 4", "num_threads = 2"), "utf-8")
    activate(qtbot, window)
    assert window.state.config is not None
    assert window.state.config.threads == 2
    assert "config.toml" in ended(window).text


def test_a_journal_that_the_command_line_changed_is_read_again(qtbot: QtBot, window: MainWindow, world: World) -> None:
    world.run("record")
    activate(qtbot, window)
    assert window.state.journal is not None
    assert window.state.journal.pending.files == 4
    assert_said_everywhere(window)


def test_a_change_of_the_configuration_during_a_job_is_said_and_read_afterwards(qtbot: QtBot, window: MainWindow, world: World) -> None:
    for number in range(20):
        world.put(f"1001/Images/{number}.dcm", "x" * 50_000 + str(number))
    scan(qtbot, window)
    window.do(intents.SetLimit("400 kB/s"))
    review = window.state.review
    assert review is not None
    window.do(intents.Approve(review.revision))
    world.file.write_text(world.file.read_text("utf-8").replace("num_threads = 4", "num_threads = 2"), "utf-8")
    window.session.outside.look()
    qtbot.waitUntil(lambda: window.state.last is not None and "running job" in window.state.last.text, timeout=20_000)
    assert ended(window).grade is Grade.WARNING
    assert window.state.config is not None
    assert window.state.config.threads == 4
    with qtbot.waitSignal(window.session.ended, timeout=20_000):
        window.do(intents.CancelJob())
    settle(qtbot, window.session)
    window.do(intents.SetLimit("off"))
    assert window.state.config.threads == 2
