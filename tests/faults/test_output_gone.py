"""Nobody reads the output, or it cannot be written: neither the work nor the exit status changes, and no traceback appears."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from world import World

from chorus_gui.app.status import Status
from chorus_gui.core.journal.store import Journal

FILES = 60
POSIX = pytest.mark.skipif(os.name != "posix", reason="closes file descriptors of a child process")
PRINTING = {
    "file list": ["file", "list", "--uploaded"],
    "file list -0": ["file", "list", "--uploaded", "-0"],
    "file list --json": ["file", "list", "--uploaded", "--json"],
    "journal list": ["journal", "list"],
    "status": ["status"],
    "history": ["history"],
    "doctor": ["doctor"],
    "config-help": ["config-help"],
    "help": ["--help"],
    "usage": ["usage"],
}
WORKING = {
    "submit": ["submit", "--yes"],
    "submit -v": ["-v", "submit", "--yes"],
    "journal update": ["journal", "update"],
    "file verify": ["file", "verify", "--all"],
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    for number in range(FILES):
        world.put(f"OMOP/a_table_whose_name_is_rather_long_{number:03d}.csv", f"person_id {number}")
    world.put("1001/Images/IM1.dcm", "image")
    return world


def chorus(world: World, command: list[str], **options: object) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "chorus_gui.cli", "-c", str(world.file), *command]
    return subprocess.Popen(words, cwd=world.base, stdin=subprocess.DEVNULL, **options)  # type: ignore[call-overload]


def reader_gone(world: World, command: list[str]) -> tuple[int, str]:
    """“| true”: the reader is gone before the first line."""
    reading, writing = os.pipe()
    os.close(reading)
    with chorus(world, command, stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        _, err = process.communicate(timeout=120)
    return process.returncode, err.decode()


def head(world: World, command: list[str]) -> tuple[int, str]:
    """“| head -1”."""
    with chorus(world, command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
        process.wait(timeout=120)
    return process.returncode, err.decode()


def _closing(*handles: int) -> Callable[[], None]:
    def close() -> None:
        for handle in handles:
            os.close(handle)

    return close


def closed(world: World, command: list[str]) -> tuple[int, str]:
    """“>&-”."""
    with chorus(world, command, stderr=subprocess.PIPE, preexec_fn=_closing(1)) as process:
        _, err = process.communicate(timeout=120)
    return process.returncode, err.decode()


def all_closed(world: World, command: list[str]) -> tuple[int, str]:
    """As a daemon starts a program: no standard stream at all."""
    with chorus(world, command, preexec_fn=_closing(0, 1, 2)) as process:
        process.wait(timeout=120)
    return process.returncode, ""


def full(world: World, command: list[str]) -> tuple[int, str]:
    """“> log” on a full disk."""
    with open("/dev/full", "wb") as nowhere, chorus(world, command, stdout=nowhere, stderr=subprocess.PIPE) as process:
        _, err = process.communicate(timeout=120)
    return process.returncode, err.decode()


def errors_full(world: World, command: list[str]) -> tuple[int, str]:
    """“2> log” on a full disk."""
    with open("/dev/full", "wb") as nowhere, chorus(world, command, stdout=subprocess.PIPE, stderr=nowhere) as process:
        process.communicate(timeout=120)
    return process.returncode, ""


GONE = [reader_gone, head, closed, all_closed, errors_full]


@POSIX
@pytest.mark.parametrize("gone", [*GONE, full], ids=lambda gone: gone.__name__)
def test_a_submission_is_completed_whatever_happens_to_its_output(world: World, gone: Callable[..., tuple[int, str]]) -> None:
    status, err = gone(world, WORKING["submit"])
    _no_bug(err)
    assert status == Status.DONE, err
    with Journal.open(world.journal, readonly=True) as journal:
        rows = list(journal.rows(active=True))
    assert len(rows) == FILES + 1
    assert all(row.uploaded for row in rows)
    assert not (world.journal.with_name(".journal.db.inuse.json")).exists(), "the journal was not closed"


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("gone", [*GONE, full], ids=lambda gone: gone.__name__)
@pytest.mark.parametrize("name", [name for name in WORKING if name != "submit"])
def test_work_is_completed_whatever_happens_to_its_output(world: World, name: str, gone: Callable[..., tuple[int, str]]) -> None:
    if name == "file verify":
        world.run("submit", version="v1")
    status, err = gone(world, WORKING[name])
    _no_bug(err)
    assert status == Status.DONE, err


@POSIX
@pytest.mark.parametrize("gone", [reader_gone, all_closed], ids=lambda gone: gone.__name__)
@pytest.mark.parametrize("name", ["file list", "journal list", "help", "doctor"])
def test_a_reader_that_left_is_no_failure(world: World, name: str, gone: Callable[..., tuple[int, str]]) -> None:
    _left(world, name, gone)


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("gone", GONE, ids=lambda gone: gone.__name__)
@pytest.mark.parametrize("name", PRINTING)
def test_a_reader_that_left_is_no_failure_of_any_command(world: World, name: str, gone: Callable[..., tuple[int, str]]) -> None:
    _left(world, name, gone)


def _no_bug(err: str) -> None:
    found = [sign for sign in ("Traceback", "Exception ignored", "program error") if sign in err]
    assert not found, err


def _left(world: World, name: str, gone: Callable[..., tuple[int, str]]) -> None:
    if name != "help":
        world.run("submit", version="v1")
    with chorus(world, PRINTING[name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        usual = process.wait(timeout=120)
    status, err = gone(world, PRINTING[name])
    _no_bug(err)
    assert status == usual, err


@POSIX
@pytest.mark.parametrize("name", ["file list", "config-help"])
def test_results_that_a_full_disk_lost_are_a_failure(world: World, name: str) -> None:
    world.run("submit", version="v1")
    status, err = full(world, PRINTING[name])
    assert status == Status.FAULTY
    assert "Could not write all results to the standard output" in err
    assert "Traceback" not in err
