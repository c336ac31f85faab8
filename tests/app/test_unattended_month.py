"""An unattended month: thirty nights, changes each day, and everything that goes wrong in a month.  Nothing is lost, every run is accounted for."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clock import Clock
from custodyworld import BLOB, ctx, opened_home, person
from faces import CommandLine, receipts
from test_statuses import FULL, REFUSED, Scene, _raising, break_later
from world import World

from chorus_gui.app.status import Status
from chorus_gui.app.unattended.run_report import Result, saved
from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.checkout import checkout
from chorus_gui.core.custody.state import State, look
from chorus_gui.core.errors import StoreUnavailableError
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.storage.local import LocalStore

FIRST = datetime(2026, 11, 1, 22, 30, tzinfo=UTC)
NIGHTS = 30
POLICY = """\
name = "Nightly"
patients_gone = 0
[deletions]
files = 3
percent = 10
[upload]
files = 60
[after]
verify = true
repair = true
"""
GOOD = ["1001", "1002", "1003", "1004", "1005"]


class Month:
    """A site that changes, and what is expected of it."""

    def __init__(self, scene: Scene, cli: CommandLine, clock: Clock) -> None:
        self.scene, self.world, self.cli, self.clock = scene, scene.world, cli, clock
        self.chance = random.Random(30)
        self.submitted: set[tuple[str, str]] = set()
        """(path, content) that were on the site during a night that was done"""
        self.policy = self.world.base / "nightly.toml"
        self.policy.write_text(POLICY, "utf-8")
        (self.world.base / "share").mkdir()
        place = (self.world.base / "share" / BLOB).as_posix()
        self.world.file.write_text(f'{self.world.file.read_text("utf-8")}[journal.source]\npath = "{place}"\n', "utf-8")

    def day(self, number: int) -> None:
        """New files, one with another content, one deleted, one renamed now and then."""
        for patient in self.chance.sample(GOOD, 3):
            for kind, end in (("Images", "dcm"), ("Waveforms", "dat")):
                self.world.put(f"{patient}/{kind}/day{number}.{end}", f"{patient} {kind} {number} {self.chance.random()}")
        self.world.put("OMOP/person.csv", f"person_id\n{number}\n")
        images = sorted((self.world.site / "1001" / "Images").iterdir())
        if number % 4 == 3:
            images[0].unlink()
        if number % 5 == 4:
            images[-1].rename(images[-1].with_name(f"renamed{number}.dcm"))

    def night(self) -> Status:
        """The scheduler starts the command."""
        ended = self.cli.run(f"submit --policy {self.policy.as_posix()}")
        assert "Traceback" not in ended.said
        return Status(ended.status or 0)

    def files(self) -> dict[str, bytes]:
        """What is on the site."""
        site = self.world.site
        return {file.relative_to(site).as_posix(): file.read_bytes() for file in site.rglob("*") if file.is_file()}


def a_usual_night(month: Month) -> Status:
    return month.night()


def token_ends(month: Month) -> Status:
    """The store refuses the token after some files."""
    with pytest.MonkeyPatch.context() as patch:
        break_later(patch, REFUSED, "put", 2)
        return month.night()


def no_network(month: Month) -> Status:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("put", "write", "head", "delete", "list", "read"):
            patch.setattr(LocalStore, name, _raising(StoreUnavailableError("The share does not answer.")))
        return month.night()


def disk_is_full(month: Month) -> Status:
    with pytest.MonkeyPatch.context() as patch:
        break_later(patch, FULL, "put", 1)
        return month.night()


def folder_is_missing(month: Month) -> Status:
    """Somebody moved a patient's folder away; the next morning it is there again."""
    folder, away = month.world.site / "1004", month.world.base / "away"
    shutil.move(folder, away)
    try:
        return month.night()
    finally:
        shutil.move(away, folder)


