"""Every way in which a journal can lose history, everything that can show it, and every command that would write: none of them does."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from custodyworld import BLOB, uploaded
from faces import ONE, CommandLine, Window
from world import World

from chorus_gui.app.site_status import Action, site_status
from chorus_gui.app.status import Status
from chorus_gui.core.errors import JournalError
from chorus_gui.core.folders import data_folder
from chorus_gui.core.journal import backups, opening
from chorus_gui.core.storage.local import LocalStore

FILES = {("local", "kept copies"): 4}
"""How many uploaded files this witness of this journal knows; the others know all 5.  A copy is kept before a change, and by a check-in."""
COMMANDS = (
    "submit --yes",
    "submit --yes --without-pending --modalities OMOP",
    "journal update",
    "journal undo --version v1",
    "journal upgrade",
    "file upload",
    f"file mark_as_deleted --file {ONE}",
    f"file mark_as_uploaded_local --upload-datetime now --file {ONE}",
    f"file mark_as_uploaded_central --upload-datetime now --file v1/{ONE}",
    "file verify --all",
)
CLOUD_ONLY = ("journal checkout",)


@dataclass
class Site:
    """A site whose journal is at ``place``, in the cloud or on this computer; two versions are submitted."""

    world: World
    cloud: bool
    place: Path
    older: bytes

    def journals(self) -> dict[str, bytes]:
        """Everything that a command could harm: name → content."""
        folders = [self.place.parent, self.world.journal.parent]
        files = {file for folder in folders for file in folder.iterdir() if file.is_file() and not file.name.endswith(".writer")}
        files |= {file for file in self.world.central.rglob("*") if file.is_file()}
        return {str(file): file.read_bytes() for file in sorted(files)}


def site(world: World, *, cloud: bool) -> Site:
    place = world.journal
    if cloud:
        (world.base / "share").mkdir()
        place = world.base / "share" / BLOB
        text = world.file.read_text("utf-8")
        world.file.write_text(f'{text}[journal.source]\npath = "{place.as_posix()}"\n', "utf-8")
    world.run("submit", version="v1")
    older = place.read_bytes()
    world.put("1002/Images/second.dcm", "second")
    world.run("submit", version="v2")
    return Site(world, cloud, place, older)


def foreign() -> bytes:
    """The journal of another site, with more files."""
    return uploaded(*(f"other{n}.dcm" for n in range(20)))


LOSSES: dict[str, Callable[[Site], bytes | None]] = {
    "zero bytes": lambda _: b"",
    "missing": lambda _: None,
    "an older copy": lambda found: found.older,
    "cut off": lambda found: found.place.read_bytes()[:-5000],
    "not a journal": lambda _: b"<html>Sign in</html>" * 99,
    "of another site": lambda _: foreign(),
}
WITNESSES = ("memory", "kept copies", "version folders", "local journal")


def lose(found: Site, loss: str) -> None:
    content = LOSSES[loss](found)
    share = LocalStore(found.place.parent)
    if content is not None:
        share.put(found.place.name, content)
    elif found.place.exists():
        share.delete(found.place.name)


def only(found: Site, witness: str) -> None:
    """Nothing but this witness knows of the lost history."""
    world = found.world
    if found.cloud and witness != "local journal":
        world.journal.unlink()
    if witness != "memory":
        shutil.rmtree(data_folder() / "custody")
    if witness != "kept copies":
        shutil.rmtree(backups.folder(world.journal), ignore_errors=True)
    if witness != "version folders":
        for copy in world.central.rglob("journal.db"):
            copy.unlink()


NAMED = {True: "cloud", False: "local"}
CASES = [
    (cloud, loss, witness)
    for cloud in (True, False)
    for loss in LOSSES
    for witness in WITNESSES
    if not (witness == "local journal" and (not cloud or loss == "missing"))  # the local journal then is the journal
    and (cloud, loss, witness) != (False, "an older copy", "kept copies")  # which is as old
]
NAMES = [f"{NAMED[cloud]}-{loss}-{witness}" for cloud, loss, witness in CASES]


def test_what_cannot_be_remembered_changes_no_result(cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A submission that was complete ended with “The last change was undone”, and status 3."""
    site(world, cloud=False)
    world.put("1001/Images/later.dcm", "later")

    def refuse(*_: object, **__: object) -> None:
        raise JournalError("The journal could not be read.")

    monkeypatch.setattr("chorus_gui.app.known.remember_local", refuse)
    ended = cli.run("submit --yes")
    assert ended.status == Status.DONE, ended
    assert "could not be read" not in ended.said + ended.out


