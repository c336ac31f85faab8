"""A Dask scheduler and its workers, as processes of their own on loopback ports that the system chooses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chorus_gui.app.cluster import CONFIG_VARIABLE, OwnPlaces
from chorus_gui.core import job
from chorus_gui.core.errors import Cancelled, StoreError
from chorus_gui.core.storage.base import BlobInfo, Content
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.storage.retrying import RetryingStore

_QUIET = {
    "DASK_DISTRIBUTED__WORKER__MEMORY__TARGET": "false",
    "DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "60s",
}


class DaskProcesses:
    """``folder`` gets the logs of all processes; ``environ`` is added to the workers' environment; ``protocol``: tcp or tls."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None, protocol: str = "tcp") -> None:
        self.folder, self._protocol = folder, protocol
        self._environ = {**os.environ, **_QUIET, "PYTHONPATH": str(Path(__file__).parent), **(environ or {})}
        self._file = folder / "scheduler.json"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, workers: int = 3, *, threads: int = 2) -> None:
        """Start them, and wait for the scheduler's address; workers connect when they are up."""
        self._start("scheduler", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(self._file))
        for number in range(workers):
            self.start_worker(f"w{number}", threads=threads)

    def start_worker(self, name: str, *, threads: int = 2, environ: Mapping[str, str] | None = None) -> None:
        """Start another worker."""
        options = ("--scheduler-file", str(self._file), "--name", name, "--nthreads", str(threads), "--no-nanny", "--no-dashboard")
        place = ("--host", "127.0.0.1", "--local-directory", str(self.folder / name))
        self._start(name, "worker", *options, *place, environ={WORKER: name, **(environ or {})})

    def _start(self, name: str, kind: str, *args: str, environ: Mapping[str, str] | None = None) -> None:
        if (former := self.processes.get(name)) is not None:
            former.wait()
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "dask", kind, *args, "--protocol", self._protocol],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**self._environ, **(environ or {})},
            )

    @property
    def address(self) -> str:
        """The scheduler's."""
        while True:
            try:
                return str(json.loads(self._file.read_text("utf-8"))["address"])
            except (OSError, ValueError):
                assert self.processes["scheduler"].poll() is None, self.logs()
                time.sleep(0.02)

    def wait_for_workers(self, count: int) -> None:
        """Until so many workers are connected."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=120)

    def signal(self, name: str, number: int) -> None:
        """Send a signal to one of the processes."""
        self.processes[name].send_signal(number)

    def logs(self) -> str:
        """What all of them have written."""
        return "\n".join(file.read_text("utf-8", "replace") for file in self.folder.glob("*.log"))

    def heal(self, *names: str) -> None:
        """Continue these workers, start again those that have ended, and wait until all are connected."""
        for name in names:
            if self.processes[name].poll() is None:
                self.signal(name, signal.SIGCONT)
            else:
                self.start_worker(name)
        self.wait_for_workers(len(names))

    def stop(self) -> None:
        """End all of them."""
        for process in self.processes.values():
            if process.poll() is None:
                if os.name != "nt":
                    process.send_signal(signal.SIGCONT)
                process.kill()
        for process in self.processes.values():
            process.wait()


@contextmanager
def dask_processes(
    folder: Path, workers: int = 3, *, threads: int = 2, environ: Mapping[str, str] | None = None, protocol: str = "tcp"
) -> Iterator[DaskProcesses]:
    """Running processes with all workers connected; ended afterwards."""
    cluster = DaskProcesses(folder, environ, protocol)
    try:
        cluster.start(workers, threads=threads)
        cluster.wait_for_workers(workers)
        yield cluster
    finally:
        cluster.stop()


# --- in the workers ---------------------------------------------------------------------------------------------------

GATE, WORKER, CANARY = "CHORUS_TEST_GATE", "CHORUS_TEST_WORKER", "CHORUS_TEST_CANARY"


class GatedStore(LocalStore):
    """Says in the folder of the gate that its worker writes, and what it has heard of the job; waits there while its worker is held.

    With a canary, a write of a file with a name like ``…-bug…`` or ``…-refused…`` raises an error that shows it.
    """

    def put(self, path: str, data: Any, **options: Any) -> BlobInfo:
        self._pass_gate()
        canary = os.environ.get(CANARY, "")
        if "-bug" in path:
            raise RuntimeError(f"https://account.blob.example/box?sp=r&sig={canary} of AccountKey={canary}")
        if "-refused" in path:
            raise StoreError(f"refused: https://account.blob.example/box?sp=r&sig={canary}")
        return super().put(path, data, **options)

    def write(self, path: str, content: Content, **options: Any) -> BlobInfo:
        self._pass_gate()
        return super().write(path, content, **options)

    def _pass_gate(self) -> None:
        gate, name = Path(os.environ[GATE]), os.environ[WORKER]
        ctx = job.current()
        (gate / f"{name}.began").touch()
        while (gate / f"{name}.hold").exists():
            if ctx.cancelled:
                raise Cancelled
            (gate / f"{name}.heard-{'paused' if ctx.paused else 'runs'}-{ctx.limit.rate}").touch()
            time.sleep(0.02)


class GatedPlaces(OwnPlaces):
    """The worker's own places, with a gate before the store."""

    def find(self, name: Hashable) -> object:
        found = super().find(name)
        if isinstance(found, RetryingStore):
            central = self._workspace.config.central.folder
            assert central is not None
            return RetryingStore(GatedStore(central), found.outage)
        return found


def open_gated(file: str) -> OwnPlaces:
    """As :func:`chorus_gui.app.cluster.open_places`."""
    return GatedPlaces(Path(os.environ.get(CONFIG_VARIABLE) or file))
