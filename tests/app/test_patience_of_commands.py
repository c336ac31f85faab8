"""Every command waits as long as the configuration says, says so, ends with status 3, and the same command continues afterwards."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from awayworld import Clock
from faces import CommandLine
from world import World

from chorus_gui.app.status import Status
from chorus_gui.core.errors import StoreUnavailableError, Why
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage import outage
from chorus_gui.core.storage.local import LocalStore

STORE = ("put", "head", "delete", "pages", "list_folders", "level", "read", "stage_block", "commit_blocks", "list_staged", "copy")
MINUTES = 7


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the program waits, not as the other tests do."""
    monkeypatch.setattr("chorus_gui.app.workspace.SECONDS_PER_MINUTE", 60.0)


class Away:
    """Places that answer ``requests`` requests, then none, until :meth:`back`.  ``clock`` is moved by waiting alone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.clock = Clock(monkeypatch)
        self.folder = folder
        self.left = 10**9
        self.asked = 0
        for name in STORE:
            self._break(monkeypatch, LocalStore, name)
        real = outage.Outage.__init__
        monkeypatch.setattr(outage.Outage, "__init__", lambda self, *args, **options: real(self, *args, **{**options, "clock": clock}))
        clock = self.clock
        monkeypatch.setattr(random, "uniform", lambda low, high: high)

    def _break(self, monkeypatch: pytest.MonkeyPatch, place: type, name: str) -> None:
        real: Callable[..., Any] = getattr(place, name)

        def ask(opened: Any, *args: Any, **options: Any) -> Any:
            if Path(opened.url) == self.folder:
                self.asked += 1
                if self.asked > self.left:
                    self.clock.pass_by(1.0)
                    error = StoreUnavailableError("The place did not answer.", remedy="Check the network.")
                    error.why = Why.REFUSED
                    raise error
            return real(opened, *args, **options)

        monkeypatch.setattr(place, name, ask)

    def after(self, requests: int) -> None:
        self.asked, self.left = 0, requests

    def back(self) -> None:
        self.left = 10**9


@pytest.fixture
def share(world: World) -> Path:
    """The place of the cloud journal."""
    folder = world.base / "share"
    folder.mkdir()
    text = world.file.read_text("utf-8").replace("num_threads = 4", f"num_threads = 1\npatience_minutes = {MINUTES}")
    world.file.write_text(f'{text}[journal.source]\npath = "{(folder / "journal.db").as_posix()}"\n', "utf-8")
    return folder


# Each command, what has to be there before, and the place that goes away in the middle of it.
COMMANDS = {
    "check-out": ("journal checkout", "share"),
    "submit": ("submit --yes --version v1", "central"),
    "upload": ("file upload", "central"),
    "verify": ("file verify --all --reread", "central"),
    "check-in": ("journal checkin", "share"),
    "submit and check-in": ("submit --yes --version v1", "share"),
}


def prepare(cli: CommandLine, name: str) -> None:
    for words in {
        "check-out": ["submit --yes --version v1"],
        "upload": ["journal update --version v1"],
        "verify": ["submit --yes --version v1"],
        "check-in": ["journal checkout", "submit --yes --version v1"],
    }.get(name, []):
        assert cli.run(words).status == Status.DONE


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("at", [2, 5])
def test_a_command_waits_and_ends_with_status_3_and_the_next_continues(
    name: str, at: int, cli: CommandLine, world: World, share: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, place = COMMANDS[name]
    prepare(cli, name)
    away = Away(monkeypatch, share if place == "share" else world.central)
    away.after(at)
    ended = cli.run(words)
    if away.asked <= at:
        pytest.skip("the command needs fewer requests")
    assert ended.status == Status.STOPPED, ended.said
    threads = 4 if name == "verify" else 1  # each that waits moves the clock
    assert MINUTES * 60 <= away.clock.now < threads * (MINUTES * 60 + 180), "as long as the configuration says, and once"
    assert f"waited {MINUTES} minutes" in ended.said or name == "verify", ended.out  # it lists what it could not check
    away.back()
    assert cli.run(words).status in (Status.DONE, Status.NOT_STARTED)
    assert cli.run("submit --yes --version v1").status == Status.DONE
    assert cli.run("file verify --all --reread").status == Status.DONE
    assert not (share / "journal.db.locked").exists() or name in ("check-out", "check-in")


def test_the_facts_are_on_standard_error_as_json(cli: CommandLine, world: World, share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(cli, "verify")
    away = Away(monkeypatch, world.central)
    fake = JobContext.sleep
    monkeypatch.setattr(JobContext, "sleep", lambda self, seconds: (time.sleep(0.02), fake(self, seconds)))
    away.after(3)
    ended = cli.run("file verify --all --reread --json")
    lines = [json.loads(line)["progress"] for line in ended.said.splitlines() if line.startswith("{")]
    waiting = [line["waiting"] for line in lines if line["waiting"]]
    assert waiting, ended.said
    assert {found["why"] for found in waiting} == {"connection_refused"}
    assert all(found["since"] and found["place"] == "The central store" for found in waiting)
    assert all(line["seconds_left"] is None for line in lines if line["waiting"])


@pytest.mark.parametrize("name", COMMANDS)
def test_a_person_reads_what_each_step_waits_for(
    name: str, cli: CommandLine, world: World, share: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, place = COMMANDS[name]
    prepare(cli, name)
    away = Away(monkeypatch, share if place == "share" else world.central)
    fake = JobContext.sleep
    monkeypatch.setattr(JobContext, "sleep", lambda self, seconds: (time.sleep(0.02), fake(self, seconds)))
    away.after(2)
    said = cli.run(words).said
    told = "The place of the cloud journal" if place == "share" else "The central store"
    assert f"{told} has not answered since" in said
    assert "The connection is refused. Trying again until" in said
