"""A journal that lost history is never used without an explicit yes, from any command; and the ways out that the message names work."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from custodyworld import BLOB, uploaded
from faces import ONE, CommandLine, Window
from world import World

from chorus_gui.app.status import Status
from chorus_gui.core.folders import data_folder
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.journal import backups
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.ui import intents

COMMANDS = ("submit --yes", "journal update", "file upload", "file verify --all", "file repair", "journal checkout", "script checkout")


@pytest.fixture
def share(tmp_path: Path) -> LocalStore:
    (tmp_path / "share").mkdir()
    return LocalStore(tmp_path / "share")


@pytest.fixture
def clouded(tmp_path: Path, share: LocalStore, world: World) -> World:
    """The site's journal is on a share; two versions are submitted."""
    text = world.file.read_text("utf-8")
    world.file.write_text(f'{text}[journal.source]\npath = "{(tmp_path / "share" / BLOB).as_posix()}"\n', "utf-8")
    submitted(world)
    return world


def submitted(world: World) -> None:
    world.run("submit", version="v1")
    world.put("1002/Images/second.dcm", "second")
    world.run("submit", version="v2")


def forget(world: World, *, copies: bool = True) -> None:
    """Another computer: nothing is known here but what lies in the stores."""
    world.journal.unlink(missing_ok=True)
    shutil.rmtree(data_folder() / "custody", ignore_errors=True)
    if copies:
        shutil.rmtree(backups.folder(world.journal), ignore_errors=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


CLOUD: dict[str, Callable[[LocalStore], object]] = {
    "zero bytes": lambda share: share.put(BLOB, b""),
    "gone": lambda share: share.delete(BLOB),
    "older": lambda share: share.put(BLOB, uploaded("one.dcm")),
}
HERE = ("this computer", "another computer")


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("here", HERE)
@pytest.mark.parametrize("cloud", CLOUD)
def test_every_command_stops(
    cloud: str, here: str, words: str, cli: CommandLine, clouded: World, share: LocalStore, tmp_path: Path
) -> None:
    if here == "another computer":
        forget(clouded)
    else:
        clouded.journal.unlink()
    CLOUD[cloud](share)
    before = contents(tmp_path / "share")
    stored = sorted(clouded.central.rglob("*"))
    ended = cli.run(words)
    assert ended.status == Status.DECISION, ended
    assert "5 uploaded" in ended.said
    assert "journal recover" in ended.said
    assert "--accept-less-history" in ended.said
    assert contents(tmp_path / "share") == before
    assert sorted(clouded.central.rglob("*")) == stored


@pytest.mark.parametrize("words", [words for words in COMMANDS if "checkout" not in words])
@pytest.mark.parametrize("known", ["kept copies", "version folders", "memory"])
@pytest.mark.parametrize("local", ["gone", "zero bytes"])
def test_every_command_stops_without_a_cloud_journal(local: str, known: str, words: str, cli: CommandLine, world: World) -> None:
    submitted(world)
    if known == "memory":
        shutil.rmtree(backups.folder(world.journal))
        for copy in world.central.rglob("journal.db"):
            copy.unlink()
        world.journal.unlink()
    else:
        forget(world, copies=known == "version folders")
    if local == "zero bytes":
        world.journal.write_bytes(b"")
    stored = sorted(world.central.rglob("*"))
    ended = cli.run(words)
    assert ended.status == Status.DECISION, ended
    assert "--accept-less-history" in ended.said
    assert sorted(world.central.rglob("*")) == stored
    assert (world.journal.read_bytes() if world.journal.exists() else None) == (b"" if local == "zero bytes" else None)


@pytest.mark.parametrize("words", ["submit --yes", "journal update", "file verify --all"])
def test_a_new_site_is_silent(words: str, cli: CommandLine, world: World) -> None:
    ended = cli.run(words)
    assert ended.status != Status.DECISION
    assert "less history" not in ended.said


# --- the ways out -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("here", HERE)
@pytest.mark.parametrize("cloud", CLOUD)
def test_recover(cloud: str, here: str, cli: CommandLine, clouded: World, share: LocalStore) -> None:
    rows = {row.path for row in clouded.rows()}
    if here == "another computer":
        forget(clouded)
    CLOUD[cloud](share)
    assert cli.run("journal recover").status == (Status.DECISION if (cloud, here) != ("gone", "this computer") else Status.DONE)
    ended = cli.run("journal recover --yes")
    assert ended.status == Status.DONE, ended
    assert cli.run("submit --yes").status == Status.DONE
    assert cli.run("file verify --all").status == Status.DONE
    assert {row.path for row in clouded.rows()} == rows
    assert "all the history" in cli.run("journal recover").out
    clouded.check_truth()


@pytest.mark.parametrize("known", ["kept copies", "version folders"])
def test_recover_without_a_cloud_journal(known: str, cli: CommandLine, world: World) -> None:
    submitted(world)
    forget(world, copies=known == "version folders")
    assert cli.run("journal recover --yes").status == Status.DONE
    assert cli.run("submit --yes").status == Status.DONE
    world.check_truth()
    assert ONE in world.active()


def test_restore_goes_back_on_purpose(cli: CommandLine, clouded: World, share: LocalStore) -> None:
    oldest = backups.listing(clouded.journal)[-1].path.name
    ended = cli.run(f"journal restore {oldest}")
    assert ended.status == Status.DONE, ended
    assert cli.run("submit --yes").status == Status.DONE


def test_restore_is_a_way_out(cli: CommandLine, clouded: World, share: LocalStore) -> None:
    clouded.journal.unlink()
    share.put(BLOB, b"")
    said = cli.run("submit --yes").said
    name = said.partition("journal restore ")[2].partition("”")[0]
    assert cli.run(f"journal restore {name}").status == Status.DONE
    assert cli.run("submit --yes").status == Status.DONE
    assert ONE in clouded.active()


@pytest.mark.parametrize("cloud", CLOUD)
def test_less_history_is_accepted_once(cloud: str, cli: CommandLine, clouded: World, share: LocalStore) -> None:
    clouded.journal.unlink()
    CLOUD[cloud](share)
    ended = cli.run("submit --yes --accept-less-history --version v9")
    assert ended.status == Status.DONE, ended
    assert cli.run("submit --yes").status == Status.DONE
    assert cli.run("file verify --all").status in (Status.DONE, Status.FAULTY)
    kept = backups.listing(clouded.journal)
    assert any("v2" in copy.versions for copy in kept)


# --- what is said -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["journal status", "doctor"])
@pytest.mark.parametrize("cloud", ["zero bytes", "older"])
def test_it_is_said_wherever_somebody_looks(cloud: str, words: str, cli: CommandLine, clouded: World, share: LocalStore) -> None:
    CLOUD[cloud](share)
    ended = cli.run(words)
    assert "5 uploaded" in ended.out, ended
    assert "journal recover" in ended.out
    if words == "doctor":
        assert ended.status == Status.FAULTY


def test_a_program_reads_it(cli: CommandLine, clouded: World, share: LocalStore) -> None:
    share.put(BLOB, b"")
    assert "5 uploaded" in json.loads(cli.run("journal status --json").out)["less_history"]


def test_the_doctor_says_that_a_local_journal_is_gone(cli: CommandLine, world: World) -> None:
    submitted(world)
    world.journal.unlink()
    ended = cli.run("doctor")
    assert ended.status == Status.FAULTY
    assert "There is no journal yet" not in ended.out


# --- the window ---------------------------------------------------------------------------------------------------------


def test_the_window_stops_and_offers_both_ways(window: Window, world: World) -> None:
    submitted(world)
    world.journal.unlink()
    asked: list[object] = []
    window.session.less_history.connect(lambda error, again: asked.extend((error, again)))
    ended = window.run(intents.Scan())
    assert ended.outcome is OutcomeKind.FAILED
    assert not world.journal.exists()
    assert asked[1] == intents.Scan()
    assert window.run(intents.RecoverJournal(asked[0].known)).outcome is OutcomeKind.DONE  # type: ignore[attr-defined]
    assert ONE in world.active()


def test_the_window_continues_with_less_history(window: Window, world: World) -> None:
    submitted(world)
    world.journal.unlink()
    window.run(intents.Scan())
    assert window.run(intents.AcceptLessHistory(intents.Scan())).outcome is OutcomeKind.DONE
    review = window.session.state.review
    assert review is not None
    assert window.run(intents.Approve(review.revision)).outcome is OutcomeKind.DONE
