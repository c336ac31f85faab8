"""Where a site is, in every state that a submission can be in: one line a state, and rules that hold in all of them."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from world import World, ran

from chorus_gui.app import facts
from chorus_gui.app.doctor.places import folder_finding
from chorus_gui.app.last_verification import verification
from chorus_gui.app.site_status import COMMANDS, Action, Known, Progress, SiteStatus, site_status
from chorus_gui.app.values import CredentialFacts, CustodyFacts, JournalFacts, ReceiptFacts, ReviewFacts, WrongFacts
from chorus_gui.app.verify import sentences, verify
from chorus_gui.core.custody.history_check import Known as Kept
from chorus_gui.core.custody.history_check import LessHistoryError
from chorus_gui.core.custody.state import State as Custody
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Approval, ChangeKind, DiffSummary, Grade, Tally, VersionCount
from chorus_gui.core.submission.work import Selection

HERE = CustodyFacts(Custody.NOT_IN_CLOUD, "Journal on this computer", "", Grade.GOOD, may_write=True)
MINE = CustodyFacts(Custody.MINE, "Checked out by you", "", Grade.GOOD, can_check_in=True, may_write=True)
FREE = CustodyFacts(Custody.FREE, "Not checked out", "The journal is in the cloud.", Grade.INFO, can_check_out=True)
NEW = replace(FREE, state=Custody.NEW)
LOCKED = CustodyFacts(Custody.LOCKED, "Checked out by Bob", "Bob has it.", Grade.WARNING, can_unlock=True)
FOREIGN = CustodyFacts(
    Custody.FOREIGN, "Locked by another tool", "Another tool has it.", Grade.WARNING, can_unlock=True, can_take_over=True
)
CHANGED = CustodyFacts(Custody.CHANGED, "Check-out lost", "Somebody removed your lock.", Grade.BAD, can_unlock=True, can_take_over=True)
GONE = ("The site folder “S:/site” does not exist. Check the drive.",)
AWAY = CustodyFacts(None, "Journal out of reach", "Could not reach the store.", Grade.BAD)
LESS = LessHistoryError(Kept("The journal az://box/journal.db", blank=True), Kept("The kept copy a.db", 5, 5, ("one",), file=Path("a.db")))
SCANNED, AFTER, BEFORE = 1_700_000_000_000_000, 1_700_000_100_000_000, 1_600_000_000_000_000
APPROVAL = Approval("hash", "two", "me@here", SCANNED + 1)


def journal(*, pending: int = 0, versions: tuple[str, ...] = ("one", "two"), error: str = "") -> JournalFacts:
    count = VersionCount(versions[-1] if versions else "", "OMOP", 3, 30, pending, pending * 10, 0, None)
    return JournalFacts(Path("journal.db"), True, error, 2, versions, (count,) if versions else ())


def review(
    to_do: int = 0,
    *,
    problems: int = 0,
    unchanged: int = 5,
    stale: str = "",
    held: int = 0,
    approved: bool = False,
    gone: tuple[str, ...] = (),
) -> ReviewFacts:
    kinds = {ChangeKind.ADDED: Tally(to_do, to_do * 10)} if to_do else {}
    found = {ChangeKind.PROBLEM: Tally(problems, 0), ChangeKind.UNCHANGED: Tally(unchanged, 0)}
    summary = DiffSummary({"OMOP": {kind: tally for kind, tally in found.items() if tally.files}}, excluded=held)
    approval = APPROVAL if approved else None
    return ReviewFacts(Path("review.db"), 1, SCANNED, "full", ("OMOP",), summary, kinds, stale=stale, approval=approval, out_of_reach=gone)


def receipt(kind: str, *versions: str, clean: bool = True, failures: int = 0, at: int = AFTER) -> ReceiptFacts:
    return ReceiptFacts(Path("r.html"), Path("r.json"), kind, versions, at, "Complete", clean, Tally(), failures)


SENT = receipt("submission", "two")
GOOD, WRONG = receipt("verify", "two"), receipt("verify", "two", clean=False, failures=2)

STATES = {
    "a new site": (Known(HERE, JournalFacts(Path("j"))), Action.SCAN, Grade.INFO),
    "a new site with a cloud journal": (Known(NEW, JournalFacts(Path("j"))), Action.CHECK_OUT, Grade.INFO),
    "history is missing in the cloud": (Known(replace(FREE, less=LESS), journal()), Action.RECOVER_JOURNAL, Grade.BAD),
    "the local journal is gone": (Known(replace(HERE, less=LESS), JournalFacts(Path("j"))), Action.RECOVER_JOURNAL, Grade.BAD),
    "a colleague has the journal": (Known(LOCKED, journal()), Action.DECIDE_CUSTODY, Grade.BAD),
    "the store is out of reach": (Known(AWAY, journal()), Action.TRY_AGAIN, Grade.BAD),
    "the journal is damaged": (Known(HERE, journal(error="The journal is damaged.")), Action.TRY_AGAIN, Grade.BAD),
    "the configuration has problems": (Known(HERE, configuration_problems=2), Action.CORRECT_CONFIGURATION, Grade.BAD),
    "changes to approve": (Known(MINE, journal(), review(5)), Action.REVIEW, Grade.INFO),
    "changes to approve, and what could not be read": (Known(MINE, journal(), review(5, problems=1)), Action.REVIEW, Grade.WARNING),
    "the journal changed since the scan": (Known(MINE, journal(), review(5, stale="changed")), Action.SCAN, Grade.INFO),
    "the computer stopped in the middle of an upload": (
        Known(MINE, replace(journal(), interrupted=True), review(5, stale="changed")),
        Action.SCAN,
        Grade.INFO,
    ),
    "the drive is gone": (Known(MINE, journal(), review(problems=1, unchanged=0)), Action.SCAN, Grade.BAD),
    "the drive is gone, and nothing was ever submitted": (
        Known(MINE, JournalFacts(Path("j")), review(problems=1, unchanged=0)),
        Action.SCAN,
        Grade.BAD,
    ),
    "recorded only": (Known(MINE, journal(pending=3), None, (receipt("record", "two"),)), Action.UPLOAD, Grade.INFO),
    "an upload that was stopped": (
        Known(MINE, journal(pending=3), review(1, stale="changed"), (receipt("submission", "two", clean=False),)),
        Action.RESUME,
        Grade.INFO,
    ),
    "an upload that was killed": (
        Known(MINE, replace(journal(pending=3), interrupted=True), review(1, stale="changed"), (receipt("record", "two"),)),
        Action.RESUME,
        Grade.INFO,
    ),
    "a submission that was stopped before everything was recorded": (
        Known(MINE, journal(), review(5, approved=True), (receipt("submission", "two", clean=False, failures=1),)),
        Action.RESUME,
        Grade.INFO,
    ),
    "a submission that was killed": (
        Known(MINE, journal(versions=("one",)), review(5, approved=True), (receipt("submission", "one", at=BEFORE),)),
        Action.RESUME,
        Grade.INFO,
    ),
    "one of the site's folders is gone, the others have changes": (
        Known(MINE, journal(), review(5, problems=1, gone=GONE)),
        Action.REVIEW,
        Grade.WARNING,
    ),
    "one of the site's folders is gone, the others are unchanged": (
        Known(MINE, journal(), review(problems=1, gone=GONE), (GOOD, SENT)),
        Action.SCAN,
        Grade.BAD,
    ),
    "the drive is gone, and files are pending": (
        Known(MINE, journal(pending=3), review(problems=1, unchanged=0, gone=GONE), (receipt("record", "two"),)),
        Action.SCAN,
        Grade.BAD,
    ),
    "one file failed while recording, the others wait": (
        Known(MINE, journal(pending=3_031), review(1, approved=True), (receipt("record", "two", clean=False, failures=1),)),
        Action.UPLOAD,
        Grade.INFO,
    ),
    "pending at a site that uses scripts": (Known(MINE, journal(pending=3), uses_scripts=True), Action.MAKE_SCRIPT, Grade.INFO),
    "sent, with a failure": (
        Known(MINE, journal(), review(1, approved=True), (receipt("submission", "two", clean=False, failures=1),)),
        Action.SCAN,
        Grade.BAD,
    ),
    "sent, not verified": (Known(MINE, journal(), review(stale="the upload changed it"), (SENT,)), Action.VERIFY, Grade.INFO),
    "another version was verified": (Known(MINE, journal(), None, (receipt("verify", "one"), SENT)), Action.VERIFY, Grade.INFO),
    "verified before the last upload": (Known(MINE, journal(), None, (SENT, GOOD)), Action.VERIFY, Grade.INFO),
    "verified": (Known(MINE, journal(), None, (GOOD, SENT)), Action.CHECK_IN, Grade.INFO),
    "all versions were verified": (Known(MINE, journal(), None, (receipt("verify"), SENT)), Action.CHECK_IN, Grade.INFO),
    "a verification that found differences": (Known(MINE, journal(), None, (WRONG, GOOD, SENT)), Action.SEE_VERIFICATION, Grade.BAD),
    "verified, and a repair found nothing to do": (
        Known(MINE, journal(), None, (receipt("repair", "two"), GOOD, SENT)),
        Action.CHECK_IN,
        Grade.INFO,
    ),
    "verified, and a submission found nothing to do": (
        Known(MINE, journal(), None, (receipt("submission"), GOOD, SENT)),
        Action.CHECK_IN,
        Grade.INFO,
    ),
    "repaired since": (Known(MINE, journal(), None, (receipt("repair", "two"), WRONG, SENT)), Action.VERIFY, Grade.INFO),
    "verified again": (Known(MINE, journal(), None, (GOOD, WRONG, SENT)), Action.CHECK_IN, Grade.INFO),
    "all done, on this computer": (Known(HERE, journal(), None, (GOOD, SENT)), Action.SCAN, Grade.GOOD),
    "all done and checked in": (Known(FREE, journal(), None, (GOOD, SENT)), Action.SCAN, Grade.GOOD),
    "all done, something is held back": (Known(HERE, journal(), review(held=1), (GOOD, SENT)), Action.SCAN, Grade.WARNING),
    "all done, something could not be read": (Known(HERE, journal(), review(problems=1), (GOOD, SENT)), Action.SCAN, Grade.WARNING),
    "all done, an older version differs": (
        Known(HERE, journal(), None, (GOOD, receipt("verify", "one", clean=False, failures=2), SENT)),
        Action.SCAN,
        Grade.WARNING,
    ),
    "still reading": (Known(HERE, None, None, looking=True), Action.NOTHING, Grade.INFO),
}


LEFT = {
    "nothing": Known(FREE, journal(), None, (GOOD, SENT)),
    "the verification": Known(FREE, journal(), None, (SENT,)),
    "a verification that found differences": Known(FREE, journal(), None, (WRONG, SENT)),
    "differences that a colleague found": Known(FREE, journal(), None, (GOOD, SENT), WrongFacts(2, ("two",), "Two files differ.")),
    "pending files": Known(FREE, journal(pending=3), None, (receipt("record", "two"),)),
    "changes to approve": Known(FREE, journal(), review(5), (GOOD, SENT)),
}
AFTER_A_CHECK_IN = {
    "in the cloud": (FREE, {"nothing": Action.SCAN}, Action.CHECK_OUT),
    "removed from the cloud": (NEW, {}, Action.CHECK_OUT),
    "with a colleague": (LOCKED, {}, Action.DECIDE_CUSTODY),
    "with another tool": (FOREIGN, {}, Action.DECIDE_CUSTODY),
    "still checked out, and somebody removed the lock": (CHANGED, {}, Action.DECIDE_CUSTODY),
    "out of reach": (AWAY, {}, Action.TRY_AGAIN),
    "in the cloud, with less history than a copy": (replace(FREE, less=LESS), {}, Action.RECOVER_JOURNAL),
    "still checked out": (
        MINE,
        {
            "nothing": Action.CHECK_IN,
            "the verification": Action.VERIFY,
            "a verification that found differences": Action.SEE_VERIFICATION,
            "differences that a colleague found": Action.REPAIR,
            "pending files": Action.UPLOAD,
            "changes to approve": Action.REVIEW,
        },
        Action.NOTHING,
    ),
}


@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("place", AFTER_A_CHECK_IN)
def test_after_a_check_in_the_journal_s_place_decides_first(place: str, left: str) -> None:
    """Only a journal that is checked in, with nothing left, is green: otherwise whoever has the journal is the first question."""
    custody, special, otherwise = AFTER_A_CHECK_IN[place]
    status = site_status(replace(LEFT[left], custody=custody))
    assert status.next.action is special.get(left, otherwise), status
    assert (status.grade is Grade.GOOD) is (custody is FREE and left == "nothing")
    if status.next.action in (Action.CHECK_OUT, Action.DECIDE_CUSTODY, Action.TRY_AGAIN, Action.RECOVER_JOURNAL):
        assert status.next is status.steps[0]
        assert all(step.progress is not Progress.NOW for step in status.steps[1:])


@pytest.mark.parametrize("name", STATES)
def test_what_comes_next(name: str) -> None:
    known, action, grade = STATES[name]
    status = site_status(known)
    assert (status.next.action, status.grade) == (action, grade), status


HELD = VersionCount("two", "OMOP", 3, 30, 3, 30, 0, None)
ONE = VersionCount("one", "OMOP", 5, 50, 0, 0, 0, "20200101000000")
TWO = VersionCount("two", "OMOP", 5, 50, 0, 0, 0, "20240101000000")


def test_a_version_of_which_nothing_was_uploaded_is_neither_in_the_store_nor_verified() -> None:
    """All of its files are held back: a verification of it compares nothing."""
    held = JournalFacts(Path("journal.db"), True, "", 2, ("one", "two"), (ONE, HELD), stays=Tally(3, 30))
    status = site_status(Known(HERE, held, review(held=3), (receipt("verify", "two"), receipt("verify", "one"), SENT)))
    words = " ".join((status.headline, status.text, *(step.text for step in status.steps)))
    assert "Version one is in the central store." in words
    assert "Version one is verified." in words
    assert "ersion two" not in words
    assert status.headline == "Submitted, with warnings"
    unverified = site_status(Known(HERE, held, review(held=3), (receipt("verify", "two"), SENT)))
    assert (unverified.next.action, unverified.next.version) == (Action.VERIFY, "one")


def test_a_journal_of_which_nothing_was_uploaded_is_not_submitted() -> None:
    held = JournalFacts(Path("journal.db"), True, "", 2, ("two",), (HELD,), stays=Tally(3, 30))
    status = site_status(Known(HERE, held, review(held=3), (receipt("verify", "two"), SENT)))
    assert status.headline == "Nothing is uploaded"
    assert status.grade is Grade.WARNING
    assert not any("in the central store" in step.text or "verified" in step.text for step in status.steps)


@pytest.mark.parametrize(
    ("versions", "headline"),
    [
        ((), "Everything is submitted and verified"),
        (("one", "two"), "Everything is submitted and verified"),
        (("two",), "Everything is submitted, and version two is verified"),
    ],
    ids=["all at once", "both", "only the last one"],
)
@pytest.mark.parametrize("custody", [HERE, MINE], ids=["before or without a check-in", "to check in"])
def test_the_headline_claims_no_verification_that_nobody_made(custody: CustodyFacts, versions: tuple[str, ...], headline: str) -> None:
    """Version one came from an older tool: it need not be verified again, but nobody here knows that it was."""
    both = JournalFacts(Path("journal.db"), True, "", 2, ("one", "two"), (ONE, TWO))
    status = site_status(Known(custody, both, review(), (receipt("verify", *versions), SENT)))
    assert status.headline == headline
    says = any("No verification of version one" in step.text for step in status.steps)
    assert says is (versions == ("two",) and custody is HERE)


@pytest.mark.parametrize("left", LEFT)
def test_a_cloud_journal_that_a_colleague_changed_is_checked_out_first(left: str) -> None:
    """What this computer knows is about an older journal: it cannot say that nothing is left."""
    status = site_status(replace(LEFT[left], custody=replace(FREE, newer=True)))
    assert status.next.action is Action.CHECK_OUT
    assert status.grade is not Grade.GOOD


def test_a_first_start_begins_the_journal() -> None:
    status = site_status(Known(NEW, JournalFacts(Path("j"))))
    assert (status.next.name, status.next.label) == ("Start the journal", "Start the journal")


def everything() -> list[Known]:
    """Every state above with every custody, and with jobs that run."""
    known = [found for found, _, _ in STATES.values()]
    custody = [HERE, MINE, FREE, NEW, LOCKED, FOREIGN, CHANGED, AWAY]
    running = [frozenset[str](), frozenset({"scan"}), frozenset({"submit"}), frozenset({"verify"})]
    return [replace(found, custody=place, running=jobs) for found, place, jobs in itertools.product(known, custody, running)]


@pytest.mark.parametrize("known", everything())
def test_rules_that_hold_in_every_state(known: Known) -> None:
    status = site_status(known)
    ahead = [step for step in status.steps if step.progress in (Progress.NOW, Progress.STOPPED)]
    assert len(ahead) <= 1
    if not known.configuration_problems:
        assert not ahead or status.next == ahead[0]
    assert status.headline
    assert status.text
    assert all(step.text and step.name for step in status.steps)
    assert all(sentence.endswith((".", "…")) for sentence in (status.text, *status.warnings)), status
    if status.grade is Grade.GOOD:
        assert_nothing_is_left(known, status)


def assert_nothing_is_left(known: Known, status: SiteStatus) -> None:
    """Green means that nothing is wrong, and nothing that the program knows of is left."""
    assert not status.warnings
    assert all(step.progress is Progress.DONE for step in status.steps)
    assert known.journal is not None
    assert known.journal.pending.files == 0
    assert known.custody.grade is not Grade.BAD
    assert not known.journal.interrupted or not known.journal.pending.files
    assert known.review is None or not (known.review.out_of_reach or (known.review.approval and known.review.to_send.files))
    found = verification(known.receipts, known.journal.versions[-1])
    assert found is not None
    assert found.clean
    assert known.review is None or not known.review.summary.total(ChangeKind.PROBLEM).files
    assert known.credential.grade not in (Grade.BAD, Grade.WARNING) or known.credential.expires is None


def test_an_expired_token_leads_to_its_field() -> None:
    """Asking again would only be refused again."""
    expired = CredentialFacts("SAS token expired", "It expired.", Grade.BAD, expired=True)
    assert site_status(Known(AWAY, journal(), credential=expired)).next.action is Action.ENTER_TOKEN
    assert site_status(Known(AWAY, journal())).next.action is Action.TRY_AGAIN


def test_an_expired_token_is_never_green() -> None:
    from datetime import UTC, datetime

    expired = CredentialFacts("SAS expired", "", Grade.BAD, datetime(2020, 1, 1, tzinfo=UTC))
    known, _, _ = STATES["all done, on this computer"]
    assert site_status(known).grade is Grade.GOOD
    assert site_status(replace(known, credential=expired)).grade is Grade.WARNING


def test_after_a_stop_one_button_says_how_much_is_left() -> None:
    known, _, _ = STATES["an upload that was stopped"]
    assert site_status(known).next.label == "Resume: 3 files, 30 B left"
    known, _, _ = STATES["a submission that was killed"]
    assert site_status(known).next.label == "Resume: 5 files, 50 B left"
    assert site_status(replace(known, journal=journal(pending=2))).next.label == "Resume: 7 files, 70 B left"


def test_what_stops_is_named_in_the_headline_and_where_in_the_text() -> None:
    """Not “Next step: scan and review”, in red."""
    for name, (known, _, _) in STATES.items():
        status = site_status(known)
        if status.next.progress is Progress.STOPPED and status.next.action is not Action.CORRECT_CONFIGURATION:
            assert status.headline == status.next.headline, name
    for name in ("one of the site's folders is gone, the others are unchanged", "the drive is gone, and files are pending"):
        status = site_status(STATES[name][0])
        assert status.headline == "Could not read the site's files"
        assert "S:/site" in status.text
    assert GONE[0] in site_status(STATES["one of the site's folders is gone, the others have changes"][0]).warnings


def test_every_action_has_a_command_or_needs_none() -> None:
    assert set(Action) - set(COMMANDS) == {Action.NOTHING, Action.SHOW_PROGRESS}


def test_what_a_repair_could_not_upload_is_counted_once_and_belongs_to_the_repair() -> None:
    """A repair counts a file that it could not upload as failed and as different."""
    failed = replace(receipt("repair", "two", clean=False, failures=2), differing=1)
    status = site_status(Known(HERE, journal(), None, (failed, SENT), WrongFacts(1, ("two",), "1 file was missing.")))
    assert status.headline == "1 file failed"
    assert status.text == "1 file of the last repair failed. Fix the cause, then scan again."


def test_a_repair_hides_no_failure_of_a_submission() -> None:
    sent = receipt("submission", "two", clean=False, failures=2, at=AFTER)
    known = Known(HERE, journal(), review(2, approved=True), (receipt("repair", "one", at=AFTER + 1), sent))
    assert site_status(known).text == "2 files of the last submission failed. Fix the cause, then scan again."


def test_a_file_that_differs_is_in_its_own_version() -> None:
    """A verification of all versions says how many files differ, not in which version."""
    found = replace(receipt("verify", "one", "two", clean=False, failures=1), differing=1)
    wrong = WrongFacts(1, ("one",), "1 file was missing.")
    status = site_status(Known(HERE, journal(), None, (found, SENT), wrong))
    assert (status.text, status.warnings) == (wrong.text, ())
    for versions in (("one",), ("one", "two")):
        status = site_status(Known(HERE, journal(versions=versions), None, (found, SENT), wrong))
        assert not [line for line in (status.text, *status.warnings) if "Version" in line or "found" in line]
    repaired = replace(receipt("repair", "one", at=AFTER + 1), uploaded=Tally(1, 10))
    status = site_status(Known(HERE, journal(), review(), (repaired, found, SENT)))
    assert status.grade is Grade.GOOD, (status.text, status.warnings)
    known = Known(HERE, journal(versions=("one", "two", "three")), None, (receipt("repair", "three", at=AFTER + 1), found, SENT), wrong)
    assert not [line for line in site_status(known).warnings if line.startswith("Version")]


def test_the_last_version_is_the_one_that_was_begun_last(tmp_path: Path) -> None:
    """People choose names: “v1” comes after “20261128…” in the alphabet, and can be older."""
    world = World(tmp_path)
    for name, version in (("a", "v1"), ("b", "20261128152309"), ("c", "v0")):
        world.put(f"OMOP/{name}.csv", name)
        world.run("submit", version=version)
        assert facts.journal(world.config, JobContext()).last_version == version
    assert set(facts.journal(world.config, JobContext()).versions) == {"v0", "v1", "20261128152309"}


def test_an_upload_of_a_part_was_not_interrupted() -> None:
    known, _, _ = STATES["an upload that was stopped"]
    assert "interrupted" not in site_status(known).text


def test_problems_that_the_last_submission_found_are_a_warning_until_the_next_scan() -> None:
    """The site's drive was gone, so it found no changes: that is not the same as a site without changes."""
    unread = replace(receipt("submission"), problems=2)
    shown = site_status(Known(MINE, journal(), None, (unread,)))
    assert "The last submission found 2 problems on the site. The receipt names them." in shown.warnings
    assert shown.grade is Grade.WARNING
    assert not any("problem" in warning for warning in site_status(Known(MINE, journal(), None, (receipt("submission"),))).warnings)
    assert not any("problem" in warning for warning in site_status(Known(MINE, journal(), review(5), (unread,))).warnings)


