"""Intents in, states out: on a real site, store and journal."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from uiworld import run_job, settle
from world import World

from chorus_gui.app.values import StoreKind
from chorus_gui.core.custody.state import State as Custody
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.model import ChangeKind, Grade, Tally
from chorus_gui.ui import hold_intents, intents, job_intents, readiness_intents, saving_intents, site_intents
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import JobKind


def test_a_faulty_configuration_is_told_with_its_faults(session: Session, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[configuration]\npage_size = "many"\n', "utf-8")
    session.open(file)
    state = session.state
    assert state.config is None
    assert state.config_file == file
    assert any(fault.key.endswith("page_size") for fault in state.faults)
    assert state.recents == (file,)
    assert state.store_kind is StoreKind.NONE


def test_opening_tells_everything_about_a_site(opened: Session, world: World) -> None:
    state = opened.state
    assert state.config is not None
    assert state.custody.state is Custody.NOT_IN_CLOUD
    assert state.custody.may_write
    assert state.journal is not None
    assert not state.journal.exists
    assert state.review is None
    assert state.store_kind is StoreKind.TEST
    opened.do(intents.MarkTest(test=False))
    assert opened.state.store_kind is StoreKind.CENTRAL
    assert opened.settings.marked_test(world.file) is False


def test_a_whole_submission(qtbot: QtBot, opened: Session, world: World) -> None:
    run_job(qtbot, opened, intents.Scan())
    review = opened.state.review
    assert review is not None
    assert review.summary.total(ChangeKind.ADDED).files == 4
    assert review.to_send.files == 4
    assert review.stale == ""

    with_images = [change for change in world.changes() if change.path.endswith("b.dcm")]
    run_job(qtbot, opened, intents.Scan())  # the helper above scanned on its own
    run_job(qtbot, opened, intents.HoldBack((with_images[0].id,), "not ours", 1))
    held = opened.state.review
    assert held is not None
    assert held.revision > review.revision
    assert held.summary.excluded == 1

    run_job(qtbot, opened, intents.Approve(review.revision))
    assert opened.state.last is not None
    assert opened.state.last.outcome is OutcomeKind.FAILED, "what was shown is not what is there"

    run_job(qtbot, opened, intents.Approve(held.revision))
    state = opened.state
    assert state.last is not None
    assert state.last.outcome is OutcomeKind.DONE, state.last
    assert state.last.receipt is not None
    assert state.last.receipt.exists()
    assert state.journal is not None
    assert state.journal.active.files == 3
    assert state.journal.pending == Tally()
    assert [facts.kind for facts in state.receipts] == ["submission"]
    world.check_truth()

    run_job(qtbot, opened, intents.Verify(reread=True))
    verify = opened.state.verify
    assert verify is not None
    assert verify.complete
    assert sum(verify.counts.values()) == 3
    assert verify.bad_total == 0
    (world.central / next(iter(world.central.rglob("a.dcm")))).write_bytes(b"spoilt")
    run_job(qtbot, opened, intents.Verify())
    assert opened.state.verify is not None
    assert [line.path for line in opened.state.verify.bad] == ["1001/Images/a.dcm"]


def test_record_then_take_back_then_upload(qtbot: QtBot, opened: Session, world: World) -> None:
    run_job(qtbot, opened, intents.Scan(modalities=("OMOP",)))
    assert opened.state.review is not None
    run_job(qtbot, opened, intents.Approve(opened.state.review.revision, version="first", record_only=True))
    assert opened.state.journal is not None
    assert opened.state.journal.pending.files == 1
    run_job(qtbot, opened, intents.Undo("first"))
    assert opened.state.journal is not None
    assert opened.state.journal.pending.files == 0
    assert opened.state.review is not None
    assert opened.state.review.stale

    run_job(qtbot, opened, intents.Scan())
    assert opened.state.review is not None
    run_job(qtbot, opened, intents.Approve(opened.state.review.revision, version="second", record_only=True))
    run_job(qtbot, opened, intents.UploadPending("second"))
    assert opened.state.journal is not None
    assert opened.state.journal.pending.files == 0
    assert {facts.kind for facts in opened.state.receipts} == {"record", "undo", "upload"}
    world.check_truth()


def test_what_failed_is_kept_and_can_be_tried_again(qtbot: QtBot, opened: Session, world: World, tmp_path: Path) -> None:
    run_job(qtbot, opened, intents.Scan())
    gone = world.site / "1001/Images/a.dcm"
    content = gone.read_bytes()
    stat = gone.stat()
    gone.unlink()
    assert opened.state.review is not None
    run_job(qtbot, opened, intents.Approve(opened.state.review.revision))
    assert [failure.item.path for failure in opened.state.failures] == ["1001/Images/a.dcm"]
    listed = tmp_path / "failures.csv"
    run_job(qtbot, opened, intents.ExportFailures(listed))
    assert "1001/Images/a.dcm" in listed.read_text("utf-8-sig")

    world.put("1001/Images/a.dcm", content.decode(), mtime=stat.st_mtime)
    run_job(qtbot, opened, intents.RetryFailed())
    assert opened.state.failures == ()
    assert len(world.active()) == 4
    world.check_truth()


def test_errors_of_an_intent_are_told_like_a_jobs(session: Session) -> None:
    session.do(intents.Scan())
    last = session.state.last
    assert last is not None
    assert last.grade is Grade.BAD
    assert "No usable configuration is open" in last.text
    session.do(intents.DismissNotice())
    assert session.state.last is None


def test_every_intent_is_answered(session: Session) -> None:
    modules = (intents, readiness_intents, hold_intents, saving_intents, site_intents, job_intents)
    values = [value for module in modules for value in vars(module).values()]
    wanted = {value for value in values if isinstance(value, type) and issubclass(value, intents.Intent)}
    assert wanted - {intents.Intent} == set(session._handlers)


def test_local_data_is_cleared(qtbot: QtBot, opened: Session) -> None:
    run_job(qtbot, opened, intents.Scan())
    review = opened.state.review
    assert review is not None
    run_job(qtbot, opened, intents.ClearLocalData())
    assert opened.state.review is None
    assert not review.path.exists()


def test_exports(qtbot: QtBot, opened: Session, tmp_path: Path) -> None:
    from chorus_gui.core.review.values import Query

    run_job(qtbot, opened, intents.Scan())
    changes, holds = tmp_path / "changes.csv", tmp_path / "holds.toml"
    run_job(qtbot, opened, intents.ExportChanges(changes, Query(modalities=("Images",))))
    lines = changes.read_text("utf-8-sig").splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("added,Images,1001,1001/Images/a.dcm,5,")
    run_job(qtbot, opened, intents.HoldBackPatient("1002", "consent withdrawn"))
    run_job(qtbot, opened, intents.ExportHolds(holds))
    run_job(qtbot, opened, intents.ClearLocalData())
    run_job(qtbot, opened, intents.Scan())
    assert opened.state.review is not None
    assert opened.state.review.summary.excluded == 1  # the shared list has it
    (tmp_path / "world" / "journal.db.chorus" / "holds.json").unlink()
    run_job(qtbot, opened, intents.ClearLocalData())
    run_job(qtbot, opened, intents.Scan())
    assert opened.state.review is not None
    assert opened.state.review.summary.excluded == 0
    run_job(qtbot, opened, intents.ImportHolds(holds))
    assert opened.state.review is not None
    assert opened.state.review.summary.excluded == 1
    listed = tmp_path / "list.txt"
    run_job(qtbot, opened, intents.Approve(opened.state.review.revision, record_only=True))
    run_job(qtbot, opened, intents.ExportFileList(listed))
    assert len(listed.read_text("utf-8").splitlines()) == 3


def test_the_demo_opens_as_a_test_set_up(qtbot: QtBot, session: Session, tmp_path: Path) -> None:
    run_job(qtbot, session, intents.OpenDemo(tmp_path / "demo"))
    settle(qtbot, session)
    assert session.state.demo
    assert session.state.store_kind is StoreKind.TEST
    run_job(qtbot, session, intents.TestConnection())
    assert [finding.grade for finding in session.state.test] == [Grade.GOOD, Grade.GOOD]


def test_saving_a_configuration_notices_another_program(qtbot: QtBot, opened: Session, world: World) -> None:
    before = world.file.read_text("utf-8")
    after = before.replace("num_threads = 4", "num_threads = 2")
    run_job(qtbot, opened, intents.SaveConfig(world.file, after, based_on=before))
    settle(qtbot, opened)
    assert opened.state.config is not None
    assert opened.state.config.threads == 2
    run_job(qtbot, opened, intents.SaveConfig(world.file, before, based_on=before))
    assert opened.state.last is not None
    assert opened.state.last.outcome is OutcomeKind.FAILED
    assert "changed by another program" in opened.state.last.text
    run_job(qtbot, opened, intents.SaveConfig(world.file, before, based_on=before, overwrite=True))
    settle(qtbot, opened)
    assert opened.state.config.threads == 4


@pytest.mark.parametrize("kind", [JobKind.SCAN, JobKind.UPLOAD])
def test_a_state_knows_what_runs(qtbot: QtBot, opened: Session, kind: JobKind) -> None:
    assert opened.state.running is None
    gate = threading.Event()
    opened.start(kind, "A job", lambda _: gate.wait(20))
    qtbot.waitUntil(lambda: opened.state.running is not None, timeout=5000)
    assert opened.state.running is not None
    assert opened.state.running.kind is kind
    assert {other for other in JobKind if opened.state.busy_with(other)} == {kind}
    with qtbot.waitSignal(opened.ended, timeout=20_000):
        gate.set()
    assert opened.state.running is None
    assert not opened.state.busy_with(kind)


def test_a_job_that_found_something_wrong_is_not_green(qtbot: QtBot, opened: Session, world: World) -> None:
    """Green is for jobs that finished and found nothing wrong: each kind of run, with a fault and without."""

    def grade(intent: intents.Intent) -> Grade:
        run_job(qtbot, opened, intent)
        assert opened.state.last is not None
        return opened.state.last.grade

    assert grade(intents.Scan()) is Grade.GOOD
    assert opened.state.review is not None
    lost = world.site / "1001/Images/a.dcm"
    lost.unlink()
    assert grade(intents.Approve(opened.state.review.revision, version="v1")) is Grade.WARNING, "one file failed"
    assert grade(intents.Verify()) is Grade.GOOD
    sent = next(file for file in world.central.rglob("*.dat"))
    sent.write_bytes(b"other")
    assert grade(intents.Verify()) is Grade.WARNING, "one file differs"
    world.site.rename(world.site.with_name("away"))
    assert grade(intents.Scan()) is Grade.WARNING, "the site could not be read"


def test_what_a_job_said_is_gone_when_another_begins_or_another_site_is_open(
    qtbot: QtBot, opened: Session, world: World, tmp_path: Path
) -> None:
    run_job(qtbot, opened, intents.Scan())
    assert opened.state.last is not None
    seen: list[object] = []
    opened.changed.connect(lambda state: seen.append(state.last))
    run_job(qtbot, opened, intents.Verify())
    assert None in seen, "not beside the job that runs"
    other = World(tmp_path / "other")
    opened.open(other.file)
    assert opened.state.last is None


def test_what_was_read_of_the_last_site_is_not_shown_with_a_faulty_configuration(
    qtbot: QtBot, opened: Session, world: World, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("nonsense")
    opened.look()
    opened.open(bad)
    settle(qtbot, opened)
    state = opened.state
    assert (state.config, state.journal, state.review, state.readiness) == (None, None, None, None)
