"""The two faces of the program, the command line and the window, doing the same things on the same site."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytest
from pytestqt.qtbot import QtBot
from uiworld import run_job, settle
from world import World

from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.receipts import from_json
from chorus_gui.app.status import Status
from chorus_gui.cli.main import main
from chorus_gui.core.errors import AccessError
from chorus_gui.core.job import JobContext, OutcomeKind, Patience
from chorus_gui.core.model import Mode
from chorus_gui.core.receipt import Receipt
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.ui import intents
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import JobEnd

VERSION = "v1"
ONE = "1001/Images/a.dcm"
FILES = 4
"""How many files a site has after :func:`fill`."""

OUTCOMES = {
    Status.DONE: OutcomeKind.DONE,
    Status.FAULTY: OutcomeKind.DONE,
    Status.INTERRUPTED: OutcomeKind.CANCELLED,
    Status.CRASHED: OutcomeKind.CRASHED,
}
"""Exit status → outcome; every other status is a failure."""


def fill(world: World) -> World:
    """Put four files into the site."""
    world.put("OMOP/person.csv", "person_id\n1\n")
    world.put(ONE, "image")
    world.put("1001/Waveforms/a.dat", "wave")
    world.put("1002/Images/b.dcm", "other image")
    return world


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command or job ended, and all that the person read.  ``status`` is the command line's, ``end`` the window's."""

    outcome: OutcomeKind
    said: str
    out: str = ""
    status: int | None = None
    end: JobEnd | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person chooses for a scan and its approval."""

    mode: Mode | None = None
    modalities: tuple[str, ...] = ()
    version: str | None = None
    amend: bool = False
    allow_deletions: bool = False
    pending: bool = True

    @property
    def words(self) -> str:
        """The same, as typed on the command line."""
        parts = [f"--mode {self.mode.value}"] if self.mode else []
        parts += [f"--modalities {','.join(self.modalities)}"] if self.modalities else []
        parts += [f"--version {self.version}"] if self.version else []
        flags = (("amend", self.amend), ("allow-deletions", self.allow_deletions), ("without-pending", not self.pending))
        return " ".join([*parts, *(f"--{name}" for name, given in flags if given)])


class Face(Protocol):
    """One of the two."""

    def scan_and(self, what: str, asked: Asked) -> Ended:
        """Scan, approve, and "record" or "submit"."""
        ...

    def upload(self, version: str | None = None, modalities: Sequence[str] = ()) -> Ended:
        """Send what is pending."""
        ...

    def verify(self, version: str | None = None, *, reread: bool = False) -> Ended:
        """Compare the store with the journal; ``version`` None: every version."""
        ...

    def undo(self, version: str) -> Ended:
        """Take a recorded version back."""
        ...


class CommandLine:
    """``chorus-upload``, in this process."""

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self._world = world
        self._capsys = capsys

    def run(self, words: str) -> Ended:
        """Run one command."""
        self._capsys.readouterr()
        status = main(["-c", str(self._world.file), *shlex.split(words)])
        read = self._capsys.readouterr()
        return Ended(OUTCOMES.get(Status(status), OutcomeKind.FAILED), read.err, read.out, status)

    def scan_and(self, what: str, asked: Asked) -> Ended:
        return self.run(f"{'submit --yes' if what == 'submit' else 'journal update'} {asked.words}")

    def upload(self, version: str | None = None, modalities: Sequence[str] = ()) -> Ended:
        chosen = (f" --version {version}" if version else "") + (f" --modalities {','.join(modalities)}" if modalities else "")
        return self.run(f"file upload{chosen}")

    def verify(self, version: str | None = None, *, reread: bool = False) -> Ended:
        return self.run(f"file verify {f'--version {version}' if version else '--all'}{' --reread' if reread else ''}")

    def undo(self, version: str) -> Ended:
        return self.run(f"journal undo --version {version}")


class Window:
    """A window's session."""

    def __init__(self, world: World, qtbot: QtBot, session: Session) -> None:
        self._world = world
        self._qtbot = qtbot
        self.session = session

    def open(self) -> None:
        """Open the site, or read everything about it again."""
        self.session.open(self._world.file)
        settle(self._qtbot, self.session)

    def run(self, intent: intents.Intent) -> Ended:
        """Carry out an intent to the end of its job."""
        if self.session.state.config is None:
            self.open()
        read = len(self.session.state.messages)
        ends: list[JobEnd] = []
        self.session.ended.connect(ends.append)
        try:
            run_job(self._qtbot, self.session, intent)
        finally:
            self.session.ended.disconnect(ends.append)
        said = "\n".join(message.text for message in self.session.state.messages[read:])
        return Ended(ends[-1].outcome, said, end=ends[-1])

    def scan_and(self, what: str, asked: Asked) -> Ended:
        scanned = self.run(intents.Scan(asked.mode, asked.modalities))
        assert scanned.outcome is OutcomeKind.DONE, scanned
        review = self.session.state.review
        assert review is not None
        approval = intents.Approve(
            review.revision, asked.version, amend=asked.amend, record_only=what == "record", allow_deletions=asked.allow_deletions
        )
        return self.run(approval if asked.pending else replace(approval, pending=False))

    def upload(self, version: str | None = None, modalities: Sequence[str] = ()) -> Ended:
        return self.run(intents.UploadPending(version, tuple(modalities)))

    def verify(self, version: str | None = None, *, reread: bool = False) -> Ended:
        return self.run(intents.Verify(version, reread=reread))

    def undo(self, version: str) -> Ended:
        return self.run(intents.Undo(version))


