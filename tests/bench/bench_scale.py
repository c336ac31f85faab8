"""What large sites and journals cost: ``python3 dev.py bench scale``.

Sites of sparse files and journals in both formats are made in memory (``/dev/shm``) or in a folder, measured at several sizes, and removed.
Each step runs in a process of its own, so its peak memory is its own.  The exponent says how the processor time of a step grows: 1 is linear.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import scale_data, scale_steps

SITES = (10_000, 100_000, 1_000_000)
JOURNALS = (100_000, 1_000_000, 10_000_000)
QUICK_SITES = (1_000, 10_000)
QUICK_JOURNALS = (10_000, 100_000)
NOT_MEASURED = 0.05
"""Processor seconds below which an exponent says nothing."""


@dataclass(frozen=True)
class Measured:
    """What one step took: seconds, processor seconds of all threads, MB of memory at its peak and before it began."""

    seconds: float
    work: float
    peak: float
    before: float
    facts: Mapping[str, Any]


def peak_mb() -> float:
    """The most memory that this process had, in MB; 0 where the system does not say (the table is made on Linux)."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def run_step(name: str, kind: str, folder: Path, count: int, schema: int) -> Measured:
    """In the process of the step: do it, and measure from where it begins."""
    began: list[float] = []
    bench = scale_steps.Bench(folder, count, schema, lambda: began.extend((time.perf_counter(), time.process_time(), peak_mb())), {})
    steps = scale_steps.OF_SITE if kind == "site" else scale_steps.OF_JOURNAL
    steps[name](bench)
    return Measured(time.perf_counter() - began[0], time.process_time() - began[1], peak_mb(), began[2], bench.facts)


def in_process(name: str, kind: str, folder: Path, count: int, schema: int) -> Measured:
    """Run a step in a process of its own."""
    environ = {**os.environ, "CHORUS_UPLOAD_HOME": str(folder / "home"), "SQLITE_TMPDIR": str(folder)}
    command = [
        sys.executable,
        __file__,
        "--step",
        name,
        "--kind",
        kind,
        "--folder",
        str(folder),
        "--count",
        str(count),
        "--schema",
        str(schema),
    ]
    done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"The step “{name}” failed for {count:,}.")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def exponent(smaller: tuple[int, float], larger: tuple[int, float]) -> float | None:
    """How processor time grows from one (count, seconds) to another: time is proportional to count to this power."""
    if min(smaller[1], larger[1]) < NOT_MEASURED:
        return None
    return math.log(larger[1] / smaller[1]) / math.log(larger[0] / smaller[0])


def line(name: str, count: int, found: Measured, growth: float | None) -> str:
    """A row of the table, in Markdown."""
    facts = ", ".join(f"{key}: {value}" for key, value in found.facts.items())
    power = "" if growth is None else f"{growth:.2f}"
    return f"| {name} | {count:,} | {found.seconds:.1f} | {found.work:.1f} | {found.peak:.0f} | {power} | {facts} |"


def measure(
    title: str, kind: str, make: Callable[[Path, int], None], counts: Sequence[int], args: argparse.Namespace, schema: int = 2
) -> None:
    """Make what is measured at each size, measure its steps, remove it, and print the table, a line as soon as it is known."""
    steps = scale_steps.OF_SITE if kind == "site" else scale_steps.OF_JOURNAL
    chosen = [name for name in steps if not args.only or name in args.only or name in args.need]
    print(
        f"\n{title}\n\n| step | how many | seconds | processor time, s | memory, MB | exponent | |\n|---|--:|--:|--:|--:|--:|---|",
        flush=True,
    )
    last: dict[str, tuple[int, float]] = {}
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="chorus-scale-", dir=args.place) as name:
            folder = Path(name).resolve()
            make(folder, count)
            for step in chosen:
                found = in_process(step, kind, folder, count, schema)
                print(line(step, count, found, exponent(last[step], (count, found.work)) if step in last else None), flush=True)
                last[step] = count, found.work


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, or (in the process of a step) be measured."""
    parser = argparse.ArgumentParser(description="what large sites and journals cost")
    parser.add_argument("--quick", action="store_true", help="smaller sizes")
    parser.add_argument(
        "--place", type=Path, default=Path("/dev/shm") if Path("/dev/shm").is_dir() else None, help="where everything is made"
    )
    parser.add_argument("--sites", type=int, nargs="*", help="how many files the sites have")
    parser.add_argument("--journals", type=int, nargs="*", help="how many entries the journals have")
    parser.add_argument("--only", nargs="+", default=[], metavar="STEP", help="only these steps")
    parser.add_argument("--need", nargs="+", default=["record"], metavar="STEP", help="with --only: steps that the others need")
    for option in ("--step", "--kind"):
        parser.add_argument(option, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--schema", type=int, default=2, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.step:
        print(json.dumps(vars(run_step(args.step, args.kind, args.folder, args.count, args.schema))))
        return 0
    sites = args.sites if args.sites is not None else QUICK_SITES if args.quick else SITES
    journals = args.journals if args.journals is not None else QUICK_JOURNALS if args.quick else JOURNALS
    if sites:
        measure("A site", "site", lambda folder, count: scale_data.make_site(folder / "site", count), sites, args)
    for schema in (2, 1) if journals else ():

        def make(folder: Path, count: int, schema: int = schema) -> None:
            scale_data.make_journal(folder / "journal.db", count, schema)

        measure(f"A journal in format {schema}", "journal", make, journals, args, schema)
    return 0


if __name__ == "__main__":
    sys.exit(main())
