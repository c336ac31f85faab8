"""An interrupted large file continues where it stopped, if the store keeps blocks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from memorystore import MemoryStore
from sending import Probe, Site, content, md5_hex, send

from chorus_gui.core.errors import Cancelled, StoreUnavailableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.storage.retry import RetryPolicy
from chorus_gui.core.transfer.blocks import block_id

ONCE = RetryPolicy(attempts=1)


def interrupted(site: Site, store: MemoryStore, after: int) -> None:
    """Send until ``after`` blocks are there, then fail."""
    ctx = JobContext()
    hooks = {(item.path, after): ctx.cancel for item in site.items}
    run = send(site.items, Probe(site.root, hooks), store, ctx=ctx, threads=1)
    assert isinstance(run.error, Cancelled)


def test_only_the_missing_blocks_are_sent_again(site: Site, store: MemoryStore):
    data = os.urandom(1030)
    site.add("a", data)
    interrupted(site, store, 12)
    there = len(store.list_staged("v/a"))
    assert 5 < there < 21
    store.calls.clear()
    run = send(site.items, site.root, store)
    assert run.error is None
    proof = run.proofs["a"]
    assert store.calls["stage_block"] == 21 - there
    assert (proof.reused_bytes, proof.sent_bytes) == (there * 50, 1030 - there * 50)
    assert proof.md5 == md5_hex(data)
    assert content(store, "v/a") == data
    assert run.count == (1, 1030, 0)


def test_blocks_whose_bytes_changed_are_sent_and_the_old_ones_dropped(site: Site, store: MemoryStore):
    data = bytearray(os.urandom(1000))
    site.add("a", bytes(data))
    store.fail_next("commit_blocks", StoreUnavailableError("gone"), 1)
    assert send(site.items, site.root, store, retry=ONCE).failures
    assert len(store.list_staged("v/a")) == 20
    data[120] ^= 1
    data[999] ^= 1
    site.items.clear()
    site.add("a", bytes(data))
    store.calls.clear()
    run = send(site.items, site.root, store)
    assert store.calls["stage_block"] == 2
    assert run.proofs["a"].reused_bytes == 900
    assert content(store, "v/a") == bytes(data)
    assert store.list_staged("v/a") == []


def test_a_staged_block_of_another_size_is_not_taken_for_ours(site: Site, store: MemoryStore):
    data = os.urandom(120)
    site.add("a", data)
    store.stage_block("v/a", block_id(0, 50, md5_hex(data[:50])), b"torn")
    run = send(site.items, site.root, store)
    assert run.proofs["a"].reused_bytes == 0
    assert content(store, "v/a") == data


def test_leftovers_of_another_tool_do_not_disturb(site: Site, store: MemoryStore):
    site.add("a", os.urandom(120))
    store.stage_block("v/a", "Z" * 64, b"something")
    assert send(site.items, site.root, store).error is None
    assert content(store, "v/a") == (site.root / "a").read_bytes()


@pytest.mark.parametrize("length", [1, 4, 24, 38, 39, 48, 63])
def test_leftovers_with_ids_of_another_length_do_not_block_a_file(site: Site, store: MemoryStore, length: int):
    data = os.urandom(120)
    site.add("a", data)
    for number in range(3):
        store.stage_block("v/a", f"{number:0{length}d}", b"something else that is left" * 2)
    run = send(site.items, site.root, store)
    assert run.error is None
    assert not run.failures
    assert content(store, "v/a") == data
    assert store.list_staged("v/a") == []
    assert run.proofs["a"].reused_bytes == 0


@pytest.mark.parametrize(("length", "reused"), [(48, 100), (8, 0)])
def test_beside_such_leftovers_an_interrupted_file_continues_where_ids_name_their_bytes(
    site: Site, store: MemoryStore, length: int, reused: int
):
    data = os.urandom(120)
    site.add("a", data)
    store.stage_block("v/a", "Z" * length, b"x")
    store.fail_next("commit_blocks", StoreUnavailableError("gone"), 1)
    assert send(site.items, site.root, store, retry=ONCE).failures
    run = send(site.items, site.root, store)
    assert content(store, "v/a") == data
    assert run.proofs["a"].reused_bytes >= reused


CHILD = """
import sys, time
from pathlib import Path
sys.path[:0] = sys.argv[1:3]
from sending import Site, send
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.transfer import stream

fill = stream.fill
def slowly(*given):
    time.sleep(0.02)
    return fill(*given)
stream.fill = slowly
site = Site(Path(sys.argv[3]))
site.add("a", Path(sys.argv[3], "a").read_bytes())
send(site.items, site.root, LocalStore(Path(sys.argv[4])))
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_after_a_kill_a_folder_has_nothing_of_the_file_and_takes_it_from_the_beginning(site: Site, tmp_path: Path):
    data = os.urandom(40_000_000)
    central = tmp_path / "central"
    central.mkdir()
    (site.root / "a").write_bytes(data)
    here = Path(__file__).parent
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(here), str(here.parent.parent), str(site.root), str(central)])
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and child.poll() is None:
            if any(file.stat().st_size > 2_000_000 for file in (central / ".chorus-staging" / "put").glob("*")):
                break
            time.sleep(0.001)
        child.send_signal(signal.SIGKILL)
        assert child.wait(10) == -signal.SIGKILL
    finally:
        child.kill()
        child.wait()
    assert not (central / "v" / "a").exists()
    store = LocalStore(central)
    assert list(store.list()) == []
    site.add("a", data)
    run = send(site.items, site.root, store)
    assert run.error is None
    assert (run.proofs["a"].reused_bytes, run.proofs["a"].sent_bytes) == (0, len(data))
    assert (central / "v" / "a").read_bytes() == data
