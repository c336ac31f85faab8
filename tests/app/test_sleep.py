"""Putting the computer to sleep: if the system can, how, and what prevents it.  No test really does it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from chorus_gui.app import sleep
from chorus_gui.app.sleep import Way, refuse_while_busy, way_of_windows
from chorus_gui.app.unattended import run_report
from chorus_gui.core.errors import ComputerError
from chorus_gui.core.journal.lock import WriterLock

real_way, real_sleep = sleep.way, sleep.fall_asleep
"""Read before a test begins: then they are replaced."""


class Linux:
    """What its programs answer."""

    def __init__(self, answer: str = 's "yes"\n', status: int = 0, said: str = "") -> None:
        self.asked: list[str] = []
        self._answer, self._status, self._said = answer, status, said

    def __call__(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.asked.append(command[-1])
        return subprocess.CompletedProcess(list(command), self._status, self._answer, self._said)


@pytest.mark.skipif(sys.platform != "linux", reason="the programs of Linux")
@pytest.mark.parametrize(
    ("answer", "status", "way"),
    [('s "yes"\n', 0, Way.SYSTEMD), ('s "challenge"\n', 0, Way.NONE), ('s "na"\n', 0, Way.NONE), ("", 1, Way.NONE), ("", 0, Way.NONE)],
)
def test_linux_is_asked_if_it_can(answer: str, status: int, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    system = Linux(answer, status)
    assert real_way(system) is way
    assert system.asked == ["CanSuspend"]
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert real_way(system) is Way.NONE
    assert len(system.asked) == 1, "without systemd nothing is started"


@pytest.mark.skipif(sys.platform != "linux", reason="the programs of Linux")
def test_a_program_that_does_not_answer_means_that_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")

    def silent(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        raise subprocess.TimeoutExpired(list(command), 1)

    assert real_way(silent) is Way.NONE
    with pytest.raises(ComputerError, match="did not go to sleep"):
        real_sleep(Way.SYSTEMD, silent)


def test_sleep_is_requested_and_a_refusal_is_told() -> None:
    system = Linux()
    real_sleep(Way.SYSTEMD, system)
    assert system.asked == ["suspend"]
    with pytest.raises(ComputerError, match="inhibited by “Backup”") as refused:
        real_sleep(Way.SYSTEMD, Linux(status=1, said="Operation inhibited by “Backup”\n"))
    assert "Nothing is lost" in str(refused.value)
    with pytest.raises(ComputerError):
        real_sleep(Way.NONE, system)
    assert system.asked == ["suspend"]


@pytest.mark.parametrize(
    ("states", "way"),
    [({}, Way.NONE), ({5}, Way.SUSPEND), ({3}, Way.SUSPEND), ({6}, Way.NONE), ({20}, Way.SCREEN_OFF), ({5, 20}, Way.SCREEN_OFF)],
)
def test_how_windows_does_it(states: set[int], way: Way) -> None:
    """Hibernation alone (S4) is not sleep; with Modern Standby the older request is refused."""
    assert way_of_windows(bytes(n in states for n in range(76))) is way
    assert way_of_windows(b"") is Way.NONE


def test_nobody_sleeps_while_another_program_works(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    refuse_while_busy(None)
    refuse_while_busy(journal)
    journal.touch()
    refuse_while_busy(journal)
    lock = WriterLock(journal)
    lock.acquire("file upload", 0, None)
    with pytest.raises(ComputerError, match="in use by"):
        refuse_while_busy(journal)
    lock.release()
    kept = run_report.Kept.begin(run_report.begun(tmp_path / "config.toml", tmp_path / "policy.toml"))
    with pytest.raises(ComputerError, match="an unattended run"):
        refuse_while_busy(journal)
    kept.close()
    refuse_while_busy(journal)
