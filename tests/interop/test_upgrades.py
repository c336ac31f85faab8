"""A new version continues what an old one left, and the old one what the new one left, or says why not.

The old version is the program as it was on 27 November 2026, taken from the project's own history.
"""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from world import World

ROOT = Path(__file__).resolve().parents[2]
OLD = "453ec10cd0394a0e5c6a8bd5c4fd475571be29d9"
LARGE = 40_000_000
HELD = "1002/Images/held.dcm"
SEND_SLOWLY = """
import sys, time
from chorus_gui.core.storage.local import LocalStore
if hasattr(LocalStore, "write"):
    from chorus_gui.core.transfer import stream
    fill = stream.fill
    def slowly(*given):
        time.sleep(0.05)
        return fill(*given)
    stream.fill = slowly
else:
    stage = LocalStore.stage_block
    def slowly(self, *given, **options):
        time.sleep(0.3)
        return stage(self, *given, **options)
    LocalStore.stage_block = slowly
from chorus_gui.cli.main import main
raise SystemExit(main(sys.argv[1:], own_process=True))
"""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The old version's files."""
    try:
        packed = subprocess.run(["git", "archive", OLD, "chorus_gui", "resources"], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this copy of the project has no history")
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


@dataclass
class Site:
    """A site whose journal is kept on a share, and this computer's own folder."""

    world: World
    home: Path
    old: Path

    def run(self, version: str, *command: str, expect: tuple[int, ...] = (0,)) -> str:
        """Run a command of the "old" or the "new" version; its standard output and error."""
        done = subprocess.run(self._words(*command), capture_output=True, text=True, timeout=120, check=False, **self._options(version))
        said = done.stdout + done.stderr
        assert "program error" not in said, said
        assert "Traceback" not in said, said
        assert done.returncode in expect, said
        return said

    def interrupt(self, version: str, *command: str) -> None:
        """Kill a command while it sends the large file."""
        words = [sys.executable, "-c", SEND_SLOWLY, *self._words(*command)[3:]]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._options(version))
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None and not self._parts():
            time.sleep(0.05)
        time.sleep(0.7)
        process.kill()
        process.wait()
        assert self._parts(), "it was not in the middle of the large file"

    def _parts(self) -> list[Path]:
        """What an unfinished upload has left in the store."""
        return [file for file in self.world.central.rglob("*") if file.is_file() and file.stat().st_size and ".chorus" in file.as_posix()]

    def _words(self, *command: str) -> list[str]:
        return [sys.executable, "-m", "chorus_gui.cli", "-c", str(self.world.file), *command]

    def _options(self, version: str) -> dict[str, Any]:
        code = str(self.old if version == "old" else ROOT)
        env = {**os.environ, "CHORUS_UPLOAD_HOME": str(self.home), "PYTHONPATH": code, "PYTHONSAFEPATH": "1"}
        return {"env": env, "cwd": self.world.base, "stdin": subprocess.DEVNULL}

    def check(self, *, complete: bool) -> None:
        """What the journal says is true; ``complete``: everything but the held file is there."""
        self.world.check_truth()
        if complete:
            there = {path for path, row in self.world.active().items() if row.uploaded}
            site = {file.relative_to(self.world.site).as_posix() for file in self.world.site.rglob("*") if file.is_file()}
            assert there == site - {HELD}
            assert not (self.world.base / "share" / "journal.db.locked").exists()


@pytest.fixture
def site(tmp_path: Path, old: Path) -> Site:
    world = World(tmp_path)
    (tmp_path / "share").mkdir()
    world.file.write_text(
        f'{world.file.read_text("utf-8")}[journal.source]\npath = "{(tmp_path / "share" / "journal.db").as_posix()}"\n', "utf-8"
    )
    for number in range(12):
        world.put(f"{1000 + number % 3}/Images/{number}.dcm", f"content {number}")
    world.put(HELD, "not yet")
    return Site(world, tmp_path / "home", old)


@pytest.mark.parametrize("version", ["old", "new"])
def test_each_version_runs_its_own_code(site: Site, version: str) -> None:
    words = [sys.executable, "-c", "import chorus_gui; print(chorus_gui.__file__)"]
    found = subprocess.run(words, capture_output=True, text=True, check=True, **site._options(version)).stdout.strip()
    assert Path(found).is_relative_to(site.old if version == "old" else ROOT)


@pytest.mark.parametrize(("first", "then"), [("old", "new"), ("new", "old")], ids=["upgrade", "back"])
def test_an_interrupted_upload_is_continued_by_the_other_version(site: Site, first: str, then: str) -> None:
    site.run(first, "hold", "add", "--file", HELD, "--reason", "consent")
    site.run(first, "submit", "--yes", "--version", "v1")
    site.world.put("1001/Waveforms/large.dat", random.Random(1).randbytes(LARGE))
    site.interrupt(first, "submit", "--yes", "--version", "v2")
    site.check(complete=False)
    said = site.run(then, "status", expect=(0, 1, 3, 4))
    assert said
    site.run(then, "submit", "--yes", "--version", "v2")
    site.check(complete=True)


@pytest.mark.parametrize(("first", "then"), [("old", "new"), ("new", "old")], ids=["upgrade", "back"])
def test_a_check_out_a_review_and_holds_are_taken_over(site: Site, first: str, then: str) -> None:
    site.run(first, "hold", "add", "--file", HELD, "--reason", "consent")
    site.run(first, "submit", "--yes", "--version", "v1")
    site.run(first, "journal", "checkout")
    site.world.put("1001/Images/new.dcm", "new")
    site.run(first, "scan", expect=(0, 1))
    site.run(first, "journal", "update", "--version", "v2")
    assert "consent" in site.run(then, "hold", "list")
    site.run(then, "file", "upload")
    site.run(then, "journal", "checkin", expect=(0, 2))  # the upload may have checked it in
    site.run(then, "file", "verify", "--all")
    site.check(complete=True)
    site.run(then, "hold", "release", "--file", HELD)
    assert HELD not in site.run(first, "hold", "list")


@pytest.mark.parametrize(("first", "then"), [("old", "new"), ("new", "old")], ids=["upgrade", "back"])
def test_what_the_program_remembers_is_read(site: Site, first: str, then: str) -> None:
    """Receipts, history, trusted hosts, the results of a verification."""
    site.run(first, "submit", "--yes", "--version", "v1")
    site.run(first, "file", "verify", "--all")
    site.run(first, "--trust-host", "store.example.org", "journal", "list")
    history = json.loads(site.run(then, "history", "--json"))
    assert len(history) >= 1
    status = json.loads(site.run(then, "status", "--json", expect=(0, 1, 3, 4)))
    assert status
    assert "store.example.org" in (site.home / "config" / "trusted-hosts.toml").read_text("utf-8")
    site.run(then, "doctor", expect=(0, 1))
    site.run(then, "submit", "--yes")
