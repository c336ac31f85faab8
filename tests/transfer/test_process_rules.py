"""The rules of worker processes that need no file to be sent: how many there are, how often one is replaced, and how one ends."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sending import Site

from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.transfer import processes as module
from chorus_gui.core.transfer.processes import Processes, task_of

ENDS = [sys.executable, "-c", "pass"]
_SAYS_READY = (
    "import sys, time\n"
    "from chorus_gui.core.transfer.processes import packed, write_message\n"
    "write_message(sys.stdout.buffer, packed('ready'))\n"
    "time.sleep(300)"
)
DEAF = [sys.executable, "-c", _SAYS_READY]
"""Says that it is ready, and hears nothing: not even that its pipe ends."""


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
