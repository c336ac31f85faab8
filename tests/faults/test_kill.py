"""Killed at any moment, the journal says nothing but the truth, and the next run finishes the work without doing any of it twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from world import World

from chorus_gui.core.journal.store import Journal

DRIVER = Path(__file__).with_name("kill_driver.py")
FILES, STRIKES = 300, 20


def start(world: World, record: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(DRIVER), "0.008", str(record), "-c", str(world.file), *arguments]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def uploaded(world: World) -> set[str]:
    return (
        {world.config.store_path(r.modality, r.path, r.version) for r in world.rows(active=True) if r.uploaded}
        if world.journal.exists()
        else set()
    )


def sent(record: Path) -> list[str]:
    return record.read_text("utf-8").split() if record.exists() else []


@pytest.mark.slow
@pytest.mark.parametrize("recorded", [False, True], ids=["submit", "upload"])
def test_sigkill_at_random_moments(tmp_path: Path, recorded: bool) -> None:
    chance = random.Random(20)
    struck = rounds = 0
    while struck < STRIKES // 2:  # half of them while submitting, half while uploading what was recorded
        rounds += 1
        assert rounds < 60, f"only {struck} kills struck between the first and the last file"
        world = World(tmp_path / f"round{rounds}", page_size=40)
        for number in range(FILES):
            world.put(f"{number % 7}/Waveforms/{number}.dat", f"content of {number}")
        world.put("8/Waveforms/large.dat", random.Random(1).randbytes(20_000_000))
        arguments = ("submit", "--yes", "--version", "v1")
        if recorded:
            world.run("record", version="v1")
            arguments = ("file", "upload")
        for attempt in range(3):
            before, record = uploaded(world), tmp_path / f"sent-{rounds}-{attempt}.txt"
            process = start(world, record, *arguments)
            try:
                while process.poll() is None and not sent(record):
                    time.sleep(0.005)
                time.sleep(chance.uniform(0, 0.35))
                running = process.poll() is None
                process.send_signal(signal.SIGKILL)
            finally:
                process.wait()
            Journal.verify_file(world.journal)
            world.check_truth()
            landed = uploaded(world)
            if running and sent(record) and len(landed) < FILES + 1:
                struck += 1
            assert not before & set(sent(record)), "what was recorded as uploaded was sent again"
            assert before <= landed
        before, record = uploaded(world), tmp_path / f"last-{rounds}.txt"
        assert start(world, record, *arguments).wait(timeout=120) == 0
        assert not before & set(sent(record))
        assert len(uploaded(world)) == FILES + 1
        world.check_truth()