def test_no_status_says_that_a_file_was_not_read_that_was_left_out(tmp_path: Path) -> None:
    """Each problem was counted as something that could not be read: also a file that the configuration leaves out now."""
    world = World(tmp_path)
    world.put("1/Images/a.dcm", "a")
    world.put("1/Images/b.dcm", "b")
    world.run(version="v1")
    text = world.file.read_text("utf-8")
    world.file.write_text(text.replace("num_threads = 4", 'num_threads = 4\nexclude = ["b.dcm"]'), "utf-8")
    for look in (lambda: world.review(), lambda: world.run(version="v2")):
        look()
        shown = site_status(facts.known(world.workspace(), JobContext()))
        assert shown.grade is Grade.WARNING
        assert [warning for warning in shown.warnings if "found 1 problem on the site" in warning]
        assert "read" not in " ".join((shown.text, *shown.warnings, *(step.text for step in shown.steps)))
    known = facts.known(world.workspace(), JobContext())
    (last,) = [one for one in known.receipts if one.problems]
    assert "read" not in last.page.read_text("utf-8").split("Unmatched")[0].split("<body")[-1]


@pytest.mark.parametrize("running", ["record", "submit", "upload"])
@pytest.mark.parametrize("found", [review(5), review(5, approved=True), review(5, stale="changed"), None])
def test_while_it_is_submitted_nothing_has_to_be_reviewed_or_scanned(running: str, found: ReviewFacts | None) -> None:
    shown = site_status(Known(MINE, replace(journal(pending=3), interrupted=True), found, running=frozenset({running})))
    assert shown.headline == "Submitting…"


