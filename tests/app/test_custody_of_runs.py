"""The journal in the cloud: what its check-out has to say reaches the person, and it is checked in however a run ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from custodyworld import BLOB, LOCK, checked_in, cloud_names, ctx, journal_bytes, opened_home, person
from faces import FILES, ONE, RUNS, VERSION, Asked, CommandLine, Face, Window, after, carry_out, contexts, fill, receipts, refused
from world import World, ran

from chorus_gui.app import facts
from chorus_gui.app.site_status import Action, SiteStatus, site_status
from chorus_gui.app.verify import verify
from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.checkout import checkout, lock_and_fetch
from chorus_gui.core.custody.state import State, look
from chorus_gui.core.job import JobContext, OutcomeKind
from chorus_gui.core.model import Grade
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.submission.work import Selection
from chorus_gui.ui import intents

ROOT = Path(__file__).resolve().parents[2]
WRITING = [run for run in RUNS if run != "verify"]


@pytest.fixture
def share(tmp_path: Path) -> LocalStore:
    """The place of the cloud journal: another folder of the hospital's network."""
    (tmp_path / "share").mkdir()
    return LocalStore(tmp_path / "share")


@pytest.fixture
def world(tmp_path: Path, share: LocalStore) -> World:
    world = fill(World(tmp_path / "world", more=f'[journal.source]\npath = "{(tmp_path / "share" / BLOB).as_posix()}"'))
    world.file.write_text(world.file.read_text("utf-8").replace("num_threads = 4", "num_threads = 1"), "utf-8")
    return world


def state(world: World) -> State:
    with opened_home(world.config) as home:
        return look(home).state


def prepare(world: World, run: str) -> None:
    """As everybody does it: the journal is checked in afterwards."""
    if run in ("upload", "undo"):
        world.run("record", version=VERSION)
    elif run == "verify":
        world.run("submit", version=VERSION)
    else:  # the window scans against the local journal: an empty one
        with opened_home(world.config) as home:
            checkout(home, ctx())
            checkin(home, ctx())
    for file in receipts_files():
        file.unlink()


def receipts_files() -> list[Path]:
    from chorus_gui.app.folders import receipts_folder

    return list(receipts_folder().glob("*"))


def interrupted(world: World, purpose: str = "file upload") -> None:
    """Leave what a command leaves that was killed: a check-out of its own."""
    with opened_home(world.config) as home:
        lock_and_fetch(home, ctx(), automatic=True, purpose=purpose)


@pytest.mark.parametrize(
    ("run", "purpose"), [*((run, "file upload") for run in WRITING), ("upload", "submit"), ("record", "journal update")]
)
def test_the_next_run_says_that_the_last_one_was_interrupted(run, purpose, face: Face, world: World, share: LocalStore) -> None:
    prepare(world, run)
    interrupted(world, purpose)
    ended = carry_out(face, run)
    assert ended.outcome is OutcomeKind.DONE, ended
    assert f"“{purpose}” was interrupted" in ended.said
    if ended.end is not None:
        assert f"“{purpose}” was interrupted" in ended.end.text
    assert share.head(LOCK) is None
    assert state(world) is State.FREE
    assert cloud_names(share) == ({row.path for row in world.rows()} if run != "undo" else set())


@pytest.mark.parametrize("name", ["cli", "window"])
def test_a_command_that_was_killed(name: str, world: World, share: LocalStore, request: pytest.FixtureRequest) -> None:
    """A real one, after it had sent two files."""
    kill = (
        "import os, sys\n"
        "from chorus_gui.core.storage.local import LocalStore\n"
        "from chorus_gui.cli.main import main\n"
        "real, count = LocalStore.put, [0]\n"
        "def put(store, path, *given, **options):\n"
        "    count[0] += 'journal.db' not in path\n"
        "    if count[0] > 2: os._exit(9)\n"
        "    return real(store, path, *given, **options)\n"
        "LocalStore.put = put\n"
        "main(sys.argv[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", kill, "-c", str(world.file), "submit", "--yes", "--version", VERSION], cwd=ROOT, check=False
    )
    assert done.returncode == 9
    assert share.head(LOCK) is not None
    face: Face = request.getfixturevalue(name)
    ended = face.scan_and("submit", Asked(version=VERSION))
    assert ended.outcome is OutcomeKind.DONE
    assert "“submit” was interrupted" in ended.said
    assert state(world) is State.FREE
    assert len(cloud_names(share) or ()) == FILES
    world.check_truth()


def test_a_new_journal_is_announced(cli: CommandLine, world: World) -> None:
    assert "A new one was started" in carry_out(cli, "record").said


def test_a_journal_that_a_colleague_took_meanwhile(face: Face, world: World, share: LocalStore) -> None:
    """The person also reads what the check-in has to say: the lock was no longer ours at its end."""
    prepare(world, "upload")
    real = LocalStore.put

    def unlock(store: LocalStore, path: str, *given: object, **options: object) -> object:
        done = real(store, path, *given, **options)  # type: ignore[arg-type]
        if path == BLOB:
            real(share, LOCK, b"theirs")
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalStore, "put", unlock)
        ended = face.upload()
    assert ended.outcome is OutcomeKind.DONE, ended
    assert "Somebody removed your lock" in ended.said


