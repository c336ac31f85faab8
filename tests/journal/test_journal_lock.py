"""Two writers, crashes, kills: real processes."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from chorus_gui.core.errors import Cancelled, JournalBusyError, JournalError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.store import Journal

ROOT = Path(__file__).parent.parent.parent

HOLD = """
import sys
from pathlib import Path
from chorus_gui.core.journal.store import Journal
with Journal.open(Path(sys.argv[1]), purpose="uploading 12 files"):
    print("held", flush=True)
    sys.stdin.readline()
"""

COMMIT = """
import sys, time
from pathlib import Path
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Action, Entry
def entries():
    for i in range(60000):
        yield Entry(Action.ENTER, "Images", f"{i % 500}/Images/{i}.dcm", size=1, mtime_us=1, md5="0" * 32, version="v9")
    print("half", flush=True)
    time.sleep(60)
with Journal.open(Path(sys.argv[1])) as journal:
    journal.commit(entries())
"""


def start(script: str, path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() in {"held", "half"}
    return process


def stop(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_the_second_process_is_told_who_works(sample):
    path = sample(2, "upload_1")
    process = start(HOLD, path)
    try:
        with pytest.raises(JournalBusyError, match="uploading 12 files") as caught:
            Journal.open(path)
        assert f"process {process.pid}" in caught.value.holder
        with Journal.open(path, readonly=True) as journal:
            assert len(list(journal.rows())) == 15
        threading.Timer(0.3, lambda: process.stdin.write("\n") and process.stdin.flush()).start()  # type: ignore[union-attr]
        with Journal.open(path, wait=20):
            pass
        assert not path.with_name(".journal.db.inuse.json").exists()
    finally:
        stop(process)


def test_a_killed_holder_keeps_nobody_out(sample):
    path = sample(2, "upload_1")
    process = start(HOLD, path)
    process.kill()
    process.communicate()
    assert json.loads(path.with_name(".journal.db.inuse.json").read_text())["pid"] == process.pid
    with Journal.open(path) as journal, pytest.raises(JournalBusyError) as caught:
        Journal.open(journal.path)
    assert f"process {os.getpid()}" in caught.value.holder


def test_waiting_can_be_cancelled(sample):
    path = sample(2, "upload_1")
    ctx = JobContext()
    with Journal.open(path):
        threading.Timer(0.1, ctx.cancel).start()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            Journal.open(path, wait=30, ctx=ctx)
        assert time.monotonic() - began < 5
        with pytest.raises(JournalBusyError):
            Journal.open(path, wait=0.15)


def test_a_note_that_cannot_be_read_names_nobody(sample):
    path = sample(2, "upload_1")
    with Journal.open(path):
        path.with_name(".journal.db.inuse.json").write_text("{")
        with pytest.raises(JournalBusyError, match="another process"):
            Journal.open(path)


def test_a_failed_open_leaves_no_lock(sample):
    path = sample(2, "upload_1")
    content = path.read_bytes()
    path.write_bytes(b"junk" * 2000)
    with pytest.raises(JournalError):
        Journal.open(path)
    path.write_bytes(content)
    with Journal.open(path) as journal:
        journal.close()
        with Journal.open(path):
            pass


def test_a_lock_that_cannot_be_made_is_explained(sample):
    path = sample(2, "upload_1")
    path.with_name(".journal.db.inuse").mkdir()
    with pytest.raises(JournalError, match="Could not lock the journal"):
        Journal.open(path)


@pytest.mark.parametrize("readonly", [True, False])
@pytest.mark.parametrize("schema", [1, 2])
def test_a_kill_in_the_middle_of_a_commit(sample, dump, tmp_path, schema, readonly):
    path = sample(schema, "upload_2")
    before = dump(path)
    process = start(COMMIT, path)
    process.kill()
    process.communicate()
    assert path.with_name("journal.db-journal").stat().st_size > 0
    assert path.stat().st_size > 1_000_000, "nothing had reached the file, so nothing was tested"
    with Journal.open(path, readonly=readonly) as journal:
        assert len(list(journal.rows())) == 20
    assert not path.with_name("journal.db-journal").exists()
    Journal.verify_file(path)
    assert dump(path) == before
