"""What a run of a program costs: seconds, seconds of the processor, memory."""

from __future__ import annotations

import contextlib
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Set:
    """Files that are delivered: how many, and the bytes of each."""

    name: str
    files: int
    size: int

    @property
    def bytes(self) -> int:
        return self.files * self.size

    def __str__(self) -> str:
        return f"{self.files:,} × {spelled(self.size)}"


@dataclass(frozen=True)
class Cost:
    """Of one run: seconds, seconds of the processor, bytes of memory at most."""

    wall: float
    cpu: float
    memory: int


def timed(command: Sequence[str], scratch: Path, env: Mapping[str, str], *, trusted: Path | None = None, secret: str = "") -> Cost:
    """Run it to its end; exit with what it said, without ``secret``, if it failed.  ``scratch`` is its home; ``trusted`` vouches for TLS."""
    trust = {name: str(trusted) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE") if trusted}
    keep = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP", "LANG") if name in os.environ}
    output = scratch / "output.txt"
    with output.open("wb") as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=ROOT, env={**keep, "HOME": str(scratch), **trust, **env}
        )
        memory = Memory(process.pid)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        text = output.read_text("utf-8", "replace")
        text = text.replace(secret, "TOKEN") if secret else text
        sys.exit(f"{Path(command[0]).name} failed with status {process.returncode}:\n{text[-3000:]}")
    return Cost(wall, used.ru_utime + used.ru_stime, memory.end())


class Memory:
    """The most memory that a process had.  What the system reports at its end counts this program's, too, from before it began."""

    def __init__(self, process: int) -> None:
        self._file = Path(f"/proc/{process}/status")
        self._most = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> int:
        """Bytes."""
        self._ended.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            with contextlib.suppress(OSError):
                found = re.search(r"VmHWM:\s*(\d+) kB", self._file.read_text("ascii"))
                self._most = max(self._most, int(found[1]) * 1024) if found else self._most


def spelled(size: int) -> str:
    """Bytes, as the sets are called."""
    return f"{size // 1024} KiB" if size < 100_000 else f"{size / 1e6:g} MB"


def median(costs: Sequence[Cost], what: str) -> float:
    return statistics.median(getattr(cost, what) for cost in costs)