def test_an_interrupted_upload_without_a_review_is_not_complete() -> None:
    shown = site_status(Known(MINE, replace(journal(), interrupted=True), None))
    assert shown.headline == "The upload is not complete"


def test_what_several_versions_had_wrong_is_nobody_s_until_the_store_has_answered() -> None:
    """The receipt is read at once; in which version the files are is in the store.  Until then, no version is called verified."""
    found = receipt("verify", "one", "two", clean=False, failures=3)
    found = replace(found, differing=3)
    assert site_status(Known(HERE, journal(), review(), (found,))).steps[-1].progress is Progress.STOPPED
    fixed = replace(receipt("repair", "one", at=AFTER + 1), uploaded=Tally(3, 30))
    assert site_status(Known(HERE, journal(), review(), (fixed, found))).steps[-1].text != "The verification found 3 files that differ."


@pytest.mark.parametrize(
    ("uploaded", "receipts", "next_one"),
    [
        pytest.param({"two": "20240101000000"}, [receipt("verify", "two", at=AFTER)], None, id="all are verified"),
        pytest.param(
            {"one": "20231114221421", "two": "20231114221500"},
            [receipt("verify", "two", at=AFTER), receipt("submission", "two", at=SCANNED), receipt("verify", "zero", at=BEFORE)],
            "one",
            id="the run that uploaded the version before was killed, and left no receipt",
        ),
        pytest.param(
            {"one": "20231114221421", "two": "20231114221500"},
            [receipt("verify", "two", at=AFTER), receipt("verify", "one", at=AFTER - 1), receipt("verify", "zero", at=BEFORE)],
            None,
            id="that version was verified afterwards",
        ),
        pytest.param(
            {"one": "20200101000000", "two": "20231114221500"},
            [receipt("verify", "two", at=AFTER)],
            None,
            id="it was uploaded before anything was verified here",
        ),
        pytest.param(
            {"one": "20231114221421", "two": "20231114221500"},
            [receipt("verify", "two", at=AFTER), replace(receipt("verify", "zero", at=BEFORE), partial=True)],
            None,
            id="before that, only a part was verified here",
        ),
        pytest.param({"one": "20231114221421"}, [], "two", id="nothing was ever verified"),
    ],
)
def test_every_version_since_the_first_verification_is_verified(
    uploaded: dict[str, str], receipts: list[ReceiptFacts], next_one: str | None
) -> None:
    """Only then is everything “submitted and verified”."""
    counts = tuple(VersionCount(version, "OMOP", 3, 30, 0, 0, 0, at) for version, at in uploaded.items())
    shown = site_status(Known(HERE, replace(journal(), counts=counts), review(), tuple(receipts)))
    finish = shown.steps[-1]
    if next_one is None:
        assert finish.progress is Progress.DONE
    else:
        assert (finish.text, finish.version) == (f"Version {next_one} has not been verified yet.", next_one)