def test_a_journal_that_is_locked_is_read_with_a_word(face: Face, world: World, share: LocalStore) -> None:
    """Verifying needs no lock; that somebody works on the journal is said."""
    prepare(world, "verify")
    checkout(person(share, world.base / "bob", "Bob", "PC-2"), ctx())
    ended = face.verify(VERSION)
    assert ended.outcome is OutcomeKind.DONE, ended
    assert "Bob" in ended.said
    assert share.head(LOCK) is not None


# --- however it ends ----------------------------------------------------------------------------------------------------


def crash() -> None:
    raise RuntimeError("a bug")


ENDS: dict[OutcomeKind, Callable[[list[JobContext]], object]] = {
    OutcomeKind.FAILED: lambda _: refused(),
    OutcomeKind.CANCELLED: lambda made: made[-1].cancel(),
    OutcomeKind.CRASHED: lambda _: crash(),
}


@pytest.mark.parametrize("kind", ENDS)
@pytest.mark.parametrize(
    ("run", "before"),
    [("upload", "free"), ("upload", "interrupted"), ("upload", "held"), ("submission", "free"), ("submission", "interrupted")],
)
def test_the_journal_is_checked_in_however_the_run_ends(
    run, kind: OutcomeKind, before: str, face: Face, world: World, share: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(world, run)
    if before == "interrupted":
        interrupted(world)
    elif before == "held":
        with opened_home(world.config) as home:
            checkout(home, ctx())
    made: list[JobContext] = []
    contexts(monkeypatch, made)
    with monkeypatch.context() as patch:
        after(patch, "put", 2, lambda: ENDS[kind](made))
        ended = carry_out(face, run)
    assert ended.outcome is kind, ended
    assert ("was interrupted" in ended.said) is (before == "interrupted")
    sent = {row.path for row in world.rows() if row.uploaded}
    assert 0 < len(sent) < FILES
    assert receipts()[-1].outcome is kind
    if before == "held":  # a person holds it, and gives it back
        assert state(world) is State.MINE
        with opened_home(world.config) as home:
            checkin(home, ctx())
    assert state(world) is State.FREE
    assert sent <= (cloud_names(share) or set())
    world.check_truth()


def test_a_run_that_is_cancelled_while_it_waits_takes_nothing(window: Window, world: World, share: LocalStore) -> None:
    prepare(world, "upload")
    window.open()
    session = window.session
    session.do(intents.Verify())
    session.do(intents.UploadPending())
    session.do(intents.CancelJob(session.state.jobs[-1].id))
    window.run(intents.Verify())
    assert state(world) is State.FREE
    assert not [row for row in world.rows() if row.uploaded]


def test_what_others_did_to_the_cloud_journal_is_a_conflict_that_both_faces_tell(
    face: Face, world: World, share: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(world, "upload")
    with monkeypatch.context() as patch:
        after(patch, "put", 0, lambda: share.put(BLOB, journal_bytes("theirs.dcm")))
        ended = face.upload()
    assert ended.outcome is OutcomeKind.FAILED
    assert "Could not check the journal in" in ended.said
    assert world.active()[ONE].uploaded
    assert [receipt.sent_files for receipt in receipts()] == [FILES]


def test_a_mark_on_a_named_file_leaves_the_cloud_alone(cli: CommandLine, world: World, share: LocalStore) -> None:
    prepare(world, "verify")
    journal = share.head(BLOB)
    assert cli.run(f"file mark_as_deleted --file {ONE} --local-journal {world.journal.as_posix()}").status == 0
    assert ONE not in world.active()
    assert share.head(BLOB) == journal
    assert state(world) is State.FREE


def test_the_status_is_not_green_while_a_colleague_s_journal_is_newer(world: World, share: LocalStore, tmp_path: Path) -> None:
    """Each computer has its own copy of the journal; what it says holds for the cloud journal that this computer last saw."""
    world.run("submit", version=VERSION)
    ran(verify(world.workspace(), ctx(), Selection()))

    def status() -> SiteStatus:
        return site_status(facts.known(world.workspace(), ctx()))

    assert status().grade is Grade.GOOD, status()
    checked_in(person(share, tmp_path / "colleague", "Bob", "PC-2"), "new.dcm")
    now = status()
    assert (now.next.action, now.grade) == (Action.CHECK_OUT, Grade.INFO)
    assert "out of date" in now.text
    assert not [step for step in now.steps if step.text == "The journal is checked in."]
    with opened_home(world.config) as home:
        checkout(home, ctx())
        checkin(home, ctx())
    assert "out of date" not in status().text


def test_the_status_is_not_of_an_older_file_that_replaced_the_local_journal(world: World, share: LocalStore, tmp_path: Path) -> None:
    """The cloud journal is the one that this computer last saw, and the file next to the configuration is not."""
    world.run("submit", version=VERSION)
    older = world.journal.read_bytes()
    (world.site / "OMOP" / "later.csv").write_text("person_id\n1\n")
    world.run("submit", version="20260102000000")
    ran(verify(world.workspace(), ctx(), Selection()))
    world.journal.write_bytes(older)
    now = site_status(facts.known(world.workspace(), ctx()))
    assert (now.next.action, now.grade) == (Action.CHECK_OUT, Grade.INFO)
    assert "differs from the copy on this computer" in now.text
    with opened_home(world.config) as home:
        checkout(home, ctx())
        checkin(home, ctx())
    now = site_status(facts.known(world.workspace(), ctx()))
    assert "out of date" not in now.text
    assert now.grade is Grade.GOOD
