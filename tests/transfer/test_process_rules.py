"""The rules of worker processes that need no file to be sent: how many there are, how often one is replaced, and how one ends."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sending import Site

from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.transfer import processes as module
from chorus_gui.core.transfer.processes import AHEAD, BATCH, Answers, Assisted, Processes, task_of

ENDS = [sys.executable, "-c", "pass"]
_SAYS_READY = (
    "import sys, time\n"
    "from chorus_gui.core.transfer.processes import packed, write_message\n"
    "write_message(sys.stdout.buffer, packed('ready'))\n"
    "time.sleep(300)"
)
DEAF = [sys.executable, "-c", _SAYS_READY]
"""Says that it is ready, and hears nothing: not even that its pipe ends."""
_SAYS_WHAT_IT_GOT = (
    "import sys\n"
    "from chorus_gui.core.transfer.processes import packed, read_message, write_message\n"
    "def say(*message): write_message(sys.stdout.buffer, packed(*message))\n"
    "say('ready')\n"
    "while True:\n"
    "    what, *about = read_message(sys.stdin.buffer)\n"
    "    if what == 'places':\n"
    "        say('log', 30, 'places of ' + about[1].url)\n"
    "    elif what == 'files':\n"
    "        say('log', 30, f'{len(about[0])} files')\n"
    "        say('done', [], [task[0] for task in about[0]], len(about[0]) == 2, False)\n"
)
"""Sends no file; it says in the log what it got.  Reading two files was slow."""


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> Iterator[tuple[Processes, Callable[[], list[str]]]]:
    """A process, and what it said that it got."""
    caplog.set_level(logging.WARNING, "chorus")
    processes = Processes([sys.executable, "-c", _SAYS_WHAT_IT_GOT], 1)
    processes.open()
    yield processes, lambda: [record.getMessage().partition(": ")[2] for record in caplog.records]
    processes.close()


def begun(processes: Processes, site: Site, store: LocalStore) -> None:
    processes.begin({"Images": FolderSource(site.root)}, store)
    while not processes.ready:
        processes.answers(0.2)


def answered(processes: Processes) -> Answers:
    """All that comes until the process has no files; without handing over what waits for others."""
    found = Answers([], [])
    while processes.busy:
        got = processes.answers(0)
        found.other_way += got.other_way
        found.slow = found.slow or got.slow
    return found


@pytest.fixture
def deaf() -> Iterator[Processes]:
    processes = Processes(DEAF, 1)
    yield processes
    processes.close()


@pytest.mark.parametrize("most", [0, 1, 2])
def test_there_are_as_many_processes_as_the_owner_asked_for(most: int) -> None:
    processes = Processes(ENDS, most)
    processes.open()
    assert len(processes.pids) == most
    processes.open()
    assert len(processes.pids) == most, "those that were started count"
    processes.close()
    assert processes.pids == ()


@pytest.mark.parametrize(("most", "ended"), [(1, 4), (2, 5)])
def test_a_process_that_ends_is_replaced_three_times_in_all(caplog: pytest.LogCaptureFixture, most: int, ended: int) -> None:
    """A program that cannot run there would be started again and again."""
    caplog.set_level(logging.WARNING, "chorus")
    processes = Processes(ENDS, most)
    processes.open()
    while processes.pids:
        processes.answers(0.2)
    assert sum("it had 0 files" in record.getMessage() for record in caplog.records) == ended
    processes.close()


@pytest.mark.skipif(os.name == "nt", reason="a process that has ended is looked for by its number")
def test_a_process_that_still_has_files_is_ended_at_once(
    deaf: Processes, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing may be sent after the end of a transfer: such a process gets no time to end by itself."""
    deaf.open()
    deaf.begin({"Images": FolderSource(site.root)}, LocalStore(tmp_path / "central", create=True))
    while not deaf.ready:
        deaf.answers(0.2)
    deaf.give(task_of(1, site.add("a", b"abc")))
    deaf.answers(0.01)
    assert deaf.busy
    (pid,) = deaf.pids
    monkeypatch.setattr(module, "_LEAVE_S", 3600.0)
    deaf.finish()
    assert (deaf.pids, deaf.busy) == ((), False)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_each_transfer_has_its_own_places(heard: tuple[Processes, Callable[[], list[str]]], site: Site, tmp_path: Path) -> None:
    processes, said = heard
    stores = [LocalStore(tmp_path / name, create=True) for name in ("one", "two")]
    for store in stores:
        begun(processes, site, store)
        for number in range(2):  # they are said once
            processes.give(task_of(number, site.add(f"{number}", b"abc")))
            processes.flush()
            assert answered(processes).other_way == [number]
    assert said() == [f"places of {stores[0].url}", "1 files", "1 files", f"places of {stores[1].url}", "1 files", "1 files"]


def test_files_are_handed_over_together(heard: tuple[Processes, Callable[[], list[str]]], site: Site, tmp_path: Path) -> None:
    processes, said = heard
    begun(processes, site, LocalStore(tmp_path / "central", create=True))
    task = task_of(0, site.add("a", b"abc"))
    for number in range(BATCH - 1):
        assert processes.has_room()
        processes.give((number, *task[1:]))
    assert said() == []
    processes.give((BATCH - 1, *task[1:]))
    assert answered(processes).other_way == list(range(BATCH))
    assert said()[1:] == [f"{BATCH} files"]


def test_reading_was_slow_if_one_answer_says_so(heard: tuple[Processes, Callable[[], list[str]]], site: Site, tmp_path: Path) -> None:
    processes, _ = heard
    begun(processes, site, LocalStore(tmp_path / "central", create=True))
    task = task_of(0, site.add("a", b"abc"))
    for number in range(3):
        processes.give((number, *task[1:]))
        if number:
            processes.flush()  # two files, then one
    assert answered(processes).slow
    processes.give((3, *task[1:]))
    processes.flush()
    assert not answered(processes).slow


def test_a_process_gets_no_more_than_it_may_have_ahead(deaf: Processes, site: Site, tmp_path: Path) -> None:
    deaf.open()
    begun(deaf, site, LocalStore(tmp_path / "central", create=True))
    task = task_of(0, site.add("a", b"abc"))
    for number in range(AHEAD):
        assert deaf.has_room()
        deaf.give((number, *task[1:]))
    assert not deaf.has_room()


def test_an_executor_with_processes_is_as_the_one_without() -> None:
    inner = Threads(3, 8)
    assisted = Assisted(inner, Processes(ENDS, 0))
    assert (assisted.threads, assisted.distant) == (inner.threads, False)