def killed(month: Month) -> Status:
    driver = Path(__file__).with_name("month_driver.py")
    at = datetime.fromtimestamp(month.clock.time(), UTC).isoformat()
    words = ["-c", str(month.world.file), "submit", "--policy", str(month.policy)]
    done = subprocess.run([sys.executable, str(driver), at, "2", *words], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode == -9, done.stderr
    return Status.INTERRUPTED


def colleague_has_it(month: Month) -> Status:
    """Bob works on the journal tonight, and checks it in the next morning."""
    bob = person(LocalStore(month.world.base / "share"), month.world.base / "bob", "Bob", "PC-2")
    checkout(bob, ctx())
    try:
        return month.night()
    finally:
        with Journal.open(bob.local):
            pass
        checkin(bob, ctx())


EVENTS: dict[int, tuple[Callable[[Month], Status], Status]] = {
    6: (token_ends, Status.STOPPED),
    11: (no_network, Status.STOPPED),
    14: (folder_is_missing, Status.DECISION),
    19: (killed, Status.INTERRUPTED),
    23: (colleague_has_it, Status.DECISION),
    27: (disk_is_full, Status.STOPPED),
}


@pytest.mark.skipif(os.name != "posix", reason="a process kills itself as POSIX does")
def test_an_unattended_month(cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(FIRST)
    clock.install(monkeypatch)
    month = Month(Scene(world, monkeypatch), cli, clock)
    for patient in GOOD:
        for number in range(4):
            world.put(f"{patient}/Images/first{number}.dcm", f"first {patient} {number}")
    ends: list[Status] = []
    for number in range(NIGHTS):
        clock.set(FIRST + timedelta(days=number))
        month.day(number)
        event, expected = EVENTS.get(number, (a_usual_night, Status.DONE))
        before = month.files()
        ends.append(event(month))
        assert ends[-1] is expected, (number, event.__name__)
        if expected is Status.DONE:
            month.submitted |= {(path, content.decode()) for path, content in before.items()}
            world.check_truth()
            active = world.active()
            assert set(active) == set(before), number
            assert all(row.uploaded is not None for row in active.values())

    # nothing is lost: whatever was on the site in a night that was done is in the store, under the version that the journal says
    rows = world.rows()
    kept = {
        (row.path, (world.central / world.config.store_path(row.modality, row.path, row.version)).read_text("utf-8"))
        for row in rows
        if row.uploaded
    }
    assert month.submitted <= kept
    assert len({content for _, content in month.submitted}) > 150
    with opened_home(world.config) as home:
        assert look(home).state is State.FREE
    assert not any(row.uploaded is None for row in rows if row.invalid_us is None)

    # every run is accounted for: a report each, in the order of the nights, with the time and the end that it had
    reports = [report for _, report in reversed(saved())]
    assert [Status(report.status or 0) for report in reports] == ends
    assert [report.result for report in reports].count(Result.STOPPED) == len(EVENTS)
    for number, report in enumerate(reports):
        night = int((FIRST + timedelta(days=number)).timestamp())
        assert night <= report.started_us / 1e6 < night + 3600, number
        assert report.policy is not None
        assert report.journal == str(world.config.journal.local)
        assert (report.error is not None) == (ends[number] is not Status.DONE)
    assert reports[14].rules[0].rule == "patients_gone"
    assert reports[14].rules[0].examples[0].startswith("Images: 1004/")
    assert reports[19].headline == "Did not end"
    assert reports[23].error is not None
    assert "Bob" in reports[23].error.what

    # and every run that did something has its receipt, which names the policy
    made = [receipt for receipt in receipts() if receipt.kind == "submission"]
    assert len([receipt for receipt in made if receipt.outcome is OutcomeKind.DONE]) == ends.count(Status.DONE)
    assert {receipt.policy.name for receipt in made if receipt.policy} == {"Nightly"}
    assert all(receipt.policy for receipt in made)
    assert len([line for line in month.cli.run("history").out.splitlines() if " submit " in line]) >= ends.count(Status.DONE)
