"""No command that asks changes anything after a no, or where nobody can answer: not the store, not the journal, not its history."""

from __future__ import annotations

import io
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from custodyworld import BLOB, LOCK, person
from faces import CommandLine
from world import World

from chorus_gui.app.schedule import schedulers
from chorus_gui.app.schedule.plan import DAYS, Schedule, System
from chorus_gui.app.status import Status
from chorus_gui.core.custody.checkout import checkout
from chorus_gui.core.folders import data_folder
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.local import LocalStore


class Typed(io.StringIO):
    """Somebody at a terminal, who typed this."""

    def isatty(self) -> bool:
        return True


def shared(world: World) -> None:
    """The journal is on a share; one version is submitted, another one is pending, and a file is new."""
    (world.base / "share").mkdir()
    text = world.file.read_text("utf-8")
    world.file.write_text(f'{text}[journal.source]\npath = "{(world.base / "share" / BLOB).as_posix()}"\n', "utf-8")
    local(world)


def local(world: World) -> None:
    world.run("submit", version="v1")
    world.put("1002/Images/second.dcm", "second")
    world.run("record", version="v2")
    world.put("1002/Images/third.dcm", "third")


def pending(world: World) -> None:
    world.run("record", version="v1")


def locked(world: World) -> None:
    shared(world)
    checkout(person(LocalStore(world.base / "share"), world.base / "bob", "Bob", "PC-2"), JobContext())


def foreign_lock(world: World) -> None:
    shared(world)
    LocalStore(world.base / "share").put(LOCK, b"")


def lost(world: World) -> None:
    shared(world)
    LocalStore(world.base / "share").put(BLOB, b"")


def aside(world: World) -> None:
    """Files are uploaded in the checked-out journal only."""
    shared(world)
    checkout_here(world)
    world.run("submit", version="v3")


def checkout_here(world: World) -> None:
    from custodyworld import opened_home

    with opened_home(world.config) as home:
        checkout(home, JobContext())


def nothing(world: World) -> None:
    """The site never submitted."""


def a_policy(world: World) -> None:
    """A schedule can be installed."""
    (world.base / "policy.toml").write_text("", "utf-8")


def scheduled(world: World) -> None:
    """One is installed."""
    a_policy(world)
    policy = str(world.base / "policy.toml")
    schedulers.Systemd().install(Schedule("nightly", ("chorus-upload",), str(world.file), policy, "22:30", DAYS[:5]))


@pytest.fixture(autouse=True)
def systemd(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler that takes everything; its files are among those that :func:`everything` looks at."""
    monkeypatch.setattr(schedulers, "here", lambda: System.SYSTEMD)
    monkeypatch.setattr(schedulers, "ask_program", lambda _: (0, ""))
    monkeypatch.setattr(schedulers.subprocess, "call", lambda _: 0)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(world.base / "xdg"))


QUESTIONS: list[tuple[str, Callable[[World], None]]] = [
    ("submit", nothing),
    ("submit", pending),
    ("submit", local),
    ("submit", shared),
    ("submit --amend", shared),
    ("submit --modalities Images --version v2", shared),
    ("submit --without-pending", local),
    ("remote delete -r v1", local),
    ("journal unlock", locked),
    ("journal unlock", foreign_lock),
    ("journal adopt --local-journal {journal}", foreign_lock),
    ("journal recover", lost),
    ("journal set-aside", aside),
    ("purge", local),
    ("clear-data", local),
    ("clear-data --logs", local),
    ("schedule install --policy {policy}", a_policy),
    ("schedule remove", scheduled),
]
NAMES = [f"{words}, {setup.__name__}" for words, setup in QUESTIONS]
KEPT_ASIDE = re.compile(r"\.inuse$|/logs/|chorus-upload\.log|/custody/|/staging/|/readiness/|\.backups/|\.copy\.|/reviews?/")
"""Files of this user alone that a command may write before it asks: logs, the review, what a check found, kept copies, what it downloaded."""


def everything(world: World) -> dict[str, bytes]:
    folders = (world.base, data_folder())
    files = (file for folder in folders for file in folder.rglob("*") if file.is_file())
    return {file.as_posix(): content(world, file) for file in files if not KEPT_ASIDE.search(file.as_posix())}


def content(world: World, file: Path) -> bytes:
    """Its bytes; of the local journal the tables, because a check-out copies it."""
    if file != world.journal:
        return file.read_bytes()
    with closing(sqlite3.connect(file)) as db:
        return "\n".join(db.iterdump()).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("answer", ["no", "", "maybe", "nobody", "y es", "json"])
@pytest.mark.parametrize(("words", "setup"), QUESTIONS, ids=NAMES)
def test_only_a_yes_changes_something(
    words: str, setup: Callable[[World], None], answer: str, cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    json = answer == "json" and words.startswith("submit")  # a program that reads the output is not asked
    setup(world)
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n") if answer == "nobody" else Typed(f"{answer}\n" if answer else ""))
    before = everything(world)
    told = words.format(journal=world.journal.as_posix(), policy=(world.base / "policy.toml").as_posix())
    ended = cli.run(told + (" --json" if json else ""))
    assert ended.status == (Status.DECISION if answer == "nobody" or json else Status.DONE), ended
    assert "Stopped" not in ended.said
    assert "Interrupted" not in ended.said
    after = everything(world)
    assert {name: content for name, content in after.items() if before.get(name) != content} == {}
    assert before.keys() - after.keys() == set()


def test_every_question_of_the_command_line_is_in_this_test() -> None:
    """A new command that asks belongs in ``QUESTIONS``."""
    import chorus_gui.cli as cli

    found: set[str] = set()
    for file in Path(str(cli.__file__)).parent.glob("*.py"):
        text = file.read_text("utf-8")
        found |= {file.stem} if re.search(r"\b(ask|confirm)\(", re.sub(r"def (ask|confirm)\(", "", text)) else set()
    assert found == {
        "clear_command",
        "custody_commands",
        "journal_commands",
        "purge_command",
        "remote_commands",
        "review_text",
        "schedule_commands",
    }
