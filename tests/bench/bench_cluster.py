"""One machine against three workers of a cluster, over a store that answers late and takes so many bytes a second from each.

``python3 dev.py bench cluster [--small N] [--large N] [--rate BYTES] [--rounds N]``

Every process has a store of its own, into which it may write ``--rate`` bytes a second, and which answers each request after 20 ms: a
machine with a line of its own.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Hashable
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from clusterworld import dask_processes
from world import World, ran

from chorus_gui.app import cluster as app_cluster
from chorus_gui.app.cluster import OwnPlaces
from chorus_gui.app.options import SubmitOptions
from chorus_gui.app.review import Reviewing
from chorus_gui.app.submit import submit
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.job import JobContext
from chorus_gui.core.limit import Limit
from chorus_gui.core.storage.base import BlobInfo
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.storage.retrying import RetryingStore

RATE, DELAY = "CHORUS_BENCH_RATE", "CHORUS_BENCH_DELAY"
WORKERS = 3
SMALL, LARGE = 50_000, 12_000_000


@cache
def line() -> Limit:
    """The line of this process, which all its stores share."""
    return Limit(int(os.environ[RATE]))


class FarStore(LocalStore):
    """Answers after a while, and takes so many bytes a second from this process."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._delay = float(os.environ[DELAY])

    def _travel(self, size: int) -> None:
        time.sleep(self._delay + line().reserve(size) + size / int(os.environ[RATE]))  # until its last byte has left

    def put(self, path: str, data: Any, **options: Any) -> BlobInfo:
        """After the data has travelled."""
        self._travel(len(data))
        return super().put(path, data, **options)

    def write(self, path: str, content: Any, **options: Any) -> BlobInfo:
        """As :meth:`put`, of a large file."""
        self._travel(content.size)
        return super().write(path, content, **options)


class FarPlaces(OwnPlaces):
    """A worker's own places, with that store."""

    def find(self, name: Hashable) -> object:
        """As of its base."""
        found = super().find(name)
        folder = self._workspace.config.central.folder
        return RetryingStore(FarStore(folder), found.outage) if isinstance(found, RetryingStore) and folder is not None else found


def open_far(file: str) -> OwnPlaces:
    """What a worker of this benchmark opens."""
    return FarPlaces(Path(file))


class FarWorkspace(Workspace):
    """The workspace of one machine, with that store."""

    def store(self) -> RetryingStore:
        """One for the whole run."""
        found = super().store()
        assert isinstance(found, RetryingStore)
        folder = self.config.central.folder
        if folder is not None and not isinstance(found.inner, FarStore):
            found.inner = FarStore(folder)
        return found


def seconds(base: Path, count: int, size: int, address: str) -> float:
    """Of sending so many files, from the first to the last: with the workers at ``address``, or from this process."""
    world = World(base, page_size=1000)
    if address:
        world.file.write_text(world.file.read_text("utf-8").replace("num_threads", f'cluster = "{address}"\nnum_threads'), "utf-8")
    content = os.urandom(size)
    for number in range(count):
        world.put(f"{number % 50}/Images/{number}.dcm", number.to_bytes(4, "big") + content[4:])
    began: list[float] = []
    ctx = JobContext()

    class Timed(Reviewing):
        def confirm(self, review: Any) -> None:
            began.append(time.monotonic())

    workspace = Workspace(world.config) if address else FarWorkspace(world.config)
    done = ran(submit(workspace, ctx, SubmitOptions(version="v1"), Timed()))
    used = time.monotonic() - began[0]
    assert (done.log.sent.files, done.log.failures) == (count, [])
    return used


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", type=int, default=3000, help=f"number of files of {SMALL:,} bytes")
    parser.add_argument("--large", type=int, default=9, help=f"number of files of {LARGE:,} bytes")
    parser.add_argument("--rate", type=int, default=4_000_000, help="bytes a second of one process")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    app_cluster.open_places = open_far
    os.environ.update({RATE: str(args.rate), DELAY: "0.02"})
    print(f"{args.rate / 1e6:.0f} MB/s for each process, 20 ms for each request; medians of {args.rounds} rounds, seconds")
    print("| files | one machine | three workers | gain |\n|---|--:|--:|--:|")
    environ = {
        RATE: str(args.rate),
        DELAY: "0.02",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])]),
    }
    with tempfile.TemporaryDirectory() as folder, dask_processes(Path(folder) / "dask", WORKERS, environ=environ) as running:
        for count, size in ((args.small, SMALL), (args.large, LARGE)):
            alone: list[float] = []
            together: list[float] = []
            for number in range(args.rounds):
                alone.append(seconds(Path(folder) / f"{size}a{number}", count, size, ""))
                together.append(seconds(Path(folder) / f"{size}b{number}", count, size, running.address))
            one, three = median(alone), median(together)
            print(f"| {count:,} × {size / 1e6:g} MB | {one:.1f} | {three:.1f} | {one / three:.2f} × |", flush=True)


if __name__ == "__main__":
    from bench_cluster import main as main_of_module  # not as __main__: what is pickled has to be found by its name

    main_of_module()