# --- the runs that leave a receipt ----------------------------------------------------------------------------------------

RUNS = {"record": "record", "submission": "submission", "upload": "upload", "verify": "verify", "undo": "undo"}
"""A run that both faces have → the kind of its receipt."""
MARKS = {"mark_as_deleted": "mark", "mark_as_uploaded_local": "mark", "mark_as_uploaded_central": "mark"}
"""The same, of the command line alone."""


def prepare(world: World, run: str) -> None:
    """Bring the site to where ``run`` has something to do; no receipt is there then."""
    if run in ("verify", "mark_as_deleted"):
        world.run("submit", version=VERSION)
    elif run not in ("record", "submission"):
        world.run("record", version=VERSION)
    if run.startswith("mark_as_uploaded"):
        for row in world.rows():
            target = world.central / world.config.store_path(row.modality, row.path, row.version)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(world.site / row.path, target)
    shutil.rmtree(receipts_folder(), ignore_errors=True)


def carry_out(face: Face, run: str) -> Ended:
    """Do it."""
    match run:
        case "record":
            return face.scan_and("record", Asked(version=VERSION))
        case "submission":
            return face.scan_and("submit", Asked(version=VERSION))
        case "upload":
            return face.upload()
        case "verify":
            return face.verify(VERSION)
        case "undo":
            return face.undo(VERSION)
        case _:
            assert isinstance(face, CommandLine)
            at = "" if run == "mark_as_deleted" else "--upload-datetime 20250101000000"
            return face.run(f"file {run} {at} --file {f'{VERSION}/' if run.endswith('central') else ''}{ONE}")


def receipts() -> list[Receipt]:
    """The receipts that were saved, each with its page, in their order."""
    files = sorted(receipts_folder().glob("*.json"), key=lambda file: (json.loads(file.read_text("utf-8"))["ended_us"], file.name))
    assert {file.with_suffix(".html") for file in files} == set(receipts_folder().glob("*.html"))
    return [from_json(file.read_text("utf-8")) for file in files]


def history(world: World) -> list[tuple[str, str]]:
    """(command, options) of the journal's history."""
    with world.open() as journal:
        return [(line.command, line.params) for line in journal.history()]


def contexts(monkeypatch: pytest.MonkeyPatch, made: list[JobContext]) -> None:
    """Collect the context of every command and job that begins, so that a store can cancel it from inside; not those of what a page reads meanwhile."""

    def make(*given: Any, **options: Any) -> JobContext:
        context = JobContext(*given, **options)
        if context.patience is not Patience.BRIEF:
            made.append(context)
        return context

    monkeypatch.setattr("chorus_gui.cli.main.JobContext", make)
    monkeypatch.setattr("chorus_gui.ui.jobs.JobContext", make)


def after(monkeypatch: pytest.MonkeyPatch, method: str, calls: int, act: Callable[[], object]) -> None:
    """Do ``act`` at each call of a method of the folder store after the first ``calls``; what concerns journals is not counted."""
    count = 0
    real = getattr(LocalStore, method)

    def counted(store: LocalStore, path: str, *given: Any, **options: Any) -> Any:
        nonlocal count
        if "journal.db" not in path:
            count += 1
            if count > calls:
                act()
        return real(store, path, *given, **options)

    monkeypatch.setattr(LocalStore, method, counted)


def refused() -> None:
    """The token has expired, or was taken back."""
    raise AccessError("The token is no longer valid.", remedy="Ask for another one.")


def uploaded(world: World) -> int:
    """How many files of the journal are uploaded; the store has them all."""
    world.check_truth()
    return sum(row.uploaded is not None for row in world.rows(active=True))


def path_of(world: World, path: str = ONE) -> Path:
    """Where the store keeps a file of version :data:`VERSION`."""
    row = world.active()[path]
    return world.central / world.config.store_path(row.modality, row.path, row.version)
