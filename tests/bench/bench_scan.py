"""What a scan costs, against what the disk makes anybody pay: ``python3 dev.py bench scan``.

A made-up site of many small files is walked, hashed and scanned; the best of some rounds counts, with the rounds of all
measurements taken in turns, so that a busy moment of the machine hits them alike.  Start-up is not in the numbers.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from chorus_gui.core.config.model import Config, JournalPlaces, Layout, Place, PlaceKind, Site, UploadMethod
from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import MODALITIES, ChangeKind, Mode, Problem, SourceFile
from chorus_gui.core.pattern import DEFAULTS, Pattern
from chorus_gui.core.review.approval import approve
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Reviewed
from chorus_gui.core.scan.digest import digest_many
from chorus_gui.core.scan.scan import scan
from chorus_gui.core.storage.base import UnwantedFile
from chorus_gui.core.storage.open import Sources, open_source
from chorus_gui.core.submission.review_site import review_site
from chorus_gui.core.submission.run_result import RunResult
from chorus_gui.core.submission.submit import Approved, record
from chorus_gui.core.submission.work import Work

FILES_A_PATIENT = 50


@dataclass(frozen=True)
class Bench:
    """The site that is measured, and how many files it has."""

    config: Config
    root: Path
    files: int


@dataclass(frozen=True)
class Measurement:
    """``run`` is timed, ``prepare`` before each round is not.  The ratio is to ``against``; ``aim`` the most it should be."""

    name: str
    run: Callable[[Bench], object]
    against: str = ""
    aim: float | None = None
    prepare: Callable[[Bench], object] = lambda _: None


class Nowhere:
    """A sink that forgets everything but the number of files."""

    def __init__(self) -> None:
        self.count = 0

    def files(self, files: Sequence[SourceFile]) -> None:
        self.count += len(files)

    def unmatched(self, root: str, files: Sequence[UnwantedFile]) -> None:
        raise AssertionError(f"{files[0].name} is unmatched")

    def problem(self, problem: Problem) -> None:
        raise AssertionError(problem.cause)


def bare_walk(folder: str | Path) -> int:
    """Every folder listed, every file looked at, nothing kept."""
    count = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                count += bare_walk(entry.path)
            else:
                entry.stat()
                count += 1
    return count


def bare_walk_and_hash(folder: str | Path) -> int:
    """The same, and every file read and hashed in one loop."""
    count = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                count += bare_walk_and_hash(entry.path)
            else:
                entry.stat()
                with open(entry.path, "rb") as file:
                    hashlib.md5(file.read(), usedforsecurity=False).hexdigest()
                count += 1
    return count


def scan_alone(bench: Bench) -> None:
    """Our scan, into a sink that forgets."""
    sink = Nowhere()
    scan(bench.config, MODALITIES, sink, JobContext(), Sources(bench.config, open_source))
    assert sink.count == bench.files


def scan_and_hash(bench: Bench) -> None:
    """Our scan, then our hashing of all that it found."""

    class Keep(Nowhere):
        def files(self, files: Sequence[SourceFile]) -> None:
            kept.extend(files)

    kept: list[SourceFile] = []
    sources = Sources(bench.config, open_source)
    scan(bench.config, MODALITIES, Keep(), JobContext(), sources)
    assert sum(isinstance(md5, str) for _, md5, _ in digest_many(kept, sources, JobContext(), Threads(bench.config.threads))) == bench.files


def review(bench: Bench, journal: Journal) -> Reviewed:
    """Scan, compare, staged for a person."""
    return review_site(work(bench, journal))


def work(bench: Bench, journal: Journal) -> Work:
    """What the steps work on."""
    return Work(bench.config, journal, JobContext(), Sources(bench.config, open_source), RunResult())


def forget(bench: Bench) -> None:
    """No journal yet."""
    for file in bench.config.journal.local.parent.glob("*journal.db*"):
        shutil.rmtree(file) if file.is_dir() else file.unlink()


def record_all(bench: Bench) -> None:
    """A first submission, recorded: scan, compare, approve, hash, enter."""
    with Journal.open(bench.config.journal.local, create=True) as journal, Staging.open(review(bench, journal).path) as staging:
        done = work(bench, journal)
        record(done, Approved(staging, approve(staging, journal, "v1")))
    assert sum(tally.files for kinds in done.log.entered.values() for tally in kinds.values()) == bench.files


def find_unchanged(bench: Bench) -> None:
    """The scan after it: nothing has changed."""
    with Journal.open(bench.config.journal.local) as journal:
        found = review(bench, journal).summary
    assert found.total(ChangeKind.UNCHANGED).files == bench.files


def recorded(bench: Bench) -> None:
    """A journal that knows every file."""
    if not bench.config.journal.local.exists():
        record_all(bench)


def uploaded(bench: Bench) -> None:
    """A journal that knows every file, and that each was uploaded: what a site has on most days."""
    recorded(bench)
    with closing(sqlite3.connect(bench.config.journal.local)) as journal, journal:
        journal.execute("INSERT OR IGNORE INTO uploads (id, UPLOAD_DT) VALUES (1, '20260101000000')")
        journal.execute("UPDATE journal_v2 SET UPLOAD_DT_ID = 1")


BARE, HASH = "bare walk", "bare walk + hash"
MEASUREMENTS = [
    Measurement(BARE, lambda bench: bare_walk(bench.root)),
    Measurement(HASH, lambda bench: bare_walk_and_hash(bench.root)),
    Measurement("scan alone", scan_alone, against=BARE),
    Measurement("scan + hash", scan_and_hash, against=HASH),
    Measurement("recording", record_all, against=HASH, aim=3.5, prepare=forget),
    Measurement("finding unchanged", find_unchanged, against=BARE, aim=4, prepare=recorded),
    Measurement("the same, uploaded", find_unchanged, against=BARE, aim=4, prepare=uploaded),
]


def make_bench(folder: Path, files: int, size: int) -> Bench:
    """Write the site below ``folder``: patients with a folder of waveforms each."""
    root = folder / "site"
    for number in range(files):
        patient = root / str(1_000_000 + number // FILES_A_PATIENT) / "Waveforms"
        if number % FILES_A_PATIENT == 0:
            patient.mkdir(parents=True)
        (patient / f"record_{number % FILES_A_PATIENT:04}.dat").write_bytes(number.to_bytes(8, "big") * (size // 8))
    place = Place(PlaceKind.FOLDER, str(root), root)
    sites = {name: Site(name, place, Pattern.parse(DEFAULTS[name])) for name in MODALITIES}
    store = folder / "store"
    config = Config(
        folder / "config.toml",
        Layout.NESTED,
        MODALITIES,
        Mode.FULL,
        1000,
        os.cpu_count() or 1,
        UploadMethod.BUILTIN,
        JournalPlaces(folder / "journal.db"),
        Place(PlaceKind.FOLDER, str(store), store),
        sites,
    )
    return Bench(config, root, files)


CLOCK_TICK_S = 0.0156
"""What Windows counts the work of a process in."""


class Seconds(NamedTuple):
    """The best of some rounds: by the clock, and processor time of all threads, which a busy machine changes less."""

    clock: float
    work: float


def measure(bench: Bench, measurements: Sequence[Measurement], rounds: int) -> dict[str, Seconds]:
    """Name → the best of so many rounds."""
    best = {measurement.name: Seconds(float("inf"), float("inf")) for measurement in measurements}
    for _ in range(rounds):
        for measurement in measurements:
            measurement.prepare(bench)
            began, worked = time.perf_counter(), time.process_time()
            measurement.run(bench)
            clock, work = best[measurement.name]
            best[measurement.name] = Seconds(min(clock, time.perf_counter() - began), min(work, time.process_time() - worked))
    return best


def main(argv: Sequence[str] | None = None) -> int:
    """Make the site, measure, print the table."""
    parser = argparse.ArgumentParser(description="what a scan costs")
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=4096, help="bytes of each file")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts")
    parser.add_argument("--folder", type=Path, help="where the site is made for the time of the run (the disk is measured too)")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="chorus-bench-", dir=args.folder) as folder:
        bench = make_bench(Path(folder).resolve(), args.files, args.size)
        os.environ["CHORUS_UPLOAD_HOME"] = str(Path(folder).resolve() / "home")
        best = measure(bench, MEASUREMENTS, args.rounds)
        start_up = min(start_up_seconds() for _ in range(args.rounds + 2))
    print(f"{args.files:,} files of {args.size:,} bytes, best of {args.rounds}")
    for measurement in MEASUREMENTS:
        found = best[measurement.name]
        line = f"{measurement.name:<20}{found.clock:>9.3f} s{found.work:>9.3f} s of work"
        if measurement.against:
            against = best[measurement.against]
            line += f"{found.clock / against.clock:>8.2f} and {found.work / (against.work or CLOCK_TICK_S):.2f} × {measurement.against}"
        if measurement.aim is not None:
            line += f"  (aim: at most {measurement.aim:g})"
        print(line)
    print(f"{'start-up':<20}{start_up:>9.3f} s  (chorus-upload --version; aim: at most 0.3)")
    return 0


def start_up_seconds() -> float:
    """How long the console program takes to say its version, Python's own start included."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "chorus_gui.cli", "--version"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
