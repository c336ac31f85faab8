"""What was approved is what runs, on both faces: pending files are part of the review, or they stay pending."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from faces import ONE, Asked, CommandLine, Face, Window, history
from world import World

from chorus_gui.app.status import Status
from chorus_gui.core.job import OutcomeKind
from chorus_gui.ui import intents

NEW = "1003/Images/new.dcm"
OMOP = "OMOP/person.csv"


def recorded_in_two_versions(world: World) -> None:
    """Three modalities are pending in version v1, another image in v2; then a new image appears."""
    world.run("record", version="v1")
    world.put("1002/Images/second.dcm", "second")
    world.run("record", version="v2")
    world.put(NEW, "new")


def sent(world: World) -> set[str]:
    world.check_truth()
    return {row.path for row in world.rows(active=True) if row.uploaded}


def left(world: World) -> set[str]:
    return {row.path for row in world.rows(active=True) if not row.uploaded}


class Typing(io.StringIO):
    """Somebody at a terminal."""

    def isatty(self) -> bool:
        return True


V1 = {OMOP, ONE, "1001/Waveforms/a.dat", "1002/Images/b.dcm"}
SECOND = "1002/Images/second.dcm"
CHOICES = [
    (Asked(), {*V1, SECOND, NEW}),
    (Asked(version="v3"), {NEW}),
    (Asked(version="v1"), {*V1, NEW}),
    (Asked(amend=True), {SECOND, NEW}),
    (Asked(modalities=("OMOP",)), {OMOP}),
    (Asked(modalities=("Images",)), {ONE, "1002/Images/b.dcm", SECOND, NEW}),
    (Asked(modalities=("Images", "Waveforms"), version="v2"), {SECOND, NEW}),
    (Asked(pending=False), {NEW}),
    (Asked(modalities=("OMOP",), pending=False), set[str]()),
]
"""What is asked for, and the files that are sent: no others."""


@pytest.mark.parametrize(("asked", "expected"), CHOICES, ids=lambda value: value.words or "nothing" if isinstance(value, Asked) else "")
def test_nothing_else_is_sent(asked: Asked, expected: set[str], face: Face, world: World) -> None:
    recorded_in_two_versions(world)
    ended = face.scan_and("submit", asked)
    assert ended.outcome is OutcomeKind.DONE, ended
    assert sent(world) == expected


@pytest.mark.parametrize("asked", [Asked(), Asked(modalities=("Images",), version="v1")], ids=lambda asked: asked.words or "nothing")
def test_recording_sends_nothing(asked: Asked, face: Face, world: World) -> None:
    recorded_in_two_versions(world)
    assert face.scan_and("record", asked).outcome is OutcomeKind.DONE
    assert sent(world) == set()


# --- what is shown -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["submit --yes", "journal update --dry-run", "journal update"])
def test_the_review_shows_what_is_pending(words: str, cli: CommandLine, world: World) -> None:
    recorded_in_two_versions(world)
    out = cli.run(words).out
    assert "Pending: 5 files" in out
    assert "version v1" in out
    assert "version v2" in out


def test_the_review_is_silent_where_nothing_is_pending(cli: CommandLine, world: World) -> None:
    assert "Pending" not in cli.run("submit --yes").out


def test_what_is_pending_elsewhere_is_named_and_stays(cli: CommandLine, world: World) -> None:
    recorded_in_two_versions(world)
    out = cli.run("submit --yes --modalities OMOP").out
    assert "Pending: 1 file" in out
    assert "4 files of other versions or modalities are also pending, and not part of this submission." in out


@pytest.mark.parametrize("words", ["submit --yes", "journal update", "file upload"])
@pytest.mark.parametrize("named", ["", ",", " "])
def test_an_empty_choice_is_not_everything(words: str, named: str, cli: CommandLine, world: World) -> None:
    """As with a variable of a script that is empty."""
    recorded_in_two_versions(world)
    rows = world.rows(active=True)
    ended = cli.run(f"{words} --modalities={named}" if named.strip() else f"{words} --modalities '{named}'")
    assert ended.status == Status.NOT_STARTED
    assert "names no modality" in ended.said
    assert world.rows(active=True) == rows


def test_a_program_reads_what_is_pending(cli: CommandLine, world: World) -> None:
    recorded_in_two_versions(world)
    found = json.loads(cli.run("journal update --dry-run --json --modalities Images,OMOP").out)["pending"]
    assert found["files"] == 4
    assert found["by_version"]["v1"]["Images"]["files"] == 2
    assert found["by_version"]["v2"] == {"Images": {"files": 1, "bytes": 6}}
    assert found["bytes"] == sum(part["bytes"] for parts in found["by_version"].values() for part in parts.values())


def test_a_pending_file_that_this_review_replaces_is_counted_once(cli: CommandLine, world: World) -> None:
    world.run("record", version="v1")
    world.put(ONE, "another image, longer")
    assert "Pending: 3 files" in cli.run("submit --yes").out
    assert len(sent(world)) == 4


@pytest.mark.parametrize("reviewed", [True, False], ids=["patient held", "nobody held"])
def test_what_is_held_back_does_not_go_along(reviewed: bool, window: Window, world: World) -> None:
    world.run("record", version="v1")
    world.put(NEW, "new")
    window.run(intents.Scan())
    if reviewed:
        window.run(intents.HoldBackPatient("1001", "consent"))
    review = window.session.state.review
    assert review is not None
    assert review.pending.total.files == (2 if reviewed else 4)
    window.run(intents.Approve(review.revision))
    assert (ONE in sent(world)) is not reviewed
    assert NEW in sent(world)


# --- the question --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [True, False], ids=["changes", "nothing new"])
@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "nobody"])
def test_what_is_pending_is_asked_about(change: bool, terminal: bool, cli: CommandLine, world: World, monkeypatch) -> None:
    world.run("record", version="v1")
    if change:
        world.put(NEW, "new")
    monkeypatch.setattr("sys.stdin", Typing("no\n") if terminal else io.StringIO())
    before = world.journal.read_bytes()
    ended = cli.run("submit")
    assert ended.status == (Status.DONE if terminal else Status.DECISION), ended
    if terminal:
        assert "4 files" in ended.out
        assert "from earlier are pending, and will be uploaded, too." in ended.out
        assert "Not approved. Nothing was recorded or uploaded." in ended.said
        assert "Stopped" not in ended.said
    assert sent(world) == set()
    if terminal:
        assert world.journal.read_bytes() == before
        assert history(world) == [("journal update", "--version v1")]


def test_a_yes_sends_what_was_shown(cli: CommandLine, world: World, monkeypatch) -> None:
    recorded_in_two_versions(world)
    monkeypatch.setattr("sys.stdin", Typing("yes\n"))
    ended = cli.run("submit --modalities Images --without-pending")
    assert "from earlier" not in ended.out
    assert sent(world) == {NEW}
    assert history(world)[-1] == ("submit", "--modalities Images --without-pending")


def test_a_no_on_a_fresh_site_leaves_no_journal(cli: CommandLine, world: World, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", Typing("n\n"))
    assert cli.run("submit").status == Status.DONE
    assert not world.journal.exists()


def test_a_no_to_any_question_changes_nothing_and_is_no_error(cli: CommandLine, world: World, monkeypatch) -> None:
    world.run("submit", version="v1")
    monkeypatch.setattr("sys.stdin", Typing("no\n"))
    ended = cli.run("remote delete -r v1")
    assert (ended.status, "Stopped" in ended.said) == (Status.DONE, False)
    world.check_truth()


# --- the rest of an approved submission ----------------------------------------------------------------------------------


def _fails_once(window: Window, world: World, approve: intents.Approve) -> None:
    content, moment = (world.site / NEW).read_bytes(), (world.site / NEW).stat().st_mtime
    (world.site / NEW).unlink()
    window.run(approve)
    assert window.session.state.failures
    world.put(NEW, content, mtime=moment)


@pytest.mark.parametrize("pending", [True, False])
@pytest.mark.parametrize("record_only", [True, False])
def test_trying_again_does_what_was_approved(pending: bool, record_only: bool, window: Window, world: World) -> None:
    recorded_in_two_versions(world)
    window.run(intents.Scan(modalities=("Images",)))
    review = window.session.state.review
    assert review is not None
    _fails_once(window, world, intents.Approve(review.revision, "v2", record_only=record_only, pending=pending))
    window.run(intents.RetryFailed())
    expected = set[str]() if record_only else {NEW, SECOND} if pending else {NEW}
    assert sent(world) == expected
    assert left(world) >= V1


def test_trying_again_an_upload_sends_what_was_asked_for(window: Window, world: World) -> None:
    recorded_in_two_versions(world)
    (world.site / SECOND).rename(world.site / "away")
    window.run(intents.UploadPending("v2"))
    assert window.session.state.failures
    (world.site / "away").rename(world.site / SECOND)
    window.run(intents.RetryFailed())
    assert sent(world) == {SECOND}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (intents.UploadPending("v2"), {SECOND}),
        (intents.UploadPending("v1", ("OMOP",)), {OMOP}),
        (intents.UploadPending(None, ("Images",)), {ONE, "1002/Images/b.dcm", SECOND}),
    ],
    ids=["version", "version and modality", "modality"],
)
def test_an_upload_is_resumed_after_a_restart_as_it_was_asked_for(
    asked: intents.UploadPending, expected: set[str], window: Window, world: World
) -> None:
    recorded_in_two_versions(world)
    world.site.rename(world.base / "away")
    window.run(asked)
    (world.base / "away").rename(world.site)
    window.session.update(upload=None, failures=())  # what a start finds
    window.run(intents.RetryFailed())
    assert sent(world) == expected


@pytest.mark.parametrize("modalities", [("Images",), ("OMOP",)])
def test_a_submission_is_resumed_after_a_crash_as_it_was_approved(modalities: tuple[str, ...], window: Window, world: World) -> None:
    """The journal was written since, so the review is out of date; it still says what was approved."""
    recorded_in_two_versions(world)
    window.run(intents.Scan(modalities=modalities))
    review = window.session.state.review
    assert review is not None
    world.site.rename(world.base / "away")
    window.run(intents.Approve(review.revision, "v2"))
    (world.base / "away").rename(world.site)
    world.put("1009/Images/other.dcm", "other")
    world.run("record", version="v8")
    window.session.do(intents.Refresh())
    window._qtbot.waitUntil(lambda: not window.session.state.loading)
    window.run(intents.RetryFailed())
    assert sent(world) <= ({SECOND, NEW} if modalities == ("Images",) else set())
    assert left(world) >= V1


def test_rows_that_come_between_the_review_and_the_approval_are_not_sent(window: Window, world: World, tmp_path: Path) -> None:
    world.run("record", version="v1")
    window.run(intents.Scan())
    review = window.session.state.review
    assert review is not None
    world.put(NEW, "new")
    world.run("record", version="v2")
    window.session.do(intents.Approve(review.revision))
    with window._qtbot.waitSignal(window.session.ended, timeout=20_000):
        pass
    assert sent(world) == set()


def test_a_file_that_is_replaced_in_its_version_is_sent_with_the_approval(face: Face, world: World) -> None:
    """It is pending for a moment in the middle of the submission. As a change of the review it is uploaded without what was pending before."""
    world.run("submit", version="v1")
    world.put("1002/Images/second.dcm", "second")
    world.run("record", version="v2")
    world.put(ONE, "replaced, longer")
    assert face.scan_and("submit", Asked(version="v1", pending=False)).outcome is OutcomeKind.DONE
    assert left(world) == {SECOND}