@pytest.mark.parametrize("left", LEFT)
def test_a_site_whose_folder_is_gone_is_never_green(left: str) -> None:
    """Also if nobody has scanned since: the status says it before a scan does."""
    known = replace(LEFT[left], custody=HERE)
    status = site_status(replace(known, away=GONE))
    assert status.grade is not Grade.GOOD
    assert GONE[0] in (*status.warnings, status.text)
    assert [*status.warnings, status.text].count(GONE[0]) == 1


def test_the_folders_of_the_site_are_looked_for_now(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.put("1/Images/a.dcm", "a")
    world.run(version="v1")
    assert facts.away(world.config, JobContext()) == ()
    world.site.rename(tmp_path / "elsewhere")
    (sentence,) = facts.away(world.config, JobContext())
    assert str(world.site) in sentence
    assert "Check that the share is connected" in sentence
    assert sentence in site_status(facts.known(world.workspace(), JobContext())).warnings


DELETED = receipt("submission", "three")
AMENDED = receipt("submission", "one")


@pytest.mark.parametrize(
    "receipts",
    [
        pytest.param((DELETED, GOOD, SENT), id="only deletions: their version has no files"),
        pytest.param((AMENDED, GOOD, SENT), id="an older version was amended"),
        pytest.param((receipt("upload"), SENT), id="an upload that had nothing to do"),
        pytest.param((receipt("repair"), SENT), id="a repair that had nothing to do"),
    ],
)
def test_after_a_submission_nobody_is_asked_to_scan(receipts: tuple[ReceiptFacts, ...]) -> None:
    both = JournalFacts(Path("journal.db"), True, "", 2, ("one", "two"), (replace(ONE, last_upload=None), replace(TWO, last_upload=None)))
    status = site_status(Known(HERE, both, None, receipts))
    assert status.next.action is not Action.SCAN or status.next not in status.steps
    assert status.steps[1].text == "Submitted."


@pytest.mark.parametrize(
    ("receipts", "journal"),
    [
        pytest.param((receipt("undo", "two"), SENT), journal(versions=("one",)), id="a version was undone"),
        pytest.param(
            (AMENDED, SENT), JournalFacts(Path("j"), True, "", 2, ("one", "two"), (ONE, replace(TWO, last_upload="2099"))), id="newer"
        ),
        pytest.param((), journal(), id="no receipt"),
    ],
)
def test_a_journal_that_changed_after_the_last_submission_asks_for_a_scan(
    receipts: tuple[ReceiptFacts, ...], journal: JournalFacts
) -> None:
    status = site_status(Known(HERE, journal, None, receipts))
    assert status.next.action is Action.SCAN
    assert status.next is status.steps[1]


def test_a_check_out_says_what_it_is_for() -> None:
    """The journal is checked in, so the first step is a check-out; why, is what is left."""
    unverified = site_status(Known(FREE, journal(), None, (SENT,)))
    assert (unverified.next.action, "Version two has not been verified yet." in unverified.text) == (Action.CHECK_OUT, True)
    pending = site_status(Known(FREE, journal(pending=3), None, (SENT,)))
    assert (pending.next.action, "recorded, not uploaded." in pending.text) == (Action.CHECK_OUT, True)


@pytest.mark.parametrize("custody", [HERE, MINE, FREE])
def test_what_is_wrong_is_said_once(custody: CustodyFacts) -> None:
    wrong = WrongFacts(1, ("two",), "1 file was missing or different in the central store.")
    status = site_status(Known(custody, journal(), None, (WRONG, SENT), wrong))
    assert status.text.count(wrong.text) + sum(warning.count(wrong.text) for warning in status.warnings) == 1


def test_a_modality_that_the_configuration_no_longer_has_is_not_called_verified(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.put("1/Images/a.dcm", "a")
    world.put("1/Waveforms/w.dat", "w")
    world.run(version="v1")
    text = world.file.read_text("utf-8")
    world.file.write_text(text.replace('"OMOP,Images,Waveforms"', '"OMOP,Images"'), "utf-8")
    assert "Waveforms" not in world.config.modalities
    done = ran(verify(world.workspace(), JobContext(), Selection()))
    assert any("Files of Waveforms were not compared" in said for said in sentences(done.value)), sentences(done.value)
    status = site_status(facts.known(world.workspace(), JobContext()))
    assert status.headline == "Everything in the configuration is submitted and verified"
    assert any("Files of Waveforms were not compared" in step.text for step in status.steps)


@pytest.mark.parametrize("seen", [None, review(stale="changed")])
@pytest.mark.parametrize("interrupted", [False, True])
@pytest.mark.parametrize("versions", [(), ("one", "two")])
def test_nobody_is_invited_to_scan_a_folder_that_cannot_be_read(
    seen: ReviewFacts | None, interrupted: bool, versions: tuple[str, ...]
) -> None:
    known = Known(HERE, replace(journal(versions=versions), interrupted=interrupted), seen)
    assert site_status(known).next.action is Action.SCAN
    status = site_status(replace(known, away=GONE))
    assert (status.headline, status.text, status.grade) == ("Could not read the site's files", GONE[0], Grade.BAD)
    assert (status.next.action, status.next.progress) == (Action.SCAN, Progress.STOPPED)
    assert GONE[0] not in status.warnings


def test_an_empty_folder_of_the_site_is_named_only_if_the_journal_has_files_of_it(tmp_path: Path) -> None:
    """A drive that is not connected looks empty: the Doctor says the same words."""
    world = World(tmp_path)
    assert facts.away(world.config, JobContext()) == ()
    file = world.put("1/Images/a.dcm", "a")
    world.run(version="v1")
    assert facts.away(world.config, JobContext()) == ()
    file.unlink()
    for folder in (file.parent, file.parent.parent):
        folder.rmdir()
    (sentence,) = facts.away(world.config, JobContext())
    found = folder_finding(str(world.site), write=False)
    assert sentence == f"{found.what} {found.why} Check the path and the drive."
    shown = site_status(facts.known(world.workspace(), JobContext()))
    assert sentence in (*shown.warnings, shown.text)
