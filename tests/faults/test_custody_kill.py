"""Killed at any moment of a check-out, of the work and of a check-in: neither journal is lost, nor the truth about them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from custody_driver import store_at
from custodyworld import LOCK, cloud_names, ctx, names, person

from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.cloud_journal import CloudJournal
from chorus_gui.core.custody.local_state import Phase, load
from chorus_gui.core.custody.recover import recover
from chorus_gui.core.custody.state import State
from chorus_gui.core.journal.store import Journal

TESTS = Path(__file__).parent.parent
DRIVER = Path(__file__).with_name("custody_driver.py")
STEPS = {"checkout": 0.45, "work": 0.15, "checkin": 0.3}
"""About how many seconds each takes."""


def strike(where: str, key: str, folder: Path, turn: int, step: str) -> tuple[str, int]:
    """Start, wait for a step and a random moment in it, kill; the step that it struck, and in which turn."""
    command = [sys.executable, str(DRIVER), where, key, str(folder), str(turn)]
    process = subprocess.Popen(
        command, cwd=TESTS.parent, env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    at = ""
    try:
        for line in process.stdout:
            at = line
            if line.split()[0] == step:
                break
        time.sleep(random.uniform(0, STEPS[step]))
    finally:
        process.kill()
        rest, _ = process.communicate()
    struck, struck_turn = (rest.splitlines() or [at])[-1].split()
    return struck, int(struck_turn)


def files(turns: range) -> set[str]:
    return {f"{turn}-{number}.dcm" for turn in turns for number in range(4)}


def check(home: CloudJournal, struck: str, turn: int) -> str:
    """What lies there after a kill, and after what the next start does about it; what had to be done."""
    checked_in = files(range(1, turn))  # every earlier turn was checked in, and said so
    in_cloud = cloud_names(home.store)
    assert checked_in <= (in_cloud or set())
    if home.local.exists():
        Journal.verify_file(home.local)
        recorded = names(home.local)
    else:
        recorded = set()
    if struck in ("checkin", "done"):
        assert files(range(turn, turn + 1)) <= recorded
    assert recorded >= checked_in or struck == "checkout"
    before = load(home.memory_file).phase
    state, offers = recover(home)
    if state.state is State.MINE:
        assert state.local == home.local
        assert len(offers) == 3
        checkin(home, ctx())
        assert cloud_names(home.store) == names(home.local) >= recorded
    else:
        assert (state.state, offers) == (State.NEW if in_cloud is None else State.FREE, [])
        assert recorded <= (cloud_names(home.store) or set())
    assert home.store.head(LOCK) is None
    return f"{before.value} → {state.state.value}"


def strike_often(where: str, key: str, folder: Path, times: int) -> None:
    """At least so often, and until each step was struck three times and both kinds of half-done work were met."""
    home = person(store_at(where, key), folder, readable=where.startswith("folder"))
    struck, found = Counter[str](), Counter[str]()
    turn = 1

    def enough() -> bool:
        halves = {text.partition(" ")[0] for text in found} >= {Phase.TAKING.value, Phase.RETURNING.value}
        return halves and all(struck[step] >= 3 for step in STEPS)

    for number in range(4 * times):
        if number >= times and enough():
            break
        step, last = strike(where, key, folder, turn, list(STEPS)[number % len(STEPS)])
        struck[step] += 1
        found[check(home, step, last)] += 1
        turn = last + 1 if files(range(last, last + 1)) <= (cloud_names(home.store) or set()) else last
    print(dict(struck), dict(found))
    assert enough(), (struck, found)


@pytest.mark.slow
def test_killed_with_a_journal_on_a_share(tmp_path):
    (tmp_path / "share").mkdir()
    strike_often(f"folder:{tmp_path / 'share'}", "", tmp_path / "anna", 15)


@pytest.mark.slow
def test_killed_with_a_journal_in_a_container(tmp_path, azurite):
    from azure.storage.blob import BlobServiceClient

    with BlobServiceClient(azurite.url, credential={"account_name": azurite.account, "account_key": azurite.key}) as service:
        service.create_container("custody-kill").close()
    strike_often(f"azure:{azurite.url} {azurite.account} custody-kill", azurite.key, tmp_path / "anna", 15)