@pytest.mark.parametrize("code", [sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR])
def test_a_journal_that_cannot_be_read_lacks_no_history(code: int, cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what it has.  “journal recover” was offered, and could not work; a kept copy can have less."""
    found = site(world, cloud=False)
    before, connect = found.journals(), opening.connect

    def refused(path: Path, mode: Literal["ro", "rw", "rwc"]) -> sqlite3.Connection:
        if path != world.journal:
            return connect(path, mode)
        error = sqlite3.OperationalError("refused")
        error.sqlite_errorcode = code
        raise error

    monkeypatch.setattr(opening, "connect", refused)
    for words in (*COMMANDS, "scan", "journal check", "journal recover --yes", "status", "doctor"):
        ended = cli.run(words)
        if words not in ("status", "doctor"):
            assert ended.status == Status.NOT_STARTED, (words, ended)
        assert found.journals() == before, words
        said = (ended.said + ended.out).replace("\\", "/")
        assert world.journal.as_posix() in said, (words, said)
        for false in ("less history", "kept copy", "chorus-upload journal recover"):
            assert false not in said, (words, said)


@pytest.mark.parametrize(("cloud", "loss", "witness"), CASES, ids=NAMES)
def test_nothing_is_written(cloud: bool, loss: str, witness: str, cli: CommandLine, world: World) -> None:
    found = site(world, cloud=cloud)
    only(found, witness)
    lose(found, loss)
    before, files = found.journals(), FILES.get((NAMED[cloud], witness), 5)
    for words in (*COMMANDS, *(CLOUD_ONLY if cloud else ())):
        ended = cli.run(words)
        assert ended.status == Status.DECISION, (words, ended)
        if "changes that were never checked in" in ended.said:  # the local journal shows it, and nothing else is known
            assert (witness, "journal adopt" in ended.said) == ("local journal", True)
        else:
            said = ended.said.replace("\\", "/")  # a share is named as in the configuration
            for part in (f"{files} uploaded", found.place.as_posix(), "journal recover", "--accept-less-history", "Nothing was written"):
                assert part in said, (words, part, ended)
        assert found.journals() == before, words


@pytest.mark.parametrize(
    ("cloud", "loss", "witness"), [case for case in CASES if case[2] != "memory"], ids=[n for n in NAMES if "memory" not in n]
)
def test_recover_brings_it_back(cloud: bool, loss: str, witness: str, cli: CommandLine, world: World) -> None:
    found = site(world, cloud=cloud)
    rows = {row.path for row in world.rows()}
    only(found, witness)
    lose(found, loss)
    assert cli.run("journal recover").status == Status.DECISION
    ended = cli.run("journal recover --yes")
    assert ended.status == Status.DONE, ended
    assert cli.run("submit --yes").status == Status.DONE
    assert cli.run("file verify --all").status == Status.DONE
    assert {row.path for row in world.rows(active=True)} == rows
    world.check_truth()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("cloud", [True, False])
def test_a_page_shows_it_before_a_job_fails(cloud: bool, loss: str, cli: CommandLine, window: Window, world: World) -> None:
    from chorus_gui.app import facts
    from chorus_gui.app.workspace import Workspace
    from chorus_gui.core.job import JobContext

    found = site(world, cloud=cloud)
    if cloud:
        world.journal.unlink()
    lose(found, loss)
    known = facts.known(Workspace(world.config), JobContext())
    assert known.custody.less is not None
    assert known.custody.text == "History is missing"
    status = site_status(known)
    assert status.next.action is Action.RECOVER_JOURNAL
    ended = cli.run("status")
    assert "journal recover" in ended.out
    assert "5 uploaded" in ended.out


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss not in ("cut off", "not a journal")])
def test_an_acceptance_is_in_the_history_and_for_once(loss: str, cli: CommandLine, world: World) -> None:
    found = site(world, cloud=True)
    world.journal.unlink()
    lose(found, loss)
    ended = cli.run("submit --yes --accept-less-history --version v9")
    assert ended.status == Status.DONE, ended
    assert "--version v9 --accept-less-history" in cli.run("history").out
    assert cli.run("submit --yes").status == Status.DONE


@pytest.mark.parametrize("loss", ["cut off", "not a journal"])
def test_a_damaged_journal_is_never_accepted(loss: str, cli: CommandLine, world: World) -> None:
    found = site(world, cloud=True)
    lose(found, loss)
    before = found.journals()
    ended = cli.run("submit --yes --accept-less-history")
    assert ended.status in (Status.NOT_STARTED, Status.DECISION), ended
    assert found.journals() == before


def test_a_colleague_who_works_on_it_is_no_loss(cli: CommandLine, world: World, tmp_path: Path) -> None:
    """She uploaded, which left newer copies in version folders, and did not check in yet."""
    found = site(world, cloud=True)
    assert cli.run("journal checkout").status == Status.DONE
    world.put("1003/Images/third.dcm", "third")
    assert cli.run("submit --yes --version v3").status == Status.DONE
    world.journal.unlink()
    shutil.rmtree(data_folder() / "custody")
    shutil.rmtree(backups.folder(world.journal))
    ended = cli.run("file verify --version v2")
    assert ended.status == Status.DONE, ended
    assert found.place.exists()


@pytest.mark.parametrize("other", ["v1", "20200101000000"])
def test_another_journal_in_the_same_store_stops_nobody_who_knows_this_one(other: str, cli: CommandLine, world: World) -> None:
    site(world, cloud=True)
    (world.central / other).mkdir(exist_ok=True)
    (world.central / other / "journal.db").write_bytes(foreign())
    ended = cli.run("submit --yes")
    assert ended.status == Status.DONE, ended


@pytest.mark.parametrize("cloud", [True, False])
def test_a_journal_that_another_program_has_open_is_no_loss(
    cloud: bool, cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can say what is in it, and nobody is asked to give it up."""
    found = site(world, cloud=cloud)
    if cloud:
        assert cli.run("journal checkout").status == Status.DONE
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.05)
    before = found.journals()
    with closing(sqlite3.connect(world.journal, isolation_level=None)) as viewer:
        viewer.execute("BEGIN EXCLUSIVE")
        for words in (*COMMANDS, "journal recover", "journal recover --yes", *(("journal checkin",) if cloud else ())):
            ended = cli.run(words)
            assert ended.status in (Status.NOT_STARTED, Status.STOPPED), (words, ended)
            assert "in use by another program" in ended.said, (words, ended)
            assert "less history" not in ended.said, (words, ended)
        for words in ("status", "journal status", "history", "doctor", "journal check"):
            ended = cli.run(words)
            assert ended.status in (Status.DONE, Status.FAULTY, Status.NOT_STARTED, Status.STOPPED), (words, ended)
            assert "journal recover" not in ended.said + ended.out, (words, ended)
    assert found.journals() == before
    assert cli.run("submit --yes").status == Status.DONE
